"""A second look at archived pages: poppler's `pdftoppm`, a program of its own, draws one at native size, and its pixels are compared.

The seal's gate decodes by PDFium, Pillow and qpdf; whoever opens the archive in ten years has another program. What it shows is looked at
here, in a process whose time and memory are bounded.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pikepdf

from capture.raster import Raster, fingerprint
from capture.scan import Model
from sealing.certificate import Archive, CannotDecode, open_archive, page_coding, page_raster
from sealing.codestream import CannotArchive, Coding
from sealing.pdfa import CAPTURE_DATA

PROGRAM = "pdftoppm"
SECONDS = 60
"""Of processor time, and of patience, for one page."""
MEGABYTES = 2048
"""Address space of the program."""
MAX_PIXELS = 120_000_000
"""A0 at 300 dpi has 140 million: larger pages are not drawn."""
SHORT = 0.3
"""Pixels by which the drawing is asked for shorter than the page: at exactly its size poppler stretches an image over one pixel more."""
NEAR = 6.0
"""Levels, of 255, by which colours may differ on average where a profile or a lossy codestream is between: house policy."""
VIEW_DPI = 200
"""Of a page that has no raster of its own to be shown at native size."""


class Rendering(StrEnum):
    """What a second program made of a page."""

    SAME = "same"
    """Pixel for pixel the raster that was recorded before sealing."""
    NEAR = "near"
    """The page as this workstation decodes it, but for rounding of a profile or of a JPEG."""
    DRAWN = "drawn"
    """Drawn without trouble; of a view no raster was recorded that it could be compared with."""
    OTHER = "other"
    """Something else than what was recorded."""
    FAILED = "failed"
    """The program could not draw the page."""
    UNSEEN = "unseen"
    """Not drawn: the program is not installed, or the page is too large."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What was found of one page."""

    page: int
    """From 1."""
    rendering: Rendering
    detail: str
    """In French: what was compared."""


