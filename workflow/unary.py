"""Unary tests: the cells of decision tables, in the notation of DMN (FEEL, grammar rules 7 to 17) with French words; run by rule-engine.

    cell  = "-" | tests | "non(" tests ")"
    tests = test {"," test}
    test  = value | "vide" | ("<" "<=" ">" ">=" "=" "≠") value | ("[" "]" "(") value ".." value ("]" "[" ")")

An empty value answers « - » and « vide » only: « non(FR) » says another country, never an unknown one, and « non(vide) » says filled.
What rule-engine is given for a cell is written in `workflow/expressions.py`.
"""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from workflow.vocabulary import EXAMPLES, ORDERED, Kind, Misread, Value, Variable, value_of

LONGEST_CELL = 1000
MOST_TESTS = 100

Bound: TypeAlias = Decimal | int | date


@dataclass(frozen=True, slots=True)
class Span:
    """Values between two ends; an end that is None is open to infinity."""

    low: Bound | None = None
    low_in: bool = False
    high: Bound | None = None
    high_in: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """One value; None: empty."""

    value: Value


@dataclass(frozen=True, slots=True)
class UnaryTest:
    """One cell: the parts of which one must hold, or none of them where it is negated. No part and not negated: « - », always."""

    text: str
    parts: tuple[Span | Point, ...] = ()
    negated: bool = False

    @property
    def always(self) -> bool:
        return not self.parts


def read_test(variable: Variable, text: str) -> UnaryTest | Misread:
    """The test that a cell says, or why it is none (in French, with examples, and what was probably meant)."""
    found = _read_test(variable, text)
    if not isinstance(found, Misread) or variable.kind not in ORDERED or len(text) > LONGEST_CELL:
        return found
    words = text.strip()
    meant = [_meant(words), *([re.sub(r",(?=\S)", ", ", words)] if not re.search(r"[<>≤≥]|,0", words) else [])]
    good = [each for each in dict.fromkeys(meant) if each != words and isinstance(_read_test(variable, each), UnaryTest)]
    return Misread(f"{found.message} ; écrivez « {' » ou « '.join(good)} »", found.at) if good else found


def _read_test(variable: Variable, text: str) -> UnaryTest | Misread:  # noqa: PLR0911 (one reason each)
    words = text.strip()
    if words == "-":
        return UnaryTest("-")
    if not words:
        return Misread("case vide : écrivez « - » si la valeur est indifférente, « vide » si elle doit manquer")
    if len(words) > LONGEST_CELL:
        return Misread(f"case trop longue ({LONGEST_CELL} caractères au plus)")
    negated = re.match(r"non\s*\(", words)
    if negated and not words.endswith(")"):
        return _no_test(variable, words, "il manque la parenthèse « ) »")
    inner = words[negated.end() : -1] if negated else words
    pieces = _pieces(inner)
    if len(pieces) > MOST_TESTS:
        return Misread(f"trop de tests dans une case ({MOST_TESTS} au plus)")
    parts: list[Span | Point] = []
    for piece, at in pieces:
        if variable.kind in ORDERED and re.fullmatch(r"\d+", piece) and at and inner[at - 1] == "," and at > 1 and inner[at - 2].isdigit():
            return _no_test(
                variable, words, "les décimales s'écrivent avec un point ; deux valeurs se séparent par une virgule et une espace"
            )
        part = _part(variable, piece)
        if isinstance(part, Misread):
            return _no_test(variable, words, part.message)
        parts.append(part)
    return UnaryTest(words, tuple(parts), bool(negated))


def _no_test(variable: Variable, words: str, reason: str) -> Misread:
    hint = f" : {reason}" if reason else ""
    return Misread(f"« {words[:60]} » n'est pas un test valable (exemples : {EXAMPLES[variable.kind]}){hint}")


def _meant(words: str) -> str:
    """What somebody means who writes numbers as in a French letter: a decimal comma, a currency, a dash or « à » between two ends."""
    plain = re.sub(r"[ \u00a0\u202f]*(€|EUR|euros?|jours?|%)(?![^\W_])", "", words, flags=re.IGNORECASE)
    plain = re.sub(r"(?<=\d),(?=\d{1,6}(?!\d))", ".", plain)
    return re.sub(r"(?<=\d)\s*(?:-|–|à|\.{3}|…)\s*(?=\d)", "..", plain) if plain[:1] in "[](" else plain


