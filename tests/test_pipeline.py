"""What happens to a document, from the vault to its sealed and proved archive, told without the engine that survives a kill."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import atwork
import numpy as np
import papers
import pikepdf
import pypdfium2 as pdfium
import pytest
from faults import require_verified
from PIL import Image

from capture.coding import Caps, examine
from capture.decode import Undecodable
from capture.originals import DiskFull
from capture.scan import Format
from config.logs import fields_of
from config.settings import Intake, Reading, Settings
from ocr.engines import ReaderOptions, ReadingFailed
from sealing.codestream import CannotArchive
from sealing.keys import UnusableKey, load_trust
from sealing.seal import CannotSeal
from sealing.verify import verify_file
from station import acts, pixels
from station.children import OverBudget, PoisonPage
from station.pipeline import DamagedOriginal, Pipeline
from station.read import read_file
from station.records import documents
from station.records.ledger import story_of
from station.records.tables import Document, State
from station.workstation import Workstation

LINES = papers.INVOICE[:4] + papers.INVOICE[8:11]
PAGE = papers.draw_page(LINES, size=(1000, 600))
OTHER = papers.draw_page(["Verso"], size=(500, 300), seed=2)
DRAWN = b"BT /F1 24 Tf 20 60 Td (Facture 2026-9) Tj ET"


def write_drawn(path: Path) -> Path:
    """A one-page electronic PDF."""
    with pikepdf.new() as pdf:
        sheet = pdf.add_blank_page(page_size=(300, 200))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        sheet.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        sheet.Contents = pdf.make_stream(DRAWN)
        pdf.save(path)
    return path


def write_picture(path: Path, mode: str, kind: str, page: papers.Picture = OTHER) -> Path:
    """In another colour mode, at 300 dpi."""
    Image.fromarray(page).convert(mode).save(path, kind, dpi=(300, 300))
    return path


def write_half_jpeg(path: Path) -> Path:
    """Two pages of one TIFF: LZW, then JPEG."""
    lzw, jpeg = (Image.fromarray(page) for page in (PAGE, OTHER))
    jpeg.encoderinfo = {"compression": "jpeg", "dpi": (300, 300)}
    lzw.save(path, "TIFF", save_all=True, append_images=[jpeg], compression="tiff_lzw", dpi=(300, 300))
    return path


WRITERS = {
    "invoice.png": lambda path: papers.write_png(path, PAGE),
    "two.tif": lambda path: papers.write_tiff(path, [OTHER, PAGE]),
    "motorola.tif": lambda path: papers.write_special_tiff(path, OTHER, big_endian=True),
    "tiled.tif": lambda path: papers.write_special_tiff(path, papers.draw_page(["a"], size=(512, 512)), tiled=True, compression="zlib"),
    "scan.jp2": lambda path: papers.write_jp2(path, OTHER, dpi=300),
    "scan.pdf": lambda path: papers.write_pdf(path, OTHER),
    "photo.jpg": lambda path: papers.write_jpeg(path, PAGE),
    "half.tif": write_half_jpeg,
    "grey.png": lambda path: papers.write_png(path, OTHER[:, :, 1].copy()),
    "electronic.pdf": write_drawn,
    "compact.pdf": lambda path: papers.write_pdf(path, OTHER, over=b"1 0 0 rg 5 5 20 20 re f"),
    "alpha.png": lambda path: write_picture(path, "RGBA", "PNG"),
    "cmyk.jpg": lambda path: write_picture(path, "CMYK", "JPEG"),
    "deep.tif": lambda path: papers.write_special_tiff(path, OTHER.astype(np.uint16) * 257),
}
CONFORM = ("invoice.png", "two.tif", "motorola.tif", "tiled.tif", "scan.jp2", "scan.pdf")
VIEWS = ("electronic.pdf", "compact.pdf", "alpha.png", "cmyk.jpg", "deep.tif")
SAME_PIXELS = ("photo.jpg", "half.tif", "grey.png")


@pytest.fixture(scope="module")
def station(tmp_path_factory, practice_keys) -> Workstation:
    return atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)


@pytest.fixture(scope="module")
def work(station) -> Iterator[atwork.Work]:
    with atwork.pipeline_of(station) as work:
        yield work


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scans")
    return {name: write(folder / name) for name, write in WRITERS.items()}


@pytest.fixture(scope="module")
def judged(station, work, files) -> dict[str, Document]:
    """Every file after its first way through the pipeline."""
    ids = {name: atwork.take_in(station, path) for name, path in files.items()}
    with ThreadPoolExecutor(2) as threads:
        return dict(zip(ids, threads.map(work, ids.values()), strict=True))


@pytest.fixture(scope="module")
def treated(station, work, judged) -> dict[str, Document]:
    """The held ones after somebody decided to go on with the paper kept."""
    held = {name: judged[name].id for name in (*VIEWS, *SAME_PIXELS)}
    for document_id in held.values():
        decide(station, document_id, "treat")
    with ThreadPoolExecutor(2) as threads:
        return dict(zip(held, threads.map(work, held.values()), strict=True))


def decide(station: Workstation, document_id: str, choice: str, reason: str = "fournisseur pressé") -> None:
    with station.database.writing() as session:
        acts.decide(session, document_id, choice, reason, atwork.somebody(session), station.clock())


def scan_of(folder: Path, seed: int, **extra: object) -> Path:
    return papers.write_png(folder / f"{seed}.png", papers.draw_page(LINES, size=(1000, 600), seed=seed), **extra)


def capture_of(archive: Path) -> dict[str, object]:
    with pikepdf.open(archive) as pdf:
        return json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())


def images_of(archive: Path) -> list[tuple[str, bytes, papers.Picture]]:
    """Of the one image of each page: filter, bytes as stored, pixels as pikepdf and Pillow give them."""
    with pikepdf.open(archive) as pdf:
        images = [pikepdf.PdfImage(next(iter(page.get_images().values()))) for page in pdf.pages]
        return [(image.filters[0], image.obj.read_raw_bytes(), np.asarray(image.as_pil_image())) for image in images]


def verified(station: Workstation, archive: Path) -> dict[str, bool]:
    verification = verify_file(archive, load_trust(station.home / "keys" / "practice" / "root.pem"))
    assert verification.valid, [check for check in verification.checks if not check.ok]
    return {check.name: check.ok for check in verification.checks}


def text_of(archive: Path) -> str:
    return subprocess.run(["pdftotext", archive, "-"], capture_output=True, text=True, check=True).stdout


# --- a scan that conforms ---


@pytest.mark.parametrize("name", CONFORM)
def test_a_lossless_colour_scan_is_archived_at_once_and_verifies(station, judged, name):
    verified(station, atwork.archive_path(station, judged[name]))


@pytest.mark.parametrize(
    ("name", "pages"), [("invoice.png", [PAGE]), ("two.tif", [OTHER, PAGE]), ("motorola.tif", [OTHER]), ("scan.pdf", [OTHER])]
)
def test_another_library_finds_the_very_pixels_that_were_drawn(station, judged, name, pages):
    images = images_of(atwork.archive_path(station, judged[name]))
    assert all(np.array_equal(found, page) for (_, _, found), page in zip(images, pages, strict=True))


def test_the_words_of_the_scan_can_be_found_in_the_sealed_file(station, judged):
    text = text_of(atwork.archive_path(station, judged["invoice.png"]))
    assert "BERTHIER" in text
    assert "732,00" in text


def test_fields_stand_in_the_records_and_in_the_sealed_file(station, judged):
    document = judged["invoice.png"]
    told = capture_of(atwork.archive_path(station, document))["fields"]
    found = {field.name: field.value for field in document.fields}
    assert (found["total_gross"], told["total_gross"]) == ("732.00", "732.00")
    assert found["invoice_number"] == told["invoice_number"] == "F-2026-0118"


def test_the_ledger_tells_the_story_in_order(station, judged):
    with station.database.reading() as session:
        assert [kind for _, kind, _, _ in story_of(session, judged["invoice.png"].id)] == ["received", "judged", "read", "sealed"]


def test_the_original_is_where_it_was_and_nothing_derived_is_left(station, judged, files):
    assert all(path.exists() for path in files.values())
    assert list((station.home / "work").iterdir()) == []


def test_a_png_is_rebuilt_bit_for_bit_from_its_archive_alone(station, judged, files):
    from sealing.skeleton import rebuild_png

    assert rebuild_png(atwork.archive_path(station, judged["invoice.png"]), 1) == files["invoice.png"].read_bytes()


# --- held, and decided ---


@pytest.mark.parametrize("name", [*VIEWS, *SAME_PIXELS])
def test_what_does_not_conform_is_held_until_a_person_decides(judged, name):
    document = judged[name]
    assert (document.state, document.archives) == (State.HELD, [])
    assert acts.offered_choices(document) == ("rescan", "treat")


@pytest.mark.parametrize("name", [*VIEWS, *SAME_PIXELS])
def test_a_treated_document_is_sealed_verifies_and_says_that_the_paper_stays(station, treated, name):
    archive = atwork.archive_path(station, treated[name])
    verified(station, archive)
    told = capture_of(archive)
    assert treated[name].paper_stays
    assert told["paper_remains_original"]
    assert [(d["choice"], d["reason"]) for d in told["decisions"]] == [("treat", "fournisseur pressé")]


def test_a_decision_stands_in_the_ledger_with_its_author_and_reason(station, treated):
    with station.database.reading() as session:
        story = {kind: payload for _, kind, _, payload in story_of(session, treated["photo.jpg"].id)}
    decided = {"choice": "treat", "reason": "fournisseur pressé", "findings": ["lossy-compression"], "paper_stays": True}
    assert story["decided"] == decided
    assert story["sealed"]["paper_stays"] is True


def test_every_entry_after_judging_tells_whether_the_paper_stays(station, judged):
    with station.database.reading() as session:
        told = {kind: payload.get("paper_stays") for _, kind, _, payload in story_of(session, judged["invoice.png"].id)}
    assert (told["judged"], told["sealed"]) == (False, False)


def test_a_jpeg_enters_the_archive_as_the_very_stream_that_the_scanner_wrote(station, treated, files):
    ((filter_, stream, _),) = images_of(atwork.archive_path(station, treated["photo.jpg"]))
    assert (filter_, stream) == ("/DCTDecode", files["photo.jpg"].read_bytes())


def test_of_a_tiff_that_is_half_jpeg_one_page_stays_lossless_and_one_stays_jpeg(station, treated):
    lossless, jpeg = images_of(atwork.archive_path(station, treated["half.tif"]))
    assert (lossless[0], jpeg[0]) == ("/FlateDecode", "/DCTDecode")
    assert np.array_equal(lossless[2], PAGE)


@pytest.mark.parametrize("name", VIEWS)
def test_what_cannot_enter_a_pdfa_is_sealed_as_a_view_with_the_native_file_inside(station, treated, files, name):
    archive = atwork.archive_path(station, treated[name])
    (told,) = capture_of(archive)["view"]
    with pikepdf.open(archive) as pdf:
        assert pdf.attachments[told["name"]].get_file().read_bytes() == files[name].read_bytes()
    assert "vue ; le fichier natif joint" in " ".join(check["detail"] for check in treated[name].archives[0].checks)


def test_the_record_of_an_electronic_file_speaks_of_no_paper(station, treated):
    told = capture_of(atwork.archive_path(station, treated["electronic.pdf"]))
    assert (told["source"], told["context"]["profile"]) == ("electronic", "native-file")
    assert {row["outcome"] for row in told["clauses"]} == {"sans objet"}


@pytest.mark.parametrize(("places", "whole"), [("a0 a1", True), ("a0", False), ("a1 a0", False), ("a0 b1", False), ("b0 b1", True)])
def test_a_pdf_stands_for_its_pages_only_where_they_are_all_of_it_in_its_order(tmp_path, places, whole):
    pages = {name: examine(papers.write_pdf(tmp_path / f"{name}.pdf", [OTHER, OTHER])).pages for name in "ab"}
    sources = [pixels.PageSource(tmp_path / f"{name}.pdf", Format.PDF, pages[name][int(at)], 1000) for name, at in places.split()]
    assert pixels._is_whole_pdf([pixels.LeafPlan(source, "", (300, 300)) for source in sources]) is whole


def test_a_view_shows_what_was_drawn_over_the_image(station, treated):
    with pdfium.PdfDocument(atwork.archive_path(station, treated["compact.pdf"])) as pdf:
        page = pdf[0].render(scale=1, rev_byteorder=True).to_numpy()
    assert tuple(page[-15, 15, :3]) == (255, 0, 0)


def test_rescanning_sets_aside_and_a_retry_judges_again(station, work, tmp_path):
    document_id = atwork.take_in(station, papers.write_jpeg(tmp_path / "a.jpg", OTHER, quality=70))
    work(document_id)
    decide(station, document_id, "rescan")
    document = atwork.document_of(station, document_id)
    assert (document.state, acts.offered_choices(document)) == (State.SET_ASIDE, ("retry",))
    decide(station, document_id, "retry")
    assert work(document_id).state == State.HELD


def test_what_is_not_offered_is_refused_and_so_is_a_decision_without_reason(station, judged, work, tmp_path):
    sealed, held = judged["invoice.png"].id, atwork.take_in(station, papers.write_jpeg(tmp_path / "a.jpg", OTHER, quality=60))
    work(held)
    for choice in (*acts.CHOICES, "destroy"):
        with pytest.raises(acts.NotOffered):
            decide(station, sealed, choice)
    with pytest.raises(acts.NotOffered):
        decide(station, held, "retry")
    with pytest.raises(ValueError, match="reason"):
        decide(station, held, "treat", " \n")
    with pytest.raises(documents.Unknown):
        decide(station, "nobody", "treat")
    assert atwork.document_of(station, held).state == State.HELD


# --- reading that fails ---


def dies(*_args: object) -> None:
    """In the child."""
    os._exit(9)


def fails(*_args: object) -> None:
    """In the child."""
    raise ReadingFailed("illegible")


def hangs(*_args: object) -> None:
    """In the child."""
    time.sleep(60)


@pytest.fixture
def unread(station, work, tmp_path, monkeypatch):
    """A document whose reader behaves as the function does."""

    def make(reader, seed, part="read_copy", **limits) -> Document:
        monkeypatch.setattr(pixels, part, reader)
        patient = replace(
            station, settings=station.settings.model_copy(update={"reading": Reading(engine="tesseract", languages="eng", **limits)})
        )
        with atwork.pipeline_of(patient) as brief:
            document = brief(atwork.take_in(station, scan_of(tmp_path, seed)))
        monkeypatch.undo()
        return document

    return make


@pytest.mark.parametrize(("reader", "seed", "code"), [(dies, 11, "reading-failed"), (hangs, 12, "reading-over-budget")])
def test_a_reader_that_dies_or_hangs_costs_the_text_and_not_the_archive(station, unread, reader, seed, code):
    document = unread(reader, seed, page_seconds=0.5)
    verified(station, atwork.archive_path(station, document))
    assert code in atwork.codes(document)
    assert capture_of(atwork.archive_path(station, document))["reading"]["in_this_file"] is False
    assert (document.problem, [reading.words for reading in document.readings]) == ("reading-late", [0])


def test_when_the_document_s_time_is_up_no_further_page_is_read(station, unread):
    document = unread(hangs, 13, document_seconds=0.001)
    assert "reading-over-budget" in atwork.codes(document)


@pytest.mark.parametrize(("finder", "seed", "code"), [(dies, 16, "reading-failed"), (hangs, 17, "reading-over-budget")])
def test_values_that_cannot_be_found_cost_neither_the_text_nor_the_archive(station, work, unread, finder, seed, code):
    document = unread(finder, seed, "find_fields", page_seconds=5)
    captured = capture_of(atwork.archive_path(station, document))
    assert (captured["reading"]["in_this_file"], captured["reading"]["trouble"], captured["fields"]["total_gross"]) == (True, code, None)
    assert (document.problem, list(document.fields)) == ("reading-late", [])
    late = work.read_late(document.id)
    assert (late.problem, {f.name: f.value for f in late.fields}["total_gross"]) == (None, "732.00")


def test_values_are_found_in_a_child_and_never_while_others_wait_for_the_records(station, work, tmp_path, monkeypatch):
    monkeypatch.setattr("station.reading.extract", fails)
    document = work(atwork.take_in(station, scan_of(tmp_path, 18)))
    assert {f.name: f.value for f in document.fields}["total_gross"] == "732.00"


def test_text_that_comes_late_lives_beside_the_archive_which_stays_as_it_is(station, work, unread):
    document = unread(fails, 14)
    before = atwork.archive_path(station, document).read_bytes()
    with station.database.reading() as session:
        due = documents.get_document(session, document.id).try_at
        assert due - document.archives[-1].sealed_at >= timedelta(minutes=1)
        told = [documents.late_documents(session, at) for at in (due - timedelta(seconds=1), due)]
        assert [document.id in [late.id for late in each] for each in told] == [False, True]
    late = work.read_late(document.id)
    assert [(r.version, r.in_archive, r.words > 5) for r in late.readings] == [(1, True, False), (2, False, True)]
    assert (late.problem, {f.name: f.value for f in late.fields}["total_gross"]) == (None, "732.00")
    assert "BERTHIER" in (station.home / late.readings[1].path).read_text()
    assert (atwork.archive_path(station, late).read_bytes(), len(late.archives)) == (before, 1)


def test_late_reading_is_given_up_after_three_tries(station, unread, monkeypatch):
    document = unread(fails, 15)
    monkeypatch.setattr(pixels, "read_copy", fails)
    with atwork.pipeline_of(station) as work:
        problems = [work.read_late(document.id).problem for _ in range(3)]
    assert problems == ["reading-late", "reading-late", "reading-given-up"]


def test_a_late_reading_that_was_judged_on_a_machine_that_died_is_read_on_another(station, unread, monkeypatch):
    document = unread(fails, 16)
    kept = atwork.PlainSteps.work

    def dies(steps, name, function, *args):
        told = kept(steps, name, function, *args)
        if name == "judge again":
            shutil.rmtree(station.work_folder(document.id))
        return told

    monkeypatch.setattr(atwork.PlainSteps, "work", dies)
    with atwork.pipeline_of(station) as work:
        assert work.read_late(document.id).problem is None


def test_a_lossy_page_is_recorded_by_its_codestream_too(station, treated, files):
    photo, half = (capture_of(atwork.archive_path(station, treated[name]))["pages"] for name in ("photo.jpg", "half.tif"))
    assert photo[0]["codestream"] == hashlib.sha256(files["photo.jpg"].read_bytes()).hexdigest()
    assert ["codestream" in page for page in half] == [False, True]


# --- a page beyond the station's cap ---


def test_a_page_beyond_the_stations_cap_is_never_decoded(station, tmp_path):
    small = replace(station, settings=station.settings.model_copy(update={"intake": Intake(max_megapixels=1)}))
    document_id = atwork.take_in(small, papers.write_png(tmp_path / "a.png", papers.draw_page(LINES, size=(1200, 900), seed=60)))
    with atwork.pipeline_of(small) as work:
        document = work(document_id)
    assert (document.state, atwork.codes(document) & {"image-bomb"}) == (State.HELD, {"image-bomb"})
    assert document.pages[0].raster is None
    assert not small.light_image(document, 1).exists()


def test_a_page_beyond_the_cap_is_neither_copied_nor_read(tmp_path):
    path = papers.write_png(tmp_path / "a.png", OTHER)
    (page,) = examine(path).pages
    with pytest.raises(Undecodable):
        pixels.copy_page(pixels.PageSource(path, Format.PNG, page, 1000), False, ReaderOptions(), tmp_path / "copy.pnm")
    told = read_file(path, Caps(max_pixels=1000), ReaderOptions())
    assert (told.text, told.trouble) == ("", "page 1: 500 × 300")


# --- proof that fails, and what can be mended ---


def prove_something_else(plan: pixels.Plan, sealed: Path, settings: Settings) -> pixels.Proved:
    """In the child: the pixels that were judged are not those that are archived."""
    return pixels.seal_and_prove(replace(plan, rasters=("0" * 64,)), sealed, settings)


def cannot_archive(*_args: object) -> None:
    """In the child."""
    raise CannotArchive("parce que", "because")


def without_key(*_args: object) -> None:
    """In the child."""
    raise UnusableKey("seal.p12: wrong password")


def without_seal(*_args: object) -> None:
    """In the child."""
    raise CannotSeal("no time")


def test_an_archive_whose_pixels_differ_is_not_kept_and_says_why(station, work, tmp_path, monkeypatch):
    document_id = atwork.take_in(station, scan_of(tmp_path, 21))
    archives = len(list(station.archives.root.rglob("*.pdf")))
    with monkeypatch.context() as patch:
        patch.setattr(pixels, "seal_and_prove", prove_something_else)
        document = work(document_id)
    assert (document.state, document.problem, document.archives) == (State.FAILED, "proof-failed", [])
    assert "pixel" in document.problem_detail
    assert len(list(station.archives.root.rglob("*.pdf"))) == archives
    assert "retry" in acts.offered_choices(document)
    decide(station, document_id, "retry")
    assert work(document_id).state == State.SEALED


TROUBLES = [
    (cannot_archive, 22, State.HELD, "cannot-archive"),
    (without_key, 23, State.FAILED, "key-unusable"),
    (without_seal, 24, State.FAILED, "cannot-seal"),
    (dies, 25, State.FAILED, "poison-page"),
]


@pytest.mark.parametrize(("trouble", "seed", "state", "problem"), TROUBLES)
def test_a_seal_that_cannot_be_made_is_told_in_its_own_words_and_can_be_tried_again(
    station, work, tmp_path, monkeypatch, trouble, seed, state, problem
):
    document_id = atwork.take_in(station, scan_of(tmp_path, seed))
    with monkeypatch.context() as patch:
        patch.setattr(pixels, "seal_and_prove", trouble)
        document = work(document_id)
    assert (document.state, document.problem) == (state, problem)
    decide(station, document_id, "treat" if state is State.HELD else "retry")
    assert work(document_id).state == State.SEALED


@pytest.mark.parametrize(("step", "seed"), [("_judge", 31), ("_read", 32), ("_prove", 33)])
def test_a_full_disk_at_any_step_is_waited_out_and_the_document_is_sealed(station, work, tmp_path, monkeypatch, step, seed):
    def full(*_args: object) -> None:
        raise DiskFull("no room")

    document_id = atwork.take_in(station, scan_of(tmp_path, seed))
    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, step, full)
        waiting = work(document_id)
        waiting = work(document_id)
    assert (waiting.problem, waiting.tries, waiting.attempt) == ("disk-full", 2, 3)
    assert waiting.try_at > station.clock() + timedelta(seconds=40)
    with station.database.reading() as session:
        assert document_id in [d.id for d in documents.due_documents(session, waiting.try_at)]
    sealed = work(document_id)
    assert (sealed.state, sealed.problem, sealed.tries) == (State.SEALED, None, 0)


@pytest.mark.parametrize(("note", "seed"), [("_note_judged", 41), ("_note_read", 42), ("_note_proved", 43)])
def test_a_mistake_of_our_own_while_noting_is_told_and_can_be_tried_again(station, work, tmp_path, monkeypatch, note, seed):
    def mistaken(*_args: object, **_kwargs: object) -> None:
        raise KeyError("ours")

    document_id = atwork.take_in(station, scan_of(tmp_path, seed))
    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, note, mistaken)
        document = work(document_id)
    assert (document.state, document.problem) == (State.FAILED, "unexpected")
    decide(station, document_id, "retry")
    assert work(document_id).state == State.SEALED


def test_an_original_that_rotted_in_the_vault_is_never_archived(station, work, tmp_path):
    path = scan_of(tmp_path, 51)
    document_id = atwork.take_in(station, path)
    kept = station.originals.path(hashlib.sha256(path.read_bytes()).hexdigest())
    kept.chmod(0o600)
    shutil.copy(scan_of(tmp_path, 52), kept)
    document = work(document_id)
    assert (document.state, document.problem) == (State.FAILED, "vault-damaged")
    atwork.take_in(station, path)
    decide(station, document_id, "retry")
    assert work(document_id).state == State.SEALED
    require_verified(station)


def test_a_page_that_kills_whoever_looks_at_it_is_set_apart_and_the_next_one_is_archived(station, work, tmp_path, monkeypatch):
    poison, fine = (atwork.take_in(station, scan_of(tmp_path, seed)) for seed in (61, 62))
    with monkeypatch.context() as patch:
        patch.setattr(pixels, "judge_pixels", dies)
        document = work(poison)
    assert (document.state, atwork.codes(document) & {"poison-page"}) == (State.HELD, {"poison-page"})
    assert acts.offered_choices(document) == ("rescan", "retry")
    assert work(fine).state == State.SEALED
    require_verified(station)


@pytest.mark.parametrize(
    "error", [CannotArchive("a", "b"), UnusableKey("a"), CannotSeal("a"), DamagedOriginal("a"), OverBudget("a"), PoisonPage("a")]
)
def test_what_goes_wrong_in_a_child_comes_back_as_it_was(error):
    import pickle

    assert repr(pickle.loads(pickle.dumps(error))) == repr(error)  # noqa: S301


def test_each_line_of_a_step_names_the_document_its_file_and_the_step(station, tmp_path):
    scan = scan_of(tmp_path, seed=97)
    document_id, told = atwork.take_in(station, scan), []

    class Heard(logging.Handler):
        def emit(self, record):
            told.append(fields_of(record))

    heard = Heard()
    logging.getLogger("sceau.pipeline").addHandler(heard)
    try:
        pipeline = Pipeline(station)

        def look_on(_job):
            logging.getLogger("sceau.pipeline").warning("a word of a step")

        assert pipeline._guarded(look_on, pipeline._job(document_id, "0")) is None
    finally:
        logging.getLogger("sceau.pipeline").removeHandler(heard)
    sha256 = hashlib.sha256(scan.read_bytes()).hexdigest()
    assert {"document": document_id, "original": sha256[:16], "step": "look_on"}.items() <= told[0].items()
