"""The fingerprint of a raster holds every dimension and every sample; its form is final."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capture.raster import Raster, fingerprint
from capture.scan import Model

SHAPES = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 6)), st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([3, 4]))
)
SAMPLES = st.sampled_from([np.uint8, np.uint16]).flatmap(lambda kind: arrays.arrays(kind, SHAPES))


def raster_of(samples: np.ndarray) -> Raster:
    return Raster(samples, 16 if samples.dtype == np.uint16 else 8, Model.GRAY if samples.ndim == 2 else Model.RGB)


def test_the_form_of_version_1_never_changes():
    raster = Raster(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 8, Model.RGB)
    assert fingerprint(raster) == "d2ccd62a5ff4d22ed2bf7e1fac9d5c867bd940dcb66a2567e910a81f4b9ee3d9"
    deep = Raster(np.arange(4, dtype=np.uint16).reshape(2, 2) * 257, 16, Model.GRAY, icc=b"profil")
    assert fingerprint(deep) == "1e094474773667afa7be8e36c59ffe4b73000863f59b535a09f3ef45937ed831"


@given(SAMPLES, st.data())
def test_any_changed_sample_is_noticed(samples, data):
    where = tuple(data.draw(st.integers(0, side - 1)) for side in samples.shape)
    changed = samples.copy()
    changed[where] ^= 1
    assert fingerprint(raster_of(changed)) != fingerprint(raster_of(samples))


@given(SAMPLES)
def test_the_same_bytes_in_another_shape_are_another_raster(samples):
    turned = samples.reshape(samples.shape[1], samples.shape[0], *samples.shape[2:])
    same = samples.shape[0] == samples.shape[1]
    assert (fingerprint(raster_of(turned)) == fingerprint(raster_of(samples))) == same


@given(SAMPLES)
def test_depth_model_palette_and_profile_count_and_orientation_does_not(samples):
    raster = raster_of(samples)
    others = [replace(raster, model=Model.OTHER), replace(raster, palette=b"\0\0\0"), replace(raster, icc=b"x")]
    assert len({fingerprint(each) for each in [raster, *others]}) == 4
    assert fingerprint(replace(raster, orientation=6)) == fingerprint(raster)


@given(SAMPLES)
def test_layout_in_memory_does_not_count(samples):
    assert fingerprint(raster_of(np.asfortranarray(samples))) == fingerprint(raster_of(samples))


def test_a_palette_and_a_profile_are_not_confused():
    samples = np.zeros((1, 1), np.uint8)
    assert fingerprint(Raster(samples, 8, Model.GRAY, palette=b"ab")) != fingerprint(Raster(samples, 8, Model.GRAY, icc=b"ab"))
