"""Internal controls: what is late, the plan, lots and their samples, results by keyboard with the paper in hand, corrective actions."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import controls
from station.acts import actor_of
from station.controls import NoLot
from station.records import people
from station.records.tables import ControlLot, ControlResult, Document
from station.timekeeping import clock_word
from station.web import desk
from station.web.words import Words
from workflow.controls import Control, in_force

router = APIRouter()
Text = Annotated[str, Form(max_length=4000)]
ADDRESS = "/controles"
OFFERED = 30
"""Lots offered at a time, oldest first."""


@dataclass(frozen=True, slots=True)
class ShownControl:
    control: Control
    name: str
    last: str | None
    due: str | None
    late: bool


@dataclass(frozen=True, slots=True)
class ShownLot:
    number: int
    name: str
    outcome: str
    """open, pass or fail."""
    plan: str
    seen: int
    size: int


@router.get(ADDRESS)
def controls_page(request: Request, session: desk.InReading) -> Response:
    """What is late first, then lots, then the plan."""
    return _page(request, session)


@router.post(f"{ADDRESS}/plan/{{code}}")
def change(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    code: str,
    owner: Text = "",
    days: Text = "",
    procedure: Text = "",
    reason: Text = "",
) -> Response:
    """A further version of a control."""
    workstation = desk.workstation_of(request)
    every = int(days) if days.isdecimal() and len(days) < 5 else -1
    try:
        told = (owner, every, procedure)
        controls.change_control(session, workstation.settings.entity, code, told, reason, person, workstation.clock(), _clock(request))
    except NoLot as error:
        raise HTTPException(404) from error
    except ValueError:
        return _page(request, session, "plan")
    return desk.go_to(request, f"{ADDRESS}#control-{code}", "flash.control-changed")


@router.post(f"{ADDRESS}/results/{{code}}")
def note_result(
    request: Request, session: desk.InWriting, person: desk.SignedIn, code: str, outcome: Text = "", note: Text = ""
) -> Response:
    """What an execution of a control found; whatever is not good needs its words."""
    workstation = desk.workstation_of(request)
    if outcome not in controls.OUTCOMES or (outcome != "pass" and not note.strip()):
        return _page(request, session, "result")
    try:
        entity, at = workstation.settings.entity, workstation.clock()
        controls.note_result(session, entity, code, outcome, actor_of(person), at, note, _clock(request))
    except NoLot as error:
        raise HTTPException(404) from error
    return desk.go_to(request, f"{ADDRESS}#control-{code}", "flash.control-noted")


@router.get(f"{ADDRESS}/lots/{{number}}")
def lot_page(request: Request, session: desk.InReading, number: int) -> Response:
    """The next page to look at beside its paper; once the lot is closed, what was found."""
    return _lot_page(request, session, number)


@router.post(f"{ADDRESS}/lots/{{number}}")
def note_page(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    item: Text = "",
    good: Text = "",
    identical: Text = "",
    colour: Text = "",
    complete: Text = "",
    note: Text = "",
) -> Response:
    """Three answers about one page, or one press that all is well."""
    lot, told = _lot(request, session, number), {"identical": identical, "colour": colour, "complete": complete}
    answers = {name: bool(good) or value == "yes" for name, value in told.items() if good or value in ("yes", "no")}
    try:
        controls.note_page(session, lot, item, answers, note, person, desk.workstation_of(request).clock(), _clock(request))
    except ValueError:
        return _lot_page(request, session, number, "answers")
    return desk.go_to(request, f"{ADDRESS}/lots/{number}", None if lot.outcome is None else f"flash.lot-{lot.outcome}")


@router.post(f"{ADDRESS}/failures/{{number}}")
def open_action(
    request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, what: Text = "", owner: Text = "", due: Text = ""
) -> Response:
    """What has to be done after a failure, by whom, until when."""
    workstation, result = desk.workstation_of(request), session.get(ControlResult, number)
    if result is None or result.entity != workstation.settings.entity:
        raise HTTPException(404)
    try:
        task = (what, owner, date.fromisoformat(due))
        controls.open_action(session, result, task, person, workstation.clock(), _clock(request))
    except ValueError:
        return _page(request, session, "action")
    return desk.go_to(request, f"{ADDRESS}#actions", "flash.action-opened")


@router.post(f"{ADDRESS}/actions/{{number}}")
def finish_action(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, done: Text = "") -> Response:
    """Say what was done."""
    workstation = desk.workstation_of(request)
    try:
        controls.finish_action(session, number, done, person, workstation.clock(), _clock(request))
    except NoLot as error:
        raise HTTPException(409) from error
    except ValueError:
        return _page(request, session, "done")
    return desk.go_to(request, f"{ADDRESS}#actions", "flash.action-done")


def show_control(control: Control, last: date | None, late: bool, t: Words) -> ShownControl:
    """A control of the plan in words."""
    due = last + timedelta(days=control.every_days) if last and control.every_days else None
    name = control.french if t.language == "fr" else control.english
    return ShownControl(control, name[:1].upper() + name[1:], t.day(last) if last else None, t.day(due) if due else None, late)


def show_lot(session: Session, lot: ControlLot, t: Words) -> ShownLot:
    """A lot in words."""
    plan = controls.plan_of(lot)
    told = t(f"controls.severity-{plan.severity}")
    words = t("controls.plan-told", pages=plan.lot, letter=plan.letter, size=plan.size, accept=plan.accept, aql=plan.aql, severity=told)
    return ShownLot(lot.id, lot.name, lot.outcome or "open", words, len(controls.results_of(session, lot.id)), plan.size)


def _clock(request: Request) -> str:
    return clock_word(desk.workstation_of(request))


def _lot(request: Request, session: Session, number: int) -> ControlLot:
    try:
        return controls.find_lot(session, desk.workstation_of(request).settings.entity, number)
    except NoLot as error:
        raise HTTPException(404) from error


def _page(request: Request, session: Session, trouble: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    entity, today = workstation.settings.entity, workstation.clock().date()
    overdue = controls.overdue_controls(session, entity, today)
    late, done = {each.code for each in overdue if each.kind == "control"}, controls.last_done(session, entity)
    plan = in_force(controls.control_catalogue(session, entity))
    actions = controls.open_actions(session, entity)
    lots = controls.list_lots(session, entity, 50)
    owners = {control.code: control.owner for control in plan}
    names = {control.code: control.french if t.language == "fr" else control.english for control in plan}
    return desk.show(
        request,
        "controls.html",
        422 if trouble else 200,
        overdue=overdue,
        plan=[show_control(control, done.get(control.code), control.code in late, t) for control in plan],
        outcomes=controls.OUTCOMES,
        ready=controls.ready_lots(session, entity, today)[:OFFERED],
        lots=[show_lot(session, lot, t) for lot in lots],
        failures=[
            (each, owners.get(each.control, ""), names.get(each.control, each.control))
            for each in controls.unanswered_failures(session, entity)
        ],
        lot_names={lot.id: lot.name for lot in lots},
        actions=[(action, date.fromisoformat(action.due), date.fromisoformat(action.due) < today) for action in actions],
        proposed=controls.proposed_due(workstation.clock()).isoformat(),
        today=today.isoformat(),
        trouble=trouble,
    )


def _lot_page(request: Request, session: Session, number: int, trouble: str = "") -> Response:
    workstation, t, lot = desk.workstation_of(request), desk.words_of(request), _lot(request, session, number)
    item, seen = controls.next_item(session, lot), controls.results_of(session, number)
    document, page = (session.get(Document, item.rsplit(":", 1)[0]), int(item.rsplit(":", 1)[1])) if item else (None, 0)
    hidden = document is None or document.confidential
    image = document is not None and not hidden and workstation.light_image(document, page).is_file()
    logins = people.logins_of(session, [result.actor for result in seen.values()])
    return desk.show(
        request,
        "lot.html",
        422 if trouble else 200,
        lot=lot,
        shown=show_lot(session, lot, t),
        item=item,
        document=None if hidden else document,
        page=page,
        image=f"/documents/{document.id}/pages/{page}/page.jpg" if image and document else None,
        place=lot.sample.index(item) + 1 if item else 0,
        results=[(each, seen.get(each)) for each in lot.sample],
        logins=logins,
        asked=controls.ASKED,
        redrawn=controls.redraw(session, lot),
        trouble=trouble,
    )
