"""Reminders at work: planned in the agenda, read again when they fire, sent once by a real mail server, and what people do with them."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import mailserver
import pikepdf
import pytest
import sqlalchemy as sa
from owed import MORNING, Owing, open_owing, serve

from capture.mailbox import bounce_of
from config.settings import Identity, Settings
from sealing.verify import verify_file
from station import agenda, dunning, outbox, ticking
from station.bounces import note_report
from station.dunning import NotPossible
from station.keyring import open_sealer
from station.letters_out import house_of
from station.lookups import customer_balance
from station.outbox import Sent
from station.problems import problem_of
from station.records import dunning as records
from station.records import people
from station.records.tables import AgendaRow, LedgerPayload, OutboxRow, Sending
from station.timekeeping import stamper_of
from station.wording import BadTemplate, check_template, fill

FIFTH = date(2026, 10, 29)
"""A due date whose first reminder is of today, 3 November 2026."""


@pytest.fixture
def box():
    with mailserver.open_mailbox() as opened:
        yield opened


@pytest.fixture
def owing(tmp_path, box):
    return open_owing(tmp_path / "home", box.port)


def rows(owing: Owing, table=AgendaRow) -> list:
    with owing.station.database.reading() as session:
        return list(session.scalars(sa.select(table).order_by(table.id)))


def told(owing: Owing) -> list[dict]:
    with owing.station.database.reading() as session:
        query = sa.select(LedgerPayload.body).where(LedgerPayload.type == "reminder").order_by(LedgerPayload.sequence)
        return [json.loads(body) for body in session.scalars(query)]


def suspend(owing: Owing, scope: str, values: list[str], ends: date) -> int:
    with owing.station.database.writing() as session:
        return dunning.suspend(session, owing.station, scope, values, "geste commercial", ends, owing_person(session))[0].id


def owing_person(session):
    return people.list_people(session)[0]


def test_what_is_due_leaves_once_with_its_sums_and_is_noted_with_its_ledger_entry(owing, box):
    owing.owes("F-1", FIFTH)
    assert owing.turn() == 1
    (message,) = box.messages
    (row,) = rows(owing)
    assert re.fullmatch(rf"<agenda\.{row.id}\.{row.revision}\.[0-9a-f]{{24}}@quais\.example>", str(message["Message-ID"]))
    body = message.get_content()
    assert "Facture F-1" in message["Subject"]
    assert "il reste 1\u202f200,00\u202f€ ttc" in body.lower()
    assert "5 j × 1\u202f200,00 € × 12,40 %" in body.replace("\u00a0", " ").replace("\u202f€", " €") or "5 j ×" in body
    assert "40,00" in body
    (sending,) = rows(owing, Sending)
    assert (sending.state, sending.interest, sending.indemnity) == (records.SENT, "2.04", "40.00")
    assert (row.state, told(owing)[0]["level"], told(owing)[0]["message"]) == (agenda.DONE, "relance-1", sending.message_id)
    assert [owing.turn(), owing.turn(MORNING + timedelta(hours=1)), len(box.messages)] == [0, 0, 1]


def test_before_the_hour_nothing_leaves_and_the_row_is_there_to_be_suspended(owing, box):
    item = owing.owes("F-1", FIFTH)
    assert owing.turn(MORNING.replace(hour=5)) == 0
    assert [(row.object, row.day, row.state) for row in rows(owing)] == [(str(item), "2026-11-03", agenda.PLANNED)]
    suspend(owing, "item", [str(item)], date(2026, 11, 6))
    assert owing.turn(MORNING) == 0
    assert [(row.day, row.suspended_until, row.revision) for row in rows(owing)] == [("2026-11-09", "2026-11-06", 2)]
    assert owing.turn(MORNING + timedelta(days=6)) == 1
    assert len(box.messages) == 1


@pytest.mark.parametrize("what", ["payment", "dispute", "cancel", "insolvency", "write-off", "credit"])
def test_what_happens_between_planning_and_firing_is_read_again(owing, box, what):
    item = owing.owes("F-1", FIFTH)
    owing.plan()
    ticking.tick(owing.station, owing.today)
    owing.happens(item, what, owing.today, "1200.00" if what in ("payment", "credit") else "0")
    outbox.deliver_due(owing.station, ticking.SENDERS)
    assert box.messages == []
    assert [row.state for row in rows(owing)] == [agenda.DROPPED]
    assert rows(owing, Sending) == []
    (parcel,) = rows(owing, OutboxRow)
    assert (parcel.state, parcel.trouble.partition(" / ")[0]) == (Sent.DROPPED, "il n'y a plus lieu de relancer")


def test_a_suspension_after_it_was_enqueued_holds(owing, box):
    item = owing.owes("F-1", FIFTH)
    owing.plan()
    ticking.tick(owing.station, owing.today)
    suspend(owing, "customer", [str(owing.customers["Atelier Moreau"])], date(2026, 11, 12))
    outbox.deliver_due(owing.station, ticking.SENDERS)
    assert (box.messages, rows(owing)[0].day, rows(owing)[0].object) == ([], "2026-11-13", str(item))


def test_a_suspension_of_a_row_is_none_of_an_invoice_that_bears_its_number(owing):
    first = owing.owes("F-1", FIFTH)
    owing.owes(str(first), FIFTH, name="Autre")
    suspend(owing, "item", [str(first)], date(2026, 11, 12))
    with owing.station.database.reading() as session:
        told = [customer_balance(session, "essai", {"numero": number}, owing.today) for number in ("F-1", str(first))]
    assert [each and each["suspendue"] for each in told] == [True, False]


def test_resuming_brings_the_reminder_back_to_its_day(owing, box):
    item = owing.owes("F-1", FIFTH)
    number = suspend(owing, "item", [str(item)], date(2026, 12, 18))
    with owing.station.database.writing() as session:
        dunning.resume(session, owing.station, number, "accord trouvé", owing_person(session))
    assert (rows(owing)[0].day, rows(owing)[0].suspended_until, owing.turn()) == ("2026-11-04", None, 1)
    assert [each["act"] for each in told(owing)] == ["suspended", "resumed", "reminded"]


def test_a_batch_is_suspended_at_once_and_another_is_not(owing, box):
    owing.owes("F-1", FIFTH, batch="liste-1")
    owing.owes("F-2", FIFTH, batch="liste-1")
    owing.owes("F-3", FIFTH, batch="liste-2")
    suspend(owing, "batch", ["liste-1"], date(2026, 12, 3))
    assert owing.turn() == 1
    assert "F-3" in box.messages[0]["Subject"]


def test_a_suspension_needs_a_reason_a_day_and_something_to_be_about(owing):
    item = owing.owes("F-1", FIFTH)
    with owing.station.database.writing() as session:
        person = owing_person(session)
        for scope, values, reason, ends, wrong in (
            ("item", [str(item)], " ", owing.today, "reason"),
            ("item", [str(item)], "r", date(2026, 11, 2), "ends"),
            ("item", ["999"], "r", owing.today, "unknown"),
            ("all", [str(item)], "r", owing.today, "scope"),
        ):
            with pytest.raises(NotPossible, match=wrong):
                dunning.suspend(session, owing.station, scope, values, reason, ends, person)


def test_what_comes_after_the_hour_is_seen_before_it_leaves_the_next_morning(owing, box):
    owing.owes("F-1", FIFTH)
    assert ticking.tend_agenda(owing.station) == 0
    with owing.station.database.reading() as session:
        (coming,) = dunning.preview(session, owing.station, owing.today, date(2026, 11, 4))
    assert (coming.action.day, rows(owing)[0].day) == (date(2026, 11, 4), "2026-11-04")
    owing.now += timedelta(hours=21)
    assert (ticking.tend_agenda(owing.station), box.messages) == (0, [])
    owing.now += timedelta(hours=3)
    assert (ticking.tend_agenda(owing.station), len(box.messages)) == (1, 1)


def test_a_run_that_begins_late_is_still_that_of_its_day(owing, box):
    owing.owes("F-1", FIFTH)
    owing.plan()
    owing.now += timedelta(hours=5)
    assert (ticking.tend_agenda(owing.station), len(box.messages)) == (1, 1)


def test_a_dispute_that_ends_lets_the_ladder_go_on_with_the_level_that_did_not_leave(owing, box):
    item = owing.owes("F-1", FIFTH)
    dispute = owing.happens(item, "dispute", owing.today)
    assert owing.turn() == 0
    owing.happens(item, "end", date(2026, 11, 5), of=dispute)
    assert owing.turn(MORNING + timedelta(days=2)) == 1
    assert [sending.level for sending in rows(owing, Sending)] == ["relance-1"]


def test_a_customer_without_an_address_is_a_task_and_once_mended_the_reminder_leaves(owing, box):
    owing.owes("F-1", FIFTH, email="")
    assert (owing.turn(), box.messages) == (0, [])
    (row,) = rows(owing)
    assert (row.state, row.reason) == (agenda.OPEN, "no-address")
    owing.turn(MORNING + timedelta(days=1))
    with owing.station.database.reading() as session:
        assert dunning.preview(session, owing.station, owing.today, date(2026, 12, 1)) == []
    with owing.station.database.writing() as session:
        session.execute(sa.text("UPDATE customer SET email='compta@moreau.example'"))
        dunning.finish_chore(session, owing.station, row.id, "adresse corrigée", owing_person(session), again=True)
    assert (owing.turn(), len(box.messages)) == (1, 1)


def test_what_a_person_saw_to_in_another_way_counts_and_the_ladder_goes_on(owing, box):
    owing.owes("F-1", FIFTH, email="")
    owing.turn()
    with owing.station.database.writing() as session:
        dunning.finish_chore(session, owing.station, rows(owing)[0].id, "appelés, ils paient vendredi", owing_person(session))
    owing.turn(MORNING + timedelta(days=7))
    assert [(row.level, row.state) for row in rows(owing)][1:] == [("appel", agenda.DONE), ("appel", agenda.OPEN)]


def test_an_address_that_the_server_refuses_is_a_task_at_once(owing, box):
    owing.owes("F-1", FIFTH)
    box.unknown = True
    owing.turn()
    assert (rows(owing, Sending)[0].state, box.messages) == (records.BOUNCED, [])
    assert [(row.kind, row.state) for row in rows(owing)] == [("dunning", agenda.DONE), ("bounce", agenda.OPEN)]


REPORT = """From: MAILER-DAEMON@quais.example
To: relances@quais.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <report@quais.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; compta@0.example
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such mailbox
--b
Content-Type: text/rfc822-headers

