"""Reminders at work: planned, shown before they leave, suspended by people, sent once, and what came of them.

Nothing is decided when it is planned: when a row of the agenda fires, balance, suspensions and calendar are read again, the letter is
written down (`sending`), and only then it leaves. Where it surely did not, what was written goes, and the next try reads and writes anew.
Where it may have left, and nobody noted it, the same leaves again under the same Message-ID, which a mailbox shows once, as long as it
still says what is owed; else nothing leaves, and a person is asked.
"""

import hashlib
import smtplib
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.options import calendar_of
from config.settings import Settings
from sealing.ledger import Event
from station import agenda, ladder_versions, mail
from station.acts import actor_of
from station.agenda import Due
from station.formal import Head, KeptPaper, dropped_unless_noted, keep_paper
from station.ladder_versions import BadLadders
from station.letters_out import (
    Letters,
    Part,
    Written,
    claim_on,
    computation_of,
    email_text,
    house_of,
    mention_of,
    reminder_paper,
    write_letter,
)
from station.outbox import Undelivered
from station.rates import rates_of
from station.records import dunning as records
from station.records import receivables
from station.records.intake import SYSTEM
from station.records.ledger import append_event, first_entry, tree_of
from station.records.receivables import Listed
from station.records.tables import AgendaRow, Person, Sending, Suspension
from station.wording import BadTemplate, load_letters
from station.workstation import Workstation
from workflow.calendar import Calendar, NoBusinessDay, move_later
from workflow.claims import Claim
from workflow.dunning import Action, Channel, Ladder, Left, Reminded, Rest, covers, forecast, gather, gathered, next_action
from workflow.interest import Rates
from workflow.ladders import Ladders
from workflow.receivables import CLOSED, NOTHING, Standing, standing_of

KIND, BOUNCE, CALL, DOUBT = "dunning", "bounce", "call", "unsure"
"""Kinds of the agenda: a level that is to leave; a person asked to mend what did not arrive; to telephone; to see whether an e-mail that
may have left did."""
CHORES = (BOUNCE, KIND, CALL, DOUBT)
AFTERWARDS = (BOUNCE, CALL, DOUBT)
"""Chores about what is settled: the level itself counts as done."""
SCOPES = ("item", "customer", "batch")
AHEAD = 90
"""Days that the calendar shows."""
MOST_REASON = 500


class NotPossible(Exception):
    """What was asked cannot be done; the text is a key under `dunning.wrong-…` of the words."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that decides about a company's reminders, read once."""

    ladders: Ladders
    calendar: Calendar
    rests: Sequence[Rest]
    sent: Mapping[str, tuple[Left, ...]]
    settings: Settings

    def ladder_of(self, listed: Listed) -> Ladder | None:
        return self.ladders.chosen(listed.customer.regime, listed.customer.ladder)

    def reminded(self, listed: Listed) -> Reminded:
        return records.reminded(listed, mention_of(listed, self.settings))


@dataclass(frozen=True, slots=True)
class Coming:
    """A reminder that is to leave, with what it would ask for."""

    listed: Listed
    standing: Standing
    action: Action
    claim: Claim
    address: tuple[str, ...] = ()
    """E-mail addresses, or the lines of the postal one; empty: there is none, and a person is asked."""
    together: bool = False
    """It leaves in one letter with what else the customer owes at this level that day."""


# --- what there is to know ---


def ladders_of(session: Session, settings: Settings) -> Ladders:
    """Those in force; before any version is, the company's file, or the one that ships. Raises BadLadders, OSError, BadTemplate."""
    row = ladder_versions.in_force(session, settings.entity)
    return ladder_versions.proved(settings, row.name, row.text) if row is not None else ladder_versions.filed(settings)


