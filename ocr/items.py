"""The lines of what was sold: rows of a table found by its headings, by its columns and by quantity × price = amount.

Arithmetic speaks louder than headings: a column is the price because price × quantity gives the amount, row after row.
"""

import re
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from ocr.amounts import Amount, Number, decimal_sign, find_numbers
from ocr.labels import labels_in
from ocr.layout import Segment, Sheet, fold
from ocr.text import around
from ocr.values import LineItem

HEADINGS: dict[str, tuple[str, ...]] = {
    "description": (
        "designation", "designations", "description", "libelle", "article", "articles", "produit", "produits", "prestation", "prestations",
        "nature", "objet", "detail", "details", "intitule", "denomination", "services", "service", "item", "items", "product", "products",
        "details of supply", "activity", "task", "goods", "particulars",
        "beschreibung", "bezeichnung", "artikelbeschreibung", "artikelbezeichnung", "artikel", "leistung", "leistungen",
        "produktbezeichnung",
        "text", "ware", "produkt", "leistungsbeschreibung", "position",
        "omschrijving", "beschrijving", "product dienst", "dienst", "werkzaamheden", "specificatie", "artikelomschrijving",
    ),
    "quantity": (
        "quantite", "quantites", "qte", "qtes", "qt", "nombre", "nb", "nbre", "nb heures", "heures", "jours", "qte facturee",
        "quantity", "qty", "hours", "units", "days", "quantity invoiced",
        "menge", "anzahl", "anz", "stuck", "stunden", "std", "tage", "stk",
        "aantal", "aant", "hoeveelheid", "uren", "stuks",
    ),
    "unit_price": (
        "prix unitaire", "prix unit", "prix unitaire ht", "prix", "pu", "p u", "pu ht", "p u ht", "puht", "tarif", "prix ht", "prix u",
        "pu net",
        "tarif unitaire", "cout unitaire", "taux horaire",
        "unit price", "price", "rate per unit", "unit cost", "cost", "price each", "each", "hourly rate", "s price", "u price",
        "einzelpreis", "preis", "e preis", "ep", "stuckpreis", "einzel", "preis pro einheit", "preis einheit", "einheitspreis",
        "stundensatz",
        "einzelpreis netto", "e p", "netto preis", "nettopreis", "preis einh",
        "prijs", "stukprijs", "eenheidsprijs", "prijs per stuk", "prijs per eenheid", "tarief", "uurtarief", "stuksprijs",
    ),
    "net": (
        "montant ht", "montant", "total ht", "total", "montant h t", "total h t", "montant net", "total net", "prix total", "valeur",
        "total ligne", "montant hors taxe", "montant total", "net ht", "mt ht", "sous total", "montant eur", "total eur",
        "amount", "line total", "net amount", "total price", "total net", "net", "value", "ext price", "amount net", "net total",
        "line amount", "amt", "extended price", "subtotal",
        "gesamt", "gesamtpreis", "betrag", "summe", "gesamtbetrag", "gesamt netto", "netto", "nettobetrag", "entgelt", "g preis", "gp",
        "gesamt eur", "betrag netto", "positionssumme", "wert", "warenwert", "zeilensumme",
        "bedrag", "totaal", "totaalprijs", "regelbedrag", "totaal excl", "bedrag excl", "bedrag excl btw", "subtotaal", "totaal excl btw",
    ),
    "gross": (
        "montant ttc", "total ttc", "ttc", "prix ttc", "total incl vat", "gross", "gross amount", "total incl", "brutto", "bruttobetrag",
        "gesamt brutto", "totaal incl", "totaal incl btw", "bedrag incl btw", "bedrag incl", "pu ttc",
    ),
    "rate": (
        "tva", "taux", "taux tva", "tva %", "% tva", "t v a", "vat", "vat %", "vat rate", "tax rate", "tax", "tax %", "gst", "%",
        "mwst", "mwst %", "ust", "ust %", "steuersatz", "steuer", "mwst satz", "ust satz", "btw", "btw %", "btw tarief", "% btw", "mw st",
    ),
    "discount": (
        "remise", "rem", "rem %", "rabais", "remise %", "discount", "disc", "rabatt", "rabatt %", "nachlass", "korting", "korting %",
    ),
    "base": ("base", "base ht", "base tva", "bases", "montant de base", "bemessungsgrundlage", "taxable", "basis", "grondslag", "maatstaf",
             "steuerbasis", "base imposable", "taxable amount", "nettobasis"),
    "other": (
        "unite", "unit", "uom", "einheit", "eenheid", "reference", "ref", "code", "pos", "no", "nr", "art nr", "artikelnummer", "date",
        "datum", "lot", "montant tva", "total tva", "tax amount", "vat amount", "mwst betrag", "ust betrag", "btw bedrag", "steuerbetrag",
    ),
}  # fmt: skip
"""What stands over the columns of a table, folded: French, English, German, Dutch."""

