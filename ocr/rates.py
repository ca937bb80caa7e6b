"""Rates of value added tax, and the lines of the tax table: found by base × rate = tax, settled by the totals they have to add up to."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations

from ocr.amounts import Amount
from ocr.layout import Segment, Sheet, fold
from ocr.values import LineItem, VatLine

RATES = tuple(
    Decimal(rate)
    for rate in (
        *("0", "0.9", "1.05", "1.75", "2.1", "5.5", "7", "8.5", "9.2", "9.6", "10", "13", "16", "17", "19", "19.6", "20", "20.6"),
        *(
            "2.6",
            "3",
            "3.7",
            "3.8",
            "5",
            "6",
            "7.7",
            "8",
            "8.1",
            "9",
            "12",
            "13.5",
            "14",
            "15",
            "18",
            "21",
            "22",
            "23",
            "24",
            "25",
            "25.5",
            "27",
            "4",
            "4.8",
        ),
    )
)
"""Per cent. First the closed French list (BR-FR rules of the official schematron, past and overseas rates included) and Germany's rates,
then the other neighbours': Belgium, Luxembourg, the Netherlands, Switzerland, Italy, Spain, the rest of the Union."""
MAX_SHARE = Decimal("0.28")
"""No tax is a larger part of its base than this (Hungary's 27 %)."""
_CENT = Decimal("0.01")
_PERCENT = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,4})?)\s?%")
_SLIPS = re.compile(r"(?<![\w.,])[0-9OoDIlSBZ]{1,2}(?:[.,][0-9OoDIlSBZ]{1,2})?(?=\s?%)")
_DIGITS = str.maketrans("OoDIlSBZ", "00011582")
"""What readers take for digits, in a rate."""
_BARE_RATE = re.compile(r"\d{1,2}(?:[.,]\d{1,2})?")
_BASE_WORDS = re.compile(r"\b(base|bases|basis|bemessungsgrundlage|grondslag|maatstaf|taxable|assiette|nettobetrag|netto|net)\b")
_TAX_WORDS = re.compile(r"\b(tva|t v a|vat|mwst|mw st|ust|umsatzsteuer|mehrwertsteuer|btw|tax|taxe|steuer|gst|iva|taux|rate|satz|tarief)\b")
_FREE_WORDS = re.compile(
    r"tva non applicable|non soumis|exoner|exempt|art(icle)? 293 ?b|autoliquidation|auto liquidation|reverse charge|steuerschuldnerschaft|"
    r"kleinunternehmer|19 ustg|steuerfrei|vrijgesteld|btw verlegd|verlegd|intracommunautaire|innergemeinschaftlich|zero rated|"
    r"kleineondernemers|hors champ|outside the scope|vat free|tax free|not subject to vat|ausfuhrlieferung"
)
_MAX_ROWS = 12
"""Rows of tax tables that are tried together: 2^12 sums."""
_MAX_LINES = 6
_MAX_TRIED = 60
"""Rows with a rate that are looked at closely: the likeliest, and of those the last, for tax tables stand at the end."""
_MAX_BASES = 24
"""Printed amounts that may be the base of one tax."""
_MAX_WORDY = 90
"""Letters from which a row is a sentence."""
_MAX_NUMBERS = 8
"""Of one row."""
_MAX_RATES = 4
"""Of one row."""


@dataclass(frozen=True, slots=True)
class VatRow:
    """A row that may be a line of the tax table."""

    line: VatLine
    worth: float
    """How much its place looks like a tax table; 3 and more under the headings of one."""
    place: tuple[int, int]
    """Page and row."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row with amounts, outside the table of goods."""

    place: tuple[int, int]
    numbers: tuple[Decimal, ...]
    rates: tuple[Decimal, ...]
    worth: float
    letters: int


def tax_of(base: Decimal, rate: Decimal) -> Decimal:
    """Rounded to the cent, half away from zero."""
    return (base * rate / 100).quantize(_CENT, ROUND_HALF_UP)


