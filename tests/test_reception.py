"""What a scanner puts into a folder is taken in once, said where it cannot be, and never stops the file that comes after it."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import atwork
import papers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture import hotfolder
from capture.originals import DiskFull, Vault
from config.settings import Station, Unusable, load_settings
from station import reception as room
from station.chaos import Scanner
from station.reception import Reception, look_at_all
from station.records import documents, intake
from station.records.tables import Archive, Arrival, Document, State
from station.stored import path_from
from station.tidy import empty_processed
from station.workstation import Workstation

PAGE = papers.draw_page(["FACTURE"], size=(60, 40), noise=0)


@pytest.fixture
def station(tmp_path: Path) -> Workstation:
    return atwork.open_home(tmp_path / "home", intake=atwork.PATIENT)


@pytest.fixture
def scanner(station: Workstation) -> Scanner:
    return Scanner(atwork.folder_of(station))


def png(color: int = 0) -> bytes:
    """A small whole scan; another number is another scan."""
    with tempfile.TemporaryDirectory() as folder:
        return papers.write_png(Path(folder) / "a.png", PAGE + color).read_bytes()


def look(reception: Reception, *seconds: float) -> int:
    """Look at each of these times; returns how many files were taken in."""
    return sum(reception.look(time) for time in seconds or (0.0, 2.0))


def arrivals(station: Workstation) -> list[Arrival]:
    with station.database.reading() as session:
        return session.query(Arrival).order_by(Arrival.id).all()


class Died(BaseException):
    """The process ends here."""


def dies(*args: object, **kwargs: object) -> None:
    raise Died


# --- once ---


def test_a_scan_is_kept_entered_and_then_moved(station, scanner):
    scanner.drop("facture.png", png())
    assert look(atwork.reception_of(station)) == 1
    (document,), (arrival,) = atwork.all_documents(station), arrivals(station)
    assert station.originals.path(arrival.sha256).read_bytes() == png()
    assert (document.title, atwork.ledger_types(station)) == ("facture.png", ["received"])
    assert [Path(arrival.moved_to)] == list((scanner.folder / "processed").iterdir())


def test_the_same_bytes_twice_are_one_document_and_a_visible_duplicate(station, scanner):
    reception = atwork.reception_of(station)
    scanner.drop("a.png", png())
    look(reception, 0, 2)
    scanner.drop("b.png", png())
    look(reception, 3, 5)
    (document,) = atwork.all_documents(station)
    assert [(a.name, a.duplicate, a.document_id) for a in arrivals(station)] == [
        ("a.png", False, document.id),
        ("b.png", True, document.id),
    ]
    assert atwork.ledger_types(station) == ["received", "duplicate"]


def test_the_very_same_file_put_back_is_a_duplicate(station, scanner):
    reception = atwork.reception_of(station)
    path = scanner.drop("a.png", png())
    look(reception, 0, 2)
    (scanner.folder / "processed" / "a.png").rename(path)
    look(reception, 3, 5)
    assert [(a.visit, a.duplicate) for a in arrivals(station)] == [(0, False), (1, True)]


@pytest.mark.parametrize("place", ["station.reception.move_processed", "station.records.intake.note_moved"])
def test_a_restart_between_commit_and_move_makes_no_duplicate(station, scanner, monkeypatch, place):
    scanner.drop("a.png", png())
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(place, dies)
        look(atwork.reception_of(station))
    look(atwork.reception_of(station))
    (arrival,) = arrivals(station)
    assert arrival.moved_to == str(scanner.folder / "processed" / "a.png")
    assert atwork.ledger_types(station) == ["received"]


def test_a_restart_amid_the_move_leaves_one_file_under_its_own_name(station, scanner, monkeypatch):
    scanner.drop("a.png", png())
    (scanner.folder / "processed").mkdir()
    (scanner.folder / "processed" / "a.png").write_bytes(b"of another day")
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr("capture.hotfolder._rename_or_release", dies)
        look(atwork.reception_of(station))
    assert (scanner.folder / "processed" / "a (2).png").stat().st_size == 0
    look(atwork.reception_of(station))
    (arrival,) = arrivals(station)
    assert arrival.moved_to == str(scanner.folder / "processed" / "a (2).png")
    found = sorted((path.name, path.read_bytes()) for path in (scanner.folder / "processed").iterdir())
    assert found == [("a (2).png", png()), ("a.png", b"of another day")]


def test_a_file_that_a_person_took_away_after_the_commit_is_not_waited_for(station, scanner, monkeypatch):
    path = scanner.drop("a.png", png())
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(room, "move_processed", dies)
        look(atwork.reception_of(station))
    path.unlink()
    look(atwork.reception_of(station))
    assert [a.moved_to for a in arrivals(station)] == [""]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drops=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.booleans()), max_size=6))
def test_whatever_is_dropped_each_content_is_one_document_and_each_drop_one_entry(tmp_path, drops):
    station = atwork.open_home(Path(tempfile.mkdtemp(dir=tmp_path)), intake=atwork.PATIENT)
    scanner, reception = Scanner(atwork.folder_of(station)), atwork.reception_of(station)
    for number, (name, content, restart) in enumerate(drops):
        scanner.drop(f"{name}.png", png(content))
        reception = atwork.reception_of(station) if restart else reception
        look(reception, 10.0 * number, 10.0 * number + 2)
    assert len(atwork.all_documents(station)) == len({content for _, content, _ in drops})
    assert len(arrivals(station)) == len(atwork.ledger_types(station)) == len(drops)


# --- not before it is whole ---


def test_a_dribbling_scanner_is_waited_for(station, scanner):
    reception = atwork.reception_of(station)
    for second, _ in enumerate(scanner.dribble("a.png", png(), piece=100)):
        assert look(reception, 3.0 * second, 3.0 * second + 2) == 0
    assert look(reception, 1000, 1002) == 1


def test_a_file_under_its_temporary_name_is_not_seen(station, scanner):
    reception = atwork.reception_of(station)
    written = scanner.rename("a.png", png())
    next(written)
    assert look(reception, 0, 2, 100) == 0
    next(written)
    assert look(reception, 101, 103) == 1
    assert [a.name for a in arrivals(station)] == ["a.png"]


def test_a_format_that_grows_page_by_page_waits_longer(station, scanner):
    papers.write_tiff(scanner.folder / "a.tif", PAGE)
    scanner.drop("b.png", png())
    reception = atwork.reception_of(station)
    assert look(reception, 0, 2, 4) == 1
    assert look(reception, 6) == 1
    assert [a.name for a in arrivals(station)] == ["b.png", "a.tif"]


@pytest.mark.parametrize("content", [b"", png()[:-20], b"no image at all"], ids=["empty", "truncated", "stranger"])
def test_what_never_becomes_whole_is_said_and_taken_when_patience_ends(station, scanner, content):
    reception = atwork.reception_of(station)
    scanner.drop("jammed.png", content)
    scanner.drop("next.png", png())
    whole = content == b"no image at all"
    assert look(reception, 0, 2) == (2 if whole else 1)
    look(reception, 10)
    assert atwork.not_taken(station) == ({} if whole else {"jammed.png": "still-writing"})
    look(reception, 61)
    assert sorted(a.name for a in arrivals(station)) == ["jammed.png", "next.png"]
    assert atwork.not_taken(station) == {}


def test_a_file_that_changes_while_it_is_copied_is_tried_again(station, scanner, monkeypatch):
    reception = atwork.reception_of(station)
    path = scanner.drop("a.png", png())
    look(reception, 0)
    keep = Vault.keep

    def meanwhile(*args, **kwargs):
        path.write_bytes(png(1) + b"\0" * 9)
        return keep(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "keep", meanwhile)
        assert look(reception, 2) == 0
    assert (look(reception, 4, 6), atwork.not_taken(station)) == (1, {})
    assert arrivals(station)[0].size == len(png(1)) + 9


def test_a_file_that_goes_away_before_it_is_taken_is_forgotten(station, scanner, monkeypatch):
    reception = atwork.reception_of(station)
    path = scanner.drop("a.png", png())
    look(reception, 0)
    keep = Vault.keep
    monkeypatch.setattr(Vault, "keep", lambda *args, **kwargs: path.unlink(missing_ok=True) or keep(*args, **kwargs))
    assert look(reception, 2, 4, 60) == 0
    assert atwork.not_taken(station) == {}


# --- what is no file, and what hurts ---


def a_symlink(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_socket(path: Path) -> None:
    short = Path(os.path.relpath(path))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(min(path, short, key=lambda p: len(str(p)))))


STRANGERS = [
    (a_symlink, "refused-symlink"),
    (a_dangling_link, "refused-symlink"),
    (os.mkfifo, "refused-fifo"),
    (Path.mkdir, "refused-folder"),
    (a_socket, "refused-socket"),
]


@pytest.mark.parametrize(("make", "reason"), STRANGERS)
def test_what_is_no_file_is_said_and_the_next_file_is_taken(station, scanner, make, reason):
    reception = atwork.reception_of(station)
    make(scanner.folder / "a.png")
    scanner.drop("b.png", png())
    assert look(reception, 0, 2, 4, 80) == 1
    assert atwork.not_taken(station) == {"a.png": reason}
    (scanner.folder / "a.png").rmdir() if make is Path.mkdir else (scanner.folder / "a.png").unlink()
    look(reception, 90)
    assert atwork.not_taken(station) == {}


HOSTILE = [
    b"two\nlines.png", b"no\xffutf8.png", b"x" * 251 + b".png", b"-rf --help.png", b"..\\..\\up.png", b"$(reboot).png",
    b"\xe2\x80\xaeabc.png",    b"<script>.png", b"' OR 1=1 --.png", b"[red]%s{0}.png", "e\u0301té 日本.png".encode(), b" .png", b"...png",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_its_name_a_scan_is_taken_and_called_by_one_plain_line(station, scanner, name):
    if name.startswith(b"."):
        name = b"_" + name
    scanner.drop(name, png())
    assert look(atwork.reception_of(station)) == 1
    (document,) = atwork.all_documents(station)
    assert document.title.isprintable()
    document.title.encode("utf-8")
    assert [os.fsencode(path.name) for path in (scanner.folder / "processed").iterdir()] == [name]
    assert path_from(arrivals(station)[0].moved_to).read_bytes() == png()


def test_a_file_too_large_is_said_and_the_next_one_is_taken(tmp_path):
    station = atwork.open_home(tmp_path, intake=atwork.PATIENT.model_copy(update={"max_file_megabytes": 1}))
    scanner = Scanner(atwork.folder_of(station))
    scanner.drop("a.png", png()[:-12] + bytes(1 << 20) + png()[-12:])
    scanner.drop("b.png", png())
    assert look(atwork.reception_of(station), 0, 2, 61) == 1
    assert atwork.not_taken(station) == {"a.png": "too-large"}


def test_a_file_we_may_not_read_is_said_and_taken_once_we_may():
    with atwork.ordinary_user(lambda home: atwork.open_home(home, intake=atwork.PATIENT)) as station:
        scanner, reception = Scanner(atwork.folder_of(station)), atwork.reception_of(station)
        path = scanner.drop("a.png", png())
        path.chmod(0)
        scanner.drop("b.png", png(1))
        assert look(reception, 0, 2) == 1
        assert atwork.not_taken(station) == {"a.png": "refused-unreadable"}
        path.chmod(0o600)
        assert look(reception, 10, 12) == 1
        assert atwork.not_taken(station) == {}


def test_a_file_that_only_its_server_refuses_is_said_and_the_next_one_is_taken(monkeypatch):
    with atwork.ordinary_user(lambda home: atwork.open_home(home, intake=atwork.PATIENT)) as station:
        scanner, reception = Scanner(atwork.folder_of(station)), atwork.reception_of(station)
        path = scanner.drop("a.png", png())
        path.chmod(0)
        scanner.drop("b.png", png(1))
        # As on a share: the rights that are shown allow it.
        monkeypatch.setattr(hotfolder.os, "access", lambda *_args, **_more: True)
        assert look(reception, 0, 2) == 1
        assert atwork.not_taken(station) == {"a.png": "unreadable"}
        path.chmod(0o600)
        assert look(reception, 70, 72) == 1
        assert atwork.not_taken(station) == {}


def test_what_one_station_meets_keeps_no_other_waiting(tmp_path):
    stations = tuple(Station(name=name) for name in ("premier", "second"))
    opened = atwork.open_home(tmp_path, intake=atwork.PATIENT, stations=stations)
    receptions = [Reception(opened, station) for station in stations]
    for reception in receptions:
        reception.folder.mkdir(parents=True)
        Scanner(reception.folder).drop("a.png", png())
    receptions[0].look = lambda _seconds: 1 / 0
    seen = [look_at_all(receptions, second) for second in (0.0, 2.0)]
    assert [(taken, type(trouble)) for taken, trouble in seen] == [(0, ZeroDivisionError), (1, ZeroDivisionError)]


def test_from_a_read_only_folder_a_scan_is_taken_once_said_and_moved_when_it_can_be():
    with atwork.ordinary_user(lambda home: atwork.open_home(home, intake=atwork.PATIENT)) as station:
        scanner, reception = Scanner(atwork.folder_of(station)), atwork.reception_of(station)
        scanner.drop("a.png", png())
        scanner.folder.chmod(0o555)
        look(reception, *range(0, 300, 2))
        look(atwork.reception_of(station), *range(0, 300, 2))
        assert atwork.ledger_types(station) == ["received"]
        assert atwork.not_taken(station) == {"a.png": "cannot-move"}
        scanner.folder.chmod(0o755)
        look(reception, 1000)
        assert atwork.not_taken(station) == {}
        assert [a.moved_to for a in arrivals(station)] == [str(scanner.folder / "processed" / "a.png")]


def test_a_file_that_cannot_be_moved_is_not_copied_again_and_again(station, scanner, monkeypatch):
    (scanner.folder / "processed").write_text("in the way")
    scanner.drop("a.png", png())
    scanner.drop("b.png", png(1))
    reception = atwork.reception_of(station)
    look(reception, 0, 2)
    monkeypatch.setattr(Vault, "keep", dies)
    look(reception, *range(3, 300, 3))
    assert atwork.not_taken(station) == {"a.png": "cannot-move", "b.png": "cannot-move"}
    assert atwork.ledger_types(station) == ["received", "received"]


@pytest.mark.parametrize("other", ["{home}/stations/a", "stations/b/../a", "{home}/link", "stations/a/"])
def test_two_stations_may_not_share_a_folder_however_it_is_written(tmp_path, other):
    (tmp_path / "link").symlink_to("stations/a")
    text = f'[[station]]\nname = "a"\n[[station]]\nname = "b"\nfolder = "{other.format(home=tmp_path)}"\n'
    (tmp_path / "sceau.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Unusable, match="station: « a » et « b » ont le même dossier"):
        load_settings({"SCEAU_HOME": str(tmp_path)})
    (tmp_path / "sceau.toml").write_text(text.replace("folder", "operator"), encoding="utf-8")
    assert len(load_settings({"SCEAU_HOME": str(tmp_path)}).stations) == 2


def test_a_folder_that_is_gone_is_said_and_looked_into_when_it_is_back(station, scanner):
    reception = atwork.reception_of(station)
    scanner.folder.rename(scanner.folder.with_name("away"))
    assert look(reception, 0, 2) == 0
    assert atwork.not_taken(station) == {"": "cannot-look"}
    scanner.folder.with_name("away").rename(scanner.folder)
    scanner.drop("a.png", png())
    assert look(reception, 3, 5) == 1
    assert atwork.not_taken(station) == {}


def test_a_mistake_of_our_own_over_one_file_is_logged_and_the_next_file_is_taken(station, scanner, monkeypatch, caplog):
    scanner.drop("a.png", png())
    scanner.drop("b.png", png(1))
    receive = intake.receive

    def mistaken(session, incoming, *more):
        return receive(session, incoming, *more) if incoming.name == "b.png" else 1 / 0

    monkeypatch.setattr(intake, "receive", mistaken)
    assert look(atwork.reception_of(station), 0, 2, 61) == 1
    assert atwork.not_taken(station) == {"a.png": "unexpected"}
    assert "ZeroDivisionError" in caplog.text


# --- a full disk ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_on_a_full_disk_the_scan_stays_is_said_and_is_taken_once_there_is_room(station, scanner, small_disk):
    station = replace(station, originals=Vault(small_disk / "originals"))
    reception = atwork.reception_of(station)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(240_000))
    noisy = papers.write_png(scanner.folder / "a.png", papers.draw_page(size=(120, 100), noise=9)).read_bytes()
    look(reception, 0, 2)
    assert atwork.not_taken(station) == {"a.png": "disk-full"}
    assert (atwork.ledger_types(station), list((small_disk / "originals" / "tmp").iterdir())) == ([], [])
    ballast.unlink()
    assert look(reception, 100) == 1
    assert station.originals.path(arrivals(station)[0].sha256).read_bytes() == noisy


def test_while_one_scan_finds_no_room_a_smaller_one_is_taken(station, scanner, monkeypatch):
    scanner.drop("a.png", png() + bytes(5000))
    scanner.drop("b.png", png(1))
    keep = Vault.keep

    def narrow(vault, source, *args, **kwargs):
        if source.stat().st_size > 5000:
            raise DiskFull
        return keep(vault, source, *args, **kwargs)

    monkeypatch.setattr(Vault, "keep", narrow)
    assert look(atwork.reception_of(station), 0, 2, 61) == 1
    assert atwork.not_taken(station) == {"a.png": "disk-full"}


# --- processed/ is emptied ---


@pytest.fixture
def sealed(station, scanner) -> Workstation:
    """A station, eight days later, whose one scan lies in processed/ and is sealed as far as records and stores say."""
    scanner.drop("a.png", png())
    look(atwork.reception_of(station))
    (document,) = atwork.all_documents(station)
    archive = station.archives.keep(scanner.folder / "processed" / "a.png", ".pdf")
    now = station.clock()
    with station.database.writing() as session:
        documents.get_document(session, document.id).state = State.SEALED
        facts = {"size": archive.size, "attached": 0, "level": "B-LTA", "practice": True, "checks": [], "sealed_at": now}
        session.add(Archive(sha256=archive.sha256, document_id=document.id, version=1, **facts))
    return replace(station, clock=lambda: now + timedelta(days=8))


def left_over(station: Workstation) -> list[str]:
    return [path.name for path in (atwork.folder_of(station) / "processed").iterdir()]


def test_after_the_delay_processed_is_emptied_of_what_is_sealed_and_sound(sealed):
    assert empty_processed(sealed) == 1
    assert left_over(sealed) == []
    assert empty_processed(sealed) == 0


def test_before_the_delay_nothing_is_removed(sealed, station):
    empty_processed(replace(sealed, clock=lambda: station.clock() + timedelta(days=6)))
    assert left_over(sealed) == ["a.png"]


def test_what_is_not_sealed_stays_in_processed(sealed):
    with sealed.database.writing() as session:
        session.query(Document).update({"state": State.HELD})
    empty_processed(sealed)
    assert left_over(sealed) == ["a.png"]


def test_a_confidential_file_leaves_the_shared_folder_at_once(sealed, station):
    with sealed.database.writing() as session:
        session.query(Document).update({"state": State.SET_ASIDE, "confidential": True})
    assert empty_processed(station) == 1
    assert left_over(sealed) == []


@pytest.mark.parametrize("store", ["originals", "archives"])
def test_what_does_not_read_back_sound_from_its_store_stays_in_processed(sealed, store):
    (kept,) = [path for path in getattr(sealed, store).root.rglob("*") if path.is_file()]
    kept.chmod(0o600)
    kept.write_bytes(b"rotten")
    empty_processed(sealed)
    assert left_over(sealed) == ["a.png"]


def test_a_file_that_somebody_changed_in_processed_is_never_removed(sealed):
    path = atwork.folder_of(sealed) / "processed" / "a.png"
    path.write_bytes(b"something else, kept nowhere")
    empty_processed(sealed)
    assert left_over(sealed) == ["a.png"]


def test_a_link_put_in_its_place_in_processed_leads_nobody_to_remove_anything(sealed, tmp_path):
    path = atwork.folder_of(sealed) / "processed" / "a.png"
    path.rename(tmp_path / "mine.png")
    path.symlink_to(tmp_path / "mine.png")
    empty_processed(sealed)
    assert (tmp_path / "mine.png").exists()
    assert path.is_symlink()


def test_a_file_already_gone_from_processed_is_noted_as_such(sealed):
    (atwork.folder_of(sealed) / "processed" / "a.png").unlink()
    assert (empty_processed(sealed), empty_processed(sealed)) == (1, 0)
