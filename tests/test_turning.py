"""A page may lie on its side or on its head: it is read upright, and shown as it is."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import papers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scanned import Severity, chance_for, scan_page

from ocr.engines import Reader, ReaderOptions, prepare_copy, warm_engine, write_copy
from ocr.fields import extract
from ocr.reading import read_page, read_upright
from ocr.text import Line, PageText, Word, from_json
from ocr.turning import TURNS, shown_fields, turn_box, turn_page, upright_page
from ocr.values import Field, LineItem

SIZE = (1000, 600)
turns = st.sampled_from(TURNS)
boxes = st.tuples(*(st.integers(0, side) for side in SIZE), *(st.integers(0, side) for side in SIZE)).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


def page_of(text="Total", box=(10, 20, 110, 50), turned=0):
    return PageText(1, *SIZE, (Line((Word(text, *box, 0.9),)),), "test", turned)


@given(boxes, turns)
def test_a_box_turned_with_the_page_and_back_is_the_same(box, degrees):
    size = SIZE if degrees % 180 == 0 else SIZE[::-1]
    assert turn_box(turn_box(box, SIZE, degrees), size, -degrees) == box


@given(boxes, turns)
def test_a_turned_box_covers_the_pixels_that_it_covered(box, degrees):
    ink = np.zeros(SIZE[::-1], bool)
    ink[box[1] : box[3], box[0] : box[2]] = True
    turned = np.rot90(ink, -degrees // 90)
    x0, y0, x1, y1 = turn_box(box, SIZE, degrees)
    assert turned.sum() == turned[y0:y1, x0:x1].sum() == ink.sum()


@given(turns)
def test_an_upright_page_is_what_is_left_of_a_turned_one(degrees):
    assert upright_page(turn_page(page_of(), degrees)) == page_of()


def test_how_a_page_was_turned_survives_json():
    turned = page_of(turned=90)
    assert from_json(turned.as_json()) == turned
    assert "turned" not in page_of().as_json()


def test_fields_of_a_turned_page_lie_where_the_page_shows_them():
    upright = page_of()
    shown = turn_page(upright, 90)
    word = upright.words[0]
    item = LineItem("x", net=Decimal(1), page=1, box=word.box)
    found = {
        "invoice_number": Field("invoice_number", "Total", "Total", 1, word.box, 0.9, "", (word,)),
        "lines": Field("lines", (item,), "", 1, None, 0.9, ""),
    }
    fields = shown_fields(found, [shown])
    assert fields["invoice_number"].box == fields["invoice_number"].words[0].box == shown.words[0].box
    assert fields["lines"].value == (replace(item, box=shown.words[0].box),)
    assert shown_fields(found, [upright]) == found


@pytest.fixture(scope="module")
def invoice():
    return papers.draw_invoice()[:, :, ::-1]


@pytest.mark.parametrize("degrees", TURNS)
def test_an_invoice_is_read_however_it_lies(invoice, degrees, tmp_path):
    options = ReaderOptions()
    lying = np.ascontiguousarray(np.rot90(invoice, -degrees // 90))
    copy, scale = prepare_copy(lying, options)
    write_copy(copy, tmp_path / "copy.pnm")
    page = read_page(warm_engine(options), tmp_path / "copy.pnm", scale, 1)
    fields = extract([page])
    assert (page.turned, page.width, page.height) == ((360 - degrees) % 360, lying.shape[1], lying.shape[0])
    assert (fields["invoice_number"].value, fields["total_gross"].value) == ("F-2026-0118", Decimal("732.00"))
    x0, y0, x1, y1 = fields["total_gross"].box
    assert (lying[y0:y1, x0:x1].min(), lying[y0:y1, x0:x1].size > 0) == (pytest.approx(28, abs=25), True)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.pnm"]


class Guessing:
    """Reads the same from every copy, and counts how often it is asked."""

    name = "guessing"
    sure = 0.85

    def __init__(self, *lines):
        self.lines, self.asked = lines, 0

    def read(self, copy):  # noqa: ARG002 the same from every copy
        self.asked += 1
        return self.lines


def guess(text, box, confidence):
    return Line((Word(text, *box, confidence),))


def test_a_page_that_nothing_reads_is_read_three_times_at_most(tmp_path):
    write_copy(np.full((40, 60), 255, np.uint8), tmp_path / "copy.pnm")
    noise = Guessing(*(guess("unreadable", (0, 20 * i, 9, 20 * i + 18), 0.4) for i in range(9)))
    assert read_upright(noise, tmp_path / "copy.pnm").turned == 0
    assert noise.asked == 3


def test_a_page_with_a_few_words_is_read_once(tmp_path):
    write_copy(np.full((40, 60), 255, np.uint8), tmp_path / "copy.pnm")
    few = Guessing(guess("Vu", (0, 0, 30, 10), 0.3))
    read_upright(few, tmp_path / "copy.pnm")
    assert few.asked == 1


class Counting:
    """An engine, and how often it was asked."""

    def __init__(self, engine):
        self.engine, self.name, self.sure, self.asked = engine, engine.name, engine.sure, 0

    def read(self, copy):
        self.asked += 1
        return self.engine.read(copy)


@pytest.mark.parametrize("reader", Reader)
def test_a_scanned_page_is_read_once_and_one_on_its_head_twice(reader, invoice, tmp_path):
    options = ReaderOptions(reader=reader, languages=("eng",))
    scan = scan_page(invoice, chance_for("invoice", 0, 1, Severity.HARD), Severity.HARD)
    for lying, turned, asked in ((scan, 0, 1), (np.ascontiguousarray(scan[::-1, ::-1]), 180, 2)):
        engine = Counting(warm_engine(options))
        write_copy(prepare_copy(lying, options)[0], tmp_path / "copy.pnm")
        assert (read_upright(engine, tmp_path / "copy.pnm").turned, engine.asked) == (turned, asked)