def book_of(session: Session, settings: Settings, entity: str, today: date, items: Collection[str] | None = None) -> Book:
    """Of all items, or of some. Raises BadLadders, OSError, BadTemplate."""
    sent = records.sendings_by_item(session, entity, items)
    return Book(ladders_of(session, settings), calendar_of(settings), records.rests_of(session, entity, today), sent, settings)


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
    item, ladder = book.reminded(listed), book.ladder_of(listed)
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
    book, rows, rates = book_of(session, settings, entity, today), _rows_by_item(session, entity), rates_of(session, entity)
    found = list[Coming]()
    for listed in receivables.list_items(session, entity):
        action = action_for(listed, book, rows.get(str(listed.row.id), ()), today, first)
        if action is not None and action.day <= day:
            part, ladder = _part_of(listed, settings, rates, max(action.day, today)), book.ladder_of(listed)
            address = address_of(session, listed, action.level.channel)
            found.append(Coming(listed, part.standing, action, part.claim, address, together=ladder is not None and ladder.together))
    return sorted(found, key=lambda each: (each.action.day, each.listed.customer.name, each.listed.row.number))


def _rows_by_item(session: Session, entity: str) -> dict[str, list[AgendaRow]]:
    rows = dict[str, list[AgendaRow]]()
    for row in (*agenda.planned(session, entity, KIND), *agenda.open_rows(session, entity, KIND)):
        rows.setdefault(row.object, []).append(row)
    return rows


def letters_among(found: Sequence[Coming]) -> list[list[Coming]]:
    """As they leave: each alone, or what a customer owes at one level on one day in one letter."""
    return [list(letter) for letter in gathered(found, lambda each: each.action, lambda each: each.together)]


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


def calendar_ahead(
    session: Session, workstation: Workstation, today: date, days: int = AHEAD, ladders: Ladders | None = None
) -> list[Coming]:
    """Every reminder of the coming days if nothing is paid and nobody does anything. `ladders`: as if these were in force.

    Raises as `preview`.
    """
    settings = workstation.settings
    book, until = book_of(session, settings, settings.entity, today), today + timedelta(days=days)
    book = book if ladders is None else replace(book, ladders=ladders)
    rows, first, found = _rows_by_item(session, settings.entity), first_day(workstation, today), list[Coming]()
    for listed in receivables.list_items(session, settings.entity):
        item, ladder = book.reminded(listed), book.ladder_of(listed)
        standing = standing_of(listed.item, listed.events, today)
        action = action_for(listed, book, rows.get(item.id, ()), today, first)
        if ladder is None or action is None:
            continue
        begin = min(action.day, first)
        steps = forecast(item, standing, ladder, book.sent.get(item.id, ()), book.rests, book.calendar, begin, until)
        claim = Claim(standing.balance, None, NOTHING, today)
        found += [Coming(listed, standing, each, claim, together=ladder.together) for each in steps]
    return sorted(found, key=lambda each: (each.action.day, each.listed.customer.name, each.listed.row.number))


# --- planning ---


def plan_reminders(workstation: Workstation, today: date) -> int:
    """The agenda's rows brought to what is known now; how many changed. Raises BadLadders, BadTemplate, OSError, NoBusinessDay."""
    ladder_versions.install(workstation)
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
    for row in (each for kind in AFTERWARDS for each in agenda.open_rows(session, entity, kind)):
        sending = records.get_sending(session, entity, int(row.told.get("sending", 0)))
        items = [int(each.item_id) for each in records.members_of(session, sending)] if sending else [int(row.object)]
        if not any(_is_open(session, entity, item, today) for item in items):
            found.append(row)
    return found


def _is_open(session: Session, entity: str, item: int, today: date) -> bool:
    listed = receivables.listed_one(session, entity, item)
    return listed is not None and standing_of(listed.item, listed.events, today).state not in CLOSED


def replan(session: Session, workstation: Workstation, items: Iterable[int], today: date) -> int:
    """The rows of these items, in the caller's transaction; how many changed. Raises as `plan_reminders`."""
    entity, now, count = workstation.settings.entity, workstation.clock(), 0
    for listed, action, rows in _differences(session, workstation, frozenset(items), today):
        keep = action.level.name if action else ""
        for row in rows:
            if row.level != keep:
                why = standing_of(listed.item, listed.events, today).why_not or "replaced"
                _drop_row(session, workstation, row.id, why)
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
        if not _agree(action, mine, today):
            found.append((listed, action, mine))
    return found


def _is_asked(listed: Listed, book: Book, rows: Sequence[AgendaRow], today: date) -> bool:
    """Whether a person is asked about the very level that would leave."""
    begun = next_of(listed, book, today)
    return begun is not None and [row.level for row in rows if row.state == agenda.OPEN] == [begun.level.name] == [
        row.level for row in rows
    ]


