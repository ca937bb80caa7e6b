"""Witnesses: checkpoints go outside (a folder, a mailbox, another log's witness), and this installation witnesses logs of others.

Both ends of C2SP tlog-witness. Whoever administers this machine must not administer what keeps the checkpoints, else a witness is none.
"""

import base64
import binascii
import hashlib
import http.client
import logging
import os
import re
import smtplib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from config.settings import LogWitness, Mailing, Settings
from sealing.checkpoint import (
    COSIGNATURE,
    BadNote,
    Checkpoint,
    NoteKey,
    UnsignedNote,
    add_signatures,
    checkpoint_text,
    cosignature_line,
    cosigned_at,
    open_note,
    parse_vkey,
    public_key,
    read_checkpoint,
    read_note,
    sign_note,
)
from sealing.ledger import EMPTY_ROOT
from sealing.proofs import proves_consistency
from station import outgoing
from station.checkpoints import (
    NOTE_FILE,
    Kept,
    clear_alarm,
    consistency_of,
    held_key,
    known_entities,
    log_key,
    log_name,
    plain_origin,
    raise_alarm,
    refuse_contradiction,
    witness_names,
    write_whole,
)
from station.mail import send_message
from station.outbox import Undelivered
from station.records.ledger import tree_of
from station.records.tables import CheckpointRow, Delivery, Witnessed
from station.workstation import Workstation

log = logging.getLogger("sceau.witnesses")
PASSWORD_VARIABLE = "SCEAU_LEDGER_MAIL_PASSWORD"  # noqa: S105 its name
SECONDS = 10.0
"""For one answer of a witness or a mail server."""
LARGEST_ANSWER = 65_536
LONGEST_PROOF = 63
_LOCK = 0x5CEA1
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MARKER = "sceau-temoin.txt"
MARKER_TEXT = (
    "Ce dossier garde les points de contrôle du registre de Sceau. Ne le videz pas : un registre raccourci ou réécrit s'y voit.\n"
    "This folder keeps checkpoints of Sceau's ledger. Do not empty it: a ledger that was cut or rewritten shows against it.\n"
)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class NotDelivered(Exception):
    """The witness did not take the checkpoint; the text says why, in French and English."""


class Contradicted(NotDelivered):
    """The witness has seen a larger tree, or another; `size` is that of the one that it has seen."""

    def __init__(self, size: int, reason: str, words: str) -> None:
        super().__init__(words)
        self.size, self.reason = size, reason


# --- out: deliveries ---


@dataclass(frozen=True, slots=True)
class Outside:
    """One witness as the screens and the command line tell it."""

    witness: str
    """`folder:…`, `mail:…` or `log:…`."""
    size: int | None
    """Of the newest checkpoint that it has."""
    at: datetime | None
    """When that one arrived."""
    waiting: int
    trouble: str | None


def deliver_due(workstation: Workstation, kinds: tuple[str, ...] = ("folder", "mail", "log")) -> int:
    """Send what is due to whoever is due; returns how many arrived. What fails is told, kept and tried again, less and less often."""
    now, arrived = workstation.clock(), 0
    _drop_stale(workstation)
    with workstation.database.reading() as session:
        query = (
            sa.select(Delivery.id).where(Delivery.done_at.is_(None), Delivery.try_at <= now).order_by(Delivery.checkpoint_id, Delivery.id)
        )
        due = list(session.scalars(query))
    for delivery_id in due:
        arrived += _deliver(workstation, delivery_id, kinds)
    return arrived


