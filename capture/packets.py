"""Are all bit-planes of a reversible JPEG 2000 codestream there? Read from its packet headers, without decoding a coefficient.

The 5-3 wavelet alone proves nothing: a rate limit leaves out the lowest bit-planes, and the file still says "reversible". What this
reading does not know (packed headers, regions of interest, changes of progression, high throughput) is answered by None, never by yes.
"""

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

MAX_BLOCKS = 2_000_000
"""Code-blocks of one image: 300 megapixels in three colours have 300,000 of the usual size."""
_KNOWN_STYLES = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20
"""Bypass, reset, termination, vertical context, predictable termination, segmentation (table A.19); all but two change no header."""
_BYPASS, _TERMINATE = 0x01, 0x04
_REFUSED = {0x50, 0x5E, 0x5F, 0x60, 0x61}
"""CAP, RGN, POC, PPM, PPT."""
_STRAY = re.compile(rb"\xff[\x90\x93-\xff]")
"""FF91 and FF92 begin and end a packet's header (SOP, EPH)."""
_TILE_OWN = {0x52, 0x53, 0x5C, 0x5D}
"""COD, COC, QCD, QCC, which a tile may have of its own."""

Area: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom; the last two outside."""


class _Unknown(Exception):
    """A feature that is not followed here, or bytes that contradict the format."""


class _Short(Exception):
    """The packets end before the image does."""


def all_planes(stream: bytes) -> bool | None:
    """True where every code-block has all its coding passes; False where some are left out; None where that cannot be told.

    `stream` is a codestream from SOC on (ISO/IEC 15444-1 Annexes A and B). Never raises.
    """
    try:
        image, tiles = _read_headers(stream)
        found = [block for number, parts in tiles.items() for block in _read_tile(image, number, b"".join(parts))]
    except _Short:
        return False
    except (_Unknown, struct.error, IndexError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if any(block.passes != block.expected for block in found if block.included):
        return False
    finest = [block for block in found if block.finest]
    # A block that is never there may be all zero; a whole finest level that is never there may have been left out.
    return None if finest and not any(block.included for block in finest) else True


def holds_stray_marker(stream: bytes) -> bool:
    """Whether coded data hold what no coder writes: FF before 90 or more (D.1, B.10.1), but for the markers of packets.

    JPEG 2000 has no checksums; this finds overwritten bytes about every second time that 400 of them are random, and FF at once.
    """
    try:
        _image, tiles = _read_headers(stream)
    except (_Unknown, _Short, struct.error, IndexError, ValueError, ZeroDivisionError, OverflowError):
        return False
    return any(_STRAY.search(part) for parts in tiles.values() for part in parts)


# --- headers ---


@dataclass(frozen=True, slots=True)
class _Style:
    """How one component is cut and coded (COD and COC, A.6.1)."""

    levels: int
    block: tuple[int, int]
    """Exponents of width and height."""
    style: int
    precincts: tuple[tuple[int, int], ...]
    """Exponents by resolution, the coarsest first."""


@dataclass(slots=True)
class _Image:
    size: tuple[int, int, int, int]
    """Right, bottom, left, top on the reference grid."""
    tile: tuple[int, int, int, int]
    """Width, height, left, top."""
    steps: tuple[tuple[int, int], ...]
    """Sampling of each component, across and down."""
    order: int = 0
    layers: int = 1
    styles: dict[int, _Style] = field(default_factory=dict)
    """By component; -1 for those that have none of their own."""
    planes: dict[int, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    """Guard bits, and the exponent of each subband (QCD and QCC, A.6.4), likewise."""

    def style(self, component: int) -> _Style:
        return self.styles.get(component, self.styles[-1])

    def plane_count(self, component: int, band: int) -> int:
        guard, exponents = self.planes.get(component, self.planes[-1])
        return guard + exponents[band] - 1


def _read_headers(stream: bytes) -> tuple[_Image, dict[int, list[bytes]]]:
    """The main header, and the data of each tile's parts."""
    at, image = 2, None
    tiles: dict[int, list[bytes]] = {}
    while stream[at : at + 2] not in (b"\xff\xd9", b""):
        marker, length = struct.unpack(">xBH", stream[at : at + 4])
        body = stream[at + 4 : at + 2 + length]
        if marker in _REFUSED:
            raise _Unknown
        if marker == 0x90:
            if image is None:
                raise _Unknown
            number, data, at = _read_part(stream, at, body)
            tiles.setdefault(number, []).append(data)
            continue
        if marker == 0x51:
            image = _read_size(body)
        elif image is not None:
            _note_segment(image, marker, body)
        at += 2 + length
    if image is None or -1 not in image.styles or -1 not in image.planes:
        raise _Unknown
    wanted = -(-(image.size[0] - image.tile[2]) // image.tile[0]) * -(-(image.size[1] - image.tile[3]) // image.tile[1])
    if len(tiles) < wanted:
        raise _Short
    return image, tiles


def _read_part(stream: bytes, at: int, body: bytes) -> tuple[int, bytes, int]:
    """Tile number, data, and where the next part begins (A.4.2)."""
    number, span = struct.unpack(">HI", body[:6])
    end = at + span if span else len(stream) - 2
    if end > len(stream):
        raise _Short
    where = at + 12
    while stream[where + 1] != 0x93:
        marker, length = struct.unpack(">xBH", stream[where : where + 4])
        if marker in _REFUSED | _TILE_OWN:
            raise _Unknown
        where += 2 + length
    return number, stream[where + 2 : end], end


def _read_size(body: bytes) -> _Image:
    right, bottom, left, top, wide, high, tile_left, tile_top, count = struct.unpack(">8IH", body[2:36])
    steps = tuple((body[37 + 3 * i], body[38 + 3 * i]) for i in range(count))
    if not wide or not high or not all(x and y for x, y in steps):
        raise _Unknown
    return _Image((right, bottom, left, top), (wide, high, tile_left, tile_top), steps)


def _note_segment(image: _Image, marker: int, body: bytes) -> None:
    wide = 1 if len(image.steps) < 257 else 2
    if marker == 0x52:
        image.order, image.layers = body[1], struct.unpack(">H", body[2:4])[0]
        image.styles[-1] = _read_style(body[5:], bool(body[0] & 1))
    elif marker == 0x53:
        image.styles[int.from_bytes(body[:wide], "big")] = _read_style(body[wide + 1 :], bool(body[wide] & 1))
    elif marker == 0x5C:
        image.planes[-1] = _read_planes(body)
    elif marker == 0x5D:
        image.planes[int.from_bytes(body[:wide], "big")] = _read_planes(body[wide:])


def _read_style(body: bytes, cut: bool) -> _Style:
    levels, across, down, style = body[0], body[1] + 2, body[2] + 2, body[3]
    if style & ~_KNOWN_STYLES or levels > 32:
        raise _Unknown
    sizes = tuple((size & 15, size >> 4) for size in body[5 : 6 + levels]) if cut else ((15, 15),) * (levels + 1)
    if len(sizes) <= levels:
        raise _Unknown
    return _Style(levels, (across, down), style, sizes)


def _read_planes(body: bytes) -> tuple[int, tuple[int, ...]]:
    if body[0] & 31:
        raise _Unknown  # Quantised: not reversible, whatever the wavelet.
    return body[0] >> 5, tuple(value >> 3 for value in body[1:])


# --- the parts of a tile (Annex B) ---


@dataclass(slots=True)
class _Block:
    """A code-block, and what of it has been seen."""

    planes: int
    finest: bool
    included: bool = False
    passes: int = 0
    expected: int = 0
    length_bits: int = 3
    room: int = 0
    """Passes that its open segment may still take."""
    last_room: int = 0


@dataclass(slots=True)
class _Band:
    """The code-blocks of one subband within one precinct, and their two tag trees."""

    blocks: list[_Block]
    inclusion: "_Tree"
    empty: "_Tree"


@dataclass(slots=True)
class _Precinct:
    component: int
    resolution: int
    number: int
    place: tuple[int, int]
    """Down and across on the reference grid, as the position progressions count (B.12.1)."""
    style: int
    bands: list[_Band]


def _read_tile(image: _Image, number: int, data: bytes) -> Iterable[_Block]:
    precincts = list(_cut_tile(image, number))
    reader = _Bits(data)
    for precinct, layer in _in_order(precincts, image, len(data)):
        _read_packet(reader, precinct, layer)
    if reader.at != len(data):
        raise _Unknown  # Bytes that no packet owns: something was read otherwise than it was written.
    return (block for precinct in precincts for band in precinct.bands for block in band.blocks)


def _in_order(precincts: list[_Precinct], image: _Image, size: int) -> Iterable[tuple[_Precinct, int]]:
    """Packets in their progression (B.12): layer, resolution, component, position. `size`: bytes that they share."""
    keys: dict[int, Callable[[_Precinct, int], tuple[Any, ...]]] = {
        0: lambda p, layer: (layer, p.resolution, p.component, p.number),
        1: lambda p, layer: (p.resolution, layer, p.component, p.number),
        2: lambda p, layer: (p.resolution, p.place, p.component, p.number, layer),
        3: lambda p, layer: (p.place, p.component, p.resolution, p.number, layer),
        4: lambda p, layer: (p.component, p.place, p.resolution, p.number, layer),
    }
    if image.order not in keys or len(precincts) * image.layers > MAX_BLOCKS:
        raise _Unknown
    if len(precincts) * image.layers > size:
        raise _Short  # Every packet has a byte at least (B.10): 65,535 layers of a kilobyte would be sorted for seconds.
    key = keys[image.order]
    return sorted(((p, layer) for p in precincts for layer in range(image.layers)), key=lambda pair: key(*pair))


def _cut_tile(image: _Image, number: int) -> Iterator[_Precinct]:
    wide, high, left, top = image.tile
    across = -(-(image.size[0] - left) // wide)
    q, p = divmod(number, across)
    tile = (
        max(left + p * wide, image.size[2]), max(top + q * high, image.size[3]),
        min(left + (p + 1) * wide, image.size[0]), min(top + (q + 1) * high, image.size[1]),
    )  # fmt: skip
    count = 0
    for component, (step_x, step_y) in enumerate(image.steps):
        area = (-(-tile[0] // step_x), -(-tile[1] // step_y), -(-tile[2] // step_x), -(-tile[3] // step_y))
        for resolution in range(image.style(component).levels + 1):
            for precinct in _cut_resolution(image, component, resolution, area, tile):
                count += sum(len(band.blocks) for band in precinct.bands) + 1
                if count > MAX_BLOCKS:
                    raise _Unknown
                yield precinct


def _cut_resolution(image: _Image, component: int, resolution: int, area: Area, tile: Area) -> Iterator[_Precinct]:
    style = image.style(component)
    below = style.levels - resolution
    whole = tuple(-(-side // (1 << below)) for side in area)
    across, down = style.precincts[resolution]
    if whole[0] >= whole[2] or whole[1] >= whole[3]:
        return
    columns = range(whole[0] >> across, -(-whole[2] // (1 << across)))
    rows = range(whole[1] >> down, -(-whole[3] // (1 << down)))
    if len(columns) * len(rows) > MAX_BLOCKS:
        raise _Unknown
    step_x, step_y = image.steps[component]
    for index, (row, column) in enumerate((row, column) for row in rows for column in columns):
        place = max((row << (down + below)) * step_y, tile[1]), max((column << (across + below)) * step_x, tile[0])
        bands = [_cut_band(image, component, resolution, band, area, (column, row)) for band in ((0,) if not resolution else (1, 2, 3))]
        yield _Precinct(component, resolution, index, place, style.style, bands)


def _cut_band(image: _Image, component: int, resolution: int, band: int, area: Area, precinct: tuple[int, int]) -> _Band:
    """`band` 0 is LL, 1 HL, 2 LH, 3 HH (B.5)."""
    style = image.style(component)
    depth = style.levels - resolution + (1 if resolution else 0)
    half = (1 << depth) >> 1
    sides = [-(-(side - (half if band & (1 << (i % 2)) else 0)) // (1 << depth)) for i, side in enumerate(area)]
    exponents = [exponent - (1 if resolution else 0) for exponent in style.precincts[resolution]]
    begin = [max(sides[i], precinct[i] << exponents[i]) for i in (0, 1)]
    end = [min(sides[i + 2], (precinct[i] + 1) << exponents[i]) for i in (0, 1)]
    cut = [min(style.block[i], exponents[i]) for i in (0, 1)]
    empty = begin[0] >= end[0] or begin[1] >= end[1]
    wide, high = ((-(-end[i] // (1 << cut[i])) - (begin[i] >> cut[i])) for i in (0, 1)) if not empty else (0, 0)
    if wide * high > MAX_BLOCKS:
        raise _Unknown
    planes = image.plane_count(component, 0 if not resolution else 3 * resolution - 3 + band)
    finest = resolution == style.levels and resolution > 0
    return _Band([_Block(planes, finest) for _ in range(wide * high)], _Tree(wide, high), _Tree(wide, high))


# --- packet headers (B.10) ---


class _Bits:
    """Bits of a packet header: after a byte FF the next one has seven."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self._byte = self._left = 0

    def bit(self) -> int:
        if not self._left:
            self._left = 7 if self._byte == 0xFF else 8
            if self.at >= len(self.data):
                raise _Short
            self._byte = self.data[self.at]
            self.at += 1
        self._left -= 1
        return self._byte >> self._left & 1

    def number(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def align(self) -> None:
        if self._byte == 0xFF:
            self.at += 1
        self._byte = self._left = 0

    def skip(self, marker: bytes, length: int) -> None:
        if self.data[self.at : self.at + 2] == marker:
            self.at += length


class _Tree:
    """A tag tree (B.10.2): the least value of four neighbours, level by level."""

    def __init__(self, wide: int, high: int) -> None:
        self.wide = wide
        self.levels: list[tuple[int, list[int], list[bool]]] = []
        while wide and high:
            self.levels.append((wide, [0] * (wide * high), [False] * (wide * high)))
            if wide == high == 1:
                break
            wide, high = -(-wide // 2), -(-high // 2)

    def below(self, index: int, limit: int, bits: _Bits) -> bool:
        """Whether the leaf's value is below `limit`, reading no further than that takes."""
        row, column = divmod(index, self.wide)
        least = 0
        for depth in range(len(self.levels) - 1, -1, -1):
            wide, values, known = self.levels[depth]
            at = (row >> depth) * wide + (column >> depth)
            values[at] = max(values[at], least)
            while not known[at] and values[at] < limit:
                if bits.bit():
                    known[at] = True
                else:
                    values[at] += 1
            least = values[at]
            if not known[at]:
                return False
        return least < limit

    def value(self, index: int, bits: _Bits) -> int:
        limit = 1
        while not self.below(index, limit, bits):
            limit += 1
            if limit > 80:
                raise _Unknown
        return limit - 1


def _read_packet(bits: _Bits, precinct: _Precinct, layer: int) -> None:
    bits.skip(b"\xff\x91", 6)
    length = 0
    if bits.bit():
        for band in precinct.bands:
            for index, block in enumerate(band.blocks):
                length += _read_block(bits, band, index, block, layer, precinct.style)
    bits.align()
    bits.skip(b"\xff\x92", 2)
    bits.at += length
    if bits.at > len(bits.data):
        raise _Short


def _read_block(bits: _Bits, band: _Band, index: int, block: _Block, layer: int, style: int) -> int:
    """The bytes that this packet holds of a code-block."""
    if block.included:
        if not bits.bit():
            return 0
    else:
        if not band.inclusion.below(index, layer + 1, bits):
            return 0
        block.included = True
        block.expected = max(0, 3 * (block.planes - band.empty.value(index, bits)) - 2)
    passes = _read_passes(bits)
    block.passes += passes
    while bits.bit():
        block.length_bits += 1
    length = 0
    while passes:
        if not block.room:
            block.last_room = block.room = _room(style, block.last_room)
        taken = min(passes, block.room)
        length += bits.number(block.length_bits + taken.bit_length() - 1)
        block.room -= taken
        passes -= taken
    return length


def _room(style: int, before: int) -> int:
    """Passes of a block's next segment: one where each is terminated; with bypass ten, then two raw and one coded in turn (D.6)."""
    if style & _TERMINATE:
        return 1
    if not style & _BYPASS:
        return 1000
    return 10 if not before else 1 if before == 2 else 2


def _read_passes(bits: _Bits) -> int:
    """Table B.4."""
    if not bits.bit():
        return 1
    if not bits.bit():
        return 2
    few = bits.number(2)
    if few < 3:
        return 3 + few
    more = bits.number(5)
    return 6 + more if more < 31 else 37 + bits.number(7)
