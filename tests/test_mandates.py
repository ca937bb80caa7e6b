"""A third party archives under a recorded mandate only: without one documents wait, with one they go on by themselves."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import atwork
import papers
import pytest

from config.settings import Organisation
from station import mandates
from station.audit import audit_ledger
from station.mandates import Granted, NoMandate
from station.records import documents
from station.records.ledger import story_of
from station.records.tables import Document, Mandate, State
from station.verdicts import verdict_of
from station.workstation import Workstation

DAY = date(2026, 11, 22)
THIRD = Organisation(third_party="Coffre SAS", mandate="M-4")


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Workstation]:
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys, organisation=THIRD)
    yield workstation
    workstation.database.close()


@pytest.fixture(scope="module")
def work(station: Workstation) -> Iterator[atwork.Work]:
    with atwork.pipeline_of(station) as work:
        yield work


def record(station: Workstation, starts: date, ends: date | None = None, third_party: str = "Coffre SAS", name: str = "m.pdf") -> int:
    file = station.home / f"{starts}-{third_party}"
    file.write_bytes(f"%PDF-1.4 {third_party} {starts} {ends}".encode())
    with station.database.writing() as session:
        granted = Granted(third_party, "archivage des factures", starts, ends, name)
        return mandates.record_mandate(session, station, granted, file, atwork.somebody(session), station.clock()).id


def in_force(station: Workstation, day: date, third_party: str = "Coffre SAS") -> int | None:
    with station.database.reading() as session:
        found = mandates.mandate_in_force(session, "essai", third_party, day)
        return found and found.id


def test_without_a_mandate_a_document_waits_with_words_and_goes_on_once_one_is_recorded(station, work):
    path = papers.write_png(station.home / "1.png", papers.draw_page(["1"], size=(500, 300), seed=1))
    waiting = work(atwork.take_in(station, path))
    assert (waiting.state, waiting.problem, waiting.archives) == (State.RECEIVED, "no-mandate", [])
    today = station.clock().date()
    number = record(station, today - timedelta(days=1))
    with station.database.reading() as session:
        assert waiting.id in [each.id for each in documents.due_documents(session, station.clock())]
    sealed = work(waiting.id)
    assert sealed.state == State.SEALED
    with station.database.reading() as session:
        payloads = [payload for _, kind, _, payload in story_of(session, sealed.id) if kind == "sealed"]
        rows = {row.clause: row for row in verdict_of(session, session.get_one(Document, sealed.id), station.settings).rows}
    assert payloads[0]["mandate"] == str(number)
    assert f"n° {number} (Coffre SAS), enregistré" in rows["II-1"].covered_by.fr
    assert [f"{each.name}: {each.english}" for each in audit_ledger(station) if not each.ok] == []


@pytest.mark.parametrize(
    ("starts", "ends", "day", "holds"),
    [
        (date(2030, 1, 1), date(2030, 12, 31), date(2030, 1, 1), True),
        (date(2030, 1, 1), date(2030, 12, 31), date(2030, 12, 31), True),
        (date(2030, 1, 1), date(2030, 12, 31), date(2031, 1, 1), False),
        (date(2030, 1, 1), date(2030, 12, 31), date(2029, 12, 31), False),
        (date(2030, 1, 1), None, date(2099, 1, 1), True),
    ],
)
def test_a_mandate_holds_from_its_first_to_its_last_day(station, starts, ends, day, holds):
    who = f"Tiers {starts} {ends} {day}"
    record(station, starts, ends, who)
    assert (in_force(station, day, who) is not None) is holds


def test_the_mandate_of_another_is_none(station):
    record(station, date(2040, 1, 1), None, "Autre SARL")
    assert in_force(station, date(2040, 6, 1), "  autre   sarl ") is not None
    assert in_force(station, date(2040, 6, 1), "Encore SARL") is None


def test_a_revoked_mandate_holds_no_longer_and_stays_written(station):
    number = record(station, date(2041, 1, 1), None, "Révoqué SA")
    with station.database.writing() as session:
        mandates.revoke_mandate(session, number, "résilié", atwork.somebody(session), station.clock())
    assert in_force(station, date(2041, 6, 1), "Révoqué SA") is None
    with station.database.reading() as session:
        assert session.get_one(Mandate, number).revoked_reason == "résilié"
    with station.database.writing() as session, pytest.raises(mandates.UnknownMandate):
        mandates.revoke_mandate(session, number, "encore", atwork.somebody(session), station.clock())


def test_a_house_that_archives_itself_needs_none(station):
    own = station.settings.model_copy(update={"organisation": Organisation()})
    with station.database.reading() as session:
        assert mandates.require_mandate(session, own, DAY) is None
        with pytest.raises(NoMandate):
            mandates.require_mandate(session, station.settings, date(1999, 1, 1))


def test_the_reference_in_the_settings_alone_is_told_as_lacking(tmp_path, practice_keys):
    station = atwork.open_home(tmp_path, practice_keys, organisation=THIRD)
    path = papers.write_png(tmp_path / "1.png", papers.draw_page(["1"], size=(500, 300), seed=1))
    document_id = atwork.take_in(station, path)
    with station.database.reading() as session:
        rows = {row.clause: row for row in verdict_of(session, documents.get_document(session, document_id), station.settings).rows}
    assert "aucun mandat enregistré" in rows["II-1"].measured.fr
    assert "M-4" in rows["II-1"].covered_by.fr
    station.database.close()
