"""Pages of French-speaking suppliers: trade software, builders, lawyers, hauliers, utilities, web shops, garages, hotels."""
# ruff: noqa: E501 - a line of a page is a line of HTML

from collections.abc import Sequence

from ..content import Invoice
from ..sheet import Drawn
from . import ink as tools
from .ink import Ink, Pair, address, capital, ladder, over_values, place, stacked, sums, sums_across
from .layout import Layout, anyone, net_prices


def spoken(pairs: Sequence[Pair], between: str = " - ", colon: str = " : ") -> str:
    """With the space that French sets before a colon."""
    return tools.spoken(pairs, between, colon)


def _legal(ink: Ink, manner: int) -> str:
    """The mentions at the foot, in one of several manners of saying."""
    one = ink.invoice.supplier
    if one.country != "FR":
        return spoken(
            ink.facts(("", "supplier_name"), ("N° TVA", "supplier_vat"), ("RC", "register"), ("Tél.", "phone"), ("", "email")), " | ", " "
        )
    money = capital(one)
    told = one.name if manner != 2 else ink.told("supplier_name")
    siren, vat = ink.told("supplier_siren"), ink.told("supplier_vat")
    ape = f" - NAF {one.activity_code}" if one.activity_code else ""
    match manner:
        case 0:
            return f"Société au capital de {money} € - {one.register} {siren}{ape} - N° intracommunautaire {vat}"
        case 1:
            siret = ink.told("supplier_siret")
            return f"Siret : {siret}{ape} - N° TVA intracom : {vat} - Capital : {money} €"
        case 2:
            return f"{told} – capital social {money} euros – {siren} {one.register} – TVA {vat} – {one.street} {place(one)}"
    return f"N° Siren {siren}{ape} – Identification TVA : {vat}"


LATE = (
    "Tout retard de paiement entraîne l'application de pénalités au taux de 3 fois l'intérêt légal et d'une indemnité forfaitaire"
    " pour frais de recouvrement de 40 €. Pas d'escompte pour règlement anticipé."
)
PENALTY = "Indemnité forfaitaire pour frais de recouvrement en cas de retard : 40 euros (art. D441-5 C. com.). Escompte : néant."


def _public(ink: Ink) -> list[tuple[str, str]]:
    manner = ink.rng.randrange(3)
    names = (
        ("N° d'EJ", "Service exécutant", "Réf. marché"),
        ("Engagement juridique", "Code du service", "Marché public n°"),
        ("Bon d'engagement n°", "Service destinataire", "N° du marché"),
    )[manner]
    return ink.facts((names[0], "engagement_number"), (names[1], "service_code"), (names[2], "market_reference"))


def negoce(ink: Ink) -> Drawn:
    """Trade software of the nineties: framed grids, totals as labels over values."""
    title = ink.titled("FACTURE", "AVOIR", "FACTURE D'ACOMPTE", "FACTURE AUTOLIQUIDÉE PAR LE CLIENT (AUTOFACTURATION)")
    first = ink.facts(
        ("Numéro", "invoice_number"), ("Date", "issue_date"), ("Client", "customer"), ("V/Réf.", "order_reference"), ("BL", "delivery_note")
    )
    second = ink.facts(
        ("Mode de règlement", "how"), ("Échéance", "due_date"), ("Conditions", "payment_terms"), ("Affaire suivie par", "salesperson")
    )
    heads = [
        ("code", "Référence"),
        ("description", "Désignation"),
        ("quantity", "Qté"),
        ("price", "P.U. HT"),
        ("discount", "Rem."),
        ("net", "Montant HT"),
        ("rate", "TVA"),
    ]
    if ink.invoice.prices_include_tax:
        heads = [("description", "Désignation"), ("quantity", "Qté"), ("price", "P.U. TTC"), ("net", "Montant TTC"), ("rate", "TVA")]
    steps = ink.steps(
        {
            "rows": "Brut", "discount": "Remise {percent}", "shipping": "Port", "packing": "Emballage", "fuel": "Gasoil", "ecotax": "Éco-contrib.",
            "net": "Total HT", "tax": "Total TVA", "tax0": "Total TVA", "gross": "Total TTC", "paid": "Acompte", "carried": "Solde antérieur",
            "withheld": "Ret. garantie", "rounding": "Arrondi", "due!": "NET À PAYER",
        }
    )  # fmt: skip
    vat = ink.vat_table("g", ("code", "Code"), ("base", "Base HT"), ("rate", "Taux"), ("tax", "Montant TVA"))
    css = """body{font-family:'Liberation Sans Narrow';font-size:10pt}.g,.rows{border:1px solid #000;width:100%}.g th,.g td,.rows th{border:1px solid #000;text-align:center}
    .rows td{border-left:1px solid #000;border-right:1px solid #000}.g th,.rows th{background:#d8dde6;font-weight:normal}.g{margin:2mm 0}.win{border:1px solid #000;border-radius:3mm;padding:4mm;width:88mm;min-height:30mm}"""
    body = f"""<div class=two><div><b style='font-size:14pt'>{ink.logo()}</b><br>{address(ink, ink.invoice.supplier)}<br>Tél. {ink.told("phone")}</div>
    <div><h2>{title}</h2><div class=win>{address(ink, ink.invoice.buyer, upper=True)}</div></div></div>
    {over_values("g", first)}{over_values("g", second) if second else ""}{_preceding(ink)}{over_values("g", _public(ink)) if _public_any(ink) else ""}
    {ink.rows("", heads, 26, 34, ("À REPORTER", "REPORT"))}<p>{ink.mention()}</p><div style='width:80mm'>{vat}</div>{sums_across("g", steps)}
    <p>{spoken(ink.facts(("Domiciliation", "bank"), ("IBAN", "iban"), ("BIC", "bic")))}</p>"""
    return ink.finish(css, body, f"<center style='font-size:7.5pt'>{LATE}<br>{_legal(ink, 0)}</center>", 16)


