"""What was wrong after all is corrected by a further sealed version, linked to the old one, with author and reason; the old one stands.

Kind and order of pages change in the same document. Another cut, or another company, makes other documents: the old one is « remplacé »,
and what was sealed of it stays where it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from sealing.ledger import Event
from station.acts import NotOffered, actor_of, can_treat
from station.batches import PASSPORT, Forming, NewId, form_document, is_separable, page_copy, page_key
from station.records import documents
from station.records.documents import ERASING
from station.records.ledger import append_event
from station.records.tables import Document, PageRow, Person, State
from station.stored import finding_from, rasters_hash
from station.versions import GIVEN_UP, name_version, open_change, remember_change
from workflow.kinds import CHOSEN

WHATS = ("type", "order", "split", "merge", "company")
CUTS = frozenset({"order", "split", "merge"})
"""Corrections for which pages must be sheets of paper: what is cut out of an electronic file is no longer that file."""
CORRECTABLE = frozenset({State.SEALED, State.HELD})


@dataclass(frozen=True, slots=True)
class Order:
    """A person's word: who corrects, why and when."""

    person: Person
    reason: str
    at: datetime


def offered_corrections(document: Document) -> tuple[str, ...]:
    """What may be corrected in a document as it stands."""
    if document.state not in CORRECTABLE or document.confidential or document.problem == ERASING or not document.current_pages:
        return ()
    if document.document_type == PASSPORT:
        # The control of a device is no page of anybody's document.
        return ()
    many = len(document.current_pages) > 1
    fitting = {"type", "company"} | ({"order", "split"} if many else set())
    if document.state != State.HELD or can_treat(document):
        # What is broken is scanned anew first: joined to another document it would hold that one, too.
        fitting.add("merge")
    return tuple(what for what in WHATS if what in fitting and (what not in CUTS or is_separable(document)))


def may_give_up(document: Document) -> bool:
    """Whether a further version did not come about, so that the sealed one may stand as it is."""
    return document.state in (State.FAILED, State.HELD) and open_change(document) is not None


def retype(session: Session, document: Document, kind: str, order: Order) -> Document:
    """It is another kind of document. Raises NotOffered; ValueError where the kind is none or the same, or the reason is missing."""
    _check(document, "type", order)
    if kind not in CHOSEN or kind == document.document_type:
        raise ValueError(f"no other kind of document: {kind}")
    detail = {"what": "type", "from": document.document_type, "to": kind}
    return _seal_again(session, document, document.current_pages, kind, detail, order)


def reorder(session: Session, document: Document, numbers: Sequence[int], order: Order) -> Document:
    """Its pages in another order, named by their numbers as they stand. Raises NotOffered; ValueError where each is not named once."""
    _check(document, "order", order)
    pages = {page.number: page for page in document.current_pages}
    if sorted(numbers) != sorted(pages) or list(numbers) == sorted(pages):
        raise ValueError(f"not another order of {len(pages)} pages: {numbers}")
    detail = {"what": "order", "from": sorted(pages), "to": list(numbers)}
    return _seal_again(session, document, [pages[number] for number in numbers], document.document_type, detail, order)


def split(session: Session, document: Document, starts: Sequence[int], order: Order, new_id: NewId) -> list[Document]:
    """Several documents, each of which begins at one of these pages. Raises NotOffered; ValueError where none begins within it."""
    _check(document, "split", order)
    pages = document.current_pages
    cuts = sorted(set(starts) - {1})
    if not cuts or not set(cuts) <= {page.number for page in pages}:
        raise ValueError(f"no page at which a document could begin: {starts}")
    bounds = [1, *cuts, len(pages) + 1]
    parts = [[page for page in pages if low <= page.number < high] for low, high in pairwise(bounds)]
    formings = [(part, document.entity, f"{document.title} ({number})") for number, part in enumerate(parts, 1)]
    return _replace(session, [document], formings, {"what": "split", "to": cuts}, order, new_id)


def merge(session: Session, document: Document, other: Document, order: Order, new_id: NewId) -> Document:
    """One document of two, the other's pages behind. Raises NotOffered; ValueError where they cannot be one."""
    _check(document, "merge", order)
    _check(other, "merge", order)
    if other.id == document.id or other.entity != document.entity:
        raise ValueError("these two cannot be one document")
    pages = [*document.current_pages, *other.current_pages]
    return _replace(session, [document, other], [(pages, document.entity, document.title)], {"what": "merge"}, order, new_id)[0]


def change_company(session: Session, document: Document, company: str, companies: Sequence[str], order: Order, new_id: NewId) -> Document:
    """The same pages in another company's ledger. Raises NotOffered; ValueError where the house has no other company of that name."""
    _check(document, "company", order)
    if company not in companies or company == document.entity:
        raise ValueError(f"no other company: {company}")
    detail = {"what": "company", "from": document.entity, "to": company}
    return _replace(session, [document], [(document.current_pages, company, document.title)], detail, order, new_id)[0]


