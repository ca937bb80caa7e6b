"""Headers of PNG, JPEG, JPEG 2000, WebP and JBIG2, read without decoding a pixel.

Each reader takes a seekable binary file (or BytesIO for a stream inside a PDF) and its size,
and raises `BrokenHeader` with the code of the finding.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from capture.ifd import BrokenDirectory, Directory, walk_directories
from capture.packets import all_planes, holds_stray_marker

PIECE = 1 << 20
MAX_PARTS = 400_000
"""Chunks, segments or boxes of one file: PNG writers use 8 KB to 2 GB each, so that even 3 GB stay below."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
METRE = 0.0254
"""Metres in an inch."""

Pair = tuple[float, float]


class BrokenHeader(ValueError):
    """The bytes contradict the format. `code` is that of the finding."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says, before any of it is judged."""

    codec: str
    lossless: bool | None
    width: int
    height: int
    bits: int
    channels: int
    """Stored samples per pixel; a palette has one."""
    dpi: Pair | None = None
    orientation: int = 1
    alpha: bool = False
    palette: bool = False
    colours: str = ""
    """gray, rgb, cmyk or other."""
    trouble: tuple[str, str] | None = None
    """Code and detail of a finding where the header can be read but the file is not whole, or not one page of full colours."""
    limit: str | None = None
    """What the detail is held against, where there is such a thing."""


# --- PNG (third edition, W3C 2025) ---


def read_png(file: BinaryIO, size: int) -> Header:
    """Every chunk's CRC is checked; IHDR, IDAT and IEND must be there (§5.6)."""
    seen: dict[bytes, bytes] = {}
    stored = after = 0
    trouble: tuple[str, str] | None = None
    try:
        for kind, start, length in _png_chunks(file, size):
            seen[kind] = _checked_body(file, kind, start, length)
            stored += length if kind == b"IDAT" else 0
            if kind == b"IEND":
                after = size - start - length - 4
                break
    except BrokenHeader as error:
        trouble = (error.code, str(error))
    if len(seen.get(b"IHDR", b"")) != 13:
        raise BrokenHeader(*(trouble or ("truncated" if size < 33 else "damaged", "IHDR")))
    header = _png_header(seen[b"IHDR"], _phys(seen.get(b"pHYs", b"")), b"tRNS" in seen)
    trouble = trouble or _png_trouble(header, seen, stored) or _png_told(header, seen) or _trailing(after)
    return replace(header, trouble=trouble, limit="8" if trouble and trouble[0] == "few-bits" else None)


