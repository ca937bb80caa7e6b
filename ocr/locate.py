"""A value that a person typed is found again on the page, in whatever form it is printed there, so that it teaches where it stands."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import islice

from ocr.amounts import find_amounts
from ocr.dates import find_dates
from ocr.labels import labels_in
from ocr.layout import Segment, Sheet, Spot, above, fold, lay_out, left_of, right_of, segments_of
from ocr.text import PageText
from ocr.values import Value

SAYS: dict[str, tuple[str, str]] = {
    "invoice_number": ("numbers", "number"), "order_reference": ("numbers", "order"), "contract_reference": ("numbers", "contract"),
    "engagement_number": ("numbers", "engagement"), "service_code": ("numbers", "service"), "market_reference": ("numbers", "market"),
    "issue_date": ("dates", "issue"), "due_date": ("dates", "due"), "delivery_date": ("dates", "delivery"),
    "total_net": ("amounts", "net"), "total_tax": ("amounts", "tax"), "total_gross": ("amounts", "gross"),
    "paid_amount": ("amounts", "paid"), "amount_due": ("amounts", "due"),
    "supplier_name": ("parties", "supplier"), "supplier_siren": ("parties", "supplier"), "supplier_siret": ("parties", "supplier"),
    "supplier_vat_id": ("parties", "supplier"), "buyer_name": ("parties", "buyer"), "buyer_siren": ("parties", "buyer"),
}  # fmt: skip
"""Vocabulary and kind of the labels (`ocr.labels`) that speak for a field."""
_ALIKE = str.maketrans("OQDILSBZ", "00011582")
"""Signs that readers and people take for one another; the same on both sides, so it does not matter which is right."""
_MAX_TEXT = 300
_MAX_STRETCHES = 5000
"""Stretches compared one by one where nothing is printed as it was typed."""
_NEAR = 0.85
"""Likeness (difflib's ratio) from which a name is the one typed, a sign or two misread."""
OTHERS = -0.5
"""Label fit below which the words around a place name another field."""
_LATE = frozenset({"total_net", "total_tax", "total_gross", "paid_amount", "amount_due"})


def locate_value(pages: Sequence[PageText], name: str, typed: Value) -> Spot | None:
    """Where the value of field `name` stands: as printed, else with signs misread; of several places the one whose label says it.

    None where no page shows it, and for values of several rows.
    """
    return locate_on(lay_out(pages), name, typed)


def locate_on(sheets: Sequence[Sheet], name: str, typed: Value, *, near: bool = True) -> Spot | None:
    """The same on pages laid out; `near`: a text that is only almost as typed will do, where nothing is printed as typed."""
    if isinstance(typed, tuple) or typed == "":
        return None
    found = list(_printed(sheets, typed)) or list(_within(sheets, name, typed))
    if near and (not found or max(label_fit(spot, name) for spot in found) < OTHERS):
        # Beside the label of another field it may be that other value, and this one misread elsewhere.
        found += _misread(sheets, typed)
    return max(found, key=lambda spot: label_fit(spot, name), default=None)


def label_fit(spot: Spot, name: str) -> float:
    """How much the words around a place speak for the field: its own label beside it or above it, against those of other fields."""
    last = 0.2 * spot.depth if name in _LATE else -0.2 * spot.depth
    if name not in SAYS:
        return last
    vocabulary, kind = SAYS[name]
    beside = labels_in(left_of(spot, 60), vocabulary)
    if beside:
        return last + (2.0 if beside[-1].kind == kind else -1.0) * beside[-1].weight
    for distance, text in above(spot, rows=6):
        headings = labels_in(text, vocabulary)
        if headings:
            return last + (1.6 if headings[-1].kind == kind else -0.8) * headings[-1].weight / (0.5 + 0.5 * distance)
        if sum(c.isalpha() for c in text) > 12:
            break
    after = labels_in(right_of(spot), vocabulary)
    return last + (0.5 if after and after[0].kind == kind else 0.0)


def says_another(spot: Spot, name: str) -> bool:
    """Whether the label to its left names another field of the same vocabulary."""
    vocabulary, kind = SAYS[name]
    beside = labels_in(left_of(spot, 60), vocabulary)
    return bool(beside) and beside[-1].kind != kind and (vocabulary, beside[-1].kind) in SAYS.values()


def skeleton(text: str) -> str:
    """Letters and digits alone, capital, without accents, signs that are misread for one another made one."""
    return fold(text).replace(" ", "").replace("%", "").upper().translate(_ALIKE)


# --- as printed ---


def _printed(sheets: Sequence[Sheet], typed: Value) -> Iterator[Spot]:
    for sheet in sheets:
        match typed:
            case date():
                yield from (day.spot for day in find_dates(sheet) if typed in (day.value, day.swapped))
            case Decimal():
                yield from (amount.spot for amount in find_amounts(sheet) if abs(amount.value) == abs(typed))
            case str():
                yield from _texts(sheet, skeleton(typed))


def _texts(sheet: Sheet, wanted: str) -> Iterator[Spot]:
    """Whole words in a segment whose skeleton it is; else in a row, the part in its first segment."""
    if not wanted:
        return
    for row, segments in enumerate(sheet.rows):
        inside = [Spot(sheet, row, column, *span) for column, each in enumerate(segments) for span in _spans(each.text[:_MAX_TEXT], wanted)]
        yield from inside
        if not inside and len(segments) > 1 and len(wanted) >= 8:
            yield from _split(sheet, row, segments, wanted)


def _split(sheet: Sheet, row: int, segments: Sequence[Segment], wanted: str) -> Iterator[Spot]:
    """A long number printed in groups so far apart that they are segments of their own."""
    starts, text = [], ""
    for segment in segments:
        starts.append(len(text))
        text += segment.text[:_MAX_TEXT] + " "
    for start, end in _spans(text[: 4 * _MAX_TEXT], wanted):
        column = max(i for i, at in enumerate(starts) if at <= start)
        own = len(segments[column].text[:_MAX_TEXT])
        yield Spot(sheet, row, column, start - starts[column], min(end - starts[column], own))


def _spans(text: str, wanted: str, *, whole: bool = True) -> Iterator[tuple[int, int]]:
    """Where the text's skeleton reads `wanted`; `whole`: from the start of a word to the end of one."""
    signs, places = [], []
    for place, sign in enumerate(text):
        for plain in skeleton(sign):
            signs.append(plain)
            places.append(place)
    bones, at = "".join(signs), -1
    while (at := bones.find(wanted, at + 1)) >= 0:
        start, end = places[at], places[at + len(wanted) - 1] + 1
        bounded = (start == 0 or not text[start - 1].isalnum()) and (end == len(text) or not text[end].isalnum())
        if bounded or not whole:
            yield start, end


def _within(sheets: Sequence[Sheet], name: str, typed: Value) -> Iterator[Spot]:
    """A SIREN may be printed only as part of a SIRET or of a VAT number."""
    if not name.endswith("_siren") or not isinstance(typed, str) or len(typed) != 9:
        return
    for sheet in sheets:
        for row, column, segment in segments_of(sheet):
            text = segment.text[:_MAX_TEXT]
            yield from (Spot(sheet, row, column, *span) for span in _spans(text, skeleton(typed), whole=False))


# --- misread ---


def _misread(sheets: Sequence[Sheet], typed: Value) -> Iterator[Spot]:
    match typed:
        case date():
            forms = {f"{typed:%d%m%Y}", f"{typed:%d%m%y}", f"{typed:%Y%m%d}", f"{typed:%m%d%Y}", f"{typed.day}{typed:%m%Y}"}
            yield from _stretches_of(sheets, forms)
        case Decimal():
            cents = f"{abs(typed):.2f}".replace(".", "")
            yield from _stretches_of(sheets, {cents} | ({cents[:-2]} if cents.endswith("00") and len(cents) > 3 else set()))
        case str() if len(typed) >= 5:
            yield from _likest(sheets, typed)


def _stretches_of(sheets: Sequence[Sheet], forms: set[str]) -> Iterator[Spot]:
    wanted = {form.translate(_ALIKE) for form in forms}
    for sheet in sheets:
        for row, column, segment in segments_of(sheet):
            text = segment.text[:_MAX_TEXT]
            yield from (Spot(sheet, row, column, *span) for each in wanted for span in _spans(text, each))


def _likest(sheets: Sequence[Sheet], typed: str) -> Iterator[Spot]:
    """The stretch of words that is most like it, if it is like enough."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(skeleton(typed))
    best, found = _NEAR, None
    for spot in islice(_word_spots(sheets, len(typed.split())), _MAX_STRETCHES):
        matcher.set_seq1(skeleton(spot.raw))
        if matcher.real_quick_ratio() >= best and matcher.quick_ratio() >= best and matcher.ratio() >= best:
            best, found = matcher.ratio(), spot
    if found is not None:
        yield found


def _word_spots(sheets: Sequence[Sheet], count: int) -> Iterator[Spot]:
    for sheet in sheets:
        for row, column, segment in segments_of(sheet):
            yield from (Spot(sheet, row, column, *span) for span in _word_spans(segment.text[:_MAX_TEXT], count))


def _word_spans(text: str, count: int) -> Iterator[tuple[int, int]]:
    """Stretches of about so many words."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    for size in {max(1, count - 1), count, count + 1}:
        yield from ((words[i][0], words[i + size - 1][1]) for i in range(len(words) - size + 1))
