"""Legal holds: which stand, a new one with its reason, and the end of one."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import holds
from station.records.tables import Document, Hold
from station.web import desk
from station.web.tolerances import Typed, read_days
from station.web.words import Words
from workflow.retention import SCOPES, hold_trouble

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class ShownHold:
    number: int
    where: str
    reason: str
    days: str
    placed: str
    actor: str
    company: str
    stands: bool
    lifted: str | None
    """When, by whom and why; None while it stands."""


@router.get("/holds")
def list_page(request: Request, session: desk.InReading, scope: str = "supplier", value: str = "") -> Response:
    """The holds, and the form of a new one; an address may fill in what it is to cover."""
    chosen = scope if scope in SCOPES else "supplier"
    return _page(request, session, Typed(chosen, value[:80], starts=_today(request)))


@router.post("/holds")
def place(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    scope: Text = "",
    value: Text = "",
    reason: Text = "",
    starts: Text = "",
    ends: Text = "",
    company: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Place one, or one in each company where none is chosen; where something is missing the page comes back and keeps what was typed."""
    workstation = desk.workstation_of(request)
    typed = Typed(scope, value.strip(), reason.strip(), starts.strip(), ends.strip())
    days, wrong = read_days(typed), trouble_of(session, typed)
    companies = workstation.settings.entities
    if company and company not in companies:
        wrong = "company"
    if wrong or days is None:
        return _page(request, session, typed, wrong or "days", 422)
    # One document is in one company, and `place_hold` finds which.
    chosen = companies[:1] if typed.scope == "document" else [company] if company else companies
    for each in chosen:
        holds.place_hold(session, each, typed.scope, typed.value, typed.reason, days, person, workstation.clock())
    return desk.go_to(request, "/holds", "flash.hold")


@router.post("/holds/{number}/lift")
def lift(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, reason: Text = "") -> Response:
    if not reason.strip():
        return _page(request, session, Typed(starts=_today(request)), "lift-reason", 422)
    try:
        holds.lift_hold(session, number, reason, person, desk.workstation_of(request).clock())
    except holds.UnknownHold as error:
        raise HTTPException(404) from error
    return desk.go_to(request, "/holds", "flash.hold-lifted")


def trouble_of(session: Session, typed: Typed) -> str | None:
    """What is missing or unknown, as a key under `holds.wrong-…`; None where nothing is."""
    if trouble := hold_trouble(typed.scope, typed.value):
        return trouble
    if len(typed.value) > 80 or (typed.scope == "document" and session.get(Document, typed.value) is None):
        return "value"
    return None if typed.reason else "reason"


def show_hold(hold: Hold, today: str, t: Words) -> ShownHold:
    lifted = None
    if hold.lifted_at is not None:
        lifted = t("holds.lifted-by", at=t.moment(hold.lifted_at), actor=hold.lifted_by, reason=hold.lifted_reason)
    return ShownHold(
        hold.id,
        f"{t(f'holds.scope-{hold.scope}')} {hold.value}",
        hold.reason,
        t("holds.days", starts=_day(hold.starts, t), ends=_day(hold.ends, t))
        if hold.ends
        else t("holds.since", starts=_day(hold.starts, t)),
        t.moment(hold.placed_at),
        hold.actor,
        hold.entity,
        hold.lifted_at is None and hold.starts <= today and (hold.ends is None or today <= hold.ends),
        lifted,
    )


def _today(request: Request) -> str:
    return desk.workstation_of(request).clock().date().isoformat()


def _page(request: Request, session: Session, typed: Typed, wrong: str | None = None, status: int = 200) -> Response:
    t, settings = desk.words_of(request), desk.workstation_of(request).settings
    shown = [show_hold(each, _today(request), t) for each in holds.list_holds(session)]
    return desk.show(
        request,
        "holds.html",
        status,
        shown=shown,
        typed=typed,
        scopes=SCOPES,
        companies=settings.entities,
        wrong=wrong and t(f"holds.wrong-{wrong}"),
    )


def _day(text: str, t: Words) -> str:
    return t.day(date.fromisoformat(text))
