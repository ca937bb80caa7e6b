"""Until when each sealed document must be kept: computed from what is known of it, stored with every reason, and what may go afterwards."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station.acts import NotOffered, actor_of
from station.holds import HeldPaper, hold_on, holds_on
from station.records import documents
from station.records.ledger import append_event
from station.records.tables import Archive, Document, Erasure, FieldRow, Hold, Person, RetentionRow, State
from station.records.totals import look_since, looked_through, once_found
from station.workstation import Workstation
from workflow.kinds import DUTIES
from workflow.retention import Component, RetentionFacts, RetentionRules, believed_date, components_of, retain_until

log = logging.getLogger("sceau.retention")
AT_ONCE = 200
"""Documents whose dates are computed in one transaction."""
_KEPT = (State.SEALED, State.SET_ASIDE)


def rules_of(settings: Settings, entity: str = "") -> RetentionRules:
    """What the house sets; an entity's own financial year where it says one."""
    return RetentionRules(settings.year_end_of(entity), settings.retention.asset_years, settings.organisation.retention_years)


def retention_of(session: Session, document_id: str) -> RetentionRow | None:
    """What is stored of a document; None of one that was never sealed."""
    return session.get(RetentionRow, document_id)


def keep_retention(session: Session, document: Document, settings: Settings, at: datetime) -> RetentionRow:
    """Compute and store a sealed document's reasons and their latest day.

    A day that lies ahead is brought forward to today at the earliest, even where a correction says that it is long past: whoever changes a
    date has to wait until tomorrow, and the database itself refuses less (`keep_until`). Calling it something else shortens no term that
    lies ahead (`keep_duty`).
    """
    day, row = at.date(), session.get(RetentionRow, document.id)
    if row is None:
        row = RetentionRow(document_id=document.id, asset=False, components=[], kind="", rules="", computed_at=at)
        session.add(row)
    before = row.until
    ahead = before is not None and before >= day.isoformat()
    kind, components = _reasons(_facts(session, document, row, at), rules_of(settings, document.entity), day, row.kind if ahead else "")
    until = retain_until(components)
    if until is not None or not ahead:
        row.kind, row.components = kind, [component.as_json() for component in components]
        row.until = max(until, day).isoformat() if ahead and until else until.isoformat() if until else None
    held = hold_on(session, document, day)
    row.hold_id = held.id if held else None
    row.rules, row.computed_at = rules_mark(settings), at
    session.flush()
    return row


def _reasons(facts: RetentionFacts, rules: RetentionRules, day: date, floor: str) -> tuple[str, tuple[Component, ...]]:
    """Kind and reasons that count; those of the kind `floor`, by which a term lies ahead, as long as they reach further."""
    told = components_of(facts, rules, day)
    if floor in ("", facts.kind):
        return facts.kind, told
    before = components_of(replace(facts, kind=floor), rules, day)
    reach = retain_until(before) or date.min
    return (floor, before) if reach > (retain_until(told) or date.min) else (facts.kind, told)


def renew_terms(session: Session, found: Iterable[Document], settings: Settings, at: datetime) -> None:
    """The terms of sealed documents as they are today: asked before anything is deleted by them."""
    for document in found:
        if document.archives and document.state != State.ERASED:
            keep_retention(session, document, settings, at)


def rules_mark(settings: Settings) -> str:
    """Tells whether a stored term was computed by the rules of today: SHA-256 of the house's and of the table of duties, shortened."""
    years = [settings.year_end_of(each.entity) for each in settings.company]
    return hashlib.sha256(repr((rules_of(settings), *years, DUTIES) if years else (rules_of(settings), DUTIES)).encode()).hexdigest()[:16]


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


def retention_due(session: Session, day: date, limit: int | None = None) -> list[Document]:
    """Documents whose last day has passed and that no hold covers: the end of the term permits to delete them, and the GDPR (art. 5, 1 e)
    then asks for it. Longest past first."""
    ids = due_ids(session, day)[:limit]
    parts = (ids[begin : begin + AT_ONCE] for begin in range(0, len(ids), AT_ONCE))
    found = {each.id: each for part in parts for each in session.scalars(sa.select(Document).where(Document.id.in_(part)))}
    return [found[name] for name in ids]


