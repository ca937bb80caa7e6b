"""How sure a value is, as a colour: a measured promise, not a feeling."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    if not all(name in fields for name in NEEDED) or not any(name in fields for name in IDENTITIES):
        return False
    return all(colour_of(fields[name].confidence, thresholds) is Colour.GREEN for name in WATCHED if name in fields)
