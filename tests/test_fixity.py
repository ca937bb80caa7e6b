"""Kept files are read again, the oldest look first; what is damaged is found, said and reported."""

import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256 as hash_of
from pathlib import Path

import packages
import pikepdf
import pytest
import rfc8785
import sqlalchemy as sa
import test_pdfa
from papers import write_jpeg
from practice import METADATA, capture_data, compose, noisy, png_leaf, sealed
from takenover import die_of_it, see_otherwise
from test_documents import json_row
from test_pdfa import FILES, save_image
from typer.testing import CliRunner

from capture.coding import examine
from capture.decode import decode
from capture.raster import Raster
from capture.scan import Format, Model
from sealing.pdfa import Leaf, compose_pdfa
from sealing.renderer import Rendering, bounded, look_again
from station.cli import app
from station.fixity import EARLY, Kept, Kind, _due, _end_run, fixity_state, read_files, report_text, tend_fixity
from station.records.documents import DAMAGED
from station.records.tables import Archive, Document, DossierRow, FixityRun, LedgerPayload, LedgerRow, Original
from station.workstation import Workstation


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sealed documents, closed: each test has a copy."""
    folder = tmp_path_factory.mktemp("template") / "home"
    packages.small_home(folder, 2).database.close()
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Iterator[Workstation]:
    shutil.copytree(template, tmp_path / "home")
    workstation = packages.new_home(tmp_path / "home")
    yield workstation
    workstation.database.close()


def at(workstation: Workstation, days: float) -> Workstation:
    return packages.at(workstation, packages.LATER + timedelta(days=days))


def one_archive(workstation: Workstation) -> Archive:
    with workstation.database.reading() as session:
        return session.scalars(sa.select(Archive).order_by(Archive.sealed_at)).first()


def kept_path(workstation: Workstation, archive: Archive) -> Path:
    return workstation.archives.path(archive.sha256, ".pdf")


def spoil(path: Path) -> bytes:
    before = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(before[:-9] + b"X" + before[-8:])
    return before


# What is read, and when.


def test_everything_is_read_on_demand_and_reported(home):
    report = read_files(home, everything=True)
    assert set(report) == json_row("fixity")
    assert (report["originals"], report["archives"], report["bad_count"]) == (4, 4, 0)
    assert report["bytes"] > 100_000
    assert "Chaque fichier a encore son empreinte." in report_text(report)
    assert "Each file still has its fingerprint." in report_text(report, "en")


def test_the_report_stands_in_the_ledger_by_its_hash(home):
    report = read_files(home, everything=True)
    with home.database.reading() as session:
        run = session.scalars(sa.select(FixityRun)).one()
        entry = json.loads(session.get_one(LedgerRow, ("essai", run.sequence)).entry)
    assert entry["type"] == "fixity"
    assert entry["objects"]["report"] == hash_of(rfc8785.dumps(report)).hexdigest()


def test_nothing_is_due_that_was_kept_or_read_lately(home):
    read_files(home, everything=True)
    assert read_files(at(home, 30 * EARLY - 1))["archives"] == 0
    assert read_files(at(home, 30 * EARLY + 1))["archives"] == 4


def test_the_schedule_takes_the_oldest_look_first_and_a_little_at_a_time(home):
    later = at(home, 60)
    with home.database.reading() as session:
        due = _due(session, later.clock(), 3)
        oldest = session.scalars(sa.select(Original.sha256).order_by(Original.kept_at, Original.sha256)).first()
        archive = session.scalars(sa.select(Archive.sha256).order_by(Archive.sealed_at)).first()
    assert {each.sha256 for each in due[:2]} >= {archive} and oldest in {each.sha256 for each in due}
    assert tend_fixity(later) == 1
    with home.database.reading() as session:
        assert fixity_state(session).checked == 1


def test_the_schedule_reads_everything_within_its_days(home):
    for hour in range(24, 60):
        tend_fixity(at(home, hour))
    with home.database.reading() as session:
        state = fixity_state(session)
        assert (state.checked, state.total) == (8, 8)
        assert state.oldest > packages.LATER + timedelta(days=23)


def test_a_day_of_the_schedule_is_one_run_and_ends_with_the_next_day(home):
    for day in (60.0, 60.1, 60.2, 61.2, 62.2):
        tend_fixity(at(home, day))
    with home.database.reading() as session:
        runs = session.scalars(sa.select(FixityRun).order_by(FixityRun.id)).all()
        assert [run.trigger for run in runs] == ["schedule"] * 3
        assert [bool(run.ended_at and run.sequence) for run in runs] == [True, True, False]
        assert sum(run.counts["originals"] + run.counts["archives"] for run in runs) == 5
        assert fixity_state(session).last.id == runs[1].id


def test_a_run_that_another_process_closed_is_closed_once(home):
    report = read_files(home)
    assert _end_run(at(home, 1), report["run"]) == report
    with home.database.reading() as session:
        assert session.query(LedgerPayload).filter_by(type="fixity").count() == 1


# What is wrong.


def test_a_damaged_dossier_of_the_house_is_found(home, tmp_path):
    paper = tmp_path / "dossier.pdf"
    paper.write_bytes(b"%PDF-1.7 dossier")
    kept = home.archives.keep(paper, ".pdf")
    with home.database.writing() as session:
        row = {"configuration": {}, "configuration_sha256": "c" * 64, "annex": {}, "reason": "r", "prepared_by": "a"}
        moment = packages.LATER - timedelta(days=900)
        made = {"prepared_at": moment, "signed_by": "b", "signed_at": moment, "sha256": kept.sha256, "size": kept.size}
        session.add(DossierRow(entity="essai", version=1, **row, **made))
    assert read_files(home)["bad_count"] == 0
    spoil(home.archives.path(kept.sha256, ".pdf"))
    assert [(each["kind"], each["sha256"]) for each in read_files(home, everything=True)["bad"]] == [("dossier", kept.sha256)]
    with home.database.reading() as session:
        assert [row.sha256 for row in fixity_state(session).bad] == [kept.sha256]


def test_a_flipped_byte_is_found_told_on_its_document_and_reported(home):
    archive = one_archive(home)
    spoil(kept_path(home, archive))
    report = read_files(home, everything=True)
    assert [each["sha256"] for each in report["bad"]] == [archive.sha256]
    assert "abîmé" in report_text(report)
    with home.database.reading() as session:
        document = session.get_one(Document, archive.document_id)
        assert document.problem == DAMAGED and archive.sha256 in document.problem_detail
        assert [row.sha256 for row in fixity_state(session).bad] == [archive.sha256]


def test_a_file_that_is_gone_is_found(home):
    archive = one_archive(home)
    kept_path(home, archive).unlink()
    assert [each["condition"] for each in read_files(home, everything=True)["bad"]] == ["missing"]


def test_damage_is_told_once(home):
    archive = one_archive(home)
    spoil(kept_path(home, archive))
    revisions = []
    for day in (0, 1):
        read_files(at(home, day), everything=True)
        with home.database.reading() as session:
            revisions.append(session.get_one(Document, archive.document_id).revision)
    assert revisions[0] == revisions[1]


def test_what_was_put_back_from_a_backup_is_told_no_more(home):
    archive = one_archive(home)
    before = spoil(kept_path(home, archive))
    read_files(home, everything=True)
    kept_path(home, archive).write_bytes(before)
    assert read_files(home, everything=True)["bad_count"] == 0
    with home.database.reading() as session:
        assert session.get_one(Document, archive.document_id).problem is None
        assert fixity_state(session).sound


def test_a_file_that_no_entry_names_is_found(home):
    archive = one_archive(home)
    with home.database.writing() as session:
        for row in session.scalars(sa.select(LedgerPayload).where(LedgerPayload.document_id == archive.document_id)):
            session.delete(row)
    found = {each["sha256"]: each["condition"] for each in read_files(home, everything=True)["bad"]}
    assert found[archive.sha256] == "unknown"


def test_a_file_that_was_erased_meanwhile_is_not_missing(home, monkeypatch):
    gone = Kept(Kind.ORIGINAL, "0" * 64, 10)
    monkeypatch.setattr("station.fixity._due", lambda *_: [gone])
    assert read_files(home, everything=True)["bad_count"] == 0


# A second renderer.


def test_a_second_renderer_shows_the_recorded_pixels(home):
    archive = one_archive(home)
    second = look_again(kept_path(home, archive), 1)
    assert (second.rendering, second.detail) == (Rendering.SAME, "30 × 40 pixels identiques au raster enregistré")


def leaf_of(path: Path, form: Format) -> Leaf:
    page = examine(path).pages[0]
    return Leaf(path, form, page, (300, 300), lambda: decode(path, page, form, 10_000))


def archived(folder: Path, leaf: Leaf) -> Path:
    target = folder / "archive.pdf"
    compose_pdfa([leaf], target, METADATA, [capture_data([leaf.decode()])])
    return target


PALETTES = {"palette.png", "deflate.tif"}


@pytest.mark.parametrize("name", FILES)
def test_a_second_renderer_shows_every_coding_as_it_was_recorded(tmp_path, name):
    mode, options = FILES[name]
    leaf = test_pdfa.leaf_of(save_image(tmp_path / name, mode, **options))
    second = look_again(archived(tmp_path, leaf), 1)
    own_rounding = "jp" in name and second.rendering is Rendering.NEAR  # of a JPEG decoder of another version
    assert own_rounding or second.rendering is (Rendering.NEAR if name in PALETTES else Rendering.SAME)


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_of_odd_sizes_are_the_same_pixel_for_pixel(tmp_path, channels):
    path = archived(tmp_path, png_leaf(tmp_path, noisy(123, 77, channels)))
    assert look_again(path, 1).rendering is Rendering.SAME


def test_a_jpeg_that_is_decoded_otherwise_than_it_was_is_near(tmp_path):
    leaf = leaf_of(write_jpeg(tmp_path / "a.jpg", noisy(90, 60)), Format.JPEG)
    samples = leaf.decode().samples.copy()
    samples[0, 0, 0] ^= 1
    target = tmp_path / "archive.pdf"
    compose_pdfa([leaf], target, METADATA, [capture_data([Raster(samples, 8, Model.RGB)])])
    assert look_again(target, 1).rendering is Rendering.NEAR


def test_a_page_that_is_shown_turned_has_the_same_pixels(tmp_path):
    path = compose(tmp_path, [png_leaf(tmp_path, noisy(90, 60))])
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        pdf.pages[0].rotate(90, relative=False)
        pdf.save(path)
    assert look_again(path, 1).rendering is Rendering.SAME


def test_one_pixel_that_is_another_is_noticed(tmp_path):
    samples = noisy(90, 60)
    other = samples.copy()
    other[5, 5, 0] ^= 1
    target = tmp_path / "archive.pdf"
    compose_pdfa([png_leaf(tmp_path, other)], target, METADATA, [capture_data([Raster(samples, 8, Model.RGB)])])
    assert look_again(target, 1).rendering is Rendering.OTHER


def test_an_archive_that_kills_whoever_looks_at_it_is_told_and_the_reading_goes_on(home, monkeypatch):
    monkeypatch.setattr("station.fixity._draw_one", die_of_it)
    careful = home.settings.model_copy(update={"archive": home.settings.archive.model_copy(update={"second_look": 1})})
    report = read_files(replace(home, settings=careful), everything=True)
    assert report["second"] == {"failed": 4}


def test_the_second_look_at_a_real_archive_sees_the_recorded_pixels_from_within_its_child(home):
    careful = home.settings.model_copy(update={"archive": home.settings.archive.model_copy(update={"second_look": 1})})
    report = read_files(replace(home, settings=careful), everything=True)
    assert set(report["second"]) <= {"same", "near", "drawn"} and sum(report["second"].values()) == 4


def test_what_is_shown_otherwise_is_in_the_report(home, monkeypatch):
    monkeypatch.setattr("station.fixity._draw_one", see_otherwise)
    careful = home.settings.model_copy(update={"archive": home.settings.archive.model_copy(update={"second_look": 1})})
    report = read_files(replace(home, settings=careful), everything=True)
    assert report["second"] == {"other": 4} and len(report["unlike"]) == 4
    with home.database.reading() as session:
        assert not fixity_state(session).sound


def test_a_renderer_that_is_not_there_or_hangs_is_an_answer(tmp_path, monkeypatch):
    path = sealed(tmp_path)
    slow = tmp_path / "bin" / "pdftoppm"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(slow.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr("sealing.renderer.SECONDS", 0.3)
    monkeypatch.setattr("sealing.renderer.bounded", lambda command: command)
    assert look_again(path, 1).rendering is Rendering.FAILED
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look_again(path, 1).rendering is Rendering.UNSEEN


def test_the_renderer_has_bounded_memory_and_time():
    said = subprocess.run(bounded(["/bin/sh", "-c", "ulimit -v; ulimit -t"]), capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(2048 * 1024), "60"]


def test_a_broken_archive_is_an_answer(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nbroken")
    assert look_again(tmp_path / "a.pdf", 1).rendering is Rendering.FAILED


# The command.


def test_the_command_reads_everything_and_ends_with_an_error_where_something_is_damaged(home, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(home.home))
    sound = CliRunner().invoke(app, ["fixity", "--all", "--json"])
    assert (sound.exit_code, json.loads(sound.stdout)["archives"]) == (0, 4)
    spoil(kept_path(home, one_archive(home)))
    hurt = CliRunner().invoke(app, ["fixity", "--all"])
    assert hurt.exit_code == 4 and "abîmé" in hurt.stdout
