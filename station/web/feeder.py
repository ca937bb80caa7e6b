"""The scanner that Sceau itself feeds, from the desk: begin, go on after a jam, stop. The job is the server's: no browser is needed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.responses import Response

from config.settings import Station
from station.problems import PROBLEMS
from station.scanning import CannotScan, Job, Scanning, resolve_scanner, wish_of
from station.web import desk
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
REMEMBERED = timedelta(minutes=2)
"""How long a job that ended is still told at the desk."""
ACTS = ("resume", "finish", "cancel")


def scanning_of(request: Request) -> Scanning | None:
    """The jobs of this process; None where it only shows pages."""
    scanning: Scanning | None = getattr(request.app.state, "scanning", None)
    return scanning


def may_scan(request: Request, station: Station) -> bool:
    return bool(station.scanner) and scanning_of(request) is not None


def job_at(request: Request, station: Station, workstation: Workstation) -> Job | None:
    """The station's newest job, while it lives or has just ended."""
    scanning = scanning_of(request)
    newest = next((job for job in scanning.jobs() if job.station == station.name), None) if scanning else None
    if newest is None or newest.living or workstation.clock() - newest.changed_at < REMEMBERED:
        return newest
    return None


def trouble_words(code: str, t: Words) -> str:
    """Why nothing was begun, as a person reads it; empty for a code that is none of a scanner's."""
    return PROBLEMS[code].words(t.language).format(good=0, next=1) if code.startswith("scan-") and code in PROBLEMS else ""


@router.post("/desk/{name}/scan")
def begin(request: Request, person: desk.SignedIn, name: str) -> Response:
    """Begin to scan into the station's folder; where it cannot be, the desk says why."""
    workstation, scanning = desk.workstation_of(request), scanning_of(request)
    station = next((each for each in workstation.settings.stations if each.name == name), None)
    if station is None or scanning is None or not station.scanner:
        raise HTTPException(404)
    try:
        scanning.start(station, resolve_scanner(station.scanner), wish_of(workstation.settings), person.pseudonym)
    except CannotScan as error:
        return desk.go_to(request, f"/desk/{name}?trouble={error.code}")
    return desk.go_to(request, f"/desk/{name}")


@router.post("/desk/{name}/scan/{job_id}/{act}")
def say(
    request: Request, name: str, job_id: str, act: Annotated[str, Path(pattern="^(" + "|".join(ACTS) + ")$")], _person: desk.SignedIn
) -> Response:
    """Go on, end after this page, or stop now; a job that is over is left as it is."""
    scanning, settings = scanning_of(request), desk.workstation_of(request).settings
    here = {job.id for job in scanning.jobs() if job.station == name} if scanning else set()
    if scanning is None or name not in {each.name for each in settings.stations} or job_id not in here:
        raise HTTPException(404)
    {"resume": scanning.resume, "finish": scanning.finish, "cancel": scanning.cancel}[act](job_id)
    return desk.go_to(request, f"/desk/{name}")
