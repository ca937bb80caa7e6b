"""Circuits on real rows: each activity, each shipped circuit, a year of them, and what is left when they are killed."""

import json
import os
import sqlite3
import threading
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import killed
import pytest
import sqlalchemy as sa
import webhome

from config.settings import Connector, Lookup, Suppliers
from station import circuits, connectors, facts, learning, outbox, review, rule_versions, senders, tasks
from station.lookups import LookupFailed, ask_lookup
from station.records import circuits as records
from station.records import people
from station.records import tasks as approvals
from station.records.documents import get_document
from station.records.tables import (
    AccountChange,
    CircuitCall,
    CircuitRun,
    CircuitStep,
    CircuitTask,
    Customer,
    DecisionMade,
    Document,
    FieldRow,
    GroupMember,
    ItemEvent,
    LedgerPayload,
    OpenItem,
    OutboxRow,
    Person,
    PersonGroup,
    PersonRole,
    RuleVersion,
    State,
    Supplier,
    Task,
)
from station.stored import rule_values_out
from station.tasks import Act
from station.workstation import Workstation
from workflow.approvals import Bound
from workflow.invoicing import InvoiceState
from workflow.roles import Role

NOON = webhome.NOON
PAPER = webhome.PAPERS[1]


def someone(session, login: str, *roles: Role, email: str = "") -> Person:
    person = people._new_person(login)
    person.email, person.password_hash = email or None, "x"
    session.add(person)
    session.flush()
    session.add_all(PersonRole(pseudonym=person.pseudonym, role=role) for role in roles)
    session.flush()
    return person


@dataclass
class House:
    """One home with a clerk, approvers and an officer of compliance; its time is handed in."""

    workstation: Workstation
    now: list[datetime]

    def invoice(self, gross: str = "1234.56", siren: str = PAPER.siren, number: str = "2026/318", findings=()) -> str:
        net = (Decimal(gross) / Decimal("1.2")).quantize(Decimal("0.01"))
        paper = replace(PAPER, gross=gross, net=str(net), tax=str(Decimal(gross) - net), siren=siren, number=number)
        return webhome.sealed(self.workstation, f"{number.replace('/', '-')}.tif", paper, findings)

    def submit(self, document_id: str, login: str = "clara") -> None:
        with self.workstation.database.writing() as session:
            person = people.find(session, login)
            outcome = review.submit(session, self.workstation, document_id, person, lambda *_: None, whole=True)
            assert outcome.done
        self.turn()

    def forget(self, document_id: str, name: str) -> None:
        with self.workstation.database.writing() as session:
            session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document_id, FieldRow.name == name))
            session.get_one(Document, document_id).revision += 1

    def say(self, document_id: str, name: str, text: str) -> None:
        with self.workstation.database.writing() as session:
            value = learning.parse_typed(name, text)
            learning.say_value(session, self.workstation, document_id, name, value, people.find(session, "clara"))
        self.turn()

    def turn(self) -> None:
        circuits.tend_circuits(self.workstation, whole=True)

    def later(self, **span: float) -> None:
        self.now[0] += timedelta(**span)
        self.turn()

    def run(self, document_id: str, circuit: str) -> CircuitRun:
        with self.workstation.database.reading() as session:
            return next((run for run in records.runs_of(session, document_id) if run.circuit == circuit), None)

    def approval(self, document_id: str) -> Task | None:
        with self.workstation.database.reading() as session:
            found = approvals.open_tasks(session, "essai", document_id)
            return found[0] if found else None

    def decide(self, document_id: str, do, login: str, reason: str = "") -> tasks.Outcome:
        task = self.approval(document_id)
        with self.workstation.database.writing() as session:
            act = Act(people.find(session, login), task.revision, Bound(**task.bound).digest(), reason)
            outcome = do(session, self.workstation, session.get(Task, task.id), act)
        self.turn()
        return outcome

    def asked(self, document_id: str | None = None) -> list[CircuitTask]:
        with self.workstation.database.reading() as session:
            return records.open_tasks(session, "essai", document_id)

    def answer(self, task: CircuitTask, login: str, answer: str, **values) -> circuits.Fed:
        with self.workstation.database.writing() as session:
            person = people.find(session, login)
            fed = circuits.answer_task(session, self.workstation, session.get(CircuitTask, task.id), person, answer, values, task.revision)
        self.turn()
        return fed

    def standing(self, document_id: str) -> str | None:
        with self.workstation.database.reading() as session:
            found = approvals.standing_of(session, document_id)
            return found.state if found else None

    def rows(self, table, **where) -> list:
        with self.workstation.database.reading() as session:
            return list(session.scalars(sa.select(table).filter_by(**where).order_by(table.id)))

    def activate(self, text: str, *, circuit: bool = False, by: str = "clara", second: str = "carole") -> None:
        with self.workstation.database.writing() as session:
            written = rule_versions.write_version(session, self.workstation, "essai", text, people.find(session, by), circuit=circuit)
            assert written.row is not None, written.flaws
            assert rule_versions.activate_version(session, self.workstation, written.row, people.find(session, second)) == ""


@pytest.fixture
def house(tmp_path):
    opened, now = webhome.open_home(tmp_path), [NOON]
    known = Suppliers(ibans={PAPER.siren: [PAPER.iban]})
    settings = opened.settings.model_copy(update={"suppliers": known})
    workstation = replace(opened, settings=settings, clock=lambda: now[0])
    with workstation.database.writing() as session:
        session.execute(sa.update(Person).values(ended_at=NOON))
        someone(session, "clara", Role.CLERK)
        someone(session, "carole", Role.COMPLIANCE)
        someone(session, "camille", Role.COMPLIANCE)
        someone(session, "remi", Role.RECEIVABLES)
        someone(session, "marc", Role.MAILROOM)
        for login in ("anne", "basile", "denis"):
            someone(session, login, Role.APPROVER)
    yield House(workstation, now)
    workstation.database.close()


