"""What is told of a log, its checkpoints and its witnesses: on the page, on the command line, and to whoever checks."""

import asyncio
import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from asn1crypto import cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.checkpoint import BadNote, Checkpoint, NoteKey, imprint_of, open_checkpoint, parse_vkey
from sealing.ledger import Tree
from station.checkpoints import (
    EVERY_NOTE,
    Kept,
    accept_contradictions,
    accepted_notes,
    all_checkpoints,
    checkpoint_now,
    contradictions,
    fits_token,
    inclusion_of,
    known_keys,
    log_name,
    log_vkey,
    newest_checkpoint,
    record_origin,
)
from station.contradiction import Claim
from station.records import people
from station.records.ledger import head_at, tree_of
from station.records.tables import LedgerRow
from station.witnesses import Outside, deliver_due, outside_of, witness_vkey, witnessed_logs
from station.workstation import Workstation


@dataclass(frozen=True, slots=True)
class Standing:
    """One log, and who could tell if it were rewritten."""

    entity: str
    tree: Tree
    key: NoteKey
    newest: Kept | None
    outside: tuple[Outside, ...]
    wrong: tuple[Claim, ...]
    """What is held outside and contradicts the log."""


def standing_of(session: Session, settings: Settings, entity: str, *, look: bool = True) -> Standing:
    """`look`: whether what is held outside is read and compared; a share that hangs must not hang a page."""
    return Standing(
        entity,
        tree_of(session, entity),
        log_vkey(settings, entity),
        newest_checkpoint(session, entity),
        tuple(outside_of(session, settings, entity)),
        tuple(contradictions(session, settings, entity)) if look else (),
    )


def told_standing(standing: Standing) -> dict[str, Any]:
    """As one JSON object."""
    newest = standing.newest
    return {
        "entity": standing.entity,
        "size": standing.tree.size,
        "root": standing.tree.root.hex(),
        "key": standing.key.vkey,
        "fingerprint": standing.key.fingerprint,
        "checkpoint": None
        if newest is None
        else {"size": newest.size, "made_at": newest.made_at.isoformat(), "token": newest.token is not None, "note": newest.note},
        "witnesses": [
            {
                "witness": each.witness,
                "size": each.size,
                "at": each.at.isoformat() if each.at else None,
                "waiting": each.waiting,
                "trouble": each.trouble,
            }
            for each in standing.outside
        ],
        "contradicted_by": [{"holder": claim.holder, "size": claim.size, "reason": claim.reason} for claim in standing.wrong],
    }


def told_proof(session: Session, settings: Settings, entity: str, sequence: int) -> dict[str, Any] | None:
    """An entry with its proof against the newest checkpoint, for whoever has only that; None where no checkpoint covers the entry."""
    newest = newest_checkpoint(session, entity)
    entry = session.scalar(sa.select(LedgerRow.entry).where(LedgerRow.entity == entity, LedgerRow.sequence == sequence))
    if newest is None or entry is None or sequence >= newest.size:
        return None
    return {
        "entity": entity,
        "sequence": sequence,
        "entry": entry.decode(),
        "path": [each.hex() for each in inclusion_of(session, entity, sequence, newest.size)],
        "key": log_vkey(settings, entity).vkey,
        "note": newest.note,
        "token": base64.b64encode(newest.token).decode() if newest.token else None,
    }


def compared_note(session: Session, settings: Settings, entity: str, written: bytes) -> dict[str, Any]:
    """A checkpoint that somebody kept, held against the log as it is now: two branches shown to two parties meet here."""
    try:
        said = _open_known(written, known_keys(session, settings, entity))
    except BadNote as error:
        return {"entity": entity, "size": None, "agrees": False, "reason": "key", "detail": str(error)}
    size = tree_of(session, entity).size
    head = (head_at(session, entity, said.size) if said.size else Tree().root) if said.size <= size else None
    reason = "smaller" if said.size > size else "" if head == said.root else "other"
    return {"entity": entity, "size": said.size, "agrees": not reason, "reason": reason, "detail": f"{log_name(settings, entity)}: {size}"}


def _open_known(written: str | bytes, keys: Sequence[NoteKey]) -> Checkpoint:
    """By the key of the log, or by one that it had before. Raises BadNote, as of the key that it has."""
    for key in keys[1:]:
        with suppress(BadNote):
            return open_checkpoint(written, key)
    return open_checkpoint(written, keys[0])


