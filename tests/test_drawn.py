"""The drawn invoices are honest: their sums are exact, a seed says all, and a page shows what its truth claims."""

import random
import re
from collections import Counter
from decimal import Decimal

import pytest
from drawn import content, layouts
from drawn.content import Invoice, draw_invoice, truth_of
from drawn.family import LANGUAGE_SHARES, draw_paper
from drawn.identities import draw_siren, draw_siret, french_vat
from drawn.render import misread, printer, words_of
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban
from stdnum.fr import siren, siret, tva

from ocr.text import PageText
from ocr.values import LISTS, NAMES

SEEDS = st.integers(0, 10**6)
TONGUES = st.sampled_from(content.LANGUAGES)
DATES = {"issue_date", "due_date", "delivery_date"}


@pytest.fixture(scope="module")
def press():
    with printer() as one:
        yield one


def invoices(count: int) -> list[Invoice]:
    return [draw_invoice(random.Random(seed), content.LANGUAGES[seed % 4]) for seed in range(count)]


@given(SEEDS, TONGUES)
def test_every_sum_is_exact_to_the_cent(seed, language):
    one = draw_invoice(random.Random(seed), language)
    assert one.rows_total == sum(row.net for row in one.rows)
    assert one.total_net == sum(line.base for line in one.vat)
    assert one.total_tax == sum(line.tax for line in one.vat)
    assert one.total_gross == one.total_net + one.total_tax
    assert one.amount_due == one.total_gross - one.paid + one.carried - one.withheld + one.rounding
    charged = one.rows_total + sum((each.amount for each in one.adjustments), content.ZERO)
    assert charged == (one.total_gross if one.prices_include_tax else one.total_net)


@given(SEEDS, TONGUES)
def test_base_times_rate_is_the_tax_within_a_cent(seed, language):
    for line in draw_invoice(random.Random(seed), language).vat:
        assert abs(line.base * line.rate / 100 - line.tax) <= content.CENT


@given(SEEDS, TONGUES)
def test_a_line_is_quantity_times_price_less_its_discount(seed, language):
    for row in draw_invoice(random.Random(seed), language).rows:
        assert row.net == content.cents(row.quantity * row.unit_price * (100 - row.discount) / 100)


@given(SEEDS, TONGUES)
def test_the_same_seed_gives_the_same_invoice(seed, language):
    assert draw_invoice(random.Random(seed), language) == draw_invoice(random.Random(seed), language)


@given(SEEDS)
def test_identifiers_have_right_check_digits(seed):
    rng = random.Random(seed)
    number = draw_siren(rng)
    assert siren.is_valid(number)
    assert siret.is_valid(draw_siret(rng, number))
    assert tva.is_valid(french_vat(number))


def test_every_account_number_is_valid():
    assert all(iban.is_valid(account.iban) for one in invoices(200) for account in one.accounts)


def test_all_kinds_and_regimes_and_shapes_of_settlement_occur():
    many = invoices(1200)
    assert {one.kind for one in many} == {"380", "381", "386", "389"}
    assert {one.regime for one in many} == {"standard", "franchise", "reverse", "intra", "export", "exempt"}
    for told in ("paid", "carried", "withheld", "rounding", "engagement_number", "adjustments", "period", "mandate", "delivered_to"):
        assert any(getattr(one, told) for one in many), told
    assert any(one.due is None for one in many)
    assert max(len(one.rows) for one in many) > 20


def test_truth_has_every_name_and_hides_what_is_not_shown():
    one = draw_invoice(random.Random(3), "fr")
    told = truth_of(one, {"invoice_number", "lines"})
    assert list(told) == [*NAMES, "line_count"]
    assert told["invoice_number"] == one.number
    assert told["line_count"] == len(one.rows)
    assert told["total_net"] is None
    assert told["vat_breakdown"] == []
    assert told["lines"][0]["net"] is None


def test_truth_of_everything_adds_up():
    for one in invoices(200):
        told = truth_of(one, {*NAMES, "lines.net"})
        net = sum((Decimal(line["base"]) for line in told["vat_breakdown"]), Decimal(0))
        assert Decimal(told["total_net"]) == net
        assert Decimal(told["total_gross"]) == net + Decimal(told["total_tax"])


