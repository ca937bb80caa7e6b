"""The archive keeps the scanner's pixels, whatever they came in, and is a PDF/A-3b with findable text."""

import io
import pickle
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import papers
import pikepdf
import pikepdf.pdfa
import pypdfium2 as pdfium
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from kinds import PAPER, halves, inline
from PIL import Image, ImageCms, ImageOps
from practice import METADATA, compose, noisy, png_leaf

from capture.coding import Caps, examine
from capture.decode import decode
from capture.raster import Raster, fingerprint
from capture.scan import Model
from sealing.certificate import archive_raster
from sealing.codestream import CannotArchive, code_page, deflate_raster, join_strips, lone_fax, pack_bits, pass_png, unpack_bits
from sealing.pdfa import Attachment, Leaf, Relation, TextRun, compose_pdfa, glyphless_font
from sealing.skeleton import CannotRebuild, join_png, make_skeleton, rebuild_png

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def save_image(path: Path, mode: str, **options: object) -> Path:
    rgb = Image.fromarray(noisy())
    image = rgb.convert("L").point(lambda v: 255 * (v > 200), "1") if mode == "1" else rgb.quantize(7) if mode == "P" else rgb.convert(mode)
    image.save(path, **options)
    return path


def adam7(path: Path) -> Path:
    """An interlaced PNG of one row and one column: its one pass is the image."""
    save_image(path, "L")
    png = bytearray(path.read_bytes())
    png[28] = 1
    path.write_bytes(png)
    return path


FILES = {
    "rgb.png": ("RGB", {}),
    "grey.png": ("L", {}),
    "bilevel.png": ("1", {}),
    "palette.png": ("P", {"bits": 4}),
    "profile.png": ("RGB", {"icc_profile": SRGB}),
    "grey.jpg": ("L", {"quality": 90}),
    "colour.jpg": ("RGB", {"quality": 90, "subsampling": 2}),
    "progressive.jpg": ("RGB", {"progressive": True}),
    "lzw.tif": ("RGB", {"compression": "tiff_lzw"}),
    "packbits.tif": ("L", {"compression": "packbits"}),
    "deflate.tif": ("P", {"compression": "tiff_deflate"}),
    "fax4.tif": ("1", {"compression": "group4"}),
    "fax3.tif": ("1", {"compression": "group3"}),
    "raw.tif": ("RGB", {"icc_profile": SRGB}),
    "jpeg.tif": ("RGB", {"compression": "jpeg", "quality": 90}),
    "grey-jpeg.tif": ("L", {"compression": "jpeg"}),
    "reversible.jp2": ("RGB", {"irreversible": False}),
    "lossless.webp": ("RGB", {"lossless": True}),
}


def leaf_of(path: Path) -> Leaf:
    scan = examine(path)
    (page,) = scan.pages
    return Leaf(path, scan.format, page, (300, 300), partial(decode, path, page, scan.format, Caps().max_pixels))


def image_of(path: Path, page: int = 0) -> dict[str, object]:
    with pikepdf.open(path) as pdf:
        image = pdf.pages[page].Resources.XObject.Im0
        return {"filter": str(image.Filter), "raw": image.read_raw_bytes(), "space": image.ColorSpace.unparse()}


@pytest.mark.parametrize("name", FILES)
def test_the_archive_decodes_to_the_pixels_of_the_scan(name: str, tmp_path: Path) -> None:
    mode, options = FILES[name]
    leaf = leaf_of(save_image(tmp_path / name, mode, **options))
    archive = compose(tmp_path, [leaf])
    assert fingerprint(archive_raster(archive, 1)) == fingerprint(leaf.decode())


def test_the_image_data_of_a_png_are_kept_byte_for_byte(tmp_path: Path) -> None:
    leaf = png_leaf(tmp_path, noisy())
    coding = pass_png(leaf.source.read_bytes())
    assert coding is not None
    assert image_of(compose(tmp_path, [leaf]))["raw"] == coding.data


def test_a_jpeg_file_is_kept_byte_for_byte(tmp_path: Path) -> None:
    path = save_image(tmp_path / "scan.jpg", "RGB")
    assert image_of(compose(tmp_path, [leaf_of(path)]))["raw"] == path.read_bytes()


