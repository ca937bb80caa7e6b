"""The desk: what an operator sees of a batch, what each button does, and how the pages hear of changes."""

import asyncio
import html
import os
import re
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import atwork
import pytest
import sane
import webhome
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from test_web import HTMX, enter, text_of

from capture.catalogue import CATALOGUE, finding
from capture.findings import Level
from capture.separate import Part, Plan, Sheet, merge_with_previous, move_page, set_apart, split_before
from station import batches, twins
from station.problems import PROBLEMS
from station.records import batches as rows
from station.records import documents
from station.records.ledger import story_of
from station.records.tables import Arrival, Batch, Decision, FieldRow, State
from station.scanning import Scanning
from station.web import figures
from station.web.ages import span_words
from station.web.batch import edit_of
from station.web.events import Changes, last_change
from station.web.words import words_in
from station.workstation import Workstation, now

FR = words_in("fr")
PAPERS = [replace(paper, number=f"desk-{number}") for number, paper in enumerate(webhome.PAPERS)]


@pytest.fixture
def home(tmp_path) -> Workstation:
    return webhome.open_home(tmp_path)


@pytest.fixture
def desk(home) -> Iterator[TestClient]:
    """A browser at the station, in which nobody opened a batch yet."""
    yield enter(home)


@pytest.fixture
def fed(home) -> str:
    """An open batch with four sheets; its identifier."""
    return webhome.feed(home)


def look(browser: TestClient, path: str = "/desk/demo") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return text_of(answer.text)


def act(browser: TestClient, path: str, **form: object) -> str:
    """Send a form; where it leads, and what that page says."""
    answer = browser.post(path, data=form)
    assert answer.status_code == 303, (path, answer.status_code, text_of(answer.text)[-500:])
    return look(browser, answer.headers["location"])


def open_at(home: Workstation) -> Batch | None:
    with home.database.reading() as session:
        return rows.open_batch_at(session, "demo")


def plan_of(home: Workstation, batch: str) -> list[int]:
    """Pages of each proposed document."""
    with home.database.reading() as session:
        found = session.get(Batch, batch)
        return [len(part.sheets) for part in batches.propose_plan(session, found, batches.Recipe()).documents]


# --- opening ---


def test_a_batch_opens_with_what_is_known_of_it(home, desk):
    said = act(desk, "/desk/demo/open", sheets="40", arrived="2026-11-19", box="B-3", kind="pages", pages="2")
    batch = open_at(home)
    assert (batch.expected_sheets, batch.arrival_date, batch.box, batch.recipe["pages"]) == (40, "2026-11-19", "B-3", 2)
    assert batch.id in said
    assert "boîte B-3" in said
    assert "Posez la première feuille" in said


def test_nothing_needs_to_be_known(home, desk):
    act(desk, "/desk/demo/open")
    assert (open_at(home).expected_sheets, open_at(home).recipe) == (None, None)


@pytest.mark.parametrize(
    "form", [{"sheets": "dix"}, {"sheets": "-1"}, {"arrived": "hier"}, {"kind": "magic"}, {"kind": "pages", "pages": "0"}]
)
def test_what_is_not_understood_opens_nothing_and_says_so(home, desk, form):
    assert "n’a pas été compris" in act(desk, "/desk/demo/open", **form)
    assert open_at(home) is None


def test_who_comes_second_joins_the_open_batch(home, desk, fed):
    assert "était déjà ouvert" in act(desk, "/desk/demo/open", sheets="3")
    assert open_at(home).id == fed


def test_the_count_is_corrected_in_place_and_never_below_nothing(home, desk, fed):
    act(desk, "/desk/demo/sheets", by=1)
    assert open_at(home).expected_sheets == 6
    act(desk, "/desk/demo/sheets", by=-100)
    assert open_at(home).expected_sheets is None


