"""When an invoice is due, by the term that was agreed or that the law sets; and which terms the law refuses."""

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

DEFAULT_DAYS = 30
"""From receipt of the goods or the service, where nothing was agreed (art. L. 441-10, I C. com.)."""
MOST_DAYS = 60
"""From the date of issue (L. 441-10, I C. com.)."""
MOST_MONTH_END = 45
"""« 45 jours fin de mois », and the most for a periodic invoice (L. 441-10, I C. com.)."""


class Counting(StrEnum):
    """How the days of a term are counted from the date of issue."""

    DAYS = "days"
    THEN_MONTH_END = "then month end"
    """Issue + days, then to the end of that month (method A)."""
    FROM_MONTH_END = "from month end"
    """End of the month of issue + days (method B). Both are accepted for « 45 jours fin de mois »: the contract says which."""


class Buyer(StrEnum):
    """Public buyers by the term that the law gives them (art. L. 2192-10 and R. 2192-10 and following CCP)."""

    STATE = "state"
    """The State, local authorities and their establishments."""
    HEALTH = "health"
    """Public health establishments and the army health service."""
    UNDERTAKING = "undertaking"


PUBLIC_DAYS: dict[Buyer, int] = {Buyer.STATE: 30, Buyer.HEALTH: 50, Buyer.UNDERTAKING: 60}


@dataclass(frozen=True, slots=True)
class Term:
    """What supplier and buyer agreed upon."""

    days: int
    counting: Counting = Counting.DAYS
    on: int | None = None
    """« le 10 »: the first such day of a month after what the counting gives; its last day where the month has no such day."""


MOST_DAYS_READ = 365
_NOW = frozenset({"comptant", "a reception", "reception", "immediat", "immediate", "due on receipt", "cash", "a reception de facture"})
_END = r"(?:fin de mois|fdm|fin mois|end of month|eom)"
_DAYS = r"(\d{1,3}) ?(?:jours?|jrs?|j|days?|d)?(?: nets?)?"
_ON = r"(?: (?:le|the) (\d{1,2})(?:e|er|th|st|nd|rd)?)?"
_THEN = re.compile(rf"{_DAYS} ?{_END}{_ON}")
_FROM = re.compile(rf"{_END}(?: (?:\+|plus))? ?{_DAYS}{_ON}")
_PLAIN = re.compile(_DAYS)


def read_term(text: str) -> Term:
    """« 30 jours », « 45 jours fin de mois », « fin de mois 45 jours », « 30 jours fin de mois le 10 », « à réception ». Raises ValueError.

    In words, what comes first is counted first: « 45 jours fin de mois » is issue + 45 days, then the end of that month.
    """
    told = " ".join(unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode().replace(",", " ").split())
    if told in _NOW:
        return Term(0)
    if plain := _PLAIN.fullmatch(told):
        return _checked(Term(int(plain[1])))
    if then := _THEN.fullmatch(told):
        return _checked(Term(int(then[1]), Counting.THEN_MONTH_END, int(then[2]) if then[2] else None))
    if begun := _FROM.fullmatch(told):
        return _checked(Term(int(begun[1]), Counting.FROM_MONTH_END, int(begun[2]) if begun[2] else None))
    raise ValueError(text)


def _checked(term: Term) -> Term:
    if term.days > MOST_DAYS_READ or (term.on is not None and not 1 <= term.on <= 31):
        raise ValueError(f"{term.days}, {term.on}")
    return term


def term_text(term: Term) -> str:
    """As it is kept and as a list would say it, « 45 fdm », « fdm 45 », « 30 fdm le 10 », « 30 »; `read_term` is its inverse."""
    words = {Counting.DAYS: "{}", Counting.THEN_MONTH_END: "{} fdm", Counting.FROM_MONTH_END: "fdm {}"}[term.counting].format(term.days)
    return words if term.on is None else f"{words} le {term.on}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a derivation."""

    what: str
    """days, month end, on."""
    count: int
    """Days, or the day of the month; 0 of a month's end."""
    day: date
    """Where it leads."""


def due_steps(term: Term, issued: date) -> tuple[Step, ...]:
    """From the date of issue to the last day on which payment is in time, each step with where it leads; never empty."""
    steps, day = list[Step](), issued

    def add(what: str, count: int, to: date) -> date:
        steps.append(Step(what, count, to))
        return to

    if term.counting is Counting.FROM_MONTH_END:
        day = add("month end", 0, month_end(day))
    day = add("days", term.days, day + timedelta(days=term.days))
    if term.counting is Counting.THEN_MONTH_END:
        day = add("month end", 0, month_end(day))
    if term.on is not None:
        add("on", term.on, _next_on(term.on, day))
    return tuple(steps)


def due_date(term: Term, issued: date) -> date:
    """Last day on which payment is in time."""
    return due_steps(term, issued)[-1].day


def _next_on(number: int, day: date) -> date:
    """The first such day of a month after a day."""
    here = day.replace(day=min(number, month_end(day).day))
    if here > day:
        return here
    following = month_end(day) + timedelta(days=1)
    return following.replace(day=min(number, month_end(following).day))


def public_due(buyer: Buyer, received: date, service_done: date | None = None) -> date:
    """A public buyer's last day: from the receipt of the request for payment, or from the service done where that is later."""
    return max(received, service_done or received) + timedelta(days=PUBLIC_DAYS[buyer])


def unlawful(term: Term, *, periodic: bool = False) -> str | None:
    """Why a term between professionals cannot be agreed upon (art. L. 441-10, I C. com.), in a word; None where it can.

    too-long, month-end (« 60 jours fin de mois »), beyond (« 30 jours fin de mois le 15 »: some invoices would be due later than the law
    has it), periodic (a summary invoice has 45 days from its issue).
    """
    if periodic and (term.days > MOST_MONTH_END or term.counting is not Counting.DAYS):
        return "periodic"
    if term.counting is Counting.DAYS:
        return "too-long" if term.days > MOST_DAYS else None
    if term.days > MOST_MONTH_END:
        return "month-end"
    return "beyond" if term.on is not None and first_beyond(term) is not None else None


def last_lawful(issued: date) -> date:
    """The latest day that may be agreed upon: 60 days, or 45 days end of month in the way that gives more (L. 441-10, I C. com.)."""
    ways = (Counting.THEN_MONTH_END, Counting.FROM_MONTH_END)
    return max(issued + timedelta(days=MOST_DAYS), *(due_date(Term(MOST_MONTH_END, way), issued) for way in ways))


def first_beyond(term: Term, year: int = 2027) -> date | None:
    """A day of issue of a year on which the term leads beyond what the law allows; None where none does."""
    days = (date(year, 1, 1) + timedelta(days=count) for count in range(365))
    return next((day for day in days if due_date(term, day) > last_lawful(day)), None)


def month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
