"""What goes with the documents: scanner passports, the organisation, its controls, and what trust is judged by. Each from its own room."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from asn1crypto import pem
from sqlalchemy.orm import Session

from sealing.seal import Sealer
from station.records.tables import Document, PassportRow
from station.workstation import Workstation
from workflow.kinds import duties_on


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which things were in force: half open, UTC."""

    begin: datetime
    end: datetime


def passports_in(session: Session, entity: str, span: Span) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and content of each passport made in the span, and of the newest of each station before it; by path."""
    rows = session.scalars(
        sa.select(PassportRow).where(PassportRow.entity == entity, PassportRow.made_at < span.end).order_by(PassportRow.id)
    ).all()
    before: dict[str, PassportRow] = {}
    for row in rows:
        known = before.get(row.station)
        if row.made_at < span.begin and (known is None or (known.made_at, known.id) < (row.made_at, row.id)):
            before[row.station] = row
    in_force = {row.id for row in before.values()}
    for row in rows:
        if row.made_at >= span.begin or row.id in in_force:
            yield f"scanners/{row.id:06d}.json", _passport_json(row)


def _passport_json(row: PassportRow) -> dict[str, Any]:
    return {
        "number": row.id,
        "station": row.station,
        "device": row.device,
        "target": row.target,
        "made_at": row.made_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "outcome": row.outcome,
        "document": row.document_id,
        "body": row.body,
    }


def dossier_version(told: tuple[bytes, bytes | None, bytes | None] | None) -> str | None:
    """Version of the organisation dossier under which a document was sealed, as its entry says; None where there was none."""
    payload = json.loads(told[1]) if told is not None and told[1] is not None else {}
    named = payload.get("dossier")
    version = named.get("version") if isinstance(named, dict) else named
    return None if version is None else str(version)


def retention_note(session: Session, document: Document, day: date) -> dict[str, Any]:  # noqa: ARG001 until holds are recorded
    """Under which duties it is kept, as the tables stood on a day."""
    duties = [{"authority": duty.authority, "years": duty.years, "starts": duty.starts} for duty in duties_on(document.document_type, day)]
    return {"kind": document.document_type, "asked_on": day.isoformat(), "duties": duties}


# --- the organisation, its controls ---

RESULT_COLUMNS = ("control", "version", "at", "actor", "outcome", "document", "page", "lot", "note")
"""Of controls/results.csv."""


def controls_of(session: Session, entity: str) -> list[dict[str, Any]]:  # noqa: ARG001 until controls are recorded
    """The plan of internal controls."""
    return []


def results_of(session: Session, entity: str, span: Span) -> Iterator[Sequence[object]]:  # noqa: ARG001 until controls are recorded
    """Rows of results.csv."""
    yield from ()


def organisation_of(session: Session, workstation: Workstation, entity: str, span: Span) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001
    """Path and content of the organisation's papers in force in the span, by path."""
    yield from ()


# --- what trust is judged by ---


def trust_of(session: Session, workstation: Workstation, entity: str, sealer: Sealer, span: Span) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001
    """Path and content of roots and revocation lists, by path."""
    for number, crl in enumerate(dict.fromkeys(sealer.crls), 1):
        yield f"trust/{number:02d}.crl", crl
    roots = {root.dump(): None for root in sealer.roots}
    yield "trust/roots.pem", b"".join(pem.armor("CERTIFICATE", root) for root in roots)
