"""How a file is coded, read from its bytes: format, pages, codecs and physical size. Judging them is the business of `conformity`.

Hostile files are expected: headers first, every count capped, nothing decoded. What is wrong becomes a finding, never an exception.
"""

import codecs
import io
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from operator import add
from pathlib import Path
from typing import BinaryIO, TypeAlias

from capture import markers, pdfpages
from capture.catalogue import finding
from capture.findings import Finding
from capture.ifd import LARGEST_TILE, BrokenDirectory, Directory, require_small_tiles, walk_directories
from capture.markers import BrokenHeader, Header
from capture.scan import Format, Model, Page, Scan


@dataclass(frozen=True, slots=True)
class Caps:
    """What a file may ask of this machine before it is refused unopened. House policy, against hostile or broken files."""

    max_pixels: int = 300_000_000
    """Per page: A0 at 300 dpi has 139 million."""
    max_pages: int = 2000
    """Per file: a binder of 1000 sheets, both sides."""
    max_bytes: int = 16 << 30
    """Per file: 2000 uncompressed A4 pages take 52 GB, 600 take 16."""


HEAD = 1 << 16
"""Bytes by which a format is told: an XML may begin with pages of licence before its root."""
Read: TypeAlias = tuple[list[Page], list[Finding]]
Reader: TypeAlias = Callable[[BinaryIO, int, Caps], Read]

