"""Whether the station's daily questions cost the same among 10,000 documents and among a million.

PYTHONPATH=tests:. python tests/bench_rows.py [--postgres] [--few 10000] [--many 1000000] [--rounds 5]

The rows are made by the database itself, from the document's number: six years of sealed, reviewed, approved and paid invoices, of which
the newest are today's work, as many of them at both sizes. What is asked is asked through the product: its pages through its web
application, its turns as its threads make them. CPU is that of this process and, on PostgreSQL, of the server's processes.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from benchserver import postgres_server
from fastapi.testclient import TestClient
from webhome import CODING

from config.settings import Settings
from station.alerts import tend_alerts
from station.circuits import tend_circuits
from station.figures import QUICK, SLOW, Look
from station.learning import read_on
from station.particulars import note_old_keys
from station.receivables import tend_receivables
from station.reception import take_path
from station.records import documents, people
from station.records.database import migrate
from station.records.tables import Base
from station.renewal import tend_renewals
from station.retention import rules_mark, tend_retention
from station.review import tend_reviews
from station.rows import tell_size
from station.search import tend_search
from station.tasks import tend_approvals
from station.ticking import tend_agenda
from station.tidy import empty_processed
from station.web.app import build_app
from station.workstation import Workstation, open_workstation

NOW = datetime(2026, 11, 20, 9, 42, 7, tzinfo=UTC)
DAYS = 2_190
OPEN = 200
"""Of the newest: to review; as many wait for an approval. The day's work does not grow with what is kept."""
WORDS = 40
VOCABULARY = 4_000
LOT = 100_000
AIM = 1.2
HIT = "<mark>"
"""What a page that found something shows."""


class Dialect:
    """The few expressions that the two databases write differently; `i` is the document's number from 0, `c` how many there will be."""

    def __init__(self, name: str) -> None:
        self.lite = name == "sqlite"
        self.percent = "%" if self.lite else "%%"

    def text(self, number: str, width: int) -> str:
        """Decimal, with zeros before it."""
        return f"printf('%0{width}d', {number})" if self.lite else f"lpad(({number})::text, {width}, '0')"

    def hexed(self, width: int) -> str:
        """Spread as identifiers drawn by chance are, yet unique."""
        mixed = "(i * 2654435761) % 4294967296"
        if self.lite:
            return f"printf('%08x%0{width - 8}x', {mixed}, i)"
        return f"lpad(to_hex({mixed}), 8, '0') || lpad(to_hex(i), {width - 8}, '0')"

    def at(self, seconds: str = "0") -> str:
        """A moment `seconds` after the document came."""
        began = (NOW - timedelta(days=DAYS)).strftime("%Y-%m-%d %H:%M:%S")
        passed = f"i * {DAYS * 86_400} / {{count}} + {seconds}"
        if self.lite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', '{began}', '+' || ({passed}) || ' seconds')"
        return f"timestamptz '{began}+00' + ({passed}) * interval '1 second'"

    def day(self, later: int = 0) -> str:
        moment = self.at(str(later * 86_400))
        return f"substr({moment}, 1, 10)" if self.lite else f"to_char(({moment}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"

    def series(self, low: int, high: int) -> str:
        if self.lite:
            steps = f"SELECT {low} UNION ALL SELECT i + 1 FROM n WHERE i < {high - 1}"  # noqa: S608 numbers of ours
            return f"WITH RECURSIVE n(i) AS ({steps})"
        return f"WITH n(i) AS (SELECT i::bigint FROM generate_series({low}, {high - 1}) AS s(i))"  # noqa: S608 numbers of ours

    def words(self) -> str:
        """Of a fixed vocabulary, another choice on each page."""
        return " || ' ' || ".join(f"'mot' || ((i * {2 * n + 7919} + {n * 31}) % {VOCABULARY})" for n in range(WORDS))


