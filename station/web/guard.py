"""What holds for every request before a desk sees it: where a form may come from, how large it may be, what a browser may do."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station.securitylog import note

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style; `data:` is for the base style sheet's own form icons."""
HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
STAY_SECURE = "max-age=31536000"
"""A year of https only (RFC 6797), where people reach the house by https; without its neighbours' names, which are not ours to bind."""
FORM_SECONDS = 60.0
UPLOAD_SECONDS = 1800.0
"""For all of a body; whoever sends a byte now and then holds a thread no longer."""
API = "/api/v1/"
"""Below it a door of its own stands (`station.web.api.porter`): tokens, no cookies, and so no forms to be forged."""
SMALL_FORM = 64 * 1024
"""Bytes: every form but an upload, and a table of rules, fits."""
LONG_FORM = 2 << 20
"""Bytes of a rule or circuit file in a form (`workflow.marked.LONGEST` characters, coded for the way), or of a long invoice with its lines;
of whoever is signed in."""
LONG_FORMS = ("/regles/", "/relecture/")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware; stands inside the session's, so that it knows whether someone is signed in."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        upload_paths: Collection[str],
        largest_upload: int,
        refuse: Callable[[Request, int], Response],
        secure: bool = False,
    ) -> None:
        self._app, self._upload_paths, self._largest, self._refuse, self._secure = app, upload_paths, largest_upload, refuse, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        number = secrets.token_hex(8)
        scope.setdefault("state", {})["number"] = number

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                mark_answer(headers)
                headers["x-request-id"] = number
                if self._secure:
                    headers["strict-transport-security"] = STAY_SECURE
            await send(message)

        refusal = None if scope["method"] in _SAFE else self._refusal(scope)
        if refusal is None:
            body = receive if scope["method"] in _SAFE else in_time(receive, UPLOAD_SECONDS if self._is_upload(scope) else FORM_SECONDS)
            await self._app(scope, body, send_marked)
            return
        # Turned away before a byte of the body is read.
        client = scope.get("client")
        note("form refused", request=number, address=client[0] if client else "", level=logging.WARNING, path=scope["path"], status=refusal)
        await self._refuse(Request(scope), refusal)(scope, receive, send_marked)

    def _refusal(self, scope: Scope) -> int | None:
        """HTTP status with which a form is turned away, or None."""
        if scope["path"].startswith(API):
            return None
        headers = Headers(scope=scope)
        if not same_origin(headers):
            return 403
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return 411 if "transfer-encoding" in headers else None
        return 413 if int(length) > (self._largest if self._is_upload(scope) else _longest(scope)) else None

    def _is_upload(self, scope: Scope) -> bool:
        if scope["path"].startswith(API):
            return bool(scope["path"] == f"{API}documents")
        return bool(scope["path"] in self._upload_paths and "login" in scope.get("session", {}))


def in_time(receive: Receive, seconds: float) -> Receive:
    """The same body, if all of it comes within so many seconds. Raises HTTPException 408 in who reads it."""
    ends = asyncio.get_running_loop().time() + seconds
    whole = False

    async def receive_in_time() -> Message:
        nonlocal whole
        if whole:
            return await receive()  # From here on only the end of the connection is listened for.
        left = ends - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, left))
        except TimeoutError as error:
            raise HTTPException(408) from error
        whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return receive_in_time


def same_origin(headers: Headers) -> bool:
    """Whether a form was sent by a page of ours. A browser always says so; a program that says nothing carries no one's cookies."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def mark_answer(headers: MutableHeaders) -> None:
    """Add what every answer carries; pages and evidence are kept in no cache unless their desk says otherwise."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("cache-control", "no-store")


def _longest(scope: Scope) -> int:
    return LONG_FORM if scope["path"].startswith(LONG_FORMS) and "login" in scope.get("session", {}) else SMALL_FORM
