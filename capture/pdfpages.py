"""The pages of a PDF as images: which image lies on each page, how it is coded, and how large it is printed there.

Resolution is computed from pixels and the content stream's matrix (ISO 32000-1 §8.3), never read from a tag. A page that draws visible
text or lines is not a plain scan; invisible text (render mode 3) is the usual OCR layer and is passed over.
"""

import io
import itertools
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, TypeAlias

import pikepdf
from pikepdf import settings

from capture import markers
from capture.catalogue import finding
from capture.findings import Finding
from capture.scan import Model, Page

MAX_CONTENT = 2 << 20
"""Decoded bytes of one page's drawing commands; a scan with its text layer needs a tenth of that."""
MAX_STEPS = 60_000
"""Drawing commands of one page, those of its forms included: nested forms may otherwise multiply without end."""
MAX_DEPTH = 8
MAX_BANDS = 2000
MAX_FIELDS = 5000
"""Form fields looked at for signatures; a field that is its own child has no end."""
LARGE = 0.5
"""Share of the page that an image must cover for the page to be a scan at all."""
COVERING = 0.98
"""Share from which an opaque image hides whatever was drawn before it."""

# qpdf inflates whole streams into memory: this is 300 megapixels of RGB, so that a few kilobytes cannot ask for more than one huge page.
settings.set_qpdf_limits(flate_max_memory=1 << 30, run_length_max_memory=1 << 30, max_stream_filters=8)

Matrix: TypeAlias = tuple[float, float, float, float, float, float]
Veil: TypeAlias = frozenset[str]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_PAINT = frozenset({"f", "F", "f*", "B", "B*", "b", "b*", "S", "s", "sh"})
_SETTING = frozenset({"cm", "Tr", "gs"})
_WRITE = frozenset({"Tj", "TJ", "'", '"'})
_OPERATORS = "q Q cm gs Do Tr Tj TJ ' \" f F f* B B* b b* S s sh BI ID EI BMC BDC EMC"
_SHORT = {"/Fl": "/FlateDecode", "/LZW": "/LZWDecode", "/RL": "/RunLengthDecode", "/CCF": "/CCITTFaxDecode", "/DCT": "/DCTDecode",
          "/A85": "/ASCII85Decode", "/AHx": "/ASCIIHexDecode"}  # fmt: skip
_WRAPPERS = ("/ASCII85Decode", "/ASCIIHexDecode")
_BROKEN = (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError, OverflowError, RecursionError)


class BrokenPdf(ValueError):
    """The file cannot be opened as a PDF. `code` is that of the finding."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Placed:
    """One image as drawn on its page; `matrix` carries the unit square to points."""

    image: Any
    matrix: Matrix
    inline: bool = False
    veiled: bool = False
    """Drawn through a soft mask, half transparent, blended, or on a layer that can be hidden."""

    @property
    def area(self) -> float:
        a, b, c, d, _e, _f = self.matrix
        return abs(a * d - b * c)


@dataclass(slots=True)
class Drawing:
    """What a page's commands draw, gathered while they are walked."""

    page_area: float
    images: list[Placed] = field(default_factory=list)
    marks: int = 0
    """Visible text or paths that no image hides."""
    steps: int = 0

    def place(self, placed: Placed) -> None:
        self.images.append(placed)
        if placed.area >= COVERING * self.page_area and _opaque(placed) and not placed.veiled:
            self.marks = 0


def read_pages(file: BinaryIO, max_pages: int) -> tuple[list[Page], list[Finding]]:
    """Every page with its findings. Raises BrokenPdf where the file does not open; a broken page is a finding of its own."""
    file.seek(0)
    try:
        with pikepdf.open(file) as pdf:
            return _read_open(pdf, max_pages)
    except pikepdf.PasswordError:
        raise BrokenPdf("encrypted", "mot de passe / password") from None
    except _BROKEN as error:
        raise BrokenPdf("damaged", _short_reason(error)) from error


