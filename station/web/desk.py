"""What every desk shares: who asks, the transaction of the request, and how a page or its fragment is shown."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
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

from config.spaces import other_space, production_beside
from station import acts
from station.records import documents, people
from station.records.scope import Scope, put_scope
from station.records.tables import Person, State
from station.web import visits
from station.web.grants import may
from station.web.navigation import menu_for
from station.web.words import Words, words_in
from station.workstation import Workstation
from workflow.roles import Role

NOWHERE = ""
"""A company that no row belongs to: of who may work in none of this house."""
HERE = Path(str(resources.files("station.web")))
STATIC = HERE / "static"


class NotSignedIn(Exception):
    """Nobody is signed in, or the account may no longer enter."""


def house_of(request: Request) -> Workstation:
    """The whole installation, whoever asks: for what is nobody's, and for what looks after all companies at once."""
    workstation: Workstation = request.app.state.workstation
    return workstation


def workstation_of(request: Request) -> Workstation:
    """The workstation as the person of this request may see it: of several companies the one in which they work now, with its stations.

    Its settings name that company, and every session that is opened of it sees nothing of another (`station.records.scope`). Before
    somebody is signed in, and where there is one company and nobody's stations are limited, it is the whole house.
    """
    seen: Workstation | None = getattr(request.state, "workstation", None)
    return house_of(request) if seen is None else seen


def entity_of(request: Request) -> str:
    """The legal entity in which the person works now: what this request lists, looks for and makes belongs to it."""
    return workstation_of(request).settings.entity


def entities_of(request: Request) -> tuple[str, ...]:
    """The legal entities of this house in which the person may work."""
    return getattr(request.state, "entities", ())


def see_through(request: Request, session: Session, person: Person, named: str | None = None) -> None:
    """From here on this request sees what the person may: in the company that they chose, or the first that is theirs.

    `session` is the one already open; it must hold no row that is still needed. Sets `entities`, `roles`, `workstation` and `person` of the
    request's state. `named`: the company of a token, in place of the one that was chosen.
    """
    house = house_of(request)
    allowed = people.entities_of(person)
    theirs = tuple(each for each in house.settings.entities if allowed is None or each in allowed)
    chosen = str(request.session.get("entity") or "") if named is None else named
    entity = chosen if chosen in theirs else next(iter(theirs), NOWHERE)
    # Who may work nowhere here acts as nothing.
    roles = people.roles_of(session, person.pseudonym, house.clock().date(), entity) if theirs else frozenset()
    only = people.stations_of(person, roles)
    if len(house.settings.entities) > 1 or only is not None or not theirs:
        seen = house_seen(house, entity, only)
        put_scope(session, seen.database.scope)
        request.state.workstation = seen
    request.state.entities, request.state.roles, request.state.person = theirs, roles, person


def house_seen(house: Workstation, entity: str, only: frozenset[str] | None) -> Workstation:
    """The house as one company sees it, with all of its stations or `only` these: its settings, and sessions that see no more."""
    settings, primary = house.settings, entity == house.settings.entity
    stations = frozenset(each.name for each in settings.stations if (settings.company_of(each) == entity) is not primary)
    scope = Scope(entity, stations, primary, only)
    return replace(house, settings=settings.of_company(entity, only), database=replace(house.database, scope=scope))


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
    if person is None or not people.may_enter(person, practice=practice):
        raise NotSignedIn
    if badge != people.badge_of(person):
        raise NotSignedIn("changed")
    if not visits.is_here(request, session, person) or not visits.goes_on(request):
        raise NotSignedIn("over")
    # Its values stay readable when the request fails and its session is rolled back: the error page has a header, too.
    session.expunge(person)
    see_through(request, session, person)
    return person


SignedIn: TypeAlias = Annotated[Person, Depends(signed_in, scope="function")]


def roles_here(request: Request) -> frozenset[Role]:
    """As what the person of this request may act today; a visitor as nothing."""
    return getattr(request.state, "roles", frozenset())


def works_everywhere(request: Request) -> bool:
    """Whether the person of this request is limited to no company of the house; a visitor is nobody."""
    person = getattr(request.state, "person", None)
    return person is not None and people.entities_of(person) is None


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
        "may": lambda path, method="GET": may(roles, method, path, whole=works_everywhere(request)),
        "t": words_of(request),
        "person": getattr(request.state, "person", None),
        "practice": is_practice(workstation_of(request)),
        "space": production_beside(workstation_of(request).home) is not None,
        "other_space": other_space(workstation_of(request).settings, request.url.hostname or "127.0.0.1"),
        "entities": entities_of(request),
        "entity": entity_of(request),
        "here": request.url.path,
        "menu": menu_for(roles, request.url.path, whole=works_everywhere(request)),
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
