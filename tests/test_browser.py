"""The pages in a real Chromium: what a person does with eyes, keyboard and mouse. Loopback only."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import papers
import pytest
import webhome
from barriers import AXE, found_at
from playwright.sync_api import Browser, Page, expect, sync_playwright
from screenshots import CHROMIUM, serving, sign_in
from test_cli import Served, make_home

from config.settings import Station
from station.chaos import Scanner
from station.records import batches, documents
from station.web.desk import STATIC
from station.workstation import Workstation

LATER = webhome.NOON.replace(year=2027)
pytestmark = pytest.mark.skipif(
    not (Path(CHROMIUM).exists() and (STATIC / "vendor" / "htmx.min.js").exists()),
    reason="needs Debian's chromium and the front-end packages: `make test` installs both",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Root has no sandbox of its own; every address that is opened is ours.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def station(tmp_path_factory) -> Iterator[tuple[str, Workstation, dict[str, str]]]:
    workstation = webhome.open_home(tmp_path_factory.mktemp("seen"))
    ids = webhome.fill(workstation)
    with serving(workstation) as address:
        yield address, workstation, ids


@pytest.fixture
def page(chromium, station) -> Iterator[Page]:
    """A signed-in page; whatever it complains about in its console fails the test."""
    page = chromium.new_page(viewport={"width": 1366, "height": 768}, locale="fr-FR")
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, station[0])
    yield page
    page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[tuple[str, list[str]]]:
    """A workstation with two stations, at one of which a batch is open; its desks' addresses."""
    opened = webhome.open_home(tmp_path_factory.mktemp("fed"))
    stations = (*opened.settings.stations, Station(name="accueil"))
    workstation = replace(opened, settings=opened.settings.model_copy(update={"stations": stations}))
    again = webhome.held(workstation, "encore.jpg", webhome.PAPERS[5])
    batch = webhome.feed(workstation)
    webhome.again(workstation, "encore-2.jpg", webhome.PAPERS[5])
    with workstation.database.reading() as session:
        bad = batches.stacks_in(session, batch)[-1].id
        arrival = documents.recent_duplicates(session)[0].id
    paths = ["", "/demo", "/accueil", f"/demo?page={bad}:1", f"/demo/redo?page={bad}:1", "/demo/preview", "/demo/end", "/demo/history"]
    with serving(workstation) as address:
        yield (
            address,
            [f"/desk{path}" for path in paths]
            + [f"/batches/{batch}", "/duplicates", f"/duplicates/{arrival}", f"/duplicates/{again}/{bad}"],
        )


def addresses(ids: dict[str, str]) -> list[str]:
    one = [f"/documents/{ids[kind]}" for kind in ("conform", "held", "failed", "paper")]
    said = [f"/documents/{ids['conform']}/verdict", f"/documents/{ids['held']}/source", "/tolerances"]
    said += ["/conformite", "/conformite/search?q=quais", "/access"]
    return ["/", "/documents", "/stations", "/stations/demo", "/ledger", "/help", *one, f"/documents/{ids['held']}/decision/treat", *said]


def test_a_scan_that_arrives_appears_without_reloading_and_the_focus_stays(page, station):
    page.evaluate("window.sameLoad = true")
    page.focus("#all-documents")
    webhome.received(station[1], "arrivé-pendant-ce-temps.tif", replace(webhome.PAPERS[5], number="TV-1"), 0, at=LATER)
    expect(page.locator("h3").get_by_role("link", name="arrivé-pendant-ce-temps.tif")).to_be_visible(timeout=60_000)
    expect(page.locator("#announce")).to_contain_text("Reçus")
    assert page.evaluate("window.sameLoad && document.activeElement.id") == "all-documents"


def test_a_person_decides_with_the_keyboard_alone(page, station):
    held = webhome.held(station[1], "au-clavier.jpg", replace(webhome.PAPERS[2], number="BT-1"))
    page.goto(f"{station[0]}/documents/{held}")
    page.focus("#choose-treat")
    page.keyboard.press("Enter")
    page.wait_for_url("**/decision/treat")
    page.focus("input[type=radio]")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Le fournisseur attend son paiement")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/documents/{held}")
    expect(page.get_by_text("Décision inscrite")).to_be_visible()
    expect(page.get_by_text("« Le fournisseur attend son paiement »")).to_be_visible()


def test_the_copy_button_says_that_it_copied(page, station):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=station[0])
    page.get_by_role("button", name="Copier").first.click()
    expect(page.locator("button.copy").first).to_contain_text("Copié")
    assert page.evaluate("navigator.clipboard.readText()") == str(station[1].home / "stations" / "demo")


