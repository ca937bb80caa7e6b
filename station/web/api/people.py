"""Who the token stands for; accounts of people, for administrators; where events are told and what waits to leave the house."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Path, Request
from pydantic import Field
from sqlalchemy.orm import Session

from station import groups, outbox, webhooks
from station import people as acts
from station.outbox import Sent as Where
from station.people import Act, RoleDays
from station.records import people
from station.records.tables import OutboxRow, Person
from station.web import desk
from station.web.api.problems import Trouble
from station.web.api.shapes import Asking, Day, Done, Number, Sent, Shape, bearer_of, entity_of, workstation_of
from station.web.people import Typed, add_typed, found_person
from workflow.roles import Role

router = APIRouter()
Pseudonym = Annotated[str, Path(pattern=r"^p-[0-9a-f]{1,30}$")]
Made = TypeVar("Made")


class Me(Shape):
    pseudonym: str
    login: str
    roles: list[str] = Field(description="Today, those lent by others included")
    entity: str
    token: str = Field(description="Name of the token")
    scopes: list[str]
    ends_at: datetime


class HeldRole(Shape):
    id: int
    role: str
    starts: str | None
    ends: str | None


class ShownPerson(Shape):
    pseudonym: str
    login: str
    name: str | None
    email: str | None
    practice: bool
    code: bool = Field(description="Whether a second factor is asked for")
    ended_at: datetime | None
    roles: list[HeldRole]


class GiveRole(Sent):
    role: Annotated[Role, Field(strict=False)]
    starts: Day | None = None
    ends: Day | None = Field(None, description="Needed for auditors")


class AddPerson(Sent):
    login: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00]+$")]
    name: Annotated[str, Field(max_length=120, pattern=r"^[^\x00]*$")] = ""
    email: Annotated[str, Field(max_length=200, pattern=r"^([^@\s\x00]+@[^@\s\x00]+)?$")] = ""
    roles: Annotated[list[GiveRole], Field(min_length=1, max_length=7)]


class Given(Shape):
    """A password that serves once, told here and nowhere else."""

    pseudonym: str
    login: str
    password: str


class ShownParcel(Shape):
    """What is to leave the house, or has left."""

    id: int
    kind: str
    key: str
    state: str = Field(description="waiting, sent, dead, dropped")
    tries: int
    put_at: datetime
    try_at: datetime
    done_at: datetime | None
    trouble: str | None


class ShownWebhook(Shape):
    id: int
    url: str
    events: list[str]
    made_by: str
    made_at: datetime


class MadeWebhook(ShownWebhook):
    secret: str = Field(description="Told here and nowhere else")


class Subscribe(Sent):
    url: Annotated[str, Field(min_length=8, max_length=500, pattern=r"^https?://[\x21-\x7e]+$")]
    events: Annotated[list[Literal[webhooks.NAMES]], Field(min_length=1, max_length=40)]  # type: ignore[valid-type]  # one tuple


@router.get("/me", tags=["people"], summary="Whom this token stands for, and what it opens")
def me(request: Request) -> Me:
    bearer = bearer_of(request)
    return Me(
        pseudonym=bearer.person.pseudonym, login=bearer.person.login, roles=sorted(desk.roles_here(request)), entity=bearer.entity,
        token=bearer.name, scopes=sorted(bearer.scopes), ends_at=bearer.ends_at,
    )  # fmt: skip


@router.get("/people", tags=["people"], summary="Every account, those who left last")
def list_people(session: desk.InReading, person: Asking) -> list[ShownPerson]:
    return [_show(session, each) for each in people.list_people(session) if groups.may_administer(person, each)]


@router.post("/people", tags=["people"], status_code=201, summary="A new account")
def add_person(request: Request, person: Asking, said: AddPerson) -> Given:
    given = [RoleDays(each.role, each.starts, each.ends) for each in said.roles]
    typed = Typed(said.login, said.name, said.email)
    made, password = _written(request, lambda session: add_typed(request, session, person, typed, given))
    request.state.secret = True
    return Given(pseudonym=made.pseudonym, login=made.login, password=password)


@router.get("/people/{pseudonym}", tags=["people"], summary="One account")
def one_person(session: desk.InReading, person: Asking, pseudonym: Pseudonym) -> ShownPerson:
    return _show(session, found_person(session, person, pseudonym))


@router.post("/people/{pseudonym}/roles", tags=["people"], status_code=201, summary="Give a role; never to oneself")
def give_role(request: Request, person: Asking, pseudonym: Pseudonym, said: GiveRole) -> HeldRole:
    given = RoleDays(said.role, said.starts, said.ends)

    def give(session: Session) -> HeldRole:
        row = acts.give_role(session, _act(request, person), found_person(session, person, pseudonym), given)
        session.flush()
        return HeldRole.model_validate(row)

    return _written(request, give)


@router.delete("/people/{pseudonym}/roles/{number}", tags=["people"], summary="Take a role back")
def take_role(request: Request, person: Asking, pseudonym: Pseudonym, number: Number) -> Done:
    _written(request, lambda session: acts.take_role(session, _act(request, person), found_person(session, person, pseudonym), number))
    return Done()


@router.post("/people/{pseudonym}/password", tags=["people"], summary="A new password that serves once")
def reset_password(request: Request, person: Asking, pseudonym: Pseudonym) -> Given:
    def reset(session: Session) -> Given:
        found = found_person(session, person, pseudonym)
        return Given(pseudonym=pseudonym, login=found.login, password=acts.reset_password(session, _act(request, person), found))

    request.state.secret = True
    return _written(request, reset)


@router.post("/people/{pseudonym}/end", tags=["people"], summary="Nobody enters under this account any more")
def end_person(request: Request, person: Asking, pseudonym: Pseudonym) -> Done:
    _written(request, lambda session: acts.end_person(session, _act(request, person), found_person(session, person, pseudonym)))
    return Done()


def _written(request: Request, act: Callable[[Session], Made]) -> Made:
    with workstation_of(request).database.writing() as session:
        return act(session)


def _act(request: Request, person: Person) -> Act:
    return Act(entity_of(request), person, workstation_of(request).clock())


def _show(session: Session, person: Person) -> ShownPerson:
    return ShownPerson(
        pseudonym=person.pseudonym, login=person.login, name=person.name, email=person.email, practice=person.practice,
        code=person.totp_secret is not None, ended_at=person.ended_at,
        roles=[HeldRole.model_validate(row) for row in people.grants_of(session, person.pseudonym)],
    )  # fmt: skip


# --- what leaves the house ---


@router.get("/outbox", tags=["webhooks"], summary="What waits, what failed and why, what left lately; newest first")
def parcels(
    request: Request, session: desk.InReading, state: Literal["waiting", "sent", "dead", "dropped"] = "waiting"
) -> list[ShownParcel]:
    return [ShownParcel.model_validate(row) for row in outbox.rows_of(session, entity_of(request), (Where(state),), 200)]


@router.post("/outbox/{number}/retry", tags=["webhooks"], summary="Send it now")
def retry(request: Request, session: desk.InWriting, number: Number) -> ShownParcel:
    outbox.retry_now(session, entity_of(request), number, workstation_of(request).clock())
    return ShownParcel.model_validate(session.get_one(OutboxRow, number))


@router.post("/outbox/{number}/drop", tags=["webhooks"], summary="Give it up; what was written is removed")
def drop(request: Request, session: desk.InWriting, number: Number) -> ShownParcel:
    outbox.give_up(session, entity_of(request), number, workstation_of(request).clock())
    return ShownParcel.model_validate(session.get_one(OutboxRow, number))


@router.get("/webhooks", tags=["webhooks"], summary="Where events are told")
def list_webhooks(request: Request, session: desk.InReading) -> list[ShownWebhook]:
    return [ShownWebhook.model_validate(row) for row in webhooks.subscriptions(session, entity_of(request))]


@router.post("/webhooks", tags=["webhooks"], status_code=201, summary="Tell events to an address; the secret is shown once")
def subscribe(request: Request, session: desk.InWriting, person: Asking, said: Subscribe) -> MadeWebhook:
    try:
        row = webhooks.subscribe(session, workstation_of(request), entity_of(request), said.url, list(said.events), person)
    except webhooks.BadSubscription as error:
        raise Trouble(422, "address", errors=[{"where": "body/url", "words": error.reason}]) from error
    request.state.secret = True
    return MadeWebhook.model_validate(row)


@router.delete("/webhooks/{number}", tags=["webhooks"], summary="Nothing more is told there")
def unsubscribe(request: Request, session: desk.InWriting, person: Asking, number: Number) -> Done:
    webhooks.unsubscribe(session, entity_of(request), number, person, workstation_of(request).clock())
    return Done()
