"""Net, tax, gross and amount due, chosen together: the labels vote, the sum decides."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from ocr.amounts import Amount, find_amounts
from ocr.labels import labels_in, nearest_label
from ocr.layout import Segment, Sheet, Spot, above, fold, left_of, right_of
from ocr.values import VatLine

RATES = tuple(
    Decimal(rate)
    for rate in (
        "0",
        "0.9",
        "1.05",
        "1.75",
        "2.1",
        "5.5",
        "7",
        "8.5",
        "9",
        "9.2",
        "9.6",
        "10",
        "13",
        "16",
        "17",
        "19",
        "19.6",
        "20",
        "20.6",
        "21",
        "22",
    )
)
"""Per cent. The closed French list (rule of the official schematron, past and overseas rates included) and the neighbours' usual rates."""
_CENT = Decimal("0.01")
_MAX_SHARE = Decimal("0.28")
"""No tax is a larger part of its base than this (Hungary's 27 %)."""
_MAX_CHOICES = 14
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,4})?)\s?%")
_BARE_RATE = re.compile(r"\d{1,2}(?:[.,]\d{1,2})?")
_KINDS = ("net", "tax", "gross", "due", "paid")


@dataclass(slots=True)
class Votes:
    """What the labels say of one value, wherever it is printed."""

    weights: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0.0))
    best: dict[str, Amount] = field(default_factory=dict)
    """The occurrence that speaks best for each kind."""
    times: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The joint choice; None where the page does not show the amount."""

    net: Amount | None
    tax: Amount | None
    gross: Amount | None
    due: Amount | None
    agrees: bool
    """net + tax = gross, all three printed."""
    score: float
    vat_lines: tuple[VatLine, ...] = ()


def choose_totals(sheets: Sequence[Sheet]) -> Totals:
    """The set of printed amounts that the labels, the sum and the VAT table speak for most."""
    amounts = [amount for sheet in sheets for amount in find_amounts(sheet)]
    votes = count_votes(amounts)
    lines = vat_lines(amounts)
    choices = list(_choices(votes))
    if not choices:
        return Totals(None, None, None, None, False, 0.0, lines)
    largest = max((abs(value) for value in votes), default=Decimal(1)) or Decimal(1)
    best = max(choices, key=lambda choice: _score(choice, votes, lines, largest))
    net, tax, gross = best
    return Totals(
        net=_best(votes, net, "net"),
        tax=_best(votes, tax, "tax"),
        gross=_best(votes, gross, "gross"),
        due=_best(votes, _due(votes, gross), "due"),
        agrees=_adds_up(net, tax, gross),
        score=_score(best, votes, lines, largest),
        vat_lines=lines,
    )


def count_votes(amounts: Iterable[Amount]) -> dict[Decimal, Votes]:
    """For each value what its labels say; an amount whose own label names a discount, a unit price or a capital has no vote."""
    votes: dict[Decimal, Votes] = defaultdict(Votes)
    for amount in amounts:
        said = _said(amount)
        if said is None:
            continue
        own = votes[amount.value]
        own.times += 1
        for kind, weight in said.items():
            if weight > own.weights[kind] or kind not in own.best:
                own.best[kind] = amount
            own.weights[kind] = max(own.weights[kind], weight)
    return dict(votes)


def vat_lines(amounts: Sequence[Amount]) -> tuple[VatLine, ...]:
    """Rows that hold a rate, a base and its tax."""
    rows: dict[tuple[int, int], list[Amount]] = defaultdict(list)
    for amount in amounts:
        rows[amount.spot.sheet.page, amount.spot.row].append(amount)
    found: dict[VatLine, None] = {}
    for row in rows.values():
        line = _vat_line(row[0].spot.sheet.rows[row[0].spot.row], [amount.value for amount in row])
        if line:
            found[line] = None
    return tuple(found)


def tax_of(base: Decimal, rate: Decimal) -> Decimal:
    """Rounded to the cent, half away from zero."""
    return (base * rate / 100).quantize(_CENT, ROUND_HALF_UP)


def _said(amount: Amount) -> Mapping[str, float] | None:
    spot = amount.spot
    said = dict.fromkeys(_KINDS, 0.0)
    text = left_of(spot)
    label = nearest_label(text, "amounts")
    adjacent = (
        label is not None and not re.search(r"\d", re.sub(r"\d+ ?%|\d+ \d+ ?%", "", text[label.end :])) and len(text) - label.end < 45
    )
    if label and adjacent and label.kind == "line":
        return None
    if label and label.kind in said:
        said[label.kind] += label.weight * (1.0 if adjacent else 0.4)
    for kind, words in (("gross", ("ttc", "t t c", "incl")), ("net", ("ht", "hors taxes"))):
        if any(right_of(spot).removeprefix("eur ").startswith(word) for word in words):
            said[kind] += 1.0
    if label is None or not adjacent or label.kind == "gross":
        for kind, weight in _column_says(spot):
            said[kind] += weight
    if spot.depth > 0.4:
        said = {kind: weight + 0.3 * spot.depth if weight else 0.0 for kind, weight in said.items()}
    return said


def _column_says(spot: Spot) -> Iterator[tuple[str, float]]:
    """The first heading above in the column; short texts without a label, such as « (EUR) », are passed over."""
    for distance, text in above(spot):
        labels = labels_in(text, "amounts")
        if labels:
            if labels[-1].kind in _KINDS:
                yield labels[-1].kind, labels[-1].weight * (1 - 0.02 * distance)
            return
        if sum(c.isalpha() for c in text) > 6:
            return


def _choices(votes: Mapping[Decimal, Votes]) -> Iterator[tuple[Decimal | None, Decimal | None, Decimal | None]]:
    nets, taxes, grosses = (_ranked(votes, kind) for kind in ("net", "tax", "gross"))
    for gross in [*grosses, None]:
        for net in [*nets, None]:
            missing = [gross - net] if gross is not None and net is not None and gross - net in votes else []
            for tax in {*taxes, *missing, None}:
                if (net, tax, gross) != (None, None, None):
                    yield net, tax, gross


def _ranked(votes: Mapping[Decimal, Votes], kind: str) -> list[Decimal]:
    spoken = [value for value, own in votes.items() if _weight(own, kind) > 0]
    return sorted(spoken, key=lambda value: (-_weight(votes[value], kind), -abs(value)))[:_MAX_CHOICES]


def _weight(own: Votes, kind: str) -> float:
    """What is to be paid is the gross amount where nothing was paid before."""
    if kind == "gross":
        return max(own.weights["gross"], 0.7 * own.weights["due"])
    return own.weights[kind]


def _score(
    choice: tuple[Decimal | None, Decimal | None, Decimal | None],
    votes: Mapping[Decimal, Votes],
    lines: Sequence[VatLine],
    largest: Decimal,
) -> float:
    net, tax, gross = choice
    score = sum(_weight(votes[value], kind) for value, kind in zip(choice, ("net", "tax", "gross"), strict=True) if value is not None)
    if gross is not None:
        score += 0.5 * float(abs(gross) / largest)
    if net is not None and tax is not None and gross is not None:
        score += 3.0 if _adds_up(net, tax, gross) else -5.0
    if net is not None and tax is not None and any(abs(tax - tax_of(net, rate)) <= _CENT for rate in RATES):
        score += 0.5
    if net is not None and gross is not None and tax is None:
        score += 1.0 if net == gross else -1.0
        score -= 3.0 if abs(gross) < abs(net) else 0.0
    if lines and net == sum(line.base for line in lines) and tax == sum(line.tax for line in lines):
        score += 1.5
    return score


def _adds_up(net: Decimal | None, tax: Decimal | None, gross: Decimal | None) -> bool:
    if net is None or tax is None or gross is None or net + tax != gross:
        return False
    return tax == 0 or (net * tax > 0 and abs(tax) <= abs(net) * _MAX_SHARE)


def _due(votes: Mapping[Decimal, Votes], gross: Decimal | None) -> Decimal | None:
    """What the due labels say, best where gross − paid = due; the gross amount where no label speaks and nothing was paid."""
    paid = {value for value, own in votes.items() if own.weights["paid"] > 0}
    spoken = [value for value, own in votes.items() if own.weights["due"] > 0]
    if not spoken:
        return gross if not any(paid) else None
    return max(
        spoken,
        key=lambda value: votes[value].weights["due"] + (1.0 if gross is not None and (gross - value in paid or value == gross) else 0.0),
    )


def _best(votes: Mapping[Decimal, Votes], value: Decimal | None, kind: str) -> Amount | None:
    if value is None:
        return None
    best = votes[value].best
    for other in (kind, "due", "gross", *_KINDS):
        if other in best:
            return best[other]
    return None


def _vat_line(segments: Sequence[Segment], values: Sequence[Decimal]) -> VatLine | None:
    text = " ".join(segment.text for segment in segments)
    shown = [match[1] for match in _PERCENT.finditer(text[:300])]
    shown += [segment.text for segment in segments if _BARE_RATE.fullmatch(segment.text)]
    for rate in (Decimal(number.replace(",", ".")).normalize() for number in shown[:4]):
        if rate not in RATES or not _is_tax_row(segments, rate):
            continue
        # The base stands next to its tax: neighbours are tried first.
        for step in range(1, len(values)):
            for base, tax in zip(values, values[step:], strict=False):
                if abs(tax_of(base, rate) - tax) <= _CENT and (base or tax):
                    return VatLine(rate, base, tax)
    return None


def _is_tax_row(segments: Sequence[Segment], rate: Decimal) -> bool:
    """A line of goods shows quantities and descriptions as well: a tax row is short."""
    letters = sum(c.isalpha() for segment in segments for c in fold(segment.text))
    return letters < 60 and (rate != 0 or letters < 30)