def _read_open(pdf: pikepdf.Pdf, max_pages: int) -> tuple[list[Page], list[Finding]]:
    findings: list[Finding] = []
    if warnings := pdf.get_warnings():
        findings.append(finding("repaired", measured=_short_reason(warnings[0])))
    if names := _attached_names(pdf):
        findings.append(finding("attached-files", measured=", ".join(names)[:120]))
    if signed := _signature_count(pdf):
        findings.append(finding("signed-document", measured=str(signed)))
    if script := _script_place(pdf):
        findings.append(finding("active-content", measured=script))
    if len(pdf.pages) > max_pages:
        findings.append(finding("too-many-pages", measured=str(len(pdf.pages)), limit=str(max_pages)))
    pages: list[Page] = []
    for index, page in enumerate(itertools.islice(pdf.pages, max_pages)):
        try:
            read, found = _read_page(pdf, page, index)
        except (*_BROKEN, zlib.error) as error:
            read, found = None, [finding("damaged", page=index + 1, measured=_short_reason(error))]
        findings += found
        if read is not None:
            pages.append(read)
    return pages, findings


def _attached_names(pdf: pikepdf.Pdf) -> list[str]:
    try:
        return list(itertools.islice(pdf.attachments, 20))
    except _BROKEN:
        return []  # What cannot be listed cannot be attached again either; the pages are judged all the same.


def _short_reason(error: object) -> str:
    """The library's words without the file's path."""
    return str(error).split(": ")[-1].strip()[:120] or type(error).__name__


# --- one page ---


def _read_page(pdf: pikepdf.Pdf, page: pikepdf.Page, index: int) -> tuple[Page | None, list[Finding]]:
    drawing = walk_page(pdf, page)
    number = index + 1
    if joined := _joined_page(page, drawing, number, index):
        return joined, _mixed(_mixture(page, drawing)[1:], number)
    largest = max(drawing.images, key=lambda placed: placed.area, default=None)
    share = largest.area / drawing.page_area if largest and drawing.page_area else 0.0
    # A text drawn around small pictures is an electronic document; a lone small image may be a receipt on a large page.
    if largest is None or (share < LARGE and drawing.marks):
        what = f"{len(drawing.images)} image(s), {drawing.marks} tracé(s) / mark(s)"
        return _drawn_page(number, index), [finding("electronic-document", page=number, measured=what)]
    read = _image_page(largest, number, index, _rotation(page), _unit(page))
    findings = _mixed(_mixture(page, drawing), number)
    if trouble := _codestream_trouble(largest):
        findings.append(finding(trouble[0], page=number, measured=trouble[1]))
    return read, findings


def _mixed(reasons: list[str], number: int) -> list[Finding]:
    return [finding("mixed-page", page=number, measured=", ".join(reasons))] if reasons else []


def _joined_page(page: pikepdf.Page, drawing: Drawing, number: int, index: int) -> Page | None:
    """One scan that its device cut into bands: lossless images of one coding and one width that lie exactly one under the other.

    Bands of JPEG, or of JBIG2, are not joined: their page stays a mixed one.
    """
    ordered = sorted(drawing.images, key=lambda placed: -placed.matrix[5])
    if not 1 < len(ordered) <= MAX_BANDS or not all(map(_plain_band, ordered)):
        return None
    parts = [_image_page(placed, number, index, _rotation(page), _unit(page)) for placed in ordered]
    alike = {(part.codec, part.lossless, part.width, part.bits, part.channels, part.model, part.orientation) for part in parts}
    spaces = {(_source_text(placed.image, "/ColorSpace"), _source_text(placed.image, "/Decode")) for placed in ordered}
    first = parts[0]
    if len(alike) != 1 or len(spaces) != 1 or not first.lossless or first.codec.startswith("jbig2"):
        return None
    if not all(_touching(one, other) for one, other in itertools.pairwise(ordered)):
        return None
    bands = tuple(part.image for part in parts if part.image is not None)
    return replace(first, height=sum(part.height for part in parts), image=None, bands=bands)


def _plain_band(placed: Placed) -> bool:
    a, b, c, d, _e, _f = placed.matrix
    return not placed.inline and not placed.veiled and _opaque(placed) and a > 0 and d > 0 and b == c == 0


def _source_text(image: Any, key: str) -> bytes:
    return bytes(image[key].unparse()) if key in image else b""


