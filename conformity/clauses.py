"""What each clause of art. A102 B-2 LPF asks, and what can honestly be said of one document: one row per clause, with measure and remedy.

The texts are dated data. A machine judges clause I and the file; clause II asks for an organisation, whose rows name what covers them;
what is true only of a sealed file is said to come, until there is one. Resolution is in no clause: it has a row of the house.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from capture.catalogue import CATALOGUE, OF_INVOICES, english_name, message
from capture.findings import Authority, Finding, Level
from capture.scan import Model, Page
from conformity.circumstances import COLOUR_CODES, Source
from conformity.policy import Policy


class Outcome(StrEnum):
    """What is said of a clause; the words are those of the records and of the pages."""

    CONFORM = "conforme"
    REVIEW = "à vérifier"
    AGAINST = "non conforme"
    ORGANISATION = "organisation"
    """Covered by a document or a control of the company, which the row names; no machine can judge it."""
    LATER = "après scellement"
    """True of the sealed file only, and there is none yet."""
    APART = "sans objet"
    """The original is an electronic file: the article is about copies of paper."""


@dataclass(frozen=True, slots=True)
class Said:
    """The same in both languages."""

    fr: str
    en: str

    def then(self, other: "Said") -> "Said":
        return Said(f"{self.fr} ; {other.fr}", f"{self.en}; {other.en}")


@dataclass(frozen=True, slots=True)
class LegalText:
    """One wording of the article, as long as it was in force."""

    article: str
    source: str
    in_force: date
    until: date | None
    """First day on which it no longer was; None while it is."""
    quotations: Mapping[str, str]
    """Clause → its words; « … » where words are left out."""


TEXTS: tuple[LegalText, ...] = (
    LegalText(
        "Art. A. 102 B-2 LPF",
        "arrêté du 22 mars 2017, NOR ECFE1705189A, JORFTEXT000034307622",
        date(2017, 3, 31),
        None,
        {
            "I-1": "des conditions garantissant leur reproduction à l’identique. Le résultat de cette numérisation est la copie conforme "
            "à l’original en image et en contenu.",
            "I-2": "Les couleurs sont reproduites à l’identique en cas de mise en place d’un code couleur.",
            "I-3": "Les dispositifs de traitements sur l’image sont interdits.",
            "I-4": "En cas de recours à la compression de fichier, cette dernière doit s’opérer sans perte.",
            "II-1": "L’archivage numérique peut être effectué par l’assujetti ou par un tiers mandaté à cet effet.",
            "II-2": "Les opérations d’archivage numérique … sont définies selon une organisation documentée",
            "II-3": "faisant l’objet de contrôles internes",
            "II-4": "permettant d’assurer la disponibilité … durant toute la durée de conservation",
            "II-5": "permettant d’assurer … la lisibilité … durant toute la durée de conservation",
            "II-6": "permettant d’assurer … l’intégrité des factures ainsi numérisées durant toute la durée de conservation",
            "III-1": "conservé sous format PDF (Portable Document Format) ou sous format PDF A/3 (ISO 19005-3)",
            "III-2": "assorti : 1° D’un cachet serveur … ; 2° D’une empreinte numérique ; 3° D’une signature électronique … ; "
            "4° Ou de tout dispositif sécurisé équivalent …",
            "III-3": "Chaque fichier est horodaté, au moins au moyen d’une source d’horodatage interne, afin de dater les différentes "
            "opérations réalisées.",
        },
    ),
)
CLAUSES: tuple[str, ...] = tuple(TEXTS[-1].quotations)
OF_PIXELS = frozenset({"I-2", "I-3", "I-4"})
"""What only the decoded pixels of every page can show."""
OF_PAGES = OF_PIXELS | {"II-1"}
"""What nothing can be said of where there is no page at all."""
HOUSE_ROW = "politique"
"""What stands where a clause would in the row of the house policy."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """What the company says of its organisation; an empty word is nothing said."""

    dossier: str = ""
    dossier_version: str = ""
    dossier_date: str = ""
    """ISO."""
    control_plan: str = ""
    control_months: int = 0
    third_party: str = ""
    mandate: str = ""
    retention_years: int = 6
    storage: str = ""
    sealed_dossier: str = ""
    """SHA-256 of the sealed dossier in force, whose version and date are those above; empty: none was made here."""
    control_done: str = ""
    """Day (ISO) of the newest control of the plan that the sealed dossier holds; empty: none yet."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A batch as counted on paper, and as it was scanned."""

    sheets: int
    pages: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was proved of the sealed file when it was read back."""

    level: str
    """In words of ETSI EN 319 142-1: B-LTA…"""
    practice: bool
    failed: tuple[str, ...]
    """Names of the checks of `sceau verify` that failed; empty: all held."""
    operations: int
    """Dated entries of the ledger about this document."""
    officer: str = ""
    """Of a copy that a named officer signed: signed, practice, or qualified; empty where nobody did."""


@dataclass(frozen=True, slots=True)
class ClauseFacts:
    """Everything that the rows rest on, beside the findings."""

    pages: tuple[Page, ...]
    decoded: int
    """Pages whose pixels were decoded in full and hashed."""
    policy: Policy
    day: date
    """Day on which the document came in: which wording of the article, which version of the policy."""
    organisation: Organisation = Organisation()
    document_type: str = "invoice"
    source: Source = Source.PAPER
    counted: Counted | None = None
    tolerance: str | None = None
    """What accepted missing colours: « tolérance n° 3 »."""
    passport: str | None = None
    """Reference and date of the newest passport of the scanner when the document came in."""
    passport_failed: bool = False
    """That passport found a treatment, a loss or a wrong resolution."""
    mandate: str = ""
    """The recorded mandate under which a third party archives, in words; empty where none is in force."""
    sealing: bool = False
    """Judged for the inside of a sealed file that is about to be written, and kept only if it proves to be PDF/A-3."""
    sealed: Sealed | None = None


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """What is said of one clause."""

    clause: str
    """I-1 … III-3, or `HOUSE_ROW`."""
    quotation: str
    """Words of the article, in French."""
    outcome: Outcome
    measured: Said
    limit: Said
    authority: Authority
    remedy: Said | None = None
    """What to change, on the device where it is the device."""
    covered_by: Said | None = None
    """The document or control of the company that answers for it."""
    findings: tuple[str, ...] = ()
    """Codes of the findings that touch it, weightiest first."""


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: Outcome
    measured: Said
    limit: Said
    remedy: Said | None = None
    covered_by: Said | None = None
    authority: Authority = Authority.LAW


_Judge: TypeAlias = Callable[[ClauseFacts], _Answer]
CODECS: dict[str, Said] = {
    "none": Said("sans compression", "uncompressed"),
    "lzw": Said("LZW", "LZW"),
    "deflate": Said("Deflate", "Deflate"),
    "packbits": Said("PackBits", "PackBits"),
    "zstd": Said("ZSTD", "ZSTD"),
    "lzma": Said("LZMA", "LZMA"),
    "png": Said("PNG", "PNG"),
    "flate": Said("Flate", "Flate"),
    "rle": Said("RunLength", "RunLength"),
    "ccitt_g3": Said("CCITT G3", "CCITT G3"),
    "ccitt_g4": Said("CCITT G4", "CCITT G4"),
    "jpeg": Said("JPEG", "JPEG"),
    "dct": Said("JPEG", "JPEG"),
    "jpeg_lossless": Said("JPEG sans perte", "lossless JPEG"),
    "jpeg2000_5_3": Said("JPEG 2000 réversible (5-3)", "reversible JPEG 2000 (5-3)"),
    "jpx_5_3": Said("JPEG 2000 réversible (5-3)", "reversible JPEG 2000 (5-3)"),
    "jpeg2000_9_7": Said("JPEG 2000 (9-7)", "JPEG 2000 (9-7)"),
    "jpx_9_7": Said("JPEG 2000 (9-7)", "JPEG 2000 (9-7)"),
    "jbig2_generic": Said("JBIG2 générique", "generic JBIG2"),
    "jbig2_symbols": Said("JBIG2 par symboles", "JBIG2 with symbols"),
    "vector": Said("page dessinée", "drawn page"),
}
MODELS: dict[Model, Said] = {
    Model.RGB: Said("couleur", "colour"),
    Model.GRAY: Said("gris", "grey"),
    Model.BILEVEL: Said("noir et blanc", "black and white"),
    Model.PALETTE: Said("palette", "palette"),
    Model.CMYK: Said("CMJN", "CMYK"),
    Model.OTHER: Said("autre codage", "another coding"),
}
AUDIT_TRAIL = frozenset({"order", "delivery", "contract"})
"""Documents of the audit trail, under art. A. 102 B-1 LPF, which asks for a signature of level RGS*."""
NOT_OF_IMAGES = frozenset({"reading-failed", "reading-over-budget", "duplicate", "disk-full", "work-stopped"}) | {
    "signature-broken",
    "signature-unverifiable",
    *OF_INVOICES,
}
"""Troubles of the station's own, signatures that came with the file, and what an invoice lacks, which say nothing of the copy."""


