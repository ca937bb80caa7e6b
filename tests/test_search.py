"""What is found, and what never is: words, phrases and fields, an index that follows, pages with their hits marked."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from alembic import command
from barriers import barriers
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright
from screenshots import CHROMIUM, serving, sign_in
from sqlalchemy.dialects import postgresql
from test_browser import pytestmark
from test_web import enter
from typer.testing import CliRunner

from config.settings import StoreChoice
from ocr.text import Line, PageText, Word
from station import search
from station.cli import app
from station.records import documents
from station.records import search as records
from station.records.database import alembic_config, migrate, open_database
from station.records.search import Asked, Term
from station.records.tables import Batch, Document, FieldRow, Reading, SearchDue, SearchEntry, State
from station.search import parse_query
from station.workstation import Workstation

in_a_browser = pytestmark
del pytestmark  # Only of the tests that say so.
QUAIS, MENUISERIE, BERTIN, MARCHAND, AUBRY = webhome.PAPERS[:5]
TEXT = {
    "quais": [["IMPRIMERIE", "DES", "QUAIS"], ["Facture", "F-2026-0417"], ["Réimpression", "du", "bon", "de", "livraison"]],
    "menuiserie": [["Menuiserie", "Le", "Goff"], ["Cheminée", "en", "chêne,", "cœur", "de", "bois"], ["livraison", "du", "bon", "bois"]],
    "bertin": [["Fournitures", "Bertin"], ["<script>alert(1)</script>", "ramettes"]],
}


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three invoices that were read, indexed; each test that changes something takes a copy."""
    workstation = webhome.open_home(tmp_path_factory.mktemp("found") / "home")
    for name, paper, hours in (("quais", QUAIS, 3), ("menuiserie", MENUISERIE, 2), ("bertin", BERTIN, 1)):
        note_text(workstation, webhome.sealed(workstation, f"{name}.tif", paper, hours=hours), TEXT[name])
    settle(workstation)
    workstation.database.close()
    return workstation.home


@pytest.fixture(scope="module")
def shared(blank: Path) -> Workstation:
    return webhome.open_home(blank)


@pytest.fixture
def home(blank: Path, tmp_path: Path) -> Workstation:
    import shutil

    shutil.copytree(blank, tmp_path / "home")
    return webhome.open_home(tmp_path / "home")


def note_text(workstation: Workstation, document_id: str, lines: list[list[str]], version: int = 1) -> None:
    """A reading as the pipeline keeps it, its words side by side."""
    laid = tuple(
        Line(tuple(Word(text, 100 + 200 * x, 100 + 60 * y, 280 + 200 * x, 140 + 60 * y, 0.98) for x, text in enumerate(row)))
        for y, row in enumerate(lines)
    )
    path = Path("readings") / document_id / f"{version}.json"
    (workstation.home / path).parent.mkdir(parents=True, exist_ok=True)
    page = PageText(1, 2480, 3508, laid, "drawn")
    (workstation.home / path).write_text(json.dumps({"pages": [page.as_json()], "second": []}), encoding="utf-8")
    with workstation.database.writing() as session:
        row = Reading(
            document_id=document_id, version=version, engine="drawn", path=str(path), words=9, in_archive=True, read_at=webhome.NOON
        )
        session.add(row)


def settle(workstation: Workstation) -> None:
    while search.index_due(workstation):
        pass


def found(workstation: Workstation, typed: str, order: str = "score") -> list[str]:
    """Titles, without the ending."""
    with workstation.database.reading() as session:
        hits = records.find_entries(session, parse_query(typed).asked, ["essai"], order)
        return [documents.get_document(session, each).title.split(".")[0] for each in hits.document_ids]


def id_of(workstation: Workstation, title: str) -> str:
    with workstation.database.reading() as session:
        return session.scalars(sa.select(Document.id).where(Document.title == f"{title}.tif")).one()


# --- what is asked ---


