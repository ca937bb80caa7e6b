"""The archive as a PDF/A-3b: the scanner's pixels untouched, invisible text over them, and the record attached.

Images go to a draft on disk as they come and from there to the archive, so that a long document is never wholly in memory.
"""

import functools
import hashlib
import io
import math
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

import pikepdf
import pikepdf.pdfa
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._g_l_y_f import Glyph
from pikepdf import Array, Dictionary, Name, String

from capture.scan import Format, Page
from sealing.codestream import CannotArchive, Decode, code_page, store_image
from sealing.skeleton import make_skeleton, skeleton_name
from sealing.standard import PdfaError, Report, save_checked

__all__ = ["CAPTURE_DATA", "Attachment", "CannotArchive", "Leaf", "Metadata", "Relation", "TextRun", "compose_pdfa"]

CAPTURE_DATA = "capture-data.json"
POINTS = 72.0
SHORTEST, LONGEST = 3, 14400
"""Points; ISO 19005-3, 6.1.13."""

ROTATION = {1: 0, 2: 0, 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}
"""TIFF/EXIF orientation to /Rotate, once the mirrored ones are turned left to right."""
MIRRORED = frozenset({2, 4, 5, 7})


class Relation(StrEnum):
    """/AFRelationship (ISO 19005-3, Annex E)."""

    SOURCE = "Source"
    DATA = "Data"
    ALTERNATIVE = "Alternative"
    SUPPLEMENT = "Supplement"
    UNSPECIFIED = "Unspecified"


