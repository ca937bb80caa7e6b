"""What a scanner wrote, as read from its bytes: a scan is one file, and its pages are how each sheet side is coded."""

from dataclasses import dataclass
from enum import StrEnum

from capture.findings import Finding


class Format(StrEnum):
    """The container, told by its first bytes and never by the file's name."""

    TIFF = "tiff"
    PNG = "png"
    JPEG = "jpeg"
    JP2 = "jp2"
    PDF = "pdf"
    WEBP = "webp"
    XML = "xml"
    """An electronic invoice in XML (CII or UBL), told by its root; other XML is unknown."""
    UNKNOWN = "unknown"


class Model(StrEnum):
    """What the stored samples mean."""

    RGB = "rgb"
    GRAY = "gray"
    BILEVEL = "bilevel"
    PALETTE = "palette"
    CMYK = "cmyk"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Page:
    """One sheet side as it is coded in its file."""

    number: int
    """From 1, in the order of the file."""
    codec: str
    """none, lzw, deflate, packbits, zstd, lzma, ccitt_g3, ccitt_g4, jpeg, jpeg_lossless, png, flate, dct, rle, jpeg2000_5_3, jpeg2000_9_7,
    jpx_5_3, jpx_9_7, jbig2_generic, jbig2_symbols, webp_lossless, webp_lossy…; "vector" where a page of a PDF,
    or of the view of an XML invoice, is drawn, not scanned."""
    lossless: bool | None
    """None where the bytes do not tell."""
    width: int
    """Stored pixels, orientation unapplied."""
    height: int
    bits: int
    """Bits per sample."""
    channels: int
    """Samples per pixel as stored, alpha included; a palette has one."""
    model: Model
    dpi: tuple[float, float] | None
    """Effective dots per inch (x, y) of the stored raster, from pixels and physical size; None where the file gives no physical size."""
    orientation: int = 1
    """TIFF/EXIF orientation 1…8 (TIFF 6.0 §Orientation), or its equivalent for a rotated PDF page."""
    alpha: bool = False
    index: int = 0
    """Where the page is in its file: IFD number, or page number of a PDF, from 0."""
    image: tuple[int, int] | None = None
    """PDF only: object and generation number of the page's one image."""
    bands: tuple[tuple[int, int], ...] = ()
    """PDF only: instead of `image`, the images of one scan that its device cut into bands, from the top of the stored raster."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One file as a scanner wrote it."""

    format: Format
    size: int
    """Bytes."""
    pages: tuple[Page, ...]
    findings: tuple[Finding, ...] = ()
    """What is wrong with the file as a container; what is wrong with its images is judged by `conformity`."""
