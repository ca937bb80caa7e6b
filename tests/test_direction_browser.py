"""The direction's page in a real Chromium: charts from the tables under a strict policy, no barrier, and whole without scripts."""

from collections.abc import Iterator

import bench_direction
import pytest
import webhome
from barriers import barriers
from playwright.sync_api import Browser, Page, expect, sync_playwright
from screenshots import CHROMIUM, serving
from test_browser import pytestmark  # noqa: F401 the same needs

from station.records import people


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("direction")
    bench_direction.filled_home(folder, 300).database.close()
    workstation = webhome.open_home(folder)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    with serving(workstation) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def direction_page(browser: Browser, address: str, **options: object) -> tuple[Page, list[str]]:
    """The page, signed in, and whatever the browser complained of."""
    page = browser.new_page(locale="fr-FR", **options)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/sign-in?next=/direction")
    page.fill("#login", "atelier")
    page.fill("#password", "essai")
    page.click("main button")
    expect(page.locator("h1")).to_have_text("Direction")
    return page, said


@pytest.mark.parametrize(("scheme", "width"), [("light", 1366), ("dark", 360)])
def test_each_table_is_drawn_and_bars_nobody(browser, address, scheme, width):
    page, said = direction_page(browser, address, color_scheme=scheme, viewport={"width": width, "height": 768})
    expect(page.locator(".plot canvas[role=img]")).to_have_count(7)
    assert page.locator("details[open]").count() == 0  # folded behind their charts
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert barriers(page) == []
    assert said == []
    page.close()


def test_what_is_drawn_are_the_figures_of_the_table_in_the_colours_of_the_theme(browser, address):
    page, _ = direction_page(browser, address, color_scheme="light", reduced_motion="reduce")
    expect(page.locator("canvas")).to_have_count(7)
    drawn = page.evaluate("Chart.getChart(document.querySelector('#ages canvas')).data.datasets.map(each => each.data)")
    table = page.evaluate(
        "[...document.querySelectorAll('#ages-table tbody tr')].map(row => [...row.cells].slice(1, -1).map(c => +c.dataset.value))"
    )
    assert [list(column) for column in zip(*table, strict=True)] == drawn
    assert page.evaluate("Chart.getChart(document.querySelector('#ages canvas')).options.animation") is False
    colour = "Chart.getChart(document.querySelector('#ages canvas')).data.datasets[0].backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    webhome.wait_until(page, f"({colour}) !== '{light}'")
    page.close()


def test_without_scripts_the_tables_are_open(browser, address):
    context = browser.new_context(java_script_enabled=False, locale="fr-FR")
    page = context.new_page()
    page.goto(f"{address}/sign-in?next=/direction")
    page.fill("#login", "atelier")
    page.fill("#password", "essai")
    page.click("main button")
    expect(page.locator("#cash-table")).to_be_visible()
    assert page.locator("canvas").count() == 0
    page.fill("#day", "2026-01-31")
    page.click(".choose-day button")
    expect(page.locator("#closing-said")).to_contain_text("Au soir du 31/01/2026")
    context.close()
