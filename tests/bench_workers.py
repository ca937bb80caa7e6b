"""How much more two worker processes do than one, and PostgreSQL beside SQLite: the same pages, each `sceau work` as it ships.

PYTHONPATH=tests:. python tests/bench_workers.py [--pages 24] [--rounds 3] [--at-once 2]

Each round runs all four, in an order that turns, so that the ratios of a round met one machine; told are medians. Pages a minute run from
the first sealed page to the last, so that programs that start are not counted; CPU is of the workers with their children, and of the
server, from the first page to the last as well; memory is the most that they held together. Each worker has a core to itself, as if it
were a machine with one: left alone, one worker with its children takes more than a core, and two share what two cores have. The server
has no core of its own.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import psutil
import sqlalchemy as sa
from bench_peers import draw_scans, proportional_share
from benchserver import postgres_server

from config.settings import Settings
from station.reception import take_path
from station.records.database import migrate
from station.records.tables import Archive
from station.workstation import Workstation, open_workstation

PATIENCE = 600.0
LOOK_SECONDS = 0.5
WEIGH_EVERY = 6
"""Looks; to weigh a process the kernel walks its pages, which takes time from the workers."""
RECORDS = ("SQLite", "PostgreSQL")


@dataclass(frozen=True, slots=True)
class Pace:
    """Of one run."""

    pages_a_minute: float
    workers_cpu: float
    """Seconds a page, of the workers and their children."""
    server_cpu: float
    """Seconds a page, of the database's processes; 0 where there is none."""
    memory: float
    """Megabytes that workers and server held together at most (proportional set size)."""


@dataclass(frozen=True, slots=True)
class Look:
    """What had been spent when so many pages were sealed."""

    sealed: int
    workers: float
    server: float
    held: int


def paced(folder: Path, scans: Sequence[Path], workers: int, at_once: int, url: str | None, server: int | None) -> Pace:
    """`server`: process identifier of its first process. Raises SystemExit where they are not sealed in ten minutes."""
    workstation = _taken(folder, scans, at_once, url)
    environment = {**os.environ, "SCEAU_HOME": str(folder), "PYTHONSAFEPATH": "1"}
    program = [str(Path(sys.executable).parent / "sceau"), "work"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(["taskset", "-c", str(core), *program], env=environment, **quiet) for core in range(workers)]
    try:
        looks = list(_looks(workstation, [each.pid for each in running], server, len(scans)))
        with workstation.database.reading() as session:
            sealed = sorted(session.scalars(sa.select(Archive.sealed_at)))
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(60)
        workstation.database.close()
        shutil.rmtree(folder)
    first, last = next(look for look in looks if look.sealed), looks[-1]
    pages = max(1, last.sealed - first.sealed)
    return Pace(
        60 * (len(scans) - 1) / (sealed[-1] - sealed[0]).total_seconds(),
        (last.workers - first.workers) / pages,
        (last.server - first.server) / pages,
        max(look.held for look in looks) / 1e6,
    )


def _taken(folder: Path, scans: Sequence[Path], at_once: int, url: str | None) -> Workstation:
    """A home in which all of them wait."""
    folder.mkdir(parents=True)
    work = f"[work]\ndocuments_at_once = {at_once}\n"
    (folder / "sceau.toml").write_text((f'database_url = "{url}"\n' if url else "") + work, encoding="utf-8")
    opened = Settings(home=folder, **({"database_url": url} if url else {}))
    workstation = open_workstation(opened)
    migrate(workstation.database)
    for scan in scans:
        take_path(workstation, opened.stations[0], scan, uuid4().hex)
    return workstation


def _looks(workstation: Workstation, workers: Sequence[int], server: int | None, pages: int) -> Iterator[Look]:
    """Until all are sealed."""
    spent: dict[int, float] = {}
    until, sealed = time.monotonic() + PATIENCE, 0
    for number in count():
        if time.monotonic() > until:
            raise SystemExit(f"{sealed} of {pages} pages were sealed")
        with workstation.database.reading() as session:
            sealed = session.scalar(sa.select(sa.func.count()).select_from(Archive)) or 0
        held = 0
        families = [_family(pid) for pid in workers], [_family(server)] if server else []
        for each in (one for side in families for family in side for one in family):
            with suppress(psutil.Error):
                spent[each.pid] = sum(each.cpu_times()[:4])
                held += 0 if number % WEIGH_EVERY else proportional_share(each.pid)
        # What ended stays counted with whoever waited for it.
        yield Look(sealed, *(sum(_spent(family, spent) for family in side) for side in families), held)
        if sealed == pages:
            return
        time.sleep(LOOK_SECONDS)


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return []


def _spent(family: Sequence[psutil.Process], spent: Mapping[int, float]) -> float:
    """CPU seconds of those that live and of those that they waited for."""
    return sum(spent.get(each.pid, 0.0) for each in family)


def worker_costs(folder: Path, pages: int = 24, rounds: int = 3, at_once: int = 2) -> dict[str, dict[str, float]]:
    """Rows for the report: by records and by number of workers, then what one is to the other."""
    folder.mkdir(parents=True, exist_ok=True)
    scans = draw_scans(folder, pages)
    kinds = [(records, workers) for records in RECORDS for workers in (1, 2)]
    found: list[dict[tuple[str, int], Pace]] = []
    for turn in range(rounds):
        found.append({})
        for records, workers in kinds[turn % 4 :] + kinds[: turn % 4]:
            with ExitStack() as stack:
                at = stack.enter_context(postgres_server(folder / f"server-{turn}-{workers}")) if records == "PostgreSQL" else (None, None)
                pace = paced(folder / "home", scans, workers, at_once, *at)
            found[-1][records, workers] = pace
            print(f"{records}, {workers}: {pace}, load {os.getloadavg()[0]:.1f}", flush=True)
    return _rows(found)


def _rows(rounds: Sequence[Mapping[tuple[str, int], Pace]]) -> dict[str, dict[str, float]]:
    rows = {}
    for records, workers in rounds[0]:
        paces = [each[records, workers] for each in rounds]
        rows[f"{records}, {workers} worker{'s'[: workers > 1]}"] = {
            "pages_a_minute": statistics.median(pace.pages_a_minute for pace in paces),
            "workers_cpu_s_a_page": statistics.median(pace.workers_cpu for pace in paces),
            "server_cpu_s_a_page": statistics.median(pace.server_cpu for pace in paces),
            "memory_mb": statistics.median(pace.memory for pace in paces),
        }

    def ratio(one: tuple[str, int], other: tuple[str, int]) -> float:
        return statistics.median(each[other].pages_a_minute / each[one].pages_a_minute for each in rounds)

    rows["two workers ÷ one"] = {records: ratio((records, 1), (records, 2)) for records in RECORDS}
    rows["PostgreSQL ÷ SQLite"] = {f"{workers}_workers": ratio(("SQLite", workers), ("PostgreSQL", workers)) for workers in (1, 2)}
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sceau-workers-") as name:
        print(json.dumps(worker_costs(Path(name), asked.pages, asked.rounds, asked.at_once), indent=1, ensure_ascii=False))
