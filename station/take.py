"""`sceau take`: files that a person names are taken in now and waited for."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from capture.catalogue import finding, finding_json, message
from capture.findings import Finding, Level
from capture.originals import DiskFull, NotAFile, StillWriting, TooLarge
from capture.stores import StoreAway
from config.settings import Station
from station.problems import PROBLEMS
from station.reception import take_path
from station.records import documents
from station.records.batches import links_of
from station.records.intake import Received
from station.records.tables import Document, State
from station.slots import hold_slot, is_held
from station.workstation import Workstation

ALIVE = timedelta(seconds=8)
POLL_SECONDS = 0.1
ASK_SECONDS = 2.0
OUTCOMES = {
    State.SEALED: "archived",
    State.HELD: "held",
    State.FAILED: "failed",
    State.SET_ASIDE: "held",
    State.ERASED: "held",
    State.WAITING: "waiting",
}
WORST = ("archived", "waiting", "held", "failed")


@dataclass(frozen=True, slots=True)
class TakeResult:
    """What became of one file."""

    file: str
    document: str | None
    state: str
    """archived, held, failed, duplicate, or waiting: it joined a batch that is open at the desk, or goes on by itself (`work-waits`)."""
    sealed: str | None
    """Path of the sealed PDF/A-3."""
    findings: tuple[Finding, ...]
    message: str
    language: str
    parts: tuple["TakeResult", ...] = ()
    """Where separation made several documents of the file: each of them."""

    def as_json(self) -> dict[str, Any]:
        """One line of `take --json`."""
        return {
            "file": self.file,
            "document": self.document,
            "state": self.state,
            "sealed": self.sealed,
            "findings": [finding_json(f, self.language) for f in self.findings],
            **({"documents": [part.as_json() for part in self.parts]} if self.parts else {}),
        }


def take_files(
    workstation: Workstation,
    station: Station,
    files: Sequence[Path],
    new_id: Callable[[], str],
    show: Callable[[TakeResult], None],
    progress: Callable[[int], None],
) -> None:
    """Take all files in, then show each as it is done, in the order given; by the worker that beats, else in this process."""
    waiting: list[tuple[Path, Received | TakeResult]] = [(file, _receive(workstation, station, file, new_id())) for file in files]
    with ExitStack() as stack:
        hands = Hands(workstation, stack)
        for done, (file, received) in enumerate(waiting, 1):
            result = _wait(workstation, file, received, hands) if isinstance(received, Received) else received
            progress(done)
            show(result)


def _receive(workstation: Workstation, station: Station, file: Path, document_id: str) -> Received | TakeResult:
    try:
        return take_path(workstation, station, file, document_id)
    except (NotAFile, TooLarge, StillWriting, DiskFull, OSError) as error:
        return refused(workstation, file, error)


def refused(workstation: Workstation, file: Path, error: Exception) -> TakeResult:
    """A file whose bytes could not come into the vault: nothing was taken, the file is where it was."""
    language = workstation.settings.language
    if isinstance(error, DiskFull):
        found = finding("disk-full", measured=str(workstation.home))
    elif isinstance(error, StoreAway):
        found = finding("store-away", measured=" ".join(str(error).split()))
    else:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        found = finding("not-taken", measured=reason)
    return TakeResult(str(file), None, "failed", None, (found,), message(found, language), language)


class Hands:
    """Whose hands the work is in: a living worker's, or, where there is none or it dies meanwhile, this process' own."""

    def __init__(self, workstation: Workstation, stack: ExitStack) -> None:
        self._workstation = workstation
        self._stack = stack
        self._own = False
        self._asked = float("-inf")

    def ensure(self) -> None:
        """Ask, at most every two seconds, whether somebody works; else begin to."""
        if self._own or time.monotonic() - self._asked < ASK_SECONDS:
            return
        self._asked = time.monotonic()
        with self._workstation.database.reading() as session:
            living = documents.living_workers(session, self._workstation.clock(), ALIVE)
        # A worker of this machine that died a moment ago still has a young heartbeat; the kernel knows better.
        if any(worker.kind in ("serve", "work") and is_held(self._workstation.home, worker.executor) is not False for worker in living):
            return
        # Half a second of imports that a running worker or a duplicate does not need.
        from station.running import Running

        running = Running(self._workstation, "take", self._stack.enter_context(hold_slot(self._workstation.home, "take")), watch=False)
        running.start()
        self._stack.callback(running.stop)
        self._own = True


def _wait(workstation: Workstation, file: Path, received: Received, hands: Hands) -> TakeResult:
    while True:
        with workstation.database.reading() as session:
            document = documents.get_document(session, received.document_id)
            if received.duplicate or document.state in OUTCOMES or document.try_at is not None:
                return _result(workstation, file, document, received.duplicate)
            if document.state == State.REPLACED:
                newer = [
                    documents.get_document(session, link.newer_id)
                    for link in links_of(session, document.id)
                    if link.older_id == document.id
                ]
                if all(each.state in OUTCOMES or each.try_at is not None for each in newer):
                    return _parted(workstation, file, document, newer)
        hands.ensure()
        time.sleep(POLL_SECONDS)


def _parted(workstation: Workstation, file: Path, document: Document, newer: Sequence[Document]) -> TakeResult:
    """A file that became several documents is as well as the worst of them."""
    whole = _result(workstation, file, document, False)
    parts = tuple(_result(workstation, file, each, False) for each in newer)
    state = max((part.state for part in parts), key=WORST.index, default="held")
    sealed = parts[0].sealed if len(parts) == 1 else None
    words = "\n".join(f"{part.state}: {part.sealed or part.message}" for part in parts)
    return replace(whole, state=state, sealed=sealed, message=words, parts=parts)


def _result(workstation: Workstation, file: Path, document: Document, duplicate: bool) -> TakeResult:
    language = workstation.settings.language
    state = "duplicate" if duplicate else OUTCOMES.get(document.state, "failed" if document.try_at is None else "waiting")
    sealed = str(workstation.archives.path(document.archives[-1].sha256, ".pdf")) if document.archives else None
    findings = tuple(documents.finding_of(row) for row in document.findings)
    if document.problem in PROBLEMS and document.state is not State.SEALED:
        code = "work-stopped" if document.try_at is None else "work-waits"
        findings = (finding(code, measured=PROBLEMS[document.problem].words(language)), *findings)
    if duplicate:
        findings = (finding("duplicate"), *findings)
    words = " ".join(message(f, language) for f in findings if f.level is not Level.INFO)
    return TakeResult(str(file), document.id, state, sealed, findings, words, language)
