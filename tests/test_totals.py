"""Net, tax, gross, due and the tax table, chosen together from small drawn pages."""

from decimal import Decimal

import cost
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr import amounts as amounts_room
from ocr.amounts import decimal_sign, find_amounts, find_numbers, misread_amounts, parse_amount
from ocr.layout import lay_out
from ocr.rates import RATES, VatRow, fits_rate, implied_line, settled_lines, tax_of
from ocr.text import Line, PageText, Word
from ocr.totals import amount_votes, choose_totals, read_figures, total_fields
from ocr.values import Source, VatLine

D = Decimal


def cell(x, y, text, letter=20, height=36):
    words, at = [], x
    for token in text.split():
        words.append(Word(token, at, y, at + letter * len(token), y + height, 0.99))
        at += letter * (len(token) + 1) - 6
    return Line(tuple(words))


def sheets_of(*pages):
    """Pages of rows 60 pixels apart; each row is a list of (x, text)."""
    drawn = []
    for number, rows in enumerate(pages, 1):
        lines = [cell(x, 150 + 60 * i, text) for i, row in enumerate(rows) for x, text in row]
        drawn.append(PageText(number, 2480, 3508, tuple(lines), "drawn"))
    return lay_out(drawn)


def totals_of(*rows):
    """Rows of a label and an amount, as at the foot of an invoice."""
    return choose_totals(sheets_of([[(200, text), (1900, amount)] for text, amount in rows]))


def three(totals):
    return tuple(None if part is None else part.value for part in (totals.net, totals.tax, totals.gross))


@pytest.mark.parametrize(
    "labels",
    [
        ("Total HT", "TVA 20 %", "Total TTC"),
        ("Nettobetrag", "MwSt 20 %", "Gesamtbetrag"),
        ("Subtotaal", "BTW 20 %", "Totaal"),
        ("Subtotal", "VAT 20 %", "Total"),
    ],
)
def test_sums_in_a_column_are_read_in_four_languages(labels):
    totals = totals_of(*zip(labels, ("1 000,00", "200,00", "1 200,00"), strict=True))
    assert three(totals) == (D("1000.00"), D("200.00"), D("1200.00"))
    assert totals.agrees
    assert totals.vat_lines == (VatLine(D(20), D("1000.00"), D("200.00")),)


def test_a_row_of_headings_speaks_for_the_row_of_values_below_in_order():
    rows = [[(300, "TOTAL HT"), (900, "TOTAL TVA"), (1500, "TOTAL TTC")], [(600, "100,00"), (1250, "20,00"), (1900, "120,00")]]
    assert three(choose_totals(sheets_of(rows))) == (D("100.00"), D("20.00"), D("120.00"))


def test_a_deposit_makes_less_due_than_the_gross_amount():
    totals = totals_of(
        ("Total HT", "100,00"), ("TVA 20 %", "20,00"), ("Total TTC", "120,00"), ("Acompte versé", "-50,00"), ("Net à payer", "70,00")
    )
    assert (totals.gross.value, abs(totals.paid.value), totals.due.value) == (D("120.00"), D("50.00"), D("70.00"))


def test_two_rates_make_the_tax_that_no_row_sums_up():
    totals = totals_of(("Subtotaal", "300,00"), ("BTW 21% over 100,00", "21,00"), ("BTW 9% over 200,00", "18,00"), ("Totaal", "339,00"))
    assert {line.rate for line in totals.vat_lines} == {D(21), D(9)}
    assert [(one.kind, one.value) for one in totals.computed if one.kind == "tax"] == [("tax", D("39.00"))]


def test_lines_of_the_tax_table_are_not_taken_for_the_totals():
    table = [[(200, "Taux TVA"), (700, "Base HT"), (1200, "Montant TVA"), (1800, "Total TTC")]]
    table += [[(200, "20 %"), (700, "500,00"), (1200, "100,00"), (1800, "600,00")]]
    table += [[(200, "5,5 %"), (700, "100,00"), (1200, "5,50"), (1800, "105,50")]]
    foot = [[(1200, label), (1800, amount)] for label, amount in (("Total HT", "600,00"), ("TVA", "105,50"), ("A payer", "705,50"))]
    totals = choose_totals(sheets_of(table + foot))
    assert three(totals) == (D("600.00"), D("105.50"), D("705.50"))
    assert len(totals.vat_lines) == 2


