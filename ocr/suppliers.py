"""What was learned of a supplier from a correction, and how it speaks on the next paper of the same supplier.

A lesson tells where a value stands: beside which words, below which heading, how far down the page, and what it looks like. What
never changes (name, identifiers) is told by itself. The words come first and the place second, for papers shift. Nothing that is
not on the page is put there, save a name that the paper draws; amounts that add up are never replaced by amounts that do not.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import islice
from math import hypot
from typing import Any

from ocr.amounts import find_amounts
from ocr.companies import find_ibans
from ocr.dates import find_dates
from ocr.identifiers import compact, valid_bic, valid_iban, valid_siren, valid_siret, valid_vat, vat_siren
from ocr.layout import Sheet, Spot, above, fold, lay_out, right_of, segments_of
from ocr.locate import locate_on, says_another, skeleton
from ocr.text import Box, PageText
from ocr.turning import shown_fields
from ocr.values import Field, Source, Value, plain_value

CONSTANTS = frozenset({
    "supplier_name", "supplier_siren", "supplier_siret", "supplier_vat_id", "iban", "bic", "currency", "buyer_name", "buyer_siren"
})  # fmt: skip
"""What is the same on every paper of a supplier."""
UNPRINTED = frozenset({"supplier_name", "supplier_siren"})
"""What a paper may leave out (a name may be a picture). An account never: one that is not printed is not this invoice's."""
IDENTIFIERS = frozenset({"supplier_siren", "supplier_siret", "supplier_vat_id", "iban", "bic", "buyer_siren"})
AMOUNTS = frozenset({"total_net", "total_tax", "total_gross", "paid_amount", "amount_due"})
DATES = frozenset({"issue_date", "due_date", "delivery_date"})
NUMBERS = frozenset({
    "invoice_number", "order_reference", "contract_reference", "engagement_number", "service_code", "market_reference"
})  # fmt: skip
TEXTS = frozenset({"payment_terms"})
"""What is read from its label to the end of its words."""
MAX_LESSONS = 5
"""The newest of one supplier and field: a paper that changed its look twice needs no more."""
_ALIKE = 0.75
"""Likeness (difflib's ratio) from which words are the ones that were taught, a sign or two misread."""
_WORN = 0.5
"""Likeness below which words are others, not the same badly read."""
_REACH = (0.08, 0.06)
"""Shares of the page's width and height within which a value stands where it was taught."""
_MAX_TEXT = 300
_MAX_CANDIDATES = 2000
_MAX_LABEL_WORDS = 6
SUREST = 0.97
"""No value is surer by a lesson: 123 cases, all of them right, bound its error at 3 % (docs/measurements.md). Below green
(`ocr.confidence`), so that a lesson never makes green what was not."""
_LABELLED, _PLACED, _AGREED, _DOUBTFUL = SUREST, 0.85, SUREST, 0.5
"""Confidences: beside its words; at its place only; amounts that add up besides; at odds with what else is known."""
_UNPROVED = 0.9
"""An amount that no sum confirms."""
_CONSTANT, _UNPRINTED, _BY_NAME = SUREST, 0.95, 0.9
"""Confidences: printed; left out by the paper; of a supplier that only its name tells."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands. Shares are of the page's width or height, 0…1."""

    page: int
    """From 1; of a value on a page after the middle, from -1 backwards."""
    x: float
    """Of the value's left edge; of an amount its right edge, for amounts are set flush right."""
    y: float
    left: str
    """The words to its left, folded, each number as #; empty where there are none."""
    above: str
    """The nearest words above in its column, the same way."""
    right: str
    """What follows in its own segment."""
    dx: float = 0.0
    """From the start of the words to the left to the value."""
    dy: float = 0.0
    """From the words above to the value."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one correction taught."""

    keys: tuple[str, ...]
    """Under which the supplier is known, the surest first: `siren:…`, `vat:…`, `iban:…`, `name:…` (folded)."""
    field: str
    value: str
    """As it was taught, as `plain_value` writes it."""
    instead_of: str | None
    """What had been read."""
    place: Place | None
    """None where no page shows the value."""
    shape: str | None
    """Regular expression of a number as it is printed; None for dates, amounts and constants."""
    closed: bool = False
    """Spaces of the print are left out of the value."""
    turned: bool = False
    """The month is printed before the day; the amount has the other sign."""
    author: str = ""
    """Pseudonym."""
    day: str = ""
    """ISO date of the correction."""
    document: str = ""
    """The paper that taught it."""
    number: int = 0
    """Under which the records keep it."""

    @property
    def supplier(self) -> str:
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class Use:
    """A lesson that decided or confirmed a value."""

    lesson: Lesson
    before: Field | None
    after: Field

    @property
    def changed(self) -> bool:
        return self.before is None or self.before.value != self.after.value