# --- the supplier's invoice ---


def test_a_known_supplier_s_invoice_goes_straight_to_one_approver_and_then_to_the_accounts(house):
    document = house.invoice()
    house.submit(document)
    assert house.approval(document) is not None
    assert house.decide(document, tasks.approve, "anne").done
    run = house.run(document, "facture-fournisseur")
    assert (run.step, house.standing(document)) == ("comptabilite", "approved")
    with house.workstation.database.writing() as session:
        tasks.tell_state(session, get_document(session, document), InvoiceState.POSTED, "logiciel", house.now[0])
    house.turn()
    run = house.run(document, "facture-fournisseur")
    assert (run.standing, run.outcome) == ("ended", "bon à payer")


def test_every_decision_keeps_rule_version_hash_values_and_line_and_the_approver_reads_why(house):
    document = house.invoice()
    house.submit(document)
    made = {row.table: row for row in house.rows(DecisionMade)}["qui-approuve"]
    rule = house.rows(RuleVersion, name="approbation-fournisseurs")[0]
    assert (made.rule_id, made.meaning, made.sha256, made.lines) == (rule.id, rule.meaning, rule.sha256, ["A4"])
    assert made.inputs["montant_ttc"] == ["n", "1234.56"]
    why = house.approval(document).why["text"]
    assert "ligne A4 (facture courante sans commande égale)" in why and "Règles en vigueur le 20/11/2026" in why


def test_more_than_five_thousand_takes_two_approvers(house):
    document = house.invoice("5000.01")
    house.submit(document)
    assert house.decide(document, tasks.approve, "anne").done
    assert house.decide(document, tasks.approve, "anne").wrong == "decided"
    assert house.decide(document, tasks.approve, "basile").done
    assert house.standing(document) == "approved"


def test_a_new_supplier_is_checked_first_and_whoever_checked_does_not_approve(house):
    with house.workstation.database.writing() as session:
        someone(session, "esther", Role.CLERK, Role.APPROVER)
    document = house.invoice("100.00", siren="552100554")
    house.forget(document, "iban")
    house.submit(document)
    (check,) = house.asked(document)
    assert check.step == "verification-comptable" and house.answer(check, "esther", "correcte").taken
    assert house.decide(document, tasks.approve, "esther").wrong == "prepared"
    assert house.decide(document, tasks.approve, "anne").done


def test_an_approver_sends_it_back_with_a_reason_and_it_is_checked_anew(house):
    document = house.invoice()
    house.submit(document)
    assert house.decide(document, tasks.send_back, "anne").wrong == "reason"
    assert house.decide(document, tasks.send_back, "anne", "Quel service l'a commandée ?").done
    (check,) = house.asked(document)
    assert (check.step, house.standing(document)) == ("verification-comptable", "in review")
    house.answer(check, "clara", "correcte")
    assert house.decide(document, tasks.approve, "anne").done


def refused(house, text: str = "Prestation non faite", address: str = "compta@fournisseur.example") -> str:
    document = house.invoice()
    house.submit(document)
    house.decide(document, tasks.refuse, "anne", "non")
    (form,) = house.asked(document)
    house.answer(form, "anne", "refuser", motif_refus=text, courriel_fournisseur=address)
    return document


def test_submitted_again_after_a_refusal_it_is_asked_again_though_the_reason_was_still_to_be_given(house):
    document = house.invoice()
    house.submit(document)
    house.decide(document, tasks.refuse, "anne", "non")
    assert house.approval(document) is None and len(house.asked(document)) == 1
    house.later(minutes=5)
    house.submit(document)
    assert house.approval(document) is not None and house.asked(document) == []


def test_a_form_asks_for_what_it_needs_and_a_letter_leaves_once(house):
    document = house.invoice()
    house.submit(document)
    house.decide(document, tasks.refuse, "anne", "non")
    (form,) = house.asked(document)
    assert "à remplir" in house.answer(form, "anne", "refuser").reasons[0]
    assert house.answer(form, "anne", "refuser", motif_refus="Non commandé", courriel_fournisseur="a@exemple.fr").taken
    house.answer(house.asked(document)[0], "clara", "ecrire")
    (letter,) = house.rows(OutboxRow, kind="mail")
    assert letter.payload["to"] == "a@exemple.fr" and "Motif : Non commandé" in letter.payload["body"]
    assert house.run(document, "facture-fournisseur").outcome == "refusée"


def test_what_somebody_typed_is_never_run(house):
    hostile = "{{ 7*7 }}{% for x in range(9) %}{{ cycler.__init__.__globals__.os.system('touch /tmp/y1-owned') }}{% endfor %}"
    document = refused(house, hostile)
    house.answer(house.asked(document)[0], "clara", "ecrire")
    (letter,) = house.rows(OutboxRow, kind="mail")
    assert hostile in letter.payload["body"] and not Path("/tmp/y1-owned").exists()


def test_a_letter_to_no_address_becomes_a_task_and_never_silence(house):
    document = refused(house, address="pas une adresse")
    house.answer(house.asked(document)[0], "clara", "ecrire")
    (told,) = house.asked(document)
    assert (told.kind, told.asked) == ("mail", [["role", "compliance"]]) and "n'est pas une adresse" in told.title
    assert house.answer(told, "carole", "vu").taken and not house.asked(document)


# --- changes, versions, rules of the day of submission ---

