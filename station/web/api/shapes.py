"""What the rooms of the API share: who asks, forms of values, pages of lists."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from station import acts
from station.access import Note, Notebook
from station.api_tokens import STRONG, Bearer
from station.records import documents, people
from station.records.tables import AccountChange, Document, Person, State, Task
from station.web import desk
from station.web.api.asks import ASKS, Ask
from station.web.api.problems import Trouble
from station.web.grants import asks_again, may
from station.workstation import Workstation

MOST = 200
T = TypeVar("T")
Made = TypeVar("Made")


class Shape(BaseModel):
    """An answer."""

    model_config = ConfigDict(from_attributes=True)


class Sent(BaseModel):
    """A request's body: what it does not know, or what is of another type, it refuses."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=True)


class Page(Shape, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(None, description="Cursor of what follows; null at the end. The same address stands in the header Link")


class Done(Shape):
    """It is done."""

    done: bool = True


def _day(value: object) -> object:
    """A day is written as such: a number of seconds is none. Raises ValueError."""
    return date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-11-20") else _no_text(value)


def _moment(value: object) -> object:
    """With its zone. Raises ValueError."""
    if not isinstance(value, str) or not value[:4].isdigit() or value[4:5] != "-":
        return _no_text(value)
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time needs its zone")
    return at


def _no_text(value: object) -> object:
    if value is not None:
        raise ValueError("ISO 8601 is needed")
    return None


Day: TypeAlias = Annotated[date, BeforeValidator(_day)]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(_moment)]
Reason: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*\S[^\x00]*$")]
Line: TypeAlias = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
DocumentId: TypeAlias = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,32}$")]
Amount: TypeAlias = Annotated[str, Field(pattern=r"^\d{1,11}(\.\d{1,2})?$", description="EUR, decimal with a point")]
Number: TypeAlias = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name: TypeAlias = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,120}$")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST, description="At most so many")]
Cursor: TypeAlias = Annotated[str, Query(max_length=400, pattern=r"^[A-Za-z0-9_-]*$", description="As the part before gave it")]


# --- who asks ---


def bearer_of(request: Request) -> Bearer:
    bearer: Bearer = request.state.bearer
    return bearer


def workstation_of(request: Request) -> Workstation:
    return desk.workstation_of(request)


def entity_of(request: Request) -> str:
    """The legal entity for which the token was made."""
    return bearer_of(request).entity


def asking(request: Request) -> Person:
    return bearer_of(request).person


Asking: TypeAlias = Annotated[Person, Depends(asking)]


def allowed(request: Request, session: desk.InReading) -> Iterator[None]:
    """Stands before every operation: scope of the token, roles of its person today, entity, document. Raises Trouble, Unknown, Reserved.

    A generator only so that its end comes after the answer.
    """
    bearer = bearer_of(request)
    ask = ASKS.get((request.method, str(getattr(request.scope.get("route"), "path", ""))))
    if ask is None:
        raise Trouble(403, "scope")
    if ask.scope and ask.scope not in bearer.scopes:
        named = {"WWW-Authenticate": f'Bearer realm="sceau", error="insufficient_scope", scope="{ask.scope}"'}
        raise Trouble(403, "scope", named)
    if asks_again(ask.method, ask.page) and ask.scope not in STRONG:
        # What a page asks the password for is done by no token that was not given it explicitly.
        raise Trouble(403, "scope")
    here = people.entities_of(bearer.person)
    if bearer.entity not in desk.house_of(request).settings.entities or (here is not None and bearer.entity not in here):
        raise Trouble(403, "entity")
    desk.see_through(request, session, bearer.person, bearer.entity)
    if not may(desk.roles_here(request), ask.method, ask.page):
        raise Trouble(403, "role")
    for name in ("document_id", "first", "second"):
        if name in request.path_params:
            require_document(session, request, str(request.path_params[name]), masked=ask.masked)
    _note(request, session, bearer, ask)
    yield


def require_document(session: Session, request: Request, document_id: str, *, masked: bool = False) -> Document:
    """Of another entity, or erased: unknown. Raises Unknown, Reserved."""
    document = documents.get_document(session, document_id)
    if document.entity != entity_of(request) or document.state == State.ERASED:
        raise documents.Unknown(document_id)
    return document if masked else acts.shown_document(session, document_id)


def _note(request: Request, session: Session, bearer: Bearer, ask: Ask) -> None:
    if ask.act is None:
        return
    values = request.path_params
    words = [str(values[name]) for name in ("document_id", "number", "sha256", "name") if name in values]
    column = _NUMBERED.get(ask.page)
    if column is not None:
        # Known by its number; what is noted is the document that it shows.
        number = str(values.get("number", ""))
        shown = session.scalar(sa.select(column).where(column.class_.id == int(number))) if number.isdecimal() else None
        words = [shown] if shown else []
    readings: Notebook = request.app.state.readings
    readings.note(Note(bearer.person.pseudonym, ask.act, " ".join(words), workstation_of(request).clock(), entity_of(request)))


_NUMBERED: Mapping[str, Any] = {"/approbations/{number}": Task.document_id, "/relecture/comptes/{number}": AccountChange.document_id}


# --- pages of lists ---


def moment_of(text: str) -> datetime:
    """A time in a cursor. Raises Trouble where it is none of ours."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Trouble(422, "cursor") from error
    if at.tzinfo is None:
        raise Trouble(422, "cursor")
    return at


def cursor_from(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def cursor_values(cursor: str, *kinds: type) -> tuple[Any, ...] | None:
    """What a cursor holds; None of an empty one. Raises Trouble where it is none of ours."""
    if not cursor:
        return None
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise Trouble(422, "cursor") from error
    if (
        not isinstance(told, list)
        or len(told) != len(kinds)
        or any(type(value) is not kind for value, kind in zip(told, kinds, strict=True))
    ):
        raise Trouble(422, "cursor")
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in told) or any("\0" in str(value) for value in told):
        raise Trouble(422, "cursor")
    return tuple(told)


def page_of(
    request: Request, response: Response, rows: Sequence[T], limit: int, place: Callable[[T], tuple[Any, ...]], show: Callable[[T], Made]
) -> Page[Made]:
    """`rows`: one more than `limit` where more follow."""
    following = cursor_from(*place(rows[limit - 1])) if len(rows) > limit else None
    if following:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<{request.url.path}?{urlencode([*query, ("cursor", following)])}>; rel="next"'
    return Page(items=[show(row) for row in rows[:limit]], next=following)