_EXCLUSIVE = (
    *("ht", "h t", "hors taxe", "hors taxes", "htva", "hors tva", "excl", "excl vat", "excl tax", "ex vat", "excluding vat", "net"),
    *("netto", "excl btw", "ex btw", "excl ust", "excl mwst", "exkl ust", "exkl mwst", "ohne mwst", "eur", "in eur", "eur ht", "ht eur"),
)
_INCLUSIVE = ("ttc", "t t c", "tvac", "incl", "incl vat", "incl tax", "inc vat", "brutto", "inkl mwst", "inkl ust", "incl btw", "incl mwst")
_CARRIED = re.compile(
    r"\b(report|a reporter|reporte|total page|total de la page|transport|ubertrag|uebertrag|uebertrag|vortrag|zwischensumme|"
    r"carried (forward|over)|brought forward|overdracht|transporteren|overbrengen|te transporteren|sous total|subtotal|sub total|subtotaal|"
    r"tussentotaal|zwischentotal|seitensumme)\b"
)
_AMOUNT_HEADS = frozenset({"net", "gross"})
_ENDINGS = frozenset({"net", "tax", "gross", "due"})
_MAX_CELLS = 10
"""Numbers of one row that are tried with one another: a product of three is tried for each."""
_MAX_SOLUTIONS = 160
_LARGEST_CUT = 100
"""A discount leaves a hundredth of the price at least."""
MAX_ITEMS = 1000
_LEAST_LETTERS = 6
"""Fewer are a unit, not a description."""
_MAX_LETTERS = 300
"""Of one description."""
_MAX_TRIED = 20
"""Doubtful rows that are tried one by one."""
_MAX_SUMS = 6
"""Labelled sums above which a plain list is looked for."""
_SENTENCE = 40
"""Letters: an amount in a longer text stands in a sentence."""
_MAX_LIST = 40
"""Rows of a plain list."""
_NEAR = 4
"""Rows around proven lines in which others may stand where no heading tells."""
_MAX_TAIL = 6
"""Rows below a line that may still belong to its description."""
_CENT = Decimal("0.01")
_HALF_CENT = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of one column."""

    kind: str
    x0: float
    x1: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Numbers of one row of which quantity × price, less a discount, is the amount."""

    row: int
    quantity: Number
    price: Number
    net: Number
    exact: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """Where quantity, price and amount stand: from left to right edge in pixels of the straightened page; None where unknown."""

    net: tuple[float, float]
    price: tuple[float, float] | None = None
    quantity: tuple[float, float] | None = None
    solved: bool = False
    """Some row proves it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row that may be a line of the table."""

    item: LineItem
    sure: bool
    """It has a quantity or a price as well as an amount."""
    row: int
    adjusts: bool = False
    """Its words name a discount or a charge."""


