"""Checkpoints of the log: made by the clock and by the count, signed, timestamped, kept; and the proofs that they vouch for.

What a witness has seen of a log must stay true of it: `contradictions` holds what is remembered outside the tree against the tree.
"""

import asyncio
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from asn1crypto import cms, tsp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from sqlalchemy.orm import Session

from config.settings import Settings, make_folder
from sealing.checkpoint import (
    BadNote,
    Checkpoint,
    Link,
    LinkKind,
    NoteKey,
    add_signatures,
    checkpoint_text,
    imprint_of,
    open_checkpoint,
    parse_vkey,
    public_key,
    read_checkpoint,
    read_note,
    sign_note,
)
from sealing.keys import UnusableKey
from sealing.ledger import Actor, ActorKind, Event, Hash, Tree
from sealing.proofs import consistency_nodes, consistency_proof, inclusion_nodes, inclusion_proof
from sealing.ticks import BLOCKS
from station.contradiction import Claim
from station.contradiction import TreeContradicted as TreeContradicted  # noqa: PLC0414 whoever makes a checkpoint may be refused one
from station.records.ledger import append_event, entities, first_break, head_at, subtree_roots, tree_of
from station.records.tables import CheckpointRow, Delivery, LedgerPayload, LedgerRow, Person
from station.timekeeping import health_of_clock, stamper_of
from station.workstation import Workstation

log = logging.getLogger("sceau.checkpoints")
BACK: tuple[tuple[LinkKind, timedelta], ...] = (("day", timedelta(days=1)), ("month", timedelta(days=30)), ("year", timedelta(days=365)))
"""How far back a checkpoint names older ones."""
TOKEN_AGAIN = timedelta(minutes=30)
"""After so long a checkpoint without a token is made anew, should an authority answer."""
NOTE_FILE = ".checkpoint"
NOTE_NAME = r"-\d{12}-\d{8}T\d{9}Z\.checkpoint"
"""What follows the origin in the name of a note in a witness folder: size and time."""
_NOTE_NAME = re.compile(NOTE_NAME + r"\Z")
EVERY_NOTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint as it is kept."""

    id: int
    entity: str
    size: int
    note: str
    """Signed note, with the cosignatures that came back."""
    token: bytes | None
    """RFC 3161 token over the note's text (DER)."""
    made_at: datetime

    @property
    def said(self) -> Checkpoint:
        return read_checkpoint(read_note(self.note).text)


# --- keys and names ---


def log_key(home: Path, entity: str) -> Ed25519PrivateKey:
    """The key that signs an entity's checkpoints, drawn at its first use; under keys/, readable by this account only."""
    return held_key(home / "keys" / "ledger" / f"{entity}.pem")


def held_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 key in a file of its own, made where there is none. Two processes that begin at once end with the same one."""
    if not path.exists():
        make_folder(path.parent)
        drawn = Ed25519PrivateKey.generate()
        pem = drawn.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # mode 0600
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
            try:
                os.link(file.name, path)
            except FileExistsError:
                log.info("%s: another process was quicker", path)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise BadNote(f"{path}: not an Ed25519 key")
    return key


def log_name(settings: Settings, entity: str) -> str:
    """The log's origin, which is its key's name too."""
    return settings.ledger.origin.replace("{entity}", entity)


def log_vkey_file(home: Path, entity: str) -> Path:
    """The public half alone, while a copy that has no keys is checked: nothing is signed there."""
    return home / "keys" / "ledger" / f"{entity}.vkey"


def log_vkey(settings: Settings, entity: str) -> NoteKey:
    """The public half: what others compare, configure and check with."""
    alone = log_vkey_file(settings.home, entity)
    if alone.exists():
        return parse_vkey(alone.read_text(encoding="utf-8"))
    return public_key(log_name(settings, entity), log_key(settings.home, entity))


def former_keys(session: Session, entity: str) -> tuple[NoteKey, ...]:
    """The keys and origins under which the log went before, newest first, as persons recorded each change of them."""
    query = (
        sa.select(LedgerRow.entry)
        .join(LedgerPayload, sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence))
        .where(LedgerPayload.entity == entity, LedgerPayload.document_id.is_(None), LedgerPayload.type == "origin")
        .order_by(LedgerRow.sequence.desc())
    )
    return tuple(parse_vkey(json.loads(entry)["objects"]["former"]) for entry in session.scalars(query))


def known_keys(session: Session, settings: Settings, entity: str) -> tuple[NoteKey, ...]:
    """The log's key, then those that it had before: whose checkpoints are evidence."""
    return tuple(dict.fromkeys((log_vkey(settings, entity), *former_keys(session, entity))))