@dataclass(frozen=True, slots=True)
class Proposal:
    """A value that a lesson finds on a page."""

    value: Value
    spot: Spot | None
    score: float
    confidence: float
    lesson: Lesson
    doubt: bool = False
    """What was read is valid as well: a person decides."""


def supplier_keys(values: Mapping[str, str | None]) -> tuple[str, ...]:
    """Under which a supplier is known, from the values of a document as canonical text; empty where nothing tells it.

    What is the buyer's too is nobody's: it would make one supplier of all.
    """
    vat, siret = compact(values.get("supplier_vat_id") or ""), compact(values.get("supplier_siret") or "")
    siren = compact(values.get("supplier_siren") or "") or siret[:9] or vat_siren(vat) or ""
    name = fold(values.get("supplier_name") or "")
    keys = [("siren", siren if valid_siren(siren) else ""), ("vat", vat), ("iban", compact(values.get("iban") or ""))]
    buyers = {compact(values.get("buyer_siren") or ""), ""}
    found = [f"{kind}:{value}" for kind, value in keys if value not in buyers and (vat_siren(value) or value) not in buyers]
    if len(name) >= 4 and name != fold(values.get("buyer_name") or ""):
        found.append(f"name:{name[:100]}")
    return tuple(found)


def learn(
    pages: Sequence[PageText],
    name: str,
    value: Value,
    spot: Spot | None,
    keys: Sequence[str],
    *,
    instead_of: Value | None = None,
    author: str = "",
    day: date | None = None,
    document: str = "",
    own: Collection[str] = (),
) -> Lesson | None:
    """What a correction of field `name` teaches: the value, and its place as `ocr.locate` or a person found it.

    `own`: SIREN, VAT numbers and accounts of the buyer and of the companies that receive the invoices. None where nothing can be
    learned: an unknown supplier, values of several rows, the kind of document, a value that no page shows, a number that is the buyer's.
    """
    place = place_of(spot, len(pages), name) if spot else None
    placed = name in CONSTANTS or (place is not None and name in AMOUNTS | DATES | NUMBERS | TEXTS)
    if not keys or isinstance(value, tuple) or not placed or _is_theirs(pages, name, value, own):
        return None
    if spot is not None and name in DATES and says_another(spot, name):
        # An invoice due at once shows one date twice: the place of the due date teaches nothing of the date of issue.
        return None
    if name in TEXTS and place is not None and not place.left:
        return None
    taught = Lesson(
        tuple(keys),
        name,
        str(plain_value(value)),
        None if instead_of is None else str(plain_value(instead_of)),
        place,
        None,
        author=author,
        day=day.isoformat() if day else "",
        document=document,
    )
    if spot is None or name in CONSTANTS:
        return taught
    if name in NUMBERS and isinstance(value, str):
        printed = spot.raw if skeleton(spot.raw) == skeleton(value) else value
        closed = " " in printed and " " not in value
        return replace(taught, shape=shape_of(printed if closed else value), closed=closed)
    return replace(taught, turned=_is_turned(spot, value))


