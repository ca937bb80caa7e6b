"""Reminders: what leaves next, before it leaves; the coming days; what left; what waits to be printed; suspending and resuming."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.options import calendar_of
from config.settings import Settings
from station import agenda, dunning, ladder_versions, postal
from station.derivation import stopped_words
from station.dunning import Coming, NotPossible
from station.ladder_versions import BadLadders, NotOffered
from station.letters_out import Part, lacking_of, table_of, write_letter
from station.postal import Proof
from station.records import dunning as records
from station.records import people, receivables
from station.records.documents import Unknown
from station.records.tables import AgendaRow, LadderVersion, Person, Sending, Suspension
from station.web import desk
from station.web.words import Words
from station.wording import BadTemplate, load_letters
from station.workstation import Workstation
from workflow.calendar import NoBusinessDay, move_later
from workflow.dunning import Channel, Warned
from workflow.receivables import NOTHING, standing_of

router = APIRouter()
ADDRESS = "/relances"
Text = Annotated[str, Form(max_length=600)]
Asked = Annotated[list[str], Form(max_length=2000)]
SINGLY = 100
"""Up to so many, one by one is offered."""
MENTIONS = (Warned.NO_PENALTY_MENTION, Warned.MENTION_UNKNOWN)
"""Said once for a page, with how many it is about: what stands on every line is read on none."""
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
    shared: str
    """Where it leaves in one letter with others: with how many, all told."""
    icon: str
    day: str
    due: str
    late: str
    balance: str
    asked: str
    """With interest and indemnity; empty where it asks for the balance alone."""
    short: str
    """Why interest ends before the day of the letter; empty: it does not."""
    where: str
    """Where it goes; empty: nowhere, and a person is asked."""
    warned: tuple[str, ...]
    why: str


def show_line(each: Coming, t: Words, together: int = 1) -> Line:
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
        shared=t.count("dunning.together", together) if together > 1 else "",
        icon=ICONS[action.level.channel],
        day=t.day(action.day),
        due=t.day(listed.item.due),
        late=t.count("dunning.late", days) if days > 0 else t.count("dunning.early", -days),
        balance=t.amount(str(each.claim.balance), "EUR"),
        asked=t.amount(str(each.claim.total), "EUR") if each.claim.total > each.claim.balance else "",
        where=", ".join(each.address),
        warned=tuple(t(f"dunning.warned-{code}") for code in action.warned if code not in MENTIONS),
        short=_short_words(each, t),
        why=t("dunning.why-rest", day=t.day(action.rest.ends), reason=action.rest.reason) if action.rest else "",
    )


def _short_words(each: Coming, t: Words) -> str:
    claim = each.claim
    return stopped_words(claim.missing, claim.until if claim.interest is not None else None, t.language) if claim.missing else ""


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
def finish(
    request: Request, session: desk.InReading, person: desk.SignedIn, number: int, note: Text = "", again: Text = "", undo: Text = ""
) -> Response:
    """What a person was asked to do is done; `again`: the address is mended, and it leaves after all; `undo`: it was not done."""
    workstation = desk.workstation_of(request)
    if agenda.get_row(session, desk.entity_of(request), number) is None:
        raise Unknown(str(number))
    try:
        with workstation.database.writing() as writing:
            if undo:
                dunning.reopen_chore(writing, workstation, number, note, person)
            else:
                dunning.finish_chore(writing, workstation, number, note, person, again=bool(again))
    except NotPossible as error:
        return _preview(request, session, "liste", 1, str(error))
    return desk.go_to(request, ADDRESS, "flash.dunning-reopened" if undo else "flash.dunning-done")


def _preview(request: Request, session: Session, view: str, place: int, wrong: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    today = dunning.today_of(workstation)
    found, trouble, day = list[Coming](), "", today
    try:
        day = next_day(request, today)
        found = dunning.preview(session, workstation, today, day)
    except (BadLadders, BadTemplate, OSError, NoBusinessDay) as error:
        trouble = str(error)
    letters = dunning.letters_among(found)
    found = [each for letter in letters for each in letter]
    sizes = {each.listed.row.id: len(letter) for letter in letters for each in letter}
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
        lines=[show_line(each, t, sizes[each.listed.row.id]) for each in (found[place - 1 : place] if singly else found[:SHOWN])],
        notes=list(_notes(found, workstation.settings, t)),
        more=max(0, len(found) - SHOWN),
        count=len(found),
        total=t.amount(str(total), "EUR"),
        place=place,
        letter=_letter(next(letter for letter in letters if found[place - 1] in letter), request, t) if singly else None,
        may_singly=0 < len(found) <= SINGLY,
        version=_version(session, workstation.settings.entity),
        chores=[show_chore(session, row, t, today) for row in dunning.chores_of(session, workstation.settings.entity)],
        finished=[show_chore(session, row, t, today) for row in _finished(session, workstation)],
        suspended=[_show_rest(session, row, who, t) for row in suspended],
        until=(today + timedelta(days=14)).isoformat(),
        first=today.isoformat(),
        last=(today + timedelta(days=366)).isoformat(),
    )


def next_day(request: Request, today: date) -> date:
    """The next day on which something leaves: today as long as its hour has not come. Raises NoBusinessDay."""
    workstation = desk.workstation_of(request)
    return move_later(calendar_of(workstation.settings), dunning.first_day(workstation, today))


def _notes(found: Sequence[Coming], settings: Settings, t: Words) -> Iterator[str]:
    """What concerns many lines, once: mentions that invoices lack, or of which nobody knows; and what letters cannot say."""
    for code in MENTIONS:
        about = [each for each in found if code in each.action.warned]
        if about:
            yield t.count(f"dunning.{code}", len(about))
        least = sum(each.claim.least for each in about)
        if least:
            yield t.count("dunning.least-rate", least)
    lacking = lacking_of(settings)
    if found and lacking:
        yield t("dunning.letters-lack", what=", ".join(t(f"dunning.lack-{name}") for name in lacking))


def _version(session: Session, entity: str) -> int:
    """Number of the ladders in force; 0 before any was noted."""
    try:
        row = ladder_versions.in_force(session, entity)
    except BadLadders:
        return 0
    return row.number if row is not None else 0


def _letter(letter: Sequence[Coming], request: Request, t: Words) -> dict[str, Any] | None:
    """The text as it would leave, and what only we should read."""
    level, settings = letter[0].action.level, desk.workstation_of(request).settings
    if not level.letter:
        return None
    parts = [Part(each.listed, each.standing, each.claim) for each in letter]
    try:
        written = write_letter(parts, level, load_letters(settings), settings, letter[0].action.day)
    except (BadTemplate, KeyError, OSError) as error:
        return {"subject": t("dunning.no-letter", why=str(error)), "body": "", "lines": [], "doubts": [], "table": []}
    table = table_of(written.computation, letter[0].listed.customer.language)
    return {
        "subject": written.subject, "body": written.body, "lines": written.computation.get("lines", []), "doubts": written.doubts,
        "table": table,
    }  # fmt: skip


def _finished(session: Session, workstation: Workstation) -> list[AgendaRow]:
    return dunning.done_chores(session, workstation.settings.entity, workstation.clock() - timedelta(days=14))


def show_chore(session: Session, row: AgendaRow, t: Words, today: date) -> dict[str, Any]:
    """A task of reminders, with the day by which; of a letter about several invoices all their numbers."""
    listed = receivables.listed_one(session, row.entity, _number(row.object))
    sending = records.find_sending(session, row.entity, row.object, row.level)
    members = records.members_of(session, sending) if sending is not None else []
    items = [_number(each.item_id) for each in members] or [_number(row.object)]
    about = [each for each in (receivables.listed_one(session, row.entity, item) for item in items) if each is not None]
    balance = sum((standing_of(each.item, each.events, today).balance for each in about), NOTHING)
    by = dunning.deadline_of(row)
    return {
        "id": row.id,
        "kind": row.kind,
        "what": t(f"dunning.chore-{row.kind}"),
        "name": listed.customer.name if listed else "",
        "customer": listed.row.customer_id if listed else 0,
        "phone": listed.customer.phone if listed else "",
        "number": ", ".join(each.row.number for each in about),
        "item": row.object,
        "balance": t.amount(str(balance), "EUR") if about else "",
        "by": t("dunning.by-day", day=t.day(by)),
        "late": by < today,
        "note": sending.note if sending else "",
        "reason": row.reason,
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
    items = [receivables.get_item(session, row.entity, _number(each.item_id)) for each in records.members_of(session, row)]
    balance = sum((Decimal(each.balance) for each in records.members_of(session, row)), NOTHING)
    customer = receivables.get_customer(session, row.entity, _number(row.customer))
    tone, icon = LOOKS[row.state]
    return {
        "id": row.id,
        "item": row.item_id,
        "number": ", ".join(item.number for item in items if item is not None),
        "customer": row.customer,
        "name": customer.name if customer else "",
        "level": row.subject or row.level,
        "channel": t(f"dunning.channel-{row.channel}"),
        "icon": ICONS[Channel(row.channel)],
        "at": t.moment(row.left_at or row.begun_at),
        "balance": t.amount(str(balance), "EUR"),
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


@router.get(f"{ADDRESS}/echelles")
def ladders_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """The ladders in force, what waits for a second person with what it would change, and every version there was."""
    return _ladders(request, session, person)


@router.post(f"{ADDRESS}/echelles")
def write_ladders(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    text: Annotated[str, Form(max_length=200_000)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """A further version, which counts once another person has activated it."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            row, flaws = ladder_versions.write_version(writing, workstation, text, reason, person)
    except NotOffered as error:
        return _ladders(request, session, person, str(error), text=text)
    except (BadLadders, BadTemplate, OSError) as error:
        return _ladders(request, session, person, "flawed", text=text, flaws=(str(error),))
    if row is None:
        return _ladders(request, session, person, "flawed", text=text, flaws=tuple(flaw.told(ladder_versions.NAME) for flaw in flaws))
    return desk.go_to(request, f"{ADDRESS}/echelles", "flash.ladders-written")


