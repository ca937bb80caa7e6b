"""The accounting export: entries that balance, each approved invoice in exactly one batch, files that can be written again."""

import hashlib
import json
import tempfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy.exc import IntegrityError
from test_approvals import House, build_house, someone

from config.settings import ApprovalStep
from station import accounting, accounting_words, payables, tasks
from station.payables import Payment
from station.records import people
from station.records import tasks as records
from station.records.documents import get_document
from station.records.tables import AccountingBatch, AccountingItem, AccountingWord, FieldRow, InvoiceStanding, Task
from workflow.accounting import (
    FEC,
    FEC_PLAN,
    Bill,
    Conversion,
    Entry,
    Plan,
    Treatment,
    Trouble,
    VatShare,
    entry_of,
    plan_from,
    totals_of,
    write_file,
)
from workflow.approvals import Bound
from workflow.invoicing import InvoiceState
from workflow.roles import Role

D = Decimal
NOON = webhome.NOON
PLAN = Plan(expenses={"siren:732829320": "622600"}, vat={"20": "445661"})
BILL = Bill(
    "d1", "Cabinet Aubry", "siren:732829320", "F0042", "H-26-1108", date(2026, 11, 12), date(2026, 12, 12), D("12000.00"), D("10000.00"),
    D("2000.00"), (VatShare("20", D("10000.00"), D("2000.00")),),
)  # fmt: skip


def told(entry: Entry) -> list[tuple[str, str, str]]:
    return [(line.account, f"{line.debit}", f"{line.credit}") for line in entry.lines]


# --- entries ---


def test_a_purchase_is_entered_as_expense_tax_and_supplier():
    assert told(entry_of(BILL, PLAN)) == [
        ("622600", "10000.00", "0.00"),
        ("445661", "2000.00", "0.00"),
        ("401000", "0.00", "12000.00"),
    ]


@pytest.mark.parametrize("sign", [1, -1], ids=["printed without a sign", "printed with a minus"])
def test_a_credit_note_is_the_inverse_however_it_is_printed(sign):
    shares = tuple(VatShare(s.rate, s.base * sign, s.tax * sign) for s in BILL.vat)
    note = replace(BILL, credit=True, gross=BILL.gross * sign, net=BILL.net * sign, tax=BILL.tax * sign, vat=shares)
    found = entry_of(note, PLAN)
    assert told(found) == [("622600", "0.00", "10000.00"), ("445661", "0.00", "2000.00"), ("401000", "12000.00", "0.00")]
    assert found.gross == D("-12000.00")


def test_each_rate_has_a_line_and_a_discount_goes_to_the_other_side():
    shares = (VatShare("20", D("100.00"), D("20.00")), VatShare("5.5", D("-10.00"), D("-0.55")))
    found = entry_of(replace(BILL, gross=D("109.45"), net=D("90.00"), tax=D("19.45"), vat=shares), PLAN)
    assert told(found)[1:3] == [("445661", "20.00", "0.00"), ("445660", "0.00", "0.55")]
    assert found.debit == found.credit


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"currency": "USD"}, Trouble.CURRENCY),
        ({"gross": None}, Trouble.AMOUNT),
        ({"gross": D("0.00")}, Trouble.NOTHING),
        ({"gross": D("12000.01")}, Trouble.SUMS),
        ({"gross": D("12000.004"), "net": D("10000.004")}, Trouble.SUMS),
        ({"net": None, "tax": None, "vat": ()}, Trouble.SUMS),
        ({"number": ""}, Trouble.NUMBER),
        ({"issued": None}, Trouble.DATE),
        ({"own": True}, Trouble.OWN),
    ],
)
def test_what_is_not_known_makes_no_entry_and_says_why(change, trouble):
    assert entry_of(replace(BILL, **change), PLAN) is trouble


FRENCH = frozenset({"20", "10", "8.5", "5.5", "2.1", "0"})


