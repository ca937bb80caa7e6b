"""What may become of the paper after scanning: when its lot leaves quarantine, and which papers stay whatever the lot gave.

Nothing is destroyed by itself: the answer is a list that two people sign, or the reason why there is none. Art. 1379, al. 3 of the Code
civil lets a judge ask for an original that exists; papers named here are kept for that, or because a text forbids their loss.
"""

from dataclasses import dataclass
from datetime import date, timedelta

PAPER_SURVIVES: dict[str, str] = {
    "contract": "original signé : contrat, garantie ou acte",
    "cheque": "instrument bancaire",
}
"""Kinds whose paper is never destroyed after scanning, and what they are. Deeds, cash receipts, customs documents: a person says so."""


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """What the answer rests on, of one document of a lot."""

    kind: str
    sealed: bool
    """It stands sealed, neither set aside nor replaced nor erased."""
    same_file: bool
    """Its newest sealed file says of its pages what the file that was in the lot said: nobody corrected it since."""
    conform: bool
    paper_stays: bool
    """A person let it go on although it does not conform, or the original is electronic."""
    held: bool
    """A legal hold covers it."""
    dossier: bool
    """It was sealed under an organisation dossier, of this station or named by the company."""
    signature_missing: bool
    """A102 B-1 asks for a signature on its copy, and there is none."""
    listed: bool
    """It stands on another slip."""


REASONS: dict[str, tuple[str, str]] = {
    "listed": ("déjà sur un autre bordereau", "on another slip already"),
    "state": ("plus scellé en l'état", "no longer sealed as it stands"),
    "hold": ("conservation imposée (contrôle, litige)", "legal hold (audit, dispute)"),
    "kind": ("le papier doit survivre (original signé, instrument bancaire)", "the paper must survive (signed original, bank instrument)"),
    "paper-stays": ("le papier reste l'original", "the paper remains the original"),
    "verdict": ("la copie n'est pas conforme sur tous les points", "the copy does not conform on all points"),
    "corrected": ("corrigé depuis le contrôle du lot", "corrected since the lot was sampled"),
    "dossier": ("scellé sans dossier d'organisation (A102 B-2, II)", "sealed without an organisation dossier (A102 B-2, II)"),
    "signature": ("signature d'un responsable attendue (A102 B-1)", "an officer's signature is missing (A102 B-1)"),
}
"""Why a paper stays, weightiest first: French, English."""


def why_kept(facts: PaperFacts) -> str | None:
    """Code of the first reason why this paper stays; None where a slip may name it."""
    found = {
        "listed": facts.listed,
        "state": not facts.sealed,
        "hold": facts.held,
        "kind": facts.kind in PAPER_SURVIVES,
        "paper-stays": facts.paper_stays,
        "verdict": not facts.conform,
        "corrected": not facts.same_file,
        "dossier": not facts.dossier,
        "signature": facts.signature_missing,
    }
    return next((code for code in REASONS if found[code]), None)


def quarantine_end(passed: date, days: int) -> date:
    """First day on which a slip may be prepared for a lot that passed."""
    return passed + timedelta(days=days)
