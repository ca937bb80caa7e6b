"""What circuits ask at the desk: what waits for me, each question or form on its page, and why a document is where it is.

Plain forms, no script. Every answer says which state of the task it was given on; what a field cannot be is said beside it, and what was
typed stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import circuit_tasks, circuits, dunning, rule_versions
from station.access import Act as Reading
from station.acts import shown_document
from station.records import circuits as records
from station.records import people
from station.records.circuits import DONE, OPEN
from station.records.documents import Unknown
from station.records.tables import (
    AgendaRow,
    CircuitRun,
    CircuitStep,
    CircuitTask,
    CircuitVersion,
    DecisionMade,
    Document,
    Person,
    RuleVersion,
)
from station.rule_versions import NotInForce
from station.stored import rule_values_in
from station.web import access, desk, show
from station.web.dunning import show_chore
from station.web.grants import may
from station.web.show import Badge
from station.web.wards import typed_form
from station.web.words import Words
from workflow.circuit import Ask, Circuit, Field, State, Write, local_day
from workflow.circuit import Form as FormStep
from workflow.phrases import PhraseFailed, one_line, written
from workflow.tracing import explain
from workflow.vocabulary import Kind, Misread, Value, Variable, shown, value_of

router = APIRouter()
ADDRESS = "/formulaires"
VIEWS = ("miennes", "equipe", "faites")
MOST = 200
"""Lines of one list."""
Typed: TypeAlias = Annotated[tuple[tuple[str, str], ...] | None, Depends(typed_form)]
FIELD = "champ-"
"""Before the name of a field, so that no field is mistaken for the answer or the revision."""


@dataclass(frozen=True, slots=True)
class Card:
    """One line of the list."""

    number: int
    title: str
    kind: str
    circuit: str
    document: str
    asked: str
    due: "Due | None"
    done: str = ""
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    day: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form."""

    name: str
    label: str
    kind: str
    """text, decimal, date or choice."""
    value: str
    needed: bool
    hint: str
    unit: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    code: str
    label: str
    letter: tuple[str, str, str] | None = None
    """To, subject and text of the e-mail that leaves at once when it is pressed."""


# --- the list ---


@router.get(ADDRESS)
def forms_page(request: Request, person: desk.SignedIn, vue: str = "miennes") -> Response:
    """What waits for me; what waits for anybody; what I answered."""
    circuits.catch_up(desk.house_of(request))
    workstation, t, entity = desk.workstation_of(request), desk.words_of(request), desk.entity_of(request)
    view, now = vue if vue in VIEWS else "miennes", workstation.clock()
    with workstation.database.reading() as session:
        mine = circuit_tasks.waiting_for(session, entity, person, now)
        everyone, chores = records.open_tasks(session, entity), _chores(request, session)
        rows = {"miennes": mine, "equipe": everyone}.get(view) or (
            records.done_by(session, entity, person.pseudonym, MOST) if view == "faites" else []
        )
        return desk.show(
            request,
            "forms.html",
            view=view,
            counts={"miennes": len(mine) + len(chores), "equipe": len(everyone), "faites": None},
            more=max(0, len(rows) - MOST),
            cards=[_card(session, task, t, now, whole=view == "equipe") for task in rows[:MOST]],
            chores=[show_chore(session, row, t, t.today(now)) for row in chores[:MOST]] if view == "miennes" else [],
        )


def _chores(request: Request, session: Session) -> list[AgendaRow]:
    """Calls and addresses that reminders wait for, of whoever may do them: what is due first at the top."""
    if not may(desk.roles_here(request), "POST", "/relances/taches/{number}"):
        return []
    return dunning.chores_of(session, desk.entity_of(request))


def _card(session: Session, task: CircuitTask, t: Words, now: datetime, *, whole: bool) -> Card:
    run = session.get_one(CircuitRun, task.run_id)
    document = session.get(Document, task.document_id) if task.document_id else None
    done = ""
    if task.state == DONE and task.answered_at is not None:
        label = dict(map(tuple, task.answers)).get(task.answer or "", task.answer or "")
        done = t("circuit.answered-on", what=label, at=t.moment(task.answered_at))
    return Card(
        number=task.id,
        title=task.title,
        kind=t(f"circuit.kind-{task.kind}"),
        circuit=session.get_one(CircuitVersion, run.version_id).title,
        document=document.title if document is not None and not document.confidential else "",
        asked=_asked_words(session, task, t),
        due=_due(task, t, now),
        done=done,
        nobody=whole and task.state == OPEN and not circuit_tasks.addressed(session, task, now),
    )


