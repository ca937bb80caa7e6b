"""The desk of compliance: the chain first, then what has to be seen to, then search, then one document's whole evidence."""

import hashlib
import json
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, HTTPException, Query, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station.checkpoints import inclusion_of, log_vkey, newest_checkpoint
from station.compliance import alerts_of, find_documents, view_sealed
from station.fixity import fixity_state
from station.holds import hold_on
from station.records import documents
from station.records.ledger import story_of
from station.records.tables import Document, State
from station.retention import retention_of
from station.walks import Checked
from station.web import desk, show
from station.web.documents import evidence_values
from station.web.holds import show_hold
from station.web.ledger import last_walk, standings
from station.web.words import Words

ADDRESS = "/conformite"
SEARCH_PATH = f"{ADDRESS}/search"
router = APIRouter()
BLOCK = 1 << 20
TONES = {"good": "good", "bad": "bad"}
ROOMS = (
    ("/export", "export.title", "archive"),
    ("/controles", "controls.title", "file-check"),
    ("/organisation", "organisation.title", "scroll-text"),
    ("/retention", "retention.title", "clock"),
    ("/holds", "holds.title", "lock"),
    ("/mandates", "mandates.title", "scroll-text"),
    ("/signing", "signing.title", "badge-check"),
    ("/papier", "paper.title", "folder-open"),
    ("/access", "access.title", "eye"),
    ("/ledger", "ledger.title", "link"),
)


@router.get(ADDRESS)
def compliance_page(request: Request, session: desk.InReading) -> Response:
    return _page(request, session)


@router.get(SEARCH_PATH)
def search(request: Request, session: desk.InReading, q: Annotated[str, Query(max_length=200)] = "") -> Response:
    """By number, supplier, SIREN, date or SHA-256; one document that is found alone is shown at once where it was found by its hash."""
    return _page(request, session, q.strip(), find_documents(session, q))


@router.post(SEARCH_PATH)
def search_file(request: Request, session: desk.InReading, file: Annotated[UploadFile, File()], q: Annotated[str, Form()] = "") -> Response:
    """By a file that somebody holds out: its SHA-256 is taken and the file is kept nowhere."""
    running = hashlib.sha256()
    while block := file.file.read(BLOCK):
        running.update(block)
    asked = running.hexdigest() if file.filename else q
    return _page(request, session, asked, find_documents(session, asked), of_file=file.filename or "")


@router.get(f"{ADDRESS}/{{document_id}}")
def document_page(request: Request, session: desk.InReading, document_id: str) -> Response:
    """One document's evidence: gauge, sealed page, entries with their proofs, checks, retention."""
    document = documents.get_document(session, document_id)
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    archive = show.newest(document.archives)
    today, row = workstation.clock().date(), retention_of(session, document.id)
    kept_until, hold = row.until if row else None, hold_on(session, document, today)
    kept = archive is not None and workstation.archives.path(archive.sha256, ".pdf").is_file()
    return desk.show(
        request,
        "evidence.html",
        document=document,
        card=show.card_of(document, t, has_thumb=False, findings=0),
        archive=archive,
        pages=[page.number for page in document.current_pages] if kept else [],
        lost=archive is not None and not kept,
        checks=show.show_checks(archive, t) if archive else [],
        entries=entries_of(session, document, t),
        newest=newest_checkpoint(session, document.entity),
        key=log_vkey(workstation.settings, document.entity),
        until=t.day(date.fromisoformat(kept_until)) if kept_until else None,
        hold=show_hold(hold, today.isoformat(), t) if hold else None,
        **evidence_values(session, document, workstation, t),
    )


@router.get(f"{ADDRESS}/{{document_id}}/pages/{{number}}.png")
def sealed_page(request: Request, session: desk.InReading, document_id: str, number: int) -> Response:
    """A page of the newest sealed file, pixel for pixel."""
    archive = show.newest(documents.get_document(session, document_id).archives)
    drawn = view_sealed(desk.workstation_of(request), archive.sha256, number) if archive else None
    if archive is None or drawn is None:
        raise HTTPException(404)
    return Response(
        drawn, media_type="image/png", headers={"Cache-Control": "private, max-age=3600", "ETag": f'"{archive.sha256}-{number}"'}
    )


def entries_of(session: Session, document: Document, t: Words) -> list[dict[str, Any]]:
    """What the ledger tells of it, oldest first, each with its inclusion proof in the newest checkpoint where that covers it."""
    newest = newest_checkpoint(session, document.entity)
    told = []
    for sequence, kind, at, _payload in story_of(session, document.id):
        covered = newest is not None and sequence < newest.size
        path = [step.hex() for step in inclusion_of(session, document.entity, sequence, newest.size)] if newest and covered else []
        line = {"sequence": sequence, "type": t.known("event", kind), "at": t.moment(at), "covered": covered}
        told.append(line | {"path": json.dumps(path, indent=1), "steps": len(path)})
    return told


def state_of_chain(last: Checked | None, logs: list[Any]) -> str:
    """By the last walk and what is held outside: bad, unknown (no walk yet), thin (no checkpoint yet) or good."""
    if any(each.wrong for each in logs) or (last and (last.broken or last.contradicted)):
        return "bad"
    if last is None:
        return "unknown"
    return "good" if all(each.newest for each in logs) else "thin"


def _page(request: Request, session: Session, asked: str = "", found: list[Document] | None = None, of_file: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    checked = last_walk(request)
    logs = standings(session, workstation.settings)
    return desk.show(
        request,
        "compliance.html",
        state=(state := state_of_chain(checked, logs)),
        tone=TONES.get(state, "watch"),
        checked=checked,
        logs=logs,
        fixity=fixity_state(session),
        alerts=alerts_of(session, workstation, t.language),
        rooms=ROOMS,
        asked=asked,
        of_file=of_file,
        cards=None if found is None else [_card(each, t) for each in found],
    )


def _card(document: Document, t: Words) -> dict[str, Any]:
    """A line of the search; of what is confidential or erased its state alone."""
    hidden = document.confidential or document.state == State.ERASED
    card = show.card_of(document, t, has_thumb=False, findings=0)
    return {
        "address": f"/documents/{document.id}" if hidden else f"{ADDRESS}/{document.id}",
        "title": card.title if not hidden else document.id,
        "supplier": "" if hidden else card.fields.get("supplier_name", ""),
        "number": "" if hidden else card.fields.get("invoice_number", ""),
        "received": card.received,
        "state": card.state,
    }
