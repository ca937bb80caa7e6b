"""survival: stores, several machines, what the house watches of itself"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of this version are added here."""
    op.add_column("supplier", sa.Column("added_at", sa.DateTime(timezone=True), nullable=True))
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
    op.add_column("customer", sa.Column("terms", sa.String(20), nullable=False, server_default=""))
    op.create_table(
        "rate_row",
        sa.Column("id", sa.Integer(), primary_key=True),
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
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(32), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
    )
    op.create_index("ix_rate_row_entity", "rate_row", ["entity"])
