"""What an administrator does with accounts, and a person with their own; each act in the ledger, by pseudonyms only."""

import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station import totp
from station.api_tokens import end_tokens
from station.passwords import is_common
from station.records import entrance, people
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Delegation, Person, PersonRole
from station.workstation import Workstation
from workflow.roles import DELEGABLE, EXPIRING, Role

LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?")
GIVEN_DAYS = 7
"""A password made by somebody else serves once, within so many days."""
RECOVERY_CODES = 10
RECOVERY_GROUPS = 6
"""Of four signs each: 118 bits, so that a plain hash is enough (ASVS 5.0, 6.5.2)."""
LONGEST_DELEGATION = 366
"""Days; a deputy for longer holds the role."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are read for one another."""


class Refused(Exception):
    """Something stands against it; `reason` is a key under `people.wrong-…` of the words. Nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RoleDays:
    """A role and its days; `ends` None: until it is taken back."""

    role: Role
    starts: date | None = None
    ends: date | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """By whom and when; `by` None: on the machine itself, where whoever may run the command owns the database anyway."""

    entity: str
    by: Person | None
    at: datetime


# --- accounts, by an administrator ---


def add_person(session: Session, act: Act, login: str, name: str, email: str, roles: list[RoleDays]) -> tuple[Person, str]:
    """A new account with its roles; returns it with a password that serves once. Raises Refused."""
    person = enrol_person(session, act, login, name, email, roles)
    password = new_password()
    return people.set_password(session, person.login, password, act.at + timedelta(days=GIVEN_DAYS)), password


def enrol_person(session: Session, act: Act, login: str, name: str, email: str, roles: list[RoleDays]) -> Person:
    """A new account with its roles and no password: nobody enters by it until one is made, or the company's sign-in names it.
    Raises Refused."""
    login = login.strip().lower()
    if not LOGIN.fullmatch(login):
        raise Refused("login")
    if people.find(session, login) is not None:
        raise Refused("taken")
    _require_free_email(session, email)
    if not roles:
        raise Refused("role")
    for each in roles:
        _require_days(each, act.at.date())
    person = people.make_person(session, login)
    person.name, person.email = name.strip()[:120] or None, email.strip().lower() or None
    session.flush()
    session.add_all(_row(person, each, act) for each in roles)
    _enter(session, act, "added", person, {"roles": [_told(each) for each in roles]})
    return person


def describe_person(session: Session, act: Act, person: Person, name: str, email: str) -> None:
    """Name and address as they are now; empty: none. The ledger says that they changed and not to what; by the address the company's
    sign-in knows an account, so its sessions end with the former one. Raises Refused: the address is that of another account."""
    told = {"name": name.strip()[:120] or None, "email": email.strip().lower() or None}
    changed = [field for field, value in told.items() if value != getattr(person, field)]
    if not changed:
        return
    if "email" in changed:
        _require_free_email(session, email)
        people.end_sessions(person)
    person.name, person.email = told["name"], told["email"]
    session.flush()
    _enter(session, act, "described", person, {"changed": changed})


def give_role(session: Session, act: Act, person: Person, given: RoleDays) -> PersonRole:
    """One more role. Raises Refused: nobody widens their own account, an auditor's role needs its last day."""
    _require_other(act, person)
    _require_days(given, act.at.date())
    if person.ended_at is not None:
        raise Refused("ended")
    row = _row(person, given, act)
    session.add(row)
    people.end_sessions(person)
    _enter(session, act, "role given", person, _told(given))
    return row


def take_role(session: Session, act: Act, person: Person, number: int) -> None:
    """The role ends now, and so do the sessions. Raises Refused for one's own, the last administrator's, and one that is not there."""
    _require_other(act, person)
    _await_others(session)
    row = session.get(PersonRole, number)
    if row is None or row.pseudonym != person.pseudonym or row.taken_at is not None:
        raise Refused("gone")
    row.taken_at, row.taken_by = act.at, None if act.by is None else act.by.pseudonym
    session.flush()
    _require_administrator(session, act)
    people.end_sessions(person)
    _enter(session, act, "role taken", person, {"role": row.role})


def end_person(session: Session, act: Act, person: Person) -> None:
    """Nobody enters under this account any more; it stays, for the ledger's sake. Raises Refused."""
    _require_other(act, person)
    _await_others(session)
    if person.ended_at is not None:
        raise Refused("ended")
    person.ended_at = act.at
    session.flush()
    _require_administrator(session, act)
    people.end_sessions(person)
    _enter(session, act, "ended", person, {})


def reset_password(session: Session, act: Act, person: Person) -> str:
    """A new password that serves once; the second factor goes, for whoever lost one often lost both. Raises Refused."""
    _require_other(act, person)
    if person.ended_at is not None:
        raise Refused("ended")
    password = new_password()
    people.set_password(session, person.login, password, act.at + timedelta(days=GIVEN_DAYS))
    person.totp_secret = person.totp_pending = None
    entrance.put_recovery(session, person.pseudonym, (), act.at)
    end_tokens(session, person, act.by, act.at)
    _enter(session, act, "password reset", person, {})
    return password


