"""Makes a clean page look scanned: a sheet on the glass, a lamp, a lens and a sensor, at three severities.

Everything is drawn by chance from a seed, so that the same page, name and seed give the same picture.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""(height, width, 3), B, G, R."""
Light = np.ndarray[Any, np.dtype[np.float32]]
"""The same, as light: 0 black, 1 white."""


class Severity(StrEnum):
    LIGHT = "light"
    NORMAL = "normal"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Scanner:
    """The worst that a device of this severity does; each page draws its own below."""

    askew: float
    """Degrees to either side."""
    shift: float
    """Millimetres to either side."""
    toner: tuple[float, float]
    """Light that solid print gives back, 0…1."""
    tint: float
    """Share of light that the paper swallows, most of it blue."""
    blur: tuple[float, float]
    """Standard deviation in pixels at 300 dpi."""
    shade: float
    """Difference of light between the middle and an edge, 0…1."""
    noise: tuple[float, float]
    """Standard deviation in grey levels."""
    streak: float
    """Standard deviation between the columns of the sensor, in grey levels."""
    dust: int
    """Specks at most."""


SCANNERS = {
    Severity.LIGHT: Scanner(0.4, 0.8, (0.05, 0.12), 0.03, (0.4, 0.7), 0.02, (1, 2), 0.4, 6),
    Severity.NORMAL: Scanner(1.0, 1.5, (0.08, 0.2), 0.06, (0.6, 0.95), 0.05, (2, 4), 0.8, 25),
    Severity.HARD: Scanner(1.5, 3.0, (0.16, 0.34), 0.1, (0.9, 1.3), 0.1, (4, 7), 1.6, 80),
}


def chance_for(name: str, page: int, seed: int, severity: Severity) -> np.random.Generator:
    """The chance of one page; pages do not share theirs."""
    digest = hashlib.sha256(f"{severity}/{seed}/{page}/{name}".encode()).digest()
    return np.random.default_rng(list(digest))


def scan_page(page: Picture, chance: np.random.Generator, severity: Severity, dpi: float = 300.0) -> Picture:
    """The page as a scanner of this severity gives it, of the same size."""
    scanner, scale = SCANNERS[severity], dpi / 300
    light = _print(page, chance, scanner)
    light = _lay_down(light, chance, scanner, dpi)
    light = cv2.GaussianBlur(light, (0, 0), scale * chance.uniform(*scanner.blur))
    light *= _lamp(light.shape[:2], chance, scanner)[..., None]
    levels = _sense(255 * light, chance, scanner)
    _drop_dust(levels, chance, scanner, scale)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _print(page: Picture, chance: np.random.Generator, scanner: Scanner) -> Light:
    """Toner is never quite black and lies unevenly; paper is never quite white and has a grain."""
    toner = chance.uniform(*scanner.toner)
    cover = (1 - page.astype(np.float32) / 255) * (1 - toner)
    cover *= 1 + 0.2 * toner * _clouds(page.shape[:2], chance, 10)[..., None]
    paper = 1 - scanner.tint * chance.uniform(0.2, 1.0) * np.array([1.0, 0.5, 0.2], np.float32)
    grain = 1 + 0.006 * _clouds(page.shape[:2], chance, 70)
    light: Light = np.clip(1 - cover, 0, 1) * paper * grain[..., None]
    return light


def _lay_down(light: Light, chance: np.random.Generator, scanner: Scanner, dpi: float) -> Light:
    """Askew and shifted, drawn a little long or short by the feed; the lid shows where the sheet does not reach."""
    height, width = light.shape[:2]
    move = cv2.getRotationMatrix2D((width / 2, height / 2), chance.uniform(-scanner.askew, scanner.askew), 1.0)
    move[1] *= chance.uniform(0.9985, 1.0015)
    move[:, 2] += chance.uniform(-scanner.shift, scanner.shift, 2) * dpi / 25.4
    lid = chance.uniform(0.91, 0.96)
    laid = cv2.warpAffine(light, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=(lid, lid, lid))
    return np.asarray(laid, np.float32)


def _lamp(shape: tuple[int, int], chance: np.random.Generator, scanner: Scanner) -> Light:
    """A slope along each side and a fall towards the edges."""
    down, across = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None], np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    slopes = scanner.shade * chance.uniform(-0.5, 0.5, 2).astype(np.float32)
    fall = np.float32(scanner.shade * chance.uniform(0.0, 0.5))
    lamp: Light = 1 + slopes[0] * down + slopes[1] * across - fall * (down**2 + across**2) / 2
    return lamp


def _sense(levels: Light, chance: np.random.Generator, scanner: Scanner) -> Light:
    """Noise grows with the light; the columns of a line sensor differ; then white point and gamma of the device."""
    sigma = np.float32(chance.uniform(*scanner.noise))
    own = chance.standard_normal(levels.shape, np.float32)
    shared = chance.standard_normal((*levels.shape[:2], 1), np.float32)
    noise = sigma * (own + 0.5 * shared) * (0.5 + 0.5 * np.sqrt(np.clip(levels, 0, 255) / 255))
    columns = chance.normal(0, scanner.streak, (1, levels.shape[1], 1)).astype(np.float32)
    seen = np.clip((levels + noise + columns) * 1.015, 0, 255) / 255
    sensed: Light = 255 * seen ** np.float32(chance.uniform(0.95, 1.08))
    return sensed


def _drop_dust(levels: Light, chance: np.random.Generator, scanner: Scanner, scale: float) -> None:
    height, width = levels.shape[:2]
    for _ in range(chance.integers(0, scanner.dust + 1)):
        where = int(chance.integers(width)), int(chance.integers(height))
        grey = float(chance.uniform(60, 190))
        cv2.circle(levels, where, max(1, round(scale * chance.uniform(1, 2.5))), (grey,) * 3, cv2.FILLED, cv2.LINE_AA)


def _clouds(shape: tuple[int, int], chance: np.random.Generator, cells: int) -> Light:
    """A smooth field in -1…1."""
    small = chance.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(np.clip(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), -1, 1), np.float32)
