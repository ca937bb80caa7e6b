"""`sceau status`: the station in figures."""

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from station.checkpoints import contradictions
from station.contradiction import TreeContradicted
from station.disk import look_at_disk
from station.drift import drift_now
from station.fixity import fixity_state
from station.machines import missing_workers
from station.probe import folder_health
from station.records import documents
from station.records.database import place_of
from station.records.documents import DEAD_AFTER
from station.records.ledger import entities, tree_of
from station.stores import store_words
from station.workstation import Workstation


def status_of(workstation: Workstation) -> dict[str, Any]:
    """Plain JSON values."""
    disk = look_at_disk(workstation.home)
    protection = store_words(workstation.settings, workstation.settings.language)
    with workstation.database.reading() as session:
        language, moment = workstation.settings.language, workstation.clock()
        living = documents.living_workers(session, moment, DEAD_AFTER)
        cost = documents.cost_at_rest(session)
        return {
            "home": str(workstation.home),
            "stations": {s.name: str(workstation.settings.folder_of(s)) for s in workstation.settings.stations},
            "documents": {str(state): count for state, count in documents.count_states(session).items()},
            "workers": [f"{w.executor} (pid {w.pid}{w.host and f', {w.host}'})" for w in living],
            "missing_workers": [". ".join(each.words(language)) for each in missing_workers(session, moment)],
            "not_taken": [f"{s.station}: {s.name or '(folder)'}: {s.reason}" for s in documents.list_sightings(session)],
            "folders": {health.station: health.as_json() for health in folder_health(session, workstation.settings, workstation.clock())},
            "mailboxes": _mailboxes(session, workstation),
            "database": {"kind": workstation.database.reader.dialect.name, "place": place_of(workstation.database)},
            "store": {"url": workstation.settings.store.url or str(workstation.home), "protection": protection},
            "backup": _backup(session, workstation),
            "disk": {"room": str(disk.room), "free": disk.free, "total": disk.total},
            "bytes": {**asdict(cost), **_per_page(cost)},
            "reading": drift_now(session, workstation.settings.entity).as_json(),
            "fixity": _fixity(session),
            "ledger": {e: _log(session, workstation, e) for e in entities(session)},
        }


def _log(session: Session, workstation: Workstation, entity: str) -> dict[str, Any]:
    tree, settings = tree_of(session, entity), workstation.settings
    told: dict[str, Any] = {"size": tree.size, "head": tree.root.hex()}
    if wrong := contradictions(session, settings, entity):
        told["contradicted"] = TreeContradicted(entity, tree.size, wrong).words(settings.language)
    return told


def _fixity(session: Session) -> dict[str, Any]:
    state = fixity_state(session)
    oldest = state.oldest.isoformat(timespec="seconds") if state.oldest else None
    return {"kept": state.total, "oldest": oldest, "bad": len(state.bad), "unlike": len(state.unlike)}


def _backup(session: Session, workstation: Workstation) -> dict[str, Any]:
    """Where backups lie, how old the newest is, and what is wrong with them."""
    # Sealing a report takes half a second of imports that others need not wait for.
    from station.drills import standing_of

    now = workstation.clock()
    found = standing_of(session, workstation.settings, now)
    last, drill = ((each.started_at.isoformat(timespec="seconds") if each else None) for each in (found.last, found.proof))
    hours = round((now - found.last.started_at).total_seconds() / 3600, 1) if found.last else None
    allowed = workstation.settings.backup.alert_hours
    return {"place": found.place, "last": last, "hours": hours, "drill": drill, "alert": found.alert, "alert_hours": allowed}


def _mailboxes(session: Session, workstation: Workstation) -> dict[str, Any]:
    if not any(station.kind == "mailbox" for station in workstation.settings.stations):
        return {}
    # A tenth of a second of imports that others need not wait for.
    from station.post import mailbox_health

    return {health.station: health.as_json() for health in mailbox_health(session, workstation.settings)}


def _per_page(cost: documents.Cost) -> dict[str, int]:
    """Left out where there are no pages to divide by: what is held lies in the vault and in no archive."""
    known = {
        "vault_per_page": cost.vault_per_page,
        "archive_per_page": cost.archive_per_page,
        "attached_per_page": cost.attached_per_page,
    }
    return {name: size for name, size in known.items() if size is not None}
