"""Reminders: what leaves next, before it leaves; the coming days; what left; what waits to be printed; suspending and resuming."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.options import calendar_of
from station import agenda, dunning, postal
from station.dunning import BOUNCE, CALL, KIND, Coming, NotPossible
from station.ladder_versions import BadLadders
from station.letters_out import write_reminder
from station.postal import Proof
from station.records import dunning as records
from station.records import people, receivables
from station.records.documents import Unknown
from station.records.tables import AgendaRow, Sending, Suspension
from station.web import desk
from station.web.words import Words
from station.wording import BadTemplate, load_letters
from workflow.calendar import NoBusinessDay, move_later
from workflow.dunning import Channel
from workflow.receivables import NOTHING, standing_of

router = APIRouter()
ADDRESS = "/relances"
Text = Annotated[str, Form(max_length=600)]
Asked = Annotated[list[str], Form(max_length=2000)]
SINGLY = 100
"""Up to so many, one by one is offered."""
SHOWN, SHOWN_A_DAY = 500, 50
"""Lines of one page, and of one day of the calendar."""
ICONS = {Channel.EMAIL: "upload", Channel.LETTER: "printer", Channel.REGISTERED: "stamp", Channel.CALL: "volume-2"}
LOOKS = {
    records.LEAVING: ("busy", "hourglass"),
    records.SENT: ("good", "circle-check"),
    records.QUEUED: ("watch", "printer"),
    records.PRINTED: ("good", "circle-check"),
    records.EXPORTED: ("watch", "upload"),
    records.DEPOSITED: ("good", "stamp"),
    records.RECEIVED: ("good", "badge-check"),
    records.BOUNCED: ("bad", "circle-x"),
    records.ASKED: ("calm", "user"),
    records.UNSURE: ("watch", "circle-help"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One reminder that is to leave."""

    item: int
    customer: int
    name: str
    number: str
    batch: str
    level: str
    channel: str
    icon: str
    day: str
    due: str
    late: str
    balance: str
    asked: str
    """With interest and indemnity; empty where it asks for the balance alone."""
    where: str
    """Where it goes; empty: nowhere, and a person is asked."""
    warned: tuple[str, ...]
    why: str


def show_line(each: Coming, t: Words) -> Line:
    action, listed = each.action, each.listed
    days = (action.day - listed.item.due).days
    return Line(
        item=listed.row.id,
        customer=listed.row.customer_id,
        name=listed.customer.name,
        number=listed.row.number,
        batch=listed.row.batch,
        level=action.level.title,
        channel=t(f"dunning.channel-{action.level.channel}"),
        icon=ICONS[action.level.channel],
        day=t.day(action.day),
        due=t.day(listed.item.due),
        late=t.count("dunning.late", days) if days > 0 else t.count("dunning.early", -days),
        balance=t.amount(str(each.claim.balance), "EUR"),
        asked=t.amount(str(each.claim.total), "EUR") if each.claim.total > each.claim.balance else "",
        where=", ".join(each.address),
        warned=tuple(t(f"dunning.warned-{code}") for code in action.warned),
        why=t("dunning.why-rest", day=t.day(action.rest.ends), reason=action.rest.reason) if action.rest else "",
    )


@router.get(ADDRESS)
def preview_page(request: Request, session: desk.InReading, vue: str = "liste", place: int = 1) -> Response:
    """What leaves next, each with its reason, amount and channel, and a way to stop it."""
    return _preview(request, session, vue, place)


