"""A scanned target betrays its device: each treatment on its own line, with the setting to change; an honest device passes."""

from dataclasses import replace
from datetime import date, timedelta

import cv2
import devices
import numpy as np
import papers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import targets
from capture.catalogue import finding
from capture.raster import Raster
from capture.scan import Model, Page
from conformity import passport, target
from conformity.passport import LINES, Outcome, Passport, assess_passport, compare_passports, figure_in, overdue
from conformity.target import TargetReading, read_target


def reading(image: papers.Picture, **told: object) -> TargetReading:
    found = devices.read(image, **told)  # type: ignore[arg-type]
    assert found is not None
    return found


def judged(image: papers.Picture, **told: object) -> Passport:
    return assess_passport([reading(image, **told)])


def objections(image: papers.Picture, **told: object) -> dict[str, str]:
    """Lines that are not well, with how bad they are."""
    return {line.name: line.outcome.value for line in judged(image, **told).lines if line.outcome in (Outcome.WARN, Outcome.FAIL)}


@pytest.fixture(scope="module")
def good() -> TargetReading:
    return reading(devices.honest())


# --- an honest device ---


def test_an_honest_device_passes_both_sides() -> None:
    both = [reading(devices.honest(side), number=side) for side in (1, 2)]
    found = assess_passport(both)
    assert found.outcome is Outcome.OK
    assert found.target == devices.TARGET
    assert {line.side for line in found.lines} == {None, 1, 2}


def test_the_real_resolution_is_measured_to_a_tenth_of_a_dot_per_inch(good) -> None:
    assert good.measures is not None
    assert good.measures.dpi == pytest.approx((300, 300), abs=0.1)
    assert good.measures.skew == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(("skew", "shift"), [(3.0, (5.0, -5.0)), (-3.0, (-5.0, 5.0)), (-1.4, (0.0, 0.0))])
def test_a_sheet_fed_askew_and_off_its_place_is_still_read(skew, shift) -> None:
    found = reading(devices.honest(skew=skew, shift=shift)).measures
    assert found is not None
    assert found.skew == pytest.approx(skew, abs=0.05)
    assert found.dpi == pytest.approx((300, 300), rel=0.002)


def test_a_finer_device_passes_too() -> None:
    assert not objections(devices.honest(dpi=(600, 600)), stated=(600.0, 600.0))


@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_quiet_and_noisy_sensors_pass(noise) -> None:
    assert not objections(devices.honest(noise=noise))


def test_stripes_of_the_sensor_and_grain_of_the_paper_are_no_treatment() -> None:
    chance = np.random.default_rng(5)
    page = devices.honest(noise=1.0).astype(np.float32)
    page *= 1 + chance.normal(0, 0.006, (1, page.shape[1], 3))
    grain = cv2.GaussianBlur(chance.standard_normal(page.shape[:2], np.float32), (0, 0), 1.2)
    page += (np.sin(np.arange(len(page)) / 8.3)[:, None] + 1.5 * grain / grain.std())[..., None]
    assert not objections(np.clip(page, 0, 255).astype(np.uint8))


# --- devices that are not ---

TREATED = {
    "straightened by its content": (devices.straighten(1.9), "straightened", "fail"),
    "straightened by its edges": (devices.straighten(0.4, cv2.INTER_LINEAR), "straightened", "fail"),
    "straightened and whitened": (
        lambda page: devices.tone(lambda level: level * 1.2)(devices.straighten(1.9)(page)),
        "straightened",
        "fail",
    ),
    "straightened without interpolation": (devices.straighten(1.9, cv2.INTER_NEAREST), "straightened", "warn"),
    "straightened with Lanczos": (devices.straighten(0.7, cv2.INTER_LANCZOS4), "straightened", "fail"),
    "through JPEG": (devices.through_jpeg(80), "lossless", "fail"),
    "through a fine JPEG": (devices.through_jpeg(95), "lossless", "fail"),
    "whitened": (devices.tone(lambda level: level * 255 / 225), "paper", "fail"),
    "with more contrast": (devices.tone(lambda level: (level - 30) * 255 / 205), "greys", "fail"),
    "with a gamma": (devices.tone(lambda level: 255 * (level / 255) ** 0.8), "levels", "fail"),
    "in grey": (lambda page: cv2.cvtColor(page, cv2.COLOR_RGB2GRAY), "colours", "fail"),
    "in grey called colour": (devices.grey_as_colour, "colours", "fail"),
    "without red": (devices.drop_red, "colours", "fail"),
    "with red for blue": (lambda page: page[..., ::-1], "colours", "fail"),
    "in black and white": (lambda page: ((page[..., 1] > 128) * 255).astype(np.uint8), "levels", "fail"),
    "cropped": (devices.crop(6), "borders", "fail"),
    "with its borders erased": (devices.erase_borders, "borders", "fail"),
    "mirrored": (lambda page: page[:, ::-1], "sides", "fail"),
    "upside down": (lambda page: page[::-1, ::-1], "sides", "warn"),
    "by a median": (lambda page: cv2.medianBlur(page, 3), "smoothing", "warn"),
    "by a bilateral filter": (lambda page: cv2.bilateralFilter(page, 7, 20, 3), "smoothing", "warn"),
    "sharpened": (devices.sharpen, "sharpening", "warn"),
    "without its specks": (devices.despeckle, "specks", "fail"),
}


