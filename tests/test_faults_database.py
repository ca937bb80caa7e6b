"""A database server that is killed, full, slow, set to take no writing, or cut off between a commit and its answer; machines that lose it.

A server of the tests' own, whichever database the other tests have. Each wait is bounded; chance has a seed, which is printed.
"""

import shutil
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import atwork
import killed
import pytest
import sqlalchemy as sa
from faults import (
    LONGEST_SECONDS,
    SEED,
    Wire,
    ask,
    begin,
    by_chance,
    crashed,
    durable_server,
    ended,
    found_at,
    log_of,
    made_database,
    prepare,
    require_whole,
    sealed_by,
    small_disk,
)
from ownserver import OwnServer
from sqlalchemy.exc import DBAPIError
from test_reception import png

from capture.originals import Vault
from config.settings import StoreChoice
from sealing.ledger import Actor, ActorKind, Event
from station.chaos import Scanner
from station.checkpoints import log_key
from station.leftovers import LEFT_SECONDS, clear_leftovers
from station.problems import PROBLEMS, problem_of
from station.records import database as room
from station.records.database import Database, open_database
from station.records.ledger import append_event, verify_ledger
from station.records.tables import Arrival
from station.workstation import Workstation, now, open_workstation

ACTOR = Actor("system", ActorKind.SYSTEM)
LATE_SECONDS = 8.0
"""Of each message, each way: a heartbeat of a few statements takes longer than a living machine may be silent (`documents.DEAD_AFTER`)."""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with durable_server() as server:
        yield server


@pytest.fixture
def url(server: OwnServer, request: pytest.FixtureRequest) -> str:
    return made_database(server, f"of_{zlib.crc32(request.node.name.encode()):x}")


def through(url: str, wire: Wire) -> str:
    address = sa.make_url(url).set(port=wire.port)
    return address.render_as_string()


def with_scans(home: Path, url: str, count: int) -> Workstation:
    station = atwork.open_home(home, intake=atwork.PATIENT, database_url=url)
    scanner = Scanner(atwork.folder_of(station))
    for number in range(count):
        scanner.drop(f"{number}.png", png(number))
    return station


def watch(station: Workstation, count: int, seconds: float = 60) -> set[str]:
    """Look until so many files came and are noted as moved, as the station does; codes of what was told meanwhile."""
    reception, told, until, turn = atwork.reception_of(station), set(), time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        turn += 100
        try:
            reception.look(turn)
            told |= set(atwork.not_taken(station).values())
            with station.database.reading() as session:
                if session.query(Arrival).filter(Arrival.moved_to.is_not(None)).count() == count:
                    break
        except DBAPIError as error:
            told.add(problem_of(error).code)
            reception = atwork.reception_of(station)
            time.sleep(0.1)
    return told


def require_once(home: Path, url: str, count: int) -> None:
    """Asked of the server itself, by nobody who was there."""
    station = atwork.open_home(home, intake=atwork.PATIENT, database_url=url)
    with station.database.reading() as session:
        came = [(row.name, row.visit, row.duplicate, row.moved_to is not None) for row in session.query(Arrival).order_by(Arrival.name)]
        assert came == sorted((f"{number}.png", 0, False, True) for number in range(count))
        assert verify_ledger(session)[station.settings.entity].size == count
    assert atwork.ledger_types(station) == ["received"] * count
    station.database.close()


# --- cut, slow, killed ---


def test_commits_whose_answers_never_come_leave_each_scan_taken_once(server, url, tmp_path):
    wire = Wire(server.port, by_chance(SEED, 0.3))
    station = with_scans(tmp_path, through(url, wire), 4)
    told = watch(station, 4)
    station.database.close()
    wire.close()
    assert wire.cuts > 2
    assert told <= {"database-away"}
    require_once(tmp_path, url, 4)


def test_a_server_that_answers_late_is_only_slow(server, url, tmp_path):
    wire = Wire(server.port, delay=0.02)
    station = with_scans(tmp_path, through(url, wire), 2)
    assert watch(station, 2) == set()
    station.database.close()
    wire.close()
    require_once(tmp_path, url, 2)


def test_a_server_that_is_killed_while_scans_come_is_told_and_forgets_none(server, url, tmp_path, monkeypatch):
    station = with_scans(tmp_path, url, 4)
    keep, kept = Vault.keep, []

    def crashing(vault: Vault, *args: object, **more: object) -> object:
        kept.append(keep(vault, *args, **more))
        if len(kept) == 3:
            subprocess.run(["sh", "-c", crashed(server, seconds=1)], check=True)
        return kept[-1]

    monkeypatch.setattr(Vault, "keep", crashing)
    assert watch(station, 4) == {"database-away"}
    station.database.close()
    require_once(tmp_path, url, 4)


# --- full, and not to be written ---


def test_a_server_whose_disk_is_full_is_told_as_such_and_goes_on_once_there_is_room(server, tmp_path):
    with small_disk(server.folder / "small", "60m") as disk:
        (disk / "space").mkdir()
        shutil.chown(disk / "space", disk.parent.owner())
        ask(server, f"CREATE TABLESPACE small LOCATION '{disk / 'space'}'")
        database = open_database(made_database(server, "crammed", "TABLESPACE small"))
        try:
            written(database)
            subprocess.run(["sh", "-c", f"cat /dev/zero > {disk}/ballast 2> /dev/null"], check=False)
            count = 1
            with pytest.raises(DBAPIError) as caught:
                for _ in range(200):
                    written(database, 100_000)
                    count += 1
            assert problem_of(caught.value).code == "disk-full"
            (disk / "ballast").unlink()
            written(database, 100_000)
            with database.reading() as session:
                assert verify_ledger(session)["essai"].size == count + 1
        finally:
            database.close()
            ask(server, "DROP DATABASE crammed WITH (FORCE)", "DROP TABLESPACE small")


