"""Reminders at work: planned, shown before they leave, suspended by people, sent once, and what came of them.

Nothing is decided when it is planned: when a row of the agenda fires, balance, suspensions and calendar are read again, the letter is
written with what it says, and only then it leaves. What is written before it leaves (`sending`) has its Message-ID for good: who is
killed between sending and noting it sends the same again, which a mailbox shows once.
"""

import hashlib
import smtplib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from config.options import calendar_of
from config.settings import Settings
from sealing.ledger import Actor, Event
from station import agenda, mail
from station.acts import actor_of
from station.agenda import Due
from station.formal import Head, KeptPaper, dropped_unless_noted, keep_paper
from station.letters_out import Letters, claim_on, email_text, reminder_paper, write_reminder
from station.outbox import Undelivered
from station.records import dunning as records
from station.records import receivables
from station.records.intake import SYSTEM
from station.records.ledger import append_event, tree_of
from station.records.receivables import Listed
from station.records.tables import AgendaRow, Person, Sending, Suspension
from station.wording import BadTemplate, load_letters
from station.workstation import Workstation
from workflow.calendar import Calendar, NoBusinessDay
from workflow.claims import Claim
from workflow.dunning import Action, Channel, Left, Level, Rest, covers, forecast, next_action
from workflow.ladders import Ladders, load_ladders
from workflow.receivables import CLOSED, NOTHING, Standing, standing_of

KIND, BOUNCE, CALL = "dunning", "bounce", "call"
"""Kinds of the agenda: a level that is to leave; a person asked to mend what did not arrive; a person asked to telephone."""
SHIPPED = Path(__file__).parents[1] / "config" / "rules" / "relances.echelles.yaml"
SCOPES = ("item", "customer", "batch")
AHEAD = 90
"""Days that the calendar shows."""
MOST_REASON = 500


class BadLadders(ValueError):
    """The file of ladders is not admitted; the text says where and why."""


class NotPossible(Exception):
    """What was asked cannot be done; the text is a key under `dunning.wrong-…` of the words."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that decides about a company's reminders, read once."""

    ladders: Ladders
    calendar: Calendar
    rests: Sequence[Rest]
    sent: Mapping[str, tuple[Left, ...]]


@dataclass(frozen=True, slots=True)
class Coming:
    """A reminder that is to leave, with what it would ask for."""

    listed: Listed
    standing: Standing
    action: Action
    claim: Claim
    address: tuple[str, ...] = ()
    """E-mail addresses, or the lines of the postal one; empty: there is none, and a person is asked."""
    steps: tuple[Action, ...] = field(default=())


# --- what there is to know ---


def ladders_of(settings: Settings) -> Ladders:
    """The company's file, or the one that ships. Raises BadLadders, OSError, BadTemplate."""
    path = settings.home / settings.dunning.ladders if settings.dunning.ladders else SHIPPED
    return _proved(path.name, path.read_text(encoding="utf-8"), tuple(load_letters(settings)))


@lru_cache(maxsize=16)
def _proved(name: str, text: str, letters: tuple[str, ...]) -> Ladders:
    """Proving a file takes a tenth of a second, and a morning asks for it a thousand times."""
    loaded = load_ladders(text, letters)
    if loaded.ladders is None:
        raise BadLadders("\n".join(flaw.told(name) for flaw in loaded.flaws))
    return loaded.ladders


def book_of(session: Session, settings: Settings, entity: str, today: date, item: str | None = None) -> Book:
    """Of all items, or of one. Raises BadLadders, OSError, BadTemplate."""
    sent = records.sendings_by_item(session, entity, item)
    return Book(ladders_of(settings), calendar_of(settings), records.rests_of(session, entity, today), sent)


def today_of(workstation: Workstation) -> date:
    """The day by the company's own clock."""
    return workstation.clock().astimezone(ZoneInfo(workstation.settings.calendar.time_zone)).date()


def first_day(workstation: Workstation, today: date) -> date:
    """From which day on reminders are planned: once the hour of today's run has come, tomorrow, so that whatever leaves could be seen
    before it does."""
    zone, hour = ZoneInfo(workstation.settings.calendar.time_zone), workstation.settings.dunning.hour
    begins = datetime.combine(today, time(hour), zone)
    return today + timedelta(days=1) if workstation.clock() >= begins else today


