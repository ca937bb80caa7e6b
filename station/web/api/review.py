"""The review of invoices, accounts that wait for a second person, and the search."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from ocr.values import NAMES
from station import drift, learning, review, search
from station.acts import shown_document
from station.records import documents
from station.records import review as records
from station.records.search import find_entries
from station.records.tables import AccountChange, Document, Person, Review
from station.review import Outcome, Typed
from station.web import desk
from station.web.api.documents import ShownDocument, show_document
from station.web.api.problems import Trouble
from station.web.api.shapes import (
    Asking,
    Cursor,
    Day,
    DocumentId,
    Done,
    Limit,
    Line,
    Number,
    Page,
    Reason,
    Sent,
    Shape,
    cursor_from,
    cursor_values,
    entity_of,
    page_of,
    workstation_of,
)
from station.web.learning import cut_crop
from station.web.words import PARIS

router = APIRouter()
IfMatch = Annotated[
    str, Header(alias="If-Match", description="The revision that the sender knows, as the review gave it in ETag", pattern=r'^"\d{1,9}"$')
]


class Queued(Shape):
    """One line of the queue."""

    document_id: str
    stage: str = Field(description="open, account, done")
    supplier: str
    number: str
    gross: str | None
    currency: str | None
    due: str | None
    doubts: list[str]
    received_at: datetime
    held: bool
    hold_reason: str | None
    postponed_until: str | None
    assigned_to: str | None = Field(description="Pseudonym")
    holder: str | None = Field(description="Pseudonym of the colleague who has it open")
    revision: int


class Counts(Shape):
    mine: int
    team: int
    urgent: int
    held: int
    postponed: int
    sure: int
    account: int


class Said(Shape):
    """What is said of one field."""

    name: str
    value: str | None = Field(description="The value that counts now, canonical")
    source: str | None
    confidence: float | None
    doubtful: bool
    draft: dict[str, Any] | None = Field(description="What a clerk said and nobody submitted yet: state, typed, value")


class UnderReview(Shape):
    document_id: str
    revision: int
    stage: str
    holder: str | None
    held: bool
    postponed_until: str | None
    fields: list[Said]


class SentField(Sent):
    name: Literal[NAMES]  # type: ignore[valid-type]  # the names of values are one tuple
    text: Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$")] = Field("", description="As typed; of a list its rows as JSON")
    absent: bool = False
    sure: bool = False
    clear: bool = False


class SentFields(Sent):
    fields: list[SentField] = Field(min_length=1, max_length=60)


class Revised(Shape):
    revision: int
    unclear: list[str] = Field(default=[], description="Fields whose text is no value of theirs; it is kept as typed")


class Submit(Sent):
    whole: bool = Field(False, description="The rest was looked at too, and is right")


class Submitted(Shape):
    revision: int
    account_waits: bool = Field(description="The account waits for a second person")
    next: str | None = Field(description="The document to be looked at next")


class Until(Sent):
    until: Day


class Because(Sent):
    reason: Reason


class Hand(Sent):
    to: str = Field(min_length=1, max_length=40, description="Login")
    reason: Line = ""


class Account(Shape):
    """Another account than those known of a supplier."""

    id: int
    document_id: str
    supplier: str
    iban: str
    known: list[str]
    asked_by: str
    asked_at: datetime


class DecideAccount(Sent):
    approved: bool
    reason: Line = Field("", description="Needed for a refusal")


class Hit(Shape):
    document: ShownDocument
    supplier: str | None
    number: str | None
    gross: str | None


class Hits(Shape):
    items: list[Hit]
    total: int = Field(description="Counted to a thousand")
    unclear: list[str] = Field(description="What of the question was not understood")
    next: str | None


@router.get("/review", tags=["review"], summary="The queue")
def queue(
    request: Request,
    response: Response,
    person: Asking,
    limit: Limit = 50,
    cursor: Cursor = "",
    state: Literal["waiting", "urgent", "held", "postponed", "sure", "account", "done"] = "waiting",
    mine: bool = False,
    supplier: Annotated[str, Query(max_length=80, pattern=r"^[^\x00]*$")] = "",
    doubt: Annotated[str, Query(max_length=40, pattern=r"^[a-z_]*$")] = "",
    due: Day | None = None,
) -> Page[Queued]:
    """By the order in which the invoices came; what came meanwhile stands at the end."""
    review.catch_up(desk.house_of(request))
    place = cursor_values(cursor, str, str)
    with workstation_of(request).database.reading() as session:
        today = workstation_of(request).clock().astimezone(PARIS).date()
        wanted = records.Wanted(state, mine, supplier, doubt, due.isoformat() if due else "", "received")
        try:
            after = None if place is None else (datetime.fromisoformat(place[0]), place[1])
        except ValueError as error:
            raise Trouble(422, "cursor") from error
        if after is not None and after[0].tzinfo is None:
            raise Trouble(422, "cursor")
        rows = records.queue_after(session, entity_of(request), wanted, person.pseudonym, today, after, limit + 1)
        return page_of(request, response, rows, limit, lambda row: (row.received_at.isoformat(), row.document_id), _queued)


def _queued(row: Review) -> Queued:
    return Queued.model_validate(row)


@router.get("/review/counts", tags=["review"], summary="The figures above the queue")
def counts(request: Request, session: desk.InReading, person: Asking) -> Counts:
    today = workstation_of(request).clock().astimezone(PARIS).date()
    return Counts.model_validate(records.count_queue(session, entity_of(request), person.pseudonym, today))


@router.get("/review/{document_id}", tags=["review"], summary="One invoice: its values, doubts, and what is said and not yet submitted")
def one(request: Request, response: Response, document_id: DocumentId) -> UnderReview:
    review.ensure_review(workstation_of(request), document_id)
    with workstation_of(request).database.reading() as session:
        row, document = session.get_one(Review, document_id), shown_document(session, document_id)
        response.headers["ETag"] = f'"{row.revision}"'
        return UnderReview(
            document_id=document_id, revision=row.revision, stage=row.stage, holder=row.holder, held=row.held,
            postponed_until=row.postponed_until, fields=_fields(session, document),
        )  # fmt: skip


def _fields(session: Session, document: Document) -> list[Said]:
    best = review.best_rows(document)
    draft = review.draft_of(records.events_of(session, document.id))
    doubtful = set(review.doubtful_names(document, drift.thresholds_of(session, document.entity)))
    told = []
    for name in NAMES:
        row, mark = best.get(name), draft.get(name)
        if row is None and mark is None and name not in doubtful:
            continue
        said = None if mark is None else {"state": mark.state, "typed": mark.typed, "value": mark.value, "wrong": mark.wrong, "by": mark.by}
        told.append(
            Said(
                name=name, value=row.value if row else None, source=row.source if row else None,
                confidence=row.confidence if row else None, doubtful=name in doubtful, draft=said,
            )
        )  # fmt: skip
    return told


@router.get("/review/{document_id}/words", tags=["review"], summary="The words of each page with their boxes")
def words(request: Request, session: desk.InReading, document_id: DocumentId) -> dict[str, list[list[Any]]]:
    pages = learning.pages_of(workstation_of(request), shown_document(session, document_id))
    return {str(page.page): [[word.text, *word.box] for word in page.words] for page in pages}


@router.patch(
    "/review/{document_id}/fields", tags=["review"], summary="Say something of fields; 409 with both values where somebody else did"
)
def save(
    request: Request,
    response: Response,
    session: desk.InWriting,
    person: Asking,
    document_id: DocumentId,
    sent: SentFields,
    if_match: IfMatch,
) -> Revised:
    revision = int(if_match.strip('"'))
    typed = [Typed(each.name, each.text, absent=each.absent, sure=each.sure, clear=each.clear) for each in sent.fields]
    outcome = review.save_form(session, workstation_of(request), document_id, typed, revision, person)
    if outcome.clashes:
        _clash(outcome)
    draft = review.draft_of(records.events_of(session, document_id))
    response.headers["ETag"] = f'"{outcome.revision}"'
    unclear = [each.name for each in sent.fields if (mark := draft.get(each.name)) is not None and mark.state == "unclear"]
    return Revised(revision=outcome.revision, unclear=unclear)


def _clash(outcome: Outcome) -> None:
    """All or nothing: the transaction ends here, and the program chooses field by field. Raises Trouble."""
    told = [
        {"name": each.name, "mine": each.mine, "theirs": each.theirs, "by": each.who, "at": each.at.isoformat() if each.at else None}
        for each in outcome.clashes
    ]
    raise Trouble(409, "clash", clashes=told, revision=outcome.revision)


@router.post("/review/{document_id}/take", tags=["review"], summary="Have it open: nobody else is given it meanwhile")
def take(
    request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, over: Annotated[bool, Query()] = False
) -> Revised:
    row = review.take_review(session, document_id, person, workstation_of(request).clock(), over=over)
    if row.holder != person.pseudonym:
        raise Trouble(409, "held-by-other")
    return Revised(revision=row.revision)


@router.post("/review/{document_id}/undo", tags=["review"], summary="Undo the newest step")
def undo(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId) -> Revised:
    return _step(request, session, person, document_id, forward=False)


@router.post("/review/{document_id}/redo", tags=["review"], summary="Redo what was undone last")
def redo(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId) -> Revised:
    return _step(request, session, person, document_id, forward=True)


def _step(request: Request, session: Session, person: Person, document_id: str, *, forward: bool) -> Revised:
    if review.step_back(session, workstation_of(request), document_id, person, forward=forward) is None:
        raise Trouble(409, "not-offered")
    return Revised(revision=review.get_review(session, document_id).revision)


@router.post("/review/{document_id}/submit", tags=["review"], summary="What was said becomes a person's word")
def submit(request: Request, person: Asking, document_id: DocumentId, said: Submit) -> Submitted:
    workstation = workstation_of(request)
    with workstation.database.writing() as session:
        crop = lambda document, row: cut_crop(workstation, document, row.page, row.box)  # noqa: E731 a seam, bound here
        outcome = review.submit(session, workstation, document_id, person, crop, whole=said.whole)
        following = records.next_review(session, entity_of(request), person.pseudonym, workstation.clock(), document_id)
    if not outcome.done:
        if outcome.clashes:
            _clash(outcome)
        told = [{"where": name, "words": "unclear"} for name in outcome.unclear] + [
            {"where": n, "words": "doubtful"} for n in outcome.unlooked
        ]
        raise Trouble(422, "not-ready", errors=told, revision=outcome.revision)
    return Submitted(revision=outcome.revision, account_waits=outcome.account, next=following)


@router.post("/review/{document_id}/postpone", tags=["review"], summary="Out of the queue until a day")
def postpone(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: Until) -> Done:
    try:
        review.postpone(session, document_id, said.until, person, workstation_of(request).clock())
    except ValueError as error:
        raise Trouble(422, "day") from error
    return Done()


@router.post("/review/{document_id}/hold", tags=["review"], summary="Out of the queue until somebody takes it up again")
def hold(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: Because) -> Done:
    review.hold_review(session, document_id, said.reason, person, workstation_of(request).clock())
    return Done()


@router.post("/review/{document_id}/hand-over", tags=["review"], summary="To a colleague, whose queue it heads from now on")
def hand_over(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: Hand) -> Done:
    found = {each.login: each for each in records.colleagues(session, practice=workstation_of(request).practice)}
    if said.to not in found:
        raise Trouble(422, "nobody")
    review.hand_over(session, document_id, found[said.to], said.reason, person, workstation_of(request).clock())
    return Done()


@router.post("/review/{document_id}/resume", tags=["review"], summary="Back in the queue: what was held, postponed or submitted")
def resume(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId) -> Done:
    review.resume_review(session, document_id, person, workstation_of(request).clock())
    return Done()


# --- accounts that wait for a second person ---


@router.get("/accounts", tags=["accounts"], summary="Accounts that wait for a second person, the oldest first")
def accounts(request: Request, session: desk.InReading) -> list[Account]:
    rows = records.pending_accounts(session, entity_of(request))[:200]
    return [Account.model_validate(row) for row in rows if not documents.get_document(session, row.document_id).confidential]


@router.get("/accounts/{number}", tags=["accounts"], summary="One of them")
def one_account(request: Request, session: desk.InReading, number: Number) -> Account:
    return Account.model_validate(_account(request, session, number))


@router.post("/accounts/{number}/decision", tags=["accounts"], summary="The second person approves it, or refuses it with a reason")
def decide_account(request: Request, session: desk.InWriting, person: Asking, number: Number, said: DecideAccount) -> Done:
    _account(request, session, number)
    try:
        review.decide_account(session, workstation_of(request), number, person, said.reason, approved=said.approved)
    except ValueError as error:
        raise Trouble(422, "reason") from error
    return Done()


def _account(request: Request, session: Session, number: int) -> AccountChange:
    asked = session.get(AccountChange, number)
    if asked is None or asked.entity != entity_of(request):
        raise Trouble(404, "unknown")
    shown_document(session, asked.document_id)
    return asked


# --- search ---


@router.get("/search", tags=["search"], summary="Full text and fields, as the page Recherche understands them")
def look_up(
    request: Request,
    session: desk.InReading,
    q: Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")],
    sort: Literal["score", "date"] = "score",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    cursor: Cursor = "",
) -> Hits:
    place = cursor_values(cursor, str)
    query = search.parse_query(q)
    if query.asked.empty:
        return Hits(items=[], total=0, unclear=list(map(str, query.unclear)), next=None)
    found = find_entries(session, query.asked, (entity_of(request),), sort, place[0] if place else "", limit)
    hits = []
    for document_id in found.document_ids:
        document = documents.get_document(session, document_id)
        if document.confidential or document.state == "erased":
            continue
        best = {name: row.value for name, row in review.best_rows(document).items()}
        hits.append(
            Hit(
                document=show_document(document), supplier=best.get("supplier_name"), number=best.get("invoice_number"),
                gross=best.get("total_gross"),
            )
        )  # fmt: skip
    return Hits(
        items=hits, total=found.total, unclear=list(map(str, query.unclear)), next=cursor_from(found.after) if found.after else None
    )
