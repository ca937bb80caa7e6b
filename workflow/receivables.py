"""What a customer still owes on an invoice at a date, and whether they may be reminded: derived from what happened, never kept.

Values in, values out: an item, its events, a day. The order in which events of one day are given does not matter, for an event that
ends another names it. Only the tenant's own receivables: collecting for others is a regulated activity (art. R. 124-1 CPCE).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from workflow.interest import Kind, Reduction

NOTHING = Decimal("0.00")


class Customer(StrEnum):
    """By the nature of whoever owes: which law holds."""

    PRIVATE = "private"
    """Professionals (art. L. 441-10 C. com.)."""
    PUBLIC = "public"
    """Public buyers (art. L. 2192-10 and following CCP)."""
    CONSUMER = "consumer"
    """No late-payment interest or indemnity of L. 441-10, and two years to go to court (art. L. 218-2 C. consom.)."""


class What(StrEnum):
    """What happens to an item after it was issued."""

    PAYMENT = "payment"
    """On the day on which the funds are at the creditor's disposal (art. L. 441-9 C. com.)."""
    CREDIT = "credit"
    """A credit note."""
    DISPUTE = "dispute"
    """The customer contests; open until an END names it."""
    PROMISE = "promise"
    """To pay `amount` by `until`."""
    CANCEL = "cancel"
    """The invoice is void: nothing was ever owed on it."""
    INSOLVENCY = "insolvency"
    """Proceedings were opened: payment of earlier debts is forbidden (art. L. 622-7 C. com.), and so is asking for it."""
    WRITE_OFF = "write-off"
    """What is left is given up."""
    INTERRUPTION = "interruption"
    """The debt was acknowledged, a claim went to court, or was enforced: limitation runs anew (art. 2240 to 2244 C. civ.)."""
    GIVEN = "given-back"
    """Of what was paid too much, so much was paid back, or counted on another invoice of the customer."""
    END = "end"
    """Another event holds no more from this day on: a payment came back, a dispute is settled, something was noted by mistake."""


class State(StrEnum):
    """Where an item stands at a date; the first that holds, in this order."""

    UNISSUED = "unissued"
    CANCELLED = "cancelled"
    PAID = "paid"
    WRITTEN_OFF = "written-off"
    INSOLVENT = "insolvent"
    DISPUTED = "disputed"
    PROMISED = "promised"
    OVERDUE = "overdue"
    NOT_DUE = "not-due"


REMINDED = frozenset({State.NOT_DUE, State.OVERDUE})
"""The only states in which a reminder may leave; in every other the state itself says why not."""
CLOSED = frozenset({State.UNISSUED, State.CANCELLED, State.PAID, State.WRITTEN_OFF})
"""States in which nothing is open."""


@dataclass(frozen=True, slots=True)
class Item:
    """An invoice as it was issued."""

    amount: Decimal
    """EUR including VAT, more than 0."""
    issued: date
    due: date
    """Last day on which payment is in time."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of an item."""

    id: int
    what: What
    day: date
    amount: Decimal = NOTHING
    """EUR, more than 0: of a payment, a credit note, a promise; 0 of a promise is all that is left."""
    of: int | None = None
    """Event that an END ends; of a PAYMENT that is a customer's credit, the GIVEN_BACK that it came from."""
    until: date | None = None
    """Of a promise: last day on which it can be kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An item at a date."""

    balance: Decimal
    """EUR that can still be asked for, never below 0; 0 once cancelled or written off."""
    state: State
    may_remind: bool
    why_not: str = ""
    """The state's word where no reminder may leave; empty where it may."""
    paid: Decimal = NOTHING
    credited: Decimal = NOTHING
    overpaid: Decimal = NOTHING
    """EUR to be given back: what payments and credit notes are more than the invoice, all payments of a cancelled one; less what was."""
    given: Decimal = NOTHING
    """EUR of too much that were given back."""
    written_off: Decimal = NOTHING
    days_late: int = 0
    """After the due date; 0 where nothing is open."""
    promised_until: date | None = None
    broken: int = 0
    """Promises whose day passed and that were not kept."""


def in_force(events: Iterable[Happening], today: date) -> list[Happening]:
    """What happened by `today` and was not ended by then; ENDs themselves are not among them."""
    known = [event for event in events if event.day <= today]
    ended = {event.of for event in known if event.what is What.END}
    return [event for event in known if event.what is not What.END and event.id not in ended]


def standing_of(item: Item, events: Iterable[Happening], today: date) -> Standing:
    """Balance, state and whether a reminder may leave, at the end of `today`."""
    if today < item.issued:
        return Standing(NOTHING, State.UNISSUED, False, State.UNISSUED)
    held = in_force(events, today)
    kinds = {event.what for event in held}
    paid, credited = _sum(held, What.PAYMENT), _sum(held, What.CREDIT)
    owed = NOTHING if What.CANCEL in kinds else item.amount - credited
    rest = owed - paid
    promises = [event for event in held if event.what is What.PROMISE]
    running = max((event.until for event in promises if event.until and event.until >= today), default=None)
    state = _state(item, kinds, rest, running, today)
    given = _sum(held, What.GIVEN)
    over = max(NOTHING, min(-rest, paid)) if What.CANCEL in kinds else max(NOTHING, -rest)
    return Standing(
        balance=NOTHING if state in CLOSED else rest,
        state=state,
        may_remind=state in REMINDED,
        why_not="" if state in REMINDED else str(state),
        paid=paid,
        credited=credited,
        overpaid=max(NOTHING, over - given),
        given=given,
        written_off=rest if state is State.WRITTEN_OFF else NOTHING,
        days_late=0 if state in CLOSED else max(0, (today - item.due).days),
        promised_until=running if state is State.PROMISED else None,
        broken=sum(_is_broken(item, event, held, today) for event in promises),
    )


