"""What the direction's page asks of the records: counts and sums by columns, in walks over narrow columns.

Every question is of one legal entity; of what is confidential or erased nothing is counted. Days are handed in as UTC moments at which
they begin on the wall clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.scope import EVERYWHERE
from station.records.tables import Archive, Arrival, Document, InvoiceRow, InvoiceStanding, Original, Review, ReviewEvent, Task
from station.records.tasks import APPROVAL, DONE
from workflow.invoicing import InvoiceState

ENDED = (InvoiceState.PAID, InvoiceState.REFUSED, InvoiceState.CANCELLED, InvoiceState.MISROUTED)
"""Nothing is owed on them any more, as far as this house knows."""
WITHDRAWN = (InvoiceState.REFUSED, InvoiceState.CANCELLED, InvoiceState.MISROUTED)
_EARLY = (InvoiceState.AVAILABLE, InvoiceState.IN_REVIEW, InvoiceState.COMPLETED)
"""On its way through the house: how far, the review tells."""
EURO = "EUR"


@dataclass(frozen=True, slots=True)
class Pile:
    """Invoices of one state and age."""

    state: str
    """open, account, done (of the review), or `workflow.invoicing.InvoiceState`."""
    age: int
    """Place in the bounds that were asked: 0 the newest."""
    count: int


@dataclass(frozen=True, slots=True)
class Owed:
    """Invoices that are not ended, due on one day."""

    due: str | None
    """ISO date; None where none was read."""
    credit: bool
    euro: bool
    """EUR, or no currency read."""
    count: int
    priced: int
    """How many of them have an amount."""
    cents: int
    """With tax; less than 0 of credit notes."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One invoice that was received and is not in the accounts."""

    document_id: str
    received_at: datetime
    supplier: str
    number: str
    title: str
    cents: int | None
    """With tax; less than 0 of a credit note."""
    currency: str
    """Empty where none was read."""
    due: str | None


def piles(session: Session, entity: str, bounds: Sequence[datetime]) -> list[Pile]:
    """What is not ended, by state and age: received at bounds[0] or later, at bounds[1] or later, …, and before the last."""
    early = sa.or_(InvoiceStanding.state.is_(None), InvoiceStanding.state.in_(_EARLY))
    state = sa.case((early, Review.stage), else_=InvoiceStanding.state)
    age = _place(Review.received_at, bounds)
    query = sa.select(state, age, sa.func.count()).select_from(Review).outerjoin(InvoiceStanding, _standing()).where(*_open(entity))
    return [Pile(str(one), int(two), int(count)) for one, two, count in session.execute(query.group_by(state, age))]


def owed(session: Session, entity: str, own: Sequence[str] = ()) -> list[Owed]:
    """What is not ended, by the day on which it is due; without what the company sold: `own` are the keys by which it is a seller."""
    credit = _credit()
    euro = sa.or_(Review.currency.is_(None), Review.currency == EURO)
    query = (
        sa.select(Review.due, credit, euro, sa.func.count(), sa.func.count(Review.gross), sa.func.sum(_signed()))
        .select_from(Review)
        .join(Document, Document.id == Review.document_id)
        .outerjoin(InvoiceStanding, _standing())
        .where(*_open(entity), _bought(own))
        .group_by(Review.due, credit, euro)
    )
    return [Owed(due, bool(one), bool(two), int(n), int(m), int(cents or 0)) for due, one, two, n, m, cents in session.execute(query)]


def approvals(session: Session, entity: str, since: datetime, limit: int) -> list[tuple[datetime, datetime]]:
    """When an invoice was received, and when the last approval that it needed was given: the newest first, at most so many."""
    at = sa.func.max(Task.decided_at)
    query = (
        sa.select(Review.received_at, sa.type_coerce(at, Task.decided_at.type))
        .select_from(Task)
        .join(Review, Review.document_id == Task.document_id)
        .where(Task.entity == entity, Task.kind == APPROVAL, Task.state == DONE, Task.decision == "approved", Task.place == Task.needed)
        .where(Task.decided_at >= since)
        .group_by(Task.document_id, Review.received_at)
        .order_by(at.desc())
        .limit(limit)
    )
    return [(received, decided) for received, decided in session.execute(query)]


def waiting_total(
    session: Session, entity: str, end: datetime, bounds: Sequence[datetime], own: Sequence[str] = ()
) -> list[tuple[int, bool, int, int, int]]:
    """Of what was received before `end` and was not in the accounts then: place in the bounds (0 the newest), EUR or not, how many,
    how many with an amount, cents."""
    place = _place(Review.received_at, bounds)
    euro = sa.or_(Review.currency.is_(None), Review.currency == EURO)
    query = (
        sa.select(place, euro, sa.func.count(), sa.func.count(Review.gross), sa.func.sum(_signed()))
        .select_from(Review)
        .join(Document, Document.id == Review.document_id)
        .outerjoin(InvoiceStanding, _standing())
        .where(*_unexported(entity, end), _bought(own))
        .group_by(place, euro)
    )
    return [(int(where), bool(one), int(n), int(m), int(cents or 0)) for where, one, n, m, cents in session.execute(query)]


