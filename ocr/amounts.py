"""Amounts of money as they are printed: French, English, German, Dutch and Swiss ways of writing. Decimal only."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ocr.layout import Segment, Sheet, Spot, once, segments_of

CURRENCIES: dict[str, str] = {"€": "EUR", "£": "GBP", "₹": "INR", "$": "USD", "¥": "JPY"}
"""Signs to ISO 4217 codes; the dollar stands for the most usual of its currencies."""
CODES = ("EUR", "USD", "GBP", "CHF", "CAD", "AUD", "SEK", "DKK", "NOK", "PLN", "CZK", "INR", "JPY", "MAD", "TND", "XOF", "XPF")

_SIGN = r"€|£|₹|\$|EUR|USD|GBP|CHF"
_MONEY = re.compile(
    rf"(?:(?<![\w,])(?<!\d\.)|(?<=[A-Za-z]{{3}}))(?P<open>\(\s?)?(?P<sign>[-−–]\s?)?(?P<before>(?:{_SIGN}|Rs\.?|RM)\s?)?(?P<minus>[-−–]\s?)?"
    rf"(?P<whole>\d{{1,3}}(?:[ '’.,]\d{{3}}){{1,5}}|\d{{1,12}})(?P<cents>[.,]\d{{2}}|[.,][-–—](?!\d))?(?![\d%]|[A-Za-z]\d)(?![.,]\d)"
    rf"(?P<close>\s?\))?(?P<after>\s?(?:{_SIGN})(?![A-Za-z]))?(?P<trailing>-(?![\w.]))?"
)
_NUMBER = re.compile(r"(?<![\w,/:])(?<!\d\.)(?P<sign>[-−–]\s?)?(?P<digits>\d{1,12}(?:[ '’.,]\d{1,6}){0,5})(?![\d/:])(?P<percent>\s?%)?")
_SLIP = re.compile(r"(?<![\w,])(?<!\d\.)[0-9OoQDIlSBZG|][0-9OoQDIlSBZG|.,:; '’]{0,14}[0-9OoQDIlSBZG|](?![\w%])")
_CONFUSED = str.maketrans(
    {"O": "0", "o": "0", "Q": "0", "D": "0", "I": "1", "l": "1", "|": "1", "S": "5", "B": "8", "Z": "2", "G": "6", ":": ",", ";": ","}
)
"""What readers take for digits."""
_LETTERS = dict(zip("OoQDIlSBZG", "0000115826", strict=True))
_LIKELY = re.compile(r"(?<![\w,])(?<!\d\.)[0-9OoQDIlSBZG]{1,3}(?:[ '’.,]?[0-9OoQDIlSBZG]{3}){0,3}[.,][0-9OoQDIlSBZG]{2}(?![\w])")
"""An amount in which some digits may have been read as letters."""
_MAX_TEXT = 300
_CENTS = re.compile(r"\d([.,])\d{2}(?![\d.,])")
_WHOLE = re.compile(r"(?<![\w,/:-])(?<!\d\.)\d{1,3}(?:[ '’.]\d{3}){1,3}(?![\w.,/:%-])|(?<![\w,/:-])(?<!\d\.)\d{2,7}(?![\w.,/:%-])")
_WORD_GAP = 0.75
"""In line heights: digits further apart than this are two numbers, not thousands."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount on a page."""

    value: Decimal
    spot: Spot
    marked: bool
    """A currency stands beside it."""


@once
def find_amounts(sheet: Sheet) -> Iterator[Amount]:
    """Every amount with two decimals, and whole numbers beside a currency; no percentages, no prices with more decimals, no dates."""
    for row, column, segment in segments_of(sheet):
        text = segment.text[:_MAX_TEXT]
        position = 0
        while match := _MONEY.search(text, position):
            end = _true_end(match, segment)
            amount = _amount(match, end, Spot(sheet, row, column, match.start(), end), text)
            if amount:
                yield amount
            position = max(end, match.start() + 1)


