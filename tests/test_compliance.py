"""The desk of compliance: the chain first, what has to be seen to, search by what one has in hand, and one document's evidence."""

import hashlib
import io
from datetime import date, timedelta

import numpy as np
import packages
import pytest
import sqlalchemy as sa
from PIL import Image
from sqlalchemy.orm import selectinload
from test_web import enter, text_of

from sealing.certificate import archive_raster
from sealing.renderer import draw_sealed
from station import holds
from station.checkpoints import checkpoint_now
from station.compliance import alerts_of, find_documents
from station.records import people
from station.records.tables import Document, FixityRow, Person, RetentionRow
from station.retention import retention_lines, tend_retention


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return packages.small_home(tmp_path_factory.mktemp("watched") / "home")


@pytest.fixture(scope="module")
def browser(home):
    return enter(home)


@pytest.fixture(scope="module")
def document(home) -> Document:
    with home.database.reading() as session:
        every = (selectinload(Document.archives), selectinload(Document.arrivals), selectinload(Document.fields))
        return session.scalars(sa.select(Document).options(*every).order_by(Document.id)).first()


def codes(workstation) -> set[str]:
    with workstation.database.reading() as session:
        return {alert.code for alert in alerts_of(session, workstation)}


def found(workstation, words: str) -> list[str]:
    with workstation.database.reading() as session:
        return [each.id for each in find_documents(session, words)]


def test_the_chain_comes_first_and_is_good_after_a_full_check(home):
    browser = enter(home)
    assert "pas encore été relue" in browser.get("/conformite").text
    browser.post("/ledger/check")
    page = browser.get("/conformite").text
    assert "La chaîne tient" in page
    assert page.index("chain-title") < page.index("search-title")


def test_a_chain_without_a_checkpoint_is_not_called_good(tmp_path):
    workstation = packages.new_home(tmp_path / "home")
    packages.seal_one(workstation, "f.png", packages.PAPERS[1], packages.day("2026-11-02"))
    browser = enter(workstation)
    browser.post("/ledger/check")
    assert "sans point de contrôle encore" in browser.get("/conformite").text


def test_a_sealed_file_that_is_lost_is_told_with_what_to_do(tmp_path):
    workstation = packages.new_home(tmp_path / "home")
    lost = packages.seal_one(workstation, "f.png", packages.PAPERS[1], packages.day("2026-11-02"))
    for path in workstation.home.rglob("*.pdf"):
        path.unlink()
    page = enter(workstation).get(f"/conformite/{lost}").text
    assert "restaurez-le depuis une sauvegarde" in page
    assert ".png?v=" not in page


def test_what_nobody_witnesses_and_what_has_no_dossier_is_told(home):
    assert {"no-witness", "no-dossier"} <= codes(home)


def test_a_damaged_file_is_told_as_serious(tmp_path):
    workstation = packages.new_home(tmp_path / "home")
    packages.seal_one(workstation, "f.png", packages.PAPERS[1], packages.day("2026-11-02"))
    with workstation.database.writing() as session:
        archive = session.scalars(sa.select(Document).options(selectinload(Document.archives))).first().archives[0]
        session.merge(
            FixityRow(
                kind="archive", sha256=archive.sha256, checked_at=packages.LATER, condition="damaged", page=None, rendering=None, detail="x"
            )
        )
    with workstation.database.reading() as session:
        assert next(alert.code for alert in alerts_of(session, workstation) if alert.tone == "bad") == "fixity"


def test_checkpoints_that_are_too_old_are_told(home):
    checkpoint_now(home, "essai", anew=True)
    assert "checkpoint" not in codes(home)
    assert "checkpoint" in codes(packages.at(home, packages.LATER + timedelta(days=9)))


