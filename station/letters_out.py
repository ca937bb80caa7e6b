"""What a reminder says: the values of its template, the computation printed below it, and the letter as a sealed PDF for a window envelope.

Honest words: the law's texts are quoted where they hold, consumers are asked for no sum of L. 441-10, and a rate that is not known is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from babel.numbers import format_decimal

from config.legal import load_rates
from config.settings import Settings
from sealing.pdfa import Attachment
from station.derivation import derivation_json, derivation_lines, rate_doubts
from station.formal import Paper
from station.records.receivables import Listed
from station.records.tables import Sending
from station.wording import BadTemplate, Wording, fill
from workflow.claims import REGIMES, Claim, Delay, claim_of, delay_of
from workflow.dunning import Channel, Level
from workflow.interest import Mode, Rates, Regime
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
    """`lines` as printed, and the same as `{total, periods}` for whoever reckons it again; empty where nothing is owed besides. Of several
    invoices `invoices`, the lines of their table, too."""
    doubts: tuple[str, ...] = ()
    """Rates that our table does not know from their text: for whoever looks before it leaves, never for the customer."""


@dataclass(frozen=True, slots=True)
class Part:
    """One invoice of a letter, as it stands when the letter is written."""

    listed: Listed
    standing: Standing
    claim: Claim


def mention_of(listed: Listed, settings: Settings) -> bool | None:
    """Whether our invoice states the penalties (art. L. 441-9 C. com.): what its own text or the imported list says, else what the company
    says of all of them; None where nobody knows."""
    if listed.row.mentions is not None:
        return listed.row.mentions
    company = next(iter(settings.company), None)
    return {"yes": True, "no": False}.get((company.mentions if company else "") or settings.dunning.mentions)


def delay_on(listed: Listed, settings: Settings, today: date, rates: Rates) -> Delay:
    """What late payment of an item costs its debtor by `today`, as the settings reckon; of what was paid late, too."""
    nature, rate = listed.customer.regime, listed.customer.contract_rate
    customer = Customer(nature) if nature in set(Customer) else Customer.CONSUMER
    mode, unsaid = Mode(settings.dunning.interest), mention_of(listed, settings) is False
    return delay_of(listed.item, customer, listed.events, today, rates, mode, Decimal(rate) if rate else None, unsaid)


def claim_on(listed: Listed, standing: Standing, settings: Settings, today: date, rates: Rates) -> Claim:
    """What is owed on a day by one item, as the settings reckon."""
    return claim_of(standing, delay_on(listed, settings, today, rates), today)


def write_letter(parts: Sequence[Part], level: Level, letters: Letters, settings: Settings, day: date) -> Written:
    """A reminder of one invoice, or of several of one customer. Raises `station.wording.BadTemplate`, KeyError where it is not there."""
    if len(parts) == 1:
        (one,) = parts
        return write_reminder(one.listed, one.standing, one.claim, level, letters, settings, day)
    return write_together(parts, level, letters, settings, day)


def write_together(parts: Sequence[Part], level: Level, letters: Letters, settings: Settings, day: date) -> Written:
    """Several invoices of one customer in one letter, with a table of them. Raises as `write_letter`."""
    customer = parts[0].listed.customer
    language = "en" if customer.language == "en" else "fr"
    wording = letters[level.letter][language]
    if wording.several is None:
        raise BadTemplate("several_subject et several_body manquent : ce modèle ne sait pas dire plusieurs factures")
    subject, body = wording.several
    values = values_of(parts[0].listed, parts[0].standing, parts[0].claim, level, settings, day, language)
    told = [_told_part(each, language) for each in parts]
    claims = [each.claim for each in parts]
    values |= {
        "invoices": told,
        "sum": _sum_of(claims, len(parts), language),
        "late": _late_together(claims, Customer(customer.regime), language),
    }
    del values["invoice"]
    numbers = ", ".join(each.listed.row.number for each in parts)
    return Written(
        subject=" ".join(fill(subject, values).split()),
        body=_signed(fill(body, values), settings, numbers, language),
        computation={
            "invoices": told,
            "sum": values["sum"],
            "lines": list(_lines_together(parts, language)),
            "each": [{"number": part.listed.row.number} | _numbers_of(part, language) for part in parts],
        },
        doubts=tuple(dict.fromkeys(doubt for part in parts for doubt in doubts_of(part.claim, language))),
    )


def _told_part(part: Part, language: str) -> dict[str, str]:
    """A line of the table."""
    listed, claim = part.listed, part.claim
    asked = not claim.unlawful
    return {
        "number": listed.row.number,
        "issued": day_told(listed.item.issued),
        "due": day_told(listed.item.due),
        "balance": money(claim.balance, language),
        "interest": money(claim.accrued, language) if asked and claim.accrued else "",
        "indemnity": money(claim.indemnity, language) if asked and claim.indemnity else "",
        "days_late": str(part.standing.days_late),
    }


def _sum_of(claims: Sequence[Claim], count: int, language: str) -> dict[str, str]:
    lawful = [each for each in claims if not each.unlawful]
    balance = sum((each.balance for each in claims), Decimal("0.00"))
    interest = sum((each.accrued for each in lawful), Decimal("0.00"))
    indemnity = sum((each.indemnity for each in lawful), Decimal("0.00"))
    return {
        "count": str(count),
        "balance": money(balance, language),
        "interest": money(interest, language) if interest else "",
        "indemnity": money(indemnity, language) if indemnity else "",
        "total": money(balance + interest + indemnity, language),
    }


def _late_together(claims: Sequence[Claim], customer: Customer, language: str) -> dict[str, str] | None:
    """As of one invoice, of all that owe something besides."""
    late = [each for each in claims if each.interest is not None and not each.unlawful]
    if not late:
        return None
    told = _late(late[0], customer, language)
    if told is None:
        return None
    told |= {key: _sum_of(claims, len(claims), language)[key] for key in ("interest", "indemnity", "total")}
    return told | {"until": day_told(max(each.until for each in late))}


def _lines_together(parts: Sequence[Part], language: str) -> Iterator[str]:
    for part in parts:
        lines = computation_of(part.listed, part.claim, language).get("lines", ())
        if lines:
            yield {"fr": "Facture {number}", "en": "Invoice {number}"}[language].format(number=part.listed.row.number)
            yield from lines


def _numbers_of(part: Part, language: str) -> dict[str, Any]:
    return {key: value for key, value in computation_of(part.listed, part.claim, language).items() if key != "lines"}


def doubts_of(claim: Claim, language: str) -> tuple[str, ...]:
    return tuple(rate_doubts(claim.interest, language)) if claim.interest is not None else ()


def write_reminder(
    listed: Listed, standing: Standing, claim: Claim, level: Level, letters: Letters, settings: Settings, day: date
) -> Written:
    """Raises `station.wording.BadTemplate`, KeyError where the template is not there."""
    language = "en" if listed.customer.language == "en" else "fr"
    wording = letters[level.letter][language]
    values = values_of(listed, standing, claim, level, settings, day, language)
    return Written(
        subject=" ".join(fill(wording.subject, values).split()),
        body=_signed(fill(wording.body, values), settings, listed.row.number, language),
        computation=computation_of(listed, claim, language),
        doubts=doubts_of(claim, language),
    )


_PAY = {
    "fr": "Pour nous payer par virement : {name}, IBAN {iban}, en rappelant : {numbers}.",
    "en": "To pay us by transfer: {name}, IBAN {iban}, quoting: {numbers}.",
}


def _signed(text: str, settings: Settings, numbers: str, language: str) -> str:
    """The text, where to pay, and who writes: whatever a company's own templates say, no reminder leaves without these."""
    house = house_of(settings)
    company = f"{house['name']}, SIREN {house['siren']}" if house["siren"] else house["name"]
    address = ", ".join(line.strip() for line in house["address"].splitlines() if line.strip())
    sign = "\n".join(line for line in (house["signatory"], company, address, house["contact"]) if line)
    pay = _PAY[language].format(name=house["name"], iban=house["iban"], numbers=numbers) if house["iban"] else ""
    # A template from before, which names the account itself.
    blocks = (text.strip(), "" if house["iban"] in text else pay, sign)
    return "\n\n".join(block for block in blocks if block) + "\n"


