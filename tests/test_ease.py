"""Every page that can be walked to: nothing is offered that is refused, nothing bars anybody, nothing scrolls sideways. Loopback only."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import walked
from barriers import AXE, beside_boxes, found_at
from playwright.sync_api import Browser, Page
from screenshots import serving
from test_browser import chromium  # noqa: F401 the fixture is this module's, too
from test_browser import pytestmark as needs_chromium

from station.records import people
from station.web.grants import GRANTS, may, start_of
from station.web.navigation import BAR, ROOMS, menu_for
from station.workstation import Workstation
from workflow.roles import EVERYONE, Role

OFFERED_TO_ALL = {"/", "/sign-in"}
"""The first page sends on whom it is not for."""
UNMET = {
    "/stations/{name}/passports/{number}",  # a sheet printed, scanned and measured: tests/test_stations.py
    "/controles/lots/{number}",  # a lot that was drawn: tests/test_controls.py
    "/documents/{document_id}/letter",  # an invoice that came the wrong way: tests/test_titles.py
    "/documents/{document_id}/erasure",  # of a document that was set aside: tests/test_erasure.py
    "/relecture/comptes/{number}",  # an account that changed: tests/test_review.py
    "/duplicates/{first}/{second}",  # alike, but other bytes: tests/test_duplicates.py
    "/imports/people/{number}",  # a list that was sent: tests of imports
    "/imports/suppliers/{number}",
    "/imports/customers/{number}",
    "/imports/invoices/{number}",
    "/imports/payments/{number}",
    "/imports/remittances/{number}",
    "/comptabilite/lots/{number}",  # a batch that was made: tests/test_accounting_page.py
    "/regles/{file}/rejeu/{number}",  # a replay that was run: tests/test_studio_browser.py
    "/people/groups/{number}",  # a group that was made: tests/test_people.py
}
"""Pages that this home does not lead to; each has tests of its own."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[tuple[Workstation, dict[str, str]]]:
    workstation, logins = walked.full_home(tmp_path_factory.mktemp("walked"))
    yield workstation, logins
    workstation.database.close()


@pytest.fixture(scope="module")
def walks(home) -> dict[str, walked.Walk]:
    """Of each role, and of who holds several."""
    workstation, logins = home
    found = {role.value: walked.walk(walked.signed_in(workstation, logins[role]), frozenset({role})) for role in Role}
    roles = people.PRACTICE_ROLES[people.SECOND_LOGIN]
    found["several"] = walked.walk(walked.signed_in(workstation, people.SECOND_LOGIN, people.PRACTICE_PASSWORD), roles)
    return found


def refused_offers(workstation: Workstation, walk: walked.Walk, role: Role) -> set[tuple[str, str, str]]:
    """What a page shows for pressing that its reader may not press, or that leads nowhere: page, what is asked, its words."""
    paths, found = walked.Paths(walked.signed_in(workstation, f"{role.value}-1")), set()
    for address, page in walk.pages.items():
        if walk.statuses[address] >= 400:
            continue
        for link in walked.links_of(page, address):
            if not link.address.startswith("/") or link.address.startswith(("/static/", "/api/")):
                continue
            route = paths.of(link.address, link.method)
            if route not in OFFERED_TO_ALL and (route is None or not may(frozenset({role}), link.method, route)):
                found.add((paths.of(address) or address, f"{link.method} {route or link.address}", link.words))
    return found


@pytest.mark.parametrize("role", Role)
def test_a_page_offers_nothing_that_its_reader_may_not_do(home, walks, role):
    assert refused_offers(home[0], walks[role.value], role) == set()


def test_the_walk_meets_every_page_and_no_page_fails(walks):
    met = {route for walk in walks.values() for route in walk.met}
    pages = {path for path, grant in GRANTS.items() if grant.look and not path.endswith(walked.FILES)}
    unmet = {path for path in pages - met - walked.NO_PAGE if not any(end in path for end in ("{kind}", "{which}", "{sha256}", "{level}"))}
    assert {path for path in unmet - UNMET if not path.endswith((".csv", "/file", "/{name}", ".xlsx"))} == set()
    assert {address: status for walk in walks.values() for address, status in walk.statuses.items() if status >= 500} == {}


@pytest.mark.parametrize("role", Role)
def test_everybody_begins_on_a_page_of_theirs_that_says_what_to_do_next(walks, role):
    start = start_of(frozenset({role}))
    page = walks[role.value].pages[start]
    assert page.xpath("//main//h1")
    assert page.xpath("//main//*[self::a or self::button or self::input]")


def test_the_bar_holds_one_line_of_daily_rooms_and_the_others_fold():
    menu = menu_for(EVERYONE, "/help")
    assert len(menu.bar) <= BAR
    assert {line.room.address for line in (*menu.bar, *menu.more)} == {room.address for room in ROOMS}
    assert menu.more_current


@pytest.mark.parametrize("role", Role)
def test_the_menu_shows_a_role_its_daily_rooms_and_only_what_opens(role):
    menu = menu_for(frozenset({role}), "/")
    assert all(may(frozenset({role}), "GET", line.room.address) for line in (*menu.bar, *menu.more))
    assert not [line for line in menu.more if role in line.room.daily]


def test_a_page_that_lies_in_a_room_lights_it():
    menu = menu_for(frozenset({Role.COMPLIANCE}), "/controles/lots/3")
    assert [line.room.name for line in (*menu.bar, *menu.more) if line.current] == ["compliance"]


# --- in Chromium ---


def sign_in(page: Page, address: str, login: str, password: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#login", login)
    page.fill("#password", password)
    page.click("main button")
    page.wait_for_url(lambda url: not url.endswith("/sign-in"))


@pytest.fixture(scope="module")
def served(home) -> Iterator[str]:
    with serving(home[0]) as address:
        yield address


@pytest.fixture(scope="module")
def page(chromium: Browser, served: str) -> Iterator[Page]:  # noqa: F811 pytest's way
    """Signed in as a person of several roles."""
    page = chromium.new_page(viewport={"width": 1366, "height": 768}, locale="fr-FR", reduced_motion="reduce")
    # The stream keeps a connection open per page; what is tried here stands still.
    page.route("**/events", lambda route: route.abort())
    sign_in(page, served, people.SECOND_LOGIN, people.PRACTICE_PASSWORD)
    yield page
    page.close()


@needs_chromium
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (package.json, devDependencies)")
def test_no_page_bars_anybody_light_or_dark_wide_or_at_400_percent(page, served, walks):
    several = {urlsplit(address).path: address for address in walks["several"].pages}
    found = {
        address: barred for address in several.values() if (barred := beside_boxes(found_at(page, served + address, "color-contrast")))
    }
    assert found == {}
    assert len(several) > 40
