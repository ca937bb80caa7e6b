"""The chaos scanner tells the truth about what it did; and whatever it does, and however often the station is killed, nothing is lost."""

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from atwork import open_home
from typer.testing import CliRunner

from capture.coding import Caps, complete
from capture.originals import Condition
from conformity.inspect import check_scan
from conformity.limits import Limits
from station.audit import audit_ledger
from station.chaos import TRICKS, Device, Invoice, Trick, honest, invent_invoice, jam, play
from station.cli import app
from station.records.tables import OPEN_STATES, Archive, Arrival, Document, State
from station.workstation import Workstation

SEED = int(os.environ["SEED"])
TINY = (420, 300)
"""Pixels of a sheet that is quickly read and sealed."""


def device(folder: Path, seed: int = 1, size: tuple[int, int] = TINY) -> Device:
    return Device(folder, random.Random(seed), lambda _seconds: None, size=size)


# --- what it does ---


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_each_trick_tells_the_truth_about_every_file_that_it_leaves(tmp_path: Path, trick: Trick) -> None:
    deeds = list(trick(device(tmp_path)))
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()} == {d.file: d.sha256 for d in deeds}
    assert all((tmp_path / deed.file).stat().st_size == deed.size for deed in deeds)
    assert all(complete(tmp_path / deed.file) for deed in deeds if deed.whole)


def test_what_a_jam_leaves_is_a_fragment_and_the_sheet_comes_anew(tmp_path: Path) -> None:
    fragment, anew = jam(device(tmp_path))
    assert (fragment.whole, anew.whole) == (False, True)
    assert not complete(tmp_path / fragment.file)


def test_the_same_seed_plays_the_same_and_another_one_does_not(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        (tmp_path / name).mkdir()
        runs.append(list(play(device(tmp_path / name, seed), 15, TRICKS)))
    assert runs[0] == runs[1] != runs[2]


def test_two_sheets_of_a_run_are_never_the_same() -> None:
    chance = random.Random(1)
    numbers = [invent_invoice(chance, number).number for number in range(500)]
    assert len(set(numbers)) == 500


def test_the_sums_of_an_invented_invoice_are_right() -> None:
    invoice: Invoice = invent_invoice(random.Random(5), 1)
    assert sum(count * price for _, count, price in invoice.lines) == invoice.net
    assert any("Total TTC" in line for line in invoice.text())


def test_an_honest_sheet_conforms(tmp_path: Path) -> None:
    (deed,) = honest(device(tmp_path, size=(1748, 2480)))
    assert check_scan(tmp_path / deed.file, Caps(), Limits()).verdict == "conform"


def test_the_command_prints_its_seed_and_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    monkeypatch.setattr("station.chaos.A4", TINY)
    monkeypatch.setattr(Device, "next_sheet", lambda self, part="": _tiny_sheet(self, part))
    done = CliRunner().invoke(app, ["scanner", "--chaos", "--pages", "4", "--seed", "12", "--seconds", "0", "--json"])
    assert done.exit_code == 0, done.output
    assert "--seed 12" in done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) >= 4
    assert {t["file"] for t in told} == {path.name for path in (tmp_path / "stations" / "demo").iterdir()}


def _tiny_sheet(self: Device, part: str) -> object:
    self.size = TINY
    return _NEXT_SHEET(self, part)


_NEXT_SHEET = Device.next_sheet


# --- what a station makes of it ---


class Served:
    """`sceau serve` on a home, started again and again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(Path(sys.executable).parent / "sceau"), "serve", "--port", str(port)]
        self._process = subprocess.Popen(command, env={**os.environ, "SCEAU_HOME": str(self._home)}, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, "the station ended by itself"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=60)


def prepare(home: Path, practice_keys: Path) -> Path:
    """A station that is quick to see a file as settled, but slower than the scanner's longest pause."""
    shutil.copytree(practice_keys, home / "keys" / "practice")
    (home / "sceau.toml").write_text(
        '[reading]\nengine = "tesseract"\nlanguages = "eng"\n'
        "[intake]\npoll_seconds = 0.1\nquiet_seconds = 0.3\ngrowing_seconds = 2.0\npatience_seconds = 4.0\n"
    )
    folder = home / "stations" / "demo"
    folder.mkdir(parents=True)
    return folder


def unsettled(workstation: Workstation, folder: Path) -> list[str]:
    """Files that lie in the folder, and documents at work."""
    with workstation.database.reading() as session:
        working = session.execute(sa.select(Document.title, Document.state).where(Document.state.in_(OPEN_STATES))).all()
    return [path.name for path in folder.iterdir() if path.is_file()] + [f"{title}: {state}" for title, state in working]


def chaos_run(home: Path, practice_keys: Path, files: int, kills: int, patience: float) -> None:
    """`patience` in seconds, for a machine that has much else to do; a quiet one with two cores needs some 80 for 200 files."""
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    folder = prepare(home, practice_keys)
    workstation = open_home(home)
    player = Device(folder, random.Random(SEED + 1), time.sleep, seconds=0.05, size=TINY)
    deeds = []
    scanner = threading.Thread(target=lambda: deeds.extend(play(player, files, TRICKS)), daemon=True)
    served = Served(home)
    deadline = time.monotonic() + patience
    try:
        scanner.start()
        for _ in range(kills):
            served.start()
            time.sleep(chance.uniform(1.0, 6.0))
            served.kill()
        served.start()
        scanner.join()
        while unsettled(workstation, folder) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert unsettled(workstation, folder) == []
    finally:
        served.stop()
    assert len(deeds) >= files
    with workstation.database.reading() as session:
        arrived = Counter(session.scalars(sa.select(Arrival.sha256)))
        states = Counter(session.scalars(sa.select(Document.state)))
        archives = session.execute(sa.select(Archive.document_id, Archive.version)).all()
        first = session.scalars(sa.select(Arrival.sha256).where(Arrival.duplicate.is_(False))).all()
    # Bytes in are bytes findable: every whole file, as often as it came.
    written = Counter(deed.sha256 for deed in deeds if deed.whole)
    assert {sha: count for sha, count in written.items() if arrived[sha] < count} == {}
    assert {sha for sha in arrived if workstation.originals.verify(sha) is not Condition.SOUND} == set()
    # Each ends archived, held or as a duplicate of one that did; the same bytes are one document, a document one archive.
    assert set(states) <= {State.SEALED, State.HELD}
    assert len(first) == len(set(first)) == sum(states.values())
    assert (
        len(archives) == len({document for document, _ in archives}) == states[State.SEALED] == len(list((home / "archive").rglob("*.pdf")))
    )
    assert all(answer.ok for answer in audit_ledger(workstation))


def test_of_200_files_of_a_chaos_scanner_none_is_lost_and_none_archived_twice_though_the_station_is_killed(
    tmp_path: Path, practice_keys: Path
) -> None:
    chaos_run(tmp_path, practice_keys, files=200, kills=5, patience=600)


@pytest.mark.long
def test_of_2000_files_of_a_chaos_scanner_none_is_lost_and_none_archived_twice_though_the_station_is_killed(
    tmp_path: Path, practice_keys: Path
) -> None:
    chaos_run(tmp_path, practice_keys, files=2000, kills=40, patience=7200)
