"""The database: one place that knows how SQLite and PostgreSQL are opened, and the two kinds of transaction."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from psycopg.pq import TransactionStatus
from sqlalchemy.orm import Session

from station.records.scope import Scope, put_scope

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "ceph", "glusterfs"})


OLDEST_SERVER = 140000
"""PostgreSQL 14, as its programs number it; older ones are no longer maintained by their makers."""
UNLOCKED_BY = "SCEAU_DATABASE_PASSWORD"
MANNERS = {
    "application_name": "sceau",
    "connect_timeout": "10",
    # A server or a network that is gone is noticed in a minute; by itself a system waits two hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""Parameters of libpq; those that stand in the address win."""
IDLE_MILLISECONDS = 30_000
"""So long may a writer say nothing within a transaction: one that is frozen or cut off must not keep the others waiting for ever."""
WAIT_MILLISECONDS = 90_000
"""So long does a writer wait for its turn; longer than the one whose turn it is may be silent."""
TURN = 0x5CEA0
"""Advisory lock of the one who writes."""
KEPT_OPEN = 4
"""Connections of a SQLite file that stay open when it is quiet, for reading and for writing each; opening one costs a millisecond."""
WRITERS = 16
"""Connections of one process that write or wait for their turn; kept open, for opening one costs more than an entry of the ledger."""
READERS = {
    "default_transaction_read_only": "on",
    # What is asked again is planned for its values each time: by a plan for any word, or any state, a rare one is looked for among all.
    "plan_cache_mode": "force_custom_plan",
    # To the server the beginning of a word is in half a percent of all texts: it would start two processes for the one hit, or walk a table
    # instead of looking up what was found (decision 0091).
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
}
"""Settings of PostgreSQL for connections that read."""
_LET_GO = "SELECT set_config('synchronous_commit', 'off', true) WHERE current_setting('synchronous_standby_names') = ''"
_WRITE_THROUGH = "SELECT pg_logical_emit_message(true, 'sceau', '') WHERE pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn()"
"""A commit of next to nothing, as durable as the server is set: it writes through all that was logged before it, if need be."""


class NetworkFileSystem(Exception):
    """SQLite loses data on a network file system."""


