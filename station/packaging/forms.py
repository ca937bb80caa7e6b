"""How values are written in the package: JSON, CSV, times and the words of paths."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First letters that make a spreadsheet compute a cell, in their wide forms as well (OWASP, CSV injection)."""


def json_line(row: Mapping[str, Any]) -> str:
    """One line, the keys in their order."""
    return json.dumps(row, ensure_ascii=False, separators=(", ", ": "))


def json_bytes(value: object) -> bytes:
    """A file of its own, to be read by people as well."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def csv_line(cells: Iterable[object]) -> bytes:
    """One row: `;`, every cell quoted, nothing that a spreadsheet would take for a formula."""
    out = io.StringIO()
    csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([csv_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8")


def csv_cell(value: object) -> str:
    """A cell's text: what is not known is empty, lists are joined by spaces; a formula is disarmed by an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return csv_cell(" ".join(_item_text(each) for each in value))
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _item_text(item: object) -> str:
    if not isinstance(item, dict):
        return str(item)
    return str(item["path"]) if "path" in item else f"{item['kind']}:{item['document']}"


def moment_text(at: datetime | None) -> str | None:
    """UTC to the millisecond, as entries write it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain_word(name: str) -> str:
    """A name as part of a path of the package; different ones may become the same."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "_"