def parse_amount(text: str) -> Decimal | None:
    """`1 234,56`, `1.234,56`, `1,234.56`, `1'234.56`, `-12,00`; None where the text is no amount."""
    match = _MONEY.fullmatch(text.strip())
    return _value(match) if match else None


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a row: a quantity, a price, a rate or an amount."""

    value: Decimal
    decimals: int
    percent: bool
    x0: float
    x1: float
    spot: Spot
    misread: bool = False
    """A letter stood for a digit: to be believed where the arithmetic agrees."""


def decimal_sign(sheets: Sequence[Sheet]) -> str:
    """Comma or point: what stands before the cents of most amounts; a comma where there are none."""
    seen = [match[1] for sheet in sheets for _, _, segment in segments_of(sheet) for match in _CENTS.finditer(segment.text[:_MAX_TEXT])]
    return "." if seen.count(".") > seen.count(",") else ","


def find_numbers(sheet: Sheet, row: int, column: int, sign: str) -> Iterator[Number]:
    """The numbers in one segment, whatever they mean: `5,000` is five where `sign` is a comma."""
    segment = sheet.rows[row][column]
    text = segment.text[:_MAX_TEXT]
    position = 0
    text, slips = _put_right(text)
    while match := _NUMBER.search(text, position):
        start, end = match.span("digits")
        end = min(end, _gap_end(start, end, segment))
        digits = _thousands(match["digits"][: end - start])
        end = start + len(digits)
        value = _number_value(digits, sign)
        position = max(end, match.start() + 1)
        if value is None:
            continue
        spot = Spot(sheet, row, column, start, end)
        after = text[end : end + 2].lstrip()
        x0, _, x1, _ = spot.box if len(spot.words) > 1 or len(spot.words[0].text) <= len(digits) + 4 else _share_of(spot)
        negative = match["sign"] or (text[end : end + 1] == "-" and not text[end + 1 : end + 2].strip())
        decimals = -int(value.as_tuple().exponent)
        misread = any(start <= slip < end for slip in slips)
        yield Number(-value if negative else value, decimals, after.startswith("%"), x0, x1, spot, misread)


def _put_right(text: str) -> tuple[str, frozenset[int]]:
    """Letters that stand for digits in what otherwise is an amount (`1.822,S0`) as digits, and where they were."""
    slips: set[int] = set()
    for match in _LIKELY.finditer(text):
        places = [place for place in range(*match.span()) if text[place] in _LETTERS]
        if places and len(places) <= 2 and sum(c.isdigit() for c in match[0]) >= 2:
            slips |= set(places)
    return "".join(_LETTERS[c] if place in slips else c for place, c in enumerate(text)), frozenset(slips)


def misread_amounts(sheet: Sheet) -> Iterator[Amount]:
    """What would be an amount if letters that look like digits were digits, and spaces and the decimal sign were in their places.

    Not to be believed without arithmetic that agrees.
    """
    for row, column, segment in segments_of(sheet):
        for match in _SLIP.finditer(segment.text[:_MAX_TEXT]):
            if not any(c.isdigit() for c in match[0]):
                continue
            spot = Spot(sheet, row, column, *match.span())
            negative = segment.text[: match.start()].rstrip()[-1:] in ("-", "−", "–")
            for value in _readings(match[0]):
                yield Amount(-value if negative else value, spot, False)


def whole_amounts(sheet: Sheet) -> Iterator[Amount]:
    """Whole numbers that stand alone: amounts on a page that prints no cents."""
    for row, column, segment in segments_of(sheet):
        for match in _WHOLE.finditer(segment.text[:_MAX_TEXT]):
            value = Decimal(re.sub(r"\D", "", match[0]))
            if value:
                yield Amount(value.quantize(Decimal("0.01")), Spot(sheet, row, column, *match.span()), False)


def _readings(text: str) -> Iterator[Decimal]:
    """The amounts that a misread text may have been: cents cut off at the last sign or, without one, before the last two digits."""
    plain = text.translate(_CONFUSED)
    parts = re.split(r"[.,]", plain)
    digits = re.sub(r"\D", "", plain)
    if not 3 <= len(digits) <= 12:
        return
    cents = re.sub(r"\D", "", parts[-1])
    if (len(parts) > 1 and len(cents) == 2) or len(parts) == 1 or len(cents) == 5:
        yield Decimal(digits[:-2] + "." + digits[-2:])
    if len(parts) > 1 and len(cents) == 1:
        yield Decimal(digits[:-1] + "." + digits[-1:] + "0")


def _thousands(digits: str) -> str:
    """The stretch up to where spaces no longer separate groups of three."""
    parts = re.split(r"( )", digits)
    kept = parts[0]
    for space, part in zip(parts[1::2], parts[2::2], strict=True):
        if not re.fullmatch(r"\d{3}(?:[.,]\d+)?", part) or not re.fullmatch(r"\d{1,3}(?: \d{3})*", kept):
            break
        kept += space + part
    return kept


def _number_value(text: str, sign: str) -> Decimal | None:
    plain = re.sub(r"[ '’]", "", text)
    signs = re.findall(r"[.,]", plain)
    if not signs:
        return Decimal(plain)
    last = max(plain.rfind("."), plain.rfind(","))
    tail = len(plain) - last - 1
    grouped = len(set(signs)) == 1 and tail == 3 and (len(signs) > 1 or signs[0] != sign)
    if grouped:
        return Decimal(re.sub(r"[.,]", "", plain))
    if len(signs) > 1 and (len(set(signs)) == 1 or signs.count(plain[last]) > 1):
        return None
    return Decimal(re.sub(r"[.,]", "", plain[:last]) + "." + plain[last + 1 :])


def _gap_end(start: int, end: int, segment: Segment) -> int:
    """The first place within a number where a gap is wider than a thousands separator."""
    position = 0
    for left, right in zip(segment.words, segment.words[1:], strict=False):
        position += len(left.text)
        if start <= position < end and right.x0 - left.x1 > _WORD_GAP * segment.height:
            return position
        position += 1
    return end


def _share_of(spot: Spot) -> tuple[int, int, int, int]:
    """The share of a long word that the stretch fills, by letters."""
    word = spot.words[0]
    begin = spot.segment.text[: spot.start].rfind(" ") + 1
    width = (word.x1 - word.x0) / max(1, len(word.text))
    return round(word.x0 + width * (spot.start - begin)), word.y0, round(word.x0 + width * (spot.end - begin)), word.y1


def _amount(match: re.Match[str], end: int, spot: Spot, text: str) -> Amount | None:
    marked = bool(match["before"] or match["after"])
    if end < match.end():
        match = _MONEY.fullmatch(text, match.start(), end) or match
    if not match["cents"] and not marked:
        return None
    if match.start() and text[match.start() - 1].isalpha() and not match["cents"] and not match["before"]:
        return None
    if text[match.end() :].lstrip().startswith("%"):
        return None
    value = _value(match)
    return Amount(value, spot, marked) if value is not None else None


def _true_end(match: re.Match[str], segment: Segment) -> int:
    """Where the number really ends: at the first space that is wider than a thousands separator."""
    end = _gap_end(match.start("whole"), match.end("whole"), segment)
    return match.end() if end == match.end("whole") else end


def _value(match: re.Match[str]) -> Decimal | None:
    whole = re.sub(r"[ '’.,]", "", match["whole"])
    separators = set(re.findall(r"[.,'’ ]", match["whole"]))
    cents = match["cents"]
    if len(separators) > 1 or (cents and cents[0] in separators):
        return None
    value = Decimal(whole + "." + (cents[1:] if cents and cents[1:].isdigit() else "00"))
    negative = match["sign"] or match["minus"] or match["trailing"] or (match["open"] and match["close"])
    return -value if negative else value
