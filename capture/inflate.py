"""The Flate stream of an image, inflated exactly: nothing may hide behind the last row, where no viewer shows it.

Hostile streams are expected: no more is inflated than the image announces, and one byte.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from capture.markers import PNG_SIGNATURE

Bytes: TypeAlias = bytes | memoryview

TAKEN, GIVEN = 1 << 18, 1 << 20
"""Bytes taken and given at a time: what zlib does not take at once, it copies."""
ADAM7 = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
"""First column, step, first row, step of each pass of an interlaced image (PNG third edition, §8.2)."""
LINE_ENDS = (b"", b"\n", b"\r", b"\r\n")
"""What PDF writers put before `endstream`, some of them inside the stream's length."""


class Surplus(ValueError):
    """The stream holds more than the image."""


class Shortage(ValueError):
    """The stream ends before the image does."""


def inflate_pieces(parts: Iterable[Bytes], needed: int) -> Iterator[bytes]:
    """The `needed` bytes of a zlib stream that lies in `parts`, in pieces of at most 1 MB.

    Raises Surplus where the stream inflates to more or is followed by more than a line's end, Shortage where it inflates to less,
    zlib.error where it is damaged. A missing checksum at the end hides nothing and is not asked for.
    """
    engine, given, after = zlib.decompressobj(), 0, b""
    for part in _slices(parts):
        left: Bytes = part
        while True:
            piece = engine.decompress(left, min(GIVEN, needed + 1 - given))
            given += len(piece)
            after = engine.unused_data
            if given > needed:
                raise Surplus(f"> {needed} octets")
            if after not in LINE_ENDS:
                raise Surplus(f"≥ {len(after)} octets, Flate")
            if piece:
                yield piece
            left = engine.unconsumed_tail
            # zlib may hold back what it has taken in until it is asked again.
            if engine.eof or not (left or piece):
                break
    if given < needed:
        raise Shortage(f"{given} < {needed} octets")


def _slices(parts: Iterable[Bytes]) -> Iterator[memoryview]:
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), TAKEN):
            yield view[start : start + TAKEN]


def image_data(png: bytes) -> Iterator[memoryview]:
    """The contents of the IDAT chunks, up to IEND or to the end of what is there."""
    view, at = memoryview(png), len(PNG_SIGNATURE)
    while at + 12 <= len(view):
        length, kind = struct.unpack(">I4s", view[at : at + 8])
        if kind == b"IDAT":
            yield view[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return
        at += 12 + length


def png_header(png: bytes) -> bytes:
    """The 13 bytes of IHDR, which is the first chunk (PNG third edition, §5.6)."""
    return png[16:29]


def filtered_size(header: bytes) -> int:
    """Bytes that the rows of an IHDR take, each with its filter's byte (PNG third edition, §7.3 and §8)."""
    width, height, bits, colour, _compression, _filter, interlaced = struct.unpack(">IIBBBBB", header)
    deep = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    if not interlaced:
        return int(height * (1 + (width * deep + 7) // 8))
    sizes = (((width - x + across - 1) // across, (height - y + down - 1) // down) for x, across, y, down in ADAM7)
    return sum(rows * (1 + (columns * deep + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)


def checked_png(header: bytes, parts: Iterable[Bytes]) -> bytearray:
    """A PNG with the same rows, stored: inflated once, here, so that libpng need not do it again. Raises like `inflate_pieces`."""
    packer, png = zlib.compressobj(0), bytearray(PNG_SIGNATURE)
    _append(png, b"IHDR", header)
    for piece in inflate_pieces(parts, filtered_size(header)):
        _append(png, b"IDAT", packer.compress(piece))
    _append(png, b"IDAT", packer.flush())
    _append(png, b"IEND", b"")
    return png


def _append(png: bytearray, kind: bytes, body: bytes) -> None:
    png += struct.pack(">I", len(body)) + kind
    png += body
    png += struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