def test_a_paper_is_the_same_each_time_it_is_drawn():
    assert draw_paper(5, 17).html == draw_paper(5, 17).html
    assert draw_paper(5, 17).truth == draw_paper(5, 17).truth
    assert draw_paper(5, 18).html != draw_paper(5, 17).html


def test_languages_come_in_their_shares():
    seen = Counter(draw_paper(1, number).invoice.language for number in range(400))
    assert set(seen) == set(LANGUAGE_SHARES)
    assert seen["fr"] > seen["de"]


def squashed(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def missing(pages: list[PageText], truth: dict) -> list[str]:
    """The values that the page claims to show and whose words are not on it; a value may be wrapped."""
    whole = squashed(" ".join(page.text for page in pages))
    have = {squashed(word.text) for page in pages for word in page.words}
    told = [(name, truth[name]) for name in NAMES if truth[name] and name not in {*LISTS, *DATES, "document_type_code", "currency"}]
    told += [("lines", row["description"]) for row in truth["lines"]] + [("net", row["net"]) for row in truth["lines"] if row["net"]]
    return [
        f"{name} {value}"
        for name, value in told
        if squashed(value) not in whole
        and not all(squashed(part) in whole or squashed(part) in have for part in re.split(r"[\s/_-]", value))
    ]


def paper_on(layout: str, start: int = 0):
    """The first paper of a seed that may be drawn on this page."""
    for number in range(start, start + 400):
        paper = draw_paper(3, number, layout=layout)
        if layout in layouts.fitting(paper.invoice):
            return paper
    raise AssertionError(layout)


@pytest.mark.parametrize("layout", layouts.NAMES)
def test_a_page_shows_what_its_truth_claims(layout, press):
    paper = paper_on(layout)
    pages = words_of(press.print(paper.html))
    assert missing(pages, paper.truth) == []
    assert paper.truth["supplier_name"]
    assert paper.truth["total_gross"]


def test_a_word_that_is_not_printed_is_missed(press):
    paper = paper_on("classic")
    assert missing(words_of(press.print(paper.html)), paper.truth | {"invoice_number": "ZZ-000-QQ"}) == ["invoice_number ZZ-000-QQ"]


def test_words_are_cut_into_lines_where_the_gap_is_wide(press):
    page = "<style>@page{size:A4;margin:20mm}body{font:10pt 'Liberation Sans'}</style>"
    (read,) = words_of(press.print(f"{page}<p>Total HT<span style='margin-left:40mm'>1&nbsp;234,50 €</span></p><p>Net à payer</p>"))
    assert [line.text for line in read.lines] == ["Total HT", "1 234,50 €", "Net à payer"]
    assert (read.width, read.height) == (2480, 3508) or abs(read.width - 2480) < 4
    assert all(0 < word.x0 < word.x1 < read.width and word.y0 < word.y1 for word in read.words)


def test_misreading_keeps_to_its_rate_and_to_its_seed(press):
    pages = words_of(press.print(paper_on("consignments").html)) * 60
    numbers = sum(any(char.isdigit() for char in word.text) for page in pages for word in page.words)
    read = misread(pages, random.Random(1), 0.02)
    clean = misread(pages, random.Random(1), 0)
    wrong = sum(
        any(char.isdigit() for char in true.text) and true.text not in line.text
        for page, back in zip(pages, read, strict=True)
        for told, line in zip(page.lines, back.lines, strict=True)
        for true in told.words
    )
    assert 0.005 < wrong / numbers < 0.05
    assert [page.text for page in clean] == [page.text for page in pages]
    assert misread(pages, random.Random(1), 0.02) == read


def test_a_currency_is_shown_where_its_sign_stands_and_hidden_where_it_does_not(press):
    papers = [draw_paper(4, number) for number in range(60)]
    assert any(paper.truth["currency"] is None for paper in papers)
    for paper in papers[:12]:
        text = " ".join(page.text for page in words_of(press.print(paper.html)))
        sign = {"EUR": "€", "GBP": "£", "USD": "$", "CHF": "CHF"}[paper.invoice.currency]
        assert (sign in text or paper.invoice.currency in text) == (paper.truth["currency"] is not None)
