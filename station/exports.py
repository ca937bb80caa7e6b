"""Packages made from the desk: one at a time, in a thread of the server; each stays in a folder of its own until somebody removes it."""

import json
import logging
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from config.settings import make_folder
from station.package import CannotExport, Extract, Period, Progress, Scope, export_package, refuse_name
from station.packaging.scratch import GONE
from station.problems import problem_of
from station.records.tables import Document, LedgerPayload
from station.webhooks import tell_export
from station.workstation import Workstation

log = logging.getLogger("sceau.exports")
TOLD = "export.json"


class Stage(StrEnum):
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    """Nothing was written, for a reason in words."""
    STOPPED = "stopped"
    """A person stopped it."""
    BROKEN = "broken"
    """The server ended meanwhile, or something unexpected happened; nothing of it is left."""
    WITHDRAWN = "withdrawn"
    """Removed by the station: a document inside was erased or became confidential since."""


@dataclass(frozen=True, slots=True)
class Export:
    """One package that somebody asked for, and what became of it."""

    id: str
    scope: dict[str, str]
    actor: str
    """Pseudonym."""
    begun_at: str
    """ISO, UTC."""
    stage: Stage
    done: int = 0
    total: int = 0
    bytes: int = 0
    parts: tuple[str, ...] = ()
    """Names of the files to download, the index part first."""
    documents: int = 0
    withheld: int = 0
    lost: int = 0
    """Of those withheld, how many are missing or damaged."""
    trouble: tuple[str, str] = ("", "")
    """Why there is none, in French and in English."""
    entity: str = ""
    """Whose ledger it is of; empty of the versions before: the installation's own company's."""

    @property
    def living(self) -> bool:
        return self.stage is Stage.RUNNING


class Busy(Exception):
    """Another package is being made."""


class NoExport(Exception):
    """There is none with this number, or it has no such part."""