def _due(task: CircuitTask, t: Words, now: datetime) -> Due | None:
    if task.due is None:
        return None
    day, today = date.fromisoformat(task.due), t.today(now)
    left = (day - today).days
    words = t("approval.due-today") if left == 0 else t.count("approval.due-in" if left > 0 else "approval.due-late", abs(left))
    return Due(t.day(day), Badge(words, "bad" if left < 0 else "watch" if left <= 1 else "calm", "clock"))


def _asked_words(session: Session, task: CircuitTask, t: Words) -> str:
    told = []
    for kind, name in task.asked:
        if kind == "role":
            told.append(t("approval.to-role", role=t.known("role", name)))
        elif kind == "groupe":
            told.append(t("approval.to-group", group=name))
        else:
            told.append(t("approval.to-person", who=_login(session, name)))
    return " · ".join(told)


def _login(session: Session, name: str) -> str:
    person = people.find_by_pseudonym(session, name) or people.find(session, name)
    return (person.name or person.login) if person is not None else name


# --- one task ---


@router.get(f"{ADDRESS}/{{number}}")
def form_page(request: Request, person: desk.SignedIn, number: int) -> Response:
    """What is asked, what it rests on, the fields and the buttons of whoever may answer."""
    circuits.catch_up(desk.house_of(request))
    with desk.workstation_of(request).database.reading() as session:
        return _page(request, session, person, number)


@router.post(f"{ADDRESS}/{{number}}")
def answer_form(request: Request, person: desk.SignedIn, number: int, typed: Typed) -> Response:
    """The answer, or the page again with what stands against it (422: typed, 409: it went on meanwhile)."""
    sent = {name: text[:2000] for name, text in typed or ()}
    workstation, entity = desk.workstation_of(request), desk.entity_of(request)
    with workstation.database.writing() as session:
        task = records.get_task(session, entity, number)
        if task is None:
            raise HTTPException(404)
        run = session.get_one(CircuitRun, task.run_id)
        values, wrong = _typed_values(session, request, run, task, sent)
        if wrong:
            return _page(request, session, person, number, 422, wrong, sent)
        revision = int(sent.get("revision") or -1) if (sent.get("revision") or "").isdigit() else -1
        fed = circuits.answer_task(session, desk.house_of(request), task, person, sent.get("answer", ""), values, revision)
        if not fed.taken:
            moved = task.state != OPEN or task.revision != revision
            return _page(request, session, person, number, 409 if moved else 422, fed.reasons, sent)
        stays = task.state == OPEN
    if stays:
        return desk.go_to(request, f"{ADDRESS}/{number}", "flash.form-filled")
    return desk.go_to(request, ADDRESS, "flash.form-answered")


def _typed_values(
    session: Session, request: Request, run: CircuitRun, task: CircuitTask, sent: Mapping[str, str]
) -> tuple[dict[str, Value], tuple[str, ...]]:
    circuit = _circuit_of(session, request, run)
    activity = circuit.steps.get(task.step) if circuit is not None else None
    if circuit is None or not isinstance(activity, FormStep) or task.kind != "form":
        return {}, ()
    values: dict[str, Value] = {}
    wrong = []
    for field in activity.fields:
        variable, text = circuit.vocabulary[field.variable], sent.get(FIELD + field.variable, "").strip()
        value = read_typed(variable, text)
        if isinstance(value, Misread):
            wrong.append(f"« {variable.label} » : {value.message}")
        elif text or variable.optional:
            values[field.variable] = value
    return values, tuple(wrong)


def read_typed(variable: Variable, text: str) -> Value | Misread:
    """What a person typed, as they write it: « 1 234,50 », « 31/12/2026 ». Empty is None."""
    if not text:
        return None
    if variable.kind is Kind.TEXT:
        return " ".join(text.split())
    if variable.kind in (Kind.AMOUNT, Kind.NUMBER, Kind.WHOLE):
        text = text.replace("€", "").replace("\u00a0", "").replace("\u202f", "").replace(" ", "").replace(",", ".")
    return value_of(variable, text)


def _circuit_of(session: Session, request: Request, run: CircuitRun) -> Circuit | None:
    rules = {name: session.get_one(RuleVersion, int(number)) for name, number in run.rules.items()}
    try:
        return rule_versions.circuit_of(session.get_one(CircuitVersion, run.version_id), rules, desk.workstation_of(request).settings)
    except NotInForce:
        return None


