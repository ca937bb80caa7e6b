"""The letter to a supplier about the channel: to read, to print, to copy. Nothing is sent from here."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from station.letters import letter_of
from station.records import documents
from station.web import desk
from station.web.words import LANGUAGES, words_in

router = APIRouter()


@router.get("/documents/{document_id}/letter")
def letter_page(request: Request, session: desk.InReading, document_id: str, language: str = "fr") -> Response:
    """The letter in French, or in English where asked for; 404 where the document gives no reason for one."""
    document, workstation = documents.get_document(session, document_id), desk.workstation_of(request)
    letter = letter_of(document, workstation.settings)
    if letter is None:
        raise HTTPException(404)
    words = words_in(language if language in LANGUAGES else "fr")
    return desk.show(
        request,
        "letter.html",
        document=document,
        letter=letter,
        w=words,
        gross="" if letter.gross is None else words.amount(f"{letter.gross:f}", letter.currency),
        today=words.today(workstation.clock()),
        languages=LANGUAGES,
    )
