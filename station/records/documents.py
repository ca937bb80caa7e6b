"""Documents as the pipeline changes them and as the screens ask for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from capture.findings import Finding
from station.records.search import found_words
from station.records.tables import (
    MOVES,
    OF_THE_PAGE,
    OPEN_STATES,
    Archive,
    Arrival,
    Decision,
    Document,
    FieldRow,
    FindingRow,
    Link,
    Original,
    PageRow,
    Reading,
    Sighting,
    State,
    Worker,
)
from station.records.totals import is_large, once_found, remember


class WrongMove(Exception):
    """A document cannot go from where it stands to there."""


class Unknown(Exception):
    """No document has this identifier."""


def get_document(session: Session, document_id: str) -> Document:
    """Raises Unknown."""
    document = session.get(Document, document_id)
    if document is None:
        raise Unknown(document_id)
    return document


def arrivals_of(session: Session, document: Document) -> list[Arrival]:
    """The files in which its pages lie, as they came, and the times they came again; oldest first."""
    files = {page.sha256 for page in document.current_pages} or {arrival.sha256 for arrival in document.arrivals}
    return list(session.scalars(sa.select(Arrival).where(Arrival.sha256.in_(files)).order_by(Arrival.id)))


def move_document(document: Document, state: State, at: datetime) -> None:
    """Raises WrongMove where `tables.MOVES` has no such move; standing still is none."""
    if state != document.state:
        if state not in MOVES[document.state]:
            raise WrongMove(f"{document.state} → {state}")
        document.state = state
    document.changed_at = at
    document.revision += 1


def touch(document: Document, at: datetime) -> None:
    """Something about it changed that its state does not tell: the screens look again."""
    document.changed_at = at
    document.revision += 1


ERASING = "erasing"
"""Problem of a document that two people had erased and of which not everything is gone yet."""


def send_back(document: Document, at: datetime) -> None:
    """To be worked again from the start, as a new attempt. Raises WrongMove, too, of what is being erased: its files may be gone."""
    if document.problem == ERASING:
        raise WrongMove(f"{document.state}, being erased → {State.RECEIVED}")
    move_document(document, State.RECEIVED, at)
    document.attempt += 1
    document.tries = 0
    document.problem = document.problem_detail = document.try_at = None


AT_REST = (State.SEALED, State.SET_ASIDE, State.REPLACED, State.ERASED, State.DUPLICATE)
"""States in which documents stay, and so many of them."""
MOST_FOUND = 1_000
"""Documents that the search of the list shows at most where the index is asked, the newest of what is seen; the page of the search has no
such bound."""
LONGEST_WAIT = timedelta(days=7)
"""No document waits longer for its next try: a later time was written by a clock that ran ahead and was set back since."""


def due_documents(session: Session, now: datetime) -> list[Document]:
    """Documents with work to do that the engine has not been given yet, oldest first."""
    return list(
        session.scalars(
            sa.select(Document)
            .where(
                Document.state.in_(OPEN_STATES),
                Document.queued < Document.attempt,
                sa.or_(Document.try_at.is_(None), _come(Document.try_at, now)),
            )
            .order_by(once_found(Document.received_at))
            .limit(500)
        )
    )


def _come(at: sa.orm.InstrumentedAttribute[datetime | None], now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(at <= now, at > now + LONGEST_WAIT)


def mark_queued(session: Session, story: str, document_id: str, attempt: int) -> None:
    """The engine has this attempt of the story ("document" or "reading") and will not lose it."""
    if story == "document":
        session.execute(sa.update(Document).where(Document.id == document_id).values(queued=attempt))
    else:
        # Only this try: a quick one may have noted the next meanwhile.
        session.execute(sa.update(Document).where(Document.id == document_id, Document.tries == attempt).values(try_at=None))


def queued_documents(session: Session) -> list[Document]:
    """Documents that the engine should be working on."""
    return list(
        session.scalars(sa.select(Document).where(Document.state.in_(OPEN_STATES), Document.queued >= Document.attempt).limit(1000))
    )


def start_over(session: Session, document_id: str, attempt: int, at: datetime) -> bool:
    """A further attempt at a document whose last one the engine has forgotten; False where it moved on meanwhile."""
    document = get_document(session, document_id)
    if document.state not in OPEN_STATES or document.attempt != attempt or document.queued < attempt:
        return False
    move_document(document, State.RECEIVED, at)
    document.attempt += 1
    return True


def retry_later(document: Document, problem: str, detail: str, at: datetime, delay: timedelta) -> None:
    """A passing trouble: the document is tried again by itself, for ever, and the screens say so."""
    move_document(document, State.RECEIVED, at)
    document.problem, document.problem_detail = problem, detail
    document.tries += 1
    document.attempt += 1
    document.try_at = at + delay


READING_LATE, READING_GIVEN_UP = "reading-late", "reading-given-up"
LATE_TRIES = 3


def note_unread(document: Document, unread: bool, at: datetime) -> None:
    """A document sealed without all its text is read again later, beside the archive."""
    document.problem = READING_LATE if unread else None
    document.tries = 0
    document.try_at = at + timedelta(minutes=1) if unread else None


def note_late_try(document: Document, done: bool, at: datetime) -> None:
    """After a late reading: done, tried again later, or given up after three tries."""
    document.tries += 1
    given_up = not done and document.tries >= LATE_TRIES
    document.problem = None if done else READING_GIVEN_UP if given_up else READING_LATE
    document.try_at = None if done or given_up else at + timedelta(minutes=10 * 2**document.tries)
    document.changed_at = at
    document.revision += 1


def awaited_readings(session: Session) -> list[Document]:
    """Sealed documents that the engine should be reading again."""
    return list(session.scalars(sa.select(Document).where(Document.problem == READING_LATE, Document.try_at.is_(None)).limit(1000)))


def late_documents(session: Session, now: datetime) -> list[Document]:
    """Sealed documents whose text is due to be tried again."""
    return list(session.scalars(sa.select(Document).where(Document.problem == READING_LATE, _come(Document.try_at, now)).limit(100)))


def replace_findings(session: Session, document_id: str, findings: Iterable[Finding]) -> None:
    session.execute(sa.delete(FindingRow).where(FindingRow.document_id == document_id))
    session.add_all(FindingRow(document_id=document_id, **asdict(finding)) for finding in findings)
    session.flush()
    session.expire(get_document(session, document_id), ["findings"])


def drop_findings(session: Session, document_id: str, codes: Sequence[str]) -> None:
    """Findings that are no longer so; the ledger keeps what was found when."""
    session.execute(sa.delete(FindingRow).where(FindingRow.document_id == document_id, FindingRow.code.in_(codes)))


def add_finding(session: Session, document_id: str, finding: Finding) -> None:
    session.add(FindingRow(document_id=document_id, **asdict(finding)))


def finding_of(row: FindingRow) -> Finding:
    return Finding(row.code, row.level, row.clause, row.authority, row.page, row.measured, row.limit)


@dataclass(frozen=True, slots=True)
class PageFact:
    """One judged page, as stored."""

    number: int
    sha256: str
    coding: Mapping[str, Any]
    raster: str | None
    seen: Mapping[str, Any] | None = None


def replace_pages(session: Session, document_id: str, pages: Sequence[PageFact]) -> None:
    """Its current pages; those that a new scan replaced stay."""
    session.execute(sa.delete(PageRow).where(PageRow.document_id == document_id, PageRow.superseded == 0))
    session.add_all(
        PageRow(
            document_id=document_id, number=p.number, sha256=p.sha256, coding=dict(p.coding), raster=p.raster, seen=p.seen and dict(p.seen)
        )
        for p in pages
    )
    session.flush()
    session.expire(get_document(session, document_id), ["pages"])


def replace_fields(session: Session, document_id: str, rows: Iterable[FieldRow]) -> None:
    """Newly read values take the place of those read before; what a person typed stays."""
    session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document_id, FieldRow.source.in_((*OF_THE_PAGE, "xml"))))
    session.add_all(rows)


def best_rows(document: Document) -> dict[str, FieldRow]:
    """The word that counts, by name; a value that a person took away counts as such."""
    best: dict[str, FieldRow] = {}
    for row in document.fields:
        if (row.value or row.source == "person") and (row.name not in best or row.rank < best[row.name].rank):
            best[row.name] = row
    return best


def next_version(session: Session, table: type[Archive] | type[Reading], document_id: str) -> int:
    newest = session.scalar(sa.select(sa.func.max(table.version)).where(table.document_id == document_id))
    return (newest or 0) + 1


# --- questions of the screens -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slice:
    """One screenful of documents, newest first."""

    documents: list[Document]
    total: int
    page: int
    pages: int
    cut: bool = False
    """More were found than `MOST_FOUND`: the oldest of them are left out."""


def list_documents(
    session: Session, *, states: Sequence[State] = (), search: str = "", cause: str = "", page: int = 1, size: int = 50
) -> Slice:
    """Documents with their findings, fields and archives loaded; `search` looks into titles and field values.

    `cause`: the code of what troubles them, or of a finding; meant beside states in which few stand.
    """
    query, cut = sa.select(Document), False
    if states:
        query = query.where(Document.state.in_(states))
    if cause:
        told = sa.exists().where(FindingRow.document_id == Document.id, FindingRow.code == cause)
        query = query.where(sa.or_(Document.problem == cause, told))
    troubled = query.with_only_columns(Document.id) if cause else None
    if search.strip():
        pattern = "%" + search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        found = sa.select(FieldRow.document_id).where(FieldRow.value.ilike(pattern, escape="\\"))
        # What a « pli confidentiel » contains is not found out by searching for it either.
        query = query.where(Document.confidential.is_(False))
        if is_large(session) and (indexed := found_words(session, search, MOST_FOUND + 1, states, troubled)) is not None:
            # Of many documents the index is asked: beginnings of words, not any part of one.
            query, cut = query.where(Document.id.in_(indexed[:MOST_FOUND])), len(indexed) > MOST_FOUND
        else:
            query = query.where(sa.or_(Document.title.ilike(pattern, escape="\\"), Document.id.in_(found)))
    if search.strip() or cause or not is_large(session):
        total = session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    else:
        counted = count_states(session)
        total = sum(counted.get(state, 0) for state in (states or State))
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    rows = session.scalars(
        query.options(
            selectinload(Document.findings),
            selectinload(Document.fields),
            selectinload(Document.archives),
            selectinload(Document.arrivals),
            selectinload(Document.pages),
        )
        .order_by(Document.received_at.desc(), Document.id)
        .limit(size)
        .offset((page - 1) * size)
    )
    return Slice(list(rows), total, page, pages, cut)


def first_file(session: Session, document_id: str) -> str:
    """SHA-256 of the file in which its first page lies, or, before it is judged, as which it came; empty where neither is known."""
    pages = sa.select(PageRow.sha256).where(PageRow.document_id == document_id, PageRow.superseded == 0).order_by(PageRow.number).limit(1)
    came = sa.select(Arrival.sha256).where(Arrival.document_id == document_id).order_by(Arrival.id).limit(1)
    return session.scalar(pages) or session.scalar(came) or ""


def count_states(session: Session) -> dict[State, int]:
    """How many documents stand where. Among many, those at rest are counted once a minute (`station.records.totals`)."""
    if not is_large(session):
        return _counted(session)
    return remember(session, "states", lambda: _counted(session, *AT_REST)) | _counted(session, *(set(State) - set(AT_REST)))


def _counted(session: Session, *states: State) -> dict[State, int]:
    query = sa.select(Document.state, sa.func.count()).group_by(Document.state)
    rows = session.execute(query.where(Document.state.in_(states)) if states else query)
    return {state: count for state, count in rows}  # noqa: C416 rows are not pairs to dict()


def recent_duplicates(session: Session, limit: int = 20) -> list[Arrival]:
    return list(
        session.scalars(
            sa.select(Arrival)
            .join(Document)
            .where(Arrival.duplicate.is_(True), Document.confidential.is_(False), Document.state != State.ERASED)
            .options(selectinload(Arrival.document))
            .order_by(Arrival.id.desc())
            .limit(limit)
        )
    )


def list_sightings(session: Session) -> list[Sighting]:
    """Files that lie in a folder and are not taken in, longest first."""
    return list(session.scalars(sa.select(Sighting).order_by(Sighting.since)))


def last_change(session: Session) -> str:
    """A text that changes whenever a list of documents would show something else."""
    # By an index from its end: the oldest are never looked at.
    newest = session.scalar(sa.select(Document.changed_at).order_by(Document.changed_at.desc()).limit(1))
    arrivals = session.scalar(sa.select(Arrival.id).order_by(Arrival.id.desc()).limit(1))
    sightings = session.execute(sa.select(sa.func.count(), sa.func.max(Sighting.since)).select_from(Sighting)).one()
    return f"{newest}|{arrivals}|{sightings}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What keeping the documents costs, in bytes."""

    pages: int
    vault: int
    archive: int
    attached: int
    """Of the archive: what lies in attachments."""
    waiting: int
    """Still lying in processed/, to be emptied."""
    archived_pages: int = 0
    """Pages of sealed documents: a held page lies in the vault only."""

    @property
    def vault_per_page(self) -> int | None:
        return self.vault // self.pages if self.pages else None

    @property
    def archive_per_page(self) -> int | None:
        return self.archive // self.archived_pages if self.archived_pages else None

    @property
    def attached_per_page(self) -> int | None:
        return self.attached // self.archived_pages if self.archived_pages else None