def _is_theirs(pages: Sequence[PageText], name: str, value: Value, own: Collection[str]) -> bool:
    """Whether a number taught as the supplier's is the buyer's: known as theirs, or printed only as the account that is debited."""
    if name not in IDENTIFIERS - {"buyer_siren"} or not isinstance(value, str):
        return False
    if _company(value) in set(map(_company, own)):
        return True
    if name != "iban":
        return False
    printed = [found.score for sheet in lay_out(pages) for found in find_ibans(sheet) if found.identifier.value == compact(value)]
    # Words that say whose account it is outweigh all that speaks for one (`ocr.companies`).
    return bool(printed) and max(printed) < 0


def _company(number: str) -> str:
    """The SIREN within a SIRET or a French VAT number, or the number itself."""
    number = compact(number)
    return vat_siren(number) or (number[:9] if len(number) == 14 and valid_siret(number) else number)


def apply_lessons(
    pages: Sequence[PageText], fields: Mapping[str, Field], lessons: Sequence[Lesson], own: Collection[str] = ()
) -> tuple[dict[str, Field], tuple[Use, ...]]:
    """The fields as the lessons of the paper's supplier make them, and which lessons spoke.

    `own`: SIREN, VAT numbers and accounts of the companies that receive the invoices: whose papers these are is never told by them.
    """
    if not lessons:
        return dict(fields), ()
    sheets = lay_out(pages)
    theirs = frozenset(map(_company, own)) | ({_company(buyer)} if (buyer := _text(fields.get("buyer_siren"))) else set())
    told_by = _of_supplier(sheets, fields, lessons, theirs)
    # Who is known by its name alone may be another of that name.
    named = frozenset(keys for keys, told in told_by.items() if all(key.startswith("name:") for key in told))
    spoken = _by_field([lesson for lesson in lessons if told_by[lesson.keys]])
    made = dict(fields)
    told = {name: _best(sheets, len(pages), group, fields, theirs, named) for name, group in spoken.items()}
    proposals = {name: proposal for name, proposal in told.items() if proposal is not None}
    # Who it is comes first, then what else was printed; amounts are weighed together.
    for name in [name for name in proposals if name not in AMOUNTS]:
        made[name] = _settled(name, proposals[name], made)
    made |= _summed({name: proposals[name] for name in proposals if name in AMOUNTS}, made, sheets)
    # What a lesson found stands on an upright page, what was read on the page as it is shown.
    found = {name: made[name] for name, proposal in proposals.items() if name in made and made[name].reason == _reason(proposal.lesson)}
    made |= shown_fields(found, pages)
    uses = [Use(proposals[name].lesson, fields.get(name), made[name]) for name in proposals if name in made]
    return made, tuple(use for use in uses if use.after != use.before)


# --- whose paper it is ---


def known_keys(sheets: Sequence[Sheet], keys: Collection[str]) -> frozenset[str]:
    """Those of the keys that the pages show: identifiers with or without spaces, names as whole words, misread signs let pass."""
    rows = [" ".join(segment.text[:_MAX_TEXT] for segment in row) for sheet in sheets for row in sheet.rows]
    numbers = {digits[:9] for row in rows for digits in _digit_groups(row) if len(digits) in (9, 14)}
    bones = "|".join(skeleton(row) for row in rows)
    names = "|".join(f" {fold(row)} " for row in rows)
    shown = set()
    for key in keys:
        kind, _, value = key.partition(":")
        bone = skeleton(value)
        if kind == "siren":
            # Within a French VAT number (art. 286 ter CGI) it follows the country and two signs.
            printed = bone in numbers or re.search(rf"FR[0-9A-Z]{{2}}{bone}", bones) is not None
        else:
            printed = f" {value} " in names or (len(bone) >= 8 and bone in bones) if kind == "name" else bool(bone) and bone in bones
        if printed:
            shown.add(key)
    return frozenset(shown)


def _digit_groups(row: str) -> Iterator[str]:
    for match in re.finditer(r"(?<![0-9A-Za-z])[0-9OISB](?:[ .]?[0-9OISB]){8,13}(?![0-9A-Za-z])", row):
        yield skeleton(match[0])


