"""The dated legal data that are shipped (`config/law`, `config/rates`), as values of `workflow.law` and `workflow.interest`."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from workflow.interest import HalfRate, Rates
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


@cache
def load_rates() -> Rates:
    """Raises KeyError, ValueError or TOMLDecodeError where the shipped table is not as it should be: our mistake, found by a test."""
    table = _table("late_payment", "rates")
    return Rates(
        halves=tuple(_half(each) for each in table["half"]),
        private_margin=Decimal(table["private"]["margin"]),
        private_text=table["private"]["text"],
        public_margin=Decimal(table["public"]["margin"]),
        public_text=table["public"]["text"],
        floor_times=Decimal(table["floor"]["times"]),
        floor_text=table["floor"]["text"],
        indemnity=Decimal(table["indemnity"]["amount"]),
    )


def _half(row: Mapping[str, Any]) -> HalfRate:
    return HalfRate(
        half=row["half"],
        ecb=Decimal(row["ecb"]),
        ecb_since=row["ecb_since"],
        ecb_source=row["ecb_source"],
        ecb_grade=row["ecb_grade"],
        legal=Decimal(row["legal"]),
        legal_source=row["legal_source"],
        legal_grade=row["legal_grade"],
        persons=Decimal(row["persons"]),
        persons_grade=row["persons_grade"],
    )


def _table(name: str, folder: str = "law") -> dict[str, Any]:
    return tomllib.loads(resources.files("config").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8"))


def _period(row: Mapping[str, Any]) -> Period:
    return Period(row.get("since"), row.get("until"))
