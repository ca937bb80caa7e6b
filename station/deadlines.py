"""Until when an invoice is to be paid: one derivation for the desk's queue, the approvals, the reminders and the figures of the direction.

Derived from the invoice, the register and what happened; `Review.due` and `Task.due` keep the day so that lists can be sorted by it, and
are brought to it whenever one of these changed.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from ocr.identifiers import compact, vat_siren
from station.records import register
from station.records.tables import Document, FieldRow, InvoiceRow, InvoiceStanding, PayableEvent, Review, Supplier, Task
from station.records.tasks import APPROVAL, OPEN
from workflow.invoices import CREDIT
from workflow.invoicing import InvoiceState
from workflow.payables import BUYERS, Deadline, Happening, Request, Step, deadline_of
from workflow.terms import Counting, Term


def deadline_on(session: Session, settings: Settings, document: Document, best: Mapping[str, FieldRow]) -> Deadline:
    """By law or agreement, and after what happened."""
    events = session.scalars(sa.select(PayableEvent).where(PayableEvent.document_id == document.id)).all()
    standing = session.get(InvoiceStanding, document.id)
    return deadline_of(request_of(session, settings, document, best), happenings_of(events, standing, settings))


def due_day(session: Session, settings: Settings, document: Document, best: Mapping[str, FieldRow]) -> str | None:
    """Last day in time (ISO 8601); None while nothing runs, and of a credit note, on which nothing is to be paid."""
    if is_credit(document, best):
        return None
    day = deadline_on(session, settings, document, best).day
    return day.isoformat() if day is not None else None


def note_due(session: Session, settings: Settings, document: Document, best: Mapping[str, FieldRow]) -> str | None:
    """The queue and the open approvals of a document bear its day from now on."""
    session.flush()
    due = due_day(session, settings, document, best)
    there = Review.document_id == document.id, Review.due.is_distinct_from(due)
    asked = Task.document_id == document.id, Task.kind == APPROVAL, Task.state == OPEN, Task.due.is_distinct_from(due)
    for row in (*session.scalars(sa.select(Review).where(*there)), *session.scalars(sa.select(Task).where(*asked))):
        row.due = due
    session.flush()
    return due


def forget_due(session: Session, supplier: Supplier) -> None:
    """Its terms changed: the queue looks at its invoices again."""
    theirs = sa.select(InvoiceRow.document_id).where(InvoiceRow.supplier == supplier.key)
    session.execute(sa.update(Review).where(Review.entity == supplier.entity, Review.document_id.in_(theirs)).values(seen=0))


def request_of(session: Session, settings: Settings, document: Document, best: Mapping[str, FieldRow]) -> Request:
    """The invoice as a request for payment: its own dates, the register's term, and whether we are public."""
    zone = ZoneInfo(settings.calendar.time_zone)
    supplier = supplier_of(session, document.entity, best)
    term = None
    if supplier is not None and supplier.terms_days is not None:
        term = Term(supplier.terms_days, Counting.THEN_MONTH_END if supplier.terms_end_of_month else Counting.DAYS)
    return Request(
        received=document.received_at.astimezone(zone).date(),
        issued=day_of(best, "issue_date"),
        printed=day_of(best, "due_date"),
        term=term,
        buyer=BUYERS[settings.payables.public_days] if settings.is_public(document.entity) else None,
    )


def happenings_of(events: Iterable[PayableEvent], standing: InvoiceStanding | None, settings: Settings) -> list[Happening]:
    """With the rejection, which the standing tells: whoever refuses an invoice stops its term."""
    told = [Happening(date.fromisoformat(row.day), Step(row.step), row.reason) for row in events if row.step in set(Step)]
    if standing is not None and standing.state == InvoiceState.REFUSED:
        told.append(Happening(standing.since.astimezone(ZoneInfo(settings.calendar.time_zone)).date(), Step.REJECTED))
    return told


def supplier_of(session: Session, entity: str, best: Mapping[str, FieldRow]) -> Supplier | None:
    """Of the register."""
    return next((found for key in keys_of(best) if (found := register.find_supplier(session, entity, key)) is not None), None)


def keys_of(best: Mapping[str, FieldRow]) -> list[str]:
    """Under which the register may know the supplier, the surest first."""
    vat = compact(value_of(best, "supplier_vat_id"))
    siren = (
        value_of(best, "supplier_siren").replace(" ", "") or value_of(best, "supplier_siret").replace(" ", "")[:9] or vat_siren(vat) or ""
    )
    return [f"siren:{siren}"] * bool(siren) + [f"vat:{vat}"] * bool(vat)


def value_of(best: Mapping[str, FieldRow], name: str) -> str:
    return (best[name].value or "") if name in best else ""


def is_credit(document: Document, best: Mapping[str, FieldRow]) -> bool:
    """By what it is filed as, or by the code of the kind that was read or said (UNTDID 1001)."""
    return document.document_type == "credit-note" or value_of(best, "document_type_code") in CREDIT


def day_of(best: Mapping[str, FieldRow], name: str) -> date | None:
    try:
        return date.fromisoformat(value_of(best, name))
    except ValueError:
        return None
