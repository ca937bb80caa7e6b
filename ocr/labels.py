"""The words that invoices print beside their values, as data: French first, then English, German, Dutch.

A phrase is written folded (small letters, no accents, signs as spaces) and matches whole words. Its weight says how surely
it names its kind. Kinds that are no field (`line`, `paid`, `other`) are listed so that their phrases win over shorter ones within them.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import TypeAlias

Vocabulary: TypeAlias = dict[str, dict[str, float]]

AMOUNTS: Vocabulary = {
    "net": {
        "total ht net": 4, "total net ht": 4, "total ht": 3, "total h t": 3, "total hors taxes": 3, "total hors taxe": 3,
        "montant total ht": 3,
        "montant ht": 2, "montant eur ht": 2, "montant total net": 3, "net ht": 3, "net": 1.4, "total net": 3, "sous total ht": 1.5,
        "montant hors taxes": 2.5,
        "net total": 3, "total excl vat": 3, "total excluding vat": 3, "total excl tax": 3, "untaxed amount": 3, "subtotal": 2,
        "sub total": 2,
        "net amount": 2.5, "amount excl vat": 2.5, "total before tax": 3, "taxable amount": 1.5,
        "gesamtbetrag netto": 3, "rechnungssumme netto": 3, "nettobetrag": 2.5, "nettosumme": 3, "summe netto": 3, "gesamt netto": 3,
        "rechnungssumme ohne ust": 3, "rechnungssumme ohne mwst": 3, "netto gesamt": 3, "zwischensumme netto": 2.5, "warenwert netto": 1.5,
        "zwischensumme": 1, "netto": 1.5, "total excl btw": 3, "totaal excl btw": 3, "totaal exclusief btw": 3, "subtotaal": 2,
        "total eur ht": 3, "base ht": 1, "base tva": 1, "hors tva": 2, "excl vat": 2, "excl ust": 2, "exkl ust": 2, "excl mwst": 2,
        "exkl mwst": 2, "ohne ust": 2,
        "ohne mwst": 2, "excl btw": 2, "netto excl ust": 3, "netto exkl ust": 3, "rechnungssumme netto excl ust": 3,
        "rechnungssumme netto exkl ust": 3,
    },
    "tax": {
        "total tva": 3, "montant total tva": 3, "montant tva": 2.5, "total de la tva": 3, "total taxes": 2.5, "tva": 1.5, "t v a": 1.5,
        "taxe sur la valeur ajoutee": 2.5, "vat total": 3, "total vat": 3, "vat amount": 2, "vat": 1.5, "total tax": 3, "tax": 1.5,
        "sales tax": 2,
        "summe umsatzsteuer": 3, "umsatzsteuer": 2, "umsatzssteuer": 2, "mwst betrag": 2.5, "steuerbetrag": 2.5, "mehrwertsteuer": 2,
        "mwst": 1.5,
        "ust": 1.5, "ust betrag": 2.5, "gesamtbetrag umsatzsteuer": 3, "totaal btw": 3, "btw bedrag": 2.5, "btw": 1.5, "dont tva": 2,
        "steuerbasisbetrag ust": 1,
    },
    "gross": {
        "total ttc": 3, "total t t c": 3, "montant ttc": 2.5, "montant total ttc": 3, "montant eur ttc": 2.5,
        "total toutes taxes comprises": 3,
        "montant total brut": 3, "total facture": 2, "total general": 2, "total eur ttc": 3,
        "grand total": 3, "total amount": 2, "invoice total": 3, "total incl vat": 3, "total including vat": 3, "total gross": 3,
        "gross total": 3, "gross amount": 3,
        "total amount due": 2.5, "total due": 2.5, "total for this invoice": 3, "total": 1.5,
        "gesamtbetrag brutto": 3, "rechnungssumme brutto": 3, "bruttosumme": 3, "bruttobetrag": 3, "endbetrag": 3, "endsumme": 3,
        "rechnungsbetrag": 3, "gesamtbetrag": 2.5, "gesamtsumme": 2.5, "rechnungssumme": 2, "total eur": 2, "summe": 1,
        "totaal incl btw": 3, "totaal inclusief btw": 3, "totaal": 1.5, "factuurbedrag": 3, "brutto": 1.5, "incl vat": 2, "inkl ust": 2.5,
        "incl ust": 2.5, "inkl mwst": 2.5, "inklusive mwst": 2.5,
        "incl btw": 2, "tva incluse": 2, "tva comprise": 2, "summe inkl ust": 3, "a payer": 1, "to pay": 1,
    },
    "due": {
        "net a payer": 3, "somme a payer": 3, "reste a payer": 3, "solde a payer": 3, "montant a payer": 3, "total a payer": 3,
        "solde du": 2.5,
        "montant du": 2, "amount due": 3, "balance due": 3, "amount payable": 3, "due payable": 3, "total amount due on": 3, "balance": 1,
        "offener betrag": 3, "zahlbetrag": 3, "zu zahlen": 2.5, "zahlungsbetrag": 3, "fallige betrag": 2.5, "zu zahlender betrag": 3,
        "te betalen": 3, "openstaand bedrag": 3, "betrag in hohe von": 1.5, "montant du prelevement": 2,
    },
    "paid": {
        "deja paye": 3, "montant deja paye": 3, "acompte": 2.5, "acomptes": 2.5, "deja regle": 3, "paid": 2, "prepaid": 3, "deposit": 2.5,
        "amount paid": 3,
        "vorausbezahlter betrag": 3, "bereits bezahlt": 3, "anzahlung": 3, "anzahlungen": 3, "erhaltene anzahlungen": 3,
        "reeds betaald": 3, "payment received": 3,
        "rundungsbetrag": 3, "arrondi": 3, "rounding": 3,
    },
    "line": {
        "summe der positionen": 3, "positionssumme": 3, "total des lignes": 3, "remise": 3, "rabais": 3, "discount": 3, "rabatt": 3,
        "nachlass": 3,
        "sondernachlass": 3, "zuschlag": 3, "zuschlage": 3, "abschlage": 3, "gesamtbetrag der zuschlage": 3,
        "gesamtbetrag der abschlage": 3,
        "charge": 2, "charges": 1, "frais de port": 3, "versandkosten": 3, "shipping": 3, "transportkosten": 3, "escompte": 2,
        "skonto": 2, "indemnite": 3,
        "indemnite forfaitaire": 3, "capital": 3, "capital de": 3, "au capital": 3, "stammkapital": 3, "prix unitaire": 3, "p u ht": 3,
        "pu ht": 3, "unit price": 3,
        "einzelpreis": 3, "nettopreis": 3, "bruttopreis": 3, "basisbetrag": 3, "warenwert": 2, "eco participation": 2, "penalite": 3,
        "pfand": 2, "rate": 1,
        "zu abschlag": 3, "fracht verp vers": 3, "skonto sofort": 3, "artikelgesamtrabatt": 3, "rabattbetrag": 3, "frachtbetrag": 3,
        "basis": 2, "sous total": 1.5,
    },
}  # fmt: skip

DATES: Vocabulary = {
    "issue": {
        "date de facture": 3, "date de la facture": 3, "date facture": 3, "date d emission": 3, "date emission": 3, "emise le": 3,
        "facture du": 2.5, "en date du": 2,
        "date du document": 3, "etabli le": 2.5, "fait le": 2, "date avoir": 3, "date de l avoir": 3, "date": 2, "du": 0.8, "le": 0.7,
        "tax point": 1.5, "tax point date": 1.5,
        "invoice date": 3, "date of invoice": 3, "date of issue": 3, "issue date": 3, "issued at": 3, "issued on": 3, "issued": 2,
        "document date": 3, "dated": 2,
        "rechnungsdatum": 3, "beleg datum": 3, "belegdatum": 3, "ausstellungsdatum": 3, "datum": 2, "vom": 0.9, "factuurdatum": 3,
        "datum factuur": 3,
    },
    "due": {
        "ech": 2.5, "ech le": 2.5, "date ech": 2.5, "date due": 3, "a regler au plus tard le": 3, "a payer au plus tard le": 3,
        "payable au plus tard le": 3, "a regler au plus tard": 2.5,
        "date d echeance": 3, "date echeance": 3, "echeance": 2.5, "echeance le": 3, "date limite de paiement": 3,
        "date limite de reglement": 3, "a payer avant le": 3,
        "a regler avant le": 3, "payable le": 2.5, "payable avant le": 3, "a regler le": 2.5, "preleve le": 2.5, "prelevement le": 2.5,
        "sera preleve le": 2.5,
        "prelevement a partir du": 2.5, "paiement le": 2, "paiement avant le": 3, "reglement le": 2, "exigible le": 3,
        "date de paiement": 2, "date de reglement": 2,
        "due date": 3, "payment due": 2.5, "payment due date": 3, "due on": 2.5, "due by": 3, "due": 2, "remit until": 2.5, "pay by": 3,
        "payable by": 3, "pay before": 3,
        "falligkeitsdatum": 3, "falligkeit": 3, "fallig am": 3, "fallig bis": 3, "fallig": 2.5, "zahlungsziel": 3, "zahlbar bis": 3,
        "zahlbar bis zum": 3, "netto bis": 2.5,
        "netto bis zum": 2.5, "zahlbar am": 3, "zu zahlen bis": 3, "zahlung bis": 3, "betrag wird am": 2, "eur wird am": 2,
        "wird am": 1.5, "vervaldatum": 3, "te betalen voor": 3,
        "uiterste betaaldatum": 3, "vervaldag": 3, "bis": 0.5, "bis zum": 1.5, "bis spatestens": 2, "uberweisen sie bis zum": 3,
        "uberweisen sie bis": 3,
        "zahlen sie bis": 3, "zahlen sie bis zum": 3,
    },
    "delivery": {
        "date de livraison": 3, "livraison du": 3, "livraison le": 3, "livre le": 3, "livree le": 3, "livres le": 3, "date livraison": 3,
        "date de la livraison": 3, "date d execution": 3, "date execution": 3, "execute le": 3, "realise le": 3, "realisee le": 3,
        "date de la vente": 3, "date de vente": 3, "date de prestation": 3, "date de la prestation": 3, "date des prestations": 3,
        "date de livraison prestation": 3, "date de realisation": 3, "date d intervention": 3, "intervention du": 3, "prestation du": 3,
        "date d expedition": 3, "expedie le": 3, "date operation": 3, "date de l operation": 3, "date of delivery": 3, "delivery date": 3,
        "delivered on": 3, "delivered": 3, "shipped": 3, "shipped on": 3, "date shipped": 3, "shipping date": 3, "ship date": 3,
        "date of supply": 3, "supply date": 3, "date of service": 3, "service date": 3, "dispatch date": 3, "despatch date": 3,
        "lieferdatum": 3, "liefer datum": 3, "datum der lieferung": 3, "lieferung am": 3, "geliefert am": 3, "leistungsdatum": 3,
        "leistungs datum": 3, "liefer und leistungsdatum": 3, "liefer leistungsdatum": 3, "lieferungsdatum": 3, "leistung am": 3,
        "datum der leistung": 3, "tag der lieferung": 3, "ausgefuhrt am": 3, "liefertag": 3, "versanddatum": 3, "leverdatum": 3,
        "leveringsdatum": 3, "datum levering": 3, "datum van levering": 3, "geleverd op": 3, "geleverd": 3, "datum prestatie": 3,
        "prestatiedatum": 3, "datum uitvoering": 3, "uitvoeringsdatum": 3, "uitgevoerd op": 3, "verzenddatum": 3, "datum dienst": 3,
    },
    "other": {
        "date de livraison": 3, "livraison": 2, "livre le": 3, "date de commande": 3, "commande du": 3, "commande": 2, "periode": 3,
        "periode de facturation": 3, "date de debut": 3,
        "date de prestation": 3, "date de vente": 2, "contrat du": 3, "loi": 3, "decret": 3, "article": 3, "naissance": 3, "version": 3,
        "date de valeur": 2, "bon du": 3, "imprime le": 3,
        "du 1er au": 3, "au": 2, "entre le": 3, "et le": 2, "escompte": 2, "prestation": 2, "inscription": 3,
        "date de facture associee": 3, "facture associee": 3,
        "date de facture precedente": 3, "date de facture d origine": 3, "facture d origine du": 3, "facture precedente du": 3,
        "date debut": 3, "date de fin": 3, "date fin": 3, "ordre du": 3,
        "delivery date": 3, "date of delivery": 3, "order date": 3, "date of supply": 3, "shipping date": 3, "period": 3,
        "billing period": 3, "check in": 3, "check out": 3,
        "ship date": 3, "contract date": 3, "order": 2, "from": 2, "to": 2, "print date": 3, "birth": 3, "since": 2,
        "lieferdatum": 3, "leistungsdatum": 3, "liefer und leistungsdatum": 3, "leistungs datum": 3, "lieferschein datum": 3,
        "bestellung vom": 3, "bestell datum": 3, "bestelldatum": 3,
        "vertrags datum": 3, "vertragsdatum": 3, "auftrag datum lief": 3, "auftragsdatum": 3, "abrechnungszeitraum": 3,
        "leistungszeitraum": 3, "zeitraum": 3, "tagen bis": 2,
        "skonto innerhalb": 2, "liefer datum": 3, "angebot vom": 3, "auftrag vom": 3, "schreiben vom": 3, "reklamationsschreibens vom": 3,
        "telefonats vom": 3, "bestellungen bis": 3,
        "bestellungen bis zum": 3, "spatestens": 3, "bezieht sich auf": 3, "gemass bestellung": 3, "leverdatum": 3, "besteldatum": 3,
        "periode van": 3, "orderdatum": 3, "druckdatum": 3,
    },
}  # fmt: skip

NUMBERS: Vocabulary = {
    "number": {
        "facture n": 3, "facture no": 3, "facture num": 3, "facture numero": 3, "n de facture": 3, "no de facture": 3,
        "numero de facture": 3, "numero de la facture": 3, "n facture": 3,
        "num facture": 3, "ref facture": 2.5, "reference facture": 2.5, "avoir n": 3, "n d avoir": 3, "numero d avoir": 3,
        "note d honoraires n": 3, "n de piece": 2.5, "n de document": 2.5,
        "facture": 1.2, "avoir": 1, "n": 1, "no": 0.8, "numero": 1, "number": 1, "piece n": 2,
        "invoice no": 3, "invoice number": 3, "invoice nr": 3, "invoice num": 3, "invoice": 1.5, "invoice id": 3, "inv no": 3,
        "bill no": 2.5, "bill number": 2.5, "receipt no": 2.5,
        "credit note no": 3, "credit note number": 3, "credit note": 1.5, "document number": 2.5, "document no": 2.5, "tax invoice": 1.5,
        "booking id": 0.9, "receipt number": 2.5,
        "rechnungsnummer": 3, "rechnungsnr": 3, "rechnungs nr": 3, "rechnung nr": 3, "rechnung nummer": 3, "rechnung": 1.2, "beleg nr": 3,
        "belegnummer": 3, "belegnr": 3, "re nr": 3,
        "gutschrift nr": 3, "gutschrift": 1, "nr": 1, "nummer": 1, "handelsrechnung nr": 3, "rechnungskorrektur nr": 3, "380 nr": 2,
        "381 nr": 2,
        "factuurnummer": 3, "factuurnr": 3, "factuur nr": 3, "factuur": 1.2, "creditnota": 1,
    },
    "order": {
        "vos ref": 1.2, "vos references": 1.2, "votre ref": 1.2, "votre reference": 1.2, "v ref": 1.2, "v reference": 1.2, "vref": 1.2,
        "ihre referenz": 1.2, "ihr zeichen": 1.2, "ihre zeichen": 1.2, "ihr az": 1.2, "uw kenmerk": 1.2, "uw referentie": 1.2,
        "uw ref": 1.2, "your reference": 1.2, "your ref": 1.2, "yr ref": 1.2, "customer po": 3, "customer reference": 1.2,
        "votre n de commande": 3, "auftragsnummer": 1, "auftrags nr": 1, "auftragsnr": 1, "auftrag nr": 1, "auftrags nummer": 1,
        "n de commande": 3, "numero de commande": 3, "commande n": 3, "bon de commande": 3, "n bon de commande": 3, "votre commande": 3,
        "ref commande": 3, "reference commande": 3,
        "commande": 1.5, "order no": 3, "order number": 3, "order id": 3, "purchase order": 3, "po number": 3, "po no": 3, "p o": 2,
        "your order": 2.5, "order": 1,
        "bestellnummer": 3, "bestell nr": 3, "bestellung nr": 3, "bestellnr": 3, "ihre bestellung": 2.5, "bestelnummer": 3,
        "ordernummer": 3, "uw order": 2,
    },
    "engagement": {
        "n d engagement": 3, "numero d engagement": 3, "engagement n": 3, "engagement no": 3, "engagement numero": 3,
        "engagement juridique": 3, "n engagement juridique": 3, "n d engagement juridique": 3, "numero d engagement juridique": 3,
        "numero engagement": 3, "n engagement": 3, "no engagement": 3, "engagement": 3, "ej n": 3, "n ej": 3, "ej": 3,
        "ref engagement": 3, "reference engagement": 3, "commitment number": 3, "commitment no": 3, "legal commitment": 3, "n d ej": 3,
        "numero ej": 3, "bon d engagement": 3, "bon engagement n": 3,
    },
    "service": {
        "service executant": 3, "code service chorus": 3, "service chorus": 3, "code service executant": 3,
        "code du service executant": 3, "code service": 3, "code du service": 3,
        "service destinataire": 3, "code service destinataire": 3, "service code": 3, "n service executant": 3,
        "n de service executant": 3, "id service executant": 3, "numero de service executant": 3, "leitweg id": 3, "leitweg": 3,
        "executing service": 3, "executing service code": 3, "dienst code": 3, "dienstcode": 3, "code dienst": 3,
    },
    "market": {
        "n de marche": 3, "n du marche": 3, "n marche": 3, "no de marche": 3, "numero de marche": 3, "numero du marche": 3,
        "numero marche": 3, "marche n": 3, "marche no": 3, "marche numero": 3, "marche public": 3, "marche public n": 3,
        "n de marche public": 3, "numero de marche public": 3, "ref marche": 3, "reference marche": 3, "reference du marche": 3,
        "ref du marche": 3, "marche": 3, "public contract no": 3, "tender no": 3, "tender number": 3, "vergabe nr": 3, "vergabenummer": 3,
        "aanbestedingsnummer": 3, "framework agreement no": 3, "market no": 3, "market number": 3, "market reference": 3, "market ref": 3,
        "procurement no": 3,
    },
    "contract": {
        "contrat": 3, "overeenkomst": 3, "overeenkomstnummer": 3, "overeenkomst nr": 3, "n contrat": 3, "n de contrat": 3,
        "no contrat": 3, "numero de contrat": 3, "numero contrat": 3, "contrat n": 3,
        "contrat no": 3, "ref contrat": 3, "reference contrat": 3, "reference du contrat": 3, "votre contrat": 3, "contrat numero": 3,
        "n du contrat": 3, "vertragsnummer": 3, "vertrags nr": 3, "vertragsnr": 3, "vertrag nr": 3, "vertrag nummer": 3, "ihr vertrag": 3,
        "rahmenvertrag": 3, "rahmenvertrag nr": 3, "contractnummer": 3, "contract nr": 3, "contractnr": 3, "contract nummer": 3,
        "contract no": 3, "contract number": 3, "contract ref": 3, "contract reference": 3, "contract id": 3, "agreement no": 3,
        "agreement number": 3, "uw contract": 3, "contractreferentie": 3, "contract": 3,
    },
    "other": {
        "n ref": 3, "n client": 3, "code client": 3, "numero client": 3, "id client": 3, "abonne": 3, "numero de ligne": 3, "contrat": 3,
        "n contrat": 3, "n de contrat": 3, "dossier": 3,
        "dossier n": 3, "siret": 3, "siren": 3, "rcs": 3, "tva": 3, "n tva": 3, "n de tva": 3, "n tva intra": 3, "numero tva": 3,
        "numero de tva": 3, "ape": 3, "naf": 3, "iban": 3, "bic": 3,
        "gln": 3, "gtin": 3, "ean": 3, "tel": 3, "telephone": 3, "fax": 3, "mobile": 3, "compte": 3, "n de compte": 3, "rib": 3,
        "page": 3, "devis": 3, "devis n": 3, "n devis": 3, "code": 2,
        "bon de livraison": 3, "n bon de livraison": 3, "bon de reception": 3, "n bon de reception": 3, "bl": 2, "bl n": 3, "loi": 3,
        "loi n": 3, "decret": 3, "article": 2, "capital": 3,
        "client": 2, "facture d origine": 3, "facture precedente": 3, "n de facture associee": 3, "facture associee": 3,
        "facture anterieure": 3,
        "sur la facture": 2, "reference a la facture": 3, "annule la facture": 3, "chantier": 2, "affaire": 2,
        "reference": 2, "ref": 2, "ref client": 3, "n d affaire": 3, "avis de paiement": 3,
        "cadre de facturation": 3, "n au rc": 3, "date": 1.5, "total": 2,
        "customer": 3, "customer no": 3, "customer number": 3, "customer id": 3, "account number": 3, "account no": 3, "contract no": 3,
        "delivery note": 3, "phone": 3, "vat no": 3, "vat id": 3,
        "vat number": 3, "vat reg no": 3, "tax id": 3, "tin": 3, "gstin": 3, "cin": 3, "company no": 3, "registration number": 3,
        "registered": 2, "crn": 3, "bank account": 3, "sort code": 3,
        "communication": 2, "quote": 3, "project": 2, "wid": 3, "fsn": 3, "service tax": 3, "due date": 2, "previous invoice": 3,
        "preceding invoice": 3, "original invoice": 3, "license": 2,
        "kundennummer": 3, "kundennr": 3, "kunden nr": 3, "kunden": 2, "lieferschein": 3, "lieferschein nr": 3, "lieferscheinnummer": 3,
        "vertragsnummer": 3, "vertrags nr": 3, "lief nr": 3,
        "auftrag nr lief": 3, "ursprungsbeleg nr": 3, "reklamationsnummer": 3, "steuernummer": 3,
        "steuer nr": 3, "steuernr": 3, "ust idnr": 3, "ust id nr": 3,
        "ust id": 3, "ust identnr": 3, "handelsregisternummer": 3, "handelsreg": 3, "hrb": 3, "hrb nr": 3, "hra": 3, "globale nummer": 3,
        "seite": 3, "kontonr": 3, "konto": 3, "kto nr": 3, "blz": 3,
        "swift": 3, "referenz": 2, "mandatsreferenz": 3, "artikel": 2, "art nr": 3, "zahlerstand": 3, "zahler nr": 3, "telefon": 3,
        "personalnr": 3, "kostenstelle": 3, "lieferavis": 3, "projekt": 2,
        "auf die rechnung": 3, "zur rechnung": 3, "wee reg nr": 3, "oko kontr nr": 3, "bank": 2,
        "abteilung": 3, "lieferung nr": 3, "glaubiger": 3, "adresse": 2,
        "klantnummer": 3, "kvk": 3, "btw nr": 3, "btw nummer": 3, "klantnr": 3, "rekening": 3, "pagina": 3, "offerte": 3,
    },
}  # fmt: skip

PARTIES: Vocabulary = {
    "supplier": {
        "fournisseur": 2, "emetteur": 3, "vendeur": 3, "prestataire": 2, "seller": 3, "supplier": 3, "sold by": 3, "service provider": 3,
        "verkaufer": 3, "lieferant": 2, "rechnungsersteller": 3,
        "leverancier": 3, "verkoper": 3, "beneficiaire": 0.5, "from": 1,
    },
    "buyer": {
        "client": 3, "destinataire": 3, "acheteur": 3, "facture a": 3, "adresse de facturation": 2, "adresse a": 2, "adresse du client": 3,
        "vos identifiants": 3, "votre n tva": 3, "livraison": 2, "livre a": 3,
        "numero tva du client": 3, "tva client": 3, "buyer": 3, "customer": 3, "bill to": 3, "billed to": 3, "bill to address": 3,
        "invoice to": 3, "sold to": 3, "ship to": 3, "billing address": 3,
        "shipping address": 3, "guest name": 3, "kaufer": 3, "kunde": 3, "rechnungsempfanger": 3, "warenempfanger": 3,
        "leistungsempfanger": 3, "ihre ust identnr": 3, "ihre ust id": 3, "ihre ust": 3,
        "lieferadresse": 3, "lieferanschrift": 3, "rechnungsadresse": 3, "abonne": 2, "nom de l abonne": 3, "koper": 3, "klant": 3,
        "afnemer": 3, "factuuradres": 3, "preneur": 3, "delivery address": 3,
        "kaufer leistungsempfanger": 3, "ihrem konto": 3, "votre compte": 3, "compte designe": 3, "your account": 3, "kostenstelle": 1,
    },
}  # fmt: skip

LEGAL_FORMS = frozenset({
    "sarl", "sas", "sasu", "sa", "eurl", "sci", "snc", "scop", "ei", "gmbh", "ag", "kg",
    "ohg", "ug", "ltd", "limited", "llc", "inc", "plc", "corp", "bv", "nv",
})  # fmt: skip
"""Words that end a company's name."""


