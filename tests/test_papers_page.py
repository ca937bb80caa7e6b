"""The sheets that a person prints: what their code says, and that a tolerance printed on a slip is a decision of whoever printed it."""

import numpy as np
import pypdfium2 as pdfium
import pytest
import webhome
from fastapi.testclient import TestClient

from capture.codes import patch_code, read_codes
from capture.slips import BatchSlip, BoxLabel, Separator, parse_slip
from station.records.tables import Tolerance
from station.web.app import build_app


def scanned(pdf: bytes) -> np.ndarray:
    with pdfium.PdfDocument(pdf) as document:
        return np.ascontiguousarray(document[0].render(scale=300 / 72).to_numpy()[..., 1])


def said(pdf: bytes) -> object:
    (code,) = read_codes(scanned(pdf))
    return parse_slip(code.text)


@pytest.fixture
def home(tmp_path):
    return webhome.open_home(tmp_path)


@pytest.fixture
def browser(home):
    app = build_app(home, secret=b"test")
    with TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) as visitor:
        visitor.post("/sign-in", data={"login": "atelier", "password": "essai"})
        yield visitor


def test_each_printed_sheet_says_in_its_code_what_it_is_for(browser):
    assert said(browser.get("/papers/separator.pdf?kind=delivery").content) == Separator("delivery")
    assert said(browser.get("/papers/box.pdf?box=B-12").content) == BoxLabel("B-12")
    assert patch_code(scanned(browser.get("/papers/patch.pdf").content)) == "T"


def test_a_slip_that_tolerates_grey_is_a_decision_with_its_reason_and_one_without_reason_tolerates_nothing(home, browser):
    form = {"station": "demo", "sheets": "12", "arrived": "2026-11-20", "nature": "paper", "supplier": "EDF"}
    plain = said(browser.post("/papers/slip", data=form).content)
    assert isinstance(plain, BatchSlip)
    assert (plain.sheets, plain.supplier, plain.grey) == (12, "EDF", False)
    grey = said(browser.post("/papers/slip", data={**form, "grey": "papier autocopiant"}).content)
    with home.database.reading() as session:
        (tolerance,) = session.query(Tolerance)
    assert (tolerance.scope, tolerance.value, tolerance.reason, grey.grey) == ("batch", grey.batch, "papier autocopiant", True)


@pytest.mark.parametrize("wrong", [{"sheets": "0"}, {"sheets": "many"}, {"arrived": "hier"}, {"station": "nowhere"}, {"nature": "fax"}])
def test_a_slip_that_cannot_be_is_refused_in_words(browser, wrong):
    answer = browser.post("/papers/slip", data={"station": "demo", **wrong})
    assert answer.status_code == 422
    assert "est pas imprimé" in answer.text
