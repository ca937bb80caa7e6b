"""workflow: rules, circuits, agenda, receivables, accounting"""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    """What is kept there would be lost: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
