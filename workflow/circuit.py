"""A circuit: a graph of activities that one document goes through, and the pure function that takes it one happening further.

`step` knows no clock and no database: what happened is handed in with its time, what is to be done comes out as commands. The same
state and happening give the same answer. Each command has a key that is the same on a repetition: whoever carries it out can do it once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from workflow.calendar import FRANCE, Calendar, add_business_days, is_business_day, move_earlier, move_later
from workflow.phrases import Phrase, PhraseFailed, has_break, one_line, written
from workflow.tables import Decision, Refused, RuleSet, Table, applies, decide
from workflow.vocabulary import Value, Vocabulary, refusal

PARIS = ZoneInfo("Europe/Paris")
"""Days of deadlines and launches are those of Paris."""


# --- what a circuit is made of ---


@dataclass(frozen=True, slots=True)
class Span:
    """« 3 jours ouvrés », « 10 jours »."""

    count: int
    business: bool

    def after(self, day: date, calendar: Calendar) -> date:
        return add_business_days(calendar, day, self.count) if self.business else day + timedelta(days=self.count)

    def before(self, day: date, calendar: Calendar) -> date:
        return add_business_days(calendar, day, -self.count) if self.business else day - timedelta(days=self.count)


@dataclass(frozen=True, slots=True)
class Whom:
    """A group, a role or a person; the name may come from a value."""

    kind: Literal["groupe", "role", "personne"]
    name: Phrase


@dataclass(frozen=True, slots=True)
class Ways:
    """Where it goes on: the first line that applies. Line names are numbers; `targets` are the steps, in the same order."""

    table: Table
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    code: str
    label: str
    target: str


@dataclass(frozen=True, slots=True)
class Call:
    """A named look-up or service of the installation: its parameters from values, its results into values."""

    name: str
    takes: Mapping[str, str]
    """Parameter and variable."""
    gives: Mapping[str, str]
    """Variable and result."""


@dataclass(frozen=True, slots=True)
class Decide:
    """`decision`: a table of the rules, whose results become values."""

    name: str
    title: str
    rules: str
    table: str
    ways: Ways


@dataclass(frozen=True, slots=True)
class Consult:
    """`consulter`: a named look-up; where nothing is found it goes on at `absent`."""

    name: str
    title: str
    call: Call
    ways: Ways
    absent: str


@dataclass(frozen=True, slots=True)
class Service:
    """`service`: a named connector, called once and repeated by whoever carries it out; where it fails for good it goes on at `failed`."""

    name: str
    title: str
    call: Call
    ways: Ways
    failed: str


@dataclass(frozen=True, slots=True)
class Escalation:
    after: Span
    whom: Whom


@dataclass(frozen=True, slots=True)
class Timing:
    """Deadline of a task or form, the reminder before it, and who is told after it."""

    within: Span | None = None
    remind: Span | None = None
    escalations: tuple[Escalation, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """`tache`: a question to a person, with answers. `twice`: answers that two different persons must give."""

    name: str
    title: str
    subject: Phrase
    whom: Whom
    answers: tuple[Answer, ...]
    timing: Timing
    twice: frozenset[str] = frozenset()
    other_than: tuple[str, ...] = ()
    """Steps whose answerer must be somebody else."""


@dataclass(frozen=True, slots=True)
class Field:
    variable: str
    needed: bool
    hint: str


@dataclass(frozen=True, slots=True)
class Form:
    """`formulaire`: fields of the vocabulary; a button goes on, or calls a service that fills fields (`fills`)."""

    name: str
    title: str
    subject: Phrase
    whom: Whom
    fields: tuple[Field, ...]
    answers: tuple[Answer, ...]
    fills: Mapping[str, tuple[str, Call]]
    """Button, its label and what it calls."""
    timing: Timing


@dataclass(frozen=True, slots=True)
class Write:
    """`courriel`: a letter by e-mail, put out once."""

    name: str
    title: str
    to: Phrase
    subject: Phrase
    body: Phrase
    target: str


@dataclass(frozen=True, slots=True)
class Wait:
    """`attendre`: until a date, for a time, or until a condition holds, at most for a time."""

    name: str
    title: str
    until: str | None
    """Variable of type date."""
    within: Span | None
    condition: Table | None
    target: str
    late: str | None
    """Where it goes on when the condition did not come in time."""


@dataclass(frozen=True, slots=True)
class End:
    """`fin`: the circuit is over; `outcome` says how, in a word."""

    name: str
    title: str
    outcome: str


Activity: TypeAlias = Decide | Consult | Form | Ask | Write | Service | Wait | End


@dataclass(frozen=True, slots=True)
class Launch:
    """What begins a circuit: a document of which a condition holds, a time of day, or the change of certain values."""

    kind: Literal["document", "heure", "changement"]
    condition: Table | None = None
    at: time | None = None
    business: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Circuit:
    """`version`: SHA-256 of what the file says and of the rules that it uses."""

    name: str
    title: str
    version: str
    vocabulary: Vocabulary
    rules: Mapping[str, RuleSet]
    launches: tuple[Launch, ...]
    start: str
    steps: Mapping[str, Activity]


def ways_out(activity: Activity) -> tuple[tuple[str, str], ...]:  # noqa: PLR0911 (one case each)
    """Where an activity can go on, each way with a few French words: for drawings and for the checks."""
    match activity:
        case Decide(ways=ways):
            return _told_ways(ways)
        case Consult(ways=ways, absent=absent):
            return (*_told_ways(ways), ("introuvable", absent))
        case Service(ways=ways, failed=failed):
            return (*_told_ways(ways), ("en échec", failed))
        case Ask(answers=answers) | Form(answers=answers):
            return tuple((answer.label, answer.target) for answer in answers)
        case Write(target=target):
            return (("", target),)
        case Wait(target=target, late=late):
            return (("", target), *((("trop tard", late),) if late else ()))
        case End():
            return ()


def _told_ways(ways: Ways) -> tuple[tuple[str, str], ...]:
    told = []
    for line, target in zip(ways.table.lines, ways.targets, strict=True):
        tests = zip(ways.table.inputs, line.tests, strict=True)
        told.append((", ".join(f"{each.label} : {test.text}" for each, test in tests if not test.always), target))
    return tuple(told)


# --- what happens, what is to be done ---


@dataclass(frozen=True, slots=True)
class Started:
    at: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Answered:
    """A person answered the task or form of this serial number."""

    at: datetime
    serial: int
    answer: str
    by: str
    """Pseudonym."""
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up or service gave; None: nothing was found, or it failed for good."""

    at: datetime
    serial: int
    results: Mapping[str, Value] | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The document's values are these now."""

    at: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Ticked:
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancelled:
    at: datetime
    by: str
    reason: str
    outcome: str = "abandon"
    """What became of it: only whoever gave it up abandoned it."""


