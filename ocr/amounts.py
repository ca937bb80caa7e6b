"""Amounts of money as they are printed: French, English, German, Dutch and Swiss ways of writing. Decimal only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ocr.layout import Segment, Sheet, Spot, segments_of

CURRENCIES: dict[str, str] = {"€": "EUR", "£": "GBP", "₹": "INR", "$": "USD", "¥": "JPY"}
"""Signs to ISO 4217 codes; the dollar stands for the most usual of its currencies."""
CODES = ("EUR", "USD", "GBP", "CHF", "CAD", "AUD", "SEK", "DKK", "NOK", "PLN", "CZK", "INR", "JPY", "MAD", "TND", "XOF", "XPF")

_SIGN = r"€|£|₹|\$|EUR|USD|GBP|CHF"
_MONEY = re.compile(
    rf"(?<![\w.,])(?P<sign>[-−–]\s?)?(?P<before>(?:{_SIGN}|Rs\.?)\s?)?(?P<minus>[-−–]\s?)?"
    rf"(?P<whole>\d{{1,3}}(?:[ '’.,]\d{{3}}){{1,5}}|\d{{1,12}})(?P<cents>[.,]\d{{2}})?(?![\d%])(?![.,]\d)"
    rf"(?P<after>\s?(?:{_SIGN})(?![A-Za-z]))?"
)
_MAX_TEXT = 300
_WORD_GAP = 0.75
"""In line heights: digits further apart than this are two numbers, not thousands."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount on a page."""

    value: Decimal
    spot: Spot
    marked: bool
    """A currency stands beside it."""


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


def _amount(match: re.Match[str], end: int, spot: Spot, text: str) -> Amount | None:
    marked = bool(match["before"] or match["after"])
    if end < match.end():
        match = _MONEY.fullmatch(text, match.start(), end) or match
    if not match["cents"] and not marked:
        return None
    if text[match.end() :].lstrip().startswith("%"):
        return None
    value = _value(match)
    return Amount(value, spot, marked) if value is not None else None


def _true_end(match: re.Match[str], segment: Segment) -> int:
    """Where the number really ends: at the first space that is wider than a thousands separator."""
    position = 0
    for left, right in zip(segment.words, segment.words[1:], strict=False):
        position += len(left.text)
        if match.start("whole") <= position < match.end("whole") and right.x0 - left.x1 > _WORD_GAP * segment.height:
            return position
        position += 1
    return match.end()


def _value(match: re.Match[str]) -> Decimal | None:
    whole = re.sub(r"[ '’.,]", "", match["whole"])
    separators = set(re.findall(r"[.,'’ ]", match["whole"]))
    cents = match["cents"]
    if len(separators) > 1 or (cents and cents[0] in separators):
        return None
    value = Decimal(whole + "." + (cents[1:] if cents else "00"))
    return -value if match["sign"] or match["minus"] else value
