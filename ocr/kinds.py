"""What kind of invoice a paper is, by UNTDID 1001: invoice, credit note, deposit, self-billed, corrected."""

import re
from collections.abc import Iterator, Sequence
from statistics import median

from ocr.choices import Choice, ranked
from ocr.labels import labels_in
from ocr.layout import Segment, Sheet, Spot, fold, segments_of
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
REMINDERS = _phrases(
    "relance, lettre de relance, rappel, lettre de rappel, rappel de paiement, rappel de facture, mise en demeure, mahnung, "
    "zahlungserinnerung, zahlungsmahnung, mahnbescheid, herinnering, betalingsherinnering, aanmaning, reminder, payment reminder, "
    "final notice, overdue notice, facture proforma, facture pro forma, proforma, pro forma, proforma invoice, pro forma invoice, "
    "proformarechnung, proforma rechnung, pro forma rechnung, proforma factuur, pro forma factuur, proformafactuur, releve de compte, "
    "releve de factures, kontoauszug, saldenbestatigung, rekeningoverzicht, rekeningafschrift, statement, statement of account, "
    "account statement"
)
"""Titles of papers that name an invoice and are none."""
ORDERS = _phrases(
    "devis, devis estimatif, proposition commerciale, proposition de prix, offre de prix, offre commerciale, bon de livraison, "
    "bordereau de livraison, bon de commande, confirmation de commande, accuse de reception de commande, angebot, kostenvoranschlag, "
    "lieferschein, auftragsbestatigung, bestellung, offerte, prijsopgave, pakbon, leverbon, leveringsbon, afleverbon, bestelbon, "
    "orderbevestiging, opdrachtbevestiging, quote, quotation, estimate, delivery note, packing slip, packing list, "
    "order confirmation, purchase order"
)
"""Titles of papers that come before an invoice; « bon de livraison valant facture » is an invoice."""
_NTH = r"(?:(?:1|2|3|\d ?(?:ere?|e|eme|er|te|st|nd|rd|de|ste)|premiere?|deuxieme|seconde?|troisieme|derniere?|erste"
_NTH += r"|zweite|dritte|letzte|eerste|tweede|laatste|first|second|third|final|last|votre|notre|ihre?|unser|uw|onze|our|your) )?"
_TITLE = re.compile(
    rf"{_NTH}(?:{'|'.join(sorted((*REMINDERS, *ORDERS), key=len, reverse=True))})"
    r"(?P<rest>$| (?:n|no|nr|numero|nummer|number|nr|du|vom|van|of|von|de)(?![a-z]).*| [a-z]{0,4}\d.*| .{0,24}$)"
)
_INVOICE = re.compile(r"factu|invoice|rechnung|avoir|gutschrift|credit ?(?:note|memo|nota)|creditnota|honoraires|quittance")
_CENTS = re.compile(r"\d[.,]\d\d(?!\d)")
_CODE = re.compile(r"\((380|381|384|386|389)\)")
_SPECIFIC = (SELF_BILLED, DEPOSIT, CORRECTED, CREDIT, INVOICE)
_REFERS = re.compile(
    r"(?:deduire|deduit|verse|recu|abzug|abzuglich|geleistet|erhalten|minus|less|received|paid|ontvangen|reeds|relati|concern|sur"
    r"|zu|vom|auf|bij|op|to|for)(?: \w+)? ?$"
)
_MAX_TEXT = 120
_MAX_ROW = 300
_LARGE = 1.3
"""A title in larger letters than most of its page."""


def kind_choices(sheets: Sequence[Sheet]) -> tuple[Choice, ...]:
    """Codes of UNTDID 1001 with what speaks for each; an invoice (380, source RULE) where no heading speaks.

    None where the title is that of another paper, and none on a page that neither names an invoice nor shows a sum.
    """
    if other_title(sheets):
        return ()
    found = [choice for sheet in sheets[:1] for choice in _headings(sheet)]
    if found or _may_bill(sheets):
        found.append(Choice(INVOICE, None, 0.85, "nothing says that it is not an invoice", Source.RULE))
    return ranked(found)


def other_title(sheets: Sequence[Sheet]) -> str | None:
    """The title, as printed, of a paper that is no invoice: a quote, a reminder, a delivery note; None beside an invoice's title."""
    for sheet in sheets[:1]:
        heights = [segment.height for _, _, segment in segments_of(sheet)]
        usual = median(heights) if heights else 1.0
        for row, column, segment in segments_of(sheet):
            if (
                segment.level < 0.4 * sheet.height
                and _is_other(sheet, row, segment, usual)
                and not _beside_invoice(sheet, (row, column), usual)
            ):
                return segment.text[:_MAX_TEXT]
    return None


def _is_other(sheet: Sheet, row: int, segment: Segment, usual: float) -> bool:
    """Large, whatever follows on its line; in small letters only alone on its line."""
    folded = fold(segment.text[:_MAX_TEXT])
    title = _TITLE.match(folded)
    if not title or ":" in segment.text or len(segment.text) > 60:
        return False
    if _INVOICE.search(folded) and not _reminds(folded):
        return False
    if segment.height >= _LARGE * usual:
        return True
    bare = not title["rest"] or bool(re.search(r"\d", title["rest"])) or _reminds(folded)
    return len(sheet.rows[row]) == 1 and bare


def _reminds(folded: str) -> bool:
    """The title of a paper whose text names an invoice anyway."""
    return any(phrase in folded for phrase in REMINDERS)


def _beside_invoice(sheet: Sheet, place: tuple[int, int], usual: float) -> bool:
    """An invoice's title stands there too: as large as a large title, of any size beside a small one."""
    own = sheet.rows[place[0]][place[1]].height
    least = 0.8 * own if own >= _LARGE * usual else 0.0
    told = [segment for row, column, segment in segments_of(sheet) if (row, column) != place and segment.level < 0.6 * sheet.height]
    if not least and not _reminds(fold(sheet.rows[place[0]][place[1]].text[:_MAX_TEXT])):
        return any(_INVOICE.search(fold(segment.text[:_MAX_TEXT])) for segment in told)
    return any(segment.height >= least and len(segment.text) <= 70 and _heading(fold(segment.text[:_MAX_TEXT])) for segment in told)


def _may_bill(sheets: Sequence[Sheet]) -> bool:
    """A word of an invoice stands somewhere, or a sum beside its label."""
    for sheet in sheets:
        for cells in sheet.rows:
            text = " ".join(segment.text for segment in cells)[:_MAX_ROW]
            folded = fold(text)
            if _INVOICE.search(folded):
                return True
            if _CENTS.search(text) and any(
                label.kind in {"net", "tax", "gross", "due"} and label.weight >= 1 for label in labels_in(folded, "amounts")
            ):
                return True
    return False


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
