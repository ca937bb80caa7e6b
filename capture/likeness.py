"""How alike two pages look: a hash of 64 bits that survives a second scan of the same paper.

Two invoices of one supplier may look alike to it as well: it points at pages worth comparing, and decides nothing.
"""

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Levels: TypeAlias = npt.NDArray[np.uint8]

_SIDE = 32
_KEPT = 8


def perceptual_hash(grey: Levels) -> int:
    """64 bits; `grey` is (height, width). Signs of the lowest frequencies of the page, each against their median.

    A page without contrast, or without pixels, has the hash 0.
    """
    if not grey.size:
        return 0
    step = max(1, min(grey.shape) // 256)
    tiny = cv2.resize(grey[::step, ::step], (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(np.ptp(tiny)) < 2:
        return 0
    low = cv2.dct(tiny)[1 : _KEPT + 1, 1 : _KEPT + 1]
    bits = (low > np.median(low)).ravel()
    return int(sum(1 << i for i, bit in enumerate(bits) if bit))


def likeness(one: int, other: int) -> int:
    """Bits apart, 0…64: 0 is the same picture."""
    return (one ^ other).bit_count()
