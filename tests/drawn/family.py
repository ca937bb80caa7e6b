"""From a seed to a paper: a family is a package beside this module with `fitting(invoice)` and `draw_page(invoice, layout, rng)`.

It may have `prepare(invoice, rng)`, which gives the invoice that is drawn in the place of this one.
"""

import importlib
import random
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .content import Invoice, draw_invoice, truth_of
from .sheet import Drawn

LANGUAGE_SHARES = {"fr": 45, "de": 20, "nl": 20, "en": 15}
FOLDERS = {"learn": "layouts"}
"""A family that is not named here has the folder of its own name."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One invoice ready for the printer, with its truth."""

    name: str
    html: str
    truth: dict[str, Any]
    invoice: Invoice
    drawn: Drawn


def family_of(name: str) -> ModuleType:
    """The package of the family. Raises ModuleNotFoundError where there is none."""
    return importlib.import_module(f"{__package__}.{FOLDERS.get(name, name)}")


def draw_paper(
    seed: int, number: int, family: str = "learn", languages: tuple[str, ...] = tuple(LANGUAGE_SHARES), layout: str | None = None
) -> Paper:
    """The paper of that seed and number, always the same. A layout may be named; else one that fits is drawn."""
    rng = random.Random(f"{seed} {number} {family}")
    language = rng.choices(languages, [LANGUAGE_SHARES[one] for one in languages])[0]
    invoice = draw_invoice(rng, language)
    package = family_of(family)
    invoice = package.prepare(invoice, rng) if hasattr(package, "prepare") else invoice
    layout = layout or rng.choice(package.fitting(invoice))
    drawn = package.draw_page(invoice, layout, rng)
    name = f"{layout}__{language}{seed}-{number:05d}"
    return Paper(
        name, drawn.html, truth_of(invoice, drawn.shown) | {"_meta": _about(invoice, drawn, layout, family, seed, number)}, invoice, drawn
    )


def _about(invoice: Invoice, drawn: Drawn, layout: str, family: str, seed: int, number: int) -> dict[str, Any]:
    return {
        "language": invoice.language,
        "template_family": f"{family}-{layout}",
        "layout": layout,
        "family": family,
        "seed": seed,
        "number": number,
        "regime": invoice.regime,
        "trade": invoice.trade,
        "trade_name": invoice.supplier.trade_name,
        "prices_include_tax": invoice.prices_include_tax,
        "ibans": [account.iban for account in invoice.accounts],
        "shown": sorted(drawn.shown),
    }
