"""Pages of Dutch-speaking suppliers: bookkeeping packages, freelancers, builders with a blocked account, energy, Belgian transfer slips."""
# ruff: noqa: E501 - a line of a page is a line of HTML

from ..content import Invoice
from ..sheet import Drawn
from .ink import Ink, address, ladder, over_values, place, spoken, stacked, sums, sums_across
from .layout import Layout, anyone, net_prices


def _about(ink: Ink) -> list[tuple[str, str]]:
    """The supplier's numbers."""
    if ink.invoice.supplier.country == "BE":
        return ink.facts((ink.pick("BTW", "Ondernemingsnummer", "BTW-nr."), "supplier_vat"), ("", "register"))
    return ink.facts(
        (ink.pick("KvK", "KvK-nr.", "K.v.K.", "Handelsregister"), "register"),
        (ink.pick("Btw-nr.", "BTW-id", "Btw-identificatienummer"), "supplier_vat"),
    )


def _corrects(ink: Ink) -> str:
    one = ink.invoice
    if not one.preceding_number:
        return ""
    return f"<p>{ink.pick('Betreft creditering van factuur', 'Correctie op factuur')} {one.preceding_number}{' van ' + ink.told('preceding_date') if one.preceding_date else ''}</p>"


def administratie(ink: Ink) -> Drawn:
    """A bookkeeping package: references as labels over values, sums the same way."""
    one = ink.invoice
    title = ink.titled("FACTUUR", "CREDITNOTA", "VOORSCHOTFACTUUR", "SELFBILLING FACTUUR (factuur uitgereikt door afnemer)")
    first = ink.facts(
        ("Debiteurnr.", "customer"),
        ("Factuurnr.", "invoice_number"),
        ("Factuurdatum", "issue_date"),
        ("Vervaldatum", "due_date"),
        ("Uw referentie", "order_reference"),
        ("Pakbon", "delivery_note"),
    )
    heads = [
        ("code", "Artikelcode"),
        ("description", "Omschrijving"),
        ("quantity", "Aantal"),
        ("unit", "Eenh."),
        ("price", "Prijs"),
        ("discount", "Krt."),
        ("rate", "BTW%"),
        ("net", "Bedrag"),
    ]
    steps = ink.steps(
        {
            "rows": "Goederenbedrag", "discount": "Korting {percent}", "shipping": "Vrachtkosten", "packing": "Emballage", "fuel": "Dieseltoeslag", "ecotax": "Verwijderingsbijdrage", "net": "Netto bedrag",
            "tax": "BTW-bedrag", "tax0": "BTW-bedrag", "gross": "Factuurbedrag", "paid": "Aanbetaald", "carried": "Saldo", "withheld": "Inhouding", "rounding": "Afronding", "due!": "Te betalen",
        }
    )  # fmt: skip
    vat = ink.vat_table("g", ("rate", "BTW %"), ("base", "Grondslag"), ("tax", "BTW"))
    css = """body{font:9pt 'Liberation Sans'}.g{border:1px solid #789;margin:3mm 0}.g th{background:#e2e8ee;font-weight:normal;padding:1mm 3mm}.g td{padding:1mm 3mm;border-left:1px solid #cde}.w{width:100%}.rows th{border-bottom:1px solid #789}"""
    body = f"""<div class=two><b style='font-size:18pt'>{ink.logo()}</b><div style='text-align:right;font-size:8pt'>{address(ink, one.supplier)}<br>{spoken(ink.facts(("T", "phone"), ("E", "email"), ("Bank", "iban"), ("BIC", "bic")) + _about(ink), "<br>", " ")}</div></div><div style='margin:10mm 0'>{address(ink, one.buyer)}</div>
    <b style='font-size:13pt'>{title}</b>{over_values("g w", first)}{_corrects(ink)}{ink.rows("", heads, 26, 34, ("Transport", "Transport vorige pagina"))}{vat}{sums_across("g w", steps)}<p>{ink.mention()}</p><p>Betalingsconditie: {ink.told("payment_terms")}</p>{ink.notes()}"""
    return ink.finish(css, body)


