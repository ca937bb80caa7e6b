"""A small home with real sealed files, written through the records at times that the test holds; the package of its November."""

import hashlib
import os
import random
import shutil
import zipfile
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import atwork
import practice
import rfc8785
import sqlalchemy as sa
from webhome import PAPERS, Paper, field_rows

from capture.catalogue import CATALOGUE, finding
from capture.scan import Model, Page
from sealing.keys import load_practice, make_practice
from sealing.ledger import Actor, ActorKind, Event, Tree, entry_bytes, leaf_hash
from sealing.seal import append_timestamp, practice_sealer, seal_file
from station.checkpoints import checkpoint_now
from station.package import Exported, Period, export_package
from station.records import documents, intake
from station.records.documents import PageFact, replace_fields, replace_pages
from station.records.intake import Incoming
from station.records.ledger import append_event
from station.records.tables import (
    Archive,
    Arrival,
    Base,
    Batch,
    Document,
    FieldRow,
    FindingRow,
    LedgerPayload,
    LedgerRow,
    Original,
    PageRow,
    State,
)
from station.workstation import Workstation

NOVEMBER = Period(date(2024, 11, 1), date(2024, 11, 30))
AUTUMN = Period(date(2024, 10, 1), date(2024, 12, 31))
SYSTEM = Actor("system", ActorKind.SYSTEM)
LATER = datetime(2024, 12, 3, 8, 0, tzinfo=UTC)
"""When the package is made."""


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T09:00:00+00:00")


def at(workstation: Workstation, moment: datetime) -> Workstation:
    """The same workstation with its clock stopped at a moment."""
    return replace(workstation, clock=lambda: moment)


_KEYS = TemporaryDirectory(prefix="sceau-keys-")
"""Gone when the process ends."""


@cache
def _keys() -> Path:
    """Practice keys on P-256, issued once per process."""
    folder = Path(_KEYS.name) / "practice"
    make_practice(folder, day("2024-01-01"), day("2036-01-01"), elliptic=True)
    return folder


def new_home(folder: Path) -> Workstation:
    """Empty, with practice keys."""
    return at(atwork.open_home(folder, _keys()), LATER)


def seal_one(workstation: Workstation, name: str, paper: Paper, moment: datetime, seed: int = 1, kind: str = "invoice") -> str:
    """One document from arrival to seal within seconds: real pixels, a real sealed PDF/A, real entries; only its reading is made up."""
    document_id = _receive(workstation, name, moment, seed, kind)
    draft = workstation.home / f"draft-{os.urandom(4).hex()}"
    draft.mkdir()
    pdf = practice.compose(draft, [practice.png_leaf(draft, practice.noisy(seed=seed))])
    seal_file(pdf, pdf, practice_sealer(load_practice(workstation.home / "keys" / "practice"), lambda: moment))
    _note_sealed(workstation, document_id, pdf, paper, moment)
    shutil.rmtree(draft)
    return document_id


def _receive(workstation: Workstation, name: str, moment: datetime, seed: int, kind: str) -> str:
    practice.png_leaf(workstation.home, practice.noisy(seed=seed), seed)
    scan = workstation.home / f"page{seed}.png"
    kept = workstation.originals.keep(scan)
    scan.unlink()
    coding = asdict(Page(1, "png", True, 30, 40, 8, 3, Model.RGB, (300.0, 300.0)))
    with workstation.database.writing() as session:
        incoming = Incoming(
            entity="essai", station="demo", operator="atelier", document_type=kind, profile="a102-b2", name=name, inode=seed,
            mtime_ns=seed, size=kept.size, sha256=kept.sha256, at=moment, document_id=f"{seed:032x}",
        )  # fmt: skip
        document_id = intake.receive(session, incoming).document_id
        replace_pages(session, document_id, [PageFact(1, kept.sha256, coding, kept.sha256)])
    return document_id


