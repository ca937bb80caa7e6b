"""Rules, circuits and runs as rows: what is in force, what a document is in, what people and services are asked."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.tables import (
    OPEN_STATES,
    CircuitCall,
    CircuitRun,
    CircuitStep,
    CircuitTask,
    CircuitVersion,
    CircuitWatch,
    DecisionMade,
    Document,
    Review,
    RuleVersion,
    State,
    Task,
)
from station.records.totals import looked_at_again

RUNNING, STUCK, ENDED = "running", "stuck", "ended"
OPEN, DONE, CANCELLED = "open", "done", "cancelled"
WAITING, ANSWERED, SETTLED = "waiting", "answered", "settled"
V = TypeVar("V", bound="RuleVersion | CircuitVersion")


# --- versions ---


def in_force(session: Session, table: type[V], entity: str) -> dict[str, V]:
    """By name, what is active now."""
    query = sa.select(table).where(table.entity == entity, table.active_from.is_not(None), table.ended_at.is_(None))
    return {row.name: row for row in session.scalars(query.order_by(table.name))}


def versions_of(session: Session, table: type[V], entity: str, name: str) -> list[V]:
    """Every version of a name, the newest first."""
    return list(session.scalars(sa.select(table).where(table.entity == entity, table.name == name).order_by(table.number.desc())))


def get_version(session: Session, table: type[V], entity: str, number: int) -> V | None:
    """By identifier; None where there is none, or it is another entity's."""
    row = session.get(table, number)
    return row if row is not None and row.entity == entity else None


def last_number(session: Session, table: type[V], entity: str, name: str) -> int:
    """0: there is no version yet."""
    return session.scalar(sa.select(sa.func.max(table.number)).where(table.entity == entity, table.name == name)) or 0


# --- runs ---


def get_run(session: Session, entity: str, number: int) -> CircuitRun | None:
    """None where there is none, or it is another entity's."""
    row = session.get(CircuitRun, number)
    return row if row is not None and row.entity == entity else None


def runs_of(session: Session, document_id: str) -> list[CircuitRun]:
    """Every run of a document, the newest first."""
    return list(session.scalars(sa.select(CircuitRun).where(CircuitRun.document_id == document_id).order_by(CircuitRun.id.desc())))


def steps_of(session: Session, run: CircuitRun) -> list[CircuitStep]:
    """In order."""
    return list(session.scalars(sa.select(CircuitStep).where(CircuitStep.run_id == run.id).order_by(CircuitStep.revision)))


def decisions_of(session: Session, run: CircuitRun) -> list[DecisionMade]:
    """In order."""
    return list(session.scalars(sa.select(DecisionMade).where(DecisionMade.run_id == run.id).order_by(DecisionMade.id)))


def claim_run(session: Session, run: CircuitRun, revision: int) -> bool:
    """Whether this transaction takes the run further from where it stood: of two, exactly one does."""
    session.flush()
    here = (CircuitRun.id == run.id, CircuitRun.revision == revision)
    mine = sa.update(CircuitRun).where(*here).values(revision=revision + 1).execution_options(synchronize_session=False)
    done = session.execute(mine)
    session.refresh(run)
    return bool(done.rowcount)  # type: ignore[attr-defined]  # of an UPDATE there is one


def due_runs(session: Session, today: date, limit: int) -> list[int]:
    """Runs that time takes further, the one that waits longest first."""
    query = sa.select(CircuitRun.id).where(CircuitRun.standing == RUNNING, CircuitRun.wake_on <= today.isoformat())
    return list(session.scalars(query.order_by(CircuitRun.wake_on, CircuitRun.id).limit(limit)))


def decided_runs(session: Session, limit: int) -> list[int]:
    """Runs whose approval was decided, or called off, and that have not heard of it."""
    query = sa.select(CircuitRun.id).join(Task, Task.id == CircuitRun.approval_id).where(Task.state != OPEN)
    return list(session.scalars(query.where(CircuitRun.standing != ENDED).order_by(CircuitRun.id).limit(limit)))


# --- what people are asked ---


def get_task(session: Session, entity: str, number: int) -> CircuitTask | None:
    """None where there is none, or it is another entity's."""
    row = session.get(CircuitTask, number)
    return row if row is not None and row.entity == entity else None


def open_tasks(session: Session, entity: str, document_id: str | None = None) -> list[CircuitTask]:
    """What is due first at the top."""
    query = sa.select(CircuitTask).where(CircuitTask.entity == entity, CircuitTask.state == OPEN)
    query = query if document_id is None else query.where(CircuitTask.document_id == document_id)
    return list(session.scalars(query.order_by(CircuitTask.due.is_(None), CircuitTask.due, CircuitTask.id)))


def done_by(session: Session, entity: str, pseudonym: str, limit: int) -> list[CircuitTask]:
    """What a person answered, the newest first."""
    query = sa.select(CircuitTask).where(CircuitTask.entity == entity, CircuitTask.answered_by == pseudonym)
    return list(session.scalars(query.order_by(CircuitTask.answered_at.desc(), CircuitTask.id.desc()).limit(limit)))


def tasks_of(session: Session, run: CircuitRun, *, state: str = OPEN) -> list[CircuitTask]:
    query = sa.select(CircuitTask).where(CircuitTask.run_id == run.id, CircuitTask.state == state)
    return list(session.scalars(query.order_by(CircuitTask.id)))


# --- what machines are asked ---


def get_call(session: Session, run_id: int, key: str) -> CircuitCall | None:
    return session.scalar(sa.select(CircuitCall).where(CircuitCall.run_id == run_id, CircuitCall.key == key))


def calls_in(session: Session, state: str, limit: int) -> list[CircuitCall]:
    """The oldest first."""
    return list(session.scalars(sa.select(CircuitCall).where(CircuitCall.state == state).order_by(CircuitCall.id).limit(limit)))


# --- what changed ---


def changed_documents(session: Session, limit: int, since: datetime | None = None) -> Sequence[str]:
    """Documents that are other than circuits saw them, those at rest only. `since`: of those that changed or were submitted since then, or
    whose review went on, which asks indexes; None: of all."""
    moved = sa.or_(
        CircuitWatch.document_id.is_(None),
        CircuitWatch.seen != Document.revision,
        sa.and_(Review.document_id.is_not(None), CircuitWatch.stage != Review.stage),
        sa.and_(Review.document_id.is_not(None), CircuitWatch.submitted_at.is_distinct_from(Review.done_at)),
    )
    query = (
        sa.select(Document.id)
        .outerjoin(CircuitWatch, CircuitWatch.document_id == Document.id)
        .outerjoin(Review, Review.document_id == Document.id)
        .where(Document.state.not_in([*OPEN_STATES, State.WAITING, State.DUPLICATE]), moved)
    )
    if since is not None:
        done = sa.select(Review.document_id).where(Review.done_at >= since)
        again = sa.select(CircuitWatch.document_id).where(looked_at_again(CircuitWatch.seen))
        query = query.where(Document.id.in_(sa.union(sa.select(Document.id).where(Document.changed_at >= since), done, again)))
    return session.scalars(query.order_by(Document.changed_at, Document.id).limit(limit)).all()
