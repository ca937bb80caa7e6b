"""One small file of every kind that a device, a driver or a mail may hand in, and what is to be said of it.

Drawn with what writes them in the wild (libtiff, tifffile, libpng, libjpeg, OpenJPEG, libwebp, qpdf), and by hand where no writer is here.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pikepdf
import tifffile
from papers import Picture, draw_page, write_jpeg, write_pdf, write_special_tiff, write_webp
from pikepdf import Array, Dictionary, Name
from PIL import Image

PAPER = draw_page(size=(420, 360))
GREY = np.ascontiguousarray(PAPER[..., 1])
BLACK_AND_WHITE = GREY > 128
DEEP = PAPER.astype(np.uint16) * 257

Write = Callable[[Path], object]


@dataclass(frozen=True)
class Kind:
    """A file, the verdict it deserves, and the finding that must be among the reasons."""

    name: str
    """Of the file."""
    write: Write
    verdict: str
    code: str | None = None


# --- TIFF by hand ---


def tiff_bytes(tags: dict[int, tuple[int, list[int]]], data: bytes, order: str = "<") -> bytes:
    """A TIFF of one strip with these tags (type and values); the strip's place and length are added."""
    tags = dict(tags) | {273: (4, [0]), 279: (4, [len(data)])}
    forms = {3: "H", 4: "I", 5: "I"}
    entries, values = b"", b""
    values_at = 8 + 2 + 12 * len(tags) + 4
    packed = {tag: struct.pack(f"{order}{len(numbers)}{forms[kind]}", *numbers) for tag, (kind, numbers) in tags.items()}
    pixels_at = values_at + sum(len(raw) for raw in packed.values() if len(raw) > 4)
    packed[273] = struct.pack(f"{order}I", pixels_at)
    for tag in sorted(tags):
        kind, numbers = tags[tag]
        raw = packed[tag]
        place = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{order}I", values_at + len(values))
        values += raw if len(raw) > 4 else b""
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers) // (2 if kind == 5 else 1)) + place
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + values + data


def rgb_tags(compression: int, photometric: int = 2, **more: tuple[int, list[int]]) -> dict[int, tuple[int, list[int]]]:
    height, width = PAPER.shape[:2]
    tags = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8, 8, 8]), 259: (3, [compression]), 262: (3, [photometric]), 277: (3, [3]),
        278: (4, [height]), 282: (5, [300, 1]), 283: (5, [300, 1]), 296: (3, [2]),
    }  # fmt: skip
    return tags | {int(tag[1:]): value for tag, value in more.items()}


def coded_tiff(compression: int, data: bytes, photometric: int = 2, **more: tuple[int, list[int]]) -> Write:
    return lambda path: path.write_bytes(tiff_bytes(rgb_tags(compression, photometric, **more), data))


def pillow_tiff(compression: str | None, image: Image.Image | None = None, **tags: Any) -> Write:
    def write(path: Path) -> None:
        options = {"dpi": (300, 300)} | tags
        (image or Image.fromarray(PAPER)).save(path, "TIFF", compression=compression, **options)

    return write


def special_tiff(page: Picture = PAPER, **extra: Any) -> Write:
    return lambda path: write_special_tiff(path, page, **extra)


def coded(format_: str, page: Picture = PAPER, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, format_, **options)
    return buffer.getvalue()


def two_tiffs(*writes: Callable[[tifffile.TiffWriter], Any]) -> Write:
    def write(path: Path) -> None:
        with tifffile.TiffWriter(path) as file:
            for each in writes:
                each(file)

    return write


def tiff_page(page: Picture = PAPER, **extra: Any) -> Callable[[tifffile.TiffWriter], Any]:
    options = {"photometric": "rgb", "metadata": None, "resolution": (300, 300), "resolutionunit": "INCH"} | extra
    return lambda file: file.write(page, **options)


STANDARD_LAB = (cv2.cvtColor(PAPER, cv2.COLOR_RGB2LAB)).astype(np.uint8)

