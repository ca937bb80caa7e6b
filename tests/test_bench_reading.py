"""What the benchmark counts as right."""

import pytest
from bench_reading import Outcome, Share, count, same, truth_in, wilson


def outcome(truth, read, sure=None, computed=()):
    return Outcome("a", "normal", truth, read, sure or {}, frozenset(computed), 1)


def test_the_interval_is_wilsons():
    assert wilson(98, 100) == pytest.approx((0.9300, 0.9945), abs=1e-3)
    assert str(Share()).strip().startswith("–")


@pytest.mark.parametrize(
    ("name", "true", "read", "right"),
    [
        ("total_gross", -12.5, "12.50", True),
        ("total_gross", "12.50", "12.51", False),
        ("iban", "FR76 3000", "FR763000", True),
        ("supplier_name", "Société Générale", "SOCIETE GENERALE", True),
        ("invoice_number", "F-1", "F1", False),
        ("due_date", "2026-01-01", None, False),
    ],
)
def test_values_are_compared_as_a_person_would(name, true, read, right):
    assert same(name, true, read) is right


def test_what_is_read_though_not_on_the_page_is_made_up_unless_it_was_computed():
    truth = {"due_date": None}
    assert outcome(truth, {"due_date": "2026-01-01"}).made_up == ["due_date"]
    assert outcome(truth, {"due_date": "2026-01-01"}, computed=["due_date"]).made_up == []


def test_only_green_values_go_untouched():
    four = {"invoice_number": "1", "issue_date": "2026-01-01", "supplier_id": "FR1", "total_gross": "1.00"}
    assert outcome(four, four, dict.fromkeys(four, 0.999)).touchless
    assert not outcome(four, four, dict.fromkeys(four, 0.999) | {"total_gross": 0.9}).touchless
    assert not outcome(four, four | {"iban": "FR76"}, dict.fromkeys(four, 0.999)).touchless


def test_a_vat_table_is_exact_in_all_that_the_truth_says():
    truth = {"vat_breakdown": [{"rate": None, "base": 100.0, "tax": 20.0}]}
    row = {"rate": "20", "base": "100.00", "tax": "20.00"}
    assert [count([outcome(truth, {"vat_breakdown": rows})]).vat.right for rows in ([row], [row, row], [])] == [1, 0, 0]


def test_a_receipts_truth_is_put_under_our_names(tmp_path):
    (tmp_path / "r.json").write_text('{"total": "RM9.00", "date": "(06/12/16)", "company": "A"}')
    assert truth_in(tmp_path / "r.json") == {"total_gross": "9.00", "issue_date": "2016-12-06", "supplier_name": "A"}