def action_for(listed: Listed, book: Book, rows: Sequence[AgendaRow], today: date, first: date) -> Action | None:
    """The next reminder of an item: that of today's run where it is one of it and may still leave, else from `first` on. None, too, where
    a person is asked about it first. Raises NoBusinessDay."""
    begun = next_of(listed, book, today)
    if begun is None or any(row.state == agenda.OPEN and row.level == begun.level.name for row in rows):
        return None
    running = any(row.state == agenda.PLANNED and row.level == begun.level.name and row.day <= today.isoformat() for row in rows)
    return begun if running and begun.day <= today else next_of(listed, book, first)


def next_of(listed: Listed, book: Book, today: date) -> Action | None:
    """The next reminder of an item, today or later. Raises NoBusinessDay."""
    item = records.reminded(listed)
    ladder = book.ladders.chosen(listed.customer.regime, listed.customer.ladder)
    if ladder is None:
        return None
    standing = standing_of(listed.item, listed.events, today)
    return next_action(item, standing, ladder, book.sent.get(item.id, ()), book.rests, book.calendar, today)


def preview(session: Session, workstation: Workstation, today: date, day: date, first: date | None = None) -> list[Coming]:
    """What leaves until a day if nothing changes until then, by day and customer. `first`: in place of the first day that can be planned.

    Raises BadLadders, BadTemplate, OSError, NoBusinessDay.
    """
    settings = workstation.settings
    entity, first = settings.entity, first or first_day(workstation, today)
    book, rows = book_of(session, settings, entity, today), _rows_by_item(session, entity)
    found = list[Coming]()
    for listed in receivables.list_items(session, entity):
        action = action_for(listed, book, rows.get(str(listed.row.id), ()), today, first)
        if action is not None and action.day <= day:
            found.append(_coming(session, listed, action, settings, max(action.day, today)))
    return sorted(found, key=lambda each: (each.action.day, each.listed.customer.name, each.listed.row.number))


def _rows_by_item(session: Session, entity: str) -> dict[str, list[AgendaRow]]:
    rows = dict[str, list[AgendaRow]]()
    for row in (*agenda.planned(session, entity, KIND), *agenda.open_rows(session, entity, KIND)):
        rows.setdefault(row.object, []).append(row)
    return rows


def _coming(session: Session, listed: Listed, action: Action, settings: Settings, day: date) -> Coming:
    standing = standing_of(listed.item, listed.events, day)
    return Coming(listed, standing, action, claim_on(listed, standing, settings, day), address_of(session, listed, action.level.channel))


def address_of(session: Session, listed: Listed, channel: Channel) -> tuple[str, ...]:
    """Where a channel reaches the customer; empty where the register does not say."""
    customer = listed.customer
    if channel is Channel.EMAIL:
        return tuple(each for each in receivables.addresses_of(session, customer) if mail.ADDRESS.fullmatch(each))
    if channel is Channel.CALL:
        return (customer.phone,) if customer.phone else ()
    lines = [line.strip() for line in customer.address.replace(";", "\n").splitlines() if line.strip()]
    contact = [customer.contact] if customer.contact else []
    return tuple([customer.name, *contact, *lines][:6]) if lines else ()


def calendar_ahead(session: Session, workstation: Workstation, today: date, days: int = AHEAD) -> list[Coming]:
    """Every reminder of the coming days if nothing is paid and nobody does anything. Raises as `preview`."""
    settings = workstation.settings
    book, until = book_of(session, settings, settings.entity, today), today + timedelta(days=days)
    rows, first, found = _rows_by_item(session, settings.entity), first_day(workstation, today), list[Coming]()
    for listed in receivables.list_items(session, settings.entity):
        item = records.reminded(listed)
        ladder = book.ladders.chosen(listed.customer.regime, listed.customer.ladder)
        standing = standing_of(listed.item, listed.events, today)
        action = action_for(listed, book, rows.get(item.id, ()), today, first)
        if ladder is None or action is None:
            continue
        begin = min(action.day, first)
        steps = forecast(item, standing, ladder, book.sent.get(item.id, ()), book.rests, book.calendar, begin, until)
        claim = Claim(standing.balance, None, NOTHING, today)
        found += [Coming(listed, standing, each, claim) for each in steps]
    return sorted(found, key=lambda each: (each.action.day, each.listed.customer.name, each.listed.row.number))


# --- planning ---


