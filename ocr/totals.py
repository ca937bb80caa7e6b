"""Net, tax, gross, what was paid and what is due, chosen together: the labels vote, the arithmetic decides.

A story is told once: net + tax = gross, the tax table adds up to both, the lines add up to the net, gross − paid = due.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations

from ocr.amounts import Amount, find_amounts, misread_amounts, whole_amounts
from ocr.claims import Mark, Marks, marks_of
from ocr.items import Line, find_lines, listed_lines, settled
from ocr.labels import Label, nearest_label
from ocr.layout import Sheet, Spot, left_of, right_of
from ocr.rates import (
    MAX_SHARE,
    RATES,
    VatRow,
    fits_rate,
    free_words,
    implied_line,
    printed_rates,
    settled_lines,
    summed_lines,
    table_places,
    table_sums,
    vat_rows,
)
from ocr.values import Field, LineItem, Source, VatLine

KINDS = ("net", "tax", "gross", "due", "paid", "rounding", "balance", "tender", "change")
"""What an amount can be at the foot of an invoice; `balance` is what was owed before, `tender` what was handed over at a till."""
_CENT = Decimal("0.01")
_CLEAR = 2.5
"""Weight of a label that leaves no doubt."""
_MAX_CHOICES = 14
_MAX_VALUES = 60
"""Amounts tried in pairs where no label speaks."""
_MAX_TABLES = 12
"""Stories whose tax tables are tried; the likeliest before."""
_ROUNDING = re.compile(r"\b(arrondi|rounding|round adj|rundung\w*|afronding\w*|rounded|round off)\b")
_BALANCE = re.compile(
    r"\b(solde (precedent|anterieur|reporte)|ancien solde|report (du )?solde|previous balance|balance brought forward|opening balance|"
    r"retenue( de garantie)?|retention|sicherheitseinbehalt|einbehalt|inhouding|garantie 5 %|"
    r"factures? (anterieures?|precedentes?)( impayees?)?|anterieures? impayees?|impayes|arrieres|unpaid invoices|previous invoices|arrears|"
    r"offene posten|ruckstand|fruhere rechnungen|saldo vorige \w+|vorige facturen|openstaande facturen|achterstallig\w*|"
    r"saldovortrag|alter saldo|vorheriger saldo|vorig saldo|openstaand saldo|vorige saldo|solde au)\b"
)
_CARRIED = re.compile(
    r"\b(a reporter|report de la page|report page|total page|ubertrag|uebertrag|carried forward|brought forward|transport)\b"
)
_TENDER = re.compile(
    r"\b(cash|cash received|especes|carte( bancaire)?|cb|bar|bargeld|gegeben|contant|pin|visa|master( ?card)?|debit card|credit card)$"
)
_CHANGE = re.compile(r"\b(change|change due|rendu|monnaie( rendue)?|ruckgeld|wechselgeld|wisselgeld|terug|retour)$")
_TAX_WITHIN = re.compile(r"(tva|inkl|incl|inklusive|inc) ?(mwst|ust|btw|vat|tva|incluse|comprise)?")
_SPECIAL = (("rounding", _ROUNDING), ("balance", _BALANCE), ("change", _CHANGE), ("tender", _TENDER))
_AFTER = (("gross", ("ttc", "t t c", "incl", "tvac", "tva comprise")), ("net", ("ht", "hors taxes", "htva", "excl", "hors tva")))
_MAX_FIRST = 1000
_MAX_LAST = 3000
"""Amounts looked at, from the top and up from the end, where the sums stand; twenty dense pages have about four thousand."""
_UP = 8
"""Rows between an amount and the heading of its column."""


@dataclass(slots=True)
class Votes:
    """What the labels say of one value, wherever it is printed."""

    weights: dict[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 0.0))
    best: dict[str, Amount] = field(default_factory=dict)
    """The occurrence that speaks best for each kind."""
    times: int = 0


@dataclass(frozen=True, slots=True)
class Computed:
    """One of the sums, not printed: concluded from the two others."""

    kind: str
    value: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The joint choice; None where the page does not show the amount."""

    net: Amount | None = None
    tax: Amount | None = None
    gross: Amount | None = None
    due: Amount | None = None
    paid: Amount | None = None
    agrees: bool = False
    """net + tax = gross, all three printed."""
    score: float = 0.0
    vat_lines: tuple[VatLine, ...] = ()
    implied: bool = False
    """The tax line follows from the totals and a rate; no row shows it."""
    items: tuple[LineItem, ...] = ()
    computed: tuple[Computed, ...] = ()
    repaired: bool = False
    """One of the three was misread, and only one reading of it adds up."""


