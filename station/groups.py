"""Where a person works and with whom: companies, stations of the mailroom, groups; each act in the ledger, by pseudonyms only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Actor, ActorKind, Event
from station.people import Act, Refused, account_told, read_days
from station.records import people
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import GroupMember, Person, PersonGroup
from station.workstation import Workstation

LONGEST_NAME = 60


def may_administer(by: Person | None, person: Person) -> bool:
    """Whether an administrator, or the machine's own command line (None), may look after an account: of some companies, that of who works
    in none but these."""
    own = None if by is None else people.entities_of(by)
    theirs = people.entities_of(person)
    return own is None or (theirs is not None and theirs <= own)


def place_person(
    session: Session, settings: Settings, act: Act, person: Person, entities: Collection[str] | None, stations: Collection[str] | None
) -> None:
    """Say in which companies a person works and at which stations, None: in all, at all of them; the sessions end.

    Raises Refused: one's own account, a company or station that there is not, or that the administrator does not have.
    """
    if act.by is not None and act.by.pseudonym == person.pseudonym:
        raise Refused("own")
    own = None if act.by is None else people.entities_of(act.by)
    asked = None if entities is None else sorted(set(entities))
    if asked is None and own is not None:
        raise Refused("entity")
    if asked is not None and (not asked or not set(asked) <= set(settings.entities) or not (own is None or set(asked) <= own)):
        raise Refused("entity")
    named = None if stations is None else sorted(set(stations))
    if named is not None and (not named or not set(named) <= {each.name for each in settings.stations}):
        raise Refused("station")
    person.entities, person.stations = asked, named
    people.end_sessions(person)
    _enter(session, act, "placed", {"person": person.pseudonym, "entities": asked, "stations": named})


def place_beside(session: Session, act: Act, person: Person) -> None:
    """Whoever makes accounts for some companies makes them for these; for all companies there is nothing to say."""
    own = None if act.by is None else people.entities_of(act.by)
    if own is not None:
        person.entities = sorted(own)
        _enter(session, act, "placed", {"person": person.pseudonym, "entities": person.entities, "stations": None})


def make_group(session: Session, act: Act, name: str) -> PersonGroup:
    """A group of the company in which one works; one that was ended begins anew, empty. Raises Refused."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise Refused("group")
    row = session.scalars(sa.select(PersonGroup).where(PersonGroup.entity == act.entity, PersonGroup.name == name)).first()
    if row is not None and row.ended_at is None:
        raise Refused("group-taken")
    if row is None:
        row = PersonGroup(entity=act.entity, name=name, made_by=_by(act), made_at=act.at)
        session.add(row)
        session.flush()
    row.ended_at = None
    _enter(session, act, "group made", {"group": row.id})
    return row


def end_group(session: Session, act: Act, group: PersonGroup) -> None:
    """Nobody is addressed by it any more."""
    for member in people.memberships_of(session, group.id):
        member.taken_at, member.taken_by = act.at, _by(act)
    group.ended_at = act.at
    _enter(session, act, "group ended", {"group": group.id})


def join_group(session: Session, act: Act, group: PersonGroup, person: Person, starts: date | None, ends: date | None) -> GroupMember:
    """Put somebody in. Raises Refused: an account that ended, works elsewhere or is in it already; days that are over or the wrong way."""
    if person.ended_at is not None or not people.works_in(person, group.entity):
        raise Refused("member")
    if ends is not None and (ends < act.at.date() or (starts is not None and ends < starts)):
        raise Refused("days")
    today = act.at.date().isoformat()
    if any(each.pseudonym == person.pseudonym and (each.ends or today) >= today for each in people.memberships_of(session, group.id)):
        raise Refused("member-twice")
    row = GroupMember(
        group_id=group.id, pseudonym=person.pseudonym, starts=_day(starts), ends=_day(ends), given_by=_by(act), given_at=act.at
    )
    session.add(row)
    session.flush()
    told = {"group": group.id, "person": person.pseudonym, "starts": row.starts, "ends": row.ends}
    _enter(session, act, "group joined", told)
    return row


def leave_group(session: Session, act: Act, group: PersonGroup, number: int) -> None:
    """Take somebody out. Raises Refused where nobody is in it under this number."""
    row = session.get(GroupMember, number)
    if row is None or row.group_id != group.id or row.taken_at is not None:
        raise Refused("gone")
    row.taken_at, row.taken_by = act.at, _by(act)
    _enter(session, act, "group left", {"group": group.id, "person": row.pseudonym})


# --- from the machine's own command line ---


@dataclass(frozen=True, slots=True)
class AskedPlace:
    """`sceau people place|join|leave` as it was typed."""

    action: str
    login: str
    entities: Sequence[str]
    stations: Sequence[str]
    group: str
    starts: str
    ends: str


def answer_place(workstation: Workstation, asked: AskedPlace) -> list[dict[str, Any]]:
    """Without a company or station a person is placed in all; what the account is then, as plain JSON values. Raises Refused."""
    settings, action, days = workstation.settings, asked.action, read_days(asked.starts, asked.ends)
    entity = asked.entities[0] if asked.entities and action != "place" else settings.entity
    if entity not in settings.entities:
        raise Refused("entity")
    act = Act(entity, None, workstation.clock())
    with workstation.database.writing() as session:
        person = people.find(session, asked.login.strip().lower()) or people.find(session, asked.login)
        if person is None:
            raise Refused("unknown")
        found = people.find_group(session, entity, " ".join(asked.group.split()))
        match action:
            case "place":
                place_person(session, settings, act, person, asked.entities or None, asked.stations or None)
            case "join":
                join_group(session, act, found or make_group(session, act, asked.group), person, *days)
            case _:
                _leave_named(session, act, found, person)
        return [account_told(session, person) | place_told(session, person, settings, act.at.date())]


def _leave_named(session: Session, act: Act, group: PersonGroup | None, person: Person) -> None:
    inside = [each for each in people.memberships_of(session, group.id) if each.pseudonym == person.pseudonym] if group else []
    if group is None or not inside:
        raise Refused("gone")
    for member in inside:
        leave_group(session, act, group, member.id)


def place_told(session: Session, person: Person, settings: Settings, day: date) -> dict[str, Any]:
    """For a program: companies and stations (None: all), and the groups of each company."""
    told = {entity: [each.name for each in people.groups_of(session, person.pseudonym, entity, day)] for entity in settings.entities}
    groups = {entity: names for entity, names in told.items() if names}
    return {"entities": person.entities, "stations": person.stations, "groups": groups}


def _by(act: Act) -> str | None:
    return None if act.by is None else act.by.pseudonym


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _enter(session: Session, act: Act, what: str, told: dict[str, Any]) -> None:
    actor = SYSTEM if act.by is None else Actor(act.by.pseudonym, ActorKind.HUMAN)
    append_event(session, Event(act.entity, "person", {}, actor, act.at, "system", {"what": what, **told}))
