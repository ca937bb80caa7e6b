"""One correction teaches where a supplier prints a value; the next paper of that supplier is read by it, and no other is."""

from datetime import date
from decimal import Decimal

import cost
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_locate import WIDTH, page

from ocr.confidence import Thresholds
from ocr.locate import locate_value
from ocr.suppliers import Lesson, apply_lessons, learn, lesson_from, lesson_json, shape_of, supplier_keys
from ocr.text import PageText
from ocr.values import Field, Source

SIREN, OTHER, OWN = "732829320", "552100554", "356000000"
KEYS = supplier_keys({"supplier_siren": SIREN, "supplier_name": "Atelier Dumoulin"})
IBAN, NEW_IBAN = "FR7630006000011234567890189", "FR7614508590001234567890158"


def paper(number="ZK-118", day="12/03/2024", net="100,00", tax="20,00", gross="120,00", lines=2, siren=SIREN, iban=IBAN, shift=0):
    """A layout whose labels no vocabulary knows; `lines` of goods move the totals, `shift` moves everything."""
    goods = [[(150, f"Fourniture {i}"), (2000, "50,00")] for i in range(lines)]
    return page(
        [(150 + shift, "Atelier Dumoulin"), (1300 + shift, "Pièce comptable"), (1900 + shift, number)],
        [(150 + shift, f"SIREN {siren[:3]} {siren[3:6]} {siren[6:]}"), (1300 + shift, "Arrêtée au"), (1900 + shift, day)],
        [(1300 + shift, "Dossier client"), (1900 + shift, "ZK-900")],
        *goods,
        [(1300 + shift, "Valeur avant impôt"), (2000 + shift, net)],
        [(1300 + shift, "Impôt"), (2000 + shift, tax)],
        [(1300 + shift, "Valeur finale"), (2000 + shift, gross)],
        [(150 + shift, f"IBAN {iban}")],
        top=200 + shift,
    )


def taught(name, value, text=None, keys=KEYS, **more):
    text = text or paper()
    lesson = learn([text], name, value, locate_value([text], name, value), keys, author="p1", day=date(2024, 3, 20), document="d1", **more)
    assert lesson is not None
    return lesson


def field(name, value, confidence=0.6):
    return Field(name, value, str(value), 1, None, confidence, "its label")


def read(text, *lessons, fields=(), own=()):
    pages = [text] if isinstance(text, PageText) else text
    return apply_lessons(pages, {each.name: each for each in fields}, lessons, own)


# --- the second paper ---


def test_one_correction_teaches_the_number_of_the_next_paper():
    made, uses = read(paper("ZK-1204"), taught("invoice_number", "ZK-118"), fields=[field("invoice_number", "ZK-900")])
    assert made["invoice_number"].value == "ZK-1204"
    assert made["invoice_number"].raw == "ZK-1204"
    assert [(use.before.value, use.after.value, use.changed) for use in uses] == [("ZK-900", "ZK-1204", True)]


def test_a_learned_value_tells_who_taught_it_when_and_by_which_document():
    made, _ = read(paper("ZK-1204"), taught("invoice_number", "ZK-118"))
    assert made["invoice_number"].reason == "learned from the correction of p1 on 2024-03-20 (document d1)"
    assert made["invoice_number"].source is Source.READ


def test_totals_are_found_although_more_lines_push_them_down():
    lessons = [taught(name, Decimal(v)) for name, v in (("total_net", "100.00"), ("total_tax", "20.00"), ("total_gross", "120.00"))]
    made, _ = read(paper(net="250,00", tax="50,00", gross="300,00", lines=9), *lessons)
    assert [made[name].value for name in ("total_net", "total_tax", "total_gross")] == [
        Decimal("250.00"),
        Decimal("50.00"),
        Decimal("300.00"),
    ]


def test_a_paper_scanned_a_little_lower_is_read_as_well():
    made, _ = read(paper("ZK-77", "30/04/2024", shift=70), taught("issue_date", date(2024, 3, 12)), taught("invoice_number", "ZK-118"))
    assert (made["issue_date"].value, made["invoice_number"].value) == (date(2024, 4, 30), "ZK-77")


def test_a_misread_label_is_still_the_label():
    text = paper("ZK-300")
    worn = [line if line.text != "Pièce comptable" else page([(1300, "Piece cornptable")]).lines[0] for line in text.lines]
    made, _ = read(PageText(1, WIDTH, 3508, tuple(worn), "drawn"), taught("invoice_number", "ZK-118"))
    assert made["invoice_number"].value == "ZK-300"


