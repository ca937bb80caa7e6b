"""The page on which a document is corrected after all: its kind, its pages, its cut, its company; and plain forms, without any script."""

from collections.abc import Sequence
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import corrections
from station.acts import NotOffered
from station.corrections import CORRECTABLE, Order
from station.records import documents
from station.records.tables import Document
from station.web import desk, show
from station.web.words import Words
from workflow.kinds import KINDS

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]
SHOWN = 60
"""Thumbnails on the page; a longer document is corrected by its page numbers all the same."""
CANDIDATES = 30
"""Documents offered as the other half, newest first."""


@router.get("/documents/{document_id}/correct")
def correct_page(request: Request, session: desk.InReading, document_id: str) -> Response:
    """What may be corrected, each with its form."""
    return _page(request, session, documents.get_document(session, document_id), {})


@router.post("/documents/{document_id}/correct")
def correct(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    what: Text = "",
    kind: Text = "",
    order: Text = "",
    starts: Text = "",
    other: Text = "",
    company: Text = "",
    reason: Text = "",
) -> Response:
    """Correct; where it cannot be, the page comes back, says why and keeps what was typed."""
    workstation = desk.workstation_of(request)
    document = documents.get_document(session, document_id)
    typed = {"what": what, "kind": kind, "order": order, "starts": starts, "other": other, "company": company, "reason": reason}
    word = Order(person, reason, workstation.clock())
    try:
        shown = _carry_out(session, document, typed, word, desk.entities_of(request))
    except (ValueError, documents.Unknown):
        return _page(request, session, document, typed, wrong=what if reason.strip() and what in corrections.WHATS else "reason")
    if shown.entity != document.entity:
        # It is where this request sees nothing any more: what stays here tells of it.
        return desk.go_to(request, f"/documents/{document.id}", "flash.corrected-away")
    return desk.go_to(request, f"/documents/{shown.id}", f"flash.corrected-{'here' if shown.id == document.id else 'other'}")


def parse_numbers(text: str, pages: int) -> list[int]:
    """`3, 1-2` → 3, 1, 2. Raises ValueError for anything but numbers of pages."""
    found: list[int] = []
    for part in text.replace(";", ",").replace("–", "-").split(","):
        low, _, high = part.strip().partition("-")
        first, last = int(low), int(high or low)
        if not 1 <= first <= last <= pages or len(found) > pages:
            raise ValueError(text)
        found += range(first, last + 1)
    return found


def _carry_out(session: Session, document: Document, typed: dict[str, str], word: Order, companies: Sequence[str]) -> Document:
    """The document to look at next."""
    pages = len(document.current_pages)
    match typed["what"]:
        case "type":
            return corrections.retype(session, document, typed["kind"], word)
        case "order":
            return corrections.reorder(session, document, parse_numbers(typed["order"], pages), word)
        case "split":
            return corrections.split(session, document, parse_numbers(typed["starts"], pages), word, _new_id)[0]
        case "merge":
            return corrections.merge(session, document, documents.get_document(session, typed["other"]), word, _new_id)
        case "company":
            return corrections.change_company(session, document, typed["company"], companies, word, _new_id)
    raise ValueError(typed["what"])


def _new_id() -> str:
    return uuid4().hex


def _page(request: Request, session: Session, document: Document, typed: dict[str, str], wrong: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    offered = corrections.offered_corrections(document)
    others = [company for company in desk.entities_of(request) if company != document.entity]
    candidates = _candidates(session, document, t) if "merge" in offered else []
    fitting = [what for what in offered if (what != "company" or others) and (what != "merge" or candidates)]
    if not fitting:
        raise NotOffered(f"{document.state}: correct")
    numbers = [page.number for page in document.current_pages]
    thumbs = [n for n in numbers[:SHOWN] if workstation.light_image(document, n, "thumb").is_file()]
    return desk.show(
        request,
        "correct.html",
        422 if wrong else 200,
        document=document,
        card=show.card_of(document, t, has_thumb=False, findings=0),
        fitting=fitting,
        kinds=[kind.code for kind in KINDS if kind.code != document.document_type],
        others=others,
        candidates=candidates,
        numbers=numbers[:SHOWN],
        thumbs=thumbs,
        pages=len(numbers),
        typed={"what": fitting[0], "kind": "", "order": "", "starts": "", "other": "", "company": "", "reason": "", **typed},
        wrong=wrong,
    )


def _candidates(session: Session, document: Document, t: Words) -> list[tuple[str, str]]:
    """Documents that may be the other half: those of its batch first."""
    newest = documents.list_documents(session, states=tuple(CORRECTABLE), size=4 * CANDIDATES).documents
    fitting = [each for each in newest if each.id != document.id and each.entity == document.entity and not each.confidential]
    ordered = sorted(fitting, key=lambda each: each.batch_id != document.batch_id)
    return [(each.id, f"{each.title} · {t.moment(each.received_at)}") for each in ordered[:CANDIDATES]]