def test_a_fax_strip_is_kept_byte_for_byte(tmp_path: Path) -> None:
    path = save_image(tmp_path / "scan.tif", "1", compression="group4")
    with tifffile.TiffFile(path) as tiff:
        strip = path.read_bytes()[tiff.pages[0].dataoffsets[0] :][: tiff.pages[0].databytecounts[0]]
    assert image_of(compose(tmp_path, [leaf_of(path)])) == {"filter": "/CCITTFaxDecode", "raw": strip, "space": b"/DeviceGray"}


def test_a_fax_of_which_white_is_one_keeps_its_pixels(tmp_path: Path) -> None:
    source = save_image(tmp_path / "a.tif", "1", compression="group4")
    with tifffile.TiffFile(source) as tiff:
        strip = source.read_bytes()[tiff.pages[0].dataoffsets[0] :][: tiff.pages[0].databytecounts[0]]
    for photometric in (0, 1):
        path = tmp_path / f"{photometric}.tif"
        path.write_bytes(lone_fax(strip, 30, 40, photometric, 1))
        leaf = leaf_of(path)
        assert fingerprint(archive_raster(compose(tmp_path, [leaf]), 1)) == fingerprint(leaf.decode())


def test_an_interlaced_png_is_decoded_rather_than_passed_through(tmp_path: Path) -> None:
    assert pass_png(adam7(tmp_path / "a.png").read_bytes()) is None


@pytest.mark.parametrize("mode", ["RGBA", "LA", "CMYK", "I;16"])
def test_what_a_pdfa_cannot_hold_unchanged_is_refused_with_a_reason(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("scan.tif" if mode == "CMYK" else "scan.png")
    Image.fromarray(np.ones((9, 9), np.uint16)).save(path) if mode == "I;16" else save_image(path, mode)
    with pytest.raises(CannotArchive) as refused:
        compose(tmp_path, [leaf_of(path)])
    assert refused.value.reason and refused.value.english


@pytest.mark.parametrize(("at", "value"), [(8, b"\5"), (12, b"link")], ids=["version 5", "device link"])
def test_a_colour_profile_that_pdfa_forbids_is_refused_with_a_reason(at: int, value: bytes, tmp_path: Path) -> None:
    profile = SRGB[:at] + value + SRGB[at + len(value) :]
    path = save_image(tmp_path / "a.png", "RGB", icc_profile=profile)
    with pytest.raises(CannotArchive, match=r"n'est pas un PDF/A-3b : .*ICC.* / ") as refused:
        compose(tmp_path, [leaf_of(path)])
    assert repr(pickle.loads(pickle.dumps(refused.value))) == repr(refused.value)  # noqa: S301
    assert [each.name for each in tmp_path.iterdir()] == ["a.png"]


def test_a_lossy_jpeg_2000_is_never_stored_as_if_it_were_lossless(tmp_path: Path) -> None:
    path = save_image(tmp_path / "scan.jp2", "RGB", irreversible=True, quality_layers=[20])
    with pytest.raises(CannotArchive, match="avec pertes"):
        compose(tmp_path, [leaf_of(path)])


def striped_tiff(strips: list[bytes], width: int, height: int, rows: int, subsampling: int) -> bytes:
    """TIFF 6.0 with one JPEG stream per strip (Technical Note 2), as scanners write it."""
    at = 8
    starts = [at := at + len(strip) for strip in [b"", *strips[:-1]]]
    body = b"".join(strips)
    tags = [(256, 3, [width]), (257, 3, [height]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]), (273, 4, starts), (277, 3, [3])]
    tags += [(278, 3, [rows]), (279, 4, [len(strip) for strip in strips]), (530, 3, [subsampling, subsampling])]
    beyond, entries, end = b"", b"", 8 + len(body) + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        inline = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", end + len(beyond))
        beyond += packed if len(packed) > 4 else b""
        entries += struct.pack("<HHI", tag, kind, len(values)) + inline
    return struct.pack("<2sHI", b"II", 42, 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4) + beyond


