"""Who read what: notes each reading as it is asked for, and shows the stream."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from station.access import Act, Note, Notebook, Wanted, day_of, read_access
from station.package import Scope
from station.web import desk

router = APIRouter()
SHOWN = 200
Asked = Annotated[str, Query(max_length=200)]
READINGS: dict[tuple[str, str], Act] = {
    ("GET", "/documents/{document_id}"): Act.SEEN,
    ("GET", "/documents/{document_id}/verdict"): Act.SEEN,
    ("GET", "/documents/{document_id}/circuits"): Act.SEEN,
    ("GET", "/documents/{document_id}/pages/{number}/{kind}.jpg"): Act.IMAGE,
    ("GET", "/documents/{document_id}/sealed.pdf"): Act.SEALED,
    ("GET", "/documents/{document_id}/capture-data.json"): Act.RECORD,
    ("GET", "/documents/{document_id}/originals/{sha256}"): Act.ORIGINAL,
    ("GET", "/export/{number}/{name}"): Act.PACKAGE,
    ("GET", "/conformite/search"): Act.SEARCH,
    ("POST", "/conformite/search"): Act.SEARCH,
    ("GET", "/conformite/{document_id}"): Act.SEEN,
    ("GET", "/conformite/{document_id}/pages/{number}.png"): Act.IMAGE,
    ("GET", "/relecture/{document_id}"): Act.SEEN,
    ("GET", "/relecture/{document_id}/fenetre"): Act.SEEN,
    ("GET", "/relecture/{document_id}/image/{number}.json"): Act.IMAGE,
    ("GET", "/recherche"): Act.SEARCH,
    ("GET", "/recherche/{document_id}"): Act.SEEN,
    ("GET", "/direction/cloture"): Act.LISTED,
    ("GET", "/direction/{figure}.csv"): Act.LISTED,
    ("GET", "/regles/{file}/rejeu/{number}"): Act.LISTED,
    ("GET", "/comptabilite/factures/{document_id}"): Act.SEEN,
    ("GET", "/comptabilite/lots/{number}/lot.csv"): Act.LISTED,
    ("GET", "/relances/courrier/{number}/{which}.pdf"): Act.SEALED,
    ("GET", "/access"): Act.LISTED,
}
"""What is noted, by route. Lists and thumbnails are not: they show that a document is there, not what it says."""
SMALL = "thumb"


def noted(request: Request, person: desk.SignedIn) -> None:
    """Stands behind the others before each page: what was refused is not noted."""
    act = READINGS.get((request.method, getattr(request.scope.get("route"), "path", "")))
    values = request.path_params
    if act is None or values.get("kind") == SMALL:
        return
    readings: Notebook = request.app.state.readings
    words = [str(values[name]) for name in ("document_id", "number", "sha256", "name") if name in values]
    readings.note(Note(person.pseudonym, act, " ".join(words), desk.workstation_of(request).clock(), desk.entity_of(request)))


def note_document(request: Request, person: desk.SignedIn, act: Act, named: str) -> None:
    """A document that was shown at an address that does not name it: by its page, which knows which."""
    readings: Notebook = request.app.state.readings
    readings.note(Note(person.pseudonym, act, named, desk.workstation_of(request).clock(), desk.entity_of(request)))


def note_export(request: Request, person: desk.SignedIn, scope: Scope) -> None:
    """A package that was asked for: by its page, which knows of what."""
    readings: Notebook = request.app.state.readings
    told, at = " ".join(scope.as_json().values()), desk.workstation_of(request).clock()
    readings.note(Note(person.pseudonym, Act.EXPORT, told, at, desk.entity_of(request)))


@router.get("/access")
def access_page(
    request: Request, session: desk.InReading, login: Asked = "", act: Asked = "", document: Asked = "", first: Asked = "", last: Asked = ""
) -> Response:
    """The newest readings; the address filters them."""
    settings = desk.workstation_of(request).settings
    wanted = Wanted(login.strip(), act if act in set(Act) else "", document.strip(), day_of(first), day_of(last))
    told = read_access(session, settings.entity, wanted, SHOWN + 1)
    typed = {"login": login, "act": wanted.act, "document": document, "first": first, "last": last}
    return desk.show(
        request,
        "access.html",
        told=told[:SHOWN],
        more=len(told) > SHOWN,
        shown=SHOWN,
        typed=typed,
        acts=list(Act),
        months=settings.access.months,
    )