def is_signed(written: str | bytes, keys: Iterable[NoteKey]) -> bool:
    """Whether one of these logs' keys signed it as a checkpoint under its own name."""
    return any(_opens(written, key) for key in keys)


def _opens(written: str | bytes, key: NoteKey) -> bool:
    try:
        open_checkpoint(written, key)
    except BadNote:
        return False
    return True


# --- what is kept ---


def newest_checkpoint(session: Session, entity: str) -> Kept | None:
    """The largest of the log as it is, and of those the youngest; those of a branch that a person gave up are not among them."""
    return _first(session, entity)


def checkpoint_before(session: Session, entity: str, moment: datetime) -> Kept | None:
    """The newest that was made at `moment` or before."""
    return _first(session, entity, CheckpointRow.made_at <= moment)


def checkpoints_between(session: Session, entity: str, start: datetime, end: datetime) -> list[Kept]:
    """Those made from `start` and before `end`, by size and time."""
    rows = _of_this_log(session, entity, CheckpointRow.made_at >= start, CheckpointRow.made_at < end)
    return [_kept(session, row) for row in rows]


def checkpoints_up_to(session: Session, entity: str, moment: datetime) -> Iterator[Kept]:
    """Those that say a time before `moment` and lie before all that say a later one, newest first; streams."""
    later = next(_of_this_log(session, entity, CheckpointRow.made_at >= moment), None)
    limit = () if later is None else (CheckpointRow.size <= later.size,)
    for row in _of_this_log(session, entity, CheckpointRow.made_at < moment, *limit, down=True):
        yield _kept(session, row)


def checkpoint_after(session: Session, entity: str, moment: datetime) -> Kept | None:
    """The first that says `moment` or a later time and lies behind all that say an earlier one."""
    earlier = next(_of_this_log(session, entity, CheckpointRow.made_at < moment, down=True), None)
    limit = () if earlier is None else (CheckpointRow.size >= earlier.size,)
    row = next(_of_this_log(session, entity, CheckpointRow.made_at >= moment, *limit), None)
    return None if row is None else _kept(session, row)


def newest_held(session: Session, entity: str, witnesses: Sequence[str]) -> Kept | None:
    """The newest that one of these witnesses has received."""
    held = (Delivery.entity == entity, Delivery.witness.in_(witnesses), Delivery.done_at.is_not(None))
    return _first(session, entity, CheckpointRow.id.in_(sa.select(Delivery.checkpoint_id).where(*held)))


def first_covering(session: Session, entity: str, sequence: int, since: datetime) -> Kept | None:
    """The smallest that was made since a moment and covers an entry."""
    row = next(_of_this_log(session, entity, CheckpointRow.size > sequence, CheckpointRow.made_at >= since), None)
    return None if row is None else _kept(session, row)


def all_checkpoints(session: Session, entity: str) -> Iterator[Kept]:
    """By size and time, also those that are not of this log; streams."""
    query: sa.Select[Any] = sa.select(CheckpointRow).where(CheckpointRow.entity == entity)
    for row in session.scalars(
        query.order_by(CheckpointRow.size, CheckpointRow.made_at, CheckpointRow.id).execution_options(yield_per=200)
    ):
        yield _kept(session, row)


