"""What was captured: a paper, a print of an electronic invoice, or the electronic file; said by the station, corrected by a person."""

from datetime import datetime

from sqlalchemy.orm import Session

from config.settings import Station
from conformity.circumstances import Source
from sealing.ledger import Actor, ActorKind, Event
from station.acts import NotOffered
from station.records import documents
from station.records.documents import ERASING
from station.records.ledger import append_event
from station.records.tables import MOVES, OPEN_STATES, Document, Person, State

BY_STATION: dict[str, Source] = {"paper": Source.PAPER, "electronic": Source.ELECTRONIC, "ask": Source.UNKNOWN}
"""Setting `station.source` → what its documents are until a person says otherwise."""
SAYABLE = (Source.PAPER, Source.PRINT, Source.ELECTRONIC)


def source_at(station: Station) -> Source:
    """What a station's documents are until a person says; what comes to a mailbox is electronic unless its setting says otherwise.

    A copier that sends its scans by mail needs `source = "paper"`.
    """
    if station.kind == "mailbox" and "source" not in station.model_fields_set:
        return Source.ELECTRONIC
    return BY_STATION[station.source]


def can_say(document: Document) -> bool:
    """Not while it is being worked, for the work under way would end in what is no longer so, nor while it is being erased."""
    return document.problem != ERASING and document.state not in OPEN_STATES and State.RECEIVED in MOVES[document.state]


def say_source(session: Session, document_id: str, source: Source, supplier: str, reason: str, person: Person, at: datetime) -> Document:
    """A person says what was captured and, if known, by which supplier; the document is judged again.

    Raises Unknown, NotOffered; ValueError where the reason is missing or the source cannot be said.
    """
    document = documents.get_document(session, document_id)
    if not can_say(document):
        raise NotOffered(f"{document.state}: source")
    if source not in SAYABLE or not reason.strip():
        raise ValueError("a source needs its reason")
    before = document.source
    document.source, document.source_said, document.supplier = source.value, True, supplier.strip()[:80] or None
    # Whoever decided to go on with the original kept decided about what was then thought of it.
    document.paper_stays = False
    documents.send_back(document, at)
    append_event(
        session,
        Event(
            entity=document.entity,
            type="source",
            objects={"document": document.id},
            actor=Actor(person.pseudonym, ActorKind.HUMAN),
            at=at,
            clock="system",
            payload={
                "source": document.source,
                "before": before,
                "supplier": document.supplier,
                "reason": reason.strip(),
                "paper_stays": document.paper_stays,
            },
        ),
    )
    return document
