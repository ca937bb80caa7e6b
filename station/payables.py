"""What the house owes, invoice by invoice: until when, what delay costs, what was paid; and the reminders of those who keep it waiting.

Deadlines are derived anew each time from the invoice, the register and what happened; only what happened is kept.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station import deadlines, tasks
from station.acts import actor_of
from station.deadlines import day_of, happenings_of, is_credit, keys_of, request_of, supplier_of, value_of
from station.rates import rates_of
from station.records import documents
from station.records import tasks as records
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import (
    AccountingItem,
    Disbursement,
    Document,
    FieldRow,
    InvoiceRow,
    InvoiceStanding,
    PayableEvent,
    Person,
    Review,
)
from station.workstation import Workstation
from workflow.interest import MissingRate, Rates, Reduction, Regime
from workflow.invoicing import InvoiceState
from workflow.payables import Cost, Deadline, Happening, Refusal, Request, Step, cost_of, deadline_of, refusal_of

__all__ = ["day_of", "is_credit", "keys_of", "supplier_of", "value_of"]
EURO = "EUR"
NOTHING = Decimal("0.00")
SENT, PAID = "sent", "paid"
DISPUTED, SETTLED = "disputed", "settled"
STEPS = (Step.SERVICE_DONE, Step.SUSPENDED, Step.RESUMED, Step.RECEIVED, DISPUTED, SETTLED)
"""What a person may note."""
REASONED = frozenset({Step.SUSPENDED, DISPUTED, SETTLED})
"""Not without a reason."""
MOST_WORDS = 2000
_CONTESTED = frozenset({InvoiceState.IN_REVIEW, InvoiceState.COMPLETED, InvoiceState.APPROVED, InvoiceState.POSTED})
_RESTING = frozenset({InvoiceState.IN_REVIEW, InvoiceState.DISPUTED, InvoiceState.PARTIALLY_APPROVED})
"""States in which a public buyer may still suspend."""
_DEAD = frozenset({InvoiceState.REFUSED, InvoiceState.CANCELLED, InvoiceState.MISROUTED})


@dataclass(frozen=True, slots=True)
class Owed:
    """One invoice as it stands on a day."""

    document: Document
    standing: InvoiceStanding | None
    request: Request
    deadline: Deadline
    amount: Decimal | None
    """With tax, as it is printed."""
    currency: str
    credit: bool
    regime: Regime
    cost: Cost | MissingRate | None
    """None: in time and no rate asked for, no amount, another currency, a credit note, or nothing runs."""
    events: tuple[PayableEvent, ...]
    payments: tuple[Disbursement, ...]

    @property
    def state(self) -> InvoiceState | None:
        return InvoiceState(self.standing.state) if self.standing is not None and self.standing.state in set(InvoiceState) else None

    @property
    def paid(self) -> Decimal:
        return sum((Decimal(row.amount) for row in self.payments if row.stage == PAID), NOTHING)

    @property
    def open(self) -> Decimal | None:
        """EUR still to be paid; None where the amount is not known or in another currency."""
        return None if self.amount is None or self.currency != EURO else max(NOTHING, abs(self.amount) - self.paid)


# --- one invoice ---


def owed_of(session: Session, settings: Settings, document: Document, today: date) -> Owed:
    """All that is known of what is owed on it."""
    best, entity = documents.best_rows(document), document.entity
    standing = records.standing_of(session, document.id)
    events = tuple(_of(session, PayableEvent, document))
    payments = tuple(_of(session, Disbursement, document))
    request = request_of(session, settings, document, best)
    deadline = deadline_of(request, happenings_of(events, standing, settings))
    amount, currency = amount_of(best, "total_gross"), value_of(best, "currency")
    credit = is_credit(document, best) or (amount is not None and amount < 0)
    regime = Regime.PUBLIC if settings.is_public(entity) else Regime.PRIVATE
    cost = None
    if deadline.day is not None and amount is not None and amount > 0 and currency == EURO and not credit:
        cost = _cost(amount, deadline.day, today, regime, payments, rates_of(session, entity))
    return Owed(document, standing, request, deadline, amount, currency, credit, regime, cost, events, payments)


def _cost(
    amount: Decimal, due: date, today: date, regime: Regime, payments: Sequence[Disbursement], rates: Rates
) -> Cost | MissingRate | None:
    try:
        paid = [Reduction(date.fromisoformat(row.day), Decimal(row.amount)) for row in payments if row.stage == PAID]
        return cost_of(amount, due, today, regime, rates, paid)
    except MissingRate as error:
        return error
    except (ValueError, InvalidOperation):
        # An amount that is not in whole cents, a day that is none: nothing is computed rather than guessed.
        return None


def amount_of(best: Mapping[str, FieldRow], name: str) -> Decimal | None:
    try:
        amount = Decimal(value_of(best, name))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _of(session: Session, table: Any, document: Document) -> Sequence[Any]:
    return session.scalars(sa.select(table).where(table.document_id == document.id).order_by(table.day, table.id)).all()


# --- what a person notes ---


def offered_steps(owed: Owed, today: date) -> list[str]:
    """What may be noted of it today."""
    return [str(step) for step in STEPS if why_not(owed, str(step), today, today) is None]


def why_not(owed: Owed, step: str, day: date, today: date) -> str | None:
    """Key under `payables.wrong-…`; None: it may be noted."""
    if day > today:
        return "future"
    state = owed.state
    if step == DISPUTED:
        return None if state in _CONTESTED else "stands"
    if step == SETTLED:
        return None if state is InvoiceState.DISPUTED else "stands"
    refusal: Refusal | None = refusal_of(owed.request, owed.deadline, Happening(day, Step(step)))
    if refusal is not None:
        return str(refusal)
    allowed = {
        Step.SUSPENDED: state in _RESTING,
        Step.RESUMED: state is InvoiceState.SUSPENDED,
        Step.RECEIVED: state is InvoiceState.REFUSED,
        Step.SERVICE_DONE: state not in _DEAD,
    }
    return None if allowed[Step(step)] else "stands"


def note_step(
    session: Session, workstation: Workstation, document: Document, step: str, day: date, reason: str, person: Person
) -> str | None:
    """Service done, suspended, resumed, received anew, contested, settled. What is wrong, as `why_not`, or None: it is noted."""
    now, today = workstation.clock(), today_of(workstation)
    owed = owed_of(session, workstation.settings, document, today)
    if step not in {str(each) for each in STEPS}:
        return "stands"
    wrong = why_not(owed, step, day, today) or ("reason" if step in REASONED and not reason.strip() else None)
    if wrong is not None:
        return wrong
    row = PayableEvent(
        entity=document.entity, document_id=document.id, step=step, day=day.isoformat(), reason=reason.strip()[:MOST_WORDS],
        actor=person.pseudonym, at=now,
    )  # fmt: skip
    if step == Step.RECEIVED and owed.standing is not None:
        # The rejection stays in the history of the term once the standing tells it no more.
        rejected = owed.deadline.since or day
        told = {"step": str(Step.REJECTED), "day": rejected.isoformat(), "reason": "", "actor": owed.standing.by[:32], "at": now}
        session.add(PayableEvent(entity=document.entity, document_id=document.id, **told))
    session.add(row)
    session.flush()
    payload = {"what": step, "day": day.isoformat(), "reason": row.reason}
    append_event(session, Event(document.entity, "payable", {"document": document.id}, actor_of(person), now, "system", payload))
    _follow(session, workstation, document, step, person, now)
    return None


def _follow(session: Session, workstation: Workstation, document: Document, step: str, person: Person, now: datetime) -> None:
    """Where the invoice stands after a step."""
    by = person.pseudonym
    after = {
        Step.SUSPENDED: InvoiceState.SUSPENDED, Step.RESUMED: InvoiceState.COMPLETED, Step.RECEIVED: InvoiceState.IN_REVIEW,
        DISPUTED: InvoiceState.DISPUTED,
    }.get(step)  # fmt: skip
    if after is not None:
        tasks.move_state(session, document, after, by, now)
    if step == Step.RECEIVED:
        tasks.ask_approval(session, workstation, document, now)
    if step == SETTLED:
        _settle(session, document, by, now)
    deadlines.note_due(session, workstation.settings, document, documents.best_rows(document))


def _settle(session: Session, document: Document, by: str, now: datetime) -> None:
    """Back to where it was: into the accounts, approved, or to be approved."""
    booked = session.scalar(sa.select(AccountingItem).where(AccountingItem.held == document.id)) is not None
    if booked:
        tasks.move_state(session, document, InvoiceState.APPROVED, by, now)
        tasks.move_state(session, document, InvoiceState.POSTED, by, now)
    elif tasks.stands_approved(session, document):
        tasks.move_state(session, document, InvoiceState.APPROVED, by, now)
    else:
        tasks.move_state(session, document, InvoiceState.IN_REVIEW, by, now)


def today_of(workstation: Workstation) -> date:
    """By the wall clock of the settings."""
    return workstation.clock().astimezone(ZoneInfo(workstation.settings.calendar.time_zone)).date()


# --- payments ---


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment as it was told."""

    stage: str
    day: date
    amount: Decimal
    reference: str = ""


