"""How long a visit lasts: signed in at most a day's work, ended when nobody is there, and how lately its person showed who they are."""

from fastapi import Request

from station.records import people
from station.records.tables import Person

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


def begin_visit(request: Request, person: Person) -> None:
    """Signed in; only the language is kept of what was before."""
    language, now = request.session.get("language"), moment_of(request)
    request.session.clear()
    request.session.update(login=person.login, badge=people.badge_of(person), begun=now, seen=now, sure=now)
    if language:
        request.session["language"] = language


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


def begin_half(request: Request, person: Person) -> None:
    """The password was right; the code is still to come, and nothing is open yet."""
    language = request.session.get("language")
    request.session.clear()
    request.session["half"] = {"login": person.login, "badge": people.badge_of(person), "at": moment_of(request)}
    if language:
        request.session["language"] = language


def half_of(request: Request) -> tuple[str, str] | None:
    """Login and badge of whose password was right a moment ago."""
    half = request.session.get("half")
    if not isinstance(half, dict) or moment_of(request) - _number(half.get("at")) > HALF_SECONDS:
        return None
    return str(half.get("login")), str(half.get("badge"))


def make_sure(request: Request) -> None:
    request.session["sure"] = moment_of(request)


def is_sure(request: Request) -> bool:
    return moment_of(request) - _number(request.session.get("sure")) <= SURE_SECONDS


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")
