"""What an invoice says: candidates on the page, what speaks for each, and one joint decision; without memory of suppliers yet.

Every field names where on the page it was read, so that a person can check it with one look.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ocr.amounts import CODES, CURRENCIES, Amount
from ocr.choices import Choice, field_of
from ocr.companies import Found, Name, find_names, supplier_iban, supplier_identifiers
from ocr.days import date_choices, days_of
from ocr.labels import CREDIT_WORDS
from ocr.layout import Sheet, Spot, fold, lay_out, segments_of
from ocr.references import reference_choices
from ocr.text import PageText
from ocr.totals import Totals, choose_totals
from ocr.values import Field, Value

LEAST = {"issue_date": 0.2, "due_date": 0.5}
"""How much must speak for a value of a field to be given; 0.8 for the others."""


def extract(pages: Sequence[PageText]) -> dict[str, Field]:
    """The fields of one document by name; what the pages do not show is absent. Work is bounded whatever the pages hold."""
    sheets = lay_out(pages)
    found = choices(sheets)
    fields: list[Field | None] = [
        _type_field(sheets),
        *(field_of(name, own, LEAST.get(name, 0.8)) for name, own in found.items()),
        *_company_fields(sheets),
        _currency_field(sheets),
        *_total_fields(choose_totals(sheets)),
    ]
    return {field.name: field for field in fields if field is not None}


def choices(sheets: Sequence[Sheet]) -> dict[str, tuple[Choice, ...]]:
    """All scored candidates of the fields that are no amounts, by name, the best first."""
    return date_choices(sheets) | reference_choices(sheets, taken_spans(sheets))


def taken_spans(sheets: Sequence[Sheet]) -> dict[tuple[int, int, int], list[tuple[int, int]]]:
    """Stretches that are dates, and so no numbers of papers, by page, row and column."""
    taken: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for day in days_of(sheets):
        if not day.tight:
            taken.setdefault((day.spot.sheet.page, day.spot.row, day.spot.column), []).append((day.spot.start, day.spot.end))
    return taken


def _type_field(sheets: Sequence[Sheet]) -> Field | None:
    """UNTDID 1001: 381 where the heading says credit note, 380 where it says invoice."""
    for sheet in sheets[:1]:
        for row, column, segment in segments_of(sheet):
            spot = Spot(sheet, row, column, 0, len(segment.text))
            text = fold(segment.text)
            if spot.depth < 0.5 and len(text) < 40 and any(text == word or text.startswith(word + " n") for word in CREDIT_WORDS):
                return _field("document_type_code", "381", spot, 2.0, "the heading says credit note")
    if not sheets:
        return None
    return Field("document_type_code", "380", "", 0, None, 0.6, "nothing says that it is not an invoice")


def _currency_field(sheets: Sequence[Sheet]) -> Field | None:
    counts: Counter[str] = Counter()
    for sheet in sheets:
        for _, _, segment in segments_of(sheet):
            for sign, code in CURRENCIES.items():
                counts[code] += segment.text.count(sign)
            counts.update(code for code in CODES if re.search(rf"(?<![A-Z]){code}(?![A-Z])", segment.text))
            counts["EUR"] += len(re.findall(r"\beuros?\b", segment.text, re.IGNORECASE))
            counts["INR"] += len(re.findall(r"\bRs\b", segment.text))
    if not counts.total():
        return None
    code, times = counts.most_common(1)[0]
    confidence = round(0.5 + 0.5 * times / counts.total(), 3)
    return Field("currency", code, code, 0, None, confidence, f"written {times} times of {counts.total()}")


def _company_fields(sheets: Sequence[Sheet]) -> Iterator[Field]:
    found = supplier_identifiers(sheets)
    for kind, name in (("siren", "supplier_siren"), ("siret", "supplier_siret"), ("vat", "supplier_vat_id")):
        if kind in found:
            yield _identifier_field(name, found[kind], found[kind].identifier.value)
        elif kind == "siren" and "siret" in found:
            yield _identifier_field(name, found["siret"], found["siret"].identifier.value[:9])
    iban = supplier_iban(sheets)
    if iban:
        yield _identifier_field("iban", iban, iban.identifier.value)
    for name, company in zip(("supplier_name", "buyer_name"), find_names(sheets), strict=True):
        if company:
            yield _name_field(name, company)


def _total_fields(totals: Totals) -> Iterator[Field]:
    why = "net + tax = gross" if totals.agrees else "its label"
    for name, amount in (("total_net", totals.net), ("total_tax", totals.tax), ("total_gross", totals.gross), ("amount_due", totals.due)):
        if amount:
            yield _amount_field(name, amount, 4.0 if totals.agrees else 1.5, why)
    if totals.vat_lines:
        yield Field("vat_breakdown", totals.vat_lines, "", 0, None, 0.9 if totals.agrees else 0.6, "base × rate = tax")


def _amount_field(name: str, amount: Amount, score: float, reason: str) -> Field:
    return _field(name, amount.value, amount.spot, score, reason)


def _identifier_field(name: str, found: Found, value: str) -> Field:
    words = ["checksum passes" if found.identifier.valid else "checksum does not pass"]
    words += ["misread letters corrected"] if found.identifier.corrected else []
    return _field(name, value, found.spot, found.score + (1.0 if found.identifier.valid else 0.0), ", ".join(words))


def _name_field(name: str, company: Name) -> Field:
    return _field(name, company.text, company.spot, company.score / 2, "its place on the page")


def _field(name: str, value: Value, spot: Spot, score: float, reason: str) -> Field:
    certainty = min(0.99, max(0.05, 0.3 + 0.2 * score)) * spot.confidence
    return Field(name, value, spot.raw, spot.sheet.page, spot.box, round(certainty, 3), reason, spot.words)
