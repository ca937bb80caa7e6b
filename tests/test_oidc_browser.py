"""The provider of identities in a real Chromium: another site sends the browser back, and the strict cookie is there all the same."""

import contextlib

import webhome
from barriers import barriers
from oidcserver import CLIENT, SECRET
from oidcserver import serving as providing
from playwright.sync_api import expect, sync_playwright
from screenshots import CHROMIUM, serving
from test_browser import pytestmark  # noqa: F401 the same needs

from config.settings import Provider, Server, SignIn
from station.people import Act, RoleDays, add_person
from station.web import visits
from station.workstation import Workstation
from workflow.roles import Role


def test_who_comes_back_from_the_provider_is_signed_in_and_nothing_typed_is_lost_by_showing_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_OIDC_SECRET", SECRET)
    opened = webhome.open_home(tmp_path)
    with opened.database.writing() as session:
        act = Act("essai", None, opened.clock())
        add_person(session, act, "claire", "Claire", "claire@example.org", [RoleDays(Role.CLERK), RoleDays(Role.MAILROOM)])
        add_person(session, act, "paul", "Paul", "", [RoleDays(Role.CLERK)])
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(providing())
        oidc = Provider(issuer=provider.issuer, client_id=CLIENT, label="compte ACME")
        settings = opened.settings.model_copy(update={"sign_in": SignIn(oidc=oidc), "server": Server()})
        home = Workstation(settings, opened.database, opened.originals, opened.archives, opened.clock)
        address = stack.enter_context(serving(home, lambda app, place: setattr(app.state.relying, "back", f"{place}/oidc/callback")))
        page = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]).new_page()
        # localhost and 127.0.0.1 are two sites: coming back, the browser does not bring the strict cookie along.
        page.goto(f"{address}/sign-in?next=/account")
        assert barriers(page) == []
        page.click("#provider")
        expect(page).to_have_url(f"{address}/account")
        expect(page.locator("h1")).to_have_text("Mon compte")
        assert barriers(page) == []
        monkeypatch.setattr(visits, "SURE_SECONDS", -1)
        page.select_option("#to", "paul")
        page.fill("#deputies input[name=ends]", "2026-11-27")
        page.click("#deputies form:last-of-type button")
        expect(page.locator("#confirm h1")).to_be_visible()
        assert barriers(page) == []
        with page.expect_popup() as popup:
            page.click("#provider")
        expect(popup.value.locator("h1")).to_have_text("Votre identité est confirmée")
        assert barriers(popup.value) == []
        monkeypatch.undo()
        page.click("#confirm button")
        expect(page.locator(".flash")).to_be_visible()
        expect(page.locator("#deputies")).to_contain_text("paul")
        page.click("header form[action='/sign-out'] button")
        expect(page.locator("#out")).to_be_visible()
