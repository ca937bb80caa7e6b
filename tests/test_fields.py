import json
import random
from dataclasses import replace
from datetime import date
from decimal import Decimal

import cost
import pytest
from babel.dates import format_date
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr import sureness
from ocr.amounts import parse_amount
from ocr.dates import parse_date
from ocr.features import Paper
from ocr.fields import extract
from ocr.labels import labels_in
from ocr.layout import fold, fold_places, lay_out
from ocr.text import Line, PageText, Word
from ocr.values import NAMES, Known, fields_json

WIDTH, HEIGHT = 2480, 3508


def cell(x, y, text, letter=20, height=36):
    """A printed piece of text: words of 20-pixel letters from x, on the line whose top is y."""
    words, at = [], x
    for token in text.split():
        words.append(Word(token, at, y, at + letter * len(token), y + height, 0.99))
        at += letter * (len(token) + 1) - 6
    return Line(tuple(words))


def page_of(rows, number=1, top=150):
    """Rows 60 pixels apart; each is a list of (x, text)."""
    lines = [cell(x, top + 60 * i, text) for i, row in enumerate(rows) for x, text in row]
    return PageText(number, WIDTH, HEIGHT, tuple(lines), "drawn")


def read(rows):
    return fields_json(extract([page_of(rows)]))


INVOICE = [
    [(150, "Atelier Dumoulin SARL"), (1300, "Facture N° :"), (1900, "FA-2026-0117")],
    [(150, "12 rue des Tilleuls"), (1300, "Date :"), (1900, "31/01/2026")],
    [(150, "45000 Orléans"), (1300, "Client n°"), (1900, "C-00981")],
    [(150, "SIREN : 732 829 320"), (1300, "Adresse du client")],
    [(150, "N° TVA : FR44 732829320"), (1300, "Mairie de Bellefont")],
    [(1300, "3 place de la Mairie")],
    [(1300, "41000 Blois")],
    [(1300, "SIREN : 552 100 554")],
    [],
    [(150, "Désignation"), (1300, "P.U. HT"), (1700, "Qté"), (2000, "Total HT")],
    [(150, "Maintenance"), (1300, "60,00"), (1700, "1,00"), (2000, "60,00")],
    [(150, "Déplacement"), (1300, "40,00"), (1700, "1,00"), (2000, "40,00")],
    [],
    [(1300, "TOTAL HT"), (1700, "TOTAL TVA"), (2100, "TOTAL TTC")],
    [(1320, "100,00"), (1720, "20,00"), (2110, "120,00")],
    [(1300, "Acompte"), (2110, "20,00")],
    [(150, "Date d'échéance :"), (700, "02/03/2026"), (1300, "NET A PAYER"), (2000, "100,00 EUR")],
    [(150, "Tout retard engendre une pénalité, indemnité forfaitaire de recouvrement 40 €")],
    [(150, "IBAN : FR76 3000 6000 0112 3456 7890 189")],
]


def test_an_ordinary_french_invoice_is_read_whole():
    fields = read(INVOICE)
    expected = {
        "document_type_code": "380",
        "invoice_number": "FA-2026-0117",
        "issue_date": "2026-01-31",
        "due_date": "2026-03-02",
        "supplier_name": "Atelier Dumoulin SARL",
        "supplier_siren": "732829320",
        "supplier_vat_id": "FR44732829320",
        "buyer_name": "Mairie de Bellefont",
        "currency": "EUR",
        "total_net": "100.00",
        "total_tax": "20.00",
        "total_gross": "120.00",
        "amount_due": "100.00",
        "iban": "FR7630006000011234567890189",
    }
    assert {name: fields[name] for name in expected} == expected


def test_a_field_says_where_it_stands_and_why():
    field = extract([page_of(INVOICE)])["total_gross"]
    assert (field.raw, field.page, field.box[0], field.reason) == ("120,00", 1, 2110, "net + tax = gross")


def test_what_is_not_on_the_page_is_null_and_every_name_is_there():
    fields = read([[(150, "Bonjour")]])
    assert tuple(fields) == (*NAMES, "line_count")
    assert fields["total_gross"] is None
    assert fields["iban"] is None


