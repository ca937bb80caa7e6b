"""Suspensions and sendings of reminders, as rows."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.receivables import Listed
from station.records.tables import Sending, Suspension
from workflow.dunning import Left, Reminded, Rest

LEAVING, SENT, QUEUED, PRINTED, EXPORTED, DEPOSITED, RECEIVED, BOUNCED, ASKED, UNSURE = (
    "leaving", "sent", "queued", "printed", "exported", "deposited", "received", "bounced", "asked", "unsure",
)  # fmt: skip


def reminded(listed: Listed, mention: bool | None = None) -> Reminded:
    """An open item as the ladder sees it. `mention`: whether the invoice states the penalties, where that is known."""
    row = listed.row
    return Reminded(str(row.id), str(row.customer_id), listed.item.due, listed.customer.regime, row.batch, mention)


def sendings_by_item(session: Session, entity: str, items: Collection[str] | None = None) -> Mapping[str, tuple[Left, ...]]:
    """What left of every item, or of some, or may have; what came back unread counts, too: another way was found for it, or will be.

    What is just leaving does not count yet: it is planned until it is settled.
    """
    found = defaultdict[str, list[Left]](list)
    query = sa.select(Sending.item_id, Sending.level, Sending.begun_at).where(Sending.entity == entity).order_by(Sending.id)
    query = query.where(Sending.state != LEAVING)
    query = query if items is None else query.where(Sending.item_id.in_(items))
    for number, level, at in session.execute(query):
        found[number].append(Left(level, at.date()))
    return {number: tuple(left) for number, left in found.items()}


def find_sending(session: Session, entity: str, item: str, level: str) -> Sending | None:
    here = (Sending.entity == entity, Sending.item_id == item, Sending.level == level)
    return session.scalar(sa.select(Sending).where(*here))


def get_sending(session: Session, entity: str, number: int) -> Sending | None:
    """None where there is none, or it is another entity's."""
    row = session.get(Sending, number)
    return row if row is not None and row.entity == entity else None


def find_message(session: Session, entity: str, message_id: str) -> Sending | None:
    """The row that bears the text, where several invoices left in one message."""
    query = sa.select(Sending).where(Sending.entity == entity, Sending.message_id == message_id)
    return session.scalar(query.order_by(Sending.id).limit(1))


def members_of(session: Session, sending: Sending) -> list[Sending]:
    """All that leaves, or left, in one letter; the one that bears its text first."""
    if sending.letter is None:
        return [sending]
    query = sa.select(Sending).where(Sending.entity == sending.entity, Sending.letter == sending.letter)
    return sorted(session.scalars(query), key=lambda each: (each.id != each.letter, each.id))


def list_sendings(
    session: Session, entity: str, states: Sequence[str] = (), channels: Sequence[str] = (), most: int = 200, before: int | None = None
) -> list[Sending]:
    """Letters, the newest first: of several invoices in one, the row that bears its text. `before`: only those with smaller numbers."""
    query = sa.select(Sending).where(Sending.entity == entity, sa.or_(Sending.letter.is_(None), Sending.letter == Sending.id))
    query = query.where(Sending.id < before) if before is not None else query
    query = query.where(Sending.state.in_(states)) if states else query
    query = query.where(Sending.channel.in_(channels)) if channels else query
    return list(session.scalars(query.order_by(Sending.id.desc()).limit(most)))


def rests_of(session: Session, entity: str, today: date) -> list[Rest]:
    """Suspensions that hold today or later."""
    return [rest_of(row) for row in suspensions_of(session, entity, today)]


def suspensions_of(session: Session, entity: str, today: date) -> list[Suspension]:
    query = sa.select(Suspension).where(Suspension.entity == entity, Suspension.lifted_at.is_(None), Suspension.ends >= today.isoformat())
    return list(session.scalars(query.order_by(Suspension.ends, Suspension.id)))


def rest_of(row: Suspension) -> Rest:
    return Rest(row.scope, row.value, date.fromisoformat(row.starts), date.fromisoformat(row.ends), row.reason)


def get_suspension(session: Session, entity: str, number: int) -> Suspension | None:
    row = session.get(Suspension, number)
    return row if row is not None and row.entity == entity and row.lifted_at is None else None