@pytest.mark.parametrize(
    ("typed", "span"),
    [
        ("ttc:1 234,56", (123456, 123456)),
        ("ttc:1.234,56 €", (123456, 123456)),
        ("ttc:1234", (123400, 123499)),
        ("ttc: 100 à 200 euros", (10000, 20000)),
        ("montant:200..100", (10000, 20000)),
        ("ttc:>1000", (100001, None)),
        ("ttc:<=500,5", (None, 50050)),
        ("ttc:..200", (None, 20000)),
        ("ttc:-120,00", (-12000, -12000)),
    ],
)
def test_amounts_are_asked_for_as_people_write_them(typed, span):
    assert parse_query(typed).asked == Asked(cents=(span,))


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("date:17/11/2026", ("2026-11-17", "2026-11-17")),
        ("date:17/11/26", ("2026-11-17", "2026-11-17")),
        ("date:2026-11-17", ("2026-11-17", "2026-11-17")),
        ("date:11/2026", ("2026-11-01", "2026-11-30")),
        ("date:févr. 2024", ("2024-02-01", "2024-02-29")),
        ("date: 1er novembre 2026 à 15/11/2026", ("2026-11-01", "2026-11-15")),
        ("date:2025-2026", ("2025-01-01", "2026-12-31")),
        ("date:>2025", ("2026-01-01", "")),
        ("date:<2026-11", ("", "2026-10-31")),
        ("date:2026..", ("2026-01-01", "")),
    ],
)
def test_days_months_and_years_are_asked_for_as_people_write_them(typed, days):
    assert parse_query(typed).asked == Asked(days=(days,))


@pytest.mark.parametrize("typed", ["ttc:abc", "date:31/02/2026", "date:demain", "etat:vert"])
def test_what_is_no_value_of_its_field_is_told_and_looked_for_as_words(typed):
    query = parse_query(typed)
    assert query.unclear == (typed,)
    assert query.asked.terms and not (query.asked.cents or query.asked.days or query.asked.states)


def test_a_state_has_several_names_in_two_languages():
    assert parse_query("état:scellé").asked.states == parse_query("state:sealed").asked.states == {State.SEALED}
    assert parse_query('etat:"mis de côté"').asked.states == {State.SET_ASIDE}
    assert parse_query("etat:en cours quais").asked.terms == (Term((("quais",),)),)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(max_size=12), st.sampled_from(['"', "*", "(", ")", " AND ", " NEAR(", "ttc:", "date:", "-", ":", "^", "{", "'"]))
    )
)
def test_nothing_that_a_person_types_is_an_error(shared, parts):
    found(shared, "".join(parts))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_every_query_is_quoted_for_both_databases(text):
    terms = parse_query(text).asked.terms
    words = [word for term in terms for form in term.forms for word in form]
    assert all(word.isalnum() or not re.search(r"[\s\"'&|!:*()<>\\]", word) for word in words)
    assert records.tsquery_words(terms).count("'") % 2 == 0


# --- what is found ---


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        ("cheminee", {"menuiserie"}),
        ("CHEMINÉE CHENE", {"menuiserie"}),
        ("reimp", {"quais"}),
        ("coeur", {"menuiserie"}),
        ("cœur", {"menuiserie"}),
        ("bon livraison", {"quais", "menuiserie"}),
        ('"bon de livraison"', {"quais"}),
        ('"bon de livr"', set()),
        ("eminée", set()),
        ("fournisseur:quais", {"quais"}),
        ("fournisseur:livraison", set()),
        ('supplier:"le goff"', {"menuiserie"}),
        ("numero:F-2026", {"quais"}),
        ("numéro:F20260417", {"quais"}),
        ("numero:2026/318", {"menuiserie"}),
        ("siren:732 829", {"quais", "menuiserie", "bertin"}),
        ("siren:999", set()),
        ("ttc:1 234,56", {"quais"}),
        ("1 234,56", {"quais"}),
        ("1234.56", {"quais"}),
        ("ttc:100..2000", {"quais", "bertin"}),
        ("date:16/11/2026", {"menuiserie"}),
        ("16/11/2026", {"menuiserie"}),
        ("date:novembre 2026", {"quais", "menuiserie", "bertin"}),
        ("date:2025", set()),
        ("livraison ttc:>2000 date:2026 etat:scellé fournisseur:menuiserie", {"menuiserie"}),
        ("etat:retenu", set()),
        ("bertin.tif", {"bertin"}),
    ],
)
def test_words_phrases_and_fields_find_what_says_so(shared, typed, titles):
    assert set(found(shared, typed)) == titles


def test_the_invoice_with_that_number_comes_before_one_that_mentions_it(home):
    note_text(home, id_of(home, "bertin"), [["voir", "facture", "F-2026-0417"]], version=2)
    settle(home)
    assert found(home, "F-2026-0417") == ["quais", "bertin"]
    assert found(home, "livraison", "date") == ["quais", "menuiserie"]


def test_other_companies_see_nothing_of_it(shared):
    with shared.database.reading() as session:
        assert records.find_entries(session, parse_query("quais").asked, ["autre"]).total == 0


