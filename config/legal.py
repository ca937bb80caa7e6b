"""The dated legal data that are shipped (`config/law`), as values of `workflow.law`."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from workflow.law import Channel, Group, Issuing, Law, Particular, Period, Rate, Size


@cache
def load_law() -> Law:
    """Raises KeyError, ValueError or TOMLDecodeError where a shipped file is not as it should be: our mistake, found by a test."""
    particulars, rates, channel = (_table(name) for name in ("particulars", "vat_rates", "channel"))
    return Law(
        particulars=tuple(
            Particular(each["code"], Group(each["group"]), each["cgi"], each.get("cibs", ""), _period(each))
            for each in particulars["particular"]
        ),
        rates=tuple(Rate(Decimal(each["rate"]), _period(each)) for each in rates["rate"]),
        issuing=tuple(
            Issuing(Channel(each["channel"]), frozenset(map(Size, each["sizes"])), each["since"], each["text"], each["calendar"])
            for each in channel["issuing"]
        ),
        cibs_since=particulars["cibs_since"],
        old_references_until=particulars["old_references_until"],
        vat_number_above=Decimal(particulars["vat_number_above"]),
    )


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("config").joinpath("law", f"{name}.toml").read_text(encoding="utf-8"))


def _period(row: Mapping[str, Any]) -> Period:
    return Period(row.get("since"), row.get("until"))