def lacking_of(settings: Settings) -> tuple[str, ...]:
    """What letters cannot say because the settings do not: signatory, iban, contact."""
    house = house_of(settings)
    return tuple(name for name in ("signatory", "iban", "contact") if not house[name])


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
    lines = list(derivation_lines(claim.interest, regime, claim.indemnity, margin, language, sent=True))
    if claim.missing:
        year, half = claim.missing.split("-H")
        lines.append(_MISSING[language].format(day=day_told(date(int(year), 1 if half == "1" else 7, 1))))
    told = derivation_json(claim.interest)
    # How surely our table knows a rate is for us: what travels to the customer states the rate, its period and its source.
    told["periods"] = [{key: value for key, value in period.items() if key != "grade"} for period in told["periods"]]
    return {"lines": lines, **told, "indemnity": f"{claim.indemnity:.2f}", "until": claim.until.isoformat()}


def house_of(settings: Settings) -> dict[str, str]:
    """The creditor, as letters name it."""
    company = next(iter(settings.company), None)
    identity = settings.identity
    # Of a house of several companies nobody knows whose the accounts of [identity] are, and money to another company is lost time.
    shared = "" if settings.is_group else next(iter(identity.ibans), "")
    return {
        "name": company.name if company else next(iter(identity.names), settings.entity),
        "siren": (company.siren if company else "") or next(iter(identity.sirens), ""),
        "address": company.address if company else "",
        "contact": (company.contact if company else "") or settings.dunning.contact,
        "signatory": (company.signatory if company else "") or settings.dunning.signatory,
        "iban": _in_fours((company.iban if company else "") or shared),
    }


