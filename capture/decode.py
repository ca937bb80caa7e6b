"""One page of a file, decoded into the canonical raster: exactly the stored samples, orientation unapplied, or not at all.

OpenCV where it is exact and strict (8-bit PNG and JPEG), Pillow for the rest: OpenCV hands back half a page where a TIFF strip is corrupt,
Pillow refuses. PDF images are unpacked here, fax and JBIG2 ones by pikepdf and PDFium.
"""

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pikepdf
import pypdfium2 as pdfium
from PIL import Image

from capture import ifd, markers, pdfpages
from capture.catalogue import finding
from capture.findings import Finding
from capture.inflate import LINE_ENDS, Shortage, Surplus, checked_png, filtered_size, image_data, inflate_pieces, png_header
from capture.raster import Raster
from capture.scan import Format, Model, Page

Samples: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Upright: TypeAlias = npt.NDArray[np.uint8]

# A page is one thread's work: the station runs one page per process, and OpenCV's own threads would fight over the cores.
cv2.setNumThreads(1)
# What OpenCV would write on stderr is said in the reason of Undecodable.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
# Likewise Pillow's remarks on odd EXIF blocks.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Pillow's own limit is lifted because `decode` holds every page against the station's cap before a library sees it.
Image.MAX_IMAGE_PIXELS = None


_NO_DECODER = frozenset({"jpeg_lossless", "jpeg_ls", "jbig", "lerc", "jpeg_xl"})
"""Codecs for which no decoder at hand is known to give the stored samples: the page is said to be unsupported, not damaged."""
_NONE_IN_TIFF = frozenset({"webp", "webp_lossless", "webp_lossy", "jpeg2000", "jpeg2000_5_3", "jpeg2000_9_7"})


class Undecodable(Exception):
    """The page cannot be decoded in full. `code` is that of the finding, `reason` a few words of what went wrong."""

    def __init__(self, reason: str, code: str = "damaged") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    def finding(self, page: int) -> Finding:
        return finding(self.code, page=page, measured=self.reason)


def decode(path: Path, page: Page, format_: Format, max_pixels: int) -> Raster:
    """The whole page or Undecodable, for damaged, truncated and drawn pages and for those beyond `max_pixels`.

    Reads one page: of a long TIFF or PDF the others stay on disk. Raises OSError where the file cannot be opened.
    """
    if page.codec == "vector":
        raise Undecodable("page dessinée / drawn page", "electronic-document")
    if not 0 < page.width * page.height <= max_pixels:
        raise Undecodable(f"{page.width} × {page.height}", "image-bomb")
    if page.codec in _NO_DECODER or (format_ is Format.TIFF and page.codec in _NONE_IN_TIFF):
        raise Undecodable(page.codec, "unsupported-coding")
    with path.open("rb"):
        pass  # A missing or forbidden file is the caller's trouble, not the page's.
    try:
        raster = _DECODERS[format_](path, page)
    except Undecodable:
        raise
    except Surplus as error:
        raise Undecodable(str(error), "surplus-data") from error
    except Shortage as error:
        raise Undecodable(str(error), "truncated") from error
    except ifd.BrokenDirectory as error:
        raise Undecodable(str(error), error.code) from error
    except Exception as error:  # Hostile bytes reach five decoders; whatever one raises means that the page is not whole.
        raise Undecodable(f"{type(error).__name__}: {str(error)[:100]}") from error
    promised = (page.width, page.height, page.channels, page.bits)
    given = (raster.width, raster.height, raster.channels, raster.bits)
    if given != promised:
        raise Undecodable(f"{given}, annoncé / announced {promised}")
    return replace(raster, orientation=page.orientation)


def upright(raster: Raster) -> Upright:
    """A page as a person reads it: uint8, grey (height, width) or BGR (height, width, 3), its TIFF orientation applied.

    For reading and thumbnails; never archived.
    """
    return np.ascontiguousarray(turn(_displayed(raster), raster.orientation))


