"""Each role's main act by keyboard alone, ten clean invoices in thirty keys, a server killed while somebody types. Loopback only."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import reviewed
import walked
import webhome
from playwright.sync_api import Browser, Page, expect
from screenshots import approval_of, serving
from test_browser import chromium  # noqa: F401 the fixture is this module's, too
from test_browser import pytestmark as needs_chromium
from test_cli import Served, make_home

from station import review
from station.records import people
from station.records import review as records
from station.records.tables import Task
from station.workstation import Workstation
from workflow.roles import Role

pytestmark = needs_chromium
MOST_TABS = 60
"""Nothing that a role does every day lies further than this from the top of its page."""
OUTLINED = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  // The little calendar of a date is the browser's own, and so is its outline.
  const outline = at.type === 'date' || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return {lost: at === document.body, id: at.id || at.outerHTML.slice(0, 90), outline,
          seen: at.type === 'hidden' || (box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth)};
}"""


class Hands:
    """Somebody at a keyboard, who counts; each stop of the focus is looked at."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def press(self, *combos: str) -> None:
        for combo in combos:
            self.pressed += len(combo.split("+"))
            self.page.keyboard.press(combo)

    def type(self, text: str) -> None:
        self.pressed += len(text)
        self.page.keyboard.type(text)

    def tab_to(self, selector: str, back: bool = False) -> None:
        """Tab until it has the focus; on the way the focus is never lost, never out of sight, and always to be seen."""
        for _ in range(MOST_TABS):
            self.press("Shift+Tab" if back else "Tab")
            stop = self.page.evaluate(OUTLINED)
            assert not stop["lost"], f"the focus is lost before {selector}"
            assert stop["outline"], f"nothing shows the focus on {stop}"
            assert stop["seen"], f"{stop['id']} has the focus out of sight"
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not within {MOST_TABS} tabs of where one was")

    def sign_in(self, address: str, login: str, password: str = walked.PASSWORD) -> None:
        self.page.goto(f"{address}/sign-in")
        self.tab_to("#login")
        self.press("Control+a")
        self.type(login)
        self.press("Tab")
        self.type(password)
        self.press("Enter")
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def open_room(self, address: str) -> None:
        """By the menu; what is folded is unfolded first."""
        if self.page.locator(f"#more a[href='{address}']").count():
            self.tab_to("#more summary")
            self.press("Enter")
        self.tab_to(f"nav a[href='{address}']")
        # Also where one stands there already: the page comes anew.
        with self.page.expect_navigation(url=lambda url: urlsplit(url).path.startswith(address)):
            self.press("Enter")

    def sign_out(self) -> None:
        """From the top of the page, as who comes back from it."""
        self.page.reload()
        self.tab_to("form[action='/sign-out'] button")
        self.press("Enter")
        self.page.wait_for_url("**/sign-in")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[tuple[Workstation, str, dict[str, str]]]:
    """One person of each role, a document that waits for a decision, ten invoices without a doubt and one with one."""
    workstation = webhome.open_home(tmp_path_factory.mktemp("keys"))
    logins = walked.add_people(workstation)
    webhome.held(workstation, "a-decider.jpg", webhome.PAPERS[4], hours=1)
    for number in range(10):
        reviewed.invoice(workstation, replace(webhome.PAPERS[0], number=f"N-{number}"), hours=30 - number, doubtful={})
    reviewed.invoice(workstation, replace(webhome.PAPERS[1], number="D-1"), hours=2, doubtful={"total_tax": 0.7})
    with serving(workstation) as address:
        yield workstation, address, logins
    workstation.database.close()


@pytest.fixture
def hands(chromium: Browser) -> Iterator[Hands]:  # noqa: F811 pytest's way
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="fr-FR", reduced_motion="reduce")
    yield Hands(context.new_page())
    context.close()


def test_ten_clean_invoices_are_confirmed_in_thirty_keys(home, hands):
    workstation, address, logins = home
    hands.sign_in(address, logins[Role.CLERK])
    hands.page.goto(f"{address}/relecture?state=sure")
    hands.pressed = 0
    hands.press("Tab", "Enter")  # past the menu
    hands.tab_to("#start")
    hands.press("Enter")
    for number in range(10):
        expect(hands.page.locator("#v-invoice_number")).to_have_value(f"N-{number}")
        expect(hands.page.locator("#submit")).to_be_focused()
        hands.press("Control+Enter")
    hands.page.wait_for_url("**/relecture")
    assert hands.pressed <= 30, hands.pressed
    with workstation.database.reading() as session:
        assert records.count_queue(session, "essai", "", workstation.clock().date()).sure == 0


def test_a_clerk_signs_in_confirms_a_doubt_and_signs_out(home, hands):
    _, address, logins = home
    hands.sign_in(address, logins[Role.CLERK])
    hands.open_room("/relecture")
    hands.tab_to("#start")
    hands.press("Enter")
    expect(hands.page.locator("#v-total_tax")).to_be_focused()
    hands.press("Enter")
    expect(hands.page.locator("#submit")).to_be_focused()
    hands.press("Enter")
    hands.page.wait_for_url("**/relecture")
    expect(hands.page.locator("#count-waiting")).to_contain_text("0")
    hands.sign_out()


def test_the_mailroom_opens_a_batch(home, hands):
    _, address, logins = home
    hands.sign_in(address, logins[Role.MAILROOM])
    hands.open_room("/desk")
    hands.tab_to("#sheets")
    hands.type("5")
    hands.tab_to("#open-batch")
    hands.press("Enter")
    expect(hands.page.locator("#verdict")).to_contain_text("Prêt")
    hands.sign_out()


def test_an_approver_approves_an_invoice(home, hands):
    workstation, address, logins = home
    number = approval_of(workstation, reviewed.invoice(workstation, replace(webhome.PAPERS[4], number="A-1"), hours=9))
    hands.sign_in(address, logins[Role.APPROVER])
    if not hands.page.url.endswith("/approbations"):
        hands.open_room("/approbations")
    hands.tab_to(f"#task-{number}")
    hands.press("Enter")
    hands.page.wait_for_url(f"**/approbations/{number}")
    hands.tab_to("#approve")
    hands.press("Enter")
    # To the next one that waits, or to the list.
    hands.page.wait_for_url(lambda url: not url.endswith(f"/approbations/{number}"))
    with workstation.database.reading() as session:
        task = session.get_one(Task, int(number))
        assert (task.state, task.decision) == ("done", "approved")
    hands.sign_out()


def test_the_receivables_find_a_document(home, hands):
    _, address, logins = home
    hands.sign_in(address, logins[Role.RECEIVABLES])
    hands.open_room("/documents")
    hands.tab_to("#q")
    hands.type("decider")
    expect(hands.page.locator("h3 a")).to_have_count(1)
    hands.tab_to("h3 a")
    hands.press("Enter")
    expect(hands.page.get_by_role("heading", name="a-decider.jpg")).to_be_visible()
    hands.sign_out()


def test_compliance_checks_the_chain(home, hands):
    _, address, logins = home
    hands.sign_in(address, logins[Role.COMPLIANCE])
    hands.open_room("/ledger")
    hands.tab_to("#check-now")
    hands.press("Enter")
    expect(hands.page.get_by_role("heading", name="La chaîne est intacte")).to_be_visible()
    hands.sign_out()


def test_an_auditor_finds_the_evidence_of_an_invoice(home, hands):
    _, address, logins = home
    hands.sign_in(address, logins[Role.AUDITOR])
    hands.open_room("/conformite")
    hands.tab_to("input[type=search]")
    hands.type("D-1")
    hands.press("Enter")
    hands.page.wait_for_url("**/conformite/search?*")
    hands.tab_to("main table a")
    hands.press("Enter")
    expect(hands.page.locator("#gauge-title")).to_be_visible()
    hands.sign_out()


def test_an_administrator_opens_an_account(home, hands):
    workstation, address, logins = home
    hands.sign_in(address, logins[Role.ADMINISTRATOR])
    if not hands.page.url.endswith("/people"):
        hands.open_room("/people")
    hands.tab_to("#new-login")
    hands.type("nadia")
    hands.tab_to("input[value=clerk]")
    hands.press("Space")
    hands.tab_to("#new-person button")
    hands.press("Enter")
    expect(hands.page.locator("#given h1")).to_have_text("Mot de passe provisoire")
    with workstation.database.reading() as session:
        assert people.find(session, "nadia") is not None
    hands.sign_out()


def test_the_folded_menu_opens_by_enter_and_closes_by_escape_where_it_was(home, hands):
    hands.sign_in(home[1], people.SECOND_LOGIN, people.PRACTICE_PASSWORD)
    hands.tab_to("#more summary")
    hands.press("Enter", "Tab")
    assert hands.page.evaluate("document.activeElement.closest('#more ul') !== null")
    hands.press("Escape")
    expect(hands.page.locator("#more summary")).to_be_focused()
    expect(hands.page.locator("#more ul")).to_be_hidden()


# --- killed while somebody types ---


@pytest.fixture
def killed(tmp_path, practice_keys) -> Iterator[tuple[Served, str]]:
    """`sceau serve` with one invoice to review; its identifier."""
    home = make_home(tmp_path / "home", practice_keys)
    workstation = webhome.open_home(home)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    document_id = reviewed.invoice(workstation, webhome.PAPERS[0])
    workstation.database.close()
    served = Served(home)
    yield served, document_id
    served.process.kill()
    served.process.communicate(timeout=60)


def address_of(served: Served) -> str:
    return served.said[-2].rsplit(" : ", 1)[1].strip()


def test_nothing_typed_is_lost_when_the_server_is_killed_mid_review(hands, killed):
    served, document_id = killed
    page, address = hands.page, address_of(served)
    hands.sign_in(address, people.PRACTICE_LOGIN, people.PRACTICE_PASSWORD)
    page.goto(f"{address}/relecture/{document_id}")
    page.locator("#v-invoice_number").fill("Z-77")
    hands.press("Tab")
    expect(page.locator("#saved")).to_contain_text("Enregistré")
    # 1. Killed with a value half typed; the next is typed to nobody.
    page.locator("#v-total_tax").fill("206,7")
    served.process.kill()
    served.process.communicate(timeout=60)
    page.locator("#v-order_reference").fill("BC-12")
    expect(page.locator("#saved")).to_contain_text("gardé ici", timeout=15_000)
    # 2. Started again, the page opens at the same field with all that was typed, and the records have it.
    served.__init__(served.home)
    page.goto(f"{address}/relecture/{document_id}")
    expect(page.locator("#v-order_reference")).to_be_focused(timeout=15_000)
    for name, shown in {"invoice_number": "Z-77", "total_tax": "206,70", "order_reference": "BC-12"}.items():
        expect(page.locator(f"#v-{name}")).to_have_value(shown, timeout=15_000)
    webhome.wait_until(page, "Object.keys(localStorage).every((key) => !key.startsWith('sceau-draft-'))")
    workstation = webhome.open_home(served.home)
    with workstation.database.reading() as session:
        kept = {name: mark.typed for name, mark in review.draft_of(records.events_of(session, document_id)).items()}
    workstation.database.close()
    assert kept == {"invoice_number": "Z-77", "total_tax": "206,7", "order_reference": "BC-12"}
