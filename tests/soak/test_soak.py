"""What the soak says of its samples."""

import random

from soak import fitted_slope


def noisy(growth: float, seconds: int = 1200) -> list[tuple[float, float]]:
    chance = random.Random(1)
    return [(float(at), 300 + growth * at / 3600 + chance.gauss(0, 5)) for at in range(0, seconds, 2)]


def test_a_leak_grows():
    found = fitted_slope(noisy(growth=60))
    assert found is not None
    assert found.grows
    assert abs(found.an_hour - 60) <= found.wide


def test_noise_has_no_slope():
    found = fitted_slope(noisy(growth=0))
    assert found is not None
    assert not found.grows
    assert found.an_hour - found.wide <= 0 <= found.an_hour + found.wide


def test_what_hardly_grows_does_not_matter():
    found = fitted_slope([(at, value) for at, value in noisy(growth=12, seconds=72_000)])
    assert found is not None
    assert found.an_hour - found.wide > 0
    assert not found.grows


def test_too_few_samples_say_nothing():
    assert fitted_slope([(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]) is None
