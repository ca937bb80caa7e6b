"""What holds for every request before a desk sees it: where a form may come from, how large it may be, what a browser may do."""

from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
SMALL_FORM = 64 * 1024
"""Bytes: every form but an upload fits."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware; stands inside the session's, so that it knows whether someone is signed in."""

    def __init__(
        self, app: ASGIApp, *, upload_paths: Collection[str], largest_upload: int, refuse: Callable[[Request, int], Response]
    ) -> None:
        self._app, self._upload_paths, self._largest, self._refuse = app, upload_paths, largest_upload, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                mark_answer(MutableHeaders(scope=message))
            await send(message)

        refusal = None if scope["method"] in _SAFE else self._refusal(scope)
        # Turned away before a byte of the body is read.
        answer = self._app if refusal is None else self._refuse(Request(scope), refusal)
        await answer(scope, receive, send_marked)

    def _refusal(self, scope: Scope) -> int | None:
        """HTTP status with which a form is turned away, or None."""
        headers = Headers(scope=scope)
        if not same_origin(headers):
            return 403
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return 411 if "transfer-encoding" in headers else None
        upload = scope["path"] in self._upload_paths and "login" in scope.get("session", {})
        return 413 if int(length) > (self._largest if upload else SMALL_FORM) else None


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
