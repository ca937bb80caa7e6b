"""Empties processed/ of what is sealed, once original and archive were read again and found sound."""

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from capture.hotfolder import plain_name
from capture.originals import Condition
from station.records import documents
from station.records.tables import Arrival
from station.stored import path_from
from station.workstation import Workstation

log = logging.getLogger("sceau.tidy")


def empty_processed(workstation: Workstation) -> int:
    """Remove what has lain in processed/ for the set delay and is proved; returns how many files need no further look."""
    delay = timedelta(days=workstation.settings.intake.processed_days)
    now = workstation.clock()
    with workstation.database.reading() as session:
        arrivals = documents.to_empty(session, now - delay)
    emptied = [arrival.id for arrival in arrivals if _proved(workstation, arrival) and _removed(arrival)]
    if emptied:
        with workstation.database.writing() as session:
            documents.note_emptied(session, emptied, now)
    return len(emptied)


def _proved(workstation: Workstation, arrival: Arrival) -> bool:
    archives: Sequence[str] = [archive.sha256 for archive in arrival.document.archives]
    return (
        bool(archives)
        and workstation.originals.verify(arrival.sha256) is Condition.SOUND
        and all(workstation.archives.verify(sha256, ".pdf") is Condition.SOUND for sha256 in archives)
    )


def _removed(arrival: Arrival) -> bool:
    """Remove the file if its bytes are those in the vault; one that was changed since stays, and is not looked at again."""
    path = path_from(arrival.moved_to or "")
    try:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == arrival.sha256
        if same and not path.is_symlink():
            path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s stays in processed/: %s", plain_name(path.name), error.strerror)
        return False
    return True