TALLIED_CODES = COLOUR_CODES | {"colour-tolerated", "lossy-compression", "symbol-compression", "unproven-compression"}


def text_on(day: date) -> LegalText:
    """The wording in force on a day; the first one for earlier days (BOFiP lets it apply to older papers)."""
    return next((text for text in reversed(TEXTS) if text.in_force <= day), TEXTS[0])


def judge_clauses(findings: Iterable[Finding], facts: ClauseFacts) -> tuple[ClauseRow, ...]:
    """One row for each clause, in the article's order: what was measured, even where all is well, and what the findings make of it."""
    found = tuple(findings)
    apart = is_electronic(found, facts)
    quotations = text_on(facts.day).quotations
    return tuple(_row(clause, quotations[clause], _examined(clause, judge(facts), facts), found, apart) for clause, judge in JUDGES.items())


def judge_policy(findings: Iterable[Finding], facts: ClauseFacts) -> ClauseRow:
    """The row of the house: resolution and whatever else only the installation's own policy asks; the article names no figure."""
    found = tuple(findings)
    own = _weightiest(each for each in found if each.authority is Authority.HOUSE and each.code not in NOT_OF_IMAGES)
    worst = own[0].level if own else Level.INFO
    outcome = {Level.BLOCKING: Outcome.AGAINST, Level.REVIEW: Outcome.REVIEW, Level.INFO: Outcome.CONFORM}[worst]
    measured = _tally((_resolution(page) for page in facts.pages), facts.pages)
    limits = facts.policy.limits
    floor = f"{limits.min_dpi:g}", f"{limits.dpi_tolerance * 100:g}"
    limit = Said(
        f"{_comma(floor[0])} ppp − {_comma(floor[1])} % : votre politique {facts.policy.title} ; l’arrêté ne donne aucun chiffre",
        f"{floor[0]} dpi − {floor[1]}%: your policy {facts.policy.title}; the arrêté names no figure",
    )
    remedy = _remedy(own[0]) if own and worst is not Level.INFO else None
    silent = next((each for each in found if each.code in ("resolution-unwritten", "resolution-inferred")), None)
    if silent and outcome is Outcome.CONFORM:  # What was not measured is not said to conform.
        outcome, remedy = Outcome.REVIEW, _remedy(silent)
    if not facts.pages and outcome is Outcome.CONFORM:
        outcome = Outcome.REVIEW
    if is_electronic(found, facts):
        outcome, remedy = Outcome.APART, None
    codes = tuple(dict.fromkeys(each.code for each in own))
    return ClauseRow(HOUSE_ROW, "", outcome, measured, limit, Authority.HOUSE, remedy, None, codes)


