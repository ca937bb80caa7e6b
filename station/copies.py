"""How a backup lies on a disk: one plain tar, or a folder in which the same bytes lie once for all backups that were made into it.

Either holds `backup.json` first, then what was kept, then `manifest.jsonl` (path, SHA-256 and size of each) and, last of all,
`complete.json`, which names the manifest's hash: without it a backup did not finish. No product of ours is needed to read one.
"""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

from capture.originals import sync_folder

FORMAT = "sceau-backup-1"
HEAD, MANIFEST, COMPLETE = "backup.json", "manifest.jsonl", "complete.json"
CHUNK = 1 << 20
LARGEST_HEAD = 1 << 24
CONTENTS, RUNS = "contents", "backups"
"""Of a folder: bytes by their SHA-256, and a folder for each backup."""


class BadBackup(Exception):
    """It is none, did not finish, is damaged, or is of a version that is not known here: nothing of it was put in place."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail

    def words(self, language: str = "fr") -> str:
        french, english = _WORDS[self.code]
        return f"{english if language == 'en' else french} ({self.detail})"


_WORDS = {
    "none": (
        "Il n'y a pas là de sauvegarde de Sceau. Rien n'a été restauré ni changé. Donnez le fichier .tar, ou le dossier des sauvegardes.",
        "There is no backup of Sceau there. Nothing was restored or changed. Name the .tar file, or the folder of the backups.",
    ),
    "unfinished": (
        "Cette sauvegarde n'a pas été terminée, ou sa fin manque. Rien n'a été restauré ni changé. Prenez la précédente, ou recopiez-la.",
        "This backup was not finished, or its end is missing. Nothing was restored or changed. Take the one before, or copy it again.",
    ),
    "damaged": (
        "Cette sauvegarde est abîmée : ses octets ne sont pas ceux de son inventaire. Rien n'a été restauré. Prenez-en une autre.",
        "This backup is damaged: its bytes are not those of its manifest. Nothing was restored or changed. Take another one.",
    ),
    "newer": (
        "Cette sauvegarde est d'une version plus récente de Sceau. Rien n'a été restauré ni changé. Installez d'abord cette version.",
        "This backup is of a newer version of Sceau. Nothing was restored or changed. Install that version first.",
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the manifest."""

    path: str
    sha256: str
    size: int
    """Bytes."""
    missing: str = ""
    """Not inside, and why: `erased` (while the backup was made), `missing` or `damaged` (in the store, already)."""

    def as_json(self) -> bytes:
        told: dict[str, Any] = {"path": self.path, "sha256": self.sha256, "size": self.size}
        return json.dumps(told | ({"missing": self.missing} if self.missing else {}), ensure_ascii=False).encode() + b"\n"


class Readable(Protocol):
    """From which bytes are read on."""

    def read(self, size: int = -1, /) -> bytes: ...


class Sink(Protocol):
    """Into which a backup is written, member by member."""

    def has(self, sha256: str) -> int | None:
        """Size of bytes that lie here already and need not be read; None where they are to be put."""

    def put(self, path: str, source: BinaryIO, size: int) -> Line:
        """`size` bytes of a source, hashed on their way. Raises OSError, EOFError for a source that ends before."""

    def finish(self, path: str, source: BinaryIO, size: int) -> None:
        """The last members; the backup gets its name with the last of them."""


# --- writing ---


