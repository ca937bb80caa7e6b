"""Empties processed/ of what is sealed or confidential, once original and archive were read again and found sound."""

import hashlib
import logging
from datetime import timedelta

from capture.originals import Condition
from station.records import documents
from station.records.tables import Arrival
from station.stored import path_from
from station.workstation import Workstation

log = logging.getLogger("sceau.tidy")


def empty_processed(workstation: Workstation) -> int:
    """Remove what has lain in processed/ for the set delay and is proved, and at once what a person declared confidential: the folder
    is shared, and others than the station read it. Returns how many files need no further look.
    """
    delay = timedelta(days=workstation.settings.intake.processed_days)
    now = workstation.clock()
    with workstation.database.reading() as session:
        arrivals = documents.to_empty(session, now - delay)
    damage = {arrival.id: _damage(workstation, arrival) for arrival in arrivals}
    emptied = [arrival.id for arrival in arrivals if not damage[arrival.id] and _removed(arrival)]
    for arrival in arrivals:
        if damage[arrival.id]:
            log.error("document %s: %s", arrival.document_id, damage[arrival.id])
            with workstation.database.writing() as session:
                documents.note_damaged(session, arrival.document_id, damage[arrival.id], now)
    if emptied:
        with workstation.database.writing() as session:
            documents.note_emptied(session, emptied, now)
    return len(emptied)


def _damage(workstation: Workstation, arrival: Arrival) -> str:
    """What is wrong with the kept bytes, read again; empty where nothing is."""
    kept = [(workstation.originals, arrival.sha256, "")]
    kept += [(workstation.archives, archive.sha256, ".pdf") for archive in arrival.document.archives]
    conditions = {f"{sha256}{suffix}": vault.verify(sha256, suffix) for vault, sha256, suffix in kept}
    return ", ".join(f"{name}: {found}" for name, found in conditions.items() if found is not Condition.SOUND)


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
        log.warning("document %s: its file stays in processed/: %s", arrival.document_id, error.strerror)
        return False
    return True
