"""The administrator's page of the workstation at work: what is to be told, throughput, queues, errors, workers, backups and room left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station.alerts import open_alerts, words_of
from station.drills import standing_of
from station.figures import GONE_STALE, Figures, Room, figures_now, outages_since, rooms_left
from station.machines import missing_workers
from station.problems import PROBLEMS
from station.records import documents
from station.records.documents import DEAD_AFTER
from station.records.tables import Alert, State, Tally
from station.records.tallies import hours_since, totals
from station.web import desk
from station.web.ages import age_words, span_words
from station.web.direction import Cell, Chart, Row
from station.web.grants import may
from station.web.show import problem_said
from station.web.words import PARIS, Words, typeset

router = APIRouter()
SHOWN = timedelta(hours=24)
"""What the hours' chart tells."""
ERRORS = timedelta(days=7)
GIGABYTE = 1_000_000_000
QUEUES = ("documents", "held", "failed", "batches", "search", "witnesses")
STAGES = ("judge", "read", "prove")


@dataclass(frozen=True, slots=True)
class Told:
    """One line of what the house is to know now."""

    said: str
    then: str
    since: str
    address: str = ""
    """Where what it counts is listed, or done; empty where there is no such page, or not for this person."""
    link: str = ""
    """What that page is called."""


@dataclass(frozen=True, slots=True)
class Hand:
    """One worker, as its heartbeat tells."""

    name: str
    machine: str
    beat: str
    state: str
    """lives, silent or taken-over."""


@router.get("/exploitation")
def operations_page(request: Request, session: desk.InReading) -> Response:
    """Figures of the rows that the workers measure; older than three minutes they are told to be so."""
    t, now = desk.words_of(request), desk.workstation_of(request).clock()
    figures = figures_now(session)
    raised = open_alerts(session)
    stale = figures.at is None or now - figures.at > GONE_STALE
    return desk.show(
        request,
        "operations.html",
        alerts=[
            *_backup(request, session, raised, now, t),
            *_alerts(raised, now, t),
            *_given_up(request, raised, figures, t),
            *_undecided(request, raised, figures, t),
        ],
        stale=stale,
        measured="" if figures.at is None else age_words(figures.at, now, t),
        workers=list(_workers(session, now, t)),
        charts=charts_of(session, figures, rooms_left(session, figures, now), now, t),
        standing=[
            *((kind, "–" if figures.at is None else _since(figures.of("backup-age", kind), t)) for kind in ("backup", "drill")),
            ("database", _outages(session, now, t)),
        ],
    )


def _alerts(raised: Sequence[Alert], now: datetime, t: Words) -> Iterator[Told]:
    """What lasts, oldest first, but for what is told in more detail below: single documents, which are counted, and backups."""
    for row in raised:
        if row.code not in ("poison", "unproven"):
            said, then = (typeset(each) for each in words_of(row, t.language))
            yield Told(said, then, age_words(row.since, now, t))


def _backup(request: Request, session: Session, raised: Sequence[Alert], now: datetime, t: Words) -> Iterator[Told]:
    """What the page of the backups has in red, unless an alert tells it already."""
    settings = desk.house_of(request).settings
    alert = standing_of(session, settings, now).alert
    if alert is not None and not any(row.code == "backup" for row in raised):
        here = "/sauvegardes" if may(desk.roles_here(request), "GET", "/sauvegardes", whole=desk.works_everywhere(request)) else ""
        yield Told(t(f"backups.alert-{alert}", hours=settings.backup.alert_hours), "", "", here, t("operations.see-backups"))


def _given_up(request: Request, raised: Sequence[Alert], figures: Figures, t: Words) -> Iterator[Told]:
    """Documents that wait for a person, a line for each cause, most first: last, for the others are more pressing and fewer."""
    if not any(row.code == "poison" for row in raised):
        return
    listed, where = _listed(request, t)
    then = " ".join((t("operations.given-up-then"), *where))
    counted = sorted(figures.all_of("given-up").items(), key=lambda each: (-each[1], each[0]))
    for label, count in counted:
        state, _, cause = label.partition("|")
        if count:
            said = t.count("operations.given-up", int(count), cause=problem_said(cause, t))
            address = f"/documents?state={state}" + (f"&cause={cause}" if cause in PROBLEMS else "")
            yield Told(said, then, "", address if listed else "", t("operations.given-up-list"))


