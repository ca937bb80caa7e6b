"""The recognising network, cut to our letters and fed with few widths."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.engines import DETECTION_STEP, BackEnd, ReaderOptions, _rounded, warm_engine, write_copy
from ocr.recognition import WIDEST, fed_width, is_ours

lengths = st.integers(1, 20_000)


@given(lengths, lengths)
def test_a_line_fits_into_the_width_that_is_fed_or_is_longer_than_any(width, height):
    fed = fed_width(width, height)
    assert fed == WIDEST or fed >= 48 * width / height


def test_lines_of_all_lengths_are_fed_in_few_widths():
    assert len({fed_width(width, 48) for width in range(1, 20_000)}) < 40


@pytest.mark.parametrize("sign", ["é", "ß", "ĳ", "Œ", "€", "£", "°", "²", "–", "’", "7", "%", "Ω", "№", "☑"])
def test_what_european_papers_print_is_kept(sign):
    assert is_ours(sign)


@pytest.mark.parametrize("sign", ["总", "日", "ア", "）", "：", "한", ""])
def test_what_they_do_not_print_is_left_out(sign):
    assert not is_ours(sign)


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_picture_is_rounded_to_the_right_and_below_with_its_own_paper(height, width):
    image = np.full((height, width, 3), (210, 220, 230), np.uint8)
    rounded = _rounded(image, DETECTION_STEP)
    assert [side % DETECTION_STEP for side in rounded.shape[:2]] == [0, 0]
    assert (rounded == (210, 220, 230)).all()
    assert (rounded.shape[0] - height < DETECTION_STEP, rounded.shape[1] - width < DETECTION_STEP) == (True, True)


@pytest.mark.parametrize("back_end", [BackEnd.OPENVINO, BackEnd.ONNXRUNTIME])
def test_only_our_letters_are_looked_for(back_end, tmp_path: Path):
    engine = warm_engine(ReaderOptions(back_end=back_end))
    signs = engine._reader.text_rec._library.postprocess_op.character
    assert (len(signs) < 2000, signs[-1]) == (back_end is BackEnd.OPENVINO, " ")
    image = np.full((200, 900, 3), 255, np.uint8)
    write_copy(cv2.putText(image, "TOTAL 1250,00", (40, 120), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (0, 0, 0), 6), tmp_path / "copy.pnm")
    assert [line.text.replace(" ", "") for line in engine.read(tmp_path / "copy.pnm")] == ["TOTAL1250,00"]
