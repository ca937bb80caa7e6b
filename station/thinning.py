"""Old backups of a folder go by a stated rule: the newest of each of the last days, weeks and months that have one stay, and the newest
whose restoration was proven.

Periods without a backup count for nothing, so that a house whose backups have stopped loses none by the calendar. Each removal is an entry
of the ledger. What the folder does not let go (an object lock, an immutable file, a share that is read-only) stays and is named.
"""

import errno
import fcntl
import json
import logging
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256 as hash_of
from pathlib import Path

import sqlalchemy as sa

from config.settings import BackupCare
from sealing.ledger import Event
from station.backup import SYSTEM
from station.copies import COMPLETE, CONTENTS, MANIFEST, RUNS, busy_file
from station.records.ledger import append_event
from station.records.tables import BackupRun
from station.workstation import Workstation

log = logging.getLogger("sceau.backup")
ENTRY = "backup-thinned"
LEAVING = "leaving.json"
"""What `complete.json` is called from the moment that its backup is none any more."""
BROKEN_OFF = timedelta(days=2)
"""After so long what has no `complete.json` is no backup on its way any more."""


_NAME = re.compile(r"\d{8}T\d{9}Z(-\d+)?")
_NOT_LET_GO = frozenset({errno.EPERM, errno.EACCES, errno.EROFS, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True)
class Backup:
    """One whole backup of a folder."""

    path: Path
    at: datetime
    """UTC, from its name."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """What went, and what would have."""

    gone: tuple[str, ...] = ()
    """Names of backups."""
    locked: tuple[str, ...] = ()
    """The folder does not let them go."""
    freed: int = 0
    """Bytes."""


def staying(backups: Sequence[Backup], care: BackupCare, proven: str | None) -> frozenset[Path]:
    """Those that the rule keeps: of each kind of period the newest of the last so many that have one, the newest of all, the proven one.

    `proven`: its name. All of them where the rule keeps 0 days, 0 weeks and 0 months.
    """
    if not (care.keep_days or care.keep_weeks or care.keep_months):
        return frozenset(each.path for each in backups)
    newest_first = sorted(backups, key=lambda each: (each.at, each.path), reverse=True)
    kept = {each.path for each in newest_first[:1]} | {each.path for each in backups if each.path.name == proven}
    for count, form in ((care.keep_days, "%Y-%m-%d"), (care.keep_weeks, "%G-W%V"), (care.keep_months, "%Y-%m")):
        periods: dict[str, Path] = {}
        for each in newest_first:
            periods.setdefault(each.at.strftime(form), each.path)
        kept.update(list(periods.values())[:count])
    return frozenset(kept)


def thin_backups(workstation: Workstation, place: Path) -> Thinned:
    """One turn, by the rule of the settings. Nothing while a backup is being written there. Raises OSError where the folder is away."""
    care = workstation.settings.backup
    if not (care.keep_days or care.keep_weeks or care.keep_months):
        return Thinned()
    with _alone(place) as alone:
        if not alone or _others_run(workstation):
            return Thinned()
        whole, rest = _found(place, workstation.clock())
        kept = staying(whole, care, _proven(workstation, frozenset(each.path.name for each in whole)))
        gone: list[str] = []
        locked: list[str] = []
        for path in (*(each.path for each in whole if each.path not in kept), *rest):
            (gone if _removed(workstation, path) else locked).append(path.name)
        if locked:
            log.warning("backups that the folder does not let go: %s", ", ".join(locked[:10]))
        return Thinned(tuple(gone), tuple(locked), _swept(place, workstation.clock()) if gone else 0)


def moment_of(name: str) -> datetime | None:
    """When a backup was made, by the name that we give; None of what has another."""
    return datetime.strptime(name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if _NAME.fullmatch(name) else None


def _found(place: Path, now: datetime) -> tuple[list[Backup], list[Path]]:
    """Whole backups; and what is leaving already or broke off long ago. What was not named by us is left alone."""
    whole, rest = [], []
    for path in sorted((place / RUNS).iterdir()) if (place / RUNS).is_dir() else ():
        at = moment_of(path.name)
        if at is None:
            continue
        if (path / COMPLETE).is_file():
            whole.append(Backup(path, at))
        elif (path / LEAVING).is_file() or now - at > BROKEN_OFF:
            rest.append(path)
    return whole, rest


def _proven(workstation: Workstation, names: frozenset[str]) -> str | None:
    """Of these the one whose restoration was last rehearsed and held. By its name: one folder has several paths (a link, another mount)."""
    query = sa.select(BackupRun.place).where(BackupRun.kind == "drill", BackupRun.outcome == "whole").order_by(BackupRun.id.desc())
    with workstation.database.reading() as session:
        return next((name for place in session.scalars(query) if (name := Path(place).name) in names), None)


def _others_run(workstation: Workstation) -> bool:
    with workstation.database.reading() as session:
        return session.scalar(sa.select(BackupRun.id).where(BackupRun.outcome == "running").limit(1)) is not None


def _removed(workstation: Workstation, path: Path) -> bool:
    """No backup any more from one moment to the next, told in the ledger, then gone; False where the folder does not let it go."""
    leaving = path / LEAVING
    try:
        if (path / COMPLETE).is_file():
            (path / COMPLETE).rename(leaving)
        digest = hash_of(leaving.read_bytes()).hexdigest() if leaving.is_file() else ""
        if digest:
            _tell(workstation, path, digest)
            leaving.unlink()
        shutil.rmtree(path)
    except OSError as error:
        if error.errno not in _NOT_LET_GO:
            raise
        return False
    return True


def _tell(workstation: Workstation, path: Path, digest: str) -> None:
    """That a whole backup leaves; where the machine stops right after it is told again, rather than never."""
    care, now = workstation.settings.backup, workstation.clock()
    told = {"backup": path.name, "days": care.keep_days, "weeks": care.keep_weeks, "months": care.keep_months}
    with workstation.database.writing() as session:
        append_event(session, Event(workstation.settings.entity, ENTRY, {"complete": digest}, SYSTEM, now, "system", told))
        for row in session.scalars(sa.select(BackupRun).where(BackupRun.kind == "backup", BackupRun.place.endswith(f"/{path.name}"))):
            row.figures = {**(row.figures or {}), "thinned": now.isoformat(timespec="seconds")}


def _swept(place: Path, now: datetime) -> int:
    """Bytes of the contents that no manifest names any more; what nobody names is looked up in a file, for there may be millions."""
    freed, contents = 0, place / CONTENTS
    with tempfile.NamedTemporaryFile(prefix="sceau-thinning-") as file, sqlite3.connect(file.name) as named:
        named.execute("PRAGMA journal_mode=OFF")
        named.execute("CREATE TABLE named (sha256 BLOB PRIMARY KEY) WITHOUT ROWID")
        for run in (place / RUNS).iterdir():
            if not (run / MANIFEST).is_file():
                at = moment_of(run.name)
                if at is not None and now - at < BROKEN_OFF:
                    return 0  # One on its way, perhaps from another machine: what it will name is not written yet.
                continue
            with (run / MANIFEST).open("rb") as lines:
                found = ((bytes.fromhex(json.loads(line)["sha256"]),) for line in lines)
                named.executemany("INSERT OR IGNORE INTO named VALUES (?)", found)
        for path in contents.glob("*/*/*"):
            if (
                len(path.name) == 64
                and named.execute("SELECT 1 FROM named WHERE sha256 = ?", (bytes.fromhex(path.name),)).fetchone() is None
            ):
                freed += _unlinked(path)
        for path in contents.glob(".part-*"):
            if time.time() - path.stat().st_mtime > BROKEN_OFF.total_seconds():
                freed += _unlinked(path)
    return freed


def _unlinked(path: Path) -> int:
    size = path.stat().st_size
    try:
        path.unlink()
    except OSError as error:
        log.warning("%s: %s", path, error)
        return 0
    return size


@contextmanager
def _alone(place: Path) -> Iterator[bool]:
    """Whether nobody writes a backup into this folder until the end; a file system that knows no locks is never thinned."""
    with busy_file(place).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
