"""A message as it came by mail: who sent it, whether it can hold documents, and the attachments that are ones. Bytes in, values out.

The raw message is an original of its own; what is taken from it here are copies of its attachments, byte for byte.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from enum import StrEnum
from typing import Any

from PIL import Image

from capture.coding import HEAD, tell_format
from capture.scan import Format

LONGEST_NAME = 120
"""Bytes of an attachment's name as UTF-8 that are kept; its number in the mailbox comes before it."""
LOGO = 1_000_000
"""Pixels below which an image that the text shows is no document: less than A4 at 100 dpi. House policy."""
_ENDINGS = {Format.PDF: ".pdf", Format.TIFF: ".tif", Format.PNG: ".png", Format.JPEG: ".jpg", Format.XML: ".xml"}


class MailState(StrEnum):
    """What became of a message; whatever it is, the message is never fetched again."""

    KEPT = "kept"
    """Its raw bytes are in the vault; its attachments are not all in the station's folder yet."""
    DELIVERED = "delivered"
    """Its attachments are files of the station."""
    DONE = "done"
    """Each of its documents is sealed or decided, and the message is flagged."""
    NOTHING = "nothing-in-it"
    TOO_LARGE = "too-large"
    STUCK = "stuck"
    """Kept raw, but an attachment that was found in it is not found again: a person saves it from the message."""
    UNREADABLE = "unreadable"
    """Kept raw, but whoever reads it fails or is ended by its bounds: a person saves its attachments, or a newer version reads it."""