TIFFS = (
    Kind("one-row-strips.tif", special_tiff(rowsperstrip=1), "conform"),
    Kind("one-strip-big-endian.tif", special_tiff(rowsperstrip=400, big_endian=True), "conform"),
    Kind("bigtiff-tiles-deflate-big-endian.tif", special_tiff(big=True, tiled=True, big_endian=True, compression="zlib"), "conform"),
    Kind("planes.tif", two_tiffs(tiff_page(PAPER.transpose(2, 0, 1).copy(), planarconfig="separate")), "conform"),
    Kind("deflate-predictor-2.tif", special_tiff(compression="zlib", predictor=2), "conform"),
    Kind("old-deflate-32946.tif", coded_tiff(32946, zlib.compress(PAPER.tobytes())), "conform"),
    Kind("lzw-predictor-2.tif", pillow_tiff("tiff_lzw", tiffinfo={317: 2}), "conform"),
    Kind("packbits.tif", pillow_tiff("packbits"), "conform"),
    Kind("zstd.tif", pillow_tiff("zstd"), "conform"),
    Kind("lzma.tif", pillow_tiff("lzma"), "conform"),
    Kind("turned.tif", pillow_tiff("tiff_lzw", tiffinfo={274: 6}), "conform"),
    Kind("profile.tif", pillow_tiff("tiff_lzw", icc_profile=b"icc" * 100), "conform"),
    Kind("centimetres.tif", special_tiff(resolution=(118.11, 118.11), resolutionunit="CENTIMETER"), "conform"),
    Kind("thumbnail-after.tif", two_tiffs(tiff_page(), tiff_page(PAPER[::8, ::8].copy(), subfiletype=1)), "conform"),
    Kind("webp-lossless.tif", coded_tiff(50001, coded("WEBP", lossless=True)), "blocked", "unsupported-coding"),
    Kind("webp-lossy.tif", coded_tiff(50001, coded("WEBP", quality=80)), "blocked", "lossy-compression"),
    Kind("jpeg-7.tif", pillow_tiff("jpeg"), "blocked", "lossy-compression"),
    Kind("jpeg-7-rgb.tif", coded_tiff(7, coded("JPEG", quality=95)), "blocked", "lossy-compression"),
    Kind("jpeg-6.tif", coded_tiff(6, coded("JPEG"), 6), "blocked", "lossy-compression"),
    Kind("jpeg-tag-deflated-bytes.tif", coded_tiff(7, zlib.compress(PAPER.tobytes())), "blocked", "lossy-compression"),
    Kind("jpeg-sof3.tif", coded_tiff(7, coded("JPEG").replace(b"\xff\xc0", b"\xff\xc3", 1)), "blocked", "unsupported-coding"),
    Kind("jpeg-2000-5-3.tif", coded_tiff(34712, coded("JPEG2000", no_jp2=True)), "blocked", "unsupported-coding"),
    Kind("jpeg-2000-9-7.tif", coded_tiff(34712, coded("JPEG2000", no_jp2=True, irreversible=True)), "blocked", "lossy-compression"),
    Kind("aperio-33005.tif", coded_tiff(33005, coded("JPEG2000", no_jp2=True, irreversible=True)), "blocked", "lossy-compression"),
    Kind("lerc.tif", coded_tiff(34887, b"Lerc2 " + bytes(90)), "blocked", "unproven-compression"),
    Kind("jpeg-xl.tif", coded_tiff(50002, b"\xff\x0a" + bytes(90)), "blocked", "unproven-compression"),
    Kind(
        "jbig.tif",
        lambda path: path.write_bytes(tiff_bytes(rgb_tags(34661, 0, t258=(3, [1]), t277=(3, [1])), bytes(99))),
        "blocked",
        "bilevel-image",
    ),
    Kind("sgi-log.tif", coded_tiff(34676, bytes(99)), "blocked", "unproven-compression"),
    Kind("unknown-codec.tif", coded_tiff(61000, bytes(99)), "blocked", "unproven-compression"),
    Kind("sixteen-bits.tif", special_tiff(DEEP), "blocked", "16-bit"),
    Kind("floating-point.tif", special_tiff(PAPER.astype(np.float32) / 255), "blocked", "unsupported-coding"),
    Kind("cmyk.tif", pillow_tiff("tiff_lzw", Image.fromarray(PAPER).convert("CMYK")), "blocked", "cmyk"),
    Kind("lab.tif", coded_tiff(1, STANDARD_LAB.tobytes(), 8), "blocked", "unsupported-coding"),
    Kind("ycbcr-halved.tif", coded_tiff(1, bytes(420 * 360 * 2), 6, t530=(3, [2, 1])), "blocked", "unsupported-coding"),
    Kind("uneven-bits.tif", coded_tiff(1, PAPER.tobytes(), t258=(3, [8, 8, 4])), "blocked", "unsupported-coding"),
    Kind("alpha.tif", pillow_tiff("tiff_lzw", Image.fromarray(PAPER).convert("RGBA")), "blocked", "alpha"),
    Kind("palette.tif", pillow_tiff("tiff_lzw", Image.fromarray(PAPER).quantize(128)), "blocked", "palette-image"),
    Kind("grey.tif", special_tiff(GREY), "blocked", "grey-image"),
    Kind("grey-16.tif", special_tiff(DEEP[..., 1].copy()), "blocked", "grey-image"),
    Kind("white-is-zero.tif", two_tiffs(tiff_page(255 - GREY, photometric="miniswhite")), "blocked", "grey-image"),
    Kind("bilevel.tif", pillow_tiff(None, Image.fromarray(BLACK_AND_WHITE)), "blocked", "bilevel-image"),
    Kind("g3-two-dimensions.tif", pillow_tiff("group3", Image.fromarray(BLACK_AND_WHITE), tiffinfo={292: 1}), "blocked", "bilevel-image"),
    Kind("g4-turned-bits.tif", pillow_tiff("group4", Image.fromarray(BLACK_AND_WHITE), tiffinfo={266: 2}), "blocked", "bilevel-image"),
    Kind("ccitt-rle.tif", pillow_tiff("tiff_ccitt", Image.fromarray(BLACK_AND_WHITE)), "blocked", "bilevel-image"),
    Kind("no-unit.tif", special_tiff(resolutionunit="NONE"), "blocked", "resolution-unknown"),
    Kind("zero-resolution.tif", coded_tiff(1, PAPER.tobytes(), t282=(5, [0, 1]), t283=(5, [0, 0])), "blocked", "resolution-unknown"),
    Kind("one-dot-per-inch.tif", special_tiff(resolution=(1, 1)), "blocked", "resolution-unknown"),
    Kind("across-only.tif", special_tiff(resolution=(300, 200)), "blocked", "too-coarse"),
    Kind("72-dpi.tif", special_tiff(resolution=(72, 72)), "blocked", "too-coarse"),
    Kind("good-then-grey.tif", two_tiffs(tiff_page(), tiff_page(GREY, photometric="minisblack")), "blocked", "grey-image"),
    Kind("good-then-coarse.tif", two_tiffs(tiff_page(), tiff_page(resolution=(150, 150))), "blocked", "too-coarse"),
    Kind(
        "large-thumbnail.tif",
        two_tiffs(tiff_page(PAPER[::2, ::2].copy()), tiff_page(GREY, photometric="minisblack", subfiletype=1)),
        "blocked",
        "grey-image",
    ),
    Kind("mask.tif", two_tiffs(tiff_page(), tiff_page(BLACK_AND_WHITE, photometric="minisblack", subfiletype=4)), "blocked", "mixed-page"),
    Kind("preview-first.tif", two_tiffs(tiff_page(subfiletype=1), tiff_page()), "blocked", "mixed-page"),
    Kind("thresholded.tif", special_tiff(np.repeat((BLACK_AND_WHITE * 255).astype(np.uint8)[..., None], 3, 2)), "blocked", "few-levels"),
    Kind("grey-as-colour.tif", special_tiff(np.repeat(GREY[..., None], 3, 2)), "blocked", "grey-in-colour"),
)


