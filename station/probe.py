"""Can this folder be worked, and is it? A probe at the start and every ten minutes, the last intake, and what has waited too long.

The answers are values for the pages, `sceau status` and `sceau doctor`. A probe writes, sees, renames and removes a small hidden file of
its own; polling never depends on what it finds.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.hotfolder import PROCESSED, CannotLook, glance, plain_name
from capture.watch import notifications_work
from config.settings import Settings, Station
from station.records import documents
from station.records.database import NETWORK_FILE_SYSTEMS, file_system
from station.records.tables import Arrival, Probe, Sighting
from station.workstation import Workstation

LOOKED_AT = 200
"""Files of a folder that are looked at where nobody watches it; it may hold thousands, and be a share."""


@dataclass(frozen=True, slots=True)
class FolderProbe:
    """What can be done in a folder, as it was tried."""

    at: datetime
    readable: bool
    writable: bool
    movable: bool
    """Renaming works, also into processed/."""
    notified: bool
    """The system tells of files that we write ourselves; of a share's other writers that says nothing."""
    network: str = ""
    """Type of the network file system; empty on a local disk."""
    detail: str = ""
    """What the system said where something did not work."""

    @property
    def ok(self) -> bool:
        """Whether files can be taken in from here; notifications are not needed for it."""
        return self.readable and self.writable and self.movable

    def words(self, language: str = "fr") -> str:
        """What a person reads."""
        return " ".join(_sentence(code, language, self) for code in self._codes())

    def _codes(self) -> Iterator[str]:
        if not self.readable:
            yield "not-readable"
            return
        if not self.writable:
            yield "not-writable"
        elif not self.movable:
            yield "not-movable"
        if self.network:
            yield "network"
        yield "notified" if self.notified else "not-notified"


WORDS: dict[str, tuple[str, str]] = {
    "not-readable": (
        "Le dossier ne s'ouvre pas ({detail}). Rien n'est perdu : ce qui y est y reste. Vérifiez le chemin, le partage et les droits.",
        "The folder cannot be opened ({detail}). Nothing is lost: what lies there stays. Check the path, the share and the rights.",
    ),
    "not-writable": (
        "Sceau ne peut pas y écrire ({detail}) : les fichiers sont pris, mais restent dans le dossier. Donnez-lui le droit d'écrire.",
        "Sceau cannot write there ({detail}): files are taken in, but stay in the folder. Give it the right to write.",
    ),
    "not-movable": (
        "Rien ne peut y être rangé dans processed/ ({detail}) : les fichiers sont pris, mais restent. Vérifiez les droits de processed/.",
        "A file cannot be moved to processed/ ({detail}): files are taken in, but stay. Check the rights of processed/.",
    ),
    "network": ("Le dossier est sur un partage réseau ({network}).", "The folder is on a network share ({network})."),
    "notified": (
        "Les notifications fonctionnent ; Sceau relit de toute façon le dossier.",
        "Notifications work; Sceau reads the folder anyway.",
    ),
    "not-notified": (
        "Les notifications ne fonctionnent pas ; Sceau relit de toute façon le dossier.",
        "Notifications do not work; Sceau reads the folder anyway.",
    ),
    "never-probed": ("Le dossier n'a pas encore été essayé.", "The folder has not been tried yet."),
    "not-watched": (
        "Personne ne regarde ce dossier. Rien n'est perdu : les fichiers attendent. Démarrez Sceau (sceau serve).",
        "Nobody watches this folder. Nothing is lost: files wait. Start Sceau (sceau serve).",
    ),
    "waiting": (
        "« {oldest} » attend depuis {minutes} min. Rien n'est perdu : le fichier est dans le dossier. L'accueil dit pourquoi.",
        "“{oldest}” has waited for {minutes} min. Nothing is lost: the file lies in the folder. See why on the first page.",
    ),
}
"""French and English, by code."""


def _sentence(code: str, language: str, probe: FolderProbe | None = None, **values: object) -> str:
    told = {"detail": probe.detail, "network": probe.network} if probe else {}
    return WORDS[code][1 if language == "en" else 0].format(**told, **values)


# --- the probe ---


def probe_folder(folder: Path, at: datetime, seconds: float = 1.0) -> FolderProbe:
    """Try what taking in needs: list, write, see, rename, remove; and whether the system tells of a file within `seconds`.

    Leaves nothing behind. Never raises: what does not work is the answer.
    """
    kind = file_system(folder.absolute())
    network = kind if kind in NETWORK_FILE_SYSTEMS else ""
    try:
        glance(folder, 1)
    except CannotLook as error:
        return FolderProbe(at, False, False, False, False, network, _reason(error.__cause__))
    name = f".sceau-probe-{secrets.token_hex(8)}"
    steps = {"writable": False, "movable": False}
    detail = ""
    try:
        _write_and_see(folder, name)
        steps["writable"] = True
        _rename(folder, name)
        steps["movable"] = True
    except OSError as error:
        detail = _reason(error)
    finally:
        _sweep(folder, name)
    notified = steps["writable"] and notifications_work(folder, seconds)
    return FolderProbe(at, True, **steps, notified=notified, network=network, detail=detail)


def _write_and_see(folder: Path, name: str) -> None:
    path = folder / name
    with path.open("xb") as file:
        file.write(b"?")
        file.flush()
        os.fsync(file.fileno())
    if name not in os.listdir(folder):  # noqa: PTH208 a plain list of names
        raise FileNotFoundError(0, "ce qui est écrit ne se voit pas / what is written is not seen")