def _agree(action: Action | None, rows: Sequence[AgendaRow], today: date) -> bool:
    if action is None:
        return not rows
    until = action.rest.ends.isoformat() if action.rest else None
    day = action.day.isoformat()
    # A row of today's run keeps the day that it had, also where that is over; one of a later day moves where its ladder did.
    now = today.isoformat()
    days = [max(row.day, day) if row.day <= now else row.day for row in rows]
    return [(row.level, each, row.suspended_until) for row, each in zip(rows, days, strict=True)] == [(action.level.name, day, until)]


# --- leaving ---


@dataclass(frozen=True, slots=True)
class Begun:
    """A letter that was written down and is not settled yet, with the invoices' numbers; the first sending bears its text."""

    sendings: tuple[Sending, ...]
    numbers: tuple[str, ...]
    fresh: bool = False
    """Written down by this very try: no other can have sent it."""

    @property
    def first(self) -> Sending:
        return self.sendings[0]


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing leaves by this order: its row was settled, or moved to another day."""

    words: str
    """Why, in French and English, as the outbox says it."""


_WHY_STOPPED = {
    "older": "un ordre plus récent l'a remplacée / a newer order replaced it",
    "moved": "reportée au prochain jour possible / moved to the next possible day",
    "closed": "il n'y a plus lieu de relancer / there is nothing to remind of any more",
    "unsure": "peut-être déjà partie : une personne est chargée de vérifier / it may have left: a person is asked",
    "no-address": "aucune adresse : une personne est chargée de la trouver / no address: a person is asked",
}


@dataclass(frozen=True, slots=True)
class Fired:
    """An item whose level is due now, with its row of the agenda."""

    row: AgendaRow
    listed: Listed
    action: Action


def remind(workstation: Workstation, due: Due, today: date) -> None:
    """A `station.agenda.Action`: one level of one item leaves, if it still may; where its ladder says so, with all that the same customer
    owes at that level. Raises what an `outbox.Sender` raises."""
    begun = _begin(workstation, due, today)
    if begun is None:
        return
    if isinstance(begun, Stopped):
        raise Undelivered(begun.words, dropped=True)
    match Channel(begun.first.channel):
        case Channel.EMAIL:
            _send_email(workstation, begun)
        case Channel.LETTER | Channel.REGISTERED:
            _keep_letter(workstation, begun)
        case Channel.CALL:
            with workstation.database.writing() as session:
                _ask_person(session, workstation, CALL, begun.first, "call")
                _settle(session, workstation, begun, records.ASKED)


def _begin(workstation: Workstation, due: Due, today: date) -> Begun | Stopped | None:
    """Everything read again; what is to leave, written down before it does. None where it has left."""
    settings, now = workstation.settings, workstation.clock()
    if not settings.dunning.active:
        raise Undelivered("les relances sont arrêtées ([dunning] active) / reminders are switched off ([dunning] active)")
    try:
        letters = load_letters(settings)
    except (BadTemplate, OSError) as error:
        raise Undelivered(f"un modèle de lettre n'est pas admis : {error} / a letter's template is not admitted") from error
    with workstation.database.writing() as session:
        if agenda.still_due(session, due.id, due.revision, today) is None:
            return Stopped(_WHY_STOPPED["older"])
        listed = receivables.listed_one(session, due.entity, int(due.object))
        before = records.find_sending(session, due.entity, due.object, due.level)
        if before is not None and before.state != records.LEAVING:
            agenda.settle(session, due.id, agenda.DONE, "sent", now)
            return None
        if listed is None:
            _drop_row(session, workstation, due.id, "gone")
            return Stopped(_WHY_STOPPED["closed"])
        found, action = _fired_with(session, settings, listed, due, today)
        mine = next((each for each in found if each.row.id == due.id), None)
        if mine is None:
            return _stop_row(session, workstation, listed, due, action, today)
        again = _begun_before(session, workstation, before, due, found, today) if before is not None else None
        return again or _begin_anew(session, workstation, mine, found, letters, today)


def _begin_anew(
    session: Session, workstation: Workstation, mine: Fired, found: Sequence[Fired], letters: Letters, today: date
) -> Begun | Stopped:
    address = address_of(session, mine.listed, mine.action.level.channel)
    if not address and mine.action.level.channel is not Channel.CALL:
        _ask_for(session, workstation, mine.row.id, "no-address")
        return Stopped(_WHY_STOPPED["no-address"])
    return _write(session, workstation, _together(session, workstation.settings, mine, found), letters, address, today)


def _stop_row(session: Session, workstation: Workstation, listed: Listed, due: Due, action: Action | None, today: date) -> Stopped:
    """Where only the day is wrong the row moves, with another revision and all its tries, and what was begun stays; else it is dropped."""
    if action is not None and action.level.name == due.level:
        agenda.plan(
            session, due.entity, KIND, due.object, action.day, action.level.title, at=workstation.clock(), level=due.level,
            told={"channel": str(action.level.channel)}, suspended_until=action.rest.ends if action.rest else None,
        )  # fmt: skip
        return Stopped(_WHY_STOPPED["moved"])
    _drop_row(session, workstation, due.id, standing_of(listed.item, listed.events, today).why_not or "replaced")
    return Stopped(_WHY_STOPPED["closed" if action is None else "older"])


def _fired_with(session: Session, settings: Settings, listed: Listed, due: Due, today: date) -> tuple[list[Fired], Action | None]:
    """Of this customer every item with a row of this level that is due today and may still leave, each read again; and what is next of
    the one item that was asked for, whenever it is."""
    entity = due.entity
    try:
        ladder = ladders_of(session, settings).chosen(listed.customer.regime, listed.customer.ladder)
        rows = {row.object: row for row in agenda.due_rows(session, entity, today, (KIND,), due.level)}
        mine = [listed]
        if ladder is not None and ladder.together:
            others = receivables.items_of_customer(session, entity, listed.row.customer_id, [int(each) for each in rows])
            mine = [listed if each.row.id == listed.row.id else each for each in others]
        mine = [each for each in mine if str(each.row.id) in rows]
        book = book_of(session, settings, entity, today, [str(each.row.id) for each in mine])
        found = [(each, next_of(each, book, today)) for each in mine]
    except (BadLadders, OSError, NoBusinessDay) as error:
        raise Undelivered(f"les échelles ou le calendrier ne sont pas admis : {error} / ladders or calendar are not admitted") from error
    fired = [
        Fired(rows[str(each.row.id)], each, action)
        for each, action in found
        if action is not None and action.level.name == due.level and action.day <= today
    ]
    return fired, next((action for each, action in found if each.row.id == listed.row.id), None)


def _together(session: Session, settings: Settings, mine: Fired, found: Sequence[Fired]) -> list[Fired]:
    """What leaves in one letter with this item; what another letter has begun stays there."""
    ladder = ladders_of(session, settings).chosen(mine.listed.customer.regime, mine.listed.customer.ladder)
    free = {
        each.action.item.id: each
        for each in found
        if each is mine or records.find_sending(session, each.row.entity, each.row.object, each.row.level) is None
    }
    if ladder is None:
        return [mine]
    # All leave now, whatever day each was planned for: who is behind by a day is not written to twice.
    same = [replace(each.action, day=mine.action.day) for each in free.values()]
    letter = next(each for each in gather(same, ladder) if mine.action.item in [action.item for action in each])
    return [free[action.item.id] for action in letter]


def _begun_before(
    session: Session, workstation: Workstation, before: Sending, due: Due, found: Sequence[Fired], today: date
) -> Begun | Stopped | None:
    """A letter that was written down and not settled, and may have left: it leaves as it stands, with its Message-ID, where all of it may
    still leave and is still owed.

    Where that is not so of an item, an e-mail may have left and no other follows it: a person is asked. Paper has not left the house and
    is written anew. None: there is nothing begun any more.
    """
    members = records.members_of(session, before)
    due_now = {each.row.object: each for each in found if _owes_still(each, members, today)}
    if all(each.state == records.LEAVING and each.item_id in due_now for each in members):
        if before.id != members[0].id:
            raise Undelivered("elle part avec une autre facture du même client / it leaves with another invoice of the same customer")
        return Begun(tuple(members), tuple(due_now[each.item_id].listed.row.number for each in members))
    _end_begun(session, workstation, before, "unsure")
    if before.channel != Channel.EMAIL:
        return None
    agenda.settle(session, due.id, agenda.DONE, "unsure", workstation.clock())
    return Stopped(_WHY_STOPPED["unsure"])


def _owes_still(fired: Fired, members: Sequence[Sending], today: date) -> bool:
    """Whether what was written asks for what is owed now."""
    written = next((each.balance for each in members if each.item_id == fired.row.object), None)
    return written is None or Decimal(written) == standing_of(fired.listed.item, fired.listed.events, today).balance


def _end_begun(session: Session, workstation: Workstation, begun: Sending, why: str) -> None:
    """A letter that was begun does not leave. Where an e-mail may have left, that is said of each of its invoices, and a person is asked
    once: nobody would know else whether the customer has it."""
    members = [each for each in records.members_of(session, begun) if each.state == records.LEAVING]
    for each in members:
        if each.channel == Channel.EMAIL:
            each.state, each.note = records.UNSURE, why
        else:
            session.delete(each)
    session.flush()
    if members and begun.channel == Channel.EMAIL:
        _ask_person(session, workstation, DOUBT, members[0], "unsure")


def _drop_row(session: Session, workstation: Workstation, number: int, why: str) -> None:
    """It is not to be reminded any more."""
    row = session.get_one(AgendaRow, number)
    begun = records.find_sending(session, row.entity, row.object, row.level)
    if begun is not None and begun.state == records.LEAVING:
        _end_begun(session, workstation, begun, why)
    agenda.settle(session, number, agenda.DROPPED, why, workstation.clock())


def _write(
    session: Session, workstation: Workstation, fired: Sequence[Fired], letters: Letters, address: tuple[str, ...], today: date
) -> Begun:
    """One row for each item; the first bears the text of all."""
    settings, level, rates = workstation.settings, fired[0].action.level, rates_of(session, workstation.settings.entity)
    parts = [_part_of(each.listed, settings, rates, today) for each in fired]
    written = Written(level.title, "", {})
    if level.letter:
        try:
            written = write_letter(parts, level, letters, settings, today)
        except (BadTemplate, KeyError) as error:
            raise Undelivered(f"le modèle « {level.letter} » n'est pas admis : {error} / its template is not admitted") from error
    email, version = level.channel is Channel.EMAIL, ladders_of(session, settings).version
    message_id = message_id_of(session, settings, fired[0].row)
    found = list[Sending]()
    for each, part in zip(fired, parts, strict=True):
        own = {} if part is parts[0] or not level.letter else computation_of(part.listed, part.claim, part.listed.customer.language)
        sending = Sending(
            entity=each.row.entity, item_id=each.row.object, customer=str(each.listed.row.customer_id), level=level.name,
            channel=str(level.channel), agenda_id=each.row.id, revision=each.row.revision, message_id=message_id, state=records.LEAVING,
            recipient=("," if email else "\n").join(address), language=each.listed.customer.language,
            subject=f"[ESSAI] {written.subject}" if workstation.practice and email else written.subject,
            body="" if found else written.body,
            balance=f"{part.claim.balance:.2f}", interest=f"{part.claim.accrued:.2f}", indemnity=f"{part.claim.indemnity:.2f}",
            computation=own if found else written.computation, rules=version, begun_at=workstation.clock(), actor=agenda.SYSTEM,
        )  # fmt: skip
        session.add(sending)
        found.append(sending)
        session.flush()
    if len(found) > 1:
        for sending in found:
            sending.letter = found[0].id
        session.flush()
    return Begun(tuple(found), tuple(each.listed.row.number for each in fired), fresh=True)


def _part_of(listed: Listed, settings: Settings, rates: Rates, day: date) -> Part:
    standing = standing_of(listed.item, listed.events, day)
    return Part(listed, standing, claim_on(listed, standing, settings, day, rates))


def message_id_of(session: Session, settings: Settings, row: AgendaRow) -> str:
    """`<agenda.ID.REVISION.MARK@domain>`: the same whenever it is asked for, and another in every installation.

    Two installations on one mail domain count from 1 alike; the mark is a hash with the first entry of this one's ledger, which holds
    chance and its moment (RFC 5322, 3.6.4: « globally unique »).
    """
    host = settings.mail.sender.rpartition("@")[2].strip(" >") or "sceau.invalid"
    salted = b"\0".join((b"sceau-message-1", first_entry(session, row.entity), f"{row.id}.{row.revision}".encode()))
    mark = hashlib.sha256(salted).hexdigest()[:24]
    return f"<agenda.{row.id}.{row.revision}.{mark}@{host}>"


def message_of(settings: Settings, sending: Sending) -> EmailMessage:
    """The same at every try. EmailMessage refuses headers that hold a line break."""
    message = EmailMessage()
    sender, name = settings.mail.sender, house_of(settings)["name"]
    message["From"] = sender if "<" in sender else formataddr((name, sender))
    message["To"] = ", ".join(sending.recipient.split(","))
    message["Subject"] = sending.subject
    message["Date"] = format_datetime(sending.begun_at)
    message["Message-ID"] = sending.message_id
    message.set_content(email_text(sending))
    return message


def _send_email(workstation: Workstation, begun: Begun) -> None:
    """Raises what an `outbox.Sender` raises. Where it surely did not leave, now or before, what was written is forgotten: the next try
    reads balances again, and has the same Message-ID, which is of the row and its revision."""
    sending, given = begun.first, threading.Event()
    try:
        mail.send_message(workstation.settings.mail, message_of(workstation.settings, sending), begins=given.set)
    except smtplib.SMTPRecipientsRefused as error:
        lasting = [(code, words) for code, words in error.recipients.values() if code in range(500, 600)]
        if len(lasting) < len(error.recipients):
            _forget_begun(workstation, begun)
            raise
        code, words = lasting[0]
        with workstation.database.writing() as session:
            _settle(session, workstation, begun, records.BOUNCED)
            note_bounce(session, workstation, session.get_one(Sending, sending.id), f"{code} {words!r}"[:300], None)
        return
    except (Undelivered, OSError) as error:
        # A refusal after DATA is one of the whole message, too (RFC 5321, 4.2.5); only silence leaves a doubt.
        if not given.is_set() or isinstance(error, smtplib.SMTPDataError):
            _forget_begun(workstation, begun)
        raise
    with workstation.database.writing() as session:
        _settle(session, workstation, begun, records.SENT)


def _forget_begun(workstation: Workstation, begun: Begun) -> None:
    """What a try before this one wrote down may have left by that one, and stays."""
    if not begun.fresh:
        return
    with workstation.database.writing() as session:
        here = (Sending.id.in_([each.id for each in begun.sendings]), Sending.state == records.LEAVING)
        session.execute(sa.delete(Sending).where(*here))


def _keep_letter(workstation: Workstation, begun: Begun) -> None:
    sending = begun.first
    with workstation.database.reading() as session:
        head = Head(sending.entity, tree_of(session, sending.entity))
    paper = reminder_paper(sending, sending.entity, ", ".join(begun.numbers), workstation.settings, sending.begun_at)
    kept = keep_paper(workstation, paper, head)
    with dropped_unless_noted(workstation, kept), workstation.database.writing() as session:
        _settle(session, workstation, begun, records.QUEUED, kept)


def _settle(session: Session, workstation: Workstation, begun: Begun, state: str, kept: KeptPaper | None = None) -> None:
    """State, agenda and one entry of the ledger, which names each item, together in the caller's transaction."""
    now, told = workstation.clock(), list[dict[str, Any]]()
    for each in begun.sendings:
        sending = session.get_one(Sending, each.id)
        sending.state, sending.left_at, sending.sha256 = state, now, kept.sha256 if kept else None
        agenda.settle(session, sending.agenda_id, agenda.DONE, "sent", now)
        told.append(
            {
                "item": sending.item_id, "balance": sending.balance, "interest": sending.interest, "indemnity": sending.indemnity,
                "agenda": sending.agenda_id, "revision": sending.revision,
            }
        )  # fmt: skip
    first = begun.first
    shared = {
        "act": "reminded", "level": first.level, "channel": first.channel, "message": first.message_id, "rules": first.rules,
        "state": state, "text": _text_hash(first),
    }  # fmt: skip
    paper = {"letter": kept.sha256} if kept else {}
    if len(told) == 1:
        alone = told[0]
        objects = {"item": str(alone.pop("item"))} | paper
        payload = shared | alone
    else:
        objects = {"customer": first.customer, "items": " ".join(str(each["item"]) for each in told)} | paper
        payload = shared | {"items": told}
    append_event(session, Event(first.entity, "reminder", objects, SYSTEM, now, "system", payload))


