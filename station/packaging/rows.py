"""One document in the package: its row of the index, and its trail, from what the records hold. Nothing is written here."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from capture.catalogue import CATALOGUE, message
from config.settings import Settings
from station.evidence import gauges_of
from station.packaging.attached import dossier_version, retention_note
from station.packaging.forms import moment_text
from station.packaging.gaps import gaps_of
from station.packaging.scratch import SEALING, Named, Withheld
from station.packaging.stages import stages_of
from station.particulars import TWICE
from station.records.documents import finding_of
from station.records.tables import Archive, Document, FieldRow, LedgerPayload, LedgerRow, Link, Original, State
from station.verdicts import verdict_json, verdict_of

TRAIL = "sceau-trail-1"
COLUMNS = (
    "document", "type", "title", "direction", "supplier", "supplier_siren", "customer", "customer_siren", "number", "issued", "net", "tax",
    "gross", "currency", "state", "verdict", "paper_stays", "sealed", "sealed_at", "dossier", "level", "gaps", "links", "files",
)  # fmt: skip
"""Of the index, in order."""
_FIELDS = {
    "supplier": "supplier_name", "supplier_siren": "supplier_siren", "customer": "buyer_name", "customer_siren": "buyer_siren",
    "number": "invoice_number", "issued": "issue_date", "net": "total_net", "tax": "total_tax", "gross": "total_gross",
    "currency": "currency",
}  # fmt: skip
_IN_QUERY = 500
_HANGING = ("arrivals", "pages", "findings", "fields", "archives", "decisions", "batch")
"""What is loaded with each document."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One sealed file of a document, as its entry and the archive's row tell it."""

    entry: Named
    sha256: str
    size: int
    version: int
    extends: str | None
    extends_size: int | None

    def path(self) -> str:
        return f"documents/{self.entry.document}/v{self.version}.pdf"

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path(),
            "sha256": self.sha256,
            "size": self.size,
            "version": self.version,
            "entry": self.entry.sequence,
            "extends": self.extends,
            "extends_size": self.extends_size,
        }


@dataclass(frozen=True, slots=True)
class Told:
    """All that the package says of one document."""

    document: str
    files: tuple[SealedFile, ...]
    row: dict[str, Any]
    trail: dict[str, Any]