_TURNS: dict[int, Callable[[Any], Any]] = {
    2: lambda samples: samples[:, ::-1],
    3: lambda samples: samples[::-1, ::-1],
    4: lambda samples: samples[::-1],
    5: lambda samples: samples.swapaxes(0, 1),
    6: lambda samples: np.rot90(samples, -1),
    7: lambda samples: np.rot90(samples, 2).swapaxes(0, 1),
    8: lambda samples: np.rot90(samples, 1),
}


def turn(samples: Any, orientation: int) -> Any:
    """The samples as TIFF/EXIF orientation 1…8 shows them (TIFF 6.0, tag 274), as a view."""
    return _TURNS[orientation](samples) if orientation in _TURNS else samples


def unturn(samples: Any, orientation: int) -> Any:
    """The inverse of `turn`."""
    return turn(samples, {6: 8, 8: 6}.get(orientation, orientation))


def _displayed(raster: Raster) -> Upright:
    samples: Any = raster.samples
    if raster.model is Model.PALETTE:
        table = np.frombuffer(raster.palette, np.uint8).reshape(-1, 3)[:, ::-1]
        full = np.zeros((256, 3), np.uint8)
        full[: len(table)] = table[:256]
        return np.asarray(full[samples], np.uint8)
    if raster.bits < 8:
        samples = samples * np.uint8(255 // ((1 << raster.bits) - 1))
    elif raster.bits == 16:
        samples = (samples >> 8).astype(np.uint8)
    if raster.channels == 1:
        return np.asarray(samples, np.uint8)
    if raster.model is Model.CMYK and raster.channels == 4:
        samples = np.asarray(Image.fromarray(samples, "CMYK").convert("RGB"))
    if raster.channels == 2 or samples.shape[2] == 2:
        return np.ascontiguousarray(samples[:, :, 0])
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(samples[:, :, :3]), cv2.COLOR_RGB2BGR), np.uint8)


# --- one image per file ---


def _decode_png(path: Path, page: Page) -> Raster:
    png = path.read_bytes()
    header = png_header(png)
    if page.model in (Model.RGB, Model.GRAY) and page.bits >= 8 and page.channels != 2:
        with Image.open(path) as opened:  # Chunks before the pixels only: Pillow is lazy.
            icc = opened.info.get("icc_profile") or b""
        return Raster(_opencv(checked_png(header, image_data(png)), page), page.bits, page.model, icc=icc)
    for _piece in inflate_pieces(image_data(png), filtered_size(header)):
        pass  # Looked at for its length alone.
    return _pillow(path, page)


def _decode_jpeg(path: Path, page: Page) -> Raster:
    return _jpeg_raster(path.read_bytes(), page)


def _jpeg_raster(data: bytes, page: Page) -> Raster:
    """Four-channel JPEG by Pillow, which keeps CMYK; libjpeg fills what is missing with grey, so the end marker is asked for first."""
    _refuse_cut(markers.read_jpeg(io.BytesIO(data), len(data)))
    if page.channels == 4:
        return _pillow(io.BytesIO(data), page)
    with Image.open(io.BytesIO(data)) as header:
        icc = header.info.get("icc_profile") or b""
    return Raster(_opencv(data, page), page.bits, page.model, icc=icc)


def _decode_jp2(path: Path, page: Page) -> Raster:
    return _jp2_raster(path.read_bytes(), page)


def _jp2_raster(data: bytes, page: Page) -> Raster:
    file = io.BytesIO(data)
    bare = data[:2] == b"\xff\x4f"
    _refuse_cut(markers.read_codestream(file, 0, len(data)) if bare else markers.read_jp2(file, len(data)))
    if page.bits == 16 and page.channels in (1, 3):
        return Raster(_opencv(data, page), 16, page.model)
    return _pillow(io.BytesIO(data), page)


def _decode_webp(path: Path, page: Page) -> Raster:
    return _pillow(path, page)


def _refuse_cut(header: markers.Header) -> None:
    if header.trouble:
        raise Undecodable(header.trouble[1], header.trouble[0])