@dataclass(frozen=True, slots=True)
class TextRun:
    """A word as it was read. Its box is in pixels of the upright page, origin at the top left."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page on its way into the archive."""

    source: Path
    format: Format
    page: Page
    dpi: tuple[float, float]
    """Dots per inch (x, y) of the stored raster: the page's own, or inferred where the file says nothing."""
    decode: Decode
    text: tuple[TextRun, ...] = ()
    sha256: str | None = None
    """Of the source file, where it is known; saves a reading of a PNG."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside the archive."""

    name: str
    data: bytes
    mime: str
    relation: Relation
    description: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the archive says of itself; all of it handed in, so that equal inputs give equal bytes."""

    title: str
    identifier: bytes
    """16 bytes, the first half of the trailer's /ID (a UUID's bytes, for example)."""
    created: datetime
    """With its time zone."""
    creator: str = "Sceau"
    language: str = "fr-FR"


def compose_pdfa(leaves: Iterable[Leaf], target: Path, metadata: Metadata, attachments: Sequence[Attachment] = ()) -> Report:
    """Write the archive and check it as PDF/A-3b: `target` exists afterwards only if it passed.

    A page from a PNG brings its skeleton along. The leaves are taken one at a time; a draft lies beside `target` while it is made.
    Raises CannotArchive for a page that cannot keep its pixels, and for a file that does not pass, as with a profile of ICC version 5.
    """
    if any(attachment.name.lower() == "factur-x.xml" for attachment in attachments):
        raise ValueError("a scan is not a Factur-X invoice, and no attachment of it may be called factur-x.xml")
    lettering, sheets, files = Lettering(), [], [*attachments]
    with tempfile.NamedTemporaryFile(prefix=f".{target.name}.", dir=target.parent) as file:
        draft = Draft(file)
        for number, leaf in enumerate(leaves, 1):
            image = store_image(code_page(leaf.source, leaf.format, leaf.page, leaf.decode), draft.store)
            sheets.append(draw_sheet(leaf, image, lettering))
            if leaf.format is Format.PNG:
                files.append(_skeleton(leaf, number))
        draft.finish()
        # As a stream, so that qpdf copies each image from file to file; mapped or copied, all of them would be in memory.
        with pikepdf.open(Path(file.name), access_mode=pikepdf.AccessMode.stream) as pdf:
            for sheet in sheets:
                _add_page(pdf, sheet, lettering)
            lettering.embed(pdf)
            del pdf.Root.Kept
            attach_files(pdf, files, metadata.created)
            describe_archive(pdf, metadata)
            return _save_checked(pdf, target)


def _save_checked(pdf: pikepdf.Pdf, target: Path) -> Report:
    try:
        return save_checked(pdf, target)
    except PdfaError as error:
        found = next(iter(error.report.findings), error)
        raise CannotArchive(
            f"le fichier composé n'est pas un PDF/A-3b : {found}", f"the file made of it is not PDF/A-3b: {found}"
        ) from error


def _skeleton(leaf: Leaf, number: int) -> Attachment:
    data = make_skeleton(leaf.source, leaf.sha256)
    return Attachment(skeleton_name(number), data, "application/json", Relation.SOURCE, f"PNG d'origine, page {number}")


class Draft:
    """A PDF of streams only, written one after the other: pages still to come, images already out of memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offsets: list[int] = []
        self._shared: dict[bytes, int] = {}
        file.write(b"%PDF-1.7\n")

    def store(self, entries: str, data: bytes) -> int:
        """Lay a stream down once: the colour profile of two hundred pages is one object. Returns its object number."""
        key = hashlib.sha256(entries.encode("latin-1") + data).digest() if len(data) < 2**16 else b""
        if key in self._shared:
            return self._shared[key]
        number = self._open_object()
        self._file.write(f"<< {entries} /Length {len(data)} >>\nstream\n".encode("latin-1"))
        self._file.write(data)
        self._file.write(b"\nendstream\nendobj\n")
        if key:
            self._shared[key] = number
        return number

    def finish(self) -> None:
        """Catalogue, cross-reference table and trailer (ISO 32000-1, 7.5.4)."""
        kept = " ".join(f"{number} 0 R" for number in range(1, len(self._offsets) + 1))
        pages = self._open_object()
        self._file.write(b"<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n")
        root = self._open_object()
        self._file.write(f"<< /Type /Catalog /Pages {pages} 0 R /Kept [{kept}] >>\nendobj\n".encode("ascii"))
        table = self._file.tell()
        rows = "".join(f"{offset:010d} 00000 n \n" for offset in self._offsets)
        size = len(self._offsets) + 1
        self._file.write(f"xref\n0 {size}\n0000000000 65535 f \n{rows}trailer\n<< /Size {size} /Root {root} 0 R >>\n".encode("ascii"))
        self._file.write(f"startxref\n{table}\n%%EOF\n".encode("ascii"))
        self._file.flush()

    def _open_object(self) -> int:
        self._offsets.append(self._file.tell())
        self._file.write(f"{len(self._offsets)} 0 obj\n".encode("ascii"))
        return len(self._offsets)