@dataclass(frozen=True, slots=True)
class Label:
    """A phrase of a vocabulary found in a text."""

    kind: str
    phrase: str
    weight: float
    start: int
    end: int


@lru_cache(maxsize=50_000)
def labels_in(text: str, vocabulary_name: str) -> tuple[Label, ...]:
    """All phrases in a folded text from the left, the longest at each place.

    `vocabulary_name` is one of amounts, dates, numbers, parties.
    """
    meanings, longest = _phrases(vocabulary_name)
    spans = [match.span() for match in _WORD.finditer(text)]
    found: list[Label] = []
    for first, (start, _) in enumerate(spans):
        if found and start < found[-1].end:
            continue
        for last in range(min(first + longest, len(spans)) - 1, first - 1, -1):
            if meaning := meanings.get(text[start : spans[last][1]]):
                found.append(Label(*meaning, start, spans[last][1]))
                break
    return tuple(found)


def nearest_label(text: str, vocabulary_name: str) -> Label | None:
    """The last phrase of a folded text: the one next to a value that follows it."""
    found = labels_in(text, vocabulary_name)
    return found[-1] if found else None


_WORD = re.compile(r"[a-z0-9]+")
_GLUED = 8
"""Letters: a phrase of several words this long is known as well when the reader lost its spaces, or one of them."""
_VOCABULARIES: dict[str, Vocabulary] = {"amounts": AMOUNTS, "dates": DATES, "numbers": NUMBERS, "parties": PARTIES}
_CROSSED = "labels.toml"
"""Beside this file: kind, weight, and lists of words of which each of the first stands before each of the next."""


