"""How a stack of pages becomes documents: a recipe proposes, a person corrects. Values only; no page is ever dropped.

A sheet that belongs to no document (separator, slip, target) is set apart and kept as evidence. A code counts in its own document
only: what stands on one document says nothing of the next.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile

from capture import slips
from capture.codes import Code
from capture.slips import BatchSlip, BoxLabel, Separator, Slip, TargetMark


class Kind(StrEnum):
    """What begins a new document."""

    NONE = "none"
    """Nothing: the whole batch is one document."""
    FILE = "file"
    """Each file."""
    CODE = "code"
    """Each page with a code that matches the pattern."""
    VALUE_CHANGE = "value-change"
    """A page whose matching code differs from the document's own; pages without one stay."""
    PATCH = "patch"
    """The page after a Patch T sheet."""
    BLANK = "blank"
    """The page after a blank sheet, which stays as the last of the document before."""
    PAGES = "pages"
    """Every so many pages."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a station's stacks are cut. Sceau's own printed sheets are known under any recipe. Raises ValueError where it cannot be."""

    kind: Kind = Kind.FILE
    pattern: str = "*"
    """Of the code's text, for `code` and `value-change`: `*` is anything, `?` one character; without either it is a beginning."""
    sticker: bool = True
    """For `code`: the code is stuck on the document's first page; else it is on a sheet of its own, which is set apart."""
    pages: int = 1
    """For `pages`."""

    def __post_init__(self) -> None:
        if self.pages < 1 or not self.pattern:
            raise ValueError("a recipe needs a pattern, and at least one page per document")


class Side(StrEnum):
    FRONT = "front"
    BACK = "back"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One scanned side, as separation sees it."""

    key: str
    """Names the page for whoever asks; unique in its stack."""
    file: str
    """The file in which it came."""
    number: int
    """Of the page in its file, from 1."""
    blank: bool = False
    codes: tuple[Code, ...] = ()
    patch: str | None = None
    """As `capture.codes.patch_code` says."""
    side: Side | None = None
    """Where the device tells; None where it does not."""


class Reason(StrEnum):
    """Why a sheet belongs to no document."""

    BATCH_SLIP = "batch-slip"
    BOX_LABEL = "box-label"
    SEPARATOR = "separator"
    TARGET = "target"
    CODE = "code"
    PATCH = "patch"
    BACK = "back"
    """The blank back of such a sheet."""
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Part:
    """One proposed document: its pages in order."""

    sheets: tuple[Sheet, ...]
    document_type: str | None = None
    """As a separator sheet said."""
    company: str | None = None
    heading: tuple[Code, ...] = ()
    """Codes of the separator that opened it."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(sheet.key for sheet in self.sheets)

    @property
    def codes(self) -> tuple[Code, ...]:
        """All that speak for this document, its separator's first."""
        return self.heading + tuple(code for sheet in self.sheets for code in sheet.codes)


@dataclass(frozen=True, slots=True)
class Apart:
    """A sheet that belongs to no document."""

    sheet: Sheet
    reason: Reason
    slip: Slip | None = None

    @property
    def key(self) -> str:
        return self.sheet.key


