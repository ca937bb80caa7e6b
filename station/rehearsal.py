"""An upgrade of the tables: copied, rehearsed on the copy, verified there, and only then made on the tables themselves.

Whatever fails, the tables stay as they were and words say so; the copy of before is kept in `before-upgrade/`.
"""

import importlib.metadata
import io
import json
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any, BinaryIO, cast

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from sealing.ledger import BrokenLedger
from station.copies import COMPLETE, FORMAT, HEAD, MANIFEST, tar_sink
from station.records import people
from station.records.database import Database, alembic_config, migrate, prepare_sqlite
from station.records.ledger import verify_ledger
from station.records.tables import Base
from station.rows import kept_tables, schema_of, snapshot_of, spooled_rows
from station.slots import SlotTaken, hold_slot, is_held

log = logging.getLogger("sceau.rehearsal")
FOLDER = "before-upgrade"
KEPT = 3
"""So many copies of before are kept, the newest."""
PATIENCE_SECONDS = 3600.0
"""For another process that upgrades now."""
SCRATCH = "sceau_rehearsal"
"""PostgreSQL: the schema of the copy, in the same database, for an account may make that and seldom a database."""


class UpgradeFailed(Exception):
    """The tables are as they were. `step` is where it failed: newer, running, copy, migrate, verify or switch."""

    def __init__(self, step: str, detail: str, copy: Path | None = None) -> None:
        super().__init__(f"{step}: {detail}")
        self.step, self.detail, self.copy = step, detail, copy

    def words(self, language: str = "fr") -> str:
        english = language == "en"
        told = f"{_WORDS[self.step][english]} ({self.detail})"
        if self.copy is not None:
            told += f" {'The copy of before is kept' if english else 'La copie d’avant est gardée'} : {self.copy}"
        return told


_UNTOUCHED = (
    "Vos données sont intactes, telles qu'elles étaient. Revenez à la version d'avant de Sceau, et gardez ce message.",
    "Your data are untouched, as they were. Go back to the version before, and keep this message.",
)
_WORDS = {
    "newer": (
        "Ces données viennent d'une version plus récente de Sceau que celle-ci. Rien n'a été changé. Installez cette version-là.",
        "These data are of a newer version of Sceau than this one. Nothing was changed. Install that version.",
    ),
    "running": (
        "Un poste est en marche sur ces données : une mise à niveau attend son arrêt. Rien n'a été changé. Arrêtez-le, recommencez.",
        "A workstation runs on these data: an upgrade waits until it is stopped. Nothing was changed. Stop it and try again.",
    ),
    "copy": (f"La copie avant mise à niveau a échoué. {_UNTOUCHED[0]}", f"The copy before the upgrade failed. {_UNTOUCHED[1]}"),
    "migrate": (
        f"La répétition de la mise à niveau, sur une copie, a échoué. {_UNTOUCHED[0]}",
        f"The rehearsal of the upgrade, on a copy, failed. {_UNTOUCHED[1]}",
    ),
    "verify": (
        f"La répétition de la mise à niveau a donné des données qui ne se vérifient pas. {_UNTOUCHED[0]}",
        f"The rehearsal of the upgrade gave data that do not verify. {_UNTOUCHED[1]}",
    ),
    "switch": (
        f"La mise à niveau a échoué et fut annulée en entier. {_UNTOUCHED[0]}",
        f"The upgrade failed and was undone as a whole. {_UNTOUCHED[1]}",
    ),
}


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of a rehearsal, or of an upgrade."""

    before: str
    """Revision of the tables."""
    after: str
    tables: int
    rows: int
    entries: int
    """Of all ledgers, each verified from its first entry."""
    seconds: float
    copy: str = ""
    """Where the copy of before lies; empty where it was not kept."""
    switched: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def words(self, language: str = "fr") -> str:
        english = language == "en"
        if self.before == self.after:
            return f"Nothing to do: tables {self.after}." if english else f"Rien à faire : les tables sont à {self.after}."
        seconds = f"{self.seconds:.1f}" if english else f"{self.seconds:.1f}".replace(".", ",")
        if english:
            what = "Upgraded" if self.switched else "Rehearsed on a copy; nothing was changed"
            told = f"{what}: {self.before} → {self.after}, {self.tables} tables, {self.rows} rows, {self.entries} ledger entries verified"
            return f"{told}, {seconds} s." + (f" Copy of before: {self.copy}" if self.copy else "")
        what = "Mis à niveau" if self.switched else "Répété sur une copie, rien n'a changé"
        told = f"{what} : {self.before} → {self.after}, {self.tables} tables, {self.rows} lignes, {self.entries} inscriptions vérifiées"
        return f"{told}, {seconds} s." + (f" Copie d'avant : {self.copy}" if self.copy else "")


def newest_schema() -> str:
    """Revision of this version's tables."""
    return str(_scripts().get_current_head())


