"""Accounts of suppliers: two people stand for each, for this supplier and as it was shown, and neither is whoever had a hand in it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from sqlalchemy.dialects import postgresql
from test_web import visitor

from station import imports, register
from station.acts import NotOffered
from station.people import Act, RoleDays, enrol_person
from station.records import people
from station.records import register as records
from station.records.tables import ImportRun, Person, Supplier, SupplierAccount
from station.tabular import read_sheet
from workflow.roles import Role

IBAN = "FR7630006000011234567890189"
OTHER_IBAN = "FR1420041010050500013M02606"
PLUMBER, GRAND = "siren:552100554", "siren:732829320"
HEAD = "Code fournisseur;Raison sociale;SIREN;IBAN\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    workstation = webhome.open_home(tmp_path)
    with workstation.database.writing() as session:
        act = Act("essai", None, webhome.NOON)
        for login in ("alice", "bob", "chloe"):
            enrol_person(session, act, login, login, "", [RoleDays(Role.CLERK)])
    yield workstation
    workstation.database.close()


def person(home, login: str) -> Person:
    with home.database.reading() as session:
        return people.find(session, login)


def bring(home, login: str, text: str, sent_by: str = "") -> imports.Plan:
    """A list, sent by one and taken over by one, a minute later each time."""
    by, sheet = person(home, login), read_sheet(text.encode())
    with home.database.writing() as session:
        runs = session.scalar(sa.select(sa.func.count()).select_from(ImportRun))
        at = webhome.NOON + timedelta(minutes=runs)
        lines = imports.read_lines("suppliers", sheet, imports.propose_mapping("suppliers", sheet.headings, {}))
        plan = imports.plan_import(session, "essai", "suppliers", lines, by)
        sender = person(home, sent_by or login).pseudonym
        run = ImportRun(
            id=f"r{runs}", entity="essai", kind="suppliers", name="l", sha256="0" * 64, mapping={}, counts={}, actor=sender, at=at
        )
        session.add(run)
        imports.apply_import(session, run, plan, by, at)
    return plan


def shown(home) -> dict[int, str]:
    with home.database.reading() as session:
        return {account.id: register.digest_of(account, supplier) for account, supplier in records.waiting_accounts(session, "essai")}


def approve(home, login: str, seen: dict[int, str] | None = None) -> register.Decided:
    who, seen = person(home, login), shown(home) if seen is None else seen
    with home.database.writing() as session:
        return register.decide_accounts(session, "essai", seen, who, webhome.NOON + timedelta(hours=1), approved=True)


def known(home, key: str, *, practice: bool = True) -> list[str]:
    with home.database.reading() as session:
        return records.approved_ibans(session, "essai", [key], practice=practice)


def test_an_empty_cell_does_not_make_a_supplier_anybody(home):
    bring(home, "alice", f"{HEAD}F1;Plombier;552100554;{IBAN}\n")
    approve(home, "bob")
    assert bring(home, "bob", f"{HEAD}F1;Plombier;;\n").counts["same"] == 1
    assert [fault.code for fault in bring(home, "bob", f"{HEAD}F1;Grande SA;732829320;\n").faults] == ["other-company"]
    assert (known(home, PLUMBER), known(home, GRAND)) == ([IBAN], [])


def test_who_says_whose_account_it_is_does_not_approve_it_nor_who_brought_it(home):
    bring(home, "alice", f"{HEAD}F1;Plombier;;{IBAN}\n")
    approve(home, "chloe")
    bring(home, "bob", f"{HEAD}F1;Grande SA;732829320;\n")
    assert known(home, GRAND) == []
    assert [approve(home, login).own for login in ("bob", "alice")] == [1, 1]
    assert approve(home, "chloe").done == 1 and known(home, GRAND) == [IBAN]


def test_who_sent_a_list_that_another_took_over_does_not_approve_its_accounts(home):
    bring(home, "alice", f"{HEAD}F1;Plombier;552100554;{IBAN}\n", sent_by="bob")
    assert [approve(home, login).done for login in ("bob", "alice", "chloe")] == [0, 0, 1]


def test_an_account_is_approved_only_as_it_was_shown(home):
    bring(home, "alice", f"{HEAD}F1;Plombier;;{IBAN}\n")
    before = shown(home)
    bring(home, "alice", f"{HEAD}F1;Plombier;732829320;\n")
    with pytest.raises(register.Changed):
        approve(home, "bob", before)
    assert known(home, GRAND) == [] and approve(home, "bob").done == 1


def test_the_page_of_waiting_accounts_sends_back_what_it_showed(home):
    bring(home, "alice", f"{HEAD}F1;Plombier;;{IBAN}\n")
    browser = visitor(home)
    browser.post("/sign-in", data={"login": "atelier", "password": "essai"})
    ((number, digest),) = shown(home).items()
    assert f'value="{number}-{digest}"' in browser.get("/fournisseurs/comptes").text
    bring(home, "alice", f"{HEAD}F1;Plombier;732829320;\n")
    send = lambda value: browser.post("/fournisseurs/comptes", data={"account": value, "choice": "approve"})  # noqa: E731 a shorthand
    assert "a changé depuis" in send(f"{number}-{digest}").text and send(str(number)).status_code == 422 and known(home, GRAND) == []
    assert send(f"{number}-{shown(home)[number]}").status_code == 303 and known(home, GRAND) == [IBAN]


def test_what_practice_people_left_is_nobodys_word_in_production_and_is_brought_anew(home):
    bring(home, "atelier", f"{HEAD}F1;Plombier;552100554;{IBAN}\n")
    approve(home, "responsable")
    assert (known(home, PLUMBER), known(home, PLUMBER, practice=False)) == ([IBAN], [])
    assert bring(home, "alice", f"{HEAD}F1;Plombier;552100554;{IBAN}\n").counts["changed"] == 1
    assert approve(home, "bob").done == 1 and known(home, PLUMBER, practice=False) == [IBAN]


def test_what_nobody_saw_waiting_is_not_decided(home):
    with pytest.raises(NotOffered):
        approve(home, "bob", {987: "0" * 64})


def test_accounts_are_decided_under_a_lock_where_there_are_many_writers(home):
    """SQLite has one writer; the statement says the rest to PostgreSQL."""
    asked = []
    with home.database.writing() as session:
        sa.event.listen(session, "do_orm_execute", lambda state: asked.append(str(state.statement.compile(dialect=postgresql.dialect()))))
        with pytest.raises(NotOffered):
            register.decide_accounts(session, "essai", {1: ""}, people.find(session, "bob"), webhome.NOON, approved=True)
    assert any("FROM supplier_account" in each and each.endswith("FOR UPDATE") for each in asked)


def test_an_account_typed_by_hand_waits_for_somebody_else(home):
    bring(home, "alice", f"{HEAD}F1;Plombier;552100554;\n")
    with home.database.writing() as session:
        (row,) = session.scalars(sa.select(Supplier))
        assert register.add_account(session, row, OTHER_IBAN, people.find(session, "bob").pseudonym, webhome.NOON)
        assert register.add_account(session, row, OTHER_IBAN, people.find(session, "alice").pseudonym, webhome.NOON) is None
    assert approve(home, "bob").own == 1
    with home.database.reading() as session:
        assert session.scalar(sa.select(SupplierAccount.state)) == "waiting"