def _png_trouble(header: Header, seen: dict[bytes, bytes], stored: int) -> tuple[str, str] | None:
    if b"IEND" not in seen or not stored:
        return "truncated", "IEND" if stored else "IDAT"
    needed = header.height * (1 + (header.width * header.channels * header.bits + 7) // 8)
    if needed > 1040 * stored + 1024:  # Deflate cannot expand by more than 1032 (RFC 1951).
        return "truncated", f"IDAT {stored} octets"
    return None


def _png_told(header: Header, seen: dict[bytes, bytes]) -> tuple[str, str] | None:
    """What the file itself says against being one whole page: more images (acTL, §11.3.6.1), or fewer bits than it stores (sBIT)."""
    frames = seen.get(b"acTL", b"")
    if len(frames) >= 8 and struct.unpack(">I", frames[:4])[0] > 1:
        return "mixed-page", f"APNG, {struct.unpack('>I', frames[:4])[0]} images"
    colours = {"rgb": 3, "gray": 1}[header.colours]
    least = min(seen.get(b"sBIT", b"")[:colours], default=header.bits)
    return ("few-bits", str(least)) if least < min(header.bits, 8) and not header.palette else None


def _trailing(after: int) -> tuple[str, str] | None:
    return ("trailing-data", f"{after} octets") if after else None


def _png_chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    where = len(PNG_SIGNATURE)
    for _ in range(MAX_PARTS):
        file.seek(where)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if where + 12 + length > size:
            raise BrokenHeader("truncated", kind.decode("latin-1"))
        yield kind, where + 8, length
        where += 12 + length
    raise BrokenHeader("damaged", f"> {MAX_PARTS} chunks")


def png_complete(file: BinaryIO, size: int) -> bool:
    """IEND closes the file, or closes the chain of chunks where bytes follow it."""
    if _read_at(file, max(0, size - 8), 8) == b"IEND\xae\x42\x60\x82":
        return True
    return any(kind == b"IEND" for kind, _start, _length in _png_chunks(file, size))


def _checked_body(file: BinaryIO, kind: bytes, start: int, length: int) -> bytes:
    """The first bytes of a chunk; raises BrokenHeader where the CRC is wrong."""
    file.seek(start)
    crc, left, keep = zlib.crc32(kind), length, b""
    while left:
        piece = file.read(min(left, PIECE))
        if not piece:
            raise BrokenHeader("truncated", kind.decode("latin-1"))
        keep = keep or piece[:32]
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
    if file.read(4) != struct.pack(">I", crc):
        raise BrokenHeader("bad-checksum", kind.decode("latin-1"))
    return keep


def _phys(body: bytes) -> Pair | None:
    if len(body) < 9:
        return None
    x, y, unit = struct.unpack(">IIB", body[:9])
    return _dpi(x * METRE, y * METRE) if unit == 1 else None


def _png_header(first: bytes, phys: Pair | None, transparent: bool) -> Header:
    width, height, bits, colour, _compression, _filter, _interlace = struct.unpack(">IIBBBBB", first)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour)
    if channels is None or bits not in (1, 2, 4, 8, 16):
        raise BrokenHeader("damaged", f"IHDR {colour}/{bits}")
    colours = "rgb" if colour in (2, 6) else "gray"
    return Header("png", True, width, height, bits, channels, phys, 1, transparent or colour in (4, 6), colour == 3, colours)


# --- JPEG (ITU-T T.81), JFIF, EXIF ---


@dataclass(frozen=True, slots=True)
class _Segments:
    frame: tuple[int, bytes] | None
    density: Pair | None
    exif: Directory | None
    adobe: int | None
    scan: int
    """Where the first entropy-coded data start."""


def read_jpeg(file: BinaryIO, size: int) -> Header:
    """Frame type, size and density; a file without EOI is truncated."""
    seen = _jpeg_segments(file, size)
    if seen.frame is None:
        raise BrokenHeader("truncated", "SOF")
    marker, body = seen.frame
    bits, height, width, channels = struct.unpack(">BHHB", body[:6])
    if channels not in (1, 3, 4):
        raise BrokenHeader("damaged", f"SOF: {channels}")
    codec, lossless = _jpeg_codec(marker)
    dpi, orientation = seen.density, 1
    if seen.exif is not None:
        dpi = dpi or tagged_dpi(seen.exif)
        orientation = valid_orientation(seen.exif.whole(274, 1))
    colours = {1: "gray", 3: "rgb", 4: "cmyk"}[channels]
    trouble = None if ends_with_eoi(file, size, seen.scan) else ("truncated", "EOI")
    return Header(codec, lossless, width, height, bits, channels, dpi, orientation, False, False, colours, trouble)


def _jpeg_codec(marker: int) -> tuple[str, bool | None]:
    if marker in (0xC3, 0xC7, 0xCB, 0xCF):
        return "jpeg_lossless", True
    if marker == 0xF7:
        return "jpeg_ls", None  # The NEAR parameter, in the scan header, decides; no decoder here reads it.
    return "jpeg", False


