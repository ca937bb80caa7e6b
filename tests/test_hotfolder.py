"""A scanner's folder: nothing is taken too early, nothing stays unseen, nothing is overwritten, nothing blinds the watcher."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import atwork
import cost
import pytest
from hypothesis import given
from hypothesis import strategies as st
from watchdog.observers import Observer

from capture import hotfolder
from capture.hotfolder import (
    CannotLook,
    CannotMove,
    Look,
    Memory,
    Sighting,
    Why,
    glance,
    move_processed,
    plain_name,
    release_claims,
    settle,
)
from capture.watch import Hint, notifications_work, still_open
from station.chaos import Scanner

END = b"%%EOF"


@pytest.fixture
def scanner(tmp_path: Path) -> Scanner:
    return Scanner(tmp_path)


def ends_well(folder: Path) -> hotfolder.Complete:
    return lambda sighting: (folder / sighting.name).read_bytes().endswith(END)


def look(folder: Path, memory: Memory, now: float) -> Look:
    return settle(memory, glance(folder), now, 2.0, ends_well(folder))


def names(sightings: object) -> list[str]:
    return [getattr(item, "sighting", item).name for item in sightings]  # type: ignore[attr-defined]


# --- when a file is ready ---


def test_a_dribbling_file_is_ready_only_when_it_is_quiet_and_complete(scanner: Scanner) -> None:
    memory: Memory = {}
    now = 0.0
    for _ in scanner.dribble("scan.pdf", b"x" * 5000 + END):
        seen = look(scanner.folder, memory, now)
        assert (names(seen.ready), names(seen.waiting)) == ([], ["scan.pdf"])
        memory, now = seen.memory, now + 1.0
    assert names(look(scanner.folder, memory, now).ready) == []
    memory = look(scanner.folder, memory, now).memory
    assert names(look(scanner.folder, memory, now + 2.0).ready) == ["scan.pdf"]


def test_a_pause_between_two_pages_does_not_cut_the_file(scanner: Scanner) -> None:
    memory: Memory = {}
    for now, _ in zip((0.0, 10.0, 20.0), scanner.page_by_page("scan.pdf", [b"one", b"two", b"three" + END]), strict=True):
        memory = look(scanner.folder, memory, now).memory
        assert bool(look(scanner.folder, memory, now + 9.0).ready) is (now == 20.0)


def test_a_file_renamed_when_done_was_never_seen_before(scanner: Scanner) -> None:
    steps = scanner.rename("scan.pdf", b"x" + END)
    next(steps)
    assert glance(scanner.folder) == []
    next(steps)
    assert names(glance(scanner.folder)) == ["scan.pdf"]


def test_a_jammed_scan_is_handed_out_as_incomplete_when_patience_ends(scanner: Scanner) -> None:
    next(scanner.jam("scan.pdf", b"x" * 100 + END, at=50))
    memory = look(scanner.folder, {}, 0.0).memory
    assert look(scanner.folder, memory, 59.0).ready == ()
    (ready,) = look(scanner.folder, memory, 60.0).ready
    assert not ready.complete


def test_a_file_that_changes_starts_again(scanner: Scanner) -> None:
    scanner.drop("scan.pdf", END)
    memory = look(scanner.folder, {}, 0.0).memory
    scanner.drop("scan.pdf", b"more" + END)
    assert names(look(scanner.folder, memory, 5.0).waiting) == ["scan.pdf"]


def test_a_file_that_could_not_be_taken_is_handed_out_again_and_again_with_longer_pauses() -> None:
    file = Sighting("scan.pdf", 1, 1, 1)
    memory: Memory = {}
    offers = []
    for now in range(400):
        seen = settle(memory, [file], now, 2.0, lambda _: True)
        memory = seen.memory
        offers += [now for _ in seen.ready]
    assert offers[:8] == [2, 3, 5, 9, 17, 33, 65, 125]
    assert offers[-1] - offers[-2] == 60


def test_a_file_put_back_under_the_same_name_is_a_new_file(scanner: Scanner) -> None:
    scanner.drop("scan.pdf", END)
    memory = look(scanner.folder, look(scanner.folder, {}, 0.0).memory, 5.0).memory
    os.utime(scanner.folder / "scan.pdf", ns=(1, 1))
    memory = look(scanner.folder, memory, 5.1).memory
    assert look(scanner.folder, memory, 7.1).ready[0].offer == 1


SIGHTINGS = st.builds(
    Sighting, st.sampled_from("abc"), st.integers(1, 2), st.integers(1, 2), st.integers(0, 2), st.sampled_from(["file", "fifo"])
)
FOLDERS = st.lists(st.lists(SIGHTINGS, unique_by=lambda sighting: sighting.name), max_size=20)


@given(FOLDERS, st.booleans())
def test_whatever_happens_every_entry_is_ready_waiting_or_refused_and_none_is_ready_before_it_was_quiet(
    folders: list[list[Sighting]], complete: bool
) -> None:
    memory: Memory = {}
    unchanged: dict[Sighting, int] = {}
    told: set[Sighting] = set()
    for now, folder in enumerate(folders):
        unchanged = {sighting: unchanged.get(sighting, now) for sighting in folder}
        told &= set(folder)
        seen = settle(memory, folder, now, 3.0, lambda _: complete)
        memory = seen.memory
        fresh = {refused.sighting for refused in seen.refused}
        assert not fresh & told
        told |= fresh
        assert {ready.sighting for ready in seen.ready} | set(seen.waiting) | told >= set(folder)
        assert all(now - unchanged[ready.sighting] >= 3 and ready.sighting.kind == "file" for ready in seen.ready)
        assert set(memory) == {sighting.name for sighting in folder}


# --- what lies there ---


def test_what_is_no_file_is_refused_once_and_again_when_it_changes(scanner: Scanner) -> None:
    (scanner.folder / "link").symlink_to("/etc/passwd")
    (scanner.folder / "folder").mkdir()
    os.mkfifo(scanner.folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(scanner.folder / "socket"))
    first = look(scanner.folder, {}, 0.0)
    assert [(item.sighting.name, item.sighting.kind) for item in first.refused] == [
        ("fifo", "fifo"),
        ("folder", "folder"),
        ("link", "symlink"),
        ("socket", "socket"),
    ]
    (scanner.folder / "folder" / "inside").touch()
    assert look(scanner.folder, first.memory, 1.0).refused == ()
    (scanner.folder / "fifo").unlink()
    (scanner.folder / "fifo").mkdir()
    assert [(item.sighting.name, item.sighting.kind) for item in look(scanner.folder, first.memory, 1.0).refused] == [("fifo", "folder")]


def test_hidden_unfinished_and_processed_files_are_left_alone(scanner: Scanner) -> None:
    for name in (".hidden", "scan.part", "scan.TMP", "scan.pdf.crdownload"):
        scanner.drop(name)
    (scanner.folder / "processed").mkdir()
    assert glance(scanner.folder) == []


@pytest.mark.parametrize("name", ["Thumbs.db", "THUMBS.DB", "desktop.ini", "Desktop.ini", ".DS_Store"])
def test_what_a_file_browser_leaves_behind_is_never_taken_in(scanner: Scanner, name: str) -> None:
    scanner.drop(name)
    scan = scanner.drop("thumbs.tif")
    assert [seen.name for seen in glance(scanner.folder)] == [scan.name]


@pytest.mark.parametrize("name", [b"two\nlines.tif", b"latin-\xe9.tif", b"-rf", b"x" * 251 + b".tif", b"\x1b[2J.tif", "…é.tif".encode()])
def test_hostile_names_are_seen_moved_and_shown_on_one_line(scanner: Scanner, name: bytes) -> None:
    path = scanner.drop(name)
    (seen,) = glance(scanner.folder)
    moved = move_processed(path, scanner.folder, seen)
    assert os.fsencode(moved.name) == name
    shown = plain_name(seen.name)
    assert shown.isprintable()
    assert shown.encode("utf-8")


def test_one_may_look_at_the_first_files_only(scanner: Scanner) -> None:
    for name in ("a.tif", "b.tif", ".hidden", "c.tif"):
        scanner.drop(name)
    assert len(glance(scanner.folder, 2)) == 2
    assert len(glance(scanner.folder)) == 3


def test_a_folder_that_is_gone_is_said() -> None:
    with pytest.raises(CannotLook):
        glance(Path("/no/such/folder"))


# --- moving away ---


def test_a_file_in_processed_is_never_overwritten(scanner: Scanner) -> None:
    moved = [move_processed(scanner.drop("scan.tif", bytes([n])), scanner.folder) for n in range(3)]
    assert [path.name for path in moved] == ["scan.tif", "scan (2).tif", "scan (3).tif"]
    assert [path.read_bytes() for path in moved] == [b"\0", b"\1", b"\2"]


def test_the_longest_name_still_gets_a_number(scanner: Scanner) -> None:
    name = "é" * 125 + "x.tif"
    assert len(os.fsencode(name)) == 255
    moved = [move_processed(scanner.drop(name), scanner.folder) for _ in range(2)]
    assert moved[0] != moved[1]


def test_a_file_that_is_not_the_one_taken_in_stays(scanner: Scanner) -> None:
    path = scanner.drop("scan.tif")
    (seen,) = glance(scanner.folder)
    with pytest.raises(CannotMove) as caught:
        move_processed(path, scanner.folder, replace(seen, size=seen.size + 1))
    assert caught.value.why is Why.CHANGED
    assert path.exists()


def test_a_file_exchanged_in_the_very_moment_of_the_move_is_put_back(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scanner.drop("scan.tif", b"taken in")
    (seen,) = glance(scanner.folder)
    claim = hotfolder._claim

    def exchange(processed: Path, name: str) -> tuple[Path, int]:
        monkeypatch.undo()
        path.unlink()
        scanner.drop("scan.tif", b"not yet seen")
        return claim(processed, name)

    monkeypatch.setattr(hotfolder, "_claim", exchange)
    with pytest.raises(CannotMove):
        move_processed(path, scanner.folder, seen)
    assert path.read_bytes() == b"not yet seen"
    assert list((scanner.folder / "processed").iterdir()) == []


def test_a_file_already_gone_is_said(scanner: Scanner) -> None:
    with pytest.raises(CannotMove) as caught:
        move_processed(scanner.folder / "gone.tif", scanner.folder)
    assert caught.value.why is Why.GONE


def test_processed_may_not_lead_elsewhere(scanner: Scanner, tmp_path_factory: pytest.TempPathFactory) -> None:
    (scanner.folder / "processed").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(CannotMove) as caught:
        move_processed(scanner.drop("scan.tif"), scanner.folder)
    assert caught.value.why is Why.NOT_A_FOLDER


def test_places_are_released_only_where_a_move_holds_them(scanner: Scanner, tmp_path_factory: pytest.TempPathFactory) -> None:
    processed, elsewhere = scanner.folder / "processed", tmp_path_factory.mktemp("elsewhere")
    release_claims(scanner.folder, "scan.tif")
    processed.mkdir()
    for name, size in {"scan.tif": 1, "scan (2).tif": 0, "scan (3).tif": 1, "other.tif": 0}.items():
        (processed / name).write_bytes(bytes(size))
    release_claims(scanner.folder, "scan.tif")
    assert sorted(path.name for path in processed.iterdir()) == ["other.tif", "scan (3).tif", "scan.tif"]
    processed.rename(elsewhere / "moved")
    (elsewhere / "moved" / "scan.tif").write_bytes(b"")
    processed.symlink_to(elsewhere / "moved")
    release_claims(scanner.folder, "scan.tif")
    assert (elsewhere / "moved" / "scan.tif").exists()


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of an ordinary user, whom we are until the end of the test."""
    with atwork.ordinary_user(lambda folder: folder) as folder:
        yield folder


