"""Is every page there, once, and in its document? Cues for a person, from counts, printed page numbers, totals and likeness.

A cue holds nothing: each is for review, with what was measured and what was expected (art. A102 B-2 LPF, clause I-1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from capture.findings import Finding
from ocr.text import PageText


@dataclass(frozen=True, slots=True)
class PageFact:
    """What is known of one scanned side."""

    number: int
    """Of the page in its batch or document, from 1; findings name the page by it."""
    width_mm: float
    height_mm: float
    raster: str
    """Hash of the canonical raster."""
    phash: int | None = None
    """As `capture.likeness.perceptual_hash` says; None where it was not taken."""
    blank: bool = False
    text: PageText | None = None
    """None where the page was not read."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a person or a slip said of a batch."""

    sheets: int | None = None
    """Sheets of paper counted; None where nobody counted. Slips and separators are not among them."""
    duplex: bool | None = None
    """Both sides scanned; None where nobody said, and then either fits."""


def check_batch(pages: Sequence[PageFact], count: Count) -> tuple[Finding, ...]:
    """Cues about a batch: counted sheets, repeated and alike pages, odd lengths, shifted blank sides. Without the sheets set apart."""
    raise NotImplementedError


def check_document(pages: Sequence[PageFact]) -> tuple[Finding, ...]:
    """Cues about one document: printed page numbers, amounts carried forward, invoice numbers. `pages` in their order."""
    raise NotImplementedError
