"""Codes on good pages are read, and on bad ones as far as can be; nothing else is taken for one."""

import json
import random
from typing import Any

import cv2
import numpy as np
import papers
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capture.codes import MAX_CODES, MAX_TEXT, Code, from_json, patch_bars, patch_code, read_codes
from capture.likeness import likeness, perceptual_hash

Grey = np.ndarray[Any, np.dtype[np.uint8]]
FORMATS = {"qr": zxingcpp.BarcodeFormat.QRCode, "code128": zxingcpp.BarcodeFormat.Code128, "code39": zxingcpp.BarcodeFormat.Code39}
SLIP = "SCEAU:1:D:INVOICE:"


def symbol(text: str, kind: str = "qr", module: int = 6) -> Grey:
    """The code in black on white with its quiet zone; bars are 120 pixels long."""
    small = np.array(zxingcpp.create_barcode(text, FORMATS[kind]).to_image(scale=1))
    if kind == "qr":
        return np.kron(np.pad(small, 2, constant_values=255), np.ones((module, module), np.uint8))
    return np.pad(np.repeat(np.repeat(small[:1], 120, 0), module, 1), 10 * module, constant_values=255)


def paper(*symbols: Grey, noise: float = 3.0, contrast: float = 1.0, angle: float = 0.0, blur: float = 0.8, words: bool = True) -> Grey:
    """A small page with the symbols from the top, as a scanner sees it."""
    page = cv2.cvtColor(papers.draw_page(papers.INVOICE if words else (), (1100, 1000), noise=0), cv2.COLOR_RGB2GRAY)
    top = 40
    for one in symbols:
        height, width = one.shape
        page[top : top + height, 40 : 40 + width] = one
        top += height + 40
    turn = cv2.getRotationMatrix2D((550, 500), angle, 0.85 if angle else 1.0)
    turned = cv2.warpAffine(page, turn, (1100, 1000), borderValue=245)
    faint = 235 - (255 - turned.astype(np.float32)) * contrast * 0.85
    grain = np.random.default_rng(1).normal(0, noise, page.shape)
    return np.clip(cv2.GaussianBlur(faint, (0, 0), blur) + grain, 0, 255).astype(np.uint8)


def texts(page: Grey) -> list[str]:
    return [code.text for code in read_codes(page)]


# --- codes that are there ---


def test_codes_are_read_with_kind_and_place_from_the_top() -> None:
    first, second, third = read_codes(paper(symbol(SLIP), symbol("FACT-2026-7", "code128", 3), symbol("AB12", "code39", 3)))
    assert (first.kind, first.text) == ("qr", SLIP)
    assert (second.kind, second.text) == ("code128", "FACT-2026-7")
    assert (third.kind, third.text) == ("code39", "AB12")
    x0, y0, x1, y1 = first.box
    assert 40 <= x0 < 80
    assert 40 <= y0 < 80
    assert 120 < x1 - x0 == pytest.approx(y1 - y0, abs=4)


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("kind", ["qr", "code128"])
def test_a_page_may_lie_on_its_side_or_head(kind: str, turns: int) -> None:
    assert texts(np.rot90(paper(symbol(SLIP, kind, 3)), turns)) == [SLIP]


@pytest.mark.parametrize(
    "harm",
    [{"angle": 4.0}, {"angle": 10.0}, {"angle": 25.0}, {"noise": 30.0}, {"contrast": 0.12}, {"blur": 2.0}],
    ids=lambda harm: " ".join(f"{k} {v}" for k, v in harm.items()),
)
@pytest.mark.parametrize("kind", ["qr", "code128"])
def test_askew_noisy_faint_and_blurred_codes_are_read(kind: str, harm: dict[str, float]) -> None:
    assert texts(paper(symbol("FACT-2026-7", kind, 5), **harm)) == ["FACT-2026-7"]  # type: ignore[arg-type]


def dotted(one: Grey, share: float) -> Grey:
    chance = np.random.default_rng(3)
    spots = chance.random((one.shape[0] // 3 + 1, one.shape[1] // 3 + 1)) < share
    mask = np.kron(spots, np.ones((3, 3), bool))[: one.shape[0], : one.shape[1]]
    return np.where(mask, chance.choice(np.array([0, 255], np.uint8), one.shape), one)


def test_dotted_codes_are_repaired() -> None:
    assert texts(paper(dotted(symbol(SLIP, module=8), 0.25))) == [SLIP]
    assert texts(paper(dotted(symbol("FACT-2026-7", "code128", 5), 0.12))) == ["FACT-2026-7"]


def test_a_white_streak_through_a_qr_code_is_bridged() -> None:
    streaked = symbol(SLIP, module=8)
    streaked[:, 40::57] = streaked[:, 41::57] = streaked[:, 42::57] = 255
    assert texts(paper(streaked)) == [SLIP]


def test_a_bar_code_pasted_over_the_rules_of_a_table_is_read_askew() -> None:
    page = paper(symbol(SLIP, "code128", 3), angle=9.0)
    for top in range(20, 1000, 60):
        cv2.line(page, (0, top + 160), (1099, top - 14), 60, 2)
    clean = paper(symbol(SLIP, "code128", 3), angle=9.0)
    page[:330] = np.where(clean[:330] < 140, clean[:330], page[:330])
    assert texts(page) == [SLIP]


# --- what must not be ---


def test_a_page_without_codes_has_none() -> None:
    assert read_codes(paper()) == ()
    assert read_codes(paper(words=False)) == ()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(0, 70), st.integers(0, 70))))
def test_no_image_is_too_odd(image: Grey) -> None:
    assert isinstance(read_codes(image), tuple)
    assert patch_code(image) in (None, "T")
    assert 0 <= perceptual_hash(image) < 2**64


