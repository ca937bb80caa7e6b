"""Reminders to those who keep an invoice waiting, before it is late; and once a week what waits for whom, and the sums.

Planned as rows of the agenda, read again when they fire: nothing leaves for what is decided, contested, suspended or no longer asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.options import calendar_of
from config.settings import Settings
from station import accounting, agenda, direction, dunning, mail, notices, payables, tasks
from station.agenda import Due
from station.notices import FOOT_EN, FOOT_FR, Letter
from station.payables import Owed
from station.rates import rates_of
from station.records import direction as figures
from station.records import documents, people
from station.records import tasks as records
from station.records.tables import AgendaRow, Person, Task
from station.records.tasks import APPROVAL
from station.workstation import Workstation
from workflow.calendar import NoBusinessDay, may_leave, move_later
from workflow.interest import Regime
from workflow.invoicing import InvoiceState
from workflow.payables import LEVELS, Cost, Ladder, digest_week, reminder_days
from workflow.roles import Role

KIND, DIGEST = "approval", "digest"
ACCOUNTS, DIRECTION = "accounts", "direction"
RESTING = frozenset({InvoiceState.DISPUTED, InvoiceState.SUSPENDED})
"""Nobody is reminded of it."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
MOST_LINES = 30
"""Of a digest: a longer one is not read."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One reminder as it is to be."""

    task: int
    level: str
    day: date
    due: date

    @property
    def object(self) -> str:
        return f"task:{self.task}"


# --- planning ---


def plan_prompts(workstation: Workstation, today: date) -> int:
    """The agenda's rows of one company brought to what is known now; how many changed. Idempotent."""
    settings = workstation.settings
    if not settings.mail.host:
        return 0
    return (_plan_reminders(workstation) if settings.payables.remind else 0) + (
        _plan_digests(workstation, today) if settings.payables.digest else 0
    )


def _plan_reminders(workstation: Workstation) -> int:
    entity, now = workstation.settings.entity, workstation.clock()
    with workstation.database.reading() as session:
        wanted = {(each.object, each.level): each for each in wanted_prompts(session, workstation)}
        rows = session.scalars(sa.select(AgendaRow).where(AgendaRow.entity == entity, AgendaRow.kind == KIND)).all()
        there = {(row.object, row.level): (row.state, row.day, row.not_before or "") for row in rows}
    # What is dropped comes back as planned; what is done stays done.
    fresh = [each for place, each in wanted.items() if _differs(each, there.get(place))]
    gone = {place[0] for place, (state, _, _) in there.items() if state == agenda.PLANNED and place not in wanted}
    if not fresh and not gone:
        return 0
    with workstation.database.writing() as session:
        for object_ in sorted(gone):
            agenda.drop(session, entity, KIND, object_, "not-asked", now)
        for each in fresh:
            agenda.plan(session, entity, KIND, each.object, each.day, "due", at=now, level=each.level, told={"due": each.due.isoformat()})
    return len(fresh) + len(gone)


def _differs(wished: Prompt, row: tuple[str, str, str] | None) -> bool:
    if row is None or row[0] == agenda.DROPPED:
        return True
    return row[0] == agenda.PLANNED and row[1] != max(wished.day.isoformat(), row[2])


def wanted_prompts(session: Session, workstation: Workstation) -> list[Prompt]:
    """Of every approval that is asked for and rests for no reason: each level with its day."""
    settled = settled_levels(session, workstation)
    return [
        prompt
        for task in records.open_tasks(session, workstation.settings.entity)
        if task.kind == APPROVAL
        for prompt in prompts_of(session, workstation, task, settled)
    ]


Settled: TypeAlias = Mapping[str, Mapping[str, date]]
"""By object of the agenda and level: the day on which it left."""


def settled_levels(session: Session, workstation: Workstation, task: int | None = None) -> Settled:
    """What left already, of all tasks or of one; by the wall clock."""
    query = sa.select(AgendaRow.object, AgendaRow.level, AgendaRow.settled_at)
    query = query.where(AgendaRow.entity == workstation.settings.entity, AgendaRow.kind == KIND, AgendaRow.state == agenda.DONE)
    if task is not None:
        query = query.where(AgendaRow.object == f"task:{task}")
    zone, found = ZoneInfo(workstation.settings.calendar.time_zone), defaultdict[str, dict[str, date]](dict)
    for object_, level, at in session.execute(query):
        if at is not None:
            found[object_][level] = at.astimezone(zone).date()
    return found