def _public_any(ink: Ink) -> bool:
    return bool(ink.invoice.engagement_number or ink.invoice.service_code or ink.invoice.market_reference)


def _preceding(ink: Ink) -> str:
    one = ink.invoice
    if not one.preceding_number:
        return ""
    day = f" du {ink.told('preceding_date')}" if one.preceding_date else ""
    return f"<p>{ink.pick('Annule et remplace partiellement la facture', 'Avoir sur facture', 'Se rapporte à la facture')} {one.preceding_number}{day}</p>"


def chantier(ink: Ink) -> Drawn:
    """A builder's statement of works: guarantee held back, reverse charge for subcontractors."""
    one = ink.invoice
    title = ink.titled("Facture de travaux n°", "Avoir n°", "Demande d'acompte n°", "Autofacture n°")
    intro = ink.facts(
        ("Chantier", "file"),
        ("Devis de référence", "quote"),
        ("Marché", "market_reference"),
        ("Engagement", "engagement_number"),
        ("Ordre de service / commande", "order_reference"),
        ("Service", "service_code"),
        ("Travaux achevés le", "delivery_date"),
    )
    steps = ink.steps(
        {
            "rows": "Montant des travaux H.T.", "discount": "Rabais {percent}", "shipping": "Frais de déplacement", "packing": "Évacuation des gravats",
            "fuel": "Supplément carburant", "ecotax": "Contribution déchets (REP)", "net": "Montant H.T.", "vat": "T.V.A. à {rate}",
            "tax": "T.V.A. totale", "gross": "Montant T.T.C.", "paid": "À déduire : acomptes perçus", "deposits": "Acompte reçu le {date}",
            "carried": "Report solde", "withheld": "Retenue de garantie {percent}", "rounding": "Arrondi", "due!": "RESTE À RÉGLER T.T.C.",
        }
    )  # fmt: skip
    heads = [
        ("pos", "N°"),
        ("description", "Nature des travaux"),
        ("unit", "U."),
        ("quantity", "Quantité"),
        ("price", "Prix unit. H.T."),
        ("net", "Total H.T."),
    ]
    css = """body{font-family:'DejaVu Sans Condensed';font-size:9pt}.rows th{border-bottom:2px solid #b5541c;color:#b5541c}.rows td{border-bottom:1px dotted #999}
    .sums{margin-left:auto;min-width:85mm;margin-top:4mm}.sums td{border:1px solid #b5541c;padding:1mm 2mm}.s-due{font-weight:bold;background:#f6e3d6}.t{color:#b5541c;font-size:15pt}"""
    insured = (
        "<p><small>Assurance décennale souscrite auprès de la SMABTP, contrat n° 1247 000 / 001 448 – France entière.</small></p>"
        if ink.chance(0.6)
        else ""
    )
    body = f"""<center><b class=t>{ink.logo()}</b><br>{address(ink, one.supplier, between=" – ")}<br>{spoken(ink.facts(("Tél.", "phone"), ("Mél.", "email")), " – ")}</center>
    <div style='margin:8mm 0 6mm 100mm'>{address(ink, one.buyer)}</div><p style='text-align:right'>{one.supplier.city.title()}, le {ink.told("issue_date")}</p>
    <p class=t>{title} {ink.told("invoice_number")}</p>{_preceding(ink)}{ladder("", intro)}<br>{ink.rows("", heads, 20, 26)}{sums("", steps)}
    <p><b>{ink.mention()}</b></p><p>{spoken(ink.facts(("Délai de règlement", "payment_terms"), ("À payer avant le", "due_date"), ("Par", "how")), " – ")}</p>
    <p>{spoken(ink.facts(("RIB", "iban"), ("Code BIC", "bic")))}</p>{insured}{ink.notes()}"""
    return ink.finish(css, body, f"<center style='font-size:7pt;border-top:1px solid #b5541c'>{_legal(ink, 1)}<br>{PENALTY}</center>", 12)


