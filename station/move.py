"""Carrying an installation's records from SQLite into another database, and its kept files into another store, with everything compared.

The source is read under its own write lock and never changed; a mark beside it keeps it from being written by accident afterwards. Tables
are copied by their keys, each lot in one transaction with the note of how far it came: killed anywhere, the same command goes on. What the
search index holds is made again by the station itself.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Condition
from config.secrets import write_private
from config.settings import Settings, StoreChoice
from sealing.ledger import Actor, ActorKind, Event
from station.custody import house_papers
from station.records.database import MOVING_TABLE, Database, migrate, move_mark, open_database, prepare_sqlite, refuse_moved
from station.records.ledger import append_event, verify_ledger
from station.records.tables import Archive, Base, Mail, Mandate, Original, SearchChore, SearchDue, SearchEntry, SearchText, StoreLock
from station.rows import tell_size
from station.slots import is_held
from station.stores import Stores, open_stores

LOT = 500
"""Rows in one transaction."""
MADE_AGAIN = frozenset(each.__tablename__ for each in (SearchEntry, SearchText, SearchDue, SearchChore))
"""The search index: derived, and in another form on each database."""
Tell: TypeAlias = Callable[[str, int, int], None]
"""(what is being done, done, of how many)."""


class CannotMove(Exception):
    """Nothing was moved; `reason` is a key under `move.refused-…`, `detail` what was found. The source is as it was."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Moved:
    """What was carried, all of it compared."""

    tables: Mapping[str, int]
    """Rows by table."""
    heads: Mapping[str, tuple[int, str]]
    """By legal entity: entries in the ledger and its head, hexadecimal."""
    files: int
    """Kept files whose SHA-256 was computed anew where they lie now."""
    target: str
    """Address without its password."""
    store: str
    """Empty: the files stayed where they were."""


@dataclass(slots=True)
class _Digest:
    """A table whatever the order of its rows: how many, and the sum of their SHA-256 modulo 2^256."""

    rows: int = 0
    total: int = field(default=0)

    def add(self, values: Sequence[Any]) -> None:
        told = json.dumps([_plain(value) for value in values], ensure_ascii=False).encode("utf-8", "surrogatepass")
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(told).digest())) % (1 << 256)


def move_records(settings: Settings, to: str, clock: Callable[[], datetime], tell: Tell, store: str = "") -> Moved:
    """Carry the records of a stopped installation to the database at `to`, and its files to the store at `store` where one is named.

    May be called again after it was killed. Raises CannotMove, DatabaseRefused, StoreAway, Unusable, sqlalchemy's DBAPIError; the source is
    as it was then, and can be given back to its station by `undo_move`.
    """
    mark = move_mark(settings.url)
    if mark is None:
        raise CannotMove("not-sqlite", sa.make_url(settings.url).get_backend_name())
    address = shown_address(to)
    if sa.make_url(to) == sa.make_url(settings.url):
        raise CannotMove("same", address)
    told = _begin(settings, mark, address)
    target = _opened_target(to, told["move"], ended=told["state"] == "moved")
    try:
        with _still(mark.with_name(mark.name.removesuffix(".moved"))) as source:
            _require_same_version(source, target)
            tables = [each for each in Base.metadata.sorted_tables if each.name not in MADE_AGAIN]
            skipped = {StoreLock.__tablename__} if store else set()
            _copy_all(source, target, [each for each in tables if each.name not in skipped], tell)
            _finish_tables(target, tables)
            rows = _compare_all(source, target, [each for each in tables if each.name not in skipped], tell)
            heads = _compare_ledgers(source, target)
        stores = open_stores(settings.home, settings.store, clock)
        files = _carry_files(settings, target, stores, store, clock, tell)
        moved = Moved(rows, heads, files, address, store.split("?", 1)[0])
        _write_mark(mark, {**told, "state": "moved", "at": clock().isoformat(timespec="seconds"), "heads": heads})
        _release(target, settings.entity, moved, clock())
    finally:
        target.close()
    return moved


def undo_move(settings: Settings) -> None:
    """Give the source back to its station, as long as the move has not ended. Raises CannotMove."""
    mark = move_mark(settings.url)
    if mark is None or not mark.exists():
        raise CannotMove("no-move")
    if _read_mark(mark)["state"] != "moving":
        raise CannotMove("moved", str(mark))
    mark.unlink()


