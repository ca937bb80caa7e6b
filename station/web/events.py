"""Pages are told that something changed by server-sent events; what changed they ask for themselves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import sqlalchemy as sa
from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State

from station.records import documents
from station.records.scope import Scope
from station.records.tables import Batch, Redo
from station.scanning import Scanning
from station.web import desk
from station.workstation import Workstation

log = logging.getLogger("sceau.web")
router = APIRouter()
LOOK_SECONDS = 0.5
PING_SECONDS = 15.0
"""Silence after which a comment is sent: only then is a browser that went away noticed."""
LONGEST_SECONDS = 600.0
"""A stream ends after so long and the browser asks again: whoever signed out meanwhile is turned away."""
MOST = 60
"""Streams at once; a page that gets none asks every other second instead."""
RETRY_MS = 2000


class Changes:
    """One look at the records serves every open page that sees the same of them; a stream is a coroutine and holds no thread."""

    def __init__(self, look: Callable[[Workstation | None], str], most: int = MOST, seconds: float = LOOK_SECONDS) -> None:
        self._look, self._most, self._seconds = look, most, seconds
        self._lock = asyncio.Lock()
        self._closed = asyncio.Event()
        self._seen: dict[Scope | None, tuple[str, float]] = {}
        """By what is seen: the fingerprint, and when it was looked up."""
        self.open = 0

    @property
    def full(self) -> bool:
        return self._closed.is_set() or self.open >= self._most

    def close(self) -> None:
        """End every stream now; called in the server's own loop when it stops, for it waits for open answers."""
        self._closed.set()

    async def stream(self, seen_by: Workstation | None = None) -> AsyncIterator[bytes]:
        """What stands now for who sees this much of the house (None: all), then each change, until the server stops or `LONGEST_SECONDS`
        are over."""
        clock = asyncio.get_running_loop().time
        began = spoke = clock()
        told: str | None = None
        self.open += 1
        try:
            while not self._closed.is_set() and clock() - began < LONGEST_SECONDS:
                seen = await self._now(seen_by)
                if seen != told:
                    yield format_sse_event(event="change", data_str=seen, retry=RETRY_MS)
                    told, spoke = seen, clock()
                elif clock() - spoke >= PING_SECONDS:
                    yield KEEPALIVE_COMMENT
                    spoke = clock()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), self._seconds)
        finally:
            self.open -= 1

    async def _now(self, seen_by: Workstation | None) -> str:
        """The fingerprint, looked up at most once per `seconds` for all streams that see the same."""
        async with self._lock:
            clock, scope = asyncio.get_running_loop().time, None if seen_by is None else seen_by.database.scope
            told, looked_at = self._seen.get(scope, ("", float("-inf")))
            if clock() - looked_at >= self._seconds:
                # A full disk or a long writer: the pages ask by themselves, and say so.
                with suppress(SQLAlchemyError, OSError):
                    told = await run_in_threadpool(self._look, seen_by)
                self._seen[scope] = (told, clock())
            return told


def changes_of(workstation: Workstation, state: State) -> Changes:
    """What the pages of one workstation listen to: its records, and the scanners that this process feeds."""

    def look(seen_by: Workstation | None) -> str:
        here = seen_by or workstation
        shown = {station.name for station in here.settings.stations}
        scanning: Scanning | None = getattr(state, "scanning", None)
        jobs = [(job.id, job.state, job.pages) for job in scanning.jobs() if job.station in shown] if scanning else []
        with here.database.reading() as session:
            return desk.fingerprint_of(last_change(session), jobs)

    return Changes(look)


def last_change(session: Session) -> str:
    """A text that changes whenever a page would show something else: documents, folders, batches, pages asked anew."""
    open_batches = session.execute(
        sa.select(Batch.id, Batch.touched_at, Batch.expected_sheets, Batch.edits).where(Batch.ended_at.is_(None)).order_by(Batch.id)
    ).all()
    ended = session.execute(sa.select(sa.func.max(Batch.ended_at), sa.func.max(Batch.closed_at))).one()
    redos = session.execute(sa.select(sa.func.count(Redo.id), sa.func.count(Redo.carrier_id), sa.func.count(Redo.done_at))).one()
    return desk.fingerprint_of(documents.last_change(session), open_batches, ended, redos)


@router.get("/events")
async def events(request: Request) -> Response:
    """The stream; 503 where there are too many, and then the page asks by itself."""
    changes: Changes = request.app.state.changes
    if changes.full:
        return Response(status_code=503)
    stream = changes.stream(desk.workstation_of(request))
    return EventSourceResponse(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
