"""What an invoice says, as values: the names of the fields, what one field is, and both as plain JSON.

The names are those of the truth files that readers of invoices are measured with, and never change: programs read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

from ocr.text import Box, Word


@dataclass(frozen=True, slots=True)
class VatLine:
    """One line of the VAT table (EN 16931 BG-23): base × rate = tax, to the cent."""

    rate: Decimal
    """Per cent."""
    base: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line of what was sold (EN 16931 BG-25); None where the page does not say."""

    description: str
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    net: Decimal | None = None
    rate: Decimal | None = None
    """Per cent."""
    page: int = 0
    box: Box | None = None


Value: TypeAlias = str | Decimal | date | tuple[VatLine, ...] | tuple[LineItem, ...]

NAMES = (
    "document_type_code",
    "invoice_number",
    "issue_date",
    "due_date",
    "delivery_date",
    "arrival_date",
    "supplier_name",
    "supplier_siren",
    "supplier_siret",
    "supplier_vat_id",
    "buyer_name",
    "buyer_siren",
    "order_reference",
    "contract_reference",
    "engagement_number",
    "service_code",
    "market_reference",
    "currency",
    "total_net",
    "total_tax",
    "total_gross",
    "paid_amount",
    "amount_due",
    "iban",
    "bic",
    "payment_terms",
    "vat_breakdown",
    "lines",
)
"""The fields in the order in which they are shown."""
LISTS = ("vat_breakdown", "lines")
"""Fields that hold several rows."""


class Source(StrEnum):
    """Where a value comes from, as the badge beside it says."""

    READ = "read"
    XML = "xml"
    RULE = "rule"
    """Computed or concluded: not printed, or not where it would be read."""
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Field:
    """One value, as printed and as understood."""

    name: str
    value: Value
    raw: str
    """As printed."""
    page: int
    """From 1; 0 where no single place shows it."""
    box: Box | None
    confidence: float
    """0…1: the share of such values that turned out right when they were measured (`ocr.confidence`)."""
    reason: str
    """Why this one, in words for the record."""
    words: tuple[Word, ...] = ()
    """The words that it was read from."""
    source: Source = Source.READ
    alternatives: tuple[str, ...] = ()
    """What else was thought of, the likeliest first, as `plain_value` writes it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the installation knows before it reads: its own companies, which are the buyers of what it receives, and the day of arrival."""

    names: tuple[str, ...] = ()
    sirens: tuple[str, ...] = ()
    vat_ids: tuple[str, ...] = ()
    ibans: tuple[str, ...] = ()
    arrival: date | None = None
    """The day on the batch slip, else the day of the scan."""
    languages: tuple[str, ...] = ()
    """Preferred first: fr, de, nl, en."""


def fields_json(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Every name of `NAMES` and `line_count`; null (or an empty list) where absent; dates ISO 8601, amounts as decimal strings."""
    told: dict[str, Any] = {name: [] if name in LISTS else None for name in NAMES}
    told |= {name: plain_value(field.value) for name, field in fields.items()}
    return told | {"line_count": len(told["lines"]) or None}


def evidence_json(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Beside each value that was found: where it stands, how sure it is, and why."""
    return {name: _evidence(fields[name]) for name in NAMES if name in fields}


def plain_value(value: Value) -> Any:
    """Dates ISO 8601, amounts as decimal strings of two or more decimals, rows as records."""
    match value:
        case Decimal():
            return plain_amount(value)
        case date():
            return value.isoformat()
        case tuple():
            return [_plain_row(row) for row in value]
    return value


def plain_amount(value: Decimal) -> str:
    """With a point and at least two decimals, never in scientific notation."""
    exponent = value.as_tuple().exponent
    return f"{value:.2f}" if isinstance(exponent, int) and exponent > -2 else f"{value:f}"


def _plain_row(row: VatLine | LineItem) -> dict[str, Any]:
    if isinstance(row, VatLine):
        return {"rate": _plain_number(row.rate), "base": plain_amount(row.base), "tax": plain_amount(row.tax)}
    return {
        "description": row.description,
        "quantity": _plain_number(row.quantity),
        "unit_price": None if row.unit_price is None else plain_amount(row.unit_price),
        "net": None if row.net is None else plain_amount(row.net),
        "rate": _plain_number(row.rate),
    }


def _plain_number(value: Decimal | None) -> str | None:
    """A rate or a quantity, without needless zeros: 20, 5.5."""
    return None if value is None else f"{value.normalize():f}"


def _evidence(field: Field) -> dict[str, Any]:
    return {
        "confidence": field.confidence,
        "page": field.page,
        "box": list(field.box) if field.box else None,
        "raw": field.raw,
        "words": [[word.text, *word.box] for word in field.words],
        "reason": field.reason,
        "source": str(field.source),
        "alternatives": list(field.alternatives),
    }