@dataclass(frozen=True, slots=True)
class Story:
    """Net, tax and gross as one candidate."""

    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None

    @property
    def parts(self) -> tuple[tuple[str, Decimal | None], ...]:
        return ("net", self.net), ("tax", self.tax), ("gross", self.gross)


_NOTHING = Story(None, None, None)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the pages hold before anything is decided."""

    amounts: Sequence[Amount]
    """In reading order; of very many the first and the last."""
    lines: Sequence[Line]
    """Rows that may be lines of goods."""
    rows: Sequence[VatRow]
    parts: frozenset[tuple[int, int]]
    """Page and row of goods and of the lines of a tax table: parts of the sums, not the sums."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything beside the labels that a story is held against."""

    votes: Mapping[Decimal, Votes]
    rows: Sequence[VatRow]
    rates: Mapping[Decimal, int]
    free: str
    """The words of an exemption or a reverse charge; empty where there are none."""
    sums: frozenset[Decimal]
    """What the lines of goods add up to."""
    largest: Decimal
    values: frozenset[Decimal]
    """All amounts on the pages."""
    outside: frozenset[Decimal]
    """Those that stand in no row that may be a line of goods."""
    labelled: Decimal
    """The largest amount that bears the label of a gross amount; 0 where none does."""
    tendered: frozenset[Decimal]
    """What was handed over at a till, less the change."""


def read_figures(sheets: Sequence[Sheet]) -> Figures:
    """The amounts of the pages, and which of them are goods and lines of a tax table."""
    every = [amount for sheet in sheets for amount in find_amounts(sheet)]
    amounts = every if len(every) <= _MAX_FIRST + _MAX_LAST else [*every[:_MAX_FIRST], *every[-_MAX_LAST:]]
    lines = find_lines(sheets) or listed_lines(sheets, _labelled_sums(amounts))
    goods = {(line.item.page, line.row) for line in lines if line.sure}
    rows = vat_rows(amounts, goods, [line.item for line in lines])
    return Figures(amounts, lines, rows, frozenset(goods | table_places(rows)))


def choose_totals(sheets: Sequence[Sheet], votes: Mapping[Decimal, Votes] | None = None, figures: Figures | None = None) -> Totals:
    """The set of printed amounts that the labels, the sums and the tax table speak for most.

    `votes` may be handed in where something other than the labels has learned to weigh them; `figures` where they were read before.
    """
    figures = figures or read_figures(sheets)
    amounts, lines, rows, parts = figures.amounts, figures.lines, figures.rows, figures.parts
    if votes is None:
        votes = _votes_of(sheets, amounts, parts)
    rates, free = printed_rates(sheets), free_words(sheets)
    largest = max((abs(value) for value, own in votes.items() if own.times), default=Decimal(1)) or Decimal(1)
    labelled = max((abs(value) for value, own in votes.items() if _weight(own, "gross") >= 1), default=Decimal(0))
    values = frozenset(amount.value for amount in amounts)
    listed = {(line.item.page, line.row) for line in lines}
    outside = frozenset(amount.value for amount in amounts if (amount.spot.sheet.page, amount.spot.row) not in listed)
    evidence = Evidence(votes, rows, rates, free, _line_sums(lines), largest, values, outside, labelled, _tendered(votes))
    story, score = _best_story(evidence)
    if story == _NOTHING:
        story, score = _unlabelled_sum(sheets, evidence), 0.0
    repair = None if _is_sound(story, evidence) else _repaired(sheets, parts, evidence)
    if repair and _score(repair[0], replace(evidence, votes=repair[1])) > score:
        story, votes = repair
        evidence = replace(evidence, votes=votes)
        score = _score(story, evidence)
    else:
        repair = None
    return _told(_as_printed(story, evidence), score, evidence, lines, repair is not None)


def amount_votes(sheets: Sequence[Sheet], figures: Figures | None = None) -> dict[Decimal, Votes]:
    """Every amount of the pages with what its labels say; rows of goods and lines of a tax table left out."""
    figures = figures or read_figures(sheets)
    return _votes_of(sheets, figures.amounts, figures.parts)


