"""Lines of goods from small drawn tables: by headings, by columns, by quantity × price = amount."""

from decimal import Decimal

import cost
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr.items import find_lines, settled, table_head
from ocr.layout import lay_out
from ocr.text import Line, PageText, Word
from ocr.totals import choose_totals

D = Decimal
X = (150, 1100, 1500, 1900)


def cell(x, y, text, letter=20, height=36):
    words, at = [], x
    for token in text.split():
        words.append(Word(token, at, y, at + letter * len(token), y + height, 0.99))
        at += letter * (len(token) + 1) - 6
    return Line(tuple(words))


def sheets_of(*pages):
    """Pages of rows 60 pixels apart; each row is a list of texts in four columns, or of (x, text)."""
    drawn = []
    for number, rows in enumerate(pages, 1):
        placed = [[part if isinstance(part, tuple) else (X[i], part) for i, part in enumerate(row)] for row in rows]
        lines = [cell(x, 150 + 60 * i, text) for i, row in enumerate(placed) for x, text in row if text]
        drawn.append(PageText(number, 2480, 3508, tuple(lines), "drawn"))
    return lay_out(drawn)


def find_items(sheets, targets=()):
    return tuple(line.item for line in settled(find_lines(sheets), targets))


def told(items):
    return [(item.description, item.quantity, item.unit_price, item.net) for item in items]


HEADS = {
    "fr": ["Désignation", "Qté", "PU HT", "Montant HT"],
    "de": ["Bezeichnung", "Menge", "Einzelpreis", "Gesamt"],
    "nl": ["Omschrijving", "Aantal", "Prijs", "Bedrag"],
    "en": ["Description", "Qty", "Unit price", "Amount"],
}
GOODS = [["Vis inox", "2", "3,50", "7,00"], ["Clou long", "10", "0,25", "2,50"]]
TOTAL = [["", "", "Total HT", "9,50"]]


@pytest.mark.parametrize("language", HEADS)
def test_a_table_is_found_by_its_headings_in_four_languages(language):
    items = find_items(sheets_of([HEADS[language], *GOODS, *TOTAL]))
    assert told(items) == [("Vis inox", D("2"), D("3.50"), D("7.00")), ("Clou long", D("10"), D("0.25"), D("2.50"))]


def test_columns_may_stand_in_any_order():
    rows = [["Qté", "PU HT", "Désignation", "Montant HT"], ["2", "3,50", "Vis inox", "7,00"], ["10", "0,25", "Clou long", "2,50"]]
    assert [item.net for item in find_items(sheets_of(rows))] == [D("7.00"), D("2.50")]


def test_a_table_without_headings_is_found_by_its_products():
    assert [item.net for item in find_items(sheets_of([["Bonjour"], *GOODS, *TOTAL]))] == [D("7.00"), D("2.50")]


def test_a_discount_in_its_row_is_part_of_the_product():
    rows = [["Désignation", "Qté", "PU HT", "Montant HT"], ["Vis inox", "2", "10,00 10 %", "18,00"]]
    (item,) = find_items(sheets_of(rows))
    assert (item.quantity, item.unit_price, item.net) == (D(2), D("10.00"), D("18.00"))


def test_a_description_goes_on_in_the_rows_below():
    rows = [HEADS["fr"], GOODS[0], ["tête fraisée"], GOODS[1], *TOTAL]
    assert [item.description for item in find_items(sheets_of(rows))] == ["Vis inox tête fraisée", "Clou long"]


def test_sums_carried_over_are_no_lines_and_the_next_page_goes_on():
    first = [HEADS["fr"], *GOODS, ["A reporter", "", "", "9,50"]]
    second = [["Report", "", "", "9,50"], ["Écrou", "4", "1,00", "4,00"], ["", "", "Total HT", "13,50"]]
    items = find_items(sheets_of(first, second))
    assert [(item.page, item.net) for item in items] == [(1, D("7.00")), (1, D("2.50")), (2, D("4.00"))]


def test_a_sum_without_a_known_name_is_no_line():
    rows = [["Désignation", "", "", "Montant HT"], ["Vis", "", "", "7,00"], ["Clou", "", "", "2,50"], ["Zwyx", "", "", "9,50"]]
    assert [item.net for item in find_items(sheets_of(rows))] == [D("7.00"), D("2.50")]


def test_a_discount_under_the_lines_is_no_line():
    rows = [HEADS["fr"], *GOODS, ["Remise commerciale", "", "", "-1,00"], ["", "", "Total HT", "8,50"]]
    assert len(find_items(sheets_of(rows), {D("8.50")})) == 2


def test_a_misread_sign_in_a_line_is_put_right_by_the_product():
    rows = [HEADS["fr"], ["Vis inox", "24", "14,00", "336,D0"], GOODS[1]]
    assert [item.net for item in find_items(sheets_of(rows))] == [D("336.00"), D("2.50")]


def test_a_plain_list_above_its_sum_is_a_table_too():
    rows = [["Chambre double"] + [""] * 2 + ["165,00"], ["Minibar", "", "", "21,40"], ["Total TTC", "", "", "186,40"]]
    assert told(choose_totals(sheets_of(rows)).items) == [("Chambre double", None, None, D("165.00")), ("Minibar", None, None, D("21.40"))]


def test_a_table_of_taxes_is_no_table_of_goods():
    rows = [["Base HT", "Taux", "Montant TVA", "Total TTC"], ["100,00", "20 %", "20,00", "120,00"]]
    assert find_items(sheets_of(rows)) == ()
    assert table_head(sheets_of(rows)[0]) is None


def test_a_rate_beside_the_amount_belongs_to_the_line():
    rows = [["Désignation", "Qté", "PU HT", "Montant HT", (2200, "TVA")], ["Vis", "2", "3,50", "7,00", (2200, "5,5 %")]]
    (item,) = find_items(sheets_of(rows))
    assert item.rate == D("5.5")


def test_doubtful_rows_are_lines_where_their_sum_is_printed():
    rows = [HEADS["fr"], GOODS[0], ["Forfait", "", "", "5,00"], GOODS[1]]
    lines = find_lines(sheets_of(rows))
    assert [len(settled(lines, targets)) for targets in ([D("14.50")], [D("9.50")], [])] == [3, 2, 2]


goods = st.lists(st.tuples(st.integers(1, 99), st.decimals("0.01", 999, places=2, allow_nan=False)), min_size=1, max_size=8)


@given(goods)
@settings(max_examples=40, deadline=None)
def test_every_line_whose_product_is_its_amount_is_found(goods):
    rows = [
        [f"Article lettre {chr(97 + i)}", str(q), f"{p}".replace(".", ","), f"{q * p}".replace(".", ",")] for i, (q, p) in enumerate(goods)
    ]
    items = find_items(sheets_of([HEADS["fr"], *rows]))
    assert [item.net for item in items] == [q * p for q, p in goods]


@pytest.mark.parametrize("text", ["1,00 1,00 1,00 1,00 1,00 1,00 1,00", "2 3,50 7,00 2 3,50 7,00", "Désignation Qté PU HT Montant HT"])
def test_a_hostile_table_costs_what_there_is_of_it_and_no_more(text):
    rows = [[(100 + 15 * (i % 9), text)] for i in range(400)]
    quarter, whole = (sheets_of(*[[HEADS["fr"], *rows[:count]]] * 4) for count in (100, 400))
    assert len(find_items(whole)) <= 1000
    cost.within(1200, lambda: find_items(whole), lambda: find_items(quarter))
