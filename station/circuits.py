"""Circuits at work: what happens to a document, or a day that comes, takes its run one step further, in one transaction with the rest.

What comes next says `workflow.circuit.step`, a pure function. Here it is carried out by key: tasks and forms are opened, approvals asked,
letters and calls put into the outbox, decisions kept with rule, version, hash and values. Killed between two steps, the next turn finds
what is to be done in the rows; of two turns at once, exactly one takes a run further. What cannot go on waits as a task of whoever
answers for compliance, with its reason.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config.options import calendar_of
from sealing.ledger import Actor
from sealing.ledger import Event as Entry
from station import circuit_tasks, connectors, facts, lookups, mail, review, rule_versions, tasks
from station.acts import NotOffered, actor_of
from station.lookups import LookupFailed
from station.outbox import Sent
from station.records import circuits as records
from station.records import people
from station.records import review as reviews
from station.records import tasks as approvals
from station.records.circuits import ANSWERED, ENDED, OPEN, RUNNING, SETTLED, STUCK, WAITING, in_force
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import (
    AccountChange,
    CircuitCall,
    CircuitRun,
    CircuitStep,
    CircuitTask,
    CircuitVersion,
    CircuitWatch,
    DecisionMade,
    Document,
    InvoiceStanding,
    OutboxRow,
    Person,
    Review,
    RuleVersion,
    Task,
)
from station.records.tables import State as DocumentState
from station.records.totals import look_since, looked_through
from station.rule_versions import NotInForce
from station.stored import circuit_state_in, circuit_state_out, rule_values_in, rule_values_out
from station.workstation import Workstation
from workflow.circuit import (
    Altered,
    Answered,
    Appeared,
    Ask,
    CallService,
    Cancelled,
    Changed,
    Circuit,
    CloseTask,
    Command,
    Decided,
    Ended,
    Escalate,
    Event,
    Found,
    LookUp,
    NotTaken,
    OpenTask,
    Remind,
    SendMail,
    ShowForm,
    Standing,
    Started,
    State,
    Struck,
    Stuck,
    Ticked,
    Wake,
    WrongCircuit,
    begins,
    local_day,
    step,
)
from workflow.invoicing import EXPORTED, InvoiceState
from workflow.kinds import INVOICES
from workflow.vocabulary import Value

log = logging.getLogger("sceau.circuits")
AT_ONCE = 100
"""Documents, runs or calls of one turn."""
LATELY = timedelta(minutes=15)
"""What changed longer ago is looked for every few minutes only."""
MOST_INLINE = 20
"""Look-ups of one's own records that follow one another in one transaction; what goes on and on is stopped, and told."""
YES, NO, BACK = frozenset({"approuver", "imputer"}), frozenset({"refuser", "contester"}), frozenset({"renvoyer"})
"""Answers by which a task is an approval of an invoice (`station.tasks`): it binds to the values that were shown."""
EXPORT = "export-comptable"
"""The service that answers once the accounts have the invoice."""
ACCEPTED = "iban accepté"
"""Outcome by which two people have accepted an account that waited."""
HELD_SCAN = "numerisation-retenue"
ANEW, GONE = "recommencé", "sans objet"
"""Outcomes of runs that another takes the place of, and of documents that are no more to be treated."""
DOUBT = "doubt"
"""`begun_by` of a run of which it cannot be said yet whether it begins."""
RESTING = frozenset({DocumentState.SEALED, DocumentState.HELD, DocumentState.FAILED, DocumentState.SET_ASIDE})


# --- turns ---


def tend_circuits(workstation: Workstation, *, whole: bool = False) -> None:
    """Everything that waits for no person: what changed, what was decided, what answered, whose day has come."""
    while catch_up(workstation, whole=whole):
        pass
    _ask_outside(workstation)
    while catch_up(workstation):
        pass
    tick(workstation)


def catch_up(workstation: Workstation, *, whole: bool = False) -> int:
    """What changed and what was decided since the last time, at most a hundred of each; returns how many. Writes only where there is
    something to write. Looks at what changed lately; `whole`: at every document, which takes a fifth of a second for a hundred thousand."""
    rule_versions.install_shipped(workstation)
    with workstation.database.reading() as session:
        since = look_since(session, "circuits", workstation.clock()) if whole else workstation.clock() - LATELY
        changed, decided = records.changed_documents(session, AT_ONCE, since), records.decided_runs(session, AT_ONCE)
        answered = [call.id for call in records.calls_in(session, ANSWERED, AT_ONCE)]
        settled = _settled_services(session)
        if since is None and not changed:
            looked_through(session, "circuits")
    done = [_try(workstation, None, partial(_look, workstation=workstation, document_id=each)) for each in changed]
    done += [_try(workstation, each, partial(_hear_decision, workstation=workstation, run_id=each)) for each in decided]
    done += [_try(workstation, None, partial(_note_call, workstation=workstation, settled=each)) for each in settled]
    for number in [*answered, *(each.number for each in settled)]:
        done.append(_try(workstation, None, partial(_hear_call, workstation=workstation, number=number)))
    return sum(done)


def _try(workstation: Workstation, run_id: int | None, work: Callable[[Session], object]) -> bool:
    """One thing in one transaction; what fails in a way that nobody thought of is told, and does not stand before all others."""
    try:
        with workstation.database.writing() as session:
            work(session)
        return True
    except OperationalError:
        raise  # The records cannot be written at all: the turn fails, and the next one comes.
    except Exception as error:
        log.exception("circuits: %s", run_id or work)
        if run_id is not None:
            with workstation.database.writing() as session:
                _stop(
                    session,
                    workstation,
                    session.get_one(CircuitRun, run_id),
                    f"erreur inattendue, notée au journal ({type(error).__name__})",
                )
        return False