def _rename(folder: Path, name: str) -> None:
    """Within the folder, and to processed/ where there is one: it may be a link to another disk, or someone else's."""
    moved = (folder / name).rename(folder / f"{name}-2")
    if (folder / PROCESSED).is_dir():
        moved.rename(folder / PROCESSED / name)


def _sweep(folder: Path, name: str) -> None:
    for path in (folder / name, folder / f"{name}-2", folder / PROCESSED / name):
        with suppress(OSError):
            path.unlink()


def _reason(error: BaseException | None) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error or "")


def probe_stations(workstation: Workstation) -> None:
    """Probe every station's folder and note what was found. To be run beside the intake, for a share that hangs makes it wait."""
    for station in workstation.settings.stations:
        found = probe_folder(workstation.settings.folder_of(station), workstation.clock())
        with workstation.database.writing() as session:
            note_probe(session, station.name, found)


def note_probe(session: Session, station: str, found: FolderProbe) -> None:
    session.merge(
        Probe(
            station=station,
            probed_at=found.at,
            readable=found.readable,
            writable=found.writable,
            movable=found.movable,
            notified=found.notified,
            network=found.network,
            detail=found.detail or None,
        )
    )


def probe_of(session: Session, station: str) -> FolderProbe | None:
    """What the newest probe found."""
    row = session.get(Probe, station)
    if row is None:
        return None
    return FolderProbe(row.probed_at, row.readable, row.writable, row.movable, row.notified, row.network, row.detail or "")


# --- how a folder fares ---


@dataclass(frozen=True, slots=True)
class FolderHealth:
    """How a station's folder fares now."""

    station: str
    folder: Path
    probe: FolderProbe | None
    watched: bool
    """A living process looks into it."""
    last_taken: datetime | None
    """« Dernière prise »: when a file of this station was last taken in."""
    waiting: int
    """Files that lie there and are not taken in; of an unwatched folder at most LOOKED_AT are counted."""
    oldest: str
    """Name of the one that has waited longest; empty without one."""
    oldest_since: datetime | None
    alert: timedelta
    """Wait after which it is told."""
    now: datetime

    @property
    def late(self) -> bool:
        """The oldest file waits longer than the house accepts."""
        return self.oldest_since is not None and self.now - self.oldest_since > self.alert

    @property
    def ok(self) -> bool:
        return self.watched and not self.late and (self.probe is None or self.probe.ok)

    def words(self, language: str = "fr") -> tuple[str, ...]:
        """What a person reads, what matters most first."""
        told = []
        if self.late and self.oldest_since is not None:
            minutes = int((self.now - self.oldest_since).total_seconds() // 60)
            told.append(_sentence("waiting", language, oldest=self.oldest, minutes=minutes))
        if not self.watched:
            told.append(_sentence("not-watched", language))
        told.append(self.probe.words(language) if self.probe else _sentence("never-probed", language))
        return tuple(told)

    def as_json(self) -> dict[str, object]:
        """Plain values, as `status --json` prints them."""
        return {
            "folder": str(self.folder),
            "ok": self.ok,
            "workable": self.probe is None or self.probe.ok,
            "watched": self.watched,
            "last_taken": self.last_taken.isoformat() if self.last_taken else None,
            "waiting": self.waiting,
            "oldest": self.oldest or None,
            "oldest_since": self.oldest_since.isoformat() if self.oldest_since else None,
            "late": self.late,
            "notifications": self.probe.notified if self.probe else None,
            "network": self.probe.network if self.probe else None,
        }


def folder_health(session: Session, settings: Settings, now: datetime) -> tuple[FolderHealth, ...]:
    """One per station, in the order of the settings."""
    watched = _is_watched(session, now)
    return tuple(_health(session, settings, station, now, watched) for station in settings.stations)


def _is_watched(session: Session, now: datetime) -> bool:
    """Somebody lives who looks into the folders; a heartbeat alone says nothing of looking."""
    living = documents.living_workers(session, now, documents.DEAD_AFTER)
    return any(worker.looked_at is not None and worker.looked_at >= now - documents.DEAD_AFTER for worker in living)


def _health(session: Session, settings: Settings, station: Station, now: datetime, watched: bool) -> FolderHealth:
    folder = settings.folder_of(station)
    # What the watcher wrote down is cheap and has the true time; where nobody watches, we look ourselves.
    lying = _noted(session, station.name) if watched else _lying(folder)
    since, oldest = min(((moment, name) for name, moment in lying.items()), default=(None, ""))
    return FolderHealth(
        station=station.name,
        folder=folder,
        probe=probe_of(session, station.name),
        watched=watched,
        last_taken=session.scalar(sa.select(sa.func.max(Arrival.arrived_at)).where(Arrival.station == station.name)),
        waiting=len(lying),
        oldest=oldest,
        oldest_since=since,
        alert=timedelta(minutes=settings.intake.alert_minutes),
        now=now,
    )


def _noted(session: Session, station: str) -> dict[str, datetime]:
    rows = session.scalars(sa.select(Sighting).where(Sighting.station == station, Sighting.name != ""))
    return {row.name: row.since for row in rows}


def _lying(folder: Path) -> dict[str, datetime]:
    """Name → since when it lies there: the time its entry last changed, for a copied file keeps the time of its writing."""
    found: dict[str, datetime] = {}
    with suppress(CannotLook):
        for sighting in glance(folder, LOOKED_AT):
            with suppress(OSError):
                changed = (folder / sighting.name).lstat().st_ctime
                found[plain_name(sighting.name)] = datetime.fromtimestamp(changed, UTC)
    return found
