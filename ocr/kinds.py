"""What kind of invoice a paper is, by UNTDID 1001: invoice, credit note, deposit, self-billed, corrected."""

import re
from collections.abc import Iterator, Sequence
from statistics import median

from ocr.choices import Choice, ranked
from ocr.layout import Sheet, Spot, fold, segments_of
from ocr.values import Source

INVOICE, CREDIT, CORRECTED, DEPOSIT, SELF_BILLED = "380", "381", "384", "386", "389"
"""UNTDID 1001, as EN 16931 BT-3 uses it."""


def _phrases(listed: str) -> tuple[str, ...]:
    """The longest first."""
    return tuple(sorted(listed.split(", "), key=len, reverse=True))


WORDS = {
    SELF_BILLED: _phrases(
        "autofacturation, auto facturation, autofacture, auto facture, facture autofacturee, self billed invoice, self "
        "billing, self billing invoice, selfbilling, self bill, selfbilled invoice, gutschriftsverfahren, "
        "gutschriftverfahren, gutschrift im sinne, gutschrift nach 14, selfbilling factuur, factuur uitgereikt door afnemer, "
        "uitgereikt door afnemer, eigenfactuur, abrechnungsgutschrift, gutschrift durch den leistungsempfanger, facture emise "
        "par le client"
    ),
    DEPOSIT: _phrases(
        "facture d acompte, facture acompte, demande d acompte, acompte n, facture de provision, anzahlungsrechnung, "
        "abschlagsrechnung, vorauszahlungsrechnung, vorausrechnung, vorkasserechnung, akontorechnung, aanbetalingsfactuur, "
        "voorschotfactuur, voorschotnota, aanbetalingsnota, vooruitbetalingsfactuur, deposit invoice, prepayment invoice, "
        "advance payment invoice, advance invoice, down payment invoice, downpayment invoice, invoice for deposit"
    ),
    CORRECTED: _phrases(
        "facture rectificative, facture corrective, facture rectifiee, korrekturrechnung, berichtigte rechnung, "
        "rechnungsberichtigung, corrected invoice, corrective invoice, correctiefactuur, gecorrigeerde factuur"
    ),
    CREDIT: _phrases(
        "avoir, facture d avoir, facture avoir, note de credit, note d avoir, credit note, credit memo, credit invoice, "
        "gutschrift, rechnungsgutschrift, stornorechnung, kaufmannische gutschrift, warengutschrift, creditnota, "
        "creditfactuur, kredietnota, kreditnota, credit factuur, credit nota"
    ),
    INVOICE: _phrases(
        "facture, invoice, rechnung, factuur, tax invoice, note d honoraires, handelsrechnung, commercial invoice, quittance, nota"
    ),
}
"""Folded headings; those of the special kinds win over the plain word within them."""
_CODE = re.compile(r"\((380|381|384|386|389)\)")
_SPECIFIC = (SELF_BILLED, DEPOSIT, CORRECTED, CREDIT, INVOICE)
_REFERS = re.compile(
    r"(?:deduire|deduit|verse|recu|abzug|abzuglich|geleistet|erhalten|minus|less|received|paid|ontvangen|reeds|relati|concern|sur"
    r"|zu|vom|auf|bij|op|to|for)(?: \w+)? ?$"
)
_MAX_TEXT = 120


def kind_choices(sheets: Sequence[Sheet]) -> tuple[Choice, ...]:
    """Codes of UNTDID 1001 with what speaks for each; an invoice (380, source RULE) where no heading speaks."""
    found = [choice for sheet in sheets[:1] for choice in _headings(sheet)]
    if sheets:
        found.append(Choice(INVOICE, None, 0.85, "nothing says that it is not an invoice", Source.RULE))
    return ranked(found)


def _headings(sheet: Sheet) -> Iterator[Choice]:
    heights = [segment.height for _, _, segment in segments_of(sheet)]
    usual = median(heights) if heights else 1.0
    for row, column, segment in segments_of(sheet):
        depth = segment.level / max(1, sheet.height)
        text = segment.text[:_MAX_TEXT]
        if code := _CODE.search(text):
            yield Choice(code[1], Spot(sheet, row, column, code.start(1), code.end(1)), 3.0, f"« {code[0]} »")
        if depth > 0.6 or len(segment.text) > 70:
            continue
        if told := _heading(fold(text)):
            kind, phrase, score = told
            score += 0.6 * min(1.5, max(0.0, segment.height / usual - 1.0)) + 0.3 * (depth < 0.35) + (0.9 if kind != INVOICE else 0.0)
            yield Choice(kind, Spot(sheet, row, column, 0, len(text)), score, f"« {phrase} » in the heading")


def _heading(folded: str) -> tuple[str, str, float] | None:
    """The kind that a short text names, the phrase, and how much of the text it is."""
    for kind in _SPECIFIC:
        for phrase in WORDS[kind]:
            place = re.search(rf"(?<![a-z0-9]){phrase}(?![a-z0-9])", folded)
            if not place or _REFERS.search(folded[: place.start()]):
                continue
            rest = folded[place.end() :]
            if place.start() == 0 and re.match(r"(?: (?:n|no|nr|numero|nummer|number|vom|du|van|of|von)(?![a-z])| [a-z]{0,4}\d|$)", rest):
                return kind, phrase, 1.4
            if place.start() == 0 and len(rest) < 25 and kind != CREDIT:
                return kind, phrase, 0.9
            if len(phrase) > 9 and kind not in {CREDIT, INVOICE}:
                return kind, phrase, 0.9
            if len(folded) < len(phrase) + 14 and kind != INVOICE:
                return kind, phrase, 0.7
    return None
