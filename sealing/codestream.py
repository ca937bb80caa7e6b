"""How one scanned page is coded in its archive: the scanner's own codestream wherever a PDF can hold it, Flate for the rest.

A lossy codestream is passed through or refused. It is never decoded and stored as if it had been lossless.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import img2pdf
import numpy as np
import numpy.typing as npt
import pikepdf
import tifffile
from pikepdf import Array, Dictionary
from PIL import Image

from capture.decode import Undecodable
from capture.pdfpages import own_bytes, read_all
from capture.raster import Raster
from capture.scan import Format, Model, Page

Decode: TypeAlias = Callable[[], Raster]
"""The page's canonical raster, decoded on the scan side; asked for only where the bytes cannot pass through."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_MODELS = {0: Model.GRAY, 2: Model.RGB, 3: Model.PALETTE}
CHANNELS = {Model.RGB: 3, Model.GRAY: 1, Model.BILEVEL: 1, Model.PALETTE: 1}
CODESTREAMS = frozenset({"DCTDecode", "CCITTFaxDecode", "JBIG2Decode"})
"""Allowed in PDF/A-3 (ISO 19005-3, 6.1.7.2) and kept as they are. JPXDecode is allowed too, but nothing at hand can check it."""
BYTE_FILTERS = frozenset({"FlateDecode", "RunLengthDecode", "LZWDecode", "ASCII85Decode", "ASCIIHexDecode"})
PARAMETERS = frozenset({"Predictor", "Colors", "BitsPerComponent", "Columns", "EarlyChange", "ColorTransform"}) | frozenset(
    {"K", "EndOfLine", "EncodedByteAlign", "Rows", "EndOfBlock", "BlackIs1"}
)
"""What ISO 32000-1, 7.4 lets stand in /DecodeParms; anything else is a producer's own."""
SAMPLE_ROWS = 256
"""Rows on which the ways of deflating are tried."""
FEWER = 16
"""The part of them on which matching is tried where there are no runs: zlib looks back by no more than some rows."""


class CannotArchive(Exception):
    """This page cannot go into a PDF/A-3 with the very same pixels. `reason` says why, in French first, then in English."""

    def __init__(self, reason: str, english: str) -> None:
        super().__init__(f"{reason} / {english}")
        self.reason = reason
        self.english = english

    def __reduce__(self) -> tuple[type["CannotArchive"], tuple[str, str]]:
        """It comes back whole from the child process that met it."""
        return type(self), (self.reason, self.english)


@dataclass(frozen=True, slots=True)
class Coding:
    """An image XObject, as values: bytes, filters and colour."""

    data: bytes
    filters: tuple[str, ...]
    parameters: tuple[dict[str, int | bool], ...]
    """One dictionary per filter, empty where it has none."""
    width: int
    height: int
    bits: int
    model: Model
    palette: bytes = b""
    icc: bytes = b""
    space: bytes = b""
    """The colour space as PDF source where it is calibrated otherwise than by ICC (CalRGB, CalGray)."""
    inverted: bool = False
    """Whether /Decode turns the samples round."""
    globals: bytes = b""
    """JBIG2 segments shared by the pages of the source."""
    passed: bool = True
    """Whether the scanner's own codestream was kept byte for byte."""


def code_page(source: Path, format: Format, page: Page, decode: Decode) -> Coding:
    """The page as it will be stored. Raises CannotArchive."""
    _refuse_unfit(page)
    try:
        coding = _pass_through(source, format, page, decode)
    except (CannotArchive, Undecodable, OSError, MemoryError):
        raise
    except Exception as error:
        # Hostile bytes reach four parsers: a tag of two values, a resolution of nought. Whatever one raises is a fact about the file.
        name = type(error).__name__
        raise CannotArchive(f"codage illisible ({name})", f"unreadable coding ({name})") from error
    if coding is not None:
        return coding
    if page.lossless is False:
        raise CannotArchive(
            f"le codage avec pertes « {page.codec} » ne peut être repris tel quel dans un PDF/A, et le décoder cacherait la perte",
            f"the lossy coding {page.codec} cannot be kept as it is in a PDF/A, and decoding it would hide the loss",
        )
    return deflate_raster(decode())


