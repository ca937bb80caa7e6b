"""How much more two worker processes do than one: the same pages, worked by one `sceau work` and by two, with one document at once each.

PYTHONPATH=tests:. python tests/bench_workers.py [--postgres] [--pages 12] [--rounds 3]

Rounds of one and of two follow each other; told is the best of each, for what else a machine does only ever takes away, and the ratio of
those. Time runs from the first sealed page to the last, so that programs that start are not counted. Each worker has a core to itself, as
if it were a machine with one: left alone, one worker with its children takes more than a core, and two share what two cores have.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
from bench_peers import draw_scans
from benchserver import postgres_server

from config.settings import Settings
from station.reception import take_path
from station.records.database import migrate
from station.records.tables import Archive
from station.workstation import open_workstation

PATIENCE = 600.0


def paced(folder: Path, scans: list[Path], workers: int, url: str | None) -> float:
    """Pages a minute. Raises SystemExit where they are not sealed in ten minutes."""
    folder.mkdir(parents=True)
    work = "[work]\ndocuments_at_once = 1\n"
    (folder / "sceau.toml").write_text((f'database_url = "{url}"\n' if url else "") + work, encoding="utf-8")
    opened = Settings(home=folder, **({"database_url": url} if url else {}))
    workstation = open_workstation(opened)
    migrate(workstation.database)
    for scan in scans:
        take_path(workstation, opened.stations[0], scan, uuid4().hex)
    environment = {**os.environ, "SCEAU_HOME": str(folder), "PYTHONSAFEPATH": "1"}
    program = [str(Path(sys.executable).parent / "sceau"), "work"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(["taskset", "-c", str(core), *program], env=environment, **quiet) for core in range(workers)]
    try:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with workstation.database.reading() as session:
                sealed = sorted(session.scalars(sa.select(Archive.sealed_at)))
            if len(sealed) == len(scans):
                break
            time.sleep(0.2)
        else:
            raise SystemExit(f"{len(sealed)} of {len(scans)} pages were sealed")
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(60)
        workstation.database.close()
        shutil.rmtree(folder)
    return 60 * (len(scans) - 1) / (sealed[-1] - sealed[0]).total_seconds()


def worker_costs(folder: Path, pages: int = 12, rounds: int = 3, *, postgres: bool = False) -> dict[str, float]:
    """Pages a minute by one worker and by two, and how many times as many: medians of the rounds, each of which met one machine."""
    folder.mkdir(parents=True, exist_ok=True)
    scans = draw_scans(folder, pages)
    paces: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        for workers in (1, 2) if turn % 2 == 0 else (2, 1):
            with ExitStack() as stack:
                url = stack.enter_context(postgres_server(folder / f"server-{turn}-{workers}"))[0] if postgres else None
                pace = paced(folder / f"home-{turn}-{workers}", scans, workers, url)
            paces[workers].append(pace)
            print(f"{pace:6.1f} pages a minute, {workers} worker(s), load {os.getloadavg()[0]:.1f}", flush=True)
    ratio = statistics.median(two / one for one, two in zip(paces[1], paces[2], strict=True))
    return {"one_pages_a_minute": statistics.median(paces[1]), "two_pages_a_minute": statistics.median(paces[2]), "ratio": ratio}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--pages", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sceau-workers-") as name:
        print(worker_costs(Path(name), asked.pages, asked.rounds, postgres=asked.postgres))
