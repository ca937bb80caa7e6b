"""The paper after scanning: where each lot lies, its quarantine, and the slip by which two people let it go.

Nothing is destroyed by itself. Each act is an entry `custody` of the ledger; the slip is a sealed paper that names what may be destroyed
and what stays, each with its reason.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Event
from station.acts import NotOffered, actor_of
from station.controls import actions_of, find_lot
from station.erasure import SamePerson
from station.evidence import signature_of
from station.formal import Head, Paper, dropped_unless_noted, keep_paper
from station.holds import hold_on
from station.records import people
from station.records.ledger import append_event, tree_of
from station.records.tables import (
    Archive,
    BackupRun,
    ControlLot,
    DestructionSlip,
    Document,
    DossierRow,
    LedgerPayload,
    LotDocument,
    Person,
    Sending,
    State,
)
from station.timekeeping import clock_word
from station.workstation import Workstation
from workflow.custody import REASONS, PaperFacts, quarantine_end, why_kept
from workflow.kinds import kind_of, needs_signature

ENTRY = "custody"
FORMAT = "sceau-slip-1"


class NoSlip(Exception):
    """There is no such slip, or nothing can be done with it."""


class VisaMissing(Exception):
    """A public body destroys nothing without a visa d'élimination: its number, its day and its sealed scan (R. 212-14 C. patr.)."""


@dataclass(frozen=True, slots=True)
class Visa:
    """The visa d'élimination of the Archives départementales, or of the service in charge."""

    number: str
    day: date
    document: str
    """Identifier of its scan, which was captured and sealed as any paper."""


@dataclass(frozen=True, slots=True)
class PaperLot:
    """A lot as its papers stand on a day."""

    lot: ControlLot
    standing: str
    """control (not looked at to the end), failed, action (open after a failure), quarantine, free (a slip may be made), slip, destroyed."""
    free_on: date | None
    """First day after quarantine, of a lot that passed."""
    slip: DestructionSlip | None


# --- where it lies ---


def place_lot(session: Session, lot: ControlLot, box: str, place: str, person: Person, at: datetime, clock: str = "system") -> None:
    """Say in which box and where a lot's paper lies. Raises ValueError where neither is said."""
    if not (box.strip() or place.strip()):
        raise ValueError("box, place")
    lot.box, lot.place = box.strip()[:40], place.strip()[:120]
    _enter(session, lot, {"act": "placed", "box": lot.box, "place": lot.place}, {}, person, at, clock)


def paper_lots(session: Session, settings: Settings, today: date, limit: int = 200) -> list[PaperLot]:
    """Every lot's papers, newest first."""
    lots = session.scalars(
        sa.select(ControlLot).where(ControlLot.entity == settings.entity).order_by(ControlLot.id.desc()).limit(limit)
    ).all()
    return [paper_lot(session, settings, lot, today) for lot in lots if not _submitted_anew(session, lot)]


def _submitted_anew(session: Session, lot: ControlLot) -> bool:
    """A failed lot whose documents are in a later one is told there."""
    ids = sa.select(LotDocument.document_id).where(LotDocument.lot_id == lot.id)
    later = sa.select(LotDocument.lot_id).where(LotDocument.document_id.in_(ids), LotDocument.lot_id > lot.id)
    return lot.outcome == "fail" and session.scalar(later.limit(1)) is not None


def paper_lot(session: Session, settings: Settings, lot: ControlLot, today: date) -> PaperLot:
    """Where a lot's papers stand."""
    free_on = quarantine_end(lot.closed_at.date(), settings.organisation.quarantine_days) if lot.closed_at else None
    slip = newest_slip(session, lot.id)
    if lot.outcome != "pass":
        standing = "failed" if lot.outcome == "fail" else "control"
        return PaperLot(lot, standing, None, slip)
    if slip is not None and slip.withdrawn_at is None:
        return PaperLot(lot, "destroyed" if slip.destroyed_at else "slip", free_on, slip)
    if any(action.done_at is None for action in actions_of(session, lot.id)):
        return PaperLot(lot, "action", free_on, slip)
    waits = free_on is None or today < free_on
    return PaperLot(lot, "quarantine" if waits else "free", free_on, slip)


# --- what may go ---


def newest_slip(session: Session, lot_id: int) -> DestructionSlip | None:
    return session.scalars(
        sa.select(DestructionSlip).where(DestructionSlip.lot_id == lot_id).order_by(DestructionSlip.id.desc()).limit(1)
    ).first()