def _text_hash(sending: Sending) -> str:
    return hashlib.sha256(f"{sending.recipient}\n{sending.subject}\n\n{email_text(sending)}".encode()).hexdigest()


CHORE_DAYS = 2
"""Business days that a person has for a call or an address, as the list of tasks counts them."""


def _ask_person(session: Session, workstation: Workstation, kind: str, sending: Sending, reason: str) -> None:
    """A row of the agenda that a person is asked to do, with the day by which."""
    row = agenda.plan(
        session, sending.entity, kind, sending.item_id, _deadline(workstation), reason, at=workstation.clock(), level=sending.level,
        told={"sending": sending.id},
    )  # fmt: skip
    agenda.settle(session, row.id, agenda.OPEN, reason, workstation.clock())


def _ask_for(session: Session, workstation: Workstation, number: int, reason: str) -> None:
    """A reminder that cannot leave by itself: a person is asked about its very row."""
    agenda.settle(session, number, agenda.OPEN, reason, workstation.clock())
    row = session.get_one(AgendaRow, number)
    row.told = dict(row.told) | {"by": _deadline(workstation).isoformat()}


def _deadline(workstation: Workstation) -> date:
    """The second business day from today on; where the calendar has none, today."""
    calendar, day = calendar_of(workstation.settings), today_of(workstation)
    try:
        for _ in range(CHORE_DAYS):
            day = move_later(calendar, day + timedelta(days=1))
    except NoBusinessDay:
        return today_of(workstation)
    return day


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
    """An e-mail came back: a person is asked to mend the address or to find another way. Silence is no answer.

    Of all that it was about: one task, however many invoices.
    """
    now, members = workstation.clock(), records.members_of(session, sending)
    if sending.state not in (records.SENT, records.BOUNCED, records.UNSURE):
        raise NotPossible("state")
    for each in members:
        each.state, each.note = records.BOUNCED, why.strip()[:MOST_REASON]
    first = members[0]
    _ask_person(session, workstation, BOUNCE, first, "bounced")
    actor = SYSTEM if person is None else actor_of(person)
    payload = {"act": "bounced", "level": first.level, "message": first.message_id, "reason": first.note}
    append_event(session, Event(first.entity, "reminder", objects_of(members), actor, now, "system", payload))


