"""What is kept until when, what is held, what may go: asked by one person, confirmed by another."""

import json
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from station import erasure
from station.holds import hold_on, standing_holds
from station.records import documents
from station.records.tables import Document, Person, RetentionRow
from station.retention import (
    asked_ends,
    due_ids,
    held_by,
    may_end,
    renew_terms,
    retention_json,
    retention_of,
    retention_rows,
    say_retention,
)
from station.web import desk, show
from station.web.holds import show_hold
from station.web.words import Words

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]
SHOWN = 200
Ids = Annotated[list[str], Form(max_length=SHOWN)]


@router.get("/retention")
def retention_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """What may go, what waits for its second person, what is held, and what ends next."""
    return _page(request, session, person)


@router.post("/retention/ask")
def ask(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    ids: Ids = [],  # noqa: B006 FastAPI copies it
    reason: Text = "",
    visa: Annotated[str, Form(max_length=120)] = "",
) -> Response:
    """One person asks for the deletion of what has passed its date, all or none of what was chosen."""
    workstation = desk.workstation_of(request)
    public = workstation.settings.channel.public
    wrong = "none" if not ids else "reason" if not reason.strip() else "visa" if public and not visa.strip() else None
    if wrong:
        return _page(request, session, person, wrong, 422)
    for document_id in ids:
        document = documents.get_document(session, document_id)
        renew_terms(session, [document], workstation.settings, workstation.clock())
        erasure.ask_erasure(session, document, reason, person, workstation.clock(), visa, public=public)
    return desk.go_to(request, "/retention", "flash.end-asked")


@router.post("/retention/decide")
def decide(
    request: Request,
    person: desk.SignedIn,
    ids: Ids = [],  # noqa: B006 FastAPI copies it
    step: Annotated[str, Form(max_length=10)] = "confirm",
) -> Response:
    """Another person confirms, and it is carried out; or anybody takes the request back."""
    workstation = desk.workstation_of(request)
    with workstation.database.writing() as session:
        now = workstation.clock()
        asked = asked_ends(session)
        chosen = [documents.get_document(session, document_id) for document_id in ids if document_id in asked]
        if not chosen:
            return _page(request, session, person, "none", 422)
        if step == "confirm" and any(asked[each.id].asked_by == person.pseudonym for each in chosen):
            return _page(request, session, person, "same", 422)
        for document in chosen:
            if step == "confirm":
                renew_terms(session, [document], workstation.settings, now)
                erasure.confirm_erasure(session, document, person, now)
            else:
                erasure.withdraw_erasure(session, document, person, now)
    if step != "confirm":
        return desk.go_to(request, "/retention", "flash.erasure-withdraw")
    # Files go outside the request's transaction: they cannot be rolled back, and whoever comes by finishes what is left.
    erasure.finish_erasures(desk.house_of(request))
    return desk.go_to(request, "/retention", "flash.erasure-confirm")


@router.get("/documents/{document_id}/retention")
def document_retention(request: Request, session: desk.InReading, document_id: str) -> Response:
    """Every reason to keep one document; and the form by which a person says that it is an asset's invoice, or its last operation."""
    return _document(request, session, documents.get_document(session, document_id))


@router.post("/documents/{document_id}/retention")
def say(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    asset: Annotated[str, Form(max_length=3)] = "",
    last_operation: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    document, workstation = documents.get_document(session, document_id), desk.workstation_of(request)
    try:
        day = date.fromisoformat(last_operation) if last_operation else None
    except ValueError:
        return _document(request, session, document, "day", 422)
    say_retention(session, document, workstation.settings, bool(asset), day, person, workstation.clock())
    return desk.go_to(request, f"/documents/{document_id}/retention", "flash.retention")


@router.get("/documents/{document_id}/retention.json")
def retention_data(session: desk.InReading, document_id: str) -> Response:
    return JSONResponse(json.loads(json.dumps(retention_json(session, documents.get_document(session, document_id)))))


def _document(request: Request, session: Session, document: Document, wrong: str = "", status: int = 200) -> Response:
    t, today = desk.words_of(request), desk.workstation_of(request).clock().date()
    row, hold = retention_of(session, document.id), hold_on(session, document, today)
    return desk.show(
        request,
        "document_retention.html",
        status,
        document=document,
        row=row,
        components=[_component(each, t) for each in (row.components if row else [])],
        until=_day(row.until if row else None, t),
        hold=show_hold(hold, today.isoformat(), t) if hold else None,
        refused=may_end(session, document, today),
        wrong=wrong,
    )


def _component(told: dict[str, Any], t: Words) -> dict[str, str]:
    return {
        "rule": t(f"retention.rule-{told['rule']}"),
        "event": t(f"retention.event-{told['event']}"),
        "starts": _day(told["starts"], t),
        "years": str(told["years"]),
        "text": str(told["text"]),
        "until": _day(told["until"], t),
    }


def _page(request: Request, session: Session, person: Person, wrong: str = "", status: int = 200) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    settings, today = workstation.settings, workstation.clock().date()
    asked = asked_ends(session)
    due = [each for each in due_ids(session, today) if each not in asked]
    standing, soon = standing_holds(session, today), retention_rows(session, SHOWN)
    held = held_by(session, soon, today)
    return desk.show(
        request,
        "retention.html",
        status,
        due=[_line(session, documents.get_document(session, each), t) for each in due[:SHOWN]],
        total=len(due),
        asked=[
            {**_line(session, documents.get_document(session, name), t), "mine": row.asked_by == person.pseudonym, "by": row.asked_by}
            for name, row in sorted(asked.items())
        ],
        holds=[show_hold(each, today.isoformat(), t) for each in standing],
        soon=[_row(row, document, document.id in held, t) for row, document in soon],
        public=settings.channel.public,
        wrong=wrong and t(f"retention.wrong-{wrong}"),
    )


def _line(session: Session, document: Document, t: Words) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": show.title_of(document, t),
        "kind": t.known("type", document.document_type),
        "until": _day(getattr(retention_of(session, document.id), "until", None), t),
    }


def _row(row: RetentionRow, document: Document, held: bool, t: Words) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": show.title_of(document, t),
        "kind": t.known("type", document.document_type),
        "until": _day(row.until, t) or t("retention.no-term"),
        "held": held,
        "unknown": any(each["event"] == "sealing" for each in row.components),
    }


def _day(text: str | None, t: Words) -> str:
    return t.day(date.fromisoformat(text)) if text else ""