_MAGIC: dict[Format, tuple[bytes, ...]] = {
    Format.TIFF: (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    Format.PNG: (markers.PNG_SIGNATURE,),
    Format.JPEG: (b"\xff\xd8\xff",),
    Format.JP2: (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
}
_NAMES = {
    ".tif": Format.TIFF, ".tiff": Format.TIFF, ".png": Format.PNG, ".jpg": Format.JPEG, ".jpeg": Format.JPEG, ".jp2": Format.JP2,
    ".j2k": Format.JP2, ".jpf": Format.JP2, ".jpx": Format.JP2, ".j2c": Format.JP2, ".jpc": Format.JP2, ".pdf": Format.PDF,
    ".webp": Format.WEBP, ".xml": Format.XML,
}  # fmt: skip
_STRANGERS = {
    b"GIF8": "gif", b"BM": "bmp", b"PK\x03\x04": "zip", b"<?xml": "xml", b"{\\rtf": "rtf", b"%!PS": "postscript", b"<!": "html",
    b"AT&TFORM": "djvu", b"\xff\x0a": "jpeg xl", b"\0\0\0\x0cJXL ": "jpeg xl", b"8BPS": "psd", b"\xd0\xcf\x11\xe0": "office",
    b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7z",
}  # fmt: skip


def examine(path: Path, caps: Caps | None = None, name: str | None = None) -> Scan:
    """One file as a scanner wrote it, under `name` where it is not kept under its own.

    Bad content is a finding in the scan; raises OSError only where the file itself cannot be opened.
    """
    caps = caps or Caps()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD)
        format_ = tell_format(head)
        if refused := _refuse(head, format_, size, caps, Path(name).suffix if name else path.suffix):
            return Scan(format_, size, (), (refused,))
        try:
            pages, findings = _READERS[format_](file, size, caps)
        except (BrokenDirectory, BrokenHeader, pdfpages.BrokenPdf) as error:
            pages, findings = [], [finding(error.code, measured=str(error))]
        except Exception as error:  # noqa: BLE001 Hostile bytes reach several parsers; whatever one raises is a fact about the file.
            pages, findings = [], [finding("damaged", measured=f"{type(error).__name__}")]
    findings += _odd_name(Path(name) if name else path, format_)
    if not pages and not findings:
        findings.append(finding("damaged", measured="0 page"))
    sound = [page for page in pages if page.codec == "vector" or (page.width > 0 and page.height > 0)]
    findings += [finding("damaged", page=page.number, measured=f"{page.width} × {page.height}") for page in pages if page not in sound]
    findings += [_bomb(page, caps) for page in sound if page.width * page.height > caps.max_pixels]
    return Scan(format_, size, tuple(sound), tuple(findings))


def tell_format(head: bytes) -> Format:
    """The container, by its first `HEAD` bytes; all but XML are told from the first 1024."""
    for format_, starts in _MAGIC.items():
        if head.startswith(starts):
            return format_
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Format.WEBP
    if b"%PDF-" in head[:1024]:  # ISO 32000-1 annex H.3.4.1: readers accept the header within the first 1024 bytes.
        return Format.PDF
    return Format.XML if xml_root(head) else Format.UNKNOWN


def complete(path: Path) -> bool:
    """True once the format is complete on disk: IFD chain and strips inside the file, %%EOF, IEND, EOI, EOC.

    Reads directories and the tail, never the pixels. An unknown format is complete as soon as it has 8 bytes, for nothing more can be told.
    Raises OSError where the file cannot be opened.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD)
        try:
            return _COMPLETE[tell_format(head)](file, size)
        except (ValueError, struct.error, OverflowError, MemoryError):
            return False


# --- one image per file ---


def _single(read: Callable[[BinaryIO, int], Header]) -> Reader:
    def pages(file: BinaryIO, size: int, _caps: Caps) -> Read:
        header = read(file, size)
        findings = [finding(header.trouble[0], page=1, measured=header.trouble[1], limit=header.limit)] if header.trouble else []
        return [page_of(header, 1)], findings

    return pages


def page_of(header: Header, number: int, index: int = 0) -> Page:
    """A page from the header of its image."""
    return Page(
        number,
        header.codec,
        header.lossless,
        header.width,
        header.height,
        header.bits,
        header.channels,
        _model(header),
        header.dpi,
        header.orientation,
        header.alpha,
        index,
    )


def _model(header: Header) -> Model:
    if header.palette:
        return Model.PALETTE
    if header.colours == "gray":
        return Model.BILEVEL if header.bits == 1 and header.channels == 1 else Model.GRAY
    return {"rgb": Model.RGB, "cmyk": Model.CMYK}.get(header.colours, Model.OTHER)


def _read_jp2(file: BinaryIO, size: int) -> Header:
    file.seek(0)
    return markers.read_codestream(file, 0, size) if file.read(2) == b"\xff\x4f" else markers.read_jp2(file, size)


# --- TIFF ---

_TIFF_CODECS: dict[int, tuple[str, bool | None]] = {
    1: ("none", True), 2: ("ccitt_rle", True), 3: ("ccitt_g3", True), 4: ("ccitt_g4", True), 5: ("lzw", True), 6: ("jpeg", False),
    7: ("jpeg", False), 8: ("deflate", True), 32946: ("deflate", True), 32773: ("packbits", True), 34925: ("lzma", True),
    50000: ("zstd", True), 9: ("jbig", True), 10: ("jbig", True), 34661: ("jbig", True), 34712: ("jpeg2000", None),
    33003: ("jpeg2000", None), 33005: ("jpeg2000", None), 34892: ("jpeg", False), 50001: ("webp", None), 32771: ("ccitt_rle", True),
    34887: ("lerc", None), 50002: ("jpeg_xl", None), 52546: ("jpeg_xl", None),
}  # fmt: skip
"""By the Compression tag (TIFF 6.0, TIFF-FX, libtiff's registry). JBIG (T.82, T.85) never loses; LERC and JPEG XL may, and what they say
of it is not read here."""
_INNER: dict[int, Callable[[BinaryIO, int], Header]] = {
    7: markers.read_jpeg, 34892: markers.read_jpeg, 50001: markers.read_webp,
    **dict.fromkeys((34712, 33003, 33005), lambda file, size: markers.read_codestream(file, 0, size)),
}  # fmt: skip
"""Codecs whose own headers decide, by the Compression tag."""


def _read_tiff(file: BinaryIO, size: int, caps: Caps) -> Read:
    """A thumbnail (NewSubfileType bit 0, and smaller than the page before it) is no sheet side and is passed over; one that claims to be
    a thumbnail and is not, or comes before any page, makes its file a mixed one, and so does a mask (bit 2).
    """
    pages: list[Page] = []
    findings: list[Finding] = []
    try:
        for tags in walk_directories(file, size):
            kind = tags.whole(254, 0)
            if kind & 1 and pages and _smaller(tags, pages[-1]):
                continue
            if kind & 1:
                findings.append(finding("mixed-page", page=len(pages) + 1, measured="TIFF, vignette / thumbnail"))
            if kind & 4:
                findings.append(finding("mixed-page", page=max(len(pages), 1), measured="TIFF, masque / mask"))
                continue
            if len(pages) == caps.max_pages:
                findings.append(finding("too-many-pages", limit=str(caps.max_pages)))
                break
            page = _tiff_page(file, tags, len(pages) + 1)
            pages.append(page)
            if trouble := _strips_trouble(tags, size, page) or _tile_trouble(tags, page):
                findings.append(trouble)
    except BrokenDirectory as error:
        findings.append(finding(error.code, measured=str(error)))
    return pages, findings


def _smaller(tags: Directory, page: Page) -> bool:
    return tags.whole(256, 0) * tags.whole(257, 0) < page.width * page.height


def _tiff_page(file: BinaryIO, tags: Directory, number: int) -> Page:
    codec, lossless = _tiff_codec(file, tags)
    photometric, channels = tags.whole(262, 1), tags.whole(277, 1)
    depths = tags.many(258) or (1,)
    bits = max(depths)
    colours = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}.get(photometric, channels)
    extra = tags.many(338)
    return Page(
        number,
        codec,
        lossless,
        tags.whole(256, 0),
        tags.whole(257, 0),
        bits,
        channels,
        _tiff_model(tags, photometric, bits, codec) if min(depths) == bits else Model.OTHER,
        markers.tagged_dpi(tags),
        markers.valid_orientation(tags.whole(274, 1)),
        bool(extra) or channels > colours,
        tags.number,
    )


def _tiff_model(tags: Directory, photometric: int, bits: int, codec: str) -> Model:
    if any(kind != 1 for kind in tags.many(339)):
        return Model.OTHER  # Signed or floating-point samples.
    if photometric in (0, 1):
        return Model.BILEVEL if bits == 1 else Model.GRAY
    if photometric == 6:
        return Model.RGB if codec.startswith("jpeg") else Model.OTHER
    return {2: Model.RGB, 3: Model.PALETTE, 5: Model.CMYK}.get(photometric, Model.OTHER)


def _tiff_codec(file: BinaryIO, tags: Directory) -> tuple[str, bool | None]:
    """By the Compression tag; for JPEG, JPEG 2000 and WebP by the first strip or tile as well."""
    number = tags.whole(259, 1)
    if number not in _INNER:
        return _TIFF_CODECS.get(number, (f"tiff_{number}", None))
    offsets, counts = tags.many(273) or tags.many(324), tags.many(279) or tags.many(325)
    if not offsets or not counts:
        return _TIFF_CODECS.get(number, (f"tiff_{number}", None))
    file.seek(offsets[0])
    data = file.read(min(counts[0], 1 << 20))
    try:
        header = _INNER[number](io.BytesIO(data + b"\xff\xd9"), len(data) + 2)
    except (BrokenHeader, struct.error):
        return _TIFF_CODECS.get(number, (f"tiff_{number}", None))
    return header.codec, header.lossless


def _strips_trouble(tags: Directory, size: int, page: Page) -> Finding | None:
    """Strips and tiles must lie inside the file, and an uncompressed page must have all of its bytes."""
    offsets, counts = tags.many(273) or tags.many(324), tags.many(279) or tags.many(325)
    if not offsets:
        return finding("damaged", page=page.number, measured="StripOffsets")
    if counts and len(counts) != len(offsets):
        return finding("damaged", page=page.number, measured=f"{len(offsets)} strips, {len(counts)} counts")
    end = max(map(add, offsets, counts)) if counts else max(offsets)
    needed = page.height * ((page.width * page.channels * page.bits + 7) // 8)
    if end > size or (page.codec == "none" and counts and sum(counts) < needed):
        return finding("truncated", page=page.number, measured=f"{max(needed, end)} > {size} octets")
    return None


def _tile_trouble(tags: Directory, page: Page) -> Finding | None:
    try:
        require_small_tiles(tags)
    except BrokenDirectory as error:
        return finding(error.code, page=page.number, measured=str(error), limit=str(LARGEST_TILE))
    return None


def _tiff_complete(file: BinaryIO, size: int) -> bool:
    empty = Page(1, "", None, 0, 0, 0, 0, Model.OTHER, None)
    for number, tags in enumerate(walk_directories(file, size)):
        if _strips_trouble(tags, size, empty) is not None:
            return False
        if number >= 100_000:
            break  # The chain is absurd, not incomplete: let `examine` say so.
    return True


# --- PDF ---


def _read_pdf(file: BinaryIO, size: int, caps: Caps) -> Read:
    pages, findings = pdfpages.read_pages(file, caps.max_pages)
    if not _pdf_complete(file, size):
        findings.append(finding("truncated", measured="%%EOF"))
    return pages, findings


def _pdf_complete(file: BinaryIO, size: int) -> bool:
    """%%EOF in the last 1024 bytes, as readers demand (ISO 32000-1 annex H.3.4.4), with zero padding after it allowed."""
    file.seek(max(0, size - 65_536))
    tail = file.read(65_536).rstrip(b"\0")
    return b"%%EOF" in tail[-1024:]


# --- XML invoices ---

_ROOT = re.compile(
    r"\s*<(?:(?P<prefix>[\w.-]{1,40}):)?(?P<name>CrossIndustryInvoice|CrossIndustryDocument|Invoice|CreditNote)(?P<rest>[\s>/][^>]{0,8000})"
)
_SPACES = (
    "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:",
    "urn:ferd:CrossIndustryDocument:invoice:",
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
)
"""Namespaces of an invoice's root: CII (UN/CEFACT), ZUGFeRD 1, UBL 2 (OASIS)."""


def xml_root(head: bytes) -> str | None:
    """Name of the root element, with its prefix, where an XML begins that is an invoice; comments and the like before it are passed."""
    text = _xml_text(head)
    if not text.startswith("<"):
        return None
    at = 0
    while text.startswith(("<?", "<!--"), at):
        mark = "-->" if text.startswith("<!--", at) else "?>"
        end = text.find(mark, at)
        if end < 0:
            return None
        at = end + len(mark)
        at += len(text[at : at + 10_000]) - len(text[at : at + 10_000].lstrip())
    found = _ROOT.match(text, at)
    if found is None or not any(space in found["rest"] for space in _SPACES):
        return None
    return f"{found['prefix']}:{found['name']}" if found["prefix"] else found["name"]


def _xml_text(data: bytes) -> str:
    """Enough of the encodings of XML to see its tags (XML 1.0, appendix F): UTF-16 by its mark, all others by their ASCII."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").lstrip()
    return data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip()


def _read_xml(_file: BinaryIO, _size: int, _caps: Caps) -> Read:
    """One page, drawn from its values; how many there are the one who draws them knows."""
    return [Page(1, "vector", None, 0, 0, 0, 0, Model.OTHER, None)], []


def _xml_complete(file: BinaryIO, size: int) -> bool:
    """The root's end tag is there."""
    file.seek(0)
    head = file.read(HEAD)
    file.seek(max(0, size - 4096))
    tail = file.read(4096)
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    return f"</{xml_root(head)}".encode() in (tail.replace(b"\0", b"") if wide else tail)


# --- what is common ---


def _refuse(head: bytes, format_: Format, size: int, caps: Caps, ending: str) -> Finding | None:
    if not size:
        return finding("empty-file")
    if size > caps.max_bytes:
        return finding("too-large", measured=f"{size >> 20} Mo", limit=f"{caps.max_bytes >> 20} Mo")
    if format_ is Format.UNKNOWN:
        kind = next((name for magic, name in _STRANGERS.items() if head.lstrip().startswith(magic)), None)
        return finding(
            "unknown-format", measured=kind or _first_signs(head), limit=ending.lower() if re.fullmatch(r"\.\w{1,5}", ending) else "–"
        )
    return None


def _first_signs(head: bytes) -> str:
    """What the content looks like; never what it says."""
    try:
        # Not final: the last letter of a beginning may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        text = "\0"
    return "texte / text" if all(sign.isprintable() or sign.isspace() for sign in text) else head[:4].hex(" ")


def _odd_name(path: Path, format_: Format) -> list[Finding]:
    claimed = _NAMES.get(path.suffix.lower())
    if claimed in (None, format_):
        return []
    return [finding("mislabelled", measured=format_.upper(), limit=path.suffix.lower())]


def _bomb(page: Page, caps: Caps) -> Finding:
    return finding("image-bomb", page=page.number, measured=f"{page.width * page.height:,}".replace(",", " "), limit=str(caps.max_pixels))


_READERS: dict[Format, Reader] = {
    Format.TIFF: _read_tiff,
    Format.PNG: _single(markers.read_png),
    Format.JPEG: _single(markers.read_jpeg),
    Format.JP2: _single(_read_jp2),
    Format.WEBP: _single(markers.read_webp),
    Format.PDF: _read_pdf,
    Format.XML: _read_xml,
}

_COMPLETE: dict[Format, Callable[[BinaryIO, int], bool]] = {
    Format.TIFF: _tiff_complete,
    Format.PNG: markers.png_complete,
    Format.JPEG: markers.jpeg_complete,
    Format.JP2: markers.jp2_complete,
    Format.WEBP: markers.webp_complete,
    Format.PDF: _pdf_complete,
    Format.XML: _xml_complete,
    Format.UNKNOWN: lambda _file, size: size >= 8,
}