def jpeg_strips(samples: np.ndarray, rows: int, subsampling: int) -> list[bytes]:
    strips = []
    for top in range(0, samples.shape[0], rows):
        out = io.BytesIO()
        Image.fromarray(samples[top : top + rows]).save(out, "JPEG", quality=85, subsampling=subsampling)
        strips.append(out.getvalue())
    return strips


def test_the_jpeg_strips_of_a_tiff_become_one_codestream(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(striped_tiff(jpeg_strips(noisy(40, 32), 16, 0), 32, 40, 16, 1))
    leaf = leaf_of(path)
    archive = compose(tmp_path, [leaf])
    assert image_of(archive)["filter"] == "/DCTDecode"
    assert fingerprint(archive_raster(archive, 1)) == fingerprint(leaf.decode())


def test_jpeg_strips_that_show_other_pixels_when_joined_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    path.write_bytes(striped_tiff(jpeg_strips(noisy(48, 32), 16, 2), 32, 48, 16, 2))
    with pytest.raises(CannotArchive, match="sans changer de pixels"):
        compose(tmp_path, [leaf_of(path)])


def abbreviated(samples: np.ndarray, rows: int) -> tuple[list[bytes], np.ndarray]:
    """Strips as a scanner writes them into a TIFF, and the pixels they show one by one."""
    strips = jpeg_strips(samples, rows, 0)
    return strips, np.concatenate([np.asarray(Image.open(io.BytesIO(strip))) for strip in strips])


@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_joined_jpeg_strips_show_what_the_strips_show(strips: int, width: int, last: int) -> None:
    samples = noisy(16 * (strips - 1) + last, width)
    parts, shown = abbreviated(samples, 16)
    joined = join_strips(b"", parts, len(samples), 16, luma=True)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(joined))), shown)


def test_jpeg_strips_of_two_qualities_are_not_joined() -> None:
    one, two = abbreviated(noisy(16, 16), 16)[0][0], io.BytesIO()
    Image.fromarray(noisy(16, 16)).save(two, "JPEG", quality=20, subsampling=0)
    with pytest.raises(CannotArchive):
        join_strips(b"", [one, two.getvalue()], 32, 16, luma=True)


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20)), st.sampled_from([1, 2, 4, 8]))
def test_packed_samples_unpack_to_themselves(samples: np.ndarray, bits: int) -> None:
    low = samples & np.uint8(2**bits - 1)
    assert np.array_equal(unpack_bits(pack_bits(low, bits), low.shape[1], low.shape[0], bits), low)


