#!/usr/bin/env python3
"""Checks an auditor's package of Sceau, format 1, on a machine without Sceau and without a network.

    python verify.py OUT.zip [OUT-001.zip …] [--key VKEY|FINGERPRINT] [--checkpoint FILE] [--json] [--lang en]

Also a folder into which all parts were unpacked. Needs Python 3.9 or later and the package `cryptography`, nothing else.
Exit code: 0 all holds, 1 something fails, 2 wrong usage or unreadable, 3 all that was handed in holds but volumes are missing, or the
checkpoint of a witness is of a size that is not in the package.

Written from the page that describes the format (`docs/auditor-package.md`), RFC 3161, 5652, 6962, 8785, 9162 and C2SP signed-note and
tlog-checkpoint. Whatever the package holds is taken for hostile: sizes are bounded, files are read a piece at a time, a no is a sentence.
"""

# Python 3.9 must read this file.
# ruff: noqa: UP017

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
except ImportError:
    print("Il manque le module « cryptography » : python -m pip install cryptography (the module cryptography is missing)", file=sys.stderr)
    sys.exit(2)

CHECKS = (
    "form",
    "manifest",
    "note",
    "seal",
    "checkpoints",
    "segment",
    "consistency",
    "others",
    "index",
    "complete",
    "trails",
    "files",
    "package",
)
"""In the order in which they are told; `key` and `witness` come after them where the caller handed in something to compare with."""

HOLDS, FAILS, UNSEEN = "holds", "fails", "unseen"
PIECE = 1 << 20
"""Bytes read at a time."""
MAX_WHOLE = 256 << 20
"""Bytes of a member that is read whole (ledger.json, a trail)."""
MAX_LINE = 16 << 20
MAX_DIRECTORY = 512 << 20
"""Bytes of a ZIP's central directory."""
MAX_SWELL = 200
"""A ZIP may not unpack to more than this many times its own size…"""
SWELL_FREE = 64 << 20
"""… and this many bytes: DEFLATE reaches 1032, honest text less than 30."""
MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1
"""RFC 8785: numbers are those of IEEE 754 double precision."""
MAX_TOLD = 5
"""Faults of one check that are told one by one."""

LAST_THREE = ("manifest.sha256", "manifest.sha256.note", "manifest.sha256.p7s")
NEEDED = (
    "package.json",
    "LISEZMOI.txt",
    "README.txt",
    "verifier.html",
    "verify.py",
    "index.json",
    "index.csv",
    "statistics.json",
    "statistics.csv",
    "ledger/segment.jsonl",
    "ledger/others.jsonl",
    "ledger/ledger.json",
)
KNOWN = re.compile(
    r"(?:controls/[^/]+|scanners/[^/]+\.json|organisation/.+|trust/.+|documents/[^/]+/(?:trail\.json|v[1-9][0-9]*\.pdf))\Z"
    "|(?:" + "|".join(re.escape(name) for name in NEEDED + LAST_THREE) + r")\Z"
)
SEALED_FILE = re.compile(r"documents/[^/]+/v[1-9][0-9]*\.pdf\Z")
PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*\Z")
HEX64 = re.compile(r"[0-9a-f]{64}\Z")
MANIFEST_LINE = re.compile(rb"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)\n\Z")
DAY = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])\Z")
TIME = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z\Z")
DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")

HALF = re.compile(r"\\u[dD][89abAB]")
"""Half of a surrogate pair, escaped; without its other half it is no letter."""

PRACTICE = "ESSAI - sans valeur probante"
"""In the subject of every practice certificate."""
SEALING = ("sealed", "renewed", "signed")
GONE = ("erased", "deleted")


class Told(NamedTuple):
    """One sentence in both languages."""

    french: str
    english: str


class Refused(Exception):
    """The package is not what it must be; the sentence says where."""

    def __init__(self, french: str, english: str) -> None:
        super().__init__(english)
        self.told = Told(french, english)


class Report:
    """What was found, check by check."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Told]] = {}
        self.count: dict[str, int] = {}
        self.sentence: dict[str, Told] = {}
        self.unseen: dict[str, Told] = {}
        self.names = list(CHECKS)

    def fault(self, check: str, french: str, english: str) -> None:
        self.count[check] = self.count.get(check, 0) + 1
        kept = self.faults.setdefault(check, [])
        if len(kept) < MAX_TOLD:
            kept.append(Told(_plain(french), _plain(english)))

    def holds(self, check: str, french: str, english: str) -> None:
        """What is said where nothing speaks against it."""
        self.sentence[check] = Told(_plain(french), _plain(english))

    def skip(self, check: str, french: str, english: str) -> None:
        self.unseen[check] = Told(_plain(french), _plain(english))

    @contextmanager
    def stage(self, check: str) -> Iterator[None]:
        """Whatever goes wrong inside is a fault of this check, never a traceback."""
        try:
            yield
        except Refused as no:
            self.fault(check, *no.told)
        except Exception as error:  # noqa: BLE001 - a forged package may break any library; that is an answer, not a crash
            self.fault(check, f"examen impossible : {type(error).__name__}", f"could not be examined: {type(error).__name__}")

    def outcome(self, check: str) -> str:
        if self.count.get(check):
            return FAILS
        return HOLDS if check in self.sentence and check not in self.unseen else UNSEEN

    def words(self, check: str) -> Told:
        if self.count.get(check):
            more = self.count[check] - len(self.faults[check])
            french = " ; ".join(fault.french for fault in self.faults[check]) + (f" ; et {more} autre(s)" if more else "")
            english = "; ".join(fault.english for fault in self.faults[check]) + (f"; and {more} more" if more else "")
            return Told(french, english)
        return self.unseen.get(check) or self.sentence.get(check) or Told("non examiné : ce qui précède ne se lit pas", "not looked at")


def _plain(text: str) -> str:
    """No control characters of a hostile package reach a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)[:600]


# Parts: a ZIP or a folder, as paths with sizes and streams.


class Part:
    """One ZIP or one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}
        """Path of each member that may be read → bytes."""

    def read(self, name: str, limit: int = MAX_WHOLE) -> bytes:
        """The whole member. Raises Refused where it is absent, too large or broken."""
        if name not in self.sizes:
            raise Refused(f"{name} manque", f"{name} is missing")
        if self.sizes[name] > limit:
            raise Refused(f"{name} est démesuré", f"{name} is too large")
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """Its bytes, at most `PIECE` at a time. Raises Refused where they cannot be read."""
        raise NotImplementedError

    def lines(self, name: str) -> Iterator[bytes]:
        r"""Its lines with their `\n`. Raises Refused also where a line is endless or the last one has no end."""
        if name not in self.sizes:
            raise Refused(f"{name} manque", f"{name} is missing")
        rest = b""
        for piece in self.pieces(name):
            *full, rest = (rest + piece).split(b"\n")
            if len(rest) > MAX_LINE:
                break
            for line in full:
                yield line + b"\n"
        if rest:
            raise Refused(f"{name} : une ligne sans fin", f"{name}: a line without end")


@contextmanager
def _reading(name: str) -> Iterator[None]:
    broken = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, struct.error, ValueError, OverflowError)
    try:
        yield
    except broken as error:
        raise Refused(f"{name} ne se lit pas ({type(error).__name__})", f"{name} cannot be read ({type(error).__name__})") from error


class ZipPart(Part):
    """Members are looked at before any is opened: names, sizes, methods, overlaps."""

    def __init__(self, path: Path, report: Report) -> None:
        super().__init__(path)
        with _reading(path.name):
            frame = _bound_directory(path)
            with zipfile.ZipFile(path) as archive:
                self._infos = {info.filename: info for info in reversed(archive.infolist())}
                self._look(archive.infolist(), report)
                self._look_frame(archive, frame, report)

    def pieces(self, name: str) -> Iterator[bytes]:
        """By our own reading of the member: `zipfile` would pass over what a stream holds beyond the length that was announced."""
        with _reading(name), self.path.open("rb") as file:
            yield from _unpacked(file, self._infos[name])

    def _look(self, infos: list[zipfile.ZipInfo], report: Report) -> None:
        size, total, end = self.path.stat().st_size, 0, 0
        for info in sorted(infos, key=lambda each: each.header_offset):
            name = info.orig_filename
            total += info.file_size
            kind = stat.S_IFMT(info.external_attr >> 16)
            if name != info.filename or not allowed(name):
                report.fault("form", f"chemin interdit : {name!r}", f"forbidden path: {name!r}")
            elif name in self.sizes:
                report.fault("form", f"{name} s'y trouve deux fois", f"{name} is there twice")
            elif (
                info.flag_bits & 0x41
                or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                or kind not in (0, stat.S_IFREG)
            ):
                report.fault("form", f"{name} n'est pas un fichier ordinaire", f"{name} is no ordinary file")
            elif info.header_offset < end:
                report.fault("form", f"{name} recouvre un autre fichier dans le ZIP", f"{name} overlaps another file in the ZIP")
            else:
                self.sizes[name] = info.file_size
            end = info.header_offset + 30 + info.compress_size
        if total > size * MAX_SWELL + SWELL_FREE:
            self.sizes.clear()
            raise Refused(
                f"{self.path.name} se déplierait en {total} octets : bombe ZIP, rien n'en a été lu",
                f"{self.path.name} would unpack to {total} bytes: a ZIP bomb, nothing of it was read",
            )

    def _look_frame(self, archive: zipfile.ZipFile, frame: tuple[int, int], report: Report) -> None:
        """Members one after the other from the first byte on, then the directory, then its end: no room for anything else."""
        infos = sorted(archive.infolist(), key=lambda each: each.header_offset)
        begin, end = frame
        at, spare = 0, bool(archive.comment) or self.path.stat().st_size != end
        with self.path.open("rb") as file:
            for info in infos:
                file.seek(info.header_offset + 26)
                name, extra = struct.unpack("<2H", file.read(4))
                large = b"" if not extra else file.read(name + 4)[name:]
                # Nothing but the 64-bit sizes of a member that was announced as large (APPNOTE 4.5.3).
                spare |= (
                    info.header_offset != at
                    or bool(info.comment or info.flag_bits & 8)
                    or (extra, large) not in ((0, b""), (20, b"\1\0\x10\0"))
                )
                at = info.header_offset + 30 + name + extra + info.compress_size
        if spare or at != begin:
            report.fault(
                "form",
                f"{self.path.name} : des octets qui ne sont à aucun fichier (avant, entre ou après)",
                f"{self.path.name}: bytes that belong to no file (before, between or after)",
            )


def _unpacked(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member that `info` tells of: its local header names it, its stream ends where it should and gives neither more nor less."""
    file.seek(info.header_offset)
    header = struct.unpack("<4s5H3L2H", file.read(30))
    name = file.read(header[9])
    coding = "utf-8" if info.flag_bits & 0x800 else "cp437"
    if header[0] != b"PK\x03\x04" or name != info.filename.encode(coding) or (header[2] & 0x41, header[3]) != (0, info.compress_type):
        raise zipfile.BadZipFile
    file.seek(header[10], io.SEEK_CUR)
    left, size, check, inflate = info.compress_size, 0, 0, zlib.decompressobj(-15)
    stored = info.compress_type == zipfile.ZIP_STORED
    while True:
        packed = inflate.unconsumed_tail
        if not packed:
            packed = file.read(min(PIECE, left))
            left -= len(packed)
        piece = packed if stored else inflate.decompress(packed, PIECE)
        if not packed and not piece:
            break
        size, check = size + len(piece), zlib.crc32(piece, check)
        if size > info.file_size or inflate.unused_data:
            raise zipfile.BadZipFile
        if piece:
            yield piece
    if left or size != info.file_size or check != info.CRC or not (stored or inflate.eof):
        raise zipfile.BadZipFile


