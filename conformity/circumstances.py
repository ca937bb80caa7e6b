"""What a finding weighs where more is known than the file shows: what was captured, and what was decided about its colours.

Judged from the file alone, a finding stands at the level of the catalogue. Here it is weighed, and can be weighed again when
a person corrects the nature of the source or revokes a decision: `weigh` of what was weighed before is `weigh` of the findings as made.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from capture.catalogue import CATALOGUE, finding
from capture.findings import Finding, Level
from conformity.policy import Policy


class Source(StrEnum):
    """Nature of what was captured: three legal objects, of which art. A102 B-2 LPF knows the first only."""

    PAPER = "paper"
    PRINT = "print"
    """A print of an electronic invoice: no original, so that its scan is no copie conforme."""
    ELECTRONIC = "electronic"
    """The file itself is the original and is kept as such (L. 102 B LPF)."""
    UNKNOWN = "unknown"
    """Nobody has said yet."""


COLOUR_CODES = frozenset({"grey-image", "bilevel-image", "palette-image", "grey-in-colour"})
"""Findings that a tolerance answers. Thresholding (`few-levels`) is a treatment and is not among them."""
ADDED_CODES = frozenset({"print-of-electronic", "source-unknown", "colour-tolerated"})
"""Findings that weighing adds."""
DRAWN_CODES = frozenset({"electronic-document", "mixed-page"})


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Why missing colours are accepted, and by what: a person's decision, or a policy of the house."""

    name: str
    """« tolérance n° 3 », « politique guichet, version 2 »."""
    reason: str


def acceptance_of(policy: Policy) -> Acceptance | None:
    """What the policy itself accepts."""
    return Acceptance(f"politique {policy.title}", policy.grey_reason) if policy.grey == "accept" else None


def weigh(findings: Iterable[Finding], source: Source, acceptance: Acceptance | None) -> tuple[Finding, ...]:
    """The findings as they count for one document."""
    made = [_as_made(found) for found in findings if found.code not in ADDED_CODES]
    return apply_tolerance(apply_source(made, source), acceptance)


def apply_source(findings: Iterable[Finding], source: Source) -> tuple[Finding, ...]:
    """A native file is no copy of a paper, so that no finding about its image holds it; a print of one can be no copy at all.

    Findings that say the file is broken, locked or unsafe keep their weight whatever the source.
    """
    told = tuple(findings)
    match source:
        case Source.PRINT:
            return (*told, finding("print-of-electronic"))
        case Source.UNKNOWN:
            return (*told, finding("source-unknown"))
        case Source.ELECTRONIC:
            return tuple(replace(found, level=Level.INFO, clause=None) if _about_image(found) else found for found in told)
        case Source.PAPER:
            return told


def apply_tolerance(findings: Iterable[Finding], acceptance: Acceptance | None) -> tuple[Finding, ...]:
    """Missing colours that are accepted are told and no longer hold; each names what accepted it, and one says what cannot be known.

    BOI-CF-COM-10-10-30-10, § 100 and 105: only where colours carry no meaning, and the taxpayer must be able to explain it.
    """
    told = tuple(findings)
    if acceptance is None or not any(_lacks_colour(found) for found in told):
        return told
    softened = [replace(found, level=Level.INFO, limit=acceptance.name) if _lacks_colour(found) else found for found in told]
    return (*softened, finding("colour-tolerated", measured=acceptance.reason, limit=acceptance.name))


def _lacks_colour(found: Finding) -> bool:
    """Of a copy of paper; a native file has no colours to lose."""
    return found.code in COLOUR_CODES and found.clause is not None


def _about_image(found: Finding) -> bool:
    return found.code in CATALOGUE and (CATALOGUE[found.code].image or found.code in DRAWN_CODES)


def _as_made(found: Finding) -> Finding:
    """A finding as it was before it was weighed: the clause that a native file took from it, the colour that a tolerance accepted."""
    if not _about_image(found):
        return found
    entry = CATALOGUE[found.code]
    if found.code in COLOUR_CODES:
        return replace(found, level=entry.level, clause=entry.clause, limit=None)
    if found.level is Level.INFO and found.clause is None:
        return replace(found, level=entry.level, clause=entry.clause)
    return found
