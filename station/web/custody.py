"""The paper: where each lot lies, how long it waits, and the slip that two people sign before anything may be destroyed."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from sealing.keys import UnusableKey
from sealing.seal import CannotSeal
from station import controls, custody
from station.acts import NotOffered
from station.controls import NoLot
from station.custody import NoSlip, PaperLot, Visa, VisaMissing
from station.erasure import SamePerson
from station.formal import NotPdfA, Unproved
from station.records import people
from station.records.tables import ControlLot, Document, Person
from station.timekeeping import ClockStepped, ClockWrong, clock_word
from station.web import desk
from station.web.words import Words
from workflow.custody import REASONS

router = APIRouter()
Text = Annotated[str, Form(max_length=2000)]
ADDRESS = "/papier"
TONES = {"free": "good", "destroyed": "calm", "slip": "busy", "failed": "bad", "action": "bad"}


@dataclass(frozen=True, slots=True)
class ShownPaper:
    """One lot's papers in words."""

    lot: ControlLot
    standing: str
    tone: str
    free_on: str | None
    slip: "ShownSlip | None"


@dataclass(frozen=True, slots=True)
class ShownSlip:
    number: int
    going: int
    kept: list[tuple[str, str, str]]
    """Identifier, title, reason in words."""
    staying: list[tuple[str, str, str]]
    """Papers on it that are to stay by now."""
    prepared: str
    signed: str | None
    mine: bool
    destroyed: str | None


@router.get(ADDRESS)
def paper_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """Every lot's papers."""
    return _page(request, session, person)


@router.post(f"{ADDRESS}/lots/{{number}}")
def place(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, box: Text = "", where: Text = "") -> Response:
    """Say in which box and where a lot's paper lies."""
    workstation = desk.workstation_of(request)
    try:
        custody.place_lot(session, _lot(request, session, number), box, where, person, workstation.clock(), clock_word(workstation))
    except ValueError:
        return _page(request, session, person, "place", number)
    return desk.go_to(request, f"{ADDRESS}#lot-{number}", "flash.paper-placed")


@router.post(f"{ADDRESS}/lots/{{number}}/slip")
def prepare(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int) -> Response:
    """Prepare the slip of a lot."""
    workstation, lot = desk.workstation_of(request), _lot(request, session, number)
    try:
        custody.prepare_slip(session, workstation.settings, lot, person, workstation.clock(), clock_word(workstation))
    except NotOffered:
        return _page(request, session, person, "none", number)
    return desk.go_to(request, f"{ADDRESS}#lot-{number}", "flash.slip-prepared")


@router.post(f"{ADDRESS}/slips/{{number}}")
def act(
    request: Request,
    person: desk.SignedIn,
    number: int,
    step: Text = "",
    reason: Text = "",
    visa: Text = "",
    visa_day: Text = "",
    visa_document: Text = "",
) -> Response:
    """Sign a slip, take it back, or say that the paper is gone."""
    workstation = desk.workstation_of(request)
    with workstation.database.reading() as session:
        try:
            lot = custody.find_slip(session, workstation.settings.entity, number).lot_id
        except NoSlip as error:
            raise HTTPException(404) from error
    try:
        _carry_out(request, person, number, step, reason, read_visa(visa, visa_day, visa_document))
    except (ValueError, SamePerson, VisaMissing, NotOffered, CannotSeal, UnusableKey, Unproved, NotPdfA, ClockWrong, ClockStepped) as error:
        with workstation.database.reading() as session:
            return _page(request, session, person, _trouble(error), lot)
    except NoSlip as error:
        raise HTTPException(409) from error
    return desk.go_to(request, f"{ADDRESS}#lot-{lot}", f"flash.slip-{step}")


@router.get(f"{ADDRESS}/slips/{{number}}.pdf")
def download(request: Request, session: desk.InReading, number: int) -> Response:
    """The sealed slip."""
    workstation = desk.workstation_of(request)
    try:
        slip = custody.find_slip(session, workstation.settings.entity, number)
    except NoSlip as error:
        raise HTTPException(404) from error
    path = workstation.archives.path(slip.sha256 or "0" * 64, ".pdf")
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/pdf", filename=f"bordereau-{slip.entity}-{slip.id}.pdf")


