"""Draws pages as a scanner would see them, small enough for fast tests, and writes them the ways devices do.

Names and numbers are invented. Paper has a tint and coloured sensor noise, so that a drawn page is neither grey nor treated.
"""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pikepdf
import tifffile
from PIL import Image

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""(height, width, 3) in R, G, B, or (height, width) grey."""

SMALL = (1100, 1000)
"""Width and height in pixels of a quick page; no known sheet."""
A4 = (2480, 3508)
INVOICE = (
    "ATELIER BERTHIER SARL",
    "12 rue des Tanneurs, 69005 Lyon",
    "SIRET 732 829 320 00074  TVA FR44732829320",
    "FACTURE N° F-2026-0118",
    "Date : 14/10/2026   Échéance : 13/11/2026",
    "Client : Menuiserie du Lac, 74000 Annecy",
    "Reliure de registres     10 x 48,00     480,00",
    "Dorure à chaud            4 x 32,50     130,00",
    "Total HT                               610,00 EUR",
    "TVA 20 %                               122,00 EUR",
    "Total TTC                              732,00 EUR",
    "IBAN FR76 3000 6000 0112 3456 7890 189",
)


def draw_page(lines: Sequence[str] = INVOICE, size: tuple[int, int] = SMALL, dpi: int = 300, seed: int = 1, noise: float = 2.0) -> Picture:
    """Lines of text on tinted paper, with a blue stamp. Without noise the paper is flat. The same arguments give the same pixels."""
    width, height = size
    page = np.full((height, width, 3), (246, 243, 236), np.uint8)
    step, scale = dpi * 0.2, dpi / 300
    for i, line in enumerate(lines):
        where = (int(dpi * 0.25), int(dpi * 0.35 + i * step * 1.07))
        cv2.putText(page, _plain(line), where, cv2.FONT_HERSHEY_SIMPLEX, scale, (28, 26, 30), max(1, round(2 * scale)), cv2.LINE_AA)
    cv2.circle(page, (width - int(dpi * 0.6), height - int(dpi * 0.6)), int(dpi * 0.35), (40, 60, 170), max(2, dpi // 60), cv2.LINE_AA)
    if not noise:
        return page
    grain = np.random.default_rng(seed).normal(0, noise, page.shape)
    return np.clip(cv2.GaussianBlur(page, (0, 0), 0.7) + grain, 0, 255).astype(np.uint8)


def draw_invoice(size: tuple[int, int] = SMALL, seed: int = 1, number: str = "F-2026-0118") -> Picture:
    """The invoice of an invented bookbinder with `number`."""
    return draw_page([line.replace("F-2026-0118", number) for line in INVOICE], size, seed=seed)


def _plain(text: str) -> str:
    """OpenCV's strokes know ASCII only."""
    return text.translate(str.maketrans("Éàèé°", "Eaeeo"))


# --- files ---


def write_tiff(
    path: Path, pages: Sequence[Picture] | Picture, compression: str | None = "tiff_lzw", dpi: float | None = 300, **extra: Any
) -> Path:
    """By Pillow: None, tiff_lzw, tiff_adobe_deflate, packbits, jpeg, group3, group4; more than one page where a sequence is given."""
    images = [Image.fromarray(page) for page in ([pages] if isinstance(pages, np.ndarray) else pages)]
    if compression in ("group3", "group4"):
        images = [image.convert("1", dither=Image.Dither.NONE) for image in images]
    options = {"dpi": (dpi, dpi)} if dpi else {}
    images[0].save(path, "TIFF", compression=compression, save_all=len(images) > 1, append_images=images[1:], **options, **extra)
    return path