# One page: the image on its sheet, then the words.


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as it will be drawn; sizes in points, before rotation."""

    width: float
    height: float
    rotation: int
    image: int
    drawing: bytes
    lettered: bool


def draw_sheet(leaf: Leaf, image: int, lettering: "Lettering") -> Sheet:
    """The image over the whole sheet, turned by /Rotate and mirrored by the matrix, never by its samples; then the words."""
    width, height = leaf.page.width / leaf.dpi[0] * POINTS, leaf.page.height / leaf.dpi[1] * POINTS
    if not SHORTEST <= min(width, height) <= max(width, height) <= LONGEST:
        raise CannotArchive(f"feuille de {width:.0f} × {height:.0f} points", f"sheet of {width:.0f} × {height:.0f} points")
    matrix = f"{-width:.4f} 0 0 {height:.4f} {width:.4f} 0" if leaf.page.orientation in MIRRORED else f"{width:.4f} 0 0 {height:.4f} 0 0"
    drawing = f"q {matrix} cm /Im0 Do Q\n" + (write_runs(leaf, width, height, lettering) if leaf.text else "")
    return Sheet(width, height, ROTATION[leaf.page.orientation], image, drawing.encode("ascii"), bool(leaf.text))


def _add_page(pdf: pikepdf.Pdf, sheet: Sheet, lettering: "Lettering") -> None:
    resources = Dictionary(XObject=Dictionary(Im0=pdf.get_object(sheet.image, 0)))
    if sheet.lettered:
        resources.Font = Dictionary(F0=lettering.reference(pdf))
    page = Dictionary(
        Type=Name.Page, MediaBox=Array([0, 0, round(sheet.width, 4), round(sheet.height, 4)]), Resources=resources,
        Contents=pdf.make_stream(sheet.drawing),
    )  # fmt: skip
    if sheet.rotation:
        page.Rotate = sheet.rotation
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))


def write_runs(leaf: Leaf, width: float, height: float, lettering: "Lettering") -> str:
    """The words as invisible text (render mode 3), set in the upright page's frame and turned with it; sizes in points."""
    rotation = ROTATION[leaf.page.orientation]
    frame = {
        0: "1 0 0 1 0 0",
        90: f"0 1 -1 0 {width:.4f} 0",
        180: f"-1 0 0 -1 {width:.4f} {height:.4f}",
        270: f"0 -1 1 0 0 {height:.4f}",
    }[rotation]
    lying = rotation in (90, 270)
    across, down = (leaf.dpi[1], leaf.dpi[0]) if lying else leaf.dpi
    tall = width if lying else height
    lines = [f"q {frame} cm BT 3 Tr"]
    for run in leaf.text:
        codes = lettering.encode(run.text)
        wide, size = (run.x1 - run.x0) / across * POINTS, (run.y1 - run.y0) / down * POINTS
        if not codes or wide <= 0 or size <= 0 or not math.isfinite(wide + size):
            continue
        stretch = 100 * wide / (len(codes) / 4 * ADVANCE * size)
        baseline = tall - run.y1 / down * POINTS + DESCENT * size
        lines.append(f"/F0 {size:.3f} Tf {stretch:.3f} Tz 1 0 0 1 {run.x0 / across * POINTS:.3f} {baseline:.3f} Tm <{codes}> Tj")
    return "\n".join([*lines, "ET Q\n"])


# The glyphless font: every character has a code of its own, all codes show the same empty glyph.

ADVANCE = 0.5
"""Width of the one glyph, in ems."""
DESCENT = 0.2
FONT_NAME = "SceauInvisible"
FONT_BIRTH = 3_850_000_000
"""Seconds since 1904, any fixed moment: the font is the same in every document."""


@dataclass(slots=True)
class Lettering:
    """The characters a document uses, numbered in the order they come, and the font that is made of them at the end."""

    codes: dict[str, int] = field(default_factory=dict)
    font: pikepdf.Object | None = None

    def encode(self, text: str) -> str:
        """Four hexadecimal digits per character. What Unicode forbids in a text layer (ISO 19005-3, 6.2.11.7.2) is left out."""
        kept = (c for c in text if c.isprintable() and not "\ud800" <= c <= "\udfff" and c not in "\ufeff\ufffe")
        return "".join(f"{self.codes.setdefault(c, len(self.codes) + 1):04x}" for c in kept)

    def reference(self, pdf: pikepdf.Pdf) -> pikepdf.Object:
        """The font's object; it is filled by `embed`."""
        if self.font is None:
            self.font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type0))
        return self.font

    def embed(self, pdf: pikepdf.Pdf) -> None:
        """Fill the font object, if any page asked for it."""
        if self.font is None:
            return
        file = pdf.make_stream(glyphless_font())
        file.Length1 = len(glyphless_font())
        descriptor = Dictionary(
            Type=Name.FontDescriptor, FontName=Name("/" + FONT_NAME), Flags=4, FontBBox=Array([0, -200, 500, 800]),
            ItalicAngle=0, Ascent=800, Descent=-200, CapHeight=800, StemV=80, FontFile2=file,
        )  # fmt: skip
        below = Dictionary(
            Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name("/" + FONT_NAME), DW=int(1000 * ADVANCE),
            CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
            FontDescriptor=pdf.make_indirect(descriptor),
            CIDToGIDMap=pdf.make_stream(b"\0\0" + b"\0\1" * len(self.codes)),
        )  # fmt: skip
        self.font.BaseFont = Name("/" + FONT_NAME)
        self.font.Encoding = Name("/Identity-H")
        self.font.DescendantFonts = Array([pdf.make_indirect(below)])
        self.font.ToUnicode = pdf.make_stream(_unicode_map(self.codes))


