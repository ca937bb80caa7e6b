"""What Sceau prints can be read again by what Sceau reads, and is as large as it says."""

import io
from datetime import date

import devices
import numpy as np
import papers
import pikepdf
import pikepdf.pdfa
import pypdfium2 as pdfium
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import targets
from capture.codes import patch_code
from capture.slips import BatchSlip, BoxLabel, Nature, Separator, TargetMark, parse_slip
from conformity.passport import Passport, assess_passport, compare_passports
from station.print import passport_report_pdf, patch_pdf, slips_pdf, target_pdf


def shown(data: bytes, page: int = 0, dpi: float = 300) -> papers.Picture:
    with pdfium.PdfDocument(data) as pdf:
        return np.ascontiguousarray(pdf[page].render(scale=dpi / 72, grayscale=True).to_numpy().squeeze())


def words(data: bytes, page: int = 0) -> str:
    with pdfium.PdfDocument(data) as pdf:
        return str(pdf[page].get_textpage().get_text_bounded())


def codes(image: papers.Picture) -> list[object]:
    return [parse_slip(code.text) for code in zxingcpp.read_barcodes(image)]


SLIPS = [
    BatchSlip("l-2026-11-22-03", "copieur-rdc", 42, date(2026, 11, 22), Nature.PAPER, grey=True),
    BatchSlip("l-1", "demo", None, date(2026, 11, 22)),
    BoxLabel("2026/118 Nord"),
    Separator("invoice", "Électricité Marchand & Fils"),
]


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_slip_that_was_printed_is_read_again(slip, language) -> None:
    assert codes(shown(slips_pdf([slip], language))) == [slip]


@given(st.text(min_size=1, max_size=12), st.sampled_from(["fr", "en"]))
@settings(max_examples=15, deadline=None)
def test_whatever_a_box_is_called_its_label_prints(name: str, language: str) -> None:
    assert codes(shown(slips_pdf([BoxLabel(name)], language), dpi=200)) == [BoxLabel(name)]


def test_a_slip_says_in_words_what_its_code_says() -> None:
    text = words(slips_pdf(SLIPS))
    assert "l-2026-11-22-03" in text and "copieur-rdc" in text and "42" in text and "22/11/2026" in text


def test_several_slips_are_several_sheets() -> None:
    with pdfium.PdfDocument(slips_pdf(SLIPS)) as pdf:
        assert len(pdf) == len(SLIPS)


def test_a_target_is_no_slip() -> None:
    with pytest.raises(ValueError, match="its own sheet"):
        slips_pdf([TargetMark("a1", 1)])


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_patch_sheet_is_known_as_one(language) -> None:
    assert patch_code(shown(patch_pdf(language))) == "T"


# --- the calibration target ---


@pytest.fixture(scope="module")
def target() -> bytes:
    return target_pdf(devices.TARGET)


def test_each_side_of_a_target_bears_its_code(target) -> None:
    assert [codes(shown(target, page)) for page in (0, 1)] == [[TargetMark(devices.TARGET, 1)], [TargetMark(devices.TARGET, 2)]]


def test_a_target_is_one_sheet_of_a4_in_exact_millimetres(target) -> None:
    with pdfium.PdfDocument(target) as pdf:
        assert len(pdf) == 2
        for page in pdf:
            assert page.get_size() == pytest.approx((210 / 25.4 * 72, 297 / 25.4 * 72), abs=0.01)


def test_the_border_marks_lie_five_millimetres_inside(target) -> None:
    page = shown(target, dpi=1016)  # 40 pixels per millimetre
    dark = np.argwhere(page < 128)
    top, left = dark.min(axis=0) / 40
    bottom, right = (dark.max(axis=0) + 1) / 40
    assert (left, top, 210 - right, 297 - bottom) == pytest.approx((5, 5, 5, 5), abs=0.05)


def test_what_is_printed_lies_where_the_analysis_looks_for_it(target) -> None:
    page = shown(target, dpi=254)  # 10 pixels per millimetre
    for mark in targets.MARKS:
        x, y = targets.on_sheet(mark)
        assert page[round(y * 10), round(x * 10)] == 0
        assert page[round((y + 4) * 10), round(x * 10)] == 255


def test_the_empty_area_is_empty(target) -> None:
    page = shown(target, dpi=127)  # 5 pixels per millimetre
    area = targets.FLAT
    for x in np.linspace(area.x, area.x + area.width, 40):
        for y in np.linspace(area.y, area.y + area.height, 40):
            across, down = targets.on_sheet((x, y))
            assert page[round(down * 5), round(across * 5)] == 255


def test_the_same_name_prints_the_same_bytes(target) -> None:
    assert target_pdf(devices.TARGET) == target
    assert target_pdf("a1b2c3d5") != target


@pytest.mark.parametrize(("language", "first"), [("fr", "Imprimez"), ("en", "Print")])
def test_the_instructions_stand_in_both_languages_the_readers_own_first(language, first) -> None:
    text = words(target_pdf("a1", language))
    assert text.index(first) == min(text.index("Imprimez"), text.index("Print"))


def test_a_target_says_that_an_office_print_certifies_nothing(target) -> None:
    assert "ne certifie ni netteté ni couleur" in words(target)


def test_a_name_that_cannot_be_printed_is_refused() -> None:
    with pytest.raises(ValueError, match="characters"):
        target_pdf("x" * 61)


# --- the report of a passport ---


@pytest.fixture(scope="module")
def passports() -> tuple[Passport, Passport]:
    good, bad = devices.read(devices.honest()), devices.read(devices.erase_borders(devices.honest()))
    assert good is not None and bad is not None
    return assess_passport([good]), assess_passport([bad])


@pytest.mark.parametrize(("language", "setting"), [("fr", "effacement des bords"), ("en", "edge erasing")])
def test_a_report_names_the_setting_to_change(passports, language, setting) -> None:
    drift = compare_passports(*passports)
    text = " ".join(words(passport_report_pdf(passports[1], drift, language, ["Station demo", "22/11/2026"])).split())
    assert setting in text and "Station demo" in text
    assert ("300,0 × 300,0 ppp" if language == "fr" else "300.0 × 300.0 dpi") in text


def test_a_report_can_be_kept_as_pdf_a_3(passports, tmp_path) -> None:
    with pikepdf.open(io.BytesIO(passport_report_pdf(passports[1], compare_passports(*passports)))) as pdf:
        assert not pikepdf.pdfa.save(pdf, tmp_path / "kept.pdf", "3b", static_id=True).findings


def test_the_font_has_every_sign_that_is_printed(passports, caplog) -> None:
    for language in ("fr", "en"):
        passport_report_pdf(passports[1], compare_passports(*passports), language)
        slips_pdf(SLIPS, language)
        target_pdf(devices.TARGET, language)
    assert "missing" not in caplog.text
