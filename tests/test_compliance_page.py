"""One document's evidence in a real Chromium: its sealed page at its own pixels, and no barrier."""

import packages
import pytest
import sqlalchemy as sa
from barriers import barriers
from playwright.sync_api import sync_playwright
from screenshots import CHROMIUM, serving, sign_in
from test_browser import pytestmark  # noqa: F401 the same needs

from station.records.tables import Document


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return packages.small_home(tmp_path_factory.mktemp("shown") / "home", 1)


def test_the_sealed_page_is_shown_pixel_for_pixel_without_a_barrier(home):
    with home.database.reading() as session:
        document = session.scalars(sa.select(Document.id).order_by(Document.id)).first()
    with serving(home) as address, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]).new_page(locale="fr-FR")
        sign_in(page, address)
        page.goto(f"{address}/conformite/{document}")
        page.evaluate("document.querySelector('div.native img').decode()")
        assert page.evaluate("[...document.images].filter(i => i.closest('.native')).map(i => [i.naturalWidth, i.width])") == [[30, 30]]
        assert barriers(page) == []