def tick(workstation: Workstation, now: datetime | None = None) -> int:
    """Runs whose day has come, and circuits whose time of day has; returns how many steps. `now`: handed in by simulations."""
    at = now or workstation.clock()
    count = _strike(workstation, at)
    with workstation.database.reading() as session:
        due = records.due_runs(session, local_day(at), AT_ONCE * 10)
    for run_id in due:
        count += _try(workstation, run_id, partial(_wake, workstation=workstation, run_id=run_id, at=at))
    return count


@dataclass(frozen=True, slots=True)
class Due:
    """A run that waits for a date which has come by a day."""

    run: int
    circuit: str
    title: str
    """Of the document, or of the circuit where it is about none."""
    step: str
    day: str
    """ISO 8601."""


def due_on(session: Session, day: date, entity: str) -> list[Due]:
    """What waits for a date and would go on by that day; nothing is written. Confidential documents are not named."""
    query = sa.select(CircuitRun).where(CircuitRun.entity == entity, CircuitRun.standing == RUNNING, CircuitRun.wake_on <= day.isoformat())
    found = []
    for run in session.scalars(query.order_by(CircuitRun.wake_on, CircuitRun.id).limit(AT_ONCE * 10)):
        document = session.get(Document, run.document_id) if run.document_id else None
        title = document.title if document is not None and not document.confidential else run.circuit
        found.append(Due(run.id, run.circuit, title, run.step, run.wake_on or ""))
    return found


def _wake(session: Session, workstation: Workstation, run_id: int, at: datetime) -> None:
    run = session.get_one(CircuitRun, run_id)
    if run.standing == RUNNING and run.wake_on is not None and run.wake_on <= local_day(at).isoformat():
        feed(session, workstation, run, Ticked(at), at=at)


def _strike(workstation: Workstation, at: datetime) -> int:
    """Circuits that begin at a time of day: each since it was last looked, and about no document."""
    with workstation.database.reading() as session:
        rows = session.scalars(sa.select(CircuitVersion).where(CircuitVersion.active_from.is_not(None), CircuitVersion.ended_at.is_(None)))
        late = [row.id for row in rows if "heure" in row.text and (row.struck_at or row.active_from or at) < at - timedelta(seconds=30)]
    count = 0
    for number in late:
        with workstation.database.writing() as session:
            row = session.get_one(CircuitVersion, number)
            since, row.struck_at = row.struck_at or row.active_from or at, at
            try:
                circuit = rule_versions.circuit_of(row, in_force(session, RuleVersion, row.entity), workstation.settings)
            except NotInForce as error:
                log.warning("circuit %s: %s", row.name, error)
                continue
            if begins(circuit, Struck(since, at), calendar_of(workstation.settings)) is True:
                start_run(session, workstation, None, row, "heure", {}, at)
                count += 1
    return count


# --- a document changed ---


def _look(session: Session, workstation: Workstation, document_id: str) -> None:
    """Compare a document with what circuits last saw of it, and tell those that it concerns."""
    document, now = session.get(Document, document_id), workstation.clock()
    if document is None:
        return
    found, watch = session.get(Review, document_id), session.get(CircuitWatch, document_id)
    standing = approvals.standing_of(session, document_id)
    if standing is not None and standing.seen != document.revision:
        tasks.recheck(session, workstation, document, now)
    values = facts.facts_of(session, workstation, document)
    digests = facts.digests_of(values)
    if watch is None:
        watch = CircuitWatch(document_id=document_id, entity=document.entity, seen=0, stage="", appeared=False, facts={})
        session.add(watch)
    names = frozenset(name for name in {*digests, *watch.facts} if digests.get(name) != watch.facts.get(name))
    names |= {"iban_change"} if "compte_attend" in names and "iban" in names else set()
    watch.seen, watch.entity, watch.facts = document.revision, document.entity, digests
    watch.stage, watch.submitted_at = (found.stage, found.done_at) if found is not None else ("", None)
    session.flush()
    if document.confidential or document.state not in RESTING:
        _leave(session, workstation, document, "le document n'est plus à traiter", now)
        return
    _tell_runs(session, workstation, document, values, names, now)
    if _is_ready(document, found, values):
        if not watch.appeared:
            watch.appeared = True
            _begin(session, workstation, document, Appeared(values), "document", now)
        _ask_again(session, workstation, document, found, values, now)
    if names:
        _begin(session, workstation, document, Altered(values, names), "changement", now)


def _is_ready(document: Document, found: Review | None, values: Mapping[str, Value]) -> bool:
    """Sealed; an invoice that came in is ready once its review is submitted, or at once where every value is sure, and no account of it
    waits."""
    if document.state != DocumentState.SEALED:
        return False
    if document.document_type not in INVOICES or values.get("sens") == "emise":
        return True
    return found is not None and reviews.is_settled(found)


def _leave(session: Session, workstation: Workstation, document: Document, reason: str, now: datetime) -> None:
    for run in records.runs_of(session, document.id):
        if run.standing != ENDED:
            feed(session, workstation, run, Cancelled(now, "system", reason, GONE), at=now)


