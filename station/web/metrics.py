"""`/metrics` for Prometheus, and `/ready` for whoever decides whether this process gets work.

Figures are rows that the workers measure (`station/figures.py`): an answer reads them and scans nothing, and every process of the
installation gives the same ones, so that one of them is asked and nothing is counted twice. `/metrics` is there for who bears the token of
SCEAU_METRICS_TOKEN; without that variable there is no such page.
"""

import hmac
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from station.disk import Room, look_at_disk
from station.figures import GONE_STALE, Figures, figures_now
from station.keyring import look_at_keys
from station.problems import problem_of
from station.records.database import NetworkFileSystem
from station.records.tables import Tally
from station.records.tallies import BOUNDS, totals
from station.web import desk
from station.workstation import Workstation

open_router = APIRouter()
TOKEN_VARIABLE = "SCEAU_METRICS_TOKEN"  # noqa: S105 its name
SHORTEST = 16
"""Characters of a token that counts as one."""
GAUGES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "documents": ("sceau_documents", "Documents by state.", ("state",)),
    "queue-depth": ("sceau_queue_depth", "What waits, by kind of queue.", ("queue",)),
    "queue-oldest": ("sceau_queue_oldest_seconds", "Age of the oldest that waits.", ("queue",)),
    "outbox": ("sceau_outbox", "Messages that are to leave, or could not.", ("kind", "state")),
    "outbox-oldest": ("sceau_outbox_oldest_seconds", "Age of the oldest message that is to leave.", ("kind",)),
    "workers": ("sceau_workers", "Living workers.", ("kind",)),
    "worker-silence": ("sceau_worker_silence_seconds", "Since a worker's last heartbeat.", ("worker",)),
    "ledger-size": ("sceau_ledger_entries", "Entries of the ledger.", ("entity",)),
    "ledger-unchecked": ("sceau_ledger_unchecked_entries", "Entries since the newest checkpoint.", ("entity",)),
    "checkpoint-age": ("sceau_checkpoint_age_seconds", "Age of the newest checkpoint.", ("entity",)),
    "witness-age": ("sceau_witness_age_seconds", "Since a witness last took a checkpoint.", ("witness",)),
    "witness-behind": ("sceau_witness_behind_seconds", "Age of the oldest checkpoint that a witness has not got.", ("witness",)),
    "time-waiting": ("sceau_waiting_for_time", "Documents that wait for a timestamp or a true clock.", ()),
    "time-waiting-age": ("sceau_waiting_for_time_oldest_seconds", "Age of the oldest of them.", ()),
    "clock-believed": ("sceau_clock_believed", "1 where the clock is believed, else 0.", ()),
    "folder-works": ("sceau_folder_works", "1 where a station's folder can be worked, else 0.", ("station",)),
    "backup-age": ("sceau_backup_age_seconds", "Since the last good backup or drill ended.", ("kind",)),
    "backup-alert": ("sceau_backup_alert", "1 for what is amiss with the backups.", ("alert",)),
    "last-intake-age": ("sceau_last_intake_age_seconds", "Since a file was last taken in.", ()),
    "disk-free": ("sceau_disk_free_bytes", "Free space under SCEAU_HOME, by machine.", ("host",)),
    "disk-total": ("sceau_disk_total_bytes", "Size of that disk, by machine.", ("host",)),
}
"""Name of the figure to name, help and labels of the metric."""
COUNTERS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "troubles": ("sceau_troubles", "Steps that met a trouble, by cause.", ("cause",)),
    "outages": ("sceau_database_outages", "Outages of the database that a worker met, counted when they were over.", ("worker",)),
    "child-deaths": ("sceau_child_deaths", "Child processes that did not end by themselves.", ("children", "how")),
}


@open_router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' text format, version 0.0.4. 404 where no token is set, 401 for who does not bear it."""
    wanted = os.environ.get(TOKEN_VARIABLE, "")
    if len(wanted) < SHORTEST:
        raise HTTPException(404)
    kind, _, borne = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not hmac.compare_digest(borne.strip().encode(), wanted.encode()):
        return Response("", 401, {"WWW-Authenticate": "Bearer"})
    workstation = desk.workstation_of(request)
    with workstation.database.reading() as session:
        figures, counted = figures_now(session), totals(session)
    age = None if figures.at is None else max(0.0, (workstation.clock() - figures.at).total_seconds())
    return Response(exposition(figures, counted, age), media_type=CONTENT_TYPE_LATEST)