def listed_lines(sheets: Sequence[Sheet], sums: Sequence[Amount]) -> list[Line]:
    """Without headings and products: the rows right above a labelled sum whose amounts, in its column, add up to it."""
    sign = decimal_sign(sheets)
    for total in sums[:_MAX_SUMS]:
        sheet, last = total.spot.sheet, total.spot.row
        slope = _slope(sheet)
        found: list[Line] = []
        x0, _, x1, _ = total.spot.box
        shift = slope * total.spot.segment.level
        # A sum within a sentence stands in no column: the nearest amount above shows where the column is.
        span = (0.0, float(sheet.width)) if len(total.spot.segment.text) > _SENTENCE else (x0 + shift, x1 + shift)
        for row in range(last - 1, max(-1, last - _MAX_LIST), -1):
            number = _amount_in(_row_numbers(sheet, row, sign, slope), span)
            text = _row_text(sheet.rows[row])
            if number is None:
                continue
            span = min(span[0], number.x0) if span[0] else number.x0, max(span[1], number.x1) if span[0] else number.x1
            if _is_total(text) or _letters(text) < 3:
                break
            columns = Columns((number.x0, number.x1))
            words = _description(sheet, row, range(row, row + 1 + _MAX_TAIL), (), columns)
            item = LineItem(words, None, None, number.value, None, sheet.page, around(sheet.rows[row][0].words + number.spot.words))
            found.insert(0, Line(item, True, row))
            if _sum_of(found) == abs(total.value):
                return found
    return []


def find_lines(sheets: Sequence[Sheet]) -> list[Line]:
    """The rows of all pages that may be lines, at most `MAX_ITEMS`."""
    sign = decimal_sign(sheets)
    lines: list[Line] = []
    columns: Columns | None = None
    for sheet in sheets:
        columns, found = _sheet_lines(sheet, sign, columns if lines else None)
        lines += found
    return lines[:MAX_ITEMS]


def table_head(sheet: Sheet) -> tuple[int, tuple[Heading, ...]] | None:
    """The last row of the headings of the table of goods, and its columns; headings may stand in up to three rows."""
    slope = _slope(sheet)
    rows = [[] if _has_amounts(segments) else _headings(segments, slope) for segments in sheet.rows]
    best = max(range(len(rows)), key=lambda row: (_head_worth(rows[row]), -row), default=None)
    if best is None or _head_worth(rows[best]) < 2:
        return None
    heads = list(rows[best])
    last = best
    for row in (best - 1, best + 1, best + 2):
        if (
            0 <= row < len(rows)
            and rows[row]
            and not _has_amounts(sheet.rows[row])
            and abs(row - best) <= 2
            and (row <= best or row == last + 1)
        ):
            if not _only_headings(sheet.rows[row]):
                continue
            known = {head.kind for head in heads}
            heads += [head for head in rows[row] if head.kind not in known]
            last = max(last, row)
    return last, tuple(heads)


def _sheet_lines(sheet: Sheet, sign: str, before: Columns | None) -> tuple[Columns | None, list[Line]]:
    slope = _slope(sheet)
    head = table_head(sheet)
    start, heads = (head[0] + 1, head[1]) if head else (0, ())
    numbers = {row: _row_numbers(sheet, row, sign, slope) for row in range(start, len(sheet.rows))}
    end = _end_row(sheet, start, numbers)
    solutions = [solution for row in range(start, end) for solution in _solutions(row, numbers[row], heads)][:_MAX_SOLUTIONS]
    columns = _columns(solutions, heads, numbers) or before
    if columns is None or (not head and not before and not _proven(solutions, columns)):
        return before, []
    return columns, list(_lines(sheet, range(start, end), numbers, columns, heads, solutions))


def _headings(segments: Sequence[Segment], slope: float) -> list[Heading]:
    """The headings in one row; a text that says more than headings do is none."""
    found = []
    for segment in segments:
        text = fold(segment.text)
        if not text or len(text) > 60 or sum(c.isdigit() for c in text) > 2:
            continue
        spans = _heading_spans(text)
        covered = sum(end - start for start, end in spans)
        if covered < 0.5 * len(text):
            continue
        for start, end in spans:
            x0, x1 = _span_edges(segment, start / len(text), end / len(text))
            shift = slope * segment.level
            found.append(Heading(_kind_of(text[start:end]), x0 + shift, x1 + shift))
    return found