def _of_supplier(
    sheets: Sequence[Sheet], fields: Mapping[str, Field], lessons: Sequence[Lesson], theirs: frozenset[str]
) -> dict[tuple[str, ...], frozenset[str]]:
    """Of each lesson's keys, those that tell that the paper is its supplier's; none where they do not. `theirs`: companies that buy."""
    mine = {key for key in {key for lesson in lessons for key in lesson.keys} if _company(key.partition(":")[2]) not in theirs}
    shown = known_keys(sheets, mine)
    confused = {_company(each) for each in _taken_for(lessons, shown)}
    read = frozenset(key for key in _read_keys(fields) if _company(key.partition(":")[2]) not in theirs | confused)
    named = _named(sheets, fields, lessons, shown)
    return {keys: _matching(keys, shown, read, named) for keys in {lesson.keys for lesson in lessons}}


def _taken_for(lessons: Sequence[Lesson], shown: frozenset[str]) -> Iterator[str]:
    """Whose numbers reading takes for those of a supplier whose own are printed, as people said before."""
    for lesson in lessons:
        told = any(key in shown and not key.startswith("name:") for key in lesson.keys)
        if told and lesson.instead_of and lesson.field in ("supplier_siren", "supplier_siret", "supplier_vat_id"):
            yield lesson.instead_of


def _read_keys(fields: Mapping[str, Field]) -> Iterator[str]:
    """Who was read as the sender, by numbers that pass their checksum."""
    siren, siret, vat = (compact(_text(fields.get(f"supplier_{kind}")) or "") for kind in ("siren", "siret", "vat_id"))
    found = next((each for each in (siren, siret[:9], vat_siren(vat) or "") if valid_siren(each)), None)
    if found:
        yield f"siren:{found}"
    if valid_vat(vat):
        yield f"vat:{vat}"


def _named(sheets: Sequence[Sheet], fields: Mapping[str, Field], lessons: Sequence[Lesson], shown: frozenset[str]) -> frozenset[str]:
    """Keys of the names that the paper bears as its supplier's: the name that was read, or, where reading takes other words for the name,
    as people said before, the one that stands where it was taught. A paper that only mentions a name is not that supplier's."""
    read = _text(fields.get("supplier_name"))
    if read is None:
        return frozenset()
    names = {key for key in shown if key.startswith("name:") and skeleton(key[5:]) == skeleton(fold(read)[:100])}
    for lesson in lessons:
        told = {key for key in lesson.keys if key in shown and key.startswith("name:")} - names
        if told and lesson.field == "supplier_name" and lesson.instead_of == read and _stands_there(sheets, lesson):
            names |= told
    return frozenset(names)


def _stands_there(sheets: Sequence[Sheet], lesson: Lesson) -> bool:
    """Whether what was taught stands where it was taught."""
    spot = _find(sheets, lesson) if lesson.place else None
    if spot is None or lesson.place is None:
        return False
    here = place_of(spot, len(sheets), lesson.field)
    far = hypot((here.x - lesson.place.x) / _REACH[0], (here.y - lesson.place.y) / _REACH[1])
    return here.page == lesson.place.page and far < 1


def _matching(keys: Iterable[str], shown: frozenset[str], read: frozenset[str], named: frozenset[str]) -> frozenset[str]:
    """Those of a supplier's keys that tell that it sent the paper.

    A number read decides against another number of its kind. An account alone may be a factor's, a name another company's: where a valid
    number of somebody else was read, they tell nothing.
    """
    mine = frozenset(keys)
    numbers = frozenset(key for key in mine if key.startswith("siren:") or (key.startswith("vat:") and valid_vat(key[4:])))
    for kind in ("siren:", "vat:"):
        ours, others = ({key for key in group if key.startswith(kind)} for group in (numbers, read))
        if ours and others:
            return mine & (shown | read) if ours & others else frozenset()
    sure = {key for key in mine & shown if key.startswith(("siren:", "vat:"))}
    if read and not sure:
        return mine & named if not numbers else frozenset()
    return frozenset({*sure, *(mine & named), *(key for key in mine & shown if key.startswith("iban:"))})