def prompts_of(session: Session, workstation: Workstation, task: Task, settled: Settled | None = None) -> list[Prompt]:
    """Each level of one task with its day; nothing of what rests or has no due date."""
    owed = _owed(session, workstation, task)
    due = owed.deadline.day
    if due is None or owed.state in RESTING:
        return []
    settings = workstation.settings
    asked = task.opened_at.astimezone(ZoneInfo(settings.calendar.time_zone)).date()
    done = (settled_levels(session, workstation, task.id) if settled is None else settled).get(f"task:{task.id}", {})
    today = payables.today_of(workstation)
    try:
        days = reminder_days(due, asked, calendar_of(settings), ladder_of(settings), done, today)
    except NoBusinessDay:
        # More than a year without a day: a mistake of the settings, which the calendar's own page tells.
        return []
    return [Prompt(task.id, level, days[level], due) for level in LEVELS]


def reminds_of(session: Session, workstation: Workstation, task: Task) -> bool:
    """Whether this module tells people of an approval: who else would, such as its circuit, then keeps silent."""
    settings = workstation.settings
    return bool(settings.mail.host) and settings.payables.remind and bool(prompts_of(session, workstation, task))


@dataclass(frozen=True, slots=True)
class Coming:
    """One message to colleagues, before it leaves."""

    kind: str
    object: str
    level: str
    day: str
    title: str
    to: tuple[str, ...]
    """Names of those who would get it; empty where nobody has an address."""


def preview(session: Session, workstation: Workstation, day: date) -> list[Coming]:
    """What would leave on a day if nothing changes until then; what should have left before leaves today, one level of a task a day."""
    settings, now = workstation.settings, workstation.clock()
    if not settings.mail.host:
        return []
    found = list[Coming]()
    if settings.payables.remind:
        tasks_here = {task.id: task for task in records.open_tasks(session, settings.entity)}
        for prompt in _leaving(session, workstation, day):
            task = tasks_here[prompt.task]
            told = _named(people_of(session, workstation, task, prompt.level, now))
            found.append(Coming(KIND, prompt.object, prompt.level, day.isoformat(), task.title, told))
    if settings.payables.digest:
        found += _leaving_digests(session, workstation, day)
    return found


def _leaving(session: Session, workstation: Workstation, day: date) -> list[Prompt]:
    settings, today = workstation.settings, payables.today_of(workstation)
    query = sa.select(AgendaRow).where(AgendaRow.entity == settings.entity, AgendaRow.kind == KIND)
    rows = {(row.object, row.level): row for row in session.scalars(query)}
    found = list[Prompt]()
    for prompt in wanted_prompts(session, workstation):
        row = rows.get((prompt.object, prompt.level))
        if row is not None and (row.state not in (agenda.PLANNED, agenda.DROPPED) or (row.suspended_until or "") >= day.isoformat()):
            continue
        least = max(prompt.day, today, date.fromisoformat(row.not_before) if row is not None and row.not_before else prompt.day)
        if move_later(calendar_of(settings), least) == day:
            found.append(prompt)
    return list({prompt.task: prompt for prompt in reversed(found)}.values())[::-1]


def _leaving_digests(session: Session, workstation: Workstation, day: date) -> list[Coming]:
    settings = workstation.settings
    week = digest_week(day, WEEKDAYS.index(settings.payables.digest_day), calendar_of(settings))
    if week is None:
        return []
    rows = {name: agenda.find(session, settings.entity, DIGEST, name, week) for name in (ACCOUNTS, DIRECTION)}
    return [
        Coming(DIGEST, name, week, day.isoformat(), "", _named(told_of(session, workstation, name, workstation.clock())))
        for name, row in rows.items()
        if row is None or row.state == agenda.PLANNED
    ]


def _named(told: Iterable[Person]) -> tuple[str, ...]:
    return tuple(notices.name_of(each) for each in told if each.email and mail.ADDRESS.fullmatch(each.email))