def _bound_directory(path: Path) -> tuple[int, int]:
    """`zipfile` reads the central directory whole; what it says of its size is looked at first (APPNOTE 4.3.14 to 4.3.16).

    Returns where the directory begins, and where the ZIP ends.
    """
    with path.open("rb") as file:
        end = file.seek(0, io.SEEK_END)
        file.seek(max(0, end - 66_000))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise zipfile.BadZipFile
    size, start = struct.unpack_from("<2L", tail, at + 12)
    last = end - len(tail) + at
    long = tail.rfind(b"PK\x06\x06", 0, at)
    if long >= 0 and 0xFFFFFFFF in (size, start):
        size, start = struct.unpack_from("<2Q", tail, long + 40)
    if long == at - 76 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        last -= 76
    if size > min(end, MAX_DIRECTORY):
        raise zipfile.BadZipFile
    return (start if start + size == last else -1), end - len(tail) + at + 22


class FolderPart(Part):
    """A folder in which all parts were unpacked."""

    def __init__(self, path: Path, report: Report) -> None:
        super().__init__(path)
        for here, folders, files in os.walk(path):
            for name in [*folders, *files]:
                place = Path(here) / name
                kind = place.lstat().st_mode
                told = place.relative_to(path).as_posix()
                if stat.S_ISDIR(kind):
                    continue
                if not stat.S_ISREG(kind) or not allowed(told):
                    report.fault("form", f"chemin interdit : {told!r}", f"forbidden path: {told!r}")
                else:
                    self.sizes[told] = place.lstat().st_size

    def pieces(self, name: str) -> Iterator[bytes]:
        with _reading(name), (self.path / name).open("rb") as file:
            while piece := file.read(PIECE):
                yield piece


def allowed(name: str) -> bool:
    """Relative, without `..`, of few characters, and one of the paths that a package has."""
    plain = bool(PATH.match(name)) and not any(segment in (".", "..") for segment in name.split("/"))
    return plain and bool(KNOWN.match(name))


# JSON, and the forms it must have.


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise ValueError("a number out of range")
    return int(digits)


def _constant(name: str) -> float:
    raise ValueError(f"no number: {name}")


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=_constant)


def parse(data: bytes, where: str) -> Any:
    """JSON without names that come twice, numbers out of range or a nesting beyond `MAX_DEPTH`. Raises Refused."""
    try:
        text = data.decode("utf-8")
        if _too_deep(text):
            raise ValueError("too deep")
        value = DECODER.decode(text)
        if HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where} n'est pas du JSON acceptable", f"{where} is not acceptable JSON") from error


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0][0], 0)
        if depth > MAX_DEPTH:
            return True
    return False


def canonical(value: Any) -> bytes:
    """RFC 8785 of a value without fractions. Raises ValueError for half of a surrogate pair."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if not text.isascii() and max(text) > "\uffff":
        # 3.2.3: names are sorted by their UTF-16 code units.
        text = json.dumps(_utf16_order(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def _utf16_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _utf16_order(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))}
    return [_utf16_order(each) for each in value] if isinstance(value, list) else value


Shape = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def count(value: Any) -> bool:
    return type(value) is int and value >= 0


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def fits(pattern: re.Pattern[str]) -> Shape:
    return lambda value: isinstance(value, str) and bool(pattern.match(value))


def one_of(*values: str) -> Shape:
    return lambda value: isinstance(value, str) and value in values


def maybe(shape: Shape) -> Shape:
    return lambda value: value is None or shape(value)


def list_of(shape: Shape) -> Shape:
    return lambda value: isinstance(value, list) and all(map(shape, value))


def has(**shapes: Shape) -> Shape:
    """An object with exactly these names; a trailing `_` keeps Python's own words free."""
    wanted = {name.rstrip("_"): shape for name, shape in shapes.items()}
    return lambda value: isinstance(value, dict) and value.keys() == wanted.keys() and all(wanted[name](value[name]) for name in wanted)


def either(*shapes: Shape) -> Shape:
    return lambda value: any(shape(value) for shape in shapes)


def texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def anything(value: Any) -> bool:  # noqa: ARG001 a shape like the others
    return True


def mapping(value: Any) -> bool:
    return isinstance(value, dict)


digest, day, time = fits(HEX64), fits(DAY), fits(TIME)
amount = maybe(fits(DECIMAL))
word = maybe(text)

PACKAGE = has(
    format=one_of("sceau-package-1"),
    entity=text,
    scope=either(has(from_=day, to=day), has(document=text)),
    practice=flag,
    counts=has(documents=count, archives=count, entries=count, others=count),
    volumes=list_of(has(name=text, files=count, bytes=count)),
    checkpoint=count,
    keys=list_of(text),
    withheld=list_of(has(document=text, entry=count, reason=one_of("confidential", "missing", "damaged"))),
    generator=text,
)
FILE = has(path=text, sha256=digest, size=count, version=count, entry=count, extends=maybe(digest), extends_size=maybe(count))
ROW = has(
    document=text,
    type=text,
    title=text,
    direction=one_of("in", "out"),
    supplier=word,
    supplier_siren=word,
    customer=word,
    customer_siren=word,
    number=word,
    issued=maybe(day),
    net=amount,
    tax=amount,
    gross=amount,
    currency=word,
    state=text,
    verdict=word,
    paper_stays=flag,
    sealed=count,
    sealed_at=time,
    dossier=either(word, count),
    level=word,
    gaps=list_of(text),
    links=list_of(has(kind=text, document=text)),
    files=list_of(FILE),
)
LEDGER = has(
    entity=text,
    first=count,
    last=count,
    peaks=list_of(digest),
    size=count,
    checkpoints=list_of(has(size=count, note=text, token=word)),
    consistency=list_of(has(from_=count, to=count, path=list_of(digest))),
)
OTHER = has(sequence=count, entry=text, path=list_of(digest))
ENTRY = has(
    version=lambda value: type(value) is int and value == 1,
    sequence=count,
    entity=text,
    type=text,
    objects=texts,
    actor=has(pseudonym=text, kind=one_of("human", "rule", "system"), rule_version=word),
    at=time,
    clock=text,
    payload_commitment=digest,
)
EVENT = has(sequence=count, type=text, at=time, clock=text, actor=text, objects=texts, payload=word, salt=word)
TRAIL = has(
    format=one_of("sceau-trail-1"),
    document=text,
    entity=text,
    row=ROW,
    events=list_of(EVENT),
    fields=list_of(mapping),
    findings=list_of(mapping),
    decisions=list_of(mapping),
    clauses=list_of(mapping),
    originals=list_of(mapping),
    pages=list_of(mapping),
    checks=list_of(mapping),
    retention=mapping,
    gaps=list_of(text),
)


def shaped(data: bytes, shape: Shape, where: str) -> Any:
    """What was parsed, if it has the form it must have. Raises Refused."""
    value = parse(data, where)
    if not shape(value):
        raise Refused(f"{where} n'a pas la forme prévue", f"{where} has not the form that is laid down")
    return value


# The Merkle tree: RFC 6962 §2.1.

EMPTY = hashlib.sha256(b"").digest()


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The complete subtrees of a tree, largest first, and its size."""

    def __init__(self, size: int, peaks: Iterable[bytes]) -> None:
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != bin(size).count("1"):
            raise Refused("les sommets de l'arbre ne vont pas avec sa taille", "the tree's peaks do not fit its size")

    def add(self, hashed: bytes) -> None:
        self.peaks.append(hashed)
        bits = self.size
        while bits & 1:
            right = self.peaks.pop()
            self.peaks[-1] = node(self.peaks[-1], right)
            bits >>= 1
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY
        found = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            found = node(peak, found)
        return found


def includes(hashed: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """RFC 9162 §2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, hashed
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(first: int, second: int, path: list[bytes], old: bytes, new: bytes) -> bool:
    """RFC 9162 §2.1.4.2."""
    if not 0 < first < second or not path:
        return False
    steps = [old, *path] if first & (first - 1) == 0 else path
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old and sr == new and sn == 0


# Keys and signed notes: C2SP signed-note and tlog-checkpoint.


class Key(NamedTuple):
    """A verifier key of the ledger."""

    vkey: str
    name: str
    id: bytes
    public: bytes

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.public).hexdigest()


def read_key(vkey: str) -> Key:
    """`<name>+<key hash>+<base64 of 0x01 and the public key>`. Raises Refused."""
    name, _, rest = vkey.partition("+")
    short, _, coded = rest.partition("+")
    raw = unbase64(coded)
    wanted = hashlib.sha256(name.encode("utf-8", "replace") + b"\n" + raw).digest()[:4]
    if not name or re.search(r"[\s\x00-\x1f]", name) or len(raw) != 33 or raw[0] != 1 or short != wanted.hex():
        raise Refused("une clé n'a pas la forme prévue", "a key has not the form that is laid down")
    return Key(vkey, name, wanted, raw[1:])


def unbase64(coded: str) -> bytes:
    """Standard base64 in its only form; empty where it is none."""
    try:
        raw = base64.b64decode(coded.encode("ascii"), validate=True)
    except ValueError:
        return b""
    return raw if base64.b64encode(raw).decode("ascii") == coded else b""


class Note(NamedTuple):
    """A signed note: its text with the last newline, and the keys of ours that signed it."""

    text: str
    signers: tuple[Key, ...]
    strangers: int
    """Signatures of whoever has no key that is known here."""