def _state(item: Item, kinds: set[What], rest: Decimal, running: date | None, today: date) -> State:
    table = (
        (State.CANCELLED, What.CANCEL in kinds),
        (State.PAID, rest <= 0),
        # What is given up is owed no more, whether proceedings were opened or not.
        (State.WRITTEN_OFF, What.WRITE_OFF in kinds),
        (State.INSOLVENT, What.INSOLVENCY in kinds),
        (State.DISPUTED, What.DISPUTE in kinds),
        (State.PROMISED, running is not None),
        (State.OVERDUE, today > item.due),
        (State.NOT_DUE, True),
    )
    return next(state for state, holds in table if holds)


def _sum(events: Iterable[Happening], what: What) -> Decimal:
    return sum((event.amount for event in events if event.what is what), NOTHING)


def _is_broken(item: Item, promise: Happening, held: Sequence[Happening], today: date) -> bool:
    """Its day passed, and from the day it was given to its last less came than was promised, while something was left."""
    if promise.until is None or promise.until >= today:
        return False
    came = [event for event in held if event.what in (What.PAYMENT, What.CREDIT) and event.day <= promise.until]
    left = item.amount - sum((event.amount for event in came), NOTHING)
    since = sum((event.amount for event in came if event.day >= promise.day and event.what is What.PAYMENT), NOTHING)
    return left > 0 and (promise.amount <= 0 or since < promise.amount)


def reductions_of(events: Iterable[Happening], today: date) -> tuple[Reduction, ...]:
    """What made the amount smaller by `today`, for `workflow.interest.interest_of`.

    A payment that came back never reduced the debt: the funds were not the creditor's to keep.
    """
    kinds = {What.PAYMENT: Kind.PAYMENT, What.CREDIT: Kind.CREDIT}
    return tuple(Reduction(event.day, event.amount, kinds[event.what]) for event in in_force(events, today) if event.what in kinds)


# --- how old what is open is ---

BUCKETS = ("not-due", "1-30", "31-60", "61-90", "over-90")
"""Columns of the ageing balance, by days after the due date."""
_LASTS = (0, 30, 60, 90)


def bucket_of(days_late: int) -> str:
    """The column of the ageing balance; 0 on the due date and before it."""
    return next((name for name, last in zip(BUCKETS, _LASTS, strict=False) if days_late <= last), BUCKETS[-1])


def ageing_of(standings: Iterable[Standing]) -> dict[str, Decimal]:
    """EUR open by column, each column named."""
    columns = dict.fromkeys(BUCKETS, NOTHING)
    for standing in standings:
        columns[bucket_of(standing.days_late)] += standing.balance
    return columns


def days_of_sales(balance: Decimal, billed: Decimal, days: int) -> Decimal | None:
    """DSO: what is open, in days of what was invoiced over the last `days` (both EUR including VAT); one decimal, half up.

    None where nothing was invoiced: a division by nothing is no figure.
    """
    if billed <= 0 or days <= 0:
        return None
    return (balance * days / billed).quantize(Decimal("0.1"), ROUND_HALF_UP)


# --- until when a court can be asked ---

ALERTS = (3, 6, 12)
"""Months before the last day at which the limitation is told."""


def limitation_of(item: Item, customer: Customer, events: Iterable[Happening], today: date) -> date:
    """Last day on which the claim can be brought, the interest with it.

    Professionals: five years from the due date (art. L. 110-4 C. com.). Consumers: two years (art. L. 218-2 C. consom.), here from the
    issue, for the service that is claimed was done by then. Public bodies: the end of the fourth year after that in which it fell due
    (loi n° 68-1250, art. 1). A reminder or a formal notice interrupts nothing; a noted interruption (art. 2240 to 2244 C. civ.; loi
    n° 68-1250, art. 2) makes the same time run anew.
    """
    start = item.issued if customer is Customer.CONSUMER else item.due
    anew = max((event.day for event in in_force(events, today) if event.what is What.INTERRUPTION), default=start)
    start = max(start, anew)
    if customer is Customer.PUBLIC:
        return date(start.year + 4, 12, 31)
    return _months_on(start, 24 if customer is Customer.CONSUMER else 60)


def limitation_alert(last: date, today: date) -> int | None:
    """Months of the nearest alert that has been reached: 12, 6, 3, and 0 once the last day has passed; None before them all."""
    if today > last:
        return 0
    return next((months for months in ALERTS if today >= _months_on(last, -months)), None)


def _months_on(day: date, months: int) -> date:
    """The same day of a later month, or its last where there is none (art. 641 CPC)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    after = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(after - timedelta(days=1), date(year, month + 1, min(day.day, 28)) + timedelta(days=max(0, day.day - 28)))
