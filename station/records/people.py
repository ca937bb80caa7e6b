"""Who may sign in, with which roles. Passwords are argon2id hashes (RFC 9106); the ledger knows a person only by a random pseudonym."""

import hashlib
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from station.records.tables import Delegation, GroupMember, Person, PersonGroup, PersonRole
from workflow.roles import DELEGABLE, WORKING, Role

PRACTICE_LOGIN = "atelier"
SECOND_LOGIN = "responsable"
"""For what takes two people."""
THIRD_LOGIN = "approbation"
"""For what takes two people besides the one who prepared it: a first purchase."""
PRACTICE_PASSWORD = "essai"  # noqa: S105 a practice account is open by design, and closed in production
PRACTICE_ROLES: Mapping[str, frozenset[Role]] = {
    PRACTICE_LOGIN: WORKING,
    SECOND_LOGIN: WORKING | {Role.ADMINISTRATOR},
    THIRD_LOGIN: frozenset({Role.APPROVER}),
}
"""One person at a practice station tries every desk; the second one makes accounts, too; the third one only approves."""
SHORTEST_PASSWORD = 12
"""Characters (CNIL, deliberation 2022-100, asks for 80 bits or for 12 characters with other measures)."""

_HASHER = PasswordHasher()
_ONE_AT_A_TIME = threading.Lock()
"""argon2 takes 64 MiB per password on purpose; many sign-ins at once must not take the machine."""
WAITING = 4
"""Passwords that may be checked or wait for it. Each takes a thread: whoever comes on top is asked to try again."""
_PLACES = threading.BoundedSemaphore(WAITING)
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c2NlYXUtc2NlYXUtc2NlYXU$KJQT0ZCBcnpxZv8C2VHnLRgkfLpEdjlzMXZxa0xXZGM"
"""A hash that no password was made for: an unknown login takes as long to refuse as a known one."""


class WeakPassword(Exception):
    """The password is too short to protect an account."""


class NoPerson(Exception):
    """Nobody who may enter has this login."""


class TooMany(Exception):
    """Enough passwords wait for their check; this one was not looked at."""


def ensure_practice(session: Session) -> Person:
    """The practice accounts, made at the first start in practice mode; returns the one that works."""
    first, *_ = [_practice_person(session, login) for login in PRACTICE_ROLES]
    return first


def _practice_person(session: Session, login: str) -> Person:
    person = session.get(Person, login)
    if person is None:
        person = _new_person(login)
        person.practice, person.password_hash = True, _HASHER.hash(PRACTICE_PASSWORD)
        session.add(person)
        session.flush()
        session.add_all(PersonRole(pseudonym=person.pseudonym, role=role) for role in sorted(PRACTICE_ROLES[login]))
        session.flush()
    return person


def find(session: Session, login: str) -> Person | None:
    return session.get(Person, login)


def named(session: Session, login: str, *, practice: bool) -> Person:
    """Who answers for an act of the command line: an account that may enter now. Raises NoPerson."""
    person = find(session, login)
    if person is None or not may_enter(person, practice=practice):
        raise NoPerson(login)
    return person


def logins_of(session: Session, pseudonyms: Iterable[str | None]) -> dict[str, str]:
    """The logins behind pseudonyms, of those who are known."""
    asked = {each for each in pseudonyms if each}
    rows = session.scalars(sa.select(Person).where(Person.pseudonym.in_(asked))) if asked else ()
    return {person.pseudonym: person.login for person in rows}