def read_note(data: str, keys: list[Key], where: str) -> Note:
    """Raises Refused where it is malformed, or a signature of a known key is wrong, or there is none."""
    body, gap, tail = data.rpartition("\n\n")
    lines = tail.split("\n")
    if not gap or lines[-1] or len(lines) < 2 or len(lines) > 101 or re.search(r"[\x00-\x09\x0b-\x1f]", data):
        raise Refused(f"{where} n'est pas une note signée", f"{where} is not a signed note")
    signed, signers, strangers = (body + "\n").encode("utf-8"), [], 0
    for line in lines[:-1]:
        dash, _, rest = line.partition(" ")
        name, _, coded = rest.partition(" ")
        raw = unbase64(coded)
        if dash != "\u2014" or not name or len(raw) < 5:
            raise Refused(f"{where} n'est pas une note signée", f"{where} is not a signed note")
        known = [key for key in keys if key.name == name and key.id == raw[:4]]
        for key in known:
            _check_ed25519(key, raw[4:], signed, where)
        signers += known
        strangers += not known
    if not signers:
        raise Refused(f"{where} n'est signé par aucune des clés annoncées", f"{where} is signed by none of the keys")
    return Note(body + "\n", tuple(signers), strangers)


def _check_ed25519(key: Key, signature: bytes, signed: bytes, where: str) -> None:
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key.public).verify(signature, signed)
    except (InvalidSignature, ValueError) as error:
        raise Refused(f"{where} : la signature est fausse", f"{where}: the signature is wrong") from error


class Checkpoint(NamedTuple):
    """One head of the ledger, signed."""

    text: str
    size: int
    root: bytes
    at: str
    links: tuple[tuple[int, bytes], ...]
    signers: tuple[Key, ...]


def read_checkpoint(data: str, keys: list[Key], where: str) -> Checkpoint:
    """Raises Refused where the note, its three first lines or its extensions are not as they must be."""
    note = read_note(data, keys, where)
    lines = note.text.split("\n")[:-1]
    signers = tuple(key for key in note.signers if lines and key.name == lines[0])
    if len(lines) < 3 or not re.match(r"(?:0|[1-9][0-9]{0,15})\Z", lines[1]) or len(unbase64(lines[2])) != 32:
        raise Refused(f"{where} n'est pas un point de contrôle", f"{where} is not a checkpoint")
    if not signers:
        raise Refused(f"{where} n'est pas signé par la clé de son origine", f"{where} is not signed by the key of its origin")
    at, links = "", []
    for line in lines[3:]:
        kind, _, rest = line.partition(" ")
        size, _, root = rest.partition(" ")
        if kind == "at" and not at and TIME.match(rest):
            at = rest
        elif kind in ("day", "month", "year") and re.match(r"(?:0|[1-9][0-9]{0,15})\Z", size) and len(unbase64(root)) == 32:
            links.append((int(size), unbase64(root)))
        elif kind in ("at", "day", "month", "year"):
            raise Refused(f"{where} : une ligne n'a pas la forme prévue", f"{where}: a line has not the form that is laid down")
    if not at:
        raise Refused(f"{where} ne dit pas son heure", f"{where} does not say its time")
    return Checkpoint(note.text, int(lines[1]), unbase64(lines[2]), at, tuple(links), signers)


# DER, CMS (RFC 5652) and timestamps (RFC 3161), as far as a seal and its token need them.


class Der(NamedTuple):
    """One value: its tag, and where it, its content and its end lie in `data`."""

    data: bytes
    tag: int
    start: int
    body: int
    end: int

    @property
    def raw(self) -> bytes:
        return self.data[self.start : self.end]

    @property
    def content(self) -> bytes:
        return self.data[self.body : self.end]


def broken_der() -> Refused:
    return Refused(
        "la structure de la signature n'est pas celle de la norme (DER)", "the structure of the signature is not that of the standard"
    )


@contextmanager
def _der_only() -> Iterator[None]:
    """A value that is not where the standard wants it is a structure that is not that of the standard."""
    try:
        yield
    except (IndexError, ValueError) as error:
        raise broken_der() from error


def der_at(data: bytes, at: int, end: int) -> Der:
    """X.690, 10: definite lengths in their shortest form; tags of one byte. Raises Refused."""
    if at + 2 > end or data[at] & 0x1F == 0x1F:
        raise broken_der()
    length, body = data[at + 1], at + 2
    if length == 0x80:
        raise broken_der()
    if length > 0x80:
        octets = length & 0x7F
        if octets > 4 or body + octets > end or data[body] == 0:
            raise broken_der()
        length = int.from_bytes(data[body : body + octets], "big")
        body += octets
        if length < 0x80:
            raise broken_der()
    if body + length > end:
        raise broken_der()
    return Der(data, data[at], at, body, body + length)


def whole(data: bytes, tag: int = 0x30) -> Der:
    """The one value that `data` is."""
    found = der_at(data, 0, len(data))
    if found.end != len(data) or found.tag != tag:
        raise broken_der()
    return found


def inside(value: Der, tag: int | None = None) -> list[Der]:
    """What a constructed value holds, one level deep."""
    if tag is not None and value.tag != tag:
        raise broken_der()
    found, at = [], value.body
    while at < value.end:
        found.append(der_at(value.data, at, value.end))
        at = found[-1].end
    return found


def take(values: list[Der], *tags: int) -> list[Der]:
    """The first values, which must have these tags."""
    if len(values) < len(tags) or any(value.tag != tag for value, tag in zip(values, tags)):  # noqa: B905 Python 3.9 knows no `strict`
        raise broken_der()
    return values[: len(tags)]


def oid(value: Der) -> str:
    if value.tag != 6 or value.body == value.end or len(value.content) > 64:
        raise broken_der()
    numbers, running = [], 0
    for octet in value.content:
        running = running << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(running)
            running = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


HASHES: dict[str, tuple[str, Callable[[], hashes.HashAlgorithm]]] = {
    "2.16.840.1.101.3.4.2.1": ("sha256", hashes.SHA256),
    "2.16.840.1.101.3.4.2.2": ("sha384", hashes.SHA384),
    "2.16.840.1.101.3.4.2.3": ("sha512", hashes.SHA512),
}
RSA_PLAIN, RSA_PSS, ED25519 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.3.101.112"
SIGNATURES = {
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
SIGNED_DATA, DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
TIMESTAMP, CERTIFICATE_V1, CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.14", "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"


def hash_named(algorithm: Der) -> str:
    """Of an AlgorithmIdentifier. Raises Refused for what is too weak or not known."""
    name = HASHES.get(oid(take(inside(algorithm, 0x30), 6)[0]))
    if name is None:
        raise Refused("empreinte d'un algorithme trop faible ou inconnu", "digest of a weak or unknown algorithm")
    return name[0]


def signature_holds(public: Any, algorithm: Der, digest_name: str | None, signature: bytes, data: bytes) -> bool:
    """`algorithm` is the AlgorithmIdentifier; `digest_name` where it names none of its own (RFC 8017 A.2.4 and B.1, RFC 5758, RFC 8419)."""
    parts = inside(algorithm, 0x30)
    name = oid(take(parts, 6)[0])
    try:
        if name == ED25519 and isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, data)
            return True
        chosen = _pss_hash(parts) if name == RSA_PSS else digest_name if name == RSA_PLAIN else SIGNATURES.get(name)
        method = next((make() for known, make in HASHES.values() if known == chosen), None)
        if method is None:
            return False
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, data, ec.ECDSA(method))
            return True
        if isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048:
            pss = padding.PSS(padding.MGF1(method), padding.PSS.AUTO)
            public.verify(signature, data, pss if name == RSA_PSS else padding.PKCS1v15(), method)
            return True
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return False


def _pss_hash(parts: list[Der]) -> str | None:
    fields = inside(parts[1], 0x30) if len(parts) > 1 else []
    return hash_named(inside(fields[0])[0]) if fields and fields[0].tag == 0xA0 and inside(fields[0]) else None


