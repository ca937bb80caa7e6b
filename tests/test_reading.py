import json
import math
import subprocess
import sys

import cost
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from ocr.engines import (
    BackEnd,
    EngineMissing,
    OverBudget,
    Reader,
    ReaderOptions,
    ReadingFailed,
    TesseractEngine,
    copy_size,
    prepare_copy,
    warm_engine,
    write_copy,
)
from ocr.reading import in_order, read_page, rows_of, slope_of
from ocr.text import Line, PageText, Word, clean_text, from_json

RAPID = ReaderOptions()
TESSERACT = ReaderOptions(reader=Reader.TESSERACT)
TEXT = ["FACTURE N° FA-2026-0117", "Total HT 1 250,00 EUR", "IBAN FR76 3000 6000 0112"]

words = st.builds(
    Word,
    st.text("abcdefé0123,.€/", min_size=1, max_size=8),
    *(st.integers(0, 5000) for _ in range(4)),
    st.integers(0, 1000).map(lambda n: n / 1000),
)
pages = st.builds(
    PageText,
    st.integers(1, 300),
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.lists(st.lists(words, min_size=1, max_size=4).map(tuple).map(Line), max_size=5).map(tuple),
    st.text(max_size=20),
)


def paper(lines=TEXT, size=(1400, 700), tilt=0.0):
    """A small page as a scanner at 300 dpi would see it: B, G, R."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        draw.text((120, 100 + 120 * i), line, fill="black", font=ImageFont.load_default(48))
    return np.asarray(image.rotate(tilt, fillcolor="white"))[:, :, ::-1]


def read(options, folder, image):
    copy, scale = prepare_copy(image, options)
    path = folder / "copy.ppm"
    write_copy(copy, path)
    return read_page(warm_engine(options), path, scale, 1)


@pytest.fixture(scope="module", params=[RAPID, TESSERACT], ids=["rapidocr", "tesseract"])
def options(request):
    return request.param


@pytest.fixture(scope="module")
def page(options, tmp_path_factory):
    return read(options, tmp_path_factory.mktemp("copies"), paper())


def test_both_readers_read_a_printed_page(page):
    assert page.text.replace("°", "").splitlines() == [line.replace("°", "") for line in TEXT]


def test_words_lie_where_they_are_printed(page):
    ink = paper()[:, :, 0] < 128
    for word in page.words:
        assert ink[word.y0 : word.y1, word.x0 : word.x1].any()
    everything = np.zeros_like(ink)
    for word in page.words:
        everything[max(0, word.y0 - 6) : word.y1 + 6, max(0, word.x0 - 6) : word.x1 + 6] = True
    assert (ink & ~everything).sum() < 0.01 * ink.sum()


def test_words_hold_no_spaces_and_do_not_overlap(page):
    for line in page.lines:
        for left, right in zip(line.words, line.words[1:], strict=False):
            assert " " not in left.text
            assert left.x1 <= right.x0 + 12


def test_the_engine_names_itself_for_the_record(page, options):
    assert page.engine.startswith(options.reader.value)
    assert any(c.isdigit() for c in page.engine)


def test_a_large_page_comes_back_at_its_full_size(tmp_path):
    page = read(RAPID, tmp_path, cv2.resize(paper(), None, fx=2.5, fy=2.5))
    assert (page.width, page.height) == (3500, 1750)
    first = page.words[0]
    assert first.text == "FACTURE"
    assert (first.x0, first.y0) == pytest.approx((300, 270), abs=40)


def test_a_grey_page_and_an_empty_page_are_read(options, tmp_path):
    assert "FACTURE" in read(options, tmp_path, np.ascontiguousarray(paper()[:, :, 1])).text
    assert read(options, tmp_path, np.full((400, 300, 3), 255, np.uint8)).lines == ()


def test_a_copy_that_is_no_image_fails_with_a_reason(tmp_path):
    path = tmp_path / "copy.ppm"
    path.write_bytes(b"not an image")
    with pytest.raises(ReadingFailed, match=r"copy\.ppm"):
        read_page(warm_engine(RAPID), path, 1.0, 1)


def test_tesseract_is_stopped_when_its_time_is_over(tmp_path):
    with pytest.raises(OverBudget):
        read(ReaderOptions(reader=Reader.TESSERACT, timeout=0.02), tmp_path, paper(size=(1400, 1400)))


def test_a_language_that_is_not_installed_is_told():
    with pytest.raises(EngineMissing, match="tlh"):
        warm_engine(ReaderOptions(reader=Reader.TESSERACT, languages=("tlh",)))


def test_a_tesseract_whose_version_cannot_be_read_is_told_and_ends_no_program(tmp_path, monkeypatch):
    import pytesseract.pytesseract

    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\nprintf 'List of available languages (1):\\neng\\n'\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(program))
    with pytest.raises(EngineMissing, match="version"):
        TesseractEngine(ReaderOptions(reader=Reader.TESSERACT, languages=("eng",)))


def test_pytesseract_is_handed_the_file_itself(tmp_path, monkeypatch):
    import pytesseract.pytesseract

    def refuse(image):
        raise AssertionError("a temporary PNG was made")

    monkeypatch.setattr(pytesseract.pytesseract, "prepare", refuse)
    assert "FACTURE" in read(TESSERACT, tmp_path, paper()).text


def test_onnxruntime_reads_where_openvino_does_not_load(tmp_path):
    page = read(ReaderOptions(back_end=BackEnd.ONNXRUNTIME), tmp_path, paper(TEXT[:1], size=(1000, 400)))
    assert "onnxruntime" in page.engine
    assert page.text.endswith("FA-2026-0117")


def test_importing_the_engines_loads_no_engine():
    code = "import sys, ocr.engines; print(sorted({'rapidocr', 'openvino', 'onnxruntime', 'pytesseract'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"


OFFLINE = """
import sys, pathlib
called = []
def watch(event, args):
    # A child process would be out of sight of this hook, and is how OpenVINO's telemetry sends: there must be none either.
    if event in {"socket.getaddrinfo", "socket.connect", "socket.sendto", "os.fork", "os.posix_spawn", "subprocess.Popen"}:
        called.append((event, str(args[-1])))
