"""The words of the screens, one gettext catalogue per language (its ids are keys), and how dates, amounts and sizes are written in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LANGUAGES = ("fr", "en")
PARIS = ZoneInfo("Europe/Paris")
"""People read the time of their wall clock; what is stored is UTC."""
NARROW = "\u202f"
"""Narrow no-break space, which French typography puts between thousands and before the unit."""
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF"}


@dataclass(frozen=True, slots=True)
class Words:
    """One language's catalogue. Called with a key it gives the sentence, its places filled."""

    language: str
    catalogue: Mapping[str, str]

    def __call__(self, key: str, **places: object) -> str:
        """Raises KeyError for a key that the catalogue does not hold, for a missing word is our mistake, never the reader's problem."""
        return self.catalogue[key].format(**places) if places else self.catalogue[key]

    def count(self, key: str, number: int, **places: object) -> str:
        """The singular or plural of `key`; in French, none is singular."""
        one = number in {0, 1} if self.language == "fr" else number == 1
        return self(f"{key}.{'one' if one else 'many'}", n=self.number(number), **places)

    def known(self, family: str, code: str) -> str:
        """The words for a code that another room may have added since; then the code itself, readable."""
        return self.catalogue.get(f"{family}.{code}", code.replace("-", " ").replace("_", " "))

    # --- dates and times ---

    def day(self, moment: date) -> str:
        """JJ/MM/AAAA."""
        return moment.strftime("%d/%m/%Y")

    def today(self, now: datetime) -> date:
        """The day on the wall clock in Paris."""
        return now.astimezone(PARIS).date()

    def moment(self, moment: datetime) -> str:
        """Day and time of the wall clock in Paris."""
        return moment.astimezone(PARIS).strftime("%d/%m/%Y %H:%M:%S")

    # --- numbers ---

    def number(self, value: int | Decimal) -> str:
        return _narrow(format_decimal(value, locale=self.language))

    def amount(self, text: str, currency: str | None = None) -> str:
        """`1 234,56 €` from canonical text ("1234.56"); text that is no amount is shown as it is."""
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        if not number.is_finite() or abs(number.adjusted()) > 15:
            return text
        sign = "" if currency is None else NARROW + _SIGNS.get(currency, currency)
        return _narrow(format_decimal(number, "#,##0.00##", locale=self.language)) + sign

    def plain(self, text: str) -> str:
        """`5,5` from canonical text ("5.50"): a rate or a quantity; text that is no number is shown as it is."""
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        if not number.is_finite() or abs(number.adjusted()) > 15:
            return text
        return _narrow(format_decimal(number, "#,##0.######", locale=self.language))

    def size(self, count: int) -> str:
        """Bytes in the unit a person would use; decimal units, as disks are sold."""
        value = Decimal(count)
        for unit in ("octet", "kilo", "mega", "giga"):
            if value < 1000 or unit == "giga":
                pattern = "#,##0" if unit == "octet" or value >= 100 else "#,##0.0"
                return f"{_narrow(format_decimal(value, pattern, locale=self.language))}{NARROW}{self(f'unit.{unit}')}"
            value /= 1000
        raise AssertionError("unreachable")


@cache
def words_in(language: str) -> Words:
    """The catalogue of a language; French where there is none."""
    code = language if language in LANGUAGES else "fr"
    with resources.files("station.web").joinpath("words", f"{code}.po").open("rb") as file:
        entries = read_po(file, locale=code, abort_invalid=True)
    return Words(code, {str(entry.id): typeset(str(entry.string)) for entry in entries if entry.id})


def typeset(text: str) -> str:
    """Typographic apostrophes, and the no-break spaces of French typography, so that the catalogues can be typed on any keyboard."""
    for sign in ";?!»":
        text = text.replace(f" {sign}", f"{NARROW}{sign}")
    return text.replace(" :", "\u00a0:").replace("« ", f"«{NARROW}").replace("'", "’")


def _narrow(text: str) -> str:
    return text.replace("\u00a0", NARROW)
