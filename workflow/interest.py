"""What a late payment costs between professionals: interest by dated rates, derived line by line, and the flat indemnity.

Values in, values out: rates and days are handed in. What is owed by or to consumers has other rules (art. L. 441-10 C. com. is between
professionals only) and is not computed here. Interest and indemnity are outside VAT: no line of theirs bears any.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

YEAR = 365
"""Days by which a year's rate is divided: the usual basis; another is a parameter, for a contract may name 360."""
_DAY = timedelta(days=1)
_CENT = Decimal("0.01")
NOTHING = Decimal("0.00")


class Regime(StrEnum):
    """By the nature of whoever pays, never by the payee's wish."""

    PRIVATE = "private"
    """Art. L. 441-10 C. com."""
    PUBLIC = "public"
    """Art. L. 2192-13 and R. 2192-31 to R. 2192-36 CCP."""


class Mode(StrEnum):
    """Which half-year's rate holds for a delay that crosses 1 January or 1 July."""

    SPLIT = "split"
    """To each half-year its own: « applicable pendant le premier semestre… le second semestre » read to the letter."""
    FROZEN = "frozen"
    """That of the first day of interest, to the end; the only one for public buyers (R. 2192-31 CCP)."""


class Kind(StrEnum):
    """Why the amount owed became smaller."""

    PAYMENT = "payment"
    CREDIT = "credit"
    """A credit note."""


class MissingRate(LookupError):
    """The table does not tell the rate of a half-year: nothing is computed rather than guessed."""

    def __init__(self, half: str) -> None:
        super().__init__(half)
        self.half = half
        """« 2027-H1 »."""


class BelowFloor(ValueError):
    """A contract's rate is below what the law allows (art. L. 441-10 C. com.: three times the legal interest rate)."""

    def __init__(self, rate: Decimal, floor: Decimal, half: str, text: str) -> None:
        super().__init__(f"{rate} < {floor} ({half}, {text})")
        self.rate, self.floor, self.half, self.text = rate, floor, half, text


@dataclass(frozen=True, slots=True)
class HalfRate:
    """Rates of one half-year, per cent a year, each with its source and grade (text, secondary, unverified)."""

    half: str
    """« 2026-H2 »."""
    ecb: Decimal
    """Main refinancing rate of the ECB in force on the first day of the half-year (loi n° 2012-387, art. 121)."""
    ecb_since: date
    ecb_source: str
    ecb_grade: str
    legal: Decimal
    """Legal interest rate, creditors who are professionals."""
    legal_source: str
    legal_grade: str
    persons: Decimal
    """Legal interest rate, creditors who are natural persons outside their trade."""
    persons_grade: str


@dataclass(frozen=True, slots=True)
class Rates:
    """The dated table (`config/rates/late_payment.toml`)."""

    halves: tuple[HalfRate, ...]
    private_margin: Decimal
    private_text: str
    public_margin: Decimal
    public_text: str
    floor_times: Decimal
    floor_text: str
    indemnity: Decimal
    """EUR, once for each invoice paid late (D. 441-5 C. com., D. 2192-35 CCP)."""

    def of_half(self, half: str) -> HalfRate:
        """Raises `MissingRate`."""
        found = next((each for each in self.halves if each.half == half), None)
        if found is None:
            raise MissingRate(half)
        return found


@dataclass(frozen=True, slots=True)
class Reduction:
    """Part of the debt that went away before its rest was paid."""

    day: date
    """Of a payment: the funds are at the creditor's disposal (L. 441-9 C. com.), and this day still bears interest on them, as the
    day of the last payment does. Of a credit note: its own date, from which on what it takes away bears none."""
    amount: Decimal
    """EUR, more than 0."""
    kind: Kind = Kind.PAYMENT


@dataclass(frozen=True, slots=True)
class Terms:
    """How one debt is computed; what is paid in part goes to the principal."""

    regime: Regime
    mode: Mode = Mode.SPLIT
    """Of private debts; public ones are always frozen."""
    contract_rate: Decimal | None = None
    """Per cent a year, where the contract names one; private only."""
    basis: int = YEAR
    least: bool = False
    """Of a contract's rate only what the law makes its least is reckoned, three times the legal rate (art. L. 441-10, II C. com.): it is
    due whatever the contract says, and what it says above is left to a person."""


@dataclass(frozen=True, slots=True)
class Line:
    """Days in a row with one base and one rate."""

    first: date
    last: date
    """Included."""
    days: int
    base: Decimal
    """EUR including VAT."""
    rate: Decimal
    """Per cent a year."""
    half: str
    """Half-year whose rate it is; empty of a contract's rate."""
    source: str
    """Where the rate comes from, in French; empty of a contract's rate."""
    grade: str
    exact: Fraction
    """EUR, not rounded."""
    least: bool = False
    """Its rate is three times the legal one."""

    @property
    def amount(self) -> Decimal:
        """To four decimals, to be shown: only the total is rounded to cents."""
        return rounded(self.exact, 4)


@dataclass(frozen=True, slots=True)
class Interest:
    """What is owed, with its derivation."""

    total: Decimal
    """EUR, outside VAT; rounded half up once."""
    lines: tuple[Line, ...]
    basis: int = YEAR

    @property
    def days(self) -> int:
        return sum(line.days for line in self.lines)

    @property
    def exact(self) -> Fraction:
        """EUR, not rounded: to be added up with others before the one rounding."""
        return sum((line.exact for line in self.lines), Fraction(0))