def test_a_document_is_found_by_number_supplier_date_and_hash(home, document):
    values = {row.name: row.value for row in document.fields}
    day = values["issue_date"]
    for words in (values["invoice_number"], values["supplier_name"].split()[0].upper(), day, "/".join(reversed(day.split("-")))):
        assert document.id in found(home, words), words
    for sha256 in (document.archives[0].sha256.upper(), document.arrivals[0].sha256):
        assert found(home, sha256) == [document.id]
    assert found(home, "0" * 64) == found(home, "%") == found(home, "  ") == []


def test_a_file_that_somebody_holds_out_is_found_by_its_bytes(home, browser, document):
    path = home.archives.path(document.archives[0].sha256, ".pdf")
    page = browser.post("/conformite/search", files={"file": ("reçu.pdf", path.read_bytes())})
    assert "1 document trouvé" in text_of(page.text).replace("\u202f", " ").replace("\xa0", " ")
    assert f"/conformite/{document.id}" in page.text
    other = browser.post("/conformite/search", files={"file": ("reçu.pdf", path.read_bytes() + b"\n")})
    assert f"/conformite/{document.id}" not in other.text


def test_what_a_confidential_document_contains_does_not_find_it(tmp_path):
    workstation = packages.new_home(tmp_path / "home")
    kept = packages.seal_one(workstation, "pli.png", packages.PAPERS[1], packages.day("2026-11-02"))
    with workstation.database.writing() as session:
        session.get(Document, kept).confidential = True
    assert found(workstation, "pli") == []
    assert enter(workstation).get(f"/conformite/{kept}").status_code == 423
    assert enter(workstation).get(f"/conformite/{kept}/pages/1.png").status_code == 423


def test_the_sealed_page_is_shown_at_its_own_pixels(home, browser, document):
    answer = browser.get(f"/conformite/{document.id}/pages/1.png")
    assert answer.headers["content-type"] == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    raster = archive_raster(home.archives.path(document.archives[0].sha256, ".pdf"), 1)
    assert (shown == raster.samples).all()
    assert browser.get(f"/conformite/{document.id}/pages/2.png").status_code == 404


def test_what_is_no_pdf_is_not_drawn(tmp_path):
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7\nnothing")
    assert draw_sealed(tmp_path / "x.pdf", 1) is None


def test_a_documents_evidence_shows_gauge_entries_with_proofs_and_the_extract(browser, document):
    page = browser.get(f"/conformite/{document.id}").text
    assert "cachet d’essai" in page
    assert "prouvée en" in page
    assert f"/export?document={document.id}" in page
    assert document.archives[0].sha256 in page
    assert "probante" not in text_of(page).replace("sans valeur probante", "")


def test_a_documents_evidence_names_the_hold_that_covers_it_and_its_day_in_the_readers_words(home, browser, document):
    tend_retention(home)
    with home.database.reading() as session:
        until = date.fromisoformat(session.get_one(RetentionRow, document.id).until)
    assert f"jusqu’au {until:%d/%m/%Y}" in text_of(browser.get(f"/conformite/{document.id}").text).replace("'", "’")
    with home.database.writing() as session:
        people.ensure_practice(session)
    with home.database.writing() as session:
        officer, at = session.get_one(Person, "responsable"), home.clock()
        number = holds.place_hold(session, document.entity, "document", document.id, "litige Dupont", (at.date(), None), officer, at).id
    page = text_of(browser.get(f"/conformite/{document.id}").text)
    assert "Gel n° 1" in page.replace("\u00a0", " ")
    assert "litige Dupont" in page
    assert {line["document"]: line["hold"] for line in retention_lines(home)}[document.id] == number
    assert "gelé" in text_of(browser.get("/retention").text)


def test_no_page_of_the_desk_keeps_the_file_that_was_searched(home, browser):
    before = {path for path in home.home.rglob("*") if path.is_file()}
    browser.post("/conformite/search", files={"file": ("x.bin", b"held out" * 1000)})
    held = hashlib.sha256(b"held out" * 1000).hexdigest()
    assert not any(held in path.name for path in {path for path in home.home.rglob("*") if path.is_file()} - before)
