"""The direction's page: each figure from rows that are known, to the invoice and the cent; what is not known is counted apart."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import bench_direction
import pytest
import sqlalchemy as sa
import webhome
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from test_web import enter

from config.legal import load_rates
from config.settings import Settings
from station import direction
from station.direction import Regime
from station.records.direction import Owed
from station.records.tables import (
    Archive,
    Arrival,
    Batch,
    Document,
    InvoiceRow,
    InvoiceStanding,
    Original,
    Review,
    ReviewEvent,
    State,
    Task,
)
from station.web.direction import charts_of
from station.web.words import words_in
from workflow.interest import Terms, interest_of

TODAY = date(2026, 11, 20)
RATES = load_rates()
D = Decimal


def opened(folder):
    workstation = webhome.open_home(folder)
    with workstation.database.writing() as session:
        session.add(Batch(id="b", station="demo", opened_at=webhome.NOON))
    return workstation


@pytest.fixture
def home(tmp_path):
    workstation = opened(tmp_path)
    yield workstation
    workstation.database.close()


def add(home, number: int, *, days: int = 1, gross: str | None = "100.00", due: str | None = None, **more: object) -> str:
    """An invoice received so many days ago, in the morning."""
    at = datetime(2026, 11, 20, 8, tzinfo=UTC) - timedelta(days=days)
    name = f"{number:032x}"
    kind, state = str(more.get("kind", "invoice")), more.get("state")
    with home.database.writing() as session:
        session.add(
            Document(
                id=name, entity=str(more.get("entity", "essai")), batch_id="b", station="demo", operator="a", document_type=kind,
                title=f"{number}.tif", state=State.SEALED, received_at=at, changed_at=at,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Review(
                document_id=name, entity=str(more.get("entity", "essai")), seen=1, stage=str(more.get("stage", "done")), doubts=[],
                doubtful=False, title=f"{number}.tif", supplier=str(more.get("supplier", "Maison")), number=f"F-{number}", gross=gross,
                currency=more.get("currency", "EUR"), due=due, received_at=at,
                done_at=at + timedelta(hours=1) if more.get("stage", "done") == "done" else None,
            )
        )  # fmt: skip
        if state:
            since = more.get("since", at + timedelta(hours=2))
            session.add(
                InvoiceStanding(
                    document_id=name, entity="essai", state=state, since=since, by="x", expected=True, seen=1,
                    exported_at=more.get("exported_at"),
                )
            )  # fmt: skip
    return name


def approved(home, document_id: str, after: timedelta, **more: object) -> None:
    with home.database.writing() as session:
        received = session.get_one(Review, document_id).received_at
        told = {"decision": "approved", "place": 1, "needed": 1} | more
        session.add(
            Task(
                entity="essai", document_id=document_id, kind="approval", title="", why={}, role="approver", group_name="", state="done",
                round=1, bound={}, prepared_by=[], prepared_since=received, decided_by="y", decided_at=received + after, rule="steps",
                rule_version="1", opened_by="x", opened_at=received, **told,
            )
        )  # fmt: skip


def ask(home, question, *values):
    with home.database.reading() as session:
        return question(session, "essai", *values)


# --- where they stand ---


def test_ages_are_counted_from_the_arrival_and_ended_invoices_are_not(home):
    for number, days in enumerate((0, 7, 8, 30, 31, 91)):
        add(home, number, days=days, stage="open")
    add(home, 7, days=40, state="approved")
    add(home, 8, days=40, state="in review", stage="account")
    for number, state in enumerate(("paid", "refused", "cancelled", "misrouted")):
        add(home, 10 + number, state=state)
    add(home, 20, stage="gone")
    found = ask(home, direction.ages_of, TODAY)
    assert found.rows == (("open", (2, 2, 1, 0, 1)), ("account", (0, 0, 1, 0, 0)), ("approved", (0, 0, 1, 0, 0)))
    assert (found.total, found.oldest) == (8, 1)


def test_a_day_begins_at_midnight_in_paris():
    assert direction.begins(date(2026, 7, 1)) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert direction.begins(date(2026, 12, 1)) == datetime(2026, 11, 30, 23, tzinfo=UTC)


def test_another_companys_invoices_are_counted_nowhere(home):
    add(home, 1, entity="autre", due="2026-11-01", gross="50.00")
    found = None
    with home.database.reading() as session:
        found = direction.overview(session, home.settings, "essai", TODAY, TODAY)
    assert (found.ages.total, found.stake.count, found.closing.count, found.cost.reviewed, found.stored.files) == (0, 0, 0, 0, 0)
    assert found.cash.overdue is None


# --- how long a yes takes ---


def test_the_median_and_the_slow_tenth_of_a_month(home):
    for number in range(10):
        approved(home, add(home, number, days=15), timedelta(days=number + 1))
    first = add(home, 20, days=15)
    approved(home, first, timedelta(days=1), place=1, needed=2)  # the second yes is still to come
    approved(home, add(home, 21, days=15), timedelta(days=1), decision="refused")
    found = ask(home, direction.speed_of, TODAY)
    assert len(found) == 12
    assert (found[-1].month, found[-1].count, found[-1].median, found[-1].slow) == (date(2026, 11, 1), 10, D("5.5"), D("9.0"))
    assert found[0].median is None


# --- what is to be paid ---


def test_cash_is_told_by_week_and_what_is_not_known_apart(home):
    add(home, 1, gross="100.10", due="2026-11-20")
    add(home, 2, gross="40.00", due="2026-11-22", kind="credit-note")
    add(home, 3, gross="7.00", due="2026-11-23")
    add(home, 4, gross="9.99", due="2026-11-19")
    add(home, 5, gross="1000.00", due="2027-06-01")
    add(home, 6, gross="5.00")
    add(home, 7, gross=None, due="2026-11-23")
    add(home, 8, due="2026-11-23", currency="USD")
    add(home, 9, gross="3.00", due="2026-11-23", currency=None)
    add(home, 10, due="2026-11-20", state="paid")
    cash = direction.cash_of(ask(home, direction.records.owed), TODAY)
    assert [(week.first.isoformat(), week.last.isoformat(), week.count, week.cents) for week in cash.weeks[:2]] == [
        ("2026-11-20", "2026-11-22", 2, 6010),
        ("2026-11-23", "2026-11-29", 2, 1000),
    ]
    assert len(cash.weeks) == 13
    assert (cash.overdue.count, cash.overdue.cents) == (1, 999)
    assert (cash.later, cash.undated, cash.unpriced, cash.foreign) == ((1, 100_000), (1, 500), 1, 1)


def test_credit_notes_count_against_whether_they_print_a_minus_or_not(home):
    for number, (kind, gross) in enumerate(
        (("credit-note", "-30.00"), ("credit-note", "20.00"), ("invoice", "-5.00"), ("invoice", "100.00"))
    ):
        add(home, number, kind=kind, gross=gross, due="2026-11-10")
    due = ask(home, direction.records.owed)
    assert direction.cash_of(due, TODAY).overdue.cents == 4_500
    newest = direction.stake_of(due, TODAY, Regime.PRIVATE, RATES).bands[0]
    assert (newest.count, newest.cents) == (1, 10_000)


def test_what_calls_itself_a_credit_note_counts_against_everywhere_and_costs_no_interest(home):
    add(home, 1, gross="300.00", due="2026-11-10")
    add(home, 2, gross="240.00", due="2026-11-10")
    add(home, 3, gross="50.00")
    with home.database.writing() as session:
        for document in session.scalars(sa.select(Review.document_id).where(Review.number.in_(["F-2", "F-3"]))).all():
            told = {"number": document, "likeness": document, "iban": "", "iban_known": False, "credit": True}
            session.add_all(InvoiceRow(document_id=document, supplier=key, **told) for key in ("siren:732829320", "vat:FR44732829320"))
    due = ask(home, direction.records.owed)
    cash = direction.cash_of(due, TODAY)
    assert (cash.overdue.cents, cash.undated) == (6_000, (1, -5_000))
    stake = direction.stake_of(due, TODAY, Regime.PRIVATE, RATES)
    assert (stake.count, stake.bands[0].cents) == (1, 30_000)
    with home.database.reading() as session:
        closing = direction.closing_of(session, "essai", TODAY)
    assert (closing.count, closing.cents) == (3, 1_000)


# --- what delay costs ---


def owes(due: str, cents: int, count: int = 1, **more: bool) -> Owed:
    return Owed(due, more.get("credit", False), more.get("euro", True), count, count, cents)


def test_the_interest_at_stake_is_that_of_the_engine_by_the_companys_regime():
    found = direction.stake_of([owes("2026-05-31", 12_000_00)], date(2026, 9, 30), Regime.PRIVATE, RATES)
    assert [(band.low, band.high, band.count) for band in found.bands if band.count] == [(91, None, 1)]
    assert (found.interest, found.indemnity, found.per_day) == (D("494.89"), D("40.00"), D("4.08"))
    public = direction.stake_of([owes("2026-05-31", 12_000_00)], date(2026, 9, 30), Regime.PUBLIC, RATES)
    assert (public.interest, public.per_day) == (D("407.11"), D("3.34"))


def test_what_is_not_late_not_ours_to_pay_or_in_another_currency_costs_nothing():
    listed = [owes("2026-11-20", 100), owes("2026-11-01", 100, credit=True), owes("2026-11-01", 100, euro=False)]
    found = direction.stake_of(listed, TODAY, Regime.PRIVATE, RATES)
    assert (found.count, found.interest, found.uncounted) == (0, 0, 0)


def test_overdue_invoices_whose_rate_is_not_known_are_counted_apart_and_named():
    found = direction.stake_of([owes("2022-05-01", 100_00, 3), owes("2026-11-01", 100_00)], TODAY, Regime.PRIVATE, RATES)
    assert (found.count, found.uncounted, found.missing) == (1, 3, ("2022-H1",))


def test_at_the_turn_of_a_half_year_without_rate_the_further_day_is_not_told():
    found = direction.stake_of([owes("2026-12-01", 100_00)], date(2026, 12, 31), Regime.PRIVATE, RATES)
    assert found.interest > 0
    assert found.per_day is None


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(1, 5_000_000)), max_size=12))
def test_the_sum_of_a_day_is_computed_at_once_within_a_cent_of_each(late):
    each = [(TODAY - timedelta(days=days), cents) for days, cents in late]
    found = direction.stake_of([owes(day.isoformat(), cents) for day, cents in each], TODAY, Regime.PRIVATE, RATES)
    singly = sum((interest_of(D(cents) / 100, day, TODAY, Terms(Regime.PRIVATE), RATES).total for day, cents in each), D(0))
    assert abs(found.interest - singly) <= D("0.005") * (len(each) + 4)


# --- received and not exported ---


def test_a_closing_tells_what_was_received_and_not_exported_at_the_end_of_its_day(home):
    noon = datetime(2026, 11, 10, 12, tzinfo=UTC)
    add(home, 1, days=30)
    add(home, 2, days=30, gross="30.00", kind="credit-note")
    add(home, 3, days=30, state="posted", exported_at=noon)
    add(home, 4, days=30, state="paid", since=noon + timedelta(days=5), exported_at=noon)
    add(home, 5, days=30, state="refused", since=noon)
    add(home, 6, days=5)
    before, after = (ask(home, direction.closing_of, day) for day in (date(2026, 11, 9), date(2026, 11, 10)))
    assert (before.count, before.cents) == (5, 37_000)
    assert (after.count, after.cents) == (2, 7_000)
    assert [each.document_id[-1] for each in ask(home, direction.waiting_on, date(2026, 11, 10), 10)] == ["1", "2"]
    assert [each.cents for each in ask(home, direction.waiting_on, date(2026, 11, 10), 10)] == [10_000, -3_000]


def test_what_is_exported_while_the_closing_is_read_hides_none_of_the_others(home):
    for number in range(1, 5):
        add(home, number, days=40 - number)
    day = date(2026, 11, 10)
    first = ask(home, direction.waiting_on, day, 2)
    with home.database.writing() as session:
        session.add(
            InvoiceStanding(
                document_id=first[0].document_id, entity="essai", state="posted", since=webhome.NOON, by="x", expected=True, seen=0,
                exported_at=datetime(2026, 11, 1, tzinfo=UTC),
            )
        )  # fmt: skip
    place = (first[-1].received_at, first[-1].document_id)
    assert [each.document_id[-1] for each in ask(home, direction.waiting_on, day, 2, 0, place)] == ["3", "4"]


def test_a_month_of_which_not_every_approval_is_looked_at_is_not_told(home, monkeypatch):
    months = len(ask(home, direction.speed_of, webhome.NOON.date()))
    found = [(webhome.NOON, webhome.NOON - timedelta(days=days)) for days in (1, 2, 45)]
    monkeypatch.setattr(direction.records, "approvals", lambda *_: found)
    assert len(ask(home, direction.speed_of, webhome.NOON.date())) == months
    monkeypatch.setattr(direction, "MOST_APPROVALS", 3)
    assert len(ask(home, direction.speed_of, webhome.NOON.date())) == 1


def test_an_export_is_remembered_when_the_payment_follows(home):
    from station import tasks

    document_id = add(home, 1, state="approved")
    moments = [datetime(2026, 11, day, tzinfo=UTC) for day in (10, 15)]
    for state, at in zip(("posted", "paid"), moments, strict=True):
        with home.database.writing() as session:
            tasks._move(session, session.get_one(Document, document_id), tasks.InvoiceState(state), "x", at)
    with home.database.reading() as session:
        standing = session.get_one(InvoiceStanding, document_id)
    assert (standing.since, standing.exported_at) == (moments[1], moments[0])


# --- what is kept, and what work costs ---


def test_bytes_are_told_by_kind_and_month(home):
    document_id = add(home, 1, days=40)
    at = datetime(2026, 10, 11, tzinfo=UTC)
    with home.database.writing() as session:
        session.add(Original(sha256="a" * 64, size=1000, kept_at=at))
        session.add(Original(sha256="c" * 64, size=7, kept_at=at))  # of nobody's document
        session.flush()
        session.add(
            Arrival(
                station="demo", name="x", inode="1", mtime_ns=1, size=1, visit=1, sha256="a" * 64, document_id=document_id, duplicate=False,
                arrived_at=at,
            )
        )  # fmt: skip
        session.add(
            Archive(
                sha256="b" * 64, document_id=document_id, version=1, size=500, attached=0, level="B-T", practice=True, checks=[],
                sealed_at=datetime(2020, 1, 1, tzinfo=UTC),
            )
        )  # fmt: skip
    found = ask(home, direction.stored_of, TODAY)
    assert found.kinds == ("original", "invoice")
    assert (found.months[0], found.sizes[0]) == (None, (0, 500))
    assert dict(zip(found.months, found.sizes, strict=True))[date(2026, 10, 1)] == (1000, 0)
    assert (found.total, found.files) == (1500, 2)


def test_time_between_gestures_is_work_and_pauses_are_not(home):
    document_id = add(home, 1)
    add(home, 2)  # confirmed without a gesture
    start = datetime(2026, 11, 19, 9, tzinfo=UTC)
    with home.database.writing() as session:
        for revision, seconds in enumerate((0, 60, 180, 4000, 4060)):
            at = start + timedelta(seconds=seconds)
            session.add(ReviewEvent(document_id=document_id, revision=revision, kind="set", field="iban", actor="x", at=at))
    found = ask(home, direction.cost_of, D(30))
    assert (found.reviewed, found.minutes, found.each) == (2, D("2.0"), D("1.00"))
    assert ask(home, direction.cost_of, None).each is None


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_figure_of_a_drawn_year_has_its_sentence_and_its_table(tmp_path, language):
    workstation = bench_direction.filled_home(tmp_path, 60)
    with workstation.database.reading() as session:
        charts = charts_of(direction.overview(session, workstation.settings, "essai", TODAY, TODAY), words_in(language))
    workstation.database.close()
    assert [each.name for each in charts] == ["cash", "interest", "ages", "speed", "closing", "storage", "cost"]
    assert all(each.said and each.rows and each.notes for each in charts)
    assert all(len(row.cells) == len(each.head) - 1 for each in charts for row in each.rows)
    assert all(max(each.plot) < len(each.head) - 1 for each in charts)


def test_the_cost_of_an_hour_is_a_setting(tmp_path):
    assert Settings(home=tmp_path).direction.hour_cost == 0
    assert Settings(home=tmp_path, direction={"hour_cost": "35.5"}).direction.hour_cost == D("35.5")


# --- the page ---


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[TestClient]:
    home = opened(tmp_path_factory.mktemp("page"))
    add(home, 1, days=40, due="2026-11-02", supplier="=Maison")
    add(home, 2, days=3, due="2026-11-25", state="posted", exported_at=webhome.NOON)
    yield enter(home)
    home.database.close()


def test_the_page_is_whole_without_scripts(page):
    answer = page.get("/direction")
    assert answer.status_code == 200
    assert answer.text.count("<details open>") == answer.text.count("<table id=") == 7
    assert "sans export en comptabilité : 1 facture," in answer.text.replace("\u00a0", " ")
    assert "<script>" not in answer.text
    assert "style=" not in answer.text


def test_each_figure_leaves_as_csv_and_the_closing_invoice_by_invoice(page):
    for name in ("cash", "interest", "ages", "speed", "storage", "cost"):
        answer = page.get(f"/direction/{name}.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert len(answer.text.splitlines()) > 1
    rows = list(csv.reader(io.StringIO(page.get("/direction/closing.csv?day=2026-11-20").text.lstrip("\ufeff")), delimiter=";"))
    assert rows[1][1:] == ["2026-10-11", "'=Maison", "F-1", "100.00", "EUR", "2026-11-02"]
    assert page.get("/direction/nothing.csv").status_code == 404


@pytest.mark.parametrize("day", ["hier", "0001-01-01", "2026-02-31"])
def test_a_day_that_is_none_is_told_and_today_is_shown(page, day):
    answer = page.get(f"/direction/cloture?day={day}")
    assert answer.status_code == 200
    assert "pas été compris" in answer.text
    assert "20/11/2026" in answer.text


def test_no_day_to_come_is_closed(page):
    assert "Au soir du 20/11/2026" in page.get("/direction?day=2030-01-01").text


def test_the_closing_is_paged_and_its_csv_is_whole(home, monkeypatch):
    from station.web import direction as web

    for number in range(7):
        add(home, number)
    monkeypatch.setattr(web, "PAGE", 3)
    monkeypatch.setattr(web, "AT_ONCE", 2)
    browser = enter(home)
    assert browser.get("/direction/cloture?page=3").text.count('<th scope="row">') == 1
    assert len(browser.get("/direction/closing.csv").text.splitlines()) == 8


def questions(home) -> int:
    asked: list[str] = []
    with home.database.reading() as session:
        sa.event.listen(session, "do_orm_execute", lambda state: asked.append(str(state.statement)))
        direction.overview(session, home.settings, "essai", TODAY, TODAY)
    return len(asked)


def test_the_questions_do_not_grow_with_the_invoices(home):
    add(home, 1, due="2026-11-02")
    one = questions(home)
    for number in range(2, 20):
        add(home, number, days=number, due=f"2026-11-{number:02}")
    assert questions(home) == one > 5