def _unlabelled_sum(sheets: Sequence[Sheet], evidence: Evidence) -> Story:
    """No label speaks at all: the largest amount, where those above it in its column add up to it."""
    largest = max(evidence.votes, key=abs, default=None)
    amounts = [amount for sheet in sheets for amount in find_amounts(sheet) if amount.value == largest]
    return Story(None, None, largest) if len(listed_lines(sheets, amounts)) > 1 else _NOTHING


def _labelled_sums(amounts: Sequence[Amount]) -> list[Amount]:
    """Wherever amounts stand that are labelled so: net amounts first, then gross ones."""
    votes = count_votes(amounts)
    ranked = [value for kind in ("net", "gross") for value in _ranked(votes, kind) if votes[value].weights[kind] >= 1]
    return [amount for value in dict.fromkeys(ranked) for amount in amounts if amount.value == value]


def count_votes(amounts: Iterable[Amount], goods: Collection[tuple[int, int]] = ()) -> dict[Decimal, Votes]:
    """For each value what its labels say; an amount whose own label names a discount, a unit price or a capital has no vote.

    `goods` are rows of goods as (page, row): they are prices, not sums.
    """
    votes: dict[Decimal, Votes] = defaultdict(Votes)
    marks: dict[int, Marks] = {}
    values: dict[tuple[int, int], list[Spot]] = defaultdict(list)
    kept = [amount for amount in amounts if (amount.spot.sheet.page, amount.spot.row) not in goods]
    for amount in kept:
        values[amount.spot.sheet.page, amount.spot.row].append(amount.spot)
    for amount in kept:
        page = amount.spot.sheet.page
        if page not in marks:
            marks[page] = marks_of(amount.spot.sheet, "amounts")
        said = _said(amount, marks[page], values)
        if said is None:
            continue
        own = votes[amount.value]
        own.times += 1
        for kind, weight in said.items():
            if weight > own.weights[kind] or kind not in own.best:
                own.best[kind] = amount
            own.weights[kind] = max(own.weights[kind], weight)
    return dict(votes)


def total_fields(totals: Totals) -> Iterator[Field]:
    """The amounts, the tax table and the lines as fields; what was computed says so."""
    why = "net + tax = gross" if totals.agrees else "its label"
    why += ", one misread sign put right: only this reading adds up" if totals.repaired else ""
    named = ("total_net", totals.net), ("total_tax", totals.tax), ("total_gross", totals.gross), ("paid_amount", totals.paid)
    for name, amount in (*named, ("amount_due", totals.due)):
        if amount:
            yield _amount_field(name, amount, 4.0 if totals.agrees else 1.5, why)
    names = {"net": "total_net", "tax": "total_tax", "gross": "total_gross", "due": "amount_due"}
    for one in totals.computed:
        yield Field(names[one.kind], one.value, "", 0, None, 0.9 if totals.agrees else 0.6, one.reason, source=Source.RULE)
    if totals.vat_lines:
        certain = 0.9 if totals.agrees else 0.6
        reason, source = ("computed: the totals and one rate", Source.RULE) if totals.implied else ("base × rate = tax", Source.READ)
        yield Field("vat_breakdown", totals.vat_lines, "", 0, None, certain, reason, source=source)
    if totals.items:
        summed = sum((item.net for item in totals.items if item.net is not None), Decimal(0))
        agrees = totals.net is not None and summed == totals.net.value
        reason = "the lines add up to the net amount" if agrees else "rows of the table of goods"
        page, box = (totals.items[0].page, totals.items[0].box) if len(totals.items) == 1 else (totals.items[0].page, None)
        yield Field("lines", totals.items, "", page, box, 0.9 if agrees else 0.6, reason)


def _amount_field(name: str, amount: Amount, score: float, reason: str) -> Field:
    spot = amount.spot
    certainty = min(0.99, max(0.05, 0.3 + 0.2 * score)) * spot.confidence
    return Field(name, amount.value, spot.raw, spot.sheet.page, spot.box, round(certainty, 3), reason, spot.words)


def _votes_of(sheets: Sequence[Sheet], amounts: Sequence[Amount], goods: Collection[tuple[int, int]]) -> dict[Decimal, Votes]:
    """Whole numbers speak where no sum with cents bears a label."""
    votes = count_votes(amounts, goods)
    if any(max(own.weights["net"], own.weights["gross"], own.weights["due"]) >= 1 for own in votes.values()):
        return votes
    whole = count_votes([amount for sheet in sheets for amount in whole_amounts(sheet)][-_MAX_LAST:], goods)
    spoken = {value: own for value, own in whole.items() if max(own.weights.values()) > 1 and value not in votes}
    return votes | spoken


