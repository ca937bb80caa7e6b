"""How long a document must be kept: every reason with its own last day, the latest of which counts; and what a legal hold covers.

Values in, values out: which day it is, and what is known of the document, is handed in.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from workflow.kinds import duties_on

OLDEST_READ = timedelta(days=550)
"""A date that only a machine read counts if it is no older than this on arrival: a misread digit must not end a duty early."""
ASSET = "immobilisation : régularisation de la TVA (art. 207 annexe II CGI), puis art. L. 102 B LPF"
SIX = 6
"""Years of art. L. 102 B LPF, which run from the last operation."""


@dataclass(frozen=True, slots=True)
class RetentionFacts:
    """What is known of one document."""

    kind: str
    issued: date | None
    """Its own date, as far as it may be believed (`believed_date`)."""
    sealed: date
    last_operation: date | None = None
    """Last operation entered in the books, where a person said it (L. 102 B LPF)."""
    asset: bool = False


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """What the house sets."""

    year_end: str = "12-31"
    """Month and day on which the financial year closes."""
    asset_years: int = 20
    house_years: int = SIX
    """What the house says it keeps; more than the law asks extends it."""


@dataclass(frozen=True, slots=True)
class Component:
    """One reason to keep it."""

    rule: str
    """books, tax, house, asset."""
    event: str
    """From what the years run: document, operation, sealing (its date is not known), year-end."""
    starts: date
    years: int
    text: str
    """Article, or words of the house."""
    until: date
    """Last day on which it must be kept."""

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "event": self.event,
            "starts": self.starts.isoformat(),
            "years": self.years,
            "text": self.text,
            "until": self.until.isoformat(),
        }


def believed_date(said: date | None, read: date | None, received: date) -> date | None:
    """The document's date for its retention: a person's or an XML's word; else what was read, where it lies shortly before the arrival."""
    if said is not None:
        return said
    return read if read is not None and received - OLDEST_READ <= read <= received else None


def components_of(facts: RetentionFacts, rules: RetentionRules, day: date) -> tuple[Component, ...]:
    """Every reason, by the duties as they stand on `day`; none for a kind that nothing asks to keep (`workflow.kinds.DUTIES`).

    A date that is not known is replaced by the day of sealing, which is later, and the component says so.
    """
    duties = duties_on(facts.kind, day)
    if not duties:
        return ()
    event, start = _start_of(facts)
    found = []
    for duty in duties:
        books = duty.starts.startswith("clôture")
        starts = year_close(start, rules.year_end) if books else start
        told = "year-end" if books and event != "sealing" else event
        found.append(_component("books" if books else "tax", told, starts, duty.years, duty.authority))
    if rules.house_years > SIX:
        found.append(_component("house", event, start, rules.house_years, "règle de la maison (organisation.retention_years)"))
    if facts.asset:
        found.append(_component("asset", event, start, rules.asset_years + SIX, ASSET))
    return tuple(found)


def retain_until(components: Sequence[Component]) -> date | None:
    """The latest last day; None where nothing asks for it. Legal holds stand beside: they have no day of their own."""
    return max((each.until for each in components), default=None)


def _start_of(facts: RetentionFacts) -> tuple[str, date]:
    if facts.last_operation is not None and (facts.issued is None or facts.last_operation > facts.issued):
        return "operation", facts.last_operation
    return ("document", facts.issued) if facts.issued is not None else ("sealing", facts.sealed)


def _component(rule: str, event: str, starts: date, years: int, text: str) -> Component:
    return Component(rule, event, starts, years, text, add_years(starts, years))


def year_close(day: date, year_end: str) -> date:
    """Last day of the financial year in which a day lies; an end on a day that the month does not have is the month's last."""
    month, number = (int(part) for part in year_end.split("-"))
    close = _day_of(day.year, month, number)
    return close if day <= close else _day_of(day.year + 1, month, number)


def add_years(day: date, years: int) -> date:
    """The same day so many years later; of a 29 February the 1 March where there is none, for a term is never cut short."""
    year = min(day.year + years, date.max.year)
    if (day.month, day.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1)
    return day.replace(year=year)


def _day_of(year: int, month: int, number: int) -> date:
    return date(min(year, date.max.year), month, min(number, calendar.monthrange(min(year, date.max.year), month)[1]))


# --- legal holds ---


SCOPES = ("document", "supplier", "year", "audit")


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """What a hold asks of a document."""

    document: str
    suppliers: frozenset[str]
    """Every name and number by which its supplier is known, as they are written."""
    days: frozenset[date]
    """Its own date, that of its arrival: a hold that may mean either covers it."""


def covers(scope: str, value: str, facts: HeldFacts) -> bool:
    """Whether a hold is about a document. Raises ValueError for a scope or a period that is none (`hold_trouble` says so beforehand)."""
    match scope:
        case "document":
            return facts.document == value
        case "supplier":
            return _plain(value) in {_plain(name) for name in facts.suppliers}
        case "year":
            return int(value) in {day.year for day in facts.days}
        case "audit":
            first, last = period_of(value)
            return any(first <= day <= last for day in facts.days)
    raise ValueError(scope)


def hold_trouble(scope: str, value: str) -> str | None:
    """What is wrong with a hold's scope or value: "scope", "value"; None where nothing is."""
    if scope not in SCOPES:
        return "scope"
    try:
        covers(scope, value, HeldFacts("", frozenset(), frozenset({date(2000, 1, 1)})))
    except ValueError:
        return "value"
    if scope == "year" and not 1900 <= int(value) <= 2200:
        return "value"
    return None if _plain(value) else "value"


def period_of(value: str) -> tuple[date, date]:
    """First and last day of `2024-01-01/2025-12-31`. Raises ValueError."""
    first, _, last = value.partition("/")
    begin, end = date.fromisoformat(first.strip()), date.fromisoformat(last.strip())
    if end < begin:
        raise ValueError(value)
    return begin, end


def _plain(name: str) -> str:
    told = "".join(name.casefold().split())
    # A SIRET begins with its SIREN.
    return told[:9] if told.isdigit() and len(told) == 14 else told
