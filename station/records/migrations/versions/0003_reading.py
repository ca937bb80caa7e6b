"""what reading needs: what was learned of suppliers, who said a value"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("field", sa.Column("actor", sa.String(length=32), nullable=True))
    op.add_column("field", sa.Column("said_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "lesson",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("supplier", sa.String(length=120), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("taught_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(length=32), nullable=True),
        sa.Column("undone_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_lesson_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson")),
    )
    with op.batch_alter_table("lesson", schema=None) as batch_op:
        for column in ("document_id", "entity", "supplier"):
            batch_op.create_index(batch_op.f(f"ix_lesson_{column}"), [column], unique=False)
    op.create_table(
        "lesson_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lesson_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_lesson_use_document_id_document")),
        sa.ForeignKeyConstraint(["lesson_id"], ["lesson.id"], name=op.f("fk_lesson_use_lesson_id_lesson")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_use")),
        sa.UniqueConstraint("lesson_id", "document_id", "field", name=op.f("uq_lesson_use_lesson_id")),
    )
    with op.batch_alter_table("lesson_use", schema=None) as batch_op:
        for column in ("document_id", "lesson_id"):
            batch_op.create_index(batch_op.f(f"ix_lesson_use_{column}"), [column], unique=False)
    op.create_table(
        "invoice_key",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("supplier", sa.String(length=120), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("likeness", sa.String(length=40), nullable=False),
        sa.Column("issued", sa.String(length=10), nullable=True),
        sa.Column("gross", sa.String(length=40), nullable=True),
        sa.Column("credit", sa.Boolean(), nullable=False),
        sa.Column("iban", sa.String(length=34), nullable=False),
        sa.Column("iban_known", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_invoice_key_document_id_document")),
        sa.PrimaryKeyConstraint("document_id", "supplier", name=op.f("pk_invoice_key")),
    )
    with op.batch_alter_table("invoice_key", schema=None) as batch_op:
        batch_op.create_index("ix_invoice_key_likeness", ["supplier", "likeness"], unique=False)
        batch_op.create_index("ix_invoice_key_issued", ["supplier", "issued"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_key_number"), ["number"], unique=False)


def downgrade() -> None:
    """What came since would be lost, and with it what entries of the ledger tell of: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
