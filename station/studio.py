"""Where rules and circuits are changed: a draft of one's own, a request with its replay, and a second person who puts it in force.

What is in force is never written over: each text that was ever asked for is a version of its own with its hash, and going back to an older
one is a new version with the older text, on the same way. Every act is an entry of the ledger.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station import rule_versions
from station.acts import actor_of
from station.lookups import outside_of
from station.records import circuits as records
from station.records import people
from station.records.ledger import append_event
from station.records.tables import CircuitVersion, Person, RuleDraft, RuleReplay, RuleRequest, RuleVersion
from station.replay import CIRCUIT, RULES, read_text, result_of, rules_in_force
from station.workstation import Workstation
from workflow.circuit import Circuit
from workflow.circuit_file import load_circuit
from workflow.marked import LONGEST, Flaw
from workflow.tables import RuleSet

Version: TypeAlias = RuleVersion | CircuitVersion
TABLES: dict[str, type[Any]] = {RULES: RuleVersion, CIRCUIT: CircuitVersion}
ACTIVATED, REFUSED, WITHDRAWN = "activated", "refused", "withdrawn"
MOST_WORDS = 2000
_NAME = re.compile(r"(?=.{2,60}$)[a-z0-9]+(?:-[a-z0-9]+)*")


class NotOffered(Exception):
    """The act is not possible as things stand; `why` is a key under `studio.wrong-…`, and nothing changed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class File:
    """A rule or circuit file by its name, as addresses say it: « avoirs.regles »."""

    kind: str
    name: str

    @property
    def address(self) -> str:
        return f"{self.name}.{self.kind}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is of a file: the version in force, the newest number, and a request that waits."""

    file: File
    title: str
    active: Version | None
    request: RuleRequest | None
    draft: RuleDraft | None


def digest(text: str) -> str:
    """Hexadecimal SHA-256 of the text's bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_named(session: Session, entity: str, address: str, person: str) -> File | None:
    """None where this company has no such file, and this person (pseudonym) has begun none."""
    name, _, kind = address.rpartition(".")
    if kind not in TABLES or not name:
        return None
    file = File(kind, name)
    known = records.last_number(session, TABLES[kind], entity, name) or find_draft(session, entity, file, person)
    return file if known else None


def begin_file(session: Session, entity: str, file: File, like: str, text: str, person: Person, at: datetime) -> None:
    """A rule file or a circuit that there was not: a draft of one's own, which counts once it was asked for and a second person agreed.

    `like`: name of one that is in force, whose text is taken where `text` is empty. Raises NotOffered (`name`, `taken`, `empty`, `long`).
    """
    if file.kind not in TABLES or not _NAME.fullmatch(file.name):
        raise NotOffered("name")
    if file_named(session, entity, file.address, person.pseudonym) is not None:
        raise NotOffered("taken")
    model = records.in_force(session, TABLES[file.kind], entity).get(like)
    text = text.replace("\r\n", "\n") if text.strip() else model.text if model is not None else ""
    if not text:
        raise NotOffered("empty")
    if len(text) > LONGEST:
        raise NotOffered("long")
    text = re.sub(rf"^{file.kind}:.*$", f"{file.kind}: {file.name}", text, count=1, flags=re.MULTILINE)
    session.add(RuleDraft(entity=entity, kind=file.kind, name=file.name, person=person.pseudonym, text=text, base="", changed_at=at))
    session.flush()


def list_files(session: Session, entity: str, person: str) -> list[Standing]:
    """Rules, then circuits, by name, as this person sees them."""
    found = []
    for kind, table in TABLES.items():
        active = records.in_force(session, table, entity)
        begun = sa.select(RuleDraft.name).where(RuleDraft.entity == entity, RuleDraft.kind == kind, RuleDraft.person == person)
        names = {*session.scalars(sa.select(table.name).where(table.entity == entity).distinct()), *session.scalars(begun)}
        for name in sorted(names):
            file, row = File(kind, name), active.get(name)
            found.append(
                Standing(
                    file, row.title if row else name, row, open_request(session, entity, file), find_draft(session, entity, file, person)
                )
            )
    return found


def active_version(session: Session, entity: str, file: File) -> Version | None:
    return records.in_force(session, TABLES[file.kind], entity).get(file.name)


def versions_of(session: Session, entity: str, file: File) -> list[Version]:
    """The newest first."""
    return list(records.versions_of(session, TABLES[file.kind], entity, file.name))


def version_numbered(session: Session, entity: str, file: File, number: int) -> Version | None:
    return next((row for row in versions_of(session, entity, file) if row.number == number), None)


# --- drafts ---


def find_draft(session: Session, entity: str, file: File, person: str) -> RuleDraft | None:
    """The draft of one person, by pseudonym."""
    where = (RuleDraft.entity == entity, RuleDraft.kind == file.kind, RuleDraft.name == file.name, RuleDraft.person == person)
    return session.scalar(sa.select(RuleDraft).where(*where))


def save_draft(session: Session, entity: str, file: File, person: Person, text: str, seen: str, at: datetime) -> RuleDraft:
    """Keep what a person wrote; right or wrong, it is theirs alone. `seen`: hash of the text that they changed.

    Raises NotOffered where it was changed elsewhere meanwhile (`moved`), where it is too long (`long`), or there is nothing to begin from.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > LONGEST:
        raise NotOffered("long")
    active, draft = active_version(session, entity, file), find_draft(session, entity, file, person.pseudonym)
    before = draft.text if draft else active.text if active else ""
    if seen != digest(before):
        raise NotOffered("moved")
    if draft is None:
        base = active.sha256 if active else ""
        draft = RuleDraft(entity=entity, kind=file.kind, name=file.name, person=person.pseudonym, text=text, base=base, changed_at=at)
        session.add(draft)
    draft.text, draft.changed_at = text, at
    session.flush()
    return draft


