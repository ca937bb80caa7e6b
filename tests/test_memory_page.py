"""The pages on which values are reviewed and corrected, and the page of what was learned."""

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from fastapi.testclient import TestClient
from PIL import Image
from test_learning import Desk
from test_suppliers import IBAN, SIREN, paper
from test_web import enter, text_of

from capture.catalogue import finding
from ocr.confidence import WATCHED
from station.records import documents, people
from station.records.tables import AccountChange, FieldRow, LessonRow, PageRow
from station.web.learning import crop_box

OTHER_IBAN = "FR1420041010050500013M02606"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    workstation = webhome.open_home(tmp_path)
    workstation.settings.suppliers.ibans[SIREN] = [IBAN]
    with workstation.database.writing() as session:
        clerk = people.ensure_practice(session)
    yield Desk(workstation, clerk, monkeypatch)
    workstation.database.close()


@pytest.fixture
def browser(desk: Desk) -> TestClient:
    return enter(desk.workstation)


def test_each_value_has_its_label_source_colour_in_words_and_form(desk, browser):
    shown = browser.get(f"/documents/{desk.read(paper())}").text
    row = re.search(r'<tr id="field-invoice_number".*?</tr>', shown, re.S)[0]
    assert all(word in text_of(row) for word in ("Numéro de facture", "ZK-900", "lu", "sûr", "Pourquoi", "Corriger"))


def told_lines(desk) -> str:
    document = desk.read(paper())
    lines = [
        {"description": "Vis <acier>", "quantity": "2.0", "unit_price": "-25.00", "net": "-50.00", "rate": "5.50", "page": 1, "box": None},
        {"description": "Port", "quantity": None, "unit_price": None, "net": "1300.00", "rate": None, "page": 1, "box": None},
    ]
    taxes = [{"rate": "19.00", "base": "1387.79", "tax": "263.68"}]
    with desk.workstation.database.writing() as session:
        session.execute(sa.delete(FieldRow).where(FieldRow.name.in_(("lines", "vat_breakdown"))))
        for name, rows in (("lines", lines), ("vat_breakdown", taxes)):
            session.add(FieldRow(document_id=document, name=name, source="read", value=json.dumps(rows), confidence=0.9))
        session.add(FieldRow(document_id=document, name="paid_amount", source="read", value="-50.00", confidence=0.9))
    return document


def test_lines_and_taxes_are_tables_in_the_form_of_the_language(desk, browser):
    shown = browser.get(f"/documents/{told_lines(desk)}").text
    lines, taxes, paid = (
        text_of(re.search(rf'<tr id="field-{name}".*?(?=<tr id="field-|</table>\s*</div>)', shown, re.S)[0])
        for name in ("lines", "vat_breakdown", "paid_amount")
    )
    assert "Vis &lt;acier&gt;" in shown and "-50,00" in lines and "5,5\u202f%" in lines and "1\u202f300,00" in lines
    assert "Base HT" in taxes and "1\u202f387,79" in taxes and "19\u202f%" in taxes and "263,68" in taxes
    assert "-50,00" in paid and "-50.00" not in shown
    assert "[{" not in shown and "description" not in text_of(shown) and "None" not in lines


def test_a_doubtful_value_says_so_in_words_and_with_a_symbol(desk, browser):
    document = desk.read(paper())
    with desk.workstation.database.writing() as session:
        session.execute(sa.update(FieldRow).where(FieldRow.name == "iban").values(confidence=0.3))
    row = re.search(r'<tr id="field-iban".*?</tr>', browser.get(f"/documents/{document}").text, re.S)[0]
    assert "douteux" in text_of(row)
    assert row.count("<svg") >= 2


def reread(browser, document) -> str:
    return text_of(re.search(r'<p id="reread">.*?</p>', browser.get(f"/documents/{document}").text, re.S)[0])


def sure_document(desk, confidence: float = 0.999) -> str:
    """Whose needed values are all there."""
    document = desk.read(paper())
    with desk.workstation.database.writing() as session:
        session.add(FieldRow(document_id=document, name="issue_date", source="read", value="2026-01-31"))
        session.flush()
        session.execute(sa.update(FieldRow).values(confidence=confidence))
    return document


def test_a_document_says_what_is_to_be_looked_at_again_or_that_nothing_is(desk, browser):
    document = sure_document(desk)
    with desk.workstation.database.writing() as session:
        rows = session.execute(sa.select(FieldRow.name).where(FieldRow.name.in_(WATCHED))).all()
    told = reread(browser, document)
    assert re.search(rf"Rien à relire.: les {len(rows)} valeurs suivies sont sûres\.", told)
    assert "mesurée que sur des factures simulées" in told
    with desk.workstation.database.writing() as session:
        session.execute(sa.update(FieldRow).where(FieldRow.name == "total_gross").values(confidence=0.9))
        session.execute(sa.delete(FieldRow).where(FieldRow.name == "invoice_number"))
    assert re.search(r"À relire.: Numéro de facture \(rien trouvé\), Total TTC\.", reread(browser, document))


