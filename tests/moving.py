"""Moves a home's records and ends itself with SIGKILL at a named place, for the tests: moving.py HOME TARGET PLACE."""

import sys
from pathlib import Path

from killed import arm

from config.settings import Settings
from station.move import move_records
from station.workstation import now

if __name__ == "__main__":
    arm(sys.argv[3])
    home = Path(sys.argv[1])
    move_records(Settings(home=home, database_url=f"sqlite:///{home / 'sceau.db'}"), sys.argv[2], now, lambda *_: None)
