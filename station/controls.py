"""Internal controls in the records (art. A. 102 B-2 LPF, II): the plan and its versions, lots and their samples, results, actions, alerts.

Every act is an entry `control` of the ledger. A result about a page names its document, so that the document's own trail tells it.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from conformity.circumstances import Source
from sealing.ledger import Actor, ActorKind, Event
from station.acts import NotOffered, actor_of
from station.checkpoints import first_covering
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import (
    Archive,
    BackupRun,
    ClockCheck,
    ControlLot,
    ControlResult,
    ControlRow,
    CorrectiveAction,
    Document,
    FixityRun,
    LedgerPayload,
    LotDocument,
    PageRow,
    PassportRow,
    Person,
    State,
    StorageNotice,
)
from station.timekeeping import clock_word
from station.workstation import Workstation
from workflow.controls import PLAN, Control, Overdue, in_force, overdue_on, plan_with
from workflow.kinds import MADE
from workflow.sampling import Plan, Severity, draw_sample, items_hash, judge_sample, must_stop, next_severity, plan_for, plan_from

log = logging.getLogger("sceau.controls")
ENTRY = "control"
OUTCOMES = ("pass", "fail", "void")
"""What an execution of a control gave; void: it could not be carried out."""
ASKED = ("identical", "colour", "complete")
"""Questions about each page beside its paper."""
LOTS_AT_ONCE = 5
"""Lots formed in one transaction."""
AT_ONCE = timedelta(minutes=1)
"""Within which the same words are the same result."""
ACTION_DAYS = 30
"""Proposed time for a corrective action."""


class NoCheckpoint(Exception):
    """The log has no checkpoint yet that covers the lot: without one the draw could be foreseen. It passes by itself."""


class NoLot(Exception):
    """There is no such lot, page, control or action, or nothing is to be done with it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A lot that may be formed: the sealed papers of one station and day."""

    station: str
    day: date
    documents: tuple[str, ...]
    pages: int
    covered: bool
    """A checkpoint covers it: the sample may be drawn."""
    again: ControlLot | None = None
    """The lot that failed and whose documents are submitted anew."""


# --- the plan ---


def control_catalogue(session: Session, entity: str) -> tuple[Control, ...]:
    """All versions of all controls, in the plan's order; those in force have no `until`."""
    named = {control.code: control for control in PLAN}
    rows = session.scalars(sa.select(ControlRow).where(ControlRow.entity == entity).order_by(ControlRow.code, ControlRow.version))
    return plan_with(_control_from(row, named[row.code]) for row in rows if row.code in named)


def _control_from(row: ControlRow, shipped: Control) -> Control:
    return Control(
        row.code,
        shipped.french,
        shipped.english,
        shipped.purpose,
        row.owner,
        row.every_days,
        row.procedure,
        row.version,
        row.since.date(),
        None,
        shipped.automatic,
    )


def control_named(session: Session, entity: str, code: str) -> Control:
    """The version in force. Raises NoLot."""
    found = next((control for control in in_force(control_catalogue(session, entity)) if control.code == code), None)
    if found is None:
        raise NoLot(code)
    return found


def change_control(
    session: Session, entity: str, code: str, change: tuple[str, int, str], reason: str, person: Person, at: datetime, clock: str = "system"
) -> ControlRow:
    """A further version of a control: `change` is its owner, days and procedure. Raises NoLot, ValueError where something is missing."""
    owner, every_days, procedure = change
    if not (owner.strip() and procedure.strip() and reason.strip()) or not 0 <= every_days <= 3660:
        raise ValueError(f"{code}: owner, days, procedure, reason")
    row = ControlRow(
        entity=entity,
        code=code,
        version=control_named(session, entity, code).version + 1,
        owner=owner.strip()[:120],
        every_days=every_days,
        procedure=procedure.strip(),
        reason=reason.strip(),
        actor=person.pseudonym,
        since=at,
    )
    session.add(row)
    told = {"act": "plan", "control": code, "version": row.version, "owner": row.owner, "every_days": every_days, "reason": row.reason}
    procedure_hash = hashlib.sha256(row.procedure.encode()).hexdigest()
    append_event(session, Event(entity, ENTRY, {"procedure": procedure_hash}, actor_of(person), at, clock, told))
    return row


