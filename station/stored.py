"""Values of the lower floors as they are stored in JSON, and back."""

from typing import Any

from capture.findings import Authority, Finding, Level
from capture.scan import Model, Page


def finding_from(stored: dict[str, Any]) -> Finding:
    """The inverse of `dataclasses.asdict` on a Finding."""
    return Finding(**{**stored, "level": Level(stored["level"]), "authority": Authority(stored["authority"])})


def page_from(stored: dict[str, Any]) -> Page:
    """The inverse of `dataclasses.asdict` on a Page; a further key "format" is let pass."""
    values = {key: value for key, value in stored.items() if key != "format"}
    pairs = {key: tuple(values[key]) for key in ("dpi", "image") if values.get(key) is not None}
    return Page(**{**values, **pairs, "model": Model(values["model"])})