def _opencv(data: bytes | bytearray, page: Page) -> Samples:
    """Grey, RGB or RGBA of 8 or 16 bits, orientation unapplied."""
    colour = cv2.IMREAD_GRAYSCALE if page.channels == 1 else cv2.IMREAD_COLOR_RGB
    flags = cv2.IMREAD_UNCHANGED if page.channels == 4 else colour | (cv2.IMREAD_ANYDEPTH if page.bits == 16 else 0)
    samples = cv2.imdecode(np.frombuffer(data, np.uint8), flags | (0 if page.channels == 4 else cv2.IMREAD_IGNORE_ORIENTATION))
    if samples is None:
        raise Undecodable("image incomplète / incomplete image")
    found: Samples = cv2.cvtColor(samples, cv2.COLOR_BGRA2RGBA) if page.channels == 4 and samples.ndim == 3 else samples
    return found


def _pillow(source: Path | io.BytesIO, page: Page, frame: int = 0) -> Raster:
    with Image.open(source) as image:
        image.seek(frame)
        if image.size not in ((page.width, page.height), (page.height, page.width)):
            raise Undecodable(f"{image.size}")
        icc = image.info.get("icc_profile") or b""
        image.load()
        palette = _declared_palette(image, page)
        shown = image.convert("RGB") if image.mode == "YCbCr" else image  # JPEG in TIFF: the samples that libjpeg itself gives.
        return Raster(_pillow_samples(shown, page), page.bits, page.model, palette, icc)


def _pillow_samples(image: Image.Image, page: Page) -> Samples:
    """Pillow's modes as canonical samples; refuses a mode that would have lost bits."""
    samples: Any = np.asarray(image)
    if image.mode == "1":
        samples = samples.astype(np.uint8)
    elif image.mode == "L" and page.bits in (1, 2, 4):
        samples = samples // np.uint8(255 // ((1 << page.bits) - 1))
    elif image.mode.startswith("I;16"):
        samples = samples.astype(np.uint16)
    wanted = np.uint16 if page.bits == 16 else np.uint8
    if samples.dtype != wanted or page.bits not in (1, 2, 4, 8, 16):
        raise Undecodable(f"mode {image.mode}, {page.bits} bits", "unsupported-coding")
    return np.ascontiguousarray(samples)


def _declared_palette(image: Image.Image, page: Page) -> bytes:
    if page.model is not Model.PALETTE or image.palette is None:
        return b""
    mode, table = image.palette.mode, bytes(image.palette.palette)
    if mode == "RGB":
        return table
    # Planar or four-byte tables: as R, G, B per entry.
    return np.ascontiguousarray(np.frombuffer(table, np.uint8).reshape(-1, len(mode))[:, :3]).tobytes()


# --- TIFF ---


def _decode_tiff(path: Path, page: Page) -> Raster:
    """Pillow, on the page alone where the file has others. It applies the orientation, which is taken back."""
    with path.open("rb") as file:
        for directory in islice(ifd.walk_directories(file, path.stat().st_size), page.index, page.index + 1):
            ifd.require_small_tiles(directory)
    if page.bits == 16 and page.channels > 1:
        return Raster(_deep_tiff(path, page), 16, page.model)
    with path.open("rb") as file:
        big = file.read(4)[2:] in (b"+\0", b"\0+")  # BigTIFF; Pillow does not know the big-endian one.
        alone = ifd.lone_page(file, path.stat().st_size, page.index) if page.bits <= 8 and (page.index or big) else None
    raster = _pillow(path, page, page.index) if alone is None else _pillow(io.BytesIO(alone), page)
    samples = np.ascontiguousarray(unturn(raster.samples, page.orientation))
    return Raster(samples, raster.bits, raster.model, raster.palette, raster.icc)


def _deep_tiff(path: Path, page: Page) -> Samples:
    """Pillow would read 16-bit colour as 8-bit. OpenCV returns nothing for orientations 5–8, which are then undecodable,
    and scrambles 16-bit TIFF where asked for R, G, B (5.0): B, G, R is asked for and turned.
    """
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    found, images = cv2.imreadmulti(str(path), start=page.index, count=1, flags=flags)
    if not found or page.channels != 3:
        raise Undecodable("16 bits", "unsupported-coding")
    return np.ascontiguousarray(images[0][..., ::-1])