def test_what_a_person_said_is_not_to_be_looked_at_again(desk, browser):
    document = sure_document(desk, 0.9)
    before = reread(browser, document)
    browser.post(f"/documents/{document}/fields/invoice_number", data={"value": "ZK-118"})
    assert ("Numéro de facture" in before, "Numéro de facture" in reread(browser, document)) == (True, False)
    browser.post(f"/documents/{document}/fields")
    assert 'id="reread"' not in browser.get(f"/documents/{document}").text


def test_a_document_of_which_pages_are_unread_is_to_be_looked_at(desk, browser):
    document = sure_document(desk)
    with desk.workstation.database.writing() as session:
        documents.add_finding(session, document, finding("reading-over-budget", page=2))
    assert re.search("À relire.: des pages ou des valeurs n.ont pas pu être lues", reread(browser, document))


def test_a_correction_comes_first_and_what_was_read_stays_beside(desk, browser):
    document = desk.read(paper())
    answer = browser.post(f"/documents/{document}/fields/invoice_number", data={"value": "ZK-118"})
    assert answer.status_code == 303
    page = text_of(browser.get(f"/documents/{document}").text)
    assert "Sceau a appris" in page
    assert re.search(r"ZK-118 Lecture automatique.{1,4}ZK-900", page)
    assert desk.clerk.login in page


def test_french_amounts_and_dates_are_taken_as_they_are_typed(desk, browser):
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields/total_gross", data={"value": "1\u202f234,56"})
    browser.post(f"/documents/{document}/fields/issue_date", data={"value": "12/03/2024"})
    assert desk.value(document, "total_gross", "person") == str(Decimal("1234.56"))
    assert desk.value(document, "issue_date", "person") == "2024-03-12"


@pytest.mark.parametrize(
    ("name", "typed"), [("total_gross", "douze euros"), ("issue_date", "31/02/2024"), ("currency", "sous"), ("iban", "")]
)
def test_bad_input_is_answered_clearly_and_what_was_typed_is_kept(desk, browser, name, typed):
    document = desk.read(paper())
    answer = browser.post(f"/documents/{document}/fields/{name}", data={"value": typed})
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert desk.value(document, name, "person") is None


def test_an_amount_that_reads_in_two_ways_is_asked_with_both(desk, browser):
    answer = browser.post(f"/documents/{desk.read(paper())}/fields/total_gross", data={"value": "1,234"})
    assert answer.status_code == 422
    assert "1\u202f234,00 ou 1,23" in text_of(answer.text)


def test_a_number_whose_key_does_not_fit_is_asked_once_more_and_then_taken(desk, browser):
    form = f"/documents/{desk.read(paper())}/fields/supplier_siren"
    asked = browser.post(form, data={"value": "732829321"})
    assert asked.status_code == 422 and 'name="sure" value="732829321"' in asked.text
    assert browser.post(form, data={"value": "732829322", "sure": "732829321"}).status_code == 422
    assert browser.post(form, data={"value": "732829321", "sure": "732829321"}).status_code == 303


def test_what_stands_nowhere_on_the_page_promises_nothing_for_the_next_one(desk, browser):
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields/invoice_number", data={"value": "NOWHERE-77"})
    shown = text_of(browser.get(f"/documents/{document}").text)
    assert "Valeur inscrite" in shown and "servira" not in shown


def test_few_reviewed_values_conclude_nothing(desk, browser):
    document = sure_document(desk)
    browser.post(f"/documents/{document}/fields")
    shown = text_of(browser.get("/memory").text)
    assert "Trop peu de relectures" in shown and "Relues ici dernièrement" not in shown


def test_what_a_person_types_is_shown_as_text_and_never_as_markup(desk, browser):
    document = desk.read(paper())
    answer = browser.post(f"/documents/{document}/fields/issue_date", data={"value": '"><script>alert(1)</script>'})
    browser.post(f"/documents/{document}/fields/supplier_name", data={"value": "<script>alert(1)</script>"})
    assert "<script>alert" not in answer.text + browser.get(f"/documents/{document}").text + browser.get("/memory").text


def test_a_value_may_be_said_to_be_absent(desk, browser):
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields/iban", data={"value": "whatever", "absent": "yes"})
    assert "absent du papier" in text_of(browser.get(f"/documents/{document}").text)


def waiting(desk) -> list[tuple[str, bytes | None]]:
    with desk.workstation.database.reading() as session:
        return [(row.iban, row.crop) for row in session.scalars(sa.select(AccountChange).where(AccountChange.decided_at.is_(None)))]