def taxed(rate: str, tax: str, **more) -> Bill:
    gross = D("100.00") + D(tax)
    return replace(BILL, gross=gross, net=D("100.00"), tax=D(tax), vat=(VatShare(rate, D("100.00"), D(tax)),), rates=FRENCH, **more)


@pytest.mark.parametrize("bill", [taxed("19", "19.00"), taxed("3.8", "3.80"), taxed("20", "20.00", abroad=True)])
def test_vat_of_elsewhere_waits_until_a_person_says_that_it_is_part_of_the_expense(bill):
    assert entry_of(bill, PLAN) is Trouble.ABROAD
    assert entry_of(replace(bill, treatment=Treatment.DEDUCT), PLAN) is Trouble.ABROAD
    found = entry_of(replace(bill, treatment=Treatment.COST), PLAN)
    assert told(found) == [("622600", f"{bill.gross}", "0.00"), ("401000", "0.00", f"{bill.gross}")]


def test_a_rate_that_the_house_gave_an_account_goes_there_and_reads_as_in_french():
    found = entry_of(taxed("3.8", "3.80"), replace(PLAN, vat={"3.8": "445700"}))
    assert [(line.account, line.account_label) for line in found.lines][1] == ("445700", "TVA déductible 3,8 %")


def test_vat_without_a_rate_is_not_entered_unasked():
    bill = replace(BILL, gross=D("117.00"), net=D("100.00"), tax=D("17.00"), vat=(), rates=FRENCH)
    assert entry_of(bill, PLAN) is Trouble.UNRATED
    assert entry_of(replace(bill, treatment=Treatment.DEDUCT), PLAN).lines[1].account_label == "TVA déductible (taux non lu)"
    computed = entry_of(replace(bill, gross=D("110.00"), tax=D("10.00")), PLAN)
    assert computed.lines[1].rate == "10"


@pytest.mark.parametrize(
    "change",
    [
        {"vat": (VatShare("20", D("5000.00"), D("1000.00")),)},
        {"contradiction": "checks"},
        {"contradiction": "page"},
        {"tax": D("2000.50"), "net": D("10000.00")},
    ],
)
def test_sums_that_contradict_wait_for_a_second_person(change):
    assert entry_of(replace(BILL, **change, rates=FRENCH), PLAN) is Trouble.CONTRADICTED
    assert not isinstance(entry_of(replace(BILL, **change, rates=FRENCH, vouched=True), PLAN), Trouble)


def test_another_currency_is_entered_in_euros_by_the_rate_that_was_given():
    given = Conversion("USD", D("1.0843"), date(2026, 11, 12), "BCE")
    found = entry_of(replace(BILL, currency="USD", conversion=given), PLAN)
    assert told(found) == [("622600", "9222.54", "0.00"), ("445661", "1844.51", "0.00"), ("401000", "0.00", "11067.05")]
    assert entry_of(replace(BILL, currency="CHF", conversion=given), PLAN) is Trouble.CURRENCY
    assert entry_of(replace(BILL, currency=""), PLAN) is Trouble.NO_CURRENCY