def _jpeg_segments(file: BinaryIO, size: int) -> _Segments:
    """Segments up to the first scan (T.81 §B.1.1)."""
    frame: tuple[int, bytes] | None = None
    density: Pair | None = None
    exif: Directory | None = None
    adobe: int | None = None
    where = 2
    for _ in range(10_000):
        file.seek(where)
        head = file.read(4)
        if len(head) < 4:
            raise BrokenHeader("truncated", "SOS")
        if head[0] != 0xFF:
            raise BrokenHeader("damaged", f"marker at {where}")
        marker = head[1]
        if marker == 0xFF:  # Fill bytes may precede a marker.
            where += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            where += 2
            continue
        length = struct.unpack(">H", head[2:])[0]
        if length < 2 or where + 2 + length > size:
            raise BrokenHeader("truncated" if length >= 2 else "damaged", f"marker {marker:02X}")
        if marker == 0xDA:
            return _Segments(frame, density, exif, adobe, where + 2 + length)
        body = file.read(length - 2)
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            frame = frame or (marker, body.ljust(6, b"\0"))
        elif marker == 0xE0 and body[:5] == b"JFIF\0":
            density = density or _jfif_density(body)
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            exif = exif or read_exif(body[6:])
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe = body[11]
        where += 2 + length
    raise BrokenHeader("damaged", "> 10000 segments")


def _jfif_density(body: bytes) -> Pair | None:
    if len(body) < 12:
        return None
    unit, x, y = struct.unpack(">BHH", body[7:12])
    factor = {1: 1.0, 2: 2.54}.get(unit)
    return _dpi(x * factor, y * factor) if factor else None


def read_exif(block: bytes) -> Directory | None:
    """The first directory of an EXIF block; None where it is broken, for EXIF is a courtesy and not the image."""
    try:
        return next(walk_directories(io.BytesIO(block), len(block)), None)
    except (BrokenDirectory, struct.error):
        return None


def tagged_dpi(tags: Directory) -> Pair | None:
    """Dots per inch from TIFF tags XResolution, YResolution and ResolutionUnit (inch where absent, TIFF 6.0 §8)."""
    x, y = tags.ratio(282), tags.ratio(283)
    factor = {2: 1.0, 3: 2.54}.get(tags.whole(296, 2))
    if x is None or y is None or factor is None:
        return None
    return _dpi(x * factor, y * factor)


def valid_orientation(value: int) -> int:
    return value if 1 <= value <= 8 else 1


def ends_with_eoi(file: BinaryIO, size: int, start: int) -> bool:
    """Within the last 64 KB after the first scan; entropy-coded data cannot hold FF D9 (T.81 §F.1.2.3)."""
    where = max(start, size - 65_536)
    file.seek(where)
    return b"\xff\xd9" in file.read(65_536)


def jpeg_complete(file: BinaryIO, size: int) -> bool:
    return ends_with_eoi(file, size, _jpeg_segments(file, size).scan)


# --- JPEG 2000 (ISO/IEC 15444-1) ---


def read_jp2(file: BinaryIO, size: int) -> Header:
    """The box file format (Annex I): size and codec from the codestream, resolution from `res `, never from a name."""
    dpi: dict[bytes, Pair] = {}
    alpha = palette = False
    space = 0
    stream: tuple[int, int] | None = None
    for kind, start, end in _boxes(file, 0, size):
        if kind == b"jp2c" and stream is None:
            stream = (start, end)
        if kind in (b"resc", b"resd"):
            found = _box_dpi(_read_at(file, start, min(end - start, 10)))
            if found:
                dpi[kind] = found
        elif kind == b"cdef":
            alpha = alpha or _has_alpha(_read_at(file, start, min(end - start, 1024)))
        elif kind == b"pclr":
            palette = True
        elif kind == b"colr" and not space:
            body = _read_at(file, start, min(end - start, 7))
            space = struct.unpack(">I", body[3:7])[0] if len(body) == 7 and body[0] == 1 else -1
    if stream is None:
        raise BrokenHeader("truncated", "jp2c")
    coded = read_codestream(file, *stream)
    colours = "other" if palette or space == 18 else "cmyk" if space == 12 else coded.colours
    return Header(
        coded.codec,
        coded.lossless,
        coded.width,
        coded.height,
        coded.bits,
        coded.channels,
        dpi.get(b"resc") or dpi.get(b"resd"),
        1,
        alpha or (coded.alpha and colours != "cmyk"),
        False,
        colours,
        coded.trouble,
    )