STRICTER = ("<= 500       | connu       | -        || simple", "<= 500       | connu       | -        || double")


def test_values_that_change_void_the_approval_and_the_rules_of_the_submission_hold(house):
    first = house.invoice("400.00", number="A-1")
    house.submit(first)
    text = house.rows(RuleVersion, name="approbation-fournisseurs")[0].text
    house.activate(text.replace(*STRICTER))
    house.now[0] += timedelta(hours=1)
    house.submit(house.invoice("300.00", number="A-2"))
    house.say(first, "invoice_number", "A-1b")
    runs = house.rows(CircuitRun, document_id=first)
    assert [(run.standing, run.outcome) for run in runs] == [("ended", "recommencé"), ("running", "")]
    assert (runs[0].rules, runs[0].submitted_at) == (runs[1].rules, runs[1].submitted_at)
    task = house.approval(first)
    assert task.needed == 1 and task.bound["number"] == "A-1b" and "20/11/2026" in task.why["text"]
    assert house.rows(Task, state="open")[-2:][0].needed + house.rows(Task, state="open")[-1].needed == 3


def test_a_version_is_in_force_once_a_second_person_activated_it_and_none_that_breaks_a_circuit_is(house):
    house.turn()
    text = house.rows(RuleVersion, name="approbation-fournisseurs")[0].text
    with house.workstation.database.writing() as session:
        clara, carole = people.find(session, "clara"), people.find(session, "carole")
        written = rule_versions.write_version(session, house.workstation, "essai", text.replace(*STRICTER), clara, circuit=False).row
        assert rule_versions.activate_version(session, house.workstation, written, clara) == "same"
        assert rule_versions.activate_version(session, house.workstation, written, carole) == ""
        broken = text.replace("voie: simple", "voix: simple").replace("  voie:", "  voix:")
        assert rule_versions.write_version(session, house.workstation, "essai", "regles: [", clara, circuit=False).flaws
        renamed = rule_versions.write_version(session, house.workstation, "essai", broken.replace("voie", "voix"), clara, circuit=False)
        if renamed.row is not None:
            assert rule_versions.activate_version(session, house.workstation, renamed.row, carole) == "broken"
        first = session.scalars(sa.select(RuleVersion).where(RuleVersion.number == 1, RuleVersion.name == written.name)).one()
        assert rule_versions.activate_version(session, house.workstation, first, carole) == "ended"
        back = rule_versions.write_version(session, house.workstation, "essai", first.text, carole, circuit=False).row
        assert rule_versions.activate_version(session, house.workstation, back, clara) == "" and written.ended_at is not None
        back.made_by, back.active_from = rule_versions.SHIPPER, None
        assert rule_versions.activate_version(session, house.workstation, back, clara) == "unasked"
    told = [json.loads(row.body)["what"] for row in house_ledger(house, "rules")]
    assert told[:1] == ["written"] and "activated" in told


def house_ledger(house, kind: str) -> list[LedgerPayload]:
    with house.workstation.database.reading() as session:
        return list(session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == kind).order_by(LedgerPayload.sequence)))


def test_a_text_that_was_altered_in_the_database_stops_its_circuits_with_a_task(house):
    document = house.invoice()
    house.submit(document)
    with house.workstation.database.writing() as session:
        session.execute(sa.update(RuleVersion).values(text=RuleVersion.text + "\n# altered"))
    house.decide(document, tasks.approve, "anne")
    run = house.run(document, "facture-fournisseur")
    assert run.standing == "stuck" and "n'est plus celui qui a été enregistré" in run.trouble
    assert [task.kind for task in house.asked(document)] == ["trouble"]


# --- what cannot go on ---


def test_a_missing_value_stops_it_and_the_value_that_comes_takes_it_further(house):
    document = house.invoice()
    house.forget(document, "invoice_number")
    house.submit(document)
    (told,) = house.asked(document)
    assert told.kind == "trouble" and "Numéro de facture" in told.title
    house.say(document, "invoice_number", "N-1")
    assert not house.asked(document) and house.approval(document) is not None


def test_of_two_turns_at_once_one_takes_the_run_further(house):
    document = house.invoice()
    house.submit(document)
    run = house.run(document, "facture-fournisseur")
    with house.workstation.database.writing() as session:
        here = session.get_one(CircuitRun, run.id)
        assert records.claim_run(session, here, run.revision) and not records.claim_run(session, here, run.revision)


def test_a_confidential_letter_leaves_its_circuits(house):
    document = house.invoice()
    house.submit(document)
    with house.workstation.database.writing() as session:
        found = session.get_one(Document, document)
        found.confidential, found.revision = True, found.revision + 1
    house.turn()
    assert house.run(document, "facture-fournisseur").standing == "ended" and house.approval(document) is None


def test_what_waits_for_a_date_is_told_before_its_day(house):
    document = house.invoice()
    house.submit(document)
    with house.workstation.database.reading() as session:
        woken = house.run(document, "facture-fournisseur").wake_on
        assert [due.day for due in circuits.due_on(session, date.fromisoformat(woken), "essai")] == [woken]
        assert circuits.due_on(session, date.fromisoformat(woken) - timedelta(days=1), "essai") == []


# --- the other shipped circuits ---


def test_a_held_scan_is_a_task_of_the_mailroom_until_it_is_taken_up(house):
    document = webhome.held(house.workstation, "copieur.jpg", PAPER)
    house.turn()
    (task,) = house.asked(document)
    assert (task.asked, task.title) == ([["role", "mailroom"]], "Renumériser copieur.jpg")
    with house.workstation.database.writing() as session:
        found = session.get_one(Document, document)
        found.state, found.revision = State.SET_ASIDE, found.revision + 1
    house.turn()
    assert not house.asked(document) and house.run(document, "numerisation-retenue").outcome == "écarté"


