"""What the direction's page costs among many invoices: rows straight into the tables, in every state, over six years.

PYTHONPATH=tests:. python tests/bench_direction.py [DOCUMENTS]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from config.legal import load_rates
from config.settings import Settings
from station import direction
from station.records.database import migrate
from station.records.tables import (
    Archive,
    Arrival,
    Base,
    Batch,
    Document,
    InvoiceStanding,
    Original,
    Review,
    ReviewEvent,
    SearchDue,
    State,
    Task,
)
from station.web.direction import charts_of
from station.web.words import words_in
from station.workstation import Workstation, open_workstation

ENTITY = "essai"
AT_ONCE = 5_000
DAYS = 2_300
TODAY = date(2026, 11, 20)
ROUNDS = 5
Rows = dict[type[Base], list[dict[str, Any]]]


def drawn_invoices(count: int, random: Random) -> Iterator[Rows]:
    """The rows of one invoice after the other, the oldest first."""
    for number in range(count):
        day = TODAY - timedelta(days=DAYS - number * DAYS // count)
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        name, sha, cents = f"{number:032x}", f"{number:064x}", random.randint(500, 2_000_000)
        kind = "credit-note" if number % 20 == 0 else "invoice"
        document = {"id": name, "entity": ENTITY, "batch_id": "b", "station": "demo", "operator": "a", "document_type": kind}
        document |= {"title": f"scan-{number}.tif", "state": State.SEALED, "received_at": at, "changed_at": at}
        arrival = {"station": "demo", "name": f"{number}", "inode": f"{number}", "mtime_ns": 1, "size": 90_000, "visit": 1, "sha256": sha}
        arrival |= {"document_id": name, "duplicate": False, "arrived_at": at}
        archive = {"sha256": sha, "document_id": name, "version": 1, "size": 120_000, "attached": 0, "level": "B-LTA", "practice": True}
        done = at + timedelta(hours=random.randint(1, 200))
        review = {
            "document_id": name,
            "entity": ENTITY,
            "seen": 1,
            "stage": "done" if number % 10 else "open",
            "doubts": [],
            "doubtful": False,
        }
        review |= {"title": document["title"], "supplier": f"Maison {number % 900}", "number": f"F-{number}", "gross": f"{cents / 100:.2f}"}
        review |= {"currency": "EUR", "due": (day + timedelta(days=random.randint(15, 60))).isoformat(), "received_at": at, "revision": 3}
        review |= {"done_at": done if number % 10 else None, "done_by": "a" if number % 10 else None}
        events = [
            {"document_id": name, "revision": n, "kind": "set", "field": "iban", "actor": "a", "at": done - timedelta(seconds=60 - 20 * n)}
            for n in range(3)
        ]
        task = {"entity": ENTITY, "document_id": name, "kind": "approval", "title": "", "why": {}, "role": "approver", "group_name": ""}
        task |= {"state": "done", "round": 1, "place": 1, "needed": 1, "bound": {}, "prepared_by": [], "prepared_since": at}
        task |= {"decision": "approved", "decided_by": "b", "decided_at": done + timedelta(hours=5), "rule": "steps", "rule_version": "1"}
        task |= {"opened_by": "a", "opened_at": done}
        state = random.choices(("approved", "posted", "paid", "disputed"), (3, 2, 4, 1))[0]
        standing = {
            "document_id": name,
            "entity": ENTITY,
            "state": state,
            "since": done + timedelta(hours=9),
            "by": "b",
            "expected": True,
            "seen": 1,
        }
        standing |= {"exported_at": standing["since"] if state in ("posted", "paid") else None}
        yield {
            Document: [document], Original: [{"sha256": sha, "size": 90_000, "kept_at": at}], Arrival: [arrival],
            Archive: [archive | {"checks": [], "sealed_at": at}], Review: [review], ReviewEvent: events,
            Task: [task] if number % 10 else [], InvoiceStanding: [standing] if number % 3 else [],
        }  # fmt: skip


def filled_home(folder: Path, count: int) -> Workstation:
    """A home with so many invoices in its tables."""
    workstation = open_workstation(Settings(home=folder))
    migrate(workstation.database)
    drawn = drawn_invoices(count, Random(1))
    with workstation.database.writing() as session:
        session.add(Batch(id="b", station="demo", opened_at=datetime(2020, 1, 1, tzinfo=UTC)))
    while lot := list(islice(drawn, AT_ONCE)):
        with workstation.database.writing() as session:
            for table in lot[0]:
                if rows := [row for each in lot for row in each[table]]:
                    session.execute(sa.insert(table), rows)
            session.execute(sa.delete(SearchDue))
    return workstation


def direction_costs(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds of the whole page's figures: the median of `ROUNDS`, the first time not counted, and the dearest question."""
    workstation = filled_home(folder, count)
    t, settings = words_in("fr"), workstation.settings
    taken, used = [], []
    for _ in range(ROUNDS + 1):
        began, before = time.perf_counter(), time.process_time()
        with workstation.database.reading() as session:
            charts_of(direction.overview(session, settings, ENTITY, TODAY, TODAY), t)
        taken.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - before))
    parts: dict[str, float] = {}
    with workstation.database.reading() as session:
        for name, ask in {
            "ages": lambda: direction.ages_of(session, ENTITY, TODAY),
            "speed": lambda: direction.speed_of(session, ENTITY, TODAY),
            "owed": lambda: direction.records.owed(session, ENTITY),
            "stake": lambda: direction.stake_of(direction.records.owed(session, ENTITY), TODAY, direction.Regime.PRIVATE, load_rates()),
            "closing": lambda: direction.closing_of(session, ENTITY, TODAY),
            "list": lambda: direction.waiting_on(session, ENTITY, TODAY, 100, 40_000),
            "stored": lambda: direction.stored_of(session, ENTITY, TODAY),
            "cost": lambda: direction.cost_of(session, ENTITY, None),
        }.items():
            began = time.perf_counter()
            ask()
            parts[name] = 1000 * (time.perf_counter() - began)
            print(f"{parts[name]:8.1f} ms  {name}")
    workstation.database.close()
    told = {"page_ms": statistics.median(taken[1:]), "page_cpu_ms": statistics.median(used[1:]), "first_ms": taken[0]}
    return {"documents": count, **told, "dearest_question_ms": max(parts.values())}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(direction_costs(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
