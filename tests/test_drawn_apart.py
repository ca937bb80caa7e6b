"""The family `apart`, which nothing was learned from: its pages show what their truth claims, in all the ways that invoices differ."""

import random
import re
from datetime import date

import pytest
from drawn import apart, content
from drawn.apart.prepared import prepare
from drawn.content import draw_invoice
from drawn.family import Paper, draw_paper
from drawn.render import printer, words_of
from drawn.sheet import DATE_FORMS, SYMBOLS

from ocr.text import PageText
from ocr.values import LISTS, NAMES

DATES = ("issue_date", "due_date", "delivery_date")
MONTHS = apart.words.MONTHS


@pytest.fixture(scope="module")
def press():
    with printer() as one:
        yield one


def squashed(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def ways_of(day: date, language: str) -> set[str]:
    month = MONTHS[language][day.month - 1]
    told = {
        "d": day.day,
        "m": day.month,
        "Y": day.year,
        "y": day.year % 100,
        "month": month,
        "MONTH": month,
        "nth": "1er" if day.day == 1 else str(day.day),
    }
    forms = [*DATE_FORMS[language], "{m:02d}/{d:02d}/{Y}"]
    return {squashed(form.format(**told, abbr=abbr)) for form in forms for abbr in (month[:3], month[:4])}


def stands(value: str, whole: str) -> bool:
    return squashed(value) in whole or all(squashed(part) in whole for part in re.split(r"[\s/_-]", value))


def missing(pages: list[PageText], truth: dict) -> list[str]:
    """What the truth claims and the page does not show."""
    text = " ".join(page.text for page in pages)
    whole, language = squashed(text), truth["_meta"]["language"]
    plain = [(name, truth[name]) for name in NAMES if truth[name] and name not in {*LISTS, *DATES, "document_type_code", "currency"}]
    plain += [
        (f"line {name}", row[name])
        for row in truth["lines"]
        for name in ("description", "quantity", "unit_price", "net", "rate")
        if row[name]
    ]
    plain += [(f"vat {name}", row[name]) for row in truth["vat_breakdown"] for name in ("base", "tax") if row[name] != "0.00"]
    lost = [f"{name} {value}" for name, value in plain if not stands(value.removeprefix("-"), whole)]
    lost += [name for name in DATES if truth[name] and not any(way in whole for way in ways_of(date.fromisoformat(truth[name]), language))]
    if truth["currency"] and SYMBOLS[truth["currency"]] not in text and truth["currency"] not in text and "euro" not in text.lower():
        lost.append("currency")
    return lost


def paper_on(layout: str, start: int = 0) -> Paper:
    language = apart.LAYOUTS[layout].language
    for number in range(start, start + 600):
        paper = draw_paper(6, number, "apart", (language,))
        if layout in apart.fitting(paper.invoice):
            return draw_paper(6, number, "apart", (language,), layout)
    raise AssertionError(layout)


@pytest.mark.parametrize("layout", apart.NAMES)
def test_an_apart_page_shows_what_its_truth_claims(layout, press):
    paper = paper_on(layout)
    pages = words_of(press.print(paper.html))
    assert missing(pages, paper.truth) == []
    told = [paper.truth[name] for name in ("supplier_name", "buyer_name", "invoice_number", "issue_date", "total_gross", "amount_due")]
    assert all(told)


def test_a_value_that_the_apart_page_lacks_is_missed(press):
    paper = paper_on("nl-vlaams")
    pages = words_of(press.print(paper.html))
    wrong = {"invoice_number": "ZZ-000-QQ", "issue_date": "1999-01-09", "total_net": "87654321.09"}
    assert {each.split(" ")[0] for each in missing(pages, paper.truth | wrong)} == set(wrong)


def test_every_language_has_a_page_for_every_invoice():
    for seed in range(400):
        language = content.LANGUAGES[seed % 4]
        assert apart.fitting(prepare(draw_invoice(random.Random(seed), language), random.Random(seed))), seed


def test_no_layout_of_the_apart_family_is_one_that_was_learned_from():
    from drawn import layouts

    assert not set(apart.NAMES) & set(layouts.NAMES)
    assert len(apart.NAMES) >= 16


def test_complications_keep_the_sums_exact():
    seen = set()
    for seed in range(600):
        one = prepare(draw_invoice(random.Random(seed), content.LANGUAGES[seed % 4]), random.Random(seed))
        assert one.total_net == sum(line.base for line in one.vat)
        assert one.total_gross == one.total_net + one.total_tax
        assert one.amount_due == one.total_gross - one.paid + one.carried - one.withheld + one.rounding
        charged = one.rows_total + sum((each.amount for each in one.adjustments), content.ZERO)
        assert charged == (one.total_gross if one.prices_include_tax else one.total_net)
        seen |= {each.key for each in one.adjustments} | ({"two"} if len(one.adjustments) > 1 else set())
    assert {"ecotax", "discount", "shipping", "two"} <= seen


def test_the_sum_is_carried_over_to_the_next_page(press):
    for number in range(400):
        paper = draw_paper(6, number, "apart", ("fr",), "fr-negoce")
        if len(paper.invoice.rows) > 26:
            break
    pages = words_of(press.print(paper.html))
    assert "À REPORTER" in pages[0].text
    assert "REPORT" in pages[1].text


def test_an_apart_paper_is_the_same_each_time_it_is_drawn():
    assert draw_paper(5, 17, "apart").html == draw_paper(5, 17, "apart").html
    assert draw_paper(5, 17, "apart").truth != draw_paper(5, 18, "apart").truth