def due_ids(session: Session, day: date) -> list[str]:
    """The same by identifier: columns, not rows, for there may be thousands."""
    query = (
        sa.select(Document.id, Document.entity, Document.supplier, Document.received_at)
        .join(RetentionRow, RetentionRow.document_id == Document.id)
        .where(Document.state.in_(_KEPT), RetentionRow.until < day.isoformat(), RetentionRow.hold_id.is_(None))
        .order_by(RetentionRow.until, Document.id)
    )
    found = [HeldPaper(*row) for row in session.execute(query)]
    held = holds_on(session, found, day)
    return [paper.id for paper in found if paper.id not in held]


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


def held_by(session: Session, found: Iterable[tuple[RetentionRow, Document]], day: date) -> dict[str, int]:
    """By document, the number of the oldest hold that covers it on a day, also where its own term keeps it anyway."""
    return {name: hold.id for name, hold in holds_on(session, [document for _, document in found], day).items()}


def retention_rows(session: Session, limit: int = 500) -> list[tuple[RetentionRow, Document]]:
    """What is kept of every company, the soonest end first."""
    query = (
        sa.select(RetentionRow, Document)
        .join(Document, RetentionRow.document_id == Document.id)
        .where(Document.state.in_(_KEPT))
        .order_by(RetentionRow.until.is_(None), RetentionRow.until, Document.id)
        .limit(limit)
    )
    return [(row, document) for row, document in session.execute(query)]


def retention_lines(workstation: Workstation) -> list[dict[str, Any]]:
    """Every document that is kept, the soonest end first: `document`, `title`, `kind`, `until`, `due`, `hold`, `components`."""
    today = workstation.clock().date()
    with workstation.database.reading() as session:
        due, rows = set(due_ids(session, today)), retention_rows(session, 1_000_000)
        held = held_by(session, rows, today)
        return [
            {
                "document": document.id,
                "title": "—" if document.confidential else document.title,
                "kind": document.document_type,
                "until": row.until,
                "due": document.id in due,
                "hold": held.get(document.id),
                "components": row.components,
            }
            for row, document in rows
        ]


# --- keeping it true ---


def tend_retention(workstation: Workstation) -> int:
    """Compute what is missing or out of date, some at a time: of documents sealed by the version before, changed since, under other rules
    or duties, or under a hold that was placed, lifted or has ended since. Returns how many were computed."""
    now = workstation.clock()
    with workstation.database.reading() as session:
        mark = rules_mark(workstation.settings)
        # Another day, other rules, a hold that was placed or lifted: then all are looked at, however many there are.
        holds = tuple(session.execute(sa.select(sa.func.max(Hold.id), sa.func.count(Hold.lifted_at))).one())
        name = f"retention {now.date()} {mark} {holds}"
        since = look_since(session, name, now)
        stale = _stale(session, now, mark, since)
        if since is None and not stale:
            looked_through(session, name)
    for begin in range(0, len(stale), AT_ONCE):
        with workstation.database.writing() as session:
            for document_id in stale[begin : begin + AT_ONCE]:
                document = documents.get_document(session, document_id)
                if document.archives:
                    keep_retention(session, document, workstation.settings, now)
    return len(stale)


def _stale(session: Session, now: datetime, rules: str, since: datetime | None) -> Sequence[str]:
    today = now.date().isoformat()
    sealed = sa.select(Archive.sha256).where(Archive.document_id == Document.id).exists()
    ended = sa.or_(Hold.lifted_at.is_not(None), Hold.ends < today)
    no_longer = sa.select(Hold.id).where(Hold.id == RetentionRow.hold_id, ended).exists()
    # Of what must be kept anyway a hold changes nothing yet.
    due = sa.or_(RetentionRow.until.is_(None), RetentionRow.until < today)
    about = sa.or_(Hold.entity == Document.entity, sa.and_(Hold.scope == "document", Hold.value == Document.id))
    newer = sa.select(Hold.id).where(about, Hold.placed_at > RetentionRow.computed_at, ~ended).exists()
    changed = sa.or_(Document.changed_at > RetentionRow.computed_at, RetentionRow.rules != rules)
    query = (
        sa.select(Document.id)
        .outerjoin(RetentionRow, RetentionRow.document_id == Document.id)
        .where(
            (Document.state if since is None else once_found(Document.state)).in_((*_KEPT, State.REPLACED)),
            sealed,
            *([] if since is None else [Document.changed_at >= since]),
            sa.or_(RetentionRow.document_id.is_(None), changed, no_longer, sa.and_(due, newer, RetentionRow.hold_id.is_(None))),
        )
        .order_by(Document.id if since is None else once_found(Document.id))
        .limit(10 * AT_ONCE)
    )
    return list(session.scalars(query))
