"""A second engine looks at doubtful places: what it says moves the confidence and never the value."""

from decimal import Decimal

import numpy as np
import papers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.engines import Reader, ReaderOptions, ReadingFailed, as_grey, view_copy, write_copy
from ocr.second import MOST, Place, SecondReading, cut_out, doubtful_places, maybe_misread, read_again, weigh, weigh_field
from ocr.text import Line, PageText, Word
from ocr.values import Field, Source

BOX = (100, 100, 300, 140)
PAGE = PageText(1, 1000, 1000, (Line((Word("x", *BOX, 0.9),)),), "test")


def field(value, raw, confidence=0.9, word=0.6, name="total_gross", source=Source.READ):
    return Field(name, value, raw, 1, BOX, confidence, "its label", (Word(raw.replace(" ", ""), *BOX, word),), source)


GROSS = field(Decimal("732.00"), "732,00")


def test_agreement_raises_and_disagreement_lowers_the_confidence():
    assert weigh_field(GROSS, "732,00 €").confidence > GROSS.confidence > weigh_field(GROSS, "782,00").confidence


def test_the_value_is_never_another_and_what_else_was_read_is_told():
    differs = weigh_field(GROSS, "782,00")
    assert (differs.value, differs.alternatives) == (GROSS.value, ("782,00",))


@pytest.mark.parametrize("nothing", ["", "€", "Conditions", "1", "12 456 789,00"])
def test_what_is_nothing_like_the_first_reading_says_nothing(nothing):
    assert weigh_field(GROSS, nothing) == GROSS


def test_signs_that_engines_take_for_each_other_agree():
    iban = field("DE08700901001234567890", "DE08 7009 0100 1234 5678 90", name="iban")
    assert weigh_field(iban, "DEO8 70O9 0l00 1234 5678 90").confidence > iban.confidence


@given(st.floats(0, 1), st.text(max_size=12))
def test_a_confidence_stays_between_0_and_1(confidence, text):
    assert 0 <= weigh_field(field(Decimal(1), "1,00", confidence), text).confidence <= 1


def test_only_what_may_be_misread_is_looked_at_again():
    assert maybe_misread(GROSS)
    assert not maybe_misread(field(Decimal("732.00"), "732,00", word=0.99))
    assert not maybe_misread(field(Decimal("732.00"), "732,00", source=Source.RULE))
    assert maybe_misread(field("FR7630006000011234567890180", "FR76 3000", word=0.99, name="iban"))


def test_sure_values_are_left_and_there_are_never_many_places():
    fields = {f"n{i}": field("x", "x", name=f"n{i}") for i in range(40)} | {"total_gross": GROSS}
    places = doubtful_places(fields, [PAGE], 0.99)
    assert (len(places), places[0]) == (MOST, Place("total_gross", 1, BOX, 0))
    assert doubtful_places(fields, [PAGE], 0.8) == ()


def test_a_reading_of_an_unknown_field_changes_nothing():
    assert weigh({"total_gross": GROSS}, [SecondReading("iban", "FR76")]) == {"total_gross": GROSS}


@pytest.mark.parametrize("box", [(0, 0, 2, 2), (5, 5, 5, 5), (900, 900, 800, 950), (0, 0, 3000, 3000), (9000, 9, 9100, 50)])
def test_a_box_without_sense_is_not_cut_out(box):
    assert cut_out(np.zeros((3000, 3000), np.uint8), box) is None


@pytest.mark.parametrize("reader", list(Reader))
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_other_engine_reads_the_place_however_the_page_lies(reader, turned):
    page = papers.draw_page(["732,00 EUR"], size=(700, 300))
    lying = np.ascontiguousarray(np.rot90(page, turned // 90))
    height, width = lying.shape[:2]
    (reading,) = read_again(lying, [Place("total_gross", 1, (20, 20, width - 20, height - 20), turned)], ReaderOptions(reader=reader))
    assert weigh_field(GROSS, reading.text).confidence > GROSS.confidence


def test_a_place_is_cut_from_the_whole_copy_as_from_the_page(tmp_path):
    page = papers.draw_invoice()[:, :, ::-1]
    write_copy(as_grey(page), tmp_path / "whole.pgm")
    assert np.array_equal(cut_out(view_copy(tmp_path / "whole.pgm"), BOX), cut_out(page, BOX))


@pytest.mark.parametrize(("shape", "cut"), [((5, 7), 1), ((5, 7, 3), 0)])
def test_a_copy_that_is_cut_or_coloured_is_no_whole_copy(shape, cut, tmp_path):
    copy = tmp_path / "whole.pgm"
    write_copy(np.zeros(shape, np.uint8), copy)
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size - cut])
    with pytest.raises(ReadingFailed):
        view_copy(copy)
