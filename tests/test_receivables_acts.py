"""Invoices of customers as they come in and what is noted of them: by hand, from lists, from programs, from sealed documents."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import apihome
import pytest
import receivables_home as filled
import reviewed
import sqlalchemy as sa
import webhome
from fastapi.testclient import TestClient
from test_web import visitor

from config.legal import load_rates
from station import imports, receivables
from station.ageing import ageing_on, month_ends
from station.letters_out import delay_on
from station.particulars import note_old_keys
from station.people import Act, RoleDays, add_person
from station.receivables import Issued, Manner, Named, Noted, Refused, by_person
from station.records import people
from station.records import receivables as records
from station.records.tables import Customer, Document, FieldRow, ItemEvent, LedgerPayload, OpenItem, Review
from station.tabular import read_sheet
from station.web.words import words_in
from workflow.interest import BelowFloor
from workflow.receivables import State, What, standing_of
from workflow.roles import Role

TODAY = filled.TODAY
RATES = load_rates()


@pytest.fixture
def home(tmp_path):
    workstation = webhome.open_home(tmp_path)
    yield workstation
    workstation.database.close()


@pytest.fixture
def by(home):
    return by_person("somebody", home.clock(), TODAY)


@pytest.fixture
def items(home, by) -> dict[str, int]:
    return filled.add_items(home, by)


def standing(home, number: str, day: date = TODAY):
    with home.database.reading() as session:
        row = records.find_item(session, home.settings.entity, number)
        found = records.listed_one(session, home.settings.entity, row.id)
        return standing_of(found.item, found.events, day)


def note(home, number: str, noted: Noted, by) -> None:
    with home.database.writing() as session:
        receivables.note_event(session, records.find_item(session, home.settings.entity, number), noted, by)


def entries(home) -> list[dict]:
    with home.database.reading() as session:
        query = sa.select(LedgerPayload.body).where(LedgerPayload.type == "receivable").order_by(LedgerPayload.sequence)
        return [json.loads(body) for body in session.scalars(query)]


# --- acts ---


def test_each_act_has_its_entry_and_the_same_reference_again_is_the_same_payment(home, items, by):
    before = len(entries(home))
    payment = Noted(What.PAYMENT, TODAY, 30_000, reference="VIR-77")
    note(home, "F-101", payment, by)
    note(home, "F-101", payment, by)
    assert standing(home, "F-101").paid == Decimal("300.00")
    assert [entry["reference"] for entry in entries(home)[before:]] == ["VIR-77"]
    with pytest.raises(Refused, match="reference-taken"):
        note(home, "F-101", replace(payment, cents=30_001), by)


@pytest.mark.parametrize(
    ("noted", "flaw"),
    [
        (Noted(What.PAYMENT, TODAY + timedelta(days=1), 100), "day-later"),
        (Noted(What.PAYMENT, TODAY, 0), "amount"),
        (Noted(What.DISPUTE, TODAY), "reason"),
        (Noted(What.DISPUTE, date(2026, 1, 1), reason="x"), "day-before"),
        (Noted(What.CREDIT, TODAY, 100), "reference"),
        (Noted(What.CREDIT, TODAY, 120_001, reference="AV-1"), "credit-large"),
        (Noted(What.PROMISE, TODAY, 0), "until"),
        (Noted(What.PROMISE, TODAY, 0, until=TODAY - timedelta(days=1)), "until"),
        (Noted(What.END, TODAY, of=1, reason="x"), "not-in-force"),
        (Noted(What.PAYMENT, TODAY, 120_001, reference="V"), "over"),
        (Noted(What.GIVEN, TODAY, 1, reason="x"), "given-large"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(home, items, by, noted, flaw):
    before = len(entries(home))
    with pytest.raises(Refused, match=flaw):
        note(home, "F-101", noted, by)
    assert len(entries(home)) == before


def test_a_dispute_rests_by_itself_until_it_is_settled_and_cannot_be_opened_twice(home, items, by):
    assert not standing(home, "F-104").may_remind
    with pytest.raises(Refused, match="not-offered"):
        note(home, "F-104", Noted(What.DISPUTE, TODAY, reason="again"), by)
    with home.database.reading() as session:
        number = session.scalar(sa.select(ItemEvent.id).where(ItemEvent.item_id == items["F-104"]))
    note(home, "F-104", Noted(What.END, TODAY, of=number, reason="Avoir accepté"), by)
    assert standing(home, "F-104").may_remind


def test_an_invoice_that_was_issued_does_not_change(home, items, by):
    with home.database.writing() as session:
        owner = session.scalar(sa.select(Customer).where(Customer.number == "C-001"))
        there = records.find_item(session, owner.entity, "F-101")
        told = Issued("F-101", there.cents, date.fromisoformat(there.issued), date.fromisoformat(there.due))
        assert receivables.issue_item(session, owner.entity, owner, told, by) is there
        with pytest.raises(Refused, match="number-taken"):
            receivables.issue_item(session, owner.entity, owner, replace(told, cents=1), by)


def test_every_word_of_what_is_refused_and_of_every_state_is_there_in_both_languages(home):
    for language in ("fr", "en"):
        t = words_in(language)
        assert all(t(f"receivables.state-{state}") for state in State)
        assert all(t(f"receivables.{family}-{what}") for family in ("what", "end", "stop") for what in What if what is not What.END)


# --- what the delay costs: vectors G and H of partial payments and regimes, on rows ---


def owed(home, by, regime: str, *events: Noted, amount: int = 1_200_000, rate: str = "", day: date = date(2026, 9, 30)):
    with home.database.writing() as session:
        owner = Customer(entity="essai", number="V", name="V", regime=regime, language="fr", contract_rate=rate)
        owner.siren = owner.vat_id = owner.address = owner.contact = owner.email = owner.phone = ""
        owner.changed_by, owner.changed_at = "x", home.clock()
        session.add(owner)
        session.flush()
        row = receivables.issue_item(session, "essai", owner, Issued("V-1", amount, date(2026, 5, 1), date(2026, 5, 31)), by)
        for noted in events:
            receivables.note_event(session, row, noted, by)
        return delay_on(records.listed_one(session, "essai", row.id), home.settings, day, RATES)


PAID = Noted(What.PAYMENT, date(2026, 9, 30), 1_200_000)


@pytest.mark.parametrize(("regime", "total"), [("private", "494.89"), ("public", "407.11")])
def test_interest_is_chosen_by_who_owes_and_ends_on_the_day_of_the_payment(home, by, regime, total):
    found = owed(home, by, regime, PAID, day=TODAY)
    assert (str(found.interest.total), found.indemnity, found.until) == (total, Decimal(40), date(2026, 9, 30))


def test_a_consumer_owes_neither_interest_nor_indemnity(home, by):
    found = owed(home, by, "consumer", day=TODAY)
    assert (found.interest, found.indemnity, found.regime) == (None, Decimal("0.00"), None)


def test_the_opening_of_proceedings_stops_interest(home, by):
    found = owed(home, by, "private", Noted(What.INSOLVENCY, date(2026, 6, 11), reason="Jugement"), day=TODAY)
    assert (found.until, found.interest.days, found.indemnity) == (date(2026, 6, 10), 10, Decimal(40))


def test_who_was_forbidden_to_pay_on_the_day_owes_no_indemnity(home, by):
    found = owed(home, by, "private", Noted(What.INSOLVENCY, date(2026, 5, 20), reason="Jugement"), day=TODAY)
    assert (found.interest, found.indemnity) == (None, Decimal("0.00"))


def test_a_contracts_rate_holds_and_one_below_the_floor_is_refused_with_its_text(home, by):
    assert str(owed(home, by, "private", rate="10", day=date(2026, 6, 1)).interest.total) == "3.29"
    with home.database.writing() as session:
        owner = session.scalar(sa.select(Customer).where(Customer.number == "V"))
        with pytest.raises(BelowFloor) as caught:
            receivables.change_customer(session, owner, Manner("private", "fr", "", "8,24"), RATES, by)
        assert "441-10" in caught.value.text
        with pytest.raises(Refused, match="rate-public"):
            receivables.change_customer(session, owner, Manner("public", "fr", "", "12"), RATES, by)
        assert receivables.change_customer(session, owner, Manner("public", "en", "entites-publiques"), RATES, by)


def test_reminders_go_to_the_contacts_who_get_them_else_to_the_customer(home, items, by):
    with home.database.writing() as session:
        owner = records.find_customer(session, "essai", "C-001")
        assert records.addresses_of(session, owner) == ["compta@c-001.example"]
        row = receivables.add_contact(session, owner, Named("Awa Diop", "Comptable", "awa@c-001.example"), by)
        receivables.add_contact(session, owner, Named("Jean Roux", "Gérant", reminded=False), by)
        assert records.addresses_of(session, owner) == ["awa@c-001.example"]
        receivables.end_contact(session, owner, row.id, by)
        assert records.addresses_of(session, owner) == ["compta@c-001.example"]


# --- the whole ---


def test_the_ageing_balance_adds_up_by_column_and_by_customer(home, items):
    with home.database.reading() as session:
        found = ageing_on(session, "essai", TODAY)
        told = [standing_of(each.item, each.events, TODAY).balance for each in records.list_items(session, "essai")]
    assert found.balance == sum(told) == sum(each.balance for each in found.debtors) == Decimal("20974.90")
    assert {name: str(amount) for name, amount in found.columns.items()} == {
        "not-due": "1200.00", "1-30": "3550.00", "31-60": "869.90", "61-90": "3300.00", "over-90": "12055.00",
    }  # fmt: skip
    assert [each.number for each in found.overpaid] == ["F-111"]
    assert [each.number for each in found.broken] == ["F-112"]
    assert [(each.number, each.months) for each in found.limits] == [("F-110", 3)]


def test_dso_counts_sales_and_not_cancelled_invoices(home, items):
    """20 974.90 open × 365 ÷ 23 560.40 of sales; F-110 is older than a year, F-108 was cancelled."""
    with home.database.reading() as session:
        found = ageing_on(session, "essai", TODAY)
    assert (str(found.dso), found.dso_days) == ("324.9", 365)
    assert month_ends(date(2026, 3, 31), 3) == [date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28)]


# --- lists ---

INVOICES = (
    "Numéro de facture;Client;Montant TTC;Date de facture;Échéance\n"
    "F-900;C-001;1 234,56 €;01/10/2026;31/10/2026\nF-901;C-002;50;2026-10-01;\n"
)
PAYMENTS = "Facture;Date de valeur;Montant;Référence bancaire\nF-900;05/11/2026;1000,00;VIR-A\nF-900;06/11/2026;234,56;VIR-B\n"


def listed(home, kind: str, text: str, *, write: bool = True):
    sheet = read_sheet(text.encode())
    with home.database.writing() as session:
        mapping = imports.propose_mapping(kind, sheet.headings, {})
        assert imports.missing_columns(kind, mapping) == ()
        plan = imports.plan_import(session, "essai", kind, imports.read_lines(kind, sheet, mapping), today=TODAY)
        if write:
            run = imports.ImportRun(id="f" * 32, entity="essai", kind=kind, name="x", sha256="", mapping={}, counts={}, actor="system")
            imports.apply_import(session, run, plan, None, home.clock())
    return plan


def test_invoices_and_payments_come_from_lists_once(home, items):
    assert listed(home, "invoices", INVOICES).counts == {"new": 2, "changed": 0, "same": 0, "wrong": 0, "absent": 0}
    assert listed(home, "payments", PAYMENTS).counts["new"] == 2
    assert standing(home, "F-900").state is State.PAID
    assert standing(home, "F-901").balance == Decimal("50.00")
    again = [listed(home, kind, text).counts for kind, text in (("invoices", INVOICES), ("payments", PAYMENTS))]
    assert [(each["new"], each["same"]) for each in again] == [(0, 2), (0, 2)]
    assert [(entry["what"], len(entry["items"])) for entry in entries(home)[-2:]] == [("issued", 2), ("payment", 2)]
    with home.database.reading() as session:
        row = records.find_item(session, "essai", "F-901")
        assert (row.due, row.batch, row.source) == ("2026-10-31", "f" * 32, "list")


@pytest.mark.parametrize(
    ("kind", "line", "fault"),
    [
        ("invoices", "F-1;C-999;10;01/10/2026;", "customer-unknown"),
        ("invoices", "F-1;C-001;1,234;01/10/2026;", "amount"),
        ("invoices", "F-1;C-001;-5;01/10/2026;", "amount"),
        ("invoices", "F-1;C-001;5;01/10/2026;30/09/2026", "due"),
        ("invoices", "F-1;C-001;5;31/12/9999;", "day"),
        ("invoices", "F-101;C-001;5;01/10/2026;", "invoice-other"),
        ("payments", "F-1;01/10/2026;5;R", "invoice-unknown"),
        ("payments", "F-101;21/11/2026;5;R", "day-later"),
        ("payments", "F-102;01/10/2026;5;VIR-7781", "reference-other"),
        ("payments", "F-101;01/10/2026;5;", "missing"),
        ("payments", "F-101;01/10/2026;1200,01;R", "over"),
    ],
)
def test_a_wrong_line_of_a_list_is_told_with_its_place(home, items, kind, line, fault):
    text = (INVOICES if kind == "invoices" else PAYMENTS).splitlines()[0]
    found = listed(home, kind, f"{text}\n{line}\n", write=False)
    assert [(each.line, each.code) for each in found.faults] == [(2, fault)]


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1 234,56 €", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("12", "12.00"),
        ("0,5", "0.50"),
        ("1\u202f000", "1000.00"),
    ],
)
def test_an_amount_is_read_as_people_write_it(cell, amount):
    assert imports.COLUMNS["invoices"][2].read(cell) == amount


def test_payments_of_one_list_are_together_no_more_than_what_is_open_unless_the_list_says_so(home, items):
    two = "F-101;01/11/2026;800,00;A;{0}\nF-101;02/11/2026;800,00;B;{0}\n"
    head = "Facture;Date de valeur;Montant;Référence bancaire;Trop-perçu\n"
    found = listed(home, "payments", head + two.format(""))
    assert ([(each.line, each.code) for each in found.faults], standing(home, "F-101").paid) == ([(3, "over")], Decimal("800.00"))
    assert not listed(home, "payments", head + two.format("garder")).faults
    assert standing(home, "F-101").overpaid == Decimal("400.00")


def test_terms_come_with_a_list_and_an_invoice_without_a_due_date_follows_them(home, items):
    customers = (
        "Numéro;Nom;Délai de paiement\nC-001;Boulangerie Aubert;45 jours fin de mois\nC-004;Harbour & Sons Ltd;fin de mois 45 jours\n"
    )
    assert not listed(home, "customers", customers).faults
    listed(home, "invoices", "Facture;Client;Montant;Date\nE-A;C-001;10;15/02/2026\nE-B;C-004;10;15/02/2026\n")
    with home.database.reading() as session:
        due = {number: records.find_item(session, "essai", number).due for number in ("E-A", "E-B")}
    assert due == {"E-A": "2026-04-30", "E-B": "2026-04-14"}
    assert listed(home, "customers", customers, write=False).counts["same"] == 2


# --- credit of a customer, and payments noted by mistake ---


def test_a_credit_is_counted_on_another_invoice_and_both_halves_are_withdrawn_together(home, items, by):
    with home.database.writing() as session:
        source, other = (records.find_item(session, "essai", number) for number in ("F-111", "F-101"))
        receivables.use_credit(session, source, 5000, TODAY, "à la demande du client", by, other)
    assert (standing(home, "F-111").overpaid, standing(home, "F-101").paid) == (0, Decimal("50.00"))
    with home.database.reading() as session:
        paid = records.event_rows(session, items["F-111"])[0].id
        mirrored = records.event_rows(session, items["F-101"])[0].id
    with pytest.raises(Refused, match=r"^given$"):
        note(home, "F-111", Noted(What.END, TODAY, of=paid, reason="erreur"), by)
    note(home, "F-101", Noted(What.END, TODAY, of=mirrored, reason="mauvaise facture"), by)
    assert (standing(home, "F-111").overpaid, standing(home, "F-101").paid) == (Decimal("50.00"), 0)
    note(home, "F-111", Noted(What.END, TODAY, of=paid, reason="erreur"), by)
    assert standing(home, "F-111").state is State.OVERDUE


def ended(home, item: int) -> int:
    """The newest event of an item."""
    with home.database.reading() as session:
        return records.event_rows(session, item)[-1].id


def test_a_reference_that_looks_like_a_credit_is_the_banks_own(home, items, by):
    """« credit-mutuel 4711 » is withdrawn like any other; another customer's payment is nobody's other half."""
    note(home, "F-102", Noted(What.PAYMENT, TODAY, 100, reference="credit-mutuel 4711"), by)
    with home.database.writing() as session:
        given = receivables.use_credit(session, records.find_item(session, "essai", "F-111"), 5000, TODAY, "remboursé", by).id
    note(home, "F-103", Noted(What.PAYMENT, TODAY, 5000, reference=f"credit-{given}"), by)
    with pytest.raises(Refused, match="not-offered"):
        note(home, "F-103", Noted(What.PAYMENT, TODAY, 5000, of=given, reference="V-9"), by)
    paid, mistaken = standing(home, "F-103").paid, ended(home, items["F-102"])
    note(home, "F-111", Noted(What.END, TODAY, of=given, reason="erreur"), by)
    assert (standing(home, "F-103").paid, standing(home, "F-111").overpaid) == (paid, Decimal("50.00"))
    before = standing(home, "F-102").paid
    note(home, "F-102", Noted(What.END, TODAY, of=mistaken, reason="rejet"), by)
    assert standing(home, "F-102").paid == before - 1


def test_of_two_halves_none_is_withdrawn_where_one_cannot_be(home, items, by):
    with home.database.writing() as session:
        source, other = (records.find_item(session, "essai", number) for number in ("F-111", "F-101"))
        given = receivables.use_credit(session, source, 5000, TODAY, "x", by, other).id
        receivables.note_event(session, other, Noted(What.PAYMENT, TODAY, other.cents, keep=True), by)
        receivables.use_credit(session, other, 5000, TODAY, "remboursé", by)
    with home.database.writing() as session, pytest.raises(Refused, match=r"^given$"):
        # As a page does: what is refused is shown, and the transaction ends as always.
        with pytest.raises(Refused) as caught:
            receivables.note_event(session, records.find_item(session, "essai", "F-111"), Noted(What.END, TODAY, of=given, reason="x"), by)
        session.commit()
        raise caught.value
    assert (standing(home, "F-111").overpaid, standing(home, "F-101").overpaid) == (0, 0)


def test_an_invoice_that_is_refused_is_not_owed(home, items, by):
    with home.database.writing() as session:
        owner = records.find_customer(session, "essai", "C-001")
        document = SimpleNamespace(id=None, entity="essai", findings=[], batch_id="b")
        sale = receivables.Sale(document, "F-900", "", "", owner, 900_00, date(2026, 5, 1), date(2026, 5, 31), 1000_00, False)
        with pytest.raises(Refused, match="over"):
            receivables.take_sale(session, sale, by, owner)
    with home.database.reading() as session:
        assert records.find_item(session, "essai", "F-900") is None


def test_a_credit_goes_to_no_other_customer_and_is_never_more_than_there_is(home, items, by):
    for number, cents, flaw in (("F-103", 100, "credit-elsewhere"), ("F-111", 100, "credit-elsewhere"), ("F-101", 5001, "given-large")):
        with home.database.writing() as session, pytest.raises(Refused, match=flaw):
            source, other = (records.find_item(session, "essai", each) for each in ("F-111", number))
            receivables.use_credit(session, source, cents, TODAY, "x", by, other)


def test_a_payment_noted_by_mistake_is_withdrawn_by_a_counter_entry_and_reminders_read_again(home, items, by):
    note(home, "F-102", Noted(What.PAYMENT, TODAY, 330_000, reference="V-2"), by)
    assert not standing(home, "F-102").may_remind
    with home.database.reading() as session:
        mistaken = records.event_rows(session, items["F-102"])[-1]
    note(home, "F-102", Noted(What.END, TODAY, of=mistaken.id, reason="payée par un autre client"), by)
    assert (standing(home, "F-102").balance, standing(home, "F-102").may_remind) == (Decimal("3300.00"), True)
    with home.database.reading() as session:
        assert [row.what for row in records.event_rows(session, items["F-102"])] == ["payment", "payment", "end"]
    assert (entries(home)[-1]["what"], entries(home)[-1]["reason"]) == ("end", "payée par un autre client")


# --- sealed documents ---


def sale(home, **values: str) -> str:
    """A sealed invoice of which we are the seller, as the review left it."""
    paper = replace(webhome.PAPERS[0], siren=reviewed.SIRENS[1], number="V-2026-1", iban="FR7630006000011234567890189")
    document_id = reviewed.invoice(home, paper, vouch=False, **values)
    more = {"buyer_siren": reviewed.SIRENS[0], "due_date": "2026-12-31"} | values
    with home.database.writing() as session:
        known = set(session.scalars(sa.select(FieldRow.name).where(FieldRow.document_id == document_id)))
        for name, value in more.items():
            if name not in known:
                session.add(FieldRow(document_id=document_id, name=name, source="read", value=value, confidence=0.99))
    return document_id


@pytest.fixture
def seller(home):
    """The same house, whose SIREN is that of the drawn invoice."""
    identity = home.settings.identity.model_copy(update={"sirens": [reviewed.SIRENS[1]]})
    return replace(home, settings=home.settings.model_copy(update={"identity": identity}))


def prepared(seller, by, **values: str) -> str:
    filled.add_items(seller, by)
    document_id = sale(seller, **values)
    note_old_keys(seller)
    return document_id


def submit(seller, document_id: str) -> None:
    with seller.database.writing() as session:
        document = session.get_one(Document, document_id)
        review = Review(document_id=document_id, entity="essai", seen=0, stage="done", doubts=[], doubtful=False, title="x", supplier="x")
        review.number, review.received_at, review.revision, review.held = "x", document.received_at, 0, False
        session.merge(review)


def test_our_own_sealed_invoice_is_followed_once_a_person_reviewed_it(seller, by):
    document_id = prepared(seller, by)
    with seller.database.reading() as session:
        assert [each.bar for each in receivables.sales_of(session, seller.settings)] == ["unreviewed"]
    assert receivables.tend_receivables(seller) == 0
    submit(seller, document_id)
    assert (receivables.tend_receivables(seller), receivables.tend_receivables(seller)) == (1, 0)
    with seller.database.reading() as session:
        row = session.scalar(sa.select(OpenItem).where(OpenItem.document_id == document_id))
        assert (row.number, row.cents, row.due, row.source) == ("V-2026-1", 123_456, "2026-12-31", "document")
        assert session.get_one(Customer, row.customer_id).number == "C-001"


@pytest.mark.parametrize(
    ("values", "bar"),
    [({"buyer_siren": "542065479"}, "customer"), ({"currency": "USD"}, "currency"), ({"total_gross": "-12.00"}, "credit")],
)
def test_what_a_document_does_not_say_surely_waits_for_a_person(seller, by, values, bar):
    submit(seller, prepared(seller, by, **values))
    assert receivables.tend_receivables(seller) == 0
    with seller.database.reading() as session:
        assert [each.bar for each in receivables.sales_of(session, seller.settings)] == [bar]


def test_what_an_invoice_counts_as_paid_is_noted_with_it(seller, by):
    submit(seller, prepared(seller, by, amount_due="1000.00"))
    receivables.tend_receivables(seller)
    assert standing(seller, "V-2026-1").balance == Decimal("1000.00")


def test_an_invoice_of_a_supplier_is_nothing_that_a_customer_owes(home, by):
    prepared(home, by)
    with home.database.reading() as session:
        assert receivables.sales_of(session, home.settings) == []
        assert session.scalar(sa.select(FieldRow.id).limit(1))


# --- pages ---


def browser_of(home, *roles: Role) -> TestClient:
    with home.database.writing() as session:
        days = [RoleDays(role, None, date(2030, 1, 1)) for role in roles]
        person, _ = add_person(session, Act("essai", None, home.clock()), "quelquun", "", "", days)
        people.set_password(session, person.login, "a long password, indeed")
    browser = visitor(home)
    assert browser.post("/sign-in", data={"login": "quelquun", "password": "a long password, indeed"}).status_code == 303
    return browser


def test_a_clerk_of_receivables_notes_a_payment_and_the_page_says_what_is_left(home, items):
    browser = browser_of(home, Role.RECEIVABLES)
    address = f"/encours/{items['F-101']}"
    form = {"what": "payment", "amount": "200,50", "day": "2026-11-20", "reference": "VIR-5"}
    assert browser.post(f"{address}/evenements", data=form).headers["location"] == address
    page = browser.get(address).text
    assert "Reste dû : 999,50" in page.replace("\u00a0", " ")
    assert "VIR-5" in page
    wrong = browser.post(f"{address}/evenements", data=form | {"amount": "beaucoup"})
    assert (wrong.status_code, "rien n’est noté" in wrong.text, 'value="beaucoup"' in wrong.text) == (422, True, True)


def test_a_payment_of_too_much_is_asked_about_on_the_page_and_kept_as_credit_where_the_person_says_so(home, items):
    browser = browser_of(home, Role.RECEIVABLES)
    address = f"/encours/{items['F-101']}"
    form = {"what": "payment", "amount": "1250,00", "day": "2026-11-20", "reference": "VIR-5"}
    asked = browser.post(f"{address}/evenements", data=form)
    assert (asked.status_code, 'name="keep"' in asked.text, standing(home, "F-101").paid) == (422, True, 0)
    assert browser.post(f"{address}/evenements", data=form | {"keep": "yes"}).status_code == 303
    customer = browser.get(f"/encours/clients/{owner_of(home, 'F-101')}")
    assert "50,00" in customer.text.split('id="credits"')[1]
    data = {"item": items["F-101"], "to": 0, "amount": "50", "day": "2026-11-20", "reason": "virement du 20"}
    assert browser.post(f"/encours/clients/{owner_of(home, 'F-101')}/credits", data=data).status_code == 303
    assert standing(home, "F-101").overpaid == 0


def test_terms_are_typed_as_people_say_them_told_with_their_derivation_and_warned_of(home, items):
    browser, customer = browser_of(home, Role.RECEIVABLES), owner_of(home, "F-101")
    form = {"regime": "private", "language": "fr", "terms": "fin de mois 45 jours"}
    assert browser.post(f"/encours/clients/{customer}", data=form).status_code == 303
    assert 'id="unlawful"' not in browser.get(f"/encours/clients/{customer}").text
    new = {"customer": "C-001", "number": "N-1", "amount": "10", "issued": "2026-02-15", "due": ""}
    page = browser.get(browser.post("/encours/nouvelle", data=new).headers["location"]).text
    assert "15/02/2026 ; fin de mois = 28/02/2026 ; + 45 jours = 14/04/2026" in page.replace("\u202f", " ").replace("\u00a0", " ")
    browser.post(f"/encours/clients/{customer}", data=form | {"terms": "60 jours fin de mois"})
    assert "L. 441-10" in browser.get(f"/encours/clients/{customer}").text.split('id="unlawful"')[1][:700]
    wrong = browser.post(f"/encours/clients/{customer}", data=form | {"terms": "bientôt"})
    assert (wrong.status_code, 'value="bientôt"' in wrong.text) == (422, True)


def owner_of(home, number: str) -> int:
    with home.database.reading() as session:
        return records.find_item(session, "essai", number).customer_id


def test_what_ends_a_claim_is_not_slipped_through_the_form_that_asks_no_password(home, items):
    browser = browser_of(home, Role.RECEIVABLES)
    form = {"what": "cancel", "day": "2026-11-20", "reason": "x"}
    assert browser.post(f"/encours/{items['F-101']}/evenements", data=form).status_code == 422
    with home.database.reading() as session:
        cancelled = session.scalar(sa.select(ItemEvent.id).where(ItemEvent.item_id == items["F-108"]))
    back = {"what": "end", "of": str(cancelled), "day": "2026-11-20", "reason": "x"}
    assert browser.post(f"/encours/{items['F-108']}/evenements", data=back).status_code == 422
    assert browser.post(f"/encours/{items['F-108']}/cloture", data=back).status_code == 303
    assert browser.post(f"/encours/{items['F-101']}/cloture", data=form).status_code == 303
    assert standing(home, "F-101").state is State.CANCELLED


def test_proceedings_are_a_customers_and_reach_every_open_invoice_of_before(home, items):
    browser = browser_of(home, Role.RECEIVABLES)
    with home.database.reading() as session:
        owner = records.find_customer(session, "essai", "C-001").id
    form = {"day": "2026-09-01", "reason": "Jugement du TC de Rennes"}
    assert browser.post(f"/encours/clients/{owner}/procedure", data=form).status_code == 303
    assert (standing(home, "F-102").state, standing(home, "F-101").state) == (State.INSOLVENT, State.NOT_DUE)
    again = browser.post(f"/encours/clients/{owner}/procedure", data=form)
    assert (again.status_code, "rien n’est noté" in again.text) == (422, True)


def test_the_page_prints_the_computation_line_by_line(home, items):
    page = browser_of(home, Role.RECEIVABLES).get(f"/encours/{items['F-103']}").text.replace("\u202f", " ")
    assert "120 j × 12 000,00 € × 10,40 % / 365 = 410,3014 €" in page
    assert "D. 2192-35 CCP" in page


def test_an_auditor_reads_and_is_offered_nothing_to_press(home, items):
    browser = browser_of(home, Role.AUDITOR)
    for address in ("/encours", f"/encours/{items['F-104']}", "/encours/clients/1", "/encours/balance.csv"):
        answer = browser.get(address)
        assert (answer.status_code, "/evenements" in answer.text, "/contacts" in answer.text) == (200, False, False)
    assert browser.post(f"/encours/{items['F-104']}/evenements", data={"what": "payment"}).status_code == 403


def test_the_balance_as_a_spreadsheet_adds_up_to_the_page(home, items):
    lines = browser_of(home, Role.COMPLIANCE).get("/encours/balance.csv").content.decode("utf-8-sig").splitlines()
    totals = [Decimal(line.split(";")[-1].strip('"')) for line in lines[1:]]
    assert sum(totals) == Decimal("20974.90")


def test_a_sealed_invoice_fills_the_form_and_is_followed_with_what_the_person_typed(seller, by):
    document_id = prepared(seller, by, buyer_siren="542065479")
    browser = browser_of(seller, Role.RECEIVABLES)
    page = browser.get(f"/encours/nouvelle?document={document_id}").text
    assert 'value="V-2026-1"' in page
    assert 'value="1234,56"' in page
    form = {
        "customer": "C-003",
        "number": "V-2026-1",
        "amount": "1234,56",
        "issued": "2026-11-17",
        "due": "2026-12-17",
        "document": document_id,
    }
    assert browser.post("/encours/nouvelle", data=form).status_code == 303
    with seller.database.reading() as session:
        assert session.scalar(sa.select(OpenItem.document_id).where(OpenItem.number == "V-2026-1")) == document_id


# --- programs ---


def test_a_program_notes_what_its_person_may_and_a_payment_once(tmp_path):
    office = apihome.open_office(tmp_path)
    filled.add_items(office.station, by_person("somebody", office.station.clock(), TODAY))
    program = office.program(office.person("recouvrement", Role.RECEIVABLES))
    made = program.post(
        "/receivables", json={"customer": "C-001", "number": "A-1", "amount": "10.5", "issued": "2026-11-01", "due": "2026-11-10"}
    ).json()
    said = {"what": "payment", "day": "2026-11-15", "amount": "4.00", "reference": "VIR-1"}
    for _ in range(2):
        story = program.post(f"/receivables/{made['id']}/events", json=said).json()
    assert (story["balance"], story["state"], len(story["events"])) == ("6.50", "overdue", 1)
    assert (
        program.post(f"/receivables/{made['id']}/events", json=said | {"amount": "5.00"}).json()["errors"][0]["reason"] == "reference-taken"
    )
    over = said | {"amount": "7.00", "reference": "VIR-2"}
    assert program.post(f"/receivables/{made['id']}/events", json=over).json()["errors"][0]["reason"] == "over"
    kept = program.post(f"/receivables/{made['id']}/events", json=over | {"keep_credit": True}).json()
    assert (kept["overpaid"], kept["state"]) == ("0.50", "paid")
    mistaken = {"what": "end", "day": "2026-11-15", "of": kept["events"][-1]["id"], "reason": "noté par erreur"}
    assert program.post(f"/receivables/{made['id']}/events", json=mistaken).json()["balance"] == "6.50"
    new = {"customer": "C-001", "amount": "1", "issued": "2026-02-15"}
    assert program.post("/receivables", json=new | {"number": "A-2"}).json()["due"] == "2026-03-17"
    eom = program.post("/receivables", json=new | {"number": "A-3", "terms": "45 jours fin de mois"}).json()
    assert (eom["due"], program.post("/receivables", json=new | {"number": "A-4", "terms": "x"}).status_code) == ("2026-04-30", 409)
    assert program.post(f"/receivables/{made['id']}/events", json=said | {"what": "cancel"}).status_code == 422
    assert program.get("/receivables/ageing").json()["balance"] == "20983.40"
    assert len(program.get("/receivables", params={"limit": 5}).json()["items"]) == 5
    looks = office.program(office.person("audit", Role.COMPLIANCE))
    assert looks.get(f"/receivables/{made['id']}").status_code == 200
    assert looks.post(f"/receivables/{made['id']}/events", json=said).status_code == 403
    office.station.database.close()