# --- PNG ---


def png_with(png: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Chunks laid after IHDR."""
    told = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    return png[:33] + told + png[33:]


def png_rows(page: Picture, bits: int, colour: int, *chunks: tuple[bytes, bytes], interlaced: int = 0) -> Write:
    """A PNG of plain rows whose samples are packed already."""
    height = page.shape[0]
    width = 420
    rows = b"".join(b"\0" + page[y].tobytes() for y in range(height))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        *chunks,
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    data = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts)
    return lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def png(page: Picture = PAPER, *chunks: tuple[bytes, bytes], dpi: int | None = 300, **options: Any) -> Write:
    density = {"dpi": (dpi, dpi)} if dpi else {}
    return lambda path: path.write_bytes(png_with(coded("PNG", page, compress_level=1, **density, **options), *chunks))


def image_png(image: Image.Image, **options: Any) -> Write:
    return lambda path: image.save(path, "PNG", dpi=(300, 300), **options)


def rejpeged(quality: int = 70) -> Picture:
    page = draw_page(size=(1000, 800))
    return np.asarray(Image.open(io.BytesIO(coded("JPEG", page, quality=quality))))


def adam7(page: Picture) -> bytes:
    passes = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
    rows = [row for x, dx, y, dy in passes for row in page[y::dy, x::dx]]
    return b"".join(b"\0" + row.tobytes() for row in rows)


def interlaced_png(path: Path) -> None:
    height, width = PAPER.shape[:2]
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        (b"IDAT", zlib.compress(adam7(PAPER))),
        (b"IEND", b""),
    )
    data = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


PNGS = (
    Kind("interlaced.png", interlaced_png, "conform"),
    Kind("profile.png", png(icc_profile=b"icc" * 100), "conform"),
    Kind("gamma.png", png(PAPER, (b"gAMA", struct.pack(">I", 45455)), (b"sRGB", b"\0")), "conform"),
    Kind("named.tif", png(), "conform", "mislabelled"),
    Kind("bytes-after.png", lambda path: path.write_bytes(coded("PNG", PAPER, dpi=(300, 300)) + b"more"), "conform", "trailing-data"),
    Kind("no-phys.png", png(dpi=None), "blocked", "resolution-unknown"),
    Kind("phys-without-unit.png", png(PAPER, (b"pHYs", struct.pack(">IIB", 11811, 11811, 0)), dpi=None), "blocked", "resolution-unknown"),
    Kind("phys-aspect.png", png(PAPER, (b"pHYs", struct.pack(">IIB", 11811, 3937, 1)), dpi=None), "blocked", "too-coarse"),
    Kind("96-dpi.png", png(dpi=96), "blocked", "too-coarse"),
    Kind("sixteen-bits.png", png_rows(DEEP.byteswap(), 16, 2), "blocked", "16-bit"),
    Kind("significant-bits.png", png(PAPER & 0xF8, (b"sBIT", b"\5\6\5")), "blocked", "few-bits"),
    Kind(
        "frames.png",
        image_png(Image.fromarray(PAPER), save_all=True, append_images=[Image.fromarray(255 - PAPER)]),
        "blocked",
        "mixed-page",
    ),
    Kind("rgba.png", image_png(Image.fromarray(PAPER).convert("RGBA")), "blocked", "alpha"),
    Kind("see-through-colour.png", image_png(Image.fromarray(PAPER), transparency=(255, 255, 255)), "blocked", "alpha"),
    Kind("grey-alpha.png", image_png(Image.fromarray(GREY).convert("LA")), "blocked", "alpha"),
    Kind("grey.png", image_png(Image.fromarray(GREY)), "blocked", "grey-image"),
    Kind("grey-4-bits.png", png_rows((GREY[:, ::2] & 0xF0) | GREY[:, 1::2] >> 4, 4, 0), "blocked", "grey-image"),
    Kind("one-bit.png", image_png(Image.fromarray(BLACK_AND_WHITE)), "blocked", "bilevel-image"),
    Kind("palette-16.png", image_png(Image.fromarray(PAPER).quantize(16)), "blocked", "palette-image"),
    Kind("palette-2.png", image_png(Image.fromarray(PAPER).quantize(2), bits=1), "blocked", "palette-image"),
    Kind("from-jpeg-70.png", png(rejpeged()), "blocked", "lossy-history"),
    Kind("no-rows.png", lambda path: path.write_bytes(coded("PNG", PAPER)[:33]), "blocked", "truncated"),
)


# --- JPEG, JPEG 2000, WebP ---


def grown_jp2(data: bytes, dpi: float = 300) -> bytes:
    from papers import _with_resolution

    return _with_resolution(data, dpi)


def jp2(page: Picture = PAPER, dpi: float | None = 300, **options: Any) -> Write:
    data = coded("JPEG2000", page, **options)
    return lambda path: path.write_bytes(grown_jp2(data, dpi) if dpi else data)


def cut(data: bytes, share: float) -> Write:
    return lambda path: path.write_bytes(data[: int(len(data) * share)])


def overwritten(data: bytes) -> Write:
    """Some bytes of the image's data are lost, and the file is as long as before."""
    middle = len(data) // 2
    return lambda path: path.write_bytes(data[:middle] + b"\xff" * 100 + data[middle + 100 :])


def webp_with_exif(path: Path) -> None:
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    Image.fromarray(PAPER).save(path, "WEBP", lossless=True, exif=exif)


PHOTOS = (
    Kind("progressive.jpg", lambda path: path.write_bytes(coded("JPEG", progressive=True, dpi=(300, 300))), "blocked", "lossy-compression"),
    Kind("quality-100-444.jpg", lambda path: path.write_bytes(coded("JPEG", quality=100, subsampling=0)), "blocked", "lossy-compression"),
    Kind("grey.jpg", lambda path: write_jpeg(path, GREY), "blocked", "lossy-compression"),
    Kind("jpeg-named.png", lambda path: write_jpeg(path, PAPER), "blocked", "lossy-compression"),
    Kind("jpeg-named.tif", lambda path: write_jpeg(path, PAPER), "blocked", "lossy-compression"),
    Kind(
        "lossless-frame.jpg",
        lambda path: path.write_bytes(coded("JPEG", dpi=(300, 300)).replace(b"\xff\xc0", b"\xff\xc3", 1)),
        "blocked",
        "unsupported-coding",
    ),
    Kind("cut.jpg", cut(coded("JPEG", dpi=(300, 300)), 0.6), "blocked", "truncated"),
    Kind("5-3.jp2", jp2(), "conform"),
    Kind("5-3-no-colour-transform.jp2", jp2(mct=0), "conform"),
    Kind("5-3-tiles.jp2", jp2(tile_size=(128, 128)), "conform"),
    Kind("5-3-layers-all-there.jp2", jp2(quality_mode="rates", quality_layers=[20, 5, 1]), "conform"),
    Kind("5-3-precincts-rpcl.jp2", jp2(progression="RPCL", precinct_size=(128, 128), codeblock_size=(32, 32)), "conform"),
    Kind("5-3-cprl.jp2", jp2(progression="CPRL", num_resolutions=3), "conform"),
    Kind("5-3-rate-20.jp2", jp2(quality_mode="rates", quality_layers=[20]), "blocked", "lossy-compression"),
    Kind("5-3-40-decibels.jp2", jp2(quality_mode="dB", quality_layers=[40]), "blocked", "lossy-compression"),
    Kind("9-7.jp2", jp2(irreversible=True), "blocked", "lossy-compression"),
    Kind("9-7-best.j2k", jp2(dpi=None, irreversible=True, no_jp2=True), "blocked", "lossy-compression"),
    Kind("grey.jp2", jp2(GREY), "blocked", "grey-image"),
    Kind("rgba.jp2", jp2(np.dstack([PAPER, GREY])), "blocked", "alpha"),
    Kind("coarse.jp2", jp2(dpi=200), "blocked", "too-coarse"),
    Kind("overwritten.jp2", overwritten(grown_jp2(coded("JPEG2000"))), "blocked", "damaged"),
    Kind("cut.jp2", cut(grown_jp2(coded("JPEG2000")), 0.7), "blocked", "truncated"),
    Kind("cut.j2k", cut(coded("JPEG2000", no_jp2=True), 0.7), "blocked", "truncated"),
    Kind("lossless.webp", lambda path: write_webp(path, PAPER), "blocked", "resolution-unknown"),
    Kind("lossless-300-dpi.webp", webp_with_exif, "conform"),
    Kind("lossy.webp", lambda path: write_webp(path, PAPER, lossless=False), "blocked", "lossy-compression"),
    Kind("alpha.webp", lambda path: write_webp(path, np.dstack([PAPER, GREY])), "blocked", "alpha"),
    Kind(
        "frames.webp",
        lambda path: Image.fromarray(PAPER).save(path, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - PAPER)]),
        "blocked",
        None,
    ),
    Kind("cut.webp", cut(coded("WEBP", lossless=True), 0.6), "blocked", "truncated"),
)