def _said(amount: Amount, marks: Marks, values: Mapping[tuple[int, int], Sequence[Spot]]) -> Mapping[str, float] | None:
    spot = amount.spot
    said = dict.fromkeys(KINDS, 0.0)
    text = left_of(spot)
    if _CARRIED.search(text[-40:]):
        return None
    label = nearest_label(text, "amounts")
    adjacent = label is not None and _is_adjacent(text, label)
    special = next((kind for kind, pattern in _SPECIAL if pattern.search(re.sub(r"( rm| eur)$", "", text[-40:]))), None)
    if special:
        said[special] = 2.5
        return said
    if label and adjacent and label.kind == "line":
        return None
    if label and label.kind == "gross" and _TAX_WITHIN.match(label.phrase) and re.search(r"\d ?%", text[label.end :]):
        # « TVA incluse 20 % : 12,00 » is the tax; « TVA incluse : 72,00 » the gross amount.
        said["tax"] += 1.5
    elif label and label.kind in said:
        said[label.kind] += label.weight * (1.0 if adjacent else 0.4)
    after = right_of(spot).removeprefix("eur ")
    for kind, words in _AFTER:
        if any(after.startswith(word) for word in words):
            said[kind] += 1.0
    if label is None or not adjacent or label.kind == "gross":
        mark, weight = _heading_of(spot, marks, values[spot.sheet.page, spot.row])
        if mark and mark.kind in KINDS:
            same = label is not None and adjacent and label.kind == mark.kind
            said[mark.kind] = max(said[mark.kind], weight) if same else said[mark.kind] + weight
    if spot.depth > 0.4:
        said = {kind: weight + 0.3 * spot.depth if weight else 0.0 for kind, weight in said.items()}
    return said


def _is_adjacent(text: str, label: Label) -> bool:
    """No other number stands between the label and the value; a rate may."""
    between = re.sub(r"\d+ ?%|\d+ \d+ ?%", "", text[label.end :])
    return not re.search(r"\d", between) and len(text) - label.end < 45


def _heading_of(spot: Spot, marks: Marks, row: Sequence[Spot]) -> tuple[Mark | None, float]:
    """The label over the value in its column and its weight, less with distance.

    Where a row of as many labels stands over the row of values, the first label speaks for the first value and so on.
    """
    x0, _, x1, _ = spot.box
    paired = False
    for distance in range(1, _UP + 1):
        index = spot.row - distance
        if index < 0:
            return None, 0.0
        heads = [mark for mark in marks.get(index, ()) if not mark.used]
        if len(row) > 1 and len(heads) == len(row) and not paired and distance <= 3 and len({mark.kind for mark in heads}) > 1:
            mark = heads[row.index(spot)]
            return mark, mark.label.weight * (1 - 0.02 * distance)
        over = [mark for mark in heads if mark.x0 < x1 and mark.x1 > x0]
        if over:
            mark = max(over, key=lambda mark: min(x1, mark.x1) - max(x0, mark.x0))
            return mark, mark.label.weight * (1 - 0.02 * distance)
        between = [s for s in spot.sheet.rows[index] if s.box[0] < x1 and s.box[2] > x0]
        if any(sum(c.isalpha() for c in segment.text) > 6 for segment in between):
            return None, 0.0
        paired = paired or bool(heads)
    return None, 0.0


def _best_story(evidence: Evidence) -> tuple[Story, float]:
    """Scored without the tax table first: only the likeliest are held against it."""
    rough = sorted(_stories(evidence), key=lambda story: -_score(story, evidence, tables=False))[:_MAX_TABLES]
    if not rough:
        return _NOTHING, 0.0
    scored = [(story, _score(story, evidence)) for story in rough]
    return max(scored, key=lambda pair: pair[1])


def _stories(evidence: Evidence) -> Iterator[Story]:
    votes = evidence.votes
    seen: set[Story] = set()
    for story in (*_labelled(votes), *_arithmetic(evidence), *_tabled(evidence)):
        if story not in seen:
            seen.add(story)
            yield story


def _labelled(votes: Mapping[Decimal, Votes]) -> Iterator[Story]:
    nets, taxes, grosses = (_ranked(votes, kind) for kind in ("net", "tax", "gross"))
    grosses = list(dict.fromkeys([*grosses, *_tendered(votes)]))
    for gross in [*grosses, None]:
        for net in [*nets, None]:
            missing = [gross - net] if gross is not None and net is not None and gross - net in votes else []
            for tax in [*dict.fromkeys([*taxes, *missing]), None]:
                if (net, tax, gross) != (None, None, None):
                    yield Story(net, tax, gross)


