import hashlib
from decimal import Decimal

import cost
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fields import INVOICE, page_of

from ocr import fields as fields_module
from ocr import ranker as ranker_module
from ocr.chances import candidate_tables, judge, weigh
from ocr.features import HANDS, Paper, names_of
from ocr.fields import choices, extract
from ocr.layout import lay_out
from ocr.ranker import MODEL, SHA256, TARGETS, Trees, own_ranker, read_model, write_model
from ocr.sureness import COLUMNS
from ocr.totals import amount_votes

STUMP = Trees(
    np.array([0, 3], np.int32),
    np.array([0, 0, 0, 1, 0, 0], np.int16),
    np.array([1, 0, 0, 2, 0, 0], np.float32),
    np.array([1, 1, 2, 4, 4, 5], np.int32),
    np.array([2, 1, 2, 5, 4, 5], np.int32),
    np.array([0, 10, 20, 0, 1, 2], np.float32),
)
"""First column up to 1: 10, else 20; second column up to 2: 1, else 2."""


def tables(rows):
    sheets = lay_out([page_of(rows)])
    return candidate_tables(Paper(sheets), choices(sheets), amount_votes(sheets))


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr(fields_module, "own_ranker", lambda: None)


@given(st.floats(-5, 5, width=32), st.floats(-5, 5, width=32))
def test_a_row_falls_into_one_leaf_of_every_tree(first, second):
    told = STUMP.logits(np.array([[first, second]], np.float32))
    assert told == [(10 if first <= 1 else 20) + (1 if second <= 2 else 2)]


def test_a_model_is_the_same_after_it_was_written():
    scale = {"iban": np.array([[-1.0, 2.0], [0.5, 0.9]])}
    model = read_model(write_model({"iban": STUMP}, scale), "")
    row = np.array([[0, 3]], np.float32)
    assert model.odds("iban", row) == STUMP.logits(row)
    assert model.scale["iban"].tolist() == scale["iban"].tolist()


def test_the_same_trees_give_the_same_bytes():
    assert write_model({"iban": STUMP}, {}) == write_model({"iban": STUMP}, {})


def test_the_model_is_the_one_that_was_measured_and_small():
    data = MODEL.read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256
    assert len(data) <= 1_500_000


def test_a_model_that_was_changed_is_not_used(monkeypatch, tmp_path):
    changed = tmp_path / "reading.npz"
    changed.write_bytes(MODEL.read_bytes() + b" ")
    monkeypatch.setattr(ranker_module, "MODEL", changed)
    assert own_ranker.__wrapped__() is None


def test_a_missing_model_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(ranker_module, "MODEL", tmp_path / "none.npz")
    assert own_ranker.__wrapped__() is None


def test_without_a_model_the_rules_read_the_page(no_model):
    fields = extract([page_of(INVOICE)])
    assert (fields["invoice_number"].value, fields["total_gross"].value) == ("FA-2026-0117", Decimal("120.00"))


def test_every_target_has_trees_that_ask_for_columns_there_are():
    for kind, targets in TARGETS.items():
        for target in targets:
            assert own_ranker().trees[target].feature.max() < len(names_of(kind))
    assert own_ranker().trees["sure"].feature.max() < len(COLUMNS)


@pytest.mark.parametrize("kind", list(HANDS))
def test_a_row_has_the_columns_that_its_kind_names(kind):
    for rows in (INVOICE, []):
        table = tables(rows)[kind]
        assert table.rows.shape == (len(table.candidates), len(names_of(kind)))


def test_every_candidate_is_judged_and_the_likeliest_is_first():
    sheets = lay_out([page_of(INVOICE)])
    votes = amount_votes(sheets)
    judgement = judge(own_ranker(), Paper(sheets), choices(sheets), votes)
    assert judgement["total_gross"][0].candidate.value == Decimal("120.00")
    for judged in judgement.values():
        assert [each.odds for each in judged] == sorted((each.odds for each in judged), reverse=True)


def test_the_votes_that_were_handed_in_are_not_changed():
    sheets = lay_out([page_of(INVOICE)])
    votes = amount_votes(sheets)
    before = {value: dict(own.weights) for value, own in votes.items()}
    weigh(votes, judge(own_ranker(), Paper(sheets), choices(sheets), votes))
    assert {value: own.weights for value, own in votes.items()} == before


def test_a_number_that_no_label_claims_is_found_by_its_place_and_shape():
    rows = [[(x, text.replace("Facture N° :", "Belegkennung")) for x, text in row] for row in INVOICE]
    assert extract([page_of(rows)])["invoice_number"].value == "FA-2026-0117"


def test_reading_of_one_page_costs_what_there_is_of_it_for_any_number_of_candidates():
    """A page of 1,600 amounts, dates and numbers: the first ones are judged."""
    rows = [[(100 + 600 * k, f"{100 * i + k},17 {1 + i % 28:02}/0{1 + k}/2024 A{i}{k}-{k}") for k in range(4)] for i in range(50)]
    quarter, whole = [page_of(rows[:13])], [page_of(rows)]
    cost.within(400, lambda: extract(whole), lambda: extract(quarter))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 2000), st.text(max_size=30)), max_size=3), max_size=8))
def test_whatever_stands_on_a_page_nothing_breaks(rows):
    extract([page_of(rows)])
