"""A list from a spreadsheet, CSV or XLSX, as text cells; it comes from outside: bounded, never calculated, never trusted."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import repeat
from typing import Any

LARGEST_FILE = 10_000_000
"""Bytes, packed."""
LARGEST_UNPACKED = 120_000_000
"""Bytes of an XLSX unpacked: above, it is refused before a byte of it is unpacked (a « zip bomb »)."""
MOST_PARTS = 500
MOST_ROWS = 20_000
MOST_COLUMNS = 60
LONGEST_CELL = 1_000
_SEPARATORS = ";,\t"
_TOLD = re.compile(r"\s*sep=([;,|\t])[;,|\t ]*(?:\r\n?|\n|$)", re.IGNORECASE)
"""What Excel believes in a first line: « sep=; »."""
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With which a spreadsheet takes a cell for a formula (OWASP, CSV injection), full-width forms too."""


class Unreadable(Exception):
    """The file is no such list; `reason` is a key under `imports.file-…` of the words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Uncalculated(str):
    """A formula whose result the file does not hold: written by a program that does not calculate. The text is the formula."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list as it was sent."""

    headings: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    """Line number as a spreadsheet shows it, cells; empty lines are left out."""


def read_sheet(data: bytes) -> Sheet:
    """The first sheet, by its bytes and not by its name. Raises Unreadable."""
    if len(data) > LARGEST_FILE:
        raise Unreadable("large")
    if data.startswith(b"PK\x03\x04"):
        lines = _read_xlsx(data)
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        # The old binary form, and an XLSX under a password.
        raise Unreadable("old")
    else:
        lines = _read_csv(data)
    return _sheet_of(lines)


def _sheet_of(lines: Iterable[tuple[int, tuple[str, ...]]]) -> Sheet:
    filled = [(number, cells) for number, cells in lines if any(cells)]
    if len(filled) < 2:
        raise Unreadable("empty")
    if len(filled) > MOST_ROWS + 1:
        raise Unreadable("long")
    headings = filled[0][1]
    width = max(place for place, cell in enumerate(headings, 1) if cell)
    if width > MOST_COLUMNS:
        raise Unreadable("wide")
    named = _named(headings[:width])
    return Sheet(named, tuple((number, (*cells[:width], *("" for _ in range(width - len(cells))))) for number, cells in filled[1:]))


def _named(headings: Sequence[str]) -> tuple[str, ...]:
    """Each heading once: a second « IBAN » is « IBAN (2) », a column without one is « (3) »."""
    found: list[str] = []
    for place, heading in enumerate(headings, 1):
        name, times = heading, 1
        while not name or name in found:
            times += 1
            name = f"{heading} ({times})" if heading else f"({place})" if times == 2 else f"({place}.{times})"
        found.append(name)
    return tuple(found)


# --- CSV ---


def _read_csv(data: bytes) -> Iterator[tuple[int, tuple[str, ...]]]:
    text = _decoded(data)
    told = _TOLD.match(text)
    # A spreadsheet takes that line for no row and counts from the next one.
    text, separator = (text[told.end() :], told[1]) if told else (text, _separator_of(text))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for number, row in enumerate(reader, 1):
            if number > 2 * MOST_ROWS:
                raise Unreadable("long")
            yield number, tuple(_plain(cell) for cell in row[: MOST_COLUMNS + 1])
    except csv.Error as error:
        raise Unreadable("form") from error


def _decoded(data: bytes) -> str:
    """UTF-8, UTF-16 where it says so, else what French Windows writes (CP1252)."""
    encodings = ["utf-16"] if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text
    raise Unreadable("form")


