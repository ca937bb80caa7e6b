"""Who read what: a short-lived stream of its own, apart from the ledger (CNIL, recommendation on logs of 14 October 2021).

It proves nothing and holds no words that anybody typed. Pages hand their notes over and go on; a thread writes them in lots, so that
no reading waits for a writer. What was noted in the last second may be lost with the process.
"""

import logging
import os
import pwd
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TextIO

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.packaging.forms import csv_line
from station.records import people
from station.records.database import Database
from station.records.tables import Access, Person
from station.workstation import Workstation

log = logging.getLogger("sceau.access")
AGAIN = timedelta(minutes=10)
"""The same person at the same thing within this time is one reading: pages refresh themselves."""
REMEMBERED = 5_000
GATHER_SECONDS = 0.3
LOT = 500
ACTOR_LETTERS = 32
"""As many as the column takes."""


class Act(StrEnum):
    """What was done, without any change to anything."""

    SEEN = "seen"
    IMAGE = "image"
    ORIGINAL = "original"
    SEALED = "sealed"
    RECORD = "record"
    EXPORT = "export"
    PACKAGE = "package"
    SEARCH = "search"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Note:
    """One reading, before it is written."""

    actor: str
    """Pseudonym."""
    act: Act
    object_id: str
    at: datetime
    entity: str = ""
    """In which company; empty: the installation's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the stream is asked for; empty values ask for all."""

    login: str = ""
    act: str = ""
    object_id: str = ""
    """Beginning of the object."""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the stream, with the login where the pseudonym is still known."""

    at: datetime
    who: str
    act: str
    object_id: str


def account_name() -> str:
    """The system's account that runs a command, marked as one that no login stands for."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"sceau export : {name}"[:ACTOR_LETTERS]


def note_access(session: Session, entity: str, note: Note) -> None:
    """Write one at once; pages use a `Notebook`."""
    session.add(Access(at=note.at, actor=note.actor, act=note.act.value, object=note.object_id[:200], entity=entity))


class Notebook:
    """Takes notes without waiting. Its thread lives from the first note on and writes them in lots, one transaction each."""

    def __init__(self, database: Database, entity: str) -> None:
        self._database, self._entity = database, entity
        self._notes: queue.Queue[Note] = queue.Queue(maxsize=20_000)
        self._seen: dict[tuple[str, Act, str], datetime] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, note: Note) -> None:
        """Note it, unless the same person did the same a moment ago."""
        key = (note.actor, note.act, f"{note.entity}/{note.object_id}")
        with self._lock:
            before = self._seen.get(key)
            if before is not None and timedelta(0) <= note.at - before < AGAIN:
                return
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[key] = note.at
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="sceau-access", daemon=True)
                self._thread.start()
        try:
            self._notes.put_nowait(note)
        except queue.Full:
            log.error("a reading could not be noted: the database takes nothing")

    def flush(self) -> None:
        """Wait until all that was noted is written."""
        self._notes.join()

    def _write(self) -> None:
        stop = threading.Event()
        while True:
            lot = [self._notes.get()]
            stop.wait(GATHER_SECONDS)
            while len(lot) < LOT and not self._notes.empty():
                lot.append(self._notes.get())
            try:
                with self._database.writing() as session:
                    for note in lot:
                        note_access(session, note.entity or self._entity, note)
            except Exception as error:  # noqa: BLE001 a full disk must not stop the noting for good
                log.error("%d readings could not be noted: %s", len(lot), error)
            for _ in lot:
                self._notes.task_done()


def read_access(session: Session, entity: str, wanted: Wanted, limit: int | None = None) -> list[Told]:
    """Newest first; days of `wanted` are in UTC."""
    query = sa.select(Access).where(Access.entity == entity).order_by(Access.at.desc(), Access.id.desc())
    for condition in _conditions(session, wanted):
        query = query.where(condition)
    rows = list(session.scalars(query.limit(limit)))
    logins = people.logins_of(session, {row.actor for row in rows})
    return [Told(row.at, logins.get(row.actor, row.actor), row.act, row.object) for row in rows]


def _conditions(session: Session, wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.login:
        person = session.get(Person, wanted.login)
        yield Access.actor == (person.pseudonym if person else wanted.login)
    if wanted.act:
        yield Access.act == wanted.act
    if wanted.object_id:
        yield Access.object.startswith(wanted.object_id, autoescape=True)
    if wanted.first:
        yield Access.at >= datetime.combine(wanted.first, time(), UTC)
    if wanted.last:
        yield Access.at < datetime.combine(wanted.last, time(), UTC) + timedelta(days=1)


def write_csv(told: Sequence[Told], target: TextIO) -> None:
    """Columns at (UTC), who, act, object; as the tables of a package are written, for French spreadsheets."""
    target.write(csv_line(("at", "who", "act", "object")).decode("utf-8"))
    for each in told:
        target.write(csv_line((each.at.strftime("%Y-%m-%dT%H:%M:%SZ"), each.who, each.act, each.object_id)).decode("utf-8"))


def day_of(text: str) -> date | None:
    """A day as 2026-01-31, or None where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def purge_access(workstation: Workstation) -> int:
    """Drop what is older than `[access] months`; returns how many lines that were."""
    before = months_before(workstation.clock(), workstation.settings.access.months)
    with workstation.database.reading() as session:
        if session.scalar(sa.select(Access.id).where(Access.at < before).limit(1)) is None:
            return 0
    with workstation.database.writing() as session:
        dropped = session.execute(sa.delete(Access).where(Access.at < before).returning(Access.id))
        return len(dropped.all())


def months_before(moment: datetime, months: int) -> datetime:
    """The same day of an earlier month, or that month's last."""
    count = moment.year * 12 + moment.month - 1 - months
    year, month = divmod(count, 12)
    first = moment.replace(year=year, month=month + 1, day=1)
    following = moment.replace(year=year + (month == 11), month=(month + 1) % 12 + 1, day=1)
    return first + timedelta(days=min(moment.day, (following - first).days) - 1)
