"""Identifiers of companies and accounts: are they well formed, and which one was printed where a digit was misread?

A checksum raises confidence; it never gates a value, for a supplier may print a wrong number and the page must be read as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

from stdnum import bic, iban
from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren, siret, tva

LA_POSTE = "356000000"
"""SIREN of La Poste, whose establishments do not follow Luhn."""
CONFUSIONS: dict[str, str] = {"O": "0", "I": "1", "S": "5", "B": "8", "D": "0", "G": "6", "L": "1", "Z": "2"}
"""Letters that readers see where small digits are printed."""
MAX_CONFUSED = 6
_RIB_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier as printed, without spaces."""

    value: str
    valid: bool
    """Its checksum passes."""
    corrected: bool = False
    """Confused signs were exchanged, and exactly one way of doing so passes the checksum."""


def compact(text: str) -> str:
    """Without spaces, dots and dashes; capital letters."""
    return re.sub(r"[\s.\-–/:]", "", text).upper()


def valid_siren(number: str) -> bool:
    """Nine digits, Luhn."""
    return bool(siren.is_valid(number))


def valid_siret(number: str) -> bool:
    """Fourteen digits, Luhn over all and over the SIREN within; an establishment of La Poste: sum of digits a multiple of 5 instead."""
    if not (number.isascii() and number.isdigit() and len(number) == 14):
        return False
    if number.startswith(LA_POSTE) and sum(map(int, number)) % 5 == 0:
        return True
    return bool(siret.is_valid(number)) and valid_siren(number[:9])


def valid_vat(number: str) -> bool:
    """VAT number of an EU member by its country's rule. France: key of digits or letters (not O, I); Monaco's body `000…` is no SIREN."""
    if number.startswith("FR"):
        return bool(tva.is_valid(number))
    try:
        return bool(vat.is_valid(number))
    except ValidationError:
        return False


def valid_iban(number: str) -> bool:
    """Length of its country, modulo 97 (ISO 13616); in France and Monaco the key of the RIB within as well."""
    if not (fits_iban(number) and bool(iban.is_valid(number, check_country=False))):
        return False
    return valid_rib(number[4:]) if number[:2] in {"FR", "MC"} else True


def valid_rib(number: str) -> bool:
    """French account: bank, branch, account and key of 5, 5, 11 and 2 signs; key = 97 - (89 bank + 15 branch + 3 account) mod 97."""
    if not re.fullmatch(r"[0-9]{10}[0-9A-Z]{11}[0-9]{2}", number):
        return False
    bank, branch, account, key = (int(part.translate(_RIB_DIGITS)) for part in (number[:5], number[5:10], number[10:21], number[21:]))
    return key == 97 - (89 * bank + 15 * branch + 3 * account) % 97


def valid_bic(number: str) -> bool:
    """Eight or eleven signs (ISO 9362)."""
    return bool(bic.is_valid(number))


def vat_siren(number: str) -> str | None:
    """The SIREN inside a French VAT number; None for others and for Monaco."""
    if re.fullmatch(r"FR[0-9A-Z]{2}\d{9}", number) and not number[4:].startswith("000"):
        return number[4:]
    return None


IBAN_LENGTHS: dict[str, int] = {
    "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27,
    "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27,
    "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "VA": 22,
}  # fmt: skip
"""Signs of an IBAN by country (SWIFT IBAN registry): the members of SEPA and the neighbours whose invoices reach French companies."""


def fits_iban(number: str) -> bool:
    """The right number of signs for its country."""
    return IBAN_LENGTHS.get(number[:2]) == len(number)


def read_identifier(raw: str, check: Check, letters: int = 0) -> Identifier:
    """The identifier as printed, repaired where exactly one exchange of misread letters makes the checksum pass.

    The first `letters` signs are letters for certain (a country code) and stay as they are.
    """
    value = compact(raw)
    if check(value):
        return Identifier(value, valid=True)
    repaired = [candidate for candidate in repairs(value, letters) if check(candidate)]
    if len(repaired) == 1:
        return Identifier(repaired[0], valid=True, corrected=True)
    return Identifier(value, valid=False)


def repairs(value: str, letters: int = 0) -> set[str]:
    """Other readings: some or all of the O, I, S, B taken for 0, 1, 5, 8; none where there are too many to be a misreading.

    Digits are never taken for letters: among the many forms that would give, one would pass modulo 97 by chance,
    and a wrong number that the supplier really printed would be "repaired" into another wrong one.
    """
    places = [i for i, sign in enumerate(value) if sign in CONFUSIONS and i >= letters]
    if len(places) > MAX_CONFUSED:
        return set()
    chosen = (c for count in range(1, len(places) + 1) for c in combinations(places, count))
    return {"".join(CONFUSIONS[sign] if i in c else sign for i, sign in enumerate(value)) for c in chosen}