# --- results ---


def note_result(
    session: Session,
    entity: str,
    code: str,
    outcome: str,
    actor: Actor,
    at: datetime,
    note: str = "",
    clock: str = "system",
    about: Mapping[str, Any] | None = None,
) -> ControlResult:
    """Write what one execution of a control found, and its entry; stations note theirs with their own actor.

    The very same that a person has said within a minute is said once: a form that was sent twice. `about` may name lot_id, lot,
    document_id, page and answers. Raises NoLot, ValueError for an outcome that there is not.
    """
    if outcome not in OUTCOMES:
        raise ValueError(outcome)
    told, control = dict(about or {}), control_named(session, entity, code)
    objects = {key: str(told[name]) for key, name in (("document", "document_id"), ("lot", "lot")) if told.get(name) is not None}
    if (
        not told
        and actor.kind is ActorKind.HUMAN
        and (said := _said_before(session, (entity, code, outcome, note.strip(), actor.pseudonym), at))
    ):
        return said
    payload = {"act": "result", "control": code, "version": control.version, "outcome": outcome, "note": note.strip()}
    payload |= {name: told[name] for name in ("page", "answers") if told.get(name) is not None}
    told.pop("lot", None)
    row = ControlResult(
        entity=entity,
        control=code,
        version=control.version,
        at=at,
        actor=actor.pseudonym,
        outcome=outcome,
        note=note.strip(),
        sequence=append_event(session, Event(entity, ENTRY, objects or {"control": code}, actor, at, clock, payload)),
        **told,
    )
    session.add(row)
    session.flush()
    return row


def _said_before(session: Session, words: tuple[str, str, str, str, str], at: datetime) -> ControlResult | None:
    """The same result of the same person within a minute; `words`: entity, control, outcome, note, actor."""
    columns = (ControlResult.entity, ControlResult.control, ControlResult.outcome, ControlResult.note, ControlResult.actor)
    same = (column == word for column, word in zip(columns, words, strict=True))
    query = sa.select(ControlResult).where(*same, ControlResult.lot_id.is_(None), ControlResult.at > at - AT_ONCE, ControlResult.at <= at)
    return session.scalars(query.order_by(ControlResult.id.desc()).limit(1)).first()


def control_results(session: Session, entity: str, start: date, end: date) -> list[ControlResult]:
    """Results of the days from start to end (UTC, both included), oldest first."""
    days = ControlResult.at >= datetime.combine(start, time.min, UTC), ControlResult.at <= datetime.combine(end, time.max, UTC)
    return list(session.scalars(sa.select(ControlResult).where(ControlResult.entity == entity, *days).order_by(ControlResult.id)))


def last_done(session: Session, entity: str) -> dict[str, date]:
    """Day of the newest execution of each control, by a person or by the station itself: a passport, a closed lot, a reading of all files,
    an answer of time servers. What failed was carried out."""
    rows = session.execute(
        sa.select(ControlResult.control, sa.func.max(ControlResult.at))
        .where(ControlResult.entity == entity, ControlResult.outcome != "void", ControlResult.lot_id.is_(None))
        .group_by(ControlResult.control)
    )
    done = {code: at.date() for code, at in rows}
    drilled = sa.select(sa.func.max(BackupRun.ended_at)).where(BackupRun.kind == "drill", BackupRun.outcome != "empty")
    for code, newest in (
        ("passport", session.scalar(sa.select(sa.func.max(PassportRow.made_at)).where(PassportRow.entity == entity))),
        ("fixity", session.scalar(sa.select(sa.func.max(FixityRun.ended_at)))),
        ("restore", session.scalar(drilled)),
        ("clock", session.scalar(sa.select(sa.func.max(ClockCheck.at)).where(ClockCheck.offset.is_not(None)))),
        ("sampling", session.scalar(sa.select(sa.func.max(ControlLot.closed_at)).where(ControlLot.entity == entity))),
    ):
        if newest is not None:
            done[code] = max(done.get(code, date.min), newest.date())
    return done


# --- lots ---