def test_the_account_that_one_person_types_on_a_document_waits_for_another(desk, browser):
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields/iban", data={"value": OTHER_IBAN})
    assert [iban for iban, _ in waiting(desk)] == [OTHER_IBAN]
    shown = browser.get(f"/documents/{document}").text
    assert 'id="account-waits"' in shown and "FR14 2004" not in shown
    browser.post(f"/documents/{document}/fields/iban", data={"value": IBAN})
    assert IBAN in browser.get(f"/documents/{document}").text.replace(" ", "") and not waiting(desk)


def test_the_first_account_of_a_supplier_in_no_register_is_not_confirmed_by_one_button(desk, browser):
    desk.workstation.settings.suppliers.ibans.clear()
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields")
    with desk.workstation.database.reading() as session:
        said = set(session.scalars(sa.select(FieldRow.name).where(FieldRow.source == "person")))
    assert "invoice_number" in said and "iban" not in said and [iban for iban, _ in waiting(desk)] == [IBAN]
    assert 'id="confirm-all"' not in browser.get(f"/documents/{document}").text
    browser.post(f"/documents/{document}/fields")
    assert len(waiting(desk)) == 1


def test_everything_else_is_confirmed_with_one_button(desk, browser):
    document = desk.read(paper())
    assert 'id="confirm-all"' in browser.get(f"/documents/{document}").text
    browser.post(f"/documents/{document}/fields")
    assert 'id="confirm-all"' not in browser.get(f"/documents/{document}").text


def test_what_nobody_found_can_be_typed(desk, browser):
    document = desk.read(paper())
    assert f'href="/documents/{document}/fields/due_date"' in browser.get(f"/documents/{document}").text
    assert browser.get(f"/documents/{document}/fields/due_date").status_code == 200


@pytest.mark.parametrize("name", ["lines", "vat_breakdown", "nonsense"])
def test_there_is_no_form_for_tables_and_for_what_is_no_field(desk, browser, name):
    document = desk.read(paper())
    assert browser.get(f"/documents/{document}/fields/{name}").status_code == 404
    assert browser.post(f"/documents/{document}/fields/{name}", data={"value": "1"}).status_code == 404


def test_a_confidential_document_shows_no_value_and_takes_none(desk, browser):
    document = desk.read(paper())
    with desk.workstation.database.writing() as session:
        documents.get_document(session, document).confidential = True
    for path in ("fields/iban", "fields/iban/crop.jpg"):
        assert browser.get(f"/documents/{document}/{path}").status_code == 423
    assert browser.post(f"/documents/{document}/fields/iban", data={"value": "X"}).status_code == 423
    assert browser.post(f"/documents/{document}/fields").status_code == 423


# --- the piece of the page ---


def test_a_value_is_shown_as_the_page_prints_it(desk, browser):
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields/invoice_number", data={"value": "ZK-118"})
    answer = browser.get(f"/documents/{document}/fields/invoice_number/crop.jpg")
    width, height = Image.open(io.BytesIO(answer.content)).size
    assert answer.headers["content-type"] == "image/jpeg"
    assert 40 < width < 500
    assert 10 < height < 80


def test_without_a_place_there_is_no_piece(desk, browser):
    assert browser.get(f"/documents/{desk.read(paper())}/fields/iban/crop.jpg").status_code == 404


def test_the_image_of_a_page_that_was_turned_is_not_cut_at_the_wrong_place():
    assert crop_box((100, 100, 300, 140), (2480, 3508), (1240, 1754)) == (0, 32, 225, 89)
    assert crop_box((100, 100, 300, 140), (2480, 3508), (1754, 1240)) is None
    assert crop_box((9000, 9000, 9100, 9100), (2480, 3508), (1240, 1754)) is None
    assert crop_box((0, 0, 1, 1), (0, 0), (1240, 1754)) is None


def test_a_page_that_lies_on_its_side_is_held_upright(desk, browser):
    document = desk.read(paper())
    browser.post(f"/documents/{document}/fields/invoice_number", data={"value": "ZK-118"})
    with desk.workstation.database.writing() as session:
        page = session.scalar(sa.select(PageRow).where(PageRow.document_id == document))
        page.coding = {**page.coding, "width": 3508, "height": 2480, "orientation": 6}
    assert browser.get(f"/documents/{document}/fields/invoice_number/crop.jpg").status_code == 200


# --- what was learned ---


def taught(desk: Desk, browser: TestClient) -> tuple[str, str]:
    first = desk.read(paper())
    browser.post(f"/documents/{first}/fields/invoice_number", data={"value": "ZK-118"})
    return first, desk.read(paper("ZK-1204"))


