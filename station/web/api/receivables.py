"""What customers owe: invoices, and what happens to them. What ends a claim (cancelling, giving up) is for a person, on the page."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from station import receivables
from station.ageing import ageing_on
from station.receivables import CLOSING, By, Issued, Noted, Refused, by_person
from station.records import receivables as records
from station.records.receivables import Listed, euros
from station.records.tables import Customer
from station.web import desk
from station.web.api.problems import Trouble, words_of
from station.web.api.shapes import (
    Amount,
    Asking,
    Cursor,
    Day,
    Limit,
    Line,
    Number,
    Page,
    Sent,
    Shape,
    cursor_values,
    entity_of,
    page_of,
    workstation_of,
)
from workflow.receivables import BUCKETS, What, in_force, standing_of
from workflow.terms import Term, due_date, read_term

router = APIRouter()
FIRST = date(2000, 1, 1)
"""Before it nothing was invoiced here."""
Known = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]*\S[^\x00]*$")]


class ShownEvent(Shape):
    id: int
    what: str = Field(description="payment, credit, dispute, promise, cancel, insolvency, write-off, interruption, end")
    day: str
    amount: str
    of: int | None = Field(description="Event that an end ends; of a payment from a credit, what was given back of the other invoice")
    until: str | None = Field(description="Of a promise: last day")
    reference: str | None
    reason: str
    holds: bool = Field(description="Whether it counts today")


class ShownItem(Shape):
    """An invoice of a customer, and where it stands today."""

    id: int
    number: str
    customer: str = Field(description="Number of the customer")
    amount: str
    issued: str
    due: str
    balance: str
    state: str = Field(description="unissued, not-due, overdue, paid, disputed, promised, insolvent, written-off, cancelled")
    days_late: int
    overpaid: str
    may_remind: bool
    document_id: str | None


class ShownStory(ShownItem):
    events: list[ShownEvent]


class Debtor(Shape):
    customer: str
    name: str
    columns: dict[str, str] = Field(description="EUR by age: not-due, 1-30, 31-60, 61-90, over-90 days")
    balance: str
    overpaid: str


class Ageing(Shape):
    day: str
    columns: dict[str, str]
    balance: str
    dso: str | None = Field(description="Days of sales outstanding; null where no sales are known")
    dso_days: int
    customers: list[Debtor]


class NewItem(Sent):
    customer: Known = Field(description="Number of the customer in the register")
    number: Known
    amount: Amount
    issued: Day
    due: Day | None = Field(None, description="Last day of payment; without it the terms below tell, or else those of the customer")
    terms: Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$")] = Field(
        "", description="Of this invoice alone, as people say them: 30 jours, 45 jours fin de mois, fin de mois 45 jours, à réception"
    )


class NewEvent(Sent):
    what: Literal["payment", "credit", "dispute", "promise", "interruption", "given-back", "end"] = Field(
        description="given-back: of what was paid too much, so much was paid back. end: another event holds no more, such as a payment "
        "that was noted by mistake; with its reason"
    )
    day: Day
    amount: Amount = "0"
    of: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(None, description="Event that an end ends")
    until: Day | None = None
    reference: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = Field(
        "", description="The bank's, needed of a payment; or the credit note's number. The same again is the same event"
    )
    reason: Line = ""
    keep_credit: bool = Field(
        False, description="Of a payment that is more than what is open: the rest is the customer's credit. Without it that is refused"
    )


@router.get("/receivables", tags=["receivables"], summary="Invoices of customers, and where each stands today")
def items(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[ShownItem]:
    place = cursor_values(cursor, int)
    rows = records.page_of_items(session, entity_of(request), place[0] if place else 0, limit + 1)
    today = _today(request)
    return page_of(request, response, rows, limit, lambda each: (each.row.id,), lambda each: ShownItem(**_told(each, today)))


@router.get("/receivables/ageing", tags=["receivables"], summary="The ageing balance and DSO of a day, today where none is said")
def ageing(request: Request, session: desk.InReading, day: Annotated[Day | None, Query()] = None) -> Ageing:
    today = _today(request)
    found = ageing_on(session, entity_of(request), max(FIRST, min(day or today, today)))
    return Ageing(
        day=found.day.isoformat(),
        columns={name: f"{found.columns[name]:.2f}" for name in BUCKETS},
        balance=f"{found.balance:.2f}",
        dso=None if found.dso is None else str(found.dso),
        dso_days=found.dso_days,
        customers=[
            Debtor(
                customer=each.customer.number,
                name=each.customer.name,
                columns={name: f"{each.columns[name]:.2f}" for name in BUCKETS},
                balance=f"{each.balance:.2f}",
                overpaid=f"{each.overpaid:.2f}",
            )
            for each in found.debtors
        ],
    )


@router.post("/receivables", tags=["receivables"], summary="A customer owes an invoice; the same again is the same")
def add(request: Request, session: desk.InWriting, person: Asking, said: NewItem) -> ShownItem:
    entity = entity_of(request)
    customer = records.find_customer(session, entity, said.customer)
    if customer is None:
        raise _wrong(request, "customer")
    try:
        issued = Issued(said.number, _cents(said.amount), said.issued, said.due or due_date(_term(said, customer), said.issued))
        row = receivables.issue_item(session, entity, customer, issued, _by(request, person.pseudonym))
    except Refused as error:
        raise _wrong(request, error.reason) from error
    return ShownItem(**_told(_listed(request, session, row.id), _today(request)))


@router.get("/receivables/{number}", tags=["receivables"], summary="One invoice with what happened to it")
def item(request: Request, session: desk.InReading, number: Number) -> ShownStory:
    return _story(_listed(request, session, number), session, _today(request))


@router.post(
    "/receivables/{number}/events",
    tags=["receivables"],
    summary="A payment, credit note, dispute, promise or interruption, or the end of one",
)
def note(request: Request, session: desk.InWriting, person: Asking, number: Number, said: NewEvent) -> ShownStory:
    listed = _listed(request, session, number)
    ended = next((event.what for event in listed.events if event.id == said.of), None)
    if ended in CLOSING:
        raise _wrong(request, "not-offered")
    if said.what == "payment" and not said.reference.strip():
        raise _wrong(request, "reference-bank")
    what = What(said.what)
    cents = _cents(said.amount) if what in (What.PAYMENT, What.CREDIT, What.PROMISE, What.GIVEN) else 0
    of = said.of if what is What.END else None
    reference = said.reference.strip() if what in (What.PAYMENT, What.CREDIT) else ""
    noted = Noted(what, said.day, cents, of, said.until if what is What.PROMISE else None, reference, said.reason, said.keep_credit)
    try:
        receivables.note_event(session, listed.row, noted, _by(request, person.pseudonym))
    except Refused as error:
        raise _wrong(request, error.reason) from error
    return _story(_listed(request, session, number), session, _today(request))


def _term(said: NewItem, customer: Customer) -> Term:
    """Raises Refused."""
    try:
        return read_term(said.terms) if said.terms.strip() else receivables.terms_of(customer)
    except ValueError as error:
        raise Refused("terms") from error


def _wrong(request: Request, reason: str) -> Trouble:
    t = words_of(request)
    return Trouble(409, "wrong-values", errors=[{"reason": reason, "words": t.known("receivables", f"wrong-{reason}")}])


def _listed(request: Request, session: Session, number: int) -> Listed:
    session.flush()
    found = records.listed_one(session, entity_of(request), number)
    if found is None:
        raise Trouble(404, "unknown")
    return found


def _story(listed: Listed, session: Session, today: date) -> ShownStory:
    holding = {event.id for event in in_force(listed.events, today)}
    events = [
        ShownEvent(
            id=row.id, what=row.what, day=row.day, amount=f"{euros(row.cents):.2f}", of=row.of, until=row.until, reference=row.reference,
            reason=row.reason, holds=row.id in holding,
        )
        for row in records.event_rows(session, listed.row.id)
    ]  # fmt: skip
    return ShownStory(**_told(listed, today), events=events)


def _told(listed: Listed, today: date) -> dict[str, Any]:
    standing, row = standing_of(listed.item, listed.events, today), listed.row
    return {
        "id": row.id, "number": row.number, "customer": listed.customer.number, "amount": f"{listed.item.amount:.2f}", "issued": row.issued,
        "due": row.due, "balance": f"{standing.balance:.2f}", "state": str(standing.state), "days_late": standing.days_late,
        "overpaid": f"{standing.overpaid:.2f}", "may_remind": standing.may_remind, "document_id": row.document_id,
    }  # fmt: skip


def _cents(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or "0")


def _by(request: Request, pseudonym: str) -> By:
    return by_person(pseudonym, workstation_of(request).clock(), _today(request), "api")


def _today(request: Request) -> date:
    return words_of(request).today(workstation_of(request).clock())