def _tell_runs(
    session: Session, workstation: Workstation, document: Document, values: Mapping[str, Value], names: frozenset[str], now: datetime
) -> None:
    """Open runs hear of the values that changed; one that a change began ends when what began it holds no more."""
    for run in records.runs_of(session, document.id):
        if run.standing == ENDED:
            continue
        if run.entity != document.entity:
            feed(session, workstation, run, Cancelled(now, "system", "le document est allé à une autre société", "autre société"), at=now)
            continue
        if run.begun_by == DOUBT:
            _think_again(session, workstation, document, run, values, now)
            continue
        circuit = circuit_for(session, workstation, run)
        told = values if circuit is None else _as_asked(circuit, values)
        changed = {name: told.get(name) for name in names}
        known = {name: value for name, value in changed.items() if circuit is None or name in circuit.vocabulary}
        known = {name: value for name, value in known.items() if value is not None or circuit is None or circuit.vocabulary[name].optional}
        if known:
            feed(session, workstation, run, Changed(now, known), at=now)
        over = circuit is not None and begins(circuit, Altered(told, frozenset(told))) is False
        if run.begun_by == "changement" and over and run.standing != ENDED:
            ended = _word_of_end(session, document, run)
            feed(session, workstation, run, Cancelled(now, "system", "ce qui l'avait lancé ne vaut plus", ended), at=now)


def _as_asked(circuit: Circuit, values: Mapping[str, Value]) -> Mapping[str, Value]:
    """An approval asks whether the account changed as the invoice came; any other circuit whether one waits for a second person now."""
    return values if approves(circuit) else {**values, "iban_change": values.get("compte_attend", False)}


def _word_of_end(session: Session, document: Document, run: CircuitRun) -> str:
    """What became of what had begun a run, where somebody settled it elsewhere."""
    query = sa.select(AccountChange).where(AccountChange.document_id == document.id, AccountChange.decided_at >= run.started_at)
    decided = session.scalars(query.order_by(AccountChange.id.desc()).limit(1)).first()
    if decided is not None and decided.reason != "replaced":
        return ACCEPTED if decided.approved else "iban rejeté"
    if run.circuit == HELD_SCAN:
        return "écarté" if document.state == DocumentState.SET_ASIDE else "repris"
    return "sans objet"


def _begin(session: Session, workstation: Workstation, document: Document, happening: Appeared | Altered, why: str, now: datetime) -> None:
    """Each circuit in force that this begins, unless the document is in it."""
    rules = in_force(session, RuleVersion, document.entity)
    inside = {run.circuit for run in records.runs_of(session, document.id) if run.standing != ENDED}
    for row in in_force(session, CircuitVersion, document.entity).values():
        if row.name in inside:
            continue
        try:
            circuit = rule_versions.circuit_of(row, rules, workstation.settings)
        except NotInForce as error:
            log.warning("circuit %s: %s", row.name, error)
            continue
        told = _as_asked(circuit, happening.values)
        found = begins(circuit, replace(happening, values=told), calendar_of(workstation.settings))
        if approves(circuit) and not tasks.asked_by_circuits(workstation.settings):
            continue
        if found is True:
            start_run(session, workstation, document, row, why, told, now)
        elif isinstance(found, tuple):
            _doubt(session, workstation, document, row, found, now)


def approves(circuit: Circuit) -> bool:
    """Whether it asks for approvals, which the steps of the settings do in a house that has them."""
    return any(isinstance(each, Ask) and _is_approval([answer.code for answer in each.answers]) for each in circuit.steps.values())


def _is_approval(codes: Iterable[str]) -> bool:
    given = frozenset(codes)
    return bool(YES & given) and bool(NO & given)


def _ask_again(
    session: Session, workstation: Workstation, document: Document, found: Review | None, values: Mapping[str, Value], now: datetime
) -> None:
    """An approval is of what was shown: where other values are there now, its circuit begins anew, by the rules of the day on which the
    invoice was submitted. Submitted once more after a refusal, it is a new submission."""
    runs = [run for run in records.runs_of(session, document.id) if run.bound]
    if not runs or not approvals.is_payable(document, document.entity):
        return
    last, standing = runs[0], approvals.standing_of(session, document.id)
    if standing is not None and standing.state in tasks.TOO_LATE:
        return
    if last.standing != ENDED and found is not None and found.done_at is not None and last.started_at < found.done_at:
        current = approvals.round_of(session, document.id, approvals.last_round(session, document.id))
        if any(task.decision == "refused" for task in current):
            # Its approver refused, and whoever reviewed it submitted it again before the circuit came to its end.
            feed(session, workstation, last, Cancelled(now, "system", "la facture a été soumise à nouveau", ANEW), at=now)
            row = in_force(session, CircuitVersion, document.entity).get(last.circuit) or session.get_one(CircuitVersion, last.version_id)
            start_run(session, workstation, document, row, "document", values, now)
            return
    refused = last.standing == ENDED and standing is not None and standing.state == InvoiceState.REFUSED
    again = found is not None and found.done_at is not None and last.ended_at is not None and found.done_at > last.ended_at
    there = tasks.bound_of(session, document)
    if last.bound in (there.digest(), replace(there, rate="").digest()) and not (refused and again):
        return
    if refused and not again:
        return
    if last.standing != ENDED:
        feed(session, workstation, last, Cancelled(now, "system", "les valeurs ont changé : le circuit recommence", ANEW), at=now)
    row = session.get_one(CircuitVersion, last.version_id)
    if refused:
        row = in_force(session, CircuitVersion, document.entity).get(last.circuit) or row
        start_run(session, workstation, document, row, "document", values, now)
    else:
        start_run(session, workstation, document, row, "document", values, now, like=last)


