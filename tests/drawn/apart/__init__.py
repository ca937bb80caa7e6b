"""Invoices that nothing was learned from: layouts and words of their own, to measure with and never to train on."""

import random

from ..content import Invoice
from ..sheet import Drawn
from . import dutch, english, french, german
from .ink import Ink
from .prepared import prepare

LAYOUTS = {**french.LAYOUTS, **german.LAYOUTS, **dutch.LAYOUTS, **english.LAYOUTS}
NAMES = tuple(LAYOUTS)
__all__ = ["LAYOUTS", "NAMES", "draw_page", "fitting", "prepare"]


def fitting(invoice: Invoice) -> tuple[str, ...]:
    """The layouts that a supplier with such an invoice would use; one of greater weight is named more than once."""
    suited = ((name, layout) for name, layout in LAYOUTS.items() if layout.language == invoice.language and layout.fits(invoice))
    return tuple(name for name, layout in suited for _ in range(layout.weight))


def draw_page(invoice: Invoice, layout: str, rng: random.Random) -> Drawn:
    """The invoice on that page. Raises KeyError for a layout of another family."""
    return LAYOUTS[layout].draw(Ink(invoice, rng))
