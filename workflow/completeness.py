"""Is every page there, once, and in its document? Cues for a person, from counts, printed page numbers, totals and likeness.

A cue holds nothing: each is for review, with what was measured and what was expected (art. A102 B-2 LPF, clause I-1). Where a page
may be blank, unread or unnumbered it gets the benefit of the doubt: an alarm that is often wrong is soon not looked at.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_low

from capture.catalogue import finding
from capture.findings import Finding
from capture.likeness import likeness
from conformity.limits import SHEETS
from ocr.amounts import find_amounts
from ocr.choices import Choice
from ocr.fields import best_number
from ocr.layout import Sheet, fold, lay_out, left_of
from ocr.text import PageText
from workflow.numbering import Printed, printed_number

ALIKE_BITS = 16
"""Of 64: the same paper scanned twice, a little askew, has at most 16 bits apart; other papers of one printer may have none."""
ALIKE_WORDS = 0.9
"""Share of words with a digit that two scans of one paper have in common; two invoices of one supplier differ in theirs."""
FEWEST_WORDS = 4
"""Words with a digit below which a text says nothing of whether two papers are one."""
NEIGHBOURS = 60
"""Pages before, and after, with which a page is compared: a sheet taken twice comes again soon."""
SAME_MM = 3.0
"""By which feeders vary the length of one size of paper."""
ODD_MM = 8.0
"""A sheet this much longer or shorter than its neighbours: two sheets drawn in at once, or one cut short."""
USUAL_SHARE = 0.75
"""Of the pages of one width that must have one length before another length is odd."""
SURE_TOTAL = 9
"""A total up to which a number printed without the word « page » is believed on one page alone."""
SURE_NUMBER = 3.0
"""Score from which a number is taken for an invoice's own: a full label beside it."""

_CARRIED = re.compile(
    r"\b(?:a reporter|report(?:er)? (?:a|en|sur) (?:la )?page suivante|ubertrag(?: auf seite)?|carr(?:ied|y) forward"
    r"|te transporteren)(?: eur)?$"
)
_BROUGHT = re.compile(
    r"\b(?:report(?:e? (?:de )?(?:la )?page(?: precedente)?)?|(?:total|montant) reporte|ubertrag(?: von seite)?|brought forward|transport"
    r"|overgebracht)(?: eur)?$"
)
"""Folded, at the end of what stands to the left of the amount, page numbers taken off."""
_LOOKALIKES = str.maketrans("oilsb", "01158")
"""What readers confuse in numbers, folded."""


@dataclass(frozen=True, slots=True)
class PageFact:
    """What is known of one scanned side."""

    number: int
    """Of the page in its batch or document, from 1; findings name the page by it."""
    width_mm: float
    height_mm: float
    raster: str
    """Hash of the canonical raster."""
    phash: int | None = None
    """As `capture.likeness.perceptual_hash` says; None where it was not taken."""
    blank: bool = False
    text: PageText | None = None
    """None where the page was not read."""


@dataclass(frozen=True, slots=True)
class Count:
    """What a person or a slip said of a batch."""

    sheets: int | None = None
    """Sheets of paper counted; None where nobody counted. Slips and separators are not among them."""
    duplex: bool | None = None
    """Both sides scanned; None where nobody said, and then either fits."""
    aside: int = 0
    """Pages that were scanned and then put aside as confidential: their sheets are among those counted."""


def check_batch(pages: Sequence[PageFact], count: Count | None = None) -> tuple[Finding, ...]:
    """Cues about a batch: counted sheets, repeated and alike pages, odd lengths, shifted blank sides.

    `pages` in the order of scanning, without the sheets set apart and their backs.
    """
    count = count or Count()
    return (*_miscounted(len(pages) + count.aside, count), *_repeated(pages), *_alike(pages), *_odd_lengths(pages), *_shifted(pages, count))


def check_document(pages: Sequence[PageFact]) -> tuple[Finding, ...]:
    """Cues about one document: printed page numbers, amounts carried forward, invoice numbers. `pages` in their order."""
    return (*_misnumbered(pages), *_misreported(pages), *_two_numbers(pages))


# --- counts ---


def _miscounted(pages: int, count: Count) -> Iterator[Finding]:
    """One side for each sheet, or two."""
    if count.sheets is None:
        if count.duplex and pages % 2:
            yield finding("count-mismatch", measured=str(pages), limit=f"{pages - 1} / {pages + 1}")
        return
    fits = [count.sheets * sides for sides in (1, 2) if count.duplex in (None, sides == 2)]
    if pages not in fits:
        yield finding("count-mismatch", measured=str(pages), limit=" / ".join(map(str, fits)))


# --- the same page twice ---


