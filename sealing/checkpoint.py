"""Checkpoints as pure functions: a log's size and head as a signed note that anybody can keep, compare and countersign.

Forms of C2SP: signed-note (what Go's checksum database signs with), tlog-checkpoint and tlog-cosignature. Times are handed in.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01
"""signed-note: Ed25519 over the text."""
COSIGNATURE = 0x04
"""tlog-cosignature: Ed25519 over a header with the time, and the text."""
MAX_SIGNATURES = 100
"""As in Go's note package: what is longer is not looked at."""
MAX_BYTES = 1_000_000

LinkKind: TypeAlias = Literal["day", "month", "year"]
_SIGNATURE = re.compile(r"\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_LINK = re.compile(r"(day|month|year) (0|[1-9][0-9]{0,18}) ([A-Za-z0-9+/]{43}=)")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class BadNote(Exception):
    """The bytes are no signed note, no checkpoint or no key in the form that C2SP gives."""


class UnsignedNote(BadNote):
    """No key that is known has signed it, or the signature in its name is not its own."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """Who may sign notes: the public half, as a C2SP verifier key says it."""

    name: str
    public: bytes
    """Ed25519, 32 bytes."""
    algorithm: int = ED25519

    @property
    def hash(self) -> bytes:
        """Four bytes that tell which key a signature line means; not a fingerprint."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """`name+hash+base64(algorithm ‖ public key)`."""
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(bytes([self.algorithm]) + self.public).decode()}"

    @property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of the 32 bytes: what people compare."""
        return hashlib.sha256(self.public).hexdigest()


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line below a note."""

    name: str
    hash: bytes
    body: bytes
    """What follows the four bytes of the key hash."""

    @property
    def line(self) -> str:
        return f"\u2014 {self.name} {base64.b64encode(self.hash + self.body).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, none of them checked yet."""

    text: str
    """With its last newline, without the empty line: what is signed, and what a timestamp is taken of."""
    signatures: tuple[NoteSignature, ...]

    @property
    def written(self) -> str:
        return self.text + "\n" + "".join(each.line for each in self.signatures)


@dataclass(frozen=True, slots=True)
class Opened:
    """A note that at least one known key has signed."""

    text: str
    keys: tuple[NoteKey, ...]
    """Those whose signatures hold, in the order of their lines."""


@dataclass(frozen=True, slots=True)
class Link:
    """A checkpoint names an older one of the same log, so that whoever keeps the new one keeps the old one too."""

    kind: LinkKind
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself at one moment."""

    origin: str
    size: int
    root: bytes
    """32 bytes: the tree head of RFC 6962."""
    at: datetime | None = None
    """UTC to the millisecond; None in notes of other logs."""
    links: tuple[Link, ...] = ()


def public_key(name: str, key: Ed25519PrivateKey | Ed25519PublicKey, algorithm: int = ED25519) -> NoteKey:
    """The verifier's half. Raises BadNote where the name may not be one."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return NoteKey(_key_name(name), public.public_bytes_raw(), algorithm)


def parse_vkey(vkey: str) -> NoteKey:
    """A verifier key (C2SP signed-note). Raises BadNote where it is malformed or its hash is not its own."""
    name, hashed, encoded = ([*vkey.strip().split("+", 2), "", ""])[:3]
    material = _base64(encoded)
    if len(material) != 33 or material[0] not in (ED25519, COSIGNATURE):
        raise BadNote("not a verifier key of Ed25519")
    key = NoteKey(_key_name(name), material[1:], material[0])
    if key.hash.hex() != hashed:
        raise BadNote("the hash in the verifier key is not that of the key")
    return key


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The text, an empty line and one signature. Raises BadNote where the text may not be signed."""
    signer = public_key(name, key)
    return Note(_note_text(text), (NoteSignature(name, signer.hash, key.sign(text.encode())),)).written


def read_note(written: str | bytes) -> Note:
    """Text and signatures without checking them. Raises BadNote where it is not a note."""
    try:
        whole = written.decode() if isinstance(written, bytes) else written
        if len(whole.encode()) > MAX_BYTES:
            raise BadNote("too long for a note")
    except UnicodeError as error:
        raise BadNote("a note is UTF-8") from error
    text, empty, below = whole.rpartition("\n\n")
    if not empty or not below.endswith("\n"):
        raise BadNote("a note has a text, an empty line and signatures, each with its newline")
    lines = below[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote("too many signatures")
    return Note(_note_text(text + "\n"), tuple(_signature(line) for line in lines))


def open_note(written: str | bytes, keys: Sequence[NoteKey]) -> Opened:
    """The text, when known keys have signed it; signatures of unknown keys are passed over, as C2SP asks.

    Raises BadNote where it is no note, UnsignedNote where no signature is by a key of `keys`, or one in the name of a known key is false.
    """
    note, known = read_note(written), {(key.name, key.hash): key for key in keys}
    held: list[NoteKey] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.hash))
        if key is None or key in held:
            continue
        if not _holds(note.text, signature, key):
            raise UnsignedNote(f"the signature in the name of {key.name} is false")
        held.append(key)
    if not held:
        raise UnsignedNote("no known key has signed this note")
    return Opened(note.text, tuple(held))


def add_signatures(written: str, lines: Iterable[str]) -> str:
    """The same note with further signature lines (cosignatures), each once. Raises BadNote where a line is none."""
    note = read_note(written)
    more = [_signature(line.removesuffix("\n")) for line in lines]
    return Note(note.text, tuple(dict.fromkeys((*note.signatures, *more)))).written


def checkpoint_text(origin: str, size: int, root: bytes, at: datetime, links: Sequence[Link] = ()) -> str:
    """Text of a tlog-checkpoint: origin, size, root, and as extension lines its time and its links back."""
    head = [_key_name(origin), str(size), base64.b64encode(root).decode(), f"at {_written_time(at)}"]
    return "".join(f"{line}\n" for line in [*head, *(f"{link.kind} {link.size} {base64.b64encode(link.root).decode()}" for link in links)])


def read_checkpoint(text: str) -> Checkpoint:
    """What a signed text says. Extension lines that are not ours are passed over. Raises BadNote where it is no checkpoint."""
    if not text.endswith("\n"):
        raise BadNote("a checkpoint ends with a newline")
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or not _DECIMAL.fullmatch(lines[1]):
        raise BadNote("a checkpoint begins with origin, size and root")
    root = _base64(lines[2])
    if len(root) != 32:
        raise BadNote("a root has 32 bytes")
    times = [line[3:] for line in lines[3:] if line.startswith("at ")]
    if len(times) > 1 or not all(_TIME.fullmatch(time) for time in times):
        raise BadNote("a checkpoint has one time, in UTC to the millisecond")
    links = tuple(_link(line) for line in lines[3:] if line.split(" ", 1)[0] in ("day", "month", "year"))
    if len({link.kind for link in links}) < len(links):
        raise BadNote("a checkpoint has one link of a kind")
    try:
        at = datetime.fromisoformat(times[0]) if times else None
    except ValueError as error:
        raise BadNote("no such time") from error
    return Checkpoint(lines[0], int(lines[1]), root, at, links)


def open_checkpoint(written: str | bytes, key: NoteKey) -> Checkpoint:
    """A checkpoint of the log that this key belongs to. Raises BadNote (UnsignedNote) where another signed it, or another log is meant."""
    checkpoint = read_checkpoint(open_note(written, (key,)).text)
    if checkpoint.origin != key.name:
        raise UnsignedNote(f"a checkpoint of {checkpoint.origin}, not of {key.name}")
    return checkpoint


def cosignature_line(text: str, name: str, key: Ed25519PrivateKey, at: datetime) -> str:
    """A witness's signature line (tlog-cosignature v1): at this time it has seen no other branch of the log."""
    signer, seconds = public_key(name, key, COSIGNATURE), int(at.timestamp())
    body = seconds.to_bytes(8, "big") + key.sign(_cosigned(seconds, text))
    return NoteSignature(name, signer.hash, body).line


def cosigned_at(written: str | bytes, key: NoteKey) -> datetime | None:
    """When the witness countersigned this note (UTC); None where it did not. Raises UnsignedNote where the line in its name is false."""
    if key.algorithm != COSIGNATURE:
        raise BadNote("a witness's key is one of cosignatures (0x04)")
    note = read_note(written)
    for each in note.signatures:
        if (each.name, each.hash) == (key.name, key.hash):
            if not _holds(note.text, each, key):
                raise UnsignedNote(f"the cosignature in the name of {key.name} is false")
            return datetime.fromtimestamp(int.from_bytes(each.body[:8], "big"), UTC)
    return None


def imprint_of(written: str | bytes) -> bytes:
    """What a checkpoint's timestamp is taken of: SHA-256 of the signed text."""
    return hashlib.sha256(read_note(written).text.encode()).digest()


def _holds(text: str, signature: NoteSignature, key: NoteKey) -> bool:
    seal, message = signature.body, text.encode()
    if key.algorithm == COSIGNATURE:
        if len(signature.body) != 72 or signature.body[:1] > b"\x00":
            return False
        seal, message = signature.body[8:], _cosigned(int.from_bytes(signature.body[:8], "big"), text)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(seal, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _cosigned(seconds: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _signature(line: str) -> NoteSignature:
    matched = _SIGNATURE.fullmatch(line)
    blob = _base64(matched[2]) if matched else b""
    if not matched or len(blob) < 5:
        raise BadNote("not a signature line")
    return NoteSignature(_key_name(matched[1]), blob[:4], blob[4:])


def _link(line: str) -> Link:
    matched = _LINK.fullmatch(line)
    if matched is None:
        raise BadNote("not a link back to an older checkpoint")
    kind: LinkKind = "day" if matched[1] == "day" else "month" if matched[1] == "month" else "year"
    return Link(kind, int(matched[2]), _base64(matched[3]))


def _note_text(text: str) -> str:
    if not text.endswith("\n") or text == "\n" or any(letter < " " and letter != "\n" for letter in text):
        raise BadNote("the text of a note ends with a newline and has no control characters")
    return text


def _key_name(name: str) -> str:
    """C2SP: not empty, no spaces, no plus."""
    if not name or "+" in name or any(letter.isspace() or letter < " " for letter in name):
        raise BadNote("the name of a key is not empty and has no space and no plus")
    return name


def _base64(text: str) -> bytes:
    """Strict: what is read is what would be written. Raises BadNote."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("not base64") from error
    if base64.b64encode(value).decode() != text:
        raise BadNote("not base64 in its one form")
    return value


def _written_time(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("the time of a checkpoint needs its zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