# --- runs ---


def start_run(
    session: Session,
    workstation: Workstation,
    document: Document | None,
    row: CircuitVersion,
    why: str,
    values: Mapping[str, Value],
    now: datetime,
    *,
    like: CircuitRun | None = None,
) -> CircuitRun:
    """A document enters a circuit. `like`: an earlier run of it, whose versions and day of submission hold on."""
    run = _new_run(session, workstation, document, row, why, now, like)
    session.flush()
    circuit = circuit_for(session, workstation, run)
    if circuit is None:
        return run
    run.meaning = circuit.version
    if document is not None and approves(circuit):
        run.bound = tasks.bound_of(session, document).digest()
        run.submitted_at = like.submitted_at if like is not None else _submitted(session, document, now)
    known = {name: value for name, value in values.items() if name in circuit.vocabulary}
    feed(session, workstation, run, Started(now, known), at=now)
    return run


def _new_run(
    session: Session,
    workstation: Workstation,
    document: Document | None,
    row: CircuitVersion,
    why: str,
    now: datetime,
    like: CircuitRun | None,
) -> CircuitRun:
    rules = like.rules if like is not None else _rules_in_force(session, workstation, row)
    run = CircuitRun(
        entity=row.entity, document_id=document.id if document is not None else None, circuit=row.name, version_id=row.id, rules=rules,
        meaning=row.meaning, begun_by=why, submitted_at=like.submitted_at if like is not None else now, started_at=now, state={}, step="",
        standing=RUNNING, outcome="", bound="", revision=0,
    )  # fmt: skip
    session.add(run)
    return run


def _rules_in_force(session: Session, workstation: Workstation, row: CircuitVersion) -> dict[str, Any]:
    """Of the rules in force those that the circuit names; all of them where that cannot be read."""
    rules = in_force(session, RuleVersion, row.entity)
    try:
        named = rule_versions.circuit_of(row, rules, workstation.settings).rules
    except NotInForce:
        named = rules  # type: ignore[assignment]  # names are all that is read of it
    return {name: rules[name].id for name in named}


def _submitted(session: Session, document: Document, now: datetime) -> datetime:
    found = session.get(Review, document.id)
    return found.done_at if found is not None and found.done_at is not None else now


def _doubt(
    session: Session, workstation: Workstation, document: Document, row: CircuitVersion, why: tuple[str, ...], now: datetime
) -> None:  # fmt: skip
    """Whether it begins cannot be said for a value is missing: somebody is told, and the value decides when it comes."""
    run = _new_run(session, workstation, document, row, DOUBT, now, None)
    state = State(row.name, row.meaning, "", 0, {})
    run.state, run.standing, run.trouble = circuit_state_out(replace(state, standing=Standing.STUCK)), STUCK, " ; ".join(why)
    session.flush()
    circuit_tasks.tell_trouble(
        session, workstation, run, "", f"le circuit « {row.title} » ne peut pas dire s'il commence : {run.trouble}", now
    )


def _think_again(
    session: Session, workstation: Workstation, document: Document, run: CircuitRun, values: Mapping[str, Value], now: datetime
) -> None:
    circuit = circuit_for(session, workstation, run)
    values = values if circuit is None else _as_asked(circuit, values)
    found = begins(circuit, Appeared(values)) if circuit is not None else False
    if isinstance(found, tuple):
        return
    circuit_tasks.close_tasks(session, run, now)
    run.standing, run.ended_at, run.outcome, run.trouble = ENDED, now, "sans objet", None
    if found:
        start_run(session, workstation, document, session.get_one(CircuitVersion, run.version_id), "document", values, now)


def circuit_for(session: Session, workstation: Workstation, run: CircuitRun) -> Circuit | None:
    """The very circuit that the run began with; None, and the run waits as a task, where that cannot be read any more."""
    row = session.get_one(CircuitVersion, run.version_id)
    rules = {name: session.get_one(RuleVersion, int(number)) for name, number in run.rules.items()}
    try:
        return rule_versions.circuit_of(row, rules, workstation.settings)
    except NotInForce as error:
        _stop(session, workstation, run, str(error))
        return None


def state_of(run: CircuitRun) -> State | None:
    """None before it was started."""
    return circuit_state_in(run.state) if run.state else None


@dataclass(frozen=True, slots=True)
class Fed:
    """What became of a happening: whether it was taken, else why not, in French."""

    taken: bool
    reasons: tuple[str, ...] = ()


def feed(
    session: Session, workstation: Workstation, run: CircuitRun, event: Event, *, actor: Actor = SYSTEM, at: datetime | None = None
) -> Fed:
    """One happening, and whatever follows of it at once: the state, its row of history, and its effects, in the caller's transaction."""
    now = at or workstation.clock()
    fed = _feed_one(session, workstation, run, event, actor, now)
    for _ in range(MOST_INLINE):
        call = _answered_here(session, run)
        if call is None:
            return fed
        _feed_one(session, workstation, run, _told_by(call, now), SYSTEM, now)
    _stop(session, workstation, run, "il tourne en rond : les mêmes recherches se suivent sans fin")
    return fed