@given(st.integers(1, 600), st.integers(1, 9), st.sampled_from([1, 3]), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_averaged_rows_are_those_of_png(height: int, width: int, channels: int, seed: int) -> None:
    samples = noisy(height, width, channels, seed)
    coding = deflate_raster(Raster(samples, 8, Model.RGB if channels == 3 else Model.GRAY))
    with pikepdf.new() as pdf:
        stream = pdf.make_stream(coding.data, Filter=pikepdf.Name.FlateDecode)
        stream.DecodeParms = pikepdf.Dictionary({f"/{key}": value for key, value in coding.parameters[0].items()})
        assert stream.read_bytes() == samples.tobytes()


def noisy_page() -> np.ndarray:
    return papers.draw_page(size=(600, 500), noise=2.0)


def clean_page() -> np.ndarray:
    return papers.draw_page(size=(600, 500), noise=0.0)


def dotted_page() -> np.ndarray:
    """A screen of dots all over: no runs, and the same again and again."""
    return np.tile(np.array([[[0], [200]], [[255], [90]]], np.uint8), (300, 250, 3))


def ragged_page() -> np.ndarray:
    """Columns of chance widths and greys: runs, and hardly anything twice."""
    chance = np.random.default_rng(1)
    rows = [np.repeat(chance.integers(0, 256, 100), chance.integers(4, 40, 100))[:400] for _ in range(300)]
    return np.repeat(np.array(rows, np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("draw", "strategy"),
    [
        (noisy_page, zlib.Z_HUFFMAN_ONLY),
        (ragged_page, zlib.Z_RLE),
        (clean_page, zlib.Z_DEFAULT_STRATEGY),
        (dotted_page, zlib.Z_DEFAULT_STRATEGY),
    ],
)
def test_a_page_is_packed_by_what_suits_it(draw: Callable[[], np.ndarray], strategy: int) -> None:
    packed = deflate_raster(Raster(draw(), 8, Model.RGB)).data
    sizes = {each: _packed_size(zlib.decompress(packed), each) for each in (zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY)}
    assert len(packed) == sizes[strategy] < 1.1 * min(sizes.values())


def _packed_size(rows: bytes, strategy: int) -> int:
    packer = zlib.compressobj(6, zlib.DEFLATED, 15, 9, strategy)
    return len(packer.compress(rows) + packer.flush())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_page_is_shown_upright_with_its_words_in_place(orientation: int, tmp_path: Path) -> None:
    mark = np.full((400, 300, 3), 255, np.uint8)
    mark[20:120, 20:120] = (200, 0, 0)
    path = tmp_path / "scan.tif"
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(mark).save(path, compression="tiff_lzw", exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    (top, left), (bottom, right) = np.argwhere(shown[..., 1] < 128).min(axis=0), np.argwhere(shown[..., 1] < 128).max(axis=0) + 1
    leaf = replace(leaf_of(path), text=(TextRun("Montant", left, top, right, bottom),))
    page = pdfium.PdfDocument(compose(tmp_path, [leaf]))[0]
    seen = page.render(scale=300 / 72, rev_byteorder=True).to_numpy()[..., :3]
    assert seen.shape == shown.shape and np.abs(seen.astype(int) - shown).max() < 60
    text = page.get_textpage()
    assert text.get_text_range() == "Montant"
    # PDFium gives places on the sheet before it is turned: there the mark lies as stored, or mirrored.
    boxes = np.array([text.get_charbox(i, loose=True) for i in range(7)]) * 300 / 72
    across = (20, 120) if orientation in (1, 3, 6, 8) else (180, 280)
    assert (boxes[:, 0].min(), boxes[:, 2].max()) == pytest.approx(across, abs=2)
    assert (boxes[:, 1].min(), boxes[:, 3].max()) == pytest.approx((280, 380), abs=2)


def test_words_are_found_where_they_were_read(tmp_path: Path) -> None:
    leaf = png_leaf(tmp_path, noisy(400, 300), text=[TextRun("Total", 30, 50, 150, 90), TextRun("12,50 €", 160, 50, 280, 90)])
    page = pdfium.PdfDocument(compose(tmp_path, [leaf]))[0]
    text = page.get_textpage()
    assert text.get_text_range() == "Total 12,50 €"
    left, bottom, _, top = text.get_charbox(0, loose=True)
    assert (left, page.get_height() - top, page.get_height() - bottom) == pytest.approx((30 * 0.24, 50 * 0.24, 90 * 0.24), abs=0.5)


@given(st.text(max_size=40))
@settings(max_examples=30, deadline=None)
def test_no_text_can_spoil_the_archive(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("text")
    archive = compose(folder, [png_leaf(folder, noisy(16, 16), text=[TextRun(text, 0, 0, 16, 16)])])
    assert pikepdf.pdfa.validate_written(archive, "3b").passed


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
def test_another_reader_finds_the_words_too(tmp_path: Path) -> None:
    words = ["Société", "n°", "😀", "ﬁn", "œuvre"]
    runs = [TextRun(word, 10, 40 * i, 100, 40 * i + 30) for i, word in enumerate(words)]
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy(400, 300), text=runs)])
    told = subprocess.run(["pdftotext", archive, "-"], capture_output=True, check=True, text=True).stdout
    assert told.split() == [word.replace("ﬁ", "fi") for word in words] or told.split() == words


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    leaf = png_leaf(tmp_path, noisy(), text=[TextRun("mot", 1, 1, 9, 9)])
    assert compose(tmp_path, [leaf], "a.pdf").read_bytes() == compose(tmp_path, [leaf], "b.pdf").read_bytes()


def test_pages_keep_their_order_and_share_one_profile(tmp_path: Path) -> None:
    leaves = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.fromarray(noisy(seed=number)).save(path, icc_profile=SRGB)
        leaves.append(leaf_of(path))
    archive = compose(tmp_path, leaves)
    assert [fingerprint(archive_raster(archive, n + 1)) for n in range(3)] == [fingerprint(leaf.decode()) for leaf in leaves]
    with pikepdf.open(archive) as pdf:
        assert len({page.Resources.XObject.Im0.ColorSpace[1].objgen for page in pdf.pages}) == 1


def test_a_page_from_a_pdf_keeps_its_codestream(tmp_path: Path) -> None:
    first = leaf_of(save_image(tmp_path / "scan.jpg", "RGB"))
    again = leaf_of(compose(tmp_path, [first], "first.pdf"))
    assert image_of(compose(tmp_path, [again]))["raw"] == first.source.read_bytes()


@pytest.mark.parametrize("bits", [1, 8])
def test_a_pdf_image_that_counts_from_white_keeps_its_pixels(bits: int, tmp_path: Path) -> None:
    samples = noisy(40, 30, 1) >> (8 - bits)
    with pikepdf.new() as pdf:
        image = pdf.make_stream(pack_bits(samples, bits), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=30, Height=40)
        image.BitsPerComponent, image.ColorSpace, image.Decode = bits, pikepdf.Name.DeviceGray, pikepdf.Array([1, 0])
        page = pdf.add_blank_page(page_size=(7.2, 9.6))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image))
        page.Contents = pdf.make_stream(b"q 7.2 0 0 9.6 0 0 cm /Im0 Do Q")
        pdf.save(tmp_path / "scan.pdf")
    leaf = leaf_of(tmp_path / "scan.pdf")
    found = archive_raster(compose(tmp_path, [leaf]), 1)
    assert fingerprint(found) == fingerprint(leaf.decode())
    assert np.array_equal(found.samples, (2**bits - 1) - samples)


