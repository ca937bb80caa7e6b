"""`sceau read` as a person reads it."""

from pathlib import Path

from capture.coding import Caps
from ocr.engines import ReaderOptions
from station.cli import _told_value
from station.read import read_file
from station.web.words import words_in


def test_an_electronic_invoice_that_cannot_be_read_is_trouble_and_says_whom_to_ask(tmp_path: Path) -> None:
    broken = tmp_path / "b.xml"
    root = 'rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"'
    broken.write_text(f"<{root}><a></rsm:CrossIndustryInvoice>", encoding="utf-8")
    trouble = read_file(broken, Caps(), ReaderOptions()).trouble
    assert trouble and "Demandez à l’émetteur" in trouble and "rescannez" not in trouble


def test_rows_are_told_one_a_line_in_words() -> None:
    told = _told_value("vat_breakdown", [{"rate": "19", "base": "1387.79", "tax": "263.68"}], words_in("fr"))
    assert told == ["Taux 19\u202f%; Base HT 1\u202f387,79; TVA 263,68"]