def _feed_one(session: Session, workstation: Workstation, run: CircuitRun, event: Event, actor: Actor, now: datetime) -> Fed:
    circuit = circuit_for(session, workstation, run)
    if circuit is None and not isinstance(event, Cancelled):
        return Fed(False, (run.trouble or "",))
    before = state_of(run)
    if circuit is None or (before is None and isinstance(event, Cancelled)):
        _end(session, run, event.outcome if isinstance(event, Cancelled) else "abandon", actor, now)
        return Fed(True)
    try:
        after, commands = step(circuit, before, event, calendar_of(workstation.settings))
    except (WrongCircuit, ValueError, LookupError, ArithmeticError) as error:
        log.exception("circuit %s, run %s", run.circuit, run.id)
        _stop(session, workstation, run, f"l'étape « {run.step} » a échoué ({type(error).__name__})")
        return Fed(False, (run.trouble or "",))
    refused = tuple(reason for command in commands if isinstance(command, NotTaken) for reason in command.reasons)
    if after == before and refused:
        return Fed(False, refused)
    if not records.claim_run(session, run, run.revision):
        return Fed(False, ("quelqu'un d'autre a été plus rapide",))
    _keep_state(run, after)
    session.add(_step_row(run, event, before, after, commands, actor, now))
    if run.standing != STUCK:
        run.trouble = None
        circuit_tasks.close_trouble(session, run, now)
    session.flush()
    _carry_out(session, workstation, run, circuit, after, commands, event, actor, now)
    return Fed(not refused, refused)


def _keep_state(run: CircuitRun, after: State) -> None:
    run.state, run.step, run.standing, run.outcome = circuit_state_out(after), after.step, str(after.standing), after.outcome[:60]
    run.wake_on = min((alarm.day.isoformat() for alarm in after.alarms), default=None)


def _step_row(
    run: CircuitRun, event: Event, before: State | None, after: State, commands: tuple[Command, ...], actor: Actor, now: datetime
) -> CircuitStep:
    told: dict[str, Any] = {"commands": [type(command).__name__ for command in commands]}
    match event:
        case Answered(answer=answer, values=values):
            told |= {"answer": answer, "values": rule_values_out(values)}
        case Found(results=results):
            told |= {"results": rule_values_out(results) if results is not None else None}
        case Changed(values=values):
            told |= {"names": sorted(values)}
        case Cancelled(reason=reason, outcome=outcome):
            told |= {"reason": reason, "outcome": outcome}
        case _:
            pass
    return CircuitStep(
        entity=run.entity, run_id=run.id, document_id=run.document_id, revision=run.revision, event=type(event).__name__.lower(),
        before=before.step if before else "", after=after.step, told=told, actor=actor.pseudonym, at=now,
    )  # fmt: skip


def _stop(session: Session, workstation: Workstation, run: CircuitRun, why: str) -> None:
    """It waits, as a task of whoever answers for compliance."""
    if run.standing == ENDED or (run.standing == STUCK and run.trouble == why):
        return
    run.standing, run.trouble, run.wake_on = STUCK, why, None
    if run.state:
        run.state = {**run.state, "standing": str(Standing.STUCK)}
    session.flush()
    circuit_tasks.tell_trouble(session, workstation, run, run.step, why, workstation.clock())


def _end(session: Session, run: CircuitRun, outcome: str, actor: Actor, now: datetime) -> None:
    run.standing, run.outcome, run.ended_at, run.wake_on, run.trouble = ENDED, outcome[:60], now, None, None
    circuit_tasks.close_tasks(session, run, now)
    _drop_approval(session, run, now)
    for call in session.scalars(sa.select(CircuitCall).where(CircuitCall.run_id == run.id, CircuitCall.state != SETTLED)):
        call.state = SETTLED
    enter(session, run, "ended", actor, now, {"outcome": outcome})


def enter(session: Session, run: CircuitRun, what: str, actor: Actor, now: datetime, told: Mapping[str, Any]) -> None:
    """The ledger's entry: which circuit in which version, and what was done; never a value of the document."""
    version = session.get_one(CircuitVersion, run.version_id)
    payload = {
        "what": what, "circuit": run.circuit, "number": version.number, "sha256": version.sha256, "run": run.id, "meaning": run.meaning,
        "step": run.step, **told,
    }  # fmt: skip
    objects = {"document": run.document_id} if run.document_id else {}
    append_event(session, Entry(run.entity, "circuit", objects, actor, now, "system", payload))


# --- carrying out ---


def _carry_out(
    session: Session, workstation: Workstation, run: CircuitRun, circuit: Circuit, state: State, commands: tuple[Command, ...],
    event: Event, actor: Actor, now: datetime,
) -> None:  # fmt: skip
    """Each command once, by its key."""
    for number, command in enumerate(commands):
        match command:
            case OpenTask():
                _open(session, workstation, run, circuit, state, command, now)
            case ShowForm():
                circuit_tasks.show_form(session, workstation, run, command, now)
            case CloseTask(serial=serial):
                answered = event if isinstance(event, Answered) else None
                circuit_tasks.close_serial(session, run, serial, answered, now)
                _drop_approval(session, run, now)
            case Remind() | Escalate():
                circuit_tasks.remind(session, workstation, run, command, now)
            case LookUp() | CallService():
                _call(session, workstation, run, command, now)
            case SendMail():
                _write_mail(session, workstation, run, command, now)
            case Decided():
                _keep_decision(session, run, number, command, circuit, state, now)
            case Stuck(reasons=reasons):
                run.trouble = " ; ".join((*reasons, *_amount_words(session, run, state, circuit)))
                circuit_tasks.tell_trouble(session, workstation, run, state.step, run.trouble, now)
            case Ended(outcome=outcome):
                _end(session, run, outcome, actor, now)
                _after_end(session, workstation, run, state, now)
            case NotTaken(reasons=reasons):
                circuit_tasks.note_words(session, run, state.serial, " ; ".join(reasons))
            case Wake():
                pass  # The day stands in the state's alarms, and from there in `wake_on`.