def told_of(session: Session, workstation: Workstation, digest: str, now: datetime) -> list[Person]:
    """Who gets a digest."""
    if digest == ACCOUNTS:
        return people.holders_of(session, Role.CLERK, now.date(), workstation.settings.entity)
    return managers_of(session, workstation, now)


def ladder_of(settings: Settings) -> Ladder:
    told = settings.payables
    return Ladder(told.remind_days, told.deputy_days, told.manager_days)


def _owed(session: Session, workstation: Workstation, task: Task) -> Owed:
    document = documents.get_document(session, task.document_id)
    return payables.owed_of(session, workstation.settings, document, payables.today_of(workstation))


# --- when one fires ---


def remind(workstation: Workstation, due: Due, today: date) -> None:
    """A `station.agenda.Action`: one level of one task, once; read again first. Raises what an `outbox.Sender` raises."""
    with workstation.database.writing() as session:
        now = workstation.clock()
        if agenda.still_due(session, due.id, due.revision, today) is None:
            return
        task = records.get_task(session, due.entity, int(due.object.removeprefix("task:")))
        wished = {each.level: each for each in prompts_of(session, workstation, task)} if _is_asked(workstation, task) and task else {}
        prompt = wished.get(due.level)
        if task is None or prompt is None:
            agenda.settle(session, due.id, agenda.DROPPED, "not-asked", now)
            return
        later = max(prompt.day, move_later(calendar_of(workstation.settings), today))
        if later > today:
            # The due date moved, or today nothing may leave: another revision fires then.
            agenda.plan(session, due.entity, KIND, due.object, later, "moved", at=now, level=due.level, told=due.told)
            return
        told = people_of(session, workstation, task, due.level, now)
        owed = _owed(session, workstation, task)
        sent = sum(_send(session, workstation, task, owed, prompt, person, now) for person in told)
        agenda.settle(session, due.id, agenda.DONE, f"sent-{sent}" if sent else "no-address", now)


def _is_asked(workstation: Workstation, task: Task | None) -> bool:
    return task is not None and task.state == records.OPEN and workstation.settings.payables.remind


def people_of(session: Session, workstation: Workstation, task: Task, level: str, now: datetime) -> list[Person]:
    """Who is told at a level: who is asked; their deputies as well; who manages them. Nobody who prepared it."""
    practice, today = workstation.settings.sealing.mode == "practice", now.date()
    asked = tasks.addressed_people(session, task, now, practice=practice)
    if level == "manager":
        return managers_of(session, workstation, now)
    if level == "reminder":
        return [asked[task.person]] if task.person in asked else list(asked.values())
    deputies = {each.taker for name in asked for each in people.deputies_of(session, name, today)}
    able = tasks.able_people(session, task, now, tasks.seats_in(session, task.entity, today, practice=practice))
    return list({**asked, **{name: person for name, person in able.items() if name in deputies}}.values())


def managers_of(session: Session, workstation: Workstation, now: datetime) -> list[Person]:
    """The group that the settings name, where it is and somebody is in it; else who holds the role of compliance."""
    entity, name = workstation.settings.entity, workstation.settings.payables.managers
    group = people.find_group(session, entity, name) if name else None
    members = people.members_of(session, group, now.date()) if group is not None else set()
    here = [each for each in people.list_people(session) if each.ended_at is None and people.works_in(each, entity)]
    return [each for each in here if each.pseudonym in members] or people.holders_of(session, Role.COMPLIANCE, now.date(), entity)