def known_schema(revision: str) -> bool:
    """Whether this version knows the way from there."""
    return revision in {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(people.__file__).parent / "migrations"))


def schema_here(database: Database) -> str | None:
    with database.reader.connect() as connection:
        return schema_of(connection)


def bring_up(database: Database, home: Path, clock: Callable[[], datetime]) -> Rehearsed | None:
    """The tables are this version's when it returns; None where they were already. Raises UpgradeFailed."""
    before = schema_here(database)
    if before is None:
        migrate(database)
        return None
    if before == newest_schema():
        return None
    if not known_schema(before):
        raise UpgradeFailed("newer", before)
    return upgrade(database, home, clock)


def upgrade(database: Database, home: Path, clock: Callable[[], datetime], *, switch: bool = True) -> Rehearsed:
    """Copy, rehearse, verify; and unless it is only a rehearsal, switch. Raises UpgradeFailed."""
    with _alone(home):
        before = schema_here(database)
        if before is None or before == newest_schema():
            return Rehearsed(before or newest_schema(), newest_schema(), 0, 0, 0, 0.0)
        if not known_schema(before):
            raise UpgradeFailed("newer", before)
        if switch and (executor := _running(home)) is not None:
            raise UpgradeFailed("running", executor)
        begun, sqlite = time.monotonic(), database.writer.dialect.name == "sqlite"
        copy = _copied(database, home / FOLDER, clock(), before, sqlite)
        rehearsed = _rehearsed(copy, before) if sqlite else _rehearsed_beside(database, before)
        rehearsed = replace(rehearsed, seconds=round(time.monotonic() - begun, 1))
        if not switch:
            copy.unlink(missing_ok=True)
            return rehearsed
        log.warning("%s", rehearsed.words("en"))
        try:
            migrate(database)
            with Session(database.reader) as session:
                session.execute(sa.select(sa.literal(1)))
        except Exception as error:
            raise UpgradeFailed("switch", _plain(error), copy) from error
        _drop_old(home / FOLDER)
        done = replace(rehearsed, seconds=round(time.monotonic() - begun, 1), copy=str(copy), switched=True)
        log.warning("%s", done.words("en"))
        return done


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Of several processes that start at once one upgrades; the others wait and find it done."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with hold_slot(home, "upgrade", 1):
                yield
                return
        except SlotTaken:
            if time.monotonic() > deadline:
                raise UpgradeFailed("running", "upgrade-0") from None
            time.sleep(0.2)


def _running(home: Path) -> str | None:
    """A living process that works on these tables."""
    names = sorted(path.name for path in (home / "slots").glob("*-*") if path.name.startswith(("serve-", "work-")))
    return next((name for name in names if is_held(home, name)), None)


def _plain(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


# --- the copy of before ---


def _copied(database: Database, folder: Path, moment: datetime, before: str, sqlite: bool) -> Path:
    name = f"sceau-{before}-{moment:%Y%m%dT%H%M%SZ}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if sqlite:
            target = folder / f"{name}.db"
            copy_sqlite(Path(str(database.writer.url.database)), target)
        else:
            target = folder / f"{name}.tar"
            target.unlink(missing_ok=True)
            _copy_rows(database, target, moment)
    except (OSError, sqlite3.Error, sa.exc.DBAPIError) as error:
        raise UpgradeFailed("copy", _plain(error)) from error
    return target


def copy_sqlite(source: Path, target: Path) -> None:
    """By SQLite's own backup, which copes with writers; the target has its name when it is whole."""
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(draft)) as new:
        old.backup(new, pages=4096)
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.chmod(0o600)
    draft.rename(target)


def _copy_rows(database: Database, target: Path, moment: datetime) -> None:
    """Rows alone, in the form of a backup, which `sceau restore` takes: the kept files are not touched by an upgrade."""
    with tar_sink(target, 0) as sink, snapshot_of(database.reader) as connection:
        head: dict[str, object] = {
            "format": FORMAT,
            "version": importlib.metadata.version("sceau"),
            "schema": schema_of(connection),
            "rows_only": True,
        }
        head |= {"made_at": moment.isoformat(), "logs": {}}
        lines = [sink.put(HEAD, *_sized(head))]
        for table in kept_tables(connection):
            with spooled_rows(connection, table) as (stream, size, _count):
                lines.append(sink.put(f"rows/{table.name}.jsonl", cast(BinaryIO, stream), size))
        manifest = b"".join(line.as_json() for line in lines)
        sink.finish(MANIFEST, io.BytesIO(manifest), len(manifest))
        sink.finish(COMPLETE, *_sized({"manifest": hash_of(manifest).hexdigest()}))


