"""Approvals: which step, who may say yes, to what; no order of acts makes one person two, decides twice, or approves other values."""

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from config.settings import ApprovalStep, Settings, Suppliers
from station import erasure, learning, review, tasks
from station.records import people
from station.records import tasks as records
from station.records.documents import get_document
from station.records.tables import AccountChange, Delegation, Document, LedgerPayload, Person, PersonRole, Task, TaskEvent
from station.tasks import Act
from station.workstation import Workstation
from workflow.approvals import Bar, Bound, Step, Table, bar_of, choose_step, circle_of
from workflow.invoicing import MOVES, InvoiceState, UnexpectedMove, move_invoice
from workflow.roles import Role

NOON = webhome.NOON
STEPS = (ApprovalStep(below=Decimal(5000)), ApprovalStep(two=True))
SMALL, LARGE = "1234.56", "12400.00"
OTHER_IBAN = "FR1420041010050500013M02606"
BOUND = Bound("a" * 64, "Le Goff", "732829320", "2026/318", "12400.00", "EUR", "FR7630006000011234567890189")
NEVER = lambda _one, _other: False  # noqa: E731 nobody stands in for anybody


@dataclass
class House:
    """One sealed invoice, a clerk who reviews it, and approvers."""

    workstation: Workstation
    document_id: str

    def person(self, session, login: str) -> Person:
        return people.find(session, login)

    def submit(self, login: str = "clara") -> None:
        with self.workstation.database.writing() as session:
            outcome = review.submit(session, self.workstation, self.document_id, self.person(session, login), lambda *_: None, whole=True)
            assert outcome.done

    def say(self, name: str, text: str, login: str = "clara") -> None:
        with self.workstation.database.writing() as session:
            value = learning.parse_typed(name, text)
            learning.say_value(session, self.workstation, self.document_id, name, value, self.person(session, login))

    def shown(self) -> tuple[int, int, str] | None:
        """Number, revision and digest, as a page would carry them."""
        with self.workstation.database.reading() as session:
            found = records.open_tasks(session, "essai", self.document_id)
            approvals = [task for task in found if task.kind == "approval"]
            return (approvals[0].id, approvals[0].revision, Bound(**approvals[0].bound).digest()) if approvals else None

    def act(self, do, login: str, *more: str, reason: str = "", shown: tuple[int, int, str] | None = None) -> tasks.Outcome:
        number, revision, digest = shown or self.shown()
        with self.workstation.database.writing() as session:
            to = [self.person(session, each) for each in more]
            act = Act(self.person(session, login), revision, digest, reason)
            return do(session, self.workstation, session.get(Task, number), act, *to)

    def approved(self) -> bool:
        with self.workstation.database.reading() as session:
            return tasks.is_approved(session, get_document(session, self.document_id))

    def state(self) -> str | None:
        with self.workstation.database.reading() as session:
            found = records.standing_of(session, self.document_id)
            return found.state if found else None

    def rows(self, table, **where) -> list:
        with self.workstation.database.reading() as session:
            return list(session.scalars(sa.select(table).filter_by(**where).order_by(table.id)))

    def rows_of_ledger(self, kind: str) -> list[LedgerPayload]:
        with self.workstation.database.reading() as session:
            return list(session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == kind).order_by(LedgerPayload.sequence)))

    def mandate(self, giver: str, taker: str) -> None:
        with self.workstation.database.writing() as session:
            one, other = (self.person(session, login).pseudonym for login in (giver, taker))
            today = NOON.date().isoformat()
            session.add(Delegation(giver=one, taker=other, role="approver", starts=today, ends=today, given_at=NOON))


def someone(session, login: str, *roles: Role, email: str = "") -> Person:
    person = people._new_person(login)
    person.email, person.password_hash = email or None, "x"
    session.add(person)
    session.flush()
    session.add_all(PersonRole(pseudonym=person.pseudonym, role=role) for role in roles)
    session.flush()
    return person


def build_house(folder: Path, gross: str = SMALL, steps=STEPS) -> House:
    workstation = webhome.open_home(folder)
    # Both accounts are verified: what waits for a second pair of eyes on an account is tried in tests/test_review.py.
    known = Suppliers(ibans={webhome.PAPERS[1].siren: [webhome.PAPERS[1].iban, OTHER_IBAN]})
    workstation = replace(workstation, settings=workstation.settings.model_copy(update={"approvals": steps, "suppliers": known}))
    with workstation.database.writing() as session:
        # The practice accounts hold every role: they would be asked, too.
        session.execute(sa.update(Person).values(ended_at=NOON))
        someone(session, "clara", Role.CLERK)
        someone(session, "esther", Role.CLERK, Role.APPROVER)
        for login in ("anne", "basile", "denis"):
            someone(session, login, Role.APPROVER)
    return House(workstation, webhome.sealed(workstation, "facture.tif", replace(webhome.PAPERS[1], gross=gross)))


