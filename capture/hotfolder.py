"""A scanner's folder: what lies in it, and when a file there is ready. Looking and moving touch the disk; deciding is a pure function."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count, islice
from pathlib import Path
from typing import TypeAlias

from capture.originals import kind_of, sync_folder

PROCESSED = "processed"
"""Where files go once they are taken in."""
FED_BY_US = "sceau-scan-"
"""Beginning of the names of pages that Sceau itself fed: they are renamed into the folder when they are whole, and never grow."""
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".tmp")
"""Endings that say of themselves that a file is not there yet; compared in lower case."""
CLUTTER = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "$recycle.bin", "system volume information"})
"""What Windows and macOS leave in every folder that someone opens; compared in lower case. Never scans, so never taken in nor told."""
LONGEST_NAME = 255
"""Bytes of a file name, on every file system we know."""


class CannotLook(Exception):
    """The folder cannot be listed: unplugged share, no right, not a folder. Try again; nothing in it is lost."""


class Why(StrEnum):
    """Why a file was not moved."""

    READ_ONLY = "read-only"
    GONE = "gone"
    CHANGED = "changed"
    NOT_A_FOLDER = "not-a-folder"
    FAILED = "failed"


class CannotMove(Exception):
    """A file that was taken in cannot leave its folder. Its bytes are safe in the vault; the file stays, or is put back."""

    def __init__(self, name: str, why: Why) -> None:
        super().__init__(f"cannot move {name!r}: {why}")
        self.name, self.why = name, why


@dataclass(frozen=True, slots=True)
class Sighting:
    """One entry of the folder, as one look saw it."""

    name: str
    """As Python has it: bytes that are no UTF-8 are surrogates. For people, see `plain_name`."""
    inode: int
    mtime_ns: int
    size: int
    """Bytes."""
    kind: str = "file"
    """file, unreadable, symlink, folder, fifo, socket, device."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of an entry between two looks."""

    sighting: Sighting
    since: float
    """Seconds: when it was first seen like this."""
    offers: int = 0
    """How often it was handed out."""
    again: float = 0.0
    """Seconds: not to be handed out before."""


Memory: TypeAlias = Mapping[str, Seen]
Complete: TypeAlias = Callable[[Sighting], bool]


@dataclass(frozen=True, slots=True)
class Ready:
    """A file to take in now."""

    sighting: Sighting
    complete: bool
    """False: it stays as it is although its format says that something is missing. Taken in as damaged, for nothing stays unseen."""
    offer: int
    """From 1; more than 1 means that taking it in did not succeed before."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that is no file of ours to take; told once, and again only when it changes."""

    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the folder decided."""

    memory: Memory
    ready: tuple[Ready, ...]
    waiting: tuple[Sighting, ...]
    """Still being written, or incomplete, or handed out and not yet gone."""
    refused: tuple[Refused, ...]


def glance(folder: Path, at_most: int | None = None) -> list[Sighting]:
    """What lies in the folder, by name; hidden files, unfinished ones by name, clutter and `processed` left out. Links are never followed.

    `at_most` looks at no more than so many entries, whichever come first. Raises CannotLook.
    """
    try:
        with os.scandir(folder) as entries:
            sightings = [_sighting(entry) for entry in islice((entry for entry in entries if _ours(entry.name)), at_most)]
    except OSError as error:
        raise CannotLook(f"{folder}: {error.strerror}") from error
    return sorted((sighting for sighting in sightings if sighting), key=lambda sighting: sighting.name)


def settle(
    previous: Memory,
    sightings: Iterable[Sighting],
    now: float,
    quiet_seconds: float,
    complete: Complete,
    *,
    patience: float = 60.0,
    longest_pause: float = 60.0,
) -> Look:
    """Decide which files are ready: unchanged for `quiet_seconds` and complete, or unchanged for `patience` seconds though incomplete.

    A file that is handed out and still lies there is handed out again after 1, 2, 4… seconds, at most `longest_pause`, for ever:
    giving up would need a restart to mend. `now` is any clock in seconds that never goes back; an empty memory is a fresh start.
    """
    memory: dict[str, Seen] = {}
    ready: list[Ready] = []
    waiting: list[Sighting] = []
    refused: list[Refused] = []
    for sighting in sightings:
        known = previous.get(sighting.name)
        seen = known if known is not None and known.sighting == sighting else Seen(sighting, since=now)
        quiet = now - seen.since
        if sighting.kind != "file":
            if seen.offers == 0:
                refused.append(Refused(sighting))
            seen = replace(seen, offers=1)
        elif quiet < quiet_seconds or now < seen.again or not ((whole := complete(sighting)) or quiet >= patience):
            waiting.append(sighting)
        else:
            seen = replace(seen, offers=seen.offers + 1, again=now + min(2.0**seen.offers, longest_pause))
            ready.append(Ready(sighting, whole, seen.offers))
        memory[sighting.name] = seen
    return Look(memory, tuple(ready), tuple(waiting), tuple(refused))


def move_processed(path: Path, folder: Path, seen: Sighting | None = None) -> Path:
    """Move a file that is taken in to folder/processed, and return where it is; another file there keeps its place, ours gets a number.

    With `seen`, only that very file is moved: one which the scanner put in its place meanwhile stays, or is put back. Raises CannotMove.
    """
    processed = folder / PROCESSED
    try:
        _same(path.lstat(), seen, path.name)
        processed.mkdir(exist_ok=True)
        if not stat.S_ISDIR(processed.lstat().st_mode):
            raise CannotMove(path.name, Why.NOT_A_FOLDER)
        target, claim = _claim(processed, path.name)
        _rename_or_release(path, target, claim)
        _same_or_back(target, path, seen)
        sync_folder(processed)
        sync_folder(folder)
    except OSError as error:
        raise CannotMove(path.name, _reason(error)) from error
    return target


def release_claims(folder: Path, name: str) -> None:
    """Drop the empty files under `name` in folder/processed: a move that the process did not live to make held a place by one.

    Only at a start, before any move: of two watchers the other may be about to rename onto its own. What cannot be dropped stays, where
    it harms nothing: the move that follows takes the next number, or tells what it met.
    """
    processed = folder / PROCESSED
    with suppress(OSError):
        if not stat.S_ISDIR(processed.lstat().st_mode):
            return
        for target in _names_in(processed, name):
            found = target.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_size == 0:
                target.unlink()


def plain_name(name: str) -> str:
    """A file name that may be shown and logged: one line, always UTF-8; what cannot be shown is written as \\x…"""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text)


def _ours(name: str) -> bool:
    plain = name.lower()
    return not name.startswith(".") and name != PROCESSED and plain not in CLUTTER and not plain.endswith(UNFINISHED)


def _sighting(entry: os.DirEntry[str]) -> Sighting | None:
    """None for an entry that went away meanwhile. Only of files do size and time matter: a folder's change whenever something is put in."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    kind = kind_of(found.st_mode)
    if kind != "file":
        return Sighting(entry.name, found.st_ino, 0, 0, kind)
    if not os.access(entry.path, os.R_OK, effective_ids=True):
        kind = "unreadable"
    return Sighting(entry.name, found.st_ino, found.st_mtime_ns, found.st_size, kind)