def is_electronic(findings: Iterable[Finding], facts: ClauseFacts) -> bool:
    """Whether the original is a file and no paper."""
    return facts.source is Source.ELECTRONIC or any(found.code == "electronic-document" for found in findings)


def worst_of(rows: Iterable[ClauseRow]) -> Outcome:
    """The heaviest outcome among rows, for a heading."""
    return max((row.outcome for row in rows), key=_WEIGHTS.index, default=Outcome.CONFORM)


def row_json(row: ClauseRow) -> dict[str, Any]:
    """A row as JSON: what is said in {"fr", "en"}, or null."""
    return asdict(row)


# --- clause I: the image ---


def _whole(facts: ClauseFacts) -> _Answer:
    count = len(facts.pages)
    measured = Said(
        f"{_pages_fr(count)}, {facts.decoded} décodée{'s' if facts.decoded > 1 else ''} en entier",
        f"{_pages_en(count)}, {facts.decoded} decoded in full",
    )
    outcome, remedy = Outcome.CONFORM, None
    if facts.counted is not None:
        counted = facts.counted
        measured = measured.then(
            Said(
                f"lot : {_pages_fr(counted.pages)} pour {_sheets_fr(counted.sheets)}",
                f"batch: {_pages_en(counted.pages)} for {_sheets_en(counted.sheets)} counted",
            )
        )
        if counted.pages < counted.sheets:
            outcome = Outcome.REVIEW
            remedy = Said(
                "Il manque une feuille au lot : comptez le papier, renumérisez ce qui manque.",
                "A sheet of the batch is missing: count the paper and scan what is missing.",
            )
    if count == 0:
        outcome, measured = Outcome.AGAINST, Said("aucune page ne peut être montrée", "no page can be shown")
    elif facts.decoded < count and outcome is Outcome.CONFORM:
        outcome = Outcome.REVIEW
    if facts.sealed is not None:
        measured = measured.then(_compared(facts.sealed))
    return _Answer(
        outcome, measured, Said("chaque face du papier, en entier, sans ajout", "every side of the paper, whole, nothing added"), remedy
    )