def fits_rate(base: Decimal, tax: Decimal, rate: Decimal, cents: int = 1) -> bool:
    """The tax is base × rate within some cents: suppliers often round line by line."""
    return abs(tax_of(base, rate) - tax) <= cents * _CENT


def printed_rates(sheets: Sequence[Sheet]) -> dict[Decimal, int]:
    """Percentages that stand where a rate of tax may stand, and how often."""
    counts: dict[Decimal, int] = defaultdict(int)
    for sheet in sheets:
        for segments in sheet.rows:
            text = " ".join(segment.text for segment in segments)[:400]
            shown = [number for number in _PERCENT.findall(text) if _rate(number) in RATES]
            for number in shown[:6]:
                counts[_rate(number)] += 2 if _TAX_WORDS.search(fold(text)) else 1
    return dict(counts)


def free_words(sheets: Sequence[Sheet]) -> str:
    """The first mention of an exemption, a reverse charge or a franchise, folded; empty where there is none."""
    told = (_FREE_WORDS.search(fold(segment.text)) for sheet in sheets for segments in sheet.rows for segment in segments)
    return next((match[0] for match in told if match), "")


def vat_rows(amounts: Sequence[Amount], goods: Collection[tuple[int, int]], items: Sequence[LineItem]) -> list[VatRow]:
    """Rows outside the table of goods that hold a rate, a base and its tax, or a rate and its tax alone.

    `goods` are the rows of goods as (page, row).
    """
    rows: dict[tuple[int, int], list[Amount]] = defaultdict(list)
    for amount in amounts:
        place = amount.spot.sheet.page, amount.spot.row
        if place not in goods:
            rows[place].append(amount)
    values = sorted({amount.value for amount in amounts})
    found = [one for row in _likeliest(rows.values()) for one in _rows_of(row, values, items)]
    best: dict[tuple[VatLine, int], VatRow] = {}
    seen: dict[VatLine, int] = defaultdict(int)
    for one in sorted(found, key=lambda row: -row.worth):
        seen[one.line] += 1
        if seen[one.line] == 1 or (one.worth >= 3 and seen[one.line] == 2 and one.line.rate == 0):
            best[one.line, seen[one.line]] = one
    return list(best.values())[:_MAX_ROWS]


def table_places(rows: Sequence[VatRow]) -> set[tuple[int, int]]:
    """Page and row of the lines of a tax table of several lines: parts of the sums, not the sums."""
    parts = [row for row in rows if row.worth >= 3]
    return {row.place for row in parts} if len({row.line for row in parts}) > 1 else set()


def settled_lines(rows: Sequence[VatRow], net: Decimal | None, tax: Decimal | None, printed: Collection[Decimal]) -> tuple[VatLine, ...]:
    """The rows that add up to the totals; with what is left untaxed, or the one line that the totals imply.

    `printed` are the amounts on the pages. Where nothing adds up: the rows that look most like a tax table.
    """
    if net is None or tax is None:
        return _table_alone(rows)
    return summed_lines(rows, net, tax) or _with_rest(rows, net, tax, printed) or ()


def implied_line(net: Decimal, tax: Decimal, rates: Mapping[Decimal, int]) -> VatLine | None:
    """The one line of an invoice with one rate: the printed rate that gives the tax, else the only known one."""
    if tax == 0:
        # A free line is not invented: its rate is printed.
        return VatLine(Decimal(0), net, tax) if Decimal(0) in rates else None
    shown = [rate for rate in rates if rate and fits_rate(net, tax, rate, 2)]
    if shown:
        return VatLine(min(shown, key=lambda rate: abs(tax_of(net, rate) - tax)), net, tax)
    known = [rate for rate in RATES if rate and fits_rate(net, tax, rate)]
    return VatLine(known[0], net, tax) if len(known) == 1 and abs(tax) > 1 else None


