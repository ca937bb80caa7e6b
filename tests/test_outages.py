"""What a person and a program see while the database or the store is away: what happened, that nothing is lost, what to do."""

import os
import sqlite3

import apihome
import httpx
import psycopg
import pytest
from fastapi.testclient import TestClient
from ownserver import PROGRAMS, own_server
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from capture.stores import StoreAway
from config.settings import Settings
from station.outages import told_as
from station.records import people
from station.web import desk
from station.web.app import build_app
from station.workstation import open_workstation


def busy(code: int) -> OperationalError:
    said = sqlite3.OperationalError("database is locked")
    said.sqlite_errorcode = code
    return OperationalError("", {}, said)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationalError("", {}, psycopg.errors.AdminShutdown("ende")), "database-away"),
        (OperationalError("", {}, psycopg.OperationalError("connection failed: connection refused")), "database-away"),
        (OperationalError("", {}, psycopg.errors.DiskFull("voll")), "disk-full"),
        (OperationalError("", {}, sqlite3.OperationalError("database or disk is full")), "disk-full"),
        (busy(5), "database-away"),
        (busy(14), "database-away"),
        (busy(1), None),
        (PoolExhausted(), "database-away"),
        (OperationalError("", {}, psycopg.errors.UndefinedTable("keine")), None),
    ],
)
def test_what_is_an_outage_is_told_apart_from_a_fault_of_ours(error, told):
    assert told_as(error) == told


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    return apihome.open_office(tmp_path_factory.mktemp("office"))


@pytest.fixture
def refused(office, monkeypatch):
    """From here on every look, and every change, meets this."""

    def set_up(error: Exception) -> None:
        for door in (desk.reading, desk.writing):
            monkeypatch.setitem(office.app.state.api.dependency_overrides, door, refusing(error))
            monkeypatch.setitem(office.app.dependency_overrides, door, refusing(error))

    return set_up


def refusing(error: Exception):
    def refuse() -> None:
        raise error

    return refuse


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(busy(5), 503, "database-away"), (busy(13), 507, "disk-full"), (StoreAway("no answer"), 503, "store-away")],
)
def test_a_program_is_told_of_an_outage_as_a_problem_and_when_to_ask_again(office, refused, error, status, code):
    if status == 507:
        error.orig.args = ("database or disk is full",)
    program = office.program()
    refused(error)
    answer = program.get("/documents")
    assert (answer.status_code, answer.headers["content-type"], answer.json()["code"]) == (status, "application/problem+json", code)
    assert answer.headers["retry-after"] == "30" and "perdu" in answer.json()["detail"]


def test_a_supervisor_is_told_of_an_outage_in_the_shape_it_always_gets(office, monkeypatch):
    browser = TestClient(office.app, base_url="http://localhost")
    usual = set(browser.get("/health").json())
    monkeypatch.setattr(type(office.station.database), "reading", lambda _self: refusing(busy(5))())
    answer = browser.get("/health")
    assert (answer.status_code, answer.json()["status"], set(answer.json())) == (503, "database-away", usual)


def test_a_page_that_met_an_outage_can_be_asked_for_again_and_a_form_cannot_be_sent_by_a_link(office, refused):
    refused(busy(5))
    browser = TestClient(office.app, base_url="http://localhost", follow_redirects=False)
    assert 'href="/documents?state=held&amp;q=a%20b" id="again"' in browser.get("/documents?state=held&q=a%20b").text
    assert 'id="again"' not in browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).text
    assert 'id="again"' not in browser.get("/nowhere").text


def test_a_fault_of_ours_stays_one(office, refused):
    refused(busy(1))
    answer = TestClient(office.app, base_url="http://localhost", raise_server_exceptions=False).get("/")
    assert answer.status_code == 500 and "référence" in answer.text


def test_the_key_of_a_change_that_an_outage_met_halfway_is_not_free(office, refused):
    program = office.program()
    refused(busy(5))
    asked = {"url": f"/documents/{office.ids['held']}/decisions", "json": {"choice": "accept", "reason": "illisible"}}
    answers = [program.post(**asked, headers={"Idempotency-Key": "une-clef-1"}) for _ in range(2)]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(503, "database-away"), (409, "key-busy")]


def test_a_key_that_could_not_be_noted_is_told_and_nothing_was_begun(office, monkeypatch):
    program = office.program()
    monkeypatch.setattr("station.web.api.porter.Porter._reserve", lambda *_: refusing(busy(5))())
    answer = program.post(f"/documents/{office.ids['held']}/decisions", json={}, headers={"Idempotency-Key": "une-clef-2"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database-away")


# --- a real server, ended under the running station ---


@pytest.mark.skipif("SCEAU_TEST_POSTGRES" not in os.environ or PROGRAMS is None, reason="asks a server that it may end: make test-postgres")
def test_pages_and_programs_are_told_that_the_database_is_away_and_go_on_when_it_is_back(tmp_path):
    with own_server() as server:
        station = open_workstation(Settings(home=tmp_path, database_url=server.url))
        with station.database.writing() as session:
            people.ensure_practice(session)
        office = apihome.Office(station, {}, build_app(station, secret=b"test"))
        token = {"authorization": f"Bearer {office.token()}"}
        with apihome.serving(office.app) as address, httpx.Client(base_url=address, follow_redirects=True, timeout=30) as person:
            person.post("/sign-in", data={"login": "responsable", "password": "essai"})
            assert person.get("/documents").status_code == 200
            server.end()
            for each in (person.get("/documents"), person.get("/exploitation"), person.post("/sauvegardes", data={"kind": "backup"})):
                assert (each.status_code, each.headers["retry-after"]) == (503, "30")
                assert "Rien n’est perdu" in each.text or "Nothing is lost" in each.text
            problem = httpx.get(f"{address}/api/v1/documents", headers={**token, "accept-language": "en"})
            assert (problem.status_code, problem.json()["code"]) == (503, "database-away")
            assert httpx.get(f"{address}/ready").status_code == 503
            server.start()
            # Nothing was started anew, nobody has to sign in again.
            assert person.get("/documents").status_code == 200
            assert httpx.get(f"{address}/api/v1/documents", headers=token).status_code == 200
        station.database.close()