def test_an_account_that_changes_is_called_about_and_accepted_by_two_people_who_are_not_the_caller(house):
    settings = house.workstation.settings.model_copy(update={"suppliers": Suppliers(ibans={PAPER.siren: ["FR1420041010050500013M02606"]})})
    house.workstation = replace(house.workstation, settings=settings)
    document = house.invoice()
    with house.workstation.database.writing() as session:
        review.submit(session, house.workstation, document, people.find(session, "clara"), lambda *_: None, whole=True)
    house.turn()
    (form,) = house.asked(document)
    assert (form.kind, form.title.startswith("Compte changé : rappeler Menuiserie Le Goff")) == ("form", True)
    house.answer(form, "clara", "confirme", appele="Mme Roy", numero_appele="01 02 03 04 05")
    house.answer(house.asked(document)[0], "anne", "accepter")
    assert not house.answer(house.asked(document)[0], "anne", "accepter").taken
    house.answer(house.asked(document)[0], "basile", "accepter")
    assert house.run(document, "changement-iban").outcome == "iban accepté"
    house.turn()
    # An account that changed is checked by two, however it came to be accepted.
    (check,) = house.asked(document)
    assert (check.step, check.asked) == ("verification-conformite", [["role", "compliance"]])
    house.answer(check, "carole", "lever")
    house.answer(house.asked(document)[0], "camille", "lever")
    assert house.approval(document) is not None, [task.title for task in house.asked(document)]


# --- who is known, and since when ---


def confirm_account(house, document: str, login: str) -> None:
    """The second person approves the account on the page of the review."""
    with house.workstation.database.writing() as session:
        asked = session.scalars(sa.select(AccountChange).where(AccountChange.document_id == document)).one()
        review.decide_account(session, house.workstation, asked.id, people.find(session, login), "", approved=True)
    house.turn()


@pytest.fixture
def stranger(house):
    """A house that knows no supplier, with one invoice submitted whose account waits."""
    house.workstation = replace(house.workstation, settings=house.workstation.settings.model_copy(update={"suppliers": Suppliers()}))
    document = house.invoice("120.00")
    house.submit(document)
    return document


def test_a_first_purchase_takes_two_though_its_account_was_confirmed_on_it(house, stranger):
    confirm_account(house, stranger, "anne")
    (check,) = house.asked(stranger)
    assert check.step == "verification-comptable"
    with house.workstation.database.writing() as session:
        someone(session, "claude", Role.CLERK)
    house.answer(check, "claude", "correcte")
    assert house.approval(stranger).needed == 2
    assert house.decide(stranger, tasks.approve, "basile").done
    assert house.decide(stranger, tasks.approve, "anne").wrong == "confirmed"
    assert house.decide(stranger, tasks.approve, "denis").done
    assert house.standing(stranger) == "approved"


def test_the_next_invoice_of_a_supplier_is_that_of_a_known_one(house, stranger):
    confirm_account(house, stranger, "anne")
    house.now[0] += timedelta(days=1)
    later = webhome.sealed(house.workstation, "suivante.tif", replace(PAPER, number="2026/319"))
    with house.workstation.database.writing() as session:
        session.get_one(Document, later).received_at = house.now[0]
    house.submit(later)
    assert house.approval(later).needed == 2, "plus de 5 000 €"
    made = [row for row in house.rows(DecisionMade, document_id=later) if row.table == "qui-approuve"]
    assert made[0].lines == ["A5"]


def test_a_new_account_is_called_new_and_its_circuit_ends_with_what_became_of_it(house, stranger):
    (form,) = house.asked(stranger)
    assert form.title.startswith("Compte nouveau : rappeler")
    confirm_account(house, stranger, "anne")
    assert house.run(stranger, "changement-iban").outcome == "iban accepté"


def test_several_first_invoices_with_one_account_that_nobody_confirmed_bear_a_new_account_not_a_changed_one(house, stranger):
    for number in ("2026/401", "2026/402"):
        later = house.invoice("80.00", number=number)
        house.submit(later)
        with house.workstation.database.reading() as session:
            assert facts.facts_of(session, house.workstation, session.get_one(Document, later))["compte"] == "nouveau"
            assert session.scalars(sa.select(AccountChange.known).where(AccountChange.document_id == later)).one() == []
        assert house.asked(later)[0].title.startswith("Compte nouveau")


def test_a_supplier_listed_after_the_invoice_came_is_new_to_it(house, stranger):
    with house.workstation.database.writing() as session:
        row = Supplier(entity="essai", key=f"siren:{PAPER.siren}", siren=PAPER.siren, name="Le Goff", changed_by="x", changed_at=NOON)
        row.added_at = NOON + timedelta(hours=1)
        session.add(row)
        session.flush()
        seen = facts.facts_of(session, house.workstation, session.get_one(Document, stranger))
        row.added_at = None
        session.flush()
        before = facts.facts_of(session, house.workstation, session.get_one(Document, stranger))
    assert (seen["fournisseur"], before["fournisseur"]) == ("nouveau", "connu")


def credit_note(house, number: str, gross: str, origin: str) -> str:
    document = house.invoice(gross, number=number)
    with house.workstation.database.writing() as session:
        session.get_one(Document, document).document_type = "credit-note"
    house.submit(document)
    if origin:
        (form,) = house.asked(document)
        house.answer(form, "clara", "chercher", numero_origine=origin)
    return document