def _likeliest(rows: Collection[Sequence[Amount]]) -> list[_Row]:
    """At most `_MAX_TRIED` rows that may say something of tax, in their order on the pages."""
    told = [row for row in map(_row_of, rows) if (row.letters < _MAX_WORDY if row.rates else row.worth >= 2)]
    kept = sorted(range(len(told)), key=lambda index: (-told[index].worth, -index))[:_MAX_TRIED]
    return [told[index] for index in sorted(kept)]


def _row_of(row: Sequence[Amount]) -> _Row:
    sheet, index = row[0].spot.sheet, row[0].spot.row
    segments = sheet.rows[index]
    text = fold(" ".join(segment.text for segment in segments)[:300])
    worth = _table_worth(sheet, index, text)
    numbers = tuple(amount.value for amount in row[:_MAX_NUMBERS])
    rates = tuple(_rates_in(segments, worth)[:_MAX_RATES])
    return _Row((sheet.page, index), numbers, rates, worth, sum(c.isalpha() for c in text))


def _rows_of(row: _Row, values: Sequence[Decimal], items: Sequence[LineItem]) -> Iterator[VatRow]:
    """`values`: all amounts on the pages, the smallest first."""
    for rate in row.rates:
        full = _full_line(rate, row.numbers, row.worth)
        if full:
            yield VatRow(full, row.worth + 1.0, row.place)
        elif rate and row.worth > 0:
            yield from (VatRow(line, half, row.place) for line, half in _half_lines(rate, row.numbers, values, items, row.worth))
    if row.worth >= 2 and not row.rates and len(row.numbers) in (2, 3):
        yield from (VatRow(line, row.worth + 1.0, row.place) for line in _unread_rate(row.numbers))


def _unread_rate(numbers: Sequence[Decimal]) -> Iterator[VatLine]:
    """Base and tax under the headings of a tax table whose rate was not read: the one known rate that fits both."""
    fitting = [line for rate in RATES if rate and (line := _full_line(rate, numbers, 0.0))]
    if len(fitting) == 1:
        yield fitting[0]


def _rates_in(segments: Sequence[Segment], worth: float) -> list[Decimal]:
    joined = _SLIPS.sub(lambda match: match[0].translate(_DIGITS), " ".join(segment.text for segment in segments)[:300])
    shown = [_rate(number) for number in _PERCENT.findall(joined)]
    signed = [rate for rate in shown if rate in RATES or (worth > 0 and rate <= 100 * MAX_SHARE)]
    bare = [_rate(segment.text) for segment in segments if _BARE_RATE.fullmatch(segment.text)]
    # One « 0,00 » alone is a tax of nothing, not a rate.
    known = [rate for rate in bare if rate in RATES and (rate or bare.count(rate) > 1)]
    return list(dict.fromkeys([*signed, *known]))


def _rate(number: str) -> Decimal:
    return Decimal(number.replace(",", ".")).normalize() + 0


def _full_line(rate: Decimal, numbers: Sequence[Decimal], worth: float) -> VatLine | None:
    """The base stands next to its tax: neighbours are tried first. A free line needs its zero, and more than chance around it."""
    if rate == 0:
        bases = [number for number in numbers if number]
        return VatLine(rate, bases[0], Decimal("0.00")) if bases and worth > 0 and (Decimal(0) in numbers or worth >= 2) else None
    for step in range(1, len(numbers)):
        for one, other in zip(numbers, numbers[step:], strict=False):
            for base, tax in ((one, other), (other, one)):
                if base and tax and abs(base) > abs(tax) and fits_rate(base, tax, rate, 1 if worth <= 0 else 3):
                    return VatLine(rate, base, tax)
    return None


def _half_lines(
    rate: Decimal, numbers: Sequence[Decimal], values: Sequence[Decimal], items: Sequence[LineItem], worth: float
) -> Iterator[tuple[VatLine, float]]:
    """« TVA 20 % : 12,00 »: the base is a printed amount, or the lines of goods at that rate."""
    sold = [item.net for item in items if item.rate == rate and item.net is not None]
    bases = {sum(sold, Decimal(0)): 0.5} if sold else {}
    for tax in numbers[:3]:
        if not tax:
            continue
        bases |= dict.fromkeys(_bases_of(tax, rate, values), 0.3)
        for base, extra in bases.items():
            if fits_rate(base, tax, rate):
                yield VatLine(rate, base, tax), worth / 2 + extra


