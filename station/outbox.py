"""The outbox: what is to leave the house is a row of the transaction that decided it, and goes out afterwards, at least once.

How a thing is sent is each kind's own (`station/mail.py`, `station/webhooks.py`); here is what holds of all: once by its key, one worker at
a time by a lease, again and again ever later, then dead with a reason. What was written goes with the sending; key, time and hash stay.
"""

import hashlib
import http.client
import logging
import random
import re
import secrets
import smtplib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

import rfc8785
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from station.records.tables import OutboxRow
from station.workstation import Workstation

log = logging.getLogger("sceau.outbox")
MOST_TRIES = 16
"""With the waits below: two days from the first try to the last."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
LEASE = timedelta(minutes=5)
"""Longer than any sender may take; who holds it and dies is followed by another."""
AT_ONCE = 50
"""Rows of one turn and kind."""
TURN_SECONDS = 30.0
"""After which a kind lets the next one pass; what is left is due in the next turn."""
KEPT_DAYS = 90
"""So long what was sent, or given up, stays as a line without content."""


DOCUMENT = "document"
"""In a payload: the document that it tells of."""


class Sent(StrEnum):
    """Where a row of the outbox stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """Tried often enough, or refused for good: it waits for a person."""
    DROPPED = "dropped"
    """Given up, by a person or because nobody listens there any more: it will not leave, and its content is gone."""


class Undelivered(Exception):
    """The other side did not take it; the text says why, in French and English."""

    def __init__(self, words: str, *, lasting: bool = False, dropped: bool = False, alike: str | None = None) -> None:
        super().__init__(words)
        self.lasting = lasting
        """Whether another try is of no use."""
        self.dropped = dropped
        """Whether nobody wants it any more, so that no person has to look at it."""
        self.alike = alike
        """Beginning of the keys, of this kind, that lead to where nobody answered: they wait along, and are not asked for in vain."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a sender is given: nothing of the database."""

    id: int
    entity: str
    kind: str
    key: str
    payload: Mapping[str, Any]
    put_at: datetime


Sender: TypeAlias = Callable[[Workstation, Parcel], None]
"""Sends, or raises Undelivered, OSError, SMTPException, HTTPException. May be asked twice for the same parcel."""
Chance: TypeAlias = Callable[[], float]
"""From 0 to below 1."""


def put(session: Session, entity: str, kind: str, key: str, payload: Mapping[str, Any], at: datetime) -> None:
    """Into the outbox, in the caller's transaction; what has this kind and key already is there already. `payload`: plain JSON values."""
    body = rfc8785.dumps(dict(payload))
    values = {
        "entity": entity,
        "kind": kind,
        "key": key,
        "payload": dict(payload),
        "digest": hashlib.sha256(body).hexdigest(),
        "state": Sent.WAITING.value,
        "tries": 0,
        "put_at": at,
        "try_at": at,
    }
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(OutboxRow).values(values).on_conflict_do_nothing(index_elements=["kind", "key"]))


def deliver_due(workstation: Workstation, senders: Mapping[str, Sender], chance: Chance = random.random, most: int = AT_ONCE) -> int:
    """Send what is due, of each kind the oldest first; returns how many left. What fails is told, kept and tried again later.

    `most`: rows of each kind. A kind that takes its time lets the others pass after `TURN_SECONDS`.
    """
    return sum(_deliver_kind(workstation, kind, sender, chance, most) for kind, sender in senders.items())


def _deliver_kind(workstation: Workstation, kind: str, sender: Sender, chance: Chance, most: int) -> int:
    with workstation.database.reading() as session:
        due = sa.select(OutboxRow.id).where(*_due(workstation.clock(), kind)).order_by(OutboxRow.try_at, OutboxRow.id)
        ids = list(session.scalars(due.limit(most)))
    ends, left = time.monotonic() + TURN_SECONDS, 0
    for row_id in ids:
        if time.monotonic() > ends:
            break
        left += _deliver(workstation, kind, row_id, sender, chance)
    return left


