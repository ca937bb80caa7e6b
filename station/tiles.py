"""The sealed page's own pixels, cut into tiles for deep zoom. What is kept here is cut anew whenever it is missing, and never evidence.

The page is drawn by a program of its own whose time and memory are bounded; only its plain picture is opened here.
"""

import io
import json
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from station.compliance import view_sealed
from station.workstation import Workstation

SIDE = 512
"""Pixels of a tile."""
LARGEST = 60_000_000
"""Pixels of a page that is cut: an A3 at 400 dpi is half of it. What is larger is looked at in the sealed file itself."""
MOST_PAGES = 150
"""Pages kept cut, some 15 MB each in colour; the ones looked at longest ago go first."""
_LOCKS: OrderedDict[str, threading.Lock] = OrderedDict()
_GUARD = threading.Lock()
_MOST_LOCKS = 500


@dataclass(frozen=True, slots=True)
class Pyramid:
    """A page as tiles: the last level has its own pixels, each one before half of them."""

    width: int
    height: int
    side: int
    levels: int
    """Level 0 fits in one tile; `levels - 1` is the page's own."""


def pyramid_of(workstation: Workstation, document_id: str, sha256: str, page: int) -> Pyramid | None:
    """The page of a sealed file, cut if it is not yet; None where it cannot be drawn. Whoever asks for the same page waits for one cut."""
    folder = tile_folder(workstation, document_id, sha256, page)
    with _lock_of(str(folder)):
        known = _read(folder)
        if known is None:
            known = _cut(workstation, folder, sha256, page)
            _prune(workstation.home / "tiles")
        return known


def tile_path(folder: Path, level: int, column: int, row: int, levels: int) -> Path:
    """The page's own pixels are kept without loss, smaller views of it as JPEG."""
    return folder / f"{level}-{column}-{row}.{'png' if level == levels - 1 else 'jpg'}"


def tile_folder(workstation: Workstation, document_id: str, sha256: str, page: int) -> Path:
    return workstation.home / "tiles" / document_id / f"{sha256[:16]}-{page:04d}"


def _read(folder: Path) -> Pyramid | None:
    try:
        told = json.loads((folder / "page.json").read_text(encoding="ascii"))
        (folder / "page.json").touch()
        return Pyramid(**told)
    except (OSError, ValueError, TypeError):
        return None


def _cut(workstation: Workstation, folder: Path, sha256: str, page: int) -> Pyramid | None:
    drawn = view_sealed(workstation, sha256, page)
    if drawn is None:
        return None
    with Image.open(io.BytesIO(drawn), formats=("PNG",)) as image:
        if image.width * image.height > LARGEST:
            return None
        whole = image.convert("RGB") if image.mode not in ("L", "RGB") else image.copy()
    steps = list(_halved(whole))
    pyramid = Pyramid(whole.width, whole.height, SIDE, len(steps))
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    draft.mkdir(parents=True)
    try:
        for level, view in enumerate(reversed(steps)):
            _write_level(draft, view, level, len(steps))
        (draft / "page.json").write_text(json.dumps(asdict(pyramid)), encoding="ascii")
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return pyramid


def _halved(image: Image.Image) -> Iterator[Image.Image]:
    """The image, then half of it, until it fits in one tile."""
    yield image
    while max(image.size) > SIDE:
        image = image.resize((max(1, (image.width + 1) // 2), max(1, (image.height + 1) // 2)), Image.Resampling.BOX)
        yield image


def _write_level(folder: Path, image: Image.Image, level: int, levels: int) -> None:
    for top in range(0, image.height, SIDE):
        for left in range(0, image.width, SIDE):
            piece = image.crop((left, top, min(left + SIDE, image.width), min(top + SIDE, image.height)))
            path = tile_path(folder, level, left // SIDE, top // SIDE, levels)
            if path.suffix == ".png":
                piece.save(path, "PNG", compress_level=1)
            else:
                piece.save(path, "JPEG", quality=85)


def _prune(folder: Path) -> None:
    """Beyond `MOST_PAGES`, what was looked at longest ago goes; another process may do the same."""
    kept: list[tuple[float, Path]] = []
    for mark in folder.glob("*/*/page.json"):
        try:
            kept.append((mark.stat().st_mtime, mark.parent))
        except OSError:
            continue
    for _, page in sorted(kept)[: max(0, len(kept) - MOST_PAGES)]:
        shutil.rmtree(page, ignore_errors=True)


def _lock_of(name: str) -> threading.Lock:
    with _GUARD:
        lock = _LOCKS.setdefault(name, threading.Lock())
        while len(_LOCKS) > _MOST_LOCKS:
            _LOCKS.popitem(last=False)
        return lock