def ready_lots(session: Session, entity: str, today: date) -> tuple[Ready, ...]:
    """Sealed papers of days before today that are in no lot, or whose lot failed and was mended; oldest first."""
    grouped: dict[tuple[date, str], list[_Sealed]] = {}
    for name, station, at, pages, sequence in session.execute(_unsampled(entity)):
        if at.date() < today:
            grouped.setdefault((at.date(), station), []).append(_Sealed(name, pages, sequence))
    fresh = []
    for (day, station), found in sorted(grouped.items()):
        covered = first_covering(session, entity, max(each.sequence for each in found), day_after(day)) is not None
        fresh.append(Ready(station, day, tuple(each.id for each in found), sum(each.pages for each in found), covered))
    return (*fresh, *_mended(session, entity))


def day_after(day: date) -> datetime:
    """From when a checkpoint may seed the lot of a day: what one of that day itself would draw could be known before the day is over."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


class _Sealed(NamedTuple):
    """A sealed copy of paper that no lot holds."""

    id: str
    pages: int
    sequence: int
    """Of the first entry by which it was sealed: sealing it again moves nothing."""


def _unsampled(entity: str) -> sa.Select[Any]:
    """Columns, not rows: where nobody samples, every document is among them."""
    first = _first_sealing()
    pages = sa.select(sa.func.count()).where(PageRow.document_id == Document.id, PageRow.superseded == 0).scalar_subquery()
    sealed = (LedgerPayload.document_id == Document.id, LedgerPayload.type == "sealed")
    sequence = sa.select(sa.func.coalesce(sa.func.min(LedgerPayload.sequence), 0)).where(*sealed).scalar_subquery()
    query = sa.select(Document.id, Document.station, first.c.at, pages, sequence).join(first, first.c.document_id == Document.id)
    return query.where(*_is_unsampled(entity)).order_by(first.c.at, Document.id)


def _first_sealing() -> sa.Subquery:
    return sa.select(Archive.document_id, sa.func.min(Archive.sealed_at).label("at")).group_by(Archive.document_id).subquery()


def _is_unsampled(entity: str) -> tuple[sa.ColumnElement[bool], ...]:
    lotted = sa.select(LotDocument.document_id).where(LotDocument.document_id == Document.id).exists()
    return (
        Document.entity == entity,
        Document.state == State.SEALED,
        Document.source == Source.PAPER.value,
        Document.confidential.is_(False),
        Document.document_type.not_in([kind.code for kind in MADE]),
        ~lotted,
    )


def _oldest_unsampled(session: Session, entity: str) -> date | None:
    """Day of the oldest sealed paper that no lot holds."""
    first = _first_sealing()
    oldest = session.scalar(
        sa.select(sa.func.min(first.c.at)).join(Document, first.c.document_id == Document.id).where(*_is_unsampled(entity))
    )
    return None if oldest is None else oldest.date()


def _mended(session: Session, entity: str) -> tuple[Ready, ...]:
    """Failed lots whose actions are all done and that were not submitted anew."""
    failed = session.scalars(sa.select(ControlLot).where(ControlLot.entity == entity, ControlLot.outcome == "fail").order_by(ControlLot.id))
    ready = []
    for lot in failed:
        actions, ids = actions_of(session, lot.id), documents_of(session, lot.id)
        later = session.scalar(sa.select(sa.func.max(LotDocument.lot_id)).where(LotDocument.document_id.in_(ids)))
        if actions and all(action.done_at for action in actions) and later == lot.id:
            found = [d for d in (session.get(Document, each) for each in ids) if d is not None and d.state == State.SEALED]
            covered = first_covering(session, entity, _closing(session, lot), _answered(session, lot)) is not None
            ready.append(
                Ready(lot.station, date.fromisoformat(lot.day), tuple(d.id for d in found), len(_items(session, ids)), covered, lot)
            )
    return tuple(ready)


def _closing(session: Session, lot: ControlLot) -> int:
    """Sequence of the newest result of a lot."""
    return session.scalar(sa.select(sa.func.max(ControlResult.sequence)).where(ControlResult.lot_id == lot.id)) or 0


def _answered(session: Session, lot: ControlLot) -> datetime:
    """When the last action of a failed lot was done."""
    return max((action.done_at for action in actions_of(session, lot.id) if action.done_at is not None), default=lot.drawn_at)


def _items(session: Session, ids: Iterable[str]) -> list[str]:
    """Current pages as « document:page »."""
    query = sa.select(PageRow.document_id, PageRow.number).where(PageRow.superseded == 0).order_by(PageRow.document_id, PageRow.number)
    parts = (session.execute(query.where(PageRow.document_id.in_(part))) for part in _parts(ids))
    return [f"{document}:{number}" for rows in parts for document, number in rows]


def _last_sequence(session: Session, found: Iterable[Document]) -> int:
    """Sequence of the last of the entries by which each of them was sealed for the first time."""
    first = sa.select(sa.func.min(LedgerPayload.sequence)).where(LedgerPayload.type == "sealed").group_by(LedgerPayload.document_id)
    parts = _parts(document.id for document in found)
    return max((each for part in parts for each in session.scalars(first.where(LedgerPayload.document_id.in_(part)))), default=0)


def _parts(ids: Iterable[str], size: int = 500) -> list[list[str]]:
    """Sorted and cut: a database takes so many places in one question and no more."""
    ordered = sorted(ids)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def seed_after(session: Session, entity: str, sequence: int, since: datetime) -> tuple[int, str]:
    """Size and seed of the first checkpoint, made since a moment, that covers an entry: it could not be known before that moment, and
    nobody chooses it.

    The seed is the SHA-256 of the note's signed text, which is also what its RFC 3161 token is about. Raises NoCheckpoint.
    """
    row = first_covering(session, entity, sequence, since)
    if row is None:
        raise NoCheckpoint(entity)
    text = row.note.split("\n\n", 1)[0] + "\n"
    return row.size, hashlib.sha256(text.encode()).hexdigest()


def tend_lots(workstation: Workstation) -> int:
    """Form every lot whose checkpoint has come, some at a time; returns how many. It is the station's own work, right after the checkpoint:
    who knew the seed and chose when to form the lot could choose its documents."""
    return sum(_tend_company(workstation, entity) for entity in workstation.settings.entities)


def _tend_company(workstation: Workstation, entity: str) -> int:
    settings, now = workstation.settings, workstation.clock()
    with workstation.database.reading() as session:
        if not any(ready.covered for ready in ready_lots(session, entity, now.date())):
            return 0
    formed, word = 0, clock_word(workstation)
    with workstation.database.writing() as session:
        for ready in [each for each in ready_lots(session, entity, now.date()) if each.covered][:LOTS_AT_ONCE]:
            try:
                form_lot(session, entity, ready, settings.organisation.aql, SYSTEM, now, word)
            except NotOffered as error:
                log.info("lot of %s, %s: %s", ready.day, ready.station, error)
            else:
                formed += 1
    return formed


def form_lot(session: Session, entity: str, ready: Ready, aql: str, actor: Actor, at: datetime, clock: str = "system") -> ControlLot:
    """Form the lot and draw its sample; nobody can choose the pages. Raises NoCheckpoint, NotOffered where sampling must stop first."""
    outcomes = outcomes_of(session, entity, ready.station)
    if must_stop(outcomes) and (open_actions(session, entity) or unanswered_failures(session, entity)):
        raise NotOffered("sampling stopped: five lots failed under tightened inspection")
    found = [document for each in ready.documents if (document := session.get(Document, each)) is not None]
    items = _items(session, ready.documents)
    if not items:
        raise NotOffered("an empty lot")
    if ready.again is None:
        size, seed = seed_after(session, entity, _last_sequence(session, found), day_after(ready.day))
    else:
        size, seed = seed_after(session, entity, _closing(session, ready.again), _answered(session, ready.again))
    severity = next_severity(outcomes) if ready.again is None else Severity(ready.again.plan["severity"])
    plan, name = plan_for(len(items), aql, severity), _free_name(session, entity, f"{ready.day.isoformat()}/{ready.station}")
    sample = draw_sample(bytes.fromhex(seed), name, items, plan.size)
    lot = ControlLot(
        entity=entity,
        name=name,
        station=ready.station,
        day=ready.day.isoformat(),
        pages=len(items),
        plan=plan.as_json(),
        items_sha256=items_hash(items),
        checkpoint=size,
        seed=seed,
        sample=list(sample),
        drawn_at=at,
        drawn_by=actor.pseudonym,
        box=_box_of(found),
    )
    session.add(lot)
    session.flush()
    counts = {document: sum(1 for item in items if item.startswith(f"{document}:")) for document in ready.documents}
    session.add_all(LotDocument(lot_id=lot.id, document_id=d.id, archive=_newest_file(d), pages=counts[d.id]) for d in found)
    objects = {"lot": name, "items": lot.items_sha256, "seed": seed}
    told = {"act": "drawn", "control": "sampling", "checkpoint": size, "plan": plan.as_json(), "sample": list(sample)}
    append_event(session, Event(entity, ENTRY, objects, actor, at, clock, told))
    return lot


def _free_name(session: Session, entity: str, name: str) -> str:
    taken = set(session.scalars(sa.select(ControlLot.name).where(ControlLot.entity == entity, ControlLot.name.startswith(name))))
    return name if name not in taken else next(free for number in range(2, 10_000) if (free := f"{name}/{number}") not in taken)


def _box_of(found: Iterable[Document]) -> str:
    """The one box in which the papers lie, as batch slips said; empty where there are several, or none was named."""
    boxes = {document.batch.box or "" for document in found}
    return next(iter(boxes)) if len(boxes) == 1 else ""


def _newest_file(document: Document) -> str:
    return max(document.archives, key=lambda archive: archive.version).sha256


def outcomes_of(session: Session, entity: str, station: str) -> list[tuple[Severity, bool]]:
    """Severity and outcome of a station's closed lots, oldest first; a lot submitted anew does not count (ISO 2859-1, 9.3)."""
    closed = (ControlLot.entity == entity, ControlLot.station == station, ControlLot.outcome.is_not(None))
    rows = session.scalars(sa.select(ControlLot).where(*closed).order_by(ControlLot.id))
    return [(Severity(lot.plan["severity"]), lot.outcome == "pass") for lot in rows if lot.name == f"{lot.day}/{lot.station}"]