def _note_sealed(workstation: Workstation, document_id: str, pdf: Path, paper: Paper, moment: datetime) -> None:
    kept = workstation.archives.keep(pdf, ".pdf")
    with workstation.database.writing() as session:
        document = documents.get_document(session, document_id)
        objects = {"document": document_id, "original": document.arrivals[0].sha256}
        document.verdict = "conform"
        replace_fields(session, document_id, field_rows(document_id, paper))
        for step, (state, entry) in enumerate(((State.JUDGED, "judged"), (State.READ, "read")), 1):
            documents.move_document(document, state, moment + timedelta(seconds=step))
            append_event(
                session, Event("essai", entry, objects, SYSTEM, moment + timedelta(seconds=step), "system", {"verdict": "conform"})
            )
        sealed_at = moment + timedelta(seconds=3)
        session.add(
            Archive(
                sha256=kept.sha256, document_id=document_id, version=1, size=kept.size, attached=0, level="B-LTA", practice=True,
                checks=[{"name": "seal", "ok": True, "detail": "PAdES B-LTA, certificat d'essai"}], sealed_at=sealed_at,
            )
        )  # fmt: skip
        documents.move_document(document, State.SEALED, sealed_at)
        payload = {"level": "B-LTA", "practice": True, "size": str(kept.size), "paper_stays": False}
        append_event(session, Event("essai", "sealed", {**objects, "archive": kept.sha256}, SYSTEM, sealed_at, "system", payload))


def small_home(folder: Path, count: int = 3) -> Workstation:
    """One document of October, `count` of November, one of December, of which one of November is told again; checkpoints between."""
    workstation = new_home(folder)
    seal_one(workstation, "octobre.png", PAPERS[5], day("2024-10-30"), seed=1)
    checkpoint_now(at(workstation, day("2024-10-31")), "essai")
    ids = [
        seal_one(workstation, f"facture-é-{n}.png", PAPERS[n % len(PAPERS)], day("2024-11-02") + timedelta(hours=5 * n), seed=10 + n)
        for n in range(count)
    ]
    checkpoint_now(at(workstation, day("2024-11-29")), "essai")
    seal_one(workstation, "decembre.png", PAPERS[4], day("2024-12-01"), seed=2)
    with workstation.database.writing() as session:
        append_event(session, Event("essai", "said", {"document": ids[0]}, SYSTEM, day("2024-12-02"), "system", {"field": "currency"}))
    return workstation


def small_package(folder: Path, documents: int = 3) -> Path:
    """A package of so many documents, whole and checked by nobody yet; made anew at each call, in a second or two."""
    workstation = small_home(folder / "home", documents)
    try:
        return export(workstation, folder / "essai.zip").paths[0]
    finally:
        workstation.database.close()


def export(workstation: Workstation, target: Path, scope: Period = NOVEMBER, **options: object) -> Exported:
    return export_package(workstation, scope, target, **options)  # type: ignore[arg-type]


def renew_one(workstation: Workstation, document_id: str, moment: datetime) -> str:
    """A further version that begins with the bytes of the newest one: an archive timestamp was appended. Returns its SHA-256."""
    draft = workstation.home / f"renewed-{document_id}.pdf"
    keys = load_practice(workstation.home / "keys" / "practice")
    with workstation.database.reading() as session:
        old = documents.get_document(session, document_id).archives[-1]
    append_timestamp(workstation.archives.path(old.sha256, ".pdf"), draft, practice_sealer(keys, lambda: moment))
    kept = workstation.archives.keep(draft, ".pdf")
    draft.unlink()
    with workstation.database.writing() as session:
        session.add(
            Archive(
                sha256=kept.sha256, document_id=document_id, version=old.version + 1, extends=old.sha256, size=kept.size, attached=0,
                level="B-LTA", practice=True, checks=[], sealed_at=moment,
            )
        )  # fmt: skip
        objects = {"document": document_id, "archive": kept.sha256, "extends": old.sha256}
        payload = {"size": str(kept.size), "extends_size": str(old.size), "reason": "certificate"}
        append_event(session, Event("essai", "renewed", objects, SYSTEM, moment, "system", payload))
    return kept.sha256


def members(path: Path) -> dict[str, bytes]:
    """Path to content."""
    with zipfile.ZipFile(path) as opened:
        return {info.filename: opened.read(info) for info in opened.infolist()}