def objects_of(members: Sequence[Sending]) -> dict[str, str]:
    """What an entry about a letter names."""
    if len(members) == 1:
        return {"item": members[0].item_id}
    return {"customer": members[0].customer, "items": " ".join(each.item_id for each in members)}


def finish_chore(session: Session, workstation: Workstation, number: int, note: str, person: Person, *, again: bool = False) -> None:
    """A person did what the agenda asked: telephoned, mended an address, found another way. `again`: an e-mail that found no address is
    planned once more; one that left stays what it was, for no level leaves twice. Raises NotPossible."""
    entity, now = workstation.settings.entity, workstation.clock()
    row = agenda.get_row(session, entity, number)
    if row is None or row.state != agenda.OPEN or row.kind not in CHORES:
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


def reopen_chore(session: Session, workstation: Workstation, number: int, note: str, person: Person) -> None:
    """A call or an address that was called done is not: it is asked for again. Raises NotPossible."""
    row = agenda.get_row(session, workstation.settings.entity, number)
    if row is None or row.state != agenda.DONE or row.kind not in AFTERWARDS:
        raise NotPossible("unknown")
    if not note.strip():
        raise NotPossible("note")
    agenda.settle(session, row.id, agenda.OPEN, note.strip()[:MOST_REASON], workstation.clock(), person.pseudonym)
    told = {"act": "reopened", "kind": row.kind, "level": row.level, "note": note.strip()[:MOST_REASON]}
    append_event(session, Event(row.entity, "reminder", {"item": row.object}, actor_of(person), workstation.clock(), "system", told))