def _pieces(text: str) -> list[tuple[str, int]]:
    """Parted at commas outside quotes, each with its offset; trimmed."""
    found, start, quoted = [], 0, False
    for at, sign in enumerate(text + ","):
        quoted ^= sign == '"'
        if sign == "," and (not quoted or at == len(text)):
            piece = text[start:at]
            found.append((piece.strip(), start + len(piece) - len(piece.lstrip())))
            start = at + 1
    return found


_SIGNS = {"≤": "<=", "≥": ">=", "!=": "≠"}


def _part(variable: Variable, piece: str) -> Span | Point | Misread:
    if piece == "vide":
        return Point(None) if variable.optional else Misread(f"« {variable.label} » n'est jamais vide (il n'est pas facultatif)")
    if found := re.match(r"<=|>=|!=|[<>=≤≥≠]", piece):
        return _compared(variable, _SIGNS.get(found[0], found[0]), piece[found.end() :])
    if ".." in piece and piece[:1] in ("[", "]", "(") and piece[-1:] in ("]", "[", ")"):
        return _between(variable, piece)
    value = value_of(variable, piece)
    return value if isinstance(value, Misread) else Point(value)


def _compared(variable: Variable, sign: str, rest: str) -> Span | Point | Misread:  # noqa: PLR0911 (one sign each)
    value = value_of(variable, rest)
    if isinstance(value, Misread):
        return value
    if sign == "=":
        return Point(value)
    if sign == "≠":
        return Misread(f"pour « différent de », écrivez non({rest.strip()})")
    if variable.kind not in ORDERED or value is None or isinstance(value, str):
        return Misread("plus grand et plus petit demandent un nombre, un montant ou une date")
    match sign:
        case "<":
            return Span(high=value)
        case "<=":
            return Span(high=value, high_in=True)
        case ">":
            return Span(low=value)
        case _:
            return Span(low=value, low_in=True)


def _between(variable: Variable, piece: str) -> Span | Misread:
    if variable.kind not in ORDERED:
        return Misread("un intervalle demande un nombre, un montant ou une date")
    low, high = (value_of(variable, end) for end in piece[1:-1].split("..", 1))
    for end in (low, high):
        if isinstance(end, Misread):
            return end
    if isinstance(low, Misread | str | None) or isinstance(high, Misread | str | None):
        return Misread("un intervalle a deux bouts")
    first, second = (end.strip() for end in piece[1:-1].split("..", 1))
    if low > high:  # type: ignore[operator]
        return Misread(f"l'intervalle est à l'envers : écrivez {piece[0]}{second}..{first}{piece[-1]}")
    if low == high and (piece[0], piece[-1]) != ("[", "]"):
        return Misread(f"l'intervalle est vide, aucune valeur n'y est : écrivez {first} pour cette seule valeur")
    return Span(low, piece[0] == "[", high, piece[-1] == "]")


# --- the values of a column, parted where its tests part them ---

STEPS: dict[Kind, Decimal | int | timedelta] = {Kind.WHOLE: 1, Kind.AMOUNT: Decimal("0.01"), Kind.DATE: timedelta(days=1)}
"""Kinds that are counted: between two neighbours there is nothing. Other numbers are dense."""


@dataclass(frozen=True, slots=True)
class Regions:
    """All values of a variable, parted so that each test of the column holds for a whole region or for none of it.

    Ordered: before the first cut, the cut, between, …; else one region a constant, and one for any other text. The last is the empty value.
    """

    variable: Variable
    cuts: tuple[Any, ...]
    samples: tuple[Value, ...]
    """One value of each region; of the regions that `valid` leaves out, nothing is said."""
    valid: int
    """Regions that have values at all, as bits."""

    def of(self, value: Value) -> int:
        count = len(self.cuts)
        if self.variable.kind in ORDERED:
            if value is None:
                return 2 * count + 1
            at = bisect_left(self.cuts, value)
            return 2 * at + (at < count and self.cuts[at] == value)
        if value is None:
            return count + 1
        if self.variable.kind is Kind.TEXT and isinstance(value, str):
            value = unicodedata.normalize("NFC", value)  # As constants are: an accent may come as a sign of its own.
        return self.cuts.index(value) if value in self.cuts else count