def test_no_page_at_all_is_no_error():
    assert fields_json(extract([]))["invoice_number"] is None


def test_amounts_are_decimal_strings_in_json():
    text = json.dumps(read(INVOICE))
    assert '"total_net": "100.00",' in text
    assert '"total_gross": "120.00",' in text


def test_a_discount_between_net_and_gross_is_no_total():
    fields = read(
        [
            [(1300, "Gesamtsumme netto"), (2000, "193,83 €")],
            [(1300, "zzgl. Umsatzsteuer 7 % von 129,37"), (2100, "9,06")],
            [(1300, "zzgl. Umsatzsteuer 19 % von 64,46"), (2100, "12,25")],
            [(1300, "Summe Umsatzsteuer"), (2100, "21,31")],
            [(1300, "Rechnungssumme brutto (inkl. USt.)"), (2100, "215,14")],
            [(1300, "Bereits bezahlt"), (2100, "50,00")],
            [(1300, "Offener Betrag"), (2100, "165,14")],
        ]
    )
    assert [fields[name] for name in ("total_net", "total_tax", "total_gross", "amount_due")] == ["193.83", "21.31", "215.14", "165.14"]
    assert [line["tax"] for line in fields["vat_breakdown"]] == ["9.06", "12.25"]


def test_an_invoice_without_tax_has_equal_totals():
    fields = read([[(1300, "Total HT"), (2000, "500,00")], [(1300, "TVA"), (2000, "0,00")], [(1300, "Total TTC"), (2000, "500,00")]])
    assert (fields["total_net"], fields["total_tax"], fields["total_gross"]) == ("500.00", "0.00", "500.00")


def test_the_last_row_of_a_tax_table_is_the_total():
    head = [(1300, "Nettobetrag"), (1600, "MwSt-Betrag"), (1900, "MwSt-%"), (2150, "Endbetrag")]
    rows = [("321,40", "61,07", "19,0", "382,47"), ("127,59", "8,93", "7,0", "136,52"), ("448,99", "70,00", "EUR", "518,99")]
    fields = read([head, *([(x, text) for (x, _), text in zip(head, row, strict=True)] for row in rows)])
    assert (fields["total_net"], fields["total_tax"], fields["total_gross"]) == ("448.99", "70.00", "518.99")


def test_a_credit_note_says_so_and_keeps_its_sign():
    fields = read([[(1300, "AVOIR N° AV-77")], [(1300, "Total HT"), (2000, "-100,00")], [(1300, "Total TTC"), (2000, "-100,00")]])
    assert (fields["document_type_code"], fields["invoice_number"], fields["total_gross"]) == ("381", "AV-77", "-100.00")


@pytest.mark.parametrize(
    ("sentence", "due"),
    [
        ("Zahlbar innerhalb 30 Tagen netto bis 04.07.2026, 3% Skonto innerhalb 10 Tagen bis 15.06.2026", "2026-07-04"),
        ("Please remit until 2026-07-01.", "2026-07-01"),
        ("Le montant sera prélevé le 5 juillet 2026 sur votre compte", "2026-07-05"),
        ("Vervaldatum: 1 maart 2026", "2026-03-01"),
    ],
)
def test_a_due_date_is_found_in_a_sentence(sentence, due):
    assert read([[(150, sentence)]])["due_date"] == due


def test_a_date_of_delivery_is_no_date_of_issue():
    fields = read([[(150, "Date de livraison : 28/01/2026")], [(150, "Date de facture : 31/01/2026")]])
    assert fields["issue_date"] == "2026-01-31"


def test_the_number_of_an_earlier_invoice_is_not_this_ones():
    rows = [
        [(150, "N° de facture associée : F-0001")],
        [(150, "Rechnungsnummer"), (900, "F-0002"), (1300, "Kundennummer"), (1900, "F-0003")],
    ]
    assert read(rows)["invoice_number"] == "F-0002"


