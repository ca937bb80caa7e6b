"""The figures of the installation at work: measured by its workers every few seconds into rows, read by whoever asks.

`/metrics`, the page, the alerts and `/ready` read the same rows (`station/records/tallies.py`), so that asking counts nothing and the same
is told by every process. What needs more than an index is measured once a minute.
"""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ticks import BLOCKS
from station.disk import look_at_disk
from station.drills import standing_of
from station.outbox import Sent
from station.probe import probe_of
from station.records import documents
from station.records.documents import DEAD_AFTER
from station.records.ledger import entities
from station.records.tables import (
    OPEN_STATES,
    Arrival,
    BackupRun,
    CheckpointRow,
    Delivery,
    Document,
    FindingRow,
    Gauge,
    LedgerPayload,
    OutboxRow,
    SearchDue,
    State,
    Tally,
)
from station.records.tallies import drop_hours, gauges, hours_since, keep_hour, put_gauges
from station.timekeeping import health_of_clock, waiting_for_time
from station.workstation import Workstation

Key: TypeAlias = tuple[str, str]
"""Name and label."""
FRESH = timedelta(seconds=8)
"""Figures younger than this are another worker's: one of them measures."""
SLOW_EVERY = timedelta(seconds=60)
FORECAST = timedelta(days=14)
LOST = "worker-lost"
LOST_KEPT = timedelta(days=1)
"""So long a worker that was lost, and did not come back, is told of."""
OUTAGES = "outages"
"""Counted with their seconds when they are over, by worker."""
GONE_STALE = timedelta(minutes=3)
"""After so long without new figures nobody measures: no worker lives."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a measure is given."""

    session: Session
    workstation: Workstation
    now: datetime

    def age(self, since: datetime | None) -> float | None:
        """Seconds; never less than 0, whatever the clocks of other machines say."""
        return None if since is None else max(0.0, (self.now - since).total_seconds())


Measure: TypeAlias = Callable[[Look], Iterator[tuple[str, str, float | None]]]
"""Name, label and value; None: there is nothing to tell."""


def tend_figures(workstation: Workstation) -> None:
    """One turn of a worker: what it counted is added to the rows, and what is older than a few seconds is measured anew."""
    write_tallies(workstation)
    now = workstation.clock()
    quick = _measured(workstation, now, QUICK, FRESH)
    slow = _measured(workstation, now, SLOW, SLOW_EVERY)
    disk = look_at_disk(workstation.home)
    host = socket.gethostname()
    with workstation.database.writing() as session:
        for names, found in ((QUICK, quick), (SLOW, slow)):
            if found is not None:
                put_gauges(session, found, now, names)
        # Of this machine, which no other can measure.
        for name, value in (("disk-free", disk.free), ("disk-total", disk.total)):
            _put_one(session, name, host, value, now)
        keep_hour(session, now, "disk-free", host, disk.free)
        if slow is not None:
            drop_hours(session, now)


def write_tallies(workstation: Workstation) -> None:
    """What this process counted is added to the rows; where the database takes nothing it is counted with the next."""
    taken = workstation.tallies.take()
    if not taken:
        return
    try:
        with workstation.database.writing() as session:
            taken.write(session, workstation.clock())
    except BaseException:
        workstation.tallies.give_back(taken)
        raise


def note_lost(session: Session, executor: str, at: datetime) -> None:
    """A worker that did not say goodbye: its row is gone, for others have its work; that it was lost is still to be told."""
    _put_one(session, LOST, executor, 1.0, at)


def _put_one(session: Session, name: str, label: str, value: float, at: datetime) -> None:
    session.merge(Gauge(name=name, label=label, value=value, at=at))


def _measured(workstation: Workstation, now: datetime, measures: Mapping[str, Measure], every: timedelta) -> dict[Key, float] | None:
    """None: they are fresh."""
    with workstation.database.reading() as session:
        newest = session.scalar(sa.select(sa.func.max(Gauge.at)).where(Gauge.name.in_(measures)))
        if newest is not None and timedelta(0) <= now - newest < every:
            return None
        look = Look(session, workstation, now)
        found: dict[Key, float] = {}
        for measure in dict.fromkeys(measures.values()):
            found |= {(name, label): value for name, label, value in measure(look) if value is not None}
        return found


# --- what is measured ---


def _documents(look: Look) -> Iterator[tuple[str, str, float | None]]:
    counted = documents.count_states(look.session)
    for state in State:
        yield "documents", state.value, float(counted.get(state, 0))


QUEUES: Mapping[str, tuple[State, ...]] = {
    "documents": tuple(sorted(OPEN_STATES)),
    "held": (State.HELD,),
    "failed": (State.FAILED,),
    "batches": (State.WAITING,),
}


