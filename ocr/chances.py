"""The trained ranker in the joint decision: rules find and weigh candidates, the ranker says how likely each is, and its order counts.

Without a model (its file missing or changed) everything stays as the rules decided.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from ocr.amounts import Amount
from ocr.candidates import Candidate, amount_candidates, chosen_candidates, day_candidates, number_candidates
from ocr.choices import Choice
from ocr.features import HANDS, Paper, Rows, rows_of
from ocr.identifiers import vat_siren
from ocr.layout import fold
from ocr.ranker import TARGETS, Ranker
from ocr.totals import Votes
from ocr.values import Known

SUPPLIER = ("supplier_siren", "supplier_siret", "supplier_vat_id")
_BUYER = ("buyer_siren",)
_LEAST = {
    "invoice_number": -3.5,
    "order_reference": -0.5,
    "issue_date": -3.0,
    "due_date": -0.5,
    "delivery_date": 0.0,
    "supplier": -3.5,
    "buyer": -0.5,
    "iban": -4.0,
    "supplier_name": -3.0,
    "buyer_name": -2.0,
}
"""Log-odds from which a value is given: low where nearly every invoice has one, near even where many have none."""
_HANDS = {
    "invoice_number": 0.25,
    "issue_date": 0.25,
    "due_date": 0.25,
    "iban": 1.0,
    "supplier_name": 2.0,
    "buyer_name": 0.5,
}
"""How much of the rules' score is added to the log-odds. The ranker knows that score, but has learned it from drawn pages: where
these say too little of the world (names of trade, accounts, pages with hardly a word), the rules keep a voice."""
_NAMED = {"invoice_number": 3.2}
"""From this score of the rules on, a value is given however unlike the learned pages its own is; how sure it is, is said apart."""
_UNCLAIMED = {"invoice_number": 2.5}
"""How much more must speak for a value that no rule brings forward: of a page of hardly any words the odds, learned from invoices, say
too much."""
_KNOWN = 8.0
"""Log-odds against an own company's being the supplier."""
_PAIRED = 6
_BACKWARDS = 5.0
"""Log-odds against an invoice that falls due before it is issued."""
_VOTE = 0.5
_VOTE_FROM = 3.0
"""The weight of a vote is half the log-odds above -3: even odds weigh as much as a plain label."""
_ROLES = {"total_net": "net", "total_tax": "tax", "total_gross": "gross", "amount_due": "due", "paid_amount": "paid"}


