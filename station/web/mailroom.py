"""The mailroom: where to drop a scan, what lies there, what has become of the newest ones. Live without reloading."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from capture import hotfolder
from config.settings import Station
from station import passports
from station.disk import Room, look_at_disk
from station.drift import drift_now
from station.evidence import gauges_of
from station.probe import folder_health
from station.records import batches, documents
from station.records.tables import OPEN_STATES, Document, Sighting
from station.web import desk, figures
from station.web.ages import age_words
from station.web.dropping import drop_file
from station.web.show import Badge, Card, card_of, state_badge
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
UPLOAD_PATH = "/upload"
NEWEST = 12
LOOKED_AT = 20
"""Files of a folder that the page looks up by itself; the folder may hold thousands, and be a share."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that lies in a folder and is not taken in."""

    name: str
    reason: str
    detail: str
    since: str


@dataclass(frozen=True, slots=True)
class ShownStation:
    """One scanner's folder on the screen."""

    name: str
    folder: str
    usable: bool
    waiting: tuple[Waiting, ...]
    batch: str | None
    """Since when a batch is open here, in words; None where none is."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A document that waits for a worker or a person."""

    id: str
    title: str
    state: Badge
    age: str


@router.get("/")
def mailroom(request: Request, session: desk.InReading, htmx: desk.FromHtmx = None, seen: str = "") -> Response:
    """The whole page; for HTMX its live part, or 204 where nothing is new since `seen`."""
    workstation = desk.workstation_of(request)
    disk = look_at_disk(workstation.home)
    watch = how_it_watches(session, workstation)
    lying = {} if watch == "alive" else {s.name: lying_in(workstation.settings.folder_of(s)) for s in workstation.settings.stations}
    little = disk.free // 10_000_000 if disk.room is not Room.ENOUGH else ""
    t, now = desk.words_of(request), workstation.clock()
    queue = [Queued(d.id, d.title, state_badge(d, t), age_words(d.received_at, now, t)) for d in figures.queue_of(session)]
    open_batches = {s.name: batches.open_batch_at(session, s.name) for s in workstation.settings.stations}
    ages = {name: age_words(batch.opened_at, now, t) for name, batch in open_batches.items() if batch}
    change = desk.fingerprint_of(documents.last_change(session), watch, disk.room, little, lying, t.language, queue, ages)
    if htmx and seen == change:
        return desk.nothing_new()
    late = figures.too_old(figures.queue_of(session), now)
    stations = workstation.settings.stations
    sightings = documents.list_sightings(session)
    return desk.show(
        request,
        "_mailroom.html" if htmx else "mailroom.html",
        change=change,
        live=bool(htmx),
        watch=watch,
        disk=disk,
        stations=[show_station(station, workstation, sightings, lying.get(station.name, []), disk.room, t, ages) for station in stations],
        station_names=[station.name for station in stations],
        counters=figures.counters(session),
        queue=queue,
        late=late and (late, late_words(late, now, t)),
        overdue=passports.overdue_stations(session, workstation.settings.stations, now.date()),
        late_folders=[health.words(t.language)[0] for health in folder_health(session, workstation.settings, now) if health.late],
        cards=newest_cards(session, workstation, t),
        duplicates=documents.recent_duplicates(session, 5),
        cost=documents.cost_at_rest(session),
        drift=drift_now(session, workstation.settings.entity),
        largest=workstation.settings.intake.max_file_megabytes,
    )


@router.post(UPLOAD_PATH)
def upload(
    request: Request, files: Annotated[list[UploadFile], File()], station: Annotated[str, Form()], _person: desk.SignedIn
) -> Response:
    """Put files into a station's folder, as its scanner would; what they are is judged by the intake, as for any other file."""
    workstation = desk.workstation_of(request)
    chosen = next((each for each in workstation.settings.stations if each.name == station), None)
    named = [file for file in files if file.filename]
    if chosen is None or not named:
        raise HTTPException(422, "no-file")
    folder = workstation.settings.folder_of(chosen)
    try:
        for file in named:
            drop_file(folder, file.filename or "", file.file)
    except OSError as error:
        raise HTTPException(507) from error
    return desk.go_to(request, "/", "flash.uploaded")


def newest_cards(session: Session, workstation: Workstation, t: Words) -> list[Card]:
    found = documents.list_documents(session, size=NEWEST).documents
    gauges = gauges_of(session, found, workstation.settings)
    return [
        card_of(document, t, has_thumb=workstation.light_image(document, 1, "thumb").is_file(), gauge=gauges[document.id])
        for document in found
    ]


def late_words(document: Document, now: datetime, t: Words) -> str:
    """What waits too long, for whom, and what to do."""
    return t("queue.late" if document.state in OPEN_STATES else "queue.late-person", age=age_words(document.received_at, now, t))


def how_it_watches(session: Session, workstation: Workstation) -> str:
    """alive; stalled: it runs, but what it sees is no longer written; not-alive."""
    if figures.watching(session, workstation.clock()):
        return "alive"
    return "stalled" if figures.running_here(session, workstation.home) else "not-alive"


def lying_in(folder: Path) -> list[hotfolder.Sighting]:
    """The first files of a folder by our own look, where nobody writes down what lies there."""
    try:
        return hotfolder.glance(folder, LOOKED_AT)
    except hotfolder.CannotLook:
        return []


def show_station(
    station: Station,
    workstation: Workstation,
    sightings: list[Sighting],
    lying: list[hotfolder.Sighting],
    room: Room,
    t: Words,
    ages: Mapping[str, str],
) -> ShownStation:
    """A station's folder; a reason without a file name is about the folder itself. `lying` adds what no row tells of."""
    folder: Path = workstation.settings.folder_of(station)
    ours = [sighting for sighting in sightings if sighting.station == station.name]
    told = {sighting.name for sighting in ours}
    untold = [seen for seen in lying if hotfolder.plain_name(seen.name)[:400] not in told]
    return ShownStation(
        name=station.name,
        folder=str(folder),
        usable=folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and all(sighting.name for sighting in ours),
        waiting=tuple(
            Waiting(s.name or t("mailroom.folder-itself"), t.known("sighting", s.reason), s.detail or "", t.moment(s.since)) for s in ours
        )
        + tuple(_untold(seen, room, t) for seen in untold),
        batch=ages.get(station.name),
    )


def _untold(seen: hotfolder.Sighting, room: Room, t: Words) -> Waiting:
    name = hotfolder.plain_name(seen.name)
    if seen.kind != "file":
        return Waiting(name, t.known("sighting", f"refused-{seen.kind}"), "", "")
    since = t.moment(datetime.fromtimestamp(seen.mtime_ns / 1e9, UTC))
    return Waiting(name, t("sighting.disk-full" if room is Room.NONE else "sighting.not-watched"), "", since)
