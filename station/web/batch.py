"""The desk: one page per station at which a person feeds a batch, sees at once whether a sheet is good, corrects and ends it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from secrets import token_hex
from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session, selectinload

from capture.separate import Kind, Part, Plan, Recipe
from capture.slips import MAX_SHEETS, BatchSlip, Nature
from config.options import recipe_of
from config.settings import Station
from conformity.circumstances import Source
from station import acts
from station.batches import (
    BatchEnded,
    BatchOpen,
    Edit,
    Opening,
    ask_redo,
    begin_batch,
    drop_redo,
    edit_batch,
    end_batch,
    lost_edits,
    propose_plan,
    recipe_in_force,
    undo_edit,
)
from station.evidence import gauges_of
from station.print import slips_pdf
from station.records import batches, documents
from station.records.tables import Batch, Document, State
from station.web import desk, feeder, show, stack
from station.web.ages import age_words, span_words
from station.web.mailroom import lying_in
from station.web.stack import Side, Stack
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
ASKED = (Source.PAPER.value, Source.PRINT.value)
"""What a pile on a desk can be; a native file is not fed to a scanner."""
REASONS = ("blurred", "cut", "askew", "duplicate", "other")
"""Why a page is scanned anew, `redo.reason-<name>` in the catalogue."""
FINISHED = 600
"""Seconds for which the desk still shows the batch that was ended last."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """A sheet in the preview, and what may be done with it."""

    key: str
    side: Side | None
    number: int
    """In its document, from 1."""
    cuttable: bool
    back: bool
    forth: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A document that the batch would become."""

    number: int
    type: str
    thumbs: tuple[Thumb, ...]


# --- the desk ---


@router.get("/desk")
def all_desks(request: Request, session: desk.InReading) -> Response:
    """Which station? Where there is only one, its desk at once."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    stations = workstation.settings.stations
    if len(stations) == 1:
        return desk.go_to(request, f"/desk/{stations[0].name}")
    now = workstation.clock()
    found = {station.name: batches.open_batch_at(session, station.name) for station in stations}
    ages = {name: age_words(batch.opened_at, now, t) for name, batch in found.items() if batch}
    return desk.show(request, "desks.html", stations=stations, ages=ages)


@router.get("/desk/{name}")
def desk_page(
    request: Request,
    session: desk.InReading,
    name: str,
    htmx: desk.FromHtmx = None,
    page: str = "",
    after: int = 0,
    trouble: str = "",
    seen: str = "",
) -> Response:
    """The open batch, or the form that opens one; for HTMX its live part, or 204 where nothing is new since `seen`."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    station = _station(workstation, name)
    batch = batches.open_batch_at(session, name)
    if batch is None:
        return desk.show(request, "new_batch.html", **_new_batch(session, workstation, station, t))
    found = stack.open_stack(session, batch, recipe_of(station))
    arriving = [each for each in lying_in(workstation.settings.folder_of(station)) if each.kind == "file"]
    newest = stack.newest_side(session, found, workstation, t)
    chosen = (stack.find_side(session, batch, page, workstation, t) if page else None) or newest
    doubts = stack.doubtful_sides(found, workstation, t)
    figures = stack.figures_of(found, len(doubts))
    job = feeder.job_at(request, station, workstation)
    waits = found.redo and (found.redo.id, found.redo.carrier_id)
    change = desk.fingerprint_of(figures, chosen, newest, doubts, waits, found.newest and found.newest.id, len(arriving), job, t.language)
    if htmx and seen == change:
        return desk.nothing_new()
    again = found.newest if found.newest is not None and found.newest.duplicate and not page else None
    moved_on = chosen is newest and found.newest is not None and found.newest.id <= after
    return desk.show(
        request,
        "_desk.html" if htmx else "desk.html",
        station=station,
        batch=batch,
        figures=figures,
        side=chosen,
        older=chosen is not None and (newest is None or chosen.name != newest.name),
        duplicate=again,
        duplicate_name=again and stack.arrival_name(again, t),
        doubts=[doubt for doubt in doubts if chosen is None or doubt.name != chosen.name],
        arriving=len(arriving),
        redo=found.redo,
        newest=found.newest,
        moved_on=moved_on,
        change=change,
        query=urlencode({"page": page, "after": after, "trouble": trouble}),
        job=job,
        job_words=job and job.words(t.language),
        may_scan=feeder.may_scan(request, station),
        trouble=feeder.trouble_words(trouble, t),
        live=bool(htmx),
    )


