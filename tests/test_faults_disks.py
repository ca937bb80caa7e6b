"""Disks that fill, take no writing, go away and come back; two who watch one folder; a clock that was set; a reader out of memory."""

import errno
import os
import re
import resource
import signal
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import atwork
import papers
import pytest
import sqlalchemy as sa
from faults import begin, ended, filled, found_at, log_of, prepare, require_verified, require_whole, small_disk, write_protected
from sqlalchemy.exc import DBAPIError
from test_reception import arrivals, look, png

from capture.originals import Vault
from config.settings import StoreChoice
from ocr.engines import Reader, ReaderOptions, prepare_copy, warm_engine, write_copy
from sealing.ticks import Health, Look
from station import pixels
from station.audit import audit_ledger
from station.chaos import Scanner
from station.children import DEATHS
from station.dunning import first_day, today_of
from station.pipeline import Pipeline
from station.problems import PROBLEMS, problem_of
from station.reception import Reception
from station.records import documents
from station.records.clock import note_look, tick_now
from station.records.database import open_database
from station.records.ledger import verify_ledger
from station.records.people import PRACTICE_LOGIN
from station.records.tables import State
from station.timekeeping import confirm_clock
from station.workstation import Workstation

WRITES = [
    "capture.originals:Vault.keep:before:1",
    "station.records.intake:receive:after:1",
    "station.jobs:Engine.enqueue:before:1",
    "station.pipeline:Pipeline._judge:before:1",
    "station.pipeline:Pipeline._note_judged:before:1",
    "station.pipeline:Pipeline._read:before:1",
    "station.pipeline:Pipeline._note_read:before:1",
    "station.pipeline:Pipeline._prove:before:1",
    "capture.originals:Vault.keep:before:2",
    "station.pipeline:Pipeline._note_proved:before:1",
]
QUICK = [WRITES[7]]
ELSEWHERE = {WRITES[9]} if "SCEAU_TEST_POSTGRES" in os.environ else set()
"""After which nothing is written to the home's disk: the records lie on a server."""
FULL_SECONDS = 20 if "SCEAU_TEST_POSTGRES" in os.environ else 4
"""Long enough for the next write to this disk, where records and the engine's file are none of them."""


@pytest.fixture
def station(tmp_path: Path) -> Workstation:
    return atwork.open_home(tmp_path / "home", intake=atwork.PATIENT)


@pytest.fixture
def scanner(station: Workstation) -> Scanner:
    return Scanner(atwork.folder_of(station))


def require_once(station: Workstation, count: int) -> None:
    """So many files came, each entered once and moved, and the log holds."""
    assert [(a.visit, a.duplicate, a.moved_to is not None) for a in arrivals(station)] == [(0, False, True)] * count
    assert atwork.ledger_types(station) == ["received"] * count
    with station.database.reading() as session:
        assert verify_ledger(session)[station.settings.entity].size == count


# --- full, and read-only ---


@pytest.mark.parametrize("place", [pytest.param(p, marks=() if p in QUICK else pytest.mark.long) for p in WRITES])
def test_a_disk_that_fills_before_any_write_is_waited_out(tmp_path, practice_keys, place):
    with small_disk(tmp_path / "home", "120m") as home:
        prepare(home, practice_keys)
        told = ended(begin(home, place, filled(home, seconds=FULL_SECONDS)), home)
        station = found_at(home)
        require_whole(station)
        station.database.close()
    assert told <= {"disk-full", "still-writing"}
    # Where not even the engine can write, only its log tells.
    assert place in ELSEWHERE or "disk-full" in told or "Le disque est plein" in log_of(home).read_text()


def test_a_reader_whose_answer_finds_no_room_says_so_and_gives_no_half_text(tmp_path, monkeypatch):
    options = ReaderOptions(reader=Reader.TESSERACT, languages=("eng",))
    copy, _ = prepare_copy(papers.draw_page(["Facture 12", "Total 120,00"], size=(900, 500)), options)
    write_copy(copy, tmp_path / "copy.pnm")
    engine = warm_engine(options)
    with small_disk(tmp_path / "disk", "1m") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        assert "Facture" in " ".join(word.text for line in engine.read(tmp_path / "copy.pnm") for word in line.words)
        subprocess.run(["sh", "-c", f"cat /dev/zero > {disk / 'ballast'} 2> /dev/null"], check=False)
        with pytest.raises(OSError, match="No space left") as caught:
            engine.read(tmp_path / "copy.pnm")
        assert problem_of(caught.value).code == "disk-full"
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_what_was_sealed_and_could_not_be_noted_is_not_left_in_the_archive_beside_what_is_sealed_next(tmp_path, practice_keys, monkeypatch):
    station = atwork.open_home(tmp_path, practice_keys)
    document_id = atwork.take_in(station, papers.write_png(tmp_path / "a.png", papers.draw_page(["Facture"], size=(500, 300))))
    with atwork.pipeline_of(station) as work:
        with monkeypatch.context() as patch:
            patch.setattr(Pipeline, "_note_proved", full)
            assert work(document_id).problem == "disk-full"
        (left,) = station.archives.names()
        document = work(document_id)
    assert (document.state, document.attempt) == (State.SEALED, 2)
    assert [each.sha256 for each in station.archives.names()] == [document.archives[0].sha256] != [left.sha256]