def interest_of(amount: Decimal, due: date, paid: date, terms: Terms, rates: Rates, reductions: Iterable[Reduction] = ()) -> Interest:
    """Interest on `amount` (EUR including VAT) from the day after `due` to `paid`, both counted (L. 441-10 C. com., R. 2192-32 CCP).

    `paid`: day of the payment of what was left, or the day up to which it is reckoned while nothing was. Raises `MissingRate`,
    `BelowFloor`, and ValueError for an amount, basis or contract rate that can be none.
    """
    listed = sorted(reductions, key=lambda each: (_effective(each), each.kind))
    _check_input([amount, *(each.amount for each in listed)], terms)
    first = due + _DAY
    base, lines = amount, list[Line]()
    for start, end, ending in _stretches(first, paid, listed):
        lines += _lines(base, start, end, first, terms, rates) if start <= end and base > 0 else ()
        base = max(NOTHING, base - sum((each.amount for each in ending), NOTHING))
    return Interest(rounded(sum((line.exact for line in lines), Fraction(0)), 2), tuple(lines), terms.basis)


def indemnity_of(due: date, paid: date, rates: Rates) -> Decimal:
    """The flat indemnity of one invoice, EUR outside VAT: once, whatever the instalments and reminders (D. 441-5 C. com., D. 2192-35 CCP).

    Whom proceedings forbade to pay on the day owes none (L. 441-10 C. com.): `paid` is before they were opened then.
    """
    return rates.indemnity if paid > due else NOTHING


def half_of(day: date) -> str:
    """« 2026-H2 »."""
    return f"{day.year}-H{1 if day.month <= 6 else 2}"


def rate_of(half: str, terms: Terms, rates: Rates) -> Decimal:
    """Per cent a year, as the half-year's row gives it. Raises `MissingRate`, `BelowFloor`."""
    row = rates.of_half(half)
    if terms.regime is Regime.PUBLIC:
        return row.ecb + rates.public_margin
    if terms.contract_rate is None:
        # Not raised to the floor: in 2024 three times the legal rate was above the rate of the law itself, which held all the same.
        return row.ecb + rates.private_margin
    floor = rates.floor_times * row.legal
    if terms.contract_rate < floor:
        raise BelowFloor(terms.contract_rate, floor, half, rates.floor_text)
    return floor if terms.least else terms.contract_rate


def _check_input(amounts: Sequence[Decimal], terms: Terms) -> None:
    if any(not each.is_finite() or each <= 0 or each != each.quantize(_CENT) for each in amounts):
        raise ValueError("an amount is more than nothing, in whole cents")
    if terms.basis not in (360, 365, 366):
        raise ValueError("a year has 360, 365 or 366 days here")
    if terms.contract_rate is not None and (terms.regime is Regime.PUBLIC or not terms.contract_rate.is_finite()):
        raise ValueError("a public buyer's rate is the law's: no contract sets another")


def _effective(each: Reduction) -> date:
    """First day on which the base is smaller."""
    return each.day + _DAY if each.kind is Kind.PAYMENT else each.day


def _stretches(first: date, last: date, listed: Sequence[Reduction]) -> Iterator[tuple[date, date, list[Reduction]]]:
    """Days in a row on which the debt stays the same, and what ends each; the first may be empty, for what came before the due date."""
    cuts = sorted({_effective(each) for each in listed if _effective(each) <= last})
    start = first
    for cut in cuts:
        yield start, cut - _DAY, [each for each in listed if _effective(each) == cut]
        start = max(start, cut)
    yield start, last, []


def _lines(base: Decimal, start: date, end: date, first: date, terms: Terms, rates: Rates) -> Iterator[Line]:
    """The lines of one base, a line for each half-year where its rate may differ."""
    frozen, contract = terms.regime is Regime.PUBLIC or terms.mode is Mode.FROZEN, terms.contract_rate is not None
    halves = list(_half_years(start, end))
    if contract:
        # Its floor is asked of each half-year in which it is to bear interest; frozen on the first day, of that day's alone.
        for half in [half_of(first)] if frozen else [half_of(begin) for begin, _ in halves]:
            rate_of(half, terms, rates)
    least = contract and terms.least
    for begin, close in [(start, end)] if frozen or (contract and not least) else halves:
        half = half_of(first if frozen else begin)
        rate, days = rate_of(half, terms, rates), (close - begin).days + 1
        row, exact = rates.of_half(half), Fraction(base) * Fraction(rate) * days / (100 * terms.basis)
        told = ("", "", "") if contract else (half, row.ecb_source, row.ecb_grade)
        told = (half, row.legal_source, row.legal_grade) if least else told
        yield Line(begin, close, days, base, rate, *told, exact, least)


def _half_years(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        close = date(start.year, 6, 30) if start.month <= 6 else date(start.year, 12, 31)
        yield start, min(close, end)
        start = close + _DAY


def rounded(value: Fraction, places: int) -> Decimal:
    """Half up: away from nothing, as accountants do; values here are never below it."""
    scaled = value * 10**places + Fraction(1, 2)
    return Decimal(scaled.numerator // scaled.denominator).scaleb(-places)