def plan_reminders(workstation: Workstation, today: date) -> int:
    """The agenda's rows brought to what is known now; how many changed. Raises BadLadders, BadTemplate, OSError, NoBusinessDay."""
    with workstation.database.reading() as session:
        changed = [listed.row.id for listed, *_ in _differences(session, workstation, None, today)]
        idle = _idle_chores(session, workstation.settings.entity, today)
    if not changed and not idle:
        return 0
    with workstation.database.writing() as session:
        for row in _idle_chores(session, workstation.settings.entity, today):
            agenda.settle(session, row.id, agenda.DROPPED, "closed", workstation.clock())
        return replan(session, workstation, changed, today)


def _idle_chores(session: Session, entity: str, today: date) -> list[AgendaRow]:
    """Calls and mending that nobody needs any more: nothing is open there."""
    found = list[AgendaRow]()
    for row in (*agenda.open_rows(session, entity, CALL), *agenda.open_rows(session, entity, BOUNCE)):
        listed = receivables.listed_one(session, entity, int(row.object))
        if listed is None or standing_of(listed.item, listed.events, today).state in CLOSED:
            found.append(row)
    return found


def replan(session: Session, workstation: Workstation, items: Iterable[int], today: date) -> int:
    """The rows of these items, in the caller's transaction; how many changed. Raises as `plan_reminders`."""
    entity, now, count = workstation.settings.entity, workstation.clock(), 0
    for listed, action, rows in _differences(session, workstation, frozenset(items), today):
        keep = action.level.name if action else ""
        for row in rows:
            if row.level != keep:
                why = standing_of(listed.item, listed.events, today).why_not or "replaced"
                _drop_row(session, entity, row.id, why, now)
        if action is not None:
            agenda.plan(
                session, entity, KIND, str(listed.row.id), action.day, action.level.title, at=now, level=keep,
                told={"channel": str(action.level.channel)}, suspended_until=action.rest.ends if action.rest else None,
            )  # fmt: skip
        count += 1
    return count


def _differences(
    session: Session, workstation: Workstation, only: frozenset[int] | None, today: date
) -> list[tuple[Listed, Action | None, list[AgendaRow]]]:
    """Items whose rows are not what they should be, with the reminder that should be planned."""
    settings = workstation.settings
    entity, first = settings.entity, first_day(workstation, today)
    book, rows = book_of(session, settings, entity, today), _rows_by_item(session, entity)
    found = list[tuple[Listed, Action | None, list[AgendaRow]]]()
    for listed in receivables.list_items(session, entity):
        if only is not None and listed.row.id not in only:
            continue
        mine = rows.get(str(listed.row.id), [])
        action = action_for(listed, book, mine, today, first)
        if action is None and _is_asked(listed, book, mine, today):
            continue
        if not _agree(action, mine):
            found.append((listed, action, mine))
    return found


def _is_asked(listed: Listed, book: Book, rows: Sequence[AgendaRow], today: date) -> bool:
    """Whether a person is asked about the very level that would leave."""
    begun = next_of(listed, book, today)
    return begun is not None and [row.level for row in rows if row.state == agenda.OPEN] == [begun.level.name] == [
        row.level for row in rows
    ]


def _agree(action: Action | None, rows: Sequence[AgendaRow]) -> bool:
    if action is None:
        return not rows
    until = action.rest.ends.isoformat() if action.rest else None
    day = action.day.isoformat()
    # A row of today's run keeps the day that it had, also where that is over.
    return [(row.level, max(row.day, day), row.suspended_until) for row in rows] == [(action.level.name, day, until)]


# --- leaving ---


def remind(workstation: Workstation, due: Due, today: date) -> None:
    """A `station.agenda.Action`: one level of one item leaves, if it still may. Raises what an `outbox.Sender` raises."""
    begun = _begin(workstation, due, today)
    if begun is None:
        return
    sending, number = begun
    match Channel(sending.channel):
        case Channel.EMAIL:
            _send_email(workstation, due, sending)
        case Channel.LETTER | Channel.REGISTERED:
            _keep_letter(workstation, due, sending, number)
        case Channel.CALL:
            with workstation.database.writing() as session:
                told = {"sending": sending.id}
                row = agenda.plan(session, due.entity, CALL, due.object, today, "call", at=workstation.clock(), level=due.level, told=told)
                agenda.settle(session, row.id, agenda.OPEN, "call", workstation.clock())
                _settle(session, workstation, due, sending.id, records.ASKED)


