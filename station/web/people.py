"""The administrator's pages: who may enter, as what and until when; new accounts, their end, passwords made anew."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import groups
from station import people as acts
from station.people import GIVEN_DAYS, Act, Refused, RoleDays
from station.records import entrance, people
from station.records.documents import Unknown
from station.records.tables import Person, PersonRole
from station.web import desk
from station.web.tokens import shown_tokens
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
    entities: tuple[str, ...] | None
    """None: all of the house."""
    stations: tuple[str, ...] | None


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
def list_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    return people_page(request, session, person, Typed())


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
        made, password = written(request, lambda writing: add_typed(request, writing, person, typed, given))
    except Refused as error:
        return people_page(request, session, person, typed, error.reason)
    return _given(request, made, password)


def add_typed(request: Request, session: Session, person: Person, typed: Typed, given: list[RoleDays]) -> tuple[Person, str]:
    """In the companies of whoever makes it."""
    made = acts.add_person(session, act_of(request, person), typed.login, typed.name, typed.email, given)
    groups.place_beside(session, act_of(request, person), made[0])
    return made


@router.get("/people/{pseudonym}")
def person_page(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    return person_shown(request, session, person, pseudonym)


@router.post("/people/{pseudonym}/roles")
def give_role(
    request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str, role: Text = "", starts: Text = "", ends: Text = ""
) -> Response:
    try:
        first, last = acts.read_days(starts.strip(), ends.strip())
        if role not in set(Role):
            raise Refused("role")
        given = RoleDays(Role(role), first, last)
        written(request, lambda writing: acts.give_role(writing, act_of(request, person), found_person(writing, person, pseudonym), given))
    except Refused as error:
        return person_shown(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.role-given")


@router.post("/people/{pseudonym}/roles/{number}/take")
def take_role(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str, number: int) -> Response:
    try:
        written(request, lambda writing: acts.take_role(writing, act_of(request, person), found_person(writing, person, pseudonym), number))
    except Refused as error:
        return person_shown(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.role-taken")


@router.post("/people/{pseudonym}/password")
def reset_password(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    """A password that serves once, shown on this answer and nowhere else."""

    def reset(writing: Session) -> tuple[Person, str]:
        found = found_person(writing, person, pseudonym)
        return found, acts.reset_password(writing, act_of(request, person), found)

    try:
        return _given(request, *written(request, reset))
    except Refused as error:
        return person_shown(request, session, person, pseudonym, error.reason)


@router.post("/people/{pseudonym}/unlink")
def unlink(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    try:
        written(request, lambda writing: acts.unlink_person(writing, act_of(request, person), found_person(writing, person, pseudonym)))
    except Refused as error:
        return person_shown(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.person-unlinked")


@router.post("/people/{pseudonym}/end")
def end(request: Request, session: desk.InReading, person: desk.SignedIn, pseudonym: str) -> Response:
    try:
        written(request, lambda writing: acts.end_person(writing, act_of(request, person), found_person(writing, person, pseudonym)))
    except Refused as error:
        return person_shown(request, session, person, pseudonym, error.reason)
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
        entities=None if person.entities is None else tuple(person.entities),
        stations=None if person.stations is None else tuple(person.stations),
    )


def _shown_role(row: PersonRole, today: date, t: Words) -> ShownRole:
    holds = (row.starts or "") <= today.isoformat() <= (row.ends or "9999")
    return ShownRole(row.id, t.known("role", row.role), days_words(row.starts, row.ends, t), holds)


def days_words(starts: str | None, ends: str | None, t: Words) -> str:
    """Days (ISO) in words; empty where neither is set."""

    def day(text: str) -> str:
        return t.day(date.fromisoformat(text))

    if starts and ends:
        return t("people.days", starts=day(starts), ends=day(ends))
    if starts or ends:
        return t("people.since", starts=day(starts)) if starts else t("people.until", ends=day(ends or ""))
    return ""


def written(request: Request, act: Callable[[Session], Made]) -> Made:
    """In a transaction of its own: what is refused leaves nothing, and the page is shown all the same."""
    with desk.workstation_of(request).database.writing() as session:
        return act(session)


def act_of(request: Request, person: Person) -> Act:
    workstation = desk.workstation_of(request)
    return Act(workstation.settings.entity, person, workstation.clock())


def found_person(session: Session, asking: Person, pseudonym: str) -> Person:
    """Raises Unknown, of whoever works in a company that is not the administrator's, too."""
    person = people.find_by_pseudonym(session, pseudonym)
    if person is None or not groups.may_administer(asking, person):
        raise Unknown(pseudonym)
    return person


def _today(request: Request) -> date:
    return desk.workstation_of(request).clock().date()


def people_page(request: Request, session: Session, asking: Person, typed: Typed, wrong: str = "") -> Response:
    t, today, entity = desk.words_of(request), _today(request), desk.entity_of(request)
    theirs = [each for each in people.list_people(session) if groups.may_administer(asking, each)]
    return desk.show(
        request,
        "people.html",
        422 if wrong else 200,
        shown=[show_person(session, each, today, t) for each in theirs],
        groups=[(each.id, each.name, len(people.members_of(session, each, today))) for each in people.list_groups(session, entity)],
        longest=groups.LONGEST_NAME,
        typed=typed,
        roles=[(role.value, t(f"role.{role}"), t(f"role.{role}-is")) for role in Role],
        wrong=wrong and t(f"people.wrong-{wrong}"),
        days=GIVEN_DAYS,
    )


def person_shown(request: Request, session: Session, asking: Person, pseudonym: str, wrong: str = "") -> Response:
    t, found = desk.words_of(request), found_person(session, asking, pseudonym)
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
        places=_places(request, asking),
        linked=entrance.count_identities(session, pseudonym) > 0,
        tokens=[each for each in shown_tokens(session, request, pseudonym) if each.live],
    )


def _places(request: Request, asking: Person) -> dict[str, list[str]]:
    """Companies and stations among which there is something to choose; none where the house has but one."""
    settings, own = desk.house_of(request).settings, people.entities_of(asking)
    entities = [each for each in settings.entities if own is None or each in own]
    stations = [each.name for each in settings.stations if settings.company_of(each) in entities]
    return {"entities": entities if len(settings.entities) > 1 else [], "stations": stations if len(stations) > 1 else []}


def _given(request: Request, person: Person, password: str) -> Response:
    return desk.show(request, "given.html", login=person.login, pseudonym=person.pseudonym, password=password, days=GIVEN_DAYS)
