"""The review desk in a real Chromium: three invoices by keyboard alone, nothing lost, two people at once. Loopback only."""

from collections.abc import Iterator

import pytest
import reviewed
import webhome
from barriers import AXE, Barrier, barriers, found_at
from playwright.sync_api import Browser, Page, expect
from screenshots import serving, sign_in
from test_browser import chromium  # noqa: F401 the fixture is this module's, too
from test_browser import pytestmark as needs_chromium
from test_review import Room

from station import review
from station.records import people
from station.records import review as records

pytestmark = needs_chromium
SEALED = "Page scellée, pixels d’origine"


@pytest.fixture
def room(tmp_path) -> Iterator[Room]:
    workstation = webhome.open_home(tmp_path)
    ids = reviewed.three(workstation)
    yield Room(workstation, ids, None, None)
    workstation.database.close()


@pytest.fixture
def address(room) -> Iterator[str]:
    with serving(room.workstation) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:  # noqa: F811 pytest's way
    """Signed in; whatever it complains about fails the test, but for an answer 409 or 413, which is said on the page."""
    page = chromium.new_page(viewport={"width": 1366, "height": 768}, locale="fr-FR", reduced_motion="reduce")
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, address)
    yield page
    page.close()
    assert [
        line for line in complaints if "409" not in line and "413" not in line and "ERR_CONNECTION" not in line and "ERR_FAILED" not in line
    ] == []


def open_review(page: Page, address: str, document_id: str) -> None:
    page.goto(f"{address}/relecture/{document_id}")
    expect(page.locator("#image-words")).to_have_text(SEALED)
    expect(page.locator("button.box").first).to_be_visible()


def say(room: Room, name: str, text: str, revision: int = 0) -> None:
    """A colleague says something of a field of the first invoice."""
    with room.workstation.database.writing() as session:
        colleague = people.find(session, people.SECOND_LOGIN)
        review.save_typed(session, room.workstation, room.ids[0], review.Typed(name, text), revision, colleague)


def draft(room: Room) -> dict[str, str]:
    with room.workstation.database.reading() as session:
        return {name: mark.typed for name, mark in review.draft_of(records.events_of(session, room.ids[0])).items()}


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_contain_text("Enregistré")


