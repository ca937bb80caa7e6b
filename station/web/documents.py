"""The documents: search, one document with all that is known of it, its images and files, and what a person decides about it."""

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Any

import pikepdf
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from capture.coding import HEAD, tell_format
from capture.scan import Format
from conformity.circumstances import COLOUR_CODES
from ocr.confidence import IDENTITIES, WATCHED, Thresholds, doubts
from sealing.evidence import EvidenceProfile
from station import acts
from station.corrections import Order, give_up, may_give_up, offered_corrections
from station.drift import thresholds_of
from station.erasure import certificate_of, pending_erasure
from station.evidence import archive_profile, gauge_of, gauges_of, lineage_of, profile_for, signature_of
from station.particulars import held_alike, judge_twins
from station.problems import PROBLEMS
from station.records import documents
from station.records.batches import links_of
from station.records.ledger import story_of
from station.records.review import pending_accounts
from station.records.tables import Document, Link, State
from station.sheets import originals_of
from station.signing import why_not_sign
from station.sources import can_say
from station.versions import GIVEN_UP
from station.web import desk, forms, learning, payables, show
from station.web.figures import WORKING
from station.web.grants import may
from station.web.words import Words
from station.workstation import Workstation
from workflow.kinds import INVOICES, kind_of, longest_duty
from workflow.kinds import KINDS as KIND_TABLE

router = APIRouter()
FILTERS: dict[str, tuple[State, ...]] = {
    "": (),
    "working": WORKING,
    "held": (State.HELD,),
    "sealed": (State.SEALED,),
    "failed": (State.FAILED,),
    "set-aside": (State.SET_ASIDE,),
}
CAUSED = ("held", "failed")
"""Filters in which documents may be listed by the trouble that brought them there."""
SIZE = 25
KINDS = ("page", "thumb")
REASONS = 3
"""Suggested reasons per choice, `choice.<choice>.reason-1` and on in the catalogue."""
MEDIA: dict[Format, tuple[str, str]] = {
    Format.TIFF: ("image/tiff", ".tif"),
    Format.PNG: ("image/png", ".png"),
    Format.JPEG: ("image/jpeg", ".jpg"),
    Format.JP2: ("image/jp2", ".jp2"),
    Format.WEBP: ("image/webp", ".webp"),
    Format.PDF: ("application/pdf", ".pdf"),
    # Not as XML: a browser would show it with whatever style or script it brings along.
    Format.XML: ("application/octet-stream", ".xml"),
    Format.UNKNOWN: ("application/octet-stream", ".bin"),
}
"""Media type and ending: what an original is served as says its content, never its name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One button of the decision panel."""

    code: str
    text: str
    help: str


@dataclass(frozen=True, slots=True)
class Act:
    """One link to what may be done with a document."""

    code: str
    text: str
    address: str
    route: str
    """As the table of grants writes it."""


ONE = "/documents/{document_id}"
OTHER_KINDS = (*(kind.code for kind in KIND_TABLE if kind.code not in INVOICES), acts.ASIDE)
"""What may stand in place of an invoice."""


