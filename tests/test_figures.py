"""Figures are measured into rows by workers; whoever asks reads rows, and nobody learns more than numbers."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from webhome import NOON, PAPERS, failed, held, open_home, received

from station import doctor
from station.alerts import tend_alerts
from station.figures import OUTAGES, days_left, figures_now, note_lost, rooms_left, tend_figures, write_tallies
from station.machines import forget_missing
from station.records import documents
from station.records.tables import Gauge
from station.records.tallies import hours_since, keep_hour, totals
from station.status import status_of
from station.web.app import build_app
from station.web.metrics import TOKEN_VARIABLE

TOKEN = "jeton-de-mesure-4711"


@pytest.fixture
def house(tmp_path):
    workstation = open_home(tmp_path / "home")
    with workstation.database.writing() as session:
        documents.beat(session, "serve-0", "serve", 1, NOON)
    return workstation


@pytest.fixture
def visitor(house, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    return TestClient(build_app(house, secret=b"x" * 32), base_url="http://127.0.0.1")


def measured(workstation, later=0):
    workstation = replace(workstation, clock=lambda: NOON + timedelta(seconds=later))
    tend_figures(workstation)
    with workstation.database.reading() as session:
        return figures_now(session)


def scraped(visitor):
    answer = visitor.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (s.name, *(value for _, value in sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }


def test_what_waits_is_counted_with_its_age(house):
    received(house, "a.png", PAPERS[0], 2)
    held(house, "b.png", PAPERS[1], 1)
    failed(house, "c.png", PAPERS[2])
    figures = measured(house)
    assert [figures.of("queue-depth", name) for name in ("documents", "held", "failed")] == [1, 1, 1]
    assert figures.of("documents", "held") == 1 and figures.of("queue-oldest", "documents") >= 3600
    assert figures.of("workers", "serve") == 1 and figures.of("clock-believed") == 1


def test_several_processes_add_to_the_same_rows_and_measure_once(house):
    other = replace(house, tallies=type(house.tallies)())
    for each in (house, other):
        each.tallies.note_step("judge", 0.3)
        each.tallies.note("troubles", "disk-full", by_hour=True)
        write_tallies(each)
        write_tallies(each)
    with house.database.reading() as session:
        rows = {(row.name, row.label): (row.count, row.total) for row in totals(session)}
    assert rows["steps", "judge"] == (2, pytest.approx(0.6)) and rows["troubles", "disk-full"][0] == 2
    assert rows["step-classes", "judge|0.5"][0] == 2
    measured(house)
    with house.database.writing() as session:
        session.execute(sa.update(Gauge).where(Gauge.name == "workers").values(value=7))
    assert measured(other, later=3).of("workers", "serve") == 7, "fresh figures are left as another measured them"
    assert measured(other, later=9).of("workers", "serve") == 1


def test_what_the_database_does_not_take_is_counted_with_the_next(house, monkeypatch):
    house.tallies.note("troubles", "unexpected")
    monkeypatch.setattr(type(house.tallies), "write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_tallies(house)
    monkeypatch.undo()
    write_tallies(house)
    with house.database.reading() as session:
        assert [row.count for row in totals(session)] == [1]


def test_prometheus_reads_what_was_measured(house, visitor):
    held(house, "b.png", PAPERS[1])
    for seconds in (0.3, 0.4, 700.0):
        house.tallies.note_step("read", seconds)
    house.tallies.note("child-deaths", "reader|memory")
    measured(house)
    told = scraped(visitor)
    assert told["sceau_documents", "held"] == 1 and told["sceau_workers", "serve"] == 1
    assert told["sceau_step_seconds_bucket", "0.5", "read"] == 2 and told["sceau_step_seconds_count", "read"] == 3
    assert told["sceau_child_deaths_total", "reader", "memory"] == 1
    assert told["sceau_disk_free_bytes", next(key[1] for key in told if key[0] == "sceau_disk_free_bytes")] > 0


def test_without_a_token_there_is_no_such_page_and_another_token_opens_nothing(house, visitor, monkeypatch):
    assert visitor.get("/metrics").status_code == 401
    assert visitor.get("/metrics", headers={"authorization": "Bearer x"}).status_code == 401
    for token in ("", "short"):
        monkeypatch.setenv(TOKEN_VARIABLE, token)
        assert visitor.get("/metrics", headers={"authorization": f"Bearer {token}"}).status_code == 404


def test_figures_name_nobody_and_no_document(house, visitor):
    document_id = held(house, "Facture Dupont.png", PAPERS[1])
    measured(house)
    text = visitor.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    assert document_id not in text and "Dupont" not in text and PAPERS[1].supplier not in text


def test_ready_says_yes_and_otherwise_why(house, visitor):
    assert visitor.get("/ready").json()["checks"]["workers"] == "no-worker"
    measured(house)
    visitor.app.state.readiness._at = float("-inf")
    answer = visitor.get("/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert set(answer.json()["checks"]) == {"database", "workers", "clock", "queue", "store", "keys"}


def test_an_answer_of_ready_stands_for_some_seconds(house, visitor):
    measured(house)
    visitor.get("/ready")
    (house.home / "work").rename(house.home / "gone")
    assert visitor.get("/ready").status_code == 200
    visitor.app.state.readiness._at = float("-inf")
    told = visitor.get("/ready")
    assert (told.status_code, told.json()["checks"]["store"]) == (503, "not-writable")


def test_a_database_that_does_not_answer_is_not_ready(house, visitor, monkeypatch):
    def away(_self):
        raise sa.exc.OperationalError("select", {}, Exception("secret://password"))

    monkeypatch.setattr(type(house.database), "reading", away)
    answer = visitor.get("/ready")
    assert answer.status_code == 503 and answer.json()["checks"]["database"] == "no-answer" and "password" not in answer.text


def test_a_stuck_queue_is_not_ready(house, visitor):
    received(house, "a.png", PAPERS[0], 2)
    measured(house)
    assert visitor.get("/ready").json()["checks"]["queue"] == "stuck"


def test_a_disk_that_fills_by_a_gigabyte_an_hour_has_its_day():
    falling = [(float(hour), 100e9 - hour * 1e9) for hour in range(-48, 1)]
    assert days_left(falling, 100e9) == pytest.approx(100 / 24)
    assert days_left(falling[:10], 100e9) is None and days_left([(x, 5e9) for x, _ in falling], 5e9) is None


def test_the_level_of_an_hour_is_its_last(house):
    with house.database.writing() as session:
        for value in (9, 7):
            keep_hour(session, NOON, "disk-free", "vm", value)
    with house.database.reading() as session:
        assert [row.count for row in hours_since(session, NOON, ("disk-free",))] == [7]
        assert rooms_left(session, figures_now(session), NOON) == []


def test_a_lost_worker_is_remembered_after_its_row_is_gone(house):
    with house.database.writing() as session:
        documents.end_worker(session, "serve-0")
        note_lost(session, "serve-0", NOON)
    assert measured(house).all_of("worker-lost") == {"serve-0": 1.0}


def test_commands_and_the_page_name_the_worker_that_died_until_it_is_back(house, visitor, monkeypatch):
    later = replace(house, clock=lambda: NOON + timedelta(minutes=2))
    (told,) = status_of(later)["missing_workers"]
    assert told.startswith("serve-0 ne répond plus") and "personne ne travaille" in told
    with house.database.writing() as session:
        documents.beat(session, "serve-0", "serve", 1, NOON + timedelta(minutes=2))
        note_lost(session, "work-7", NOON)
        note_lost(session, "serve-0", NOON)
    (told,) = status_of(later)["missing_workers"]
    assert told.startswith("work-7 est perdu") and "Redémarrez-le" in told
    monkeypatch.setattr(doctor, "now", later.clock)
    (found,) = doctor._workers(house.settings)
    assert (found.ok, found.name) == (False, "workers") and "work-7" in found.detail and found.remedy
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    assert "work-7" in visitor.get("/exploitation").text
    with house.database.writing() as session:
        forget_missing(session, "work-7")
    assert status_of(later)["missing_workers"] == []


def test_the_page_counts_what_was_given_up_by_cause_and_leads_to_the_list(house, visitor):
    ids = [failed(house, f"{n}.png", PAPERS[n]) for n in range(3)]
    with house.database.writing() as session:
        documents.get_document(session, ids[0]).problem = "over-budget"
    measured(house)
    tend_alerts(house)
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    page = visitor.get("/exploitation").text
    assert "2 documents attendent une personne" in page and "1 document attend une personne" in page
    assert not any(each in page for each in ids), "counted, not listed one by one"
    assert page.count('href="/documents?state=failed&amp;cause=') == 2
    listed = visitor.get("/documents?state=failed&cause=over-budget").text
    assert ids[0] in listed and ids[1] not in listed and "1 document" in listed
    assert all(each in visitor.get("/documents?state=failed&cause=nonsense").text for each in ids)


def test_the_page_tells_first_that_nothing_is_backed_up_and_leads_there(house, visitor):
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    page = visitor.get("/exploitation").text
    assert (
        "Aucune sauvegarde n’est réglée" in page and 'href="/sauvegardes"' in page[page.index('id="alerts"') : page.index('id="workers"')]
    )


def test_the_page_remembers_an_outage_of_the_database_that_nobody_could_write_down(house, visitor):
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    assert "aucune indisponibilité comptée" in visitor.get("/exploitation").text
    for worker, seconds in (("serve-0", 41.0), ("serve-0", 100.0), ("work-1", 100.0)):
        house.tallies.note(OUTAGES, worker, seconds, by_hour=True)
    measured(house)
    page = visitor.get("/exploitation").text
    assert "indisponible 2 fois, 2 min en tout" in page and "aucune indisponibilité comptée" not in page


def test_the_page_draws_how_many_wait_and_how_long_the_oldest_has(house, visitor):
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    measured(house)
    assert "Rien n’attend" in visitor.get("/exploitation").text
    received(house, "a.png", PAPERS[0], 2)
    measured(house, later=120)
    page = visitor.get("/exploitation").text
    ages = page[page.index('id="ages"') : page.index('id="errors"')]
    assert "La plus longue attente" in ages and 'data-unit="minute"' in ages and 'data-value="122.0"' in ages


def test_the_page_counts_who_waits_for_a_decision_and_leads_to_them(house, visitor):
    held(house, "Facture Dupont.png", PAPERS[1])
    measured(house)
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    page = visitor.get("/exploitation").text
    assert "1 document retenu attend une décision" in page and 'href="/documents?state=held"' in page


def test_the_page_shows_it_to_the_administrator_alone(house, visitor):
    held(house, "Facture Dupont.png", PAPERS[1])
    house.tallies.note("troubles", "disk-full", by_hour=True)
    measured(house)
    visitor.post("/sign-in", data={"login": "responsable", "password": "essai"})
    page = visitor.get("/exploitation")
    assert page.status_code == 200 and "disk-full" in page.text and "serve-0" in page.text and "Dupont" not in page.text
    visitor.post("/sign-out")
    assert visitor.get("/exploitation", follow_redirects=False).status_code == 303
    assert json.dumps(page.text).count("operations.") == 0