class DatabaseRefused(Exception):
    """The records may not lie there, whatever the server says; its first argument is a code of `station.problems`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


def server_address(url: str, environment: Mapping[str, str] = os.environ) -> sa.URL:
    """How a PostgreSQL server is spoken to: our driver, `MANNERS`, and the password that SCEAU_DATABASE_PASSWORD holds.

    Raises DatabaseRefused for what is no address of one.
    """
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise DatabaseRefused("database-address", "database_url") from error
    if address.drivername not in ("postgres", "postgresql", "postgresql+psycopg") or not address.database:
        raise DatabaseRefused("database-address", address.render_as_string())
    if address.password is None and environment.get(UNLOCKED_BY):
        address = address.set(password=environment[UNLOCKED_BY])
    manners = {name: value for name, value in MANNERS.items() if name not in address.query}
    return address.set(drivername="postgresql+psycopg").update_query_dict(manners)


class Settling(psycopg.Connection[Any]):
    """Its transactions end in two strides: the next writer has its turn at once, and the answer comes once the disk has written.

    What a transaction wrote, and what it saw of others, outlives a power cut when its end returns (decision 0081). One round trip each.
    Both raise psycopg.Error; where the connection was cut on the way, whether it was committed is not known, as ever.
    """

    def commit(self) -> None:
        if self.pgconn.transaction_status == TransactionStatus.INTRANS:
            self.execute(f"{_LET_GO}; COMMIT; {_WRITE_THROUGH}", prepare=False)
        else:
            super().commit()

    def rollback(self) -> None:
        """So do readers end that do not commit, and who looks whether a step was done."""
        if self.pgconn.transaction_status == TransactionStatus.INTRANS:
            self.execute(f"ROLLBACK; {_WRITE_THROUGH}", prepare=False)
        else:
            super().rollback()


def open_engine(url: str, *, read_only: bool = False) -> sa.Engine:
    """Engine on which writers take turns and readers may not write; SQLite made safe: WAL, synchronous FULL, BEGIN IMMEDIATE.

    Raises NetworkFileSystem where SQLite would lie on one, DatabaseRefused for an address of neither database.
    """
    if not url.startswith("sqlite"):
        return _open_server(url, read_only)
    path = Path(sa.make_url(url).database or "")
    _refuse_network(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    keep_private(path)
    # Each connection keeps statements and pages, up to 3 MB, and three open files: the few that are used all the time stay, those of a busy
    # moment are closed again. The one that was last used comes first.
    waits = {"timeout": 30, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=waits, pool_size=KEPT_OPEN, max_overflow=32 - KEPT_OPEN, pool_use_lifo=True)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        prepare_sqlite(connection)
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # pysqlite begins only at the first write: what was read before it would not belong to the transaction.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def keep_private(path: Path) -> None:
    """A SQLite file, made or to be made, that other accounts of the machine do not read, whatever its folder's rights: it names people.

    It is not opened: closing it again would end the locks that this process has on it (POSIX).
    """
    # What cannot be made or changed is told by whoever opens it: a disk without room, another account's file.
    with suppress(OSError):
        path.touch(mode=0o600)
    for each in (path, *(path.with_name(f"{path.name}-{log}") for log in ("wal", "shm"))):
        with suppress(OSError):
            if (mode := each.stat().st_mode) & 0o007:
                each.chmod(mode & 0o7770)


def _open_server(url: str, read_only: bool) -> sa.Engine:
    address = server_address(url)
    own = address.query.get("options", ())
    waits = {"idle_in_transaction_session_timeout": f"{IDLE_MILLISECONDS}", "lock_timeout": f"{WAIT_MILLISECONDS}"}
    manners = (READERS if read_only else waits).items()
    options = " ".join([*((own,) if isinstance(own, str) else own), *(f"-c {name}={value}" for name, value in manners)])
    manner: dict[str, Any] = {"pool_pre_ping": True, "isolation_level": "READ COMMITTED", "connect_args": {"options": options}}
    if not read_only:
        manner |= {"pool_size": WRITERS, "max_overflow": 0}
    engine = sa.create_engine(address, **manner)

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: Any, parameters: Any) -> Settling:
        return Settling.connect(*arguments, **parameters)

    @sa.event.listens_for(engine, "connect", insert=True)
    def admit(connection: Any, _record: object) -> None:
        # Known from the greeting: asking costs nothing. Before SQLAlchemy asks, which cannot read what is not UTF-8.
        told = connection.info
        if told.server_version < OLDEST_SERVER:
            raise DatabaseRefused("database-old", f"PostgreSQL {told.parameter_status('server_version')}")
        if told.parameter_status("server_encoding") != "UTF8":
            raise DatabaseRefused("database-encoding", f"server_encoding = {told.parameter_status('server_encoding')}")
        if told.parameter_status("in_hot_standby") == "on":
            raise DatabaseRefused("database-standby", "in_hot_standby = on")

    if not read_only:

        @sa.event.listens_for(engine, "begin")
        def await_turn(connection: sa.Connection) -> None:
            # As SQLite's BEGIN IMMEDIATE: who writes is alone, so that what it read stays true until it commits. Kept until the commit.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")

    return engine


def prepare_sqlite(connection: Any) -> None:
    """The pragmas of every SQLite connection of the station; `connection` is the driver's."""
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