@router.get("/documents")
def list_page(
    request: Request, session: desk.InReading, htmx: desk.FromHtmx = None, state: str = "", q: str = "", page: int = 1, cause: str = ""
) -> Response:
    """Search and filter; HTMX gets the list alone. `cause` narrows what a state that calls for a person holds to one trouble."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    chosen = state if state in FILTERS or state == "duplicates" else ""
    cause = cause if chosen in CAUSED and cause in PROBLEMS else ""
    values: dict[str, Any] = {"state": chosen, "search": q[:200], "filters": (*FILTERS, "duplicates"), "cause": cause}
    if cause:
        values["cause_said"] = show.problem_said(cause, t)
    template = "_documents.html" if htmx else "documents.html"
    if chosen == "duplicates":
        return desk.show(request, template, **values, duplicates=documents.recent_duplicates(session, 100), slice=None, cards=[])
    found = documents.list_documents(session, states=FILTERS[chosen], search=q[:200], cause=cause, page=page, size=SIZE)
    gauges = gauges_of(session, found.documents, workstation.settings)
    cards = [show.card_of(d, t, has_thumb=workstation.light_image(d, 1, "thumb").is_file(), gauge=gauges[d.id]) for d in found.documents]
    return desk.show(request, template, **values, duplicates=[], slice=found, cards=cards)


def reread_words(document: Document, thresholds: Thresholds, t: Words, *, account_waits: bool = False) -> str | None:
    """Of an invoice: what a person should look at again, or that all is sure; None where a person saw every value."""
    best = learning.best_rows(document)
    if document.document_type not in INVOICES or not learning.to_confirm(document, account_waits=account_waits):
        return None
    said = {name: inf for name, row in best.items() if row.source == "person" or (name == "iban" and account_waits)}
    doubtful = doubts({name: row.confidence or 0.0 for name, row in best.items()} | said, thresholds)
    named = [t.known("field", name) if name in best else _missing(name, t) for name in doubtful]
    if any(row.code.startswith("reading-") for row in document.findings):
        named.append(t("document.reread-unread"))
    watched = sum(name in best for name in WATCHED)
    return t("document.reread", what=", ".join(named)) if named else t("document.untouched", n=watched)


def _missing(name: str, t: Words) -> str:
    label = t("document.reread-identity") if name in IDENTITIES else t.known("field", name)
    return t("document.reread-missing", label=label)


@router.get("/documents/{document_id}", tags=[desk.MASKS])
def document_page(request: Request, session: desk.InReading, document_id: str, htmx: desk.FromHtmx = None, seen: str = "") -> Response:
    """All that is known of one document; for HTMX its live part, or 204 where nothing is new since `seen`."""
    document = documents.get_document(session, document_id)
    t = desk.words_of(request)
    arrivals = documents.arrivals_of(session, document)
    change = desk.fingerprint_of(document.revision, document.changed_at, len(arrivals), t.language)
    if htmx and seen == change:
        return desk.nothing_new()
    values: dict[str, Any] = {
        "change": change,
        "document": document,
        "card": show.card_of(document, t, has_thumb=False, findings=100),
        "story": show.tell_story(story_of(session, document_id), document, t),
        "choices": choices_for(document, t),
        "acts": [act for act in acts_for(session, document, t) if may(desk.roles_here(request), "GET", act.route)],
        "links": show.show_links(linked(session, document), document, t),
        "certificate": certificate_of(session, document),
    }
    if document.confidential or document.state == State.ERASED:
        return desk.show(request, "_reserved.html" if htmx else "reserved.html", **values)
    thresholds = thresholds_of(session, document.entity)
    waits = pending_accounts(session, document.entity, document.id)
    return desk.show(
        request,
        "_document.html" if htmx else "document.html",
        **values,
        arrivals=arrivals,
        originals=originals_of(document) if document.current_pages or document.arrivals else (),
        lines=learning.show_lines(session, document, thresholds, t),
        reread=reread_words(document, thresholds, t, account_waits=bool(waits)),
        account_waits=waits[0].id if waits else None,
        missing_fields=learning.missing_fields(document, t),
        to_confirm=learning.to_confirm(document, account_waits=bool(waits)),
        images=page_images(document, desk.workstation_of(request)),
        image_words=show.image_words(show.newest(document.archives), t),
        archive=show.newest(document.archives),
        earlier=sorted(document.archives, key=lambda archive: -archive.version)[1:],
        worn=[page for page in document.pages if page.superseded],
        given_back=may_give_up(document),
        kind=kind_of(document.document_type),
        profile=acts.profile_of(document),
        source=acts.source_of(document).value,
        duty=longest_duty(document.document_type, desk.workstation_of(request).clock().date()),
        checks=[] if not document.archives else show.show_checks(document.archives[-1], t),
        **evidence_values(session, document, desk.workstation_of(request), t),
        can_say=can_say(document),
        circuit_runs=forms.runs_shown(session, request, document, t),
        debt=payables.debt_of(session, desk.workstation_of(request), document, t) if document.state == State.SEALED else None,
        colourless=any(row.code in COLOUR_CODES for row in document.findings),
    )


def evidence_values(session: Session, document: Document, workstation: Workstation, t: Words) -> dict[str, Any]:
    """The gauge with what is lacking, the profile that was wanted and the one it got, and whether an officer signed or has to."""
    found = gauge_of(session, document, workstation.settings)
    newest = show.newest(document.archives)
    profile = archive_profile(lineage_of(document.archives, newest)[-1]) if newest else None
    wanted = profile_for(workstation.settings, document.document_type)
    return {
        "steps": show.evidence_steps(found, t),
        "lack": show.lack_words(found, t),
        "evidence_profile": profile.value if profile else "",
        "evidence_wanted": profile is not None and wanted is EvidenceProfile.COPIE_FIABLE and profile is not wanted,
        "signature": signature_of(document),
        "to_sign": why_not_sign(document) in (None, "older"),
    }


@router.get("/documents/{document_id}/pages/{number}/{kind}.jpg")
def page_image(request: Request, session: desk.InReading, document_id: str, number: int, kind: str) -> Response:
    """A light image for the screen, never evidence."""
    document = documents.get_document(session, document_id)
    # Asked of a bucket only where there may be one.
    path = desk.workstation_of(request).light_image(document, number, kind) if kind in KINDS and 1 <= number <= 9999 else None
    if path is None or not path.is_file():
        raise HTTPException(404)
    # The address changes with each attempt (?r=), so that a list that is refreshed asks for no image twice.
    return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.get("/documents/{document_id}/sealed.pdf")
def sealed_file(request: Request, session: desk.InReading, document_id: str, version: int | None = None) -> Response:
    """The newest sealed PDF/A-3, byte for byte, or an earlier version."""
    archives = documents.get_document(session, document_id).archives
    archive = show.newest([each for each in archives if version in (None, each.version)])
    if archive is None:
        raise HTTPException(404)
    return _download(desk.workstation_of(request).archives.path(archive.sha256, ".pdf"), "application/pdf", f"{archive.sha256}.pdf")


@router.get("/documents/{document_id}/capture-data.json")
def capture_data(request: Request, session: desk.InReading, document_id: str) -> Response:
    """The capture record as it is attached to the newest sealed file."""
    archive = show.newest(documents.get_document(session, document_id).archives)
    path = None if archive is None else desk.workstation_of(request).archives.path(archive.sha256, ".pdf")
    if archive is None or path is None or not path.is_file():
        raise HTTPException(404)
    with pikepdf.open(path) as pdf:
        if "capture-data.json" not in pdf.attachments:
            raise HTTPException(404)
        content = pdf.attachments["capture-data.json"].get_file().read_bytes()
    headers = {"Content-Disposition": f'attachment; filename="{archive.sha256}.json"'}
    return Response(content, media_type="application/json", headers=headers)


@router.get("/documents/{document_id}/originals/{sha256}")
def original_file(request: Request, session: desk.InReading, document_id: str, sha256: str) -> Response:
    """An original as the scanner wrote it, where it belongs to this document."""
    document = documents.get_document(session, document_id)
    if sha256 not in {arrival.sha256 for arrival in document.arrivals} | {page.sha256 for page in document.pages}:
        raise HTTPException(404)
    path = desk.workstation_of(request).originals.path(sha256)
    media, ending = media_of(path)
    return _download(path, media, f"{sha256}{ending}")


@router.get("/documents/{document_id}/decision/{choice}", tags=[desk.MASKS])
def decision_page(request: Request, session: desk.InReading, document_id: str, choice: str) -> Response:
    """What the choice means, its reason, and the button that does it."""
    document = documents.get_document(session, document_id)
    return _decision(request, document, choice)


@router.post("/documents/{document_id}/decision/{choice}", tags=[desk.MASKS])
def decide(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    choice: str,
    reason: Annotated[str, Form(max_length=2000)] = "",
    suggested: Annotated[str, Form(max_length=2000)] = "",
    kind: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Decide; without a reason the page comes back and keeps what was typed."""
    words = reason.strip() or suggested.strip()
    document, now = documents.get_document(session, document_id), desk.workstation_of(request).clock()
    if not words or (choice == "not-invoice" and kind not in OTHER_KINDS):
        return _decision(request, document, choice, status=422, missing=True)
    if choice == GIVEN_UP:
        give_up(session, document, Order(person, words, now))
    else:
        hidden = [document_id, *(older.id for older in acts.replaced_by(session, document))] if choice == "confidential" else []
        alike = held_alike(session, hidden)
        acts.decide(session, document_id, choice, words, person, now, kind or None)
        judge_twins(session, alike, desk.workstation_of(request).settings)
    back = f"/desk/{document.station}" if choice == "confidential" and document.batch.ended_at is None else f"/documents/{document_id}"
    return desk.go_to(request, back, f"flash.{show.choice_key(document, choice)}")


