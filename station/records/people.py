"""Who may sign in. Passwords are kept as argon2id hashes (RFC 9106); the ledger knows a person only by a random pseudonym."""

import hashlib
import secrets
import threading
from collections.abc import Iterable

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from station.records.tables import Person

PRACTICE_LOGIN = "atelier"
SECOND_LOGIN = "responsable"
"""For what takes two people."""
PRACTICE_PASSWORD = "essai"  # noqa: S105 a practice account is open by design, and closed in production
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


class TooMany(Exception):
    """Enough passwords wait for their check; this one was not looked at."""


def ensure_practice(session: Session) -> Person:
    """The practice accounts, made at the first start in practice mode; returns the one that works."""
    first, _ = (_practice_person(session, login) for login in (PRACTICE_LOGIN, SECOND_LOGIN))
    return first


def _practice_person(session: Session, login: str) -> Person:
    person = session.get(Person, login)
    if person is None:
        person = _new_person(login)
        person.practice, person.password_hash = True, _HASHER.hash(PRACTICE_PASSWORD)
        session.add(person)
        session.flush()
    return person


def find(session: Session, login: str) -> Person | None:
    return session.get(Person, login)


def logins_of(session: Session, pseudonyms: Iterable[str | None]) -> dict[str, str]:
    """The logins behind pseudonyms, of those who are known."""
    asked = {each for each in pseudonyms if each}
    rows = session.scalars(sa.select(Person).where(Person.pseudonym.in_(asked))) if asked else ()
    return {person.pseudonym: person.login for person in rows}


def set_password(session: Session, login: str, password: str) -> Person:
    """Make the account where there is none and give it this password; it is then no practice account. Raises WeakPassword."""
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPassword(f"a password needs at least {SHORTEST_PASSWORD} characters")
    person = session.get(Person, login)
    if person is None:
        person = _new_person(login)
        session.add(person)
    person.practice, person.password_hash = False, _HASHER.hash(password)
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
    """A practice account has no business on an installation that seals for good."""
    return practice or not person.practice


def badge_of(person: Person) -> str:
    """Short text that changes with the password, so that sessions begun before the change end."""
    return hashlib.sha256((person.password_hash or "").encode()).hexdigest()[:16]


def _new_person(login: str) -> Person:
    return Person(login=login, pseudonym=f"p-{secrets.token_hex(8)}")


def _fits(password_hash: str, password: str) -> bool:
    with _ONE_AT_A_TIME:
        try:
            return _HASHER.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