def unlink_person(session: Session, act: Act, person: Person) -> None:
    """The provider's identity is this account no longer: who comes by it next is linked anew, if the account was made for them.
    Raises Refused."""
    _require_other(act, person)
    if not entrance.unlink_identities(session, person.pseudonym):
        raise Refused("gone")
    people.end_sessions(person)
    _enter(session, act, "unlinked from the provider", person, {})


# --- from the machine's own command line ---


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """`sceau people …` as it was typed."""

    action: str
    login: str = ""
    roles: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""
    name: str = ""
    email: str = ""


def answer_people(workstation: Workstation, asked: AskedPerson) -> list[dict[str, Any]]:
    """Accounts as plain JSON values, with the provisional password where one was made. Raises Refused."""
    if asked.action == "list":
        with workstation.database.reading() as session:
            return [account_told(session, each) for each in people.list_people(session)]
    act = Act(workstation.settings.entity, None, workstation.clock())
    with workstation.database.writing() as session:
        person = people.find(session, asked.login.strip().lower()) or people.find(session, asked.login)
        match asked.action:
            case "add":
                person, password = _add_typed(session, act, person, asked)
            case _ if person is None:
                raise Refused("unknown")
            case "end":
                password = None
                end_person(session, act, person)
            case _:
                password = reset_password(session, act, person)
        return [account_told(session, person) | ({} if password is None else {"password": password})]


def _add_typed(session: Session, act: Act, person: Person | None, asked: AskedPerson) -> tuple[Person, str | None]:
    starts, ends = read_days(asked.starts, asked.ends)
    if not asked.roles or not set(asked.roles) <= set(Role):
        raise Refused("role")
    given = [RoleDays(Role(role), starts, ends) for role in asked.roles]
    if person is None:
        return add_person(session, act, asked.login, asked.name, asked.email, given)
    for each in given:
        give_role(session, act, person, each)
    return person, None


def account_told(session: Session, person: Person) -> dict[str, Any]:
    """One account for a program, without any secret."""
    rows = people.grants_of(session, person.pseudonym)
    return {
        "login": person.login,
        "name": person.name,
        "email": person.email,
        "pseudonym": person.pseudonym,
        "practice": person.practice,
        "entities": person.entities,
        "stations": person.stations,
        "ended": person.ended_at and person.ended_at.isoformat(timespec="seconds"),
        "code": person.totp_secret is not None,
        "roles": [{"role": row.role, "starts": row.starts, "ends": row.ends} for row in rows],
    }


# --- one's own account ---


def choose_password(session: Session, act: Act, person: Person, password: str) -> None:
    """One's own new password; the sessions begun before end, and so do the tokens of one's programs. Raises Refused."""
    if person.login in password.lower():
        raise Refused("password-login")
    if is_common(password, (person.login, person.name or "", (person.email or "").partition("@")[0], act.entity)):
        raise Refused("password-common")
    try:
        people.set_password(session, person.login, password)
    except people.WeakPassword as error:
        raise Refused("password") from error
    end_tokens(session, person, act.by, act.at)
    _enter(session, act, "password chosen", person, {})


def begin_code(person: Person, key: bytes) -> str:
    """A secret to be put into an authenticator; asked for from the first right code on. `key` locks it away (`totp.code_key`)."""
    secret = totp.new_secret()
    person.totp_pending = totp.lock_secret(key, person.pseudonym, secret)
    return secret


def prove_code(session: Session, act: Act, person: Person, typed: str, moment: float, key: bytes) -> list[str]:
    """The first right code puts the second factor in force; returns codes in reserve, to be shown once. Raises Refused, totp.LostKey."""
    if person.totp_pending is None:
        raise Refused("gone")
    step = totp.accepted_step(totp.unlock_secret(key, person.pseudonym, person.totp_pending), typed, moment, None)
    if step is None:
        raise Refused("code")
    person.totp_secret, person.totp_pending, person.totp_step = person.totp_pending, None, step
    people.end_sessions(person)
    _enter(session, act, "code begun", person, {})
    return _reserve_codes(session, act, person)


def renew_recovery(session: Session, act: Act, person: Person) -> list[str]:
    """New codes in reserve, to be shown once; the former serve no more. Raises Refused."""
    if person.totp_secret is None:
        raise Refused("gone")
    _enter(session, act, "recovery codes made", person, {})
    return _reserve_codes(session, act, person)


def spend_recovery(session: Session, act: Act, person: Person, typed: str) -> bool:
    """Whether a code in reserve was typed; it serves once, and the ledger says that it did."""
    if person.totp_secret is None or not entrance.spend_recovery(session, person.pseudonym, typed, act.at):
        return False
    _enter(session, act, "recovery code used", person, {})
    return True