def freelance(ink: Ink) -> Drawn:
    """A freelancer's small page; what is to be paid stands in a sentence as well."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    title = ink.titled("Factuur", "Creditfactuur", "Aanbetalingsfactuur", "Factuur uitgereikt door afnemer")
    facts = ink.facts(
        ("Factuurnummer", "invoice_number"),
        ("Factuurdatum", "issue_date"),
        ("Referentie", "order_reference"),
        ("Periode", "period"),
        ("Leverdatum", "delivery_date"),
    )
    heads = [("quantity", ""), ("description", "Omschrijving"), ("net", "Bedrag incl." if inclusive else "Bedrag"), ("rate", "Btw")]
    if ink.chance(0.6):
        heads.insert(2, ("price", "Tarief"))
    steps = ink.steps(
        {
            "rows": "Totaal regels", "discount": "{percent} korting", "shipping": "Verzendkosten", "packing": "Verpakking", "fuel": "Brandstoftoeslag", "ecotax": "Milieubijdrage", "net": "Subtotaal",
            "vat": "{rate} btw over {base}", "vat_in": "waarvan {rate} btw", "tax": "Totaal btw", "gross": "Totaal", "paid": "Reeds voldaan", "carried": "Openstaand", "withheld": "Inhouding", "rounding": "Afronding", "due": "Nog te voldoen",
        }
    )  # fmt: skip
    due = ink.told("due_date")
    number = f"factuurnummer {one.number}"
    pay = f"Wij verzoeken u vriendelijk het bovenstaande bedrag van {ink.told('amount_due')}{f' voor {due}' if due else ''} te voldoen op onze bankrekening {ink.told('iban')} onder vermelding van {number}."
    css = """body{font:10pt 'DejaVu Sans Condensed';color:#333}h1{font-weight:normal}.rows{margin:10mm 0 2mm}.rows th{font-weight:normal;color:#888;border-bottom:1px solid #888}.sums{margin-left:auto;border-top:1px solid #888;width:85mm}.s-gross,.s-due{font-weight:bold}.f td{padding-right:5mm}"""
    body = f"""<div class=two><div style='margin-top:25mm'>{address(ink, one.buyer)}</div><div style='width:70mm'><b style='font-size:15pt;color:#0a7d6c'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br><br>{ink.told("email")}<br>{spoken(_about(ink), "<br>")}</div></div><h1 style='margin:10mm 0 3mm'>{title}</h1>{ladder("f", facts)}{_corrects(ink)}
    {ink.rows("", heads)}{sums("", steps)}<p>{ink.mention()}</p><p style='margin-top:10mm'>{pay}</p>{ink.notes()}"""
    return ink.finish(css, body, margin="15mm 18mm")


def aannemer(ink: Ink) -> Drawn:
    """A building contractor: instalments, VAT shifted, a blocked account."""
    one = ink.invoice
    title = ink.titled("Termijnfactuur", "Creditfactuur", "Voorschotnota", "Factuur namens leverancier (selfbilling)")
    facts = ink.facts(
        ("Nota nr.", "invoice_number"),
        ("Datum", "issue_date"),
        ("Werk", "file"),
        ("Opdrachtnr.", "order_reference"),
        ("Projectcontract", "contract_reference"),
        ("Volgens offerte", "quote"),
        ("Relatienr.", "customer"),
        ("Uiterlijk betalen", "due_date"),
        ("Opgeleverd", "delivery_date"),
    )
    heads = [
        ("pos", "Post"),
        ("description", "Werkzaamheden"),
        ("quantity", "Hoev."),
        ("unit", "Ehd"),
        ("price", "Eenheidsprijs"),
        ("net", "Totaalprijs"),
    ]
    steps = ink.steps(
        {
            "rows": "Aanneemsom", "discount": "Minderwerk {percent}", "shipping": "Voorrijkosten", "packing": "Afvoer puin", "fuel": "Brandstof", "ecotax": "Stortkosten", "net": "Totaal excl. BTW", "vat": "BTW hoog/laag {rate}",
            "tax": "Totaal BTW", "gross": "Totaal incl. BTW", "paid": "Af: betaalde termijnen", "deposits": "Termijn d.d. {date}", "carried": "Openstaand", "withheld": "Garantie-inhouding {percent}", "rounding": "Afronding", "due!": "Door u te betalen",
        }
    )  # fmt: skip
    rate = f"<p>BTW-tarief {ink.with_percent(one.vat[0].rate)}</p>" if not one.total_tax else ""
    second = f"<p>G-rekening: {ink.told('second_iban')}</p>" if len(one.accounts) > 1 else ""
    css = """body{font:9.5pt 'Liberation Sans Narrow'}.rows th{background:#f5c400}.rows td{border-bottom:1px solid #eed}.sums{margin:4mm 0 0 auto;width:90mm}.s-due td{border-top:2px solid #f5c400;border-bottom:2px solid #f5c400;font-weight:bold}.k td{border:1px solid #f5c400;padding:1mm 3mm}"""
    body = f"""<div style='background:#f5c400;padding:3mm'><b style='font-size:18pt'>{ink.logo()}</b> {one.supplier.web}</div><div class=two style='margin:8mm 0'><div>Aan:<br>{address(ink, one.buyer)}<br>{spoken(ink.facts(("Uw btw-nr.", "buyer_vat")))}</div>{ladder("k", facts)}</div><h2>{title}</h2>{_corrects(ink)}{ink.rows("", heads, 24, 32)}{sums("", steps)}
    <p><b>{ink.mention()}</b></p>{rate}<p>{spoken(ink.facts(("Betaling", "payment_terms")))}</p><p>Bankrekening: {ink.told("iban")} BIC: {ink.told("bic")}</p>{second}{ink.notes()}"""
    return ink.finish(
        css,
        body,
        f"<center style='font-size:8pt'>{address(ink, one.supplier, between=' | ')} | {spoken(_about(ink), ' | ', ' ')} | Tel. {ink.told('phone')}</center>",
        9,
    )


def vlaams(ink: Ink) -> Drawn:
    """A Belgian supplier with a transfer form at the foot; Dutch ones use the same page without it."""
    one = ink.invoice
    title = ink.titled("Factuur", "Kredietnota", "Voorschotfactuur", "Factuur uitgereikt door afnemer (self-billing)")
    facts = ink.facts(
        ("Nummer", "invoice_number"),
        ("Datum", "issue_date"),
        ("Vervaldag", "due_date"),
        ("Klantnr.", "customer"),
        ("Uw bestelbon", "order_reference"),
        ("Leverbon", "delivery_note"),
    )
    heads = [
        ("description", "Benaming"),
        ("quantity", "Hoeveelheid"),
        ("price", "Eenheidsprijs"),
        ("rate", "% BTW"),
        ("net", "Totaal excl."),
    ]
    steps = ink.steps(
        {
            "rows": "Bruto", "discount": "Handelskorting {percent}", "shipping": "Transportkosten", "packing": "Leeggoed", "fuel": "Mazouttoeslag", "ecotax": "Recupel", "net": "Totaal maatstaf van heffing", "tax": "Totaal BTW",
            "gross": "Totaal incl. BTW", "paid": "Ontvangen voorschot", "carried": "Vorig saldo", "withheld": "Inhouding", "rounding": "Afronding", "due!": ink.pick("TE BETALEN", "Te voldoen"),
        }
    )  # fmt: skip
    vat = ink.vat_table("v", ("rate", "BTW-tarief"), ("base", "Maatstaf van heffing"), ("tax", "BTW"))
    slip = (
        f"<p>Rekening {ink.told('iban')}</p>"
        if one.supplier.country == "NL" and ink.chance(0.7)
        else f"""<div class="slip keep"><b>OVERSCHRIJVINGSOPDRACHT</b><table><tr><td>Bedrag</td><td><b>{ink.told("amount_due")}</b></td></tr><tr><td>Rekening begunstigde (IBAN)</td><td>{ink.told("iban")}</td></tr><tr><td>BIC begunstigde</td><td>{ink.told("bic")}</td></tr>
    <tr><td>Naam en adres begunstigde</td><td>{address(ink, one.supplier, between=", ")}</td></tr><tr><td>Mededeling</td><td>{one.number}</td></tr></table></div>"""
    )
    css = """body{font:9.5pt 'Liberation Serif'}.rows{margin-top:5mm}.rows th{background:#444;color:#fff}.sums{width:80mm}.s-due{font-weight:bold}.v td,.v th{border:1px solid #444;padding:0 3mm}.slip{margin-top:8mm;background:#fbe9e0;border:1px solid #d86;padding:3mm;font-size:9pt}.slip td{padding-right:6mm}.b{border:1px solid #444;padding:3mm;width:85mm}"""
    body = f"""<div class=two><div><b style='font-size:17pt'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br>Tel. {ink.told("phone")}<br>{spoken(_about(ink), "<br>", " ")}</div><div><h1>{title}</h1><div class=b>{address(ink, one.buyer)}<br>{spoken(ink.facts(("BTW", "buyer_vat")), "", " ")}</div></div></div><br>{over_values("v", facts)}{_corrects(ink)}{ink.rows("", heads)}
    <div class="two keep" style='margin-top:5mm'>{vat}{sums("", steps)}</div><p>{ink.mention()}</p><p>{spoken(ink.facts(("Betalingsvoorwaarden", "payment_terms")))}</p>{slip}{ink.notes()}"""
    return ink.finish(css, body)


def energie(ink: Ink) -> Drawn:
    """An energy or telecom bill: the sum first, the specification behind."""
    one = ink.invoice
    facts = ink.facts(
        ("Klantnummer", "customer"),
        ("Contractnummer", "contract_reference"),
        ("Notanummer", "invoice_number"),
        ("Notadatum", "issue_date"),
        ("Over de periode", "period"),
        ("Kenmerk machtiging", "mandate"),
        ("Uw inkoopnummer", "order_reference"),
    )
    steps = ink.steps(
        {
            "rows": "Abonnement en verbruik", "discount": "Voordeel {percent}", "shipping": "Netbeheer", "packing": "Overig", "fuel": "Toeslag", "ecotax": "Energiebelasting", "net": "Totaal zonder btw", "vat": "Btw {rate}", "tax": "Totaal btw",
            "gross": "Totaal met btw", "paid": "Al betaald (termijnbedragen)", "carried": "Nog open van vorige nota's", "withheld": "Inhouding", "rounding": "Afronding", "due!": "Te betalen bedrag",
        }
    )  # fmt: skip
    due = ink.told("due_date")
    debit = bool(one.terms and one.terms.how == "debit")
    how = "Wij schrijven dit bedrag rond {} af." if debit else "Wilt u dit bedrag uiterlijk {} betalen?"
    heads = [
        ("description", "Specificatie"),
        ("quantity", "Verbruik"),
        ("unit", ""),
        ("price", "Tarief excl. btw"),
        ("rate", "Btw"),
        ("net", "Excl. btw"),
    ]
    css = """body{font:10pt 'DejaVu Sans'}.i{float:right;width:65mm;background:#eef;padding:4mm;font-size:8.5pt}.i div{margin-bottom:1.5mm}.i span{color:#44a}.sums{width:110mm;margin:6mm 0}.sums td{padding:1mm 0;border-bottom:1px solid #ccd}.s-due{font-weight:bold;font-size:12pt;color:#44a}.rows th{border-bottom:2px solid #44a}"""
    body = f"""<b style='font-size:20pt;color:#44a'>{ink.logo()}</b>{stacked("i", facts)}<div style='margin:14mm 0'>{address(ink, one.buyer)}</div><h2 style='clear:both'>{ink.titled("Uw nota", "Uw creditnota", "Uw voorschotnota", "Nota opgemaakt door afnemer")}</h2>{_corrects(ink)}{sums("", steps)}<p>{ink.mention()}</p><p>{how.format(due) if due else ""}</p>
    {"" if debit else f"<p>Ons rekeningnummer: {ink.told('iban')} ({ink.told('bic')})</p>"}<div class=newpage></div><h2>Specificatie</h2>{ink.rows("", heads)}"""
    return ink.finish(
        css, body, f"<div style='font-size:7.5pt'>{address(ink, one.supplier, between=', ')} – {spoken(_about(ink), ' – ', ' ')}</div>", 9
    )


def winkel(ink: Ink) -> Drawn:
    """A web shop's page with prices as the customer saw them."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    word = "incl. btw" if inclusive else "ex btw"
    facts = ink.facts(
        ("Factuur #", "invoice_number"),
        ("Ordernummer", "order_reference"),
        ("Orderdatum", "order_date"),
        ("Datum factuur", "issue_date"),
        ("Betaald met" if one.amount_due == 0 else "Betaalwijze", "how"),
        ("Betaal voor", "due_date"),
        ("Verzonden op", "delivery_date"),
        ("Retour op factuur", "preceding"),
    )
    heads = [
        ("description", "Product"),
        ("price", f"Stukprijs {word}"),
        ("quantity", "Aantal"),
        ("rate", "Btw-tarief"),
        ("net", f"Totaal {word}"),
    ]
    steps = ink.steps(
        {
            "rows": f"Artikelen {word}", "discount": "Kortingscode {percent}", "shipping": "Bezorging", "packing": "Cadeauverpakking", "fuel": "Toeslag", "ecotax": "Verwijderingsbijdrage", "net": "Totaal exclusief btw", "vat": "Btw {rate}",
            "vat_in": "Inbegrepen btw {rate}", "tax": "Btw totaal", "gross": "Totaal inclusief btw", "paid": "Ontvangen betaling", "carried": "Saldo", "withheld": "Inhouding", "rounding": "Afronding", "due": "Openstaand bedrag",
        }
    )  # fmt: skip
    css = """body{font:9.5pt 'DejaVu Sans Condensed'}.rows th{border-top:3px solid #111;border-bottom:1px solid #111;font-size:8pt}.rows{margin:8mm 0}.sums{margin-left:auto;width:80mm}.s-gross{font-size:12pt;font-weight:bold}"""
    body = f"""<div class=two><h1>{ink.titled("Factuur", "Creditnota", "Aanbetaling", "Selfbilling-factuur")}</h1><b style='font:bold 20pt "Liberation Serif"'>{ink.logo()}</b></div><div class=two style='margin-top:8mm'><div>{address(ink, one.buyer)}</div><div>{spoken(facts, "<br>", ": ")}</div></div>{ink.rows("", heads)}{sums("", steps)}<p>{ink.mention()}</p>{ink.notes()}"""
    iban = f" – IBAN {ink.told('iban')}" if ink.chance(0.5) else ""
    return ink.finish(
        css,
        body,
        f"<div style='font-size:8pt;border-top:1px solid #111'>{ink.told('supplier_name')} – {one.supplier.street}, {place(one.supplier)} – {spoken(_about(ink), ' – ', ' ')}{iban}</div>",
        9,
    )


def _billed(invoice: Invoice) -> bool:
    return invoice.trade in {"utility", "cloud"} and net_prices(invoice)


def _works(invoice: Invoice) -> bool:
    return invoice.trade in {"craft", "industry", "services"} and net_prices(invoice)


LAYOUTS = {
    "nl-administratie": Layout("nl", net_prices, administratie),
    "nl-freelance": Layout("nl", anyone, freelance),
    "nl-aannemer": Layout("nl", _works, aannemer, 3),
    "nl-vlaams": Layout("nl", net_prices, vlaams),
    "nl-energie": Layout("nl", _billed, energie, 6),
    "nl-winkel": Layout("nl", anyone, winkel),
}