def rows_of(d: Dialect) -> dict[str, dict[str, str]]:
    """Table to column to expression; columns that may be empty or have a value by themselves are left out."""
    name, sha = d.hexed(32), d.hexed(64)
    older = f"i < {{count}} - {2 * OPEN}"
    waits = f"i >= {{count}} - {OPEN}"
    # In brackets: to SQLite || binds tighter than %.
    supplier = "'Maison mot' || (i % 900)"
    number = f"'F-' || {d.text('i', 7)}"
    cents = "(i * 7919) % 2000000 + 500"
    gross = f"(({cents}) / 100) || '.' || {d.text(f'({cents}) % 100', 2)}"
    coding = json.dumps(CODING).replace("{", "{{").replace("}", "}}")
    mark = "'{rules}'"
    stage = f"CASE WHEN {older} THEN 'paid' WHEN {waits} THEN 'received' ELSE 'approval' END"
    about = {"entity": "'essai'", "document_id": name}
    field = {"document_id": name, "source": "'read'", "confidence": "0.997", "page": "1"}
    text = {"title": "'scan-' || i || '.png'", "supplier": supplier, "number": number, "identifiers": "'732829320'"}
    text |= {"told": gross, "body": f"'Facture date total tva siren ' || {d.words()}"}
    found = {
        "batch": {"id": name, "station": "'demo'", "opened_at": d.at(), "ended_at": d.at(), "closed_at": d.at()},
        "document": {
            "id": name, "entity": "'essai'", "batch_id": name, "station": "'demo'", "operator": "'a'", "document_type": "'invoice'",
            "title": text["title"], "state": "'sealed'", "verdict": "'conform'", "received_at": d.at(), "changed_at": d.at("60"),
            "queued": "1", "revision": "4",
        },
        "original": {"sha256": sha, "size": "1200000", "kept_at": d.at()},
        "arrival": {
            "station": "'demo'", "name": text["title"], "inode": "'' || i", "mtime_ns": "i", "size": "1200000", "visit": "0", "sha256": sha,
            "document_id": name, "duplicate": "FALSE", "arrived_at": d.at(), "moved_to": "'/nowhere'", "emptied_at": d.at("86400"),
        },
        "page": {"document_id": name, "number": "1", "sha256": sha, "coding": f"'{coding}'", "raster": sha},
        "finding": {"document_id": name, "page": "1", "code": "'odd-sheet'", "level": "'info'", "authority": "'house policy'"},
        "reading": {
            "document_id": name, "version": "1", "engine": "'rapidocr'", "path": "'readings/x.json'", "words": "200", "in_archive": "TRUE",
            "read_at": d.at("30"),
        },
        "archive": {
            "stamp_ends": "'2040-01-01 00:00:00.000000'" if d.lite else "'2040-01-01 00:00:00+00'",
            "sha256": sha, "document_id": name, "version": "1", "size": "1300000", "attached": "2500", "level": "'B-LTA'",
            "practice": "TRUE",
            "checks": "'[]'", "sealed_at": d.at("60"),
        },
        "retention": {
            "document_id": name, "components": "'[]'", "until": d.day(3_653), "kind": "'invoice'", "rules": mark, "computed_at": d.at("60"),
        },
        "invoice_key": {
            "document_id": name, "supplier": "'name:maison mot' || (i % 900)", "number": number, "likeness": number, "issued": d.day(),
            "gross": gross, "credit": "FALSE", "iban": "''", "iban_known": "FALSE",
        },
        "review": {
            **about, "seen": "4", "stage": f"CASE WHEN {waits} THEN 'open' ELSE 'done' END", "doubts": "'[]'",
            "doubtful": waits, "title": text["title"], "supplier": supplier, "number": number, "gross": gross, "currency": "'EUR'",
            "due": d.day(30), "received_at": d.at(), "done_at": f"CASE WHEN {waits} THEN NULL ELSE {d.at('3600')} END",
            "done_by": f"CASE WHEN {waits} THEN NULL ELSE 'a' END",
        },
        "review_event": {"document_id": name, "revision": "1", "kind": "'submit'", "field": "''", "actor": "'a'", "at": d.at("3600")},
        "task": {
            **about, "kind": "'approval'", "title": number, "why": "'{{}}'", "role": "'approver'", "group_name": "''",
            "state": f"CASE WHEN {older} THEN 'done' ELSE 'open' END", "round": "1", "place": "1", "needed": "1", "bound": "'{{}}'",
            "prepared_by": "'[]'", "prepared_since": d.at(), "decision": f"CASE WHEN {older} THEN 'approved' END",
            "decided_by": f"CASE WHEN {older} THEN 'b' END", "decided_at": f"CASE WHEN {older} THEN {d.at('7200')} END", "rule": "'steps'",
            "rule_version": "'1'", "opened_by": "'a'", "opened_at": d.at("3600"), "due": d.day(10),
        },
        "invoice_state": {
            **about, "state": stage, "since": d.at("7200"), "by": "'b'",
            "expected": "TRUE", "seen": "4", "exported_at": f"CASE WHEN {older} THEN {d.at('9000')} END",
        },
        "circuit_watch": {
            **about,
            "seen": "4",
            "stage": f"CASE WHEN {waits} THEN 'open' ELSE 'done' END",
            "submitted_at": f"CASE WHEN {waits} THEN NULL ELSE {d.at('3600')} END",
            "appeared": "TRUE",
            "facts": "'{{}}'",
        },
        "search_entry": {"id": "i + 1", **about, "state": "'sealed'", "day": d.day(), "cents": cents},
        "search_text": {"id": "i + 1", **text},
        "ledger_payload": {
            "entity": "'essai'", "sequence": "i", "document_id": name, "type": "'sealed'", "at": d.at("60"),
            "salt": "x'00'" if d.lite else r"'\x00'::bytea", "body": "x'7b7d'" if d.lite else r"'\x7b7d'::bytea",
        },
        "ledger": {
            "entity": "'essai'", "sequence": "i", "entry": "zeroblob(430)" if d.lite else "decode(repeat('00', 430), 'hex')",
            "root": "zeroblob(32)" if d.lite else "decode(repeat('00', 32), 'hex')",
            # As many peaks as the tree of so many leaves has at most; the last row's are set right when all stand.
            "peaks": "zeroblob(32)" if d.lite else "decode(repeat('00', 32), 'hex')",
        },
    }  # fmt: skip
    for each, value in {"supplier_name": supplier, "invoice_number": number, "issue_date": d.day(), "total_gross": gross}.items():
        found[f"field {each}"] = {**field, "name": f"'{each}'", "value": value, "raw": value}
    if not d.lite:
        folded = {"title": "D", "supplier": "A", "number": "B", "identifiers": "C", "told": "D", "body": "D"}
        parts = (
            f"setweight(to_tsvector('simple', translate(lower({text[column]}), '-.', '  ')), '{mark}')" for column, mark in folded.items()
        )
        found["search_text"]["vector"] = " || ".join(parts)
    return found


