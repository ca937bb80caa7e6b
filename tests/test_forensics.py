"""What pixels betray of their past, on small pages that three made scanners saw. `measure_forensics.py` asks the same of whole sets."""

from functools import cache

import cv2
import numpy as np
import pytest
from forensic_pages import (
    DEVICES,
    TREATMENTS,
    Picture,
    Sheet,
    deskewed,
    enlarged,
    framed,
    noisier,
    once_jpeg,
    print_sheet,
    scan,
    sharpened,
    stretched,
    toned,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.catalogue import CATALOGUE, certainty_of, finding
from capture.findings import Certainty, Finding, Level
from capture.raster import Raster
from capture.scan import Model, Page
from conformity.baseline import Baseline, Signature, learn, measure
from conformity.checks import inspect_raster, verdict
from conformity.forensics import quiet_blocks, stretched_tones
from conformity.limits import Limits
from conformity.paper import FEWEST_TILES, RUN, count_levels, find_plain, flat_border, plain_noise, solid_white, white_share

SIZE = (1000, 1100)
SENSORS = range(len(DEVICES))


@cache
def clean(sensor: int = 0, kind: str = "letter", seed: int = 7) -> Picture:
    return scan(print_sheet(Sheet(kind, seed, ("helvetica",), SIZE)), DEVICES[sensor], seed)


@cache
def usual(sensor: int) -> Baseline:
    """What the scanner's small pages look like; the spread of twenty is narrow enough to be told by two."""
    seen = [measure(Raster(clean(sensor, "letter", seed), 8, Model.RGB)) for seed in (7, 8)] * 10
    return learn(signature for signature in seen if signature)


def told(page: Picture, baseline: Baseline | None = None, *, lossless: bool = True) -> tuple[Finding, ...]:
    coded = Page(1, "lzw", lossless, page.shape[1], page.shape[0], 8, 3, Model.RGB, (300.0, 300.0))
    return inspect_raster(Raster(np.ascontiguousarray(page), 8, Model.RGB), coded, Limits(), baseline).findings


def codes(page: Picture, baseline: Baseline | None = None) -> list[str]:
    return [found.code for found in told(page, baseline)]


# --- clean pages ---


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("kind", ["letter", "dense", "coloured", "photo"])
def test_a_page_as_the_scanner_saw_it_betrays_nothing(sensor, kind):
    assert codes(clean(sensor, kind, 11)) == []
    assert codes(clean(sensor, kind, 11), usual(sensor)) == []


# --- facts and strong traces ---


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("quality", [95, 85, 60])
def test_an_earlier_jpeg_is_heard_under_every_sensor(sensor, quality):
    assert codes(once_jpeg(clean(sensor), quality, (3, 5))) == ["lossy-history"]


@pytest.mark.parametrize("sensor", SENSORS)
def test_quiet_blocks_are_those_of_a_jpeg_and_of_nothing_else(sensor):
    page = clean(sensor)

    def blocks(treated: Picture) -> bool:
        return quiet_blocks(find_plain(np.ascontiguousarray(treated[..., 1]))) is not None

    assert blocks(once_jpeg(page, 95))
    others = [page, enlarged(page, 150, cv2.INTER_LINEAR), deskewed(page, 0.5, cv2.INTER_CUBIC, None), sharpened(page, 1, 1)]
    assert [blocks(other) for other in others] == [False] * 4


@pytest.mark.parametrize("dpi", [200, 240, 250])
@pytest.mark.parametrize("way", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_an_enlargement_is_held_whatever_its_ratio(dpi, way):
    assert codes(enlarged(clean(2), dpi, way)) == ["upsampled"]


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize(
    "curve", [lambda x: np.clip((x * 255 - 15) / 235, 0, 1), lambda x: x**0.8, lambda x: x**1.25], ids=["contrast", "lighter", "darker"]
)
def test_a_tone_curve_after_the_scan_is_for_review(sensor, curve):
    found = told(toned(clean(sensor), curve))
    assert [(each.code, each.level) for each in found] == [("stretched-tones", Level.REVIEW)]


@given(st.floats(0.6, 1.6).filter(lambda gamma: abs(gamma - 1) > 0.15))
@settings(max_examples=20, deadline=None)
def test_every_curve_of_gamma_leaves_a_comb_in_a_smooth_histogram(gamma):
    counts = np.full((1, 256), 20_000)
    bent = np.bincount(np.rint(255 * (np.arange(256) / 255) ** gamma).astype(int), weights=counts[0], minlength=256)
    assert stretched_tones(counts) is None
    assert stretched_tones(bent[None].astype(np.int64)) is not None


def test_levels_that_the_scanner_itself_leaves_out_in_the_dark_are_no_curve():
    counts = np.full((3, 256), 20_000)
    counts[:, 1:30:2] = 0
    assert stretched_tones(counts) is None


def test_a_drawn_page_has_no_sensors_histogram():
    drawn = np.full((1100, 1000, 3), (250, 248, 240), np.uint8)
    for y in range(60, 1100, 60):
        cv2.putText(drawn, "FACTURE 2026-0118", (40, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 25), 2, cv2.LINE_AA)
    assert "stretched-tones" not in codes(drawn)
    assert find_plain(np.ascontiguousarray(drawn[..., 1])).drawn


# --- indicators ---

INDICATORS = [treatment for treatment in TREATMENTS if not treatment.certain and treatment.name != "cropped 3 %"]


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("treatment", INDICATORS, ids=lambda treatment: treatment.name)
def test_a_treated_page_is_unlike_the_scanners_others(sensor, treatment):
    assert treatment.expected & set(codes(treatment.act(clean(sensor)), usual(sensor)))


def test_indicators_inform_compliance_and_lower_no_verdict():
    found = told(deskewed(clean(0), 0.7, cv2.INTER_LINEAR, 255))
    assert {each.code for each in found} == {"smoothed-noise", "flat-border"}
    assert {certainty_of(each) for each in found} == {Certainty.INDICATOR}
    assert verdict(found) == "conform"


def test_no_indicator_of_the_catalogue_can_hold_a_page():
    indicators = {code: entry.level for code, entry in CATALOGUE.items() if entry.certainty is Certainty.INDICATOR}
    assert {"smoothed-noise", "sharpened-noise", "clipped-white", "flat-border", "odd-sheet"} <= set(indicators)
    assert set(indicators.values()) == {Level.INFO}


def test_what_a_jpeg_explains_is_not_told_again_as_an_indicator():
    assert codes(once_jpeg(clean(0), 60), usual(0)) == ["lossy-history"]


def test_a_page_that_loses_detail_already_teaches_nothing():
    coded = Page(1, "jpeg", False, *SIZE, 8, 3, Model.RGB, (300.0, 300.0))
    assert inspect_raster(Raster(clean(0), 8, Model.RGB), coded, Limits()).signature is None


def test_a_page_as_seen_has_a_signature_to_learn_from():
    coded = Page(1, "lzw", True, *SIZE, 8, 3, Model.RGB, (300.0, 300.0))
    inspection = inspect_raster(Raster(clean(0), 8, Model.RGB), coded, Limits())
    assert inspection.signature == measure(Raster(clean(0), 8, Model.RGB))
    assert isinstance(inspection.signature, Signature)
    assert finding("stretched-tones").level is Level.REVIEW


# --- plain paper ---


def test_a_sensors_noise_is_as_fine_on_the_diagonal_as_along_the_axes():
    noise = plain_noise(find_plain(np.clip(200 + np.random.default_rng(1).normal(0, 2, (1000, 900)).round(), 0, 255).astype(np.uint8)))
    assert noise is not None
    assert noise.fine == pytest.approx(2, rel=0.03)
    assert noise.corner == pytest.approx(0, abs=0.1)


def test_columns_of_unlike_gain_are_no_noise():
    page = np.full((1000, 900), 200.0) + np.random.default_rng(1).normal(0, 1, (1000, 900))
    striped = page + np.random.default_rng(2).normal(0, 2, (1, 900))
    plain, with_stripes = (plain_noise(find_plain(np.rint(each).astype(np.uint8))) for each in (page, striped))
    assert plain is not None
    assert with_stripes is not None
    assert with_stripes.fine == pytest.approx(plain.fine, rel=0.05)


def test_without_enough_plain_paper_nothing_is_said():
    assert plain_noise(find_plain(np.full((1000, 900), 255, np.uint8))) is None
    assert not find_plain(np.random.default_rng(1).integers(0, 256, (1000, 900)).astype(np.uint8))
    few = np.full((32 * 6, 32 * 6), 200, np.uint8)
    assert len(find_plain(few).tiles) == 0 < FEWEST_TILES


def test_a_frame_without_noise_is_seen_and_a_page_without_noise_is_no_frame():
    page = clean(0)
    assert flat_border(page) == 0
    assert flat_border(framed(page, 8)) == pytest.approx(1, abs=0.01)
    assert flat_border(np.full((600, 600, 3), 250, np.uint8)) == 0


@given(st.integers(2, 3 * RUN))
def test_only_runs_that_no_sensor_gives_are_counted(length):
    page = np.random.default_rng(3).integers(0, 250, (400, 400, 3)).astype(np.uint8)
    page[:, 2] = np.random.default_rng(4).permutation(400).astype(np.uint8)[:, None]
    page[100 : 100 + length, 2] = 250
    assert (flat_border(page) > 0) == (length >= RUN)


def test_white_is_counted_in_pixels_and_in_solid_blocks():
    page = np.zeros((80, 80, 3), np.uint8)
    page[:40] = 255
    page[60, ::2] = 255
    assert white_share(count_levels(page)) == pytest.approx((40 * 80 + 40) / 6400)
    assert solid_white(np.ascontiguousarray(page[..., 1])) == 0.5


def test_more_noise_is_told_as_such():
    assert codes(noisier(clean(2), 1.5), usual(2)) == ["sharpened-noise"]


def test_a_stretched_page_in_grey_is_seen_too():
    grey = stretched(clean(0), 30, 245)[..., 1]
    coded = Page(1, "lzw", True, *SIZE, 8, 1, Model.GRAY, (300.0, 300.0))
    found = inspect_raster(Raster(np.ascontiguousarray(grey), 8, Model.GRAY), coded, Limits())
    assert [each.code for each in found.findings] == ["stretched-tones"]
    assert found.signature is None
