"""Business days in France: weekends, bank holidays (those of Alsace-Moselle on request), the company's closing days.

Code du travail, art. L. 3133-1 for the bank holidays, art. L. 3134-13 for those of Alsace-Moselle (Good Friday, 26 December).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import holidays

LONGEST_SEARCH = 400
"""Days looked at for one that is free: more than a year without one is a mistake of the settings."""
_DAY = timedelta(days=1)


class NoBusinessDay(ValueError):
    """More than a year without a day on which anything may be done: the closing and forbidden days cover it all."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """`closed`: the company does not work. `forbidden`, `forbidden_weekdays` (0 is Monday): it works, and nothing may leave."""

    alsace_moselle: bool = False
    closed: frozenset[date] = frozenset()
    forbidden: frozenset[date] = frozenset()
    forbidden_weekdays: frozenset[int] = frozenset()


FRANCE = Calendar()


@lru_cache(maxsize=512)
def bank_holidays(year: int, alsace_moselle: bool = False) -> dict[date, str]:
    """Day and French name, for metropolitan France."""
    found = holidays.country_holidays("FR", subdiv="57" if alsace_moselle else None, years=year, language="fr")
    return {day: str(name) for day, name in found.items() if day.year == year}


def why_closed(calendar: Calendar, day: date) -> str | None:
    """Why nobody works on a day, in French; None on a business day."""
    if day.weekday() >= 5:
        return "samedi" if day.weekday() == 5 else "dimanche"
    holiday = bank_holidays(day.year, calendar.alsace_moselle).get(day)
    if holiday:
        return holiday
    return "fermeture de l'entreprise" if day in calendar.closed else None


def is_business_day(calendar: Calendar, day: date) -> bool:
    return why_closed(calendar, day) is None


def may_leave(calendar: Calendar, day: date) -> bool:
    """A business day on which sending is not forbidden."""
    return is_business_day(calendar, day) and day not in calendar.forbidden and day.weekday() not in calendar.forbidden_weekdays


def move_later(calendar: Calendar, day: date) -> date:
    """The day itself, or the next on which something may leave. Raises NoBusinessDay."""
    return _moved(calendar, day, _DAY)


def move_earlier(calendar: Calendar, day: date) -> date:
    """The day itself, or the last before it on which something may leave: for reminders before a due date. Raises NoBusinessDay."""
    return _moved(calendar, day, -_DAY)


def _moved(calendar: Calendar, day: date, by: timedelta) -> date:
    return _stepped(calendar, day, by, may_leave)


def _stepped(calendar: Calendar, day: date, by: timedelta, good: Callable[[Calendar, date], bool]) -> date:
    looked = day
    for _ in range(LONGEST_SEARCH):
        if good(calendar, looked):
            return looked
        looked += by
    raise NoBusinessDay(f"{day}: {LONGEST_SEARCH} days")


def add_business_days(calendar: Calendar, day: date, count: int) -> date:
    """The count-th business day after a day, or before it where negative; the day itself is not counted. Raises NoBusinessDay."""
    by = _DAY if count > 0 else -_DAY
    for _ in range(abs(count)):
        day = _stepped(calendar, day + by, by, is_business_day)
    return day


def business_days(calendar: Calendar, first: date, last: date) -> int:
    """Business days after the first day, up to and with the last; negative where the last is earlier."""
    if last < first:
        return -business_days(calendar, last - _DAY, first - _DAY)
    return sum(is_business_day(calendar, first + _DAY * n) for n in range(1, (last - first).days + 1))
