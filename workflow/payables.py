"""What the house owes: until when, what its own delay costs, and on which days those who keep an invoice waiting are reminded.

Values in, values out. A private company's day is what was agreed (art. L. 441-10 C. com.); a public one's runs from arrival, may rest once
and starts anew with a new request (art. R. 2192-10 and following CCP).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from workflow.calendar import Calendar, move_earlier, move_later
from workflow.interest import Interest, MissingRate, Rates, Reduction, Regime, Terms, half_of, indemnity_of, interest_of, rate_of, rounded
from workflow.terms import DEFAULT_DAYS, Buyer, Term, due_date, public_due

LEAST_LEFT = 30
"""Days that are open at least once what was missing came: the balance where it is more (art. R. 2192-29 CCP)."""
BUYERS: dict[int, Buyer] = {30: Buyer.STATE, 50: Buyer.HEALTH, 60: Buyer.UNDERTAKING}
"""By the days of the term, as the settings name it."""
_DAY = timedelta(days=1)


class Step(StrEnum):
    """What happens to a request for payment and moves its day."""

    SERVICE_DONE = "service done"
    """Service fait: goods or services were found to be as ordered, on this day."""
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    """What was missing came."""
    REJECTED = "rejected"
    RECEIVED = "received"
    """The request came anew after it was rejected."""


@dataclass(frozen=True, slots=True)
class Happening:
    day: date
    step: Step
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """An invoice as a request for payment."""

    received: date
    issued: date | None = None
    printed: date | None = None
    """The day of payment that it bears."""
    term: Term | None = None
    """As the register of suppliers has it."""
    buyer: Buyer | None = None
    """We are public, and of this kind; None: a private company."""


class Basis(StrEnum):
    """Why it is due on that day."""

    PRINTED = "printed"
    AGREED = "agreed"
    """The term of the register, from the date of issue."""
    LAW = "law"
    """Nothing is known to be agreed: thirty days (L. 441-10, I C. com.), counted from the invoice: the day of delivery is not known."""
    PUBLIC = "public"
    BALANCE = "balance"
    """Public, after the one suspension."""
    SUSPENDED = "suspended"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when it is to be paid."""

    day: date | None
    """Last day on which payment is in time; None while nothing runs."""
    basis: Basis
    starts: date
    """From which the term is counted."""
    since: date | None = None
    """Of a suspension or rejection."""
    left: int = 0
    """Days of the term that were left when it was suspended."""
    used: bool = False
    """The one suspension was taken."""


class Refusal(StrEnum):
    """Why a step may not be noted."""

    PRIVATE = "private"
    """Only a public buyer's term is suspended and started anew by law."""
    USED = "used"
    """It was suspended before (R. 2192-27: once)."""
    LATE = "late"
    """The term is over."""
    STANDS = "stands"
    """It is not where this step begins."""
    EARLY = "early"
    """Before the request came, or before the step that it follows."""


def deadline_of(request: Request, happenings: Iterable[Happening] = ()) -> Deadline:
    """The day after everything that happened, in the order of its days; a step that cannot be is passed over."""
    steps = sorted(happenings, key=lambda each: each.day)
    found = _started(request, request.received, steps)
    for each in steps:
        if refusal_of(request, found, each) is None:
            found = _moved(request, found, each, steps)
    return found


def _started(request: Request, received: date, steps: Sequence[Happening]) -> Deadline:
    if request.buyer is not None:
        service = max((each.day for each in steps if each.step is Step.SERVICE_DONE), default=None)
        return Deadline(public_due(request.buyer, received, service), Basis.PUBLIC, max(received, service or received))
    if request.printed is not None:
        return Deadline(request.printed, Basis.PRINTED, request.issued or received)
    issued = request.issued or received
    if request.term is not None:
        return Deadline(due_date(request.term, issued), Basis.AGREED, issued)
    return Deadline(issued + timedelta(days=DEFAULT_DAYS), Basis.LAW, issued)


def refusal_of(request: Request, now: Deadline, step: Happening) -> Refusal | None:
    """Why a step may not follow on what holds now; None: it may."""
    waits, rejected = now.basis is Basis.SUSPENDED, now.basis is Basis.REJECTED
    begins = {
        Step.SERVICE_DONE: not rejected,
        Step.SUSPENDED: not waits and not rejected,
        Step.RESUMED: waits,
        Step.REJECTED: not rejected,
        Step.RECEIVED: rejected,
    }
    if request.buyer is None and step.step not in (Step.REJECTED, Step.RECEIVED):
        return Refusal.PRIVATE
    if not begins[step.step]:
        return Refusal.STANDS
    if step.step is Step.SUSPENDED and now.used:
        return Refusal.USED
    if step.step is Step.SUSPENDED and now.day is not None and step.day > now.day:
        return Refusal.LATE
    early = step.step is not Step.SERVICE_DONE and step.day < (now.since or request.received)
    return Refusal.EARLY if early else None


