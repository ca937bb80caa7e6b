"""The evidence gauge of documents, from what the records hold: the newest file, its ledger entry, what witnesses hold."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.evidence import EvidenceFacts, EvidenceProfile, Gauge, gauge
from sealing.qualification import Qualified
from sealing.seal import OFFICER_FIELD
from sealing.verify import UNSEALED, UNSEALED_CHECKS, Check, SparseReader, Verification
from station.checkpoints import newest_held
from station.keyring import qualification_here
from station.records.tables import Archive, Delivery, Document, LedgerPayload, LedgerRow
from station.workstation import Workstation
from workflow.kinds import evidence_profile

OF_FILES = ("sealed", "renewed", "signed")
"""Ledger entries by which a sealed file comes into being."""


def gauge_of(session: Session, document: Document, settings: Settings) -> Gauge:
    """How far the evidence of this document goes."""
    return gauges_of(session, [document], settings)[document.id]


def gauges_of(session: Session, documents: Sequence[Document], settings: Settings) -> dict[str, Gauge]:
    """The same for a list, in a few questions to the database whatever its length."""
    ids = [document.id for document in documents]
    newest = _newest_entries(session, ids)
    held = {entity: _witnessed_size(session, settings, entity) for entity in {document.entity for document in documents}}
    return {each.id: gauge(_facts(each, newest.get(each.id), held[each.entity])) for each in documents}


def _facts(document: Document, sequence: int | None, witnessed: int) -> EvidenceFacts:
    archive = max(document.archives, key=lambda each: each.version, default=None)
    return EvidenceFacts(
        # The original's own fingerprint is written on arrival, before anything else.
        fingerprint=True,
        practice=archive is not None and archive.practice,
        level="" if archive is None else archive.level,
        # What was qualified in a file still lies in every file that begins with it.
        qualified=any(each.qualified for each in lineage_of(document.archives, archive)),
        witnessed=sequence is not None and sequence < witnessed,
    )


def lineage_of(archives: Sequence[Archive], archive: Archive | None) -> tuple[Archive, ...]:
    """A file, then that which its first bytes are, and so on to the one that was sealed afresh; nothing of none."""
    by_hash = {each.sha256: each for each in archives}
    found: list[Archive] = []
    while archive is not None and archive not in found:
        found.append(archive)
        archive = by_hash.get(archive.extends or "")
    return tuple(found)


def signature_of(document: Document) -> Archive | None:
    """The file by which an officer signed the newest sealed copy; None where nobody did."""
    newest = max(document.archives, key=lambda each: each.version, default=None)
    return next((each for each in lineage_of(document.archives, newest) if each.officer), None)


def _newest_entries(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """Sequence of the entry of each document's newest file."""
    query = (
        sa.select(LedgerPayload.document_id, sa.func.max(LedgerPayload.sequence))
        .where(LedgerPayload.document_id.in_(ids), LedgerPayload.type.in_(OF_FILES))
        .group_by(LedgerPayload.document_id)
    )
    return {str(document): int(sequence) for document, sequence in session.execute(query)}


def _witnessed_size(session: Session, settings: Settings, entity: str) -> int:
    """Size of the newest checkpoint of this log that somebody outside holds; 0 where nobody does. A folder of this home is no outside."""
    names = session.scalars(sa.select(Delivery.witness).where(Delivery.entity == entity, Delivery.done_at.is_not(None)).distinct())
    outside = [name for name in names if not _at_home(settings, name)]
    held = newest_held(session, entity, outside) if outside else None
    return held.size if held else 0


def _at_home(settings: Settings, witness: str) -> bool:
    kind, _, place = witness.partition(":")
    return kind == "folder" and (settings.home / place).resolve().is_relative_to(settings.home.resolve())


def file_gauge(document: Document) -> Gauge:
    """As far as its newest file alone goes, where nobody asked the ledger who holds its checkpoints."""
    return gauge(_facts(document, None, 0))