@pytest.mark.parametrize("order", ["score", "date"])
def test_screenfuls_follow_one_another_without_a_gap_or_a_repeat(shared, order):
    asked, seen, after = parse_query("siren:732829320 2026").asked, [], ""
    with shared.database.reading() as session:
        for _ in range(3):
            page = records.find_entries(session, asked, ["essai"], order, after, size=1)
            seen += page.document_ids
            after = page.after
    assert after == "" and len(seen) == len(set(seen)) == page.total == 3


@pytest.mark.parametrize("after", ["~", "x~1", "0x1p+2~", "nan~1", "2026~999999999999999999999", "~²"])
def test_a_cursor_of_nowhere_is_no_error(shared, after):
    with shared.database.reading() as session:
        for order in ("score", "date"):
            records.find_entries(session, parse_query("2026").asked, ["essai"], order, after)


# --- the index follows ---


def test_a_correction_is_found_and_what_it_corrected_no_longer_is(home):
    document_id = id_of(home, "quais")
    with home.database.writing() as session:
        session.add(FieldRow(document_id=document_id, name="supplier_name", source="person", value="Imprimerie Dupuis", actor="x"))
    settle(home)
    assert (found(home, "fournisseur:dupuis"), found(home, "fournisseur:quais")) == (["quais"], [])


def test_a_later_reading_takes_the_place_of_the_earlier(home):
    note_text(home, id_of(home, "quais"), [["relu", "autrement"]], version=2)
    settle(home)
    assert (found(home, "autrement"), found(home, "réimpression")) == (["quais"], [])


def test_a_confidential_letter_is_not_found_from_the_very_commit_on_and_again_when_it_is_lifted(home):
    with home.database.writing() as session:
        documents.get_document(session, id_of(home, "quais")).confidential = True
    assert found(home, "réimpression") == []
    settle(home)
    assert found(home, "réimpression") == [] == found(home, "quais") == found(home, "ttc:1234,56")
    with home.database.writing() as session:
        documents.get_document(session, id_of(home, "quais")).confidential = False
    settle(home)
    assert found(home, "réimpression") == ["quais"]


@pytest.mark.sqlite  # looks into the pages of its file
def test_nothing_of_an_erased_document_is_found_or_left_in_the_pages_of_the_index(home):
    document_id = id_of(home, "menuiserie")
    with home.database.writing() as session:
        session.execute(sa.text("PRAGMA secure_delete = ON"))
        session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document_id))
        document = documents.get_document(session, document_id)
        document.state, document.title = State.ERASED, ""
    assert found(home, "cheminee") == []
    search.tend_search(home)
    assert found(home, "cheminee") == [] == found(home, "date:16/11/2026")
    file = home.home / "sceau.db"
    home.database.close()
    told = b"".join(each.read_bytes().lower() for each in home.home.glob(f"{file.name}*"))
    assert "réimpression".encode() in told  # of another document: this looks where the words are
    assert not [word for word in ("cheminée", "chemin", "chêne", "hene") if word.encode() in told]


def test_a_move_is_told_without_reading_the_words_again(home):
    with home.database.writing() as session:
        document = documents.get_document(session, id_of(home, "quais"))
        documents.move_document(document, State.SET_ASIDE, webhome.NOON)
    with home.database.reading() as session:
        assert session.scalars(sa.select(SearchDue)).all() == []
    assert found(home, "etat:écarté") == ["quais"]


def test_a_stack_that_was_replaced_is_found_only_where_it_is_asked_for(home):
    with home.database.writing() as session:
        documents.get_document(session, id_of(home, "quais")).state = State.REPLACED
    assert (found(home, "réimpression"), found(home, "réimpression etat:remplacé")) == ([], ["quais"])


def test_a_change_that_comes_while_a_document_is_indexed_is_not_lost(home):
    document_id = id_of(home, "quais")
    with home.database.writing() as session:
        documents.get_document(session, document_id).title = "neuf.tif"
    with home.database.reading() as session:
        ((_, turn),) = records.due_documents(session, 5)
    with home.database.writing() as session:
        documents.get_document(session, document_id).title = "plus neuf.tif"
        session.flush()
        records.settle_turn(session, document_id, turn)
    settle(home)
    assert found(home, '"plus neuf"') == ["plus neuf"]


