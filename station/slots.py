"""A process's own slot: a lock that the kernel releases when it dies, and a name that stays the same for whoever holds it next.

Where several machines share a database the name bears the number of its home: of a slot in another home only its heartbeat tells.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MACHINE = Path("/etc/machine-id")
"""machine-id(5): drawn at the installation of a machine; not told to others as it is."""


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


def executor_of(home: Path, slot: str, *, shared: bool) -> str:
    """The name by which others know whoever holds the slot; `shared`: the database serves other homes, too."""
    return f"{slot}@{home_number(home)}" if shared else slot


def slot_of(executor: str) -> str:
    return executor.partition("@")[0]


def home_number(home: Path) -> str:
    """Eight hexadecimal digits, drawn at the first use. A home that was copied file by file draws its own, for the inode is another one;
    so does one whose whole disk was cloned, where the machine got an id of its own."""
    folder = home / "slots"
    file = folder / "home"
    for _ in range(3):
        try:
            number, *kept = file.read_text(encoding="ascii").split()
            if kept == _marks(file):
                return number
            file.unlink()
        except (OSError, ValueError):
            file.unlink(missing_ok=True)
        _draw_number(folder, file)
    raise OSError(f"{file}: cannot be kept")


def _draw_number(folder: Path, file: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".home-{secrets.token_hex(8)}"
    draft.touch(mode=0o600)
    draft.write_text(f"{secrets.token_hex(4)} {' '.join(_marks(draft))}", encoding="ascii")
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # Another process was quicker.
    finally:
        draft.unlink()


def _marks(file: Path) -> list[str]:
    """By which a home's number is known to be its own: the inode it lies in, and the machine, where it has an id."""
    machine = MACHINE.read_bytes() if MACHINE.exists() else b""
    return [str(file.stat().st_ino), hashlib.sha256(machine).hexdigest()[:16]]


def is_held(home: Path, executor: str) -> bool | None:
    """Whether a living process holds the slot of this home, as the kernel knows; None where it is of another home, or there is none."""
    slot, _, number = executor.partition("@")
    if number and number != home_number(home):
        return None
    try:
        with (home / "slots" / slot).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True
    return False