Event: TypeAlias = Started | Answered | Found | Changed | Ticked | Cancelled


@dataclass(frozen=True, slots=True)
class OpenTask:
    key: str
    serial: int
    step: str
    title: str
    to: tuple[str, str]
    """« groupe », « role » or « personne », and the name."""
    answers: tuple[tuple[str, str], ...]
    due: date | None
    not_by: tuple[str, ...] = ()
    """Pseudonyms who must not answer."""


@dataclass(frozen=True, slots=True)
class ShowForm:
    key: str
    serial: int
    step: str
    title: str
    to: tuple[str, str]
    fields: tuple[Field, ...]
    values: Mapping[str, Value]
    buttons: tuple[tuple[str, str], ...]
    due: date | None


@dataclass(frozen=True, slots=True)
class CloseTask:
    serial: int


@dataclass(frozen=True, slots=True)
class Remind:
    key: str
    serial: int
    due: date


@dataclass(frozen=True, slots=True)
class Escalate:
    key: str
    serial: int
    to: tuple[str, str]
    due: date


@dataclass(frozen=True, slots=True)
class LookUp:
    key: str
    serial: int
    source: str
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class CallService:
    key: str
    serial: int
    service: str
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class SendMail:
    key: str
    to: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Wake:
    """Tick on this day at the latest."""

    day: date