def test_the_slip_is_a_pdf_of_the_open_batch(desk, fed):
    answer = desk.get("/desk/demo/slip.pdf")
    assert (answer.headers["content-type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert fed in answer.headers["content-disposition"]


# --- feeding ---


def test_the_counters_tell_announced_scanned_documents_and_doubts(desk, fed):
    assert re.search(r"5 feuilles annoncées .* 4 faces numérisées .*2 documents .*1 doute\b", look(desk))


def test_the_sheet_that_came_last_is_judged_in_words_with_its_remedy(desk, fed):
    page = desk.get("/desk/demo").text
    assert re.search(r'id="verdict" data-sound="doubt"', page)
    assert "À refaire" in text_of(page)
    assert "choisissez TIFF" in text_of(page)


def test_a_good_sheet_says_so(home, desk, fed):
    webhome.fed(home, "scan-005.tif", PAPERS[4])
    page = desk.get("/desk/demo").text
    assert re.search(r'id="verdict" data-sound="good"', page)
    assert "Page bonne" in text_of(page)


def test_what_an_operator_cannot_act_on_is_not_told_at_the_desk(home, desk, fed):
    indicator = next(finding(code) for code, entry in CATALOGUE.items() if entry.certainty == "indicator")
    webhome.fed(home, "scan-005.tif", PAPERS[4], [replace(indicator, page=1, level=Level.REVIEW), finding("mislabelled", page=1)])
    said = look(desk)
    assert "Page bonne" in said
    assert "Rien à signaler" in said


def test_of_a_long_file_the_page_in_doubt_is_shown(home, desk, fed):
    document_id = webhome.fed(home, "pile.tif", PAPERS[4], [replace(webhome.lossy(), page=2)])
    with home.database.writing() as session:
        first = documents.get_document(session, document_id).current_pages[0]
        facts = [documents.PageFact(n, first.sha256, {**webhome.CODING, "number": n, "index": n - 1}, f"{n:064d}", {}) for n in (1, 2, 3)]
        documents.replace_pages(session, document_id, facts)
    assert bad_side(desk) == f"{document_id}:2"
    assert "7 faces numérisées" in look(desk)


def test_a_sheet_is_being_checked_until_it_is_judged(home, desk, fed):
    webhome.received(home, "scan-005.tif", PAPERS[4], 0)
    page = desk.get("/desk/demo").text
    assert re.search(r'id="verdict" data-sound=""', page)
    assert "Contrôle en cours" in text_of(page)
    assert "+ 1 en cours" in text_of(page)
    assert 'id="redo" aria-disabled="true"' in page


def test_the_same_bytes_again_are_told_and_do_not_count(home, desk, fed):
    webhome.fed(home, "scan-005.tif", PAPERS[4])
    webhome.again(home, "scan-006.tif", PAPERS[4])
    said = look(desk)
    assert "Déjà arrivé" in said
    assert "5 faces numérisées" in said


def test_to_continue_is_to_wait_for_the_next_sheet(home, desk, fed):
    onward = re.search(r'id="continue" href="([^"]+)"', desk.get("/desk/demo").text)[1]
    assert "Feuille suivante" in look(desk, onward)
    webhome.fed(home, "scan-005.tif", PAPERS[4])
    assert "Page bonne" in look(desk, onward)


def test_what_has_not_changed_is_not_sent_again(home, desk, fed):
    address = re.search(r'hx-get="([^"]+)"', desk.get("/desk/demo").text)[1].replace("&amp;", "&")
    assert desk.get(address, headers=HTMX).status_code == 204
    webhome.fed(home, "scan-005.tif", PAPERS[4])
    fragment = desk.get(address, headers=HTMX)
    assert (fragment.status_code, "<html" in fragment.text) == (200, False)


def test_a_confidential_page_is_shown_to_nobody_at_the_desk(home, desk, fed):
    document_id = webhome.fed(home, "pli.tif", PAPERS[4])
    with home.database.writing() as session:
        documents.get_document(session, document_id).confidential = True
    assert f"/documents/{document_id}/pages" not in desk.get("/desk/demo").text


def test_of_a_confidential_document_the_desk_says_that_it_left_and_nothing_else(home, desk, fed):
    document_id = webhome.fed(home, "pli.tif", PAPERS[4])
    assert f'id="conceal" href="/documents/{document_id}/decision/confidential"' in desk.get("/desk/demo").text
    said = act(desk, f"/documents/{document_id}/decision/confidential", reason="courrier médical")
    assert "Réservé à la conformité" in said
    assert "Ce pli est sorti de toutes les files" in said
    for words in ("pli.tif", "Page bonne", "redo?page=", 'id="conceal"'):
        assert words not in desk.get("/desk/demo").text
    assert desk.get(f"/desk/demo/redo?page={document_id}:1").status_code == 404
    assert desk.post("/desk/demo/redo", data={"page": f"{document_id}:1", "reason": "cut"}).status_code == 404


def test_the_desk_shows_pages_of_its_open_batch_only(home, desk, fed):
    elsewhere = webhome.held(home, "ailleurs.tif", PAPERS[4])
    with home.database.writing() as session:
        session.add(Batch(id="autre", station="demo", kind="file", opened_at=webhome.NOON, ended_at=webhome.NOON))
        session.flush()
        documents.get_document(session, elsewhere).batch_id = "autre"
        session.query(Arrival).filter_by(document_id=elsewhere).update({"arrived_at": webhome.NOON - timedelta(days=1)})
    assert "ailleurs.tif" not in look(desk, f"/desk/demo?page={elsewhere}:1")
    assert desk.get(f"/desk/demo/redo?page={elsewhere}:1").status_code == 404
    assert desk.post("/desk/demo/redo", data={"page": f"{elsewhere}:1", "reason": "cut"}).status_code == 404


def test_an_electronic_file_in_a_batch_is_no_page_to_scan_anew(home, desk, fed):
    document_id = webhome.fed(home, "facture.pdf", PAPERS[4], [finding("electronic-document", page=1)])
    said = look(desk)
    assert "Fichier électronique : rien à refaire" in said.replace("\xa0", " ")
    assert "redo?page=" not in desk.get("/desk/demo").text
    assert re.search(r"1 doute\b", said)
    assert desk.get(f"/desk/demo/redo?page={document_id}:1").status_code == 404


def test_a_sheet_put_aside_as_confidential_is_not_missing(home, desk, fed):
    document_id = webhome.fed(home, "pli.tif", PAPERS[4])
    act(desk, f"/documents/{document_id}/decision/confidential", reason="courrier médical")
    assert re.search(r"5 faces numérisées", look(desk))
    assert "il en faudrait" not in look(desk, "/desk/demo/end")
    act(desk, "/desk/demo/end")
    with home.database.reading() as session:
        assert session.get(Batch, fed).findings == []


# --- a page scanned anew ---


def bad_side(browser: TestClient) -> str:
    return re.search(r'id="redo" href="/desk/demo/redo\?page=([^"]+)"', browser.get("/desk/demo").text)[1]


def test_a_bad_page_is_asked_anew_with_a_reason_by_one_big_choice(home, desk, fed):
    page = bad_side(desk)
    assert "Floue" in look(desk, f"/desk/demo/redo?page={page}")
    assert "le prochain fichier du scanner prend sa place" in act(desk, "/desk/demo/redo", page=page, reason="cut")
    with home.database.reading() as session:
        waiting = rows.pending_redo(session, "demo")
        assert (waiting.reason, waiting.page) == ("Coupée", 1)


def test_each_reason_has_its_key_and_the_first_has_the_focus(desk, fed):
    page = desk.get(f"/desk/demo/redo?page={bad_side(desk)}").text
    assert re.findall(r'id="reason-\w+" aria-keyshortcuts="(F\d)"', page) == ["F2", "F3", "F4", "F5", "F6"]
    assert re.findall(r'id="(reason-\w+)"[^>]* autofocus', page) == ["reason-blurred"]


def test_a_batch_of_a_separator_alone_says_that_it_holds_no_document(home, desk):
    batch = webhome.open_batch(home)
    with home.database.writing() as session:
        found = session.get(Batch, batch)
        found.ended_at = found.closed_at = webhome.NOON
    said = look(desk, f"/batches/{batch}")
    assert "Ce lot ne contient aucun document" in said


def test_a_page_that_is_waited_for_may_be_given_up(home, desk, fed):
    act(desk, "/desk/demo/redo", page=bad_side(desk), reason="other")
    assert "À refaire" in act(desk, "/desk/demo/redo/drop")
    with home.database.reading() as session:
        assert rows.pending_redo(session, "demo") is None


def test_a_file_without_pages_is_set_aside_and_scanned_again(home, desk, fed):
    document_id = webhome.received(home, "coupé.tif", PAPERS[4], 0)
    with home.database.writing() as session:
        documents.replace_pages(session, document_id, [])
        document = documents.get_document(session, document_id)
        documents.replace_findings(session, document_id, [finding("damaged")])
        documents.move_document(document, State.HELD, webhome.NOON)
    act(desk, "/desk/demo/redo", page=bad_side(desk), reason="other")
    assert atwork.document_of(home, document_id).state == State.SET_ASIDE
    assert re.search(r"4 faces numérisées .*1 doute\b", look(desk))


@pytest.mark.parametrize("form", [{"page": "nobody:1", "reason": "cut"}, {"page": "x", "reason": "cut"}])
def test_a_page_that_is_none_is_not_asked_anew(desk, fed, form):
    assert desk.post("/desk/demo/redo", data=form).status_code == 404


# --- separation ---


def key_of(browser: TestClient, title: str) -> str:
    """The key in the form before a button."""
    page = browser.get("/desk/demo/preview").text
    return re.search(r'name="key" value="([^"]+)">(?:(?!</form>).)*' + re.escape(title), page, re.DOTALL)[1]


def test_the_preview_shows_the_stack_as_documents_and_hides_no_blank_page(desk, fed):
    said = look(desk, "/desk/demo/preview")
    assert "Document 1 2 pages" in said
    assert "Document 2 2 pages" in said
    assert "Page blanche, gardée" in said


def test_cut_join_move_and_undo(home, desk, fed):
    act(desk, "/desk/demo/edit", key=key_of(desk, "page 2 du document 1"), do="split")
    assert plan_of(home, fed) == [1, 1, 2]
    act(desk, "/desk/demo/edit", key=key_of(desk, "Réunir avec le document 1"), do="merge")
    assert plan_of(home, fed) == [2, 2]
    act(desk, "/desk/demo/edit", key=key_of(desk, "page 1 du document 2"), do="back")
    assert plan_of(home, fed) == [3, 1]
    for left in ([2, 2], [1, 1, 2], [2, 2], [4], [4]):
        act(desk, "/desk/demo/undo")
        assert plan_of(home, fed) == left


def test_a_sheet_set_apart_is_listed_and_comes_back(home, desk, fed):
    key = key_of(desk, "page 1 du document 1")
    assert "1 feuille à part" in act(desk, "/desk/demo/edit", key=key, do="apart")
    first = key_of(desk, "page 1 du document 2")
    act(desk, "/desk/demo/edit", key=key, do="into", into=first)
    assert plan_of(home, fed) == [1, 3]


@pytest.mark.parametrize("do", ["split", "merge", "apart", "back", "forth", "into", "drop"])
def test_a_correction_that_is_none_changes_nothing_and_says_so(home, desk, fed, do):
    before = plan_of(home, fed)
    assert "n’est plus possible" in act(desk, "/desk/demo/edit", key="0" * 64 + ":0", do=do)
    assert plan_of(home, fed) == before


def sheets(*sizes: int) -> Plan:
    """A plan of documents of these sizes; the keys count up."""
    keys = iter(range(sum(sizes)))
    return Plan(tuple(Part(tuple(Sheet(f"k{next(keys)}", "file", 1) for _ in range(size))) for size in sizes))


DO = {
    "split": lambda plan, edit: split_before(plan, edit["key"]),
    "merge": lambda plan, edit: merge_with_previous(plan, edit["index"]),
    "move": lambda plan, edit: move_page(plan, edit["key"], edit["to"], edit["at"]),
    "apart": lambda plan, edit: set_apart(plan, edit["key"]),
}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_whatever_button_is_pressed_each_page_stays_in_exactly_one_place(sizes, data):
    plan = sheets(*sizes)
    keys = [key for part in plan.documents for key in part.keys]
    for _ in range(6):
        do, key = data.draw(st.sampled_from(["split", "merge", "apart", "back", "forth", "into"])), data.draw(st.sampled_from(keys))
        try:
            edit = edit_of(plan, do, key, data.draw(st.sampled_from(keys)))
            plan = DO[edit["do"]](plan, edit)
        except ValueError:
            continue
        found = [key for part in plan.documents for key in part.keys] + [apart.key for apart in plan.apart]
        assert sorted(found) == sorted(keys)
        assert all(part.sheets for part in plan.documents)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.data())
def test_one_place_on_and_one_place_back_is_no_change(sizes, data):
    plan = sheets(*sizes)
    movable = [key for part in plan.documents for key in part.keys if len(part.keys) > 1 and key != plan.documents[-1].keys[-1]]
    if not movable:
        return
    key = data.draw(st.sampled_from(movable))
    moved = DO["move"](plan, edit_of(plan, "forth", key))
    assert DO["move"](moved, edit_of(moved, "back", key)) == plan


# --- the end ---


def test_before_the_end_what_is_open_is_told(home, desk, fed):
    webhome.received(home, "scan-005.tif", PAPERS[4], 0)
    home.settings.folder_of(home.settings.stations[0]).mkdir(parents=True, exist_ok=True)
    (home.settings.folder_of(home.settings.stations[0]) / "scan-006.tif").write_bytes(b"II*")
    said = look(desk, "/desk/demo/end")
    assert "2 fichiers sont encore en route" in said
    assert "scan-004.tif" in said
    assert "Terminer quand même" in said
    assert open_at(home) is not None


def test_missing_sheets_are_told_against_the_count(desk, fed):
    assert "5 (recto) ou 10 (recto verso)" in look(desk, "/desk/demo/end")


def test_the_end_forms_the_documents_and_shows_them(home, desk, fed):
    act(desk, "/desk/demo/redo", page=bad_side(desk), reason="cut")
    said = act(desk, "/desk/demo/end")
    assert "Lot terminé" in said
    with home.database.reading() as session:
        batch = session.get(Batch, fed)
        assert (batch.ended_at is not None, batch.closed_at is not None) == (True, True)
        assert rows.pending_redo(session, "demo") is None
        assert len([d for d in rows.documents_in(session, fed) if d.state == State.RECEIVED]) == 2
    assert f"Le lot {fed} est terminé" in look(desk)


@pytest.mark.parametrize("path", ["slip.pdf", "preview", "end", "redo?page=a:1"])
def test_without_an_open_batch_its_pages_say_that_things_moved_on(desk, path):
    assert desk.get(f"/desk/demo/{path}").status_code == 409


@pytest.mark.parametrize("path", ["/desk/nobody", "/desk/nobody/history", "/batches/none", "/duplicates/99", "/duplicates/a/b"])
def test_what_is_not_there_is_told_as_such(desk, path):
    assert desk.get(path).status_code == 404


def test_the_history_counts_sheets_sides_documents_and_time(home, desk, fed):
    act(desk, "/desk/demo/end")
    said = look(desk, "/desk/demo/history")
    assert re.search(rf"{fed} 20/11/2026 10:30:07 12 min 5 4 2 0 A-17", said), said[-400:]


# --- the first page ---


def test_the_first_page_tells_the_open_batch_and_the_queue_with_its_age(home, desk, fed):
    webhome.held(home, "retenu.jpg", PAPERS[5], hours=3)
    said = look(desk, "/")
    assert "Lot ouvert depuis 12 min" in said
    assert re.search(r"retenu.jpg depuis 3 h", said)


def test_a_confidential_document_is_in_no_queue(home, desk):
    document_id = webhome.held(home, "pli.tif", PAPERS[5])
    with home.database.writing() as session:
        documents.get_document(session, document_id).confidential = True
    with home.database.reading() as session:
        assert figures.queue_of(session) == []


def test_what_waits_too_long_is_told_with_what_to_do(home, desk):
    webhome.held(home, "oublié.jpg", PAPERS[5], hours=30)
    assert "Une décision est attendue depuis 30 h" in look(desk, "/")


def test_what_moves_on_in_time_is_not_told_as_late(home):
    webhome.received(home, "neuf.tif", PAPERS[5], 0)
    with home.database.reading() as session:
        queue = figures.queue_of(session)
        assert figures.too_old(queue, webhome.NOON + timedelta(minutes=9)) is None
        assert figures.too_old(queue, webhome.NOON + timedelta(minutes=11)).title == "neuf.tif"


def test_a_document_that_waits_for_its_batch_is_on_its_way_and_one_replaced_is_counted_where_it_went(home, desk, fed):
    def counted() -> dict[str, int]:
        with home.database.reading() as session:
            return {counter.name: counter.number for counter in figures.counters(session)}

    assert (counted()["received"], counted()["working"]) == (4, 4)
    act(desk, "/desk/demo/end")
    assert (counted()["received"], counted()["working"]) == (2, 2)


# --- duplicates ---


@pytest.fixture
def pair(home) -> tuple[str, str]:
    """Two files with the same pixels."""
    first = webhome.held(home, "premier.tif", PAPERS[0], hours=2)
    second = webhome.held(home, "second.tif", PAPERS[1], hours=1)
    with home.database.writing() as session:
        one, other = documents.get_document(session, first), documents.get_document(session, second)
        other.current_pages[0].raster = one.current_pages[0].raster
    return first, second


def pairs(home: Workstation) -> list[tuple[str, str, str]]:
    with home.database.reading() as session:
        return [(found.first.id, found.second.id, found.kind) for found in twins.find_pairs(session)]


def test_the_same_pixels_are_shown_side_by_side(home, desk, pair):
    assert pairs(home) == [(*pair, twins.Kind.PIXELS)]
    assert "premier.tif – second.tif" in look(desk, "/duplicates")
    page = desk.get("/duplicates/{}/{}".format(*pair)).text
    assert page.count("page.jpg") == 2
    assert "le même scan" in text_of(page)


def test_pages_that_look_alike_are_shown_and_others_are_not(home, pair):
    with home.database.writing() as session:
        for document_id, likeness, raster in ((pair[0], "00000000000000ff", "a" * 64), (pair[1], "00000000000000fe", "b" * 64)):
            page = documents.get_document(session, document_id).current_pages[0]
            page.seen, page.raster = {"likeness": likeness}, raster
    assert pairs(home) == [(*pair, twins.Kind.ALIKE)]
    with home.database.writing() as session:
        documents.get_document(session, pair[1]).current_pages[0].seen = {"likeness": "ffffffffffffff00"}
    assert pairs(home) == []


def test_two_invoice_numbers_are_two_papers_however_alike(home, pair):
    with home.database.writing() as session:
        for document_id, raster, number in zip(pair, "ab", ("F-1", "F-2"), strict=True):
            document = documents.get_document(session, document_id)
            document.current_pages[0].seen, document.current_pages[0].raster = {"likeness": "00000000000000ff"}, raster * 64
            document.fields.append(FieldRow(name="invoice_number", source="read", value=number))
    assert pairs(home) == []


def test_the_same_first_page_with_another_second_is_no_twin(home, pair):
    with home.database.writing() as session:
        for document_id, raster in zip(pair, "ab", strict=True):
            first = documents.get_document(session, document_id).current_pages[0]
            facts = [documents.PageFact(n, first.sha256, webhome.CODING, (first.raster, raster * 64)[n - 1]) for n in (1, 2)]
            documents.replace_pages(session, document_id, facts)
    assert pairs(home) == []


@pytest.mark.parametrize(("choice", "state"), [("same", State.SET_ASIDE), ("distinct", State.HELD)])
def test_a_person_decides_and_is_not_asked_again(home, desk, pair, choice, state):
    assert "Décision inscrite" in act(desk, "/duplicates/{}/{}".format(*pair), choice=choice)
    assert (atwork.document_of(home, pair[0]).state, atwork.document_of(home, pair[1]).state) == (State.HELD, state)
    assert pairs(home) == []
    with home.database.reading() as session:
        assert [row.choice for row in session.query(Decision)] == [choice]
        assert story_of(session, pair[1])[-1][1] == "decided"


def test_a_document_at_work_is_not_put_aside(home, desk):
    first, second = webhome.held(home, "a.tif", PAPERS[0]), webhome.received(home, "b.tif", PAPERS[1], 0)
    with home.database.writing() as session:
        documents.move_document(documents.get_document(session, second), State.JUDGED, webhome.NOON)
    assert "en cours de traitement" in look(desk, f"/duplicates/{first}/{second}")
    assert desk.post(f"/duplicates/{first}/{second}", data={"choice": "same"}).status_code == 409


def test_a_file_that_came_again_has_nothing_to_decide(home, desk):
    webhome.held(home, "a.tif", PAPERS[0])
    webhome.again(home, "encore.tif", PAPERS[0])
    arrival = re.search(r'href="(/duplicates/\d+)"', desk.get("/duplicates").text)[1]
    assert "Il n’y a rien à décider" in look(desk, arrival)


# --- events ---


async def told(changes: Changes, count: int) -> list[bytes]:
    found = []
    async with aclosing(changes.stream()) as stream:
        async for event in stream:
            found.append(event)
            if len(found) == count:
                break
    return found


def test_a_stream_tells_what_stands_then_each_change_and_nothing_else():
    seen = iter(["a", "a", "a", "b", "b", "c"])
    changes = Changes(lambda _: next(seen), seconds=0)
    events = asyncio.run(told(changes, 3))
    assert [re.search(rb"data: (.*)", event)[1] for event in events] == [b"a", b"b", b"c"]
    assert changes.open == 0


def test_all_streams_together_look_once():
    looks = []
    changes = Changes(lambda _: looks.append(1) or "same", seconds=60)

    async def many() -> None:
        await asyncio.gather(*(told(changes, 1) for _ in range(20)))

    asyncio.run(many())
    assert len(looks) == 1


def test_a_server_that_stops_ends_its_streams_at_once():
    async def stop() -> list[bytes]:
        changes = Changes(lambda _: "same", seconds=30)
        reader = asyncio.create_task(told(changes, 99))
        await asyncio.sleep(0.05)
        changes.close()
        return await asyncio.wait_for(reader, 1)

    assert len(asyncio.run(stop())) == 1


def test_too_many_streams_are_refused_and_the_page_asks_by_itself(home, desk):
    desk.app.state.changes.open = 60
    assert desk.get("/events").status_code == 503


def test_a_look_that_fails_ends_no_stream():
    def fail(_: object) -> str:
        raise OSError("disk full")

    changes = Changes(fail, seconds=0)
    assert asyncio.run(told(changes, 1))


def test_every_change_of_a_batch_is_heard(home, desk, fed):
    def heard() -> str:
        with home.database.reading() as session:
            return last_change(session)

    known = [heard()]
    for path, form in (
        ("sheets", {"by": 1}),
        ("edit", {"key": key_of(desk, "page 2 du document 1"), "do": "split"}),
        ("undo", {}),
        ("redo", {"page": bad_side(desk), "reason": "cut"}),
        ("redo/drop", {}),
        ("end", {}),
    ):
        act(desk, f"/desk/demo/{path}", **form)
        known.append(heard())
    assert len(set(known)) == len(known) - 1  # The correction that was taken back.


# --- words ---


def test_the_desk_speaks_english_too(desk, fed):
    desk.post("/language", data={"language": "en", "back": "/"})
    page = bad_side(desk)
    for path in ("", f"/redo?page={page}", "/preview", "/end", "/history"):
        said = look(desk, f"/desk/demo{path}")
        assert not re.search(r"\b(feuille|lot|doute|Refaire|Annuler|page suivante)s?\b", said.replace(fed, "")), path


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400, "24 h"), (172_800, "2 jours")]
)
def test_an_age_has_one_unit(seconds, words):
    assert span_words(timedelta(seconds=seconds), FR) == words


