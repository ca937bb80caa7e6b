"""ZIP files that are the same, byte for byte, whenever their members are: one index part, and volumes for what does not fit into it."""

import contextlib
import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from station.packaging.placing import hidden_path, private_file

CHUNK = 1 << 20
MEMBER = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""What a ZIP can say earliest; a member's own time would differ from one export to the next."""
OVERHEAD = 256
"""Bytes that a member costs beside its content: local header, central header with 64-bit sizes, its path twice."""

Note: TypeAlias = Callable[[str, str, int], None]
"""Told of each member written: path, hexadecimal SHA-256, bytes."""
Beat: TypeAlias = Callable[[], None]
"""Called often; whoever wants to stop raises from it."""


class ChangedMeanwhile(Exception):
    """A kept file is no longer what it was when it was looked at a moment ago."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A part that was written."""

    name: str
    files: int
    bytes: int


class Part:
    """One ZIP file in the making, under a name that nobody takes for a whole one."""

    def __init__(self, path: Path, note: Note, beat: Beat) -> None:
        """Raises OSError where it cannot be made."""
        self.path, self._note, self._beat = path, note, beat
        self.files = 0
        # One that was killed may have left its own.
        path.unlink(missing_ok=True)
        private_file(path)
        self._zip = zipfile.ZipFile(path, "w", allowZip64=True)

    @property
    def offset(self) -> int:
        """Bytes written, the directory at the end not yet."""
        return self._zip.fp.tell() if self._zip.fp is not None else 0

    @contextlib.contextmanager
    def member(self, name: str, size: int = 0, *, stored: bool = False, noted: bool = True) -> Iterator["Member"]:
        """A member to write into; `size` where it may be large. Raises ValueError for a path that the format does not allow."""
        if not MEMBER.fullmatch(name) or any(set(part) == {"."} for part in name.split("/")):
            raise ValueError(f"not a path of the package: {name!r}")
        self._beat()
        info = zipfile.ZipInfo(name, LONG_AGO)
        info.create_system, info.external_attr = 3, 0o100644 << 16
        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        with self._zip.open(info, "w", force_zip64=size > zipfile.ZIP64_LIMIT // 2) as opened:
            member = Member(opened, self._beat)
            yield member
        self.files += 1
        if noted:
            self._note(name, member.sha256, member.size)

    def add(self, name: str, data: bytes, *, noted: bool = True) -> None:
        with self.member(name, len(data), noted=noted) as member:
            member.write(data)

    def add_file(self, name: str, source: Path, *, sha256: str | None = None) -> None:
        """Copy a kept file; PDF files are stored as they are. Raises ChangedMeanwhile where it is not the one with this hash, OSError."""
        with source.open("rb") as file, self.member(name, os.fstat(file.fileno()).st_size, stored=name.endswith(".pdf")) as member:
            while block := file.read(CHUNK):
                member.write(block)
        if sha256 is not None and member.sha256 != sha256:
            raise ChangedMeanwhile(source.name)

    def close(self) -> int:
        """Write the directory and make the bytes last; returns the size. Raises OSError."""
        self._zip.close()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.path.stat().st_size

    def drop(self) -> None:
        """Nothing stays of it."""
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()
        self.path.unlink(missing_ok=True)


class Member:
    """Bytes on their way into a part, hashed as they pass."""

    def __init__(self, opened: IO[bytes], beat: Beat) -> None:
        self._opened, self._beat = opened, beat
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        self._opened.write(data)
        self._digest.update(data)
        self.size += len(data)
        self._beat()


class Volumes:
    """Where sealed files go: into the index part, or, one after the other, into volumes below a limit."""

    def __init__(self, index: Part, target: Path, limit: int | None, note: Note, beat: Beat) -> None:
        """`limit` in bytes; None where everything fits into the index part."""
        self._index, self._target, self._limit, self._note, self._beat = index, target, limit, note, beat
        self._open: Part | None = None
        self._expected = 0
        self.parts: list[Part] = []
        self.closed: list[Volume] = []

    def add_file(self, name: str, source: Path, sha256: str, size: int) -> None:
        """Raises ChangedMeanwhile, OSError."""
        self._room_for(size).add_file(name, source, sha256=sha256)

    def finish(self) -> tuple[Volume, ...]:
        """Close the last one; what was written, in order."""
        if self._open is not None:
            size = self._open.close()
            self.closed.append(Volume(volume_path(self._target, len(self.parts)).name, self._open.files, size))
            self._open = None
        return tuple(self.closed)

    def drop(self) -> None:
        for part in self.parts:
            part.drop()

    def _room_for(self, size: int) -> Part:
        """A file that is larger than the limit by itself gets a volume of its own."""
        if self._limit is None:
            return self._index
        needed = size + OVERHEAD
        if self._open is None or (self._open.files and self._expected + needed > self._limit):
            self.finish()
            self._open = Part(draft_path(volume_path(self._target, len(self.parts) + 1)), self._note, self._beat)
            self.parts.append(self._open)
            self._expected = OVERHEAD
        self._expected += needed
        return self._open


def volume_path(target: Path, number: int) -> Path:
    """`OUT-001.zip` beside `OUT.zip`; counts from 1."""
    return target.with_name(f"{target.stem}-{number:03d}{target.suffix}")


def draft_path(path: Path) -> Path:
    """Under which a part is written until all of it stands."""
    return hidden_path(path, "part")