def test_noise_alone_is_no_code() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (900, 900), np.uint8)
    assert read_codes(noise) == ()
    assert patch_code(noise) is None


def test_text_is_cleaned_and_bounded() -> None:
    (code,) = read_codes(paper(symbol("A\nB\x1d\tC\u202eD", module=5)))
    assert code.text == "A B C D"
    (code,) = read_codes(paper(symbol("x" * (MAX_TEXT + 200), module=3)))
    assert len(code.text) == MAX_TEXT


def test_codes_are_bounded_in_number() -> None:
    sheet = np.full((1300, 1300), 240, np.uint8)
    for i in range(49):
        one = symbol(str(i), module=4)
        top, left = divmod(i, 7)
        sheet[top * 180 + 10 :, left * 180 + 10 :][: one.shape[0], : one.shape[1]] = one
    assert len(read_codes(sheet)) == MAX_CODES


def test_the_same_code_twice_on_a_page_is_two() -> None:
    assert texts(paper(symbol(SLIP), symbol(SLIP))) == [SLIP, SLIP]


def test_two_readings_that_disagree_are_no_code() -> None:
    from capture.codes import _agreed

    box = (0, 0, 100, 50)
    right, wrong = Code("code128", "FACT-7", box), Code("code128", "FACT-1", box)
    assert list(_agreed([right, wrong])) == []
    assert list(_agreed([right, wrong, right])) == [right]
    assert list(_agreed([right, Code("code128", "FACT-1", (0, 400, 100, 450))])) != []


@given(st.builds(Code, st.sampled_from(sorted(FORMATS)), st.text(), st.tuples(*[st.integers(0, 9999)] * 4)))
def test_a_code_travels_as_json(code: Code) -> None:
    assert from_json(json.loads(json.dumps(code.as_json()))) == code


# --- patches ---

OTHER_PATCHES = {"1": (20, 8, 20, 8, 8, 8, 8), "2": (20, 8, 8, 8, 8, 8, 20), "4": (8, 8, 20, 8, 20, 8, 8), "6": (8, 8, 8, 8, 20, 8, 20)}


def patch_sheet(bars: tuple[int, ...], dpi: int = 100) -> Grey:
    """A4 with the bars across its head and a title."""
    page = np.full((round(11.69 * dpi), round(8.27 * dpi)), 255, np.uint8)
    top = 0.6 * dpi
    for i, width in enumerate(bars):
        if i % 2 == 0:
            page[round(top) : round(top + width * dpi / 100), round(2.5 * dpi) : round(5 * dpi)] = 0
        top += width * dpi / 100
    cv2.putText(page, "SEPARATEUR", (dpi, 6 * dpi), cv2.FONT_HERSHEY_SIMPLEX, dpi / 60, 0, dpi // 40)
    return page


def scanned(page: Grey, angle: float = 0.0, noise: float = 4.0, contrast: float = 0.8) -> Grey:
    middle = (page.shape[1] / 2, page.shape[0] / 2)
    turned = cv2.warpAffine(page, cv2.getRotationMatrix2D(middle, angle, 1.0), page.shape[::-1], borderValue=255)
    grain = np.random.default_rng(2).normal(0, noise, page.shape)
    return np.clip(240 - (255 - turned.astype(np.float32)) * contrast + grain, 0, 255).astype(np.uint8)


def test_patch_t_is_narrow_wide_narrow_wide() -> None:
    bars = patch_bars("T")
    assert bars[::2] == (8, 20, 8, 20)
    assert bars[1::2] == (8, 8, 8)
    with pytest.raises(KeyError):
        patch_bars("Q")


@pytest.mark.parametrize("dpi", [100, 200, 300])
@pytest.mark.parametrize("angle", [0.0, 3.0, -7.0])
def test_patch_t_is_known_at_any_resolution_askew_and_in_four_directions(dpi: int, angle: float) -> None:
    page = scanned(patch_sheet(patch_bars(), dpi), angle)
    assert [patch_code(np.rot90(page, turns)) for turns in range(4)] == ["T"] * 4


def test_faint_noisy_and_copied_patches_are_known() -> None:
    page = patch_sheet(patch_bars(), 200)
    assert patch_code(scanned(page, noise=20, contrast=0.3)) == "T"
    assert patch_code(cv2.erode(scanned(page), np.ones((5, 5), np.uint8))) == "T"


@pytest.mark.parametrize("name", sorted(OTHER_PATCHES))
def test_other_patches_are_not_t(name: str) -> None:
    assert patch_code(scanned(patch_sheet(OTHER_PATCHES[name], 200))) is None


def test_a_page_full_of_text_is_no_patch_sheet() -> None:
    page = patch_sheet(patch_bars(), 200)
    for top in range(400, 2300, 220):
        cv2.putText(page, "Reliure de registres 10 x 48,00 480,00 EUR", (100, top), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 0, 4)
    assert patch_code(scanned(page)) is None
    assert patch_code(paper()) is None


# --- likeness ---


def test_a_second_scan_looks_alike_and_another_paper_does_not() -> None:
    one = perceptual_hash(paper())
    assert likeness(one, perceptual_hash(np.roll(paper(noise=8.0, contrast=0.9), (3, 4), (0, 1)))) <= 16
    upside = perceptual_hash(paper()[::-1])
    assert likeness(one, upside) > 16


def test_likeness_counts_bits() -> None:
    assert likeness(0b1011, 0b0010) == 2
    assert perceptual_hash(np.full((500, 400), 240, np.uint8)) == 0
    assert likeness(random.Random(1).getrandbits(64), 0) > 16
