"""The web pages of one workstation, put together: desks, guard, session and error pages."""

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from capture.stores import StoreAway
from config.settings import Server
from config.spaces import production_beside
from station.access import Notebook
from station.acts import NotOffered, Reserved
from station.oidc import Relying
from station.outagelog import tell_page
from station.outages import OUTAGES, RETRY_SECONDS, told_as
from station.records import people
from station.records.documents import Unknown, WrongMove
from station.records.learned import NoLesson
from station.signing import Signings
from station.throttle import Throttle
from station.tolerances import NoTolerance
from station.walks import Walks
from station.web import (
    access,
    account,
    accounting,
    approvals,
    backups,
    batch,
    codes,
    compliance,
    controls,
    corrections,
    custody,
    desk,
    direction,
    documents,
    dunning,
    entities,
    entrance,
    erasure,
    events,
    export,
    feeder,
    forms,
    groups,
    holds,
    imports,
    installation,
    learning,
    ledger,
    letter,
    mailroom,
    mandates,
    metrics,
    nature,
    oidc,
    operations,
    organisation,
    papers,
    payables,
    rates,
    receivables,
    register,
    retention,
    review,
    search,
    sendings,
    signing,
    stations,
    studio,
    tokens,
    tolerances,
    twins,
    verdict,
    visits,
    wards,
    witness,
)
from station.web import (
    people as people_pages,
)
from station.web.addresses import local_address
from station.web.api.app import build_api
from station.web.api.asks import PREFIX
from station.web.api.porter import Pace
from station.web.grants import start_of
from station.web.guard import SMALL_FORM, Guard, mark_answer
from station.workstation import Workstation

log = logging.getLogger("sceau.web")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
IN_WORDS = frozenset({403, 404, 405, 408, 409, 411, 413, 422, 423, 500, 507})
"""Statuses that have words of their own in the catalogue."""
PASSING = frozenset({503, 507})
"""What may be over in a moment."""


