"""Until when each sealed document must be kept: computed from what is known of it, stored with every reason, and what may go afterwards."""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station.acts import NotOffered, actor_of
from station.holds import hold_on, standing_holds
from station.records import documents
from station.records.ledger import append_event
from station.records.tables import Archive, Document, Erasure, FieldRow, Hold, Person, RetentionRow, State
from station.workstation import Workstation
from workflow.retention import RetentionFacts, RetentionRules, believed_date, components_of, retain_until

log = logging.getLogger("sceau.retention")
AT_ONCE = 200
"""Documents whose dates are computed in one transaction."""
_KEPT = (State.SEALED, State.SET_ASIDE)


def rules_of(settings: Settings) -> RetentionRules:
    """What the house sets."""
    return RetentionRules(settings.retention.financial_year_end, settings.retention.asset_years, settings.organisation.retention_years)


def retention_of(session: Session, document_id: str) -> RetentionRow | None:
    """What is stored of a document; None of one that was never sealed."""
    return session.get(RetentionRow, document_id)


def keep_retention(session: Session, document: Document, settings: Settings, at: datetime) -> RetentionRow:
    """Compute and store a sealed document's reasons and their latest day.

    A day that lies ahead is brought forward to today at the earliest, even where a correction says that it is long past: whoever changes a
    date has to wait until tomorrow, and the database itself refuses less (`keep_until`). What a person calls a letter has no term at once.
    """
    day, row = at.date(), session.get(RetentionRow, document.id)
    if row is None:
        row = RetentionRow(document_id=document.id, asset=False, components=[], computed_at=at)
        session.add(row)
    components = components_of(_facts(session, document, row, at), rules_of(settings), day)
    until, before = retain_until(components), row.until
    row.components = [component.as_json() for component in components]
    row.until = until.isoformat() if until else None
    if before is not None and row.until is not None and before >= day.isoformat() > row.until:
        row.until = day.isoformat()
    held = hold_on(session, document, day)
    row.hold_id = held.id if held else None
    row.computed_at = at
    session.flush()
    return row


def _facts(session: Session, document: Document, row: RetentionRow, at: datetime) -> RetentionFacts:
    sealed = min((archive.sealed_at for archive in document.archives), default=at).date()
    said, read = dates_of(session, document)
    return RetentionFacts(
        document.document_type,
        believed_date(said, read, document.received_at.date()),
        sealed,
        date.fromisoformat(row.last_operation) if row.last_operation else None,
        row.asset,
    )


def dates_of(session: Session, document: Document) -> tuple[date | None, date | None]:
    """Its own date as a person or an XML says it, and as it was read."""
    rows = session.scalars(sa.select(FieldRow).where(FieldRow.document_id == document.id, FieldRow.name == "issue_date"))
    told = {row.source: _day(row.value) for row in rows}
    return told.get("person") or told.get("xml"), told.get("rule") or told.get("read")


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def say_retention(
    session: Session, document: Document, settings: Settings, asset: bool, last_operation: date | None, person: Person, at: datetime
) -> RetentionRow:
    """A person says that it is a fixed asset's invoice, or when its last operation was entered. Raises NotOffered if nothing is sealed."""
    row = session.get(RetentionRow, document.id)
    if row is None or document.state == State.ERASED:
        raise NotOffered(f"{document.state}: retention")
    row.asset, row.last_operation, row.said_by = asset, last_operation.isoformat() if last_operation else None, person.pseudonym
    row = keep_retention(session, document, settings, at)
    documents.touch(document, at)
    payload = {"asset": asset, "last_operation": row.last_operation, "until": row.until}
    append_event(session, Event(document.entity, "retention", {"document": document.id}, actor_of(person), at, "system", payload))
    return row


def retention_json(session: Session, document: Document) -> dict[str, Any] | None:
    """For the trail and for programs: `until`, `components`, `asset`, `last_operation`, `hold`; None where nothing is stored."""
    row = session.get(RetentionRow, document.id)
    if row is None:
        return None
    return {
        "until": row.until,
        "components": row.components,
        "asset": row.asset,
        "last_operation": row.last_operation,
        "hold": row.hold_id,
    }


# --- what may go, what is held ---


