"""A paper whose title is not that of an invoice is not called one, and nothing on it is green."""

import pytest
from test_totals import cell

from ocr.fields import extract
from ocr.kinds import kind_choices, other_title
from ocr.layout import lay_out
from ocr.text import PageText

BODY = (
    (200, 1200, "Montage sur place 3 h"),
    (1900, 1200, "300,00"),
    (200, 1600, "Total HT"),
    (1900, 1600, "300,00"),
    (200, 1660, "TVA 20 %"),
    (1900, 1660, "60,00"),
    (200, 1720, "Total TTC"),
    (1900, 1720, "360,00"),
)


def page_of(*cells, body=BODY):
    """Cells as (x, y, text) or (x, y, text, height) over a body of a few sums."""
    return PageText(1, 2480, 3508, tuple(cell(x, y, text, 20, *rest) for x, y, text, *rest in (*cells, *body)), "drawn")


TITLES = (
    *("DEVIS", "Devis n° 2026-113", "Proposition commerciale", "Bon de livraison", "Bon de commande", "Relance", "2e relance", "Rappel"),
    *("Mise en demeure", "Relevé de compte", "Angebot", "Kostenvoranschlag", "Lieferschein", "Auftragsbestätigung", "1. Mahnung"),
    *("Zahlungserinnerung", "Kontoauszug", "Offerte", "Pakbon", "Leverbon", "Orderbevestiging", "Herinnering", "Aanmaning"),
    *("Quote", "Quotation", "Estimate", "Delivery note", "Order confirmation", "Reminder", "Statement", "Pro forma", "Facture pro forma"),
)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("height", [36, 70])
def test_the_title_of_another_paper_names_no_invoice(title, height):
    sheets = lay_out([page_of((200, 300, title, height))])
    assert other_title(sheets) == title
    assert kind_choices(sheets) == ()


def test_nothing_is_green_on_a_quote_and_the_reason_names_its_title():
    fields = extract([page_of((200, 300, "DEVIS", 70))])
    assert "document_type_code" not in fields
    assert fields
    assert all(field.confidence <= 0.99 and "« DEVIS »" in field.reason for field in fields.values())


@pytest.mark.parametrize(
    "cells",
    [
        [(200, 300, "Facture n° 2026-7", 70), (200, 500, "Bon de livraison n° 4711")],
        [(200, 300, "Facture"), (200, 500, "Devis n° 33")],
        [(200, 300, "Bon de livraison valant facture", 70)],
        [(200, 300, "Rechnung 7", 70), (200, 500, "Lieferschein", 70)],
        [(200, 300, "Facture n° 8"), (200, 500, "Rappel de vos options")],
        [(200, 500, "Bon de commande : 4711"), (200, 560, "Tél. 01 23 45 67 89")],
    ],
)
def test_a_quote_or_a_delivery_that_an_invoice_mentions_leaves_it_an_invoice(cells):
    sheets = lay_out([page_of(*cells)])
    assert other_title(sheets) is None
    assert kind_choices(sheets)[0].value == "380"


def test_blank_paper_and_a_letter_are_no_invoices():
    assert kind_choices(lay_out([page_of((200, 300, "Madame, Monsieur,"), (200, 400, "nous vous remercions"), body=())])) == ()
    assert kind_choices(lay_out([page_of(body=())])) == ()


def test_sums_without_any_heading_are_an_invoice_by_rule():
    assert kind_choices(lay_out([page_of()]))[0].value == "380"


def test_a_reminder_in_small_letters_names_the_invoice_and_is_none():
    told = (200, 300, "RELANCE – Facture impayée"), (200, 500, "Sauf erreur de notre part, notre facture n° F-12 reste impayée à ce jour")
    assert kind_choices(lay_out([page_of(*told)])) == ()
