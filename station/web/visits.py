"""How long a visit lasts: signed in at most a day's work, ended when nobody is there, and how lately its person showed who they are."""

import logging
import secrets
from typing import Literal

from fastapi import Request
from sqlalchemy.orm import Session

from station.records import entrance, people
from station.records.tables import Person
from station.securitylog import note
from station.workstation import Workstation

WORKDAY = 12 * 3600
"""Seconds after which one signs in again, come what may."""
IDLE_SECONDS = 3600
"""Without a page asked for or a form sent; a batch that is fed without looking may take half an hour."""
SURE_SECONDS = 600
"""So long a password or code counts for what asks for it again."""
HALF_SECONDS = 300
"""From the right password to the code."""
_NOTED_EVERY = 30


def moment_of(request: Request) -> float:
    """Seconds since 1970 on the clock that cookies are measured by."""
    return float(request.app.state.moment())


Way = Literal["password", "provider"]


def begin_visit(request: Request, person: Person, way: Way = "password", *, sure: bool = True) -> None:
    """Signed in, under a new number; only the language is kept of what was before, and a visit that was open here ends.

    `sure`: they showed who they are just now. A provider may let somebody in who showed it there this morning.
    """
    language, now, number = request.session.get("language"), moment_of(request), secrets.token_urlsafe(24)
    house: Workstation = request.app.state.workstation
    with house.database.writing() as session:
        if former := request.session.get("visit"):
            entrance.end_visit(session, str(former), house.clock())
        browser = browser_words(request.headers.get("user-agent", ""))
        entrance.open_visit(session, person, number, way, address_of(request), browser, house.clock())
    request.session.clear()
    request.session.update(login=person.login, badge=people.badge_of(person), visit=number, way=way, begun=now, seen=now)
    if sure:
        make_sure(request)
    if language:
        request.session["language"] = language
    tell(request, "signed in", person, way=way)


def is_here(request: Request, session: Session, person: Person) -> bool:
    """Whether the visit of this cookie is the person's, and nobody ended it."""
    return entrance.is_open(session, person.pseudonym, str(request.session.get("visit") or ""))


def end_visit(request: Request) -> None:
    """Signed out: a copy of the cookie opens nothing any more; the language is kept."""
    language, number = request.session.get("language"), str(request.session.get("visit") or "")
    house: Workstation = request.app.state.workstation
    with house.database.writing() as session:
        entrance.end_visit(session, number, house.clock())
    tell(request, "signed out", getattr(request.state, "person", None))
    request.session.clear()
    if language:
        request.session["language"] = language


def by_provider(request: Request) -> bool:
    """Whether the visit was begun at the provider of identities."""
    return request.session.get("way") == "provider"


def address_of(request: Request) -> str:
    """Where a request comes from, as far as the network tells."""
    return request.client.host if request.client else ""


def tell(request: Request, event: str, person: Person | None, level: int = logging.INFO, **more: object) -> None:
    """A line for the log of security."""
    number = str(getattr(request.state, "number", ""))
    note(event, request=number, who=None if person is None else person.pseudonym, address=address_of(request), level=level, **more)


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)  # fmt: skip


def browser_words(agent: str) -> str:
    """Browser and system by the names that people know them by; empty where none is known."""
    found = (next((name for sign, name in signs if sign in agent), "") for signs in (_BROWSERS, _SYSTEMS))
    return ", ".join(name for name in found if name)


def renew_badge(request: Request, person: Person) -> None:
    """Who changed their own password or second factor stays here; every other visit under the account ends."""
    request.session["badge"] = people.badge_of(person)


def goes_on(request: Request) -> bool:
    """Whether the visit is not over. A page that asks by itself is no sign of anybody: only what a person asks for is noted."""
    now, session = moment_of(request), request.session
    begun, seen = _number(session.get("begun")), _number(session.get("seen"))
    if now - begun > WORKDAY or now - seen > IDLE_SECONDS:
        return False
    by_itself = request.method == "GET" and ("HX-Request" in request.headers or request.url.path == "/events")
    if not by_itself and now - seen > _NOTED_EVERY:
        session["seen"] = now
    return True


def begin_half(request: Request, person: Person, way: Way = "password") -> None:
    """The password was right, or the provider said who it is; the code is still to come, and nothing is open yet."""
    language = request.session.get("language")
    request.session.clear()
    request.session["half"] = {"login": person.login, "badge": people.badge_of(person), "at": moment_of(request), "way": way}
    if language:
        request.session["language"] = language


def half_of(request: Request) -> tuple[str, str, Way] | None:
    """Login and badge of whose password was right a moment ago, or whom the provider showed, and which of the two."""
    half = request.session.get("half")
    if not isinstance(half, dict) or moment_of(request) - _number(half.get("at")) > HALF_SECONDS:
        return None
    return str(half.get("login")), str(half.get("badge")), "provider" if half.get("way") == "provider" else "password"


def make_sure(request: Request) -> None:
    request.session["sure"] = moment_of(request)


def is_sure(request: Request) -> bool:
    return moment_of(request) - _number(request.session.get("sure")) <= SURE_SECONDS


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")