def _touching(upper: Placed, lower: Placed) -> bool:
    """One right under the other at the same scale, to a quarter of a pixel."""
    pixel = upper.matrix[3] / max(1, _size(upper)[1])
    top = lower.matrix[5] + lower.matrix[3]
    same_scale = abs(lower.matrix[3] / max(1, _size(lower)[1]) / pixel - 1) < 0.002
    sides = (upper.matrix[0] - lower.matrix[0], upper.matrix[4] - lower.matrix[4], upper.matrix[5] - top)
    return same_scale and all(abs(miss) < pixel / 4 for miss in sides)


def _drawn_page(number: int, index: int) -> Page:
    return Page(number, "vector", None, 0, 0, 0, 0, Model.OTHER, None, index=index)


def _mixture(page: pikepdf.Page, drawing: Drawing) -> list[str]:
    """Why the page is more than one opaque image; empty where it is just that."""
    reasons = []
    if len(drawing.images) > 1:
        reasons.append(f"{len(drawing.images)} images")
    if any(placed.veiled for placed in drawing.images):
        reasons.append("transparence, calque / transparency, layer")
    if any(not _opaque(placed) and not _stencil(placed) for placed in drawing.images):
        reasons.append("masque / mask")
    if drawing.marks:
        reasons.append(f"{drawing.marks} tracé(s) / mark(s)")
    if notes := _visible_notes(page):
        reasons.append(f"{notes} annotation(s)")
    return reasons


def _visible_notes(page: pikepdf.Page) -> int:
    """Stamps and notes that a viewer shows over the scan; links, form fields and hidden notes are not."""
    count = 0
    for note in itertools.islice(_items(page.obj.get("/Annots")), 1000):
        hidden = int(note.get("/F", 0)) & 0b100010
        if str(note.get("/Subtype")) not in ("/Link", "/Widget", "/Popup") and not hidden:
            count += 1
    return count


def _items(value: Any) -> Iterable[Any]:
    if not isinstance(value, pikepdf.Array):
        return ()
    return (item for item in value if isinstance(item, pikepdf.Dictionary))


def _rotation(page: pikepdf.Page) -> int:
    value = _inherited(page, "/Rotate")
    return int(value) % 360 if value is not None else 0


def _unit(page: pikepdf.Page) -> float:
    unit = float(page.obj.get("/UserUnit", 1))
    return unit if unit > 0 else 1.0


def _inherited(page: pikepdf.Page, name: str) -> Any:
    node: Any = page.obj
    for _ in range(50):
        if name in node:
            return node[name]
        node = node.get("/Parent")
        if node is None:
            break
    return None


# --- drawing commands ---


def walk_page(pdf: pikepdf.Pdf, page: pikepdf.Page) -> Drawing:
    """Follow the page's commands, forms included, within the caps; beyond them the page counts as drawn."""
    box = [float(value) for value in (_inherited(page, "/MediaBox") or (0, 0, 0, 0))]
    drawing = Drawing(abs((box[2] - box[0]) * (box[3] - box[1])))
    contents = page.obj.get("/Contents")
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents] if contents is not None else []
    data = b"\n".join(_bounded(stream) for stream in streams[:1000] if isinstance(stream, pikepdf.Stream))
    if len(data) > MAX_CONTENT:
        drawing.marks = len(data)
        return drawing
    resources = _inherited(page, "/Resources") or pikepdf.Dictionary()
    _walk(pdf, data, resources, Pen(), drawing, 0)
    return drawing


@dataclass(frozen=True, slots=True)
class Pen:
    """What `q` keeps and `Q` gives back, as far as it matters here."""

    matrix: Matrix = _IDENTITY
    mode: int = 0
    """Text render mode; 3 and 7 show nothing."""
    veil: Veil = frozenset()
    """What lets an image be seen other than it is."""


def _walk(pdf: pikepdf.Pdf, data: bytes, resources: Any, pen: Pen, drawing: Drawing, depth: int) -> None:
    kept: list[Pen] = []
    layers: list[bool] = []
    for instruction in pikepdf.parse_content_stream(pdf.make_stream(data), _OPERATORS):
        operands, name = instruction.operands, str(instruction.operator)
        drawing.steps += 1
        if drawing.steps > MAX_STEPS:
            drawing.marks += 1
            return
        if name == "q" and len(kept) < 1000:
            kept.append(pen)
        elif name == "Q" and kept:
            pen = kept.pop()
        elif name in ("BMC", "BDC"):
            layers.append(str(operands[0]) == "/OC")
        elif name == "EMC":
            layers = layers[:-1]
        elif name in _SETTING:
            pen = _set_pen(pen, name, operands, resources)
        else:
            shown = replace(pen, veil=pen.veil | {"/OC"}) if any(layers) else pen
            _draw(pdf, name, operands, resources, shown, drawing, depth)


