"""Plays the device that scans a calibration target: honest, or with one treatment that an honest one has not. R, G, B at 300 dpi."""

from collections.abc import Callable
from functools import cache, lru_cache

import cv2
import numpy as np
import papers
import pypdfium2 as pdfium

from capture.raster import Raster
from capture.scan import Model, Page
from conformity.target import TargetReading, read_target
from station.print import target_pdf

PAPER, INK = (246, 243, 236), (28, 26, 30)
TARGET = "a1b2c3d4"
PRINTED_DPI = 600


@cache
def printed(side: int) -> papers.Picture:
    """One side as the printer lays it down, paper white, B, G, R."""
    with pdfium.PdfDocument(target_pdf(TARGET)) as pdf:
        return np.ascontiguousarray(pdf[side - 1].render(scale=PRINTED_DPI / 72).to_numpy()[..., :3])


@lru_cache(maxsize=3)
def honest(
    side: int = 1,
    dpi: tuple[int, int] = (300, 300),
    skew: float = 0.4,
    shift: tuple[float, float] = (1.0, -1.5),
    noise: float = 2.0,
    blur: float = 0.55,
) -> papers.Picture:
    """A lens, a sheet that lies `skew` degrees clockwise and `shift` millimetres off, paper and ink, a sensor's noise.

    `blur` in pixels of the scan. The same arguments give the same pixels; callers must not write into them.
    """
    sheet = printed(side)
    size = round(210 / 25.4 * dpi[0]), round(297 / 25.4 * dpi[1])
    scale = np.array(dpi) / PRINTED_DPI
    cos, sin = np.cos(np.radians(skew)), np.sin(np.radians(skew))
    turn = np.array([[cos, -sin], [sin, cos]]) * scale[:, None]
    middle = np.array(size) / 2 + np.array(shift) * dpi / 25.4 - 0.5
    matrix = np.column_stack([turn, middle - turn @ (np.array(sheet.shape[1::-1]) / 2 - 0.5)])
    lens = cv2.GaussianBlur(sheet, (0, 0), float(blur / scale[0]))
    seen = cv2.warpAffine(lens, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(60, 60, 60))[..., ::-1].astype(np.float32)
    paper, ink = np.array(PAPER, np.float32), np.array(INK, np.float32)
    grain = np.random.default_rng(side).standard_normal(seen.shape, np.float32) * noise
    return np.clip(ink + seen / 255 * (paper - ink) + grain + 0.5, 0, 255).astype(np.uint8)


Treatment = Callable[[papers.Picture], papers.Picture]


def straighten(degrees: float, way: int = cv2.INTER_CUBIC) -> Treatment:
    def treat(page: papers.Picture) -> papers.Picture:
        height, width = page.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return np.asarray(cv2.warpAffine(page, matrix, (width, height), flags=way, borderValue=PAPER), np.uint8)

    return treat


def enlarge(from_dpi: int, way: int = cv2.INTER_CUBIC) -> papers.Picture:
    """A coarse scan sold as 300 dpi."""
    return np.asarray(cv2.resize(honest(dpi=(from_dpi, from_dpi)), (2480, 3508), interpolation=way), np.uint8)


def through_jpeg(quality: int) -> Treatment:
    return lambda page: np.asarray(cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def tone(levels: Callable[[np.ndarray], np.ndarray]) -> Treatment:
    table = np.clip(levels(np.arange(256.0)) + 0.5, 0, 255).astype(np.uint8)
    return lambda page: table[page]


def drop_red(page: papers.Picture) -> papers.Picture:
    hue, saturation, _ = cv2.split(cv2.cvtColor(page, cv2.COLOR_RGB2HSV))
    out = page.copy()
    out[(saturation > 60) & ((hue < 12) | (hue > 168))] = PAPER
    return out


def despeckle(page: papers.Picture) -> papers.Picture:
    _, labels, stats, _ = cv2.connectedComponentsWithStats((page[..., 1] < 150).astype(np.uint8))
    specks = (stats[:, cv2.CC_STAT_AREA] < 25)[labels].astype(np.uint8)
    out = page.copy()
    out[cv2.dilate(specks, np.ones((5, 5))) > 0] = PAPER
    return out


def erase_borders(page: papers.Picture, millimetres: float = 8) -> papers.Picture:
    rim = round(millimetres / 25.4 * 300)
    out = np.full_like(page, PAPER)
    out[rim:-rim, rim:-rim] = page[rim:-rim, rim:-rim]
    return out


def crop(millimetres: float) -> Treatment:
    rim = round(millimetres / 25.4 * 300)
    return lambda page: np.ascontiguousarray(page[rim:-rim, rim:-rim])


def grey_as_colour(page: papers.Picture) -> papers.Picture:
    return np.repeat(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def sharpen(page: papers.Picture) -> papers.Picture:
    return np.asarray(cv2.addWeighted(page, 2.0, cv2.GaussianBlur(page, (0, 0), 1.5), -1.0, 0), np.uint8)


def read(
    image: papers.Picture, *, number: int = 1, stated: tuple[float, float] | None = (300.0, 300.0), codec: str = "lzw"
) -> TargetReading | None:
    """What the station makes of a page of such pixels."""
    model = Model.RGB if image.ndim == 3 else Model.GRAY
    height, width = image.shape[:2]
    page = Page(number, codec, codec != "dct", width, height, 8, 3 if image.ndim == 3 else 1, model, stated)
    return read_target(Raster(np.ascontiguousarray(image), 8, model), page)
