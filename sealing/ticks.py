"""The clock, judged: what time servers say of it, and whether somebody has set it since it was last looked at. No clock is read here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from statistics import median

WARN_SECONDS = 1.0
"""Offset from which people are told."""
STOP_SECONDS = 5.0
"""Offset from which nothing is sealed."""
STEADY_SECONDS = 600.0
"""Without servers: so long a clock that was set must run evenly before it is believed again, unless a person confirms it."""
DELAY_SECONDS = 2.0
"""An answer that took longer on its way says nothing exact."""


class Health(StrEnum):
    """What the last look at the clock found."""

    TRUE = "true"
    """By the servers, within a second."""
    OFF = "off"
    """By the servers, more than a second off: told, and sealing goes on."""
    WRONG = "wrong"
    """By the servers, more than five seconds off: nothing is sealed."""
    STEPPED = "stepped"
    """It was set since, by more than five seconds, and nobody has checked it again: nothing is sealed."""
    SILENT = "silent"
    """No server answered, and it ran evenly since."""
    ALONE = "alone"
    """There are no servers to ask, and it ran evenly since."""


BLOCKS = frozenset({Health.WRONG, Health.STEPPED})
"""States in which nothing is sealed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One look at both clocks of the machine."""

    wall: datetime
    """The clock that people set, with its zone."""
    steady: float
    """Seconds since the machine started, which nobody sets; sleep counts."""
    boot: str
    """Which start of the machine that was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server said of the wall clock."""

    server: str
    offset: float
    """Seconds to add to our clock."""
    delay: float
    """Seconds, there and back."""


@dataclass(frozen=True, slots=True)
class Look:
    """The clock as it was found."""

    tick: Tick
    health: Health
    offset: float | None = None
    """Seconds to add to our clock; None where no server said."""
    answers: tuple[Answer, ...] = ()
    even_since: float | None = None
    """Where it was set and is not believed yet: the steady time since which it has run evenly."""


def step_between(before: Tick, after: Tick) -> float:
    """Seconds by which the wall clock was set between two looks, forward positive; 0 where that cannot be known.

    After a restart of the machine only a clock that went back is seen.
    """
    passed = (after.wall - before.wall).total_seconds()
    if before.boot == after.boot:
        return passed - (after.steady - before.steady)
    return min(passed, 0.0)


def median_offset(answers: Sequence[Answer]) -> float | None:
    """The median of what came back fast enough: of three servers one may lie."""
    quick = [answer.offset for answer in answers if 0 <= answer.delay <= DELAY_SECONDS]
    return median(quick) if quick else None


def look_at(before: Look | None, tick: Tick, answers: Sequence[Answer], servers: int) -> Look:
    """The clock now, given the look before, what the servers said (empty: nothing), and how many are set."""
    offset = median_offset(answers)
    if offset is not None:
        limits = ((STOP_SECONDS, Health.WRONG), (WARN_SECONDS, Health.OFF), (0.0, Health.TRUE))
        health = next(health for limit, health in limits if abs(offset) > limit or limit == 0)
        return Look(tick, health, offset, tuple(answers))
    even = Look(tick, Health.SILENT if servers else Health.ALONE)
    if before is None:
        return even
    if abs(step_between(before.tick, tick)) > STOP_SECONDS:
        return replace(even, health=Health.STEPPED, even_since=tick.steady)
    return even if before.health not in BLOCKS else _still_blocked(before, even, servers)


def _still_blocked(before: Look, even: Look, servers: int) -> Look:
    """With servers until one answers; without, ten even minutes, of which those before a restart of the machine do not count."""
    tick = even.tick
    if servers:
        return replace(even, health=before.health, even_since=before.even_since)
    since = before.even_since if before.even_since is not None and before.tick.boot == tick.boot else tick.steady
    return even if tick.steady - since >= STEADY_SECONDS else replace(even, health=Health.STEPPED, even_since=since)


def confirmed(tick: Tick) -> Look:
    """A person has compared the clock and says that it is right."""
    return Look(tick, Health.ALONE)


def wrong_still(answered: Look, tick: Tick) -> bool:
    """Whether the clock is wrong by what the servers said last, though it may have been set since.

    By how much it was set while the machine was off is not known: then it is as wrong as it was.
    """
    if answered.health is not Health.WRONG or answered.offset is None:
        return False
    return answered.tick.boot != tick.boot or abs(answered.offset - step_between(answered.tick, tick)) > STOP_SECONDS


def health_now(newest: Look | None, tick: Tick) -> Health:
    """The newest look's finding, unless the clock was set after it."""
    if newest is None:
        return Health.ALONE
    if newest.health not in BLOCKS and abs(step_between(newest.tick, tick)) > STOP_SECONDS:
        return Health.STEPPED
    return newest.health


def word_of(newest: Look | None, tick: Tick, fresh_seconds: float) -> str:
    """For entries of the ledger: "ntp +0.012" while the measure is fresh and the clock was not set since, else "system"."""
    if newest is None or newest.offset is None or health_now(newest, tick) is Health.STEPPED:
        return "system"
    age = (tick.wall - newest.tick.wall).total_seconds()
    return f"ntp {newest.offset:+.3f}" if 0 <= age <= fresh_seconds else "system"