def test_the_ledger_is_checked_in_place(page, station):
    page.goto(f"{station[0]}/ledger")
    page.evaluate("window.sameLoad = true")
    page.click("#check-now")
    expect(page.get_by_role("heading", name="La chaîne est intacte")).to_be_visible()
    assert page.evaluate("window.sameLoad") is True


def test_a_file_sent_from_the_browser_lies_in_the_folder(page, station):
    page.set_input_files("#files", {"name": "envoi.png", "mimeType": "image/png", "buffer": b"\x89PNG" + bytes(100)})
    page.get_by_role("button", name="Envoyer au poste").click()
    expect(page.get_by_text("Déposé.")).to_be_visible()
    assert (station[1].home / "stations" / "demo" / "envoi.png").exists()


def test_the_desk_fits_the_screen_and_a_glove_fits_its_buttons(chromium, desk):
    page = chromium.new_page(viewport={"width": 1366, "height": 768})
    sign_in(page, desk[0])
    page.goto(f"{desk[0]}/desk/demo")
    # Batches are named by chance: the widest name must not push the buttons down.
    page.evaluate("document.querySelector('h1').firstChild.data = 'Lot lot-dddddd '")
    for name in ("continue", "redo", "end"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["height"] >= 64, name
        assert box["y"] + box["height"] <= 768, name
    page.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (package.json, devDependencies)")
def test_no_page_bars_anybody_light_or_dark_wide_or_at_400_percent(page, station):
    found = {path: barred for path in addresses(station[2]) if (barred := found_at(page, station[0] + path))}
    assert found == {}


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (package.json, devDependencies)")
def test_no_desk_bars_anybody_light_or_dark_wide_or_at_400_percent(chromium, desk):
    page = chromium.new_page()
    sign_in(page, desk[0])
    found = {path: barred for path in desk[1] if (barred := found_at(page, desk[0] + path))}
    page.close()
    assert found == {}


def test_without_script_every_page_still_works(chromium, station):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, station[0])
    page.goto(f"{station[0]}/documents?state=held")
    page.get_by_role("link", name="copieur-rdc-00017.jpg").first.click()
    page.click("#choose-rescan")
    expect(page.get_by_role("heading", name="Confirmer la décision")).to_be_visible()
    page.goto(f"{station[0]}/ledger")
    page.click("#check-now")
    expect(page.get_by_role("heading", name="La chaîne est intacte")).to_be_visible()
    context.close()


def test_a_page_without_a_stream_asks_by_itself(chromium, station):
    page = chromium.new_page()
    page.route("**/events", lambda route: route.fulfill(status=503))
    sign_in(page, station[0])
    webhome.received(station[1], "sans-flux.tif", replace(webhome.PAPERS[5], number="TV-2"), 0, at=LATER)
    expect(page.locator("h3").get_by_role("link", name="sans-flux.tif")).to_be_visible(timeout=60_000)
    page.close()


def test_nothing_changes_under_a_finger(page, station):
    page.mouse.move(5, 700)
    page.mouse.down()
    webhome.received(station[1], "sous-le-doigt.tif", replace(webhome.PAPERS[5], number="TV-3"), 0, at=LATER)
    link = page.locator("h3").get_by_role("link", name="sous-le-doigt.tif")
    page.wait_for_timeout(2000)
    expect(link).to_have_count(0)
    page.mouse.up()
    expect(link).to_be_visible()


def test_what_was_asked_before_the_press_does_not_change_under_the_finger_either(page, station):
    held = []

    def hold(route):
        held.append(route) if route.request.headers.get("hx-request") and not held else route.continue_()

    page.route("**/*", hold)
    webhome.received(station[1], "sous-la-main.tif", replace(webhome.PAPERS[5], number="TV-4"), 0, at=LATER)
    link = page.locator("h3").get_by_role("link", name="sous-la-main.tif")
    for _ in range(200):
        if held:
            break
        page.wait_for_timeout(100)
    page.mouse.move(5, 700)
    page.mouse.down()
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request")):
        held[0].continue_()
    page.wait_for_timeout(500)
    expect(link).to_have_count(0)
    page.mouse.up()
    expect(link).to_be_visible()


def test_the_sound_is_announced_muted_and_the_mute_is_remembered(chromium, desk):
    context = chromium.new_context(locale="fr-FR")
    page = context.new_page()
    sign_in(page, desk[0])
    page.goto(f"{desk[0]}/desk/demo")
    switch = page.locator("#sound")
    expect(switch).to_have_attribute("aria-pressed", "true")
    switch.click()
    expect(switch).to_have_text("Son coupé")
    page.reload()
    expect(switch).to_have_text("Son coupé")
    switch.click()
    expect(switch).to_have_text("Son activé")
    context.close()