@router.post(f"{ADDRESS}/echelles/{{number}}")
def decide_ladders(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    number: int,
    act: Annotated[Literal["activate", "refuse", "back"], Form()],
    words: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """A second person puts a version in force or refuses it; or somebody asks for an older one again."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            row = ladder_versions.get_version(writing, workstation.settings.entity, number)
            if row is None:
                raise Unknown(str(number))
            if act == "activate":
                ladder_versions.activate(writing, workstation, row, person)
            elif act == "refuse":
                ladder_versions.refuse(writing, row, words, person, workstation.clock())
            else:
                ladder_versions.go_back(writing, workstation, row, words, person)
    except NotOffered as error:
        return _ladders(request, session, person, str(error))
    return desk.go_to(request, f"{ADDRESS}/echelles", f"flash.ladders-{act}")


def _ladders(
    request: Request, session: Session, person: Person, wrong: str = "", text: str | None = None, flaws: tuple[str, ...] = ()
) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    settings, trouble = workstation.settings, ""
    current, before = None, ""
    try:
        current = ladder_versions.in_force(session, settings.entity)
        before = current.text if current is not None else ladder_versions.filed_text(settings)[1]
        ladder_versions.filed(settings)
    except (BadLadders, BadTemplate, OSError, ValueError) as error:
        trouble = str(error)
    rows = ladder_versions.versions_of(session, settings.entity)
    who = people.logins_of(session, [each for row in rows for each in (row.made_by, row.activated_by or "", row.refused_by or "")])
    return desk.show(
        request,
        "dunning_ladders.html",
        422 if wrong else 200,
        trouble=trouble,
        wrong=wrong and t(f"ladders.wrong-{wrong}"),
        flaws=flaws,
        current=current,
        text=before if text is None else text,
        waiting=[_show_waiting(request, session, row, before, who, person, t) for row in ladder_versions.waiting(session, settings.entity)],
        versions=[_show_version(row, current, who, t) for row in rows],
    )


def _show_waiting(
    request: Request, session: Session, row: LadderVersion, before: str, who: dict[str, str], person: Person, t: Words
) -> dict[str, Any]:
    workstation = desk.workstation_of(request)
    effect = ""
    try:
        ladders = ladder_versions.proved(workstation.settings, row.name, row.text)
        moved = dunning.effect_of(session, workstation, ladders, dunning.today_of(workstation))
        effect = t("ladders.effect", changed=moved.changed, before=moved.before, after=moved.after)
    except (BadLadders, BadTemplate, OSError, NoBusinessDay) as error:
        effect = str(error)
    return {
        "id": row.id,
        "number": row.number,
        "reason": row.reason,
        "by": t("dunning.by", who=who.get(row.made_by, t("ladders.file")), at=t.moment(row.made_at)),
        "mine": row.made_by == person.pseudonym,
        "changes": ladder_versions.differences(before, row.text),
        "effect": effect,
    }


def _show_version(row: LadderVersion, current: LadderVersion | None, who: dict[str, str], t: Words) -> dict[str, Any]:
    state = "refused" if row.refused_at else "waiting" if row.active_from is None else "active" if row is current else "ended"
    return {
        "id": row.id,
        "number": row.number,
        "hash": row.sha256[:12],
        "state": t(f"ladders.state-{state}"),
        "tone": {"active": "good", "waiting": "watch", "refused": "bad"}.get(state, "calm"),
        "by": t("dunning.by", who=who.get(row.made_by, t("ladders.file")), at=t.moment(row.made_at)),
        "words": row.words or row.reason,
        "back": state in ("ended", "refused"),
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


@router.post(f"{ADDRESS}/courrier/{{number}}/{{what}}")
def proof_noted(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    number: int,
    what: Literal["depot", "reception"],
    tracking: Text = "",
    receipt: Text = "",
    day: Text = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """What came back from the post, with the provider's file: that it took the letter, or what became of it."""
    _sending(session, request, number)
    note = {"depot": postal.note_deposit, "reception": postal.note_receipt}[what]
    try:
        note(desk.workstation_of(request), number, _proof(day, file, tracking, receipt), person)
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
