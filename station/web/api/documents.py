"""Documents: what is known of each, its files, and what a person says and decides about it."""

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

import pikepdf
import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from pydantic import Field
from sqlalchemy.orm import Session, selectinload
from starlette.concurrency import run_in_threadpool

from capture.catalogue import message
from conformity.circumstances import Source
from ocr.values import NAMES
from station import acts, corrections, erasure, learning, twins
from station.corrections import Order, give_up, may_give_up
from station.evidence import gauge_of
from station.logbook import told_proof
from station.particulars import held_alike, judge_twins
from station.records import documents
from station.records.documents import finding_of
from station.records.ledger import story_of
from station.records.tables import Archive, Document, State
from station.retention import renew_terms, retention_json, say_retention
from station.review import best_rows
from station.sources import SAYABLE, say_source
from station.verdicts import verdict_json, verdict_of
from station.versions import GIVEN_UP
from station.web import desk
from station.web.api.problems import Trouble
from station.web.api.shapes import (
    Asking,
    Cursor,
    Day,
    DocumentId,
    Done,
    Limit,
    Line,
    Moment,
    Page,
    Reason,
    Sent,
    Shape,
    cursor_values,
    entity_of,
    moment_of,
    page_of,
    require_document,
    workstation_of,
)
from station.web.documents import OTHER_KINDS, media_of
from station.web.dropping import drop_file
from station.web.verdict import told_verdict
from station.web.words import words_in

router = APIRouter(tags=["documents"])
LISTED_STATES = frozenset(State) - {State.ERASED}
FileName = Annotated[
    str, Query(min_length=1, max_length=200, pattern=r"^[^\x00/\\]+$", description="The file's name, as the scanner would give it")
]


class ShownDocument(Shape):
    """One document. Of a confidential one only the identifier, station, state and times are told."""

    id: str
    entity: str
    station: str
    batch: str
    state: str = Field(description="received, judged, held, read, sealed, failed, duplicate, set aside, waiting, replaced")
    type: str = Field(description="invoice, credit-note, order, delivery, contract, cheque, letter, other")
    title: str | None
    verdict: str | None = Field(description="conform, review, blocked; null until judged")
    source: str = Field(description="paper, print, electronic, unknown")
    paper_stays: bool = Field(description="The paper remains the original")
    confidential: bool
    problem: str | None = Field(description="Code of the trouble that a person should know of")
    pages: int
    received_at: datetime
    changed_at: datetime
    sealed: str | None = Field(description="SHA-256 of the newest sealed file")


class Value(Shape):
    """A value read from a document, or said by a person."""

    name: str
    value: str | None = Field(
        description="Canonical: ISO date, decimal with a point, rows as JSON; null where a person said that there is none"
    )
    source: str = Field(description="person, xml, rule, read")
    counts: bool = Field(description="The word that counts among those of this name")
    confidence: float | None
    page: int | None
    box: list[float] | None = Field(description="Left, top, right, bottom in pixels of the page")
    raw: str | None = Field(description="As the page prints it")


class FoundThing(Shape):
    """One finding of the catalogue."""

    code: str
    level: str
    page: int | None
    clause: str | None
    measured: str | None
    limit: str | None
    words: str


class ShownPage(Shape):
    number: int
    original: str = Field(description="SHA-256 of the file in which it lies")
    raster: str | None = Field(description="Fingerprint of its pixels")
    has_image: bool = Field(description="Whether the working image can be had")


class Original(Shape):
    sha256: str
    size: int
    address: str


class Entry(Shape):
    """What the ledger tells of a document."""

    sequence: int
    type: str
    at: datetime
    proof: dict[str, Any] | None = Field(description="Inclusion proof against the newest checkpoint; null where none covers it yet")


class Proof(Shape):
    level: str | None = Field(description="How far the evidence goes: the last step up to which none is lacking")
    missing: list[str] = Field(description="Steps that are lacking, the lowest first")
    practice: bool
    checks: list[dict[str, Any]] = Field(description="What was proved after the newest file was written")
    entries: list[Entry]


class Offered(Shape):
    """What may be decided about a document as it stands, and what was decided."""

    offered: list[str]
    taken: list[dict[str, Any]]


class Decide(Sent):
    choice: Literal["treat", "rescan", "retry", "confidential", "not-invoice", "give-up"]
    reason: Reason
    kind: str | None = Field(None, max_length=20, description="With not-invoice: what it is instead, or aside")


