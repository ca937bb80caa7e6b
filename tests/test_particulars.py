"""What law, arithmetic and check digits say of an invoice; and that a complete one is left in peace."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invoices import WORDS, invoice, known

from capture.catalogue import CATALOGUE, NAMED, OF_INVOICES, finding, message
from capture.findings import Level
from config.legal import load_law
from ocr.identifiers import valid_iban, valid_siren, valid_siret, valid_vat
from ocr.rates import tax_of
from ocr.values import LineItem, Source, VatLine
from workflow.invoices import Invoice
from workflow.law import Size
from workflow.particulars import LACKS, check_invoice

PLAIN = ("FACTURE n° F-2026-0417", "TVA 20 % : 205,76 €")


def codes(one: Invoice, size: Size | None = Size.PME, **more: object) -> list[str]:
    return [found.code for found in check_invoice(one, known(size, **more))]


def listed(one: Invoice, code: str = "particulars-missing", size: Size | None = Size.PME) -> str:
    return next((found.measured or "" for found in check_invoice(one, known(size)) if found.code == code), "")


# --- an ordinary invoice ---


def test_a_complete_ordinary_invoice_gives_rise_to_nothing():
    assert codes(invoice()) == []


@pytest.mark.parametrize("kind", ["381", "386", "389"])
def test_neither_does_a_complete_credit_note_advance_or_self_billed_invoice(kind):
    assert codes(invoice(document_type_code=kind, words=(*WORDS, "Autofacturation"))) == []


def test_no_check_of_an_invoice_holds_a_document():
    assert all(CATALOGUE[code].level is not Level.BLOCKING for code in OF_INVOICES)


def test_a_supplier_abroad_is_not_held_to_french_commercial_mentions():
    abroad = {"supplier_vat_id": "DE136695976", "iban": "DE89370400440532013000"}
    one = invoice("supplier_siren", "supplier_siret", words=("Rechnung 502", "MwSt. 19 %"), **abroad)
    assert codes(one) == []


def test_a_siren_beside_an_account_abroad_may_be_the_customers():
    one = invoice("supplier_vat_id", iban="DE89370400440532013000", words=("Rechnung 502", "Gemäß § 19 UStG keine Umsatzsteuer"), **UNTAXED)
    assert codes(one) == []


def test_what_was_not_read_whole_is_not_said_to_lack_anything():
    assert codes(invoice("invoice_number", "supplier_vat_id", words=PLAIN, whole=False)) == []


def test_a_till_receipt_is_no_invoice_that_lacks_things():
    bare = invoice("invoice_number", "buyer_name", "buyer_siren", "due_date", "supplier_vat_id", words=("SUPERETTE", "TOTAL 12,40 €"))
    assert codes(bare) == []


# --- particulars of tax law ---


@pytest.mark.parametrize(
    ("without", "code"),
    [(("invoice_number",), "invoice-number"), (("issue_date",), "issue-date"), (("supplier_vat_id",), "supplier-vat")],
)
def test_a_particular_of_tax_law_that_is_not_found_is_listed_with_its_article(without, code):
    (found,) = check_invoice(invoice(*without), known())
    assert (found.code, found.measured, found.level) == ("particulars-missing", f"{{{code}}}", Level.REVIEW)
    assert "L. 216-41 CIBS" in (found.limit or "")


def test_before_september_2026_the_articles_are_those_of_the_cgi():
    (found,) = check_invoice(invoice("invoice_number", issue_date=date(2026, 8, 31)), known())
    assert "242 nonies A" in (found.limit or "")


def test_several_particulars_make_one_finding_and_words_in_both_languages():
    (found,) = check_invoice(invoice("invoice_number", "supplier_vat_id"), known())
    assert "numéro de TVA du fournisseur, numéro de la facture" in message(found, "fr")
    assert "supplier’s VAT number, invoice number" in message(found, "en")


def test_a_value_read_with_no_certainty_counts_as_not_found():
    one = invoice()
    doubtful = {**one.fields, "invoice_number": invoice().fields["invoice_number"].__class__("invoice_number", "7", "", 1, None, 0.1, "")}
    assert listed(Invoice(doubtful, one.text, one.tight)) == "{invoice-number}"


def test_up_to_150_euros_the_suppliers_vat_number_is_not_asked_for():
    small = {"total_net": Decimal(150), "total_tax": Decimal(30), "total_gross": Decimal(180), "vat_breakdown": (), "lines": ()}
    assert codes(invoice("supplier_vat_id", **small)) == []
    one_more = {**small, "total_net": Decimal("150.01"), "total_gross": Decimal("180.01")}
    assert listed(invoice("supplier_vat_id", **one_more)) == "{supplier-vat}"


UNTAXED = {"total_net": Decimal(900), "total_tax": Decimal(0), "total_gross": Decimal(900), "vat_breakdown": (), "lines": ()}


def test_no_tax_needs_its_reason():
    assert listed(invoice(**UNTAXED)) == "{exemption}"


@pytest.mark.parametrize(
    "reason",
    [
        "TVA non applicable, art. 293 B du CGI",
        "TVA non applicable - article 293B du code général des impôts",
        "Exonération de TVA, article 262 ter I",
    ],
)
def test_a_reason_for_no_tax_is_known_in_its_usual_forms(reason):
    assert listed(invoice(words=(*WORDS, reason, "N° TVA client FR83404833048"), **UNTAXED)) == ""


def test_under_the_franchise_no_vat_number_is_missed():
    assert codes(invoice("supplier_vat_id", words=(*WORDS, "TVA non applicable, art. 293 B du CGI"), **UNTAXED)) == []


def test_where_the_customer_owes_the_tax_both_vat_numbers_are_asked_for():
    words = (*WORDS, "Autoliquidation, art. 283-2 nonies du CGI", "N° TVA FR44732829320")
    assert listed(invoice(words=words, **UNTAXED)) == "{both-vat-numbers}"
    assert listed(invoice(words=(*words, "Votre n° TVA : FR 83 404 833 048"), **UNTAXED)) == ""


def test_a_self_billed_invoice_has_to_say_so():
    assert listed(invoice(document_type_code="389")) == "{self-billing}"


# --- particulars between professionals ---


def test_missing_mentions_are_one_piece_of_information():
    (found,) = check_invoice(invoice("due_date", words=PLAIN), known())
    assert (found.code, found.level) == ("mentions-missing", Level.INFO)
    assert found.measured == "{due-date}, {late-penalties}, {recovery-indemnity}, {early-discount}"


def test_words_that_the_reader_glued_together_count():
    assert codes(invoice(words=[*PLAIN, *(line.replace(" ", "") for line in WORDS)])) == []


def test_the_recovery_indemnity_was_not_asked_for_before_2013():
    words = (*PLAIN, "Pénalités de retard : 12 % l'an. Escompte : néant.")
    assert codes(invoice(words=words, issue_date=date(2012, 12, 31), vat_breakdown=())) == []
    assert listed(invoice(words=words, issue_date=date(2013, 1, 1), vat_breakdown=()), "mentions-missing") == "{recovery-indemnity}"


def test_a_paid_invoice_and_a_credit_note_ask_for_no_payment():
    assert codes(invoice("due_date", words=PLAIN, paid_amount=Decimal("1234.56"))) == []
    assert codes(invoice("due_date", words=PLAIN, document_type_code="381")) == []


def test_our_own_name_on_the_page_is_a_customer():
    one = invoice("buyer_name", "buyer_siren", words=(*WORDS, "ATELIER SCEAU SARL"))
    assert codes(one) == ["mentions-missing"]
    assert codes(one, names=("Atelier Sceau SARL",)) == []


# --- the new particulars follow the duty to issue ---


@pytest.mark.parametrize(
    ("size", "day", "asked"),
    [
        (Size.GE, date(2026, 8, 31), False),
        (Size.GE, date(2026, 9, 1), True),
        (Size.ETI, date(2026, 9, 1), True),
        (Size.PME, date(2027, 8, 31), False),
        (Size.PME, date(2027, 9, 1), True),
        (None, date(2026, 9, 1), False),
        (None, date(2027, 9, 1), True),
    ],
)
def test_the_new_particulars_are_asked_for_from_the_day_of_the_suppliers_size(size, day, asked):
    one = invoice("buyer_siren", words=[line for line in WORDS if "Nature" not in line], issue_date=day, due_date=day)
    assert (listed(one, size=size) == "{buyer-siren}, {operation-nature}") is asked


def test_a_member_of_an_assujetti_unique_counts_as_large():
    words = [*(line for line in WORDS if "Nature" not in line), "Membre d'un assujetti unique"]
    assert listed(invoice(words=words), size=None) == "{operation-nature}"


def test_old_references_are_let_pass_until_the_end_of_2027():
    words = (*WORDS, "TVA non applicable, art. 293 B du CGI")
    small = {"size": Size.MICRO}
    assert "old-reference" not in codes(invoice(words=words, issue_date=date(2027, 12, 31), **UNTAXED), **small)
    found = {f.code: f for f in check_invoice(invoice(words=words, issue_date=date(2028, 1, 1), **UNTAXED), known(Size.MICRO))}
    assert found["old-reference"].measured == "art. 293 B CGI"


# --- arithmetic ---


def test_totals_that_do_not_add_up_are_told_with_their_sum():
    (found,) = check_invoice(invoice(total_gross=Decimal("1243.56")), known())
    assert found.code == "amounts-disagree"
    assert "HT 1028,80 + TVA 205,76 ≠ TTC 1243,56" in message(found)
    assert "net 1028.80 + VAT 205.76 ≠ gross 1243.56" in message(found, "en")


def test_what_is_due_is_gross_less_what_is_paid():
    assert codes(invoice(paid_amount=Decimal(234), amount_due=Decimal("1000.56"))) == []
    assert codes(invoice(paid_amount=Decimal(-234), amount_due=Decimal("1000.56"))) == []
    assert codes(invoice(paid_amount=Decimal(234), amount_due=Decimal("1100.56"))) == ["amounts-disagree"]


def ten_lines(tax: str) -> Invoice:
    """Ten lines of 1.03 at 20 %: 2.06 per rate, 2.10 per line."""
    lines = tuple(LineItem("Vis", Decimal(1), Decimal("1.03"), Decimal("1.03"), Decimal(20)) for _ in range(10))
    net, vat = Decimal("10.30"), Decimal(tax)
    amounts = {"total_net": net, "total_tax": vat, "total_gross": net + vat, "vat_breakdown": (VatLine(Decimal(20), net, vat),)}
    return invoice(lines=lines, **amounts)


@pytest.mark.parametrize(("tax", "said"), [("2.06", []), ("2.10", ["vat-rounding"]), ("2.17", ["amounts-disagree"])])
def test_vat_rounded_per_line_is_accepted_to_a_cent_a_line(tax, said):
    assert codes(ten_lines(tax)) == said


@pytest.mark.parametrize(
    ("base", "rate", "tax"),
    [("33.33", "20", "6.67"), ("10.05", "5.5", "0.55"), ("0.125", "20", "0.03"), ("-0.125", "20", "-0.03"), ("10.30", "20", "2.06")],
)
def test_tax_is_rounded_half_away_from_zero(base, rate, tax):
    assert tax_of(Decimal(base), Decimal(rate)) == Decimal(tax)


@settings(max_examples=40)
@given(st.integers(1, 10**9), st.sampled_from(["20", "10", "5.5", "2.1"]))
def test_an_invoice_that_computes_as_the_law_says_is_never_told_to_disagree(cents, rate):
    net = Decimal(cents).scaleb(-2)
    tax = tax_of(net, Decimal(rate))
    line = VatLine(Decimal(rate), net, tax)
    amounts = {"total_net": net, "total_tax": tax, "total_gross": net + tax, "vat_breakdown": (line,)}
    assert codes(invoice("lines", **amounts)) == []


def test_lines_that_miss_one_are_told_unless_a_charge_explains_it():
    short = (LineItem("Affiches", net=Decimal("1000.00")),)
    assert codes(invoice(lines=short)) == ["lines-disagree"]
    assert codes(invoice(lines=short, words=(*WORDS, "Frais de port : 28,80"))) == []


def test_lines_printed_with_vat_add_up_to_the_gross_total():
    assert codes(invoice(lines=(LineItem("Affiches", net=Decimal("1234.56")),))) == []


@pytest.mark.parametrize(
    ("rate", "day", "known_rate"),
    [
        ("19.6", date(2013, 12, 31), True),
        ("19.6", date(2014, 1, 1), False),
        ("20", date(2013, 12, 31), False),
        ("19", date(2026, 1, 1), False),
    ],
)
def test_a_rate_of_vat_is_held_against_those_of_its_day(rate, day, known_rate):
    net = Decimal("100.00")
    tax = tax_of(net, Decimal(rate))
    amounts = {"total_net": net, "total_tax": tax, "total_gross": net + tax, "vat_breakdown": (VatLine(Decimal(rate), net, tax),)}
    assert ("vat-rate-unknown" not in codes(invoice("lines", issue_date=day, due_date=day, **amounts))) is known_rate


def test_rates_are_told_one_from_another_in_the_numbers_of_the_reader():
    odd = finding("vat-rate-unknown", measured="3.8 %, 21 %", limit="20, 10, 5.5, 2.1 %")
    assert "3,8 % ; 21 % (taux admis : 20 ; 10 ; 5,5 ; 2,1 %)" in message(odd, "fr")
    assert "3.8%, 21% (known rates: 20, 10, 5.5, 2.1%)" in message(odd, "en")


# --- identifiers, dates, number ---


@pytest.mark.parametrize(
    ("check", "number", "valid"),
    [
        (valid_siren, "732829320", True),
        (valid_siren, "552100554", True),
        (valid_siret, "73282932000074", True),
        (valid_siret, "73282932000079", False),
        (valid_siret, "35600000000048", True),
        (valid_siret, "35600000049837", True),
        (valid_siret, "35600000049838", False),
        (valid_vat, "FR44732829320", True),
        (valid_vat, "FR40303265045", True),
        (valid_vat, "FRK7399859412", True),
        (valid_vat, "FR4Z123456782", True),
        (valid_vat, "FR45732829320", False),
        (valid_iban, "FR7630006000011234567890189", True),
        (valid_iban, "FR1420041010050500013M02606", True),
        (valid_iban, "FR7630006000011234567890188", False),
    ],
)
def test_identifiers_are_judged_by_their_own_rules(check, number, valid):
    assert check(number) is valid


def test_an_identifier_whose_check_fails_is_told_by_name():
    (found,) = check_invoice(invoice("supplier_siren", "supplier_vat_id", supplier_siret="73282932000079", words=WORDS), known(None))[-1:]
    told = {f.code: f.measured for f in check_invoice(invoice(supplier_siret="73282932000079"), known())}
    assert told == {"identifier-invalid": "SIRET 73282932000079"}
    assert found is not None


def test_an_establishment_of_la_poste_is_no_wrong_number():
    post = {"supplier_siren": "356000000", "supplier_siret": "35600000049837", "supplier_vat_id": "FR39356000000"}
    assert codes(invoice(**post), None) == ["supplier-size-unknown"]


def test_a_supplier_in_monaco_has_a_french_vat_number_and_no_siren():
    assert codes(invoice("supplier_siren", "supplier_siret", supplier_vat_id="FR53000004605", words=PLAIN), None) == []


@pytest.mark.parametrize("number", ["GB123456789", "CHE116281710", "NO974760673MVA"])
def test_a_vat_number_outside_the_union_has_no_rule_here(number):
    assert "identifier-invalid" not in codes(invoice("supplier_siren", "supplier_siret", supplier_vat_id=number, iban=""))


def test_identifiers_of_two_companies_are_told():
    (found,) = check_invoice(invoice(supplier_vat_id="FR83404833048"), known())
    assert (found.code, found.measured) == ("identifiers-differ", "SIREN 732829320 ; SIRET 732829320 ; {tax} 404833048")


@pytest.mark.parametrize(("bic", "said"), [("AGRIFRPP", []), ("CMCIMCMX", []), ("DEUTDEFF", ["identifiers-differ"])])
def test_bic_and_iban_are_of_one_country(bic, said):
    assert codes(invoice(bic=bic)) == said


def test_a_due_date_before_the_issue_is_told_except_of_advances_and_paid_invoices():
    early = date(2026, 11, 16)
    assert codes(invoice(due_date=early)) == ["due-before-issue"]
    assert codes(invoice(due_date=early, document_type_code="386")) == []
    assert codes(invoice(due_date=early, paid_amount=Decimal("1234.56"))) == []


def test_the_alphabet_of_numbers_is_asked_of_regulated_flows_only():
    assert "number-not-electronic" not in codes(invoice(invoice_number="FA 77120"), Size.PME)
    assert "number-not-electronic" in codes(invoice(invoice_number="FA 77120"), Size.GE)
    assert "number-not-electronic" in codes(invoice(invoice_number="FA 77120", source=Source.XML), Size.GE)
    assert "number-not-electronic" not in codes(invoice(invoice_number="FA-77_120/B"), Size.GE)


# --- the addressee ---


def test_an_invoice_to_another_company_is_told():
    (found,) = check_invoice(invoice(), known(sirens=("404833048",), names=("Menuiserie Le Goff",)))
    assert (found.code, found.measured) == ("not-our-company", "Atelier Sceau SARL (SIREN 552100554)")


def test_an_invoice_to_us_is_not_even_where_another_name_stands_on_it():
    assert codes(invoice(words=(*WORDS, "SIREN 404 833 048")), sirens=("404833048",), names=("Menuiserie Le Goff",)) == []


@pytest.mark.parametrize("printed", ["ATELIER SCEAU", "Atelier Sceau S.A.R.L.", "Ateller Sceau SARL"])
def test_our_name_is_ours_with_or_without_its_form_and_with_a_misread_letter(printed):
    assert codes(invoice(buyer_name=printed), names=("Atelier Sceau SARL",)) == []


def test_without_settings_nobody_is_another_company():
    assert codes(invoice()) == []


# --- the data ---


def test_every_particular_of_the_law_has_its_question_and_its_words():
    particulars = {each.code for each in load_law().particulars}
    assert particulars == set(LACKS) <= set(NAMED)


def test_no_day_has_two_articles_for_one_particular():
    law = load_law()
    for code in LACKS:
        for day in (date(2005, 1, 1), date(2013, 1, 1), date(2019, 9, 30), date(2019, 10, 1), date(2026, 11, 20), date(2030, 1, 1)):
            assert sum(each.code == code and each.period.holds(day) for each in law.particulars) <= 1


words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz 0123456789€%.,'é-", max_size=80)


@settings(max_examples=40)
@given(st.lists(words, max_size=20), st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from([*Size, None]))
def test_whatever_a_page_says_the_findings_have_words(lines, day, size):
    for found in check_invoice(invoice(words=lines, issue_date=day, due_date=day + timedelta(days=1)), known(size)):
        assert "{" not in message(found, "fr") + message(found, "en")


def test_of_a_hundred_dense_pages_the_first_and_last_lines_are_looked_at():
    one = invoice(words=["FACTURE", *["reporté"] * 9998, "pénalités"])
    assert len(one.text.splitlines()) == 2000
    assert one.text.startswith("facture") and one.text.endswith("penalites")