@pytest.fixture
def house(tmp_path):
    house = build_house(tmp_path)
    yield house
    house.workstation.database.close()


@pytest.fixture
def large(tmp_path):
    house = build_house(tmp_path, LARGE)
    yield house
    house.workstation.database.close()


# --- steps ---


TABLE = (Step(below=Decimal(1000), person="anne"), Step(below=Decimal(5000), group="chefs"), Step(two=True))


@pytest.mark.parametrize(
    ("amount", "currency", "place", "code"),
    [
        ("999.99", "EUR", 0, "below"),
        ("1000", "EUR", 1, "between"),
        ("-1000", "EUR", 1, "between"),
        ("4999.999", "EUR", 1, "between"),
        ("5000.00", "EUR", 2, "from"),
        (None, "EUR", 2, "unknown"),
        ("10", "USD", 2, "currency"),
        ("10", "", 2, "no-currency"),
    ],
)
def test_exactly_at_a_threshold_the_stricter_step_holds_and_what_is_not_known_goes_to_the_strictest(amount, currency, place, code):
    chosen = choose_step(TABLE, Decimal(amount) if amount else None, currency)
    assert (chosen.step, chosen.why.code) == (TABLE[place], code)


def test_a_house_without_steps_asks_whoever_has_the_role_and_says_so():
    chosen = choose_step((), Decimal(10), "EUR")
    assert (chosen.step, chosen.why.code) == (Step(), "only")


@given(st.permutations(TABLE), st.decimals(-99999, 99999, places=2))
def test_the_order_in_which_steps_are_written_decides_nothing(steps, amount):
    assert choose_step(steps, amount, "EUR") == choose_step(TABLE, amount, "EUR")


def test_a_change_of_the_steps_is_another_version_of_the_rule():
    assert choose_step(TABLE, None, "EUR").version != choose_step(TABLE[1:], None, "EUR").version


@pytest.mark.parametrize("steps", [[{"below": 10}], [{"below": 10}, {"below": 10}, {}], [{}, {}]])
def test_a_scale_that_leaves_amounts_to_nobody_is_refused(tmp_path, steps):
    with pytest.raises(ValueError, match="palier"):
        Settings(home=tmp_path, approval=steps)


# --- who may ---


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=6))
def test_whoever_handed_an_approval_on_is_one_with_who_got_it_whichever_way_one_looks(handed):
    for one in "abcdef":
        for other in circle_of(one, handed):
            assert one in circle_of(other, handed)


def test_who_prepared_or_decided_is_barred_and_so_is_who_took_it_from_them():
    table = Table(frozenset({"clerk"}), ("first",), (("first", "taker"), ("taker", "last")))
    assert bar_of("clerk", table, NEVER) is Bar.PREPARED
    assert [bar_of(name, table, NEVER) for name in ("first", "taker", "last")] == [Bar.DECIDED] * 3
    assert bar_of("other", table, NEVER) is None
    assert bar_of("other", table, lambda one, _: one == "clerk") is Bar.STANDS_IN


@given(st.sampled_from(["supplier", "siren", "number", "gross", "currency", "iban", "sealed"]), st.text(min_size=1, max_size=5))
def test_whatever_is_bound_changes_the_digest_and_is_named(name, added):
    other = replace(BOUND, **{name: getattr(BOUND, name) + added})
    assert other.digest() != BOUND.digest()
    assert other.changes(BOUND) == (name,)


# --- states ---


@given(st.sampled_from(list(MOVES)), st.sampled_from(InvoiceState))
def test_the_outside_may_jump_and_the_house_may_not(before, after):
    if before == after:
        assert move_invoice(before, after) is None
        return
    assert move_invoice(before, after, outside=True).expected == (after in MOVES[before])
    if after not in MOVES[before]:
        with pytest.raises(UnexpectedMove):
            move_invoice(before, after)


