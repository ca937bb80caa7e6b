"""By which channel an invoice had to come, by date and size; and the letter that tells its supplier, in words that threaten nobody."""

import re
from datetime import date

import pytest
from fastapi.testclient import TestClient
from invoices import WORDS, House, invoice, known

from ocr.values import Source
from station.web.app import build_app
from workflow.channel import due_channel, wrong_channel
from workflow.law import Channel, Size

SIREN = "732829320"


def told(one, size=None, **more) -> str | None:
    found = wrong_channel(one, known(size, **more))
    return found and found.code


@pytest.mark.parametrize(
    ("size", "day", "code"),
    [
        (Size.GE, date(2026, 8, 31), None),
        (Size.GE, date(2026, 9, 1), "wrong-channel"),
        (Size.ETI, date(2026, 9, 1), "wrong-channel"),
        (Size.PME, date(2026, 9, 1), None),
        (Size.MICRO, date(2027, 8, 31), None),
        (Size.PME, date(2027, 9, 1), "wrong-channel"),
        (None, date(2026, 8, 31), None),
        (None, date(2026, 9, 1), "supplier-size-unknown"),
        (None, date(2027, 9, 1), "wrong-channel"),
    ],
)
def test_the_platform_is_due_from_the_day_of_the_suppliers_size(size, day, code):
    assert told(invoice(issue_date=day), size) == code


@pytest.mark.parametrize(
    ("size", "day", "code"),
    [
        (Size.GE, date(2017, 1, 1), "wrong-channel"),
        (Size.MICRO, date(2019, 12, 31), None),
        (None, date(2019, 12, 31), "supplier-size-unknown"),
        (None, date(2020, 1, 1), "wrong-channel"),
    ],
)
def test_to_a_public_entity_every_supplier_bills_through_chorus_pro_since_2020(size, day, code):
    assert told(invoice(issue_date=day), size, public=True) == code
    due = due_channel(invoice(issue_date=date(2026, 11, 17)), known(None, public=True))
    assert due is not None
    assert (due.channel, due.certain) == (Channel.CHORUS, True)


def test_what_came_as_it_should_is_not_told():
    assert told(invoice(source=Source.XML), Size.GE) is None
    assert told(invoice(), Size.GE, captured=False) is None


def test_a_supplier_abroad_has_no_french_channel():
    assert told(invoice("supplier_siren", "supplier_siret", supplier_vat_id="DE136695976", words=("Rechnung",))) is None


def test_without_a_date_nothing_is_said():
    assert told(invoice("issue_date"), Size.GE) is None


def test_an_operation_exempt_under_article_261_has_no_electronic_invoice():
    assert told(invoice(words=(*WORDS, "Exonéré de TVA, art. 261-4-4° du CGI")), Size.GE) is None


def test_the_franchise_from_vat_tells_that_a_supplier_is_small():
    assert told(invoice(words=(*WORDS, "TVA non applicable, art. 293 B du CGI"))) is None


# --- the letter ---


@pytest.fixture
def house(tmp_path):
    return House(
        tmp_path,
        identity={"names": ["Atelier Sceau SARL"], "sirens": ["552100554"]},
        suppliers={"sizes": {SIREN: "GE"}},
        channel={"platform": "Plateforme Exemple"},
    )


def enter(house: House) -> TestClient:
    browser = TestClient(build_app(house.workstation, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    browser.post("/sign-in", data={"login": "atelier", "password": "essai"})
    return browser


def letter(house: House, document_id: str, language: str = "fr") -> str:
    answer = enter(house).get(f"/documents/{document_id}/letter?language={language}")
    assert answer.status_code == 200
    (text,) = re.findall(r"<pre[^>]*>(.+?)</pre>", answer.text, re.S)
    return text


def test_the_letter_states_invoice_article_and_day_and_is_reached_from_the_document(house):
    document_id = house.keep("un.tif")
    page = enter(house).get(f"/documents/{document_id}").text
    assert f'href="/documents/{document_id}/letter"' in page
    text = letter(house, document_id)
    for part in ("n° F-2026-0417 du 17/11/2026", "art. 289 bis CGI", "Depuis le 01/09/2026", "SIREN 552100554", "Plateforme Exemple"):
        assert part in text
    assert "les grandes entreprises et les entreprises de taille intermédiaire" in text


def test_the_letter_exists_in_english_too(house):
    text = letter(house, house.keep("un.tif"), "en")
    assert "your invoice no. F-2026-0417 of 17/11/2026 on paper" in text
    assert "Since 01/09/2026" in text


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_letter_threatens_nobody(house, language):
    text = letter(house, house.keep("un.tif"), language).lower()
    assert not re.search(r"amende|sanction|pénalité|mise en demeure|refus|rejet|fine|penalty|reject|refus", text)


def test_where_the_size_is_not_known_the_letter_asks(tmp_path):
    house = House(tmp_path)
    text = letter(house, house.keep("un.tif"))
    assert "Nous ne connaissons pas la taille de votre entreprise" in text
    assert "[votre société]" in text


def test_a_public_entity_writes_of_chorus_pro(tmp_path):
    house = House(tmp_path, channel={"public": True})
    text = letter(house, house.keep("un.tif"))
    assert "Chorus Pro" in text
    assert "L. 2192-1" in text
    assert "plateforme agréée" not in text


def test_a_file_was_not_received_on_paper(house):
    assert "reçu en PDF" in letter(house, house.keep("un.pdf", source="electronic"))


def test_an_invoice_that_came_as_it_should_has_no_letter(house):
    early = house.keep("un.tif", issue_date=date(2026, 8, 31))
    printed = house.keep("deux.tif", source="print", invoice_number="F-2")
    assert [enter(house).get(f"/documents/{each}/letter").status_code for each in (early, printed, "unknown")] == [404, 404, 404]


def test_a_confidential_document_shows_no_letter(house):
    document_id = house.keep("un.tif")
    house.change(document_id, confidential=True)
    assert enter(house).get(f"/documents/{document_id}/letter").status_code == 423


def test_what_a_supplier_calls_itself_is_text_and_no_markup(house):
    assert "&lt;script&gt;" in letter(house, house.keep("un.tif", supplier_name="<script>alert(1)</script>"))


def test_the_size_of_a_supplier_is_asked_on_one_invoice_only(tmp_path):
    house = House(tmp_path)
    first = house.keep("un.tif", hours=1)
    second = house.keep("deux.tif", invoice_number="F-2026-0522", issue_date=date(2026, 11, 18))
    assert set(house.findings(first)) == {"supplier-size-unknown"}
    assert house.findings(second) == {}
    house.say(first, "invoice_number", "F-2026-0418")
    assert set(house.findings(first)) == {"supplier-size-unknown"}