class Exports:
    """Those of one server. Whatever a server that ended left half done is cleared away and told as broken."""

    def __init__(self, workstation: Workstation, chance: Callable[[], str] = lambda: token_hex(3)) -> None:
        self._workstation, self._chance = workstation, chance
        self._folder = workstation.home / "exports"
        self._lock = threading.Lock()
        self._running: Export | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clear_broken()

    def start(self, scope: Scope, actor: str, entity: str = "") -> str:
        """Begin a package of a company, else of the installation's own; returns its number. Raises Busy, OSError."""
        now = self._workstation.clock()
        with self._lock:
            if self._running is not None:
                raise Busy(self._running.id)
            export = Export(f"{now:%Y%m%d-%H%M%S}-{self._chance()}", dict(scope.as_json()), actor, _iso(now), Stage.RUNNING, entity=entity)
            make_folder(self._folder)
            (self._folder / export.id).mkdir(mode=0o700)
            self._write(export)
            self._stop.clear()
            self._running = export
        self._thread = threading.Thread(target=self._work, args=(export, scope), name=f"sceau-export-{export.id}", daemon=True)
        self._thread.start()
        return export.id

    def stop(self, number: str) -> None:
        """Stop the one at work. Raises NoExport where it is not this one."""
        with self._lock:
            if self._running is None or self._running.id != number:
                raise NoExport(number)
            self._stop.set()

    def wait(self, seconds: float) -> None:
        """Until the one at work has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def remove(self, number: str) -> None:
        """A package that is not needed here any more: it lies elsewhere, or can be made again. Raises NoExport, Busy while it is made."""
        export = self.one(number)
        if export.living:
            raise Busy(number)
        shutil.rmtree(self._folder / export.id)

    def one(self, number: str) -> Export:
        """Raises NoExport."""
        with self._lock:
            found = _read(self._folder / number / TOLD)
            # By its own word: a number with a path in it finds none that bears it.
            if found is None or found.id != number:
                raise NoExport(number)
            return self._as_it_stands(found)

    def all(self) -> tuple[Export, ...]:
        """Newest first, the one at work as it stands now."""
        with self._lock:
            found = [_read(path) for path in sorted(self._folder.glob(f"*/{TOLD}"), reverse=True)]
            return tuple(self._as_it_stands(export) for export in found if export is not None)

    def _as_it_stands(self, export: Export) -> Export:
        """The one at work as it is now; any other that says it is at work could not write what became of it."""
        if self._running is not None and export.id == self._running.id:
            return self._running
        return replace(export, stage=Stage.BROKEN) if export.living else export

    def part(self, number: str, name: str) -> Path:
        """Where a part lies. Raises NoExport."""
        export = self.one(number)
        path = self._folder / export.id / name
        if name not in export.parts or not path.is_file():
            raise NoExport(f"{number}/{name}")
        return path

    # --- the thread ---

    def _work(self, export: Export, scope: Scope) -> None:
        try:
            ended = self._make(export, scope)
        except Exception as error:
            # Whatever it was, the page must not wait for ever.
            log.exception("export %s", export.id)
            problem = problem_of(error)
            ended = replace(self._now(export), stage=Stage.BROKEN, trouble=(problem.words("fr"), problem.words("en")))
        try:
            self._write(ended)
        except OSError as error:
            log.error("export %s has ended (%s), and nobody could write it down: %s", export.id, ended.stage, error)
        if ended.stage is Stage.DONE:
            self._tell_webhooks(ended)
        with self._lock:
            self._running = None

    def _tell_webhooks(self, export: Export) -> None:
        """Whoever subscribed is told; a package is ready all the same where that cannot be put down."""
        database, entity = self._workstation.database, export.entity or self._workstation.settings.entity
        try:
            with database.writing() as session:
                tell_export(session, entity, export.id, self._workstation.clock())
        except SQLAlchemyError as error:
            log.error("export %s: nobody is told: %s", export.id, error)

    def _make(self, export: Export, scope: Scope) -> Export:
        try:
            entity = export.entity or self._workstation.settings.entity
            target = self._folder / export.id / package_name(entity, scope)
            done = export_package(self._workstation, scope, target, entity=entity, tell=self._tell, stop=self._stop.is_set)
        except CannotExport as error:
            stage = Stage.STOPPED if error.code == "cancelled" else Stage.REFUSED
            return replace(self._now(export), stage=stage, trouble=(error.words("fr"), error.words("en")))
        return replace(
            self._now(export),
            stage=Stage.DONE,
            parts=tuple(path.name for path in done.paths),
            documents=done.documents,
            bytes=done.bytes,
            withheld=len(done.withheld),
            lost=done.lost,
        )

    def _tell(self, progress: Progress) -> None:
        with self._lock:
            if self._running is not None:
                self._running = replace(self._running, done=progress.done, total=progress.total, bytes=progress.bytes)

    def _now(self, export: Export) -> Export:
        with self._lock:
            return self._running or export

    def _write(self, export: Export) -> None:
        _write(self._folder / export.id / TOLD, export)

    def _clear_broken(self) -> None:
        for path in self._folder.glob(f"*/{TOLD}"):
            export = _read(path)
            if export is not None and export.living:
                for left in path.parent.iterdir():
                    if left.name != TOLD:
                        left.unlink(missing_ok=True)
                self._write(replace(export, stage=Stage.BROKEN))


def drop_outdated(workstation: Workstation) -> int:
    """Remove packages that hold a document which was erased, or became confidential, since they were made; returns how many.

    They can be made again, without it. What was taken away from here is beyond reach.
    """
    dropped = 0
    for path in sorted((workstation.home / "exports").glob(f"*/{TOLD}")):
        export = _read(path)
        if export is None or export.stage is not Stage.DONE or not export.parts:
            continue
        gone = _gone_since(workstation, datetime.fromisoformat(export.begun_at))
        if gone and not gone.isdisjoint(_inside(path.parent / export.parts[0])):
            # First what tells of it: a package that is not told of any more is not given out either.
            _write(path, replace(export, stage=Stage.WITHDRAWN, parts=()))
            for name in export.parts:
                (path.parent / name).unlink(missing_ok=True)
            dropped += 1
    return dropped


def _gone_since(workstation: Workstation, moment: datetime) -> set[str]:
    """Documents that were erased, or taken out of sight, at that moment or after it."""
    erased = sa.select(LedgerPayload.document_id).where(LedgerPayload.type.in_(GONE), LedgerPayload.at >= moment)
    concealed = sa.select(Document.id).where(Document.confidential, Document.changed_at >= moment)
    with workstation.database.reading() as session:
        return {*filter(None, session.scalars(erased)), *session.scalars(concealed)}


def _inside(index: Path) -> set[str]:
    """Documents of a package; none where it is no longer there, or no longer one."""
    try:
        with zipfile.ZipFile(index) as opened:
            return {name.split("/")[1] for name in opened.namelist() if name.startswith("documents/")}
    except (OSError, zipfile.BadZipFile):
        return set()


def package_name(entity: str, scope: Scope) -> str:
    """Name of the file: whose it is and what of. Raises CannotExport where the document can be none."""
    match scope:
        case Period(first, last):
            return f"sceau-{entity}-{first.isoformat()}-{last.isoformat()}.zip"
        case Extract(document):
            refuse_name(scope)
            return f"sceau-{entity}-{document}.zip"


def scope_from(told: dict[str, str]) -> Scope:
    """The inverse of a scope's `as_json`."""
    if "document" in told:
        return Extract(told["document"])
    return Period(date.fromisoformat(told["from"]), date.fromisoformat(told["to"]))


def _write(path: Path, export: Export) -> None:
    """Whole or not at all."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(export), ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(path)


def _read(path: Path) -> Export | None:
    """None where a hand was in it, or it has just been removed."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Export(**{**told, "stage": Stage(told["stage"]), "parts": tuple(told["parts"]), "trouble": tuple(told["trouble"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
