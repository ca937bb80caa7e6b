"""What a customer owes at a date: derived from events, never below nothing, whatever the order in which they are told."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.receivables import OFFERED
from workflow.receivables import (
    BUCKETS,
    CLOSED,
    REMINDED,
    Customer,
    Happening,
    Item,
    State,
    What,
    ageing_of,
    bucket_of,
    days_of_sales,
    limitation_alert,
    limitation_of,
    reductions_of,
    standing_of,
)

ISSUED, DUE = date(2026, 1, 15), date(2026, 2, 14)
INVOICE = Item(Decimal("1200.00"), ISSUED, DUE)
LATE = date(2026, 3, 20)
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))
CENTS = st.integers(1, 300_000).map(lambda cents: Decimal(cents).scaleb(-2))


def paid(number: int, day: date, amount: str) -> Happening:
    return Happening(number, What.PAYMENT, day, Decimal(amount))


def at(day: date, *events: Happening) -> tuple[State, Decimal]:
    standing = standing_of(INVOICE, events, day)
    return standing.state, standing.balance


@st.composite
def stories(draw: st.DrawFn) -> list[Happening]:
    """Events of all kinds; ENDs end something that is there, or nothing."""
    kinds = draw(st.lists(st.sampled_from(What), max_size=9))
    made = []
    for number, what in enumerate(kinds, 1):
        day = draw(DAYS)
        amount = draw(CENTS) if what in (What.PAYMENT, What.CREDIT, What.PROMISE) else Decimal("0.00")
        of = draw(st.integers(1, 9)) if what is What.END else None
        until = day + timedelta(days=draw(st.integers(0, 40))) if what is What.PROMISE else None
        made.append(Happening(number, what, day, amount, of, until))
    return made


@given(stories(), DAYS, st.randoms())
def test_the_order_in_which_events_are_told_does_not_matter(events, day, chance):
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert standing_of(INVOICE, shuffled, day) == standing_of(INVOICE, events, day)


@given(stories(), DAYS)
def test_a_balance_is_never_below_nothing_and_every_cent_is_accounted_for(events, day):
    found = standing_of(INVOICE, events, day)
    assert found.balance >= 0
    assert found.overpaid >= 0
    if found.state is State.UNISSUED:
        return
    if found.state is State.CANCELLED:
        assert (found.balance, found.overpaid) == (0, found.paid)
    else:
        assert found.balance + found.written_off - found.overpaid == INVOICE.amount - found.paid - found.credited


@given(stories(), DAYS)
def test_a_reminder_may_leave_only_where_something_is_owed_and_nothing_stands_against_it(events, day):
    found = standing_of(INVOICE, events, day)
    assert found.may_remind == (found.state in REMINDED)
    assert (found.why_not == "") == found.may_remind
    if found.may_remind:
        assert found.balance > 0
    if found.state in CLOSED:
        assert (found.balance, found.days_late) == (0, 0)


@given(stories(), DAYS)
def test_what_comes_later_changes_nothing_of_today(events, day):
    assert standing_of(INVOICE, [event for event in events if event.day <= day], day) == standing_of(INVOICE, events, day)


@given(stories(), DAYS)
def test_a_payment_of_what_is_left_clears_an_item_and_its_return_brings_it_back(events, day):
    before = standing_of(INVOICE, events, day)
    if before.balance <= 0:
        return
    payment = Happening(100, What.PAYMENT, day, before.balance)
    assert standing_of(INVOICE, [*events, payment], day).state is State.PAID
    back = Happening(101, What.END, day, of=100)
    assert standing_of(INVOICE, [*events, payment, back], day) == before


def test_an_item_goes_from_not_due_to_overdue_on_the_day_after_its_due_date():
    assert at(ISSUED - timedelta(days=1)) == (State.UNISSUED, Decimal("0.00"))
    assert at(DUE) == (State.NOT_DUE, Decimal("1200.00"))
    assert at(DUE + timedelta(days=1)) == (State.OVERDUE, Decimal("1200.00"))


def test_an_overpayment_is_told_and_owed_back():
    found = standing_of(INVOICE, [paid(1, DUE, "1250.00")], LATE)
    assert (found.state, found.balance, found.overpaid) == (State.PAID, Decimal("0.00"), Decimal("50.00"))


def test_a_dispute_that_opens_and_is_settled_on_one_day_is_settled():
    opened, settled = Happening(1, What.DISPUTE, LATE), Happening(2, What.END, LATE, of=1)
    assert at(LATE, opened) == (State.DISPUTED, Decimal("1200.00"))
    assert at(LATE, settled, opened) == (State.OVERDUE, Decimal("1200.00"))


def test_a_promise_rests_reminders_through_its_day_and_is_broken_the_day_after():
    promise = Happening(1, What.PROMISE, LATE, Decimal("600.00"), until=date(2026, 3, 30))
    kept = paid(2, date(2026, 3, 28), "600.00")
    assert standing_of(INVOICE, [promise], date(2026, 3, 30)).state is State.PROMISED
    after = standing_of(INVOICE, [promise], date(2026, 3, 31))
    assert (after.state, after.broken) == (State.OVERDUE, 1)
    assert standing_of(INVOICE, [promise, kept], date(2026, 3, 31)).broken == 0
    assert standing_of(INVOICE, [promise, replace(kept, amount=Decimal("599.99"))], date(2026, 3, 31)).broken == 1


def test_what_is_written_off_is_open_no_more_and_a_payment_still_counts():
    given_up = Happening(1, What.WRITE_OFF, LATE)
    found = standing_of(INVOICE, [given_up, paid(2, LATE, "200.00")], LATE)
    assert (found.state, found.balance, found.written_off) == (State.WRITTEN_OFF, Decimal("0.00"), Decimal("1000.00"))
    assert at(LATE, given_up, paid(2, LATE, "1200.00")) == (State.PAID, Decimal("0.00"))


def test_what_an_insolvent_debtor_owed_is_given_up_as_well():
    opened, given_up = Happening(1, What.INSOLVENCY, LATE), Happening(2, What.WRITE_OFF, LATE)
    found = standing_of(INVOICE, [opened, given_up], LATE)
    assert (found.state, found.balance, found.written_off) == (State.WRITTEN_OFF, Decimal("0.00"), INVOICE.amount)
    assert What.WRITE_OFF in OFFERED[State.INSOLVENT] and What.WRITE_OFF not in OFFERED[found.state]


def test_a_cancelled_invoice_gives_back_what_was_paid_and_no_credit_note():
    credit = Happening(3, What.CREDIT, LATE, Decimal("1200.00"))
    found = standing_of(INVOICE, [Happening(1, What.CANCEL, LATE), paid(2, DUE, "300.00"), credit], LATE)
    assert (found.state, found.balance, found.overpaid) == (State.CANCELLED, Decimal("0.00"), Decimal("300.00"))


def test_a_payment_that_came_back_never_reduced_the_debt():
    back = Happening(2, What.END, date(2026, 3, 5), of=1)
    events = [paid(1, date(2026, 3, 1), "500.00"), back, paid(3, date(2026, 3, 10), "200.00")]
    assert [(each.day, each.amount) for each in reductions_of(events, LATE)] == [(date(2026, 3, 10), Decimal("200.00"))]
    assert at(date(2026, 3, 4), *events) == (State.OVERDUE, Decimal("700.00"))


# --- ageing and DSO: the table of vectors ---

AGES = [
    (0, "not-due"),
    (1, "1-30"),
    (30, "1-30"),
    (31, "31-60"),
    (60, "31-60"),
    (61, "61-90"),
    (90, "61-90"),
    (91, "over-90"),
    (4000, "over-90"),
]
AGEING = [
    # amount, due, paid, column and what is left of it on 30 June 2026
    ("100.00", date(2026, 7, 1), "0", "not-due", "100.00"),
    ("200.00", date(2026, 6, 30), "50.00", "not-due", "150.00"),
    ("300.00", date(2026, 6, 29), "0", "1-30", "300.00"),
    ("400.10", date(2026, 5, 31), "0.10", "1-30", "400.00"),
    ("500.00", date(2026, 5, 30), "0", "31-60", "500.00"),
    ("600.00", date(2026, 5, 1), "0", "31-60", "600.00"),
    ("700.00", date(2026, 4, 30), "0", "61-90", "700.00"),
    ("800.00", date(2026, 4, 1), "0", "61-90", "800.00"),
    ("900.00", date(2026, 3, 31), "0", "over-90", "900.00"),
    ("999.99", date(2026, 3, 31), "999.99", "over-90", "0.00"),
]
DSO = [
    # open, invoiced, days, DSO
    ("10000.00", "36500.00", 365, "100.0"),
    ("1234.56", "98765.43", 365, "4.6"),
    ("500.00", "500.00", 30, "30.0"),
    ("0.00", "500.00", 365, "0.0"),
    ("1.00", "7300.00", 365, "0.1"),
    ("100.00", "0.00", 365, None),
]


@pytest.mark.parametrize(("days", "column"), AGES)
def test_a_column_of_the_ageing_balance_begins_and_ends_where_it_says(days, column):
    assert bucket_of(days) == column


def test_the_ageing_balance_of_the_table_is_what_the_table_says():
    day = date(2026, 6, 30)
    found = ageing_of(
        standing_of(Item(Decimal(amount), date(2026, 1, 1), due), [paid(1, date(2026, 6, 1), part)] if part != "0" else [], day)
        for amount, due, part, _, _ in AGEING
    )
    told = {column: sum((Decimal(left) for *_, name, left in AGEING if name == column), Decimal(0)) for column in BUCKETS}
    assert found == told
    assert sum(found.values()) == Decimal("4450.00")


@pytest.mark.parametrize(("balance", "billed", "days", "expected"), DSO)
def test_days_of_sales_outstanding_are_those_of_the_table(balance, billed, days, expected):
    found = days_of_sales(Decimal(balance), Decimal(billed), days)
    assert (None if found is None else str(found)) == expected


# --- limitation ---


@pytest.mark.parametrize(
    ("customer", "due", "last"),
    [
        (Customer.PRIVATE, date(2026, 1, 31), date(2031, 1, 31)),
        (Customer.PRIVATE, date(2024, 2, 29), date(2029, 2, 28)),
        (Customer.PUBLIC, date(2026, 1, 2), date(2030, 12, 31)),
        (Customer.PUBLIC, date(2026, 12, 31), date(2030, 12, 31)),
    ],
)
def test_the_last_day_to_go_to_court_is_counted_from_the_due_date(customer, due, last):
    assert limitation_of(Item(Decimal(1), due - timedelta(days=30), due), customer, (), due) == last


def test_against_a_consumer_two_years_count_from_the_issue():
    assert limitation_of(INVOICE, Customer.CONSUMER, (), LATE) == date(2028, 1, 15)


def test_an_acknowledged_debt_runs_anew_and_a_payment_alone_does_not():
    told = Happening(1, What.INTERRUPTION, date(2027, 6, 1))
    assert limitation_of(INVOICE, Customer.PRIVATE, [told], date(2027, 6, 1)) == date(2032, 6, 1)
    assert limitation_of(INVOICE, Customer.PRIVATE, [told], date(2027, 5, 31)) == date(2031, 2, 14)
    assert limitation_of(INVOICE, Customer.PRIVATE, [paid(1, date(2027, 6, 1), "1.00")], date(2027, 6, 1)) == date(2031, 2, 14)


@pytest.mark.parametrize(
    ("today", "alert"),
    [
        (date(2030, 2, 13), None), (date(2030, 2, 14), 12), (date(2030, 8, 13), 12), (date(2030, 8, 14), 6), (date(2030, 11, 13), 6),
        (date(2030, 11, 14), 3), (date(2031, 2, 14), 3), (date(2031, 2, 15), 0),
    ],
)  # fmt: skip
def test_the_limitation_is_told_twelve_six_and_three_months_before(today, alert):
    assert limitation_alert(limitation_of(INVOICE, Customer.PRIVATE, (), today), today) == alert