def test_an_exempt_invoice_has_equal_totals_and_a_line_of_rate_zero():
    totals = totals_of(("Total HT", "500,00"), ("TVA 0 %", "0,00"), ("Total TTC", "500,00"), ("TVA non applicable, art. 293 B", ""))
    assert three(totals) == (D("500.00"), D("0.00"), D("500.00"))
    assert totals.vat_lines == (VatLine(D(0), D("500.00"), D("0.00")),)


def test_a_sum_that_is_not_printed_is_computed_and_says_so():
    fields = {field.name: field for field in total_fields(totals_of(("Total HT", "100,00"), ("Total TTC", "120,00")))}
    assert fields["total_net"].source is Source.READ
    assert (fields["total_tax"].value, fields["total_tax"].source) == (D("20.00"), Source.RULE)
    assert fields["total_tax"].reason.startswith("computed")


@pytest.mark.parametrize("misread", ["1 2O0,00", "l 200,00", "12O0.0O", "1200.00O"[:-1]])
def test_a_misread_sum_is_put_right_where_only_one_reading_adds_up(misread):
    totals = totals_of(("Total HT", "1 000,00"), ("TVA 20 %", "200,00"), ("Total TTC", misread))
    assert three(totals) == (D("1000.00"), D("200.00"), D("1200.00"))


def test_a_misread_sum_that_adds_up_in_no_reading_stays_away():
    totals = totals_of(("Total HT", "1 000,00"), ("TVA 20 %", "200,00"), ("Total TTC", "l 3OO,00"))
    assert totals.gross is None
    assert not totals.agrees


def test_an_older_debt_is_added_to_what_is_due():
    totals = totals_of(
        ("Total", "50,00"), ("Tax 20 %", "10,00"), ("Invoice total", "60,00"), ("Previous balance", "40,00"), ("Balance due", "100,00")
    )
    assert (totals.gross.value, totals.due.value) == (D("60.00"), D("100.00"))


def test_the_rounded_total_is_due_without_a_label_of_its_own():
    totals = totals_of(
        ("Totaal excl btw", "100,00"), ("BTW 21 %", "21,02"), ("Totaal incl btw", "121,02"), ("Afronding", "-0,02"), ("", "121,00")
    )
    assert totals.gross.value == D("121.02")


def test_cash_less_change_is_the_total_of_a_till_receipt():
    totals = totals_of(("Article", "17,00"), ("Summe", "3,00"), ("Bar", "50,00"), ("Rückgeld", "33,00"), ("", "17,00"))
    assert totals.gross.value == D("17.00")


def test_a_credit_note_may_print_negative_amounts():
    totals = totals_of(("Total HT", "-100,00"), ("TVA 20 %", "-20,00"), ("Total TTC", "-120,00"))
    assert three(totals) == (D("-100.00"), D("-20.00"), D("-120.00"))
    assert totals.agrees


def test_votes_from_elsewhere_may_take_the_place_of_the_labels():
    sheets = sheets_of([[(200, "Zzz"), (1900, "10,00")], [(200, "Qqq"), (1900, "2,00")], [(200, "Xxx"), (1900, "12,00")]])
    votes = amount_votes(sheets)
    for value, kind in (("10.00", "net"), ("2.00", "tax"), ("12.00", "gross")):
        votes[D(value)].weights[kind] = 3.0
    assert three(choose_totals(sheets, votes)) == (D("10.00"), D("2.00"), D("12.00"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12,00-", "-12.00"),
        ("(12,00)", "-12.00"),
        ("100,-", "100.00"),
        ("EUR1.234,56", "1234.56"),
        ("12,00€", "12.00"),
        ("1'234.50", "1234.50"),
    ],
)
def test_signs_currencies_and_dashes_stand_where_they_like(text, value):
    assert parse_amount(text) == D(value)


def test_leader_dots_do_not_hide_an_amount():
    (amount,) = find_amounts(sheets_of([[(200, "Total HT : . . . . . . . .651,56 €")]])[0])
    assert amount.value == D("651.56")


@pytest.mark.parametrize(("sign", "value"), [(",", "5.000"), (".", "5000")])
def test_a_comma_before_three_digits_is_read_as_the_page_writes(sign, value):
    (number,) = find_numbers(sheets_of([[(200, "5,000")]])[0], 0, 0, sign)
    assert number.value == D(value)


def test_the_decimal_sign_is_what_stands_before_most_cents():
    assert decimal_sign(sheets_of([[(200, "1,234.50"), (900, "12.00")], [(200, "7.25")]])) == "."