def sort_papers(session: Session, settings: Settings, lot: ControlLot, day: date, slip_id: int = 0) -> tuple[list[str], list[list[str]]]:
    """Documents of a lot whose paper may go, and [identifier, reason] of those whose paper stays; slips but this one count."""
    going, kept = list[str](), list[list[str]]()
    rows = session.scalars(sa.select(LotDocument).where(LotDocument.lot_id == lot.id).order_by(LotDocument.document_id)).all()
    listed = _listed(session, settings.entity, slip_id)
    for row in rows:
        document = session.get_one(Document, row.document_id)
        reason = why_kept(_facts(session, document, row, day, listed=row.document_id in listed))
        if reason is None:
            going.append(document.id)
        else:
            kept.append([document.id, reason])
    return going, kept


def _listed(session: Session, entity: str, but: int) -> set[str]:
    others = (DestructionSlip.entity == entity, DestructionSlip.withdrawn_at.is_(None), DestructionSlip.id != but)
    return {document for documents in session.scalars(sa.select(DestructionSlip.documents).where(*others)) for document in documents}


def _facts(session: Session, document: Document, row: LotDocument, day: date, *, listed: bool) -> PaperFacts:
    files = {archive.sha256: archive for archive in document.archives}
    newest = max(document.archives, key=lambda archive: archive.version, default=None)
    return PaperFacts(
        kind=document.document_type,
        sealed=document.state == State.SEALED and not document.confidential and newest is not None,
        same_file=newest is not None and row.archive in _extended(newest, files),
        conform=document.verdict == "conform",
        paper_stays=document.paper_stays,
        held=hold_on(session, document, day) is not None,
        dossier=_named_dossier(session, document),
        signature_missing=needs_signature(document.document_type) and signature_of(document) is None,
        listed=listed,
    )


def _extended(archive: Archive, files: Mapping[str, Archive]) -> set[str]:
    """The file and those whose bytes it begins with: a renewal or a signature changes nothing that was compared."""
    found = {archive.sha256}
    while archive.extends is not None and archive.extends in files and archive.extends not in found:
        archive = files[archive.extends]
        found.add(archive.sha256)
    return found


def _named_dossier(session: Session, document: Document) -> bool:
    """Whether it was sealed under a dossier, sealed here or named in the settings of that day: today's settings prove nothing of then."""
    body = session.scalars(
        sa.select(LedgerPayload.body)
        .where(LedgerPayload.document_id == document.id, LedgerPayload.type == "sealed")
        .order_by(LedgerPayload.sequence.desc())
        .limit(1)
    ).first()
    return body is not None and not {"dossier", "dossier_named"}.isdisjoint(json.loads(body))


def house_papers(session: Session) -> list[str]:
    """SHA-256 of the sealed papers of the house itself: dossiers, slips, letters and proofs, in the vault of archives beside documents'."""
    dossiers = session.scalars(sa.select(DossierRow.sha256).where(DossierRow.sha256.is_not(None)))
    slips = session.scalars(sa.select(DestructionSlip.sha256).where(DestructionSlip.sha256.is_not(None)))
    letters = (
        column for row in session.execute(sa.select(Sending.sha256, Sending.deposit_sha256, Sending.receipt_sha256)) for column in row
    )
    drills = session.scalars(sa.select(BackupRun.sha256).where(BackupRun.sha256.is_not(None)))
    return [sha256 for sha256 in (*dossiers, *slips, *letters, *drills) if sha256]


# --- the slip ---


def prepare_slip(
    session: Session, settings: Settings, lot: ControlLot, person: Person, at: datetime, clock: str = "system"
) -> DestructionSlip:
    """One person prepares the slip of a lot that passed and left quarantine. Raises NotOffered where it has not, or nothing may go."""
    if paper_lot(session, settings, lot, at.date()).standing != "free":
        raise NotOffered("slip: the lot has not passed, or waits")
    going, kept = sort_papers(session, settings, lot, at.date())
    if not going:
        raise NotOffered("slip: every paper of the lot stays")
    slip = DestructionSlip(
        entity=lot.entity, lot_id=lot.id, documents=going, kept=kept, prepared_by=person.pseudonym, prepared_at=at, reason=""
    )
    session.add(slip)
    session.flush()
    told = {"act": "slip prepared", "slip": slip.id, "documents": going, "kept": kept}
    _enter(session, lot, told, {"papers": _papers_hash(slip)}, person, at, clock)
    return slip


