"""Values of the lower floors as they are stored in JSON, and back."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

import rfc8785

from capture.findings import Authority, Finding, Level
from capture.scan import Model, Page
from ocr.text import Box, Word
from ocr.values import Field, LineItem, Source, Value, VatLine
from workflow.circuit import Alarm, Standing
from workflow.circuit import State as CircuitState


def finding_from(stored: dict[str, Any]) -> Finding:
    """The inverse of `dataclasses.asdict` on a Finding."""
    return Finding(**{**stored, "level": Level(stored["level"]), "authority": Authority(stored["authority"])})


def page_from(stored: dict[str, Any]) -> Page:
    """The inverse of `dataclasses.asdict` on a Page; a further key "format" is let pass."""
    values = {key: value for key, value in stored.items() if key != "format"}
    pairs = {key: tuple(values[key]) for key in ("dpi", "image") if values.get(key) is not None}
    bands = tuple(tuple(band) for band in values.get("bands", ()))
    return Page(**{**values, **pairs, "bands": bands, "model": Model(values["model"])})


def field_text(value: object) -> str:
    """A field's value as canonical text: ISO date, decimal with a point, JSON for a list of records."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return json.dumps([asdict(each) for each in value], default=str, ensure_ascii=False)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def field_json(field: Field) -> dict[str, Any]:
    """A field with all that belongs to it, as plain JSON values."""
    return {
        **asdict(field),
        "value": field_text(field.value),
        "kind": next(kind for kind in _KINDS if isinstance(field.value, kind)).__name__,
    }


def field_from(stored: Mapping[str, Any]) -> Field:
    """The inverse of `field_json`."""
    value = {kind.__name__: make for kind, make in _KINDS.items()}[stored["kind"]](stored["value"])
    words = tuple(Word(**word) for word in stored["words"])
    told = {**stored, "value": value, "box": _box(stored["box"]), "words": words, "source": Source(stored["source"])}
    del told["kind"]
    return Field(**{**told, "alternatives": tuple(stored["alternatives"])})


def _rows_from(text: str) -> tuple[VatLine, ...] | tuple[LineItem, ...]:
    rows = json.loads(text)
    if any("base" in row for row in rows):
        return tuple(VatLine(*(Decimal(row[name]) for name in ("rate", "base", "tax"))) for row in rows)
    return tuple(
        LineItem(
            row["description"],
            **{name: None if row[name] is None else Decimal(row[name]) for name in ("quantity", "unit_price", "net", "rate")},
            page=row["page"],
            box=_box(row["box"]),
        )
        for row in rows
    )


def _box(stored: Sequence[int] | None) -> Box | None:
    if stored is None:
        return None
    x0, y0, x1, y1 = stored
    return x0, y0, x1, y1


_KINDS: dict[type, Callable[[str], Value]] = {str: str, Decimal: Decimal, date: date.fromisoformat, tuple: _rows_from}
"""How the text of each kind of value is read back."""


def fields_hash(values: Mapping[str, str | None]) -> str:
    """Hexadecimal SHA-256 over the canonical JSON (RFC 8785) of field names and their stored values."""
    return hashlib.sha256(rfc8785.dumps(dict(values))).hexdigest()


def rasters_hash(rasters: Iterable[str | None]) -> str:
    """One hexadecimal SHA-256 over the canonical raster hashes of all pages, in order, a line each."""
    return hashlib.sha256("".join(f"{raster or '-'}\n" for raster in rasters).encode("ascii")).hexdigest()


def stored_path(path: Path) -> str:
    """An absolute path as text; one whose bytes are no UTF-8 becomes a file address (RFC 8089), for a database takes only text."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return path.as_uri()
    return str(path)


def path_from(stored: str) -> Path:
    """The inverse of `stored_path`."""
    return Path(os.fsdecode(unquote_to_bytes(stored.removeprefix("file://")))) if stored.startswith("file://") else Path(stored)


# --- of circuits ---

RuleValue: TypeAlias = "str | int | Decimal | date | bool | None"
_RULE_KINDS: dict[type, str] = {bool: "b", int: "i", Decimal: "n", date: "d", str: "s"}


def rule_value_out(value: RuleValue) -> Any:
    """A value of a rule with its kind, as JSON keeps it: `["n", "12.30"]`."""
    if value is None:
        return None
    kind = _RULE_KINDS[type(value)]
    return [kind, value if kind in "bis" else str(value)]


def rule_value_in(stored: Any) -> RuleValue:
    """The inverse of `rule_value_out`."""
    if stored is None:
        return None
    kind, value = stored
    return Decimal(value) if kind == "n" else date.fromisoformat(value) if kind == "d" else value


def rule_values_out(values: Mapping[str, RuleValue]) -> dict[str, Any]:
    return {name: rule_value_out(value) for name, value in values.items()}


def rule_values_in(stored: Mapping[str, Any]) -> dict[str, RuleValue]:
    return {name: rule_value_in(value) for name, value in stored.items()}


def circuit_state_out(state: CircuitState) -> dict[str, Any]:
    """Where a document stands in its circuit, as JSON."""
    return {
        "circuit": state.circuit, "version": state.version, "step": state.step, "serial": state.serial,
        "values": rule_values_out(state.values), "standing": str(state.standing), "due": state.due and state.due.isoformat(),
        "alarms": [[alarm.day.isoformat(), alarm.what, alarm.number] for alarm in state.alarms],
        "agreed": list(state.agreed) if state.agreed else None, "answered": [list(pair) for pair in state.answered],
        "filling": state.filling, "outcome": state.outcome,
    }  # fmt: skip


def circuit_state_in(stored: Mapping[str, Any]) -> CircuitState:
    """The inverse of `circuit_state_out`."""
    return CircuitState(
        stored["circuit"], stored["version"], stored["step"], stored["serial"], rule_values_in(stored["values"]),
        Standing(stored["standing"]), date.fromisoformat(stored["due"]) if stored["due"] else None,
        tuple(Alarm(date.fromisoformat(day), what, number) for day, what, number in stored["alarms"]),
        (stored["agreed"][0], stored["agreed"][1]) if stored["agreed"] else None,
        tuple((step, by) for step, by in stored["answered"]), stored["filling"], stored["outcome"],
    )  # fmt: skip
