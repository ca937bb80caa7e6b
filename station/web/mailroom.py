"""The mailroom: where to drop a scan, what lies there, what has become of the newest ones. Live without reloading."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.settings import Station
from station.records import documents
from station.records.tables import Sighting
from station.web import desk, figures
from station.web.dropping import drop_file
from station.web.show import Card, card_of
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
UPLOAD_PATH = "/upload"
NEWEST = 12


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


@router.get("/")
def mailroom(request: Request, session: desk.InReading, htmx: desk.FromHtmx = None, seen: str = "") -> Response:
    """The whole page; for HTMX its live part, or 204 where nothing is new since `seen`."""
    workstation = desk.workstation_of(request)
    alive = bool(figures.watching(session, workstation.clock()))
    change = desk.fingerprint_of(documents.last_change(session), alive, desk.words_of(request).language)
    if htmx and seen == change:
        return desk.nothing_new()
    t = desk.words_of(request)
    stations = workstation.settings.stations
    sightings = documents.list_sightings(session)
    return desk.show(
        request,
        "_mailroom.html" if htmx else "mailroom.html",
        change=change,
        live=bool(htmx),
        alive=alive,
        stations=[show_station(station, workstation, sightings, t) for station in stations],
        station_names=[station.name for station in stations],
        counters=figures.counters(session),
        cards=newest_cards(session, workstation, t),
        duplicates=documents.recent_duplicates(session, 5),
        cost=documents.cost_at_rest(session),
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
    return [
        card_of(document, t, has_thumb=workstation.light_image(document.id, 1, "thumb").is_file())
        for document in documents.list_documents(session, size=NEWEST).documents
    ]


def show_station(station: Station, workstation: Workstation, sightings: list[Sighting], t: Words) -> ShownStation:
    """A station's folder; a reason without a file name is about the folder itself."""
    folder: Path = workstation.settings.folder_of(station)
    ours = [sighting for sighting in sightings if sighting.station == station.name]
    return ShownStation(
        name=station.name,
        folder=str(folder),
        usable=folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and all(sighting.name for sighting in ours),
        waiting=tuple(
            Waiting(s.name or t("mailroom.folder-itself"), t.known("sighting", s.reason), s.detail or "", t.moment(s.since)) for s in ours
        ),
    )
