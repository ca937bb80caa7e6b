"""Stations with their scanners' passports, and the batches that are fed at their desks."""

from datetime import datetime
from secrets import token_hex
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session, selectinload

from capture.separate import Kind, Recipe
from capture.slips import MAX_SHEETS
from config.options import recipe_of
from config.settings import Station
from conformity.circumstances import Source
from station import acts, passports
from station.batches import Opening, ask_redo, begin_batch, drop_redo, edit_batch, end_batch, propose_plan, undo_edit
from station.probe import folder_health
from station.records import batches, documents
from station.records.tables import Batch, Document, State
from station.web import desk, stack
from station.web.api.documents import ShownDocument, show_document
from station.web.api.problems import Trouble
from station.web.api.shapes import (
    Asking,
    Cursor,
    Day,
    Done,
    Limit,
    Name,
    Number,
    Page,
    Sent,
    Shape,
    cursor_values,
    entity_of,
    moment_of,
    page_of,
    workstation_of,
)
from station.web.batch import REASONS, edit_of
from station.web.words import words_in

router = APIRouter()
Key = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]+$")]


class ShownStation(Shape):
    name: str
    kind: str
    source: str
    profile: str
    healthy: bool
    last_taken: datetime | None
    passport_overdue: bool
    open_batch: str | None


class ShownPassport(Shape):
    """What a scanned target said of a scanner."""

    id: int
    station: str
    device: str
    made_at: datetime
    outcome: str
    document_id: str
    sha256: str
    body: dict[str, Any]


class ShownBatch(Shape):
    id: str
    station: str
    kind: str
    opened_at: datetime
    opened_by: str | None
    ended_at: datetime | None
    closed_at: datetime | None
    expected_sheets: int | None
    arrival_date: str | None
    box: str | None


class BatchDocuments(ShownBatch):
    documents: list[ShownDocument]


class Part(Shape):
    """A document that the open batch would become."""

    type: str | None
    pages: list[str] = Field(description="Keys of its pages, by which edits name them")


class Plan(ShownBatch):
    documents: list[Part]
    apart: list[str] = Field(description="Keys of sheets that belong to no document")
    edits: int
    waiting: int = Field(description="Files that are not judged yet")


class Open(Sent):
    sheets: Annotated[int, Field(ge=1, le=MAX_SHEETS)] | None = None
    arrived: Day | None = None
    box: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] = ""
    separation: Kind | None = Field(None, strict=False, description="null: as the station is set")
    pattern: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")] = "*"
    sticker: bool = True
    pages: Annotated[int, Field(ge=1, le=999)] = 1
    source: Literal["paper", "print"] | None = None


class Count(Sent):
    sheets: Annotated[int, Field(ge=1, le=MAX_SHEETS)] | None


class EditSent(Sent):
    do: Literal["split", "merge", "apart", "back", "forth", "into"]
    key: Key
    into: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = ""


class Redo(Sent):
    document_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,32}$")]
    page: Annotated[int, Field(ge=0, le=9999)] = Field(0, description="0: the whole file")
    reason: Literal[REASONS]  # type: ignore[valid-type]  # the reasons of the page


@router.get("/stations", tags=["stations"], summary="Every station of this company")
def stations(request: Request, session: desk.InReading) -> list[ShownStation]:
    return [_show(request, session, station) for station in workstation_of(request).settings.stations]


@router.get("/stations/{name}", tags=["stations"], summary="One station")
def one_station(request: Request, session: desk.InReading, name: Name) -> ShownStation:
    return _show(request, session, _station(request, name))


def _show(request: Request, session: Session, station: Station) -> ShownStation:
    workstation = workstation_of(request)
    health = next((h for h in folder_health(session, workstation.settings, workstation.clock()) if h.station == station.name), None)
    batch = batches.open_batch_at(session, station.name)
    return ShownStation(
        name=station.name, kind=station.kind, source=station.source, profile=station.profile, healthy=health is not None and health.ok,
        last_taken=health.last_taken if health else None,
        passport_overdue=passports.is_overdue(session, station, workstation.clock().date()), open_batch=batch.id if batch else None,
    )  # fmt: skip


@router.get("/stations/{name}/passports", tags=["stations"], summary="What targets said of its scanners, newest first")
def station_passports(request: Request, session: desk.InReading, name: Name) -> list[ShownPassport]:
    _station(request, name)
    return [_passport(row) for row in passports.list_passports(session, name)]


@router.get("/stations/{name}/passports/{number}", tags=["stations"], summary="One passport")
def station_passport(request: Request, session: desk.InReading, name: Name, number: Number) -> ShownPassport:
    _station(request, name)
    row = passports.find_passport(session, name, number)
    if row is None:
        raise Trouble(404, "unknown")
    return _passport(row)


def _passport(row: Any) -> ShownPassport:
    return ShownPassport(
        id=row.id, station=row.station, device=row.device, made_at=row.made_at, outcome=row.outcome, document_id=row.document_id,
        sha256=passports.body_hash(row.body), body=row.body,
    )  # fmt: skip


# --- batches ---


@router.get("/batches", tags=["batches"], summary="Batches, newest first")
def list_batches(
    request: Request,
    response: Response,
    session: desk.InReading,
    limit: Limit = 50,
    cursor: Cursor = "",
    station: Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9-]*$")] = "",
) -> Page[ShownBatch]:
    names = [each.name for each in workstation_of(request).settings.stations if station in ("", each.name)]
    place = cursor_values(cursor, str, str)
    where: list[sa.ColumnElement[bool]] = [Batch.station.in_(names)]
    if place is not None:
        at = moment_of(place[0])
        where.append(sa.or_(Batch.opened_at < at, sa.and_(Batch.opened_at == at, Batch.id < place[1])))
    rows = list(session.scalars(sa.select(Batch).where(*where).order_by(Batch.opened_at.desc(), Batch.id.desc()).limit(limit + 1)))
    return page_of(request, response, rows, limit, lambda row: (row.opened_at.isoformat(), row.id), ShownBatch.model_validate)