def waiting_list(
    session: Session, entity: str, end: datetime, size: int, after: int = 0, behind: tuple[datetime, str] | None = None,
    own: Sequence[str] = (),
) -> list[Waiting]:  # fmt: skip
    """The same one by one, the oldest first. `behind`: those behind a place (time and identifier); what leaves the list meanwhile shifts
    nothing then."""
    further: list[sa.ColumnElement[bool]] = []
    if behind is not None:
        at, document_id = behind
        further = [sa.or_(Review.received_at > at, sa.and_(Review.received_at == at, Review.document_id > document_id))]
    query = (
        sa.select(
            Review.document_id, Review.received_at, Review.supplier, Review.number, Review.title, _signed(), Review.currency, Review.due
        )
        .join(Document, Document.id == Review.document_id)
        .outerjoin(InvoiceStanding, _standing())
        .where(*_unexported(entity, end), _bought(own), *further)
        .order_by(Review.received_at, Review.document_id)
        .limit(size)
        .offset(after)
    )
    return [
        Waiting(document_id, at, supplier, number, title, None if cents is None else int(cents), currency or "", due)
        for document_id, at, supplier, number, title, cents, currency, due in session.execute(query)
    ]


def stored(session: Session, entity: str, bounds: Sequence[datetime]) -> list[tuple[str, int, int, int]]:
    """Bytes by kind (original, or the kind of the sealed document) and month: kind, place in the bounds, files, bytes.

    Place 0: since the first bound, the newest; the last: before all. Bytes that two entities sent alike are counted for each.
    """
    own = sa.select(Arrival.sha256).join(Document, Document.id == Arrival.document_id).where(Document.entity == entity)
    first = _place(Original.kept_at, bounds)
    originals = (
        sa.select(first, sa.func.count(), sa.func.sum(Original.size))
        .where(Original.sha256.in_(own))
        .group_by(first)
        .execution_options(**EVERYWHERE)
    )
    second = _place(Archive.sealed_at, bounds)
    archives = (
        sa.select(Document.document_type, second, sa.func.count(), sa.func.sum(Archive.size))
        .join(Document, Document.id == Archive.document_id)
        .where(Document.entity == entity)
        .group_by(Document.document_type, second)
        .execution_options(**EVERYWHERE)
    )
    found = [("original", int(place), int(count), int(size or 0)) for place, count, size in session.execute(originals)]
    return found + [(str(kind), int(place), int(count), int(size or 0)) for kind, place, count, size in session.execute(archives)]


def gestures(session: Session, entity: str, newest: int) -> list[tuple[str, datetime | None]]:
    """Of the invoices whose review ended last: each with the times of what was done to its fields, in order; None where nothing was."""
    done = (
        sa.select(Review.document_id)
        .where(Review.entity == entity, Review.stage == "done", Review.done_at.is_not(None))
        .order_by(Review.done_at.desc())
        .limit(newest)
        .subquery()
    )
    query = (
        sa.select(done.c.document_id, ReviewEvent.at)
        .outerjoin(ReviewEvent, ReviewEvent.document_id == done.c.document_id)
        .order_by(done.c.document_id, ReviewEvent.at, ReviewEvent.id)
    )
    return [(document_id, at) for document_id, at in session.execute(query)]


def _standing() -> sa.ColumnElement[bool]:
    return InvoiceStanding.document_id == Review.document_id


def _open(entity: str) -> tuple[sa.ColumnElement[bool], ...]:
    ended = sa.or_(InvoiceStanding.state.is_(None), InvoiceStanding.state.not_in(ENDED))
    return Review.entity == entity, Review.stage != "gone", ended


def _unexported(entity: str, end: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Received before, and neither in the accounts nor withdrawn by then."""
    exported = sa.func.coalesce(InvoiceStanding.exported_at < end, sa.false())
    withdrawn = sa.func.coalesce(sa.and_(InvoiceStanding.state.in_(WITHDRAWN), InvoiceStanding.since < end), sa.false())
    return Review.entity == entity, Review.stage != "gone", Review.received_at < end, sa.not_(exported), sa.not_(withdrawn)


def _bought(own: Sequence[str]) -> sa.ColumnElement[bool]:
    """Nobody is owed for what the company itself sold."""
    return Review.document_id.not_in(sa.select(InvoiceRow.document_id).where(InvoiceRow.supplier.in_(own))) if own else sa.true()


def _cents() -> sa.ColumnElement[int]:
    """With tax; the text is a decimal (`station.review`), and no amount is so large that a double would lose its cents."""
    return sa.cast(sa.func.round(sa.cast(Review.gross, sa.Float) * 100), sa.BigInteger)


def _signed() -> sa.ColumnElement[int]:
    """A credit note counts against, however it prints its amount."""
    return sa.case((_credit(), -sa.func.abs(_cents())), else_=_cents())


def _credit() -> sa.ColumnElement[bool]:
    """By what it is filed as, by the kind that it bears, or by the amount that it prints."""
    called = Review.document_id.in_(sa.select(InvoiceRow.document_id).where(InvoiceRow.credit))
    return sa.or_(Document.document_type == "credit-note", called, sa.func.coalesce(Review.gross, "").like("-%"))


def _place(column: sa.orm.InstrumentedAttribute[datetime], bounds: Sequence[datetime]) -> sa.ColumnElement[int]:
    """0 from the first bound on, the newest; their number before all. The oldest is asked first: of a long history most rows end there."""
    asked = list(enumerate(bounds, 1))[::-1]
    return sa.case(*((column < bound, number) for number, bound in asked), else_=0)
