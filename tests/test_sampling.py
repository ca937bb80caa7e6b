"""The sampling plans are those of the published tables, lots switch as the standard says, and anybody can repeat a draw."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.sampling import (
    AQLS,
    ISO_2859_1,
    Plan,
    Severity,
    draw_sample,
    items_hash,
    judge_sample,
    must_stop,
    next_severity,
    plan_for,
    plan_from,
)

NORMAL, TIGHTENED = Severity.NORMAL, Severity.TIGHTENED
SEED = hashlib.sha256(b"note").digest()


def brief(plan: Plan) -> tuple[str, int, int, int]:
    return plan.letter, plan.size, plan.accept, plan.reject


@pytest.mark.parametrize(
    ("lot", "aql", "published"),
    [
        # MIL-STD-105E, tables I and II-A, as they are printed in textbooks and by inspection firms.
        (30, "1.0", ("D", 13, 0, 1)),
        (100, "1.0", ("F", 13, 0, 1)),
        (200, "1.0", ("G", 50, 1, 2)),
        (500, "1.0", ("H", 50, 1, 2)),
        (1000, "1.0", ("J", 80, 2, 3)),
        (3000, "1.0", ("K", 125, 3, 4)),
        (10000, "1.0", ("L", 200, 5, 6)),
        (35000, "1.0", ("M", 315, 7, 8)),
        (150000, "1.0", ("N", 500, 10, 11)),
        (500000, "1.0", ("P", 800, 14, 15)),
        (500001, "1.0", ("Q", 1250, 21, 22)),
        (1000, "2.5", ("J", 80, 5, 6)),
        (3000, "2.5", ("K", 125, 7, 8)),
        (10000, "2.5", ("L", 200, 10, 11)),
        (3000, "4.0", ("K", 125, 10, 11)),
        (500, "4.0", ("H", 50, 5, 6)),
        (1000, "1.5", ("J", 80, 3, 4)),
        (1000, "0.65", ("J", 80, 1, 2)),
        (3000, "0.40", ("K", 125, 1, 2)),
        (3000, "6.5", ("K", 125, 14, 15)),
        (20, "6.5", ("C", 8, 1, 2)),
    ],
)
def test_a_plan_is_that_of_the_published_table(lot, aql, published):
    assert brief(plan_for(lot, aql)) == published


@pytest.mark.parametrize(
    ("lot", "aql", "published"),
    [
        # MIL-STD-105E, table II-B.
        (100, "1.0", ("F", 20, 0, 1)),
        (200, "1.0", ("G", 80, 1, 2)),
        (1000, "1.0", ("J", 80, 1, 2)),
        (3000, "1.0", ("K", 125, 2, 3)),
        (10000, "1.0", ("L", 200, 3, 4)),
        (35000, "1.0", ("M", 315, 5, 6)),
        (150000, "1.0", ("N", 500, 8, 9)),
        (500000, "1.0", ("P", 800, 12, 13)),
        (500001, "1.0", ("Q", 1250, 18, 19)),
        (3000, "2.5", ("K", 125, 5, 6)),
        (3000, "4.0", ("K", 125, 8, 9)),
        (1000, "1.5", ("J", 80, 2, 3)),
    ],
)
def test_a_tightened_plan_is_that_of_the_published_table(lot, aql, published):
    assert brief(plan_for(lot, aql, TIGHTENED)) == published


def test_a_lot_smaller_than_its_sample_is_looked_at_whole():
    assert plan_for(5, "1.0").size == 5
    assert plan_for(1, "0.25").size == 1


def test_a_plan_survives_being_written_down():
    plan = plan_for(1000, "1.0", TIGHTENED)
    assert plan_from(plan.as_json()) == plan


@given(st.integers(1, 10**6), st.sampled_from(AQLS), st.sampled_from(Severity))
def test_every_plan_can_be_carried_out_and_accepts_less_than_it_looks_at(lot, aql, severity):
    plan = plan_for(lot, aql, severity)
    assert 1 <= plan.size <= lot
    assert plan.reject == plan.accept + 1
    assert plan.accept < ISO_2859_1.sizes[ISO_2859_1.letters.index(plan.used)]


@given(st.integers(2, 10**6), st.sampled_from(AQLS))
def test_a_tightened_plan_never_accepts_more(lot, aql):
    normal, tight = plan_for(lot, aql), plan_for(lot, aql, TIGHTENED)
    assert tight.accept * normal.size <= normal.accept * tight.size or normal.size == lot


# --- severity ---


@pytest.mark.parametrize(
    ("outcomes", "severity"),
    [
        ([], NORMAL),
        ([(NORMAL, True), (NORMAL, False), (NORMAL, True)], NORMAL),
        ([(NORMAL, False), (NORMAL, True), (NORMAL, True), (NORMAL, True), (NORMAL, False)], TIGHTENED),
        ([(NORMAL, False), (NORMAL, True), (NORMAL, True), (NORMAL, True), (NORMAL, True), (NORMAL, False)], NORMAL),
        ([(NORMAL, False), (NORMAL, False)], TIGHTENED),
        ([(NORMAL, False), (NORMAL, False), *[(TIGHTENED, True)] * 4], TIGHTENED),
        ([(NORMAL, False), (NORMAL, False), *[(TIGHTENED, True)] * 5], NORMAL),
    ],
)
def test_two_failures_of_five_tighten_and_five_lots_passed_loosen(outcomes, severity):
    assert next_severity(outcomes) is severity


def test_five_failures_under_tightened_inspection_stop_it():
    tightened = [(NORMAL, False), (NORMAL, False), (TIGHTENED, False), (TIGHTENED, True), (TIGHTENED, False), (TIGHTENED, False)]
    assert not must_stop([*tightened, (TIGHTENED, False)])
    assert must_stop(tightened + [(TIGHTENED, False)] * 2)


def test_a_lot_is_decided_when_its_outcome_is_certain():
    plan = plan_for(1000, "1.0")
    assert judge_sample(plan, [True] * 79) is None
    assert judge_sample(plan, [True] * 78 + [False] * 2) is True
    assert judge_sample(plan, [False] * 3) is False


# --- the draw ---


@given(st.sets(st.integers(0, 10**4), min_size=1, max_size=60), st.integers(1, 60), st.randoms())
def test_the_order_of_the_list_changes_nothing(numbers, count, chance):
    items = [f"d{number}:1" for number in numbers]
    shuffled = items[:]
    chance.shuffle(shuffled)
    assert draw_sample(SEED, "lot", items, count) == draw_sample(SEED, "lot", shuffled, count)
    assert items_hash(items) == items_hash(shuffled)


def test_anybody_repeats_the_draw_with_a_few_lines():
    items = [f"d{number:03}:{page}" for number in range(100) for page in (1, 2)]
    ranked = sorted(items, key=lambda item: hmac.new(SEED, f"2026-11-20/demo\n{item}".encode(), hashlib.sha256).hexdigest())
    assert list(draw_sample(SEED, "2026-11-20/demo", items, 13)) == ranked[:13]


def test_another_note_or_lot_draws_otherwise():
    items = [f"d{number}:1" for number in range(1000)]
    drawn = draw_sample(SEED, "a", items, 13)
    assert drawn != draw_sample(SEED, "b", items, 13)
    assert drawn != draw_sample(hashlib.sha256(b"other").digest(), "a", items, 13)


def test_every_page_is_drawn_about_as_often_as_any_other():
    items, drawn = [f"d{number}:1" for number in range(20)], dict.fromkeys((f"d{number}:1" for number in range(20)), 0)
    for number in range(2000):
        for item in draw_sample(SEED, str(number), items, 5):
            drawn[item] += 1
    # 500 expected, standard deviation 19: five of them.
    assert all(abs(count - 500) < 97 for count in drawn.values())
