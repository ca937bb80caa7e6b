"""TIFF directories, read from the file without its pixels (TIFF 6.0 §2, BigTIFF design of 2007); EXIF blocks too.

One walk serves judging and the folder watcher: it reads directories only, and of these the tags that somebody asks for. It stops at
every cap and never trusts a count.
"""

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import BinaryIO

MAX_ENTRIES = 4096
"""Tags per directory. Scanners write about twenty; BigTIFF would allow 2^64."""
MAX_VALUES = 4_000_000
"""Values of one tag: a 300-megapixel page in one-row strips of one-pixel tiles stays far below."""
MAX_TOLD = 32_000_000
"""Values of all tags of a file: 2000 pages of A4 at 600 dpi in one-row strips have 28 million. Never more than the file has bytes, for an
honest one keeps each value in a place of its own; a hostile one lets a thousand tags and directories point at the same place."""

LARGEST_TILE = 1 << 24
"""Pixels of a tile, where its page has less than a quarter of them: decoders make room for whole tiles, however small the page is."""

_SHORTS = frozenset({254, 258, 259, 262, 266, 274, 277, 284, 296, 317, 320, 338, 339, 530, 531})
_LONGS = frozenset({256, 257, 278, 292, 293, 322, 323})
_RATIOS = frozenset({282, 283, 529, 532})
_BLOBS = frozenset({347, 34675})
"""JPEG tables and the ICC profile: only their place is noted."""
_PIXELS = ((273, 279), (324, 325))
"""Where strips or tiles are, and how long they are."""
_ASKED = _SHORTS | _LONGS | _RATIOS | {tag for pair in _PIXELS for tag in pair}

