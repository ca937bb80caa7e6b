"""Questions that only the screens ask of the records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records import documents
from station.records.tables import OPEN_STATES, Arrival, Document, LedgerPayload, State, Worker
from station.records.totals import once_found
from station.slots import is_held

WORKING = (*sorted(OPEN_STATES), State.WAITING)
"""On their way by themselves, or as soon as their batch is ended."""
GONE = (State.REPLACED, State.ERASED)
"""Their pages went to other documents and are counted there, or are no more."""
LATE_WORK, LATE_DECISION = timedelta(minutes=10), timedelta(days=1)
"""After so long without an end or a person's decision the oldest document is told on the first page."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One figure of the mailroom, and the filter of the documents' page that lists them."""

    name: str
    number: int
    query: str
    tone: str


def counters(session: Session) -> tuple[Counter, ...]:
    """How many documents stand where; duplicates are counted as arrivals, for they are no documents."""
    states = documents.count_states(session)
    duplicates = session.scalar(sa.select(sa.func.count()).select_from(Arrival).where(Arrival.duplicate.is_(True))) or 0
    return (
        Counter("received", sum(count for state, count in states.items() if state not in GONE), "", "calm"),
        Counter("working", sum(states.get(state, 0) for state in WORKING), "working", "busy"),
        Counter("held", states.get(State.HELD, 0), "held", "watch"),
        Counter("sealed", states.get(State.SEALED, 0), "sealed", "good"),
        Counter("failed", states.get(State.FAILED, 0), "failed", "bad"),
        Counter("duplicates", duplicates, "duplicates", "calm"),
    )


def queue_of(session: Session, limit: int = 8) -> list[Document]:
    """What waits for a worker or a person, oldest first. A confidential document is in no queue."""
    query = sa.select(Document).where(Document.state.in_((*OPEN_STATES, State.HELD, State.FAILED)), Document.confidential.is_(False))
    return list(session.scalars(query.order_by(once_found(Document.received_at), Document.id).limit(limit)))


def too_old(queue: Sequence[Document], now: datetime) -> Document | None:
    """The oldest document that has waited too long for what it waits for."""
    late = dict.fromkeys(OPEN_STATES, LATE_WORK) | {State.HELD: LATE_DECISION, State.FAILED: LATE_DECISION}
    return next((document for document in queue if now - document.received_at > late[document.state]), None)


def newest_entries(session: Session, limit: int = 50) -> list[LedgerPayload]:
    return list(session.scalars(sa.select(LedgerPayload).order_by(LedgerPayload.sequence.desc(), LedgerPayload.at.desc()).limit(limit)))


def last_intake(session: Session) -> datetime | None:
    """When a file was last taken in."""
    return session.scalars(sa.select(Arrival.arrived_at).order_by(Arrival.arrived_at.desc()).limit(1)).first()


def watching(session: Session, now: datetime) -> list[Worker]:
    """Living processes that look into the folders, and not only say that they live."""
    living = documents.living_workers(session, now, documents.DEAD_AFTER)
    return [worker for worker in living if worker.looked_at is not None and worker.looked_at >= now - documents.DEAD_AFTER]


def running_here(session: Session, home: Path) -> bool:
    """Whether a watching process holds its slot on this machine, whatever its heartbeat says: on a full disk it cannot beat."""
    try:
        return any(is_held(home, worker.executor) for worker in documents.all_workers(session) if worker.kind == "serve")
    except OSError:
        return False