def _begin(workstation: Workstation, due: Due, today: date) -> tuple[Sending, str] | None:
    """Everything read again; what is to leave, written down before it does. None where nothing leaves: the row is settled then."""
    settings, now = workstation.settings, workstation.clock()
    if not settings.dunning.active:
        raise Undelivered("les relances sont arrêtées ([dunning] active) / reminders are switched off ([dunning] active)")
    try:
        letters = load_letters(settings)
    except (BadTemplate, OSError) as error:
        raise Undelivered(f"un modèle de lettre n'est pas admis : {error} / a letter's template is not admitted") from error
    with workstation.database.writing() as session:
        still = agenda.still_due(session, due.id, due.revision, today)
        if still is None:
            return None
        listed = receivables.listed_one(session, due.entity, int(due.object))
        before = records.find_sending(session, due.entity, due.object, due.level)
        action = None if listed is None else _still_due(session, settings, listed, due, today)
        if before is not None and before.state != records.LEAVING:
            agenda.settle(session, due.id, agenda.DONE, "sent", now)
            return None
        if listed is None or action is None or action.level.name != due.level or action.day > today:
            why = "gone" if listed is None else standing_of(listed.item, listed.events, today).why_not
            _drop_row(session, due.entity, due.id, why or "replaced", now)
            return None
        if before is not None:
            return before, listed.row.number
        address = address_of(session, listed, action.level.channel)
        if not address and action.level.channel is not Channel.CALL:
            agenda.settle(session, due.id, agenda.OPEN, "no-address", now)
            return None
        sending = _write(session, settings, due, listed, action.level, letters, address, today, workstation)
        return sending, listed.row.number


def _still_due(session: Session, settings: Settings, listed: Listed, due: Due, today: date) -> Action | None:
    try:
        book = book_of(session, settings, due.entity, today, due.object)
        return next_of(listed, book, today)
    except (BadLadders, OSError, NoBusinessDay) as error:
        raise Undelivered(f"les échelles ou le calendrier ne sont pas admis : {error} / ladders or calendar are not admitted") from error


def _drop_row(session: Session, entity: str, number: int, why: str, at: datetime) -> None:
    """It is not to be reminded any more, or not now. Where an e-mail may have left before a process died, that is said."""
    row = session.get_one(AgendaRow, number)
    begun = records.find_sending(session, entity, row.object, row.level)
    if begun is not None and begun.state == records.LEAVING:
        if begun.channel == Channel.EMAIL:
            begun.state, begun.note = records.UNSURE, why
        else:
            session.delete(begun)
    agenda.settle(session, number, agenda.DROPPED, why, at)


def _write(
    session: Session,
    settings: Settings,
    due: Due,
    listed: Listed,
    level: Level,
    letters: Letters,
    address: tuple[str, ...],
    today: date,
    workstation: Workstation,
) -> Sending:
    standing = standing_of(listed.item, listed.events, today)
    claim = claim_on(listed, standing, settings, today)
    subject, body, computation = level.title, "", dict[str, object]()
    if level.letter:
        try:
            written = write_reminder(listed, standing, claim, level, letters, settings, today)
        except (BadTemplate, KeyError) as error:
            raise Undelivered(f"le modèle « {level.letter} » n'est pas admis : {error} / its template is not admitted") from error
        subject, body, computation = written.subject, written.body, written.computation
    host = settings.mail.sender.rpartition("@")[2] or "sceau.invalid"
    sending = Sending(
        entity=due.entity, item_id=due.object, customer=str(listed.row.customer_id), level=due.level, channel=str(level.channel),
        agenda_id=due.id, revision=due.revision, message_id=f"<agenda.{due.id}.{due.revision}@{host}>", state=records.LEAVING,
        recipient=("," if level.channel is Channel.EMAIL else "\n").join(address), language=listed.customer.language,
        subject=f"[ESSAI] {subject}" if workstation.practice and level.channel is Channel.EMAIL else subject, body=body,
        balance=f"{claim.balance:.2f}", interest=f"{claim.accrued:.2f}", indemnity=f"{claim.indemnity:.2f}", computation=computation,
        rules=ladders_of(settings).version, begun_at=workstation.clock(), actor=agenda.SYSTEM,
    )  # fmt: skip
    session.add(sending)
    session.flush()
    return sending


