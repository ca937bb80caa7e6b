"""What the pixels betray about their past: an earlier JPEG, enlargement, lost colour, thresholding. Only what is cheap and nearly certain.

JPEG codes blocks of 8 pixels and interpolation repeats with a short period, so that the mean third difference by column, and by row,
has narrow spectral lines at fixed fractions of the sampling rate. A line counts only where it stands on *both* axes: sensors, their
segments and the paper feed make lines too, but never the same ones across and along. Printed text is passed over by its own harmonics.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from conformity.paper import PlainPaper, Values

Levels: TypeAlias = npt.NDArray[np.uint8]
Profile: TypeAlias = npt.NDArray[np.float64]
Spectra: TypeAlias = tuple[Profile, Profile]
"""Across the page and along it."""

BANDS = 6
SAMPLES = 3_000_000
"""Pixels looked at per axis: about a third of an A4 page at 300 dpi, 13 ms in all."""
CLIP = 24
"""Grey levels: edges of text weigh no more than this."""
QUIET_CLIP = 4
"""The same where paper is quiet, at least; three times the middle where it is not. Noise is heard better under it, clipped paper worse."""
SMALLEST = 256
"""Pixels per side below which spectra say nothing."""

GRID = (1 / 8, 2 / 8, 3 / 8)
GRID_PEAK = 4.0
"""Line height over the local median, geometric mean of both axes. Simulated scans: below 3; once JPEG (60 to 95): two lines above 6."""
ENLARGED = {"3:2": (1 / 3,), "5:4": (1 / 5, 2 / 5), "6:5": (1 / 6,), "2:1": (1 / 2,)}
"""Output to input pixels and the lines that interpolation leaves."""
ENLARGED_PEAK = 4.0
"""Simulated scans: at most 2.3; enlarged ones (linear, cubic, Lanczos, nearest): 4.8 and above, most of them beyond 15."""
WEAKER_AXIS = 3.2
"""What the weaker axis must show at least for a line to count."""
QUIETER = 1.08
"""Power of the finest detail, 13th placement over the quietest: simulated scans 1.02 at most, once JPEG 95 1.15 and above."""
STRETCHED = 10
"""Levels left out, or doubled, by a tone curve that was applied after the sensor's own rounding."""
DARKEST = 32
"""Levels below which a scanner's own curve, from 10 or 12 bits, leaves levels out."""
ROUGH = 0.35
"""Natural logarithm: how unlike the counts of neighbouring levels may be in a sensor's histogram, in the middle of all."""
MAX_STRAYS = 12
"""Lines elsewhere in the spectrum: more of them are a printed pattern or a font's pitch, and then nothing is said."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One suspicion with its strength, as a multiple of the noise."""

    what: str
    strength: float


def find_traces(grey: Levels) -> tuple[Trace | None, Trace | None]:
    """An earlier JPEG, an enlargement: each with its strength, or None. `grey` is one channel, (height, width)."""
    heard = [spectra for spectra in _spectra(grey) if min(_strays(spectrum) for spectrum in spectra) <= MAX_STRAYS]
    grid = _strongest(_grid_trace(spectra) for spectra in heard)
    # The eighths of a JPEG include one half, which then says nothing of enlargement.
    return grid, None if grid else _strongest(_enlargement_trace(spectra) for spectra in heard)


def _strongest(traces: Iterable[Trace | None]) -> Trace | None:
    return max((trace for trace in traces if trace), key=lambda trace: trace.strength, default=None)


def _grid_trace(spectra: Spectra) -> Trace | None:
    heights = sorted((_shared_peak(spectra, line) for line in GRID), reverse=True)
    return Trace("8 × 8", heights[1]) if heights[1] > GRID_PEAK else None


def _enlargement_trace(spectra: Spectra) -> Trace | None:
    traces = [Trace(ratio, max(_shared_peak(spectra, line) for line in lines)) for ratio, lines in ENLARGED.items()]
    strongest = max(traces, key=lambda trace: trace.strength)
    return strongest if strongest.strength > ENLARGED_PEAK else None


