"""Tasks as the screens ask for them, and what is known beside them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from station.records import review as reviews
from station.records.tables import (
    AccountChange,
    AccountingWord,
    Archive,
    Document,
    FieldRow,
    InvoiceStanding,
    Review,
    ReviewEvent,
    State,
    Task,
    TaskEvent,
)
from station.records.totals import looked_at_again, once_found
from workflow.kinds import INVOICES
from workflow.roles import Role

URGENT = timedelta(days=7)
"""Due within so many days, or overdue."""
APPROVAL, QUESTION = "approval", "question"
PREPARING = frozenset({"rate", "tax", "sums"})
"""Words of accountants (`station.accounting_words`) that make the amount, or how it is entered: who said one prepared the invoice. Of other
amounts, too, until it is said anew: the prudent way."""
OPEN, DONE, CANCELLED = "open", "done", "cancelled"


@dataclass(frozen=True, slots=True)
class Seat:
    """As whom somebody is asked."""

    pseudonym: str
    roles: frozenset[Role]
    stands_for: frozenset[str]
    """Themselves, and those whose approvals they hold as a deputy."""
    groups: frozenset[str]
    mandates: tuple[tuple[str, datetime], ...] = ()
    """With whom they are one pair of eyes, each until when (`station.records.people.mandates_of`)."""


@dataclass(frozen=True, slots=True)
class Screenful:
    rows: Sequence[Task]
    total: int
    page: int
    pages: int


def get_task(session: Session, entity: str, number: int) -> Task | None:
    """None where there is none, or it is another entity's."""
    task = session.get(Task, number)
    return task if task is not None and task.entity == entity else None


def open_tasks(session: Session, entity: str, document_id: str | None = None) -> list[Task]:
    """What is due first at the top."""
    query = sa.select(Task).where(Task.entity == entity, Task.state == OPEN)
    query = query if document_id is None else query.where(Task.document_id == document_id)
    return list(session.scalars(query.order_by(Task.due.is_(None), Task.due, Task.opened_at, Task.id)))


def list_tasks(
    session: Session, where: Sequence[sa.ColumnElement[bool]], *, done: bool = False, page: int = 1, size: int = 50
) -> Screenful:
    """What is done, the newest first; else what is open, what is due first at the top."""
    query = sa.select(Task).where(*where, Task.state == (DONE if done else OPEN))
    order = (Task.decided_at.desc(), Task.id.desc()) if done else (Task.due.is_(None), Task.due, Task.opened_at, Task.id)
    total = session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    return Screenful(list(session.scalars(query.order_by(*order).limit(size).offset((page - 1) * size))), total, page, pages)


def asked_of(entity: str, seat: Seat) -> list[sa.ColumnElement[bool]]:
    """Tasks addressed to somebody, without approvals that they may not give: of what they, or who is one with them, prepared, or approved
    as the first of two."""
    question = sa.and_(Task.kind == QUESTION, Task.person == seat.pseudonym)
    named = Task.person.in_(seat.stands_for)
    grouped = sa.and_(Task.person.is_(None), Task.group_name.in_(seat.groups))
    by_role = sa.and_(Task.person.is_(None), Task.group_name == "", Task.role.in_([str(role) for role in seat.roles]))
    theirs = (sa.and_(Task.prepared_since <= last, _took_part(other)) for other, last in seat.mandates)
    asked = sa.and_(Task.kind == APPROVAL, sa.or_(named, grouped, by_role), ~sa.or_(_took_part(seat.pseudonym), *theirs))
    return [Task.entity == entity, sa.or_(question, asked) if Role.APPROVER in seat.roles else question]


def _took_part(pseudonym: str) -> sa.ColumnElement[bool]:
    """Whether somebody prepared an approval, or gave another of its round."""
    beside = aliased(Task)
    given = sa.exists().where(
        beside.document_id == Task.document_id, beside.round == Task.round, beside.kind == APPROVAL, beside.decision == "approved",
        beside.decided_by == pseudonym,
    )  # fmt: skip
    return sa.or_(sa.cast(Task.prepared_by, sa.Text).like(f'%"{pseudonym}"%'), given)


def everyones(entity: str) -> list[sa.ColumnElement[bool]]:
    return [Task.entity == entity]


