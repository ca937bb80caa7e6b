"""Legal holds: a dispute, an audit, an insolvency keeps documents whatever their date, until a person lifts it."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station.records.ledger import append_event
from station.records.tables import Document, FieldRow, Hold, Person, RetentionRow
from workflow.retention import HeldFacts, covers, hold_trouble

SUPPLIER_FIELDS = ("supplier_name", "supplier_siren", "supplier_siret", "supplier_vat_id")


class UnknownHold(Exception):
    """There is no such hold, or it is lifted already."""


def list_holds(session: Session, entity: str) -> list[Hold]:
    """Newest first, lifted ones included."""
    return list(session.scalars(sa.select(Hold).where(Hold.entity == entity).order_by(Hold.id.desc())))


def standing_holds(session: Session, entity: str, day: date) -> list[Hold]:
    """Those in force on a day, oldest first."""
    told = day.isoformat()
    query = sa.select(Hold).where(
        Hold.entity == entity, Hold.lifted_at.is_(None), Hold.starts <= told, sa.or_(Hold.ends.is_(None), Hold.ends >= told)
    )
    return list(session.scalars(query.order_by(Hold.id)))


def hold_on(session: Session, document: Document, day: date) -> Hold | None:
    """The oldest hold that covers a document on a day; None where none does."""
    standing = standing_holds(session, document.entity, day)
    if not standing:
        return None
    facts = held_facts(session, document)
    return next((hold for hold in standing if covers(hold.scope, hold.value, facts)), None)


def held_facts(session: Session, document: Document) -> HeldFacts:
    """What a hold asks of a document: every value that any source gives, for a hold that covers too much harms nobody."""
    wanted = (*SUPPLIER_FIELDS, "issue_date")
    rows = list(session.scalars(sa.select(FieldRow).where(FieldRow.document_id == document.id, FieldRow.name.in_(wanted))))
    names = {row.value for row in rows if row.name in SUPPLIER_FIELDS and row.value}
    days = {document.received_at.date()}
    for row in rows:
        if row.name == "issue_date" and row.value:
            try:
                days.add(date.fromisoformat(row.value))
            except ValueError:
                continue
    return HeldFacts(document.id, frozenset(names | ({document.supplier} if document.supplier else set())), frozenset(days))


def place_hold(
    session: Session, entity: str, scope: str, value: str, reason: str, days: tuple[date, date | None], person: Person, at: datetime
) -> Hold:
    """Place a hold from a day on. What it covers and could go now is held in the same transaction; the rest before its day comes.

    Raises ValueError where scope, value, reason or days are none.
    """
    starts, ends = days
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
    for row, document in session.execute(query).all():
        if covers(hold.scope, hold.value, held_facts(session, document)):
            row.hold_id = hold.id
    session.flush()


def _enter(session: Session, hold: Hold, person: Person, at: datetime, payload: dict[str, object]) -> None:
    objects = {"hold": str(hold.id)}
    if hold.scope == "document":
        objects["document"] = hold.value
    append_event(session, Event(hold.entity, "hold", objects, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
