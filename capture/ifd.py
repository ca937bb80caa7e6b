"""TIFF directories, read from the file without its pixels (TIFF 6.0 §2, BigTIFF design of 2007); EXIF blocks too.

One walk serves judging and the folder watcher: it reads directories only, stops at every cap and never trusts a count.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

MAX_ENTRIES = 4096
"""Tags per directory. Scanners write about twenty; BigTIFF would allow 2^64."""
MAX_VALUES = 4_000_000
"""Values of one tag: a 300-megapixel page in one-row strips of one-pixel tiles stays far below."""

_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}  # fmt: skip  # noqa: E501
"""Field types by number: struct letters; a rational has two."""


class BrokenDirectory(ValueError):
    """The directory chain does not hold: it leaves the file, loops or counts beyond reason. `code` names the finding."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory: tag number to values; a rational is two values in a row."""

    tags: dict[int, tuple[float, ...] | bytes]
    number: int

    def whole(self, tag: int, default: int) -> int:
        """The first value as an integer."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    def many(self, tag: int) -> tuple[int, ...]:
        values = self.tags.get(tag, ())
        return tuple(int(value) for value in values)

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


def walk_directories(file: BinaryIO, size: int, base: int = 0) -> Iterator[Directory]:
    """Directories in the order of the chain. Raises BrokenDirectory; offsets count from `base`, `size` is the end of the file or block."""
    form, offset = _open_header(file, size, base)
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise BrokenDirectory("damaged", f"IFD {len(seen)}: boucle / loop")
        number = len(seen)
        seen.add(offset)
        tags, offset = _read_directory(file, form, offset)
        yield Directory(tags, number)
    if not seen:
        raise BrokenDirectory("truncated", "IFD 0: absent")


_SHORTS = frozenset({254, 258, 259, 262, 266, 274, 277, 284, 296, 317, 320, 338, 339, 530, 531})
_LONGS = frozenset({256, 257, 278, 292, 293, 322, 323})
_RATIOS = frozenset({282, 283, 529, 532})
_BLOBS = frozenset({347, 34675})
_PIXELS = ((273, 279), (324, 325))
"""Where strips or tiles are, and how long they are."""


def lone_page(file: BinaryIO, size: int, index: int) -> bytes:
    """One page of up to 8 bits per sample as a TIFF file of its own: the same coded bytes, and only the tags that decoding needs.

    libtiff maps the file and looks at every directory before the one it is asked for: in a long file each page would touch more of it.
    Raises BrokenDirectory.
    """
    directory = next((each for each in walk_directories(file, size) if each.number == index), None)
    if directory is None:
        raise BrokenDirectory("truncated", f"IFD {index}: absent")
    form = _open_header(file, size, 0)[0]
    entries: list[tuple[int, int, int, bytes]] = []
    pixels: list[bytes] = []
    for tag, values in sorted(directory.tags.items()):
        if tag in _BLOBS and isinstance(values, bytes):
            entries.append((tag, 7, len(values), values))
        elif tag in _SHORTS | _LONGS:
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


def _read_directory(file: BinaryIO, form: _Form, offset: int) -> tuple[dict[int, tuple[float, ...] | bytes], int]:
    count_form, entry_size, next_form = ("Q", 20, "Q") if form.big else ("H", 12, "I")
    count = _unpack(file, form, form.base + offset, form.order + count_form)[0]
    if count > MAX_ENTRIES:
        raise BrokenDirectory("damaged", f"IFD: {count} tags")
    start = form.base + offset + struct.calcsize(form.order + count_form)
    body = _take(file, form, start, count * entry_size)
    tags: dict[int, tuple[float, ...] | bytes] = {}
    for i in range(count):
        entry = body[i * entry_size : (i + 1) * entry_size]
        tag, kind = struct.unpack(form.order + "HH", entry[:4])
        values = _read_values(file, form, entry, kind)
        if values is not None:
            tags[tag] = values
    following = _unpack(file, form, start + count * entry_size, form.order + next_form)[0]
    return tags, following


def _read_values(file: BinaryIO, form: _Form, entry: bytes, kind: int) -> tuple[float, ...] | bytes | None:
    """None for a type that TIFF does not know: readers must skip it (TIFF 6.0 §2)."""
    letters = _TYPES.get(kind)
    if letters is None:
        return None
    width = 8 if form.big else 4
    count = struct.unpack(form.order + ("Q" if form.big else "I"), entry[4 : 4 + width])[0]
    length = count * struct.calcsize(form.order + letters)
    if count > MAX_VALUES:
        if kind in (1, 2, 7):
            return None  # A large private blob says nothing about how the page is coded.
        raise BrokenDirectory("damaged", f"tag: {count} values")
    inline = entry[4 + width :]
    if length <= width:
        raw = inline[:length]
    else:
        where = struct.unpack(form.order + ("Q" if form.big else "I"), inline)[0]
        raw = _take(file, form, form.base + where, length)
    if kind in (1, 2, 7):
        return raw
    numbers: tuple[float, ...] = struct.unpack(f"{form.order}{count * len(letters)}{letters[0]}", raw)
    return numbers


def _unpack(file: BinaryIO, form: _Form, where: int, layout: str) -> tuple[int, ...]:
    values: tuple[int, ...] = struct.unpack(layout, _take(file, form, where, struct.calcsize(layout)))
    return values


def _take(file: BinaryIO, form: _Form, where: int, length: int) -> bytes:
    if where + length > form.size:
        raise BrokenDirectory("truncated", f"{where + length} > {form.size} bytes")
    file.seek(where)
    data = file.read(length)
    if len(data) < length:
        raise BrokenDirectory("truncated", f"{where + length} > {form.size} bytes")
    return data
