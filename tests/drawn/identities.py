"""Invented companies: names, addresses, identifiers whose check digits are right (mostly), accounts. Nobody here exists on purpose."""

import random
import string
import tomllib
from dataclasses import dataclass
from pathlib import Path

_TOLD = tomllib.loads(Path(__file__).with_name("places.toml").read_text(encoding="utf-8"))
CITIES: dict[str, list[str]] = _TOLD["cities"]
STREETS: dict[str, list[str]] = _TOLD["streets"]
PHONES: dict[str, list[str]] = _TOLD["phones"]
HOME: dict[str, str] = _TOLD["home"]
"""The language of a country's companies."""
FIRST: dict[str, list[str]] = _TOLD["first"]
LAST: dict[str, list[str]] = _TOLD["last"]
TRADES: dict[str, list[str]] = _TOLD["trades"]
COMMON: dict[str, list[str]] = _TOLD["common"]
FORMS: dict[str, list[str]] = _TOLD["forms"]
COINED: dict[str, list[str]] = _TOLD["coined"]
COUNTRY_NAMES: dict[str, dict[str, str]] = _TOLD["countries"]
BANKS: dict[str, list[list[str]]] = _TOLD["banks"]
"""Bank code as the IBAN has it, BIC, name."""
FICTIONAL = 0.06
"""The share of companies whose identifiers are made up so carelessly that no check digit is right, as on samples and on forgeries."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where to pay: IBAN without spaces, BIC, name of the bank."""

    iban: str
    bic: str
    bank: str


@dataclass(frozen=True, slots=True)
class Party:
    """A company, a person in business or a public body; None where it has no such number."""

    name: str
    """The legal name, as the register writes it."""
    trade_name: str | None
    country: str
    """ISO 3166-1 alpha-2."""
    street: str
    extra: str | None
    """A second line of the address."""
    postcode: str
    city: str
    siren: str | None
    siret: str | None
    vat_id: str | None
    tax_number: str | None
    """Steuernummer, as printed."""
    register: str | None
    """RCS, HRB, KvK and their like, as printed."""
    activity_code: str | None
    capital: int | None
    """In whole units of the currency."""
    phone: str
    email: str
    web: str
    director: str
    public: bool = False


def digits(rng: random.Random, count: int) -> str:
    """That many decimal digits, the first one not zero."""
    return str(rng.randint(1, 9)) + "".join(rng.choices(string.digits, k=count - 1)) if count else ""