def read_visa(number: str, day: str, document: str) -> Visa | None:
    """The visa as typed; None where none of it is, or its day is no day."""
    if not (number.strip() and day.strip() and document.strip()):
        return None
    try:
        return Visa(number.strip(), date.fromisoformat(day), document.strip())
    except ValueError:
        return None


def _carry_out(request: Request, person: Person, number: int, step: str, reason: str, visa: Visa | None) -> None:
    workstation = desk.workstation_of(request)
    now, clock = workstation.clock(), clock_word(workstation)
    match step:
        case "sign":
            # Drawing and sealing take a second, outside of any transaction.
            custody.sign_slip(workstation, number, reason, person, visa)
        case "withdraw":
            with workstation.database.writing() as session:
                custody.withdraw_slip(session, number, reason, person, now, clock)
        case "destroyed":
            with workstation.database.writing() as session:
                custody.note_destroyed(session, workstation.settings, number, reason, person, now, clock)
        case _:
            raise HTTPException(422)


def _trouble(error: Exception) -> str:
    """Key under `paper.trouble-…`."""
    match error:
        case SamePerson():
            return "same"
        case VisaMissing():
            return "visa"
        case NotOffered():
            return "stays"
        case ValueError():
            return "reason"
        case ClockWrong() | ClockStepped():
            return "clock"
        case _:
            return "unsealed"


def _lot(request: Request, session: Session, number: int) -> ControlLot:
    try:
        return controls.find_lot(session, desk.workstation_of(request).settings.entity, number)
    except NoLot as error:
        raise HTTPException(404) from error


def _page(request: Request, session: Session, person: Person, trouble: str = "", where: int = 0) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    settings, today = workstation.settings, workstation.clock().date()
    papers = custody.paper_lots(session, settings, today)
    slips = [paper.slip for paper in papers if paper.slip is not None]
    logins = people.logins_of(session, [name for slip in slips for name in (slip.prepared_by, slip.signed_by, slip.destroyed_by)])
    return desk.show(
        request,
        "custody.html",
        422 if trouble else 200,
        papers=[_shown(session, request, paper, person, logins, t) for paper in papers],
        days=settings.organisation.quarantine_days,
        public=settings.channel.public,
        second=people.SECOND_LOGIN,
        trouble=trouble,
        where=where,
    )


def _shown(session: Session, request: Request, paper: PaperLot, person: Person, logins: dict[str, str], t: Words) -> ShownPaper:
    settings, today = desk.workstation_of(request).settings, desk.workstation_of(request).clock().date()
    slip, shown = paper.slip, None

    def who(pseudonym: str | None) -> str:
        return logins.get(pseudonym or "", pseudonym or "")

    if slip is not None and slip.withdrawn_at is None:
        staying = [] if slip.destroyed_at else custody.now_staying(session, settings, slip, today)
        shown = ShownSlip(
            number=slip.id,
            going=len(slip.documents),
            kept=_told(session, slip.kept, t),
            staying=_told(session, staying, t),
            prepared=t("paper.prepared-by", at=t.moment(slip.prepared_at), actor=who(slip.prepared_by)),
            signed=t("paper.signed-by", at=t.moment(slip.signed_at), actor=who(slip.signed_by), reason=slip.reason)
            if slip.signed_at
            else None,
            mine=slip.prepared_by == person.pseudonym,
            destroyed=t("paper.destroyed-by", at=t.moment(slip.destroyed_at), actor=who(slip.destroyed_by), method=slip.method)
            if slip.destroyed_at
            else None,
        )
    standing = "signed" if paper.standing == "slip" and slip is not None and slip.signed_at else paper.standing
    tone = TONES.get(paper.standing, "calm")
    return ShownPaper(paper.lot, standing, tone, t.day(paper.free_on) if paper.free_on else None, shown)


def _told(session: Session, kept: list[list[str]], t: Words) -> list[tuple[str, str, str]]:
    found = []
    for name, reason in kept:
        document = session.get(Document, name)
        hidden = document is None or document.confidential
        words = REASONS.get(reason, (reason, reason))[0 if t.language == "fr" else 1]
        found.append((name, name[:12] if hidden or document is None else document.title, words))
    return found