def _set_pen(pen: Pen, name: str, operands: Any, resources: Any) -> Pen:
    if name == "cm":
        return replace(pen, matrix=multiply(_matrix(operands), pen.matrix))
    if name == "Tr":
        return replace(pen, mode=int(operands[0]))
    return replace(pen, veil=_veiled_by(resources.get("/ExtGState", {}).get(str(operands[0])), pen.veil))


def _veiled_by(state: Any, before: Veil) -> Veil:
    """What of a graphics state lets an image be seen other than it is (ISO 32000-1 §11.6): its soft mask, alpha and blend mode."""
    if not isinstance(state, pikepdf.Dictionary):
        return before
    harmless = {
        "/SMask": not isinstance(state.get("/SMask"), pikepdf.Dictionary),
        "/ca": float(state.get("/ca", 1)) >= 1,
        "/BM": str(state.get("/BM")) in ("/Normal", "/Compatible"),
    }
    named = {key for key in harmless if key in state}
    return before - named | {key for key in named if not harmless[key]}


def _draw(pdf: pikepdf.Pdf, name: str, operands: Any, resources: Any, pen: Pen, drawing: Drawing, depth: int) -> None:
    if name in _WRITE:
        drawing.marks += pen.mode not in (3, 7)
    elif name in _PAINT:
        drawing.marks += 1
    elif name == "INLINE IMAGE":
        drawing.place(Placed(operands[0], pen.matrix, inline=True, veiled=bool(pen.veil)))
    elif name == "Do":
        thing = resources.get("/XObject", pikepdf.Dictionary()).get(str(operands[0]))
        if isinstance(thing, pikepdf.Stream):
            _draw_object(pdf, thing, resources, replace(pen, veil=pen.veil | {"/OC"}) if "/OC" in thing else pen, drawing, depth)


def _draw_object(pdf: pikepdf.Pdf, thing: Any, resources: Any, pen: Pen, drawing: Drawing, depth: int) -> None:
    if thing.get("/Subtype") == "/Image":
        drawing.place(Placed(thing, pen.matrix, veiled=bool(pen.veil)))
    elif thing.get("/Subtype") == "/Form":
        data = _bounded(thing)
        if depth >= MAX_DEPTH or len(data) > MAX_CONTENT:
            drawing.marks += 1
            return
        inner = replace(pen, matrix=multiply(_matrix(thing.get("/Matrix", _IDENTITY)), pen.matrix), mode=0)
        _walk(pdf, data, thing.get("/Resources", resources), inner, drawing, depth + 1)


