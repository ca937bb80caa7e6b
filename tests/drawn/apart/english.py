"""Pages of suppliers who write English: small-business software, subscriptions, British trade with a remittance slip."""
# ruff: noqa: E501 - a line of a page is a line of HTML

from ..content import Invoice
from ..sheet import Drawn
from .ink import Ink, address, ladder, over_values, place, spoken, stacked, sums, sums_across
from .layout import Layout, anyone, net_prices


def _tax(ink: Ink) -> str:
    """What the tax is called where the supplier is."""
    return "Sales tax" if ink.invoice.supplier.country == "US" else "VAT"


def _about(ink: Ink) -> list[tuple[str, str]]:
    return ink.facts(
        (ink.pick("VAT Reg No", "VAT registration number", "VAT ID"), "supplier_vat"),
        (ink.pick("Company no.", "Registered No."), "register"),
        ("EIN", "tax_number"),
        ("SIRET", "supplier_siret") if ink.invoice.supplier.siret else ("", "web"),
    )


def _corrects(ink: Ink) -> str:
    one = ink.invoice
    return f"<p>Relates to invoice {one.preceding_number}</p>" if one.preceding_number else ""


def smallbiz(ink: Ink) -> Drawn:
    """Bookkeeping in the cloud: pale blue, the balance in large print."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    title = ink.titled("INVOICE", "CREDIT MEMO", "DEPOSIT INVOICE", "SELF-BILLED INVOICE")
    facts = ink.facts(
        ("INVOICE #" if one.kind != "381" else "CREDIT #", "invoice_number"),
        ("DATE", "issue_date"),
        ("DUE DATE", "due_date"),
        ("TERMS", "payment_terms"),
        ("P.O. NUMBER", "order_reference"),
        ("ACCOUNT NO.", "customer"),
    )
    heads = [("description", "ACTIVITY"), ("quantity", "QTY"), ("price", "RATE"), ("rate", _tax(ink).upper()), ("net", "AMOUNT")]
    steps = ink.steps(
        {
            "rows": "LINES", "discount": "DISCOUNT {percent}", "shipping": "SHIPPING", "packing": "HANDLING", "fuel": "FUEL SURCHARGE", "ecotax": "ECO LEVY", "net": "SUBTOTAL", "vat": f"{_tax(ink).upper()} @ {{rate}} ON {{base}}",
            "vat_in": "INCLUDES VAT @ {rate}", "tax": f"{_tax(ink).upper()} TOTAL", "gross": "TOTAL", "paid": "PAYMENT", "carried": "PREVIOUS BALANCE", "withheld": "RETENTION", "rounding": "ROUNDING", "due!": "BALANCE DUE",
        }
    )  # fmt: skip
    css = """body{font:9pt 'Liberation Sans'}h1{color:#4b7fb5;font-weight:normal}.rows{margin-top:6mm}.rows th{background:#dce8f3;color:#4b7fb5;font-weight:normal;padding:1.5mm}.sums{margin:5mm 0 0 auto;width:85mm;border-top:1px dotted #888}.s-due{font-size:13pt;font-weight:bold}.f td:first-child{color:#4b7fb5;text-align:right}"""
    inc = "<p>Prices include VAT.</p>" if inclusive else ""
    body = f"""<div class=two><div><b>{ink.told("supplier_name")}</b><br>{address(ink, one.supplier, name=False)}<br>{ink.told("phone")}<br>{ink.told("email")}<br>{spoken(_about(ink), "<br>", ": ")}</div><b style='font-size:17pt'>{ink.logo() if one.supplier.trade_name else ""}</b></div><h1 style='margin:6mm 0'>{title}</h1>
    <div class=two><div><span style='color:#4b7fb5'>BILL TO</span><br>{address(ink, one.buyer)}</div>{ladder("f", facts)}</div>{_corrects(ink)}{ink.rows("", heads)}{inc}{sums("", steps)}<p>{ink.mention()}</p><p>{spoken(ink.facts(("Bank", "bank"), ("IBAN", "iban"), ("SWIFT", "bic")), "<br>", ": ")}</p>{ink.notes()}"""
    return ink.finish(css, body)


def saas(ink: Ink) -> Drawn:
    """A subscription billed by a platform: the amount and its day in large print."""
    one = ink.invoice
    title = ink.titled("Invoice", "Credit note", "Prepayment invoice", "Self-billing invoice")
    facts = ink.facts(
        ("Invoice number", "invoice_number"),
        ("Date of issue", "issue_date"),
        ("Date due", "due_date"),
        ("Customer PO", "order_reference"),
        ("Billing period", "period"),
        ("Amends", "preceding"),
    )
    heads = [("description", "Description"), ("quantity", "Qty"), ("price", "Unit price"), ("rate", "Tax"), ("net", "Amount")]
    steps = ink.steps(
        {
            "rows": "Subtotal before adjustments", "discount": "Coupon {percent} off", "shipping": "Shipping", "packing": "Packaging", "fuel": "Surcharge", "ecotax": "Environmental fee", "net": "Total excluding tax", "vat": f"{_tax(ink)} ({{rate}} on {{base}})",
            "vat_in": "Of which VAT ({rate})", "tax": "Total tax", "gross": "Total", "paid": "Amount paid", "carried": "Starting balance", "withheld": "Retained", "rounding": "Rounding", "due!": f"Amount due ({one.currency})",
        }
    )  # fmt: skip
    due = f" due {ink.told('due_date')}" if one.due else ""
    css = """body{font:9.5pt 'DejaVu Sans'}.rows{margin-top:8mm}.rows th{font-weight:normal;font-size:8pt;border-bottom:1px solid #000}.rows td{padding:2mm 1mm}.sums{margin-left:auto;width:95mm}.sums td{border-top:1px solid #ddd;padding:1.2mm 1mm}.s-due{font-weight:bold}.f td{padding:0 6mm 0 0}"""
    body = f"""<div class=two><h1>{title}</h1><b style='font-size:14pt;color:#666'>{ink.logo()}</b></div>{ladder("f", facts)}<div class=two style='margin:8mm 0;justify-content:flex-start;gap:25mm'><div>{address(ink, one.supplier)}<br>{ink.told("email")}<br>{spoken(_about(ink), "<br>", " ")}</div><div><b>Bill to</b><br>{address(ink, one.buyer)}<br>{spoken(ink.facts(("VAT", "buyer_vat")), "", " ")}</div></div>
    <b style='font-size:15pt'>{ink.told("amount_due")}{due}</b>{ink.rows("", heads)}{sums("", steps)}<p>{ink.mention()}</p>"""
    return ink.finish(css, body, f"<small style='color:#666'>{one.number} · {ink.told('amount_due')}{due}</small>", 7)


def trade(ink: Ink) -> Drawn:
    """A British trade supplier: boxes, goods value, a remittance slip at the foot."""
    one = ink.invoice
    title = ink.titled(
        "SALES INVOICE", "SALES CREDIT NOTE", "PRO-RATA DEPOSIT INVOICE", "SELF-BILLED INVOICE: THE VAT SHOWN IS YOUR OUTPUT TAX"
    )
    facts = ink.facts(
        ("Doc No.", "invoice_number"),
        ("Tax point", "issue_date"),
        ("Account", "customer"),
        ("Your order ref", "order_reference"),
        ("Despatch note", "delivery_note"),
        ("Pay by", "due_date"),
        ("Orig. doc", "preceding"),
    )
    heads = [
        ("code", "Stock code"),
        ("description", "Details"),
        ("quantity", "Quantity"),
        ("unit", "Per"),
        ("price", "Price"),
        ("discount", "Disc."),
        ("net", "Goods"),
        ("rate", "VAT %"),
    ]
    steps = ink.steps(
        {
            "rows": "Goods value", "discount": "Less settlement discount {percent}", "shipping": "Carriage", "packing": "Pallets", "fuel": "Fuel levy", "ecotax": "Environmental levy", "net": "Total goods", "tax": "Total VAT", "tax0": "Total VAT", "gross": "Invoice total",
            "paid": "Less deposit", "carried": "Brought forward", "withheld": "Retention", "rounding": "Rounding", "due": "Remaining to pay",
        }
    )  # fmt: skip
    vat = ink.vat_table("v", ("code", "VAT code"), ("rate", "Rate"), ("base", "Goods"), ("tax", "VAT"))
    css = """body{font:9pt 'Liberation Serif'}.k,.v{border:1px solid #000}.k{width:100%}.k th,.k td,.v th,.v td{border:1px solid #000;text-align:center}.rows{border:1px solid #000;margin:3mm 0}.rows th{border-bottom:1px solid #000;background:#eee}.sums{border:1px solid #000;width:75mm}.s-gross,.s-due{font-weight:bold}.slip{border-top:1px dashed #000;margin-top:8mm;padding-top:2mm}"""
    body = f"""<center><b style='font-size:18pt'>{ink.logo()}</b><br>{address(ink, one.supplier, between=", ")}<br>{spoken(ink.facts(("Tel", "phone")) + _about(ink), "  ", ": ")}</center><h2 style='text-align:right'>{title}</h2><div style='margin:3mm 0 6mm'>{address(ink, one.buyer, upper=True)}</div>
    {over_values("k", facts)}{ink.rows("", heads, 24, 34, ("Carried forward", "Brought forward"))}<div class="two keep">{vat}{sums("", steps)}</div><p>{ink.mention()}</p><p>{spoken(ink.facts(("Terms", "payment_terms")), "", ": ")}</p>{ink.notes()}
    <div class="slip keep"><b>REMITTANCE ADVICE</b> – please return with your payment<div class=two><div>{one.buyer.name}<br>{one.number}</div><div>{spoken(ink.facts(("Pay to", "bank"), ("IBAN", "iban"), ("BIC", "bic")), "<br>", ": ")}</div></div></div>"""
    return ink.finish(css, body)


def consultancy(ink: Ink) -> Drawn:
    """A consultant's letter with the sums across the page."""
    one = ink.invoice
    heads = [
        ("description", "Professional services"),
        ("quantity", "Units"),
        ("net", "Fees incl. VAT" if one.prices_include_tax else "Fees"),
    ]
    steps = ink.steps(
        {
            "rows": "Gross fees", "discount": "Courtesy discount {percent}", "shipping": "Postage", "packing": "Disbursements", "fuel": "Travel", "ecotax": "Levy", "net": "Net fees", "tax": _tax(ink), "tax0": _tax(ink), "gross": "Total payable",
            "paid": "On account", "carried": "Previous fees", "withheld": "Retention", "rounding": "Rounding", "due": "Now due",
        }
    )  # fmt: skip
    facts = ink.facts(
        ("Our invoice", "invoice_number"),
        ("Dated", "issue_date"),
        ("Your reference", "order_reference"),
        ("Engagement letter", "contract_reference"),
        ("Work completed", "delivery_date"),
    )
    due = ink.told("due_date")
    css = """body{font:11pt 'Liberation Serif'}.i{display:flex;gap:10mm;margin:6mm 0}.i span{font-size:8pt;font-style:italic}.rows th{font-weight:normal;font-style:italic;border-bottom:1px solid #000}.a{margin:6mm 0 6mm auto}.a th{font-weight:normal;font-style:italic;padding:1mm 5mm;border-bottom:1px solid #000;text-align:right}.a td{padding:1mm 5mm;text-align:right}"""
    rate = f"<p>{_tax(ink)} rate: {ink.with_percent(one.vat[0].rate)}</p>" if len(one.vat) == 1 and one.total_tax else ""
    body = f"""<div style='text-align:right'><b style='font-size:15pt'>{ink.logo()}</b><br>{address(ink, one.supplier)}</div><div>{address(ink, one.buyer)}</div>{stacked("i", facts)}<h2>{ink.titled("Fee note", "Credit note", "Request for payment on account (deposit invoice)", "Self-billed fee note")}</h2>{_corrects(ink)}{ink.rows("", heads)}{sums_across("a", steps)}{rate}<p>{ink.mention()}</p>
    <p>{f"Kindly settle by {due}" if due else f"Payment terms: {ink.told('payment_terms')}" if one.terms else "Kindly settle promptly"}, to {ink.told("iban")} (BIC {ink.told("bic")}).</p><p>Yours faithfully,<br>{one.supplier.director}</p>"""
    return ink.finish(
        css,
        body,
        f"<center style='font-size:8pt'>{spoken(_about(ink), ' · ', ' ')} · {place(one.supplier)}</center>",
        8,
        margin="18mm 22mm",
    )


def _plain(invoice: Invoice) -> bool:
    return invoice.trade in {"services", "office", "craft"} and len(invoice.rows) < 12


LAYOUTS = {
    "en-smallbiz": Layout("en", anyone, smallbiz),
    "en-saas": Layout("en", anyone, saas),
    "en-trade": Layout("en", net_prices, trade),
    "en-consultancy": Layout("en", _plain, consultancy, 3),
}