def test_a_channel_that_jumps_is_recorded_and_told(house):
    with house.workstation.database.writing() as session:
        document = get_document(session, house.document_id)
        assert not tasks.tell_state(session, document, InvoiceState.PAID, "chorus-pro", NOON)
        assert records.standing_of(session, document.id).expected is False
    assert house.state() == "paid"
    assert json.loads(house.rows_of_ledger("state")[-1].body)["channel"] == "chorus-pro"


# --- one approval ---


def test_a_submitted_review_asks_whoever_has_the_role_but_not_who_submitted(house):
    house.submit("esther")
    with house.workstation.database.reading() as session:
        (task,) = records.open_tasks(session, "essai")
        asked = {person.login for person in tasks.addressed_people(session, task, NOON).values()}
    assert asked == {"anne", "basile", "denis"}
    assert (task.why["code"], task.needed, task.rule, house.state()) == ("below", 1, "steps", "in review")


def test_a_yes_makes_it_payable_and_stands_in_the_ledger_with_the_file_and_the_values(house):
    house.submit()
    assert house.act(tasks.approve, "anne").done
    assert (house.approved(), house.state()) == (True, "approved")
    body = json.loads(house.rows_of_ledger("task")[-1].body)
    assert (body["what"], body["values"]["gross"], body["values"]["iban"]) == ("approved", SMALL, webhome.PAPERS[1].iban)


def test_a_refusal_needs_its_reason(house):
    house.submit()
    assert house.act(tasks.refuse, "anne", reason="  ").wrong == "reason"
    assert house.act(tasks.refuse, "anne", reason="Pas commandé").done
    assert (house.approved(), house.state()) == (False, "refused")


def test_what_was_refused_and_is_submitted_again_is_asked_again(house):
    house.submit()
    house.act(tasks.refuse, "anne", reason="Pas commandé")
    house.submit()
    assert house.act(tasks.approve, "basile").done
    assert house.approved()


def test_of_two_who_press_at_once_one_decides_and_the_other_is_told_who(house):
    house.submit()
    shown = house.shown()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda login: house.act(tasks.approve, login, shown=shown), ("anne", "basile")))
    assert sorted(each.done for each in found) == [False, True]
    assert next(each.wrong for each in found if not each.done) == "faster"
    assert len(house.rows(TaskEvent, what="approved")) == 1


def test_a_decision_counts_only_for_what_its_page_showed(house):
    house.submit()
    number, revision, _ = house.shown()
    assert house.act(tasks.approve, "anne", shown=(number, revision, BOUND.digest())).wrong == "changed"
    assert not house.approved()


def test_a_task_is_claimed_once_per_state(house):
    house.submit()
    with house.workstation.database.writing() as session:
        (task,) = records.open_tasks(session, "essai")
        assert [records.claim(session, task, 0), records.claim(session, task, 0)] == [True, False]


def test_who_has_no_role_is_only_told_so(house):
    house.submit()
    assert house.act(tasks.approve, "clara").wrong == Bar.NOT_APPROVER
    assert house.act(tasks.approve, "anne").done


# --- other values ---


def test_values_that_change_while_it_is_asked_void_it_and_ask_again(house):
    house.submit()
    shown = house.shown()
    house.say("total_gross", "5346,01")
    outcome = house.act(tasks.approve, "anne", shown=shown)
    assert (outcome.done, outcome.wrong, outcome.changes) == (False, "changed", ("gross",))
    assert house.shown()[0] == outcome.following
    assert house.act(tasks.approve, "anne").done


def test_an_approval_is_void_once_the_account_is_another(house):
    house.submit()
    house.act(tasks.approve, "anne")
    house.say("iban", OTHER_IBAN)
    assert not house.approved()
    tasks.tend_approvals(house.workstation)
    assert house.state() == "in review"
    assert [event.told["changes"] for event in house.rows(TaskEvent, what="voided")] == [["iban"]]
    assert house.act(tasks.approve, "basile").done
    assert house.approved()


def test_values_that_come_back_do_not_bring_a_void_approval_back(house):
    house.submit()
    house.act(tasks.approve, "anne")
    for typed in ("5346,01", "1234,56"):
        house.say("total_gross", typed)
        tasks.tend_approvals(house.workstation)
    assert not house.approved()


def test_the_same_submitted_again_leaves_the_approval_standing(house):
    house.submit()
    house.act(tasks.approve, "anne")
    house.submit()
    assert (house.approved(), house.shown()) == (True, None)