def _by_field(lessons: Sequence[Lesson]) -> dict[str, list[Lesson]]:
    """The newest of each field, newest first."""
    groups: dict[str, list[Lesson]] = {}
    for lesson in sorted(lessons, key=lambda lesson: (lesson.day, lesson.number), reverse=True):
        group = groups.setdefault(lesson.field, [])
        if len(group) < MAX_LESSONS:
            group.append(lesson)
    return groups


# --- where it stands ---


def place_of(spot: Spot, pages: int, name: str) -> Place:
    """Where a value stands and what is printed around it."""
    left, left_box = _beside(spot)
    over, over_box = _over(spot)
    x0, y0, x1, _ = spot.box
    width, height = max(1, spot.sheet.width), max(1, spot.sheet.height)
    return Place(
        page=_page_of(spot.sheet.page, pages),
        x=round((x1 if name in AMOUNTS else x0) / width, 4),
        y=round(y0 / height, 4),
        left=left,
        above=over,
        right=_numberless(right_of(spot, 20)),
        dx=round((x0 - left_box[0]) / width, 4) if left_box else 0.0,
        dy=round((y0 - over_box[1]) / height, 4) if over_box else 0.0,
    )


def _page_of(number: int, pages: int) -> int:
    return number if number <= (pages + 1) // 2 else number - pages - 1


def shape_of(printed: str) -> str:
    """A number's look as a regular expression: as many letters, about as many digits (a counter begins at 1), the same signs."""
    parts = re.findall(r"[0-9]+|[^\W\d_]+|\s+|[^\w\s]|_", printed[:60])
    return "".join(_part(part) for part in parts)


def _part(part: str) -> str:
    if part.isdecimal():
        least = 1 if len(part) <= 4 else len(part) - 1
        return rf"\d{{{least},{len(part) + 2}}}"
    if part.isalpha():
        return rf"[^\W\d_]{{{len(part)}}}"
    return r"\s?" if part.isspace() else rf"\s?{re.escape(part)}\s?"


def _beside(spot: Spot) -> tuple[str, Box | None]:
    """The nearest words to the left with letters in them: in its own segment, else the segment before."""
    own = _numberless(spot.segment.text[: spot.start][-40:])
    if _has_words(own):
        return own, spot.segment.box
    for segment in reversed(spot.sheet.rows[spot.row][: spot.column][-3:]):
        text = _numberless(segment.text[-40:])
        if _has_words(text):
            return text, segment.box
    return "", None


def _over(spot: Spot) -> tuple[str, Box | None]:
    """The nearest words above in its column, with the box of their row's first segment that holds them."""
    for distance, text in above(spot, rows=12):
        told = _numberless(text[:60])
        if _has_words(told):
            row = spot.sheet.rows[spot.row - distance]
            return told, next((s.box for s in row if fold(s.text) == text), None)
    return "", None


def _numberless(text: str) -> str:
    """Folded, each number as #: « TVA 20,00 % » and « TVA 5,50 % » are the same label."""
    return re.sub(r"#(?: #)+", "#", re.sub(r"\d+", "#", fold(text)))


def _has_words(text: str) -> bool:
    return sum(c.isalpha() for c in text) >= 2


# --- what it proposes ---


def _best(
    sheets: Sequence[Sheet],
    pages: int,
    lessons: Sequence[Lesson],
    fields: Mapping[str, Field],
    theirs: frozenset[str],
    named: Collection[tuple[str, ...]],
) -> Proposal | None:
    """The likeliest of what the lessons of one field find; None where two values are as likely as each other."""
    name = lessons[0].field
    if name in CONSTANTS:
        return _constant(sheets, lessons[0], fields, theirs, sure=lessons[0].keys not in named)
    found = [each for lesson in lessons for each in _candidates(sheets, pages, lesson)]
    if not found:
        return None
    best = max(found, key=lambda proposal: proposal.score)
    # A text begins right after its label: one word later is a little less like it.
    margin = 0.05 if name in TEXTS else 0.25
    rivals = [each for each in found if each.value != best.value and each.score > best.score - margin]
    return None if rivals else best