def _new_batch(session: Session, workstation: Workstation, station: Station, t: Words) -> dict[str, Any]:
    recent = batches.recent_batches(session, station.name, 1)
    now = workstation.clock()
    last = recent[0] if recent and recent[0].ended_at and (now - recent[0].ended_at).total_seconds() < FINISHED else None
    kinds = [(kind.value, t(f"recipe.{kind.value}")) for kind in Kind]
    return {
        "station": station,
        "today": t.today(now).isoformat(),
        "kinds": kinds,
        "most": MAX_SHEETS,
        "last": last,
        "sources": ASKED,
        "asks": station.source == "ask",
    }


@router.post("/desk/{name}/open")
def open_batch(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    name: str,
    sheets: Annotated[str, Form(max_length=6)] = "",
    arrived: Annotated[str, Form(max_length=10)] = "",
    box: Annotated[str, Form(max_length=40)] = "",
    kind: Annotated[str, Form(max_length=20)] = "",
    pattern: Annotated[str, Form(max_length=200)] = "",
    pages: Annotated[str, Form(max_length=6)] = "",
    separate: Annotated[str, Form(max_length=3)] = "",
    source: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    """Open a batch; everything about it may be left empty."""
    workstation = desk.workstation_of(request)
    _station(workstation, name)
    try:
        recipe = Recipe(Kind(kind), pattern.strip() or "*", not separate, int(pages or 1)) if kind else None
        opening = Opening(
            _sheets(sheets),
            date.fromisoformat(arrived) if arrived else None,
            box.strip() or None,
            recipe,
            Source(source) if source in ASKED else None,
        )
    except ValueError:
        return desk.go_to(request, f"/desk/{name}", "flash.batch-form")
    now = workstation.clock()
    try:
        begin_batch(session, name, workstation.settings.entity, f"{now:%y%m%d}-{token_hex(3)}", person, opening, now)
    except BatchOpen:
        # Another hand was faster: its batch is the one that the files join.
        return desk.go_to(request, f"/desk/{name}", "flash.batch-open")
    return desk.go_to(request, f"/desk/{name}")


@router.post("/desk/{name}/sheets")
def count_sheets(
    request: Request, session: desk.InWriting, name: str, by: Annotated[int, Form(ge=-100, le=100)], _person: desk.SignedIn
) -> Response:
    """Correct the number of announced sheets: one was counted too few, or was stuck to another."""
    batch = _open_batch(session, name)
    batch.expected_sheets = min(MAX_SHEETS, max(0, (batch.expected_sheets or 0) + by)) or None
    return desk.go_to(request, f"/desk/{name}")


@router.get("/desk/{name}/slip.pdf")
def batch_slip(request: Request, session: desk.InReading, name: str) -> Response:
    """The sheet on top of the open batch: what its code says counts where nobody says otherwise."""
    workstation = desk.workstation_of(request)
    _station(workstation, name)
    batch = _open_batch(session, name)
    arrived = date.fromisoformat(batch.arrival_date) if batch.arrival_date else desk.words_of(request).today(batch.opened_at)
    nature = Nature(batch.source) if batch.source in ASKED else None
    slip = BatchSlip(batch.id, name, batch.expected_sheets, arrived, nature)
    headers = {"Content-Disposition": f'inline; filename="{batch.id}.pdf"'}
    return Response(slips_pdf([slip], desk.words_of(request).language), media_type="application/pdf", headers=headers)


# --- a page scanned anew ---


@router.get("/desk/{name}/redo")
def redo_page(request: Request, session: desk.InReading, name: str, page: str) -> Response:
    """Why anew? By big choices, with the page in view."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    station, batch = _station(workstation, name), _open_batch(session, name)
    side = stack.find_side(session, batch, page, workstation, t)
    if side is None or not side.redoable:
        raise HTTPException(404)
    return desk.show(request, "redo.html", station=station, batch=batch, side=side, reasons=REASONS)


@router.post("/desk/{name}/redo")
def redo(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    name: str,
    page: Annotated[str, Form(max_length=50)],
    reason: Annotated[str, Form(max_length=20)],
) -> Response:
    """The next file takes this page's place; a file without pages is set aside, and the next one stands for it."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    side = stack.find_side(session, _open_batch(session, name), page, workstation, t)
    if side is None or not side.redoable or reason not in REASONS:
        raise HTTPException(404)
    document = documents.get_document(session, side.document_id)
    words, now = t(f"redo.reason-{reason}"), workstation.clock()
    if side.number:
        ask_redo(session, document, side.number, words, person, now)
    else:
        acts.decide(session, document.id, "rescan", words, person, now)
    return desk.go_to(request, f"/desk/{name}?page={page}" if side.number else f"/desk/{name}")


@router.post("/desk/{name}/redo/drop")
def drop(request: Request, session: desk.InWriting, name: str, _person: desk.SignedIn) -> Response:
    """The page stays as it is."""
    drop_redo(session, name, desk.workstation_of(request).clock())
    return desk.go_to(request, f"/desk/{name}")


# --- what it becomes ---


@router.get("/desk/{name}/preview")
def preview(request: Request, session: desk.InReading, name: str) -> Response:
    """The documents that the stack would become, page by page, each correction one button away."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    station, batch = _station(workstation, name), _open_batch(session, name)
    found = stack.open_stack(session, batch, recipe_of(station))
    recipe = recipe_in_force(batch, recipe_of(station))
    sides = _sides_by_key(found, workstation, t)
    return desk.show(
        request,
        "preview.html",
        station=station,
        batch=batch,
        recipe=t(f"recipe.{recipe.kind.value}"),
        documents=[_proposed(number, part, found.plan, sides, t) for number, part in enumerate(found.plan.documents, 1)],
        apart=[(_thumb(found.plan, each.key, sides, t), t(f"apart.{each.reason.value}")) for each in found.plan.apart],
        judging=sum(document.state == State.RECEIVED for document in found.fed),
        edits=len(batch.edits or []),
        lost=lost_edits(session, batch, recipe_of(station)),
    )


@router.post("/desk/{name}/edit")
def edit(
    request: Request,
    session: desk.InWriting,
    name: str,
    do: Annotated[str, Form(max_length=10)],
    key: Annotated[str, Form(max_length=80)],
    _person: desk.SignedIn,
    into: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """One correction; the page named by `key` is looked up in the plan as it is now, whatever came in meanwhile."""
    station, batch = _station(desk.workstation_of(request), name), _open_batch(session, name)
    recipe = recipe_of(station)
    found = propose_plan(session, batch, recipe)
    try:
        edit_batch(session, batch, recipe, edit_of(found, do, key, into))
    except ValueError:
        return desk.go_to(request, f"/desk/{name}/preview", "flash.edit-not")
    return desk.go_to(request, f"/desk/{name}/preview", f"flash.edit-{do}")


@router.post("/desk/{name}/undo")
def undo(request: Request, session: desk.InWriting, name: str, _person: desk.SignedIn) -> Response:
    """Take the last correction back."""
    undo_edit(_open_batch(session, name))
    return desk.go_to(request, f"/desk/{name}/preview", "flash.edit-undone")


def edit_of(plan: Plan, do: str, key: str, into: str = "") -> Edit:
    """What a button means in the plan: split, merge, apart, back and forth by one place, into the document that begins with a page.

    Raises ValueError where it means nothing.
    """
    where = {each: (index, place) for index, part in enumerate(plan.documents) for place, each in enumerate(part.keys)}
    starts = {part.keys[0]: index for index, part in enumerate(plan.documents)}
    match do:
        case "split" | "apart":
            return {"do": do, "key": key}
        case "into" if into in starts:
            return {"do": "move", "key": key, "to": starts[into], "at": _end(plan, starts[into], key)}
        case "merge" if key in starts:
            return {"do": "merge", "index": starts[key]}
        case "back" | "forth" if key in where:
            to, at = _neighbour(plan, *where[key], -1 if do == "back" else 1)
            return {"do": "move", "key": key, "to": to, "at": at}
    raise ValueError(do)


def _neighbour(plan: Plan, index: int, place: int, step: int) -> tuple[int, int]:
    """The next place before or after; over the edge of a document it is the end or the beginning of its neighbour."""
    if 0 <= place + step < len(plan.documents[index].keys):
        return index, place + step
    if not 0 <= index + step < len(plan.documents):
        raise ValueError("there is nothing beyond")
    return index + step, len(plan.documents[index - 1].keys) if step < 0 else 0


def _end(plan: Plan, index: int, key: str) -> int:
    return len([each for each in plan.documents[index].keys if each != key])


def _sides_by_key(found: Stack, workstation: Workstation, t: Words) -> dict[str, Side]:
    sides = {(side.document_id, side.number): side for fed in found.fed for side in stack.sides_of(fed, workstation, t)}
    return {key: sides[row.document_id, row.number] for key, row in found.rows.items()}


def _proposed(number: int, part: Part, plan: Plan, sides: Mapping[str, Side], t: Words) -> Proposed:
    first, last = number == 1, number == len(plan.documents)
    thumbs = []
    for place, key in enumerate(part.keys, 1):
        back, forth = not (first and place == 1), not (last and place == len(part.keys))
        thumbs.append(_thumb(plan, key, sides, t, place, cuttable=place > 1, back=back, forth=forth))
    return Proposed(number, t.known("type", part.document_type) if part.document_type else "", tuple(thumbs))


def _thumb(
    plan: Plan,
    key: str,
    sides: Mapping[str, Side],
    t: Words,
    number: int = 0,
    *,
    cuttable: bool = False,
    back: bool = False,
    forth: bool = False,
) -> Thumb:
    notes = tuple(t(f"remark.{note.remark.value}", text=note.text) for note in plan.notes if note.key == key)
    return Thumb(key, sides.get(key), number, cuttable, back, forth, notes)


# --- the end ---


@router.get("/desk/{name}/end")
def end_page(request: Request, session: desk.InReading, name: str) -> Response:
    """What is still open is told before the batch is ended: files on their way, missing sheets, doubts."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    station, batch = _station(workstation, name), _open_batch(session, name)
    found = stack.open_stack(session, batch, recipe_of(station))
    doubts = stack.doubtful_sides(found, workstation, t)
    return desk.show(
        request,
        "end.html",
        station=station,
        batch=batch,
        figures=stack.figures_of(found, len(doubts)),
        arriving=sum(each.kind == "file" for each in lying_in(workstation.settings.folder_of(station))),
        doubts=doubts,
        cues=stack.completeness_of(found, t),
        redo=found.redo,
        edits=len(batch.edits or []),
    )


@router.post("/desk/{name}/end")
def end(request: Request, session: desk.InWriting, person: desk.SignedIn, name: str) -> Response:
    """End the batch; its documents are formed as soon as all its files are judged."""
    workstation = desk.workstation_of(request)
    station, batch = _station(workstation, name), _open_batch(session, name)
    now = workstation.clock()
    drop_redo(session, name, now)
    new_id: Callable[[], str] = lambda: token_hex(16)  # noqa: E731 a source of names is a function
    try:
        end_batch(session, batch, recipe_of(station), person, now, new_id)
    except BatchEnded:
        return desk.go_to(request, f"/batches/{batch.id}", "flash.batch-ended")
    return desk.go_to(request, f"/batches/{batch.id}", "flash.batch-closed")


# --- afterwards ---


@router.get("/batches/{batch_id}")
def batch_page(request: Request, session: desk.InReading, batch_id: str, htmx: desk.FromHtmx = None, seen: str = "") -> Response:
    """What became of a batch; for HTMX its live part."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise HTTPException(404)
    found = list(
        session.scalars(
            sa.select(Document)
            .where(Document.batch_id == batch_id)
            .options(*(selectinload(getattr(Document, name)) for name in ("findings", "fields", "archives", "arrivals", "pages")))
            .order_by(Document.received_at, Document.title, Document.id)
        )
    )
    standing = [document for document in found if document.state not in stack.GONE]
    change = desk.fingerprint_of(batch.ended_at, batch.closed_at, [(d.id, d.revision) for d in found], t.language)
    if htmx and seen == change:
        return desk.nothing_new()
    gauges = gauges_of(session, standing, workstation.settings)
    return desk.show(
        request,
        "_batch.html" if htmx else "batch.html",
        batch=batch,
        change=change,
        line=stack.history_of(session, [batch])[0],
        lasted=_lasted(batch, workstation, t),
        cards=[show.card_of(d, t, has_thumb=workstation.light_image(d, 1, "thumb").is_file(), gauge=gauges[d.id]) for d in standing],
        gone=[show.card_of(d, t, has_thumb=False) for d in found if d.state in stack.GONE],
        sealed=sum(document.state == State.SEALED for document in standing),
        redos=batches.redos_of(session, [document.id for document in found]),
        live=bool(htmx),
    )


@router.get("/desk/{name}/history")
def history(request: Request, session: desk.InReading, name: str) -> Response:
    """The station's batches, newest first."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    station = _station(workstation, name)
    lines = stack.history_of(session, batches.recent_batches(session, name))
    told = [(line, span_words(line.lasted, t) if line.lasted is not None else None) for line in lines]
    return desk.show(request, "history.html", station=station, lines=told)


def _lasted(batch: Batch, workstation: Workstation, t: Words) -> str:
    return span_words((batch.ended_at or workstation.clock()) - batch.opened_at, t)


def _station(workstation: Workstation, name: str) -> Station:
    station = next((each for each in workstation.settings.stations if each.name == name), None)
    if station is None:
        raise HTTPException(404)
    return station


def _open_batch(session: Session, name: str) -> Batch:
    batch = batches.open_batch_at(session, name)
    if batch is None:
        raise HTTPException(409)
    return batch


def _sheets(text: str) -> int | None:
    """Raises ValueError where it is no number of sheets."""
    if not text.strip():
        return None
    number = int(text)
    if not 0 <= number <= MAX_SHEETS:
        raise ValueError(text)
    return number or None
