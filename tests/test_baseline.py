"""A scanner's baseline: learned from its own pages, kept as JSON, robust against some odd ones."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformity.baseline import LEAST_PAGES, Baseline, Signature, Usual, doubts, indicators, learn

PAGE = Signature(noise=1.0, corner=0.0, white=0.01, solid=0.0, border=0.0)
SHARES = st.floats(0, 1)
LEVELS = st.floats(-6, 6)
SIGNATURES = st.builds(
    Signature, noise=st.none() | LEVELS, corner=st.none() | LEVELS, white=st.none() | SHARES, solid=st.none() | SHARES, border=SHARES
)


def pages(count: int = LEAST_PAGES, **changed: float) -> list[Signature]:
    """Pages that differ a little, as pages do."""
    return [replace(PAGE, noise=1.0 + 0.01 * (i % 5), corner=0.02 * (i % 3), **changed) for i in range(count)]


def told(signature: Signature, baseline: Baseline) -> list[str]:
    return [found.code for found in indicators(signature, baseline, 1)]


@given(SIGNATURES)
def test_a_signature_is_the_same_after_json(signature):
    again = Signature.from_json(json.loads(json.dumps(signature.as_json())))
    assert again.as_json() == signature.as_json()


@given(st.lists(SIGNATURES, max_size=60))
def test_a_baseline_is_the_same_after_json(signatures):
    baseline = learn(signatures)
    assert Baseline.from_json(json.loads(json.dumps(baseline.as_json()))) == baseline


@given(st.lists(SIGNATURES, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_pages_teaches_nothing(signatures, chance):
    shuffled = list(signatures)
    chance.shuffle(shuffled)
    assert learn(shuffled) == learn(signatures)


@given(st.builds(Signature, noise=LEVELS, corner=LEVELS, white=SHARES, solid=SHARES, border=SHARES))
def test_a_page_like_all_the_others_is_never_told(signature):
    assert told(signature, learn([signature] * LEAST_PAGES)) == []


def test_a_signature_of_another_version_still_loads():
    assert Signature.from_json({"noise": 1.5, "of-tomorrow": 3.0}) == Signature(noise=1.5)


@pytest.mark.parametrize("broken", [{}, {"pages": 3}, {"pages": "x", "usual": {}}, {"pages": 3, "usual": {"noise": [1]}}])
def test_what_is_no_baseline_is_refused(broken):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Baseline.from_json(broken)


def test_a_baseline_speaks_from_twenty_pages_on():
    odd = replace(PAGE, noise=0.0)
    assert told(odd, learn(pages(LEAST_PAGES - 1))) == []
    assert told(odd, learn(pages())) == ["smoothed-noise"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"noise": 0.5}, "smoothed-noise"),
        ({"noise": 1.7}, "sharpened-noise"),
        ({"corner": -1.0}, "smoothed-noise"),
        ({"white": 0.5}, "clipped-white"),
        ({"solid": 0.3}, "clipped-white"),
        ({"border": 0.2}, "flat-border"),
    ],
)
def test_each_measure_that_strays_is_told_with_its_limit(change, code):
    (found,) = indicators(replace(PAGE, **change), learn(pages()), 3)
    assert (found.code, found.page) == (code, 3)
    assert found.measured != found.limit


def test_what_two_measures_say_is_told_once():
    assert told(replace(PAGE, noise=0.0, corner=-2.0), learn(pages())) == ["smoothed-noise"]


def test_a_third_of_odd_pages_hardly_moves_what_is_usual():
    mixed = [*pages(40), *(replace(PAGE, noise=-3.0, border=0.9) for _ in range(19))]
    assert told(replace(PAGE, noise=-3.0), learn(mixed)) == ["smoothed-noise"]
    assert told(PAGE, learn(mixed)) == []


def test_a_scanner_whose_pages_differ_widely_is_given_room():
    wide = [replace(PAGE, white=0.05 * (i % 12)) for i in range(60)]
    assert told(replace(PAGE, white=0.8), learn(wide)) == []
    assert told(replace(PAGE, white=0.8), learn(pages())) == ["clipped-white"]


def test_an_unknown_scanner_is_told_only_what_no_scanner_does():
    assert told(replace(PAGE, noise=-5.0, white=0.7), Baseline()) == []
    assert told(replace(PAGE, corner=-1.5, solid=0.8, border=0.5), Baseline()) == ["smoothed-noise", "clipped-white", "flat-border"]


def test_a_page_without_plain_paper_says_nothing_of_its_noise():
    assert told(Signature(white=0.0, solid=0.0, border=0.0), learn(pages())) == []


def test_a_scanner_that_treats_every_page_is_doubted_as_a_whole():
    always = learn(replace(page, solid=0.8) for page in pages())
    assert told(replace(PAGE, solid=0.8), always) == []
    assert [found.code for found in doubts(always)] == ["clipped-white"]
    assert doubts(learn(pages())) == ()
    assert doubts(Baseline(3, {"solid": Usual(0.9, 0.0)})) == ()
