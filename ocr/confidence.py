"""How sure a value is, as a colour: a measured promise, not a feeling."""

from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """Shown with a symbol and a word, never alone."""

    GREEN = "green"
    """Sure: at most 0.5 % of such values were wrong where they were measured."""
    ORANGE = "orange"
    """To be looked at."""
    RED = "red"
    """Doubtful."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which confidence on a value has its colour. House policy: green is the promise, orange a value more often right than not."""

    green: float = 0.995
    """Confidence, 0…1. Above 1 nothing is green."""
    orange: float = 0.80


def colour_of(confidence: float, thresholds: Thresholds = Thresholds()) -> Colour:
    """A confidence that is no number is doubtful."""
    if confidence >= thresholds.green:
        return Colour.GREEN
    return Colour.ORANGE if confidence >= thresholds.orange else Colour.RED