def redraw(session: Session, lot: ControlLot) -> bool:
    """Whether the sample is what seed and pages give, with the pages as they are now: what anybody can do with the list and the note."""
    items = _items(session, documents_of(session, lot.id))
    same = items_hash(items) == lot.items_sha256
    return same and list(draw_sample(bytes.fromhex(lot.seed), lot.name, items, plan_of(lot).size)) == lot.sample


def plan_of(lot: ControlLot) -> Plan:
    return plan_from(lot.plan)


def find_lot(session: Session, entity: str, number: int) -> ControlLot:
    """Raises NoLot."""
    lot = session.get(ControlLot, number)
    if lot is None or lot.entity != entity:
        raise NoLot(str(number))
    return lot


def list_lots(session: Session, entity: str, limit: int = 200) -> list[ControlLot]:
    """Those with pages left to look at first, then newest first."""
    order = (ControlLot.outcome.is_not(None), ControlLot.id.desc())
    return list(session.scalars(sa.select(ControlLot).where(ControlLot.entity == entity).order_by(*order).limit(limit)))


def documents_of(session: Session, lot_id: int) -> list[str]:
    return list(session.scalars(sa.select(LotDocument.document_id).where(LotDocument.lot_id == lot_id).order_by(LotDocument.document_id)))


def results_of(session: Session, lot_id: int) -> dict[str, ControlResult]:
    """What was found of each page of a lot's sample."""
    rows = session.scalars(sa.select(ControlResult).where(ControlResult.lot_id == lot_id).order_by(ControlResult.id))
    return {f"{row.document_id}:{row.page}": row for row in rows}


