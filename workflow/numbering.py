"""Page numbers as they are printed: « Page 2/3 », "2 of 3", „Seite 2 von 3“, "Blz. 2 van 3". No dates, no house numbers, no fractions."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ocr.layout import Segment, Sheet, Spot, above, lay_out, left_of, segments_of
from ocr.text import PageText

MAX_TOTAL = 300
"""Of a printed « page 2 sur 300 »: a larger one is another kind of number."""
_MAX_TEXT = 200
_MARGIN = 0.12
"""Share of the page's height at top and foot where a number without the word « page » may stand alone."""
_WIDE_MARGIN = 0.25
_MOST_BARE = 20

_LABEL = r"(?:pages?|pag\.?|pg\.?|p\.|pagina|seiten?|blatt|bl\.|blz\.?|bladzijde|blad|feuillet|folio|sheet)"
_OF = r"(?:/|sur|of|von|van|de|aus)"
_LABELLED = re.compile(rf"(?<![a-z]){_LABEL}\s{{0,3}}(?:n[°o]\.?)?\s?[:.\-]?\s?(\d{{1,3}})\s?{_OF}\s?(\d{{1,3}})(?![\d/])(?![.,]\d)")
_ALONE = re.compile(rf"[-–(\[ ]*{_LABEL}\s?(?:n[°o]\.?)?\s?[:.\-]?\s?(\d{{1,3}})[-–)\] .]*")
_BARE = re.compile(r"[-–(\[ ]*([1-9]\d?)\s?(?:/|sur|of|von|van)\s?([1-9]\d?)[-–)\] ]*")
_ELSEWHERE = re.compile(
    r"(?:voir|cf|suite|suivante|next|see|siehe|zie|volgende|fortsetzung|weiter|continued?|annexe)"
    r"\W*(?:on|en|à|sur|auf|op|in)?\W*(?:la|the|de|der)?\W*$"
)
"""What stands before a number that speaks of another page."""
_LABEL_WORDS = frozenset({"page", "pages", "page n", "seite", "blatt", "blz", "bladzijde", "pagina", "folio", "feuillet"})


@dataclass(frozen=True, slots=True)
class Printed:
    """What a page says of itself."""

    number: int
    total: int | None
    """None where only the number is printed."""
    sure: bool
    """The word « page » or its like stands beside it."""


def printed_number(text: PageText) -> Printed | None:
    """The page's own number, the surest one, of several the one nearest to an edge; None where it prints none."""
    found = [(printed, spot) for sheet in lay_out([text]) for printed, spot in _candidates(sheet)]
    best = min(found, key=lambda pair: (not pair[0].sure, pair[0].total is None, min(pair[1], 1 - pair[1])), default=None)
    return best[0] if best else None


def _candidates(sheet: Sheet) -> Iterator[tuple[Printed, float]]:
    """Numbers and their depth on the page."""
    for row, column, segment in segments_of(sheet):
        text = segment.text[:_MAX_TEXT].casefold()
        spot = Spot(sheet, row, column, 0, len(segment.text))
        printed = _labelled(text) or _beside_label(text, spot) or _bare(text, spot, sheet.rows[row])
        if printed:
            yield printed, spot.depth


def _labelled(text: str) -> Printed | None:
    for match in _LABELLED.finditer(text):
        printed = _printed(int(match[1]), int(match[2]), sure=True)
        if printed and not _ELSEWHERE.search(text[: match.start()]):
            return printed
    return None


def _beside_label(text: str, spot: Spot) -> Printed | None:
    """« Page 2 » alone, or « 2/3 » whose label « Page » stands to its left or above it."""
    alone = _ALONE.fullmatch(text)
    if alone:
        return Printed(int(alone[1]), None, True) if alone[1] != "0" and _at_edge(spot, _WIDE_MARGIN) else None
    match = _BARE.fullmatch(text)
    labels = [left_of(spot, 8), *(heading for _, heading in above(spot, rows=1))] if match else []
    labelled = any(label in _LABEL_WORDS or label.rsplit(" ", 1)[-1] in _LABEL_WORDS for label in labels)
    return _printed(int(match[1]), int(match[2]), sure=True) if match and labelled else None


def _bare(text: str, spot: Spot, row: tuple[Segment, ...]) -> Printed | None:
    """« 2/3 » with nothing beside it, at top or foot."""
    match = _BARE.fullmatch(text)
    if not match or len(row) > 1 or not _at_edge(spot, _MARGIN) or int(match[2]) > _MOST_BARE:
        return None
    return _printed(int(match[1]), int(match[2]), sure=False)


def _at_edge(spot: Spot, margin: float) -> bool:
    return min(spot.depth, 1 - spot.depth) < margin


def _printed(number: int, total: int, *, sure: bool) -> Printed | None:
    return Printed(number, total, sure) if 1 <= number <= total <= MAX_TOTAL else None