# --- the scanner that Sceau feeds ---


@pytest.fixture
def scanner_desk(home, tmp_path, monkeypatch) -> Iterator[tuple[TestClient, Scanning]]:
    """A station whose scanner is SANE's own test device; it jams after two pages."""
    monkeypatch.setenv("SANE_CONFIG_DIR", str(sane.configure(tmp_path / "sane")))
    program = sane.jamming(tmp_path, after=2, then="--batch-count=1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    station = home.settings.stations[0].model_copy(update={"scanner": "test:0"})
    fed = replace(home, settings=home.settings.model_copy(update={"stations": (station,)}), clock=now)
    scanning = Scanning(fed, program=str(program))
    browser = enter(fed)
    browser.app.state.scanning = scanning
    yield browser, scanning
    scanning.close()


def until(browser: TestClient, words: str) -> str:
    """The desk as soon as it says so; a busy machine scans a page in seconds."""
    for _ in range(1200):
        said = look(browser)
        if words in said:
            return said
        time.sleep(0.05)
    raise AssertionError(said)


def test_a_stack_is_scanned_from_the_desk_and_a_jam_is_waited_for(scanner_desk):
    browser, scanning = scanner_desk
    act(browser, "/desk/demo/open")
    act(browser, "/desk/demo/scan")
    assert "2" in until(browser, "Reprendre")
    job = scanning.jobs()[0]
    act(browser, f"/desk/demo/scan/{job.id}/resume")
    act(browser, f"/desk/demo/scan/{job.id}/finish")
    until(browser, "Terminé")
    assert scanning.jobs()[0].pages >= 2


def test_a_scanner_that_does_not_answer_is_told_with_what_to_do(scanner_desk, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    act(scanner_desk[0], "/desk/demo/open")
    said = act(scanner_desk[0], "/desk/demo/scan")
    assert PROBLEMS["scan-no-program"].happened in html.unescape(said)


def test_without_a_scanner_of_its_own_a_station_offers_no_button(desk, fed):
    assert 'id="scan"' not in desk.get("/desk/demo").text
    assert desk.post("/desk/demo/scan", data={}).status_code == 404
