"""What a scanner's pages usually look like, learned from its own accepted pages, and what on a new page is not like them.

A signature is a handful of numbers per page; a baseline is the middle and the spread of each over a scanner's pages. Whatever lies far
outside is an *indicator*: told to compliance, never shown to the operator, never blocking. A baseline that has not learned enough
pages yet only says what no scanner is expected to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from capture.findings import Finding
from capture.raster import Raster

LEAST_PAGES = 20
"""Accepted pages of one scanner before its baseline speaks: fewer do not tell the spread of papers and layouts."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What one page's pixels show, each a plain number; None where the page has too little plain paper to tell."""

    noise: float | None = None
    """Grey levels: standard deviation between neighbours on plain paper."""

    def as_json(self) -> dict[str, float | None]:
        """By name, rounded to six digits."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: None if value is None else round(value, 6) for name, value in values.items()}

    @classmethod
    def from_json(cls, told: Mapping[str, float | None]) -> "Signature":
        """Names that this version does not know are passed over, so that signatures noted by another version still load."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in told.items() if name in known})


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of one measure over a scanner's pages, and its spread (1.4826 times the median absolute deviation)."""

    middle: float
    spread: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """One scanner's usual pages. `Baseline()` has learned nothing."""

    pages: int = 0
    usual: Mapping[str, Usual] | None = None

    @property
    def learned(self) -> bool:
        return self.pages >= LEAST_PAGES

    def as_json(self) -> dict[str, object]:
        usual = {name: [each.middle, each.spread] for name, each in sorted((self.usual or {}).items())}
        return {"pages": self.pages, "usual": usual}

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> "Baseline":
        """Raises KeyError, TypeError or ValueError where `told` is not what `as_json` wrote."""
        raise NotImplementedError


def measure(raster: Raster) -> Signature | None:
    """The page's signature; None for what is not 8-bit grey or colour, or is smaller than 256 pixels a side."""
    return None


def learn(signatures: Iterable[Signature]) -> Baseline:
    """A baseline from the signatures of a scanner's accepted pages, in any order; all of them, or the last few hundred."""
    return Baseline()


def indicators(signature: Signature, baseline: Baseline, page: int | None = None) -> tuple[Finding, ...]:
    """What is not as this scanner's pages usually are; every finding's certainty is INDICATOR and its level INFO."""
    return ()
