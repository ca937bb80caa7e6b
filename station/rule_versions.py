"""Rules and circuits by version: what ships is version 1; what people write waits for a second person; what was written never changes.

A text is proved again whenever it is read from its row, and its bytes must be those that were hashed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.rulebook import CIRCUITS, shipped_files
from config.settings import Settings
from sealing.ledger import Event
from station.acts import actor_of
from station.lookups import outside_of
from station.records import circuits as records
from station.records import people
from station.records.circuits import in_force
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import CircuitVersion, Person, RuleRequest, RuleVersion
from station.workstation import Workstation
from workflow.circuit import Circuit
from workflow.circuit_file import Outside, load_circuit
from workflow.marked import Flaw
from workflow.rules import load_rules
from workflow.tables import RuleSet

SHIPPER = "system"
Version: TypeAlias = RuleVersion | CircuitVersion


class NotInForce(ValueError):
    """A version cannot be used as it stands; the text says why, in French."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a text: the row, or None with its flaws where it is refused."""

    row: Version | None
    flaws: tuple[Flaw, ...]


# --- reading ---


def rules_of(row: RuleVersion) -> RuleSet:
    """Raises NotInForce where the row's bytes are not those that were hashed, or do not hold any more."""
    return _rules(row.text, row.sha256)


@lru_cache(maxsize=256)
def _rules(text: str, sha256: str) -> RuleSet:
    _compare(text, sha256)
    found = load_rules(text)
    if found.rules is None:
        raise NotInForce(f"ces règles ne se lisent plus : {found.flaws[0].message if found.flaws else ''}")
    return found.rules


def circuit_of(row: CircuitVersion, rules: Mapping[str, RuleVersion], settings: Settings) -> Circuit:
    """With these very versions of its rules. Raises NotInForce."""
    return _circuit(row.text, row.sha256, tuple(sorted((each.text, each.sha256) for each in rules.values())), _Known(outside_of(settings)))


@dataclass(frozen=True, slots=True)
class _Known:
    """An installation's outside, hashed by what it says."""

    outside: Outside

    def __hash__(self) -> int:
        return hash(repr(self.outside))


@lru_cache(maxsize=128)
def _circuit(text: str, sha256: str, rules: tuple[tuple[str, str], ...], known: _Known) -> Circuit:
    _compare(text, sha256)
    sets = [_rules(*each) for each in rules]
    found = load_circuit(text, {each.name: each for each in sets}, known.outside)
    if found.circuit is None:
        raise NotInForce(f"ce circuit ne se lit plus : {found.flaws[0].message if found.flaws else ''}")
    return found.circuit


def _compare(text: str, sha256: str) -> None:
    if hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise NotInForce("le texte de cette version n'est plus celui qui a été enregistré")


# --- writing ---


def install_shipped(workstation: Workstation) -> int:
    """What comes with Sceau, for each legal entity that has it not: version 1, in force. A text that a later version of Sceau brings
    becomes a further version, which waits for a person. Returns how many rows."""
    with workstation.database.reading() as session:
        missing = [entity for entity in workstation.settings.entities if _to_install(session, entity)]
    if not missing:
        return 0
    with workstation.database.writing() as session:
        return sum(_install(session, workstation, entity) for entity in missing)


@lru_cache(maxsize=1)
def _shipped() -> tuple[tuple[str, str, str, str, str], ...]:
    """Kind, name, title, meaning and text; rules before circuits."""
    from config.rulebook import check_files

    found = []
    for each in check_files(shipped_files()):
        if each.said is not None:
            kind = "circuit" if each.path.name.endswith(CIRCUITS) else "rules"
            found.append((kind, each.said.name, each.said.title, each.said.version, each.path.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda one: one[0] == "circuit"))


def _to_install(session: Session, entity: str) -> list[tuple[str, str, str, str, str]]:
    known: set[tuple[str, str]] = set()
    for table, kind in ((RuleVersion, "rules"), (CircuitVersion, "circuit")):
        query = sa.select(table.name, table.sha256).where(table.entity == entity)
        known |= {(f"{kind} {name}", sha256) for name, sha256 in session.execute(query)}
    return [one for one in _shipped() if (f"{one[0]} {one[1]}", hashlib.sha256(one[4].encode()).hexdigest()) not in known]


