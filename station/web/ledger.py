"""The register: how long each chain is, whether it holds, and its newest entries."""

import threading
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from sealing.ledger import BrokenLedger
from station.records.ledger import head_at, verify_ledger
from station.web import desk, figures

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Checked:
    """The last walk along every chain from its first entry."""

    at: datetime
    heads: dict[str, tuple[int, bytes]]
    """Entity → size and tree head when all was well."""
    broken: BrokenLedger | None = None


class Checks:
    """Remembers the last check, so that a chain that was cut short since is noticed: a shorter one can be sound in itself."""

    def __init__(self) -> None:
        self.last: Checked | None = None
        self._turn = threading.Lock()

    def run(self, session: Session, at: datetime) -> Checked:
        """Walk every chain; one walk at a time."""
        with self._turn:
            try:
                self._still_grown(session)
                heads = {entity: (tree.size, tree.root) for entity, tree in verify_ledger(session).items()}
            except BrokenLedger as error:
                self.last = Checked(at, self.last.heads if self.last else {}, error)
            else:
                self.last = Checked(at, heads)
            return self.last

    def _still_grown(self, session: Session) -> None:
        for entity, (size, root) in (self.last.heads if self.last else {}).items():
            if head_at(session, entity, size) != root:
                raise BrokenLedger(entity, size - 1, "the chain is no longer the one that was checked before")


@router.get("/ledger")
def ledger_page(request: Request, session: desk.InReading) -> Response:
    return _show(request, session)


@router.post("/ledger/check")
def check_now(request: Request, session: desk.InReading, htmx: desk.FromHtmx = None) -> Response:
    """Walk every chain now. It only reads, so it does not hold up the writers however long it takes."""
    checks: Checks = request.app.state.checks
    checks.run(session, desk.workstation_of(request).clock())
    return _show(request, session, fragment=bool(htmx))


def _show(request: Request, session: Session, *, fragment: bool = False) -> Response:
    checks: Checks = request.app.state.checks
    return desk.show(
        request,
        "_ledger.html" if fragment else "ledger.html",
        heads=figures.heads(session),
        checked=checks.last,
        entries=figures.newest_entries(session),
    )