class _Hashing(io.RawIOBase):
    """Reads on, and hashes what was read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.digest, self.count = source, hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            part = self._source.read(size)
        except (tarfile.TarError, EOFError) as error:
            raise BadBackup("unfinished", str(error)) from error
        self.digest.update(part)
        self.count += len(part)
        return part


class TarSink:
    """One file, written in one go."""

    def __init__(self, stream: BinaryIO, mtime: int) -> None:
        self._stream, self._mtime = stream, mtime
        self._tar = tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=CHUNK)  # noqa: SIM115 closed by `finish`

    def has(self, sha256: str) -> int | None:  # noqa: ARG002 a tar is whole in itself
        return None

    def put(self, path: str, source: BinaryIO, size: int) -> Line:
        info = tarfile.TarInfo(path)
        info.size, info.mtime, info.mode = size, self._mtime, 0o444
        hashing = _Hashing(source)
        try:
            self._tar.addfile(info, hashing)
        except OSError as error:
            if hashing.count < size and error.errno is None:
                raise EOFError(path) from error
            raise
        # What was added is not remembered: a million members must not fill the memory.
        cast(Any, self._tar).members.clear()
        return Line(path, hashing.digest.hexdigest(), size)

    def give_up(self) -> None:
        """Nothing more is written, not even what a tar ends with."""
        cast(Any, self._tar.fileobj).closed = True

    def finish(self, path: str, source: BinaryIO, size: int) -> None:
        self.put(path, source, size)
        if path == COMPLETE:
            self._tar.close()
            self._stream.flush()
            os.fsync(self._stream.fileno())


class FolderSink:
    """Bytes by their SHA-256, once for all backups of the folder; of each backup its manifest."""

    def __init__(self, place: Path, name: str) -> None:
        self._contents, self.run = place / CONTENTS, place / RUNS / name
        self._contents.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in count(2):
            try:
                self.run.mkdir(parents=True, mode=0o700)
                break
            except FileExistsError:
                self.run = place / RUNS / f"{name}-{number}"

    def has(self, sha256: str) -> int | None:
        try:
            return _content(self._contents, sha256).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, path: str, source: BinaryIO, size: int) -> Line:
        hashing = _Hashing(source)
        with tempfile.NamedTemporaryFile(dir=self._contents, prefix=".part-", delete=False) as draft:
            try:
                shutil.copyfileobj(hashing, draft, CHUNK)
                if hashing.count != size:
                    raise EOFError(path)
                draft.flush()
                os.fsync(draft.fileno())
                sha256 = hashing.digest.hexdigest()
                target = _content(self._contents, sha256)
                if path == HEAD:
                    (self.run / HEAD).write_bytes(Path(draft.name).read_bytes())
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.fchmod(draft.fileno(), 0o400)
                Path(draft.name).rename(target)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
        sync_folder(target.parent)
        return Line(path, sha256, size)

    def finish(self, path: str, source: BinaryIO, size: int) -> None:  # noqa: ARG002 the interface
        draft = self.run / f".{path}"
        with draft.open("wb") as file:
            shutil.copyfileobj(source, file, CHUNK)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.run / path)
        sync_folder(self.run)


def busy_file(place: Path) -> Path:
    """Locked by whoever writes a backup into this folder, and alone by who removes old ones from it."""
    return place / ".busy"


def _content(contents: Path, sha256: str) -> Path:
    return contents / sha256[:2] / sha256[2:4] / sha256


@contextmanager
def tar_sink(target: Path, mtime: int) -> Iterator[TarSink]:
    """A tar that has its own name only when it is whole; until then `.NAME.part`, which a broken-off backup leaves nothing of."""
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    with draft.open("wb") as stream:
        sink = TarSink(stream, mtime)
        try:
            yield sink
        except BaseException:
            sink.give_up()
            draft.unlink(missing_ok=True)
            raise
        draft.rename(target)
    sync_folder(target.parent)


# --- reading ---


@dataclass(slots=True)
class Member:
    """One thing of a backup, in its turn: it is read before the next one is asked for."""

    path: str
    stream: Readable
    sound: bool | None = None
    """Whether its bytes are those of the manifest, where that is known already (of a folder, once the stream was read to its end)."""
    missing: str = ""


def newest_run(place: Path) -> Path | None:
    """The youngest whole backup of a folder: their names are times."""
    runs = sorted((each for each in (place / RUNS).glob("*") if (each / COMPLETE).is_file()), reverse=True)
    return runs[0] if runs else None


class Opened:
    """A backup that is read from its first member to its last; `bad` then names what was not as it was written."""

    def __init__(self, source: Path) -> None:
        """Raises BadBackup (none, unfinished, damaged)."""
        self.source = source
        self.bad: list[str] = []
        self.gone: list[Line] = []
        """What was not inside from the beginning."""
        self.count = self.size = 0
        self._run = _run_of(source)
        self.head = self._read_head()

    def members(self) -> Iterator[Member]:
        """Everything but head and manifest, in the order in which it was written. Raises BadBackup; damaged kept files are told."""
        yield from self._of_tar() if self._run is None else self._of_folder(self._run)

    def _read_head(self) -> Mapping[str, Any]:
        try:
            if self._run is not None:
                told = json.loads((self._run / HEAD).read_bytes())
            else:
                with tarfile.open(self.source, "r|") as tar:
                    first = tar.next()
                    found = tar.extractfile(first) if first is not None and first.name == HEAD and first.size < LARGEST_HEAD else None
                    told = json.loads(found.read()) if found is not None else {}
        except (OSError, tarfile.TarError, ValueError, EOFError) as error:
            raise BadBackup("none", f"{self.source}: {error}") from error
        if not isinstance(told, dict) or not str(told.get("format", "")).startswith("sceau-backup-"):
            raise BadBackup("none", str(self.source))
        if told["format"] != FORMAT:
            raise BadBackup("newer", f"{told['format']}, {told.get('version', '')}")
        return told

    def _of_tar(self) -> Iterator[Member]:
        seen, manifest, complete = tempfile.TemporaryFile(), b"", b""  # noqa: SIM115 closed below
        try:
            with seen, tarfile.open(self.source, "r|", bufsize=CHUNK) as tar:
                while (info := tar.next()) is not None:
                    cast(Any, tar).members.clear()
                    found = tar.extractfile(info)
                    if found is None:
                        raise BadBackup("damaged", info.name)
                    if info.name == MANIFEST:
                        manifest = self._compared(found, seen).encode()
                    elif info.name == COMPLETE:
                        complete = found.read(LARGEST_HEAD)
                    else:
                        hashing = _Hashing(found)
                        if info.name != HEAD:
                            yield Member(info.name, hashing)
                        while hashing.read(CHUNK):
                            pass
                        seen.write(Line(info.name, hashing.digest.hexdigest(), hashing.count).as_json())
                        self.count, self.size = self.count + 1, self.size + hashing.count
        except (tarfile.TarError, OSError, EOFError) as error:
            raise BadBackup("unfinished", f"{self.source}: {error}") from error
        self._ended(complete, manifest.decode())

    def _compared(self, manifest: IO[bytes], seen: IO[bytes]) -> str:
        """Each line of the manifest against what was seen, in order; returns its SHA-256."""
        seen.seek(0)
        hashing = _Hashing(manifest)
        for line in _lines(hashing):
            if line.missing:
                self.gone.append(line)
                continue
            if (found := seen.readline()) != line.as_json():
                self._tell(line, found)
        if seen.readline():
            raise BadBackup("damaged", "there is more inside than in the manifest")
        return hashing.digest.hexdigest()

    def _tell(self, line: Line, found: bytes) -> None:
        told = json.loads(found) if found else {}
        if told.get("path") != line.path or not is_kept(line.path):
            raise BadBackup("damaged", line.path)
        self.bad.append(line.path)

    def _of_folder(self, run: Path) -> Iterator[Member]:
        contents = run.parent.parent / CONTENTS
        try:
            with (run / MANIFEST).open("rb") as file:
                hashing = _Hashing(file)
                for line in _lines(hashing):
                    if line.missing:
                        self.gone.append(line)
                        continue
                    yield from self._one(line, contents)
            complete = (run / COMPLETE).read_bytes()
        except FileNotFoundError as error:
            raise BadBackup("unfinished", str(error.filename)) from error
        self._ended(complete, hashing.digest.hexdigest())

    def _one(self, line: Line, contents: Path) -> Iterator[Member]:
        try:
            source = _content(contents, line.sha256).open("rb")
        except OSError as error:
            if not is_kept(line.path):
                raise BadBackup("damaged", f"{line.path}: {error.strerror}") from error
            self.bad.append(line.path)
            return
        with source:
            hashing = _Hashing(source)
            if line.path != HEAD:
                yield Member(line.path, hashing)
            while hashing.read(CHUNK):
                pass
        self.count, self.size = self.count + 1, self.size + hashing.count
        if (hashing.digest.hexdigest(), hashing.count) != (line.sha256, line.size):
            if not is_kept(line.path):
                raise BadBackup("damaged", line.path)
            self.bad.append(line.path)

    def _ended(self, complete: bytes, manifest: str) -> None:
        try:
            told = json.loads(complete or b"null")
        except ValueError as error:
            raise BadBackup("damaged", COMPLETE) from error
        if not isinstance(told, dict):
            raise BadBackup("unfinished", f"{self.source}: {COMPLETE}")
        if told.get("manifest") != manifest:
            raise BadBackup("damaged", MANIFEST)


def is_kept(path: str) -> bool:
    """Whether it is one original or archive: if that is damaged the rest can be restored, and this is told."""
    return path.startswith(("originals/", "archive/", "home/readings/"))


def _run_of(source: Path) -> Path | None:
    """The folder of one backup; None of a tar. Raises BadBackup."""
    if not source.is_dir():
        return None
    if (source / HEAD).is_file() or (source / MANIFEST).is_file():
        return source
    run = newest_run(source)
    if run is None:
        begun = next((source / RUNS).glob("*"), None)
        raise BadBackup("none" if begun is None else "unfinished", str(source))
    return run


def _lines(manifest: io.RawIOBase) -> Iterator[Line]:
    # Lines of a raw stream are read byte by byte; through a buffer they are not.
    buffered = io.BufferedReader(Raw(manifest), CHUNK)
    for number, stored in enumerate(buffered, 1):
        try:
            told = json.loads(stored)
            yield Line(str(told["path"]), str(told["sha256"]), int(told["size"]), str(told.get("missing", "")))
        except (ValueError, KeyError, TypeError) as error:
            raise BadBackup("damaged", f"{MANIFEST}: {number}") from error


class Raw(io.RawIOBase):
    """What io.BufferedReader asks of a raw stream."""

    def __init__(self, source: Readable) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._source.read(len(buffer)) or b""
        buffer[: len(part)] = part
        return len(part)