def fill(workstation: Workstation, count: int) -> None:
    """So many documents. Nothing follows them into the list of what is due to be indexed, for the index is filled here, too."""
    d, mark = Dialect(workstation.database.writer.dialect.name), rules_mark(workstation.settings)
    with workstation.database.writer.begin() as connection, _nothing_follows(connection):
        for key, columns in rows_of(d).items():
            table = Base.metadata.tables[key.split()[0]]
            given = dict(_defaults(table)) | columns
            listed, asked = ", ".join(f'"{column}"' for column in given), ", ".join(given.values())
            asked = asked.replace("{count}", str(count)).replace("{rules}", mark).replace("{{", "{").replace("}}", "}")
            edges = [0, *(size for size in (1_000, 10_000) if size < count), *range(LOT, count, LOT), count]
            for low, high in pairwise(sorted(set(edges))):
                series = d.series(low, high)
                connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) {series} SELECT {asked} FROM n".replace("%", d.percent))  # noqa: S608 words of ours
                if high < count:
                    tell_size(connection, table)
        # The log's next entry needs as many peaks as a tree of this size has.
        peaks = f"zeroblob({32 * count.bit_count()})" if d.lite else f"decode(repeat('00', {32 * count.bit_count()}), 'hex')"
        with _unguarded(connection):
            connection.exec_driver_sql(f"UPDATE ledger SET peaks = {peaks} WHERE sequence = {count - 1}")  # noqa: S608 words of ours
    _settle(workstation)


@contextmanager
def _nothing_follows(connection: sa.Connection) -> Iterator[None]:
    """Without the triggers that note what is to be indexed, while rows are made by the million."""
    tables = ("document", "field", "reading")
    if connection.dialect.name != "sqlite":
        for table in tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return
    asked = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN {tables}"  # noqa: S608 words of ours
    triggers = [tuple(row) for row in connection.exec_driver_sql(asked)]
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, sql in triggers:
        connection.exec_driver_sql(sql)


