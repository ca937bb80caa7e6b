"""A document's values as rules and circuits name them. What is not known is left out: a circuit that asks for it says so."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from sqlalchemy.orm import Session

from capture.catalogue import CATALOGUE, OF_INVOICES
from capture.findings import Level
from ocr.identifiers import compact
from station import accounting_words
from station.beside import Beside, beside, text_of, vouched_before
from station.deadlines import is_credit, keys_of
from station.receivables import own_keys
from station.records import documents
from station.records.tables import Document, FieldRow, State
from station.workstation import Workstation
from workflow.accounting import Conversion
from workflow.kinds import INVOICES
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


def facts_of(session: Session, workstation: Workstation, document: Document, known: Beside | None = None) -> dict[str, Value]:
    """By the names that the shipped files use (`docs/rules.md`); `known`: what was asked for a lot of documents with this one in it."""
    known = beside(session, workstation.settings, document.entity, [document]) if known is None else known
    best = documents.best_rows(document)
    ours = _is_ours(document, best, workstation)
    pending = known.pending(document)
    codes = {row.code for row in document.findings}
    gross = _amount(best, "total_gross", accounting_words.said_in(known.words.get(document.id, ()), best).conversion)
    facts: dict[str, Value | None] = {
        "nom_document": document.title[:300] or document.id,
        "etat": {State.HELD: "retenu", State.FAILED: "retenu", State.SET_ASIDE: "ecarte"}.get(document.state, "repris"),
        "papier_la": document.source in ("paper", "print"),
        "motif": _why_held(codes),
        "nature": "autre" if ours else _nature(document, best),
        "sens": "emise" if ours else "recue",
        "numero": text_of(best, "invoice_number"),
        "nom_fournisseur": text_of(best, "supplier_name") or text_of(best, "supplier_siren"),
        "siren": text_of(best, "supplier_siren"),
        "nom_client": text_of(best, "buyer_name"),
        "iban": pending[0].iban if pending else text_of(best, "iban"),
        "doublon": bool(codes & TWICE),
        "constats": sum(1 for row in document.findings if row.level != Level.INFO and row.code in OPEN_FINDINGS),
        "echeance": _day(best, "due_date"),
        "montant_ttc": gross,
        "montant_avoir": gross,
        "commande": None,
        "compte_attend": bool(pending),
        **_supplier(known, workstation, document, best, pending[0].iban if pending else ""),
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
    currency = text_of(best, "currency")
    if text_of(best, "total_gross") is None:
        return "aucun montant TTC n'a été lu : saisissez-le à la relecture"
    if currency is None:
        return "la monnaie n'a pas été lue : saisissez-la à la relecture"
    if currency != "EUR":
        return f"le montant est en {currency} : donnez le cours du jour à la page « À payer » de la facture"
    return ""


def _supplier(
    known: Beside, workstation: Workstation, document: Document, best: Mapping[str, FieldRow], waiting: str
) -> dict[str, Value | None]:
    """As the document arrived: whom the house knew then, and whether the account was known, new, or another than those known.

    Known is who stands in the register or in the settings, or has an account that two people confirmed on an earlier document. What
    this very document taught is no acquaintance: its supplier is new until the next one arrives.
    """
    row = known.supplier(keys_of(best))
    accounts, acquainted = vouched_before(known, document, workstation.settings)
    iban = compact(waiting or text_of(best, "iban") or "")
    changed = bool(iban) and iban not in accounts and any(each != iban for each in _others(known, document, accounts, workstation))
    account = None if not iban else "connu" if iban in accounts else "change" if changed else "nouveau"
    return {
        "fournisseur": "connu" if acquainted else "nouveau",
        "compte": account,
        "iban_change": changed,
        "courriel_fournisseur": row.email if row is not None and row.email else None,
    }


def _others(known: Beside, document: Document, accounts: Sequence[str], workstation: Workstation) -> list[str]:
    """The supplier's other accounts: those the house stood for, else those that its earlier invoices bore when this one was asked about
    (nobody stood for them: that they bore this very account, too, makes it neither known nor another one)."""
    own = set(workstation.settings.own_ibans)
    asked = known.changes.get(document.id, ())
    return [each for each in accounts if each not in own] or list(asked[-1].known if asked else ())


def _nature(document: Document, best: Mapping[str, FieldRow]) -> str:
    """An invoice that calls itself a credit note is one, however it was filed."""
    if document.document_type not in INVOICES:
        return "autre"
    return "avoir" if is_credit(document, best) else "facture"


def _is_ours(document: Document, best: Mapping[str, FieldRow], workstation: Workstation) -> bool:
    """Whether the company itself issued it."""
    keys = own_keys(workstation.settings.of_company(document.entity))
    siren, vat = compact(text_of(best, "supplier_siren") or ""), compact(text_of(best, "supplier_vat_id") or "")
    return (bool(siren) and f"siren:{siren}" in keys) or (bool(vat) and f"vat:{vat}" in keys)


def _why_held(codes: set[str]) -> str:
    if codes & FORMAT:
        return "format"
    if codes & PAGES:
        return "page"
    return "qualite" if any(code in CATALOGUE and CATALOGUE[code].image for code in codes) else "autre"


def _amount(best: Mapping[str, FieldRow], name: str, conversion: Conversion | None) -> Decimal | None:
    """Euros without their sign: a credit note weighs as much as its invoice. Another currency counts by the rate that a person gave; one
    that nobody read is not guessed: neither amount is known."""
    text, currency = text_of(best, name), text_of(best, "currency")
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
        return date.fromisoformat(text_of(best, name) or "")
    except ValueError:
        return None