@pytest.mark.sqlite  # a file of the version before
def test_a_home_of_before_is_filled_step_by_step_the_newest_first(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'sceau.db'}")
    command.upgrade(alembic_config(database.writer), "0005")
    with database.writing() as session:
        session.add(Batch(id="b", station="demo", opened_at=webhome.NOON))
        session.flush()
        for day in range(3):
            at = webhome.NOON - timedelta(days=day)
            values = {"state": State.SEALED, "received_at": at, "changed_at": at, "batch_id": "b", "station": "demo", "operator": "a"}
            session.add(Document(id=f"{day:032x}", entity="essai", document_type="invoice", title=f"vieux-{day}.tif", **values))
    migrate(database)
    database.close()
    workstation = webhome.open_home(tmp_path)
    assert search.index_due(workstation, 2) == 2
    assert sorted(found(workstation, "vieux")) == ["vieux-0", "vieux-1"]
    settle(workstation)
    assert found(workstation, "vieux", "date") == ["vieux-0", "vieux-1", "vieux-2"]
    assert found(workstation, "vieux") == ["vieux-0", "vieux-1", "vieux-2"]  # of equal worth, the newest first, whichever was indexed first


def test_of_more_hits_than_are_counted_the_newest_come_first_and_go_on_by_the_cursor(shared, monkeypatch):
    monkeypatch.setattr(records, "COUNTED", 2)
    newest = [id_of(shared, name) for name in ("bertin", "menuiserie", "quais")]
    with shared.database.reading() as session:
        first = records.find_entries(session, parse_query("2026").asked, ["essai"], size=2)
        rest = records.find_entries(session, parse_query("2026").asked, ["essai"], after=first.after, size=2)
    assert (first.total, [*first.document_ids], [*rest.document_ids], rest.after) == (3, newest[:2], newest[2:], "")


def test_papers_of_one_second_have_numbers_of_their_own(home):
    with home.database.writing() as session:
        session.execute(sa.update(Document).values(received_at=webhome.NOON))
    with home.database.writing() as session:
        session.execute(sa.text("DELETE FROM search_text"))
        session.execute(sa.delete(SearchEntry))
    search.rebuild_search(home)
    assert set(found(home, "2026")) == {"quais", "menuiserie", "bertin"}


@pytest.mark.sqlite  # FTS5 is asked to forget and to check itself
def test_a_broken_index_is_made_anew(home):
    with home.database.writing() as session:
        session.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('delete-all')"))
        session.execute(sa.delete(SearchEntry).where(SearchEntry.document_id == id_of(home, "quais")))
    assert found(home, "cheminee") == []
    heard: list[tuple[int, int]] = []
    assert search.rebuild_search(home, lambda done, of: heard.append((done, of))) == 3
    assert heard[-1] == (3, 3)
    assert found(home, "cheminee") == ["menuiserie"] and found(home, "réimpression") == ["quais"]
    with home.database.writing() as session:
        session.execute(sa.text("INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)"))


def test_a_reading_that_is_gone_leaves_the_values_to_be_found(home):
    document_id = id_of(home, "quais")
    (home.home / "readings" / document_id / "1.json").unlink()
    search.rebuild_search(home)
    assert (found(home, "réimpression"), found(home, "ttc:1234,56")) == ([], ["quais"])


def test_words_that_a_bucket_keeps_and_cannot_give_now_are_waited_for(home, monkeypatch):
    document_id = id_of(home, "quais")
    with home.database.writing() as session:
        records.rebuild_index(session)
    with monkeypatch.context() as patch:
        patch.setenv("SCEAU_STORE_KEY", "key")
        patch.setenv("SCEAU_STORE_SECRET", "secret")
        reading = home.home / "readings" / document_id
        aside = reading.rename(home.home / "aside")
        bucket = replace(
            home, settings=home.settings.model_copy(update={"store": StoreChoice(url="s3://none/s?endpoint=http://127.0.0.1:9")})
        )
        settle(bucket)
        with home.database.reading() as session:
            assert [each for each, _ in records.due_documents(session, 9)] == [document_id]
        aside.rename(reading)
    settle(home)
    assert found(home, "réimpression") == ["quais"]


# --- PostgreSQL: what would be asked ---


def test_postgresql_is_asked_with_words_of_its_own_columns():
    terms = parse_query('numero:F-1 "le cœur" quai').asked.terms
    assert records.tsquery_words(terms) == "('f':B <-> '1':B | 'f1':*B) & ('le' <-> 'coeur' | 'le' <-> 'coeur') & ('quai':*)"
    told = str(records.match_tsvector(terms).holds.compile(dialect=postgresql.dialect()))
    assert "search_text.vector @@ to_tsquery('simple', " in told


# --- where it says so ---


def test_the_stretch_with_most_of_the_words_is_shown_with_its_hits():
    body = "Livraison " + "rien " * 80 + "bon de livraison signé à réception " + "rien " * 80
    parts = search.snippet_of(body, parse_query("bon livr signe").asked.terms)
    assert [part.text for part in parts if part.hit] == ["bon", "livraison", "signé"]
    assert parts[0].text == "… " and len("".join(part.text for part in parts)) < 2 * search.SNIPPET


