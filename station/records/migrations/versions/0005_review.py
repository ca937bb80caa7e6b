"""the review desk: queue, events of each field, accounts that wait for a second person, preferences"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.Column("doubts", sa.JSON(), nullable=False),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("supplier", sa.String(length=200), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("gross", sa.String(length=40), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=True),
        sa.Column("active_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_to", sa.String(length=32), nullable=True),
        sa.Column("assigned_by", sa.String(length=32), nullable=True),
        sa.Column("postponed_until", sa.String(length=10), nullable=True),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.Column("hold_by", sa.String(length=32), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_review_document_id_document")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_review")),
    )
    op.create_index("ix_review_queue", "review", ["entity", "stage", "due"])
    op.create_index(op.f("ix_review_assigned_to"), "review", ["assigned_to"])
    op.create_table(
        "review_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_review_event_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_event")),
        sa.UniqueConstraint("document_id", "revision", name=op.f("uq_review_event_document_id")),
    )
    op.create_index(op.f("ix_review_event_document_id"), "review_event", ["document_id"])
    op.create_table(
        "account_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("supplier", sa.String(length=120), nullable=False),
        sa.Column("iban", sa.String(length=34), nullable=False),
        sa.Column("known", sa.JSON(), nullable=False),
        sa.Column("earlier_id", sa.String(length=32), nullable=True),
        sa.Column("crop", sa.LargeBinary(), nullable=True),
        sa.Column("earlier_crop", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=32), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_account_change_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_change")),
    )
    op.create_index(op.f("ix_account_change_document_id"), "account_change", ["document_id"])
    op.create_index(op.f("ix_account_change_supplier"), "account_change", ["supplier"])
    op.create_table(
        "preference",
        sa.Column("pseudonym", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", "name", name=op.f("pk_preference")),
    )


def downgrade() -> None:
    """Unfinished reviews would be lost: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