def _candidates(sheets: Sequence[Sheet], pages: int, lesson: Lesson) -> Iterator[Proposal]:
    place = lesson.place
    if place is None:
        return
    likely = sorted(sheets, key=lambda sheet: _page_of(sheet.page, pages) != place.page)
    for value, spot, exact in islice(_values(likely, lesson), _MAX_CANDIDATES):
        here = place_of(spot, pages, lesson.field)
        left, over = _alike(place.left, here.left), _alike(place.above, here.above)
        far = hypot((here.x - place.x) / _REACH[0], (here.y - place.y) / _REACH[1])
        same_page = here.page == place.page or (pages == 1 and spot.sheet.page == 1)
        if lesson.field in TEXTS and left < _ALIKE:
            continue
        labelled = (place.left and left >= _ALIKE) or (place.above and over >= _ALIKE and (not place.left or left >= _ALIKE or far < 3))
        # Other words in the place of those that were taught: another value, however near it stands.
        other = _is_other(place.left, here.left, left) or _is_other(place.above, here.above, over)
        if not labelled and not (same_page and far < 1 and not other):
            continue
        # Words to the left name a value more surely than what stands far above it.
        score = 3.0 * _told(place.left, left) + (0.5 if place.left else 2.0) * _told(place.above, over)
        score += _told(place.right, _alike(place.right, here.right)) - 1.5 * _is_other(place.left, here.left, left)
        score += max(0.0, 1.5 - 0.5 * far) + 0.5 * same_page + 0.5 * exact
        # The same words at the same distance: the other amount of the row stands further off.
        score -= min(1.0, 4.0 * abs(here.dx - place.dx)) if place.left and left >= _ALIKE else 0.0
        if not place.left:
            # Below its heading at once, and nothing to its left: not the next row of a table.
            score -= min(1.0, 15.0 * abs(here.dy - place.dy)) + 0.5 * bool(here.left)
        yield Proposal(value, spot, score, _LABELLED if labelled else _PLACED, lesson)


def _is_other(taught: str, here: str, likeness: float) -> bool:
    return bool(taught and here) and likeness < _WORN


def _told(taught: str, likeness: float) -> float:
    """Words that are the same speak for it, others in their place against it; none were taught: nothing."""
    if not taught:
        return 0.0
    return likeness if likeness >= _ALIKE else -0.3


def _alike(taught: str, here: str) -> float:
    if taught == here:
        return 1.0
    return SequenceMatcher(None, taught, here, autojunk=False).ratio() if taught and here else 0.0


def _values(sheets: Sequence[Sheet], lesson: Lesson) -> Iterator[tuple[Value, Spot, bool]]:
    """What might be meant, where it stands, and whether it looks exactly as what was taught."""
    if lesson.field in AMOUNTS:
        for amount in (amount for sheet in sheets for amount in find_amounts(sheet)):
            yield -amount.value if lesson.turned else amount.value, amount.spot, True
    elif lesson.field in DATES:
        for day in (day for sheet in sheets for day in find_dates(sheet)):
            yield day.swapped if lesson.turned and day.swapped else day.value, day.spot, not day.tight
    elif lesson.field in TEXTS:
        yield from ((spot.raw, spot, False) for spot in _endings(sheets))
    elif lesson.shape:
        # The shape holds no repetition within a repetition: it cannot backtrack for long.
        pattern = re.compile(rf"(?<![^\W_]){lesson.shape}(?![^\W_])")
        exact = re.sub(r"\d", "0", lesson.value)
        for sheet in sheets:
            for row, column, segment in segments_of(sheet):
                for match in pattern.finditer(segment.text[:_MAX_TEXT]):
                    text = re.sub(r"\s", "", match[0]) if lesson.closed else match[0].strip()
                    yield text, Spot(sheet, row, column, *match.span()), re.sub(r"\d", "0", text) == exact


