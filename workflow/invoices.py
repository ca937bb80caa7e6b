"""An invoice as the checks of law and of the records see it: its fields, its words, where its supplier sits, what is known beside."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from ocr.identifiers import compact, valid_siren, vat_siren
from ocr.layout import fold
from ocr.text import PageText
from ocr.values import Field, LineItem, Source, VatLine
from workflow.law import Law, Size

READ_ENOUGH = 0.3
"""Confidence below which a value counts as not found: it may be anything on the page."""
MAX_LINES, MAX_LETTERS = 2000, 300
"""Printed lines looked at, half of them from the end, and letters of each: the mentions stand on the first pages or the last."""
CREDIT = frozenset({"381", "261", "262", "396", "502", "503"})
ADVANCE = frozenset({"386", "500", "503"})
SELF_BILLED = frozenset({"389", "501", "500", "471", "473", "261", "502"})
"""UNTDID 1001 codes that France allows (BR-FR-04)."""

T = TypeVar("T")
_FRENCH = re.compile(r"\b(?:siren|siret|rcs|r c s|code ape|code naf|tva intracommunautaire|penalites de retard|micro entrepreneur)\b")
_FRANCHISE = re.compile(r"art(?:icle)?s?293b|293b(?:ducgi|ducode)|microentrepreneur|autoentrepreneur")


class Home(StrEnum):
    """Where the supplier sits, as far as its law is concerned."""

    FRANCE = "france"
    MONACO = "monaco"
    """French VAT, no SIREN and not the French code of commerce."""
    ABROAD = "abroad"


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice or credit note; nothing but what was read, or said by a person."""

    fields: Mapping[str, Field]
    text: str
    """Its printed lines, folded (`ocr.layout.fold`)."""
    tight: str
    """The same without spaces: readers lose them."""
    whole: bool = True
    """Every page was read: only then may it be said that something was not found."""

    def value(self, name: str, kind: type[T], at_least: float = 0.0) -> T | None:
        """The field's value where it is there, of that kind and read surely enough."""
        field = self.fields.get(name)
        if field is None or field.confidence < at_least or not isinstance(field.value, kind):
            return None
        return field.value

    def found(self, *names: str) -> bool:
        """Whether one of them was read surely enough to say that the page bears it."""
        return any(name in self.fields and self.fields[name].confidence >= READ_ENOUGH for name in names)

    def amount(self, name: str) -> Decimal | None:
        return self.value(name, Decimal)

    def day(self, name: str) -> date | None:
        return self.value(name, date)

    def words(self, name: str) -> str:
        """A field's text; empty where there is none."""
        return self.value(name, str) or ""

    @property
    def vat_lines(self) -> tuple[VatLine, ...]:
        rows = self.value("vat_breakdown", tuple) or ()
        return tuple(row for row in rows if isinstance(row, VatLine))

    @property
    def lines(self) -> tuple[LineItem, ...]:
        rows = self.value("lines", tuple) or ()
        return tuple(row for row in rows if isinstance(row, LineItem))

    @property
    def type_code(self) -> str:
        return self.words("document_type_code") or "380"

    @property
    def structured(self) -> bool:
        """Its values come from the electronic invoice inside, which has rules of its own (EN 16931)."""
        return any(field.source is Source.XML for field in self.fields.values())

    @property
    def paid(self) -> bool:
        """Nothing is left to pay."""
        due, gross, paid = self.amount("amount_due"), self.amount("total_gross"), self.amount("paid_amount")
        return (
            due == 0
            or (gross is not None and paid is not None and abs(gross) == abs(paid))
            or bool(re.search(r"factureacquittee|acquitteele|payeele|regleele", self.tight))
        )

    @property
    def untaxed(self) -> bool:
        """No VAT is charged on any part of it, as far as was read; one that rounds to nothing is charged."""
        told = self.amount("total_tax") is not None or bool(self.vat_lines)
        return told and not self.amount("total_tax") and all(line.rate == 0 for line in self.vat_lines)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the page."""

    law: Law
    day: date
    """Day of issue where no date was read: that on which it came."""
    sizes: Mapping[str, Size]
    """SIREN of suppliers → size."""
    names: tuple[str, ...] = ()
    """Our companies, as invoices print them."""
    sirens: tuple[str, ...] = ()
    """Our companies' SIREN."""
    public: bool = False
    """We are a public entity."""
    captured: bool = True
    """It came as paper or as a plain PDF, not as an electronic invoice."""

    def issued(self, invoice: Invoice) -> date:
        return invoice.day("issue_date") or self.day


def invoice_of(fields: Mapping[str, Field], pages: Sequence[PageText], *, whole: bool = True) -> Invoice:
    """The invoice that these fields and pages are; work is bounded whatever the pages hold."""
    lines = [line.text[:MAX_LETTERS] for page in pages for line in page.lines]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES // 2], *lines[-MAX_LINES // 2 :]]
    text = "\n".join(fold(line) for line in lines)
    return Invoice(fields, text, re.sub(r"[^0-9a-z]", "", text), whole and bool(lines))


def supplier_siren(invoice: Invoice) -> str | None:
    """As printed alone, within the SIRET, or within the VAT number; the first that passes its check, else the first."""
    told = [
        invoice.words("supplier_siren"),
        invoice.words("supplier_siret")[:9],
        vat_siren(compact(invoice.words("supplier_vat_id"))) or "",
    ]
    numbers = [number for number in map(compact, told) if len(number) == 9 and number.isdigit()]
    return next(filter(valid_siren, numbers), numbers[0] if numbers else None)


def home_of(invoice: Invoice) -> Home | None:
    """By its VAT number, else by its SIREN, its account and words that only French companies print; None where they do not agree."""
    number = compact(invoice.words("supplier_vat_id"))
    if number[:2] == "FR" and number[4:7] == "000":
        return Home.MONACO
    if number[:2] == "FR":
        return Home.FRANCE
    if number[:2].isalpha() and len(number) > 5:
        return Home.ABROAD
    here = supplier_siren(invoice) is not None or bool(_FRENCH.search(invoice.text))
    if compact(invoice.words("iban"))[:2] in ("", "FR", "MC"):
        return Home.FRANCE if here else None
    # An account abroad beside a SIREN alone: the number may well be the customer's.
    return None if here else Home.ABROAD


def size_of(invoice: Invoice, circumstances: Circumstances) -> Size | None:
    """As the settings say; else as the page betrays it: a member of an « assujetti unique » counts as large (its calendar is that of GE),
    a franchise from VAT or a micro-entrepreneur is neither a large company nor an ETI."""
    told = circumstances.sizes.get(supplier_siren(invoice) or "")
    if told is not None:
        return told
    if "assujettiunique" in invoice.tight:
        return Size.GE
    return Size.MICRO if _FRANCHISE.search(invoice.tight) else None
