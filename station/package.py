"""The auditor's package: sealed files, their stories and the proofs of the ledger, in ZIP files that can be checked without this product.

The form is told in docs/auditor-package.md, from which two verifiers are written. Written as a stream: what must be sorted goes through a
scratch file beside the package, and memory does not grow with the number of documents.
"""

import json
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Condition
from sealing.checkpoint import NoteKey
from sealing.ledger import BrokenLedger, Tree, leaf_hash
from sealing.seal import CannotSeal, Sealer
from station.checkpoints import Kept, TreeContradicted
from station.packaging import attached, organised, proving
from station.packaging.forms import csv_line, json_bytes, json_line
from station.packaging.gaps import CONFIDENTIAL, GAPS, LOST_PAPERS
from station.packaging.parts import ChangedMeanwhile, Part, Volume, Volumes, draft_path, volume_path
from station.packaging.placing import TargetBusy, alone_at, disk_trouble, error_name, is_file, private_file, put_in_place
from station.packaging.rows import COLUMNS, Documents, Told, concealed_of, is_gone
from station.packaging.scratch import GONE, SEALING, Named, Scratch, Withheld
from station.packaging.words import ENGLISH, FRENCH, REFUSALS, TRIAL
from station.records.tables import Archive, LedgerRow
from station.workstation import Workstation

log = logging.getLogger("sceau.package")
FORMAT = "sceau-package-1"
VOLUME_BYTES = 4_000_000_000
"""A volume stays below it, so that every ZIP program and file system takes it (4 GiB less one is what FAT32 holds)."""
AT_ONCE = 50
"""Documents whose records are in memory together."""
PER_DOCUMENT, PER_ENTRY = 24_000, 700
"""Bytes of room asked for besides the sealed files, of each document's trail and rows and of each entry, scratch file included."""
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What can be a document's: nothing else may become part of a path."""
VERIFIERS = {
    "verifier.html": Path(__file__).parent / "web" / "static" / "vendor" / "verifier.html",
    "verify.py": Path(__file__).parent / "verifiers" / "verify.py",
}
"""Member → where it lies in the product; the page is built at set-up."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of sealing, both included, in UTC."""

    first: date
    last: date

    @property
    def begin(self) -> str:
        return proving.entry_time(datetime.combine(self.first, time(), UTC))

    @property
    def end(self) -> str:
        """The first moment after it, as entries write times."""
        return proving.entry_time(datetime.combine(self.last + timedelta(days=1), time(), UTC))

    def as_json(self) -> dict[str, str]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}

    def words(self, language: str) -> str:
        days = f"{self.first:%d/%m/%Y}", f"{self.last:%d/%m/%Y}"
        return "from {} to {}".format(*days) if language == "en" else "du {} au {}".format(*days)


@dataclass(frozen=True, slots=True)
class Extract:
    """One document only."""

    document: str

    def as_json(self) -> dict[str, str]:
        return {"document": self.document}

    def words(self, language: str) -> str:
        return "of the document " + self.document if language == "en" else "du document " + self.document


Scope: TypeAlias = Period | Extract


