"""people: names, roles with their days, deputies, a second factor"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
_MAY = ("mailroom", "clerk", "approver", "receivables", "compliance")
"""What everybody who could sign in could do before there were roles."""


def upgrade() -> None:
    with op.batch_alter_table("person") as person:
        person.add_column(sa.Column("name", sa.String(length=120), nullable=True))
        person.add_column(sa.Column("email", sa.String(length=200), nullable=True))
        person.add_column(sa.Column("entities", sa.JSON(), nullable=True))
        person.add_column(sa.Column("password_ends", sa.DateTime(timezone=True), nullable=True))
        person.add_column(sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
        person.add_column(sa.Column("totp_secret", sa.String(length=64), nullable=True))
        person.add_column(sa.Column("totp_pending", sa.String(length=64), nullable=True))
        person.add_column(sa.Column("totp_step", sa.BigInteger(), nullable=True))
        person.add_column(sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
        person.create_unique_constraint(op.f("uq_person_email"), ["email"])
    op.create_table(
        "person_role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pseudonym", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=True),
        sa.Column("ends", sa.String(length=10), nullable=True),
        sa.Column("given_by", sa.String(length=32), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.String(length=32), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["pseudonym"], ["person.pseudonym"], name=op.f("fk_person_role_pseudonym_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_role")),
    )
    op.create_index(op.f("ix_person_role_pseudonym"), "person_role", ["pseudonym"])
    op.create_table(
        "delegation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("giver", sa.String(length=32), nullable=False),
        sa.Column("taker", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["giver"], ["person.pseudonym"], name=op.f("fk_delegation_giver_person")),
        sa.ForeignKeyConstraint(["taker"], ["person.pseudonym"], name=op.f("fk_delegation_taker_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    op.create_index(op.f("ix_delegation_giver"), "delegation", ["giver"])
    op.create_index(op.f("ix_delegation_taker"), "delegation", ["taker"])
    # Who could sign in before keeps what could be done then; of accounts, only the second practice account may make others.
    for role in _MAY:
        op.execute(sa.text("INSERT INTO person_role (pseudonym, role) SELECT pseudonym, :role FROM person").bindparams(role=role))
    second = (
        "INSERT INTO person_role (pseudonym, role) SELECT pseudonym, 'administrator' FROM person WHERE practice AND login = 'responsable'"
    )
    op.execute(sa.text(second))


def downgrade() -> None:
    """Roles would be lost: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
