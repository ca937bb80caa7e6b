"""A small workstation for tests: tables made once, practice keys copied, and the pipeline's story told without its engine."""

import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from killed import quick
from sqlalchemy.orm import Session

from config.settings import Intake, Reading, Settings
from station.jobs import Story
from station.pipeline import Pipeline
from station.reception import Reception, take_path
from station.records import documents, people
from station.records.tables import Document, LedgerPayload, Person, Sighting, State
from station.workstation import Workstation, open_workstation

PATIENT = Intake(poll_seconds=0.1, quiet_seconds=1, growing_seconds=5, patience_seconds=60)
"""For tests that hand in the seconds themselves."""
T = TypeVar("T")
NOBODY = 65534
ENGLISH = Reading(engine="tesseract", languages="eng")


@cache
def _blank_tables() -> bytes:
    """Tables and the practice account: migrating and argon2 are slow on purpose."""
    with tempfile.TemporaryDirectory() as folder:
        workstation = open_workstation(Settings(home=Path(folder)))
        with workstation.database.writing() as session:
            people.ensure_practice(session)
        workstation.database.close()
        return (Path(folder) / "sceau.db").read_bytes()


def open_home(home: Path, keys: Path | None = None, **changes: Any) -> Workstation:
    """A workstation at `home` that reads English with Tesseract; with `keys`, it seals with these."""
    home.mkdir(parents=True, exist_ok=True)
    if "SCEAU_TEST_POSTGRES" in os.environ:
        importlib.import_module("onpostgres").people_home(home)
    elif not (home / "sceau.db").exists():
        (home / "sceau.db").write_bytes(_blank_tables())
    if keys is not None and not (home / "keys" / "practice").exists():
        shutil.copytree(keys, home / "keys" / "practice")
    return open_workstation(quick(home).model_copy(update=changes))


def folder_of(workstation: Workstation) -> Path:
    """The one station's folder, made if needed."""
    folder = workstation.settings.folder_of(workstation.settings.stations[0])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def reception_of(workstation: Workstation) -> Reception:
    """A fresh one, as after a restart."""
    folder_of(workstation)
    return Reception(workstation, workstation.settings.stations[0])


def take_in(workstation: Workstation, path: Path) -> str:
    """Take a named file in; returns its document's identifier."""
    return take_path(workstation, workstation.settings.stations[0], path, uuid4().hex).document_id


# --- the story without its engine ---


class PlainSteps:
    """The two kinds of step, each done at once and once: nothing is remembered."""

    def __init__(self, workstation: Workstation) -> None:
        self._workstation = workstation

    def work(self, _name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def record(self, _name: str, function: Callable[[Session], Any]) -> Any:
        with self._workstation.database.writing() as session:
            return function(session)


class Work:
    """Called with a document's identifier, it works the document to its outcome and returns it."""

    def __init__(self, workstation: Workstation) -> None:
        self._workstation = workstation
        self._steps = PlainSteps(workstation)
        self.pipeline = Pipeline(workstation)

    def __call__(self, document_id: str) -> Document:
        return self._tell(self.pipeline.process, document_id, document_of(self._workstation, document_id).attempt)

    def read_late(self, document_id: str) -> Document:
        return self._tell(self.pipeline.read_late, document_id, document_of(self._workstation, document_id).tries)

    def _tell(self, story: Story, document_id: str, attempt: int) -> Document:
        try:
            story(self._steps, document_id, attempt)
        except Exception as error:  # noqa: BLE001 as the engine does
            self.pipeline.rescue(self._steps, document_id, attempt, error)
        return document_of(self._workstation, document_id)


@contextmanager
def pipeline_of(workstation: Workstation) -> Iterator[Work]:
    """A pipeline whose children end with the block."""
    work = Work(workstation)
    try:
        yield work
    finally:
        work.pipeline.stop()


# --- what became of it ---


def document_of(workstation: Workstation, document_id: str) -> Document:
    """The document with everything that hangs on it loaded."""
    with workstation.database.reading() as session:
        document = documents.get_document(session, document_id)
        for name in ("arrivals", "pages", "findings", "fields", "archives", "readings", "decisions", "batch"):
            getattr(document, name)
        return document


def all_documents(workstation: Workstation) -> list[Document]:
    """Oldest first."""
    with workstation.database.reading() as session:
        return list(reversed(documents.list_documents(session, size=1000).documents))


def codes(document: Document) -> set[str]:
    return {finding.code for finding in document.findings}


def ledger_types(workstation: Workstation) -> list[str]:
    with workstation.database.reading() as session:
        return [row.type for row in session.query(LedgerPayload).order_by(LedgerPayload.sequence)]


def not_taken(workstation: Workstation) -> dict[str, str]:
    """Files that lie in the folder: name → reason code."""
    with workstation.database.reading() as session:
        return {row.name: row.reason for row in session.query(Sighting)}


def archive_path(workstation: Workstation, document: Document) -> Path:
    assert document.state == State.SEALED, (document.state, document.problem, document.problem_detail)
    return workstation.archives.path(document.archives[-1].sha256, ".pdf")


def somebody(session: Session) -> Person:
    """A person who decides."""
    return people.ensure_practice(session)


@contextmanager
def ordinary_user(prepare: Callable[[Path], T]) -> Iterator[T]:
    """What `prepare` makes in a folder, as an ordinary user finds it, whom we are meanwhile: root may read and write everywhere.

    What is read from the checkout (migrations, modules) is read before: it may lie where an ordinary user may not look.
    """
    with tempfile.TemporaryDirectory() as name:
        made = prepare(Path(name))
        before = os.geteuid()
        if before == 0:
            for path in (Path(name), *Path(name).rglob("*")):
                os.chown(path, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield made
        finally:
            os.seteuid(before)
