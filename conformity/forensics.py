"""What the pixels betray about their past: an earlier JPEG, enlargement, lost colour, thresholding. Only what is cheap and nearly certain.

JPEG codes blocks of 8 pixels and interpolation repeats with a short period, so that the mean third difference by column, and by row,
has narrow spectral lines at fixed fractions of the sampling rate. A line counts only where it stands on *both* axes: sensors, their
segments and the paper feed make lines too, but never the same ones across and along. Printed text is passed over by its own harmonics.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Levels: TypeAlias = npt.NDArray[np.uint8]
Profile: TypeAlias = npt.NDArray[np.float64]

BANDS = 6
SAMPLES = 3_000_000
"""Pixels looked at per axis: about a third of an A4 page at 300 dpi, 13 ms in all."""
CLIP = 24
"""Grey levels: edges of text weigh no more than this, so that paper noise is heard."""
SMALLEST = 256
"""Pixels per side below which spectra say nothing."""

GRID = (1 / 8, 2 / 8, 3 / 8)
GRID_PEAK = 4.0
"""Line height over the local median, geometric mean of both axes. Simulated scans: below 3; once JPEG (60 to 95): two lines above 6."""
ENLARGED = {"3:2": (1 / 3,), "5:4": (1 / 5, 2 / 5), "2:1": (1 / 2,)}
"""Output to input pixels and the lines that interpolation leaves."""
ENLARGED_PEAK = 5.0
"""Simulated scans: at most 2.3; enlarged ones (linear, cubic, Lanczos, nearest): 7 and above."""
WEAKER_AXIS = 3.2
"""What the weaker axis must show at least for a line to count."""
MAX_STRAYS = 12
"""Lines elsewhere in the spectrum: more of them are a printed pattern or a font's pitch, and then nothing is said."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One suspicion with its strength, as a multiple of the noise."""

    what: str
    strength: float


def find_traces(grey: Levels) -> tuple[Trace | None, Trace | None]:
    """An earlier JPEG, an enlargement: each with its strength, or None. `grey` is one channel, (height, width)."""
    spectra = _spectra(grey)
    if spectra is None:
        return None, None
    grid = _grid_trace(spectra)
    # The eighths of a JPEG include one half, which then says nothing of enlargement.
    return grid, None if grid else _enlargement_trace(spectra)


def _grid_trace(spectra: tuple[Profile, Profile]) -> Trace | None:
    heights = sorted((_shared_peak(spectra, line) for line in GRID), reverse=True)
    return Trace("8 × 8", heights[1]) if heights[1] > GRID_PEAK else None


def _enlargement_trace(spectra: tuple[Profile, Profile]) -> Trace | None:
    traces = [Trace(ratio, max(_shared_peak(spectra, line) for line in lines)) for ratio, lines in ENLARGED.items()]
    strongest = max(traces, key=lambda trace: trace.strength)
    return strongest if strongest.strength > ENLARGED_PEAK else None


def few_levels(grey: Levels, most: int = 4) -> int | None:
    """How many different levels, where that is at most `most`: no sensor gives so few."""
    if np.count_nonzero(np.bincount(grey[::8, ::8].ravel(), minlength=256)) > most:
        return None
    count = int(np.count_nonzero(np.bincount(grey.ravel(), minlength=256)))
    return count if count <= most else None


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


def _spectra(grey: Levels) -> tuple[Profile, Profile] | None:
    if min(grey.shape) < SMALLEST:
        return None
    spectra = _spectrum(_profile(grey)), _spectrum(_profile(grey.T))
    return None if min(_strays(spectrum) for spectrum in spectra) > MAX_STRAYS else spectra


def _profile(grey: Levels) -> Profile:
    """Mean clipped third difference along the rows, one value per column, over a few bands of rows spread over the page."""
    height, width = grey.shape
    band = max(16, min(height // BANDS, SAMPLES // (BANDS * width)))
    total: Any = np.zeros(width - 3)
    for i in range(BANDS):
        top = (2 * i + 1) * height // (2 * BANDS) - band // 2
        rows = np.ascontiguousarray(grey[max(0, top) : max(0, top) + band]).astype(np.int16)
        third = np.diff(rows, 3, axis=1)
        np.abs(third, out=third)
        np.minimum(third, CLIP, out=third)
        total += third.mean(axis=0)
    return np.asarray(total, np.float64)


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


def _shared_peak(spectra: tuple[Profile, Profile], line: float) -> float:
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