@given(st.text(max_size=60), st.text(max_size=8))
def test_marking_changes_no_letter_of_the_text(text, typed):
    assert "".join(part.text for part in search.mark_hits(text, parse_query(typed).asked.terms)) == text


def test_the_words_and_the_values_asked_about_have_their_places_on_the_page(shared):
    with shared.database.reading() as session:
        document = documents.get_document(session, id_of(shared, "quais"))
        pages = search.kept_text(shared, document)[0]
        row = FieldRow(name="total_gross", page=1, box=[1, 2, 3, 4])
        (hits,) = search.page_hits(pages, parse_query('"bon de livraison" F-2026-0417 ttc:1234'), [row])
    assert hits.boxes == ((300, 160, 480, 200), (500, 220, 680, 260), (700, 220, 880, 260), (900, 220, 1080, 260), (1, 2, 3, 4))


# --- the pages ---


@pytest.fixture(scope="module")
def browser(shared: Workstation) -> TestClient:
    return enter(shared)


def test_the_page_finds_without_script_and_marks_what_was_looked_for(browser, shared):
    page = browser.get("/recherche", params={"q": "cheminée fournisseur:menuiserie"}).text
    assert "<mark>Cheminée</mark>" in page and "<mark>Menuiserie</mark> Le Goff" in page
    assert f"/recherche/{id_of(shared, 'menuiserie')}?q=chemin" in page
    assert '<input type="search" id="q" name="q"' in page and "autofocus" in page


def test_live_search_gets_the_results_alone(browser):
    fragment = browser.get("/recherche?q=quais", headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith('<section id="found"') and "<html" not in fragment


def test_what_was_read_and_what_was_typed_is_never_markup(browser):
    page = browser.get("/recherche", params={"q": "script <img src=x onerror=alert(2)>"}).text
    assert "<script>alert" not in page and "<img src=x" not in page
    page = browser.get("/recherche", params={"q": "alert"}).text
    assert "&lt;script&gt;<mark>alert</mark>(1)" in page


def test_the_page_of_a_document_shows_where_it_is(browser, shared):
    page = browser.get(f"/recherche/{id_of(shared, 'quais')}", params={"q": "réimpression"}).text
    assert '<rect x="92" y="212" width="196" height="56"/>' in page and 'viewBox="0 0 2480 3508"' in page


def test_confidential_and_erased_documents_have_no_page_with_hits(home):
    client = enter(home)
    for change, status in (({"confidential": True}, 423), ({"confidential": False, "state": State.ERASED}, 404)):
        with home.database.writing() as session:
            document = documents.get_document(session, id_of(home, "quais"))
            for name, value in change.items():
                setattr(document, name, value)
        assert client.get(f"/recherche/{document.id}?q=quais").status_code == status
        assert document.id not in client.get("/recherche?q=réimpression").text


def test_more_than_a_screenful_is_paged_by_cursor(home, monkeypatch):
    monkeypatch.setattr("station.web.search.SIZE", 2)
    client = enter(home)
    page = client.get("/recherche?q=date:2026").text
    address = re.search(r'rel="next" href="([^"]+)"', page)
    further = client.get(address[1].replace("&amp;", "&")).text
    assert page.count('<li class="row') == 2 and further.count('<li class="row') == 1 and 'rel="next"' not in further


@in_a_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_search_by_keyboard_alone_finds_live_and_meets_no_barrier(shared, scheme):
    with serving(shared) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(locale="fr-FR", color_scheme=scheme, viewport={"width": 1366, "height": 768})
        sign_in(page, address)
        page.goto(f"{address}/recherche")
        page.keyboard.type("cheminee ttc:5 346,00")
        page.wait_for_selector("#found mark")
        assert page.locator("#found li.row").count() == 1 and page.evaluate("document.activeElement.id") == "q"
        found = barriers(page)
        page.locator("#found li.row a[role=button]").press("Enter")
        page.wait_for_selector("figure svg rect")
        found += barriers(page)
        chromium.close()
    assert found == []


def test_the_command_finds_and_makes_the_index_anew(home, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(home.home))
    run = CliRunner().invoke(app, ["search", "--json", "cheminée"])
    assert (run.exit_code, json.loads(run.stdout)["invoice_number"]) == (0, "2026/318")
    assert CliRunner().invoke(app, ["search", "introuvable"]).exit_code == 3
    assert CliRunner().invoke(app, ["search"]).exit_code == 2
    assert CliRunner().invoke(app, ["search", "--rebuild"]).exit_code == 0