def retention_due(session: Session, day: date) -> list[Document]:
    """Documents whose last day has passed and that no hold covers: the end of the term permits to delete them, and the GDPR (art. 5, 1 e)
    then asks for it. Longest past first."""
    query = (
        sa.select(Document)
        .join(RetentionRow, RetentionRow.document_id == Document.id)
        .where(Document.state.in_(_KEPT), RetentionRow.until < day.isoformat(), RetentionRow.hold_id.is_(None))
        .order_by(RetentionRow.until, Document.id)
    )
    found = list(session.scalars(query))
    held = {entity for entity in {document.entity for document in found} if standing_holds(session, entity, day)}
    return [document for document in found if document.entity not in held or hold_on(session, document, day) is None]


def may_end(session: Session, document: Document, day: date) -> str | None:
    """Why a sealed document cannot be deleted yet: "hold", "until", "unknown" (nothing is computed yet); None where it may."""
    if hold_on(session, document, day) is not None:
        return "hold"
    row = session.get(RetentionRow, document.id)
    if row is None or row.until is None:
        return "unknown"
    return None if row.until < day.isoformat() else "until"


def asked_ends(session: Session) -> dict[str, Erasure]:
    """Deletions that one person asked for and another has still to confirm, by document."""
    rows = session.scalars(sa.select(Erasure).where(Erasure.done_at.is_(None), Erasure.confirmed_at.is_(None)))
    return {row.document_id: row for row in rows}


def retention_rows(session: Session, entity: str, limit: int = 500) -> list[tuple[RetentionRow, Document]]:
    """What is kept, the soonest end first."""
    query = (
        sa.select(RetentionRow, Document)
        .join(Document, RetentionRow.document_id == Document.id)
        .where(Document.entity == entity, Document.state.in_(_KEPT))
        .order_by(RetentionRow.until.is_(None), RetentionRow.until, Document.id)
        .limit(limit)
    )
    return [(row, document) for row, document in session.execute(query)]


def retention_lines(workstation: Workstation) -> list[dict[str, Any]]:
    """Every document that is kept, the soonest end first: `document`, `title`, `kind`, `until`, `due`, `hold`, `components`."""
    today = workstation.clock().date()
    with workstation.database.reading() as session:
        due = {document.id for document in retention_due(session, today)}
        return [
            {
                "document": document.id,
                "title": "—" if document.confidential else document.title,
                "kind": document.document_type,
                "until": row.until,
                "due": document.id in due,
                "hold": row.hold_id,
                "components": row.components,
            }
            for row, document in retention_rows(session, workstation.settings.entity, 1_000_000)
        ]


# --- keeping it true ---


def tend_retention(workstation: Workstation) -> int:
    """Compute what is missing or out of date, some at a time: of documents sealed by the version before, changed since, or under a hold
    that was placed, lifted or has ended since. Returns how many were computed."""
    now = workstation.clock()
    with workstation.database.reading() as session:
        stale = _stale(session, now)
    for begin in range(0, len(stale), AT_ONCE):
        with workstation.database.writing() as session:
            for document_id in stale[begin : begin + AT_ONCE]:
                document = documents.get_document(session, document_id)
                if document.archives:
                    keep_retention(session, document, workstation.settings, now)
    return len(stale)


def _stale(session: Session, now: datetime) -> Sequence[str]:
    today = now.date().isoformat()
    sealed = sa.select(Archive.sha256).where(Archive.document_id == Document.id).exists()
    ended = sa.or_(Hold.lifted_at.is_not(None), Hold.ends < today)
    no_longer = sa.select(Hold.id).where(Hold.id == RetentionRow.hold_id, ended).exists()
    # Of what must be kept anyway a hold changes nothing yet.
    due = sa.or_(RetentionRow.until.is_(None), RetentionRow.until < today)
    newer = sa.select(Hold.id).where(Hold.entity == Document.entity, Hold.placed_at > RetentionRow.computed_at, ~ended).exists()
    changed = Document.changed_at > RetentionRow.computed_at
    query = (
        sa.select(Document.id)
        .outerjoin(RetentionRow, RetentionRow.document_id == Document.id)
        .where(
            Document.state.in_(_KEPT),
            sealed,
            sa.or_(RetentionRow.document_id.is_(None), changed, no_longer, sa.and_(due, newer, RetentionRow.hold_id.is_(None))),
        )
        .order_by(Document.id)
        .limit(10 * AT_ONCE)
    )
    return list(session.scalars(query))
