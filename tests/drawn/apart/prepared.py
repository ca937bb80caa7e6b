"""Makes some invoices harder than they were drawn: eco-tax, two discounts, deposits, guarantees held back; sums stay exact."""

import random
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from ..content import CATEGORIES, CENT, ZERO, Adjustment, Invoice, cents, vat_of


def prepare(invoice: Invoice, rng: random.Random) -> Invoice:
    """The same invoice, for two in five with one more complication."""
    if invoice.kind in {"386", "389"} or rng.random() > 0.4:
        return invoice
    what = rng.choice(("ecotax", "discounts", "discounts", "shipping", "deposit", "deposit", "withheld"))
    if what in {"deposit", "withheld"}:
        return _settled(invoice, what, rng)
    sign = -1 if invoice.total_net < 0 else 1
    rate = invoice.rows[0].rate
    base = sum((row.net for row in invoice.rows if row.rate == rate), ZERO)
    added: tuple[Adjustment, ...] = ()
    match what:
        case "ecotax":
            added = (Adjustment("ecotax", None, sign * Decimal(rng.randint(4, 1800)) / 100, rate),)
        case "shipping":
            added = (Adjustment(rng.choice(("shipping", "packing", "fuel")), None, sign * Decimal(rng.randint(350, 9900)) / 100, rate),)
        case "discounts" if base * sign > 0:
            first, second = Decimal(rng.choice((5, 10, 15))), Decimal(rng.choice((1, 2, 3)))
            less = -cents(base * first / 100)
            added = (Adjustment("discount", first, less, rate), Adjustment("discount", second, -cents((base + less) * second / 100), rate))
    return _summed(replace(invoice, adjustments=added)) if added else invoice


def _summed(invoice: Invoice) -> Invoice:
    vat = vat_of(invoice.rows, invoice.adjustments, CATEGORIES[invoice.regime], invoice.prices_include_tax)
    net, tax = sum((line.base for line in vat), ZERO), sum((line.tax for line in vat), ZERO)
    gross = net + tax
    paid = cents(gross * invoice.paid / invoice.total_gross)
    withheld = cents(gross * 5 / 100) if invoice.withheld else ZERO
    rounding = ((gross * 20).quantize(Decimal(1), ROUND_HALF_UP) / 20 - gross).quantize(CENT) if invoice.rounding else ZERO
    return replace(
        invoice,
        vat=vat,
        total_net=net,
        total_tax=tax,
        total_gross=gross,
        paid=paid,
        withheld=withheld,
        rounding=rounding,
        amount_due=gross - paid + invoice.carried - withheld + rounding,
    )


def _settled(invoice: Invoice, what: str, rng: random.Random) -> Invoice:
    if invoice.kind != "380" or invoice.amount_due != invoice.total_gross:
        return invoice
    share = cents(invoice.total_gross * rng.choice((20, 25, 30, 50, 60)) / 100)
    if what == "deposit":
        return replace(invoice, paid=share, amount_due=invoice.total_gross - share)
    if invoice.supplier.country == "FR" and invoice.trade == "craft":
        withheld = cents(invoice.total_gross * 5 / 100)
        return replace(invoice, withheld=withheld, amount_due=invoice.total_gross - withheld)
    return invoice
