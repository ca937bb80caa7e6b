"""One running workstation: its settings, database and stores, opened once and handed to whoever needs them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from capture.originals import Vault
from config.settings import Settings, make_folder
from station.records.database import Database, migrate, open_database


def now() -> datetime:
    """The station's clock: UTC with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workstation:
    settings: Settings
    database: Database
    originals: Vault
    """What scanners wrote."""
    archives: Vault
    """What was sealed."""
    clock: Callable[[], datetime] = now

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

    def light_image(self, document_id: str, page: int, kind: str = "page") -> Path:
        """A small JPEG for the screens ("page" or "thumb"): an image de travail, never evidence."""
        return self.home / "light" / document_id / f"{page:04d}-{kind}.jpg"


def open_workstation(settings: Settings) -> Workstation:
    """Open stores and database under SCEAU_HOME, bringing the tables to this version. Raises Unusable where that folder cannot be."""
    home = settings.home
    for folder in ("originals", "archive", "readings", "work", "light", "keys"):
        make_folder(home / folder)
    database = open_database(settings.url)
    migrate(database)
    return Workstation(settings, database, Vault(home / "originals"), Vault(home / "archive"))
