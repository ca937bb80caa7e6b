"""Lines of the tax table: the base of a tax among all printed amounts, and what a long list of rates may cost."""

import random
from decimal import Decimal

import cost
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_totals import sheets_of

from ocr import rates
from ocr.amounts import find_amounts
from ocr.rates import RATES, fits_rate, vat_rows
from ocr.values import VatLine

D = Decimal


def rows_of(*pages):
    sheets = sheets_of(*pages)
    return vat_rows([amount for sheet in sheets for amount in find_amounts(sheet)], set(), [])


cents = st.integers(-9_999, 99_999).map(lambda value: D(value) / 100)


@settings(max_examples=200, deadline=None)
@given(cents.filter(bool), st.sampled_from([rate for rate in RATES if rate >= 5]), st.sets(cents, max_size=60))
def test_the_bases_of_a_tax_are_all_amounts_that_fit_its_rate(tax, rate, values):
    near = (tax * 100 / rate).quantize(D("0.01"))
    values |= {near, near + D("0.05"), near - D("0.12")}
    fitting = [value for value in sorted(values) if abs(value) > abs(tax) and fits_rate(value, tax, rate)]
    assert rates._bases_of(tax, rate, sorted(values)) == fitting


@pytest.mark.parametrize("text", ["Appel TVA 20 %", "20 % 5,5 % 10 %", "TVA 20 % Base"])
def test_a_list_with_a_rate_in_every_row_costs_what_there_is_of_it_and_no_more(text):
    chance = random.Random(text)
    amount = lambda: f"{chance.randrange(99_999)},{chance.randrange(100):02d}"  # noqa: E731
    pages = [[[(200, text), (900, amount()), (1400, amount()), (1900, amount())] for _ in range(300)] for _ in range(6)]
    quarter, whole = (
        [each for sheet in sheets_of(*[page[:count] for page in pages]) for each in find_amounts(sheet)] for count in (75, 300)
    )
    assert len(vat_rows(whole, set(), [])) <= 12
    cost.within(200, lambda: vat_rows(whole, set(), []), lambda: vat_rows(quarter, set(), []))


def test_the_tax_table_behind_a_long_list_is_found():
    calls = [[(200, f"Appel {i}"), (900, "20 %"), (1900, f"{i},07")] for i in range(300)]
    table = [[(200, "Taux TVA"), (900, "Base HT"), (1900, "Montant TVA")], [(200, "20 %"), (900, "500,00"), (1900, "100,00")]]
    assert VatLine(D(20), D("500.00"), D("100.00")) in {row.line for row in rows_of(calls, calls, table)}
