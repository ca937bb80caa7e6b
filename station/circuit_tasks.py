"""What circuits ask of people: a question with its answers, a form with its buttons, a trouble; who may answer, who is told.

Asked are a role, a group or a person (login), each with who stands in for them; who was told later, after a deadline, may answer, too.
"""

from collections.abc import Mapping
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station import mail, notices, prompts
from station.records import circuits as records
from station.records import people
from station.records.circuits import CANCELLED, DONE, OPEN
from station.records.tables import CircuitRun, CircuitTask, Person, Task
from station.workstation import Workstation
from workflow.circuit import Answered, Escalate, OpenTask, Remind, ShowForm
from workflow.roles import Role

TROUBLE_ANSWERS = (("reprendre", "Réessayer"), ("abandonner", "Abandonner ce circuit"))
SEEN_ANSWERS = (("vu", "C'est vu"),)
COMPLIANCE = ("role", str(Role.COMPLIANCE))
TITLES: Mapping[str, tuple[str, str]] = {
    "task": ("À faire : {title}", "To do: {title}"),
    "remind": ("Rappel : {title}", "Reminder: {title}"),
    "late": ("En retard : {title}", "Late: {title}"),
    "trouble": ("Un circuit attend : {title}", "A circuit waits: {title}"),
}
_BODIES = {
    "fr": "Bonjour {name},\n\n{title}\nÉchéance : {due}\n\nL'ouvrir, après connexion :\n{link}\n\n"
    "Ce message est envoyé par Sceau ; n'y répondez pas.\n",
    "en": "Hello {name},\n\n{title}\nDue: {due}\n\nOpen it, after signing in:\n{link}\n\n"
    "This message is sent by Sceau; please do not answer it.\n",
}


# --- opening and closing ---


def open_task(session: Session, workstation: Workstation, run: CircuitRun, command: OpenTask, now: datetime) -> CircuitTask:
    return _open(
        session, workstation, run, ("task", command.serial, command.step), command.title, command.to, command.answers, command.due,
        command.not_by, now,
    )  # fmt: skip


def show_form(session: Session, workstation: Workstation, run: CircuitRun, command: ShowForm, now: datetime) -> CircuitTask:
    """Opened, or told that its fields were filled."""
    known = _of_serial(session, run, command.serial, "form")
    if known is not None:
        known.words, known.revision = None, known.revision + 1
        return known
    place = ("form", command.serial, command.step)
    return _open(session, workstation, run, place, command.title, command.to, command.buttons, command.due, (), now)


def tell_trouble(
    session: Session, workstation: Workstation, run: CircuitRun, step: str, why: str, now: datetime, *, kind: str = "trouble"
) -> CircuitTask:
    """Whoever answers for compliance is asked what becomes of it."""
    serial = int(run.state.get("serial", 0)) if run.state else 0
    known = _of_serial(session, run, serial, kind)
    if known is not None:
        known.title, known.state, known.answer, known.answered_by, known.answered_at = why[:300], OPEN, None, None, None
        known.revision += 1
        return known
    answers = TROUBLE_ANSWERS if kind == "trouble" else SEEN_ANSWERS
    return _open(session, workstation, run, (kind, serial, step), why, COMPLIANCE, answers, None, (), now)


def _open(
    session: Session, workstation: Workstation, run: CircuitRun, place: tuple[str, int, str], title: str, to: tuple[str, str],
    answers: tuple[tuple[str, str], ...], due: date | None, not_by: tuple[str, ...], now: datetime, *, silent: bool = False,
) -> CircuitTask:  # fmt: skip
    kind, serial, step = place
    task = CircuitTask(
        entity=run.entity, run_id=run.id, document_id=run.document_id, serial=serial, kind=kind, step=step[:60], title=title[:300],
        asked=[list(to)], answers=[list(pair) for pair in answers], not_by=list(not_by), since=run.started_at,
        due=due.isoformat() if due else None, state=OPEN, opened_at=now, revision=0,
    )  # fmt: skip
    session.add(task)
    session.flush()
    notice = "trouble" if kind in ("trouble", "mail") else "late" if kind == "late" else "task"
    if not silent:
        _tell(session, workstation, task, addressed(session, task, now), notice, now)
    return task


def _of_serial(session: Session, run: CircuitRun, serial: int, kind: str) -> CircuitTask | None:
    query = sa.select(CircuitTask).where(CircuitTask.run_id == run.id, CircuitTask.serial == serial, CircuitTask.kind == kind)
    return session.scalar(query)


def close_serial(session: Session, run: CircuitRun, serial: int, answered: Answered | None, now: datetime) -> None:
    """The run went on: done by whoever answered, else called off; what was told of its lateness is over, too."""
    for task in records.tasks_of(session, run):
        if task.serial == serial and task.kind in ("task", "form", "late"):
            mine = answered is not None and answered.serial == serial and task.kind != "late"
            if mine and answered is not None:
                close_one(session, task, answered.answer, answered.by, now)
            else:
                _close(task, CANCELLED)


def close_one(session: Session, task: CircuitTask, answer: str, by: str, now: datetime) -> None:
    task.answer, task.answered_by, task.answered_at = answer[:60], by, now
    _close(task, DONE)
    session.flush()


def close_tasks(session: Session, run: CircuitRun, now: datetime) -> None:  # noqa: ARG001 as its neighbours
    """Nothing is asked any more; a letter that could not leave stays to be seen."""
    for task in records.tasks_of(session, run):
        if task.kind != "mail":
            _close(task, CANCELLED)