def _bases_of(tax: Decimal, rate: Decimal, values: Sequence[Decimal]) -> list[Decimal]:
    """The amounts, larger than the tax, of which it is that rate: those around tax × 100 / rate. `values` ascend."""
    base, reach = tax * 100 / rate, 150 * _CENT / rate
    near = values[bisect_left(values, base - reach) : bisect_right(values, base + reach)]
    if len(near) > _MAX_BASES:
        near = sorted(near, key=lambda value: abs(value - base))[:_MAX_BASES]
    return [value for value in near if abs(value) > abs(tax) and fits_rate(value, tax, rate)]


def _table_worth(sheet: Sheet, row: int, text: str) -> float:
    """2 under headings of a tax table, 1 where the row speaks of tax, 0 elsewhere."""
    worth = 1.0 if _TAX_WORDS.search(text) else 0.0
    for above in range(row - 1, max(-1, row - 8), -1):
        heading = fold(" ".join(segment.text for segment in sheet.rows[above])[:200])
        if _TAX_WORDS.search(heading) and _BASE_WORDS.search(heading) and not re.search(r"\d\d \d\d\b", heading):
            return worth + 2.0
    return worth


def summed_lines(rows: Sequence[VatRow], net: Decimal, tax: Decimal) -> tuple[VatLine, ...] | None:
    """The rows whose bases make the net amount and whose taxes make the tax."""
    tried = list(rows[:_MAX_ROWS])
    best: tuple[VatRow, ...] | None = None
    for size in range(1, min(_MAX_LINES, len(tried)) + 1):
        for chosen in combinations(tried, size):
            if sum(row.line.base for row in chosen) == net and sum(row.line.tax for row in chosen) == tax and _better(chosen, best):
                best = chosen
    return tuple(row.line for row in best) if best else None


def table_sums(rows: Sequence[VatRow]) -> Iterator[tuple[Decimal, Decimal]]:
    """Net amount and tax of every choice of rows."""
    tried = list(rows[:_MAX_ROWS])
    for size in range(1, min(_MAX_LINES, len(tried)) + 1):
        for chosen in combinations(tried, size):
            yield sum((row.line.base for row in chosen), Decimal(0)), sum((row.line.tax for row in chosen), Decimal(0))


def _better(chosen: Sequence[VatRow], best: Sequence[VatRow] | None) -> bool:
    return best is None or _sum_worth(chosen) > _sum_worth(best)


def _sum_worth(rows: Sequence[VatRow]) -> float:
    """The mean, so that more rows are not better for their number; one rate twice is rare."""
    twice = len(rows) - len({row.line.rate for row in rows})
    return sum(row.worth for row in rows) / len(rows) - 0.5 * twice


def _with_rest(rows: Sequence[VatRow], net: Decimal, tax: Decimal, printed: Collection[Decimal]) -> tuple[VatLine, ...] | None:
    """The taxes add up, the bases do not: what is left is untaxed, if it is printed."""
    tried = [row for row in rows[:_MAX_ROWS] if row.line.tax]
    for size in range(1, min(4, len(tried)) + 1):
        for chosen in combinations(tried, size):
            free = [row for row in rows if row.line.rate == 0]
            rest = net - sum(row.line.base for row in chosen) - sum(row.line.base for row in free)
            if sum(row.line.tax for row in chosen) == tax and rest and rest * net > 0 and rest in printed:
                lines = [row.line for row in chosen] + [row.line for row in free]
                return (*lines, VatLine(Decimal(0), rest, Decimal("0.00")))
    return None


def _table_alone(rows: Sequence[VatRow]) -> tuple[VatLine, ...]:
    return tuple(dict.fromkeys(row.line for row in rows if row.worth >= 3))