@router.post(f"{ADDRESS}/suspendre")
def suspend(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    scope: Text = "",
    value: Asked = [],  # noqa: B006 FastAPI copies it
    reason: Text = "",
    ends: Text = "",
    vue: Text = "liste",
) -> Response:
    """One item, those that are ticked, a customer or a batch, until a day, with a reason."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            dunning.suspend(writing, workstation, scope, value, reason, _day_or_none(ends) or date.min, person)
    except NotPossible as error:
        return _preview(request, session, vue, 1, str(error))
    return desk.go_to(request, f"{ADDRESS}?vue=une" if vue == "une" else ADDRESS, "flash.dunning-suspended")


@router.post(f"{ADDRESS}/reprendre/{{number}}")
def resume(request: Request, session: desk.InReading, person: desk.SignedIn, number: int, reason: Text = "") -> Response:
    workstation = desk.workstation_of(request)
    if session.scalar(sa.select(Suspension.id).where(Suspension.id == number, Suspension.entity == desk.entity_of(request))) is None:
        raise Unknown(str(number))
    try:
        with workstation.database.writing() as writing:
            dunning.resume(writing, workstation, number, reason, person)
    except NotPossible as error:
        return _preview(request, session, "liste", 1, str(error))
    return desk.go_to(request, ADDRESS, "flash.dunning-resumed")


@router.post(f"{ADDRESS}/taches/{{number}}")
def finish(request: Request, session: desk.InReading, person: desk.SignedIn, number: int, note: Text = "", again: Text = "") -> Response:
    """What a person was asked to do is done; `again`: the address is mended, and it leaves after all."""
    workstation = desk.workstation_of(request)
    if agenda.get_row(session, desk.entity_of(request), number) is None:
        raise Unknown(str(number))
    try:
        with workstation.database.writing() as writing:
            dunning.finish_chore(writing, workstation, number, note, person, again=bool(again))
    except NotPossible as error:
        return _preview(request, session, "liste", 1, str(error))
    return desk.go_to(request, ADDRESS, "flash.dunning-done")


def _preview(request: Request, session: Session, view: str, place: int, wrong: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    today = dunning.today_of(workstation)
    found, trouble, day = list[Coming](), "", today
    try:
        day = next_day(request, today)
        found = dunning.preview(session, workstation, today, day)
    except (BadLadders, BadTemplate, OSError, NoBusinessDay) as error:
        trouble = str(error)
    singly = view == "une" and bool(found)
    place = min(max(1, place), max(1, len(found)))
    suspended = records.suspensions_of(session, workstation.settings.entity, today)
    who = people.logins_of(session, [row.actor for row in suspended])
    total = sum((each.claim.balance for each in found), NOTHING)
    return desk.show(
        request,
        "dunning.html",
        422 if wrong else 200,
        view="une" if singly else "liste",
        day=t.day(day),
        hour=f"{workstation.settings.dunning.hour} h",
        is_today=day == today,
        active=workstation.settings.dunning.active,
        trouble=trouble,
        wrong=wrong and t(f"dunning.wrong-{wrong}"),
        lines=[show_line(each, t) for each in (found[place - 1 : place] if singly else found[:SHOWN])],
        more=max(0, len(found) - SHOWN),
        count=len(found),
        total=t.amount(str(total), "EUR"),
        place=place,
        letter=_letter(found[place - 1], request, t) if singly else None,
        may_singly=0 < len(found) <= SINGLY,
        chores=[_show_chore(session, row, t) for row in _chores(session, workstation.settings.entity)],
        suspended=[_show_rest(session, row, who, t) for row in suspended],
        until=(today + timedelta(days=14)).isoformat(),
        first=today.isoformat(),
        last=(today + timedelta(days=366)).isoformat(),
    )


def next_day(request: Request, today: date) -> date:
    """The next day on which something leaves: today as long as its hour has not come. Raises NoBusinessDay."""
    workstation = desk.workstation_of(request)
    return move_later(calendar_of(workstation.settings), dunning.first_day(workstation, today))


def _letter(each: Coming, request: Request, t: Words) -> dict[str, Any] | None:
    """The text as it would leave."""
    level, settings = each.action.level, desk.workstation_of(request).settings
    if not level.letter:
        return None
    try:
        written = write_reminder(each.listed, each.standing, each.claim, level, load_letters(settings), settings, each.action.day)
    except (BadTemplate, KeyError, OSError) as error:
        return {"subject": t("dunning.no-letter", why=str(error)), "body": "", "lines": []}
    return {"subject": written.subject, "body": written.body, "lines": written.computation.get("lines", [])}


def _chores(session: Session, entity: str) -> list[AgendaRow]:
    return [row for kind in (BOUNCE, KIND, CALL) for row in agenda.open_rows(session, entity, kind)]


def _show_chore(session: Session, row: AgendaRow, t: Words) -> dict[str, Any]:
    listed = receivables.listed_one(session, row.entity, _number(row.object))
    sending = records.find_sending(session, row.entity, row.object, row.level)
    standing = standing_of(listed.item, listed.events, row.made_at.date()) if listed else None
    return {
        "id": row.id,
        "kind": row.kind,
        "what": t(f"dunning.chore-{row.kind}"),
        "name": listed.customer.name if listed else "",
        "customer": listed.row.customer_id if listed else 0,
        "phone": listed.customer.phone if listed else "",
        "number": listed.row.number if listed else "",
        "item": row.object,
        "balance": t.amount(str(standing.balance), "EUR") if standing else "",
        "note": sending.note if sending else "",
        "recipient": sending.recipient if sending else "",
    }


def _show_rest(session: Session, row: Suspension, who: dict[str, str], t: Words) -> dict[str, Any]:
    about = row.value
    if row.scope == "item":
        found = receivables.get_item(session, row.entity, _number(row.value))
        about = found.number if found else row.value
    elif row.scope == "customer":
        customer = receivables.get_customer(session, row.entity, _number(row.value))
        about = customer.name if customer else row.value
    return {
        "id": row.id,
        "about": t(f"dunning.scope-{row.scope}", value=about),
        "until": t.day(date.fromisoformat(row.ends)),
        "reason": row.reason,
        "by": t("dunning.by", who=who.get(row.actor, row.actor), at=t.moment(row.at)),
    }


@router.get(f"{ADDRESS}/calendrier")
def calendar_page(request: Request, session: desk.InReading) -> Response:
    """The coming ninety days, if nothing is paid and nobody does anything."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    today, trouble = dunning.today_of(workstation), ""
    found = list[Coming]()
    try:
        found = dunning.calendar_ahead(session, workstation, today)
    except (BadLadders, BadTemplate, OSError, NoBusinessDay) as error:
        trouble = str(error)
    days = dict[date, list[Coming]]()
    for each in found:
        days.setdefault(each.action.day, []).append(each)
    shown = [
        {
            "day": t.day(day),
            "weekday": t(f"dunning.weekday-{day.weekday()}"),
            "count": t.count("dunning.reminders", len(here)),
            "sum": t.amount(str(sum((each.claim.balance for each in here), NOTHING)), "EUR"),
            "channels": [(t(f"dunning.channel-{channel}"), ICONS[channel], count) for channel, count in _by_channel(here)],
            "lines": [show_line(each, t) for each in here[:SHOWN_A_DAY]],
            "more": max(0, len(here) - SHOWN_A_DAY),
        }
        for day, here in sorted(days.items())
    ]
    return desk.show(request, "dunning_calendar.html", days=shown, trouble=trouble, until=t.day(today + timedelta(days=dunning.AHEAD)))