def _same(found: os.stat_result, seen: Sighting | None, name: str) -> None:
    if seen is not None and (found.st_ino, found.st_mtime_ns, found.st_size) != (seen.inode, seen.mtime_ns, seen.size):
        raise CannotMove(name, Why.CHANGED)


def _claim(processed: Path, name: str) -> tuple[Path, int]:
    """A free name, taken by an empty file, whose inode comes with it: the rename that follows replaces this and nothing else.

    Python has no RENAME_NOREPLACE.
    """
    return next((target, claim) for target in _names_in(processed, name) if (claim := _claimed(target)))


def _names_in(processed: Path, name: str) -> Iterator[Path]:
    """The places for a file of this name, in the order in which they are tried."""
    yield processed / name
    for number in count(2):
        yield processed / _numbered(name, number)


def _numbered(name: str, number: int) -> str:
    """`scan.tif` becomes `scan (2).tif`; a name at the limit of 255 bytes loses its last letters."""
    stem, dot, ending = name.rpartition(".") if "." in name[1:] else (name, "", "")
    tail = f" ({number}){dot}{ending}"
    room = LONGEST_NAME - len(os.fsencode(tail))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + tail


def _rename_or_release(path: Path, target: Path, claim: int) -> None:
    """Onto our own empty file; what another watcher put there meanwhile stays, whether the rename succeeds or not."""
    try:
        if not _holds(target, claim):
            raise FileExistsError(errno.EEXIST, "its place was taken", str(target))
        path.rename(target)
    except OSError:
        if _holds(target, claim):
            target.unlink()
        raise


def _holds(target: Path, claim: int) -> bool:
    with suppress(FileNotFoundError):
        return target.lstat().st_ino == claim
    return False


def _same_or_back(target: Path, path: Path, seen: Sighting | None) -> None:
    """The scanner may have written a new file between our look and our rename: that one is nobody's yet, so it goes back."""
    try:
        _same(target.lstat(), seen, path.name)
    except CannotMove:
        claim = _claimed(path)
        _rename_or_release(target, *((path, claim) if claim else _claim(path.parent, path.name)))
        raise


def _claimed(path: Path) -> int:
    """The inode of a new empty file there; 0 where there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return 0
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> Why:
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return Why.READ_ONLY
    if error.errno == errno.ENOENT:
        return Why.GONE
    return Why.NOT_A_FOLDER if error.errno in (errno.ENOTDIR, errno.EEXIST) else Why.FAILED