def full(*_: object, **__: object) -> State:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "place", ["station.pipeline:Pipeline._prove:before:1", pytest.param("capture.originals:Vault.keep:before:1", marks=pytest.mark.long)]
)
def test_a_store_that_takes_no_writing_is_told_and_waited_for(tmp_path, practice_keys, place):
    share = tmp_path / "share"
    with small_disk(share, "60m"):
        prepare(tmp_path / "home", practice_keys)
        environment = {"KILLED_STORE": f"file://{share}"}
        told = ended(begin(tmp_path / "home", place, write_protected(share, seconds=5), **environment), tmp_path / "home")
        assert told == {"read-only"}
        station = atwork.open_home(tmp_path / "home", store=StoreChoice(url=f"file://{share}"))
        require_whole(station)
        station.database.close()


def test_a_vault_that_takes_no_writing_is_told_of_each_file_and_taken_once_it_does(station, scanner, tmp_path):
    with small_disk(tmp_path / "disk", "1m") as disk:
        station = replace(station, originals=Vault(disk / "originals"))
        scanner.drop("a.png", png())
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        reception = atwork.reception_of(station)
        look(reception, 0, 2)
        assert atwork.not_taken(station) == {"a.png": "read-only"}
        assert "lecture seule" in PROBLEMS["read-only"].words()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert look(reception, 100) == 1
        require_once(station, 1)


def test_records_on_a_disk_that_takes_no_writing_are_told_in_words_and_serve_once_it_does(tmp_path):
    with small_disk(tmp_path / "disk", "4m") as disk:
        database = open_database(f"sqlite:///{disk / 'records.db'}")
        with database.writing() as session:
            session.execute(sa.text("CREATE TABLE kept (what TEXT)"))
        database.close()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for door in (database.reading, database.writing):
            with pytest.raises(DBAPIError) as caught, door() as session:
                session.execute(sa.text("SELECT * FROM kept"))
            assert problem_of(caught.value).code == "database-disk"
        assert "lecture seule" in PROBLEMS["database-disk"].words()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        with database.writing() as session:
            session.execute(sa.text("INSERT INTO kept VALUES ('all')"))
        database.close()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (sqlite3.SQLITE_READONLY, "read-only"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "database-disk"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "database-waiting"),
        (sqlite3.SQLITE_CORRUPT, "unexpected"),
    ],
)
def test_what_sqlite_says_of_its_disk_is_told_by_its_code(told, code):
    error = sqlite3.OperationalError("whatever it says")
    error.sqlite_errorcode = told
    assert problem_of(DBAPIError("", {}, error)).code == code


# --- a share that goes away ---


