"""How sure each value of a document is: what speaks for it and with it, mapped to the share of such values that turned out right.

A field that is missing has no confidence of its own: where it may stand on the page after all, the value that was decided together
with it is less sure (a due date with the day of issue, net and tax with the gross amount, the account with who is paid).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import numpy as np

from ocr.chances import SUPPLIER, Judged, Judgement, company_of
from ocr.choices import Choice
from ocr.confidence import NEEDED
from ocr.days import month_first
from ocr.features import Paper, Rows
from ocr.identifiers import valid_iban, valid_siren, valid_siret, valid_vat
from ocr.layout import fold
from ocr.ranker import Ranker
from ocr.totals import Totals
from ocr.values import Field, Source

TARGET_OF = {
    "invoice_number": "invoice_number",
    "issue_date": "issue_date",
    "due_date": "due_date",
    "delivery_date": "delivery_date",
    "supplier_siren": "supplier",
    "supplier_siret": "supplier",
    "supplier_vat_id": "supplier",
    "supplier_name": "supplier_name",
    "buyer_siren": "buyer",
    "buyer_name": "buyer_name",
    "order_reference": "order_reference",
    "iban": "iban",
    "total_net": "total_net",
    "total_tax": "total_tax",
    "total_gross": "total_gross",
    "amount_due": "amount_due",
    "paid_amount": "paid_amount",
    "document_type_code": "",
    "currency": "",
    "bic": "",
    "vat_breakdown": "",
    "lines": "",
}
"""The fields whose confidence is measured, and the ranker's target for each; empty where the rules alone decide."""
ABSENT = {"due_date": ("issue_date",), "total_net": ("total_gross",), "total_tax": ("total_gross",), "iban": (*SUPPLIER, "supplier_name")}
"""Fields that may be missing, and the values beside which a doubtful absence is told."""
UNMEASURED = 0.99
"""No value whose confidence was not measured is surer than this, which is not green."""
_STRAY = 0.79
"""No value is surer on a page that shows at most one of number, date and gross amount: confidence was measured on invoices."""
_CUES = {"due_date": ("dates", "due"), "total_net": ("amounts", "net"), "total_tax": ("amounts", "tax")}
_CHECKS = {
    "supplier_siren": valid_siren,
    "supplier_siret": valid_siret,
    "supplier_vat_id": valid_vat,
    "buyer_siren": valid_siren,
    "iban": valid_iban,
}
COLUMNS = (
    *(f"is_{name}" for name in TARGET_OF),
    "absent", "odds", "margin", "same_as_rules", "rule_score", "words", "printed", "agrees", "repaired", "tax_rows", "items",
    "valid", "partners", "times", "confusable", "length", "candidates", "labels", "pages", "backwards", "page_words",
    "labelled", "label_length", "either_order", "english", "inner_letters", "small_letters", "cut", "rival",
)  # fmt: skip
RISING = ("odds", "margin", "same_as_rules", "words", "printed", "agrees", "tax_rows", "items", "valid", "partners")
"""More of these never makes a value less sure."""
FALLING = ("cut", "inner_letters", "either_order", "repaired", "rival", "labels", "backwards")
"""More of these never makes a value surer."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A document after the decision: what the rules said first, what the ranker said, and what was chosen."""

    paper: Paper
    hand: Mapping[str, Sequence[Choice]]
    judgement: Judgement
    totals: Totals
    fields: Mapping[str, Field]


def evidence_of(decided: Decided) -> tuple[list[str], Rows]:
    """The names of the measured fields, present or missing, and a row for each: `COLUMNS`."""
    names = [name for name in TARGET_OF if name in decided.fields or name in ABSENT]
    page = _page_features(decided.paper)
    rows = [_row(name, decided, page) for name in names]
    return names, np.asarray(rows, np.float32).reshape(len(rows), len(COLUMNS))


def make_sure(decided: Decided, ranker: Ranker) -> dict[str, Field]:
    """The fields with the measured confidence; those that were not measured stay below green."""
    names, rows = evidence_of(decided)
    told = {name: replace(field, confidence=min(field.confidence, UNMEASURED)) for name, field in decided.fields.items()}
    kinds = [name if name in told else f"no_{name}" for name in names]
    sure = dict(zip(names, (round(float(one), 4) for one in ranker.sureness(kinds, rows)), strict=True))
    limit = 1.0 if sum(name in told for name in NEEDED) > 1 else _STRAY
    told |= {name: replace(told[name], confidence=min(limit, sure[name])) for name in names if name in told}
    told |= {name: replace(field, confidence=min(field.confidence, UNMEASURED)) for name, field in _two_ways(told, decided.paper)}
    for name in names:
        if name not in decided.fields:
            _doubt(told, name, sure[name])
    return told


def _two_ways(told: Mapping[str, Field], paper: Paper) -> list[tuple[str, Field]]:
    """Dates that may be meant with the month first or the day first, and what was computed from them, on pages that speak for both."""
    if month_first(paper.sheets) is not None:
        return []
    days = ((name, field) for name, field in told.items() if isinstance(field.value, date))
    return [(name, field) for name, field in days if field.source is Source.RULE or _reading_of(name, field)["either_order"]]


def _doubt(told: dict[str, Field], name: str, sure: float) -> None:
    for other in ABSENT[name]:
        if other in told and told[other].confidence > sure:
            told[other] = replace(told[other], confidence=sure, reason=f"{told[other].reason}; {name} may have been missed")


