"""To the provider of identities and back.

The session's cookie is strict: a browser that another site sends here does not bring it. What belongs to the way there and back is kept by
a cookie of its own, short-lived, signed, and sent to these addresses only; and the page one comes back to leads on by itself, so that the
next request is ours again.
"""

import logging
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadSignature, URLSafeSerializer

from station.oidc import FLOW_SECONDS, Flow, NotProven, Relying, Shown
from station.people import Act
from station.provided import NoAccount, admit
from station.records import people
from station.records.tables import Person
from station.web import desk, visits
from station.web.addresses import local_address

log = logging.getLogger("sceau.web")
open_router = APIRouter()
router = APIRouter()
COOKIE = "sceau-flow"
PATH = "/oidc"


@open_router.get("/oidc/begin")
def begin(request: Request, next: str = "/") -> Response:
    """Off to the provider, to sign in."""
    return _leave(request, local_address(next))


@router.get("/oidc/again")
def show_again(request: Request, person: desk.SignedIn) -> Response:
    """Off to the provider, to show again who one is; in a page of its own, so that what is typed in the other stays."""
    return _leave(request, "/account", again=person.pseudonym)


@open_router.get("/oidc/callback")
def come_back(request: Request) -> Response:
    """Back from the provider: signed in, or told why not. A code of our own is asked of whoever set one up here."""
    relying = relying_of(request)
    if relying is None:
        return desk.go_to(request, "/sign-in")
    try:
        flow = _kept(request)
    except NotProven as error:
        # Not counted: anybody may send anybody's browser here, and nothing was asked of the provider for it.
        visits.tell(request, "provider refused", None, level=logging.WARNING, reason=str(error))
        return _refused(request, error.reason, 403)
    key = f"provider\n{visits.address_of(request)}"
    if request.app.state.throttle.wait_for(key, visits.address_of(request)):
        return _refused(request, "wait", 429)
    try:
        shown = relying.finish(flow, dict(request.query_params))
        person = _person_of(request, relying, shown, flow)
    except (NotProven, NoAccount) as error:
        request.app.state.throttle.note_failure(key, visits.address_of(request))
        visits.tell(request, "provider refused", None, level=logging.WARNING, reason=str(error))
        return _refused(request, error.reason, 503 if error.reason == "away" else 403)
    return _enter(request, person, flow, sure=shown.is_fresh(visits.moment_of(request)))


@open_router.get("/oidc/out")
def leave_there(request: Request) -> Response:
    """Sign out at the provider, too."""
    relying = relying_of(request)
    try:
        place = relying and relying.leaving(desk.workstation_of(request).settings.server.public_address + "/sign-in")
    except NotProven:
        place = None
    return RedirectResponse(place or "/sign-in", status_code=303)


def relying_of(request: Request) -> Relying | None:
    """None: this installation has no provider."""
    relying: Relying | None = request.app.state.relying
    return relying


def _leave(request: Request, to: str, again: str = "") -> Response:
    relying = relying_of(request)
    if relying is None:
        return desk.go_to(request, "/sign-in")
    session = request.session
    try:
        place, flow = relying.begin(to, language=str(session.get("language") or ""), again=again, visit=str(session.get("visit") or ""))
    except NotProven as error:
        visits.tell(request, "provider away", None, level=logging.WARNING, reason=str(error))
        return _refused(request, error.reason, 503)
    answer = RedirectResponse(place, status_code=303)
    answer.set_cookie(
        COOKIE, _signer(request).dumps(asdict(flow)), max_age=int(FLOW_SECONDS), path=PATH, secure=_is_secure(request), httponly=True,
        samesite="lax",
    )  # fmt: skip
    return answer


def _kept(request: Request) -> Flow:
    """What this browser took along. Raises NotProven where it brings nothing of ours."""
    try:
        return Flow(**_signer(request).loads(request.cookies.get(COOKIE, "")))
    except (BadSignature, TypeError) as error:
        raise NotProven("strange", "no cookie of this way") from error


def _person_of(request: Request, relying: Relying, shown: Shown, flow: Flow) -> Person:
    """Raises NoAccount, NotProven."""
    house = desk.workstation_of(request)
    with house.database.writing() as session:
        person = admit(session, Act(house.settings.entity, None, house.clock()), relying.provider, shown)
        if not people.may_enter(person, practice=desk.is_practice(house)):
            raise NoAccount("nobody")
        if flow.again and person.pseudonym != flow.again:
            raise NotProven("strange", "another person")
        session.expunge(person)
    return person


def _enter(request: Request, person: Person, flow: Flow, *, sure: bool) -> Response:
    if flow.language:
        request.session["language"] = flow.language
    to = local_address(flow.to)
    if flow.visit:
        request.session["visit"] = flow.visit  # It ends as the new one begins.
    if person.totp_secret is not None and not flow.again:
        visits.begin_half(request, person, "provider")
        to = "/sign-in?code=1"
    else:
        visits.begin_visit(request, person, "provider", sure=sure)
    answer = desk.show(request, "provided.html", to=to, again=bool(flow.again))
    answer.delete_cookie(COOKIE, path=PATH, secure=_is_secure(request), httponly=True, samesite="lax")
    return answer


def _refused(request: Request, reason: str, status: int) -> Response:
    answer = desk.show(request, "not_provided.html", status, reason=reason, label=label_of(request))
    answer.delete_cookie(COOKIE, path=PATH, secure=_is_secure(request), httponly=True, samesite="lax")
    return answer


def label_of(request: Request) -> str:
    """What people call the provider; empty where there is none."""
    provider = desk.workstation_of(request).settings.sign_in.oidc
    return (provider.label or desk.words_of(request)("sign-in.provider")) if provider.issuer else ""


def _signer(request: Request) -> URLSafeSerializer:
    return URLSafeSerializer(request.app.state.flow_key, salt="sceau-flow")


def _is_secure(request: Request) -> bool:
    return desk.workstation_of(request).settings.server.address.startswith("https://")