def _due(now: datetime, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
    # No wait is so long: a later time was written by a clock that ran ahead and was set back since.
    never = now + timedelta(days=1)
    free = sa.or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until <= now, OutboxRow.lease_until > never)
    come = sa.or_(OutboxRow.try_at <= now, OutboxRow.try_at > never)
    return (OutboxRow.kind == kind, OutboxRow.state == Sent.WAITING, come, free)


def _deliver(workstation: Workstation, kind: str, row_id: int, sender: Sender, chance: Chance) -> bool:
    lease = secrets.token_hex(8)
    parcel = _claim(workstation, kind, row_id, lease)
    if parcel is None:
        return False
    trouble: Undelivered | None = None
    try:
        sender(workstation, parcel)
    except Undelivered as error:
        trouble = error
    except (OSError, smtplib.SMTPException, http.client.HTTPException) as error:
        trouble = Undelivered(trouble_words(error))
    except Exception as error:
        # One parcel that nobody thought of must not stand before all others.
        log.exception("outbox: %s %s could not be sent", parcel.kind, parcel.id)
        trouble = Undelivered(f"erreur inattendue, notée au journal / unexpected, in the log ({type(error).__name__})")
    _note(workstation, parcel, lease, trouble, chance())
    return trouble is None


def _claim(workstation: Workstation, kind: str, row_id: int, lease: str) -> Parcel | None:
    """The parcel, where it is still due and nobody else has it."""
    now = workstation.clock()
    with workstation.database.writing() as session:
        # Every condition on the row itself: what PostgreSQL looks at again once another worker's transaction let the row go.
        mine = sa.update(OutboxRow).where(OutboxRow.id == row_id, *_due(now, kind))
        taken = session.execute(mine.values(lease=lease, lease_until=now + LEASE).execution_options(synchronize_session=False))
        if not taken.rowcount:  # type: ignore[attr-defined]  # of an UPDATE there is one
            return None
        row = session.get_one(OutboxRow, row_id)
        return Parcel(row.id, row.entity, row.kind, row.key, row.payload or {}, row.put_at)


def _note(workstation: Workstation, parcel: Parcel, lease: str, trouble: Undelivered | None, chance: float) -> None:
    now = workstation.clock()
    with workstation.database.writing() as session:
        row = session.scalar(sa.select(OutboxRow).where(OutboxRow.id == parcel.id, OutboxRow.lease == lease).with_for_update())
        if row is None or row.state != Sent.WAITING:
            return
        row.tries, row.trouble, row.lease, row.lease_until = row.tries + 1, None if trouble is None else str(trouble), None, None
        if trouble is None:
            row.state, row.done_at, row.payload = Sent.SENT, now, None
            return
        log.warning("outbox: %s %s did not leave (try %s): %s", parcel.kind, parcel.id, row.tries, trouble)
        if trouble.dropped:
            row.state, row.done_at, row.payload = Sent.DROPPED, now, None
        elif trouble.lasting or row.tries >= MOST_TRIES:
            row.state, row.done_at = Sent.DEAD, now
        else:
            row.try_at = now + wait_after(row.tries, chance)
        if trouble.alike is not None:
            _hold_alike(session, row, trouble.alike, now, now + wait_after(row.tries, chance))


def _hold_alike(session: Session, row: OutboxRow, alike: str, now: datetime, until: datetime) -> None:
    """What leads to where nobody answered counts as tried, too: it neither stands before others nor waits longer than its two days.

    Next time one of them is asked first: were it this very parcel at which the other side stumbles, the others go.
    """
    row.try_at = max(row.try_at, until + timedelta(seconds=1))
    same = (OutboxRow.id != row.id, *_due(now, row.kind), OutboxRow.key.startswith(alike, autoescape=True))
    spent = (*same, OutboxRow.tries + 1 >= MOST_TRIES)
    told: dict[str, Any] = {"tries": OutboxRow.tries + 1, "trouble": row.trouble}
    once = {"synchronize_session": False}
    session.execute(sa.update(OutboxRow).where(*spent).values(**told, state=Sent.DEAD.value, done_at=now), execution_options=once)
    session.execute(sa.update(OutboxRow).where(*same).values(**told, try_at=until), execution_options=once)