@pytest.mark.parametrize("how", TREATED)
def test_a_page_that_was_treated_is_named_on_its_line(how) -> None:
    treat, line, outcome = TREATED[how]
    assert objections(treat(devices.honest())).get(line) == outcome


@pytest.mark.parametrize("way", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_a_coarse_scan_that_was_enlarged_is_named(way) -> None:
    found = objections(devices.enlarge(200, way))
    assert found["enlarged"] == "fail"
    assert "detail" in found


def test_a_scan_of_half_the_resolution_shows_no_fine_detail() -> None:
    assert objections(devices.enlarge(150))["detail"] == "fail"


def test_uneven_light_on_bright_paper_is_no_straightening() -> None:
    page = devices.honest(noise=1.2).astype(np.float32)
    light = 1 + 0.05 * np.cos(np.linspace(-2, 2, page.shape[0]))[:, None, None] * np.cos(np.linspace(-2, 2, page.shape[1]))[None, :, None]
    assert "straightened" not in objections(np.clip(page * light + 2, 0, 255).astype(np.uint8))


def test_axes_that_differ_by_two_per_cent_fail() -> None:
    assert objections(devices.honest(dpi=(300, 306)))["proportions"] == "fail"


def test_a_file_that_says_300_dpi_and_has_200_fails_with_both_figures() -> None:
    (line,) = (line for line in judged(devices.honest(dpi=(200, 200))).lines if line.name == "resolution")
    assert line.outcome is Outcome.FAIL
    assert line.measured == "200.0 × 200.0 {ppp|dpi}, {le fichier dit|the file says} 300 × 300 {ppp|dpi}"
    assert figure_in(line.measured, "fr") == "200,0 × 200,0 ppp, le fichier dit 300 × 300 ppp"
    assert figure_in(line.measured, "en") == "200.0 × 200.0 dpi, the file says 300 × 300 dpi"


def test_a_file_that_states_no_resolution_is_to_be_looked_at(good) -> None:
    lines = {line.name: line for line in assess_passport([replace(good, stated_dpi=None)]).lines}
    assert lines["resolution"].outcome is Outcome.WARN


def test_a_page_that_lies_across_has_its_axes_in_the_order_of_the_pixels() -> None:
    found = reading(np.rot90(devices.honest(dpi=(300, 306)), -1)).measures
    assert found is not None
    assert found.turned == 90
    assert found.dpi == pytest.approx((306, 300), abs=0.2)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_mirrored_page_keeps_its_quarter_turns_and_its_skew(turns) -> None:
    found = reading(np.rot90(devices.honest()[:, ::-1], -turns)).measures
    assert found is not None
    assert (found.mirrored, found.turned) == (True, 90 * turns)
    assert abs(found.skew) == pytest.approx(0.4, abs=0.02)


def test_a_target_whose_marks_are_cut_off_is_read_as_such() -> None:
    image = devices.honest()[:, : 2480 - 260]
    found = reading(image)
    assert found.measures is None
    assert objections(image) == {"marks": "fail"}


def test_another_page_is_no_target() -> None:
    page = papers.draw_page()
    coded = Page(1, "lzw", True, page.shape[1], page.shape[0], 8, 3, Model.RGB, (300.0, 300.0))
    assert read_target(Raster(page, 8, Model.RGB), coded) is None


def test_a_page_whose_codes_are_known_is_not_looked_at_again(monkeypatch) -> None:
    monkeypatch.setattr(target, "upright", lambda _raster: pytest.fail("looked at"))
    coded = Page(1, "lzw", True, 10, 10, 8, 3, Model.RGB, None)
    assert read_target(Raster(np.zeros((10, 10, 3), np.uint8), 8, Model.RGB), coded, codes=["SCEAU:1:X:B7", "4006381333931"]) is None


# --- the sheet's two sides ---


@pytest.mark.parametrize(
    ("sides", "outcome"), [((1, 2), "ok"), ((1,), "told"), ((2,), "warn"), ((2, 1), "fail"), ((1, 1), "fail"), ((1, 2, 1), "fail")]
)
def test_the_sides_must_come_in_their_order(good, sides, outcome) -> None:
    found = assess_passport([replace(good, page=i + 1, side=side) for i, side in enumerate(sides)])
    assert found.lines[0].name == "sides"
    assert found.lines[0].outcome == outcome


def test_a_back_that_stands_on_its_head_names_the_binding(good) -> None:
    turned = replace(good, page=2, side=2, measures=replace(good.measures, turned=180))
    line = assess_passport([good, turned]).lines[0]
    assert line.outcome is Outcome.FAIL
    assert "reliure" in line.as_json()["remedy"]["fr"]


def test_readings_of_two_targets_make_no_passport(good) -> None:
    with pytest.raises(ValueError, match="one target"):
        assess_passport([good, replace(good, target="other")])


# --- what judging found already ---


def test_a_lossy_coding_fails_the_lossless_path(good) -> None:
    lines = {line.name: line.outcome for line in assess_passport([replace(good, codec="dct", lossless=False)]).lines}
    assert lines["lossless"] is Outcome.FAIL


def test_what_judging_found_of_that_page_counts(good) -> None:
    told = [finding("lossy-history", page=1, measured="× 8.1"), finding("grey-image", page=7, measured="png")]
    lines = {line.name: line for line in assess_passport([good], told).lines}
    assert lines["lossless"].outcome is Outcome.FAIL
    assert lines["judged"].measured == "lossy-history"


# --- words and JSON ---


def test_every_colour_patch_has_its_name_in_french() -> None:
    assert set(passport._FRENCH) == {name for name, _ in targets.COLOURS}


def test_a_colour_that_drops_out_is_named_in_the_readers_language() -> None:
    (line,) = (line for line in judged(devices.drop_red(devices.honest())).lines if line.name == "colours")
    assert figure_in(line.measured, "fr").endswith("sans rouge")
    assert figure_in(line.measured, "en").endswith("without red")


def test_every_line_that_can_object_names_a_setting_in_both_languages() -> None:
    for name, words in LINES.items():
        assert words.fr and words.en
        assert name == "sharpness" or (words.remedy_fr and words.remedy_en)


def test_no_figure_is_given_as_the_laws_own() -> None:
    assert {name for name, words in LINES.items() if words.authority == "law"} == {"lossless"}
    texts = " ".join(f"{w.remedy_fr} {w.remedy_en}" for w in LINES.values()).lower()
    assert "required by law" not in texts and "exigé par la loi" not in texts


def test_a_passport_comes_back_from_its_json(good) -> None:
    # Figures are rounded to four decimals once; after that nothing changes any more.
    once = passport.from_json(assess_passport([good]).as_json())
    assert passport.from_json(once.as_json()) == once
    assert target.from_json(once.readings[0].as_json()) == once.readings[0]


# --- over time ---


def test_the_same_device_on_the_same_print_does_not_drift(good) -> None:
    again = reading(devices.honest(skew=0.9, shift=(0.0, 0.5)))
    assert {drift.outcome for drift in compare_passports(assess_passport([good]), assess_passport([again]))} == {Outcome.OK}


def test_a_lens_that_gets_dirty_drifts(good) -> None:
    duller = reading(devices.honest(blur=0.9, noise=3.5))
    drifted = {drift.name for drift in compare_passports(assess_passport([good]), assess_passport([duller])) if drift.outcome == "warn"}
    assert {"detail", "noise", "sharpness"} <= drifted


def test_what_hangs_on_the_print_is_only_told_for_another_print(good) -> None:
    measures = replace(good.measures, dpi=(303.0, 303.0))
    other = assess_passport([replace(good, target="ffff0000", measures=measures)])
    found = {drift.name: drift.outcome for drift in compare_passports(assess_passport([good]), other)}
    assert found["resolution"] is Outcome.TOLD


@given(st.dates(), st.integers(0, 4000), st.integers(1, 1000))
def test_a_control_is_overdue_exactly_after_its_days(day: date, passed: int, most: int) -> None:
    today = min(date.max, day + timedelta(days=passed)) if (date.max - day).days >= passed else date.max
    assert overdue(day, today, most) == ((today - day).days > most)
    assert overdue(None, today, most)


# --- the sheet as a value ---


@given(st.floats(0, 210), st.floats(0, 297))
def test_the_tilt_is_undone_exactly(x: float, y: float) -> None:
    assert targets.off_sheet(targets.on_sheet((x, y))) == pytest.approx((x, y), abs=1e-9)


def test_everything_printed_stays_clear_of_the_border_marks() -> None:
    boxes = [swatch.box for swatch in (*targets.wedge(), *targets.colours())] + [group.box for group in targets.line_groups()]
    boxes += [targets.CODE, targets.FLAT, targets.RULER, targets.TEXT, targets.NUMBER]
    inside = targets.FRAME + targets.FRAME_LENGTH
    for box in boxes:
        for corner in ((box.x, box.y), (box.x + box.width, box.y + box.height), (box.x, box.y + box.height), (box.x + box.width, box.y)):
            x, y = targets.on_sheet(corner)
            assert inside < x < 210 - inside and inside < y < 297 - inside