def scope_of(first: str, last: str, document: str = "") -> Scope | None:
    """What a person typed; None where it is neither two days in their order nor a document."""
    if document:
        return Extract(document) if not first and not last else None
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return Period(*days) if days[0] <= days[1] < date.max else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export has come."""

    done: int
    """Documents written."""
    total: int
    bytes: int
    """Of all members so far, before compression."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    paths: tuple[Path, ...]
    """The index part, then the volumes."""
    documents: int
    files: int
    bytes: int
    """Of all parts together."""
    withheld: tuple[Withheld, ...]
    gaps: dict[str, int]
    """Code → number of documents, or of papers of the organisation."""

    @property
    def lost(self) -> int:
        """Files that are missing or damaged: sealed ones, dossiers, mandates."""
        papers = sum(self.gaps.get(gap.code, 0) for gap in LOST_PAPERS)
        return papers + sum(each.reason != CONFIDENTIAL.code for each in self.withheld)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing or damaged; what is confidential is withheld on purpose, and said so."""
        return self.lost == 0

    def as_json(self) -> dict[str, Any]:
        return {
            "paths": [str(path) for path in self.paths],
            "documents": self.documents,
            "files": self.files,
            "bytes": self.bytes,
            "complete": self.complete,
            "withheld": [{"document": each.document, "entry": each.entry, "reason": each.reason} for each in self.withheld],
            "gaps": self.gaps,
        }


class CannotExport(Exception):
    """Why there is no package; nothing of it is left behind. `words` tells a person."""

    def __init__(self, code: str, scope: Scope, **places: object) -> None:
        super().__init__(f"{code}: {places or scope}")
        self.code, self.scope, self.places = code, scope, places

    def words(self, language: str = "fr") -> str:
        """What happened, that nothing is lost, what to do."""
        told = self.scope.document if isinstance(self.scope, Extract) else self.scope.words(language)
        return REFUSALS[self.code].words(language, **{"scope": told, **self.places})


class Cancelled(Exception):
    """Raised inside, where `stop` says so."""


Tell: TypeAlias = Callable[[Progress], None]
Stop: TypeAlias = Callable[[], bool]


def export_package(
    workstation: Workstation,
    scope: Scope,
    target: Path,
    *,
    entity: str | None = None,
    volume_bytes: int = VOLUME_BYTES,
    force: bool = False,
    tell: Tell = lambda _progress: None,
    stop: Stop = lambda: False,
) -> Exported:
    """Write the package to `target` (and volumes beside it); none of them appears before all are whole.

    A checkpoint is made where the newest is not at the ledger's head. Raises CannotExport; then what was there before is still there.
    """
    entity = entity or workstation.settings.entity
    refuse_name(scope)
    for path in (target, volume_path(target, 1)):
        _refuse_there(scope, path, force=force)
    _refuse_bare(scope)
    try:
        with alone_at(target):
            return _export(workstation, scope, target, entity, volume_bytes, force, tell, stop)
    except TargetBusy as error:
        raise CannotExport("target-busy", scope, path=target) from error
    except Cancelled as error:
        raise CannotExport("cancelled", scope) from error
    except ChangedMeanwhile as error:
        raise CannotExport("changed-meanwhile", scope, detail=str(error)) from error
    except CannotSeal as error:
        raise CannotExport("cannot-seal", scope, detail=str(error)) from error
    except TreeContradicted as error:
        raise CannotExport("log-contradicted", scope, detail=str(error)) from error
    except BrokenLedger as error:
        raise CannotExport("ledger-broken", scope, detail=str(error)) from error
    except (OSError, sqlite3.Error) as error:
        log.warning("package at %s: %s", target, error)
        places = {"path": target, "folder": target.absolute().parent, "detail": error_name(error)}
        raise CannotExport(disk_trouble(error, target), scope, **places) from error


def _export(
    workstation: Workstation, scope: Scope, target: Path, entity: str, volume_bytes: int, force: bool, tell: Tell, stop: Stop
) -> Exported:
    sealer = proving.sealer_of(workstation)
    proving.checkpoint_at_head(workstation, entity)
    with workstation.database.reading() as session:
        if session.get_bind().dialect.name == "postgresql":
            # All questions are about one moment, as they are with SQLite.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return _Export(workstation, session, scope, target, entity, volume_bytes, force, sealer, tell, stop).run()


def refuse_name(scope: Scope) -> None:
    """What cannot be a document's identifier is no document, and becomes part of no path. Raises CannotExport."""
    if isinstance(scope, Extract) and not IDENTIFIER.fullmatch(scope.document):
        raise CannotExport("no-document", scope)


def _refuse_there(scope: Scope, path: Path, *, force: bool) -> None:
    """What is there stays, unless a person wants it replaced and it can be a package: never a device, a folder, a link to nothing."""
    if os.path.lexists(path) and not (force and is_file(path)):
        raise CannotExport("target-exists" if is_file(path) else "not-a-file", scope, path=path)


def _refuse_bare(scope: Scope) -> None:
    """Without its verifiers nobody could check it."""
    for name, path in VERIFIERS.items():
        if not path.is_file():
            raise CannotExport("no-verifier", scope, name=name)