def test_the_buyers_account_is_not_the_one_to_pay_to():
    rows = [[(150, "wird von Ihrem Konto mit IBAN DE21860000000086001055 eingezogen")], [(150, "IBAN DE88 2008 0000 0970 3757 00")]]
    assert read(rows)["iban"] == "DE88200800000970375700"


def test_an_iban_with_a_wrong_checksum_is_read_all_the_same():
    field = extract([page_of([[(150, "IBAN: FR20 1254 2547 2569 8542 5874 698")]])])["iban"]
    assert (field.value, field.reason) == ("FR2012542547256985425874698", "checksum does not pass")


def test_the_longest_phrase_wins():
    assert [label.kind for label in labels_in(fold("Net à payer TTC"), "amounts")] == ["due"]


amounts = st.decimals(0, 9_999_999, places=2, allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(amounts, st.sampled_from(["fr", "de", "en", "ch", "plain"]), st.sampled_from(["", " €", " EUR"]))
def test_every_way_of_writing_an_amount_is_understood(amount, style, currency):
    english = f"{abs(amount):,.2f}"
    written = {
        "fr": english.replace(",", " ").replace(".", ","),
        "de": english.replace(".", "_").replace(",", ".").replace("_", ","),
        "en": english,
        "ch": english.replace(",", "'"),
        "plain": f"{abs(amount):.2f}",
    }[style]
    assert parse_amount(written + currency) == abs(amount)


@pytest.mark.parametrize("text", ["20,00%", "9,9000", "1,234,56", "12/05/2026", "1.2.3", "abc", "1 23,45"])
def test_what_is_no_amount_is_refused(text):
    assert parse_amount(text) is None


@pytest.mark.parametrize(("gap", "net"), [(10, "2117.50"), (40, "117.50")])
def test_a_wide_gap_ends_an_amount(gap, net):
    first, second = Word("2", 1300, 210, 1320, 246, 0.99), Word("117,50", 1320 + gap, 210, 1440 + gap, 246, 0.99)
    page = PageText(1, WIDTH, HEIGHT, (cell(1300, 150, "Total HT"), Line((first, second))), "drawn")
    assert fields_json(extract([page]))["total_net"] == net


@settings(deadline=None)
@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["fr", "en", "de", "nl"]),
    st.sampled_from(["long", "d.M.y", "y-MM-dd", "dd/MM/yyyy"]),
)
def test_every_date_that_babel_writes_is_understood(day, language, form):
    assert parse_date(format_date(day, form, locale=language)) == day


@pytest.mark.parametrize("text", ["31/02/2026", "00.00.2026", "2026-13-01", "1/1/1999", "12 foobar 2026", "20261340"])
def test_what_is_no_date_is_refused(text):
    assert parse_date(text) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 2400), st.text(max_size=40)), max_size=4), max_size=8))
def test_any_text_at_all_is_read_without_an_error(rows):
    clean = [[(x, text) for x, text in row if text.split()] for row in rows]
    json.dumps(fields_json(extract([page_of(clean)])))


