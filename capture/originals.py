"""The vault: what arrived is copied once, under the name of its own hash, and never changed again; what must not stay is dropped whole."""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

CHUNK = 1024 * 1024
"""Bytes read at a time: the memory a copy costs, whatever the size of the file."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"(\.[a-z0-9]{1,8})?")


class NotAFile(Exception):
    """What lies there is a link, a pipe, a folder or a device: only regular files are taken in, and links are never followed."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{name!r} is not a regular file but a {kind}")
        self.name, self.kind = name, kind


class StillWriting(Exception):
    """The file changed while it was being copied; nothing was kept, it will be tried again."""


class TooLarge(Exception):
    """The file is larger than the house takes in; nothing was kept."""


class DiskFull(Exception):
    """No room is left where the originals are kept; nothing half written stays behind."""


class Condition(StrEnum):
    """What a look at kept bytes found."""

    SOUND = "sound"
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Original:
    """Bytes in the vault."""

    sha256: str
    """Hexadecimal."""
    size: int
    """Bytes."""
    before: Condition = Condition.MISSING
    """What the vault held under this hash before: sound (nothing was written), damaged (replaced by these good bytes) or missing."""


@dataclass(frozen=True, slots=True)
class Named:
    """A kept file as its store lists it."""

    sha256: str
    suffix: str
    size: int
    """Bytes."""