def epure(ink: Ink) -> Drawn:
    """A young accounting service: much air, issuer and customer side by side."""
    one = ink.invoice
    title = ink.titled("Facture", "Facture d'avoir", "Facture d'acompte", "Facture (autofacturation)")
    facts = ink.facts(
        ("Numéro", "invoice_number"),
        ("Date d'émission", "issue_date"),
        ("Date d'exigibilité", "due_date"),
        ("Date de livraison", "delivery_date"),
        ("Numéro de commande", "order_reference"),
        ("Numéro de contrat", "contract_reference"),
        ("Période facturée", "period"),
    )
    ids = (
        [("SIREN", "supplier_siren"), ("N° de TVA", "supplier_vat")]
        if ink.chance(0.6)
        else [("SIRET", "supplier_siret"), ("N° de TVA", "supplier_vat")]
    )
    inclusive = one.prices_include_tax
    heads = [
        ("description", "Produits"),
        ("quantity", "Qté"),
        ("price", "Prix u. TTC" if inclusive else "Prix u. HT"),
        ("rate", "TVA (%)"),
        ("net", "Total TTC" if inclusive else "Total HT"),
    ]
    steps = ink.steps(
        {
            "rows": "Sous-total", "discount": "Réduction ({percent})", "shipping": "Livraison", "packing": "Conditionnement", "fuel": "Indexation carburant",
            "ecotax": "Éco-participation", "net": "Total HT", "tax": "Montant total de la TVA", "tax0": "Montant total de la TVA", "gross": "Total TTC",
            "paid": "Déjà payé", "carried": "Encours précédent", "withheld": "Retenue ({percent})", "rounding": "Arrondi", "due": "Montant restant dû",
        }
    )  # fmt: skip
    detail = ink.vat_table("v", ("rate", "Taux de TVA"), ("tax", "Montant de TVA"), ("base", "Base HT")) if ink.chance(0.6) else ""
    buyer = ink.facts(("SIREN", "buyer_siren"), ("Numéro de TVA", "buyer_vat"))
    css = """body{font:9pt 'DejaVu Sans';color:#222}h1{font-size:20pt;font-weight:normal;margin-bottom:6mm}.muted,.f td:first-child,.v th{color:#777;font-weight:normal}.f td{padding:.4mm 6mm .4mm 0}
    .rows{margin-top:8mm}.rows th{color:#777;font-weight:normal;border-bottom:1px solid #ddd;padding:2mm 1mm}.rows td{border-bottom:1px solid #eee;padding:2mm 1mm}.sums{margin:5mm 0 0 auto;width:75mm}.s-gross,.s-due{font-weight:bold}.v td,.v th{padding-right:6mm}"""
    body = f"""<div class=two><h1>{title}</h1><b style='font-size:13pt;color:#3a3a8c'>{ink.logo()}</b></div>{ladder("f", facts)}{_preceding(ink)}<br>
    <div class=two><div style='width:48%'><span class=muted>Émetteur ou Émettrice</span><br>{address(ink, one.supplier)}<br>{ink.told("email")}<br>{spoken(ink.facts(*ids), "<br>")}</div>
    <div style='width:48%'><span class=muted>Client ou Cliente</span><br>{address(ink, one.buyer)}<br>{spoken(buyer, "<br>")}<br>{spoken(_public(ink), "<br>")}</div></div>
    {ink.rows("", heads)}<div class="two keep"><div style='margin-top:5mm'>{detail}<p>{ink.mention()}</p></div>{sums("", steps)}</div>
    <p class=muted style='margin-top:8mm'>Paiement</p><p>{spoken(ink.facts(("Moyen", "how"), ("Modalités", "payment_terms")), "<br>")}</p><p>{spoken(ink.facts(("Établissement", "bank"), ("IBAN", "iban"), ("BIC", "bic")), "<br>")}</p><p><small>{LATE}</small></p>"""
    return ink.finish(css, body, f"<small class=muted>{title} {one.number} · {_legal(ink, 2)}</small>", 9)


