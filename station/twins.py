"""Documents that may be one and the same: the same bytes, the same pixels, or alike to the eye. A person decides; nothing is deleted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from capture.likeness import likeness
from station.acts import NotOffered, note_decision
from station.records import batches, documents
from station.records.tables import MOVES, Document, Link, PageRow, Person, State

ALIKE, ALIKE_BY_NUMBER = 4, 16
"""Bits of 64 by which two first pages may differ and still be shown side by side; more where both bear the same invoice number, for a
paper scanned twice differs by up to 16, while other papers of one printer may not differ at all: two numbers mean two papers."""
RECENT = 400
"""Documents among which likeness is looked for; the same pixels are found among all."""
CHOICES = ("same", "distinct")
"""same: put the later one aside; distinct: keep both, and do not ask again."""


class Kind(StrEnum):
    PIXELS = "pixels"
    """Every page has the same canonical raster: the same scan in another file."""
    ALIKE = "alike"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two documents, the earlier first."""

    first: Document
    second: Document
    kind: Kind


def find_pairs(session: Session) -> list[Pair]:
    """Pairs about which nobody decided yet: the same pixels first, then what is only alike; each newest first."""
    found: dict[frozenset[str], Pair] = {}
    for kind, pairs in ((Kind.PIXELS, _same_pixels(session)), (Kind.ALIKE, _alike(session))):
        for one, other in reversed(pairs):
            found.setdefault(frozenset((one.id, other.id)), Pair(one, other, kind))
    settled = settled_pairs(session)
    return [pair for key, pair in found.items() if key not in settled]


def settle_pair(session: Session, first_id: str, second_id: str, choice: str, reason: str, person: Person, at: datetime) -> None:
    """Write what a person decided about two documents; « same » puts the later one aside, with its archive and original kept.

    Which is the earlier is told by their arrival. Raises Unknown; NotOffered where the later one cannot be put aside as it stands, the
    earlier one no longer stands, or the pair is decided already; ValueError for another choice.
    """
    if choice not in CHOICES:
        raise ValueError(choice)
    both = (documents.get_document(session, first_id), documents.get_document(session, second_id))
    first, second = sorted(both, key=lambda document: document.received_at)
    if first.state not in _STANDING or frozenset((first.id, second.id)) in settled_pairs(session):
        raise NotOffered(f"{first.state}, {second.state}: {choice}")
    was = second.state
    if choice == "same":
        if State.SET_ASIDE not in MOVES[second.state]:
            raise NotOffered(f"{second.state}: {choice}")
        documents.move_document(second, State.SET_ASIDE, at)
    else:
        documents.touch(second, at)
    batches.link(session, first.id, second.id, choice, at)
    note_decision(session, second, choice, reason, person, at, was, {"other": first.id})


def settled_pairs(session: Session) -> set[frozenset[str]]:
    """Pairs about which a person decided."""
    return {frozenset((row.older_id, row.newer_id)) for row in session.scalars(sa.select(Link).where(Link.kind.in_(CHOICES)))}


_STANDING = (State.SEALED, State.HELD, State.FAILED, State.JUDGED, State.READ, State.WAITING)


def _same_pixels(session: Session) -> list[tuple[Document, Document]]:
    """Documents whose first pages have one raster, and whose other pages have too."""
    firsts = (
        sa.select(PageRow.raster)
        .join(Document)
        .where(PageRow.number == 1, PageRow.superseded == 0, PageRow.raster.is_not(None), Document.state.in_(_STANDING))
        .group_by(PageRow.raster)
        .having(sa.func.count() > 1)
    )
    found = session.scalars(
        sa.select(Document)
        .join(PageRow)
        .where(PageRow.number == 1, PageRow.superseded == 0, PageRow.raster.in_(firsts), Document.state.in_(_STANDING))
        .options(selectinload(Document.pages))
        .order_by(Document.received_at.desc(), Document.id)
        .limit(RECENT)
    ).all()
    return [(one, other) for one, other in _pairs(found[::-1]) if _rasters(one) == _rasters(other)]


def _alike(session: Session) -> list[tuple[Document, Document]]:
    """Recent documents whose first pages look alike and do not bear two invoice numbers; blank pages look like nothing."""
    recent = session.scalars(
        sa.select(Document)
        .where(Document.state.in_(_STANDING))
        .options(selectinload(Document.pages), selectinload(Document.fields))
        .order_by(Document.received_at.desc(), Document.id)
        .limit(RECENT)
    ).all()
    hashes = {document.id: _look_of(document) for document in recent}
    known = [document for document in reversed(recent) if hashes[document.id]]
    numbers = {document.id: _number_of(document) for document in known}

    def look_alike(one: Document, other: Document) -> bool:
        bits = likeness(hashes[one.id], hashes[other.id])
        if numbers[one.id] and numbers[other.id]:
            return numbers[one.id] == numbers[other.id] and bits <= ALIKE_BY_NUMBER
        return bits <= ALIKE

    return [(one, other) for one, other in _pairs(known) if look_alike(one, other)]


def _pairs(found: Sequence[Document]) -> list[tuple[Document, Document]]:
    return [(one, other) for place, other in enumerate(found) for one in found[:place]]


def _rasters(document: Document) -> list[str | None]:
    return [page.raster for page in document.current_pages]


def _look_of(document: Document) -> int:
    """0 where its first page was not looked at, or is without contrast."""
    pages = document.current_pages
    return int((pages[0].seen or {}).get("likeness") or "0", 16) if pages else 0


def _number_of(document: Document) -> str:
    """Its invoice number without spaces, as read or corrected; empty where none is known."""
    known = [field.value for field in document.fields if field.name == "invoice_number" and field.value]
    return re.sub(r"\s", "", known[-1] or "") if known else ""