def _install(session: Session, workstation: Workstation, entity: str) -> int:
    now, count = workstation.clock(), 0
    for kind, name, title, meaning, text in _to_install(session, entity):
        table = CircuitVersion if kind == "circuit" else RuleVersion
        row = _add(session, table, entity, (name, title, meaning, text), SHIPPER, now)
        if row.number == 1:
            row.active_from, row.activated_by = now, SHIPPER
        count += 1
    return count


def _add(session: Session, table: type[Version], entity: str, said: tuple[str, str, str, str], by: str, at: datetime) -> Version:
    name, title, meaning, text = said
    row = table(
        entity=entity, name=name, title=title[:300], number=records.last_number(session, table, entity, name) + 1, meaning=meaning,
        sha256=hashlib.sha256(text.encode()).hexdigest(), text=text, made_by=by, made_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def write_version(session: Session, workstation: Workstation, entity: str, text: str, person: Person, *, circuit: bool) -> Written:
    """A further version, which counts once another person has activated it; refused as a whole with its flaws."""
    now = workstation.clock()
    if circuit:
        rules = {name: rules_of(row) for name, row in in_force(session, RuleVersion, entity).items()}
        loaded = load_circuit(text, rules, outside_of(workstation.settings))
        said: Circuit | RuleSet | None = loaded.circuit
        flaws = loaded.flaws
    else:
        read = load_rules(text)
        said, flaws = read.rules, read.flaws
    if said is None:
        return Written(None, flaws)
    table: type[Version] = CircuitVersion if circuit else RuleVersion
    row = _add(session, table, entity, (said.name, said.title, said.version, text), person.pseudonym, now)
    _enter(session, row, "written", person, now)
    return Written(row, flaws)


def activate_version(session: Session, workstation: Workstation, row: Version, person: Person) -> str:
    """From now on this version decides what is submitted. Once only: what was in force before comes back as a further version.

    Returns why it is not done: active, ended, unasked (it ships with Sceau, and nobody asked for it), same (who wrote it or asked for it,
    or stands in for them), broken (a circuit in force would no longer hold); empty: done.
    """
    now = workstation.clock()
    if row.active_from is not None:
        return "active" if row.ended_at is None else "ended"
    first = _first_people(session, row)
    if not first:
        return "unasked"
    if any(people.are_one(session, who, person.pseudonym, since, now) for who, since in first):
        return "same"
    if not _fits(session, workstation, row):
        return "broken"
    current = in_force(session, type(row), row.entity).get(row.name)
    if current is not None:
        current.ended_at = now
    row.active_from, row.activated_by = now, person.pseudonym
    session.flush()
    _enter(session, row, "activated", person, now)
    return ""


def _first_people(session: Session, row: Version) -> list[tuple[str, datetime]]:
    """Who wrote it, and who asks that it be put in force, with the moment of it: another than all of them does it."""
    kind = "circuit" if isinstance(row, CircuitVersion) else "regles"
    here = (RuleRequest.entity == row.entity, RuleRequest.kind == kind, RuleRequest.version_id == row.id, RuleRequest.decided_at.is_(None))
    asked = [(each.asked_by, each.asked_at) for each in session.scalars(sa.select(RuleRequest).where(*here))]
    return asked + ([(row.made_by, row.made_at)] if row.made_by != SHIPPER else [])


def _fits(session: Session, workstation: Workstation, row: Version) -> bool:
    """Whether every circuit in force is read with it in its place."""
    rules, circuits = in_force(session, RuleVersion, row.entity), in_force(session, CircuitVersion, row.entity)
    (rules if isinstance(row, RuleVersion) else circuits)[row.name] = row  # type: ignore[assignment]  # each in its own
    try:
        for each in circuits.values():
            circuit_of(each, rules, workstation.settings)
        for rule in rules.values():
            rules_of(rule)
    except NotInForce:
        return False
    return True


def _enter(session: Session, row: Version, what: str, person: Person | None, at: datetime) -> None:
    payload = {
        "what": what, "kind": "circuit" if isinstance(row, CircuitVersion) else "rules", "name": row.name, "number": row.number,
        "meaning": row.meaning, "sha256": row.sha256, "written-by": row.made_by,
    }  # fmt: skip
    append_event(session, Event(row.entity, "rules", {}, SYSTEM if person is None else actor_of(person), at, "system", payload))
