"""The entrance: signing in and out, the language, help, and whether the station is well."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response

from station.disk import Room, look_at_disk
from station.records import documents, people
from station.web import desk, figures
from station.web.words import LANGUAGES

open_router = APIRouter()
router = APIRouter()


@open_router.get("/sign-in")
def sign_in_page(request: Request, language: str = "", next: str = "/") -> Response:
    """Who are you? The language may be chosen before signing in."""
    if language in LANGUAGES:
        request.session["language"] = language
    return _sign_in(request, local_address(next))


@open_router.post("/sign-in")
def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Begin a session; reads only, for nothing is written about who fails."""
    workstation = desk.workstation_of(request)
    # The transaction ends here: the check below is slow on purpose, and anyone may ask for it.
    with workstation.database.reading() as session:
        person = people.find_entrant(session, login.strip(), practice=desk.is_practice(workstation))
    try:
        right = people.fits(person, password)
    except people.TooMany:
        return _sign_in(request, local_address(next), status=429, trouble="busy", login=login.strip())
    if person is None or not right:
        return _sign_in(request, local_address(next), status=401, trouble="wrong", login=login.strip())
    language = request.session.get("language")
    request.session.clear()
    request.session.update(login=person.login, badge=people.badge_of(person), **({"language": language} if language else {}))
    return desk.go_to(request, local_address(next))


@open_router.get("/health")
def health(request: Request, session: desk.InReading) -> Response:
    """For supervisors: 200 where a living process watches the folders, else 503. Tells nothing about documents."""
    room = look_at_disk(desk.workstation_of(request).home).room
    now = desk.workstation_of(request).clock()
    workers = documents.living_workers(session, now, documents.DEAD_AFTER)
    last = figures.last_intake(session)
    well = bool(figures.watching(session, now))
    return JSONResponse(
        {
            "status": "ok" if well else "disk-full" if room is Room.NONE else "no-worker",
            "disk": str(room),
            "workers": [{"kind": worker.kind, "beat": worker.beat_at.isoformat()} for worker in workers],
            "last_intake": None if last is None else last.isoformat(),
        },
        200 if well else 503,
    )


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session; the language is kept."""
    language = request.session.get("language")
    request.session.clear()
    if language:
        request.session["language"] = language
    return desk.go_to(request, "/sign-in")


@router.post("/language")
def choose_language(
    request: Request, language: Annotated[str, Form(max_length=2)], back: Annotated[str, Form(max_length=500)] = "/"
) -> Response:
    """Keep the language for this session and go back to the page one came from."""
    if language in LANGUAGES:
        request.session["language"] = language
    return desk.go_to(request, local_address(back))


@router.get("/help")
def help_page(request: Request) -> Response:
    workstation = desk.workstation_of(request)
    return desk.show(request, "help.html", folder=str(workstation.settings.folder_of(workstation.settings.stations[0])))


def local_address(address: str) -> str:
    """An address of ours, never another site's: an open redirect would lend our name to a forger."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if plain else "/"


def _sign_in(request: Request, next_address: str, *, status: int = 200, trouble: str = "", login: str = "") -> Response:
    practice = desk.is_practice(desk.workstation_of(request))
    return desk.show(
        request,
        "sign_in.html",
        status,
        next=next_address,
        trouble=trouble,
        login=login,
        practice_login=people.PRACTICE_LOGIN if practice else None,
        practice_password=people.PRACTICE_PASSWORD if practice else None,
    )