def _examined(clause: str, answer: _Answer, facts: ClauseFacts) -> _Answer:
    """The answer as far as something was there to be looked at: of pages that nobody could open nothing is said to conform."""
    count, unseen = len(facts.pages), len(facts.pages) - facts.decoded
    if answer.outcome is not Outcome.CONFORM or not ((clause in OF_PIXELS and unseen) or (clause in OF_PAGES and not count)):
        return answer
    if not count:
        return replace(answer, outcome=Outcome.REVIEW, measured=Said("rien n’a pu être examiné", "nothing could be examined"))
    told = Said(
        f"{_pages_fr(unseen)} sur {count} non décodée{'s' if unseen > 1 else ''} : rien n’a pu y être examiné",
        f"{unseen} of {_pages_en(count)} not decoded: nothing could be examined there",
    )
    return replace(answer, outcome=Outcome.REVIEW, measured=answer.measured.then(told))


def _compared(sealed: Sealed) -> Said:
    if "pixels" in sealed.failed:
        return Said("l’archive relue n’est pas identique au scan", "the archive read back is not identical to the scan")
    return Said("archive relue : identique à ce qui est arrivé", "archive read back: identical to what came in")


def _colours(facts: ClauseFacts) -> _Answer:
    measured = _tally((_colour(page) for page in facts.pages), facts.pages)
    covered = None
    if facts.tolerance is not None:
        measured = measured.then(
            Said(
                f"conforme par tolérance ({facts.tolerance}) ; une couleur qui aurait eu un sens ne peut plus se voir",
                f"accepted by tolerance ({english_name(facts.tolerance)}); a colour that would have had a meaning can no longer be seen",
            )
        )
        covered = Said(
            f"{facts.tolerance} : BOI-CF-COM-10-10-30-10, § 100 et 105, à expliquer à l’administration",
            f"{english_name(facts.tolerance)}: BOI-CF-COM-10-10-30-10, § 100 and 105, to be explained to the administration",
        )
    limit = Said("couleur 24 bits, sauf tolérance décidée", "24-bit colour, unless a tolerance was decided")
    return _Answer(Outcome.CONFORM, measured, limit, None, covered, Authority.DOCTRINE)


def _untreated(facts: ClauseFacts) -> _Answer:
    """No trace is no proof: what the device is set to remains the company's to attest."""
    covered = _joined(
        facts.passport and Said(f"passeport du scanner {facts.passport}", f"scanner passport {english_name(facts.passport)}"),
        _dossier(facts.organisation),
    )
    looked = Said("traces de traitement cherchées dans les pixels", "traces of treatment looked for in the pixels")
    if facts.passport_failed:
        looked = looked.then(Said("le passeport du scanner a relevé un défaut", "the scanner’s passport found a fault"))
    remedy = Said(
        "Corrigez l’appareil comme le passeport le dit, puis refaites-le.", "Mend the device as the passport says, then make it again."
    )
    return _Answer(
        Outcome.REVIEW if facts.passport_failed else Outcome.CONFORM,
        looked,
        Said(
            "aucun traitement ; l’absence de trace ne prouve pas les réglages de l’appareil, qui restent à attester",
            "no treatment; no trace is no proof of the device’s settings, which remain to be attested",
        ),
        remedy if facts.passport_failed else None,
        covered,
    )