def _deliver(workstation: Workstation, delivery_id: int, kinds: tuple[str, ...]) -> bool:
    with workstation.database.reading() as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None or delivery.witness.split(":", 1)[0] not in kinds:
            return False
        row = session.get_one(CheckpointRow, delivery.checkpoint_id)
        kept = Kept(row.id, row.entity, row.size, row.note, row.token, row.made_at)
        witness, tries = delivery.witness, delivery.tries
    cosignature, trouble = None, None
    try:
        cosignature = _send(workstation, witness, kept)
    except Contradicted as error:
        raise_alarm(workstation.settings, kept.entity, witness, error.size, error.reason, workstation.clock())
        trouble = str(error)
    except (NotDelivered, Undelivered, OSError, smtplib.SMTPException, http.client.HTTPException, BadNote) as error:
        trouble = _trouble_words(error)
    now = workstation.clock()
    with workstation.database.writing() as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None:
            return False
        delivery.tries, delivery.trouble, delivery.cosignature = tries + 1, trouble, cosignature
        if trouble is None:
            delivery.done_at = now
        else:
            log.warning("checkpoint %s of %s did not reach %s: %s", kept.size, kept.entity, witness, trouble)
            delivery.try_at = now + min(FIRST_WAIT * 2 ** min(tries, 10), LONGEST_WAIT)
    return trouble is None


def _trouble_words(error: Exception) -> str:
    told = str(error) or type(error).__name__
    if isinstance(error, NotDelivered):
        return told
    if isinstance(error, smtplib.SMTPException):
        return f"le serveur de messagerie l'a refusé / the mail server refused it ({told})"
    if isinstance(error, OSError) and not error.filename:
        return f"pas de réponse / no answer ({told})"
    return told


def _send(workstation: Workstation, witness: str, kept: Kept) -> str | None:
    kind, _, where = witness.partition(":")
    settings = workstation.settings
    if kind == "folder":
        _to_folder(workstation, Path(where), kept)
    elif kind == "mail":
        _to_mail(settings.ledger.mail, where, kept, os.environ)
    else:
        return _to_log(workstation, where, kept)
    return None


def _drop_stale(workstation: Workstation) -> None:
    """A mailbox and a witness need only the newest of what waits; a witness that is no longer set needs nothing."""
    wanted = set(witness_names(workstation.settings))
    with workstation.database.reading() as session:
        waiting = session.execute(
            sa.select(Delivery.id, Delivery.entity, Delivery.witness).where(Delivery.done_at.is_(None)).order_by(Delivery.id)
        )
        rows = waiting.all()
    newest = {(row.entity, row.witness): row.id for row in rows}
    stale = [
        row.id
        for row in rows
        if row.witness not in wanted or (not row.witness.startswith("folder:") and newest[row.entity, row.witness] != row.id)
    ]
    if stale:
        with workstation.database.writing() as session:
            session.execute(sa.delete(Delivery).where(Delivery.id.in_(stale)))


def outside_of(session: Session, settings: Settings, entity: str) -> list[Outside]:
    """Each witness that is set, with its last success and its trouble."""
    told = []
    for witness in witness_names(settings):
        mine = (Delivery.entity == entity, Delivery.witness == witness)
        last = session.execute(
            sa.select(CheckpointRow.size, Delivery.done_at)
            .join(CheckpointRow, CheckpointRow.id == Delivery.checkpoint_id)
            .where(*mine, Delivery.done_at.is_not(None))
            .order_by(Delivery.checkpoint_id.desc())
            .limit(1)
        ).first()
        waiting = session.scalars(sa.select(Delivery.trouble).where(*mine, Delivery.done_at.is_(None)).order_by(Delivery.id)).all()
        trouble = next((each for each in reversed(waiting) if each), None)
        told.append(Outside(witness, last.size if last else None, last.done_at if last else None, len(waiting), trouble))
    return told


# --- a folder ---


def _to_folder(workstation: Workstation, folder: Path, kept: Kept) -> None:
    """One file per checkpoint, and its token beside it. Only under SCEAU_HOME is the folder made: a share that is away must be told."""
    if folder.is_relative_to(workstation.home):
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise NotDelivered(f"{folder} : dossier témoin absent ; rattachez le partage / the witness folder is missing: mount the share")
    marker = folder / MARKER
    if not marker.exists():
        if _was_there(workstation, f"folder:{folder}"):
            raise NotDelivered(
                f"{folder} : ce n'est pas le dossier connu ({MARKER} y manque) ; rattachez le partage, ou remettez ce fichier "
                f"/ not the known folder ({MARKER} is missing): mount the share, or put that file back"
            )
        write_whole(marker, MARKER_TEXT.encode())
    name = f"{plain_origin(kept.said.origin)}-{kept.size:012d}-{kept.made_at:%Y%m%dT%H%M%S}{kept.made_at.microsecond // 1000:03d}Z"
    if kept.token is not None:
        write_whole(folder / f"{name}.tst", kept.token)
    write_whole(folder / f"{name}{NOTE_FILE}", kept.note.encode())


