"""What every desk shares: who asks, the transaction of the request, and how a page or its fragment is shown."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from sqlalchemy.orm import Session

from station import acts
from station.records import documents, people
from station.records.tables import Person, State
from station.web import visits
from station.web.grants import may
from station.web.navigation import menu_for
from station.web.words import Words, words_in
from station.workstation import Workstation
from workflow.roles import Role

HERE = Path(str(resources.files("station.web")))
STATIC = HERE / "static"


class NotSignedIn(Exception):
    """Nobody is signed in, or the account may no longer enter."""


def workstation_of(request: Request) -> Workstation:
    workstation: Workstation = request.app.state.workstation
    return workstation


def entity_of(request: Request) -> str:
    """The legal entity in which the person works now: what this request lists, looks for and makes belongs to it."""
    return workstation_of(request).settings.entity


def reading(request: Request) -> Iterator[Session]:
    """A GET only reads: it can neither hold up a writer nor write by mistake."""
    with workstation_of(request).database.reading() as session:
        yield session


def writing(request: Request) -> Iterator[Session]:
    """One request is one transaction: it commits before the answer leaves, or not at all."""
    with workstation_of(request).database.writing() as session:
        yield session


InReading: TypeAlias = Annotated[Session, Depends(reading, scope="function")]
InWriting: TypeAlias = Annotated[Session, Depends(writing, scope="function")]
FromHtmx: TypeAlias = Annotated[str | None, Header(alias="HX-Request")]


def signed_in(request: Request, session: InReading) -> Person:
    """Whoever is signed in and still here, with their roles of today. Raises NotSignedIn."""
    login, badge = request.session.get("login"), request.session.get("badge")
    person = people.find(session, str(login)) if login else None
    practice = is_practice(workstation_of(request))
    if person is None or badge != people.badge_of(person) or not people.may_enter(person, practice=practice):
        raise NotSignedIn
    if not visits.goes_on(request):
        raise NotSignedIn
    request.state.roles = people.roles_of(session, person.pseudonym, workstation_of(request).clock().date())
    # Its values stay readable when the request fails and its session is rolled back: the error page has a header, too.
    session.expunge(person)
    request.state.person = person
    return person


SignedIn: TypeAlias = Annotated[Person, Depends(signed_in, scope="function")]


def roles_here(request: Request) -> frozenset[Role]:
    """As what the person of this request may act today; a visitor as nothing."""
    return getattr(request.state, "roles", frozenset())


MASKS = "masks"
"""Tag of the pages about a document that show nothing of what it contains, or know how to keep silent."""


def reserved(request: Request, session: InReading) -> None:
    """Stands before every page about one document: of a « pli confidentiel » only those that keep silent are shown, as of
    one that was erased. Raises Reserved, Unknown."""
    document_id = request.path_params.get("document_id")
    if document_id and MASKS not in getattr(request.scope.get("route"), "tags", ()):
        try:
            document = acts.shown_document(session, str(document_id))
        except documents.Unknown:
            return  # For the page itself to say.
        if document.state == State.ERASED:
            raise documents.Unknown(document.id)


def is_practice(workstation: Workstation) -> bool:
    return workstation.practice


def words_of(request: Request) -> Words:
    """The language chosen with the switch, or the installation's."""
    return words_in(str(request.session.get("language") or workstation_of(request).settings.language))


def show(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """Render a whole page or a fragment; everything a template may need of the request is given here."""
    roles = roles_here(request)
    context = {
        "may": lambda path, method="GET": may(roles, method, path),
        "t": words_of(request),
        "person": getattr(request.state, "person", None),
        "practice": is_practice(workstation_of(request)),
        "here": request.url.path,
        "menu": menu_for(roles, request.url.path),
        "flash": request.session.pop("flash", None) if "HX-Request" not in request.headers else None,
        **values,
    }
    return _templates().TemplateResponse(request, template, context, status_code=status)


def go_to(request: Request, address: str, flash: str | None = None) -> Response:
    """After a form: look at the result by a GET, so that reloading sends nothing twice. `flash` is a key of the catalogue."""
    if flash is not None:
        request.session["flash"] = flash
    return RedirectResponse(address, status_code=303)


def fingerprint_of(*parts: object) -> str:
    """A short text that changes with its parts; lets a page ask whether anything is new."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def nothing_new() -> Response:
    """HTMX leaves the page as it is: nothing flickers, nothing loses the focus."""
    return Response(status_code=204)


@cache
def icon(name: str) -> Markup:
    """An icon of the set, drawn in the colour of its text and hidden from screen readers: a word always stands beside it."""
    file = STATIC / "vendor" / "icons" / f"{name}.svg"
    if not file.is_file():
        return Markup("")
    drawing = file.read_text(encoding="utf-8")
    inner = drawing[drawing.index(">", drawing.index("<svg")) + 1 : drawing.rindex("</svg>")]
    # The files are the icon set's own, copied at set-up; nothing a user wrote gets here.
    return Markup(  # noqa: S704 see above
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
        f'stroke-linejoin="round" aria-hidden="true" focusable="false">{inner.strip()}</svg>'
    )


@cache
def static_address(name: str) -> str:
    """Address of a static file that changes with its content, so that a browser may keep it."""
    file = STATIC / name
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else "0"
    return f"/static/{name}?v={digest}"


@cache
def _templates() -> Jinja2Templates:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(icon=icon, static=static_address)
    return Jinja2Templates(env=environment)