@dataclass(frozen=True, slots=True)
class Decided:
    """To be kept with its rule, version and hash."""

    step: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Stuck:
    """The step cannot go on, and why; a change of the values tries it again. Nothing takes a default way."""

    step: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotTaken:
    """What happened does not fit, and changed nothing: an answer to an older task, of the same person twice, a value of another type."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    outcome: str


Command: TypeAlias = (
    OpenTask | ShowForm | CloseTask | Remind | Escalate | LookUp | CallService | SendMail | Wake | Decided | Stuck | NotTaken | Ended
)


class Standing(StrEnum):
    RUNNING = "running"
    STUCK = "stuck"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Alarm:
    day: date
    what: Literal["remind", "escalate", "arrived", "late"]
    number: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Where a document stands in its circuit. `serial` counts the steps begun: an answer names the one that it answers."""

    circuit: str
    version: str
    step: str
    serial: int
    values: Mapping[str, Value]
    standing: Standing = Standing.RUNNING
    due: date | None = None
    alarms: tuple[Alarm, ...] = ()
    agreed: tuple[str, str] | None = None
    """First of two persons, and what they answered."""
    answered: tuple[tuple[str, str], ...] = ()
    """Step and pseudonym, in order."""
    filling: str | None = None
    """Button of the form whose service is being asked."""
    outcome: str = ""


# --- the pure step ---


class WrongCircuit(ValueError):
    """The state is of another circuit or version: a document stays with the version it began with."""


def step(circuit: Circuit, state: State | None, event: Event, calendar: Calendar = FRANCE) -> tuple[State, tuple[Command, ...]]:  # noqa: PLR0911 (one case each)
    """What becomes of the state, and what is to be done. Raises WrongCircuit, and ValueError for a first event that starts nothing."""
    if isinstance(event, Started):
        return _start(circuit, event, calendar)
    if state is None:
        raise ValueError("nothing was started")
    if (state.circuit, state.version) != (circuit.name, circuit.version):
        raise WrongCircuit(f"{state.circuit} {state.version[:12]}")
    if state.standing is Standing.ENDED:
        return state, (NotTaken(("le circuit est terminé",)),)
    match event:
        case Answered():
            return _answer(circuit, state, event, calendar)
        case Found():
            return _found(circuit, state, event, calendar)
        case Changed():
            return _changed(circuit, state, event, calendar)
        case Ticked():
            return _ticked(circuit, state, event, calendar)
        case Cancelled():
            ended = replace(state, standing=Standing.ENDED, outcome=event.outcome, due=None, alarms=())
            return ended, (CloseTask(state.serial), Ended(event.outcome))


def local_day(moment: datetime) -> date:
    """Raises ValueError for a time without zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(PARIS).date()


def _start(circuit: Circuit, event: Started, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:
    empty: dict[str, Value] = {each.name: None for each in circuit.vocabulary.values() if each.optional}
    values, reasons = _merged(circuit, empty, event.values)
    state = State(circuit.name, circuit.version, circuit.start, 0, values)
    if reasons:
        return replace(state, standing=Standing.STUCK), (Stuck(circuit.start, reasons),)
    return _enter(circuit, state, circuit.start, event.at, calendar)


def _merged(circuit: Circuit, old: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Values of the vocabulary, and what cannot be taken; other names are not the circuit's business."""
    values, reasons = dict(old), []
    for name, value in new.items():
        variable = circuit.vocabulary.get(name)
        reason = refusal(variable, value) if variable else None
        if variable and reason:
            reasons.append(f"« {variable.label} » : {reason}")
        elif variable:
            values[name] = value
    return values, tuple(reasons)