@dataclass(frozen=True, slots=True)
class Heading:
    """What is asked of a message before it is fetched."""

    message_id: str
    """Without brackets; empty where there is none."""
    sender: str
    subject: str

    @property
    def fingerprint(self) -> str:
        """By which the message is recognised under another number, also once its text is erased; hexadecimal SHA-256."""
        return hashlib.sha256("\0".join((self.message_id, self.sender, self.subject)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document inside a message."""

    name: str
    """A plain file name."""
    content: bytes

    @property
    def sha256(self) -> str:
        """Hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message that was not delivered."""

    message_id: str
    """Of what was sent, with its brackets."""
    why: str
    """As the reporting server says it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a message holds for us."""

    attachments: tuple[Attachment, ...]
    bounce: Bounce | None
    """What it reports, where it is a delivery report."""


def read_message(raw: bytes) -> Contents | None:
    """Documents and report of a whole message; None where the parser fails at it, as at parts within parts. Raises MemoryError."""
    try:
        return Contents(attachments_of(raw), bounce_of(raw))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 whatever a parser raises over a stranger's bytes is a fact about them
        return None


def without_harm(told: Contents) -> Contents:
    """What a reader told that may have been taken over by what it read: names are plain, and no longer than they may be."""
    named = enumerate(told.attachments, 1)
    attachments = tuple(Attachment(_plain_name(each.name, number, _ending(each.content) or ".pdf"), each.content) for number, each in named)
    bounce = told.bounce and Bounce(_plain(told.bounce.message_id)[:1000], _plain(told.bounce.why)[:300])
    return Contents(attachments, bounce)


def read_heading(header: bytes) -> Heading:
    """From the message's header lines (RFC 5322, words decoded by RFC 2047); never raises."""
    return _heading_of(message_from_bytes(header))


def _heading_of(message: Message) -> Heading:
    found = re.search(r"<([^<>\s]{1,400})>", _plain(message.get("Message-ID")))
    return Heading(found[1] if found else "", _plain(message.get("From"))[:400], _plain(message.get("Subject"))[:400])


def _plain(value: Any) -> str:
    """One line of text, whatever stands there."""
    try:
        text = str(make_header(decode_header(str(value or ""))))
    except (LookupError, ValueError, TypeError, MessageError):
        text = str(value or "")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def may_hold_documents(structure: Sequence[Any]) -> bool:
    """Whether a message's BODYSTRUCTURE (RFC 9051, 7.5.2), as imapclient parses it, has a part that is no mere text; when in doubt, yes."""
    try:
        return _may_hold(structure)
    except RecursionError:
        return True


def _may_hold(structure: Sequence[Any]) -> bool:
    if not structure:
        return True
    first = structure[0]
    if isinstance(first, list):
        return any(_may_hold(part) for part in first)
    if not isinstance(first, bytes) or first.lower() != b"text":
        return True
    # A text with a name, or an XML, is an attachment.
    kind = structure[1].lower() if len(structure) > 1 and isinstance(structure[1], bytes) else b""
    return kind not in (b"plain", b"html", b"calendar") or _has_name(structure[2:])


def _has_name(parts: Sequence[Any]) -> bool:
    for part in parts:
        if isinstance(part, bytes) and part.lower() in (b"name", b"filename", b"attachment", b"name*", b"filename*"):
            return True
        if isinstance(part, tuple | list) and _has_name(part):
            return True
    return False


def attachments_of(raw: bytes) -> tuple[Attachment, ...]:
    """PDF, TIFF, PNG, JPEG and XML documents of a message, also of one forwarded inside it, each once, in order.

    Raises RecursionError for parts within parts beyond the parser's depth, and nothing else.
    What they are is told by their bytes. A small image that the text itself shows (a logo in a signature) is no document.
    """
    found: dict[str, Attachment] = {}
    parts = [(part, _content(part)) for part in _parts(raw)]
    shown = b"".join(content for part, content in parts if part.get_content_type() == "text/html")
    for number, (part, content) in enumerate(parts, 1):
        ending = _ending(content)
        if ending is None or (ending in (".png", ".jpg") and _is_decoration(part, content, shown)):
            continue
        attachment = Attachment(_name(part, number, ending), content)
        found.setdefault(attachment.sha256, attachment)
    return tuple(found.values())


def bounce_of(raw: bytes) -> Bounce | None:
    """What a delivery report (RFC 3464) says of a message that failed for good; None where this is none. Raises as `attachments_of`."""
    parts = list(message_from_bytes(raw).walk())
    reports = [part for part in parts if part.get_content_type() == "message/delivery-status"]
    said = [each for report in reports for each in (report.get_payload() if report.is_multipart() else ()) if isinstance(each, Message)]
    failed = [each for each in said if _plain(each.get("Action")).lower() == "failed"]
    returned = (part for part in parts if part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"))
    identity = next(filter(None, map(_returned_id, returned)), "")
    if not failed or not identity:
        return None
    why = _plain(failed[0].get("Diagnostic-Code")) or _plain(failed[0].get("Status"))
    return Bounce(identity, why[:300])


def _returned_id(part: Message) -> str:
    inside = part.get_payload()
    first = inside[0] if isinstance(inside, list) and inside else None
    returned = first if isinstance(first, Message) else message_from_bytes(_content(part)[:65536])
    found = _heading_of(returned).message_id
    return f"<{found}>" if found else ""


def _parts(raw: bytes) -> Iterator[Message]:
    """The leaves; those of a forwarded message too."""
    # The older policy of Python's parser: the newer one raises for some broken headers.
    yield from (part for part in message_from_bytes(raw).walk() if not part.is_multipart())


def _content(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (LookupError, ValueError, AssertionError):
        return b""
    return content if isinstance(content, bytes) else b""


def _ending(content: bytes) -> str | None:
    """Of the kinds that are documents; None for anything else."""
    if (ending := _ENDINGS.get(tell_format(content[:HEAD]))) is not None:
        return ending
    start = content[:200].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n")
    return ".xml" if start.startswith(b"<?xml") else None


def _is_decoration(part: Message, content: bytes, shown: bytes) -> bool:
    """A small image that the text shows. A large one may be a scan: some programs show attached photographs in the text."""
    name = _plain(part.get("Content-ID")).strip("<> ").encode()
    if not name or b"cid:" + name not in shown:
        return False
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.width * image.height < LOGO
    except (OSError, ValueError, Image.DecompressionBombError):
        return False


def _name(part: Message, number: int, ending: str) -> str:
    """The name that the sender gave, made harmless; the bytes decide its ending where it has none of a document."""
    try:
        given = _plain(part.get_filename())
    except (LookupError, ValueError, TypeError):
        given = ""
    return _plain_name(given, number, ending)


def _plain_name(given: str, number: int, ending: str) -> str:
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip(" .")
    stem, _, suffix = plain.rpartition(".")
    if not stem or f".{suffix.lower()}" not in {*_ENDINGS.values(), ".tiff", ".jpeg", ".xml"}:
        stem, suffix = plain or f"piece-{number}", ending[1:]
    return stem.encode()[: LONGEST_NAME - len(suffix) - 1].decode(errors="ignore").strip() + f".{suffix}"
