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
from station import circuit_tasks, circuits, connectors, lookups, outbox, review, rule_versions, senders, tasks
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
    CircuitVersion,
    DecisionMade,
    Document,
    FieldRow,
    InvoiceStanding,
    LedgerPayload,
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