def _queues(look: Look) -> Iterator[tuple[str, str, float | None]]:
    """What waits for a worker or for a person, and since when: by state, for which there is an index."""
    for name, states in QUEUES.items():
        # Of the machine's work the age is that since the document last moved: one that is worked on is not old.
        moment = Document.changed_at if name == "documents" else Document.received_at
        query = sa.select(sa.func.count(), sa.func.min(moment)).where(Document.state.in_(states))
        count, oldest = look.session.execute(query).one()
        yield "queue-depth", name, float(count)
        yield "queue-oldest", name, look.age(_moment(oldest)) or 0.0
    count, oldest = look.session.execute(sa.select(sa.func.count(), sa.func.min(Delivery.try_at)).where(Delivery.done_at.is_(None))).one()
    yield "queue-depth", "witnesses", float(count)
    yield "queue-depth", "search", float(look.session.scalar(sa.select(sa.func.count()).select_from(SearchDue)) or 0)


def _outbox(look: Look) -> Iterator[tuple[str, str, float | None]]:
    query = sa.select(OutboxRow.kind, OutboxRow.state, sa.func.count(), sa.func.min(OutboxRow.put_at))
    open_rows = query.where(OutboxRow.state.in_((Sent.WAITING, Sent.DEAD))).group_by(OutboxRow.kind, OutboxRow.state)
    for kind, state, count, oldest in look.session.execute(open_rows):
        yield "outbox", f"{kind}|{state}", float(count)
        if state == Sent.WAITING:
            yield "outbox-oldest", kind, look.age(_moment(oldest))


def _workers(look: Look) -> Iterator[tuple[str, str, float | None]]:
    rows = documents.all_workers(look.session)
    living = [worker for worker in rows if look.now - worker.beat_at <= DEAD_AFTER]
    for kind in ("serve", "work", "take"):
        yield "workers", kind, float(sum(worker.kind == kind for worker in living))
    for worker in rows:
        yield "worker-silence", worker.executor, look.age(worker.beat_at)


def _ledgers(look: Look) -> Iterator[tuple[str, str, float | None]]:
    for entity in entities(look.session):
        top = look.session.scalar(sa.select(sa.func.max(LedgerPayload.sequence)).where(LedgerPayload.entity == entity))
        newest = look.session.execute(
            sa.select(CheckpointRow.size, CheckpointRow.made_at)
            .where(CheckpointRow.entity == entity)
            .order_by(CheckpointRow.id.desc())
            .limit(1)
        ).first()
        size = 0 if top is None else int(top) + 1
        yield "ledger-size", entity, float(size)
        yield "ledger-unchecked", entity, float(size - (newest.size if newest else 0))
        yield "checkpoint-age", entity, look.age(newest.made_at if newest else None)
    waiting = sa.select(Delivery.witness, sa.func.min(CheckpointRow.made_at)).join(
        CheckpointRow, CheckpointRow.id == Delivery.checkpoint_id
    )
    for witness, since in look.session.execute(waiting.where(Delivery.done_at.is_(None)).group_by(Delivery.witness)):
        yield "witness-behind", witness[:120], look.age(_moment(since))
    done = sa.select(Delivery.witness, sa.func.max(Delivery.done_at)).where(Delivery.done_at.is_not(None)).group_by(Delivery.witness)
    for witness, at in look.session.execute(done):
        yield "witness-age", witness[:120], look.age(_moment(at))


def _time(look: Look) -> Iterator[tuple[str, str, float | None]]:
    """Authorities are not asked for figures' sake, for they may charge for each answer: what waits for one tells."""
    waiting = waiting_for_time(look.session)
    yield "time-waiting", "", float(waiting.count)
    yield "time-waiting-age", "", look.age(waiting.since) or 0.0
    yield "clock-believed", "", float(health_of_clock(look.workstation) not in BLOCKS)


def _folders(look: Look) -> Iterator[tuple[str, str, float | None]]:
    for station in look.workstation.settings.stations:
        found = probe_of(look.session, station.name)
        if found is not None:
            yield "folder-works", station.name, float(found.ok)


def _poison(look: Look) -> Iterator[tuple[str, str, float | None]]:
    held = sa.select(Document.id).join(FindingRow, FindingRow.document_id == Document.id)
    for document_id in look.session.scalars(
        held.where(Document.state == State.HELD, FindingRow.code == "poison-page").distinct().limit(50)
    ):
        yield "poison", document_id, 1.0
    for document_id in look.session.scalars(sa.select(Document.id).where(Document.state == State.FAILED).limit(50)):
        yield "poison", document_id, 1.0


def _given_up(look: Look) -> Iterator[tuple[str, str, float | None]]:
    """All of them, by state and cause: `failed|disk-full`. Alerts name the first fifty of each state only."""
    counted = sa.select(Document.problem, sa.func.count()).where(Document.state == State.FAILED).group_by(Document.problem)
    for cause, count in look.session.execute(counted):
        yield "given-up", f"{State.FAILED}|{cause or ''}", float(count)
    found = sa.exists().where(FindingRow.document_id == Document.id, FindingRow.code == "poison-page")
    held = look.session.scalar(sa.select(sa.func.count()).select_from(Document).where(Document.state == State.HELD, found))
    yield "given-up", f"{State.HELD}|poison-page", float(held or 0)


