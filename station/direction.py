"""What the direction wants to know at a glance, as values: where invoices stand, how long a yes takes, what is to be paid, what delay
costs, what the accounts do not have yet, what is kept, and what the work costs. Which day it is, is handed in.

Where something is not known (no amount read, another currency, a rate that is not in the table) it is counted apart and never guessed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from config.settings import Settings
from station.rates import rates_of
from station.receivables import own_keys
from station.records import direction as records
from station.records.direction import Owed, Waiting
from workflow.interest import Interest, MissingRate, Rates, Regime, Terms, half_of, interest_of, rate_of, rounded

PARIS = ZoneInfo("Europe/Paris")
AGES = (7, 30, 60, 90)
"""Days since the arrival that end each age: up to a week, a month, two, three; and older."""
WEEKS = 13
MONTHS = 12
DELAYS = (30, 60, 90)
"""Days past the due date that end each band of delay."""
MOST_APPROVALS = 50_000
"""The newest approvals from which the times are told; a house of more has its newest whole months told."""
MOST_REVIEWED = 2_000
"""Reviews from which the time of work is told: the newest."""
PAUSE = timedelta(minutes=5)
"""Between two gestures on one invoice; longer, somebody did something else."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ages:
    """Invoices that are not ended."""

    rows: tuple[tuple[str, tuple[int, ...]], ...]
    """State, and how many of each age, the newest first."""

    @property
    def total(self) -> int:
        return sum(sum(counts) for _, counts in self.rows)

    @property
    def oldest(self) -> int:
        """How many are older than the last age."""
        return sum(counts[-1] for _, counts in self.rows)


@dataclass(frozen=True, slots=True)
class Speed:
    """From arrival to the last approval needed, of the approvals of one month."""

    month: date
    """Its first day."""
    count: int
    median: Decimal | None
    """Days; None where nothing was approved."""
    slow: Decimal | None
    """Days within which nine in ten were approved."""


@dataclass(frozen=True, slots=True)
class Week:
    first: date
    """Today, or a Monday."""
    last: date
    count: int
    cents: int


@dataclass(frozen=True, slots=True)
class Cash:
    """What is not paid as far as this house knows, by the week in which it is due."""

    overdue: Week | None
    weeks: tuple[Week, ...]
    later: tuple[int, int]
    """Invoices, cents."""
    undated: tuple[int, int]
    unpriced: int
    """No amount was read."""
    foreign: int
    """In another currency: not added up."""


@dataclass(frozen=True, slots=True)
class Band:
    """Overdue invoices by their delay."""

    low: int
    high: int | None
    """Days, included; None: and more."""
    count: int
    cents: int
    interest: Decimal
    indemnity: Decimal


@dataclass(frozen=True, slots=True)
class Stake:
    """What our own delay costs if it ended today (the day included), by the regime of this company."""

    regime: Regime
    bands: tuple[Band, ...]
    per_day: Decimal | None
    """Interest of one more day; None where its rate is not known."""
    missing: tuple[str, ...]
    """Half-years whose rate is not in the table."""
    uncounted: int
    """Overdue invoices left out for that."""

    @property
    def count(self) -> int:
        return sum(band.count for band in self.bands)

    @property
    def interest(self) -> Decimal:
        return sum((band.interest for band in self.bands), Decimal("0.00"))

    @property
    def indemnity(self) -> Decimal:
        return sum((band.indemnity for band in self.bands), Decimal("0.00"))


