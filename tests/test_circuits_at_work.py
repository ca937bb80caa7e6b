"""Circuits on real rows: each activity, each shipped circuit, a year of them, and what is left when they are killed."""

import json
import threading
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome

from config.settings import Connector, Lookup, Settings, Suppliers
from station import circuits, connectors, learning, lookups, outbox, receivables, review, rule_versions, senders, tasks
from station.lookups import LookupFailed, ask_lookup
from station.outbox import Parcel, Undelivered
from station.records import circuits as records
from station.records import people
from station.records import tasks as approvals
from station.records.documents import get_document
from station.records.tables import (
    CircuitCall,
    CircuitRun,
    CircuitStep,
    CircuitTask,
    Customer,
    DecisionMade,
    Document,
    FieldRow,
    ItemEvent,
    LedgerPayload,
    OpenItem,
    OutboxRow,
    Person,
    PersonRole,
    RuleVersion,
    State,
    Supplier,
    Task,
)
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
        circuits.tend_circuits(self.workstation)

    def later(self, **span: float) -> None:
        self.now[0] += timedelta(**span)
        self.turn()

    def run(self, document_id: str, circuit: str) -> CircuitRun:
        with self.workstation.database.reading() as session:
            return records.last_run(session, document_id, circuit)

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
    assert hostile in letter.payload["body"] and not Path("/tmp/y1-owned").exists()  # noqa: S108 where the attack would write


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
    assert [(run.standing, run.outcome) for run in runs] == [("ended", "abandon"), ("running", "")]
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
        assert rule_versions.activate_version(session, house.workstation, first, carole) == "" and written.ended_at is not None
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
    assert not house.asked(document) and house.run(document, "numerisation-retenue").outcome == "abandon"


def test_an_account_that_changes_is_called_about_and_accepted_by_two_people_who_are_not_the_caller(house):
    settings = house.workstation.settings.model_copy(update={"suppliers": Suppliers(ibans={PAPER.siren: ["FR1420041010050500013M02606"]})})
    house.workstation = replace(house.workstation, settings=settings)
    document = house.invoice()
    with house.workstation.database.writing() as session:
        review.submit(session, house.workstation, document, people.find(session, "clara"), lambda *_: None, whole=True)
    house.turn()
    (form,) = house.asked(document)
    assert (form.kind, form.title.startswith("Rappeler Menuiserie Le Goff")) == ("form", True)
    house.answer(form, "clara", "confirme", appele="Mme Roy", numero_appele="01 02 03 04 05")
    house.answer(house.asked(document)[0], "anne", "accepter")
    assert not house.answer(house.asked(document)[0], "anne", "accepter").taken
    house.answer(house.asked(document)[0], "basile", "accepter")
    assert house.run(document, "changement-iban").outcome == "iban accepté"
    house.turn()
    assert house.approval(document) is not None, [task.title for task in house.asked(document)]


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
                entity="essai", customer_id=customer.id, number=number, cents=int(Decimal(gross) * 100), issued=NOON.date().isoformat(),
                due=due.isoformat(), source="hand", batch="", actor="x", made_at=NOON,
            )  # fmt: skip
        )
        session.get_one(Document, document).revision += 1
    house.turn()
    return document


def pay(house, number: str, gross: str) -> None:
    with house.workstation.database.writing() as session:
        item = session.scalars(sa.select(OpenItem).where(OpenItem.number == number)).one()
        session.add(
            ItemEvent(
                entity="essai", item_id=item.id, what="payment", day=house.now[0].date().isoformat(), cents=int(Decimal(gross) * 100),
                reference=f"{number}-1", reason="", source="hand", actor="x", at=house.now[0],
            )  # fmt: skip
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