def give_up(session: Session, document: Document, order: Order) -> Document:
    """The further version is not made: kind and pages are those of the sealed version again. Raises NotOffered, ValueError."""
    correction = open_change(document)
    if correction is None or document.state not in (State.FAILED, State.HELD):
        raise NotOffered(f"{document.state}: give up")
    _reasoned(order)
    before = (correction.detail or {})["before"]
    was = {_place(page): number for number, page in enumerate(before["pages"], 1)}
    now = {page.number: was.get(page_key(page)) for page in document.current_pages}
    moved = any(number != old for number, old in now.items())
    _put_back(session, document, before, now)
    document.document_type = before["kind"]
    document.problem = document.problem_detail = document.try_at = None
    state = document.state
    documents.move_document(document, State.SEALED, order.at)
    if moved:
        # Its small images and values may be those of the other order: a late reading makes them anew, beside the archive.
        documents.note_unread(document, True, order.at)
    documents.add_decision(session, document, GIVEN_UP, order.reason.strip(), order.person.pseudonym, order.at, state)
    told = {"kind": before["kind"], "verdict": document.verdict, "paper_stays": document.paper_stays}
    _enter(session, document, GIVEN_UP, order, {}, told)
    return document


def _place(page: Mapping[str, Any]) -> str:
    """As `station.batches.page_key`, of a page that was remembered."""
    return f"{page['sha256']}:{page['coding']['index']}"


# --- the same document, once more ---


def _seal_again(
    session: Session, document: Document, pages: Sequence[PageRow], kind: str, detail: Mapping[str, Any], order: Order
) -> Document:
    """Worked again with these pages, as this kind; what it consisted of is remembered where there is a sealed version."""
    state, row = document.state, remember_change(document, dict(detail))
    documents.replace_pages(session, document.id, [page_copy(number, page) for number, page in enumerate(pages, 1)])
    document.document_type = kind
    document.formed = True
    documents.send_back(document, order.at)
    documents.add_decision(session, document, "correct", order.reason.strip(), order.person.pseudonym, order.at, state, row)
    _enter(session, document, "correct", order, {}, {**detail, "replaces": row["replaces"], "kind": kind})
    return document


def _put_back(session: Session, document: Document, before: Mapping[str, Any], now: Mapping[int, int | None]) -> None:
    """Pages and what was judged of them as they were, and whatever names a page by its number with them."""
    facts = [
        documents.PageFact(number, page["sha256"], {**page["coding"], "number": number}, page["raster"], page["seen"])
        for number, page in enumerate(before["pages"], 1)
    ]
    documents.replace_pages(session, document.id, facts)
    document.verdict, document.paper_stays = before["verdict"], before["paper_stays"]
    document.policy, document.tolerance_id = before["policy"], before["tolerance"]
    documents.replace_findings(session, document.id, [finding_from(each) for each in before["findings"]])
    for value in document.fields:
        value.page = value.page and now.get(value.page)
    kept = {_place(page) for page in before["pages"]}
    for worn in [page for page in document.pages if page.superseded and page_key(page) in kept]:
        session.delete(worn)
    session.flush()
    session.expire(document, ["pages"])
    for reading in document.readings:
        reading.in_archive = reading.version == before["reading"]


# --- other documents in its place ---


def _replace(
    session: Session,
    older: Sequence[Document],
    formings: Sequence[tuple[Sequence[PageRow], str, str]],
    detail: Mapping[str, Any],
    order: Order,
    new_id: NewId,
) -> list[Document]:
    """New documents out of the pages of the old ones, which stay with what was sealed of them; `formings` are pages, company and title."""
    replaces = [name_version(document) for document in older]
    told = {**detail, "replaces": replaces}
    made: list[Document] = []
    for pages, entity, title in formings:
        forming = Forming(
            new_id(),
            entity,
            title,
            older[0].document_type,
            "corrected",
            actor_of(order.person),
            {**told, "choice": "correct", "reason": order.reason.strip(), "kind": older[0].document_type},
        )
        document = form_document(session, pages, forming, order.at)
        documents.add_decision(session, document, "correct", order.reason.strip(), order.person.pseudonym, order.at, None, told)
        made.append(document)
    for document in older:
        state = document.state
        documents.move_document(document, State.REPLACED, order.at)
        document.problem = document.problem_detail = document.try_at = None
        documents.add_decision(session, document, "correct", order.reason.strip(), order.person.pseudonym, order.at, state)
        _enter(session, document, "correct", order, {}, {**told, "into": [each.id for each in made]})
    return made


# --- what they share ---


def _check(document: Document, what: str, order: Order) -> None:
    if what not in offered_corrections(document):
        raise NotOffered(f"{document.state}: {what}")
    _reasoned(order)


def _reasoned(order: Order) -> None:
    if not order.reason.strip():
        raise ValueError("a correction needs its reason")


def _enter(session: Session, document: Document, choice: str, order: Order, objects: Mapping[str, str], told: Mapping[str, Any]) -> None:
    rasters = rasters_hash([page.raster for page in document.current_pages])
    payload = {"choice": choice, "reason": order.reason.strip(), **told}
    named = {"document": document.id, "rasters": rasters, **objects}
    append_event(session, Event(document.entity, "corrected", named, actor_of(order.person), order.at, "system", payload))
