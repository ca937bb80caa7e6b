"""Which reminder is due on which day: never of what is not to be reminded, never a level twice, never on a day on which nothing leaves."""

import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from config.legal import load_rates
from workflow.calendar import FRANCE, Calendar, may_leave
from workflow.claims import claim_of, delay_of
from workflow.dunning import (
    Action,
    Channel,
    Ladder,
    Left,
    Level,
    Reminded,
    Rest,
    Warned,
    covers,
    forecast,
    gather,
    next_action,
)
from workflow.ladders import load_ladders
from workflow.receivables import Customer, Happening, Item, What, standing_of

LADDER = Ladder(
    "entreprises",
    "Entreprises",
    frozenset({"private"}),
    (
        Level("rappel", "Rappel", -5, Channel.EMAIL, "avant-echeance"),
        Level("relance-1", "Première relance", 5, Channel.EMAIL, "relance-1"),
        Level("relance-2", "Deuxième relance", 20, Channel.LETTER, "relance-2", gap=11),
        Level("mise-en-demeure", "Mise en demeure", 35, Channel.REGISTERED, "mise-en-demeure", gap=11, formal=True),
    ),
)
DUE = date(2026, 11, 30)
INVOICE = Item(Decimal("1200.00"), date(2026, 10, 31), DUE)
OPEN = standing_of(INVOICE, (), date(2026, 11, 1))
ITEM = Reminded("7", "3", DUE, "private", "liste-1", True)


def leaving(item, standing, ladder, sent, rests, calendar, today) -> tuple[Action, ...]:
    """As the station chooses when a row fires: the next level, where its day has come."""
    action = next_action(item, standing, ladder, sent, rests, calendar, today)
    return (action,) if action is not None and action.day <= today else ()


def day_of(today: date, sent=(), rests=(), calendar=FRANCE, item=ITEM) -> tuple[str, date] | None:
    found = next_action(item, OPEN, LADDER, sent, rests, calendar, today)
    return None if found is None else (found.level.name, found.day)


def test_a_reminder_before_the_due_date_moves_earlier_and_the_others_later():
    on_friday = Calendar(closed=frozenset({date(2026, 11, 25)}))
    assert day_of(date(2026, 11, 1), calendar=on_friday) == ("rappel", date(2026, 11, 24))
    shut = Calendar(closed=frozenset({date(2026, 12, 7), date(2026, 12, 8)}))
    assert day_of(date(2026, 12, 1), calendar=shut) == ("relance-1", date(2026, 12, 9))


def test_a_forbidden_weekday_is_left_out():
    assert day_of(date(2026, 12, 1), calendar=Calendar(forbidden_weekdays=frozenset({0}))) == ("relance-1", date(2026, 12, 8))


def test_once_the_due_date_has_passed_nobody_is_told_that_it_will():
    assert day_of(date(2026, 12, 1)) == ("relance-1", date(2026, 12, 7))


def test_a_ladder_that_begins_late_goes_on_at_its_own_pace():
    late = date(2027, 3, 1)
    assert day_of(late) == ("relance-1", late)
    assert day_of(late, [Left("relance-1", late)]) == ("relance-2", date(2027, 3, 12))
    action = next_action(ITEM, OPEN, LADDER, (), (), FRANCE, late)
    assert action is not None
    assert action.warned == (Warned.LATE_START,)


def test_a_suspension_moves_the_reminder_behind_its_last_day_whatever_it_is_of():
    for scope, value in (("item", "7"), ("customer", "3"), ("batch", "liste-1")):
        rest = Rest(scope, value, date(2026, 12, 1), date(2026, 12, 15))
        assert day_of(date(2026, 12, 1), rests=[rest]) == ("relance-1", date(2026, 12, 16))
    assert day_of(date(2026, 12, 1), rests=[Rest("item", "8", date(2026, 12, 1), date(2026, 12, 15))]) == ("relance-1", date(2026, 12, 7))


def test_a_batch_without_a_name_is_no_batch():
    assert not covers(Rest("batch", "", DUE, DUE), replace(ITEM, batch=""))


def test_an_invoice_without_the_penalty_mention_is_reminded_with_a_warning():
    for mention, told in ((False, (Warned.NO_PENALTY_MENTION,)), (None, (Warned.MENTION_UNKNOWN,)), (True, ())):
        found = next_action(replace(ITEM, mention=mention), OPEN, LADDER, (), (), FRANCE, date(2026, 12, 1))
        assert found is not None
        assert found.warned == told


