"""Programs that act for a person: their tokens, and what the API offers them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import groups
from station.api_tokens import FAMILIES, LONGEST_DAYS, SCOPES, STRONG, TokenRefused, is_live, make_token, revoke_token, tokens_of
from station.records import people
from station.records.documents import Unknown
from station.records.tables import ApiToken, Person
from station.web import desk
from station.web.api.asks import PREFIX
from station.web.words import Words

router = APIRouter()
Text = Annotated[str, Form(max_length=80)]
USUAL_DAYS = 90


@dataclass(frozen=True, slots=True)
class ShownToken:
    number: int
    name: str
    beginning: str
    entity: str
    scopes: tuple[str, ...]
    days: str
    used: str
    live: bool


@router.get("/account/tokens")
def tokens_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """One's tokens, and the form of a new one."""
    return _page(request, session, person)


@router.post("/account/tokens")
def make(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    name: Text = "",
    scopes: Annotated[list[str], Form(max_length=len(SCOPES))] = [],  # noqa: B006 FastAPI copies it
    days: Annotated[str, Form(max_length=4)] = "",
) -> Response:
    """A new token, for the company in which the person works now; shown on this answer and nowhere else."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            length = int(days) if days.isdecimal() else 0
            row, text = make_token(writing, desk.entity_of(request), person, name, scopes, length, workstation.clock())
    except TokenRefused as error:
        return _page(request, session, person, error.reason, {"name": name, "scopes": scopes, "days": days})
    return desk.show(request, "token.html", token=show_token(row, workstation.clock(), desk.words_of(request)), text=text)


@router.post("/account/tokens/{number}/revoke")
def revoke(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int) -> Response:
    return _revoke(request, session, person.pseudonym, person, number, "/account/tokens")


@router.post("/people/{pseudonym}/tokens/{number}/revoke")
def revoke_other(request: Request, session: desk.InWriting, person: desk.SignedIn, pseudonym: str, number: int) -> Response:
    """An administrator takes back what somebody else's program opens with."""
    other = people.find_by_pseudonym(session, pseudonym)
    if other is None or not groups.may_administer(person, other):
        raise Unknown(pseudonym)
    return _revoke(request, session, pseudonym, person, number, f"/people/{pseudonym}")


@router.get("/api")
def api_page(request: Request) -> Response:
    """What programs may ask for, operation by operation."""
    described = request.app.state.api.openapi()
    rooms: dict[str, list[dict[str, Any]]] = {}
    for path, operations in described["paths"].items():
        for method, told in operations.items():
            line = {"method": method.upper(), "path": PREFIX + path, "summary": told.get("summary", ""), "scope": told["x-sceau-scope"]}
            rooms.setdefault((told.get("tags") or ["documents"])[0], []).append(line)
    return desk.show(request, "api.html", rooms=rooms, prefix=PREFIX)


def show_token(row: ApiToken, now: datetime, t: Words) -> ShownToken:
    days = t("tokens.days", made=t.day(row.made_at), ends=t.day(row.ends_at))
    if row.revoked_at is not None:
        days = t("tokens.revoked", at=t.moment(row.revoked_at))
    used = t("tokens.used", at=t.moment(row.used_at)) if row.used_at else t("tokens.unused")
    return ShownToken(row.id, row.name, row.prefix, row.entity, tuple(row.scopes), days, used, is_live(row, now))


def shown_tokens(session: Session, request: Request, pseudonym: str) -> list[ShownToken]:
    """Those in force first."""
    now, t = desk.workstation_of(request).clock(), desk.words_of(request)
    return sorted((show_token(row, now, t) for row in tokens_of(session, pseudonym)), key=lambda each: not each.live)


def _revoke(request: Request, session: Session, owner: str, person: Person, number: int, back: str) -> Response:
    try:
        revoke_token(session, number, owner, person, desk.workstation_of(request).clock())
    except TokenRefused as error:
        raise Unknown(str(number)) from error
    return desk.go_to(request, back, "flash.token-revoked")


def _page(request: Request, session: Session, person: Person, wrong: str = "", typed: dict[str, Any] | None = None) -> Response:
    t = desk.words_of(request)
    return desk.show(
        request,
        "tokens.html",
        422 if wrong else 200,
        tokens=shown_tokens(session, request, person.pseudonym),
        families=[(name, t(f"tokens.family-{name}")) for name in FAMILIES],
        known=SCOPES,
        strong=STRONG,
        typed=typed or {"name": "", "scopes": [], "days": str(USUAL_DAYS)},
        longest=LONGEST_DAYS,
        wrong=wrong and t(f"tokens.wrong-{wrong}"),
    )