# --- PDF ---


def _decode_pdf(path: Path, page: Page) -> Raster:
    with pikepdf.open(path) as pdf:
        if page.bands:
            return _joined_bands(pdf, page)
        if page.image is None:
            return _inline_raster(pdf, page)
        image: Any = pdf.get_object(page.image)
        if pdfpages.filter_names(image)[-1:] == ["/JBIG2Decode"]:
            if excess := markers.jbig2_excess(pdfpages.own_bytes(image), pdfpages.shared_symbols(image), page.width, page.height):
                raise Undecodable(excess, "image-bomb")
            return _pdfium_raster(path, page)
        return _image_raster(image, page)


def _joined_bands(pdf: pikepdf.Pdf, page: Page) -> Raster:
    """The bands one under the other, as the page shows them; they share one coding and one colour space."""
    images: list[Any] = [pdf.get_object(band) for band in page.bands]
    rasters = [_image_raster(image, replace(page, height=int(image.Height))) for image in images]
    return replace(rasters[0], samples=np.concatenate([raster.samples for raster in rasters]))


def _image_raster(image: Any, page: Page) -> Raster:
    last = (pdfpages.filter_names(image) or [""])[-1]
    if last == "/CCITTFaxDecode":
        picture = pikepdf.PdfImage(image).as_pil_image(apply_mask=False)
        return Raster(_pillow_samples(picture, page), page.bits, page.model, icc=_pdf_icc(image))
    if last == "/DCTDecode":
        return _recoloured(_jpeg_raster(pdfpages.own_bytes(image), page), image)
    if last == "/JPXDecode":
        return _recoloured(_jp2_raster(pdfpages.own_bytes(image), page), image)
    samples = _oriented_greys(_unpacked(_pdf_bytes(image, page), page), image.get("/Decode"), page)
    return Raster(samples, page.bits, page.model, _pdf_palette(image), _pdf_icc(image))


def _recoloured(raster: Raster, image: Any) -> Raster:
    """In a PDF the page's colour space rules, not the profile inside the codestream."""
    greys = _oriented_greys(raster.samples, image.get("/Decode"), raster)
    return Raster(greys, raster.bits, raster.model, _pdf_palette(image), _pdf_icc(image))


def _oriented_greys(samples: Samples, decode_array: Any, page: Page | Raster) -> Samples:
    """Black is 0: /Decode [1 0] turns the scale round (ISO 32000-1 §8.9.5.2)."""
    if page.model not in (Model.GRAY, Model.BILEVEL) or not pdfpages.inverted(decode_array):
        return samples
    flipped: Samples = np.ascontiguousarray(samples.dtype.type((1 << page.bits) - 1) - samples)
    return flipped


def _inline_raster(pdf: pikepdf.Pdf, page: Page) -> Raster:
    images = pdfpages.walk_page(pdf, pdf.pages[page.index]).images
    inline = [placed.image for placed in images if placed.inline and (placed.image.width, placed.image.height) == (page.width, page.height)]
    if not inline:
        raise Undecodable("image intégrée absente / inline image missing")
    picture = inline[0].as_pil_image()
    return Raster(_pillow_samples(picture, page), page.bits, page.model, _declared_palette(picture, page))


def _pdfium_raster(path: Path, page: Page) -> Raster:
    """JBIG2 by PDFium, the only decoder at hand."""
    with pdfium.PdfDocument(path) as document:
        sheet = document[page.index]
        for thing in sheet.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE], max_depth=8):
            bitmap = thing.get_bitmap(render=False)
            if (bitmap.width, bitmap.height) == (page.width, page.height):
                grey: Any = bitmap.to_numpy()
                grey = grey if grey.ndim == 2 else grey[:, :, 0]
                return Raster(np.ascontiguousarray((grey >= 128).astype(np.uint8)), 1, page.model)
    raise Undecodable("JBIG2")