def _separator_of(text: str) -> str:
    """That of which the first line has most, outside quotation marks."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_SEPARATORS, key=bare.count)


# --- XLSX ---


def _read_xlsx(data: bytes) -> Iterator[tuple[int, tuple[str, ...]]]:
    _require_small(data)
    # A tenth of a second that others need not wait for.
    from openpyxl import load_workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

    kept: dict[str, Any] = {"read_only": True, "keep_links": False}
    try:
        # data_only: what a formula gave when the file was saved; nothing is calculated here.
        book = load_workbook(io.BytesIO(data), data_only=True, **kept)
        told = load_workbook(io.BytesIO(data), **kept)
    except Exception as error:  # whatever a hostile file makes of the library, it is no list
        raise Unreadable("form") from error
    try:
        sheet, formulas = (_first_visible(each) for each in (book, told))
        if not isinstance(sheet, ReadOnlyWorksheet) or not isinstance(formulas, ReadOnlyWorksheet):
            raise Unreadable("empty")
        # Read twice only where there is a formula at all: it costs as much again.
        beside = _rows_of(formulas) if _has_formulas(data, sheet) else repeat(())
        for number, (row, texts) in enumerate(zip(_rows_of(sheet), beside, strict=False), 1):
            cells = [_plain(_text_of(cell)) for cell in row]
            for place, text in enumerate(texts[: len(cells)]):
                if row[place] is None and text is not None:
                    cells[place] = Uncalculated(_plain(str(getattr(text, "text", text))) or "=")
            yield number, tuple(cells)
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable("form") from error
    finally:
        book.close()
        told.close()


def _first_visible(book: Any) -> Any:
    return next((each for each in book.worksheets if each.sheet_state == "visible"), None)


def _rows_of(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()  # What the file says of its size may be a lie.
    rows: Iterator[tuple[Any, ...]] = sheet.iter_rows(max_row=2 * MOST_ROWS, max_col=MOST_COLUMNS + 1, values_only=True)
    return rows


_FORMULA = re.compile(rb"<(?:\w{1,20}:)?f[\s>/]")


def _has_formulas(data: bytes, sheet: Any) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as packed, packed.open(sheet._worksheet_path) as stream:
        before = b""
        while chunk := stream.read(1 << 20):
            if _FORMULA.search(before + chunk):
                return True
            before = chunk[-30:]
    return False


def _require_small(data: bytes) -> None:
    """Before anything is unpacked: how much it would be, and that no part declares entities. `zipfile` reads no more than is declared."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise Unreadable("bomb")
            if any(part.flag_bits & 1 for part in parts):
                raise Unreadable("old")
            if "[Content_Types].xml" not in packed.namelist():
                raise Unreadable("form")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with packed.open(part) as stream:
                        head = stream.read(2_048)
                    # Whoever writes a DOCTYPE into a spreadsheet wants something else; UTF-16 could hide one.
                    if b"<!DOCTYPE" in head or b"<!ENTITY" in head or b"\0" in head:
                        raise Unreadable("bomb")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise Unreadable("form") from error


def _text_of(cell: Any) -> str:
    """As a person reads it: whole numbers without « .0 », days as AAAA-MM-JJ."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "oui" if cell else "non"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 10**15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _plain(text: str) -> str:
    """One line without control signs; no-break spaces are spaces."""
    return re.sub(r"[\s\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+", " ", text[:LONGEST_CELL]).strip()


# --- what goes out ---


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_DANGEROUS) else cell


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """As French spreadsheets open it by themselves: semicolons, UTF-8 with its mark; every cell is defused."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";")
    writer.writerow([defused(heading) for heading in headings])
    writer.writerows([defused(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(title: str, headings: Sequence[str]) -> bytes:
    """An empty list with its headings; every column is text, so that leading noughts stay."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.create_sheet(title[:31], 0)
    book.remove(book.worksheets[1])
    sheet.append(list(headings))
    for place, heading in enumerate(headings, 1):
        column = sheet.column_dimensions[get_column_letter(place)]
        column.width, column.number_format = max(14, len(heading) + 4), "@"
        sheet.cell(1, place).font = Font(bold=True)
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
