"""Counts and figures of the running installation, as rows: processes and machines add to the same ones, and whoever asks only reads.

A count is noted in memory and added to its row every few seconds (`count = count + n`): what every process counted stands there once, and a
process that is killed loses its last seconds. Nothing here is evidence.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from station.records.tables import Gauge, Tally

BOUNDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds: upper bounds of the classes in which durations of steps are counted."""
HOURS_KEPT = timedelta(days=45)


@dataclass(slots=True)
class Tallies:
    """What one process counted since it last wrote it down."""

    _counts: dict[tuple[bool, str, str], tuple[int, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, label: str = "", seconds: float = 0.0, *, by_hour: bool = False) -> None:
        """`by_hour`: counted for its hour, too."""
        with self._lock:
            for hourly in (False, True) if by_hour else (False,):
                count, total = self._counts.get((hourly, name, label), (0, 0.0))
                self._counts[hourly, name, label] = (count + 1, total + seconds)

    def note_step(self, step: str, seconds: float) -> None:
        """One step that succeeded, and the class of its duration."""
        self.note("steps", step, seconds, by_hour=True)
        bound = next((f"{each:g}" for each in BOUNDS if seconds <= each), "+Inf")
        self.note("step-classes", f"{step}|{bound}")

    def write(self, session: Session, now: datetime) -> None:
        """Into the rows, in the caller's transaction."""
        for (hourly, name, label), (count, total) in sorted(self._counts.copy().items()):
            add_tally(session, hour_of(now) if hourly else "", name, label, count, total)

    def take(self) -> "Tallies":
        """What was counted, which is to be written now; this one begins anew."""
        with self._lock:
            taken, self._counts = Tallies(self._counts), {}
            return taken

    def give_back(self, taken: "Tallies") -> None:
        """What could not be written is counted with the next."""
        with self._lock:
            for key, (count, total) in taken._counts.items():
                here = self._counts.get(key, (0, 0.0))
                self._counts[key] = (here[0] + count, here[1] + total)

    def __bool__(self) -> bool:
        return bool(self._counts)


def hour_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H")


def add_tally(session: Session, hour: str, name: str, label: str, count: int, total: float) -> None:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = insert(Tally).values(hour=hour, name=name, label=label[:120], count=count, total=total)
    more = {"count": Tally.count + row.excluded.count, "total": Tally.total + row.excluded.total}
    session.execute(row.on_conflict_do_update(index_elements=["hour", "name", "label"], set_=more))


def keep_hour(session: Session, now: datetime, name: str, label: str, value: int) -> None:
    """A level, not a count: as it was last in this hour."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = insert(Tally).values(hour=hour_of(now), name=name, label=label[:120], count=value, total=0.0)
    session.execute(row.on_conflict_do_update(index_elements=["hour", "name", "label"], set_={"count": row.excluded.count}))


def drop_hours(session: Session, now: datetime) -> None:
    """Hours that no page shows any more."""
    session.execute(sa.delete(Tally).where(Tally.hour != "", Tally.hour < hour_of(now - HOURS_KEPT)))


def totals(session: Session) -> list[Tally]:
    """All counts since the beginning."""
    return list(session.scalars(sa.select(Tally).where(Tally.hour == "").order_by(Tally.name, Tally.label)))


def hours_since(session: Session, begin: datetime, names: Iterable[str]) -> list[Tally]:
    query = sa.select(Tally).where(Tally.hour >= hour_of(begin), Tally.name.in_(list(names)))
    return list(session.scalars(query.order_by(Tally.hour, Tally.label)))


def put_gauges(session: Session, name_values: Mapping[tuple[str, str], float], at: datetime, names: Iterable[str]) -> None:
    """These figures; of the same names those that are no longer measured go."""
    kept = set(name_values)
    for row in session.scalars(sa.select(Gauge).where(Gauge.name.in_(list(names)))):
        if (row.name, row.label) not in kept:
            session.delete(row)
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for (name, label), value in sorted(name_values.items()):
        put = insert(Gauge).values(name=name, label=label[:120], value=value, at=at)
        told = {"value": put.excluded.value, "at": put.excluded.at}
        session.execute(put.on_conflict_do_update(index_elements=["name", "label"], set_=told))


def gauges(session: Session) -> list[Gauge]:
    return list(session.scalars(sa.select(Gauge).order_by(Gauge.name, Gauge.label)))
