"""What plain paper sounds like under one scanner: its noise on flat tiles, paper at pure white, borders without any noise.

A sensor adds noise to every pixel on its own, so that plain paper is as loud at the finest detail as a little below it. Whatever
computes a pixel from its neighbours (turning, smoothing, denoising, sharpening) changes that for good.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Levels: TypeAlias = npt.NDArray[np.uint8]
Values: TypeAlias = npt.NDArray[np.float32]
Power: TypeAlias = npt.NDArray[np.float64]

TILE = 32
"""Pixels per side."""
FEWEST_TILES, MOST_TILES = 40, 400
"""Below the first nothing is said; 400 tiles give each figure to about one percent."""
PLAIN = 1.35
"""A tile is plain where its deviation is at most this many times that of the quietest fifth."""
RUN = 16
"""Pixels of one exact colour in a row that no sensor gives: each has noise of its own."""
LOUDEST = 10.0
"""Grey levels: beyond this deviation the quietest fifth of the tiles is print and no noise."""
INSET = 2
"""Pixels between a side of the page and the line on which its border is looked at."""


@dataclass(frozen=True, slots=True)
class PlainNoise:
    """Noise of plain paper."""

    fine: float
    """Grey levels: deviation within the band of the finest detail, above 0.38 cycles per pixel on both axes."""
    corner: float
    """Base-2 logarithm of the power there against both axes' own finest detail: 0 for a sensor, below where pixels were blended."""


@dataclass(frozen=True, slots=True)
class PlainPaper:
    """The quietest tiles of a page, at places that are multiples of TILE."""

    tiles: Values
    """(count, TILE, TILE), each less its own mean; no tile where too few are plain."""
    drawn: bool
    """A fifth of what is not clipped, or more, has no noise at all: no sensor saw it."""

    def __bool__(self) -> bool:
        return len(self.tiles) > 0


def find_plain(grey: Levels) -> PlainPaper:
    """Of one channel (height, width): the unclipped tiles that hold hardly more than noise."""
    tiles = _cut_tiles(grey)
    clipped = ((tiles >= 254) | (tiles <= 1)).mean(axis=(1, 2)) > 0.02
    values = tiles[~clipped].astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    deviation = np.sqrt((values * values).mean(axis=(1, 2)))
    # Tiles without any noise are drawn or filled: where they are many, what is left is edges of type and tells nothing of a sensor.
    heard = deviation > 0
    loud = int(np.count_nonzero(heard))
    drawn = len(values) - loud > len(values) // 5
    quiet = float(np.quantile(deviation[heard], 0.2)) if loud else 0.0
    if loud < max(FEWEST_TILES, len(values) // 2) or quiet > LOUDEST:
        return PlainPaper(values[:0], drawn)
    plain = np.flatnonzero(heard & (deviation <= PLAIN * quiet + 0.2))
    return PlainPaper(values[plain[:: max(1, len(plain) // MOST_TILES)]] if len(plain) >= FEWEST_TILES else values[:0], drawn)


def plain_noise(paper: PlainPaper) -> PlainNoise | None:
    """None where too little paper is plain."""
    if not paper:
        return None
    power = _mean_power(paper.tiles)
    corner, across, along = (float(power[band].mean()) + 1e-9 for band in (_CORNER, _ACROSS, _ALONG))
    return PlainNoise(float(np.sqrt(corner)), float(np.log2(corner * corner / (across * along))))


def white_share(counts: npt.NDArray[np.int64]) -> float:
    """Share of the pixels at the highest level, in the channel that has fewest of them; `counts` is (channels, 256)."""
    return float((counts[:, 255] / np.maximum(1, counts.sum(axis=1))).min())


def solid_white(grey: Levels) -> float:
    """Share of one channel in blocks of 8 × 8 pixels that are all at the highest level: a scanner's noise leaves few."""
    height, width = (side - side % 8 for side in grey.shape)
    across = np.bitwise_and.reduce(grey[:height, :width].reshape(height, width // 8, 8), axis=2)
    return float((np.bitwise_and.reduce(across.reshape(height // 8, 8, width // 8), axis=1) == 255).mean())


def flat_border(samples: Levels) -> float:
    """Share of the page's rim that lies in runs of one exact colour, less three times that within: 0 for a scan, 1 for a drawn frame."""
    height, width = samples.shape[:2]
    rim = [samples[INSET], samples[height - 1 - INSET], samples[:, INSET], samples[:, width - 1 - INSET]]
    inner = [samples[height * k // 8] for k in (2, 3, 5, 6)] + [samples[:, width * k // 8] for k in (2, 3, 5, 6)]
    # Where the page itself has such runs, it is drawn or clipped and its rim says nothing more.
    return max(0.0, _in_runs(rim) - 3 * _in_runs(inner))


def count_levels(samples: Levels) -> npt.NDArray[np.int64]:
    """How often each level occurs: (channels, 256) of a (height, width) or (height, width, channels) image."""
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    counted = [cv2.calcHist([samples], [channel], None, [256], [0, 256]).ravel() for channel in range(channels)]
    return np.asarray(np.rint(counted), np.int64)


# --- tiles ---


def _cut_tiles(grey: Levels) -> Levels:
    """Tiles over the whole page, (count, TILE, TILE): every second one where the page is large."""
    height, width = (side - side % TILE for side in grey.shape)
    grid = grey[:height, :width].reshape(height // TILE, TILE, width // TILE, TILE).transpose(0, 2, 1, 3)
    if grid.shape[0] * grid.shape[1] < 8 * MOST_TILES:
        return np.ascontiguousarray(grid.reshape(-1, TILE, TILE))
    even, odd = grid[::2, ::2].reshape(-1, TILE, TILE), grid[1::2, 1::2].reshape(-1, TILE, TILE)
    return np.concatenate([even, odd])


def _mean_power(tiles: Values) -> Power:
    """Mean power spectrum, (TILE, TILE // 2 + 1), so scaled that white noise has its own variance everywhere."""
    spectra: Any = np.fft.rfft2(tiles * _WINDOW)
    return np.asarray((spectra.real**2 + spectra.imag**2).mean(axis=0), np.float64)


def _taper() -> Values:
    window = np.outer(np.hanning(TILE), np.hanning(TILE))
    return np.asarray(window / np.sqrt((window**2).sum()), np.float32)


_WINDOW = _taper()
_V, _H = (np.broadcast_to(each, (TILE, TILE // 2 + 1)) for each in (np.abs(np.fft.fftfreq(TILE))[:, None], np.fft.rfftfreq(TILE)[None, :]))
# Columns that differ in gain and lines that differ in light are loud where the other frequency is zero: both bands keep away from it.
_CORNER = (_V > 0.38) & (_H > 0.38)
_ACROSS = (_H > 0.4) & (_V > 0.08) & (_V < 0.3)
_ALONG = (_V > 0.4) & (_H > 0.08) & (_H < 0.3)


# --- borders ---


def _in_runs(lines: list[Levels]) -> float:
    """Share of the pixels of these lines, each (length,) or (length, channels), that lie in runs of one exact colour."""
    inside = [_run_mask(line) for line in lines]
    return float(np.concatenate(inside).mean())


def _run_mask(line: Levels) -> npt.NDArray[np.bool_]:
    same = line[1:] == line[:-1]
    same = same if same.ndim == 1 else same.all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    mask = np.zeros(len(line), bool)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin + 1 >= RUN:
            mask[begin : end + 1] = True
    return mask