def test_a_credit_note_looks_for_its_invoice_and_is_set_against_it_by_an_approver(house):
    invoice = house.invoice("120.00", number="F-1")
    house.submit(invoice)
    document = credit_note(house, "AV-1", "20.00", "F-1")
    assert house.approval(document).why["answers"]["approved"][0] == "imputer"
    assert house.decide(document, tasks.approve, "anne").done
    assert (house.run(document, "avoir").outcome, house.standing(document)) == ("imputé", "approved")
    larger = credit_note(house, "AV-2", "110.00", "F-1")
    assert house.run(larger, "avoir").step == "rembourser"


@pytest.mark.parametrize("code", ["381", "261", "396"])
def test_an_invoice_that_calls_itself_a_credit_note_goes_the_way_of_credit_notes_from_start_to_end(house, code):
    invoice = house.invoice("240.00", number="F-7")
    house.submit(invoice)
    document = house.invoice("120.00", number="AV-7")
    with house.workstation.database.writing() as session:
        session.add(FieldRow(document_id=document, name="document_type_code", source="read", value=code, confidence=0.99))
    house.submit(document)
    assert house.run(document, "facture-fournisseur") is None
    (form,) = house.asked(document)
    house.answer(form, "clara", "chercher", numero_origine="F-7")
    assert house.approval(document).due is None
    assert house.decide(document, tasks.approve, "anne").done
    assert house.run(document, "avoir").outcome == "imputé"


def test_an_advance_invoice_is_no_credit_note(house):
    document = house.invoice("120.00", number="F-8")
    with house.workstation.database.writing() as session:
        session.add(FieldRow(document_id=document, name="document_type_code", source="read", value="386", confidence=0.99))
        session.flush()
        assert facts.facts_of(session, house.workstation, session.get_one(Document, document))["nature"] == "facture"


# --- a year, time handed in ---


def a_claim(house, number: str, gross: str, due: date) -> str:
    """An invoice that we issued ourselves, and its open item."""
    document = house.invoice(gross, number=number)
    with house.workstation.database.writing() as session:
        session.add(FieldRow(document_id=document, name="due_date", source="read", value=due.isoformat(), confidence=0.99))
        session.add(FieldRow(document_id=document, name="buyer_name", source="read", value="Mairie de Brest", confidence=0.99))
        customer = session.scalar(sa.select(Customer).where(Customer.number == "C1")) or Customer(
            entity="essai", number="C1", name="Mairie de Brest", siren="", vat_id="", regime="private", language="fr", address="",
            contact="", email="", phone="", changed_by="x", changed_at=NOON,
        )  # fmt: skip
        session.add(customer)
        session.flush()
        session.add(
            OpenItem(
                entity="essai",
                customer_id=customer.id,
                number=number,
                cents=int(Decimal(gross) * 100),
                issued=NOON.date().isoformat(),
                due=due.isoformat(),
                source="hand",
                batch="",
                actor="x",
                made_at=NOON,
            )
        )
        session.get_one(Document, document).revision += 1
    house.turn()
    return document


def pay(house, number: str, gross: str) -> None:
    with house.workstation.database.writing() as session:
        item = session.scalars(sa.select(OpenItem).where(OpenItem.number == number)).one()
        session.add(
            ItemEvent(
                entity="essai",
                item_id=item.id,
                what="payment",
                day=house.now[0].date().isoformat(),
                cents=int(Decimal(gross) * 100),
                reference=f"{number}-1",
                reason="",
                source="hand",
                actor="x",
                at=house.now[0],
            )
        )


@pytest.fixture
def seller(house):
    """The same house, whose own invoices bear the SIREN of the papers."""
    identity = house.workstation.settings.identity.model_copy(update={"sirens": [PAPER.siren]})
    house.workstation = replace(house.workstation, settings=house.workstation.settings.model_copy(update={"identity": identity}))
    return house


def test_what_a_customer_paid_is_followed_no_more_and_who_is_late_is_called(seller):
    paid = a_claim(seller, "V-1", "240.00", NOON.date() + timedelta(days=10))
    late = a_claim(seller, "V-2", "240.00", NOON.date() + timedelta(days=10))
    assert seller.run(paid, "suivi-client").step == "echeance" and seller.run(paid, "facture-fournisseur") is None
    pay(seller, "V-1", "240.00")
    for _ in range(14):
        seller.later(days=1)
    assert seller.run(paid, "suivi-client").outcome == "soldée"
    (call,) = seller.asked(late)
    assert (call.step, call.asked) == ("appeler", [["role", "receivables"]]) and "240,00" in call.title
    seller.answer(call, "remi", "promis", promesse=seller.now[0].date() + timedelta(days=5))
    pay(seller, "V-2", "240.00")
    for _ in range(9):
        seller.later(days=1)
    assert seller.run(late, "suivi-client").outcome == "soldée"


def test_a_year_of_the_shipped_circuits_leaves_nothing_forgotten(house):
    begun, documents = house.now[0], []
    while house.now[0] < begun + timedelta(days=365):
        if len(documents) < 12 and (house.now[0] - begun).days % 30 == 0:
            documents.append(house.invoice("900.00", number=f"Y-{len(documents)}"))
            house.submit(documents[-1])
        for document in documents:
            task = house.approval(document)
            if task is not None and (house.now[0] - task.opened_at).days >= 9:
                house.decide(document, tasks.approve, "anne")
                with house.workstation.database.writing() as session:
                    tasks.tell_state(session, get_document(session, document), InvoiceState.POSTED, "logiciel", house.now[0])
        house.later(days=1)
    assert {house.run(document, "facture-fournisseur").outcome for document in documents} == {"bon à payer"}
    late = house.rows(CircuitTask, kind="late")
    assert len(documents) == len(late) == 12 and not house.asked()


