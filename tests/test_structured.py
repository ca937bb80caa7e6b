"""Electronic invoices as fields: every way of writing the same invoice gives the same values, and hostile or broken XML gives none."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import electronic_papers as papers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.en16931 import MAX_BYTES, NoInvoice, level_of
from ocr.structured import differences, merge, read_invoice, to_amount, to_date
from ocr.text import Line, PageText, Word
from ocr.values import NAMES, Field, LineItem, Source, VatLine

WAYS = {
    "cii": papers.cii(),
    "extended": papers.cii(papers.EXTENDED),
    "zugferd-1": papers.zugferd_1(),
    "ubl": papers.ubl(),
    "credit-note": papers.ubl("CreditNote"),
}
HEADER = {
    "invoice_number": "FA-2026-117",
    "issue_date": date(2026, 9, 14),
    "supplier_name": "Menuiserie Caron SARL",
    "supplier_siren": "732829320",
    "supplier_vat_id": "FR44732829320",
    "buyer_name": "Ville de Test",
    "order_reference": "BC-88",
    "currency": "EUR",
    "total_net": Decimal(300),
    "total_tax": Decimal(60),
    "total_gross": Decimal(360),
    "amount_due": Decimal(360),
}
BODY = {
    "due_date": date(2026, 10, 14),
    "iban": papers.IBAN,
    "vat_breakdown": (VatLine(Decimal(20), Decimal(300), Decimal(60)),),
    "lines": (LineItem("Porte en chêne", Decimal(2), Decimal(150), Decimal(300), Decimal(20)),),
}


def values(xml: bytes) -> dict[str, object]:
    return {name: field.value for name, field in read_invoice(xml).fields.items()}


def changed(xml: bytes, old: str, new: str) -> bytes:
    assert old.encode() in xml
    return xml.replace(old.encode(), new.encode())


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_writing_an_invoice_says_the_same(way):
    kind = "381" if way == "credit-note" else "380"
    assert values(WAYS[way]) == {"document_type_code": kind, **HEADER, **BODY}


@pytest.mark.parametrize(("guideline", "missing"), [(papers.MINIMUM, {*BODY}), (papers.BASIC_WL, {"lines"})])
def test_a_small_profile_says_what_it_knows(guideline, missing):
    assert values(papers.cii(guideline)) == {"document_type_code": "380", **HEADER, **{k: v for k, v in BODY.items() if k not in missing}}


def test_each_value_names_its_term_and_its_format():
    field = read_invoice(papers.cii(), attached=True).fields["invoice_number"]
    assert (field.reason, field.source, field.confidence, field.page) == ("BT-1, Factur-X EN 16931", Source.XML, 1.0, 0)
    assert field.name in NAMES


@pytest.mark.parametrize(
    ("guideline", "level"),
    [
        ("urn:cen.eu:en16931:2017", "EN 16931"),
        ("urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic", "BASIC"),
        ("urn:zugferd.de:2p0:basicwl", "BASIC WL"),
        ("urn:factur-x.eu:1p0:minimum", "MINIMUM"),
        ("urn:cen.eu:en16931:2017#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", "EXTENDED-CTC-FR"),
        ("urn:ferd:CrossIndustryDocument:invoice:1p0:comfort", "COMFORT"),
        ("urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", "XRechnung"),
        (None, ""),
    ],
)
def test_a_guideline_tells_the_profile(guideline, level):
    assert level_of(guideline) == level


def test_the_tax_is_that_of_the_invoices_currency():
    foreign = '<ram:TaxTotalAmount currencyID="USD">66.00</ram:TaxTotalAmount><ram:TaxTotalAmount currencyID="EUR">'
    assert values(changed(papers.cii(), '<ram:TaxTotalAmount currencyID="EUR">', foreign))["total_tax"] == Decimal(60)


def test_a_siret_gives_the_siren():
    told = values(changed(papers.cii(), 'schemeID="0002">732829320', 'schemeID="0009">73282932000074'))
    assert (told["supplier_siren"], told["supplier_siret"]) == ("732829320", "73282932000074")


def test_without_a_register_number_a_french_vat_number_gives_the_siren():
    bare = changed(papers.cii(), '<ram:ID schemeID="0002">732829320</ram:ID>', "")
    assert read_invoice(bare).fields["supplier_siren"].reason.startswith("BT-31")


def test_a_vat_number_of_monaco_gives_no_siren():
    bare = changed(papers.cii(), '<ram:ID schemeID="0002">732829320</ram:ID>', "")
    told = values(changed(bare, "FR44732829320", "FR95000012345"))
    assert (told["supplier_vat_id"], "supplier_siren" in told) == ("FR95000012345", False)


def test_of_an_invoice_for_chorus_the_order_is_the_commitment_and_the_reference_the_service():
    told = values(papers.cii(frame="A1", reference="SRV-7"))
    assert (told["engagement_number"], told["service_code"]) == ("BC-88", "SRV-7")
    assert "service_code" not in values(papers.cii(frame="S1", reference="SRV-7"))


def test_a_line_that_sells_nothing_is_none():
    group = "<ram:LineID>1</ram:LineID><ram:LineStatusReasonCode>GROUP</ram:LineStatusReasonCode>"
    assert "lines" not in values(changed(papers.cii(papers.EXTENDED), "<ram:LineID>1</ram:LineID>", group))


def test_what_is_no_value_is_left_out_and_told():
    broken = read_invoice(changed(changed(papers.cii(), ">20260914<", ">20261341<"), ">360.00<", ">1e9<"))
    assert {"issue_date", "total_gross", "amount_due"}.isdisjoint(broken.fields)
    assert broken.troubles == ("BT-2: 20261341", "BT-112: 1e9", "BT-115: 1e9")
    assert broken.fields["total_net"].value == Decimal(300)


def test_comments_and_blanks_around_a_value_are_none_of_it():
    assert values(changed(papers.cii(), ">FA-2026-117<", ">\n <!-- no -->FA-2026-117 \n<"))["invoice_number"] == "FA-2026-117"


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (BOMB + b"<x>&b;</x>", "doctype"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'.encode("utf-16"), "doctype"),
        (b"<x", "malformed"),
        (b"", "malformed"),
        (b"<Invoice/>", "not-invoice"),
        (b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>', "not-invoice"),
        (b"<a>" * 5000, "malformed"),
    ],
)
def test_what_is_no_invoice_is_refused_with_its_reason(xml, reason):
    with pytest.raises(NoInvoice) as refused:
        read_invoice(xml)
    assert refused.value.reason == reason


def test_a_file_beyond_the_cap_is_not_parsed():
    with pytest.raises(NoInvoice, match="too-large"):
        read_invoice(b" " * (MAX_BYTES + 1))


@given(st.binary(max_size=300), st.integers(0, 4000))
def test_whatever_stands_in_the_file_is_an_invoice_or_none(noise, at):
    xml = papers.cii()
    try:
        told = read_invoice(xml[:at] + noise + xml[at:])
    except NoInvoice:
        return
    assert all(field.source is Source.XML for field in told.fields.values())


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=Decimal("-1e15"), max_value=Decimal("1e15")))
def test_an_amount_comes_back_to_the_cent(amount):
    assert to_amount(f"{amount:f}") == amount


@pytest.mark.parametrize("text", ["", "-", "1e5", "NaN", "Infinity", "1,5", "0x1", "1 000", "9" * 40])
def test_what_is_no_decimal_of_xml_is_no_amount(text):
    with pytest.raises(ValueError, match=r"^"):
        to_amount(text)


@given(st.dates(date(1, 1, 1)))
def test_a_date_is_the_same_in_both_forms(day):
    assert to_date(day.isoformat()) == to_date(f"{day:%Y%m%d}".rjust(8, "0")) == to_date(f"{day.isoformat()}T00:00:00Z") == day


# --- the page beside the XML ---


def page(*lines: str) -> PageText:
    rows = []
    for number, line in enumerate(lines):
        words = (Word(word, 40 * at, 30 * number, 40 * at + 38, 30 * number + 20, 0.99) for at, word in enumerate(line.split()))
        rows.append(Line(tuple(words)))
    return PageText(1, 1000, 1400, tuple(rows), engine="t")


def seen(name: str, value: object, source: Source = Source.READ) -> dict[str, Field]:
    return {name: Field(name, value, str(value), 1, (1, 2, 3, 4), 0.9, "read", source=source)}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("invoice_number", "FA-2026-118"),
        ("issue_date", date(2026, 9, 24)),
        ("total_gross", Decimal("380.00")),
        ("iban", "FR7630006000011234567890111"),
        ("supplier_siren", "552100554"),
        ("supplier_vat_id", "FR12552100554"),
        ("currency", "USD"),
    ],
)
def test_what_the_page_shows_otherwise_is_told_with_both_values(name, shown):
    invoice, read = read_invoice(papers.cii()), seen(name, shown)
    (told,) = differences(invoice, read, [page("Facture", str(shown))])
    assert (told.code, told.page) == ("structured-differs", 1)
    assert told.measured.startswith(f"{name} ") and told.limit.startswith(f"{name} ") and told.measured != told.limit
    merged = merge(invoice, read)[name]
    assert merged.value == invoice.fields[name].value and len(merged.alternatives) == 1


@pytest.mark.parametrize(
    ("name", "shown", "lines"),
    [
        ("invoice_number", "fa 2026/117", ["fa 2026/117"]),
        ("total_gross", Decimal("-360.00"), ["Avoir -360.00"]),
        ("invoice_number", "BC-88", ["Commande BC-88", "Facture FA-2026-117"]),
        ("issue_date", date(2026, 10, 14), ["Echéance 14/10/2026", "Date 14/09/2026"]),
        ("total_gross", Decimal("300.00"), ["Total 300.00", "TTC 360.00"]),
    ],
)
def test_another_form_or_another_value_of_the_same_invoice_is_no_difference(name, shown, lines):
    assert differences(read_invoice(papers.cii()), seen(name, shown), [page(*lines)]) == ()


@pytest.mark.parametrize(
    ("number", "line", "shown"),
    [
        ("117", "Tel 01 17 20 30", False),
        ("117", "Page 1 17 rue", False),
        ("117", "Commande 2026-1170", False),
        ("117", "N°117", True),
        ("FA-117", "Avoir fa/117.", True),
        ("20260117", "Suite 2026 0117", True),
        ("20260117", "Suite 12026 0117", False),
    ],
)
def test_a_number_is_shown_by_whole_words_only(number, line, shown):
    invoice = read_invoice(changed(papers.cii(), "FA-2026-117", number))
    assert (differences(invoice, seen("invoice_number", "FA-999"), [page("Facture FA-999", line)]) == ()) is shown


@pytest.mark.parametrize("line", ["SIRET 73282932000074", "TVA FR 44 732829320", "TVA FR44732829320", "SIREN 732 829 320"])
def test_a_siren_is_shown_by_a_siret_and_by_a_vat_number(line):
    assert differences(read_invoice(papers.cii()), seen("supplier_siren", "552100554"), [page("552100554", line)]) == ()


def test_a_currency_is_shown_right_behind_its_amount_and_not_inside_a_word():
    invoice, read = read_invoice(papers.cii()), seen("currency", "USD")
    assert differences(invoice, read, [page("USD 360,00EUR")]) == ()
    assert differences(invoice, read, [page("USD du facteur")]) != ()


def test_of_what_the_page_does_not_show_nothing_is_said():
    invoice = read_invoice(papers.cii())
    assert differences(invoice, {}, [page("Facture")]) == ()
    assert differences(invoice, seen("amount_due", Decimal("999.00"), Source.RULE), [page("999.00")]) == ()


def test_where_the_page_says_the_same_the_value_has_its_place():
    merged = merge(read_invoice(papers.cii()), seen("invoice_number", "FA-2026-117"))["invoice_number"]
    assert (merged.page, merged.box, merged.source, merged.confidence) == (1, (1, 2, 3, 4), Source.XML, 1.0)


def test_an_amount_printed_with_a_minus_is_the_same_amount():
    merged = merge(read_invoice(papers.ubl("CreditNote")), seen("total_gross", Decimal("-360.00")))["total_gross"]
    assert (merged.value, merged.page, merged.alternatives) == (Decimal("360.00"), 1, ())


def test_what_the_xml_is_silent_about_is_the_pages():
    merged = merge(read_invoice(papers.cii(papers.MINIMUM)), seen("iban", papers.IBAN))
    assert merged["iban"] == replace(seen("iban", papers.IBAN)["iban"])