def _lossless(facts: ClauseFacts) -> _Answer:
    return _Answer(
        Outcome.CONFORM,
        _tally((_codec(page) for page in facts.pages), facts.pages),
        Said("sans perte, lu dans les octets", "without loss, read from the bytes"),
    )


# --- clause II: the organisation ---


def _archivist(facts: ClauseFacts) -> _Answer:
    own = facts.organisation
    limit = Said("l’entreprise, ou un tiers mandaté", "the company, or a mandated third party")
    if not own.third_party:
        return _Answer(Outcome.CONFORM, Said("archivé par l’entreprise elle-même", "archived by the company itself"), limit)
    measured = Said(f"archivé par {own.third_party}", f"archived by {own.third_party}")
    named = Said(f"référence du mandat : {own.mandate}", f"reference of the mandate: {own.mandate}") if own.mandate else None
    if facts.mandate:
        kept = Said(f"mandat {facts.mandate}, enregistré", f"mandate {facts.mandate}, recorded")
        return _Answer(Outcome.ORGANISATION, measured, limit, None, kept.then(named) if named else kept)
    remedy = Said("Enregistrez le mandat signé (page « Mandats »).", "Record the signed mandate (page “Mandates”).")
    lacking = Said("aucun mandat enregistré", "no mandate recorded")
    return _Answer(Outcome.REVIEW if named else Outcome.AGAINST, measured.then(lacking), limit, remedy, named)


def _documented(facts: ClauseFacts) -> _Answer:
    limit = Said("une organisation écrite et datée", "a written, dated organisation")
    covered = _dossier(facts.organisation)
    if covered is None:
        return _Answer(
            Outcome.AGAINST,
            Said("aucune organisation documentée n’est indiquée", "no documented organisation is named"),
            limit,
            Said(
                "Préparez le dossier d’organisation et faites-le contresigner (page « Organisation »), ou indiquez le vôtre : "
                "[organisation] dans sceau.toml.",
                "Prepare the organisation dossier and have it countersigned (page “Organisation”), or name your own: [organisation] in "
                "sceau.toml.",
            ),
        )
    told = Said("indiquée par l’entreprise", "named by the company")
    if facts.organisation.sealed_dossier:
        told = Said("établie par ce poste, contresignée et scellée", "made by this station, countersigned and sealed")
    return _Answer(Outcome.ORGANISATION, told, limit, None, covered)


def _controlled(facts: ClauseFacts) -> _Answer:
    own = facts.organisation
    limit = Said("des contrôles internes, et leurs résultats", "internal controls, and their results")
    plan = None
    if own.control_plan:
        every = (
            Said(f", tous les {own.control_months} mois", f", every {own.control_months} months") if own.control_months else Said("", "")
        )
        plan = Said(f"plan de contrôle {own.control_plan}{every.fr}", f"control plan {own.control_plan}{every.en}")
    done = None
    if own.sealed_dossier:
        plan = plan or Said(
            f"plan de contrôle du dossier, version {own.dossier_version}", f"plan of the dossier, version {own.dossier_version}"
        )
        done = own.control_done and Said(f"dernier contrôle : {own.control_done}", f"newest control: {own.control_done}")
    covered = _joined(
        plan, done, facts.passport and Said(f"passeport du scanner {facts.passport}", f"scanner passport {english_name(facts.passport)}")
    )
    automatic = Said("chaque document contrôlé à l’arrivée", "every document judged as it comes in")
    if plan is None:
        return _Answer(
            Outcome.REVIEW,
            automatic.then(Said("aucun plan de contrôles internes n’est indiqué", "no plan of internal controls is named")),
            limit,
            Said(
                "Indiquez le plan : organisation.control_plan dans sceau.toml.", "Name the plan: organisation.control_plan in sceau.toml."
            ),
            covered,
        )
    if own.sealed_dossier and not own.control_done:
        return _Answer(
            Outcome.REVIEW,
            automatic.then(Said("aucun contrôle du plan n’a encore été fait", "no control of the plan has been carried out yet")),
            limit,
            Said("Faites les contrôles du plan : page « Contrôles ».", "Carry out the controls of the plan: page “Controls”."),
            covered,
        )
    return _Answer(Outcome.ORGANISATION, automatic, limit, None, covered)


