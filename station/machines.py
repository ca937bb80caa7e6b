"""What holds between machines that share one database and one store: whose keys they need, which worker is missing or dead and who takes
its work over, and what none keeps of what is erased."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Unusable
from station.checkpoints import log_key
from station.derived import forget_copies
from station.figures import LOST, LOST_KEPT
from station.records import documents
from station.records.scope import lifted
from station.records.tables import CheckpointRow, Document, Gauge, State, Worker
from station.slots import home_number
from station.workstation import Workstation


def require_ledger_keys(workstation: Workstation, *, serves: bool = False) -> None:
    """A further machine signs with the keys of the first one, never with new ones: they would contradict what was signed before.

    Raises Unusable where the shared database holds checkpoints of a ledger whose key does not lie in this home, or another home is at work
    that may sign at any moment. The first machine has its keys from here on, so that they can be copied before anything is signed; where
    it `serves` and has keys of the house, it draws that of a company which joined it, whoever is at work. A home with a database of its
    own has no other machine beside it; where it was restored, its keys come from the safe.
    """
    if workstation.database.url.startswith("sqlite"):
        _require_safe(workstation)
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


def _require_safe(workstation: Workstation) -> None:
    """Raises Unusable where checkpoints of the ledger were signed and no key of one lies in the home: it was restored without its keys."""
    folder = workstation.home / "keys" / "ledger"
    if any(folder.glob("*.pem")):
        return
    with workstation.database.reading() as session, lifted(session):
        signed = session.scalar(sa.select(CheckpointRow.id).limit(1)) is not None
    if signed:
        raise Unusable(
            f"{folder} : aucune clé du registre, alors que ce poste a déjà signé. Rien n'a été écrit. Remettez le dossier keys/ mis à "
            "l'abri, puis relancez. S'il est perdu pour de bon, `sceau ledger accept --login NOM --reason POURQUOI` le dit dans le "
            "registre et en tire de nouvelles. / No key of the ledger, though this workstation has signed before. Nothing was written. "
            "Put back the folder keys/ from your safe, then start again. If it is lost for good, "
            "`sceau ledger accept --login NAME --reason WHY` says so in the ledger and draws new ones."
        )


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
