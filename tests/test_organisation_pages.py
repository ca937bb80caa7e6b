"""The pages of the dossier, the controls and the paper: two people, no script, and every trouble in words."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from controlled import House
from fastapi.testclient import TestClient

from config.settings import Channel, Organisation, Place
from station import controls, custody, dossier
from station.web.app import build_app


@pytest.fixture
def house(tmp_path: Path, practice_keys: Path) -> Iterator[House]:
    house = House(
        tmp_path / "home",
        practice_keys,
        organisation=Organisation(quarantine_days=30, places=[Place(name="Bonn", country="DE")]),
        channel=Channel(public=True),
    )
    yield house
    house.close()


def enter(house: House, login: str = "atelier") -> TestClient:
    browser = TestClient(build_app(house.workstation, secret=b"test"), base_url="http://127.0.0.1:8080")
    browser.post("/sign-in", data={"login": login, "password": "essai"})
    return browser


def words(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return plain(answer.text)


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("&nbsp;", " ")


def send(browser: TestClient, path: str, status: int = 200, **form: str) -> str:
    answer = browser.post(path, data=form)
    assert answer.status_code == status, plain(answer.text)
    return plain(answer.text)


@pytest.mark.parametrize("path", ["/organisation", "/controles", "/papier"])
def test_nobody_sees_them_without_signing_in(house, path):
    browser = TestClient(build_app(house.workstation, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert browser.get(path).headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", ["/organisation", "/controles", "/papier"])
def test_each_page_is_shown_in_both_languages_on_an_empty_home(house, path):
    browser = enter(house)
    french = words(browser, path)
    browser.post("/language", data={"language": "en", "back": path})
    assert words(browser, path) != french


def test_a_dossier_is_prepared_by_one_and_countersigned_by_another(house):
    clerk, officer = enter(house), enter(house, "responsable")
    send(clerk, "/organisation/texts/company", text="Dupont, Lyon")
    assert "Dupont, Lyon" in words(clerk, "/organisation")
    assert "Dites pourquoi cette version" in send(clerk, "/organisation/versions", 422, reason=" ")
    send(clerk, "/organisation/versions", reason="mise en service")
    with house.reading() as session:
        number = dossier.pending_dossier(session, house.entity).id
    assert "une autre personne doit le faire" in send(clerk, f"/organisation/versions/{number}", 422, step="sign")
    assert "Dossier scellé et en vigueur" in send(officer, f"/organisation/versions/{number}", step="sign")
    answer = clerk.get(f"/organisation/versions/{number}.pdf")
    assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    send(officer, f"/organisation/versions/{number}", 409, step="sign")


def test_a_question_or_version_that_there_is_not_is_no_page(house):
    browser = enter(house)
    send(browser, "/organisation/texts/nothing", 404, text="x")
    assert browser.get("/organisation/versions/99.pdf").status_code == 404
    assert browser.get("/controles/lots/99").status_code == 404
    assert browser.get("/papier/slips/99.pdf").status_code == 404


def test_a_place_abroad_is_declared_on_the_page(house):
    with house.writing() as session:
        number = dossier.notice_places(session, house.settings, house.at).id
    browser = enter(house)
    assert "à déclarer au service des impôts avant le 02/03/2026" in words(browser, "/organisation")
    assert "Donnez la référence" in send(browser, f"/organisation/places/{number}", 422)
    assert "Déclaration notée" in send(browser, f"/organisation/places/{number}", note="SIE Lyon, 12/02")


def test_a_result_and_a_change_of_the_plan_are_entered(house):
    browser = enter(house)
    assert "dites ce que vous avez constaté" in send(browser, "/controles/results/restore", 422, outcome="fail")
    assert "Résultat inscrit" in send(browser, "/controles/results/restore", outcome="pass", note="")
    assert "rien n’a changé" in send(browser, "/controles/plan/restore", 422, owner="DSI", days="x", procedure="y", reason="z")
    send(browser, "/controles/plan/restore", owner="DSI", days="30", procedure="y", reason="z")
    assert "DSI · tous les 30 jours" in words(browser, "/controles")


def test_a_lot_waits_for_a_checkpoint_then_is_looked_at_page_by_page(house):
    house.seal_many(2)
    house.later(days=1)
    browser = enter(house)
    assert "attend un point de contrôle du registre" in words(browser, "/controles")
    assert controls.tend_lots(house.workstation) == 0
    house.checkpoint()
    assert "tiré dans la minute" in words(browser, "/controles")
    assert controls.tend_lots(house.workstation) == 1
    assert "Page 1 sur 2" in words(browser, "/controles/lots/1")
    first, second = house.lot(1).sample
    assert "décrivez le défaut" in send(browser, "/controles/lots/1", 422, item=first, identical="yes", colour="yes", complete="no")
    assert "Page 2 sur 2" in send(browser, "/controles/lots/1", item=first, good="yes")
    assert "Le lot est refusé" in send(
        browser, "/controles/lots/1", item=second, identical="yes", colour="yes", complete="no", note="bord coupé"
    )
    send(browser, "/controles/lots/1", 409, item=second, good="yes")
    assert "bord coupé" in words(browser, "/controles/lots/1")


def test_a_failed_lot_asks_for_an_action_on_the_page(house):
    house.seal()
    house.later(days=1)
    house.checkpoint()
    house.look(house.form(), faults=[0])
    browser = enter(house)
    with house.reading() as session:
        (failure,) = controls.unanswered_failures(session, house.entity)
    assert "Dites quoi, qui" in send(browser, f"/controles/failures/{failure.id}", 422, what="x", owner="y", due="2026-01-01")
    assert "Régler" in send(browser, f"/controles/failures/{failure.id}", what="Régler", owner="atelier", due="2026-03-01")
    send(browser, "/controles/actions/1", 422, done=" ")
    assert "Action faite" in send(browser, "/controles/actions/1", done="réglé")


def test_paper_goes_by_two_people_and_a_visa(house):
    lot, scan = house.passed_lot(2), house.seal()
    clerk, officer = enter(house), enter(house, "responsable")
    assert "aucun bordereau n’a été préparé" in send(clerk, f"/papier/lots/{lot}/slip", 422)
    house.later(days=30)
    assert "Lieu du papier inscrit" in send(clerk, f"/papier/lots/{lot}", box="B-1", where="Cave")
    assert "Bordereau préparé" in send(clerk, f"/papier/lots/{lot}/slip")
    assert "Il manque le visa" in send(officer, "/papier/slips/1", 422, step="sign", reason="place")
    visa = {"visa": "2026-7", "visa_day": "2026-03-01", "visa_document": scan}
    assert "ne peut pas le signer" in send(clerk, "/papier/slips/1", 422, step="sign", reason="place", **visa)
    assert "signé et scellé" in send(officer, "/papier/slips/1", step="sign", reason="place", **visa)
    assert clerk.get("/papier/slips/1.pdf").content.startswith(b"%PDF-")
    assert "Donnez le motif" in send(clerk, "/papier/slips/1", 422, step="destroyed", reason="")
    assert "Destruction notée" in send(clerk, "/papier/slips/1", step="destroyed", reason="broyage")
    send(clerk, "/papier/slips/1", 409, step="withdraw", reason="x")


def test_a_paper_that_came_to_stay_is_named_on_the_slip(house):
    lot = house.passed_lot(2)
    house.later(days=30)
    with house.writing() as session:
        custody.prepare_slip(session, house.settings, controls.find_lot(session, house.entity, lot), house.clerk, house.at)
        document = custody.find_slip(session, house.entity, 1).documents[0]
        session.get_one(controls.Document, document).paper_stays = True
    browser = enter(house, "responsable")
    told = words(browser, "/papier")
    assert "doivent maintenant rester" in told
    assert "le papier reste l'original" in told.replace("&#39;", "'").replace("’", "'")


@pytest.mark.parametrize("path", ["/organisation", "/controles", "/papier"])
def test_they_work_without_script_or_inline_style(house, path):
    page = enter(house).get(path).text
    assert "style=" not in page and "onclick" not in page
    assert all("src=" in tag for tag in re.findall("<script[^>]*>", page))
