"""Reminders of those who keep an invoice waiting: once per task and level, on no forbidden day, none for what is contested."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from hypothesis import given, settings
from hypothesis import strategies as st
from test_approvals import House, build_house, someone

from config.options import calendar_of
from config.settings import ApprovalStep, BusinessDays, Company, OutgoingMail, Payables, Settings
from station import agenda, payables, prompts, tasks, ticking
from station.records.documents import get_document
from station.records.tables import AgendaRow, FieldRow, OutboxRow, Task
from workflow.calendar import Calendar, may_leave, why_closed
from workflow.payables import Ladder, digest_week, reminder_days
from workflow.roles import Role

NOON = webhome.NOON
"""Friday, 20 November 2026."""
ON = Payables(remind=True, managers="direction")


def open_house(folder: Path, told: Payables = ON, days: BusinessDays | None = None) -> House:
    house = build_house(folder, webhome.PAPERS[1].gross, (ApprovalStep(person="anne"),))
    mail = OutgoingMail(host="127.0.0.1", sender="sceau@exemple.fr")
    update = {"payables": told, "mail": mail, "calendar": days or BusinessDays()}
    house.workstation = replace(house.workstation, settings=house.workstation.settings.model_copy(update=update))
    with house.workstation.database.writing() as session:
        for login in ("anne", "basile"):
            house.person(session, login).email = f"{login}@exemple.fr"
        someone(session, "chef", Role.COMPLIANCE, email="chef@exemple.fr")
    house.submit()
    return house


def due(house: House, day: date) -> None:
    with house.workstation.database.writing() as session:
        session.add(FieldRow(document_id=house.document_id, name="due_date", source="read", value=day.isoformat(), confidence=0.999))


def at(house: House, day: date) -> None:
    """A turn of the agenda on a day, with what it hands out."""
    house.workstation = replace(house.workstation, clock=lambda: NOON + (day - NOON.date()))
    ticking.tick(house.workstation, day)
    from station import outbox

    outbox.deliver_due(house.workstation, ticking.SENDERS)


def mails(house: House) -> list[str]:
    with house.workstation.database.reading() as session:
        rows = session.scalars(sa.select(OutboxRow).where(OutboxRow.kind == "mail").order_by(OutboxRow.id)).all()
        return [f"{row.key.split('-')[2]}:{row.payload['to']}" for row in rows if row.key.startswith("prompt-")]


@pytest.fixture
def house(tmp_path):
    house = open_house(tmp_path)
    yield house
    house.workstation.database.close()


# --- days ---


days = st.integers(0, 500).map(lambda n: date(2026, 1, 1) + timedelta(days=n))


@settings(deadline=None)
@given(days, st.integers(-5, 40), st.frozensets(days, max_size=10), st.booleans())
def test_each_level_has_a_day_of_its_own_on_which_something_may_leave(asked, term, closed, alsace):
    calendar = Calendar(alsace, closed)
    found = list(reminder_days(asked + timedelta(days=term), asked, calendar, Ladder()).values())
    assert all(may_leave(calendar, day) for day in found)
    assert asked < found[0] < found[1] < found[2]


def test_a_reminder_before_a_due_date_moves_earlier_over_a_weekend_and_a_bank_holiday():
    found = reminder_days(date(2027, 1, 5), date(2026, 12, 1), Calendar(), Ladder(4, 2, 0))
    assert found == {"reminder": date(2026, 12, 31), "deputy": date(2027, 1, 4), "manager": date(2027, 1, 5)}


@given(days, st.integers(0, 4), st.frozensets(days, max_size=5))
def test_a_digest_leaves_once_a_week_at_most_and_on_no_forbidden_day(first, weekday, closed):
    calendar = Calendar(closed=closed)
    found = [(day, week) for n in range(28) if (week := digest_week(day := first + timedelta(days=n), weekday, calendar))]
    assert all(may_leave(calendar, day) for day, _ in found)
    assert len({week for _, week in found}) == len(found)
    assert len(found) >= 3


# --- turns ---


def test_who_is_asked_is_reminded_then_deputies_then_managers_once_each(house):
    due(house, date(2026, 12, 10))
    house.mandate("anne", "basile")
    with house.workstation.database.writing() as session:
        session.execute(sa.text("UPDATE delegation SET ends = '2026-12-31'"))
    for n in range(30):
        at(house, NOON.date() + timedelta(days=n))
        at(house, NOON.date() + timedelta(days=n))
    assert mails(house) == ["reminder:anne@exemple.fr", "deputy:anne@exemple.fr", "deputy:basile@exemple.fr", "manager:chef@exemple.fr"]
    with house.workstation.database.reading() as session:
        rows = session.scalars(sa.select(AgendaRow).order_by(AgendaRow.day)).all()
        assert [(row.level, row.day, row.state) for row in rows] == [
            ("reminder", "2026-12-04", "done"),
            ("deputy", "2026-12-08", "done"),
            ("manager", "2026-12-10", "done"),
        ]


def test_nothing_leaves_once_it_is_decided(house):
    due(house, date(2026, 12, 10))
    at(house, NOON.date())
    # The day it is due counts among what is approved: read since, it is asked anew.
    assert house.act(tasks.approve, "anne").changes == ("due",)
    assert house.act(tasks.approve, "anne").done
    for day in (4, 8, 10, 11):
        at(house, date(2026, 12, day))
    assert mails(house) == []


def test_a_dispute_rests_the_reminders_and_its_end_brings_them_back(house):
    due(house, date(2026, 12, 10))
    note(house, "disputed", NOON.date())
    at(house, date(2026, 12, 4))
    assert mails(house) == []
    note(house, "settled", date(2026, 12, 4))
    at(house, date(2026, 12, 7))
    assert mails(house) == ["reminder:anne@exemple.fr"]


def test_a_row_that_fires_late_reads_again_and_sends_nothing_for_a_contested_invoice(house):
    due(house, date(2026, 12, 10))
    at(house, NOON.date())
    day = date(2026, 12, 4)
    house.workstation = replace(house.workstation, clock=lambda: NOON + (day - NOON.date()))
    with house.workstation.database.reading() as session:
        row = agenda.find(session, "essai", prompts.KIND, f"task:{house.shown()[0]}", "reminder")
        fired = agenda.still_due(session, row.id, row.revision, day)
    note(house, "disputed", day)
    prompts.remind(house.workstation, fired, day)
    assert mails(house) == []


def note(house: House, step: str, day: date) -> None:
    with house.workstation.database.writing() as session:
        document = get_document(session, house.document_id)
        assert payables.note_step(session, house.workstation, document, step, day, "litige", house.person(session, "clara")) is None


def test_without_the_setting_nothing_is_planned(tmp_path):
    house = open_house(tmp_path, Payables())
    due(house, date(2026, 12, 10))
    at(house, date(2026, 12, 10))
    assert house.rows(AgendaRow) == []
    house.workstation.database.close()


def test_digests_tell_the_accounts_what_waits_for_whom_and_the_managers_the_sums(tmp_path):
    house = open_house(tmp_path, Payables(digest=True, digest_day="monday", digest_hour=9))
    due(house, date(2026, 11, 25))
    with house.workstation.database.writing() as session:
        house.person(session, "clara").email = "clara@exemple.fr"
    at(house, date(2026, 11, 20))
    at(house, date(2026, 11, 23))
    at(house, date(2026, 11, 23))
    with house.workstation.database.reading() as session:
        rows = session.scalars(sa.select(OutboxRow).where(OutboxRow.kind == "mail", OutboxRow.key.like("digest-%"))).all()
        told = {row.payload["to"]: row.payload["body"] for row in rows}
    house.workstation.database.close()
    assert set(told) == {"clara@exemple.fr", "chef@exemple.fr"}
    assert "- anne : 1, 5\u202f346,00 €" in told["clara@exemple.fr"].replace("\u00a0", "\u202f")
    assert "À approuver : 1" in told["chef@exemple.fr"]
    assert "anne" not in told["chef@exemple.fr"]


# --- one level a day, on days of work, told once ---


def test_a_house_that_stood_still_tells_one_level_a_day_each_after_its_own_delay(house):
    due(house, date(2026, 12, 10))
    for day in (date(2026, 12, 21) + timedelta(days=n) for n in range(12)):
        at(house, day)
    with house.workstation.database.reading() as session:
        rows = {row.level: row.settled_at.date().isoformat() for row in session.scalars(sa.select(AgendaRow))}
    assert rows == {"reminder": "2026-12-21", "deputy": "2026-12-24", "manager": "2026-12-28"}


def test_on_a_day_on_which_nobody_works_a_dry_run_shows_nothing(house):
    due(house, date(2026, 12, 28))
    at(house, date(2026, 12, 21))
    shown = {day: ticking.describe_turn(house.workstation, day) for day in (date(2026, 12, 21) + timedelta(days=n) for n in range(14))}
    told = {day.isoformat(): [each["level"] for each in found] for day, found in shown.items() if found}
    assert told == {"2026-12-23": ["reminder"], "2026-12-24": ["deputy"], "2026-12-28": ["manager"]}


def test_a_dry_run_speaks_french_in_a_table_and_english_where_asked(house):
    due(house, date(2026, 12, 10))
    told = ticking.describe_turn(house.workstation, date(2026, 12, 4))
    head, names, row = ticking.tick_lines(told, date(2026, 12, 4), "fr")
    assert head == "04/12/2026 : 1 action(s) partiraient ; rien n'est parti."
    assert (row[names.index("Niveau") :].split("  ")[0], row[names.index("Voie") :].split("  ")[0]) == ("au valideur", "courriel")
    assert "rappel d'approbation" in row
    assert "reminder of an approval" in list(ticking.tick_lines(told, date(2026, 12, 4), "en"))[2]


def test_each_company_has_a_calendar_of_its_own():
    told = Company(entity="metz", name="Maison de Metz", calendar=BusinessDays(alsace_moselle=True))
    house = Settings(home=Path(), entity="essai", companies=["metz"], company=(told,))
    closed = {entity: why_closed(calendar_of(house.of_company(entity)), date(2028, 12, 26)) for entity in ("essai", "metz")}
    assert closed["essai"] is None
    assert closed["metz"]


def test_what_an_approval_is_told_by_its_reminders_its_circuit_does_not_tell_again(house):
    due(house, date(2026, 12, 10))
    with house.workstation.database.reading() as session:
        task = session.get(Task, house.shown()[0])
        assert prompts.reminds_of(session, house.workstation, task)
        quiet = replace(house.workstation, settings=house.workstation.settings.model_copy(update={"payables": Payables()}))
        assert not prompts.reminds_of(session, quiet, task)
