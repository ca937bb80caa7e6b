"""Legal holds: a dispute, an audit, an insolvency keeps documents whatever their date, until a person lifts it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station.records.ledger import append_event
from station.records.tables import Document, FieldRow, Hold, Person, RetentionRow
from workflow.retention import HeldFacts, covers, hold_trouble

SUPPLIER_FIELDS = ("supplier_name", "supplier_siren", "supplier_siret", "supplier_vat_id")
AT_ONCE = 500
"""Documents of which one question asks."""


class UnknownHold(Exception):
    """There is no such hold, or it is lifted already."""


def list_holds(session: Session) -> list[Hold]:
    """Those of every company, newest first, lifted ones included."""
    return list(session.scalars(sa.select(Hold).order_by(Hold.id.desc())))


def standing_holds(session: Session, day: date) -> list[Hold]:
    """Those of every company in force on a day, oldest first."""
    told = day.isoformat()
    query = sa.select(Hold).where(Hold.lifted_at.is_(None), Hold.starts <= told, sa.or_(Hold.ends.is_(None), Hold.ends >= told))
    return list(session.scalars(query.order_by(Hold.id)))


def hold_on(session: Session, document: Document, day: date) -> Hold | None:
    """The oldest hold that covers a document on a day; None where none does."""
    return holds_on(session, [document], day).get(document.id)


class HeldPaper(NamedTuple):
    """What holds ask of a document's own row."""

    id: str
    entity: str
    supplier: str | None
    received_at: datetime


def holds_on(session: Session, found: Sequence[HeldPaper | Document], day: date) -> dict[str, Hold]:
    """By document, the oldest hold that covers it on a day; those that none covers are left out. Asked in bulk."""
    standing = standing_holds(session, day)
    if not standing:
        return {}
    facts = _facts_of(session, found)
    covering = {each.id: next((hold for hold in standing if _covers(hold, each, facts[each.id])), None) for each in found}
    return {name: hold for name, hold in covering.items() if hold is not None}


def _covers(hold: Hold, document: HeldPaper | Document, facts: HeldFacts) -> bool:
    """A hold on one document goes with it, whichever company's it is; any other is about the papers of its company."""
    return (hold.scope == "document" or hold.entity == document.entity) and covers(hold.scope, hold.value, facts)


def _facts_of(session: Session, found: Sequence[HeldPaper | Document]) -> dict[str, HeldFacts]:
    """What holds ask of documents: every value that any source gives, for a hold that covers too much harms nobody."""
    rows: dict[str, list[tuple[str, str]]] = {document.id: [] for document in found}
    ids, wanted = sorted(rows), (*SUPPLIER_FIELDS, "issue_date")
    for begin in range(0, len(ids), AT_ONCE):
        part = (FieldRow.document_id.in_(ids[begin : begin + AT_ONCE]), FieldRow.name.in_(wanted), FieldRow.value != "")
        for document_id, name, value in session.execute(sa.select(FieldRow.document_id, FieldRow.name, FieldRow.value).where(*part)):
            rows[document_id].append((name, value or ""))
    return {document.id: _held_facts(document, rows[document.id]) for document in found}


def _held_facts(document: HeldPaper | Document, values: Sequence[tuple[str, str]]) -> HeldFacts:
    names = {value for name, value in values if name in SUPPLIER_FIELDS and value}
    days = {document.received_at.date()}
    for name, value in values:
        if name == "issue_date":
            try:
                days.add(date.fromisoformat(value))
            except ValueError:
                continue
    return HeldFacts(document.id, frozenset(names | ({document.supplier} if document.supplier else set())), frozenset(days))


def place_hold(
    session: Session, entity: str, scope: str, value: str, reason: str, days: tuple[date, date | None], person: Person, at: datetime
) -> Hold:
    """Place a hold from a day on. What it covers and could go now is held in the same transaction; the rest before its day comes.

    A hold on one document stands in that document's company, whichever `entity` is named. Raises ValueError where scope, value, reason or
    days are none.
    """
    starts, ends = days
    if scope == "document" and (named := session.get(Document, value.strip())) is not None:
        entity = named.entity
    if hold_trouble(scope, value.strip()) or not reason.strip() or (ends is not None and ends < starts):
        raise ValueError("a hold needs its scope, its value, its reason and its days")
    hold = Hold(
        entity=entity,
        scope=scope,
        value=value.strip(),
        reason=reason.strip(),
        actor=person.pseudonym,
        starts=starts.isoformat(),
        ends=ends.isoformat() if ends else None,
        placed_at=at,
    )
    session.add(hold)
    session.flush()
    _hold_at_once(session, hold, at.date())
    payload = {"number": hold.id, "scope": scope, "value": hold.value, "reason": hold.reason, "starts": hold.starts, "ends": hold.ends}
    _enter(session, hold, person, at, {**payload, "what": "placed"})
    return hold


def lift_hold(session: Session, number: int, reason: str, person: Person, at: datetime) -> Hold:
    """Lift it: what it covered may go again once its own day has passed. Raises UnknownHold, ValueError without a reason."""
    hold = session.get(Hold, number)
    if hold is None or hold.lifted_at is not None:
        raise UnknownHold(str(number))
    if not reason.strip():
        raise ValueError("lifting a hold needs its reason")
    hold.lifted_at, hold.lifted_by, hold.lifted_reason = at, person.pseudonym, reason.strip()
    _enter(session, hold, person, at, {"number": hold.id, "what": "lifted", "reason": reason.strip()})
    return hold


def _hold_at_once(session: Session, hold: Hold, day: date) -> None:
    """Those that nothing else keeps any more: the database itself refuses to delete them from now on."""
    due = sa.or_(RetentionRow.until.is_(None), RetentionRow.until < day.isoformat())
    query = (
        sa.select(RetentionRow, Document)
        .join(Document, RetentionRow.document_id == Document.id)
        .where(Document.entity == hold.entity, RetentionRow.hold_id.is_(None), due)
    )
    told = day.isoformat()
    if hold.starts > told or (hold.ends is not None and hold.ends < told):
        return
    rows = session.execute(query).all()
    facts = _facts_of(session, [document for _, document in rows])
    for row, document in rows:
        if _covers(hold, document, facts[document.id]):
            row.hold_id = hold.id
    session.flush()


def _enter(session: Session, hold: Hold, person: Person, at: datetime, payload: dict[str, object]) -> None:
    objects = {"hold": str(hold.id)}
    if hold.scope == "document":
        objects["document"] = hold.value
    append_event(session, Event(hold.entity, "hold", objects, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
