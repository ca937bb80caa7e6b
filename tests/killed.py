"""Runs the station's intake and worker on one folder and ends itself with SIGKILL at a named place, for the survival tests.

killed.py HOME PLACE     PLACE: module:function:before|after:N, or "-" to run until every document has its outcome
"""

import importlib
import os
import signal
import sys
import time
from pathlib import Path

from config.settings import Intake, Reading, Settings
from station.records import documents
from station.records.tables import OPEN_STATES
from station.running import Running
from station.slots import hold_slot
from station.workstation import open_workstation


def arm(place: str) -> None:
    """Patch one function so that its N-th call ends the process."""
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
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == int(number) and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, deadly)


def quick(home: Path) -> Settings:
    return Settings(
        home=home,
        intake=Intake(poll_seconds=0.05, quiet_seconds=0.1, growing_seconds=0.1),
        reading=Reading(engine="tesseract", languages="eng"),
    )


def main(home: Path, place: str) -> None:
    if place != "-":
        arm(place)
    workstation = open_workstation(quick(home))
    with hold_slot(home, "serve", count=1) as executor:
        running = Running(workstation, "serve", executor, watch=True)
        running.start()
        folder = workstation.settings.folder_of(workstation.settings.stations[0])
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with workstation.database.reading() as session:
                found = documents.list_documents(session).documents
            left = [path for path in folder.iterdir() if path.is_file()]
            if found and not left and not any(d.state in OPEN_STATES for d in found):
                break
            time.sleep(0.05)
        running.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