@router.get("/batches/{batch_id}", tags=["batches"], summary="One batch and its documents")
def one_batch(request: Request, session: desk.InReading, batch_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,32}$")]) -> BatchDocuments:
    batch = session.scalar(sa.select(Batch).where(Batch.id == batch_id))
    if batch is None or batch.station not in {each.name for each in workstation_of(request).settings.stations}:
        raise Trouble(404, "unknown")
    loads = [selectinload(getattr(Document, name)) for name in ("findings", "pages", "archives")]
    mine = (Document.batch_id == batch.id, Document.entity == entity_of(request), Document.state != State.ERASED)
    found = session.scalars(sa.select(Document).where(*mine).options(*loads).order_by(Document.received_at, Document.id))
    return BatchDocuments(**ShownBatch.model_validate(batch).model_dump(), documents=[show_document(each) for each in found])


@router.get("/stations/{name}/batch", tags=["batches"], summary="The open batch, and the documents that it would become")
def open_batch(request: Request, session: desk.InReading, name: Name) -> Plan:
    station, batch = _station(request, name), _open(request, session, name)
    plan = propose_plan(session, batch, recipe_of(station))
    waiting = sum(document.state == State.RECEIVED for document in batches.documents_in(session, batch.id))
    return Plan(
        **ShownBatch.model_validate(batch).model_dump(), edits=len(batch.edits or []), waiting=waiting,
        documents=[Part(type=part.document_type or None, pages=list(part.keys)) for part in plan.documents],
        apart=[each.key for each in plan.apart],
    )  # fmt: skip


@router.post("/stations/{name}/batch", tags=["batches"], status_code=201, summary="Open a batch: every file of the station joins it")
def begin(request: Request, session: desk.InWriting, person: Asking, name: Name, said: Open) -> ShownBatch:
    _station(request, name)
    now = workstation_of(request).clock()
    recipe = Recipe(said.separation, said.pattern, said.sticker, said.pages) if said.separation else None
    opening = Opening(said.sheets, said.arrived, said.box or None, recipe, Source(said.source) if said.source else None)
    batch = begin_batch(session, name, entity_of(request), f"{now:%y%m%d}-{token_hex(3)}", person, opening, now)
    return ShownBatch.model_validate(batch)


@router.patch("/stations/{name}/batch", tags=["batches"], summary="Correct the number of sheets that were announced")
def count(request: Request, session: desk.InWriting, name: Name, said: Count) -> ShownBatch:
    _station(request, name)
    batch = _open(request, session, name)
    batch.expected_sheets = said.sheets
    return ShownBatch.model_validate(batch)


@router.post("/stations/{name}/batch/edits", tags=["batches"], summary="One correction of the proposed documents")
def edit(request: Request, session: desk.InWriting, name: Name, said: EditSent) -> Done:
    station, batch = _station(request, name), _open(request, session, name)
    recipe = recipe_of(station)
    try:
        edit_batch(session, batch, recipe, edit_of(propose_plan(session, batch, recipe), said.do, said.key, said.into))
    except ValueError as error:
        raise Trouble(422, "unreadable", errors=[{"where": "body/key", "words": said.do}]) from error
    return Done()


@router.post("/stations/{name}/batch/undo", tags=["batches"], summary="Take the last correction back")
def undo(request: Request, session: desk.InWriting, name: Name) -> Done:
    _station(request, name)
    undo_edit(_open(request, session, name))
    return Done()


@router.post("/stations/{name}/batch/redo", tags=["batches"], summary="The next file takes the place of this page")
def redo(request: Request, session: desk.InWriting, person: Asking, name: Name, said: Redo) -> Done:
    workstation, t = workstation_of(request), words_in(workstation_of(request).settings.language)
    _station(request, name)
    side = stack.find_side(session, _open(request, session, name), f"{said.document_id}:{said.page}", workstation, t)
    if side is None or not side.redoable:
        raise Trouble(409, "not-offered")
    document, words = documents.get_document(session, side.document_id), t(f"redo.reason-{said.reason}")
    if side.number:
        ask_redo(session, document, side.number, words, person, workstation.clock())
    else:
        acts.decide(session, document.id, "rescan", words, person, workstation.clock())
    return Done()


@router.post("/stations/{name}/batch/redo/drop", tags=["batches"], summary="The page stays as it is")
def drop(request: Request, session: desk.InWriting, name: Name) -> Done:
    _station(request, name)
    _open(request, session, name)
    drop_redo(session, name, workstation_of(request).clock())
    return Done()


@router.post("/stations/{name}/batch/end", tags=["batches"], summary="End the batch: its documents are formed once all files are judged")
def end(request: Request, session: desk.InWriting, person: Asking, name: Name) -> ShownBatch:
    station, batch = _station(request, name), _open(request, session, name)
    now = workstation_of(request).clock()
    drop_redo(session, name, now)
    end_batch(session, batch, recipe_of(station), person, now, lambda: token_hex(16))
    return ShownBatch.model_validate(batch)


def _station(request: Request, name: str) -> Station:
    found = next((each for each in workstation_of(request).settings.stations if each.name == name), None)
    if found is None:
        raise Trouble(404, "unknown")
    return found


def _open(request: Request, session: Session, name: str) -> Batch:  # noqa: ARG001 the station was asked before
    batch = batches.open_batch_at(session, name)
    if batch is None:
        raise Trouble(409, "no-batch")
    return batch