def _first(session: Session, entity: str, *where: sa.ColumnElement[bool]) -> Kept | None:
    row = next(_of_this_log(session, entity, *where, down=True), None)
    return None if row is None else _kept(session, row)


def _of_this_log(session: Session, entity: str, *where: sa.ColumnElement[bool], down: bool = False) -> Iterator[CheckpointRow]:
    """By size and time, or the other way round, those whose root the log had at their size; streams."""
    order = (CheckpointRow.size, CheckpointRow.made_at, CheckpointRow.id)
    beside = sa.and_(LedgerRow.entity == CheckpointRow.entity, LedgerRow.sequence == CheckpointRow.size - 1)
    query = (
        sa.select(CheckpointRow, LedgerRow.root)
        .join(LedgerRow, beside, isouter=True)
        .where(CheckpointRow.entity == entity, *where)
        .order_by(*(each.desc() if down else each for each in order))
    )
    with session.execute(query.execution_options(yield_per=20)) as rows:
        for row, root in rows:
            if _says(row, root if row.size else Tree().root):
                yield row


def _says(row: CheckpointRow, root: Hash | None) -> bool:
    try:
        said = read_checkpoint(read_note(row.note).text)
    except BadNote:
        return False
    return (said.size, said.root) == (row.size, root)


def _kept(session: Session, row: CheckpointRow) -> Kept:
    came = session.scalars(
        sa.select(Delivery.cosignature)
        .where(Delivery.checkpoint_id == row.id, Delivery.cosignature.is_not(None))
        .order_by(Delivery.witness)
    )
    lines = [line for each in came for line in (each or "").splitlines()]
    return Kept(row.id, row.entity, row.size, add_signatures(row.note, lines) if lines else row.note, row.token, row.made_at)


# --- proofs ---


def inclusion_of(session: Session, entity: str, index: int, size: int) -> tuple[Hash, ...]:
    """Audit path of the entry `index` in the tree of `size`, from one look-up of the stored rows. Raises IndexError, BrokenLedger."""
    roots = subtree_roots(session, entity, inclusion_nodes(index, size))
    return inclusion_proof(index, size, lambda level, place: roots[level, place])


def consistency_of(session: Session, entity: str, old: int, new: int) -> tuple[Hash, ...]:
    """Proof that the tree of `new` begins with that of `old`. Raises IndexError, BrokenLedger."""
    roots = subtree_roots(session, entity, consistency_nodes(old, new))
    return consistency_proof(old, new, lambda level, place: roots[level, place])


# --- making them ---


def checkpoint_now(workstation: Workstation, entity: str, *, anew: bool = False) -> Kept:
    """The checkpoint of the log as it stands: the newest one where nothing came since, so that an export is the same twice; else a new one.

    With `anew` a new one in any case (the daily one says the time). A checkpoint without a token is followed by one with, once an authority
    answers. Never over a log that contradicts what is held of it: raises TreeContradicted.
    """
    now, settings = workstation.clock(), workstation.settings
    with workstation.database.reading() as session:
        refuse_contradiction(session, settings, entity)
        tree, newest = tree_of(session, entity), newest_checkpoint(session, entity)
        links = _links(session, entity, now)
    same = newest is not None and newest.size == tree.size
    if newest is not None and same and not anew and newest.token is not None:
        return newest
    name = log_name(settings, entity)
    note = sign_note(checkpoint_text(name, tree.size, tree.root, now, links), name, log_key(settings.home, entity))
    token = _token(workstation, note)
    if newest is not None and same and not anew and token is None:
        return newest
    with workstation.database.writing() as session:
        row = CheckpointRow(entity=entity, size=tree.size, note=note, token=token, made_at=now)
        session.add(row)
        session.flush()
        for witness in witness_names(settings):
            session.add(Delivery(checkpoint_id=row.id, entity=entity, witness=witness, tries=0, try_at=now))
    with workstation.database.reading() as session:
        _remember(session, settings, entity, note)
        return _kept(session, session.get_one(CheckpointRow, row.id))


