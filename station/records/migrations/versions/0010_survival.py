"""survival: stores, several machines, what the house watches of itself"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of this version are added here."""
    # Due days are derived since this version, not only those that are printed: the queue looks again at what is not paid.
    paid = "SELECT document_id FROM invoice_state WHERE state IN ('paid', 'refused', 'cancelled')"
    op.execute(f"UPDATE review SET seen = 0 WHERE stage <> 'gone' AND document_id NOT IN ({paid})")  # noqa: S608 words of ours
    op.add_column("worker", sa.Column("host", sa.String(80), nullable=False, server_default=""))
    op.add_column("supplier", sa.Column("added_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "accounting_word",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_accounting_word_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounting_word")),
    )
    op.create_index(op.f("ix_accounting_word_entity"), "accounting_word", ["entity"])
    op.create_index(op.f("ix_accounting_word_document_id"), "accounting_word", ["document_id"])
    op.create_table(
        "backup_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_run")),
    )
    op.create_index(op.f("ix_backup_run_started_at"), "backup_run", ["started_at"])
    op.create_table(
        "store_lock",
        sa.Column("room", sa.String(length=10), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("until", sa.String(length=10), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("room", "sha256", name=op.f("pk_store_lock")),
    )
    op.create_table(
        "tally",
        sa.Column("hour", sa.String(13), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("label", sa.String(120), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "name", "label", name=op.f("pk_tally")),
    )
    op.create_table(
        "gauge",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("label", sa.String(120), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name=op.f("pk_gauge")),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("object", sa.String(120), nullable=False),
        sa.Column("measured", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(op.f("ix_alert_ended_at"), "alert", ["ended_at"])
    op.create_index(op.f("ix_alert_cleared_at"), "alert", ["cleared_at"])
    op.add_column("customer", sa.Column("terms", sa.String(20), nullable=False, server_default=""))
    op.create_table(
        "rate_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(60), nullable=False),
        sa.Column("half", sa.String(7), nullable=False),
        sa.Column("ecb", sa.String(6), nullable=False),
        sa.Column("ecb_since", sa.String(10), nullable=False),
        sa.Column("ecb_source", sa.String(300), nullable=False),
        sa.Column("ecb_grade", sa.String(12), nullable=False),
        sa.Column("legal", sa.String(6), nullable=False),
        sa.Column("persons", sa.String(6), nullable=False),
        sa.Column("legal_source", sa.String(300), nullable=False),
        sa.Column("legal_grade", sa.String(12), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(32), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_row")),
    )
    op.create_index(op.f("ix_rate_row_entity"), "rate_row", ["entity"])
    _add_letters()
    _add_indexes()


def _add_indexes() -> None:
    """What is asked every few seconds must not walk through all that is kept."""
    op.create_index("ix_document_standing", "document", ["state", "received_at"])
    op.create_index("ix_document_received", "document", ["received_at"])
    troubled = sa.text("problem IS NOT NULL")
    op.create_index("ix_document_problem", "document", ["problem"], sqlite_where=troubled, postgresql_where=troubled)
    op.create_index("ix_archive_stamp_ends", "archive", ["stamp_ends"])
    op.create_index("ix_archive_stamped_with", "archive", ["stamped_with"])
    op.create_index("ix_arrival_station", "arrival", ["station", "arrived_at"])
    op.create_index("ix_review_submitted", "review", ["done_at"])
    unseen = sa.text("seen <= 0")
    for table in ("review", "invoice_state", "circuit_watch"):
        op.create_index(f"ix_{table}_again", table, ["seen"], sqlite_where=unseen, postgresql_where=unseen)
    said = sa.text("source = 'person'")
    op.create_index("ix_field_said", "field", ["id"], sqlite_where=said, postgresql_where=said)
    once, again = sa.text("duplicate IS 1"), sa.text("duplicate IS true")
    op.create_index("ix_arrival_again", "arrival", ["id"], sqlite_where=once, postgresql_where=again)
    lying = sa.text("emptied_at IS NULL AND moved_to <> ''")
    op.create_index("ix_arrival_lying", "arrival", ["arrived_at"], sqlite_where=lying, postgresql_where=lying)


def _add_letters() -> None:
    """Reminders of several invoices in one letter, and ladders by version."""
    moment = sa.DateTime(timezone=True)
    op.add_column("sending", sa.Column("letter", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_sending_letter"), "sending", ["letter"])
    op.create_table(
        "ladder_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(60), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("meaning", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("active_from", moment, nullable=True),
        sa.Column("activated_by", sa.String(32), nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("refused_by", sa.String(32), nullable=True),
        sa.Column("refused_at", moment, nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ladder_version")),
        sa.UniqueConstraint("entity", "number", name=op.f("uq_ladder_version_entity")),
    )