def test_nothing_is_decided_while_the_account_waits_for_a_second_person(house):
    house.submit()
    with house.workstation.database.writing() as session:
        asked = AccountChange(
            document_id=house.document_id, entity="essai", supplier="siren:732829320", iban=OTHER_IBAN, known=[],
            asked_by="p-x", asked_at=NOON,
        )  # fmt: skip
        session.add(asked)
    assert house.act(tasks.approve, "anne").wrong == "account"


def test_nothing_is_decided_while_the_review_is_taken_up_again(house):
    house.submit()
    with house.workstation.database.writing() as session:
        review.resume_review(session, house.document_id, house.person(session, "clara"), NOON)
    assert house.act(tasks.approve, "anne").wrong == "review"


def test_who_confirms_an_account_as_the_second_person_has_prepared_nothing(house):
    house.submit()
    with house.workstation.database.writing() as session:
        anne, clara = (house.person(session, login).pseudonym for login in ("anne", "clara"))
        session.add(
            AccountChange(
                document_id=house.document_id, entity="essai", supplier="siren:732829320", iban=webhome.PAPERS[1].iban, known=[],
                asked_by=clara, asked_at=NOON, decided_by=anne, decided_at=NOON, approved=True,
            )
        )  # fmt: skip
    house.say("iban", webhome.PAPERS[1].iban, "anne")
    assert house.act(tasks.approve, "anne").done


def test_of_a_confidential_document_nothing_is_asked_any_more(house):
    house.submit()
    shown = house.shown()
    with house.workstation.database.writing() as session:
        session.get(Document, house.document_id).confidential = True
    assert house.act(tasks.approve, "anne", shown=shown).wrong == "gone"
    assert house.shown() is None


def test_what_is_erased_leaves_no_task(house):
    house.submit()
    house.act(tasks.ask_question, "anne", "clara", reason="Commandé par qui ?")
    with house.workstation.database.writing() as session:
        document = session.get(Document, house.document_id)
        erasure._delete_rows(session, erasure.scope_of(session, document, NOON.date()), NOON)
    assert [house.rows(Task), house.rows(TaskEvent), house.state()] == [[], [], None]


# --- two approvals ---


def test_a_large_amount_takes_two_people_one_after_the_other(large):
    large.submit()
    first = large.act(tasks.approve, "anne")
    assert (first.done, large.approved()) == (True, False)
    assert large.act(tasks.approve, "anne").wrong == Bar.DECIDED
    assert large.act(tasks.approve, "basile").done
    assert large.approved()


def test_a_deputy_is_not_the_second_person(large):
    large.mandate("anne", "basile")
    large.submit()
    large.act(tasks.approve, "anne")
    assert large.act(tasks.approve, "basile").wrong == Bar.DECIDED


def test_a_deputy_of_who_reviewed_does_not_approve(house):
    house.mandate("esther", "anne")
    house.submit("esther")
    assert house.act(tasks.approve, "anne").wrong == Bar.STANDS_IN
    # No dead end: she gives it to somebody who may.
    assert house.act(tasks.reassign, "anne", "basile", reason="Esther me remplace").done
    assert house.act(tasks.approve, "basile").done


def test_what_one_may_not_approve_does_not_wait_for_one(large):
    def mine(login: str) -> int:
        with large.workstation.database.reading() as session:
            seat = tasks.seat_of(session, large.person(session, login), "essai", NOON.date())
            return records.count_tasks(session, records.asked_of("essai", seat), [], NOON.date()).mine

    large.submit("clara")
    assert (mine("anne"), mine("basile")) == (1, 1)
    large.mandate("anne", "denis")
    large.act(tasks.approve, "anne")
    assert [mine(login) for login in ("anne", "denis", "basile")] == [0, 0, 1]


def test_who_typed_prepared_whoever_pressed_the_button(house):
    with house.workstation.database.writing() as session:
        review.get_review(session, house.document_id)
        typed = review.Typed("total_gross", "1 234,56", sure=True)
        assert review.save_typed(session, house.workstation, house.document_id, typed, 0, house.person(session, "esther"))[0].done
    house.submit("clara")
    assert house.act(tasks.approve, "esther").wrong == Bar.PREPARED
    assert house.act(tasks.approve, "anne").done


def test_an_invoice_filed_as_a_credit_note_is_another_thing_and_so_is_another_tax(house):
    house.submit("clara")
    house.act(tasks.approve, "anne")
    for change in ({"document_type": "credit-note"}, {"document_type": "invoice"}):
        with house.workstation.database.writing() as session:
            document = get_document(session, house.document_id)
            was, document.document_type = document.document_type, change["document_type"]
        assert house.approved() is (change["document_type"] == "invoice"), was
    house.say("total_tax", "17.00")
    assert not house.approved()


