"""Whatever is dropped, the station says in words what is wrong with it, holds it, and archives the file that comes next."""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import atwork
import papers
import pikepdf
import pytest

from capture.catalogue import message
from capture.findings import Level
from station import acts
from station.records.documents import finding_of
from station.records.tables import State
from station.workstation import Workstation

PAGE = papers.draw_page(["FACTURE"], size=(300, 200))
Write = Callable[[Path], object]


@pytest.fixture(scope="module")
def station(tmp_path_factory, practice_keys) -> Workstation:
    return atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)


@pytest.fixture(scope="module")
def work(station) -> Iterator[atwork.Work]:
    with atwork.pipeline_of(station) as work:
        yield work


def cut(write: Write, size: int = -100) -> Write:
    def written(path: Path) -> None:
        write(path)
        path.write_bytes(path.read_bytes()[:size])

    return written


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_bomb_png(path: Path) -> None:
    """A header of 40,000 × 40,000 pixels over zeros that deflate well."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(5_000_000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def write_bomb_tiff(path: Path) -> None:
    """Directory entries of a page of 60,000 × 60,000 pixels."""
    tags = [
        (256, 4, 60_000),
        (257, 4, 60_000),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, 60_000),
        (279, 4, 100),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 108) + bytes(100) + directory + bytes(4))


def write_looping_tiff(path: Path) -> None:
    """Its last directory points at its first."""
    papers.write_tiff(path, PAGE)
    data = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    path.write_bytes(data)


def encrypted(password: str) -> Write:
    def written(path: Path) -> None:
        plain = papers.write_pdf(path.with_suffix(".plain"), PAGE)
        with pikepdf.open(plain) as pdf:
            pdf.save(path, encryption=pikepdf.Encryption(owner="x", user=password))

    return written


def write_script(path: Path) -> None:
    papers.write_pdf(path, PAGE)
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
        pdf.save(path)


def bytes_of(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def flipped(write: Write) -> Write:
    """One byte of the image is another."""

    def written(path: Path) -> None:
        write(path)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)

    return written


BAD: list[tuple[str, Write, str]] = [
    ("empty.tif", bytes_of(b""), "empty-file"),
    ("text.tif", bytes_of(b"Bonjour,\nvoici la facture.\n"), "unknown-format"),
    ("noise.pdf", bytes_of(bytes(range(256)) * 40), "unknown-format"),
    ("header.pdf", bytes_of(b"%PDF-1.7\n"), "damaged"),
    ("half.png", cut(lambda path: papers.write_png(path, PAGE), 5000), "truncated"),
    ("half.tif", cut(lambda path: papers.write_tiff(path, PAGE, None), 5000), "truncated"),
    ("half.jpg", cut(lambda path: papers.write_jpeg(path, PAGE), 3000), "truncated"),
    ("half.jp2", cut(lambda path: papers.write_jp2(path, PAGE, dpi=300), 3000), "truncated"),
    ("flipped.png", flipped(lambda path: papers.write_png(path, PAGE)), "bad-checksum"),
    ("bomb.png", write_bomb_png, "image-bomb"),
    ("bomb.tif", write_bomb_tiff, "image-bomb"),
    ("locked.pdf", encrypted("secret"), "encrypted"),
    ("script.pdf", write_script, "active-content"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "write", "code"), BAD)
def test_a_bad_file_is_held_in_words_and_the_next_one_is_archived(station, work, tmp_path, name, write, code):
    write(tmp_path / name)
    document = work(atwork.take_in(station, tmp_path / name))
    assert (document.state, document.problem) == (State.HELD, None)
    assert code in atwork.codes(document)
    # Bytes that hold no whole scan hold none at the next try either.
    assert acts.offered_choices(document) == (("rescan", "retry") if code in ("damaged", "active-content") else ("rescan",))
    for row in document.findings:
        assert all(message(finding_of(row), language) for language in ("fr", "en"))
    good = papers.write_png(tmp_path / "good.png", papers.draw_page([name], size=(300, 200)))
    assert work(atwork.take_in(station, good)).state == State.SEALED


def test_a_tiff_whose_directories_go_round_ends(station, work, tmp_path):
    write_looping_tiff(tmp_path / "loop.tif")
    document = work(atwork.take_in(station, tmp_path / "loop.tif"))
    assert document.state in (State.HELD, State.SEALED)
    assert len(document.pages) <= 1


def test_no_bad_file_leaves_a_traceback_in_the_log(station, work, tmp_path, caplog):
    for name, write, _ in BAD[:4]:
        write(tmp_path / name)
        path = tmp_path / name
        path.write_bytes(path.read_bytes() + b" ")
        work(atwork.take_in(station, path))
    assert not any(record.exc_info for record in caplog.records)


def test_a_pdf_that_only_its_owner_may_change_is_no_obstacle(station, work, tmp_path):
    encrypted("")(tmp_path / "owner.pdf")
    assert work(atwork.take_in(station, tmp_path / "owner.pdf")).state == State.SEALED


def test_a_wrong_extension_is_told_and_the_bytes_are_believed(station, work, tmp_path):
    path = papers.write_png(tmp_path / "a.png", PAGE[:, ::-1]).rename(tmp_path / "scan.tif")
    document = work(atwork.take_in(station, path))
    (found,) = [row for row in document.findings if row.code == "mislabelled"]
    assert (document.state, found.level) == (State.SEALED, Level.INFO)


def test_a_file_of_too_many_pages_is_held(station, practice_keys, tmp_path):
    strict = atwork.open_home(tmp_path / "home", practice_keys, intake=atwork.PATIENT.model_copy(update={"max_pages": 2}))
    with atwork.pipeline_of(strict) as work:
        document = work(atwork.take_in(strict, papers.write_tiff(tmp_path / "a.tif", [PAGE] * 3)))
    assert (document.state, "too-many-pages" in atwork.codes(document)) == (State.HELD, True)


def test_the_bytes_of_a_bad_file_are_kept_all_the_same(station, tmp_path):
    path = tmp_path / "kept.tif"
    path.write_bytes(b"II*\0 not much")
    document = atwork.document_of(station, atwork.take_in(station, path))
    assert re.fullmatch("[0-9a-f]{64}", document.arrivals[0].sha256)
    assert station.originals.path(document.arrivals[0].sha256).read_bytes() == path.read_bytes()