def payment_key(document_id: str, payment: Payment) -> str:
    """The same telling twice is one payment; two alike on one day need a reference each."""
    told = f"{document_id}|{payment.stage}|{payment.day.isoformat()}|{payment.amount:.2f}|{payment.reference.strip()}"
    return hashlib.sha256(told.encode()).hexdigest()


def invoices_numbered(session: Session, entity: str, number: str, siren: str = "") -> list[Document]:
    """Invoices of an entity by the number that they bear; of one supplier where its SIREN is told."""
    query = sa.select(Document).join(Review, Review.document_id == Document.id)
    query = query.where(Review.entity == entity, Review.number == number, Document.confidential.is_(False))
    if siren:
        theirs = sa.exists().where(InvoiceRow.document_id == Document.id, InvoiceRow.supplier == f"siren:{siren}")
        query = query.where(theirs)
    return list(session.scalars(query.order_by(Document.received_at).limit(3)))


def is_known(session: Session, document: Document, payment: Payment) -> bool:
    key = payment_key(document.id, payment)
    return session.scalar(sa.select(Disbursement.id).where(Disbursement.entity == document.entity, Disbursement.key == key)) is not None


@dataclass(frozen=True, slots=True)
class Balance:
    """What is still to be paid of an invoice, and where it stands."""

    state: InvoiceState | None
    currency: str
    open: Decimal | None


