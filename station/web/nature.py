"""The nature of a document's source: a person says whether it was a paper, a print of an electronic invoice, or the electronic file."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from conformity.circumstances import Source
from station.acts import NotOffered, source_of
from station.records import documents
from station.records.tables import Document
from station.sources import SAYABLE, can_say, say_source
from station.web import desk

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]


@router.get("/documents/{document_id}/source")
def nature_page(request: Request, session: desk.InReading, document_id: str) -> Response:
    """What it is thought to be, and the form that says otherwise."""
    document = documents.get_document(session, document_id)
    return _page(request, document, source_of(document).value, document.supplier or "")


@router.post("/documents/{document_id}/source")
def say(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    source: Text = "",
    supplier: Text = "",
    reason: Text = "",
) -> Response:
    """Say it, with the reason; the document is judged again. Without one the page comes back and keeps what was typed."""
    document = documents.get_document(session, document_id)
    if source not in {each.value for each in SAYABLE} or not reason.strip():
        return _page(request, document, source, supplier, reason, status=422)
    say_source(session, document_id, Source(source), supplier, reason, person, desk.workstation_of(request).clock())
    return desk.go_to(request, f"/documents/{document_id}", "flash.source")


def _page(request: Request, document: Document, source: str, supplier: str, reason: str = "", status: int = 200) -> Response:
    if not can_say(document):
        raise NotOffered(f"{document.state}: source")
    return desk.show(
        request,
        "nature.html",
        status,
        document=document,
        sources=[each.value for each in SAYABLE],
        source=source,
        supplier=supplier,
        reason=reason,
        missing=status != 200,
    )
