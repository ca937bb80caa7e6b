"""The family `learn`: what readers may be trained on. `LAYOUTS` names its pages, `draw_page` draws one."""

import random

from ..content import Invoice
from ..sheet import Drawn, Sheet
from . import sheets, words

NAMES = [
    "classic",
    "mirrored",
    "boxed_head",
    "sums_in_band",
    "sums_in_foot",
    "letter",
    "german_norm",
    "telecom",
    "receipt",
    "craftsman",
    "hotel",
    "cloud",
    "coloured",
    "only_in_foot",
    "dotted",
    "two_columns",
    "carried_over",
    "amount_first",
    "slip_below",
    "three_boxes",
    "plain_program",
    "wide_table_sums_left",
    "net_beside_gross",
    "shop",
    "stacked_grid",
    "energy",
    "consignments",
    "right_labels",
    "sentence",
]
LAYOUTS = {name: getattr(sheets, name) for name in NAMES}


def fitting(invoice: Invoice) -> list[str]:
    """The pages that this invoice may be drawn on; those made for its trade or length count thrice."""
    special = {"telecom", "receipt", "carried_over", "hotel", "energy"}
    names = [name for name in NAMES if sheets.fits(name, invoice)]
    return names + [name for name in names if name in special] * 2


def draw_page(invoice: Invoice, layout: str, rng: random.Random) -> Drawn:
    """The invoice on that page. Raises KeyError for a page that is not there."""
    return LAYOUTS[layout](Sheet(invoice, rng, words))
