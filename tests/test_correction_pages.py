"""The pages on which a document is corrected, hidden and erased: what they offer, what they keep silent about, who may do what."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from test_web import HTMX, _all_routes, text_of, visitor

from station.erasure import certificate_path
from station.records import documents
from station.records.tables import Decision, Document, State
from station.web import desk
from station.web.app import build_app
from station.web.corrections import parse_numbers
from station.workstation import Workstation

NAME = "courrier-de-mme-quenouille.tif"
HELD = "papier-retenu.tif"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workstation]:
    workstation = webhome.open_home(tmp_path)
    settings = workstation.settings.model_copy(update={"companies": ["filiale"]})
    yield Workstation(settings, workstation.database, workstation.originals, workstation.archives, workstation.clock)
    workstation.database.close()


def enter(workstation: Workstation, login: str = "atelier") -> TestClient:
    browser = visitor(workstation)
    assert browser.post("/sign-in", data={"login": login, "password": "essai"}).status_code == 303
    return browser


def sealed(home: Workstation, paper: int = 0) -> str:
    return webhome.sealed(home, NAME, webhome.PAPERS[paper], hours=1)


def held(home: Workstation) -> str:
    return webhome.held(home, HELD, webhome.PAPERS[2])


def hide(browser: TestClient, document_id: str) -> None:
    answer = browser.post(f"/documents/{document_id}/decision/confidential", data={"reason": "zoonose"})
    assert answer.status_code == 303


def look(home: Workstation, document_id: str) -> Document:
    with home.database.reading() as session:
        return documents.get_document(session, document_id)


# --- corrections ---


def test_a_sealed_document_may_be_retyped_from_its_page(home):
    browser, document_id = enter(home), sealed(home)
    assert f'href="/documents/{document_id}/correct"' in browser.get(f"/documents/{document_id}").text
    page = browser.get(f"/documents/{document_id}/correct").text
    assert [what for what in ("type", "order", "split", "merge", "company") if f'id="what-{what}"' in page] == ["type", "company"]
    answer = browser.post(f"/documents/{document_id}/correct", data={"what": "type", "kind": "order", "reason": "commande"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/documents/{document_id}")
    document = look(home, document_id)
    assert (document.state, document.document_type) == (State.RECEIVED, "order")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"what": "type", "kind": "order", "reason": " "}, "donnez un motif"),
        ({"what": "type", "kind": "invoice", "reason": "vu"}, "Choisissez un autre type"),
        ({"what": "company", "company": "inconnue", "reason": "vu"}, "Choisissez une autre société"),
        ({"what": "magic", "reason": "vu"}, "Dites ce qu"),
        ({}, "Dites ce qu"),
    ],
)
def test_what_cannot_be_corrected_so_is_said_and_what_was_typed_is_kept(home, typed, told):
    browser, document_id = enter(home), sealed(home)
    answer = browser.post(f"/documents/{document_id}/correct", data=typed)
    assert answer.status_code == 422
    assert told in text_of(answer.text).replace("’", "'")
    assert typed.get("reason", "").strip() in answer.text
    assert look(home, document_id).state == State.SEALED


def test_another_company_has_the_new_document_and_the_old_one_says_so(home):
    browser, document_id = enter(home), sealed(home)
    data = {"what": "company", "company": "filiale", "reason": "adressée à la filiale"}
    assert browser.post(f"/documents/{document_id}/correct", data=data).headers["location"] == f"/documents/{document_id}"
    old = text_of(browser.get(f"/documents/{document_id}").text)
    assert ("passé à l’autre société" in old, "Remplacé" in old) == (True, True)
    with home.database.reading() as session:
        there = session.scalars(sa.select(Document.id).where(Document.entity == "filiale")).one()
    assert browser.get(f"/documents/{there}").status_code == 404
    assert browser.post("/entity", data={"entity": "filiale"}).status_code == 303
    assert browser.get(f"/documents/{there}").status_code == 200
    assert browser.get(f"/documents/{document_id}").status_code == 404
    browser.post("/entity", data={"entity": "essai"})
    assert browser.get(f"/documents/{document_id}/sealed.pdf?version=1").status_code == 200
    assert browser.get(f"/documents/{document_id}/sealed.pdf?version=2").status_code == 404


def test_a_document_at_work_is_not_corrected(home):
    document_id = webhome.received(home, "a.tif", webhome.PAPERS[0], hours=0)
    assert enter(home).get(f"/documents/{document_id}/correct").status_code == 409


WRITTEN = [("3, 1-2", [3, 1, 2]), ("1–3", [1, 2, 3]), (" 2 ;1", [2, 1]), *((text, None) for text in ("", "0", "1-9", "2-1"))]


@pytest.mark.parametrize(("text", "numbers"), WRITTEN)
def test_page_numbers_are_read_as_people_write_them(text, numbers):
    if numbers is None:
        with pytest.raises(ValueError, match=r"."):
            parse_numbers(text, 3)
    else:
        assert parse_numbers(text, 3) == numbers


@given(st.text(max_size=40), st.integers(1, 2000))
def test_whatever_is_typed_gives_numbers_of_pages_or_is_refused(text, pages):
    try:
        found = parse_numbers(text, pages)
    except ValueError:
        return
    assert set(found) <= set(range(1, pages + 1))


def test_not_an_invoice_asks_what_it_is(home):
    browser, document_id = enter(home), held(home)
    address = f"/documents/{document_id}/decision/not-invoice"
    assert 'value="aside"' in browser.get(address).text
    assert browser.post(address, data={"reason": "courrier"}).status_code == 422
    assert browser.post(address, data={"reason": "courrier", "kind": "invoice"}).status_code == 422
    assert browser.post(address, data={"reason": "courrier", "kind": "letter"}).status_code == 303
    assert look(home, document_id).document_type == "letter"


# --- out of sight ---


@pytest.mark.parametrize("make", [sealed, held])
def test_of_a_confidential_document_no_page_shows_name_values_or_reason(home, make):
    browser, document_id = enter(home), make(home)
    supplier = (webhome.PAPERS[0].supplier, webhome.PAPERS[2].supplier)
    hide(browser, document_id)
    pages = ["/", "/documents", "/documents?state=set-aside", f"/documents/{document_id}", f"/documents/{document_id}/erasure", "/ledger"]
    pages += [f"/documents/{document_id}/decision/retry", "/documents?q=quai", "/documents?q=courrier-de"]
    for page in pages:
        shown = browser.get(page).text + browser.get(page, headers=HTMX).text
        silent = (NAME, HELD, "quenouille", "zoonose", *supplier, "thumb.jpg")
        assert [word for word in silent if word in shown] == []
    assert "Pli confidentiel" in text_of(browser.get("/documents").text)


FILES = (
    "pages/1/page.jpg",
    "pages/1/thumb.jpg",
    "sealed.pdf",
    "capture-data.json",
    "verdict",
    "verdict.json",
    "source",
    "correct",
    "original",
)


@pytest.mark.parametrize("page", FILES)
def test_no_file_image_or_verdict_of_a_confidential_document_is_given(home, page):
    browser, document_id = enter(home), sealed(home)
    with home.database.reading() as session:
        sha256 = documents.get_document(session, document_id).arrivals[0].sha256
    address = f"/documents/{document_id}/{'originals/' + sha256 if page == 'original' else page}"
    hide(browser, document_id)
    answer = browser.get(address)
    assert answer.status_code == 423
    assert "Réservé à la conformité" in answer.text


def test_every_page_about_a_document_keeps_silent_or_is_marked_as_one_that_does(home):
    routes = _all_routes(build_app(home, secret=b"x").routes)
    assert {route.path for route in routes if desk.MASKS in route.tags} == {
        "/documents/{document_id}",
        "/documents/{document_id}/decision/{choice}",
        "/documents/{document_id}/erasure",
        "/documents/{document_id}/certificate.json",
    }


def test_the_confidential_document_is_shown_again_with_a_reason(home):
    browser, document_id = enter(home), sealed(home)
    hide(browser, document_id)
    assert browser.post(f"/documents/{document_id}/decision/retry", data={"reason": "erreur"}).status_code == 303
    assert NAME in browser.get(f"/documents/{document_id}").text
    with home.database.reading() as session:
        assert [row.choice for row in session.query(Decision).filter_by(document_id=document_id)] == ["confidential", "retry"]


# --- erasure ---


def test_two_people_erase_a_letter_and_the_certificate_is_shown(home):
    first, second, document_id = enter(home), enter(home, "responsable"), held(home)
    address = f"/documents/{document_id}/erasure"
    hide(first, document_id)
    assert first.post(address, data={"step": "ask"}).status_code == 422
    assert first.post(address, data={"step": "ask", "reason": "lettre médicale"}).status_code == 303
    assert 'id="confirm"' not in first.get(address).text
    refused = first.post(address, data={"step": "confirm"})
    assert (refused.status_code, "ne peut pas confirmer" in refused.text) == (422, True)
    assert look(home, document_id).state == State.SET_ASIDE
    assert 'id="confirm"' in second.get(address).text
    assert second.post(address, data={"step": "confirm"}).status_code == 303
    assert look(home, document_id).state == State.ERASED
    assert second.get(f"/documents/{document_id}/certificate.json").content == certificate_path(home, document_id).read_bytes()
    page = second.get(f"/documents/{document_id}").text
    assert ("Document effacé" in page, "get-certificate" in page, HELD in page) == (True, True, False)
    assert second.get(f"/documents/{document_id}/verdict").status_code == 404


def test_an_invoice_is_not_erased_and_the_page_says_how_long_it_is_kept(home):
    browser, document_id = enter(home), sealed(home)
    assert "mis de côté" in text_of(browser.get(f"/documents/{document_id}/erasure").text)
    hide(browser, document_id)
    page = text_of(browser.get(f"/documents/{document_id}/erasure").text)
    assert re.search(r"à garder 10 ans \(art\. L\. 123-22 C\. com\.\)", page)
    assert browser.post(f"/documents/{document_id}/erasure", data={"step": "ask", "reason": "x"}).status_code == 409


def test_a_request_is_taken_back_and_an_unknown_step_is_refused(home):
    browser, document_id = enter(home), held(home)
    hide(browser, document_id)
    address = f"/documents/{document_id}/erasure"
    browser.post(address, data={"step": "ask", "suggested": "Publicité"})
    assert browser.post(address, data={"step": "burn"}).status_code == 422
    assert browser.post(address, data={"step": "withdraw"}).status_code == 303
    assert browser.post(address, data={"step": "confirm"}).status_code == 409
    assert browser.get(f"/documents/{document_id}/certificate.json").status_code == 404
