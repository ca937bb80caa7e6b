"""Sends what is due of one home and ends itself with SIGKILL when the e-mail has left and nothing was noted yet.

remind_killed.py HOME PORT MOMENT [LADDERS]
"""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from owed import open_owing

from station import dunning


def main(home: Path, port: int, moment: datetime, ladders: str) -> None:
    dunning._settle = lambda *_args, **_named: os.kill(os.getpid(), signal.SIGKILL)
    open_owing(home, port, now=moment, ladders=ladders).turn()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]), "".join(sys.argv[4:5]))
