"""Groups of people, and where a person works: the administrator's pages besides accounts and roles."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import groups
from station.people import Refused, read_days
from station.records import people
from station.records.documents import Unknown
from station.records.tables import Delegation, Person, PersonGroup
from station.web import desk
from station.web import people as pages
from station.web.words import Words

router = APIRouter()
Text = Annotated[str, Form(max_length=200)]
Names = Annotated[list[str], Form()]


@dataclass(frozen=True, slots=True)
class ShownMember:
    number: int
    login: str
    pseudonym: str
    days: str
    today: bool
    deputies: tuple[str, ...]
    """Who stands in for them today, each with the role."""


@router.post("/people/groups")
def make(request: Request, session: desk.InReading, person: desk.SignedIn, name: Text = "") -> Response:
    """A group of the company in which the administrator works now."""
    try:
        made = pages.written(request, lambda writing: groups.make_group(writing, pages.act_of(request, person), name).id)
    except Refused as error:
        return pages.people_page(request, session, person, pages.Typed(), error.reason)
    return desk.go_to(request, f"/people/groups/{made}", "flash.group-made")


@router.get("/people/groups/{number}")
def group_page(request: Request, session: desk.InReading, person: desk.SignedIn, number: int) -> Response:
    return _page(request, session, person, number)


@router.post("/people/groups/{number}/members")
def join(
    request: Request, session: desk.InReading, person: desk.SignedIn, number: int, login: Text = "", starts: Text = "", ends: Text = ""
) -> Response:
    def put_in(writing: Session) -> None:
        member = people.find(writing, login.strip())
        if member is None or not groups.may_administer(person, member):
            raise Refused("member")
        groups.join_group(writing, pages.act_of(request, person), _found(writing, number), member, *read_days(starts.strip(), ends.strip()))

    try:
        pages.written(request, put_in)
    except Refused as error:
        return _page(request, session, person, number, error.reason)
    return desk.go_to(request, f"/people/groups/{number}", "flash.group-joined")


@router.post("/people/groups/{number}/members/{member}/take")
def leave(request: Request, session: desk.InReading, person: desk.SignedIn, number: int, member: int) -> Response:
    try:
        pages.written(request, lambda writing: groups.leave_group(writing, pages.act_of(request, person), _found(writing, number), member))
    except Refused as error:
        return _page(request, session, person, number, error.reason)
    return desk.go_to(request, f"/people/groups/{number}", "flash.group-left")


@router.post("/people/groups/{number}/end")
def end(request: Request, person: desk.SignedIn, number: int) -> Response:
    pages.written(request, lambda writing: groups.end_group(writing, pages.act_of(request, person), _found(writing, number)))
    return desk.go_to(request, "/people", "flash.group-ended")


@router.post("/people/{pseudonym}/place")
def place(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    pseudonym: str,
    entities: Names = [],  # noqa: B006 FastAPI copies it
    stations: Names = [],  # noqa: B006 FastAPI copies it
) -> Response:
    """In which companies and at which stations somebody works. All companies ticked are all, those of tomorrow, too; none is nothing that
    may be said; no station ticked is all of them."""

    def put(writing: Session) -> None:
        found = pages.found_person(writing, person, pseudonym)
        settings = desk.house_of(request).settings
        everywhere = set(settings.entities) <= set(entities) or (len(settings.entities) == 1 and not entities)
        groups.place_person(writing, settings, pages.act_of(request, person), found, None if everywhere else entities, stations or None)

    try:
        pages.written(request, put)
    except Refused as error:
        return pages.person_shown(request, session, person, pseudonym, error.reason)
    return desk.go_to(request, f"/people/{pseudonym}", "flash.person-placed")


def _found(session: Session, number: int) -> PersonGroup:
    """Raises Unknown, of one that was ended, too."""
    group = session.get(PersonGroup, number)
    if group is None or group.ended_at is not None:
        raise Unknown(str(number))
    return group


def _page(request: Request, session: Session, person: Person, number: int, wrong: str = "") -> Response:
    t, today, group = desk.words_of(request), desk.workstation_of(request).clock().date(), _found(session, number)
    known = {each.pseudonym: each for each in people.list_people(session)}
    inside = {each.pseudonym for each in people.memberships_of(session, number)}
    offered = [
        each.login
        for each in known.values()
        if each.pseudonym not in inside
        and each.ended_at is None
        and people.works_in(each, group.entity)
        and groups.may_administer(person, each)
    ]
    return desk.show(
        request,
        "group.html",
        422 if wrong else 200,
        group=group,
        members=_members(session, group, known, today, t),
        offered=offered,
        wrong=wrong and t(f"people.wrong-{wrong}"),
    )


def _members(session: Session, group: PersonGroup, known: dict[str, Person], today: date, t: Words) -> list[ShownMember]:
    here, shown = people.members_of(session, group, today), []
    for row in people.memberships_of(session, group.id):
        deputies = tuple(_deputy(each, known, t) for each in people.deputies_of(session, row.pseudonym, today))
        days = pages.days_words(row.starts, row.ends, t)
        shown.append(ShownMember(row.id, known[row.pseudonym].login, row.pseudonym, days, row.pseudonym in here, deputies))
    return sorted(shown, key=lambda member: member.login)


def _deputy(row: Delegation, known: dict[str, Person], t: Words) -> str:
    return t("groups.deputy", login=known[row.taker].login, role=t.known("role", row.role), ends=t.day(date.fromisoformat(row.ends)))