def _undecided(request: Request, raised: Sequence[Alert], figures: Figures, t: Words) -> Iterator[Told]:
    """Documents whose conformity somebody is to decide; but for those that are told as given up on."""
    told = figures.of("given-up", f"{State.HELD}|poison-page") if any(row.code == "poison" for row in raised) else None
    count = int((figures.of("queue-depth", State.HELD) or 0) - (told or 0))
    if count > 0:
        listed, where = _listed(request, t)
        since = _since(figures.of("queue-oldest", State.HELD), t)
        then = " ".join((t("operations.undecided-then"), *where))
        address = f"/documents?state={State.HELD}" if listed else ""
        yield Told(t.count("operations.undecided", count), then, since, address, t("operations.given-up-list"))


def _listed(request: Request, t: Words) -> tuple[bool, list[str]]:
    """Whether this person may see the list of documents, and what to know of it."""
    if not may(desk.roles_here(request), "GET", "/documents", whole=desk.works_everywhere(request)):
        return False, [t("operations.given-up-others")]
    return True, [t("operations.given-up-whole")] if len(desk.house_of(request).settings.entities) > 1 else []


def _workers(session: Session, now: datetime, t: Words) -> Iterator[Hand]:
    """The living, then who is missing: whoever was taken over stands here, too, for a day."""
    for worker in documents.living_workers(session, now, DEAD_AFTER):
        yield Hand(worker.executor, worker.host, age_words(worker.beat_at, now, t), "lives")
    for gone in missing_workers(session, now):
        yield Hand(gone.executor, gone.host, age_words(gone.since, now, t), "taken-over" if gone.taken_over else "silent")


def _since(seconds: float | None, t: Words) -> str:
    return t("operations.never") if seconds is None else t("age.since", age=span_words(timedelta(seconds=seconds), t))


def _outages(session: Session, now: datetime, t: Words) -> str:
    """What of the last week nobody could see while it was so."""
    found = outages_since(session, now - ERRORS)
    if found is None:
        return t("operations.no-outage")
    begin, end = (moment.astimezone(PARIS) for moment in (found.newest, found.newest + timedelta(hours=1)))
    hours = {"day": f"{begin:%d/%m}", "begin": f"{begin:%H:%M}", "end": f"{end:%H:%M}"}
    return t.count("operations.outages", found.count, lasted=span_words(found.lasted, t), **hours)


def charts_of(session: Session, figures: Figures, rooms: list[Room], now: datetime, t: Words) -> list[Chart]:
    """Every figure of the page, each a table that is drawn where scripts run."""
    hours = hours_since(session, now - ERRORS, ("steps", "troubles"))
    return [
        _throughput([row for row in hours if row.name == "steps"], now, t),
        _queues(figures, t),
        _ages(figures, t),
        _errors([row for row in hours if row.name == "troubles"], t),
        _steps(session, t),
        _outbox(figures, t),
        _rooms(rooms, t),
    ]