def chores_of(session: Session, entity: str) -> list[AgendaRow]:
    """What a person is asked to do for reminders to go on: mend an address, find another way, telephone, see whether one left. By the day
    by which."""
    rows = [row for kind in CHORES for row in agenda.open_rows(session, entity, kind)]
    return sorted(rows, key=lambda row: (deadline_of(row), row.id))


def deadline_of(row: AgendaRow) -> date:
    """By which a person has done it."""
    return date.fromisoformat(str(row.told.get("by") or row.day))


def done_chores(session: Session, entity: str, since: datetime) -> list[AgendaRow]:
    """Calls and addresses that people called done lately, the newest first: what was a mistake is asked for again."""
    query = sa.select(AgendaRow).where(AgendaRow.entity == entity, AgendaRow.kind.in_(AFTERWARDS), AgendaRow.state == agenda.DONE)
    query = query.where(AgendaRow.settled_at >= since, AgendaRow.actor != agenda.SYSTEM)
    return list(session.scalars(query.order_by(AgendaRow.settled_at.desc()).limit(20)))


def postpone(session: Session, workstation: Workstation, item: int, day: date, reason: str, person: Person) -> list[Suspension]:
    """An item is reminded no earlier than a day: its reminders rest until the day before. Raises NotPossible."""
    if day <= today_of(workstation):
        raise NotPossible("ends")
    return suspend(session, workstation, "item", [str(item)], reason, day - timedelta(days=1), person)


