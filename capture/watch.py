"""Hints that something happened in a folder, where the system gives them. They only shorten the wait: looking again is what counts."""

import fcntl
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

WRITES: list[type[FileSystemEvent]] = [FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileMovedEvent]
"""What a scanner does. Openings and readings are left out: our own looks would wake us."""


class Hint(FileSystemEventHandler):
    """Wakes whoever waits when a file is written in one of the folders, as far as the system tells.

    Nothing here raises for a folder that cannot be watched (network share, no inotify left, folder missing): it is polled like the others.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._happened = threading.Event()
        self._observer = Observer()
        # Started before it knows a folder: else one that cannot be watched would keep all from being watched.
        with suppress(OSError, RuntimeError):
            self._observer.start()
        self.watched = frozenset(folder for folder in folders if self._watch(folder))
        """Folders for which the system accepted a watch; whether hints then come, only `notifications_work` knows."""

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002  the library's interface
        self._happened.set()

    @property
    def alive(self) -> bool:
        """False once the watching thread has died or could not start; waiting goes on without it."""
        return bool(self._observer.is_alive())

    def wait(self, seconds: float) -> bool:
        """Return at the first hint (True), or after `seconds` (False), whatever became of the watching thread."""
        hinted = self._happened.wait(seconds)
        self._happened.clear()
        return hinted

    def wake(self) -> None:
        """Make whoever waits look now."""
        self._happened.set()

    def close(self) -> None:
        with suppress(RuntimeError):
            self._observer.stop()
            self._observer.join(timeout=5)

    def _watch(self, folder: Path) -> bool:
        try:
            self._observer.schedule(self, str(folder), event_filter=WRITES)
        except (OSError, RuntimeError):
            return False
        return True


def notifications_work(folder: Path, seconds: float = 1.0) -> bool:
    """Drop a hidden file and see whether the system tells of it: True or False within `seconds`; False for a folder that cannot be written.

    A file of our own proves only that *our* writes are told: on a network share those of the scanner may still go unnoticed.
    """
    hint = Hint([folder])
    probe = folder / f".sceau-{secrets.token_hex(8)}"
    deadline = time.monotonic() + seconds
    try:
        while hint.alive and time.monotonic() < deadline:
            probe.write_bytes(b"?")
            if hint.wait(0.05):
                return True
        return False
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
        hint.close()


def still_open(path: Path) -> bool:
    """Whether some process on this machine holds the file open for writing; False where the system cannot tell.

    A read lease is refused for a file open to a writer (fcntl(2), "Leases"). It is given back at once; should a writer come in that very
    moment, the kernel's note is sent as SIGURG, which does nothing, and not as the usual SIGIO, which would end us.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