@contextmanager
def _unguarded(connection: sa.Connection) -> Iterator[None]:
    """The log lets nobody change an entry; these are none."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("ALTER TABLE ledger DISABLE TRIGGER USER")
        yield
        connection.exec_driver_sql("ALTER TABLE ledger ENABLE TRIGGER USER")
        return
    asked = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
    triggers = [tuple(row) for row in connection.exec_driver_sql(asked)]
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, sql in triggers:
        connection.exec_driver_sql(sql)


def _defaults(table: sa.Table) -> Iterator[tuple[str, str]]:
    """What the mapper would write by itself."""
    for column in table.columns:
        if column.default is not None and column.default.is_scalar:
            value = column.default.arg
            yield column.name, f"'{value}'" if isinstance(value, str) else str(value).upper()


def _settle(workstation: Workstation) -> None:
    """Statistics are fresh, as a database's own upkeep leaves them; from here on it rests: its work would be counted as the questions'."""
    apart = workstation.database.writer.execution_options(isolation_level="AUTOCOMMIT")
    with apart.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
            return
        for command in ("VACUUM ANALYZE", "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "CHECKPOINT"):
            connection.exec_driver_sql(command)


# --- what is asked ---


Ask = Callable[[], object]


def daily_questions(workstation: Workstation, client: TestClient, count: int, folder: Path) -> dict[str, Ask]:
    """By name; each may be asked any number of times and leaves the sizes as they are, but for what is taken in."""
    taken = iter(range(10**6))
    open_one = _identifier(count - 1)
    closed_one = _identifier(count // 2)

    def take_in() -> None:
        path = folder / f"new-{time.monotonic_ns()}-{next(taken)}.png"
        path.write_bytes(os.urandom(20_000))
        with_new = workstation.settings.stations[0]
        take_path(workstation, with_new, path, os.urandom(16).hex())

    def look(address: str, shows: str = "") -> Ask:
        def get() -> None:
            found = client.get(address)
            if found.status_code != 200 or shows not in found.text:
                raise SystemExit(f"{address}: {found.status_code}, {shows!r}? {found.text[:300]}")

        return get

    def measure(measures: Mapping[str, Any]) -> None:
        with workstation.database.reading() as session:
            for each in dict.fromkeys(measures.values()):
                list(each(Look(session, workstation, workstation.clock())))

    def sweep() -> None:
        with workstation.database.reading() as session:
            now = workstation.clock()
            documents.due_documents(session, now)
            documents.late_documents(session, now)
            documents.queued_documents(session)

    return {
        "taking in a file": take_in,
        "list of documents": look("/documents"),
        "… those sealed": look("/documents?state=sealed"),
        "… those held": look("/documents?state=held"),
        "… by a number": look(f"/documents?q=F-{count // 2:07d}"),
        "mailroom": look("/"),
        "one document": look(f"/documents/{closed_one}"),
        "review queue": look("/relecture"),
        "review page": look(f"/relecture/{open_one}"),
        "approvals": look("/approbations"),
        "search, a number": look(f"/recherche?q=F-{count // 2:07d}", HIT),
        "search, a supplier and a month": look(f"/recherche?q=fournisseur%3Amot7+date%3A{_month_of(count):%m%%2F%Y}", HIT),
        "search, a word of every invoice": look("/recherche?q=facture", HIT),
        "search, three of them": look("/recherche?q=facture+total+date", HIT),
        "turn: what is due to be worked": sweep,
        "turn: reviews": partial(tend_reviews, workstation),
        "turn: approvals": partial(tend_approvals, workstation),
        "turn: circuits": partial(tend_circuits, workstation),
        "turn: circuits, whole": partial(tend_circuits, workstation, whole=True),
        "turn: agenda (tick)": partial(tend_agenda, workstation),
        "turn: receivables": partial(tend_receivables, workstation),
        "turn: search": partial(tend_search, workstation),
        "turn: lessons": partial(read_on, workstation),
        "turn: retention": partial(tend_retention, workstation),
        "turn: renewals": partial(tend_renewals, workstation),
        "turn: processed": partial(empty_processed, workstation),
        "turn: alerts": partial(tend_alerts, workstation),
        "turn: figures": partial(measure, QUICK),
        "turn: figures, each minute": partial(measure, SLOW),
    }  # fmt: skip


def _month_of(count: int) -> datetime:
    """Within the month about March 2024 in which "Maison mot750" wrote one of so many invoices."""
    began = NOW - timedelta(days=DAYS)
    about = (datetime(2024, 3, 15, tzinfo=UTC) - began) / timedelta(days=DAYS) * count
    number = 750 + 900 * round((about - 750) / 900)
    return began + number / count * timedelta(days=DAYS)


def _identifier(number: int) -> str:
    return f"{number * 2654435761 % 4294967296:08x}{number:024x}"


@contextmanager
def sqlite_home(folder: Path) -> Iterator[tuple[Workstation, Callable[[], float]]]:
    workstation = open_workstation(Settings(home=folder))
    migrate(workstation.database)
    yield workstation, time.process_time
    workstation.database.close()


@contextmanager
def postgres_home(folder: Path) -> Iterator[tuple[Workstation, Callable[[], float]]]:
    """The server's processes are counted, too."""
    with postgres_server(folder / "server") as (url, pid):
        workstation = open_workstation(Settings(home=folder, database_url=url))
        migrate(workstation.database)

        def spent() -> float:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            # Those that ended are counted with their parent, who waited for them.
            times = [each.cpu_times() for each in family]
            return time.process_time() + sum(t.user + t.system for t in times) + times[0].children_user + times[0].children_system

        yield workstation, spent
        workstation.database.close()