_TYPES = {
    1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
"""Field types by number: letters of `struct` and `array`; a rational has two."""
_NATIVE = "<" if sys.byteorder == "little" else ">"


class BrokenDirectory(ValueError):
    """The directory chain does not hold: it leaves the file, loops or counts beyond reason. `code` names the finding."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory: the tags that say how a page is coded, by number; a rational is two values in a row."""

    tags: dict[int, Sequence[float]]
    """Packed as in the file: as Python numbers, four million offsets would take ten times the room."""
    number: int
    blobs: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Where a tag's bytes lie in the file, and how many they are."""

    def whole(self, tag: int, default: int) -> int:
        """The first value as an integer."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    def many(self, tag: int) -> Sequence[int]:
        """All values; those of a tag that should hold integers and does not are cut to integers."""
        values = self.tags.get(tag, ())
        if isinstance(values, array) and values.typecode in "fd":
            return tuple(int(value) for value in values)
        return values  # type: ignore[return-value] # an array of whole numbers, as every asked tag of this kind holds

    def ratio(self, tag: int) -> float | None:
        """A rational that is finite and above zero, else None."""
        values = self.tags.get(tag, ())
        if len(values) < 2 or not values[1] or values[0] <= 0:
            return None
        return float(values[0]) / float(values[1])


@dataclass(frozen=True, slots=True)
class _Form:
    """Byte order and the widths in which TIFF and BigTIFF differ."""

    order: str
    big: bool
    base: int
    size: int


@dataclass(slots=True)
class _Budget:
    """How many values a walk may still unpack."""

    left: int

    def spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise BrokenDirectory("damaged", "IFD: valeurs partagées sans fin / values shared without end")


def walk_directories(file: BinaryIO, size: int, base: int = 0) -> Iterator[Directory]:
    """Directories in the order of the chain. Raises BrokenDirectory; offsets count from `base`, `size` is the end of the file or block."""
    form, offset = _open_header(file, size, base)
    budget = _Budget(min(MAX_TOLD, size))
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise BrokenDirectory("damaged", f"IFD {len(seen)}: boucle / loop")
        number = len(seen)
        seen.add(offset)
        directory, offset = _read_directory(file, form, offset, number, budget)
        yield directory
    if not seen:
        raise BrokenDirectory("truncated", "IFD 0: absent")


def require_small_tiles(directory: Directory) -> None:
    """Raises BrokenDirectory (image-bomb) for a tile that asks for far more room than its page."""
    tile, page = directory.whole(322, 0) * directory.whole(323, 0), directory.whole(256, 0) * directory.whole(257, 0)
    if tile > max(LARGEST_TILE, 4 * page):
        raise BrokenDirectory("image-bomb", f"tuile / tile {directory.whole(322, 0)} × {directory.whole(323, 0)}")


def lone_page(file: BinaryIO, size: int, index: int) -> bytes:
    """One page of up to 8 bits per sample as a TIFF file of its own: the same coded bytes, and only the tags that decoding needs.

    libtiff maps the file and looks at every directory before the one it is asked for: in a long file each page would touch more of it.
    Raises BrokenDirectory.
    """
    directory = next((each for each in walk_directories(file, size) if each.number == index), None)
    if directory is None:
        raise BrokenDirectory("truncated", f"IFD {index}: absent")
    require_small_tiles(directory)
    form = _open_header(file, size, 0)[0]
    entries: list[tuple[int, int, int, bytes]] = []
    pixels: list[bytes] = []
    entries += [(tag, 7, length, _take(file, form, where, length)) for tag, (where, length) in directory.blobs.items()]
    for tag, values in directory.tags.items():
        if tag in _SHORTS | _LONGS:
            letter, kind = ("H", 3) if tag in _SHORTS else ("I", 4)
            entries.append((tag, kind, len(values), struct.pack(f"<{len(values)}{letter}", *map(int, values))))
        elif tag in _RATIOS:
            entries.append((tag, 5, len(values) // 2, struct.pack(f"<{len(values)}I", *map(int, values))))
    for where, length in _PIXELS:
        starts, lengths = directory.many(where), directory.many(length)
        if starts:
            pixels = [_take(file, form, start, count) for start, count in zip(starts, lengths, strict=False)]
            counts = [len(part) for part in pixels]
            entries += [(where, 4, len(counts), b""), (length, 4, len(counts), struct.pack(f"<{len(counts)}I", *counts))]
    return _write_page(sorted(entries), pixels)


def _write_page(entries: list[tuple[int, int, int, bytes]], pixels: list[bytes]) -> bytes:
    """A little-endian TIFF of one directory: header, directory, values, pixels. An entry without bytes is to hold the pixels' offsets."""
    values_at = 8 + 2 + 12 * len(entries) + 4
    sizes = [4 * count if not data else len(data) for _, _, count, data in entries]
    pixels_at = values_at + sum(size + size % 2 for size in sizes if size > 4)
    offsets = list(accumulate(map(len, pixels), initial=pixels_at))[:-1]
    directory, values = [struct.pack("<H", len(entries))], b""
    for (tag, kind, count, data), size in zip(entries, sizes, strict=True):
        raw = data or struct.pack(f"<{count}I", *offsets)
        inline = raw.ljust(4, b"\0") if size <= 4 else struct.pack("<I", values_at + len(values))
        directory.append(struct.pack("<HHI", tag, kind, count) + inline)
        values += raw + b"\0" * (size % 2) if size > 4 else b""
    return b"".join([b"II*\0", struct.pack("<I", 8), *directory, b"\0" * 4, values, *pixels])


def _open_header(file: BinaryIO, size: int, base: int) -> tuple[_Form, int]:
    file.seek(base)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise BrokenDirectory("truncated" if len(head) < 8 else "damaged", "TIFF header")
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    if big and len(head) < 16:
        raise BrokenDirectory("truncated", "BigTIFF header")
    offset = struct.unpack(order + "Q", head[8:16])[0] if big else struct.unpack(order + "I", head[4:8])[0]
    return _Form(order, big, base, size), offset


def _read_directory(file: BinaryIO, form: _Form, offset: int, number: int, budget: _Budget) -> tuple[Directory, int]:
    """The directory, and the offset of the next one. Every tag must lie inside the file; only those that are asked for are read."""
    count_form, entry_size, next_form = ("Q", 20, "Q") if form.big else ("H", 12, "I")
    count = _unpack(file, form, form.base + offset, form.order + count_form)[0]
    if count > MAX_ENTRIES:
        raise BrokenDirectory("damaged", f"IFD: {count} tags")
    budget.spend(1 + count)
    start = form.base + offset + struct.calcsize(form.order + count_form)
    body = _take(file, form, start, count * entry_size)
    directory = Directory({}, number)
    for i in range(count):
        entry = _read_entry(form, body[i * entry_size : (i + 1) * entry_size], start + i * entry_size)
        if entry is None:
            continue
        if entry.tag in _BLOBS and entry.letters in "Bc":
            directory.blobs[entry.tag] = (entry.where, entry.length)
        elif entry.tag in _ASKED:
            budget.spend(entry.count)
            directory.tags[entry.tag] = _read_values(file, form, entry)
    following = _unpack(file, form, start + count * entry_size, form.order + next_form)[0]
    return directory, following


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tag, and where its values lie."""

    tag: int
    letters: str
    count: int
    """A rational counts twice."""
    where: int
    length: int


def _read_entry(form: _Form, entry: bytes, at: int) -> _Entry | None:
    """None for a type that TIFF does not know: readers must skip it (TIFF 6.0 §2). `at` is the entry's own place."""
    tag, kind = struct.unpack(form.order + "HH", entry[:4])
    letters = _TYPES.get(kind)
    if letters is None:
        return None
    width = 8 if form.big else 4
    number = form.order + ("Q" if form.big else "I")
    count = struct.unpack(number, entry[4 : 4 + width])[0]
    if count > MAX_VALUES:
        if letters in "Bc":
            return None  # A large private blob says nothing about how the page is coded.
        raise BrokenDirectory("damaged", f"tag: {count} values")
    length = count * struct.calcsize(form.order + letters)
    where = at + 4 + width if length <= width else form.base + struct.unpack(number, entry[4 + width :])[0]
    _demand_inside(form, where, length)
    return _Entry(tag, letters, count * len(letters), where, length)


def _read_values(file: BinaryIO, form: _Form, entry: _Entry) -> Sequence[float]:
    raw = _take(file, form, entry.where, entry.length)
    if entry.letters in "Bc":
        return raw
    values: array[float] = array(entry.letters[0], raw)
    if form.order != _NATIVE:
        values.byteswap()
    return values


def _unpack(file: BinaryIO, form: _Form, where: int, layout: str) -> tuple[int, ...]:
    values: tuple[int, ...] = struct.unpack(layout, _take(file, form, where, struct.calcsize(layout)))
    return values


def _take(file: BinaryIO, form: _Form, where: int, length: int) -> bytes:
    _demand_inside(form, where, length)
    file.seek(where)
    data = file.read(length)
    if len(data) < length:
        raise BrokenDirectory("truncated", f"{where + length} > {form.size} bytes")
    return data


def _demand_inside(form: _Form, where: int, length: int) -> None:
    if where + length > form.size:
        raise BrokenDirectory("truncated", f"{where + length} > {form.size} bytes")