def test_the_days_of_the_calendar_are_those_on_which_it_leaves():
    ahead = forecast(ITEM, OPEN, LADDER, (), (), FRANCE, date(2026, 11, 1), date(2027, 2, 1))
    sent = list[Left]()
    day = date(2026, 11, 1)
    while day < date(2027, 2, 1):
        sent += [Left(each.level.name, day) for each in leaving(ITEM, OPEN, LADDER, sent, (), FRANCE, day)]
        day += timedelta(days=1)
    assert [(each.level.name, each.day) for each in ahead] == [(left.level, left.day) for left in sent]
    assert len(sent) == 4


# --- against a model ---

BEGIN = date(2026, 10, 1)
DAYS = 90
CLOSING = Calendar(closed=frozenset({date(2026, 12, 24), date(2026, 12, 31)}), forbidden_weekdays=frozenset({4}))
KINDS = (
    *([What.PAYMENT] * 3),
    What.CREDIT,
    What.DISPUTE,
    What.DISPUTE,
    What.PROMISE,
    What.CANCEL,
    What.INSOLVENCY,
    What.WRITE_OFF,
    What.END,
)


def history(chance: random.Random) -> tuple[Item, list[Happening], list[Rest]]:
    due = BEGIN + timedelta(days=chance.randrange(5, 60))
    item = Item(Decimal(chance.randrange(1, 5)) * 100, due - timedelta(days=30), due)
    events = list[Happening]()
    for number in range(chance.choice((0, 1, 1, 2, 3, 5))):
        what, day = chance.choice(KINDS), BEGIN + timedelta(days=chance.randrange(DAYS))
        of = chance.choice(events).id if what is What.END and events else None
        if what is What.END and of is None:
            continue
        amount = Decimal(chance.randrange(1, 5)) * 100 if what in (What.PAYMENT, What.CREDIT, What.PROMISE) else Decimal(0)
        until = day + timedelta(days=chance.randrange(20)) if what is What.PROMISE else None
        events.append(Happening(number, what, day, amount, of, until))
    rests = []
    if chance.random() < 0.3:
        start = BEGIN + timedelta(days=chance.randrange(DAYS))
        scope, value = chance.choice((("item", "7"), ("customer", "3"), ("batch", "liste-1")))
        rests.append(Rest(scope, value, start, start + timedelta(days=chance.randrange(30))))
    return item, events, rests


def why_silent(item: Item, events: list[Happening], rests: list[Rest], day: date) -> str | None:
    """The model: what stands against a reminder, told from the history anew and in its own way."""
    ended = {each.of for each in events if each.what is What.END and each.day <= day}
    live = [each for each in events if each.day <= day and each.what is not What.END and each.id not in ended]
    owed = item.amount - sum(each.amount for each in live if each.what in (What.PAYMENT, What.CREDIT))
    if owed <= 0:
        return "paid"
    for each in live:
        if each.what in (What.CANCEL, What.DISPUTE, What.INSOLVENCY, What.WRITE_OFF):
            return each.what
        if each.what is What.PROMISE and each.until is not None and each.until >= day:
            return "promised"
    if any(rest.starts <= day <= rest.ends for rest in rests):
        return "suspended"
    return None


def walk(seed: int, step: int = 1) -> tuple[int, int]:
    """One history, looked at day by day; how many reminders left, and how many days something stood against one."""
    chance = random.Random(seed)
    item, events, rests = history(chance)
    reminded = Reminded("7", "3", item.due, "private", "liste-1", True)
    sent, silent = list[Left](), 0
    for ahead in range(0, DAYS, step):
        day = BEGIN + timedelta(days=ahead)
        why = why_silent(item, events, rests, day)
        silent += why is not None
        for action in leaving(reminded, standing_of(item, events, day), LADDER, sent, rests, CLOSING, day):
            told = f"history {seed}, {day}: {action.level.name}"
            assert why is None, f"{told} although {why}"
            assert action.level.name not in {left.level for left in sent}, f"{told} twice"
            assert may_leave(CLOSING, day), f"{told} on a day on which nothing leaves"
            assert day <= item.due if action.level.days < 0 else day >= item.due + timedelta(days=action.level.days), f"{told} out of time"
            assert not sent or day > sent[-1].day, f"{told} on one day with another"
            sent.append(Left(action.level.name, day))
    return len(sent), silent


TOGETHER = replace(LADDER, together=True)


