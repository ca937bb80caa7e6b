"""Many who write one log: programs beside each other; on PostgreSQL turns that do not wait for the disk, and answers that do."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import atwork
import faults
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from test_postgres import made, on_a_server

from sealing.ledger import Actor, ActorKind, Event
from station.records import database as room
from station.records.database import migrate, open_database
from station.records.ledger import append_event, tree_of, verify_ledger, written_entries
from station.records.tables import LedgerRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PENDING = "SELECT pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn()"


def append(session, name: str) -> None:
    append_event(session, Event("essai", "received", {"document": name}, Actor("p1", ActorKind.HUMAN), NOON, "ntp +0.004", {}))


WRITING = """
import sys, threading
from test_ledger_writers import append
from station.records.database import open_database

database = open_database(sys.argv[1])

def write(number):
    for name in (f"{sys.argv[2]}-{number}-{each}" for each in range(int(sys.argv[3]))):
        with database.writing() as session:
            append(session, name)
        sys.stdout.write(name + "\\n")
        sys.stdout.flush()

threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_sixteen_writers_of_four_programs_of_which_one_is_killed_leave_a_log_without_gap_with_all_that_was_answered(tmp_path):
    station = atwork.open_home(tmp_path)
    command = [sys.executable, "-c", WRITING, station.database.url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    programs = [
        subprocess.Popen([*command, name, count], env=environment, stdout=subprocess.PIPE, text=True)
        for name, count in (("a", "10"), ("b", "10"), ("c", "10"), ("d", "1000000"))
    ]
    began = [programs[3].stdout.readline() for _ in range(20)]
    programs[3].send_signal(signal.SIGKILL)
    told = [program.communicate(timeout=120)[0] for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0, -signal.SIGKILL]
    answered = [name for text in ("".join(began), *told) for name in text.split("\n")[:-1]]
    with station.database.reading() as session:
        kept = [str(each.said["objects"]["document"]) for each in written_entries(session, "essai")]
        assert verify_ledger(session)["essai"].size == len(kept) == len(set(kept))
    assert len(answered) >= 3 * 4 * 10 + 20
    # At most the one that each writer of the killed program was at came without its answer.
    assert set(answered) <= set(kept)
    assert len(kept) - len(answered) <= 4


@on_a_server
def test_while_one_waits_for_the_disk_the_next_has_its_turn_and_builds_on_what_came_before(monkeypatch):
    # The test holds up the writing through, as a slow disk does.
    monkeypatch.setattr(room, "_WRITE_THROUGH", "SELECT pg_advisory_xact_lock_shared(7)")
    with made() as url, psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as disk:
        database = open_database(url)
        migrate(database)
        disk.execute("SELECT pg_advisory_lock(7)")
        answered = threading.Event()

        def write() -> None:
            with database.writing() as session:
                append(session, "a")
            answered.set()

        thread = threading.Thread(target=write)
        thread.start()
        for _ in range(1000):
            if disk.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted").fetchone():
                break
            time.sleep(0.01)
        with sa.orm.Session(database.writer) as session:
            assert tree_of(session, "essai").size == 1
            assert not answered.is_set()
            disk.execute("SELECT pg_advisory_unlock(7)")
        thread.join()
        assert answered.is_set()
        database.close()


@pytest.fixture(scope="module")
def durable():
    """A server that writes nothing through by itself while a test looks."""
    with faults.durable_server() as server:
        faults.ask(server, "ALTER SYSTEM SET wal_writer_delay = '10s'", "ALTER SYSTEM SET checkpoint_timeout = '1h'")
        faults.ask(server, "SELECT pg_reload_conf()")
        yield server


@pytest.mark.long
@pytest.mark.parametrize("ending", ["write", "read", "look"])
def test_what_a_transaction_wrote_or_saw_is_on_disk_when_it_ends(durable, ending):
    database = open_database(faults.made_database(durable, f"own_{ending}"))
    with psycopg.connect(durable.url, autocommit=True) as other:
        other.execute("SET synchronous_commit = off")
        other.execute("SELECT pg_logical_emit_message(true, 'somebody else', '')")
        assert other.execute(PENDING).fetchone() == (True,)
        if ending == "look":
            with database.reader.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
        else:
            with database.writing() if ending == "write" else database.reading() as session:
                session.execute(sa.text("SELECT 1"))
        assert other.execute(PENDING).fetchone() == (False,)
    database.close()


@pytest.mark.long
def test_a_server_killed_under_sixteen_writers_has_every_entry_that_was_answered_and_a_log_without_gap(durable):
    database, answered = open_database(faults.made_database(durable, "own_killed")), [[] for _ in range(16)]

    def write(number: int) -> None:
        with suppress(SQLAlchemyError):
            while True:
                name = f"{number:016x}{len(answered[number]):016x}"
                with database.writing() as session:
                    append(session, name)
                answered[number].append(name)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    while sum(map(len, answered)) < 300 and any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
    durable.end()
    for thread in threads:
        thread.join()
    durable.start()
    with database.reading() as session:
        kept = [str(each.said["objects"]["document"]) for each in written_entries(session, "essai")]
        assert verify_ledger(session)["essai"].size == len(kept) == len(set(kept))
    assert {name for of_one in answered for name in of_one} <= set(kept)
    # At most the one that each was at came without an answer.
    assert len(kept) - sum(map(len, answered)) <= 16
    with database.writing() as session:
        append(session, "f" * 32)
        assert session.scalar(sa.select(sa.func.max(LedgerRow.sequence))) == len(kept)
    database.close()