def _endings(sheets: Sequence[Sheet]) -> Iterator[Spot]:
    """Every text from one of its first words to its end."""
    for sheet in sheets:
        for row, column, segment in segments_of(sheet):
            text = segment.text[:_MAX_TEXT]
            starts = [match.start() for match in islice(re.finditer(r"\S+", text), _MAX_LABEL_WORDS)]
            yield from (Spot(sheet, row, column, start, len(text)) for start in starts)


def _constant(
    sheets: Sequence[Sheet], lesson: Lesson, fields: Mapping[str, Field], theirs: frozenset[str], *, sure: bool
) -> Proposal | None:
    """The value that was taught, where the page prints it; where it prints none, only what a paper may leave out.

    Another identifier that was read and passes its checksum stays: a new account or a sister company is for a person to see. `sure`: more
    than a name tells whose paper it is.
    """
    read = _text(fields.get(lesson.field))
    spot = _find(sheets, lesson)
    if lesson.field == "currency":
        return Proposal(lesson.value, spot, 1.0, _UNPRINTED if sure else _BY_NAME, lesson) if read in (None, lesson.instead_of) else None
    contrary = read is not None and read not in (lesson.instead_of, lesson.value)
    buyers = lesson.field != "buyer_siren" and read is not None and _company(read) in theirs
    if lesson.field in IDENTIFIERS and read not in (None, lesson.value) and not buyers and _is_valid(lesson.field, read or ""):
        # What was read before the correction may be right after all, and the correction wrong.
        return None if contrary or spot is None else Proposal(lesson.value, spot, 1.0, _DOUBTFUL, lesson, doubt=True)
    if spot is not None:
        return Proposal(lesson.value, spot, 1.0, _CONSTANT if sure else _BY_NAME, lesson)
    if lesson.field not in UNPRINTED or (lesson.field in IDENTIFIERS and (contrary or lesson.place is not None or not sure)):
        return None
    return Proposal(lesson.value, None, 1.0, _UNPRINTED if sure else _BY_NAME, lesson)


def _is_valid(name: str, value: str) -> bool:
    return {"supplier_siret": valid_siret, "supplier_vat_id": valid_vat, "iban": valid_iban, "bic": valid_bic}.get(name, valid_siren)(value)


def _find(sheets: Sequence[Sheet], lesson: Lesson) -> Spot | None:
    """Of an identifier every sign counts: an account that is almost the one that was taught is another account."""
    return locate_on(sheets, lesson.field, lesson.value, near=lesson.field in ("supplier_name", "buyer_name"))


def _is_turned(spot: Spot, value: Value) -> bool:
    if isinstance(value, date):
        days = [day for day in find_dates(spot.sheet) if day.spot == spot]
        return bool(days) and days[0].value != value and days[0].swapped == value
    amounts = [amount for amount in find_amounts(spot.sheet) if amount.spot == spot]
    return bool(amounts) and isinstance(value, Decimal) and amounts[0].value == -value != value


# --- what becomes of it ---


def _settled(name: str, proposal: Proposal, fields: Mapping[str, Field]) -> Field:
    """The proposal as a field; where they agree, it is as sure as the surer of both; a due date before the issue stays a doubt."""
    read = fields.get(name)
    if read is not None and read.value == proposal.value:
        return replace(read, confidence=max(read.confidence, proposal.confidence), reason=f"{read.reason}, {_reason(proposal.lesson)}")
    if proposal.doubt or (name in DATES and not _in_order(name, proposal.value, fields)):
        return _doubted(name, proposal, read)
    return _field(name, proposal, read, proposal.confidence)


def _in_order(name: str, value: Value, fields: Mapping[str, Field]) -> bool:
    dates = {each: fields[each].value for each in ("issue_date", "due_date") if each in fields} | {name: value}
    issue, due = dates.get("issue_date"), dates.get("due_date")
    return not (isinstance(issue, date) and isinstance(due, date)) or issue <= due