def bleu(ink: Ink) -> Drawn:
    """Free business software: the reference at the top right, two framed parties, totals at the right."""
    one = ink.invoice
    title = ink.titled("Facture", "Facture avoir", "Facture d'acompte", "Autofacture")
    facts = ink.facts(
        ("Réf.", "invoice_number"),
        ("Date facturation", "issue_date"),
        ("Date échéance", "due_date"),
        ("Code client", "customer"),
        ("Réf. client", "order_reference"),
        ("Correction de la facture", "preceding"),
    )
    heads = [
        ("description", "Désignation"),
        ("rate", "TVA"),
        ("price", "P.U. HT"),
        ("quantity", "Qté"),
        ("discount", "Réduc."),
        ("net", "Total HT"),
    ]
    steps = ink.steps(
        {
            "rows": "Total lignes HT", "discount": "Remise globale {percent}", "shipping": "Frais d'envoi", "packing": "Frais d'emballage", "fuel": "Taxe gazole",
            "ecotax": "DEEE", "net": "Total HT", "vat": "Total TVA {rate}", "tax0": "Total TVA", "gross": "Total TTC", "paid": "Payé",
            "carried": "Impayé antérieur", "withheld": "Retenue de garantie ({percent})", "rounding": "Arrondi", "due": "Reste à payer",
        }
    )  # fmt: skip
    css = """body{font:9pt 'Liberation Sans';color:#000060}.b{border:1px solid #c0c0c0;padding:2mm;min-height:32mm;width:90mm}.e{background:#e6e6e6}.rows{border:1px solid #c0c0c0}.rows th{font-weight:normal;border-bottom:1px solid #c0c0c0}
    .rows td,.rows th{border-left:1px solid #c0c0c0}.sums{margin-left:auto;width:80mm}.s-gross,.s-due{background:#e0e0e0;font-weight:bold}"""
    body = f"""<div class=two><b style='font:bold 18pt "Liberation Serif"'>{ink.logo()}</b><div style='text-align:right'><b style='font-size:12pt'>{title}</b><br>{spoken(facts, "<br>")}</div></div><br>
    <div class=two><div><small>Émetteur</small><div class='b e'>{address(ink, one.supplier)}<br>Tél. : {ink.told("phone")}<br>Courriel : {ink.told("email")}</div></div>
    <div><small>Adressé à</small><div class=b>{address(ink, one.buyer)}<br>{spoken(ink.facts(("TVA intra.", "buyer_vat")), "<br>")}<br>{spoken(_public(ink), "<br>")}</div></div></div>
    <p style='text-align:right'><small>Montants exprimés en {"Euros" if one.currency == "EUR" else one.currency}</small></p>{ink.rows("", heads)}
    <div class="two keep"><div style='width:90mm'><p>{ink.mention()}</p><p><b>Conditions de règlement :</b> {ink.told("payment_terms") or "à réception"}</p><p>Règlement par virement sur le compte suivant :<br>
    {spoken(ink.facts(("Banque", "bank"), ("Code IBAN", "iban"), ("Code BIC/SWIFT", "bic")), "<br>")}</p></div>{sums("", steps)}</div>{ink.notes()}"""
    return ink.finish(css, body, f"<center style='border-top:1px solid #c0c0c0;font-size:7.5pt'>{_legal(ink, 1)}</center>", 8)


def abonnement(ink: Ink) -> Drawn:
    """A telecom or energy bill: what is to be paid on the first page, how it comes about on the second."""
    one = ink.invoice
    title = ink.titled("Votre facture", "Votre avoir", "Votre facture d'acompte", "Votre facture (émise par le client)")
    debit = bool(one.terms and one.terms.how == "debit")
    steps = ink.steps(
        {
            "rows": "Abonnements et consommations", "discount": "Remise fidélité {percent}", "shipping": "Frais d'acheminement", "packing": "Autres prestations",
            "fuel": "Contribution carburant", "ecotax": "Contributions", "net": "Total hors TVA", "vat": "TVA à {rate} sur {base}", "tax": "Total TVA",
            "gross": "Total TTC de la facture", "paid": "Versements déjà effectués", "carried": "Solde de votre compte avant facture", "withheld": "Retenue",
            "rounding": "Arrondi", "due!": "Somme à payer TTC",
        }
    )  # fmt: skip
    due = ink.told("due_date")
    when = f"<p>{'Ce montant sera prélevé le' if debit else 'À régler au plus tard le'} <b>{due}</b></p>" if due else ""
    facts = ink.facts(
        ("N° de facture", "invoice_number"),
        ("Compte client", "customer"),
        ("Réf. du contrat", "contract_reference"),
        ("Période de facturation", "period"),
        ("Référence de mandat", "mandate"),
        ("Votre référence", "order_reference"),
        ("Facture rectifiée", "preceding"),
    )
    heads = [
        ("description", "Libellé"),
        ("quantity", "Quantité"),
        ("unit", "Unité"),
        ("price", "Prix HT"),
        ("rate", "Taux TVA"),
        ("net", "Montant HT"),
    ]
    css = """body{font:9.5pt 'DejaVu Sans Condensed'}.big{background:#0b5d4e;color:#fff;padding:5mm;width:75mm;border-radius:2mm}.big b{font-size:17pt}.big p b{font-size:11pt;white-space:nowrap}.side{width:62mm;font-size:8.5pt;border-right:1mm solid #0b5d4e}.side td{display:block;padding:0}.side td:first-child{color:#0b5d4e}
    .sums{width:100%;margin-top:6mm}.sums td{border-bottom:1px solid #bcd}.s-due{font-weight:bold;font-size:11pt}.rows th{background:#0b5d4e;color:#fff;font-weight:normal}"""
    body = f"""<b style='font-size:20pt;color:#0b5d4e'>{ink.logo()}</b><div class=two style='margin-top:6mm'><div class=side>{ladder("", facts)}</div><div style='width:80mm'>{address(ink, one.buyer, upper=True)}</div></div>
    <h2 style='margin:8mm 0 3mm'>{title} du {ink.told("issue_date")}</h2><div class=big>Montant à payer<br><b>{ink.told("amount_due")}</b>{when}</div>{sums("", steps)}<p>{ink.mention()}</p>
    <p>{spoken(_public(ink), " – ")}</p>{"" if debit else f"<p>Coordonnées bancaires {spoken(ink.facts(('IBAN', 'iban'), ('BIC', 'bic')), ', ', ' ')}</p>"}<p><small>{PENALTY}</small></p>
    <div class=newpage></div><h2>Le détail de votre facture</h2>{ink.rows("", heads)}"""
    return ink.finish(css, body, f"<div style='font-size:7pt'>{_legal(ink, 2)}</div>", 9)


