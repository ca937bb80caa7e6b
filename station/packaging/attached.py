"""What goes with the documents: scanner passports, retention, and what trust is judged by. Each from its own room."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from asn1crypto import pem, x509
from sqlalchemy.orm import Session

from station.packaging.forms import json_bytes, moment_text, plain_word
from station.records.tables import ClockCheck, Document, PassportRow
from station.retention import retention_json
from station.trustlists import trust_snapshot
from station.workstation import Workstation
from workflow.kinds import duties_on


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which things were in force: half open, UTC."""

    begin: datetime
    end: datetime


def passports_in(session: Session, entity: str, span: Span, concealed: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and content of each passport made in the span, and of the newest of each station before it; by path.

    None names a document that is concealed.
    """
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
            yield f"scanners/{row.id:06d}.json", _passport_json(row, concealed)


def _passport_json(row: PassportRow, concealed: frozenset[str]) -> dict[str, Any]:
    return {
        "number": row.id,
        "station": row.station,
        "device": row.device,
        "target": row.target,
        "made_at": moment_text(row.made_at),
        "outcome": row.outcome,
        "document": None if row.document_id in concealed else row.document_id,
        "body": row.body,
    }


def dossier_version(told: tuple[bytes, bytes | None, bytes | None] | None) -> str | None:
    """Version of the organisation dossier under which a document was sealed, as its entry says; None where there was none."""
    payload = json.loads(told[1]) if told is not None and told[1] is not None else {}
    version = payload.get("dossier")
    return None if version is None else str(version)


def retention_note(session: Session, document: Document, day: date) -> dict[str, Any]:
    """Until when it is kept and why, as it is stored; the duties of its kind as the tables stood on a day."""
    duties = [{"authority": duty.authority, "years": duty.years, "starts": duty.starts} for duty in duties_on(document.document_type, day)]
    return {"kind": document.document_type, "asked_on": day.isoformat(), "duties": duties, **(retention_json(session, document) or {})}


# --- what trust is judged by ---


def trust_of(
    session: Session, workstation: Workstation, roots: Sequence[x509.Certificate], crls: Sequence[bytes], span: Span
) -> list[tuple[str, bytes | Path]]:
    """Revocation lists, checks of the clock in the span, trusted lists and certificates at hand, roots; by path."""
    found: list[tuple[str, bytes | Path]] = [(f"trust/{number:02d}.crl", crl) for number, crl in enumerate(dict.fromkeys(crls), 1)]
    checks = sa.select(ClockCheck).where(ClockCheck.at >= span.begin, ClockCheck.at < span.end).order_by(ClockCheck.id)
    found.append(("trust/clock.json", json_bytes([_check_json(row) for row in session.scalars(checks)])))
    found += [(f"trust/lists/{plain_word(name)}", path) for name, path in trust_snapshot(workstation.home)]
    once = {root.dump(): None for root in roots}
    found.append(("trust/roots.pem", b"".join(pem.armor("CERTIFICATE", root) for root in once)))
    return sorted(dict(found).items())


def _check_json(row: ClockCheck) -> dict[str, Any]:
    return {"at": moment_text(row.at), "health": row.health, "offset": row.offset, "answers": row.answers}