class NothingQualified(Exception):
    """A document is to be sealed as a copie fiable, and neither its seal nor its timestamps are qualified by a trusted list at hand."""


def profile_for(settings: Settings, document_type: str) -> EvidenceProfile:
    """What this house puts on files of this kind; the strictest for a kind that nobody knows."""
    return evidence_profile(document_type, settings.evidence.profiles)


def profiles_open(settings: Settings, wanted: EvidenceProfile) -> tuple[EvidenceProfile, ...]:
    """Under which profiles a document may be sealed, the wanted one first: a lesser one only where the house chose so."""
    if wanted is EvidenceProfile.COPIE_FIABLE and settings.evidence.unqualified == "seal":
        return wanted, EvidenceProfile.FISCAL_SEAL
    return (wanted,)


def fingerprint_told(session: Session, path: Path) -> str | None:
    """Which entry of the ledger names exactly these bytes as an archive: « écriture n° 12 (essai) »; None where none does."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    archive = session.get(Archive, sha256)
    if archive is None:
        return None
    rows = sa.select(LedgerRow).join(
        LedgerPayload, sa.and_(LedgerPayload.entity == LedgerRow.entity, LedgerPayload.sequence == LedgerRow.sequence)
    )
    for row in session.scalars(rows.where(LedgerPayload.document_id == archive.document_id, LedgerPayload.type.in_(OF_FILES))):
        if json.loads(row.entry)["objects"].get("archive") == sha256:
            return f"écriture n° {row.sequence} ({row.entity})"
    return None


def with_ledger(workstation: Workstation, path: Path, verification: Verification) -> Verification:
    """What `verify_file` says, and of a file that is meant to bear no seal (FISCAL_MIN) what the ledger of this installation adds.

    Where an entry names exactly these bytes, that stands in place of what only a seal could answer; else nothing is added.
    """
    unsealed = any(check.name == "coverage" and check.detail == UNSEALED[0] for check in verification.checks)
    if not unsealed:
        return verification
    with workstation.database.reading() as session:
        entry = fingerprint_told(session, path)
    if entry is None:
        return verification
    told = Check(
        "ledger",
        True,
        f"sans cachet (FISCAL_MIN) : l'empreinte du fichier est celle de l'{entry} ; « sceau verify --ledger » vérifie ce registre",
        f"no seal (FISCAL_MIN): the fingerprint of the file is that of the ledger's entry ({entry}); `sceau verify --ledger` checks it",
    )
    return Verification((*(check for check in verification.checks if check.name in UNSEALED_CHECKS), told), verification.practice)


def qualified_parts(path: Path, settings: Settings, moment: datetime) -> str:
    """What of a sealed file the trusted lists at hand call qualified: "seal", "timestamp", "signature", joined by spaces.

    A seal or signature is qualified by its certificate and the device that holds its key (eIDAS, art. 3, 12 and 27), a timestamp by its
    service (art. 3, 34). Where no list is at hand nothing is.
    """
    if settings.sealing.mode == "practice":
        return ""
    found = []
    with path.open("rb") as file:
        for each in SparseReader(file, strict=True).embedded_signatures:
            chain = (each.signer_cert, *each.other_embedded_certs)
            told = qualification_here(settings, chain, moment)
            if isinstance(told, Qualified):
                found += [_part(each.field_name, told)]
    return " ".join(sorted({part for part in found if part}))


def _part(field: str, told: Qualified) -> str:
    if told.kind == "timestamp":
        return "timestamp"
    if not told.qscd or told.kind not in ("seal", "signature"):
        return ""
    return "signature" if field == OFFICER_FIELD else "seal"


def archive_profile(archive: Archive) -> EvidenceProfile:
    """Under which profile a file was made; files of the versions before were all sealed."""
    return EvidenceProfile(archive.profile) if archive.profile else EvidenceProfile.FISCAL_SEAL