def lock_old_secrets(session: Session, key: bytes) -> int:
    """Secrets of codes that the version before kept open are locked away; returns how many."""
    locked = 0
    for person in session.scalars(sa.select(Person).where(sa.func.length(Person.totp_secret) < totp.LOCKED)):
        person.totp_secret = totp.lock_secret(key, person.pseudonym, person.totp_secret or "")
        locked += 1
    return locked


def _reserve_codes(session: Session, act: Act, person: Person) -> list[str]:
    codes = [random_text(RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]
    entrance.put_recovery(session, person.pseudonym, codes, act.at)
    return codes


def drop_code(session: Session, act: Act, person: Person) -> None:
    """No code is asked any more."""
    if person.totp_secret is None:
        raise Refused("gone")
    person.totp_secret = person.totp_pending = None
    entrance.put_recovery(session, person.pseudonym, (), act.at)
    people.end_sessions(person)
    _enter(session, act, "code ended", person, {})


def delegate_role(session: Session, act: Act, giver: Person, taker: Person, given: RoleDays) -> Delegation:
    """A deputy holds one of the giver's own roles for some days. Raises Refused: never to oneself, nor what one holds for others."""
    today = act.at.date()
    if taker.pseudonym == giver.pseudonym or taker.ended_at is not None:
        raise Refused("deputy")
    if given.role not in DELEGABLE or given.role not in people.own_roles(session, giver.pseudonym, today):
        raise Refused("not-mine")
    _require_days(given, today)
    if given.starts is None or given.ends is None or (given.ends - given.starts).days > LONGEST_DELEGATION:
        raise Refused("days")
    row = Delegation(
        giver=giver.pseudonym, taker=taker.pseudonym, role=given.role, starts=given.starts.isoformat(), ends=given.ends.isoformat(),
        given_at=act.at,
    )  # fmt: skip
    session.add(row)
    people.end_sessions(taker)
    _enter(session, act, "delegated", giver, {"to": taker.pseudonym, **_told(given)})
    return row


def end_delegation(session: Session, act: Act, giver: Person, number: int) -> None:
    """Taken back before its last day. Raises Refused."""
    row = session.get(Delegation, number)
    if row is None or row.giver != giver.pseudonym or row.ended_at is not None:
        raise Refused("gone")
    row.ended_at = act.at
    taker = people.find_by_pseudonym(session, row.taker)
    if taker is not None:
        people.end_sessions(taker)
    _enter(session, act, "delegation ended", giver, {"to": row.taker, "role": row.role})


# --- what they rest on ---


def new_password() -> str:
    """Four groups: 79 bits, read out over the telephone without error."""
    return random_text(4)


def random_text(groups: int) -> str:
    """Groups of four letters and digits, each of 19.8 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(groups))


def read_days(starts: str, ends: str) -> tuple[date | None, date | None]:
    """Days as forms send them; empty is None. Raises Refused."""
    try:
        return (date.fromisoformat(starts) if starts else None), (date.fromisoformat(ends) if ends else None)
    except ValueError as error:
        raise Refused("days") from error


def _row(person: Person, given: RoleDays, act: Act) -> PersonRole:
    by = None if act.by is None else act.by.pseudonym
    return PersonRole(
        pseudonym=person.pseudonym, role=given.role, starts=_day(given.starts), ends=_day(given.ends), given_by=by, given_at=act.at
    )


def _told(given: RoleDays) -> dict[str, str | None]:
    return {"role": given.role.value, "starts": _day(given.starts), "ends": _day(given.ends)}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _require_other(act: Act, person: Person) -> None:
    if act.by is not None and act.by.pseudonym == person.pseudonym:
        raise Refused("own")


def _require_days(given: RoleDays, today: date) -> None:
    if given.ends is None and given.role in EXPIRING:
        raise Refused("expiring")
    if given.ends is not None and (given.ends < today or (given.starts is not None and given.ends < given.starts)):
        raise Refused("days")


def _require_free_email(session: Session, email: str) -> None:
    """One human, one account: else four eyes would be two."""
    if email.strip() and people.find_by_email(session, email) is not None:
        raise Refused("email")


def _await_others(session: Session) -> None:
    """Whoever ends accounts or roles does so one after the other, so that two administrators cannot end each other at once."""
    holders = sa.select(PersonRole.pseudonym).where(PersonRole.role == Role.ADMINISTRATOR)
    session.execute(sa.select(Person.login).where(Person.pseudonym.in_(holders)).order_by(Person.login).with_for_update())


def _require_administrator(session: Session, act: Act) -> None:
    """Somebody must be left who can make accounts in the whole house; the machine's own command line may do without."""
    left = people.holders_of(session, Role.ADMINISTRATOR, act.at.date())
    if act.by is not None and not any(person.password_hash and people.entities_of(person) is None for person in left):
        raise Refused("last")


def _enter(session: Session, act: Act, what: str, person: Person, told: dict[str, Any]) -> None:
    actor = SYSTEM if act.by is None else Actor(act.by.pseudonym, ActorKind.HUMAN)
    payload = {"what": what, "person": person.pseudonym, **told}
    append_event(session, Event(act.entity, "person", {}, actor, act.at, "system", payload))