@dataclass(frozen=True, slots=True)
class Moved:
    """What other ladders would do otherwise within the coming days."""

    before: int
    """Letters, mails and calls by the ladders in force: what leaves together counts once."""
    after: int
    changed: int
    """Invoices whose next reminders are others, on other days, or in one letter with others."""


def effect_of(session: Session, workstation: Workstation, ladders: Ladders, today: date) -> Moved:
    """Raises as `preview`."""
    now, then = (calendar_ahead(session, workstation, today, ladders=each) for each in (None, ladders))
    steps: list[dict[int, list[tuple[object, ...]]]] = [{}, {}]
    letters = [letters_among(found) for found in (now, then)]
    for place, letter in ((place, letter) for place, found in enumerate(letters) for letter in found):
        beside = tuple(each.listed.row.id for each in letter)
        for each in letter:
            told = (each.action.level.name, each.action.day, each.action.level.channel, beside)
            steps[place].setdefault(each.listed.row.id, []).append(told)
    changed = sum(steps[0].get(item) != steps[1].get(item) for item in {*steps[0], *steps[1]})
    return Moved(len(letters[0]), len(letters[1]), changed)


def _count_handled(session: Session, workstation: Workstation, row: AgendaRow, person: Person) -> None:
    """A level that a person saw to in another way is done: the ladder goes on from it."""
    listed = receivables.listed_one(session, row.entity, int(row.object))
    if listed is None or records.find_sending(session, row.entity, row.object, row.level) is not None:
        return
    standing = standing_of(listed.item, listed.events, today_of(workstation))
    sending = Sending(
        entity=row.entity, item_id=row.object, customer=str(listed.row.customer_id), level=row.level, channel=str(row.told["channel"]),
        agenda_id=row.id, revision=row.revision, message_id="", state=records.ASKED, recipient="", language=listed.customer.language,
        subject=_title_of(session, workstation, listed, row.level), body="", balance=f"{standing.balance:.2f}", interest="0.00",
        indemnity="0.00", computation={},
        rules=ladders_of(session, workstation.settings).version, begun_at=workstation.clock(), left_at=workstation.clock(),
        actor=person.pseudonym, note=row.reason,
    )  # fmt: skip
    session.add(sending)


def _title_of(session: Session, workstation: Workstation, listed: Listed, level: str) -> str:
    ladder = ladders_of(session, workstation.settings).chosen(listed.customer.regime, listed.customer.ladder)
    return next((each.title for each in ladder.levels if each.name == level), level) if ladder else level