@dataclass(frozen=True, slots=True)
class Table:
    """The candidates of one kind, and a row of features for each."""

    candidates: Sequence[Candidate[Any]]
    rows: Rows


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate and the log-odds that it is what is asked."""

    candidate: Candidate[Any]
    odds: float


Judgement = Mapping[str, Sequence[Judged]]
"""By target, the likeliest first."""


def candidate_tables(paper: Paper, found: Mapping[str, Sequence[Choice]], votes: Mapping[Decimal, Votes]) -> dict[str, Table]:
    """All candidates of a document by kind. `found`: what the rules say of the fields; `votes`: what the labels say of the amounts."""
    claimed = [(str(choice.value), choice.spot) for name in HANDS["numbers"] for choice in found.get(name, ()) if choice.spot]
    companies = [choice for name in (*SUPPLIER, *_BUYER) for choice in found.get(name, ())]
    candidates: dict[str, Sequence[Candidate[Any]]] = {
        "numbers": number_candidates(paper.sheets, paper.marks["numbers"], claimed),
        "days": day_candidates(paper.sheets),
        "companies": chosen_candidates(companies, company_of),
        "accounts": chosen_candidates(found.get("iban", ()), _text_of),
        "names": chosen_candidates([choice for name in HANDS["names"] for choice in found.get(name, ())], _text_of),
        "amounts": amount_candidates(paper.sheets),
    }
    return {kind: Table(own, rows_of(kind, paper, own, _hand_scores(kind, found, votes))) for kind, own in candidates.items()}


def judge(ranker: Ranker, paper: Paper, found: Mapping[str, Sequence[Choice]], votes: Mapping[Decimal, Votes]) -> Judgement:
    """Every candidate of every target with its log-odds."""
    tables = candidate_tables(paper, found, votes)
    return {target: _judged(ranker, target, tables[kind]) for kind, targets in TARGETS.items() for target in targets}


def _judged(ranker: Ranker, target: str, table: Table) -> list[Judged]:
    odds = ranker.odds(target, table.rows)
    return sorted(
        (Judged(candidate, float(own)) for candidate, own in zip(table.candidates, odds, strict=True)), key=lambda each: -each.odds
    )


def company_of(choice: Choice) -> str:
    """The company that an identifier names: its SIREN where there is one within."""
    value = str(choice.value)
    return value[:9] if re.fullmatch(r"\d{14}", value) else vat_siren(value) or value


def _text_of(choice: Choice) -> str:
    return str(choice.value)


def _hand_scores(kind: str, found: Mapping[str, Sequence[Choice]], votes: Mapping[Decimal, Votes]) -> list[dict[Any, float]]:
    """What the rules say of each value, for each field of `HANDS`."""
    if kind == "amounts":
        return [_largest((abs(value), own.weights[name]) for value, own in votes.items()) for name in HANDS[kind]]
    if kind == "companies":
        sides = (SUPPLIER, _BUYER)
        return [_largest((company_of(choice), choice.score) for name in names for choice in found.get(name, ())) for names in sides]
    return [_largest((choice.value, choice.score) for choice in found.get(name, ())) for name in HANDS[kind]]


def _largest(scores: Iterable[tuple[Any, float]]) -> dict[Any, float]:
    best: dict[Any, float] = {}
    for value, score in scores:
        best[value] = max(score, best.get(value, score))
    return best


# --- the judgement in the decision ---


def reorder(
    found: Mapping[str, tuple[Choice, ...]], judgement: Judgement, known: Known, least: Mapping[str, float]
) -> dict[str, tuple[Choice, ...]]:
    """The choices of the fields that the ranker knows, in its order; `least` is the score from which a field is given."""
    told = dict(found)
    for name in ("invoice_number", "order_reference", "delivery_date", "iban", "supplier_name", "buyer_name"):
        told[name] = _ordered(name, found.get(name, ()), judgement[name], known, least.get(name, 0.8))
    supplier = told["supplier_name"][:1]
    told["buyer_name"] = tuple(c for c in told["buyer_name"] if not supplier or fold(str(c.value)) != fold(str(supplier[0].value)))
    for name in ("issue_date", "due_date"):
        told[name] = _ordered(name, found.get(name, ()), judgement[name], known, least.get(name, 0.8))
    told["issue_date"], told["due_date"] = _paired(told["issue_date"], told["due_date"], least.get("due_date", 0.8))
    return told | _companies(found, judgement, known, least.get("supplier_siren", 0.8))


def _ordered(name: str, choices: Sequence[Choice], judged: Sequence[Judged], known: Known, least: float) -> tuple[Choice, ...]:
    """A choice for each candidate, by its odds; what was concluded and stands nowhere on the page comes last."""
    by_value = {choice.value: choice for choice in reversed(choices)}
    ordered = []
    for each in judged:
        value = each.candidate.value
        own = by_value.get(value) or Choice(value, each.candidate.spots[0], 0.0, "its place, shape and neighbours")
        odds = each.odds + _HANDS.get(name, 0.0) * max(-4.0, own.score) - _KNOWN * _is_known(name, value, known)
        scored = _scored(own, odds, name, least)
        doubtful = value not in by_value and odds < _LEAST[name] + _UNCLAIMED.get(name, 0.0)
        if value in by_value and own.score >= _NAMED.get(name, math.inf):
            scored = replace(scored, score=max(scored.score, least + 0.005))
        ordered.append(replace(scored, score=min(scored.score, least - 0.1)) if doubtful else scored)
    ordered.sort(key=lambda choice: -choice.score)
    return (*ordered, *(choice for choice in choices if choice.spot is None))


def _scored(choice: Choice, odds: float, target: str, least: float) -> Choice:
    """On the scale of the rules: `least` at the odds from which it is given, half a point for each further unit of log-odds."""
    return replace(choice, score=least + 0.01 + 0.5 * (odds - _LEAST[target]), says=(*choice.says, ("ranker", odds)))


def _is_known(name: str, value: object, known: Known) -> bool:
    """An own company is no supplier, and its account not the one to pay to."""
    if name == "iban":
        return value in known.ibans
    return name == "supplier_name" and fold(str(value)) in {fold(own) for own in known.names}


def _paired(issues: Sequence[Choice], dues: Sequence[Choice], least: float) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
    """The likeliest issue and due date that may belong to one invoice; without a due date where none is likely enough."""
    if not issues:
        return (), tuple(dues)
    given = [due for due in dues[:_PAIRED] if due.score > least or due.spot is None]
    pairs = [(issue, due) for issue in issues[:_PAIRED] for due in (*given, None)]
    issue, due = max(pairs, key=lambda pair: _pair_worth(pair[0], pair[1], least))
    rest = tuple(other for other in dues if other is not due)
    return (issue, *(other for other in issues if other is not issue)), (due, *rest) if due else ()


def _pair_worth(issue: Choice, due: Choice | None, least: float) -> float:
    if due is None:
        return issue.score
    backwards = isinstance(issue.value, date) and isinstance(due.value, date) and due.value < issue.value
    return issue.score + (due.score - least if due.spot else 0.001) - 0.5 * _BACKWARDS * backwards


def _companies(found: Mapping[str, Sequence[Choice]], judgement: Judgement, known: Known, least: float) -> dict[str, tuple[Choice, ...]]:
    """The identifiers of the likeliest supplier; those of others below what is given. The buyer is the likeliest of the others."""
    own = {*known.sirens, *known.vat_ids}
    numbers = {company_of(choice): {str(choice.value), company_of(choice)} for name in SUPPLIER for choice in found.get(name, ())}
    odds = {
        each.candidate.value: each.odds - _KNOWN * bool(own & numbers.get(each.candidate.value, {each.candidate.value}))
        for each in judgement["supplier"]
    }
    supplier = max(odds, key=lambda company: odds[company], default=None)
    told: dict[str, tuple[Choice, ...]] = {}
    for name in SUPPLIER:
        scored = [_scored(c, odds[company_of(c)], "supplier", least) for c in found.get(name, ()) if company_of(c) in odds]
        kept = [c if company_of(c) == supplier else replace(c, score=min(c.score, least - 0.1)) for c in scored]
        told[name] = tuple(sorted(kept, key=lambda choice: -choice.score))
    buyers = {each.candidate.value: each.odds for each in judgement["buyer"] if each.candidate.value != supplier}
    sirens = [_scored(c, buyers[company_of(c)], "buyer", least) for c in found.get("buyer_siren", ()) if company_of(c) in buyers]
    return told | {"buyer_siren": tuple(sorted(sirens, key=lambda choice: -choice.score))}


def weigh(votes: Mapping[Decimal, Votes], judgement: Judgement) -> dict[Decimal, Votes]:
    """The votes of the labels with the ranker's in place of them; a value that no label spoke for gets a vote where its odds allow."""
    told = {value: Votes(dict(own.weights), dict(own.best), own.times) for value, own in votes.items()}
    for target, kind in _ROLES.items():
        for each in judgement[target]:
            weight = max(0.0, _VOTE * (each.odds + _VOTE_FROM))
            for value in _signed(each.candidate, told, weight):
                own = told.setdefault(value, Votes(times=len(each.candidate.spots)))
                own.weights[kind] = weight
                own.best.setdefault(kind, Amount(value, each.candidate.spots[0], False))
    return told


def _signed(candidate: Candidate[Decimal], votes: Mapping[Decimal, Votes], weight: float) -> list[Decimal]:
    """The value as it has votes, with or without a minus; as it is where it has none and deserves one."""
    known = [value for value in (candidate.value, -candidate.value) if value in votes]
    return known or ([candidate.value] if weight > 0 else [])
