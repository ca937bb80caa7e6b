"""What holds between machines that share one database and one store: whose keys they need, and what none keeps of what is erased."""

import hashlib
import json
import logging
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from capture.stores import StillLocked
from config.settings import Unusable
from station.checkpoints import log_key
from station.derived import forget_copies
from station.figures import LOST, LOST_KEPT
from station.records import documents
from station.records.scope import lifted
from station.records.tables import OPEN_STATES, Archive, CheckpointRow, Document, Gauge, State, Worker
from station.slots import home_number
from station.workstation import Workstation

log = logging.getLogger("sceau.machines")
LEFT_SECONDS = 3600.0
"""So long nothing was written into a folder of work, then it may be left over."""
ADDED = {"renew": "renewed.pdf", "sign": "signed.pdf"}
"""What begins the name of the folder of a renewal or signature, and the file in it that may be kept already and noted nowhere."""
LATE = "late-"
"""What begins the name of the folder of a late reading; its number follows."""


def require_ledger_keys(workstation: Workstation, *, serves: bool = False) -> None:
    """A further machine signs with the keys of the first one, never with new ones: they would contradict what was signed before.

    Raises Unusable where the shared database holds checkpoints of a ledger whose key does not lie in this home, or another home is at work
    that may sign at any moment. The first machine has its keys from here on, so that they can be copied before anything is signed; where
    it `serves` and has keys of the house, it draws that of a company which joined it, whoever is at work. A home with a database of its
    own keeps what it does: there is no other machine whose keys could be meant.
    """
    if workstation.database.url.startswith("sqlite"):
        return
    entities, own = set(workstation.settings.entities), home_number(workstation.home)
    with workstation.database.reading() as session, lifted(session):
        needed = set(session.scalars(sa.select(CheckpointRow.entity).distinct()))
        living = documents.living_workers(session, workstation.clock(), 4 * documents.DEAD_AFTER)
        homes = {each.executor.partition("@")[2] for each in living}
    folder = workstation.home / "keys" / "ledger"
    draws = serves and any(folder.glob("*.pem"))
    needed |= entities if homes - {own, ""} and not draws else set()
    if missing := sorted(entity for entity in needed if not (folder / f"{entity}.pem").exists()):
        raise Unusable(
            f"{folder} : la clé du registre {', '.join(missing)} n'est pas sur ce poste. Rien n'a été écrit. Copiez-y le dossier keys/ du "
            f"premier poste, puis relancez. / The key of the ledger {', '.join(missing)} is not on this machine. Nothing was written. Copy "
            "the folder keys/ of the first machine here, then start again."
        )
    for entity in entities:
        log_key(workstation.home, entity)


@dataclass(frozen=True, slots=True)
class Missing:
    """A worker that did not say goodbye."""

    executor: str
    host: str
    """Name of its machine; empty where it is not known any more."""
    since: datetime
    """Its last heartbeat, or when others took its work over."""
    taken_over: bool
    left_alone: bool
    """Nobody lives who could take its work over."""

    def words(self, language: str = "fr") -> tuple[str, str]:
        """What is so, and what to do; the moment in UTC."""
        english = language == "en"
        named = f"{self.executor} ({self.host})" if self.host else self.executor
        at = f"{self.since:%Y-%m-%d %H:%M} UTC"
        said = (
            (f"{named} est perdu : son travail a été repris le {at}", f"{named} is lost: its work was taken over at {at}")
            if self.taken_over
            else (f"{named} ne répond plus depuis le {at}", f"{named} is silent since {at}")
        )
        then = (
            (
                "Rien n'est perdu, et personne ne travaille : lancez sceau serve, qui reprend ses documents",
                "Nothing is lost, and nobody works: run sceau serve, which takes its documents over",
            )
            if self.left_alone
            else (
                "Rien n'est perdu : les autres reprennent ses documents. Redémarrez-le, ou voyez pourquoi sa machine s'est tue",
                "Nothing is lost: the others take its documents over. Start it again, or see why its machine fell silent",
            )
        )
        return said[english], then[english]


def missing_workers(session: Session, now: datetime) -> list[Missing]:
    """Those whose heartbeat is older than `DEAD_AFTER`, and those whose work was taken over within the last day and who did not come back;
    by name. Commands and the page Exploitation ask here."""
    rows = {worker.executor: worker for worker in documents.all_workers(session)}
    alone = all(now - worker.beat_at > documents.DEAD_AFTER for worker in rows.values())
    silent = [worker for worker in rows.values() if now - worker.beat_at > documents.DEAD_AFTER]
    lost = session.scalars(sa.select(Gauge).where(Gauge.name == LOST, Gauge.at > now - LOST_KEPT))
    found = [Missing(worker.executor, worker.host, worker.beat_at, False, alone) for worker in silent]
    found += [Missing(gauge.label, "", gauge.at, True, alone) for gauge in lost if gauge.label not in rows]
    return sorted(found, key=lambda each: each.executor)