def tend_checkpoints(workstation: Workstation, *, closing: bool = False) -> list[Kept]:
    """Make what is due: daily, by count, with the token that was missing; at the end (`closing`) of whatever grew since.

    Nothing while the clock is known to be wrong: a checkpoint says the time, and a false one would stay.
    """
    made: list[Kept] = []
    if health_of_clock(workstation) in BLOCKS:
        return made
    for entity, anew in _due(workstation, closing):
        with workstation.database.reading() as session:
            before = newest_checkpoint(session, entity)
        kept = checkpoint_now(workstation, entity, anew=anew)
        if before is None or kept.id != before.id:
            made.append(kept)
    return made


def _due(workstation: Workstation, closing: bool) -> list[tuple[str, bool]]:
    """Entity, and whether it is made anew even where nothing came."""
    now, rules, due = workstation.clock(), workstation.settings.ledger, list[tuple[str, bool]]()
    with workstation.database.reading() as session:
        for entity in entities(session):
            size, newest = tree_of(session, entity).size, newest_checkpoint(session, entity)
            old = newest is None or now - newest.made_at >= timedelta(hours=rules.hours)
            grown = newest is None or size - newest.size >= (1 if closing else rules.entries)
            bare = newest is not None and newest.token is None and now - newest.made_at >= TOKEN_AGAIN
            if old or grown or bare:
                due.append((entity, old))
    return due


def witness_names(settings: Settings) -> list[str]:
    """Everybody to whom each checkpoint goes, as deliveries name them."""
    rules = settings.ledger
    named = [f"folder:{settings.home / rules.folder}"] if rules.folder else []
    return named + [f"mail:{to}" for to in rules.mail.to] + [f"log:{each.vkey.split('+', 1)[0]}" for each in rules.witness]


def _links(session: Session, entity: str, now: datetime) -> list[Link]:
    found = [(kind, checkpoint_before(session, entity, now - span)) for kind, span in BACK]
    return [Link(kind, kept.size, kept.said.root) for kind, kept in found if kept is not None]


def _token(workstation: Workstation, note: str) -> bytes | None:
    try:
        stamper = stamper_of(workstation.settings, workstation.clock)
    except (UnusableKey, OSError, ValueError) as error:
        log.warning("no time authority can be asked: %s", error)
        return None
    return token_over(note, stamper)


def token_over(note: str, stamper: TimeStamper) -> bytes | None:
    """RFC 3161 token (DER) over the note's text; None where no authority gives one now: a missing time is told, never made up."""
    imprint = imprint_of(note)
    try:
        token = asyncio.run(stamper.async_timestamp(imprint, "sha256")).dump()
    except (OSError, TimestampRequestError, TimeoutError) as error:
        log.warning("no timestamp for a checkpoint now, a later one will have it: %s", error)
        return None
    if not fits_token(note, token):
        log.warning("an authority gave a token over something else; it is not kept")
        return None
    return bytes(token)


def fits_token(note: str, token: bytes) -> bool:
    """Whether the token's imprint is that of the note; who signed it is another question (`sceau verify`, the package's verifiers)."""
    try:
        stamped = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
        imprint = tsp.TSTInfo.load(stamped.dump())["message_imprint"]
        return bool(imprint["hash_algorithm"]["algorithm"].native == "sha256" and imprint["hashed_message"].native == imprint_of(note))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


# --- what is remembered outside the tree ---


def memory_file(home: Path, entity: str) -> Path:
    """The newest checkpoint that was made here, outside the database: a database put back is not put back alone."""
    return home / "witness-memory" / f"{entity}{NOTE_FILE}"


