"""The review queue as the screens ask for it: one table to filter and sort, however many documents there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from station.records.tables import AccountChange, CircuitWatch, Document, FieldRow, Person, Preference, Review, ReviewEvent, State
from station.records.totals import looked_at_again, once_found
from workflow.kinds import INVOICES

URGENT = timedelta(days=7)
"""Due within so many days, or overdue."""
SILENT = timedelta(minutes=10)
"""After which a review that somebody left open is open to the next."""
STATES = ("waiting", "urgent", "held", "postponed", "sure", "account", "done")
SORTS = ("due", "received", "supplier", "gross")
REFUSED, ACCOUNT_REFUSED = "refused", "account-refused"
RETURNED = frozenset({REFUSED, ACCOUNT_REFUSED})
"""Among the doubts of a review: somebody who decides sent the invoice back. It stays until the review is submitted again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the queue is to be shown."""

    state: str = "waiting"
    """One of `STATES`."""
    mine: bool = False
    supplier: str = ""
    doubt: str = ""
    """Name of a value in doubt; empty: any."""
    due: str = ""
    """Due on this day (ISO) or before."""
    sort: str = "due"


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures above the queue."""

    mine: int
    team: int
    urgent: int
    held: int
    postponed: int
    sure: int
    account: int


@dataclass(frozen=True, slots=True)
class Screenful:
    rows: Sequence[Review]
    total: int
    page: int
    pages: int


def count_queue(session: Session, entity: str, pseudonym: str, today: date) -> Counts:
    """All figures in one walk over the open reviews."""
    waiting = _waiting(today)

    def count(*where: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*where), 1), else_=0)), 0)

    query = sa.select(
        count(waiting, _in_doubt(), Review.assigned_to == pseudonym),
        count(waiting, _in_doubt()),
        count(waiting, _in_doubt(), Review.due <= (today + URGENT).isoformat()),
        count(Review.stage == "open", Review.held.is_(True)),
        count(Review.stage == "open", Review.postponed_until > today.isoformat()),
        count(waiting, ~_in_doubt()),
        count(Review.stage == "account"),
    ).where(Review.entity == entity, Review.stage.in_(("open", "account")))
    return Counts(*(int(each) for each in session.execute(query).one()))


def list_queue(session: Session, entity: str, wanted: Wanted, pseudonym: str, today: date, page: int = 1, size: int = 25) -> Screenful:
    """One screenful, what is due first at the top unless another order is wanted."""
    query = sa.select(Review).where(Review.entity == entity, *_filters(wanted, pseudonym, today))
    total = session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    rows = session.scalars(query.order_by(*_order(wanted.sort)).limit(size).offset((page - 1) * size))
    return Screenful(list(rows), total, page, pages)


def queue_after(
    session: Session, entity: str, wanted: Wanted, pseudonym: str, today: date, after: tuple[datetime, str] | None, limit: int
) -> list[Review]:
    """By the order in which they came, those behind a place (time and identifier): what came meanwhile shifts nothing."""
    query = sa.select(Review).where(Review.entity == entity, *_filters(wanted, pseudonym, today))
    if after is not None:
        at, document_id = after
        query = query.where(sa.or_(Review.received_at > at, sa.and_(Review.received_at == at, Review.document_id > document_id)))
    return list(session.scalars(query.order_by(Review.received_at, Review.document_id).limit(limit)))


def is_sure(session: Session, document_id: str) -> bool:
    """Whether the queue notes nothing doubtful of it: whoever looks such ones through goes on with such ones."""
    row = session.get(Review, document_id)
    return row is not None and not row.doubtful


def is_settled(review: Review) -> bool:
    """Whether its values may be decided about: submitted, or sure as they were read and touched by nobody."""
    return review.stage == "done" or (review.stage == "open" and not review.doubtful and review.revision == 0)


def return_review(session: Session, review: Review, mark: str, reason: str, by: str, at: datetime) -> str | None:
    """Back at the head of the queue, to whoever submitted it, with the reason; returns their pseudonym. `mark`: of `RETURNED`."""
    last, review.done_at, review.done_by = review.done_by, None, None
    review.stage, review.held, review.postponed_until = "open", False, None
    review.hold_reason, review.hold_by = reason, by
    person = session.scalar(sa.select(Person).where(Person.pseudonym == last, Person.ended_at.is_(None))) if last else None
    review.assigned_to, review.assigned_by = (person.pseudonym, by) if person is not None else (None, None)
    review.doubts, review.doubtful = [mark, *(name for name in review.doubts if name not in RETURNED)], True
    add_event(session, review, "return", "", (None, {"reason": reason, "why": mark}), by, at)
    return review.assigned_to


