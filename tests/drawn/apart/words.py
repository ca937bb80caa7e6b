"""Months and manners of speaking that the pages of this family share; every other word stands in its own layout."""

from typing import Any

LABELS: dict[str, dict[str, Any]] = {}
"""None: each layout writes its own."""
MONTHS = {
    "fr": ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    "de": ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    "nl": ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
    "en": ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
}
PERIODS = {
    "fr": ("du {} au {}", "{} - {}", "{} au {}"),
    "de": ("{} bis {}", "{} - {}", "vom {} bis {}"),
    "nl": ("{} t/m {}", "{} - {}", "van {} tot en met {}"),
    "en": ("{} to {}", "{} - {}"),
}
PAID_BY = {
    "fr": {"transfer": "Virement", "debit": "Prélèvement", "card": "Carte bancaire", "cheque": "Chèque", "cash": "Espèces"},
    "de": {"transfer": "Überweisung", "debit": "SEPA-Lastschrift", "card": "Kreditkarte", "cheque": "Scheck", "cash": "Bar"},
    "nl": {"transfer": "Overschrijving", "debit": "Automatische incasso", "card": "Creditcard", "cheque": "iDEAL", "cash": "Contant"},
    "en": {"transfer": "Bank transfer", "debit": "Direct debit", "card": "Card", "cheque": "Cheque", "cash": "Cash"},
}
MENTIONS: dict[tuple[str, str], dict[str, str]] = {
    ("fr", "franchise"): {
        "FR": "TVA non applicable, article 293 B du CGI",
        "BE": "Régime particulier de franchise des petites entreprises",
        "": "Franchise de TVA, article 57 de la loi TVA",
    },
    ("fr", "reverse"): {
        "FR": "Autoliquidation : TVA due par le preneur, art. 283-2 nonies du CGI",
        "BE": "Autoliquidation, article 20 de l'arrêté royal n° 1",
        "": "TVA autoliquidée par le preneur",
    },
    ("fr", "intra"): {
        "FR": "Exonération de TVA, art. 262 ter, I du Code général des impôts",
        "": "Livraison intracommunautaire exonérée, art. 138 directive 2006/112/CE",
    },
    ("fr", "export"): {"FR": "Exportation hors UE : exonération, article 262 I du CGI", "": "Exportation exonérée de TVA"},
    ("fr", "exempt"): {"FR": "Prestation exonérée de TVA (article 261-4-4° du CGI)", "": "Exempt de TVA"},
    ("de", "franchise"): {"DE": "Gemäß § 19 UStG wird keine Umsatzsteuer ausgewiesen.", "": "Umsatzsteuerbefreit – Kleinunternehmer"},
    ("de", "reverse"): {
        "DE": "Steuerschuldnerschaft des Leistungsempfängers (§ 13b UStG)",
        "": "Die Steuerschuld geht auf den Leistungsempfänger über.",
    },
    ("de", "intra"): {
        "DE": "Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1b UStG)",
        "": "Steuerfreie innergemeinschaftliche Lieferung",
    },
    ("de", "export"): {"": "Steuerfreie Ausfuhrlieferung"},
    ("de", "exempt"): {"": "Umsatzsteuerfrei nach § 4 Nr. 21 UStG"},
    ("nl", "franchise"): {
        "NL": "Factuur vrijgesteld van btw op grond van artikel 25 Wet OB",
        "": "Bijzondere vrijstellingsregeling kleine ondernemingen",
    },
    ("nl", "reverse"): {"NL": "Btw verlegd", "": "Verlegging van heffing. Medecontractant: art. 20 KB nr. 1"},
    ("nl", "intra"): {"": "Intracommunautaire levering, 0% btw"},
    ("nl", "export"): {"": "Levering buiten de EU, 0% btw"},
    ("nl", "exempt"): {"": "Vrijgesteld van btw"},
    ("en", "franchise"): {"": "No VAT charged: small business scheme"},
    ("en", "reverse"): {"": "Reverse charge: customer to account for VAT"},
    ("en", "intra"): {"": "Intra-Community supply, VAT exempt (Art. 138 Directive 2006/112/EC)"},
    ("en", "export"): {"US": "No sales tax applies.", "": "Zero-rated export"},
    ("en", "exempt"): {"": "Exempt from VAT"},
}