@given(st.integers(1, 99_999), st.dates(date(2020, 1, 1), date(2029, 12, 31)), st.integers(100, 9_999_999), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_whatever_the_next_paper_says_is_read(number, day, cents, lines):
    net, tax = Decimal(cents) / 100, (Decimal(cents) / 500).quantize(Decimal("0.01"))
    told = {"total_net": net, "total_tax": tax, "total_gross": net + tax}
    text = paper(f"ZK-{number}", f"{day:%d/%m/%Y}", *(f"{v:.2f}".replace(".", ",") for v in told.values()), lines=lines)
    lessons = [taught("invoice_number", "ZK-118"), taught("issue_date", date(2024, 3, 12))]
    lessons += [taught(n, Decimal(v)) for n, v in (("total_net", "100.00"), ("total_tax", "20.00"), ("total_gross", "120.00"))]
    made, _ = read(text, *lessons)
    assert {name: made[name].value for name in told} == told
    assert made["issue_date"].value == day
    assert made["invoice_number"].value == f"ZK-{number}"


def test_a_month_printed_first_is_learned():
    american = page([(150, f"SIREN {SIREN}")], [(150, "Dated"), (500, "03/04/2024")])
    lesson = taught("issue_date", date(2024, 3, 4), american)
    made, _ = read(page([(150, f"SIREN {SIREN}")], [(150, "Dated"), (500, "05/06/2024")]), lesson)
    assert made["issue_date"].value == date(2024, 5, 6)


def test_an_amount_printed_without_its_sign_is_learned():
    lesson = taught("total_gross", Decimal("-120.00"))
    made, _ = read(paper(gross="60,00"), lesson)
    assert made["total_gross"].value == Decimal("-60.00")


def test_spaces_that_a_person_left_out_are_left_out_again():
    first = page([(150, f"SIREN {SIREN}")], [(150, "Pièce"), (500, "FA 2024 118")])
    made, _ = read(page([(150, f"SIREN {SIREN}")], [(150, "Pièce"), (500, "FA 2024 209")]), taught("invoice_number", "FA2024118", first))
    assert made["invoice_number"].value == "FA2024209"


def test_a_value_on_the_last_page_is_found_on_the_last_page():
    first = [paper(), page([(1300, "Valeur finale"), (2000, "120,00")], number=2)]
    spot = locate_value(first[1:], "total_gross", Decimal("120.00"))
    lesson = learn(first, "total_gross", Decimal("120.00"), spot, KEYS)
    later = [paper(gross="1,00"), page([(150, "suite")], number=2), page([(1300, "Valeur finale"), (2000, "999,00")], number=3)]
    made, _ = read(later, lesson)
    assert (made["total_gross"].value, made["total_gross"].page) == (Decimal("999.00"), 3)


# --- what never changes ---


def test_a_name_that_the_paper_draws_is_given_without_a_place():
    made, _ = read(paper(), taught("supplier_name", "Maison Dumoulin & Fils"))
    assert (made["supplier_name"].value, made["supplier_name"].page, made["supplier_name"].source) == (
        "Maison Dumoulin & Fils",
        0,
        Source.RULE,
    )


def test_another_valid_account_is_never_replaced_by_the_learned_one():
    lesson = taught("iban", IBAN)
    made, uses = read(paper(iban=NEW_IBAN), lesson, fields=[field("iban", NEW_IBAN)])
    assert (made["iban"].value, uses) == (NEW_IBAN, ())


def test_an_account_that_is_not_printed_is_not_given():
    made, _ = read(page([(150, f"SIREN {SIREN}")]), taught("iban", IBAN))
    assert "iban" not in made


def test_the_buyer_taken_for_the_supplier_is_put_right():
    text = page([(150, f"SIREN {SIREN}"), (1300, f"Client SIREN {OTHER}")])
    lesson = taught("supplier_siren", SIREN, text, instead_of=OTHER)
    made, _ = read(text, lesson, fields=[field("supplier_siren", OTHER), field("buyer_siren", OTHER)])
    assert made["supplier_siren"].value == SIREN


@pytest.mark.parametrize(("name", "right", "wrong"), [("iban", IBAN, NEW_IBAN), ("supplier_siren", SIREN, OTHER)])
def test_a_valid_number_is_not_replaced_by_a_wrong_correction_but_doubted(name, right, wrong):
    text = page([(150, f"SIREN {SIREN}"), (1300, f"Autre {wrong}")], [(150, f"IBAN {IBAN}")])
    lesson = taught(name, wrong, text, keys=(f"siren:{SIREN}", f"iban:{wrong}"), instead_of=right)
    made, _ = read(text, lesson, fields=[field(name, right, 0.999)])
    assert (made[name].value, made[name].confidence, made[name].alternatives) == (right, 0.5, (wrong,))


@pytest.mark.parametrize(("name", "value"), [("supplier_siren", OWN), ("supplier_siret", OWN + "00048"), ("supplier_vat_id", "FR39" + OWN)])
def test_a_number_of_those_who_buy_teaches_nothing_of_the_supplier(name, value):
    text = page([(150, f"SIREN {SIREN}"), (1300, f"Client {value}")])
    assert learn([text], name, value, locate_value([text], name, value), KEYS)
    assert learn([text], name, value, locate_value([text], name, value), KEYS, own=[OWN]) is None


def test_the_account_that_is_debited_teaches_nothing():
    text = page([(150, f"SIREN {SIREN}")], [(150, f"Prélèvement sur votre compte IBAN : {NEW_IBAN}")], [(150, f"IBAN {IBAN}")])
    lessons = [learn([text], "iban", each, locate_value([text], "iban", each), KEYS) for each in (NEW_IBAN, IBAN)]
    assert [lesson is None for lesson in lessons] == [True, False]


# --- whose paper it is ---


def test_nothing_is_applied_to_the_paper_of_another_supplier():
    made, uses = read(paper("ZK-5", siren=OTHER), taught("invoice_number", "ZK-118", keys=(f"siren:{SIREN}",)))
    assert (made, uses) == ({}, ())


def test_where_another_company_is_known_to_send_it_a_shared_name_or_account_tells_nothing():
    lesson = taught("invoice_number", "ZK-118", keys=(f"siren:{SIREN}", f"iban:{IBAN}", "name:atelier dumoulin"))
    _, uses = read(paper("ZK-5", siren=OTHER), lesson, fields=[field("supplier_siren", OTHER)])
    assert uses == ()


def test_the_own_company_is_nobody_s_mark():
    lesson = taught("invoice_number", "ZK-118", keys=(f"siren:{SIREN}",))
    assert read(paper("ZK-5"), lesson, own={SIREN})[1] == ()


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"supplier_siren": SIREN, "iban": IBAN}, (f"siren:{SIREN}", f"iban:{IBAN}")),
        ({"supplier_siret": SIREN + "00074"}, (f"siren:{SIREN}",)),
        ({"supplier_vat_id": "FR44732829320"}, (f"siren:{SIREN}", "vat:FR44732829320")),
        ({"supplier_vat_id": "DE123456789", "supplier_name": "Müller GmbH"}, ("vat:DE123456789", "name:muller gmbh")),
        ({"supplier_siren": SIREN, "buyer_siren": SIREN}, ()),
        ({"supplier_siren": "123456789"}, ()),
        ({}, ()),
    ],
)
def test_a_supplier_is_known_by_its_surest_mark(values, keys):
    assert supplier_keys(values) == keys


