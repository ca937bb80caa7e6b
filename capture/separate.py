"""How a stack of pages becomes documents: a recipe proposes, a person corrects. Values only; no page is ever dropped.

A sheet that belongs to no document (separator, slip, target) is set apart and kept as evidence. A code counts in its own document
only: what stands on one document says nothing of the next.
"""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from capture import codes, slips
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

    @property
    def blanks(self) -> tuple[str, ...]:
        """Keys of its blank pages: marked, never dropped."""
        return tuple(sheet.key for sheet in self.sheets if sheet.blank)


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
    """The stack cut by the recipe. Raises ValueError where two sheets have one key."""
    raise NotImplementedError


def split_before(plan: Plan, key: str) -> Plan:
    """A new document begins with this page; type, company and the separator's codes stay with the first half. Raises ValueError
    where the page is in no document or is the first of one."""
    raise NotImplementedError


def merge_with_previous(plan: Plan, index: int) -> Plan:
    """Document `index`, from 0, goes on the one before it. Raises ValueError where there is none before it."""
    raise NotImplementedError


def move_page(plan: Plan, key: str, to_document: int, position: int) -> Plan:
    """The page goes to `position`, from 0, among the other pages of a document of `plan`; a sheet set apart comes back so. A document
    left empty disappears. Raises ValueError where key, document or position is none of the plan's."""
    raise NotImplementedError


def set_apart(plan: Plan, key: str) -> Plan:
    """A person says that this page belongs to no document. Raises ValueError where it is in none, or is the last page of all."""
    raise NotImplementedError


def plan_json(plan: Plan) -> dict[str, Any]:
    raise NotImplementedError


def plan_from_json(value: dict[str, Any]) -> Plan:
    """The inverse of `plan_json`. Raises KeyError, TypeError or ValueError where the value was not made by it."""
    raise NotImplementedError
