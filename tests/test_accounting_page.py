"""The accounts' pages: what is shown is what is made, the file is downloaded, a second person takes back; and the same for a program."""

import re

import apihome
import pytest
import webhome
from argon2 import PasswordHasher
from test_accounting import approve, file_of, make, one_step_house
from test_approvals import House
from test_web import visitor

from station import accounting
from station.records import people
from station.records.tables import AccountingBatch, AccountingPlan, Disbursement
from station.web.app import build_app

WORD = "une phrase assez longue"


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    house = one_step_house(tmp_path)
    with house.workstation.database.writing() as session:
        for login in ("clara", "denis"):
            people.set_password(session, login, WORD)
    yield house
    house.workstation.database.close()


def browser_of(house: House, login: str):
    browser = visitor(house.workstation)
    assert browser.post("/sign-in", data={"login": login, "password": WORD}).status_code == 303
    return browser


def shown_digest(page: str) -> str:
    return re.search(r'name="digest" value="([0-9a-f]{64})"', page)[1]


def test_the_preview_shows_the_entries_and_its_button_makes_exactly_them(house):
    approve(house)
    clerk = browser_of(house, "clara")
    page = clerk.get("/comptabilite").text
    assert "471000" in page
    answer = clerk.post("/comptabilite/lots", data={"digest": shown_digest(page)})
    assert answer.status_code == 303
    batch = clerk.get(answer.headers["location"]).text
    assert "Lot 2026-1" in batch
    found = clerk.get(f"{answer.headers['location']}/lot.csv")
    assert found.content == file_of(house, 1)
    assert found.headers["content-disposition"] == 'attachment; filename="AC-2026-0001.csv"'
    assert "Lot 2026-1" in clerk.get(f"/documents/{house.document_id}").text


def test_a_page_that_is_old_makes_nothing_and_says_so(house):
    approve(house)
    answer = browser_of(house, "clara").post("/comptabilite/lots", data={"digest": "0" * 64})
    assert answer.status_code == 409
    assert 'id="wrong"' in answer.text
    assert house.rows(AccountingBatch) == []


def test_a_second_person_takes_a_batch_back_on_its_page_and_its_maker_is_told_why_not(house):
    approve(house)
    make(house)
    assert 'id="bar"' in browser_of(house, "clara").get("/comptabilite/lots/1").text
    approver = browser_of(house, "denis")
    assert approver.post("/comptabilite/lots/1/annuler", data={"reason": " "}).status_code == 422
    assert approver.post("/comptabilite/lots/1/annuler", data={"reason": "compte faux"}).status_code == 303
    assert "compte faux" in approver.get("/comptabilite/lots/1").text
    assert approver.get("/comptabilite/reglages").status_code == 403


def test_settings_are_saved_as_a_version_and_a_preset_only_shows(house):
    clerk = browser_of(house, "clara")
    page = clerk.get("/comptabilite/reglages?modele=fec").text
    assert 'value="EcritureNum"' in page
    assert house.rows(AccountingPlan) == []
    assert 'action="/comptabilite/reglages"' in page
    told = {
        "journal": "HA", "journal_label": "Achats", "supplier_account": "401100", "supplier_label": "Fournisseurs",
        "expense_account": "471000", "expense_label": "Attente", "vat_account": "445660", "vat_label": "TVA", "separator": "tab",
        "encoding": "latin-9", "days": "compact", "decimal": ",", "entry_day": "batch", "rate": ["20"], "rate_account": ["445661"],
        "supplier": ["732 829 320"], "expense": ["622600"], "auxiliary": ["F0042"],
        "place": ["2", "", "1"] + [""] * 22, "heading": ["J", "", "N"] + [""] * 22,
    }  # fmt: skip
    assert clerk.post("/comptabilite/reglages", data=told).status_code == 422
    told["place"] = ["4", "", "", "", "1"] + [""] * 6 + ["2", "3"] + [""] * 12
    told["heading"] = ["J", "", "", "", "C"] + [""] * 6 + ["D", "Cr"] + [""] * 12
    assert clerk.post("/comptabilite/reglages", data=told).status_code == 303
    with house.workstation.database.reading() as session:
        version, plan = accounting.plan_now(session, "essai")
    assert (version, plan.journal, plan.vat, plan.expenses) == (1, "HA", {"20": "445661"}, {"siren:732829320": "622600"})
    assert plan.columns == (("account", "C"), ("debit", "D"), ("credit", "Cr"), ("journal", "J"))


