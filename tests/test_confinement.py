"""A child that parses what strangers made is stopped at what it may not do; the station lives, and the next piece of work is done."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ocr
from station.children import Children, OverBudget, PoisonPage, _lives
from station.confinement import Confinement, Powers, beside, own_folders, powers_here, programs_named

whole = pytest.mark.skipif(not powers_here().whole, reason="this kernel confines less; `sceau doctor` says so")
pytestmark = whole


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    for room in ("originals", "work", "keys"):
        (folder / room).mkdir()
    (folder / "originals" / "scan").write_text("pixels")
    (folder / "keys" / "session").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def deaths():
    return []


@pytest.fixture(scope="module")
def parsers(home, deaths):
    """Children as the pipeline has them for pages."""
    room = Confinement((home / "originals",), (home / "work",), programs_named("tesseract"), private=home)
    children = Children(1, 1024, scratch=home / "scratch", temp_megabytes=8, confinement=room, note_death=deaths.append)
    yield children
    children.stop()


@pytest.fixture(scope="module")
def readers(home):
    """Children that need no other program."""
    children = Children(1, 1024, scratch=home / "scratch", temp_megabytes=8, confinement=Confinement((home,), private=home))
    yield children
    children.stop()


def open_socket(family):
    socket.socket(family)


def connect(port):
    socket.create_connection(("127.0.0.1", port), 2)


def write(path):
    Path(path).write_text("x")
    return True


def read(path):
    return Path(path).read_text()


def start(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def signal_to(pid):
    os.kill(pid, 0)


def split():
    return os.fork()


def leave_a_child(folder):
    """A process that would outlive its parent; its number is told."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    (folder / str(child)).touch()
    os._exit(1)


def leave_the_session():
    os.setsid()


def eat_memory():
    return len(bytes(3_000_000_000))


def fill(folder, megabytes):
    path = Path(folder or os.environ["TMPDIR"]) / "large"
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1024 * 1024))


def fill_in_parts():
    """Each file below its bound, all of them above the folder's."""
    for number in range(20):
        (Path(os.environ["TMPDIR"]) / str(number)).write_bytes(bytes(2 * 1024 * 1024))
    time.sleep(30)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_no_socket_is_opened(parsers, family):
    with pytest.raises(PermissionError):
        parsers.run(open_socket, 20, family)


def test_the_loopback_is_the_network_too(parsers):
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(PermissionError):
        parsers.run(connect, 20, server.getsockname()[1])


@pytest.mark.parametrize("place", ["keys/session", "sceau.db", "originals/scan", "../beside"])
def test_nothing_is_written_outside_its_folders(parsers, home, place):
    with pytest.raises(PermissionError):
        parsers.run(write, 20, home / place)


def test_it_reads_the_originals_and_writes_its_work(parsers, home):
    assert parsers.run(read, 20, home / "originals" / "scan") == "pixels"
    assert parsers.run(write, 20, home / "work" / "copy")


@pytest.mark.parametrize("place", ["keys/session", ".."])
def test_keys_and_the_homes_of_others_are_not_read(parsers, home, place):
    with pytest.raises(PermissionError):
        parsers.run(os.listdir if place == ".." else read, 20, str(home / place))


def test_the_station_s_own_environment_and_memory_are_closed(parsers):
    with pytest.raises(PermissionError):
        parsers.run(read, 20, f"/proc/{os.getpid()}/environ")
    with pytest.raises(PermissionError):
        parsers.run(signal_to, 20, os.getpid())


def test_only_named_programs_start_and_they_are_confined_along(parsers, tmp_path):
    with pytest.raises(PermissionError):
        parsers.run(start, 20, "/bin/ls")
    told = parsers.run(start, 20, sys.executable, "-c", "import socket\ntry: socket.socket()\nexcept OSError as error: print(error.errno)")
    assert told.strip() == "1"


