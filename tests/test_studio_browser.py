"""A threshold changes in a browser: drafted and replayed by one, put in force by another; the next invoice goes the new way. Loopback."""

from collections.abc import Iterator

import pytest
from barriers import barriers, beside_boxes, too_wide
from playwright.sync_api import Browser, Page
from screenshots import serving
from studiohome import FILE
from test_browser import chromium  # noqa: F401 the fixture is this module's, too
from test_browser import pytestmark as needs_chromium
from test_circuits_at_work import House, house  # noqa: F401 the fixture is this module's, too

from station.records import people
from station.records.tables import Person

pytestmark = needs_chromium
PASSWORD = "un long mot de passe"


def opened(browser: Browser, address: str, login: str, *, scripts: bool) -> Page:
    page = browser.new_context(java_script_enabled=scripts, viewport={"width": 1366, "height": 768}, locale="fr-FR").new_page()
    page.route("**/events", lambda route: route.abort())
    page.goto(f"{address}/sign-in")
    page.fill("#login", login)
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(lambda url: not url.endswith("/sign-in"))
    return page


@pytest.fixture
def address(house: House) -> Iterator[str]:  # noqa: F811 pytest's way
    with house.workstation.database.writing() as session:
        for login in ("clara", "carole"):
            session.get_one(Person, login).password_hash = people._HASHER.hash(PASSWORD)
    with serving(house.workstation) as address:
        with house.workstation.database.writing() as session:
            for login in (people.PRACTICE_LOGIN, people.SECOND_LOGIN):
                session.get_one(Person, login).ended_at = house.now[0]
        yield address


def read(page: Page, selector: str) -> str:
    return page.inner_text(selector).replace("\u202f", " ").replace("\u00a0", " ")


def test_a_clerk_changes_a_threshold_replays_it_a_second_person_activates_and_an_invoice_takes_the_new_way(chromium, house, address):  # noqa: F811
    before = house.invoice("6000.00")
    house.submit(before)
    assert house.approval(before).needed == 2
    # The clerk, without scripts and without a mouse in the grid: Enter saves.
    clerk = opened(chromium, address, "clara", scripts=False)
    clerk.goto(f"{address}/regles")
    clerk.get_by_role("link", name="Approbation des factures de fournisseurs").click()
    clerk.get_by_label("ligne A4, Montant TTC").fill("]500..8000]")
    clerk.get_by_label("ligne A5, Montant TTC").fill("> 8000")
    clerk.get_by_label("ligne A5, Montant TTC").press("Enter")
    assert "attendu ligne A5, obtenu ligne A4" in read(clerk, "#flaws")
    clerk.fill("#trials input[value='5000,01']", "8000,01")
    clerk.press("#trials input[value='5000,01']", "Enter")
    assert "« > 5000 » → « > 8000 »" in read(clerk, "#draft")
    clerk.fill("#replay input[name=first]", "2026-11-01")
    clerk.fill("#replay input[name=last]", "2026-11-30")
    clerk.click("#replay button")
    assert read(clerk, "#result-title") == "1 document change de circuit, pour 6 000,00 €. Le voici."
    assert clerk.locator("#result a[href^='/documents/']").get_attribute("href") == f"/documents/{before}"
    clerk.fill("#reason", "Le seuil suit les achats")
    clerk.click("#ask button")
    assert "une autre personne doit décider" in read(clerk, "#request")
    assert clerk.locator("#request button[value=activate]").count() == 0
    # The second person.
    other = opened(chromium, address, "carole", scripts=True)
    other.goto(f"{address}/regles/{FILE}")
    assert "1 document change de circuit" in read(other, "#request")
    other.click("#request button[value=activate]")
    assert "version 2, en vigueur" in read(other, "main")
    # The next invoice.
    house.later(hours=1)
    after = house.invoice("7342.80", number="MLG-77120")
    house.submit(after)
    assert house.approval(after).needed == 1
    assert house.approval(before).needed == 2  # What was submitted before keeps its rules.
    other.goto(f"{address}/documents/{after}/circuits")
    told = read(other, "main")
    assert "A4" in told
    assert "]500..8000]" in told
    other.goto(f"{address}/documents/{before}/circuits")
    assert "> 5000" in read(other, "main")


@pytest.mark.parametrize("width", [1366, 360])
def test_no_page_of_the_studio_bars_anybody_or_scrolls_sideways(chromium, house, address, width):  # noqa: F811
    house.submit(house.invoice("6000.00"))
    page = opened(chromium, address, "clara", scripts=True)
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(f"{address}/regles/{FILE}")
    page.get_by_label("ligne A5, Montant TTC").fill("> cinq")
    page.get_by_label("ligne A5, Montant TTC").press("Enter")
    page.wait_for_selector("#flaws")
    found = {}
    for path in (
        "",
        f"/{FILE}",
        "/facture-fournisseur.circuit",
        f"/{FILE}/versions/1",
        "/avoirs.regles/essayer?v-origine_trouvee=oui&v-depassement=non",
    ):
        page.goto(f"{address}/regles{path}")
        found[path] = (beside_boxes(barriers(page)), too_wide(page))
    assert {path: wrong for path, wrong in found.items() if any(wrong)} == {}