def _amount_words(session: Session, run: CircuitRun, state: State, circuit: Circuit) -> tuple[str, ...]:
    """Where an amount is what is missing: why it is not known, and what to do."""
    document = session.get(Document, run.document_id) if run.document_id else None
    asked = any(name in circuit.vocabulary and state.values.get(name) is None for name in ("montant_ttc", "montant_avoir"))
    words = facts.why_unknown(document) if document is not None and asked else ""
    return (words,) if words else ()


def _open(
    session: Session, workstation: Workstation, run: CircuitRun, circuit: Circuit, state: State, command: OpenTask, now: datetime
) -> None:
    document = session.get(Document, run.document_id) if run.document_id else None
    kind, name = command.to
    for_approvers = kind != "role" or name == "approver"
    if document is None or not for_approvers or not _is_approval(code for code, _ in command.answers) or not run.bound:
        circuit_tasks.open_task(session, workstation, run, command, now)
        return
    if not approvals.is_payable(document, document.entity):
        circuit_tasks.open_task(session, workstation, run, command, now)
        return
    asked = tasks.Addressed(role=name if kind == "role" else "", group=name if kind == "groupe" else "")
    if kind == "personne":
        person = people.find(session, name) or people.find_by_pseudonym(session, name)
        asked = tasks.Addressed(person=person.pseudonym) if person is not None else tasks.Addressed(role="approver")
    activity = circuit.steps[state.step]
    needed = 2 if isinstance(activity, Ask) and activity.twice else 1
    version = session.get_one(CircuitVersion, run.version_id)
    why: dict[str, Any] = {
        "text": _why_words(session, run, circuit, state), "what": command.title, "run": run.id, "serial": command.serial,
        "answers": {_meaning(code): [code, label] for code, label in command.answers},
    }  # fmt: skip
    barred = tuple(by for by in command.not_by if state.agreed is None or by != state.agreed[0])
    if state.agreed is not None and state.values.get("fournisseur") == "nouveau":
        why["confirmed"] = approvals.confirmers_of(session, document.id)
    task = tasks.ask_for_circuit(
        session, workstation, document, asked, why, now, rule=(run.circuit, version.sha256), place=(2 if state.agreed else 1, needed),
        barred=barred,
    )  # fmt: skip
    run.approval_id = task.id


def _meaning(code: str) -> str:
    return "approved" if code in YES else "refused" if code in NO else "returned" if code in BACK else code


def _why_words(session: Session, run: CircuitRun, circuit: Circuit, state: State) -> str:
    """Which lines led here, and of which day the rules are."""
    told = []
    session.flush()
    for made in records.decisions_of(session, run):
        table = circuit.rules[made.rules].tables[made.table] if made.rules in circuit.rules else None
        notes = [line.note for line in (table.lines if table else ()) if line.name in made.lines and line.note]
        told.append(
            f"{table.title if table else made.table} : ligne {', '.join(map(str, made.lines))}"
            + (f" ({' ; '.join(notes)})" if notes else "")
        )
    day = local_day(run.submitted_at)
    return (
        f"{' ; '.join(told[-3:])}. Règles en vigueur le {day:%d/%m/%Y}, jour où la facture a été soumise."
        if told
        else circuit.steps[state.step].title
    )


def _drop_approval(session: Session, run: CircuitRun, now: datetime) -> None:
    task = session.get(Task, run.approval_id) if run.approval_id else None
    if task is not None:
        tasks.call_off(session, task, now)
    run.approval_id = None


def _keep_decision(session: Session, run: CircuitRun, number: int, command: Decided, circuit: Circuit, state: State, now: datetime) -> None:
    made = command.decision
    asked = [each.name for each in circuit.rules[made.rules].tables[made.table].inputs]
    inputs = {name: state.values[name] for name in asked if name in state.values}
    rule = session.get_one(RuleVersion, int(run.rules[made.rules]))
    session.add(
        DecisionMade(
            entity=run.entity, run_id=run.id, document_id=run.document_id, revision=run.revision, serial=number, step=command.step,
            rule_id=rule.id, rules=made.rules, table=made.table, meaning=made.version, sha256=rule.sha256,
            inputs=rule_values_out(inputs), lines=list(made.lines),
            outputs={"rows": [rule_values_out(row) for row in made.outputs]}, at=now,
        )
    )  # fmt: skip


def _write_mail(session: Session, workstation: Workstation, run: CircuitRun, command: SendMail, now: datetime) -> None:
    try:
        mail.put_mail(
            session, run.entity, f"circuit-{run.id}-{command.key}", command.to.strip(), command.subject, command.body, now, run.document_id
        )
    except mail.BadAddress:
        words = f"le courriel « {command.subject} » n'est pas parti : « {command.to[:80]} » n'est pas une adresse"
        circuit_tasks.tell_trouble(session, workstation, run, run.step, words, now, kind="mail")
        return
    enter(session, run, "mailed", SYSTEM, now, {"key": command.key})