def _bounded(stream: Any) -> bytes:
    """The decoded stream, never more than MAX_CONTENT + 1 bytes: deflate expands a thousandfold, and filters may be chained."""
    filters = filter_names(stream)
    raw = stream.read_raw_bytes()
    if not filters:
        return bytes(raw[: MAX_CONTENT + 1])
    if "/DecodeParms" in stream or set(filters) != {"/FlateDecode"}:
        # Rare for drawing commands: left to qpdf, whose other filters expand little, where the input is small.
        return read_all(stream)[: MAX_CONTENT + 1] if len(raw) <= 64 << 10 else b"f " * (MAX_CONTENT // 2 + 1)
    for _ in filters:
        raw = zlib.decompressobj().decompress(raw, MAX_CONTENT + 1)
    return bytes(raw)


def multiply(first: Matrix, second: Matrix) -> Matrix:
    """`first` applied before `second`, as `cm` does (ISO 32000-1 §8.3.4)."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _matrix(values: Iterable[Any]) -> Matrix:
    a, b, c, d, e, f = (float(value) for value in values)
    return (a, b, c, d, e, f)


# --- one image ---


def _image_page(placed: Placed, number: int, index: int, rotation: int, unit: float) -> Page:
    image = placed.image
    codec, lossless = image_codec(placed)
    model, bits, channels = image_model(placed)
    width, height = _size(placed)
    shape = _codestream(placed)
    if shape is not None:
        width, height = shape.width, shape.height
    return Page(
        number,
        codec,
        lossless,
        width,
        height,
        bits,
        channels,
        model,
        _effective_dpi(placed.matrix, width, height, unit),
        _orientation(placed.matrix, rotation),
        False,
        index,
        None if placed.inline else tuple(image.objgen),
    )


def _size(placed: Placed) -> tuple[int, int]:
    if placed.inline:
        return int(placed.image.width), int(placed.image.height)
    return int(placed.image.get("/Width", 0)), int(placed.image.get("/Height", 0))


def _effective_dpi(matrix: Matrix, width: int, height: int, unit: float) -> tuple[float, float] | None:
    a, b, c, d, _e, _f = matrix
    across, down = math.hypot(a, b) * unit / 72, math.hypot(c, d) * unit / 72
    if not across or not down or not math.isfinite(across * down):
        return None
    return width / across, height / down


def _orientation(matrix: Matrix, rotation: int) -> int:
    """TIFF orientation that shows the stored raster as the page does: where its x axis and its upward axis point once drawn and turned."""
    a, b, c, d, _e, _f = matrix
    across, up = _turn((a, b), rotation), _turn((c, d), rotation)
    table = {
        ("right", "up"): 1, ("left", "up"): 2, ("left", "down"): 3, ("right", "down"): 4,
        ("down", "left"): 5, ("down", "right"): 6, ("up", "right"): 7, ("up", "left"): 8,
    }  # fmt: skip
    return table.get((_heading(across), _heading(up)), 1)


def _turn(vector: tuple[float, float], rotation: int) -> tuple[float, float]:
    """Clockwise, as /Rotate asks."""
    x, y = vector
    return {90: (y, -x), 180: (-x, -y), 270: (-y, x)}.get(rotation, (x, y))


def _heading(vector: tuple[float, float]) -> str:
    x, y = vector
    if abs(x) >= abs(y):
        return "right" if x >= 0 else "left"
    return "up" if y >= 0 else "down"


def _opaque(placed: Placed) -> bool:
    if placed.inline:
        return not placed.image.image_mask
    image = placed.image
    in_data = int(image.get("/SMaskInData", 0))
    return "/SMask" not in image and "/Mask" not in image and not in_data and not _stencil(placed)


def _stencil(placed: Placed) -> bool:
    """A one-bit image painted through: how some devices write a black-and-white page."""
    if placed.inline:
        return bool(placed.image.image_mask)
    return bool(placed.image.get("/ImageMask", False)) and "/SMask" not in placed.image


def filter_names(image: Any) -> list[str]:
    """Long names of the filters of an image or stream, outermost first."""
    if isinstance(image, pikepdf.PdfInlineImage):
        names = [str(name) for name in image.filters]
    else:
        value = image.get("/Filter")
        names = [] if value is None else [str(name) for name in value] if isinstance(value, pikepdf.Array) else [str(value)]
    return [_SHORT.get(name, name) for name in names]


def image_codec(placed: Placed) -> tuple[str, bool | None]:
    """Codec and losslessness by the last filter, which is the image's own; text wrappers are passed over."""
    names = [name for name in filter_names(placed.image) if name not in _WRAPPERS]
    last = names[-1] if names else ""
    plain = {"": "none", "/FlateDecode": "flate", "/LZWDecode": "lzw", "/RunLengthDecode": "rle"}.get(last)
    if plain:
        return plain, True
    if last == "/DCTDecode":
        shape = _codestream(placed)
        return ("jpeg_lossless", True) if shape is not None and shape.codec == "jpeg_lossless" else ("dct", False)
    if last == "/JPXDecode":
        shape = _codestream(placed)
        return (shape.codec.replace("jpeg2000", "jpx"), shape.lossless) if shape is not None else ("jpx", None)
    if last == "/CCITTFaxDecode":
        return ("ccitt_g4" if _fax_k(placed) < 0 else "ccitt_g3"), True
    if last == "/JBIG2Decode":
        return markers.jbig2_codec(_own_bytes(placed), _shared_symbols(placed))
    return last.removeprefix("/").lower(), None


def _codestream(placed: Placed) -> markers.Header | None:
    """The header of an embedded JPEG or JPEG 2000; None for other filters or where it cannot be read."""
    try:
        return _open_codestream(placed)
    except (markers.BrokenHeader, *_BROKEN):
        return None


def _open_codestream(placed: Placed) -> markers.Header | None:
    last = (filter_names(placed.image) or [""])[-1]
    if placed.inline or last not in ("/JPXDecode", "/DCTDecode"):
        return None
    data = own_bytes(placed.image)
    file = io.BytesIO(data)
    if last == "/DCTDecode":
        return markers.read_jpeg(file, len(data))
    return markers.read_codestream(file, 0, len(data)) if data[:2] == b"\xff\x4f" else markers.read_jp2(file, len(data))


def _codestream_trouble(placed: Placed) -> tuple[str, str] | None:
    """Code and detail where an embedded JPEG or JPEG 2000 is not whole."""
    try:
        shape = _open_codestream(placed)
    except markers.BrokenHeader as error:
        return error.code, str(error)
    except _BROKEN as error:
        return "damaged", _short_reason(error)
    return shape.trouble if shape is not None else None


def _own_bytes(placed: Placed) -> bytes:
    return b"" if placed.inline else own_bytes(placed.image)


def own_bytes(image: Any) -> bytes:
    """The codestream of an image, with outer Flate and text wrappers taken off, as one JPEG, JPEG 2000, fax or JBIG2 stream."""
    names = filter_names(image)
    if len(names) <= 1:
        return bytes(image.read_raw_bytes())
    if set(names[:-1]) == {"/FlateDecode"}:
        data = image.read_raw_bytes()
        for _ in names[:-1]:
            data = zlib.decompressobj().decompress(data, 1 << 30)
        return bytes(data)
    return _unwrapped(image, names)


def read_all(stream: Any) -> bytes:
    """The stream through all of its filters, RunLengthDecode included, which qpdf counts as special."""
    return bytes(stream.read_bytes(pikepdf.StreamDecodeLevel.specialized))


def _unwrapped(image: Any, names: list[str]) -> bytes:
    with pikepdf.new() as scratch:
        stream = scratch.make_stream(image.read_raw_bytes())
        stream.Filter = pikepdf.Array([pikepdf.Name(name) for name in names[:-1]])
        return read_all(stream)


def parameters(image: Any) -> Any:
    """DecodeParms of the image's own filter, the last one."""
    value = image.get("/DecodeParms", image.get("/DP"))
    if isinstance(value, pikepdf.Array):
        value = value[-1] if len(value) else None
    return value if isinstance(value, pikepdf.Dictionary) else pikepdf.Dictionary()


def _fax_k(placed: Placed) -> float:
    if placed.inline:
        own = placed.image.decode_parms
        return float(own[-1].get("/K", 0)) if own else 0.0
    return float(parameters(placed.image).get("/K", 0))


def _shared_symbols(placed: Placed) -> bytes:
    return b"" if placed.inline else shared_symbols(placed.image)


def shared_symbols(image: Any) -> bytes:
    """JBIG2 segments that an image shares with others; empty where there are none."""
    shared = parameters(image).get("/JBIG2Globals")
    return bytes(shared.read_bytes()) if isinstance(shared, pikepdf.Stream) else b""


def image_model(placed: Placed) -> tuple[Model, int, int]:
    """Colour model, bits per sample and samples per pixel, by /ColorSpace or, for JPEG 2000 and JPEG without one, by the codestream."""
    if placed.inline:
        image = placed.image
        return _space_model(image.colorspace, int(image.bits_per_component)) if not image.image_mask else (Model.BILEVEL, 1, 1)
    if _stencil(placed):
        return Model.BILEVEL, 1, 1
    image = placed.image
    space = image.get("/ColorSpace")
    shape = _codestream(placed)
    bits = shape.bits if shape is not None else int(image.get("/BitsPerComponent", 1))
    if filter_names(image)[-1:] in (["/CCITTFaxDecode"], ["/JBIG2Decode"]):
        bits = 1
    if space is None and shape is not None:
        kinds = {"gray": Model.GRAY, "rgb": Model.RGB, "cmyk": Model.CMYK}
        return kinds.get(shape.colours, Model.OTHER), bits, shape.channels
    model, bits, channels = _space_model(space, bits)
    return (model if _plain_decode(image.get("/Decode"), model, bits, channels) else Model.OTHER), bits, channels


def _plain_decode(value: Any, model: Model, bits: int, channels: int) -> bool:
    """True for no /Decode, the default one (ISO 32000-1 table 90), or an inverted grey one, which decoding unapplies."""
    if value is None:
        return True
    numbers = [float(number) for number in value]
    if model is Model.PALETTE:
        return numbers == [0.0, float((1 << bits) - 1)]
    return numbers == [0.0, 1.0] * channels or (channels == 1 and inverted(value))


def inverted(value: Any) -> bool:
    """True for /Decode [1 0]: the least sample is the lightest."""
    return value is not None and [float(number) for number in value] == [1.0, 0.0]


_SPACES = {
    "/DeviceRGB": (Model.RGB, 3), "/CalRGB": (Model.RGB, 3), "/RGB": (Model.RGB, 3),
    "/DeviceGray": (Model.GRAY, 1), "/CalGray": (Model.GRAY, 1), "/G": (Model.GRAY, 1),
    "/DeviceCMYK": (Model.CMYK, 4), "/CMYK": (Model.CMYK, 4), "/Indexed": (Model.PALETTE, 1), "/I": (Model.PALETTE, 1),
    "/Lab": (Model.OTHER, 3), "/Separation": (Model.OTHER, 1),
}  # fmt: skip


def _space_model(space: Any, bits: int) -> tuple[Model, int, int]:
    name = str(space[0]) if isinstance(space, pikepdf.Array) and len(space) else str(space)
    model, channels = _SPACES.get(name, (Model.OTHER, 1))
    if name == "/ICCBased":
        channels = int(space[1].get("/N", 0))
        model = {1: Model.GRAY, 3: Model.RGB, 4: Model.CMYK}.get(channels, Model.OTHER)
    elif name == "/DeviceN":
        channels = len(space[1])
    return (Model.BILEVEL if model is Model.GRAY and bits == 1 else model), bits, channels


# --- signatures and programs inside the file ---


def _signature_count(pdf: pikepdf.Pdf) -> int:
    """Form fields that hold a signature over a range of bytes (ISO 32000-1 §12.7.4.5 and §12.8).

    Approvals, certifications and document timestamps alike.
    """
    form: Any = pdf.Root.get("/AcroForm")
    seen: set[object] = set()
    try:
        ahead = list(_items(form.get("/Fields"))) if isinstance(form, pikepdf.Dictionary) else []
        for step in range(MAX_FIELDS):
            if not ahead:
                break
            node = ahead.pop()
            value = node.get("/V")
            if isinstance(value, pikepdf.Dictionary) and "/ByteRange" in value and "/Contents" in value:
                seen.add(value.objgen if value.is_indirect else step)
            ahead += _items(node.get("/Kids"))
    except _BROKEN:
        pass  # A form that cannot be walked further: what was counted so far is told.
    return len(seen)


def _script_place(pdf: pikepdf.Pdf) -> str | None:
    """Where the file starts a program when it is opened or shown; None where it does not."""
    root = pdf.Root
    if "/JavaScript" in root.get("/Names", {}):
        return "JavaScript"
    actions = _actions(root.get("/OpenAction"), root.get("/AA"))
    for page in itertools.islice(pdf.pages, 200):
        notes = itertools.islice(_items(page.obj.get("/Annots")), 200)
        own = [action for note in notes for action in _actions(note.get("/A"), note.get("/AA"))]
        actions = itertools.chain(actions, _actions(None, page.obj.get("/AA")), own)
    for action in actions:
        kind = str(action.get("/S"))
        if kind in ("/JavaScript", "/Launch"):
            return kind.removeprefix("/")
    return None


def _actions(single: Any, triggers: Any) -> Iterator[Any]:
    if isinstance(single, pikepdf.Dictionary):
        yield single
    if isinstance(triggers, pikepdf.Dictionary):
        yield from (action for action in triggers.values() if isinstance(action, pikepdf.Dictionary))
