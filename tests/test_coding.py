"""Format, codec, size and resolution come from the bytes; what is wrong with a file is a finding, never an exception."""

import io
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from papers import draw_page, write_jp2, write_jpeg, write_pdf, write_png, write_special_tiff, write_tiff, write_webp
from PIL import Image

from capture.catalogue import CATALOGUE, finding, message
from capture.coding import Caps, complete, examine
from capture.decode import Undecodable, decode
from capture.findings import Authority, Level
from capture.ifd import BrokenDirectory, walk_directories
from capture.markers import jbig2_codec, read_exif
from capture.scan import Format, Model

PAPER = draw_page(size=(420, 360))


def codes(path: Path, caps: Caps | None = None) -> list[str]:
    return [found.code for found in examine(path, caps).findings]


# --- codecs ---


@pytest.mark.parametrize(
    ("compression", "codec", "lossless"),
    [
        (None, "none", True),
        ("tiff_lzw", "lzw", True),
        ("tiff_adobe_deflate", "deflate", True),
        ("packbits", "packbits", True),
        ("jpeg", "jpeg", False),
        ("group3", "ccitt_g3", True),
        ("group4", "ccitt_g4", True),
    ],
)
def test_a_tiff_says_its_codec_by_its_tag(tmp_path, compression, codec, lossless):
    page = examine(write_tiff(tmp_path / "a.tif", PAPER, compression)).pages[0]
    assert (page.codec, page.lossless, page.width, page.height) == (codec, lossless, 420, 360)


@pytest.mark.parametrize("form", [{"big_endian": True}, {"big": True}, {"tiled": True}, {"big_endian": True, "big": True, "tiled": True}])
def test_byte_order_bigtiff_and_tiles_make_no_difference(tmp_path, form):
    scan = examine(write_special_tiff(tmp_path / "a.tif", PAPER, **form))
    assert not scan.findings
    page = scan.pages[0]
    assert (page.codec, page.bits, page.channels, page.model, page.dpi) == ("none", 8, 3, Model.RGB, (300, 300))


def test_every_directory_of_a_tiff_is_a_page(tmp_path):
    scan = examine(write_tiff(tmp_path / "a.tif", [PAPER, PAPER, PAPER]))
    assert [(page.number, page.index) for page in scan.pages] == [(1, 0), (2, 1), (3, 2)]


def test_pixels_per_centimetre_are_dots_per_inch_times_2_54(tmp_path):
    path = write_special_tiff(tmp_path / "a.tif", PAPER, resolution=(118.11, 118.11), resolutionunit="CENTIMETER")
    assert examine(path).pages[0].dpi == pytest.approx((300, 300), rel=1e-4)


def test_a_tiff_without_resolution_has_none(tmp_path):
    assert examine(write_tiff(tmp_path / "a.tif", PAPER, dpi=None)).pages[0].dpi is None


@pytest.mark.parametrize(("write", "codec", "lossless"), [(write_png, "png", True), (write_jpeg, "jpeg", False)])
def test_png_keeps_and_jpeg_loses(tmp_path, write, codec, lossless):
    page = examine(write(tmp_path / "a", PAPER)).pages[0]
    assert (page.codec, page.lossless) == (codec, lossless)
    assert page.dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize(("lossless", "codec"), [(True, "jpeg2000_5_3"), (False, "jpeg2000_9_7")])
def test_jpeg_2000_is_judged_by_its_wavelet(tmp_path, lossless, codec):
    page = examine(write_jp2(tmp_path / "a.jp2", PAPER, lossless=lossless, dpi=300)).pages[0]
    assert (page.codec, page.lossless) == (codec, lossless)
    assert page.dpi == pytest.approx((300, 300), abs=0.01)


def test_jpeg_2000_without_a_resolution_box_has_none(tmp_path):
    assert examine(write_jp2(tmp_path / "a.jp2", PAPER)).pages[0].dpi is None


@pytest.mark.parametrize(("lossless", "codec"), [(True, "webp_lossless"), (False, "webp_lossy")])
def test_webp_is_judged_by_its_chunk(tmp_path, lossless, codec):
    page = examine(write_webp(tmp_path / "a.webp", PAPER, lossless=lossless)).pages[0]
    assert (page.codec, page.lossless, page.width, page.height) == (codec, lossless, 420, 360)


