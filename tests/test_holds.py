"""The pages of retention, legal holds, mandates and signatures: what a person sees and does there."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import atwork
import papers
import pytest
import webhome
from backdoor import without_trigger
from fastapi.testclient import TestClient
from test_web import enter, text_of, visitor

from station import retention
from station.records import documents
from station.records.tables import Document, FieldRow, Hold, Mandate, RetentionRow, State
from station.signing import Signings
from station.workstation import Workstation


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workstation:
    return webhome.open_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def ids(home: Workstation) -> dict[str, str]:
    return webhome.fill(home)


@pytest.fixture(scope="module")
def clerk(home: Workstation, ids: dict[str, str]) -> TestClient:
    retention.tend_retention(home)
    return enter(home)


@pytest.fixture(scope="module")
def officer(home: Workstation, clerk: TestClient) -> TestClient:
    browser = visitor(home)
    assert browser.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 303
    return browser


def end(home: Workstation, document_id: str) -> None:
    """Its last day passed long ago."""
    with home.database.writing() as session, without_trigger(session, "keep_until", "retention"):
        session.add(FieldRow(document_id=document_id, name="issue_date", source="person", value="2009-05-31"))
        session.get_one(RetentionRow, document_id).until = "2019-12-31"


@pytest.mark.parametrize("path", ["/retention", "/holds", "/mandates", "/signing"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_page_is_there_in_both_languages(clerk, path, language):
    clerk.post("/language", data={"language": language, "back": "/"})
    page = clerk.get(path)
    clerk.post("/language", data={"language": "fr", "back": "/"})
    assert page.status_code == 200
    assert not re.search(r"\b(signing|retention|holds|mandates|evidence)\.[a-z-]+", text_of(page.text))


def test_a_document_tells_until_when_it_is_kept_and_by_which_text(clerk, ids):
    page = text_of(clerk.get(f"/documents/{ids['conform']}/retention").text)
    assert "à garder jusqu'au 31/12/2036" in page.replace("’", "'")
    assert "art. L. 123-22 C. com." in page
    assert clerk.get(f"/documents/{ids['conform']}/retention.json").json()["until"] == "2036-12-31"


def test_a_persons_word_about_an_asset_is_kept(clerk, ids):
    assert clerk.post(f"/documents/{ids['review']}/retention", data={"asset": "yes"}).status_code == 303
    assert "immobilisation" in text_of(clerk.get(f"/documents/{ids['review']}/retention").text)
    assert clerk.post(f"/documents/{ids['review']}/retention", data={"last_operation": "hier"}).status_code == 422


def test_a_hold_is_placed_with_its_reason_and_lifted_with_another(home, clerk, ids):
    form = {"scope": "supplier", "value": "732829320", "reason": "contrôle fiscal", "starts": "2026-11-20"}
    assert clerk.post("/holds", data={**form, "reason": " "}).status_code == 422
    assert clerk.post("/holds", data={**form, "scope": "year", "value": "MMXX"}).status_code == 422
    assert clerk.post("/holds", data=form).status_code == 303
    with home.database.reading() as session:
        number = session.scalars(documents.sa.select(Hold.id)).one()
    page = text_of(clerk.get(f"/documents/{ids['conform']}/retention").text)
    assert "contrôle fiscal" in page
    assert clerk.post(f"/holds/{number}/lift", data={"reason": ""}).status_code == 422
    assert clerk.post(f"/holds/{number}/lift", data={"reason": "clos"}).status_code == 303
    assert clerk.post(f"/holds/{number}/lift", data={"reason": "clos"}).status_code == 404


def test_a_hold_is_placed_in_the_company_in_which_one_works_and_in_no_other(tmp_path):
    opened = webhome.open_home(tmp_path / "two")
    two = replace(opened, settings=opened.settings.model_copy(update={"companies": ["autre"]}))
    browser, form = enter(two), {"scope": "year", "value": "2024", "reason": "contrôle", "starts": "2026-11-20"}
    assert browser.post("/holds", data={**form, "company": "inconnue"}).status_code == 422
    assert browser.post("/holds", data={**form, "company": "autre"}).status_code == 422
    assert browser.post("/holds", data=form).status_code == 303
    browser.post("/entity", data={"entity": "autre"})
    assert "contrôle" not in text_of(browser.get("/holds").text.split('id="standing')[-1].split("<form")[0])
    assert browser.post("/holds", data=form).status_code == 303
    with two.database.reading() as session:
        assert list(session.scalars(documents.sa.select(Hold.entity).order_by(Hold.id))) == ["essai", "autre"]
    two.database.close()


def test_before_its_date_the_page_offers_nothing_and_a_forged_form_deletes_nothing(home, clerk, ids):
    assert ids["conform"] not in clerk.get("/retention").text.split('id="soon-title"')[0]
    assert clerk.post("/retention/ask", data={"ids": ids["conform"], "reason": "x"}).status_code == 409
    with home.database.reading() as session:
        assert documents.get_document(session, ids["conform"]).state == State.SEALED


def test_after_its_date_one_asks_and_another_confirms(home, clerk, officer, ids):
    end(home, ids["paper"])
    assert ids["paper"] in clerk.get("/retention").text.split('id="soon-title"')[0]
    assert clerk.post("/retention/ask", data={"ids": ids["paper"], "reason": "fin"}).status_code == 303
    assert clerk.post("/retention/decide", data={"ids": ids["paper"], "step": "confirm"}).status_code == 422
    assert officer.post("/retention/decide", data={"ids": ids["paper"], "step": "confirm"}).status_code == 303
    with home.database.reading() as session:
        assert documents.get_document(session, ids["paper"]).state == State.ERASED
    assert officer.get(f"/documents/{ids['paper']}/certificate.json").json()["retention"][0]["until"] == "2019-12-31"


# --- mandates ---


def test_a_mandate_is_recorded_with_its_file_downloaded_and_revoked(home, clerk):
    data = {"third_party": "Coffre SAS", "scope": "factures reçues", "starts": "2026-01-01"}
    signed = b"%PDF-1.4 mandat"
    assert clerk.post("/mandates", data={**data, "ends": "2025-01-01"}, files={"file": ("m.pdf", signed)}).status_code == 422
    assert clerk.post("/mandates", data={**data, "scope": " "}, files={"file": ("m.pdf", signed)}).status_code == 422
    assert clerk.post("/mandates", data=data, files={"file": ("m.pdf", b"")}).status_code == 422
    assert clerk.post("/mandates", data=data, files={"file": ("mandat signé.pdf", signed)}).status_code == 303
    with home.database.reading() as session:
        number = session.scalars(documents.sa.select(Mandate.id)).one()
    assert clerk.get(f"/mandates/{number}/file").content == signed
    assert "Coffre SAS" in text_of(clerk.get("/mandates").text)
    assert clerk.post(f"/mandates/{number}/revoke", data={"reason": "résilié"}).status_code == 303
    assert clerk.post(f"/mandates/{number}/revoke", data={"reason": "résilié"}).status_code == 404


def test_a_large_mandate_passes_the_guard_and_no_other_form_grows_with_it(clerk):
    assert clerk.post("/mandates", files={"file": ("m.pdf", b"x" * 200_000)}, data={"starts": "?"}).status_code == 422
    assert clerk.post("/holds", data={"value": "x" * 200_000}).status_code == 413


# --- signing ---


class Office:
    """A home with real sealed orders, seen by its officer."""

    def __init__(self, workstation: Workstation, work: atwork.Work) -> None:
        self.workstation, self.work, self.files = workstation, work, 0
        self.browser = visitor(workstation)
        assert self.browser.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 303

    def order(self) -> Document:
        self.files += 1
        page = papers.draw_page([f"C{self.files}"], size=(500, 300), seed=self.files)
        document_id = atwork.take_in(self.workstation, papers.write_png(self.workstation.home / f"{self.files}.png", page))
        with self.workstation.database.writing() as session:
            documents.get_document(session, document_id).document_type = "order"
        return self.work(document_id)

    def wait(self) -> str:
        """Until the batch is over; what the page says then."""
        signings: Signings = self.browser.app.state.signings  # type: ignore[attr-defined]
        deadline = time.monotonic() + 30
        while any(batch.running for batch in signings.batches.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return text_of(self.browser.get("/signing").text)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Office]:
    workstation = atwork.open_home(tmp_path_factory.mktemp("office"), practice_keys)
    with atwork.pipeline_of(workstation) as work:
        yield Office(workstation, work)
    workstation.database.close()


def test_a_wrong_password_is_told_and_signs_nothing(office):
    order = office.order()
    page = office.browser.post("/signing", data={"ids": order.id, "password": "faux"})
    assert (page.status_code, "Ce mot de passe" in text_of(page.text)) == (422, True)
    assert "n'ouvre pas votre clé" in text_of(page.text).replace("’", "'")
    assert len(atwork.document_of(office.workstation, order.id).archives) == 1


def test_chosen_copies_are_signed_as_a_batch_and_the_page_counts_them(office):
    orders = [office.order(), office.order()]
    assert office.browser.post("/signing", data={"ids": [each.id for each in orders], "password": "essai"}).status_code == 303
    assert "2 signées sur 2" in office.wait()
    assert [atwork.document_of(office.workstation, each.id).archives[-1].officer is not None for each in orders] == [True, True]
    page = text_of(office.browser.get(f"/documents/{orders[0].id}").text)
    assert "Signé par un responsable" in page


def test_whoever_has_no_key_sees_the_list_and_signs_nothing(office):
    order = office.order()
    clerk = enter(office.workstation)
    assert 'type="password"' not in clerk.get("/signing").text
    page = clerk.post("/signing", data={"ids": order.id, "password": "essai"})
    assert (page.status_code, "pas de clé de signature" in text_of(page.text)) == (422, True)


def test_nothing_is_signed_where_nothing_is_ticked(office):
    assert office.browser.post("/signing", data={"password": "essai"}).status_code == 422


def test_the_document_names_what_is_lacking_for_the_next_step_of_its_evidence(office):
    order = office.order()
    page = text_of(office.browser.get(f"/documents/{order.id}").text)
    assert "Pour aller plus loin" in page
    assert "un certificat de cachet délivré à l" in page
