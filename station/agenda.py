"""The agenda: what is to be done on a day is a row, to be listed, suspended and looked at before it happens.

Who plans says what and when; `station/ticking.py` hands what is due to whoever acts on its kind, and that re-reads everything first. Each
change makes another revision, and what was enqueued for an older one does nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station import outbox
from station.records.tables import AgendaRow
from station.workstation import Workstation

KIND = "agenda"
"""Of the outbox; its key is `agenda:ID:REVISION`."""
PLANNED, OPEN, DONE, DROPPED = "planned", "open", "done", "dropped"
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Due:
    """What is given to whoever acts: nothing of the database, and nothing to rely on without reading it again."""

    id: int
    revision: int
    entity: str
    kind: str
    object: str
    level: str
    day: date
    told: Mapping[str, Any]


Action: TypeAlias = Callable[[Workstation, Due, date], None]
"""Acts on what is due, with the day that counts as today; settles the row in the transaction in which it notes what it did.

Raises what an `outbox.Sender` raises; may be asked twice.
"""


def plan(
    session: Session,
    entity: str,
    kind: str,
    object: str,
    day: date,
    reason: str,
    *,
    at: datetime,
    level: str = "",
    told: Mapping[str, Any] | None = None,
    actor: str = SYSTEM,
    suspended_until: date | None = None,
) -> AgendaRow:
    """A row for this object and level, once. One that is still planned moves to `day`; what is done stays done; what was dropped is planned
    again."""
    row = find(session, entity, kind, object, level)
    if row is None:
        row = AgendaRow(
            entity=entity, kind=kind, object=object, level=level, day=day.isoformat(), revision=1, state=PLANNED, reason=reason,
            told=dict(told or {}), actor=actor, made_at=at, suspended_until=suspended_until.isoformat() if suspended_until else None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row
    rests = suspended_until.isoformat() if suspended_until else None
    if row.state == DROPPED:
        row.state, row.settled_at, row.revision = PLANNED, None, row.revision + 1
    if row.state == PLANNED:
        _change(row, day.isoformat(), rests)
        if row.reason != reason or row.told != dict(told or {}):
            row.reason, row.told = reason, dict(told or {})
    return row


def _change(row: AgendaRow, day: str, suspended_until: str | None) -> None:
    if (row.day, row.suspended_until) != (day, suspended_until):
        row.day, row.suspended_until, row.revision = day, suspended_until, row.revision + 1


def find(session: Session, entity: str, kind: str, object: str, level: str = "") -> AgendaRow | None:
    query = sa.select(AgendaRow).where(AgendaRow.entity == entity, AgendaRow.kind == kind, AgendaRow.object == object)
    return session.scalar(query.where(AgendaRow.level == level))


def get_row(session: Session, entity: str, number: int) -> AgendaRow | None:
    """None where there is none, or it is another entity's."""
    row = session.get(AgendaRow, number)
    return row if row is not None and row.entity == entity else None


def planned(session: Session, entity: str, kind: str | None = None, until: date | None = None) -> list[AgendaRow]:
    """What is to come, the first first."""
    return _listed(session, entity, PLANNED, kind, until)


def open_rows(session: Session, entity: str, kind: str | None = None) -> list[AgendaRow]:
    """What a person is asked to do."""
    return _listed(session, entity, OPEN, kind, None)


def _listed(session: Session, entity: str, state: str, kind: str | None, until: date | None) -> list[AgendaRow]:
    query = sa.select(AgendaRow).where(AgendaRow.entity == entity, AgendaRow.state == state)
    query = query if kind is None else query.where(AgendaRow.kind == kind)
    query = query if until is None else query.where(AgendaRow.day <= until.isoformat())
    return list(session.scalars(query.order_by(AgendaRow.day, AgendaRow.id)))


def due_rows(session: Session, entity: str, today: date, kinds: Sequence[str], level: str | None = None) -> Sequence[AgendaRow]:
    """Planned for today or before, and not suspended; of every level or of one."""
    day = today.isoformat()
    free = sa.or_(AgendaRow.suspended_until.is_(None), AgendaRow.suspended_until < day)
    query = sa.select(AgendaRow).where(AgendaRow.entity == entity, AgendaRow.state == PLANNED, AgendaRow.day <= day, free)
    query = query.where(AgendaRow.kind.in_(kinds))
    query = query if level is None else query.where(AgendaRow.level == level)
    return session.scalars(query.order_by(AgendaRow.day, AgendaRow.id)).all()


def enqueue_due(session: Session, entity: str, today: date, at: datetime, kinds: Sequence[str]) -> int:
    """Into the outbox, once per row and revision, in the caller's transaction; how many are due."""
    rows = due_rows(session, entity, today, kinds)
    for row in rows:
        payload = {"agenda": row.id, "revision": row.revision, "today": today.isoformat()}
        outbox.put(session, entity, KIND, f"agenda:{row.id}:{row.revision}", payload, at)
    return len(rows)


def still_due(session: Session, number: int, revision: int, today: date) -> Due | None:
    """The row where it is planned at this very revision, its day has come and it is not suspended; None otherwise."""
    row = session.get(AgendaRow, number)
    if row is None or row.state != PLANNED or row.revision != revision:
        return None
    if row.day > today.isoformat() or (row.suspended_until or "") >= today.isoformat():
        return None
    return Due(row.id, row.revision, row.entity, row.kind, row.object, row.level, date.fromisoformat(row.day), dict(row.told))


def is_done(session: Session, number: int, revision: int) -> bool:
    """Whether it was done at this very revision: by this order, or along with another."""
    row = session.get(AgendaRow, number)
    return row is not None and row.state == DONE and row.revision == revision


def settle(session: Session, number: int, state: str, reason: str, at: datetime, actor: str = SYSTEM) -> None:
    """Done, dropped, or open for a person."""
    row = session.get_one(AgendaRow, number)
    row.state, row.reason, row.actor = state, reason, actor
    row.settled_at = None if state == OPEN else at


def drop(session: Session, entity: str, kind: str, object: str, reason: str, at: datetime) -> None:
    """Nothing of this object is to be done any more."""
    here = (AgendaRow.entity == entity, AgendaRow.kind == kind, AgendaRow.object == object, AgendaRow.state.in_((PLANNED, OPEN)))
    for row in session.scalars(sa.select(AgendaRow).where(*here)):
        settle(session, row.id, DROPPED, reason, at)
