"""Rows as text, whatever database they lie in: a table is a first line that names its columns, then one JSON object per row.

A column that is absent is NULL; times are UTC with `Z`, bytes are base64, JSON is JSON.
"""

import base64
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import IO, Any, BinaryIO, TypeAlias, cast

import sqlalchemy as sa

from station.copies import BadBackup
from station.records.tables import Base

LEFT_OUT = {
    "search_entry": "made anew from what was read",
    "search_text": "made anew from what was read",
    "search_due": "filled by the database itself",
    "search_chore": "filled by the database itself",
    "worker": "processes that run now",
    "visit": "who is signed in now: a copy must open nobody's session",
    "attempt": "failures at the entrance, of the last hour",
    "sighting": "what lies in folders now",
    "probe": "what folders can do now",
    "store_lock": "what a store was told of locks; another store is told anew",
    "idempotency": "what programs were answered, for a day",
}
"""Tables that no backup holds, and why."""
AT_ONCE = 500
TENFOLD = frozenset(10**power for power in range(6))
"""Thousands of rows after which a table that is being filled is another one to a server."""
Encode: TypeAlias = Callable[[Any], Any]


def kind_of(column: sa.Column[Any]) -> str:
    """Of a column: text, integer, number, boolean, moment, bytes or json."""
    names = (
        (sa.JSON, "json"),
        (sa.LargeBinary, "bytes"),
        (sa.DateTime, "moment"),
        (sa.Boolean, "boolean"),
        (sa.Integer, "integer"),
        (sa.Float, "number"),
    )
    return next((name for kind, name in names if isinstance(column.type, kind)), "text")


def kept_tables(connection: sa.Connection) -> list[sa.Table]:
    """The tables that are there and hold what is ours to keep, as the database describes them; those that others point at come first."""
    found = sa.MetaData()
    known = set(Base.metadata.tables) - set(LEFT_OUT)
    found.reflect(connection, only=lambda name, _: name in known)
    return list(found.sorted_tables)


def schema_of(connection: sa.Connection) -> str | None:
    """Revision of the tables (`0009`); None where there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return cast("str | None", connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


@contextmanager
def snapshot_of(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One view of all tables that nobody's commit changes while it is read."""
    steady = engine.execution_options(isolation_level="REPEATABLE READ") if engine.dialect.name == "postgresql" else engine
    with steady.connect() as connection, connection.begin():
        # SQLite's view begins with its first reading.
        schema_of(connection)
        yield connection


def write_rows(connection: sa.Connection, table: sa.Table, target: BinaryIO) -> int:
    """Streams; returns how many rows."""
    kinds = {column.name: kind_of(column) for column in table.columns}
    target.write(_line({"table": table.name, "columns": kinds}))
    # As text: NULL and JSON's own null are two things, and a driver would make them one.
    told = [sa.cast(column, sa.Text).label(column.name) if kinds[column.name] == "json" else column for column in table.columns]
    query = sa.select(*told).order_by(*table.primary_key.columns).execution_options(yield_per=AT_ONCE)
    encoders = [(name, _ENCODE.get(kind, _same)) for name, kind in kinds.items()]
    count = 0
    for row in connection.execute(query):
        count += 1
        target.write(_line({name: encode(value) for (name, encode), value in zip(encoders, row, strict=True) if value is not None}))
    return count


def read_rows(connection: sa.Connection, table: sa.Table, source: Iterable[bytes]) -> int:
    """Into an empty table of the schema in which the rows were written. Raises BadBackup, of what does not fit into it."""
    lines = iter(source)
    told = _told(next(lines, b""), table.name)
    kinds = told.get("columns")
    if told.get("table") != table.name or not isinstance(kinds, dict) or not set(kinds) <= set(table.columns.keys()):
        raise BadBackup("damaged", f"{table.name}: columns")
    blank = dict.fromkeys(table.columns.keys())
    nulls = sa.JSON(none_as_null=True)
    nulls = sa.JSON(none_as_null=True)
    plain = sa.table(table.name, *(sa.column(c.name, nulls if kind_of(c) == "json" else c.type) for c in table.columns))
    sqlite, count = connection.dialect.name == "sqlite", 0
    decoders = {name: _decoder(kind, sqlite) for name, kind in kinds.items()}
    try:
        while part := list(islice(lines, AT_ONCE)):
            rows = [blank | {name: decoders[name](value) for name, value in _told(line, table.name).items()} for line in part]
            connection.execute(plain.insert(), rows)
            count += len(rows)
            if count // 1_000 in TENFOLD and count % 1_000 < AT_ONCE:
                tell_size(connection, table)
    except (KeyError, ValueError, TypeError) as error:
        raise BadBackup("damaged", f"{table.name}: {error}") from error
    return count


def tell_size(connection: sa.Connection, table: sa.Table) -> None:
    """A server hears how big a table has become that is being filled.

    What its triggers ask is planned while it is empty, and kept: each new row would be compared with all there are (a hundred thousand
    archives: eight minutes instead of seconds). The server's own upkeep looks once a minute, and never into a transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f'ANALYZE "{table.name}"')


def follow_numbers(connection: sa.Connection, table: sa.Table) -> None:
    """The next row's number comes after those that were put in (PostgreSQL counts apart from the rows)."""
    key = list(table.primary_key.columns)
    if connection.dialect.name != "postgresql" or len(key) != 1 or kind_of(key[0]) != "integer":
        return
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, key[0].name)))
    if sequence is not None and (newest := connection.scalar(sa.select(sa.func.max(key[0])))) is not None:
        connection.execute(sa.select(sa.func.setval(sequence, newest)))


@contextmanager
def spooled_rows(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[IO[bytes], int, int]]:
    """A table's rows in a file that is gone afterwards: a tar asks for sizes first. Yields stream, bytes, rows."""
    with tempfile.TemporaryFile() as file:
        count = write_rows(connection, table, cast(BinaryIO, file))
        size = file.tell()
        file.seek(0)
        yield file, size, count


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _told(line: bytes, name: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError as error:
        raise BadBackup("damaged", name) from error
    if not isinstance(told, dict):
        raise BadBackup("damaged", name)
    return told


def _same(value: Any) -> Any:
    return value


def _moment(value: datetime) -> str:
    return (value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)).isoformat() + "Z"


_ENCODE: dict[str, Encode] = {
    "json": json.loads,
    "bytes": lambda value: base64.b64encode(value).decode(),
    "moment": _moment,
}


def _decoder(kind: str, sqlite: bool) -> Encode:
    if kind == "bytes":
        return base64.b64decode
    if kind == "moment":
        # SQLite keeps UTC without saying so.
        return lambda text: datetime.fromisoformat(text).replace(tzinfo=None if sqlite else UTC)
    if kind == "json":
        return lambda value: sa.JSON.NULL if value is None else value
    return _same
