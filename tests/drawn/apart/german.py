"""Pages of German-speaking suppliers: letters after DIN 5008, wholesalers, craftsmen, utilities, clinics' suppliers, Swiss slips."""
# ruff: noqa: E501 - a line of a page is a line of HTML

from ..content import Invoice
from ..sheet import Drawn
from .french import swiss
from .ink import Ink, address, ladder, over_values, place, spoken, stacked, sums, sums_across
from .layout import Layout, anyone, net_prices


def _columns(ink: Ink) -> str:
    """Three or four columns of small print at the foot."""
    one = ink.invoice.supplier
    first = f"{ink.told('supplier_name')}<br>{one.street}<br>{place(one)}"
    second = spoken(ink.facts(("Tel.", "phone"), ("E-Mail", "email"), ("Internet", "web")), "<br>", " ")
    third = spoken(
        ink.facts(
            ("St.-Nr.", "tax_number"),
            ("USt-ID", "supplier_vat"),
            ("", "register"),
            (ink.pick("GF", "Inh.", "Geschäftsführung"), "director"),
        ),
        "<br>",
        ": ",
    )
    fourth = spoken(ink.facts(("", "bank"), ("IBAN", "iban"), ("BIC", "bic")), "<br>", " ")
    return f"<table style='width:100%;font-size:7pt;border-top:.5pt solid #555'><tr><td>{first}</td><td>{second}</td><td>{third}</td><td>{fourth}</td></tr></table>"


def _corrects(ink: Ink) -> str:
    one = ink.invoice
    if not one.preceding_number:
        return ""
    return f"<p>zu unserer Rechnung {one.preceding_number}{' vom ' + ink.told('preceding_date') if one.preceding_date else ''}</p>"