def walk_together(seed: int, step: int = 1) -> tuple[int, int]:
    """Some items of one customer, a letter for each level; how many letters left, and how many of them listed several invoices.

    As the station does it: one item's row fires, what else is due at its level is read again and joins, and what left is due no more.
    """
    chance = random.Random(seed)
    owed = [history(chance) for _ in range(chance.choice((1, 2, 3, 4)))]
    items = [Reminded(str(place), "3", item.due, "private", "", True) for place, (item, _, _) in enumerate(owed)]
    rests = [[rest for rest in each[2] if rest.scope == "customer"] for each in owed]
    shared = [rest for each in rests for rest in each]
    sent: dict[str, list[Left]] = {item.id: [] for item in items}
    letters, several = 0, 0
    for ahead in range(0, DAYS, step):
        day = BEGIN + timedelta(days=ahead)
        for fired in items:
            due = [
                action
                for item, (owing, events, _) in zip(items, owed, strict=True)
                for action in leaving(item, standing_of(owing, events, day), LADDER, sent[item.id], shared, CLOSING, day)
            ]
            mine = next((letter for letter in gather(due, TOGETHER) if fired in [each.item for each in letter]), ())
            letters, several = letters + bool(mine), several + (len(mine) > 1)
            assert len({each.level.name for each in mine}) <= 1, f"histories {seed}, {day}: levels mixed"
            assert len({each.item.id for each in mine}) == len(mine), f"histories {seed}, {day}: an item twice in a letter"
            for action in mine:
                owing, events, _ = owed[int(action.item.id)]
                told = f"histories {seed}, {day}: {action.level.name} of item {action.item.id}"
                assert why_silent(owing, events, shared, day) is None, f"{told} although {why_silent(owing, events, shared, day)}"
                assert action.level.name not in {left.level for left in sent[action.item.id]}, f"{told} twice"
                assert may_leave(CLOSING, day), f"{told} on a day on which nothing leaves"
                sent[action.item.id].append(Left(action.level.name, day))
    return letters, several


def test_one_letter_for_a_customer_and_level_asks_for_nothing_that_a_letter_of_its_own_would_not():
    walked = [walk_together(seed, step=4) for seed in range(500)]
    assert sum(letters for letters, _ in walked) > 1_000
    assert sum(several for _, several in walked) > 50


@pytest.mark.long
def test_the_same_holds_of_a_hundred_thousand_histories_in_grouped_letters():
    assert sum(walk_together(seed, step=4)[1] for seed in range(100_000)) > 10_000


def test_a_letter_lists_a_hundred_invoices_at_most_and_other_customers_have_their_own():
    level = LADDER.levels[1]
    actions = [Action(Reminded(str(n), "3" if n else "4", DUE, "private"), level, DUE) for n in range(152)]
    assert sorted(len(letter) for letter in gather(actions, TOGETHER)) == [1, 51, 100]
    assert {len(letter) for letter in gather(actions, LADDER)} == {1}


def test_nothing_is_reminded_that_must_not_be_and_no_level_twice_in_four_thousand_histories():
    walked = [walk(seed, step=3) for seed in range(4_000)]
    # The histories say something: reminders leave, and days on which none may come, too.
    assert sum(left for left, _ in walked) > 4_000
    assert sum(silent for _, silent in walked) > 10_000


@pytest.mark.long
def test_nothing_is_reminded_that_must_not_be_and_no_level_twice_in_a_hundred_thousand_histories():
    assert sum(walk(seed, step=3)[0] for seed in range(100_000)) > 100_000


def test_a_year_of_a_thousand_customers_is_simulated_in_seconds():
    left = 0
    for number in range(1_000):
        due = date(2026, 1, 2) + timedelta(days=number % 300)
        item = Reminded(str(number), str(number), due, "private", "", True)
        left += len(forecast(item, OPEN, LADDER, (), (), FRANCE, date(2026, 1, 1), date(2027, 1, 1)))
    assert left > 3_500


# --- ladders ---

GOOD = """echelles: essai
titre: Essai
liste:
  entreprises:
    titre: Entreprises
    pour: [privé]
    niveaux:
      relance-1: {titre: Première, jours: 5, canal: courriel, modele: relance-1}
      relance-2: {titre: Deuxième, jours: 20, canal: lettre, modele: relance-2}
essais:
  - {titre: T, echelle: entreprises, echeance: 2026-11-30, attendu: {relance-1: 2026-12-07}}
"""
WRONG = {
    "titre: Entreprises": ("titre: Entreprises\n    groupe: clients", "« groupe » : « clients » : vouliez-vous dire « client » ?"),
    "jours: 5,": ("jours: cinq,", "8:43: échelle « entreprises » : niveau « relance-1 » : « jours » demande un nombre entier"),
    "canal: courriel": ("canal: couriel", "canal « couriel » : vouliez-vous dire « courriel » ?"),
    "jours: 20": ("jours: 3", "doit venir après « relance-1 »"),
    "modele: relance-2": ("modele: relance-3", "modèle « relance-3 » : vouliez-vous dire"),
    "pour: [privé]": ("pour: [prive]", "« pour » : prive : vouliez-vous dire « privé » ?"),
    "2026-12-07": ("2026-12-05", "essai : « relance-1 » part le 2026-12-07, attendu 2026-12-05"),
    "echelle: entreprises": ("echelle: entreprise", "vouliez-vous dire « entreprises » ?"),
    "niveaux:": ("niveau:", "« niveau » est inconnu ici"),
}


