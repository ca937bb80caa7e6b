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
    op.add_column("archive", sa.Column("officer", sa.String(length=32), nullable=True))
    op.add_column("archive", sa.Column("stamp_ends", sa.DateTime(timezone=True), nullable=True))
    op.add_column("archive", sa.Column("stamped_with", sa.String(length=80), nullable=True))
    _checkpoints()
    _organisation()
    _retention()
    _clock()
    _fixity()
    _access()


def _access() -> None:
    """Who read what; apart from the ledger, and short-lived."""
    op.create_table(
        "access",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("act", sa.String(length=20), nullable=False),
        sa.Column("object", sa.String(length=200), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access")),
    )
    op.create_index(op.f("ix_access_at"), "access", ["at"])


def _fixity() -> None:
    """What the last look at each kept file found, and the runs."""
    op.create_table(
        "fixity",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("condition", sa.String(length=10), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("rendering", sa.String(length=10), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "sha256", name=op.f("pk_fixity")),
    )
    op.create_index(op.f("ix_fixity_checked_at"), "fixity", ["checked_at"])
    op.create_table(
        "fixity_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_run")),
    )
    op.create_index(op.f("ix_fixity_run_started_at"), "fixity_run", ["started_at"])


def _clock() -> None:
    op.create_table(
        "clock_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("steady", sa.Double(), nullable=False),
        sa.Column("boot", sa.String(length=64), nullable=False),
        sa.Column("health", sa.String(length=10), nullable=False),
        sa.Column("offset", sa.Double(), nullable=True),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("even_since", sa.Double(), nullable=True),
        sa.Column("actor", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_check")),
    )
    op.create_index(op.f("ix_clock_check_at"), "clock_check", ["at"])


def _checkpoints() -> None:
    """Signed checkpoints of the log, who holds them outside, and what this installation holds for others."""
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
    )
    op.create_index(op.f("ix_checkpoint_entity"), "checkpoint", ["entity"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("witness", sa.String(length=400), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("cosignature", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["checkpoint_id"], ["checkpoint.id"], name=op.f("fk_delivery_checkpoint_id_checkpoint")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index(op.f("ix_delivery_checkpoint_id"), "delivery", ["checkpoint_id"], unique=False)
    op.create_index(op.f("ix_delivery_entity"), "delivery", ["entity"], unique=False)
    op.create_table(
        "witnessed",
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_witnessed")),
    )
    dialect = op.get_bind().dialect.name
    for operation in ("UPDATE", "DELETE"):
        name = f"refuse_{operation.lower()}_checkpoint"
        if dialect == "postgresql":
            op.execute(f"CREATE TRIGGER {name} BEFORE {operation} ON checkpoint FOR EACH ROW EXECUTE FUNCTION sceau_refuse()")
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {operation} ON checkpoint "
                f"BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only: {operation} is refused'); END"
            )
    if dialect == "sqlite":
        # INSERT OR REPLACE removes the old row without firing a delete trigger, unless recursive_triggers is on.
        op.execute(
            "CREATE TRIGGER refuse_replace_checkpoint BEFORE INSERT ON checkpoint WHEN EXISTS (SELECT 1 FROM checkpoint WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only: REPLACE is refused'); END"
        )


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


def _retention() -> None:
    """Mandates, legal holds, until when each document is kept; and what refuses to delete before."""
    op.add_column("erasure", sa.Column("visa", sa.String(length=120), nullable=True))
    op.create_table(
        "mandate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("third_party", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded_by", sa.String(length=32), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=32), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["original.sha256"], name=op.f("fk_mandate_sha256_original")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate")),
    )
    op.create_index(op.f("ix_mandate_entity"), "mandate", ["entity"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(length=32), nullable=True),
        sa.Column("lifted_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(op.f("ix_hold_entity"), "hold", ["entity"], unique=False)
    op.create_table(
        "retention",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("until", sa.String(length=10), nullable=True),
        sa.Column("hold_id", sa.Integer(), nullable=True),
        sa.Column("asset", sa.Boolean(), nullable=False),
        sa.Column("last_operation", sa.String(length=10), nullable=True),
        sa.Column("said_by", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("rules", sa.String(length=16), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_retention_document_id_document")),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_retention_hold_id_hold")),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_retention")),
    )
    op.create_index(op.f("ix_retention_until"), "retention", ["until"], unique=False)
    for name, event, table, condition in _GUARDS:
        _refuse(name, event, table, condition)


_GUARDS = (
    (
        "keep_archive", "DELETE", "archive",
        "EXISTS (SELECT 1 FROM retention r WHERE r.document_id = OLD.document_id AND (r.until >= {today} OR r.hold_id IS NOT NULL))",
    ),
    (
        "keep_original", "DELETE", "original",
        "EXISTS (SELECT 1 FROM page p JOIN retention r ON r.document_id = p.document_id "
        "WHERE p.sha256 = OLD.sha256 AND (r.until >= {today} OR r.hold_id IS NOT NULL))",
    ),
    # An archive that changes hands would no longer be found by its document's date.
    ("keep_archive_owner", "UPDATE", "archive", "NEW.document_id <> OLD.document_id OR NEW.sha256 <> OLD.sha256"),
    ("keep_retention", "DELETE", "retention", "OLD.until >= {today} OR OLD.hold_id IS NOT NULL"),
    # Whoever brings a date forward has to wait until tomorrow, and is seen meanwhile.
    ("keep_until", "UPDATE", "retention", "OLD.until >= {today} AND NEW.until < {today}"),
    # A term that lies ahead stands, whatever the document is called since.
    ("keep_duty", "UPDATE", "retention", "OLD.until >= {today} AND NEW.until IS NULL"),
    (
        "keep_hold", "UPDATE", "retention",
        "OLD.hold_id IS NOT NULL AND NEW.hold_id IS NULL AND EXISTS (SELECT 1 FROM hold h "
        "WHERE h.id = OLD.hold_id AND h.lifted_at IS NULL AND (h.ends IS NULL OR h.ends >= {today}))",
    ),
    ("keep_held_document", "UPDATE", "retention", "NEW.document_id <> OLD.document_id"),
    # INSERT OR REPLACE removes the old row without firing a delete trigger (SQLite).
    (
        "keep_from_replace", "INSERT", "archive",
        "EXISTS (SELECT 1 FROM archive a WHERE a.sha256 = NEW.sha256 OR (a.document_id = NEW.document_id AND a.version = NEW.version))",
    ),
    ("keep_retention_row", "INSERT", "retention", "EXISTS (SELECT 1 FROM retention r WHERE r.document_id = NEW.document_id)"),
    ("keep_hold_row", "INSERT", "hold", "EXISTS (SELECT 1 FROM hold h WHERE h.id = NEW.id)"),
    ("keep_mandate_row", "INSERT", "mandate", "EXISTS (SELECT 1 FROM mandate m WHERE m.id = NEW.id)"),
    ("keep_holds", "DELETE", "hold", "1 = 1"),
    ("keep_mandates", "DELETE", "mandate", "1 = 1"),
    # What is erased keeps its row and its number; a hold is found by it.
    ("keep_documents", "DELETE", "document", "1 = 1"),
    # A hold is lifted once and a mandate revoked once, each by somebody and for a reason; nothing else of them changes.
    (
        "keep_hold_words", "UPDATE", "hold",
        "OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL OR NEW.lifted_by IS NULL OR COALESCE(NEW.lifted_reason, '') = '' "
        "OR NEW.id <> OLD.id OR NEW.entity <> OLD.entity OR NEW.scope <> OLD.scope OR NEW.value <> OLD.value OR NEW.reason <> OLD.reason "
        "OR NEW.actor <> OLD.actor OR NEW.starts <> OLD.starts OR COALESCE(NEW.ends, '') <> COALESCE(OLD.ends, '') "
        "OR NEW.placed_at <> OLD.placed_at",
    ),
    (
        "keep_mandate_words", "UPDATE", "mandate",
        "OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL OR NEW.revoked_by IS NULL OR COALESCE(NEW.revoked_reason, '') = '' "
        "OR NEW.id <> OLD.id OR NEW.entity <> OLD.entity OR NEW.third_party <> OLD.third_party OR NEW.scope <> OLD.scope "
        "OR NEW.starts <> OLD.starts OR COALESCE(NEW.ends, '') <> COALESCE(OLD.ends, '') OR NEW.name <> OLD.name "
        "OR NEW.sha256 <> OLD.sha256 OR NEW.recorded_by <> OLD.recorded_by OR NEW.recorded_at <> OLD.recorded_at",
    ),
)  # fmt: skip
"""Trigger, event, table, and when it refuses. The day is the database's own: nobody hands it in."""


def _refuse(name: str, event: str, table: str, condition: str) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    when = condition.format(today="date('now')" if sqlite else "to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD')")
    if sqlite:
        op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'kept: {name}'); END")
        return
    # In PostgreSQL a trigger's condition asks no other table: its function does.
    done = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION sceau_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {when} THEN "
        f"RAISE EXCEPTION 'kept: {name}'; END IF; RETURN {done}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION sceau_{name}()")


def downgrade() -> None:
    """What came since would be lost, and with it what entries of the ledger tell of: the way back is the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
