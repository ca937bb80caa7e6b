"""Where the station's time comes from: its authorities, its clock as it was checked, and what waits for time."""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa
from pyhanko.sign.timestamps import TimestampRequestError
from sqlalchemy.orm import Session

from config.settings import Settings, TimeSource
from sealing.authority import Clock, LatestInFile, TimeAuthority
from sealing.ledger import Actor, ActorKind, Event
from sealing.stampers import Demand, Relay, RemoteAuthority
from sealing.ticks import BLOCKS, Answer, Health, Look, Tick, confirmed, health_now, look_at, wrong_still
from station.keyring import open_time, roots_named, roots_of
from station.records import people
from station.records.clock import newest_answer, newest_look, note_look, tick_now, word_here
from station.records.ledger import append_event
from station.records.tables import OPEN_STATES, Document
from station.trustlists import crls_noted, keep_certificates
from station.workstation import Workstation

log = logging.getLogger("sceau.time")

Ask: TypeAlias = Callable[[str], Answer | None]
"""Asks one NTP server (host, or host:port); None where it gave no usable answer."""

ANSWER_SECONDS = 3.0
TIME_TROUBLES = ("timestamp-unavailable", "clock-wrong", "clock-stepped")
"""Problems of documents that wait for time and go on by themselves."""


class ClockWrong(Exception):
    """By the time servers the clock is more than five seconds off: nothing is sealed until it is right."""


class ClockStepped(Exception):
    """The clock was set, and has not been checked since: nothing is sealed until it is."""


# Authorities.


def stamper_of(settings: Settings, clock: Clock, environment: Mapping[str, str] = os.environ) -> Relay:
    """The time authorities as they are set, in their order; the internal one where there is no other, or where it may stand in.

    Raises UnusableKey where the internal authority's keys or an external one's roots cannot be read, KeyRefused where these are
    practice roots and the station is in production.
    """
    demands = [(source, _demand(settings, source)) for source in settings.time.authorities]
    external = [_remote(settings.home, source, demand, clock, environment) for source, demand in demands]
    own = [internal_authority(settings, clock)] if settings.time.internal_fallback or not external else []
    return Relay([*external, *own], rest=settings.time.rest_minutes * 60)


def internal_authority(settings: Settings, clock: Clock) -> TimeAuthority:
    """The station's own; what it gave last is remembered across processes and restarts."""
    return TimeAuthority(open_time(settings).identity, clock, settings.sealing.policy_oid, latest_time(settings))


def latest_time(settings: Settings) -> LatestInFile:
    """Where the internal authority remembers the newest time that it gave."""
    return LatestInFile(settings.home / "keys" / "latest-time")


def _demand(settings: Settings, source: TimeSource) -> Demand:
    roots = roots_named(settings, [source.roots]) if source.roots else roots_of(settings)
    crls, bound = crls_noted(settings, f"time-{source.name}"), timedelta(seconds=settings.time.token_seconds)
    return Demand(roots, source.policy or None, crls, bound, practice=settings.sealing.mode == "practice")


def _remote(home: Path, source: TimeSource, demand: Demand, clock: Clock, environment: Mapping[str, str]) -> RemoteAuthority:
    noted = partial(keep_certificates, home, f"time-{source.name}")
    login = (source.user, environment.get(source.password_variable, "")) if source.user else None
    return RemoteAuthority(source.name, source.url, demand, clock, seconds=source.seconds, login=login, noted=noted)


def ask_authorities(settings: Settings, clock: Clock) -> Iterator[tuple[str, str | None]]:
    """Each external authority by its name, and why it gives no time now; None where it does. One token of each is asked for."""
    for stamper in stamper_of(settings, clock).stampers:
        if not isinstance(stamper, RemoteAuthority):
            continue
        try:
            asyncio.run(stamper.async_timestamp(hashlib.sha256(b"").digest(), "sha256"))
        except TimestampRequestError as error:
            yield stamper.name, str(error)
        else:
            yield stamper.name, None


# The clock.


def clock_word(workstation: Workstation) -> str:
    """The state of the clock for an entry of the ledger: "ntp +0.012" while a measure is fresh, else "system".

    Entries get it by themselves (`records.ledger.append_event`); this is for what tells of it elsewhere.
    """
    with workstation.database.reading() as session:
        return word_here(session)


def ask_server(server: str) -> Answer | None:
    """SNTP (RFC 4330), one question; None where no answer came, or one of a server that is not synchronised itself."""
    # Hundredths of a second that others need not wait for.
    import ntplib

    host, _, port = server.partition(":")
    try:
        told = ntplib.NTPClient().request(host, version=4, port=int(port or 123), timeout=ANSWER_SECONDS)
    except (ntplib.NTPException, OSError):
        return None
    # Leap indicator 3 and stratum 0 or 16: the server has no time of its own (RFC 5905, 7.3).
    return Answer(server, told.offset, told.delay) if told.leap != 3 and 0 < told.stratum < 16 else None


def ask_all(servers: list[str], ask: Ask = ask_server) -> tuple[Answer, ...]:
    """All at once: the slowest decides how long it takes."""
    if not servers:
        return ()
    with ThreadPoolExecutor(len(servers)) as threads:
        return tuple(answer for answer in threads.map(ask, servers) if answer is not None)


def check_clock(workstation: Workstation, ask: Ask = ask_server, tick: Callable[[], Tick] | None = None) -> Look:
    """Ask the servers, compare both clocks with the look before, and note what was found."""
    servers = workstation.settings.time.servers
    answers = ask_all(servers, ask)
    now = (tick or (lambda: tick_now(workstation.clock)))()
    with workstation.database.writing() as session:
        before = newest_look(session, now.boot) or newest_look(session)
        look = look_at(before, now, answers, len(servers))
        note_look(session, look)
    if look.health in BLOCKS:
        log.warning("clock %s: nothing is sealed (offset %s)", look.health, look.offset)
    return look


