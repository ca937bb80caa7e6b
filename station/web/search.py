"""Search: one field for words, phrases and values; results with what was found in them, and the page with its place marked."""

from typing import Annotated, Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session, selectinload

from station import search
from station.learning import kept_text
from station.records import documents
from station.records.search import COUNTED, count_due, find_entries
from station.records.tables import Document, SearchEntry, SearchText, State
from station.web import desk, show
from station.web.words import Words
from station.workstation import Workstation

ADDRESS = "/recherche"
router = APIRouter()
SIZE = 20
ORDERS = ("score", "date")
Typed = Annotated[str, Query(max_length=2000)]


@router.get(ADDRESS)
def search_page(
    request: Request, session: desk.InReading, q: Typed = "", sort: str = "", after: Annotated[str, Query(max_length=80)] = "",
    htmx: desk.FromHtmx = None,
) -> Response:  # fmt: skip
    """The field and what is found; HTMX gets the results alone."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    typed = q[: search.LONGEST_QUERY]
    query = search.parse_query(typed)
    order = sort if sort in ORDERS else "score"
    values: dict[str, Any] = {
        "typed": typed,
        "order": order,
        "orders": ORDERS,
        "unclear": query.unclear,
        "after": after,
        "found": None,
        "counted": COUNTED,
    }
    if not query.asked.empty:
        found = find_entries(session, query.asked, workstation.settings.entities, order, after, SIZE)
        values |= {"found": found, "results": show_results(session, workstation, found.document_ids, query, typed, t)}
        values |= {"next": found.after and f"{ADDRESS}?{urlencode({'q': typed, 'sort': order, 'after': found.after})}"}
    return desk.show(request, "_search.html" if htmx else "search.html", **values, waiting=count_due(session))


@router.get(f"{ADDRESS}/{{document_id}}")
def found_page(request: Request, session: desk.InReading, document_id: str, q: Typed = "") -> Response:
    """The pages of one document, with the places marked that the search is about."""
    document, workstation, t = documents.get_document(session, document_id), desk.workstation_of(request), desk.words_of(request)
    query = search.parse_query(q)
    hits = {each.page: each for each in search.page_hits(kept_text(workstation, document)[0], query, document.fields)}
    pages = []
    for number in (page.number for page in document.current_pages):
        told = hits.get(number)
        image = f"/documents/{document.id}/pages/{number}/page.jpg?r={document.attempt}"
        has_image = workstation.light_image(document, number).is_file()
        boxes = [_wider(box) for box in told.boxes] if told else []
        pages.append({"number": number, "image": image if has_image else None, "told": told, "boxes": boxes})
    return desk.show(
        request,
        "search_page.html",
        typed=q[: search.LONGEST_QUERY],
        card=show.card_of(document, t, has_thumb=False, findings=0),
        pages=sorted(pages, key=lambda page: (not page["boxes"], page["number"])),
        back=f"{ADDRESS}?{urlencode({'q': q[: search.LONGEST_QUERY]})}",
    )


def _wider(box: tuple[int, int, int, int]) -> dict[str, int]:
    """A little room around the word, in pixels of the page."""
    x0, y0, x1, y1 = box
    room = max(2, (y1 - y0) // 5)
    return {"x": x0 - room, "y": y0 - room, "width": x1 - x0 + 2 * room, "height": y1 - y0 + 2 * room}


def show_results(
    session: Session, workstation: Workstation, ids: tuple[str, ...], query: search.Query, typed: str, t: Words
) -> list[dict[str, Any]]:
    """In the order found; what was concealed or erased this very moment is left out."""
    loads = (Document.findings, Document.fields, Document.archives, Document.pages, Document.decisions)
    asked = sa.select(Document).where(Document.id.in_(ids), Document.confidential.is_(False), Document.state != State.ERASED)
    rows = {row.id: row for row in session.scalars(asked.options(*(selectinload(each) for each in loads)))}
    texts = sa.select(SearchEntry.document_id, SearchText.body).join(SearchText, SearchText.id == SearchEntry.id)
    bodies = {row[0]: row[1] for row in session.execute(texts.where(SearchEntry.document_id.in_(ids)))}
    terms = query.asked.terms
    results = []
    for document in (rows[each] for each in ids if each in rows):
        card = show.card_of(document, t, has_thumb=workstation.light_image(document, 1, "thumb").is_file(), findings=0)
        marked = {name: search.mark_hits(card.fields.get(name, ""), terms) for name in ("supplier_name", "invoice_number")}
        results.append(
            {
                "card": card,
                "title": search.mark_hits(card.title, terms),
                **marked,
                "snippet": search.snippet_of(bodies.get(document.id, ""), terms),
                "address": f"{ADDRESS}/{document.id}?{urlencode({'q': typed})}",
            }
        )
    return results
