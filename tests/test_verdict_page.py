"""The verdict, the tolerances and the nature of a source on the screens: in words of both languages, and what their forms do."""

import re

import pytest
import webhome
from fastapi.testclient import TestClient

from conformity.clauses import CLAUSES
from station.records import documents
from station.records.tables import State, Tolerance
from station.tolerances import list_tolerances
from station.web.app import build_app
from station.web.verdict import OUTCOME_LOOKS, Outcome
from station.web.words import LANGUAGES, words_in

FORM = {"scope": "station", "value": "demo", "reason": "logo seul en couleur", "starts": "2026-01-01", "ends": ""}


def enter(workstation) -> TestClient:
    browser = TestClient(build_app(workstation, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 303
    return browser


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    workstation = webhome.open_home(tmp_path_factory.mktemp("verdicts"))
    return enter(workstation), webhome.fill(workstation)


@pytest.fixture
def home(tmp_path):
    return webhome.open_home(tmp_path)


def seen(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def rows(browser, document_id: str) -> dict[str, str]:
    return {row["clause"]: row["outcome"] for row in browser.get(f"/documents/{document_id}/verdict.json").json()["clauses"]}


def standing(home) -> list[Tolerance]:
    with home.database.reading() as session:
        return [each for each in list_tolerances(session, home.settings.entity) if each.revoked_at is None]


# --- the verdict ---


def test_every_outcome_has_its_look_and_its_words():
    assert set(OUTCOME_LOOKS) == set(Outcome)
    for language in LANGUAGES:
        assert all(words_in(language)(f"outcome.{outcome.name.lower()}") for outcome in Outcome)


def test_the_page_has_a_row_for_each_clause_with_the_words_of_the_article(filled):
    browser, ids = filled
    page = browser.get(f"/documents/{ids['conform']}/verdict").text
    assert all(f"<strong>{clause}</strong>" in page for clause in CLAUSES)
    told = seen(page)
    assert "copie conforme à l’original en image et en contenu" in told
    assert "300 ppp est votre politique" in told
    assert "JORFTEXT000034307622" in told
    assert "non relues par une personne" in told


def test_what_only_the_seal_makes_true_is_complete_on_the_page_of_a_sealed_document(filled):
    browser, ids = filled
    sealed, held = rows(browser, ids["conform"]), rows(browser, ids["held"])
    assert {sealed[clause] for clause in ("II-6", "III-1", "III-2", "III-3")} == {"conforme"}
    assert {held[clause] for clause in ("II-6", "III-1", "III-2", "III-3")} == {"après scellement"}


def test_a_lossy_scan_is_told_what_to_change_on_the_device(filled):
    browser, ids = filled
    assert rows(browser, ids["held"])["I-4"] == "non conforme"
    assert "choisissez TIFF sans compression ou LZW" in seen(browser.get(f"/documents/{ids['held']}/verdict").text)


def test_a_practice_seal_is_called_one_in_the_verdict(filled):
    browser, ids = filled
    assert "cachet d’essai, qui ne compte pas" in seen(browser.get(f"/documents/{ids['conform']}/verdict").text)


def test_the_document_s_page_leads_to_its_verdict(filled):
    browser, ids = filled
    assert f'href="/documents/{ids["held"]}/verdict"' in browser.get(f"/documents/{ids['held']}").text


def test_the_verdict_speaks_english_after_the_switch(home):
    document_id = webhome.held(home, "scan.jpg", webhome.PAPERS[0])
    browser = enter(home)
    browser.post("/language", data={"language": "en", "back": "/"})
    told = seen(browser.get(f"/documents/{document_id}/verdict").text)
    assert "does not conform" in told
    assert "no documented organisation is named" in told
    assert "your policy" in told


# --- tolerances ---


def test_a_tolerance_is_decided_on_its_page_and_stands_there(home):
    browser = enter(home)
    answer = browser.post("/tolerances", data=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tolerances")
    told = seen(browser.get("/tolerances").text)
    assert "N° 1 · Station demo" in told
    assert "logo seul en couleur" in told


def test_a_held_grey_document_is_judged_again_under_a_new_tolerance(home):
    document_id = webhome.received(home, "grey.png", webhome.PAPERS[0], 1)
    with home.database.writing() as session:
        document = webhome._judge(session, document_id, "blocked", [webhome.finding("grey-image", page=1)])
        webhome._enter(session, document, State.HELD, "held", {"verdict": "blocked"})
    enter(home).post("/tolerances", data=FORM)
    with home.database.reading() as session:
        assert documents.get_document(session, document_id).state is State.RECEIVED


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reason": " "}, "Donnez un motif"),
        ({"value": "nulle-part"}, "Cette station n’existe pas"),
        ({"scope": "batch"}, "Ce lot n’existe pas"),
        ({"scope": "supplier", "value": "…"}, "Nommez le fournisseur"),
        ({"starts": "demain"}, "Ces dates n’en sont pas"),
        ({"ends": "2025-01-01"}, "Ces dates n’en sont pas"),
    ],
)
def test_a_form_with_a_mistake_comes_back_says_which_and_keeps_what_was_typed(home, change, told):
    answer = enter(home).post("/tolerances", data={**FORM, **change})
    assert answer.status_code == 422
    assert told in seen(answer.text)
    assert (FORM | change)["value"] in answer.text
    assert standing(home) == []


def test_a_tolerance_is_ended_with_a_reason_and_stays_to_be_seen(home):
    browser = enter(home)
    browser.post("/tolerances", data=FORM)
    assert browser.post("/tolerances/1/revoke", data={"reason": ""}).status_code == 422
    assert len(standing(home)) == 1
    assert browser.post("/tolerances/1/revoke", data={"reason": "tampons rouges"}).status_code == 303
    assert standing(home) == []
    assert "tampons rouges" in browser.get("/tolerances").text
    assert browser.post("/tolerances/1/revoke", data={"reason": "encore"}).status_code == 404


# --- nature of the source ---


def test_the_source_is_said_on_its_page_and_the_document_judged_again(home):
    document_id = webhome.held(home, "scan.png", webhome.PAPERS[0])
    browser = enter(home)
    page = browser.get(f"/documents/{document_id}/source").text
    assert re.findall(r'value="(\w+)"( checked)?>', page)[:3] == [("paper", " checked"), ("print", ""), ("electronic", "")]
    form = {"source": "print", "supplier": "Quais", "reason": "PDF du portail"}
    assert browser.post(f"/documents/{document_id}/source", data=form).headers["location"] == f"/documents/{document_id}"
    with home.database.reading() as session:
        document = documents.get_document(session, document_id)
        assert (document.source, document.supplier, document.state) == ("print", "Quais", State.RECEIVED)
    told = seen(browser.get(f"/documents/{document_id}").text)
    assert "impression d’une facture électronique" in told
    assert "Nature de la source dite par une personne" in told


@pytest.mark.parametrize("form", [{"source": "print", "reason": ""}, {"source": "unknown", "reason": "x"}, {"reason": "x"}])
def test_a_source_without_its_reason_is_asked_again(home, form):
    document_id = webhome.held(home, "scan.png", webhome.PAPERS[0])
    answer = enter(home).post(f"/documents/{document_id}/source", data=form)
    assert answer.status_code == 422
    assert "donnez un motif" in seen(answer.text)


def test_of_a_print_the_choice_and_the_mark_speak_of_the_native_file(home):
    document_id = webhome.held(home, "scan.png", webhome.PAPERS[0])
    with home.database.writing() as session:
        document = documents.get_document(session, document_id)
        document.source, document.paper_stays = "print", True
        documents.replace_findings(session, document_id, [webhome.finding("print-of-electronic")])
    told = seen(enter(home).get(f"/documents/{document_id}").text)
    assert "Impression : le fichier natif reste l’original" in told.replace("\u00a0", " ")
    assert "Traiter, fichier natif à demander" in told
