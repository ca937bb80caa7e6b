"""The page on which two people erase what nobody has to keep, and the certificate that stays."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from station import erasure
from station.records import documents, people
from station.records.tables import Document, Person
from station.retention import renew_terms, retention_of
from station.web import desk, show
from workflow.kinds import longest_duty

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]
REASONS = 3
"""Suggested reasons, `erasure.reason-1` and on."""


@router.get("/documents/{document_id}/erasure", tags=[desk.MASKS])
def erasure_page(request: Request, session: desk.InReading, person: desk.SignedIn, document_id: str) -> Response:
    """What would go and what stays; who asked; the certificate once it is done."""
    return _page(request, session, documents.get_document(session, document_id), person)


@router.post("/documents/{document_id}/erasure", tags=[desk.MASKS])
def act(
    request: Request,
    person: desk.SignedIn,
    document_id: str,
    step: Text = "",
    reason: Text = "",
    suggested: Text = "",
    visa: Annotated[str, Form(max_length=120)] = "",
) -> Response:
    """Ask, confirm, take back, or finish what was cut short."""
    workstation = desk.workstation_of(request)
    words = reason.strip() or suggested.strip()
    with workstation.database.writing() as session:
        document, now = documents.get_document(session, document_id), workstation.clock()
        renew_terms(session, [document] if step in ("ask", "confirm") else [], workstation.settings, now)
        match step:
            case "ask" if not words:
                return _page(request, session, document, person, trouble="missing")
            case "ask":
                try:
                    erasure.ask_erasure(session, document, words, person, now, visa, public=workstation.settings.channel.public)
                except erasure.NoVisa:
                    return _page(request, session, document, person, trouble="visa")
            case "confirm":
                try:
                    erasure.confirm_erasure(session, document, person, now)
                except erasure.SamePerson:
                    return _page(request, session, document, person, trouble="same")
            case "withdraw":
                erasure.withdraw_erasure(session, document, person, now)
            case _:
                raise HTTPException(422)
    if step == "confirm":
        # Files go outside the request's transaction: they cannot be rolled back, and whoever comes by finishes what is left.
        erasure.finish_erasures(desk.house_of(request))
    return desk.go_to(request, f"/documents/{document_id}/erasure", f"flash.erasure-{step}")


@router.get("/documents/{document_id}/certificate.json", tags=[desk.MASKS])
def certificate(request: Request, session: desk.InReading, document_id: str) -> Response:
    """The certificate of an erasure, byte for byte."""
    document = documents.get_document(session, document_id)
    asked = erasure.certificate_of(session, document)
    path = erasure.certificate_path(desk.workstation_of(request), asked or "0")
    if asked is None or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/json", filename=f"certificat-{asked}.json")


def _page(request: Request, session: Session, document: Document, person: Person, trouble: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    today = workstation.clock().date()
    asked = erasure.pending_erasure(session, document.id)
    row = retention_of(session, document.id)
    kind = row.kind if row is not None and row.kind and row.until is not None else document.document_type
    return desk.show(
        request,
        "erase.html",
        422 if trouble else 200,
        document=document,
        card=show.card_of(document, t, has_thumb=False, findings=0),
        asked=asked,
        mine=asked is not None and asked.asked_by == person.pseudonym,
        certificate=erasure.certificate_of(session, document),
        refused=erasure.refusal_of(session, document, today),
        public=workstation.settings.channel.public,
        kind=kind,
        duty=longest_duty(kind, today),
        scope=erasure.scope_of(session, document, today),
        reasons=[t(f"erasure.reason-{number}") for number in range(1, REASONS + 1)],
        second=people.SECOND_LOGIN,
        trouble=trouble,
    )
