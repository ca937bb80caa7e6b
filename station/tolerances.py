"""Who accepted that a document has no colours, where and until when; and how its findings then weigh.

A tolerance is decided before the reading knows the supplier: for a batch, for a station, or for a supplier whom a slip or a person names.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.findings import Finding, Level
from conformity.checks import verdict
from conformity.circumstances import COLOUR_CODES, Acceptance, Source, acceptance_of, weigh
from conformity.policy import Policy
from sealing.ledger import Actor, ActorKind, Event
from station.records import documents
from station.records.ledger import append_event
from station.records.tables import Document, Person, State, Tolerance

SCOPES = ("batch", "supplier", "station")
"""Narrowest first: of two that cover a document, the narrower one is named."""


class NoTolerance(Exception):
    """There is no such decision, or it is revoked already."""


def declare_tolerance(
    session: Session, entity: str, scope: str, value: str, reason: str, days: tuple[date, date | None], person: Person, at: datetime
) -> Tolerance:
    """Write the decision and its ledger entry, and have the documents judged again that it covers and only their colours hold.

    `days` are the first and last day of arrival (UTC); None: until revoked. Raises ValueError where scope, value, reason or days are none.
    """
    starts, ends = days
    if scope not in SCOPES or not value.strip() or not reason.strip() or (ends is not None and ends < starts):
        raise ValueError(f"{scope} {value}: scope, value, reason, days")
    tolerance = Tolerance(
        entity=entity,
        scope=scope,
        value=value.strip()[:80],
        reason=reason.strip(),
        actor=person.pseudonym,
        starts=starts.isoformat(),
        ends=ends.isoformat() if ends else None,
        decided_at=at,
    )
    session.add(tolerance)
    session.flush()
    again = [document for document in _held_for_colour(session) if tolerated(session, document) is tolerance]
    for document in again:
        documents.send_back(document, at)
    _enter(session, tolerance, "declared", reason.strip(), person, at, [document.id for document in again])
    return tolerance


def revoke_tolerance(session: Session, tolerance_id: int, reason: str, person: Person, at: datetime) -> Tolerance:
    """From now on it covers nothing that is judged; what was sealed under it names it still. Raises NoTolerance, ValueError."""
    tolerance = session.get(Tolerance, tolerance_id)
    if tolerance is None or tolerance.revoked_at is not None:
        raise NoTolerance(str(tolerance_id))
    if not reason.strip():
        raise ValueError("a revocation needs its reason")
    tolerance.revoked_at, tolerance.revoked_by, tolerance.revoked_reason = at, person.pseudonym, reason.strip()
    _enter(session, tolerance, "revoked", reason.strip(), person, at, [])
    return tolerance


def tolerated(session: Session, document: Document) -> Tolerance | None:
    """The decision that covers a document as it came in, the narrowest first; of equals, the newest."""
    day = document.received_at.date().isoformat()
    standing = session.scalars(
        sa.select(Tolerance)
        .where(
            Tolerance.entity == document.entity,
            Tolerance.revoked_at.is_(None),
            Tolerance.starts <= day,
            sa.or_(Tolerance.ends.is_(None), Tolerance.ends >= day),
        )
        .order_by(Tolerance.id.desc())
    )
    covering = [tolerance for tolerance in standing if covers(tolerance, document)]
    return min(covering, key=lambda tolerance: SCOPES.index(tolerance.scope), default=None)


def covers(tolerance: Tolerance, document: Document) -> bool:
    """Whether a document is in its scope, days left aside."""
    match tolerance.scope:
        case "batch":
            return tolerance.value in (document.batch_id, document.batch.slip)
        case "station":
            return tolerance.value == document.station
        case _:
            return document.supplier is not None and supplier_key(tolerance.value) == supplier_key(document.supplier)


def supplier_key(name: str) -> str:
    """Under which two ways of writing a supplier are one: its SIREN where the name is a SIREN or SIRET, else its letters and digits."""
    plain = "".join(re.findall(r"\w", name.casefold()))
    return plain[:9] if plain.isdecimal() and len(plain) in (9, 14) else plain


def list_tolerances(session: Session, entity: str) -> list[Tolerance]:
    """Standing ones first, then the revoked; newest first."""
    return list(
        session.scalars(
            sa.select(Tolerance).where(Tolerance.entity == entity).order_by(Tolerance.revoked_at.is_not(None), Tolerance.id.desc())
        )
    )


def acceptance_named(tolerance: Tolerance) -> Acceptance:
    return Acceptance(f"tolérance n° {tolerance.id}", tolerance.reason)


def weigh_document(session: Session, document: Document, policy: Policy, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings as they count for this document; notes on it policy and tolerance and, of a native file, that it stays the original."""
    told = tuple(findings)
    tolerance = tolerated(session, document)
    source = _source(document, told)
    acceptance = acceptance_named(tolerance) if tolerance else acceptance_of(policy)
    found = weigh(told, source, acceptance)
    used = any(each.code == "colour-tolerated" for each in found)
    document.policy = policy.as_json()
    document.tolerance_id = tolerance.id if tolerance and used else None
    if source is Source.ELECTRONIC and verdict(found) != "blocked":
        document.paper_stays = True
    return found


def _source(document: Document, findings: Iterable[Finding]) -> Source:
    """What a person or the station said; else an XML says by itself that its file is an electronic invoice."""
    said = Source(document.source)
    if document.source_said or said not in (Source.PAPER, Source.UNKNOWN):
        return said
    return Source.ELECTRONIC if any(each.code == "structured-invoice" for each in findings) else said


def _held_for_colour(session: Session) -> list[Document]:
    """Held documents that only their missing colours hold."""
    held = session.scalars(sa.select(Document).where(Document.state == State.HELD).order_by(Document.received_at).limit(1000))
    return [document for document in held if _only_colour(document)]


def _only_colour(document: Document) -> bool:
    blocking = {row.code for row in document.findings if row.level == Level.BLOCKING}
    return bool(blocking) and blocking <= COLOUR_CODES


def _enter(session: Session, tolerance: Tolerance, act: str, reason: str, person: Person, at: datetime, again: list[str]) -> None:
    payload = {
        "act": act,
        "scope": tolerance.scope,
        "value": tolerance.value,
        "reason": reason,
        "starts": tolerance.starts,
        "ends": tolerance.ends,
        "judged_again": again,
    }
    actor = Actor(person.pseudonym, ActorKind.HUMAN)
    append_event(session, Event(tolerance.entity, "tolerance", {"tolerance": str(tolerance.id)}, actor, at, "system", payload))