@pytest.mark.parametrize(
    "text", ["1 234 " * 5000, "FR76 " + "A1" * 20000, "1." * 20000, "total ht " * 5000, "12 " + "é" * 50000, "0" * 50000]
)
def test_a_hostile_page_costs_what_there_is_of_it_and_no_more(text):
    whole, quarter, fewer = ([page_of([[(10, text[:size])]] * rows)] for size, rows in ((None, 40), (len(text) // 4, 40), (None, 10)))
    cost.within(270, lambda: extract(whole), lambda: extract(quarter), lambda: extract(fewer))


def test_amounts_are_exact_decimals():
    assert extract([page_of(INVOICE)])["total_gross"].value == Decimal("120.00")


# --- layouts never seen -----------------------------------------------------------------------------


HEADED = [[(150, "Rechnungs-Nr."), (700, "Datum"), (1200, "Kundennummer")], [(160, "RE 4711"), (700, "12.03.2026"), (1210, "90812")]]


@pytest.mark.parametrize(
    ("rows", "number"),
    [
        (HEADED, "RE 4711"),
        ([[(1300, "Factuurnummer")], [(1300, "F-2026.017")]], "F-2026.017"),
        ([[(150, "FactureN°:F2026-17")]], "F2026-17"),
        ([[(150, "Facture de prestations n° 2026 / 0117 du 3 mars 2026")]], "2026 / 0117"),
        ([[(150, "KLANTFACTUUR FA-84393")]], "FA-84393"),
        ([[(150, "Numéro :. . . . . . . . .61716650")]], "61716650"),
        ([[(150, "Beleg-Nr.: 0815-26"), (1300, "Zu Rechnung Nr.: 59770113")]], "0815-26"),
        ([[(150, "Commande N° 4500"), (1300, "Devis n° D17")], [(150, "Facture"), (700, "N° 2026-88")]], "2026-88"),
    ],
)
def test_the_number_is_found_wherever_its_label_stands(rows, number):
    assert read(rows)["invoice_number"] == number


@pytest.mark.parametrize(
    "text",
    ["Garantie décennale : AXA police n° 4512897304", "Des questions sur cette facture ? Appelez le 0800 123 456", "Zu Rechnung 4711"],
)
def test_a_number_of_something_else_is_not_invented_into_this_ones(text):
    field = extract([page_of([[], [], *[[(150, text)]]])]).get("invoice_number")
    assert field is None or field.confidence < 0.8


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("Numéro d'engagement : 1400012345", "engagement_number", "1400012345"),
        ("Code service exécutant : FACTURES_PUBLIQUES", "service_code", "FACTURES_PUBLIQUES"),
        ("N° de marché : 2026M017", "market_reference", "2026M017"),
        ("Vertragsnummer: V-2231", "contract_reference", "V-2231"),
        ("Bestelnummer: 88213", "order_reference", "88213"),
        ("Datum der Lieferung: 02.03.2026", "delivery_date", "2026-03-02"),
        ("Reçu le 05/03/2026", "arrival_date", "2026-03-05"),
        ("Conditions de règlement : 45 jours fin de mois", "payment_terms", "45 jours fin de mois"),
        ("Zahlbar innerhalb von 14 Tagen ohne Abzug.", "payment_terms", "Zahlbar innerhalb von 14 Tagen ohne Abzug"),
    ],
)
def test_the_references_and_terms_have_fields_of_their_own(text, field, value):
    assert read([[(150, text)]])[field] == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Facture d'acompte n° 17", "386"),
        ("AVOIR N° 17", "381"),
        ("Korrekturrechnung 17", "384"),
        ("Self-billed invoice 17", "389"),
        ("Anzahlungsrechnung Nr. 17", "386"),
        ("Creditfactuur 17", "381"),
        ("Factuur 17", "380"),
        ("Avoir relatif : aucun", "380"),
    ],
)
def test_the_kind_is_what_the_title_says(text, code):
    assert read([[(150, text)]])["document_type_code"] == code


def test_days_of_the_terms_give_a_due_date_that_says_it_is_computed():
    rows = [[(150, "Rechnungsdatum: 01.03.2026")], [(150, "Zahlbar innerhalb von 14 Tagen ohne Abzug.")]]
    due = extract([page_of(rows)])["due_date"]
    assert (due.value, due.source) == (date(2026, 3, 15), "rule")


@pytest.mark.parametrize(
    "terms", ["Règlement à 45 jours fin de mois", "Pénalités de retard après 30 jours", "8 Tage 2 % Skonto, 30 Tage netto"]
)
def test_terms_that_may_be_counted_in_two_ways_give_no_due_date(terms):
    fields = read([[(150, "Date de facture : 01/03/2026")], [(150, terms)]])
    assert (fields["issue_date"], fields["due_date"]) == ("2026-03-01", None)


