"""Where things stand on a page: rows of segments, what is printed to the left of a value and what stands above it in its column."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, wraps
from typing import Any, TypeVar

from ocr.reading import height_of, level_of, rows_of, slope_of
from ocr.text import Box, Line, PageText, Word, around
from ocr.turning import upright_page

MAX_ROWS = 400
"""Rows looked at on one page, so that a hostile page costs a bounded time; a dense A4 page has about 120."""
MAX_LINES = 1500
"""Of one page."""
MAX_WORDS = 100
"""Of one line."""
MAX_LETTERS = 100
"""Of one word."""
MAX_PAGES = 20
"""Pages looked at: the first ten and the last ten, where number, dates and totals stand."""
_SENTENCE = 60
"""Letters: a longer text in another column is a sentence, not a label."""
_GLUED = re.compile(r"(?<=[^\W\d_])(?=[Nn][°º])")
"""Between a word and the sign for number."""
_LEADERS = re.compile(r"(?:[.…·_] ?){4,}")
"""Dots that lead from a label to its value."""
_WIDE_GAP = 1.6
"""In line heights: a wider gap separates columns."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of one row with no wide gap between them."""

    words: tuple[Word, ...]
    level: float
    """Height of its middle on the page, the slope of the sheet taken out; pixels."""
    height: float
    text: str
    """Its words with a space between each two."""
    box: Box


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page as rows from the top, each from left to right."""

    page: int
    width: int
    height: int
    rows: tuple[tuple[Segment, ...], ...] = field(hash=False)
    answers: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `once` found on it."""


T = TypeVar("T")


def once(find: Callable[[Sheet], Iterable[T]]) -> Callable[[Sheet], tuple[T, ...]]:
    """All that `find` finds on a sheet: looked for once, however many ask."""

    key = f"{find.__module__}.{find.__qualname__}"

    @wraps(find)
    def found(sheet: Sheet) -> tuple[T, ...]:
        if key not in sheet.answers:
            sheet.answers[key] = tuple(find(sheet))
        told: tuple[T, ...] = sheet.answers[key]
        return told

    return found


@dataclass(frozen=True, slots=True)
class Spot:
    """A stretch of text in one segment: a candidate value, and where it is."""

    sheet: Sheet
    row: int
    column: int
    start: int
    end: int

    @property
    def segment(self) -> Segment:
        return self.sheet.rows[self.row][self.column]

    @property
    def raw(self) -> str:
        return self.segment.text[self.start : self.end]

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that the stretch touches."""
        touched, position = [], 0
        for word in self.segment.words:
            if position < self.end and position + len(word.text) > self.start:
                touched.append(word)
            position += len(word.text) + 1
        return tuple(touched)

    @property
    def box(self) -> Box:
        return around(self.words)

    @property
    def confidence(self) -> float:
        return min((word.confidence for word in self.words), default=0.0)

    @property
    def depth(self) -> float:
        """0 at the top of the page, 1 at its foot."""
        return min(1.0, max(0.0, self.segment.level / max(1, self.sheet.height)))


def lay_out(pages: Sequence[PageText]) -> tuple[Sheet, ...]:
    """The pages worth looking at as rows of segments, each page as it has to be held to be read."""
    chosen = pages if len(pages) <= MAX_PAGES else [*pages[: MAX_PAGES // 2], *pages[-MAX_PAGES // 2 :]]
    return tuple(_sheet(upright_page(page)) for page in chosen)


def segments_of(sheet: Sheet) -> Iterator[tuple[int, int, Segment]]:
    for row, segments in enumerate(sheet.rows):
        for column, segment in enumerate(segments):
            yield row, column, segment


def left_of(spot: Spot, limit: int = 90) -> str:
    """What is printed before the value in its row, folded; its last `limit` characters. Sentences in other columns are left out."""
    before = [segment.text for segment in spot.sheet.rows[spot.row][: spot.column] if len(segment.text) <= _SENTENCE]
    return fold(_LEADERS.sub(" ", " ".join([*before, spot.segment.text[: spot.start]]))[-limit:])


def right_of(spot: Spot, limit: int = 40) -> str:
    """What follows the value in its own segment, folded."""
    return fold(spot.segment.text[spot.end : spot.end + limit])


def above(spot: Spot, rows: int = 8) -> Iterator[tuple[int, str]]:
    """What stands above the value in its column, folded, nearest first, with its distance in rows; numbers are passed over."""
    x0, _, x1, _ = spot.box
    last = spot.segment.level
    for distance in range(1, rows + 1):
        index = spot.row - distance
        if index < 0:
            return
        for segment in spot.sheet.rows[index]:
            left, _, right, _ = segment.box
            if left < x1 and right > x0 and last - segment.level < 6 * segment.height * distance:
                yield distance, fold(segment.text)


@lru_cache(maxsize=20_000)
def fold(text: str) -> str:
    """Small letters without accents; every run of other signs is one space: « Échéance : » and « echeance » are the same.

    « FactureN°12 », glued by a reader, is « facture n 12 ».
    """
    return " ".join(_plain(_GLUED.sub(" ", text)).split())


@lru_cache(maxsize=4_000)
def fold_places(text: str) -> tuple[str, tuple[int, ...]]:
    """`fold(text)`, and for each of its letters the place in `text` that it comes from."""
    letters: list[str] = []
    places: list[int] = []
    glued = {match.start() for match in _GLUED.finditer(text)}
    for place, sign in enumerate(text):
        for letter in (" " if place in glued else "") + _plain_sign(sign):
            blank = letter.isspace()
            if blank and (not letters or letters[-1] == " "):
                continue
            letters.append(" " if blank else letter)
            places.append(place)
    if letters and letters[-1] == " ":
        del letters[-1], places[-1]
    return "".join(letters), tuple(places)


@lru_cache(maxsize=2_000)
def _plain_sign(sign: str) -> str:
    return _plain(sign)


def _plain(text: str) -> str:
    """Small letters without accents, a space for every other sign."""
    plain = unicodedata.normalize("NFKD", text.replace("°", " ").replace("º", " ").replace("ß", "ss").replace("œ", "oe"))
    return "".join(c if c.isalnum() or c == "%" else " " for c in plain if not unicodedata.combining(c)).casefold()


def _sheet(page: PageText) -> Sheet:
    lines = [_bounded(line) for line in page.lines[:MAX_LINES] if line.words]
    slope = slope_of(lines)
    rows = rows_of(lines)[:MAX_ROWS]
    laid = tuple(tuple(segment for line in row for segment in _segments(line, slope)) for row in rows)
    return Sheet(page.page, page.width, page.height, tuple(tuple(sorted(row, key=lambda s: s.box[0])) for row in laid))


def _bounded(line: Line) -> Line:
    return Line(
        tuple(replace(word, text=word.text[:MAX_LETTERS]) if len(word.text) > MAX_LETTERS else word for word in line.words[:MAX_WORDS])
    )


def _segments(line: Line, slope: float) -> Iterator[Segment]:
    height = height_of(line)
    group: list[Word] = []
    for word in line.words:
        if group and word.x0 - group[-1].x1 > _WIDE_GAP * height:
            yield _segment(group, slope)
            group = []
        group.append(word)
    if group:
        yield _segment(group, slope)


def _segment(words: Sequence[Word], slope: float) -> Segment:
    line = Line(tuple(words))
    return Segment(line.words, level_of(line, slope), height_of(line), line.text, line.box)
