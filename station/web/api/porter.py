"""At the API's door, before anything is looked up: who asks, how often, how much is sent, and whether this was answered already."""

import hashlib
import re
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.dialects import postgresql, sqlite
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from station.api_tokens import KEPT, Bearer, NoToken, bearer_of, note_use, use_is_stale
from station.outages import OUTAGES
from station.records.tables import Idempotency
from station.web.api import problems
from station.workstation import Workstation

SMALL_BODY = 512 * 1024
"""Bytes: all but an upload."""
IN_MEMORY = 1 << 20
"""Bytes of a body; a larger one waits in a file."""
KEY = re.compile(r"[\x21-\x7e]{1,128}")
SILENT = timedelta(minutes=10)
"""After which a request without an answer is taken for one whose process ended."""
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEPT_HEADERS = ("content-type", "location", "etag", "link")
_OPEN = frozenset({"/openapi.json"})


class Pace:
    """How often one token may ask: `rate` a second on the long run, `burst` at once. In memory, of one process; safe between threads."""

    def __init__(self, moment: Callable[[], float], rate: float = 10.0, burst: int = 120) -> None:
        self._moment, self.rate, self.burst, self._lock = moment, rate, burst, threading.Lock()
        self._left: dict[int, tuple[float, float]] = {}

    def wait_for(self, token_id: int) -> float:
        """Seconds until the next question is answered; 0: now, and it is counted."""
        now = self._moment()
        with self._lock:
            left, then = self._left.get(token_id, (float(self.burst), now))
            left = min(float(self.burst), left + max(0.0, now - then) * self.rate)
            allowed = left >= 1
            self._left[token_id] = (left - 1 if allowed else left, now)
            return 0.0 if allowed else (1 - left) / self.rate