def honoraires(ink: Ink) -> Drawn:
    """A law office: a letter whose sums stand in sentences."""
    one = ink.invoice
    title = ink.titled("NOTE D'HONORAIRES", "NOTE DE CRÉDIT", "DEMANDE DE PROVISION", "NOTE D'HONORAIRES (autofacturée)")
    inclusive = one.prices_include_tax
    heads = [("description", "Diligences"), ("quantity", "Nombre"), ("net", "Montant TTC" if inclusive else "Honoraires HT")]
    extra = "".join(
        f"<p>{each} : {ink.money(adjustment.amount)}</p>"
        for adjustment in one.adjustments
        for each in [{"discount": "Remise consentie", "shipping": "Frais d'affranchissement"}.get(adjustment.key, "Débours et frais")]
    )
    rate = f" au taux de {ink.with_percent(one.vat[0].rate)}" if len(one.vat) == 1 else ""
    tax = f", auxquels s'ajoute la taxe sur la valeur ajoutée{rate} pour {ink.told('total_tax')}" if one.total_tax else ""
    total = f"Soit des honoraires s'élevant à {ink.told('total_net')} hors taxes{tax}, c'est-à-dire un montant toutes taxes comprises de <b>{ink.told('total_gross')}</b>."
    after = ""
    if one.amount_due != one.total_gross:
        paid = f"Après déduction de la provision de {ink.told('paid_amount')} versée, " if one.paid else ""
        after = f"<p>{paid}il reste dû la somme de <b>{ink.told('amount_due')}</b>.</p>"
    due = ink.told("due_date")
    css = "body{font:11pt 'Liberation Serif';line-height:1.4}.rows{margin:5mm 0}.rows th{font-weight:normal;font-style:italic;border-bottom:1px solid #000}"
    refs = ink.facts(("N/Réf.", "file"), ("V/Réf.", "order_reference"), ("Dossier client", "customer"))
    body = f"""<div class=two><div style='width:70mm'><b style='font-size:14pt;letter-spacing:1px'>{ink.told("supplier_name")}</b><br>{"<i>" + ink.logo() + "</i><br>" if one.supplier.trade_name else ""}{address(ink, one.supplier, name=False)}<br>Tél. {ink.told("phone")}</div>
    <div style='margin-top:25mm;width:80mm'>{address(ink, one.buyer)}<br><br>Le {ink.told("issue_date")}</div></div><p>{spoken(refs, "<br>")}</p>
    <center><b>{title} N° {ink.told("invoice_number")}</b></center>{_preceding(ink)}<p>{spoken(_public(ink), " – ")}</p>{ink.rows("", heads)}{extra}<p>{total}</p>{after}<p>{ink.mention()}</p>
    <p>{f"Payable {ink.told('payment_terms')}" if one.terms else "Payable à réception"}{f", soit le {due} au plus tard" if due else ""}{f", sur le compte {ink.told('iban')} ouvert auprès de {ink.told('bank')} (BIC {ink.told('bic')})" if ink.chance(0.8) else ""}.</p><p><small>{PENALTY}</small></p>"""
    return ink.finish(css, body, f"<center style='font-size:8pt'>{_legal(ink, 3)}</center>", 8, margin="18mm 22mm")


def transport(ink: Ink) -> Drawn:
    """A haulier's invoice: a band of boxes, many references, sums in a band at the foot."""
    one = ink.invoice
    title = ink.titled("FACTURE TRANSPORT", "NOTE DE CRÉDIT", "FACTURE D'ACOMPTE", "AUTOFACTURATION TRANSPORT")
    boxes = ink.facts(
        ("N° PIÈCE", "invoice_number"),
        ("DATE PIÈCE", "issue_date"),
        ("CPTE CLIENT", "customer"),
        ("À RÉGLER AVANT LE", "due_date"),
        ("RÉCÉPISSÉ", "delivery_note"),
        ("V/COMMANDE", "order_reference"),
        ("CONTRAT", "contract_reference"),
        ("PIÈCE D'ORIGINE", "preceding"),
    )
    heads = [
        ("code", "Réf."),
        ("description", "Prestation"),
        ("quantity", "Nb"),
        ("unit", "Un."),
        ("price", "Tarif"),
        ("rate", "% TVA"),
        ("net", "Montant"),
    ]
    steps = ink.steps(
        {
            "rows": "PRESTATIONS", "discount": "RISTOURNE {percent}", "shipping": "FRAIS DE DOSSIER", "packing": "PALETTES", "fuel": "SURCHARGE GAZOLE",
            "ecotax": "ÉCOTAXE", "net": "MONTANT NET H.T.", "tax": "T.V.A.", "tax0": "T.V.A.", "gross": "MONTANT T.T.C.", "paid": "RÈGLEMENT REÇU",
            "carried": "ANTÉRIEUR", "withheld": "RETENUE", "rounding": "ARRONDI", "due": "SOLDE À RÉGLER",
        }
    )  # fmt: skip
    detail = ink.vat_table("d", ("base", "SOUMIS À TVA"), ("rate", "TAUX"), ("tax", "TVA")) if len(one.vat) > 1 or ink.chance(0.3) else ""
    css = """body{font:8.5pt 'DejaVu Sans Mono'}.box{display:flex;flex-wrap:wrap;border:2px solid #333;margin:4mm 0}.box>div{padding:1mm 3mm;border-right:1px solid #333;flex:1;white-space:nowrap}.box span{font-size:6.5pt}.rows th{border-top:1px solid #000;border-bottom:1px solid #000;font-weight:normal}
    .across{width:100%;border:2px solid #333;margin-top:3mm}.across th{background:#333;color:#fff;font-size:7.5pt;text-align:center}.across td{text-align:center;font-weight:bold}.d td,.d th{border:1px solid #333;padding:0 3mm}"""
    body = f"""<div class=two><div style='width:85mm'>{address(ink, one.buyer, upper=True)}</div><div style='text-align:right'><b style='font-size:15pt'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br>{ink.told("phone")}</div></div>
    <h2 style='text-align:center'>{title}</h2>{stacked("box", boxes)}<p>{spoken(_public(ink), "  ")}</p>{ink.rows("", heads, 24, 30, ("SOUS-TOTAL À REPORTER", "REPORT PAGE PRÉCÉDENTE"))}<p>{ink.mention()}</p>{detail}{sums_across("across", steps)}
    <p>PAIEMENT : {ink.told("payment_terms")} {ink.told("how")}</p><p>{spoken(ink.facts(("DOMICILIATION", "bank"), ("IBAN", "iban"), ("SWIFT", "bic")), " ", ":")}</p><p><small>{PENALTY}</small></p>"""
    return ink.finish(css, body, f"<small>{_legal(ink, 1)}</small>", 9)