# --- PDF ---

Change = Callable[[pikepdf.Pdf, Any, Any], object]


def pdf(change: Change | None = None, page: Picture = PAPER, **options: Any) -> Write:
    """A PDF of one image; `change` gets the file, its page and its image."""
    saving = {key: options.pop(key) for key in ("encryption", "linearize", "object_stream_mode", "qdf") if key in options}

    def write(path: Path) -> None:
        write_pdf(path, page, **options)
        with pikepdf.open(path, allow_overwriting_input=True) as opened:
            if change is not None:
                change(opened, opened.pages[0], opened.pages[0].Resources.XObject.Im0)
            opened.save(path, **({"compress_streams": False, "preserve_pdfa": False} | saving))

    return write


def stored(data: bytes, *filters: str, parms: Any = None, **entries: Any) -> Change:
    """The image's stream replaced as it stands, with its filters and further entries."""

    def change(_pdf: pikepdf.Pdf, _page: Any, image: Any) -> None:
        names = Array([Name("/" + each) for each in filters])
        image.write(data, filter=names if len(names) != 1 else names[0], decode_parms=parms)
        for key, value in entries.items():
            image[f"/{key}"] = value

    return change


def over(drawing: bytes) -> Write:
    return pdf(over=drawing)


def drawn(commands: str) -> Change:
    def change(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
        page.Contents = opened.make_stream(commands.encode())

    return change


def entry(**entries: Any) -> Change:
    def change(_opened: pikepdf.Pdf, _page: Any, image: Any) -> None:
        for key, value in entries.items():
            image[f"/{key}"] = value

    return change


def second_image(commands: str, page: Picture, **entries: Any) -> Change:
    """Another image /Im1, and new commands."""

    def change(opened: pikepdf.Pdf, sheet: Any, _image: Any) -> None:
        height, width = page.shape[:2]
        sheet.Resources.XObject.Im1 = opened.make_stream(
            page.tobytes(), Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height, BitsPerComponent=8,
            ColorSpace=Name.DeviceRGB if page.ndim == 3 else Name.DeviceGray, **entries,
        )  # fmt: skip
        sheet.Contents = opened.make_stream(commands.encode())

    return change


def soft_state(key: str, value: Any) -> Change:
    def change(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
        page.Resources.ExtGState = Dictionary(G0=Dictionary({key: value}))
        page.Contents = opened.make_stream(b"/G0 gs " + page.Contents.read_bytes())

    return change


def soft_mask(opened: pikepdf.Pdf, _page: Any, image: Any) -> None:
    image.SMask = opened.make_stream(
        GREY.tobytes(), Width=420, Height=360, BitsPerComponent=8, ColorSpace=Name.DeviceGray, Subtype=Name.Image
    )


def icc_space(opened: pikepdf.Pdf, _page: Any, image: Any) -> None:
    image.ColorSpace = Array([Name.ICCBased, opened.make_stream(b"icc" * 50, N=3)])


def indexed_space(_opened: pikepdf.Pdf, _page: Any, image: Any) -> None:
    image.ColorSpace = Array([Name.Indexed, Name.DeviceRGB, 255, bytes(range(256)) * 3])
    image.write(zlib.compress(GREY.tobytes()), filter=Name.FlateDecode)


def layer(opened: pikepdf.Pdf, page: Any, image: Any) -> None:
    group = opened.make_indirect(Dictionary(Type=Name.OCG, Name="Fond"))
    image.OC = group
    opened.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(OFF=Array([group])))


def stamp(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
    page.Annots = Array([opened.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=Array([10, 10, 60, 40])))])


