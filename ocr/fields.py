"""What an invoice says: candidates on the page, what speaks for each, and one joint decision; without memory of suppliers yet.

Every field names where on the page it was read, so that a person can check it with one look.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ocr.amounts import CODES, CURRENCIES, Amount
from ocr.companies import Found, Name, find_names, supplier_iban, supplier_identifiers
from ocr.dates import Day, find_dates
from ocr.labels import CREDIT_WORDS, Label, labels_in, nearest_label
from ocr.layout import Sheet, Spot, above, fold, lay_out, left_of, segments_of
from ocr.text import PageText
from ocr.totals import Totals, choose_totals
from ocr.values import Field, Value

_TOKEN = re.compile(r"(?<![\w/.-])[A-Za-z0-9](?:[A-Za-z0-9/_.\-]{0,33}[A-Za-z0-9])?(?![\w/])")
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate and how much speaks for it."""

    value: str
    spot: Spot
    score: float
    reason: str


def extract(pages: Sequence[PageText]) -> dict[str, Field]:
    """The fields of one document by name; what the pages do not show is absent. Work is bounded whatever the pages hold."""
    sheets = lay_out(pages)
    fields: list[Field | None] = [
        _type_field(sheets),
        _choice_field("invoice_number", best_number(sheets, "number")),
        *_date_fields(sheets),
        *_company_fields(sheets),
        _choice_field("order_reference", best_number(sheets, "order")),
        _currency_field(sheets),
        *_total_fields(choose_totals(sheets)),
    ]
    return {field.name: field for field in fields if field is not None}


def best_number(sheets: Sequence[Sheet], kind: str) -> Choice | None:
    """The document's own number (`number`) or the buyer's order (`order`): one token with a digit, beside or below its label."""
    dates = {
        (day.spot.sheet.page, day.spot.row, day.spot.column): day.spot for sheet in sheets for day in find_dates(sheet) if not day.tight
    }
    choices = [choice for sheet in sheets for choice in _number_choices(sheet, kind, dates)]
    seen = Counter(choice.value for choice in choices)
    return max(choices, key=lambda choice: choice.score + 0.3 * min(2, seen[choice.value] - 1), default=None)


def best_dates(sheets: Sequence[Sheet]) -> tuple[tuple[Day, float] | None, tuple[Day, float] | None]:
    """Date of issue and due date, chosen together: an invoice does not fall due before it is issued."""
    days = [day for sheet in sheets for day in find_dates(sheet)]
    days = _month_first(days)
    scored = [(day, _date_says(day)) for day in days]
    issues = [(day, said["issue"]) for day, said in scored if said["issue"] > 0]
    dues = [(day, said["due"]) for day, said in scored if said["due"] > 0.5]
    issues = sorted(issues, key=lambda pair: -pair[1])[:12]
    dues = sorted(dues, key=lambda pair: -pair[1])[:12]
    pairs = [(issue, due) for issue in [*issues, None] for due in [*dues, None]]
    return max(pairs, key=lambda pair: _pair_score(*pair))


def _number_choices(sheet: Sheet, kind: str, dates: Mapping[tuple[int, int, int], Spot]) -> Iterator[Choice]:
    for row, column, segment in segments_of(sheet):
        day = dates.get((sheet.page, row, column))
        for match in _TOKEN.finditer(segment.text[:_MAX_TEXT]):
            if not re.search(r"\d", match[0]) or (day and match.start() < day.end and match.end() > day.start):
                continue
            spot = Spot(sheet, row, column, *match.span())
            found = _number_label(spot, kind)
            if found:
                label, weight = found
                yield Choice(match[0], spot, weight + _number_shape(match[0], spot), f"« {label.phrase} »")


