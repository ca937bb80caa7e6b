"""Stations: a scanned target becomes a passport in the records and the ledger, and its page says what to change on the device."""

import copy
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import devices
import papers
import pytest
import webhome
import zxingcpp
from fastapi.testclient import TestClient
from pypdfium2 import PdfDocument
from sqlalchemy.exc import IntegrityError

from capture.catalogue import finding
from capture.raster import Raster
from capture.scan import Model, Page
from capture.slips import TargetMark, parse_slip
from conformity.limits import Limits
from station import passports
from station.audit import audit_ledger
from station.records import documents
from station.records.ledger import story_of, verify_ledger
from station.records.tables import PassportRow
from station.web.app import build_app
from station.workstation import Workstation


@cache
def scanned(kind: str = "honest") -> dict[str, Any]:
    """A page's reading as the child process hands it over, in JSON."""
    image = devices.erase_borders(devices.honest()) if kind == "erased" else devices.honest()
    page = Page(1, "lzw", True, 2480, 3508, 8, 3, Model.RGB, (300.0, 300.0))
    told = passports.note_target(Raster(image, 8, Model.RGB), page, codes=[f"SCEAU:1:T:{devices.TARGET.upper()}:1"])
    assert told is not None
    return dict(json.loads(json.dumps(told)))


def take(workstation: Workstation, name: str = "mire.tif", days: int = 0, kind: str = "honest", **options: Any) -> PassportRow:
    """One target taken in, `days` before noon."""
    at = webhome.NOON - timedelta(days=days)
    document_id = webhome.received(workstation, name, replace(webhome.PAPERS[0], number=name), 0, at)
    with workstation.database.writing() as session:
        document = documents.get_document(session, document_id)
        (row,) = passports.take_target(session, document, [None, scanned(kind)], [], at, **options)
        return row


@pytest.fixture
def home(tmp_path) -> Workstation:
    return webhome.open_home(tmp_path)


@pytest.fixture
def browser(home) -> Iterator[TestClient]:
    app = build_app(home, secret=b"test")
    with TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) as browser:
        assert browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 303
        yield browser


# --- records ---


def test_a_scanned_target_is_a_passport_of_its_station_and_an_entry_of_the_ledger(home) -> None:
    row = take(home, device="fi-8170 n° 12")
    with home.database.reading() as session:
        assert passports.newest_passport(session, "demo").id == row.id
        told = [(kind, body) for _, kind, _, body in story_of(session, row.document_id) if kind == "passport"]
        assert told == [("passport", {"station": "demo", "device": "fi-8170 n° 12", "target": devices.TARGET, "outcome": "ok"})]
        verify_ledger(session)


def test_a_passport_reads_back_as_it_was_written(home) -> None:
    row = take(home, kind="erased")
    with home.database.reading() as session:
        kept = passports.newest_passport(session, "demo")
        assert kept.body == row.body
        assert passports.body_hash(kept.body) == passports.body_hash(row.body)
        assert passports.passport_of(kept).outcome == "fail" == kept.outcome


def test_an_altered_passport_no_longer_has_its_hash(home) -> None:
    row = take(home)
    altered = copy.deepcopy(row.body)
    altered["lines"][0]["measured"] += "!"
    assert passports.body_hash(altered) != passports.body_hash(row.body)


def test_what_is_sealed_with_the_scan_is_what_the_ledger_holds(home) -> None:
    row = take(home)
    with home.database.reading() as session:
        report, data = passports.passport_files(session, documents.get_document(session, row.document_id), "fr")
    assert report.data.startswith(b"%PDF")
    assert hashlib.sha256(data.data).hexdigest() == passports.body_hash(row.body)


def test_the_audit_notices_an_altered_passport(home) -> None:
    row = take(home)
    assert [part.ok for part in audit_ledger(home) if part.name == "facts"] == [True]
    with home.database.writing() as session:
        altered = copy.deepcopy(row.body)
        altered["lines"][0]["outcome"] = "ok!"
        session.merge(PassportRow(id=row.id, body=altered))
    assert [part.detail for part in audit_ledger(home) if part.name == "facts"] == [f"{row.document_id}: passport"]


def test_the_same_scan_judged_again_is_one_passport(home) -> None:
    row = take(home)
    with home.database.writing() as session:
        document = documents.get_document(session, row.document_id)
        passports.take_target(session, document, [scanned("erased")], [], webhome.NOON)
    with home.database.reading() as session:
        (kept,) = passports.list_passports(session, "demo")
        assert kept.outcome == "fail"


def test_a_document_bears_a_target_once(home) -> None:
    row = take(home)
    twin = {name: getattr(row, name) for name in ("entity", "station", "device", "target", "made_at", "outcome", "body", "document_id")}
    with pytest.raises(IntegrityError), home.database.writing() as session:
        session.add(PassportRow(**twin))


def test_ordinary_pages_make_no_passport(home) -> None:
    document_id = webhome.received(home, "facture.tif", webhome.PAPERS[0], 0)
    with home.database.writing() as session:
        assert passports.take_target(session, documents.get_document(session, document_id), [None, None], [], webhome.NOON) == ()
    page = papers.draw_page()
    coded = Page(1, "lzw", True, page.shape[1], page.shape[0], 8, 3, Model.RGB, (300.0, 300.0))
    assert passports.note_target(Raster(page, 8, Model.RGB), coded, codes=()) is None


def test_the_stations_own_policy_judges_its_device(home) -> None:
    row = take(home, limits=Limits(min_dpi=400))
    assert {line["name"] for line in row.body["lines"] if line["outcome"] == "fail"} == {"resolution"}