def cost_at_rest(session: Session) -> Cost:
    """Among many documents as it was summed up to a minute ago (`station.records.totals`)."""
    return remember(session, "cost", lambda: _cost(session)) if is_large(session) else _cost(session)


def _cost(session: Session) -> Cost:
    def total(column: Any, *where: Any) -> int:
        return int(session.scalar(sa.select(sa.func.coalesce(sa.func.sum(column), 0)).where(*where)) or 0)

    def count_pages(*where: Any) -> int:
        return session.scalar(sa.select(sa.func.count(PageRow.id)).where(PageRow.superseded == 0, *where)) or 0

    return Cost(
        pages=count_pages(),
        vault=total(Original.size),
        archive=total(Archive.size),
        attached=total(Archive.attached),
        waiting=total(Arrival.size, Arrival.moved_to.is_not(None), Arrival.moved_to != "", Arrival.emptied_at.is_(None)),
        archived_pages=count_pages(PageRow.document_id.in_(sa.select(Archive.document_id))),
    )


def to_empty(session: Session, before: datetime) -> list[Arrival]:
    """Files in processed/ whose document is sealed and that lie there since before `before`; of a confidential one at once."""
    return list(
        session.scalars(
            sa.select(Arrival)
            .join(Document)
            .where(
                sa.or_(Document.confidential, sa.and_(_safely_kept(), Arrival.arrived_at < before)),
                Arrival.moved_to.is_not(None),
                Arrival.moved_to != "",
                Arrival.emptied_at.is_(None),
                sa.or_(Document.problem.is_(None), Document.problem != DAMAGED),
            )
            .options(selectinload(Arrival.document).selectinload(Document.archives))
            .order_by(Arrival.arrived_at)
            .limit(200)
        )
    )