def _refuse_unfit(page: Page) -> None:
    if page.alpha:
        raise CannotArchive("image avec transparence", "image with an alpha channel")
    if page.bits > 8:
        raise CannotArchive(f"image de {page.bits} bits par échantillon", f"image of {page.bits} bits per sample")
    if page.model not in CHANNELS:
        raise CannotArchive(f"modèle de couleur « {page.model} »", f"colour model {page.model}")


def _pass_through(source: Path, format: Format, page: Page, decode: Decode) -> Coding | None:
    """None where the bytes have to be decoded."""
    if format is Format.PNG:
        return pass_png(source.read_bytes())
    if format is Format.JPEG:
        return pass_image(source.read_bytes())
    if format is Format.PDF:
        return pass_object(source, page)
    if format is Format.TIFF and page.codec == "jpeg":
        return _pass_jpeg(source, page, decode)
    if format is Format.TIFF and page.codec == "ccitt_g4":
        return _pass_fax(source, page)
    return None


# PNG: its image data is a Flate stream with the PNG predictors, as PDF has them (ISO 32000-1, 7.4.4.4).


def read_chunks(png: bytes | memoryview) -> Iterator[tuple[str, memoryview, bytes]]:
    """Name, data and stored CRC of each chunk (PNG 3rd edition, 5.3). Raises CannotArchive where the file is cut."""
    view, at = memoryview(png), len(PNG_SIGNATURE)
    name = ""
    while name != "IEND":
        if at + 12 > len(view):
            raise CannotArchive("fichier PNG tronqué", "truncated PNG file")
        length = int.from_bytes(view[at : at + 4], "big")
        name = bytes(view[at + 4 : at + 8]).decode("latin-1")
        if at + 12 + length > len(view):
            raise CannotArchive("fichier PNG tronqué", "truncated PNG file")
        yield name, view[at + 8 : at + 8 + length], bytes(view[at + 8 + length : at + 12 + length])
        at += 12 + length


def pass_png(png: bytes) -> Coding | None:
    """The image data as they are; None where a PDF cannot read them in their order (interlaced)."""
    parts: list[memoryview] = []
    palette = icc = b""
    header = bytes(13)
    for name, data, _ in read_chunks(png):
        if name == "IHDR":
            header = bytes(data)
        elif name == "PLTE":
            palette = bytes(data)
        elif name == "tRNS":
            raise CannotArchive("image avec transparence", "image with transparency")
        elif name == "iCCP":
            icc = zlib.decompress(bytes(data).split(b"\0", 1)[1][1:])
        elif name == "IDAT":
            parts.append(data)
    width, height, bits, kind, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if interlaced or kind not in PNG_MODELS:
        return None
    model = PNG_MODELS[kind]
    predictor = {"Predictor": 15, "Colors": CHANNELS[model], "BitsPerComponent": bits, "Columns": width}
    palette = palette if model is Model.PALETTE else b""
    return Coding(b"".join(parts), ("FlateDecode",), (predictor,), width, height, bits, _told(model, bits), palette, icc)


def _told(model: Model, bits: int) -> Model:
    return Model.BILEVEL if model is Model.GRAY and bits == 1 else model


# JPEG and CCITT G4: img2pdf takes them over unchanged, whatever their bit order, markers or photometry.


def pass_image(file: bytes) -> Coding:
    """A whole JPEG file, or a TIFF file of one G4 strip, through img2pdf. Raises CannotArchive."""
    try:
        made = img2pdf.convert(file, nodate=True, rotation=img2pdf.Rotation.none, engine=img2pdf.Engine.internal)
    except (img2pdf.ImageOpenError, img2pdf.JpegColorspaceError, img2pdf.UnsupportedColorspaceError, ValueError, OSError) as error:
        raise CannotArchive(f"image illisible : {error}", f"unreadable image: {error}") from error
    with pikepdf.open(io.BytesIO(made)) as pdf:
        coding = read_object(sole_image(pdf, 1))
    if coding is None:
        raise CannotArchive("JPEG 2000 sous une étiquette JPEG", "JPEG 2000 labelled as JPEG")
    return coding