_FACTS_FR = "Fournisseur : {supplier}\nFacture : {number}\nMontant TTC : {amount}\nÀ payer le : {due}\n{cost}\n"
_FACTS_EN = "Supplier: {supplier}\nInvoice: {number}\nAmount with tax: {amount}\nTo be paid by: {due}\n{cost}\n"
LETTERS: Mapping[tuple[str, str], Letter] = {
    ("reminder", "fr"): Letter(
        "Rappel : {supplier}, à payer le {due}", "Bonjour {name},\n\nCette facture attend votre décision.\n\n" + _FACTS_FR + FOOT_FR
    ),
    ("reminder", "en"): Letter(
        "Reminder: {supplier}, to be paid by {due}", "Hello {name},\n\nThis invoice waits for your decision.\n\n" + _FACTS_EN + FOOT_EN
    ),
    ("deputy", "fr"): Letter(
        "À décider bientôt : {supplier}, à payer le {due}",
        "Bonjour {name},\n\nCette facture attend toujours une décision. Vous pouvez la prendre, ou suppléez qui le peut.\n\n"
        + _FACTS_FR + FOOT_FR,
    ),
    ("deputy", "en"): Letter(
        "To be decided soon: {supplier}, to be paid by {due}",
        "Hello {name},\n\nThis invoice still waits for a decision. You may take it, or stand in for who may.\n\n" + _FACTS_EN + FOOT_EN,
    ),
    ("manager", "fr"): Letter(
        "En attente à l'échéance : {supplier}, {amount}",
        "Bonjour {name},\n\nCette facture n'est pas encore décidée. Elle attend : {asked}.\n\n" + _FACTS_FR + FOOT_FR,
    ),
    ("manager", "en"): Letter(
        "Waiting at its due date: {supplier}, {amount}",
        "Hello {name},\n\nThis invoice is not decided yet. It waits for: {asked}.\n\n" + _FACTS_EN + FOOT_EN,
    ),
}  # fmt: skip


def _send(session: Session, workstation: Workstation, task: Task, owed: Owed, prompt: Prompt, to: Person, at: datetime) -> bool:
    """One e-mail per task, level and person; False where there is no address."""
    if not to.email or not mail.ADDRESS.fullmatch(to.email):
        return False
    settings = workstation.settings
    language = notices.language_of(session, to, settings.language)
    places = {
        "name": notices.name_of(to), "supplier": task.bound.get("supplier") or task.bound.get("siren") or task.title,
        "number": task.bound.get("number") or "–",
        "amount": notices.money(task.bound.get("gross") or "", task.bound.get("currency") or "", language),
        "due": prompt.due.strftime("%d/%m/%Y"), "cost": _cost_words(owed, language), "asked": asked_words(session, task, language),
        "house": house_of(settings), "link": f"{settings.server.public_address}/approbations/{task.id}",
    }  # fmt: skip
    letter = LETTERS[prompt.level, language]
    key = f"prompt-{task.id}-{prompt.level}-{to.pseudonym}"
    mail.put_mail(session, task.entity, key, to.email, letter.subject.format(**places), letter.text.format(**places), at, task.document_id)
    return True


def house_of(settings: Settings) -> str:
    company = settings.company_named(settings.entity)
    return company.name if company is not None else next(iter(settings.identity.names), settings.entity)


def _cost_words(owed: Owed, language: str) -> str:
    """What delay costs; empty where it is not known."""
    cost = owed.cost
    if not isinstance(cost, Cost):
        return ""
    interest, indemnity = (notices.money(f"{each:.2f}", "EUR", language) for each in (cost.interest.total, cost.indemnity))
    if cost.late:
        told = {"fr": f"En retard de {cost.late} j : {interest} d'intérêts et {indemnity} d'indemnité à ce jour.",
                "en": f"Late by {cost.late} d: {interest} of interest and {indemnity} of indemnity so far."}  # fmt: skip
        return told[language]
    if cost.per_day is None:
        return ""
    each = notices.money(f"{cost.per_day:.2f}", "EUR", language)
    return {
        "fr": f"Passé cette date : {each} d'intérêts par jour, et 40 € une fois.",
        "en": f"Beyond that day: {each} of interest a day, and €40 once.",
    }[language]


def asked_words(session: Session, task: Task, language: str) -> str:
    """Of whom it is asked."""
    if task.person is not None:
        person = people.find_by_pseudonym(session, task.person)
        return notices.name_of(person) if person is not None else "–"
    if task.group_name:
        return {"fr": f"groupe {task.group_name}", "en": f"group {task.group_name}"}[language]
    return {"fr": "les valideurs", "en": "the approvers"}[language]


# --- digests ---


