"""Tolerances of grey: which decisions stand, a new one with its reason, and the end of one."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.settings import Settings
from station import tolerances
from station.records.tables import Batch, Tolerance
from station.web import desk
from station.web.words import Words

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was sent, so that nothing has to be typed twice."""

    scope: str = "supplier"
    value: str = ""
    reason: str = ""
    starts: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class ShownTolerance:
    number: int
    where: str
    reason: str
    days: str
    decided: str
    actor: str
    revoked: str | None
    """When, by whom and why it was ended; None while it stands."""


@router.get("/tolerances")
def list_page(request: Request, session: desk.InReading, scope: str = "supplier", value: str = "") -> Response:
    """The decisions, and the form of a new one; an address may fill in where it is to hold."""
    chosen = scope if scope in tolerances.SCOPES else "supplier"
    return _page(request, session, Typed(chosen, value[:80], starts=_today(request).isoformat()))


@router.post("/tolerances")
def declare(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    scope: Text = "",
    value: Text = "",
    reason: Text = "",
    starts: Text = "",
    ends: Text = "",
) -> Response:
    """Decide; where something is missing or unknown the page comes back, says what, and keeps what was typed."""
    workstation = desk.workstation_of(request)
    typed = Typed(scope, value.strip(), reason.strip(), starts.strip(), ends.strip())
    days = read_days(typed)
    wrong = trouble_of(session, workstation.settings, typed) or ("days" if days is None else None)
    if wrong is not None or days is None:
        return _page(request, session, typed, wrong, status=422)
    tolerances.declare_tolerance(
        session, workstation.settings.entity, typed.scope, typed.value, typed.reason, days, person, workstation.clock()
    )
    return desk.go_to(request, "/tolerances", "flash.tolerance")


@router.post("/tolerances/{number}/revoke")
def revoke(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, reason: Text = "") -> Response:
    """End a decision; what was sealed under it names it still."""
    if not reason.strip():
        return _page(request, session, Typed(starts=_today(request).isoformat()), "revoke-reason", status=422)
    tolerances.revoke_tolerance(session, number, reason, person, desk.workstation_of(request).clock())
    return desk.go_to(request, "/tolerances", "flash.tolerance-revoked")


def trouble_of(session: Session, settings: Settings, typed: Typed) -> str | None:
    """What is missing or unknown, as a key under `tolerances.wrong-…`; None where the decision can be written."""
    known = {
        "supplier": bool(tolerances.supplier_key(typed.value)),
        "station": typed.value in {station.name for station in settings.stations},
        "batch": session.get(Batch, typed.value) is not None,
    }
    if not known.get(typed.scope, False):
        return typed.scope if typed.scope in known else "supplier"
    return None if typed.reason else "reason"


def read_days(typed: Typed) -> tuple[date, date | None] | None:
    """First and last day; None where they are no days, or in the wrong order."""
    try:
        starts = date.fromisoformat(typed.starts)
        ends = date.fromisoformat(typed.ends) if typed.ends else None
    except ValueError:
        return None
    return None if ends is not None and ends < starts else (starts, ends)


def show_tolerance(tolerance: Tolerance, t: Words) -> ShownTolerance:
    def day(text: str) -> str:
        return t.day(date.fromisoformat(text))

    revoked = None
    if tolerance.revoked_at is not None:
        revoked = t("tolerances.revoked-by", at=t.moment(tolerance.revoked_at), actor=tolerance.revoked_by, reason=tolerance.revoked_reason)
    return ShownTolerance(
        number=tolerance.id,
        where=f"{t(f'tolerances.scope-{tolerance.scope}')} {tolerance.value}",
        reason=tolerance.reason,
        days=t("tolerances.days", starts=day(tolerance.starts), ends=day(tolerance.ends))
        if tolerance.ends
        else t("tolerances.since", starts=day(tolerance.starts)),
        decided=t.moment(tolerance.decided_at),
        actor=tolerance.actor,
        revoked=revoked,
    )


def _today(request: Request) -> date:
    now: datetime = desk.workstation_of(request).clock()
    return now.date()


def _page(request: Request, session: Session, typed: Typed, wrong: str | None = None, status: int = 200) -> Response:
    t, settings = desk.words_of(request), desk.workstation_of(request).settings
    return desk.show(
        request,
        "tolerances.html",
        status,
        shown=[show_tolerance(each, t) for each in tolerances.list_tolerances(session, settings.entity)],
        typed=typed,
        scopes=tolerances.SCOPES,
        stations=[station.name for station in settings.stations],
        wrong=wrong and t(f"tolerances.wrong-{wrong}"),
    )