def forget_missing(session: Session, executor: str) -> None:
    """It is back: it shall not be told as lost once it has ended in order."""
    session.execute(sa.delete(Gauge).where(Gauge.name == LOST, Gauge.label == executor))


def claim_dead(session: Session, executor: str, beat_at: datetime) -> bool:
    """Of all who find a worker silent since its heartbeat of `beat_at` one removes its row, which is to take its work over; False for the
    others, and where it has beaten since."""
    gone = session.execute(sa.delete(Worker).where(Worker.executor == executor, Worker.beat_at == beat_at).returning(Worker.executor))
    return gone.first() is not None


def forget_erased(workstation: Workstation) -> int:
    """Copies in this home of what was erased on another machine go; returns how many documents'."""

    def lives(found: set[str]) -> set[str]:
        alive: set[str] = set()
        names = sorted(found)
        with workstation.database.reading() as session, lifted(session):
            for start in range(0, len(names), 500):
                query = sa.select(Document.id).where(Document.id.in_(names[start : start + 500]), Document.state != State.ERASED)
                alive.update(session.scalars(query))
        return alive

    return forget_copies(workstation.settings, lives)


def clear_leftovers(workstation: Workstation, moment: float | None = None) -> int:
    """Files of attempts in this home that were started over elsewhere, or ended, go, with what they sealed and no record names.

    A dead or paused worker could not tidy up. `moment`: seconds of the system's clock, now unless told. Returns how many attempts.
    """
    before = (time.time() if moment is None else moment) - LEFT_SECONDS
    folders = [path for path in (workstation.home / "work").glob("*/*") if _is_ours(path.name) and path.is_dir()]
    gone = 0
    for folder in folders:
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < before and _is_left(workstation, folder):
                shutil.rmtree(folder)
                gone += 1
                with suppress(OSError):
                    folder.parent.rmdir()
    return gone


def clear_attempt(workstation: Workstation, folder: Path) -> bool:
    """An attempt that nobody goes on with leaves nothing: what it sealed and no record names goes first, then its folder.

    False: the store does not let that go, or does not answer; the folder, which tells what to drop, stays for `clear_leftovers`.
    """
    told = _proof_in(folder)
    try:
        gone = _dropped(workstation, folder, told["sha256"] if told.get("valid") else None)
    except (OSError, DBAPIError) as error:
        log.warning("%s: what it sealed is dropped later: %s", folder, error)
        return False
    if gone:
        shutil.rmtree(folder, ignore_errors=True)
    return gone


def _is_ours(name: str) -> bool:
    return name.removeprefix(LATE).isdecimal() or name.partition("-")[0] in ADDED


def _is_left(workstation: Workstation, folder: Path) -> bool:
    """Whether nobody goes on from here; what it sealed for nobody is dropped first, and the folder stays as long as the store keeps it."""
    if (kind := folder.name.partition("-")[0]) in ADDED:
        # No attempt of the document's: who renews or signs begins again, and takes what is whole in here where it still is.
        return _dropped(workstation, folder, _sha256_of(folder / ADDED[kind]))
    with workstation.database.reading() as session, lifted(session):
        document = session.get(Document, folder.parent.name)
        if document is not None and _is_awaited(document, folder.name):
            return False
    told = _proof_in(folder)
    return _dropped(workstation, folder, told["sha256"] if told.get("valid") else None)


def _sha256_of(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _dropped(workstation: Workstation, folder: Path, sha256: str | None) -> bool:
    """Whether no file of this name lies in the archive without its row; False: the store does not let it go yet."""
    if sha256 is None:
        return True
    with workstation.database.reading() as session, lifted(session):
        orphan = session.get(Archive, sha256) is None
    if orphan:
        try:
            workstation.archives.drop(sha256, ".pdf")
        except StillLocked as error:
            log.info("%s: kept by the store for now: %s", folder, error)
            return False
    return True


def _is_awaited(document: Document, name: str) -> bool:
    """Whether the attempt that works in a folder of this name, or one after it, is still to end."""
    if name.startswith(LATE):
        return document.problem == documents.READING_LATE and document.tries <= int(name.removeprefix(LATE))
    return document.state in OPEN_STATES and document.attempt <= int(name)


def _proof_in(folder: Path) -> dict[str, Any]:
    """What was proved here; nothing where it is not to be read, for what is sealed is kept after its proof is written."""
    proof = folder / "proof.json"
    try:
        told = json.loads(proof.read_bytes()) if proof.exists() else {}
    except ValueError:
        log.warning("%s: cannot be read; what it told of was not kept", proof)
        return {}
    return told if isinstance(told, dict) else {}