def _plan_digests(workstation: Workstation, today: date) -> int:
    """On their day, from their hour on: the agenda's own turn takes them at once."""
    settings, now = workstation.settings, workstation.clock()
    local = now.astimezone(ZoneInfo(settings.calendar.time_zone))
    calendar = calendar_of(settings)
    try:
        week = digest_week(today, WEEKDAYS.index(settings.payables.digest_day), calendar)
    except NoBusinessDay:
        return 0
    if week is None or (today == local.date() and local.hour < settings.payables.digest_hour):
        return 0
    with workstation.database.reading() as session:
        missing = [name for name in (ACCOUNTS, DIRECTION) if agenda.find(session, settings.entity, DIGEST, name, week) is None]
    if missing:
        with workstation.database.writing() as session:
            for name in missing:
                agenda.plan(session, settings.entity, DIGEST, name, today, "weekly", at=now, level=week)
    return len(missing)


def send_digest(workstation: Workstation, due: Due, today: date) -> None:
    """A `station.agenda.Action`: what waits for whom to the accounts, the sums to the managers."""
    settings, calendar = workstation.settings, calendar_of(workstation.settings)
    with workstation.database.writing() as session:
        now = workstation.clock()
        if agenda.still_due(session, due.id, due.revision, today) is None:
            return
        if not settings.payables.digest or not may_leave(calendar, today):
            agenda.settle(session, due.id, agenda.DROPPED, "not-today", now)
            return
        told = told_of(session, workstation, due.object, now)
        write = accounts_text if due.object == ACCOUNTS else direction_text
        sent = 0
        for person in told:
            if person.email and mail.ADDRESS.fullmatch(person.email):
                language = notices.language_of(session, person, settings.language)
                subject, text = write(session, workstation, today, language)
                key = f"digest-{due.entity}-{due.object}-{due.level}-{person.pseudonym}"
                mail.put_mail(session, due.entity, key, person.email, subject, text, now)
                sent += 1
        agenda.settle(session, due.id, agenda.DONE, f"sent-{sent}" if sent else "no-address", now)


@dataclass(frozen=True, slots=True)
class Pile:
    """What waits for one addressee."""

    asked: str
    count: int
    amount: Decimal
    """EUR with tax, of what has an amount in EUR; credit notes less."""
    apart: int
    """Without an amount, or in another currency: not in the sum."""
    late: int
    first: date | None
    """The earliest due date."""


def piles_of(session: Session, workstation: Workstation, today: date, language: str) -> list[Pile]:
    """By addressee, the largest pile first."""
    found: dict[str, list[Owed]] = defaultdict(list)
    for task in records.open_tasks(session, workstation.settings.entity):
        if task.kind == APPROVAL:
            found[asked_words(session, task, language)].append(_owed(session, workstation, task))
    return sorted((_pile(asked, owed, today) for asked, owed in found.items()), key=lambda each: (-each.count, each.asked))


def _pile(asked: str, owed: Sequence[Owed], today: date) -> Pile:
    priced = [each for each in owed if each.amount is not None and each.currency == payables.EURO]
    amount = sum((-abs(each.amount) if each.credit else each.amount for each in priced if each.amount is not None), Decimal("0.00"))
    days = [each.deadline.day for each in owed if each.deadline.day is not None]
    return Pile(asked, len(owed), amount, len(owed) - len(priced), sum(day < today for day in days), min(days, default=None))


def accounts_text(session: Session, workstation: Workstation, today: date, language: str) -> tuple[str, str]:
    """Subject and text for the accounts: what waits for whom, and what waits for the export."""
    piles = piles_of(session, workstation, today, language)
    found = accounting.preview(session, workstation)
    french = language == "fr"
    lines = [_pile_line(each, language) for each in piles[:MOST_LINES]]
    if len(piles) > MOST_LINES:
        lines.append(f"… (+{len(piles) - MOST_LINES})")
    none = "Aucune approbation n'est attendue." if french else "No approval is waited for."
    export = notices.money(f"{sum((each.gross for each in found.ready), Decimal(0)):.2f}", "EUR", language)
    rest = (
        f"Bon à payer, à exporter : {len(found.ready)}, {export}.\nQui ne peuvent pas encore l'être : {len(found.held)}.\n"
        if french
        else f"Approved, to be exported: {len(found.ready)}, {export}.\nThat cannot be yet: {len(found.held)}.\n"
    )
    rest += chores_line(session, workstation.settings.entity, today, language)
    head = "Ce qui attend, et qui :" if french else "What waits, and for whom:"
    subject = f"Factures en attente au {today:%d/%m/%Y}" if french else f"Invoices waiting on {today:%d/%m/%Y}"
    return subject, _page((head, *(lines or [none]), "", rest), workstation, "/comptabilite", language)