@lru_cache(maxsize=len(_VOCABULARIES))
def _phrases(name: str) -> tuple[dict[str, tuple[str, str, float]], int]:
    """Every phrase with its meaning, and the words of the longest. What is written out wins over what is crossed."""
    crossed = tomllib.loads(files("ocr").joinpath(_CROSSED).read_text("utf-8"))[name]
    written = [(phrase, (kind, phrase, float(weight))) for kind, own in _VOCABULARIES[name].items() for phrase, weight in own.items()]
    made = [(phrase, (one["kind"], phrase, one["weight"])) for one in crossed for phrase in _crossings(one["words"])]
    meanings: dict[str, tuple[str, str, float]] = {}
    for phrase, meaning in (*written, *made):
        meanings.setdefault(phrase, meaning)
    for phrase, meaning in list(meanings.items()):
        for glued in _glued_forms(phrase):
            meanings.setdefault(glued, meaning)
    return meanings, max(phrase.count(" ") + 1 for phrase in meanings)


def _glued_forms(phrase: str) -> Iterator[str]:
    """The phrase without any of its spaces, and without one of them; short ones could be other words."""
    words = phrase.split(" ")
    if len(words) > 1 and len(phrase) > _GLUED:
        yield "".join(words)
        yield from (" ".join([*words[:at], words[at] + words[at + 1], *words[at + 2 :]]) for at in range(len(words) - 1))


def _crossings(parts: Iterable[str]) -> Iterator[str]:
    return (" ".join(words) for words in product(*(part.split(", ") for part in parts)))