def withdraw_slip(session: Session, number: int, reason: str, person: Person, at: datetime, clock: str = "system") -> DestructionSlip:
    """Take a slip back, as long as nobody said that the paper is gone. Raises NoSlip, ValueError without a reason."""
    slip = _open_slip(session, number)
    if not reason.strip():
        raise ValueError("a slip is taken back with a reason")
    slip.withdrawn_at = at
    told = {"act": "slip withdrawn", "slip": slip.id, "reason": reason.strip()}
    _enter(session, session.get_one(ControlLot, slip.lot_id), told, {"papers": _papers_hash(slip)}, person, at, clock)
    return slip


def sign_slip(workstation: Workstation, number: int, reason: str, person: Person, visa: Visa | None = None) -> DestructionSlip:
    """The owner of the papers, another person, signs; the slip is drawn, sealed and proved.

    Raises SamePerson, NoSlip, NotOffered where a paper has come to stay since, VisaMissing, ValueError without a reason, ClockWrong,
    ClockStepped, Unproved, CannotSeal.
    """
    settings, moment = workstation.settings, workstation.clock()
    if not reason.strip():
        raise ValueError("a destruction needs its reason")
    if settings.channel.public and visa is None:
        raise VisaMissing(str(number))
    with workstation.database.reading() as session:
        slip = _signable(session, settings, number, person, moment)
        scan = None if visa is None else _scan_of(session, slip.entity, visa)
        paper = paper_of(session, slip, (person.pseudonym, reason.strip()), visa, scan, moment)
        head = Head(slip.entity, tree_of(session, slip.entity))
    kept = keep_paper(workstation, paper, head)
    with dropped_unless_noted(workstation, kept), workstation.database.writing() as session:
        slip = _signable(session, settings, number, person, moment)
        slip.signed_by, slip.signed_at, slip.reason, slip.sha256 = person.pseudonym, moment, reason.strip(), kept.sha256
        objects = {"papers": _papers_hash(slip), "slip": kept.sha256}
        told: dict[str, Any] = {"act": "slip signed", "slip": slip.id, "reason": slip.reason}
        if visa is not None:
            slip.visa, slip.visa_day, slip.visa_sha256 = visa.number.strip()[:80], visa.day.isoformat(), scan
            told |= {"visa": slip.visa, "visa_day": slip.visa_day}
            objects["visa"] = scan or ""
        _enter(session, session.get_one(ControlLot, slip.lot_id), told, objects, person, moment, clock_word(workstation))
    return slip


def _scan_of(session: Session, entity: str, visa: Visa) -> str:
    """SHA-256 of the sealed scan of the visa. Raises VisaMissing where number or scan are none."""
    document = session.get(Document, visa.document.strip())
    newest = None if document is None else max(document.archives, key=lambda archive: archive.version, default=None)
    if not visa.number.strip() or document is None or newest is None or document.entity != entity or document.state != State.SEALED:
        raise VisaMissing(visa.document)
    return newest.sha256


def note_destroyed(
    session: Session, settings: Settings, number: int, method: str, person: Person, at: datetime, clock: str = "system"
) -> DestructionSlip:
    """A person says that the papers of a signed slip were destroyed, and how. Raises NoSlip, NotOffered where one is to stay by now."""
    slip = _open_slip(session, number)
    if slip.signed_at is None:
        raise NoSlip(str(number))
    if not method.strip():
        raise ValueError("how it was destroyed")
    if now_staying(session, settings, slip, at.date()):
        raise NotOffered("slip: a paper has come to stay since it was signed")
    slip.destroyed_at, slip.destroyed_by, slip.method = at, person.pseudonym, method.strip()
    told = {"act": "destroyed", "slip": slip.id, "method": slip.method}
    objects = {"papers": _papers_hash(slip), "slip": slip.sha256 or ""}
    _enter(session, session.get_one(ControlLot, slip.lot_id), told, objects, person, at, clock)
    return slip


def now_staying(session: Session, settings: Settings, slip: DestructionSlip, day: date) -> list[list[str]]:
    """Papers on a slip that are to stay by now, each with its reason: a hold, a correction."""
    lot = session.get_one(ControlLot, slip.lot_id)
    _, kept = sort_papers(session, settings, lot, day, slip.id)
    return [each for each in kept if each[0] in slip.documents]


