"""Which printed label a value belongs to: the one before it in its row or the one above it in its column, by their places on the page.

A label that has a value of its own beside it does not speak for what stands below; a label in another column does not reach over text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ocr.labels import Label, labels_in
from ocr.layout import Segment, Sheet, Spot, fold, fold_places, segments_of

MAX_MARKS = 600
"""Labels looked at on one page; a dense invoice has about 80."""
_MAX_TEXT = 300
_REACH = 3
"""Rows between a heading and its value: an empty or a second line of the heading may stand between."""
_FAR = 5.5
"""In line heights: a heading further up is that of something else."""
_SENTENCE = 28
"""Letters beside a label that make its text a sentence."""
_GLUE = re.compile(r"(?<=[a-z]{3})(?=\d)")


class Relation(StrEnum):
    BEFORE = "before"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Mark:
    """A label where it is printed."""

    label: Label
    row: int
    column: int
    start: int
    end: int
    """Places in the text of its segment."""
    x0: float
    x1: float
    used: bool
    """A value stands right beside it."""

    @property
    def kind(self) -> str:
        return self.label.kind


@dataclass(frozen=True, slots=True)
class Claim:
    """A label that may speak for a value."""

    mark: Mark
    relation: Relation
    gap: int
    """Letters between the two (before), or rows from one to the other (above)."""


Marks = Mapping[int, Sequence[Mark]]
"""By row, from the left."""


def marks_of(sheet: Sheet, vocabulary_name: str) -> Marks:
    """The labels of one vocabulary on a page, at most `MAX_MARKS`; looked for once."""
    key = f"marks {vocabulary_name}"
    if key not in sheet.answers:
        sheet.answers[key] = _marks(sheet, vocabulary_name)
    marks: Marks = sheet.answers[key]
    return marks


def _marks(sheet: Sheet, vocabulary_name: str) -> dict[int, list[Mark]]:
    marks: dict[int, list[Mark]] = {}
    count = 0
    for row, column, segment in segments_of(sheet):
        for mark in _segment_marks(sheet, row, column, segment, vocabulary_name):
            marks.setdefault(row, []).append(mark)
            count += 1
        if count > MAX_MARKS:
            break
    return marks


def claim_before(spot: Spot, marks: Marks, loose: int = 14) -> Claim | None:
    """The nearest label to the left: within the same text, or in a text that ends with it."""
    own = [mark for mark in marks.get(spot.row, ()) if (mark.column, mark.end) <= (spot.column, spot.start)]
    if not own:
        return None
    mark = _main_mark(own, spot.sheet)
    if mark.column == spot.column:
        gap = len(fold(spot.segment.text[mark.end : spot.start]))
        return Claim(mark, Relation.BEFORE, gap) if gap <= loose else None
    segments = spot.sheet.rows[spot.row]
    passed = [segments[mark.column].text[mark.end :], *(segment.text for segment in segments[mark.column + 1 : spot.column])]
    between = " ".join([*passed, spot.segment.text[: spot.start]])
    gap = len(fold(between))
    if re.search(r"[^\W\d_]", passed[0]):
        return None
    lead = len(fold(spot.segment.text[: spot.start]))
    return Claim(mark, Relation.BEFORE, gap) if gap <= 4 or (gap <= loose and lead == gap) else None


def _main_mark(own: Sequence[Mark], sheet: Sheet) -> Mark:
    """The last label; of two that say the same in two languages (« Datum factuur / Tax point ») the surer one."""
    last = own[-1]
    if len(own) < 2 or own[-2].column != last.column:
        return last
    before = own[-2]
    between = sheet.rows[last.row][last.column].text[before.end : last.start].strip()
    twins = between in {"/", "|", "-", "–", "("}
    return (
        replace(before, end=last.end, x1=last.x1)
        if twins and before.label.weight * (before.kind != "other") > last.label.weight * (last.kind != "other")
        else last
    )


def claim_above(spot: Spot, marks: Marks, rows: int = _REACH) -> Claim | None:
    """The nearest label above that shares the value's column, nothing else between; else the one of the same place in a row of headings."""
    x0, _, x1, _ = spot.box
    level, height = spot.segment.level, spot.segment.height
    for distance in range(1, rows + 1):
        row = spot.row - distance
        if row < 0:
            return None
        found = [mark for mark in marks.get(row, ()) if mark.x0 < x1 and mark.x1 > x0 and not _in_sentence(spot.sheet, mark, marks)]
        near = [mark for mark in found if level - spot.sheet.rows[row][mark.column].level <= _FAR * max(height, 1)]
        if near:
            mark = max(near, key=lambda mark: min(x1, mark.x1) - max(x0, mark.x0))
            return None if mark.used else Claim(mark, Relation.ABOVE, distance)
        if distance == 1 and (counted := _same_place(spot, row, marks)):
            return Claim(counted, Relation.ABOVE, 1)
        if any(_letters(s) > 3 for s in spot.sheet.rows[row] if s.box[0] < x1 and s.box[2] > x0):
            return None
    return None