@lru_cache(maxsize=4_000)
def _heading_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Where headings stand in a folded text."""
    return tuple(match.span() for match in _heading_words().finditer(text))


@lru_cache(maxsize=1)
def _heading_words() -> re.Pattern[str]:
    phrases = sorted({phrase for phrase, _ in _phrases()}, key=len, reverse=True)
    spread = (re.escape(phrase).replace(r"\ ", " ?") for phrase in phrases)
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(spread)})(?![a-z0-9])")


def _phrases() -> Iterator[tuple[str, str]]:
    """Every phrase with its kind; amounts and prices also with « excl. VAT » or « incl. VAT » behind."""
    for kind, group in HEADINGS.items():
        for phrase in group:
            yield phrase, kind
            if kind in ("net", "unit_price"):
                yield from ((f"{phrase} {words}", kind) for words in _EXCLUSIVE)
                yield from ((f"{phrase} {words}", "gross" if kind == "net" else kind) for words in _INCLUSIVE)


@lru_cache(maxsize=1)
def _kinds() -> dict[str, str]:
    return {phrase.replace(" ", ""): kind for phrase, kind in _phrases()}


def _kind_of(phrase: str) -> str:
    return _kinds()[phrase.replace(" ", "")]


def _span_edges(segment: Segment, start: float, end: float) -> tuple[float, float]:
    """The edges of a share of a segment's text, by whole words."""
    total, position = max(1, len(segment.text)), 0
    touched = []
    for word in segment.words:
        middle = (position + len(word.text) / 2) / total
        if start - 0.02 <= middle <= end + 0.02:
            touched.append(word)
        position += len(word.text) + 1
    box = around(touched or segment.words)
    return box[0], box[2]


def _head_worth(heads: Sequence[Heading]) -> float:
    """How surely a row is the head of the table of goods: it names what was sold or how much of it, and an amount."""
    kinds = {head.kind for head in heads}
    if "base" in kinds or not kinds & {"net", "gross", "unit_price"}:
        return 0
    if not kinds & {"description", "quantity", "unit_price"}:
        return 0
    return len(kinds - {"other"}) + 0.5 * ("other" in kinds)


def _only_headings(segments: Sequence[Segment]) -> bool:
    return len(segments) > 1 and all(len(segment.text) <= 36 for segment in segments)


def _has_amounts(segments: Sequence[Segment]) -> bool:
    return any(re.search(r"\d[.,]\d\d(?!\d)", segment.text) for segment in segments)


def _row_numbers(sheet: Sheet, row: int, sign: str, slope: float) -> tuple[Number, ...]:
    """The numbers of a row from the left, on the straightened page."""
    numbers = []
    for column, segment in enumerate(sheet.rows[row]):
        shift = slope * segment.level
        numbers += [replace(number, x0=number.x0 + shift, x1=number.x1 + shift) for number in find_numbers(sheet, row, column, sign)]
    return tuple(numbers[-2 * _MAX_CELLS :])


def _end_row(sheet: Sheet, start: int, numbers: Mapping[int, Sequence[Number]]) -> int:
    """The first row that bears a total, or the head of another table."""
    for row in range(start, len(sheet.rows)):
        text = _row_text(sheet.rows[row])
        if row > start and not _has_amounts(sheet.rows[row]) and _heads_totals(sheet.rows[row]):
            return row
        if _is_total(text) and any(number.decimals == 2 for number in numbers[row]) and not any(_solutions(row, numbers[row], ())):
            return row
    return len(sheet.rows)


def _heads_totals(segments: Sequence[Segment]) -> bool:
    """The headings of a table of taxes or of a band of totals."""
    kinds = {head.kind for head in _headings(segments, 0.0)}
    if kinds & {"description", "quantity", "unit_price"}:
        return False
    said = {label.kind for segment in segments if len(segment.text) <= 36 for label in labels_in(fold(segment.text), "amounts")}
    return ("base" in kinds and len(kinds) > 1) or len(said & {"net", "tax", "gross", "due"}) > 1


def _is_total(text: str) -> bool:
    """The words of the row begin by naming a total."""
    if _CARRIED.search(text):
        return False
    for label in labels_in(text[:80], "amounts"):
        return label.kind in _ENDINGS and label.start <= 12 and label.weight >= 1.5
    return False


