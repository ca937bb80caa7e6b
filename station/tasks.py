"""What people are asked to decide: approvals of invoices and the questions that come with them; each act with its entry in the ledger.

An approval is of what was shown. When the values, the account or the pages change, it is void and asked again. Every act says which state
of the task it was made on, and of two at once exactly one finds it so.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station import accounting_words, deadlines, notices
from station.acts import actor_of
from station.records import documents, people
from station.records import review as reviews
from station.records import tasks as records
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Document, FieldRow, InvoiceStanding, Person, Review, Task, TaskEvent
from station.records.tasks import APPROVAL, CANCELLED, DONE, OPEN, QUESTION, Seat
from station.records.totals import look_since, looked_through
from station.workstation import Workstation
from workflow.approvals import AreOne, Bar, Bound, Chosen, Step, Table, bar_of, choose_step
from workflow.invoicing import EXPORTED, MOVES, InvoiceState, move_invoice
from workflow.roles import Role

AT_ONCE = 200
"""Documents looked at in one transaction."""
LATELY = timedelta(minutes=15)
"""A page looks at what changed since then; the turns in the background look at all."""
MOST_WORDS = 2000
ANSWERING = frozenset({Role.CLERK, Role.APPROVER, Role.COMPLIANCE})
"""Whom a question may be asked: who may open its page."""
HANDING = frozenset({Role.APPROVER, Role.COMPLIANCE})
"""Who may give a task of somebody else to another."""
TOO_LATE = frozenset({InvoiceState.POSTED, InvoiceState.PAYMENT_SENT, InvoiceState.PAID, InvoiceState.CANCELLED})
"""States in which nobody is asked any more, whatever changes."""
Choose: TypeAlias = Callable[[Mapping[str, FieldRow], Settings], Chosen]
"""Who is to approve an invoice: a pure choice over its values, which circuits may replace."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """Who is asked: a person (pseudonym), else a group, else a role."""

    role: str = ""
    group: str = ""
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an act; not done, `wrong` is a key under `approval.wrong-…` of the words, and nothing was decided."""

    done: bool
    wrong: str = ""
    by: str = ""
    """Pseudonym of who was faster."""
    changes: tuple[str, ...] = ()
    """Names of the values that are others now."""
    following: int | None = None
    """The task that came of it: the second approval, the one asked again."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts, on which state of the task, and what they were shown."""

    person: Person
    revision: int
    digest: str = ""
    reason: str = ""


# --- asking ---


def open_task(
    session: Session,
    workstation: Workstation,
    document: Document,
    asked: Addressed,
    why: dict[str, Any],
    at: datetime,
    *,
    rule: tuple[str, str] = ("", ""),
    place: tuple[int, int] = (1, 1),
    round: int = 0,
    barred: Collection[str] = (),
) -> Task:
    """An approval of an invoice as it is now. `rule`: its id and version; `place`: which of how many; `round` 0: a new one begins;
    `barred`: who took part otherwise, and does not approve either."""
    bound = bound_of(session, document)
    prepared, since = records.preparers_of(session, document)
    prepared |= frozenset(barred)
    task = Task(
        entity=document.entity, document_id=document.id, kind=APPROVAL, title=_title_of(document, bound), why=why, role=asked.role,
        group_name=asked.group, person=asked.person, state=OPEN,
        due=deadlines.due_day(session, workstation.settings, document, documents.best_rows(document)),
        round=round or records.last_round(session, document.id) + 1, place=place[0], needed=place[1], bound=asdict(bound),
        prepared_by=sorted(prepared), prepared_since=since, rule=rule[0], rule_version=rule[1], opened_by="system", opened_at=at,
    )  # fmt: skip
    session.add(task)
    session.flush()
    _enter(session, task, "opened", None, at, {"why": why})
    notices.tell_task(session, workstation, task, addressed_people(session, task, at, practice=_is_practice(workstation)), at)
    return task


def _is_practice(workstation: Workstation) -> bool:
    return workstation.settings.sealing.mode == "practice"


def chosen_step(best: Mapping[str, FieldRow], settings: Settings) -> Chosen:
    """The house's own choice, by amount; a `Choose`."""
    steps = [Step(step.below, step.role, step.group, step.person, step.two) for step in settings.approvals]
    amount = _value(best, "total_gross")
    return choose_step(steps, _amount_or_none(amount), _value(best, "currency"))