class Say(Sent):
    value: Line | None = Field(description="As a person types it; null: the page holds no such value")
    sure: bool = Field(False, description="Said once more although the check digits do not fit")


class Nature(Sent):
    source: Literal["paper", "print", "electronic"]
    reason: Reason
    supplier: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = ""


class Correct(Sent):
    what: Literal["type", "order", "split", "merge", "company"]
    reason: Reason
    kind: str = Field("", max_length=20)
    pages: list[Annotated[int, Field(ge=1, le=9999)]] = Field(
        default=[], max_length=2000, description="order: all pages anew; split: first page of each part"
    )
    other: str = Field("", max_length=32, pattern=r"^[0-9A-Za-z-]*$", description="merge: the document to be joined")
    company: str = Field("", max_length=60)


class Retained(Shape):
    until: str | None
    components: list[dict[str, Any]]
    asset: bool
    last_operation: str | None
    hold: int | None


class SayRetention(Sent):
    asset: bool = False
    last_operation: Day | None = None


class Erase(Sent):
    step: Literal["ask", "confirm", "withdraw"]
    reason: str = Field("", max_length=2000, pattern=r"^[^\x00]*$", description="With ask")
    visa: str = Field("", max_length=120, pattern=r"^[^\x00]*$", description="With ask, of public bodies")


class Pair(Shape):
    first: ShownDocument
    second: ShownDocument
    kind: str = Field(description="pixels: the same; alike: similar")


class Settle(Sent):
    choice: Literal["same", "distinct"]


class Taken(Shape):
    """The file lies in the station's folder; its document appears once the intake has taken it."""

    name: str
    station: str


def show_document(document: Document) -> ShownDocument:
    hidden = document.confidential
    return ShownDocument(
        id=document.id,
        entity=document.entity,
        station=document.station,
        batch=document.batch_id,
        state=document.state.value,
        type=document.document_type,
        title=None if hidden else document.title,
        verdict=None if hidden else document.verdict,
        source=acts.source_of(document).value if not hidden else "unknown",
        paper_stays=document.paper_stays,
        confidential=hidden,
        problem=document.problem,
        pages=0 if hidden else len(document.current_pages),
        received_at=document.received_at,
        changed_at=document.changed_at,
        sealed=None if hidden or not document.archives else _newest(document).sha256,
    )


def _newest(document: Document) -> Archive:
    return max(document.archives, key=lambda archive: archive.version)


@router.get("/documents", summary="Documents, newest first")
def list_documents(
    request: Request,
    response: Response,
    session: desk.InReading,
    limit: Limit = 50,
    cursor: Cursor = "",
    state: Annotated[
        Literal["", "received", "judged", "held", "read", "sealed", "failed", "duplicate", "set aside", "waiting", "replaced"], Query()
    ] = "",
    station: Annotated[str, Query(max_length=40, pattern=r"^[^\x00]*$")] = "",
    type: Annotated[str, Query(max_length=20, pattern=r"^[^\x00]*$")] = "",
    changed_since: Moment | None = None,
) -> Page[ShownDocument]:
    place = cursor_values(cursor, str, str)
    where = [Document.entity == entity_of(request), Document.state != State.ERASED]
    where += [Document.state == State(state)] if state else []
    where += [Document.station == station] if station else []
    where += [Document.document_type == type] if type else []
    if changed_since is not None:
        where.append(Document.changed_at >= changed_since)
    if place is not None:
        at = moment_of(place[0])
        where.append(sa.or_(Document.received_at < at, sa.and_(Document.received_at == at, Document.id < place[1])))
    loads = [selectinload(getattr(Document, name)) for name in ("findings", "pages", "archives")]
    query = sa.select(Document).where(*where).options(*loads).order_by(Document.received_at.desc(), Document.id.desc()).limit(limit + 1)
    rows = list(session.scalars(query))
    return page_of(request, response, rows, limit, lambda row: (row.received_at.isoformat(), row.id), show_document)