def chores_line(session: Session, entity: str, today: date, language: str) -> str:
    """What reminders to customers wait for: calls, and addresses to be mended; empty where nothing does."""
    chores = dunning.chores_of(session, entity)
    late = sum(dunning.deadline_of(each) < today for each in chores)
    if not chores:
        return ""
    if language == "fr":
        return f"Relances de clients à débloquer (appels, adresses) : {len(chores)}, dont en retard : {late}.\n"
    return f"Reminders to customers that wait for somebody (calls, addresses): {len(chores)}, late: {late}.\n"


def _pile_line(pile: Pile, language: str) -> str:
    amount = notices.money(f"{pile.amount:.2f}", "EUR", language)
    if language == "fr":
        told = f"- {pile.asked} : {pile.count}, {amount}"
        told += f", dont en retard : {pile.late}" if pile.late else ""
        told += f", sans montant en euros : {pile.apart}" if pile.apart else ""
        return told + (f" ; première échéance {pile.first:%d/%m/%Y}" if pile.first else "")
    told = f"- {pile.asked}: {pile.count}, {amount}"
    told += f", late: {pile.late}" if pile.late else ""
    told += f", without an amount in euros: {pile.apart}" if pile.apart else ""
    return told + (f"; first due {pile.first:%d/%m/%Y}" if pile.first else "")


def direction_text(session: Session, workstation: Workstation, today: date, language: str) -> tuple[str, str]:
    """Subject and text for the managers: sums only."""
    settings = workstation.settings
    due = figures.owed(session, settings.entity)
    cash = direction.cash_of(due, today)
    regime = Regime.PUBLIC if settings.is_public(settings.entity) else Regime.PRIVATE
    stake = direction.stake_of(due, today, regime, rates_of(session, settings.entity))
    waits = piles_of(session, workstation, today, language)
    found = accounting.preview(session, workstation)

    def euros(amount: Decimal) -> str:
        return notices.money(f"{amount:.2f}", "EUR", language)

    overdue = Decimal(cash.overdue.cents) / 100 if cash.overdue else Decimal(0)
    week, month = (sum((Decimal(each.cents) / 100 for each in cash.weeks[:count]), Decimal(0)) for count in (1, 4))
    approval = sum((each.amount for each in waits), Decimal(0))
    export = sum((each.gross for each in found.ready), Decimal(0))
    told = (
        ("À approuver", "To be approved", f"{sum(each.count for each in waits)}, {euros(approval)}"),
        ("Bon à payer, à exporter", "Approved, to be exported", f"{len(found.ready)}, {euros(export)}"),
        ("Échu", "Overdue", f"{cash.overdue.count if cash.overdue else 0}, {euros(overdue)}"),
        ("À payer cette semaine", "To be paid this week", euros(week)),
        ("À payer dans les quatre semaines", "To be paid within four weeks", euros(month)),
        ("Coût du retard s'il cessait aujourd'hui : intérêts", "Cost of delay if it ended today: interest", euros(stake.interest)),
        ("Indemnités forfaitaires", "Flat indemnities", euros(stake.indemnity)),
    )
    lines = [f"- {french} : {value}" if language == "fr" else f"- {english}: {value}" for french, english, value in told]
    apart = cash.unpriced + cash.foreign
    if apart:
        lines.append(
            f"- Hors sommes, sans montant ou en devise : {apart}"
            if language == "fr"
            else f"- Not in the sums, no amount or foreign: {apart}"
        )
    subject = f"Dettes fournisseurs au {today:%d/%m/%Y}" if language == "fr" else f"Owed to suppliers on {today:%d/%m/%Y}"
    return subject, _page(lines, workstation, "/direction", language)


def _page(lines: Iterable[str], workstation: Workstation, path: str, language: str) -> str:
    foot = (FOOT_FR if language == "fr" else FOOT_EN).replace("L'ouvrir", "Le détail").replace("Open it", "The details")
    settings = workstation.settings
    return "\n".join(lines) + "\n" + foot.format(link=f"{settings.server.public_address}{path}", house=house_of(settings))
