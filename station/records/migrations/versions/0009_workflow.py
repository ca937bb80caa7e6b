"""workflow: rules, circuits, agenda, receivables, accounting"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add_agenda()


def _add_agenda() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "agenda",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("object", sa.String(length=80), nullable=False),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("not_before", sa.String(length=10), nullable=True),
        sa.Column("suspended_until", sa.String(length=10), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agenda")),
        sa.UniqueConstraint("entity", "kind", "object", "level", name=op.f("uq_agenda_entity")),
    )
    op.create_index("ix_agenda_due", "agenda", ["entity", "state", "day"])
    op.create_table(
        "suspension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("lifted_at", moment, nullable=True),
        sa.Column("lifted_by", sa.String(length=32), nullable=True),
        sa.Column("lifted_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspension")),
    )
    op.create_index("ix_suspension_scope", "suspension", ["entity", "scope", "value"])
    op.create_table(
        "sending",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("item_id", sa.String(length=80), nullable=False),
        sa.Column("customer", sa.String(length=80), nullable=False),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("agenda_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("balance", sa.String(length=20), nullable=False),
        sa.Column("interest", sa.String(length=20), nullable=False),
        sa.Column("indemnity", sa.String(length=20), nullable=False),
        sa.Column("computation", sa.JSON(), nullable=False),
        sa.Column("rules", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("left_at", moment, nullable=True),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("tracking", sa.String(length=40), nullable=False),
        sa.Column("deposited_on", sa.String(length=10), nullable=True),
        sa.Column("deposit_sha256", sa.String(length=64), nullable=True),
        sa.Column("received_on", sa.String(length=10), nullable=True),
        sa.Column("receipt", sa.String(length=12), nullable=False),
        sa.Column("receipt_sha256", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agenda_id"], ["agenda.id"], name=op.f("fk_sending_agenda_id_agenda")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sending")),
        sa.UniqueConstraint("entity", "item_id", "level", name=op.f("uq_sending_entity")),
    )
    op.create_index(op.f("ix_sending_agenda_id"), "sending", ["agenda_id"])
    op.create_index(op.f("ix_sending_message_id"), "sending", ["message_id"])
    op.create_index("ix_sending_state", "sending", ["entity", "state"])


def downgrade() -> None:
    """What is kept there would be lost: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