def _was_there(workstation: Workstation, witness: str) -> bool:
    with workstation.database.reading() as session:
        return session.scalar(sa.select(Delivery.id).where(Delivery.witness == witness, Delivery.done_at.is_not(None)).limit(1)) is not None


# --- a mailbox ---


def _to_mail(mail: Mailing, to: str, kept: Kept, environment: Mapping[str, str]) -> None:
    """The note as text to read and as a file to keep. Its Message-ID is the same at every try: a mailbox has it once."""
    message = EmailMessage()
    origin, digest = kept.said.origin, hashlib.sha256(kept.note.encode()).hexdigest()
    message["From"], message["To"] = mail.sender, to
    message["Subject"] = f"Sceau : point de contrôle de {origin}, {kept.size} inscriptions"
    message["Date"] = format_datetime(kept.made_at)
    message["Message-ID"] = f"<{digest[:32]}@{mail.sender.rpartition('@')[2] or 'sceau.invalid'}>"
    message.set_content(
        "Gardez ce message : il atteste l'état du registre à cette heure. / Keep this message: it witnesses the ledger at this time.\n"
        f"Comparaison / to compare: sceau ledger compare FICHIER\n\n{kept.note}"
    )
    name = f"{plain_origin(origin)}-{kept.size:012d}{NOTE_FILE}"
    message.add_attachment(kept.note.encode(), maintype="application", subtype="octet-stream", filename=name)
    if kept.token is not None:
        message.add_attachment(kept.token, maintype="application", subtype="timestamp-token", filename=name.replace(NOTE_FILE, ".tst"))
    send_message(mail, message, environment, PASSWORD_VARIABLE)


# --- another witness ---


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    kind: str
    text: str

    @property
    def size(self) -> int | None:
        """What the witness says it has (409, text/x.tlog.size)."""
        told = self.text.removesuffix("\n")
        return int(told) if self.kind.split(";")[0].strip() == "text/x.tlog.size" and _SIZE.fullmatch(told) else None


def _to_log(workstation: Workstation, name: str, kept: Kept) -> str:
    """Signature lines of the witness over this checkpoint. Raises NotDelivered, Contradicted."""
    witness = next((each for each in workstation.settings.ledger.witness if parse_vkey(each.vkey).name == name), None)
    if witness is None:
        raise NotDelivered(f"{name} : ce témoin n'est plus réglé / no longer set")
    with workstation.database.reading() as session:
        old = _seen_by(session, kept.entity, f"log:{name}", kept.size)
    line = _cosignature(workstation, witness, Asked(kept.entity, kept.size, kept.note), old, SECONDS)
    clear_alarm(workstation.settings, kept.entity, f"log:{name}")
    return line


def ask_witnesses(workstation: Workstation, entity: str, seconds: float = 3.0) -> None:
    """Before work begins: has a witness seen more of this log than is here, or another?

    Says so by an alarm, and takes back one that is put right. A witness that is away says nothing.
    """
    with workstation.database.reading() as session:
        tree = tree_of(session, entity)
    name = log_name(workstation.settings, entity)
    text = checkpoint_text(name, tree.size, tree.root, workstation.clock())
    asked = Asked(entity, tree.size, sign_note(text, name, log_key(workstation.home, entity)))
    for witness in workstation.settings.ledger.witness:
        holder = f"log:{parse_vkey(witness.vkey).name}"
        try:
            _cosignature(workstation, witness, asked, tree.size, seconds)
        except Contradicted as error:
            raise_alarm(workstation.settings, entity, holder, error.size, error.reason, workstation.clock())
        except (OSError, http.client.HTTPException, NotDelivered) as error:
            log.warning("%s cannot be asked what it saw: %s", holder, error)
        else:
            clear_alarm(workstation.settings, entity, holder)


