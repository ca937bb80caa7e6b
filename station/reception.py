"""Taking in: what lies in a station's folder goes to the vault, into the records and out of the folder, in this order and never another."""

import errno
import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from uuid import uuid4

from capture.coding import complete, tell_format
from capture.hotfolder import (
    FED_BY_US,
    CannotLook,
    CannotMove,
    Memory,
    Ready,
    Sighting,
    glance,
    move_processed,
    plain_name,
    release_claims,
    settle,
)
from capture.originals import NotAFile, StillWriting, TooLarge
from capture.scan import Format
from capture.stores import StoreAway, StoreUnfit
from capture.watch import still_open
from config.settings import Station
from station.problems import problem_of
from station.records import intake
from station.records import tables as rows
from station.records.intake import Incoming, Received
from station.sources import source_at
from station.stored import stored_path
from station.workstation import Workstation

log = logging.getLogger("sceau.reception")
LONG_WAIT = 5.0
"""Seconds after which a file that is not ready yet is told on the screens."""


class Reception:
    """One station's folder. Nothing here is remembered that a restart could not find again."""

    def __init__(self, workstation: Workstation, station: Station, new_id: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._workstation = workstation
        self._station = station
        self._new_id = new_id
        self.folder = workstation.settings.folder_of(station)
        self._memory: Memory = {}
        self._told: dict[str, tuple[str, str]] = {}
        self._started = False
        self._largest = workstation.settings.intake.max_file_megabytes << 20

    def look(self, seconds: float) -> int:
        """Look once and take in what is ready; `seconds` is a clock that never goes back. Returns how many files were taken in."""
        trouble: dict[str, tuple[str, str]] = {}
        try:
            sightings = self._glance()
        except CannotLook as error:
            self._tell({"": ("cannot-look", str(error))})
            return 0
        if not self._started:
            self._finish_moves(sightings)
            self._started = True
        intake_settings = self._workstation.settings.intake
        look = settle(
            self._memory,
            sightings,
            seconds,
            intake_settings.quiet_seconds,
            partial(self._complete, seconds),
            patience=intake_settings.patience_seconds,
        )
        self._memory = look.memory
        taken = 0
        for ready in look.ready:
            reason = self._take(ready)
            if reason is None:
                taken += 1
            else:
                trouble[ready.sighting.name] = reason
        for sighting in sightings:
            seen = look.memory[sighting.name]
            if sighting.kind != "file":
                trouble[sighting.name] = (f"refused-{sighting.kind}", "")
            elif sighting in look.waiting:
                told = self._told.get(plain_name(sighting.name)[:400])
                if seen.offers and told:
                    trouble[sighting.name] = told
                elif seconds - seen.since > LONG_WAIT:
                    trouble[sighting.name] = ("still-writing", "")
        self._tell(trouble)
        return taken

    def _glance(self) -> list[Sighting]:
        return glance(self.folder)

    def _complete(self, seconds: float, sighting: Sighting) -> bool:
        """Whole, closed by its writer, and quiet for longer where the format grows page by page: such a file is whole after each page."""
        path = self.folder / sighting.name
        known = self._memory.get(sighting.name)
        quiet = seconds - known.since if known is not None and known.sighting == sighting else 0.0
        grows = not sighting.name.startswith(FED_BY_US) and may_grow(path)
        if quiet < self._workstation.settings.intake.growing_seconds and grows:
            return False
        try:
            return not still_open(path) and complete(path)
        except FileNotFoundError:
            return False
        except OSError:
            # It is handed out: taking it in meets the same, and tells it of this file alone.
            return True

    def _take(self, ready: Ready) -> tuple[str, str] | None:
        """One file; None when it is taken in and moved, else why not."""
        sighting = ready.sighting
        path = self.folder / sighting.name
        try:
            received = self._receive(path, sighting)
            moved = move_processed(path, self.folder, sighting)
            with self._workstation.database.writing() as session:
                intake.note_moved(session, received.arrival_id, stored_path(moved))
        except Exception as error:
            # Whatever this file met, the next one is looked at.
            reason = why_not(error)
            if reason[0] == "unexpected":
                log.exception("not taken: a file of %s", self._station.name)
            return reason
        return None

    def _receive(self, path: Path, sighting: Sighting) -> Received:
        with self._workstation.database.reading() as session:
            known = intake.unmoved_arrival(session, self._station.name, plain_name(sighting.name), sighting)
            visits = intake.visits_of(session, self._station.name, plain_name(sighting.name), sighting)
        if known is not None:
            return known
        original = self._workstation.originals.keep(path, largest=self._largest)
        if original.size != sighting.size:
            raise StillWriting(sighting.name)
        incoming = incoming_file(self._workstation, self._station, sighting, original.sha256, self._new_id())
        with self._workstation.database.writing() as session:
            received = intake.receive(session, incoming, visits)
        keep_again(self._workstation, path, original.sha256)
        # Not its name, which often names somebody.
        told = {"document": received.document_id, "original": original.sha256[:16]}
        log.info("%s %s", "duplicate" if received.duplicate else "received", received.document_id, extra=told)
        return received

    def _finish_moves(self, sightings: list[Sighting]) -> None:
        """After a restart: a file that left the folder unnoted is found under processed/, or was taken away by a person; for one that
        still lies there, the places that a broken-off move held are released."""
        here = {(s.inode, s.mtime_ns, s.size): s.name for s in sightings}
        held = []
        with self._workstation.database.writing() as session:
            unmoved: list[rows.Arrival] = intake.unmoved(session, self._station.name)
            for arrival in unmoved:
                name = here.get((int(arrival.inode), arrival.mtime_ns, arrival.size))
                if name is None:
                    intake.note_moved(session, arrival.id, self._processed_path(int(arrival.inode)))
                else:
                    held.append(name)
        for name in held:
            release_claims(self.folder, name)

    def _processed_path(self, inode: int) -> str:
        processed = self.folder / "processed"
        if not processed.is_dir():
            return ""
        return next((stored_path(p) for p in processed.iterdir() if p.lstat().st_ino == inode), "")

    def _tell(self, trouble: dict[str, tuple[str, str]]) -> None:
        """Bring the screens' list of files that are not taken in up to date; writes only what changed."""
        plain = {plain_name(name)[:400]: reason for name, reason in trouble.items()}
        if plain == self._told:
            return
        with self._workstation.database.writing() as session:
            intake.tell_sightings(session, self._station.name, plain, self._workstation.clock())
        self._told = plain


def look_at_all(receptions: Iterable[Reception], seconds: float) -> tuple[int, Exception | None]:
    """How many files they took in, and what the first met that could not look: it keeps no other station waiting."""
    taken, trouble = 0, None
    for reception in receptions:
        try:
            taken += reception.look(seconds)
        except Exception as error:  # noqa: BLE001 whoever begins the turns tells it, an outage of the database in one line
            trouble = trouble or error
    return taken, trouble


def why_not(error: Exception) -> tuple[str, str]:  # noqa: PLR0911 (one for each cause)
    """Reason code and detail of a file that was not taken in, or that could not be moved afterwards."""
    match error:
        case StillWriting() | FileNotFoundError():
            return "still-writing", ""
        case NotAFile():
            return f"refused-{error.kind}", ""
        case TooLarge():
            return "too-large", str(error)
        case CannotMove():
            return "cannot-move", str(error.why)
        case StoreAway() | StoreUnfit() | OSError(errno=errno.EROFS):
            return problem_of(error).code, str(error)
        case OSError():
            return "unreadable", error.strerror or ""
        case _:
            return problem_of(error).code, ""


def may_grow(path: Path) -> bool:
    """TIFF and PDF hold several pages, and some devices close the file for seconds between two of them."""
    try:
        with path.open("rb") as file:
            return tell_format(file.read(64)) in (Format.TIFF, Format.PDF)
    except OSError:
        return False


def incoming_file(
    workstation: Workstation, station: Station, sighting: Sighting, sha256: str, document_id: str, *, ours: bool = True
) -> Incoming:
    """What the records need to know of a file whose bytes are in the vault."""
    return Incoming(
        entity=workstation.settings.company_of(station),
        station=station.name,
        operator=station.operator,
        document_type=station.document_type,
        profile=station.profile,
        name=plain_name(sighting.name),
        inode=sighting.inode,
        mtime_ns=sighting.mtime_ns,
        size=sighting.size,
        sha256=sha256,
        at=workstation.clock(),
        document_id=document_id,
        ours_to_move=ours,
        batch_delay=station.batch_seconds,
        source=source_at(station),
    )


def take_path(workstation: Workstation, station: Station, path: Path, document_id: str) -> Received:
    """Take in a file that a person names; it stays where it is.

    Raises NotAFile, TooLarge, StillWriting, capture.originals.DiskFull, OSError.
    """
    found = path.lstat()
    original = workstation.originals.keep(path, largest=workstation.settings.intake.max_file_megabytes << 20)
    sighting = Sighting(path.name, found.st_ino, found.st_mtime_ns, original.size)
    with workstation.database.writing() as session:
        received = intake.receive(session, incoming_file(workstation, station, sighting, original.sha256, document_id, ours=False))
    keep_again(workstation, path, original.sha256)
    return received


def keep_again(workstation: Workstation, path: Path, sha256: str) -> None:
    """An erasure may have dropped the very same bytes between their copy and their entry; from the entry on none can."""
    if not workstation.originals.path(sha256).exists():
        workstation.originals.keep(path)
