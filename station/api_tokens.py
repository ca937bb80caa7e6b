"""Tokens by which a program acts for a person: what they open, how they are made, told apart and taken back.

A token is 256 bits of chance and kept as its SHA-256: nothing is to be guessed and nothing to be stolen from the table. It never opens
more than its person may open at that moment; who ends, or has still to choose a password, has no token either.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station.records import people
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import ApiToken, Idempotency, Person
from station.workstation import Workstation

FAMILIES = (
    "documents", "review", "accounts", "approvals", "search", "batches", "stations", "controls", "holds", "retention", "erasure", "exports",
    "ledger", "suppliers", "receivables", "reminders", "payables", "webhooks", "people",
)  # fmt: skip
"""What a scope is about; each is read or written."""
_ONE_WAY = {"search": "read", "stations": "read", "ledger": "read", "suppliers": "read", "erasure": "write"}
SCOPES = tuple(f"{family}:{way}" for family in FAMILIES for way in ("read", "write") if _ONE_WAY.get(family, way) == way)
STRONG = frozenset(
    f"{family}:write" for family in ("accounts", "approvals", "payables", "holds", "retention", "erasure", "exports", "webhooks", "people")
)
"""With one of these a program does what a page asks the password again for: they are ticked one by one, and never by default."""
LONGEST_DAYS = 366
MOST_TOKENS = 20
"""In force, of one person."""
BEGINNING = "sceau_"
SHOWN_LETTERS = 12
KEPT = timedelta(hours=24)
"""So long the answer to an idempotency key is given again."""
NOTED_EVERY = timedelta(minutes=1)
"""A token's last use is noted so often: reading must not wait for a writer each time."""


class NoToken(Exception):
    """The request brings no token, or one that opens nothing (any more); `reason` is missing, unknown, ended, revoked or person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenRefused(Exception):
    """It is not made; `reason` is name, scopes, days, many or gone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bearer:
    """On whose behalf a request is made, and how far."""

    token_id: int
    name: str
    entity: str
    scopes: frozenset[str]
    ends_at: datetime
    person: Person
    """Detached: readable after its session has ended."""


def make_token(
    session: Session, entity: str, person: Person, name: str, scopes: list[str], days: int, at: datetime
) -> tuple[ApiToken, str]:
    """A new token and its text, which is shown once. Raises TokenRefused."""
    if not name.strip():
        raise TokenRefused("name")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise TokenRefused("scopes")
    if not 1 <= days <= LONGEST_DAYS:
        raise TokenRefused("days")
    if sum(is_live(row, at) for row in tokens_of(session, person.pseudonym)) >= MOST_TOKENS:
        raise TokenRefused("many")
    text = BEGINNING + secrets.token_urlsafe(32)
    row = ApiToken(
        entity=entity, pseudonym=person.pseudonym, name=" ".join(name.split())[:80], prefix=text[:SHOWN_LETTERS], digest=digest_of(text),
        scopes=sorted(set(scopes), key=SCOPES.index), made_at=at, ends_at=at + timedelta(days=days),
    )  # fmt: skip
    session.add(row)
    session.flush()
    _enter(session, entity, "token made", person, person, row, at)
    return row, text


def revoke_token(session: Session, number: int, owner: str, by: Person, at: datetime) -> ApiToken:
    """It opens nothing from now on. Raises TokenRefused where `owner` (a pseudonym) has no such token in force."""
    row = session.get(ApiToken, number)
    if row is None or row.pseudonym != owner or row.revoked_at is not None:
        raise TokenRefused("gone")
    row.revoked_at, row.revoked_by = at, by.pseudonym
    _enter(session, row.entity, "token revoked", people.find_by_pseudonym(session, owner), by, row, at)
    return row


def end_tokens(session: Session, person: Person, by: Person | None, at: datetime) -> None:
    """A new password ends what was opened under the old one: its programs, too. `by`: None, the machine's own command line."""
    for row in tokens_of(session, person.pseudonym):
        if is_live(row, at):
            row.revoked_at, row.revoked_by = at, by.pseudonym if by else None
            _enter(session, row.entity, "token revoked", person, by, row, at)


def tokens_of(session: Session, pseudonym: str) -> list[ApiToken]:
    """Newest first, those that ended too."""
    return list(session.scalars(sa.select(ApiToken).where(ApiToken.pseudonym == pseudonym).order_by(ApiToken.id.desc())))


def is_live(row: ApiToken, at: datetime) -> bool:
    return row.revoked_at is None and at < row.ends_at


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def bearer_of(session: Session, text: str, at: datetime, *, practice: bool) -> Bearer:
    """Who stands behind a token. Raises NoToken."""
    row = session.scalar(sa.select(ApiToken).where(ApiToken.digest == digest_of(text)))
    if row is None:
        raise NoToken("unknown")
    if row.revoked_at is not None:
        raise NoToken("revoked")
    if at >= row.ends_at:
        raise NoToken("ended")
    person = people.find_by_pseudonym(session, row.pseudonym)
    if person is None or not people.may_enter(person, practice=practice) or person.password_ends is not None:
        raise NoToken("person")
    session.expunge(person)
    return Bearer(row.id, row.name, row.entity, frozenset(map(str, row.scopes)), row.ends_at, person)


def note_use(session: Session, token_id: int, at: datetime) -> None:
    """Its last use, to the minute."""
    stale = sa.or_(ApiToken.used_at.is_(None), ApiToken.used_at < at - NOTED_EVERY)
    session.execute(sa.update(ApiToken).where(ApiToken.id == token_id, stale).values(used_at=at))


def use_is_stale(session: Session, token_id: int, at: datetime) -> bool:
    used = session.scalar(sa.select(ApiToken.used_at).where(ApiToken.id == token_id))
    return used is None or used < at - NOTED_EVERY


def drop_answers(workstation: Workstation) -> None:
    """Answers of yesterday go: they may hold what a person may no longer see."""
    with workstation.database.writing() as session:
        session.execute(sa.delete(Idempotency).where(Idempotency.at <= workstation.clock() - KEPT))


def _enter(session: Session, entity: str, what: str, owner: Person | None, by: Person | None, row: ApiToken, at: datetime) -> None:
    told = {"what": what, "person": owner.pseudonym if owner else row.pseudonym, "token": row.id, "scopes": list(row.scopes)}
    payload = {**told, "ends": row.ends_at.isoformat(timespec="seconds")}
    actor = Actor(by.pseudonym, ActorKind.HUMAN) if by else SYSTEM
    append_event(session, Event(entity, "person", {}, actor, at, "system", payload))
