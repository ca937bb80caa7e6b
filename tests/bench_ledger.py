"""The cost of a long log: checking it whole, and proving one entry of it. Its entries are like those that the station writes.

PYTHONPATH=tests:. python tests/bench_ledger.py [ENTRIES]
PYTHONPATH=tests:. python tests/bench_ledger.py --writers [URL]  appends committed a second by 16 writers, into an empty database, or
                                                                 on a server of its own, as its makers ship it;
                                                                 beside it how often the server's disk writes through
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import rfc8785
import sqlalchemy as sa
from benchserver import postgres_server

from sealing.ledger import Actor, ActorKind, Event, Tree, entry_bytes, leaf_hash, proves_inclusion
from sealing.proofs import proves_consistency
from station.checkpoints import consistency_of, inclusion_of
from station.records.database import migrate, open_database, server_address
from station.records.ledger import append_event, head_at, verify_ledger
from station.records.tables import LedgerPayload, LedgerRow

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RULE, SYSTEM = Actor("a102-b2", ActorKind.RULE, "1"), Actor("system", ActorKind.SYSTEM)
STORY: tuple[tuple[str, Actor, tuple[str, ...], dict[str, Any]], ...] = (
    ("received", SYSTEM, ("original",), {"name": "facture-0417.tif", "station": "demo", "size": 1_234_567}),
    ("judged", RULE, ("rasters",), {"verdict": "conform", "policy": "a102-b2 1", "findings": ["resolution-inferred"]}),
    ("read", SYSTEM, ("fields",), {"engine": "rapidocr 3.10", "words": 214}),
    ("sealed", SYSTEM, ("archive", "rasters"), {"level": "B-LTA", "version": 1, "size": 1_300_000, "profile": "FISCAL_SEAL"}),
)


def written_rows(count: int, random: Random) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows of the two tables, four entries a document."""
    tree = Tree()
    for sequence in range(count):
        kind, actor, roles, payload = STORY[sequence % len(STORY)]
        at, document = BEGAN + timedelta(seconds=sequence), f"{sequence // len(STORY):032x}"
        objects = {"document": document, **{role: random.randbytes(32).hex() for role in roles}}
        salt = random.randbytes(16)
        entry = entry_bytes(Event("essai", kind, objects, actor, at, "ntp +0.004", payload), sequence, salt)
        tree = tree.append(leaf_hash(entry))
        row = {"entity": "essai", "sequence": sequence, "entry": entry, "root": tree.root, "peaks": b"".join(tree.peaks)}
        yield (
            row,
            {
                "entity": "essai",
                "sequence": sequence,
                "document_id": document,
                "type": kind,
                "at": at,
                "salt": salt,
                "body": rfc8785.dumps(payload),
            },
        )


def ledger_costs(folder: Path, count: int) -> dict[str, float]:
    """Wall time of a full check, and of proofs at random places of a log of `count` entries."""
    random = Random(1)
    database = open_database(f"sqlite:///{folder / 'long.db'}")
    migrate(database)
    batch: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for pair in written_rows(count, random):
        batch.append(pair)
        if len(batch) == 20_000 or pair[0]["sequence"] == count - 1:
            with database.writing() as session:
                session.execute(sa.insert(LedgerRow), [row for row, _ in batch])
                session.execute(sa.insert(LedgerPayload), [payload for _, payload in batch])
            batch.clear()
    with database.reading() as session:
        began = time.perf_counter()
        tree = verify_ledger(session)["essai"]
        checked = time.perf_counter() - began
        walls = []
        for index in (random.randrange(count) for _ in range(200)):
            began = time.perf_counter()
            path = inclusion_of(session, "essai", index, count)
            walls.append(time.perf_counter() - began)
            entry = session.scalar(sa.select(LedgerRow.entry).where(LedgerRow.sequence == index))
            if entry is None or not proves_inclusion(leaf_hash(entry), index, count, path, tree.root):
                raise SystemExit("a proof does not hold")
        old = random.randrange(1, count)
        if not proves_consistency(
            old, count, head_at(session, "essai", old) or b"", tree.root, consistency_of(session, "essai", old, count)
        ):
            raise SystemExit("a proof does not hold")
    database.close()
    walls.sort()
    megabytes = (folder / "long.db").stat().st_size / 1e6
    return {
        "entries": count,
        "check_s": checked,
        "proof_median_ms": 1000 * walls[100],
        "proof_worst_ms": 1000 * walls[-1],
        "db_mb": megabytes,
    }


def flushes_a_second(url: str, seconds: float = 2.0) -> float:
    """How often the server's disk writes through for one connection that commits nearly nothing."""
    engine = sa.create_engine(server_address(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        count, began = 0, time.perf_counter()
        while (wall := time.perf_counter() - began) < seconds:
            connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'bench', '')")
            count += 1
    engine.dispose()
    return count / wall


def appends_a_second(url: str, writers: int = 16, seconds: float = 10.0) -> dict[str, float]:
    """Transactions of one entry each, committed by so many threads on one log; the log is walked at the end."""
    database = open_database(url)
    migrate(database)
    flushes = [flushes_a_second(url)]
    walls: list[list[float]] = [[] for _ in range(writers)]
    ending = time.perf_counter() + seconds

    def write(number: int) -> None:
        while (began := time.perf_counter()) < ending:
            with database.writing() as session:
                append_event(session, Event("essai", "judged", {"document": f"{number:032x}"}, RULE, BEGAN, "ntp +0.004", STORY[1][3]))
            walls[number].append(time.perf_counter() - began)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    began, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    flushes.append(flushes_a_second(url))
    with database.reading() as session:
        size = verify_ledger(session)["essai"].size
    database.close()
    each = sorted(wall for of_one in walls for wall in of_one)
    if size != len(each):
        raise SystemExit(f"{len(each)} were committed, the log has {size}")
    return {
        "writers": writers,
        "commits_a_second": len(each) / wall,
        "fewest": min(map(len, walls)),
        "most": max(map(len, walls)),
        "p50_ms": 1000 * each[len(each) // 2],
        "p95_ms": 1000 * each[len(each) * 95 // 100],
        "own_cpu_ms": 1000 * cpu / len(each),
        "flushes_before": flushes[0],
        "flushes_after": flushes[1],
        "load": os.getloadavg()[0],
    }


def writer_costs(folder: Path) -> dict[str, float]:
    """On a server of its own."""
    with postgres_server(folder) as (url, _):
        return appends_a_second(url)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--writers"]:
        with tempfile.TemporaryDirectory(prefix="sceau-bench-") as name:
            print(json.dumps(appends_a_second(sys.argv[2]) if sys.argv[2:] else writer_costs(Path(name) / "server")))
        sys.exit()
    with tempfile.TemporaryDirectory(prefix="sceau-bench-") as name:
        print(json.dumps(ledger_costs(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))