def find_slip(session: Session, entity: str, number: int) -> DestructionSlip:
    """Raises NoSlip."""
    slip = session.get(DestructionSlip, number)
    if slip is None or slip.entity != entity:
        raise NoSlip(str(number))
    return slip


def fate_of(session: Session, document: Document, settings: Settings, today: date) -> str:
    """What is known of a document's paper: unsampled, or the standing of its lot; kept where its lot's slip leaves it out."""
    lots = sa.select(LotDocument.lot_id).where(LotDocument.document_id == document.id).order_by(LotDocument.lot_id.desc())
    lot_id = session.scalar(lots.limit(1))
    if lot_id is None:
        return "unsampled"
    found = paper_lot(session, settings, find_lot(session, document.entity, lot_id), today)
    if found.standing in ("slip", "destroyed") and found.slip is not None and document.id not in found.slip.documents:
        return "kept"
    return found.standing


def _open_slip(session: Session, number: int) -> DestructionSlip:
    slip = session.get(DestructionSlip, number)
    if slip is None or slip.withdrawn_at is not None or slip.destroyed_at is not None:
        raise NoSlip(str(number))
    return slip


def _signable(session: Session, settings: Settings, number: int, person: Person, at: datetime) -> DestructionSlip:
    slip = _open_slip(session, number)
    if slip.signed_at is not None:
        raise NoSlip(str(number))
    if people.are_one(session, slip.prepared_by, person.pseudonym, slip.prepared_at, at):
        raise SamePerson(person.pseudonym)
    if now_staying(session, settings, slip, at.date()):
        raise NotOffered("slip: a paper has come to stay since it was prepared")
    return slip


def _papers_hash(slip: DestructionSlip) -> str:
    """Hexadecimal SHA-256 of the documents on a slip, one per line."""
    return hashlib.sha256("".join(f"{document}\n" for document in slip.documents).encode()).hexdigest()


def _enter(
    session: Session, lot: ControlLot, told: Mapping[str, Any], objects: Mapping[str, str], person: Person, at: datetime, clock: str
) -> None:
    session.flush()
    append_event(session, Event(lot.entity, ENTRY, {"lot": lot.name, **objects}, actor_of(person), at, clock, dict(told)))


# --- its face ---


def paper_of(
    session: Session, slip: DestructionSlip, signed: tuple[str, str], visa: Visa | None, scan: str | None, moment: datetime
) -> Paper:
    """The slip as it will be sealed: `signed` is the owner's pseudonym and reason, `scan` the SHA-256 of the visa's sealed scan."""
    lot = session.get_one(ControlLot, slip.lot_id)
    ids = [*slip.documents, *(each[0] for each in slip.kept)]
    found = {document.id: document for document in session.scalars(sa.select(Document).where(Document.id.in_(ids)))}
    data = {
        "format": FORMAT,
        "entity": slip.entity,
        "slip": slip.id,
        "lot": {"name": lot.name, "pages": lot.pages, "box": lot.box, "place": lot.place, "plan": lot.plan, "seed": lot.seed},
        "passed": lot.closed_at.date().isoformat() if lot.closed_at else "",
        "going": [_told(found[document]) for document in slip.documents],
        "kept": [{**_told(found[document]), "reason": reason} for document, reason in slip.kept],
        "prepared": {"by": slip.prepared_by, "at": slip.prepared_at.isoformat(timespec="milliseconds")},
        "signed": {"by": signed[0], "at": moment.isoformat(timespec="milliseconds"), "reason": signed[1]},
        "visa": None if visa is None else {"number": visa.number, "day": visa.day.isoformat(), "document": visa.document, "sha256": scan},
    }
    logins = people.logins_of(session, [slip.prepared_by, signed[0]])
    words = {"logins": logins, "reasons": {code: french for code, (french, _) in REASONS.items()}}
    return Paper("slip.html", f"Bordereau de destruction n° {slip.id}", "bordereau.json", data, moment, words)


def _told(document: Document) -> dict[str, Any]:
    newest = max(document.archives, key=lambda archive: archive.version, default=None)
    return {
        "document": document.id,
        # A slip goes from hand to hand.
        "title": "—" if document.confidential else document.title,
        "kind": kind_of(document.document_type).french,
        "pages": len(document.current_pages),
        "archive": "" if newest is None else newest.sha256,
    }
