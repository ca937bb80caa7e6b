"""Who read what is noted apart from the ledger, filtered, written as CSV, and dropped when its time is over."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import packages
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from test_web import enter
from typer.testing import CliRunner

from station.access import Act, Note, Notebook, Told, Wanted, months_before, note_access, purge_access, read_access, write_csv
from station.cli import app
from station.records.tables import Access, Document, LedgerRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return packages.small_home(tmp_path_factory.mktemp("read") / "home")


@pytest.fixture
def empty(tmp_path):
    return packages.new_home(tmp_path / "home")


def told(workstation, wanted: Wanted = Wanted()) -> list[Told]:  # noqa: B008 frozen
    with workstation.database.reading() as session:
        return read_access(session, "essai", wanted)


def sealed_id(workstation) -> str:
    with workstation.database.reading() as session:
        return session.scalars(sa.select(Document.id).order_by(Document.id)).first()


def entries(workstation) -> int:
    with workstation.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(LedgerRow))


def test_a_page_a_download_and_a_search_are_noted_and_the_ledger_is_not_touched(home):
    browser, document, before = enter(home), sealed_id(home), entries(home)
    assert browser.get(f"/documents/{document}").status_code == 200
    assert browser.get(f"/documents/{document}/sealed.pdf").status_code == 200
    assert browser.get("/conformite/search?q=Quais").status_code == 200
    browser.app.state.readings.flush()
    acts = {(each.who, each.act, each.object_id) for each in told(home)}
    assert {("atelier", "seen", document), ("atelier", "sealed", document), ("atelier", "search", "")} <= acts
    assert entries(home) == before


def test_what_was_refused_was_not_read(empty):
    kept = packages.seal_one(empty, "pli.png", packages.PAPERS[1], packages.day("2026-11-02"))
    with empty.database.writing() as session:
        session.get(Document, kept).confidential = True
    browser = enter(empty)
    assert browser.get(f"/documents/{kept}/sealed.pdf").status_code == 423
    browser.app.state.readings.flush()
    assert told(empty) == []


def test_the_command_line_writes_the_stream_and_replaces_no_file(empty, tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(empty.home))
    with empty.database.writing() as session:
        note_access(session, "essai", Note("p", Act.SEEN, "d1", NOON))
    target = str(tmp_path / "readings.csv")
    assert CliRunner().invoke(app, ["access", target, "--from", "2026-11-20"]).exit_code == 0
    assert (tmp_path / "readings.csv").read_text().splitlines()[1] == '"2026-11-20T12:00:00Z";"p";"seen";"d1"'
    assert CliRunner().invoke(app, ["access", target]).exit_code == 1
    assert CliRunner().invoke(app, ["access", "--from", "20 novembre"]).exit_code == 2


def test_a_list_is_no_reading(empty):
    browser = enter(empty)
    assert browser.get("/documents").status_code == 200
    browser.app.state.readings.flush()
    assert told(empty) == []


def test_a_page_that_refreshes_itself_is_one_reading(empty):
    book = Notebook(empty.database, "essai")
    for minutes in (0, 1, 9, 11):
        book.note(Note("p", Act.SEEN, "d", NOON + timedelta(minutes=minutes)))
    book.flush()
    assert len(told(empty)) == 2


def test_the_stream_is_filtered_by_day_act_and_document(empty):
    with empty.database.writing() as session:
        for n, act in enumerate((Act.SEEN, Act.SEALED, Act.SEEN)):
            note_access(session, "essai", Note("p", act, f"d{n}", NOON + timedelta(days=n)))
    assert [each.object_id for each in told(empty)] == ["d2", "d1", "d0"]
    assert [each.object_id for each in told(empty, Wanted(act="seen"))] == ["d2", "d0"]
    assert [each.object_id for each in told(empty, Wanted(object_id="d1"))] == ["d1"]
    assert [each.object_id for each in told(empty, Wanted(first=date(2026, 11, 21), last=date(2026, 11, 21)))] == ["d1"]


def test_what_is_older_than_the_months_set_is_dropped(empty):
    with empty.database.writing() as session:
        for days in (400, 300):
            note_access(session, "essai", Note("p", Act.SEEN, f"d{days}", empty.clock() - timedelta(days=days)))
    assert purge_access(empty) == 1
    assert [each.object_id for each in told(empty)] == ["d300"]
    assert purge_access(empty) == 0


def test_what_looks_like_a_formula_is_none_in_the_csv():
    written = io.StringIO()
    write_csv([Told(NOON, "=cmd()", "seen", "d1")], written)
    assert written.getvalue() == '"at";"who";"act";"object"\n"2026-11-20T12:00:00Z";"\'=cmd()";"seen";"d1"\n'


@given(st.datetimes(NOON.replace(year=1990, tzinfo=None), NOON.replace(year=2090, tzinfo=None)), st.integers(6, 36))
def test_months_before_lie_that_many_months_back_on_the_same_day_or_the_months_last(moment, months):
    earlier = months_before(moment, months)
    assert (moment.year - earlier.year) * 12 + moment.month - earlier.month == months
    assert earlier.day == moment.day or (earlier.day < moment.day and (earlier + timedelta(days=1)).day == 1)


def test_a_broken_database_stops_no_page(empty, caplog):
    book = Notebook(empty.database, "essai")
    with empty.database.writing() as session:
        Access.__table__.drop(session.connection())
    book.note(Note("p", Act.SEEN, "d", NOON))
    book.flush()
    assert "could not be noted" in caplog.text


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_is_a_formula_to_a_spreadsheet(sign):
    out = io.StringIO()
    write_csv([Told(NOON, f"{sign}1+1", "seen", f"{sign}2")], out)
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=";"))[1][1::2] == [f"'{sign}1+1", f"'{sign}2"]
