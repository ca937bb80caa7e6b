"""What a search costs among many documents: drawn invoices of two hundred words each, straight into the tables.

PYTHONPATH=tests:. python tests/bench_search.py [DOCUMENTS]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from config.settings import Settings
from station.records.database import migrate
from station.records.search import COLUMNS, find_entries
from station.records.tables import Batch, Document, FieldRow, SearchDue, SearchEntry, SearchText, State
from station.search import parse_query
from station.web.search import SIZE, show_results
from station.web.words import words_in
from station.workstation import Workstation, open_workstation

ENTITY = "essai"
AT_ONCE = 5_000
WORDS_A_PAGE = 200
VOCABULARY = 20_000
ON_EACH = "Facture date total tva siren net à payer"
"""Words that every invoice bears: the dearest to look for."""
QUERIES = (
    "facture",
    "fa",
    "facture total date",
    '"net à payer"',
    "maison",
    "F-000123",
    "fournisseur:maison ttc:1000..1010",
    "facture date:2024 ttc:>15000",
    "date:06/2025",
    "ttc:1234",
    "facture etat:scellé date:2023..2025 fournisseur:maison",
    "introuvable",
)
ROUNDS = 5


def drawn_documents(count: int, random: Random) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any], dict[str, Any]]]:
    """Rows of `document`, `field`, `search_entry` and `search_text`."""
    letters = "abcdefghilmnoprstuv"
    words = ["".join(random.choices(letters, k=random.randint(3, 10))) for _ in range(VOCABULARY)]
    often = list(accumulate(1 / (rank + 2) for rank in range(VOCABULARY)))
    for number in range(count):
        day = date(2020, 1, 1) + timedelta(days=number * 2300 // count)
        at, document_id = datetime(day.year, day.month, day.day, 9, tzinfo=UTC), f"{number:032x}"
        supplier, cents, invoice = f"Maison {words[number % 900]}", random.randint(500, 2_000_000), f"F-{number:06d}"
        document = {"id": document_id, "entity": ENTITY, "batch_id": "b", "station": "demo", "operator": "a", "document_type": "invoice"}
        document |= {"title": f"scan-{number}.tif", "state": State.SEALED, "received_at": at, "changed_at": at}
        values = {"supplier_name": supplier, "invoice_number": invoice, "issue_date": day.isoformat(), "total_gross": f"{cents / 100:.2f}"}
        fields = [{"document_id": document_id, "name": name, "source": "read", "value": value} for name, value in values.items()]
        entry = {
            "id": number + 1,
            "document_id": document_id,
            "entity": ENTITY,
            "state": State.SEALED,
            "day": day.isoformat(),
            "cents": cents,
        }
        told = " ".join(values.values())
        body = f"{supplier}\n{ON_EACH}\n" + " ".join(random.choices(words, cum_weights=often, k=WORDS_A_PAGE))
        texts = (document["title"], supplier, f"{invoice} F{number:06d}", "732829320", told, body)
        yield document, fields, entry, {"id": number + 1, **dict(zip(COLUMNS, texts, strict=True))}


def filled_home(folder: Path, count: int) -> Workstation:
    """A home with so many documents in its tables, indexed."""
    workstation = open_workstation(Settings(home=folder))
    migrate(workstation.database)
    drawn = drawn_documents(count, Random(1))
    with workstation.database.writing() as session:
        session.add(Batch(id="b", station="demo", opened_at=datetime(2020, 1, 1, tzinfo=UTC)))
    while lot := list(islice(drawn, AT_ONCE)):
        with workstation.database.writing() as session:
            session.execute(sa.insert(Document), [row[0] for row in lot])
            session.execute(sa.insert(FieldRow), [field for row in lot for field in row[1]])
            session.execute(sa.insert(SearchEntry), [row[2] for row in lot])
            session.execute(sa.insert(SearchText), [row[3] for row in lot])
            session.execute(sa.delete(SearchDue))
    return workstation


def search_costs(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds of one search with its first screenful as it is shown, snippets and all: the median over the queries, and the dearest.

    Each query is asked in both orders; of each the median of `ROUNDS`, the first time not counted. CPU is that of this process.
    """
    workstation = filled_home(folder, count)
    t = words_in("fr")
    walls: dict[str, float] = {}
    spent: dict[str, float] = {}
    for typed in QUERIES:
        for order in ("score", "date"):
            taken, used = [], []
            for _ in range(ROUNDS + 1):
                began, before = time.perf_counter(), time.process_time()
                with workstation.database.reading() as session:
                    query = parse_query(typed)
                    found = find_entries(session, query.asked, [ENTITY], order, size=SIZE)
                    show_results(session, workstation, found.document_ids, query, typed, t)
                taken.append(1000 * (time.perf_counter() - began))
                used.append(1000 * (time.process_time() - before))
            walls[f"{typed} ({order})"], spent[f"{typed} ({order})"] = statistics.median(taken[1:]), statistics.median(used[1:])
    workstation.database.close()
    size = sum(file.stat().st_size for file in folder.glob("*.db*"))
    for name, wall in walls.items():
        print(f"{wall:8.1f} ms, CPU {spent[name]:8.1f} ms  {name}")
    told = {"median_ms": statistics.median(walls.values()), "worst_ms": max(walls.values()), "worst_cpu_ms": max(spent.values())}
    return {"documents": count, **told, "database_mb": size / 1e6}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(search_costs(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
