"""One running workstation: its settings, database and stores, opened once and handed to whoever needs them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from capture.stores import Store
from config.settings import Settings, make_folder
from station.derived import ROOMS as DERIVED
from station.derived import derived_root, preview_path
from station.records.database import Database, open_database, refuse_halfway
from station.records.tables import OPEN_STATES, Document
from station.records.tallies import Tallies
from station.rehearsal import bring_up
from station.stores import open_stores


def now() -> datetime:
    """The station's clock: UTC with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workstation:
    settings: Settings
    database: Database
    originals: Store
    """What scanners wrote."""
    archives: Store
    """What was sealed."""
    clock: Callable[[], datetime] = now
    tallies: Tallies = field(default_factory=Tallies)
    """What this process counted and has not written down yet."""

    @property
    def home(self) -> Path:
        return self.settings.home

    @property
    def practice(self) -> bool:
        """Whether what is sealed here proves nothing, and the practice accounts may enter."""
        return self.settings.sealing.mode == "practice"

    def work_folder(self, document_id: str) -> Path:
        """Derived files of a document at work: reading copies, candidate archive. Never evidence."""
        return self.home / "work" / document_id

    def light_image(self, document: Document, page: int, kind: str = "page") -> Path:
        """A small JPEG for the screens ("page" or "thumb"): an image de travail, never evidence."""
        return preview_path(self.settings, document.id, page, kind, document.attempt, settled=document.state not in OPEN_STATES)


def open_workstation(settings: Settings) -> Workstation:
    """Open stores and database, bringing the tables to this version.

    Raises Unusable where a folder or a store cannot be used, StoreAway, DatabaseRefused.
    """
    home = settings.home
    for folder in ("originals", "archive", "work", "keys"):
        make_folder(home / folder)
    database = open_database(settings.url)
    refuse_halfway(database)
    bring_up(database, home, now)
    stores = open_stores(home, settings.store, now)
    for folder in DERIVED:
        make_folder(derived_root(settings) / folder)
    return Workstation(settings, database, stores.originals, stores.archives)
