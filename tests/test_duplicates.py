"""Has this invoice come before, has its supplier's account changed: as values, and against the records."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from invoices import GOOD, House, invoice
from test_web import visitor

from capture.catalogue import message
from station import acts
from station.particulars import note_old_keys
from station.records import documents, people
from station.records.database import Database, alembic_config, migrate, open_database
from station.records.tables import InvoiceRow, State
from workflow.duplicates import (
    CONFUSED,
    alike_number,
    changed_account,
    key_of,
    nearly_same,
    one_sign_apart,
    plain_number,
    same_invoice,
    same_supplier,
)

OTHER_IBAN, ITS_SIREN = "DE89370400440532013000", "732829320"


@pytest.fixture
def house(tmp_path):
    return House(tmp_path, identity={"names": ["Atelier Sceau SARL"]}, suppliers={"sizes": {ITS_SIREN: "PME"}})


# --- two invoices, as values ---


@pytest.mark.parametrize("number", ["F-2026-0417", "f 2026/0417", "F.2026.0417", "F20260417"])
def test_the_way_in_which_a_number_is_set_does_not_matter(number):
    assert same_invoice(key_of(invoice()), key_of(invoice(invoice_number=number)))


@pytest.mark.parametrize(
    "other",
    [{"invoice_number": "F-2026-0418"}, {"issue_date": date(2025, 11, 17)}, {"supplier_siren": "552081317"}, {"document_type_code": "381"}],
)
def test_another_number_year_supplier_or_kind_is_another_invoice(other):
    without = ("supplier_siret", "supplier_vat_id") if "supplier_siren" in other else ()
    assert not same_invoice(key_of(invoice()), key_of(invoice(*without, **other)))


def test_the_supplier_is_the_same_whichever_of_its_identifiers_was_read():
    keys = {key_of(invoice(*without)).siren for without in ((), ("supplier_siren",), ("supplier_siren", "supplier_siret"))}
    assert keys == {ITS_SIREN}


NAMELESS, NUMBERS = ("supplier_name",), ("supplier_siren", "supplier_siret", "supplier_vat_id")
FOREIGN = {"supplier_vat_id": "DE136695976"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (invoice(), invoice(*NUMBERS), True),
        (invoice(*NAMELESS), invoice(*NUMBERS), False),
        (invoice("supplier_siren", "supplier_siret", **FOREIGN), invoice(*NUMBERS), True),
        (invoice("supplier_siren", "supplier_siret", **FOREIGN), invoice(*NUMBERS[:2], *NAMELESS, **FOREIGN), True),
        (invoice(), invoice(*NUMBERS[1:], supplier_siren="552081317"), False),
        (invoice(*NUMBERS[1:], supplier_siren="732829321"), invoice(), True),
        (invoice(*NUMBERS, supplier_name="Atelier Sceau SARL"), invoice(*NUMBERS, supplier_name="Atelier Sceau SARL"), False),
    ],
    ids=["siren or name", "nothing in common", "vat or name", "vat", "two sirens", "a misread siren", "the buyer"],
)
def test_a_supplier_is_known_by_the_surest_that_was_read_of_both(one, other, same):
    other = replace(other, fields={name: field for name, field in other.fields.items() if name != "buyer_siren"})
    assert same_supplier(key_of(one), key_of(other)) is same


def test_without_a_date_the_amount_stands_for_the_year():
    undated = key_of(invoice("issue_date"))
    assert same_invoice(undated, key_of(invoice()))
    assert not same_invoice(undated, key_of(invoice(total_gross=Decimal(7))))


def test_signs_that_readers_confuse_make_a_near_duplicate():
    assert nearly_same(key_of(invoice()), key_of(invoice(invoice_number="F-2O26-O4I7", total_gross=Decimal(9))))


def test_one_sign_off_counts_where_day_and_amount_agree():
    near = key_of(invoice(invoice_number="F-2026-0477"))
    assert nearly_same(key_of(invoice()), near)
    assert not nearly_same(key_of(invoice(total_gross=Decimal(9))), near)
    assert not nearly_same(key_of(invoice(issue_date=date(2026, 11, 18))), near)


def test_a_misread_supplier_hides_no_duplicate():
    assert nearly_same(
        key_of(invoice()), key_of(invoice("supplier_siren", "supplier_siret", "supplier_vat_id", supplier_name="lmprimerie"))
    )


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("1234", "1235", True),
        ("1234", "124", False),
        ("12345", "1245", True),
        ("1234", "1243", True),
        ("1234", "1234", False),
        ("12", "13", False),
    ],
)
def test_one_sign_apart_is_one_exchanged_lost_or_swapped_with_its_neighbour(one, other, near):
    assert one_sign_apart(one, other) is near


numbers = st.text(alphabet="ABCO0I1S5-/ 2346789", min_size=1, max_size=20)


@settings(max_examples=60)
@given(numbers, numbers)
def test_comparing_two_ways_round_gives_the_same_answer(one, other):
    first, second = key_of(invoice(invoice_number=one)), key_of(invoice(invoice_number=other))
    assert same_invoice(first, second) == same_invoice(second, first)
    assert nearly_same(first, second) == nearly_same(second, first)
    assert one_sign_apart(one, other) == one_sign_apart(other, one)


@settings(max_examples=60)
@given(numbers)
def test_a_confused_sign_never_makes_another_number(number):
    assert alike_number(plain_number(number)) == alike_number(plain_number(number.translate(CONFUSED)))


def test_an_account_changes_only_where_one_was_known():
    key = key_of(invoice(iban=OTHER_IBAN))
    assert changed_account(key, []) is None
    assert changed_account(key, [OTHER_IBAN]) is None
    found = changed_account(key, ["FR7630006000011234567890189"])
    assert found is not None
    assert "DE89 3704 0044 0532 0130 00 au lieu de FR76 3000 6000 0112 3456 7890 189" in message(found)


def test_a_misread_account_is_no_other_account():
    assert changed_account(key_of(invoice(iban="FR7630006000011234567890188")), ["FR7630006000011234567890189"]) is None


# --- against the records ---


def test_the_same_invoice_that_comes_again_is_told_with_the_first_one(house):
    first = house.keep("un.tif", hours=2)
    again = house.keep("deux.tif", invoice_number="F 2026 0417")
    assert house.findings(first) == {}
    (found,) = house.findings(again).values()
    assert (found.code, found.limit) == ("invoice-twice", first)
    assert "« un.tif », 20/11/2026, 1234,56" in message(found)


def test_a_near_duplicate_is_told_as_such(house):
    house.keep("un.tif", hours=2)
    assert set(house.findings(house.keep("deux.tif", invoice_number="F-2026-O4I7"))) == {"invoice-nearly-twice"}


def test_the_next_invoice_of_a_supplier_is_left_in_peace(house):
    house.keep("un.tif", hours=2)
    assert house.findings(house.keep("deux.tif", invoice_number="F-2026-0522", issue_date=date(2026, 11, 18))) == {}


@pytest.mark.parametrize("state", [State.SET_ASIDE, State.REPLACED, State.ERASED])
def test_what_is_gone_is_no_duplicate(house, state):
    house.change(house.keep("un.tif", hours=2), state=state)
    assert house.findings(house.keep("deux.tif")) == {}


def test_a_confidential_document_is_named_nowhere(house):
    house.change(house.keep("un.tif", hours=2), confidential=True)
    assert house.findings(house.keep("deux.tif")) == {}


def test_what_is_no_invoice_is_not_checked(house):
    order = house.keep("commande.tif")
    house.change(order, document_type="order")
    house.say(order, "invoice_number", "C-7")
    with house.workstation.database.reading() as session:
        assert session.scalars(sa.select(InvoiceRow).where(InvoiceRow.document_id == order)).all() == []
    assert house.findings(order) == {}


def test_a_corrected_number_takes_the_finding_away_on_both_sides(house):
    first = house.keep("un.tif", hours=2)
    second = house.keep("deux.tif")
    house.say(first, "due_date", date(2026, 12, 18))
    assert "invoice-twice" in house.findings(first)
    house.say(second, "invoice_number", "F-2026-0999")
    assert (house.findings(first), house.findings(second)) == ({}, {})


def test_a_new_account_is_told_on_every_invoice_that_bears_it(house):
    house.keep("un.tif", hours=3)
    new = {"iban": OTHER_IBAN, "issue_date": date(2026, 11, 18)}
    second = house.keep("deux.tif", hours=2, invoice_number="F-2026-0500", **new)
    third = house.keep("trois.tif", hours=1, invoice_number="F-2026-0611", **new)
    assert "iban-changed" in house.findings(second)
    assert "iban-changed" in house.findings(third)


BY_NAME = dict.fromkeys(NUMBERS)


@pytest.mark.parametrize(("first", "second"), [({}, BY_NAME), (BY_NAME, {})], ids=["siren first", "name first"])
def test_a_supplier_read_by_its_siren_once_and_by_its_name_once_is_one(house, first, second):
    house.keep("un.tif", hours=3, **first)
    assert "invoice-twice" in house.findings(house.keep("deux.tif", hours=2, **second))
    new = {"invoice_number": "F-2026-0500", "issue_date": date(2026, 11, 18), "iban": OTHER_IBAN}
    assert "iban-changed" in house.findings(house.keep("trois.tif", **{**second, **new}))


def test_a_namesake_with_a_siren_of_its_own_is_another_supplier(house):
    house.keep("un.tif", hours=3)
    own = {"supplier_siren": "552081317", "supplier_siret": None, "supplier_vat_id": None, "iban": OTHER_IBAN, "total_gross": Decimal(7)}
    assert not {"invoice-twice", "iban-changed"} & set(house.findings(house.keep("deux.tif", **own)))


def test_a_concealed_document_is_no_longer_named_in_what_is_told_of_others(house):
    first = house.keep("Dossier Mme Dupont.tif", hours=2)
    again = house.keep("deux.tif")
    assert "Dossier Mme Dupont" in message(house.findings(again)["invoice-twice"])
    house.change(first, state=State.HELD)
    with house.workstation.database.writing() as session:
        acts.decide(session, first, "confidential", "lettre", people.ensure_practice(session), house.workstation.clock())
    assert "invoice-twice" not in house.findings(again)


def test_an_amount_of_any_length_can_be_noted(house):
    assert "invoice-twice" not in house.findings(house.keep("un.tif", total_gross=Decimal("9" * 30)))


def test_beside_a_concealed_twin_the_other_twin_is_still_told(house):
    first, second = house.keep("un.tif", hours=3), house.keep("deux.tif", hours=2)
    third = house.keep("trois.tif", hours=1)
    house.change(first, state=State.HELD)
    assert house.findings(third)["invoice-twice"].limit == first
    browser = visitor(house.workstation)
    browser.post("/sign-in", data={"login": "atelier", "password": "essai"})
    assert browser.post(f"/documents/{first}/decision/confidential", data={"reason": "lettre"}).status_code == 303
    assert house.findings(third)["invoice-twice"].limit == second


def test_invoices_of_before_are_noted_when_the_station_starts_the_first_account_first(house):
    for name, hours, values in (("un.tif", 9, {}), ("deux.tif", 8, {"iban": OTHER_IBAN, "invoice_number": "F-2026-0418"})):
        house.keep(name, hours=hours, **values)
    with house.workstation.database.writing() as session:
        session.execute(sa.delete(InvoiceRow))
    assert [note_old_keys(house.workstation) for _ in range(2)] == [2, 0]
    assert "invoice-twice" in house.findings(house.keep("trois.tif"))
    assert "iban-changed" in house.findings(house.keep("quatre.tif", invoice_number="F-2026-0777", iban=OTHER_IBAN))


BEFORE = "2026-11-19 09:00:00"


def of_the_version_before(folder) -> Database:
    """A database of migration 0002 that holds one invoice, read."""
    database = open_database(f"sqlite:///{folder / 'before.db'}")
    command.upgrade(alembic_config(database.writer), "0002")
    told = {
        "batch": {"id": "b", "station": "demo", "kind": "file", "opened_at": BEFORE},
        "document": {"id": "old", "entity": "essai", "batch_id": "b", "station": "demo", "operator": "a", "document_type": "invoice",
                     "title": "ancien.tif", "state": "sealed", "paper_stays": 0, "received_at": BEFORE, "changed_at": BEFORE, "revision": 1,
                     "attempt": 1, "queued": 1, "tries": 0, "source": "paper", "formed": 0, "confidential": 0},
        "reading": {"document_id": "old", "version": 1, "engine": "t", "path": "x", "words": 9, "in_archive": 1, "read_at": BEFORE},
    }  # fmt: skip
    values = {"invoice_number": "F-2026-0417", "issue_date": "2026-11-17", "supplier_siren": ITS_SIREN, "iban": GOOD["iban"]}
    rows = [*told.items(), *(("field", {"document_id": "old", "name": n, "source": "read", "value": v}) for n, v in values.items())]
    with database.writer.begin() as connection:
        for table, row in rows:
            connection.execute(sa.table(table, *map(sa.column, row)).insert().values(row))
    return database


def test_after_an_upgrade_an_invoice_that_comes_again_is_told_with_that_of_before(tmp_path, house):
    database = of_the_version_before(tmp_path)
    migrate(database)
    house.workstation = replace(house.workstation, database=database)
    assert note_old_keys(house.workstation) == 1
    assert house.findings(house.keep("neuf.tif"))["invoice-twice"].limit == "old"
    assert "iban-changed" in house.findings(house.keep("autre.tif", invoice_number="F-2026-0500", iban=OTHER_IBAN))


def test_confirming_what_is_printed_does_not_make_the_account_the_suppliers(house):
    house.keep("un.tif", hours=3)
    second = house.keep("deux.tif", invoice_number="F-2026-0500", iban=OTHER_IBAN, issue_date=date(2026, 11, 18))
    house.say(second, "iban", OTHER_IBAN)
    assert "iban-changed" in house.findings(second)


def test_the_accounts_of_the_settings_count_before_those_of_invoices(tmp_path):
    house = House(tmp_path, suppliers={"sizes": {ITS_SIREN: "PME"}, "ibans": {ITS_SIREN: ["DE89 3704 0044 0532 0130 00"]}})
    assert set(house.findings(house.keep("un.tif", hours=2))) == {"iban-changed"}
    other = house.keep("deux.tif", invoice_number="F-2026-0500", iban=OTHER_IBAN, issue_date=date(2026, 11, 18))
    assert house.findings(other) == {}


def test_the_verdict_of_the_copy_does_not_follow_the_invoice(house):
    document_id = house.keep("un.tif", invoice_number=None, total_gross=Decimal(1))
    assert {"particulars-missing", "amounts-disagree"} <= set(house.findings(document_id))
    with house.workstation.database.reading() as session:
        assert documents.get_document(session, document_id).verdict is None


@pytest.mark.sqlite
def test_one_indexed_question_finds_the_others(house):
    house.keep("un.tif", hours=2)
    with house.workstation.database.reading() as session:
        plan = str(
            session.connection()
            .exec_driver_sql(
                "EXPLAIN QUERY PLAN SELECT * FROM invoice_key WHERE (supplier='a' AND (likeness='b' OR issued='c')) OR number='d'"
            )
            .fetchall()
        )
    assert "SCAN" not in plan