GERMAN, CARRIER = "DE136695976", ("vat:DE811907980", "name:dhl express")


def german_paper():
    return page([(150, "Muster Technik GmbH"), (1300, "Rechnung")], [(150, f"USt-IdNr. {GERMAN}")], [(150, "Versand durch DHL Express")])


def test_a_paper_that_only_mentions_a_taught_name_keeps_its_own():
    lessons = [
        Lesson(CARRIER, name, value, None, None, None) for name, value in (("supplier_name", "DHL Express"), ("supplier_siren", OTHER))
    ]
    fields = [field("supplier_name", "Muster Technik GmbH"), field("supplier_vat_id", GERMAN)]
    assert [read(german_paper(), *lessons, fields=known)[1] for known in (fields, fields[:1], fields[1:], [])] == [()] * 4


def test_a_paper_that_bears_the_name_of_a_supplier_without_numbers_is_its_own():
    lesson = taught("invoice_number", "ZK-118", keys=("name:atelier dumoulin",))
    made, _ = read(paper("ZK-5"), lesson, fields=[field("supplier_name", "ATELIER DUMOULIN")])
    assert made["invoice_number"].value == "ZK-5"


def test_where_reading_takes_other_words_for_the_name_it_counts_where_it_was_taught():
    keys = ("name:atelier dumoulin",)
    lesson = taught("supplier_name", "Atelier Dumoulin", keys=keys, instead_of="Pièce comptable")
    wrong = field("supplier_name", "Pièce comptable")
    assert read(paper("ZK-5"), lesson, fields=[wrong])[0]["supplier_name"].value == "Atelier Dumoulin"
    elsewhere = page([(150, "Maison Perrin"), (1300, "Pièce comptable")], *[[(150, "Bois")]] * 30, [(900, "posé par Atelier Dumoulin")])
    assert read(elsewhere, lesson, fields=[wrong])[1] == ()


def test_a_name_alone_gives_no_number_that_is_not_printed():
    lesson = Lesson(("vat:DE811907980", "name:dhl express"), "supplier_siren", OTHER, None, None, None)
    made, _ = read(page([(150, "DHL Express")]), lesson, fields=[field("supplier_name", "DHL Express")])
    assert "supplier_siren" not in made