def message_of(settings: Settings, sending: Sending) -> EmailMessage:
    """The same at every try. EmailMessage refuses headers that hold a line break."""
    message = EmailMessage()
    message["From"], message["To"] = settings.mail.sender, ", ".join(sending.recipient.split(","))
    message["Subject"] = sending.subject
    message["Date"] = format_datetime(sending.begun_at)
    message["Message-ID"] = sending.message_id
    message.set_content(email_text(sending))
    return message


def _send_email(workstation: Workstation, due: Due, sending: Sending) -> None:
    try:
        mail.send_message(workstation.settings.mail, message_of(workstation.settings, sending))
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        if code not in range(500, 600):
            raise
        with workstation.database.writing() as session:
            _settle(session, workstation, due, sending.id, records.BOUNCED)
            note_bounce(session, workstation, session.get_one(Sending, sending.id), f"{code} {words!r}"[:300], None)
        return
    with workstation.database.writing() as session:
        _settle(session, workstation, due, sending.id, records.SENT)


def _keep_letter(workstation: Workstation, due: Due, sending: Sending, number: str) -> None:
    with workstation.database.reading() as session:
        head = Head(due.entity, tree_of(session, due.entity))
    paper = reminder_paper(sending, due.entity, number, workstation.settings, sending.begun_at)
    kept = keep_paper(workstation, paper, head)
    with dropped_unless_noted(workstation, kept), workstation.database.writing() as session:
        _settle(session, workstation, due, sending.id, records.QUEUED, kept)


def _settle(
    session: Session, workstation: Workstation, due: Due, number: int, state: str, kept: KeptPaper | None = None, actor: Actor = SYSTEM
) -> None:
    """State, agenda and ledger together, in the caller's transaction."""
    now, sending = workstation.clock(), session.get_one(Sending, number)
    sending.state, sending.left_at = state, now
    sending.sha256 = kept.sha256 if kept else None
    agenda.settle(session, due.id, agenda.DONE, "sent", now)
    objects = {"item": sending.item_id} | ({"letter": kept.sha256} if kept else {})
    told = {
        "act": "reminded", "level": sending.level, "channel": sending.channel, "message": sending.message_id, "balance": sending.balance,
        "interest": sending.interest, "indemnity": sending.indemnity, "rules": sending.rules, "state": state,
        "text": _text_hash(sending), "agenda": due.id, "revision": due.revision,
    }  # fmt: skip
    append_event(session, Event(due.entity, "reminder", objects, actor, now, "system", told))


def _text_hash(sending: Sending) -> str:
    return hashlib.sha256(f"{sending.recipient}\n{sending.subject}\n\n{email_text(sending)}".encode()).hexdigest()


# --- what people do ---


def suspend(
    session: Session, workstation: Workstation, scope: str, values: Sequence[str], reason: str, ends: date, person: Person
) -> list[Suspension]:
    """Reminders rest through `ends`; several items at once are several suspensions. Raises NotPossible."""
    entity, now, today = workstation.settings.entity, workstation.clock(), today_of(workstation)
    if scope not in SCOPES or not values:
        raise NotPossible("scope")
    if not reason.strip():
        raise NotPossible("reason")
    if not today <= ends <= today + timedelta(days=366):
        raise NotPossible("ends")
    items = receivables.list_items(session, entity)
    rows, touched = list[Suspension](), set[int]()
    for value in dict.fromkeys(values):
        rest = Rest(scope, value, today, ends)
        mine = {listed.row.id for listed in items if covers(rest, records.reminded(listed))}
        if not mine:
            raise NotPossible("unknown")
        touched |= mine
        row = Suspension(
            entity=entity, scope=scope, value=value, reason=reason.strip()[:MOST_REASON], starts=today.isoformat(), ends=ends.isoformat(),
            actor=person.pseudonym, at=now,
        )  # fmt: skip
        session.add(row)
        rows.append(row)
    session.flush()
    replan(session, workstation, touched, today)
    for row in rows:
        told = {"act": "suspended", "suspension": row.id, "reason": row.reason, "until": row.ends, "items": len(touched)}
        append_event(session, Event(entity, "reminder", {row.scope: row.value}, actor_of(person), now, "system", told))
    return rows