def test_a_read_only_folder_is_said_and_the_file_stays(ordinary_user: Path) -> None:
    path = Scanner(ordinary_user).drop("scan.tif")
    ordinary_user.chmod(0o555)
    with pytest.raises(CannotMove) as caught:
        move_processed(path, ordinary_user)
    assert caught.value.why is Why.READ_ONLY
    assert path.exists()
    ordinary_user.chmod(0o755)


def test_a_move_that_fails_leaves_no_empty_file_in_processed(ordinary_user: Path) -> None:
    path = Scanner(ordinary_user).drop("scan.tif")
    (ordinary_user / "processed").mkdir()
    ordinary_user.chmod(0o555)
    with pytest.raises(CannotMove):
        move_processed(path, ordinary_user)
    assert list((ordinary_user / "processed").iterdir()) == []
    ordinary_user.chmod(0o755)


def test_a_file_we_may_not_read_is_refused(ordinary_user: Path) -> None:
    Scanner(ordinary_user).drop("scan.tif").chmod(0o000)
    assert [item.sighting.kind for item in look(ordinary_user, {}, 0.0).refused] == ["unreadable"]


# --- hints ---


def test_a_hint_comes_with_a_new_file_and_not_from_our_own_looking(scanner: Scanner) -> None:
    path = scanner.drop("scan.tif")
    hint = Hint([scanner.folder])
    try:
        path.read_bytes()
        glance(scanner.folder)
        assert not hint.wait(0.2)
        scanner.drop("another.tif")
        assert hint.wait(5.0)
    finally:
        hint.close()


