"""A value that a person typed is found on the page as it is printed there."""

from datetime import date
from decimal import Decimal

import pytest
from babel.dates import format_date
from babel.numbers import format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr.locate import locate_value
from ocr.text import Line, PageText, Word

WIDTH, HEIGHT = 2480, 3508


def cell(x: int, y: int, text: str) -> Line:
    """Words of 20-pixel letters from x, on the line whose top is y."""
    words, at = [], x
    for token in text.split():
        words.append(Word(token, at, y, at + 20 * len(token), y + 36, 0.98))
        at += 20 * (len(token) + 1) - 6
    return Line(tuple(words))


def page(*rows: list[tuple[int, str]], number: int = 1, top: int = 200) -> PageText:
    lines = [cell(x, top + 60 * i, text) for i, row in enumerate(rows) for x, text in row]
    return PageText(number, WIDTH, HEIGHT, tuple(lines), "drawn")


def found(text: PageText, name: str, typed: object) -> str | None:
    spot = locate_value([text], name, typed)  # type: ignore[arg-type]
    return spot and spot.raw


@pytest.mark.parametrize(
    "printed", ["12/03/2024", "12.03.24", "12 mars 2024", "2024-03-12", "March 12, 2024", "12. März 2024", "12 maart 2024"]
)
def test_a_date_is_found_however_it_is_printed(printed):
    assert found(page([(150, f"Le {printed}")]), "issue_date", date(2024, 3, 12)) is not None


@pytest.mark.parametrize("printed", ["1 234,56", "1.234,56", "1,234.56", "1'234.56", "1234,56 €", "EUR 1 234,56"])
def test_an_amount_is_found_however_it_is_printed(printed):
    assert found(page([(150, "Total TTC"), (900, printed)]), "total_gross", Decimal("1234.56")) is not None


@given(st.decimals(1, 999_999, places=2), st.sampled_from(["fr", "en", "de", "nl"]))
@settings(max_examples=60, deadline=None)
def test_every_printed_amount_is_found(value, language):
    printed = format_decimal(value, "#,##0.00", locale=language).replace("\u202f", " ").replace("\u00a0", " ")
    spot = locate_value([page([(150, "Total"), (900, printed)])], "total_gross", value)
    assert spot is not None
    assert spot.raw.startswith(printed)


@given(st.dates(date(2001, 1, 1), date(2079, 12, 31)), st.sampled_from(["fr", "en", "de", "nl"]), st.sampled_from(["short", "long"]))
@settings(max_examples=60, deadline=None)
def test_every_printed_date_is_found(day, language, form):
    pattern = {"short": "dd/MM/yyyy", "long": "d MMMM yyyy"}[form]
    assert locate_value([page([(150, format_date(day, pattern, locale=language))])], "issue_date", day) is not None


def test_of_several_places_the_one_with_its_label_is_taken():
    text = page([(150, "Total HT"), (900, "100,00")], [(150, "Remise"), (900, "100,00")], [(150, "Net à payer"), (900, "100,00")])
    rows = {name: locate_value([text], name, Decimal("100.00")).row for name in ("total_net", "amount_due")}
    assert rows == {"total_net": 0, "amount_due": 2}


def test_an_identifier_is_found_with_its_spaces_and_with_letters_read_for_digits():
    assert found(page([(150, "SIREN : 732 829 320")]), "supplier_siren", "732829320") == "732 829 320"
    assert found(page([(150, "SIREN : 732 B29 32O")]), "supplier_siren", "732829320") == "732 B29 32O"


def test_a_siren_is_found_within_a_siret_and_within_a_vat_number():
    assert found(page([(150, "SIRET 73282932000074")]), "supplier_siren", "732829320") == "732829320"
    assert found(page([(150, "TVA FR44732829320")]), "buyer_siren", "732829320") == "732829320"


def test_a_long_number_split_over_far_words_is_found_where_it_begins():
    text = page([(150, "IBAN"), (400, "FR76 3000"), (900, "6000 0112"), (1400, "3456 7890 189")])
    spot = locate_value([text], "iban", "FR7630006000011234567890189")
    assert (spot.column, spot.raw) == (1, "FR76 3000")


def test_a_misread_name_is_found_by_its_likeness():
    assert found(page([(150, "Imprirnerie des Quais")], [(150, "12 quai de la Fosse")]), "supplier_name", "Imprimerie des Quais")


def test_a_misread_amount_is_found_by_its_digits():
    assert found(page([(150, "Total TTC"), (900, "1O4,5O")]), "total_gross", Decimal("104.50")) == "1O4,5O"


def test_part_of_a_longer_number_is_not_the_number():
    assert found(page([(150, "Dossier 99F-2024-118X")]), "invoice_number", "F-2024-118") is None


@pytest.mark.parametrize("typed", ["", (), "jamais imprimé", Decimal("9.99"), date(2031, 1, 1)])
def test_what_no_page_shows_is_not_found(typed):
    assert found(page([(150, "Total HT"), (900, "100,00")]), "order_reference", typed) is None


def test_a_hundred_crowded_pages_cost_a_bounded_time():
    crowded = page(*([[(150, "abcde fghij klmno pqrst uvwxy zabcd")]] * 120))
    pages = [PageText(n, WIDTH, HEIGHT, crowded.lines, "drawn") for n in range(1, 101)]
    assert locate_value(pages, "supplier_name", "Introuvable et Compagnie") is None