def _available(facts: ClauseFacts) -> _Answer:
    own = facts.organisation
    limit = Said(f"{own.retention_years} ans (L. 102 B LPF : six)", f"{own.retention_years} years (L. 102 B LPF: six)")
    if not own.storage:
        return _Answer(
            Outcome.REVIEW,
            Said("le lieu de conservation n’est pas indiqué", "where the archive is kept is not named"),
            limit,
            Said("Indiquez le lieu : organisation.storage dans sceau.toml.", "Name the place: organisation.storage in sceau.toml."),
        )
    measured = Said(f"archive : {own.storage}", f"archive: {own.storage}")
    return _Answer(Outcome.ORGANISATION, measured, limit, None, _dossier(own))


def _readable(facts: ClauseFacts) -> _Answer:
    count = len(facts.pages)
    measured = Said(f"pages montrées en entier : {facts.decoded} sur {count}", f"pages shown in full: {facts.decoded} of {count}")
    if facts.sealed is not None:
        measured = measured.then(Said("relu depuis le fichier scellé", "read back from the sealed file"))
    limit = Said("chaque page s’ouvre", "every page opens")
    return _Answer(Outcome.CONFORM if count and facts.decoded == count else Outcome.REVIEW, measured, limit)


def _intact(facts: ClauseFacts) -> _Answer:
    limit = Said("rien n’a changé depuis l’arrivée", "nothing has changed since it came in")
    if facts.sealed is None:
        arrived = Said("empreinte prise à l’arrivée", "fingerprint taken on arrival")
        return _Answer(Outcome.LATER, arrived if facts.sealing else _to_come(), limit)
    held = not facts.sealed.failed
    measured = (
        Said("empreinte, cachet et pixels revérifiés sur le fichier scellé", "fingerprint, seal and pixels verified again")
        if facts.sealed.level
        else Said("empreinte et pixels revérifiés sur le fichier", "fingerprint and pixels verified again on the file")
    )
    if not held:
        names = ", ".join(facts.sealed.failed)
        measured = Said(f"contrôles en échec : {names}", f"failed checks: {names}")
    covered = Said(
        "« sceau verify » et « sceau verify --ledger », à tout moment", "`sceau verify` and `sceau verify --ledger`, at any time"
    )
    return _Answer(Outcome.CONFORM if held else Outcome.AGAINST, measured, limit, None, covered)


# --- clause III: the file ---


def _format(facts: ClauseFacts) -> _Answer:
    limit = Said("PDF ou PDF/A-3", "PDF or PDF/A-3")
    if facts.sealed is None and not facts.sealing:
        return _Answer(Outcome.LATER, _to_come(), limit)
    if facts.sealed is not None and "pdfa" in facts.sealed.failed:
        return _Answer(Outcome.AGAINST, Said("le fichier n’est pas un PDF/A-3", "the file is no PDF/A-3"), limit)
    return _Answer(
        Outcome.CONFORM, Said("PDF/A-3b, contrôlé avant et après le cachet", "PDF/A-3b, checked before and after the seal"), limit
    )


def _secured(facts: ClauseFacts) -> _Answer:
    limit = Said("un des quatre dispositifs", "one of the four devices")
    if facts.sealed is None:
        return _Answer(Outcome.LATER, _to_come(), limit)
    measured = Said("empreinte SHA-256 inscrite au registre (2°)", "SHA-256 fingerprint in the ledger (2°)").then(_seal_words(facts.sealed))
    if facts.document_type in AUDIT_TRAIL and facts.sealed.officer in ("signed", "qualified"):
        return _signed(facts.sealed, measured)
    if facts.document_type in AUDIT_TRAIL:
        return _Answer(
            Outcome.REVIEW,
            measured,
            Said("A. 102 B-1 LPF : signature électronique RGS*", "A. 102 B-1 LPF: electronic signature of level RGS*"),
            Said(
                "Pour cette pièce, l’empreinte seule ne suffit pas : faites signer la copie par un responsable (page « À signer ») ; "
                "jusque-là, gardez le papier.",
                "For this kind of document a fingerprint alone is not enough: have an officer sign the copy (page “To sign”); until then "
                "keep the paper.",
            ),
        )
    broken = {"seal", "coverage", "syntax"} & set(facts.sealed.failed)
    return _Answer(Outcome.REVIEW if broken else Outcome.CONFORM, measured, limit)