def _safely_kept() -> sa.ColumnElement[bool]:
    """Sealed, or replaced by documents of which each is sealed or replaced in its turn."""
    newer = sa.orm.aliased(Document)
    unfinished = (
        sa.select(Link.id)
        .join(newer, newer.id == Link.newer_id)
        .where(Link.older_id == Document.id, newer.state.not_in((State.SEALED, State.REPLACED)))
        .exists()
    )
    followed = sa.select(Link.id).where(Link.older_id == Document.id).exists()
    return sa.or_(Document.state == State.SEALED, sa.and_(Document.state == State.REPLACED, followed, ~unfinished))


DAMAGED = "vault-damaged"


def note_damaged(session: Session, document_id: str, detail: str, at: datetime) -> None:
    """What is kept no longer has its fingerprint: said on the document, whose file stays in processed/."""
    document = get_document(session, document_id)
    document.problem, document.problem_detail = DAMAGED, detail
    document.changed_at = at
    document.revision += 1


def note_mended(session: Session, document_id: str, at: datetime) -> None:
    """What was damaged was put back: all that is kept of the document has its fingerprint again."""
    document = get_document(session, document_id)
    if document.problem == DAMAGED:
        document.problem = document.problem_detail = None
        document.changed_at = at
        document.revision += 1


