"""The ledger as pure functions: what an entry is, and the Merkle tree (RFC 6962) that makes a change to any of them evident.

Entries cannot be migrated, so their form is final. An entry's canonical bytes (RFC 8785) are the leaf; the tree gives the order.
Personal data never enters a leaf: the payload lies beside it, erasable, and the leaf holds its salted commitment.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

import rfc8785

Hash: TypeAlias = bytes
EMPTY_ROOT: Hash = hashlib.sha256(b"").digest()
"""RFC 6962 §2.1: the tree head of no entries."""


class ActorKind(StrEnum):
    """Who acted: a person, a rule of a stated version, or the workstation itself."""

    HUMAN = "human"
    RULE = "rule"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """An actor without a name: pseudonyms are resolved, while they may be, by the station's register of people."""

    pseudonym: str
    kind: ActorKind
    rule_version: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it has a place in the ledger."""

    entity: str
    """Legal entity; each has a log of its own."""
    type: str
    """received, duplicate, judged, held, decided, read, sealed, failed…"""
    objects: Mapping[str, str]
    """Identifiers and hexadecimal hashes of what it happened to, by role: document, original, archive, raster-1…"""
    actor: Actor
    at: datetime
    """UTC."""
    clock: str
    """State of the clock when it happened: "system", or "ntp" with the measured offset."""
    payload: Mapping[str, Any]
    """Erasable detail; JSON values."""


class BrokenLedger(Exception):
    """An entry is not what was written, or is not where it was."""

    def __init__(self, entity: str, sequence: int, reason: str) -> None:
        super().__init__(f"{entity}, entry {sequence}: {reason}")
        self.entity, self.sequence, self.reason = entity, sequence, reason


def commitment(salt: bytes, payload: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of salt ‖ canonical payload (RFC 8785); hides the payload once the salt is destroyed."""
    return committed_to(salt, rfc8785.dumps(dict(payload)))


def committed_to(salt: bytes, body: bytes) -> str:
    """The same of canonical bytes."""
    return hashlib.sha256(salt + body).hexdigest()


def entry_bytes(event: Event, sequence: int, salt: bytes) -> bytes:
    """Canonical bytes of entry format v1: the Merkle leaf. Times are UTC to the millisecond; `sequence` counts from 0."""
    if event.at.tzinfo is None:
        raise ValueError("a ledger time needs its zone")
    entry: dict[str, Any] = {
        "version": 1,
        "sequence": sequence,
        "entity": event.entity,
        "type": event.type,
        "objects": dict(event.objects),
        "actor": {"pseudonym": event.actor.pseudonym, "kind": str(event.actor.kind), "rule_version": event.actor.rule_version},
        "at": event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clock": event.clock,
        "payload_commitment": commitment(salt, event.payload),
    }
    return rfc8785.dumps(entry)


def leaf_hash(entry: bytes) -> Hash:
    """RFC 6962 §2.1: SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A log's size and the roots of its complete subtrees, largest first: enough to append and to know the head."""

    size: int = 0
    peaks: tuple[Hash, ...] = ()

    @property
    def root(self) -> Hash:
        """The tree head of RFC 6962 §2.1."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def append(self, leaf: Hash) -> "Tree":
        """The tree with one more leaf."""
        peaks = [*self.peaks, leaf]
        size = self.size
        while size & 1:
            right = peaks.pop()
            peaks.append(node_hash(peaks.pop(), right))
            size >>= 1
        return Tree(self.size + 1, tuple(peaks))


def inclusion_path(leaves: Sequence[Hash], index: int) -> tuple[Hash, ...]:
    """Audit path of one leaf (RFC 6962 §2.1.1)."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if index < split:
        return (*inclusion_path(leaves[:split], index), tree_root(leaves[split:]))
    return (*inclusion_path(leaves[split:], index - split), tree_root(leaves[:split]))


def proves_inclusion(leaf: Hash, index: int, size: int, path: Sequence[Hash], root: Hash) -> bool:
    """Whether `path` shows that `leaf` stands at `index` of the tree of `size` with `root` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, running = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            running = node_hash(step, running)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            running = node_hash(running, step)
        position, last = position >> 1, last >> 1
    return last == 0 and running == root


def tree_root(leaves: Iterable[Hash]) -> Hash:
    """Tree head over leaf hashes."""
    tree = Tree()
    for leaf in leaves:
        tree = tree.append(leaf)
    return tree.root


@dataclass(frozen=True, slots=True)
class Written:
    """One entry as it was stored: to be compared with what it must be."""

    sequence: int
    entry: bytes
    root: Hash
    """Tree head after this entry."""
    payload: Mapping[str, Any] | None
    """None where it was erased."""
    salt: bytes | None
    body: bytes | None = None
    """The payload's canonical bytes, where whoever read them has found them so: then they need not be made again."""
    said: Mapping[str, Any] | None = None
    """The entry as `canonical_object` read it, where that was done."""


def verify_log(entity: str, written: Iterable[Written]) -> Tree:
    """Walk a log in order and return its tree.

    Raises BrokenLedger at the first entry that is missing, out of order, altered, or whose payload is not the one committed to.
    """
    tree = Tree()
    for each in written:
        if each.sequence != tree.size:
            raise BrokenLedger(entity, tree.size, f"an entry is missing or out of order: found {each.sequence}")
        _check_form(entity, each)
        tree = tree.append(leaf_hash(each.entry))
        if tree.root != each.root:
            raise BrokenLedger(entity, each.sequence, "this entry or an earlier one was altered: the tree head differs")
    return tree


def _check_form(entity: str, written: Written) -> None:
    try:
        entry = written.said if written.said is not None else canonical_object(written.entry)
    except ValueError as error:
        raise BrokenLedger(entity, written.sequence, f"the entry cannot be read: {error}") from error
    if entry.get("sequence") != written.sequence or entry.get("entity") != entity:
        raise BrokenLedger(entity, written.sequence, "the entry is not in its place")
    if written.payload is None or written.salt is None:
        return
    committed = commitment(written.salt, written.payload) if written.body is None else committed_to(written.salt, written.body)
    if committed != entry.get("payload_commitment"):
        raise BrokenLedger(entity, written.sequence, "the payload is not the one that was committed to")


class _NotPlain(Exception):
    """A number that JSON's own writer would not write as RFC 8785 does."""


def _plain_int(digits: str) -> int:
    if len(digits) > 15:
        raise _NotPlain
    return int(digits)


def _no_plain(_text: str) -> Any:
    raise _NotPlain


_READ = json.JSONDecoder(parse_int=_plain_int, parse_float=_no_plain, parse_constant=_no_plain).decode
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical_object(stored: bytes) -> dict[str, Any]:
    """The JSON object of these bytes, which are its canonical form (RFC 8785). Raises ValueError where they are none, or not in that form.

    Of objects without fractions, large numbers and letters beyond U+D7FF, Python's own writer makes the same bytes five times as fast:
    it escapes alike, and code points sort as UTF-16 does. What differs from its bytes, or is not of that kind, is asked of rfc8785.
    """
    try:
        text = bytes(stored).decode()  # A database may hold text where bytes were: TypeError.
        value = _READ(text)
        if isinstance(value, dict) and _WRITE(value) == text and (text.isascii() or max(text) < "\ud800"):
            return value
    except (_NotPlain, ValueError):
        pass
    value = json.loads(stored)
    if not isinstance(value, dict) or rfc8785.dumps(value) != stored:
        raise ValueError("not a JSON object in canonical form")
    return value


def _split(size: int) -> int:
    """Largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)