@dataclass(slots=True)
class _Export:
    """One export as it goes; each step writes one member or one family of them, in the order of their paths."""

    workstation: Workstation
    session: Session
    scope: Scope
    target: Path
    entity: str
    volume_bytes: int
    force: bool
    sealer: Sealer
    tell: Tell
    stop: Stop
    scratch: Scratch = field(init=False)
    index: Part = field(init=False)
    volumes: Volumes = field(init=False)
    stand: proving.Stand = field(init=False)
    ends: proving.Ends = proving.WHOLE
    first: int = 0
    last: int = 0
    written: int = 0
    documents: int = 0
    files: int = 0
    concealed: frozenset[str] = frozenset()
    """Documents that are confidential: named by nothing but their entries."""

    def run(self) -> Exported:
        """Everything, or nothing that is left on the disk."""
        self.scratch = Scratch(draft_path(self.target).with_suffix(".scratch"))
        try:
            self.stand = proving.stand_of(self.session, self.workstation, self.entity)
            self.concealed = concealed_of(self.session, self.entity)
            self._look_through()
            self._refuse_early()
            self._open_parts()
            try:
                self._write()
                return self._put_in_place()
            except BaseException:
                self._drop()
                raise
        finally:
            self.scratch.close()

    # --- what belongs into it ---

    def _look_through(self) -> None:
        """One walk along the ledger: whether it is whole, where the segment lies, and which entries name which document."""
        begin, end = (self.scope.begin, self.scope.end) if isinstance(self.scope, Period) else ("", "")
        batch, tree = list[Named](), Tree()
        for sequence, stored in self._entries(0, self.stand.size):
            tree = tree.append(leaf_hash(stored))
            try:
                entry = json.loads(stored)
                at, objects = entry["at"], entry["objects"]
            except (ValueError, KeyError, TypeError) as error:
                raise BrokenLedger(self.entity, sequence, f"this entry cannot be read: {error}") from error
            if "document" in objects:
                batch.append(Named(sequence, objects["document"], entry["type"], at, objects.get("archive"), objects.get("extends")))
            if len(batch) >= 1000:
                self.scratch.note_entries(batch)
                batch.clear()
                self._beat()
        self.scratch.note_entries(batch)
        if self.stand.checkpoint is not None and (tree.size, tree.root) != (self.stand.size, self.stand.checkpoint.said.root):
            raise BrokenLedger(self.entity, tree.size, "its entries are not those over which its checkpoint was signed")
        if isinstance(self.scope, Period):
            self.ends = proving.ends_of(self.session, self.entity, self.stand, self._span())
            self.first = self.ends.begin.size if self.ends.begin else 0
            self.last = self.ends.end.size if self.ends.end else self.stand.size
        self.scratch.choose_sealed(begin, end)
        if isinstance(self.scope, Extract):
            self.scratch.choose(self.scope.document)

    def _refuse_early(self) -> None:
        """Before anything is written: an empty period, an unknown or confidential document, a full disk."""
        count = self.scratch.count_chosen()
        if isinstance(self.scope, Extract):
            self._refuse_document(self.scope)
        elif count == 0:
            raise CannotExport("empty-period", self.scope, entity=self.entity)
        needed = self._sealed_bytes() + count * PER_DOCUMENT + (self.last - self.first + self.stand.size // 4) * PER_ENTRY
        free = shutil.disk_usage(self.target.parent).free
        if needed > free:
            raise CannotExport("no-room", self.scope, needed=_megabytes(needed), free=_megabytes(free))

    def _refuse_document(self, scope: Extract) -> None:
        documents = self._load([scope.document])
        document = documents.rows.get(scope.document)
        named = self.scratch.entries_of([scope.document])
        if document is None or document.entity != self.entity or is_gone(document) or not any(each.type in SEALING for each in named):
            raise CannotExport("no-document", scope)
        if document.confidential:
            raise CannotExport("confidential", scope)

    def _sealed_bytes(self) -> int:
        total = 0
        for ids in self.scratch.chosen(500):
            sizes = sa.select(sa.func.coalesce(sa.func.sum(Archive.size), 0)).where(Archive.document_id.in_(ids))
            total += int(self.session.scalar(sizes) or 0)
        return total

    def _open_parts(self) -> None:
        self.index = Part(draft_path(self.target), self._note, self._beat)
        fits = self._sealed_bytes() + self.scratch.count_chosen() * PER_DOCUMENT <= self.volume_bytes
        self.volumes = Volumes(self.index, self.target, None if fits else self.volume_bytes, self._note, self._beat)

    # --- writing, in the order of the paths ---

    def _write(self) -> None:
        self._write_guides()
        self._write_controls()
        self._write_documents()
        written = self.volumes.finish()
        self._write_index()
        self._write_ledger()
        company = organised.organisation_of(self.session, self.workstation, self.entity, self._span())
        self._write_papers(company.files)
        for code in company.lost:
            self.scratch.add_gap(code)
        self.index.add("package.json", json_bytes(self._package(written)))
        for path, content in attached.passports_in(self.session, self.entity, self._span(), self.concealed):
            self.index.add(path, json_bytes(content))
        self._write_statistics()
        roots = (*self.sealer.roots, *proving.token_roots(self._listed()))
        self._write_papers(attached.trust_of(self.session, self.workstation, roots, self.sealer.crls, self._span()))
        self._write_verifiers()
        self._write_manifest()

    def _write_guides(self) -> None:
        keys = "\n  ".join(f"{key.name} : {key.fingerprint}" for key in self._keys())
        for name, text, language, trial in (("LISEZMOI.txt", FRENCH, "fr", TRIAL[0]), ("README.txt", ENGLISH, "en", TRIAL[1])):
            told = text.format(
                entity=self.entity,
                scope=self.scope.words(language),
                name="DOSSIER.zip" if language == "fr" else "PACKAGE.zip",
                keys=keys,
                trial=trial if self._practice else "",
            )
            self.index.add(name, told.encode("utf-8"))

    def _write_controls(self) -> None:
        for path, data in organised.controls_of(self.session, self.entity, self._span(), self.concealed):
            self.index.add(path, data)
        with self.index.member("controls/results.csv") as member:
            member.write(b"\xef\xbb\xbf" + csv_line(organised.RESULT_COLUMNS))
            for cells in organised.results_of(self.session, self.entity, self._span(), self.concealed):
                member.write(csv_line(cells))

    def _write_documents(self) -> None:
        total = self.scratch.count_chosen()
        self.tell(Progress(0, total, self.written))
        seen = 0
        for ids in self.scratch.chosen(AT_ONCE):
            documents = self._load(ids)
            for document_id in ids:
                self._write_document(documents, document_id)
                seen += 1
                self.tell(Progress(seen, total, self.written))
            self.session.expunge_all()
        if self.documents == 0 and isinstance(self.scope, Extract):
            raise CannotExport("nothing-whole", self.scope)

    def _load(self, ids: list[str]) -> Documents:
        entries = self.scratch.entries_of(ids)
        return Documents(self.session, self.workstation.settings, self.entity, ids, entries, self.stand.day, self.concealed)

    def _write_document(self, documents: Documents, document_id: str) -> None:
        document, entries = documents.rows.get(document_id), self.scratch.entries_of([document_id])
        if is_gone(document) and any(entry.type in GONE for entry in entries):
            self.scratch.add_others(e.sequence for e in entries if e.type in GONE and not self.first <= e.sequence < self.last)
            self.scratch.forget(document_id)
            return
        if document is None or is_gone(document) or document.confidential:
            reason = "confidential" if document is not None and document.confidential else "missing"
            # Of a document without any trace but its entries only those that the segment shows.
            inside = (e for e in entries if e.type in SEALING and self.first <= e.sequence < self.last)
            self._withhold([Withheld(e.sequence, document_id, reason) for e in inside])
            self.scratch.forget(document_id)
            return
        files, lost = documents.files_of(document)
        states = {file.sha256: self.workstation.archives.verify(file.sha256, ".pdf") for file in files}
        whole = [file for file in files if states[file.sha256] is Condition.SOUND]
        lost += [Withheld(f.entry.sequence, document_id, states[f.sha256].value) for f in files if f not in whole]
        if not whole:
            self._withhold([each for each in lost if self.first <= each.entry < self.last])
            self.scratch.forget(document_id)
            return
        self._withhold(lost)
        self._write_told(documents.tell(document, whole, lost))
        self.scratch.add_others(e.sequence for e in entries if not self.first <= e.sequence < self.last)

    def _withhold(self, withheld: list[Withheld]) -> None:
        """Each by its entry; what is confidential counts as a gap of its own, the others stand with their document."""
        for each in withheld:
            self.scratch.withhold(each)
        for reason in {each.reason for each in withheld} & {CONFIDENTIAL.code}:
            self.scratch.add_gap(reason)

    def _write_told(self, told: Told) -> None:
        self.index.add(f"documents/{told.document}/trail.json", json_line(told.trail).encode("utf-8") + b"\n")
        for file in told.files:
            self.volumes.add_file(file.path(), self.workstation.archives.path(file.sha256, ".pdf"), file.sha256, file.size)
            self.files += 1
        self.scratch.add_line(told.row["sealed"], told.document, json_line(told.row))
        for code in told.row["gaps"]:
            self.scratch.add_gap(code)
        self.documents += 1

    def _write_index(self) -> None:
        with self.index.member("index.csv") as member:
            member.write(b"\xef\xbb\xbf" + csv_line(COLUMNS))
            for line in self.scratch.lines():
                row = json.loads(line)
                member.write(csv_line(row[name] for name in COLUMNS))
        with self.index.member("index.json") as member:
            member.write(b"[")
            before = b"\n"
            for line in self.scratch.lines():
                member.write(before + line.encode("utf-8"))
                before = b",\n"
            member.write(b"\n]\n")

    def _write_ledger(self) -> None:
        self.index.add("ledger/ledger.json", json_bytes(self._ledger_json()))
        with self.index.member("ledger/others.jsonl") as member:
            for sequence in self.scratch.others():
                path = proving.inclusion(self.session, self.entity, sequence, self.stand.size)
                told = {"sequence": sequence, "entry": self._entry(sequence).decode("utf-8"), "path": [step.hex() for step in path]}
                member.write(json_line(told).encode("utf-8") + b"\n")
        with self.index.member("ledger/segment.jsonl") as member:
            for _, stored in self._entries(self.first, self.last):
                member.write(stored + b"\n")

    def _listed(self) -> tuple[Kept, ...]:
        return proving.checkpoints_of(self.session, self.entity, self.stand, self._span(), self.ends)

    def _keys(self) -> tuple[NoteKey, ...]:
        return proving.keys_that_sign(self.stand, self._listed())

    def _ledger_json(self) -> dict[str, Any]:
        listed = self._listed()
        old = {each.size for each in listed if not self.first <= each.size <= self.last and 0 < each.size < self.stand.size}
        old |= {self.last} if 0 < self.last < self.stand.size else set()
        return {
            "entity": self.entity,
            "first": self.first,
            "last": self.last,
            "peaks": [peak.hex() for peak in proving.peaks_at(self.session, self.entity, self.first)],
            "size": self.stand.size,
            "checkpoints": [proving.checkpoint_json(each) for each in listed],
            "consistency": [
                {
                    "from": size,
                    "to": self.stand.size,
                    "path": [step.hex() for step in proving.consistency(self.session, self.entity, size, self.stand.size)],
                }
                for size in sorted(old)
            ],
        }

    def _write_papers(self, papers: list[tuple[str, bytes | Path]]) -> None:
        for path, source in papers:
            if isinstance(source, Path):
                self.index.add_file(path, source)
            else:
                self.index.add(path, source)

    def _package(self, written: tuple[Volume, ...]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "entity": self.entity,
            "scope": self.scope.as_json(),
            "practice": self._practice,
            "counts": {
                "documents": self.documents,
                "archives": self.files,
                "entries": self.last - self.first,
                "others": self.scratch.count_others(),
            },
            "volumes": [{"name": volume.name, "files": volume.files, "bytes": volume.bytes} for volume in written],
            "checkpoint": self.stand.size,
            "keys": [key.vkey for key in self._keys()],
            "withheld": [{"document": each.document, "entry": each.entry, "reason": each.reason} for each in self.scratch.withheld()],
            "generator": f"sceau {_product_version()}",
        }

    def _write_statistics(self) -> None:
        counts: dict[str, int] = {"documents": self.documents, "archives": self.files, "entries": self.last - self.first}
        kinds, sums = self._sums()
        gaps = [
            {"code": code, "count": count, "french": GAPS[code].french, "english": GAPS[code].english}
            for code, count in self.scratch.gaps().items()
        ]
        withheld: dict[str, int] = {}
        for each in self.scratch.withheld():
            withheld[each.reason] = withheld.get(each.reason, 0) + 1
        told = {"counts": counts, "kinds": kinds, "sums": sums, "withheld": withheld, "gaps": gaps}
        rows: list[tuple[object, ...]] = [("counts", name, count, "", "") for name, count in counts.items()]
        rows += [("kinds", name, count, "", "") for name, count in kinds.items()]
        rows += [("sums", f"{each['direction']} {each['type']} {each['currency']}", each["gross"], "", "") for each in sums]
        rows += [("withheld", name, count, "", "") for name, count in withheld.items()]
        rows += [("gaps", gap["code"], gap["count"], gap["french"], gap["english"]) for gap in gaps]
        with self.index.member("statistics.csv") as member:
            member.write(b"\xef\xbb\xbf" + csv_line(("what", "name", "value", "french", "english")))
            for row in rows:
                member.write(csv_line(row))
        self.index.add("statistics.json", json_bytes(told))

    def _sums(self) -> tuple[dict[str, int], list[dict[str, str]]]:
        """Documents by kind, and what they amount to by direction, kind and currency."""
        return proving.sums_of(json.loads(line) for line in self.scratch.lines())

    def _write_verifiers(self) -> None:
        for name, path in VERIFIERS.items():
            self.index.add_file(name, path)

    def _write_manifest(self) -> None:
        draft = draft_path(self.target).with_suffix(".manifest")
        draft.unlink(missing_ok=True)
        try:
            private_file(draft)
            with draft.open("w+b") as file:
                with self.index.member("manifest.sha256", noted=False) as member:
                    for path, sha256 in self.scratch.members():
                        line = f"{sha256}  {path}\n".encode("ascii")
                        member.write(line)
                        file.write(line)
                note = proving.sign_manifest(self.workstation, self.entity, member.sha256)
                self.index.add("manifest.sha256.note", note.encode("utf-8"), noted=False)
                file.seek(0)
                self.index.add("manifest.sha256.p7s", proving.seal_manifest(file, self.sealer), noted=False)
        finally:
            draft.unlink(missing_ok=True)

    # --- in place, or gone ---

    def _put_in_place(self) -> Exported:
        """Volumes first, the index last: as long as it is not there, nothing looks whole."""
        total = self.index.close() + sum(volume.bytes for volume in self.volumes.closed)
        self._beat()
        paths = [volume_path(self.target, number) for number in range(1, len(self.volumes.parts) + 1)]
        put_in_place([(draft_path(path), path) for path in (*paths, self.target)], self._old_parts(paths))
        _sync_folder(self.target.parent)
        log.info("package for %s: %d documents, %d bytes in %d parts", self.entity, self.documents, total, len(paths) + 1)
        return Exported((self.target, *paths), self.documents, self.files, total, self.scratch.withheld(), self.scratch.gaps())

    def _old_parts(self, paths: list[Path]) -> list[Path]:
        """The package that this one replaces, with volumes that it had more. Raises CannotExport where nobody said that it may."""
        for path in (self.target, *paths):
            _refuse_there(self.scope, path, force=self.force)
        old, number = [path for path in (self.target, *paths) if is_file(path)], len(paths) + 1
        while self.force and is_file(more := volume_path(self.target, number)):
            old.append(more)
            number += 1
        return old

    def _drop(self) -> None:
        self.index.drop()
        self.volumes.drop()

    # --- small questions ---

    @property
    def _practice(self) -> bool:
        return self.sealer.practice or self.workstation.settings.sealing.mode == "practice"

    def _span(self) -> attached.Span:
        """The period; of an extract, from the document's first entry to its last."""
        if isinstance(self.scope, Period):
            return attached.Span(datetime.fromisoformat(self.scope.begin), datetime.fromisoformat(self.scope.end))
        times = [datetime.fromisoformat(entry.at) for entry in self.scratch.entries_of([self.scope.document])]
        return attached.Span(min(times), max(times) + timedelta(milliseconds=1))

    def _entries(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        query = (
            sa.select(LedgerRow.sequence, LedgerRow.entry)
            .where(LedgerRow.entity == self.entity, LedgerRow.sequence >= first, LedgerRow.sequence < last)
            .order_by(LedgerRow.sequence)
            .execution_options(yield_per=1000)
        )
        return ((row.sequence, bytes(row.entry)) for row in self.session.execute(query))

    def _entry(self, sequence: int) -> bytes:
        return bytes(self.session.get_one(LedgerRow, (self.entity, sequence)).entry)

    def _note(self, path: str, sha256: str, size: int) -> None:
        self.scratch.note_member(path, sha256)
        self.written += size

    def _beat(self) -> None:
        if self.stop():
            raise Cancelled


def _megabytes(count: int) -> str:
    return f"{max(1, count // 1_000_000)} Mo"


def _product_version() -> str:
    try:
        return version("sceau")
    except PackageNotFoundError:
        return "0"


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