ASIDES = {
    "fr": (
        "Attestation de vigilance URSSAF valable jusqu'au {day}.",
        "Nos tarifs sont garantis jusqu'au {day}.",
        "Livraison offerte dès {amount} d'achats.",
        "Votre prochaine facture vous parviendra vers le {day}.",
        "Encours autorisé : {amount}",
        "Responsabilité civile garantie à hauteur de {amount} par sinistre.",
    ),
    "de": (
        "Freistellungsbescheinigung nach § 48b EStG gültig bis {day}.",
        "Unsere Preise gelten bis {day}.",
        "Ab {amount} Warenwert liefern wir frei Haus.",
        "Ihre nächste Abrechnung erhalten Sie um den {day}.",
        "Die Unterlagen sind bis {day} aufzubewahren.",
    ),
    "nl": (
        "Onze prijzen gelden tot {day}.",
        "Vanaf {amount} leveren wij franco.",
        "Uw volgende nota ontvangt u rond {day}.",
        "Garantie tot {day} op onderdelen en arbeidsloon.",
        "Kredietlimiet: {amount}",
    ),
    "en": (
        "Prices are held until {day}.",
        "Free delivery on orders over {amount}.",
        "Your next statement will be issued around {day}.",
        "Credit limit: {amount}",
        "Subscription renews on {day}.",
    ),
}
CONDITIONS = {
    "fr": (
        "Les présentes conditions s'appliquent à toute commande, sauf accord écrit du vendeur.",
        "Les prix s'entendent hors taxes, départ entrepôt, et peuvent être révisés sans préavis.",
        "Toute réclamation doit parvenir au vendeur dans les 8 jours qui suivent la livraison.",
        "À défaut de règlement à l'échéance, le solde de toutes les factures devient exigible.",
        "Le transfert de propriété n'a lieu qu'après encaissement complet du prix.",
        "En cas de litige, le tribunal de commerce du siège du vendeur est seul compétent.",
    ),
    "de": (
        "Für alle Lieferungen gelten ausschließlich diese Bedingungen.",
        "Alle Preise verstehen sich netto ab Werk zuzüglich der gesetzlichen Umsatzsteuer.",
        "Offene Mängel sind binnen 10 Tagen schriftlich anzuzeigen.",
        "Bei Zahlungsverzug berechnen wir Zinsen von 9 Prozentpunkten über dem Basiszinssatz.",
        "Bis zur Bezahlung aller Forderungen behalten wir uns das Eigentum vor.",
        "Gerichtsstand ist der Sitz des Lieferanten.",
    ),
    "nl": (
        "Op iedere overeenkomst zijn deze voorwaarden van toepassing.",
        "Alle prijzen zijn exclusief omzetbelasting en af magazijn.",
        "Klachten dienen binnen 5 werkdagen schriftelijk te worden gemeld.",
        "Bij te late betaling is de wettelijke handelsrente verschuldigd, met een minimum van 40 euro aan incassokosten.",
        "Geleverde zaken blijven eigendom van de leverancier tot volledige betaling.",
        "Geschillen worden voorgelegd aan de rechter van de vestigingsplaats.",
    ),
    "en": (
        "These terms apply to every order unless varied in writing.",
        "Prices exclude value added tax and are ex works.",
        "Claims must reach us within 7 days of delivery.",
        "Interest runs on overdue sums at 8 per cent above base rate.",
        "Title passes on receipt of payment in full.",
        "The courts of the seller's home have jurisdiction.",
    ),
}