def _by_channel(here: Sequence[Coming]) -> list[tuple[Channel, int]]:
    counted = [(channel, sum(each.action.level.channel is channel for each in here)) for channel in Channel]
    return [(channel, count) for channel, count in counted if count]


@router.get(f"{ADDRESS}/envoyees")
def sent_page(request: Request, session: desk.InReading) -> Response:
    """What left, the newest first."""
    return _sent(request, session)


@router.post(f"{ADDRESS}/envoyees/{{number}}/retour")
def bounced(request: Request, session: desk.InReading, person: desk.SignedIn, number: int, reason: Text = "") -> Response:
    """A person says that an e-mail came back."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            sending = _sending(writing, request, number)
            if not reason.strip():
                raise NotPossible("reason")
            dunning.note_bounce(writing, workstation, sending, reason, person)
    except NotPossible as error:
        return _sent(request, session, str(error))
    return desk.go_to(request, ADDRESS, "flash.dunning-bounced")


def _sent(request: Request, session: Session, wrong: str = "") -> Response:
    t, entity = desk.words_of(request), desk.entity_of(request)
    rows = records.list_sendings(session, entity)
    shown = [show_sending(session, row, t) for row in rows]
    return desk.show(request, "dunning_sent.html", 422 if wrong else 200, rows=shown, wrong=wrong and t(f"dunning.wrong-{wrong}"))


def show_sending(session: Session, row: Sending, t: Words) -> dict[str, Any]:
    item = receivables.get_item(session, row.entity, _number(row.item_id))
    customer = receivables.get_customer(session, row.entity, _number(row.customer))
    tone, icon = LOOKS[row.state]
    return {
        "id": row.id,
        "item": row.item_id,
        "number": item.number if item else "",
        "customer": row.customer,
        "name": customer.name if customer else "",
        "level": row.subject or row.level,
        "channel": t(f"dunning.channel-{row.channel}"),
        "icon": ICONS[Channel(row.channel)],
        "at": t.moment(row.left_at or row.begun_at),
        "balance": t.amount(row.balance, "EUR"),
        "state": t(f"dunning.state-{row.state}"),
        "code": row.state,
        "tone": tone,
        "state_icon": icon,
        "recipient": row.recipient,
        "note": row.note,
        "letter": row.sha256,
        "email": row.channel == Channel.EMAIL,
        "tracking": row.tracking,
        "deposited": t.day(date.fromisoformat(row.deposited_on)) if row.deposited_on else "",
        "received": t.day(date.fromisoformat(row.received_on)) if row.received_on else "",
        "receipt": t(f"dunning.receipt-{row.receipt}") if row.receipt else "",
        "deposit_proof": row.deposit_sha256,
        "receipt_proof": row.receipt_sha256,
    }


@router.get(f"{ADDRESS}/courrier")
def post_page(request: Request, session: desk.InReading) -> Response:
    """What waits to be printed, and registered letters with what is known of them."""
    return _post(request, session)


@router.post(f"{ADDRESS}/courrier/imprimees")
def printed(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    number: Annotated[list[int], Form(max_length=1000)] = [],  # noqa: B006 FastAPI copies it
) -> Response:
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            postal.mark_printed(writing, workstation, number, person)
    except NotPossible as error:
        return _post(request, session, str(error))
    return desk.go_to(request, f"{ADDRESS}/courrier", "flash.dunning-printed")


@router.post(f"{ADDRESS}/courrier/recommandes")
def exported(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    number: Annotated[list[int], Form(max_length=1000)] = [],  # noqa: B006 FastAPI copies it
) -> Response:
    """The ZIP for the provider; they count as handed over from here on."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            made = postal.export_registered(writing, workstation, number, person)
    except NotPossible as error:
        return _post(request, session, str(error))
    name = f"recommandes-{dunning.today_of(workstation).isoformat()}.zip"
    return Response(made, media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get(f"{ADDRESS}/courrier/{{number}}/{{which}}.pdf")
def paper(request: Request, session: desk.InReading, number: int, which: str) -> Response:
    """The sealed letter, or a proof: `lettre`, `depot`, `reception`."""
    sending = _sending(session, request, number)
    sha256 = {"lettre": sending.sha256, "depot": sending.deposit_sha256, "reception": sending.receipt_sha256}.get(which)
    if sha256 is None:
        raise Unknown(str(number))
    path = desk.workstation_of(request).archives.path(sha256, ".pdf")
    return Response(
        path.read_bytes(), media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{which}-{number}.pdf"'}
    )


@router.post(f"{ADDRESS}/courrier/{{number}}/depot")
def deposited(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    number: int,
    tracking: Text = "",
    day: Text = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    _sending(session, request, number)
    try:
        proof = _proof(day, file, tracking=tracking)
        postal.note_deposit(desk.workstation_of(request), number, proof, person)
    except NotPossible as error:
        return _post(request, session, str(error))
    return desk.go_to(request, f"{ADDRESS}/courrier", "flash.dunning-proof")


@router.post(f"{ADDRESS}/courrier/{{number}}/reception")
def received(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    number: int,
    receipt: Text = "",
    day: Text = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    _sending(session, request, number)
    try:
        proof = _proof(day, file, receipt=receipt)
        postal.note_receipt(desk.workstation_of(request), number, proof, person)
    except NotPossible as error:
        return _post(request, session, str(error))
    return desk.go_to(request, f"{ADDRESS}/courrier", "flash.dunning-proof")


def _proof(day: str, file: UploadFile | None, tracking: str = "", receipt: str = "") -> Proof:
    """Raises NotPossible."""
    when = _day_or_none(day)
    if when is None:
        raise NotPossible("day")
    content = file.file.read(postal.MOST_PROOF + 1) if file is not None else b""
    return Proof(when, tracking, receipt, (file.filename or "") if file is not None else "", content)


def _post(request: Request, session: Session, wrong: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    entity = workstation.settings.entity

    def listed(states: tuple[str, ...], channel: Channel) -> list[dict[str, Any]]:
        return [show_sending(session, row, t) for row in records.list_sendings(session, entity, states, (str(channel),))]

    return desk.show(
        request,
        "dunning_post.html",
        422 if wrong else 200,
        letters=listed((records.QUEUED,), Channel.LETTER),
        registered=listed((records.QUEUED,), Channel.REGISTERED),
        handed=listed((records.EXPORTED,), Channel.REGISTERED),
        deposited=listed((records.DEPOSITED,), Channel.REGISTERED),
        receipts=[(code, t(f"dunning.receipt-{code}")) for code in postal.RECEIPTS],
        today=dunning.today_of(workstation).isoformat(),
        practice=workstation.practice,
        wrong=wrong and t(f"dunning.wrong-{wrong}"),
    )


def _sending(session: Session, request: Request, number: int) -> Sending:
    found = records.get_sending(session, desk.entity_of(request), number)
    if found is None:
        raise Unknown(str(number))
    return found


def _day_or_none(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> int:
    """Of a row; 0, which none has, where the text is none."""
    return int(text) if text.isdecimal() else 0