def test_a_good_file_of_ladders_holds_and_its_version_does_not_hang_on_its_layout():
    first, again = load_ladders(GOOD, ["relance-1", "relance-2"]), load_ladders("# note\n" + GOOD)
    assert first.flaws == ()
    assert first.ladders is not None
    assert again.ladders is not None
    assert first.ladders.version == again.ladders.version


@pytest.mark.parametrize("right", WRONG)
def test_each_mistake_in_a_file_of_ladders_is_told_with_its_place(right):
    wrong, told = WRONG[right]
    loaded = load_ladders(GOOD.replace(right, wrong), ["relance-1", "relance-2"])
    assert loaded.ladders is None
    assert any(told in flaw.told("x") for flaw in loaded.flaws), [flaw.told("x") for flaw in loaded.flaws]


# --- what is asked for ---


def claimed(customer: Customer, today: date, events=(), due=date(2026, 5, 31)) -> tuple[str, str, str]:
    item = Item(Decimal("12000.00"), due - timedelta(days=30), due)
    found = claim_of(standing_of(item, events, today), delay_of(item, customer, events, today, load_rates()), today)
    return str(found.balance), str(found.accrued), str(found.indemnity)


def test_interest_and_indemnity_are_those_of_the_regime_and_consumers_owe_neither():
    day = date(2026, 9, 30)
    assert claimed(Customer.PRIVATE, day) == ("12000.00", "494.89", "40.00")
    assert claimed(Customer.PUBLIC, day) == ("12000.00", "407.11", "40.00")
    assert claimed(Customer.CONSUMER, day) == ("12000.00", "0.00", "0.00")
    assert claimed(Customer.PRIVATE, date(2026, 5, 31)) == ("12000.00", "0.00", "0.00")


def test_a_rate_that_is_not_known_is_not_guessed_and_interest_ends_before_it():
    item = Item(Decimal("12000.00"), date(2026, 10, 1), date(2026, 11, 30))
    day = date(2027, 2, 1)
    found = claim_of(standing_of(item, (), day), delay_of(item, Customer.PRIVATE, (), day, load_rates()), day)
    assert (found.missing, found.until) == ("2027-H1", date(2026, 12, 31))
    assert found.accrued == Decimal("126.38")


@pytest.mark.parametrize(("contract", "rates"), [(None, ["12.15", "12.40"]), ("20.00", ["7.86", "8.25"])])
def test_of_an_invoice_that_states_no_penalties_the_laws_own_rate_is_owed_and_of_a_contract_only_its_legal_least(contract, rates):
    item = Item(Decimal("12000.00"), date(2026, 5, 1), date(2026, 5, 31))
    day, agreed = date(2026, 9, 30), Decimal(contract) if contract else None
    found = claim_of(
        standing_of(item, (), day), delay_of(item, Customer.PRIVATE, (), day, load_rates(), contract_rate=agreed, unsaid=True), day
    )
    assert found.interest is not None
    assert ([str(line.rate) for line in found.interest.lines], found.least) == (rates, contract is not None)
    said = claim_of(standing_of(item, (), day), delay_of(item, Customer.PRIVATE, (), day, load_rates(), contract_rate=agreed), day)
    assert said.accrued >= found.accrued
    assert found.indemnity == Decimal("40.00")


def test_a_payment_that_came_back_since_never_reduced_what_bears_interest():
    item, day = Item(Decimal("12000.00"), date(2026, 7, 1), date(2026, 7, 31)), date(2027, 2, 1)
    came_back = (Happening(1, What.PAYMENT, date(2026, 12, 10), Decimal("1000.00")), Happening(2, What.END, date(2027, 1, 5), of=1))
    # Rates are known to the end of December, on which day the payment still stood.
    delays = [delay_of(item, Customer.PRIVATE, events, day, load_rates()) for events in (came_back, ())]
    assert [str(delay.missing) for delay in delays] == [str(delays[0].missing)] * 2 and delays[0].missing
    assert replace(delays[0], missing=None) == replace(delays[1], missing=None)


def test_a_contract_rate_below_the_floor_is_not_reckoned():
    item = Item(Decimal("12000.00"), date(2026, 5, 1), date(2026, 5, 31))
    day = date(2026, 9, 30)
    found = claim_of(
        standing_of(item, (), day), delay_of(item, Customer.PRIVATE, (), day, load_rates(), contract_rate=Decimal("1.00")), day
    )
    assert found.unlawful
    assert found.interest is None
