"""How far the evidence of a document goes: what its profile promises, the rungs that its facts reach, and what is lacking for the next.

Values in, values out: whoever asks has looked at the file, the ledger and the trusted lists before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class EvidenceProfile(StrEnum):
    """What is put on the files of one kind of document."""

    FISCAL_MIN = "fiscal-min"
    """Art. A102 B-2, III, 2° and 3°: PDF/A-3, fingerprint in the ledger, internal time; no seal."""
    FISCAL_SEAL = "fiscal-seal"
    """Art. A102 B-2, III, 1°: seal, timestamp and fingerprint."""
    COPIE_FIABLE = "copie-fiable"
    """Décret n° 2016-1673, art. 3: a qualified seal or timestamp, for which alone integrity is presumed."""


STRICTNESS = (EvidenceProfile.FISCAL_MIN, EvidenceProfile.FISCAL_SEAL, EvidenceProfile.COPIE_FIABLE)
"""Least first."""


def strictest_of(profiles: Iterable[EvidenceProfile]) -> EvidenceProfile:
    """The one that asks most, FISCAL_SEAL at least: what an unknown kind of document gets."""
    return max((EvidenceProfile.FISCAL_SEAL, *profiles), key=STRICTNESS.index)


class Rung(StrEnum):
    """One step of the gauge, lowest first."""

    FINGERPRINT = "fingerprint"
    PRACTICE = "practice"
    """A seal at all, be it one that proves nothing outside."""
    SEAL = "seal"
    """A seal of a certificate that was issued to the company."""
    TIMED = "timed"
    LTA = "lta"
    """PAdES B-LTA: what is needed to check it later lies inside, under a timestamp."""
    QUALIFIED = "qualified"
    """Seal, signature or timestamp qualified in the sense of eIDAS by a trusted list, when it was made."""
    WITNESSED = "witnessed"
    """Somebody outside holds a checkpoint of the ledger that covers it."""


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """What was found out about one document's newest file."""

    fingerprint: bool = False
    """Its SHA-256, or that of the original, stands in the ledger."""
    practice: bool = False
    """What seal and timestamps there are were made with practice keys."""
    level: str = ""
    """In words of ETSI EN 319 142-1: B-B, B-T, B-LT, B-LTA; empty without a seal."""
    qualified: bool = False
    witnessed: bool = False


@dataclass(frozen=True, slots=True)
class Gauge:
    """An honest answer to « how far does it go? »."""

    level: Rung | None
    """The last rung up to which none is lacking; None where not even a fingerprint is."""
    reached: tuple[Rung, ...]
    """Every rung whose own condition holds, lowest first; one above a gap is in here and not in `level`."""
    missing: tuple[Rung, ...]
    """The others, lowest first: the first of them is what is lacking for the next."""
    practice: bool = False

    @property
    def next(self) -> Rung | None:
        return next(iter(self.missing), None)


_TIMED = frozenset({"B-T", "B-LT", "B-LTA"})


def gauge(facts: EvidenceFacts) -> Gauge:
    """The rungs, by what is known and never by what is hoped for. A practice key reaches neither « seal » nor « qualified »."""
    level = facts.level.removeprefix("PAdES-")
    sealed = level.startswith("B-")
    holds = {
        Rung.FINGERPRINT: facts.fingerprint,
        Rung.PRACTICE: sealed,
        Rung.SEAL: sealed and not facts.practice,
        Rung.TIMED: level in _TIMED,
        Rung.LTA: level == "B-LTA",
        Rung.QUALIFIED: sealed and facts.qualified and not facts.practice,
        Rung.WITNESSED: facts.witnessed and facts.fingerprint,
    }
    missing = tuple(rung for rung in Rung if not holds[rung])
    unbroken = tuple(Rung)[: tuple(Rung).index(missing[0])] if missing else tuple(Rung)
    reached = tuple(rung for rung in Rung if holds[rung])
    return Gauge(unbroken[-1] if unbroken else None, reached, missing, facts.practice and sealed)
