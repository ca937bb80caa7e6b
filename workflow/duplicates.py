"""Has this invoice come before? Has its supplier's account changed? Comparisons of what tells one invoice from another; values only.

A paper scanned twice, a copy by mail after the paper, an invoice sent again: same supplier, same number, same year. Where a sign was
misread, the amount and the day still agree. An account is known when the supplier's first invoice bore it, or the settings name it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from capture.catalogue import finding
from capture.findings import Finding
from ocr.identifiers import compact, valid_iban, valid_siren, valid_vat, vat_siren
from ocr.layout import fold
from workflow.invoices import CREDIT, Invoice, supplier_siren

CONFUSED = str.maketrans("OQDILZSGB", "000112568")
"""What readers confuse in numbers: letters to the digits they look like."""
SHORTEST = 4
"""Signs of a number below which one sign apart says nothing."""


@dataclass(frozen=True, slots=True)
class InvoiceKey:
    """What tells an invoice from all others."""

    siren: str
    """Empty, as what follows, where none was read whose check digits fit, or it is the buyer's too."""
    vat: str
    name: str
    """Folded."""
    number: str
    """Capital letters and digits only; empty where none was read."""
    issued: date | None
    gross: Decimal | None
    credit: bool
    iban: str = ""
    """Only where its check digits fit: a misread account is no other account."""

    @property
    def suppliers(self) -> tuple[str, ...]:
        """All by which the supplier may be known again, the surest first: « siren:732829320 », « vat:… », « name:… »."""
        return tuple(f"{kind}:{getattr(self, kind)}" for kind in ("siren", "vat", "name") if getattr(self, kind))

    @property
    def likeness(self) -> str:
        """The number with signs that are confused made one."""
        return alike_number(self.number)


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another invoice in the records."""

    document: str
    title: str
    received: date
    key: InvoiceKey


def key_of(invoice: Invoice) -> InvoiceKey:
    iban, siren = compact(invoice.words("iban")), supplier_siren(invoice) or ""
    vat, name = compact(invoice.words("supplier_vat_id")), fold(invoice.words("supplier_name"))[:80]
    buyer = compact(invoice.words("buyer_siren"))
    return InvoiceKey(
        siren=siren if valid_siren(siren) and siren != buyer else "",
        vat=vat if valid_vat(vat) and not (buyer and vat_siren(vat) == buyer) else "",
        name=name if name != fold(invoice.words("buyer_name"))[:80] else "",
        number=plain_number(invoice.words("invoice_number")),
        issued=invoice.day("issue_date"),
        gross=invoice.amount("total_gross"),
        credit=invoice.type_code in CREDIT,
        iban=iban if valid_iban(iban) else "",
    )


def same_supplier(one: InvoiceKey, other: InvoiceKey) -> bool:
    """By the surest that was read of both: two SIREN that differ are two suppliers, whatever they are called."""
    pairs = ((one.siren, other.siren), (one.vat, other.vat), (one.name, other.name))
    return next((mine == its for mine, its in pairs if mine and its), False)


def plain_number(number: str) -> str:
    """« fa 2026/0417 » and « FA-2026-0417 » are one number."""
    return re.sub(r"[^0-9A-Z]", "", number.upper())[:40]


def alike_number(number: str) -> str:
    return number.translate(CONFUSED)


def find_twice(key: InvoiceKey, others: Iterable[Earlier]) -> Finding | None:
    """The first that is the same invoice, else the first that nearly is; the finding's limit names its document."""
    nearly: Earlier | None = None
    for other in others:
        if same_invoice(key, other.key):
            return _told("invoice-twice", other)
        nearly = nearly or (other if nearly_same(key, other.key) else None)
    return _told("invoice-nearly-twice", nearly) if nearly else None


def same_invoice(one: InvoiceKey, other: InvoiceKey) -> bool:
    """Same supplier, number and year; where a date was not read, the same amount has to stand for it."""
    if not one.number or (one.number, one.credit) != (other.number, other.credit):
        return False
    return same_supplier(one, other) and _same_year(one, other)


def nearly_same(one: InvoiceKey, other: InvoiceKey) -> bool:
    """A misread sign in the number, or a misread supplier: what was read well has to agree."""
    if one.credit != other.credit or not (one.number and other.number):
        return False
    same_amount = one.gross is not None and one.gross == other.gross
    same_day = one.issued is not None and one.issued == other.issued
    if not same_supplier(one, other):
        return one.number == other.number and len(one.number) >= SHORTEST and same_amount and same_day
    if one.likeness == other.likeness:
        return _same_year(one, other)
    return same_amount and same_day and one_sign_apart(one.likeness, other.likeness)


def _same_year(one: InvoiceKey, other: InvoiceKey) -> bool:
    if one.issued is None or other.issued is None:
        return one.gross is not None and one.gross == other.gross
    return one.issued.year == other.issued.year


def one_sign_apart(one: str, other: str) -> bool:
    """One sign exchanged, missing or too many, or two neighbours swapped; short numbers say nothing."""
    if one == other or min(len(one), len(other)) < SHORTEST or abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[start:], other[start:]
    if len(one) == len(other):
        return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
    return one[1:] == other or one == other[1:]


def changed_account(key: InvoiceKey, known: Iterable[str]) -> Finding | None:
    """Another account than those known of this supplier; nothing where none is known yet."""
    accounts = list(known)
    if not key.iban or not accounts or key.iban in accounts:
        return None
    return finding("iban-changed", measured=_grouped(key.iban), limit=" / ".join(map(_grouped, accounts[:3])))


def _grouped(iban: str) -> str:
    return " ".join(re.findall(".{1,4}", iban))


def _told(code: str, other: Earlier) -> Finding:
    gross = f", {{{other.key.gross:.2f}}}" if other.key.gross is not None else ""
    return finding(code, measured=f"« {other.title} », {{{other.received.isoformat()}}}{gross}", limit=other.document)