def _in_fours(iban: str) -> str:
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))


def email_text(sending: Sending) -> str:
    """The body with its table and its computation, as plain text."""
    lines: Sequence[str] = sending.computation.get("lines", ())
    blocks = [tuple(table_lines(sending.computation, sending.language)), tuple(lines)]
    return sending.body + "".join("\n" + "\n".join(block) + "\n" for block in blocks if block)


TABLE = ("number", "issued", "due", "balance", "interest", "indemnity")
_HEADS = {
    "fr": ("Facture", "Date", "Échéance", "Reste dû TTC", "Intérêts", "Indemnité"),
    "en": ("Invoice", "Date", "Due", "Left, incl. VAT", "Interest", "Indemnity"),
}
_TOTAL = {"fr": "Total", "en": "Total"}


def table_of(computation: Mapping[str, Any], language: str) -> list[tuple[str, ...]]:
    """Head, a row for each invoice, and the sums; empty where the letter is about one invoice."""
    invoices = computation.get("invoices", ())
    if not invoices:
        return []
    told, total = "en" if language == "en" else "fr", computation["sum"]
    rows = [_HEADS[told], *(tuple(each[key] for key in TABLE) for each in invoices)]
    return [*rows, (_TOTAL[told], "", "", total["balance"], total["interest"], total["indemnity"])]


def table_lines(computation: Mapping[str, Any], language: str) -> Iterator[str]:
    """The same for a mail: columns by spaces, amounts to the right."""
    rows = table_of(computation, language)
    widths = [max(len(row[column]) for row in rows) for column in range(len(TABLE))] if rows else []
    for row in rows:
        cells = [cell.ljust(width) if place < 3 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()


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
    words = {"paragraphs": sending.body.strip().split("\n\n"), "table": table_of(sending.computation, sending.language)}
    return Paper("reminder.html", sending.subject, "reminder.json", data, moment, words)


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