def shown_address(url: str) -> str:
    """Without its password. Raises CannotMove for what is none."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError as error:
        raise CannotMove("address", url.rsplit("@", 1)[-1]) from error


# --- the source ---


def _begin(settings: Settings, mark: Path, address: str) -> dict[str, Any]:
    """Nobody works any more, and nobody begins: the mark stands before the first row is read."""
    slots = settings.home / "slots"
    working = [each.name for each in sorted(slots.iterdir()) if is_held(settings.home, each.name)] if slots.is_dir() else []
    if working:
        raise CannotMove("working", ", ".join(working))
    if not mark.with_name(mark.name.removesuffix(".moved")).is_file():
        raise CannotMove("no-source", settings.url)
    if mark.exists():
        told = _read_mark(mark)
        if told["to"] != address:
            raise CannotMove("elsewhere", told["to"])
        return told
    refuse_moved(settings.url)
    told = {"state": "moving", "move": uuid4().hex, "to": address}
    _write_mark(mark, told)
    return told


def _read_mark(mark: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(mark.read_bytes())
    return told


def _write_mark(mark: Path, told: Mapping[str, Any]) -> None:
    write_private(mark, json.dumps(told, indent=1).encode())


@contextmanager
def _still(path: Path) -> Iterator[sa.Connection]:
    """The source in one transaction that holds its write lock and writes nothing: nobody changes it meanwhile."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        prepare_sqlite(connection)
        return connection

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.StaticPool)
    try:
        with closing(engine.connect()) as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            finally:
                connection.exec_driver_sql("ROLLBACK")
    finally:
        engine.dispose()


# --- the target ---


def _opened_target(to: str, move: str, *, ended: bool) -> Database:
    """Empty, or half-way of this very move; `ended`: it was done already but perhaps for the last step. Raises CannotMove."""
    database = open_database(to)
    try:
        there = sa.inspect(database.writer).get_table_names()
        if not there and not ended:
            with database.writing() as session:
                session.execute(sa.text(f"CREATE TABLE {MOVING_TABLE} (name VARCHAR(80) PRIMARY KEY, value TEXT NOT NULL)"))
                _note(session, "move", move)
        elif MOVING_TABLE not in there:
            raise CannotMove("moved" if ended else "not-empty", ", ".join(sorted(there)[:5]))
        else:
            with database.reading() as session:
                known = _noted(session, "move")
            if known != move:
                raise CannotMove("other-move", known or "?")
        migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _note(session: Session, name: str, value: str) -> None:
    session.execute(sa.text(f"DELETE FROM {MOVING_TABLE} WHERE name = :name"), {"name": name})  # noqa: S608 a name of our own
    session.execute(sa.text(f"INSERT INTO {MOVING_TABLE} (name, value) VALUES (:name, :value)"), {"name": name, "value": value})  # noqa: S608


def _noted(session: Session, name: str) -> str | None:
    found: str | None = session.scalar(sa.text(f"SELECT value FROM {MOVING_TABLE} WHERE name = :name"), {"name": name})  # noqa: S608
    return found


def _require_same_version(source: sa.Connection, target: Database) -> None:
    query = sa.text("SELECT version_num FROM alembic_version")
    here = source.execute(query).scalar()
    with target.reading() as session:
        there = session.execute(query).scalar()
    if here != there:
        raise CannotMove("version", f"{here}, {there}")


# --- rows ---


def _columns(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """JSON as its own text: SQL's NULL and JSON's null are two things, and numbers keep their digits."""
    return [sa.cast(each, sa.Text).label(each.name) if _is_json(each) else each for each in table.columns]


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.JSON)


def _source_columns(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    return [sa.type_coerce(each, sa.Text).label(each.name) if _is_json(each) else each for each in table.columns]


def _copy_all(source: sa.Connection, target: Database, tables: Sequence[sa.Table], tell: Tell) -> None:
    for number, table in enumerate(tables):
        tell("rows", number, len(tables))
        while _copy_lot(source, target, table):
            pass
    tell("rows", len(tables), len(tables))


def _copy_lot(source: sa.Connection, target: Database, table: sa.Table) -> bool:
    """The rows that follow those which are there; False once there is none."""
    keys = list(table.primary_key)
    with target.writing() as session:
        noted = _noted(session, table.name)
        if noted == "done":
            return False
        query = sa.select(*_source_columns(table)).order_by(*keys).limit(LOT)
        if noted is not None:
            query = query.where(
                sa.tuple_(*keys) > sa.tuple_(*(sa.literal(v, k.type) for v, k in zip(json.loads(noted), keys, strict=True)))
            )
        rows = [dict(row._mapping) for row in source.execute(query)]
        if rows:
            json_of = session.get_bind().dialect.name == "postgresql"
            values = {
                each.name: sa.cast(sa.bindparam(f"v_{each.name}", type_=sa.Text), each.type if json_of else sa.Text)
                if _is_json(each)
                else sa.bindparam(f"v_{each.name}", type_=each.type)
                for each in table.columns
            }
            session.connection().execute(table.insert().values(values), [{f"v_{name}": v for name, v in row.items()} for row in rows])
            if noted is None:
                tell_size(session.connection(), table)
        _note(session, table.name, json.dumps([rows[-1][key.name] for key in keys]) if len(rows) == LOT else "done")
    return len(rows) == LOT


def _finish_tables(target: Database, tables: Sequence[sa.Table]) -> None:
    """What rows alone do not bring: the next number of each table, and that every document is to be indexed."""
    with target.writing() as session:
        session.execute(sa.text("DELETE FROM search_due"))
        session.execute(sa.text("INSERT INTO search_due (document_id, turn) SELECT id, 1 FROM document WHERE state <> 'erased'"))
        if session.get_bind().dialect.name != "postgresql":
            return
        for table in tables:
            column = table.autoincrement_column
            if column is None:
                continue
            place = session.scalar(sa.text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name})
            if place is not None:
                last = session.scalar(sa.select(sa.func.max(column)))
                session.execute(
                    sa.text("SELECT setval(:place, :last, :used)"), {"place": place, "last": last or 1, "used": last is not None}
                )