def _row_text(segments: Sequence[Segment]) -> str:
    """The words of a row without leading numbers, folded."""
    return re.sub(r"^[\d .%]+", "", fold(" ".join(segment.text for segment in segments)[:200]))


def _solutions(row: int, numbers: Sequence[Number], heads: Sequence[Heading]) -> Iterator[Solution]:
    """At most one for each amount: the one whose price and quantity stand under their headings, else the first."""
    cells = numbers[-_MAX_CELLS:]
    for net in cells:
        if net.decimals != 2 or net.percent or not net.value:
            continue
        found = [
            Solution(row, quantity, price, net, exact)
            for price in cells
            if price.x1 < net.x0 and price.decimals >= 2 and not price.percent and price.value
            for quantity in cells
            if quantity is not price and quantity.x1 < net.x0 and not quantity.percent and quantity.value
            for exact in _multiplies(quantity.value, price.value, net.value, cells)
        ]
        if found:
            yield max(found, key=lambda one: (_under(one, heads), one.exact, one.quantity.x0 < one.price.x0, -one.quantity.decimals))


def _multiplies(quantity: Decimal, price: Decimal, net: Decimal, cells: Sequence[Number]) -> Iterator[bool]:
    """Yields once where the product is the amount: True to the cent, False after a discount or within the rounding of the price."""
    product = abs(quantity * price)
    gap = abs(product - abs(net))
    if gap <= _CENT:
        yield True
    elif gap <= min(abs(quantity) * _HALF_CENT, abs(net) / 100) or (
        net and product <= abs(net) * _LARGEST_CUT and any(_discounts(product, abs(net), cell) for cell in cells)
    ):
        yield False


def _discounts(product: Decimal, net: Decimal, cell: Number) -> bool:
    """The number is the discount, in per cent or in money."""
    size = abs(cell.value)
    percent = 0 < size < 100 and abs(product * (100 - size) / 100 - net) <= _CENT
    return percent or (size > 0 and cell.decimals == 2 and abs(product - size - net) <= _CENT)


def _under(solution: Solution, heads: Sequence[Heading]) -> int:
    kinds = (("quantity", solution.quantity), ("unit_price", solution.price), ("net", solution.net))
    return sum(_kind_over(number, heads) == kind for kind, number in kinds)


def _kind_over(number: Number, heads: Sequence[Heading]) -> str | None:
    """The kind of the heading that is nearest over a number."""
    nearest = min(heads, key=lambda head: max(head.x0 - number.x1, number.x0 - head.x1), default=None)
    return nearest.kind if nearest else None


def _meets(head: Heading, number: Number) -> bool:
    return head.x0 < number.x1 and number.x0 < head.x1


def _columns(solutions: Sequence[Solution], heads: Sequence[Heading], numbers: Mapping[int, Sequence[Number]]) -> Columns | None:
    """The columns that most rows prove; where none does, the ones under the headings."""
    named = any(head.kind in _AMOUNT_HEADS for head in heads)
    able = [one for one in solutions if not named or _kind_over(one.net, heads) in _AMOUNT_HEADS]
    anchor = max(able, key=lambda one: sum(_alike(one, other) for other in able) + 2 * _under(one, heads), default=None)
    if anchor and (_under(anchor, heads) > 1 or not heads or sum(_alike(anchor, other) for other in able) > 1):
        like = [other for other in able if _alike(anchor, other)]
        return Columns(
            _span([one.net for one in like]), _span([one.price for one in like]), _span([one.quantity for one in like]), solved=True
        )
    spans = (_heading_span(heads, kind, numbers) for kind in ("net", "gross", "unit_price"))
    net = next((span for span in spans if span), None)
    if net is None:
        return None
    if not any(head.kind in _AMOUNT_HEADS for head in heads):
        return Columns(net, None, _heading_span(heads, "quantity", numbers))
    return Columns(net, _heading_span(heads, "unit_price", numbers), _heading_span(heads, "quantity", numbers))


def _alike(one: Solution, other: Solution) -> bool:
    return all(a.x0 < b.x1 and b.x0 < a.x1 for a, b in ((one.net, other.net), (one.price, other.price)))