# --- all eight activities, with an outside ---

EIGHT = """
circuit: essai-complet
titre: Toutes les activités
regles: [petit]
vocabulaire:
  numero: {libelle: Numéro, type: texte}
  siren: {libelle: SIREN, type: texte, facultatif: oui}
  montant_ttc: {libelle: Montant, type: montant}
  nature: {libelle: Nature, type: liste, choix: {facture: facture, avoir: avoir, autre: autre}}
  centre: {libelle: Centre, type: texte, facultatif: oui}
  depart: {libelle: Départ, type: date, facultatif: oui}
  jours: {libelle: Jours, type: entier, facultatif: oui}
  echeance_voulue: {libelle: Échéance voulue, type: date, facultatif: oui}
  lot: {libelle: Lot, type: texte, facultatif: oui}
lancement:
  - {quand: document, si: {nature: autre}}
debut: decider
etapes:
  decider:
    activite: decision
    titre: Décider
    table: petit/taille
    vers: chercher
  chercher:
    activite: consulter
    titre: Chercher
    source: centres
    avec: {siren: siren}
    donne: {centre: centre}
    vers: remplir
    absent: fini
  remplir:
    activite: formulaire
    titre: Remplir
    objet: "Quand payer {{ numero }} ?"
    pour: {groupe: paie}
    champs:
      depart: {obligatoire: oui, aide: Premier jour}
      jours: {obligatoire: oui}
      echeance_voulue: {}
    boutons:
      calculer: {libelle: Calculer, service: jours-ouvres, avec: {jour: depart, jours: jours}, donne: {echeance_voulue: jour}}
      fini: {libelle: Terminé, vers: demander}
    delai: 2 jours ouvrés
    rappel: 1 jour ouvré
    escalade: [{apres: 1 jour ouvré, pour: {role: compliance}}]
  demander:
    activite: tache
    titre: Demander
    objet: "Tout va bien, {{ numero }} ?"
    pour: {personne: anne}
    reponses: {oui-oui: {libelle: Oui, vers: ecrire}}
    autre_que: [remplir]
  ecrire:
    activite: courriel
    titre: Écrire
    a: "{{ centre }}@exemple.fr"
    objet: "Facture {{ numero }}"
    texte: "{% if centre %}Centre {{ centre }}{% endif %}"
    vers: appeler
  appeler:
    activite: service
    titre: Appeler
    service: erp
    avec: {numero: numero, montant: montant_ttc}
    donne: {lot: lot}
    vers: patienter
    echec: a-la-main
  a-la-main:
    activite: tache
    titre: À la main
    objet: À la main
    pour: {role: clerk}
    reponses: {fait: {libelle: Fait, vers: fini}, encore: {libelle: Réessayer, vers: appeler}}
  patienter: {activite: attendre, titre: Patienter, delai: 2 jours ouvrés, vers: fini}
  fini: {activite: fin, titre: Fini, issue: fini}
"""
SMALL = """
regles: petit
titre: Petit
vocabulaire:
  montant_ttc: {libelle: Montant, type: montant}
  taille: {libelle: Taille, type: liste, choix: [petite, grande]}
tables:
  taille:
    titre: Taille
    choisir: premiere
    lignes: |
      |       | Montant  || Taille |
      |-------|----------||--------|
      | T1    | <= 1000  || petite |
      | sinon | -        || grande |
essais:
  - {titre: petite, avec: {montant_ttc: 5}, attendu: {ligne: T1, taille: petite}}
"""


class Erp(BaseHTTPRequestHandler):
    """Answers 503 as often as it is told, then with a batch; remembers what it was sent."""

    fails = 0
    heard: list[tuple[str, dict]]
    answer = b'{"lot": "L-7"}'

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).heard.append((self.headers["Idempotency-Key"], json.loads(told) | {"by": self.headers["Authorization"]}))
        self.send_response(503 if len(type(self).heard) <= type(self).fails else 200)
        self.end_headers()
        self.wfile.write(type(self).answer)

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def outside(house, monkeypatch):
    Erp.heard, Erp.fails, Erp.answer = [], 0, b'{"lot": "L-7"}'
    server = HTTPServer(("127.0.0.1", 0), Erp)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("SCEAU_CONNECTOR_ERP_SECRET", "un secret")
    connector = Connector(
        name="erp",
        url=f"http://127.0.0.1:{server.server_port}/lots",
        takes={"numero": "texte", "montant": "montant"},
        gives={"lot": "texte"},
    )
    lookup = Lookup(name="centres", csv="centres.csv", takes={"siren": "texte"}, gives={"centre": "texte"})
    (house.workstation.home / "lookups").mkdir()
    (house.workstation.home / "lookups" / "centres.csv").write_text(f"siren;centre\n{PAPER.siren};atelier\n", encoding="utf-8")
    settings = house.workstation.settings.model_copy(update={"connectors": (connector,), "lookups": (lookup,)})
    house.workstation = replace(house.workstation, settings=settings)
    with house.workstation.database.writing() as session:
        clara = people.find(session, "clara")
        group = PersonGroup(entity="essai", name="paie", made_at=NOON)
        session.add(group)
        session.flush()
        session.add(GroupMember(group_id=group.id, pseudonym=clara.pseudonym, given_at=NOON))
    house.turn()
    house.activate(SMALL)
    house.activate(EIGHT, circuit=True)
    yield house
    server.shutdown()
    server.server_close()
    thread.join()


def other(house) -> str:
    document = house.invoice("99.00")
    with house.workstation.database.writing() as session:
        found = session.get_one(Document, document)
        found.document_type, found.revision = "other", found.revision + 1
    house.turn()
    return document


