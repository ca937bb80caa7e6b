"""batches, desks, passports, tolerances, mailboxes and erasures"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mailbox_cursor",
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("station", "account", name=op.f("pk_mailbox_cursor")),
    )
    op.create_table(
        "probe",
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("readable", sa.Boolean(), nullable=False),
        sa.Column("writable", sa.Boolean(), nullable=False),
        sa.Column("movable", sa.Boolean(), nullable=False),
        sa.Column("notified", sa.Boolean(), nullable=False),
        sa.Column("network", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("station", name=op.f("pk_probe")),
    )
    op.create_table(
        "tolerance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=32), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tolerance")),
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["original.sha256"], name=op.f("fk_mail_sha256_original")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
    )
    op.create_index(op.f("ix_mail_fingerprint"), "mail", ["fingerprint"], unique=False)
    op.create_index("ix_mail_number", "mail", ["station", "account", "uidvalidity", "uid"], unique=False)
    op.create_index(op.f("ix_mail_sha256"), "mail", ["sha256"], unique=False)

    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(length=32), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_erasure_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_document_id"), "erasure", ["document_id"], unique=False)

    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("older_id", sa.String(length=32), nullable=False),
        sa.Column("newer_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["newer_id"], ["document.id"], name=op.f("fk_link_newer_id_document")),
        sa.ForeignKeyConstraint(["older_id"], ["document.id"], name=op.f("fk_link_older_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("older_id", "newer_id", "kind", name=op.f("uq_link_older_id")),
    )
    op.create_index(op.f("ix_link_newer_id"), "link", ["newer_id"], unique=False)
    op.create_index(op.f("ix_link_older_id"), "link", ["older_id"], unique=False)

    op.create_table(
        "passport",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("target", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_passport_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passport")),
        sa.UniqueConstraint("document_id", "target", name=op.f("uq_passport_document_id")),
    )
    op.create_index(op.f("ix_passport_document_id"), "passport", ["document_id"], unique=False)
    op.create_index(op.f("ix_passport_station"), "passport", ["station"], unique=False)

    op.create_table(
        "redo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("carrier_id", sa.String(length=32), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["carrier_id"], ["document.id"], name=op.f("fk_redo_carrier_id_document")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_redo_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redo")),
    )
    op.create_index(op.f("ix_redo_carrier_id"), "redo", ["carrier_id"], unique=False)
    op.create_index(op.f("ix_redo_document_id"), "redo", ["document_id"], unique=False)
    op.create_index(op.f("ix_redo_station"), "redo", ["station"], unique=False)

    op.add_column("batch", sa.Column("kind", sa.String(length=10), nullable=False, server_default="file"))
    op.add_column("batch", sa.Column("opened_by", sa.String(length=32), nullable=True))
    op.add_column("batch", sa.Column("touched_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("batch", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("batch", sa.Column("expected_sheets", sa.Integer(), nullable=True))
    op.add_column("batch", sa.Column("arrival_date", sa.String(length=10), nullable=True))
    op.add_column("batch", sa.Column("source", sa.String(length=12), nullable=True))
    op.add_column("batch", sa.Column("slip", sa.String(length=60), nullable=True))
    op.add_column("batch", sa.Column("box", sa.String(length=40), nullable=True))
    op.add_column("batch", sa.Column("recipe", sa.JSON(), nullable=True))
    op.add_column("batch", sa.Column("edits", sa.JSON(), nullable=True))
    op.add_column("batch", sa.Column("counted_pages", sa.Integer(), nullable=True))
    op.add_column("batch", sa.Column("findings", sa.JSON(), nullable=True))
    op.create_index(op.f("ix_batch_ended_at"), "batch", ["ended_at"], unique=False)

    op.add_column(
        "decision",
        sa.Column(
            "was",
            sa.Enum(
                "received",
                "judged",
                "held",
                "read",
                "sealed",
                "failed",
                "duplicate",
                "set aside",
                "waiting",
                "replaced",
                "erased",
                name="state",
                native_enum=False,
                length=20,
            ),
            nullable=True,
        ),
    )
    op.add_column("decision", sa.Column("detail", sa.JSON(), nullable=True))

    op.add_column("document", sa.Column("source", sa.String(length=12), nullable=False, server_default="paper"))
    op.add_column("document", sa.Column("source_said", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("document", sa.Column("supplier", sa.String(length=80), nullable=True))
    op.add_column("document", sa.Column("policy", sa.JSON(), nullable=True))
    op.add_column(
        "document",
        sa.Column(
            "tolerance_id", sa.Integer(), sa.ForeignKey("tolerance.id", name=op.f("fk_document_tolerance_id_tolerance")), nullable=True
        ),
        inline_references=True,
    )
    op.add_column("document", sa.Column("formed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("document", sa.Column("confidential", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(op.f("ix_document_batch_id"), "document", ["batch_id"], unique=False)

    op.add_column("page", sa.Column("seen", sa.JSON(), nullable=True))
    # Until now each file was a batch of its own, closed when it came: none of them may look open.
    op.execute("UPDATE batch SET ended_at = opened_at, closed_at = coalesce(closed_at, opened_at)")


def downgrade() -> None:
    """What came since would be lost, and with it what entries of the ledger tell of: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