@functools.cache
def glyphless_font() -> bytes:
    """A TrueType font of one empty glyph beside .notdef, half an em wide; a few hundred bytes, the same every time."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "blank"])
    builder.setupCharacterMap({0x20: "blank"})
    # A line without area, from corner to corner: invisible, yet the glyph has a box. PDFium skips turned text whose box has no width.
    pen = TTGlyphPen(None)
    pen.moveTo((0, -200))
    pen.lineTo((500, 800))
    pen.closePath()
    builder.setupGlyf({".notdef": Glyph(), "blank": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "blank": (500, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupHead(unitsPerEm=1000, created=FONT_BIRTH, modified=FONT_BIRTH)
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupNameTable({"familyName": FONT_NAME, "styleName": "Regular", "psName": FONT_NAME})
    builder.setupPost()
    builder.font.recalcTimestamp = False
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


def _unicode_map(codes: dict[str, int]) -> bytes:
    """ToUnicode CMap (ISO 32000-1, 9.10.3): at most 100 characters per block."""
    pairs = [f"<{code:04x}> <{character.encode('utf-16-be').hex()}>" for character, code in codes.items()]
    blocks = [pairs[i : i + 100] for i in range(0, len(pairs), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{body}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode("ascii")


# What is attached, and what the document says of itself.


def attach_files(pdf: pikepdf.Pdf, files: Sequence[Attachment], moment: datetime) -> None:
    """Put files into a PDF that has none yet, in the order of their names, as ISO 19005-3, 6.8 wants it.

    Each has its MIME type and relationship, and a place in the catalogue's /AF.
    """
    for attachment in sorted(files, key=lambda each: each.name):
        _attach(pdf, attachment, moment)


def _attach(pdf: pikepdf.Pdf, attachment: Attachment, moment: datetime) -> None:
    # Whole originals are compressed already: storing them costs a tenth of deflating them again.
    file = pdf.make_stream(zlib.compress(attachment.data, 0 if len(attachment.data) > 2**20 else 6))
    file.Filter = Name.FlateDecode
    file.Type, file.Subtype = Name.EmbeddedFile, Name("/" + attachment.mime)
    date = String(_pdf_date(moment))
    digest = hashlib.md5(attachment.data, usedforsecurity=False).digest()
    file.Params = Dictionary(Size=len(attachment.data), CheckSum=String(digest), CreationDate=date, ModDate=date)
    entry = pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec,
            F=String(attachment.name),
            UF=String(attachment.name),
            EF=Dictionary(F=file, UF=file),
            AFRelationship=Name("/" + attachment.relation),
            Desc=String(attachment.description or attachment.name),
        )
    )
    if "/Names" not in pdf.Root:
        pdf.Root.Names = Dictionary(EmbeddedFiles=pdf.make_indirect(Dictionary(Names=Array())))
        pdf.Root.AF = pdf.make_indirect(Array())
    pdf.Root.Names.EmbeddedFiles.Names.extend([String(attachment.name), entry])
    pdf.Root.AF.append(entry)


def _pdf_date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ")


def describe_archive(pdf: pikepdf.Pdf, metadata: Metadata) -> None:
    """Title, dates, language and identifier, then everything `pikepdf.pdfa.prepare` adds; nothing in it but what was handed in."""
    pdf.Root.Lang = String(metadata.language)
    pdf.docinfo.Title, pdf.docinfo.Creator = String(metadata.title), String(metadata.creator)
    pdf.docinfo.CreationDate = pdf.docinfo.ModDate = String(_pdf_date(metadata.created))
    pdf.trailer.ID = Array([String(metadata.identifier), String(metadata.identifier)])
    pikepdf.pdfa.prepare(pdf, "3b")
    # `prepare` writes the present time into the packet; equal inputs shall give equal bytes.
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as packet:
        packet["xmp:MetadataDate"] = metadata.created.astimezone(UTC).isoformat()