def next_item(session: Session, lot: ControlLot) -> str | None:
    """The first drawn page that nobody has looked at; None where the lot is closed."""
    if lot.outcome is not None:
        return None
    seen = results_of(session, lot.id)
    return next((item for item in lot.sample if item not in seen), None)


def note_page(
    session: Session,
    lot: ControlLot,
    item: str,
    answers: Mapping[str, bool],
    note: str,
    person: Person,
    at: datetime,
    clock: str = "system",
) -> ControlResult:
    """What a person saw of one drawn page beside its paper; the lot is closed as soon as its outcome is certain.

    Raises NotOffered where the page is not drawn or was looked at, ValueError where an answer is missing, or a fault has no words.
    """
    if lot.outcome is not None or item not in lot.sample or item in results_of(session, lot.id):
        raise NotOffered(f"{lot.name}: {item}")
    told = {name: bool(answers[name]) for name in ASKED if name in answers}
    good = all(told.values())
    if len(told) < len(ASKED) or (not good and not note.strip()):
        raise ValueError(f"{item}: answers, note")
    document, page = item.rsplit(":", 1)
    about = {"lot_id": lot.id, "lot": lot.name, "document_id": document, "page": int(page), "answers": told}
    row = note_result(session, lot.entity, "sampling", "pass" if good else "fail", actor_of(person), at, note, clock, about)
    _close_lot(session, lot, person, at, clock)
    return row


