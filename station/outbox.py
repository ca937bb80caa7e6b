"""The outbox: what is to leave the house is a row of the transaction that decided it, and goes out afterwards, at least once.

How a thing is sent is each kind's own (`station/mail.py`, `station/webhooks.py`); here is what holds of all: once by its key, one worker at
a time by a lease, again and again ever later, then dead with a reason. What was written goes with the sending; key, time and hash stay.
"""

import hashlib
import http.client
import logging
import random
import secrets
import smtplib
from collections.abc import Callable, Mapping
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
"""Rows of one turn."""
KEPT_DAYS = 90
"""So long what was sent, or given up, stays as a line without content."""


class Sent(StrEnum):
    """Where a row of the outbox stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """Tried often enough, or refused for good: it waits for a person."""
    DROPPED = "dropped"
    """A person gave it up."""


class Undelivered(Exception):
    """The other side did not take it; the text says why, in French and English."""

    def __init__(self, words: str, *, lasting: bool = False) -> None:
        super().__init__(words)
        self.lasting = lasting
        """Whether another try is of no use."""


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
    """Send what is due, oldest first; returns how many left. What fails is told, kept and tried again later."""
    with workstation.database.reading() as session:
        due = _due(workstation.clock(), tuple(senders)).order_by(OutboxRow.try_at, OutboxRow.id).limit(most)
        ids = list(session.scalars(due))
    return sum(_deliver(workstation, row_id, senders, chance) for row_id in ids)


def _due(now: datetime, kinds: tuple[str, ...]) -> sa.Select[int]:
    free = sa.or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until <= now)
    return sa.select(OutboxRow.id).where(OutboxRow.state == Sent.WAITING, OutboxRow.try_at <= now, OutboxRow.kind.in_(kinds), free)


def _deliver(workstation: Workstation, row_id: int, senders: Mapping[str, Sender], chance: Chance) -> bool:
    lease = secrets.token_hex(8)
    parcel = _claim(workstation, row_id, lease, tuple(senders))
    if parcel is None:
        return False
    trouble: str | None = None
    lasting = False
    try:
        senders[parcel.kind](workstation, parcel)
    except Undelivered as error:
        trouble, lasting = str(error), error.lasting
    except (OSError, smtplib.SMTPException, http.client.HTTPException) as error:
        trouble = trouble_words(error)
    except Exception as error:
        # One parcel that nobody thought of must not stand before all others.
        log.exception("outbox: %s %s could not be sent", parcel.kind, parcel.id)
        trouble = f"erreur inattendue, notée au journal / unexpected, in the log ({type(error).__name__})"
    _note(workstation, parcel, lease, trouble, lasting=lasting, chance=chance())
    return trouble is None


def _claim(workstation: Workstation, row_id: int, lease: str, kinds: tuple[str, ...]) -> Parcel | None:
    """The parcel, where it is still due and nobody else has it."""
    now = workstation.clock()
    with workstation.database.writing() as session:
        mine = sa.update(OutboxRow).where(OutboxRow.id.in_(_due(now, kinds).where(OutboxRow.id == row_id)))
        taken = session.execute(mine.values(lease=lease, lease_until=now + LEASE).execution_options(synchronize_session=False))
        if not taken.rowcount:  # type: ignore[attr-defined]  # of an UPDATE there is one
            return None
        row = session.get_one(OutboxRow, row_id)
        return Parcel(row.id, row.entity, row.kind, row.key, row.payload or {}, row.put_at)


def _note(workstation: Workstation, parcel: Parcel, lease: str, trouble: str | None, *, lasting: bool, chance: float) -> None:
    now = workstation.clock()
    with workstation.database.writing() as session:
        row = session.scalar(sa.select(OutboxRow).where(OutboxRow.id == parcel.id, OutboxRow.lease == lease).with_for_update())
        if row is None or row.state != Sent.WAITING:
            return
        row.tries, row.trouble, row.lease, row.lease_until = row.tries + 1, trouble, None, None
        if trouble is None:
            row.state, row.done_at, row.payload = Sent.SENT, now, None
            return
        log.warning("outbox: %s %s did not leave (try %s): %s", parcel.kind, parcel.id, row.tries, trouble)
        if lasting or row.tries >= MOST_TRIES:
            row.state, row.done_at = Sent.DEAD, now
        else:
            row.try_at = now + wait_after(row.tries, chance)


def wait_after(tries: int, chance: float) -> timedelta:
    """Twice as long each time, up to six hours; a part is left to chance: what failed together does not come back together."""
    whole: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 12), LONGEST_WAIT)
    return whole * (0.75 + chance / 2)


def trouble_words(error: Exception) -> str:
    told = str(error) or type(error).__name__
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


def _mine(session: Session, entity: str, number: int) -> OutboxRow:
    row = session.get(OutboxRow, number)
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
