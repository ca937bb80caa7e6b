"""Backups on a schedule, and rehearsals of their restoration: restored in a scratch place by a process of its own, verified, gone.

A backup that was never restored is a hope. Each rehearsal ends with a sealed report and an entry in the ledger, and counts as the control
"restore"; it asks no witness and starts nothing: a copy must not act in the house's name.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import sync_folder
from config.settings import Settings
from sealing.ledger import Event
from sealing.ticks import BLOCKS
from station.backup import PASSPHRASE_VARIABLE, SYSTEM, NoPassphrase, begin_run, begun_run, end_broken, end_run, noted_backup
from station.copies import newest_run
from station.formal import Head, Paper, dropped_unless_noted, keep_paper
from station.records.ledger import append_event, tree_of
from station.records.tables import BackupRun, Person
from station.slots import SlotTaken, hold_slot, is_held
from station.thinning import thin_backups
from station.timekeeping import clock_word, health_of_clock
from station.workstation import Workstation

ENTRY = "drill"
SCRATCH = "restore-drill"
EVERY = {"weekly": timedelta(days=7), "monthly": timedelta(days=30)}
LONGEST_SECONDS = 24 * 3600.0
"""After so long a rehearsal is ended and told as failed."""
AGAIN = timedelta(hours=1)
"""After a failure the next try waits."""
AHEAD = timedelta(hours=1)
"""By so much the clocks of two machines may differ."""
TURN_SECONDS = 20.0
SHOWN = 20
TRIED = ("whole", "flawed", "failed")
EMPTY = "empty"
"""What came of a rehearsal that had no original to check: it holds, and proves nothing. The station's own reports are kept files, too."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the house's backups stand: for the page, for alerts, for whoever watches."""

    place: str
    """Where they lie; empty where the station makes none."""
    last: BackupRun | None
    """The newest that ended whole, or flawed but written."""
    drill: BackupRun | None
    """The newest rehearsal that ended, whatever it had to check."""
    proof: BackupRun | None
    """The newest that had something to check: one of a backup without an original proves nothing."""
    running: str | None
    """backup or drill, where one is at work now."""
    late: bool
    """No backup since `backup.alert_hours`."""
    undrilled: bool
    """No rehearsal that held within twice its time."""
    runs: tuple[BackupRun, ...]
    """The newest, of both kinds."""

    @property
    def alert(self) -> str | None:
        """none-set, late, flawed, drill-failed or drill-late, the worst first; None where all is well."""
        if not self.place and self.last is None:
            return "none-set"
        if self.late:
            return "late"
        if self.last is not None and self.last.outcome != "whole":
            return "flawed"
        if self.proof is not None and self.proof.outcome != "whole":
            return "drill-failed"
        return "drill-late" if self.undrilled else None


def standing_of(session: Session, settings: Settings, now: datetime) -> Standing:
    """Reads the records and one lock."""
    last, drill = _newest(session, "backup", ("whole", "flawed")), _newest(session, "drill", (*TRIED, EMPTY))
    proof = drill if drill is None or drill.outcome != EMPTY else _newest(session, "drill", TRIED)
    care = settings.backup
    late = bool(care.folder or last) and (last is None or not _within(now, last.started_at, timedelta(hours=care.alert_hours)))
    every = EVERY.get(care.drill)
    # A house that has just begun is not late: there is nothing to rehearse with before its first backup.
    since = proof or _oldest(session, "backup")
    undrilled = every is not None and _holds_originals(last) and since is not None and not _within(now, since.started_at, 2 * every)
    runs = tuple(session.scalars(sa.select(BackupRun).order_by(BackupRun.id.desc()).limit(SHOWN)))
    working = bool(is_held(settings.home, "backup-0"))
    running = next((each.kind for each in runs if each.outcome == "running"), None) if working else None
    return Standing(care.folder, last, drill, proof, running, late, undrilled, runs)


def _holds_originals(backup: BackupRun | None) -> bool:
    """Whether there is anything to rehearse with: a house without a document backs up its rows, and papers of the station's own.

    Backups of versions before do not tell how many originals they hold: there it is all files.
    """
    return backup is not None and backup.figures.get("originals", backup.figures.get("files")) != 0


def _newest(session: Session, kind: str, outcomes: tuple[str, ...]) -> BackupRun | None:
    query = sa.select(BackupRun).where(BackupRun.kind == kind, BackupRun.outcome.in_(outcomes)).order_by(BackupRun.id.desc()).limit(1)
    return session.scalars(query).first()


def _oldest(session: Session, kind: str) -> BackupRun | None:
    return session.scalars(sa.select(BackupRun).where(BackupRun.kind == kind).order_by(BackupRun.id).limit(1)).first()


def ask_run(session: Session, settings: Settings, kind: str, person: Person, now: datetime) -> BackupRun | None:
    """A person asks for a backup or a rehearsal now: the running station takes it up. None where one waits already, or no place is set."""
    waiting = session.scalar(sa.select(BackupRun.id).where(BackupRun.kind == kind, BackupRun.outcome == "asked").limit(1))
    if waiting is not None or not settings.backup.folder:
        return None
    row = BackupRun(kind=kind, asked_by=person.pseudonym, started_at=now, place=settings.backup.folder, outcome="asked", size=0, figures={})
    session.add(row)
    session.flush()
    return row


# --- the running station ---


def tend_backups(workstation: Workstation) -> str | None:
    """One turn: what was asked for, else what is due; returns what was done. One process of the machine at a time."""
    care = workstation.settings.backup
    end_broken(workstation)
    if not care.folder:
        return None
    try:
        with hold_slot(workstation.home, "backup", 1):
            return _turn(workstation, workstation.home / care.folder)
    except SlotTaken:
        return None


def _turn(workstation: Workstation, place: Path) -> str | None:
    now, care = workstation.clock(), workstation.settings.backup
    with workstation.database.reading() as session:
        asked = session.scalars(sa.select(BackupRun).where(BackupRun.outcome == "asked").order_by(BackupRun.id).limit(1)).first()
        kind, number = (asked.kind, asked.id) if asked is not None else (_due(session, workstation.settings, now), 0)
    if kind == "backup":
        passphrase = os.environ.get(PASSPHRASE_VARIABLE) if care.keys else None
        if care.keys and not passphrase:
            run = number or begin_run(workstation, "backup", str(place))
            end_run(workstation, run, "failed", trouble=f"backup.keys = true, {PASSPHRASE_VARIABLE} : absente / missing")
            return None
        try:
            noted_backup(workstation, place, keys=passphrase, run=number)
            if health_of_clock(workstation) not in BLOCKS:
                thin_backups(workstation, place)
        except NoPassphrase:
            return None
    elif kind == "drill":
        run_drill(workstation, place, number)
    return kind


def _due(session: Session, settings: Settings, now: datetime) -> str | None:
    care = settings.backup
    for kind, every in (("backup", timedelta(hours=care.hours) if care.hours else None), ("drill", EVERY.get(care.drill))):
        if every is None:
            continue
        newest = session.scalars(sa.select(BackupRun).where(BackupRun.kind == kind).order_by(BackupRun.id.desc()).limit(1)).first()
        if kind == "drill" and not _holds_originals(_newest(session, "backup", ("whole", "flawed"))):
            continue
        wait = every if newest is None or newest.outcome in ("whole", "flawed") else AGAIN
        if newest is None or not _within(now, newest.started_at, wait):
            return kind
    return None


def _within(now: datetime, begun: datetime, wait: timedelta) -> bool:
    """Whether it began so lately. What a clock that ran ahead noted began nobody knows when: it must put nothing off until then."""
    return -AHEAD < now - begun < wait


# --- a rehearsal ---


def run_drill(workstation: Workstation, place: Path, number: int = 0) -> BackupRun:
    """Restore the newest backup of a folder, or a tar, into a scratch place, verify it whole, and report; nothing of it stays."""
    source = newest_run(place) if place.is_dir() else place
    with begun_run(workstation, "drill", str(place), number) as run:
        outcome, figures, trouble = _tried(workstation, source or place)
        sha256 = None
        try:
            sha256 = _report(workstation, run, str(source or place), outcome, figures, trouble)
        except Exception as error:  # noqa: BLE001 a report that cannot be sealed is told; what was found stays told, too
            trouble = f"{trouble or ''} rapport non scellé / report not sealed: {error}".strip()
        end_run(workstation, run, outcome, int(figures.get("bytes", 0)), figures, trouble, str(source or place))
    with workstation.database.writing() as session:
        row = session.get_one(BackupRun, run)
        row.sha256 = sha256
        objects = {"run": str(run), **({"paper": sha256} if sha256 else {})}
        told = {"outcome": outcome, "backup": str(source or place), "logs": figures.get("logs", {}), "bad": figures.get("bad_count", 0)}
        entity = workstation.settings.entity
        append_event(session, Event(entity, ENTRY, objects, SYSTEM, workstation.clock(), clock_word(workstation), told))
        session.flush()
        session.expunge(row)
        return row


def _tried(workstation: Workstation, source: Path) -> tuple[str, dict[str, Any], str | None]:
    """Outcome, what was found, and why it failed; by `sceau restore --verify` in a process of its own, at the lowest priority."""
    room = workstation.home / SCRATCH
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(mode=0o700)
    try:
        target = Path(tempfile.mkdtemp(dir=room)) / "home"
        line = [sys.executable, "-m", "station.drills", str(source), str(target)]
        environment = {**os.environ, "SCEAU_HOME": str(room / "none"), "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False, cwd=room)
        told = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    except subprocess.TimeoutExpired:
        return "failed", {}, f"plus de {LONGEST_SECONDS / 3600:.0f} heures / more than {LONGEST_SECONDS / 3600:.0f} hours"
    except (OSError, ValueError) as error:
        return "failed", {}, str(error)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    if "trouble" in told or not told:
        return "failed", {}, str(told.get("trouble") or done.stderr.strip().splitlines()[-1:] or done.returncode)
    outcome = "flawed" if not told["holds"] else "whole" if told["originals"] else EMPTY
    return outcome, {name: told[name] for name in told if name not in ("home", "backup")}, None


def _report(workstation: Workstation, run: int, source: str, outcome: str, figures: dict[str, Any], trouble: str | None) -> str:
    """The sealed paper: SHA-256 in the vault of archives."""
    settings, moment = workstation.settings, workstation.clock()
    with workstation.database.reading() as session:
        head = Head(settings.entity, tree_of(session, settings.entity))
    data = {
        "format": "sceau-restore-drill-1",
        "run": run,
        "entity": settings.entity,
        "backup": source,
        "outcome": outcome,
        "trouble": trouble,
        "figures": {name: (str(value) if isinstance(value, float) else value) for name, value in figures.items()},
        "at": moment.isoformat(timespec="seconds"),
    }
    kept = keep_paper(workstation, Paper("drill.html", f"Essai de restauration n° {run}", "essai.json", data, moment, {}), head)
    with dropped_unless_noted(workstation, kept), workstation.database.writing() as session:
        session.get_one(BackupRun, run).sha256 = kept.sha256
    return kept.sha256


def _main(source: Path, target: Path) -> int:
    """In the process of its own: one line of JSON."""
    from station.restore import Wish, refused_words, restore_backup

    os.nice(10)
    try:
        # Keys stay in the backup: the rehearsal needs none, and no copy of them is made.
        done = restore_backup(Wish(source, target, seals=True, ask=False))
        sync_folder(target)
    except Exception as error:  # noqa: BLE001 whatever it is, the report tells it
        told = refused_words(error, "fr") if error.__class__.__module__.startswith("station.") else f"{type(error).__name__}: {error}"
        print(json.dumps({"trouble": told}))
        return 1
    print(json.dumps(done.as_json()))
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), Path(sys.argv[2])))
