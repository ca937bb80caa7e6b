"""Interest of late payment to the cent, by dated rates that are refused where they are missing; due dates by the term agreed."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from config.legal import load_rates
from station.cli import app
from station.derivation import derivation_json, derivation_lines, missing_words, read_amount
from workflow.interest import (
    BelowFloor,
    Kind,
    MissingRate,
    Mode,
    Reduction,
    Regime,
    Terms,
    half_of,
    indemnity_of,
    interest_of,
)
from workflow.terms import Buyer, Counting, Term, due_date, due_steps, public_due, read_term, term_text, unlawful

D = Decimal
RATES = load_rates()
SPLIT, FROZEN, PUBLIC = Terms(Regime.PRIVATE), Terms(Regime.PRIVATE, Mode.FROZEN), Terms(Regime.PUBLIC)
DUE = date(2026, 5, 31)


def day(text: str) -> date:
    return date.fromisoformat(text)


def total(amount: str, due: str, paid: str, terms: Terms = SPLIT, reductions: tuple[Reduction, ...] = ()) -> Decimal:
    return interest_of(D(amount), day(due), day(paid), terms, RATES, reductions).total


# --- the published examples ---


@pytest.mark.parametrize(
    ("amount", "due", "paid", "terms", "expected"),
    [
        ("12000", "2025-09-30", "2025-10-31", SPLIT, "123.83"),
        ("12000", "2024-11-30", "2025-02-28", SPLIT, "400.31"),
        ("12000", "2024-11-30", "2025-02-28", FROZEN, "421.64"),
        ("12000", "2024-11-30", "2025-02-28", PUBLIC, "362.47"),
        ("1000", "2026-01-31", "2026-02-01", SPLIT, "0.33"),
        ("12000", "2026-05-31", "2026-09-30", SPLIT, "494.89"),
        ("12000", "2026-05-31", "2026-09-30", FROZEN, "487.33"),
        ("12000", "2026-05-31", "2026-09-30", PUBLIC, "407.11"),
    ],
)
def test_the_vectors_come_out_to_the_cent(amount, due, paid, terms, expected):
    assert total(amount, due, paid, terms) == D(expected)


@pytest.mark.parametrize(
    ("issued", "expected"),
    [("2026-02-15", ("2026-04-30", "2026-04-14", "2026-04-16")), ("2026-01-31", ("2026-03-31", "2026-03-17", "2026-04-01"))],
)
def test_45_days_end_of_month_are_counted_in_two_ways(issued, expected):
    terms = Term(45, Counting.THEN_MONTH_END), Term(45, Counting.FROM_MONTH_END), Term(60)
    assert tuple(due_date(term, day(issued)).isoformat() for term in terms) == expected


@pytest.mark.parametrize(
    ("text", "kept", "issued", "due"),
    [
        ("45 jours fin de mois", "45 fdm", "2026-02-15", "2026-04-30"),
        ("fin de mois 45 jours", "fdm 45", "2026-02-15", "2026-04-14"),
        ("60 jours", "60", "2026-02-15", "2026-04-16"),
        ("45 jours fin de mois", "45 fdm", "2026-01-31", "2026-03-31"),
        ("Fin de mois + 45 jours", "fdm 45", "2026-01-31", "2026-03-17"),
        ("60 j", "60", "2026-01-31", "2026-04-01"),
        ("30 jours fin de mois le 10", "30 fdm le 10", "2026-03-05", "2026-05-10"),
        ("30 FDM, le 31", "30 fdm le 31", "2026-01-05", "2026-03-31"),
        ("à réception", "0", "2026-03-05", "2026-03-05"),
        ("Comptant", "0", "2026-03-05", "2026-03-05"),
        ("30 jours nets", "30", "2026-03-05", "2026-04-04"),
        ("30 days end of month", "30 fdm", "2026-03-05", "2026-04-30"),
    ],
)
def test_terms_are_read_as_the_field_says_them(text, kept, issued, due):
    term = read_term(text)
    assert (term_text(term), due_date(term, day(issued)).isoformat()) == (kept, due)
    assert read_term(term_text(term)) == term


@pytest.mark.parametrize(
    "text", ["", "bientôt", "fin de mois", "400 jours", "30 jours fin de mois le 32", "30 jours le 10", "-3", "45 fin"]
)
def test_what_is_no_term_is_refused(text):
    with pytest.raises(ValueError):
        read_term(text)


@given(st.integers(0, 365), st.sampled_from(Counting), st.none() | st.integers(1, 31), st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_a_term_never_leads_before_the_issue_and_its_steps_never_go_back(days, counting, on, issued):
    term = Term(days, counting, on if counting is not Counting.DAYS else None)
    steps = [issued, *(step.day for step in due_steps(term, issued))]
    assert steps == sorted(steps)
    assert read_term(term_text(term)) == term


@pytest.mark.parametrize(
    ("text", "why"), [("30 fdm le 10", "beyond"), ("60 fdm", "month-end"), ("75", "too-long"), ("fdm 45", None), ("45 fdm", None)]
)
def test_a_term_beyond_the_law_is_told(text, why):
    assert unlawful(read_term(text)) == why


def test_a_public_buyers_term_runs_from_the_later_of_request_and_service():
    assert public_due(Buyer.STATE, day("2026-03-01")) == day("2026-03-31")
    assert public_due(Buyer.HEALTH, day("2026-03-01"), day("2026-03-11")) == day("2026-04-30")


@pytest.mark.parametrize(
    ("term", "periodic", "why"),
    [
        (Term(60), False, None),
        (Term(61), False, "too-long"),
        (Term(45, Counting.THEN_MONTH_END), False, None),
        (Term(60, Counting.FROM_MONTH_END), False, "month-end"),
        (Term(45), True, None),
        (Term(60), True, "periodic"),
    ],
)
def test_the_law_caps_terms_between_professionals(term, periodic, why):
    assert unlawful(term, periodic=periodic) == why


# --- rates ---


def test_a_half_year_without_a_rate_is_refused_by_its_name():
    with pytest.raises(MissingRate) as caught:
        total("12000", "2026-12-30", "2027-01-01")
    assert caught.value.half == "2027-H1"
    assert total("12000", "2026-12-30", "2027-01-01", FROZEN) > 0  # the rate of its first day holds, and is known


def test_what_the_ecb_does_within_a_half_year_changes_nothing():
    # 2.65 since 16 September 2026: the second half-year keeps the 2.40 of 1 July.
    lines = interest_of(D(12000), day("2026-09-10"), day("2026-10-10"), SPLIT, RATES).lines
    assert [(line.rate, line.days) for line in lines] == [(D("12.40"), 30)]


def test_each_row_was_in_force_on_the_first_day_of_its_half_year_and_has_its_sources():
    for row in RATES.halves:
        first = date(int(row.half[:4]), 1 if row.half.endswith("1") else 7, 1)
        assert row.ecb_since <= first
        assert row.ecb_source and row.legal_source
        assert {row.ecb_grade, row.legal_grade, row.persons_grade} <= {"text", "secondary", "unverified"}
    assert len({row.half for row in RATES.halves}) == len(RATES.halves)


def test_a_contracts_rate_below_three_times_the_legal_rate_is_refused_with_the_article():
    with pytest.raises(BelowFloor, match=r"L\. 441-10") as caught:
        total("1000", "2024-07-31", "2024-08-31", replace(SPLIT, contract_rate=D("14.75")))
    assert caught.value.floor == D("14.76")
    assert total("1000", "2024-07-31", "2024-08-31", replace(SPLIT, contract_rate=D("14.76"))) == D("12.54")


def test_the_floor_does_not_lift_the_rate_of_the_law():
    # 2024: three times the legal rate was 14.76, the law's own rate 14.25.
    (line,) = interest_of(D(1000), day("2024-07-31"), day("2024-08-31"), SPLIT, RATES).lines
    assert line.rate == D("14.25")


def test_the_floor_of_each_half_year_is_asked():
    with pytest.raises(BelowFloor) as caught:
        total("1000", "2023-05-31", "2023-07-31", replace(SPLIT, contract_rate=D("10")))
    assert caught.value.half == "2023-H2"
    # Frozen on the first day, it is held against that day's floor alone.
    assert total("1000", "2023-05-31", "2023-07-31", replace(FROZEN, contract_rate=D("10"))) > 0


def test_a_public_buyers_rate_is_never_a_contracts():
    with pytest.raises(ValueError, match="public"):
        total("1000", "2026-01-31", "2026-02-28", replace(PUBLIC, contract_rate=D("12")))


# --- payments and credit notes ---


def test_a_partial_payment_still_bears_interest_on_its_day_and_a_credit_note_none_on_its_own():
    for kind, first in ((Kind.PAYMENT, 10), (Kind.CREDIT, 9)):
        lines = interest_of(D(1000), DUE, day("2026-06-20"), SPLIT, RATES, [Reduction(day("2026-06-10"), D(400), kind)]).lines
        assert [(line.days, line.base) for line in lines] == [(first, D(1000)), (20 - first, D(600))]


@pytest.mark.parametrize("terms", [FROZEN, PUBLIC])
def test_a_frozen_rate_stays_that_of_the_first_day_whatever_is_paid_in_the_next_half_year(terms):
    part = (Reduction(day("2025-01-31"), D(6000)),)
    lines = interest_of(D(12000), day("2024-11-30"), day("2025-02-28"), terms, RATES, part).lines
    assert [(line.days, line.base, line.half) for line in lines] == [(62, D(12000), "2024-H2"), (28, D(6000), "2024-H2")]


def test_what_came_before_the_due_date_never_bears_interest():
    early = (Reduction(day("2026-05-02"), D(400)), Reduction(DUE, D(100), Kind.CREDIT))
    assert total("1000", "2026-05-31", "2026-07-31", SPLIT, early) == total("500", "2026-05-31", "2026-07-31")


def test_two_payments_of_one_day_count_as_their_sum_even_on_the_last():
    halves = (Reduction(day("2026-07-31"), D(400)), Reduction(day("2026-07-31"), D(600)))
    assert total("1000", "2026-05-31", "2026-07-31", SPLIT, halves) == total("1000", "2026-05-31", "2026-07-31")


def test_the_flat_indemnity_is_owed_once_for_an_invoice_paid_late():
    late = DUE + timedelta(days=1)
    assert indemnity_of(DUE, late, RATES) == D("40.00")
    assert indemnity_of(DUE, DUE, RATES) == 0


@pytest.mark.parametrize("amount", ["0", "-5", "1.001", "NaN"])
def test_an_amount_that_can_be_none_is_refused(amount):
    with pytest.raises(ValueError, match="cents"):
        total(amount, "2026-05-31", "2026-06-30")


# --- laws that hold for all ---

amounts = st.integers(1, 10_000_000_00).map(lambda cents: D(cents) / 100)
dues = st.dates(date(2023, 1, 1), date(2026, 6, 30))
delays = st.integers(0, 180)
modes = st.sampled_from([SPLIT, FROZEN, PUBLIC])
parts = st.lists(
    st.builds(
        lambda back, cents, kind: (back, D(cents) / 100, kind), st.integers(-20, 200), st.integers(1, 50_000_00), st.sampled_from(Kind)
    ),
    max_size=4,
)


@given(amounts, dues, delays, delays, modes)
def test_more_days_never_cost_less(amount, due, one, more, terms):
    paid = due + timedelta(days=one)
    later = min(paid + timedelta(days=more), date(2026, 12, 31))
    assert interest_of(amount, due, paid, terms, RATES).total <= interest_of(amount, due, later, terms, RATES).total


@given(amounts, amounts, dues, delays, modes)
def test_a_larger_amount_never_costs_less(one, more, due, late, terms):
    paid = due + timedelta(days=late)
    assert interest_of(one, due, paid, terms, RATES).total <= interest_of(one + more, due, paid, terms, RATES).total


@given(amounts, dues, st.integers(1, 180))
def test_a_split_delay_is_the_sum_of_its_half_years_each_frozen(amount, due, late):
    paid = due + timedelta(days=late)
    found = interest_of(amount, due, paid, SPLIT, RATES)
    pieces = [interest_of(amount, line.first - timedelta(days=1), line.last, FROZEN, RATES).lines for line in found.lines]
    assert [line for piece in pieces for line in piece] == list(found.lines)
    assert found.days == late
    assert all(half_of(line.first) == half_of(line.last) == line.half for line in found.lines)


@given(amounts, dues, st.integers(1, 180), modes, parts)
def test_partial_payments_never_cost_more(amount, due, late, terms, given_parts):
    paid = due + timedelta(days=late)
    listed = [Reduction(due + timedelta(days=back), part, kind) for back, part, kind in given_parts]
    plain = interest_of(amount, due, paid, terms, RATES, listed)
    assert plain.total <= interest_of(amount, due, paid, terms, RATES).total
    assert all(one.last < other.first for one, other in zip(plain.lines, plain.lines[1:], strict=False))


@given(amounts, dues, st.integers(1, 180), modes, parts)
def test_the_total_is_its_lines_rounded_once(amount, due, late, terms, given_parts):
    listed = [Reduction(due + timedelta(days=back), part, kind) for back, part, kind in given_parts]
    found = interest_of(amount, due, due + timedelta(days=late), terms, RATES, listed)
    exact = sum((Fraction(line.base) * Fraction(line.rate) * line.days / 36500 for line in found.lines), Fraction(0))
    assert Fraction(-1, 200) < exact - Fraction(found.total) < Fraction(1, 200) or exact - Fraction(found.total) == Fraction(-1, 200)


# --- how it is told ---


def test_the_derivation_can_be_done_again_by_hand():
    found = interest_of(D(12000), DUE, day("2026-09-30"), SPLIT, RATES)
    text = "\n".join(derivation_lines(found, Regime.PRIVATE, D(40), RATES.private_margin, "fr")).replace("\u202f", " ")
    assert "du 01/06/2026 au 30/06/2026 : 30 j × 12 000,00 € × 12,15 % / 365 = 119,8356 €" in text
    assert "taux BCE du 01/07/2026 + 10 points" in text
    assert "Total, arrondi une seule fois : 494,89 €" in text
    assert "indemnité forfaitaire de 40,00 € (art. D. 441-5 C. com.)" in text


def test_json_holds_the_total_and_the_periods_and_no_floats():
    told = derivation_json(interest_of(D(12000), DUE, day("2026-09-30"), SPLIT, RATES))
    assert set(told) == {"total", "periods"}
    assert told["total"] == "494.89"
    assert [(each["days"], each["rate"]) for each in told["periods"]] == [(30, "12.15"), (92, "12.40")]


@pytest.mark.parametrize("text", ["12000", "12 000,00 €", "12\u202f000.00"])
def test_amounts_are_read_as_people_type_them(text):
    assert read_amount(text) == D(12000)


@pytest.mark.parametrize("text", ["", "1.234,56", "-5", "12,345", "douze"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError):
        read_amount(text)


def run(*words: str):
    return CliRunner().invoke(app, ["interest", *words])


def test_the_command_prints_the_derivation_and_the_json(monkeypatch, tmp_path):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    words = ("12000", "--due", "2026-05-31", "--paid", "2026-09-30", "--regime", "public")
    assert json.loads(run(*words, "--json").stdout)["total"] == "407.11"
    assert "407,11" in run(*words).stdout
    assert "487,33" in run(*words[:-1], "private", "--mode", "frozen").stdout


def test_the_command_refuses_what_it_cannot_compute(monkeypatch, tmp_path):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    missing = run("12000", "--due", "2026-05-31", "--paid", "2027-02-01", "--regime", "private")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "1er semestre 2027" in missing.stderr
    assert run("12000x", "--due", "2026-05-31", "--paid", "2026-06-01", "--regime", "private").exit_code == 2
    assert run("12000", "--due", "hier", "--paid", "2026-06-01", "--regime", "private").exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("12000", "--due", "2026-05-31", "--paid", "2026-09-30", "--regime", "public", "--mode", "split"), "R. 2192-31 CCP"),
        (("12000", "--due", "31/05", "--paid", "2026-09-30", "--regime", "public"), "« 31/05 » n'est pas une date"),
        (("12000", "--due", "31/05/2026", "--paid", "30/09/2026", "--regime", "etat"), "« etat » n'est pas un régime"),
        (("12000", "--due", "31/05/2026", "--paid", "30/09/2026", "--regime", "private", "--mode", "x"), "« x » n'est pas un mode"),
        (("-1", "--due", "31/05/2026", "--paid", "30/09/2026", "--regime", "private"), ""),
    ],
)
def test_wrong_questions_are_refused_in_french_words_with_exit_2(monkeypatch, tmp_path, words, told):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    found = run(*words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert told in found.stderr


def test_french_days_are_days_and_a_public_rate_is_frozen_by_itself(monkeypatch, tmp_path):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    words = ("12000", "--due", "31/05/2026", "--paid", "30/09/2026", "--regime", "public", "--json")
    assert json.loads(run(*words).stdout)["total"] == "407.11"
    assert json.loads(run(*words, "--mode", "frozen").stdout)["total"] == "407.11"


def test_a_half_year_before_the_table_is_told_as_what_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    found = run("100", "--due", "2009-08-01", "--paid", "2009-09-01", "--regime", "private")
    assert found.exit_code == 1
    assert "commence au 1er semestre 2023" in found.stderr
    assert "2e semestre 2009" in found.stderr


def test_a_missing_rate_is_told_in_both_languages():
    assert "2e semestre 2027" in missing_words(MissingRate("2027-H2"), "fr")
    assert "half-year 2 of 2027" in missing_words(MissingRate("2027-H2"), "en")
