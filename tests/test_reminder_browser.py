"""Reminders in a real Chromium: receivables sees what leaves tomorrow and suspends one line of it; the pages bar nobody."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from barriers import barriers
from owed import MORNING, Owing, open_owing
from playwright.sync_api import Browser, Page, expect, sync_playwright
from screenshots import CHROMIUM, serving
from test_browser import pytestmark  # noqa: F401 the same needs

from station import agenda
from station.records import dunning as records

EVE = MORNING - timedelta(hours=20)
"""A Monday at half past one in the afternoon, Paris: what leaves tomorrow is shown."""
FIFTH = date(2026, 10, 29)


@pytest.fixture
def owing(tmp_path, practice_keys) -> Owing:
    made = open_owing(tmp_path / "home", keys=practice_keys, now=EVE)
    made.owes("F-2026-101", FIFTH, "1234.56", "Atelier Moreau", batch="liste-1")
    made.owes("F-2026-102", FIFTH, "500.00", "Garage du Pont", mentions=None)
    made.owes("F-2026-103", FIFTH, "80.10", "Boulangerie Ker", email="")
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def entered(browser: Browser, address: str, path: str, **options: object) -> Page:
    page = browser.new_page(locale="fr-FR", **options)
    page.goto(f"{address}/sign-in?next={path}")
    page.fill("#login", "atelier")
    page.fill("#password", "essai")
    page.click("main button")
    return page


def no_barrier(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page) == []


def test_receivables_suspends_one_line_of_tomorrows_run_and_only_the_others_leave(browser, owing):
    with serving(owing.station) as address:
        page = entered(browser, address, "/relances")
        expect(page.locator("#next-title")).to_have_text("Ce qui partira le 03/11/2026 à 8 h")
        expect(page.locator(".reminder")).to_have_count(3)
        page.click("#stop-item-1 summary")
        page.fill("#reason-item-1", "chèque annoncé")
        page.fill("#ends-item-1", "2026-11-20")
        page.click("#stop-item-1 button")
        expect(page.locator(".reminder")).to_have_count(2)
        expect(page.locator("#rest-1")).to_contain_text("chèque annoncé")
        page.close()
    owing.turn(MORNING)
    with owing.station.database.reading() as session:
        assert {row.object for row in agenda.planned(session, "essai", "dunning")} & {"1"} == {"1"}
        assert "1" not in records.sendings_by_item(session, "essai")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1366), ("dark", 360)])
def test_the_pages_bar_nobody(browser, owing, scheme, width):
    owing.turn(MORNING)
    owing.now = EVE + timedelta(days=2)
    owing.owes("F-2026-104", FIFTH + timedelta(days=2), "4500.00", "Très long nom d'un établissement public de coopération intercommunale")
    with serving(owing.station) as address:
        page = entered(browser, address, "/relances", color_scheme=scheme, viewport={"width": width, "height": 768})
        for path in ("/relances", "/relances?vue=une", "/relances/calendrier", "/relances/envoyees", "/relances/courrier"):
            page.goto(address + path)
            no_barrier(page, width)
        page.close()