@pytest.mark.parametrize(
    "terms",
    [
        "Conditions de règlement : 30 jours de réception",
        "Règlement à 30 jours à compter de la réception de la facture",
        "Délai de paiement : 30 jours date de livraison",
        "À réception de la facture, paiement sous 30 jours",
        "Zahlbar 14 Tage nach Rechnungseingang",
        "Zahlbar innerhalb von 14 Tagen nach Erhalt der Rechnung",
        "Zahlungsziel: 14 Tage ab Lieferung",
        "Betaling binnen 14 dagen na ontvangst van de factuur",
        "Payment within 30 days of receipt of goods",
        "Payment terms: 30 days after delivery",
    ],
)
def test_days_that_count_from_another_day_than_the_issue_give_no_due_date(terms):
    fields = read([[(150, "Facture du 01/03/2026")], [(150, "Date de facture : 01/03/2026")], [(150, terms)]])
    assert (fields["issue_date"], fields["due_date"]) == ("2026-03-01", None)


@pytest.mark.parametrize(
    "terms",
    [
        "Payment terms: 30 days net",
        "Conditions de règlement : 30 jours nets",
        "Zahlbar 30 Tage nach Rechnungsdatum",
        "30 days net",
    ],
)
def test_days_that_count_from_the_issue_give_a_due_date(terms):
    assert read([[(150, "Date de facture : 01/03/2026")], [(150, terms)]])["due_date"] == "2026-03-31"


def dated(words, issued, due):
    return extract([page_of([[(150, f"{words[0]} 4711")], [(150, f"{words[1]} {issued}")], [(150, f"{words[2]} {due}")]])])


FRENCH, ENGLISH = ("Facture n°", "Date de facture :", "Date d'échéance :"), ("Invoice no", "Invoice date:", "Due date:")


def test_one_date_with_the_month_first_turns_the_others_on_an_english_page_only():
    assert dated(ENGLISH, "03/20/2026", "04/05/2026")["due_date"].value == date(2026, 4, 5)
    assert dated(FRENCH, "03/20/2026", "04/05/2026")["due_date"].value == date(2026, 5, 4)


def test_a_date_with_the_day_first_beyond_doubt_leaves_the_others_as_they_are():
    rows = [
        [(150, "Invoice no 4711")],
        [(150, "Invoice date: 31/12/2025")],
        [(150, "Due date: 02/03/2026")],
        [(150, "See 03/20/2025")],
    ]
    due = extract([page_of(rows)])["due_date"]
    assert due.value == date(2026, 3, 2)


@pytest.mark.parametrize("words", [FRENCH, ENGLISH])
def test_a_date_that_may_be_meant_both_ways_is_not_green(words):
    rows = [[(150, f"{words[0]} 4711")], [(150, f"{words[1]} 31/12/2025")], [(150, f"{words[2]} 02/03/2026")], [(150, "03/20/2026")]]
    fields = extract([page_of(rows)])
    assert fields["due_date"].confidence <= 0.99
    assert {name for name, _ in sureness._two_ways(fields, Paper(lay_out([page_of(rows)])))} == {"due_date"}


@pytest.mark.parametrize(
    ("text", "day"),
    [("Date : 19 nove 2026", "2026-11-19"), ("Invoice date: 04-Mar-2026", "2026-03-04"), ("Date : 3 juil. 2026", "2026-07-03")],
)
def test_months_may_be_cut_short(text, day):
    assert read([[(150, text)]])["issue_date"] == day


MIXED = [
    [(150, "Ateliers du Val SAS"), (1300, "Acheteur :")],
    [(150, "170 boulevard Victor Hugo"), (1300, "Deleria Services SA")],
    [(150, "87000 Limoges"), (1300, "17 rue Ampère")],
    [(150, "Tél. 05 55 00 00 00"), (1300, "92100 Boulogne")],
    [(150, "SIRET : 732 829 320 00074"), (1300, "TVA client : FR61760326918")],
]


def test_identifiers_in_mixed_columns_go_to_the_right_company():
    fields = read(MIXED)
    assert (fields["supplier_siret"], fields["supplier_siren"], fields["supplier_vat_id"]) == ("73282932000074", "732829320", None)
    assert (fields["supplier_name"], fields["buyer_name"]) == ("Ateliers du Val SAS", "Deleria Services SA")