def test_the_memory_tells_by_supplier_what_was_learned_by_whom_from_what_and_what_it_touched(desk, browser):
    first, second = taught(desk, browser)
    page = browser.get("/memory").text
    assert all(word in text_of(page) for word in ("Atelier Dumoulin", "SIREN 732829320", "ZK-118", "au lieu de ZK-900", desk.clerk.login))
    assert "ZK-900 devenu ZK-1204" in text_of(page)
    assert f"/documents/{first}" in page
    assert f"/documents/{second}" in page


def test_a_learned_value_says_why_in_words(desk, browser):
    _, second = taught(desk, browser)
    assert "appris de la correction de" in text_of(browser.get(f"/documents/{second}").text)


def test_people_are_named_by_their_login_and_never_by_their_pseudonym(desk, browser):
    first, second = taught(desk, browser)
    texts = [browser.get(path).text for path in (f"/documents/{first}", f"/documents/{second}", "/memory", "/memory/export.json")]
    assert all(desk.clerk.login in text and desk.clerk.pseudonym not in text for text in texts)


def test_a_lesson_is_forgotten_with_a_reason_and_its_documents_are_to_be_looked_at(desk, browser):
    taught(desk, browser)
    with desk.workstation.database.reading() as session:
        number = session.scalar(sa.select(LessonRow.id))
    assert browser.post(f"/memory/{number}/undo", data={"reason": " "}).status_code == 422
    assert browser.post(f"/memory/{number}/undo", data={"reason": "Mauvais fournisseur"}).status_code == 303
    page = text_of(browser.get("/memory").text)
    assert "Mauvais fournisseur" in page
    assert "À revoir" in page
    assert browser.post(f"/memory/{number}/undo", data={"reason": "Encore"}).status_code == 404


def test_what_a_person_put_right_themselves_stays_to_be_seen(desk, browser):
    first, _ = taught(desk, browser)
    browser.post(f"/documents/{first}/fields/invoice_number", data={"value": "ZK-900"})
    assert "une personne a corrigé sa propre correction" in text_of(browser.get("/memory").text)


def test_a_lesson_of_a_confidential_document_is_not_shown(desk, browser):
    first, second = taught(desk, browser)
    for document, words in ((second, ("ZK-1204",)), (first, ("ZK-118", "Dumoulin"))):
        with desk.workstation.database.writing() as session:
            documents.get_document(session, document).confidential = True
        shown = browser.get("/memory").text + browser.get("/memory/export.json").text
        assert not any(word in shown for word in words)


def test_many_lessons_are_told_by_the_screenful_with_their_count(desk, browser, monkeypatch):
    monkeypatch.setattr("station.web.learning.SHOWN_LESSONS", 1)
    monkeypatch.setattr("station.web.learning.SHOWN_USES", 1)
    first, _ = taught(desk, browser)
    desk.read(paper("ZK-1205"))
    browser.post(f"/documents/{first}/fields/supplier_name", data={"value": "Maison Dumoulin"})
    pages = [text_of(browser.get(f"/memory?page={number}").text) for number in (1, 2, 99)]
    assert ["page 1 sur 2, 2 leçons" in pages[0], "page 2 sur 2" in pages[1], pages[1] == pages[2]] == [True] * 3
    assert "A touché 2 documents – les 1 derniers" in " ".join(pages)
    assert "ZK-1204" not in " ".join(pages)


def test_the_memory_asks_the_records_as_often_for_many_lessons_as_for_one(desk, browser):
    def asked() -> int:
        seen: list[str] = []
        listen = lambda *arguments: seen.append(arguments[2])  # noqa: E731
        sa.event.listen(desk.workstation.database.reader, "before_cursor_execute", listen)
        browser.get("/memory")
        sa.event.remove(desk.workstation.database.reader, "before_cursor_execute", listen)
        return len(seen)

    first, _ = taught(desk, browser)
    few = asked()
    browser.post(f"/documents/{first}/fields/total_gross", data={"value": "100,00"})
    desk.read(paper("ZK-1205"))
    assert asked() == few


def test_the_memory_is_exported(desk, browser):
    taught(desk, browser)
    told = json.loads(browser.get("/memory/export.json").content)
    assert (told["format"], len(told["lessons"]), len(told["lessons"][0]["influenced"])) == ("sceau-memory-1", 1, 1)


def test_an_empty_memory_says_so(browser):
    assert "Rien encore" in text_of(browser.get("/memory").text)


def test_a_drift_of_reading_is_told_on_the_first_page_and_in_the_memory(desk, browser):
    for _ in range(4):
        document = desk.read(paper())
        browser.post(f"/documents/{document}/fields/total_gross", data={"value": "999,00"})
        browser.post(f"/documents/{document}/fields")
    assert all('id="reading-drift"' in browser.get(path).text for path in ("/", "/memory"))
