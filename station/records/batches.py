"""Batches and pages scanned anew, as rows: which batch a file joins, what a batch holds, which page a new scan stands for."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.tables import Arrival, Batch, Document, Link, Redo, State


def open_batch_at(session: Session, station: str) -> Batch | None:
    """The batch that the station's next file joins; None where each file stands alone."""
    return session.scalars(
        sa.select(Batch).where(Batch.station == station, Batch.ended_at.is_(None)).order_by(Batch.opened_at.desc()).limit(1)
    ).first()


def join_batch(session: Session, station: str, lone_id: str, at: datetime, delay: float) -> Batch:
    """The batch of a file that comes in now: the open one; else, with a `delay`, a new one for its followers, too; else one of its own."""
    batch = open_batch_at(session, station)
    if batch is None:
        kind = "folder" if delay > 0 else "file"
        batch = Batch(id=lone_id, station=station, kind=kind, opened_at=at, ended_at=None if delay > 0 else at)
        session.add(batch)
    batch.touched_at = at
    session.flush()
    return batch


def touched_folders(session: Session, station: str) -> dict[str, datetime]:
    """Open folder batches of a station, and when something came into each last."""
    query = sa.select(Batch).where(Batch.station == station, Batch.kind == "folder", Batch.ended_at.is_(None))
    return {batch.id: batch.touched_at for batch in session.scalars(query) if batch.touched_at is not None}


def first_with_slip(session: Session, slip: str, batch_id: str) -> bool:
    """Whether no other batch bears this printed slip."""
    return session.scalar(sa.select(Batch.id).where(Batch.slip == slip, Batch.id != batch_id).limit(1)) is None


def waiting_batches(session: Session) -> list[Batch]:
    """Ended and not closed, though none of their files is still to be judged; oldest first. A lone file settles by itself."""
    at_work = sa.select(Document.id).where(Document.batch_id == Batch.id, Document.state == State.RECEIVED).exists()
    query = sa.select(Batch).where(Batch.ended_at.is_not(None), Batch.closed_at.is_(None), Batch.kind != "file", ~at_work)
    return list(session.scalars(query.order_by(Batch.ended_at).limit(100)))


def stacks_in(session: Session, batch_id: str, *states: State) -> list[Document]:
    """Documents of a batch as they were fed, in the order in which their files arrived; all states unless some are named."""
    query = (
        sa.select(Document)
        .join(Arrival, Arrival.document_id == Document.id)
        .where(Document.batch_id == batch_id, Arrival.duplicate.is_(False))
        .order_by(Arrival.id)
    )
    return list(session.scalars(query.where(Document.state.in_(states)) if states else query).unique())


def documents_in(session: Session, batch_id: str) -> list[Document]:
    """Every document of a batch, fed or formed, oldest first."""
    return list(
        session.scalars(
            sa.select(Document).where(Document.batch_id == batch_id).order_by(Document.received_at, Document.title, Document.id)
        )
    )


def recent_batches(session: Session, station: str | None = None, limit: int = 50) -> list[Batch]:
    """Desk and folder batches, newest first; lone files are none that a person fed together."""
    query = sa.select(Batch).where(Batch.kind != "file").order_by(Batch.opened_at.desc()).limit(limit)
    return list(session.scalars(query.where(Batch.station == station) if station else query))


# --- links ---


def link(session: Session, older_id: str, newer_id: str, kind: str, at: datetime) -> None:
    """Note which document came out of which; saying it twice is saying it once."""
    known = session.scalar(sa.select(Link.id).where(Link.older_id == older_id, Link.newer_id == newer_id, Link.kind == kind))
    if known is None:
        session.add(Link(older_id=older_id, newer_id=newer_id, kind=kind, made_at=at))


def links_of(session: Session, document_id: str) -> list[Link]:
    """Where a document comes from and what became of it, oldest first."""
    return list(
        session.scalars(sa.select(Link).where(sa.or_(Link.older_id == document_id, Link.newer_id == document_id)).order_by(Link.id))
    )


# --- pages scanned anew ---


def pending_redo(session: Session, station: str) -> Redo | None:
    """The page that the station's next file is to replace."""
    return session.scalars(
        sa.select(Redo).where(Redo.station == station, Redo.carrier_id.is_(None), Redo.done_at.is_(None)).order_by(Redo.id).limit(1)
    ).first()


def redo_at_work(session: Session, station: str) -> bool:
    """Whether a new scan of this station has come and is still being judged."""
    at_work = sa.select(Redo.id).where(Redo.station == station, Redo.carrier_id.is_not(None), Redo.done_at.is_(None))
    return session.scalar(at_work.limit(1)) is not None


def redo_carried_by(session: Session, document_id: str) -> Redo | None:
    """The page for which this document was scanned; None where it was scanned for itself."""
    return session.scalars(sa.select(Redo).where(Redo.carrier_id == document_id, Redo.done_at.is_(None)).limit(1)).first()


def redos_of(session: Session, document_ids: Sequence[str]) -> list[Redo]:
    """All pages of these documents that were asked anew, oldest first."""
    return list(session.scalars(sa.select(Redo).where(Redo.document_id.in_(document_ids)).order_by(Redo.id)))
