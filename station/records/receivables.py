"""Open items of customers and what happened to them, as rows; what they mean is said by `workflow.receivables`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.tables import Customer, CustomerContact, ItemEvent, OpenItem
from workflow.receivables import Happening, Item, What

AT_ONCE = 500
"""Identifiers in one question."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An item with whose it is and all that happened to it."""

    row: OpenItem
    customer: Customer
    events: tuple[Happening, ...]

    @property
    def item(self) -> Item:
        return item_of(self.row)


def item_of(row: OpenItem) -> Item:
    return Item(euros(row.cents), date.fromisoformat(row.issued), date.fromisoformat(row.due))


def happening_of(row: ItemEvent) -> Happening:
    until = date.fromisoformat(row.until) if row.until else None
    return Happening(row.id, What(row.what), date.fromisoformat(row.day), euros(row.cents), row.of, until)


def euros(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def get_item(session: Session, entity: str, number: int) -> OpenItem | None:
    """By its row; None where it is of another company."""
    return session.scalar(sa.select(OpenItem).where(OpenItem.entity == entity, OpenItem.id == number))


def find_item(session: Session, entity: str, number: str) -> OpenItem | None:
    """By the number printed on the invoice."""
    return session.scalar(sa.select(OpenItem).where(OpenItem.entity == entity, OpenItem.number == number))


def get_customer(session: Session, entity: str, number: int) -> Customer | None:
    """By its row; None where it is of another company."""
    return session.scalar(sa.select(Customer).where(Customer.entity == entity, Customer.id == number))


def find_customer(session: Session, entity: str, number: str) -> Customer | None:
    """By its number in the house's accounts."""
    return session.scalar(sa.select(Customer).where(Customer.entity == entity, Customer.number == number))


def customer_names(session: Session, entity: str) -> list[tuple[str, str]]:
    """Number and name of every customer, by name."""
    query = sa.select(Customer.number, Customer.name).where(Customer.entity == entity).order_by(sa.func.lower(Customer.name))
    return [(number, name) for number, name in session.execute(query)]


def event_rows(session: Session, item_id: int) -> list[ItemEvent]:
    """Of one item, in the order in which they were noted."""
    return list(session.scalars(sa.select(ItemEvent).where(ItemEvent.item_id == item_id).order_by(ItemEvent.id)))


def find_event(session: Session, item_id: int, what: What, reference: str) -> ItemEvent | None:
    """The event that this reference named before."""
    where = (ItemEvent.item_id == item_id, ItemEvent.what == what, ItemEvent.reference == reference)
    return session.scalar(sa.select(ItemEvent).where(*where))


def listed_one(session: Session, entity: str, number: int) -> Listed | None:
    """One item with all that is needed to say where it stands: for whoever acts on it now."""
    row = get_item(session, entity, number)
    return None if row is None else _with_events(session, [row])[0]


def list_items(session: Session, entity: str, customer: int | None = None, *, due_by: date | None = None) -> list[Listed]:
    """All items of a company, or of one of its customers, with their events; closed ones, too: only the events tell. By due date."""
    query = sa.select(OpenItem).where(OpenItem.entity == entity)
    if customer is not None:
        query = query.where(OpenItem.customer_id == customer)
    if due_by is not None:
        query = query.where(OpenItem.due <= due_by.isoformat())
    return _with_events(session, list(session.scalars(query.order_by(OpenItem.due, OpenItem.id))))


def items_of_customer(session: Session, entity: str, customer: int, numbers: Iterable[int]) -> list[Listed]:
    """Those of these rows that are the customer's, by due date."""
    wanted, rows = sorted(set(numbers)), list[OpenItem]()
    for start in range(0, len(wanted), AT_ONCE):
        here = (OpenItem.entity == entity, OpenItem.customer_id == customer, OpenItem.id.in_(wanted[start : start + AT_ONCE]))
        rows += session.scalars(sa.select(OpenItem).where(*here))
    return _with_events(session, sorted(rows, key=lambda row: (row.due, row.id)))


def items_by_number(session: Session, entity: str, numbers: Iterable[str]) -> dict[str, OpenItem]:
    """Those of these invoices that are known."""
    wanted, found = sorted(set(numbers)), dict[str, OpenItem]()
    for start in range(0, len(wanted), AT_ONCE):
        query = sa.select(OpenItem).where(OpenItem.entity == entity, OpenItem.number.in_(wanted[start : start + AT_ONCE]))
        found |= {row.number: row for row in session.scalars(query)}
    return found


def references_of(session: Session, entity: str, what: What, items: Iterable[int]) -> dict[tuple[int, str], ItemEvent]:
    """What was noted of these items with a reference, by item and reference."""
    wanted, found = sorted(set(items)), dict[tuple[int, str], ItemEvent]()
    for start in range(0, len(wanted), AT_ONCE):
        part = (ItemEvent.entity == entity, ItemEvent.what == what, ItemEvent.item_id.in_(wanted[start : start + AT_ONCE]))
        query = sa.select(ItemEvent).where(*part, ItemEvent.reference.is_not(None))
        found |= {(row.item_id, row.reference or ""): row for row in session.scalars(query)}
    return found


@dataclass(frozen=True, slots=True)
class Plain:
    """An item without the row behind it: of tens of thousands, nothing more is read."""

    id: int
    customer_id: int
    number: str
    item: Item
    events: tuple[Happening, ...]


def plain_items(session: Session, entity: str) -> list[Plain]:
    """Every item of a company with what happened to it, by due date."""
    events: dict[int, list[Happening]] = {}
    columns = (ItemEvent.item_id, ItemEvent.id, ItemEvent.what, ItemEvent.day, ItemEvent.cents, ItemEvent.of, ItemEvent.until)
    for item_id, number, what, day, cents, of, until in session.execute(sa.select(*columns).where(ItemEvent.entity == entity)):
        last = date.fromisoformat(until) if until else None
        events.setdefault(item_id, []).append(Happening(number, What(what), date.fromisoformat(day), euros(cents), of, last))
    query = sa.select(OpenItem.id, OpenItem.customer_id, OpenItem.number, OpenItem.cents, OpenItem.issued, OpenItem.due)
    found = []
    for number, customer, name, cents, issued, due in session.execute(query.where(OpenItem.entity == entity).order_by(OpenItem.due)):
        item = Item(euros(cents), date.fromisoformat(issued), date.fromisoformat(due))
        found.append(Plain(number, customer, name, item, tuple(events.get(number, ()))))
    return found


def page_of_items(session: Session, entity: str, after: int, size: int) -> list[Listed]:
    """In the order in which they were made, from behind a row."""
    query = sa.select(OpenItem).where(OpenItem.entity == entity, OpenItem.id > after).order_by(OpenItem.id).limit(size)
    return _with_events(session, list(session.scalars(query)))


def _with_events(session: Session, rows: Sequence[OpenItem]) -> list[Listed]:
    events = events_by_item(session, [row.id for row in rows])
    customers = _customers(session, {row.customer_id for row in rows})
    return [Listed(row, customers[row.customer_id], events.get(row.id, ())) for row in rows]


def events_by_item(session: Session, items: Sequence[int]) -> Mapping[int, tuple[Happening, ...]]:
    """What happened to each of these; items of which nothing is told are not among them."""
    found: dict[int, list[Happening]] = {}
    for start in range(0, len(items), AT_ONCE):
        part = items[start : start + AT_ONCE]
        for row in session.scalars(sa.select(ItemEvent).where(ItemEvent.item_id.in_(part)).order_by(ItemEvent.id)):
            found.setdefault(row.item_id, []).append(happening_of(row))
    return {number: tuple(events) for number, events in found.items()}


def _customers(session: Session, numbers: Iterable[int]) -> dict[int, Customer]:
    wanted, found = sorted(numbers), dict[int, Customer]()
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        found |= {row.id: row for row in session.scalars(sa.select(Customer).where(Customer.id.in_(part)))}
    return found


def contacts_of(session: Session, customer: int) -> list[CustomerContact]:
    """Who is there now, in the order in which they were named."""
    where = (CustomerContact.customer_id == customer, CustomerContact.ended_at.is_(None))
    return list(session.scalars(sa.select(CustomerContact).where(*where).order_by(CustomerContact.id)))


def addresses_of(session: Session, customer: Customer) -> list[str]:
    """E-mail addresses to which reminders go: those of the contacts who get them, else the customer's own; empty where there is none."""
    told = [row.email for row in contacts_of(session, customer.id) if row.reminded and row.email]
    return told or [customer.email] * bool(customer.email)