def stand_by_witnesses(workstation: Workstation, *, ask: bool = True) -> None:
    """Before anything is taken in: no log may be smaller than, or another than, what was last witnessed of it. Raises TreeContradicted."""
    with workstation.database.reading() as session:
        names = known_entities(session, workstation.settings)
    for entity in names:
        if ask and workstation.settings.ledger.witness:
            ask_witnesses(workstation, entity)
        with workstation.database.reading() as session:
            refuse_contradiction(session, workstation.settings, entity)


@dataclass(frozen=True, slots=True)
class Asked:
    """A checkpoint that a witness is asked to countersign."""

    entity: str
    size: int
    note: str


def _cosignature(workstation: Workstation, witness: LogWitness, asked: Asked, old: int, seconds: float) -> str:
    """`old` is what the witness is believed to have; where it has less or more it says so, and is asked again from there.

    It has seen another log when it has this size (it says so, or looks at the proof) and yet refuses; another size told the second
    time means that somebody else's checkpoint came between.
    """
    key = parse_vkey(witness.vkey)
    answer = _submit(workstation, witness.url, asked, old, seconds)
    if answer.status == 409 and answer.size not in (None, old):
        old = _size_there(workstation, key, asked, answer)
        answer = _submit(workstation, witness.url, asked, old, seconds)
    if answer.status == 422 or (answer.status == 409 and answer.size == old):
        raise Contradicted(old, "other", f"{key.name} : a vu un autre registre que celui-ci / has seen another log than this one")
    if answer.status != 200:
        raise NotDelivered(f"{key.name} : HTTP {answer.status}")
    return _own_line(asked.note, answer.text, key)


def _size_there(workstation: Workstation, key: NoteKey, asked: Asked, answer: _Answer) -> int:
    """What the witness has, where that is no more than what it is asked about. Raises Contradicted, NotDelivered."""
    seen = answer.size or 0
    with workstation.database.reading() as session:
        size = tree_of(session, asked.entity).size
    if seen > size:
        words = f"a vu {seen} inscriptions, plus qu'il n'y en a ici / has seen {seen} entries, more than there are here"
        raise Contradicted(seen, "smaller", f"{key.name} : {words}")
    if seen > asked.size:
        raise NotDelivered(f"{key.name} : a déjà vu {seen} inscriptions / has seen {seen} entries already")
    return seen


def _submit(workstation: Workstation, url: str, asked: Asked, old: int, seconds: float) -> _Answer:
    with workstation.database.reading() as session:
        proof = consistency_of(session, asked.entity, old, asked.size)
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof)]
    body = ("\n".join(lines) + "\n\n" + asked.note).encode()
    try:
        # The settings name it, so it may be in the house's own network. It is at its address or nowhere: no redirection is followed.
        told = outgoing.post(outgoing.checked(f"{url.rstrip('/')}/add-checkpoint", True), {"content-type": "text/plain"}, body, seconds)
    except outgoing.NotAllowed as error:
        raise NotDelivered(str(error)) from error
    return _answer(told.status, told.headers.get("content-type", ""), told.body[:LARGEST_ANSWER])


def _answer(status: int, kind: str, body: bytes) -> _Answer:
    return _Answer(status, kind, body.decode("utf-8", "replace"))


def _own_line(note: str, answer: str, key: NoteKey) -> str:
    """Only lines of the key that is known, and only if they hold (C2SP: cosignatures from unknown keys are ignored)."""
    mine = [
        each.line
        for each in read_note(add_signatures(note, answer.splitlines())).signatures
        if (each.name, each.hash) == (key.name, key.hash)
    ]
    if not mine or cosigned_at(add_signatures(note, mine[:1]), key) is None:
        raise NotDelivered(f"{key.name} : a répondu sans contresigner / answered without a cosignature")
    return mine[0]