def _repeated(pages: Sequence[PageFact]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for page in pages:
        if not page.raster:
            continue  # Two pages that do not decode have nothing in common but that.
        if page.raster in first and not page.blank:
            yield finding("page-repeated", page=page.number, measured=str(page.number), limit=str(first[page.raster]))
        first.setdefault(page.raster, page.number)


def _alike(pages: Sequence[PageFact]) -> Iterator[Finding]:
    """Other pixels, but the same picture with the same numbers on it. Says nothing of pages that were not read."""
    known = [(page, _digits(page.text)) for page in pages if page.text and page.phash is not None and not page.blank]
    own: dict[int, str] = {}
    for i, (page, words) in enumerate(known):
        for other, others in known[max(0, i - NEIGHBOURS) : i]:
            if page.raster == other.raster or not _near(page, other) or _common(words, others) < ALIKE_WORDS:
                continue
            if not _other_invoices(page, other, own):
                yield finding("page-alike", page=page.number, measured=str(page.number), limit=str(other.number))
                break


def _other_invoices(one: PageFact, other: PageFact, own: dict[int, str]) -> bool:
    """Each bears an invoice number of its own: a subscription's invoices differ in little else. `own` keeps what was looked up."""
    for page in (one, other):
        if page.number not in own:
            choice = _own_number(page)
            own[page.number] = _plain(str(choice.value)) if choice else ""
    return bool(own[one.number] and own[other.number]) and own[one.number] != own[other.number]


def _near(one: PageFact, other: PageFact) -> bool:
    return one.phash is not None and other.phash is not None and likeness(one.phash, other.phash) <= ALIKE_BITS


def _digits(text: PageText) -> Counter[str]:
    return Counter(word.text for word in text.words if any(c.isdigit() for c in word.text))


def _common(one: Counter[str], other: Counter[str]) -> float:
    larger = max(one.total(), other.total())
    return (one & other).total() / larger if larger >= FEWEST_WORDS else 0.0


# --- sizes and sides ---


def _odd_lengths(pages: Sequence[PageFact]) -> Iterator[Finding]:
    """Longer or shorter than pages of the same width, and no sheet that one can buy."""
    for i, page in enumerate(pages):
        near = (*pages[max(0, i - NEIGHBOURS) : i], *pages[i + 1 : i + 1 + NEIGHBOURS])
        lengths = [other.height_mm for other in near if abs(other.width_mm - page.width_mm) <= SAME_MM]
        if len(lengths) < 3:
            continue
        usual = median_low(lengths)
        same = sum(abs(length - usual) <= SAME_MM for length in lengths)
        if same >= USUAL_SHARE * len(lengths) and abs(page.height_mm - usual) > ODD_MM and not _known_sheet(page):
            yield finding("odd-length", page=page.number, measured=f"{page.height_mm:.0f} mm", limit=f"{usual:.0f} mm")


def _known_sheet(page: PageFact) -> bool:
    size = sorted((page.width_mm, page.height_mm))
    return any(all(abs(a - b) <= SAME_MM for a, b in zip(size, sorted(sheet), strict=True)) for sheet in SHEETS.values())


def _shifted(pages: Sequence[PageFact], count: Count) -> Iterator[Finding]:
    """Of a stack scanned on both sides: blank backs up to a sheet, and blank fronts from there on."""
    if count.duplex is False or (count.duplex is None and count.sheets != (len(pages) + count.aside) / 2):
        return
    pairs = list(zip(pages[::2], pages[1::2], strict=False))
    told = [(front, back.blank) for front, back in pairs if front.blank != back.blank]
    turns = [i for i in range(1, len(told)) if told[i][1] != told[i - 1][1]]
    if len(turns) == 1 and told[0][1] and min(turns[0], len(told) - turns[0]) >= 2:
        first = told[turns[0]][0]
        yield finding("sides-shifted", page=first.number, measured=str(len(told) - turns[0]))
    elif not turns and len(told) >= 3 and not told[0][1]:
        yield finding("sides-shifted", page=told[0][0].number, measured=str(len(told)))


# --- printed page numbers ---


@dataclass(frozen=True, slots=True)
class _Numbered:
    place: int
    """In the document, from 0."""
    page: PageFact
    printed: Printed


def _misnumbered(pages: Sequence[PageFact]) -> Iterator[Finding]:
    numbered = _numbered(pages)
    spare = {place for place, page in enumerate(pages) if not page.blank} - {one.place for one in numbered}
    runs = _runs(numbered)
    for i, run in enumerate(runs):
        start = runs[i - 1][-1].place + 1 if i else 0
        end = runs[i + 1][0].place if i + 1 < len(runs) else len(pages)
        yield from _run_findings(run, sorted(place for place in spare if start <= place < end))


def _numbered(pages: Sequence[PageFact]) -> list[_Numbered]:
    """Pages that say their number; one without the word « page » counts where the total is small or a second page says it too."""
    printed = ((place, page, printed_number(page.text)) for place, page in enumerate(pages) if page.text)
    found = [_Numbered(place, page, number) for place, page, number in printed if number]
    totals = Counter(one.printed.total for one in found)
    return [
        one
        for one in found
        if one.printed.sure or totals[one.printed.total] > 1 or (one.printed.total is not None and one.printed.total <= SURE_TOTAL)
    ]


def _runs(numbered: Sequence[_Numbered]) -> list[list[_Numbered]]:
    """One run for each numbering from 1 to its total: a document may hold an invoice and its annex, each with its own.

    A number that comes again begins a new run where it is 1 or the run is full; else it is a page scanned twice.
    """
    runs: list[list[_Numbered]] = []
    for one in numbered:
        run = runs[-1] if runs else []
        seen = {other.printed.number for other in run}
        same = bool(run) and run[-1].printed.total == one.printed.total
        full = one.printed.total is not None and len(seen) == one.printed.total
        again = one.printed.number in seen and (one.printed.number == 1 or full)
        if same and not again:
            run.append(one)
        else:
            runs.append([one])
    return runs


def _run_findings(run: Sequence[_Numbered], spare: Sequence[int]) -> Iterator[Finding]:
    numbers = [one.printed.number for one in run]
    total = run[0].printed.total
    seen = set(numbers)
    missing = [number for number in range(1, (total or max(seen)) + 1) if number not in seen]
    if len(missing) > len(spare):
        yield finding("page-missing", page=run[0].page.number, measured=_listed(missing), limit=str(total) if total else f"≥ {max(seen)}")
    for number, times in Counter(numbers).items():
        if times > 1:
            again = [one for one in run if one.printed.number == number]
            yield finding("page-repeated", page=again[1].page.number, measured=str(again[1].page.number), limit=str(again[0].page.number))
    once = list(dict.fromkeys(numbers))
    if once != sorted(once):
        yield finding("page-order", page=run[0].page.number, measured=_listed(once))


def _listed(numbers: Sequence[int], most: int = 12) -> str:
    return ", ".join(map(str, numbers[:most])) + (" …" if len(numbers) > most else "")


# --- amounts carried forward ---


def _misreported(pages: Sequence[PageFact]) -> Iterator[Finding]:
    """What is carried at the foot of a page is brought at the head of the next."""
    read = [(page, _sheet(page)) for page in pages if not page.blank]
    for i, (page, sheet) in enumerate(read):
        carried = _labelled_amounts(sheet, _CARRIED, 0.6, 1.0)
        if not carried:
            continue
        if i + 1 == len(read):
            yield finding("carry-lost", page=page.number, measured=_money(carried))
            continue
        brought = _labelled_amounts(read[i + 1][1], _BROUGHT, 0.0, 0.6)
        if brought and not carried & brought:
            yield finding("carry-mismatch", page=read[i + 1][0].number, measured=_money(brought), limit=_money(carried))


def _sheet(page: PageFact) -> Sheet | None:
    return lay_out([page.text])[0] if page.text else None


def _labelled_amounts(sheet: Sheet | None, label: re.Pattern[str], top: float, foot: float) -> set[Decimal]:
    """Amounts in rows with the label to the left, within a band of the page."""
    if sheet is None:
        return set()
    amounts = [amount for amount in find_amounts(sheet) if top <= amount.spot.depth <= foot]
    return {amount.value for amount in amounts if label.search(re.sub(r"(?: \d+)+$", "", left_of(amount.spot)))}


def _money(values: set[Decimal]) -> str:
    return ", ".join(f"{value:.2f}" for value in sorted(values))


# --- invoice numbers ---


def _two_numbers(pages: Sequence[PageFact]) -> Iterator[Finding]:
    """Two pages, each with an invoice number under a full label, and neither shows the other's."""
    own: tuple[str, str] | None = None
    run = _pages_of_one(pages)
    for page in pages:
        choice = _own_number(page)
        if page.text is None or choice is None:
            continue
        shown = " ".join(_plain(word.text) for word in page.text.words)
        if own is None:
            own = str(choice.value), shown
        elif _plain(str(choice.value)) not in own[1] and _plain(own[0]) not in shown and page.number not in run:
            yield finding("two-invoice-numbers", page=page.number, measured=str(choice.value), limit=own[0])
            return


def _own_number(page: PageFact) -> Choice | None:
    """The invoice number on this page, where a full label stands beside it."""
    sheet = _sheet(page)
    choice = best_number([sheet], "number") if sheet and not page.blank else None
    return choice if choice and choice.score >= SURE_NUMBER else None


def _pages_of_one(pages: Sequence[PageFact]) -> set[int]:
    """Pages after the first whose printed number says that they go on with it."""
    runs = _runs(_numbered(pages))
    return {one.page.number for one in runs[0][1:] if one.printed.number > 1} if runs and runs[0][0].place == 0 else set()


def _plain(text: str) -> str:
    """Letters and digits, lookalikes as one, without the words that may be glued to a number."""
    return fold(text).replace(" ", "").translate(_LOOKALIKES)
