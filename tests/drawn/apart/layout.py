"""What a layout is: whose language it speaks, which invoices suit it, how it draws them."""

from collections.abc import Callable
from dataclasses import dataclass

from ..content import Invoice
from ..sheet import Drawn
from .ink import Ink


@dataclass(frozen=True, slots=True)
class Layout:
    """One supplier's page."""

    language: str
    fits: Callable[[Invoice], bool]
    draw: Callable[[Ink], Drawn]
    weight: int = 1
    """How often it is drawn beside the others that fit: more where few invoices fit."""


def anyone(invoice: Invoice) -> bool:
    """Suits every invoice of its language."""
    return bool(invoice.rows)


def net_prices(invoice: Invoice) -> bool:
    """Suits invoices whose prices are without VAT."""
    return not invoice.prices_include_tax