def _seal_words(sealed: Sealed) -> Said:
    if not sealed.level:
        return Said("sans cachet (profil minimal)", "no seal (minimal profile)")
    if sealed.practice:
        return Said("cachet d’essai, qui ne compte pas", "practice seal, which does not count")
    return Said(f"cachet PAdES {sealed.level} (1°)", f"PAdES {sealed.level} seal (1°)")


def _signed(sealed: Sealed, measured: Said) -> _Answer:
    """A102 B-1 names a signature of level RGS one star at least; a qualified one is above it, of another the company shows the level."""
    limit = Said("A. 102 B-1 LPF : signature électronique RGS*", "A. 102 B-1 LPF: electronic signature of level RGS*")
    if sealed.officer == "qualified":
        told = Said("signature qualifiée d’un responsable", "qualified signature of an officer")
        return _Answer(Outcome.CONFORM, measured.then(told), limit)
    told = Said("signature d’un responsable", "signature of an officer")
    covered = Said("le niveau RGS de son certificat, à joindre au dossier", "the RGS level of the certificate, to be kept with the dossier")
    return _Answer(Outcome.ORGANISATION, measured.then(told), limit, None, covered)


def _dated(facts: ClauseFacts) -> _Answer:
    limit = Said("chaque opération datée, source interne admise", "every operation dated; an internal source will do")
    if facts.sealed is None:
        return _Answer(Outcome.LATER, _to_come(), limit)
    count = facts.sealed.operations
    token = (
        Said(
            "jeton RFC 3161 d’une autorité interne d’essai dans le fichier", "RFC 3161 token of an internal practice authority in the file"
        )
        if facts.sealed.practice
        else Said("jeton RFC 3161 dans le fichier", "RFC 3161 token in the file")
    )
    if not facts.sealed.level:
        token = Said("heure interne, sans jeton dans le fichier", "internal time, no token in the file")
    measured = Said(f"{count} opérations datées au registre", f"{count} operations dated in the ledger").then(token)
    return _Answer(Outcome.REVIEW if "time" in facts.sealed.failed or not count else Outcome.CONFORM, measured, limit)


JUDGES: dict[str, _Judge] = {
    "I-1": _whole,
    "I-2": _colours,
    "I-3": _untreated,
    "I-4": _lossless,
    "II-1": _archivist,
    "II-2": _documented,
    "II-3": _controlled,
    "II-4": _available,
    "II-5": _readable,
    "II-6": _intact,
    "III-1": _format,
    "III-2": _secured,
    "III-3": _dated,
}
_WEIGHTS = (Outcome.APART, Outcome.CONFORM, Outcome.ORGANISATION, Outcome.LATER, Outcome.REVIEW, Outcome.AGAINST)
"""Lightest first."""
_LEVELS = (Level.BLOCKING, Level.REVIEW, Level.INFO)


def _row(clause: str, quotation: str, answer: _Answer, found: Collection[Finding], apart: bool) -> ClauseRow:
    """The answer, made heavier by the findings that touch the clause; apart where there never was a paper."""
    row = ClauseRow(clause, quotation, answer.outcome, answer.measured, answer.limit, answer.authority, answer.remedy, answer.covered_by)
    if apart:
        native = Said("le fichier natif est l’original (L. 102 B LPF)", "the native file is the original (L. 102 B LPF)")
        return replace(row, outcome=Outcome.APART, measured=native if clause.startswith("I-") else row.measured, remedy=None)
    touching = _weightiest(each for each in found if each.clause == clause)
    if not touching:
        return row
    worst = touching[0]
    outcome = max(row.outcome, _outcome(worst), key=_WEIGHTS.index)
    told = [said for each in touching if (said := _measure(each)) is not None]
    for said in dict.fromkeys(told):
        row = replace(row, measured=row.measured.then(said))
    return replace(
        row,
        outcome=outcome,
        authority=worst.authority if worst.level is not Level.INFO else row.authority,
        remedy=_remedy(worst) if worst.level is not Level.INFO and outcome is not row.outcome else row.remedy,
        findings=tuple(dict.fromkeys(each.code for each in touching)),
    )


def _outcome(found: Finding) -> Outcome:
    """What the house alone asks can hold a document, and is no breach of the article."""
    if found.level is Level.BLOCKING:
        return Outcome.REVIEW if found.authority is Authority.HOUSE else Outcome.AGAINST
    return Outcome.REVIEW if found.level is Level.REVIEW else Outcome.CONFORM


