"""What a page holds that may be a field, whatever stands beside it: every value once, with all the places where it is printed."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from ocr.amounts import find_amounts
from ocr.choices import Choice
from ocr.claims import Marks
from ocr.dates import find_dates
from ocr.days import days_of
from ocr.layout import Sheet, Spot, segments_of
from ocr.references import tokens_in

MAX_CANDIDATES = 240
"""Of one kind in one document: the first ones in reading order."""
MAX_SPOTS = 8
"""Places of one candidate that are looked at."""
_MAX_TEXT = 300
_BOX = re.compile(r"(?:BP|CS|TSA|B\.P\.|C\.S\.) ?\d+")
"""A French address's box or special course: no number of a paper."""

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Candidate(Generic[V]):
    """One value and every place that shows it, from the top of the first page."""

    value: V
    spots: tuple[Spot, ...]


def day_candidates(sheets: Sequence[Sheet]) -> list[Candidate[date]]:
    """Every date."""
    return _gathered((day.value, day.spot) for day in days_of(sheets))


def amount_candidates(sheets: Sequence[Sheet]) -> list[Candidate[Decimal]]:
    """Every amount without its sign: a credit note may print it either way."""
    return _gathered((abs(amount.value), amount.spot) for sheet in sheets for amount in find_amounts(sheet))


def chosen_candidates(choices: Iterable[Choice], value_of: Callable[[Choice], V]) -> list[Candidate[V]]:
    """The candidates that the rules found, by what `value_of` makes of each."""
    return _gathered((value_of(choice), choice.spot) for choice in choices if choice.spot is not None)


def _gathered(found: Iterable[tuple[V, Spot]]) -> list[Candidate[V]]:
    places: dict[V, dict[tuple[int, int, int, int], Spot]] = {}
    for value, spot in found:
        if value in places or len(places) < MAX_CANDIDATES:
            places.setdefault(value, {}).setdefault((spot.sheet.page, spot.row, spot.column, spot.start), spot)
    return [Candidate(value, tuple(spots.values())[:MAX_SPOTS]) for value, spots in places.items()]


def number_candidates(
    sheets: Sequence[Sheet], marks: Mapping[int, Marks], claimed: Iterable[tuple[str, Spot]] = ()
) -> list[Candidate[str]]:
    """Every token with two digits or more that is no date and no amount; those `claimed` by a label come first. `marks`: by page."""
    kept = [(value, spot) for value, spot in claimed if not _BOX.fullmatch(value)]
    return _gathered([*kept, *(found for sheet in sheets for found in _tokens(sheet, marks.get(sheet.page, {})))])


def _tokens(sheet: Sheet, marks: Marks) -> Iterator[tuple[str, Spot]]:
    taken: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for spot in [day.spot for day in find_dates(sheet) if not day.tight] + [amount.spot for amount in find_amounts(sheet)]:
        taken.setdefault((sheet.page, spot.row, spot.column), []).append((spot.start, spot.end))
    for row, column, segment in segments_of(sheet):
        for spot, value in tokens_in(sheet, row, column, segment.text[:_MAX_TEXT], taken, marks):
            if sum(c.isdigit() for c in value) >= 2 and not _BOX.fullmatch(value):
                yield value, spot