def _arithmetic(evidence: Evidence) -> Iterator[Story]:
    """Three amounts that add up by a known rate, whatever their labels say."""
    votes = evidence.votes
    spoken = sorted((value for value in votes if value), key=lambda value: (-max(votes[value].weights.values()), -abs(value)))
    values = spoken[:_MAX_VALUES]
    rates = [*evidence.rates, *(rate for rate in RATES if rate not in evidence.rates)]
    for gross in values:
        for net in values:
            tax = gross - net
            if tax in votes and votes[tax].weights["rounding"]:
                continue
            if tax in votes and _is_share(net, tax) and any(rate and fits_rate(net, tax, rate) for rate in rates):
                yield Story(net, tax, gross)
            if _weight(votes[gross], "gross") > 0 and tax and _is_share(net, tax) and tax in votes:
                yield Story(net, tax, gross)


def _tabled(evidence: Evidence) -> Iterator[Story]:
    """What the lines of the tax table make together, as far as it is printed."""
    votes = evidence.votes
    for net, tax in dict.fromkeys(table_sums(evidence.rows)):
        for rounding in (Decimal(0), *_shifts(votes)):
            parts = [value if value in votes else None for value in (net, tax, net + tax + rounding)]
            if tax and (parts[2] is not None or (parts[0] is not None and not rounding)):
                yield Story(*parts)


def _is_share(net: Decimal, tax: Decimal) -> bool:
    return net * tax > 0 and abs(tax) <= abs(net) * MAX_SHARE


def _ranked(votes: Mapping[Decimal, Votes], kind: str) -> list[Decimal]:
    spoken = [value for value, own in votes.items() if _weight(own, kind) > 0]
    return sorted(spoken, key=lambda value: (-_weight(votes[value], kind), -abs(value)))[:_MAX_CHOICES]


def _weight(own: Votes, kind: str) -> float:
    """What is to be paid is the gross amount where nothing was paid before."""
    if kind == "gross":
        return max(own.weights["gross"], 0.7 * own.weights["due"])
    return own.weights[kind]


def _score(story: Story, evidence: Evidence, tables: bool = True) -> float:
    net, gross = story.net, story.gross
    votes = evidence.votes
    score = sum(_weight(votes[value], kind) for kind, value in story.parts if value is not None)
    if gross is not None:
        score += 1.5 + 0.5 * float(abs(gross) / evidence.largest) + 0.3 * min(2, votes[gross].times - 1)
        score -= 2.0 if gross == 0 else 0.0
        if _weight(votes[gross], "gross") < 1 and gross not in evidence.tendered:
            score -= 4.0 if abs(gross) < evidence.labelled else 2.0 if evidence.labelled else 0.0
        score += 2.0 if gross in evidence.tendered else 0.0
    else:
        score -= 2.0 if evidence.labelled else 0.0
    score += _sum_worth(story, evidence, tables)
    if net is not None and abs(net) in evidence.sums:
        score += 1.0
    elif gross is not None and abs(gross) in evidence.sums:
        score += 0.5
    if gross is not None and _settles(votes, gross):
        score += 0.5
    return score


def _sum_worth(story: Story, evidence: Evidence, tables: bool) -> float:
    """How well net, tax and gross agree; the tax table may stand for one that is not printed."""
    net, tax, gross = story.net, story.tax, story.gross
    if net is not None and tax is not None and gross is not None:
        roundings = _roundings(evidence.votes)
        if not _adds_up(story, roundings):
            return -5.0
        # What was rounded is the total that counts, where it bears the label of one.
        rounded = 2.0 if net + tax != gross and evidence.votes[gross].weights["gross"] >= 1 else 0.0
        worth = _rate_worth(net, tax, evidence, tables)
        return rounded + (3.0 if worth or not tax else 1.0) + worth
    full = _filled(story)
    if full is None:
        whole = tables and gross is not None and any(tax and net + tax == gross for net, tax in table_sums(evidence.rows))
        return 4.0 if whole else 0.0
    net, tax, gross = full
    table = _table_worth(net, tax, evidence) if tables and tax else 0.0
    if story.tax is None:
        return (1.0 if net == gross else -1.0) - (3.0 if abs(gross) < abs(net) else 0.0) + (table + 2.0 if table else 0.0)
    return table + 2.0 if table else _rate_worth(net, tax, evidence, tables=False)


