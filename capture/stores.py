"""What a store of kept files does, whichever it is; and the one that lies in a folder outside of the house: a share, another disk."""

import errno
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from capture.originals import Condition, Named, Original, Vault, ended_draft

MARKER = ".sceau-store"
"""File at the root of a folder outside of the house, with the store's own number: a mount that vanished has none."""
FORGOTTEN_SECONDS = 86_400
"""After which a draft on a share is nobody's: locks of other machines are not believed."""
_AWAY = frozenset({errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO})


class StoreAway(OSError):
    """The store does not answer, or is not the one that was here: nothing is known of what it keeps. Tried again later."""


class StoreRefuses(StoreAway):
    """It answers, and refuses: a key, a right, an address is wrong."""


class StillLocked(OSError):
    """The store lets nobody remove these bytes yet, not even the house."""


class StoreUnfit(Exception):
    """The store cannot keep evidence as the settings say; `french` and `english` tell what to set."""

    def __init__(self, french: str, english: str) -> None:
        super().__init__(f"{french} / {english}")
        self.french, self.english = french, english


class Store(Protocol):
    """Files under the name of their own SHA-256, written once: `capture.originals.Vault` and its equals.

    Each call may raise StoreAway where the store does not answer: what is kept is never called missing or damaged for that.
    """

    @property
    def locks(self) -> bool:
        """Whether the store itself keeps everybody from removing what it holds; otherwise the ledger tells it afterwards."""

    @property
    def root(self) -> Path:
        """Folder below which every `path` lies: what a confined child may read."""

    def keep(self, source: Path | int, suffix: str = "", largest: int | None = None) -> Original:
        """As `Vault.keep`: when this returns, the bytes lie in the store, and it has confirmed their SHA-256."""

    def path(self, sha256: str, suffix: str = "") -> Path:
        """A local path to the kept bytes, or where they would be: read only, for the hour to come. Raises ValueError."""

    def open(self, sha256: str, suffix: str = "") -> BinaryIO:
        """The bytes to read. Raises FileNotFoundError."""

    def holds(self, sha256: str, suffix: str = "") -> bool:
        """Whether something lies under this name."""

    def names(self) -> Iterator[Named]:
        """Everything that lies in the store, in no order."""

    def verify(self, sha256: str, suffix: str = "") -> Condition:
        """Read what the store keeps, never a copy of it, and compare it with its name."""

    def lock(self, sha256: str, suffix: str, until: datetime) -> bool:
        """Let nobody remove the bytes before a moment; a lock is never shortened. False where the store cannot."""

    def hold(self, sha256: str, suffix: str, *, on: bool) -> bool:
        """Let nobody remove the bytes as long as this is on. False where the store cannot."""

    def drop(self, sha256: str, suffix: str = "") -> bool:
        """Remove for good, by whoever has asked two people; whether there was anything. Raises StillLocked."""


class Folder(Vault):
    """A folder that is not ours alone: a share of several machines, a disk that can be pulled out.

    It is told from the empty folder below a vanished mount by a marker. Names are given by rename, whose error is believed only where the
    name was not given all the same (NFS answers a repeated request with ENOENT); nobody's file locks are trusted. A share that is mounted
    hard and hangs keeps whoever reads it waiting: mount it so that it fails.
    """

    def __init__(self, root: Path, number: str) -> None:
        """`number`: what the marker must say (`mark_folder`). Raises StoreAway."""
        self._base, self._number = root.parent, number
        self.require_here()
        super().__init__(root)

    def require_here(self) -> None:
        """Raises StoreAway where the folder is not the one that was marked."""
        try:
            told = read_marker(self._base)
        except OSError as error:
            raise StoreAway(f"{self._base}: {error.strerror or error}") from error
        if told != self._number:
            raise StoreAway(f"{self._base}: " + ("no store lies here" if told is None else "another store lies here"))

    def keep(self, source: Path | int, suffix: str = "", largest: int | None = None) -> Original:
        with self._present():
            return super().keep(source, suffix, largest)

    def put(self, parts: Iterable[bytes], sha256: str, suffix: str = "") -> bool:
        with self._present():
            return super().put(parts, sha256, suffix)

    def path(self, sha256: str, suffix: str = "") -> Path:
        found = super().path(sha256, suffix)
        self.require_here()
        return found

    def verify(self, sha256: str, suffix: str = "") -> Condition:
        with self._present():
            condition = super().verify(sha256, suffix)
        if condition is not Condition.SOUND:
            self.require_here()  # It may have gone during the look: then nothing is known.
        return condition

    def drop(self, sha256: str, suffix: str = "") -> bool:
        with self._present():
            gone = super().drop(sha256, suffix)
        if not gone:
            self.require_here()
        return gone

    def _place(self, draft: int, name: Path, sha256: str, suffix: str) -> Condition:
        try:
            return super()._place(draft, name, sha256, suffix)
        except OSError:
            # The server may have done it and lost its answer, or another machine gave the same bytes their name.
            if self.verify(sha256, suffix) is not Condition.SOUND:
                raise
            return Condition.MISSING

    @contextmanager
    def _draft(self) -> Iterator[tuple[int, Path]]:
        name = self._workshop / f"{os.getpid()}-{secrets.token_hex(16)}"
        self._workshop.mkdir(exist_ok=True)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with ended_draft(descriptor, name):
            yield descriptor, name

    def _sweep(self) -> None:
        for leftover in self._workshop.iterdir():
            with suppress(OSError):
                if time.time() - leftover.stat().st_mtime > FORGOTTEN_SECONDS:
                    leftover.unlink()

    @contextmanager
    def _present(self) -> Iterator[None]:
        """Before: the folder is the marked one. After a trouble: one of the way there is not said of the files."""
        self.require_here()
        try:
            yield
        except StoreAway:
            raise
        except OSError as error:
            if error.errno in _AWAY:
                raise StoreAway(f"{self._base}: {error.strerror or error}") from error
            raise


def refuses_rewriting(folder: Path) -> bool:
    """Tried: a read-only file of nobody's is opened for writing by this account; False where it may. Raises OSError."""
    name = folder / f".trial-{secrets.token_hex(8)}"
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444))
        os.close(os.open(name, os.O_WRONLY))
    except PermissionError:
        return True
    finally:
        with suppress(FileNotFoundError):
            name.unlink()
    return False


def read_marker(base: Path) -> str | None:
    """The store's number; None where no store lies in this folder. Raises OSError."""
    try:
        told = json.loads((base / MARKER).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return ""
    return str(told.get("store", "")) if isinstance(told, dict) else ""


def mark_folder(base: Path) -> str:
    """The number of the store in a folder, drawn where none lies there yet. Raises StoreAway where there is no such folder, OSError."""
    try:
        if (told := read_marker(base)) is not None:
            return told
        with (base / MARKER).open("x", encoding="utf-8") as file:
            json.dump({"store": secrets.token_hex(16)}, file)
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError as error:
        raise StoreAway(f"{base}: no such folder") from error
    except FileExistsError:
        pass  # Another machine was first.
    return read_marker(base) or ""
