"""Ladders of reminders by version: what ships, or the file that the settings name, is version 1; what changes waits for a second person.

A text is proved again whenever it is read from its row, and its bytes must be those that were hashed. Going back is asking for an older
text as a further version, which another person puts in force.
"""

import difflib
import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station.acts import actor_of
from station.records import people
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import LadderVersion, Person
from station.wording import load_letters
from station.workstation import Workstation
from workflow.dunning import Channel
from workflow.ladders import Ladders, load_ladders
from workflow.marked import LONGEST, Flaw

SHIPPED = Path(__file__).parents[1] / "config" / "rules" / "relances.echelles.yaml"
SHIPPER = "system"
MOST_WORDS = 2000
NAME = "relances.echelles.yaml"


class BadLadders(ValueError):
    """The ladders are not admitted; the text says where and why."""


class NotOffered(Exception):
    """The act is not possible as things stand, and nothing changed; the text is a key under `ladders.wrong-…` of the words."""


# --- reading ---


def filed_text(settings: Settings) -> tuple[str, str]:
    """Name and text of the company's file, or of the one that ships. Raises OSError, ValueError where it is not UTF-8."""
    path = settings.home / settings.dunning.ladders if settings.dunning.ladders else SHIPPED
    return path.name, path.read_text(encoding="utf-8")


def filed(settings: Settings) -> Ladders:
    """What the file says, whether or not it is in force. Raises BadLadders, BadTemplate, OSError."""
    return proved(settings, *filed_text(settings))


def proved(settings: Settings, name: str, text: str) -> Ladders:
    """Raises BadLadders, BadTemplate, OSError."""
    found, flaws = checked(settings, text)
    if found is None:
        raise BadLadders("\n".join(flaw.told(name) for flaw in flaws))
    return found


def checked(settings: Settings, text: str) -> tuple[Ladders | None, tuple[Flaw, ...]]:
    """What a text says with this company's letters, or None with its flaws. Raises BadTemplate, OSError."""
    letters = load_letters(settings)
    alone = frozenset(name for name, told in letters.items() if any(each.several is None for each in told.values()))
    return _checked(text, tuple(letters), alone)


@lru_cache(maxsize=16)
def _checked(text: str, letters: tuple[str, ...], alone: frozenset[str]) -> tuple[Ladders | None, tuple[Flaw, ...]]:
    """Proving a file takes a tenth of a second, and a morning asks for it a thousand times."""
    if len(text) > LONGEST:
        return None, (Flaw(1, 1, f"le texte est trop long ({len(text)} caractères, {LONGEST} au plus)"),)
    loaded = load_ladders(text, letters)
    if loaded.ladders is None:
        return None, loaded.flaws
    lacking = tuple(_lacking(loaded.ladders, alone))
    return (None, lacking) if lacking else (loaded.ladders, loaded.flaws)


def _lacking(ladders: Ladders, alone: frozenset[str]) -> Iterator[Flaw]:
    """A ladder that groups needs letters that can list several invoices."""
    for ladder in ladders.ladders:
        for level in ladder.levels:
            if ladder.together and level.channel is not Channel.CALL and level.letter in alone:
                told = f"« {ladder.name} » groupe les factures d'un client, et le modèle « {level.letter} » ne sait pas en dire plusieurs"
                yield Flaw(1, 1, f"{told} : ajoutez-lui several_subject et several_body, en français et en anglais")


def in_force(session: Session, entity: str) -> LadderVersion | None:
    """None before any version was noted. Raises BadLadders where its bytes are not those that were hashed."""
    here = (LadderVersion.entity == entity, LadderVersion.active_from.is_not(None), LadderVersion.ended_at.is_(None))
    row = session.scalar(sa.select(LadderVersion).where(*here).order_by(LadderVersion.number.desc()))
    if row is not None and _digest(row.text) != row.sha256:
        raise BadLadders(f"version {row.number} : le texte n'est plus celui qui a été enregistré")
    return row


def versions_of(session: Session, entity: str) -> list[LadderVersion]:
    """The newest first."""
    query = sa.select(LadderVersion).where(LadderVersion.entity == entity).order_by(LadderVersion.number.desc())
    return list(session.scalars(query))


def get_version(session: Session, entity: str, row_id: int) -> LadderVersion | None:
    """None where there is none, or it is another entity's."""
    return session.scalar(sa.select(LadderVersion).where(LadderVersion.entity == entity, LadderVersion.id == row_id))


def waiting(session: Session, entity: str) -> list[LadderVersion]:
    """What waits for a second person, the newest first."""
    return [row for row in versions_of(session, entity) if row.active_from is None and row.refused_at is None]


