"""The whole ledger read again, each day by itself and whenever a person asks; the outcome is kept outside the database."""

import json
import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from config.settings import Settings, make_folder
from sealing.ledger import BrokenLedger
from station.checkpoints import known_entities, walk_file
from station.contradiction import TreeContradicted
from station.logbook import outside_claims
from station.pixels import write_json
from station.records.ledger import head_at, tree_of, verify_ledger
from station.workstation import Workstation

log = logging.getLogger("sceau.walks")
EACH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Checked:
    """The last walk along every chain from its first entry."""

    at: datetime
    heads: dict[str, tuple[int, bytes]]
    """Entity → size and tree head when all was well."""
    broken: BrokenLedger | None = None
    contradicted: TreeContradicted | None = None
    """Sound in itself, and not what a witness saw; looked at again whenever it is shown."""


class Walks:
    """Remembers the last walk, across restarts too: a chain that was cut short since can be sound in itself."""

    def __init__(self, home: Path) -> None:
        self._path = walk_file(home)
        self._turn = threading.Lock()
        self._contradicted: TreeContradicted | None = None

    @property
    def last(self) -> Checked | None:
        """None where none was made, or what was kept of it cannot be read."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            heads = {entity: (int(size), bytes.fromhex(root)) for entity, (size, root) in kept["heads"].items()}
            broken = BrokenLedger(*kept["broken"]) if kept["broken"] else None
            return Checked(datetime.fromisoformat(kept["at"]), heads, broken, self._contradicted)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def run(self, session: Session, settings: Settings, at: datetime) -> Checked:
        """Walk every chain, then hold it against what witnesses keep; one walk at a time. It only reads: no writer waits for it."""
        with self._turn:
            before = self.last
            heads, broken, self._contradicted = before.heads if before else {}, None, None
            try:
                _still_grown(session, heads)
                heads = {entity: (tree.size, tree.root) for entity, tree in verify_ledger(session).items()}
            except BrokenLedger as error:
                broken = error
            else:
                self._contradicted = _contradicted(session, settings)
            make_folder(self._path.parent)
            told = [broken.entity, broken.sequence, broken.reason] if broken else None
            kept = {name: (size, root.hex()) for name, (size, root) in heads.items()}
            write_json(self._path, {"at": at.isoformat(), "heads": kept, "broken": told})
            return Checked(at, heads, broken, self._contradicted)


def tend_walk(workstation: Workstation) -> Checked | None:
    """The daily walk; None where it is not due. A broken chain is logged, and stands on the desks until a walk finds it whole."""
    walks, now = Walks(workstation.home), workstation.clock()
    last = walks.last
    if last is not None and timedelta(0) <= now - last.at < EACH:
        return None
    with workstation.database.reading() as session:
        found = walks.run(session, workstation.settings, now)
    if found.broken is not None:
        log.error("the ledger is broken: %s", found.broken)
    return found


def _still_grown(session: Session, heads: dict[str, tuple[int, bytes]]) -> None:
    for entity, (size, root) in heads.items():
        if size and head_at(session, entity, size) != root:
            raise BrokenLedger(entity, size - 1, "the chain is no longer the one that was checked before")


def _contradicted(session: Session, settings: Settings) -> TreeContradicted | None:
    for entity in known_entities(session, settings):
        if wrong := outside_claims(session, settings, entity):
            return TreeContradicted(entity, tree_of(session, entity).size, wrong)
    return None
