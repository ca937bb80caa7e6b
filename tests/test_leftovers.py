"""What attempts leave that nobody goes on with goes, and with it what they kept for nobody; nothing that is, or may be, noted."""

import os
import shutil
import time
from pathlib import Path

import pytest
from atwork import open_home, take_in
from sqlalchemy.exc import TimeoutError as PoolExhausted
from test_machines import paper

from capture.stores import StillLocked, StoreAway
from station import leftovers
from station.leftovers import LEFT_SECONDS, begin_folder, clear_attempt, clear_leftovers
from station.records import documents
from station.records.tables import State
from station.workstation import Workstation


def test_what_a_worker_left_that_was_taken_over_goes_and_what_is_at_work_stays(tmp_path):
    workstation = open_home(tmp_path / "home")
    document_id = take_in(workstation, paper(tmp_path, 1))
    sealed = [workstation.archives.keep(each, ".pdf").sha256 for each in (paper(tmp_path, 2), paper(tmp_path, 3))]
    for attempt, sha256 in enumerate(sealed, 1):
        folder = workstation.work_folder(document_id) / str(attempt)
        folder.mkdir(parents=True)
        (folder / "proof.json").write_text(f'{{"valid": true, "sha256": "{sha256}"}}')
    with workstation.database.writing() as session:
        documents.get_document(session, document_id).attempt = 2
    assert clear_leftovers(workstation) == 0
    assert clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS) == 1
    assert [workstation.archives.holds(sha256, ".pdf") for sha256 in sealed] == [False, True]
    assert [path.name for path in workstation.work_folder(document_id).iterdir()] == ["2"]


def test_an_attempt_whose_store_is_away_is_left_to_be_cleared_later(tmp_path, monkeypatch):
    workstation = open_home(tmp_path / "home")
    sealed = workstation.archives.keep(paper(tmp_path, 1), ".pdf").sha256
    folder = workstation.work_folder("d1") / "1"
    folder.mkdir(parents=True)
    (folder / "proof.json").write_text(f'{{"valid": true, "sha256": "{sealed}"}}')
    with monkeypatch.context() as patch:
        patch.setattr(type(workstation.archives), "drop", lambda *_: (_ for _ in ()).throw(StoreAway("away")))
        assert (clear_attempt(workstation, folder), folder.is_dir()) == (False, True)
    assert (clear_attempt(workstation, folder), folder.is_dir(), workstation.archives.holds(sealed, ".pdf")) == (True, False, False)


def test_of_late_readings_and_of_proofs_that_cannot_be_read_nothing_stays_once_it_is_not_awaited(tmp_path):
    workstation = open_home(tmp_path / "home")
    document_id = take_in(workstation, paper(tmp_path, 1))
    for name in ("1", "late-0", "late-1"):
        (workstation.work_folder(document_id) / name).mkdir(parents=True)
    (workstation.work_folder(document_id) / "1" / "proof.json").write_text('{"val')
    with workstation.database.writing() as session:
        document = documents.get_document(session, document_id)
        document.state, document.problem, document.tries = State.SEALED, documents.READING_LATE, 1
    assert clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS) == 2
    assert [path.name for path in workstation.work_folder(document_id).iterdir()] == ["late-1"]
    with workstation.database.writing() as session:
        documents.get_document(session, document_id).problem = None
    assert clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS) == 1


def test_what_a_killed_renewal_or_signature_left_goes_and_with_it_what_it_kept_for_nobody(tmp_path):
    workstation = open_home(tmp_path / "home")
    document_id = take_in(workstation, paper(tmp_path, 1))
    for number, (name, file) in enumerate({"renew-2": "renewed.pdf", "sign-2-ab": "signed.pdf", "other-1": "x"}.items(), 2):
        (workstation.work_folder(document_id) / name).mkdir(parents=True)
        shutil.copy(paper(tmp_path, number), workstation.work_folder(document_id) / name / file)
    orphan = workstation.archives.keep(workstation.work_folder(document_id) / "renew-2" / "renewed.pdf", ".pdf").sha256
    assert clear_leftovers(workstation) == 0
    assert clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS) == 2
    assert not workstation.archives.holds(orphan, ".pdf")
    assert [path.name for path in workstation.work_folder(document_id).iterdir()] == ["other-1"]


@pytest.fixture
def killed(tmp_path) -> tuple[Workstation, Path, str]:
    """A renewal that was killed hours ago with its file whole, kept and not noted: the home, its folder, the name of its file."""
    workstation = open_home(tmp_path / "home")
    folder = workstation.work_folder("d1") / "renew-1"
    folder.mkdir(parents=True)
    target = paper(tmp_path, 1).rename(folder / "renewed.pdf")
    os.utime(folder, (time.time() - 2 * LEFT_SECONDS,) * 2)
    return workstation, folder, workstation.archives.keep(target, ".pdf").sha256


def test_what_a_renewal_goes_on_with_is_not_dropped_before_it_is_noted(killed):
    workstation, folder, kept = killed
    begin_folder(folder)
    assert (clear_leftovers(workstation), folder.is_dir(), workstation.archives.holds(kept, ".pdf")) == (0, True, True)


def test_nor_is_it_where_the_renewal_began_just_after_the_look(killed, monkeypatch):
    workstation, folder, kept = killed
    monkeypatch.setattr(leftovers.secrets, "token_hex", lambda _: begin_folder(folder) or "ab")
    assert (clear_leftovers(workstation), workstation.archives.holds(kept, ".pdf")) == (0, True)
    assert clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS) == 1
    assert not workstation.archives.holds(kept, ".pdf")


def test_of_what_the_store_does_not_let_go_yet_only_its_name_stays_in_the_home(killed, monkeypatch):
    workstation, folder, kept = killed
    with monkeypatch.context() as patch:
        patch.setattr(type(workstation.archives), "drop", lambda *_: (_ for _ in ()).throw(StillLocked("locked")))
        assert clear_leftovers(workstation) == 0
    assert [path.name for path in folder.parent.glob("*/*")] == ["proof.json"]
    assert clear_leftovers(workstation) == 0  # Asked again in an hour, not at every turn.
    assert clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS) == 1
    assert not workstation.archives.holds(kept, ".pdf")


@pytest.mark.parametrize("error", [PoolExhausted("full"), PermissionError("denied")])
def test_whatever_meets_who_tidies_up_is_no_trouble_of_the_document(killed, monkeypatch, error):
    workstation, folder, _ = killed
    monkeypatch.setattr(leftovers, "_proof_in" if isinstance(error, OSError) else "is_archived", lambda *_: (_ for _ in ()).throw(error))
    assert (clear_attempt(workstation, folder), folder.is_dir()) == (False, True)
