"""What a reminder says: the values of its template, the computation printed below it, and the letter as a sealed PDF for a window envelope.

Honest words: the law's texts are quoted where they hold, consumers are asked for no sum of L. 441-10, and a rate that is not known is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from babel.numbers import format_decimal

from config.legal import load_rates
from config.settings import Settings
from sealing.pdfa import Attachment
from station.derivation import derivation_json, derivation_lines
from station.formal import Paper
from station.records.receivables import Listed
from station.records.tables import Sending
from station.wording import Wording, fill
from workflow.claims import REGIMES, Claim, claim_of
from workflow.dunning import Channel, Level
from workflow.interest import Mode, Regime
from workflow.receivables import Customer, Standing

FORMAT = "sceau-reminder-1"
Letters: TypeAlias = Mapping[str, Mapping[str, Wording]]
_LATE = {
    ("fr", Regime.PRIVATE): "Le retard rend exigibles, sans rappel, des pénalités{indemnity} (articles L. 441-10 et D. 441-5 du code de "
    "commerce).",
    ("fr", Regime.PUBLIC): "Le retard rend dus, de plein droit et sans autre formalité, des intérêts moratoires{indemnity} (articles "
    "L. 2192-13, R. 2192-31 et D. 2192-35 du code de la commande publique).",
    ("en", Regime.PRIVATE): "Being late, without any reminder, makes penalties{indemnity} payable (articles L. 441-10 and D. 441-5 of the "
    "French commercial code).",
    (
        "en",
        Regime.PUBLIC,
    ): "Being late makes interest{indemnity} payable by law, without any formality (articles L. 2192-13, R. 2192-31 and "
    "D. 2192-35 of the French public procurement code).",
}
_INDEMNITY = {"fr": " et une indemnité forfaitaire pour frais de recouvrement", "en": " and a flat indemnity for recovery costs"}
_MISSING = {
    "fr": "À partir du {day}, le taux n'est pas encore connu de notre table : ces intérêts-là ne sont pas dans ce calcul et restent dus.",
    "en": "From {day} on the rate is not yet known to our table: that interest is not in this computation and remains payable.",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A reminder in words, as it leaves or as a preview shows it."""

    subject: str
    body: str
    computation: dict[str, Any]
    """`lines` as printed, and the same as `{total, periods}` for whoever reckons it again; empty where nothing is owed besides."""


def claim_on(listed: Listed, standing: Standing, settings: Settings, today: date) -> Claim:
    """What is owed on a day by one item, as the settings reckon."""
    rate = Decimal(listed.customer.contract_rate) if listed.customer.contract_rate else None
    regime = Customer(listed.customer.regime)
    return claim_of(listed.item, regime, listed.events, standing, today, load_rates(), Mode(settings.dunning.interest), rate)


def write_reminder(
    listed: Listed, standing: Standing, claim: Claim, level: Level, letters: Letters, settings: Settings, day: date
) -> Written:
    """Raises `station.wording.BadTemplate`, KeyError where the template is not there."""
    language = "en" if listed.customer.language == "en" else "fr"
    wording = letters[level.letter][language]
    values = values_of(listed, standing, claim, level, settings, day, language)
    return Written(
        subject=" ".join(fill(wording.subject, values).split()),
        body=fill(wording.body, values).strip() + "\n",
        computation=computation_of(listed, claim, language),
    )


def values_of(
    listed: Listed, standing: Standing, claim: Claim, level: Level, settings: Settings, day: date, language: str
) -> dict[str, Any]:
    """What a template may say: text only."""
    customer, house = listed.customer, house_of(settings)
    return {
        "house": house,
        "customer": {"name": customer.name, "contact": customer.contact, "number": customer.number},
        "invoice": {
            "number": listed.row.number,
            "issued": day_told(listed.item.issued),
            "due": day_told(listed.item.due),
            "amount": money(listed.item.amount, language),
            "balance": money(claim.balance, language),
            "partly": claim.balance < listed.item.amount,
            "days_late": str(standing.days_late),
        },
        "late": _late(claim, Customer(customer.regime), language),
        "formal": {"days": str(settings.dunning.answer_days), "registered": level.channel is Channel.REGISTERED},
        "consumer": customer.regime == Customer.CONSUMER,
        "public": customer.regime == Customer.PUBLIC,
        "today": day_told(day),
    }


