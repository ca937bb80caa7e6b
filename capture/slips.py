"""What the QR codes on Sceau's own printed sheets say. Codes of strangers are no slips, and no error.

    SCEAU:1:T:<target>:<side>
    SCEAU:1:B:<batch>:<station>:<sheets>:<arrived>:<P|I|>:<G|>:<supplier>
    SCEAU:1:X:<box>
    SCEAU:1:D:<document type>:<company>

The text is ASCII in capitals, so that a QR code packs it tightly (ISO/IEC 18004, alphanumeric mode). A field's small letters are
printed as capitals; anything else, capitals included, is percent-coded UTF-8 (RFC 3986, 2.1). A slip says what it says and proves
nothing: anyone can print one. Whether a batch of that name exists is for the records to tell.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

MAX_FIELD = 60
"""Characters of one field."""
MAX_SHEETS = 9999

_HEAD = "SCEAU:1:"
_PLAIN = re.compile(r"[a-z0-9 ./+*$-]")


class Nature(StrEnum):
    """What the paper is."""

    PAPER = "paper"
    """An original that came on paper."""
    PRINT = "print"
    """A print of an electronic invoice: no copy of it is a « copie conforme » (BOI-CF-COM-10-10-30-10)."""


@dataclass(frozen=True, slots=True)
class TargetMark:
    """One side of a calibration target or test sheet."""

    target: str
    side: int
    """1 is the front, 2 the back."""


@dataclass(frozen=True, slots=True)
class BatchSlip:
    """The sheet on top of a batch."""

    batch: str
    station: str
    sheets: int | None
    """Counted by hand, this slip not among them; None where nobody counted."""
    arrived: date
    """When the mail came in."""
    nature: Nature | None = None
    """None where nobody said."""
    grey: bool = False
    """Grey is tolerated: a person decided that colour carries no meaning in this batch."""
    supplier: str | None = None
    """Whose invoices these are, all of them; None where that is not said."""


@dataclass(frozen=True, slots=True)
class BoxLabel:
    """The box that the paper goes into."""

    box: str


@dataclass(frozen=True, slots=True)
class Separator:
    """A sheet that opens a document."""

    document_type: str
    company: str | None = None


Slip: TypeAlias = BatchSlip | BoxLabel | Separator | TargetMark


def slip_text(slip: Slip) -> str:
    """What is printed. Raises ValueError where a field is too long, a needed one is empty, or a number is out of its range."""
    return _HEAD + ":".join(_fields(slip))


def parse_slip(text: str) -> Slip | None:
    """The slip, or None where the code is not one of ours or not whole. Capitals and small letters are one."""
    if not text.upper().startswith(_HEAD):
        return None
    kind, *fields = text[len(_HEAD) :].split(":")
    try:
        slip = _slip(kind.upper(), [_decoded(field) for field in fields])
        slip_text(slip)
    except ValueError:
        return None
    return slip


def _fields(slip: Slip) -> list[str]:
    match slip:
        case TargetMark():
            return ["T", _named(slip.target), str(_within(slip.side, 1, 2))]
        case BatchSlip():
            sheets = "" if slip.sheets is None else str(_within(slip.sheets, 1, MAX_SHEETS))
            nature = {None: "", Nature.PAPER: "P", Nature.PRINT: "I"}[slip.nature]
            supplier = "" if slip.supplier is None else _named(slip.supplier)
            grey = "G" if slip.grey else ""
            return ["B", _named(slip.batch), _named(slip.station), sheets, slip.arrived.isoformat(), nature, grey, supplier]
        case BoxLabel():
            return ["X", _named(slip.box)]
        case Separator():
            return ["D", _named(slip.document_type), "" if slip.company is None else _named(slip.company)]


def _slip(kind: str, fields: list[str]) -> Slip:
    """Raises ValueError where kind or number of fields is not ours."""
    match kind, fields:
        case "T", [target, side]:
            return TargetMark(target, _number(side))
        case "B", [batch, station, sheets, arrived, nature, grey, supplier] if grey in ("", "g"):
            natures = {"": None, "p": Nature.PAPER, "i": Nature.PRINT}
            if nature not in natures:
                raise ValueError(nature)
            counted = _number(sheets) if sheets else None
            return BatchSlip(batch, station, counted, date.fromisoformat(arrived), natures[nature], grey == "g", supplier or None)
        case "X", [box]:
            return BoxLabel(box)
        case "D", [document_type, company]:
            return Separator(document_type, company or None)
        case "D", [document_type]:
            return Separator(document_type)
    raise ValueError(kind)


def _named(name: str) -> str:
    if not name or len(name) > MAX_FIELD:
        raise ValueError(f"a name of 1 to {MAX_FIELD} characters, not {len(name)}")
    return "".join(c.upper() if _PLAIN.fullmatch(c) else "".join(f"%{byte:02X}" for byte in c.encode()) for c in name)


def _decoded(field: str) -> str:
    """Raises UnicodeDecodeError, a ValueError, where the bytes are not UTF-8."""
    return "".join(
        unquote_to_bytes(part).decode() if part.startswith("%") else part.lower() for part in re.split(r"((?:%[0-9A-Fa-f]{2})+)", field)
    )


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError(text)
    return int(text)


def _within(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError(f"{number} is not within {low} and {high}")
    return number
