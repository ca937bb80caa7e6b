"""The archive as a PDF/A-3b: the scanner's pixels untouched, invisible text over them, and the record attached.

Pages are written to disk in batches and merged as streams, so that a long document is never wholly in memory.
"""

import functools
import hashlib
import io
import math
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pikepdf
import pikepdf.pdfa
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph
from pikepdf import Array, Dictionary, Name, String

from capture.scan import Format, Page
from sealing.codestream import CannotArchive, Decode, code_page, image_object
from sealing.skeleton import make_skeleton, skeleton_name

__all__ = ["CAPTURE_DATA", "Attachment", "CannotArchive", "Leaf", "Metadata", "Relation", "TextRun", "compose_pdfa"]

CAPTURE_DATA = "capture-data.json"
BATCH_BYTES = 48 * 2**20
"""Coded pages held in memory before they go to disk. Small documents never reach it and are written once."""
POINTS = 72.0

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


def compose_pdfa(leaves: Iterable[Leaf], target: Path, metadata: Metadata, attachments: Sequence[Attachment] = ()) -> pikepdf.pdfa.Report:
    """Write the archive and check it as PDF/A-3b: `target` exists afterwards only if it passed.

    A page from a PNG brings its skeleton along. Batches lie beside `target` while it is made.
    Raises CannotArchive for a page that cannot keep its pixels, and `pikepdf.pdfa.PdfaError` if the written file does not pass.
    """
    if any(attachment.name.lower() == "factur-x.xml" for attachment in attachments):
        raise ValueError("a scan is not a Factur-X invoice, and no attachment of it may be called factur-x.xml")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent)))
        pdf = stack.enter_context(pikepdf.new())
        lettering = Lettering()
        files = [*attachments]
        images = _gather_images(leaves, folder, pdf, stack)
        for leaf, image, number in images:
            _add_page(pdf, leaf, image, number, lettering)
            if leaf.format is Format.PNG:
                files.append(_skeleton(leaf, number))
        lettering.embed(pdf)
        for attachment in sorted(files, key=lambda each: each.name):
            _attach(pdf, attachment, metadata.created)
        _describe(pdf, metadata)
        return pikepdf.pdfa.save(pdf, target, "3b", repair=False, static_id=True)


def _skeleton(leaf: Leaf, number: int) -> Attachment:
    # The hash of the file is that of the page only if the file is the page: a PNG holds one.
    data = make_skeleton(leaf.source, leaf.sha256)
    return Attachment(skeleton_name(number), data, "application/json", Relation.SOURCE, f"PNG d'origine, page {number}")


def _gather_images(
    leaves: Iterable[Leaf], folder: Path, pdf: pikepdf.Pdf, stack: ExitStack
) -> Iterator[tuple[Leaf, pikepdf.Object, int]]:
    """Each page with its image as an object of `pdf`; full batches go through disk."""
    batch: list[tuple[Leaf, pikepdf.Object, int]] = []
    draft, held = pikepdf.new(), 0
    for number, leaf in enumerate(leaves, 1):
        coding = code_page(leaf.source, leaf.format, leaf.page, leaf.decode)
        batch.append((leaf, draft.make_indirect(image_object(draft, coding)), number))
        held += len(coding.data)
        if held > BATCH_BYTES:
            yield from _reopen_batch(draft, batch, folder / f"{number}.pdf", pdf, stack)
            draft, batch, held = pikepdf.new(), [], 0
    yield from ((leaf, pdf.copy_foreign(image), number) for leaf, image, number in batch)
    stack.callback(draft.close)


def _reopen_batch(
    draft: pikepdf.Pdf, batch: list[tuple[Leaf, pikepdf.Object, int]], path: Path, pdf: pikepdf.Pdf, stack: ExitStack
) -> Iterator[tuple[Leaf, pikepdf.Object, int]]:
    draft.Root.Images = Array([image for _, image, _ in batch])
    draft.save(path, static_id=True)
    draft.close()
    stored = stack.enter_context(pikepdf.open(path, access_mode=pikepdf.AccessMode.stream))
    for (leaf, _, number), image in zip(batch, stored.Root.Images, strict=True):
        yield leaf, pdf.copy_foreign(image), number


# One page: the image on its sheet, then the words.


def _add_page(pdf: pikepdf.Pdf, leaf: Leaf, image: pikepdf.Object, number: int, lettering: "Lettering") -> None:
    width, height = leaf.page.width / leaf.dpi[0] * POINTS, leaf.page.height / leaf.dpi[1] * POINTS
    flip = f"{-width:.4f} 0 0 {height:.4f} {width:.4f} 0" if leaf.page.orientation in MIRRORED else f"{width:.4f} 0 0 {height:.4f} 0 0"
    drawing = f"q {flip} cm /Im0 Do Q\n"
    rotation = ROTATION[leaf.page.orientation]
    resources = Dictionary(XObject=Dictionary(Im0=image))
    if leaf.text:
        resources.Font = Dictionary(F0=lettering.reference(pdf))
        drawing += write_runs(leaf, width, height, lettering)
    page = Dictionary(
        Type=Name.Page, MediaBox=Array([0, 0, _figure(width), _figure(height)]), Resources=resources,
        Contents=pdf.make_stream(drawing.encode("ascii")),
    )  # fmt: skip
    if rotation:
        page.Rotate = rotation
    pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
    del number


def _figure(points: float) -> float:
    return round(points, 4)


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
    builder.setupGlyf({".notdef": Glyph(), "blank": Glyph()})
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


def _attach(pdf: pikepdf.Pdf, attachment: Attachment, moment: datetime) -> None:
    """ISO 19005-3, 6.8: MIME type, relationship, and a place in the catalogue's /AF."""
    # Whole originals are compressed already: storing them costs a tenth of deflating them again.
    file = pdf.make_stream(zlib.compress(attachment.data, 0 if len(attachment.data) > 2**20 else 6))
    file.Filter = Name.FlateDecode
    file.Type, file.Subtype = Name.EmbeddedFile, Name("/" + attachment.mime)
    date = String(_pdf_date(moment))
    digest = hashlib.md5(attachment.data, usedforsecurity=False).digest()
    file.Params = Dictionary(Size=len(attachment.data), CheckSum=String(digest), CreationDate=date, ModDate=date)
    entry = pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec, F=String(attachment.name), UF=String(attachment.name), EF=Dictionary(F=file, UF=file),
            AFRelationship=Name("/" + attachment.relation), Desc=String(attachment.description or attachment.name),
        )  # fmt: skip
    )
    if "/Names" not in pdf.Root:
        pdf.Root.Names = Dictionary(EmbeddedFiles=pdf.make_indirect(Dictionary(Names=Array())))
        pdf.Root.AF = pdf.make_indirect(Array())
    pdf.Root.Names.EmbeddedFiles.Names.extend([String(attachment.name), entry])
    pdf.Root.AF.append(entry)


def _pdf_date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ")


def _describe(pdf: pikepdf.Pdf, metadata: Metadata) -> None:
    pdf.Root.Lang = String(metadata.language)
    pdf.docinfo.Title, pdf.docinfo.Creator = String(metadata.title), String(metadata.creator)
    pdf.docinfo.CreationDate = pdf.docinfo.ModDate = String(_pdf_date(metadata.created))
    pdf.trailer.ID = Array([String(metadata.identifier), String(metadata.identifier)])
    pikepdf.pdfa.prepare(pdf, "3b")
    # `prepare` writes the present time into the packet; equal inputs shall give equal bytes.
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as packet:
        packet["xmp:MetadataDate"] = metadata.created.astimezone(UTC).isoformat()
