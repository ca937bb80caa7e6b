"""The register: how long each chain is, whether it holds, and its newest entries."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.settings import Settings
from station.checkpoints import checkpoint_now
from station.contradiction import TreeContradicted
from station.logbook import Standing, standing_of
from station.records.ledger import entities
from station.walks import Walks
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
    checks: Walks = request.app.state.checks
    workstation = desk.workstation_of(request)
    checks.run(session, workstation.settings, workstation.clock())
    return _show(request, session, fragment=bool(htmx))


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
        with workstation.database.reading() as session:
            checks: Walks = request.app.state.checks
            checks.run(session, workstation.settings, workstation.clock())
        return desk.go_to(request, "/ledger")
    deliver_due(workstation, ("folder",))
    return desk.go_to(request, "/ledger", "flash.checkpoint")


def _show(request: Request, session: Session, *, fragment: bool = False) -> Response:
    checks: Walks = request.app.state.checks
    return desk.show(
        request,
        "_ledger.html" if fragment else "ledger.html",
        standings=standings(session, desk.workstation_of(request).settings),
        checked=checks.last,
        entries=figures.newest_entries(session),
    )