def _after_end(session: Session, workstation: Workstation, run: CircuitRun, state: State, now: datetime) -> None:
    """What an outcome means for the house's own records."""
    document = session.get(Document, run.document_id) if run.document_id else None
    if document is None:
        return
    if state.outcome == "refusée":
        by = state.answered[-1][1] if state.answered else "system"
        tasks.note_refused(session, document, by, now)
    if state.outcome == ACCEPTED and state.answered:
        _accept_account(session, workstation, run, document, state)


def _accept_account(session: Session, workstation: Workstation, run: CircuitRun, document: Document, state: State) -> None:
    """Two people accepted it: the account that waits counts, by the one of them who did not bring it."""
    pending = reviews.pending_accounts(session, document.entity, document.id)
    for _, by in reversed(state.answered):
        person = people.find_by_pseudonym(session, by)
        if person is None:
            continue
        for asked in pending:
            try:
                review.decide_account(session, workstation, asked.id, person, "", approved=True)
            except NotOffered:
                continue
            return
    if pending:
        words = "l'IBAN est accepté, mais il reste à l'approuver par une autre personne que celle qui l'a saisi"
        circuit_tasks.tell_trouble(session, workstation, run, run.step, words, workstation.clock(), kind="mail")


# --- answers of machines ---


def _call(session: Session, workstation: Workstation, run: CircuitRun, command: LookUp | CallService, now: datetime) -> None:
    """Our own records answer at once; whatever else is asked outside of this transaction."""
    name = command.source if isinstance(command, LookUp) else command.service
    kind = "service" if name == EXPORT or connectors.connector_named(workstation.settings, name) is not None else "lookup"
    call = records.get_call(session, run.id, command.key)
    if call is not None:
        # A form's button pressed again asks anew.
        call.state, call.results, call.trouble, call.done_at = WAITING, None, None, None
        call.parameters, call.key = rule_values_out(command.parameters), command.key
    else:
        call = CircuitCall(
            entity=run.entity, run_id=run.id, document_id=run.document_id, key=command.key, serial=command.serial, kind=kind, name=name,
            parameters=rule_values_out(command.parameters), state=WAITING, put_at=now,
        )  # fmt: skip
        session.add(call)
    session.flush()
    if name in lookups.BUILT_IN or name in lookups.FUNCTIONS:
        found = _found_here(session, workstation, run, name, command.parameters, now)
        call.state, call.results, call.done_at = ANSWERED, rule_values_out(found) if found is not None else None, now
        session.flush()
    elif kind == "service" and name != EXPORT:
        connectors.put_call(session, call, run.revision)


def _found_here(
    session: Session, workstation: Workstation, run: CircuitRun, name: str, parameters: Mapping[str, Value], now: datetime
) -> Mapping[str, Value] | None:
    if name in lookups.FUNCTIONS:
        return lookups.FUNCTIONS[name][1](parameters, calendar_of(workstation.settings))
    return lookups.BUILT_IN[name](session, run.entity, parameters, local_day(now))


def _answered_here(session: Session, run: CircuitRun) -> CircuitCall | None:
    query = sa.select(CircuitCall).where(CircuitCall.run_id == run.id, CircuitCall.state == ANSWERED)
    return session.scalar(query.order_by(CircuitCall.id).limit(1)) if run.standing != ENDED else None


def _hear_call(session: Session, workstation: Workstation, number: int) -> None:
    """The run hears what was found; once."""
    call = session.get_one(CircuitCall, number)
    if call.state != ANSWERED:
        return
    run, now = session.get_one(CircuitRun, call.run_id), workstation.clock()
    feed(session, workstation, run, _told_by(call, now), at=now)
    if call.trouble and run.standing != ENDED:
        circuit_tasks.note_words(session, run, call.serial, call.trouble)


def _told_by(call: CircuitCall, now: datetime) -> Found:
    call.state = SETTLED
    return Found(now, call.serial, rule_values_in(call.results) if call.results is not None else None)


@dataclass(frozen=True, slots=True)
class _Settled:
    """A call that is over."""

    number: int
    results: Mapping[str, Value] | None
    trouble: str | None = None


def _note_call(session: Session, workstation: Workstation, settled: _Settled) -> None:
    call = session.get_one(CircuitCall, settled.number)
    if call.state == WAITING:
        call.state, call.trouble, call.done_at = ANSWERED, settled.trouble, workstation.clock()
        call.results = rule_values_out(settled.results) if settled.results is not None else None


def _settled_services(session: Session) -> list[_Settled]:
    """Services that failed for good, and invoices that the accounts have: what the run is told."""
    waiting = sa.select(CircuitCall).where(CircuitCall.state == WAITING, CircuitCall.kind == "service")
    over = sa.and_(
        OutboxRow.kind == connectors.KIND, OutboxRow.key == CircuitCall.outbox_key, OutboxRow.state.in_([Sent.DEAD, Sent.DROPPED])
    )
    failed = session.execute(waiting.add_columns(OutboxRow.trouble).join(OutboxRow, over).order_by(CircuitCall.id).limit(AT_ONCE))
    found = [_Settled(call.id, None, trouble) for call, trouble in failed]
    exported = sa.and_(InvoiceStanding.document_id == CircuitCall.document_id, InvoiceStanding.state.in_([str(each) for each in EXPORTED]))
    query = waiting.where(CircuitCall.name == EXPORT).join(InvoiceStanding, exported).order_by(CircuitCall.id).limit(AT_ONCE)
    return [*found, *(_Settled(call.id, {"lot": _lot_of(session, call)}) for call in session.scalars(query))]