def _summed(proposals: Mapping[str, Proposal], fields: Mapping[str, Field], sheets: Sequence[Sheet]) -> dict[str, Field]:
    """The amounts with what was proposed, where no sum speaks against it; else what was read, as a doubt."""
    if not proposals:
        return {}
    values = {name: field.value for name, field in fields.items() if name in AMOUNTS}
    taught = values | {name: proposal.value for name, proposal in proposals.items()}
    printed = frozenset(abs(amount.value) for sheet in sheets for amount in islice(find_amounts(sheet), _MAX_CANDIDATES))
    made = {}
    for name, proposal in proposals.items():
        adds_up = _pays_up if name in ("paid_amount", "amount_due") else _adds_up
        made[name] = _weighed(name, proposal, fields.get(name), adds_up(taught, printed))
    return made


def _weighed(name: str, proposal: Proposal, read: Field | None, holds: bool | None) -> Field:
    if holds is False:
        return _doubted(name, proposal, read)
    if read is not None and read.value == proposal.value:
        return replace(read, confidence=max(read.confidence, proposal.confidence), reason=f"{read.reason}, {_reason(proposal.lesson)}")
    return _field(name, proposal, read, _AGREED if holds else min(proposal.confidence, _UNPROVED))


def _adds_up(values: Mapping[str, Value], _printed: frozenset[Decimal]) -> bool | None:
    """Whether net + tax = gross; None where one is not known."""
    net, tax, gross = (values.get(name) for name in ("total_net", "total_tax", "total_gross"))
    if isinstance(net, Decimal) and isinstance(tax, Decimal) and isinstance(gross, Decimal):
        return net + tax == gross
    return None


def _pays_up(values: Mapping[str, Value], printed: frozenset[Decimal]) -> bool | None:
    """Whether gross - paid = due (BR-CO-16 of EN 16931); where no payment is known, whether the difference is nothing, or printed."""
    gross, paid, due = (values.get(name) for name in ("total_gross", "paid_amount", "amount_due"))
    if not isinstance(gross, Decimal) or not isinstance(due, Decimal):
        return None
    if isinstance(paid, Decimal):
        return gross - paid == due
    return due == gross or (due != 0 and abs(gross - due) in printed)


def _doubted(name: str, proposal: Proposal, read: Field | None) -> Field:
    """At odds with what else is known: what was read stays, doubtful, the taught value beside it; or the taught one alone."""
    if read is None:
        return _field(name, proposal, None, _DOUBTFUL)
    told = (str(plain_value(proposal.value)), *(each for each in read.alternatives if each != str(plain_value(proposal.value))))
    reason = f"{read.reason}, at odds with {_reason(proposal.lesson)}"
    return replace(read, confidence=min(read.confidence, _DOUBTFUL), reason=reason, alternatives=told)


def _field(name: str, proposal: Proposal, read: Field | None, confidence: float) -> Field:
    told = () if read is None else (str(plain_value(read.value)), *read.alternatives)
    spot, reason = proposal.spot, _reason(proposal.lesson)
    if spot is None:
        return Field(name, proposal.value, "", 0, None, confidence, reason, source=Source.RULE, alternatives=told)
    return Field(name, proposal.value, spot.raw, spot.sheet.page, spot.box, confidence, reason, spot.words, Source.READ, told)


def _reason(lesson: Lesson) -> str:
    return f"learned from the correction of {lesson.author} on {lesson.day} (document {lesson.document})"


def _text(field: Field | None) -> str | None:
    return None if field is None or field.value == "" else str(plain_value(field.value))


# --- as JSON ---


def lesson_json(lesson: Lesson) -> dict[str, Any]:
    """Plain values."""
    return asdict(lesson)


def lesson_from(value: Mapping[str, Any]) -> Lesson:
    """The inverse of `lesson_json`. Raises KeyError, TypeError where the value was not made by it."""
    place = value["place"]
    return Lesson(**{**value, "keys": tuple(value["keys"]), "place": Place(**place) if place else None})
