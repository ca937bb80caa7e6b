"""What can be said of a candidate in numbers, for every layout alike: labels around it, its place, its shape, the company it keeps.

Rows of features are float32; what cannot be said is -1. Names and order are part of the model's contract (`ocr.ranker`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from heapq import nlargest
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from ocr.candidates import Candidate
from ocr.claims import Mark, Marks, marks_of
from ocr.layout import Sheet, Spot
from ocr.rates import RATES

Rows = npt.NDArray[np.float32]

KINDS: dict[str, tuple[str, ...]] = {
    "amounts": ("net", "tax", "gross", "due", "paid", "line"),
    "dates": ("issue", "due", "delivery", "other"),
    "numbers": ("number", "order", "contract", "engagement", "service", "market", "other"),
    "parties": ("supplier", "buyer"),
}
"""Kinds of labels by vocabulary; a kind that is not named here says nothing to the ranker."""
_SIDES = ("before", "above", "after")
_NEAR = ("gap_before", "gap_above", "used_above", "own_text", "cell", "colon")
_PLACE = (
    "x0", "x1", "depth", "first_page", "last_page", "font", "column", "columns", "letters_row", "confidence", "times",
    "currency", "percent",
)  # fmt: skip
_SHAPE = ("length", "digits", "letters", "signs", "year_like", "starts_letter", "zero_first", "groups", "upper")
_ROWS_ABOVE = 8
_PARTY_ROWS = 18
_RATES = tuple(float(rate) / 100 for rate in RATES if rate)


@dataclass(frozen=True)
class Paper:
    """The sheets of a document, and what is asked of them more than once."""

    sheets: tuple[Sheet, ...]

    @cached_property
    def font(self) -> float:
        """Median height of its lines, pixels."""
        return median([segment.height for sheet in self.sheets for row in sheet.rows for segment in row] or [1.0]) or 1.0

    @cached_property
    def marks(self) -> dict[str, dict[int, Marks]]:
        """Labels by vocabulary and page."""
        return {name: {sheet.page: marks_of(sheet, name) for sheet in self.sheets} for name in KINDS}


def common_names(vocabularies: Iterable[str]) -> tuple[str, ...]:
    labels = [f"{name}_{side}_{kind}" for name in vocabularies for side in _SIDES for kind in KINDS[name]]
    gaps = [f"{name}_{each}" for name in vocabularies for each in _NEAR[:3]]
    return (*labels, *gaps, *_NEAR[3:], *_PLACE, "party_supplier", "party_buyer")


def common_features(paper: Paper, candidate: Candidate[Any], vocabularies: Sequence[str]) -> list[float]:
    """Labels: the strongest of all places; the rest: of the place that labels speak for most."""
    said = [[_label_features(spot, paper.marks[name].get(spot.sheet.page, {}), name) for name in vocabularies] for spot in candidate.spots]
    strength = [sum(max(labels) for labels, _ in each) for each in said]
    best = max(range(len(said)), key=lambda index: (strength[index], -index))
    labels = [max(column) for number in range(len(vocabularies)) for column in zip(*(each[number][0] for each in said), strict=True)]
    gaps = [gap for _, own in said[best] for gap in own]
    spot = candidate.spots[best]
    return [*labels, *gaps, *_text_features(spot), *_place_features(paper, spot, len(candidate.spots)), *_party_features(paper, spot)]


def _label_features(spot: Spot, marks: Marks, name: str) -> tuple[list[float], list[float]]:
    """Strength of each kind of label before, above and after; then the gaps to the nearest before and above."""
    kinds = KINDS[name]
    strength = [0.0] * (3 * len(kinds))
    gap_before = gap_above = used = -1.0
    for turn, (mark, gap) in enumerate(_marks_before(spot, marks)):
        gap_before = gap if turn == 0 else gap_before
        _note(strength, kinds, 0, mark, 0.5**turn / (1 + 0.15 * gap))
    for turn, (mark, gap) in enumerate(_marks_above(spot, marks)):
        if turn == 0:
            gap_above, used = gap, float(mark.used)
        _note(strength, kinds, 1, mark, (0.4 if mark.used else 1.0) * 0.5**turn / (1 + 0.25 * max(0.0, gap - 1)))
    for turn, mark in enumerate(_marks_after(spot, marks)):
        _note(strength, kinds, 2, mark, 0.5**turn)
    return strength, [gap_before, gap_above, used]


def _note(strength: list[float], kinds: Sequence[str], side: int, mark: Mark, share: float) -> None:
    if mark.label.kind in kinds:
        place = side * len(kinds) + kinds.index(mark.label.kind)
        strength[place] = max(strength[place], mark.label.weight * share)


def _marks_before(spot: Spot, marks: Marks) -> list[tuple[Mark, float]]:
    """The last three labels to the left, nearest first, with the gap in letters (between columns: in third heights)."""
    own = [mark for mark in marks.get(spot.row, ()) if (mark.column, mark.end) <= (spot.column, spot.start)][-3:]
    height = max(1.0, spot.segment.height)
    left = spot.box[0]
    return [
        (mark, float(spot.start - mark.end) if mark.column == spot.column else 2 + max(0.0, left - mark.x1) * 0.5 / height)
        for mark in reversed(own)
    ]


def _marks_above(spot: Spot, marks: Marks) -> list[tuple[Mark, float]]:
    """The three nearest labels above that share the column, with the distance in line heights."""
    x0, _, x1, _ = spot.box
    found: list[tuple[Mark, float]] = []
    height = max(1.0, spot.segment.height)
    for row in range(spot.row - 1, max(-1, spot.row - 1 - _ROWS_ABOVE), -1):
        reaching = (mark for mark in marks.get(row, ()) if mark.x0 < x1 and mark.x1 > x0)
        found += [(mark, (spot.segment.level - spot.sheet.rows[row][mark.column].level) / height) for mark in reaching]
        if len(found) >= 3:
            break
    return found[:3]


def _marks_after(spot: Spot, marks: Marks) -> list[Mark]:
    return [mark for mark in marks.get(spot.row, ()) if mark.column == spot.column and mark.start >= spot.end][:2]


def _text_features(spot: Spot) -> list[float]:
    """Letters before it in its own text, whether it fills its cell, whether a colon stands before it."""
    text = spot.segment.text
    before = text[: spot.start]
    cell = len(spot.raw) / max(1, len(text))
    left = before.rstrip() or (spot.sheet.rows[spot.row][spot.column - 1].text if spot.column else "")
    return [float(sum(c.isalpha() for c in before)), cell, float(left.endswith((":", "#", "°")))]


def _place_features(paper: Paper, spot: Spot, times: int) -> list[float]:
    sheet = spot.sheet
    x0, _, x1, _ = spot.box
    row = sheet.rows[spot.row]
    around = spot.segment.text[max(0, spot.start - 4) : spot.end + 5]
    return [
        x0 / max(1, sheet.width),
        x1 / max(1, sheet.width),
        spot.depth,
        float(sheet.page == paper.sheets[0].page),
        float(sheet.page == paper.sheets[-1].page),
        spot.segment.height / paper.font,
        float(spot.column),
        float(len(row)),
        float(sum(c.isalpha() for segment in row for c in segment.text[:80])),
        spot.confidence,
        float(times),
        float(any(sign in around for sign in ("€", "EUR", "$", "£", "CHF"))),
        float(any("%" in segment.text for segment in row)),
    ]


def _party_features(paper: Paper, spot: Spot) -> list[float]:
    """How near the heading of a party stands above in the column or before in the row: 1 next to it, 0 none."""
    marks = paper.marks["parties"].get(spot.sheet.page, {})
    x0, _, x1, _ = spot.box
    near = {"supplier": 0.0, "buyer": 0.0}
    height = max(1.0, spot.segment.height)
    for row in range(max(0, spot.row - _PARTY_ROWS), spot.row + 1):
        for mark in marks.get(row, ()):
            if mark.label.kind not in near or mark.x0 > x1 + 2 * height or mark.x1 < x0 - 12 * height:
                continue
            if row == spot.row and (mark.column, mark.start) > (spot.column, spot.start):
                continue
            near[mark.label.kind] = max(near[mark.label.kind], 1 / (1 + 0.3 * (spot.row - row)))
    return [near["supplier"], near["buyer"]]


def shape_features(text: str) -> list[float]:
    digits = sum(c.isdigit() for c in text)
    letters = sum(c.isalpha() for c in text)
    return [
        float(len(text)),
        float(digits),
        float(letters),
        float(len(text) - digits - letters),
        float(bool(re.search(r"(?<!\d)(?:19|20)\d\d", text))),
        float(text[:1].isalpha()),
        float(text[:1] == "0"),
        float(len(re.findall(r"\d+", text))),
        float(text == text.upper()),
    ]


# --- one table of rows for each kind of candidate ---

HANDS: dict[str, tuple[str, ...]] = {
    "numbers": (
        "invoice_number", "order_reference", "contract_reference", "engagement_number", "service_code", "market_reference",
    ),
    "days": ("issue_date", "due_date", "delivery_date"),
    "companies": ("supplier", "buyer"),
    "accounts": ("iban",),
    "names": ("supplier_name", "buyer_name"),
    "amounts": ("net", "tax", "gross", "due", "paid"),
}  # fmt: skip
"""The fields whose scores by rule are told of each candidate."""
VOCABULARIES: dict[str, tuple[str, ...]] = {
    "numbers": ("numbers", "dates"),
    "days": ("dates", "numbers"),
    "companies": ("parties", "numbers"),
    "accounts": ("parties", "numbers"),
    "names": ("parties",),
    "amounts": ("amounts",),
}
_RIVALS = ("candidates", "index", "first_depth", "last_depth", "contained")
_DAY_EXTRAS = ("after_first", "before_last", "rank", "from_issue", "days_apart")
_AMOUNT_EXTRAS = (
    "size_rank", "size_share", "cents", "log_value", "rows_from_end",
    "as_gross", "as_net", "as_tax", "as_gross_said", "as_net_said", "as_tax_said", "rated_gross", "rated_net", "rated_tax",
)  # fmt: skip


def names_of(kind: str) -> tuple[str, ...]:
    """The columns of `rows_of` for one kind of candidate."""
    hands = HANDS[kind]
    extras = {"days": _DAY_EXTRAS, "amounts": _AMOUNT_EXTRAS}.get(kind, ())
    return (
        *common_names(VOCABULARIES[kind]), *_SHAPE,
        *(f"hand_{name}" for name in hands), *(f"lead_{name}" for name in hands), *_RIVALS, *extras,
    )  # fmt: skip


def rows_of(kind: str, paper: Paper, candidates: Sequence[Candidate[Any]], scores: Sequence[Mapping[Any, float]]) -> Rows:
    """One row a candidate; `scores` is what the rules say of each value, a mapping for each field of `HANDS`."""
    if not candidates:
        return np.zeros((0, len(names_of(kind))), np.float32)
    extras = _EXTRAS.get(kind, _no_extras)(paper, candidates, scores)
    leaders = [nlargest(2, own.items(), key=lambda each: each[1]) for own in scores]
    table = [
        [
            *common_features(paper, candidate, VOCABULARIES[kind]),
            *shape_features(candidate.spots[0].raw),
            *(own.get(candidate.value, -1.0) for own in scores),
            *(_lead(own, candidate.value, first) for own, first in zip(scores, leaders, strict=True)),
            float(len(candidates)),
            index / len(candidates),
            min(spot.depth + spot.sheet.page - 1 for spot in candidate.spots),
            max(spot.depth for spot in candidate.spots),
            float(_is_part(candidate, candidates)),
            *extra,
        ]
        for index, (candidate, extra) in enumerate(zip(candidates, extras, strict=True))
    ]
    return np.asarray(table, np.float32)


def _lead(scores: Mapping[Any, float], value: object, leaders: Sequence[tuple[Any, float]]) -> float:
    """How far the rules put it before (or behind) the best of the others; `leaders` are the two best of all."""
    other = next((score for each, score in leaders if each != value), -1.0)
    return scores.get(value, -1.0) - other


def _is_part(candidate: Candidate[Any], candidates: Sequence[Candidate[Any]]) -> bool:
    """Another candidate at the same place holds more of the text."""
    spot = candidate.spots[0]
    return any(
        other.spots[0].row == spot.row
        and other.spots[0].column == spot.column
        and other.spots[0].sheet is spot.sheet
        and other.spots[0].start <= spot.start
        and other.spots[0].end >= spot.end
        and other.value != candidate.value
        for other in candidates
    )


def _no_extras(_: Paper, candidates: Sequence[Candidate[Any]], __: Sequence[Mapping[Any, float]]) -> list[list[float]]:
    return [[] for _ in candidates]


def _day_extras(_: Paper, candidates: Sequence[Candidate[date]], scores: Sequence[Mapping[date, float]]) -> list[list[float]]:
    """Days after the first and before the last date, its rank, and days after what the rules hold for the day of issue."""
    days = sorted(candidate.value for candidate in candidates)
    issue = max(scores[0], key=lambda day: scores[0][day], default=None)
    return [
        [
            float((candidate.value - days[0]).days),
            float((days[-1] - candidate.value).days),
            float(days.index(candidate.value)),
            float((candidate.value - issue).days) if issue else -9999.0,
            float((days[-1] - days[0]).days),
        ]
        for candidate in candidates
    ]


def _amount_extras(_: Paper, candidates: Sequence[Candidate[Decimal]], scores: Sequence[Mapping[Decimal, float]]) -> list[list[float]]:
    cents = [int(candidate.value * 100) for candidate in candidates]
    sums = _sum_features(cents, [[max(0.0, own.get(candidate.value, 0.0)) for own in scores] for candidate in candidates])
    order = {value: rank for rank, value in enumerate(sorted(set(cents), reverse=True))}
    largest = max(cents) or 1
    return [
        [
            float(order[value]),
            value / largest,
            float(value % 100 != 0),
            float(np.log10(value + 1)),
            float(min(len(spot.sheet.rows) - spot.row for spot in candidate.spots)),
            *own,
        ]
        for candidate, value, own in zip(candidates, cents, sums, strict=True)
    ]


def _sum_features(cents: Sequence[int], said: Sequence[Sequence[float]]) -> list[list[float]]:
    """For each value: in how many sums net + tax = gross it is the gross, the net, the tax; how much labels say for the best such sum;
    and whether one of them is at a usual rate. `said`: by HANDS["amounts"]."""
    place = {value: index for index, value in enumerate(cents)}
    found = [[0.0] * 9 for _ in cents]
    for net_at, net in enumerate(cents):
        for tax_at, tax in enumerate(cents):
            if not 0 < tax < 0.3 * net:
                continue
            gross_at = place.get(net + tax)
            if gross_at is None:
                continue
            worth = said[net_at][0] + said[tax_at][1] + max(said[gross_at][2], said[gross_at][3])
            rated = float(any(abs(net * rate - tax) <= 1 for rate in _RATES))
            for role, at in enumerate((gross_at, net_at, tax_at)):
                own = found[at]
                own[role] += 1
                own[3 + role] = max(own[3 + role], worth)
                own[6 + role] = max(own[6 + role], rated)
    return found


_EXTRAS: dict[str, Callable[[Paper, Sequence[Candidate[Any]], Sequence[Mapping[Any, float]]], list[list[float]]]] = {
    "days": _day_extras,
    "amounts": _amount_extras,
}