def _enter(circuit: Circuit, state: State, name: str, at: datetime, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:
    """Begin a step, and go on as long as nothing is waited for. No circle of such steps exists: loading refuses it."""
    commands: list[Command] = []
    target: str | None = name
    while target is not None:
        state = replace(
            state, step=target, serial=state.serial + 1, standing=Standing.RUNNING, due=None, alarms=(), agreed=None, filling=None
        )
        try:
            state, told, target = _begin(circuit, state, circuit.steps[target], local_day(at), calendar)
        except _NotReady as error:
            state, told, target = replace(state, standing=Standing.STUCK), (Stuck(state.step, error.reasons),), None
        commands += told
    if state.alarms:
        commands.append(Wake(min(alarm.day for alarm in state.alarms)))
    return state, tuple(commands)


class _NotReady(Exception):
    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = reasons


_Begun: TypeAlias = tuple[State, tuple[Command, ...], str | None]


def _begin(circuit: Circuit, state: State, activity: Activity, today: date, calendar: Calendar) -> _Begun:  # noqa: PLR0911 (one case each)
    key = f"{state.serial}:{state.step}"
    match activity:
        case Decide():
            decision = decide(circuit.rules[activity.rules], activity.table, state.values)
            if isinstance(decision, Refused):
                raise _NotReady(*decision.reasons)
            state = replace(state, values={**state.values, **decision.result})
            return state, (Decided(state.step, decision),), _way(activity.ways, state.values)
        case Consult(call=call):
            return state, (LookUp(key, state.serial, call.name, _parameters(circuit, call, state)),), None
        case Service(call=call):
            return state, (CallService(key, state.serial, call.name, _parameters(circuit, call, state)),), None
        case Ask():
            state = _timed(state, activity.timing, today, calendar)
            return state, (_task(circuit, state, activity, key),), None
        case Form():
            state = _timed(state, activity.timing, today, calendar)
            return state, (_form(circuit, state, activity, key),), None
        case Write():
            to, subject, body = (_filled(circuit, state, each) for each in (activity.to, activity.subject, activity.body))
            if not to.strip():
                raise _NotReady("le courriel n'a pas de destinataire")
            if has_break(to.strip()):  # What is joined to one line could become another recipient.
                raise _NotReady("le destinataire du courriel tient sur une ligne, sans caractère de commande")
            return state, (SendMail(key, to.strip(), one_line(subject), body),), activity.target
        case Wait():
            return _begin_wait(circuit, state, activity, today, calendar)
        case End():
            return replace(state, standing=Standing.ENDED, outcome=activity.outcome), (Ended(activity.outcome),), None


def _way(ways: Ways, values: Mapping[str, Value]) -> str:
    found = applies(ways.table, values)
    if isinstance(found, tuple):
        raise _NotReady(*found)
    if found is None:
        raise _NotReady("aucune suite ne s'applique à ces valeurs")
    return ways.targets[int(found.name) - 1]


def _filled(circuit: Circuit, state: State, phrase: Phrase) -> str:
    try:
        return written(phrase, circuit.vocabulary, state.values)
    except PhraseFailed as error:
        raise _NotReady(str(error)) from error


def _addressed(circuit: Circuit, state: State, whom: Whom) -> tuple[str, str]:
    name = one_line(_filled(circuit, state, whom.name))
    if not name:
        raise _NotReady(f"personne n'est désigné ({whom.kind})")
    return whom.kind, name


def _parameters(circuit: Circuit, call: Call, state: State) -> dict[str, Value]:
    missing = [circuit.vocabulary[name].label for name in call.takes.values() if name not in state.values]
    if missing:
        raise _NotReady(*(f"« {label} » : la valeur manque" for label in missing))
    return {parameter: state.values[name] for parameter, name in call.takes.items()}


def _timed(state: State, timing: Timing, today: date, calendar: Calendar) -> State:
    """The deadline and its alarms: what comes before it moves earlier, what comes after it later."""
    if timing.within is None:
        return state
    due = timing.within.after(today, calendar)
    alarms = [Alarm(move_earlier(calendar, timing.remind.before(due, calendar)), "remind")] if timing.remind else []
    for number, each in enumerate(timing.escalations):
        alarms.append(Alarm(move_later(calendar, each.after.after(due, calendar)), "escalate", number))
    return replace(state, due=due, alarms=tuple(sorted(alarms, key=lambda alarm: alarm.day)))


def _task(circuit: Circuit, state: State, ask: Ask, key: str) -> OpenTask:
    barred = tuple(by for name, by in state.answered if name in ask.other_than)
    return OpenTask(
        key,
        state.serial,
        state.step,
        one_line(_filled(circuit, state, ask.subject)),
        _addressed(circuit, state, ask.whom),
        tuple((answer.code, answer.label) for answer in ask.answers),
        state.due,
        (*barred, *((state.agreed[0],) if state.agreed else ())),
    )


def _form(circuit: Circuit, state: State, form: Form, key: str) -> ShowForm:
    buttons = (*((each.code, each.label) for each in form.answers), *((code, label) for code, (label, _) in form.fills.items()))
    values = {each.variable: state.values.get(each.variable) for each in form.fields}
    subject, to = one_line(_filled(circuit, state, form.subject)), _addressed(circuit, state, form.whom)
    return ShowForm(key, state.serial, state.step, subject, to, form.fields, values, buttons, state.due)


def _begin_wait(circuit: Circuit, state: State, wait: Wait, today: date, calendar: Calendar) -> _Begun:
    if wait.condition is not None:
        if _holds(wait.condition, state.values):
            return state, (), wait.target
        alarms = (Alarm(move_later(calendar, wait.within.after(today, calendar)), "late"),) if wait.within else ()
        return replace(state, alarms=alarms), (), None
    if wait.until is not None:
        day = state.values.get(wait.until)
        if not isinstance(day, date):
            raise _NotReady(f"« {circuit.vocabulary[wait.until].label} » : la valeur manque")
    else:
        day = wait.within.after(today, calendar) if wait.within else today
    return replace(state, alarms=(Alarm(move_later(calendar, day), "arrived"),)), (), None


def _holds(condition: Table, values: Mapping[str, Value]) -> bool:
    """A condition on values of which one is missing does not hold yet."""
    found = applies(condition, values)
    return found is not None and not isinstance(found, tuple)


def _answer(circuit: Circuit, state: State, event: Answered, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:  # noqa: PLR0911 (one case each)
    activity = circuit.steps[state.step]
    if event.serial != state.serial or state.standing is Standing.STUCK or not isinstance(activity, Ask | Form):
        return state, (NotTaken(("cette tâche n'est plus ouverte",)),)
    if isinstance(activity, Form):
        return _form_answer(circuit, state, activity, event, calendar)
    answer = next((each for each in activity.answers if each.code == event.answer), None)
    if answer is None:
        return state, (NotTaken((f"« {event.answer[:40]} » n'est pas une réponse à cette tâche",)),)
    if any(name in activity.other_than and by == event.by for name, by in state.answered):
        return state, (NotTaken(("une autre personne doit répondre : vous avez répondu à une étape précédente",)),)
    if answer.code in activity.twice and (state.agreed is None or state.agreed[1] != answer.code):
        return _second_pair(circuit, state, activity, event)
    if answer.code in activity.twice and state.agreed is not None and state.agreed[0] == event.by:
        return state, (NotTaken(("une deuxième personne doit répondre (quatre yeux)",)),)
    answered = (*state.answered, (state.step, event.by))
    after, commands = _enter(circuit, replace(state, answered=answered), answer.target, event.at, calendar)
    return after, (CloseTask(state.serial), *commands)


def _second_pair(circuit: Circuit, state: State, ask: Ask, event: Answered) -> tuple[State, tuple[Command, ...]]:
    """The same question to somebody else, with the same deadline."""
    first = replace(state, serial=state.serial + 1, agreed=(event.by, event.answer), answered=(*state.answered, (state.step, event.by)))
    return first, (CloseTask(state.serial), _task(circuit, first, ask, f"{first.serial}:{first.step}"))


def _form_answer(circuit: Circuit, state: State, form: Form, event: Answered, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:
    typed = {each.variable: event.values[each.variable] for each in form.fields if each.variable in event.values}
    values, reasons = _merged(circuit, state.values, typed)
    if event.answer in form.fills:
        return (state, (NotTaken(reasons),)) if reasons else _fill(circuit, replace(state, values=values), form, event.answer)
    answer = next((each for each in form.answers if each.code == event.answer), None)
    if answer is None:
        return state, (NotTaken((f"« {event.answer[:40]} » n'est pas un bouton de ce formulaire",)),)
    missing = [circuit.vocabulary[each.variable].label for each in form.fields if each.needed and values.get(each.variable) in (None, "")]
    reasons = (*reasons, *(f"« {label} » : à remplir" for label in missing))
    if reasons:
        return state, (NotTaken(reasons),)
    answered = (*state.answered, (state.step, event.by))
    after, commands = _enter(circuit, replace(state, values=values, answered=answered), answer.target, event.at, calendar)
    return after, (CloseTask(state.serial), *commands)


def _fill(circuit: Circuit, state: State, form: Form, button: str) -> tuple[State, tuple[Command, ...]]:
    if state.filling is not None:
        return state, (NotTaken(("une réponse est déjà attendue : elle remplit le formulaire dès qu'elle arrive",)),)
    call = form.fills[button][1]
    try:
        parameters = _parameters(circuit, call, state)
    except _NotReady as error:
        return state, (NotTaken(error.reasons),)
    return replace(state, filling=button), (CallService(f"{state.serial}:{state.step}:{button}", state.serial, call.name, parameters),)


def _found(circuit: Circuit, state: State, event: Found, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:  # noqa: PLR0911 (one case each)
    activity = circuit.steps[state.step]
    if event.serial != state.serial:
        return state, (NotTaken(("cette réponse vient trop tard",)),)
    if isinstance(activity, Form) and state.filling is not None:
        call = activity.fills[state.filling][1]
        values, reasons = _merged(circuit, state.values, _given(call, event.results or {}))
        filled = replace(state, values=state.values if reasons else values, filling=None)
        told: tuple[Command, ...] = (NotTaken(reasons or ("le service n'a rien donné : remplissez les champs à la main",)),)
        return filled, (
            *(told if reasons or event.results is None else ()),
            _form(circuit, filled, activity, f"{state.serial}:{state.step}"),
        )
    if not isinstance(activity, Consult | Service) or state.standing is Standing.STUCK:
        return state, (NotTaken(("rien n'était demandé",)),)
    if event.results is None:
        return _enter(circuit, state, activity.absent if isinstance(activity, Consult) else activity.failed, event.at, calendar)
    values, reasons = _merged(circuit, state.values, _given(activity.call, event.results))
    missing = [result for result in activity.call.gives.values() if result not in event.results]
    reasons = (*reasons, *(f"« {result} » manque dans la réponse" for result in missing))
    if reasons:
        return replace(state, standing=Standing.STUCK), (Stuck(state.step, reasons),)
    state = replace(state, values=values)
    try:
        target = _way(activity.ways, values)
    except _NotReady as error:
        return replace(state, standing=Standing.STUCK), (Stuck(state.step, error.reasons),)
    return _enter(circuit, state, target, event.at, calendar)


def _given(call: Call, results: Mapping[str, Value]) -> dict[str, Value]:
    return {variable: results[result] for variable, result in call.gives.items() if result in results}


def _changed(circuit: Circuit, state: State, event: Changed, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:
    values, reasons = _merged(circuit, state.values, event.values)
    if reasons:
        return state, (NotTaken(reasons),)
    changed = replace(state, values=values)
    activity = circuit.steps[state.step]
    if state.standing is Standing.STUCK:
        return _enter(circuit, changed, state.step, event.at, calendar)
    if isinstance(activity, Wait) and activity.condition is not None and _holds(activity.condition, values):
        return _enter(circuit, changed, activity.target, event.at, calendar)
    return changed, ()


def _ticked(circuit: Circuit, state: State, event: Ticked, calendar: Calendar) -> tuple[State, tuple[Command, ...]]:
    today = local_day(event.at)
    ripe = [alarm for alarm in state.alarms if alarm.day <= today]
    if not ripe:
        return state, ()
    activity = circuit.steps[state.step]
    later = tuple(alarm for alarm in state.alarms if alarm.day > today)
    if isinstance(activity, Wait):
        late = ripe[0].what == "late" and activity.late is not None
        return _enter(circuit, state, activity.late if late and activity.late else activity.target, event.at, calendar)
    commands: list[Command] = []
    for alarm in ripe:
        key = f"{state.serial}:{state.step}:{alarm.what}:{alarm.number}"
        due = state.due or today
        if alarm.what == "remind" and today <= due:
            commands.append(Remind(key, state.serial, due))
        elif alarm.what == "escalate" and isinstance(activity, Ask | Form):
            commands.append(Escalate(key, state.serial, _addressed(circuit, state, activity.timing.escalations[alarm.number].whom), due))
    if later:
        commands.append(Wake(min(alarm.day for alarm in later)))
    return replace(state, alarms=later), tuple(commands)


# --- what begins a circuit ---


@dataclass(frozen=True, slots=True)
class Appeared:
    """A document was sealed, with these values."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Altered:
    """Of a document these values changed; `values` are all it has now."""

    values: Mapping[str, Value]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Struck:
    """Time went on from one moment (not counted) to another (counted), both with their zone."""

    since: datetime
    until: datetime


def begins(circuit: Circuit, happening: Appeared | Altered | Struck, calendar: Calendar = FRANCE) -> bool | tuple[str, ...]:
    """Whether this begins the circuit; or why that cannot be said: a value that a condition asks for is missing. Never a guess."""
    doubts: list[str] = []
    for launch in circuit.launches:
        match happening:
            case Appeared(values=values) if launch.kind == "document":
                found = _launched(circuit, launch, values)
            case Altered(values=values, names=names) if launch.kind == "changement" and names & launch.names:
                found = _launched(circuit, launch, values)
            case Struck() if launch.kind == "heure":
                found = _struck(launch, happening, calendar)
            case _:
                found = False
        if found is True:
            return True
        if isinstance(found, tuple):
            doubts += found
    return tuple(dict.fromkeys(doubts)) or False


def _launched(circuit: Circuit, launch: Launch, values: Mapping[str, Value]) -> bool | tuple[str, ...]:
    if launch.condition is None:
        return True
    empty: dict[str, Value] = {each.name: None for each in circuit.vocabulary.values() if each.optional}
    found = applies(launch.condition, {**empty, **values})
    return found if isinstance(found, tuple) else found is not None


def _struck(launch: Launch, struck: Struck, calendar: Calendar) -> bool:
    day, last = local_day(struck.since), local_day(struck.until)
    while launch.at is not None and day <= last:
        moment = datetime.combine(day, launch.at, PARIS)
        if struck.since < moment <= struck.until and (not launch.business or is_business_day(calendar, day)):
            return True
        day += timedelta(days=1)
    return False