def walk_file(home: Path) -> Path:
    """What the last walk along the whole log found (`station.walks`)."""
    return home / "witness-memory" / "last-walk.json"


def alarm_file(home: Path, entity: str, witness: str) -> Path:
    """One of each witness: what one has seen is neither overwritten nor taken back by another."""
    return home / "witness-memory" / "alarms" / entity / f"{hashlib.sha256(witness.encode()).hexdigest()[:32]}.json"


def raise_alarm(settings: Settings, entity: str, witness: str, size: int, reason: str, at: datetime) -> None:
    """A witness says that it has seen more than there is, or another log: `size` is what it has seen. Kept until put right or accepted."""
    told = {"witness": witness, "size": size, "reason": reason, "at": at.isoformat()}
    write_whole(alarm_file(settings.home, entity, witness), (json.dumps(told) + "\n").encode())


def clear_alarm(settings: Settings, entity: str, witness: str) -> None:
    """The witness has found the log to continue what it saw."""
    alarm_file(settings.home, entity, witness).unlink(missing_ok=True)


def contradictions(session: Session, settings: Settings, entity: str, newest: int = 50, former: Sequence[NoteKey] = ()) -> list[Claim]:
    """Everything held outside the tree that the tree contradicts and nobody has accepted. Empty: all is well.

    Of the records and of a witness folder the `newest` notes are looked at: a tree that was cut or rewritten contradicts these first.
    `former` are keys of this log of which its entries do not tell yet.
    """
    size = tree_of(session, entity).size
    wrong = []
    for claim in _claims(session, settings, entity, newest, former):
        if claim.reason:
            reason = claim.reason if claim.reason != "smaller" or claim.size > size else ""
        elif claim.size > size:
            reason = "smaller"
        else:
            head = head_at(session, entity, claim.size) if claim.size else Tree().root
            reason = "" if head == claim.root else "other"
        if reason:
            wrong.append(replace(claim, reason=reason))
    wrong += _broken_chain(session, entity)
    accepted = accepted_notes(session, entity) if wrong else frozenset()
    return [claim for claim in wrong if claim.key not in accepted]


def _broken_chain(session: Session, entity: str) -> list[Claim]:
    """An entry that was taken out below the newest checkpoint, or changed since: the rows themselves say that they are not whole."""
    newest = newest_checkpoint(session, entity)
    place = first_break(session, entity, newest.size if newest else 0)
    if place is None:
        return []
    return [Claim("records", place, None, hashlib.sha256(f"{entity}: entry {place} is broken".encode()).hexdigest(), "broken")]


def refuse_contradiction(session: Session, settings: Settings, entity: str) -> None:
    """Raises TreeContradicted."""
    if claims := contradictions(session, settings, entity):
        raise TreeContradicted(entity, tree_of(session, entity).size, claims)


def known_entities(session: Session, settings: Settings) -> list[str]:
    """Those with a log, and those that should have one: of a log that is gone the witnesses still know."""
    return sorted({*entities(session), *settings.entities})


def accept_contradictions(workstation: Workstation, entity: str, reason: str, person: Person) -> int:
    """A person takes it upon themselves that what was witnessed is not found again: one entry that names each checkpoint, for good.

    Returns the entry's sequence. The witnesses keep what they have; whoever compares later finds both, and this entry.
    A name that was changed is not accepted in this way, for all that was witnessed under it would go: raises TreeContradicted.
    """
    walk_file(workstation.home).unlink(missing_ok=True)  # The log that the last walk saw is given up: the next one begins anew.
    with workstation.database.writing() as session:
        claims = contradictions(session, workstation.settings, entity, EVERY_NOTE)
        if renamed := [claim for claim in claims if claim.reason == "origin"]:
            raise TreeContradicted(entity, tree_of(session, entity).size, renamed)
        lost = [{"holder": c.holder, "size": c.size, "root": c.root.hex() if c.root else None, "reason": c.reason} for c in claims]
        actor = Actor(person.pseudonym, ActorKind.HUMAN)
        objects = {f"checkpoint-{number}": claim.key for number, claim in enumerate(claims, 1)}
        payload: dict[str, Any] = {"reason": reason, "lost": lost}
        return append_event(session, Event(entity, "resumed", objects, actor, workstation.clock(), "system", payload))


