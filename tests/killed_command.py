"""Runs a command of `sceau` and ends itself with SIGKILL at a named place, for the tests: killed_command.py PLACE COMMAND ARGUMENTS…"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from killed import arm


def require_killed(home: Path, place: str, *line: str) -> None:
    """The command on a home, in a process of its own, which dies there. Raises AssertionError where the place was never reached."""
    folders = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": folders, "SCEAU_HOME": str(home)}
    done = subprocess.run([sys.executable, __file__, place, *line], timeout=120, check=False, capture_output=True, env=environment)
    assert done.returncode == -signal.SIGKILL, (done.stdout + done.stderr).decode()


if __name__ == "__main__":
    from station.cli import app

    arm(sys.argv[1])
    app(sys.argv[2:])