@pytest.fixture
def share(station: Workstation, tmp_path: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """The station's folder lies in a share: functions that take it away and bring it back."""
    behind, point = tmp_path / "server", atwork.folder_of(station).parent
    (behind / atwork.folder_of(station).name).mkdir(parents=True)

    def vanish() -> None:
        subprocess.run(["umount", "-l", point], check=True)

    def come() -> None:
        if subprocess.run(["mount", "--bind", behind, point], capture_output=True, check=False).returncode:
            pytest.skip("a share of its own needs the right to mount")

    come()
    atwork.folder_of(station)
    yield vanish, come
    subprocess.run(["umount", "-l", point], capture_output=True, check=False)


def test_a_scanner_s_share_that_vanishes_within_a_copy_and_comes_back_is_told_and_each_file_taken_once(station, share, monkeypatch):
    vanish, come = share
    scanner, reception = Scanner(atwork.folder_of(station)), atwork.reception_of(station)
    scanner.drop("a.png", png())
    scanner.drop("b.png", png(1))
    keep = Vault.keep

    def gone_after(vault: Vault, source: Path, *args: object, **more: object) -> object:
        kept = keep(vault, source, *args, **more)
        monkeypatch.setattr(Vault, "keep", keep)
        vanish()
        scanner.folder.rmdir()  # what a mount point shows: nothing
        return kept

    monkeypatch.setattr(Vault, "keep", gone_after)
    assert look(reception, 0, 2) == 0
    look(reception, 3)
    assert atwork.not_taken(station) == {"": "cannot-look"}
    come()
    assert look(reception, 100, 200, 300) == 2
    assert atwork.not_taken(station) == {}
    require_once(station, 2)


# --- two who watch ---


def test_a_file_that_another_watcher_took_meanwhile_is_entered_once(station, scanner, monkeypatch):
    scanner.drop("a.png", png())
    slow, quick = atwork.reception_of(station), atwork.reception_of(station)
    for each in (slow, quick):
        look(each, 0)
    keep = Vault.keep

    def overtaken(vault: Vault, *args: object, **more: object) -> object:
        kept = keep(vault, *args, **more)
        monkeypatch.setattr(Vault, "keep", keep)
        assert look(quick, 2) == 1
        return kept

    monkeypatch.setattr(Vault, "keep", overtaken)
    assert look(slow, 2) == 0
    require_once(station, 1)
    look(slow, 3)
    assert atwork.not_taken(station) == {}


def test_two_who_watch_one_folder_take_each_file_once(station, scanner):
    for number in range(12):
        scanner.drop(f"{number}.png", png(number))
    watchers = [atwork.reception_of(station), atwork.reception_of(atwork.open_home(station.home, intake=atwork.PATIENT))]
    together = threading.Barrier(2)
    troubles: list[BaseException] = []

    def watch(reception: Reception) -> None:
        try:
            together.wait(30)
            look(reception, *(2.0 * turn for turn in range(8)))
        except BaseException as error:  # noqa: BLE001 handed on below
            troubles.append(error)

    threads = [threading.Thread(target=watch, args=(each,)) for each in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert troubles == []
    require_once(station, 12)
    assert len(list((scanner.folder / "processed").iterdir())) == 12


# --- a clock that was set ---


def test_a_try_that_a_clock_set_ten_years_too_late_put_off_comes_when_the_clock_is_right(station, scanner):
    scanner.drop("a.png", png())
    look(atwork.reception_of(station))
    right = station.clock()
    with station.database.writing() as session:
        (document,) = documents.due_documents(session, right)
        documents.retry_later(document, "disk-full", "", right + timedelta(days=3650), timedelta(seconds=30))
    with station.database.reading() as session:
        assert [each.id for each in documents.due_documents(session, right)] == [document.id]


def test_a_try_that_is_to_come_soon_is_waited_for(station, scanner):
    scanner.drop("a.png", png())
    look(atwork.reception_of(station))
    with station.database.writing() as session:
        (document,) = documents.due_documents(session, station.clock())
        documents.retry_later(document, "disk-full", "", station.clock(), timedelta(hours=64))
    with station.database.reading() as session:
        assert documents.due_documents(session, station.clock()) == []


def test_while_the_clock_is_in_doubt_nothing_is_sealed_and_afterwards_each_document_once(tmp_path, practice_keys):
    station = atwork.open_home(tmp_path, practice_keys)
    document_id = atwork.take_in(station, papers.write_png(tmp_path / "a.png", papers.draw_page(["Facture"], size=(500, 300))))
    with atwork.pipeline_of(station) as work:
        for set_by in (timedelta(hours=1), timedelta(hours=-1)):
            now = tick_now()
            with station.database.writing() as session:
                note_look(session, Look(replace(now, wall=now.wall - set_by), Health.ALONE))
            waits = work(document_id)
            assert (waits.state, waits.problem, waits.archives) == (State.RECEIVED, "clock-stepped", [])
            assert "L'horloge" in PROBLEMS["clock-stepped"].words() and waits.try_at is not None
            confirm_clock(station, PRACTICE_LOGIN)
        assert work(document_id).state == State.SEALED
    assert atwork.ledger_types(station).count("sealed") == 1
    assert [each.name for each in audit_ledger(station) if not each.ok] == []


@pytest.mark.parametrize("night", [date(2026, 3, 29), date(2026, 10, 25)])
@pytest.mark.parametrize("hour", [0, 2, 3, 8])
def test_the_nights_in_which_clocks_change_have_one_run_of_reminders_for_each_day(station, night, hour):
    settings = station.settings.model_copy(update={"dunning": station.settings.dunning.model_copy(update={"hour": hour})})
    begins = datetime.combine(night - timedelta(days=1), time(), UTC)
    found = []
    for half_hours in range(5 * 48):
        at = replace(station, settings=settings, clock=lambda now=begins + timedelta(minutes=30 * half_hours): now)
        found.append(first_day(at, today_of(at)))
    assert found == sorted(found)
    assert [day for day, before in pairwise(reversed(found)) if day - before > timedelta(days=1)] == []


# --- what is told of all this ---


def test_each_fault_that_is_told_is_played_by_the_test_it_names():
    here = Path(__file__).parent
    named = re.findall(r"`tests/(\w+\.py)(?:::(\w+))?`", (here.parent / "docs" / "faults.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    assert [name for file, name in named if f"def {name}(" not in (here / file).read_text(encoding="utf-8") and name] == []


# --- memory ---


def swells(*_: object) -> None:
    """In the child: takes all the memory that it can get, then goes as the kernel sends it."""
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
    held = []
    try:
        while True:
            held.append(bytes(64 << 20))
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_reader_that_the_kernel_ends_for_memory_costs_no_document(tmp_path, practice_keys, monkeypatch, caplog):
    station = atwork.open_home(tmp_path, practice_keys)
    document_id = atwork.take_in(station, papers.write_png(tmp_path / "a.png", papers.draw_invoice(seed=1)))
    with atwork.pipeline_of(station) as work:
        with monkeypatch.context() as patch:
            patch.setattr(pixels, "read_copy", swells)
            document = work(document_id)
        assert (document.state, document.problem) == (State.SEALED, "reading-late")
        assert caplog.text.count("swells: its process was killed (SIGKILL), as the kernel does") == DEATHS
        assert work.read_late(document_id).problem is None
    require_verified(station)