def test_what_judging_found_is_in_the_passport(home) -> None:
    document_id = webhome.received(home, "mire.tif", webhome.PAPERS[0], 0)
    with home.database.writing() as session:
        document = documents.get_document(session, document_id)
        (row,) = passports.take_target(session, document, [scanned()], [finding("lossy-history", page=1)], webhome.NOON)
    assert row.outcome == "fail"


def test_drift_is_held_against_the_passport_before_of_the_same_device(home) -> None:
    take(home, "a.tif", days=40, device="one")
    other = take(home, "b.tif", days=20, device="two")
    again = take(home, "c.tif", device="one")
    with home.database.reading() as session:
        assert passports.drift_of(session, other) == ()
        assert {drift.outcome for drift in passports.drift_of(session, again)} == {"ok"}


@pytest.mark.parametrize(("days", "due"), [(None, True), (0, False), (31, False), (32, True)])
def test_a_station_is_due_a_day_after_its_days(home, days, due) -> None:
    if days is not None:
        take(home, days=days)
    with home.database.reading() as session:
        found = passports.overdue_stations(session, home.settings.stations, webhome.NOON.date())
    assert found == (("demo",) if due else ())


@pytest.mark.parametrize("changed", [{"passport_days": 0}, {"source": "electronic"}])
def test_where_nothing_is_scanned_nothing_is_due(home, changed) -> None:
    station = home.settings.stations[0].model_copy(update=changed)
    with home.database.reading() as session:
        assert not passports.is_overdue(session, station, webhome.NOON.date())


# --- pages ---


def test_a_station_without_passport_says_how_to_get_one(browser) -> None:
    page = browser.get("/stations/demo").text
    assert "Imprimez la mire" in page and "Imprimer la mire" in page


def test_a_station_says_how_to_join_it_with_its_real_folder(home, browser) -> None:
    page = browser.get("/stations/demo").text
    assert page.count(str(home.settings.folder_of(home.settings.stations[0]))) >= 3
    for way in ("partage Windows", "SFTP", "eSCL", "USB"):
        assert way in page


def test_each_print_of_the_target_has_a_code_of_its_own(browser) -> None:
    prints = [browser.get("/stations/demo/target.pdf") for _ in range(2)]
    marks = []
    for answer in prints:
        assert answer.headers["content-type"] == "application/pdf"
        with PdfDocument(io.BytesIO(answer.content)) as pdf:
            image = pdf[0].render(scale=200 / 72, grayscale=True).to_numpy().squeeze()
        marks.append(parse_slip(zxingcpp.read_barcodes(image)[0].text))
    assert all(isinstance(mark, TargetMark) for mark in marks)
    assert marks[0] != marks[1]


def test_a_station_turns_green_with_an_honest_target(home, browser) -> None:
    take(home)
    page = browser.get("/stations/demo").text
    assert 'class="chain good"' in page
    assert "Ni traitement ni perte" in page


def test_a_station_names_the_setting_to_change(home, browser) -> None:
    take(home, kind="erased")
    page = browser.get("/stations/demo").text
    assert 'class="chain bad"' in page
    assert "effacement des bords" in page


def test_an_overdue_passport_warns(home, browser) -> None:
    take(home, days=60)
    page = browser.get("/stations/demo").text
    assert 'class="chain watch"' in page and "Passeport à refaire" in page
    assert "Passeport à refaire" in browser.get("/stations").text


def test_a_page_that_has_nothing_new_stays_as_it_is(home, browser) -> None:
    htmx = {"HX-Request": "true"}
    part = browser.get("/stations/demo", headers=htmx).text
    seen = part.split("seen=")[1].split('"')[0]
    assert browser.get(f"/stations/demo?seen={seen}", headers=htmx).status_code == 204
    take(home)
    assert browser.get(f"/stations/demo?seen={seen}", headers=htmx).status_code == 200


def test_history_leads_to_each_passport_and_its_files(home, browser) -> None:
    old, new = take(home, "a.tif", days=30, kind="erased"), take(home, "b.tif")
    page = browser.get("/stations/demo").text
    assert all(f"/stations/demo/passports/{row.id}" in page for row in (old, new))
    assert "effacement des bords" in browser.get(f"/stations/demo/passports/{old.id}").text
    assert browser.get(f"/stations/demo/passports/{old.id}.pdf").content.startswith(b"%PDF")
    data = browser.get(f"/stations/demo/passports/{new.id}.json").json()
    assert data["sha256"] == passports.body_hash(data["passport"])


def test_drift_is_shown_beside_the_newest_passport(home, browser) -> None:
    take(home, "a.tif", days=30)
    take(home, "b.tif")
    assert "Depuis le passeport précédent" in browser.get("/stations/demo").text


@pytest.mark.parametrize(
    "address", ["/stations/other", "/stations/demo/passports/9", "/stations/demo/passports/x.json", "/stations/x/target.pdf"]
)
def test_what_is_not_there_is_said(browser, address) -> None:
    assert browser.get(address).status_code == 404


def test_the_pages_are_there_in_english_too(home, browser) -> None:
    row = take(home, kind="erased")
    browser.post("/language", data={"language": "en", "back": "/"}, headers={"origin": "http://127.0.0.1:8080"})
    assert "To change on the device" in browser.get("/stations/demo").text
    assert "edge erasing" in browser.get(f"/stations/demo/passports/{row.id}").text


def test_a_station_says_when_it_took_something_last_and_what_is_wrong_with_its_folder(browser, home) -> None:
    page = browser.get("/stations/demo").text
    assert "Rien n’est encore venu de cette station." in page
    take(home)
    assert "Dernière prise" in browser.get("/stations/demo").text
