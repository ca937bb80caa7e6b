"""What arrived, written once: arrival, document and ledger entry in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station.records.batches import join_batch, pending_redo
from station.records.ledger import append_event
from station.records.tables import Arrival, Document, Original, Sighting, State

SYSTEM = Actor("system", ActorKind.SYSTEM)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file whose bytes are already in the vault."""

    entity: str
    station: str
    operator: str
    document_type: str
    profile: str
    name: str
    inode: int
    mtime_ns: int
    size: int
    sha256: str
    at: datetime
    document_id: str
    """Identifier for a new document; unused where the bytes were here before."""
    clock: str = "system"
    ours_to_move: bool = True
    batch_delay: float = 0.0
    """Seconds for which the file's batch waits for followers; 0: it stands alone unless a batch is open."""
    source: str = "paper"
    """Nature of what was captured, as the station is set (`conformity.circumstances.Source`)."""
    supplier: str | None = None


class Seen(Protocol):
    """What tells one file from another in a folder."""

    @property
    def inode(self) -> int: ...
    @property
    def mtime_ns(self) -> int: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Received:
    arrival_id: int
    document_id: str
    duplicate: bool
    again: bool
    """This very arrival was already written: the process ended between commit and move."""


def receive(session: Session, incoming: Incoming, visits: int | None = None) -> Received:
    """Write the arrival; exactly once for the same file lying in the same folder, however often it is tried and whoever watches with us.

    `visits`: how many were known before the file was copied (`visits_of`); a further one is of another watcher, which moves the file.
    """
    known = _newest_visit(session, incoming.station, incoming.name, incoming)
    if known is not None and (known.moved_to is None or (visits is not None and known.visit >= visits)):
        return Received(known.id, known.document_id, known.duplicate, again=True)
    document_id = session.scalar(
        sa.select(Arrival.document_id)
        .join(Document)
        .where(
            Arrival.sha256 == incoming.sha256,
            Arrival.duplicate.is_(False),
            Document.state != State.ERASED,
            # What another company received is nothing that this one has.
            Document.entity == incoming.entity,
        )
        .limit(1)
    )
    duplicate = document_id is not None
    if document_id is None:
        document_id = _new_document(session, incoming)
    arrival = Arrival(
        station=incoming.station,
        name=incoming.name,
        inode=str(incoming.inode),
        mtime_ns=incoming.mtime_ns,
        size=incoming.size,
        visit=0 if known is None else known.visit + 1,
        sha256=incoming.sha256,
        document_id=document_id,
        duplicate=duplicate,
        arrived_at=incoming.at,
        moved_to=None if incoming.ours_to_move else "",
    )
    session.add(arrival)
    session.execute(sa.delete(Sighting).where(Sighting.station == incoming.station, Sighting.name == incoming.name[:400]))
    session.flush()
    append_event(session, _received_event(incoming, document_id, duplicate))
    return Received(arrival.id, document_id, duplicate, again=False)


def note_moved(session: Session, arrival_id: int, moved_to: str) -> None:
    """The file left the folder; only then may the same file be a new arrival."""
    session.execute(sa.update(Arrival).where(Arrival.id == arrival_id).values(moved_to=moved_to))


def unmoved(session: Session, station: str) -> list[Arrival]:
    """Arrivals whose file had not left the folder when the process ended."""
    return list(session.scalars(sa.select(Arrival).where(Arrival.station == station, Arrival.moved_to.is_(None)).order_by(Arrival.id)))


def unmoved_arrival(session: Session, station: str, name: str, seen: Seen) -> Received | None:
    """The arrival that this very file already is, where it could not leave its folder yet: it need not be copied again."""
    arrival = _newest_visit(session, station, name, seen)
    if arrival is None or arrival.moved_to is not None:
        return None
    return Received(arrival.id, arrival.document_id, arrival.duplicate, again=True)


def visits_of(session: Session, station: str, name: str, seen: Seen) -> int:
    """How often this very file has lain in its folder, as far as known."""
    arrival = _newest_visit(session, station, name, seen)
    return 0 if arrival is None else arrival.visit + 1


def tell_sightings(session: Session, station: str, reasons: Mapping[str, tuple[str, str]], at: datetime) -> None:
    """Replace the list of files of a station that are not taken in: name → (reason code, detail). What is still so keeps its time."""
    known = {s.name: s for s in session.scalars(sa.select(Sighting).where(Sighting.station == station))}
    for name, row in known.items():
        if name not in reasons:
            session.delete(row)
    for name, (reason, detail) in reasons.items():
        told = known.get(name)
        if told is None:
            session.add(Sighting(station=station, name=name, reason=reason, detail=detail, since=at))
        elif (told.reason, told.detail) != (reason, detail):
            told.reason, told.detail, told.since = reason, detail, at


def _newest_visit(session: Session, station: str, name: str, seen: Seen) -> Arrival | None:
    return session.scalars(
        sa.select(Arrival)
        .where(
            Arrival.station == station,
            Arrival.name == name,
            Arrival.inode == str(seen.inode),
            Arrival.mtime_ns == seen.mtime_ns,
            Arrival.size == seen.size,
        )
        .order_by(Arrival.visit.desc())
        .limit(1)
    ).first()


def _new_document(session: Session, incoming: Incoming) -> str:
    if session.get(Original, incoming.sha256) is None:
        session.add(Original(sha256=incoming.sha256, size=incoming.size, kept_at=incoming.at))
    batch = join_batch(session, incoming.station, incoming.document_id, incoming.at, incoming.batch_delay)
    session.add(
        Document(
            id=incoming.document_id,
            entity=incoming.entity,
            batch_id=batch.id,
            station=incoming.station,
            operator=incoming.operator,
            document_type=incoming.document_type,
            title=incoming.name,
            source=batch.source or incoming.source,
            supplier=incoming.supplier,
            state=State.RECEIVED,
            received_at=incoming.at,
            changed_at=incoming.at,
        )
    )
    session.flush()
    if (redo := pending_redo(session, incoming.station)) is not None:
        redo.carrier_id = incoming.document_id
    return incoming.document_id


def _received_event(incoming: Incoming, document_id: str, duplicate: bool) -> Event:
    return Event(
        entity=incoming.entity,
        type="duplicate" if duplicate else "received",
        objects={"document": document_id, "original": incoming.sha256},
        actor=SYSTEM,
        at=incoming.at,
        clock=incoming.clock,
        payload={
            "station": incoming.station,
            "operator": incoming.operator,
            "profile": incoming.profile,
            "document_type": incoming.document_type,
            "source": incoming.source,
            "name": incoming.name,
            "size": str(incoming.size),
        },
    )