class Certificate:
    """The fields of an X.509 certificate that are asked here. Raises Refused."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.tbs, self.algorithm, signature = take(inside(whole(raw)), 0x30, 0x30, 3)
        self.signature = signature.content[1:]
        if signature.content[:1] != b"\0":
            raise broken_der()
        fields = inside(self.tbs)
        fields = fields[1:] if fields and fields[0].tag == 0xA0 else fields
        self.serial, method, self.issuer, validity, self.subject, spki = take(fields, 2, 0x30, 0x30, 0x30, 0x30, 0x30)
        if method.raw != self.algorithm.raw:  # RFC 5280, 4.1.1.2
            raise broken_der()
        self.begin, self.end = (read_time(each) for each in inside(validity)[:2])
        self.extensions = _extensions(fields[6:])
        self._spki = spki.raw

    def public(self) -> Any:
        try:
            return serialization.load_der_public_key(self._spki)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Refused("la clé d'un certificat ne se lit pas", "the key of a certificate cannot be read") from error

    def issued(self, other: Certificate) -> bool:
        same = self.subject.raw == other.issuer.raw
        return same and signature_holds(self.public(), other.algorithm, None, other.signature, other.tbs.raw)

    @property
    def authority(self) -> bool:
        """RFC 5280, 4.2.1.9: cA is TRUE."""
        found = self.extensions.get("2.5.29.19")
        first = inside(whole(found)) if found else []
        return bool(first) and first[0].tag == 1 and first[0].content == b"\xff"

    @property
    def purposes(self) -> set[str]:
        """RFC 5280, 4.2.1.12."""
        found = self.extensions.get("2.5.29.37")
        return {oid(each) for each in inside(whole(found))} if found else set()

    @property
    def names(self) -> dict[str, str]:
        """Attributes of the subject by object identifier."""
        found = {}
        for one in inside(self.subject):
            for pair in inside(one, 0x31):
                kind, value = inside(pair, 0x30)[:2]
                coding = {0x1E: "utf-16-be", 0x0C: "utf-8"}.get(value.tag, "latin-1")
                found[oid(kind)] = value.content.decode(coding, "replace")
        return found

    @property
    def name(self) -> str:
        return self.names.get("2.5.4.3") or self.names.get("2.5.4.10") or "?"

    @property
    def practice(self) -> bool:
        return any(PRACTICE in value for value in self.names.values())


def _extensions(fields: list[Der]) -> dict[str, bytes]:
    found = {}
    for field in fields:
        if field.tag == 0xA3:
            for each in inside(inside(field)[0], 0x30):
                parts = inside(each, 0x30)
                if len(parts) < 2 or parts[-1].tag != 4:
                    raise broken_der()
                found[oid(parts[0])] = parts[-1].content
    return found


def read_time(value: Der) -> datetime:
    """UTCTime or GeneralizedTime in the form of RFC 5280 and RFC 3161, UTC."""
    match = re.match(r"([0-9]{2})?([0-9]{12})(\.[0-9]{1,6})?Z\Z", value.content.decode("latin-1"))
    if match is None or value.tag not in (0x17, 0x18) or bool(match[1]) != (value.tag == 0x18):
        raise broken_der()
    century = match[1] or ("19" if int(match[2][:2]) >= 50 else "20")
    try:
        return datetime.strptime(century + match[2], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise broken_der() from error


class Signed(NamedTuple):
    """A CMS signature that holds over its content."""

    certificate: Certificate
    others: tuple[Certificate, ...]
    content: bytes | None
    signature: bytes
    unsigned: dict[str, Der]
    plain: bool
    """Whether what no signature covers (versions, algorithms, kinds of certificates) is said in the one right way."""


def read_cms(raw: bytes, content_type: str, digest_of: Callable[[str], bytes]) -> Signed:
    """RFC 5652, 5: one signer with signed attributes. `digest_of` names the hash and gets that of a detached content. Raises Refused."""
    with _der_only():
        outer = take(inside(whole(raw)), 6, 0xA0)
        if oid(outer[0]) != SIGNED_DATA:
            raise broken_der()
        fields = inside(take(inside(outer[1]), 0x30)[0])
        version, methods, wrapped = take(fields, 2, 0x31, 0x30)
        sets = {each.tag: each for each in fields[3:]}
        if (
            [each.tag for each in fields[3:]] != sorted(sets, key=[0xA0, 0xA1, 0x31].index)
            or 0x31 not in sets
            or version.content not in (b"\1", b"\3")
        ):
            raise broken_der()
        infos = inside(sets[0x31])
        certificates = [Certificate(each.raw) for each in inside(sets[0xA0])] if 0xA0 in sets else []
        if len(infos) != 1 or [hash_named(each) for each in inside(methods)] != [hash_named(_method_of(infos[0]))]:
            raise Refused("la signature n'a pas un signataire, mais plusieurs ou aucun", "the signature has not exactly one signer")
        _check_bag(certificates)
        info = inside(infos[0], 0x30)
        signed = _one_signer(info, certificates, _content(wrapped, content_type), content_type, digest_of)
        by_name = info[1].tag == 0x30
        # RFC 5652, 5.1: 1 of plain data signed under names, else 3.
        right = version.content == (b"\1" if by_name and content_type == DATA else b"\3")
        return signed._replace(plain=right and 0xA1 not in sets and _plain_methods(inside(methods)[0], info[2], info[4], signed))


def _plain_methods(announced: Der, chosen: Der, method: Der, signed: Signed) -> bool:
    """Hashes without parameters but NULL, a method of the signer's key and this hash, an ECDSA signature of two INTEGERs."""
    name, kind = hash_named(chosen), oid(inside(method)[0])
    public = signed.certificate.public()
    if not (_no_parameters(announced) and _no_parameters(chosen) and (kind == RSA_PSS or _no_parameters(method))):
        return False
    if isinstance(public, ec.EllipticCurvePublicKey):
        return (
            SIGNATURES.get(kind) == name
            and kind.startswith("1.2.840.10045")
            and [each.tag for each in inside(whole(signed.signature))] == [2, 2]
        )
    if isinstance(public, rsa.RSAPublicKey):
        return kind in (RSA_PLAIN, RSA_PSS) or (SIGNATURES.get(kind) == name and kind.startswith("1.2.840.113549"))
    return kind == ED25519


def _no_parameters(algorithm: Der) -> bool:
    """Absent or NULL (RFC 5754, 2)."""
    parts = inside(algorithm, 0x30)
    return len(parts) == 1 or (len(parts) == 2 and parts[1].raw == b"\5\0")


def _method_of(info: Der) -> Der:
    fields = inside(info, 0x30)
    return fields[2] if len(fields) > 2 else info


def _check_bag(certificates: list[Certificate]) -> None:
    """A certificate that comes along with its issuer is signed by it."""
    for each in certificates:
        above = [other for other in certificates if other.subject.raw == each.issuer.raw]
        if above and not any(other.issued(each) for other in above):
            raise Refused(f"le certificat {each.name} est altéré", f"the certificate {each.name} was altered")


def _content(wrapped: Der, content_type: str) -> bytes | None:
    parts = inside(wrapped)
    if not parts or oid(parts[0]) != content_type:
        raise broken_der()
    return take(inside(parts[1]), 4)[0].content if len(parts) > 1 else None


def _one_signer(
    info: list[Der], certificates: list[Certificate], content: bytes | None, content_type: str, digest_of: Callable[[str], bytes]
) -> Signed:
    version, who, algorithm, attributes, method, signature = take(info, 2, info[1].tag if len(info) > 1 else 0x30, 0x30, 0xA0, 0x30, 4)
    if version.content != (b"\1" if who.tag == 0x30 else b"\3"):
        raise broken_der()
    chosen = hash_named(algorithm)
    signed = _attributes(attributes)
    found = hashlib.new(chosen, content).digest() if content is not None else digest_of(chosen)
    told = signed.get(MESSAGE_DIGEST)
    if told is None or told.tag != 4 or told.content != found:
        raise Refused("ce qui est signé n'est pas ce qui est là", "what was signed is not what is here")
    if CONTENT_TYPE not in signed or oid(signed[CONTENT_TYPE]) != content_type:
        raise broken_der()
    signer = next((each for each in certificates if _is_named(each, who)), None)
    if signer is None:
        raise Refused("le certificat du signataire manque", "the signer's certificate is missing")
    _check_named(signed, signer)
    # RFC 5652, 5.4: what is hashed has the tag of a SET.
    if not signature_holds(signer.public(), method, chosen, signature.content, b"\x31" + attributes.raw[1:]):
        raise Refused("la signature cryptographique est fausse", "the cryptographic signature is wrong")
    if len(info) > 7 or any(each.tag != 0xA1 for each in info[6:]):
        raise broken_der()
    unsigned = _attributes(info[6]) if len(info) > 6 else {}
    return Signed(signer, tuple(certificates), content, signature.content, unsigned, plain=False)


def _attributes(value: Der) -> dict[str, Der]:
    """Attributes of one value each."""
    found: dict[str, Der] = {}
    for each in inside(value):
        kind, values = take(inside(each, 0x30), 6, 0x31)
        held = inside(values)
        if oid(kind) in found or len(held) != 1:
            raise broken_der()
        found[oid(kind)] = held[0]
    return found


def _is_named(certificate: Certificate, who: Der) -> bool:
    """RFC 5652, 5.3: by issuer and serial number, or by the subject's key identifier."""
    if who.tag == 0x30:
        issuer, serial = take(inside(who), 0x30, 2)
        return issuer.raw == certificate.issuer.raw and serial.content == certificate.serial.content
    return who.tag == 0x80 and certificate.extensions.get("2.5.29.14", b"")[2:] == who.content


def _check_named(signed: dict[str, Der], signer: Certificate) -> None:
    """RFC 5035: the attribute that binds the certificate names this one."""
    if CERTIFICATE_V2 in signed:
        first = inside(inside(inside(signed[CERTIFICATE_V2], 0x30)[0], 0x30)[0], 0x30)
        chosen = hash_named(first[0]) if first and first[0].tag == 0x30 and len(first) > 1 and first[1].tag == 4 else "sha256"
        told = next((each.content for each in first if each.tag == 4), b"")
        if hashlib.new(chosen, signer.raw).digest() != told:
            raise Refused("la signature nomme un autre certificat", "the signature names another certificate")
    elif CERTIFICATE_V1 in signed:
        first = inside(inside(inside(signed[CERTIFICATE_V1], 0x30)[0], 0x30)[0], 0x30)
        if not first or hashlib.sha1(signer.raw).digest() != first[0].content:  # noqa: S324 RFC 5035 lays it down for version 1
            raise Refused("la signature nomme un autre certificat", "the signature names another certificate")


class Stamp(NamedTuple):
    """A timestamp that holds."""

    at: datetime
    signed: Signed


def read_token(raw: bytes, imprint_of: Callable[[str], bytes]) -> Stamp:
    """RFC 3161, 2.4.2: a token over what `imprint_of` hashes. Raises Refused."""
    signed = read_cms(raw, TST_INFO, lambda _: b"")
    if signed.content is None:
        raise broken_der()
    _, _, imprint, _, when = take(inside(whole(signed.content)), 2, 6, 0x30, 2, 0x18)
    algorithm, told = take(inside(imprint), 0x30, 4)
    if told.content != imprint_of(hash_named(algorithm)):
        raise Refused("l'horodatage porte sur autre chose", "the timestamp is of something else")
    if "1.3.6.1.5.5.7.3.8" not in signed.certificate.purposes:
        raise Refused(
            "le certificat de l'horodatage n'est pas fait pour horodater", "the timestamp's certificate is not one for timestamps"
        )
    moment = read_time(when)
    if not signed.certificate.begin <= moment <= signed.certificate.end:
        raise Refused("l'horodatage est hors de la validité de son certificat", "the timestamp lies outside its certificate's validity")
    return Stamp(moment, signed)


def leads_up(signed: Signed, roots: list[Certificate], moment: datetime | None) -> bool:
    """Whether the certificate leads to one of the roots, each certificate valid at that moment (RFC 5280, 6; no revocation)."""
    trusted = {root.raw for root in roots}
    current = signed.certificate
    for _ in range(8):
        if moment is not None and not current.begin <= moment <= current.end:
            return False
        if current.raw in trusted:
            return True
        above = [each for each in [*roots, *signed.others] if each.raw != current.raw and each.authority]
        found = next((each for each in above if each.issued(current)), None)
        if found is None:
            return False
        current = found
    return False


def read_roots(pem: bytes) -> list[Certificate]:
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----", pem)
    with _der_only():
        return [Certificate(unbase64(b"".join(block.split()).decode("ascii"))) for block in blocks[:200]]


# What was found on the way, and what each check asks of it.


class File(NamedTuple):
    """A sealed file as the index tells it."""

    document: str
    sha256: str
    size: int
    entry: int
    extends: str | None
    extends_size: int | None


class Mark(NamedTuple):
    """An entry by which a sealed file came into being."""

    kind: str
    document: str
    archive: str
    extends: str | None
    at: str


class Row(NamedTuple):
    """What is kept of a row of the index."""

    raw: bytes
    """SHA-256 of its canonical form."""
    sealed: int
    sealed_at: str