cents = st.integers(-10_000_000, 10_000_000).map(lambda n: D(n).scaleb(-2))
bills = st.builds(
    lambda shares, credit, stray, with_rows: replace(
        BILL,
        gross=sum((s.base + s.tax for s in shares), D("0.00")) + stray,
        net=sum((s.base for s in shares), D("0.00")),
        tax=sum((s.tax for s in shares), D("0.00")),
        vat=tuple(shares) if with_rows else (),
        credit=credit,
    ),
    st.lists(st.builds(VatShare, st.sampled_from(["20", "10", "5.5", "0", ""]), cents, cents), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([D("0.00"), D("0.00"), D("0.01")]),
    st.booleans(),
)


@given(st.lists(bills, max_size=6))
def test_any_set_of_entries_balances_and_each_line_has_one_side(listed):
    found = [entry for entry in (entry_of(bill, PLAN) for bill in listed) if isinstance(entry, Entry)]
    debit, credit = totals_of(found)
    assert debit == credit
    assert all(entry.debit == entry.credit for entry in found)
    assert all((line.debit > 0) != (line.credit > 0) and min(line.debit, line.credit) == 0 for entry in found for line in entry.lines)


# --- the file ---


def row(**cells) -> dict:
    base = {"account": "401000", "label": "Cabinet Aubry", "debit": "0.00", "credit": "12000.00", "day": date(2026, 11, 12)}
    return base | cells


def test_the_preset_of_the_fec_has_its_eighteen_fields_tabs_and_commas():
    plan = replace(Plan(), **FEC_PLAN)
    head, line, end = write_file([row(journal="AC")], plan).decode("utf-8").split("\r\n")
    assert head.split("\t") == [heading for _, heading in FEC]
    assert len(FEC) == 18
    assert line.split("\t")[3] == "20261112"
    assert line.split("\t")[11:13] == ["0,00", "12000,00"]
    assert end == ""


@given(
    st.text(max_size=40),
    st.sampled_from(["semicolon", "comma", "tab", "bar"]),
    st.sampled_from(["utf-8", "utf-8-bom", "latin-9", "windows"]),
)
def test_no_text_breaks_a_row_whatever_it_holds(text, separator, encoding):
    plan = replace(Plan(), separator=separator, encoding=encoding, decimal=".")
    data = write_file([row(label=text), row()], plan)
    coded = {"utf-8-bom": "utf-8-sig", "latin-9": "iso8859-15", "windows": "cp1252"}.get(encoding, encoding)
    lines = data.decode(coded).split("\r\n")
    sign = {"semicolon": ";", "comma": ",", "tab": "\t", "bar": "|"}[separator]
    assert len(lines) == 4
    assert {line.count(sign) for line in lines[:3]} == {len(plan.columns) - 1}


def test_a_text_that_a_spreadsheet_would_compute_is_disarmed_and_an_amount_is_not():
    data = write_file([row(label='=HYPERLINK("http://x")', debit="-1.00")], Plan()).decode("utf-8-sig")
    assert ";'=HYPERLINK( http://x )" in data
    assert ";-1,00;" in data


def test_a_letter_that_the_encoding_lacks_becomes_its_nearest():
    plan = replace(Plan(), encoding="latin-9", columns=(("label", "L"),))
    assert write_file([row(label="Łódź Ő œ €")], plan).decode("iso8859-15").split("\r\n")[1] == "?ódz O œ €"


def test_a_plan_that_was_kept_reads_as_it_was():
    assert plan_from(PLAN.as_json()) == PLAN
    assert plan_from({"journal": "HA"}).supplier_account == "401000"


# --- batches ---


def one_step_house(folder: Path) -> House:
    return build_house(folder, webhome.PAPERS[1].gross, (ApprovalStep(),))


@pytest.fixture
def house(tmp_path):
    house = one_step_house(tmp_path)
    yield house
    house.workstation.database.close()


def approve(house: House) -> None:
    house.submit()
    assert house.act(tasks.approve, "anne").done


def seen(house: House) -> accounting.Preview:
    with house.workstation.database.reading() as session:
        return accounting.preview(session, house.workstation)


def make(house: House, login: str = "clara", digest: str | None = None) -> int | str:
    with house.workstation.database.writing() as session:
        found = accounting.make_batch(
            session, house.workstation, digest or accounting.preview(session, house.workstation).digest, house.person(session, login)
        )
        return found if isinstance(found, str) else found.id


def take_back(house: House, number: int, login: str = "anne", reason: str = "mauvais compte") -> str | None:
    with house.workstation.database.writing() as session:
        batch = session.get(AccountingBatch, number)
        return accounting.reverse_batch(session, house.workstation, batch, reason, house.person(session, login))


def file_of(house: House, number: int) -> bytes:
    with house.workstation.database.reading() as session:
        return accounting.file_of(session, session.get(AccountingBatch, number))


def test_an_approved_invoice_goes_into_one_batch_once(house):
    assert make(house) == "empty"
    approve(house)
    number = make(house)
    assert house.state() == InvoiceState.POSTED
    assert make(house) == "empty"
    (batch,) = house.rows(AccountingBatch)
    assert (batch.year, batch.number, batch.invoices, batch.debit, batch.credit) == (2026, 1, 1, "5346.00", "5346.00")
    (entry,) = house.rows_of_ledger("accounting")
    assert batch.sha256.encode() in entry.body
    assert b"401000" in file_of(house, number)


def test_a_batch_is_made_of_what_was_shown_or_not_at_all(house):
    approve(house)
    before = seen(house).digest
    with house.workstation.database.writing() as session:
        plan = replace(Plan(), expense_account="606100")
        accounting.save_plan(session, house.workstation, plan, house.person(session, "clara"))
    assert make(house, digest=before) == "changed"
    assert house.rows(AccountingBatch) == []
    assert house.state() == InvoiceState.APPROVED


def test_the_file_has_the_same_bytes_after_settings_and_values_changed(house):
    approve(house)
    number = make(house)
    before = file_of(house, number)
    with house.workstation.database.writing() as session:
        accounting.save_plan(session, house.workstation, replace(Plan(), **FEC_PLAN), house.person(session, "clara"))
        session.execute(sa.update(FieldRow).where(FieldRow.name == "supplier_name").values(value="Un autre"))
    assert file_of(house, number) == before


def test_a_line_that_was_changed_in_the_database_is_not_handed_out(house):
    approve(house)
    number = make(house)
    with house.workstation.database.writing() as session:
        session.execute(sa.text("UPDATE accounting_line SET credit = '5346.01' WHERE credit = '5346.00'"))
    with pytest.raises(accounting.Altered):
        file_of(house, number)


def test_a_batch_is_taken_back_by_a_second_person_with_a_reason_and_its_number_stays(house):
    approve(house)
    number = make(house)
    assert take_back(house, number, "clara") == "own"
    assert take_back(house, number, reason=" ") == "reason"
    assert take_back(house, number) is None
    assert take_back(house, number) == "gone"
    assert house.state() == InvoiceState.APPROVED
    with house.workstation.database.reading() as session:
        assert session.get(InvoiceStanding, house.document_id).exported_at is None
    again = make(house)
    assert [(batch.number, batch.reversed_at is None) for batch in house.rows(AccountingBatch)] == [(1, False), (2, True)]
    assert [item.entry for item in house.rows(AccountingItem)] == [1, 2]
    assert file_of(house, number) != file_of(house, again)


def test_whoever_stands_in_for_its_maker_does_not_take_it_back(house):
    approve(house)
    number = make(house)
    house.mandate("clara", "anne")
    assert take_back(house, number, "anne") == "own"


def test_a_batch_with_a_payment_is_not_taken_back(house):
    approve(house)
    number = make(house)
    with house.workstation.database.writing() as session:
        document, person = get_document(session, house.document_id), house.person(session, "clara")
        payment = Payment("paid", NOON.date(), D("10.00"))
        assert payables.record_payment(session, house.workstation, document, payment, person, "hand") is None
    assert take_back(house, number) == "moved"
    assert house.state() == InvoiceState.POSTED


def test_the_database_itself_refuses_an_invoice_in_two_batches(house):
    approve(house)
    make(house)
    (item,) = house.rows(AccountingItem)
    with pytest.raises(IntegrityError), house.workstation.database.writing() as session:
        told = {
            name: getattr(item, name)
            for name in ("batch_id", "entity", "document_id", "held", "year", "supplier", "number", "issued", "gross", "sealed")
        }
        session.add(AccountingItem(**told, entry=9))


def test_an_invoice_in_another_currency_waits_and_says_so(house):
    house.say("currency", "USD")
    approve(house)
    found = seen(house)
    assert found.ready == ()
    assert [trouble for _, trouble in found.held] == [Trouble.CURRENCY]
    assert make(house) == "empty"


BOUND = Bound("a" * 64, "Le Goff", "732829320", "2026/318", "12400.00", "USD", "FR76", rate="1.0843")
RATE = {"currency": "USD", "rate": "1.0843", "day": "2026-11-16", "source": "BCE"}


def say(house: House, kind: str, told: dict, login: str = "clara", reason: str = "vu") -> str | None:
    with house.workstation.database.writing() as session:
        document = get_document(session, house.document_id)
        return accounting_words.say_word(session, house.workstation, document, kind, told, reason, house.person(session, login))


def test_a_rate_makes_an_invoice_ready_and_is_kept_with_its_derivation(house):
    house.say("currency", "USD")
    approve(house)
    assert say(house, "rate", RATE) is None
    (entry,) = seen(house).ready
    assert entry.gross == D("4930.37")
    assert say(house, "rate", RATE | {"rate": "1.2"}) == "said-approved"
    (row,) = house.rows(AccountingWord)
    assert row.told == RATE
    house.say("total_gross", "5346.01")
    with house.workstation.database.reading() as session:
        assert accounting_words.said_of(session, get_document(session, house.document_id)).conversion is None


@pytest.mark.parametrize(("kind", "told"), [("rate", RATE), ("tax", {"treatment": "reverse"}), ("sums", {})])
def test_who_says_what_the_amount_rests_on_does_not_approve_it(house, kind, told):
    house.say("currency", "USD")
    house.submit()
    assert say(house, kind, told, "anne") is None
    assert "anne" not in listed(house)
    tasks.tend_approvals(house.workstation)
    assert house.act(tasks.approve, "anne").wrong == "prepared"
    assert house.act(tasks.approve, "basile").done and house.approved()


def test_another_rate_voids_what_was_asked_and_a_later_one_leaves_what_was_approved(house):
    house.say("currency", "USD")
    house.submit()
    shown = house.shown()
    assert say(house, "rate", RATE) is None
    outcome = house.act(tasks.approve, "anne", shown=shown)
    assert (outcome.done, outcome.changes) == (False, ("rate",))
    assert house.act(tasks.approve, "anne").done and house.approved()
    unrated = replace(BOUND, rate="")
    assert unrated.covers(BOUND) and not BOUND.covers(unrated) and not BOUND.covers(replace(BOUND, rate="1.2"))


def test_a_yes_of_before_rates_were_bound_is_still_a_yes(house):
    approve(house)
    there = house.rows(Task)[0].bound
    with house.workstation.database.writing() as session:
        session.execute(sa.update(Task).values(bound={name: value for name, value in there.items() if name != "rate"}))
    assert house.approved()
    told = {name: value for name, value in there.items() if name != "rate"}
    assert Bound(**told).digest() == hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def listed(house: House) -> list[str]:
    """Logins on whose list the approval is."""
    with house.workstation.database.reading() as session:
        task = records.open_tasks(session, "essai", house.document_id)[0]
        return [login for login in ("anne", "basile") if house.person(session, login).pseudonym not in task.prepared_by]


def test_who_typed_the_sums_does_not_stand_for_them(house):
    house.submit()
    assert say(house, "sums", {}) == "said-own"
    assert say(house, "sums", {}, "anne") is None


def test_sums_that_a_person_typed_against_the_page_are_not_exported_by_one_alone(house):
    house.say("total_gross", "5940.60")
    house.say("total_net", "5400.55")
    house.say("total_tax", "540.05")
    approve(house)
    assert [trouble for _, trouble in seen(house).held] == [Trouble.CONTRADICTED]
    assert say(house, "sums", {}, "anne") is None
    assert seen(house).held == () or seen(house).held[0][1] is Trouble.UNRATED


def test_what_is_entered_by_hand_elsewhere_is_in_no_batch_and_may_come_back(house):
    approve(house)
    with house.workstation.database.writing() as session:
        document, clara = get_document(session, house.document_id), house.person(session, "clara")
        assert accounting.enter_elsewhere(session, house.workstation, document, " ", clara) == "reason"
        assert accounting.enter_elsewhere(session, house.workstation, document, "saisie à la main", clara) is None
    assert house.state() == InvoiceState.POSTED and seen(house).ready == ()
    with house.workstation.database.writing() as session:
        document = get_document(session, house.document_id)
        assert accounting.enter_here(session, house.workstation, document, house.person(session, "clara")) is None
    assert house.state() == InvoiceState.APPROVED and len(seen(house).ready) == 1


def test_settings_that_could_make_no_file_are_refused():
    assert accounting.wrong_plan(Plan()) is None
    assert accounting.wrong_plan(replace(Plan(), **FEC_PLAN)) is None
    assert accounting.wrong_plan(replace(Plan(), expense_account="A")) == "account"
    assert accounting.wrong_plan(replace(Plan(), columns=(("account", "C"),))) == "columns"
    assert accounting.wrong_plan(replace(Plan(), separator="comma")) == "decimal"
    assert accounting.wrong_plan(replace(Plan(), journal="")) == "journal"


class Batches(RuleBasedStateMachine):
    """However batches are made, taken back and contested: every approved invoice is in exactly one that stands, or waits."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.house = one_step_house(Path(self.folder.name))
        self.other = webhome.sealed(self.house.workstation, "autre.tif", replace(webhome.PAPERS[0], siren=webhome.PAPERS[1].siren))
        with self.house.workstation.database.writing() as session:
            someone(session, "celia", Role.CLERK)
        self.ids = [self.house.document_id, self.other]
        for each in self.ids:
            self.house.document_id = each
            approve(self.house)
        assert make(self.house) == 1

    @rule(login=st.sampled_from(["clara", "celia"]))
    def make(self, login):
        assert make(self.house, login) in ("empty", *range(1, 100))

    @rule(login=st.sampled_from(["celia", "anne", "denis"]))
    def take_back_the_newest(self, login):
        with self.house.workstation.database.reading() as session:
            newest = session.scalar(sa.select(sa.func.max(AccountingBatch.id)))
        take_back(self.house, newest, login)

    @rule(which=st.integers(0, 1), step=st.sampled_from(["disputed", "settled"]))
    def contest(self, which, step):
        with self.house.workstation.database.writing() as session:
            document, person = get_document(session, self.ids[which]), people.find(session, "anne")
            payables.note_step(session, self.house.workstation, document, step, NOON.date(), "litige", person)

    @invariant()
    def each_is_in_one_batch_or_waits(self):
        if not hasattr(self, "ids"):
            return
        with self.house.workstation.database.reading() as session:
            held = session.scalars(sa.select(AccountingItem.held).where(AccountingItem.held.is_not(None))).all()
            waiting = [document.id for document in accounting.waiting_documents(session, "essai")]
            states = {row.document_id: row.state for row in session.scalars(sa.select(InvoiceStanding))}
            batches = session.scalars(sa.select(AccountingBatch).order_by(AccountingBatch.id)).all()
            assert len(held) == len(set(held))
            for each in self.ids:
                if states[each] == InvoiceState.DISPUTED:
                    assert each not in waiting
                else:
                    assert (each in held) != (each in waiting)
                    assert (states[each] == InvoiceState.POSTED) is (each in held)
            assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
            assert all(batch.debit == batch.credit and accounting.file_of(session, batch) for batch in batches)

    def teardown(self):
        if hasattr(self, "house"):
            self.house.workstation.database.close()
            self.folder.cleanup()


Batches.TestCase.settings = settings(max_examples=8, stateful_step_count=10, deadline=None)
test_every_approved_invoice_is_in_exactly_one_batch_that_stands_or_waits = Batches.TestCase