amounts = st.decimals(1, 99_999, places=2, allow_nan=False, allow_infinity=False)


@given(amounts, st.sampled_from([rate for rate in RATES if rate]))
@settings(max_examples=40, deadline=None)
def test_whatever_adds_up_by_a_known_rate_is_found(net, rate):
    tax = tax_of(net, rate)
    rows = (("Total HT", f"{net}"), (f"TVA {rate} %", f"{tax}"), ("Total TTC", f"{net + tax}"), ("Capital", "50 000,00 €"))
    if tax:
        assert three(totals_of(*rows)) == (net, tax, net + tax)


@given(st.lists(st.tuples(amounts, st.sampled_from([D("5.5"), D(10), D(20)])), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_lines_that_are_given_add_up_to_the_totals(parts):
    rows = [VatRow(VatLine(rate, base, tax_of(base, rate)), 3.0, (1, index)) for index, (base, rate) in enumerate(parts)]
    net, tax = sum(row.line.base for row in rows), sum(row.line.tax for row in rows)
    lines = settled_lines(rows, net, tax, ())
    assert (sum(line.base for line in lines), sum(line.tax for line in lines)) == (net, tax)


@given(amounts, st.sampled_from(RATES))
def test_tax_is_rounded_half_away_from_zero_on_both_sides(base, rate):
    assert tax_of(-base, rate) == -tax_of(base, rate)
    assert fits_rate(base, tax_of(base, rate) + D("0.01"), rate)
    assert not fits_rate(base, tax_of(base, rate) + D("0.02"), rate)


def test_the_vectors_of_commercial_rounding_hold():
    assert [tax_of(D("0.125"), D(20)), tax_of(D("33.33"), D(20)), tax_of(D("10.05"), D("5.5"))] == [D("0.03"), D("6.67"), D("0.55")]


def test_the_line_that_the_totals_imply_needs_a_rate_that_fits():
    assert implied_line(D("100.00"), D("20.00"), {D(20): 2}) == VatLine(D(20), D("100.00"), D("20.00"))
    assert implied_line(D("100.00"), D("17.30"), {}) is None


def test_an_empty_page_has_no_totals():
    totals = choose_totals(sheets_of([]))
    assert three(totals) == (None, None, None)
    assert list(total_fields(totals)) == []


@pytest.mark.parametrize(
    "text", ["1,00 2,00 3,00 4,00 5,00", "20 % 100,00 20,00 120,00", "TVA 20 % Base 100,00 20,00", "O,lS 8B,OO l.1l1,1l"]
)
def test_a_page_full_of_amounts_costs_what_there_is_of_it_and_no_more(text):
    rows = [[(100 + 20 * (i % 7), f"{text} {i},{i % 90 + 10}")] for i in range(400)]
    quarter, whole = (sheets_of(*[rows[:count]] * 4) for count in (100, 400))
    cost.within(1200, lambda: choose_totals(whole), lambda: choose_totals(quarter))
    assert sum(1 for _ in misread_amounts(whole[0])) < 10_000


@pytest.mark.parametrize(("text", "values"), [("12,5", ["12.50"]), ("1O2,5", ["102.50"]), ("l2,5O", ["12.50"]), ("1250", ["12.50"])])
def test_a_misread_amount_is_not_ten_times_too_much(text, values):
    assert list(amounts_room._readings(text)) == [D(value) for value in values]


def test_what_is_asked_twice_is_looked_for_once(monkeypatch):
    sheets = sheets_of([[(200, "Total HT"), (1900, "10,00")], [(200, "Total TTC"), (1900, "12,00")]])
    assert find_amounts(sheets[0]) is find_amounts(sheets[0])
    votes, figures = amount_votes(sheets), read_figures(sheets)
    monkeypatch.setattr("ocr.totals.read_figures", lambda _: pytest.fail("read again"))
    assert choose_totals(sheets, votes, figures).gross.value == D("12.00")


def test_of_very_many_amounts_the_sums_at_the_end_are_read():
    goods = [[(200, f"Appel {i}"), (900, f"{i},17"), (1900, f"{i},29")] for i in range(390)]
    pages = [*[goods] * 6, [[(200, "Total HT"), (1900, "98 000,00")], [(200, "TVA 20 %"), (1900, "19 600,00")]]]
    figures = read_figures(sheets_of(*pages))
    assert len(figures.amounts) <= 4000
    assert {D("98000.00"), D("19600.00")} <= {amount.value for amount in figures.amounts}