class Documents:
    """Some documents with everything that hangs on them, asked in a few questions whatever their number."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        entity: str,
        ids: Sequence[str],
        entries: Sequence[Named],
        day: date,
        concealed: frozenset[str],
    ) -> None:
        """`entries` are all that name one of the documents, below the checkpoint; `day` that of the checkpoint.

        What these records say of documents that are `concealed` is left out.
        """
        self._session, self._settings, self._day, self._concealed = session, settings, day, concealed
        loaded = [selectinload(getattr(Document, name)) for name in _HANGING]
        found = session.scalars(sa.select(Document).where(Document.id.in_(ids)).options(*loaded)).all()
        self.rows = {document.id: document for document in found}
        self._entries: dict[str, list[Named]] = defaultdict(list)
        for entry in entries:
            self._entries[entry.document].append(entry)
        self._links = _links(session, ids)
        self._stages = stages_of(session, ids, day)
        self._gauges = gauges_of(session, found, settings)
        self._told = _ledger_rows(session, entity, [entry.sequence for entry in entries])
        used = {page.sha256 for each in found for page in each.pages} | {arrival.sha256 for each in found for arrival in each.arrivals}
        self._sizes = {row.sha256: row.size for row in session.scalars(sa.select(Original).where(Original.sha256.in_(used)))}

    def files_of(self, document: Document) -> tuple[list[SealedFile], list[Withheld]]:
        """Its sealed files by version; those without a row in the records are missing."""
        archives = {archive.sha256: archive for archive in document.archives}
        files, lost = [], []
        for entry in self._entries[document.id]:
            if entry.type not in SEALING:
                continue
            archive = archives.get(entry.archive or "")
            if archive is None:
                lost.append(Withheld(entry.sequence, document.id, "missing"))
                continue
            files.append(_sealed_file(entry, archive, archives))
        return sorted(files, key=lambda file: file.version), lost

    def tell(self, document: Document, files: Sequence[SealedFile], withheld: Sequence[Withheld]) -> Told:
        """Row and trail of a document of which at least one file is in the package."""
        row = self._row(document, files, frozenset(each.reason for each in withheld))
        return Told(document.id, tuple(files), row, self._trail(document, row))

    def _row(self, document: Document, files: Sequence[SealedFile], withheld: frozenset[str]) -> dict[str, Any]:
        values = {name: _value_of(document, field) for name, field in _FIELDS.items()}
        newest = max((entry for entry in self._entries[document.id] if entry.type == "sealed"), key=lambda entry: entry.sequence)
        level = self._gauges[document.id].level
        row = {
            "document": document.id,
            "type": document.document_type,
            "title": document.title,
            "direction": "out" if values["supplier_siren"] in self._settings.identity.sirens else "in",
            **values,
            "state": document.state.value,
            "verdict": document.verdict,
            "paper_stays": document.paper_stays,
            "sealed": newest.sequence,
            "sealed_at": newest.at,
            "dossier": dossier_version(self._told.get(newest.sequence)),
            "level": None if level is None else level.value,
            "gaps": list(gaps_of(document.document_type, values, withheld, whole=self._whole(document), filled=self._filled(document.id))),
            "links": self._links_of(document),
            "files": [file.as_json() for file in files],
        }
        return {name: row[name] for name in COLUMNS}

    def _filled(self, document_id: str) -> set[str]:
        return self._stages[document_id].filled if document_id in self._stages else set()

    def _whole(self, document: Document) -> bool:
        """Whether no entry of it lacks its payload."""
        return all(self._told[entry.sequence][1] is not None for entry in self._entries[document.id] if entry.sequence in self._told)

    def _links_of(self, document: Document) -> list[dict[str, str]]:
        """Which documents it came out of or became, and which may be the same invoice."""
        found = {
            (f"{link.kind}-from", link.older_id) if link.newer_id == document.id else (f"{link.kind}-to", link.newer_id)
            for link in self._links[document.id]
        }
        found |= {(row.code, row.limit) for row in document.findings if row.code in TWICE and row.limit}
        return [{"kind": kind, "document": other} for kind, other in sorted(found) if other not in self._concealed]

    def _trail(self, document: Document, row: dict[str, Any]) -> dict[str, Any]:
        newest = max(document.archives, key=lambda archive: archive.version)
        return {
            "format": TRAIL,
            "document": document.id,
            "entity": document.entity,
            "row": row,
            "events": [self._event(entry.sequence) for entry in self._entries[document.id]],
            "fields": [_field_json(field) for field in sorted(document.fields, key=lambda field: (field.name, field.rank))],
            "findings": [
                _finding_json(found) for found in document.findings if found.code not in TWICE or found.limit not in self._concealed
            ],
            "decisions": [
                {
                    "choice": each.choice,
                    "reason": each.reason,
                    "actor": each.actor,
                    "at": moment_text(each.decided_at),
                    "was": each.was and each.was.value,
                    "detail": None if self._concealed.intersection(_words_of(each.detail)) else each.detail,
                }
                for each in document.decisions
            ]
            + (self._stages[document.id].told if document.id in self._stages else []),
            "clauses": _clauses(self._session, document, self._settings),
            "originals": self._originals(document),
            "pages": [
                {
                    "number": page.number,
                    "superseded": page.superseded,
                    "original": page.sha256,
                    "raster": page.raster,
                    "coding": page.coding,
                }
                for page in document.pages
            ],
            "checks": [{"name": check.get("name"), "ok": check.get("ok"), "detail": check.get("detail")} for check in newest.checks],
            "retention": retention_note(self._session, document, self._day),
            "gaps": row["gaps"],
        }

    def _event(self, sequence: int) -> dict[str, Any]:
        stored, payload, salt = self._told[sequence]
        entry = json.loads(stored)
        return {
            "sequence": sequence,
            "type": entry["type"],
            "at": entry["at"],
            "clock": entry["clock"],
            "actor": entry["actor"]["pseudonym"],
            "objects": entry["objects"],
            "payload": None if payload is None else payload.decode("utf-8"),
            "salt": None if salt is None else salt.hex(),
        }

    def _originals(self, document: Document) -> list[dict[str, Any]]:
        names: dict[str, set[str]] = {page.sha256: set() for page in document.pages}
        for arrival in document.arrivals:
            names.setdefault(arrival.sha256, set()).add(arrival.name)
        return [{"sha256": sha256, "size": self._sizes.get(sha256), "names": sorted(known)} for sha256, known in sorted(names.items())]


def concealed_of(session: Session, entity: str) -> frozenset[str]:
    """Documents that are shown to nobody."""
    return frozenset(session.scalars(sa.select(Document.id).where(Document.entity == entity, Document.confidential)))


def is_gone(document: Document | None) -> bool:
    """Whether nothing but its entries is left."""
    return document is None or document.state == State.ERASED


def _words_of(detail: Mapping[str, Any] | None) -> Iterator[str]:
    """All that a decision names, in lists as well."""
    for value in (detail or {}).values():
        yield from (str(each) for each in (value if isinstance(value, list) else [value]))


def _sealed_file(entry: Named, archive: Archive, archives: Mapping[str, Archive]) -> SealedFile:
    below = archives.get(archive.extends or "")
    extends, size = (None, None) if below is None else (below.sha256, below.size)
    return SealedFile(entry, archive.sha256, archive.size, archive.version, extends, size)


def _value_of(document: Document, name: str) -> str | None:
    """The value that counts, of all sources that gave one."""
    known = [field for field in document.fields if field.name == name and field.value]
    return min(known, key=lambda field: field.rank).value if known else None


def _field_json(field: FieldRow) -> dict[str, Any]:
    return {
        "name": field.name,
        "value": field.value,
        "raw": field.raw,
        "source": field.source,
        "page": field.page,
        "box": field.box,
        "confidence": field.confidence,
        "reason": field.reason,
        "actor": field.actor,
        "at": moment_text(field.said_at),
    }


def _finding_json(row: Any) -> dict[str, Any]:
    found = finding_of(row)
    known = row.code in CATALOGUE
    return {
        "code": row.code,
        "level": row.level.value,
        "clause": row.clause,
        "authority": row.authority.value,
        "page": row.page,
        "measured": row.measured,
        "limit": row.limit,
        "french": message(found) if known else row.code,
        "english": message(found, "en") if known else row.code,
    }


def _clauses(session: Session, document: Document, settings: Settings) -> list[dict[str, Any]]:
    told = verdict_json(verdict_of(session, document, settings))
    return [*told["clauses"], told["house"]]


def _links(session: Session, ids: Sequence[str]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = defaultdict(list)
    for link in session.scalars(sa.select(Link).where(sa.or_(Link.older_id.in_(ids), Link.newer_id.in_(ids))).order_by(Link.id)):
        found[link.older_id].append(link)
        found[link.newer_id].append(link)
    return found


def _ledger_rows(session: Session, entity: str, sequences: Sequence[int]) -> dict[int, tuple[bytes, bytes | None, bytes | None]]:
    """Sequence → entry, payload and salt; the last two are None where they were erased."""
    beside = sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence)
    found: dict[int, tuple[bytes, bytes | None, bytes | None]] = {}
    for start in range(0, len(sequences), _IN_QUERY):
        query = (
            sa.select(LedgerRow.sequence, LedgerRow.entry, LedgerPayload.body, LedgerPayload.salt)
            .join_from(LedgerRow, LedgerPayload, beside, isouter=True)
            .where(LedgerRow.entity == entity, LedgerRow.sequence.in_(sequences[start : start + _IN_QUERY]))
        )
        for row in session.execute(query):
            found[row.sequence] = (row.entry, row.body, row.salt)
    return found