def as_far_as_the_service(house) -> str:
    document = other(house)
    (form,) = house.asked(document)
    assert form.asked == [["groupe", "paie"]] and form.due == "2026-11-24"
    house.answer(form, "clara", "calculer", depart=date(2026, 11, 20), jours=3)
    (form,) = house.asked(document)
    assert circuits.state_of(house.run(document, "essai-complet")).values["echeance_voulue"] == date(2026, 11, 25)
    house.answer(form, "clara", "fini", depart=date(2026, 11, 20), jours=3, echeance_voulue=date(2026, 11, 25))
    house.answer(house.asked(document)[0], "anne", "oui-oui")
    return document


def test_all_eight_activities_run_with_a_file_a_group_a_function_a_person_a_letter_and_a_service_that_is_tried_again(outside):
    Erp.fails = 1
    document = as_far_as_the_service(outside)
    assert [row.payload["to"] for row in outside.rows(OutboxRow, kind="mail")] == ["atelier@exemple.fr"]
    with outside.workstation.database.writing() as session:
        session.execute(sa.delete(OutboxRow).where(OutboxRow.kind == "mail"))
    senders.tend_outbox(outside.workstation)
    outside.later(minutes=5)
    senders.tend_outbox(outside.workstation)
    outside.turn()
    (first, sent), (second, _) = Erp.heard
    assert first == second and sent == {"numero": "2026/318", "montant": "99.00", "by": "Bearer un secret"}
    run = outside.run(document, "essai-complet")
    assert (run.step, run.state["values"]["lot"], run.wake_on) == ("patienter", ["s", "L-7"], "2026-11-24")
    outside.later(days=4)
    assert outside.run(document, "essai-complet").outcome == "fini"
    steps = outside.rows(CircuitStep, document_id=document)
    answered = [step.told["values"]["depart"] for step in steps if step.event == "answered" and step.told["values"]]
    assert answered == [["d", "2026-11-20"]] * 2 and [step.revision for step in steps] == list(range(1, len(steps) + 1))


def test_an_answer_that_was_not_announced_goes_the_way_of_failure(outside):
    Erp.answer = b'["no", "object"]'
    document = as_far_as_the_service(outside)
    senders.tend_outbox(outside.workstation)
    outside.turn()
    assert outside.run(document, "essai-complet").step == "a-la-main"
    Erp.answer = b'{"lot": "L-8"}'
    outside.answer(outside.asked(document)[0], "clara", "encore")
    senders.tend_outbox(outside.workstation)
    outside.turn()
    assert outside.run(document, "essai-complet").state["values"]["lot"] == ["s", "L-8"]
    assert len({key for key, _ in Erp.heard}) == 2


def test_an_answer_to_an_earlier_question_is_not_kept_for_a_later_one(outside, monkeypatch):
    as_far_as_the_service(outside)
    (row,) = outside.rows(OutboxRow, kind="service")
    parcel, heard = outbox.Parcel(row.id, row.entity, row.kind, row.key, row.payload, row.put_at), []

    def asked_otherwise(_connector, _settings, _parameters, key):
        heard.append(key)
        with outside.workstation.database.writing() as session:
            call = session.get_one(CircuitCall, row.payload["call"])
            call.parameters = rule_values_out({"numero": "autre"})
            connectors.put_call(session, call, 99)
        return {"lot": "L-old"}

    monkeypatch.setattr(connectors, "ask_service", asked_otherwise)
    connectors.deliver_service(outside.workstation, parcel)
    connectors.deliver_service(outside.workstation, parcel)
    (call,) = outside.rows(CircuitCall, name="erp")
    assert (call.state, call.results, len(heard)) == ("waiting", None, 1)


def test_what_a_source_says_of_an_earlier_question_is_asked_again(outside, monkeypatch):
    asked = []

    def asked_otherwise(_lookup, _home, parameters):
        asked.append(parameters)
        if len(asked) == 1:
            with outside.workstation.database.writing() as session:
                session.execute(
                    sa.update(CircuitCall).where(CircuitCall.name == "centres").values(parameters=rule_values_out({"siren": "1"}))
                )
        return {"centre": f"de {parameters['siren']}"}

    monkeypatch.setattr(circuits.lookups, "ask_lookup", asked_otherwise)
    document = other(outside)
    assert outside.asked(document) == []
    outside.turn()
    assert outside.run(document, "essai-complet").state["values"]["centre"] == ["s", "de 1"]


def test_what_an_overdue_form_asks_goes_to_whoever_it_escalates_to_too(outside):
    document = other(outside)
    outside.later(days=6)
    (form,) = outside.asked(document)
    assert form.asked == [["groupe", "paie"], ["role", "compliance"]]
    assert outside.answer(form, "carole", "fini", depart=date(2026, 12, 1), jours=1).taken


def test_a_source_that_cannot_be_read_is_no_empty_answer(outside):
    (outside.workstation.home / "lookups" / "centres.csv").unlink()
    document = other(outside)
    (told,) = outside.asked(document)
    assert told.kind == "trouble" and "ne peut pas être lu" in told.title
    (outside.workstation.home / "lookups" / "centres.csv").write_text(f"siren,centre\n{PAPER.siren},atelier\n", encoding="utf-8")
    assert outside.answer(told, "carole", "reprendre").taken
    assert [task.step for task in outside.asked(document)] == ["remplir"]