def _weightiest(findings: Iterable[Finding]) -> list[Finding]:
    """Heaviest first; at the same level, what the law says before what the house asks."""
    return sorted(findings, key=lambda each: (_LEVELS.index(each.level), each.authority is Authority.HOUSE, each.page or 0))


def _measure(found: Finding) -> Said | None:
    """What a finding measured, with its page, unless the row tells it of all pages."""
    if found.measured is None or found.code not in CATALOGUE or found.code in TALLIED_CODES:
        return None
    page = Said(f" (page {found.page})", f" (page {found.page})") if found.page else Said("", "")
    return Said(f"{found.code} : {found.measured}{page.fr}", f"{found.code}: {found.measured}{page.en}")


def _remedy(found: Finding) -> Said | None:
    return Said(message(found, "fr"), message(found, "en")) if found.code in CATALOGUE else None


def _dossier(own: Organisation) -> Said | None:
    if own.sealed_dossier:
        return Said(
            f"dossier d’organisation scellé, version {own.dossier_version}, du {own.dossier_date} ({own.sealed_dossier[:16]}…)",
            f"sealed organisation dossier, version {own.dossier_version}, of {own.dossier_date} ({own.sealed_dossier[:16]}…)",
        )
    if not own.dossier:
        return None
    french = "".join((own.dossier_version and f", version {own.dossier_version}", own.dossier_date and f", du {own.dossier_date}"))
    english = "".join((own.dossier_version and f", version {own.dossier_version}", own.dossier_date and f", of {own.dossier_date}"))
    return Said(f"dossier d’organisation {own.dossier}{french}", f"organisation dossier {own.dossier}{english}")


def _joined(*parts: Said | str | None) -> Said | None:
    """What there is of it, one after the other."""
    told = [part for part in parts if isinstance(part, Said)]
    joined = told[0] if told else None
    for part in told[1:]:
        joined = part if joined is None else joined.then(part)
    return joined


def _to_come() -> Said:
    return Said("établi au scellement", "established by the seal")


def _codec(page: Page) -> Said:
    name = CODECS.get(page.codec, Said(page.codec, page.codec))
    if page.codec == "vector":
        return name
    match page.lossless:
        case True:
            return Said(f"{name.fr} : sans perte", f"{name.en}: without loss")
        case False:
            return Said(f"{name.fr} : avec perte", f"{name.en}: loses detail")
        case _:
            return Said(f"{name.fr} : non prouvé sans perte", f"{name.en}: not proved lossless")


def _colour(page: Page) -> Said:
    if page.codec == "vector":
        return CODECS["vector"]
    name, bits = MODELS[page.model], page.bits * page.channels
    return Said(f"{name.fr} {bits} bit{'s' if bits > 1 else ''}", f"{bits}-bit {name.en}")


def _resolution(page: Page) -> Said:
    if page.dpi is None:
        return Said("résolution non dite par le fichier", "resolution not given by the file")
    x, y = (f"{value:.1f}".removesuffix(".0") for value in page.dpi)
    return Said(f"{_comma(x)} × {_comma(y)} ppp", f"{x} × {y} dpi")


def _comma(number: str) -> str:
    return number.replace(".", ",")


def _tally(told: Iterable[Said], pages: Sequence[Page]) -> Said:
    """Each different value with its number of pages, most frequent first; only one value stands alone."""
    counts: dict[Said, int] = {}
    for each in told:
        counts[each] = counts.get(each, 0) + 1
    if not counts:
        return Said("aucune page", "no page")
    if len(counts) == 1 and len(pages) == 1:
        return next(iter(counts))
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return Said(
        ", ".join(f"{said.fr} ({_pages_fr(number)})" for said, number in ordered),
        ", ".join(f"{said.en} ({_pages_en(number)})" for said, number in ordered),
    )


def _pages_fr(number: int) -> str:
    return f"{number} page{'s' if number > 1 else ''}"


def _pages_en(number: int) -> str:
    return f"{number} page{'' if number == 1 else 's'}"


def _sheets_fr(number: int) -> str:
    return f"{number} feuille{'s' if number > 1 else ''} comptée{'s' if number > 1 else ''}"


def _sheets_en(number: int) -> str:
    return f"{number} sheet{'' if number == 1 else 's'}"
