"""What the house owes: days that the law and the agreement set, one suspension, own interest to the cent, payments by hand and by list."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
import webhome
from hypothesis import given, settings
from hypothesis import strategies as st
from test_accounting import approve, make, one_step_house
from test_approvals import House

from config.legal import load_rates
from config.settings import Payables
from station import imports, payables, tasks
from station.payables import Payment
from station.records import direction
from station.records.documents import get_document
from station.records.tables import Disbursement, PayableEvent, Review, Task
from station.tabular import read_sheet
from workflow.interest import MissingRate, Reduction, Regime
from workflow.invoicing import InvoiceState
from workflow.payables import Basis, Happening, Refusal, Request, Step, cost_of, deadline_of, refusal_of
from workflow.terms import Buyer, Counting, Term

D, day = Decimal, date.fromisoformat
NOON = webhome.NOON
TODAY = NOON.date()
ARRIVED = day("2026-06-01")
PUBLIC = Request(ARRIVED, buyer=Buyer.STATE)


def steps(*told: tuple[str, Step]) -> list[Happening]:
    return [Happening(day(when), step) for when, step in told]


# --- days ---


@pytest.mark.parametrize(
    ("request_", "due", "basis"),
    [
        (Request(ARRIVED, day("2026-05-28"), day("2026-06-27")), "2026-06-27", Basis.PRINTED),
        (Request(ARRIVED, day("2026-02-15"), None, Term(45, Counting.THEN_MONTH_END)), "2026-04-30", Basis.AGREED),
        (Request(ARRIVED, day("2026-05-28")), "2026-06-27", Basis.LAW),
        (Request(ARRIVED), "2026-07-01", Basis.LAW),
        (PUBLIC, "2026-07-01", Basis.PUBLIC),
        (replace(PUBLIC, printed=day("2026-06-05")), "2026-07-01", Basis.PUBLIC),
        (replace(PUBLIC, buyer=Buyer.HEALTH), "2026-07-21", Basis.PUBLIC),
    ],
)
def test_the_day_is_what_was_agreed_and_of_public_buyers_what_the_law_says(request_, due, basis):
    found = deadline_of(request_)
    assert (found.day, found.basis) == (day(due), basis)


def test_a_service_that_is_done_later_than_the_request_begins_the_term():
    assert deadline_of(PUBLIC, steps(("2026-06-10", Step.SERVICE_DONE))).day == day("2026-07-10")
    assert deadline_of(PUBLIC, steps(("2026-05-10", Step.SERVICE_DONE))).day == day("2026-07-01")


def test_a_suspension_leaves_thirty_days_at_least_or_the_balance():
    late = deadline_of(PUBLIC, steps(("2026-06-25", Step.SUSPENDED), ("2026-07-20", Step.RESUMED)))
    assert (late.day, late.basis, late.used) == (day("2026-08-19"), Basis.BALANCE, True)
    health = replace(PUBLIC, buyer=Buyer.HEALTH)
    early = deadline_of(health, steps(("2026-06-06", Step.SUSPENDED), ("2026-06-16", Step.RESUMED)))
    assert early.day == day("2026-06-16") + timedelta(days=45)


def test_there_is_one_suspension_before_the_end_and_only_for_public_buyers():
    now = deadline_of(PUBLIC, steps(("2026-06-25", Step.SUSPENDED), ("2026-07-20", Step.RESUMED)))
    again = Happening(day("2026-07-25"), Step.SUSPENDED)
    assert refusal_of(PUBLIC, now, again) is Refusal.USED
    assert refusal_of(PUBLIC, deadline_of(PUBLIC), Happening(day("2026-07-02"), Step.SUSPENDED)) is Refusal.LATE
    assert refusal_of(PUBLIC, deadline_of(PUBLIC), Happening(day("2026-07-01"), Step.SUSPENDED)) is None
    private = Request(ARRIVED)
    assert refusal_of(private, deadline_of(private), again) is Refusal.PRIVATE


def test_a_rejection_stops_the_term_and_a_new_request_begins_it_anew_with_its_own_suspension():
    told = steps(("2026-06-05", Step.SUSPENDED), ("2026-06-10", Step.RESUMED), ("2026-06-20", Step.REJECTED))
    stopped = deadline_of(PUBLIC, told)
    assert (stopped.day, stopped.basis, stopped.since) == (None, Basis.REJECTED, day("2026-06-20"))
    fresh = deadline_of(PUBLIC, [*told, *steps(("2026-07-03", Step.RECEIVED))])
    assert (fresh.day, fresh.used) == (day("2026-08-02"), False)


happenings = st.lists(
    st.builds(Happening, st.integers(0, 120).map(lambda n: ARRIVED + timedelta(days=n)), st.sampled_from(list(Step))), max_size=8
)


@given(happenings, st.sampled_from([None, *Buyer]))
def test_whatever_happens_a_suspended_term_never_ends_and_a_resumed_one_has_thirty_days(told, buyer):
    request = replace(PUBLIC, buyer=buyer)
    found = deadline_of(request, told)
    assert (found.day is None) == (found.basis in (Basis.SUSPENDED, Basis.REJECTED))
    if found.basis is Basis.BALANCE:
        assert (found.day - found.starts).days >= 30
    if buyer is None:
        assert not found.used
    if found.day is not None:
        assert found.day >= ARRIVED


# --- what delay costs ---


@pytest.mark.parametrize(
    ("due", "paid", "regime", "interest"),
    [
        ("2025-09-30", "2025-10-31", Regime.PRIVATE, "123.83"),
        ("2024-11-30", "2025-02-28", Regime.PRIVATE, "400.31"),
        ("2024-11-30", "2025-02-28", Regime.PUBLIC, "362.47"),
        ("2026-05-31", "2026-09-30", Regime.PRIVATE, "494.89"),
        ("2026-05-31", "2026-09-30", Regime.PUBLIC, "407.11"),
    ],
)
def test_our_own_delay_costs_what_the_vectors_say_and_forty_euros(due, paid, regime, interest):
    found = cost_of(D("12000.00"), day(due), day(paid), regime, load_rates())
    assert (found.interest.total, found.indemnity, found.total) == (D(interest), D(40), D(interest) + 40)


def test_in_time_nothing_is_owed_and_the_day_after_says_what_it_costs():
    found = cost_of(D("12000.00"), day("2026-09-30"), day("2026-09-30"), Regime.PRIVATE, load_rates())
    assert (found.total, found.late, found.per_day) == (D("0.00"), 0, D("4.08"))


def test_what_was_paid_in_full_costs_no_more_after_that_day():
    paid = [Reduction(day("2026-09-30"), D("12000.00"))]
    found = cost_of(D("12000.00"), day("2026-05-31"), day("2026-11-30"), Regime.PRIVATE, load_rates(), paid)
    assert (found.interest.total, found.open, found.day) == (D("494.89"), D("0.00"), day("2026-09-30"))


def test_a_half_year_without_its_rate_is_refused():
    with pytest.raises(MissingRate):
        cost_of(D("100.00"), day("2026-12-15"), day("2027-01-15"), Regime.PRIVATE, load_rates())


@settings(deadline=None)
@given(st.integers(1, 10_000_000), st.integers(0, 200), st.lists(st.tuples(st.integers(0, 200), st.integers(1, 100)), max_size=3))
def test_paying_a_part_earlier_never_costs_more(cents, late, parts):
    amount, due = D(cents).scaleb(-2), day("2026-01-10")
    paid = [Reduction(due + timedelta(days=n), max(D("0.01"), (amount * share / 300).quantize(D("0.01")))) for n, share in parts]
    if sum(each.amount for each in paid) > amount:
        return
    today = due + timedelta(days=late)
    part = cost_of(amount, due, today, Regime.PRIVATE, load_rates(), paid)
    whole = cost_of(amount, due, today, Regime.PRIVATE, load_rates())
    assert part.interest.total <= whole.interest.total


# --- in the house ---


@pytest.fixture
def house(tmp_path):
    house = one_step_house(tmp_path)
    yield house
    house.workstation.database.close()


def note(house: House, step: str, when: date = TODAY, reason: str = "une pièce manque") -> str | None:
    with house.workstation.database.writing() as session:
        document, person = get_document(session, house.document_id), house.person(session, "clara")
        return payables.note_step(session, house.workstation, document, step, when, reason, person)


def owed(house: House) -> payables.Owed:
    with house.workstation.database.reading() as session:
        document = get_document(session, house.document_id)
        return payables.owed_of(session, house.workstation.settings, document, payables.today_of(house.workstation))


def pay(house: House, amount: str, stage: str = "paid", when: date = TODAY, reference: str = "") -> str | None:
    with house.workstation.database.writing() as session:
        document, person = get_document(session, house.document_id), house.person(session, "clara")
        return payables.record_payment(session, house.workstation, document, Payment(stage, when, D(amount), reference), person, "hand")


def make_public(house: House, days: int = 30) -> None:
    channel = house.workstation.settings.channel.model_copy(update={"public": True})
    update = {"channel": channel, "payables": Payables(public_days=days)}
    house.workstation = replace(house.workstation, settings=house.workstation.settings.model_copy(update=update))


def test_a_public_entity_suspends_once_with_a_reason_and_resumes(house):
    make_public(house, 50)
    house.submit()
    assert owed(house).deadline.day == NOON.date() + timedelta(days=50)
    assert note(house, "suspended", reason=" ") == "reason"
    assert note(house, "suspended") is None
    assert house.state() == InvoiceState.SUSPENDED
    assert owed(house).deadline.day is None
    assert note(house, "resumed") is None
    assert (house.state(), owed(house).deadline.basis) == (InvoiceState.COMPLETED, Basis.BALANCE)
    assert note(house, "suspended") == "used"
    assert len(house.rows_of_ledger("payable")) == 2


def shown_days(house: House) -> set[str | None]:
    """Of the approval page, the list of approvals, and the queue that the figures of the direction are read from."""
    with house.workstation.database.reading() as session:
        tasks_of = [task.due for task in house.rows(Task) if task.state == "open"]
        row = session.get_one(Review, house.document_id)
        found = {each.due for each in direction.owed(session, "essai")} if row.stage != "gone" else set()
    last = owed(house).deadline.day
    return {*tasks_of, row.due, *found, last.isoformat() if last else None}


def test_lists_and_figures_tell_the_very_day_of_the_approval_page(house):
    house.submit()
    assert len(shown_days(house)) == 1
    make_public(house)
    assert note(house, "service done", TODAY) is None
    assert shown_days(house) == {(TODAY + timedelta(days=30)).isoformat()}
    assert note(house, "suspended") is None
    assert shown_days(house) == {None}


def test_a_private_company_contests_instead(house):
    house.submit()
    assert note(house, "suspended") == "private"
    assert note(house, "disputed") is None
    assert house.state() == InvoiceState.DISPUTED
    assert note(house, "settled") is None
    assert house.state() == InvoiceState.IN_REVIEW


def test_what_was_refused_begins_anew_with_a_new_request_and_is_asked_again(house):
    make_public(house)
    house.submit()
    assert house.act(tasks.refuse, "anne", reason="mauvais bon de commande").done
    assert owed(house).deadline.basis is Basis.REJECTED
    assert note(house, "received") is None
    assert (house.state(), owed(house).deadline.day) == (InvoiceState.IN_REVIEW, NOON.date() + timedelta(days=30))
    assert house.shown() is not None
    assert [row.step for row in house.rows(PayableEvent)] == ["rejected", "received"]


def test_a_payment_in_parts_ends_the_debt_with_the_last_and_the_same_telling_is_one(house):
    approve(house)
    make(house)
    assert pay(house, "5346.00", "sent") is None
    assert house.state() == InvoiceState.PAYMENT_SENT
    assert pay(house, "5000.00", reference="V-1") is None
    assert pay(house, "5000.00", reference="V-1") is None
    assert (owed(house).open, house.state()) == (D("346.00"), InvoiceState.PAYMENT_SENT)
    assert pay(house, "346.01") == "over"
    assert pay(house, "346.00") is None
    assert house.state() == InvoiceState.PAID
    assert len(house.rows(Disbursement)) == 3


@pytest.mark.parametrize(("amount", "stage", "wrong"), [("0", "paid", "sum"), ("1.001", "paid", "sum"), ("1", "given", "stage")])
def test_what_is_no_payment_is_not_noted(house, amount, stage, wrong):
    approve(house)
    assert pay(house, amount, stage) == wrong
    assert pay(house, "1.00", when=NOON.date() + timedelta(days=1)) == "future"
    assert house.rows(Disbursement) == []


def send_list(house: House, text: str) -> imports.Plan:
    with house.workstation.database.writing() as session:
        sheet = read_sheet(text.encode())
        mapping = imports.propose_mapping("remittances", sheet.headings, {})
        lines = imports.read_lines("remittances", sheet, mapping)
        plan = imports.plan_import(session, "essai", "remittances", lines, today=NOON.date())
        run = imports.ImportRun(
            id="a" * 32, entity="essai", kind="remittances", name="x", sha256="0" * 64, mapping={}, counts={}, actor="x", at=NOON
        )
        imports.apply_import(session, run, plan, house.person(session, "clara"), NOON)
        return plan


HEAD = "Numéro de facture;SIREN du fournisseur;Date de paiement;Montant payé;Référence bancaire\n"


def test_a_list_of_payments_is_checked_line_by_line_and_the_same_again_adds_nothing(house):
    approve(house)
    make(house)
    text = HEAD + (
        "2026/318;732829320;19/11/2026;5 000,00;V-1\n2026/318;;20/11/2026;346,00;V-2\n2026/318;;20/11/2026;1,00;V-3\n"
        "X-9;;20/11/2026;1,00;\n"
    )
    plan = send_list(house, text)
    assert plan.counts["new"] == 2
    assert [fault.code for fault in plan.faults] == ["paid-over", "invoice-unknown"]
    assert house.state() == InvoiceState.PAID
    again = send_list(house, text)
    assert (again.counts["new"], again.counts["same"]) == (0, 2)
    assert len(house.rows(Disbursement)) == 2