class Remark(StrEnum):
    UNKNOWN_CODE = "unknown-code"
    """A code that no recipe asks for: noted, never in the way."""
    PRINTED_BACK = "printed-back"
    """The back of a sheet set apart is not blank: it stays in the stack."""
    EMPTY_SEPARATOR = "empty-separator"
    """Two separators with no page between them."""
    SECOND_SLIP = "second-slip"
    """A batch holds more than one batch slip."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth telling, which changes nothing."""

    key: str
    remark: Remark
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Each sheet of a stack is in exactly one place. Plans are values: keep the old one, and undo is there."""

    documents: tuple[Part, ...]
    apart: tuple[Apart, ...] = ()
    notes: tuple[Note, ...] = ()


def separate(stack: Sequence[Sheet], recipe: Recipe) -> Plan:
    """The stack cut by the recipe. Files bound documents under `file` only: many devices write one file a page.

    Raises ValueError where two sheets have one key.
    """
    apart = _set_aside(stack, recipe)
    documents: list[Part] = []
    opening, closed = Part(()), True
    for sheet in stack:
        if sheet.key in apart:
            opening, closed = _opened_by(apart[sheet.key], opening), True
        elif closed or _begins(documents[-1].sheets, sheet, recipe):
            documents.append(replace(opening, sheets=(sheet,)))
            opening, closed = Part(()), False
        else:
            documents[-1] = replace(documents[-1], sheets=(*documents[-1].sheets, sheet))
    return Plan(tuple(documents), tuple(apart.values()), tuple(_notes(stack, apart, recipe)))


# --- corrections ---


def split_before(plan: Plan, key: str) -> Plan:
    """A new document begins with this page; type, company and the separator's codes stay with the first half.

    Raises ValueError where the page is in no document, or is the first of one.
    """
    index, place = _where(plan, key)
    if place == 0:
        raise ValueError(f"{key} is the first page of its document already")
    part = plan.documents[index]
    halves = replace(part, sheets=part.sheets[:place]), Part(part.sheets[place:])
    return replace(plan, documents=(*plan.documents[:index], *halves, *plan.documents[index + 1 :]))


def merge_with_previous(plan: Plan, index: int) -> Plan:
    """Document `index`, from 0, goes on the one before it. Raises ValueError where there is none, or none before it."""
    if not 0 < index < len(plan.documents):
        raise ValueError(f"document {index} has none before it")
    first, second = plan.documents[index - 1 : index + 1]
    whole = Part(
        first.sheets + second.sheets,
        first.document_type or second.document_type,
        first.company or second.company,
        first.heading + second.heading,
    )
    return replace(plan, documents=(*plan.documents[: index - 1], whole, *plan.documents[index + 1 :]))


def move_page(plan: Plan, key: str, to_document: int, position: int) -> Plan:
    """The page goes to `position`, from 0, among the other pages of document `to_document` of `plan`; a sheet set apart comes back so.

    A document left empty disappears. Raises ValueError where key, document or position is none of the plan's.
    """
    sheet, rest = _taken_out(plan, key)
    if not 0 <= to_document < len(rest.documents):
        raise ValueError(f"there is no document {to_document}")
    part = rest.documents[to_document]
    if not 0 <= position <= len(part.sheets):
        raise ValueError(f"document {to_document} has no place {position}")
    longer = replace(part, sheets=(*part.sheets[:position], sheet, *part.sheets[position:]))
    return _without_empty(replace(rest, documents=(*rest.documents[:to_document], longer, *rest.documents[to_document + 1 :])))


def set_apart(plan: Plan, key: str) -> Plan:
    """A person says that this page belongs to no document; it is kept as evidence. Raises ValueError where it is in none."""
    _where(plan, key)
    sheet, rest = _taken_out(plan, key)
    return _without_empty(replace(rest, apart=(*rest.apart, Apart(sheet, Reason.PERSON))))


def join_pages(plan: Plan, last: str, first: str) -> Plan:
    """The document that begins with page `first` goes on the one that ends with page `last`. Raises ValueError where they are not so."""
    (before, _), (index, place) = _where(plan, last), _where(plan, first)
    if index != before + 1 or place or plan.documents[before].keys[-1] != last:
        raise ValueError(f"{first} does not follow {last}")
    return merge_with_previous(plan, index)


def lay_beside(plan: Plan, key: str, anchor: str, *, after: bool) -> Plan:
    """The page goes right after (or before) page `anchor`, wherever that is. Raises ValueError where either is none of the plan's."""
    index, _ = _where(plan, anchor)
    others = [other for other in plan.documents[index].keys if other != key]
    if anchor not in others:
        raise ValueError(f"{key} cannot lie beside itself")
    return move_page(plan, key, index, others.index(anchor) + after)


def neighbour_of(plan: Plan, key: str) -> tuple[str, bool]:
    """A page beside this one, and whether this one comes after it. Raises ValueError where it is alone in its document."""
    index, place = _where(plan, key)
    keys = plan.documents[index].keys
    if len(keys) == 1:
        raise ValueError(f"{key} is alone in its document")
    return (keys[place - 1], True) if place else (keys[1], False)


def _where(plan: Plan, key: str) -> tuple[int, int]:
    """Document and place, both from 0."""
    for index, part in enumerate(plan.documents):
        if key in part.keys:
            return index, part.keys.index(key)
    raise ValueError(f"{key} is in no document of this plan")


def _taken_out(plan: Plan, key: str) -> tuple[Sheet, Plan]:
    """The sheet, and the plan without it, in which a document may be empty."""
    away = next((apart for apart in plan.apart if apart.key == key), None)
    if away:
        return away.sheet, replace(plan, apart=tuple(apart for apart in plan.apart if apart is not away))
    index, place = _where(plan, key)
    part = plan.documents[index]
    shorter = replace(part, sheets=part.sheets[:place] + part.sheets[place + 1 :])
    return part.sheets[place], replace(plan, documents=(*plan.documents[:index], shorter, *plan.documents[index + 1 :]))


def _without_empty(plan: Plan) -> Plan:
    return replace(plan, documents=tuple(part for part in plan.documents if part.sheets))


# --- where a sheet belongs ---


