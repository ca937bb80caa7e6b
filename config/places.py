"""In which countries invoices may be stored (L. 102 C LPF), as dated data that are shipped: `config/law/storage.toml`."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources

HOME = "FR"


@dataclass(frozen=True, slots=True)
class Storage:
    """A country in which invoices may be stored, and from when to when."""

    country: str
    """ISO 3166-1, two letters."""
    since: date
    until: date | None
    """First day on which it no longer may; None while it may."""
    text: str
    """What allows it."""


@cache
def load_storage() -> tuple[Storage, ...]:
    """Raises KeyError or TOMLDecodeError where the shipped file is not as it should be: our mistake, found by a test."""
    told = tomllib.loads(resources.files("config").joinpath("law", "storage.toml").read_text(encoding="utf-8"))
    return tuple(
        Storage(country, each["since"], each.get("until"), each["text"]) for each in told["allowed"] for country in each["countries"]
    )


def place_allowed(country: str, day: date) -> bool:
    """Whether invoices may be stored in a country on a day."""
    return any(each.country == country and _holds(each, day) for each in load_storage())


def allowed_countries(day: date) -> tuple[str, ...]:
    """In the order of the data: France first."""
    return tuple(dict.fromkeys(each.country for each in load_storage() if _holds(each, day)))


def _holds(storage: Storage, day: date) -> bool:
    return storage.since <= day and (storage.until is None or day < storage.until)