Message-ID: {message}
Subject: Facture F-1
--b--
"""


def test_a_delivery_report_in_a_mailbox_is_a_task_once_and_others_are_none(owing, box):
    owing.owes("F-1", FIFTH)
    owing.turn()
    identity = rows(owing, Sending)[0].message_id

    def told_to(entity: str, action: str, message: str) -> bool:
        bounce = bounce_of(REPORT.format(action=action, message=message).encode())
        return bounce is not None and note_report(owing.station, entity, bounce)

    def report(action: str, message: str) -> bool:
        return told_to("essai", action, message)

    assert [report("delayed", identity), report("failed", "<x@y>"), report("failed", identity), report("failed", identity)] == [
        False, False, True, False,
    ]  # fmt: skip
    assert not told_to("autre", "failed", identity)
    assert bounce_of(b"\xff\x00 no message") is None
    assert (rows(owing, Sending)[0].state, rows(owing, Sending)[0].note) == (records.BOUNCED, "smtp; 550 5.1.1 no such mailbox")


def test_a_mail_that_came_back_is_a_task_and_never_silence(owing, box):
    owing.owes("F-1", FIFTH)
    owing.turn()
    with owing.station.database.writing() as session:
        sending = session.scalars(sa.select(Sending)).one()
        dunning.note_bounce(session, owing.station, sending, "550 boîte inconnue", None)
    assert [(row.kind, row.state) for row in rows(owing)] == [("dunning", agenda.DONE), ("bounce", agenda.OPEN)]
    assert told(owing)[-1]["act"] == "bounced"


def test_chores_about_what_was_paid_meanwhile_go_by_themselves(owing, box):
    item = owing.owes("F-1", FIFTH - timedelta(days=8))
    owing.turn()
    with owing.station.database.writing() as session:
        dunning.note_bounce(session, owing.station, session.scalars(sa.select(Sending)).one(), "550", None)
    owing.happens(item, "payment", owing.today, "1200.00")
    owing.turn()
    assert {row.state for row in rows(owing) if row.kind == "bounce"} == {agenda.DROPPED}


def test_a_server_that_refuses_for_now_costs_nothing_but_time(owing, box):
    owing.owes("F-1", FIFTH)
    box.refuse = True
    owing.turn()
    box.refuse = False
    owing.later()
    ticking.tend_agenda(owing.station)
    (sending,) = rows(owing, Sending)
    assert ([str(message["Message-ID"]) for message in box.messages], rows(owing)[0].state) == ([sending.message_id], agenda.DONE)


def test_killed_between_sending_and_noting_it_the_same_message_leaves_again_and_no_other(owing, box, tmp_path):
    item = owing.owes("F-1", FIFTH)
    owing.station.database.close()
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{tests}:{tests.parent}:{os.environ.get('PYTHONPATH', '')}"}
    killed = subprocess.run(
        [sys.executable, str(tests / "remind_killed.py"), str(tmp_path / "home"), str(box.port), MORNING.isoformat()],
        env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert (len(box.messages), rows(owing, Sending)[0].state) == (1, records.LEAVING)
    # Meanwhile somebody suspends and resumes: another revision, and still the message that was begun.
    number = suspend(owing, "item", [str(item)], date(2026, 11, 22))
    with owing.station.database.writing() as session:
        dunning.resume(session, owing.station, number, "erreur", owing_person(session))
    owing.later()
    owing.turn()
    first, second = box.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()
    assert [(sending.state, sending.level) for sending in rows(owing, Sending)] == [(records.SENT, "relance-1")]


def test_killed_and_paid_meanwhile_it_is_said_that_it_may_have_left(owing, box, monkeypatch):
    item = owing.owes("F-1", FIFTH)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(dunning, "_settle", lambda *_a, **_n: (_ for _ in ()).throw(KeyboardInterrupt))
        owing.turn()
    owing.happens(item, "payment", owing.today, "1200.00")
    owing.later()
    owing.turn()
    assert (len(box.messages), rows(owing, Sending)[0].state, rows(owing)[0].state) == (1, records.UNSURE, agenda.DROPPED)


@pytest.mark.parametrize("how", ["away", "unset", "refuses", "later"])
def test_what_did_not_leave_is_written_anew_with_what_is_owed_by_then_under_the_same_message_id(owing, box, how):
    item, port = owing.owes("F-1", FIFTH), box.port
    box.refuse, box.later = how == "refuses", how == "later"
    serve(owing, {"away": 1, "unset": 0}.get(how, port))
    owing.turn()
    assert rows(owing, Sending) == []
    owing.happens(item, "payment", owing.today, "1000.00")
    serve(owing, port)
    box.refuse = box.later = False
    owing.later()
    owing.turn()
    (message,), (sending,), (row,) = box.messages, rows(owing, Sending), rows(owing)
    assert "il reste 200,00\u202f€ ttc" in message.get_content().lower()
    assert (sending.state, sending.balance, sending.message_id[:12]) == (records.SENT, "200.00", f"<agenda.{row.id}.{row.revision}.")


def test_what_may_have_left_and_says_more_than_is_owed_by_then_is_a_task_and_no_second_mail(owing, box):
    item, box.silent = owing.owes("F-1", FIFTH), True
    owing.turn()
    assert (len(box.messages), rows(owing, Sending)[0].state) == (1, records.LEAVING)
    owing.happens(item, "payment", owing.today, "1000.00")
    box.silent = False
    owing.later()
    owing.turn()
    assert (len(box.messages), rows(owing, Sending)[0].state) == (1, records.UNSURE)
    with owing.station.database.reading() as session:
        assert [(row.kind, row.object) for row in dunning.chores_of(session, "essai")] == [(dunning.DOUBT, str(item))]
    assert [(row.state, row.trouble.partition(" :")[0]) for row in rows(owing, OutboxRow)] == [(Sent.DROPPED, "peut-être déjà partie")]


@pytest.mark.parametrize("silent", [False, True])
def test_a_mail_server_that_is_away_into_the_weekend_costs_no_level(owing, box, silent):
    friday = MORNING + timedelta(days=3)
    owing.owes("F-1", FIFTH)
    box.silent, port = silent, box.port
    serve(owing, port if silent else 1)
    for hours in (0, 1, 24, 48):
        owing.turn(friday + timedelta(hours=hours))
    begun = [records.LEAVING] if silent else []
    assert [each.state for each in rows(owing, Sending)] == begun
    assert [(row.state, row.day) for row in rows(owing)] == [(agenda.PLANNED, "2026-11-09")]
    box.silent = False
    serve(owing, port)
    owing.turn(friday + timedelta(days=3))
    assert [each.state for each in rows(owing, Sending)] == [records.SENT]
    assert len({str(each["Message-ID"]) for each in box.messages}) == 1
    assert [row.state for row in rows(owing, OutboxRow)] == [Sent.DROPPED, Sent.SENT]


def test_a_letter_is_a_sealed_pdf_with_its_computation_and_waits_in_the_print_queue(tmp_path, practice_keys):
    owing = open_owing(tmp_path / "home", keys=practice_keys)
    owing.owes("F-1", date(2026, 10, 4))
    with owing.station.database.writing() as session:
        for level in ("relance-1", "appel"):
            agenda.plan(session, "essai", "dunning", "1", date(2026, 10, 8), "", at=MORNING, level=level, told={"channel": "call"})
        for row in session.scalars(sa.select(AgendaRow)):
            dunning._count_handled(session, owing.station, row, owing_person(session))
        for row in session.scalars(sa.select(Sending)):
            row.begun_at -= timedelta(days=20)
    owing.turn()
    sending = rows(owing, Sending)[-1]
    assert (sending.channel, sending.state) == ("letter", records.QUEUED)
    path = owing.station.archives.path(sending.sha256, ".pdf")
    with pikepdf.open(path) as pdf:
        told_inside = json.loads(pdf.attachments["reminder.json"].get_file().read_bytes())
    assert told_inside["computation"]["total"] == sending.interest
    assert told_inside["recipient"].splitlines() == ["Atelier Moreau", "3 rue du Port", "29200 Brest"]
    sealer = open_sealer(owing.station.settings, owing.clock, stamper_of(owing.station.settings, owing.clock))
    assert verify_file(path, sealer.trust).valid
    assert told(owing)[-1]["channel"] == "letter"


# --- templates ---


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__ }}", "{{ house['x'] }}", "{{ 10**10**10 }}", "{{ 'a' * 10**9 }}", "{{ lipsum.__globals__ }}",
        "{{ house.name.upper() }}", "{{ house|attr('x') }}", "{% include '/etc/passwd' %}", "{% set a = 1 %}{{ a }}",
        "{% for a in b %}{% for c in a %}{{ c }}{% endfor %}{% endfor %}", "{{ cycler }}{{ cycler() }}", "{% macro m() %}{% endmacro %}",
        "{% import 'os' as os %}", "{{ [1,2] }}", "{{ 'a' ~ 'b' }}", "{% extends 'x' %}", "{% block b %}{% endblock %}", "{{ x._y }}",
        "{% call m() %}{% endcall %}", "{% filter upper %}x{% endfilter %}",
    ],
)  # fmt: skip
def test_no_template_runs_computes_or_loads_anything(hostile):
    with pytest.raises(BadTemplate):
        check_template(hostile)


def test_what_a_value_contains_is_text_and_no_template():
    assert fill("Bonjour {{ customer.name }}", {"customer": {"name": "{{ 7*7 }}{% x %}"}}) == "Bonjour {{ 7*7 }}{% x %}"


def test_a_value_that_is_not_there_is_told_and_no_letter_leaves_with_a_hole():
    with pytest.raises(BadTemplate, match="n'est pas connue"):
        fill("{{ customer.nom }}", {"customer": {"name": "x"}})


def test_a_line_break_in_a_name_adds_no_header(owing, box):
    owing.owes("F-1\r\nBcc: x@example.org", FIFTH)
    owing.turn()
    assert [message["Bcc"] for message in box.messages] == [None]


def test_switched_off_everything_is_planned_and_nothing_leaves(tmp_path, box):
    owing = open_owing(tmp_path / "home", box.port)
    owing.station = replace(
        owing.station,
        settings=owing.station.settings.model_copy(update={"dunning": owing.station.settings.dunning.model_copy(update={"active": False})}),
    )
    owing.owes("F-1", FIFTH)
    assert (owing.turn(), box.messages, rows(owing)[0].state, rows(owing, OutboxRow)) == (0, [], agenda.PLANNED, [])


def test_a_ladder_that_is_not_admitted_is_told_in_words_and_nothing_leaves(tmp_path, box):
    owing = open_owing(tmp_path / "home", box.port, ladders="faux.echelles.yaml")
    (tmp_path / "home" / "faux.echelles.yaml").write_text("echelles: faux\n", encoding="utf-8")
    owing.owes("F-1", FIFTH)
    with pytest.raises(dunning.BadLadders, match=r"faux\.echelles\.yaml:1:1") as caught:
        ticking.tend_agenda(owing.station)
    assert (problem_of(caught.value).code, box.messages) == ("reminders-unreadable", [])


def test_what_is_enqueued_for_an_older_revision_does_nothing(owing, box):
    item = owing.owes("F-1", FIFTH)
    owing.plan()
    ticking.tick(owing.station, owing.today)
    number = suspend(owing, "item", [str(item)], date(2026, 11, 6))
    with owing.station.database.writing() as session:
        dunning.resume(session, owing.station, number, "non", owing_person(session))
    owing.plan()
    ticking.tick(owing.station, owing.today)
    outbox.deliver_due(owing.station, ticking.SENDERS)
    assert [row.state for row in rows(owing, OutboxRow)] == [Sent.DROPPED, Sent.SENT]
    assert (len(box.messages), str(box.messages[0]["Message-ID"])[:12]) == (1, "<agenda.1.4.")


def test_two_installations_on_one_domain_never_use_one_message_id_and_each_always_its_own(tmp_path, box):
    homes = [open_owing(tmp_path / name, box.port) for name in ("first", "second")]
    told = []
    for each in homes:
        each.owes("F-1", FIFTH)
        each.turn()
        with each.station.database.reading() as session:
            row = session.scalars(sa.select(AgendaRow)).one()
            told.append([dunning.message_id_of(session, each.station.settings, row) for _ in range(2)])
    assert told[0] == [str(box.messages[0]["Message-ID"])] * 2
    assert told[1] == [str(box.messages[1]["Message-ID"])] * 2
    assert told[0] != told[1]


def test_a_reminder_names_its_company_its_signatory_and_the_account_and_tells_none_of_our_doubts(tmp_path, box):
    owing = open_owing(tmp_path / "home", box.port, signatory="Claire Marchand, comptabilité clients")
    owing.owes("F-1", FIFTH)
    owing.turn()
    (message,) = box.messages
    text = message.get_content()
    said = ("Claire Marchand, comptabilité clients", "Imprimerie des Quais SARL, SIREN 732829320", "12 quai de la Fosse, 44000 Nantes")
    assert [each for each in said if each not in text] == []
    assert "IBAN FR76 3000 6000 0112 3456 7890 189, en rappelant : F-1" in text
    assert str(message["From"]) == "Imprimerie des Quais SARL <relances@quais.example>"
    for doubt in ("à vérifier", "non lu", "unverified", "secondary", "cité"):
        assert doubt not in text
    assert "taux de refinancement de la BCE en vigueur au 01/07/2026, majoré de 10 points (art. L. 441-10, II C. com.)" in text
    (sending,) = rows(owing, Sending)
    assert all("grade" not in period for period in sending.computation["periods"])


def test_of_a_house_of_several_companies_no_shared_account_is_named():
    identity = Identity(names=["Atelier Un"], ibans=["FR7630006000011234567890189"])
    group = Settings(home=Path("home"), entity="essai", companies=["autre"], identity=identity)
    assert house_of(group.of_company("autre").of_company("autre"))["iban"] == ""
    alone = Settings(home=Path("home"), entity="essai", identity=identity)
    assert house_of(alone.of_company("essai"))["iban"].startswith("FR76 3000")