def _backups(look: Look) -> Iterator[tuple[str, str, float | None]]:
    for kind in ("backup", "drill"):
        whole = sa.select(sa.func.max(BackupRun.ended_at)).where(BackupRun.kind == kind, BackupRun.outcome == "whole")
        yield "backup-age", kind, look.age(_moment(look.session.scalar(whole)))
    if alert := standing_of(look.session, look.workstation.settings, look.now).alert:
        yield "backup-alert", alert, 1.0


def _arrivals(look: Look) -> Iterator[tuple[str, str, float | None]]:
    newest = look.session.scalar(sa.select(sa.func.max(Arrival.arrived_at)))
    yield "last-intake-age", "", look.age(_moment(newest))


def _moment(value: datetime | str | None) -> datetime | None:
    """Of a minimum SQLAlchemy keeps the column's type, and so its zone."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


QUICK: Mapping[str, Measure] = {
    **dict.fromkeys(("queue-depth", "queue-oldest"), _queues),
    **dict.fromkeys(("outbox", "outbox-oldest"), _outbox),
    **dict.fromkeys(("workers", "worker-silence"), _workers),
    **dict.fromkeys(("time-waiting", "time-waiting-age", "clock-believed"), _time),
    "folder-works": _folders,
    "last-intake-age": _arrivals,
}
SLOW: Mapping[str, Measure] = {
    "documents": _documents,
    **dict.fromkeys(("ledger-size", "ledger-unchecked", "checkpoint-age", "witness-behind", "witness-age"), _ledgers),
    "poison": _poison,
    "given-up": _given_up,
    **dict.fromkeys(("backup-age", "backup-alert"), _backups),
}


# --- what is read ---


def in_one_unit(span: timedelta) -> tuple[str, int]:
    """The one unit that a person would use, and how many: second, minute, hour, or day from two on."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size * (2 if unit == "day" else 1):
            return unit, seconds // size
    return "second", seconds


@dataclass(frozen=True, slots=True)
class Figures:
    """The rows as they were measured last."""

    values: Mapping[Key, float]
    at: datetime | None
    """When the quick ones were measured."""

    def of(self, name: str, label: str = "") -> float | None:
        return self.values.get((name, label))

    def all_of(self, name: str) -> dict[str, float]:
        """Label to value."""
        return {label: value for (each, label), value in self.values.items() if each == name}


def figures_now(session: Session) -> Figures:
    """Reads some dozens of rows."""
    rows = gauges(session)
    return Figures({(row.name, row.label): row.value for row in rows}, max((row.at for row in rows if row.name in QUICK), default=None))


@dataclass(frozen=True, slots=True)
class Outages:
    """When the database did not serve."""

    count: int
    lasted: timedelta
    """All of them together."""
    newest: datetime
    """The hour, in which the newest of them ended."""


def outages_since(session: Session, begin: datetime) -> Outages | None:
    """As the worker met them that met most; each worker counts the same ones. None: there was none."""
    seen: dict[str, list[Tally]] = {}
    for row in hours_since(session, begin, (OUTAGES,)):
        seen.setdefault(row.label, []).append(row)
    if not seen:
        return None
    rows = max(seen.values(), key=lambda each: sum(row.total for row in each))
    newest = max(row.hour for each in seen.values() for row in each)
    lasted = timedelta(seconds=sum(row.total for row in rows))
    return Outages(sum(row.count for row in rows), lasted, datetime.fromisoformat(newest + ":00:00+00:00"))


@dataclass(frozen=True, slots=True)
class Room:
    """Free space of one machine, and where it leads."""

    host: str
    free: int
    total: int
    days: float | None
    """Until it is full, as it filled over the last fortnight; None: it does not fill, or is not known yet."""


def rooms_left(session: Session, figures: Figures, now: datetime) -> list[Room]:
    seen: dict[str, list[tuple[float, float]]] = {}
    for row in hours_since(session, now - FORECAST, ("disk-free",)):
        hours = (datetime.fromisoformat(row.hour + ":00:00+00:00") - now).total_seconds() / 3600
        seen.setdefault(row.label, []).append((hours, float(row.count)))
    total = figures.all_of("disk-total")
    free = figures.all_of("disk-free")
    return [Room(host, int(free[host]), int(total.get(host, 0)), days_left(seen.get(host, ()), free[host])) for host in sorted(free)]


def days_left(points: Sequence[tuple[float, float]], free: float) -> float | None:
    """By the line of least squares through (hours, free bytes); None below a day of points, or where it does not fall."""
    if len(points) < 24:
        return None
    mean_x, mean_y = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return free / -slope / 24 if slope < -1.0 else None