def test_a_page_is_asked_anew_and_given_up_with_the_keyboard_alone(chromium, desk):
    page = chromium.new_page(locale="fr-FR")
    sign_in(page, desk[0])
    page.goto(desk[0] + next(path for path in desk[1] if "?page=" in path))
    page.keyboard.press("F8")
    page.wait_for_url("**/redo?*")
    page.wait_for_load_state()
    page.locator("#reason-cut").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("Refaites la page")
    page.locator("#drop-redo").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).not_to_contain_text("Refaites")
    page.close()


# --- the desk, with the real station behind it ---------------------------------------------------


@pytest.fixture
def mailroom(tmp_path, practice_keys) -> Iterator[Served]:
    """`sceau serve` on a home of its own."""
    served = Served(make_home(tmp_path / "home", practice_keys, **{"growing_seconds = 5.0": "growing_seconds = 0.3"}))
    yield served
    served.process.terminate()
    served.process.communicate(timeout=60)


class Feeder:
    """An operator with a scanner that writes one file a page, and the desk on the screen."""

    def __init__(self, served: Served, page: Page) -> None:
        self.scanner = Scanner(served.home / "stations" / "demo")
        self.page, self.drafts = page, served.home
        self.fed = 0

    def feed(self, seed: int, compression: str = "tiff_lzw") -> None:
        """One sheet: the scanner dribbles it into its folder."""
        self.fed += 1
        drawn = papers.draw_page([f"Feuille {seed}", "Total TTC 120,00"], size=(900, 500), seed=seed)
        content = papers.write_tiff(self.drafts / "draft.tif", drawn, compression).read_bytes()
        for _written in self.scanner.dribble(f"scan-{self.fed:03d}.tif", content, piece=200_000):
            pass

    def press(self, key: str) -> None:
        """On a page that is there: a key pressed before its script has come does nothing."""
        self.page.wait_for_load_state()
        self.page.keyboard.press(key)

    def sees(self, words: str) -> None:
        expect(self.page.locator("#verdict")).to_contain_text(words, timeout=60_000)

    def has(self, sides: int) -> None:
        expect(self.page.locator("#count-scanned")).to_have_text(str(sides), timeout=60_000)


def test_a_batch_with_one_bad_page_is_fed_corrected_and_sealed(chromium, mailroom):
    address = mailroom.said[-2].rsplit(" : ", 1)[1].strip()
    page = chromium.new_page(viewport={"width": 1366, "height": 768}, locale="fr-FR")
    sign_in(page, address)
    feeder = Feeder(mailroom, page)
    # 1. Five sheets are announced; the whole stack is one document until somebody cuts it.
    page.goto(f"{address}/desk")
    for _ in range(5):
        page.get_by_role("button", name="+1", exact=True).click()
    page.get_by_text("Séparation des documents").click()
    page.select_option("#kind", "none")
    feeder.press("F2")
    feeder.sees("Prêt")
    # 2. The third sheet is bad, which shows while it is still in the hand; nothing else went wrong.
    page.evaluate("document.addEventListener('sceau:played', (event) => (window.played ??= []).push(event.detail))")
    for seed in (1, 2):
        feeder.feed(seed)
        feeder.has(seed)
        feeder.sees("Page bonne")
    feeder.feed(3, "jpeg")
    feeder.sees("À refaire")
    expect(page.locator("#verdict .remedy").first).to_contain_text("JPEG")
    assert page.evaluate("window.played") == ["good", "good", "doubt"]
    # 3. It is scanned again in its place.
    feeder.press("F8")
    page.click("#reason-blurred")
    feeder.sees("Refaites la page")
    feeder.feed(3)
    feeder.sees("Page bonne")
    feeder.has(3)
    expect(page.locator("#count-doubts")).to_have_text("0")
    for seed in (4, 5):
        feeder.feed(seed)
        feeder.has(seed)
    # 4. The stack is two documents: one cut too many is taken back.
    page.click("#see-preview")
    page.get_by_role("button", name="Couper ici page 3").click()
    page.get_by_role("button", name="Couper ici page 2 du document 2").click()
    expect(page.locator(".proposed")).to_have_count(3)
    feeder.press("F8")
    expect(page.locator(".proposed")).to_have_count(2)
    feeder.press("F9")
    # 5. The count is right and nothing is in doubt: the batch ends, and its documents are sealed.
    page.wait_for_url("**/desk/demo")
    feeder.press("F9")
    expect(page.get_by_text("Rien n’est resté ouvert")).to_be_visible()
    page.click("#end-batch")
    expect(page.locator("#count-sealed")).to_have_text("2", timeout=150_000)
    expect(page.get_by_text("Floue")).to_be_visible()
    # 6. A page that is open does not keep the station from stopping.
    began = time.monotonic()
    mailroom.process.terminate()
    mailroom.process.wait(timeout=60)
    assert time.monotonic() - began < 20  # the sixty seconds of an open stream would be more
    page.close()