def _page(
    request: Request,
    session: Session,
    person: Person,
    number: int,
    status: int = 200,
    wrong: tuple[str, ...] = (),
    sent: Mapping[str, str] | None = None,
) -> Response:
    t, entity, now = desk.words_of(request), desk.entity_of(request), desk.workstation_of(request).clock()
    task = records.get_task(session, entity, number)
    if task is None:
        return desk.show(request, "form_gone.html", 404)
    document = None
    if task.document_id:
        try:
            document = shown_document(session, task.document_id)
        except Unknown:
            return desk.show(request, "form_gone.html", 404)
        access.note_document(request, person, Reading.SEEN, document.id)
    run = session.get_one(CircuitRun, task.run_id)
    circuit, state = _circuit_of(session, request, run), circuits.state_of(run)
    bar = circuit_tasks.bar_of(session, task, person, now) if task.state == OPEN else ""
    inputs = _inputs(circuit, state, task, sent or {}) if circuit is not None and state is not None else []
    return desk.show(
        request,
        "form.html",
        status,
        task=task,
        card=_card(session, task, t, now, whole=False),
        document=document,
        circuit=circuit,
        version=session.get_one(CircuitVersion, run.version_id),
        version_shown=version_shown,
        findings=show.show_findings(document.findings, t) if document is not None else [],
        run=run,
        inputs=inputs,
        buttons=_buttons(circuit, state, task),
        fills=_fills(circuit, task),
        known=[(label, text) for label, text in _known(circuit, state, {each.name for each in inputs})],
        bar=bar,
        answers=task.state == OPEN and not bar,
        wrong=wrong,
    )


def _fills(circuit: Circuit | None, task: CircuitTask) -> frozenset[str]:
    """Buttons that fill fields and stay on the page."""
    activity = circuit.steps.get(task.step) if circuit is not None else None
    return frozenset(activity.fills) if isinstance(activity, FormStep) else frozenset()


def _inputs(circuit: Circuit, state: State, task: CircuitTask, sent: Mapping[str, str]) -> list[Input]:
    activity = circuit.steps.get(task.step)
    if not isinstance(activity, FormStep) or task.kind != "form":
        return []
    return [_input(circuit.vocabulary[field.variable], field, state, sent) for field in activity.fields]


def _input(variable: Variable, field: Field, state: State, sent: Mapping[str, str]) -> Input:
    value = state.values.get(variable.name)
    text = sent.get(FIELD + variable.name) if FIELD + variable.name in sent else None
    if text is None:
        text = "" if value is None else value.isoformat() if isinstance(value, date) else _as_typed(variable, value)
    kind = {Kind.DATE: "date", Kind.CHOICE: "choice", Kind.YES_NO: "choice", Kind.TEXT: "text"}.get(variable.kind, "decimal")
    choices = variable.choices if variable.kind is Kind.CHOICE else (("oui", "oui"), ("non", "non")) if variable.kind is Kind.YES_NO else ()
    unit = "€" if variable.kind is Kind.AMOUNT else variable.unit
    return Input(variable.name, variable.label, kind, text, field.needed, field.hint, unit, choices)


def _as_typed(variable: Variable, value: Value) -> str:
    if isinstance(value, str):
        return value
    return shown(variable, value).removesuffix(" €").removesuffix(f" {variable.unit}")


def _buttons(circuit: Circuit | None, state: State | None, task: CircuitTask) -> list[Button]:
    activity = circuit.steps.get(task.step) if circuit is not None else None
    targets = {each.code: each.target for each in activity.answers} if isinstance(activity, Ask | FormStep) else {}
    return [Button(code, label, _letter(circuit, state, targets.get(code, ""))) for code, label in task.answers]


def _letter(circuit: Circuit | None, state: State | None, target: str) -> tuple[str, str, str] | None:
    """The e-mail that an answer leads to, as it would leave now."""
    activity = circuit.steps.get(target) if circuit is not None else None
    if circuit is None or state is None or not isinstance(activity, Write):
        return None
    try:
        to, subject, body = (written(each, circuit.vocabulary, state.values) for each in (activity.to, activity.subject, activity.body))
    except PhraseFailed:
        return None
    return one_line(to), one_line(subject), body


def _known(circuit: Circuit | None, state: State | None, without: set[str]) -> list[tuple[str, str]]:
    if circuit is None or state is None:
        return []
    names = [name for name in circuit.vocabulary if name in state.values and name not in without]
    told = [(circuit.vocabulary[name].label, shown(circuit.vocabulary[name], state.values[name])) for name in names]
    return [(label, text) for label, text in told if text]


# --- where a document stands, and why ---


