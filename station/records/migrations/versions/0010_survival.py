"""survival: stores, several machines, what the house watches of itself"""

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of this version are added here."""
