"""A finding is something a person should know about a scan. It is data, never an exception."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding weighs: told, to be looked at, or held until a person decides."""

    INFO = "info"
    REVIEW = "review"
    BLOCKING = "blocking"


class Certainty(StrEnum):
    """How sure a finding is. Facts and strong traces act by themselves, at their level; indicators are for compliance alone."""

    FACT = "fact"
    """Read from the bytes or counted in the pixels."""
    STRONG = "strong"
    """A trace that nothing but the treatment is known to leave."""
    INDICATOR = "indicator"
    """Not as usual: told to compliance, never shown to the operator, never blocking."""


class Authority(StrEnum):
    """Who says so."""

    LAW = "law"
    DOCTRINE = "doctrine"
    STANDARD = "standard"
    HOUSE = "house policy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a file or a page, with what was measured and the limit it was held against."""

    code: str
    """A key of `capture.catalogue.CATALOGUE`, which holds its words, clause, authority and usual level."""
    level: Level
    clause: str | None
    """Clause of art. A102 B-2 LPF as numbered in the README, for example "I-4"."""
    authority: Authority
    page: int | None = None
    """From 1; None where the finding is about the whole file."""
    measured: str | None = None
    limit: str | None = None