def test_three_invoices_are_reviewed_by_keyboard_alone(page, address, room):
    page.goto(f"{address}/relecture")
    page.focus("#start")
    page.keyboard.press("Enter")
    for number in range(3):
        page.wait_for_url(f"**/relecture/{room.ids[number]}")
        expect(page.locator("#image-words")).to_have_text(SEALED)
        expect(page.locator("#v-total_tax")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#v-iban")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#submit")).to_be_focused()
        page.keyboard.press("Control+Enter")
    page.wait_for_url("**/relecture")
    expect(page.get_by_text("Rien d’autre à relire")).to_be_visible()
    assert [room.value(number, "iban") for number in range(3)] == [reviewed.THREE[0].iban] * 3


def test_submitting_over_a_doubt_goes_to_it_instead(page, address, room):
    open_review(page, address, room.ids[0])
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#v-iban")).to_be_focused()
    expect(page.locator("#saved")).to_contain_text("pas encore regardée")
    assert room.row(0).done_at is None


def test_tab_goes_from_doubt_to_doubt_and_the_arrows_to_every_value(page, address, room):
    open_review(page, address, room.ids[0])
    assert focused(page) == "v-total_tax"
    page.keyboard.press("Tab")
    assert focused(page) == "v-iban"
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "v-total_tax"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "v-total_gross"


def test_the_overlay_lists_the_keys_that_do_something_here_and_the_view_turns_alone(page, address, room):
    open_review(page, address, room.ids[0])
    page.keyboard.press("Alt+r")
    page.keyboard.press("Alt+z")
    page.keyboard.press("Alt+?")
    listed = {line.get_attribute("data-key") for line in page.locator("#keys [data-key]:visible").all()}
    assert listed == {"next", "confirm", "submit", "edit", "zoom", "rotate", "hold", "keys", "alternative", "below", "above"}
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+h")
    assert focused(page) == "hold-reason"


def test_what_is_typed_is_saved_undone_and_done_again(page, address, room):
    open_review(page, address, room.ids[0])
    page.locator("#v-total_tax").fill("206,76")
    page.keyboard.press("Tab")
    saved(page)
    expect(page.locator("#strip")).to_contain_text("= 1,00")
    page.keyboard.press("Control+z")
    expect(page.locator("#v-total_tax")).to_have_value("205,76")
    expect(page.locator("#strip")).to_contain_text("= 0,00")
    page.keyboard.press("Control+y")
    expect(page.locator("#v-total_tax")).to_have_value("206,76")


def test_after_a_reload_the_same_field_holds_what_was_typed(page, address, room):
    open_review(page, address, room.ids[0])
    page.locator("#v-invoice_number").fill("Z-9")
    page.keyboard.press("Tab")
    saved(page)
    page.locator("#v-invoice_number").focus()
    page.reload()
    expect(page.locator("#v-invoice_number")).to_have_value("Z-9")
    expect(page.locator("#v-invoice_number")).to_be_focused()


def test_nothing_typed_is_lost_while_the_workstation_is_silent(page, address, room):
    open_review(page, address, room.ids[0])
    page.route("**/champs", lambda route: route.abort())
    page.locator("#v-invoice_number").fill("Z-10")
    page.keyboard.press("Tab")
    expect(page.locator("#saved")).to_contain_text("gardé ici")
    page.reload()
    expect(page.locator("#v-invoice_number")).to_have_value("Z-10")
    page.unroute("**/champs")
    expect(page.locator("#saved")).to_contain_text("Enregistré", timeout=10_000)
    webhome.wait_until(page, "Object.keys(localStorage).every((key) => !key.startsWith('sceau-draft-'))")
    assert draft(room)["invoice_number"] == "Z-10"


def test_a_text_that_is_refused_is_told_at_its_field_and_what_follows_is_saved(page, address, room):
    open_review(page, address, room.ids[0])
    page.route(
        "**/champs", lambda route: route.fulfill(status=413, body="{}") if "Z-11" in (route.request.post_data or "") else route.continue_()
    )
    page.locator("#v-invoice_number").fill("Z-11")
    page.keyboard.press("Tab")
    expect(page.locator("#w-invoice_number")).to_contain_text("413")
    page.locator("#v-order_reference").fill("C-7")
    page.keyboard.press("Tab")
    webhome.wait_until(page, "Object.keys(localStorage).some((key) => key.startsWith('sceau-draft-p-'))")
    expect(page.locator("#b-order_reference")).to_contain_text("saisi")
    assert draft(room)["order_reference"] == "C-7" and "invoice_number" not in draft(room)


def test_a_draft_is_its_person_s_and_not_the_next_one_s_in_the_same_browser(page, address, room):
    open_review(page, address, room.ids[0])
    page.route("**/champs", lambda route: route.abort())
    page.locator("#v-invoice_number").fill("Z-12")
    page.keyboard.press("Tab")
    expect(page.locator("#saved")).to_contain_text("gardé ici")
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in")
    page.fill("#login", people.SECOND_LOGIN)
    page.fill("#password", "essai")
    page.click("main button")
    page.wait_for_selector("#live")
    page.unroute("**/champs")
    open_review(page, address, room.ids[0])
    expect(page.locator("#v-invoice_number")).not_to_have_value("Z-12")
    assert draft(room) == {}


def test_on_a_conflict_each_field_is_chosen_and_nothing_typed_is_lost(page, address, room):
    open_review(page, address, room.ids[0])
    say(room, "invoice_number", "A-1")
    say(room, "order_reference", "C-1", 1)
    page.locator("#v-invoice_number").fill("B-2")
    page.keyboard.press("Tab")
    line = page.locator("#f-invoice_number .clash")
    expect(line).to_contain_text("responsable a écrit « A-1 »")
    expect(page.locator("#saved")).to_contain_text("Pas enregistré")
    expect(page.locator("#v-invoice_number")).to_have_value("B-2")
    line.get_by_role("button", name="Garder le mien").click()
    expect(line).to_have_count(0)
    expect(page.locator("#b-invoice_number")).to_contain_text("saisi")
    expect(page.locator("#v-order_reference")).to_have_value("C-1")
    page.reload()
    expect(page.locator("#v-invoice_number")).to_have_value("B-2")


def test_words_that_are_clicked_or_dragged_over_fill_the_field(page, address, room):
    open_review(page, address, room.ids[0])
    page.locator("#v-total_net").focus()
    page.wait_for_timeout(300)
    words = {word.text: word for word in reviewed.page_text(reviewed.THREE[0]).words}
    known, shown = words["1028,80"], page.locator("button.box[title='Total HT']").bounding_box()
    scale = shown["width"] / (known.x1 - known.x0)

    def middle(text: str) -> tuple[float, float]:
        word = words[text]
        across, down = (word.x0 + word.x1) / 2 - known.x0, (word.y0 + word.y1) / 2 - known.y0
        return shown["x"] + across * scale, shown["y"] + down * scale

    page.locator("#v-order_reference").focus()
    page.mouse.click(*middle("TVA"))
    expect(page.locator("#v-order_reference")).to_have_value("TVA")
    page.mouse.move(*middle("Total"))
    page.mouse.down()
    page.mouse.move(*middle("TTC"), steps=5)
    page.mouse.up()
    expect(page.locator("#v-order_reference")).to_have_value("Total TTC")
    saved(page)


def test_a_box_on_the_page_leads_to_its_field(page, address, room):
    open_review(page, address, room.ids[0])
    page.locator("button.box[title='Numéro de facture']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#v-invoice_number")).to_be_focused()


