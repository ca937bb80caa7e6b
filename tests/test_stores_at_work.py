"""One document through the whole house with its files in a bucket: taken, sealed, shown, verified, read again, exported, locked, erased."""

import os
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import atwork
import papers
import pytest
from objectserver import new_bucket, object_server
from walked import signed_in

from capture.originals import Condition
from capture.stores import StillLocked
from config.settings import Settings, StoreChoice
from station import acts, doctor, erasure, pipeline
from station.audit import audit_ledger
from station.fixity import read_files
from station.package import Period, export_package
from station.pipeline import Pipeline
from station.records import documents, people
from station.records.tables import Person, RetentionRow, State, StoreLock
from station.status import status_of
from station.stores import tend_locks
from station.workstation import Workstation

PAPER = ["Invoice F-2026-0417", "Total 1234.56"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with object_server() as address:
        yield address


@pytest.fixture
def station(tmp_path, practice_keys, endpoint, monkeypatch) -> Iterator[Workstation]:
    monkeypatch.setenv("SCEAU_STORE_KEY", "key")
    monkeypatch.setenv("SCEAU_STORE_SECRET", "secret")
    store = StoreChoice(url=f"s3://{new_bucket(endpoint)}/house?endpoint={endpoint}")
    workstation = atwork.open_home(tmp_path / "home", practice_keys, store=store)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    yield workstation
    workstation.database.close()


def sealed(station: Workstation, work: atwork.Work, folder: Path, kind: str) -> str:
    document_id = atwork.take_in(
        station, papers.write_png(folder / f"{kind}.png", papers.draw_page(PAPER, size=(500, 300), seed=len(kind)))
    )
    with station.database.writing() as session:
        documents.get_document(session, document_id).document_type = kind
    assert work(document_id).state is State.SEALED
    return document_id


def by(station: Workstation, login: str) -> Person:
    with station.database.reading() as session:
        return session.get_one(Person, login)


def forget_copies(station: Workstation) -> None:
    """As on another machine: what is shown now comes from the bucket."""
    for store in (station.originals, station.archives):
        for each in list(store.copies()):
            store._copies.drop(each.sha256, each.suffix)


def confirmed_erasure(station: Workstation, document_id: str) -> int:
    with station.database.writing() as session:
        acts.decide(session, document_id, "confidential", "no business letter", by(station, "atelier"), station.clock(), None)
    with station.database.writing() as session:
        document = documents.get_document(session, document_id)
        erasure.ask_erasure(session, document, "by mistake", by(station, "atelier"), station.clock())
    with station.database.writing() as session:
        document = documents.get_document(session, document_id)
        return erasure.confirm_erasure(session, document, by(station, "responsable"), station.clock()).id


def sending_of(monkeypatch: pytest.MonkeyPatch) -> dict[Path, bool]:
    """What is sent to the bucket beside the evidence, and whether every other writer waited for it."""
    sent: dict[Path, bool] = {}
    noting: list[bool] = []
    note, send = Pipeline._noted, pipeline.publish

    def noted(self, *rest, **more):
        noting.append(True)
        try:
            return note(self, *rest, **more)
        finally:
            noting.pop()

    def published(settings, name):
        sent[name] = bool(noting)
        send(settings, name)

    monkeypatch.setattr(Pipeline, "_noted", noted)
    monkeypatch.setattr(pipeline, "publish", published)
    return sent


def test_a_document_goes_the_whole_way_with_its_files_in_a_bucket(station, tmp_path, monkeypatch):
    sent = sending_of(monkeypatch)
    with atwork.pipeline_of(station) as work:
        invoice, letter = (sealed(station, work, tmp_path, kind) for kind in ("invoice", "letter"))
    assert {name.parts[0] for name in sent} == {"light", "readings"} and not any(sent.values())
    document = atwork.document_of(station, invoice)
    archive, original = document.archives[0].sha256, document.arrivals[0].sha256
    assert not any((station.home / room).exists() for room in ("originals", "archive")) or not list(
        (station.home / "archive").rglob("*.pdf")
    )
    forget_copies(station)

    # Shown and downloaded, from the bucket.
    desk = signed_in(station, "responsable", "essai")
    for address in (f"/documents/{invoice}", f"/documents/{invoice}/sealed.pdf", f"/documents/{invoice}/originals/{original}"):
        assert desk.get(address).status_code == 200, address
    assert station.archives.verify(archive, ".pdf") is station.originals.verify(original) is Condition.SOUND
    # Read again, and held against the ledger.
    assert read_files(station, everything=True)["bad"] == []
    assert [each.name for each in audit_ledger(station) if not each.ok] == []

    # A package for the auditor is written from the bucket, and every line of `sceau doctor` on it was tried.
    forget_copies(station)
    today = station.clock().date()
    packed = export_package(station, Period(today - timedelta(days=2), today + timedelta(days=1)), tmp_path / "auditor.zip")
    with zipfile.ZipFile(packed.paths[0]) as zipped:
        inside = {sha256(zipped.read(name)).hexdigest() for name in zipped.namelist()}
    assert archive in inside
    found = {each.name: each for each in doctor._store(station.settings)}
    assert list(found) == ["store originals", "store archives"]
    assert all(each.ok and "GOVERNANCE" in each.detail and "30 jours" in each.detail for each in found.values())
    assert all(each.detail.endswith("suppression essayée : refusée") for each in found.values())

    # The locks follow the terms.
    assert tend_locks(station) > 0
    assert tend_locks(station) == 0
    with station.database.reading() as session:
        until = session.get_one(RetentionRow, invoice).until
        assert session.get_one(StoreLock, ("archive", archive)).until > until
    assert station.archives.locked_until(archive, ".pdf").date().isoformat() > until
    assert station.originals.locked_until(original).date().isoformat() > until

    # A letter that nobody has a duty to keep goes, lawfully, once the bucket lets it.
    gone = [each.sha256 for each in atwork.document_of(station, letter).archives]
    station.archives.hold(gone[0], ".pdf", on=True)
    number = confirmed_erasure(station, letter)
    with pytest.raises(StillLocked):
        erasure.finish_erasure(station, number)
    assert (atwork.document_of(station, letter).state, station.archives.verify(gone[0], ".pdf")) != (State.ERASED, Condition.MISSING)
    station.archives.hold(gone[0], ".pdf", on=False)
    assert erasure.finish_erasures(station) == 1
    assert atwork.document_of(station, letter).state is State.ERASED
    assert station.archives.verify(gone[0], ".pdf") is Condition.MISSING
    assert [each.name for each in audit_ledger(station) if not each.ok] == []
    assert "GOVERNANCE" in status_of(station)["store"]["protection"]


def test_a_bucket_that_lets_go_what_is_locked_and_one_that_is_away_are_no_place_for_evidence(station, monkeypatch):
    monkeypatch.setattr("capture.objects.Bucket.refuses_removal", lambda _self: False)
    assert [(each.ok, each.needed) for each in doctor._store(station.settings)] == [(False, True)] * 2
    away = station.settings.store.model_copy(update={"url": "s3://nobody/x?endpoint=http://127.0.0.1:1"})
    found = list(doctor._store(station.settings.model_copy(update={"store": away})))
    assert found and not any(each.ok for each in found) and all("SCEAU_STORE_KEY" in each.remedy for each in found)


def test_a_folder_says_whether_this_account_may_rewrite_what_lies_there(tmp_path):
    home = Settings(home=tmp_path)
    assert [each.detail.rpartition(" ; ")[2] for each in doctor._store(home)] == ["fait au premier démarrage"] * 2
    for room in ("originals", "archive"):
        (tmp_path / room).mkdir()
    told = "possible" if os.access(tmp_path, os.W_OK) and os.geteuid() == 0 else "refusée"
    assert [each.detail.rpartition(" : ")[2] for each in doctor._store(home)] == [told] * 2
    assert not list(tmp_path.rglob(".trial*"))