def link(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
    page.Annots = Array([opened.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([10, 10, 60, 40])))])


def attached(opened: pikepdf.Pdf, _page: Any, _image: Any) -> None:
    opened.attachments["factur-x.xml"] = b"<Invoice/>"


def script(opened: pikepdf.Pdf, _page: Any, _image: Any) -> None:
    opened.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array(["a", Dictionary(S=Name.JavaScript, JS="app.alert(1)")])))


def user_unit(_opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
    page.UserUnit = 2


def moved_box(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
    page.MediaBox = Array([-50, 20, 50.8, 106.4])
    page.Contents = opened.make_stream(b"q 100.8 0 0 86.4 -50 20 cm /Im0 Do Q")


def nested_forms(scale: float) -> Change:
    """The page within a form within a form, each with its own matrix."""

    def change(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
        def form(commands: bytes, **objects: Any) -> Any:
            half = Array([0.5, 0, 0, 0.5, 0, 0])
            resources = Dictionary(XObject=Dictionary(**objects))
            return opened.make_stream(commands, Subtype=Name.Form, BBox=Array([0, 0, 999, 999]), Matrix=half, Resources=resources)

        inner = form(page.Contents.read_bytes(), Im0=page.Resources.XObject.Im0)
        outer = form(b"q 2 0 0 2 0 0 cm /Fm1 Do Q", Fm1=inner)
        page.Resources.XObject = Dictionary(Fm0=outer)
        page.Contents = opened.make_stream(f"q {2 * scale} 0 0 {2 * scale} 0 0 cm /Fm0 Do Q".encode())

    return change


def inline(filter_: str, data: bytes, dpi: float = 300) -> Write:
    """The image inside the drawing commands."""
    height, width = PAPER.shape[:2]
    across, down = width * 72 / dpi, height * 72 / dpi
    head = f"q {across} 0 0 {down} 0 0 cm BI /W {width} /H {height} /BPC 8 /CS /RGB /F {filter_} ID ".encode()

    def write(path: Path) -> None:
        with pikepdf.new() as opened:
            sheet = opened.add_blank_page(page_size=(across, down))
            sheet.Contents = opened.make_stream(head + data + b"\nEI Q")
            opened.save(path, compress_streams=False)

    return write


def halves(gap: float = 0.0, **entries: Any) -> Write:
    """The page as two bands, as some devices write it."""
    height, width = PAPER.shape[:2]
    across, down = width * 0.24, height * 0.24
    middle = down / 2

    def write(path: Path) -> None:
        write_pdf(path, PAPER[: height // 2].copy())
        with pikepdf.open(path, allow_overwriting_input=True) as opened:
            page = opened.pages[0]
            page.MediaBox = Array([0, 0, across, down])
            commands = f"q {across} 0 0 {middle} 0 {middle} cm /Im0 Do Q q {across} 0 0 {middle - gap} 0 0 cm /Im1 Do Q"
            second_image(commands, PAPER[height // 2 :].copy(), **entries)(opened, page, None)
            opened.save(path)

    return write


def bilevel_pdf(data: bytes, filter_: str, **parms: Any) -> Write:
    return pdf(stored(data, filter_, parms=Dictionary(**parms) if parms else None, BitsPerComponent=1, ColorSpace=Name.DeviceGray))


def lossy_background(opened: pikepdf.Pdf, page: Any, _image: Any) -> None:
    """The "compact PDF" of multifunction devices: a coarse JPEG background, and the text as a stencil painted over it."""
    second_image("q 100.8 0 0 86.4 0 0 cm /Im0 Do Q 0 0 0 rg q 100.8 0 0 86.4 0 0 cm /Im1 Do Q", GREY)(opened, page, None)
    mask = page.Resources.XObject.Im1
    mask.write(np.packbits(~BLACK_AND_WHITE, axis=1).tobytes())
    mask.ImageMask, mask.BitsPerComponent = True, 1
    del mask.ColorSpace


def hex_flate() -> bytes:
    return zlib.compress(PAPER.tobytes()).hex().encode() + b">"


def ascii85(data: bytes) -> bytes:
    import base64

    return base64.a85encode(data) + b"~>"


def png_predicted(page: Picture = PAPER) -> bytes:
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in page))


def subtracted(page: Picture = PAPER) -> bytes:
    """TIFF predictor 2."""
    before = np.zeros_like(page)
    before[:, 1:] = page[:, :-1]
    return zlib.compress((page - before).tobytes())


def run_lengths(data: bytes) -> bytes:
    return b"".join(bytes([len(data[i : i + 128]) - 1]) + data[i : i + 128] for i in range(0, len(data), 128)) + b"\x80"


COLOURS = {"Colors": 3, "Columns": 420, "BitsPerComponent": 8}
JPEG = coded("JPEG", quality=90)

PDFS = (
    Kind("flate.pdf", pdf(), "conform"),
    Kind("png-predictor.pdf", pdf(stored(png_predicted(), "FlateDecode", parms=Dictionary(Predictor=15, **COLOURS))), "conform"),
    Kind("tiff-predictor.pdf", pdf(stored(subtracted(), "FlateDecode", parms=Dictionary(Predictor=2, **COLOURS))), "conform"),
    Kind("no-filter.pdf", pdf(stored(PAPER.tobytes())), "conform"),
    Kind("run-length.pdf", pdf(stored(run_lengths(PAPER.tobytes()), "RunLengthDecode")), "conform"),
    Kind("ascii85-flate.pdf", pdf(stored(ascii85(zlib.compress(PAPER.tobytes())), "ASCII85Decode", "FlateDecode")), "conform"),
    Kind("hex-flate.pdf", pdf(stored(hex_flate(), "ASCIIHexDecode", "FlateDecode")), "conform"),
    Kind("flate-flate.pdf", pdf(stored(zlib.compress(zlib.compress(PAPER.tobytes())), "FlateDecode", "FlateDecode")), "conform"),
    Kind("jpx-5-3.pdf", pdf(stored(coded("JPEG2000"), "JPXDecode")), "conform"),
    Kind("flate-jpx-5-3.pdf", pdf(stored(zlib.compress(coded("JPEG2000", no_jp2=True)), "FlateDecode", "JPXDecode")), "conform"),
    Kind("icc.pdf", pdf(icc_space), "conform"),
    Kind("nested-forms.pdf", pdf(nested_forms(1.0)), "conform"),
    Kind("moved-box.pdf", pdf(moved_box), "conform"),
    Kind("turned.pdf", pdf(rotate=90), "conform"),
    Kind("invisible-text.pdf", over(b"BT /F1 12 Tf 3 Tr 10 10 Td (facture) Tj ET"), "conform"),
    Kind("link.pdf", pdf(link), "conform"),
    Kind("attachment.pdf", pdf(attached), "conform", "attached-files"),
    Kind("linearized.pdf", pdf(linearize=True), "conform"),
    Kind("object-streams.pdf", pdf(object_stream_mode=pikepdf.ObjectStreamMode.generate), "conform"),
    Kind("owner-password.pdf", pdf(encryption=pikepdf.Encryption(owner="x", user="")), "conform"),
    Kind("inline-flate.pdf", inline("/Fl", zlib.compress(PAPER.tobytes())), "conform"),
    Kind("named.jpg", pdf(), "conform", "mislabelled"),
    Kind("bands.pdf", halves(), "conform"),
    Kind("bands-apart.pdf", halves(gap=2), "blocked", "mixed-page"),
    Kind("bands-one-lossy.pdf", halves(Filter=Name.DCTDecode), "blocked", None),
    Kind("dct.pdf", pdf(filter_="dct"), "blocked", "lossy-compression"),
    Kind("flate-dct.pdf", pdf(stored(zlib.compress(JPEG), "FlateDecode", "DCTDecode")), "blocked", "lossy-compression"),
    Kind("ascii85-dct.pdf", pdf(stored(ascii85(JPEG), "ASCII85Decode", "DCTDecode")), "blocked", "lossy-compression"),
    Kind("run-length-dct.pdf", pdf(stored(run_lengths(JPEG), "RunLengthDecode", "DCTDecode")), "blocked", "lossy-compression"),
    Kind("inline-dct.pdf", inline("/DCT", JPEG), "blocked", "lossy-compression"),
    Kind("jpx-9-7.pdf", pdf(stored(coded("JPEG2000", irreversible=True), "JPXDecode")), "blocked", "lossy-compression"),
    Kind(
        "jpx-rate-20.pdf",
        pdf(stored(coded("JPEG2000", quality_mode="rates", quality_layers=[20]), "JPXDecode")),
        "blocked",
        "lossy-compression",
    ),
    Kind("jpx-cut.pdf", pdf(stored(coded("JPEG2000")[:-5000], "JPXDecode")), "blocked", "truncated"),
    Kind("unknown-filter.pdf", pdf(stored(PAPER.tobytes(), "FooDecode")), "blocked", "unproven-compression"),
    Kind("jbig2-symbols.pdf", bilevel_pdf(struct.pack(">IBBBI", 0, 0, 0, 1, 0), "JBIG2Decode"), "blocked", "symbol-compression"),
    Kind(
        "jbig2-refined.pdf",
        bilevel_pdf(struct.pack(">IBBBI", 0, 48, 0, 1, 0) + struct.pack(">IBBBI", 1, 42, 0, 1, 0), "JBIG2Decode"),
        "blocked",
        "symbol-compression",
    ),
    Kind("fax-g3.pdf", bilevel_pdf(b"\x00\x10\x01" * 90, "CCITTFaxDecode", K=0, Columns=420, Rows=360), "blocked", "bilevel-image"),
    Kind(
        "one-bit.pdf",
        pdf(
            stored(
                zlib.compress(np.packbits(BLACK_AND_WHITE, axis=1).tobytes()), "FlateDecode", BitsPerComponent=1, ColorSpace=Name.DeviceGray
            )
        ),
        "blocked",
        "bilevel-image",
    ),
    Kind(
        "sixteen-bits.pdf", pdf(stored(zlib.compress(DEEP.byteswap().tobytes()), "FlateDecode", BitsPerComponent=16)), "blocked", "16-bit"
    ),
    Kind("four-bits.pdf", pdf(stored(zlib.compress(bytes(420 * 3 // 2 * 360)), "FlateDecode", BitsPerComponent=4)), "blocked", "few-bits"),
    Kind("grey.pdf", pdf(page=GREY), "blocked", "grey-image"),
    Kind("indexed.pdf", pdf(indexed_space), "blocked", "palette-image"),
    Kind("cmyk.pdf", pdf(stored(zlib.compress(bytes(420 * 360 * 4)), "FlateDecode", ColorSpace=Name.DeviceCMYK)), "blocked", "cmyk"),
    Kind("lab.pdf", pdf(entry(ColorSpace=Array([Name.Lab, Dictionary(WhitePoint=Array([1, 1, 1]))]))), "blocked", "unsupported-coding"),
    Kind("inverted-colours.pdf", pdf(entry(Decode=Array([1, 0, 1, 0, 1, 0]))), "blocked", "unsupported-coding"),
    Kind("200-dpi.pdf", pdf(dpi=200), "blocked", "too-coarse"),
    Kind("nested-forms-enlarged.pdf", pdf(nested_forms(1.5)), "blocked", "too-coarse"),
    Kind("user-unit.pdf", pdf(user_unit), "blocked", "too-coarse"),
    Kind("flattened.pdf", pdf(drawn("q 100.8 0 0 129.6 0 0 cm /Im0 Do Q")), "blocked", "too-coarse"),
    Kind("inline-coarse.pdf", inline("/Fl", zlib.compress(PAPER.tobytes()), 200), "blocked", "too-coarse"),
    Kind("visible-text.pdf", over(b"BT /F1 12 Tf 10 10 Td (PAYE) Tj ET"), "blocked", "mixed-page"),
    Kind("vector-stamp.pdf", over(b"1 0 0 RG 10 10 40 20 re S"), "blocked", "mixed-page"),
    Kind("stamp-note.pdf", pdf(stamp), "blocked", "mixed-page"),
    Kind(
        "logo-over.pdf",
        pdf(second_image("q 100.8 0 0 86.4 0 0 cm /Im0 Do Q q 20 0 0 20 5 5 cm /Im1 Do Q", PAPER[:80, :80].copy())),
        "blocked",
        "mixed-page",
    ),
    Kind("compact.pdf", pdf(lossy_background), "blocked", "mixed-page"),
    Kind("soft-mask.pdf", pdf(soft_mask), "blocked", "mixed-page"),
    Kind("colour-key.pdf", pdf(entry(Mask=Array([250, 255, 250, 255, 250, 255]))), "blocked", "mixed-page"),
    Kind("half-transparent.pdf", pdf(soft_state("/ca", 0.5)), "blocked", "mixed-page"),
    Kind("multiplied.pdf", pdf(soft_state("/BM", Name.Multiply)), "blocked", "mixed-page"),
    Kind("hidden-layer.pdf", pdf(layer), "blocked", "mixed-page"),
    Kind("script.pdf", pdf(script), "blocked", "active-content"),
    Kind("user-password.pdf", pdf(encryption=pikepdf.Encryption(owner="x", user="y")), "blocked", "encrypted"),
    Kind("short-stream.pdf", pdf(stored(zlib.compress(PAPER[:100].tobytes()), "FlateDecode")), "blocked", "truncated"),
    Kind("long-stream.pdf", pdf(stored(zlib.compress(PAPER.tobytes() + b"hidden" * 9), "FlateDecode")), "blocked", "surplus-data"),
    Kind("text-only.pdf", pdf(drawn("BT /F1 12 Tf 10 10 Td (facture) Tj ET")), "blocked", "electronic-document"),
    Kind("nothing-drawn.pdf", pdf(drawn("")), "blocked", "electronic-document"),
    Kind("cut.pdf", lambda path: (write_pdf(path, PAPER), path.write_bytes(path.read_bytes()[:-900])), "blocked", "truncated"),
)


# --- what is no scan at all ---


def raw(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)


STRANGERS = (
    Kind("a.gif", raw(coded("GIF")), "blocked", "unknown-format"),
    Kind("a.bmp", raw(coded("BMP", dpi=(300, 300))), "blocked", "unknown-format"),
    Kind("a.avif", raw(coded("AVIF", PAPER[:64, :64].copy())), "blocked", "unknown-format"),
    Kind("a.heic", raw(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(90)), "blocked", "unknown-format"),
    Kind("a.djvu", raw(b"AT&TFORM\0\0\0\x40DJVUINFO" + bytes(60)), "blocked", "unknown-format"),
    Kind("a.jxl", raw(b"\xff\x0a" + bytes(90)), "blocked", "unknown-format"),
    Kind("a.psd", raw(b"8BPS\0\1" + bytes(90)), "blocked", "unknown-format"),
    Kind("a.ppm", raw(coded("PPM")), "blocked", "unknown-format"),
    Kind("a.docx", raw(b"PK\x03\x04" + bytes(90)), "blocked", "unknown-format"),
    Kind("a.xml", raw(b"<?xml version='1.0'?><Invoice/>"), "blocked", "unknown-format"),
    Kind("text.pdf", raw(b"ceci n'est pas un PDF"), "blocked", "unknown-format"),
    Kind("empty.png", raw(b""), "blocked", "empty-file"),
    Kind("zeros.tif", raw(bytes(5000)), "blocked", "unknown-format"),
    Kind("header-only.tif", raw(b"II*\0\x08\0\0\0"), "blocked", "truncated"),
    Kind("header-only.pdf", raw(b"%PDF-1.7\n"), "blocked", "damaged"),
    Kind("signature-only.png", raw(b"\x89PNG\r\n\x1a\n"), "blocked", "truncated"),
)

KINDS = (*TIFFS, *PNGS, *PHOTOS, *PDFS, *STRANGERS)
