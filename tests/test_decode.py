"""A page is decoded exactly as stored, or not at all."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import kinds
import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from papers import draw_page, write_jp2, write_jpeg, write_pdf, write_png, write_special_tiff, write_tiff, write_webp
from PIL import Image, ImageOps

from capture.coding import Caps, examine
from capture.decode import Undecodable, decode, turn, unturn, upright
from capture.inflate import ADAM7, Surplus, filtered_size, inflate_pieces
from capture.raster import Raster, fingerprint
from capture.scan import Model

PAPER = draw_page(size=(421, 363))  # Odd sides: rows end inside a byte, tiles stick out.
CAP = Caps().max_pixels
GREY = np.ascontiguousarray(PAPER[..., 1])


def rasters(path: Path) -> list[Raster]:
    scan = examine(path)
    return [decode(path, page, scan.format, CAP) for page in scan.pages]


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("page", [PAPER, GREY], ids=["colour", "grey"])
def test_a_lossless_tiff_gives_back_every_sample(tmp_path, compression, page):
    assert np.array_equal(rasters(write_tiff(tmp_path / "a.tif", page, compression))[0].samples, page)


@pytest.mark.parametrize(
    "form",
    [
        {"big_endian": True},
        {"big": True, "tiled": True},
        {"tiled": True, "compression": "zlib"},
        {"compression": "zlib", "predictor": True},
    ],
)
def test_byte_order_tiles_and_predictors_change_no_sample(tmp_path, form):
    assert np.array_equal(rasters(write_special_tiff(tmp_path / "a.tif", PAPER, **form))[0].samples, PAPER)


def test_separate_planes_come_together(tmp_path):
    planes = np.ascontiguousarray(PAPER.transpose(2, 0, 1))
    assert np.array_equal(rasters(write_special_tiff(tmp_path / "a.tif", planes, planarconfig="separate"))[0].samples, PAPER)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_unapplied_in_the_raster_and_applied_upright(tmp_path, orientation):
    path = write_special_tiff(tmp_path / "a.tif", PAPER, extratags=[(274, 3, 1, orientation, True)])
    raster = rasters(path)[0]
    assert np.array_equal(raster.samples, PAPER)
    assert np.array_equal(upright(raster)[..., ::-1], turn(PAPER, orientation))


def test_turning_agrees_with_pillow(tmp_path):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(PAPER).save(tmp_path / "a.jpg", exif=exif, quality=95)
        with Image.open(tmp_path / "a.jpg") as image:
            assert np.array_equal(upright(rasters(tmp_path / "a.jpg")[0])[..., ::-1], np.asarray(ImageOps.exif_transpose(image)))


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 5))
def test_unturning_undoes_turning(orientation, height, width):
    samples = np.arange(height * width).reshape(height, width)
    assert np.array_equal(unturn(turn(samples, orientation), orientation), samples)


@pytest.mark.parametrize("page", [PAPER, GREY], ids=["colour", "grey"])
@pytest.mark.parametrize("write", [write_png, write_jp2, write_pdf])
def test_png_jpeg_2000_and_pdf_give_back_every_sample(tmp_path, write, page):
    assert np.array_equal(rasters(write(tmp_path / "a", page))[0].samples, page)


def test_webp_without_loss_gives_back_every_sample(tmp_path):
    assert np.array_equal(rasters(write_webp(tmp_path / "a.webp", PAPER))[0].samples, PAPER)


def test_any_page_of_a_long_tiff_can_be_read_alone(tmp_path):
    pages = [draw_page([f"page {i}"], (200, 160)) for i in range(5)]
    path = write_tiff(tmp_path / "a.tif", pages)
    scan = examine(path)
    assert np.array_equal(decode(path, scan.pages[3], scan.format, CAP).samples, pages[3])


def test_black_is_zero_whatever_the_fax_says(tmp_path):
    first, second = (rasters(write_tiff(tmp_path / f"{name}.tif", PAPER, name))[0] for name in ("group3", "group4"))
    assert first.model is Model.BILEVEL
    assert np.array_equal(first.samples, second.samples)
    assert first.samples[:5].min() == 1  # Paper.


def test_black_is_zero_where_a_tiff_says_white_is(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(255 - GREY, photometric="miniswhite", metadata=None)
    assert np.array_equal(rasters(path)[0].samples, GREY)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_samples_of_few_bits_lie_unpacked_and_unscaled(tmp_path, bits):
    wanted = (np.arange(37 * 23, dtype=np.uint8).reshape(23, 37)) % (1 << bits)
    path = tmp_path / "a.png"
    _write_grey_png(path, wanted, bits)
    raster = rasters(path)[0]
    assert (raster.bits, raster.samples.tolist()) == (bits, wanted.tolist())


def _write_grey_png(path: Path, samples: np.ndarray, bits: int) -> None:
    height, width = samples.shape
    shift = 8 // bits
    padded = np.pad(samples, ((0, 0), (0, -width % shift)))
    packed = sum(padded[:, i::shift] << (8 - bits * (i + 1)) for i in range(shift)).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_a_palette_stays_indices_with_its_declared_entries(tmp_path):
    image = Image.fromarray(PAPER).quantize(32)
    image.save(tmp_path / "a.png", dpi=(300, 300))
    raster = rasters(tmp_path / "a.png")[0]
    assert (raster.model, raster.samples.ndim) == (Model.PALETTE, 2)
    assert np.array_equal(upright(raster)[..., ::-1], np.asarray(image.convert("RGB")))


def test_sixteen_bits_lose_none(tmp_path):
    deep = (PAPER.astype(np.uint16) << 8) | np.arange(PAPER.size, dtype=np.uint16).reshape(PAPER.shape) % 251
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    assert np.array_equal(rasters(tmp_path / "a.png")[0].samples, deep)
    assert np.array_equal(rasters(write_special_tiff(tmp_path / "a.tif", deep))[0].samples, deep)


def test_a_png_predicted_pdf_stream_is_unpacked_like_any_other(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        image = pdf.pages[0].Resources.XObject.Im0
        png = write_png(tmp_path / "a.png", PAPER).read_bytes()
        start = png.index(b"IDAT")
        stream, where = b"", start - 4
        while png[where + 4 : where + 8] == b"IDAT":
            length = int.from_bytes(png[where : where + 4], "big")
            stream, where = stream + png[where + 8 : where + 8 + length], where + 12 + length
        parameters = pikepdf.Dictionary(Predictor=15, Colors=3, BitsPerComponent=8, Columns=PAPER.shape[1])
        image.write(stream, filter=pikepdf.Name.FlateDecode, decode_parms=parameters)
        pdf.save(path)
    assert np.array_equal(rasters(path)[0].samples, PAPER)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_pdf_samples_are_those_that_pdfium_shows(tmp_path, bits):
    stride = (37 * bits + 7) // 8
    data = bytes((i * 73) % 256 for i in range(stride * 29))
    path = tmp_path / "a.pdf"
    with pikepdf.new() as pdf:
        image = pdf.make_stream(data, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=37, Height=29, BitsPerComponent=bits)
        image.ColorSpace, image.Decode = pikepdf.Name.DeviceGray, pikepdf.Array([1, 0])
        sheet = pdf.add_blank_page(page_size=(37, 29))
        sheet.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image))
        sheet.Contents = pdf.make_stream(b"q 37 0 0 29 0 0 cm /Im0 Do Q")
        pdf.save(path)
    with pdfium.PdfDocument(path) as document:
        shown = document[0].render(scale=1, grayscale=True).to_numpy()
    assert np.array_equal(upright(rasters(path)[0]), shown.reshape(29, 37))


def test_an_icc_profile_comes_along_as_stored(tmp_path):
    profile = b"\0" * 128
    Image.fromarray(PAPER).save(tmp_path / "a.png", icc_profile=profile)
    Image.fromarray(PAPER).save(tmp_path / "a.tif", icc_profile=profile)
    assert [rasters(tmp_path / name)[0].icc for name in ("a.png", "a.tif")] == [profile, profile]


# --- not at all ---


@pytest.mark.parametrize("name", ["lzw.tif", "none.tif", "a.png", "a.jpg", "a.jp2", "a.pdf"])
def test_a_cut_page_is_refused_not_filled_with_grey(tmp_path, name):
    path = tmp_path / name
    write = {"lzw.tif": write_tiff, "a.png": write_png, "a.jpg": write_jpeg, "a.jp2": write_jp2, "a.pdf": write_pdf}
    write.get(name, write_special_tiff)(path, PAPER)
    scan = examine(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(Undecodable):
        decode(path, scan.pages[0], scan.format, CAP)


def test_a_corrupt_strip_is_refused(tmp_path):
    path = write_tiff(tmp_path / "a.tif", PAPER)
    scan, data = examine(path), bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = b"\xff" * 400
    path.write_bytes(data)
    with pytest.raises(Undecodable) as caught:
        decode(path, scan.pages[0], scan.format, CAP)
    assert caught.value.finding(1).code == "damaged"


def test_a_page_beyond_the_cap_is_refused_unopened(tmp_path):
    path = write_png(tmp_path / "a.png", PAPER)
    with pytest.raises(Undecodable, match="421"):
        decode(path, examine(path).pages[0], examine(path).format, max_pixels=1000)


def test_a_stream_that_holds_more_than_the_page_is_refused_without_being_inflated_further(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[0].Resources.XObject.Im0.write(PAPER.tobytes() + b"\0" * 50_000_000)
        pdf.save(path, compress_streams=True)
    with pytest.raises(Undecodable) as refused:
        rasters(path)
    assert (refused.value.code, refused.value.reason) == ("surplus-data", f"> {PAPER.size} octets")


def test_a_missing_file_is_the_callers_trouble(tmp_path):
    path = write_png(tmp_path / "a.png", PAPER)
    scan = examine(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        decode(path, scan.pages[0], scan.format, CAP)


def test_upright_is_grey_or_colour_of_eight_bits(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(PAPER).convert("CMYK").save(buffer, "TIFF")
    (tmp_path / "cmyk.tif").write_bytes(buffer.getvalue())
    shown = upright(rasters(tmp_path / "cmyk.tif")[0])
    assert (shown.shape, shown.dtype) == ((*PAPER.shape[:2], 3), np.uint8)
    assert upright(rasters(write_tiff(tmp_path / "g4.tif", PAPER, "group4"))[0]).max() == 255


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4"])
def test_a_page_of_a_long_tiff_is_decoded_alone_as_it_would_be_first(tmp_path, compression):
    other = np.ascontiguousarray(PAPER[::-1])
    alone = rasters(write_tiff(tmp_path / "one.tif", other, compression))[0]
    among = rasters(write_tiff(tmp_path / "many.tif", [PAPER, PAPER, other], compression))[2]
    assert fingerprint(among) == fingerprint(alone)


@pytest.mark.parametrize("form", [{"big_endian": True}, {"big": True, "tiled": True}, {"compression": "zlib", "predictor": True}])
def test_a_later_page_keeps_its_samples_in_any_form_of_tiff(tmp_path, form):
    path = write_special_tiff(tmp_path / "a.tif", PAPER, **form)
    with tifffile.TiffWriter(path, append=True, bigtiff=form.get("big", False)) as file:
        options = {"tile": (256, 256)} if form.get("tiled") else {"rowsperstrip": 64}
        extra = {key: form[key] for key in ("compression", "predictor") if key in form}
        file.write(PAPER[::-1], photometric="rgb", metadata=None, resolution=(300, 300), **options, **extra)
    assert np.array_equal(rasters(path)[1].samples, PAPER[::-1])


# --- surplus data ---


def flate_png(path: Path, stream: bytes, page=GREY, after: bytes = b"") -> Path:
    header = struct.pack(">IIBBBBB", page.shape[1], page.shape[0], 8, 0 if page.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", stream[:700]), (b"IDAT", stream[700:]), (b"IEND", b""))
    parts = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts) + after)
    return path


def rows_of(page) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in page)


@pytest.mark.parametrize("surplus", [b"!", b"HIDDEN" * 1000, bytes(50_000_000)], ids=["byte", "text", "bomb"])
@pytest.mark.parametrize("page", [PAPER, GREY], ids=["colour", "grey"])
def test_data_behind_the_last_row_of_a_png_are_refused(tmp_path, page, surplus):
    with pytest.raises(Undecodable) as refused:
        rasters(flate_png(tmp_path / "a.png", zlib.compress(rows_of(page) + surplus, 1), page))
    assert refused.value.code == "surplus-data"


def test_data_behind_the_flate_stream_of_a_png_are_refused(tmp_path):
    with pytest.raises(Undecodable) as refused:
        rasters(flate_png(tmp_path / "a.png", zlib.compress(rows_of(GREY)) + b"TRAILING"))
    assert refused.value.code == "surplus-data"


def test_bytes_after_the_end_of_a_png_are_told_and_change_nothing(tmp_path):
    path = flate_png(tmp_path / "a.png", zlib.compress(rows_of(GREY)), after=b"PK and more")
    assert [(f.code, f.level, f.measured) for f in examine(path).findings] == [("trailing-data", "info", "11 octets")]
    assert np.array_equal(rasters(path)[0].samples, GREY)


@pytest.mark.parametrize("predictor", [1, 15])
@pytest.mark.parametrize("surplus", [b"", b"HIDDEN"])
def test_data_behind_the_last_row_of_a_pdf_image_are_refused(tmp_path, predictor, surplus):
    rows = rows_of(PAPER) if predictor == 15 else PAPER.tobytes()
    height, width = PAPER.shape[:2]
    pdf = pikepdf.new()
    image = pdf.make_stream(
        zlib.compress(rows + surplus), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
        BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceRGB, Filter=pikepdf.Name.FlateDecode,
        DecodeParms=pikepdf.Dictionary(Predictor=predictor, Colors=3, BitsPerComponent=8, Columns=width),
    )  # fmt: skip
    pdf.add_blank_page(page_size=(72, 72))
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im=image))
    pdf.pages[0].Contents = pdf.make_stream(b"72 0 0 72 0 0 cm /Im Do")
    pdf.save(tmp_path / "a.pdf")
    if not surplus:
        assert np.array_equal(rasters(tmp_path / "a.pdf")[0].samples, PAPER)
        return
    with pytest.raises(Undecodable) as refused:
        rasters(tmp_path / "a.pdf")
    assert refused.value.code == "surplus-data"


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([(0, 1), (0, 4), (2, 8), (3, 2), (6, 16)]), st.integers(0, 1))
def test_the_rows_of_a_header_take_what_a_row_takes_pixel_by_pixel(width, height, coding, interlaced):
    colour, bits = coding
    deep = bits * {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    passes = ADAM7 if interlaced else ((0, 1, 0, 1),)
    counted = 0
    for x, across, y, down in passes:
        columns, rows = len(range(x, width, across)), len(range(y, height, down))
        counted += rows * (1 + -(-columns * deep // 8)) if columns else 0
    assert filtered_size(struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)) == counted


@given(st.binary(max_size=3000), st.integers(1, 400), st.integers(0, 9))
def test_a_stream_inflates_the_same_however_it_is_cut(data, step, level):
    stream = zlib.compress(data, level)
    parts = [stream[i : i + step] for i in range(0, len(stream), step)]
    assert b"".join(inflate_pieces(parts, len(data))) == data
    with pytest.raises(Surplus):
        list(inflate_pieces([*parts, b"!"], len(data)))


def test_the_bands_of_one_scan_are_one_page_with_all_its_rows(tmp_path):
    kinds.halves()(tmp_path / "a.pdf")
    scan = examine(tmp_path / "a.pdf")
    (page,) = scan.pages
    assert ([*scan.findings], page.width, page.height, len(page.bands), page.image) == ([], 420, 360, 2, None)
    assert page.dpi == pytest.approx((300, 300), rel=1e-4)
    assert np.array_equal(decode(tmp_path / "a.pdf", page, scan.format, 10**6).samples, kinds.PAPER)
