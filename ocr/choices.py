"""A candidate value on the page, what speaks for it, and how the best of several becomes a field."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ocr.layout import Spot
from ocr.values import Field, Source, Value, plain_value

MAX_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate for one field: its value as understood, where it stands, how much speaks for it and why."""

    value: Value
    spot: Spot | None
    """None where the value was concluded, not read in one place."""
    score: float
    """Sum of what speaks for and against it; comparable within one field only. 0.8 and less is too little to be given."""
    reason: str
    source: Source = Source.READ
    says: tuple[tuple[str, float], ...] = field(default=())
    """The parts of the score by name: « label », « shape », « place » …"""


Choices: TypeAlias = Sequence[Choice]


def ranked(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """The best of each value, the likeliest value first."""
    best: dict[str, Choice] = {}
    for choice in sorted(choices, key=lambda choice: -choice.score):
        best.setdefault(str(plain_value(choice.value)), choice)
    return tuple(best.values())


def field_of(name: str, choices: Choices, least: float = 0.8) -> Field | None:
    """The first choice as a field, the next as its alternatives; None where too little speaks for it."""
    if not choices or choices[0].score <= least:
        return None
    first, *others = choices
    told = tuple(str(plain_value(other.value)) for other in others[:MAX_ALTERNATIVES])
    certainty = min(0.99, max(0.05, 0.3 + 0.2 * first.score))
    if first.spot is None:
        return Field(name, first.value, "", 0, None, round(certainty, 3), first.reason, source=first.source, alternatives=told)
    spot = first.spot
    sure = round(certainty * spot.confidence, 3)
    return Field(name, first.value, spot.raw, spot.sheet.page, spot.box, sure, first.reason, spot.words, first.source, told)