def test_another_reading_comes_by_one_key(page, address, room):
    open_review(page, address, room.ids[0])
    before = page.locator("#v-total_tax").input_value()
    page.keyboard.press("F4")
    assert page.locator("#v-total_tax").input_value() != before
    saved(page)


def test_a_row_typed_in_the_grid_moves_its_total(page, address, room):
    open_review(page, address, room.ids[0])
    page.locator("[name=rows-vat_breakdown-0-tax]").fill("200,00")
    expect(page.locator("#sums-vat_breakdown")).to_contain_text("-5,76")
    page.locator("[name=rows-vat_breakdown-1-rate]").fill("10")
    page.locator("#v-iban").focus()
    expect(page.locator("#w-vat_breakdown")).to_contain_text("incomplète")
    page.reload()
    expect(page.locator("[name=rows-vat_breakdown-0-tax]")).to_have_value("200,00")


def test_a_hostile_value_stays_text_in_the_page(page, address, room):
    say(room, "invoice_number", "<img src=x onerror=window.hurt=1>")
    open_review(page, address, room.ids[0])
    page.locator("#v-invoice_number").focus()
    page.keyboard.press("Enter")
    saved(page)
    assert page.evaluate("window.hurt") is None


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (package.json, devDependencies)")
def test_no_page_of_the_review_bars_anybody_light_or_dark_wide_or_at_400_percent(page, address, room):
    paths = ("", "?state=sure", "/touches", f"/{room.ids[0]}", f"/{room.ids[0]}/fenetre")
    found = {path: barred for path in paths if (barred := beyond_boxes(found_at(page, f"{address}/relecture{path}")))}
    page.set_viewport_size({"width": 1366, "height": 768})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        open_review(page, address, room.ids[0])
        found[f"open, {scheme}"] = beyond_boxes(barriers(page))
    assert {path: barred for path, barred in found.items() if barred} == {}


def beyond_boxes(found: list[Barrier]) -> list[Barrier]:
    """A box on the page is as small as what is printed there; the field beside it does the same (WCAG 2.2, 2.5.8, « Equivalent »)."""
    small = {"target-size"}
    return [each for each in found if each[0] not in small or not all("button" in target or target == ".on" for target in each[1])]


def test_without_script_the_review_is_a_plain_form(chromium, address, room):  # noqa: F811 pytest's way
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 1366, "height": 768}, locale="fr-FR")
    page = context.new_page()
    sign_in(page, address)
    page.goto(f"{address}/relecture/{room.ids[0]}")
    page.check("[name=ok-total_tax]")
    page.check("[name=ok-iban]")
    page.click("#submit")
    page.wait_for_url(f"**/relecture/{room.ids[1]}")
    expect(page.locator("#light")).to_be_visible()
    context.close()
    assert room.value(0, "total_tax") == "205.76"
