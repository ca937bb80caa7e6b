"""What printers of invoices call things, from `words.toml`. Written from knowledge of the trade, not from what the reader looks for."""

import tomllib
from pathlib import Path

_TOLD = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
LABELS: dict[str, dict[str, list[str]]] = _TOLD["labels"]
"""Language, key, words for it."""
METHODS: dict[str, dict[str, list[str]]] = _TOLD["methods"]
"""How to pay."""
PROSE: dict[str, dict[str, list[str]]] = _TOLD["prose"]
"""Sentences that carry values."""
LEGAL: dict[str, list[str]] = _TOLD["legal"]
"""Sentences that carry none."""
EXEMPTIONS: dict[str, dict[str, str]] = _TOLD["exemptions"]
"""Why there is no VAT, per regime."""
MONTHS: dict[str, list[str]] = _TOLD["months"]