def choices_for(document: Document, t: Words) -> tuple[Choice, ...]:
    """What may be decided about a document as it stands, in words."""
    given_up = (GIVEN_UP,) if may_give_up(document) else ()
    return tuple(_choice(document, code, t) for code in (*acts.offered_choices(document), *given_up))


def acts_for(session: Session, document: Document, t: Words) -> tuple[Act, ...]:
    """What may be done besides, each with its page."""
    here = f"/documents/{document.id}"
    offered = [Act("correct", t("correct.button"), f"{here}/correct", f"{ONE}/correct")] if offered_corrections(document) else []
    decided = acts.offered_acts(document)
    offered += [Act(code, _choice(document, code, t).text, f"{here}/decision/{code}", f"{ONE}/decision/{{choice}}") for code in decided]
    if document.state == State.SET_ASIDE or pending_erasure(session, document.id) is not None:
        offered.append(Act("erase", t("erasure.button"), f"{here}/erasure", f"{ONE}/erasure"))
    return tuple(offered)


def linked(session: Session, document: Document) -> list[tuple[Link, Document]]:
    """Documents that it came out of or became, in the order in which that was."""
    links = links_of(session, document.id)
    return [(link, documents.get_document(session, link.older_id if link.newer_id == document.id else link.newer_id)) for link in links]


