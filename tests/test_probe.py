"""What a folder can do, when it last gave a file, and which file has waited too long."""

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import papers
import pytest
from atwork import folder_of, open_home, ordinary_user, reception_of
from typer.testing import CliRunner

from station import probe
from station.cli import app
from station.probe import FolderProbe, folder_health, note_probe, probe_folder, probe_of, probe_stations
from station.records import documents, intake
from station.running import Running
from station.slots import hold_slot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def health(workstation, now=None):
    with workstation.database.reading() as session:
        (found,) = folder_health(session, workstation.settings, now or workstation.clock())
    return found


def watch(workstation, at):
    with workstation.database.writing() as session:
        documents.beat(session, "serve-0", "serve", os.getpid(), at)
        documents.note_look(session, "serve-0", at, taken=False)


# --- the probe ---


def test_a_folder_that_can_be_worked_says_so_and_keeps_nothing_of_the_probe(tmp_path):
    (tmp_path / "processed").mkdir()
    found = probe_folder(tmp_path, NOW, 5.0)
    assert found == FolderProbe(NOW, True, True, True, True)
    assert found.ok
    assert "notifications fonctionnent" in found.words()
    assert [path.name for path in tmp_path.rglob("*")] == ["processed"]


def test_a_folder_that_is_not_there_is_told_with_what_the_system_said():
    found = probe_folder(Path("/no/such/share"), NOW)
    assert not found.ok
    assert "ne s'ouvre pas (No such file or directory). Rien n'est perdu" in found.words()
    assert "cannot be opened" in found.words("en")


def test_a_folder_that_cannot_be_written_is_told():
    def prepare(folder: Path) -> Path:
        return folder

    with ordinary_user(prepare) as folder:
        folder.chmod(0o500)
        found = probe_folder(folder, NOW, 0.1)
    assert (found.readable, found.writable, found.ok) == (True, False, False)
    assert "ne peut pas y écrire (Permission denied)" in found.words()


def test_a_processed_folder_on_another_disk_is_told_and_the_probe_leaves_nothing_there(tmp_path):
    elsewhere = Path("/dev/shm")
    if elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one disk only")
    (tmp_path / "processed").symlink_to(elsewhere)
    found = probe_folder(tmp_path, NOW, 0.1)
    assert (found.writable, found.movable, found.ok) == (True, False, False)
    assert "processed/ (Invalid cross-device link)" in found.words()
    assert not list(elsewhere.glob(".sceau-probe-*"))
    assert not list(tmp_path.glob(".sceau-probe-*"))


def test_a_folder_without_notifications_is_as_good_for_it_is_read_anyway(tmp_path, monkeypatch):
    monkeypatch.setattr(probe, "notifications_work", lambda *_: False)
    monkeypatch.setattr(probe, "file_system", lambda _path: "cifs")
    found = probe_folder(tmp_path, NOW)
    assert found.ok
    assert found.words() == (
        "Le dossier est sur un partage réseau (cifs). Les notifications ne fonctionnent pas ; Sceau relit de toute façon le dossier."
    )


def test_a_share_that_does_not_show_what_was_written_is_not_writable(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda _folder: [])
    assert not probe_folder(tmp_path, NOW, 0.1).writable


@pytest.mark.parametrize("code", probe.WORDS)
def test_every_word_of_a_folder_is_said_in_both_languages(code):
    french, english = probe.WORDS[code]
    assert french != english
    assert set(re.findall(r"{\w+}", french)) == set(re.findall(r"{\w+}", english))


# --- how a folder fares ---


def test_what_a_probe_found_is_kept_until_the_next_one(tmp_path):
    workstation = open_home(tmp_path / "home")
    assert health(workstation).probe is None
    assert health(workstation).words()[-1] == "Le dossier n'a pas encore été essayé."
    folder = folder_of(workstation)
    probe_stations(workstation)
    assert health(workstation).probe.ok
    folder.rmdir()
    probe_stations(workstation)
    assert not health(workstation).ok
    with workstation.database.reading() as session:
        assert probe_of(session, "demo") == health(workstation).probe


