"""The computation of interest as people read it, line by line, and as JSON; the same words wherever it is printed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal

from workflow.interest import Interest, MissingRate, Mode, Regime, Terms

_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_AMOUNT = re.compile(r"\d{1,12}(?:[.,]\d{1,2})?")
_FRENCH_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_TEXTS = {
    Regime.PRIVATE: "art. L. 441-10 C. com.",
    Regime.PUBLIC: "art. L. 2192-13 et R. 2192-31 CCP",
}
_RATE_TEXTS = {Regime.PRIVATE: "art. L. 441-10, II C. com.", Regime.PUBLIC: "art. R. 2192-31 CCP"}
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
        "law": "taux de refinancement de la BCE en vigueur au {day}, majoré de {margin} points ({text})",
        "least": "trois fois le taux d’intérêt légal du semestre commencé le {day} ({text})",
        "total": "Total, arrondi une seule fois : {total} €",
        "none": "Payé à l’échéance ou avant : aucun intérêt.",
        "indemnity": "En plus, une fois par facture : indemnité forfaitaire de {amount} € (art. {article}).",
        "missing": "Le taux du {half} n’est pas dans la table : rien n’est calculé, car un taux ne se devine pas. Le taux de la BCE "
        "au {day} et celui du JORF se saisissent sur la page « Taux d’intérêt » : une personne les saisit avec leurs sources, une autre "
        "les confirme.",
        "stopped": "intérêts arrêtés au {day} : taux du {half} absent",
        "unknown": "aucun intérêt compté : taux du {half} absent",
        "before": "La table des taux commence au {first} : rien n’est calculé pour le {half}, car un taux ne se devine pas. Le taux de "
        "la BCE au {day} et celui du JORF de ce semestre se saisissent sur la page « Taux d’intérêt », avec leurs sources.",
    },
    "en": {
        "head": "Interest for late payment ({text}), outside VAT",
        "line": "{first} to {last}: {days} d × {base} € × {rate} % / {basis} = {amount} €",
        "rate": "ECB rate of {day} + {margin} points; {source}",
        "law": "the ECB’s refinancing rate in force on {day}, plus {margin} points ({text})",
        "least": "three times the French legal interest rate of the half-year begun on {day} ({text})",
        "total": "Total, rounded once: {total} €",
        "none": "Paid on the due date or before: no interest.",
        "indemnity": "Besides, once for the invoice: flat indemnity of {amount} € (art. {article}).",
        "missing": "The rate of {half} is not in the table: nothing is computed, for a rate is not to be guessed. The rate of the ECB "
        "on {day} and that of the JORF are entered on the page « Interest rates »: one person enters them with their sources, another "
        "confirms them.",
        "stopped": "interest stops on {day}: the rate of {half} is missing",
        "unknown": "no interest is counted: the rate of {half} is missing",
        "before": "The table of rates begins with {first}: nothing is computed for {half}, for a rate is not to be guessed. The rate of "
        "the ECB on {day} and that half-year's of the JORF are entered on the page « Interest rates », with their sources.",
    },
}


def derivation_lines(
    found: Interest, regime: Regime, indemnity: Decimal, margin: Decimal, language: str, *, sent: bool = False
) -> Iterator[str]:
    """The whole computation in order, a reader can do it again by hand.

    `sent`: to whoever owes it. Period, rate and the law it comes from are stated; how surely our table knows it is our own affair, told to
    whoever sends (`rate_doubts`).
    """
    words = _WORDS["en" if language == "en" else "fr"]
    yield words["head"].format(text=_TEXTS[regime])
    for line in found.lines:
        days = {"first": line.first.strftime("%d/%m/%Y"), "last": line.last.strftime("%d/%m/%Y"), "days": line.days}
        figures = {"base": _told(line.base, language), "rate": _told(line.rate, language), "amount": _told(line.amount, language, 4)}
        yield words["line"].format(**days, **figures, basis=found.basis)
        if line.half and (sent or line.least):
            yield "  " + words["least" if line.least else "law"].format(
                day=first_day(line.half).strftime("%d/%m/%Y"), margin=_told(margin, language, 0), text=_RATE_TEXTS[regime]
            )
        elif line.half:
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


def rate_doubts(found: Interest, language: str) -> Iterator[str]:
    """Each rate of a computation that our table does not know from the text itself, for whoever looks before it is sent."""
    seen = set[str]()
    for line in found.lines:
        unsure = _UNSURE["en" if language == "en" else "fr"].get(line.grade)
        if line.half and unsure and line.half not in seen:
            seen.add(line.half)
            yield f"{half_words(line.half, language)}, {_told(line.rate, language)} % : {line.source} ({unsure})"


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


_REFUSALS = {
    "fr": {
        "amount": "« {told} » n'est pas un montant (exemples : 12000,50 ou 12 000,50). Rien n'a été calculé.",
        "day": "« {told} » n'est pas une date (exemples : 31/10/2026 ou 2026-10-31). Rien n'a été calculé.",
        "regime": "« {told} » n'est pas un régime : private (entreprises) ou public (acheteurs publics). Rien n'a été calculé.",
        "mode": "« {told} » n'est pas un mode : split (à chaque semestre son taux) ou frozen (celui du premier jour). Rien n'a été "
        "calculé.",
        "public-split": "Le taux d'un acheteur public est figé au premier jour d'intérêt (R. 2192-31 CCP) : --mode split ne vaut que pour "
        "--regime private. Rien n'a été calculé. Retirez --mode, ou écrivez --mode frozen.",
    },
    "en": {
        "amount": '"{told}" is no amount (examples: 12000.50 or 12 000,50). Nothing was computed.',
        "day": '"{told}" is no date (examples: 2026-10-31 or 31/10/2026). Nothing was computed.',
        "regime": '"{told}" is no regime: private (companies) or public (public buyers). Nothing was computed.',
        "mode": '"{told}" is no mode: split (each half-year its own rate) or frozen (that of the first day). Nothing was computed.',
        "public-split": "A public buyer's rate is that of the first day of interest (R. 2192-31 CCP): --mode split is for --regime private "
        "alone. Nothing was computed. Leave --mode out, or write --mode frozen.",
    },
}


class BadQuestion(ValueError):
    """What was asked cannot be computed; its text is for the person who asked."""


@dataclass(frozen=True, slots=True)
class Question:
    """One debt as it was typed."""

    amount: Decimal
    due: date
    paid: date
    terms: Terms


def read_question(amount: str, due: str, paid: str, regime: str, mode: str, language: str) -> Question:
    """`mode` empty: the usual one of the regime. Raises BadQuestion."""
    if regime not in set(Regime):
        raise _bad("regime", regime, language)
    if mode and mode not in set(Mode):
        raise _bad("mode", mode, language)
    if regime == Regime.PUBLIC and mode == Mode.SPLIT:
        raise _bad("public-split", mode, language)
    try:
        owed = read_amount(amount)
    except ValueError as error:
        raise _bad("amount", amount, language) from error
    if owed <= 0:
        raise _bad("amount", amount, language)
    usual = Mode.FROZEN if regime == Regime.PUBLIC else Mode.SPLIT
    terms = Terms(Regime(regime), Mode(mode) if mode else usual)
    return Question(owed, asked_day(due, language), asked_day(paid, language), terms)


def asked_day(text: str, language: str) -> date:
    """Raises BadQuestion."""
    try:
        return read_day(text)
    except ValueError as error:
        raise _bad("day", text, language) from error


def _bad(reason: str, told: str, language: str) -> BadQuestion:
    return BadQuestion(_REFUSALS["en" if language == "en" else "fr"][reason].format(told=told))


def missing_words(error: MissingRate, language: str, begins: str = "") -> str:
    """Why nothing was computed, and what to do. `begins`: the first half-year that the table has, where that is known."""
    words = _WORDS["en" if language == "en" else "fr"]["before" if error.half < begins else "missing"]
    half, first = half_words(error.half, language), half_words(begins, language) if begins else ""
    return words.format(half=half, first=first, day=first_day(error.half).strftime("%d/%m/%Y"))


def stopped_words(half: str, until: date | None, language: str) -> str:
    """Why a sum is shorter than the delay. `until`: last day that is reckoned, itself included; None: none is."""
    words = _WORDS["en" if language == "en" else "fr"]["stopped" if until else "unknown"]
    return words.format(half=half_words(half, language), day=f"{until:%d/%m/%Y}" if until else "")


def half_words(half: str, language: str) -> str:
    """« 2026-H2 » → « 2e semestre 2026 »."""
    year, _, number = half.partition("-H")
    return f"half-year {number} of {year}" if language == "en" else f"{'1er' if number == '1' else '2e'} semestre {year}"


def first_day(half: str) -> date:
    """Of « 2026-H2 »: 1 July 2026, whose rate counts."""
    year, _, number = half.partition("-H")
    return date(int(year), 1 if number == "1" else 7, 1)


def read_amount(text: str) -> Decimal:
    """EUR as people type it, « 12 000,50 € » or « 12000.50 ». Raises ValueError."""
    plain = _SPACES.sub("", text).removesuffix("€")
    if not _AMOUNT.fullmatch(plain):
        raise ValueError(text)
    return Decimal(plain.replace(",", "."))


def read_day(text: str) -> date:
    """A day as people type it, « 31/10/2026 » or « 2026-10-31 ». Raises ValueError."""
    french = _FRENCH_DAY.fullmatch(text.strip())
    return date(int(french[3]), int(french[2]), int(french[1])) if french else date.fromisoformat(text.strip())


def _told(value: Decimal, language: str, places: int = 2) -> str:
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return str(format_decimal(value, pattern, locale="en" if language == "en" else "fr")).replace("\u00a0", "\u202f")
