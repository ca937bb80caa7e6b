"""Hostile bytes out of drawn ones: the n-th mutant of a seed is the same on every machine, so that each finding can be made again.

Bytes are flipped, cut, repeated and exchanged between files; numbers become those at which counting goes wrong; and the form's own words
are put where they do not belong. Checksums that would end the reading at once are put right in half of the mutants.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

LONGEST = 60_000
"""Bytes of a mutant."""
NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    31,
    32,
    64,
    127,
    128,
    255,
    256,
    4095,
    32_767,
    32_768,
    65_535,
    65_536,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
)

TOKENS: dict[str, tuple[bytes, ...]] = {
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"\x08\0\0\0", b"\0\x01\x04\0\x01\0\0\0", b"\x11\x01\x04\0\xff\xff\xff\xff", b"Exif\0\0"),
    "png": (b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"pHYs", b"eXIf", b"iCCP", b"acTL", b"\0\0\0\0", b"\x7f\xff\xff\xff"),
    "jpeg": (
        b"\xff\xd8",
        b"\xff\xc0",
        b"\xff\xc2",
        b"\xff\xda",
        b"\xff\xd9",
        b"\xff\xe1",
        b"\xff\xdd\0\x04\0\x01",
        b"\xff\x01",
        b"Exif\0\0II*\0",
    ),
    "jpx": (
        b"jp2c",
        b"jp2h",
        b"ihdr",
        b"colr",
        b"pclr",
        b"cdef",
        b"res ",
        b"\xff\x4f\xff\x51",
        b"\xff\x52",
        b"\xff\x90",
        b"\xff\x93",
        b"\xff\xd9",
        b"\0\0\0\x01",
    ),
    "jbig2": (
        b"\0\0\0\0\x30\0\x01",
        b"\0\0\0\1\x26\0\x01",
        b"\0\0\0\2\x04\0\x01",
        b"\x31",
        b"\xff\xff\xff\xff",
        b"\x06\x20\0\x01",
        b"\x10\x00\x01",
        b"\xe0",
    ),
    "pdf": (
        b"/Kids",
        b"/Parent",
        b"/Count",
        b"/Type /Page",
        b"/Filter",
        b"/FlateDecode",
        b"/JPXDecode",
        b"/JBIG2Decode",
        b"/CCITTFaxDecode",
        b"/DCTDecode",
        b"/LZWDecode",
        b"/RunLengthDecode",
        b"/Width 99999999",
        b"/BitsPerComponent 16",
        b"/K -1",
        b"/Columns 0",
        b"/Predictor 15",
        b"/Colors 32",
        b"/Do",
        b"q",
        b"Q",
        b"cm",
        b"BI",
        b"ID",
        b"EI",
        b"Tj",
        b"<<",
        b">>",
        b"[",
        b"]",
        b"1 0 R",
        b"3 0 R",
        b"null",
        b"-1",
        b"1e99",
        b"endobj",
        b"stream\n",
        b"endstream",
        b"trailer",
        b"startxref\n0",
        b"/Encrypt",
        b"/XFA",
        b"/JavaScript",
        b"/AF",
        b"/EF",
        b"/OCProperties",
        b"/SMask",
        b"/Mask",
        b"/Decode [1 0]",
        b"/Indexed",
        b"/ICCBased",
        b"/Rotate 90",
        b"/UserUnit 75",
    ),
    "xml": (
        b"<",
        b">",
        b"</",
        b"/>",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE x [",
        b"<!ENTITY a 'b'>",
        b"&a;",
        b"&#0;",
        b"&#x10FFFF;",
        b"xmlns:ram='x'",
        b" encoding='UTF-16'",
        b" encoding='utf-7'",
        b"\xff\xfe",
        b"1e999999",
        b"NaN",
        b"-0",
        b"99999999999999999999.999999",
        b"20240230",
        b"\xe2\x80\xae",
        b"ram:ID",
        b"<cbc:ID>",
        b"format='102'",
    ),
    "csv": (
        b";",
        b",",
        b"\t",
        b'"',
        b'""',
        b"\r",
        b"\n",
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"sep=;\n",
        b"=1+1",
        b"@SUM(A1)",
        b"-1",
        b"1e309",
        b"99999999999999999999999",
        b"31/02/2026",
        b"45 jours fin de mois",
        b"FR76",
        b"\xe2\x80\xae",
        b"NaN",
        b"Infinity",
        b"\xd9\xa1",
        b"<row r='99999999'/>",
        b"<c t='s'><v>-1</v></c>",
        b"<f>A1</f>",
        b"<mergeCell ref='A1:XFD1048576'/>",
        b"<!DOCTYPE",
    ),
    "mail": (
        b"\r\n\r\n",
        b"\n\n",
        b"--b1\n",
        b"--b1--\n",
        b"--b2\n",
        b"Content-Type: multipart/mixed; boundary=b1\n",
        b"Content-Type: multipart/mixed; boundary=\n",
        b"Content-Type: multipart/report; boundary=b4\n",
        b"Content-Type: message/rfc822\n\n",
        b"Content-Type: message/delivery-status\n\n",
        b"Content-Type: message/partial; id=a; number=1\n",
        b"Content-Type: text/html; charset=utf-7\n",
        b"Content-Type: text/plain; charset=nowhere\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"Content-Transfer-Encoding: x-uuencode\n",
        b"Content-Disposition: attachment; filename*=utf-8''%e9%ff\n",
        b"Content-Disposition: attachment; filename*0=a; filename*2=b\n",
        b'filename="../../etc/passwd"',
        b"=?utf-8?B?w6k=?=",
        b"=?utf-8?Q?=ZZ?=",
        b"=?x?B?=",
        b"Message-ID: <>\n",
        b"Action: failed\n",
        b"begin 644 a\n",
        b"\0",
        b"\xff",
        b"\xe2\x80\xae",
    ),
}
"""Words of each form, by entry point."""
Chance: TypeAlias = random.Random
Change: TypeAlias = Callable[[bytearray, Chance], None]

TOKENS["lookup"] = (*TOKENS["csv"], b"401BER", b"code", b"oui", b"2026-02-30", b"sNaN", b"1e999999", b"1e-999999")
TOKENS["trusted"] = (*TOKENS["xml"], b"&a;&a;&a;&a;", b"ds:Reference URI='#x'", b"ds:Object", b"granted", b"10", b"2026-10-25T02:30:00")


def mutant_of(entry: str, corpus: Sequence[bytes], seed: int, number: int) -> bytes:
    """The mutant of that number: a function of its arguments alone."""
    chance = random.Random(f"{seed}/{entry}/{number}")  # A game, replayed by its seed.
    return changed(entry, chance.choice(corpus), corpus, chance)


def changed(entry: str, data: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    if data[:4] == b"PK\x03\x04" and chance.random() < 0.9:
        return _repacked(entry, data, corpus, chance)
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8, 13))):
        if not found or chance.random() < 0.07:
            _crossed(found, chance.choice(corpus), chance)
        elif chance.random() < 0.25:
            _worded(found, chance.choice(TOKENS[entry]), chance)
        else:
            chance.choice(CHANGES)(found, chance)
    if entry == "png" and chance.random() < 0.7:
        return _checked(bytes(found[:LONGEST]))
    return bytes(found[:LONGEST])


def _place(data: bytearray, chance: Chance) -> int:
    """Heads are where the numbers stand: half of the changes are among the first 300 bytes."""
    return chance.randrange(min(len(data), 300) if chance.random() < 0.5 else len(data))


def _flip(data: bytearray, chance: Chance) -> None:
    data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _byte(data: bytearray, chance: Chance) -> None:
    data[_place(data, chance)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x30, 0x39, chance.randrange(256)))


def _number(data: bytearray, chance: Chance) -> None:
    at, value = _place(data, chance), chance.choice(NUMBERS)
    order, form = chance.choice("<>"), chance.choice("HIIQ")
    raw = struct.pack(order + form, value & ((1 << 8 * struct.calcsize(form)) - 1))
    data[at : at + len(raw)] = raw


def _near(data: bytearray, chance: Chance) -> None:
    """A number a little beside itself."""
    at, order = _place(data, chance), chance.choice(("little", "big"))
    width = chance.choice((1, 2, 4))
    value = int.from_bytes(data[at : at + width], order) + chance.randrange(-9, 10)
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, order)


def _digits(data: bytearray, chance: Chance) -> None:
    """A number written in figures."""
    places = [at for at, sign in enumerate(data[:4000]) if 0x30 <= sign <= 0x39]
    if places:
        at = chance.choice(places)
        data[at : at + 1] = str(chance.choice((*NUMBERS, -1, 10**12, 10**30))).encode()


def _cut(data: bytearray, chance: Chance) -> None:
    del data[chance.randrange(len(data)) :]


def _remove(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 8, 64, 500))]


def _repeat(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    part = bytes(data[at : at + chance.choice((1, 4, 12, 40, 300))])
    data[at:at] = part * chance.choice((1, 1, 2, 10, 100))


def _move(data: bytearray, chance: Chance) -> None:
    at, to, size = _place(data, chance), _place(data, chance), chance.choice((2, 4, 12, 40))
    data[to : to + size] = data[at : at + size]


def _noise(data: bytearray, chance: Chance) -> None:
    at = _place(data, chance)
    data[at : at + 1] = chance.randbytes(chance.choice((1, 3, 16, 200)))


CHANGES: tuple[Change, ...] = (_flip, _flip, _byte, _byte, _number, _number, _near, _near, _digits, _cut, _remove, _repeat, _move, _noise)


def _worded(data: bytearray, word: bytes, chance: Chance) -> None:
    at = _place(data, chance)
    data[at : at + chance.choice((0, 0, len(word), 1))] = word


def _crossed(data: bytearray, other: bytes, chance: Chance) -> None:
    """Head of the one, tail of the other; or a piece of it in between."""
    at, start = chance.randrange(len(data) + 1), chance.randrange(len(other))
    if chance.random() < 0.5:
        data[at:] = other[start:]
    else:
        data[at:at] = other[start : start + chance.choice((8, 64, 512))]


def _checked(png: bytes) -> bytes:
    """Each chunk of a PNG with the checksum of what stands in it now."""
    found, at = [png[:8]], 8
    while at + 12 <= len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        if at + 12 + size > len(png):
            break
        body = png[at + 4 : at + 8 + size]
        found.append(png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + size
    return b"".join((*found, png[at:]))


def _repacked(entry: str, data: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """A packed file with one of its parts changed."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        parts = [(part, packed.read(part)) for part in packed.namelist()]
    at = chance.randrange(len(parts))
    made = io.BytesIO()
    plain = [each for each in corpus if each[:2] != b"PK"]
    with zipfile.ZipFile(made, "w") as packed:
        for number, (name, content) in enumerate(parts):
            packed.writestr(name, changed(entry, content, plain, chance) if number == at else content)
    return made.getvalue()