def drop_draft(session: Session, entity: str, file: File, person: Person) -> None:
    draft = find_draft(session, entity, file, person.pseudonym)
    if draft is not None:
        session.delete(draft)


# --- what a text says ---


@dataclass(frozen=True, slots=True)
class Said:
    """A text read: what it says, or None, and its flaws; circuits that would no longer hold with it are among them."""

    said: RuleSet | Circuit | None
    flaws: tuple[Flaw, ...]

    @property
    def holds(self) -> bool:
        return self.said is not None


def check_text(session: Session, settings: Settings, entity: str, file: File, text: str) -> Said:
    """As the checks of files do, and besides: the name stays, and each circuit in force that uses the rules still holds."""
    said, flaws = read_text(session, settings, entity, file.kind, text)
    if said is not None and said.name != file.name:
        word = "regles" if file.kind == RULES else "circuit"
        return Said(None, (*flaws, Flaw(1, 1, f"« {word} » doit rester « {file.name} » : sous un autre nom, rien ne s'en servirait")))
    if isinstance(said, RuleSet):
        broken = _broken_circuits(session, settings, entity, said)
        return Said(None if broken else said, (*flaws, *broken))
    return Said(said, flaws)


def _broken_circuits(session: Session, settings: Settings, entity: str, rules: RuleSet) -> tuple[Flaw, ...]:
    known, outside = rules_in_force(session, entity), outside_of(settings)
    told: list[Flaw] = []
    for row in records.in_force(session, CircuitVersion, entity).values():
        before = load_circuit(row.text, known, outside)
        if before.circuit is not None and rules.name in before.circuit.rules:
            after = load_circuit(row.text, {**known, rules.name: rules}, outside)
            told += [
                Flaw(1, 1, f"le circuit « {row.name} » ne tiendrait plus, ligne {flaw.line} : {flaw.message}")
                for flaw in after.flaws
                if flaw.grave and after.circuit is None
            ]
    return tuple(told)


# --- asking, and putting in force ---


def open_request(session: Session, entity: str, file: File) -> RuleRequest | None:
    where = (RuleRequest.entity == entity, RuleRequest.kind == file.kind, RuleRequest.name == file.name, RuleRequest.decided_at.is_(None))
    return session.scalar(sa.select(RuleRequest).where(*where).order_by(RuleRequest.id.desc()))


def requests_of(session: Session, entity: str, file: File, limit: int = 20) -> list[RuleRequest]:
    """The newest first."""
    where = (RuleRequest.entity == entity, RuleRequest.kind == file.kind, RuleRequest.name == file.name)
    return list(session.scalars(sa.select(RuleRequest).where(*where).order_by(RuleRequest.id.desc()).limit(limit)))


def get_replay(session: Session, entity: str, file: File, number: int) -> RuleReplay | None:
    row = session.get(RuleReplay, number)
    return row if row is not None and (row.entity, row.kind, row.name) == (entity, file.kind, file.name) else None


def newest_replay(session: Session, entity: str, file: File, text: str, against: str) -> RuleReplay | None:
    """The last replay of this text against the version of that hash."""
    where = (RuleReplay.entity == entity, RuleReplay.kind == file.kind, RuleReplay.name == file.name)
    same = (RuleReplay.sha256 == digest(text), RuleReplay.against == against)
    return session.scalar(sa.select(RuleReplay).where(*where, *same).order_by(RuleReplay.id.desc()).limit(1))


def version_asked(session: Session, request: RuleRequest) -> Version:
    version: Version = session.get_one(TABLES[request.kind], request.version_id)
    return version


def bar_to_ask(session: Session, settings: Settings, entity: str, file: File, text: str, replay: RuleReplay) -> str | None:
    """Why a replayed text cannot be asked for, as a key under `studio.wrong-…`; None where it can."""
    active = active_version(session, entity, file)
    if open_request(session, entity, file) is not None:
        return "open"
    if active is not None and active.sha256 == digest(text):
        return "same"
    if replay.sha256 != digest(text) or (active is not None and replay.against != active.sha256):
        return "stale"
    return None if check_text(session, settings, entity, file, text).holds else "flawed"