@dataclass(frozen=True, slots=True)
class Database:
    """Two doors to the same tables: GET requests read, everything else writes."""

    url: str
    writer: sa.Engine
    reader: sa.Engine
    scope: Scope | None = None
    """What every session opened here sees; None: all of the house."""

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that commits at the end, or not at all."""
        with Session(self.writer, expire_on_commit=False) as session, session.begin():
            put_scope(session, self.scope)
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self.reader, expire_on_commit=False) as session, session.begin():
            put_scope(session, self.scope)
            yield session

    def close(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def open_database(url: str) -> Database:
    """Both doors, without migrating. Raises DatabaseRefused for a file whose records moved elsewhere, and what `open_engine` raises."""
    refuse_moved(url)
    return Database(url, open_engine(url), open_engine(url, read_only=True))


MOVING_TABLE = "sceau_move"
"""In a database that is being filled by a move, until everything was compared: `station.move`."""


def move_mark(url: str) -> Path | None:
    """File beside a SQLite database that says that its records are being moved, or were; None of a server."""
    path = sa.make_url(url).database if url.startswith("sqlite") else None
    return Path(f"{path}.moved") if path else None


def refuse_moved(url: str) -> None:
    """Nobody writes by accident where the records were once. Raises DatabaseRefused."""
    mark = move_mark(url)
    if mark is not None and mark.exists():
        try:
            told = json.loads(mark.read_bytes())
            raise DatabaseRefused("database-moving" if told["state"] == "moving" else "database-moved", f"{mark}: {told['to']}")
        except (ValueError, KeyError, TypeError) as error:
            raise DatabaseRefused("database-moved", str(mark)) from error


def refuse_halfway(database: Database) -> None:
    """Raises DatabaseRefused for a database that a move has not filled and compared yet."""
    if sa.inspect(database.reader).has_table(MOVING_TABLE):
        raise DatabaseRefused("database-halfway", place_of(database))


def place_of(database: Database) -> str:
    """Where the records lie, for people: no password, no parameters."""
    address = database.writer.url
    if address.get_backend_name() == "sqlite":
        return f"sqlite {address.database}"
    host = f"[{address.host}]" if ":" in (address.host or "") else address.host or "local"
    return f"postgresql {address.username or ''}@{host}:{address.port or 5432}/{address.database}"


@dataclass(frozen=True, slots=True)
class Server:
    """What a PostgreSQL server says of itself."""

    version: str
    revision: str
    """Of the tables; "" before the first start."""
    encrypted: bool
    """The connection to it."""
    durable: bool
    """What it called committed outlives a power cut: fsync, full_page_writes and synchronous_commit are on."""
    connections: int
    limit: int
    """Connections that it takes in all."""
    password_written: bool
    """The password stands in the address, and with it in the settings file."""
    collation: str = ""
    """How the database sorts words: provider and locale."""
    offset: float = 0.0
    """Seconds by which its clock is ahead of ours, the way there and back halved."""


def look_at_server(database: Database) -> Server | None:
    """None where the records lie in a file."""
    if database.reader.dialect.name == "sqlite":
        return None
    with database.reader.connect() as connection:
        told = connection.execute(
            sa.text(
                "SELECT current_setting('server_version'), to_regclass('alembic_version') IS NOT NULL,"
                " current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'"
                " AND current_setting('synchronous_commit') <> 'off',"
                " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), current_setting('max_connections')::int"
            )
        ).one()
        revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version")) if told[1] else ""
        # As JSON, for a server before 15 has no column of ICU's locale.
        sorts = connection.scalar(sa.text("SELECT to_jsonb(d) FROM pg_database d WHERE datname = current_database()"))
        begun = time.time()
        theirs = float(connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
        offset = theirs - (begun + time.time()) / 2
        encrypted = bool(connection.connection.driver_connection.pgconn.ssl_in_use)  # type: ignore[union-attr]
    written = sa.make_url(database.url).password is not None
    return Server(told[0].split()[0], str(revision or ""), encrypted, told[2], told[3], told[4], written, _collation(sorts), offset)


def _collation(told: Mapping[str, Any]) -> str:
    """Of a row of pg_database: `icu fr-FR`, or the locale of the system's library."""
    icu = told.get("daticulocale") or told.get("datlocale")
    return f"icu {icu}" if told.get("datlocprovider") == "i" and icu else str(told.get("datcollate") or "")


def alembic_config(engine: sa.Engine) -> Config:
    """Alembic's configuration without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def migrate(database: Database) -> None:
    """Bring the tables to this version; of several processes that start at once one does, the others wait and find it done."""
    command.upgrade(alembic_config(database.writer), "head")


def _refuse_network(path: Path) -> None:
    kind = file_system(path.absolute())
    if kind in NETWORK_FILE_SYSTEMS:
        raise NetworkFileSystem(f"{path}: SQLite may not lie on a network file system ({kind})")


def file_system(path: Path) -> str:
    """Type of the file system that holds `path`, from the mount with the longest matching point; "" where it cannot be told."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return ""
    matching = [(len(m[1]), m[2]) for m in mounts if len(m) > 2 and os.path.commonpath([m[1], path]) == m[1]]
    return max(matching, default=(0, ""))[1]
