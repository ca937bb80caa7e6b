"""Rows of the entrance: who is here, whom a provider of identities knows them as, and codes in reserve."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.tables import Identity, Person, RecoveryCode, Visit

FORGOTTEN_AFTER = timedelta(days=30)
"""Visits are for their person's own eyes; the log of the process keeps what security needs."""


def digest_of(text: str) -> str:
    """Hexadecimal SHA-256: for numbers and codes that are random enough to need no more."""
    return hashlib.sha256(text.encode()).hexdigest()


# --- visits ---


def open_visit(session: Session, person: Person, number: str, way: str, address: str, browser: str, now: datetime) -> Visit:
    """`number` is random, and known to the browser only. Visits of long ago are forgotten here."""
    session.execute(sa.delete(Visit).where(Visit.begun_at < now - FORGOTTEN_AFTER))
    row = Visit(id=digest_of(number), pseudonym=person.pseudonym, begun_at=now, way=way, address=address[:45], browser=browser[:40])
    session.add(row)
    return row


def is_open(session: Session, pseudonym: str, number: str) -> bool:
    """Whether this visit is that person's and nobody ended it."""
    row = session.get(Visit, digest_of(number))
    return row is not None and row.pseudonym == pseudonym and row.ended_at is None


def open_visits(session: Session, pseudonym: str, since: datetime) -> list[Visit]:
    """The newest first."""
    query = sa.select(Visit).where(Visit.pseudonym == pseudonym, Visit.ended_at.is_(None), Visit.begun_at >= since)
    return list(session.scalars(query.order_by(Visit.begun_at.desc(), Visit.id)))


def end_visit(session: Session, number: str, now: datetime) -> None:
    session.execute(sa.update(Visit).where(Visit.id == digest_of(number), Visit.ended_at.is_(None)).values(ended_at=now))


def end_others(session: Session, pseudonym: str, number: str, now: datetime) -> int:
    """Every visit of this person but the one with this number; returns how many ended."""
    others = (Visit.pseudonym == pseudonym, Visit.ended_at.is_(None), Visit.id != digest_of(number))
    return int(session.execute(sa.update(Visit).where(*others).values(ended_at=now)).rowcount)  # type: ignore[attr-defined]  # of an UPDATE


# --- identities at a provider ---


def find_identity(session: Session, issuer: str, subject: str) -> Person | None:
    """Who was linked to this subject."""
    same = (Identity.issuer == issuer, Identity.subject == subject)
    return session.scalar(sa.select(Person).join(Identity, Identity.pseudonym == Person.pseudonym).where(*same))


def is_linked(session: Session, issuer: str, pseudonym: str) -> bool:
    """Whether some subject of this issuer is this person already: a second one would be a second way in, by a name used again."""
    query = sa.select(Identity.id).where(Identity.issuer == issuer, Identity.pseudonym == pseudonym)
    return session.scalar(query.limit(1)) is not None


def link_identity(session: Session, issuer: str, subject: str, pseudonym: str, now: datetime) -> None:
    session.add(Identity(issuer=issuer, subject=subject, pseudonym=pseudonym, linked_at=now))
    session.flush()


def count_identities(session: Session, pseudonym: str) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Identity).where(Identity.pseudonym == pseudonym)) or 0


def unlink_identities(session: Session, pseudonym: str) -> int:
    """No subject of any provider is this person any more; returns how many were."""
    return int(session.execute(sa.delete(Identity).where(Identity.pseudonym == pseudonym)).rowcount)  # type: ignore[attr-defined]  # of a DELETE


# --- codes in reserve ---


def put_recovery(session: Session, pseudonym: str, codes: Iterable[str], now: datetime) -> None:
    """These codes and no others serve from now on; none: none does."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.pseudonym == pseudonym))
    session.add_all(RecoveryCode(pseudonym=pseudonym, digest=digest_of(plain_code(each)), made_at=now) for each in codes)


def spend_recovery(session: Session, pseudonym: str, typed: str, now: datetime) -> bool:
    """Whether this is one of the person's codes that did not serve yet; it has now."""
    unused = (RecoveryCode.pseudonym == pseudonym, RecoveryCode.digest == digest_of(plain_code(typed)), RecoveryCode.used_at.is_(None))
    return bool(session.execute(sa.update(RecoveryCode).where(*unused).values(used_at=now)).rowcount)  # type: ignore[attr-defined]  # of an UPDATE


def count_recovery(session: Session, pseudonym: str) -> int:
    """How many did not serve yet."""
    unused = (RecoveryCode.pseudonym == pseudonym, RecoveryCode.used_at.is_(None))
    return session.scalar(sa.select(sa.func.count()).select_from(RecoveryCode).where(*unused)) or 0


def plain_code(typed: str) -> str:
    """As it is compared: without dashes, spaces and capitals."""
    return "".join(letter for letter in typed.lower() if letter.isalnum())