def next_review(session: Session, entity: str, pseudonym: str, now: datetime, than: str = "", *, sure: bool = False) -> str | None:
    """The document to be looked at next, another `than` this one: mine before those of nobody, none that a colleague has open.

    `sure`: of those without a doubt, instead of those with one."""
    free = sa.or_(Review.holder.is_(None), Review.holder == pseudonym, Review.active_at.is_(None), Review.active_at < now - SILENT)
    looked_for = ~_in_doubt() if sure else _in_doubt()
    waiting = (Review.entity == entity, Review.document_id != than, _waiting(now.date()), looked_for, free)
    # One question for each rank: the index gives the day that is due first, and nothing is sorted.
    for whose in (Review.assigned_to == pseudonym, Review.assigned_to.is_(None)):
        for dated in (Review.due.is_not(None), Review.due.is_(None)):
            query = sa.select(Review.document_id).where(*waiting, whose, dated)
            found = session.scalar(query.order_by(Review.due, Review.received_at, Review.document_id).limit(1))
            if found is not None:
                return found
    return None


def _in_doubt() -> sa.ColumnElement[bool]:
    return Review.doubtful.is_(True)


def _waiting(today: date) -> sa.ColumnElement[bool]:
    later = sa.and_(Review.postponed_until.is_not(None), Review.postponed_until > today.isoformat())
    return sa.and_(Review.stage == "open", Review.held.is_(False), ~later)


def _filters(wanted: Wanted, pseudonym: str, today: date) -> list[sa.ColumnElement[bool]]:
    states: dict[str, list[sa.ColumnElement[bool]]] = {
        "waiting": [_waiting(today), _in_doubt()],
        "urgent": [_waiting(today), _in_doubt(), Review.due <= (today + URGENT).isoformat()],
        "held": [Review.stage == "open", Review.held.is_(True)],
        "postponed": [Review.stage == "open", Review.postponed_until > today.isoformat()],
        "sure": [_waiting(today), ~_in_doubt()],
        "account": [Review.stage == "account"],
        "done": [Review.stage == "done"],
    }
    found = states.get(wanted.state, states["waiting"])
    if wanted.mine:
        found = [*found, Review.assigned_to == pseudonym]
    if wanted.supplier.strip():
        pattern = "%" + wanted.supplier.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        found = [*found, sa.or_(Review.supplier.ilike(pattern, escape="\\"), Review.number.ilike(pattern, escape="\\"))]
    if wanted.doubt:
        found = [*found, sa.cast(Review.doubts, sa.Text).like(f'%"{wanted.doubt}"%')]
    if wanted.due:
        found = [*found, Review.due <= wanted.due]
    return found


def _is_returned() -> sa.ColumnElement[bool]:
    return sa.cast(Review.doubts, sa.Text).like('%refused"%')


def _order(sort: str) -> tuple[sa.ColumnElement[Any], ...]:
    last = (Review.received_at.asc(), Review.document_id.asc())
    orders: Mapping[str, tuple[sa.ColumnElement[Any], ...]] = {
        "due": (sa.case((_is_returned(), 0), else_=1), Review.due.is_(None), Review.due.asc()),
        "received": (),
        "supplier": (sa.func.lower(Review.supplier).asc(),),
        "gross": (sa.cast(Review.gross, sa.Numeric(18, 4)).desc(),),
    }
    return (*orders.get(sort, orders["due"]), *last)


# --- what the queue notes of documents ---


def stale_documents(session: Session, limit: int, since: datetime | None = None) -> list[Document]:
    """Invoices of which the queue does not know the newest, with their values; the newest first. `since`: of what changed since then, and
    of what the queue was told to look at again."""
    query = (
        sa.select(Document)
        .outerjoin(Review, Review.document_id == Document.id)
        .where(_reviewable(since), sa.or_(Review.document_id.is_(None), Review.seen != Document.revision))
        .options(selectinload(Document.fields), selectinload(Document.findings))
        .order_by(once_found(Document.received_at).desc())
        .limit(limit)
    )
    if since is not None:
        again = sa.select(Review.document_id).where(looked_at_again(Review.seen))
        query = query.where(Document.id.in_(sa.union(sa.select(Document.id).where(*_changed(since)), again)))
    return list(session.scalars(query))


def gone_reviews(session: Session, limit: int, since: datetime | None = None) -> list[Review]:
    """Of documents that are no invoices to review any more: confidential, set aside, worked anew. `since`: of what changed since then."""
    query = sa.select(Review).join(Document, Document.id == Review.document_id)
    return list(session.scalars(query.where(Review.stage != "gone", ~_reviewable(since), *_changed(since)).limit(limit)))


