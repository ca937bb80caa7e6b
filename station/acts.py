"""What a person does to a document, each act in the ledger with its author and reason."""

from datetime import datetime

from sqlalchemy.orm import Session

from capture.catalogue import CATALOGUE
from capture.findings import Level
from conformity.circumstances import Source
from sealing.ledger import Actor, ActorKind, Event
from station.records import documents
from station.records.ledger import append_event
from station.records.tables import Document, Person, State

CHOICES = ("treat", "rescan", "retry")
"""treat: work it although it does not conform, the paper stays the original; rescan: set aside until a new scan comes; retry: as it is."""


class NotOffered(Exception):
    """The document does not stand where this choice is offered."""


def offered_choices(document: Document) -> tuple[str, ...]:
    """What may be decided about a document as it stands."""
    if document.state == State.HELD:
        return ("rescan", "treat") if can_treat(document) else ("rescan", "retry")
    if document.state in (State.FAILED, State.SET_ASIDE):
        return ("retry", "rescan") if document.state == State.FAILED else ("retry",)
    return ()


def is_electronic(document: Document) -> bool:
    """Whether its original is a file and no paper: then it is the native file that must be kept (L. 102 B LPF)."""
    return document.source == Source.ELECTRONIC or any(row.code == "electronic-document" for row in document.findings)


def can_treat(document: Document) -> bool:
    """Whether what holds the document is about its image (or that it is no scan), so that it may be worked with its original kept."""
    blocking = [row for row in document.findings if row.level == Level.BLOCKING]
    return bool(document.pages) and document.problem in (None, "cannot-archive") and all(may_go_on(row.code) for row in blocking)


def may_go_on(code: str) -> bool:
    """Findings after which a person may decide to go on with the original kept."""
    return CATALOGUE[code].image or code in ("electronic-document", "mixed-page", "print-of-electronic")


def decide(session: Session, document_id: str, choice: str, reason: str, person: Person, at: datetime) -> Document:
    """Write the decision, send the document where it leads, and enter both in the ledger.

    Raises Unknown, NotOffered; ValueError where the reason is missing.
    """
    document = documents.get_document(session, document_id)
    if choice not in offered_choices(document):
        raise NotOffered(f"{document.state}: {choice}")
    if not reason.strip():
        raise ValueError("a decision needs its reason")
    documents.add_decision(session, document, choice, reason.strip(), person.pseudonym, at)
    if choice == "rescan":
        documents.move_document(document, State.SET_ASIDE, at)
    else:
        if choice == "treat":
            document.paper_stays = True
        documents.move_document(document, State.RECEIVED, at)
        document.attempt += 1
        document.problem = document.problem_detail = document.try_at = None
    append_event(
        session,
        Event(
            entity=document.entity,
            type="decided",
            objects={"document": document.id},
            actor=Actor(person.pseudonym, ActorKind.HUMAN),
            at=at,
            clock="system",
            payload={
                "choice": choice,
                "reason": reason.strip(),
                "findings": sorted({f.code for f in document.findings if f.level == Level.BLOCKING}),
            },
        ),
    )
    return document
