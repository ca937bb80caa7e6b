"""The register: how long each chain is, whether it holds, and its newest entries."""

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.settings import Settings
from station.checkpoints import checkpoint_now
from station.contradiction import TreeContradicted
from station.logbook import Standing, standing_of
from station.records.ledger import entities
from station.walks import Checked, Walks
from station.web import desk, figures
from station.witnesses import deliver_due

router = APIRouter()


def standings(session: Session, settings: Settings) -> list[Standing]:
    """Each log with its newest checkpoint and its witnesses."""
    return [standing_of(session, settings, entity, look=False) for entity in entities(session)]


@router.get("/ledger")
def ledger_page(request: Request, session: desk.InReading) -> Response:
    return _show(request, session)


@router.post("/ledger/check")
def check_now(request: Request, session: desk.InReading, htmx: desk.FromHtmx = None) -> Response:
    """Walk every chain now. It only reads, so it does not hold up the writers however long it takes."""
    walk_now(request)
    return _show(request, session, fragment=bool(htmx))


def walk_now(request: Request) -> None:
    """Of every company at once, for they are held against what was found of all before; each is told of its own."""
    checks: Walks = request.app.state.checks
    house = desk.house_of(request)
    with house.database.reading() as session:
        checks.run(session, house.settings, house.clock())


def last_walk(request: Request) -> Checked | None:
    """What it found, as far as it concerns the company in which the person works; one that ended at another's break says nothing of it."""
    checks: Walks = request.app.state.checks
    last, scope = checks.last, desk.workstation_of(request).database.scope
    if last is None or scope is None:
        return last
    if last.broken is not None and last.broken.entity != scope.entity:
        return None
    contradicted = last.contradicted if last.contradicted is not None and last.contradicted.entity == scope.entity else None
    heads = {entity: head for entity, head in last.heads.items() if entity == scope.entity}
    return replace(last, heads=heads, contradicted=contradicted)


@router.post("/ledger/checkpoint")
def checkpoint_page(request: Request) -> Response:
    """Make a checkpoint of every log now and give it to the folder; mail and other witnesses follow within a minute."""
    workstation = desk.workstation_of(request)
    with workstation.database.reading() as session:
        names = entities(session)
    try:
        for entity in names:
            checkpoint_now(workstation, entity, anew=True)
    except TreeContradicted:
        walk_now(request)
        return desk.go_to(request, "/ledger")
    deliver_due(workstation, ("folder",))
    return desk.go_to(request, "/ledger", "flash.checkpoint")


def _show(request: Request, session: Session, *, fragment: bool = False) -> Response:
    return desk.show(
        request,
        "_ledger.html" if fragment else "ledger.html",
        standings=standings(session, desk.workstation_of(request).settings),
        checked=last_walk(request),
        entries=figures.newest_entries(session),
    )
