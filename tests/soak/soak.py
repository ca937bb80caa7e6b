"""A soak: `sceau serve` under a steady load for some minutes, and whether memory, queue or waiting grow with time.

make soak MINUTES=20, or PYTHONPATH=tests:. python tests/soak/soak.py [--minutes 20] [--every 6] [--warm 200]

A stack of pages comes first, and is worked off; then a page is put into the folder every so many seconds, whatever the station makes of it,
and the first page of the desk is asked for meanwhile. The stack and the first quarter are not counted: programs that warm up are no leak,
and two hundred documents were seen to be warming up (statements that stay prepared, arenas of the allocator). What is left is cut into
blocks, and a straight line is laid through the blocks' means, for neighbouring samples say nearly the same and would make the line look
surer than it is. Told is its slope with the 95 % interval (Student's t). Ends with 1 where something grows: the whole interval lies above
nought, and an hour of it would be more than a twentieth of what is there.
"""

import argparse
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

import cv2
import numpy as np
import papers
import psutil
from bench_peers import with_dpi

from config.settings import Settings

BLOCKS = 12
STUDENT = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228}
"""97.5 % quantile by degrees of freedom: blocks less two."""
LOOK_SECONDS = 2.0
MATTERS = 0.05
OPEN = "('received', 'judged', 'read')"


@dataclass(frozen=True, slots=True)
class Slope:
    """Of a straight line through the blocks' means, an hour."""

    level: float
    """Mean of all that was counted."""
    an_hour: float
    wide: float
    """Half of the 95 % interval."""

    @property
    def grows(self) -> bool:
        """Surely, and enough to matter within an hour."""
        return self.an_hour - self.wide > 0 and self.an_hour > MATTERS * abs(self.level)

    def told(self) -> str:
        low, high = self.an_hour - self.wide, self.an_hour + self.wide
        said = "GROWS" if self.grows else "no slope" if low <= 0 <= high else "falls" if high < 0 else "a slope, too small to matter"
        return f"{self.level:12.2f}   {self.an_hour:+11.2f} an hour, 95 %: {low:+.2f} to {high:+.2f}   {said}"


def fitted_slope(samples: Sequence[tuple[float, float]]) -> Slope | None:
    """Samples are (seconds, value); None of too few to say anything."""
    blocks = min(BLOCKS, len(samples))
    if blocks - 2 not in STUDENT:
        return None
    cut = np.array_split(np.array(sorted(samples)), blocks)
    times, values = (np.array([block[:, column].mean() for block in cut]) for column in (0, 1))
    spread = times - times.mean()
    slope = float(spread @ (values - values.mean()) / (spread @ spread))
    rest = values - values.mean() - slope * spread
    error = float(np.sqrt(rest @ rest / (blocks - 2) / (spread @ spread)))
    return Slope(float(np.mean([value for _, value in samples])), 3600 * slope, 3600 * STUDENT[blocks - 2] * error)