def test_all_seats_are_told_in_few_questions_as_each_alone_and_nobody_stands_for_who_lost_the_role(house):
    house.mandate("anne", "basile")
    house.mandate("denis", "esther")
    with house.workstation.database.writing() as session:
        denis = house.person(session, "denis").pseudonym
        session.execute(sa.update(PersonRole).where(PersonRole.pseudonym == denis).values(taken_at=NOON))
        for number in range(30):
            someone(session, f"autre-{number}", Role.APPROVER)
    asked = []
    with house.workstation.database.reading() as session:
        listening = session.get_bind()
        sa.event.listen(listening, "before_cursor_execute", lambda *_: asked.append(1))
        seats = tasks.seats_in(session, "essai", NOON.date())
        assert len(seats) >= 34 and len(asked) < 10
        for person, seat in seats.values():
            assert replace(tasks.seat_of(session, person, "essai", NOON.date()), mandates=()) == seat
        basile, esther = (seats[house.person(session, login).pseudonym][1] for login in ("basile", "esther"))
        assert len(basile.stands_for) == 2 and len(esther.stands_for) == 1


def test_practice_people_have_no_seat_in_a_home_that_seals_for_good(house):
    with house.workstation.database.writing() as session:
        someone(session, "essayeur", Role.APPROVER).practice = True
    with house.workstation.database.reading() as session:
        logins = [
            {person.login for person, _ in tasks.seats_in(session, "essai", NOON.date(), practice=way).values()} for way in (True, False)
        ]
    assert logins[0] - logins[1] == {"essayeur"}


def test_who_delegated_is_one_with_who_decided_in_their_place(large):
    large.submit()
    assert large.act(tasks.delegate, "anne", "basile", reason="En congé").done
    assert large.act(tasks.approve, "anne").wrong == Bar.NOT_ADDRESSED
    assert large.act(tasks.approve, "basile").done
    assert large.act(tasks.approve, "anne").wrong == Bar.DECIDED
    assert large.act(tasks.approve, "denis").done


def test_who_reviewed_hands_it_to_nobody(house):
    house.submit("esther")
    assert house.act(tasks.delegate, "esther", "anne", reason="x").wrong == Bar.PREPARED
    assert house.act(tasks.reassign, "esther", "anne", reason="x").wrong == Bar.PREPARED


def test_it_is_handed_only_to_approvers_who_may(house):
    house.submit("esther")
    for to in ("clara", "esther", "anne"):
        assert house.act(tasks.delegate, "anne", to, reason="x").wrong == "person"


# --- questions ---


def test_a_question_goes_to_a_colleague_and_its_answer_comes_back_while_the_approval_stays_open(house):
    house.submit()
    asked = house.act(tasks.ask_question, "anne", "clara", reason="Commandé par qui ?")
    assert house.act(tasks.answer, "basile", reason="Moi", shown=(asked.following, 0, "")).wrong == Bar.NOT_ADDRESSED
    assert house.act(tasks.answer, "clara", reason="Par Denis", shown=(asked.following, 0, "")).following == house.shown()[0]
    assert house.act(tasks.approve, "anne").done


def test_a_decision_ends_the_questions_that_were_open(house):
    house.submit()
    asked = house.act(tasks.ask_question, "anne", "clara", reason="Commandé par qui ?")
    assert house.act(tasks.approve, "anne").done
    assert house.act(tasks.answer, "clara", reason="Par Denis", shown=(asked.following, 0, "")).wrong == "closed"


# --- every order of acts ---

APPROVERS = ("esther", "anne", "basile", "denis")