@router.post(
    "/documents",
    status_code=202,
    summary="A file into a station's folder, as its scanner would put it there",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def upload(request: Request, name: FileName, station: Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9-]+$")]) -> Taken:
    """What it is is judged by the intake, as of any other file; the same bytes again are told as a duplicate."""
    workstation = workstation_of(request)
    chosen = next((each for each in workstation.settings.stations if each.name == station), None)
    if chosen is None:
        raise Trouble(404, "unknown")
    most = desk.house_of(request).settings.intake.max_file_megabytes * 1_000_000
    with tempfile.TemporaryFile(dir=workstation.home) as body:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise Trouble(413, "too-large")
            await run_in_threadpool(body.write, chunk)
        if not size:
            raise Trouble(422, "no-file")
        body.seek(0)
        try:
            path = await run_in_threadpool(drop_file, workstation.settings.folder_of(chosen), name, body)
        except OSError as error:
            raise Trouble(507, "disk") from error
    return Taken(name=path.name, station=station)


@router.get("/documents/{document_id}", summary="One document")
def one_document(session: desk.InReading, document_id: DocumentId) -> ShownDocument:
    return show_document(documents.get_document(session, document_id))


@router.get("/documents/{document_id}/fields", summary="Its values, from every source")
def fields(session: desk.InReading, document_id: DocumentId) -> list[Value]:
    document = documents.get_document(session, document_id)
    best = {row.id for row in best_rows(document).values()}
    rows = sorted(document.fields, key=lambda row: (row.name, row.rank))
    return [
        Value(name=r.name, value=r.value, source=r.source, counts=r.id in best, confidence=r.confidence, page=r.page, box=r.box, raw=r.raw)
        for r in rows
    ]


@router.post("/documents/{document_id}/fields/{name}", summary="Correct, confirm or take away one value")
def say_field(
    request: Request,
    session: desk.InWriting,
    person: Asking,
    document_id: DocumentId,
    name: Annotated[Literal[NAMES], InPath()],  # type: ignore[valid-type]  # the names of values are one tuple
    said: Say,
) -> Done:
    if name not in learning.TYPED:
        raise Trouble(404, "unknown")
    try:
        value = None if said.value is None else learning.parse_typed(name, " ".join(said.value.split()), confirmed=said.sure)
    except learning.Unreadable as error:
        raise Trouble(422, "unclear", errors=[{"where": "body/value", "words": error.kind}]) from error
    if value is None and said.value is not None:
        raise Trouble(422, "unclear", errors=[{"where": "body/value", "words": "empty"}])
    learning.say_value(session, workstation_of(request), document_id, name, value, person)
    return Done()


@router.get("/documents/{document_id}/findings", summary="What was found about it")
def findings(request: Request, session: desk.InReading, document_id: DocumentId) -> list[FoundThing]:
    language = workstation_of(request).settings.language
    return [
        FoundThing(
            code=row.code, level=row.level.value, page=row.page, clause=row.clause, measured=row.measured, limit=row.limit,
            words=message(finding_of(row), language),
        )
        for row in documents.get_document(session, document_id).findings
    ]  # fmt: skip


@router.get("/documents/{document_id}/pages", summary="Its pages in their order")
def pages(request: Request, session: desk.InReading, document_id: DocumentId) -> list[ShownPage]:
    workstation, document = workstation_of(request), documents.get_document(session, document_id)
    return [
        ShownPage(
            number=page.number, original=page.sha256, raster=page.raster,
            has_image=workstation.light_image(document, page.number).is_file(),
        )
        for page in document.current_pages
    ]  # fmt: skip


_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}}
_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}}


@router.get(
    "/documents/{document_id}/pages/{number}/image",
    summary="The working image, never evidence",
    response_class=FileResponse,
    responses=_JPEG,
)
def page_image(
    request: Request, session: desk.InReading, document_id: DocumentId, number: Annotated[int, InPath(ge=1, le=9999)]
) -> Response:
    path = workstation_of(request).light_image(documents.get_document(session, document_id), number)
    if not path.is_file():
        raise Trouble(404, "unknown")
    return FileResponse(path, media_type="image/jpeg")


@router.get("/documents/{document_id}/verdict", summary="Clause by clause, whether it is a faithful copy")
def verdict(request: Request, session: desk.InReading, document_id: DocumentId) -> dict[str, Any]:
    document = documents.get_document(session, document_id)
    return told_verdict(document, verdict_json(verdict_of(session, document, workstation_of(request).settings)))


@router.get("/documents/{document_id}/originals", summary="The files in which it came")
def originals(request: Request, session: desk.InReading, document_id: DocumentId) -> list[Original]:
    sizes = {arrival.sha256: arrival.size for arrival in documents.arrivals_of(session, documents.get_document(session, document_id))}
    here = request.url.path
    return [Original(sha256=sha256, size=size, address=f"{here}/{sha256}") for sha256, size in sorted(sizes.items())]


