"""Accounts in a real Chromium: what was typed outlasts the question who one is, and no page of theirs bars anybody."""

import re

import pytest
import webhome
from barriers import barriers
from playwright.sync_api import expect, sync_playwright
from screenshots import CHROMIUM, serving
from test_browser import pytestmark  # noqa: F401 the same needs

from station.records import people
from station.web import visits


@pytest.fixture
def home(tmp_path):
    return webhome.open_home(tmp_path)


def test_what_was_typed_outlasts_the_question_who_one_is_and_no_page_bars_anybody(home, monkeypatch):
    with serving(home) as address, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]).new_page(locale="fr-FR")
        page.goto(f"{address}/sign-in?next=/people")
        page.fill("#login", "responsable")
        page.fill("#password", "essai")
        page.click("main button")
        expect(page).to_have_url(f"{address}/people")
        assert barriers(page) == []
        page.fill("#new-login", "claire")
        page.fill("#name", "Claire\u00a0« C. » O'Neill & fils")
        page.check('input[value="clerk"]')
        monkeypatch.setattr(visits, "SURE_SECONDS", -1)
        page.click("#new-person button")
        expect(page.locator("#confirm h1")).to_have_text("Confirmez que c’est vous")
        assert barriers(page) == []
        monkeypatch.undo()
        page.fill("#step_password", "essai")
        page.click("#confirm button")
        expect(page.locator("#given h1")).to_have_text("Mot de passe provisoire")
        assert barriers(page) == []
        with home.database.reading() as session:
            claire = people.find(session, "claire")
        assert claire.name == "Claire\u00a0« C. » O'Neill & fils"
        page.click("#given a[role=button]")
        expect(page).to_have_url(re.compile(claire.pseudonym))
        assert barriers(page) == []
        page.goto(f"{address}/account")
        page.click("#second-factor button")
        drawn = page.locator("#second-factor img")
        expect(drawn).to_have_js_property("complete", True)
        assert drawn.evaluate("image => image.naturalWidth") > 50
        assert barriers(page) == []
