"""Dated legal data as values: which particulars, VAT rates and channels held on a day. They lie in `config/law`, read by `config.legal`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Size(StrEnum):
    """Of a supplier, per legal entity (décret n° 2008-1354): it sets the day from which it must issue electronically."""

    GE = "GE"
    ETI = "ETI"
    PME = "PME"
    MICRO = "MICRO"


class Channel(StrEnum):
    """How an invoice had to come."""

    PLATFORM = "platform"
    """Plateforme agréée."""
    CHORUS = "chorus"
    """Chorus Pro, the portal of the public sector."""


class Group(StrEnum):
    """Whose asking it is."""

    TAX = "tax"
    COMMERCE = "commerce"
    REFORM = "reform"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of issue, both included; None: without limit."""

    since: date | None = None
    until: date | None = None

    def holds(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True, slots=True)
class Particular:
    """One thing that an invoice must bear."""

    code: str
    """A key of `capture.catalogue.NAMED`."""
    group: Group
    cgi: str
    """Article, by its former place for tax."""
    cibs: str
    """The same since VAT law moved; empty where nothing moved."""
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of VAT, per cent."""

    rate: Decimal
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class Issuing:
    """From which day suppliers of these sizes must send their invoices by a channel."""

    channel: Channel
    sizes: frozenset[Size]
    since: date
    text: str
    """What obliges."""
    calendar: str
    """What sets the day."""


@dataclass(frozen=True, slots=True)
class Law:
    """What held when; one value for all checks."""

    particulars: tuple[Particular, ...]
    rates: tuple[Rate, ...]
    issuing: tuple[Issuing, ...]
    cibs_since: date
    """First day on which the articles of the CIBS are cited."""
    old_references_until: date
    """Last day of issue on which an invoice may cite the former articles."""
    vat_number_above: Decimal
    """EUR excluding VAT up to which the supplier's VAT number is not asked for."""

    def particular(self, code: str, day: date) -> Particular | None:
        """As it held on a day of issue; None where it was not asked for."""
        return next((each for each in self.particulars if each.code == code and each.period.holds(day)), None)

    def article(self, particular: Particular, day: date) -> str:
        return particular.cibs if particular.cibs and day >= self.cibs_since else particular.cgi