def tend_clock(workstation: Workstation, ask: Ask = ask_server, tick: Callable[[], Tick] | None = None) -> Look | None:
    """`check_clock` when its time has come, when the clock was set, or while it is not believed; else None."""
    read = tick or (lambda: tick_now(workstation.clock))
    now = read()
    with workstation.database.reading() as session:
        newest = newest_look(session, now.boot)
    due = newest is None or now.steady - newest.tick.steady >= 60 * workstation.settings.time.check_minutes
    return check_clock(workstation, ask, read) if due or health_now(newest, now) in BLOCKS else None


def health_of_clock(workstation: Workstation, tick: Tick | None = None) -> Health:
    """The newest look's finding, unless the clock was set after it. Restarting the machine makes no clock right: the look before counts."""
    now = tick or tick_now(workstation.clock)
    with workstation.database.reading() as session:
        return health_now(newest_look(session, now.boot) or newest_look(session), now)


def in_true_time(workstation: Workstation, turn: Callable[[], object]) -> Callable[[], None]:
    """What sends, deletes or finds forgotten by the day waits while the clock is in doubt: what went too early does not come back."""

    def tend() -> None:
        if health_of_clock(workstation) not in BLOCKS:
            turn()

    return tend


def _looked(workstation: Workstation, boot: str) -> bool:
    with workstation.database.reading() as session:
        return newest_look(session, boot) is not None


def require_clock(workstation: Workstation, tick: Tick | None = None) -> None:
    """Before anything is sealed; where servers are set and nobody has asked them since the machine started, they are asked now.

    Raises ClockWrong, ClockStepped.
    """
    now = tick or tick_now(workstation.clock)
    if workstation.settings.time.servers and not _looked(workstation, now.boot):
        check_clock(workstation)
    match health_of_clock(workstation, tick):
        case Health.WRONG:
            raise ClockWrong("the time servers say that the clock is more than 5 s off")
        case Health.STEPPED:
            raise ClockStepped("the clock was set by more than 5 s and not checked since")


_HEALTH = {
    Health.TRUE: ("horloge à l'heure des serveurs", "the clock is right by the servers"),
    Health.OFF: ("horloge en écart de plus d'une seconde ; le scellement continue", "the clock is more than a second off; sealing goes on"),
    Health.WRONG: ("horloge fausse de plus de 5 secondes ; rien n'est scellé", "the clock is more than 5 seconds off; nothing is sealed"),
    Health.STEPPED: (
        "horloge changée et pas encore contrôlée ; rien n'est scellé",
        "the clock was set and not checked yet; nothing is sealed",
    ),
    Health.SILENT: ("aucun serveur d'heure n'a répondu ; l'horloge marche régulièrement", "no time server answered; the clock runs evenly"),
    Health.ALONE: ("pas de serveur d'heure ; l'horloge marche régulièrement", "no time servers are set; the clock runs evenly"),
}


def clock_words(look: Look, language: str = "fr") -> str:
    """What a look found, with the offset where servers told one: "horloge à l'heure des serveurs (+0,012 s ; 3 serveurs)"."""
    french, english = _HEALTH[look.health]
    if look.offset is None:
        return english if language == "en" else french
    offset, count = f"{look.offset:+.3f}", len(look.answers)
    several = "s" if count > 1 else ""
    if language == "en":
        return f"{english} ({offset} s; {count} server{several})"
    return f"{french} ({offset.replace('.', ',')} s ; {count} serveur{several})"


def confirm_clock(workstation: Workstation, login: str) -> None:
    """A person compared the clock and answers for it: sealing goes on, and so does the internal authority, whatever it gave last.

    Raises people.NoPerson, and ClockWrong where the time servers say otherwise: nobody overrules them, nor by pulling the network's
    plug; while they are silent, what they said last counts until the clock was set to it.
    """
    with workstation.database.reading() as session:
        person = people.named(session, login, practice=workstation.practice)
        actor = Actor(person.pseudonym, ActorKind.HUMAN)
        answered = newest_answer(session)
    servers, now = workstation.settings.time.servers, tick_now(workstation.clock)
    if ask_all(servers):
        answered = check_clock(workstation)
    if servers and answered is not None and wrong_still(answered, now):
        raise ClockWrong("the time servers say that the clock is more than 5 s off")
    latest = latest_time(workstation.settings)
    before = latest.read()
    with workstation.database.writing() as session:
        note_look(session, confirmed(now), actor.pseudonym)
        payload = {"latest_before": before.isoformat() if before and before > now.wall else None}
        append_event(session, Event(workstation.settings.entity, "clock", {}, actor, now.wall, "system", payload))
    if before is not None and before > now.wall:
        latest.forget()


# What waits.


@dataclass(frozen=True, slots=True)
class Waiting:
    """Documents that are sealed by themselves once there is time."""

    count: int
    since: datetime | None
    """When the one that has waited longest came in; None where none waits."""
    problems: Mapping[str, int]
    """Code of the problem → how many."""


def waiting_for_time(session: Session) -> Waiting:
    """For the desks and `sceau doctor`."""
    waits = sa.and_(Document.problem.in_(TIME_TROUBLES), Document.state.in_(OPEN_STATES))
    rows = session.execute(sa.select(Document.problem, sa.func.count()).where(waits).group_by(Document.problem))
    counts = {str(problem): int(count) for problem, count in rows}
    since = session.scalar(sa.select(sa.func.min(Document.received_at)).where(waits))
    return Waiting(sum(counts.values()), since, counts)
