"""A process's own slot: a lock that the kernel releases when it dies, and a name that stays the same for whoever holds it next."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SlotTaken(Exception):
    """Another process holds the only slot of this kind."""


@contextmanager
def hold_slot(home: Path, kind: str, count: int = 16) -> Iterator[str]:
    """The first free slot of a kind, as an executor name such as "work-0". Raises SlotTaken."""
    folder = home / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        with (folder / f"{kind}-{number}").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield f"{kind}-{number}"
            return
    raise SlotTaken(kind)


def is_held(home: Path, executor: str) -> bool | None:
    """Whether a living process of this machine holds the slot, as the kernel knows; None where there is no such slot here."""
    try:
        with (home / "slots" / executor).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True
    return False