def wait_after(tries: int, chance: float) -> timedelta:
    """Twice as long each time, up to six hours; a part is left to chance: what failed together does not come back together."""
    whole: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 12), LONGEST_WAIT)
    return whole * (0.75 + chance / 2)


_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
"""RFC 3463."""
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


def answer_words(code: int, answer: object) -> str:
    """A mail server's answer without its sentence, which names people: the code, and the enhanced one where it gives it."""
    found = _ENHANCED.search(answer.decode("ascii", "replace") if isinstance(answer, bytes) else str(answer))
    return f"{code} {found[0]}" if found else str(code)


def trouble_words(error: Exception) -> str:
    """What went wrong, in French and English; no address of anybody."""
    if isinstance(error, smtplib.SMTPResponseException):
        told = answer_words(error.smtp_code, error.smtp_error)
    else:
        told = _ADDRESS.sub("…", str(error)) or type(error).__name__
    if isinstance(error, smtplib.SMTPException):
        return f"le serveur de messagerie l'a refusé / the mail server refused it ({told})"
    if isinstance(error, OSError) and not error.filename:
        return f"pas de réponse / no answer ({told})"
    return told


# --- what a person sees and does ---


class Gone(Exception):
    """The row is not there, or no longer in the state that the act asks for."""


def rows_of(session: Session, entity: str, states: tuple[Sent, ...], most: int) -> list[OutboxRow]:
    """Newest first."""
    query = sa.select(OutboxRow).where(OutboxRow.entity == entity, OutboxRow.state.in_(states))
    return list(session.scalars(query.order_by(OutboxRow.id.desc()).limit(most)))


def counts_of(session: Session, entity: str) -> dict[Sent, int]:
    query = sa.select(OutboxRow.state, sa.func.count()).where(OutboxRow.entity == entity).group_by(OutboxRow.state)
    counted = {Sent(state): int(count) for state, count in session.execute(query)}
    return {state: counted.get(state, 0) for state in Sent}


def retry_now(session: Session, entity: str, number: int, at: datetime) -> None:
    """Due at once, its tries counted anew. Raises Gone."""
    row = _mine(session, entity, number)
    row.state, row.tries, row.try_at, row.done_at = Sent.WAITING, 0, at, None


def give_up(session: Session, entity: str, number: int, at: datetime) -> None:
    """It will not be sent, and what was written is removed. Raises Gone."""
    row = _mine(session, entity, number)
    row.state, row.done_at, row.payload, row.lease, row.lease_until = Sent.DROPPED, at, None, None, None


def forget_documents(session: Session, ids: Sequence[str], at: datetime) -> int:
    """What waits, or is dead, and tells of one of these documents does not leave any more and loses its content; returns how many."""
    held = (OutboxRow.state.in_((Sent.WAITING, Sent.DEAD)), OutboxRow.payload[DOCUMENT].as_string().in_(ids))
    gone = {"state": Sent.DROPPED.value, "done_at": at, "payload": sa.null(), "lease": None, "lease_until": None}
    return int(session.execute(sa.update(OutboxRow).where(*held).values(gone)).rowcount)  # type: ignore[attr-defined]  # of an UPDATE


def _mine(session: Session, entity: str, number: int) -> OutboxRow:
    # Held until the act is through: a worker may note at this very moment that it left.
    row = session.get(OutboxRow, number, with_for_update=True)
    if row is None or row.entity != entity or row.state not in (Sent.WAITING, Sent.DEAD):
        raise Gone(str(number))
    return row


def drop_old(workstation: Workstation) -> None:
    """Lines of what has left long ago go; what is dead so long loses its content, and the line says so."""
    before = workstation.clock() - timedelta(days=KEPT_DAYS)
    with workstation.database.writing() as session:
        gone = (OutboxRow.state.in_((Sent.SENT, Sent.DROPPED)), OutboxRow.done_at < before)
        session.execute(sa.delete(OutboxRow).where(*gone))
        late = (OutboxRow.state == Sent.DEAD, OutboxRow.done_at < before)
        session.execute(sa.update(OutboxRow).where(*late).values(state=Sent.DROPPED.value, payload=sa.null()))