def test_jpeg_orientation_is_read_from_exif(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(PAPER).save(tmp_path / "a.jpg", exif=exif)
    assert examine(tmp_path / "a.jpg").pages[0].orientation == 6


def test_a_lossless_jpeg_frame_is_told_from_a_lossy_one(tmp_path):
    data = write_jpeg(tmp_path / "a.jpg", PAPER).read_bytes()
    (tmp_path / "b.jpg").write_bytes(data.replace(b"\xff\xc0", b"\xff\xc3", 1))
    page = examine(tmp_path / "b.jpg").pages[0]
    assert (page.codec, page.lossless) == ("jpeg_lossless", True)


def test_generic_jbig2_regions_keep_and_symbols_may_not():
    page_information, generic, symbols = (struct.pack(">IBBBI", 0, kind, 0, 1, 0) for kind in (48, 38, 0))
    assert jbig2_codec(page_information + generic) == ("jbig2_generic", True)
    assert jbig2_codec(page_information + generic, symbols) == ("jbig2_symbols", None)


# --- PDF ---


@pytest.mark.parametrize(("filter_", "codec", "lossless"), [("flate", "flate", True), ("dct", "dct", False)])
def test_a_pdf_page_is_its_image(tmp_path, filter_, codec, lossless):
    scan = examine(write_pdf(tmp_path / "a.pdf", [PAPER, PAPER], filter_=filter_))
    assert not scan.findings
    assert [(page.codec, page.lossless, page.width, page.channels) for page in scan.pages] == [(codec, lossless, 420, 3)] * 2
    assert scan.pages[0].dpi == pytest.approx((300, 300))


def test_resolution_is_computed_from_the_matrix_of_nested_forms(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER, dpi=300)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        page = pdf.pages[0]
        half = pikepdf.Array([0.5, 0, 0, 0.5, 0, 0])
        page.Resources.XObject.Fm0 = pdf.make_stream(
            page.Contents.read_bytes(), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, Matrix=half, Resources=page.Resources
        )
        page.Contents = pdf.make_stream(b"q 1.5 0 0 1.5 0 0 cm /Fm0 Do Q")
        pdf.save(path)
    assert examine(path).pages[0].dpi == pytest.approx((400, 400))


@pytest.mark.parametrize(("rotate", "orientation"), [(0, 1), (90, 6), (180, 3), (270, 8)])
def test_a_turned_page_has_the_orientation_that_shows_it(tmp_path, rotate, orientation):
    assert examine(write_pdf(tmp_path / "a.pdf", PAPER, rotate=rotate)).pages[0].orientation == orientation


def test_invisible_text_is_no_mark_and_visible_text_is(tmp_path):
    hidden = b"BT 3 Tr /F1 12 Tf 10 10 Td (facture) Tj ET"
    assert codes(write_pdf(tmp_path / "a.pdf", PAPER, over=hidden)) == []
    assert codes(write_pdf(tmp_path / "b.pdf", PAPER, over=hidden.replace(b"3 Tr", b"0 Tr"))) == ["mixed-page"]


def test_what_the_image_covers_is_no_mark(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[0].Contents = pdf.make_stream(b"1 g 0 0 100 100 re f " + pdf.pages[0].Contents.read_bytes())
        pdf.save(path)
    assert codes(path) == []


def test_a_soft_mask_makes_a_mixed_page(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        image = pdf.pages[0].Resources.XObject.Im0
        image.SMask = pdf.make_stream(b"\xff", Width=1, Height=1, BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray)
        pdf.save(path)
    assert codes(path) == ["mixed-page"]


def test_a_drawn_page_is_an_electronic_document(tmp_path):
    with pikepdf.new() as pdf:
        pdf.add_blank_page().Contents = pdf.make_stream(b"BT /F1 12 Tf (facture) Tj ET")
        pdf.save(tmp_path / "a.pdf")
    scan = examine(tmp_path / "a.pdf")
    assert (scan.pages[0].codec, scan.findings[0].code) == ("vector", "electronic-document")


def test_a_script_in_a_pdf_is_told(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        pdf.save(path)
    assert codes(path) == ["active-content"]


def test_a_password_is_told_and_an_owner_password_does_not_matter(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path) as pdf:
        pdf.save(tmp_path / "b.pdf", encryption=pikepdf.Encryption(owner="x", user="y"))
        pdf.save(tmp_path / "c.pdf", encryption=pikepdf.Encryption(owner="x", user=""))
    assert codes(tmp_path / "b.pdf") == ["encrypted"]
    assert codes(tmp_path / "c.pdf") == []


def test_forms_that_draw_each_other_end_within_the_cap(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        names = pikepdf.Dictionary()
        form = pdf.make_stream(b"/Fm0 Do " * 50, Subtype=pikepdf.Name.Form, Resources=pikepdf.Dictionary(XObject=names))
        names.Fm0 = form
        pdf.pages[0].Resources.XObject.Fm0 = form
        pdf.pages[0].Contents = pdf.make_stream(b"/Fm0 Do")
        pdf.save(path)
    assert codes(path) == ["electronic-document"]


def test_a_page_content_that_inflates_without_end_is_a_drawn_page(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", PAPER)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        bomb = zlib.compress(zlib.compress(b"q " * 20_000_000, 9), 9)
        pdf.pages[0].Contents = pikepdf.Stream(pdf, bomb, Filter=pikepdf.Array([pikepdf.Name.FlateDecode] * 2))
        pdf.save(path, compress_streams=False)
    assert "electronic-document" in codes(path)


# --- trouble ---


def test_an_empty_file_a_stranger_and_a_wrong_name_are_told(tmp_path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("ceci n’est pas un scan")
    write_png(tmp_path / "named.tif", PAPER)
    assert codes(tmp_path / "empty.tif") == ["empty-file"]
    assert codes(tmp_path / "text.tif") == ["unknown-format"]
    found = examine(tmp_path / "named.tif").findings[0]
    assert (found.code, found.level, found.measured) == ("mislabelled", Level.INFO, "PNG")


def test_caps_are_held_before_anything_is_decoded(tmp_path):
    path = write_tiff(tmp_path / "a.tif", [PAPER, PAPER, PAPER])
    assert codes(path, Caps(max_pages=2)) == ["too-many-pages"]
    assert codes(path, Caps(max_pixels=1000)) == ["image-bomb"] * 3
    assert codes(path, Caps(max_bytes=1000)) == ["too-large"]


def test_a_png_that_announces_more_than_deflate_can_give_is_truncated(tmp_path):
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 15_000, 15_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    data = b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    assert codes(tmp_path / "a.png") == ["truncated"]


def test_a_changed_byte_of_a_png_fails_its_checksum(tmp_path):
    data = bytearray(write_png(tmp_path / "a.png", PAPER).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    assert codes(tmp_path / "a.png") == ["bad-checksum"]


def crowded_tiff(tags: list[int], values: int, kind: int = 4) -> bytes:
    """One directory whose tags all point at the same values."""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, kind, values, start) for tag in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + bytes(4 * values)


class CountedFile(io.BytesIO):
    """Adds up what is read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_values_that_nobody_asks_for_stay_in_the_file():
    data = crowded_tiff(list(range(30_000, 30_500)), 20_000)
    file = CountedFile(data)
    (directory,) = walk_directories(file, len(data))
    assert not directory.tags
    assert file.taken < 7000


def test_a_walk_reads_no_more_values_than_the_file_has_bytes():
    data = crowded_tiff([273] * 500, 20_000)
    file = CountedFile(data)
    with pytest.raises(BrokenDirectory, match="shared without end"):
        list(walk_directories(file, len(data)))
    assert file.taken < 5 * len(data)


def test_offsets_take_no_more_room_than_in_the_file():
    data = crowded_tiff([273], 200_000)
    tracemalloc.start()
    (directory,) = walk_directories(io.BytesIO(data), len(data))
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(directory.many(273)) == 200_000
    assert kept < 2 * len(data)


def test_an_exif_block_that_repeats_itself_is_left_aside():
    block = crowded_tiff([282] * 4000, 1000)
    assert read_exif(block[:65_000]) is None
    assert read_exif(crowded_tiff([282], 2)) is not None


def test_a_tiff_whose_directories_loop_ends(tmp_path):
    data = bytearray(write_special_tiff(tmp_path / "a.tif", PAPER).read_bytes())
    first = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[first : first + 2])[0]
    data[first + 2 + 12 * count : first + 6 + 12 * count] = data[4:8]
    (tmp_path / "a.tif").write_bytes(data)
    assert codes(tmp_path / "a.tif") == ["damaged"]
    assert not complete(tmp_path / "a.tif")


WRITERS: dict[str, Callable[[Path], Path]] = {
    "lzw.tif": lambda path: write_tiff(path, PAPER),
    "pages.tif": lambda path: write_tiff(path, [PAPER, PAPER], "tiff_adobe_deflate"),
    "jpeg.tif": lambda path: write_tiff(path, PAPER, "jpeg"),
    "g4.tif": lambda path: write_tiff(path, PAPER, "group4"),
    "none.tif": lambda path: write_special_tiff(path, PAPER, big_endian=True),
    "a.png": lambda path: write_png(path, PAPER),
    "a.jpg": lambda path: write_jpeg(path, PAPER),
    "a.jp2": lambda path: write_jp2(path, PAPER[:120, :120].copy(), dpi=300),
    "flate.pdf": lambda path: write_pdf(path, PAPER),
    "dct.pdf": lambda path: write_pdf(path, PAPER, filter_="dct"),
    "a.webp": lambda path: write_webp(path, PAPER),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_complete_when_whole_and_not_when_cut(tmp_path, name):
    path = WRITERS[name](tmp_path / name)
    data = path.read_bytes()
    assert complete(path)
    for share in (0.02, 0.3, 0.6, 0.95):
        path.write_bytes(data[: int(len(data) * share)])
        assert not complete(path)


@pytest.mark.parametrize("name", WRITERS)
def test_no_damage_raises_anything_but_undecodable(tmp_path, name):
    """Seeded: cut anywhere, bytes flipped, runs overwritten. A page comes whole, or is said to be damaged."""
    path = WRITERS[name](tmp_path / name)
    whole = path.read_bytes()
    chance = random.Random(name)
    for _ in range(25):
        path.write_bytes(_damaged(whole, chance))
        scan = examine(path, Caps(max_pixels=4_000_000))
        complete(path)
        assert scan.pages or scan.findings
        for page in scan.pages:
            try:
                raster = decode(path, page, scan.format, 4_000_000)
            except Undecodable as error:
                assert message(error.finding(page.number))
            else:
                assert (raster.width, raster.height) == (page.width, page.height)


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    data = bytearray(whole)
    kind = chance.randrange(3)
    if kind == 0:
        return bytes(data[: chance.randrange(len(data))])
    head = chance.random() < 0.6  # Headers hold what parsers trust.
    for _ in range(chance.choice((1, 3, 20))):
        data[chance.randrange(min(len(data), 600) if head else len(data))] = chance.randrange(256)
    if kind == 2:
        start = chance.randrange(len(data))
        data[start : start + 64] = bytes(chance.randrange(256) for _ in range(64))
    return bytes(data)


# --- words ---


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_finding_has_words_with_a_remedy_in_both_languages(code):
    found = finding(code, page=1, measured="290", limit="300")
    for language in ("fr", "en"):
        text = message(found, language)
        assert "{" not in text
        assert len(text.split()) > 10
    assert message(found, "fr") != message(found, "en")


def test_resolution_is_said_to_be_house_policy_and_never_law():
    found = finding("too-coarse", measured="200", limit="300")
    assert found.authority is Authority.HOUSE
    assert "votre politique" in message(found)
    assert "la loi ne fixe pas" in message(found)


def test_a_person_may_go_on_with_a_poor_image_but_not_with_a_broken_file():
    assert CATALOGUE["lossy-compression"].image
    assert CATALOGUE["too-coarse"].image
    assert not CATALOGUE["damaged"].image
    assert not CATALOGUE["electronic-document"].image


def test_the_format_is_told_by_bytes_alone(tmp_path):
    expected = {"png": Format.PNG, "tif": Format.TIFF, "jpg": Format.JPEG, "jp2": Format.JP2, "pdf": Format.PDF, "webp": Format.WEBP}
    for name, write in WRITERS.items():
        assert examine(write(tmp_path / "x.bin")).format is expected[name[-3:].replace("ebp", "webp")]
