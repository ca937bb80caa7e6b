"""Dates as they are printed, in French, English, German and Dutch; month names come from CLDR through Babel."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from babel.dates import get_month_names

from ocr.layout import Segment, Sheet, Spot, fold, once, segments_of

LANGUAGES = ("fr", "en", "de", "nl")
_YEARS = range(2000, 2100)
"""Real dates of invoices; BR-FR-03 of the French rules for electronic invoices sets the same bounds."""
_MAX_TEXT = 300

_END = r"(?:(?!\d)|(?=[0-2]?\d:[0-5]\d))"
"""No further digit, but for a time of day that the reader did not part from its date: « 27/03/201820:54 »."""
_ISO = re.compile(rf"(?<!\d)(?P<y>20\d\d)(?P<s>[-./])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{2}}{_END}|\d{{1,2}}(?!\d))")
_SHORT = re.compile(rf"(?<!\d)(?P<d>\d{{1,2}})\s?(?P<s>[-./])\s?(?P<m>\d{{1,2}})\s?(?P=s)\s?(?P<y>20\d\d{_END}|\d\d(?!\d))")
_TIGHT = re.compile(r"(?<!\d)(?P<y>20\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)")
_DAY_FIRST = re.compile(
    r"(?<!\d)(?P<d>\d{1,2})(?:er|st|nd|rd|th|e|de)?[. /-]{0,2}(?:of )?(?P<name>[^\W\d_]{3,10})[., /-]{0,3}(?P<y>20\d\d)" + _END,
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(r"(?P<name>[^\W\d_]{3,10})[. ]{1,2}(?P<d>\d{1,2})(?:st|nd|rd|th)? ?, ?(?P<y>20\d\d)(?!\d)", re.IGNORECASE)
_OPEN = re.compile(r"(?<!\d)\d{1,2}(?:er)?[. ]{1,2}[^\W\d_]{3,10}[.,]?$")
"""Day and month at the end of a text, the year not with them."""
_FORMS = (_ISO, _SHORT, _DAY_FIRST, _MONTH_FIRST, _TIGHT)


@dataclass(frozen=True, slots=True)
class Day:
    """One date on a page."""

    value: date
    spot: Spot
    tight: bool = False
    """Eight digits without a separator: a date only where a label says so."""
    swapped: date | None = None
    """The date if the month was written before the day, where both readings are possible."""


@once
def find_dates(sheet: Sheet) -> Iterator[Day]:
    """Every date from 2000 to 2099, from the top; day before month where both readings are possible."""
    for row, column, segment in segments_of(sheet):
        text = segment.text[:_MAX_TEXT]
        taken: list[tuple[int, int]] = []
        for form in _FORMS:
            for match in form.finditer(text):
                found = _date(match)
                if found is None or any(match.start() < end and match.end() > start for start, end in taken):
                    continue
                taken.append(match.span())
                yield Day(found, Spot(sheet, row, column, *match.span()), form is _TIGHT, _swapped(match) if form is _SHORT else None)
        if (broken := _OPEN.search(text)) and not any(broken.start() < end for _, end in taken):
            year = _year_below(sheet, row, segment)
            if year and (found := parse_date(f"{broken[0].rstrip(' ,.')} {year}")):
                yield Day(found, Spot(sheet, row, column, *broken.span()))


def _year_below(sheet: Sheet, row: int, segment: Segment) -> str:
    """The year of a date that its column was too narrow for, on the next line; empty if there is none."""
    if row + 1 >= len(sheet.rows):
        return ""
    below = [s.text for s in sheet.rows[row + 1] if s.box[0] < segment.box[2] and s.box[2] > segment.box[0]]
    found = re.match(r"(20\d\d)(?!\d)", below[0]) if len(below) == 1 else None
    return found[1] if found else ""


def parse_date(text: str) -> date | None:
    """The date that the whole text writes, else None."""
    for form in _FORMS:
        if match := form.fullmatch(text.strip()):
            return _date(match)
    return None


@lru_cache(maxsize=1)
def month_numbers() -> dict[str, int]:
    """Folded names and abbreviations of the months in all languages."""
    names: dict[str, int] = {}
    for language in LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, locale=language).items():
                    names.setdefault(fold(name), int(number))
    return names


@lru_cache(maxsize=2_000)
def month_number(name: str) -> int | None:
    """The month of a name, in full or cut after three letters or more: « nov. », « octo »; « jui » is June, for July is cut to « juil »."""
    folded, names = fold(name), month_numbers()
    if folded in names:
        return names[folded]
    found = {number for known, number in names.items() if len(folded) >= 3 and known.startswith(folded)}
    return min(found) if len(found) == 1 or folded == "jui" else None


def _date(match: re.Match[str]) -> date | None:
    groups = match.groupdict()
    month = month_number(groups["name"]) if groups.get("name") else int(groups["m"])
    year = int(groups["y"]) + (2000 if len(groups["y"]) == 2 else 0)
    if month is None:
        return None
    day = int(groups["d"])
    if month > 12 and day <= 12 and match.re is _SHORT:  # written the American way
        day, month = month, day
    return _real(year, month, day)


def _swapped(match: re.Match[str]) -> date | None:
    year = int(match["y"]) + (2000 if len(match["y"]) == 2 else 0)
    return _real(year, int(match["d"]), int(match["m"])) if match["d"] != match["m"] else None


def _real(year: int, month: int, day: int) -> date | None:
    if year not in _YEARS:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
