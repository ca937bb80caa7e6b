"""What a scan is told, and when it is held: acceptance cases of art. A102 B-2 LPF and of the house policy."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papers import A4, draw_page, write_jp2, write_jpeg, write_pdf, write_png, write_special_tiff, write_tiff
from PIL import Image

from capture.catalogue import CATALOGUE, finding
from capture.findings import Level
from capture.raster import Raster
from capture.scan import Model, Page
from conformity.checks import fitting_sheet, inspect_raster, judge_page, verdict
from conformity.clauses import Organisation
from conformity.inspect import check_json, check_scan, clause_rows
from conformity.limits import Limits
from conformity.policy import Policy

PAPER = draw_page()
LIMITS = Limits()
SHEET = Page(1, "lzw", True, *A4, 8, 3, Model.RGB, (300.0, 300.0))


def codes(page: Page) -> list[str]:
    return [found.code for found in judge_page(page, LIMITS)]


def seen(samples: np.ndarray) -> list[str]:
    height, width = samples.shape[:2]
    page = replace(SHEET, width=width, height=height)
    return [found.code for found in inspect_raster(Raster(np.ascontiguousarray(samples), 8, Model.RGB), page, LIMITS).findings]


# --- coding ---


def test_a_lossless_colour_page_at_300_dpi_raises_nothing():
    assert codes(SHEET) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"codec": "jpeg", "lossless": False}, "lossy-compression"),
        ({"codec": "dct", "lossless": False}, "lossy-compression"),
        ({"codec": "jpx_9_7", "lossless": False}, "lossy-compression"),
        ({"codec": "jbig2_symbols", "lossless": None}, "symbol-compression"),
        ({"codec": "jpeg_ls", "lossless": None}, "unproven-compression"),
        ({"model": Model.GRAY, "channels": 1}, "grey-image"),
        ({"model": Model.BILEVEL, "channels": 1, "bits": 1, "codec": "ccitt_g4"}, "bilevel-image"),
        ({"model": Model.PALETTE, "channels": 1}, "palette-image"),
        ({"bits": 4}, "few-bits"),
        ({"bits": 16}, "16-bit"),
        ({"model": Model.CMYK, "channels": 4}, "cmyk"),
        ({"model": Model.OTHER}, "unsupported-coding"),
        ({"alpha": True, "channels": 4}, "alpha"),
    ],
)
def test_what_is_not_a_faithful_copy_is_held(change, code):
    found = judge_page(replace(SHEET, **change), LIMITS)
    assert [each.code for each in found] == [code]
    assert verdict(found) == "blocked"


@pytest.mark.parametrize(("dpi", "expected"), [(296.9, ["too-coarse"]), (297.0, []), (299.0, []), (600.0, [])])
def test_one_percent_below_300_dpi_passes_and_no_more(dpi, expected):
    width, height = (round(side / 300 * dpi) for side in A4)
    assert codes(replace(SHEET, dpi=(dpi, dpi), width=width, height=height)) == expected
    assert codes(replace(SHEET, dpi=(dpi, 300.0), width=width)) == expected


@given(st.floats(50, 1200), st.floats(50, 1200))
def test_a_page_is_too_coarse_exactly_below_the_floor_on_either_axis(x, y):
    assert ("too-coarse" in codes(replace(SHEET, dpi=(x, y)))) == (min(x, y) < LIMITS.floor_dpi)


def test_a_silent_file_that_fits_a_sheet_is_for_review_and_any_other_is_held():
    silent = replace(SHEET, dpi=None)
    assert codes(silent) == ["resolution-inferred"]
    assert verdict(judge_page(silent, LIMITS)) == "review"
    assert fitting_sheet(replace(silent, width=A4[1], height=A4[0]), LIMITS) == ("A4", 300)
    assert fitting_sheet(replace(silent, width=3300, height=2550), LIMITS) == ("Letter", 300)
    assert codes(replace(silent, width=1654, height=2339)) == ["resolution-unknown"]  # A4 at 200 dpi.


def test_a_silent_jpeg_2000_is_told_and_held_only_where_its_pixels_are_a_coarse_sheet():
    silent = replace(SHEET, dpi=None, codec="jpeg2000_5_3")
    for size, told, outcome in [(A4, "resolution-inferred", "conform"), ((1100, 1000), "resolution-unwritten", "conform"),
                                ((1654, 2339), "resolution-unknown", "blocked")]:  # fmt: skip
        found = judge_page(replace(silent, width=size[0], height=size[1]), LIMITS)
        assert ([each.code for each in found], verdict(found)) == ([told], outcome)


def test_a_stated_resolution_that_only_a_coarse_sheet_explains_is_for_review():
    found = judge_page(replace(SHEET, width=1654, height=2339), LIMITS)
    assert [each.code for each in found] == ["doubtful-resolution", "odd-sheet"]
    assert verdict(found) == "review"
    assert codes(replace(SHEET, width=1654, height=2300)) == ["odd-sheet"]
    assert codes(replace(SHEET, width=3307, height=4677, dpi=(400.0, 400.0))) == []


def test_an_odd_sheet_is_told_and_lowers_nothing():
    found = judge_page(replace(SHEET, width=945, height=2400), LIMITS)
    assert [(each.code, each.measured) for each in found] == [("odd-sheet", "80 × 203 mm")]
    assert verdict(found) == "conform"


@given(st.lists(st.sampled_from(sorted(CATALOGUE))))
def test_the_verdict_is_that_of_the_heaviest_finding(names):
    found = [finding(name) for name in names]
    levels = {each.level for each in found}
    expected = "blocked" if Level.BLOCKING in levels else "review" if Level.REVIEW in levels else "conform"
    assert verdict(found) == expected


# --- pixels ---


@pytest.mark.parametrize("seed", range(4))
def test_a_scan_as_it_left_the_sensor_betrays_nothing(seed):
    assert seen(draw_page(seed=seed, noise=1.0 + seed)) == []


def test_evenly_spaced_type_is_no_trace_of_treatment():
    page = np.full((1200, 1000, 3), (250, 248, 240), np.uint8)
    for y in range(40, 1180, 24):
        for x in range(24, 960, 24):
            cv2.putText(page, chr(65 + (7 * x + y) // 24 % 26), (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 25), 1, cv2.LINE_AA)
    assert seen(page) == []


@pytest.mark.parametrize("quality", [60, 80, 90])
@pytest.mark.parametrize("shift", [0, 3])
def test_a_jpeg_saved_again_without_loss_is_found(quality, shift):
    _, coded = cv2.imencode(".jpg", PAPER, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert seen(again[shift:, shift:]) == ["lossy-history"]


@pytest.mark.parametrize("ratio", [2 / 3, 0.8])
@pytest.mark.parametrize("way", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST])
def test_an_enlarged_page_is_held(ratio, way):
    assert seen(_enlarged(ratio, way)) == ["upsampled"]


def test_a_doubled_page_is_for_review_because_sensors_may_look_alike():
    samples = _enlarged(0.5, cv2.INTER_CUBIC)
    found = inspect_raster(Raster(samples, 8, Model.RGB), replace(SHEET, width=samples.shape[1], height=samples.shape[0]), LIMITS).findings
    assert [(each.code, each.level) for each in found] == [("upsampled", Level.REVIEW)]


def _enlarged(ratio: float, way: int) -> np.ndarray:
    small = cv2.resize(PAPER, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, PAPER.shape[1::-1], interpolation=way)


@pytest.mark.parametrize("step", [2, 3, 5, 8])
def test_lines_along_one_axis_only_are_the_sensors_and_no_treatment(step):
    striped = PAPER.astype(np.int16)
    striped[:, ::step] += 4
    assert seen(np.clip(striped, 0, 255).astype(np.uint8)) == []


def test_grey_dressed_as_colour_is_found_and_one_coloured_pixel_is_not_grey():
    grey = np.repeat(PAPER[..., 1:2], 3, axis=2)
    assert seen(grey) == ["grey-in-colour"]
    grey[501, 333] = (200, 30, 40)
    assert seen(grey) == []


def test_a_thresholded_page_has_too_few_levels():
    black_and_white = np.where(PAPER[..., 1:2] > 128, 255, 0).astype(np.uint8)
    assert "few-levels" in seen(np.repeat(black_and_white, 3, axis=2))


def test_a_blank_page_is_told_and_stays():
    blank = draw_page([], noise=3.0)[:600, :600]
    assert seen(blank) == ["blank-page"]
    assert "blank-page" not in seen(PAPER)


# --- the whole ---


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("lzw.tif", write_tiff),
        ("big.tif", lambda path, page: write_special_tiff(path, page, big_endian=True, tiled=True)),
        ("a.png", write_png),
        ("a.jp2", lambda path, page: write_jp2(path, page[:400, :400].copy(), dpi=300)),
        ("a.pdf", write_pdf),
    ],
)
def test_a_good_scan_is_conform_in_every_lossless_form(tmp_path, name, write):
    write(tmp_path / name, PAPER)
    assert check_scan(tmp_path / name).verdict == "conform"


@pytest.mark.parametrize(
    ("name", "write", "code"),
    [
        ("a.jpg", lambda path: write_jpeg(path, PAPER, quality=100), "lossy-compression"),
        ("a.pdf", lambda path: write_pdf(path, PAPER, filter_="dct"), "lossy-compression"),
        ("a.tif", lambda path: write_tiff(path, [PAPER, PAPER], "jpeg"), "lossy-compression"),
        ("g4.tif", lambda path: write_tiff(path, PAPER, "group4"), "bilevel-image"),
        ("200.pdf", lambda path: write_pdf(path, PAPER, dpi=200), "too-coarse"),
        ("none.png", lambda path: write_png(path, PAPER, dpi=None), "resolution-unknown"),
        ("a4-200.jp2", lambda path: write_jp2(path, np.zeros((2339, 1654, 3), np.uint8)), "resolution-unknown"),
    ],
)
def test_a_poor_scan_is_blocked_with_its_reason(tmp_path, name, write, code):
    write(tmp_path / name)
    check = check_scan(tmp_path / name)
    assert check.verdict == "blocked"
    assert code in [found.code for found in check.findings]


def test_a_page_that_cannot_be_decoded_is_said_once(tmp_path):
    path = write_tiff(tmp_path / "a.tif", [PAPER, PAPER])
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4 : len(data) * 3 // 4 + 400] = b"\xff" * 400
    path.write_bytes(data)
    assert [(found.code, found.page) for found in check_scan(path).findings if found.level is Level.BLOCKING] == [("damaged", 2)]
    path = write_png(tmp_path / "a.png", PAPER)
    path.write_bytes(path.read_bytes()[:-40_000])
    assert [found.code for found in check_scan(path).findings if found.level is Level.BLOCKING] == ["truncated"]


def told_of(path: Path, language: str = "fr") -> dict:
    check = check_scan(path)
    return check_json(path, check, clause_rows(check, Policy(), Organisation(), date(2026, 11, 20)), language)


def test_check_json_says_what_programs_were_promised(tmp_path):
    path = write_tiff(tmp_path / "a.tif", PAPER, "jpeg")
    told = json.loads(json.dumps(told_of(path, "en")))
    assert set(told) == {"file", "verdict", "pages", "findings", "clauses", "house"}
    assert told["pages"] == [{"number": 1, "codec": "jpeg", "lossless": False, "dpi": [300.0, 300.0], "bits": 8, "channels": 3}]
    assert set(told["findings"][0]) == {"code", "page", "clause", "authority", "level", "measured", "limit", "message"}
    assert (told["findings"][0]["clause"], told["findings"][0]["authority"]) == ("I-4", "law")
    assert [row["clause"] for row in told["clauses"] if row["outcome"] == "non conforme"] == ["I-4", "II-2"]
    assert (len(told["clauses"]), told["house"]["outcome"]) == (13, "conforme")


def test_a_palette_says_eight_bits_and_one_channel(tmp_path: Path):
    Image.fromarray(PAPER).quantize(64).save(tmp_path / "a.png", dpi=(300, 300))
    told = told_of(tmp_path / "a.png")
    assert told["verdict"] == "blocked"
    assert told["pages"] == [{"number": 1, "codec": "png", "lossless": True, "dpi": [300.0, 300.0], "bits": 8, "channels": 1}]