@dataclass(frozen=True, slots=True)
class ShownDecision:
    title: str
    at: str
    rule: str
    inputs: tuple[tuple[str, str], ...]
    told: tuple[str, ...]
    """What the table said of each line, and the smallest change that would have fired it."""


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One circuit of a document, for its pages."""

    number: int
    title: str
    version: int
    meaning: str
    stands: str
    badge: Badge
    rules_of: str
    trouble: str
    decisions: tuple[ShownDecision, ...] = ()
    steps: tuple[tuple[str, str, str], ...] = ()


@router.get("/documents/{document_id}/circuits")
def why_page(request: Request, document_id: str) -> Response:
    """« Pourquoi ? »: each circuit of a document, its steps, its decisions line by line."""
    circuits.catch_up(desk.house_of(request))
    with desk.workstation_of(request).database.reading() as session:
        document = shown_document(session, document_id)
        t = desk.words_of(request)
        found = [_shown_run(session, request, run, t, whole=True) for run in records.runs_of(session, document.id)]
        return desk.show(request, "circuits.html", document=document, runs=found, waiting=_waiting(session, document, t))


def version_shown(version: RuleVersion | CircuitVersion) -> str:
    """The one hash by which people are told a version: of its text, twelve digits, as the studio's page of that version shows it. A
    circuit has its own, its tables theirs: both are named, and neither changes with the other."""
    return version.sha256[:12]


def runs_shown(session: Session, request: Request, document: Document, t: Words) -> list[ShownRun]:
    """For the page of the document: the newest of each circuit."""
    newest: dict[str, CircuitRun] = {}
    for run in records.runs_of(session, document.id):
        newest.setdefault(run.circuit, run)
    return [_shown_run(session, request, run, t, whole=False) for run in newest.values()]


def _waiting(session: Session, document: Document, t: Words) -> list[tuple[int, str, str]]:
    return [(task.id, task.title, _asked_words(session, task, t)) for task in records.open_tasks(session, document.entity, document.id)]


def _shown_run(session: Session, request: Request, run: CircuitRun, t: Words, *, whole: bool) -> ShownRun:
    version, circuit = session.get_one(CircuitVersion, run.version_id), _circuit_of(session, request, run)
    step = circuit.steps[run.step].title if circuit is not None and run.step in circuit.steps else run.step
    ended = run.outcome or "–"
    stands = {"ended": t("circuit.ended", outcome=ended), "stuck": t("circuit.stuck", step=step)}.get(
        run.standing, t("circuit.stands", step=step)
    )
    looks = {"ended": ("calm", "circle-check"), "stuck": ("bad", "triangle-alert")}.get(run.standing, ("busy", "hourglass"))
    return ShownRun(
        number=run.id,
        title=version.title,
        version=version.number,
        meaning=version_shown(version),
        stands=stands,
        badge=Badge(t(f"circuit.standing-{run.standing}"), *looks),
        rules_of=t.day(local_day(run.submitted_at)),
        trouble=run.trouble or "",
        decisions=tuple(_shown_decision(session, made, t) for made in records.decisions_of(session, run)) if whole else (),
        steps=tuple(_shown_step(session, each, circuit, t) for each in records.steps_of(session, run)) if whole else (),
    )


def _shown_step(session: Session, each: CircuitStep, circuit: Circuit | None, t: Words) -> tuple[str, str, str]:
    def title(name: str) -> str:
        return circuit.steps[name].title if circuit is not None and name in circuit.steps else name or "–"

    who = "" if each.actor == "system" else _login(session, each.actor)
    words = t(f"circuit.event-{each.event}", before=title(each.before), after=title(each.after), who=who)
    beside = str(each.told.get("reason") or "")
    if each.told.get("answer"):
        beside = str(each.told["answer"])
    return t.moment(each.at), words, beside


def _shown_decision(session: Session, made: DecisionMade, t: Words) -> ShownDecision:
    """The same decision, told by the very text by which it was made."""
    rule, inputs = session.get_one(RuleVersion, made.rule_id), rule_values_in(made.inputs)
    try:
        rules = rule_versions.rules_of(rule)
        table = rules.tables[made.table]
        told = explain(rules, made.table, inputs, t.language).told()[1:]
        labels = tuple((each.label, shown(each, inputs.get(each.name)) or "–") for each in table.inputs)
        title = table.title or made.table
    except (NotInForce, LookupError) as error:
        told, labels, title = (str(error),), (), made.table
    named = t("circuit.rule", rule=made.rules, number=rule.number, version=version_shown(rule))
    return ShownDecision(title, t.moment(made.at), named, labels, told)
