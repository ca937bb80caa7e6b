"""The database: one place that knows how SQLite is opened, and the two kinds of transaction."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.orm import Session, sessionmaker

from station.records.scope import Scope, put_scope

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "ceph", "glusterfs"})


class NetworkFileSystem(Exception):
    """SQLite loses data on a network file system."""


def open_engine(url: str, *, read_only: bool = False) -> sa.Engine:
    """Engine with SQLite made safe: WAL, synchronous FULL, BEGIN IMMEDIATE for writers; a reader may not write.

    Raises NetworkFileSystem where SQLite would lie on one.
    """
    if not url.startswith("sqlite"):
        options = {"options": "-c default_transaction_read_only=on"} if read_only else {}
        return sa.create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", connect_args=options)
    path = Path(sa.make_url(url).database or "")
    _refuse_network(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, pool_size=16, max_overflow=16)

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
        with sessionmaker(self.writer, expire_on_commit=False).begin() as session:
            put_scope(session, self.scope)
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with sessionmaker(self.reader, expire_on_commit=False).begin() as session:
            put_scope(session, self.scope)
            yield session

    def close(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def open_database(url: str) -> Database:
    """Both doors, without migrating."""
    return Database(url, open_engine(url), open_engine(url, read_only=True))


def alembic_config(engine: sa.Engine) -> Config:
    """Alembic's configuration without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def migrate(database: Database) -> None:
    """Bring the tables to this version."""
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
