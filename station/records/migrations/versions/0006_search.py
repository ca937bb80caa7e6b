"""full-text search: what is known of each document in one narrow table, its words in another, and an index that follows by triggers"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = ("title", "supplier", "number", "identifiers", "told", "body")
CONCEALED = "NEW.confidential OR NEW.state = 'erased'"
TURN = (
    "INSERT INTO search_due (document_id, turn) VALUES ({row}.{column}, 1) "
    "ON CONFLICT (document_id) DO UPDATE SET turn = search_due.turn + 1;"
)
FORGET = (
    "INSERT INTO search_chore (name) SELECT 'purge' WHERE EXISTS (SELECT 1 FROM search_entry WHERE document_id = NEW.id) "
    "ON CONFLICT (name) DO NOTHING; "
    "DELETE FROM search_text WHERE id IN (SELECT id FROM search_entry WHERE document_id = NEW.id); "
    "DELETE FROM search_entry WHERE document_id = NEW.id; "
    "DELETE FROM search_due WHERE document_id = NEW.id;"
)
"""In the transaction that conceals or erases, whichever code does it: nothing is found from its commit on."""


def upgrade() -> None:
    op.create_table(
        "search_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_search_entry_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("document_id", name=op.f("uq_search_entry_document_id")),
    )
    op.create_index("ix_search_entry_day", "search_entry", ["entity", "day", "id"])
    op.create_index("ix_search_entry_cents", "search_entry", ["entity", "cents"])
    op.create_table(
        "search_text",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in COLUMNS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_text")),
    )
    op.create_table(
        "search_due",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_search_due")),
    )
    op.create_table(
        "search_chore",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_search_chore")),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        _index()
    else:
        op.execute("ALTER TABLE search_text ADD COLUMN vector tsvector")
        op.execute("CREATE INDEX ix_search_text_vector ON search_text USING gin (vector)")
    for table in ("field", "reading"):
        for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            _follow(f"search_{table}_{event.lower()}", f"AFTER {event} ON {table}", None, TURN.format(row=row, column="document_id"), row)
    _follow("search_document_insert", "AFTER INSERT ON document", None, TURN.format(row="NEW", column="id"))
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in ("title", "supplier", "entity", "confidential"))
    changed = changed.replace("IS DISTINCT FROM", "IS NOT") if sqlite else changed
    seen = f"NOT ({CONCEALED})"
    update = "AFTER UPDATE ON document"
    _follow("search_document_forget", update, CONCEALED, FORGET)
    _follow("search_document_state", update, seen, "UPDATE search_entry SET state = NEW.state WHERE document_id = NEW.id;")
    _follow("search_document_update", update, f"{seen} AND ({changed})", TURN.format(row="NEW", column="id"))
    # What was there before is indexed by and by, the newest first.
    op.execute("INSERT INTO search_due (document_id, turn) SELECT id, 1 FROM document WHERE state <> 'erased'")


def _index() -> None:
    """FTS5 over the words, which stand in `search_text` alone; triggers hand it the old words of what goes, as it needs them."""
    names, new, old = (", ".join(f"{prefix}{name}" for name in COLUMNS) for prefix in ("", "NEW.", "OLD."))
    op.execute(
        f"CREATE VIRTUAL TABLE search_index USING fts5({names}, content='search_text', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
    )
    add = f"INSERT INTO search_index (rowid, {names}) VALUES (NEW.id, {new});"  # noqa: S608 names of our own
    drop = f"INSERT INTO search_index (search_index, rowid, {names}) VALUES ('delete', OLD.id, {old});"  # noqa: S608
    op.execute(f"CREATE TRIGGER search_text_insert AFTER INSERT ON search_text BEGIN {add} END")
    op.execute(f"CREATE TRIGGER search_text_delete AFTER DELETE ON search_text BEGIN {drop} END")
    op.execute(f"CREATE TRIGGER search_text_update AFTER UPDATE ON search_text BEGIN {drop} {add} END")


def _follow(name: str, event: str, when: str | None, body: str, row: str = "NEW") -> None:
    condition = f" WHEN ({when})" if when else ""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} {event}{condition} BEGIN {body} END")
        return
    op.execute(f"CREATE FUNCTION sceau_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN {row}; END $$")
    op.execute(f"CREATE TRIGGER {name} {event} FOR EACH ROW{condition} EXECUTE FUNCTION sceau_{name}()")


def downgrade() -> None:
    """The index can be made again, and readings stay; the way back is all the same the backup made before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