def broken_checkpoints(session: Session, settings: Settings, entity: str) -> Iterator[str]:
    """Those that are not signed by the log's key, say another tree than the log's, have another's timestamp, or link to what never was.

    A checkpoint of a branch that a person gave up by name and reason is not the log's any more; its timestamp and links are looked at.
    """
    keys, size, made = known_keys(session, settings, entity), tree_of(session, entity).size, set[tuple[int, bytes]]()
    given_up = accepted_notes(session, entity)
    for kept in all_checkpoints(session, entity):
        name = f"{entity} {kept.size} ({kept.made_at:%Y-%m-%d %H:%M:%S})"
        accepted = imprint_of(kept.note).hex() in given_up
        try:
            said = kept.said if accepted else _open_known(kept.note, keys)
        except BadNote as error:
            yield f"{name}: {error}"
            continue
        head = (head_at(session, entity, said.size) if said.size else Tree().root) if said.size <= size else None
        if said.size != kept.size or (head != said.root and not accepted):
            yield f"{name}: tree"
        if kept.token is not None and not genuine_token(kept.note, kept.token):
            yield f"{name}: token"
        if not {(link.size, link.root) for link in said.links} <= made:
            yield f"{name}: link"
        made.add((said.size, said.root))


def genuine_token(note: str, token: bytes) -> bool:
    """Whether the token stamps this note and its own signature holds. Whether its authority is one to be trusted, the verifiers say."""
    if not fits_token(note, token):
        return False
    imprint = imprint_of(note)
    try:
        signed = cms.ContentInfo.load(token)["content"]
        found = asyncio.run(validate_tst_signed_data(signed, ValidationContext(trust_roots=[]), lambda _algorithm: imprint))
    except (SignatureValidationError, ValueError, TypeError, KeyError):
        return False
    return bool(found["intact"] and found["valid"])


def outside_claims(session: Session, settings: Settings, entity: str) -> list[Claim]:
    """Everything that is held outside and contradicts the log, however old."""
    return contradictions(session, settings, entity, EVERY_NOTE)