sys.addaudithook(watch)
from ocr.engines import ReaderOptions, warm_engine
from ocr.reading import read_page
page = read_page(warm_engine(ReaderOptions()), pathlib.Path(sys.argv[1]), 1.0, 1)
assert "FACTURE" in page.text, page.text
import time; time.sleep(0.3)
assert sys.modules.get("openvino_telemetry") is None
print(called)
"""


def test_reading_makes_no_network_call(tmp_path):
    path = tmp_path / "copy.ppm"
    write_copy(paper(), path)
    done = subprocess.run([sys.executable, "-c", OFFLINE, str(path)], check=False, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@pytest.mark.parametrize("shape", [(3508, 2480), (3508, 2480, 3), (700, 500, 3), (9000, 800, 3), (1, 1)])
def test_a_copy_is_never_larger_than_needed_and_never_enlarged(shape):
    copy, scale = prepare_copy(np.full(shape, 255, np.uint8), RAPID)
    assert copy.shape[0] * copy.shape[1] <= 1.01 * RAPID.longest_side**2 / math.sqrt(2)
    assert copy.shape[1] == pytest.approx(shape[1] * scale, abs=1)
    assert scale <= 1


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_copy_on_disk_is_the_image_unchanged(shape, tmp_path):
    image = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    write_copy(image, tmp_path / "copy.ppm")
    assert copy_size(tmp_path / "copy.ppm") == (7, 5)
    assert (cv2.imread(str(tmp_path / "copy.ppm"), cv2.IMREAD_UNCHANGED) == image).all()


@settings(deadline=None)
@given(pages)
def test_a_page_text_survives_json(page):
    assert from_json(json.loads(json.dumps(page.as_json()))) == page


@settings(deadline=None)
@given(st.text())
def test_cleaned_text_is_clean(text):
    once = clean_text(text)
    assert clean_text(once) == once
    assert not any(ord(c) < 32 or 0xFF01 <= ord(c) <= 0xFF5E for c in once)


def test_full_width_signs_become_ordinary_ones():
    assert clean_text("Ｔｏｔａｌ（ＨＴ）：１２，５０") == "Total(HT):12,50"


def tilted(slope):
    """Three rows of two columns on a sheet that lies askew."""
    lines = []
    for row in range(3):
        for x in (100, 1500):
            boxes = [(x + 150 * i, round(200 + 60 * row + slope * (x + 150 * i))) for i in range(4)]
            lines.append(Line(tuple(Word(f"{row}{x}{i}", a, b, a + 120, b + 36, 0.9) for i, (a, b) in enumerate(boxes))))
    return lines


@settings(deadline=None)
@given(st.floats(-0.035, 0.035))
def test_a_sheet_that_lies_askew_keeps_its_rows(slope):
    lines = tilted(slope)
    assert slope_of(lines) == pytest.approx(slope, abs=0.004)
    assert [[line.words[0].text[0] for line in row] for row in rows_of(lines)] == [["0", "0"], ["1", "1"], ["2", "2"]]


@settings(deadline=None)
@given(st.lists(st.lists(words, min_size=1, max_size=3).map(tuple).map(Line), max_size=12))
def test_ordering_loses_no_line(lines):
    assert sorted(map(id, in_order(lines))) == sorted(map(id, lines))


def test_ordering_a_very_full_page_costs_what_there_is_of_it_and_no_more():
    lines = [Line((Word("x", i % 2000, i, i % 2000 + 9, i + 9, 0.9),)) for i in range(20_000)]
    cost.within(200, lambda: in_order(lines), lambda: in_order(lines[:5000]))