def _compare_all(source: sa.Connection, target: Database, tables: Sequence[sa.Table], tell: Tell) -> dict[str, int]:
    """Rows by table. Raises CannotMove for the first table that is not the same."""
    found: dict[str, int] = {}
    with target.writer.connect() as connection:
        for number, table in enumerate(tables):
            tell("compared", number, len(tables))
            here, there = _digest(source, table, _source_columns(table)), _digest(connection, table, _columns(table))
            if (here.rows, here.total) != (there.rows, there.total):
                raise CannotMove("differs", f"{table.name}: {here.rows}, {there.rows}")
            found[table.name] = here.rows
    tell("compared", len(tables), len(tables))
    return found


def _digest(connection: sa.Connection, table: sa.Table, columns: Sequence[sa.ColumnElement[Any]]) -> _Digest:
    digest = _Digest()
    for row in connection.execution_options(yield_per=LOT).execute(sa.select(*columns).select_from(table)):
        digest.add(tuple(row))
    return digest


def _plain(value: Any) -> Any:
    """As JSON tells it, the same whichever driver read it."""
    match value:
        case datetime():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case Enum():
            return value.value
        case bool() | int() | str() | None:
            return value
        case _:
            return repr(value)


def _compare_ledgers(source: sa.Connection, target: Database) -> dict[str, tuple[int, str]]:
    """Every entry walked on both sides. Raises CannotMove, sealing.ledger.BrokenLedger."""
    with Session(source) as session:
        here = {name: (tree.size, tree.root.hex()) for name, tree in verify_ledger(session).items()}
    with target.reading() as session:
        there = {name: (tree.size, tree.root.hex()) for name, tree in verify_ledger(session).items()}
    if here != there:
        raise CannotMove("ledger", f"{here} {there}")
    return here


# --- files ---


def _carry_files(settings: Settings, target: Database, here: Stores, store: str, clock: Callable[[], datetime], tell: Tell) -> int:
    """Every file that the records name, read where it will lie from now on. Raises CannotMove for one that is not sound."""
    with target.reading() as session:
        named = kept_files(session)
    there = open_stores(settings.home, StoreChoice(**{**settings.store.model_dump(), "url": store}), clock) if store else here
    for number, (room, sha256) in enumerate(named):
        tell("files", number, len(named))
        old, new, suffix = (here.originals, there.originals, "") if room == "originals" else (here.archives, there.archives, ".pdf")
        if store and new.verify(sha256, suffix) is not Condition.SOUND and old.holds(sha256, suffix):
            new.keep(old.path(sha256, suffix), suffix)
        condition = new.verify(sha256, suffix)
        if condition is not Condition.SOUND:
            raise CannotMove("file", f"{room}/{sha256}{suffix}: {condition}")
    tell("files", len(named), len(named))
    return len(named)


def kept_files(session: Session) -> list[tuple[str, str]]:
    """(room, SHA-256) of every file that the records name."""
    originals = {
        str(each)
        for column in (Original.sha256, Mandate.sha256, Mail.sha256)
        for each in session.scalars(sa.select(column).where(column.is_not(None)))
    }
    archives = {*session.scalars(sa.select(Archive.sha256)), *house_papers(session)}
    return [("originals", each) for each in sorted(originals)] + [("archive", each) for each in sorted(archives)]


def _release(target: Database, entity: str, moved: Moved, at: datetime) -> None:
    """The last transaction: the log says where it was carried from, and the target may serve."""
    with target.writing() as session:
        payload = {
            "what": "moved",
            "to": moved.target,
            "store": moved.store,
            "rows": str(sum(moved.tables.values())),
            "files": str(moved.files),
        }
        session.execute(sa.text(f"DROP TABLE {MOVING_TABLE}"))
        append_event(session, Event(entity, "register", {}, Actor("system", ActorKind.SYSTEM), at, "system", payload))
