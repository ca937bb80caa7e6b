"""Mandates of a third party that archives for the company (A102 B-2, II: « un tiers mandaté à cet effet »): recorded, shown, revoked."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Actor, ActorKind, Event
from station.records.ledger import append_event
from station.records.scope import EVERYWHERE
from station.records.tables import Document, Mandate, Original, Person, State
from station.workstation import Workstation


class NoMandate(Exception):
    """A third party archives, and no mandate for it is in force: nothing is sealed."""


class UnknownMandate(Exception):
    """There is no such mandate, or it is revoked already."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A mandate as a person records it."""

    third_party: str
    scope: str
    """What it covers, in words."""
    starts: date
    ends: date | None
    name: str
    """Of the signed file."""


def list_mandates(session: Session, entity: str) -> list[Mandate]:
    """Newest first."""
    return list(session.scalars(sa.select(Mandate).where(Mandate.entity == entity).order_by(Mandate.id.desc())))


def mandate_in_force(session: Session, entity: str, third_party: str, day: date) -> Mandate | None:
    """The newest mandate of this third party that holds on a day (UTC)."""
    wanted = _plain(third_party)
    return next((each for each in list_mandates(session, entity) if _plain(each.third_party) == wanted and _holds(each, day)), None)


def standing_of(mandate: Mandate, third_party: str, day: date) -> str:
    """`in-force`, or why it covers nothing on a day: `revoked`, `ended`, `to-come`, `other` (given to another)."""
    told = day.isoformat()
    if mandate.revoked_at is not None:
        return "revoked"
    if mandate.ends is not None and mandate.ends < told:
        return "ended"
    if mandate.starts > told:
        return "to-come"
    return "in-force" if _plain(mandate.third_party) == _plain(third_party) else "other"


def require_mandate(session: Session, settings: Settings, day: date) -> Mandate | None:
    """The mandate under which a third party seals on this day; None where the company archives itself. Raises NoMandate.

    The reference in the settings (`organisation.mandate`) names the paper; what counts is the signed file that was recorded.
    """
    third_party = settings.organisation.third_party.strip()
    if not third_party:
        return None
    found = mandate_in_force(session, settings.entity, third_party, day)
    if found is None:
        raise NoMandate(f"{third_party}, {day.isoformat()}")
    return found


def record_mandate(session: Session, workstation: Workstation, granted: Granted, file: Path, person: Person, at: datetime) -> Mandate:
    """Keep the signed file in the vault, note the mandate, enter it, and let what waited for it go on.

    Raises ValueError where something is missing or the days stand the wrong way round; what `Vault.keep` raises.
    """
    if not (granted.third_party.strip() and granted.scope.strip() and granted.name.strip()):
        raise ValueError("a mandate needs its third party, its scope and its file")
    if granted.ends is not None and granted.ends < granted.starts:
        raise ValueError("a mandate ends before it starts")
    kept = workstation.originals.keep(file)
    if session.get(Original, kept.sha256, execution_options=EVERYWHERE) is None:
        session.add(Original(sha256=kept.sha256, size=kept.size, kept_at=at))
        session.flush()
    entity = workstation.settings.entity
    mandate = Mandate(
        entity=entity,
        third_party=granted.third_party.strip(),
        scope=granted.scope.strip(),
        starts=granted.starts.isoformat(),
        ends=granted.ends.isoformat() if granted.ends else None,
        name=granted.name.strip(),
        sha256=kept.sha256,
        recorded_by=person.pseudonym,
        recorded_at=at,
    )
    session.add(mandate)
    session.flush()
    let_go_on(session, "no-mandate", at)
    payload = {"number": mandate.id, "scope": mandate.scope, "starts": mandate.starts, "ends": mandate.ends}
    _enter(session, mandate, person, at, {**payload, "third_party": mandate.third_party, "what": "recorded"})
    return mandate


def revoke_mandate(session: Session, number: int, reason: str, person: Person, at: datetime) -> Mandate:
    """End it now; what was sealed under it names it still. Raises UnknownMandate, ValueError without a reason."""
    mandate = session.get(Mandate, number)
    if mandate is None or mandate.revoked_at is not None:
        raise UnknownMandate(str(number))
    if not reason.strip():
        raise ValueError("a revocation needs its reason")
    mandate.revoked_at, mandate.revoked_by, mandate.revoked_reason = at, person.pseudonym, reason.strip()
    _enter(session, mandate, person, at, {"number": mandate.id, "what": "revoked", "reason": reason.strip()})
    return mandate


def let_go_on(session: Session, problem: str, at: datetime) -> int:
    """Documents that wait for what has just come are tried at once; returns how many."""
    waiting = sa.select(Document).where(Document.state == State.RECEIVED, Document.problem == problem, Document.try_at.is_not(None))
    found = list(session.scalars(waiting))
    for document in found:
        document.try_at = at
    return len(found)


def _holds(mandate: Mandate, day: date) -> bool:
    told = day.isoformat()
    # A revocation ends it at once, on the very day.
    return mandate.revoked_at is None and mandate.starts <= told and (mandate.ends is None or told <= mandate.ends)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _enter(session: Session, mandate: Mandate, person: Person, at: datetime, payload: dict[str, object]) -> None:
    objects = {"original": mandate.sha256, "mandate": str(mandate.id)}
    append_event(session, Event(mandate.entity, "mandate", objects, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