def regions_of(variable: Variable, tests: list[UnaryTest]) -> Regions:
    constants = {value for test in tests for part in test.parts for value in _ends(part) if value is not None}
    if variable.kind in ORDERED:
        return _ordered(variable, sorted(constants | {end for end in (variable.low, variable.high) if end is not None}))
    if variable.kind is Kind.YES_NO:
        return Regions(variable, (False, True), (False, True, None, None), 0b11 | (variable.optional << 3))
    if variable.kind is Kind.CHOICE:
        codes = tuple(code for code, _ in variable.choices)
        return Regions(variable, codes, (*codes, None, None), (1 << len(codes)) - 1 | (variable.optional << (len(codes) + 1)))
    cuts = tuple(sorted(str(each) for each in constants))
    other = next(each for each in ("autre", *(f"autre {n}" for n in range(len(cuts) + 1))) if each not in cuts)
    return Regions(variable, cuts, (*cuts, other, None), (2 << len(cuts)) - 1 | (variable.optional << (len(cuts) + 1)))


def _ends(part: Span | Point) -> tuple[Value, ...]:
    return (part.value,) if isinstance(part, Point) else (part.low, part.high)


def _ordered(variable: Variable, cuts: list[Any]) -> Regions:
    samples: list[Value] = []
    valid = 0
    for at in range(len(cuts) + 1):
        low, high = cuts[at - 1] if at else None, cuts[at] if at < len(cuts) else None
        inside = _inside(variable, low, high)
        out = (high is not None and variable.low is not None and high <= variable.low) or (
            low is not None and variable.high is not None and low >= variable.high
        )
        valid |= (inside is not None and not out) << len(samples)
        samples.append(inside)
        if high is not None:
            valid |= 1 << len(samples)
            samples.append(high)
    valid |= variable.optional << len(samples)
    return Regions(variable, tuple(cuts), (*samples, None), valid)


def _inside(variable: Variable, low: Any, high: Any) -> Value:
    """A value strictly between; None where there is none."""
    step: Any = STEPS.get(variable.kind)
    if low is None and high is None:
        return date(2026, 1, 1) if variable.kind is Kind.DATE else 0 if variable.kind is Kind.WHOLE else Decimal(0)
    try:
        if step is None:
            return (low + high) / 2 if low is not None and high is not None else Decimal(low + 1 if high is None else high - 1)
        between: Value = high - step if low is None else low + step
    except OverflowError:  # The calendar ends.
        return None
    return None if low is not None and high is not None and between >= high else between


def nearest(regions: Regions, region: int, value: Value) -> Value:
    """The value of a region that is nearest to another value; in a dense open region, one step of the column's own decimals inside it."""
    cuts, sample = regions.cuts, regions.samples[region]
    if regions.variable.kind not in ORDERED or value is None or sample is None or region % 2:
        return sample
    if regions.of(value) == region:
        return value
    low, high = cuts[region // 2 - 1] if region else None, cuts[region // 2] if region // 2 < len(cuts) else None
    low = low if low is not None and value <= low else None
    step: Any = STEPS.get(regions.variable.kind)
    if step is None:
        finest = min((Decimal(cut).as_tuple().exponent for cut in cuts), default=0)
        step = Decimal(1).scaleb(min(int(finest), 0))
    between: Value = low + step if low is not None else high - step
    return between if regions.of(between) == region else sample


def distance(regions: Regions, first: Value, second: Value) -> Decimal:
    """How far apart, in widths of the column's own constants, so that columns can be added; 1 between words, or from and to empty."""
    if first == second:
        return Decimal(0)
    if regions.variable.kind not in ORDERED or first is None or second is None:
        return Decimal(1)
    width = _apart(regions.cuts[-1], regions.cuts[0]) if regions.cuts else Decimal(0)
    return _apart(first, second) / (width or Decimal(1))


def _apart(first: Any, second: Any) -> Decimal:
    gap = first - second
    return Decimal(abs(gap.days if isinstance(gap, timedelta) else gap))
