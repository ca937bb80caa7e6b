"""Does green keep its promise here? What people confirmed and corrected is held against what reading promised.

The promise: at most 0.5 % of the values shown green are wrong. It was measured elsewhere; an installation's own paper decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import sqrt
from typing import Any

from sqlalchemy.orm import Session

from ocr.confidence import Thresholds
from ocr.identifiers import compact
from ocr.layout import fold
from ocr.suppliers import IDENTIFIERS, NUMBERS
from station.records.learned import reviewed_values, same_value

PROMISE = 0.005
"""Share of green values that may be wrong."""
FEWEST = 20
"""Reviewed values below which nothing is concluded: people look at what is wrong first."""
ENOUGH = 200
"""Reviewed values from which on a share says something by itself; fewer count only where chance cannot explain them."""
FACTOR = 6.0
"""With enough reviewed, the upper bound of the error stays below so many times the promise: two wrong of 200 are too many."""
DOUBT = 0.05
"""So improbable must it be that a kept promise gives as many errors."""
NONE_GREEN = 1.01
"""A threshold above every confidence."""
RECENT = 500
"""Reviewed green values by which an alarm is raised: a drift shows in the newest."""
TEXTS = frozenset({"supplier_name", "buyer_name", "payment_terms"})
"""Values in words."""
_Z = 1.96
"""Two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One value that a person reviewed."""

    name: str
    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """How green values fared lately."""

    reviewed: int
    wrong: int
    upper: float
    """Upper Wilson bound of the error, 0…1."""
    alarm: bool
    """Significantly above the promise."""
    green: float
    """The threshold in force."""
    fields: tuple[tuple[str, int, int], ...]
    """Name, reviewed and wrong among green, the worst first."""

    def as_json(self) -> dict[str, Any]:
        return {
            "reviewed": self.reviewed,
            "wrong": self.wrong,
            "upper": round(self.upper, 4),
            "alarm": "reading-drift" if self.alarm else None,
            "green": self.green,
            "fields": {name: {"reviewed": reviewed, "wrong": wrong} for name, reviewed, wrong in self.fields},
        }


def wilson_upper(wrong: int, reviewed: int) -> float:
    """Upper bound of a share (E. B. Wilson, 1927), 95 % two-sided; 1 where nothing was reviewed."""
    if not reviewed:
        return 1.0
    share, square = wrong / reviewed, _Z * _Z
    middle = share + square / (2 * reviewed)
    return min(1.0, (middle + _Z * sqrt(share * (1 - share) / reviewed + square / (4 * reviewed**2))) / (1 + square / reviewed))


def chance_of(wrong: int, reviewed: int, share: float = PROMISE) -> float:
    """How probable so many errors or more are if the promise is kept (binomial, exact)."""
    term, fewer = (1 - share) ** reviewed, 0.0
    for count in range(wrong):
        fewer += term
        term *= (reviewed - count) / (count + 1) * share / (1 - share)
    return max(0.0, 1 - fewer)


def contradicted(wrong: int, reviewed: int) -> bool:
    """Whether what was reviewed speaks against the promise."""
    return reviewed >= FEWEST and _suspect(wrong, reviewed)


def _suspect(wrong: int, reviewed: int) -> bool:
    if wrong and chance_of(wrong, reviewed) < DOUBT:
        return True
    return reviewed >= ENOUGH and wilson_upper(wrong, reviewed) > FACTOR * PROMISE


def fitted_threshold(outcomes: Iterable[Outcome], start: float = Thresholds().green) -> float:
    """From which confidence on a value may be green: the lowest, from `start` up, at which nothing reviewed contradicts the promise."""
    ordered = sorted((each for each in outcomes if each.confidence >= start), key=lambda each: -each.confidence)
    fitted = start if not contradicted(sum(not each.right for each in ordered), len(ordered)) else NONE_GREEN
    if fitted == start:
        return start
    # Values of one confidence stand or fall together; from the top, as far down as the promise holds without a break.
    wrong = 0
    for count, each in enumerate(ordered, 1):
        wrong += not each.right
        last = count == len(ordered) or ordered[count].confidence < each.confidence
        # Once there is reason to raise it, a few errors at the very top count as well.
        if last and _suspect(wrong, count):
            break
        if last:
            fitted = each.confidence
    return fitted


def drift_of(outcomes: Sequence[Outcome], start: float = Thresholds().green) -> Drift:
    """`outcomes` newest first. The alarm looks at what was green by the promise as it was made, so that a raised one hides nothing."""
    green = [each for each in outcomes if each.confidence >= start][:RECENT]
    wrong = sum(not each.right for each in green)
    counts = reduce(_counted, green, dict[str, tuple[int, int]]())
    fields = sorted(((name, n, bad) for name, (n, bad) in counts.items()), key=lambda each: (-each[2], -each[1], each[0]))
    alarm = wrong > 0 and len(green) >= FEWEST and chance_of(wrong, len(green)) < DOUBT
    return Drift(len(green), wrong, wilson_upper(wrong, len(green)), alarm, fitted_threshold(outcomes, start), tuple(fields))


def _counted(counts: dict[str, tuple[int, int]], each: Outcome) -> dict[str, tuple[int, int]]:
    reviewed, wrong = counts.get(each.name, (0, 0))
    return counts | {each.name: (reviewed + 1, wrong + (not each.right))}


def outcomes_of(session: Session, entity: str) -> list[Outcome]:
    """Newest first; a value that has no confidence promised nothing. Only documents of which something was confirmed as well: who only
    corrects names errors alone, and their share of what is right is not known."""
    told = [(document, name, sure, read_right(name, read, said)) for document, name, sure, read, said in reviewed_values(session, entity)]
    looked_at = {document for document, _, _, right in told if right}
    return [
        Outcome(name, confidence, right) for document, name, confidence, right in told if confidence is not None and document in looked_at
    ]


def read_right(name: str, read: str | None, said: str | None) -> bool:
    """Whether reading erred: case, accents and punctuation of a text, spaces and dashes of a number are no error."""
    if read and said and name in NUMBERS | IDENTIFIERS:
        return compact(read) == compact(said)
    return same_value(name, read, said) or (bool(read and said) and name in TEXTS and fold(read or "") == fold(said or ""))


def thresholds_of(session: Session, entity: str) -> Thresholds:
    """The thresholds in force at this installation."""
    return replace(Thresholds(), green=fitted_threshold(outcomes_of(session, entity)))


def drift_now(session: Session, entity: str) -> Drift:
    return drift_of(outcomes_of(session, entity))