def _pass_fax(source: Path, page: Page) -> Coding | None:
    with tifffile.TiffFile(source) as tiff:
        sheet: Any = tiff.pages[page.index]
        if len(sheet.dataoffsets) != 1 or sheet.is_tiled:
            return None
        strip = _read_parts(tiff, sheet)[0]
        order = int(sheet.fillorder)
        photometric = int(sheet.photometric)
        icc = bytes(sheet.iccprofile or b"")
    return replace(pass_image(lone_fax(strip, page.width, page.height, photometric, order)), icc=icc)


def lone_fax(strip: bytes, width: int, height: int, photometric: int, order: int) -> bytes:
    """A TIFF 6.0 file of one page and one G4 strip, so that a page of a long file is not read with all the others."""
    tags = [(256, width), (257, height), (258, 1), (259, 4), (262, photometric), (266, order), (273, 0), (277, 1), (278, height)]
    tags += [(279, len(strip)), (293, 0)]
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + strip


def _read_parts(tiff: tifffile.TiffFile, sheet: Any) -> list[bytes]:
    """The coded strips or tiles. Raises CannotArchive where they are longer than the file."""
    handle = tiff.filehandle
    if sum(sheet.databytecounts) > handle.size:
        # Memory for all that tags claim would be asked for before the file is found to be shorter, or strips to lie over each other.
        raise CannotArchive("bandes plus longues que le fichier", "strips that are longer than the file")
    parts = []
    for offset, count in zip(sheet.dataoffsets, sheet.databytecounts, strict=True):
        handle.seek(offset)
        parts.append(handle.read(count))
    return parts


# JPEG in TIFF (TIFF Technical Note 2): tables apart, one abbreviated stream per strip.


def _pass_jpeg(source: Path, page: Page, decode: Decode) -> Coding:
    with tifffile.TiffFile(source) as tiff:
        sheet: Any = tiff.pages[page.index]
        strips = _read_parts(tiff, sheet)
        tables = bytes(sheet.jpegtables or b"")
        rows = page.height if sheet.is_tiled else int(sheet.rowsperstrip)
        luma = int(sheet.photometric) == 6
        icc = bytes(sheet.iccprofile or b"")
        if sheet.is_tiled and (len(strips) > 1 or (sheet.tilewidth, sheet.tilelength) != (page.width, page.height)):
            raise CannotArchive("JPEG en plusieurs tuiles dans un TIFF", "JPEG in several tiles of a TIFF")
    coding = replace(pass_image(join_strips(tables, strips, page.height, rows, luma)), icc=icc)
    if len(strips) > 1 and not _same_pixels(coding, decode()):
        # Chroma is upsampled across the joint by some decoders: then the joined stream shows other pixels than its strips.
        raise CannotArchive(
            "les bandes JPEG de ce TIFF ne se réunissent pas sans changer de pixels", "the JPEG strips of this TIFF do not join"
        )
    return coding


def _same_pixels(coding: Coding, raster: Raster) -> bool:
    with Image.open(io.BytesIO(coding.data)) as image:
        return np.array_equal(np.asarray(image), raster.samples)