def test_the_last_intake_of_a_station_is_its_heartbeat(tmp_path):
    workstation = open_home(tmp_path / "home")
    papers.write_png(folder_of(workstation) / "a.png", papers.draw_page(size=(60, 40)))
    assert health(workstation).last_taken is None
    reception = reception_of(workstation)
    assert sum(reception.look(float(second)) for second in range(3)) == 1
    assert workstation.clock() - health(workstation).last_taken < timedelta(minutes=1)


def test_a_file_that_waits_longer_than_the_house_accepts_is_told_by_name_and_minutes(tmp_path):
    workstation = open_home(tmp_path / "home")
    watch(workstation, NOW)
    with workstation.database.writing() as session:
        intake.tell_sightings(session, "demo", {"jeune.tif": ("still-writing", "")}, NOW - timedelta(minutes=2))
        intake.tell_sightings(
            session, "demo", {"jeune.tif": ("still-writing", ""), "vieux.tif": ("unreadable", "")}, NOW - timedelta(minutes=16)
        )
    found = health(workstation, NOW)
    assert (found.oldest, found.waiting, found.watched) == ("vieux.tif", 2, True)
    assert found.late
    assert "« vieux.tif » attend depuis 16 min. Rien n'est perdu" in found.words()[0]
    patient = workstation.settings.model_copy(update={"intake": workstation.settings.intake.model_copy(update={"alert_minutes": 17})})
    with workstation.database.reading() as session:
        assert not folder_health(session, patient, NOW)[0].late


def test_where_nobody_watches_the_folder_is_looked_into_and_an_old_date_of_writing_is_no_long_wait(tmp_path):
    workstation = open_home(tmp_path / "home")
    path = folder_of(workstation) / "copie.tif"
    path.write_bytes(b"scan")
    os.utime(path, (1, 1))
    found = health(workstation)
    assert (found.watched, found.waiting, found.oldest, found.late) == (False, 1, "copie.tif", False)
    assert "Démarrez Sceau" in found.words()[0]
    assert health(workstation, workstation.clock() + timedelta(minutes=20)).late


def test_a_process_that_beats_but_no_longer_looks_is_not_watching(tmp_path):
    workstation = open_home(tmp_path / "home")
    watch(workstation, NOW)
    assert health(workstation, NOW).watched
    with workstation.database.writing() as session:
        documents.beat(session, "serve-0", "serve", os.getpid(), NOW + timedelta(minutes=1))
    assert not health(workstation, NOW + timedelta(minutes=1)).watched


def test_a_station_at_work_probes_its_folders_by_itself(tmp_path, practice_keys):
    workstation = open_home(tmp_path / "home", practice_keys)
    with hold_slot(workstation.home, "serve", count=1) as executor:
        running = Running(workstation, "serve", executor, watch=True)
        running.start()
        deadline = time.monotonic() + 60
        while health(workstation).probe is None and time.monotonic() < deadline:
            time.sleep(0.05)
        running.stop()
    assert health(workstation).probe.ok


def test_status_and_doctor_tell_of_the_folders(tmp_path, monkeypatch):
    workstation = open_home(tmp_path / "home")
    folder_of(workstation)
    with workstation.database.writing() as session:
        note_probe(session, "demo", FolderProbe(NOW, True, True, True, False, "cifs"))
    monkeypatch.setenv("SCEAU_HOME", str(workstation.home))
    told = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["folders"]["demo"]
    assert (told["network"], told["notifications"], told["late"], told["last_taken"]) == ("cifs", False, False, None)
    lines = [json.loads(line) for line in CliRunner().invoke(app, ["doctor", "--json"]).stdout.splitlines()]
    (line,) = (line for line in lines if line["name"] == "station demo")
    assert "Sceau relit de toute façon le dossier" in line["detail"]