def kanzlei(ink: Ink) -> Drawn:
    """The bookkeepers' classic: window, block of references at the right, sums under the last column."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    title = ink.titled("Rechnung", "Rechnungskorrektur", "Abschlagsrechnung", "Gutschrift gemäß § 14 Abs. 2 UStG (Selbstabrechnung)")
    facts = ink.facts(
        ("Belegnummer", "invoice_number"),
        ("Belegdatum", "issue_date"),
        ("Ihre Kd.-Nr.", "customer"),
        ("Lieferdatum", "delivery_date"),
        ("Ihr Auftrag", "order_reference"),
        ("Leistungszeitraum", "period"),
        ("Sachbearbeiter", "salesperson"),
        ("Vertragsnr.", "contract_reference"),
    )
    heads = [
        ("pos", "Pos"),
        ("description", "Text"),
        ("quantity", "Menge"),
        ("unit", "ME"),
        ("price", "Einzelpreis"),
        ("net", "Gesamtpreis"),
    ]
    if len(one.vat) > 1:
        heads.insert(5, ("rate", "USt"))
    steps = ink.steps(
        {
            "rows": "Zwischensumme", "discount": "abzgl. Rabatt {percent}", "shipping": "Versandkosten", "packing": "Verpackung", "fuel": "Dieselzuschlag", "ecotax": "Entsorgungspauschale",
            "net": "Nettosumme", "vat": "zzgl. {rate} USt. auf {base}", "vat_in": "darin enthaltene USt. {rate}", "tax": "USt. gesamt", "gross": "Rechnungssumme brutto" if inclusive else "Rechnungssumme",
            "paid": "abzüglich Anzahlung", "carried": "Vortrag", "withheld": "Sicherheitseinbehalt", "rounding": "Rundung", "due": "Restforderung",
        }
    )  # fmt: skip
    due = ink.told("due_date")
    css = """body{font:10pt 'Liberation Sans'}.rows{margin-top:5mm}.rows th{border-bottom:1px solid #000;border-top:1px solid #000}.sums{margin:2mm 0 0 auto;min-width:80mm;border-top:1px solid #000}.s-gross,.s-due{font-weight:bold}.f td{padding:0 4mm 0 0;font-size:9pt}.absender{font-size:7pt;text-decoration:underline}"""
    body = f"""<div style='text-align:right;font-size:16pt'>{ink.logo()}</div><div class=two style='margin-top:14mm'><div><span class=absender>{ink.told("supplier_name")} · {one.supplier.street} · {place(one.supplier)}</span><br><br>{address(ink, one.buyer)}<br>{spoken(ink.facts(("USt-ID", "buyer_vat"))) if one.regime != "standard" else ""}</div>{ladder("f", facts)}</div>
    <h2 style='margin-top:14mm'>{title}</h2>{_corrects(ink)}<p>Für unsere Leistungen stellen wir Ihnen in Rechnung:</p>{ink.rows("", heads)}{sums("", steps)}<p>{ink.mention()}</p>
    <p>{f"Zahlungsziel: {ink.told('payment_terms')}" if one.terms else ""}</p><p>{f"Bitte überweisen Sie den Betrag bis spätestens {due}." if due else ""}</p>{ink.notes()}"""
    return ink.finish(css, body, _columns(ink), 20, margin="12mm 18mm 10mm 22mm")


def buero(ink: Ink) -> Drawn:
    """Office software: blue heads, number in the title."""
    one = ink.invoice
    title = ink.titled("Rechnung Nr.", "Gutschrift (Storno) Nr.", "Anzahlungsrechnung Nr.", "Selbst ausgestellte Gutschrift Nr.")
    facts = ink.facts(
        ("Datum", "issue_date"),
        ("Kunde", "customer"),
        ("Leistungsdatum", "delivery_date"),
        ("Fälligkeit", "due_date"),
        ("Bestellzeichen", "order_reference"),
        ("Lieferschein", "delivery_note"),
        ("Angebot", "quote"),
        ("Bezug", "preceding"),
    )
    heads = [
        ("pos", "#"),
        ("description", "Bezeichnung"),
        ("quantity", "Anzahl"),
        ("price", "Preis/Einheit"),
        ("rate", "MwSt."),
        ("net", "Summe"),
    ]
    says = {
        "rows": "Summe Positionen", "discount": "Nachlass {percent}", "shipping": "Porto", "packing": "Verpackungspauschale", "fuel": "Treibstoffzuschlag", "ecotax": "WEEE-Abgabe",
        "net": "Netto", "vat": "MwSt. {rate}", "vat_in": "inkl. {rate} MwSt.", "tax": "MwSt.", "tax0": "MwSt.", "gross": "Brutto", "paid": "Bereits erhalten",
        "carried": "Saldovortrag", "withheld": "Einbehalt", "rounding": "Rundungsdifferenz", "due!": "Zahlbetrag",
    }  # fmt: skip
    css = """body{font:9pt 'DejaVu Sans Condensed'}.rows th{background:#1f5fa8;color:#fff;padding:1.5mm}.rows tr:nth-child(even){background:#eef3fa}.sums{margin:4mm 0 0 auto;width:70mm}.s-due{background:#1f5fa8;color:#fff;font-weight:bold}.f td:first-child{color:#1f5fa8}"""
    body = f"""<div class=two><b style='font-size:17pt;color:#1f5fa8'>{ink.logo()}</b><div style='font-size:8pt;text-align:right'>{address(ink, one.supplier)}<br>{ink.told("phone")}</div></div><div class=two style='margin:12mm 0'><div>{address(ink, one.buyer)}</div>{ladder("f", facts)}</div>
    <h2>{title} {ink.told("invoice_number")}</h2>{ink.rows("", heads)}{sums("", ink.steps(says))}<p>{ink.mention()}</p><p>{spoken(ink.facts(("Zahlungsbedingungen", "payment_terms"), ("Zahlungsart", "how")), "<br>", ": ")}</p>{ink.notes()}"""
    return ink.finish(css, body, _columns(ink), 20)


def grosshandel(ink: Ink) -> Drawn:
    """A wholesaler's host: fixed pitch, carry-over, sums as labels over values."""
    one = ink.invoice
    title = ink.titled("R E C H N U N G", "G U T S C H R I F T", "VORAUSRECHNUNG", "GUTSCHRIFTANZEIGE (Abrechnung durch den Kunden)")
    facts = ink.facts(
        ("Rechn.-Nr.", "invoice_number"),
        ("Rechn.-Datum", "issue_date"),
        ("Kd-Nr.", "customer"),
        ("Best.-Nr.", "order_reference"),
        ("LS-Nr.", "delivery_note"),
        ("Lieferung", "delivery_date"),
    )
    heads = [
        ("code", "Artikel"),
        ("description", "Warenbezeichnung"),
        ("quantity", "Menge"),
        ("unit", "EH"),
        ("price", "Preis"),
        ("discount", "Rab."),
        ("rate", "St%"),
        ("net", "Betrag"),
    ]
    steps = ink.steps(
        {
            "rows": "Warenwert", "discount": "Rabatt {percent}", "shipping": "Fracht", "packing": "Verp.", "fuel": "Maut/Diesel", "ecotax": "Pfand", "net": "Nettowarenwert", "tax": "MwSt-Betrag",
            "tax0": "MwSt-Betrag", "gross": "Rechnungsendbetrag", "paid": "Anzahlung", "carried": "Altsaldo", "withheld": "Einbehalt", "rounding": "Rundung", "due": "Offener Betrag",
        }
    )  # fmt: skip
    vat = ink.vat_table("v", ("code", "SK"), ("rate", "%"), ("base", "Steuerpfl. Betrag"), ("tax", "Steuerbetrag"), ("total", "Brutto"))
    css = """body{font:8.5pt 'Liberation Mono'}.rows th,.a th,.v th{font-weight:normal;border-bottom:1px dashed #000}.rows th{border-top:1px dashed #000}.a{width:100%;margin-top:3mm;border-top:1px dashed #000}.a td{font-weight:bold}.k td,.k th{padding-right:5mm;font-weight:normal}.carried td{font-style:italic}.v td,.v th{padding-right:4mm}"""
    body = f"""<div class=two><div>{address(ink, one.buyer, upper=True)}</div><div><b style='font:bold 14pt "Liberation Sans"'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br>Tel. {ink.told("phone")}<br>{spoken(ink.facts(("USt-Id-Nr.", "supplier_vat"), ("Steuernr.", "tax_number")), "<br>")}</div></div><h2 style='margin:6mm 0'>{title}</h2>
    {over_values("k", facts)}{_corrects(ink)}<br>{ink.rows("", heads, 24, 36, ("Übertrag", "Übertrag von Vorseite"))}<br>{vat}{sums_across("a", steps)}<p>{ink.mention()}</p><p>{spoken(ink.facts(("Zahlung", "payment_terms"), ("fällig am", "due_date")), ", ", ": ")}</p>
    <p>Bankverbindung: {spoken(ink.facts(("", "bank"), ("IBAN", "iban"), ("BIC", "bic")), " / ", " ")}</p>{ink.notes()}"""
    return ink.finish(css, body, f"<small>{spoken(ink.facts(('', 'register'), ('', 'web')), ' * ')}</small>", 7)


def handwerk(ink: Ink) -> Drawn:
    """A craftsman's letter: sums in a sentence, a transfer form at the foot."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    title = ink.titled("Rechnung", "Gutschrift", "Abschlagszahlung", "Gutschrift (Leistungsempfänger)")
    heads = [("quantity", "Menge"), ("unit", ""), ("description", "Leistung"), ("price", "EP"), ("net", "GP brutto" if inclusive else "GP")]
    extra = "".join(f"<p>{'Nachlass' if each.key == 'discount' else 'Zuschlag'}: {ink.money(each.amount)}</p>" for each in one.adjustments)
    rate = f"{ink.with_percent(one.vat[0].rate)} " if len(one.vat) == 1 else ""
    tax = f" zuzüglich {rate}Mehrwertsteuer in Höhe von {ink.told('total_tax')}" if one.total_tax else ""
    total = (
        f"Der Nettobetrag beläuft sich auf {ink.told('total_net')}{tax}; die Rechnung lautet somit über <b>{ink.told('total_gross')}</b>."
    )
    if one.amount_due != one.total_gross:
        paid = f"Unter Berücksichtigung Ihrer Zahlung von {ink.told('paid_amount')} " if one.paid else "Nach Verrechnung "
        total += f" {paid}verbleiben <b>{ink.told('amount_due')}</b> zu zahlen."
    due = ink.told("due_date")
    css = """body{font:10.5pt 'Liberation Serif'}.rows{margin:4mm 0}.rows th{border-bottom:1px solid #000;font-weight:normal;text-align:left}.slip{margin-top:10mm;border:1px solid #c60;background:#fdf0e2;padding:3mm;width:140mm;font-size:9pt}.slip span{font-size:6.5pt;color:#c60}.slip div{border-bottom:1px solid #c60;margin-bottom:1mm}"""
    when = f"zahlbar bis {due}" if due else one.terms.words if one.terms else ""
    slip = f"""<div class="slip keep"><b>SEPA-Überweisung</b><div><span>Begünstigter</span><br>{ink.told("supplier_name")}</div><div><span>IBAN</span><br>{ink.told("iban")}</div><div><span>BIC</span><br>{ink.told("bic")}</div>
    <div style='text-align:right'><span>Betrag: {one.currency}, Cent</span><br>{ink.told("amount_due")}</div><div><span>Verwendungszweck</span><br>{one.number}</div></div>"""
    body = f"""<center><b style='font-size:20pt'>{ink.logo()}</b><br>{address(ink, one.supplier, between=" • ")}<br>{spoken(ink.facts(("Telefon", "phone"), ("Steuernummer", "tax_number"), ("Umsatzsteuer-Identifikationsnummer", "supplier_vat")), " • ", " ")}</center>
    <div style='margin:12mm 0'>{address(ink, one.buyer)}</div><p style='text-align:right'>{one.supplier.city}, den {ink.told("issue_date")}</p><p><b>{title} {ink.told("invoice_number")}</b></p>{_corrects(ink)}<p>{spoken(ink.facts(("Bauvorhaben", "file"), ("Ihre Bestellung", "order_reference"), ("Ausgeführt am", "delivery_date"), ("gemäß Angebot", "quote")), "<br>", ": ")}</p>
    <p>Sehr geehrte Damen und Herren,</p><p>für die ausgeführten Arbeiten erlaube ich mir zu berechnen:</p>{ink.rows("", heads)}{extra}<p>{total}</p><p>{ink.mention()}</p><p>{when}</p><p>Mit freundlichem Gruß<br><i>{one.supplier.director}</i></p>{slip if ink.chance(0.6) else f"<p>Konto: {ink.told('iban')} ({ink.told('bic')})</p>"}"""
    if one.terms and when == one.terms.words:
        ink.shown.add("payment_terms")
    return ink.finish(css, body, margin="14mm 22mm")


def stadtwerke(ink: Ink) -> Drawn:
    """A municipal utility: summary first, how it comes about behind."""
    one = ink.invoice
    facts = ink.facts(
        ("Vertragskonto", "customer"),
        ("Vertrag", "contract_reference"),
        ("Rechnungsnr.", "invoice_number"),
        ("Abrechnungszeitraum", "period"),
        ("Mandatsreferenz", "mandate"),
        ("Ihr Zeichen", "order_reference"),
        ("berichtigt Rechnung", "preceding"),
    )
    steps = ink.steps(
        {
            "rows": "Verbrauch und Grundpreis", "discount": "Bonus {percent}", "shipping": "Messstellenbetrieb", "packing": "Sonstiges", "fuel": "Umlagen", "ecotax": "Abgaben", "net": "Nettobetrag",
            "vat": "Umsatzsteuer {rate}", "tax": "Umsatzsteuer insgesamt", "gross": "Bruttobetrag", "paid": "Ihre Abschlagszahlungen", "carried": "Rückstand", "withheld": "Einbehalt", "rounding": "Rundung",
            "due!": ink.pick("Zu zahlender Betrag", "Nachzahlung"),
        }
    )  # fmt: skip
    due = ink.told("due_date")
    how = "Den Betrag buchen wir am {} von Ihrem Konto ab." if one.terms and one.terms.how == "debit" else "Bitte zahlen Sie bis zum {}."
    heads = [
        ("description", "Berechnung"),
        ("quantity", "Menge"),
        ("unit", "Einh."),
        ("price", "Preis netto"),
        ("rate", "USt."),
        ("net", "Netto"),
    ]
    css = """body{font:10pt 'DejaVu Sans Condensed'}.i{display:flex;flex-wrap:wrap;gap:2mm 8mm;background:#e8f0d8;padding:3mm;margin:5mm 0}.i span{font-size:7.5pt}.sums{width:100%;margin:4mm 0}.sums td{border-bottom:1px solid #9b6}.s-due{font-size:13pt;font-weight:bold}.rows th{border-bottom:2px solid #584}"""
    body = f"""<div class=two><div style='margin-top:20mm'>{address(ink, one.buyer)}</div><div><b style='font-size:18pt;color:#475'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br>Kundenservice {ink.told("phone")}</div></div><p style='text-align:right;margin-top:8mm'>{ink.told("issue_date")}</p><h2>{ink.titled("Ihre Rechnung", "Ihre Gutschrift", "Ihre Abschlagsrechnung", "Gutschrift über Ihre Lieferung (vom Kunden erstellt)")}</h2>
    {stacked("i", facts)}{sums("", steps)}<p>{ink.mention()}</p><p>{how.format(f"<b>{due}</b>") if due else ""}</p><div class=newpage></div><h2>Erläuterung</h2>{ink.rows("", heads)}"""
    return ink.finish(css, body, _columns(ink), 20)


def liefer(ink: Ink) -> Drawn:
    """An industrial supplier, bilingual in German and English, box of references across the page."""
    one = ink.invoice
    title = ink.titled(
        "RECHNUNG / INVOICE",
        "GUTSCHRIFT / CREDIT NOTE",
        "ANZAHLUNGSRECHNUNG / DOWN PAYMENT INVOICE",
        "GUTSCHRIFTSVERFAHREN / SELF-BILLING INVOICE",
    )
    facts = ink.facts(
        ("Nummer / No.", "invoice_number"),
        ("Datum / Date", "issue_date"),
        ("Kunden-Nr. / Customer", "customer"),
        ("Ihre Bestell-Nr. / Your PO", "order_reference"),
        ("Valuta / Due", "due_date"),
        ("Lieferschein / Delivery note", "delivery_note"),
        ("Storno zu / Cancels", "preceding"),
    )
    heads = [
        ("pos", "Pos. / Item"),
        ("code", "Material"),
        ("description", "Bezeichnung / Description"),
        ("quantity", "Menge / Qty"),
        ("unit", "ME / UoM"),
        ("price", "Preis / Price"),
        ("net", "Wert / Value"),
    ]
    steps = ink.steps(
        {
            "rows": "Positionen / Items", "discount": "Rabatt / Discount {percent}", "shipping": "Fracht / Freight", "packing": "Verpackung / Packing", "fuel": "Energiezuschlag / Energy surcharge", "ecotax": "Umweltabgabe / Environmental charge",
            "net": "Nettowert / Net value", "vat": "Umsatzsteuer / VAT {rate}", "tax": "Summe USt / Total VAT", "tax0": "Umsatzsteuer / VAT", "gross": "Endbetrag / Total amount", "paid": "Anzahlung / Down payment", "carried": "Vortrag / Balance",
            "withheld": "Einbehalt / Retention", "rounding": "Rundung / Rounding", "due!": "Fälliger Betrag / Amount payable",
        }
    )  # fmt: skip
    css = """body{font:9pt 'Liberation Sans Narrow'}.i{display:grid;grid-template-columns:repeat(4,1fr);border:1px solid #000}.i div{border:1px solid #000;padding:1mm 2mm}.i span{font-size:7pt}.rows{margin-top:4mm}.rows th{background:#ccc}.rows td{border-bottom:1px solid #ccc}.sums{margin:3mm 0 0 auto;width:95mm}.sums td{border:1px solid #000}.s-due{font-weight:bold}"""
    body = f"""<div class=two><div><h1>{ink.logo()}</h1>{address(ink, one.supplier)}</div><h2 style='color:#555'>{title}</h2></div><div style='margin:8mm 0'><small>Rechnungsempfänger / Bill to</small><br>{address(ink, one.buyer)}<br>{spoken(ink.facts(("USt-IdNr. / VAT", "buyer_vat")))}</div>{stacked("i", facts)}
    {ink.rows("", heads, 28, 36, ("Zwischensumme / Carried forward", "Übertrag / Brought forward"))}{sums("", steps)}<p>{ink.mention()}</p><p>{spoken(ink.facts(("Zahlungsbedingung / Terms", "payment_terms"), ("Lieferdatum / Delivery", "delivery_date")), "<br>", ": ")}</p>{ink.notes()}"""
    return ink.finish(css, body, _columns(ink), 20)


def eidgenossen(ink: Ink) -> Drawn:
    """A Swiss invoice in German with the payment part of the QR bill at the foot."""
    return swiss(
        ink,
        ink.titled("Rechnung", "Gutschrift", "Akontorechnung", "Gutschrift im Abrechnungsverfahren (Self-Billing)"),
        {
            "facts": "Rechnungs-Nr.|Datum|Zahlbar bis|Ihre Referenz|Kundennr.|MWST-Nr.|Korrektur zu",
            "heads": "Leistung|Anzahl|Ansatz|MWST|Total",
            "slip": "Empfangsschein|Zahlteil|Konto / Zahlbar an|Zahlbar durch|Währung|Betrag|Zusätzliche Informationen|Annahmestelle",
            "terms": "Konditionen:",
        },
        {
            "rows": "Zwischentotal", "discount": "Rabatt {percent}", "shipping": "Porto", "packing": "Verpackung", "fuel": "LSVA-Zuschlag", "ecotax": "vRG", "net": "Total exkl. MWST", "vat": "MWST {rate} von {base}",
            "tax": "Total MWST", "gross": "Total inkl. MWST", "paid": "Akonto", "carried": "Saldo alt", "withheld": "Rückbehalt", "rounding": "Rundungsdifferenz", "due!": "Rechnungstotal",
        },
    )  # fmt: skip


def _billed(invoice: Invoice) -> bool:
    return invoice.trade in {"utility", "cloud"} and net_prices(invoice)


def _small(invoice: Invoice) -> bool:
    return invoice.trade in {"craft", "services"} and not (invoice.carried or invoice.rounding or invoice.withheld)


def _swiss(invoice: Invoice) -> bool:
    return invoice.supplier.country == "CH" and net_prices(invoice)


LAYOUTS = {
    "de-kanzlei": Layout("de", anyone, kanzlei),
    "de-buero": Layout("de", anyone, buero),
    "de-grosshandel": Layout("de", net_prices, grosshandel),
    "de-handwerk": Layout("de", _small, handwerk, 3),
    "de-stadtwerke": Layout("de", _billed, stadtwerke, 8),
    "de-liefer": Layout("de", net_prices, liefer),
    "de-eidgenossen": Layout("de", _swiss, eidgenossen, 5),
}