def differences(before: str, after: str) -> list[tuple[str, str]]:
    """Lines of two texts as `(sign, line)`: « - », « + », or a blank for the lines around; empty where they are the same."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""))
    return [("@" if line.startswith("@@") else line[0], "…" if line.startswith("@@") else line[1:]) for line in lines[2:]]


# --- writing ---


def install(workstation: Workstation) -> int:
    """The file of a company noted as a version: the first is in force, a changed one waits for a person. Returns how many were written.

    A file that is not admitted is no version: before there is one, whoever reads the ladders is told; afterwards the one in force holds.
    """
    settings = workstation.settings
    try:
        name, text = filed_text(settings)
        found, _ = checked(settings, text)
    except (OSError, ValueError):
        return 0
    if found is None:
        return 0
    with workstation.database.reading() as session:
        if _is_known(session, settings.entity, text):
            return 0
    with workstation.database.writing() as session:
        if _is_known(session, settings.entity, text):
            return 0
        now = workstation.clock()
        row = _add(session, settings.entity, (name, found.version, text), "", SHIPPER, now)
        if row.number == 1:
            row.active_from, row.activated_by = now, SHIPPER
        _enter(session, row, "installed" if row.number == 1 else "filed", None, now)
        return 1


def _is_known(session: Session, entity: str, text: str) -> bool:
    query = sa.select(LadderVersion.id).where(LadderVersion.entity == entity, LadderVersion.sha256 == _digest(text))
    return session.scalar(query.limit(1)) is not None


def write_version(
    session: Session, workstation: Workstation, text: str, reason: str, person: Person
) -> tuple[LadderVersion | None, tuple[Flaw, ...]]:
    """A further version, which counts once another person has activated it; refused as a whole with its flaws.

    Raises NotOffered, BadTemplate, OSError.
    """
    settings, text = workstation.settings, text.replace("\r\n", "\n")
    if not reason.strip():
        raise NotOffered("reason")
    now, current = workstation.clock(), in_force(session, settings.entity)
    if text == (current.text if current else filed_text(settings)[1]):
        raise NotOffered("unchanged")
    found, flaws = checked(settings, text)
    if found is None:
        return None, flaws
    if current is None:
        # What held until now has to be a version, too, or there would be nothing to go back to.
        name, before = filed_text(settings)
        first = _add(session, settings.entity, (name, filed(settings).version, before), "", SHIPPER, now)
        first.active_from, first.activated_by = now, SHIPPER
    row = _add(session, settings.entity, (NAME, found.version, text), reason.strip()[:MOST_WORDS], person.pseudonym, now)
    _enter(session, row, "written", person, now)
    return row, flaws


def activate(session: Session, workstation: Workstation, row: LadderVersion, person: Person) -> None:
    """From now on these ladders choose; each reminder that is planned is planned anew by its next turn.

    Once only: who wants back what was in force before asks for its text (`go_back`), so that two people decide that, too. Raises
    NotOffered.
    """
    now, current = workstation.clock(), in_force(session, row.entity)
    if current is not None and current.id == row.id:
        raise NotOffered("active")
    if row.active_from is not None:
        raise NotOffered("ended")
    if row.refused_at is not None:
        raise NotOffered("refused")
    if row.made_by != SHIPPER and people.are_one(session, row.made_by, person.pseudonym, row.made_at, now):
        raise NotOffered("same-person")
    if _digest(row.text) != row.sha256 or checked(workstation.settings, row.text)[0] is None:
        raise NotOffered("flawed")
    if current is not None:
        current.ended_at = now
    row.active_from, row.activated_by = now, person.pseudonym
    session.flush()
    _enter(session, row, "activated", person, now, current)


def refuse(session: Session, row: LadderVersion, words: str, person: Person, at: datetime) -> None:
    """It does not count; whoever wrote it takes it back the same way. Raises NotOffered."""
    if row.active_from is not None or row.refused_at is not None:
        raise NotOffered("decided")
    if not words.strip():
        raise NotOffered("reason")
    row.refused_by, row.refused_at, row.words = person.pseudonym, at, words.strip()[:MOST_WORDS]
    session.flush()
    _enter(session, row, "withdrawn" if row.made_by == person.pseudonym else "refused", person, at)


def go_back(session: Session, workstation: Workstation, row: LadderVersion, reason: str, person: Person) -> LadderVersion:
    """An older text is asked for again: a further version, which waits for a second person as every other. Raises NotOffered."""
    written, flaws = write_version(session, workstation, row.text, reason, person)
    if written is None:
        raise NotOffered("flawed" if flaws else "unchanged")
    return written


def _add(session: Session, entity: str, said: tuple[str, str, str], reason: str, by: str, at: datetime) -> LadderVersion:
    name, meaning, text = said
    last = session.scalar(sa.select(sa.func.max(LadderVersion.number)).where(LadderVersion.entity == entity))
    row = LadderVersion(
        entity=entity, number=(last or 0) + 1, name=name[:120], meaning=meaning, sha256=_digest(text), text=text, reason=reason, made_by=by,
        made_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _enter(
    session: Session, row: LadderVersion, what: str, person: Person | None, at: datetime, before: LadderVersion | None = None
) -> None:
    payload = {
        "what": what, "kind": "ladders", "number": row.number, "meaning": row.meaning, "sha256": row.sha256, "written-by": row.made_by,
        "reason": row.reason if what == "written" else row.words or "",
    } | ({"replaced": before.number} if before is not None else {})  # fmt: skip
    actor = SYSTEM if person is None else actor_of(person)
    append_event(session, Event(row.entity, "rules", {"version": row.sha256}, actor, at, "system", payload))