# --- what contradicts ---


def test_amounts_that_add_up_are_not_replaced_but_doubted():
    fields = [
        field("total_net", Decimal("50.00"), 0.9),
        field("total_tax", Decimal("10.00"), 0.9),
        field("total_gross", Decimal("60.00"), 0.9),
    ]
    made, _ = read(paper(), taught("total_gross", Decimal("120.00")), fields=fields)
    assert (made["total_gross"].value, made["total_gross"].confidence) == (Decimal("60.00"), 0.5)
    assert made["total_gross"].alternatives[0] == "120.00"


def test_an_amount_due_needs_its_difference_on_the_page():
    fields = [field("total_gross", Decimal("120.00")), field("amount_due", Decimal("120.00"))]
    odd = paper()
    lesson = taught("amount_due", Decimal("20.00"), odd)
    assert read(paper(tax="33,33"), lesson, fields=fields)[0]["amount_due"].value == Decimal("120.00")


def test_a_due_date_before_the_issue_stays_a_doubt():
    lesson = taught("due_date", date(2024, 3, 12))
    made, _ = read(paper(day="01/01/2024"), lesson, fields=[field("issue_date", date(2024, 2, 1)), field("due_date", date(2024, 3, 1))])
    assert (made["due_date"].value, made["due_date"].confidence) == (date(2024, 3, 1), 0.5)


def test_a_lesson_that_agrees_makes_the_value_surer_and_says_so():
    made, uses = read(paper(), taught("invoice_number", "ZK-118"), fields=[field("invoice_number", "ZK-118", 0.7)])
    assert made["invoice_number"].confidence > 0.9
    assert [use.changed for use in uses] == [False]


def test_a_lesson_makes_nothing_green_and_what_was_green_stays_so():
    constants = [taught("supplier_name", "Atelier Dumoulin"), taught("iban", IBAN), taught("invoice_number", "ZK-118")]
    sums = [taught(name, Decimal(v)) for name, v in (("total_net", "100.00"), ("total_tax", "20.00"), ("total_gross", "120.00"))]
    for fields in (
        [],
        [field("invoice_number", "ZK-118", 0.994), field("iban", IBAN, 0.994), field("total_gross", Decimal("120.00"), 0.994)],
    ):
        made, uses = read(paper(), *constants, *sums, fields=fields)
        assert uses
        assert max(each.confidence for each in made.values()) < Thresholds().green
    assert read(paper(), constants[1], fields=[field("iban", IBAN, 0.999)])[0]["iban"].confidence == 0.999


def test_of_two_equally_likely_values_none_is_proposed():
    twice = page([(150, f"SIREN {SIREN}")], [(150, "Pièce"), (500, "A-1")])
    lesson = taught("invoice_number", "A-1", twice)
    later = page([(150, f"SIREN {SIREN}")], [(150, "Pièce"), (500, "A-2")], [(150, "Pièce"), (500, "A-3")])
    assert "invoice_number" not in read(later, lesson)[0] or read(later, lesson)[0]["invoice_number"].value == "A-2"


# --- what is not learned ---


@pytest.mark.parametrize(("name", "value"), [("vat_breakdown", ()), ("document_type_code", "381"), ("invoice_number", "nulle part")])
def test_what_has_no_place_teaches_nothing(name, value):
    assert learn([paper()], name, value, locate_value([paper()], name, value), KEYS) is None


def test_without_a_known_supplier_nothing_is_learned():
    assert learn([paper()], "invoice_number", "ZK-118", locate_value([paper()], "invoice_number", "ZK-118"), ()) is None


def test_a_lesson_comes_back_from_json_as_it_was():
    lesson = taught("issue_date", date(2024, 3, 12), instead_of=date(2024, 3, 1))
    assert lesson_from(lesson_json(lesson)) == lesson


@given(st.text(max_size=80))
def test_the_shape_of_any_text_is_a_regular_expression_that_it_fits(text):
    import re

    clean = " ".join(text.split())[:60].strip()
    assert not clean or re.compile(shape_of(clean)).match(clean) or not clean.isprintable()


def test_the_work_is_bounded_whatever_the_pages_hold():
    row = [(150, "Impôt"), (400, "1,00"), (600, "2,00"), (800, "3,00"), (1000, "4,00"), (1200, "5,00")]
    crowded = page([(150, f"SIREN {SIREN}")], *([row] * 300))
    pages = [PageText(n, WIDTH, 3508, crowded.lines, "drawn") for n in range(1, 101)]
    lesson = taught("total_tax", Decimal("20.00"))
    cost.within(1000, lambda: read(pages, lesson), lambda: read(pages[:25], lesson))