def test_a_folder_that_cannot_be_watched_blinds_nobody(scanner: Scanner) -> None:
    hint = Hint([Path("/no/such/folder"), scanner.folder])
    try:
        assert hint.watched == {scanner.folder}
        scanner.drop("scan.tif")
        assert hint.wait(5.0)
    finally:
        hint.close()


def test_a_dead_observer_only_makes_the_wait_longer(scanner: Scanner) -> None:
    hint = Hint([scanner.folder])
    hint.close()
    assert not hint.alive
    assert not cost.soon(1.0, lambda: hint.wait(0.05))


def test_without_inotify_everything_still_answers(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(type(Observer()), "schedule", none_left)
    assert not notifications_work(scanner.folder, 0.1)
    assert not Hint([scanner.folder]).watched


def test_the_start_up_probe_tells_that_notifications_work_and_leaves_nothing(scanner: Scanner) -> None:
    assert notifications_work(scanner.folder, 5.0)
    assert list(scanner.folder.iterdir()) == []


def test_the_probe_says_no_for_a_folder_that_is_not_there() -> None:
    assert not notifications_work(Path("/no/such/folder"), 0.1)


def test_waking_by_hand_ends_the_wait(scanner: Scanner) -> None:
    hint = Hint([])
    threading.Timer(0.05, hint.wake).start()
    assert hint.wait(5.0)
    assert not hint.wait(0.05)
    hint.close()


def test_a_file_open_to_a_writer_is_still_open(scanner: Scanner) -> None:
    steps = scanner.dribble("scan.tif", b"x" * 2000)
    next(steps)
    assert still_open(scanner.folder / "scan.tif")
    list(steps)
    assert not still_open(scanner.folder / "scan.tif")
    assert not still_open(scanner.folder / "gone.tif")