def set_password(session: Session, login: str, password: str, ends: datetime | None = None) -> Person:
    """Make the account where there is none and give it this password; it is then no practice account. Raises WeakPassword.

    `ends`: until when a password serves that somebody else made; its person chooses another at once.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword(f"a password needs at least {SHORTEST_PASSWORD} characters")
    person = session.get(Person, login)
    if person is None:
        person = _new_person(login)
        session.add(person)
    person.practice, person.password_hash, person.password_ends = False, _HASHER.hash(password), ends
    end_sessions(person)
    session.flush()
    return person


def check_password(session: Session, login: str, password: str, *, practice: bool) -> Person | None:
    """The person, where login and password match; practice accounts open only with `practice`. Raises TooMany."""
    person = find_entrant(session, login, practice=practice)
    return person if fits(person, password) else None


def find_entrant(session: Session, login: str, *, practice: bool) -> Person | None:
    """The person who may enter under this login, if the password fits; readable after the session has ended."""
    person = session.get(Person, login)
    if person is None or person.password_hash is None or not may_enter(person, practice=practice):
        return None
    session.expunge(person)
    return person


def fits(person: Person | None, password: str) -> bool:
    """Whether the password is this person's; nobody's takes as long to refuse. Slow on purpose: hold no transaction. Raises TooMany."""
    if not _PLACES.acquire(blocking=False):
        raise TooMany
    try:
        right = _fits((person and person.password_hash) or _NOBODY, password)
    finally:
        _PLACES.release()
    return person is not None and right


def may_enter(person: Person, *, practice: bool) -> bool:
    """A practice account has no business on an installation that seals for good; nobody enters whose account has ended."""
    return person.ended_at is None and (practice or not person.practice)


def badge_of(person: Person) -> str:
    """Short text that changes with password, roles and second factor, so that sessions begun before the change end."""
    return hashlib.sha256(f"{person.epoch}\n{person.password_hash or ''}".encode()).hexdigest()[:16]


def end_sessions(person: Person) -> None:
    """Whatever was opened under this account must be opened anew."""
    person.epoch = (person.epoch or 0) + 1


def find_by_pseudonym(session: Session, pseudonym: str) -> Person | None:
    return session.scalar(sa.select(Person).where(Person.pseudonym == pseudonym))


def find_by_email(session: Session, email: str) -> Person | None:
    return session.scalar(sa.select(Person).where(Person.email == email.strip().lower()))


def list_people(session: Session) -> list[Person]:
    """Everybody, those who have left last."""
    return list(session.scalars(sa.select(Person).order_by(Person.ended_at.is_not(None), Person.login)))


def accept_step(session: Session, person: Person, step: int) -> bool:
    """Note the step of a one-time code; False where that code, or a later one, served already."""
    fresh = sa.or_(Person.totp_step.is_(None), Person.totp_step < step)
    done = session.execute(sa.update(Person).where(Person.login == person.login, fresh).values(totp_step=step))
    return bool(done.rowcount)  # type: ignore[attr-defined]  # of an UPDATE there is one


# --- roles ---


def entities_of(person: Person) -> frozenset[str] | None:
    """The legal entities in which a person may work; None: all of the installation."""
    return None if person.entities is None else frozenset(map(str, person.entities))


def stations_of(person: Person, roles: frozenset[Role]) -> frozenset[str] | None:
    """The stations to which a person of the mailroom is limited; None: none but those of the entity. Any other role that sees documents
    sees those of every station."""
    if person.stations is None or roles - {Role.MAILROOM, Role.ADMINISTRATOR}:
        return None
    return frozenset(map(str, person.stations))


def works_in(person: Person | None, entity: str) -> bool:
    allowed = None if person is None else entities_of(person)
    return person is not None and (allowed is None or entity in allowed)


def roles_of(session: Session, pseudonym: str, day: date, entity: str | None = None) -> frozenset[Role]:
    """What a person may act as on a day: their own roles, and those that others gave them to hold in their stead.

    `entity`: where they act. Nobody lends a role where they have none themselves.
    """
    lent = [row for row in delegations_to(session, pseudonym, day) if row.role in DELEGABLE]
    if entity is not None:
        lent = [row for row in lent if works_in(find_by_pseudonym(session, row.giver), entity)]
    held = {Role(row.role) for row in lent if row.role in own_roles(session, row.giver, day)}
    return own_roles(session, pseudonym, day) | held


def own_roles(session: Session, pseudonym: str, day: date) -> frozenset[Role]:
    """Without what others lent. Whoever has left has none."""
    today = day.isoformat()
    query = (
        sa.select(PersonRole.role)
        .join(Person, Person.pseudonym == PersonRole.pseudonym)
        .where(
            PersonRole.pseudonym == pseudonym,
            Person.ended_at.is_(None),
            PersonRole.taken_at.is_(None),
            sa.or_(PersonRole.starts.is_(None), PersonRole.starts <= today),
            sa.or_(PersonRole.ends.is_(None), PersonRole.ends >= today),
        )
    )
    return frozenset(Role(role) for role in session.scalars(query) if role in set(Role))


def grants_of(session: Session, pseudonym: str) -> list[PersonRole]:
    """Every role that was given and not taken back, whatever its days."""
    query = sa.select(PersonRole).where(PersonRole.pseudonym == pseudonym, PersonRole.taken_at.is_(None))
    return list(session.scalars(query.order_by(PersonRole.role, PersonRole.starts, PersonRole.id)))


def holders_of(session: Session, role: Role, day: date, entity: str | None = None) -> list[Person]:
    """Who may act as this today, with deputies; in production without the practice accounts, which nobody can enter.

    `entity`: only who works there and has not left, by the roles that they hold there.
    """
    here = [each for each in list_people(session) if entity is None or (each.ended_at is None and works_in(each, entity))]
    return [each for each in here if role in roles_of(session, each.pseudonym, day, entity)]


@dataclass(frozen=True, slots=True)
class House:
    """Who may act as what in an entity on a day, of everybody at once."""

    people: Mapping[str, Person]
    """By pseudonym, those who work there and have not left."""
    roles: Mapping[str, frozenset[Role]]
    """With those that are lent."""
    lent: Mapping[str, frozenset[str]]
    """For whom each holds the approvals."""
    groups: Mapping[str, frozenset[str]]
    """Names of the groups that each is in."""


def house_on(session: Session, entity: str, day: date) -> House:
    """What `roles_of`, `lenders_of` and `groups_of` say of each person, in as many questions for a thousand as for one."""
    here = {each.pseudonym: each for each in list_people(session) if each.ended_at is None and works_in(each, entity)}
    today = day.isoformat()
    in_force = (PersonRole.taken_at.is_(None), sa.or_(PersonRole.starts.is_(None), PersonRole.starts <= today),
                sa.or_(PersonRole.ends.is_(None), PersonRole.ends >= today))  # fmt: skip
    own: dict[str, set[Role]] = {name: set() for name in here}
    for name, role in session.execute(sa.select(PersonRole.pseudonym, PersonRole.role).where(*in_force)):
        if name in own and role in set(Role):
            own[name].add(Role(role))
    roles, lent = {name: set(held) for name, held in own.items()}, {name: set[str]() for name in here}
    held_on = (Delegation.ended_at.is_(None), Delegation.starts <= today, Delegation.ends >= today)
    for row in session.scalars(sa.select(Delegation).where(*held_on)):
        if row.taker in roles and row.giver in own and row.role in own[row.giver]:
            if row.role in DELEGABLE:
                roles[row.taker].add(Role(row.role))
            if row.role == Role.APPROVER:
                lent[row.taker].add(row.giver)
    groups: dict[str, set[str]] = {name: set() for name in here}
    for group in list_groups(session, entity):
        for name in members_of(session, group, day):
            groups.setdefault(name, set()).add(group.name)
    return House(
        here,
        {name: frozenset(held) for name, held in roles.items()},
        {name: frozenset(givers) for name, givers in lent.items()},
        {name: frozenset(names) for name, names in groups.items()},
    )


def lenders_of(session: Session, pseudonym: str, entity: str, day: date) -> frozenset[str]:
    """For whom somebody holds the approvals on a day: of those who may approve there themselves."""
    rows = (row for row in delegations_to(session, pseudonym, day) if row.role == Role.APPROVER)
    able = (row.giver for row in rows if works_in(find_by_pseudonym(session, row.giver), entity))
    return frozenset(giver for giver in able if Role.APPROVER in own_roles(session, giver, day))


# --- deputies ---


def delegations_to(session: Session, pseudonym: str, day: date) -> list[Delegation]:
    """What a person holds for others on a day."""
    today = day.isoformat()
    query = sa.select(Delegation).where(
        Delegation.taker == pseudonym, Delegation.ended_at.is_(None), Delegation.starts <= today, Delegation.ends >= today
    )
    return list(session.scalars(query.order_by(Delegation.id)))


def delegations_of(session: Session, pseudonym: str, day: date) -> list[Delegation]:
    """What a person gave or holds and that is not over."""
    mine = sa.or_(Delegation.giver == pseudonym, Delegation.taker == pseudonym)
    query = sa.select(Delegation).where(mine, Delegation.ended_at.is_(None), Delegation.ends >= day.isoformat())
    return list(session.scalars(query.order_by(Delegation.starts, Delegation.id)))


def are_one(session: Session, first: str | None, second: str, since: datetime, now: datetime) -> bool:
    """Whether two pseudonyms count as one pair of eyes for what was begun at `since`.

    They do when they are the same person, and when either acted in the other's stead on any day since: a deputy does not confirm
    what was asked in the name of whom they stand for, and nobody confirms what their own deputy asked.
    """
    if first == second:
        return True
    pair = sa.or_(
        sa.and_(Delegation.giver == first, Delegation.taker == second), sa.and_(Delegation.giver == second, Delegation.taker == first)
    )
    query = sa.select(sa.literal(1)).select_from(Delegation).where(pair, *_overlapping(since, now)).limit(1)
    return session.scalar(query) is not None


def pairs_since(session: Session, since: datetime, now: datetime) -> frozenset[frozenset[str]]:
    """Everybody of whom `are_one` holds, in one question: for many who are compared at once."""
    rows = session.execute(sa.select(Delegation.giver, Delegation.taker).where(*_overlapping(since, now)))
    return frozenset(frozenset((giver, taker)) for giver, taker in rows)


def mandates_of(session: Session, pseudonym: str, now: datetime) -> tuple[tuple[str, datetime], ...]:
    """With whom somebody counts as one, each with the last moment of it: for what was begun by then, `are_one` holds."""
    mine = sa.or_(Delegation.giver == pseudonym, Delegation.taker == pseudonym)
    rows = session.scalars(sa.select(Delegation).where(mine, Delegation.starts <= (now + timedelta(days=1)).date().isoformat()))
    found = []
    for row in rows:
        last = datetime.combine(date.fromisoformat(row.ends) + timedelta(days=2), time.min, UTC) - timedelta(microseconds=1)
        found.append((row.taker if row.giver == pseudonym else row.giver, last if row.ended_at is None else min(last, row.ended_at)))
    return tuple(found)


def _overlapping(since: datetime, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    # A day more on either side: days are kept in UTC, and people begin and end them in their own zone.
    begin, end = (since - timedelta(days=1)).date().isoformat(), (now + timedelta(days=1)).date().isoformat()
    return Delegation.starts <= end, Delegation.ends >= begin, sa.or_(Delegation.ended_at.is_(None), Delegation.ended_at >= since)


# --- groups ---


def find_group(session: Session, entity: str, name: str) -> PersonGroup | None:
    """A group of that entity that was not ended."""
    query = sa.select(PersonGroup).where(PersonGroup.entity == entity, PersonGroup.name == name, PersonGroup.ended_at.is_(None))
    return session.scalars(query).first()


def list_groups(session: Session, entity: str) -> list[PersonGroup]:
    """Those in use, by name."""
    query = sa.select(PersonGroup).where(PersonGroup.entity == entity, PersonGroup.ended_at.is_(None))
    return list(session.scalars(query.order_by(PersonGroup.name)))


def memberships_of(session: Session, group_id: int) -> list[GroupMember]:
    """Everybody who was put into a group and not taken out, whatever their days."""
    query = sa.select(GroupMember).where(GroupMember.group_id == group_id, GroupMember.taken_at.is_(None))
    return list(session.scalars(query.order_by(GroupMember.id)))


def members_of(session: Session, group: PersonGroup, day: date) -> set[str]:
    """Pseudonyms of who is in a group on a day, and works in its entity. Deputies are not among them: they hold roles, not places."""
    today = day.isoformat()
    query = (
        sa.select(Person)
        .join(GroupMember, GroupMember.pseudonym == Person.pseudonym)
        .where(
            GroupMember.group_id == group.id,
            GroupMember.taken_at.is_(None),
            Person.ended_at.is_(None),
            sa.or_(GroupMember.starts.is_(None), GroupMember.starts <= today),
            sa.or_(GroupMember.ends.is_(None), GroupMember.ends >= today),
        )
    )
    return {person.pseudonym for person in session.scalars(query) if group.ended_at is None and works_in(person, group.entity)}


def groups_of(session: Session, pseudonym: str, entity: str, day: date) -> list[PersonGroup]:
    """In which groups of an entity a person is on a day."""
    return [group for group in list_groups(session, entity) if pseudonym in members_of(session, group, day)]


def deputies_of(session: Session, pseudonym: str, day: date) -> list[Delegation]:
    """Who stands in for a person on a day, each with the role that they hold for them."""
    today = day.isoformat()
    query = sa.select(Delegation).where(
        Delegation.giver == pseudonym, Delegation.ended_at.is_(None), Delegation.starts <= today, Delegation.ends >= today
    )
    return list(session.scalars(query.order_by(Delegation.id)))


def make_person(session: Session, login: str) -> Person:
    """A row by which nobody may enter yet."""
    person = _new_person(login)
    session.add(person)
    session.flush()
    return person


def _new_person(login: str) -> Person:
    return Person(login=login, pseudonym=f"p-{secrets.token_hex(8)}", epoch=0)


def _fits(password_hash: str, password: str) -> bool:
    with _ONE_AT_A_TIME:
        try:
            return _HASHER.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