def luhn_digit(body: str) -> str:
    """The digit that makes body + digit pass ISO/IEC 7812-1 annex B."""
    total = 0
    for place, char in enumerate(reversed(body)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def draw_siren(rng: random.Random) -> str:
    """Nine digits that pass Luhn (INSEE)."""
    body = rng.choice("345789") + "".join(rng.choices(string.digits, k=7))
    return body + luhn_digit(body)


def draw_siret(rng: random.Random, siren: str) -> str:
    """SIREN and the number of the establishment, fourteen digits that pass Luhn."""
    body = siren + f"{rng.choice([1, 1, 1, 2, 2, 3, 4, 7, 12, 25, 138]):04d}"
    return body + luhn_digit(body)


def french_vat(siren: str) -> str:
    """FR, the key, the SIREN (CGI annexe, BOI-TVA-DECLA-20-10-20)."""
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"


def german_vat(rng: random.Random) -> str:
    """DE and nine digits, ISO 7064 mod 11,10."""
    body = digits(rng, 8)
    product = 10
    for char in body:
        total = (int(char) + product) % 10 or 10
        product = 2 * total % 11
    return f"DE{body}{(11 - product) % 10}"


def dutch_vat(rng: random.Random) -> str:
    """NL, nine digits that pass the eleven test, B, two digits."""
    while True:
        body = digits(rng, 8)
        rest = sum(int(char) * weight for char, weight in zip(body, range(9, 1, -1), strict=True)) % 11
        if rest < 10:
            return f"NL{body}{rest}B{rng.choice(['01', '01', '01', '02', '03'])}"


def belgian_number(rng: random.Random) -> str:
    """Ten digits; the last two are 97 minus the rest."""
    body = "0" + rng.choice("45678") + "".join(rng.choices(string.digits, k=6))
    return f"{body}{97 - int(body) % 97:02d}"


def british_vat(rng: random.Random) -> str:
    """GB and nine digits, mod 97."""
    body = digits(rng, 7)
    total = sum(int(char) * weight for char, weight in zip(body, range(8, 1, -1), strict=True))
    return f"GB{body}{97 - total % 97:02d}"


def austrian_vat(rng: random.Random) -> str:
    """ATU and eight digits."""
    body = digits(rng, 7)
    total = 0
    for place, char in enumerate(body):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return f"ATU{body}{(10 - (total + 4) % 10) % 10}"


def swiss_number(rng: random.Random) -> str:
    """CHE-123.456.789, mod 11."""
    while True:
        body = digits(rng, 8)
        check = 11 - sum(int(char) * weight for char, weight in zip(body, (5, 4, 3, 2, 7, 6, 5, 4), strict=True)) % 11
        if check != 10:
            full = body + str(check % 11)
            return f"CHE-{full[:3]}.{full[3:6]}.{full[6:]}"


def luxembourg_vat(rng: random.Random) -> str:
    """LU and eight digits, mod 89."""
    body = digits(rng, 6)
    return f"LU{body}{int(body) % 89:02d}"


def with_check(country: str, bban: str) -> str:
    """The IBAN of this BBAN (ISO 13616, mod 97)."""
    number = "".join(str(int(char, 36)) for char in f"{bban}{country}00")
    return f"{country}{98 - int(number) % 97:02d}{bban}"


def draw_account(rng: random.Random, country: str) -> Account:
    """An account in that country (in Ireland for a country without IBAN)."""
    home = country if country in BANKS else "IE"
    code, bic, bank = rng.choice(BANKS[home])
    free = digits
    match home:
        case "FR":
            branch, number = free(rng, 5), "".join(rng.choices(string.digits, k=11))
            key = 97 - (89 * int(code) + 15 * int(branch) + 3 * int(number)) % 97
            bban = f"{code}{branch}{number}{key:02d}"
        case "DE":
            bban = (code + "00" + free(rng, 8)) if rng.random() < 0.3 else code + free(rng, 10)
        case "NL":
            bban = f"{code}0{free(rng, 9)}"
        case "BE":
            body = code + free(rng, 7)
            bban = f"{body}{int(body) % 97 or 97:02d}"
        case "GB":
            bban = code + free(rng, 14)
        case "AT":
            bban = code + free(rng, 11)
        case "CH":
            bban = code + free(rng, 12)
        case "LU":
            bban = code + free(rng, 13)
        case _:
            bban = code + free(rng, 14)
    return Account(with_check(home, bban), bic, bank)


def draw_phone(rng: random.Random, country: str) -> str:
    """A telephone number as that country prints it."""
    shape = rng.choice(PHONES[country])
    if country == "FR":
        return shape.format(rng.randint(1, 9), *(f"{rng.randint(0, 99):02d}" for _ in range(4)))
    return "".join(digits(rng, int(char)) if place % 2 else char for place, char in enumerate(shape.replace("}", "{").split("{")))


def draw_person(rng: random.Random, language: str) -> str:
    """First name and last name."""
    return f"{rng.choice(FIRST[language])} {rng.choice(LAST[language]).replace('-', ' ' if language == 'nl' else '-')}"


def _coined(rng: random.Random) -> str:
    return "".join(rng.choice(COINED["syllables"]) for _ in range(rng.choice([1, 2, 2]))).capitalize() + rng.choice(COINED["endings"])


def draw_name(rng: random.Random, language: str, country: str) -> tuple[str, str | None]:
    """Legal name and, for one in four, a trade name that may share no word with it."""
    last, trade, common = rng.choice(LAST[language]).replace("-", " "), rng.choice(TRADES[language]), rng.choice(COMMON[language])
    city = rng.choice(CITIES[country]).split(" ", 1)[-1].title() if country not in {"GB", "US", "IE", "NL"} else ""
    coined = _coined(rng)
    kin = {
        "fr": ("et Fils", "Frères", "Père & Fils", "et Associés"),
        "de": ("& Söhne", "& Partner", "Gebr."),
        "nl": ("& Zonen", "Groep", "& Co"),
    }
    core = rng.choice(
        (
            last,
            f"{last} {trade}",
            f"{trade} {last}",
            f"{last} & {rng.choice(LAST[language]).replace('-', ' ')}",
            coined,
            f"{coined} {common}",
            coined.upper(),
            f"{trade} {city}".strip(),
            "".join(rng.choices("ABCDEFGHLMNPRST", k=3)),
            f"{''.join(rng.choices('ABCDEFGLMPRST', k=rng.choice([2, 3])))} {common}",
            f"{coined}-{common}",
            f"{last} {rng.choice(kin.get(language, ('& Sons', 'Brothers', 'Associates')))}",
            draw_person(rng, language),
            f"{coined} {country if rng.random() < 0.5 else common}",
        )
    )
    if rng.random() < 0.3:
        core = core.upper()
    form = rng.choice(FORMS[country])
    before = country == "FR" and rng.random() < 0.18
    name = (f"{form} {core}" if before else f"{core} {form}").strip() if rng.random() < 0.86 else core
    trading = rng.choice(
        (
            _coined(rng),
            f"{_coined(rng)} {common}",
            f"{trade} {rng.choice(LAST[language]).replace('-', ' ')}",
            f"{rng.choice({'fr': ('Le', 'La', 'Au', 'Chez'), 'de': ('Der',), 'nl': ('De',)}.get(language, ('The',)))} {trade}",
            f"{_coined(rng).lower()}.{'com' if rng.random() < 0.5 else country.lower()}",
        )
    )
    return name, trading if rng.random() < 0.24 else None


def _public_name(rng: random.Random, city: str) -> str:
    town = city.replace(" CEDEX 15", "").replace(" Cedex", "").title()
    return rng.choice(
        (
            f"Commune de {town}",
            f"MAIRIE DE {town.upper()}",
            f"Ville de {town}",
            f"Centre hospitalier de {town}",
            f"Université de {town}",
            "Direction interdépartementale des routes Ouest",
            "Conseil départemental du Finistère",
            f"Lycée {rng.choice(LAST['fr'])}",
            f"OPH {town} Habitat",
            "Ministère de la Transition écologique",
            f"SDIS {rng.randint(10, 95)}",
        )
    )


def _street_of(rng: random.Random, language: str) -> str:
    street = rng.choice(STREETS[language])
    number = f"{rng.randint(1, 180)}{rng.choice(['', '', '', '', ' bis', 'a', '-' + str(rng.randint(181, 199))])}"
    return (
        f"{street} {number}"
        if language in {"de", "nl"}
        else f"{number}{rng.choice([',', ''])} {street}"
        if language == "fr"
        else f"{number} {street}"
    )


def _identifiers(  # noqa: PLR0911 - one answer per country
    rng: random.Random, country: str, city: str, public: bool
) -> tuple[str | None, str | None, str | None, str | None, str | None]:
    """SIREN, SIRET, VAT number, tax number, register."""
    fictional = rng.random() < FICTIONAL
    match country:
        case "FR":
            siren = rng.choice(["123456789", "987654321", "111222333", digits(rng, 9)]) if fictional else draw_siren(rng)
            siret = siren + digits(rng, 5) if fictional else draw_siret(rng, siren)
            vat = f"FR{rng.randint(10, 99)}{siren}" if fictional else french_vat(siren)
            town = city.replace(" CEDEX 15", "").replace(" Cedex", "")
            return siren, siret, None if public else vat, None, None if public else f"{rng.choice(['RCS', 'R.C.S.', 'RCS'])} {town}"
        case "DE":
            vat = rng.choice(["DE123456789", "DE" + digits(rng, 9)]) if fictional else german_vat(rng)
            tax = rng.choice(
                (
                    f"{digits(rng, 2)}/{digits(rng, 3)}/{digits(rng, 5)}",
                    f"{digits(rng, 3)}/{digits(rng, 4)}/{digits(rng, 4)}",
                    f"{digits(rng, 2)} {digits(rng, 3)} {digits(rng, 5)}",
                )
            )
            return (
                None,
                None,
                vat,
                tax,
                f"{rng.choice(['Amtsgericht', 'AG', 'Registergericht'])} {city}, {rng.choice(['HRB', 'HRB', 'HRA'])} {digits(rng, 5)}",
            )
        case "AT":
            return None, None, austrian_vat(rng), None, f"FN {digits(rng, 6)}{rng.choice('abdfgkx')}"
        case "NL":
            vat = "NL123456789B01" if fictional else dutch_vat(rng)
            return None, None, vat, None, digits(rng, 8)
        case "BE":
            number = "0123456789" if fictional else belgian_number(rng)
            return None, None, f"BE{number}", None, f"RPM {city}" if rng.random() < 0.5 else None
        case "CH":
            return None, None, swiss_number(rng) + rng.choice([" MWST", " TVA", ""]), None, None
        case "LU":
            return None, None, luxembourg_vat(rng), None, f"B{digits(rng, 6)}"
        case "GB":
            return None, None, british_vat(rng), None, digits(rng, 8)
        case "IE":
            return None, None, f"IE{digits(rng, 7)}{rng.choice('ABCDEFGHTUVW')}{rng.choice('AH')}", None, digits(rng, 6)
    return None, None, None, f"{digits(rng, 2)}-{digits(rng, 7)}", None


def draw_party(rng: random.Random, country: str, language: str | None = None, public: bool = False) -> Party:
    """A company of that country whose names are in that language."""
    tongue = language if language and country in {"BE", "CH"} else HOME[country]
    place = rng.choice(CITIES[country])
    if country == "NL":
        postcode, city = place[:7], place[8:]
    elif country in {"GB", "IE", "US"}:
        cut = place.split(" ")
        take = 1 if country == "US" else 2
        postcode, city = " ".join(cut[-take:]), " ".join(cut[:-take])
    else:
        postcode, city = place.split(" ", 1)
    name, trading = draw_name(rng, tongue, country)
    if public:
        name, trading = _public_name(rng, city), None
    siren, siret, vat, tax, register = _identifiers(rng, country, city, public)
    slug = "".join(char for char in (trading or name).lower() if char in string.ascii_lowercase)[:14] or "contact"
    host = f"{slug}.{'com' if rng.random() < 0.3 else 'co.uk' if country == 'GB' else country.lower()}"
    extra = (
        rng.choice(
            {
                "fr": ("Bâtiment B", "BP 40123", "CS 20014", "Zone artisanale", "2e étage"),
                "de": ("Postfach 12 34", "Gebäude 7", "3. OG"),
                "nl": ("Postbus 212", "Unit 4", "Gebouw C"),
                "en": ("Suite 400", "Unit 12", "Floor 3"),
            }[tongue]
        )
        if rng.random() < 0.2
        else None
    )
    return Party(
        name,
        trading,
        country,
        _street_of(rng, tongue),
        extra,
        postcode,
        city,
        siren,
        siret,
        vat,
        tax,
        register,
        rng.choice(["6201Z", "4321A", "5610C", "7022Z", "4669B", "1813Z", "62.02A", "43.34Z"])
        if country == "FR" and not public and rng.random() < 0.6
        else None,
        rng.choice([1000, 5000, 7622, 8000, 10000, 15000, 25000, 37000, 50000, 100000, 250000, 1500000, 12345678]),
        draw_phone(rng, country),
        f"{rng.choice(['contact', 'info', 'compta', 'office', 'facturation', 'sales'])}@{host}",
        f"www.{host}",
        draw_person(rng, tongue),
        public,
    )
