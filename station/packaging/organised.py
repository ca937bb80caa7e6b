"""The company in the package: versions of its dossier, mandates, storage places, its controls and what they found."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Condition
from capture.stores import Store
from station.controls import control_catalogue, control_results
from station.dossier import dossiers_between
from station.mandates import list_mandates
from station.packaging.attached import Span
from station.packaging.forms import json_bytes, moment_text, plain_word
from station.records.tables import ControlLot, ControlResult, CorrectiveAction, DossierRow, Mandate, StorageNotice
from station.workstation import Workstation

RESULT_COLUMNS = ("control", "version", "at", "actor", "outcome", "document", "page", "lot", "entry", "answers", "note")
"""Of controls/results.csv."""


def _days(span: Span) -> tuple[date, date]:
    """First and last day, both included."""
    return span.begin.date(), (span.end - timedelta(milliseconds=1)).date()


# --- controls ---


def controls_of(session: Session, entity: str, span: Span, concealed: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """Corrective actions, the plan in all its versions, and the lots of which a sample was drawn; by path.

    Nothing tells of a document that is concealed: neither the sample's pages nor what somebody wrote in answer to it.
    """
    actions = [_action_json(row, hidden=document in concealed) for row, document in _actions(session, entity, span)]
    yield "controls/actions.json", json_bytes(actions)
    catalogue = [
        {**asdict(each), "since": each.since.isoformat(), "until": each.until and each.until.isoformat()}
        for each in control_catalogue(session, entity)
    ]
    yield "controls/catalogue.json", json_bytes(catalogue)
    drawn = (ControlLot.drawn_at >= span.begin, ControlLot.drawn_at < span.end)
    lots = session.scalars(sa.select(ControlLot).where(ControlLot.entity == entity, *drawn).order_by(ControlLot.id))
    yield "controls/lots.json", json_bytes([_lot_json(row, concealed) for row in lots])


def results_of(session: Session, entity: str, span: Span, concealed: frozenset[str]) -> Iterator[tuple[object, ...]]:
    """Rows of results.csv, oldest first; of a document that is concealed only that a control took place, and its outcome."""
    for row in control_results(session, entity, *_days(span)):
        done = (row.control, row.version, moment_text(row.at), row.actor, row.outcome)
        if row.document_id in concealed:
            yield *done, None, None, row.lot_id, row.sequence, [], ""
            continue
        answers = [f"{name}={'oui' if held else 'non'}" for name, held in (row.answers or {}).items()]
        yield *done, row.document_id, row.page, row.lot_id, row.sequence, answers, row.note


def _actions(session: Session, entity: str, span: Span) -> Iterator[tuple[CorrectiveAction, str | None]]:
    """Opened in the span, or answering to a result of it; each with the document of its result."""
    query = sa.select(CorrectiveAction, ControlResult.document_id).join(ControlResult, ControlResult.id == CorrectiveAction.result_id)
    inside = sa.or_(
        sa.and_(CorrectiveAction.opened_at >= span.begin, CorrectiveAction.opened_at < span.end),
        sa.and_(ControlResult.at >= span.begin, ControlResult.at < span.end),
    )
    for row in session.execute(query.where(CorrectiveAction.entity == entity, inside).order_by(CorrectiveAction.id)):
        yield row.CorrectiveAction, row.document_id


def _action_json(row: CorrectiveAction, *, hidden: bool) -> dict[str, Any]:
    return {
        "number": row.id,
        "result": row.result_id,
        "lot": row.lot_id,
        "what": "" if hidden else row.what,
        "owner": row.owner,
        "due": row.due,
        "opened_at": moment_text(row.opened_at),
        "opened_by": row.opened_by,
        "done_at": moment_text(row.done_at),
        "done_by": row.done_by,
        "done": "" if hidden else row.done,
    }


def _lot_json(row: ControlLot, concealed: frozenset[str]) -> dict[str, Any]:
    sample = [item for item in row.sample if str(item).partition(":")[0] not in concealed]
    return {
        "number": row.id,
        "name": row.name,
        "station": row.station,
        "day": row.day,
        "pages": row.pages,
        "plan": row.plan,
        "items_sha256": row.items_sha256,
        "checkpoint": row.checkpoint,
        "seed": row.seed,
        "sample": sample,
        "concealed": len(row.sample) - len(sample),
        "drawn_at": moment_text(row.drawn_at),
        "drawn_by": row.drawn_by,
        "outcome": row.outcome,
        "closed_at": moment_text(row.closed_at),
        "box": row.box,
        "place": row.place,
    }


# --- the organisation ---


@dataclass(frozen=True, slots=True)
class Company:
    """What is told of the organisation."""

    files: list[tuple[str, bytes | Path]]
    """By path."""
    lost: list[str]
    """Codes of gaps, one for each paper that is not in the vault any more, or not what it was."""


def organisation_of(session: Session, workstation: Workstation, entity: str, span: Span) -> Company:
    """Versions of the dossier in force in the span, mandates, storage places."""
    found: list[tuple[str, bytes | Path]] = []
    lost: list[str] = []
    for row in dossiers_between(session, entity, *_days(span)):
        paper = _kept(workstation.archives, row.sha256, ".pdf")
        found += _dossier(row, paper)
        lost += ["dossier-missing"] * (row.sha256 is not None and paper is None)
    for mandate in list_mandates(session, entity):
        if _covers(mandate, span):
            signed = _kept(workstation.originals, mandate.sha256, "")
            found += _mandate(mandate, signed)
            lost += ["mandate-missing"] * (signed is None)
    notices = sa.select(StorageNotice).where(StorageNotice.entity == entity, StorageNotice.noticed_at < span.end).order_by(StorageNotice.id)
    found.append(("organisation/storage.json", json_bytes([_notice_json(row) for row in session.scalars(notices)])))
    return Company(sorted(found, key=lambda each: each[0]), lost)


def _dossier(row: DossierRow, paper: Path | None) -> Iterator[tuple[str, bytes | Path]]:
    name = f"organisation/dossier-{row.version:04d}"
    told = {
        "version": row.version,
        "configuration": row.configuration,
        "configuration_sha256": row.configuration_sha256,
        "annex": row.annex,
        "reason": row.reason,
        "prepared_by": row.prepared_by,
        "prepared_at": moment_text(row.prepared_at),
        "signed_by": row.signed_by,
        "signed_at": moment_text(row.signed_at),
        "sha256": row.sha256,
        "file": None if paper is None else f"{name}.pdf",
    }
    yield f"{name}.json", json_bytes(told)
    if paper is not None:
        yield f"{name}.pdf", paper


def _mandate(row: Mandate, paper: Path | None) -> Iterator[tuple[str, bytes | Path]]:
    name = f"organisation/mandate-{row.id:04d}"
    file = f"{name}{Path(plain_word(row.name)).suffix[:6]}"
    told = {
        "number": row.id,
        "third_party": row.third_party,
        "scope": row.scope,
        "starts": row.starts,
        "ends": row.ends,
        "name": row.name,
        "sha256": row.sha256,
        "recorded_by": row.recorded_by,
        "recorded_at": moment_text(row.recorded_at),
        "revoked_at": moment_text(row.revoked_at),
        "revoked_by": row.revoked_by,
        "revoked_reason": row.revoked_reason,
        "file": None if paper is None else file,
    }
    yield f"{name}.json", json_bytes(told)
    if paper is not None:
        yield file, paper


def _covers(row: Mandate, span: Span) -> bool:
    first, last = (each.isoformat() for each in _days(span))
    ended = row.revoked_at is not None and row.revoked_at < span.begin
    return row.starts <= last and (row.ends is None or row.ends >= first) and not ended


def _notice_json(row: StorageNotice) -> dict[str, Any]:
    return {
        "places": row.places,
        "noticed_at": moment_text(row.noticed_at),
        "due": row.due,
        "declared_at": moment_text(row.declared_at),
        "declared_by": row.declared_by,
        "note": row.note,
    }


def _kept(vault: Store, sha256: str | None, suffix: str) -> Path | None:
    """Where a kept file lies; None where it is not there, or not what it was: then its row says so by naming no file."""
    whole = sha256 is not None and vault.verify(sha256, suffix) is Condition.SOUND
    return vault.path(sha256, suffix) if whole and sha256 is not None else None