def _seen_by(session: Session, entity: str, witness: str, size: int) -> int:
    """Size of the newest checkpoint that this witness is known to have, at most `size`."""
    query = (
        sa.select(sa.func.max(CheckpointRow.size))
        .join(Delivery, Delivery.checkpoint_id == CheckpointRow.id)
        .where(Delivery.entity == entity, Delivery.witness == witness, Delivery.done_at.is_not(None))
    )
    return min(session.scalar(query) or 0, size)


# --- in: this installation as a witness ---


@dataclass(frozen=True, slots=True)
class Countersigned:
    """What a witness answers: HTTP status, media type, body."""

    status: int
    text: str
    kind: str = "text/plain; charset=utf-8"


def witness_name(settings: Settings) -> str:
    return settings.ledger.witness_name or f"temoin/{settings.entity}"


def witness_vkey(settings: Settings) -> NoteKey:
    """The key under which this installation countersigns; drawn at its first use, another one than any log's."""
    return public_key(witness_name(settings), _witness_key(settings), COSIGNATURE)


def _witness_key(settings: Settings) -> Ed25519PrivateKey:
    # No entity's name has a slash, so that no log's key lies there.
    return held_key(settings.home / "keys" / "witness" / "key.pem")


def countersign(session: Session, settings: Settings, body: bytes, at: datetime) -> Countersigned:
    """One request of C2SP tlog-witness, answered within the caller's transaction, which must commit before the answer leaves.

    Never for a log that is not configured, never a smaller tree than before, never another branch.
    """
    try:
        old, proof, note = _read_request(body)
        text = read_note(note).text
        said = read_checkpoint(text)
        _known_log(settings, note, said.origin)
        _still_grows(session, note, said, old, proof)
    except _Refused as error:
        return error.answer
    except (BadNote, ValueError) as error:
        return Countersigned(400, f"{error}\n")
    session.merge(Witnessed(origin=said.origin, size=said.size, root=said.root, note=note, at=at))
    session.flush()
    return Countersigned(200, cosignature_line(text, witness_name(settings), _witness_key(settings), at))


class _Refused(Exception):
    def __init__(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        super().__init__(text)
        self.answer = Countersigned(status, f"{text}\n", kind)


def _known_log(settings: Settings, note: str, origin: str) -> None:
    keys = [key for each in settings.ledger.witnessed if (key := parse_vkey(each.vkey)).name == origin]
    if not keys:
        raise _Refused(404, "this log is not witnessed here")
    try:
        open_note(note, keys)
    except UnsignedNote as error:
        raise _Refused(403, str(error)) from error


def _still_grows(session: Session, note: str, said: Checkpoint, old: int, proof: Sequence[bytes]) -> None:
    if old > said.size:
        raise _Refused(400, "the old size is larger than the new one")
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK, sa.func.hashtext(said.origin))))
    held = session.get(Witnessed, said.origin)
    size, root = (held.size, held.root) if held is not None else (0, EMPTY_ROOT)
    if old != size or (said.size == size and said.root != root):
        raise _Refused(409, str(size), "text/x.tlog.size")
    if not proves_consistency(size, said.size, root, said.root, proof):
        log.error("a checkpoint that does not continue what was seen of %s (%d): %r", said.origin, size, note)
        raise _Refused(422, "the proof does not hold")


def _read_request(body: bytes) -> tuple[int, list[bytes], str]:
    """Old size, proof and note. Raises ValueError (also of UTF-8 and base64)."""
    head, empty, note = body.decode().partition("\n\n")
    first, *rest = head.split("\n")
    if not empty or not first.startswith("old ") or not _SIZE.fullmatch(first[4:]) or len(rest) > LONGEST_PROOF:
        raise ValueError("not a request of tlog-witness")
    try:
        proof = [base64.b64decode(line.encode("ascii"), validate=True) for line in rest]
    except binascii.Error as error:
        raise ValueError("a line of the proof is not base64") from error
    if any(len(each) != 32 for each in proof):
        raise ValueError("a line of the proof is not a hash")
    return int(first[4:]), proof, note


def witnessed_logs(session: Session) -> list[Witnessed]:
    """What this installation holds for others."""
    return list(session.scalars(sa.select(Witnessed).order_by(Witnessed.origin)))