@router.get("/documents/{document_id}/originals/{sha256}", summary="One, byte for byte", response_class=FileResponse, responses=_BYTES)
def original(
    request: Request, session: desk.InReading, document_id: DocumentId, sha256: Annotated[str, InPath(pattern=r"^[0-9a-f]{64}$")]
) -> Response:
    document = documents.get_document(session, document_id)
    if sha256 not in {arrival.sha256 for arrival in document.arrivals} | {page.sha256 for page in document.pages}:
        raise Trouble(404, "unknown")
    path = workstation_of(request).originals.path(sha256)
    return _file(path, "application/octet-stream", f"{sha256}{media_of(path)[1]}")


@router.get("/documents/{document_id}/sealed", summary="The sealed PDF/A-3, byte for byte", response_class=FileResponse, responses=_PDF)
def sealed(
    request: Request, session: desk.InReading, document_id: DocumentId, version: Annotated[int | None, Query(ge=1, le=9999)] = None
) -> Response:
    found = [each for each in documents.get_document(session, document_id).archives if version in (None, each.version)]
    if not found:
        raise Trouble(404, "unknown")
    archive = max(found, key=lambda each: each.version)
    return _file(workstation_of(request).archives.path(archive.sha256, ".pdf"), "application/pdf", f"{archive.sha256}.pdf")


@router.get("/documents/{document_id}/capture-data", summary="The capture record that is attached to the newest sealed file")
def capture_data(request: Request, session: desk.InReading, document_id: DocumentId) -> dict[str, Any]:
    document = documents.get_document(session, document_id)
    path = workstation_of(request).archives.path(_newest(document).sha256, ".pdf") if document.archives else None
    if path is None or not path.is_file():
        raise Trouble(404, "unknown")
    try:
        with pikepdf.open(path) as pdf:
            if "capture-data.json" not in pdf.attachments:
                raise Trouble(404, "unknown")
            told: dict[str, Any] = json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())
    except (pikepdf.PdfError, ValueError) as error:
        raise Trouble(409, "damaged") from error
    return told


def _file(path: Path, media: str, name: str) -> Response:
    if not path.is_file():
        raise Trouble(404, "unknown")
    return FileResponse(path, media_type=media, filename=name)


@router.get("/documents/{document_id}/proof", summary="How far its evidence goes, and its entries of the ledger with their proofs")
def proof(request: Request, session: desk.InReading, document_id: DocumentId) -> Proof:
    document, settings = documents.get_document(session, document_id), workstation_of(request).settings
    entries = [
        Entry(sequence=sequence, type=kind, at=at, proof=told_proof(session, settings, document.entity, sequence))
        for sequence, kind, at, _ in story_of(session, document_id)
    ]
    checks = list(_newest(document).checks) if document.archives else []
    found = gauge_of(session, document, settings)
    missing = [each.value for each in found.missing]
    return Proof(level=found.level and found.level.value, missing=missing, practice=found.practice, checks=checks, entries=entries)


@router.get("/documents/{document_id}/decisions", summary="What may be decided, and what was")
def decisions(session: desk.InReading, document_id: DocumentId) -> Offered:
    document = documents.get_document(session, document_id)
    given = (GIVEN_UP,) if may_give_up(document) else ()
    taken = [
        {"choice": each.choice, "reason": each.reason, "by": each.actor, "at": each.decided_at.isoformat()} for each in document.decisions
    ]
    return Offered(
        offered=[*acts.offered_choices(document), *acts.offered_acts(document), *given], taken=taken if not document.confidential else []
    )


@router.post("/documents/{document_id}/decisions", summary="Decide about a held, failed or set-aside document, with a reason")
def decide(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: Decide) -> ShownDocument:
    workstation = workstation_of(request)
    document, now = documents.get_document(session, document_id), workstation.clock()
    if said.choice == "not-invoice" and said.kind not in OTHER_KINDS:
        raise Trouble(422, "unreadable", errors=[{"where": "body/kind", "words": ", ".join(OTHER_KINDS)}])
    if said.choice == GIVEN_UP:
        give_up(session, document, Order(person, said.reason, now))
    else:
        hidden = [document_id, *(older.id for older in acts.replaced_by(session, document))] if said.choice == "confidential" else []
        alike = held_alike(session, hidden)
        acts.decide(session, document_id, said.choice, said.reason, person, now, said.kind or None)
        judge_twins(session, alike, workstation.settings)
    return show_document(document)


