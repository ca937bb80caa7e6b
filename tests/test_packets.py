"""A reversible JPEG 2000 is lossless only where all its bit-planes are there; the packet headers say so, whatever their order."""

import io
import random

import numpy as np
import pytest
from papers import draw_page
from PIL import Image

from capture.packets import all_planes, holds_stray_marker

PAPER = draw_page(size=(421, 363))
FORMS = (
    {},
    {"mct": 0},
    {"tile_size": (128, 100)},
    {"progression": "RLCP"},
    {"progression": "RPCL", "precinct_size": (64, 128), "codeblock_size": (16, 32)},
    {"progression": "PCRL", "precinct_size": (64, 64), "tile_size": (150, 170), "offset": (13, 7), "tile_offset": (5, 3)},
    {"progression": "CPRL", "num_resolutions": 3, "precinct_size": (64, 64)},
    {"num_resolutions": 1},
    {"plt": True},
)


def coded(page: np.ndarray = PAPER, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, "JPEG2000", no_jp2=True, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_all_planes_are_found_in_every_order_and_missing_ones_are_missed(form):
    assert all_planes(coded(**form)) is True
    assert all_planes(coded(**form, quality_mode="rates", quality_layers=[1.5])) is False


def test_layers_that_end_with_everything_keep_everything():
    assert all_planes(coded(quality_mode="rates", quality_layers=[40, 20, 5, 1])) is True
    assert all_planes(coded(quality_mode="rates", quality_layers=[40, 20, 5])) is False
    assert all_planes(coded(quality_mode="dB", quality_layers=[80])) is False


def test_grey_and_noiseless_pages_are_followed_too():
    assert all_planes(coded(PAPER[..., 1].copy())) is True
    assert all_planes(coded(draw_page(size=(421, 363), noise=0))) is True


def test_a_finest_level_that_is_never_there_proves_nothing():
    assert all_planes(coded(np.full((300, 300, 3), 255, np.uint8))) is None


def test_a_cut_stream_is_not_whole_and_nothing_is_no_stream():
    whole = coded()
    assert all_planes(whole[:-3000] + b"\xff\xd9") is False
    assert all_planes(b"") is None


def test_bytes_that_no_packet_owns_prove_nothing():
    whole = bytearray(coded())
    part = whole.index(b"\xff\x90")
    whole[part + 6 : part + 10] = bytes(4)  # The tile-part then reaches to the end.
    assert all_planes(bytes(whole)) is True
    assert all_planes(bytes(whole[:-2] + b"more" + whole[-2:])) is None


def test_damage_is_answered_and_never_raises():
    whole, chance = coded(PAPER[:120, :120].copy()), random.Random(1)
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 20)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert all_planes(bytes(damaged)) in (True, False, None)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_coded_data_hold_no_stray_marker_and_overwritten_ones_do(form):
    whole = bytearray(coded(**form))
    assert not holds_stray_marker(bytes(whole))
    whole[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40
    assert holds_stray_marker(bytes(whole))