class Office(RuleBasedStateMachine):
    """Five people do what they like, with pages as old as they like; the model knows who is one with whom, and what each was shown.

    Who said a value that somebody else replaced is no preparer any more: the value that counts is the other's.
    """

    @initialize(gross=st.sampled_from([LARGE, LARGE, SMALL]), login=st.sampled_from(["clara", "esther"]))
    def begin(self, gross, login):
        self.folder = tempfile.TemporaryDirectory()
        self.house = build_house(Path(self.folder.name), gross)
        self.pages: list[tuple[int, int, str]] = []
        self.submitted = self.said = ""
        self.mandates: set[frozenset[str]] = set()
        self.handed: dict[int, list[tuple[str, str]]] = {}
        self.yes: dict[int, list[tuple[str, str]]] = {}
        self.decided: list[int] = []
        self.submits(login)

    def teardown(self):
        if hasattr(self, "house"):
            self.house.workstation.database.close()
            self.folder.cleanup()

    def task(self, number: int) -> Task:
        with self.house.workstation.database.reading() as session:
            return session.get(Task, number)

    def one(self, first: str, second: str, round: int) -> bool:
        circle = circle_of(first, self.handed.get(round, []))
        return second in circle or frozenset({first, second}) in self.mandates

    def a_page(self, data) -> tuple[int, int, str] | None:
        """One that somebody has open: the newest, or one of those before; none where nobody opened one."""
        if (shown := self.house.shown()) is not None and shown not in self.pages:
            self.pages.append(shown)
        return data.draw(st.sampled_from(self.pages[:-4:-1])) if self.pages else None

    @rule(login=st.sampled_from(["clara", "esther"]))
    def submits(self, login):
        self.house.submit(login)
        self.submitted = login

    @rule(login=st.sampled_from(["clara", "anne"]), typed=st.sampled_from(["12400,00", "12500,00"]))
    def changes(self, login, typed):
        self.house.say("total_gross", typed, login)
        self.said = login

    @rule(pair=st.permutations(APPROVERS))
    def lends_the_role(self, pair):
        self.house.mandate(*pair[:2])
        self.mandates.add(frozenset(pair[:2]))

    @rule()
    def tends(self):
        tasks.tend_approvals(self.house.workstation)

    @rule(pair=st.permutations(APPROVERS), data=st.data())
    def delegates(self, pair, data):
        if (shown := self.a_page(data)) is None:
            return
        if self.house.act(tasks.delegate, *pair[:2], reason="x", shown=shown).done:
            self.handed.setdefault(self.task(shown[0]).round, []).append(tuple(pair[:2]))

    @rule(login=st.sampled_from(APPROVERS))
    def approves_what_is_there(self, login):
        if (shown := self.house.shown()) is not None:
            self.decide(login, True, shown)

    @rule(login=st.sampled_from(APPROVERS), typed=st.sampled_from(["12500,00", "12600,00"]))
    def approves_what_changed_a_moment_ago(self, login, typed):
        if (shown := self.house.shown()) is not None:
            self.house.say("total_gross", typed)
            self.said = "clara"
            self.decide(login, True, shown)

    @rule(pair=st.permutations(APPROVERS))
    def delegates_what_is_there_and_it_is_approved(self, pair):
        if (shown := self.house.shown()) is None:
            return
        if self.house.act(tasks.delegate, *pair[:2], reason="x", shown=shown).done:
            self.handed.setdefault(self.task(shown[0]).round, []).append(tuple(pair[:2]))
            self.approves_what_is_there(pair[1])

    @rule(login=st.sampled_from((*APPROVERS, "clara")), yes=st.sampled_from([True, True, True, False]), data=st.data())
    def decides(self, login, yes, data):
        if (shown := self.a_page(data)) is not None:
            self.decide(login, yes, shown)

    def decide(self, login, yes, shown):
        with self.house.workstation.database.reading() as session:
            there = tasks.bound_of(session, get_document(session, self.house.document_id))
        if not self.house.act(tasks.approve if yes else tasks.refuse, login, reason="x", shown=shown).done:
            return
        task = self.task(shown[0])
        assert shown[0] not in self.decided, "decided twice"
        assert shown[2] == there.digest() == Bound(**task.bound).digest(), "other values than those shown"
        assert login != "clara", "no approver"
        assert not any(self.one(login, other, task.round) for other in (self.submitted, self.said)), "one's own values"
        earlier = self.yes.setdefault(task.round, [])
        assert not any(self.one(login, other, task.round) for other, _ in earlier), "one person was two"
        self.decided.append(shown[0])
        if yes:
            earlier.append((login, shown[2]))

    @invariant()
    def what_is_payable_was_approved_as_it_is_now_by_as_many_as_needed(self):
        if not hasattr(self, "house") or not self.house.approved():
            return
        with self.house.workstation.database.reading() as session:
            there = tasks.bound_of(session, get_document(session, self.house.document_id)).digest()
            round = records.last_round(session, self.house.document_id)
            needed = records.round_of(session, self.house.document_id, round)[0].needed
        names = [login for login, digest in self.yes[round] if digest == there]
        assert len(set(names)) == len(names) >= needed


Office.TestCase.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
TestEveryOrderOfActs = Office.TestCase
