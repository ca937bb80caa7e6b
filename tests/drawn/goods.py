"""What the invented companies sell, from `goods.toml`."""

import tomllib
from pathlib import Path

_TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
UNITS: dict[str, dict[str, list[str]]] = _TOLD["units"]
"""Language, kind of unit, how it is printed."""
DETAILS: dict[str, list[str]] = _TOLD["details"]
GOODS: dict[str, dict[str, list[str]]] = _TOLD["goods"]
"""Trade, language, entries of the form text|unit|lowest|highest price."""