def _set_aside(stack: Sequence[Sheet], recipe: Recipe) -> dict[str, Apart]:
    """Sheets that belong to no document, by key, in their order."""
    if len({sheet.key for sheet in stack}) < len(stack):
        raise ValueError("two sheets have one key")
    found: dict[str, Apart] = {}
    before: Sheet | None = None
    for sheet in stack:
        slip = _slip_on(sheet)
        reason = _reason(slip) or _own_sheet(sheet, recipe)
        if not reason and sheet.blank and _is_back_of(sheet, before, found):
            reason = Reason.BACK
        if reason:
            found[sheet.key] = Apart(sheet, reason, slip)
        before = sheet
    return found


def _slip_on(sheet: Sheet) -> Slip | None:
    return next((slip for code in sheet.codes if (slip := slips.parse_slip(code.text))), None)


def _reason(slip: Slip | None) -> Reason | None:
    match slip:
        case BatchSlip():
            return Reason.BATCH_SLIP
        case BoxLabel():
            return Reason.BOX_LABEL
        case Separator():
            return Reason.SEPARATOR
        case TargetMark():
            return Reason.TARGET
    return None


def _own_sheet(sheet: Sheet, recipe: Recipe) -> Reason | None:
    """A separator of the recipe's own."""
    if recipe.kind is Kind.PATCH and sheet.patch:
        return Reason.PATCH
    if recipe.kind is Kind.CODE and not recipe.sticker and _asked(sheet, recipe):
        return Reason.CODE
    return None


def _is_back_of(sheet: Sheet, before: Sheet | None, apart: Mapping[str, Apart]) -> bool:
    """The other side of a sheet set apart, where the device tells sides."""
    return sheet.side is Side.BACK and before is not None and before.side is Side.FRONT and before.key in apart


def _opens(apart: Apart) -> bool:
    return apart.reason in (Reason.SEPARATOR, Reason.CODE)


def _opened_by(apart: Apart, opening: Part) -> Part:
    """What is known of the next document after this sheet: a slip begins afresh, other sheets change nothing."""
    if isinstance(apart.slip, Separator):
        return Part((), apart.slip.document_type, apart.slip.company, apart.sheet.codes)
    if apart.reason is Reason.CODE:
        return Part((), heading=apart.sheet.codes)
    return Part(()) if apart.reason is Reason.BATCH_SLIP else opening


def _begins(document: Sequence[Sheet], sheet: Sheet, recipe: Recipe) -> bool:
    """The sheet is the first of a new document, and not the next of this one."""
    match recipe.kind:
        case Kind.FILE:
            return sheet.file != document[-1].file
        case Kind.CODE:
            return bool(_asked(sheet, recipe))
        case Kind.VALUE_CHANGE:
            new = _asked(sheet, recipe)
            return bool(new) and not any(new & _asked(page, recipe) for page in document)
        case Kind.BLANK:
            return not sheet.blank and sheet.side is not Side.BACK and _ends_blank(document)
        case Kind.PAGES:
            return len(document) >= recipe.pages
    return False


def _ends_blank(document: Sequence[Sheet]) -> bool:
    """Its last sheet is blank on both sides, and something stands before it."""
    trailing = list(takewhile(lambda page: page.blank, reversed(document)))
    return len(trailing) < len(document) and any(page.side is not Side.BACK for page in trailing)


def _asked(sheet: Sheet, recipe: Recipe) -> set[str]:
    """Texts of the codes that the recipe asks for."""
    if recipe.kind not in (Kind.CODE, Kind.VALUE_CHANGE):
        return set()
    return {code.text for code in sheet.codes if _matches(code.text, recipe.pattern)}


def _matches(text: str, pattern: str) -> bool:
    wild = pattern if "*" in pattern or "?" in pattern else pattern + "*"
    return fnmatch.fnmatchcase(text, wild.replace("[", "[[]"))


def _notes(stack: Sequence[Sheet], apart: Mapping[str, Apart], recipe: Recipe) -> Iterator[Note]:
    slip: Slip | None = None
    waiting: str | None = None
    before: Sheet | None = None
    for sheet in stack:
        aside = apart.get(sheet.key)
        if aside and isinstance(aside.slip, BatchSlip):
            if slip not in (None, aside.slip):
                yield Note(sheet.key, Remark.SECOND_SLIP, slips.slip_text(aside.slip))
            slip = aside.slip
        if waiting and aside and _opens(aside):
            yield Note(waiting, Remark.EMPTY_SEPARATOR)
        if not aside:
            asked = _asked(sheet, recipe)
            yield from (Note(sheet.key, Remark.UNKNOWN_CODE, code.text) for code in sheet.codes if code.text not in asked)
            if _is_back_of(sheet, before, apart):
                yield Note(sheet.key, Remark.PRINTED_BACK)
        waiting = (sheet.key if _opens(aside) else waiting) if aside else None
        before = sheet
    if waiting:
        yield Note(waiting, Remark.EMPTY_SEPARATOR)
