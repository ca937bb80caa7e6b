"""The pixel certificate: the archive's images, decoded by another library than the one which decoded the scan.

Scans are decoded by OpenCV and Pillow; archives by PDFium, JPEG by Pillow, and by qpdf what is not eight bits of plain colour.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pikepdf
import pypdfium2 as pdfium
from PIL import Image
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

from capture.pdfpages import read_all
from capture.raster import Raster
from capture.scan import Model
from sealing.codestream import CHANNELS, CannotArchive, Coding, read_object, sole_image, unpack_bits


class CannotDecode(Exception):
    """The archived image cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A PDF open in qpdf for its objects; PDFium opens it anew for each page, for it would keep every image it has seen."""

    path: Path
    pdf: pikepdf.Pdf

    @property
    def pages(self) -> int:
        return len(self.pdf.pages)


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Raises CannotDecode if the file is not a PDF."""
    try:
        # Read, not mapped: mapped pages count as this process's memory.
        pdf = pikepdf.open(path, access_mode=pikepdf.AccessMode.stream)
    except (pikepdf.PdfError, OSError) as error:
        raise CannotDecode(str(error)) from error
    with pdf:
        yield Archive(path, pdf)


def archive_raster(path: Path, page: int) -> Raster:
    """Canonical raster of a page (from 1) of an archive. Raises CannotDecode."""
    with open_archive(path) as archive:
        return page_raster(archive, page)


def page_raster(archive: Archive, page: int) -> Raster:
    """The same, of an archive that is open already."""
    coding = page_coding(archive, page)
    try:
        samples = _decode_samples(archive, page, coding)
    except (pikepdf.PdfError, pdfium.PdfiumError, OSError, ValueError) as error:
        raise CannotDecode(f"page {page}: {error}") from error
    return Raster(np.ascontiguousarray(samples), coding.bits, coding.model, coding.palette, coding.icc)


def page_codestream(archive: Archive, page: int) -> str:
    """Hexadecimal SHA-256 of the page's codestream, its shared segments first. Raises CannotDecode."""
    return codestream_digest(page_coding(archive, page))


def holds_jpeg(archive: Archive, page: int) -> bool:
    """Whether the page's image is a JPEG codestream, whose samples hang on who decodes it. Raises CannotDecode."""
    return page_coding(archive, page).filters[-1:] == ("DCTDecode",)


def codestream_digest(coding: Coding) -> str:
    """What `page_codestream` finds again in the archive."""
    return hashlib.sha256(coding.globals + coding.data).hexdigest()


def page_coding(archive: Archive, page: int) -> Coding:
    """The page's image as values, its codestream undecoded. Raises CannotDecode."""
    try:
        coding = read_object(sole_image(archive.pdf, page))
    except (IndexError, ValueError, AttributeError, KeyError, pikepdf.PdfError, CannotArchive) as error:
        raise CannotDecode(f"page {page}: {error}") from error
    if coding is None:
        raise CannotDecode(f"page {page}: JPEG 2000")
    return coding


def _decode_samples(archive: Archive, page: int, coding: Coding) -> npt.NDArray[np.uint8]:
    last = coding.filters[-1]
    if last == "DCTDecode":
        return _turned(_decode_jpeg(coding.data), coding)
    if last in ("CCITTFaxDecode", "JBIG2Decode"):
        return (_view_image(archive, page) >= 128).astype(np.uint8)
    if coding.bits == 8 and coding.model is not Model.PALETTE and not (coding.icc or coding.space or coding.inverted):
        return _view_image(archive, page)
    data = read_all(sole_image(archive.pdf, page))
    if coding.bits < 8:
        return _turned(unpack_bits(data, coding.width, coding.height, coding.bits), coding)
    shape = (coding.height, coding.width, 3) if CHANNELS[coding.model] == 3 else (coding.height, coding.width)
    return _turned(np.frombuffer(data, np.uint8, int(np.prod(shape))).reshape(shape), coding)


def _turned(samples: npt.NDArray[np.uint8], coding: Coding) -> npt.NDArray[np.uint8]:
    return (np.uint8(2**coding.bits - 1) - samples) if coding.inverted else samples


def _decode_jpeg(data: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as jpeg:
        return np.asarray(jpeg)


def _view_image(archive: Archive, page: int) -> npt.NDArray[np.uint8]:
    """PDFium's samples: RGB or grey, eight bits."""
    with closing(pdfium.PdfDocument(archive.path)) as viewer, closing(viewer[page - 1]) as sheet:
        (image,) = sheet.get_objects(filter=(FPDF_PAGEOBJ_IMAGE,))
        return _in_order(image.get_bitmap().to_numpy())


def _in_order(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return pixels.reshape(pixels.shape[:2]).copy()
    # PDFium orders blue, green, red; only the order is changed here.
    turn = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(pixels, turn), np.uint8)