def progiciel(ink: Ink) -> Drawn:
    """Open enterprise software as it speaks French."""
    one = ink.invoice
    title = ink.titled("Facture", "Facture d'avoir", "Facture d'acompte", "Facture fournisseur établie par le client")
    facts = ink.facts(
        ("Date de la facture:", "issue_date"),
        ("Date d'échéance:", "due_date"),
        ("Date de livraison:", "delivery_date"),
        ("Origine:", "order_reference"),
        ("Code client:", "customer"),
        ("Référence:", "quote"),
    )
    heads = [("description", "Description"), ("quantity", "Quantité"), ("price", "Prix unitaire"), ("rate", "Taxes"), ("net", "Montant")]
    steps = ink.steps(
        {
            "rows": "Montant des lignes", "discount": "Escompte commercial {percent}", "shipping": "Expédition", "packing": "Colisage", "fuel": "Carburant", "ecotax": "Écotaxe",
            "net": "Montant hors taxes", "vat": ink.pick("TVA {rate}", "TVA {rate} sur {base}"), "vat_in": "dont TVA {rate}", "tax": "Taxes", "gross": "Total",
            "paid": f"Payé le {ink.day(one.issue)}", "carried": "Solde reporté", "withheld": "Retenue de garantie", "rounding": "Arrondi", "due": "Montant dû",
        }
    )  # fmt: skip
    css = """body{font:9.5pt 'DejaVu Sans'}h1{color:#875a7b;font-weight:normal;font-size:18pt}.st{display:flex;gap:8mm;margin:4mm 0}.rows th{border-bottom:2px solid #875a7b}.rows td{border-bottom:1px solid #ddd;padding:1.5mm 1mm}.sums{margin:4mm 0 0 auto;width:70mm}.sums tr{border-top:1px solid #ddd}.s-gross,.s-due{font-weight:bold;color:#875a7b}"""
    body = f"""<div class=two><b style='font-size:14pt'>{ink.logo()}</b></div><div style='border-bottom:1px solid #000;padding-bottom:2mm'>{address(ink, one.supplier)}</div><div style='margin:8mm 0 8mm 95mm'>{address(ink, one.buyer)}<br>{spoken(ink.facts(("TVA", "buyer_vat")))}<br>{spoken(_public(ink), "<br>")}</div>
    <h1>{title} {ink.told("invoice_number")}</h1>{stacked("st", facts)}{_preceding(ink)}{ink.rows("", heads)}{sums("", steps)}
    <p>Merci d'utiliser la communication suivante pour votre paiement : <b>{one.number}</b> sur ce compte : {ink.told("iban")}</p><p>{f"Conditions de paiement : {ink.told('payment_terms')}" if one.terms else ""}</p><p>{ink.mention()}</p>{ink.notes()}"""
    return ink.finish(
        css,
        body,
        f"<center style='border-top:1px solid #000;font-size:8pt'>{spoken(ink.facts(('', 'phone'), ('', 'email'), ('', 'web'), ('TVA', 'supplier_vat')), ' | ', ' ')}</center>",
        9,
    )