def resume(session: Session, workstation: Workstation, number: int, reason: str, person: Person) -> None:
    """A suspension ends before its day. Raises NotPossible."""
    entity, now, today = workstation.settings.entity, workstation.clock(), today_of(workstation)
    row = records.get_suspension(session, entity, number)
    if row is None:
        raise NotPossible("unknown")
    if not reason.strip():
        raise NotPossible("reason")
    row.lifted_at, row.lifted_by, row.lifted_reason = now, person.pseudonym, reason.strip()[:MOST_REASON]
    session.flush()
    rest = records.rest_of(row)
    touched = [listed.row.id for listed in receivables.list_items(session, entity) if covers(rest, records.reminded(listed))]
    replan(session, workstation, touched, today)
    told = {"act": "resumed", "suspension": row.id, "reason": row.lifted_reason}
    append_event(session, Event(entity, "reminder", {row.scope: row.value}, actor_of(person), now, "system", told))


def note_bounce(session: Session, workstation: Workstation, sending: Sending, why: str, person: Person | None) -> None:
    """An e-mail came back: a person is asked to mend the address or to find another way. Silence is no answer."""
    now = workstation.clock()
    if sending.state not in (records.SENT, records.BOUNCED, records.UNSURE):
        raise NotPossible("state")
    sending.state, sending.note = records.BOUNCED, why.strip()[:MOST_REASON]
    told = {"sending": sending.id}
    row = agenda.plan(session, sending.entity, BOUNCE, sending.item_id, now.date(), "bounced", at=now, level=sending.level, told=told)
    agenda.settle(session, row.id, agenda.OPEN, "bounced", now)
    actor = SYSTEM if person is None else actor_of(person)
    payload = {"act": "bounced", "level": sending.level, "message": sending.message_id, "reason": sending.note}
    append_event(session, Event(sending.entity, "reminder", {"item": sending.item_id}, actor, now, "system", payload))


def finish_chore(session: Session, workstation: Workstation, number: int, note: str, person: Person, *, again: bool = False) -> None:
    """A person did what the agenda asked: telephoned, mended an address, found another way. `again`: an e-mail that found no address is
    planned once more; one that left stays what it was, for no level leaves twice. Raises NotPossible."""
    entity, now = workstation.settings.entity, workstation.clock()
    row = agenda.get_row(session, entity, number)
    if row is None or row.state != agenda.OPEN or row.kind not in (KIND, BOUNCE, CALL):
        raise NotPossible("unknown")
    if not note.strip():
        raise NotPossible("note")
    if again and row.kind == KIND:
        agenda.settle(session, row.id, agenda.PLANNED, note.strip()[:MOST_REASON], now, person.pseudonym)
        row.revision, row.settled_at = row.revision + 1, None
    else:
        agenda.settle(session, row.id, agenda.DONE, note.strip()[:MOST_REASON], now, person.pseudonym)
        if row.kind == KIND:
            _count_handled(session, workstation, row, person)
    told = {"act": "handled", "kind": row.kind, "level": row.level, "note": note.strip()[:MOST_REASON], "again": again}
    append_event(session, Event(entity, "reminder", {"item": row.object}, actor_of(person), now, "system", told))


def _count_handled(session: Session, workstation: Workstation, row: AgendaRow, person: Person) -> None:
    """A level that a person saw to in another way is done: the ladder goes on from it."""
    listed = receivables.listed_one(session, row.entity, int(row.object))
    if listed is None or records.find_sending(session, row.entity, row.object, row.level) is not None:
        return
    standing = standing_of(listed.item, listed.events, today_of(workstation))
    sending = Sending(
        entity=row.entity, item_id=row.object, customer=str(listed.row.customer_id), level=row.level, channel=str(row.told["channel"]),
        agenda_id=row.id, revision=row.revision, message_id="", state=records.ASKED, recipient="", language=listed.customer.language,
        subject=_title_of(workstation, listed, row.level), body="", balance=f"{standing.balance:.2f}", interest="0.00",
        indemnity="0.00", computation={},
        rules=ladders_of(workstation.settings).version, begun_at=workstation.clock(), left_at=workstation.clock(),
        actor=person.pseudonym, note=row.reason,
    )  # fmt: skip
    session.add(sending)


def _title_of(workstation: Workstation, listed: Listed, level: str) -> str:
    ladder = ladders_of(workstation.settings).chosen(listed.customer.regime, listed.customer.ladder)
    return next((each.title for each in ladder.levels if each.name == level), level) if ladder else level