@dataclass(frozen=True, slots=True)
class Closing:
    """What was received up to a day and was not in the accounts at its end."""

    day: date
    months: tuple[tuple[date | None, int, int], ...]
    """Month of arrival (None: before those named), invoices, cents in EUR."""
    unpriced: int
    foreign: int

    @property
    def count(self) -> int:
        return sum(count for _, count, _ in self.months)

    @property
    def cents(self) -> int:
        return sum(cents for _, _, cents in self.months)


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes kept, by the month in which they came."""

    months: tuple[date | None, ...]
    """First days, the oldest first; None: all that came before."""
    kinds: tuple[str, ...]
    """original, or the kind of a sealed document."""
    sizes: tuple[tuple[int, ...], ...]
    """A row a month, in the order of the kinds."""
    files: int

    @property
    def total(self) -> int:
        return sum(map(sum, self.sizes))


@dataclass(frozen=True, slots=True)
class Cost:
    """The work of people on the newest reviews, as far as their gestures tell it."""

    reviewed: int
    worked: tuple[tuple[int | None, int], ...]
    """Minutes up to which (None: more), and how many reviews took so long."""
    minutes: Decimal
    """Mean of one invoice."""
    hour: Decimal | None
    """EUR an hour; None: nobody set it."""

    @property
    def each(self) -> Decimal | None:
        """EUR of one invoice."""
        return None if self.hour is None else (self.minutes / 60 * self.hour).quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Overview:
    ages: Ages
    speed: tuple[Speed, ...]
    cash: Cash
    stake: Stake
    closing: Closing
    stored: Stored
    cost: Cost


STATES = (
    "open", "account", "done", "suspended", "disputed", "partially approved", "approved", "posted", "payment sent",
)  # fmt: skip
"""In the order of the way from arrival to payment."""
SPANS = (0, 1, 2, 5, 10)
"""Minutes of work that end each span."""


def overview(session: Session, settings: Settings, entity: str, today: date, closing: date) -> Overview:
    """Everything on the page; each question is one walk over narrow columns."""
    own = own_keys(settings.of_company(entity))
    due = records.owed(session, entity, own)
    return Overview(
        ages=ages_of(session, entity, today),
        speed=speed_of(session, entity, today),
        cash=cash_of(due, today),
        stake=stake_of(due, today, Regime.PUBLIC if settings.is_public(entity) else Regime.PRIVATE, rates_of(session, entity)),
        closing=closing_of(session, entity, closing, own),
        stored=stored_of(session, entity, today),
        cost=cost_of(session, entity, settings.direction.hour_cost or None),
    )


def ages_of(session: Session, entity: str, today: date) -> Ages:
    bounds = [begins(today - timedelta(days=age)) for age in AGES]
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * (len(AGES) + 1))
    for pile in records.piles(session, entity, bounds):
        counts[pile.state][pile.age] += pile.count
    order = [*STATES, *sorted(set(counts) - set(STATES))]
    return Ages(tuple((state, tuple(counts[state])) for state in order if state in counts))


def speed_of(session: Session, entity: str, today: date) -> tuple[Speed, ...]:
    """The last twelve months, this one included, the oldest first; without those of which not every approval is looked at."""
    months = months_to(today)
    found = records.approvals(session, entity, begins(months[0]), MOST_APPROVALS)
    if len(found) == MOST_APPROVALS:
        cut = found[-1][1].astimezone(PARIS).date().replace(day=1)
        months = [month for month in months if month > cut or month == months[-1]]
    taken: dict[date, list[float]] = {month: [] for month in months}
    for received, decided in found:
        month = decided.astimezone(PARIS).date().replace(day=1)
        if month in taken:
            taken[month].append(max(0.0, (decided - received) / _DAY))
    return tuple(_speed(month, sorted(days)) for month, days in taken.items())


def _speed(month: date, days: Sequence[float]) -> Speed:
    if not days:
        return Speed(month, 0, None, None)
    middle = (days[(len(days) - 1) // 2] + days[len(days) // 2]) / 2
    slow = days[-(-9 * len(days) // 10) - 1]  # nearest rank
    return Speed(month, len(days), _tenth(middle), _tenth(slow))


def cash_of(due: Iterable[Owed], today: date) -> Cash:
    """Credit notes count against the week in which they are due. Amounts in EUR; of no currency read, too."""
    weeks = weeks_from(today)
    sums = [[0, 0] for _ in weeks]
    overdue, later, undated = [0, 0], [0, 0], [0, 0]
    unpriced = foreign = 0
    for each in due:
        if not each.euro:
            foreign += each.count
            continue
        unpriced += each.count - each.priced
        if each.due is None:
            place = undated
        elif (day := date.fromisoformat(each.due)) < today:
            place = overdue
        else:
            place = next((sums[n] for n, (first, last) in enumerate(weeks) if first <= day <= last), later)
        place[0] += each.priced
        place[1] += each.cents
    return Cash(
        overdue=Week(today, today, *overdue) if overdue[0] else None,
        weeks=tuple(Week(first, last, *found) for (first, last), found in zip(weeks, sums, strict=True)),
        later=(later[0], later[1]),
        undated=(undated[0], undated[1]),
        unpriced=unpriced,
        foreign=foreign,
    )


def stake_of(due: Iterable[Owed], today: date, regime: Regime, rates: Rates) -> Stake:
    """Of what is owed and past its day. Interest is in proportion to the amount, so that the sum of a day is computed at once.

    Credit notes are left out: on which invoice they count is not known.
    """
    terms = Terms(regime)
    edges = [0, *DELAYS]
    counts, sums = [0] * len(edges), [0] * len(edges)
    exact = [Fraction(0)] * len(edges)
    per_day: Fraction | None = Fraction(0)
    missing, uncounted = set[str](), 0
    for each in due:
        if each.due is None or each.credit or not each.euro or not each.priced or each.cents <= 0 or each.due >= today.isoformat():
            continue
        day, amount = date.fromisoformat(each.due), Decimal(each.cents) / 100
        found = _known_interest(amount, day, today, terms, rates)
        if isinstance(found, MissingRate):
            missing.add(found.half)
            uncounted += each.priced
            continue
        band = max(n for n, edge in enumerate(edges) if (today - day).days > edge)
        counts[band] += each.priced
        sums[band] += each.cents
        exact[band] += found.exact
        more = _rate_tomorrow(day, today, terms, rates)
        per_day = None if per_day is None or more is None else per_day + Fraction(amount) * Fraction(more) / (100 * terms.basis)
    bands = tuple(
        Band(low + 1, high, counts[n], sums[n], rounded(exact[n], 2), rates.indemnity * counts[n])
        for n, (low, high) in enumerate(pairwise([*edges, None]))
        if low is not None
    )
    return Stake(regime, bands, None if per_day is None else rounded(per_day, 2), tuple(sorted(missing)), uncounted)


def _known_interest(amount: Decimal, due: date, today: date, terms: Terms, rates: Rates) -> Interest | MissingRate:
    try:
        return interest_of(amount, due, today, terms, rates)
    except MissingRate as error:
        return error


def _rate_tomorrow(due: date, today: date, terms: Terms, rates: Rates) -> Decimal | None:
    first = due + _DAY if terms.regime is Regime.PUBLIC else today + _DAY
    try:
        return rate_of(half_of(first), terms, rates)
    except MissingRate:
        return None


def closing_of(session: Session, entity: str, day: date, own: Sequence[str] = ()) -> Closing:
    """`own`: keys by which the company itself is a seller; what it sold is nothing that it received."""
    months = months_to(day)[::-1]
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    unpriced = foreign = 0
    for place, euro, count, priced, cents in records.waiting_total(
        session, entity, begins(day + _DAY), [begins(month) for month in months], own
    ):
        counts[place][0] += count
        unpriced += count - priced
        foreign += 0 if euro else count
        counts[place][1] += cents if euro else 0
    rows = [(None if place == len(months) else months[place], counts[place][0], counts[place][1]) for place in range(len(months), -1, -1)]
    return Closing(day, tuple((month, count, cents) for month, count, cents in rows if month is not None or count), unpriced, foreign)


def waiting_on(
    session: Session, entity: str, day: date, size: int, after: int = 0, behind: tuple[datetime, str] | None = None,
    own: Sequence[str] = (),
) -> list[Waiting]:  # fmt: skip
    """What makes up the closing of a day, the oldest first; `behind`: received time and identifier of the last one that was read."""
    return records.waiting_list(session, entity, begins(day + _DAY), size, after, behind, own)


def stored_of(session: Session, entity: str, today: date) -> Stored:
    months = months_to(today)[::-1]
    sizes: dict[tuple[int, str], int] = defaultdict(int)
    files = 0
    for kind, place, count, size in records.stored(session, entity, [begins(month) for month in months]):
        sizes[place, kind] += size
        files += count
    kinds = tuple(sorted({kind for _, kind in sizes}, key=lambda kind: (kind != "original", kind)))
    places = [place for place in range(len(months), -1, -1) if place < len(months) or any((place, kind) in sizes for kind in kinds)]
    rows = tuple(tuple(sizes[place, kind] for kind in kinds) for place in places)
    return Stored(tuple(None if place == len(months) else months[place] for place in places), kinds, rows, files)


def cost_of(session: Session, entity: str, hour: Decimal | None) -> Cost:
    """Time between two gestures counts as work unless it is a pause. A lower bound: what was read before the first is not seen."""
    spent: dict[str, timedelta] = {}
    last: datetime | None = None
    for document_id, at in records.gestures(session, entity, MOST_REVIEWED):
        if document_id not in spent:
            spent[document_id], last = timedelta(), at
            continue
        if at is not None and last is not None and at - last <= PAUSE:
            spent[document_id] += at - last
        last = at
    minutes = [each / timedelta(minutes=1) for each in spent.values()]
    spans = [(low, high) for low, high in pairwise([-1, *SPANS])]
    worked = tuple((high, sum(low < each <= high for each in minutes)) for low, high in spans)
    more = sum(each > SPANS[-1] for each in minutes)
    mean = _tenth(sum(minutes) / len(minutes)) if minutes else Decimal("0.0")
    return Cost(len(spent), (*worked, (None, more)), mean, hour)


# --- days ---


def begins(day: date) -> datetime:
    """The moment at which a day begins in Paris, UTC."""
    return datetime.combine(day, time(), PARIS).astimezone(UTC)


def months_to(day: date) -> list[date]:
    """First days of twelve months, that of the day the last."""
    count = day.year * 12 + day.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(count - MONTHS + 1, count + 1)]


def weeks_from(today: date) -> list[tuple[date, date]]:
    """The rest of this week and the twelve after it, Monday to Sunday."""
    sunday = today + timedelta(days=6 - today.weekday())
    return [(today, sunday)] + [(sunday + timedelta(days=7 * n - 6), sunday + timedelta(days=7 * n)) for n in range(1, WEEKS)]


def _tenth(value: float) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.1"), ROUND_HALF_UP)