def test_a_scan_never_carries_an_attachment_called_factur_x(tmp_path: Path) -> None:
    invoice = Attachment("factur-x.xml", b"<x/>", "text/xml", Relation.DATA)
    with pytest.raises(ValueError, match="factur-x"):
        compose_pdfa([png_leaf(tmp_path, noisy())], tmp_path / "a.pdf", METADATA, [invoice])


def test_the_original_png_comes_back_bit_for_bit(tmp_path: Path) -> None:
    leaf = png_leaf(tmp_path, noisy(300, 300))
    leaf.source.write_bytes(leaf.source.read_bytes() + b"scanner's tail")
    assert rebuild_png(compose(tmp_path, [leaf]), 1) == leaf.source.read_bytes()


def test_a_skeleton_is_small_and_refuses_other_image_data(tmp_path: Path) -> None:
    leaf = png_leaf(tmp_path, noisy(300, 300))
    skeleton = make_skeleton(leaf.source)
    assert len(skeleton) < leaf.source.stat().st_size / 100
    with pytest.raises(CannotRebuild):
        join_png(skeleton, bytes(300_000))


def test_a_page_that_is_no_png_has_no_skeleton(tmp_path: Path) -> None:
    with pytest.raises(CannotRebuild):
        rebuild_png(compose(tmp_path, [leaf_of(save_image(tmp_path / "scan.jpg", "RGB"))]), 1)


def test_the_font_has_no_glyph_to_show_and_is_always_the_same() -> None:
    assert glyphless_font() == glyphless_font.__wrapped__()
    assert len(glyphless_font()) < 1000


@pytest.mark.parametrize("write", [halves(), inline("/Fl", zlib.compress(PAPER.tobytes()))], ids=["bands", "inline"])
def test_bands_and_an_image_among_the_commands_are_stored_as_one_image(write, tmp_path: Path) -> None:
    write(tmp_path / "scan.pdf")
    scan = examine(tmp_path / "scan.pdf")
    (page,) = scan.pages
    coding = code_page(tmp_path / "scan.pdf", scan.format, page, lambda: decode(tmp_path / "scan.pdf", page, scan.format, 10**6))
    assert (coding.width, coding.height, coding.filters, coding.passed) == (420, 360, ("FlateDecode",), False)