def decided_by(entity: str, pseudonym: str) -> list[sa.ColumnElement[bool]]:
    return [Task.entity == entity, Task.decided_by == pseudonym]


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures above the list."""

    mine: int
    urgent: int
    """Of mine."""
    team: int


def count_tasks(session: Session, mine: Sequence[sa.ColumnElement[bool]], team: Sequence[sa.ColumnElement[bool]], today: date) -> Counts:
    def count(*where: sa.ColumnElement[bool]) -> int:
        return session.scalar(sa.select(sa.func.count()).select_from(Task).where(Task.state == OPEN, *where)) or 0

    return Counts(count(*mine), count(*mine, Task.due <= (today + URGENT).isoformat()), count(*team))


def is_urgent(task: Task, today: date) -> bool:
    return task.due is not None and task.due <= (today + URGENT).isoformat()


def round_of(session: Session, document_id: str, number: int) -> list[Task]:
    """The approvals of one round, in their places."""
    query = sa.select(Task).where(Task.document_id == document_id, Task.kind == APPROVAL, Task.round == number)
    return list(session.scalars(query.order_by(Task.place, Task.id)))


def last_round(session: Session, document_id: str) -> int:
    """0: nothing was asked yet."""
    query = sa.select(sa.func.max(Task.round)).where(Task.document_id == document_id, Task.kind == APPROVAL)
    return session.scalar(query) or 0


def questions_of(session: Session, task: Task) -> list[Task]:
    return list(session.scalars(sa.select(Task).where(Task.parent_id == task.id).order_by(Task.id)))


def events_of(session: Session, document_id: str) -> list[TaskEvent]:
    """Everything done with the tasks of a document, in order."""
    return list(session.scalars(sa.select(TaskEvent).where(TaskEvent.document_id == document_id).order_by(TaskEvent.id)))


def handed_over(session: Session, tasks: Sequence[Task]) -> tuple[tuple[str, str], ...]:
    """Who gave one of these approvals to whom."""
    wanted = [task.id for task in tasks]
    query = sa.select(TaskEvent).where(TaskEvent.task_id.in_(wanted), TaskEvent.what == "delegated").order_by(TaskEvent.id)
    return tuple((event.actor, str(event.told["to"])) for event in session.scalars(query))


def claim(session: Session, task: Task, revision: int) -> bool:
    """Whether this transaction is the one that acts on the task as it stood: of two, exactly one finds it so."""
    here = (Task.id == task.id, Task.state == OPEN, Task.revision == revision)
    done = session.execute(sa.update(Task).where(*here).values(revision=revision + 1).execution_options(synchronize_session=False))
    session.refresh(task)
    return bool(done.rowcount)  # type: ignore[attr-defined]  # of an UPDATE there is one


# --- what the values rest on ---


def sealed_afresh(session: Session, document_id: str) -> tuple[str, str]:
    """SHA-256 of the newest sealed file, and of the one that it begins with: timestamps and signatures are added, pages are not.

    Both empty where nothing is sealed.
    """
    rows = {row.sha256: row for row in session.scalars(sa.select(Archive).where(Archive.document_id == document_id))}
    if not rows:
        return "", ""
    newest = root = max(rows.values(), key=lambda row: row.version)
    while root.extends in rows:
        root = rows[root.extends]
    return newest.sha256, root.sha256


def preparers_of(session: Session, document: Document, words: Collection[str] = PREPARING) -> tuple[frozenset[str], datetime]:
    """Who typed, said or submitted values that count, and since when; `words`: kinds of accountants' words that count among them.

    Who approved an account as the second person is no preparer: that account was brought by somebody else.
    """
    review = session.get(Review, document.id)
    said = session.scalars(sa.select(FieldRow).where(FieldRow.document_id == document.id, FieldRow.source == "person")).all()
    accounts = sa.select(AccountChange).where(AccountChange.document_id == document.id, AccountChange.approved)
    changes = session.scalars(accounts).all()
    seconds = {(change.decided_by, change.iban) for change in changes}
    found = {row.actor for row in said if not (row.name == "iban" and (row.actor, (row.value or "").replace(" ", "")) in seconds)}
    found |= {change.asked_by for change in changes} | {review.done_by if review else None}
    found |= {name for names in reviews.typists_of(session, document.id).values() for name, _ in names}
    worded = session.scalars(sa.select(AccountingWord).where(AccountingWord.document_id == document.id, AccountingWord.ended_at.is_(None)))
    spoken = [row for row in worded if row.kind in words]
    found |= {row.actor for row in spoken}
    first = session.scalar(sa.select(sa.func.min(ReviewEvent.at)).where(ReviewEvent.document_id == document.id))
    moments = [
        at
        for at in (first, review.done_at if review else None, *(row.said_at for row in said), *(row.at for row in spoken))
        if at is not None
    ]
    return frozenset(name for name in found if name), min(moments, default=document.received_at)


def confirmers_of(session: Session, document_id: str) -> list[str]:
    """Pseudonyms of who confirmed an account on this document as the second person."""
    query = sa.select(AccountChange.decided_by).where(AccountChange.document_id == document_id, AccountChange.approved)
    return sorted({name for name in session.scalars(query) if name})


def is_payable(document: Document, entity: str) -> bool:
    """Whether it is still an invoice of this entity that may be approved at all."""
    return document.entity == entity and document.state == State.SEALED and document.document_type in INVOICES and not document.confidential


def standing_of(session: Session, document_id: str) -> InvoiceStanding | None:
    return session.get(InvoiceStanding, document_id)


def changed_documents(session: Session, limit: int, since: datetime | None = None) -> list[Document]:
    """Documents that changed since their values were last compared with those that were asked about; `since`: of those that changed
    after this, or that are to be compared again, which indexes tell."""
    query = sa.select(Document).join(InvoiceStanding, InvoiceStanding.document_id == Document.id)
    if since is not None:
        again = sa.select(InvoiceStanding.document_id).where(looked_at_again(InvoiceStanding.seen))
        query = query.where(Document.id.in_(sa.union(sa.select(Document.id).where(Document.changed_at >= since), again)))
    query = query.where(InvoiceStanding.seen != Document.revision)
    return list(session.scalars(query.order_by(once_found(Document.changed_at)).limit(limit)))