def look_again(path: Path, page: int) -> SecondLook:
    """Draw one page of an archive and compare; never raises for what the file is."""
    if shutil.which(PROGRAM) is None:
        return SecondLook(page, Rendering.UNSEEN, f"{PROGRAM} n'est pas installé")
    try:
        with open_archive(path) as archive:
            return _compare_page(archive, page)
    except (CannotDecode, pikepdf.PdfError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return SecondLook(page, Rendering.FAILED, f"page {page} illisible : {error}")


def count_pages(path: Path) -> int:
    """0 where the file cannot be read."""
    try:
        with open_archive(path) as archive:
            return archive.pages
    except CannotDecode:
        return 0


def _compare_page(archive: Archive, page: int) -> SecondLook:
    entry = json.loads(archive.pdf.attachments[CAPTURE_DATA].get_file().read_bytes())["pages"][page - 1]
    recorded = str(entry.get("raster") or "")
    coding = None if not recorded else page_coding(archive, page)
    wide, high = (600, 800) if coding is None else (coding.width, coding.height)
    if wide * high > MAX_PIXELS:
        return SecondLook(page, Rendering.UNSEEN, f"page de {wide} × {high} pixels, trop grande pour le second moteur")
    drawn = _draw(archive, page, wide, high)
    if drawn is None:
        return SecondLook(page, Rendering.FAILED, f"{PROGRAM} n'a pas su rendre la page {page}")
    if coding is None:
        return SecondLook(page, Rendering.DRAWN, "vue : rendue sans erreur, aucun raster d'origine à comparer")
    if any(fingerprint(raster) == recorded for raster in _rasters(drawn, coding)):
        return SecondLook(page, Rendering.SAME, f"{wide} × {high} pixels identiques au raster enregistré")
    if _exact(coding):
        return SecondLook(page, Rendering.OTHER, f"les pixels de la page {page} ne sont pas ceux du raster enregistré")
    return _compare_near(drawn, page_raster(archive, page), page)


def _compare_near(drawn: npt.NDArray[np.uint8], raster: Raster, page: int) -> SecondLook:
    """Where a profile, a palette or a lossy codestream stands between: our own decoding, in colours, is what it is held against."""
    wanted = _colours(raster)
    fitting = [turned for turned in _turns(drawn) if turned.shape == wanted.shape]
    apart = min((float(np.abs(turned.astype(np.int16) - wanted).mean()) for turned in fitting), default=255.0)
    told = f"{apart:.2f} niveau(x) d'écart moyen avec le décodage du poste".replace(".", ",")
    return SecondLook(page, Rendering.NEAR if apart <= NEAR else Rendering.OTHER, told)


def _exact(coding: Coding) -> bool:
    """Whether colours come through any decoder unchanged: no profile, no palette, no lossy codestream."""
    plain = coding.bits in (1, 8) and coding.model in (Model.RGB, Model.GRAY, Model.BILEVEL) and coding.filters[-1] != "DCTDecode"
    return plain and not (coding.icc or coding.space or coding.palette)


def _rasters(drawn: npt.NDArray[np.uint8], coding: Coding) -> Iterator[Raster]:
    """What the drawing may stand for: orientation is not part of a raster, so that each way of turning it back is tried."""
    for turned in _turns(drawn):
        if turned.shape[:2] != (coding.height, coding.width):
            continue
        if coding.model is Model.RGB:
            samples = turned
        elif (turned == turned[..., :1]).all():
            samples = turned[..., 0] if coding.bits != 1 else (turned[..., 0] >= 128).astype(np.uint8)
        else:
            continue
        yield Raster(np.ascontiguousarray(samples), coding.bits, coding.model, icc=coding.icc)


def _turns(drawn: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    for mirrored in (drawn, drawn[:, ::-1]):
        for quarter in range(4):
            yield np.rot90(mirrored, quarter)


def _colours(raster: Raster) -> npt.NDArray[np.int16]:
    """The raster as red, green and blue of 255 levels."""
    samples = raster.samples.astype(np.int16)
    if raster.palette:
        table = np.frombuffer(raster.palette, np.uint8).reshape(-1, 3).astype(np.int16)
        return table[np.minimum(samples, len(table) - 1)]
    if raster.bits < 8:
        samples = samples * 255 // (2**raster.bits - 1)
    return samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)


def _draw(archive: Archive, page: int, wide: int, high: int) -> npt.NDArray[np.uint8] | None:
    """The page as `pdftoppm` draws it, so many pixels wide and high before it is turned; None where it did not."""
    sheet = archive.pdf.pages[page - 1]
    left, bottom, right, top = (float(side) for side in sheet.mediabox)
    fine = [72 * (wide - SHORT) / (right - left), 72 * (high - SHORT) / (top - bottom)]
    if int(sheet.get("/Rotate", 0)) % 180:
        fine.reverse()
    resolution = ["-rx", f"{fine[0]:.6f}", "-ry", f"{fine[1]:.6f}"]
    asked = [PROGRAM, "-singlefile", "-f", str(page), "-l", str(page), *resolution, str(archive.path)]
    try:
        ran = subprocess.run(bounded(asked), capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    return _read_ppm(ran.stdout) if ran.returncode == 0 else None


def draw_sealed(path: Path, page: int) -> bytes | None:
    """PNG of one page (from 1) of a sealed file, one pixel for each of its own, by a program of its own whose time and memory are bounded.

    None where the page is not there, is too large or cannot be drawn.
    """
    try:
        with open_archive(path) as archive:
            if not 1 <= page <= archive.pages:
                return None
            sheet = archive.pdf.pages[page - 1]
            left, bottom, right, top = (float(side) for side in sheet.mediabox)
            turned = bool(int(sheet.get("/Rotate", 0)) % 180)
            try:
                coding = page_coding(archive, page)
                fine = [72 * (coding.width - SHORT) / (right - left), 72 * (coding.height - SHORT) / (top - bottom)]
            except (CannotDecode, CannotArchive):
                fine = [float(VIEW_DPI), float(VIEW_DPI)]
            if fine[0] * (right - left) * fine[1] * (top - bottom) / 72**2 > MAX_PIXELS:
                return None
    except (CannotDecode, pikepdf.PdfError, OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return None
    across, down = reversed(fine) if turned else fine
    asked = [PROGRAM, "-png", "-singlefile", "-f", str(page), "-l", str(page), "-rx", f"{across:.6f}", "-ry", f"{down:.6f}", str(path)]
    try:
        ran = subprocess.run(bounded(asked), capture_output=True, timeout=SECONDS, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return None
    return ran.stdout if ran.returncode == 0 and ran.stdout.startswith(b"\x89PNG") else None


def bounded(command: list[str]) -> list[str]:
    """The command with its memory and processor time limited by the shell that becomes it."""
    limits = 'ulimit -v "$1"; ulimit -t "$2"; shift 2; exec "$@"'
    return ["/bin/sh", "-c", limits, "sh", str(MEGABYTES * 1024), str(SECONDS), *command]


def _read_ppm(data: bytes) -> npt.NDArray[np.uint8] | None:
    """P6 with three numbers, as poppler writes it."""
    head = data[:40].split(b"\n", 3)
    if len(head) < 4 or head[0] != b"P6" or head[2] != b"255":
        return None
    wide, high = (int(part) for part in head[1].split())
    begin = sum(len(line) + 1 for line in head[:3])
    if len(data) - begin != wide * high * 3:
        return None
    return np.frombuffer(data, np.uint8, offset=begin).reshape(high, wide, 3)