class Audit:
    """Everything known so far; grows from check to check."""

    def __init__(self, parts: list[Part], report: Report) -> None:
        self.parts, self.report = parts, report
        self.place: dict[str, Part] = {}
        self.package: dict[str, Any] = {}
        self.ledger: dict[str, Any] = {}
        self.keys: list[Key] = []
        self.manifest: dict[str, bytes] = {}
        self.manifest_hash = b""
        self.found: dict[str, bytes] = {}
        """Path → SHA-256 of what is at hand."""
        self.prefix: dict[str, str] = {}
        """Path of a file that extends another → SHA-256 of its first bytes."""
        self.head: dict[str, bytes] = {}
        """Path of a sealed file → its first five bytes."""
        self.rows: dict[str, Row] = {}
        self.files: dict[str, File] = {}
        self.checkpoints: list[Checkpoint] = []
        self.roots: dict[int, bytes] = {}
        """Size → root, as computed from the segment."""
        self.wanted: set[int] = set()
        self.others = 0
        self.marks: dict[int, Mark] = {}
        self.gone: set[str] = set()
        self.trace: dict[str, array[int]] = {}
        self.told: dict[int, bytes] = {}
        """Sequence of an entry of others that names a document → what a trail must repeat of it."""
        self.told_inside = bytearray()
        """The same for the segment, 64 bytes each: hash of what is repeated, and the commitment."""
        self.missing: list[str] = []
        self.absent: list[dict[str, Any]] = []
        """Volumes that were not handed in."""
        self.signer: Certificate | None = None
        self.stamps: dict[str, str] = {}
        """Text of a checkpoint → when an authority that leads up to the roots stamped it."""
        self.spoke: set[str] = set()
        """Keys by which something here is signed."""

    def at(self, name: str) -> Part:
        if name not in self.place:
            raise Refused(f"{name} manque", f"{name} is missing")
        return self.place[name]

    @property
    def first(self) -> int:
        return int(self.ledger["first"])

    @property
    def last(self) -> int:
        return int(self.ledger["last"])

    @property
    def extract(self) -> str | None:
        """The document, where the package is about one only."""
        found = self.package["scope"].get("document")
        return None if found is None else str(found)

    def in_period(self, at: str) -> bool:
        scope = self.package["scope"]
        return self.extract is not None or bool(scope["from"] <= at[:10] <= scope["to"])


def look_form(audit: Audit) -> None:
    """Where every member lies, and the four files that tell what the rest is."""
    with audit.report.stage("form"):
        for part in audit.parts:
            for name in part.sizes:
                if name in audit.place:
                    audit.report.fault("form", f"{name} s'y trouve deux fois", f"{name} is there twice")
                audit.place[name] = part
        for name in (*NEEDED, *LAST_THREE, "trust/roots.pem"):
            if name not in audit.place:
                audit.report.fault("form", f"{name} manque", f"{name} is missing")
        audit.package = shaped(audit.at("package.json").read("package.json"), PACKAGE, "package.json")
        audit.ledger = shaped(audit.at("ledger/ledger.json").read("ledger/ledger.json"), LEDGER, "ledger/ledger.json")
        audit.keys = [read_key(each) for each in audit.package["keys"]]
        if not audit.first <= audit.last <= audit.ledger["size"]:
            raise Refused("le segment dépasse le registre", "the segment is larger than the ledger")
        _look_index(audit)
        _look_loose(audit)
        audit.report.holds(
            "form", f"{len(audit.place)} fichiers, lisibles et de la forme prévue", f"{len(audit.place)} files, of the form laid down"
        )


def _look_index(audit: Audit) -> None:
    """Line by line: `[`, the rows with a comma each but the last, `]`."""
    rows, open_row, state = 0, b"", "begin"
    before: tuple[int, str] = (-1, "")
    for line in audit.at("index.json").lines("index.json"):
        if state == "begin":
            state = "rows" if line == b"[\n" else "bad"
        elif line == b"]\n" and state == "rows" and not open_row:
            state = "end"
        elif state == "rows" and (rows == 0 or open_row):
            open_row = b"," if line.endswith(b",\n") else b""
            row = shaped(line[:-2] if open_row else line[:-1], ROW, f"index.json, ligne {rows + 2}")
            before = _keep_row(audit, row, before)
            rows += 1
        else:
            state = "bad"
        if state == "bad":
            break
    if state != "end":
        raise Refused("index.json n'a pas la forme prévue", "index.json has not the form that is laid down")


def _keep_row(audit: Audit, row: dict[str, Any], before: tuple[int, str]) -> tuple[int, str]:
    fault, name = audit.report.fault, row["document"]
    if name in audit.rows:
        fault("index", f"le document {name} a deux lignes", f"document {name} has two rows")
    if (row["sealed"], name) <= before:
        fault("index", f"le document {name} n'est pas à sa place", f"document {name} is not in its place")
    if not row["files"]:
        fault("index", f"le document {name} n'a pas de fichier", f"document {name} has no file")
    audit.rows[name] = Row(hashlib.sha256(canonical(row)).digest(), row["sealed"], row["sealed_at"])
    versions = [each["version"] for each in row["files"]]
    if versions != sorted(set(versions)) or 0 in versions:
        fault("index", f"les versions de {name} ne se suivent pas", f"the versions of {name} are not in order")
    for each in row["files"]:
        if each["path"] != f"documents/{name}/v{each['version']}.pdf" or each["path"] in audit.files:
            fault(
                "index", f"{each['path']} n'est pas le chemin d'une version de {name}", f"{each['path']} is no path of a version of {name}"
            )
        if (each["extends"] is None) != (each["extends_size"] is None) or (each["extends_size"] or 0) > each["size"]:
            fault("index", f"{each['path']} ne dit pas bien ce qu'il prolonge", f"{each['path']} does not say well what it extends")
        audit.files[each["path"]] = File(name, each["sha256"], each["size"], each["entry"], each["extends"], each["extends_size"])
    return row["sealed"], name


def _look_loose(audit: Audit) -> None:
    """JSON of which no form is laid down must at least be JSON."""
    for name, part in audit.place.items():
        if name == "statistics.json" or (name.endswith(".json") and name.startswith(("controls/", "scanners/"))):
            with audit.report.stage("form"):
                parse(part.read(name), name)


def look_manifest(audit: Audit) -> None:
    """Everything at hand is read once here, and hashed."""
    fault = audit.report.fault
    with audit.report.stage("manifest"):
        _read_manifest(audit)
        for name, part in audit.place.items():
            if name not in LAST_THREE:
                with audit.report.stage("manifest"):
                    _hash_member(audit, name, part)
        for name, found in audit.found.items():
            listed = audit.manifest.get(name)
            if listed is None:
                fault("manifest", f"{name} n'est pas au manifeste", f"{name} is not in the manifest")
            elif listed != found:
                fault("manifest", f"{name} a changé", f"{name} has changed")
        audit.missing = [name for name in audit.manifest if name not in audit.place]
        _look_volumes(audit)
        told = f"{len(audit.manifest)} fichiers au manifeste, {len(audit.found)} relus, chacun a son empreinte"
        audit.report.holds("manifest", told, f"{len(audit.manifest)} files in the manifest, {len(audit.found)} read, each has its hash")


def _read_manifest(audit: Audit) -> None:
    running, before = hashlib.sha256(), b""
    for line in audit.at("manifest.sha256").lines("manifest.sha256"):
        running.update(line)
        match = MANIFEST_LINE.match(line)
        if match is None or not allowed(match[2].decode()) or match[2].decode() in LAST_THREE or match[2] <= before:
            raise Refused("une ligne du manifeste n'a pas la forme ou la place prévue", "a line of the manifest has not its form or place")
        before = match[2]
        audit.manifest[match[2].decode()] = bytes.fromhex(match[1].decode())
    audit.manifest_hash = running.digest()


def _hash_member(audit: Audit, name: str, part: Part) -> None:
    told = audit.files.get(name)
    cut = told.extends_size if told and told.extends_size is not None else None
    running, size = hashlib.sha256(), 0
    for piece in part.pieces(name):
        if size == 0 and SEALED_FILE.match(name):
            audit.head[name] = piece[:5]
        if cut is not None and size <= cut <= size + len(piece):
            prefix = running.copy()
            prefix.update(piece[: cut - size])
            audit.prefix[name] = prefix.hexdigest()
        running.update(piece)
        size += len(piece)
    if size != part.sizes[name]:
        raise Refused(f"{name} n'a pas la longueur annoncée", f"{name} has not the length it claims")
    audit.found[name] = running.digest()


def _look_volumes(audit: Audit) -> None:
    """Which volumes are not here, and whether what is missing fits them."""
    volumes = list(audit.package.get("volumes", []))
    handed = [part for part in audit.parts if "package.json" not in part.sizes]
    whole_here = not audit.missing
    for part in handed:
        size = part.path.stat().st_size if part.path.is_file() else -1
        fitting = [each for each in volumes if each["files"] == len(part.sizes) and each["bytes"] == size]
        named = [each for each in fitting if each["name"] == part.path.name]
        if not fitting:
            audit.report.fault(
                "package", f"{part.path.name} n'est pas un volume de ce dossier", f"{part.path.name} is no volume of this package"
            )
        else:
            volumes.remove((named or fitting)[0])
    audit.absent = [] if whole_here else volumes
    sums = {0}
    for each in audit.absent:
        sums |= {so_far + each["files"] for so_far in sums} if len(sums) < 10**6 else set()
    folder = any(isinstance(part, FolderPart) for part in audit.parts)
    fits_some = len(audit.missing) in sums if folder else len(audit.missing) == sum(each["files"] for each in audit.absent)
    foreign = [name for name in audit.missing if not SEALED_FILE.match(name)]
    if foreign or (audit.missing and not audit.absent) or not fits_some:
        name = (foreign or audit.missing or ["?"])[0]
        audit.report.fault(
            "manifest",
            f"{len(audit.missing)} fichiers du manifeste manquent, dont {name}",
            f"{len(audit.missing)} files of the manifest are missing, among them {name}",
        )


def look_note(audit: Audit) -> None:
    with audit.report.stage("note"):
        raw = audit.at("manifest.sha256.note").read("manifest.sha256.note", 1 << 20)
        note = read_note(_utf8(raw, "manifest.sha256.note"), audit.keys, "manifest.sha256.note")
        if note.strangers or len(set(note.signers)) != len(note.signers):
            raise Refused("la note porte une signature que rien n'annonce", "the note bears a signature that nothing announces")
        if note.text != f"sceau-manifest-1\n{audit.package['entity']}\n{audit.manifest_hash.hex()}\n":
            raise Refused("la note signe un autre manifeste", "the note signs another manifest")
        audit.spoke |= {key.vkey for key in note.signers}
        names = ", ".join(f"{key.name} {key.fingerprint}" for key in note.signers)
        audit.report.holds(
            "note", f"le manifeste est signé par la clé du registre {names}", f"the manifest is signed by the ledger's key {names}"
        )