def _filled(story: Story) -> tuple[Decimal, Decimal, Decimal] | None:
    """All three, one of them computed; None where two are missing."""
    net, tax, gross = story.net, story.tax, story.gross
    if net is not None and tax is not None:
        return net, tax, net + tax
    if gross is not None and net is not None:
        return net, gross - net, gross
    if gross is not None and tax is not None:
        return gross - tax, tax, gross
    return None


def _rate_worth(net: Decimal, tax: Decimal, evidence: Evidence, tables: bool) -> float:
    """A tax table that adds up says more than one rate that fits."""
    table = _table_worth(net, tax, evidence) if tables else 0.0
    if table:
        return table
    if any(rate and fits_rate(net, tax, rate) for rate in evidence.rates):
        return 1.5
    return 0.5 if any(rate and fits_rate(net, tax, rate) for rate in RATES) else 0.0


def _table_worth(net: Decimal, tax: Decimal, evidence: Evidence) -> float:
    """A table of several lines says more than one of one line: it cannot be chance."""
    lines = summed_lines(evidence.rows, net, tax)
    return 3.0 + min(3.0, 1.5 * (len(lines) - 1)) if lines else 0.0


def _adds_up(story: Story, roundings: Collection[Decimal] = ()) -> bool:
    """net + tax = gross, or with a rounding that is printed."""
    net, tax, gross = story.net, story.tax, story.gross
    if net is None or tax is None or gross is None:
        return False
    rest = gross - net - tax
    if rest and not any(abs(rest) == abs(rounding) for rounding in roundings):
        return False
    return tax == 0 or _is_share(net, tax)


def _roundings(votes: Mapping[Decimal, Votes]) -> list[Decimal]:
    return [value for value, own in votes.items() if own.weights["rounding"] > 0 and 0 < abs(value) < 1]


def _tendered(votes: Mapping[Decimal, Votes]) -> frozenset[Decimal]:
    """Tender − change, where that is printed or no change was given."""
    tenders = [value for value, own in votes.items() if own.weights["tender"] > 0][:6]
    changes = [value for value, own in votes.items() if own.weights["change"] > 0][:6] or [Decimal(0)]
    return frozenset(tender - change for tender in tenders for change in changes if tender - change in votes and tender > change)


def _shifts(votes: Mapping[Decimal, Votes]) -> set[Decimal]:
    """What a rounding may add or take away."""
    return {sign * value for value in _roundings(votes)[:4] for sign in (1, -1)}


def _settles(votes: Mapping[Decimal, Votes], gross: Decimal) -> bool:
    """What is due follows from the gross amount and what was paid."""
    dues = [value for value, own in votes.items() if own.weights["due"] > 1]
    return any(value == gross or _paid_parts(votes, gross - value) for value in dues[:8])


def _paid_parts(votes: Mapping[Decimal, Votes], rest: Decimal) -> tuple[Decimal, ...]:
    """The amounts paid, or owed before, that make the difference between gross and due: at most three."""
    kinds = ("paid", "balance", "rounding")
    spoken = [value for value, own in votes.items() if value and any(own.weights[kind] > 0 for kind in kinds)]
    for size in (1, 2, 3):
        for parts in combinations(spoken[:8], size):
            if any(sum(sign * part for sign, part in zip(signs, parts, strict=True)) == rest for signs in _signs(size)):
                return parts
    return ()


def _signs(size: int) -> Iterator[tuple[int, ...]]:
    for mask in range(2**size):
        yield tuple(-1 if mask >> place & 1 else 1 for place in range(size))


def _is_sound(story: Story, evidence: Evidence) -> bool:
    """All three are printed, add up, and some rate or table explains the tax."""
    if story.net is None or story.tax is None or not _adds_up(story, _roundings(evidence.votes)):
        return False
    return story.tax == 0 or _rate_worth(story.net, story.tax, evidence, tables=True) > 0