def test_an_invoice_in_dollars_says_what_to_do_and_is_exported_in_euros_once_its_rate_is_given(house):
    house.say("currency", "USD")
    approve(house)
    clerk, address = browser_of(house, "clara"), f"/comptabilite/factures/{house.document_id}"
    assert f"{address}#entry" in clerk.get("/comptabilite").text
    assert "Donner le cours du jour" in clerk.get(address).text
    told = {"kind": "rate", "rate": "1,0843", "day": "2026-11-16", "source": ""}
    wrong = clerk.post(f"{address}/ecriture", data=told)
    assert wrong.status_code == 422 and "1,0843" in wrong.text
    assert clerk.post(f"{address}/ecriture", data=told | {"source": "BCE"}).status_code == 303
    page = clerk.get(address).text.replace("\u202f", " ").replace("\xa0", " ")
    assert "source : BCE" in page and "4 930,37" in page
    assert 'id="make"' in clerk.get("/comptabilite").text


def test_a_payment_and_a_dispute_are_noted_on_the_page_of_the_debt(house):
    approve(house)
    make(house)
    clerk, address = browser_of(house, "clara"), f"/comptabilite/factures/{house.document_id}"
    today = webhome.NOON.date().isoformat()
    wrong = clerk.post(f"{address}/paiements", data={"stage": "paid", "day": today, "amount": "9 999,00"})
    assert wrong.status_code == 422
    assert "9 999,00" in wrong.text
    assert clerk.post(f"{address}/paiements", data={"stage": "paid", "day": today, "amount": "346,00"}).status_code == 303
    assert [row.amount for row in house.rows(Disbursement)] == ["346.00"]
    assert clerk.post(address, data={"step": "disputed", "day": today, "reason": "prix faux"}).status_code == 303
    assert "En litige" in clerk.get(address).text


def test_own_delay_stands_on_the_approvers_page(house):
    house.say("due_date", "2026-10-01")
    house.submit()
    page = browser_of(house, "denis").get(f"/approbations/{house.shown()[0]}").text
    assert re.search(r'id="delay">[^<]*En retard de 50\u202f?j|id="delay">[^<]*En retard de 50 j', page)


def test_a_program_makes_a_batch_of_what_it_saw_and_notes_a_payment_once(house):
    approve(house)
    office = apihome.Office(house.workstation, {}, build_app(house.workstation, secret=b"test"))
    program = office.program("clara")
    seen = program.get("/accounting/next").json()
    assert (seen["debit"], seen["held"]) == (seen["credit"], [])
    assert program.post("/accounting/batches", json={"digest": "0" * 64}).status_code == 409
    made = program.post("/accounting/batches", json={"digest": seen["digest"]}).json()
    assert (made["number"], made["invoices"]) == (1, 1)
    assert program.get(f"/accounting/batches/{made['id']}/file").content == file_of(house, made["id"])
    assert program.post(f"/accounting/batches/{made['id']}/reverse", json={"reason": "x"}).json()["errors"][0]["reason"] == "own"
    paid = {"stage": "paid", "day": webhome.NOON.date().isoformat(), "amount": "5346.00", "reference": "V-1"}
    for _ in range(2):
        answer = program.post(f"/payables/{house.document_id}/payments", json=paid)
        assert (answer.json()["state"], len(answer.json()["payments"])) == ("paid", 1)
    assert office.program("clara", ("payables:read",)).post("/accounting/batches", json={"digest": "0" * 64}).status_code == 403
