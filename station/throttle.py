"""Slows down who guesses passwords: failures are counted by account, by address and by both, and each further one costs more time.

In the database, so that every process counts the same and a restart forgets nothing; names and addresses only as hashes.
"""

import hashlib
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from station.records.database import Database
from station.records.tables import Attempt

FREE = {"both": 5, "account": 25, "address": 25}
"""Failures before anybody waits. One account from one address: a person who mistypes. The two others: guessing spread over many
accounts or addresses; higher, for many people may stand behind one address, and a stranger shall not lock an account so easily."""
FIRST_WAIT = 30.0
LONGEST_WAIT = 900.0
"""Seconds; doubles from the first to the longest (CNIL, deliberation 2022-100, asks for growing delays)."""
FORGOTTEN_AFTER = 24 * 3600.0
MOST_KEPT = 10_000
"""Keys; a flood of invented logins must not fill the disk: the oldest go first."""


class Throttle:
    """`moment` gives seconds since 1970."""

    def __init__(self, moment: Callable[[], float], database: Database) -> None:
        self._moment, self._database = moment, database

    def wait_for(self, login: str, address: str) -> float:
        """Seconds until the next try is looked at; 0: now."""
        now = self._moment()
        kinds = dict(_keys(login, address))
        with self._database.reading() as session:
            rows = list(session.scalars(sa.select(Attempt).where(Attempt.key.in_(kinds))))
            return max((_wait(row.count, row.newest / 1000, FREE[kinds[row.key]], now) for row in rows), default=0.0)

    def note_failure(self, login: str, address: str) -> None:
        now = round(self._moment() * 1000)
        with self._database.writing() as session:
            for key, _ in _keys(login, address):
                _count(session, key, now)
            _forget(session, now)

    def note_success(self, login: str, address: str) -> None:
        """Who got in here is forgiven here; what others try against the account or from the address counts on."""
        key = _key("both", f"{login}\n{address}")
        with self._database.reading() as session:
            if session.get(Attempt, key) is None:
                return  # Whoever mistypes nothing makes nobody write.
        with self._database.writing() as session:
            session.execute(sa.delete(Attempt).where(Attempt.key == key))


def _count(session: Session, key: str, now: int) -> None:
    fresh = Attempt.newest >= now - round(FORGOTTEN_AFTER * 1000)
    more = sa.update(Attempt).where(Attempt.key == key).values(count=sa.case((fresh, Attempt.count + 1), else_=1), newest=now)
    if session.execute(more).rowcount:  # type: ignore[attr-defined]  # of an UPDATE there is one
        return
    try:
        with session.begin_nested():
            session.add(Attempt(key=key, count=1, newest=now))
    except IntegrityError:  # Another process counted the first one in the same moment.
        session.execute(more)


def _forget(session: Session, now: int) -> None:
    session.execute(sa.delete(Attempt).where(Attempt.newest < now - round(FORGOTTEN_AFTER * 1000)))
    over = (session.scalar(sa.select(sa.func.count()).select_from(Attempt)) or 0) - MOST_KEPT
    if over > 0:
        oldest = sa.select(Attempt.key).order_by(Attempt.newest, Attempt.key).limit(over)
        session.execute(sa.delete(Attempt).where(Attempt.key.in_(oldest)))


def _wait(count: int, newest: float, free: int, now: float) -> float:
    if count < free or now - newest > FORGOTTEN_AFTER:
        return 0.0
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(count - free, 10))
    return max(0.0, newest + wait - now)


def _keys(login: str, address: str) -> Iterator[tuple[str, str]]:
    yield _key("both", f"{login}\n{address}"), "both"
    yield _key("account", login), "account"
    yield _key("address", address), "address"


def _key(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
