"""What a program is told when something is not done: RFC 9457, with words for the person behind it and a code that does not change."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from capture.stores import StoreAway
from station.acts import NotOffered, Reserved
from station.api_tokens import TokenRefused
from station.batches import BatchEnded, BatchOpen
from station.erasure import NoVisa, SamePerson
from station.exports import Busy, NoExport
from station.holds import UnknownHold
from station.outagelog import tell_page
from station.outages import OUTAGES, RETRY_SECONDS, told_as
from station.outbox import Gone
from station.people import Refused
from station.records.documents import Unknown, WrongMove
from station.web.words import LANGUAGES, Words, words_in

log = logging.getLogger("sceau.web")
MEDIA = "application/problem+json"
STATUSES = (400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 423, 429, 500, 503, 507)
"""Whatever an operation may answer besides its success."""
_BY_STATUS = {400: "unreadable", 408: "slow", 404: "unknown", 405: "method", 415: "media"}


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="urn:sceau:problem: and the code")
    title: str = Field(description="What happened, in French or English (Accept-Language)")
    status: int
    detail: str = Field(description="Whether anything is lost, and what to do")
    code: str = Field(description="Stable name of the problem, for programs")
    errors: list[dict[str, Any]] | None = Field(None, description="What of the request cannot be read, and where")
    clashes: list[dict[str, Any]] | None = Field(None, description="Fields of which somebody else said something: both values")
    revision: int | None = Field(None, description="The revision as it stands now")


class Trouble(Exception):
    """Something is not done; `code` is a key under `api.…` of the words."""

    def __init__(self, status: int, code: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.headers, self.more = status, code, headers, more


def words_of(request: Request) -> Words:
    """As the program asks for it, else the installation's language."""
    asked = request.headers.get("accept-language", "")[:2].lower()
    language: str = request.app.state.workstation.settings.language
    return words_in(asked if asked in LANGUAGES else language)


def answer(request: Request, status: int, code: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """One problem as it is sent."""
    t = words_of(request)
    told = {"type": f"urn:sceau:problem:{code}", "title": t(f"api.{code}"), "status": status, "detail": t(f"api.{code}-todo"), "code": code}
    return JSONResponse({**told, **more}, status, headers=dict(headers or {}), media_type=MEDIA)


def say_problems(app: FastAPI) -> None:
    """Every trouble in words; none shows a traceback."""
    known: dict[type[Exception], tuple[int, str]] = {
        Unknown: (404, "unknown"),
        UnknownHold: (404, "unknown"),
        NoExport: (404, "unknown"),
        Gone: (404, "unknown"),
        NotOffered: (409, "not-offered"),
        WrongMove: (409, "not-offered"),
        BatchOpen: (409, "not-offered"),
        BatchEnded: (409, "not-offered"),
        Busy: (409, "busy"),
        SamePerson: (409, "same-person"),
        NoVisa: (422, "visa"),
        Reserved: (423, "reserved"),
    }
    for kind, (status, code) in known.items():
        app.add_exception_handler(kind, _plain(status, code))

    @app.exception_handler(Trouble)
    def trouble(request: Request, error: Trouble) -> Response:
        return answer(request, error.status, error.code, error.headers, **error.more)

    @app.exception_handler(Refused)
    @app.exception_handler(TokenRefused)
    def refused(request: Request, error: Refused | TokenRefused) -> Response:
        t = words_of(request)
        family = "people" if isinstance(error, Refused) else "tokens"
        return answer(request, 422, "refused", errors=[{"reason": error.reason, "words": t(f"{family}.wrong-{error.reason}")}])

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> Response:
        # Where and why; never what was sent: it may be personal.
        told = [{"where": "/".join(map(str, each["loc"])), "words": str(each["msg"])} for each in error.errors()[:20]]
        return answer(request, 422, "unreadable", errors=told)

    @app.exception_handler(StoreAway)
    def store_away(request: Request, error: StoreAway) -> Response:
        log.warning("%s: the store is away: %s", request.url.path, error)
        return answer(request, 503, "store-away", {"Retry-After": str(RETRY_SECONDS)})

    for outage in OUTAGES:
        app.add_exception_handler(outage, database_away)

    @app.exception_handler(DataError)
    def unfit(request: Request, _error: DataError) -> Response:
        # A number or a sign that PostgreSQL's columns cannot hold: nothing has it, nothing was written.
        return answer(request, *((404, "unknown") if request.method == "GET" else (422, "unreadable")))

    @app.exception_handler(HTTPException)
    def by_status(request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, "unexpected" if error.status_code >= 500 else "unreadable")
        return answer(request, error.status_code, code, error.headers)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        log.error("unexpected error %s at %s", reference, request.url.path, exc_info=error)
        return answer(request, 500, "unexpected", errors=[{"reference": reference}])


def database_away(request: Request, error: Exception) -> Response:
    """503, or 507 where its disk is full, with when to ask again. Raises the error again where it is another trouble."""
    code = told_as(error)
    if code is None:
        raise error
    # The connection may have been cut between the commit and its answer.
    request.state.unsure = True
    tell_page(request.url.path, error)
    return answer(request, 507 if code == "disk-full" else 503, code, {"Retry-After": str(RETRY_SECONDS)})


def _plain(status: int, code: str) -> Any:
    def handler(request: Request, _error: Exception) -> Response:
        return answer(request, status, code)

    return handler
