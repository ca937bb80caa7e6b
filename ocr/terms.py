"""When and how a bill is to be paid, in the words of the page; and the due date that unambiguous words give."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ocr.choices import Choice, ranked
from ocr.layout import Sheet, Spot, fold, fold_places, segments_of
from ocr.values import Source

MAX_LENGTH = 200
"""Letters of the terms that are kept."""
_MAX_TEXT = 400
_MAX_DAYS = 120
"""Longer than any term that art. L. 441-10 C. com. or directive 2011/7/EU allows: it is something else."""

_LABEL = re.compile(
    r"(?<![a-z])(?:(?:conditions?|modalites?|delais?|termes?|echeances?) (?:de |du )?(?:paiement|reglement)s?|conditions?|reglement"
    r"|paiement|zahlungsbedingung(?:en)?"
    r"|zahlungskondition(?:en)?|konditionen|conditions?|betaalconditie|betaaltermijn|zahlungsziel|zahlungsweise|zahlungsfrist"
    r"|zahlbar|zahlung|zahlungsmodalitaten|betalingsconditie[s]?"
    r"|betalingstermijn"
    r"|betalingsvoorwaarden?|betaling|payment terms?|terms of payment|terms|payment)$"
)
_DAYS_WORD = r"(?:jours?|j|tage?n?|dagen|dag|days?)"
_TERM = re.compile(
    rf"(?<![a-z0-9])(?:(?:(?:a|sous|dans (?:les|un delai de)|innerhalb(?: von)?|binnen|in|within|net|netto|after"
    rf"|nach) )*(?P<days>\d{{1,3}}) {_DAYS_WORD}"
    r"(?: (?:net(?:s|to)?|de la reception|de reception|factuurdatum|rechnungsdatum|rechnungseingang|erhalt|ontvangst|invoice date"
    r"|receipt|calendaires?|fin de mois|fdm|date de facture|date d emission|a reception|a compter|apres|nach|na|ab|from"
    r"|after|end of month|eom"
    r"|rein netto|ohne abzug)(?![a-z]))*|net(?:to)? (?P<net>\d{1,3})(?! ?%)(?! \d)"
    r"|(?:payable |paiement |reglement )?(?:a reception(?: de (?:la )?facture)?|comptant(?: a reception)?)|au comptant"
    r"|(?:zahlbar )?sofort(?: (?:fallig|zahlbar|netto|rein netto|ohne abzug))"
    r"|zahlbar sofort|(?:per )?omgaande?|contant|(?:due |payable )?(?:up)?on receipt|due immediately|immediate payment|cash on delivery"
    r"|(?:\d{1,2} )?fin de mois(?: le \d{1,2})?)(?![a-z0-9])"
)
_LEADER = re.compile(
    r"(?:(?:conditions?|modalit[ée]s?|d[ée]lais?|termes?)(?: de (?:paiement|r[èe]glement))?|payment terms|terms(?: of payment)?"
    r"|zahlungs\w+|konditionen|betalings\w+"
    r"|betaal\w+|(?:paiement|r[èe]glement|payment|zahlung|betaling)(?!\s*(?:sous|within|innerhalb|binnen|à \d|due"
    r"|on )))(?:\s*/\s*[\w ]{3,20}?)?(?:\s*:\s*|\s+)",
    re.IGNORECASE,
)
"""A label of terms at the beginning of a text."""
_MONTH_END = re.compile(r"fin de mois|fdm|end of month|eom|zum monatsende|einde maand|monatsende|einde maand")
_RECEIVED = r"reception|[a-z]*erhalt|[a-z]*eingang|ontvangst|receipt"
_LINK = (
    r"(?: (?:de|du|des|la|le|l|a|au|date|jour|compter|partir|apres|suivant|nach|ab|der|dem|vom|von|datum|na|vanaf|van|op|of|the|from|after"
    r"|following|net|netto|nets|calendaires|day))"
)
_FROM_RECEIPT = re.compile(rf"^(?:{_LINK}* (?:{_RECEIVED})|{_LINK}+ (?:livraison|liefer[a-z]*|lever(?:ing|datum)|delivery))(?![a-z])")
"""After the number of days: they count from a day that the invoice does not show."""
_ON_RECEIPT = re.compile(
    rf"(?<![a-z])(?:{_RECEIVED})(?: (?:de|la|der|the|of|van|facture|rechnung|factuur|invoice|votre|ihrer|unserer))* ?$"
)
"""Before it."""
_BEFORE_DAYS = re.compile(
    r"(?: (?:a|sous|dans|les|un|delai|de|paiement|payment|innerhalb|von|binnen|in|within|net|netto|after|nach|zahlbar|payable|due))* ?$"
)
_NOT_TERM = re.compile(
    r"skonto|escompte|discount|korting|penalit|retard|indemnit|verzug|verspat|mahn|late|widerruf|retract|reklamation|reclamation"
    r"|contestation|garantie|retour|livraison"
    r"|lieferzeit|lieferung|delivery|business days|working days|arbeitstage|werktage|werkdagen|levering|abonnement|kundig|valid"
    r"|gultig|geldig|complaint|bezwaar"
)
_PAYS = re.compile(
    r"pay|paiement|regl|echeance|zahl|fallig|netto|net|betal|voldoe|overmak|due|facture|rechnung|factuur|invoice|comptant|sofort"
    r"|contant|reception|receipt"
)


@dataclass(frozen=True, slots=True)
class Term:
    """Words that say when to pay."""

    spot: Spot
    words: str
    days: int | None
    """Days from the date of issue; None where that is not all (end of month, on receipt)."""
    labelled: bool
    otherwise: bool = False
    """The days count from another day: the receipt of invoice or goods, the delivery."""


def find_terms(sheets: Sequence[Sheet]) -> Iterator[Term]:
    """Every text that says within how many days, or on what, one pays; no discounts, delays of delivery or of complaint."""
    for sheet in sheets:
        for row, column, segment in segments_of(sheet):
            text = segment.text[:_MAX_TEXT]
            folded, places = fold_places(text)
            for match in _TERM.finditer(folded):
                term = _term(sheet, row, column, text, folded, places, match)
                if term:
                    yield term


def term_choices(sheets: Sequence[Sheet]) -> tuple[Choice, ...]:
    """Scored candidates of payment_terms, words as printed."""
    return ranked(
        Choice(term.words, term.spot, 1.2 + 1.2 * term.labelled + 0.3 * (term.days is not None), "says when to pay")
        for term in find_terms(sheets)
    )


def due_by_term(sheets: Sequence[Sheet], issued: date) -> Choice | None:
    """The date of issue and the days that the terms give; None where the pages name none or several, or end the term with a month.

    « 45 jours fin de mois » is not computed: art. L. 441-10 C. com. lets it be counted in two ways. « 30 jours de réception » neither:
    the day of receipt is not printed.
    """
    terms = list(find_terms(sheets))
    days = {term.days for term in terms}
    if len(days) != 1 or None in days or any(term.otherwise for term in terms):
        return None
    spot, count = terms[0].spot, terms[0].days or 0
    return Choice(issued + timedelta(days=count), spot, 1.5, f"computed: date of issue + {count} days, « {spot.raw[:40]} »", Source.RULE)


def _term(sheet: Sheet, row: int, column: int, text: str, folded: str, places: Sequence[int], match: re.Match[str]) -> Term | None:
    before, after = folded[: match.start()], folded[match.end() :]
    around = before[-60:] + " " + after[:30]
    left = sheet.rows[row][column - 1].text if column else ""
    label = bool(_LABEL.search(before)) or (not before and bool(_LABEL.search(fold(left[-60:]))))
    number = match["days"] or match["net"]
    if number and not 0 < int(number) <= _MAX_DAYS:
        return None
    if not label and (_NOT_TERM.search(around) or not _PAYS.search(folded)):
        return None
    if label and _NOT_TERM.search(after[:20]) and "%" in after[:30]:
        # « 8 Tage 2 % Skonto, 30 Tage netto »: the days that earn a discount are not those to pay in.
        return None
    days = int(number) if number and not _MONTH_END.search(match[0] + after[:14]) else None
    start, end = _words(text, places, match, label)
    return Term(Spot(sheet, row, column, start, end), " ".join(text[start:end].split()), days, label, _counts_otherwise(folded, match))


def _counts_otherwise(folded: str, match: re.Match[str]) -> bool:
    """The days count from the receipt of invoice or goods, or from the delivery."""
    if not (match["days"] or match["net"]):
        return False
    end = match.end("days") if match["days"] else match.end("net")
    behind = re.sub(rf"^ {_DAYS_WORD}(?![a-z])", "", folded[end:])
    lead = folded[: match.start("days") if match["days"] else match.start()]
    lead = _BEFORE_DAYS.sub("", lead)
    return bool(_FROM_RECEIPT.match(behind) or _ON_RECEIPT.search(lead))


def _leader(text: str) -> int:
    """How many letters at the beginning are the label and not the terms: « Zahlung 14 Tage », not « Payment within 14 days »."""
    found = _LEADER.match(text)
    return found.end() if found else 0


def _words(text: str, places: Sequence[int], match: re.Match[str], label: bool) -> tuple[int, int]:
    """After the label to the end of the text, else the sentence; at most `MAX_LENGTH` letters."""
    start, end = places[match.start()], places[match.end() - 1] + 1
    if label:
        stop = re.search(r"\s[|/•]\s|\.\s|;\s", text[end:])
        return start, min(len(text.rstrip(" .;,")), end + (stop.start() if stop else len(text)), start + MAX_LENGTH)
    begin = max(text.rfind(". ", 0, start), text.rfind("; ", 0, start), text.rfind(" - ", 0, start), text.rfind(": ", 0, start))
    begin = begin + 2 if begin >= 0 else 0
    begin += _leader(text[begin:])
    stop = re.search(r"\.(?:\s|$)|;\s", text[end:])
    last = end + (stop.start() if stop else len(text[end:]))
    return (begin, last) if last - begin <= MAX_LENGTH else (start, min(last, start + MAX_LENGTH))