def _boxes(file: BinaryIO, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Each box as kind, start and end of its contents; `jp2h` and `res ` are entered."""
    where = start
    for _ in range(1000):
        if where + 8 > end:
            return
        length, kind = struct.unpack(">I4s", _read_at(file, where, 8))
        head = 8
        if length == 1:
            length, head = struct.unpack(">Q", _read_at(file, where + 8, 8))[0], 16
        stop = end if length == 0 else where + length
        if stop > end or stop < where + head:
            raise BrokenHeader("truncated" if stop > end else "damaged", kind.decode("latin-1"))
        if kind in (b"jp2h", b"res ") and depth < 3:
            yield from _boxes(file, where + head, stop, depth + 1)
        else:
            yield kind, where + head, stop
        where = stop


def _box_dpi(body: bytes) -> Pair | None:
    if len(body) < 10:
        return None
    vertical, below_v, horizontal, below_h, power_v, power_h = struct.unpack(">HHHHbb", body)
    if not below_v or not below_h:
        return None
    return _dpi(horizontal / below_h * 10.0**power_h * METRE, vertical / below_v * 10.0**power_v * METRE)


def _has_alpha(body: bytes) -> bool:
    count = struct.unpack(">H", body[:2])[0] if len(body) >= 2 else 0
    kinds = [struct.unpack(">H", body[4 + 6 * i : 6 + 6 * i])[0] for i in range(count) if 6 + 6 * i <= len(body)]
    return any(kind in (1, 2) for kind in kinds)


def read_codestream(file: BinaryIO, start: int, end: int) -> Header:
    """SIZ gives the size, COD and COC the wavelet of the image and of every tile (Annex A.5, A.6): 9-7 is not reversible; 5-3 is, and
    loses nothing where all its bit-planes were kept.
    """
    if _read_at(file, start, 2) != b"\xff\x4f":
        raise BrokenHeader("damaged", "SOC")
    siz = b""
    wavelets: set[int] = set()
    for marker, body in _j2k_segments(file, start + 2, end):
        if marker == 0x51:
            siz = body
        elif marker == 0x52 and len(body) >= 10:
            wavelets.add(body[9])
        elif marker == 0x53:
            wide = 2 if len(siz) >= 36 and struct.unpack(">H", siz[34:36])[0] > 256 else 1
            if len(body) >= wide + 6:
                wavelets.add(body[wide + 5])
    if len(siz) < 39 or not wavelets:
        raise BrokenHeader("truncated", "SIZ" if len(siz) < 39 else "COD")
    tail = _read_at(file, max(start, end - 64), min(64, end - start))
    reversible = wavelets == {1}
    header = _siz_header(siz, "jpeg2000_5_3" if reversible else "jpeg2000_9_7", reversible)
    if b"\xff\xd9" not in tail:
        return replace(header, trouble=("truncated", "EOC"))
    if not reversible:
        return header  # It is refused whatever its data are.
    stream = _read_at(file, start, end - start)
    if holds_stray_marker(stream):
        return replace(header, trouble=("damaged", "FF 90…FF"))
    return replace(header, lossless=all_planes(stream))


def _siz_header(siz: bytes, codec: str, lossless: bool | None) -> Header:
    right, bottom, left, top = struct.unpack(">IIII", siz[2:18])
    channels = struct.unpack(">H", siz[34:36])[0]
    parts = [siz[36 + 3 * i : 39 + 3 * i] for i in range(min(channels, (len(siz) - 36) // 3))]
    plain = all(part[1] == part[2] == 1 and not part[0] & 0x80 for part in parts)
    bits = max((part[0] & 0x7F) + 1 for part in parts)
    colours = {1: "gray", 2: "gray", 3: "rgb", 4: "rgb"}.get(channels, "other") if plain else "other"
    return Header(codec, lossless, right - left, bottom - top, bits, channels, None, 1, channels in (2, 4), False, colours)


def _j2k_segments(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Segments of the main header and of each tile-part's header; tile data are skipped by Psot (A.4.2)."""
    where, part_end = start, 0
    for _ in range(MAX_PARTS):
        if where + 4 > end:
            return
        marker, length = struct.unpack(">HH", _read_at(file, where, 4))
        if marker == 0xFFD9:
            return
        if marker == 0xFF93:  # SOD: data follow up to the end of the tile-part; Psot of 0 means up to the end.
            if not part_end:
                return
            where, part_end = part_end, 0
            continue
        if marker >> 8 != 0xFF or length < 2:
            raise BrokenHeader("damaged", f"marker {marker:04X}")
        body = _read_at(file, where + 4, min(length - 2, max(0, end - where - 4)))
        if len(body) < length - 2:
            raise BrokenHeader("truncated", f"marker {marker:04X}")
        if marker == 0xFF90 and len(body) >= 8:
            span = struct.unpack(">I", body[2:6])[0]
            part_end = where + span if span else 0
            if part_end > end:
                raise BrokenHeader("truncated", "SOT")
            if span and span < 14:
                raise BrokenHeader("damaged", "SOT")
        yield marker & 0xFF, body
        where += 2 + length


def jp2_complete(file: BinaryIO, size: int) -> bool:
    if _read_at(file, 0, 2) == b"\xff\x4f":
        return b"\xff\xd9" in _read_at(file, max(0, size - 64), 64)
    ends = [(start, end) for kind, start, end in _boxes(file, 0, size) if kind == b"jp2c"]
    return bool(ends) and b"\xff\xd9" in _read_at(file, max(ends[0][0], ends[0][1] - 64), 64)


# --- WebP (RFC 9649) ---


def read_webp(file: BinaryIO, size: int) -> Header:
    """VP8 is lossy, VP8L lossless; an animation is read by its first frame's codec."""
    if not webp_complete(file, size):
        raise BrokenHeader("truncated", "RIFF")
    exif: Directory | None = None
    found: Header | None = None
    alpha = False
    where = 12
    for _ in range(1000):
        if where + 8 > size:
            break
        kind, length = struct.unpack("<4sI", _read_at(file, where, 8))
        body = _read_at(file, where + 8, min(length, 65_536 if kind == b"EXIF" else 32))
        if kind == b"VP8X" and body:
            alpha = bool(body[0] & 0x10)
        elif kind in (b"VP8 ", b"VP8L") and found is None:
            found = _webp_frame(kind, body)
        elif kind == b"EXIF":
            exif = read_exif(body.removeprefix(b"Exif\0\0"))
        where += 8 + length + (length & 1)
    if found is None:
        raise BrokenHeader("damaged", "VP8")
    dpi = tagged_dpi(exif) if exif else None
    orientation = valid_orientation(exif.whole(274, 1)) if exif else 1
    alpha = alpha or found.alpha
    return Header(found.codec, found.lossless, found.width, found.height, 8, 4 if alpha else 3, dpi, orientation, alpha, False, "rgb")


def _webp_frame(kind: bytes, body: bytes) -> Header:
    if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        packed = struct.unpack("<I", body[1:5])[0]
        return Header("webp_lossless", True, (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, 8, 3, alpha=bool(packed >> 28 & 1))
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", body[6:10])
        return Header("webp_lossy", False, width & 0x3FFF, height & 0x3FFF, 8, 3)
    raise BrokenHeader("damaged", "VP8")


def webp_complete(file: BinaryIO, size: int) -> bool:
    head = _read_at(file, 0, 12)
    return len(head) == 12 and size >= struct.unpack("<I", head[4:8])[0] + 8


# --- JBIG2 inside PDF (ITU-T T.88 §7.2, embedded organisation) ---


def jbig2_codec(data: bytes, shared: bytes = b"") -> tuple[str, bool | None]:
    """jbig2_generic where only generic regions are coded, which lose nothing; any dictionary, text, halftone or refinement
    is jbig2_symbols, for the encoder may have put one glyph in the place of another."""
    kinds = set(_jbig2_kinds(data)) | set(_jbig2_kinds(shared))
    pixels = kinds - {48, 49, 50, 51, 52, 53, 62}
    if pixels and pixels <= {36, 38, 39}:
        return "jbig2_generic", True
    return "jbig2_symbols", None


REGIONS = frozenset({4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43})
"""JBIG2 segments that begin with a region's width and height (T.88, 7.4.1)."""
SPARE_PIXELS = 1 << 22


def jbig2_excess(data: bytes, shared: bytes, width: int, height: int) -> str | None:
    """A part that asks for far more pixels than its image has, or all parts together; None where they keep within it.

    A decoder works every region as large as it says it is: two hundred bytes can ask for hours.
    """
    total, most = 0, 4 * width * height + SPARE_PIXELS
    for stream in (shared, data):
        for kind, start in _jbig2_parts(stream):
            if kind in REGIONS or kind == 48:
                across, down = struct.unpack(">II", stream[start : start + 8].ljust(8, b"\0"))
                down = 0 if kind == 48 and down == 0xFFFFFFFF else down  # Of unknown height: it grows with its stripes.
                total += across * down
                if across * down > most or total > 16 * most:
                    return f"JBIG2 {across} × {down}"
            if (count := _jbig2_count(kind, stream[start : start + 40])) > 8 * len(stream) + 64:
                return f"JBIG2 {count} > {len(stream)} octets / bytes"
    return None


def _jbig2_count(kind: int, body: bytes) -> int:
    """Symbols, instances or cells of a grid that a segment says it has; honest ones take bits for each (T.88, 7.4.2 to 7.4.5)."""
    body = body.ljust(40, b"\0")
    if kind == 0:
        flags = int.from_bytes(body[:2], "big")
        adaptive = 0 if flags & 1 else 8 if not flags & 0x0C00 else 2
        at = 2 + adaptive + (4 if flags & 2 and not flags & 0x1000 else 0)
        exported, new = struct.unpack(">II", body[at : at + 8])
        return max(int(exported), int(new))
    if kind in (4, 6, 7):
        flags = int.from_bytes(body[17:19], "big")
        at = 19 + (2 if flags & 1 else 0) + (4 if flags & 2 and not flags & 0x8000 else 0)
        return int.from_bytes(body[at : at + 4], "big")
    if kind == 16:
        return int.from_bytes(body[3:7], "big")
    if kind in (20, 22, 23):
        across, down = struct.unpack(">II", body[18:26])
        return int(across) * int(down) // 64
    return 0


def _jbig2_kinds(data: bytes) -> Iterator[int]:
    return (kind for kind, _ in _jbig2_parts(data))


def _jbig2_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Kind of each segment, and where its data begin."""
    where = 0
    for _ in range(MAX_PARTS):
        if where + 11 > len(data):
            return
        number, flags, refers = struct.unpack(">IBB", data[where : where + 6])
        count, cursor = refers >> 5, where + 6
        if count == 7:
            count = struct.unpack(">I", data[where + 5 : where + 9])[0] & 0x1FFFFFFF
            cursor = where + 9 + (count + 8) // 8
        cursor += count * (1 if number <= 256 else 2 if number <= 65_536 else 4) + (4 if flags & 0x40 else 1)
        yield flags & 0x3F, cursor + 4
        if cursor + 4 > len(data):
            return
        length = struct.unpack(">I", data[cursor : cursor + 4])[0]
        if length == 0xFFFFFFFF:  # Unknown length: allowed for one immediate generic region, which then ends the stream.
            return
        where = cursor + 4 + length


def _read_at(file: BinaryIO, where: int, length: int) -> bytes:
    file.seek(where)
    return file.read(length)


def _dpi(x: float, y: float) -> Pair | None:
    """None for what no device means: zero, negative, or the 1 dpi by which some writers say "unknown"."""
    return (x, y) if 1 < x < 1e6 and 1 < y < 1e6 else None