def _span(numbers: Sequence[Number]) -> tuple[float, float]:
    return min(number.x0 for number in numbers), max(number.x1 for number in numbers)


def _heading_span(heads: Sequence[Heading], kind: str, numbers: Mapping[int, Sequence[Number]]) -> tuple[float, float] | None:
    """The heading's own width, and that of the amounts that stand under it."""
    own = [head for head in heads if head.kind == kind]
    if not own:
        return None
    head = own[-1]
    under = [number for row in numbers.values() for number in row if _meets(head, number) and (number.decimals == 2 or kind == "quantity")]
    return min([head.x0, *(number.x0 for number in under[:9])]), max([head.x1, *(number.x1 for number in under[:9])])


def _proven(solutions: Sequence[Solution], columns: Columns) -> bool:
    """Without headings one product may be chance: two rows, or one with a quantity other than one."""
    own = [one for one in solutions if _stands_in(one.net, columns.net)]
    return len({one.row for one in own}) >= 2 or any(abs(one.quantity.value) != 1 and one.exact for one in own)


def _stands_in(number: Number, span: tuple[float, float] | None) -> bool:
    return span is not None and span[0] < number.x1 and number.x0 < span[1]


def _lines(
    sheet: Sheet,
    rows: range,
    numbers: Mapping[int, Sequence[Number]],
    columns: Columns,
    heads: Sequence[Heading],
    solutions: Sequence[Solution],
) -> Iterator[Line]:
    proofs = {one.row: one for one in solutions if _stands_in(one.net, columns.net)}
    found = [row for row in rows if row in proofs or _amount_in(numbers[row], columns.net)]
    if not heads and proofs:
        found = [row for row in found if min(proofs) - _NEAR <= row <= max(proofs) + _NEAR]
    chosen: list[tuple[int, Line]] = []
    for row in found:
        line = _line(sheet, row, numbers[row], columns, heads, proofs.get(row))
        if line and row not in proofs and _sums_up(line, [before for _, before in chosen]):
            if row > max(proofs, default=-1):
                break
            continue
        if line:
            chosen.append((row, line))
    starts = [row for row, _ in chosen]
    for index, (row, line) in enumerate(chosen):
        stop = starts[index + 1] if index + 1 < len(starts) else min(rows.stop, row + 1 + _MAX_TAIL)
        text = _description(sheet, row, range(starts[index - 1] + 1 if index else rows.start, stop), heads, columns)
        if text or row in proofs:
            yield replace(line, item=replace(line.item, description=text))


def _sums_up(line: Line, before: Sequence[Line]) -> bool:
    """Its amount is the sum of the lines above: it is no line."""
    return len(before) > 1 and line.item.net == sum((one.item.net for one in before if one.item.net is not None), Decimal(0))


def _line(
    sheet: Sheet, row: int, numbers: Sequence[Number], columns: Columns, heads: Sequence[Heading], proof: Solution | None
) -> Line | None:
    net = proof.net if proof else _amount_in(numbers, columns.net)
    if net is None:
        return None
    quantity = proof.quantity if proof else _number_in(numbers, columns.quantity, net)
    price = proof.price if proof else _number_in([one for one in numbers if one.decimals >= 2], columns.price, net)
    if price is quantity and price is not None:
        quantity = None
    text = _row_text(sheet.rows[row])
    if not proof and (_CARRIED.search(text) or _is_total(text)):
        return None
    adjusts = any(label.kind == "line" and label.start <= 12 for label in labels_in(text[:80], "amounts"))
    adjusts = adjusts and not proof and (quantity is None or price is None)
    boxes = [number.spot.box for number in (quantity, price, net) if number is not None] + [segment.box for segment in sheet.rows[row]]
    box = min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
    item = LineItem(
        "",
        quantity.value if quantity else None,
        price.value if price else None,
        net.value,
        _line_rate(numbers, net, heads),
        sheet.page,
        box,
    )
    return Line(item, not adjusts and (proof is not None or quantity is not None or price is not None), row, adjusts)


def _amount_in(numbers: Sequence[Number], span: tuple[float, float] | None) -> Number | None:
    own = [number for number in numbers if number.decimals == 2 and not number.percent and _stands_in(number, span)]
    return own[-1] if own else None


