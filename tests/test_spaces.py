"""The practice space beside production: nothing of one reaches the other."""

from pathlib import Path

import pytest
import webhome
from fastapi.testclient import TestClient
from test_web import visitor

from config.settings import FILE_NAME, Settings, Unusable, load_settings, write_example
from config.spaces import open_practice_space, other_space, practice_home
from station.web.app import build_app
from station.workstation import open_workstation


@pytest.fixture
def production(tmp_path: Path) -> Settings:
    home = tmp_path / "sceau"
    write_example(home)
    text = (home / FILE_NAME).read_text(encoding="utf-8")
    (home / FILE_NAME).write_text(text.replace('mode = "practice"', 'mode = "production"', 1), encoding="utf-8")
    return load_settings({"SCEAU_HOME": str(home)})


def places(settings: Settings) -> set[Path]:
    return {settings.home / "sceau.db", settings.home / "originals", *(settings.folder_of(each) for each in settings.stations)}


def test_the_practice_space_has_its_own_places_port_and_people(production):
    space = open_practice_space(production)
    assert space.home == practice_home(production.home) and space.server.port == production.server.port + 1
    assert space.sealing.mode == "practice" and not places(space) & places(production)
    assert open_practice_space(production) == space, "made once"


def test_production_refuses_whoever_is_signed_in_at_the_practice_space(production):
    practice, real = open_workstation(open_practice_space(production)), open_workstation(production)
    inside = TestClient(build_app(practice, secret=b"same"), base_url="http://127.0.0.1:8081", follow_redirects=False)
    assert inside.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 303
    assert set(inside.cookies) == {"sceau-essai"}
    page = inside.get("/help").text
    assert "<strong>ESSAI</strong>" in page and "http://127.0.0.1:8080/" in page
    outside = TestClient(build_app(real, secret=b"same"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    outside.cookies.set("sceau", inside.cookies["sceau-essai"])
    assert outside.get("/help").headers["location"].startswith("/sign-in")
    assert outside.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 401
    assert "http://127.0.0.1:8081/" in outside.get("/sign-in").text and "ESSAI</strong>" not in outside.get("/sign-in").text
    for workstation in (practice, real):
        workstation.database.close()


def test_what_the_practice_space_takes_in_is_nowhere_in_production(production):
    practice = open_workstation(open_practice_space(production))
    before = {path for path in production.home.rglob("*") if practice_home(production.home) not in (path, *path.parents)}
    webhome.held(practice, "essai.tif", webhome.PAPERS[0])
    after = {path for path in production.home.rglob("*") if practice_home(production.home) not in (path, *path.parents)}
    practice.database.close()
    assert before == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('mode = "practice"', 'mode = "production"'),
        ('folder = "stations/demo"', 'folder = "../stations/demo"'),
        ("# database_url", "database_url"),
    ],
)
def test_a_practice_space_that_reaches_outside_is_refused(production, before, after):
    file = open_practice_space(production).home / FILE_NAME
    file.write_text(file.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(Unusable):
        open_practice_space(production)


def test_there_is_no_practice_space_within_a_practice_space(production):
    with pytest.raises(Unusable):
        open_practice_space(open_practice_space(production))


def test_the_address_of_the_other_space_may_be_named(production):
    open_practice_space(production)
    named = production.model_copy(update={"server": production.server.model_copy(update={"other_space": "https://essai.exemple.fr/"})})
    assert other_space(named, "x") == "https://essai.exemple.fr/"
    assert other_space(production, "10.0.0.1") == f"http://10.0.0.1:{production.server.port + 1}/"


def test_an_installation_without_a_practice_space_shows_no_link(tmp_path):
    workstation = webhome.open_home(tmp_path)
    assert other_space(workstation.settings, "x") is None and "essai</a>" not in visitor(workstation).get("/sign-in").text
    workstation.database.close()
