"""How alike two pages look: a hash of 64 bits that survives a second scan of the same paper."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Levels: TypeAlias = npt.NDArray[np.uint8]


def perceptual_hash(grey: Levels) -> int:
    """64 bits; `grey` is (height, width). Pages that look alike have hashes with few bits apart."""
    raise NotImplementedError


def likeness(one: int, other: int) -> int:
    """Bits apart, 0…64: 0 is the same picture."""
    return (one ^ other).bit_count()