def quiet_blocks(paper: PlainPaper) -> Trace | None:
    """An earlier JPEG of high quality on noisy paper, which hardly leaves edges between its blocks.

    JPEG rounds the finest of a block's cosine terms to nothing. Cut along its blocks, plain paper is therefore quieter there than cut
    along any other of the 64 placements; a sensor does not know of blocks. The strength is the 13th placement over the quietest: what
    repeats every two pixels has 16 quiet ones.
    """
    if not paper:
        return None
    fine = sorted(power for down in range(8) for power in _fine_powers(paper.tiles, down))
    strength = fine[12] / (fine[0] + 1e-9)
    return Trace("8 × 8", strength) if strength > QUIETER else None


def _fine_powers(tiles: Values, down: int) -> Iterator[float]:
    """Mean square of the finest cosine terms of all 8 × 8 blocks, cut at `down` and at each of the eight placements across."""
    kept = tiles.shape[1] // 8 - 1
    strips = _finest_along(tiles[:, down : down + 8 * kept].transpose(0, 2, 1)).transpose(0, 2, 1)
    for across in range(8):
        yield float(np.square(_finest_along(strips[:, :, across : across + 8 * kept])).mean())


def _finest_along(values: Values) -> Values:
    """The finest terms of each eight values along the last axis. OpenCV's product, for numpy's runs threads that wait for each other."""
    rows = np.ascontiguousarray(values).reshape(-1, 8)
    return np.asarray(cv2.gemm(rows, FINEST, 1, None, 0, flags=cv2.GEMM_2_T), np.float32).reshape(*values.shape[:2], -1)


def _finest_terms() -> Values:
    """The last five of the eight cosines of a JPEG block, (5, 8), orthonormal (ITU-T T.81, A.3.3)."""
    position, order = np.arange(8), np.arange(3, 8)[:, None]
    return np.asarray(0.5 * np.cos((2 * position + 1) * order * np.pi / 16), np.float32)


FINEST = _finest_terms()


def few_levels(grey: Levels, most: int = 4) -> int | None:
    """How many different levels, where that is at most `most`: no sensor gives so few."""
    if np.count_nonzero(np.bincount(grey[::8, ::8].ravel(), minlength=256)) > most:
        return None
    count = int(np.count_nonzero(np.bincount(grey.ravel(), minlength=256)))
    return count if count <= most else None


def stretched_tones(counts: npt.NDArray[np.int64]) -> int | None:
    """How many levels a tone curve left out or doubled in most channels, where no sensor does; `counts` is (channels, 256).

    Scanners apply their curves to 10 bits or more. Applied to 8, a rise skips levels and a fall puts two into one: a comb in the histogram.
    """
    broken = sorted(_broken_levels(channel) for channel in counts)[-2:][0]
    return broken if broken >= STRETCHED else None


def _broken_levels(counts: npt.NDArray[np.int64]) -> int:
    """Levels out of line with their neighbours; 0 where the others are no smooth curve: what was drawn has no sensor's histogram."""
    far_left, left, here, right, far_right = (counts[DARKEST + i : 252 + i] for i in range(5))
    skipped = (here < 0.2 * np.minimum(left, right)) & (np.minimum(left, right) >= 50)
    # The peak of a plain colour is narrow too, but falls off on both sides as fast as it rose.
    doubled = (here > 1.6 * np.maximum(left, right)) & (here >= 200) & (far_left > 0.5 * left) & (far_right > 0.5 * right)
    kept = here[~(skipped | doubled) & (here >= 50)]
    steps = np.abs(np.diff(np.log(kept)))
    if len(steps) < 16 or np.median(steps) > ROUGH:
        return 0
    return int(np.count_nonzero(skipped | doubled))


def colourless(samples: Levels) -> bool:
    """True where red, green and blue are equal at every pixel of a (height, width, 3) image."""
    coarse = samples[::16, ::16]
    if _differs(coarse):
        return False
    return not any(_differs(samples[top : top + 256]) for top in range(0, len(samples), 256))