@router.put(
    "/documents/{document_id}/nature", summary="Say whether it was a paper, a print of an electronic invoice, or the electronic file"
)
def say_nature(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: Nature) -> ShownDocument:
    if said.source not in {each.value for each in SAYABLE}:
        raise Trouble(422, "unreadable", errors=[{"where": "body/source", "words": ", ".join(each.value for each in SAYABLE)}])
    now = workstation_of(request).clock()
    return show_document(say_source(session, document_id, Source(said.source), said.supplier, said.reason, person, now))


@router.post("/documents/{document_id}/corrections", summary="Correct its kind, order, cut or company by a further version")
def correct(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: Correct) -> ShownDocument:
    workstation, document = workstation_of(request), documents.get_document(session, document_id)
    word = Order(person, said.reason, workstation.clock())
    try:
        return show_document(_corrected(session, request, document, said, word))
    except ValueError as error:
        raise Trouble(422, "unreadable", errors=[{"where": "body", "words": said.what}]) from error


def _corrected(session: Session, request: Request, document: Document, said: Correct, word: Order) -> Document:
    new_id = lambda: uuid4().hex  # noqa: E731 a source of names is a function
    if any(number > len(document.current_pages) for number in said.pages):
        raise ValueError("no such page")
    match said.what:
        case "type":
            return corrections.retype(session, document, said.kind, word)
        case "order":
            return corrections.reorder(session, document, said.pages, word)
        case "split":
            return corrections.split(session, document, said.pages, word, new_id)[0]
        case "merge":
            return corrections.merge(session, document, require_document(session, request, said.other), word, new_id)
        case "company":
            if said.company not in desk.entities_of(request):
                raise ValueError(said.company)
            return corrections.change_company(session, document, said.company, desk.house_of(request).settings.entities, word, new_id)


@router.get("/documents/{document_id}/retention", summary="Until when it is kept, and why")
def retention(session: desk.InReading, document_id: DocumentId) -> Retained:
    told = retention_json(session, documents.get_document(session, document_id))
    if told is None:
        raise Trouble(404, "unknown")
    return Retained(**told)


@router.put("/documents/{document_id}/retention", summary="Say that it is an asset's invoice, or when its last operation was entered")
def say_kept(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: SayRetention) -> Done:
    workstation, document = workstation_of(request), documents.get_document(session, document_id)
    say_retention(session, document, workstation.settings, said.asset, said.last_operation, person, workstation.clock())
    return Done()


@router.post("/documents/{document_id}/erasure", summary="Ask for its erasure; another person confirms, anybody takes it back")
def erase(request: Request, person: Asking, document_id: DocumentId, said: Erase) -> Done:
    workstation = workstation_of(request)
    if said.step == "ask" and not said.reason:
        raise Trouble(422, "unreadable", errors=[{"where": "body/reason", "words": "missing"}])
    with workstation.database.writing() as session:
        document, now = documents.get_document(session, document_id), workstation.clock()
        renew_terms(session, [document] if said.step != "withdraw" else [], workstation.settings, now)
        match said.step:
            case "ask":
                erasure.ask_erasure(session, document, said.reason, person, now, said.visa, public=workstation.settings.channel.public)
            case "confirm":
                erasure.confirm_erasure(session, document, person, now)
            case "withdraw":
                erasure.withdraw_erasure(session, document, person, now)
    if said.step == "confirm":
        erasure.finish_erasures(desk.house_of(request))
    return Done()


@router.get("/duplicates", summary="Pairs that look the same and await a decision")
def pairs(session: desk.InReading) -> list[Pair]:
    return [
        Pair(first=show_document(pair.first), second=show_document(pair.second), kind=pair.kind.value)
        for pair in twins.find_pairs(session)[:200]
        if not (pair.first.confidential or pair.second.confidential)
    ]


@router.post("/duplicates/{first}/{second}", summary="Put the later one aside (same), or keep both")
def settle(request: Request, session: desk.InWriting, person: Asking, first: DocumentId, second: DocumentId, said: Settle) -> Done:
    reason = words_in(workstation_of(request).settings.language)(f"twins.reason-{said.choice}")
    twins.settle_pair(session, first, second, said.choice, reason, person, workstation_of(request).clock())
    return Done()