def _close_lot(session: Session, lot: ControlLot, person: Person, at: datetime, clock: str) -> None:
    seen = results_of(session, lot.id)
    passed = judge_sample(plan_of(lot), [seen[item].outcome == "pass" for item in lot.sample if item in seen])
    if passed is None:
        return
    lot.outcome, lot.closed_at = "pass" if passed else "fail", at
    faults = sum(1 for result in seen.values() if result.outcome == "fail")
    told = {"act": "lot closed", "control": "sampling", "outcome": lot.outcome, "seen": len(seen), "nonconforming": faults}
    append_event(session, Event(lot.entity, ENTRY, {"lot": lot.name}, actor_of(person), at, clock, told))


# --- corrective actions ---


def open_action(
    session: Session, result: ControlResult, task: tuple[str, str, date], person: Person, at: datetime, clock: str = "system"
) -> CorrectiveAction:
    """What has to be done after a failure: `task` is what, by whom, until when. Raises NotOffered where nothing failed, ValueError."""
    what, owner, due = task
    if result.outcome != "fail":
        raise NotOffered("action: nothing failed")
    if not (what.strip() and owner.strip()) or due < at.date():
        raise ValueError("action: what, owner, due")
    row = CorrectiveAction(
        entity=result.entity,
        result_id=result.id,
        lot_id=result.lot_id,
        what=what.strip(),
        owner=owner.strip()[:120],
        due=due.isoformat(),
        opened_at=at,
        opened_by=person.pseudonym,
    )
    session.add(row)
    session.flush()
    told = {"act": "action opened", "control": result.control, "what": row.what, "owner": row.owner, "due": row.due}
    append_event(session, Event(row.entity, ENTRY, {"action": str(row.id)}, actor_of(person), at, clock, told))
    return row


def finish_action(session: Session, number: int, done: str, person: Person, at: datetime, clock: str = "system") -> CorrectiveAction:
    """Say what was done. Raises NoLot, ValueError where nothing is said."""
    row = session.get(CorrectiveAction, number)
    if row is None or row.done_at is not None:
        raise NoLot(str(number))
    if not done.strip():
        raise ValueError("an action ends with what was done")
    row.done, row.done_at, row.done_by = done.strip(), at, person.pseudonym
    append_event(
        session, Event(row.entity, ENTRY, {"action": str(row.id)}, actor_of(person), at, clock, {"act": "action done", "done": row.done})
    )
    return row


def actions_of(session: Session, lot_id: int) -> list[CorrectiveAction]:
    return list(session.scalars(sa.select(CorrectiveAction).where(CorrectiveAction.lot_id == lot_id).order_by(CorrectiveAction.id)))


def open_actions(session: Session, entity: str) -> list[CorrectiveAction]:
    """Those to be done, by their day."""
    waiting = (CorrectiveAction.entity == entity, CorrectiveAction.done_at.is_(None))
    return list(session.scalars(sa.select(CorrectiveAction).where(*waiting).order_by(CorrectiveAction.due, CorrectiveAction.id)))


def unanswered_failures(session: Session, entity: str) -> list[ControlResult]:
    """Failures that ask for an action and have none: of a lot that failed its first failed page, of other controls each."""
    answered = sa.select(CorrectiveAction.result_id)
    failed = session.scalars(
        sa.select(ControlResult)
        .where(ControlResult.entity == entity, ControlResult.outcome == "fail", ControlResult.id.not_in(answered))
        .order_by(ControlResult.id)
    )
    found: list[ControlResult] = []
    for result in failed:
        if result.lot_id is None:
            found.append(result)
            continue
        lot = session.get_one(ControlLot, result.lot_id)
        if lot.outcome == "fail" and not actions_of(session, lot.id) and all(each.lot_id != lot.id for each in found):
            found.append(result)
    return found


