"""Where a package is put: by one export at a time, for this account alone, and in the place of an old one only as a whole."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_NOWHERE = (errno.ENOENT, errno.ENOTDIR)


class TargetBusy(Exception):
    """Another export writes to this place."""


def private_file(path: Path) -> None:
    """A new, empty file that only this account reads: packages hold invoices. Raises OSError where it cannot be, or is there."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def alone_at(target: Path) -> Iterator[None]:
    """Held as long as this process lives; nothing of it stays. Raises TargetBusy, OSError."""
    lock = hidden_path(target, "lock")
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(descriptor):
            os.close(descriptor)
            raise TargetBusy(target)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # its holder ended, and took it away, between opening and lock
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Some network file systems know no locks: there only names keep two exports apart."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def put_in_place(drafts: Sequence[tuple[Path, Path]], old: Sequence[Path]) -> None:
    """Rename each draft to its name, in this order; `old` files go once all stand, and are back where one cannot. Raises OSError."""
    aside, placed = list[Path](), list[Path]()
    try:
        for path in old:
            path.replace(hidden_path(path, "old"))
            aside.append(path)
        for draft, path in drafts:
            draft.replace(path)
            placed.append(path)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        for path in reversed(aside):
            hidden_path(path, "old").replace(path)
        raise
    for path in aside:
        # The new one stands; that of the old something is left is no failure of it.
        with suppress(OSError):
            hidden_path(path, "old").unlink()


def is_file(path: Path) -> bool:
    """Also by a link; what cannot be looked at is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def hidden_path(path: Path, ending: str) -> Path:
    """Beside a file, under a name that nobody takes for it."""
    return path.with_name(f".{path.name}.{ending}")


def disk_trouble(error: OSError | sqlite3.Error, target: Path) -> str:
    """Code of the refusal whose words tell it: SQLite says of its scratch file less than the folder does."""
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL or (number is None and "full" in str(error)):
        return "disk-full"
    if number == errno.EFBIG:
        return "file-too-large"
    if number in _NOWHERE or not target.parent.is_dir():
        return "no-folder"
    if number in _FORBIDDEN or not os.access(target.parent, os.W_OK | os.X_OK):
        return "not-allowed"
    return "unwritable" if isinstance(error, OSError) else "scratch-broken"


def error_name(error: OSError | sqlite3.Error) -> str:
    """What the system calls it, in no language: EIO."""
    number = error.errno if isinstance(error, OSError) else None
    return type(error).__name__ if number is None else errno.errorcode.get(number, str(number))
