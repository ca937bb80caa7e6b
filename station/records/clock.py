"""The machine's two clocks, and what was noted of them."""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ticks import Answer, Health, Look, Tick, word_of
from station.records.tables import ClockCheck

FRESH_SECONDS = 2 * 3600.0
"""So long a measure of the servers counts: they are asked every hour at least, and one check may be missed."""


def now() -> datetime:
    """The machine's wall clock: UTC with its zone."""
    return datetime.now(UTC)


def tick_now(clock: Callable[[], datetime] = now) -> Tick:
    """Both clocks, in one instant."""
    return Tick(clock(), _steady(), _boot())


def newest_look(session: Session, boot: str | None = None) -> Look | None:
    """The newest look at the clock: of this start of the machine where one is named, else of any."""
    query = sa.select(ClockCheck).order_by(ClockCheck.id.desc()).limit(1)
    row = session.scalar(query if boot is None else query.where(ClockCheck.boot == boot))
    return _look_of(row) if row else None


def _look_of(row: ClockCheck) -> Look:
    answers = tuple(Answer(**each) for each in row.answers)
    return Look(Tick(row.at, row.steady, row.boot), Health(row.health), row.offset, answers, row.even_since)


def newest_answer(session: Session) -> Look | None:
    """The newest look at which somebody said what the time is: a server, or a person who confirmed it."""
    said = sa.or_(ClockCheck.offset.is_not(None), ClockCheck.actor.is_not(None))
    row = session.scalar(sa.select(ClockCheck).where(said).order_by(ClockCheck.id.desc()).limit(1))
    return _look_of(row) if row else None


def note_look(session: Session, look: Look, actor: str | None = None) -> None:
    """`actor`: pseudonym of the person who confirmed the clock."""
    session.add(
        ClockCheck(
            at=look.tick.wall,
            steady=look.tick.steady,
            boot=look.tick.boot,
            health=look.health.value,
            offset=look.offset,
            answers=[asdict(answer) for answer in look.answers],
            even_since=look.even_since,
            actor=actor,
        )
    )


def word_here(session: Session) -> str:
    """The state of the clock for an entry of the ledger: "ntp +0.012" or "system"."""
    tick = tick_now()
    return word_of(newest_look(session, tick.boot), tick, FRESH_SECONDS)


def _steady() -> float:
    """Seconds since the machine started, sleep included, where the system tells; else those of the process's own steady clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{now():%Y-%m-%d}"