def _repaired(sheets: Sequence[Sheet], goods: Collection[tuple[int, int]], evidence: Evidence) -> tuple[Story, dict[Decimal, Votes]] | None:
    """The one story in which one of the three was misread and all then adds up; None where there are several, or none."""
    doubtful = count_votes([amount for sheet in sheets for amount in misread_amounts(sheet)][-_MAX_LAST:], goods)
    votes = dict(evidence.votes)
    found: set[Story] = set()
    ranked = {kind: _ranked(votes, kind)[:6] for kind in ("net", "tax")}
    for value, own in doubtful.items():
        for kind in ("net", "tax", "gross"):
            if _weight(own, kind) > 0.5 and not (value in votes and _weight(votes[value], kind)):
                found |= set(_completed(kind, value, votes, ranked))
    if len(found) != 1:
        return None
    story = found.pop()
    parts = [value for _, value in story.parts]
    return story, votes | {value: _joined(own, votes.get(value)) for value, own in doubtful.items() if value in parts}


def _joined(own: Votes, other: Votes | None) -> Votes:
    if other is None:
        return own
    weights = {kind: max(own.weights[kind], other.weights[kind]) for kind in KINDS}
    best = {kind: (other if other.weights[kind] >= own.weights[kind] else own).best.get(kind) for kind in KINDS}
    return Votes(weights, {kind: amount for kind, amount in best.items() if amount}, own.times + other.times)


def _completed(kind: str, value: Decimal, votes: Mapping[Decimal, Votes], ranked: Mapping[str, Sequence[Decimal]]) -> Iterator[Story]:
    """Two labelled amounts (`ranked`) that make a sum with the repaired one, by a known rate."""
    nets = [value] if kind == "net" else ranked["net"]
    taxes = [value] if kind == "tax" else ranked["tax"]
    for net in nets:
        for tax in taxes:
            gross = net + tax
            printed = gross == value if kind == "gross" else gross in votes and _weight(votes[gross], "gross") > 0
            if printed and _is_share(net, tax) and any(rate and fits_rate(net, tax, rate) for rate in RATES):
                yield Story(net, tax, gross)


def _line_sums(lines: Sequence[Line]) -> frozenset[Decimal]:
    """Of all lines, and of the sure ones."""
    groups = [[line for line in lines if line.sure], list(lines)]
    sums = (abs(sum((line.item.net for line in group if line.item.net is not None), Decimal(0))) for group in groups)
    return frozenset(one for one in sums if one)


def _told(story: Story, score: float, evidence: Evidence, lines: Sequence[Line], repaired: bool) -> Totals:
    votes = evidence.votes
    computed = list(_computed(story, evidence.free)) or list(_tabled_parts(story, evidence))
    values = {kind: value for kind, value in story.parts if value is not None} | {one.kind: one.value for one in computed}
    net, tax, gross = values.get("net"), values.get("tax"), values.get("gross")
    table = settled_lines(evidence.rows, net, tax, evidence.values)
    implied = implied_line(net, tax, evidence.rates) if not table and net is not None and tax is not None else None
    due, paid = _due_and_paid(votes, gross, (net, tax))
    if due is None and gross is not None:
        due = _rounded_due(votes, gross, paid)
    if due is None and gross is not None:
        computed.append(_unpaid(gross, paid))
    return Totals(
        net=_best(votes, story.net, "net"),
        tax=_best(votes, story.tax, "tax"),
        gross=_best(votes, story.gross, "gross"),
        due=_best(votes, due, "due"),
        paid=_positive(_best(votes, paid, "paid")),
        agrees=_adds_up(story, _roundings(votes)),
        score=score,
        vat_lines=table or ((implied,) if implied else ()),
        implied=implied is not None,
        items=tuple(line.item for line in settled(lines, evidence.outside)),
        computed=tuple(computed),
        repaired=repaired,
    )


def _as_printed(story: Story, evidence: Evidence) -> Story:
    """With what is printed in place of what would be computed, even where it does not add up: a wrong sum on paper is told, not mended.

    The one amount whose own label says so, or the tax that the printed rate makes of the net amount.
    """
    missing = [kind for kind, value in story.parts if value is None]
    full = _filled(story)
    if len(missing) != 1 or full is None:
        return story
    kind, votes = missing[0], evidence.votes
    if kind != "gross" and summed_lines(evidence.rows, full[0], full[1]):
        return story
    told = {value for value, own in votes.items() if value and kind in own.best and _is_clear(own.best[kind], kind)}
    if kind == "tax":
        told |= {row.line.tax for row in evidence.rows if row.line.rate and row.line.base == story.net and row.line.tax in votes}
    told -= {value for _, value in story.parts if value is not None}
    return replace(story, **{kind: told.pop()}) if len(told) == 1 else story