def write_special_tiff(
    path: Path, page: Picture, *, big_endian: bool = False, big: bool = False, tiled: bool = False, **extra: Any
) -> Path:
    """By tifffile: byte order, BigTIFF, tiles, planes, orientation; Deflate or uncompressed."""
    options: dict[str, Any] = {"tile": (256, 256)} if tiled else {"rowsperstrip": 64}
    photometric = "rgb" if page.ndim == 3 else "minisblack"
    with tifffile.TiffWriter(path, byteorder=">" if big_endian else "<", bigtiff=big) as file:
        options |= {"resolution": (300, 300), "resolutionunit": "INCH"} | extra
        file.write(page, photometric=photometric, metadata=None, **options)
    return path


def write_png(path: Path, page: Picture, dpi: float | None = 300) -> Path:
    Image.fromarray(page).save(path, "PNG", compress_level=1, **({"dpi": (dpi, dpi)} if dpi else {}))
    return path


def write_jpeg(path: Path, page: Picture, quality: int = 90, dpi: int | None = 300) -> Path:
    Image.fromarray(page).save(path, "JPEG", quality=quality, **({"dpi": (dpi, dpi)} if dpi else {}))
    return path


def write_jp2(path: Path, page: Picture, *, lossless: bool = True, dpi: float | None = None) -> Path:
    """5-3 or 9-7; with a capture resolution box where `dpi` is given (ISO/IEC 15444-1 I.5.3.7.1)."""
    buffer = io.BytesIO()
    Image.fromarray(page).save(
        buffer, "JPEG2000", irreversible=not lossless, **({} if lossless else {"quality_mode": "rates", "quality_layers": [20]})
    )
    data = buffer.getvalue()
    path.write_bytes(_with_resolution(data, dpi) if dpi else data)
    return path


def write_webp(path: Path, page: Picture, *, lossless: bool = True) -> Path:
    """By Pillow; the file's name may be anything."""
    Image.fromarray(page).save(path, "WEBP", lossless=lossless)
    return path


def write_pdf(
    path: Path, pages: Sequence[Picture] | Picture, *, filter_: str = "flate", dpi: float = 300, rotate: int = 0, over: bytes = b""
) -> Path:
    """One image per page, Flate or DCT; `over` is drawn on top of each page."""
    with pikepdf.new() as pdf:
        for page in [pages] if isinstance(pages, np.ndarray) else pages:
            height, width = page.shape[:2]
            data, name = _coded(page, filter_)
            image = pdf.make_stream(
                data,
                Type=pikepdf.Name.XObject,
                Subtype=pikepdf.Name.Image,
                Width=width,
                Height=height,
                BitsPerComponent=8,
                ColorSpace=pikepdf.Name.DeviceRGB if page.ndim == 3 else pikepdf.Name.DeviceGray,
                Filter=pikepdf.Name(name),
            )
            across, down = width * 72 / dpi, height * 72 / dpi
            sheet = pdf.add_blank_page(page_size=(across, down))
            sheet.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image), Font=pikepdf.Dictionary())
            sheet.Contents = pdf.make_stream(f"q {across} 0 0 {down} 0 0 cm /Im0 Do Q ".encode() + over)
            if rotate:
                sheet.Rotate = rotate
        pdf.save(path)
    return path


def _coded(page: Picture, filter_: str) -> tuple[bytes, str]:
    if filter_ == "flate":
        return zlib.compress(page.tobytes(), 1), "/FlateDecode"
    buffer = io.BytesIO()
    Image.fromarray(page).save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), "/DCTDecode"


def _with_resolution(data: bytes, dpi: float) -> bytes:
    """The file with a `res ` box at the end of its `jp2h` box."""
    head = data.index(b"jp2h") - 4
    length = struct.unpack(">I", data[head : head + 4])[0]
    per_metre = round(dpi / 0.0254)
    resc = struct.pack(">I4sHHHHbb", 18, b"resc", per_metre, 1, per_metre, 1, 0, 0)
    box = struct.pack(">I4s", 8 + len(resc), b"res ") + resc
    grown = struct.pack(">I", length + len(box)) + data[head + 4 : head + length]
    return data[:head] + grown + box + data[head + length :]