def exposition(figures: Figures, counted: Iterable[Tally], age: float | None) -> bytes:
    """The figures as Prometheus reads them; `age`: seconds since they were measured."""
    registry = CollectorRegistry()
    registry.register(_Rows(figures, list(counted), age))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows(Collector):
    figures: Figures
    counted: list[Tally]
    age: float | None

    def collect(self) -> Iterator[Metric]:
        built = GaugeMetricFamily("sceau_build_info", "Version that answers.", labels=("version",))
        built.add_metric((version("sceau"),), 1.0)
        yield built
        if self.age is not None:
            yield GaugeMetricFamily("sceau_figures_age_seconds", "Since the figures were measured.", value=self.age)
        for name, (metric, words, labels) in GAUGES.items():
            family = GaugeMetricFamily(metric, words, labels=labels)
            for label, value in self.figures.all_of(name).items():
                family.add_metric(_parts(label, len(labels)), value)
            yield family
        for name, (metric, words, labels) in COUNTERS.items():
            counter = CounterMetricFamily(metric, words, labels=labels)
            for row in self.counted:
                if row.name == name:
                    counter.add_metric(_parts(row.label, len(labels)), float(row.count))
            yield counter
        yield self._durations()

    def _durations(self) -> Metric:
        """Classes are cumulative in the format, and single in the rows."""
        family = HistogramMetricFamily("sceau_step_seconds", "Duration of the steps that succeeded.", labels=("step",))
        classes = {row.label: row.count for row in self.counted if row.name == "step-classes"}
        for row in self.counted:
            if row.name == "steps":
                bounds, seen = [], 0
                for bound in (*(f"{each:g}" for each in BOUNDS), "+Inf"):
                    seen += classes.get(f"{row.label}|{bound}", 0)
                    bounds.append((bound, float(seen)))
                family.add_metric((row.label,), bounds, sum_value=row.total)
        return family


def _parts(label: str, count: int) -> tuple[str, ...]:
    """A figure's label, taken apart where the metric has several."""
    return tuple(label.split("|", count - 1)) if count > 1 else (label,) if count else ()


# --- ready ---

LOOK_EVERY = 10.0
"""Seconds for which an answer stands: whoever asks without a name shall not make the disk work."""
KEYS_EVERY = 300.0
STUCK = timedelta(minutes=30)
"""Age of the oldest document on its way from which the queue does not move, unless [alerts] says otherwise."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `reason` is a code, and says nothing of what is kept here."""

    name: str
    reason: str = ""

    @property
    def ok(self) -> bool:
        return not self.reason


@dataclass(slots=True)
class Readiness:
    """Answers to `/ready`, each looked for at most every some seconds."""

    workstation: Workstation
    tick: Callable[[], float] = time.monotonic
    _at: float = float("-inf")
    _checks: tuple[Check, ...] = ()
    _keys_at: float = float("-inf")
    _keys: Check = field(default_factory=lambda: Check("keys"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> tuple[Check, ...]:
        with self._lock:
            if self.tick() - self._at >= LOOK_EVERY:
                self._checks = (*self._database(), self._store(), self._usable_keys())
                self._at = self.tick()
            return self._checks

    def _database(self) -> Iterator[Check]:
        """Does it answer, and what do its figures say: a clock that is believed, a queue that moves, somebody who works it?"""
        now = self.workstation.clock()
        try:
            with self.workstation.database.reading() as session:
                figures = figures_now(session)
        except (SQLAlchemyError, NetworkFileSystem, OSError):
            yield Check("database", "no-answer")
            return
        yield Check("database")
        fresh = figures.at is not None and now - figures.at <= GONE_STALE
        yield Check("workers", "" if fresh and any(figures.all_of("workers").values()) else "no-worker")
        yield Check("clock", "not-believed" if figures.of("clock-believed") == 0.0 else "")
        most = timedelta(minutes=self.workstation.settings.alerts.queue_minutes) or STUCK
        stuck = timedelta(seconds=figures.of("queue-oldest", "documents") or 0) > most
        yield Check("queue", "stuck" if stuck else "")

    def _store(self) -> Check:
        """A small file, written and removed."""
        path = self.workstation.home / "work" / f".ready-{os.getpid()}"
        try:
            if look_at_disk(self.workstation.home).room is Room.NONE:
                return Check("store", "disk-full")
            path.write_bytes(b"?")
            path.unlink()
        except OSError:
            return Check("store", "not-writable")
        return Check("store")

    def _usable_keys(self) -> Check:
        """Not of a remote service, which may charge for an answer; a practice key is made when it is first needed."""
        sealing = self.workstation.settings.sealing
        if sealing.mode == "practice" or sealing.source == "csc":
            return Check("keys")
        if self.tick() - self._keys_at >= KEYS_EVERY:
            told = look_at_keys(self.workstation.settings, self.workstation.clock())
            self._keys = Check("keys", "" if told.trouble is None else problem_of(told.trouble).code)
            self._keys_at = self.tick()
        return self._keys


@open_router.get("/ready")
def ready(request: Request) -> Response:
    """200 where everything holds, else 503, with the reasons as codes; nothing of documents, names or secrets."""
    readiness: Readiness = request.app.state.readiness
    checks = readiness.now()
    good = all(check.ok for check in checks)
    told = {check.name: "ok" if check.ok else check.reason for check in checks}
    return JSONResponse({"status": "ready" if good else "not-ready", "checks": told}, 200 if good else 503)
