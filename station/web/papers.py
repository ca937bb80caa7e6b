"""Sheets that a person prints and lays into the stack: batch slips, box labels, separators, Patch T."""

from datetime import date
from secrets import token_hex
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from capture.slips import MAX_SHEETS, BatchSlip, BoxLabel, Nature, Separator
from config.settings import Station
from station import tolerances
from station.records.tables import Person
from station.web import desk
from station.workstation import Workstation
from workflow.kinds import KINDS

router = APIRouter()
Text = Annotated[str, Form(max_length=200)]


@router.get("/papers")
def papers_page(request: Request) -> Response:
    """What can be printed, and what each sheet is for."""
    return _page(request)


@router.get("/papers/separator.pdf")
def separator(request: Request, kind: str = "invoice") -> Response:
    """A sheet that opens a document of this kind."""
    if kind not in {each.code for each in KINDS}:
        raise HTTPException(404)
    return _print(request, [Separator(kind)], f"separateur-{kind}")


@router.get("/papers/patch.pdf")
def patch(request: Request) -> Response:
    """A Patch T sheet."""
    # Half a second of imports, for who prints only.
    from station.print import patch_pdf

    return _pdf(patch_pdf(desk.words_of(request).language), "patch-t")


@router.get("/papers/box.pdf")
def box_label(request: Request, box: str = "") -> Response:
    """The label of a box, whose code also lies on top of the batches that go into it."""
    if not 1 <= len(box.strip()) <= 40:
        return _page(request, "box", 422)
    return _print(request, [BoxLabel(box.strip())], "boite")


@router.post("/papers/slip")
def batch_slip(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    station: Text = "",
    sheets: Text = "",
    arrived: Text = "",
    nature: Text = "",
    supplier: Text = "",
    grey: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """A slip for a batch that nobody opens at the desk. A tolerance of grey is decided here, by who prints, with its reason: the slip only
    names it, and one that somebody else printed names none."""
    workstation = desk.workstation_of(request)
    chosen = next((each for each in workstation.settings.stations if each.name == station), None)
    today = desk.words_of(request).today(workstation.clock())
    slip = None if chosen is None else read_form(chosen, sheets, arrived, nature, supplier, today)
    if slip is None:
        return _page(request, "slip", 422)
    if grey.strip():
        slip = declare_grey(session, slip, grey.strip(), person, workstation)
    return _print(request, [slip], f"bordereau-{slip.batch}")


def read_form(station: Station, sheets: str, arrived: str, nature: str, supplier: str, today: date) -> BatchSlip | None:
    """The slip with a fresh name; None where a number, day or nature is none."""
    try:
        counted = int(sheets) if sheets.strip() else None
        day = date.fromisoformat(arrived) if arrived.strip() else today
        said = Nature(nature) if nature else None
    except ValueError:
        return None
    if counted is not None and not 1 <= counted <= MAX_SHEETS:
        return None
    return BatchSlip(f"{today:%y%m%d}-{token_hex(3)}", station.name, counted, day, said, supplier=supplier.strip()[:60] or None)


def declare_grey(session: Session, slip: BatchSlip, reason: str, person: Person, workstation: Workstation) -> BatchSlip:
    """Write the decision that the slip will name; it covers the one batch under it."""
    at = workstation.clock()
    days = (at.date(), None)
    tolerances.declare_tolerance(session, workstation.settings.entity, "batch", slip.batch, reason, days, person, at)
    return BatchSlip(slip.batch, slip.station, slip.sheets, slip.arrived, slip.nature, grey=True, supplier=slip.supplier)


def _page(request: Request, wrong: str | None = None, status: int = 200) -> Response:
    workstation = desk.workstation_of(request)
    return desk.show(
        request,
        "papers.html",
        status,
        stations=[station.name for station in workstation.settings.stations],
        kinds=[kind.code for kind in KINDS],
        natures=[nature.value for nature in Nature],
        today=desk.words_of(request).today(workstation.clock()).isoformat(),
        most=MAX_SHEETS,
        wrong=wrong,
    )


def _print(request: Request, slips: list[BatchSlip | BoxLabel | Separator], name: str) -> Response:
    from station.print import slips_pdf

    return _pdf(slips_pdf(slips, desk.words_of(request).language), name)


def _pdf(data: bytes, name: str) -> Response:
    return Response(data, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}.pdf"'})
