"""Mandates of a third party that archives for the company: recorded with the signed file, shown, revoked, downloaded."""

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from capture.hotfolder import plain_name
from station import mandates
from station.mandates import Granted
from station.records.tables import Mandate
from station.web import desk
from station.web.documents import media_of
from station.web.words import Words

router = APIRouter()
PATH = "/mandates"
SIGNED = frozenset({"application/pdf", "image/png", "image/jpeg", "image/tiff"})
"""What a signed mandate may come as, told from the bytes."""
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was sent; a file has to be chosen again."""

    third_party: str = ""
    scope: str = ""
    starts: str = ""
    ends: str = ""


@router.get(PATH)
def list_page(request: Request, session: desk.InReading) -> Response:
    """The mandates, whether one is in force, and the form of a new one."""
    workstation = desk.workstation_of(request)
    today = workstation.clock().date().isoformat()
    return _page(request, session, Typed(workstation.settings.organisation.third_party, starts=today))


@router.post(PATH)
def record(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    file: Annotated[UploadFile, File()],
    third_party: Text = "",
    scope: Text = "",
    starts: Text = "",
    ends: Text = "",
) -> Response:
    """Record one; where something is missing the page comes back and says what. What waited for it is sealed by itself."""
    workstation = desk.workstation_of(request)
    typed = Typed(third_party.strip()[:200], scope.strip(), starts.strip(), ends.strip())
    granted = _granted(typed, plain_name(file.filename or ""))
    if granted is None or not file.size:
        return _page(request, session, typed, "days" if granted is None else "file", 422)
    if not (granted.third_party and granted.scope):
        return _page(request, session, typed, "missing", 422)
    with tempfile.NamedTemporaryFile(dir=workstation.home / "work", prefix=".mandate-") as kept:
        while part := file.file.read(1 << 20):
            kept.write(part)
        kept.flush()
        if media_of(Path(kept.name))[0] not in SIGNED:
            return _page(request, session, typed, "kind", 422)
        mandates.record_mandate(session, workstation, granted, Path(kept.name), person, workstation.clock())
    return desk.go_to(request, PATH, "flash.mandate")


@router.post("/mandates/{number}/revoke")
def revoke(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, reason: Text = "") -> Response:
    """End one; what was sealed under it names it still."""
    if not reason.strip():
        return _page(request, session, Typed(), "revoke-reason", 422)
    try:
        mandates.revoke_mandate(session, number, reason, person, desk.workstation_of(request).clock())
    except mandates.UnknownMandate as error:
        raise HTTPException(404) from error
    return desk.go_to(request, PATH, "flash.mandate-revoked")


@router.get("/mandates/{number}/file")
def download(request: Request, session: desk.InReading, number: int) -> Response:
    """The signed file, byte for byte; named by its content, never by its name."""
    mandate = session.get(Mandate, number)
    if mandate is None:
        raise HTTPException(404)
    path = desk.workstation_of(request).originals.path(mandate.sha256)
    media, ending = media_of(path)
    return FileResponse(path, media_type=media, filename=f"mandat-{number}{ending}")


def _granted(typed: Typed, name: str) -> Granted | None:
    try:
        starts = date.fromisoformat(typed.starts)
        ends = date.fromisoformat(typed.ends) if typed.ends else None
    except ValueError:
        return None
    return None if ends is not None and ends < starts else Granted(typed.third_party, typed.scope, starts, ends, name or "mandat")


def _page(request: Request, session: Session, typed: Typed, wrong: str = "", status: int = 200) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    settings, day = workstation.settings, workstation.clock().date()
    third_party = settings.organisation.third_party.strip()
    in_force = mandates.mandate_in_force(session, settings.entity, third_party, day) if third_party else None
    return desk.show(
        request,
        "mandates.html",
        status,
        shown=[_show(each, mandates.standing_of(each, third_party, day), t) for each in mandates.list_mandates(session, settings.entity)],
        third_party=third_party,
        reference=settings.organisation.mandate,
        in_force=in_force,
        typed=typed,
        wrong=wrong and t(f"mandates.wrong-{wrong}"),
    )


def _show(mandate: Mandate, standing: str, t: Words) -> dict[str, object]:
    def day(text: str) -> str:
        return t.day(date.fromisoformat(text))

    revoked = None
    if mandate.revoked_at is not None:
        revoked = t("mandates.revoked-by", at=t.moment(mandate.revoked_at), actor=mandate.revoked_by, reason=mandate.revoked_reason)
    days = (
        t("holds.days", starts=day(mandate.starts), ends=day(mandate.ends))
        if mandate.ends
        else t("holds.since", starts=day(mandate.starts))
    )
    return {
        "number": mandate.id,
        "third_party": mandate.third_party,
        "scope": mandate.scope,
        "days": days,
        "name": mandate.name,
        "sha256": mandate.sha256,
        "recorded": t("mandates.recorded", at=t.moment(mandate.recorded_at), actor=mandate.recorded_by),
        "revoked": revoked,
        "standing": standing,
    }
