"""The organisation dossier: what is in force, what changed since, the texts of the company, the two people, and the storage places."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from sealing.keys import UnusableKey
from sealing.seal import CannotSeal
from station import dossier
from station.dossier import NoVersion
from station.erasure import SamePerson
from station.formal import NotPdfA, Unproved
from station.records import people
from station.records.tables import DossierRow, Person
from station.timekeeping import ClockStepped, ClockWrong, clock_word
from station.web import desk
from station.web.words import Words

router = APIRouter()
Text = Annotated[str, Form(max_length=4000)]
ADDRESS = "/organisation"
SHOWN = 60
"""Changes told on the page; the paper tells them all."""


@dataclass(frozen=True, slots=True)
class ShownVersion:
    number: int
    version: int
    standing: str
    """in-force, earlier, waiting or withdrawn."""
    reason: str
    prepared: str
    signed: str | None
    sha256: str | None


@router.get(ADDRESS)
def organisation_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """Everything of the dossier."""
    return _page(request, session, person)


@router.post(f"{ADDRESS}/texts/{{key}}")
def say_text(request: Request, session: desk.InWriting, person: desk.SignedIn, key: str, text: Text = "") -> Response:
    """Answer one question of the dossier."""
    if key not in dossier.TEXTS:
        raise HTTPException(404)
    workstation = desk.workstation_of(request)
    dossier.say_text(session, workstation.settings.entity, key, text, person, workstation.clock(), clock_word(workstation))
    return desk.go_to(request, f"{ADDRESS}#text-{key}", "flash.dossier-text")


@router.post(f"{ADDRESS}/versions")
def prepare(request: Request, session: desk.InWriting, person: desk.SignedIn, reason: Text = "") -> Response:
    """Prepare a version of what is in force."""
    workstation = desk.workstation_of(request)
    if not reason.strip():
        return _page(request, session, person, "reason")
    dossier.prepare_dossier(session, workstation.settings, reason, person, workstation.clock(), clock_word(workstation))
    return desk.go_to(request, ADDRESS, "flash.dossier-prepared")


@router.post(f"{ADDRESS}/versions/{{number}}")
def act(request: Request, person: desk.SignedIn, number: int, step: Text = "") -> Response:
    """Countersign a version, or take it back; drawing and sealing take a second, outside of any transaction."""
    workstation = desk.workstation_of(request)
    try:
        match step:
            case "sign":
                dossier.sign_dossier(workstation, number, person)
            case "withdraw":
                with workstation.database.writing() as session:
                    dossier.withdraw_dossier(session, number, person, workstation.clock(), clock_word(workstation))
            case _:
                raise HTTPException(422)
    except SamePerson:
        return _refused(request, person, "same")
    except NoVersion as error:
        raise HTTPException(409) from error
    except (ClockWrong, ClockStepped):
        return _refused(request, person, "clock")
    except (CannotSeal, UnusableKey, Unproved, NotPdfA):
        return _refused(request, person, "unsealed")
    return desk.go_to(request, ADDRESS, f"flash.dossier-{step}")


@router.get(f"{ADDRESS}/versions/{{number}}.pdf")
def download(request: Request, session: desk.InReading, number: int) -> Response:
    """The sealed paper of a version."""
    workstation, row = desk.workstation_of(request), session.get(DossierRow, number)
    if row is None or row.entity != workstation.settings.entity or row.sha256 is None:
        raise HTTPException(404)
    path = workstation.archives.path(row.sha256, ".pdf")
    if not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type="application/pdf", filename=f"dossier-organisation-{row.entity}-v{row.version}.pdf")


@router.post(f"{ADDRESS}/places/{{number}}")
def declare(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, note: Text = "") -> Response:
    """A person says that the tax service was told of a storage place."""
    workstation = desk.workstation_of(request)
    if not note.strip():
        return _page(request, session, person, "note")
    try:
        dossier.declare_places(session, number, note, person, workstation.clock(), clock_word(workstation))
    except NoVersion as error:
        raise HTTPException(409) from error
    return desk.go_to(request, f"{ADDRESS}#places", "flash.places-declared")


def _refused(request: Request, person: Person, trouble: str) -> Response:
    with desk.workstation_of(request).database.reading() as session:
        return _page(request, session, person, trouble)


def _page(request: Request, session: Session, person: Person, trouble: str = "") -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    settings, today = workstation.settings, t.today(workstation.clock())
    newest, pending = dossier.newest_dossier(session, settings.entity), dossier.pending_dossier(session, settings.entity)
    changes, texts = dossier.pending_changes(session, settings), dossier.texts_of(session, settings.entity)
    rows = dossier.list_dossiers(session, settings.entity)
    logins = people.logins_of(session, [name for row in rows for name in (row.prepared_by, row.signed_by)])
    return desk.show(
        request,
        "organisation.html",
        422 if trouble else 200,
        newest=newest and show_version(newest, newest, logins, t),
        pending=pending and show_version(pending, newest, logins, t),
        mine=pending is not None and pending.prepared_by == person.pseudonym,
        stale=pending is not None and changes is not None,
        changes=(changes or ())[:SHOWN],
        more=max(0, len(changes or ()) - SHOWN),
        first=not any(row.withdrawn_at is None for row in rows),
        changed=changes is not None,
        versions=[show_version(row, newest, logins, t) for row in rows],
        questions=[(key, texts.get(key)) for key in dossier.TEXTS],
        authors=people.logins_of(session, [text.author for text in texts.values()]),
        places=dossier.places_now(settings, today),
        notices=[(notice, date.fromisoformat(notice.due or "")) for notice in dossier.undeclared_places(session, settings.entity)],
        required=settings.organisation.require_dossier == "always" or not desk.is_practice(workstation),
        second=people.SECOND_LOGIN,
        trouble=trouble,
    )


def show_version(row: DossierRow, newest: DossierRow | None, logins: dict[str, str], t: Words) -> ShownVersion:
    """A version in words."""

    def who(pseudonym: str | None) -> str:
        return logins.get(pseudonym or "", pseudonym or "")

    return ShownVersion(
        number=row.id,
        version=row.version,
        standing=dossier.standing_of(row, newest),
        reason=row.reason,
        prepared=t("organisation.prepared-by", at=t.moment(row.prepared_at), actor=who(row.prepared_by)),
        signed=t("organisation.signed-by", at=t.moment(row.signed_at), actor=who(row.signed_by)) if row.signed_at else None,
        sha256=row.sha256,
    )