def nearly_blank(grey: Levels) -> bool:
    """True where almost no pixel is clearly darker than the paper: at most 2 in 10 000 of every eighth pixel of every eighth row."""
    coarse = grey[::8, ::8]
    paper = int(np.median(coarse))
    return float(np.mean(coarse < paper - 40)) < 2e-4


def _differs(samples: Levels) -> bool:
    return bool((samples[..., 0] != samples[..., 1]).any() or (samples[..., 1] != samples[..., 2]).any())


# --- spectra ---


def _spectra(grey: Levels) -> tuple[Spectra, ...]:
    """Both axes' spectra, under either clip; none where the page is too small."""
    if min(grey.shape) < SMALLEST:
        return ()
    across, along = _profiles(grey), _profiles(grey.T)
    return tuple((_spectrum(a), _spectrum(b)) for a, b in zip(across, along, strict=True))


def _profiles(grey: Levels) -> tuple[Profile, Profile]:
    """Mean third difference along the rows, one value per column, over a few bands of rows spread over the page: under either clip."""
    height, width = grey.shape
    band = max(16, min(height // BANDS, SAMPLES // (BANDS * width)))
    totals: Any = np.zeros((2, width - 3))
    for i in range(BANDS):
        top = (2 * i + 1) * height // (2 * BANDS) - band // 2
        rows = np.ascontiguousarray(grey[max(0, top) : max(0, top) + band]).astype(np.int16)
        third = np.diff(rows, 3, axis=1)
        np.abs(third, out=third)
        quiet = min(CLIP, max(QUIET_CLIP, round(3 * float(np.median(third[::7, ::3])))))
        for k, clip in enumerate((CLIP, quiet)):
            np.minimum(third, np.int16(clip), out=third)
            totals[k] += third.mean(axis=0)
    return np.asarray(totals[0], np.float64), np.asarray(totals[1], np.float64)


def _spectrum(profile: Profile) -> Profile:
    """Magnitudes over their surroundings: about 1 for noise. Index i is i / (2 n) cycles per pixel, with n = len - 1."""
    smooth = np.convolve(profile, np.ones(31) / 31, "same")
    flat = (profile - smooth)[16:-16]
    flat = flat[: len(flat) // 2 * 2]
    magnitude = np.abs(np.fft.rfft(flat * np.hanning(len(flat))))
    padded = np.pad(magnitude, 40, mode="reflect")
    floor = np.median(np.lib.stride_tricks.sliding_window_view(padded, 81), axis=1)
    spectrum = magnitude / (floor + 1e-9)
    # Evenly spaced text raises many values, and a line must stand out from those: noise alone reaches 2.4 in 2 of 100.
    return np.asarray(spectrum / max(1.0, float(np.quantile(spectrum, 0.98)) / 2.4), np.float64)


def _peak(spectrum: Profile, line: float) -> float:
    """Highest of the five values around `line`, in cycles per pixel."""
    centre = round(line * 2 * (len(spectrum) - 1))
    return float(spectrum[max(0, centre - 2) : centre + 3].max())


def _shared_peak(spectra: Spectra, line: float) -> float:
    """Geometric mean of both axes; 0 where one of them shows nothing."""
    across, along = (_peak(spectrum, line) for spectrum in spectra)
    return math.sqrt(across * along) if min(across, along) >= WEAKER_AXIS else 0.0


def _strays(spectrum: Profile) -> int:
    """Values high above the noise away from every line that is looked for."""
    lines = [*GRID, *(line for group in ENLARGED.values() for line in group)]
    away = np.ones(len(spectrum), bool)
    away[: len(spectrum) // 25] = False  # Layout, not coding: below 0.02 cycles per pixel.
    for line in lines:
        centre = round(line * 2 * (len(spectrum) - 1))
        away[max(0, centre - 4) : centre + 5] = False
    return int(np.count_nonzero(spectrum[away] > GRID_PEAK))