def atelier(ink: Ink) -> Drawn:
    """A garage: 'Doit', a slip to tear off at the foot."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    title = ink.titled("Facture atelier", "Avoir atelier", "Acompte", "Autofacture")
    facts = ink.facts(
        ("Pièce n°", "invoice_number"),
        ("Établie le", "issue_date"),
        ("Ordre de réparation", "file"),
        ("N° Cde", "order_reference"),
        ("Compte", "customer"),
        ("Restitué le", "delivery_date"),
        ("Bon d'engagement", "engagement_number"),
        ("Service", "service_code"),
        ("Marché", "market_reference"),
        ("Sur pièce n°", "preceding"),
    )
    heads = [
        ("code", "Code"),
        ("description", "Opérations et fournitures"),
        ("quantity", "Temps/Qté"),
        ("price", "PU TTC" if inclusive else "PU HT"),
        ("discount", "R%"),
        ("net", "Total TTC" if inclusive else "Total HT"),
    ]
    steps = ink.steps(
        {
            "rows": "Total opérations", "discount": "Remise {percent}", "shipping": "Frais de port", "packing": "Petites fournitures", "fuel": "Carburant", "ecotax": "Recyclage",
            "net": "Net H.T.", "vat": "TVA {rate} sur {base}", "tax": "Total TVA", "gross": "Total T.T.C.", "paid": "Versé", "carried": "Ancien solde", "withheld": "Retenue",
            "rounding": "Arrondi", "due!": "À payer",
        }
    )  # fmt: skip
    css = """body{font:9pt 'Liberation Sans'}.rows th{background:#222;color:#fff}.rows tr:nth-child(even){background:#eee}.sums{margin-left:auto;border:2px solid #222}.sums td{padding:.7mm 3mm}.s-due{background:#222;color:#fff;font-weight:bold}.slip{border-top:1px dashed #000;margin-top:8mm;padding-top:3mm}.f td:first-child{font-weight:bold}"""
    body = f"""<div class=two><div><b style='font-size:16pt;font-style:italic'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br>{spoken(ink.facts(("Tél", "phone"), ("Siret", "supplier_siret"), ("Code TVA", "supplier_vat")), "<br>")}</div><div><h2>{title}</h2>{ladder("f", facts)}</div></div>
    <p style='margin:5mm 0'><b>Doit :</b> {address(ink, one.buyer, between=", ")}</p>{ink.rows("", heads, 22, 32)}<br>{sums("", steps)}<p>{ink.mention()}</p><p>{spoken(ink.facts(("Règlement", "how"), ("", "payment_terms"), ("avant le", "due_date")), ", ", " ")}</p>{ink.notes()}
    <div class="slip keep two"><div><b>Coupon à joindre à votre règlement</b><br>{one.number}<br>{one.buyer.name}</div><div>{ink.told("iban")}<br>BIC {ink.told("bic")}</div><div>Somme : <b>{ink.told("amount_due")}</b></div></div>"""
    return ink.finish(css, body, f"<center style='font-size:7pt'>{LATE}</center>", 9)


def boutique(ink: Ink) -> Drawn:
    """A web shop or an inn: prices with tax, tax told as part of the sum."""
    one = ink.invoice
    inclusive = one.prices_include_tax
    word = "TTC" if inclusive else "HT"
    heads = [
        ("description", "Article"),
        ("quantity", "Quantité"),
        ("price", f"Prix unitaire {word}"),
        ("rate", "Taux"),
        ("net", f"Prix total {word}"),
    ]
    steps = ink.steps(
        {
            "rows": f"Sous-total {word}", "discount": "Code promo {percent}", "shipping": "Frais de livraison", "packing": "Emballage cadeau", "fuel": "Supplément transport",
            "ecotax": "Éco-participation", "net": "Total sans taxe", "vat": "Taxe {rate}", "vat_in": "dont TVA {rate}", "tax": "Total de la taxe", "tax0": "Taxe",
            "gross": "Montant total TTC", "paid": "Réglé", "carried": "Solde", "withheld": "Retenue", "rounding": "Arrondi", "due": "Reste à votre charge",
        }
    )  # fmt: skip
    facts = ink.facts(
        ("Facture émise le", "issue_date"),
        ("Numéro de la facture", "invoice_number"),
        ("Commande n°", "order_reference"),
        ("passée le", "order_date"),
        ("Expédiée le", "delivery_date"),
        ("Paiement", "how"),
        ("À payer pour le", "due_date"),
        ("Remboursement de la facture", "preceding"),
    )
    css = """body{font:10pt 'Liberation Serif'}.rows{margin:6mm 0}.rows th{text-transform:uppercase;font-size:8pt;border-bottom:1px solid #d33}.sums{margin-left:auto;width:90mm}.s-gross{font-size:13pt;font-weight:bold;color:#d33}"""
    body = f"""<center><b style='font-size:22pt;color:#d33'>{ink.logo()}</b></center><h2>{ink.titled("Facture", "Avoir", "Facture d'acompte", "Autofacture")}</h2><div class=two><div>{spoken(facts, "<br>", " ")}</div><div><i>Facturé à</i><br>{address(ink, one.buyer)}<br>{spoken(_public(ink), "<br>")}</div></div>
    {ink.rows("", heads)}{sums("", steps)}<p>{ink.mention()}</p><p><i>Vendu par</i> {address(ink, one.supplier, between=", ")}{" – Siret " + ink.told("supplier_siret") if one.supplier.siret else ""}</p>{ink.notes()}"""
    return ink.finish(css, body, f"<center style='font-size:8pt'>{_legal(ink, 3)}</center>", 7)


def romande(ink: Ink) -> Drawn:
    """A Swiss invoice in French with the payment part of the QR bill at the foot."""
    return swiss(
        ink,
        ink.titled("Facture", "Note de crédit", "Facture d'acompte", "Facture établie par le destinataire"),
        {
            "facts": "N° facture|Date|Délai de paiement|Votre commande|N° client|N° TVA|Correction de",
            "heads": "Désignation|Quantité|Prix|TVA|Montant",
            "slip": "Récépissé|Section paiement|Compte / Payable à|Payable par|Monnaie|Montant|Informations supplémentaires|Point de dépôt",
            "terms": "Conditions :",
        },
        {
            "rows": "Sous-total", "discount": "Rabais {percent}", "shipping": "Port", "packing": "Emballage", "fuel": "Supplément diesel", "ecotax": "TAR",
            "net": "Montant hors TVA", "vat": "TVA {rate} (sur {base})", "tax": "Total TVA", "gross": "Total TTC", "paid": "Acompte reçu", "carried": "Solde reporté",
            "withheld": "Retenue", "rounding": "Différence d'arrondi", "due!": "Montant à payer",
        },
    )  # fmt: skip


def swiss(ink: Ink, title: str, said: dict[str, str], says: dict[str, str]) -> Drawn:
    """The Swiss page in any of its languages."""
    one = ink.invoice
    labels = said["facts"].split("|")
    keys = ("invoice_number", "issue_date", "due_date", "order_reference", "customer", "supplier_vat", "preceding")
    steps = ink.steps(says)
    columns = ("description", "quantity", "price", "rate", "net")
    receipt, part, account, payer, money, amount, more, counter = said["slip"].split("|")
    ink.shown.add("currency")
    due = f"<b>{money}</b> {one.currency} &nbsp; <b>{amount}</b> {ink.bare(one.amount_due)}"
    whose = f"<b>{account}</b><br>{ink.told('iban')}<br>{address(ink, one.supplier)}<br><br>"
    css = """body{font:9.5pt 'Liberation Sans'}.rows{margin:5mm 0}.rows th{border-bottom:1.5px solid #000}.sums{margin-left:auto;width:85mm}.s-due{font-weight:bold;border-top:1.5px solid #000}.slip{display:flex;border-top:1px solid #000;margin-top:10mm;font-size:8pt;padding-top:4mm}
    .slip>div{padding:0 4mm;width:58mm}.slip>div:first-child{border-right:1px solid #000}.slip h3{margin:0 0 3mm;font-size:11pt}.qr{width:34mm;height:34mm;margin:2mm 0 4mm;background:repeating-conic-gradient(#000 0 25%,#fff 0 50%) 0/3.3mm 3.3mm}"""
    body = f"""<b style='font-size:15pt'>{ink.logo()}</b><br>{address(ink, one.supplier)}<br>{spoken(ink.facts(("", "phone"), ("", "email")), " · ")}<div style='margin:10mm 0 8mm 100mm'>{address(ink, one.buyer)}</div><h2>{title}</h2>{ladder("", ink.facts(*zip(labels, keys, strict=True)))}
    {ink.rows("", list(zip(columns, said["heads"].split("|"), strict=True)))}{sums("", steps)}<p>{ink.mention()}</p><p>{said["terms"]} {ink.told("payment_terms") or "–"}</p>
    <div class="slip keep"><div><h3>{receipt}</h3>{whose}<b>{payer}</b><br>{address(ink, one.buyer)}<br><br>{due}<br><br><span style='margin-left:25mm'>{counter}</span></div><div><h3>{part}</h3><div class=qr></div>{due}</div><div>{whose}<b>{more}</b><br>{one.number}<br><br><b>{payer}</b><br>{address(ink, one.buyer)}</div></div>"""
    return ink.finish(css, body)


def _billed(invoice: Invoice) -> bool:
    return invoice.trade in {"utility", "cloud"} and net_prices(invoice)


def _swiss(invoice: Invoice) -> bool:
    return invoice.supplier.country == "CH" and net_prices(invoice)


def _works(invoice: Invoice) -> bool:
    return net_prices(invoice) and (invoice.trade in {"craft", "industry"} or bool(invoice.withheld))


def _advice(invoice: Invoice) -> bool:
    return (
        invoice.trade in {"services", "office"} and len(invoice.rows) < 9 and not (invoice.carried or invoice.withheld or invoice.rounding)
    )


LAYOUTS = {
    "fr-negoce": Layout("fr", anyone, negoce),
    "fr-chantier": Layout("fr", _works, chantier, 4),
    "fr-epure": Layout("fr", anyone, epure),
    "fr-bleu": Layout("fr", net_prices, bleu),
    "fr-abonnement": Layout("fr", _billed, abonnement, 8),
    "fr-honoraires": Layout("fr", _advice, honoraires, 4),
    "fr-transport": Layout("fr", net_prices, transport),
    "fr-progiciel": Layout("fr", anyone, progiciel),
    "fr-atelier": Layout("fr", anyone, atelier),
    "fr-boutique": Layout("fr", anyone, boutique),
    "fr-romande": Layout("fr", _swiss, romande, 30),
}