# --- `sceau ledger` ---


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line wants to know of one log, or wants done."""

    action: str
    """show, checkpoint, prove, compare, witness, accept or origin."""
    entity: str
    target: str = ""
    reason: str = ""
    login: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """As JSON, and with the exit code."""

    action: str
    told: dict[str, Any]
    code: int = 0

    def lines(self, language: str) -> Iterator[str]:
        """For people: names and values; what is text already (a note, an entry) as it is."""
        if self.action == "accept":
            yield _ACCEPTED[language == "en"][self.told["sequence"] is None].format(**self.told)
            return
        if self.action == "origin":
            yield _RENAMED[language == "en"][self.told["sequence"] is None].format(**self.told)
            return
        if self.action == "compare":
            yield _COMPARED[language == "en"][self.told["reason"]].format(**self.told)
            return
        for name, value in self.told.items():
            yield from _shown(name, value, {} if language == "en" else _FRENCH)


_ACCEPTED = (
    (
        "Inscription {sequence} : le registre reprend ; ce qui fut attesté et manque y est nommé.",
        "Rien à accepter : rien ne contredit le registre.",
    ),
    (
        "Entry {sequence}: the log goes on; what was witnessed and is missing is named there.",
        "Nothing to accept: nothing contradicts the log.",
    ),
)
_RENAMED = (
    (
        "Inscription {sequence} : le registre s'appelle désormais {origin} ; ses points de contrôle antérieurs restent des preuves.",
        "Rien à inscrire : le registre s'appelle {origin}, comme avant.",
    ),
    (
        "Entry {sequence}: from now on the log's name is {origin}; its earlier checkpoints go on being evidence.",
        "Nothing to record: the log's name is {origin}, as before.",
    ),
)
_COMPARED = (
    {
        "": "✓ Le registre continue ce point de contrôle ({size} inscriptions).",
        "smaller": "✗ Ce point de contrôle a vu {size} inscriptions, plus que le registre n'en a : il a été raccourci ({detail}).",
        "other": "✗ À {size} inscriptions, ce point de contrôle a vu un autre registre que celui-ci ({detail}).",
        "key": "✗ Ce n'est pas un point de contrôle signé par la clé de ce registre : {detail}.",
    },
    {
        "": "✓ The log continues this checkpoint ({size} entries).",
        "smaller": "✗ This checkpoint saw {size} entries, more than the log has: it was cut ({detail}).",
        "other": "✗ At {size} entries this checkpoint saw another log than this one ({detail}).",
        "key": "✗ Not a checkpoint that this log's key has signed: {detail}.",
    },
)


def answer_ledger(workstation: Workstation, asked: Asked) -> Answer:
    """Raises people.NoPerson, TreeContradicted (of a checkpoint that must not be signed), OSError (of a file that cannot be read).

    Of `origin` also BadNote (what was given is no key), UnknownFormerKey.
    """
    return _ACTIONS[asked.action](workstation, asked)


def _show(workstation: Workstation, asked: Asked) -> Answer:
    with workstation.database.reading() as session:
        standing = standing_of(session, workstation.settings, asked.entity)
    return Answer("show", told_standing(standing), 4 if standing.wrong else 0 if standing.tree.size else 3)


def _make(workstation: Workstation, asked: Asked) -> Answer:
    checkpoint_now(workstation, asked.entity, anew=True)
    deliver_due(workstation)
    return _show(workstation, asked)


def _prove(workstation: Workstation, asked: Asked) -> Answer:
    with workstation.database.reading() as session:
        told = told_proof(session, workstation.settings, asked.entity, int(asked.target))
    if told is None:
        return Answer("prove", {"entity": asked.entity, "sequence": int(asked.target), "path": None}, 3)
    return Answer("prove", told)


def _compare(workstation: Workstation, asked: Asked) -> Answer:
    written = Path(asked.target).read_bytes()
    with workstation.database.reading() as session:
        told = compared_note(session, workstation.settings, asked.entity, written)
    return Answer("compare", told, 0 if told["agrees"] else 4)


def _witness(workstation: Workstation, _asked: Asked) -> Answer:
    with workstation.database.reading() as session:
        held = [{"origin": each.origin, "size": each.size, "at": each.at.isoformat()} for each in witnessed_logs(session)]
    return Answer("witness", {"key": witness_vkey(workstation.settings).vkey, "address": "/witness/add-checkpoint", "witnessed": held})


def _accept(workstation: Workstation, asked: Asked) -> Answer:
    with workstation.database.reading() as session:
        person = people.named(session, asked.login, practice=workstation.practice)
        wrong = outside_claims(session, workstation.settings, asked.entity)
        session.expunge(person)
    sequence = accept_contradictions(workstation, asked.entity, asked.reason.strip(), person) if wrong else None
    return Answer("accept", {"entity": asked.entity, "sequence": sequence, "accepted": len(wrong)})


def _rename(workstation: Workstation, asked: Asked) -> Answer:
    with workstation.database.reading() as session:
        person = people.named(session, asked.login, practice=workstation.practice)
        session.expunge(person)
    former = parse_vkey(asked.target) if asked.target else None
    sequence = record_origin(workstation, asked.entity, asked.reason.strip(), person, former)
    if sequence is not None:
        checkpoint_now(workstation, asked.entity, anew=True)
    return Answer("origin", {"entity": asked.entity, "sequence": sequence, "origin": log_name(workstation.settings, asked.entity)})


_ACTIONS: dict[str, Callable[[Workstation, Asked], Answer]] = {
    "show": _show,
    "checkpoint": _make,
    "prove": _prove,
    "compare": _compare,
    "witness": _witness,
    "accept": _accept,
    "origin": _rename,
}


_FRENCH = {
    "entity": "société",
    "size": "écritures",
    "root": "tête",
    "key": "clé",
    "fingerprint": "empreinte",
    "checkpoint": "point de contrôle",
    "made_at": "fait le",
    "token": "horodaté",
    "note": "texte signé",
    "witnesses": "témoins",
    "witness": "témoin",
    "at": "reçu le",
    "waiting": "en attente",
    "trouble": "obstacle",
    "contradicted_by": "contredit par",
    "holder": "détenteur",
    "reason": "motif",
    "smaller": "le registre est plus court",
    "other": "un autre registre",
    "sequence": "écriture n°",
    "entry": "écriture",
    "path": "preuve",
    "address": "adresse",
    "witnessed": "registres attestés",
    "origin": "registre",
}
"""Names and values of `--json` as a French reader is told them; what is not here is told as it is."""


def _shown(told: str, value: Any, words: Mapping[str, str], depth: int = 0) -> Iterator[str]:
    indent, name = "  " * depth, words.get(told, told)
    if words and isinstance(value, bool):
        value = "oui" if value else "non"
    elif told == "reason":
        value = words.get(value, value)
    if isinstance(value, dict):
        yield f"{indent}{name}:"
        for key, each in value.items():
            yield from _shown(key, each, words, depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for each in value:
            yield from _shown(told, each, words, depth)
    elif isinstance(value, list):
        yield f"{indent}{name:12} {' '.join(map(str, value)) or '–'}"
    elif isinstance(value, str) and "\n" in value:
        yield f"{indent}{name}:"
        yield from (f"{indent}  {line}" for line in value.rstrip("\n").split("\n"))
    else:
        yield f"{indent}{name:12} {'–' if value is None else value}"
