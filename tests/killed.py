"""Runs the station's intake and worker on one folder and ends itself with SIGKILL at a named place, for the survival tests.

killed.py HOME PLACE            PLACE: module:function:before|after:N, or "-" to run until every document has its outcome
killed.py HOME PLACE COMMAND    a fault in place of the death: the shell runs COMMAND there, then all goes on

KILLED_DATABASE and KILLED_STORE name the records' database and the store of kept files; without, both lie in HOME. KILLED_KIND=work watches
no folder. At the end it prints the codes of all that a person was told meanwhile, as a JSON list.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from config.settings import Intake, Reading, Settings, StoreChoice
from station import running
from station.problems import PROBLEMS, problem_of
from station.records.tables import OPEN_STATES, Document, Sighting
from station.running import Running
from station.slots import hold_slot
from station.workstation import open_workstation

PATIENCE = 150.0
"""Seconds, for a machine that has much else to do."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(place: str, fault=die) -> None:
    """Patch one function so that its N-th call ends the process, or meets another fault."""
    module_name, path, moment, number = place.split(":")
    holder = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        holder = getattr(holder, parent)
    original = getattr(holder, name)
    calls = 0

    def deadly(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == int(number) and moment == "before":
            fault()
        result = original(*args, **kwargs)
        if calls == int(number) and moment == "after":
            fault()
        return result

    setattr(holder, name, deadly)


def quick(home: Path) -> Settings:
    return Settings(
        home=home,
        database_url=os.environ.get("KILLED_DATABASE"),
        store=StoreChoice(url=os.environ.get("KILLED_STORE", "")),
        intake=Intake(poll_seconds=0.05, quiet_seconds=0.1, growing_seconds=0.1),
        reading=Reading(engine="tesseract", languages="eng"),
    )


def hurry() -> None:
    """What is tried again by itself, or looked for because the engine has lost it, comes soon: the same ways with shorter waits."""
    PROBLEMS.update({code: replace(told, retry=timedelta(seconds=1)) for code, told in PROBLEMS.items() if told.retry})
    running.RECALL_SECONDS = 2.0


def look_round(workstation, folder: Path, told: set[str]) -> bool:
    """Whether every document has its outcome; `told` gets what a person reads meanwhile, the troubles of asking included."""
    try:
        with workstation.database.reading() as session:
            found = session.query(Document).all()
            told |= {each.problem for each in found if each.problem} | {each.reason for each in session.query(Sighting)}
        left = [path for path in folder.iterdir() if path.is_file()]
    except Exception as error:  # noqa: BLE001 as on a page
        told.add("share-away" if isinstance(error, FileNotFoundError) else problem_of(error).code)
        return False
    return bool(found) and not left and not any(each.state in OPEN_STATES for each in found)


def main(home: Path, place: str, command: str = "") -> None:
    if command:
        hurry()
        arm(place, partial(subprocess.run, ["sh", "-c", command], check=True))
    elif place != "-":
        arm(place)
    workstation, told = open_workstation(quick(home)), set()
    kind = os.environ.get("KILLED_KIND", "serve")
    with hold_slot(home, kind, count=1) as executor:
        station = Running(workstation, kind, executor, watch=kind == "serve")
        station.start()
        folder = workstation.settings.folder_of(workstation.settings.stations[0])
        deadline = time.monotonic() + PATIENCE
        while not look_round(workstation, folder, told) and time.monotonic() < deadline:
            time.sleep(0.05)
        station.stop()
    print(json.dumps(sorted(told)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