def build_app(workstation: Workstation, *, secret: bytes, moment: Callable[[], float] = time.time) -> FastAPI:
    """The application; `secret` signs the session's cookie and must outlive restarts, else everyone signs in again.

    In practice mode the practice accounts are made. Pages are denied unless signed in with a role that `grants.GRANTS` names: access is on
    the router, not on each page. `moment` gives seconds since 1970, by which visits and one-time codes are measured.
    """
    if desk.is_practice(workstation):
        with workstation.database.writing() as session:
            people.ensure_practice(session)
    with workstation.database.writing() as session:
        codes.lock_old(session, workstation.home)
    app = FastAPI(title="Sceau", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.workstation = workstation
    app.state.moment = moment
    app.state.throttle = Throttle(moment, workstation.database)
    app.state.checks = Walks(workstation.home)
    app.state.restart = None
    app.state.first_code = installation.first_code(workstation)
    app.state.signings = Signings()
    app.state.readiness = metrics.Readiness(workstation)
    app.state.readings = Notebook(workstation.database, workstation.settings.entity)
    app.state.changes = events.changes_of(workstation, app.state)
    app.state.relying = relying_on(workstation, moment)
    app.state.flow_key = hashlib.sha256(b"sceau-web-flow\0" + secret).hexdigest()
    app.include_router(entrance.open_router)
    app.include_router(installation.open_router)
    app.include_router(oidc.open_router)
    app.include_router(metrics.open_router)
    if workstation.settings.ledger.witnessed:
        app.include_router(witness.open_router)
    before = (desk.signed_in, wards.granted, wards.confirmed, desk.reserved, access.noted)
    standing = [Depends(ward, scope="function") for ward in before]
    for router in (
        mailroom.router,
        twins.router,
        batch.router,
        feeder.router,
        events.router,
        documents.router,
        search.router,
        direction.router,
        review.router,
        approvals.router,
        forms.router,
        accounting.router,
        payables.router,
        corrections.router,
        learning.router,
        erasure.router,
        retention.router,
        holds.router,
        mandates.router,
        signing.router,
        verdict.router,
        letter.router,
        nature.router,
        tolerances.router,
        stations.router,
        papers.router,
        ledger.router,
        access.router,
        compliance.router,
        export.router,
        organisation.router,
        controls.router,
        custody.router,
        groups.router,
        people_pages.router,
        imports.router,
        installation.router,
        operations.router,
        backups.router,
        receivables.router,
        rates.router,
        dunning.router,
        register.router,
        studio.router,
        account.router,
        oidc.router,
        tokens.router,
        sendings.router,
        entrance.router,
        entities.router,
    ):
        app.include_router(router, dependencies=standing)
    app.state.pace = Pace(moment)
    app.state.api = build_api(workstation, app.state, app.state.pace)
    app.mount(PREFIX, app.state.api, name="api")
    app.mount("/static", StaticFiles(directory=desk.STATIC, check_dir=False), name="static")
    _say_errors(app)
    _stand_guard(app, workstation, secret)
    return app


def _stand_guard(app: FastAPI, workstation: Workstation, secret: bytes) -> None:
    """Middleware; the one added last stands outermost."""
    largest = workstation.settings.intake.max_file_megabytes * 1_000_000 + SMALL_FORM
    uploads = (mailroom.UPLOAD_PATH, mandates.PATH, compliance.SEARCH_PATH, *imports.UPLOAD_PATHS, installation.UPLOAD_PATH)
    server = workstation.settings.server
    secure = server.address.startswith("https://")
    app.add_middleware(Guard, upload_paths=uploads, largest_upload=largest, refuse=error_page, secure=secure)
    app.add_middleware(
        SessionMiddleware,
        # A key of its own: the same secret may serve other purposes.
        secret_key=hashlib.sha256(b"sceau-web-session\0" + secret).hexdigest(),
        # Under this prefix a browser takes the cookie over https only, and from this very host (RFC 6265bis, 4.1.3.2).
        session_cookie=("__Host-sceau" if secure else "sceau") + ("" if production_beside(workstation.home) is None else "-essai"),
        https_only=secure,
        max_age=visits.WORKDAY,
        same_site="strict",
    )
    names = names_of(server, practice=desk.is_practice(workstation))
    if names:
        # A foreign name that points at this machine must not reach the pages (DNS rebinding), nor stand in an address that we write.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)


def relying_on(workstation: Workstation, moment: Callable[[], float], environment: Mapping[str, str] = os.environ) -> Relying | None:
    """The provider that the settings name, with the secret that the environment gives; None: there is none."""
    settings = workstation.settings
    provider = settings.sign_in.oidc
    back = f"{settings.server.public_address}/oidc/callback"
    secret = environment.get("SCEAU_OIDC_SECRET", "")
    return Relying(provider, secret, back, settings.outgoing.private_hosts, moment) if provider.issuer else None


def names_of(server: Server, *, practice: bool) -> list[str]:
    """Names under which browsers may ask; none: any, for an installation that was never told its own.

    In practice mode the password is public: on this machine alone only its own names count.
    """
    own = [name for name in (urlsplit(server.address).hostname, *server.names) if name]
    if not own and not (practice and server.host in LOOPBACK):
        return []
    reached = [] if server.host in {"0.0.0.0", "::"} else [server.host]  # noqa: S104 compared, not listened on
    return [*LOOPBACK, *own, *reached]


def _say_errors(app: FastAPI) -> None:
    """Every trouble becomes a page in words; none shows a traceback."""

    @app.exception_handler(desk.NotSignedIn)
    def to_entrance(request: Request, error: Exception) -> Response:
        why = f"why={error}" if str(error) else ""
        address = "/sign-in?next=" + quote(request.url.path if request.method == "GET" else "/", safe="/") + (why and f"&{why}")
        if "HX-Request" in request.headers:
            # A fragment of the sign-in page inside another page would help nobody: the whole page goes there.
            return Response(status_code=401, headers={"HX-Redirect": "/sign-in" + (why and f"?{why}")})
        return RedirectResponse(address, status_code=303)

    @app.exception_handler(wards.NotGranted)
    def denied(request: Request, _error: Exception) -> Response:
        start = start_of(desk.roles_here(request))
        if request.method == "GET" and request.url.path == "/" and start != "/":
            return RedirectResponse(start, status_code=303)
        return error_page(request, 403, words="denied")

    @app.exception_handler(wards.NotChosen)
    def to_password(request: Request, _error: Exception) -> Response:
        if "HX-Request" in request.headers:
            return Response(status_code=401, headers={"HX-Redirect": "/account"})
        return RedirectResponse("/account", status_code=303)

    @app.exception_handler(wards.NotSure)
    def ask_again(request: Request, error: Exception) -> Response:
        if "HX-Request" in request.headers:
            here = urlsplit(request.headers.get("HX-Current-URL", "/")).path
            return Response(status_code=401, headers={"HX-Redirect": "/confirm?to=" + quote(here, safe="/")})
        return account.confirm_page(request, request.url.path, error.typed if isinstance(error, wards.NotSure) else None, status=401)

    @app.exception_handler(Unknown)
    @app.exception_handler(NoTolerance)
    @app.exception_handler(NoLesson)
    def unknown(request: Request, _error: Exception) -> Response:
        return error_page(request, 404)

    @app.exception_handler(NotOffered)
    @app.exception_handler(WrongMove)
    def conflict(request: Request, error: Exception) -> Response:
        return error_page(request, 409, detail=str(error))

    @app.exception_handler(StoreAway)
    def store_away(request: Request, error: Exception) -> Response:
        log.warning("%s: the store is away: %s", request.url.path, error)
        return error_page(request, 503, words="store-away")

    def database_away(request: Request, error: Exception) -> Response:
        words = told_as(error)
        if words is None:
            raise error
        tell_page(request.url.path, error)
        answer = error_page(request, 507 if words == "disk-full" else 503, words=words)
        answer.headers["retry-after"] = str(RETRY_SECONDS)
        return answer

    for kind in OUTAGES:
        app.add_exception_handler(kind, database_away)

    @app.exception_handler(Reserved)
    def reserved(request: Request, _error: Exception) -> Response:
        return error_page(request, 423)

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, _error: Exception) -> Response:
        return error_page(request, 404 if request.method == "GET" else 422)

    @app.exception_handler(DataError)
    def unfit(request: Request, _error: Exception) -> Response:
        # A number or a sign that PostgreSQL's columns cannot hold: nothing has it, nothing was written.
        return error_page(request, 404 if request.method == "GET" else 422)

    @app.exception_handler(HTTPException)
    def known(request: Request, error: Exception) -> Response:
        return error_page(request, error.status_code if isinstance(error, HTTPException) else 500)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        log.error("unexpected error %s at %s", reference, request.url.path, exc_info=error)
        answer = error_page(request, 500, detail=reference)
        # This answer is made outside the guard, which therefore does not mark it.
        mark_answer(answer.headers)
        return answer


def error_page(request: Request, status: int, detail: str = "", words: str = "") -> Response:
    """What happened, that nothing is lost, what to do next; `words` names those of the catalogue that are not the status's own."""
    code = status if words or status in IN_WORDS else (500 if status >= 500 else 404)
    again = again_at(request) if status in PASSING else ""
    return desk.show(request, "error.html", status, code=code, words=words or str(code), detail=detail, again=again)


def again_at(request: Request) -> str:
    """Where the same page is asked for once more; empty after a form, which a link cannot send again, and where a page's part was asked for
    (its page is on the screen still)."""
    if request.method != "GET" or "HX-Request" in request.headers:
        return ""
    return local_address(quote(request.url.path) + (f"?{request.url.query}" if request.url.query else ""))
