"""A home with sealed papers on its records, made without scanning any, for tests of controls and custody; and the days that pass there."""

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import atwork
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from sealing.checkpoint import checkpoint_text, sign_note
from sealing.ledger import Event
from station import controls
from station.records import people
from station.records.intake import SYSTEM
from station.records.ledger import append_event, tree_of
from station.records.tables import Archive, Batch, CheckpointRow, ControlLot, Document, Original, PageRow, Person, State
from station.workstation import Workstation

MORNING = datetime(2026, 2, 2, 9, tzinfo=UTC)
"""Half a year before the machine's own clock at least: a seal from the future proves nothing."""
NOBODY = Ed25519PrivateKey.generate()
GOOD = {"identical": True, "colour": True, "complete": True}
BAD = {**GOOD, "complete": False}


class House:
    """Two people and a clock that is moved by hand."""

    def __init__(self, home: Path, keys: Path | None = None, **settings: Any) -> None:
        self.at = MORNING
        opened = atwork.open_home(home, keys, **settings)
        self.workstation: Workstation = replace(opened, clock=lambda: self.at)
        self.settings, self.entity = opened.settings, opened.settings.entity
        with opened.database.writing() as session:
            people.ensure_practice(session)
        with opened.database.reading() as session:
            self.clerk, self.officer = (session.get_one(Person, login) for login in ("atelier", "responsable"))
        self.made = 0

    def close(self) -> None:
        self.workstation.database.close()

    def writing(self):
        return self.workstation.database.writing()

    def reading(self):
        return self.workstation.database.reading()

    def later(self, **time: float) -> None:
        self.at += timedelta(**time)

    # --- papers ---

    def seal(self, pages: int = 1, *, station: str = "demo", payload: dict[str, Any] | None = None, **changes: Any) -> str:
        """A document as the pipeline leaves it; `changes` are columns of its row."""
        self.made += 1
        name = f"{self.made:032x}"
        with self.writing() as session:
            self._rows(session, name, pages, station, changes)
            told = {"kind": changes.get("document_type", "invoice"), "dossier": 1, "dossier_sha256": "d" * 64}
            objects = {"document": name, "archive": sha("archive", name)}
            append_event(session, Event(self.entity, "sealed", objects, SYSTEM, self.at, "system", told if payload is None else payload))
        return name

    def _rows(self, session: Session, name: str, pages: int, station: str, changes: dict[str, Any]) -> None:
        box = changes.pop("box", None)
        session.add(Original(sha256=sha("original", name), size=1, kept_at=self.at))
        session.add(Batch(id=name, station=station, opened_at=self.at, box=box))
        session.flush()
        row = {
            "entity": self.entity,
            "operator": "atelier",
            "document_type": "invoice",
            "title": f"facture-{self.made}.png",
            "state": State.SEALED,
            "verdict": "conform",
            **changes,
        }
        session.add(Document(id=name, batch_id=name, station=station, received_at=self.at, changed_at=self.at, **row))
        session.flush()
        for number in range(1, pages + 1):
            session.add(PageRow(document_id=name, number=number, sha256=sha("original", name), coding={}, raster=None))
        self.add_file(session, name, 1)

    def add_file(self, session: Session, name: str, version: int, **columns: Any) -> None:
        sha256 = sha("archive" if version == 1 else f"archive-{version}", name)
        told = {"size": 1, "attached": 0, "level": "B-LTA", "practice": True, "checks": [], **columns}
        session.add(Archive(sha256=sha256, document_id=name, version=version, sealed_at=self.at, **told))

    def seal_many(self, count: int, pages: int = 1, **changes: Any) -> list[str]:
        return [self.seal(pages, **changes) for _ in range(count)]

    # --- checkpoints and lots ---

    def checkpoint(self, words: str = "") -> str:
        """A row as `station.checkpoints` leaves it; its note is signed by nobody. Returns the note's text."""
        with self.writing() as session:
            tree = tree_of(session, self.entity)
            text = f"{checkpoint_text('sceau', tree.size, tree.root, self.at)}words {words}\n"
            note = sign_note(text, "nobody", NOBODY)
            session.add(CheckpointRow(entity=self.entity, size=tree.size, note=note, token=None, made_at=self.at))
        return text

    def ready(self) -> tuple[controls.Ready, ...]:
        with self.reading() as session:
            return controls.ready_lots(session, self.entity, self.at.date())

    def form(self, aql: str = "1.0") -> int:
        """The first lot that is ready."""
        with self.writing() as session:
            ready = controls.ready_lots(session, self.entity, self.at.date())[0]
            return controls.form_lot(session, self.entity, ready, aql, SYSTEM, self.at).id

    def look(self, lot: int, faults: Iterable[int] = ()) -> str | None:
        """Look at every drawn page; `faults` are places in the sample. Returns the lot's outcome."""
        bad, place = set(faults), 0
        while True:
            with self.writing() as session:
                row = controls.find_lot(session, self.entity, lot)
                item = controls.next_item(session, row)
                if item is None:
                    return row.outcome
                answers, note = (BAD, "bord coupé") if place in bad else (GOOD, "")
                controls.note_page(session, row, item, answers, note, self.clerk, self.at)
            place += 1

    def passed_lot(self, count: int = 3, **changes: Any) -> int:
        """Papers of one day, sampled the next, and all was well."""
        self.seal_many(count, **changes)
        self.later(days=1)
        self.checkpoint()
        lot = self.form()
        assert self.look(lot) == "pass"
        return lot

    def lot(self, number: int) -> ControlLot:
        with self.reading() as session:
            return controls.find_lot(session, self.entity, number)


def sha(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def copied(keys: Path, home: Path) -> Path:
    shutil.copytree(keys, home / "keys" / "practice")
    return home
