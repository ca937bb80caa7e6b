"""Putting a file that came by the browser into a scanner's folder: whole or not at all, under a name that can do no harm."""

import errno
import os
import secrets
import shutil
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from capture.hotfolder import CLUTTER, PROCESSED, UNFINISHED

LONGEST = 180
"""Bytes of a name as UTF-8: below every file system's limit, with room for a number."""
ABANDONED = 24 * 3600
"""Seconds without a byte written after which a draft is taken for a crash's leavings."""


def drop_file(folder: Path, name: str, source: BinaryIO) -> Path:
    """Copy `source` into `folder`; the intake never sees it half written, and no file that lies there is replaced.

    Drafts that a crash left behind are swept away. Returns where it is. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".sceau-{secrets.token_hex(8)}.part"
    try:
        with draft.open("xb") as file:
            shutil.copyfileobj(source, file, 1024 * 1024)
            file.flush()
            os.fsync(file.fileno())
        _sweep_drafts(folder, draft.stat().st_mtime)
        return _give_name(draft, folder, safe_name(name))
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _sweep_drafts(folder: Path, now: float) -> None:
    """Remove drafts that nobody has written to for a day; `now` in seconds of the folder's own clock, which may be another machine's."""
    for draft in folder.glob(".sceau-*.part"):
        # One that is gone meanwhile, or is not ours to remove, stops no upload.
        with suppress(OSError):
            if now - draft.lstat().st_mtime > ABANDONED:
                draft.unlink()


def safe_name(name: str) -> str:
    """One plain file name: no path, no control character, not hidden, not an ending that says "unfinished"."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip().lstrip(".").strip()
    if plain.lower().endswith(UNFINISHED):
        plain = plain.replace(".", "_")
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix.encode()) > 10:
        stem, suffix = plain, ""
    end = f".{suffix}" if suffix else ""
    stem = stem.encode()[: LONGEST - len(end.encode())].decode(errors="ignore").strip() or "scan"
    # A name that the intake leaves alone gets a number: what a person sent is never passed over in silence.
    return f"{stem}{end}" if f"{stem}{end}".lower() not in {PROCESSED, *CLUTTER} else f"{stem}-1{end}"


def _give_name(draft: Path, folder: Path, name: str) -> Path:
    """The first free name; a hard link is how POSIX says "only if there is none yet"."""
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in range(1, 10_000):
        target = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            os.link(draft, target)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
                raise
            # A share without hard links: the look before the rename leaves a gap, but only between people who upload the same name at once.
            if target.exists():
                continue
            draft.rename(target)
        return target
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
