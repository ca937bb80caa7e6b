"""What a person does to a document, each act in the ledger with its author and reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from capture.catalogue import CATALOGUE
from capture.findings import Level
from conformity.circumstances import Source
from sealing.ledger import Actor, ActorKind, Event
from station.particulars import forget_twins
from station.records import batches, documents
from station.records.documents import ERASING
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.scope import lifted
from station.records.tables import Document, Person, State
from station.versions import remember_change
from workflow.kinds import CHOSEN, INVOICES, Profile, kind_of

CHOICES = ("treat", "rescan", "retry")
"""treat: work it although it does not conform, the paper stays the original; rescan: set aside until a new scan comes; retry: as it is."""
ACTS = ("confidential", "not-invoice")
"""confidential: « pli confidentiel », out of all queues and shown to nobody here; not-invoice: it is something else, or nothing."""
ASIDE = "aside"
"""In place of a kind: the document is none that is kept here, and is set aside."""


class NotOffered(Exception):
    """The document does not stand where this choice is offered."""


class Reserved(Exception):
    """A « pli confidentiel »: nothing of what it contains is shown here."""


def shown_document(session: Session, document_id: str) -> Document:
    """A document of which a page may show images, values and names. Raises Unknown, Reserved."""
    document = documents.get_document(session, document_id)
    if document.confidential:
        raise Reserved(document_id)
    return document


def offered_choices(document: Document) -> tuple[str, ...]:
    """What must be decided about a document as it stands."""
    if document.problem == ERASING:
        return ()
    if document.state == State.HELD:
        return ("rescan", "treat") if can_treat(document) else ("rescan",) if _is_spent(document) else ("rescan", "retry")
    if document.state in (State.FAILED, State.SET_ASIDE):
        return ("retry", "rescan") if document.state == State.FAILED else ("retry",)
    return ()


def offered_acts(document: Document) -> tuple[str, ...]:
    """What may be done besides: taking it out of the mailroom's sight, or out of the invoices."""
    if document.problem == ERASING or document.confidential:
        return ()
    acts = ("confidential",) if _may_conceal(document) else ()
    return (*acts, "not-invoice") if document.state in _RENAMED and document.document_type in INVOICES else acts


_RENAMED = frozenset({State.WAITING, State.HELD, State.FAILED, State.SEALED, State.SET_ASIDE})
"""States in which nobody works at a document, so that its kind may change."""


def _may_conceal(document: Document) -> bool:
    """Wherever no worker holds it; one that waits for its next try counts as such, unless its batch waits for it."""
    # `try_at` alone stays while the try itself runs; `queued` tells whether it was given to a worker.
    waits = document.state == State.RECEIVED and document.try_at is not None and document.queued < document.attempt
    return (waits and document.batch.closed_at is not None) or document.state in _RENAMED


def source_of(document: Document) -> Source:
    """What was captured: as a person said it of this document; else a drawn or signed file is no paper, whatever its station scans."""
    said = Source(document.source)
    if said in (Source.PAPER, Source.UNKNOWN) and not document.source_said and any(row.code in _OF_FILES for row in document.findings):
        return Source.ELECTRONIC
    return said


_OF_FILES = frozenset({"electronic-document", "signed-document", "structured-invoice"})


def is_electronic(document: Document) -> bool:
    """Whether its original is a file and no paper: then it is the native file that must be kept (L. 102 B LPF)."""
    return source_of(document) is Source.ELECTRONIC


def profile_of(document: Document) -> str:
    """Under which text it is kept: that of its kind, which is about copies of paper, or that of native files; `profile.…` of the words."""
    profile = kind_of(document.document_type).profile
    return NATIVE if is_electronic(document) and profile is not Profile.HOUSE else profile.value


NATIVE = "native-file"
"""Profile of an electronic original: art. L. 102 B LPF, kept as it came."""


def can_treat(document: Document) -> bool:
    """Whether what holds the document is about its image (or that it is no scan), so that it may be worked with its original kept."""
    blocking = [row for row in document.findings if row.level == Level.BLOCKING]
    return bool(document.pages) and document.problem in (None, "cannot-archive") and all(may_go_on(row.code) for row in blocking)


_SPENT = frozenset({"empty-file", "unknown-format", "encrypted", "truncated", "bad-checksum"})
"""Of the bytes themselves: whoever asks again gets the same answer. Not `damaged`, which a reader short of memory says as well."""


def _is_spent(document: Document) -> bool:
    return document.problem is None and any(row.level == Level.BLOCKING and row.code in _SPENT for row in document.findings)


def may_go_on(code: str) -> bool:
    """Findings after which a person may decide to go on with the original kept."""
    return CATALOGUE[code].image or code in ("electronic-document", "mixed-page", "print-of-electronic")