def _late(claim: Claim, customer: Customer, language: str) -> dict[str, str] | None:
    """What is owed besides the invoice; None where nothing is, or a person has to look first."""
    regime = REGIMES.get(customer)
    if regime is None or claim.interest is None or claim.unlawful:
        return None
    indemnity = money(claim.indemnity, language) if claim.indemnity else ""
    return {
        "text": _LATE[language, regime].format(indemnity=_INDEMNITY[language] if indemnity else ""),
        "until": day_told(claim.until),
        "interest": money(claim.accrued, language),
        "indemnity": indemnity,
        "total": money(claim.total, language),
    }


def computation_of(listed: Listed, claim: Claim, language: str) -> dict[str, Any]:
    regime = REGIMES.get(Customer(listed.customer.regime))
    if regime is None or claim.interest is None or claim.unlawful:
        return {}
    rates = load_rates()
    margin = rates.public_margin if regime is Regime.PUBLIC else rates.private_margin
    lines = list(derivation_lines(claim.interest, regime, claim.indemnity, margin, language))
    if claim.missing:
        year, half = claim.missing.split("-H")
        lines.append(_MISSING[language].format(day=day_told(date(int(year), 1 if half == "1" else 7, 1))))
    return {"lines": lines, **derivation_json(claim.interest), "indemnity": f"{claim.indemnity:.2f}", "until": claim.until.isoformat()}


def house_of(settings: Settings) -> dict[str, str]:
    """The creditor, as letters name it."""
    company = next(iter(settings.company), None)
    identity = settings.identity
    return {
        "name": company.name if company else next(iter(identity.names), settings.entity),
        "siren": (company.siren if company else "") or next(iter(identity.sirens), ""),
        "address": company.address if company else "",
        "contact": settings.dunning.contact,
        "iban": _in_fours(next(iter(identity.ibans), "")),
    }


def _in_fours(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def email_text(sending: Sending) -> str:
    """The body with its computation, as plain text."""
    lines: Sequence[str] = sending.computation.get("lines", ())
    return sending.body + ("\n" + "\n".join(lines) + "\n" if lines else "")


def reminder_paper(sending: Sending, entity: str, number: str, settings: Settings, moment: datetime) -> Paper:
    """The letter: the same row and moment give the same paper."""
    data = {
        "format": FORMAT,
        "entity": entity,
        "house": house_of(settings),
        "recipient": sending.recipient,
        "language": sending.language,
        "day": sending.begun_at.date().isoformat(),
        "channel": sending.channel,
        "reference": f"{sending.agenda_id}.{sending.revision}",
        "invoice": number,
        "level": sending.level,
        "subject": sending.subject,
        "body": sending.body,
        "balance": sending.balance,
        "interest": sending.interest,
        "indemnity": sending.indemnity,
        "computation": sending.computation,
        "rules": sending.rules,
    }
    return Paper("reminder.html", sending.subject, "reminder.json", data, moment, {"paragraphs": sending.body.strip().split("\n\n")})


def proof_paper(sending: Sending, entity: str, told: Mapping[str, str], proof: Attachment | None, moment: datetime) -> Paper:
    """Proof of deposit or receipt: what a person noted, with the provider's file inside."""
    data = {"format": "sceau-proof-1", "entity": entity, "reference": f"{sending.agenda_id}.{sending.revision}", **told}
    title = {"deposit": "Preuve de dépôt", "receipt": "Avis de réception"}[told["what"]]
    return Paper("proof.html", title, "proof.json", data, moment, {}, (proof,) if proof else ())


def money(value: Decimal, language: str) -> str:
    """« 1 234,56 € »."""
    return str(format_decimal(value, "#,##0.00", locale=language)).replace("\u00a0", "\u202f") + "\u202f€"


def day_told(day: date) -> str:
    return day.strftime("%d/%m/%Y")