def _throughput(rows: list[Tally], now: datetime, t: Words) -> Chart:
    """Documents judged, read and sealed in each of the last hours."""
    counts = {(row.hour, row.label): row.count for row in rows}
    begin = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - SHOWN + timedelta(hours=1)
    moments = [begin + timedelta(hours=n) for n in range(int(SHOWN.total_seconds() // 3600))]
    lines = [
        Row(
            moment.astimezone(PARIS).strftime("%d/%m %H:%M"),
            tuple(_count(counts.get((moment.strftime("%Y-%m-%dT%H"), stage), 0)) for stage in STAGES),
        )
        for moment in moments
    ]
    sealed = sum(counts.get((moment.strftime("%Y-%m-%dT%H"), "prove"), 0) for moment in moments)
    head = (t("operations.hour"), *(t(f"operations.stage-{stage}") for stage in STAGES))
    return Chart("throughput", t.count("operations.said-throughput", sealed), head, tuple(lines), "bar", (2,), "count")


def _queues(figures: Figures, t: Words) -> Chart:
    lines = [Row(t(f"operations.queue-{queue}"), (_count(int(figures.of("queue-depth", queue) or 0)),)) for queue in QUEUES]
    waiting = int(figures.of("queue-depth", "documents") or 0)
    return Chart(
        "queues",
        t.count("operations.said-queues", waiting),
        (t("operations.queue"), t("operations.depth")),
        tuple(lines),
        "bar",
        (0,),
        "count",
    )


def _ages(figures: Figures, t: Words) -> Chart:
    """Of the oldest that waits in each queue."""
    ages = {queue: figures.of("queue-oldest", queue) if figures.of("queue-depth", queue) else None for queue in QUEUES}
    lines = [Row(t(f"operations.queue-{queue}"), (_age(seconds, t),)) for queue, seconds in ages.items()]
    longest = max((seconds for seconds in ages.values() if seconds is not None), default=None)
    said = t("operations.said-ages-none") if longest is None else t("operations.said-ages", age=_age(longest, t).text)
    return Chart("ages", said, (t("operations.queue"), t("operations.oldest")), tuple(lines), "bar", (0,), "minute")


def _age(seconds: float | None, t: Words) -> Cell:
    return Cell("–", "") if seconds is None else Cell(span_words(timedelta(seconds=seconds), t), f"{seconds / 60:.1f}")


def _errors(rows: list[Tally], t: Words) -> Chart:
    """Steps that met a trouble in the last week, by cause; most first."""
    causes: dict[str, int] = {}
    for row in rows:
        causes[row.label] = causes.get(row.label, 0) + row.count
    lines = [Row(cause, (_count(count),)) for cause, count in sorted(causes.items(), key=lambda each: (-each[1], each[0]))]
    head = t("operations.cause"), t("operations.times")
    notes = tuple(t("operations.cause-said", cause=row.label, said=problem_said(row.label, t)) for row in lines if row.label in PROBLEMS)
    return Chart("errors", t.count("operations.said-errors", sum(causes.values())), head, tuple(lines), "bar", (0,), "count", notes)


def _steps(session: Session, t: Words) -> Chart:
    counted = totals(session)
    steps = [row for row in counted if row.name == "steps" and row.count]
    lines = [Row(_stage(row.label, t), (_count(row.count), _seconds(row.total / row.count))) for row in steps]
    deaths = sum(row.count for row in counted if row.name == "child-deaths")
    head = t("operations.step"), t("operations.times"), t("operations.mean")
    return Chart("steps", t.count("operations.said-steps", deaths), head, tuple(lines), "bar", (1,), "count")


def _outbox(figures: Figures, t: Words) -> Chart:
    kinds = sorted({label.split("|")[0] for label in figures.all_of("outbox")})
    states = ("waiting", "dead")
    lines = [Row(kind, tuple(_count(int(figures.of("outbox", f"{kind}|{state}") or 0)) for state in states)) for kind in kinds]
    head = t("operations.kind"), t("operations.to-leave"), t("operations.dead")
    waiting = sum(int(value) for label, value in figures.all_of("outbox").items() if label.endswith("|waiting"))
    return Chart("outbox", t.count("operations.said-outbox", waiting), head, tuple(lines), "bar", (0, 1), "count")


def _rooms(rooms: list[Room], t: Words) -> Chart:
    lines = []
    for room in rooms:
        until = t("operations.not-filling") if room.days is None else t("operations.days", n=int(room.days))
        sizes = max(0, room.total - room.free), room.free, room.total
        cells = (
            *(Cell(t.number(Decimal(f"{size / GIGABYTE:.1f}")), f"{size / GIGABYTE:.1f}") for size in sizes),
            Cell(until, "" if room.days is None else str(int(room.days))),
        )
        lines.append(Row(room.host, cells))
    soonest = min((room.days for room in rooms if room.days is not None), default=None)
    said = t("operations.said-rooms-calm") if soonest is None else t("operations.said-rooms", n=int(soonest))
    if least := min((room for room in rooms if room.total), key=lambda each: each.free / each.total, default=None):
        free, total = t.size(least.free), t.size(least.total)
        said = f"{t('operations.said-least', machine=least.host, free=free, total=total)} {said}"
    head = t("operations.machine"), *(t(f"operations.{each}") for each in ("used", "free", "size", "full-in"))
    # One bar for a disk, as high as the disk is big.
    return Chart("rooms", said, head, tuple(lines), "stacked", (0, 1), "gigabyte")


def _stage(name: str, t: Words) -> str:
    return t(f"operations.stage-{name}") if name in STAGES else name.replace("_", " ")


def _count(number: int) -> Cell:
    return Cell(str(number), str(number))


def _seconds(seconds: float) -> Cell:
    return Cell(f"{seconds:.1f} s", f"{seconds:.2f}")
