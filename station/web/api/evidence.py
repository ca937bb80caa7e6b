"""What is kept and proved: controls, holds, retention, packages for auditors, the ledger with its proofs."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field
from sqlalchemy.orm import Session

from station import controls, erasure, holds, tolerances
from station.access import Act, Note
from station.acts import actor_of
from station.checkpoints import consistency_of, inclusion_of
from station.controls import ASKED, NoLot
from station.exports import Export, Exports
from station.logbook import standing_of, told_standing
from station.package import scope_of
from station.records import documents
from station.records.ledger import head_at, tree_of
from station.records.tables import CheckpointRow, ControlLot, Hold, LedgerRow
from station.retention import asked_ends, due_ids, renew_terms, retention_of
from station.timekeeping import clock_word
from station.web import desk
from station.web.api.problems import Trouble
from station.web.api.shapes import (
    Asking,
    Cursor,
    Day,
    Done,
    Limit,
    Line,
    Number,
    Page,
    Reason,
    Sent,
    Shape,
    cursor_values,
    entity_of,
    page_of,
    require_document,
    workstation_of,
)
from station.web.export import exports_of
from workflow.retention import SCOPES

router = APIRouter()
Code = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$")]
Ids = Annotated[list[Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,32}$")]], Field(min_length=1, max_length=200)]
ExportId = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,40}$")]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


# --- controls ---


class Control(Shape):
    code: str
    name: str
    owner: str
    every_days: int
    procedure: str
    version: int
    last: date | None = Field(description="Day of the newest execution")


class Lot(Shape):
    id: int
    name: str
    outcome: str | None = Field(description="pass, fail; null while pages are left to look at")
    sample: list[str] = Field(description="Drawn pages, document:page")


class OpenLot(Lot):
    next: str | None = Field(description="The next page to look at beside its paper")
    seen: int


class Result(Sent):
    outcome: Literal["pass", "fail", "void"]
    note: Line = Field("", description="Needed for whatever is not good")


class PageSeen(Sent):
    item: Annotated[str, Field(max_length=60, pattern=r"^[0-9A-Za-z:-]+$")]
    identical: bool
    colour: bool
    complete: bool
    note: Line = ""


class Tolerance(Shape):
    id: int
    scope: str
    value: str
    reason: str
    starts: str
    ends: str | None
    revoked_at: datetime | None


@router.get("/controls", tags=["controls"], summary="The plan of internal controls")
def plan(request: Request, session: desk.InReading) -> list[Control]:
    entity = entity_of(request)
    last = controls.last_done(session, entity)
    return [
        Control(
            code=each.code, name=each.french, owner=each.owner, every_days=each.every_days, procedure=each.procedure, version=each.version,
            last=last.get(each.code),
        )
        for each in controls.control_catalogue(session, entity)
    ]  # fmt: skip


@router.post("/controls/{code}/results", tags=["controls"], status_code=201, summary="What an execution of a control found")
def note_result(request: Request, session: desk.InWriting, person: Asking, code: Code, said: Result) -> Done:
    workstation = workstation_of(request)
    if said.outcome != "pass" and not said.note:
        raise Trouble(422, "reason")
    try:
        at = workstation.clock()
        controls.note_result(session, entity_of(request), code, said.outcome, actor_of(person), at, said.note, clock_word(workstation))
    except NoLot as error:
        raise Trouble(404, "unknown") from error
    return Done()


@router.get("/controls/lots", tags=["controls"], summary="Lots and their samples, open ones first")
def lots(request: Request, session: desk.InReading) -> list[Lot]:
    return [_lot(row) for row in controls.list_lots(session, entity_of(request))]


@router.get("/controls/lots/{number}", tags=["controls"], summary="One lot, and the next page to look at")
def one_lot(request: Request, session: desk.InReading, number: Number) -> OpenLot:
    row = _find_lot(request, session, number)
    seen = len(controls.results_of(session, row.id))
    return OpenLot(**_lot(row).model_dump(), next=controls.next_item(session, row), seen=seen)


@router.post("/controls/lots/{number}/pages", tags=["controls"], summary="Three answers about one drawn page beside its paper")
def note_page(request: Request, session: desk.InWriting, person: Asking, number: Number, said: PageSeen) -> Lot:
    workstation, row = workstation_of(request), _find_lot(request, session, number)
    answers = {name: bool(getattr(said, name)) for name in ASKED}
    try:
        controls.note_page(session, row, said.item, answers, said.note, person, workstation.clock(), clock_word(workstation))
    except ValueError as error:
        raise Trouble(422, "reason") from error
    return _lot(row)


def _lot(row: ControlLot) -> Lot:
    return Lot(id=row.id, name=row.name, outcome=row.outcome, sample=list(row.sample))


def _find_lot(request: Request, session: Session, number: int) -> ControlLot:
    try:
        return controls.find_lot(session, entity_of(request), number)
    except NoLot as error:
        raise Trouble(404, "unknown") from error


@router.get("/tolerances", tags=["controls"], summary="Where missing colours are accepted")
def list_tolerances(request: Request, session: desk.InReading) -> list[Tolerance]:
    return [Tolerance.model_validate(row) for row in tolerances.list_tolerances(session, entity_of(request))]


# --- holds and retention ---


class ShownHold(Shape):
    id: int
    scope: str
    value: str
    reason: str
    starts: str
    ends: str | None
    placed_at: datetime
    actor: str
    lifted_at: datetime | None


class PlaceHold(Sent):
    scope: Literal[SCOPES]  # type: ignore[valid-type]  # the scopes are one tuple
    value: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00]+$")]
    reason: Reason
    starts: Day | None = Field(None, description="null: today")
    ends: Day | None = None


class Because(Sent):
    reason: Reason


class Ending(Shape):
    """A document whose term has passed."""

    document_id: str
    until: str | None
    asked_by: str | None = Field(description="Pseudonym of who asked for its deletion; another person confirms")


class AskEnds(Sent):
    documents: Ids
    reason: Reason
    visa: Annotated[str, Field(max_length=120, pattern=r"^[^\x00]*$")] = ""


class DecideEnds(Sent):
    documents: Ids
    step: Literal["confirm", "withdraw"]


@router.get("/holds", tags=["holds"], summary="Legal holds, newest first, lifted ones included")
def list_holds(request: Request, session: desk.InReading) -> list[ShownHold]:
    return [ShownHold.model_validate(row) for row in holds.list_holds(session) if row.entity == entity_of(request)]


@router.post("/holds", tags=["holds"], status_code=201, summary="Nothing that it covers may be deleted")
def place_hold(request: Request, session: desk.InWriting, person: Asking, said: PlaceHold) -> ShownHold:
    now = workstation_of(request).clock()
    if said.scope == "document":
        require_document(session, request, said.value, masked=True)
    try:
        days = (said.starts or now.date(), said.ends)
        row = holds.place_hold(session, entity_of(request), said.scope, said.value, said.reason, days, person, now)
    except ValueError as error:
        raise Trouble(422, "unreadable", errors=[{"where": "body/value", "words": said.scope}]) from error
    return ShownHold.model_validate(row)


@router.post("/holds/{number}/lift", tags=["holds"], summary="Lift it, with a reason")
def lift_hold(request: Request, session: desk.InWriting, person: Asking, number: Number, said: Because) -> ShownHold:
    row = session.get(Hold, number)
    if row is None or row.entity != entity_of(request):
        raise Trouble(404, "unknown")
    return ShownHold.model_validate(holds.lift_hold(session, number, said.reason, person, workstation_of(request).clock()))


@router.get("/retention", tags=["retention"], summary="Documents whose term has passed, and deletions that wait for a second person")
def ending(request: Request, session: desk.InReading) -> list[Ending]:
    asked, today = asked_ends(session), workstation_of(request).clock().date()
    told = []
    for document_id in sorted({*due_ids(session, today)[:1000], *asked}):
        document = documents.get_document(session, document_id)
        if document.entity != entity_of(request):
            continue
        row = retention_of(session, document_id)
        told.append(
            Ending(
                document_id=document_id,
                until=row.until if row else None,
                asked_by=asked[document_id].asked_by if document_id in asked else None,
            )
        )
    return told


@router.post("/retention/ask", tags=["retention"], summary="One person asks for their deletion, all or none")
def ask_ends(request: Request, session: desk.InWriting, person: Asking, said: AskEnds) -> Done:
    workstation = workstation_of(request)
    for document_id in said.documents:
        document = require_document(session, request, document_id, masked=True)
        renew_terms(session, [document], workstation.settings, workstation.clock())
        public = workstation.settings.channel.public
        erasure.ask_erasure(session, document, said.reason, person, workstation.clock(), said.visa, public=public)
    return Done()


@router.post("/retention/decide", tags=["retention"], summary="Another person confirms, and it is carried out; anybody takes it back")
def decide_ends(request: Request, person: Asking, said: DecideEnds) -> Done:
    workstation = workstation_of(request)
    with workstation.database.writing() as session:
        asked, now = asked_ends(session), workstation.clock()
        for document_id in said.documents:
            document = require_document(session, request, document_id, masked=True)
            if document_id not in asked:
                raise Trouble(409, "not-offered")
            if said.step == "confirm":
                renew_terms(session, [document], workstation.settings, now)
                erasure.confirm_erasure(session, document, person, now)
            else:
                erasure.withdraw_erasure(session, document, person, now)
    if said.step == "confirm":
        erasure.finish_erasures(desk.house_of(request))
    return Done()


# --- packages for auditors ---


class ShownExport(Shape):
    id: str
    scope: dict[str, str]
    actor: str
    begun_at: str
    stage: str = Field(description="running, done, refused, stopped, broken, withdrawn")
    done: int
    total: int
    bytes: int
    documents: int
    parts: list[str] = Field(description="Names of the files to fetch, the index first")
    trouble: str


class BeginExport(Sent):
    first: Day | None = None
    last: Day | None = None
    document: Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Za-z-]*$")] = ""


@router.get("/exports", tags=["exports"], summary="Packages that were made here")
def list_exports(request: Request) -> list[ShownExport]:
    return [_show(request, each) for each in _exports(request).all() if _mine(request, each)]


@router.post("/exports", tags=["exports"], status_code=202, summary="Begin a package of a period, or of one document")
def begin_export(request: Request, session: desk.InReading, person: Asking, said: BeginExport) -> ShownExport:
    if said.document:
        require_document(session, request, said.document)
    scope = scope_of(said.first.isoformat() if said.first else "", said.last.isoformat() if said.last else "", said.document)
    if scope is None:
        raise Trouble(422, "day")
    exports = _exports(request)
    number = exports.start(scope, person.pseudonym, entity_of(request))
    words = " ".join(scope.as_json().values())
    request.app.state.readings.note(Note(person.pseudonym, Act.EXPORT, words, workstation_of(request).clock(), entity_of(request)))
    return _show(request, exports.one(number))


@router.get("/exports/{number}", tags=["exports"], summary="How far one is")
def one_export(request: Request, number: ExportId) -> ShownExport:
    return _show(request, _one(request, number))


@router.get("/exports/{number}/parts/{name}", tags=["exports"], summary="A file of it", response_class=FileResponse, responses=_FILE)
def export_part(request: Request, number: ExportId, name: Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,160}$")]) -> Response:
    _one(request, number)
    return FileResponse(_exports(request).part(number, name), media_type="application/octet-stream", filename=name)


@router.post("/exports/{number}/stop", tags=["exports"], summary="Stop the one at work")
def stop_export(request: Request, number: ExportId) -> Done:
    _one(request, number)
    _exports(request).stop(number)
    return Done()


@router.delete("/exports/{number}", tags=["exports"], summary="Remove it here; it can be made again")
def remove_export(request: Request, number: ExportId) -> Done:
    _one(request, number)
    _exports(request).remove(number)
    return Done()


def _exports(request: Request) -> Exports:
    return exports_of(request)


def _mine(request: Request, export: Export) -> bool:
    return (export.entity or desk.house_of(request).settings.entity) == entity_of(request)


def _one(request: Request, number: str) -> Export:
    export = _exports(request).one(number)
    if not _mine(request, export):
        raise Trouble(404, "unknown")
    return export


def _show(request: Request, export: Export) -> ShownExport:
    french = workstation_of(request).settings.language == "fr"
    return ShownExport(
        id=export.id, scope=export.scope, actor=export.actor, begun_at=export.begun_at, stage=export.stage.value, done=export.done,
        total=export.total, bytes=export.bytes, documents=export.documents, parts=list(export.parts),
        trouble=export.trouble[0 if french else 1],
    )  # fmt: skip


# --- the ledger ---


class LedgerEntry(Shape):
    sequence: int
    entry: str = Field(description="Canonical bytes (RFC 8785): the leaf of the tree")
    root: str = Field(description="Head of the tree after it, hexadecimal")


class Checkpoint(Shape):
    id: int
    size: int
    note: str = Field(description="C2SP signed note")
    made_at: datetime
    timestamped: bool


class Inclusion(Shape):
    sequence: int
    size: int
    entry: str
    root: str
    path: list[str] = Field(description="RFC 6962 audit path, hexadecimal")


class Consistency(Shape):
    old: int
    new: int
    old_root: str
    new_root: str
    path: list[str]


@router.get("/ledger", tags=["ledger"], summary="Its size, head, key, newest checkpoint, and what witnesses hold")
def ledger(request: Request, session: desk.InReading) -> dict[str, Any]:
    return told_standing(standing_of(session, workstation_of(request).settings, entity_of(request), look=False))


@router.get("/ledger/entries", tags=["ledger"], summary="Its entries in their order, without payloads")
def entries(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[LedgerEntry]:
    place = cursor_values(cursor, int)
    where = [LedgerRow.entity == entity_of(request), *([LedgerRow.sequence > place[0]] if place else [])]
    rows = list(session.scalars(sa.select(LedgerRow).where(*where).order_by(LedgerRow.sequence).limit(limit + 1)))
    show = lambda row: LedgerEntry(sequence=row.sequence, entry=row.entry.decode(), root=row.root.hex())  # noqa: E731 one line
    return page_of(request, response, rows, limit, lambda row: (row.sequence,), show)


@router.get("/ledger/checkpoints", tags=["ledger"], summary="Signed heads, newest first")
def checkpoints(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[Checkpoint]:
    place = cursor_values(cursor, int)
    where = [CheckpointRow.entity == entity_of(request), *([CheckpointRow.id < place[0]] if place else [])]
    rows = list(session.scalars(sa.select(CheckpointRow).where(*where).order_by(CheckpointRow.id.desc()).limit(limit + 1)))
    return page_of(request, response, rows, limit, lambda row: (row.id,), _checkpoint)


def _checkpoint(row: CheckpointRow) -> Checkpoint:
    return Checkpoint(id=row.id, size=row.size, note=row.note, made_at=row.made_at, timestamped=row.token is not None)


Size = Annotated[int, Query(ge=1, le=2**53)]


@router.get("/ledger/proofs/inclusion", tags=["ledger"], summary="That an entry is in the tree of a size")
def inclusion(
    request: Request, session: desk.InReading, sequence: Annotated[int, Query(ge=0, le=2**53)], size: Size | None = None
) -> Inclusion:
    entity = entity_of(request)
    whole = tree_of(session, entity).size
    wanted = whole if size is None else size
    entry = session.scalar(sa.select(LedgerRow.entry).where(LedgerRow.entity == entity, LedgerRow.sequence == sequence))
    root = head_at(session, entity, wanted)
    if entry is None or root is None or not sequence < wanted <= whole:
        raise Trouble(404, "unknown")
    path = [each.hex() for each in inclusion_of(session, entity, sequence, wanted)]
    return Inclusion(sequence=sequence, size=wanted, entry=entry.decode(), root=root.hex(), path=path)


@router.get("/ledger/proofs/consistency", tags=["ledger"], summary="That the tree of one size continues another")
def consistency(request: Request, session: desk.InReading, old: Size, new: Size | None = None) -> Consistency:
    entity = entity_of(request)
    wanted = tree_of(session, entity).size if new is None else new
    old_root, new_root = head_at(session, entity, old), head_at(session, entity, wanted)
    if old_root is None or new_root is None or old > wanted:
        raise Trouble(404, "unknown")
    path = [each.hex() for each in consistency_of(session, entity, old, wanted)]
    return Consistency(old=old, new=wanted, old_root=old_root.hex(), new_root=new_root.hex(), path=path)