def ask_approval(session: Session, workstation: Workstation, document: Document, at: datetime, choose: Choose = chosen_step) -> Task | None:
    """The review is submitted: whoever is to approve is asked, unless this very thing is asked or approved already."""
    if not records.is_payable(document, document.entity):
        return None
    # Of two who submit at once, the second waits here and finds what the first one asked.
    session.execute(sa.select(Document.id).where(Document.id == document.id).with_for_update())
    standing, now = records.standing_of(session, document.id), bound_of(session, document)
    if standing is not None and standing.state in TOO_LATE:
        return None
    current = records.round_of(session, document.id, records.last_round(session, document.id))
    waits = next((task for task in current if task.state == OPEN), None)
    if waits is not None and Bound(**waits.bound) == now:
        # Somebody else submitted the same again: they prepared it, too.
        waits.prepared_by = sorted({*waits.prepared_by, *records.preparers_of(session, document)[0]})
        return None
    if waits is None and _stands(current, now):
        return None
    _void(session, current, now, at)
    _move(session, document, InvoiceState.IN_REVIEW, "system", at)
    if asked_by_circuits(workstation.settings):
        # `station.circuits` sees that the review was submitted, and asks as its rules say.
        return None
    chosen = choose(documents.best_rows(document), workstation.settings)
    asked = _addressed_by(session, chosen.step)
    needed = 2 if chosen.step.two else 1
    return open_task(session, workstation, document, asked, asdict(chosen.why), at, rule=(chosen.rule, chosen.version), place=(1, needed))


def asked_by_circuits(settings: Settings) -> bool:
    """Whether circuits say who approves; a house that wrote steps into its settings keeps them until it takes them out."""
    return not settings.approvals


def ask_for_circuit(
    session: Session,
    workstation: Workstation,
    document: Document,
    asked: Addressed,
    why: dict[str, Any],
    at: datetime,
    *,
    rule: tuple[str, str],
    place: tuple[int, int],
    barred: Collection[str],
) -> Task:
    """An approval for which a circuit waits; `why` names its run and serial number, and what its answers are called there."""
    standing = records.standing_of(session, document.id)
    if standing is None or standing.state == InvoiceState.REFUSED:
        _move(session, document, InvoiceState.IN_REVIEW, "system", at)
    round = records.last_round(session, document.id) if place[0] > 1 else 0
    return open_task(session, workstation, document, asked, why, at, rule=rule, place=place, round=round, barred=barred)


def call_off(session: Session, task: Task, at: datetime) -> None:
    """The circuit asks it no more."""
    if task.state == OPEN:
        _cancel(session, task, "withdrawn", None, at)


def note_refused(session: Session, document: Document, by: str, at: datetime) -> None:
    """A circuit ended with a refusal that no approver spoke."""
    standing = records.standing_of(session, document.id)
    if standing is not None and InvoiceState.REFUSED in MOVES[InvoiceState(standing.state)]:
        _move(session, document, InvoiceState.REFUSED, by, at)


def _addressed_by(session: Session, step: Step) -> Addressed:
    named = people.find(session, step.person) if step.person else None
    if named is not None:
        return Addressed(person=named.pseudonym)
    return Addressed(group=step.group) if step.group else Addressed(role=step.role)


def bound_of(session: Session, document: Document) -> Bound:
    """What an approval of this document would be about now."""
    best = documents.best_rows(document)
    _, root = records.sealed_afresh(session, document.id)
    names = ("supplier_name", "supplier_siren", "invoice_number", "total_gross", "currency", "iban", "total_net", "total_tax", "due_date")
    supplier, siren, number, gross, currency, iban, net, tax, due = (_value(best, name) for name in names)
    conversion = accounting_words.said_of(session, document, best).conversion
    rate = str(conversion.rate) if conversion is not None else ""
    return Bound(root, supplier, siren, number, gross, currency, iban.replace(" ", ""), document.document_type or "", net, tax, due, rate)


def _value(best: Mapping[str, FieldRow], name: str) -> str:
    return (best[name].value or "") if name in best else ""


