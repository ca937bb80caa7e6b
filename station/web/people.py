"""The administrator's pages: who may enter, as what and until when; new accounts, their end, passwords made anew."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import people as acts
from station.people import GIVEN_DAYS, Act, Refused, RoleDays
from station.records import people
from station.records.documents import Unknown
from station.records.tables import Person, PersonRole
from station.web import desk
from station.web.words import Words
from workflow.roles import Role

router = APIRouter()
Text = Annotated[str, Form(max_length=200)]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class ShownRole:
    number: int
    name: str
    days: str
    today: bool
    """Whether it holds today."""


@dataclass(frozen=True, slots=True)
class ShownPerson:
    login: str
    pseudonym: str
    name: str
    email: str
    roles: tuple[ShownRole, ...]
    practice: bool
    code: bool
    waits: bool
    """The password was made by somebody else and not yet replaced."""
    ended: str | None


@dataclass(frozen=True, slots=True)
class Typed:
    """The form of a new account as it was sent."""

    login: str = ""
    name: str = ""
    email: str = ""
    roles: tuple[str, ...] = ()
    starts: str = ""
    ends: str = ""


@router.get("/people")
def list_page(request: Request, session: desk.InReading) -> Response:
    return _list(request, session, Typed())


@router.post("/people")
def add(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    login: Text = "",
    name: Text = "",
    email: Text = "",
    roles: Annotated[list[str], Form()] = [],  # noqa: B006 FastAPI copies it
    starts: Text = "",
    ends: Text = "",
) -> Response:
    """A new account; its first password is shown on this answer and nowhere else."""
    typed = Typed(login.strip().lower(), name.strip(), email.strip(), tuple(roles), starts.strip(), ends.strip())
    try:
        first, last = acts.read_days(typed.starts, typed.ends)
        given = [RoleDays(Role(role), first, last) for role in typed.roles if role in set(Role)]
        made, password = _written(
            request, lambda writing: acts.add_person(writing, _act(request, person), typed.login, typed.name, typed.email, given)
        )
    except Refused as error:
        return _list(request, session, typed, error.reason)
    return _given(request, made, password)


@router.get("/people/{pseudonym}")
def person_page(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    return _person(request, session, person, pseudonym)


@router.post("/people/{pseudonym}/roles")
def give_role(
    request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str, role: Text = "", starts: Text = "", ends: Text = ""
) -> Response:
    try:
        first, last = acts.read_days(starts.strip(), ends.strip())
        if role not in set(Role):
            raise Refused("role")
        given = RoleDays(Role(role), first, last)
        _written(request, lambda writing: acts.give_role(writing, _act(request, person), _found(writing, pseudonym), given))
    except Refused as error:
        return _person(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.role-given")


@router.post("/people/{pseudonym}/roles/{number}/take")
def take_role(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str, number: int) -> Response:
    try:
        _written(request, lambda writing: acts.take_role(writing, _act(request, person), _found(writing, pseudonym), number))
    except Refused as error:
        return _person(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.role-taken")


@router.post("/people/{pseudonym}/password")
def reset_password(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    """A password that serves once, shown on this answer and nowhere else."""

    def reset(writing: Session) -> tuple[Person, str]:
        found = _found(writing, pseudonym)
        return found, acts.reset_password(writing, _act(request, person), found)

    try:
        return _given(request, *_written(request, reset))
    except Refused as error:
        return _person(request, session, person, pseudonym, error.reason)


@router.post("/people/{pseudonym}/end")
def end(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    try:
        _written(request, lambda writing: acts.end_person(writing, _act(request, person), _found(writing, pseudonym)))
    except Refused as error:
        return _person(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.person-ended")


def show_person(session: Session, person: Person, today: date, t: Words) -> ShownPerson:
    rows = people.grants_of(session, person.pseudonym)
    return ShownPerson(
        login=person.login,
        pseudonym=person.pseudonym,
        name=person.name or "",
        email=person.email or "",
        roles=tuple(_shown_role(row, today, t) for row in rows),
        practice=person.practice,
        code=person.totp_secret is not None,
        waits=person.password_ends is not None,
        ended=None if person.ended_at is None else t.moment(person.ended_at),
    )


def _shown_role(row: PersonRole, today: date, t: Words) -> ShownRole:
    def day(text: str) -> str:
        return t.day(date.fromisoformat(text))

    days = ""
    if row.starts and row.ends:
        days = t("tolerances.days", starts=day(row.starts), ends=day(row.ends))
    elif row.starts or row.ends:
        days = t("tolerances.since", starts=day(row.starts)) if row.starts else t("people.until", ends=day(row.ends or ""))
    holds = (row.starts or "") <= today.isoformat() <= (row.ends or "9999")
    return ShownRole(row.id, t.known("role", row.role), days, holds)


def _written(request: Request, act: Callable[[Session], Made]) -> Made:
    """In a transaction of its own: what is refused leaves nothing, and the page is shown all the same."""
    with desk.workstation_of(request).database.writing() as session:
        return act(session)


def _act(request: Request, person: Person) -> Act:
    workstation = desk.workstation_of(request)
    return Act(workstation.settings.entity, person, workstation.clock())


def _found(session: Session, pseudonym: str) -> Person:
    person = people.find_by_pseudonym(session, pseudonym)
    if person is None:
        raise Unknown(pseudonym)
    return person


def _today(request: Request) -> date:
    return desk.workstation_of(request).clock().date()


def _list(request: Request, session: Session, typed: Typed, wrong: str = "") -> Response:
    t = desk.words_of(request)
    return desk.show(
        request,
        "people.html",
        422 if wrong else 200,
        shown=[show_person(session, each, _today(request), t) for each in people.list_people(session)],
        typed=typed,
        roles=[(role.value, t(f"role.{role}"), t(f"role.{role}-is")) for role in Role],
        wrong=wrong and t(f"people.wrong-{wrong}"),
        days=GIVEN_DAYS,
    )


def _person(request: Request, session: Session, asking: Person, pseudonym: str, wrong: str = "") -> Response:
    t, found = desk.words_of(request), _found(session, pseudonym)
    return desk.show(
        request,
        "person.html",
        422 if wrong else 200,
        one=show_person(session, found, _today(request), t),
        own=found.pseudonym == asking.pseudonym,
        roles=[(role.value, t(f"role.{role}")) for role in Role],
        today=_today(request).isoformat(),
        wrong=wrong and t(f"people.wrong-{wrong}"),
        days=GIVEN_DAYS,
    )


def _given(request: Request, person: Person, password: str) -> Response:
    return desk.show(request, "given.html", login=person.login, pseudonym=person.pseudonym, password=password, days=GIVEN_DAYS)