def _number_in(numbers: Sequence[Number], span: tuple[float, float] | None, net: Number) -> Number | None:
    own = [number for number in numbers if number is not net and not number.percent and _stands_in(number, span)]
    return own[0] if own else None


def _line_rate(numbers: Sequence[Number], net: Number, heads: Sequence[Heading]) -> Decimal | None:
    """Under its heading, else the last percentage beside the amount."""
    under = [one for one in numbers if one is not net and any(head.kind == "rate" and _meets(head, one) for head in heads)]
    shown = [one for one in under if 0 <= one.value < 30] or [one for one in numbers if one.percent and one.x0 > net.x1]
    return abs(shown[-1].value) if shown else None


def _description(sheet: Sheet, row: int, rows: range, heads: Sequence[Heading], columns: Columns) -> str:
    """The text of its row left of the numbers, and what stands under it until the next line."""
    head = next((head for head in heads if head.kind == "description"), None)
    slope = _slope(sheet)
    texts = [_words_left(segment, columns, slope) for segment in sheet.rows[row]]
    joined = [max(texts, key=_letters)] if any(_letters(text) > 1 for text in texts) else []
    if (
        sum(map(_letters, joined)) < _LEAST_LETTERS
        and row > rows.start
        and len(sheet.rows[row - 1]) <= 2
        and not _has_amounts(sheet.rows[row - 1])
    ):
        joined = [segment.text for segment in sheet.rows[row - 1][:1]]
    for below in range(row + 1, min(rows.stop, row + 1 + _MAX_TAIL)):
        segments = sheet.rows[below]
        text = _row_text(segments)
        if _CARRIED.search(text) or _is_total(text) or _has_amounts(segments):
            break
        candidates = [segment for segment in segments if segment.box[2] + slope * segment.level < columns.net[0]]
        near = [segment for segment in candidates if head is None or segment.box[2] + slope * segment.level > head.x0 - 20]
        joined += [segment.text for segment in near[:1] if _letters(segment.text)]
    return " ".join(joined)[:_MAX_LETTERS]


def _words_left(segment: Segment, columns: Columns, slope: float) -> str:
    """Words that stand left of the amount, without the numbers at the end."""
    shift = slope * segment.level
    words = [word.text for word in segment.words if word.x1 + shift <= columns.net[0]]
    named = [index for index, word in enumerate(words) if any(c.isalpha() for c in word)]
    return " ".join(words[named[0] : named[-1] + 1]) if named else ""


def _letters(text: str) -> int:
    return sum(c.isalpha() for c in text)


def settled(lines: Sequence[Line], targets: Collection[Decimal]) -> list[Line]:
    """The rows whose sum is printed: the sure ones, else with the doubtful ones.

    Discounts and charges are lines where no row is sure: a plain list makes no difference between them.

    Where no sum is printed: the sure ones, or all but the adjustments where none is sure.
    """
    sums = {abs(target) for target in targets if target}
    sure = [line for line in lines if line.sure]
    last = max((index for index, line in enumerate(lines) if line.sure), default=len(lines))
    others = [line for line in lines[:last] if not line.sure and not line.adjusts][:_MAX_TRIED]
    plain = [line for index, line in enumerate(lines) if not line.adjusts and index <= last]
    groups = [sure, plain, *([line for line in lines if line.sure or line is one] for one in others), [] if sure else list(lines)]
    for group in groups:
        if group and _sum_of(group) in sums:
            return group
    return sure or plain


def _sum_of(lines: Sequence[Line]) -> Decimal:
    return abs(sum((line.item.net for line in lines if line.item.net is not None), Decimal(0)))


def _slope(sheet: Sheet) -> float:
    """How far the sheet lay askew, from the levels that its layout computed: rise per pixel to the right."""
    rises = [
        ((segment.box[1] + segment.box[3]) / 2 - segment.level) / ((segment.box[0] + segment.box[2]) / 2)
        for segments in sheet.rows[:80]
        for segment in segments
        if segment.box[0] > sheet.width / 3
    ]
    return statistics.median(rises) if rises else 0.0