class Vault:
    """A folder of files named by their SHA-256: root/ab/cd/<sha256><suffix>, read-only.

    Several processes may keep into the same vault. Hard links are never made from a source: its owner could still write to it.
    """

    locks = False
    """A folder holds nobody back who may write there: that a file was changed or removed is told by the ledger and by fixity."""

    def __init__(self, root: Path) -> None:
        """Makes the folder where there is none and clears away what copies that were cut short left behind."""
        self.root = root
        self._workshop = root / "tmp"
        with _disk_full_named():
            self._workshop.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def path(self, sha256: str, suffix: str = "") -> Path:
        """Where the bytes are, or would be. Raises ValueError for what is not a hash or a suffix."""
        if not _SHA256.fullmatch(sha256) or not _SUFFIX.fullmatch(suffix):
            raise ValueError(f"not a SHA-256 with a plain suffix: {sha256 + suffix!r}")
        return self.root / sha256[:2] / sha256[2:4] / f"{sha256}{suffix}"

    def keep(self, source: Path | int, suffix: str = "", largest: int | None = None) -> Original:
        """Copy a file (path, or descriptor open for reading) into the vault; when this returns, the bytes are on the disk.

        One pass over the source. The same bytes twice make no second copy, but what lies there is read again, and replaced if it was
        damaged. Raises NotAFile, TooLarge (more than `largest` bytes), StillWriting, DiskFull, and OSError for an unreadable source.
        """
        with _opened(source) as descriptor, _disk_full_named(), self._draft() as (draft, name):
            _not_larger(descriptor, largest)
            sha256, size = _copy(descriptor, draft)
            before = self._place(draft, name, sha256, suffix)
        return Original(sha256, size, before)

    def put(self, parts: Iterable[bytes], sha256: str, suffix: str = "") -> bool:
        """Keep bytes that come in parts under a name known beforehand; False, and nothing is kept, where they are others.

        Raises DiskFull, and what `parts` raises.
        """
        self.path(sha256, suffix)
        with _disk_full_named(), self._draft() as (draft, name):
            digest = hashlib.sha256()
            for part in parts:
                digest.update(part)
                _write_all(draft, memoryview(part))
            if digest.hexdigest() != sha256:
                return False
            self._place(draft, name, sha256, suffix)
        return True

    def _place(self, draft: int, name: Path, sha256: str, suffix: str) -> Condition:
        """Give a whole draft its name, unless sound bytes have it; returns what lay there before."""
        before, target = self.verify(sha256, suffix), self.path(sha256, suffix)
        if before is not Condition.SOUND:
            with suppress(PermissionError):  # some shares know no modes
                os.fchmod(draft, 0o444)
            os.fsync(draft)
            target.parent.mkdir(parents=True, exist_ok=True)
            name.rename(target)
        # A name lasts only as long as its folder is on the disk, and a new folder as its parent; a sound file may be another process's,
        # which has not come to this line yet.
        for folder in (target.parent, target.parent.parent, self.root):
            sync_folder(folder)
        return before

    def open(self, sha256: str, suffix: str = "") -> BinaryIO:
        """The kept bytes to read. Raises FileNotFoundError, OSError."""
        return self.path(sha256, suffix).open("rb")

    def holds(self, sha256: str, suffix: str = "") -> bool:
        """Whether something lies under this name; `verify` says whether it is sound."""
        return self.path(sha256, suffix).is_file()

    def names(self) -> Iterator[Named]:
        """Everything that lies here, in no order."""
        for path in self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            sha256, suffix = path.name[:64], path.name[64:]
            if _SHA256.fullmatch(sha256) and _SUFFIX.fullmatch(suffix):
                yield Named(sha256, suffix, path.stat().st_size)

    def lock(self, sha256: str, suffix: str, until: datetime) -> bool:  # noqa: ARG002 a folder has no locks
        """Let nobody remove the bytes before a moment; a lock is never shortened. False where the store cannot."""
        return False

    def hold(self, sha256: str, suffix: str, *, on: bool) -> bool:  # noqa: ARG002 nor holds
        """Let nobody remove the bytes as long as this is on, whatever their lock says. False where the store cannot."""
        return False

    def verify(self, sha256: str, suffix: str = "") -> Condition:
        """Read what is kept and compare it with its name."""
        try:
            descriptor = os.open(self.path(sha256, suffix), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return Condition.MISSING
        with os.fdopen(descriptor, "rb") as file:
            try:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:  # EIO: the disk no longer gives back what it was given
                return Condition.DAMAGED
        return Condition.SOUND if found == sha256 else Condition.DAMAGED

    def drop(self, sha256: str, suffix: str = "") -> bool:
        """Remove kept bytes for good; whether there were any. When this returns, their name is gone from the disk.

        For what nobody has a duty to keep: whoever calls it has asked two people, and says so in the ledger. A disk may still hold the
        blocks, and a back-up the file.
        """
        target = self.path(sha256, suffix)
        try:
            target.unlink()
        except FileNotFoundError:
            return False
        sync_folder(target.parent)
        return True

    @contextmanager
    def _draft(self) -> Iterator[tuple[int, Path]]:
        """A new file, locked while its writer lives and gone afterwards unless it was given its place."""
        while True:
            name = self._workshop / secrets.token_hex(16)
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)  # another process swept it away between creation and lock
        with ended_draft(descriptor, name):
            yield descriptor, name

    def _sweep(self) -> None:
        """Remove drafts whose writer is dead: the kernel has taken their lock away."""
        for leftover in self._workshop.iterdir():
            with suppress(OSError):
                descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    leftover.unlink()
                finally:
                    os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make names in a folder last through a power cut. Some network file systems cannot; they are believed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def kind_of(mode: int) -> str:
    """The word for a file type, from st_mode."""
    names = {stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFDIR: "folder", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
    return names.get(stat.S_IFMT(mode), "device")


@contextmanager
def _opened(source: Path | int) -> Iterator[int]:
    """The source, open for reading; looked at before it is opened, for opening a device or a pipe may already do something."""
    if isinstance(source, int):
        _only_files(str(source), os.fstat(source))
        os.lseek(source, 0, os.SEEK_SET)
        yield source
        return
    _only_files(source.name, source.lstat())
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NotAFile(source.name, "symlink" if error.errno == errno.ELOOP else "socket") from error
        raise
    try:
        _only_files(source.name, os.fstat(descriptor))  # it may have been exchanged since the first look
        yield descriptor
    finally:
        os.close(descriptor)


def _only_files(name: str, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(name, kind_of(found.st_mode))


@contextmanager
def ended_draft(descriptor: int, name: Path) -> Iterator[None]:
    """Around the writing of a draft: afterwards it is closed, and gone unless it was given another name."""
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            name.unlink()
        os.close(descriptor)


def _copy(source: int, target: int) -> tuple[str, int]:
    """Copy to the end while hashing: (hexadecimal SHA-256, bytes). Raises StillWriting."""
    digest, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(CHUNK))
    start = _state(source)
    while size <= start[0] and (count := os.readv(source, [buffer])):  # never run after a file that keeps growing
        digest.update(buffer[:count])
        _write_all(target, buffer[:count])
        size += count
    if _state(source) != start or size != start[0]:
        raise StillWriting(f"the file changed during the copy, at {size} bytes")
    return digest.hexdigest(), size


def _not_larger(descriptor: int, largest: int | None) -> None:
    size = os.fstat(descriptor).st_size
    if largest is not None and size > largest:
        raise TooLarge(f"{size} bytes, where at most {largest} are taken in")


def _state(descriptor: int) -> tuple[int, int, int]:
    """Size, and the two times a writer cannot help changing."""
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _write_all(target: int, part: memoryview) -> None:
    while part:
        part = part[os.write(target, part) :]


@contextmanager
def _disk_full_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("no room is left for the originals") from error
        raise
