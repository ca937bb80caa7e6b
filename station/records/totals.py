"""What has to be counted through all documents is remembered for a minute where there are many: a page must not cost more each year.

Below `MANY` documents everything is counted anew each time, so that what somebody just did is seen at once. What is still on its way is
always counted; it does not grow with what is kept.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from station.records.scope import EVERYWHERE
from station.records.tables import Document

MANY = 20_000
FRESH_SECONDS = 60.0
WHOLE_SECONDS = 3_600.0
LATELY = timedelta(minutes=15)
T = TypeVar("T")
_Key = tuple[str, Any, str]
_KNOWN: dict[_Key, tuple[float, Any]] = {}
"""By database, what the session sees of it, and name. Of this process; documents never become fewer, so that large stays large."""
_LARGE = "large"


def is_large(session: Session) -> bool:
    """Whether the house keeps more than `MANY` documents, whatever of them the session sees: what a small company asks walks past all of a
    big house's."""
    key = _address(session), None, _LARGE
    if key in _KNOWN:
        return True
    some = sa.select(Document.id).limit(MANY + 1).subquery()
    if (session.scalar(sa.select(sa.func.count()).select_from(some), execution_options=EVERYWHERE) or 0) <= MANY:
        return False
    _KNOWN[key] = (0.0, True)
    return True


def remember(session: Session, name: str, ask: Callable[[], T]) -> T:
    """What was found less than a minute ago, else what is found now."""
    key, now = _key(session, name), time.monotonic()
    known = _KNOWN.get(key)
    if known is not None and now - known[0] < FRESH_SECONDS:
        return known[1]  # type: ignore[no-any-return]  # what this name's question gave
    found = ask()
    _KNOWN[key] = (now, found)
    return found


def look_since(session: Session, name: str, now: datetime) -> datetime | None:
    """From which change on a turn has to look; None: at all documents, as among few always, and among many once an hour in each process.

    The turn says by `looked_through` that it looked at all and found no more; until then it is told to."""
    key = _key(session, f"all {name}")
    known = _KNOWN.get(key)
    if known is None or time.monotonic() - known[0] >= WHOLE_SECONDS:
        return None
    return now - LATELY


def looked_at_again(seen: InstrumentedAttribute[int]) -> sa.ColumnElement[bool]:
    """What was marked to be looked at again though its document did not change; written out, for an index of so few answers it."""
    return seen <= sa.literal_column("0", sa.Integer)


def looked_through(session: Session, name: str) -> None:
    """Nothing was left to do among all documents; of few nothing is noted, they are all looked at each time."""
    if is_large(session):
        _KNOWN[_key(session, f"all {name}")] = (time.monotonic(), True)


def once_found(column: Any) -> sa.ColumnElement[Any]:
    """To sort by what was found: a database that sees « the oldest first, at most 500 » walks an index of all there is by that order, and
    where next to nothing is found it walks to its end."""
    return sa.func.coalesce(column, column)


def _key(session: Session, name: str) -> _Key:
    return _address(session), session.info.get("scope"), name


def _address(session: Session) -> str:
    return session.get_bind().engine.url.render_as_string(hide_password=True)