# --- alerts ---


def overdue_controls(session: Session, entity: str, day: date) -> tuple[Overdue, ...]:
    """What should have been done before a day: controls, corrective actions, failures without one, declarations of storage places."""
    begun = session.scalar(sa.select(sa.func.min(LedgerPayload.at)).where(LedgerPayload.entity == entity))
    done: dict[str, date | None] = dict(last_done(session, entity))
    catalogue = control_catalogue(session, entity)
    # It counts from the oldest day that is not sampled to its end; where nothing waits, nothing is late.
    done["sampling"] = min(_unsampled_days(session, entity, day), default=day)
    late = overdue_on(catalogue, done, (begun or datetime.max.replace(tzinfo=UTC)).date(), day) if begun else ()
    return (*late, *_late_actions(session, entity, day), *_late_notices(session, entity, day))


def never_done(session: Session, entity: str, day: date) -> tuple[Control, ...]:
    """Controls that were never carried out and are not late yet; none while nothing is to control, nor sampling before a lot waits."""
    if session.scalar(sa.select(LedgerPayload.sequence).where(LedgerPayload.entity == entity).limit(1)) is None:
        return ()
    done, late = last_done(session, entity), {each.code for each in overdue_controls(session, entity, day)}
    known = {*done, *late, *(() if _unsampled_days(session, entity, day) else ("sampling",))}
    return tuple(each for each in in_force(control_catalogue(session, entity)) if each.every_days and each.code not in known)


def control_lines(session: Session, entity: str, day: date) -> list[dict[str, Any]]:
    """The plan for a program: each control with its newest execution, and whether it is late."""
    done, late = last_done(session, entity), {each.code for each in overdue_controls(session, entity, day) if each.kind == "control"}
    return [
        {
            "code": control.code,
            "name": control.french,
            "version": control.version,
            "owner": control.owner,
            "every_days": control.every_days,
            "last": done[control.code].isoformat() if control.code in done else None,
            "late": control.code in late,
        }
        for control in in_force(control_catalogue(session, entity))
    ]


def _unsampled_days(session: Session, entity: str, day: date) -> list[date]:
    """Days of lots that may be formed, or are not looked at to the end."""
    unfinished = session.scalars(sa.select(ControlLot.day).where(ControlLot.entity == entity, ControlLot.outcome.is_(None)))
    oldest = _oldest_unsampled(session, entity)
    fresh = [] if oldest is None or oldest >= day else [oldest]
    mended = [ready.day for ready in _mended(session, entity)]
    return fresh + mended + [date.fromisoformat(each) for each in unfinished]


def _late_actions(session: Session, entity: str, day: date) -> list[Overdue]:
    late = [
        Overdue("action", str(action.id), date.fromisoformat(action.due), None, action.owner, action.what)
        for action in open_actions(session, entity)
        if date.fromisoformat(action.due) < day
    ]
    owners = {control.code: control.owner for control in in_force(control_catalogue(session, entity))}
    return late + [
        Overdue("lot", str(result.id), result.at.date(), None, owners.get(result.control, ""), "action corrective à décider")
        for result in unanswered_failures(session, entity)
    ]


def _late_notices(session: Session, entity: str, day: date) -> list[Overdue]:
    waiting = (StorageNotice.entity == entity, StorageNotice.due.is_not(None), StorageNotice.declared_at.is_(None))
    rows = session.scalars(sa.select(StorageNotice).where(*waiting, StorageNotice.due < day.isoformat()).order_by(StorageNotice.id))
    what = "lieu de stockage à déclarer (L. 102 C LPF)"
    return [Overdue("storage", str(row.id), date.fromisoformat(row.due or ""), None, "responsable conformité", what) for row in rows]


def proposed_due(at: datetime) -> date:
    """Day proposed for a corrective action."""
    return at.date() + timedelta(days=ACTION_DAYS)
