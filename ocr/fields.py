"""What an invoice says: candidates on the page, what speaks for each, and one joint decision; without memory of suppliers yet.

Every field names where on the page it was read, so that a person can check it with one look.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from ocr.amounts import CODES, CURRENCIES, find_amounts
from ocr.chances import Judgement, judge, reorder, weigh
from ocr.choices import Choice, field_of
from ocr.companies import bic_choices, find_ibans, find_identifiers, iban_choices, sort_companies
from ocr.days import date_choices, days_of
from ocr.features import Paper
from ocr.kinds import kind_choices, other_title
from ocr.layout import Sheet, lay_out, segments_of
from ocr.parties import name_choices
from ocr.ranker import Ranker, own_ranker
from ocr.references import FIELDS, reference_choices
from ocr.sureness import UNMEASURED, Decided, make_sure
from ocr.terms import due_by_term, term_choices
from ocr.text import PageText
from ocr.totals import Totals, amount_votes, choose_totals, read_figures, total_fields
from ocr.turning import shown_fields
from ocr.values import Field, Known, Source

_CODE = re.compile(rf"(?<![A-Z])(?:{'|'.join(CODES)})(?![A-Z])")
_EUROS = re.compile(r"\beuros?\b", re.IGNORECASE)
_RUPEES = re.compile(r"\bRs\b")
NOTHING = Known()
"""An installation that knows nothing."""
LEAST = {"issue_date": 0.2, "due_date": 0.5}
"""How much must speak for a value of a field to be given; 0.8 for the others."""


def extract(pages: Sequence[PageText], known: Known = NOTHING) -> dict[str, Field]:
    """The fields of one document by name; what the pages do not show is absent. Work is bounded whatever the pages hold."""
    sheets = lay_out(pages)
    ranker = own_ranker()
    if ranker:
        decided = decide(sheets, known, ranker)
        return shown_fields(_held(sheets, _doubted(make_sure(decided, ranker), decided.totals)), pages)
    return shown_fields(_held(sheets, _fields_of(sheets, choices(sheets, known), choose_totals(sheets))), pages)


def _doubted(fields: dict[str, Field], totals: Totals) -> dict[str, Field]:
    """Sums that are printed and do not add up are not green: one of them was misread, or the paper is wrong."""
    if totals.agrees or not (totals.net and totals.tax and totals.gross):
        return fields
    sums = {name for name in ("total_net", "total_tax", "total_gross", "amount_due", "vat_breakdown") if name in fields}
    why = "net + tax is not the gross amount"
    held = {name: replace(fields[name], confidence=min(fields[name].confidence, UNMEASURED), reason=why) for name in sums}
    return fields | held


def _held(sheets: Sequence[Sheet], fields: dict[str, Field]) -> dict[str, Field]:
    """Nothing is green on a paper whose title is not that of an invoice: confidence was measured on invoices."""
    title = other_title(sheets)
    if title is None:
        return fields
    return {
        name: replace(one, confidence=min(one.confidence, UNMEASURED), reason=f"{one.reason}; the heading says « {title} »")
        for name, one in fields.items()
    }


def decide(sheets: Sequence[Sheet], known: Known, ranker: Ranker) -> Decided:
    """The fields as rules and ranker decide together; their confidence is not measured yet."""
    paper = Paper(tuple(sheets))
    figures = read_figures(sheets)
    hand, votes = choices(sheets, known), amount_votes(sheets, figures)
    judgement = judge(ranker, paper, hand, votes)
    totals = choose_totals(sheets, weigh(votes, judgement), figures)
    return Decided(paper, hand, judgement, totals, _fields_of(sheets, _reordered(sheets, hand, judgement, known), totals))


def _fields_of(sheets: Sequence[Sheet], found: Mapping[str, Sequence[Choice]], totals: Totals) -> dict[str, Field]:
    fields: list[Field | None] = [
        *(field_of(name, own, LEAST.get(name, 0.8)) for name, own in found.items()),
        _currency_field(sheets),
        *total_fields(totals),
    ]
    return {field.name: field for field in fields if field is not None}


def choices(sheets: Sequence[Sheet], known: Known = NOTHING) -> dict[str, tuple[Choice, ...]]:
    """All scored candidates of the fields that are no amounts, by name, the best first."""
    companies = sort_companies(sheets, known)
    ibans = iban_choices(sheets, known)
    days = date_choices(sheets)
    return {
        "document_type_code": kind_choices(sheets),
        **days,
        "arrival_date": days["arrival_date"] or _arrival(known),
        "due_date": days["due_date"] or _due_by_term(sheets, days["issue_date"]),
        **reference_choices(sheets, taken_spans(sheets)),
        **companies.choices,
        "iban": ibans,
        "bic": bic_choices(sheets, ibans),
        **name_choices(sheets, companies.own, companies.theirs, known),
        "payment_terms": term_choices(sheets),
    }


def _reordered(
    sheets: Sequence[Sheet], found: dict[str, tuple[Choice, ...]], judgement: Judgement, known: Known
) -> dict[str, tuple[Choice, ...]]:
    """The ranker's order; a due date that no place shows follows from the date of issue that this order makes the first."""
    told = reorder(found, judgement, known, LEAST)
    printed = tuple(choice for choice in told["due_date"] if choice.spot)
    told |= {"iban": tuple(choice for choice in told["iban"] if choice.value not in known.ibans)}
    given = bool(printed) and printed[0].score > LEAST["due_date"]
    return told | {"due_date": printed if given else _due_by_term(sheets, told["issue_date"])}


