"""Reminders to customers: what is due, what left, and holding it back. Nothing leaves by a call: what is due leaves by itself."""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from station import dunning
from station.dunning import NotPossible
from station.ladder_versions import BadLadders
from station.records import dunning as records
from station.records import receivables
from station.records.tables import Sending, Suspension
from station.web import desk
from station.web.api.problems import Trouble, words_of
from station.web.api.shapes import (
    Asking,
    Cursor,
    Day,
    Limit,
    Number,
    Page,
    Reason,
    Sent,
    Shape,
    cursor_values,
    entity_of,
    page_of,
    workstation_of,
)
from station.wording import BadTemplate
from workflow.calendar import NoBusinessDay

router = APIRouter()


class ShownReminder(Shape):
    """A reminder that leaves on its day if nothing changes until then."""

    item: int
    number: str
    customer: str = Field(description="Number of the customer")
    level: str
    channel: str = Field(description="email, letter, registered, call")
    day: str
    balance: str
    asked: str = Field(description="EUR, with interest and indemnity")
    to: list[str]
    together: bool = Field(description="In one letter with what else the customer owes at this level that day")
    warned: list[str] = Field(description="no-penalty-mention, mention-unknown, late-start")


class ShownSuspension(Shape):
    id: int
    scope: str
    value: str = Field(description="Item, customer or batch")
    starts: str
    ends: str
    reason: str


class Letter(Shape):
    """What left, or was begun; of several invoices in one letter one entry, with each of them."""

    id: int
    items: list[str]
    level: str
    channel: str
    state: str = Field(description="leaving, sent, queued, printed, exported, deposited, received, bounced, asked, unsure")
    balance: str = Field(description="EUR, of the first of its items")
    message_id: str
    begun_at: str
    left_at: str | None
    tracking: str


class NewSuspension(Sent):
    scope: Literal["item", "customer", "batch"]
    values: Annotated[list[Annotated[str, Field(min_length=1, max_length=80)]], Field(min_length=1, max_length=200)]
    ends: Day = Field(description="Last day of it, itself included")
    reason: Reason


class Resumed(Sent):
    reason: Reason


class Postponed(Sent):
    day: Day = Field(description="Not reminded before this day")
    reason: Reason


@router.get("/reminders", tags=["reminders"], summary="What leaves until a day if nothing changes; without a day, within a fortnight")
def due(request: Request, session: desk.InReading, until: Annotated[Day | None, Query()] = None) -> list[ShownReminder]:
    workstation = workstation_of(request)
    today = dunning.today_of(workstation)
    last = min(until or date.fromordinal(today.toordinal() + 14), date.fromordinal(today.toordinal() + dunning.AHEAD))
    try:
        found = dunning.preview(session, workstation, today, last)
    except (BadLadders, BadTemplate, OSError, NoBusinessDay) as error:
        raise Trouble(409, "wrong-values", errors=[{"reason": "ladders", "words": str(error)}]) from error
    return [
        ShownReminder(
            item=each.listed.row.id, number=each.listed.row.number, customer=each.listed.customer.number, level=each.action.level.name,
            channel=str(each.action.level.channel), day=each.action.day.isoformat(), balance=f"{each.claim.balance:.2f}",
            asked=f"{each.claim.total:.2f}", to=list(each.address), together=each.together,
            warned=[str(code) for code in each.action.warned],
        )
        for each in found
    ]  # fmt: skip


@router.get("/reminders/suspensions", tags=["reminders"], summary="Suspensions that hold today or later")
def suspensions(request: Request, session: desk.InReading) -> list[ShownSuspension]:
    today = dunning.today_of(workstation_of(request))
    return [_suspension(row) for row in records.suspensions_of(session, entity_of(request), today)]


@router.post("/reminders/suspensions", tags=["reminders"], summary="Reminders of items, a customer or a batch rest through a day")
def suspend(request: Request, session: desk.InWriting, person: Asking, said: NewSuspension) -> list[ShownSuspension]:
    try:
        rows = dunning.suspend(session, workstation_of(request), said.scope, said.values, said.reason, said.ends, person)
    except NotPossible as error:
        raise _wrong(request, str(error)) from error
    return [_suspension(row) for row in rows]


@router.post("/reminders/suspensions/{number}/resume", tags=["reminders"], summary="A suspension ends before its day")
def resume(request: Request, session: desk.InWriting, person: Asking, number: Number, said: Resumed) -> ShownSuspension:
    row = records.get_suspension(session, entity_of(request), number)
    if row is None:
        raise Trouble(404, "unknown")
    try:
        dunning.resume(session, workstation_of(request), number, said.reason, person)
    except NotPossible as error:
        raise _wrong(request, str(error)) from error
    return _suspension(row)


@router.post("/reminders/{number}/postpone", tags=["reminders"], summary="An invoice is reminded no earlier than a day")
def postpone(request: Request, session: desk.InWriting, person: Asking, number: Number, said: Postponed) -> ShownSuspension:
    if receivables.get_item(session, entity_of(request), number) is None:
        raise Trouble(404, "unknown")
    try:
        (row,) = dunning.postpone(session, workstation_of(request), number, said.day, said.reason, person)
    except NotPossible as error:
        raise _wrong(request, str(error)) from error
    return _suspension(row)


@router.get("/reminders/sendings", tags=["reminders"], summary="What left, the newest first")
def sendings(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[Letter]:
    place = cursor_values(cursor, int)
    rows = records.list_sendings(session, entity_of(request), most=limit + 1, before=place[0] if place else None)
    return page_of(request, response, rows, limit, lambda row: (row.id,), lambda row: _letter(session, row))


def _letter(session: Session, row: Sending) -> Letter:
    return Letter(
        id=row.id, items=[each.item_id for each in records.members_of(session, row)], level=row.level, channel=row.channel, state=row.state,
        balance=row.balance, message_id=row.message_id, begun_at=row.begun_at.isoformat(),
        left_at=row.left_at.isoformat() if row.left_at else None, tracking=row.tracking,
    )  # fmt: skip


def _suspension(row: Suspension) -> ShownSuspension:
    return ShownSuspension(id=row.id, scope=row.scope, value=row.value, starts=row.starts, ends=row.ends, reason=row.reason)


def _wrong(request: Request, reason: str) -> Trouble:
    return Trouble(409, "wrong-values", errors=[{"reason": reason, "words": words_of(request).known("dunning", f"wrong-{reason}")}])
