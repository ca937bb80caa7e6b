"""What is fed together becomes documents: separation, batches at the desk and in a folder, pages scanned anew in place."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import atwork
import cv2
import devices
import numpy as np
import papers
import pikepdf
import pytest
import zxingcpp
from PIL import Image

from capture.separate import Kind, Recipe
from capture.slips import BatchSlip, Separator, slip_text
from config.settings import Separation, Station
from conformity.circumstances import Source
from conformity.clauses import Counted
from station import batches, passports
from station.audit import audit_ledger
from station.batches import Opening
from station.records import batches as rows
from station.records import documents
from station.records.tables import Batch, Document, State
from station.stillness import Stillness
from station.tolerances import declare_tolerance
from station.verdicts import counted_of
from station.workstation import Workstation

SIZE = (700, 420)
FIRST, SECOND, THIRD = (papers.draw_page([f"Facture {n}", f"Total {n}00,00"], size=SIZE, seed=n) for n in (1, 2, 3))


def draw_sheet(text: str) -> papers.Picture:
    """A sheet with a QR code."""
    page = papers.draw_page(["Feuille"], size=SIZE, seed=9)
    code = np.asarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=5))
    code = cv2.cvtColor(code, cv2.COLOR_GRAY2RGB) if code.ndim == 2 else code
    page[120 : 120 + code.shape[0], 300 : 300 + code.shape[1]] = code
    return page


SEPARATOR = draw_sheet(slip_text(Separator("delivery")))


@pytest.fixture
def station(tmp_path: Path, practice_keys: Path) -> Iterator[Workstation]:
    workstation = atwork.open_home(tmp_path / "home", practice_keys)
    yield workstation
    workstation.database.close()


class Desk:
    """What an operator does, at times that pass by themselves."""

    def __init__(self, workstation: Workstation, work: atwork.Work, recipe: Recipe | None = None) -> None:
        self.workstation, self.work, self.recipe = workstation, work, recipe or Recipe()
        self.files = 0

    def open(self, **known: object) -> str:
        with self.workstation.database.writing() as session:
            person = atwork.somebody(session)
            return batches.begin_batch(session, "demo", "essai", uuid4().hex, person, Opening(**known), self.workstation.clock()).id

    def feed(self, *pages: papers.Picture, jpeg: bool = False) -> str:
        self.files += 1
        path = self.workstation.home / f"{self.files}.{'jpg' if jpeg else 'tif'}"
        papers.write_jpeg(path, pages[0]) if jpeg else papers.write_tiff(path, list(pages))
        document_id = atwork.take_in(self.workstation, path)
        self.work(document_id)
        return document_id

    def redo(self, document_id: str, page: int = 1) -> None:
        with self.workstation.database.writing() as session:
            document = documents.get_document(session, document_id)
            batches.ask_redo(session, document, page, "floue", atwork.somebody(session), self.workstation.clock())

    def edit(self, batch_id: str, **edit: object) -> list[int]:
        with self.workstation.database.writing() as session:
            plan = batches.edit_batch(session, session.get(Batch, batch_id), self.recipe, edit)
            return [len(part.sheets) for part in plan.documents]

    def end(self, batch_id: str) -> None:
        with self.workstation.database.writing() as session:
            batch, person = session.get(Batch, batch_id), atwork.somebody(session)
            batches.end_batch(session, batch, self.recipe, person, self.workstation.clock(), lambda: uuid4().hex)
        self.work_all()

    def work_all(self) -> None:
        while due := [d for d in atwork.all_documents(self.workstation) if d.state == State.RECEIVED]:
            for document in due:
                self.work(document.id)


@pytest.fixture
def desk(station: Workstation) -> Iterator[Desk]:
    with atwork.pipeline_of(station) as work:
        yield Desk(station, work)


def states(workstation: Workstation) -> list[str]:
    return sorted(document.state.value for document in atwork.all_documents(workstation))


def sealed(workstation: Workstation) -> list[Document]:
    return [
        atwork.document_of(workstation, d.id)
        for d in sorted(atwork.all_documents(workstation), key=lambda d: d.title)
        if d.state == State.SEALED
    ]


def all_is_well(workstation: Workstation) -> bool:
    return all(audited.ok for audited in audit_ledger(workstation))


def test_a_printed_separator_makes_two_documents_of_one_file_and_is_kept_beside_them(station, desk):
    stack = desk.feed(FIRST, SEPARATOR, SECOND, THIRD)
    desk.work_all()
    assert states(station) == ["replaced", "sealed", "sealed"]
    assert [(len(d.current_pages), d.document_type) for d in sealed(station)] == [(1, "invoice"), (2, "delivery")]
    assert "replaced" in atwork.ledger_types(station)
    with station.database.reading() as session:
        assert {link.kind for link in rows.links_of(session, stack)} == {"formed"}
    assert all_is_well(station)


def test_files_fed_into_an_open_batch_wait_and_each_becomes_its_document_when_it_is_ended(station, desk):
    batch = desk.open(expected_sheets=2)
    desk.feed(FIRST)
    desk.feed(SECOND)
    assert states(station) == ["waiting", "waiting"]
    desk.end(batch)
    assert states(station) == ["sealed", "sealed"]
    assert {d.batch_id for d in sealed(station)} == {batch}
    assert all_is_well(station)


def test_what_a_person_corrects_in_the_preview_is_what_is_sealed_and_undo_takes_it_back(station, desk):
    batch = desk.open()
    desk.feed(FIRST, SECOND)
    desk.feed(THIRD)
    with station.database.reading() as session:
        key = batches.page_key(rows.stacks_in(session, batch)[0].current_pages[1])
    assert desk.edit(batch, do="split", key=key) == [1, 1, 1]
    assert desk.edit(batch, do="merge", index=2) == [1, 2]
    with station.database.writing() as session:
        batches.undo_edit(session.get(Batch, batch))
        assert [len(p.sheets) for p in batches.propose_plan(session, session.get(Batch, batch), desk.recipe).documents] == [1, 1, 1]
    desk.edit(batch, do="merge", index=2)
    desk.end(batch)
    assert [len(d.current_pages) for d in sealed(station)] == [1, 2]
    assert len({p.sha256 for p in sealed(station)[1].current_pages}) == 2
    assert all_is_well(station)


def test_a_page_scanned_anew_takes_the_place_of_the_bad_one_and_both_are_kept(station, desk):
    batch = desk.open()
    bad = desk.feed(FIRST, jpeg=True)
    assert atwork.document_of(station, bad).verdict == "blocked"
    desk.redo(bad)
    carrier = desk.feed(FIRST)
    desk.work_all()
    again = atwork.document_of(station, bad)
    assert (again.state, again.verdict) == (State.WAITING, "conform")
    assert sorted(page.superseded for page in again.pages) == [0, 1]
    assert atwork.document_of(station, carrier).state == State.REPLACED
    desk.end(batch)
    assert states(station) == ["replaced", "sealed"]
    assert all_is_well(station)


def test_a_page_of_a_held_document_is_scanned_anew_without_a_batch(station, desk):
    held = desk.feed(FIRST, jpeg=True)
    assert atwork.document_of(station, held).state == State.HELD
    desk.redo(held)
    desk.feed(SECOND)
    desk.work_all()
    assert atwork.document_of(station, held).state == State.SEALED
    assert all_is_well(station)


def test_a_file_that_cannot_be_read_is_held_alone_and_keeps_no_batch_waiting(station, desk):
    batch = desk.open()
    desk.feed(FIRST)
    (station.home / "noise.tif").write_bytes(b"no scan at all")
    desk.work(atwork.take_in(station, station.home / "noise.tif"))
    desk.end(batch)
    assert states(station) == ["held", "sealed"]


def test_the_last_file_to_be_judged_forms_the_documents_of_an_ended_batch(station, desk):
    batch = desk.open()
    desk.feed(FIRST)
    path = station.home / "late.tif"
    papers.write_tiff(path, [SECOND])
    late = atwork.take_in(station, path)
    with station.database.writing() as session:
        ended = batches.end_batch(
            session, session.get(Batch, batch), desk.recipe, atwork.somebody(session), station.clock(), lambda: uuid4().hex
        )
    assert not ended
    desk.work(late)
    desk.work_all()
    assert states(station) == ["sealed", "sealed"]
    assert all_is_well(station)


def test_a_folder_batch_ends_when_nothing_came_for_its_delay(tmp_path, practice_keys):
    stations = (Station(name="demo", batch_seconds=60, separation=Separation(kind="none")),)
    workstation = atwork.open_home(tmp_path / "home", practice_keys, stations=stations)
    with atwork.pipeline_of(workstation) as work:
        desk = Desk(workstation, work, Recipe(Kind.NONE))
        desk.feed(FIRST)
        desk.feed(SECOND)
        fed = Stillness()
        assert [batches.end_quiet_batches(workstation, fed, steady) for steady in (100.0, 155.0)] == [0, 0]
        # Whatever the wall clock says meanwhile.
        elsewhen = replace(workstation, clock=lambda: datetime(2040, 1, 1, tzinfo=UTC))
        assert [batches.end_quiet_batches(elsewhen, fed, steady) for steady in (159.0, 161.0, 400.0)] == [0, 1, 0]
        desk.work_all()
        (document,) = sealed(workstation)
    assert [len(document.current_pages), states(workstation)] == [2, ["replaced", "replaced", "sealed"]]
    assert all_is_well(workstation)
    workstation.database.close()


def test_a_second_batch_cannot_be_opened_beside_the_first(station, desk):
    desk.open()
    with pytest.raises(batches.BatchOpen):
        desk.open()


def test_sheets_that_are_missing_against_the_count_are_told_with_the_batch(station, desk):
    batch = desk.open(expected_sheets=5)
    desk.feed(FIRST)
    desk.end(batch)
    with station.database.reading() as session:
        assert [found["code"] for found in session.get(Batch, batch).findings] != []


def test_a_scanned_target_becomes_a_sealed_passport_of_its_station_whatever_it_says_of_the_device(station, desk):
    path = papers.write_tiff(station.home / "target.tif", [devices.honest()])
    document = desk.work(atwork.take_in(station, path))
    archive = atwork.archive_path(station, document)
    with station.database.reading() as session, pikepdf.open(archive) as pdf:
        passport = passports.newest_passport(session, "demo")
        assert (passport.document_id, document.document_type) == (document.id, "passport")
        assert f"passport-{devices.TARGET}.pdf" in pdf.attachments
    assert all_is_well(station)


def test_a_slip_whose_tolerance_was_decided_when_it_was_printed_lets_its_grey_pages_pass_and_another_does_not(station, desk):
    decided, foreign = (BatchSlip(name, "demo", 1, date(2026, 11, 20), grey=True, supplier="EDF") for name in ("b-1", "b-2"))
    with station.database.writing() as session:
        at = station.clock()
        declare_tolerance(session, "essai", "batch", "b-1", "papier autocopiant", (at.date(), None), atwork.somebody(session), at)
    for number, slip in enumerate((decided, foreign)):
        path = station.home / f"{number}.tif"
        grey = [Image.fromarray(papers.draw_page([f"Facture {number}"], size=SIZE, seed=20 + number)).convert("L")]
        Image.fromarray(draw_sheet(slip_text(slip))).save(
            path, "TIFF", save_all=True, append_images=grey, compression="tiff_lzw", dpi=(300, 300)
        )
        desk.work(atwork.take_in(station, path))
    desk.work_all()
    assert states(station) == ["held", "replaced", "replaced", "sealed"]
    (document,) = sealed(station)
    assert (document.supplier, document.batch.arrival_date, "colour-tolerated" in atwork.codes(document)) == ("EDF", "2026-11-20", True)
    assert all_is_well(station)


@pytest.mark.parametrize("order", [("slip", "grey"), ("grey", "slip")])
def test_a_slip_counts_in_an_open_batch_as_soon_as_it_is_scanned(station, desk, order):
    with station.database.writing() as session:
        at = station.clock()
        declare_tolerance(session, "essai", "batch", "b-1", "papier autocopiant", (at.date(), None), atwork.somebody(session), at)
    batch = desk.open()
    for name in order:
        drawn = draw_sheet(slip_text(BatchSlip("b-1", "demo", 1, date(2026, 11, 20), grey=True))) if name == "slip" else FIRST
        path = station.home / f"{name}.tif"
        image = Image.fromarray(drawn)
        (image if name == "slip" else image.convert("L")).save(path, "TIFF", compression="tiff_lzw", dpi=(300, 300))
        desk.work(atwork.take_in(station, path))
    desk.work_all()
    assert states(station) == ["waiting", "waiting"]
    assert not [d for d in atwork.all_documents(station) if atwork.document_of(station, d.id).verdict == "blocked"]
    with station.database.reading() as session:
        assert (session.get(Batch, batch).slip, session.get(Batch, batch).expected_sheets) == ("b-1", 1)


def test_a_pile_that_was_said_to_be_prints_of_electronic_invoices_is_held(station, desk):
    batch = desk.open(source=Source.PRINT)
    desk.feed(FIRST)
    desk.end(batch)
    (document,) = atwork.all_documents(station)
    assert (document.state, "print-of-electronic" in atwork.codes(atwork.document_of(station, document.id))) == (State.HELD, True)


def test_a_word_on_paper_makes_no_passport(station, desk):
    desk.feed(draw_sheet(slip_text(Separator("passport"))), FIRST)
    desk.work_all()
    assert [document.document_type for document in sealed(station)] == ["invoice"]


def test_a_batch_whose_last_file_was_put_aside_while_it_was_judged_is_formed_all_the_same(station, desk):
    batch = desk.open()
    desk.feed(FIRST)
    path = papers.write_tiff(station.home / "late.tif", [SECOND])
    late = atwork.take_in(station, path)
    with station.database.writing() as session:
        person, now = atwork.somebody(session), station.clock()
        batches.end_batch(session, session.get(Batch, batch), desk.recipe, person, now, lambda: uuid4().hex)
        documents.move_document(documents.get_document(session, late), State.SET_ASIDE, now)
    with station.database.writing() as session:
        batches.form_ended_batches(session, {}, station.clock(), lambda: uuid4().hex)
    desk.work_all()
    assert states(station) == ["sealed", "set aside"]


def test_a_slip_that_is_used_again_names_no_tolerance_for_its_second_batch(station, desk):
    slip = BatchSlip("b-1", "demo", 1, date(2026, 11, 20), grey=True)
    for seed in (1, 2):
        desk.feed(draw_sheet(slip_text(slip)), papers.draw_page(["a"], size=SIZE, seed=40 + seed))
    with station.database.reading() as session:
        assert sorted(batch.slip or "" for batch in session.query(Batch)) == ["", "b-1"]


def test_what_an_ended_attempt_clears_away_leaves_a_later_one_its_files(station, desk):
    folder = station.work_folder("0" * 32)
    (folder / "2").mkdir(parents=True)
    (folder / "3").mkdir()
    desk.work.pipeline._clear(desk.work.pipeline._job("0" * 32, "2"))
    assert [each.name for each in folder.iterdir()] == ["3"]


def test_corrections_are_about_pages_so_that_none_hits_another_invoice_when_a_page_is_scanned_anew(station, desk):
    desk.recipe = Recipe(Kind.NONE)
    batch = desk.open(recipe=desk.recipe)
    fed = [desk.feed(papers.draw_page([f"p{n}"], size=SIZE, seed=60 + n)) for n in range(4)]
    with station.database.reading() as session:
        keys = [batches.page_key(documents.get_document(session, each).current_pages[0]) for each in fed]
    for key in keys[1:]:
        desk.edit(batch, do="split", key=key)
    assert desk.edit(batch, do="merge", index=1) == [2, 1, 1]
    desk.redo(fed[1])
    desk.feed(papers.draw_page(["p1 anew"], size=SIZE, seed=70))
    desk.work_all()
    with station.database.reading() as session:
        found = session.get(Batch, batch)
        plan = batches.propose_plan(session, found, desk.recipe)
        assert [len(part.sheets) for part in plan.documents] == [2, 1, 1]
        assert [part.keys[0] for part in plan.documents] == [keys[0], keys[2], keys[3]]
        assert batches.lost_edits(session, found, desk.recipe) == 0


def test_a_correction_whose_pages_are_gone_is_told_as_lost_and_hits_nothing_else(station, desk):
    batch = desk.open()
    first, *_ = (desk.feed(page) for page in (FIRST, SECOND, THIRD))
    assert desk.edit(batch, do="merge", index=1) == [2, 1]
    with station.database.writing() as session:
        documents.move_document(documents.get_document(session, first), State.SET_ASIDE, station.clock())
    with station.database.reading() as session:
        found = session.get(Batch, batch)
        assert [len(part.sheets) for part in batches.propose_plan(session, found, desk.recipe).documents] == [1, 1]
        assert batches.lost_edits(session, found, desk.recipe) == 1


def test_a_pile_is_counted_once_when_it_is_closed_and_each_of_its_documents_says_what_is_missing(station, desk):
    batch = desk.open(expected_sheets=3)
    desk.feed(FIRST)
    desk.feed(SECOND)
    desk.end(batch)
    with station.database.reading() as session:
        found = [documents.get_document(session, document.id) for document in sealed(station)]
        assert [(document.verdict, counted_of(document)) for document in found] == [("review", Counted(3, 2))] * 2
    assert all_is_well(station)


def test_while_a_new_scan_is_judged_no_second_one_is_asked_for_and_an_ended_batch_waits_for_none(station, desk):
    batch = desk.open()
    bad = desk.feed(FIRST, jpeg=True)
    desk.redo(bad)
    carrier = atwork.take_in(station, papers.write_tiff(station.home / "anew.tif", [FIRST]))
    with pytest.raises(documents.WrongMove):
        desk.redo(bad)
    desk.work(carrier)
    desk.work_all()
    desk.redo(bad)
    desk.end(batch)
    desk.feed(THIRD)
    assert states(station) == ["replaced", "sealed", "sealed"]