def test_readers_start_nothing_and_do_not_fork(readers):
    for act in (split, leave_the_session):
        with pytest.raises(PermissionError):
            readers.run(act, 20)
    with pytest.raises(PermissionError):
        readers.run(start, 20, sys.executable, "-V")


def test_what_a_dead_child_started_goes_with_it(home, tmp_path):
    room = Confinement((home,), (tmp_path,), programs_named(), private=home)
    children = Children(1, 1024, scratch=home / "left", temp_megabytes=8, confinement=room)
    with pytest.raises(PoisonPage):
        children.run(leave_a_child, 20, tmp_path)
    children.stop()
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 3 and not [pid for pid in left if _lives(pid)]
    assert list((home / "left").iterdir()) == []


def test_memory_beyond_the_bound_ends_the_work_and_not_the_next(parsers, home, deaths):
    with pytest.raises(PoisonPage):
        parsers.run(eat_memory, 20)
    assert "memory" in deaths
    assert parsers.run(read, 20, home / "originals" / "scan") == "pixels"


def test_a_file_grows_to_its_bound_and_no_further(parsers, home):
    with pytest.raises(OSError, match="too large"):
        parsers.run(fill, 20, home / "work", 20)


def test_a_folder_of_many_files_ends_its_child_and_is_emptied(parsers, home, deaths):
    with pytest.raises((PoisonPage, OverBudget)):
        parsers.run(fill_in_parts, 8)
    assert "temp" in deaths
    assert not [path for path in (home / "scratch").rglob("*") if path.is_file()]


def test_time_ends_it(parsers, home, deaths):
    with pytest.raises(OverBudget):
        parsers.run(time.sleep, 0.3, 30)
    assert "over-time" in deaths and parsers.run(read, 20, home / "originals" / "scan") == "pixels"


def test_passwords_are_overwritten_where_they_lay(home):
    """In a process of its own, for the environment of the forkserver is that of whoever started it first."""
    code = (
        "import os, sys\nsys.path.insert(0, os.path.dirname(sys.argv[1]))\n"
        "from station.confinement import forget_secrets\nforget_secrets(os.environ)\n"
        "print('SCEAU_SEAL_PASSWORD' in os.environ, b'geheim-4711' in open('/proc/self/environ', 'rb').read())"
    )
    environment = {**os.environ, "SCEAU_SEAL_PASSWORD": "geheim-4711"}
    told = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, env=environment, check=True).stdout
    assert told.split() == ["False", "False"]


BOMB = """
import os, sys, time
from station.confinement import Confinement, bound_tasks, confine, programs_named
os.setgroups([]); os.setgid(65534); os.setuid(65534)
bound_tasks(20)
confine(Confinement(programs=programs_named(), files=False))
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(3)
            os._exit(0)
        made += 1
except (BlockingIOError, PermissionError):
    pass
print(made)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another account; root itself is not bound")
def test_a_bomb_of_forks_ends_at_its_bound():
    told = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, timeout=30, check=True).stdout
    assert int(told) <= 20


def test_what_lies_beside_the_private_folder_is_told_and_that_is_not(tmp_path):
    for name in ("code/station", "code/var/keys", "code/var/originals"):
        (tmp_path / name).mkdir(parents=True)
    assert list(beside(tmp_path / "code", tmp_path / "code" / "var")) == [(tmp_path / "code" / "station").resolve()]
    assert list(beside(tmp_path / "code", None)) == [(tmp_path / "code").resolve()]


def test_a_kernel_that_confines_less_is_told_so():
    assert "NON CONFINÉ" in Powers(0, False).words() and "NOT CONFINED" in Powers(0, False).words("en")
    assert not Powers(2, True).whole and "NON" not in Powers(7, True).words()


def test_what_lies_beside_our_modules_is_read_however_they_were_installed(monkeypatch):
    """An editable installation has no folder of ours in sys.path."""
    data = Path(ocr.__file__).with_name("labels.toml")
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each and not data.is_relative_to(each)])
    assert any(data.is_relative_to(folder) for folder in own_folders())