def _sized(told: dict[str, Any]) -> tuple[BinaryIO, int]:
    content = json.dumps(told).encode()
    return io.BytesIO(content), len(content)


def _drop_old(folder: Path) -> None:
    for path in sorted(folder.glob("sceau-*"), key=lambda each: each.stat().st_mtime)[:-KEPT]:
        path.unlink(missing_ok=True)


# --- the rehearsal ---


def _rehearsed(copy: Path, before: str) -> Rehearsed:
    """On a file of its own."""
    scratch = copy.with_name(".rehearsal.db")
    for path in _with_beside(scratch):
        path.unlink(missing_ok=True)
    try:
        shutil.copyfile(copy, scratch)
        engine = _sqlite_engine(scratch)
        try:
            return _tried(engine, before, lambda: _whole_sqlite(engine))
        finally:
            engine.dispose()
    except OSError as error:
        raise UpgradeFailed("copy", _plain(error)) from error
    finally:
        for path in _with_beside(scratch):
            path.unlink(missing_ok=True)


def _with_beside(path: Path) -> tuple[Path, ...]:
    return (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))


def _sqlite_engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        prepare_sqlite(connection)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _whole_sqlite(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        found = connection.scalar(sa.text("PRAGMA integrity_check(1)"))
        stray = connection.execute(sa.text("PRAGMA foreign_key_check")).first()
    if found != "ok" or stray is not None:
        raise UpgradeFailed("verify", str(found if stray is None else tuple(stray)))


def _rehearsed_beside(database: Database, before: str) -> Rehearsed:
    """In a schema of its own of the same database (PostgreSQL), into which the rows are copied by the server itself."""
    url = sa.make_url(database.url)
    engine = sa.create_engine(url, connect_args={"options": f"-c search_path={SCRATCH}"}, poolclass=sa.NullPool)
    try:
        with database.writer.begin() as connection:
            here = str(connection.scalar(sa.text("SELECT current_schema()")))
            connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {SCRATCH} CASCADE"))
            connection.execute(sa.text(f"CREATE SCHEMA {SCRATCH}"))
        try:
            command.upgrade(alembic_config(engine), before)
            with engine.begin() as connection:
                for table in kept_tables(connection):
                    names = ", ".join(f'"{column.name}"' for column in table.columns)
                    order = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
                    copied = f'INSERT INTO "{table.name}" ({names}) SELECT {names} FROM "{here}"."{table.name}" ORDER BY {order}'  # noqa: S608
                    connection.execute(sa.text(copied))
        except Exception as error:
            raise UpgradeFailed("copy", _plain(error)) from error
        return _tried(engine, before, lambda: None)
    finally:
        engine.dispose()
        with suppress(sa.exc.DBAPIError), database.writer.begin() as connection:
            connection.execute(sa.text(f"DROP SCHEMA IF EXISTS {SCRATCH} CASCADE"))


def _tried(engine: sa.Engine, before: str, look: Callable[[], None]) -> Rehearsed:
    """Migrate, then hold what is there against what was there: every row, every head, every entry of each ledger."""
    counts, heads = _counts(engine), _heads(engine)
    try:
        command.upgrade(alembic_config(engine), "head")
    except Exception as error:
        raise UpgradeFailed("migrate", _plain(error)) from error
    look()
    fewer = [name for name, count in _counts(engine).items() if count < counts.get(name, 0)]
    if fewer or set(counts) - set(_counts(engine)):
        raise UpgradeFailed("verify", f"rows: {', '.join(sorted(fewer) or sorted(set(counts) - set(_counts(engine))))}")
    try:
        with Session(engine) as session:
            trees = verify_ledger(session)
    except BrokenLedger as error:
        raise UpgradeFailed("verify", str(error)) from error
    if {entity: (tree.size, tree.root) for entity, tree in trees.items()} != heads:
        raise UpgradeFailed("verify", "ledger")
    entries = sum(size for size, _ in heads.values())
    return Rehearsed(before, newest_schema(), len(counts), sum(counts.values()), entries, 0.0)


def _counts(engine: sa.Engine) -> dict[str, int]:
    known = set(Base.metadata.tables)
    with engine.connect() as connection:
        names = [name for name in sa.inspect(connection).get_table_names() if name in known]
        return {name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0 for name in names}


def _heads(engine: sa.Engine) -> dict[str, tuple[int, bytes]]:
    """Legal entity → size and root of its ledger, as the rows say."""
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT l.entity, l.sequence, l.root FROM ledger l JOIN "
                "(SELECT entity, max(sequence) AS newest FROM ledger GROUP BY entity) n ON n.entity = l.entity AND n.newest = l.sequence"
            )
        )
        return {row.entity: (row.sequence + 1, bytes(row.root)) for row in rows}