def _changed(since: datetime | None) -> list[sa.ColumnElement[bool]]:
    return [] if since is None else [Document.changed_at >= since]


def _reviewable(since: datetime | None) -> sa.ColumnElement[bool]:
    # What changed lately is found by its time; nearly all there are is sealed.
    state = Document.state if since is None else once_found(Document.state)
    return sa.and_(state == State.SEALED, Document.document_type.in_(INVOICES), Document.confidential.is_(False))


@sa.event.listens_for(Review, "after_update")
def _tell_circuits(_mapper: Any, connection: sa.Connection, review: Review) -> None:
    """Where its review went on, or came back, circuits look at a document again, which did not change itself."""
    moved = sa.inspect(review).attrs
    if moved.stage.history.has_changes() or moved.done_at.history.has_changes():
        connection.execute(sa.update(CircuitWatch).where(CircuitWatch.document_id == review.document_id).values(seen=-1))


# --- one review ---


def add_event(
    session: Session,
    review: Review,
    kind: str,
    name: str,
    change: tuple[dict[str, Any] | None, dict[str, Any] | None],
    who: str,
    at: datetime,
) -> ReviewEvent:
    """The next event; its number is the review's new revision. `change`: before and after."""
    review.revision += 1
    event = ReviewEvent(
        document_id=review.document_id, revision=review.revision, kind=kind, field=name, before=change[0], after=change[1], actor=who, at=at
    )
    session.add(event)
    session.flush()
    return event


def events_of(session: Session, document_id: str) -> list[ReviewEvent]:
    """In the order in which they happened."""
    return list(session.scalars(sa.select(ReviewEvent).where(ReviewEvent.document_id == document_id).order_by(ReviewEvent.revision)))


def typists_of(session: Session, document_id: str) -> dict[str, frozenset[tuple[str, str]]]:
    """By field, who said what (pseudonym, canonical text) of it before each submission, as it was in force then: another may have pressed
    the button."""
    found: dict[str, set[tuple[str, str]]] = {}
    done: list[ReviewEvent] = []
    undone: list[ReviewEvent] = []
    for event in events_of(session, document_id):
        if event.kind == "set":
            done.append(event)
            undone.clear()
        elif event.kind == "undo" and done:
            undone.append(done.pop())
        elif event.kind == "redo" and undone:
            done.append(undone.pop())
        elif event.kind == "submit":
            for field, last in {each.field: each for each in done}.items():
                if last.after is not None:
                    found.setdefault(field, set()).add((last.actor, str(last.after.get("value") or "")))
            done, undone = [], []
    return {field: frozenset(said) for field, said in found.items()}


def claim_account(session: Session, asked: AccountChange, who: str, at: datetime) -> bool:
    """Whether this transaction is the one that decides: of two, exactly one finds it so."""
    here = (AccountChange.id == asked.id, AccountChange.decided_at.is_(None))
    done = session.execute(
        sa.update(AccountChange).where(*here).values(decided_at=at, decided_by=who).execution_options(synchronize_session=False)
    )
    session.refresh(asked)
    return bool(done.rowcount)  # type: ignore[attr-defined]  # of an UPDATE there is one


def pending_accounts(session: Session, entity: str, document_id: str | None = None) -> list[AccountChange]:
    """Accounts that wait for a second person, the oldest first."""
    query = sa.select(AccountChange).where(AccountChange.entity == entity, AccountChange.decided_at.is_(None))
    query = query if document_id is None else query.where(AccountChange.document_id == document_id)
    return list(session.scalars(query.order_by(AccountChange.id)))


def bearer_row(session: Session, document_id: str, iban: str) -> FieldRow | None:
    """The value of an invoice that shows this account."""
    rows = session.scalars(
        sa.select(FieldRow).where(FieldRow.document_id == document_id, FieldRow.name == "iban", FieldRow.box.is_not(None))
    )
    return next((row for row in rows if (row.value or "").replace(" ", "") == iban), None)


# --- people ---


def colleagues(session: Session, *, practice: bool) -> list[Person]:
    """To whom a document may be handed."""
    query = sa.select(Person).where(Person.password_hash.is_not(None), Person.ended_at.is_(None)).order_by(Person.login)
    return [person for person in session.scalars(query) if practice or not person.practice]


def preference(session: Session, pseudonym: str, name: str) -> dict[str, Any]:
    row = session.get(Preference, (pseudonym, name))
    return dict(row.value) if row else {}


def set_preference(session: Session, pseudonym: str, name: str, value: Mapping[str, Any]) -> None:
    row = session.get(Preference, (pseudonym, name))
    if row is None:
        session.add(Preference(pseudonym=pseudonym, name=name, value=dict(value)))
    else:
        row.value = dict(value)
    session.flush()
