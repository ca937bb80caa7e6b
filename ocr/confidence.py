"""How sure a value is, as a colour: a measured promise, not a feeling."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from ocr.values import Field


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


NEEDED = ("invoice_number", "issue_date", "total_gross")
"""Without these, and one identity of the supplier, no document goes through untouched."""
IDENTITIES = ("supplier_vat_id", "supplier_siren", "supplier_siret")
WATCHED = (*NEEDED, *IDENTITIES, "due_date", "total_net", "total_tax", "iban")
"""What must be green where it is there. One that is missing is judged beside another: where it may stand on the page after all, the value
that was decided with it is not green (`ocr.sureness`)."""


def touchless(fields: Mapping[str, Field], thresholds: Thresholds = Thresholds()) -> bool:
    """Whether nobody need look: the needed values are there, and every watched one is green."""
    return not doubts({name: field.confidence for name, field in fields.items()}, thresholds)


def doubts(confidences: Mapping[str, float], thresholds: Thresholds = Thresholds()) -> tuple[str, ...]:
    """Names of values to be looked at, by the confidence of each that is there: watched ones that are not green, needed ones that are not
    there. Without any identity of the supplier, its SIREN stands for them."""
    needed = NEEDED if any(name in confidences for name in IDENTITIES) else (*NEEDED, "supplier_siren")
    missing = dict.fromkeys(needed, 0.0)
    return tuple(name for name in WATCHED if colour_of({**missing, **confidences}.get(name, inf), thresholds) is not Colour.GREEN)
