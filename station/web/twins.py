"""Duplicates as a decision: both images side by side, what they share, and two choices. Nothing is ever deleted."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response

from station import twins
from station.records import documents
from station.records.tables import MOVES, Arrival, Document, State
from station.web import desk, show, stack
from station.web.show import Card
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Half:
    """One of two documents, with its first page large."""

    card: Card
    image: str | None
    """Address of the first page's light image."""


@router.get("/duplicates")
def all_twins(request: Request, session: desk.InReading) -> Response:
    """Pairs to decide about, and the files that came again byte for byte."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    pairs = [(half_of(p.first, workstation, t), half_of(p.second, workstation, t), p.kind) for p in twins.find_pairs(session)[:SHOWN]]
    return desk.show(request, "twins.html", pairs=pairs, again=documents.recent_duplicates(session, SHOWN))


@router.get("/duplicates/{arrival_id}")
def again_page(request: Request, session: desk.InReading, arrival_id: int) -> Response:
    """A file that came again: the very bytes of a document that is kept; there is nothing to compare and nothing to decide."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    arrival = session.get(Arrival, arrival_id)
    if arrival is None or not arrival.duplicate:
        raise HTTPException(404)
    title = stack.arrival_name(arrival, t)
    return desk.show(request, "again.html", arrival=arrival, title=title, half_shown=half_of(arrival.document, workstation, t))


@router.get("/duplicates/{first}/{second}")
def twin_page(request: Request, session: desk.InReading, first: str, second: str) -> Response:
    """Two documents side by side."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    one, other = documents.get_document(session, first), documents.get_document(session, second)
    same = [page.raster for page in one.current_pages] == [page.raster for page in other.current_pages]
    return desk.show(
        request,
        "twin.html",
        halves=[half_of(one, workstation, t), half_of(other, workstation, t)],
        kind=twins.Kind.PIXELS if same else twins.Kind.ALIKE,
        may_part=State.SET_ASIDE in MOVES[other.state],
    )


@router.post("/duplicates/{first}/{second}")
def settle(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    first: str,
    second: str,
    choice: Annotated[str, Form(max_length=10)],
) -> Response:
    """Put the later one aside, or keep both."""
    if choice not in twins.CHOICES:
        raise HTTPException(422)
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    twins.settle_pair(session, first, second, choice, t(f"twins.reason-{choice}"), person, workstation.clock())
    return desk.go_to(request, "/duplicates", f"flash.twins-{choice}")


def half_of(document: Document, workstation: Workstation, t: Words) -> Half:
    return Half(show.card_of(document, t, has_thumb=False, findings=0), stack.image_of(document, 1, "page", workstation))