def _choice(document: Document, code: str, t: Words) -> Choice:
    key = f"choice.{show.choice_key(document, code)}"
    return Choice(code, t(f"{key}.button"), t(f"{key}.help"))


def page_images(document: Document, workstation: Workstation) -> list[tuple[int, str | None]]:
    """Page number and address of its light image, None where there is none yet."""
    numbers = [page.number for page in document.pages if not page.superseded]
    return [(n, _image_address(document, n) if workstation.light_image(document, n).is_file() else None) for n in numbers]


def media_of(path: Path) -> tuple[str, str]:
    """Media type and ending from the first bytes; unknown bytes are just bytes. Raises HTTPException 404 where nothing is kept."""
    if not path.is_file():
        raise HTTPException(404)
    with path.open("rb") as file:
        head = file.read(HEAD)
    # A JPEG 2000 codestream without its box file has a type of its own.
    return ("image/j2c", ".j2c") if head.startswith(b"\xff\x4f\xff") else MEDIA[tell_format(head)]


def _image_address(document: Document, number: int) -> str:
    return f"/documents/{document.id}/pages/{number}/page.jpg?r={document.attempt}"


def _decision(request: Request, document: Document, choice: str, *, status: int = 200, missing: bool = False) -> Response:
    t = desk.words_of(request)
    offered = (*choices_for(document, t), *(_choice(document, code, t) for code in acts.offered_acts(document)))
    chosen = next((each for each in offered if each.code == choice), None)
    if chosen is None:
        raise acts.NotOffered(f"{document.state}: {choice}")
    return desk.show(
        request,
        "decision.html",
        status,
        document=document,
        card=show.card_of(document, t, has_thumb=False, findings=5),
        choice=chosen,
        reasons=[t(f"choice.{show.choice_key(document, choice)}.reason-{n}") for n in range(1, REASONS + 1)],
        missing=missing,
        kinds=OTHER_KINDS if choice == "not-invoice" else (),
    )


def _download(path: Path, media: str, name: str) -> Response:
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=media, filename=name)
