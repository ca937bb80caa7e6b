"""what evidence needs: checkpoints, renewals, controls, retention"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("archive", sa.Column("extends", sa.String(length=64), nullable=True))
    op.add_column("archive", sa.Column("profile", sa.String(length=20), nullable=True))
    op.add_column("archive", sa.Column("qualified", sa.String(length=20), nullable=True))


def downgrade() -> None:
    """What came since would be lost, and with it what entries of the ledger tell of: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