def join_strips(tables: bytes, strips: Sequence[bytes], height: int, rows: int, luma: bool) -> bytes:
    """One JPEG file from its strips: restart markers at the joints, the whole height in the frame header (ITU-T T.81, B.2).

    `luma` tells YCbCr from RGB, which TIFF writes in a tag and JPEG in an Adobe marker. Raises CannotArchive where the strips do not fit.
    """
    heads = [_split_stream(strip) for strip in strips]
    shared, first = _table_segments(tables), heads[0]
    if any(not _alike(head, first) for head in heads[1:]):
        raise CannotArchive("bandes JPEG codées différemment", "JPEG strips coded differently")
    frame_marker, frame = first.frame
    columns, lines = _units(frame)
    if len(strips) > 1 and (frame_marker not in (0xC0, 0xC1) or rows % lines or first.restarts or columns * (rows // lines) > 0xFFFF):
        raise CannotArchive("bandes JPEG qui ne tombent pas sur des blocs entiers", "JPEG strips that do not end on whole blocks")
    parts = [b"\xff\xd8"]
    if len(frame) == 6 + 3 * 3:
        parts.append(_segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, int(luma))))
    parts += [_segment(marker, body) for marker, body in [*shared, *first.tables]]
    parts.append(_segment(frame_marker, frame[:1] + struct.pack(">H", height) + frame[3:]))
    restarts = columns * (rows // lines) if len(strips) > 1 else first.restarts
    if restarts:
        parts.append(_segment(0xDD, struct.pack(">H", restarts)))
    parts.append(_segment(0xDA, first.scan))
    for number, head in enumerate(heads):
        parts += [head.entropy, bytes([0xFF, 0xD0 + number % 8])] if number < len(heads) - 1 else [head.entropy]
    return b"".join([*parts, b"\xff\xd9"])


@dataclass(frozen=True, slots=True)
class _Stream:
    """One abbreviated JPEG stream of a single scan."""

    tables: tuple[tuple[int, bytes], ...]
    frame: tuple[int, bytes]
    restarts: int
    scan: bytes
    entropy: bytes


def _alike(one: _Stream, other: _Stream) -> bool:
    same_frame = one.frame[0] == other.frame[0] and one.frame[1][:1] + one.frame[1][3:] == other.frame[1][:1] + other.frame[1][3:]
    return same_frame and one.tables == other.tables and one.restarts == other.restarts and one.scan == other.scan


def _units(frame: bytes) -> tuple[int, int]:
    """Minimum coded units per row, and lines in each (T.81, A.2)."""
    factors = frame[7::3]
    across, down = max(f >> 4 for f in factors), max(f & 15 for f in factors)
    if len(factors) == 1:
        across = down = 1
    return -(-int.from_bytes(frame[3:5], "big") // (8 * across)), 8 * down


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _markers(stream: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and end of each segment, the scan header last."""
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] != 0xD9:
        if stream[at + 1] == 0xFF:
            at += 1
            continue
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        yield stream[at + 1], stream[at + 4 : end], end
        if stream[at + 1] == 0xDA:
            return
        at = end


def _table_segments(tables: bytes) -> list[tuple[int, bytes]]:
    return [(marker, body) for marker, body, _ in _markers(tables) if marker in (0xDB, 0xC4)]


def _split_stream(strip: bytes) -> _Stream:
    tables, frame, scan, restarts, entropy = [], (0, b""), b"", 0, b""
    for marker, body, end in _markers(strip):
        if marker in (0xDB, 0xC4):
            tables.append((marker, body))
        elif 0xC0 <= marker <= 0xCF:
            frame = (marker, body)
        elif marker == 0xDD:
            restarts = int.from_bytes(body, "big")
        elif marker == 0xDA:
            scan, entropy = body, strip[end:].rstrip(b"\0")
    if not scan or not frame[0] or (frame[0] != 0xC2 and not entropy.endswith(b"\xff\xd9")):
        raise CannotArchive("flux JPEG incomplet dans le TIFF", "incomplete JPEG stream in the TIFF")
    if frame[0] == 0xC2:
        raise CannotArchive("JPEG progressif dans un TIFF", "progressive JPEG in a TIFF")
    return _Stream(tuple(tables), frame, restarts, scan, entropy[:-2])


# PDF: the image's own stream.


def pass_object(source: Path, page: Page) -> Coding | None:
    """The one image of a PDF page; None where its coding has to be undone: reversible JPEG 2000, bands, an image among the commands.

    Raises CannotArchive.
    """
    if page.bands or (page.image is None and page.lossless):
        return None
    if page.image is None:
        raise CannotArchive("cette page n'est pas une image numérisée unique", "this page is not one scanned image")
    try:
        with pikepdf.open(source, access_mode=pikepdf.AccessMode.mmap) as pdf:
            image = pdf.get_object(page.image)
            if not isinstance(image, pikepdf.Stream):
                raise CannotArchive("image absente du PDF", "no such image in the PDF")
            return read_object(image)
    except pikepdf.PdfError as error:
        raise CannotArchive(f"PDF illisible : {error}", f"unreadable PDF: {error}") from error


def sole_image(pdf: pikepdf.Pdf, page: int) -> Any:
    """The one image of a page (from 1). Raises CannotArchive if there is not exactly one."""
    objects: Any = pdf.pages[page - 1].resources.get("/XObject", {})
    images = [each for each in objects.values() if each.get("/Subtype") == "/Image"]
    if len(images) != 1:
        raise CannotArchive(f"page {page} : {len(images)} images au lieu d'une", f"page {page}: {len(images)} images instead of one")
    return images[0]


def read_object(image: pikepdf.Object) -> Coding | None:
    if "/SMask" in image or "/Mask" in image or int(image.get("/SMaskInData", 0)):
        raise CannotArchive("image avec masque", "masked image")
    filters = tuple(str(f)[1:] for f in _listed(image.get("/Filter")))
    if "JPXDecode" in filters:
        return None
    if not set(filters) <= CODESTREAMS | BYTE_FILTERS or set(filters[:-1]) & CODESTREAMS:
        raise CannotArchive(f"filtre PDF {filters}", f"PDF filter {filters}")
    stencil = bool(image.get("/ImageMask", False))
    bits = 1 if stencil else int(image.BitsPerComponent)
    bare = Coding(b"", (), (), int(image.Width), int(image.Height), bits, Model.BILEVEL)
    bare = bare if stencil else _with_colour(bare, image.get("/ColorSpace"))
    bare = replace(bare, inverted=_is_inverted(image, bare))
    parameters: list[Any] = _listed(image.get("/DecodeParms"))
    shared, plain = _plain_parameters(parameters[-1] if parameters else None)
    if filters and filters[-1] in CODESTREAMS:
        # A wrapper around a codestream comes off; the codestream stays.
        return replace(bare, data=own_bytes(image), filters=filters[-1:], parameters=(plain,), globals=shared)
    if filters in (("FlateDecode",), ("RunLengthDecode",)):
        return replace(bare, data=image.read_raw_bytes(), filters=filters, parameters=(plain,))
    return replace(bare, data=zlib.compress(read_all(image)), filters=("FlateDecode",), parameters=({},), passed=False)


def _plain_parameters(given: Any) -> tuple[bytes, dict[str, int | bool]]:
    if not isinstance(given, Dictionary):
        return b"", {}
    shared = given.get("/JBIG2Globals")
    numbers: dict[str, Any] = {key[1:]: value for key, value in given.items() if key[1:] in PARAMETERS}
    plain = {key: value if isinstance(value, bool) else int(value) for key, value in numbers.items()}
    return (shared.read_bytes() if isinstance(shared, pikepdf.Stream) else b""), plain


def _listed(value: pikepdf.Object | None) -> list[pikepdf.Object]:
    if value is None:
        return []
    return list(value) if isinstance(value, Array) else [value]


def _is_inverted(image: pikepdf.Object, bare: Coding) -> bool:
    bounds = [float(x) for x in _listed(image.get("/Decode"))]
    count = CHANNELS[bare.model]
    plain = [0.0, float(2**bare.bits - 1)] if bare.model is Model.PALETTE else [0.0, 1.0] * count
    if not bounds or bounds == plain:
        return False
    if bounds == [1.0, 0.0] * count and bare.model is not Model.PALETTE:
        return True
    raise CannotArchive(f"tableau /Decode {bounds}", f"/Decode array {bounds}")


def _with_colour(bare: Coding, space: Any) -> Coding:
    model, icc, calibrated = _read_space(space)
    if model is not Model.PALETTE:
        return replace(bare, model=_told(model, bare.bits), icc=icc, space=calibrated)
    lookup = space[3].read_bytes() if isinstance(space[3], pikepdf.Stream) else bytes(space[3])
    entries = int(space[2]) + 1
    base, icc, calibrated = _read_space(space[1])
    if base not in (Model.RGB, Model.GRAY) or calibrated:
        raise CannotArchive("palette d'un espace de couleur non géré", "palette over an unsupported colour space")
    if base is Model.GRAY:
        if icc:
            raise CannotArchive("palette de gris avec profil", "grey palette with a profile")
        lookup = b"".join(bytes([level]) * 3 for level in lookup)
    return replace(bare, model=Model.PALETTE, palette=lookup[: 3 * entries], icc=icc)


def _read_space(space: Any) -> tuple[Model, bytes, bytes]:
    """Model, ICC profile, source of a calibrated space."""
    name = str(space[0]) if isinstance(space, Array) else str(space)
    if name in ("/DeviceRGB", "/RGB"):
        return Model.RGB, b"", b""
    if name in ("/DeviceGray", "/G"):
        return Model.GRAY, b"", b""
    if name in ("/Indexed", "/I") and isinstance(space, Array):
        return Model.PALETTE, b"", b""
    if name == "/ICCBased" and isinstance(space, Array):
        model = {1: Model.GRAY, 3: Model.RGB}.get(int(space[1].N))
        if model is not None:
            return model, space[1].read_bytes(), b""
    if name in ("/CalRGB", "/CalGray") and isinstance(space, Array):
        return (Model.RGB if name == "/CalRGB" else Model.GRAY), b"", space.unparse(resolved=True)
    raise CannotArchive(f"espace de couleur {name}", f"colour space {name}")


# Everything else: Flate.


def deflate_raster(raster: Raster) -> Coding:
    """Samples as Flate. Photographic samples go through the PNG predictor Average first; low depths and palettes are packed as they are."""
    if raster.bits > 8 or raster.model not in CHANNELS:
        raise CannotArchive(f"{raster.model}, {raster.bits} bits", f"{raster.model}, {raster.bits} bits")
    bare = Coding(
        b"", ("FlateDecode",), ({},), raster.width, raster.height, raster.bits, raster.model, raster.palette, raster.icc, passed=False
    )
    if raster.bits < 8 or raster.model is Model.PALETTE:
        return replace(bare, data=zlib.compress(pack_bits(raster.samples, raster.bits)))
    predictor = {"Predictor": 15, "Colors": raster.channels, "BitsPerComponent": 8, "Columns": raster.width}
    return replace(bare, data=_deflate_averaged(raster.samples), parameters=(predictor,))


def _deflate_averaged(samples: npt.NDArray[np.generic]) -> bytes:
    middle = max(0, samples.shape[0] // 2 - SAMPLE_ROWS // 2)
    strategy = _strategy_for(filter_average(samples[middle : middle + SAMPLE_ROWS], None))
    starts = range(0, samples.shape[0], SAMPLE_ROWS)
    bands = (filter_average(samples[y : y + SAMPLE_ROWS], samples[y - 1] if y else None) for y in starts)
    return _deflate(bands, strategy)


def _strategy_for(trial: bytes) -> int:
    """Letters alone (Huffman) or run lengths: ten times cheaper than matching, smaller on scanner noise. Matching wins on clean pages.

    It is dearest where it finds nothing. Where there are not even runs, which is noise or a screen of dots, it is tried on a few rows.
    """
    letters, runs = (len(_deflate([trial], each)) for each in (zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE))
    cheap, some = (zlib.Z_RLE, trial) if runs < letters else (zlib.Z_HUFFMAN_ONLY, trial[: len(trial) // FEWER])
    matched, otherwise = (len(_deflate([some], each)) for each in (zlib.Z_DEFAULT_STRATEGY, cheap))
    return zlib.Z_DEFAULT_STRATEGY if matched < 0.9 * otherwise else cheap


def _deflate(bands: Iterator[bytes] | list[bytes], strategy: int) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, 15, 9, strategy)
    parts = [compressor.compress(band) for band in bands]
    return b"".join([*parts, compressor.flush()])


def filter_average(samples: npt.NDArray[np.generic], above: npt.NDArray[np.generic] | None) -> bytes:
    """PNG filter 3 (PNG 3rd edition, 9.2) on rows of 8-bit samples; `above` is the row before the first, None at the top of the image."""
    rows = samples.reshape(samples.shape[0], -1).astype(np.uint8, copy=False)
    step = 1 if samples.ndim == 2 else samples.shape[2]
    top = np.zeros_like(rows[:1]) if above is None else above.reshape(1, -1).astype(np.uint8, copy=False)
    up = np.concatenate([top, rows[:-1]])
    left = np.zeros_like(rows)
    left[:, step:] = rows[:, :-step]
    # The mean rounded down without leaving eight bits.
    mean = (left & up) + ((left ^ up) >> 1)
    out = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    out[:, 0] = 3
    np.subtract(rows, mean, out=out[:, 1:])
    return out.tobytes()


def pack_bits(samples: npt.NDArray[np.generic], bits: int) -> bytes:
    """Samples of 1, 2, 4 or 8 bits, most significant first, each row on whole bytes (ISO 32000-1, 8.9.3)."""
    if bits == 8:
        return samples.astype(np.uint8, copy=False).tobytes()
    planes = np.unpackbits(samples.astype(np.uint8, copy=False)[..., None], axis=-1)[..., 8 - bits :]
    return np.packbits(planes.reshape(samples.shape[0], -1), axis=1).tobytes()


def unpack_bits(data: bytes, width: int, height: int, bits: int) -> npt.NDArray[np.uint8]:
    """The reverse of `pack_bits` for one channel: shape (height, width)."""
    stride = -(-width * bits // 8)
    rows = np.frombuffer(data, np.uint8, stride * height).reshape(height, stride)
    if bits == 8:
        return rows
    planes = np.unpackbits(rows, axis=1)[:, : width * bits].reshape(height, width, bits)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint8)
    return np.asarray((planes * weights).sum(axis=2, dtype=np.uint8), np.uint8)


Store: TypeAlias = Callable[[str, bytes], int]
"""Lays a stream down, given its dictionary without /Length; returns its object number."""


def store_image(coding: Coding, store: Store) -> int:
    """Lay the coding down as an image XObject; returns its object number. Raises CannotArchive if its profile does not fit."""
    entries = f"/Type /XObject /Subtype /Image /Width {coding.width} /Height {coding.height} /BitsPerComponent {coding.bits}"
    entries += f" /ColorSpace {_colour_space(coding, store)} /Filter {_one_or_all(['/' + each for each in coding.filters])}"
    parameters = [_dictionary(each) for each in coding.parameters]
    if coding.globals:
        parameters[-1] = f"<< {parameters[-1][2:-2]} /JBIG2Globals {store('', coding.globals)} 0 R >>"
    if any(coding.parameters) or coding.globals:
        entries += f" /DecodeParms {_one_or_all(parameters)}"
    if coding.inverted:
        entries += f" /Decode [{' '.join(['1 0'] * CHANNELS[coding.model])}]"
    return store(entries, coding.data)


def _one_or_all(values: Sequence[str]) -> str:
    # qpdf keeps a stream's bytes if its filter is the name /FlateDecode, and codes them anew if it is an array of that one name.
    return values[0] if len(values) == 1 else f"[{' '.join(values)}]"


def _dictionary(values: dict[str, int | bool]) -> str:
    return f"<< {' '.join(f'/{key} {str(value).lower()}' for key, value in values.items())} >>"


def _colour_space(coding: Coding, store: Store) -> str:
    base = _base_space(coding, store)
    if coding.model is not Model.PALETTE:
        return base
    return f"[/Indexed {base} {len(coding.palette) // 3 - 1} <{coding.palette.hex()}>]"


def _base_space(coding: Coding, store: Store) -> str:
    channels = 3 if coding.model in (Model.RGB, Model.PALETTE) else 1
    if coding.space:
        return coding.space.decode("latin-1")
    if not coding.icc:
        # Device colour is what the sRGB output intent of the document defines (ISO 19005-3, 6.2.4.3).
        return "/DeviceRGB" if channels == 3 else "/DeviceGray"
    if coding.icc[16:20] != {3: b"RGB ", 1: b"GRAY"}[channels]:
        raise CannotArchive("profil ICC d'un autre modèle que l'image", "ICC profile of another model than the image")
    return f"[/ICCBased {store(f'/N {channels}', coding.icc)} 0 R]"