def _in_sentence(sheet: Sheet, mark: Mark, marks: Marks) -> bool:
    """Words in a sentence are no heading: much text around, and no other label in it."""
    segment = sheet.rows[mark.row][mark.column]
    others = sum(other.column == mark.column for other in marks.get(mark.row, ())) > 2
    return not others and _letters(segment) - (mark.end - mark.start) > _SENTENCE


def _same_place(spot: Spot, row: int, marks: Marks) -> Mark | None:
    """The heading of the same place from the left, in a row that holds nothing but headings, as many as there are values below."""
    headings, values = spot.sheet.rows[row], spot.sheet.rows[spot.row]
    if len(headings) != len(values) or len(headings) < 2:
        return None
    firsts: dict[int, Mark] = {}
    for mark in marks.get(row, ()):
        firsts.setdefault(mark.column, mark)
    if len(firsts) < 2 or any(mark.used for mark in firsts.values()):
        return None
    return firsts.get(spot.column)


def _segment_marks(sheet: Sheet, row: int, column: int, segment: Segment, vocabulary_name: str) -> Iterator[Mark]:
    text = segment.text[:_MAX_TEXT]
    folded, places = fold_places(text)
    spread = _GLUE.sub(" ", folded)
    if spread != folded:
        places = tuple(_spread(folded, places))
    for label in labels_in(spread, vocabulary_name):
        start, end = places[label.start], places[label.end - 1] + 1
        x0, _, x1, _ = Spot(sheet, row, column, start, end).box
        yield Mark(label, row, column, start, end, *_reach(segment, start, end, x0, x1), _has_value(text[end:]))


def _spread(folded: str, places: Sequence[int]) -> Iterator[int]:
    """The places of the letters once spaces were put between words and the digits glued to them."""
    cuts = {match.start() for match in _GLUE.finditer(folded)}
    for index, place in enumerate(places):
        if index in cuts:
            yield place
        yield place


def _reach(segment: Segment, start: int, end: int, x0: int, x1: int) -> tuple[float, float]:
    """Left and right edge of a stretch; words that it holds in part are cut in proportion."""
    position = 0
    left, right = float(x0), float(x1)
    for word in segment.words:
        size = max(1, len(word.text))
        if position < start < position + size:
            left = word.x0 + (word.x1 - word.x0) * (start - position) / size
        if position < end < position + size:
            right = word.x0 + (word.x1 - word.x0) * (end - position) / size
        position += len(word.text) + 1
    return left, right


def _has_value(rest: str) -> bool:
    return bool(re.match(r"[\s:.#°º\-–]{0,4}(?=[^\s]*\d)[A-Za-z0-9]", rest))


def _letters(segment: Segment) -> int:
    return sum(c.isalpha() for c in segment.text[:_MAX_TEXT])
