"""A document's values as rules and circuits name them. What is not known is left out: a circuit that asks for it says so."""

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from sqlalchemy.orm import Session

from capture.catalogue import CATALOGUE, OF_INVOICES
from capture.findings import Level
from ocr.identifiers import compact
from station.particulars import is_vouched
from station.receivables import own_keys
from station.records import documents, register
from station.records import review as reviews
from station.records.tables import Document, FieldRow, State
from station.workstation import Workstation
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
        "iban_change": bool(pending),
        "doublon": bool(codes & TWICE),
        "constats": sum(1 for row in document.findings if row.level != Level.INFO and row.code in OPEN_FINDINGS),
        "echeance": _day(best, "due_date"),
        "montant_ttc": _amount(best, "total_gross"),
        "montant_avoir": _amount(best, "total_gross"),
        "commande": None,
        **_supplier(session, workstation, document, best),
    }
    return {name: value for name, value in facts.items() if value is not None or name in ("commande", "siren")}


def digests_of(facts: Mapping[str, Value]) -> dict[str, str]:
    """To see which values changed without keeping them twice. An account that waits for a second person is another account."""
    told = {name: plain(value) or "" for name, value in facts.items()}
    told["iban"] = f"{told.get('iban', '')} {told.get('iban_change', '')}"
    return {name: hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()[:12] for name, text in told.items()}


def _supplier(session: Session, workstation: Workstation, document: Document, best: Mapping[str, FieldRow]) -> dict[str, Value | None]:
    """Known: in the register, or with an account that the house stands for."""
    siren, vat = _text(best, "supplier_siren") or "", compact(_text(best, "supplier_vat_id") or "")
    keys = [key for key in (register.key_of(siren, "", ""), register.key_of("", vat, "")) if key]
    row = next((found for key in keys if (found := register.find_supplier(session, document.entity, key))), None)
    iban = compact(_text(best, "iban") or "")
    known = row is not None or (bool(iban) and is_vouched(session, document, iban, workstation.settings))
    return {"fournisseur": "connu" if known else "nouveau", "courriel_fournisseur": row.email if row is not None and row.email else None}


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


def _amount(best: Mapping[str, FieldRow], name: str) -> Decimal | None:
    """Without its sign: a credit note weighs as much as its invoice. Other currencies are no euros, and therefore not known."""
    text = _text(best, name)
    if text is None or (_text(best, "currency") or "EUR") != "EUR":
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return abs(amount) if amount.is_finite() and amount == amount.quantize(CENT) else None


def _day(best: Mapping[str, FieldRow], name: str) -> date | None:
    try:
        return date.fromisoformat(_text(best, name) or "")
    except ValueError:
        return None