def _utf8(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except ValueError as error:
        raise Refused(f"{where} n'est pas du texte", f"{where} is not text") from error


def look_seal(audit: Audit) -> None:
    with audit.report.stage("seal"):
        part = audit.at("manifest.sha256")
        signed = read_cms(
            audit.at("manifest.sha256.p7s").read("manifest.sha256.p7s", PIECE),
            DATA,
            lambda chosen: _hash_with(chosen, part.pieces("manifest.sha256")),
        )
        if signed.content is not None:
            raise Refused("la signature devait être détachée", "the signature was to be detached")
        token = signed.unsigned.get(TIMESTAMP)
        if token is None:
            raise Refused("la signature n'est pas horodatée", "the signature has no timestamp")
        stamp = read_token(token.raw, lambda chosen: hashlib.new(chosen, signed.signature).digest())
        if len(signed.unsigned) > 1 or stamp.signed.unsigned:
            raise Refused("la signature porte un attribut que rien ne signe", "the signature bears an attribute that nothing signs")
        roots = read_roots(audit.at("trust/roots.pem").read("trust/roots.pem", 16 << 20))
        for each in (signed, stamp.signed):
            if not leads_up(each, roots, stamp.at):
                raise Refused(
                    f"le certificat de {each.certificate.name} ne remonte pas à trust/roots.pem",
                    f"the certificate of {each.certificate.name} does not lead up to trust/roots.pem",
                )
            _check_plain(each, roots)
        audit.signer = signed.certificate
        _say_seal(audit, signed.certificate, stamp)


def _hash_with(chosen: str, pieces: Iterable[bytes]) -> bytes:
    running = hashlib.new(chosen)
    for piece in pieces:
        running.update(piece)
    return running.digest()


def _check_plain(signed: Signed, roots: list[Certificate]) -> None:
    """What no signature covers is said in one way only, and no certificate is there that leads nowhere (the file is in no manifest)."""
    strangers = [each for each in signed.others if not leads_up(signed._replace(certificate=each), roots, None)]
    if strangers or not signed.plain:
        raise Refused(
            "la signature porte ce que rien ne signe, sous une forme qui n'est pas la sienne",
            "the signature bears what nothing signs, in a form that is not its own",
        )


def _say_seal(audit: Audit, signer: Certificate, stamp: Stamp) -> None:
    practice = signer.practice or stamp.signed.certificate.practice
    if practice and not audit.package["practice"]:
        audit.report.fault(
            "seal", "un certificat d'essai, dans un dossier qui ne se dit pas d'essai", "a practice certificate, which the package hides"
        )
    trial = (", clé d'essai sans valeur probante", ", a trial key that proves nothing") if practice else ("", "")
    when, by = stamp.at.strftime("%Y-%m-%d %H:%M:%S UTC"), stamp.signed.certificate.name
    audit.report.holds(
        "seal",
        f"scellé par {signer.name}{trial[0]}, horodaté le {when} par {by} ; à qui se fier reste votre choix",
        f"sealed by {signer.name}{trial[1]}, timestamped {when} by {by}; whom to trust remains your choice",
    )


def look_checkpoints(audit: Audit) -> None:
    with audit.report.stage("checkpoints"):
        roots = read_roots(audit.at("trust/roots.pem").read("trust/roots.pem", 16 << 20))
        unknown = 0
        for told in audit.ledger["checkpoints"]:
            where = f"point de contrôle {told['size']}"
            found = read_checkpoint(told["note"], audit.keys, where)
            if found.size != told["size"]:
                raise Refused(f"{where} : la note en dit un autre", f"{where}: the note tells another")
            before = audit.checkpoints[-1] if audit.checkpoints else None
            if before and (
                found.size < before.size or (found.size == before.size and found.root != before.root) or found.text == before.text
            ):
                raise Refused(f"{where} : les tailles ne montent pas", f"{where}: sizes do not rise")
            if told["token"] is not None:
                signed = found.text.encode("utf-8")
                stamp = read_token(unbase64(told["token"]), lambda chosen, signed=signed: hashlib.new(chosen, signed).digest())  # type: ignore[misc]
                if leads_up(stamp.signed, roots, stamp.at):
                    audit.stamps[found.text] = stamp.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
                else:
                    unknown += 1
            audit.checkpoints.append(found)
            audit.spoke |= {key.vkey for key in found.signers}
            audit.wanted |= {found.size, *(size for size, _ in found.links)}
        if not audit.checkpoints or audit.checkpoints[-1].size != audit.ledger["size"]:
            raise Refused("le point de contrôle le plus récent manque", "the newest checkpoint is missing")
        total, stamped = len(audit.checkpoints), len(audit.stamps)
        french = f", dont {unknown} d'autorité inconnue, qui ne comptent pas" if unknown else ""
        audit.report.holds(
            "checkpoints",
            f"{total} points de contrôle signés, {stamped} horodatés{french.replace(', dont', ' ;')}",
            f"{total} checkpoints, {stamped} timestamped{f'; {unknown} by an unknown authority, not counted' if unknown else ''}",
        )


def look_segment(audit: Audit) -> None:
    with audit.report.stage("segment"):
        tree = Frontier(audit.first, (bytes.fromhex(each) for each in audit.ledger["peaks"]))
        _note_root(audit, tree)
        for line in audit.at("ledger/segment.jsonl").lines("ledger/segment.jsonl"):
            entry = read_entry(line[:-1], audit.package["entity"], f"écriture {tree.size}")
            if entry["sequence"] != tree.size or tree.size >= audit.last:
                raise Refused(f"écriture {entry['sequence']} au lieu de {tree.size}", f"entry {entry['sequence']} instead of {tree.size}")
            audit.told_inside += _keep_entry(audit, entry) or bytes(64)
            tree.add(leaf(line[:-1]))
            _note_root(audit, tree)
        if tree.size != audit.last:
            raise Refused(
                f"le segment s'arrête à {tree.size} au lieu de {audit.last}", f"the segment ends at {tree.size} instead of {audit.last}"
            )
        for each in audit.checkpoints:
            if audit.first <= each.size <= audit.last and audit.roots[each.size] != each.root:
                raise Refused(
                    f"à la taille {each.size}, le registre n'est pas celui du point de contrôle", f"at size {each.size} the tree is another"
                )
        total = audit.last - audit.first
        audit.report.holds(
            "segment", f"{total} écritures sans lacune, l'arbre est celui des points de contrôle", f"{total} entries, without a gap"
        )


def _note_root(audit: Audit, tree: Frontier) -> None:
    if tree.size in audit.wanted or tree.size == audit.last:
        audit.roots[tree.size] = tree.root()


def read_entry(raw: bytes, entity: str, where: str) -> dict[str, Any]:
    """One entry, format 1, in its canonical form. Raises Refused."""
    entry: dict[str, Any] = shaped(raw, ENTRY, where)
    if canonical(entry) != raw:
        raise Refused(f"{where} n'est pas sous sa forme canonique", f"{where} is not in its canonical form")
    if entry["entity"] != entity:
        raise Refused(f"{where} est d'une autre entité", f"{where} is of another entity")
    return entry


def repeated(entry: dict[str, Any], actor: str) -> bytes:
    """SHA-256 of what a trail repeats of an entry."""
    told = [entry["sequence"], entry["type"], entry["at"], entry["clock"], actor, entry["objects"]]
    return hashlib.sha256(canonical(told)).digest()


def _keep_entry(audit: Audit, entry: dict[str, Any]) -> bytes | None:
    """Notes what the index and the trails are held against; returns 64 bytes where the entry names a document of the index."""
    sequence, objects = entry["sequence"], entry["objects"]
    document = objects.get("document")
    if entry["type"] in SEALING:
        audit.marks[sequence] = Mark(entry["type"], document or "", objects.get("archive", ""), objects.get("extends"), entry["at"])
    if entry["type"] in GONE and document:
        audit.gone.add(document)
    if document not in audit.rows:
        return None
    audit.trace.setdefault(document, array("Q")).append(sequence)
    return repeated(entry, entry["actor"]["pseudonym"]) + bytes.fromhex(entry["payload_commitment"])


def look_consistency(audit: Audit) -> None:
    with audit.report.stage("consistency"):
        size = audit.ledger["size"]
        newest = _head(audit)
        known = {each.size: each.root for each in audit.checkpoints}
        if audit.last in audit.roots:
            known[audit.last] = audit.roots[audit.last]
        outside = {each.size for each in audit.checkpoints if not audit.first <= each.size <= audit.last}
        wanted = {each for each in outside | {audit.last} if 0 < each < size}
        told = {each["from"]: each for each in audit.ledger["consistency"]}
        if told.keys() != wanted or len(told) != len(audit.ledger["consistency"]):
            raise Refused("une preuve de continuité manque ou est de trop", "a consistency proof is missing, or one too many")
        for begin, each in told.items():
            path = [bytes.fromhex(step) for step in each["path"]]
            if each["to"] != size or begin not in known or not consistent(begin, size, path, known[begin], newest):
                raise Refused(
                    f"la preuve de continuité de {begin} à {each['to']} est fausse", f"the consistency proof from {begin} is wrong"
                )
        if any(each.size == 0 and each.root != EMPTY for each in audit.checkpoints):
            raise Refused("un point de contrôle vide a une racine", "an empty checkpoint has a root")
        _check_links(audit, known)
        audit.report.holds(
            "consistency", f"{len(told)} preuves de continuité jusqu'à la taille {size}", f"{len(told)} proofs up to size {size}"
        )


def _head(audit: Audit) -> bytes:
    if not audit.checkpoints or audit.checkpoints[-1].size != audit.ledger["size"]:
        raise Refused("le point de contrôle le plus récent manque ou est faux", "the newest checkpoint is missing or wrong")
    return audit.checkpoints[-1].root


def _check_links(audit: Audit, known: dict[int, bytes]) -> None:
    """Links back name the roots that are known: of checkpoints listed, and at every size in the segment."""
    for each in audit.checkpoints:
        for size, root in each.links:
            right = known.get(size, audit.roots.get(size, root))
            if size > each.size or right != root:
                told = (
                    f"point de contrôle {each.size} : il renvoie à un autre registre",
                    f"checkpoint {each.size} links back to another log",
                )
                audit.report.fault("checkpoints", *told)


def look_others(audit: Audit) -> None:
    with audit.report.stage("others"):
        size, newest, before = audit.ledger["size"], _head(audit), -1
        for number, line in enumerate(audit.at("ledger/others.jsonl").lines("ledger/others.jsonl"), 1):
            told = shaped(line[:-1], OTHER, f"ledger/others.jsonl, ligne {number}")
            sequence, raw = told["sequence"], told["entry"].encode("utf-8", "replace")
            entry = read_entry(raw, audit.package["entity"], f"écriture {sequence}")
            if entry["sequence"] != sequence or sequence <= before or audit.first <= sequence < audit.last:
                raise Refused(f"écriture {sequence} : pas à sa place", f"entry {sequence}: not in its place")
            if not includes(leaf(raw), sequence, size, [bytes.fromhex(step) for step in told["path"]], newest):
                raise Refused(f"écriture {sequence} : la preuve d'inclusion est fausse", f"entry {sequence}: the inclusion proof is wrong")
            kept = _keep_entry(audit, entry)
            if kept:
                audit.told[sequence] = kept
            before, audit.others = sequence, number
        audit.report.holds(
            "others",
            f"{audit.others} écritures hors du segment, chacune prouvée",
            f"{audit.others} entries outside the segment, each proved",
        )


def look_index(audit: Audit) -> None:
    fault = audit.report.fault
    with audit.report.stage("index"):
        newest: dict[str, int] = {}
        for sequence, mark in audit.marks.items():
            if mark.kind == "sealed":
                newest[mark.document] = max(sequence, newest.get(mark.document, -1))
        for name, row in audit.rows.items():
            if newest.get(name) != row.sealed or audit.marks[row.sealed].at != row.sealed_at:
                fault(
                    "index",
                    f"document {name} : son écriture de scellement n'est pas celle-là",
                    f"document {name}: not its entry of sealing",
                )
            if f"documents/{name}/trail.json" not in audit.manifest:
                fault("index", f"document {name} : pas de trail.json au manifeste", f"document {name}: no trail.json in the manifest")
        for path, file in audit.files.items():
            if audit.manifest.get(path) != bytes.fromhex(file.sha256):
                fault("index", f"{path} : l'index et le manifeste diffèrent", f"{path}: index and manifest differ")
            entry = audit.marks.get(file.entry)
            if entry is None or (entry.document, entry.archive, entry.extends) != (file.document, file.sha256, file.extends):
                fault("index", f"{path} : aucune écriture ne le scelle ainsi", f"{path}: no entry seals it like this")
        trails = {f"documents/{name}/trail.json" for name in audit.rows}
        for path in audit.manifest:
            if path.startswith("documents/") and path not in audit.files and path not in trails:
                fault("index", f"{path} n'est à aucune ligne de l'index", f"{path} is in no row of the index")
        told = f"{len(audit.rows)} documents, {len(audit.files)} fichiers scellés, chacun avec son écriture"
        audit.report.holds("index", told, f"{len(audit.rows)} documents, {len(audit.files)} sealed files, each with its entry")


def look_complete(audit: Audit) -> None:
    fault = audit.report.fault
    with audit.report.stage("complete"):
        here = {file.entry for file in audit.files.values()}
        withheld = {each["entry"]: each for each in audit.package["withheld"]}
        hidden = 0
        for sequence, mark in audit.marks.items():
            inside_now = audit.first <= sequence < audit.last
            asked = mark.document == audit.extract if audit.extract is not None else inside_now and audit.in_period(mark.at)
            if not asked or sequence in here or mark.document in audit.gone or sequence in withheld:
                continue
            fault("complete", f"le fichier scellé par l'écriture {sequence} manque", f"the file sealed by entry {sequence} is missing")
        for sequence, each in withheld.items():
            entry = audit.marks.get(sequence)
            if entry is None or entry.document != each["document"] or sequence in here:
                fault("complete", f"l'écriture {sequence} ne peut être retenue", f"entry {sequence} cannot be withheld")
            elif each["reason"] == "confidential":
                hidden += 1
            else:
                kind = "absent" if each["reason"] == "missing" else "abîmé"
                fault("complete", f"le fichier de l'écriture {sequence} est {kind}", f"the file of entry {sequence} is {each['reason']}")
        if len(withheld) != len(audit.package["withheld"]):
            fault("complete", "une écriture est retenue deux fois", "an entry is withheld twice")
        ends = _look_ends(audit)
        told = f" ; {hidden} confidentiel(s), non remis" if hidden else ""
        audit.report.holds(
            "complete",
            f"aucun fichier scellé ne manque{told}{ends.french}",
            f"no sealed file is missing{f'; {hidden} confidential, not handed over' if hidden else ''}{ends.english}",
        )


def _look_ends(audit: Audit) -> Told:
    """In a package of a period checkpoints show that the segment begins before it and ends after it, or with the ledger."""
    if audit.extract is not None:
        return Told("", "")
    fault, scope = audit.report.fault, audit.package["scope"]
    begins = [each for each in audit.checkpoints if each.size == audit.first and _says_before(audit, each, scope["from"])]
    ends = [each for each in audit.checkpoints if each.size == audit.last and each.at[:10] > scope["to"]]
    if audit.first > 0 and not begins:
        fault(
            "complete", "rien ne montre que le segment commence avant la période", "nothing shows that the segment begins before the period"
        )
    if audit.last < audit.ledger["size"] and not ends:
        fault("complete", "rien ne montre que le segment finit après la période", "nothing shows that the segment ends after the period")
    for each in audit.checkpoints:
        if (each.size < audit.first and each.at[:10] >= scope["from"]) or (each.size > audit.last and each.at[:10] <= scope["to"]):
            fault(
                "complete",
                f"le point de contrôle {each.size}, hors du segment, est de la période",
                f"checkpoint {each.size}, outside the segment, is of the period",
            )
    return _told_ends(audit, begins, ends)


def _says_before(audit: Audit, checkpoint: Checkpoint, first: str) -> bool:
    """Its own time, and that of its timestamp if it has one, lie before the day."""
    return checkpoint.at[:10] < first and audit.stamps.get(checkpoint.text, "")[:10] < first


def _told_ends(audit: Audit, begins: list[Checkpoint], ends: list[Checkpoint]) -> Told:
    """From when to when checkpoints bound the segment, and whether an authority says so too."""

    def stamped(each: Checkpoint) -> tuple[str, str]:
        return ("", "") if each.text in audit.stamps else (" (non horodaté)", " (not timestamped)")

    begin = begins[-1] if audit.first > 0 and begins else None
    end = ends[0] if ends else audit.checkpoints[-1] if audit.checkpoints else None
    one = (f"du {begin.at}{stamped(begin)[0]}", f"from {begin.at}{stamped(begin)[1]}") if begin else ("de son début", "from its beginning")
    other = (f"au {end.at}{stamped(end)[0]}", f"to {end.at}{stamped(end)[1]}") if end else ("à sa fin", "to its end")
    return Told(
        f" ; registre borné par ses points de contrôle, {one[0]} {other[0]}", f"; ledger bounded by checkpoints {one[1]} {other[1]}"
    )


def look_trails(audit: Audit) -> None:
    with audit.report.stage("trails"):
        events = erased = 0
        for name, row in audit.rows.items():
            with audit.report.stage("trails"):
                path = f"documents/{name}/trail.json"
                trail = shaped(audit.at(path).read(path), TRAIL, path)
                if (trail["document"], trail["entity"]) != (name, audit.package["entity"]):
                    raise Refused(f"{path} est d'un autre document", f"{path} is of another document")
                if hashlib.sha256(canonical(trail["row"])).digest() != row.raw:
                    raise Refused(f"{path} : sa ligne n'est pas celle de l'index", f"{path}: its row is not that of the index")
                events += len(trail["events"])
                erased += _look_events(audit, name, path, trail["events"])
        told = f" ; le détail de {erased} a été effacé" if erased else ""
        audit.report.holds(
            "trails",
            f"{len(audit.rows)} pistes, {events} événements, tous au registre{told}",
            f"{len(audit.rows)} trails, {events} events",
        )


def _look_events(audit: Audit, name: str, path: str, events: list[dict[str, Any]]) -> int:
    """How many payloads were erased. Raises Refused."""
    if [each["sequence"] for each in events] != sorted(audit.trace.get(name, ())):
        raise Refused(f"{path} : ses événements ne sont pas ceux du registre", f"{path}: its events are not those of the ledger")
    gone = max((each["sequence"] for each in events if each["type"] in GONE), default=0)
    for each in events:
        sequence = each["sequence"]
        start = 64 * (sequence - audit.first)
        inside_now = audit.first <= sequence < audit.last
        kept = bytes(audit.told_inside[start : start + 64]) if inside_now else audit.told[sequence]
        if repeated(each, each["actor"]) != kept[:32]:
            raise Refused(f"{path} : l'événement {sequence} n'est pas l'écriture", f"{path}: event {sequence} is not the entry")
        if each["payload"] is None and each["salt"] is not None:
            raise Refused(f"{path} : un sel sans son détail", f"{path}: a salt without its payload")
        if each["payload"] is None and sequence >= gone:
            raise Refused(
                f"{path} : le détail de {sequence} manque, et aucune écriture ne dit qu'il fut effacé",
                f"{path}: the payload of {sequence} is missing, and no entry says that it was erased",
            )
        if each["payload"] is not None and _commitment(each, path) != kept[32:]:
            raise Refused(
                f"{path} : le détail de {sequence} n'est pas celui du registre",
                f"{path}: the payload of {sequence} is not the committed one",
            )
    return sum(each["payload"] is None for each in events)


def _commitment(event: dict[str, Any], path: str) -> bytes:
    if event["salt"] is None or not re.match(r"(?:[0-9a-f]{2})+\Z", event["salt"]):
        raise Refused(f"{path} : un détail sans son sel", f"{path}: a payload without its salt")
    return hashlib.sha256(bytes.fromhex(event["salt"]) + event["payload"].encode("utf-8", "replace")).digest()


def look_files(audit: Audit) -> None:
    fault = audit.report.fault
    with audit.report.stage("files"):
        looked = 0
        for path, file in audit.files.items():
            if path not in audit.place:
                continue
            looked += 1
            size = audit.place[path].sizes[path]
            if audit.found.get(path, b"").hex() != file.sha256 or size != file.size:
                fault("files", f"{path} n'est pas le fichier scellé", f"{path} is not the sealed file")
            if audit.head.get(path) != b"%PDF-":
                fault("files", f"{path} n'est pas un PDF", f"{path} is not a PDF")
            if file.extends is not None and audit.prefix.get(path) != file.extends:
                fault(
                    "files", f"{path} ne commence pas par le fichier qu'il prolonge", f"{path} does not begin with the file that it extends"
                )
        audit.report.holds(
            "files", f"{looked} fichiers scellés ont leur empreinte et leur longueur", f"{looked} sealed files have their hash and length"
        )
        left = len(audit.files) - looked
        if left:
            names = ", ".join(each["name"] for each in audit.absent[:20])
            audit.report.skip(
                "files",
                f"{looked} fichiers scellés ont leur empreinte ; {left} autres, en volumes non remis ({names}), n'ont pas été regardés",
                f"{looked} sealed files have their hash; {left} others, in volumes not handed in ({names}), were not looked at",
            )


def look_package(audit: Audit) -> None:
    fault, package = audit.report.fault, audit.package
    with audit.report.stage("package"):
        found = {
            "documents": len(audit.rows),
            "archives": len(audit.files),
            "entries": audit.last - audit.first,
            "others": audit.others,
        }
        if package["counts"] != found or package["checkpoint"] != audit.ledger["size"] or package["entity"] != audit.ledger["entity"]:
            fault("package", "les comptes annoncés ne sont pas ceux qui sont trouvés", "the counts told are not those found")
        if len(set(package["keys"])) != len(package["keys"]) or set(package["keys"]) != audit.spoke:
            fault("package", "les clés annoncées ne sont pas celles qui ont signé", "the keys told are not those that signed")
        volumes = [each["name"] for each in package["volumes"]]
        if len(set(volumes)) != len(volumes):
            fault("package", "un volume est annoncé deux fois", "a volume is told twice")
        sealed = sum(1 for path in audit.manifest if SEALED_FILE.match(path))
        if package["volumes"] and sum(each["files"] for each in package["volumes"]) != sealed:
            fault("package", "les volumes annoncés ne tiennent pas les fichiers scellés", "the volumes told do not hold the sealed files")
        _look_scope(audit)
        audit.report.holds(
            "package", "comptes, période, clés et volumes sont ceux qui sont annoncés", "counts, scope, keys and volumes are those told"
        )


def _look_scope(audit: Audit) -> None:
    fault = audit.report.fault
    if audit.extract is not None:
        if set(audit.rows) - {audit.extract} or audit.first != audit.last or (not audit.rows and not audit.package["withheld"]):
            fault("package", "l'extrait n'est pas celui du document annoncé", "the extract is not that of the document told")
        return
    scope = audit.package["scope"]
    if scope["from"] > scope["to"]:
        fault("package", "la période finit avant de commencer", "the period ends before it begins")
    named = {mark.document for mark in audit.marks.values() if audit.in_period(mark.at)}
    for name in audit.rows:
        if name not in named:
            fault("package", f"le document {name} n'est pas de cette période", f"document {name} is not of this period")


def look_key(audit: Audit, wanted: str) -> None:
    """Whether the ledger's keys are the one that the caller has from elsewhere."""
    audit.report.names.append("key")
    with audit.report.stage("key"):
        plain = wanted.strip()
        expected = read_key(plain).fingerprint if "+" in plain else re.sub(r"[\s:]", "", plain).lower()
        if not audit.keys or any(key.fingerprint != expected for key in audit.keys):
            raise Refused("la clé du registre n'est pas celle que vous connaissez", "the ledger's key is not the one that you know")
        audit.report.holds("key", "la clé du registre est celle que vous connaissez", "the ledger's key is the one that you know")


def look_witness(audit: Audit, kept: str) -> None:
    """Whether a checkpoint that a witness kept is of this ledger."""
    audit.report.names.append("witness")
    with audit.report.stage("witness"):
        found = read_checkpoint(kept, audit.keys, "point de contrôle du témoin")
        known = {each.size: each.root for each in audit.checkpoints}
        right = known.get(found.size, audit.roots.get(found.size))
        if right is None:
            audit.report.skip(
                "witness",
                f"la taille {found.size} du témoin n'est pas dans ce dossier : il en faut un dont la période la contient",
                f"the witness's size {found.size} is not in this package: ask for one whose period holds it",
            )
            return
        if right != found.root:
            raise Refused(
                "le témoin a vu un autre registre : il a été récrit ou dédoublé", "the witness saw another ledger: rewritten or forked"
            )
        audit.report.holds(
            "witness", f"le registre est celui que le témoin a vu, à la taille {found.size}", "the ledger is the one the witness saw"
        )


STEPS: tuple[Callable[[Audit], None], ...] = (
    look_form,
    look_manifest,
    look_note,
    look_seal,
    look_checkpoints,
    look_segment,
    look_consistency,
    look_others,
    look_index,
    look_complete,
    look_trails,
    look_files,
    look_package,
)


class Verdict(NamedTuple):
    """What is told in the end."""

    code: int
    report: Report
    audit: Audit | None


def verify(paths: list[Path], key: str | None = None, checkpoint: str | None = None) -> Verdict:
    """All checks over the parts at these paths. `checkpoint` is the text of a note that a witness kept."""
    report = Report()
    parts: list[Part] = []
    unreadable = False
    for path in paths:
        with report.stage("form"):
            parts.append(FolderPart(path, report) if path.is_dir() else ZipPart(path, report))
    unreadable = len(parts) < len(paths) or not any("package.json" in part.sizes for part in parts)
    audit = Audit(parts, report)
    if unreadable:
        report.fault("form", "ce n'est pas un dossier de contrôle de Sceau", "this is no package of Sceau")
        return Verdict(2, report, None)
    with report.stage("witness"):
        audit.wanted |= {int(checkpoint.split("\n")[1])} if checkpoint is not None else set()
    for step in STEPS:
        if step is look_form or (audit.package and audit.ledger):
            step(audit)
    if key is not None:
        look_key(audit, key)
    if checkpoint is not None:
        look_witness(audit, checkpoint)
    return Verdict(exit_code(audit), report, audit)


def exit_code(audit: Audit) -> int:
    outcomes = {name: audit.report.outcome(name) for name in audit.report.names}
    if FAILS in outcomes.values():
        return 1
    unseen = [name for name, outcome in outcomes.items() if outcome == UNSEEN]
    if not unseen:
        return 0
    return 3 if set(unseen) <= ({"files", "witness"} if audit.absent else {"witness"}) else 1


# What a person reads.

WORDS = {
    "fr": {
        HOLDS: "tient",
        FAILS: "NE TIENT PAS",
        UNSEEN: "non regardé",
        0: "Tout tient.",
        1: "Quelque chose ne tient pas : ce dossier ne prouve rien en l'état. Demandez-le de nouveau à qui l'a établi.",
        2: "Ce dossier ne se lit pas. Demandez-le de nouveau à qui l'a établi.",
        3: "Tout ce qui a été remis tient ; tout n'a pas été regardé.",
        "key": "Clé du registre",
        "compare": "Comparez cette empreinte à celle que l'entreprise a publiée ou déclarée : la confiance commence hors du dossier.",
        "counts": "{entity}, {scope} : {documents} documents, {archives} fichiers scellés, {entries} écritures",
        "trial": "ESSAI : scellé avec des clés d'essai, sans valeur probante.",
    },
    "en": {
        HOLDS: "holds",
        FAILS: "FAILS",
        UNSEEN: "not looked at",
        0: "All holds.",
        1: "Something fails: as it is, this package proves nothing. Ask for it again.",
        2: "This package cannot be read. Ask for it again.",
        3: "All that was handed in holds; not everything was looked at.",
        "key": "The ledger's key",
        "compare": "Compare this fingerprint with the one that the company published or declared: trust begins outside the package.",
        "counts": "{entity}, {scope}: {documents} documents, {archives} sealed files, {entries} entries",
        "trial": "TRIAL: sealed with practice keys, proves nothing.",
    },
}


def told_text(verdict: Verdict, lang: str) -> str:
    """The report for a person."""
    words: dict[Any, str] = WORDS[lang]
    lines, audit, report = [], verdict.audit, verdict.report
    if audit is not None and audit.package:
        scope = audit.package["scope"]
        told = scope.get("document") or f"{scope['from']} – {scope['to']}"
        lines.append(_plain(words["counts"].format(entity=audit.package["entity"], scope=told, **audit.package["counts"])))
        lines += [_plain(f"{words['key']} : {key.name}  SHA-256 {key.fingerprint}") for key in audit.keys]
        lines.append(words["compare"])
        if audit.package["practice"]:
            lines.append(words["trial"])
        lines.append("")
    for name in report.names:
        said = report.words(name)
        lines.append(f"[{words[report.outcome(name)]}] {name} : {said.french if lang == 'fr' else said.english}")
    return "\n".join([*lines, "", words[verdict.code]]) + "\n"


def told_json(verdict: Verdict) -> str:
    """The report for a program."""
    audit, report = verdict.audit, verdict.report
    known = audit is not None and bool(audit.package)
    told = {
        "format": "sceau-verdict-1",
        "exit": verdict.code,
        "entity": audit.package["entity"] if audit is not None and known else None,
        "practice": audit.package["practice"] if audit is not None and known else None,
        "keys": [{"key": key.vkey, "fingerprint": key.fingerprint} for key in audit.keys] if audit else [],
        "signer": audit.signer.name if audit and audit.signer else None,
        "counts": audit.package["counts"] if audit is not None and known else None,
        "absent": [each["name"] for each in audit.absent] if audit else [],
        "checks": [
            {"name": name, "outcome": report.outcome(name), "french": report.words(name).french, "english": report.words(name).english}
            for name in report.names
        ],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Vérifie un dossier de contrôle de Sceau, hors ligne. Checks an auditor's package."
    )
    parser.add_argument(
        "parts", nargs="+", type=Path, metavar="OUT.zip", help="le dossier (ZIP), puis ses volumes ; ou un répertoire où tout est déplié"
    )
    parser.add_argument("--key", help="clé ou empreinte (SHA-256) que vous connaissez d'ailleurs")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="point de contrôle qu'un témoin a gardé")
    parser.add_argument("--json", action="store_true", help="réponse en JSON")
    parser.add_argument("--lang", choices=("fr", "en"), default="fr")
    asked = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        kept: str | None = asked.checkpoint.read_bytes().decode("utf-8") if asked.checkpoint else None
    except (OSError, ValueError):
        print(f"{asked.checkpoint} ne se lit pas (cannot be read)", file=sys.stderr)
        return 2
    verdict = verify(asked.parts, asked.key, kept)
    sys.stdout.write(told_json(verdict) if asked.json else told_text(verdict, asked.lang))
    return verdict.code


if __name__ == "__main__":
    sys.exit(main())