def test_the_installations_own_company_is_the_buyer_wherever_it_stands():
    known = Known(names=("Ateliers du Val",), sirens=("732829320",), arrival=date(2026, 3, 9))
    fields = extract([page_of(MIXED)], known)
    assert "supplier_siret" not in fields
    assert fields["buyer_name"].value == "Ateliers du Val SAS"
    assert (fields["arrival_date"].value, fields["arrival_date"].source) == (date(2026, 3, 9), "rule")


def test_the_installations_own_account_is_not_the_one_to_pay_to():
    page = page_of([[(150, "IBAN : FR76 3000 6000 0112 3456 7890 189")]])
    assert "iban" not in extract([page], Known(ibans=("FR7630006000011234567890189",)))


def test_the_seller_is_named_in_the_line_over_the_window():
    rows = [[(150, "Muster Bau GmbH · Ringstr. 4 · 20095 Hamburg")], [(150, "Kunden AG")], [(150, "Weg 2")], [(150, "10115 Berlin")]]
    fields = read([[]] * 8 + rows)
    assert (fields["supplier_name"], fields["buyer_name"]) == ("Muster Bau GmbH", "Kunden AG")


def test_an_account_number_broken_over_two_lines_is_joined_and_its_bank_found():
    rows = [[(150, "IBAN DE88 2008 0000")], [(150, "0970 3757 00")], [(150, "BIC: DRESDEFF200")]]
    fields = read(rows)
    assert (fields["iban"], fields["bic"]) == ("DE88200800000970375700", "DRESDEFF200")


def test_what_else_was_thought_of_is_told():
    field = extract([page_of([[(150, "Facture N° F-0001")], [(150, "N° : 4711-B")]])])["invoice_number"]
    assert (field.value, field.alternatives) == ("F-0001", ("4711-B",))


def test_an_empty_page_and_an_unknown_language_give_no_values():
    assert not set(extract([page_of([]), page_of([[(150, "Ipsum dolor sit amet 12345 consectetur")]], 2)])) - {"document_type_code"}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_the_places_of_folded_letters_are_those_of_the_text(text):
    folded, places = fold_places(text)
    assert folded == fold(text)
    assert len(places) == len(folded)


@pytest.mark.parametrize("printed", ["Date : 09/03/201820:54:50", "2018-03-0920:54", "9 mars 2018 20:54"])
def test_a_time_of_day_that_is_glued_to_a_date_leaves_it_readable(printed):
    assert extract([page_of([[(300, "Facture n° 2018-17")], [(300, printed)]])])["issue_date"].value == date(2018, 3, 9)


def full_page(number, chance, draw, gap):
    """400 rows of eight words, each drawn by one of `draw`."""
    lines = []
    for row in range(400):
        words, at = [], 50
        for text in (chance.choice(draw)() for _ in range(8)):
            words.append(Word(text, at, 100 + 9 * row, at + 8 * len(text), 108 + 9 * row, 0.9))
            at += 8 * len(text) + gap
        lines.append(Line(tuple(words)))
    return PageText(number, WIDTH, HEIGHT, tuple(lines), "drawn")


@pytest.mark.parametrize("kind", ["amounts", "dates", "accounts", "mixed"])
def test_pages_that_are_full_to_the_edge_cost_what_there_is_of_them_and_no_more(kind):
    chance = random.Random(kind)
    amount = lambda: f"{chance.randrange(99_999)},{chance.randrange(100):02d}"  # noqa: E731
    day = lambda: f"{chance.randrange(1, 28):02d}/{chance.randrange(1, 12):02d}/2026"  # noqa: E731
    account = lambda: chance.choice(["FR76", "3OO0", "6OO0", "0112", "IBAN", "DE89", "SIOB"])  # noqa: E731
    draw = {"amounts": [amount], "dates": [day], "accounts": [account], "mixed": [amount, day, account, lambda: "TVA 20 %"]}[kind]
    pages = [full_page(number, chance, draw, 12 if kind == "accounts" else 30) for number in range(1, 5)]
    quarters = [replace(page, lines=page.lines[:100]) for page in pages]
    cost.within(300, lambda: extract(pages), lambda: extract(quarters), lambda: extract(pages[:1]))