def _arrival(known: Known) -> tuple[Choice, ...]:
    """The day of the slip or of the scan, where no stamp on the page says another."""
    return (Choice(known.arrival, None, 3.0, "the day on the slip, else of the scan", Source.RULE),) if known.arrival else ()


def _due_by_term(sheets: Sequence[Sheet], issues: Sequence[Choice]) -> tuple[Choice, ...]:
    """Only where no due date is printed, and the date of issue is more than a guess by its place."""
    if not issues or issues[0].score < 1.0 or not isinstance(issues[0].value, date):
        return ()
    due = due_by_term(sheets, issues[0].value)
    return (due,) if due else ()


def best_number(sheets: Sequence[Sheet], kind: str) -> Choice | None:
    """The document's own number (`number`), or another kind of `ocr.references.FIELDS`; what speaks for it may be little."""
    return next(iter(reference_choices(sheets, taken_spans(sheets)).get(FIELDS[kind], ())), None)


def taken_spans(sheets: Sequence[Sheet]) -> dict[tuple[int, int, int], list[tuple[int, int]]]:
    """Stretches that are dates or amounts, and so no numbers of papers, by page, row and column."""
    spots = [day.spot for day in days_of(sheets) if not day.tight]
    spots += [
        amount.spot for sheet in sheets for amount in find_amounts(sheet) if amount.marked or re.search(r"[.,]\d\d$", amount.spot.raw)
    ]
    spots += [found.spot for sheet in sheets for found in (*find_ibans(sheet), *find_identifiers(sheet)) if found.kind != "siren"]
    taken: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for spot in spots:
        taken.setdefault((spot.sheet.page, spot.row, spot.column), []).append((spot.start, spot.end))
    return taken


def _currency_field(sheets: Sequence[Sheet]) -> Field | None:
    counts: Counter[str] = Counter()
    for sheet in sheets:
        for _, _, segment in segments_of(sheet):
            for sign, code in CURRENCIES.items():
                counts[code] += segment.text.count(sign)
            if printed := set(_CODE.findall(segment.text)):
                counts.update(code for code in CODES if code in printed)
            counts["EUR"] += len(_EUROS.findall(segment.text))
            counts["INR"] += len(_RUPEES.findall(segment.text))
    if not counts.total():
        return None
    code, times = counts.most_common(1)[0]
    confidence = round(0.5 + 0.5 * times / counts.total(), 3)
    return Field("currency", code, code, 0, None, confidence, f"written {times} times of {counts.total()}")