@dataclass(frozen=True, slots=True)
class Compared:
    """CPU of one question at both sizes, asked in turn: what else the machine does falls on both."""

    few: float
    """Milliseconds, median."""
    many: float
    ratio: float
    """Median of the pairs' ratios."""


def ask_in_turn(few: Ask, many: Ask, spent: Sequence[Callable[[], float]], rounds: int) -> Compared:
    """Each once before; then pairs."""
    pairs = list[tuple[float, float]]()
    for turn in range(rounds + 1):
        costs = {}
        for which in (0, 1) if turn % 2 else (1, 0):
            costs[which] = _cost_of((few, many)[which], spent[which])
        if turn:
            pairs.append((costs[0], costs[1]))
    middle = statistics.median
    return Compared(middle(a for a, _ in pairs), middle(b for _, b in pairs), middle(b / max(a, 0.01) for a, b in pairs))


def _cost_of(ask: Ask, spent: Callable[[], float]) -> float:
    """Milliseconds. Repeated until it can be told from the kernel's clock, which counts hundredths of a second of other processes."""
    before, began, times = spent(), time.monotonic(), 0
    while times < 1 or (time.monotonic() - began < 0.25 and times < 20):
        ask()
        times += 1
    return 1000 * (spent() - before) / times


def compare_sizes(folder: Path, sizes: Sequence[int], rounds: int, *, postgres: bool = False, only: str = "") -> dict[str, Compared]:
    """By question; of two sizes, the smaller first."""
    with ExitStack() as stack:
        homes = [_open_filled(stack, folder / str(size), size, postgres=postgres) for size in sizes]
        few, many = (questions for questions, _ in homes)
        found = dict[str, Compared]()
        for name in [name for name in few if only in name]:
            found[name] = ask_in_turn(few[name], many[name], [spent for _, spent in homes], rounds)
            print(_told(name, found[name]), flush=True)
        return found


def _told(name: str, cost: Compared) -> str:
    return f"{cost.few:9.2f} {cost.many:9.2f} ms  {cost.ratio:6.2f} ×  {name}{'' if cost.ratio <= AIM else '  <<<'}"


def _open_filled(stack: ExitStack, home: Path, size: int, *, postgres: bool) -> tuple[dict[str, Ask], Callable[[], float]]:
    home.mkdir(parents=True)
    workstation, spent = stack.enter_context((postgres_home if postgres else sqlite_home)(home))
    began = time.monotonic()
    _people(workstation)
    fill(workstation, size)
    print(f"{size} documents, made in {time.monotonic() - began:.0f} s", flush=True)
    station = replace(workstation, clock=lambda: NOW)
    settle_down(station)
    app = build_app(station, secret=bytes(32))
    client = stack.enter_context(TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False))
    _enter(client)
    return daily_questions(station, client, size, home), spent


def row_costs(folder: Path, few: int = 10_000, many: int = 1_000_000, rounds: int = 5, *, postgres: bool = False) -> dict[str, float]:
    """For the report: CPU ratios by question."""
    return {name: cost.ratio for name, cost in compare_sizes(folder, [few, many], rounds, postgres=postgres).items()}


def _people(workstation: Workstation) -> None:
    with workstation.database.writing() as session:
        people.ensure_practice(session)


def settle_down(workstation: Workstation) -> None:
    """What a turn does once for documents that it has never looked at is done before anything is measured."""
    note_old_keys(workstation)
    for turn in (tend_reviews, tend_approvals, tend_receivables, tend_retention, tend_circuits):
        for _ in range(3):
            turn(workstation)


def _enter(client: TestClient) -> None:
    found = client.post("/sign-in", data={"login": "responsable", "password": "essai"})
    if found.status_code != 303:
        raise SystemExit(f"nobody is signed in: {found.status_code} {found.text[:300]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sceau-rows-") as name:
        found = compare_sizes(Path(name), [asked.few, asked.many], asked.rounds, postgres=asked.postgres, only=asked.only)
    slower = [name for name, cost in found.items() if cost.ratio > AIM]
    print(f"{len(found) - len(slower)} of {len(found)} within {AIM} ×" + (f"; not: {', '.join(slower)}" if slower else ""))


if __name__ == "__main__":
    main()