def many_home(folder: Path, count: int, kilobytes: tuple[int, int] = (50, 100)) -> Workstation:
    """So many sealed documents of November for measuring: rows as the pipeline leaves them, files that only begin as PDF files do."""
    workstation = new_home(folder)
    draw, tree, moment = random.Random(count), Tree(), day("2024-11-02")
    for start in range(0, count, 500):
        rows: dict[type[Base], list[dict[str, Any]]] = defaultdict(list)
        for number in range(start, min(count, start + 500)):
            document_id, original = f"{number + 1:032x}", hashlib.sha256(f"scan {number}".encode()).hexdigest()
            content = b"%PDF-1.7\n" + draw.randbytes(1000 * draw.randint(*kilobytes))
            archive = hashlib.sha256(content).hexdigest()
            path = workstation.archives.path(archive, ".pdf")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sealed_at = moment + timedelta(seconds=120 * number)
            _add_rows(rows, document_id, original, archive, len(content), sealed_at, PAPERS[number % len(PAPERS)])
            for step, kind in enumerate(("received", "judged", "read", "sealed")):
                objects = {"document": document_id, "original": original} | ({"archive": archive} if kind == "sealed" else {})
                event = Event("essai", kind, objects, SYSTEM, sealed_at + timedelta(seconds=step), "system", {"verdict": "conform"})
                tree = _add_entry(rows, event, tree)
        with workstation.database.writing() as session:
            for table, values in rows.items():
                session.execute(sa.insert(table), values)
    return workstation


def _add_entry(rows: dict[type[Base], list[dict[str, Any]]], event: Event, tree: Tree) -> Tree:
    salt = bytes(16)
    entry = entry_bytes(event, tree.size, salt)
    grown = tree.append(leaf_hash(entry))
    place = {"entity": event.entity, "sequence": tree.size}
    rows[LedgerRow].append({**place, "entry": entry, "root": grown.root, "peaks": b"".join(grown.peaks)})
    beside = {"document_id": event.objects["document"], "type": event.type, "at": event.at}
    rows[LedgerPayload].append({**place, **beside, "salt": salt, "body": rfc8785.dumps(dict(event.payload))})
    return grown


def _add_rows(
    rows: dict[type[Base], list[dict[str, Any]]], document_id: str, original: str, archive: str, size: int, moment: datetime, paper: Paper
) -> None:
    coding = asdict(Page(1, "png", True, 2480, 3508, 8, 3, Model.RGB, (300.0, 300.0)))
    shared = {"station": "demo", "document_id": document_id}
    rows[Original].append({"sha256": original, "size": 2_000_000, "kept_at": moment})
    rows[Batch].append({"id": document_id, "station": "demo", "opened_at": moment})
    rows[Document].append(
        {
            "id": document_id, "entity": "essai", "batch_id": document_id, "station": "demo", "operator": "atelier",
            "document_type": "invoice", "title": f"facture {document_id[-6:]}.png", "state": State.SEALED, "verdict": "conform",
            "received_at": moment, "changed_at": moment,
        }
    )  # fmt: skip
    rows[Arrival].append(
        {**shared, "name": f"facture {document_id[-6:]}.png", "inode": "1", "mtime_ns": int(document_id, 16), "size": 2_000_000, "visit": 0,
         "sha256": original, "duplicate": False, "arrived_at": moment}
    )  # fmt: skip
    rows[PageRow].append({"document_id": document_id, "number": 1, "sha256": original, "coding": coding, "raster": original})
    for field in field_rows(document_id, paper):
        rows[FieldRow].append({"document_id": document_id, "name": field.name, "source": "read", "value": field.value, "page": 1})
    for number, code in enumerate(("resolution-inferred", "second-party-missing", "blank-page")[:2]):
        if code in CATALOGUE:
            found = finding(code, page=number + 1, measured="300")
            rows[FindingRow].append({"document_id": document_id, **asdict(found)})
    checks = [{"name": name, "ok": True, "detail": "contrôlé à la relecture"} for name in ("syntax", "coverage", "seal", "time", "pdfa")]
    rows[Archive].append(
        {"sha256": archive, "document_id": document_id, "version": 1, "size": size, "attached": 6000, "level": "B-LTA", "practice": True,
         "checks": checks, "sealed_at": moment}
    )  # fmt: skip
