"""What customers owe as a whole, as values: the ageing balance, days of sales outstanding, what to look at. The day is handed in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from station.records import receivables as records
from station.records import register
from station.records.receivables import Plain
from station.records.tables import Customer
from workflow.receivables import (
    BUCKETS,
    NOTHING,
    Standing,
    State,
    ageing_of,
    bucket_of,
    days_of_sales,
    limitation_alert,
    limitation_of,
    standing_of,
)
from workflow.receivables import Customer as Nature

DSO_DAYS = 365
"""Days of sales to which what is open is compared; less where the first known invoice is younger."""
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Debtor:
    """One customer's line of the ageing balance."""

    customer: Customer
    columns: Mapping[str, Decimal]
    count: int
    """Items that are open."""
    overpaid: Decimal

    @property
    def balance(self) -> Decimal:
        return sum(self.columns.values(), NOTHING)


@dataclass(frozen=True, slots=True)
class Look:
    """An item that somebody should look at."""

    id: int
    number: str
    customer: Customer
    amount: Decimal
    day: date
    months: int | None = None
    """Of a limitation: the alert that was reached; 0 once it has passed."""


@dataclass(frozen=True, slots=True)
class Ageing:
    """The whole of a company at the end of a day; EUR with tax."""

    day: date
    debtors: tuple[Debtor, ...]
    """Who owes most first; who only has something to get back, last."""
    columns: Mapping[str, Decimal]
    counts: Mapping[str, int]
    dso: Decimal | None
    dso_days: int
    """Days of sales that are known, at most `DSO_DAYS`."""
    history: tuple[tuple[date, Decimal | None], ...]
    """DSO at the ends of the last months, the oldest first."""
    broken: tuple[Look, ...]
    """Promises that were not kept."""
    overpaid: tuple[Look, ...]
    limits: tuple[Look, ...]
    """Claims that soon cannot be brought to court any more, the nearest first."""

    @property
    def balance(self) -> Decimal:
        return sum(self.columns.values(), NOTHING)


def ageing_on(session: Session, entity: str, day: date) -> Ageing:
    """All open items at the end of `day`, by customer and by age."""
    items = records.plain_items(session, entity)
    customers = {row.id: row for row in register.all_customers(session, entity)}
    standings = [(each, standing_of(each.item, each.events, day)) for each in items]
    dso, known = dso_on(items, day)
    return Ageing(
        day=day,
        debtors=tuple(_debtors(standings, customers)),
        columns=ageing_of(standing for _, standing in standings),
        counts=_counts(standing for _, standing in standings),
        dso=dso,
        dso_days=known,
        history=tuple((end, dso_on(items, end)[0]) for end in month_ends(day, MONTHS)),
        broken=tuple(_broken(standings, customers, day)),
        overpaid=tuple(
            Look(each.id, each.number, customers[each.customer_id], standing.overpaid, each.item.due)
            for each, standing in standings
            if standing.overpaid
        ),
        limits=tuple(sorted(_limits(standings, customers, day), key=lambda look: look.day)),
    )


def _debtors(standings: Sequence[tuple[Plain, Standing]], customers: Mapping[int, Customer]) -> list[Debtor]:
    by_customer: dict[int, list[Standing]] = {}
    for each, standing in standings:
        if standing.balance or standing.overpaid:
            by_customer.setdefault(each.customer_id, []).append(standing)
    found = [
        Debtor(customers[number], ageing_of(told), sum(bool(each.balance) for each in told), sum((each.overpaid for each in told), NOTHING))
        for number, told in by_customer.items()
    ]
    return sorted(found, key=lambda debtor: (-debtor.balance, debtor.customer.name.lower()))


def _counts(standings: Iterator[Standing]) -> dict[str, int]:
    counts = dict.fromkeys(BUCKETS, 0)
    for standing in standings:
        if standing.balance:
            counts[bucket_of(standing.days_late)] += 1
    return counts


def _broken(standings: Sequence[tuple[Plain, Standing]], customers: Mapping[int, Customer], day: date) -> Iterator[Look]:
    for each, standing in standings:
        if standing.broken and standing.balance and standing.state is State.OVERDUE:
            last = max(event.until for event in each.events if event.until is not None and event.until < day)
            yield Look(each.id, each.number, customers[each.customer_id], standing.balance, last)


def _limits(standings: Sequence[tuple[Plain, Standing]], customers: Mapping[int, Customer], day: date) -> Iterator[Look]:
    for each, standing in standings:
        if not standing.balance:
            continue
        customer = customers[each.customer_id]
        last = limitation_of(each.item, nature_of(customer), each.events, day)
        if (months := limitation_alert(last, day)) is not None:
            yield Look(each.id, each.number, customer, standing.balance, last, months)


def nature_of(customer: Customer) -> Nature:
    """By which law; what is not known is held to the strictest, which asks for nothing besides the invoice."""
    return Nature(customer.regime) if customer.regime in set(Nature) else Nature.CONSUMER


# --- days of sales outstanding ---


def dso_on(items: Sequence[Plain], day: date) -> tuple[Decimal | None, int]:
    """What is open at the end of a day, in days of the sales of the year before it, and how many days of sales are known.

    Cancelled invoices are no sales, and credit notes make them smaller.
    """
    issued = [each for each in items if each.item.issued <= day]
    if not issued:
        return None, 0
    first = min(each.item.issued for each in issued)
    days = min(DSO_DAYS, (day - first).days + 1)
    since, balance, billed = day - timedelta(days=days), NOTHING, NOTHING
    for each in issued:
        standing = standing_of(each.item, each.events, day)
        balance += standing.balance
        if each.item.issued > since and standing.state is not State.CANCELLED:
            billed += max(NOTHING, each.item.amount - standing.credited)
    return days_of_sales(balance, billed, days), days


def month_ends(day: date, count: int) -> list[date]:
    """The last days of the months before `day`, the oldest first."""
    found, first = list[date](), day.replace(day=1)
    for _ in range(count):
        last = first - timedelta(days=1)
        found.append(last)
        first = last.replace(day=1)
    return found[::-1]