def balance_of(session: Session, document: Document) -> Balance:
    best, standing = documents.best_rows(document), records.standing_of(session, document.id)
    amount, currency = amount_of(best, "total_gross"), value_of(best, "currency")
    paid = sum((Decimal(row.amount) for row in _of(session, Disbursement, document) if row.stage == PAID), NOTHING)
    rest = None if amount is None or currency != EURO else max(NOTHING, abs(amount) - paid)
    return Balance(InvoiceState(standing.state) if standing else None, currency, rest)


def wrong_payment(owed: Balance | Owed, payment: Payment, today: date) -> str | None:
    """Key under `payables.wrong-…`; None: it may be noted."""
    if payment.stage not in (SENT, PAID):
        return "stage"
    if payment.day > today and payment.stage == PAID:
        return "future"
    if not payment.amount.is_finite() or payment.amount <= 0 or payment.amount != payment.amount.quantize(Decimal("0.01")):
        return "sum"
    if owed.state is None or owed.state in _DEAD:
        # Nobody here reviewed it, or it was refused: who pays it all the same says so to its review first.
        return "unreviewed" if owed.state is None else "ended"
    if owed.currency != EURO:
        return "currency"
    return "over" if owed.open is not None and payment.stage == PAID and payment.amount > owed.open else None


def record_payment(
    session: Session, workstation: Workstation, document: Document, payment: Payment, person: Person | None, source: str
) -> str | None:
    """What the bank did has happened: an unexpected step is recorded and told. What is wrong, or None: it is noted, or was before."""
    return note_payment(session, document, payment, person, source, workstation.clock(), today_of(workstation))


def note_payment(
    session: Session, document: Document, payment: Payment, person: Person | None, source: str, now: datetime, today: date
) -> str | None:
    """The same, with the moment and the day handed in."""
    if is_known(session, document, payment):
        return None
    owed = balance_of(session, document)
    wrong = wrong_payment(owed, payment, today)
    if wrong is not None:
        return wrong
    by = "system" if person is None else person.pseudonym
    row = Disbursement(
        entity=document.entity, document_id=document.id, stage=payment.stage, day=payment.day.isoformat(), amount=f"{payment.amount:.2f}",
        reference=payment.reference.strip()[:100], source=source, key=payment_key(document.id, payment), actor=by, at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    payload = {"what": payment.stage, "day": row.day, "amount": row.amount, "reference": row.reference, "source": source}
    actor = SYSTEM if person is None else actor_of(person)
    append_event(session, Event(document.entity, "payment", {"document": document.id}, actor, now, "system", payload))
    whole = owed.open is None or payment.amount >= owed.open
    if payment.stage == SENT and owed.state not in (InvoiceState.PAYMENT_SENT, InvoiceState.PAID):
        tasks.tell_state(session, document, InvoiceState.PAYMENT_SENT, by, now)
    if payment.stage == PAID and whole and owed.state is not InvoiceState.PAID:
        tasks.tell_state(session, document, InvoiceState.PAID, by, now)
    return None
