"""The typed words of a rule file: what each is called in French, what values it takes, how they are written and shown."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from workflow.marked import Flaws, Listing, Section, Word, closest, flaw_at, only_keys, sections_in, text_of, word_of, yes_of

LONGEST_TEXT = 2000
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_NUMBER = re.compile(r"-?(\d{1,15}|\d{1,3}([ \u00a0\u202f]\d{3}){1,4})(\.\d{1,6})?")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_FRENCH = re.compile(r"(\d\d?)/(\d\d?)/(\d{4})")
_BARE = re.compile(r"[^\W_][\w .'’/+&-]*")


class Kind(StrEnum):
    """Types, by the words of the files."""

    TEXT = "texte"
    NUMBER = "nombre"
    WHOLE = "entier"
    AMOUNT = "montant"
    DATE = "date"
    YES_NO = "oui/non"
    CHOICE = "liste"


ORDERED = frozenset({Kind.NUMBER, Kind.WHOLE, Kind.AMOUNT, Kind.DATE})
EXAMPLES: dict[Kind, str] = {
    Kind.TEXT: '"Dupont SA", "Dupont SA", "Durand", non("Dupont SA"), -',
    Kind.NUMBER: "> 0.5, [0..5], -",
    Kind.WHOLE: "> 30, [0..5], -",
    Kind.AMOUNT: "> 5000, [0..5], -",
    Kind.DATE: ">= 2026-09-01, [01/01/2026..31/03/2026], -",
    Kind.YES_NO: "oui, non, -",
    Kind.CHOICE: "FR, non(FR, BE), -",
}
"""Tests to show beside one that cannot be read."""

Value: TypeAlias = str | Decimal | int | date | bool | None


@dataclass(frozen=True, slots=True)
class Variable:
    """One word of the vocabulary. Amounts are euros to the cent and numbers, both Decimal; whole numbers are `int`; None where optional."""

    name: str
    label: str
    kind: Kind
    choices: tuple[tuple[str, str], ...] = ()
    """Each code with its French label, for a list."""
    optional: bool = False
    low: Decimal | int | date | None = None
    high: Decimal | int | date | None = None
    unit: str = ""


Vocabulary: TypeAlias = Mapping[str, Variable]


@dataclass(frozen=True, slots=True)
class Misread:
    """Why a text is no value or no test, in French; `at`: how many characters on."""

    message: str
    at: int = 0


def read_vocabulary(section: Section, flaws: Flaws) -> dict[str, Variable]:
    """Flaws where a word has no label, no known type, or a name or label that another has."""
    known: dict[str, Variable] = {}
    taken: dict[str, str] = {}
    for key, body in sections_in(section, flaws, "vocabulaire : "):
        variable = _variable(key, body, flaws)
        if variable is None:
            continue
        for word in {variable.name, variable.label.casefold()}:
            if word in taken:
                flaws.append(flaw_at(key, f"vocabulaire : « {variable.label} » désigne déjà « {taken[word]} » : un nom, une chose"))
            taken[word] = variable.name
        known[variable.name] = variable
    return known


def _variable(key: Word, body: Section, flaws: Flaws) -> Variable | None:
    where = f"vocabulaire, « {key.text} » : "
    before = len(flaws)
    if not NAME.fullmatch(key.text):
        flaws.append(flaw_at(key, f"{where}un nom s'écrit en minuscules sans accent, chiffres et « _ » (exemple : montant_ttc)"))
    only_keys(body, ("libelle", "type", "choix", "facultatif", "minimum", "maximum", "unite"), flaws, where)
    label, kind_word = text_of(body, "libelle", flaws, where), word_of(body, "type", flaws, where)
    if kind_word is not None and kind_word.text not in {kind.value for kind in Kind}:
        flaws.append(
            flaw_at(kind_word, f"{where}type « {kind_word.text[:40]} » inconnu : {closest(kind_word.text, [k.value for k in Kind])}")
        )
    if len(flaws) > before or kind_word is None:
        return None
    kind = Kind(kind_word.text)
    if "|" in label or "\n" in label:
        flaws.append(flaw_at(body, f"{where}un libellé tient sur une ligne, sans « | »"))
    choices = _choices(body, kind, flaws, where)
    variable = Variable(
        key.text, label, kind, choices, yes_of(body, "facultatif", flaws, where), unit=text_of(body, "unite", flaws, where, needed=False)
    )
    low, high = (_bound(variable, body, each, flaws, where) for each in ("minimum", "maximum"))
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        flaws.append(flaw_at(body, f"{where}le minimum dépasse le maximum"))
    return Variable(variable.name, label, kind, choices, variable.optional, low, high, variable.unit)


def _choices(body: Section, kind: Kind, flaws: Flaws, where: str) -> tuple[tuple[str, str], ...]:
    node = body.entries.get("choix")
    found: tuple[tuple[str, str], ...] = ()
    match node:
        case Listing():
            found = tuple((one.text, one.text) for one in node.items if isinstance(one, Word))
        case Section():
            found = tuple((code, label.text) for code, label in node.entries.items() if isinstance(label, Word))
        case Word():
            flaws.append(flaw_at(node, f"{where}« choix » demande une liste (exemple : [FR, BE])"))
            return ()
    if (kind is Kind.CHOICE) != bool(found):
        flaws.append(flaw_at(node or body, f"{where}« choix » va avec le type liste, et avec lui seul"))
    if len({code for code, _ in found}) < len(found):
        flaws.append(flaw_at(node or body, f"{where}un choix est écrit deux fois"))
    for code, _ in found:
        if not _BARE.fullmatch(code) or code in ("oui", "non", "vide"):
            flaws.append(
                flaw_at(
                    node or body, f"{where}« {code[:40]} » ne peut pas être un choix : des lettres et chiffres, ni oui, ni non, ni vide"
                )
            )
    return found


def _bound(variable: Variable, body: Section, key: str, flaws: Flaws, where: str) -> Decimal | int | date | None:
    word = word_of(body, key, flaws, where, needed=False)
    if word is None:
        return None
    value = value_of(variable, word.text)
    if variable.kind not in ORDERED or isinstance(value, Misread | str | None):
        flaws.append(flaw_at(word, f"{where}« {key} » : {value.message if isinstance(value, Misread) else 'ce type n’a pas de limites'}"))
        return None
    return value


def value_of(variable: Variable, text: str) -> Value | Misread:
    """The value that a literal says (« 5 000.50 », « 31/12/2026 », « oui », « FR »); « vide » is None where that is allowed."""
    text = text.strip()
    if text == "vide" and variable.optional:
        return None
    value = _literal(variable, text)
    if isinstance(value, Misread):
        return value
    reason = refusal(variable, value)
    return Misread(reason) if reason else value


def _literal(variable: Variable, text: str) -> Value | Misread:
    match variable.kind:
        case Kind.YES_NO:
            return text == "oui" if text in ("oui", "non") else Misread("il faut oui ou non")
        case Kind.CHOICE:
            codes = [code for code, _ in variable.choices]
            plain = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
            return plain if plain in codes else Misread(closest(text, codes))
        case Kind.DATE:
            return _date(text)
        case Kind.TEXT:
            return _words(text)
        case _:
            return _number(variable.kind, text)


def _words(text: str) -> str | Misread:
    if "\n" in text:
        return Misread("un texte tient sur une ligne")
    if len(text) > 1 and text[0] == text[-1] == '"' and '"' not in text[1:-1]:
        return unicodedata.normalize("NFC", text[1:-1])
    return unicodedata.normalize("NFC", text) if _BARE.fullmatch(text) else Misread('un texte s\'écrit entre guillemets "…"')


def _number(kind: Kind, text: str) -> Decimal | int | Misread:
    if re.fullmatch(r"-?\d[\d ]{0,20},\d{1,6}", text):
        return Misread(f"les décimales s'écrivent avec un point : {text.replace(',', '.')}")
    if not _NUMBER.fullmatch(text):
        return Misread("il faut un nombre, sans unité (exemple : 5000 ou 5000.50)")
    number = Decimal(re.sub(r"[ \u00a0\u202f]", "", text))
    if kind is Kind.WHOLE:
        return int(number) if "." not in text else Misread("il faut un nombre entier")
    return number


def _date(text: str) -> date | Misread:
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _FRENCH.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        return Misread("ce jour n'existe pas")
    return Misread("il faut une date (exemple : 2026-09-01 ou 01/09/2026)")


_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (Decimal, int),
    Kind.WHOLE: (int,),
    Kind.AMOUNT: (Decimal, int),
    Kind.DATE: (date,),
    Kind.YES_NO: (bool,),
    Kind.CHOICE: (str,),
}
_CENT = Decimal("0.01")


def refusal(variable: Variable, value: object) -> str | None:  # noqa: PLR0911 (one reason each)
    """Why a value cannot be one of this variable, in French; None where it can. Floats are refused: 0.1 is no tenth of them."""
    if value is None:
        return None if variable.optional else "la valeur manque"
    if (
        not isinstance(value, _TYPES[variable.kind])
        or (isinstance(value, bool) and variable.kind is not Kind.YES_NO)
        or hasattr(value, "hour")
    ):
        return f"il faut {_ASKED[variable.kind]}, reçu {type(value).__name__}"
    if isinstance(value, Decimal) and not value.is_finite():
        return "il faut un nombre fini"
    if variable.kind is Kind.AMOUNT and Decimal(value).normalize() != Decimal(value).quantize(_CENT).normalize():  # type: ignore[arg-type]
        return "un montant a deux décimales au plus"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"le texte dépasse {LONGEST_TEXT} caractères"
    if variable.kind is Kind.CHOICE and value not in {code for code, _ in variable.choices}:
        return f"« {str(value)[:40]} » n'est pas un choix : {closest(str(value), [code for code, _ in variable.choices])}"
    if (variable.low is not None and value < variable.low) or (variable.high is not None and value > variable.high):  # type: ignore[operator]
        return f"hors limites ({shown(variable, variable.low) or '…'} à {shown(variable, variable.high) or '…'})"
    return None


_ASKED: dict[Kind, str] = {
    Kind.TEXT: "un texte",
    Kind.NUMBER: "un nombre",
    Kind.WHOLE: "un nombre entier",
    Kind.AMOUNT: "un montant",
    Kind.DATE: "une date",
    Kind.YES_NO: "oui ou non",
    Kind.CHOICE: "un choix de la liste",
}


def grouped(number: Decimal | int) -> str:
    """« 5 000,50 », as it is read in France; plain spaces and comma."""
    whole, _, rest = f"{Decimal(number):f}".partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return sign + f"{int(digits):,}".replace(",", " ") + (f",{rest}" if rest else "")


def shown(variable: Variable, value: Value) -> str:
    """As a French reader expects it: « 5 000,50 € », « 31/12/2026 », « oui »; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, str):
        return dict(variable.choices).get(value, value)
    if variable.kind is Kind.AMOUNT:
        return f"{grouped(Decimal(value).quantize(_CENT))} €"
    return grouped(value) + (f" {variable.unit}" if variable.unit else "")


def plain(value: Value) -> str | None:
    """A value as canonical text, for hashes and records; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, Decimal | int):
        return f"{Decimal(value).normalize():f}"
    return value.isoformat() if isinstance(value, date) else value
