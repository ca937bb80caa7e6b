"""A line says which document, worker, step and cause; it says no name, no account and no password."""

import json
import logging
import os
import subprocess
import sys

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from config.logs import FIELDS, Folding, OneLine, OneObject, lines_about, masked, name_worker
from station import outagelog


def line(form, message, *arguments, exc_info=None, **extra):
    record = logging.LogRecord("sceau.pipeline", logging.WARNING, __file__, 1, message, arguments, exc_info)
    record.__dict__.update(extra)
    return form().format(record)


def test_an_object_tells_document_step_worker_duration_and_cause():
    name_worker("work-3")
    try:
        with lines_about(document="d1", step="judge"):
            told = json.loads(line(OneObject, "not done", seconds=1.5, cause="disk-full", original="ab12"))
    finally:
        name_worker("")
    assert {name: told[name] for name in FIELDS if name != "page"} == {
        "worker": "work-3",
        "document": "d1",
        "original": "ab12",
        "step": "judge",
        "seconds": 1.5,
        "cause": "disk-full",
    }
    assert told["at"].endswith("Z") and told["level"] == "warning"


def test_what_was_bound_ends_with_its_block():
    with lines_about(document="d1"), lines_about(step="read"):
        pass
    assert "document" not in json.loads(line(OneObject, "after"))


AWAY = OperationalError("SELECT 1", {}, psycopg.OperationalError("connection failed: connection refused"))
ENGINE = logging.getLogger("sceau.test.engine")


@pytest.fixture
def clock(monkeypatch):
    """Seconds, of a log that folds what is about the database."""
    told = [0.0]
    monkeypatch.setattr(outagelog, "OUTAGE", Folding(outagelog._kind_of, outagelog._begun, outagelog._ended, lambda: told[0]))
    outagelog.fold_lines(ENGINE.name)
    yield told
    ENGINE.filters.clear()
    outagelog.pages.filters.clear()


def complain(error=AWAY):
    try:
        raise error
    except (ValueError, OSError, OperationalError, PoolExhausted):
        ENGINE.warning("Exception encountered in queue thread for documents: %s", error)


def test_what_repeats_of_a_database_that_is_away_is_said_once_and_counted_and_all_else_passes(caplog, clock):
    for clock[0] in range(30):
        complain(PoolExhausted() if clock[0] % 2 else AWAY)
    complain(ValueError("another kind"))
    complain(OSError(28, "no room in another place"))
    complain(OperationalError("", {}, psycopg.errors.UndefinedTable("a fault of ours")))
    clock[0] = 31.0
    assert not outagelog.tell_over(), "somebody complained a moment ago"
    clock[0] += 10
    assert outagelog.tell_over() == 31.0 and outagelog.tell_over() is None
    away, one, two, three, over = (record.getMessage() for record in caplog.records)
    assert "ne répond pas" in away and "does not answer" in away and "queue thread for documents" in away
    assert "another kind" in one and "another place" in two and "a fault of ours" in three
    assert "sert de nouveau, après 31 s ; lignes retenues : 29." in over and "serves again, after 31 s; lines kept back: 29." in over


def test_one_complaint_that_is_over_at_once_is_one_line(caplog, clock):
    complain()
    for clock[0] in (2.0, 4.0, 6.0):
        assert outagelog.tell_over() is None, "a moment's wait is no outage"
    outagelog.tell_end()
    assert len(caplog.records) == 1
    complain()
    for clock[0] in (36.0, 42.0):
        outagelog.tell_over()
    assert "après 30 s ; lignes retenues : 0." in caplog.records[-1].getMessage(), "it lasted: that it is over is worth a line"


def test_pages_that_the_database_kept_from_people_are_counted_with_the_rest(caplog, clock):
    outagelog.fold_lines(outagelog.pages.name)
    complain()
    for page in ("/", "/documents", "/file"):
        outagelog.tell_page(page, AWAY)
    outagelog.tell_page("/other", ValueError("a fault of ours"))
    assert [record.getMessage() for record in caplog.records[1:]] == ["/other: a fault of ours"]
    clock[0] = 31.0
    assert outagelog.tell_over() == 31.0 and "lignes retenues : 3." in caplog.records[-1].getMessage()


def test_a_process_that_ends_while_the_database_is_away_tells_what_it_kept_back(caplog, clock):
    complain()
    complain()
    clock[0] = 8.0
    outagelog.tell_end()
    outagelog.tell_end()
    _begun, ended = (record.getMessage() for record in caplog.records)
    assert "ne sert toujours pas, depuis 8 s ; lignes retenues : 1." in ended and "does not serve since 8 s; lines kept back: 1." in ended


@given(st.text())
def test_whatever_is_said_is_one_line_and_one_object(text):
    told = line(OneObject, "%s", text)
    assert "\n" not in told and told.isascii() and "message" in json.loads(told)


@pytest.mark.parametrize("form", [OneLine, OneObject])
def test_people_accounts_parameters_and_passwords_are_masked(form, monkeypatch):
    monkeypatch.setenv("SCEAU_SEAL_PASSWORD", "geheim-4711")
    try:
        raise ValueError("[parameters: {'name': 'Dupont'}] anna.dupont@example.org FR76 3000 6000 0112 3456 7890 189 geheim-4711")
    except ValueError:
        told = line(form, "of %s with %s to postgresql://sceau:geheimer@db/x", "a.b@c.fr", "geheim-4711", exc_info=sys.exc_info())
    for secret in ("Dupont", "dupont", "a.b@c.fr", "3000 6000", "geheim-4711", "geheimer"):
        assert secret not in told, secret


def test_identifiers_and_fingerprints_stay():
    for kept in ("document 0f3c9a7e11d24b6f8a0b1c2d3e4f5a6b", "ab" * 32, "FR76", "2026-11-22T16:00:00", "http://127.0.0.1:8080/x"):
        assert masked(kept, {}) == kept


def test_the_engine_and_libraries_speak_in_the_same_form():
    code = (
        "import logging\nfrom config.logs import Form, start_logs\nstart_logs(Form.JSON)\n"
        "from station.jobs import _calm_logging\n_calm_logging()\n"
        "logging.getLogger('dbos').warning('queue')\nlogging.getLogger('sqlalchemy').error('gone')\nimport warnings\nwarnings.warn('old')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}, check=True)
    told = [json.loads(each) for each in done.stderr.splitlines()]
    assert [each["logger"] for each in told] == ["dbos", "sqlalchemy", "py.warnings"]