@dataclass(frozen=True, slots=True)
class Stored:
    """What was answered before to the same key, or why that cannot be told."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    trouble: str = ""
    """key-reused, key-busy, key-unknown, key-secret."""


class Porter:
    """ASGI middleware, outermost of the API."""

    def __init__(self, app: ASGIApp, *, workstation: Workstation, pace: Pace, largest: int, api: Any) -> None:
        self._app, self._workstation, self._pace, self._largest, self._api = app, workstation, pace, largest, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The state of the application, for the words of problems.
        scope["app"] = self._api
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._let_in(scope, receive, noted)
        except OUTAGES as error:
            # The token could not be looked up, nor the key be noted: nothing was begun. Once an answer has begun it stands.
            if begun:
                raise
            await problems.database_away(Request(scope), error)(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in _OPEN:
            await self._app(scope, receive, send)
            return
        request, send = Request(scope), _unkept(send)
        try:
            bearer = await self._bearer(scope)
        except NoToken as error:
            headers = {"WWW-Authenticate": 'Bearer realm="sceau"' + ("" if error.reason == "missing" else ', error="invalid_token"')}
            await problems.answer(request, 401, f"token-{error.reason}", headers)(scope, receive, send)
            return
        wait = self._pace.wait_for(bearer.token_id)
        if wait:
            await problems.answer(request, 429, "too-often", {"Retry-After": str(ceil(wait))})(scope, receive, send)
            return
        scope.setdefault("state", {})["bearer"] = bearer
        if scope["method"] not in _CHANGING:
            await self._app(scope, receive, send)
        else:
            await self._change(scope, receive, send, request, bearer, path)

    async def _bearer(self, scope: Scope) -> Bearer:
        """Raises NoToken."""
        kind, _, text = Headers(scope=scope).get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            raise NoToken("missing")
        return await run_in_threadpool(self._look_up, text.strip())

    def _look_up(self, text: str) -> Bearer:
        now = self._workstation.clock()
        with self._workstation.database.reading() as session:
            bearer = bearer_of(session, text, now, practice=self._workstation.practice)
            stale = use_is_stale(session, bearer.token_id, now)
        if stale:
            with self._workstation.database.writing() as session:
                note_use(session, bearer.token_id, now)
        return bearer

    async def _change(self, scope: Scope, receive: Receive, send: Send, request: Request, bearer: Bearer, path: str) -> None:
        limit = self._largest if (scope["method"], path) == ("POST", "/documents") else SMALL_BODY
        length = request.headers.get("content-length", "")
        refusal = (411, "length") if not length.isdecimal() and "transfer-encoding" in request.headers else None
        if length.isdecimal() and int(length) > limit:
            refusal = (413, "too-large")
        if refusal is not None:
            await problems.answer(request, *refusal)(scope, receive, send)
            return
        key = request.headers.get("idempotency-key")
        if key is None:
            await self._app(scope, receive, send)
            return
        if not KEY.fullmatch(key):
            await problems.answer(request, 422, "key")(scope, receive, send)
            return
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            digest = hashlib.sha256(f"{scope['method']} {path}?{scope['query_string'].decode('latin-1')}\n".encode())
            try:
                whole = await _spool(receive, body, digest, limit)
            except HTTPException:
                await problems.answer(request, 408, "slow")(scope, receive, send)
                return
            if not whole:
                await problems.answer(request, 413, "too-large")(scope, receive, send)
                return
            before = await run_in_threadpool(self._reserve, bearer.token_id, key, digest.hexdigest())
            if before is not None:
                await _again(request, before)(scope, receive, send)
                return
            body.seek(0)
            await self._answer_once(scope, _replayed(body, receive), send, bearer.token_id, key)

    async def _answer_once(self, scope: Scope, receive: Receive, send: Send, token_id: int, key: str) -> None:
        caught = _Caught(send)
        try:
            await self._app(scope, receive, caught)
        finally:
            secret, unsure = (bool(scope.get("state", {}).get(name)) for name in ("secret", "unsure"))
            # What failed here, or was not allowed, may be asked again under the same key.
            stored = None if caught.status is None or caught.status >= 500 or caught.status in (401, 403, 429) else caught
            if not unsure:  # Else the database went in the middle: whether it was done is not known, and the key is not free.
                await run_in_threadpool(self._store, token_id, key, stored, secret=secret)

    def _reserve(self, token_id: int, key: str, digest: str) -> Stored | None:
        """None: this is the first, and it is noted; else what became of the first."""
        now = self._workstation.clock()
        with self._workstation.database.writing() as session:
            mine = (Idempotency.token_id == token_id, Idempotency.key == key)
            session.execute(sa.delete(Idempotency).where(*mine, Idempotency.at <= now - KEPT))
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            values = {"token_id": token_id, "key": key, "digest": digest, "at": now}
            # The row itself tells: PostgreSQL's driver counts none of an INSERT that may do nothing.
            first = insert(Idempotency).values(values).on_conflict_do_nothing().returning(Idempotency.key)
            if session.scalar(first) is not None:
                return None
            return _stored(session.scalar(sa.select(Idempotency).where(*mine)), digest, now)

    def _store(self, token_id: int, key: str, answer: "_Caught | None", *, secret: bool) -> None:
        with self._workstation.database.writing() as session:
            mine = (Idempotency.token_id == token_id, Idempotency.key == key)
            if answer is None:
                session.execute(sa.delete(Idempotency).where(*mine))
                return
            body = None if secret else bytes(answer.body)
            session.execute(sa.update(Idempotency).where(*mine).values(status=answer.status, headers=answer.headers, body=body))


def _stored(row: Idempotency | None, digest: str, now: datetime) -> Stored:
    if row is None or row.digest != digest:
        return Stored(None, {}, b"", "key-reused")
    if row.status is None:
        return Stored(None, {}, b"", "key-busy" if now - row.at < SILENT else "key-unknown")
    if row.body is None:
        return Stored(row.status, {}, b"", "key-secret")
    return Stored(row.status, {name: str(value) for name, value in (row.headers or {}).items()}, row.body)


def _again(request: Request, stored: Stored) -> Response:
    if stored.trouble or stored.status is None:
        return problems.answer(request, 422 if stored.trouble == "key-reused" else 409, stored.trouble)
    return Response(stored.body, stored.status, headers={**stored.headers, "Idempotency-Replayed": "true"})


class _Caught:
    """Sends an answer on and keeps it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = Headers(raw=message["headers"])
            self.headers = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        await self._send(message)


async def _spool(receive: Receive, body: Any, digest: Any, limit: int) -> bool:
    """The whole body into a file; False where it is longer than `limit`."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return True
        chunk = message.get("body", b"")
        size, more = size + len(chunk), message.get("more_body", False)
        if size > limit:
            return False
        digest.update(chunk)
        await run_in_threadpool(body.write, chunk)
    return True


def _replayed(body: Any, receive: Receive) -> Receive:
    ended = False

    async def again() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        chunk = await run_in_threadpool(body.read, 1 << 16)
        ended = len(chunk) < 1 << 16
        return {"type": "http.request", "body": chunk, "more_body": not ended}

    return again


def _unkept(send: Send) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("cache-control", "no-store")
        await send(message)

    return marked
