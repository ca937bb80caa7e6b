"""What a page prints is told as it is printed: no sum is mended, no tax of nothing is made up."""

from decimal import Decimal

import pytest
from test_titles import page_of
from test_totals import three, totals_of

from ocr.fields import extract
from ocr.totals import total_fields
from ocr.values import Source, VatLine

D = Decimal
WRONG = ("TOTAL H.T.", "367,88"), ("T.V.A. 20 %", "73,58"), ("TOTAL T.T.C.", "451,46")


def page_with(*rows):
    cells = [cell for i, (text, amount) in enumerate(rows) for cell in ((200, 1600 + 60 * i, text), (1900, 1600 + 60 * i, amount))]
    return page_of((200, 300, "Facture n° 2026-7"), *cells, body=())


def test_a_wrong_sum_on_paper_is_told_as_it_is_printed():
    totals = totals_of(*WRONG)
    assert three(totals) == (D("367.88"), D("73.58"), D("451.46"))
    assert not totals.agrees
    assert totals.vat_lines == (VatLine(D(20), D("367.88"), D("73.58")),)


@pytest.mark.parametrize("labels", [("Total HT", "Total TVA", "Total TTC"), ("Nettobetrag", "Steuerbetrag", "Rechnungsbetrag")])
@pytest.mark.parametrize("amounts", [("100,00", "20,00", "130,00"), ("100,00", "25,00", "120,00"), ("110,00", "20,00", "120,00")])
def test_no_clearly_labelled_amount_gives_way_to_a_computed_one(labels, amounts):
    totals = totals_of(*zip(labels, amounts, strict=True))
    assert three(totals) == tuple(D(amount.replace(",", ".")) for amount in amounts)
    assert not totals.agrees


def test_nothing_of_a_wrong_sum_is_green():
    fields = extract([page_with(*WRONG)])
    sums = [fields[name] for name in ("total_net", "total_tax", "total_gross", "amount_due", "vat_breakdown")]
    assert all(field.confidence <= 0.99 and "is not the gross amount" in field.reason for field in sums)


def test_a_tax_of_nothing_is_not_made_up():
    totals = totals_of(("Total HT", "500,00"), ("Total TTC", "500,00"))
    assert three(totals) == (D("500.00"), None, D("500.00"))
    assert totals.vat_lines == ()
    assert "total_tax" not in {field.name for field in total_fields(totals)}


def test_a_tax_of_nothing_follows_from_the_words_that_say_so():
    totals = totals_of(("Total HT", "500,00"), ("Total TTC", "500,00"), ("TVA non applicable, art. 293 B du CGI", ""))
    tax = next(field for field in total_fields(totals) if field.name == "total_tax")
    assert (tax.value, tax.source) == (D("0.00"), Source.RULE)
    assert "tva non applicable" in tax.reason
    assert totals.vat_lines == ()


@pytest.mark.parametrize("paid", ["50,00", "-50,00", "- 50,00"])
def test_what_was_paid_is_positive_whatever_sign_is_printed(paid):
    totals = totals_of(
        ("Total HT", "100,00"), ("TVA 20 %", "20,00"), ("Total TTC", "120,00"), ("Acompte versé", paid), ("Net à payer", "70,00")
    )
    assert totals.gross and totals.paid and totals.due
    assert totals.paid.value == D("50.00")
    assert totals.gross.value - totals.paid.value == totals.due.value
