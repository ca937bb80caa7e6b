"""Each trouble is told once, its end once, to a real mail server and a real receiver; a storm of them is one message."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from mailserver import open_mailbox
from webhome import NOON, PAPERS, failed, open_home, received

from config.settings import Alerts, OutgoingMail
from station.alerts import WORDS, note_troubles, open_alerts, tend_alerts, troubles_now, words_of
from station.figures import Figures, Room, figures_now, tend_figures
from station.records import documents
from station.records.tables import Alert, BackupRun, OutboxRow
from station.senders import tend_outbox

QUIET = {"disk_gigabytes": 0.0, "poison": False}


@contextmanager
def receiver():
    """A service that is told."""
    came = []

    class Told(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((dict(self.headers), json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Told)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/told", came
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def house(tmp_path):
    return open_home(tmp_path / "home")


def at(workstation, minutes, **alerts):
    settings = workstation.settings.model_copy(update={"alerts": Alerts.model_validate({"to": ["garde@example.org"], **QUIET, **alerts})})
    moved = replace(workstation, settings=settings, clock=lambda: NOON + timedelta(minutes=minutes))
    with moved.database.writing() as session:
        documents.beat(session, "serve-0", "serve", 1, moved.clock())
    return moved


def turn(workstation):
    tend_figures(workstation)
    return tend_alerts(workstation)


def waiting(workstation):
    with workstation.database.reading() as session:
        return [row.payload for row in session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id))]


def test_a_queue_that_is_too_old_is_told_once_and_its_end_once(house):
    document_id = received(house, "Facture Dupont.png", PAPERS[0], 1)
    assert [turn(at(house, minutes)) for minutes in (0, 2, 4)] == [1, 0, 0]
    with house.database.writing() as session:
        documents.get_document(session, document_id).state = "sealed"
    assert [turn(at(house, minutes)) for minutes in (6, 8)] == [1, 0]
    begun, ended = waiting(house)
    assert "La file attend" in begun["subject"] and ended["subject"].startswith("Sceau : Terminé")
    assert "Dupont" not in begun["body"] and PAPERS[0].supplier not in begun["body"]


def test_a_mail_server_and_a_service_are_told_the_same(house, monkeypatch):
    monkeypatch.setenv("SCEAU_ALERT_SECRET", "whsec_Z2VoZWltZ2VoZWltZ2VoZWlt")
    document_id = failed(house, "a.png", PAPERS[0])
    with open_mailbox() as box, receiver() as (url, came):
        here = at(house, 0, poison=True, webhook=url)
        mail = OutgoingMail(host="127.0.0.1", port=box.port, tls="none", sender="sceau@example.org")
        here = replace(here, settings=here.settings.model_copy(update={"mail": mail}))
        assert turn(here) == 2
        tend_outbox(here)
        assert document_id in box.messages[0].get_content() and box.messages[0]["To"] == "garde@example.org"
    headers, message = came[0]
    assert message["data"]["begun"][0]["code"] == "poison" and headers["webhook-signature"].startswith("v1,")


def test_a_storm_is_one_message_and_an_hour_has_so_many(house):
    for n in range(6):
        failed(house, f"{n}.png", PAPERS[n % 6])
    assert turn(at(house, 0, poison=True, most_an_hour=2)) == 1
    assert "(+5)" in waiting(house)[0]["subject"]
    told = 0
    for minute in range(1, 9):
        with house.database.writing() as session:
            here = at(house, minute, poison=False, most_an_hour=2)
            note_troubles(session, [], here.clock())
        told += turn(at(house, minute, poison=minute % 2 == 0, most_an_hour=2))
    assert told <= 2
    assert turn(at(house, 120, poison=True, most_an_hour=2)) == 1, "what waited is told by the next one"


def test_what_ended_before_it_was_told_is_not_told(house):
    figures = Figures({("folder-works", "demo"): 0.0}, NOON)
    here = at(house, 0, share_minutes=15)
    with house.database.writing() as session:
        note_troubles(session, troubles_now(here.settings, figures, []), NOON)
        assert open_alerts(session)[0].since == NOON + timedelta(minutes=15)
        note_troubles(session, [], NOON + timedelta(minutes=5))
    assert turn(at(house, 20)) == 0 and waiting(house) == []


SEEN = {
    ("queue-oldest", "documents"): 1e6,
    ("queue-depth", "documents"): 3.0,
    ("worker-silence", "work-1"): 1e6,
    ("checkpoint-age", "essai"): 1e6,
    ("ledger-unchecked", "essai"): 4.0,
    ("witness-behind", "log"): 1e6,
    ("time-waiting-age", ""): 1e6,
    ("backup-age", "backup"): 1e6,
    ("backup-alert", "drill-failed"): 1.0,
    ("poison", "d1"): 1.0,
    ("clock-believed", ""): 0.0,
    ("folder-works", "demo"): 0.0,
}
FULL = [Room("vm", 1_000_000, 10**12, 3.0)]


def test_every_kind_of_trouble_is_seen_and_has_its_words(house):
    settings = at(house, 0, disk_gigabytes=5, poison=True, backup_hours=26).settings
    assert {trouble.code for trouble in troubles_now(settings, Figures(SEEN, NOON), FULL)} == set(WORDS)


@pytest.mark.parametrize(
    ("code", "measured", "french", "english"),
    [
        ("queue", "816 documents, PT71940S", "La file attend depuis 19 h : 816 documents", "The queue has waited for 19 h: 816 documents"),
        ("queue", "816 × 1199 min", "La file attend depuis – : 816 × 1199 min", "The queue has waited for –: 816 × 1199 min"),
        ("backup", "never", "Pas de sauvegarde réussie récente : jamais", "No recent good backup: never"),
        ("disk", "1.2 GB, PT259200S", "Le disque se remplit sur vm : 1,2 Go, 3 jours", "The disk is filling up on vm: 1.2 GB, 3 days"),
    ],
)
def test_what_was_measured_is_said_in_the_units_and_the_language_of_who_reads(code, measured, french, english):
    row = Alert(code=code, object="vm", measured=measured)
    assert [words_of(row, language)[0] for language in ("fr", "en")] == [french, english]


def test_a_threshold_of_nothing_is_never_told(house):
    numbers = {name: 0 for name in Alerts.model_fields if name.endswith(("_minutes", "_hours", "_days", "_gigabytes"))}
    settings = at(house, 0, **numbers, poison=False, clock=False, backups=False).settings
    assert troubles_now(settings, Figures(SEEN, NOON), FULL) == []


def run(kind, outcome, hours_ago, **figures):
    at_ = NOON - timedelta(hours=hours_ago)
    return BackupRun(kind=kind, outcome=outcome, started_at=at_, ended_at=at_, place="b.tar", size=1, figures=figures)


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([], None),
        ([("backup", "whole", 1)], None),
        ([("backup", "whole", 100)], "late"),
        ([("backup", "flawed", 1)], "flawed"),
        ([("backup", "whole", 1), ("drill", "failed", 1)], "drill-failed"),
        ([("backup", "whole", 5000), ("backup", "whole", 1)], "drill-late"),
    ],
)
def test_a_backup_that_is_not_in_order_is_told_by_what_was_measured(house, runs, told):
    with house.database.writing() as session:
        session.add_all([run(*each, files=3, originals=1) for each in runs])
    here = at(house, 0)
    tend_figures(here)
    with here.database.reading() as session:
        troubles = troubles_now(here.settings, figures_now(session), [])
    assert [each.measured for each in troubles if each.code == "unproven"] == ([told] if told else [])
    if told:
        row = Alert(code="unproven", object="", measured=told)
        assert all(told not in words_of(row, language)[0] and "{" not in words_of(row, language)[0] for language in ("fr", "en"))


def test_a_ledger_that_did_not_grow_needs_no_new_checkpoint(house):
    seen = {("checkpoint-age", "essai"): 1e7, ("ledger-unchecked", "essai"): 0.0}
    assert troubles_now(at(house, 0).settings, Figures(seen, NOON), []) == []


def test_nothing_is_told_of_figures_that_nobody_measures(house):
    received(house, "a.png", PAPERS[0], 5)
    tend_figures(at(house, 0))
    assert tend_alerts(at(house, 10)) == 0 and tend_alerts(at(house, 1)) == 1


def test_a_digest_leaves_once_a_day(house):
    received(house, "a.png", PAPERS[0], 1)
    assert [turn(at(house, minutes, digest_hour=NOON.hour)) for minutes in (0, 2, 4)] == [2, 1, 1]
    assert len(waiting(house)) == 2, "the outbox has each day's once"


def test_what_was_told_long_ago_is_forgotten(house):
    with house.database.writing() as session:
        session.add(Alert(code="clock", object="", measured="", since=NOON, told_at=NOON, ended_at=NOON, cleared_at=NOON))
    turn(at(house, 60 * 24 * 100))
    with house.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Alert)) == 0
