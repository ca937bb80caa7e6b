"""« À signer »: copies that A102 B-1 wants signed, the officer's password typed once, and how far the batch is."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from sealing.keys import KeyRefused, UnusableKey
from sealing.officers import WrongPassword
from station.problems import PROBLEMS, problem_of
from station.records import documents
from station.records.people import SECOND_LOGIN
from station.records.tables import Document, Person
from station.signing import (
    LONGEST_PASSWORD,
    Batch,
    NoKey,
    Signings,
    has_key,
    open_key,
    seal_again,
    to_sign,
    why_not_sign,
)
from station.web import desk, show
from station.web.words import Words

router = APIRouter()
SHOWN = 500
"""Copies on one page; « all » signs those that are not shown, too."""
Ids = Annotated[list[str], Form(max_length=SHOWN)]


def signings_of(request: Request) -> Signings:
    signings: Signings = request.app.state.signings
    return signings


@router.get("/signing")
def signing_page(request: Request, session: desk.InReading, person: desk.SignedIn, htmx: desk.FromHtmx = None) -> Response:
    """What waits for a signature, and how far the officer's batch is; HTMX gets the progress alone."""
    if htmx:
        return desk.show(request, "_signing.html", **_progress(request, person))
    return _page(request, session, person)


@router.post("/signing")
def sign(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
    ids: Ids = [],  # noqa: B006 FastAPI copies it
    only: Annotated[str, Form(max_length=32)] = "",
    everything: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Open the officer's key and begin the batch; a wrong password signs nothing and says so. The password is kept nowhere."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    waiting = [each for each in to_sign(session, workstation.settings.entity) if why_not_sign(each) is None]
    chosen = [each.id for each in waiting if everything or each.id == only or (not only and each.id in ids)]
    if not chosen:
        return _page(request, session, person, t("signing.wrong-none"), 422)
    try:
        key = open_key(workstation.settings, person, password, workstation.clock())
    except UnusableKey as error:
        return _page(request, session, person, key_words(error, t), 422)
    signings_of(request).begin(workstation, chosen, key)
    return desk.go_to(request, "/signing")


@router.post("/signing/reseal")
def reseal(request: Request, session: desk.InWriting, person: desk.SignedIn, ids: Ids = []) -> Response:  # noqa: B006 FastAPI copies it
    """Copies of the version before, whose seal leaves no room, are sealed again; then they can be signed."""
    now = desk.workstation_of(request).clock()
    for document_id in ids:
        seal_again(session, documents.get_document(session, document_id), person, now)
    return desk.go_to(request, "/signing", "flash.resealed")


def key_words(error: UnusableKey, t: Words) -> str:
    """Why a key does not open, that nothing was signed, what to do."""
    match error:
        case NoKey():
            return t("signing.wrong-key")
        case WrongPassword():
            return t("signing.wrong-password")
        case KeyRefused() if error.problem in PROBLEMS:
            return f"{PROBLEMS[error.problem].words(t.language)} {t('signing.nothing')}"
    return f"{problem_of(error).words(t.language)} {t('signing.nothing')}"


def failure_words(batch: Batch, t: Words) -> list[tuple[str, str, str]]:
    """Identifier, name and reason of each copy that was not signed."""
    return [
        (each.document_id, each.title, PROBLEMS[each.why].words(t.language) if each.problem else t(f"signing.why-{each.why}"))
        for each in batch.failed
    ]


def _progress(request: Request, person: Person) -> dict[str, Any]:
    batch = signings_of(request).of(person.pseudonym)
    return {"batch": batch, "failures": failure_words(batch, desk.words_of(request)) if batch else []}


def _page(request: Request, session: Session, person: Person, wrong: str | None = None, status: int = 200) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    waiting = to_sign(session, workstation.settings.entity)
    ready = [each for each in waiting if why_not_sign(each) is None]
    older = [each for each in waiting if why_not_sign(each) == "older"]
    return desk.show(
        request,
        "signing.html",
        status,
        ready=[_line(each, t) for each in ready[:SHOWN]],
        total=len(ready),
        older=[_line(each, t) for each in older[:SHOWN]],
        may_sign=has_key(workstation.settings, person),
        wrong=wrong,
        second=SECOND_LOGIN,
        **_progress(request, person),
    )


def _line(document: Document, t: Words) -> dict[str, str]:
    return {
        "id": document.id,
        "title": show.title_of(document, t),
        "kind": t.known("type", document.document_type),
        "at": t.moment(document.archives[-1].sealed_at),
    }