class UnknownFormerKey(Exception):
    """The newest checkpoint is signed neither by the log's key under another name, nor by the former key that was given."""


def record_origin(workstation: Workstation, entity: str, reason: str, person: Person, former: NoteKey | None = None) -> int | None:
    """A person says that the log goes under another name, or with another key, than before: one entry that names both, for good.

    `former` has to be given where the key changed and not only its name. Returns the entry's sequence; None where nothing changed.
    Raises UnknownFormerKey; TreeContradicted of a log that is smaller than, or another than, what was witnessed under the former name.
    """
    settings = workstation.settings
    with workstation.database.writing() as session:
        now = log_vkey(settings, entity)
        known = known_keys(session, settings, entity)
        strange = [note for _, note in _own_notes(session, settings, entity, 1) if not is_signed(note, known)]
        if not strange:
            return None
        before = former or NoteKey(_origin(strange[0]), now.public)
        if not all(_opens(note, before) for note in strange):
            raise UnknownFormerKey(_origin(strange[0]))
        if claims := contradictions(session, settings, entity, EVERY_NOTE, (before,)):
            raise TreeContradicted(entity, tree_of(session, entity).size, claims)
        objects = {"former": before.vkey, "now": now.vkey}
        actor = Actor(person.pseudonym, ActorKind.HUMAN)
        return append_event(session, Event(entity, "origin", objects, actor, workstation.clock(), "system", {"reason": reason}))


def _claims(session: Session, settings: Settings, entity: str, count: int, former: Sequence[NoteKey]) -> Iterator[Claim]:
    keys = _Keys(log_vkey(settings, entity), lambda: (*former, *former_keys(session, entity)))
    for holder, note in _own_notes(session, settings, entity, count):
        if claim := _own_claim(holder, note, keys):
            yield claim
    if settings.ledger.folder:
        folder = settings.home / settings.ledger.folder
        for path in _folder_notes(folder, keys.now.name, count):
            if (written := _read(path)) is not None and (claim := _found_claim(f"folder:{folder}", written, keys)):
                yield claim
    yield from _alarms(settings, entity)


def _own_notes(session: Session, settings: Settings, entity: str, count: int) -> Iterator[tuple[str, str | bytes]]:
    """Those that were made here: the last ones among the records, and the one beside them."""
    query = sa.select(CheckpointRow.note).where(CheckpointRow.entity == entity).order_by(CheckpointRow.id.desc()).limit(count)
    yield from (("records", note) for note in session.scalars(query))
    written = _read(memory_file(settings.home, entity))
    if written is not None:
        yield "memory", written


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None  # A share that is not there is told where it is written to.


class _Keys:
    """The log's key, and the former ones, which are looked up only where a note is not signed by that."""

    def __init__(self, now: NoteKey, look_up: Callable[[], tuple[NoteKey, ...]]) -> None:
        self.now, self._look_up, self._former = now, look_up, None

    _former: tuple[NoteKey, ...] | None

    def former(self) -> tuple[NoteKey, ...]:
        if self._former is None:
            self._former = self._look_up()
        return self._former


def _own_claim(holder: str, written: str | bytes, keys: _Keys) -> Claim | None:
    """Of a note that was made here; one under a name that the log has not and by its entries never had tells of a changed setting."""
    claim = _plain_claim(holder, written)
    if claim is None or _opens(written, keys.now) or is_signed(written, keys.former()):
        return claim
    names = {keys.now.name, *(key.name for key in keys.former())}
    return replace(claim, reason="key" if _origin(written) in names else "origin")