def ask_activation(
    session: Session, workstation: Workstation, entity: str, file: File, text: str, replay: RuleReplay, reason: str, person: Person
) -> RuleRequest:
    """The text becomes a version, not yet in force, and waits for a second person. Raises NotOffered; ValueError without a reason."""
    if not reason.strip():
        raise ValueError("a request needs its reason")
    why, at = bar_to_ask(session, workstation.settings, entity, file, text, replay), workstation.clock()
    if why is not None:
        raise NotOffered(why)
    version = _version_of(session, workstation, entity, file, text, person)
    request = RuleRequest(
        entity=entity, kind=file.kind, name=file.name, version_id=version.id, replay_id=replay.id, reason=reason.strip()[:MOST_WORDS],
        asked_by=person.pseudonym, asked_at=at, decision=None, decided_by=None, decided_at=None, words=None,
    )  # fmt: skip
    session.add(request)
    session.flush()
    _enter(session, request, version, "asked", person, at, {"reason": request.reason, "replay": _summary(replay)})
    return request


def _version_of(session: Session, workstation: Workstation, entity: str, file: File, text: str, person: Person) -> Version:
    """A version with this text that was never in force, or a new one. One that was is left as it is: it tells when it was."""
    waiting = [row for row in versions_of(session, entity, file) if row.sha256 == digest(text) and row.active_from is None]
    if waiting:
        return waiting[0]
    written = rule_versions.write_version(session, workstation, entity, text, person, circuit=file.kind == CIRCUIT)
    if written.row is None:
        raise NotOffered("flawed")
    return written.row


def _summary(replay: RuleReplay) -> dict[str, Any]:
    told = result_of(replay)
    return {
        "from": replay.starts, "to": replay.ends, "against": replay.against, "seen": told.seen, "changed": told.changed,
        "amount": f"{told.amount:f}", "refused": told.refused,
    }  # fmt: skip


def activate(session: Session, workstation: Workstation, request: RuleRequest, person: Person) -> Version:
    """The second person puts the version in force; documents submitted from now on take it. Raises NotOffered."""
    at = workstation.clock()
    entity, file, version = request.entity, File(request.kind, request.name), version_asked(session, request)
    _require_second(session, request, person, at)
    active, replay = active_version(session, entity, file), session.get_one(RuleReplay, request.replay_id)
    if active is not None and replay.against != active.sha256:
        raise NotOffered("stale")
    if not check_text(session, workstation.settings, entity, file, version.text).holds:
        raise NotOffered("flawed")
    why = rule_versions.activate_version(session, workstation, version, person)
    if why:
        raise NotOffered({"same": "same-person", "active": "same"}.get(why, "flawed"))
    _settle(request, ACTIVATED, person, at)
    drop_finished(session, entity, file, version.text)
    return version


def refuse(session: Session, request: RuleRequest, reason: str, person: Person, at: datetime) -> None:
    """The second person says no, with words. Raises NotOffered; ValueError without a reason."""
    if not reason.strip():
        raise ValueError("a refusal needs its reason")
    _require_second(session, request, person, at)
    request.words = reason.strip()[:MOST_WORDS]
    _settle(request, REFUSED, person, at)
    _enter(session, request, version_asked(session, request), REFUSED, person, at, {"reason": request.words})


def withdraw(session: Session, request: RuleRequest, person: Person, at: datetime) -> None:
    """Whoever asked takes it back. Raises NotOffered."""
    if request.decided_at is not None:
        raise NotOffered("decided")
    if request.asked_by != person.pseudonym:
        raise NotOffered("other")
    _settle(request, WITHDRAWN, person, at)
    _enter(session, request, version_asked(session, request), WITHDRAWN, person, at, {})


def is_second(session: Session, request: RuleRequest, person: Person, at: datetime) -> bool:
    """Whether a person is another pair of eyes than whoever asked."""
    return not people.are_one(session, request.asked_by, person.pseudonym, request.asked_at, at)


def _require_second(session: Session, request: RuleRequest, person: Person, at: datetime) -> None:
    if request.decided_at is not None:
        raise NotOffered("decided")
    if not is_second(session, request, person, at):
        raise NotOffered("same-person")


def _settle(request: RuleRequest, decision: str, person: Person, at: datetime) -> None:
    request.decision, request.decided_by, request.decided_at = decision, person.pseudonym, at


def drop_finished(session: Session, entity: str, file: File, text: str) -> None:
    """Drafts that say what is in force now are done."""
    where = (RuleDraft.entity == entity, RuleDraft.kind == file.kind, RuleDraft.name == file.name, RuleDraft.text == text)
    session.execute(sa.delete(RuleDraft).where(*where))


def _enter(session: Session, request: RuleRequest, version: Version, act: str, person: Person, at: datetime, told: dict[str, Any]) -> None:
    payload = {
        "what": act, "kind": request.kind, "name": request.name, "number": version.number, "sha256": version.sha256,
        "meaning": version.meaning, "request": request.id, **told,
    }  # fmt: skip
    objects = {"rules": f"{request.name}.{request.kind}", "version": version.sha256}
    append_event(session, Event(request.entity, "rules", objects, actor_of(person), at, "system", payload))
