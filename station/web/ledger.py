"""The register: how long each chain is, whether it holds, and its newest entries."""

import threading
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import BrokenLedger
from station.checkpoints import checkpoint_now, known_entities
from station.contradiction import TreeContradicted
from station.logbook import Standing, outside_claims, standing_of
from station.records.ledger import entities, head_at, tree_of, verify_ledger
from station.web import desk, figures
from station.witnesses import deliver_due

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Checked:
    """The last walk along every chain from its first entry."""

    at: datetime
    heads: dict[str, tuple[int, bytes]]
    """Entity → size and tree head when all was well."""
    broken: BrokenLedger | None = None
    contradicted: TreeContradicted | None = None
    """Sound in itself, and not what a witness saw."""


class Checks:
    """Remembers the last check, so that a chain that was cut short since is noticed: a shorter one can be sound in itself."""

    def __init__(self) -> None:
        self.last: Checked | None = None
        self._turn = threading.Lock()

    def run(self, session: Session, settings: Settings, at: datetime) -> Checked:
        """Walk every chain, then hold it against what witnesses keep; one walk at a time."""
        with self._turn:
            try:
                self._still_grown(session)
                heads = {entity: (tree.size, tree.root) for entity, tree in verify_ledger(session).items()}
            except BrokenLedger as error:
                self.last = Checked(at, self.last.heads if self.last else {}, error)
            else:
                self.last = Checked(at, heads, contradicted=_contradicted(session, settings))
            return self.last

    def _still_grown(self, session: Session) -> None:
        for entity, (size, root) in (self.last.heads if self.last else {}).items():
            if head_at(session, entity, size) != root:
                raise BrokenLedger(entity, size - 1, "the chain is no longer the one that was checked before")


def _contradicted(session: Session, settings: Settings) -> TreeContradicted | None:
    for entity in known_entities(session, settings):
        if wrong := outside_claims(session, settings, entity):
            return TreeContradicted(entity, tree_of(session, entity).size, wrong)
    return None


def standings(session: Session, settings: Settings) -> list[Standing]:
    """Each log with its newest checkpoint and its witnesses."""
    return [standing_of(session, settings, entity, look=False) for entity in entities(session)]


@router.get("/ledger")
def ledger_page(request: Request, session: desk.InReading) -> Response:
    return _show(request, session)


@router.post("/ledger/check")
def check_now(request: Request, session: desk.InReading, htmx: desk.FromHtmx = None) -> Response:
    """Walk every chain now. It only reads, so it does not hold up the writers however long it takes."""
    checks: Checks = request.app.state.checks
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
            checks: Checks = request.app.state.checks
            checks.run(session, workstation.settings, workstation.clock())
        return desk.go_to(request, "/ledger")
    deliver_due(workstation, ("folder",))
    return desk.go_to(request, "/ledger", "flash.checkpoint")


def _show(request: Request, session: Session, *, fragment: bool = False) -> Response:
    checks: Checks = request.app.state.checks
    return desk.show(
        request,
        "_ledger.html" if fragment else "ledger.html",
        standings=standings(session, desk.workstation_of(request).settings),
        checked=checks.last,
        entries=figures.newest_entries(session),
    )
