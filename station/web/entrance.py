"""The entrance: signing in and out, the language, help, and whether the station is well."""

import logging
from functools import partial
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response

from station.disk import Room, look_at_disk
from station.outages import OUTAGES, RETRY_SECONDS, told_as
from station.records import documents, people
from station.records.tables import Person
from station.throttle import Throttle
from station.web import codes, desk, figures, visits
from station.web.addresses import local_address
from station.web.oidc import label_of
from station.web.visits import address_of
from station.web.words import LANGUAGES

open_router = APIRouter()
router = APIRouter()


@open_router.get("/sign-in")
def sign_in_page(request: Request, language: str = "", next: str = "/", code: str = "", out: str = "", why: str = "") -> Response:
    """Who are you? The language may be chosen before signing in. `code`: the provider said who, the code is still to come.
    `why`: a visit ended by itself."""
    if language in LANGUAGES:
        request.session["language"] = language
    half = visits.half_of(request) if code else None
    return _sign_in(request, local_address(next), login=half[0] if half else "", ask_code=half is not None, out=bool(out), why=why)


@open_router.post("/sign-in")
def sign_in(
    request: Request,
    login: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    code: Annotated[str, Form(max_length=40)] = "",
    next: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Begin a visit: password, then the code of whoever has a second factor. Who fails too often waits; nothing is written about it."""
    half = visits.half_of(request) if code else None
    name = half[0] if half else login.strip()
    again = partial(_sign_in, request, local_address(next), login=name, ask_code=half is not None)
    wait = _throttle_of(request).wait_for(name.lower(), address_of(request))
    if wait:
        visits.tell(request, "sign-in slowed down", None, level=logging.WARNING)
        answer = again(status=429, trouble="wait")
        answer.headers["Retry-After"] = str(ceil(wait))
        return answer
    workstation = desk.workstation_of(request)
    # The transaction ends here: the check below is slow on purpose, and anyone may ask for it.
    with workstation.database.reading() as session:
        person = people.find_entrant(session, name, practice=desk.is_practice(workstation))
    try:
        right = _right_code(request, person, half[1], code) if half else people.fits(person, password)
    except people.TooMany:
        return again(status=429, trouble="busy")
    if half is None and person is not None and not passwords_open(request, person.login):
        right = False
    if person is None or not right:
        _throttle_of(request).note_failure(name.lower(), address_of(request))
        visits.tell(request, "sign-in refused", person, second=half is not None, level=logging.WARNING)
        return again(status=401, trouble="code" if half else "wrong")
    if person.password_ends is not None and person.password_ends < workstation.clock():
        return again(status=401, trouble="ended")
    if person.totp_secret is not None and half is None:
        visits.begin_half(request, person)
        return _sign_in(request, local_address(next), login=name, ask_code=True)
    # Not before the code: else whoever has the password would be forgiven each guess at it.
    _throttle_of(request).note_success(name.lower(), address_of(request))
    visits.begin_visit(request, person, half[2] if half else "password")
    return desk.go_to(request, local_address(next))


def _right_code(request: Request, person: Person | None, badge: str, typed: str) -> bool:
    """Whether the code is this moment's and the password that came before it is still theirs; it serves once."""
    return person is not None and people.badge_of(person) == badge and codes.shows_code(request, person, typed)


def _throttle_of(request: Request) -> Throttle:
    throttle: Throttle = request.app.state.throttle
    return throttle


@open_router.get("/health")
def health(request: Request) -> Response:
    """For supervisors: 200 where a living process watches the folders, else 503, of one shape always. Tells nothing about documents.

    `status`: ok, no-worker, disk-full, or database-away, where workers and last intake are not known.
    """
    workstation = desk.workstation_of(request)
    room, now = look_at_disk(workstation.home).room, workstation.clock()
    told: dict[str, Any] = {"disk": str(room), "workers": [], "last_intake": None}
    try:
        # Its own door, not the pages': theirs answers for people where the database is away.
        with workstation.database.reading() as session:
            workers = documents.living_workers(session, now, documents.DEAD_AFTER)
            last, well = figures.last_intake(session), bool(figures.watching(session, now))
    except OUTAGES as error:
        if (code := told_as(error)) is None:
            raise
        return JSONResponse({"status": code, **told}, 503, {"retry-after": str(RETRY_SECONDS)})
    told["workers"] = [{"kind": worker.kind, "beat": worker.beat_at.isoformat()} for worker in workers]
    told["last_intake"] = None if last is None else last.isoformat()
    return JSONResponse({"status": "ok" if well else "disk-full" if room is Room.NONE else "no-worker", **told}, 200 if well else 503)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the visit, and have the browser forget what it kept of our pages; where a provider let somebody in, its visit goes on."""
    provider = visits.by_provider(request)
    visits.end_visit(request)
    answer = desk.go_to(request, "/sign-in?out=1" if provider else "/sign-in")
    # What the review desk kept there until the server had it: whoever comes next at this browser shall not find it. Not "cookies": that
    # would take the language, too, and the cookie is void already. Not "cache": no page may be kept anyway.
    answer.headers["clear-site-data"] = '"storage"'
    return answer


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
    settings = desk.workstation_of(request).settings
    return desk.show(request, "help.html", folder=next((str(settings.folder_of(station)) for station in settings.stations), ""))


def passwords_open(request: Request, login: str) -> bool:
    """Whether this account may show itself by a password; where the provider is required, only those for its bad days."""
    provider = desk.workstation_of(request).settings.sign_in.oidc
    return not provider.required or login in provider.emergency


def _sign_in(
    request: Request,
    next_address: str,
    *,
    status: int = 200,
    trouble: str = "",
    login: str = "",
    ask_code: bool = False,
    out: bool = False,
    why: str = "",
) -> Response:
    practice = desk.is_practice(desk.workstation_of(request))
    return desk.show(
        request,
        "sign_in.html",
        status,
        next=next_address,
        trouble=trouble,
        login=login,
        ask_code=ask_code,
        provider=label_of(request),
        required=desk.workstation_of(request).settings.sign_in.oidc.required,
        out=out and bool(label_of(request)),
        why=why if why in ("changed", "over") else "",
        practice_login=people.PRACTICE_LOGIN if practice else None,
        practice_second=people.SECOND_LOGIN,
        practice_third=people.THIRD_LOGIN,
        practice_password=people.PRACTICE_PASSWORD if practice else None,
    )
