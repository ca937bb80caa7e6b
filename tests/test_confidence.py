from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fields import INVOICE, page_of

from ocr.confidence import WATCHED, Colour, Thresholds, colour_of, doubts, touchless
from ocr.fields import decide, extract
from ocr.layout import lay_out
from ocr.ranker import own_ranker
from ocr.sureness import COLUMNS, RISING, UNMEASURED, evidence_of
from ocr.values import Field, Known

VALUES = {"issue_date": date(2026, 1, 31), "total_gross": Decimal("120.00"), "supplier_siren": "732829320", "invoice_number": "FA-17"}


def fields_of(*more, **confidences):
    names = {*VALUES, *more, *confidences}
    return {name: Field(name, VALUES.get(name, "x"), "", 1, None, confidences.get(name, 0.999), "") for name in names}


@lru_cache(maxsize=1)
def evidence():
    return evidence_of(decide(lay_out([page_of(INVOICE)]), Known(), own_ranker()))


def test_a_document_whose_values_are_all_green_goes_through_untouched():
    assert touchless(fields_of("due_date", "iban", "total_net", "total_tax"))


@pytest.mark.parametrize("name", WATCHED)
def test_one_value_that_is_not_green_stops_a_document(name):
    assert not touchless(fields_of(**{name: 0.99}))


@pytest.mark.parametrize("name", VALUES)
def test_without_a_needed_value_a_document_is_looked_at(name):
    fields = fields_of()
    del fields[name]
    assert not touchless(fields)


def test_what_is_to_be_looked_at_is_named():
    fields = fields_of(iban=0.9)
    del fields["supplier_siren"], fields["issue_date"]
    assert doubts({name: field.confidence for name, field in fields.items()}) == ("issue_date", "supplier_siren", "iban")


def test_the_threshold_of_an_installation_counts():
    assert touchless(fields_of(iban=0.97), Thresholds(green=0.96))


def test_a_confidence_that_is_no_number_is_red():
    assert colour_of(float("nan")) is Colour.RED


def test_what_was_never_measured_is_not_green():
    page = page_of([*INVOICE, [(150, "Numéro d'engagement :"), (700, "EJ-2026-00417")]])
    fields = extract([page])
    assert fields["engagement_number"].confidence <= UNMEASURED < Thresholds().green


def test_an_account_that_may_have_been_missed_makes_the_supplier_less_sure():
    told = extract([page_of(INVOICE)])["supplier_siren"]
    unread = [
        [(x, text.replace("IBAN : FR76 3000 6000 0112 3456 7890 189", "IBAN : FR76 30O6 illisible")) for x, text in row] for row in INVOICE
    ]
    doubted = extract([page_of(unread)])["supplier_siren"]
    assert "iban may have been missed" in doubted.reason
    assert doubted.confidence < told.confidence


def test_confidence_of_every_measured_field_lies_between_nought_and_one():
    fields = extract([page_of(INVOICE)])
    assert all(0 < field.confidence < 1 for field in fields.values())


def test_a_word_that_was_read_badly_is_less_sure():
    page = page_of(INVOICE)
    dim = replace(
        page,
        lines=tuple(
            replace(line, words=tuple(replace(w, confidence=0.6) if w.text == "FA-2026-0117" else w for w in line.words))
            for line in page.lines
        ),
    )
    assert extract([dim])["invoice_number"].confidence < extract([page])["invoice_number"].confidence


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RISING), st.floats(0, 8), st.data())
def test_more_that_speaks_for_a_value_never_makes_it_less_sure(column, more, data):
    names, rows = evidence()
    index = data.draw(st.integers(0, len(names) - 1))
    row = rows[index : index + 1]
    better = row.copy()
    better[0, COLUMNS.index(column)] += more
    before, after = (own_ranker().sureness([names[index]], each)[0] for each in (row, better))
    assert after >= before - 1e-9


def test_a_kind_of_value_that_was_not_measured_is_even():
    assert own_ranker().sureness(["no_such_field"], np.zeros((1, len(COLUMNS)), np.float32)) == [0.5]