def _pdf_bytes(image: Any, page: Page) -> bytes | Samples:
    """The decoded samples, inflated no further than the page announces; libpng, which bounds too, takes a PNG-predicted stream."""
    names, own = pdfpages.filter_names(image), pdfpages.parameters(image)
    if names == ["/FlateDecode"]:
        predictor = int(own.get("/Predictor", 1))
        if predictor == 1:
            return b"".join(inflate_pieces([image.read_raw_bytes()], _stride(page) * page.height))
        wide = int(own.get("/Columns", 1)) == page.width and int(own.get("/Colors", 1)) == page.channels
        if predictor >= 10 and wide and page.bits == 8 and int(own.get("/BitsPerComponent", 8)) == 8 and page.channels in (1, 3):
            return _opencv(_as_png(image.read_raw_bytes(), page), page)
    return pdfpages.read_all(image)


def _as_png(stream: bytes, page: Page) -> bytearray:
    """PDF predictors 10…15 are PNG's row filters (ISO 32000-1 §7.4.4.4), so that the stream is the IDAT of a PNG as it stands."""
    return checked_png(struct.pack(">IIBBBBB", page.width, page.height, 8, 2 if page.channels == 3 else 0, 0, 0, 0), [stream])


def _stride(page: Page) -> int:
    return (page.width * page.channels * page.bits + 7) // 8


def _unpacked(data: bytes | Samples, page: Page) -> Samples:
    """Rows padded to whole bytes, most significant bit first (ISO 32000-1 §8.9.3), as one sample per item."""
    if isinstance(data, np.ndarray):
        return data
    stride = _stride(page)
    if len(data) < stride * page.height:
        raise Shortage(f"{len(data)} < {stride * page.height} octets")
    if data[stride * page.height :] not in LINE_ENDS:
        raise Surplus(f"{len(data)} > {stride * page.height} octets")
    rows = np.frombuffer(data, np.uint8, stride * page.height).reshape(page.height, stride)
    across = page.width * page.channels
    flat: Any
    if page.bits == 16:
        flat = rows.view(">u2").astype(np.uint16)
    elif page.bits == 8:
        flat = rows
    else:
        shifts = np.arange(8 - page.bits, -1, -page.bits, dtype=np.uint8)
        flat = ((rows[:, :, None] >> shifts) & np.uint8((1 << page.bits) - 1)).reshape(page.height, -1)[:, :across]
    shape = (page.height, page.width) if page.channels == 1 else (page.height, page.width, page.channels)
    return np.ascontiguousarray(flat.reshape(shape))


def _pdf_palette(image: Any) -> bytes:
    """R, G, B of each entry; grey entries are written three times, other bases stay as they are."""
    space = image.get("/ColorSpace")
    if not isinstance(space, pikepdf.Array) or str(space[0]) not in ("/Indexed", "/I"):
        return b""
    table = space[3].read_bytes() if isinstance(space[3], pikepdf.Stream) else bytes(space[3])
    base = str(space[1][0]) if isinstance(space[1], pikepdf.Array) else str(space[1])
    channels = int(space[1][1].get("/N", 3)) if base == "/ICCBased" else {"/DeviceGray": 1, "/CalGray": 1, "/DeviceCMYK": 4}.get(base, 3)
    table = table[: (int(space[2]) + 1) * channels]
    return bytes(value for entry in table for value in (entry,) * 3) if channels == 1 else table


def _pdf_icc(image: Any) -> bytes:
    space = image.get("/ColorSpace")
    if isinstance(space, pikepdf.Array) and str(space[0]) in ("/Indexed", "/I"):
        space = space[1]
    if isinstance(space, pikepdf.Array) and str(space[0]) == "/ICCBased":
        return bytes(space[1].read_bytes())
    return b""


_DECODERS: dict[Format, Callable[[Path, Page], Raster]] = {
    Format.PNG: _decode_png,
    Format.TIFF: _decode_tiff,
    Format.JPEG: _decode_jpeg,
    Format.JP2: _decode_jp2,
    Format.WEBP: _decode_webp,
    Format.PDF: _decode_pdf,
}
