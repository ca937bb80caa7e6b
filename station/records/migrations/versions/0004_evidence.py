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
    _organisation()


def _organisation() -> None:
    """The dossier, the controls, the paper."""
    op.create_table(
        "dossier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("configuration_sha256", sa.String(length=64), nullable=False),
        sa.Column("annex", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("prepared_by", sa.String(length=32), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_by", sa.String(length=32), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("practice", sa.Boolean(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier")),
        sa.UniqueConstraint("entity", "version", name=op.f("uq_dossier_entity")),
    )
    op.create_index(op.f("ix_dossier_entity"), "dossier", ["entity"], unique=False)
    op.create_table(
        "dossier_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier_text")),
    )
    op.create_index(op.f("ix_dossier_text_entity"), "dossier_text", ["entity"], unique=False)
    op.create_table(
        "storage_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declared_by", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_notice")),
    )
    op.create_index(op.f("ix_storage_notice_entity"), "storage_notice", ["entity"], unique=False)
    op.create_table(
        "control",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_control")),
        sa.UniqueConstraint("entity", "code", "version", name=op.f("uq_control_entity")),
    )
    op.create_index(op.f("ix_control_entity"), "control", ["entity"], unique=False)
    op.create_table(
        "control_lot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("items_sha256", sa.String(length=64), nullable=False),
        sa.Column("checkpoint", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("sample", sa.JSON(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_by", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("box", sa.String(length=40), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_control_lot")),
        sa.UniqueConstraint("entity", "name", name=op.f("uq_control_lot_entity")),
    )
    op.create_index(op.f("ix_control_lot_entity"), "control_lot", ["entity"], unique=False)
    op.create_table(
        "lot_document",
        sa.Column("lot_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("archive", sa.String(length=64), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_lot_document_document_id_document")),
        sa.ForeignKeyConstraint(["lot_id"], ["control_lot.id"], name=op.f("fk_lot_document_lot_id_control_lot")),
        sa.PrimaryKeyConstraint("lot_id", "document_id", name=op.f("pk_lot_document")),
    )
    op.create_index(op.f("ix_lot_document_document_id"), "lot_document", ["document_id"], unique=False)
    op.create_table(
        "control_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("control", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("lot_id", sa.Integer(), nullable=True),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("answers", sa.JSON(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_control_result_document_id_document")),
        sa.ForeignKeyConstraint(["lot_id"], ["control_lot.id"], name=op.f("fk_control_result_lot_id_control_lot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_control_result")),
    )
    op.create_index(op.f("ix_control_result_at"), "control_result", ["at"], unique=False)
    op.create_index(op.f("ix_control_result_control"), "control_result", ["control"], unique=False)
    op.create_index(op.f("ix_control_result_entity"), "control_result", ["entity"], unique=False)
    op.create_index(op.f("ix_control_result_lot_id"), "control_result", ["lot_id"], unique=False)
    op.create_table(
        "corrective_action",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("result_id", sa.Integer(), nullable=False),
        sa.Column("lot_id", sa.Integer(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("due", sa.String(length=10), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=32), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(length=32), nullable=True),
        sa.Column("done", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lot_id"], ["control_lot.id"], name=op.f("fk_corrective_action_lot_id_control_lot")),
        sa.ForeignKeyConstraint(["result_id"], ["control_result.id"], name=op.f("fk_corrective_action_result_id_control_result")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrective_action")),
    )
    op.create_index(op.f("ix_corrective_action_entity"), "corrective_action", ["entity"], unique=False)
    op.create_index(op.f("ix_corrective_action_lot_id"), "corrective_action", ["lot_id"], unique=False)
    op.create_index(op.f("ix_corrective_action_result_id"), "corrective_action", ["result_id"], unique=False)
    op.create_table(
        "destruction_slip",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("lot_id", sa.Integer(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False),
        sa.Column("kept", sa.JSON(), nullable=False),
        sa.Column("prepared_by", sa.String(length=32), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("signed_by", sa.String(length=32), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("visa", sa.String(length=80), nullable=True),
        sa.Column("visa_day", sa.String(length=10), nullable=True),
        sa.Column("visa_sha256", sa.String(length=64), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destroyed_by", sa.String(length=32), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lot_id"], ["control_lot.id"], name=op.f("fk_destruction_slip_lot_id_control_lot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destruction_slip")),
    )
    op.create_index(op.f("ix_destruction_slip_entity"), "destruction_slip", ["entity"], unique=False)
    op.create_index(op.f("ix_destruction_slip_lot_id"), "destruction_slip", ["lot_id"], unique=False)


def downgrade() -> None:
    """What came since would be lost, and with it what entries of the ledger tell of: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