def close_trouble(session: Session, run: CircuitRun, now: datetime) -> None:  # noqa: ARG001 as its neighbours
    for task in records.tasks_of(session, run):
        if task.kind == "trouble":
            _close(task, CANCELLED)


def _close(task: CircuitTask, state: str) -> None:
    task.state, task.revision = state, task.revision + 1


def note_words(session: Session, run: CircuitRun, serial: int, words: str) -> None:
    """What whoever has the form open is to read."""
    task = _of_serial(session, run, serial, "form")
    if task is not None:
        task.words, task.revision = words, task.revision + 1


# --- who ---


def is_asked(session: Session, task: CircuitTask, person: Person, now: datetime) -> bool:
    """By themselves, or for whom they stand in."""
    return person.pseudonym in addressed(session, task, now)


def addressed(session: Session, task: CircuitTask, now: datetime) -> dict[str, Person]:
    """By pseudonym, who may answer today."""
    day, found = now.date(), {}
    for person in people.list_people(session):
        if person.ended_at is None and people.works_in(person, task.entity) and _is_among(session, task, person, day):
            found[person.pseudonym] = person
    return {name: person for name, person in found.items() if not _is_barred(session, task, name, now)}


def _is_among(session: Session, task: CircuitTask, person: Person, day: date) -> bool:
    roles = people.roles_of(session, person.pseudonym, day, task.entity)
    stands_for = {person.pseudonym, *(each.giver for each in people.delegations_to(session, person.pseudonym, day))}
    for kind, name in task.asked:
        if kind == "role" and name in roles:
            return True
        if kind == "groupe" and any(group.name == name for one in stands_for for group in people.groups_of(session, one, task.entity, day)):
            return True
        if kind == "personne":
            meant = people.find(session, name) or people.find_by_pseudonym(session, name)
            if meant is not None and meant.pseudonym in stands_for:
                return True
    return False


def _is_barred(session: Session, task: CircuitTask, pseudonym: str, now: datetime) -> bool:
    return any(people.are_one(session, str(other), pseudonym, task.since, now) for other in task.not_by)


def bar_of(session: Session, task: CircuitTask, person: Person, now: datetime) -> str:
    """Why this person may not answer, in French; empty: they may."""
    if _is_barred(session, task, person.pseudonym, now):
        return "une autre personne doit répondre : vous, ou qui vous remplace, avez répondu à une étape précédente"
    return "" if is_asked(session, task, person, now) else "cette tâche est demandée à quelqu'un d'autre"


def waiting_for(session: Session, entity: str, person: Person, now: datetime) -> list[CircuitTask]:
    """What this person may answer, what is due first at the top."""
    day, barred = now.date(), now
    open_now = records.open_tasks(session, entity)
    return [task for task in open_now if _is_among(session, task, person, day) and not _is_barred(session, task, person.pseudonym, barred)]


# --- deadlines ---


def remind(session: Session, workstation: Workstation, run: CircuitRun, command: Remind | Escalate, now: datetime) -> None:
    """Before the deadline those who are asked; after it whoever is named, who may then answer, too."""
    task = next((each for each in records.tasks_of(session, run) if each.serial == command.serial and each.kind in ("task", "form")), None)
    if isinstance(command, Remind):
        if task is not None:
            _tell(session, workstation, task, addressed(session, task, now), "remind", now, command.key)
        return
    if task is not None:
        if list(command.to) not in task.asked:
            task.asked = [*task.asked, list(command.to)]
            task.revision += 1
        _tell(session, workstation, task, addressed(session, task, now), "late", now, command.key)
        return
    if run.approval_id is not None:
        # An approval is the approvers' alone: whoever is named is told, and sees to it.
        place = ("late", command.serial, run.step)
        if _of_serial(session, run, command.serial, "late") is None:
            approval = session.get(Task, run.approval_id)
            words = f"Approbation attendue depuis le {command.due:%d/%m/%Y} : {approval.title if approval else run.step}"
            # Who is told of an approval by its own reminders hears of its lateness once: the page shows it, no second e-mail leaves.
            silent = approval is not None and prompts.reminds_of(session, workstation, approval)
            _open(session, workstation, run, place, words, command.to, SEEN_ANSWERS, None, (), now, silent=silent)


def _tell(
    session: Session, workstation: Workstation, task: CircuitTask, asked: Mapping[str, Person], what: str, now: datetime, key: str = ""
) -> None:
    """One e-mail a person and occasion, where there is a mail server and the account has an address; the page tells anyway."""
    if not workstation.settings.mail.host:
        return
    for person in asked.values():
        if not person.email or not mail.ADDRESS.fullmatch(person.email):
            continue
        language = notices.language_of(session, person, workstation.settings.language)
        subject = TITLES[what][language == "en"].format(title=task.title)
        due = date.fromisoformat(task.due).strftime("%d/%m/%Y") if task.due else "–"
        link = f"{workstation.settings.server.public_address}/formulaires/{task.id}"
        body = _BODIES[language].format(name=notices.name_of(person), title=task.title, due=due, link=link)
        name = f"circuit-task-{task.id}-{what}-{key}-{person.pseudonym}"
        mail.put_mail(session, task.entity, name, person.email, subject[:200], body, now, task.document_id)