def _lot_of(session: Session, call: CircuitCall) -> str:
    """Number of the batch that brought the invoice to the accounts; empty where the accounts told so themselves."""
    from station import accounting  # Its pages and columns are no business of circuits.

    batch = accounting.batch_with(session, call.document_id or "")
    return accounting.name_of(batch) if batch is not None else ""


def _ask_outside(workstation: Workstation) -> None:
    """Files and databases that the settings name, outside of any transaction of ours."""
    known = {each.name: each for each in workstation.settings.lookups}
    with workstation.database.reading() as session:
        query = sa.select(CircuitCall).where(CircuitCall.state == WAITING, CircuitCall.kind == "lookup").order_by(CircuitCall.id)
        asked = [(call.id, call.name, rule_values_in(call.parameters)) for call in session.scalars(query.limit(AT_ONCE))]
    for number, name, parameters in asked:
        found: Mapping[str, Value] | None = None
        trouble: str | None = None
        try:
            if name not in known:
                raise LookupFailed(f"aucune source ne s'appelle « {name} » dans cette installation")
            found = lookups.ask_lookup(known[name], workstation.home, parameters)
        except LookupFailed as error:
            trouble = str(error)
        with workstation.database.writing() as session:
            call = session.get_one(CircuitCall, number)
            if call.state != WAITING or rule_values_in(call.parameters) != parameters:
                # Answered or asked otherwise meanwhile: what was found is no answer to it.
                continue
            if trouble is not None:
                # Not « nothing was found »: nobody could look. Somebody is told, and taking it up again asks anew.
                call.state, call.trouble, call.done_at = SETTLED, trouble, workstation.clock()
                _stop(session, workstation, session.get_one(CircuitRun, call.run_id), trouble)
            else:
                _note_call(session, workstation, _Settled(number, found))


# --- answers of people ---


def _hear_decision(session: Session, workstation: Workstation, run_id: int) -> None:
    """An approver decided, or what was asked is void: the run hears of it."""
    run, now = session.get_one(CircuitRun, run_id), workstation.clock()
    task = session.get(Task, run.approval_id) if run.approval_id else None
    if task is None or task.state == OPEN:
        return
    run.approval_id = None
    code = task.why.get("answers", {}).get(task.decision or "", [None])[0]
    if task.state == approvals.DONE and code and task.decided_by:
        person = people.find_by_pseudonym(session, task.decided_by)
        event = Answered(task.decided_at or now, int(task.why["serial"]), code, task.decided_by)
        feed(session, workstation, run, event, actor=actor_of(person) if person is not None else SYSTEM, at=now)
        return
    # What was asked is void: other values are looked at when they are submitted.
    run.bound = "void" if run.bound else ""
    document = session.get(Document, run.document_id) if run.document_id else None
    if document is not None and document.state in RESTING:
        values, found = facts.facts_of(session, workstation, document), session.get(Review, document.id)
        if _is_ready(document, found, values):
            _ask_again(session, workstation, document, found, values, now)


def answer_task(
    session: Session, workstation: Workstation, task: CircuitTask, person: Person, answer: str, values: Mapping[str, Value], revision: int
) -> Fed:
    """A person answers a question or a form, on the state of it that they saw."""
    now = workstation.clock()
    if task.state != OPEN or task.revision != revision:
        return Fed(False, ("quelqu'un d'autre a répondu entre-temps",))
    bar = circuit_tasks.bar_of(session, task, person, now)
    if bar:
        return Fed(False, (bar,))
    if answer not in {code for code, _ in task.answers}:
        return Fed(False, (f"« {answer[:40]} » n'est pas une réponse à cette tâche",))
    run = session.get_one(CircuitRun, task.run_id)
    if task.kind in ("trouble", "late", "mail"):
        return _answer_trouble(session, workstation, run, task, person, answer, now)
    fed = feed(session, workstation, run, Answered(now, task.serial, answer, person.pseudonym, values), actor=actor_of(person), at=now)
    if fed.taken and task.state != OPEN:
        enter(session, run, "answered", actor_of(person), now, {"circuit-task": task.id, "answered-step": task.step, "answer": answer})
    return fed


def _answer_trouble(
    session: Session, workstation: Workstation, run: CircuitRun, task: CircuitTask, person: Person, answer: str, now: datetime
) -> Fed:
    circuit_tasks.close_one(session, task, answer, person.pseudonym, now)
    enter(session, run, "answered", actor_of(person), now, {"circuit-task": task.id, "answered-step": task.step, "answer": answer})
    if task.kind != "trouble" or run.standing == ENDED:
        return Fed(True)
    if answer == "abandonner":
        return feed(session, workstation, run, Cancelled(now, person.pseudonym, "abandonné"), actor=actor_of(person), at=now)
    return resume(session, workstation, run, actor_of(person), now)


def resume(session: Session, workstation: Workstation, run: CircuitRun, actor: Actor, now: datetime) -> Fed:
    """Try the step that could not go on once more, with the values of now."""
    document = session.get(Document, run.document_id) if run.document_id else None
    values = facts.facts_of(session, workstation, document) if document is not None else {}
    if run.begun_by == DOUBT and document is not None:
        _think_again(session, workstation, document, run, values, now)
        return Fed(True)
    circuit = circuit_for(session, workstation, run)
    if circuit is None:
        return Fed(False, (run.trouble or "",))
    known = {name: value for name, value in _as_asked(circuit, values).items() if name in circuit.vocabulary}
    run.trouble = None
    return feed(session, workstation, run, Changed(now, known) if run.state else Started(now, known), actor=actor, at=now)