def note_emptied(session: Session, arrival_ids: Sequence[int], at: datetime) -> None:
    session.execute(sa.update(Arrival).where(Arrival.id.in_(arrival_ids)).values(emptied_at=at))


# --- workers ------------------------------------------------------------------------------------

DEAD_AFTER = timedelta(seconds=15)
"""Without a heartbeat for so long, a worker's documents are given to the living."""


def beat(session: Session, executor: str, kind: str, pid: int, at: datetime, host: str = "") -> None:
    """One heartbeat; `host`: the name of its machine."""
    worker = session.get(Worker, executor)
    if worker is None:
        session.add(Worker(executor=executor, kind=kind, host=host, pid=pid, started_at=at, beat_at=at))
        return
    if (worker.pid, worker.host) != (pid, host):
        worker.host = host
        worker.pid, worker.started_at = pid, at
    worker.kind, worker.beat_at = kind, at


def note_look(session: Session, executor: str, at: datetime, *, taken: bool) -> None:
    """All folders were looked into; `taken` if a file was taken in."""
    values = {"looked_at": at, "taken_at": at} if taken else {"looked_at": at}
    session.execute(sa.update(Worker).where(Worker.executor == executor).values(**values))


def end_worker(session: Session, executor: str) -> None:
    session.execute(sa.delete(Worker).where(Worker.executor == executor))


def living_workers(session: Session, now: datetime, patience: timedelta) -> list[Worker]:
    return list(session.scalars(sa.select(Worker).where(Worker.beat_at >= now - patience).order_by(Worker.executor)))


def all_workers(session: Session) -> list[Worker]:
    return list(session.scalars(sa.select(Worker).order_by(Worker.executor)))


def dead_workers(session: Session, now: datetime, patience: timedelta) -> list[Worker]:
    return list(session.scalars(sa.select(Worker).where(Worker.beat_at < now - patience).order_by(Worker.executor)))


# --- people and decisions -----------------------------------------------------------------------


def add_decision(
    session: Session,
    document: Document,
    choice: str,
    reason: str,
    actor: str,
    at: datetime,
    was: State | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Decision:
    """One decision of a person; `was` is where the document stood before it."""
    row = Decision(
        document_id=document.id, choice=choice, reason=reason, actor=actor, decided_at=at, was=was, detail=detail and dict(detail)
    )
    session.add(row)
    session.flush()
    session.expire(document, ["decisions"])
    return row