def _amount_or_none(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _title_of(document: Document, bound: Bound) -> str:
    return " · ".join(part for part in (bound.supplier or bound.siren, bound.number) if part)[:300] or document.title[:300]


# --- who may ---


Seats: TypeAlias = Mapping[str, tuple[Person, Seat]]
"""By pseudonym, who works in an entity and as whom they are asked."""


def seats_in(session: Session, entity: str, day: date, *, practice: bool = True) -> Seats:
    """`practice` False: without the practice accounts, which nobody can enter on an installation that seals for good."""
    house = people.house_on(session, entity, day)
    found: dict[str, tuple[Person, Seat]] = {}
    for name, person in house.people.items():
        if person.practice and not practice:
            continue
        roles = house.roles[name]
        names = frozenset({name, *house.lent[name]}) if Role.APPROVER in roles else frozenset({name})
        groups = frozenset(group for each in names for group in house.groups.get(each, ()))
        found[name] = (person, Seat(name, roles, names, groups))
    return found


def addressed_people(
    session: Session, task: Task, now: datetime, seats: Seats | None = None, *, practice: bool = True
) -> dict[str, Person]:
    """By pseudonym, who is asked and may act today; of an approval without those who are barred from it."""
    seats = seats_in(session, task.entity, now.date(), practice=practice) if seats is None else seats
    asked = {name: person for name, (person, seat) in seats.items() if is_asked(task, seat)}
    if task.kind == QUESTION or not asked:
        return asked
    table, are_one = table_of(session, task), _ones_since(session, task.prepared_since, now)
    return {name: person for name, person in asked.items() if bar_of(name, table, are_one) is None}


def able_people(session: Session, task: Task, now: datetime, seats: Seats) -> dict[str, Person]:
    """To whom an approval may be given: approvers who are not barred from it, asked or not."""
    table, are_one = table_of(session, task), _ones_since(session, task.prepared_since, now)
    approvers = {name: person for name, (person, seat) in seats.items() if Role.APPROVER in seat.roles}
    return {name: person for name, person in approvers.items() if bar_of(name, table, are_one) is None}


def seat_of(session: Session, person: Person, entity: str, day: date) -> Seat:
    """As whom a person is asked things on a day."""
    roles = people.roles_of(session, person.pseudonym, day, entity) if people.works_in(person, entity) else frozenset()
    lent = people.lenders_of(session, person.pseudonym, entity, day)
    names = frozenset({person.pseudonym, *lent}) if Role.APPROVER in roles else frozenset({person.pseudonym})
    groups = frozenset(group.name for name in names for group in people.groups_of(session, name, entity, day))
    # Until the end of that day: whoever is asked now is compared with what was begun before.
    mandates = people.mandates_of(session, person.pseudonym, datetime.combine(day, time.max, UTC))
    return Seat(person.pseudonym, roles, names, groups, mandates)


def is_asked(task: Task, seat: Seat) -> bool:
    """Whether this person is among those addressed, by themselves or as a deputy."""
    if task.kind == QUESTION:
        return task.person == seat.pseudonym
    if Role.APPROVER not in seat.roles:
        return False
    if task.person is not None:
        return task.person in seat.stands_for
    return task.group_name in seat.groups if task.group_name else task.role in seat.roles


def bar_for(session: Session, task: Task, person: Person, now: datetime) -> Bar | None:
    """Why this person may not decide this approval; None: they may."""
    seat = seat_of(session, person, task.entity, now.date())
    are_one = _ones_since(session, task.prepared_since, now)
    approver = Role.APPROVER in seat.roles
    return bar_of(person.pseudonym, table_of(session, task), are_one, approver=approver, addressed=is_asked(task, seat))


def _ones_since(session: Session, since: datetime, now: datetime) -> AreOne:
    pairs = people.pairs_since(session, since, now)
    return lambda first, second: first == second or frozenset((first, second)) in pairs


def table_of(session: Session, task: Task) -> Table:
    """Who prepared, who approved before in this round, and who gave it to whom."""
    together = records.round_of(session, task.document_id, task.round)
    approved = tuple(each.decided_by for each in together if each.decision == "approved" and each.decided_by)
    document = documents.get_document(session, task.document_id)
    prepared = frozenset(map(str, task.prepared_by)) | records.preparers_of(session, document)[0]
    return Table(prepared, approved, records.handed_over(session, together), frozenset(map(str, task.why.get("confirmed", ()))))


# --- deciding ---


def approve(session: Session, workstation: Workstation, task: Task, act: Act) -> Outcome:
    """Yes to what was shown; with the last yes the invoice is « bon à payer »."""
    return _decide(session, workstation, task, act, "approved")


def send_back(session: Session, workstation: Workstation, task: Task, act: Act) -> Outcome:
    """Neither yes nor no: it goes back to be checked, with its reason, where the circuit has such an answer."""
    if "returned" not in task.why.get("answers", {}):
        return Outcome(False, "state")
    return _decide(session, workstation, task, act, "returned") if act.reason.strip() else Outcome(False, "reason")


def refuse(session: Session, workstation: Workstation, task: Task, act: Act) -> Outcome:
    """No, with its reason."""
    return _decide(session, workstation, task, act, "refused") if act.reason.strip() else Outcome(False, "reason")


def _decide(session: Session, workstation: Workstation, task: Task, act: Act, decision: str) -> Outcome:
    now = workstation.clock()
    trouble = _trouble(session, workstation, task, act, now)
    if trouble is not None:
        return trouble
    bar = bar_for(session, task, act.person, now)
    if bar is not None:
        return Outcome(False, str(bar))
    standing = records.standing_of(session, task.document_id)
    after = {"approved": InvoiceState.APPROVED, "refused": InvoiceState.REFUSED}.get(decision)
    if standing is not None and after is not None and after not in MOVES[InvoiceState(standing.state)]:
        return Outcome(False, "state")
    if not records.claim(session, task, act.revision):
        return _faster(task)
    task.state, task.decision, task.decided_by, task.decided_at = DONE, decision, act.person.pseudonym, now
    task.reason = act.reason.strip()[:MOST_WORDS] or None
    session.flush()
    _enter(session, task, decision, act.person, now, {"reason": task.reason or ""})
    for question in records.questions_of(session, task):
        if question.state == OPEN:
            _cancel(session, question, "decided", act.person, now)
    document = documents.get_document(session, task.document_id)
    if decision == "approved" and task.place < task.needed:
        # A circuit hears of it, and asks the second person itself.
        return Outcome(True, following=None if "run" in task.why else _ask_second(session, workstation, task, document, now).id)
    if after is not None:
        _move(session, document, after, act.person.pseudonym, now)
    if decision == "approved":
        _end_unopened(session, task, now)
    if decision == "refused":
        _give_back(session, workstation, task, act.person, now)
    return Outcome(True)


def _end_unopened(session: Session, task: Task, now: datetime) -> None:
    """Nobody has to look through what was sure and is approved."""
    review = session.get(Review, task.document_id)
    if review is not None and review.done_at is None and reviews.is_settled(review):
        review.stage, review.done_at = "done", now


def _give_back(session: Session, workstation: Workstation, task: Task, by: Person, now: datetime) -> None:
    """Who reviewed it has it again, at the head of their queue, and is told why."""
    review = session.get(Review, task.document_id)
    if review is None:
        return
    to = reviews.return_review(session, review, reviews.REFUSED, task.reason or "", by.pseudonym, now)
    reader = people.find_by_pseudonym(session, to) if to else None
    if reader is not None:
        notices.tell_refused(session, workstation, task, by, reader, now)


def _ask_second(session: Session, workstation: Workstation, first: Task, document: Document, now: datetime) -> Task:
    """The same step, another person. One that was addressed to a single person goes to the role: nobody is two."""
    asked = Addressed(group=first.group_name) if first.group_name else Addressed(role=first.role or Role.APPROVER)
    return open_task(
        session, workstation, document, asked, first.why, now, rule=(first.rule, first.rule_version),
        place=(first.place + 1, first.needed), round=first.round,
    )  # fmt: skip


def _trouble(session: Session, workstation: Workstation, task: Task, act: Act, now: datetime) -> Outcome | None:
    """What stands against deciding: closed meanwhile, other values, an account that waits, a review that goes on."""
    if task.state != OPEN or task.revision != act.revision:
        return _faster(task)
    document = documents.get_document(session, task.document_id)
    if task.kind == APPROVAL:
        shown = Bound(**task.bound)
        again = recheck(session, workstation, document, now)
        if task.state != OPEN:
            return Outcome(False, task.decision or "gone", changes=shown.changes(bound_of(session, document)), following=again)
        if act.digest != shown.digest():
            return Outcome(False, "changed")
        if reviews.pending_accounts(session, task.entity, document.id):
            return Outcome(False, "account")
        review = session.get(Review, document.id)
        if review is not None and not reviews.is_settled(review):
            return Outcome(False, "review")
    return None


def _faster(task: Task) -> Outcome:
    if task.state == OPEN:
        return Outcome(False, "moved")
    return Outcome(False, "closed" if task.state == CANCELLED else "faster", by=task.decided_by or "")


# --- an act by its name ---


def carry_out(session: Session, workstation: Workstation, task: Task, choice: str, act: Act, login: str = "") -> Outcome | None:
    """What a button or a program names: approve, refuse, return, answer; with a colleague's `login` ask, delegate, reassign.

    None where that is not offered of such a task.
    """
    alone = {
        (APPROVAL, "approve"): approve, (APPROVAL, "refuse"): refuse, (APPROVAL, "return"): send_back, (QUESTION, "answer"): answer,
    }.get((task.kind, choice))  # fmt: skip
    if alone is not None:
        return alone(session, workstation, task, act)
    together = {"ask": ask_question, "delegate": delegate, "reassign": reassign}.get(choice)
    if together is None or task.kind != APPROVAL:
        return None
    to = people.find(session, login.strip())
    return Outcome(False, "nobody") if to is None else together(session, workstation, task, act, to)


# --- asking back, handing on ---


def ask_question(session: Session, workstation: Workstation, task: Task, act: Act, to: Person) -> Outcome:
    """Somebody is asked something; the approval stays open meanwhile, and the answer comes back to who asked."""
    now, text = workstation.clock(), act.reason.strip()[:MOST_WORDS]
    trouble = _trouble(session, workstation, task, act, now)
    bar = bar_for(session, task, act.person, now)
    if trouble is not None or bar is not None:
        return trouble or Outcome(False, str(bar))
    if not text:
        return Outcome(False, "question")
    if to.pseudonym == act.person.pseudonym or not may_answer(session, to, task.entity, now):
        return Outcome(False, "person")
    if not records.claim(session, task, act.revision):
        return _faster(task)
    asked = Task(
        entity=task.entity, document_id=task.document_id, kind=QUESTION, title=task.title, why={"text": ""}, role="", group_name="",
        person=to.pseudonym, due=task.due, state=OPEN, round=task.round, place=task.place, needed=1, parent_id=task.id, question=text,
        bound=task.bound, prepared_by=[], prepared_since=now, rule="question", rule_version="", opened_by=act.person.pseudonym,
        opened_at=now,
    )  # fmt: skip
    session.add(asked)
    session.flush()
    _enter(session, task, "asked", act.person, now, {"question": text, "to": to.pseudonym, "question-task": asked.id})
    notices.tell_question(session, workstation, asked, act.person, to, now)
    return Outcome(True, following=asked.id)


def answer(session: Session, workstation: Workstation, question: Task, act: Act) -> Outcome:
    """The answer goes back to who asked."""
    now, text = workstation.clock(), act.reason.strip()[:MOST_WORDS]
    if question.state != OPEN or question.revision != act.revision:
        return _faster(question)
    if act.person.pseudonym != question.person or not may_answer(session, act.person, question.entity, now):
        return Outcome(False, str(Bar.NOT_ADDRESSED))
    if not text:
        return Outcome(False, "answer")
    if not records.claim(session, question, act.revision):
        return _faster(question)
    question.state, question.decision, question.decided_by, question.decided_at = DONE, "answered", act.person.pseudonym, now
    question.reason = text
    _enter(session, question, "answered", act.person, now, {"reason": text, "to": question.opened_by})
    asker = people.find_by_pseudonym(session, question.opened_by)
    if asker is not None:
        notices.tell_answer(session, workstation, question, act.person, asker, now)
    return Outcome(True, following=question.parent_id)


def may_answer(session: Session, person: Person, entity: str, now: datetime) -> bool:
    """Whether this person may open the page on which a question is answered."""
    here = person.ended_at is None and people.works_in(person, entity)
    return here and bool(ANSWERING & people.roles_of(session, person.pseudonym, now.date(), entity))


def delegate(session: Session, workstation: Workstation, task: Task, act: Act, to: Person) -> Outcome:
    """Who is asked gives it to another approver, with a reason; from then on both are one pair of eyes for this invoice."""
    bar = bar_for(session, task, act.person, workstation.clock())
    return Outcome(False, str(bar)) if bar is not None else _hand(session, workstation, task, act, to, "delegated")


def reassign(session: Session, workstation: Workstation, task: Task, act: Act, to: Person) -> Outcome:
    """Somebody who may not decide it gives it to an approver who may; never one who prepared the values."""
    now = workstation.clock()
    held = people.roles_of(session, act.person.pseudonym, now.date(), task.entity)
    bar = bar_for(session, task, act.person, now)
    if bar is Bar.PREPARED or not HANDING & held or not people.works_in(act.person, task.entity):
        return Outcome(False, str(bar or Bar.NOT_ADDRESSED))
    return _hand(session, workstation, task, act, to, "reassigned")


def _hand(session: Session, workstation: Workstation, task: Task, act: Act, to: Person, what: str) -> Outcome:
    now = workstation.clock()
    trouble = _trouble(session, workstation, task, act, now)
    if trouble is not None:
        return trouble
    if task.kind != APPROVAL or not act.reason.strip():
        return Outcome(False, "reason")
    if to.pseudonym in (act.person.pseudonym, task.person) or to.ended_at is not None:
        return Outcome(False, "person")
    if bar_for(session, task, to, now) not in (None, Bar.NOT_ADDRESSED):
        return Outcome(False, "person")
    if not records.claim(session, task, act.revision):
        return _faster(task)
    task.person, task.group_name, task.role = to.pseudonym, "", Role.APPROVER
    session.flush()
    _enter(session, task, what, act.person, now, {"to": to.pseudonym, "reason": act.reason.strip()[:MOST_WORDS]})
    notices.tell_task(session, workstation, task, addressed_people(session, task, now, practice=_is_practice(workstation)), now)
    return Outcome(True)


def cancel_tasks(session: Session, document_id: str, entity: str, decision: str, at: datetime) -> None:
    """Nothing is asked of this document any more; `decision` says why: gone, withdrawn."""
    for task in records.open_tasks(session, entity, document_id):
        _cancel(session, task, decision, None, at)


def _cancel(session: Session, task: Task, decision: str, person: Person | None, at: datetime, changes: Sequence[str] = ()) -> None:
    task.state, task.decision, task.decided_at, task.revision = CANCELLED, decision, at, task.revision + 1
    session.flush()
    _enter(session, task, "cancelled", person, at, {"why": decision, "changes": list(changes)})
    for question in records.questions_of(session, task):
        if question.state == OPEN:
            _cancel(session, question, decision, person, at)


# --- whether a yes still stands ---


def is_approved(session: Session, document: Document) -> bool:
    """« Bon à payer », asked of the values as they are now: whatever pays or posts asks this, not the noted state."""
    standing = records.standing_of(session, document.id)
    if standing is None or standing.state != InvoiceState.APPROVED or not records.is_payable(document, document.entity):
        return False
    current = records.round_of(session, document.id, records.last_round(session, document.id))
    return _stands(current, bound_of(session, document))


def stands_approved(session: Session, document: Document) -> bool:
    """Whether every approval that it needs was given of the values as they are now, wherever the invoice stands."""
    current = records.round_of(session, document.id, records.last_round(session, document.id))
    return records.is_payable(document, document.entity) and _stands(current, bound_of(session, document))


def _stands(current: Sequence[Task], now: Bound) -> bool:
    yes = [task for task in current if task.state == DONE and task.decision == "approved" and Bound(**task.bound).covers(now)]
    return bool(current) and len(yes) >= current[0].needed


def _void(session: Session, current: Sequence[Task], there: Bound, now: datetime) -> bool:
    """Whether something of this round was asked or approved of other values; it counts no more."""
    asked = [task for task in current if task.state in (OPEN, DONE) and task.decision != "refused"]
    # What is still asked is shown with all that is known; what was approved stands while it covers what is there.
    other = [each for each in asked if not (Bound(**each.bound) == there or (each.state == DONE and Bound(**each.bound).covers(there)))]
    for task in other:
        changes = Bound(**task.bound).changes(there)
        if task.state == OPEN:
            _cancel(session, task, "changed", None, now, changes)
        else:
            # Who approved stays to be read.
            task.state, task.revision = CANCELLED, task.revision + 1
            _enter(session, task, "voided", None, now, {"changes": list(changes)})
    return bool(other)


def recheck(session: Session, workstation: Workstation, document: Document, now: datetime) -> int | None:
    """Compare what was asked or approved with what is there now. Where it differs, it is void and asked again: the new task's number."""
    standing = records.standing_of(session, document.id)
    entity = standing.entity if standing else document.entity
    if standing is not None:
        standing.seen = document.revision
    if not records.is_payable(document, entity):
        cancel_tasks(session, document.id, entity, "gone", now)
        if standing is not None and standing.state == InvoiceState.APPROVED:
            _move(session, document, InvoiceState.IN_REVIEW, "system", now)
        if standing is not None:
            standing.entity = document.entity
        return None
    current, there = records.round_of(session, document.id, records.last_round(session, document.id)), bound_of(session, document)
    settled = any(task.decision == "refused" for task in current) or (standing is not None and standing.state in TOO_LATE)
    if settled or not _void(session, current, there, now):
        return None
    if standing is not None and standing.state == InvoiceState.APPROVED:
        _move(session, document, InvoiceState.IN_REVIEW, "system", now)
    review = session.get(Review, document.id)
    if review is None or not reviews.is_settled(review) or reviews.pending_accounts(session, document.entity, document.id):
        # Asked again once it is submitted, or once the account is decided.
        return None
    asked = ask_approval(session, workstation, document, now)
    return asked.id if asked else None


def tend_approvals(workstation: Workstation) -> None:
    """Compare whatever changed."""
    while catch_up(workstation, whole=True) == AT_ONCE:
        pass


def catch_up(workstation: Workstation, limit: int = AT_ONCE, *, whole: bool = False) -> int:
    """At most so many documents of those that changed lately; returns how many. Writes only where something changed. `whole`: of all, as
    far as `look_since` asks for it."""
    with workstation.database.reading() as session:
        since = look_since(session, "approvals", workstation.clock()) if whole else workstation.clock() - LATELY
        if not records.changed_documents(session, 1, since):
            if since is None:
                looked_through(session, "approvals")
            return 0
    with workstation.database.writing() as session:
        changed = records.changed_documents(session, limit, since)
        for document in changed:
            recheck(session, workstation, document, workstation.clock())
        return len(changed)


# --- where the invoice stands ---


def tell_state(session: Session, document: Document, after: InvoiceState, by: str, at: datetime) -> bool:
    """A channel outside told where an invoice stands; whether that was to be expected. `by`: the channel's name."""
    standing = _move(session, document, after, by, at, outside=True)
    return standing.expected


def move_state(session: Session, document: Document, after: InvoiceState, by: str, at: datetime) -> InvoiceStanding:
    """This house moves an invoice (`by`: pseudonym). Raises `workflow.invoicing.UnexpectedMove`."""
    return _move(session, document, after, by, at)


def _move(session: Session, document: Document, after: InvoiceState, by: str, at: datetime, *, outside: bool = False) -> InvoiceStanding:
    """Raises `workflow.invoicing.UnexpectedMove` of a move that this house would make itself."""
    standing = records.standing_of(session, document.id)
    move = move_invoice(InvoiceState(standing.state) if standing else None, after, outside=outside)
    if standing is None:
        standing = InvoiceStanding(document_id=document.id, entity=document.entity, state="", since=at, by=by, expected=True, seen=0)
        session.add(standing)
    standing.seen = document.revision
    if move is not None:
        standing.state, standing.since, standing.by, standing.expected = move.after, at, by[:40], move.expected
        if move.after in EXPORTED and standing.exported_at is None:
            standing.exported_at = at
        actor = SYSTEM
        person = people.find_by_pseudonym(session, by)
        if person is not None:
            actor = actor_of(person)
        told = {"from": move.before or "", "to": move.after, "expected": move.expected} | ({"channel": by} if outside else {})
        append_event(session, Event(document.entity, "state", {"document": document.id}, actor, at, "system", told))
    session.flush()
    return standing


def _enter(session: Session, task: Task, what: str, person: Person | None, at: datetime, told: dict[str, Any]) -> None:
    """One line of the task's history and its ledger entry: bound to the sealed file and, in the payload, to the values it is about."""
    actor = SYSTEM if person is None else actor_of(person)
    event = TaskEvent(
        task_id=task.id, entity=task.entity, document_id=task.document_id, what=what, actor=actor.pseudonym, at=at, told=told
    )  # fmt: skip
    session.add(event)
    newest, _ = records.sealed_afresh(session, task.document_id)
    objects = {"document": task.document_id} | ({"archive": newest} if newest else {})
    addressed = {"role": task.role, "group": task.group_name, "person": task.person or ""}
    payload = {
        "what": what, "task": task.id, "kind": task.kind, "round": task.round, "place": task.place, "needed": task.needed,
        "addressed": addressed, "values": task.bound, "rule": task.rule, "rule-version": task.rule_version, **told,
    }  # fmt: skip
    append_event(session, Event(task.entity, "task", objects, actor, at, "system", payload))