def written(database: Database, size: int = 10) -> None:
    """One entry of the ledger; its bytes do not compress."""
    told = {"weight": Random(size).randbytes(size).hex()}
    with database.writing() as session:
        append_event(session, Event("essai", "received", {}, ACTOR, now(), "system", told))


def test_a_server_that_takes_no_writing_is_told_and_goes_on_once_it_does(server, url):
    name = sa.make_url(url).database
    database = open_database(url)
    written(database)
    away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 a name of our own
    ask(server, f"ALTER DATABASE {name} SET default_transaction_read_only = on", away)
    with pytest.raises(DBAPIError) as caught:
        written(database)
        written(database)
    assert problem_of(caught.value).code == "database-standby"
    assert PROBLEMS["database-standby"].retry is not None
    ask(server, f"ALTER DATABASE {name} RESET default_transaction_read_only", away)
    with database.reading() as session:
        assert verify_ledger(session)["essai"].size == 1
    written(database)
    database.close()


def test_who_holds_the_records_too_long_is_told_of_and_nothing_waits_for_ever(url, monkeypatch):
    holding = open_database(url)
    monkeypatch.setattr(room, "WAIT_MILLISECONDS", 300)
    waiting = open_database(url)
    with holding.writing() as session:
        session.execute(sa.text("SELECT 1"))
        with pytest.raises(DBAPIError) as caught:
            written(waiting)
    assert problem_of(caught.value).code == "database-waiting"
    written(waiting)
    holding.close()
    waiting.close()


# --- the whole way of a document ---

PLACES = [
    "station.records.intake:receive:after:1",
    "station.pipeline:Pipeline._judge:before:1",
    "station.pipeline:Pipeline._note_read:after:1",
    "station.pipeline:Pipeline._note_proved:before:1",
]


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_a_server_that_is_killed_at_any_step_costs_no_document(server, url, tmp_path, practice_keys, place):
    home = tmp_path / "home"
    prepare(home, practice_keys)
    told = ended(begin(home, place, crashed(server, seconds=3), KILLED_DATABASE=url), home)
    require_whole(found_at(home, url))
    assert {"database-away"} <= told <= {"database-away", "still-writing"}


@pytest.mark.long
def test_whatever_commits_lose_their_answer_every_document_is_archived_once(server, url, tmp_path, practice_keys):
    home, wire = tmp_path / "home", Wire(server.port, by_chance(SEED, 0.03))
    prepare(home, practice_keys, scans=3)
    for _ in range(5):  # Cut off while it starts or ends, it is started again, as a service is.
        running = begin(home, KILLED_DATABASE=through(url, wire))
        if running.wait(LONGEST_SECONDS) == 0:
            break
    told = ended(running, home)
    wire.close()
    assert wire.cuts
    require_whole(found_at(home, url), scans=3)
    assert "unexpected" not in told


@pytest.mark.long
def test_a_server_far_away_makes_it_slower_and_no_worse(server, url, tmp_path, practice_keys):
    home, wire = tmp_path / "home", Wire(server.port, delay=0.01)
    prepare(home, practice_keys)
    assert ended(begin(home, KILLED_DATABASE=through(url, wire)), home) == set()
    wire.close()
    require_whole(found_at(home, url))


@pytest.mark.long
def test_a_machine_whose_heartbeats_come_too_late_is_taken_over_and_notes_nothing_twice(server, url, tmp_path, practice_keys):
    share, one, two = tmp_path / "share", tmp_path / "one", tmp_path / "two"
    share.mkdir()
    prepare(one, practice_keys)
    prepare(two, practice_keys, scans=0)
    log_key(one, killed.quick(one).entity)
    shutil.copytree(one / "keys" / "ledger", two / "keys" / "ledger")
    wire, store = Wire(server.port), f"file://{share}"
    place, command = "station.pipeline:Pipeline._read:before:1", f"touch {one}/reached; sleep 2"
    late = begin(one, place, command, KILLED_DATABASE=through(url, wire), KILLED_STORE=store)
    other = None
    try:
        until = time.monotonic() + LONGEST_SECONDS
        while not (one / "reached").exists() and time.monotonic() < until:
            time.sleep(0.1)
        wire.delay = LATE_SECONDS
        other = begin(two, "-", "", KILLED_KIND="work", KILLED_DATABASE=url, KILLED_STORE=store)
        assert sealed_by(url, 200), log_of(two).read_text()[-3000:]
        wire.delay = 0
        ended(other, two)
        ended(late, one)
    finally:
        for each in (late, other):
            if each is not None and each.poll() is None:
                each.kill()
        wire.close()
    assert "is silent; 1 documents taken over" in log_of(two).read_text()
    station = open_workstation(killed.quick(one).model_copy(update={"database_url": url, "store": StoreChoice(url=store)}))
    clear_leftovers(station, time.time() + 2 * LEFT_SECONDS)
    require_whole(station)