def _number_label(spot: Spot, kind: str) -> tuple[Label, float] | None:
    """The label to the left where there is one near enough, else the one above."""
    text = left_of(spot)
    label = nearest_label(text, "numbers")
    gap = len(text) - label.end if label else 99
    if label and gap <= 14:
        if label.kind != kind:
            return None
        return label, label.weight * (1.0 if gap <= 1 else 0.7) + (1.0 if gap == 0 else 0.0)
    if label and label.kind != kind and gap <= 30:
        return None
    for distance, heading in above(spot, rows=2):
        labels = labels_in(heading, "numbers")
        if labels:
            last = labels[-1]
            return (last, 0.8 * last.weight / distance) if last.kind == kind and len(heading) <= last.end + 6 else None
        if sum(c.isalpha() for c in heading) > 3:
            return None
    return None


def _number_shape(value: str, spot: Spot) -> float:
    digits = sum(c.isdigit() for c in value)
    score = 0.3 * (len(value) >= 4) + 0.3 * (digits >= 3) + 0.4 * (spot.depth < 0.5) + 0.3 * (spot.sheet.page == 1)
    score -= 1.0 * bool(re.fullmatch(r"(?:19|20)\d\d", value)) + 1.5 * (len(value) < 3)
    score -= 1.5 * bool(re.fullmatch(r"\d+[.,]\d\d", value))
    return score - 1.0 * (digits < 2)


def _date_says(day: Day) -> dict[str, float]:
    """The label to the left, else above; a date without any label may be the date of issue, more likely near the top."""
    text = left_of(day.spot, 120)
    label = nearest_label(text, "dates")
    gap = len(text) - label.end if label else 999
    said = {"issue": 0.0, "due": 0.0}
    if label and gap <= 40:
        near = 1.0 if gap <= 2 else 0.8 if gap <= 15 else 0.4
        if day.tight and gap > 2:
            return said
        if label.kind in said:
            strong = labels_in(text[: label.start], "dates") if label.weight < 1 else []
            doubtful = any(other.kind == "other" for other in strong[-1:])
            said[label.kind] = label.weight * near * (0.3 if doubtful else 1.0)
        return said
    if day.tight:
        return said
    for distance, heading in above(day.spot, rows=2):
        labels = labels_in(heading, "dates")
        if labels:
            if labels[-1].kind in said:
                said[labels[-1].kind] = 0.8 * labels[-1].weight / distance
            return said
    said["issue"] = 0.2 + 0.3 * (1 - day.spot.depth)
    return said


def _pair_score(issue: tuple[Day, float] | None, due: tuple[Day, float] | None) -> float:
    score = (issue[1] if issue else 0.0) + (due[1] if due else 0.0)
    if issue and due and due[0].value < issue[0].value:
        score -= 4.0
    if issue:
        score += 0.1 * (1 - issue[0].spot.depth) + 0.1 * (issue[0].spot.sheet.page == 1)
    return score


def _month_first(days: Sequence[Day]) -> list[Day]:
    """A document that writes one date such as 03/20/2023 writes all its dates so."""
    american = any(re.match(r"(?:0?[1-9]|1[0-2])/(?:1[3-9]|2\d|3[01])/", day.spot.raw) for day in days)
    if not american:
        return list(days)
    return [Day(day.swapped, day.spot, day.tight) if day.swapped and "/" in day.spot.raw and day.value.day <= 12 else day for day in days]


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


def _date_fields(sheets: Sequence[Sheet]) -> Iterator[Field]:
    for name, found in zip(("issue_date", "due_date"), best_dates(sheets), strict=True):
        if found:
            label = nearest_label(left_of(found[0].spot, 120), "dates")
            yield _field(name, found[0].value, found[0].spot, found[1], f"« {label.phrase} »" if label else "its place on the page")


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


def _choice_field(name: str, choice: Choice | None) -> Field | None:
    return _field(name, choice.value, choice.spot, choice.score, choice.reason) if choice and choice.score > 0.8 else None


def _field(name: str, value: Value, spot: Spot, score: float, reason: str) -> Field:
    certainty = min(0.99, max(0.05, 0.3 + 0.2 * score)) * spot.confidence
    return Field(name, value, spot.raw, spot.sheet.page, spot.box, round(certainty, 3), reason, spot.words)
