"""When an invoice is due, by the term that was agreed or that the law sets; and which terms the law refuses."""

import calendar
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


def due_date(term: Term, issued: date) -> date:
    """Last day on which payment is in time."""
    match term.counting:
        case Counting.DAYS:
            return issued + timedelta(days=term.days)
        case Counting.THEN_MONTH_END:
            return month_end(issued + timedelta(days=term.days))
        case Counting.FROM_MONTH_END:
            return month_end(issued) + timedelta(days=term.days)


def public_due(buyer: Buyer, received: date, service_done: date | None = None) -> date:
    """A public buyer's last day: from the receipt of the request for payment, or from the service done where that is later."""
    return max(received, service_done or received) + timedelta(days=PUBLIC_DAYS[buyer])


def unlawful(term: Term, *, periodic: bool = False) -> str | None:
    """Why a term between professionals cannot be agreed upon (art. L. 441-10, I C. com.), in a word; None where it can.

    too-long, month-end (« 60 jours fin de mois »), periodic (a summary invoice has 45 days from its issue).
    """
    if periodic and (term.days > MOST_MONTH_END or term.counting is not Counting.DAYS):
        return "periodic"
    if term.counting is Counting.DAYS:
        return "too-long" if term.days > MOST_DAYS else None
    return "month-end" if term.days > MOST_MONTH_END else None


def month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