def database_lookup(select: str, tmp_path: Path) -> tuple[Lookup, dict[str, str]]:
    path = tmp_path / "compta.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE fournisseur (siren TEXT, plafond TEXT); INSERT INTO fournisseur VALUES ('732829320', '1500.50'), ('1', 'x');"
        )
    lookup = Lookup(name="plafonds", database="compta", select=select, takes={"siren": "texte"}, gives={"plafond": "montant"}, seconds=1)
    return lookup, {"SCEAU_LOOKUP_COMPTA_URL": f"sqlite:///{path}"}


def test_a_database_answers_with_typed_values_and_bound_parameters_are_never_words_of_the_question(tmp_path):
    lookup, there = database_lookup("SELECT plafond FROM fournisseur WHERE siren = :siren", tmp_path)
    assert ask_lookup(lookup, tmp_path, {"siren": "732829320"}, there) == {"plafond": Decimal("1500.50")}
    assert ask_lookup(lookup, tmp_path, {"siren": "' OR 1=1 --"}, there) is None
    with pytest.raises(LookupFailed, match="montant"):
        ask_lookup(lookup, tmp_path, {"siren": "1"}, there)
    with pytest.raises(LookupFailed, match="SCEAU_LOOKUP_COMPTA_URL"):
        ask_lookup(lookup, tmp_path, {"siren": "1"}, {})


@pytest.mark.parametrize(
    ("select", "why"),
    [
        ("SELECT plafond FROM fournisseur", "plusieurs lignes"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS plafond FROM n", "n'a pas répondu"),
        ("WITH gone AS (SELECT 1) DELETE FROM fournisseur", "n'a pas répondu"),
    ],
)
def test_a_question_of_many_rows_without_end_or_that_would_change_something_is_refused(tmp_path, select, why):
    lookup, there = database_lookup(select, tmp_path)
    with pytest.raises(LookupFailed, match=why):
        ask_lookup(lookup, tmp_path, {"siren": "x"}, there)
    with sqlite3.connect(tmp_path / "compta.db") as connection:
        assert connection.execute("SELECT count(*) FROM fournisseur").fetchone() == (2,)


@pytest.mark.parametrize("select", ["DELETE FROM a", "SELECT 1; DROP TABLE a", "PRAGMA query_only = OFF"])
def test_settings_take_one_reading_and_nothing_else(select):
    with pytest.raises(ValueError, match="SELECT"):
        Lookup(name="a", database="b", select=select)


def test_a_file_outside_of_its_folder_is_no_source(tmp_path):
    (tmp_path / "lookups").mkdir()
    (tmp_path / "lookups" / "a.csv").symlink_to("/etc/passwd")
    with pytest.raises(LookupFailed, match="mène hors"):
        ask_lookup(Lookup(name="a", csv="a.csv"), tmp_path, {})
    with pytest.raises(ValueError, match="csv"):
        Lookup(name="a", csv="../sceau.toml")


CLOCK = """
circuit: tous-les-matins
titre: Tous les matins
vocabulaire:
  qui: {libelle: Qui, type: texte, facultatif: oui}
lancement: [{quand: heure, a: "08:00", jours: ouvrés}]
debut: demander
etapes:
  demander: {activite: tache, titre: Regarder, objet: Regarder la boîte, pour: {role: mailroom}, reponses: {vu: {libelle: Vu, vers: fini}}}
  fini: {activite: fin, titre: Fini, issue: fini}
"""


def test_a_time_of_day_begins_a_circuit_once_on_business_days(house):
    house.turn()
    house.activate(CLOCK, circuit=True)
    for _ in range(8 * 12):
        house.later(hours=2)
    runs = house.rows(CircuitRun, circuit="tous-les-matins")
    assert [run.started_at.date().isoformat() for run in runs] == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"]
    assert house.answer(house.asked()[0], "marc", "vu").taken


# --- killed between two steps ---


@pytest.mark.parametrize(
    "place",
    [
        "station.circuits:_look:after:1",
        "station.circuits:_look:before:1",
        "station.circuits:_carry_out:before:1",
        "station.circuits:_carry_out:after:1",
        "station.mail:put_mail:after:1",
        "station.circuits:_call:after:1",
        "station.records.circuits:claim_run:after:2",
    ],
)
def test_killed_at_any_place_a_further_turn_does_everything_once(outside, place):
    """A process that carries out what is open and ends itself there; then one that goes to the end."""
    document = other(outside)
    house = outside
    house.answer(house.asked(document)[0], "clara", "fini", depart=date(2026, 11, 20), jours=3)
    second = house.invoice("300.00", number="K-1")
    with house.workstation.database.writing() as session:
        review.submit(session, house.workstation, second, people.find(session, "clara"), lambda *_: None, whole=True)
    child = os.fork()
    if child == 0:
        # SQLite's connections are their process's own.
        for engine in (house.workstation.database.writer, house.workstation.database.reader):
            engine.dispose(close=False)
        killed.arm(place)
        try:
            circuits.tend_circuits(house.workstation)
            with house.workstation.database.writing() as session:
                task = records.open_tasks(session, "essai", document)[0]
                circuits.answer_task(session, house.workstation, task, people.find(session, "anne"), "oui-oui", {}, task.revision)
            circuits.tend_circuits(house.workstation)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    house.turn()
    if house.run(document, "essai-complet").step == "demander":
        house.answer(house.asked(document)[0], "anne", "oui-oui")
    assert (house.run(document, "essai-complet").step, len(house.rows(CircuitCall, kind="service"))) == ("appeler", 1)
    assert [row.kind for row in house.rows(OutboxRow)] == ["mail", "service"]
    assert len(house.rows(Task, document_id=second)) == len(house.rows(CircuitRun, document_id=second)) == 1
    assert os.WIFSIGNALED(status), "the place was never reached"