def decide(session: Session, document_id: str, choice: str, reason: str, person: Person, at: datetime, kind: str | None = None) -> Document:
    """Write the decision, send the document where it leads, and enter both in the ledger.

    `kind` is what the document is instead of an invoice, or ASIDE. Raises Unknown, NotOffered; ValueError where the reason is missing,
    or the kind is none.
    """
    document = documents.get_document(session, document_id)
    if choice not in (*offered_choices(document), *offered_acts(document)):
        raise NotOffered(f"{document.state}: {choice}")
    if not reason.strip():
        raise ValueError("a decision needs its reason")
    was, detail = document.state, None
    if choice == "not-invoice" and kind != ASIDE:
        detail = remember_change(document, {"what": "type", "from": document.document_type, "to": kind})
    told = _carry_out(session, document, choice, kind, at)
    findings = sorted({f.code for f in document.findings if f.level == Level.BLOCKING})
    note_decision(session, document, choice, reason, person, at, was, {"findings": findings, **told}, detail)
    return document


def note_decision(
    session: Session,
    document: Document,
    choice: str,
    reason: str,
    person: Person,
    at: datetime,
    was: State,
    told: Mapping[str, Any],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Row and entry of one decision; `was` is where the document stood before it."""
    documents.add_decision(session, document, choice, reason.strip(), person.pseudonym, at, was, detail)
    payload = {"choice": choice, "reason": reason.strip(), "paper_stays": document.paper_stays, **told}
    append_event(session, Event(document.entity, "decided", {"document": document.id}, actor_of(person), at, "system", payload))


def actor_of(person: Person) -> Actor:
    return Actor(person.pseudonym, ActorKind.HUMAN)


def _carry_out(session: Session, document: Document, choice: str, kind: str | None, at: datetime) -> dict[str, Any]:
    """Send the document where the choice leads; what its entry tells besides."""
    match choice:
        case "rescan":
            documents.move_document(document, State.SET_ASIDE, at)
        case "confidential":
            return _conceal(session, document, at)
        case "not-invoice":
            return _rename(document, kind, at)
        case _:
            return _work_again(session, document, choice, at)
    return {}


def _work_again(session: Session, document: Document, choice: str, at: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if document.confidential:
        told = _show_again(session, document, at)
    if choice == "treat":
        document.paper_stays = True
    if _lay_sealed(document):
        documents.move_document(document, State.SEALED, at)
    else:
        documents.send_back(document, at)
    return told


def _lay_sealed(document: Document) -> bool:
    """It was set aside as it was sealed, and comes back as that."""
    newest = document.decisions[-1] if document.decisions else None
    return document.state == State.SET_ASIDE and newest is not None and newest.choice in (*ACTS, "same") and newest.was == State.SEALED


def _rename(document: Document, kind: str | None, at: datetime) -> dict[str, Any]:
    """It goes its own way under its own text: sealed again if it was sealed; or it is set aside."""
    if kind == ASIDE:
        documents.move_document(document, State.SET_ASIDE, at)
        return {}
    if kind is None or kind in INVOICES or kind not in CHOSEN:
        raise ValueError(f"no other kind of document: {kind}")
    document.document_type = kind
    document.formed = document.formed or bool(document.current_pages)
    if document.state == State.WAITING:
        documents.touch(document, at)
    else:
        documents.send_back(document, at)
    return {"kind": kind, "profile": profile_of(document)}


def _conceal(session: Session, document: Document, at: datetime) -> dict[str, Any]:
    """Out of all queues; what it was made out of shows the same pages and goes with it, as does what findings of others tell of them."""
    older_ones = replaced_by(session, document)
    for older in older_ones:
        _mark_confidential(session, older, True, document, at)
    forget_twins(session, [document.id, *(older.id for older in older_ones)])
    document.confidential = True
    document.problem = document.problem_detail = document.try_at = None
    documents.move_document(document, State.SET_ASIDE, at)
    return {"confidential": True}


def _show_again(session: Session, document: Document, at: datetime) -> dict[str, Any]:
    document.confidential = False
    for older in replaced_by(session, document):
        newer = (
            documents.get_document(session, link.newer_id) for link in batches.links_of(session, older.id) if link.older_id == older.id
        )
        if not any(each.confidential for each in newer):
            _mark_confidential(session, older, False, document, at)
    return {"confidential": False}


def _mark_confidential(session: Session, older: Document, confidential: bool, because: Document, at: datetime) -> None:
    older.confidential = confidential
    documents.touch(older, at)
    payload = {"confidential": confidential, "because": because.id}
    append_event(session, Event(older.entity, "concealed", {"document": older.id}, SYSTEM, at, "system", payload))


_MADE_OF = frozenset({"formed", "rescan", "corrected"})


def replaced_by(session: Session, document: Document) -> list[Document]:
    """Documents that it replaced, and those that they had replaced; of another company, too, if it came from there: they show the same."""
    with lifted(session):
        return _replaced_by(session, document)


def _replaced_by(session: Session, document: Document) -> list[Document]:
    found: dict[str, Document] = {}
    asked = [document.id]
    while asked:
        newer = asked.pop()
        for link in batches.links_of(session, newer):
            older = documents.get_document(session, link.older_id)
            if link.newer_id == newer and link.kind in _MADE_OF and older.state == State.REPLACED and older.id not in found:
                found[older.id] = older
                asked.append(older.id)
    return list(found.values())