def _moved(request: Request, now: Deadline, each: Happening, steps: Sequence[Happening]) -> Deadline:
    match each.step:
        case Step.SUSPENDED if now.day is not None:
            return replace(now, day=None, basis=Basis.SUSPENDED, since=each.day, left=(now.day - each.day).days, used=True)
        case Step.RESUMED:
            again = each.day + timedelta(days=max(LEAST_LEFT, now.left))
            return replace(now, day=again, basis=Basis.BALANCE, starts=each.day, since=None)
        case Step.REJECTED:
            return Deadline(None, Basis.REJECTED, now.starts, each.day)
        case Step.RECEIVED:
            return _started(replace(request, printed=None, issued=each.day), each.day, steps)
    return now


# --- what our own delay costs ---


@dataclass(frozen=True, slots=True)
class Cost:
    """What is owed besides, if the rest is paid on a day; outside VAT."""

    day: date
    late: int
    """Days; 0 while in time."""
    open: Decimal
    """EUR still to be paid."""
    interest: Interest
    indemnity: Decimal
    per_day: Decimal | None
    """Of one more day, EUR; None where its rate is not known yet."""

    @property
    def total(self) -> Decimal:
        return self.interest.total + self.indemnity


def cost_of(amount: Decimal, due: date, day: date, regime: Regime, rates: Rates, paid: Iterable[Reduction] = ()) -> Cost:
    """Interest and indemnity up to a day: public frozen at +8 (R. 2192-31, D. 2192-35 CCP), private at +10 (L. 441-10, D. 441-5 C. com.).

    `amount`: EUR with VAT, more than 0. What was paid in full stops at the day of its last payment. Raises `MissingRate`, ValueError.
    """
    reductions = sorted((each for each in paid if each.day <= day), key=lambda each: each.day)
    rest, last = amount, day
    for each in reductions:
        rest -= each.amount
        if rest <= 0:
            last = each.day
            break
    rest = max(Decimal("0.00"), rest)
    terms = Terms(regime)
    interest = interest_of(amount, due, last, terms, rates, reductions) if last > due else Interest(Decimal("0.00"), ())
    late = max(0, (last - due).days)
    return Cost(last, late, rest, interest, indemnity_of(due, last, rates), _per_day(rest, due, day, terms, rates))


def _per_day(rest: Decimal, due: date, day: date, terms: Terms, rates: Rates) -> Decimal | None:
    """From the first day that would bear interest; today's delay is in `Cost.interest` already."""
    first = due + _DAY if terms.regime is Regime.PUBLIC else max(due, day) + _DAY
    try:
        rate = rate_of(half_of(first), terms, rates)
    except MissingRate:
        return None
    return rounded(Fraction(rest) * Fraction(rate) / (100 * terms.basis), 2)


# --- reminders of those who keep it waiting ---


LEVELS = ("reminder", "deputy", "manager")
"""Those who are asked; their deputies, too; whoever manages them, too."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Days before the due date on which each level is told."""

    reminder: int = 5
    deputy: int = 2
    manager: int = 0


def reminder_days(
    due: date, asked: date, calendar: Calendar, ladder: Ladder, left: Mapping[str, date] | None = None, today: date | None = None
) -> dict[str, date]:
    """The day of each level: moved earlier where nothing may leave, never before the day after it was asked, one level a day.

    Where a level leaves later than it should (asked late, a machine that stood still), the next follows after its own delay.
    `left`: levels that left, with their days. `today`: what has not left cannot leave before it, so that those behind it wait; without it,
    what is planned twice is planned alike. Raises `workflow.calendar.NoBusinessDay`.
    """
    days: dict[str, date] = {}
    last, before = asked, ladder.reminder
    for level in LEVELS:
        told = getattr(ladder, level)
        gap = max(1, before - told) if days else 1
        wished = move_earlier(calendar, due - timedelta(days=told))
        days[level] = wished if wished > last else move_later(calendar, last + timedelta(days=gap))
        gone = (left or {}).get(level)
        # A level that the settings or a mended date would have earlier than it left, left when it left.
        last = gone or max(days[level], today or days[level])
        before = told
    return days


def digest_week(today: date, weekday: int, calendar: Calendar) -> str | None:
    """Week (`2026-W48`) whose digest leaves today; None where none does. `weekday`: 0 is Monday; later where nothing may leave then."""
    for back in (0, 7, 14):
        monday = today - timedelta(days=today.weekday() + back)
        if move_later(calendar, monday + timedelta(days=weekday)) == today:
            year, week, _ = monday.isocalendar()
            return f"{year}-W{week:02}"
    return None
