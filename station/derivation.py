"""The computation of interest as people read it, line by line, and as JSON; the same words wherever it is printed."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal

from workflow.interest import Interest, MissingRate, Regime

_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_AMOUNT = re.compile(r"\d{1,12}(?:[.,]\d{1,2})?")
_TEXTS = {
    Regime.PRIVATE: "art. L. 441-10 C. com.",
    Regime.PUBLIC: "art. L. 2192-13 et R. 2192-31 CCP",
}
_ARTICLE = {Regime.PRIVATE: "D. 441-5 C. com.", Regime.PUBLIC: "D. 2192-35 CCP"}
_UNSURE = {
    "fr": {"secondary": "cité, non lu dans le texte", "unverified": "à vérifier"},
    "en": {"secondary": "quoted, not read in the text", "unverified": "to be checked"},
}
_WORDS = {
    "fr": {
        "head": "Intérêts de retard ({text}), hors champ de la TVA",
        "line": "du {first} au {last} : {days} j × {base} € × {rate} % / {basis} = {amount} €",
        "rate": "taux BCE du {day} + {margin} points ; {source}",
        "total": "Total, arrondi une seule fois : {total} €",
        "none": "Payé à l’échéance ou avant : aucun intérêt.",
        "indemnity": "En plus, une fois par facture : indemnité forfaitaire de {amount} € (art. {article}).",
        "missing": "Le taux du {half} n’est pas dans la table : rien n’est calculé, car un taux ne se devine pas. Il sera connu par la BCE "
        "(taux au {day}) et le JORF ; mettez Sceau à jour quand la table le porte.",
    },
    "en": {
        "head": "Interest for late payment ({text}), outside VAT",
        "line": "{first} to {last}: {days} d × {base} € × {rate} % / {basis} = {amount} €",
        "rate": "ECB rate of {day} + {margin} points; {source}",
        "total": "Total, rounded once: {total} €",
        "none": "Paid on the due date or before: no interest.",
        "indemnity": "Besides, once for the invoice: flat indemnity of {amount} € (art. {article}).",
        "missing": "The rate of {half} is not in the table: nothing is computed, for a rate is not to be guessed. The ECB (rate on {day}) "
        "and the JORF will tell it; update Sceau when its table holds it.",
    },
}


def derivation_lines(found: Interest, regime: Regime, indemnity: Decimal, margin: Decimal, language: str) -> Iterator[str]:
    """The whole computation in order, a reader can do it again by hand."""
    words = _WORDS["en" if language == "en" else "fr"]
    yield words["head"].format(text=_TEXTS[regime])
    for line in found.lines:
        days = {"first": line.first.strftime("%d/%m/%Y"), "last": line.last.strftime("%d/%m/%Y"), "days": line.days}
        figures = {"base": _told(line.base, language), "rate": _told(line.rate, language), "amount": _told(line.amount, language, 4)}
        yield words["line"].format(**days, **figures, basis=found.basis)
        if line.half:
            unsure = _UNSURE["en" if language == "en" else "fr"].get(line.grade)
            source = f"{line.source} ({unsure})" if unsure else line.source
            yield "  " + words["rate"].format(
                day=first_day(line.half).strftime("%d/%m/%Y"), margin=_told(margin, language, 0), source=source
            )
    if not found.lines:
        yield words["none"]
        return
    yield words["total"].format(total=_told(found.total, language))
    if indemnity:
        yield words["indemnity"].format(amount=_told(indemnity, language), article=_ARTICLE[regime])


def derivation_json(found: Interest) -> dict[str, Any]:
    """`{total, periods}`: amounts as decimal text, days as ISO dates; each period with days, base, rate, source, amount before rounding."""
    periods = [
        {
            "from": line.first.isoformat(),
            "to": line.last.isoformat(),
            "days": line.days,
            "base": f"{line.base:.2f}",
            "rate": f"{line.rate:.2f}",
            "half": line.half,
            "source": line.source,
            "grade": line.grade,
            "amount": f"{line.amount:.4f}",
        }
        for line in found.lines
    ]
    return {"total": f"{found.total:.2f}", "periods": periods}


def missing_words(error: MissingRate, language: str) -> str:
    """Why nothing was computed, and what to do."""
    year, half = error.half.split("-H")
    told = {"fr": f"{'1er' if half == '1' else '2e'} semestre {year}", "en": f"half-year {half} of {year}"}[
        "en" if language == "en" else "fr"
    ]
    words = _WORDS["en" if language == "en" else "fr"]["missing"]
    return words.format(half=told, day=first_day(error.half).strftime("%d/%m/%Y"))


def first_day(half: str) -> date:
    """Of « 2026-H2 »: 1 July 2026, whose rate counts."""
    year, number = half.split("-H")
    return date(int(year), 1 if number == "1" else 7, 1)


def read_amount(text: str) -> Decimal:
    """EUR as people type it, « 12 000,50 € » or « 12000.50 ». Raises ValueError."""
    plain = _SPACES.sub("", text).removesuffix("€")
    if not _AMOUNT.fullmatch(plain):
        raise ValueError(text)
    return Decimal(plain.replace(",", "."))


def _told(value: Decimal, language: str, places: int = 2) -> str:
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return str(format_decimal(value, pattern, locale="en" if language == "en" else "fr")).replace("\u00a0", "\u202f")