def _row(name: str, decided: Decided, page: Mapping[str, float]) -> list[float]:
    field = decided.fields.get(name)
    judged = decided.judgement.get(TARGET_OF[name], ())
    told = {f"is_{name}": 1.0, "candidates": float(len(judged)), **page, **_sums(decided.totals)}
    told |= _missing(name, decided, judged) if field is None else _present(name, field, decided, judged)
    return [told.get(column, 0.0) for column in COLUMNS]


def _missing(name: str, decided: Decided, judged: Sequence[Judged]) -> dict[str, float]:
    """The less likely the best candidate, the surer that there is none."""
    best = judged[0].odds if judged else -12.0
    return {"absent": 1.0, "odds": -best, "words": 1.0, "printed": 1.0, "valid": 1.0, "labels": _cues(name, decided.paper)}


def _present(name: str, field: Field, decided: Decided, judged: Sequence[Judged]) -> dict[str, float]:
    own, margin, times = _odds(name, field, judged)
    first = next(iter(decided.hand.get(name, ())), None)
    return {
        "odds": own,
        "margin": margin,
        "rival": own - margin,
        "times": times,
        "same_as_rules": float(first is not None and first.value == field.value),
        "rule_score": first.score if first else 0.0,
        "words": min((word.confidence for word in field.words), default=0.9),
        "printed": float(field.source is Source.READ),
        "valid": _valid(name, field),
        "partners": float(_partners(decided.fields)),
        "backwards": float(_is_backwards(decided.fields)),
        **_reading_of(name, field),
    }


def _reading_of(name: str, field: Field) -> dict[str, float]:
    """What of its text may have been misread, cut off or understood the wrong way round."""
    raw = field.raw
    label = re.match(r"« ([^»]*) »", field.reason)
    order = re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-]", raw)
    before, _, after = " ".join(word.text for word in field.words).partition(raw) if raw else ("", "", "")
    return {
        "length": float(len(raw)),
        "confusable": float(len(re.findall(r"[OoIlSBZ]", raw)) if TARGET_OF[name] in {"invoice_number", "order_reference"} else 0),
        "inner_letters": float(len(re.findall(r"(?<=\d)[^\W\d_]+(?=\d)", raw))),
        "small_letters": float(sum(c.islower() for c in raw)),
        "cut": float(before[-1:].isalnum() or after[:1].isalnum()),
        "labelled": float(label is not None),
        "label_length": float(len(label[1])) if label else 0.0,
        "either_order": float(order is not None and int(order[1]) <= 12 and int(order[2]) <= 12 and order[1] != order[2]),
    }


def _odds(name: str, field: Field, judged: Sequence[Judged]) -> tuple[float, float, float]:
    """Log-odds of the value, how far they lead the best other, and how often it is printed."""
    asked = _asked(name, field)
    own = next((each for each in judged if each.candidate.value == asked), None)
    other = max((each.odds for each in judged if each.candidate.value != asked), default=-12.0)
    odds = own.odds if own else -12.0
    return odds, odds - other, float(min(4, len(own.candidate.spots))) if own else 0.0


def _asked(name: str, field: Field) -> object:
    if isinstance(field.value, Decimal):
        return abs(field.value)
    if name in {*SUPPLIER, "buyer_siren"}:
        return company_of(Choice(field.value, None, 0.0, ""))
    return field.value


def _sums(totals: Totals) -> dict[str, float]:
    """Net + tax = gross, one of them repaired, the tax table adds up to them, the lines of goods add up to the net amount."""
    net, tax = (part.value if part else None for part in (totals.net, totals.tax))
    rows = totals.vat_lines
    table = bool(rows) and not totals.implied and (sum(row.base for row in rows), sum(row.tax for row in rows)) == (net, tax)
    summed = bool(totals.items) and sum(item.net or Decimal(0) for item in totals.items) == net
    told = {"agrees": totals.agrees, "repaired": totals.repaired, "tax_rows": table, "items": summed}
    return {name: float(value) for name, value in told.items()}


def _valid(name: str, field: Field) -> float:
    check = _CHECKS.get(name)
    return float(check(str(field.value))) if check else 1.0


def _partners(fields: Mapping[str, Field]) -> int:
    """How many of the supplier's identifiers name one company."""
    companies = [company_of(Choice(fields[name].value, None, 0.0, "")) for name in SUPPLIER if name in fields]
    return max((companies.count(company) for company in companies), default=0)


def _is_backwards(fields: Mapping[str, Field]) -> bool:
    issue, due = (fields[name].value if name in fields else None for name in ("issue_date", "due_date"))
    return isinstance(issue, date) and isinstance(due, date) and due < issue


def _cues(name: str, paper: Paper) -> float:
    """How many labels on the pages, five at most, name a field that was not found."""
    if name == "iban":
        found = (re.search(r"(?<![a-z])iban(?![a-z])", fold(s.text)) for sheet in paper.sheets for row in sheet.rows for s in row)
        return float(min(5, sum(bool(each) for each in found)))
    vocabulary, kind = _CUES[name]
    marks = (mark for page in paper.marks[vocabulary].values() for row in page.values() for mark in row)
    return float(min(5, sum(mark.kind == kind and mark.label.weight >= 2 for mark in marks)))


def _page_features(paper: Paper) -> dict[str, float]:
    """Pages, the mean confidence of their words, and whether they are English only, where the month may come first."""
    words = [word.confidence for sheet in paper.sheets for row in sheet.rows for segment in row for word in segment.words]
    text = " ".join(fold(segment.text) for sheet in paper.sheets[:2] for row in sheet.rows for segment in row)
    english = "invoice" in text and not re.search(r"factu|rechnung|faktu", text)
    return {"pages": float(len(paper.sheets)), "page_words": sum(words) / len(words) if words else 0.0, "english": float(english)}