def _found_claim(holder: str, written: bytes, keys: _Keys) -> Claim | None:
    """Of a note in a folder in which others' logs may lie too; None where it is no checkpoint of this log."""
    claim = _plain_claim(holder, written)
    if claim is None or _opens(written, keys.now):
        return claim
    name = _origin(written)
    # A name that was changed and changed back leaves notes that this key has signed.
    if _opens(written, NoteKey(name, keys.now.public)) or is_signed(written, keys.former()):
        return claim
    return replace(claim, reason="key") if name == keys.now.name else None


def _plain_claim(holder: str, written: str | bytes) -> Claim | None:
    """What a note says, whoever signed it; None where it is no checkpoint."""
    try:
        text = read_note(written).text
        said = read_checkpoint(text)
    except BadNote:
        return None
    return Claim(holder, said.size, said.root, hashlib.sha256(text.encode()).hexdigest())


def _origin(written: str | bytes) -> str:
    return read_checkpoint(read_note(written).text).origin


def _alarms(settings: Settings, entity: str) -> Iterator[Claim]:
    for path in sorted(alarm_file(settings.home, entity, "").parent.glob("*.json")):
        try:
            told = json.loads(path.read_bytes())
            witness, size, reason = str(told["witness"]), int(told["size"]), str(told["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        # By what the witness holds, however far the log has grown since: `smaller`, once accepted, is `other` later, of the same branch.
        yield Claim(witness, size, None, hashlib.sha256(f"{witness} {size}".encode()).hexdigest(), reason)


def folder_notes(folder: Path, origin: str) -> list[Path]:
    """Checkpoints of one log in a witness folder, oldest first: their names sort by size and time.

    The whole name must fit: `acme` beside `acme-2` has notes of its own only.
    """
    mine = re.compile(re.escape(plain_origin(origin)) + NOTE_NAME)
    try:
        return sorted(path for path in folder.glob(f"{plain_origin(origin)}-*{NOTE_FILE}") if mine.fullmatch(path.name))
    except OSError:
        return []


def _folder_notes(folder: Path, origin: str, count: int) -> list[Path]:
    """The newest notes under this name, and of every other name the newest one: it may have been this log's."""
    try:
        names = sorted(path.name for path in folder.iterdir() if _NOTE_NAME.search(path.name))
    except OSError:
        return []
    newest = {_NOTE_NAME.sub("", name): name for name in names}
    newest.pop(plain_origin(origin), None)
    return [*folder_notes(folder, origin)[-count:], *(folder / name for name in newest.values())]


def plain_origin(origin: str) -> str:
    """An origin as part of a file's name; different ones stay different."""
    return "".join(letter if (letter.isascii() and letter.isalnum()) or letter in "._-" else f"%{ord(letter):x}" for letter in origin)


def accepted_notes(session: Session, entity: str) -> frozenset[str]:
    """What persons took upon themselves: SHA-256 of each note's text, or the mark of a witness's word."""
    query = (
        sa.select(LedgerRow.entry)
        .join(LedgerPayload, sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence))
        .where(LedgerRow.entity == entity, LedgerPayload.type == "resumed")
    )
    return frozenset(str(value) for entry in session.scalars(query) for value in json.loads(entry)["objects"].values())


def _remember(session: Session, settings: Settings, entity: str, note: str) -> None:
    """The newest note, unless another process has already written one of a larger tree."""
    path = memory_file(settings.home, entity)
    try:
        held = read_checkpoint(read_note(path.read_bytes()).text)
        size, root = held.size, held.root
    except (OSError, BadNote):
        size, root = -1, b""
    if size > read_checkpoint(read_note(note).text).size and head_at(session, entity, size) == root:
        return
    write_whole(path, note.encode())


def write_whole(path: Path, content: bytes) -> None:
    """The file is there with all its bytes, or as it was before; in a folder that may be on a share."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).rename(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