def _is_clear(amount: Amount, kind: str) -> bool:
    """Its own label, right beside it, names this kind and no other."""
    text = left_of(amount.spot)
    label = nearest_label(text, "amounts")
    return label is not None and label.kind == kind and label.weight >= _CLEAR and _is_adjacent(text, label)


def _positive(paid: Amount | None) -> Amount | None:
    """BT-113 counts what was paid, whatever sign stands before it: gross − paid = due."""
    return replace(paid, value=abs(paid.value)) if paid else None


def _computed(story: Story, free: str) -> Iterator[Computed]:
    """The one of the three that is not printed; a tax of nothing only where `free` words say why."""
    net, tax, gross = story.net, story.tax, story.gross
    if gross is None and net is not None and tax is not None:
        yield Computed("gross", net + tax, "computed: net + tax")
    elif tax is None and net is not None and net == gross:
        if free:
            yield Computed("tax", Decimal("0.00"), f"no tax: « {free} »")
    elif tax is None and net is not None and gross is not None and _is_share(net, gross - net):
        yield Computed("tax", gross - net, "computed: gross − net")
    elif net is None and tax is not None and gross is not None and (tax == 0 or _is_share(gross - tax, tax)):
        yield Computed("net", gross - tax, "computed: gross − tax")


def _tabled_parts(story: Story, evidence: Evidence) -> Iterator[Computed]:
    """Net and tax where only the gross amount is printed, and the tax table makes it."""
    if story.gross is None or story.net is not None or story.tax is not None:
        return
    for net, tax in table_sums(evidence.rows):
        if tax and net + tax == story.gross:
            yield Computed("net", net, "computed: sum of the tax table")
            yield Computed("tax", tax, "computed: sum of the tax table")
            return


def _unpaid(gross: Decimal, paid: Decimal | None) -> Computed:
    if paid is None:
        return Computed("due", gross, "computed: the gross amount, nothing says that it was paid")
    return Computed("due", gross - abs(paid) if gross > 0 else gross + abs(paid), "computed: gross − paid")


def _due_and_paid(
    votes: Mapping[Decimal, Votes], gross: Decimal | None, sums: Collection[Decimal | None]
) -> tuple[Decimal | None, Decimal | None]:
    """What the labels say, best where gross − paid = due; both None where none speaks.

    `sums` are net and tax: what a deposit invoice asks for is called a deposit too, and was not paid.
    """
    dues = [value for value, own in votes.items() if own.weights["due"] > 0]
    due = max(dues, key=lambda value: votes[value].weights["due"] + _due_worth(votes, gross, value), default=None)
    if due is not None and votes[due].weights["due"] < 2.5 and gross is not None and not _due_worth(votes, gross, due):
        due = None
    if gross is not None and due is not None:
        parts = [part for part in _paid_parts(votes, gross - due) if votes[part].weights["paid"] > 0]
        if len(parts) == 1:
            return due, parts[0]
    spoken = [value for value, own in votes.items() if own.weights["paid"] > 1 and (not value or value not in sums)]
    if gross is not None and due is None:
        # Nothing says what is due: a payment is believed where the rest is printed.
        shifts = _shifts(votes) | {Decimal(0)}
        spoken = [value for value in spoken if not value or any(gross + sign * abs(value) + s in votes for s in shifts for sign in (1, -1))]
    paid = max(spoken, key=lambda value: votes[value].weights["paid"], default=None)
    return due, paid


def _rounded_due(votes: Mapping[Decimal, Votes], gross: Decimal, paid: Decimal | None) -> Decimal | None:
    """Printed without a label that is known: gross − paid, with the rounding or the older debt that is printed."""
    rest = gross - (abs(paid) if gross > 0 else -abs(paid)) if paid else gross
    balances = [value for value, own in votes.items() if own.weights["balance"] > 0 and value]
    shifts = [*balances, *_shifts(votes)]
    found = [rest + shift for shift in shifts if rest + shift in votes]
    return found[0] if found else rest if paid and rest in votes else None


def _due_worth(votes: Mapping[Decimal, Votes], gross: Decimal | None, value: Decimal) -> float:
    if gross is None:
        return 0.0
    return 1.0 if value == gross or _paid_parts(votes, gross - value) else 0.0


def _best(votes: Mapping[Decimal, Votes], value: Decimal | None, kind: str) -> Amount | None:
    if value is None:
        return None
    best = votes[value].best
    for other in (kind, "due", "gross", *KINDS):
        if other in best:
            return best[other]
    return None
