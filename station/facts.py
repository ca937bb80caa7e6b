"""A document's values as rules and circuits name them. What is not known is left out: a circuit that asks for it says so."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.catalogue import CATALOGUE, OF_INVOICES
from capture.findings import Level
from ocr.identifiers import compact
from station import accounting_words
from station.particulars import vouched_before
from station.receivables import own_keys
from station.records import documents, register
from station.records import review as reviews
from station.records.tables import AccountChange, Document, FieldRow, State
from station.workstation import Workstation
from workflow.accounting import Conversion
from workflow.vocabulary import Value, plain

PAGES = frozenset(
    {"count-mismatch", "page-missing", "page-order", "page-repeated", "page-alike", "odd-length", "sides-shifted", "blank-page"}
)
FORMAT = frozenset({
    "empty-file", "unknown-format", "encrypted", "damaged", "truncated", "too-many-pages", "image-bomb", "too-large", "bad-checksum",
    "surplus-data", "active-content", "unsupported-coding", "poison-page", "structured-unreadable",
})  # fmt: skip
TWICE = frozenset({"invoice-twice", "invoice-nearly-twice"})
OPEN_FINDINGS = OF_INVOICES - TWICE - {"iban-changed", "supplier-size-unknown", "particulars-missing"}
"""What of an invoice itself does not hold. A double and an account have words of their own, images were judged before sealing, and what the
reader did not find its reviewer saw."""
CENT = Decimal("0.01")


def facts_of(session: Session, workstation: Workstation, document: Document) -> dict[str, Value]:
    """By the names that the shipped files use (`docs/rules.md`)."""
    best = documents.best_rows(document)
    ours = _is_ours(document, best, workstation)
    pending = reviews.pending_accounts(session, document.entity, document.id)
    codes = {row.code for row in document.findings}
    gross = _amount(best, "total_gross", accounting_words.said_of(session, document, best).conversion)
    facts: dict[str, Value | None] = {
        "nom_document": document.title[:300] or document.id,
        "etat": {State.HELD: "retenu", State.FAILED: "retenu", State.SET_ASIDE: "ecarte"}.get(document.state, "repris"),
        "papier_la": document.source in ("paper", "print"),
        "motif": _why_held(codes),
        "nature": "autre" if ours else {"invoice": "facture", "credit-note": "avoir"}.get(document.document_type, "autre"),
        "sens": "emise" if ours else "recue",
        "numero": _text(best, "invoice_number"),
        "nom_fournisseur": _text(best, "supplier_name") or _text(best, "supplier_siren"),
        "siren": _text(best, "supplier_siren"),
        "nom_client": _text(best, "buyer_name"),
        "iban": pending[0].iban if pending else _text(best, "iban"),
        "doublon": bool(codes & TWICE),
        "constats": sum(1 for row in document.findings if row.level != Level.INFO and row.code in OPEN_FINDINGS),
        "echeance": _day(best, "due_date"),
        "montant_ttc": gross,
        "montant_avoir": gross,
        "commande": None,
        "compte_attend": bool(pending),
        **_supplier(session, workstation, document, best, pending[0].iban if pending else ""),
    }
    return {name: value for name, value in facts.items() if value is not None or name in ("commande", "siren")}


def digests_of(facts: Mapping[str, Value]) -> dict[str, str]:
    """To see which values changed without keeping them twice. An account that waits for a second person is another account."""
    told = {name: plain(value) or "" for name, value in facts.items()}
    told["iban"] = f"{told.get('iban', '')} {told.get('compte_attend', '')}"
    return {name: hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()[:12] for name, text in told.items()}


def why_unknown(document: Document) -> str:
    """Why an amount that rules ask for is not known, and what to do, in French; empty where nothing of it is missing."""
    best = documents.best_rows(document)
    currency = _text(best, "currency")
    if _text(best, "total_gross") is None:
        return "aucun montant TTC n'a été lu : saisissez-le à la relecture"
    if currency is None:
        return "la monnaie n'a pas été lue : saisissez-la à la relecture"
    if currency != "EUR":
        return f"le montant est en {currency} : donnez le cours du jour à la page « À payer » de la facture"
    return ""


def _supplier(
    session: Session, workstation: Workstation, document: Document, best: Mapping[str, FieldRow], waiting: str
) -> dict[str, Value | None]:
    """As the document arrived: whom the house knew then, and whether the account was known, new, or another than those known.

    Known is who stands in the register or in the settings, or has an account that two people confirmed on an earlier document. What
    this very document taught is no acquaintance: its supplier is new until the next one arrives.
    """
    row = next((found for key in _keys_of(best) if (found := register.find_supplier(session, document.entity, key))), None)
    accounts, known = vouched_before(session, document, workstation.settings)
    iban = compact(waiting or _text(best, "iban") or "")
    changed = bool(iban) and iban not in accounts and bool(_others(session, document, accounts, workstation))
    account = None if not iban else "connu" if iban in accounts else "change" if changed else "nouveau"
    return {
        "fournisseur": "connu" if known else "nouveau",
        "compte": account,
        "iban_change": changed,
        "courriel_fournisseur": row.email if row is not None and row.email else None,
    }


def _keys_of(best: Mapping[str, FieldRow]) -> list[str]:
    siren, vat = _text(best, "supplier_siren") or "", compact(_text(best, "supplier_vat_id") or "")
    return [key for key in (register.key_of(siren, "", ""), register.key_of("", vat, "")) if key]


def _others(session: Session, document: Document, accounts: Sequence[str], workstation: Workstation) -> list[str]:
    """The supplier's other accounts: those the house stood for, else those that its earlier invoices bore when this one was asked about."""
    own = {compact(each) for each in workstation.settings.identity.ibans}
    named = [each for each in accounts if each not in own]
    asked = session.scalars(
        sa.select(AccountChange).where(AccountChange.document_id == document.id).order_by(AccountChange.id.desc()).limit(1)
    ).first()
    return named or list(asked.known if asked is not None else ())


def _is_ours(document: Document, best: Mapping[str, FieldRow], workstation: Workstation) -> bool:
    """Whether the company itself issued it."""
    keys = own_keys(workstation.settings.of_company(document.entity))
    siren, vat = compact(_text(best, "supplier_siren") or ""), compact(_text(best, "supplier_vat_id") or "")
    return (bool(siren) and f"siren:{siren}" in keys) or (bool(vat) and f"vat:{vat}" in keys)


def _why_held(codes: set[str]) -> str:
    if codes & FORMAT:
        return "format"
    if codes & PAGES:
        return "page"
    return "qualite" if any(code in CATALOGUE and CATALOGUE[code].image for code in codes) else "autre"


def _text(best: Mapping[str, FieldRow], name: str) -> str | None:
    text = (best[name].value or "").strip() if name in best else ""
    return " ".join(text.split())[:300] or None


def _amount(best: Mapping[str, FieldRow], name: str, conversion: Conversion | None) -> Decimal | None:
    """Euros without their sign: a credit note weighs as much as its invoice. Another currency counts by the rate that a person gave; one
    that nobody read is not guessed: neither amount is known."""
    text, currency = _text(best, name), _text(best, "currency")
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if conversion is not None and conversion.currency == currency and amount.is_finite():
        return abs(conversion.euros(amount))
    if currency != "EUR":
        return None
    return abs(amount) if amount.is_finite() and amount == amount.quantize(CENT) else None


def _day(best: Mapping[str, FieldRow], name: str) -> date | None:
    try:
        return date.fromisoformat(_text(best, name) or "")
    except ValueError:
        return None
