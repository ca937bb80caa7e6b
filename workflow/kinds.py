"""What kind of document it is, and what follows from it: which text its copy must satisfy, which way it goes, how long it must be kept.

Tables to be read aloud; each duty names its text and the day from which it holds. A kind decides nothing by itself: a person chooses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sealing.evidence import EvidenceProfile, strictest_of


class Profile(StrEnum):
    """Which text the copy is made for."""

    FISCAL_SEAL = "fiscal-seal"
    """Invoices: art. A102 B-2 LPF; a seal and a fingerprint, each operation dated."""
    AUDIT_TRAIL = "audit-trail"
    """Other papers of the audit trail: art. A102 B-1 LPF names a signature: an officer's is offered, a fingerprint alone refused."""
    HOUSE = "house"
    """No tax text asks for it; sealed all the same."""


class Way(StrEnum):
    """The desk that a document goes to."""

    ACCOUNTS_PAYABLE = "accounts-payable"
    ARCHIVE = "archive"
    TREASURY = "treasury"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A document as a clerk would call it."""

    code: str
    french: str
    english: str
    profile: Profile
    way: Way


KINDS: tuple[DocumentKind, ...] = (
    DocumentKind("invoice", "facture", "invoice", Profile.FISCAL_SEAL, Way.ACCOUNTS_PAYABLE),
    DocumentKind("credit-note", "avoir", "credit note", Profile.FISCAL_SEAL, Way.ACCOUNTS_PAYABLE),
    DocumentKind("order", "commande", "order", Profile.AUDIT_TRAIL, Way.ARCHIVE),
    DocumentKind("delivery", "bon de livraison", "delivery note", Profile.AUDIT_TRAIL, Way.ARCHIVE),
    DocumentKind("contract", "contrat", "contract", Profile.AUDIT_TRAIL, Way.ARCHIVE),
    DocumentKind("cheque", "chèque", "cheque", Profile.HOUSE, Way.TREASURY),
    DocumentKind("letter", "courrier", "letter", Profile.HOUSE, Way.MAIL),
    DocumentKind("other", "autre", "other", Profile.HOUSE, Way.MAIL),
)
"""What a person may say that a document is."""
MADE: tuple[DocumentKind, ...] = (DocumentKind("passport", "passeport de scanner", "scanner passport", Profile.AUDIT_TRAIL, Way.ARCHIVE),)
"""What the station itself makes documents of: A102 B-1 covers the documentation of the controls, too."""
CHOSEN = frozenset(kind.code for kind in KINDS)
INVOICES = frozenset({"invoice", "credit-note"})


@dataclass(frozen=True, slots=True)
class Signed:
    """What a profile asks to be put on the file, and what this version puts there."""

    asked: str
    given: str
    fingerprint_suffices: bool
    asked_english: str
    given_english: str


SIGNED: dict[Profile, Signed] = {
    Profile.FISCAL_SEAL: Signed(
        "cachet serveur, empreinte, signature ou dispositif équivalent (art. A102 B-2, III)",
        "cachet et empreinte ; empreinte seule si la maison l'a choisi",
        True,
        "server seal, fingerprint, signature or an equivalent (art. A102 B-2, III)",
        "seal and fingerprint; fingerprint alone where the house chose so",
    ),
    Profile.AUDIT_TRAIL: Signed(
        "signature électronique, RGS une étoile au moins (art. A102 B-1) ; une empreinte seule ne suffit pas",
        "cachet et empreinte, puis la signature d'un responsable (page « À signer »)",
        False,
        "electronic signature, RGS one star at least (art. A102 B-1); a fingerprint alone does not suffice",
        "seal and fingerprint, then an officer's signature (page “To sign”)",
    ),
    Profile.HOUSE: Signed(
        "aucun texte fiscal ne le demande",
        "cachet et empreinte ; empreinte seule si la maison l'a choisi",
        True,
        "no tax text asks for anything",
        "seal and fingerprint; fingerprint alone where the house chose so",
    ),
}
"""A seal of practice keys says of itself that it proves nothing; what a signature is worth hangs on its certificate."""


def needs_signature(code: str) -> bool:
    """Whether A102 B-1 asks for a signature on copies of this kind."""
    return not SIGNED[kind_of(code).profile].fingerprint_suffices


def refused_profiles(chosen: Mapping[str, EvidenceProfile]) -> tuple[str, ...]:
    """Kinds for which a fingerprint alone was chosen although their text asks for more (A102 B-1), sorted."""
    return tuple(sorted(code for code, profile in chosen.items() if profile is EvidenceProfile.FISCAL_MIN and needs_signature(code)))


def evidence_profile(code: str, chosen: Mapping[str, EvidenceProfile]) -> EvidenceProfile:
    """What is put on a file of this kind, by the house's choice; a kind that nobody knows gets the strictest that any kind has."""
    if code not in _BY_CODE:
        return strictest_of(chosen.values())
    return chosen.get(code, EvidenceProfile.FISCAL_SEAL)


@dataclass(frozen=True, slots=True)
class Duty:
    """How long certain kinds must be kept, by which text."""

    kinds: frozenset[str]
    years: int
    starts: str
    """From when the years run."""
    authority: str
    since: date
    """First day of the wording that was read; asked with the day on which something is to be erased, never with a document's own date."""


_SUPPORTING = INVOICES | {"order", "cheque"}
_TRAIL = frozenset({"order", "delivery", "contract", "passport"})
DUTIES: tuple[Duty, ...] = (
    Duty(_SUPPORTING, 10, "clôture de l'exercice", "art. L. 123-22 C. com.", date(2000, 9, 21)),
    Duty(INVOICES, 6, "dernière opération, ou date du document", "art. L. 102 B LPF", date(2026, 9, 1)),
    Duty(_TRAIL, 6, "dernière opération, ou date du document", "art. L. 102 B, I bis LPF", date(2026, 9, 1)),
)
"""Accounting papers ten years, papers open to audit six; letters and the rest have no such duty, and any of them may have another reason to
stay (a dispute, a legal hold), which is for a person to know."""

_BY_CODE = {kind.code: kind for kind in (*KINDS, *MADE)}
_OTHER_NAMES = {
    "livraison": "delivery",
    "delivery": "delivery",
    "lettre": "letter",
    "mail": "letter",
    "cheque": "cheque",
    "check": "cheque",
}


def kind_of(code: str) -> DocumentKind:
    """The kind of this code; one that a newer version wrote is `other`, which claims least."""
    return _BY_CODE.get(code, _BY_CODE["other"])


def kind_named(text: str) -> str | None:
    """Code of the kind that a slip or a person names, in French or English; None where nobody knows it."""
    wanted = text.strip().lower()
    named = next((kind.code for kind in (*KINDS, *MADE) if wanted in (kind.code, kind.french, kind.english)), None)
    return named or _OTHER_NAMES.get(wanted)


def duties_on(code: str, day: date) -> tuple[Duty, ...]:
    """Duties to keep a document of this kind, as the table stood on a day; the longest first. An unknown kind is kept as an invoice is."""
    asked = code if code in _BY_CODE else "invoice"
    found = (duty for duty in DUTIES if asked in duty.kinds and duty.since <= day)
    return tuple(sorted(found, key=lambda duty: -duty.years))


def longest_duty(code: str, day: date) -> Duty | None:
    """The duty that ends last; None where the kind may be erased when nobody needs it any more."""
    return next(iter(duties_on(code, day)), None)
