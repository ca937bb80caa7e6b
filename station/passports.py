"""Scanner passports in the records: a page that bears a target's code becomes a passport of its station, and the ledger says so."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.findings import Finding
from capture.raster import Raster
from capture.scan import Page
from config.settings import Station
from conformity.limits import Limits
from conformity.passport import Drift, Passport, PassportLimits, assess_passport, compare_passports, overdue
from conformity.passport import from_json as passport_from_json
from conformity.target import from_json as reading_from_json
from conformity.target import read_target
from sealing.ledger import Event
from sealing.pdfa import Attachment, Relation
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Document, PassportRow


def note_target(raster: Raster, page: Page, codes: Sequence[str] | None = None) -> dict[str, Any] | None:
    """For the child process that judges a page: its reading as JSON where it bears a target's code, else None."""
    reading = read_target(raster, page, codes)
    return None if reading is None else reading.as_json()


def take_target(
    session: Session,
    document: Document,
    readings: Iterable[Mapping[str, Any] | None],
    findings: Sequence[Finding],
    at: datetime,
    *,
    device: str = "",
    limits: Limits | None = None,
) -> tuple[PassportRow, ...]:
    """After judging: make a passport of each target among the document's pages, within the caller's transaction.

    `readings` are what `note_target` gave for each page, None for ordinary ones; `findings` those of the document. Writes the ledger last.
    """
    by_target: dict[str, list[Mapping[str, Any]]] = {}
    for told in readings:
        if told is not None:
            by_target.setdefault(str(told["target"]), []).append(told)
    allowed = limits_for(limits)
    return tuple(
        note_passport(session, document, assess_passport([reading_from_json(told) for told in pages], findings, allowed), at, device)
        for pages in by_target.values()
    )


def note_passport(session: Session, document: Document, passport: Passport, at: datetime, device: str = "") -> PassportRow:
    """Write one passport and its ledger entry; the same target on the same document, judged anew, takes the place of what was said."""
    body = passport.as_json()
    row = session.scalar(sa.select(PassportRow).where(PassportRow.document_id == document.id, PassportRow.target == passport.target))
    if row is None:
        row = PassportRow(document_id=document.id, target=passport.target, entity=document.entity, station=document.station)
        session.add(row)
    row.made_at, row.outcome, row.body, row.device = at, passport.outcome.value, body, device[:120]
    objects = {"document": document.id, "passport": body_hash(body)}
    payload = {"station": document.station, "device": row.device, "target": passport.target, "outcome": row.outcome}
    append_event(session, Event(document.entity, "passport", objects, SYSTEM, at, "system", payload))
    return row


def body_hash(body: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a passport's canonical JSON (RFC 8785), as the ledger holds it."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def limits_for(limits: Limits | None) -> PassportLimits:
    """What the policy of pages says of resolution holds for the device too."""
    return PassportLimits() if limits is None else PassportLimits(min_dpi=limits.min_dpi, dpi_tolerance=limits.dpi_tolerance)


def passport_files(session: Session, document: Document, language: str) -> tuple[Attachment, ...]:
    """Reports and data of the passports that a document gave: they are sealed with the scan of the target. None for any other document."""
    rows = session.scalars(sa.select(PassportRow).where(PassportRow.document_id == document.id).order_by(PassportRow.id))
    return tuple(file for row in rows for file in (_report_file(session, row, language), _data_file(row)))


def _data_file(row: PassportRow) -> Attachment:
    """The passport itself, in the very bytes whose hash the ledger holds."""
    data = rfc8785.dumps(dict(row.body))
    return Attachment(f"passport-{row.target}.json", data, "application/json", Relation.SUPPLEMENT, "Passeport de scanner, données")


def _report_file(session: Session, row: PassportRow, language: str) -> Attachment:
    # Half a second of imports that no other document needs.
    from station.print import passport_report_pdf

    heading = (f"{row.station} {row.device}".strip(), row.made_at.date().isoformat())
    data = passport_report_pdf(passport_of(row), drift_of(session, row), language, heading)
    return Attachment(f"passport-{row.target}.pdf", data, "application/pdf", Relation.SUPPLEMENT, "Passeport de scanner")


# --- questions ---


def newest_passport(session: Session, station: str) -> PassportRow | None:
    return next(iter(list_passports(session, station, limit=1)), None)


def list_passports(session: Session, station: str, limit: int = 50) -> list[PassportRow]:
    """Newest first."""
    newest = (PassportRow.made_at.desc(), PassportRow.id.desc())
    return list(session.scalars(sa.select(PassportRow).where(PassportRow.station == station).order_by(*newest).limit(limit)))


def find_passport(session: Session, station: str, number: int) -> PassportRow | None:
    """One passport of that station."""
    row = session.get(PassportRow, number)
    return row if row is not None and row.station == station else None


def passport_of(row: PassportRow) -> Passport:
    """The passport as it was written."""
    return passport_from_json(row.body)


def drift_of(session: Session, row: PassportRow) -> tuple[Drift, ...]:
    """What changed since the passport before this one, of the same station and device; nothing where there is none."""
    same = (PassportRow.station == row.station, PassportRow.device == row.device)
    earlier = session.scalar(
        sa.select(PassportRow).where(*same, PassportRow.made_at < row.made_at).order_by(PassportRow.made_at.desc()).limit(1)
    )
    return () if earlier is None else compare_passports(passport_of(earlier), passport_of(row))


def is_overdue(session: Session, station: Station, today: date) -> bool:
    """Whether the station's scanner is due for its control (clause II-3)."""
    if not station.passport_days or station.source == "electronic":
        return False
    newest = newest_passport(session, station.name)
    return overdue(newest.made_at.date() if newest else None, today, station.passport_days)


def overdue_stations(session: Session, stations: Iterable[Station], today: date) -> tuple[str, ...]:
    """Names of those that are due, in the order of the settings."""
    return tuple(station.name for station in stations if is_overdue(session, station, today))
