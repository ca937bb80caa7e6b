"""The canonical raster, version 1: the stored samples of a page and the hash by which a scan and its archive are compared."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from capture.scan import Model


@dataclass(frozen=True, slots=True)
class Raster:
    """Stored samples, orientation unapplied.

    `samples` is C-contiguous, shape (height, width) or (height, width, channels); uint8 for 8 bits and fewer, uint16 for 16.
    Samples of 1, 2 or 4 bits lie unpacked, one per byte. Channels in the order R, G, B.
    Grey and bilevel: 0 is black, whatever the container says.
    """

    samples: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    bits: int
    model: Model
    palette: bytes = b""
    """R, G, B bytes of each entry that the file declares; empty where there is no palette."""
    icc: bytes = b""
    """The embedded ICC profile as stored; empty where there is none."""
    orientation: int = 1
    """TIFF orientation under which a person reads the page; kept beside the samples and never part of the fingerprint."""

    @property
    def width(self) -> int:
        return int(self.samples.shape[1])

    @property
    def height(self) -> int:
        return int(self.samples.shape[0])

    @property
    def channels(self) -> int:
        return 1 if self.samples.ndim == 2 else int(self.samples.shape[2])


def fingerprint(raster: Raster) -> str:
    """Hexadecimal SHA-256 of the canonical raster v1; its form is final, for hashes already written cannot be changed.

    Hashed: an ASCII header that holds every dimension, then the samples row by row; 16-bit samples big-endian.
    """
    header = (
        f"sceau-raster-1\n{raster.width} {raster.height} {raster.channels} {raster.bits} {raster.model}\n"
        f"palette {_digest(raster.palette)}\nicc {_digest(raster.icc)}\n"
    )
    digest = hashlib.sha256(header.encode("ascii"))
    samples = raster.samples.astype(">u2") if raster.bits == 16 else raster.samples
    digest.update(np.ascontiguousarray(samples).data)
    return digest.hexdigest()


def _digest(part: bytes) -> str:
    return hashlib.sha256(part).hexdigest() if part else "-"