class Station:
    """The program as it ships, on loopback, and a visitor who is signed in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        program = [str(Path(sys.executable).parent / "sceau"), "serve", "--port", self.address.rpartition(":")[2]]
        environment = {**os.environ, "SCEAU_HOME": str(home), "PYTHONSAFEPATH": "1"}
        self.log = (home / "soak.log").open("wb")
        self.process = subprocess.Popen(program, env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def enter(self, patience: float = 120.0) -> None:
        """Wait until it answers, then sign in. Raises SystemExit where it does not answer."""
        until = time.monotonic() + patience
        while True:
            with suppress(OSError):
                form = urllib.parse.urlencode({"login": "atelier", "password": "essai"}).encode()
                self._browser.open(f"{self.address}/sign-in", form, timeout=30).read()
                return
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit(f"the station does not answer: {(self.home / 'soak.log').read_text(errors='replace')[-1000:]}")
            time.sleep(0.5)

    def page_seconds(self, path: str = "/") -> float:
        began = time.monotonic()
        self._browser.open(f"{self.address}{path}", timeout=60).read()
        return time.monotonic() - began

    def family(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def asked(self, query: str) -> list[tuple[object, ...]]:
        """Of the records, past the program."""
        with sqlite3.connect(f"file:{self.home / 'sceau.db'}?mode=ro", uri=True, timeout=30) as connection:
            return connection.execute(query).fetchall()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        if self.process.poll() is None:
            self.process.kill()
        self.log.close()


def held_memory(station: Station) -> float:
    """Proportional set size of the whole family, MB."""
    held = 0
    for each in station.family():
        with suppress(OSError, psutil.Error):
            lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
            held += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return held / 1000


def main_memory(station: Station) -> float:
    """Private memory of the station's own process, MB: children come and go, a leak stays."""
    lines = Path(f"/proc/{station.process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1000


def open_files(station: Station) -> float:
    return float(len(list(Path(f"/proc/{station.process.pid}/fd").iterdir())))


def queue_depth(station: Station) -> float:
    return float(station.asked(f"SELECT count(*) FROM document WHERE state IN {OPEN}")[0][0])  # type: ignore[arg-type]  # noqa: S608 words of ours


LOOKS: Mapping[str, Callable[[Station], float]] = {
    "memory of all processes, MB": held_memory,
    "memory of the station itself, MB": main_memory,
    "documents in the queue": queue_depth,
    "open files": open_files,
    "the desk's first page, s": Station.page_seconds,
}


def put_page(folder: Path, page: papers.Picture, number: int) -> None:
    """Another page each time: the same drawn sheet with its number on it, written under a hidden name and then named."""
    sheet = cv2.putText(page.copy(), f"F-{number:06d}", (300, 300), cv2.FONT_HERSHEY_SIMPLEX, 3, (20, 20, 20), 6)
    hidden = folder / f".{number}.png.part"
    hidden.write_bytes(with_dpi(cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()))
    hidden.rename(folder / f"soak-{number:06d}.png")


def warm_up(station: Station, folder: Path, page: papers.Picture, count: int) -> None:
    """So many pages at once; until they are sealed the desk is asked. Raises SystemExit where they are not, within half a minute each."""
    for number in range(1, count + 1):
        put_page(folder, page, number)
    until = time.monotonic() + 60 + 30 * count
    while station.asked("SELECT count(*) FROM archive")[0][0] != count:
        station.page_seconds()
        if time.monotonic() > until:
            raise SystemExit(f"not all of {count} pages were sealed")
        time.sleep(1)


def feed(folder: Path, page: papers.Picture, number: int, every: float, ending: threading.Event) -> None:
    """Pages after `number`, until the end."""
    due = time.monotonic()
    while not ending.is_set():
        number += 1
        put_page(folder, page, number)
        due += every
        ending.wait(max(0.0, due - time.monotonic()))


def soak(home: Path, minutes: float, every: float, warm: int) -> dict[str, Slope | None]:
    """Runs the station under load; by name of what was looked at."""
    station, ending = Station(home), threading.Event()
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in LOOKS}
    try:
        station.enter()
        settings = Settings(home=home)
        folder = settings.folder_of(settings.stations[0])
        folder.mkdir(parents=True, exist_ok=True)
        page = papers.draw_page(size=papers.A4, noise=1.0)
        warm_up(station, folder, page, warm)
        feeder = threading.Thread(target=feed, args=(folder, page, warm, every, ending))
        feeder.start()
        began = time.monotonic()
        while (now := time.monotonic() - began) < 60 * minutes:
            for name, look in LOOKS.items():
                with suppress(OSError, psutil.Error):
                    samples[name].append((now, look(station)))
            time.sleep(LOOK_SECONDS)
        counted = 15 * minutes
        passed = station.asked(
            "SELECT (julianday(a.sealed_at) - julianday(d.received_at)) * 86400, julianday(d.received_at) * 86400"
            " FROM document d JOIN archive a ON a.document_id = d.id ORDER BY d.received_at"
        )[warm:]
        first = float(passed[0][1]) if passed else 0.0  # type: ignore[arg-type]
        samples["from intake to sealed, s"] = [(float(at) - first, float(took)) for took, at in passed]  # type: ignore[arg-type]
        done, waiting = len(passed), int(queue_depth(station))
    finally:
        ending.set()
        station.stop()
    feeder.join()
    print(
        f"after {warm} pages, {minutes:g} minutes, a page every {every:g} s: {done} sealed, {waiting} in the queue at the end;"
        f" {counted / 60:.1f} min left out"
    )
    return {name: fitted_slope([each for each in found if each[0] >= counted]) for name, found in samples.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two pages")
    parser.add_argument("--warm", type=int, default=200, help="pages before anything is counted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sceau-soak-") as name:
        found = soak(Path(name), asked.minutes, asked.every, asked.warm)
    for what, slope in found.items():
        print(f"{what:34}{slope.told() if slope else 'too few samples to say anything'}")
    sys.exit(any(slope is not None and slope.grows for slope in found.values()))


if __name__ == "__main__":
    main()
