"""Lists from spreadsheets: read whatever program wrote them, checked by line, repeatable, and nothing in them is believed or run."""

import csv
import io
import json
import os
import re
import zipfile
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from takenover import die_of_it, open_what_is_named
from test_people import known
from test_web import visitor
from typer.testing import CliRunner

from config.settings import Settings
from station import imports
from station.cli import app as command
from station.confinement import powers_here
from station.imports import COLUMNS, KINDS, fold, missing_columns, propose_mapping, read_lines
from station.people import Act, RoleDays, enrol_person
from station.records import people
from station.records.database import open_database
from station.records.tables import Customer, ImportRun, LedgerPayload, Person, Supplier, SupplierAccount
from station.tabular import LARGEST_FILE, Sheet, Unreadable, defused, read_sheet, write_csv, write_xlsx
from station.web.api import money
from station.web.words import words_in
from workflow.roles import Role

IBAN = "FR7630006000011234567890189"
OTHER_IBAN = "FR1420041010050500013M02606"
SUPPLIERS = (
    "Code fournisseur;Raison sociale;N° SIREN;IBAN;Délai de paiement\n"
    f"F001;Imprimerie des Quais;732 829 320;{IBAN};30 jours fin de mois\n"
    "F002;Menuiserie Le Goff;552100554;;45\n"
)
PEOPLE = (
    "Nom complet;Courriel;Rôles;Au\nClaire Dupont;claire@exemple.fr;comptable, conformité;\nJean Roux;jean@exemple.fr;auditeur;31/12/2027\n"
)
CUSTOMERS = "Numéro client;Raison sociale;Régime;Langue\nC1;Ville de Nantes;public;fr\nC2;Martin;particulier;\n"


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def home(tmp_path):
    workstation = webhome.open_home(tmp_path)
    yield workstation
    workstation.database.close()


@pytest.fixture
def browser(home) -> TestClient:
    browser = visitor(home)
    assert browser.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 303
    return browser


def xlsx(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def plan(home, kind: str, text: str | bytes, *, write: bool = True, by: Person | None = None) -> imports.Plan:
    """What a list would do, and then does."""
    sheet = read_sheet(text.encode() if isinstance(text, str) else text)
    with home.database.writing() as session:
        lines = read_lines(kind, sheet, propose_mapping(kind, sheet.headings, {}))
        told = imports.plan_import(session, "essai", kind, lines, by)
        if write:
            run = ImportRun(id="r", entity="essai", kind=kind, name="l", sha256="0" * 64, mapping={}, actor="x", at=home.clock())
            imports.apply_import(session, run, told, by, home.clock())
    return told


def faults(kind: str, text: str) -> list[tuple[int, str, str]]:
    sheet = read_sheet(text.encode())
    return [(f.line, f.column, f.code) for line in read_lines(kind, sheet, propose_mapping(kind, sheet.headings, {})) for f in line.faults]


def rows(home, table: type) -> list:
    with home.database.reading() as session:
        return list(session.scalars(sa.select(table)))


def send(browser: TestClient, kind: str, data: bytes | str, name: str = "liste.csv") -> str:
    """The address of the page on which the list is looked at."""
    answer = browser.post(f"/imports/{kind}", files={"file": (name, data)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


# --- the file ---


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_csv_is_read_whatever_program_wrote_it(separator, encoding):
    text = 'Société;Ville\n"Électricité; eau";Nîmes\n'.replace(";", separator)
    sheet = read_sheet(text.encode(encoding))
    assert sheet.headings == ("Société", "Ville")
    assert sheet.rows == ((2, (" ".join(f"Électricité{separator} eau".split()), "Nîmes")),)


def test_an_xlsx_gives_what_a_person_reads_and_no_formula_is_run():
    sheet = read_sheet(xlsx(("Code", "SIREN", "Lien"), (7.0, 732829320, '=HYPERLINK("http://x","y")')))
    assert sheet.rows == ((2, ("7", "732829320", '=HYPERLINK("http://x","y")')),)


def test_a_formula_whose_result_the_file_does_not_hold_is_told_and_not_passed_over():
    sheet = read_sheet(xlsx(("Nom", "SIREN", "Ville"), ("Bon", "=1+1", "=A1"), ("=A1", 732829320, "")))
    lines = read_lines("suppliers", sheet, {"name": "Nom", "siren": "SIREN"})
    told = [(fault.line, fault.column, fault.code) for line in lines for fault in line.faults]
    assert told == [(2, "siren", "formula"), (3, "name", "formula")]


def test_empty_lines_keep_the_numbers_of_the_others():
    assert [number for number, _ in read_sheet(b"Nom;Code\n\nA;1\n;\nB;2\n").rows] == [3, 5]


def test_the_separator_that_a_first_line_tells_is_believed_and_that_line_is_no_row():
    assert read_sheet(b"sep=|\r\nNom;1|Code\r\nA|7\r\n") == Sheet(("Nom;1", "Code"), ((2, ("A", "7")),))
    assert read_sheet(b"\xef\xbb\xbfSEP=;;;\nNom;Code\nA;7\n").headings == ("Nom", "Code")


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("xl/worksheets/sheet1.xml", b" " * 130_000_000)
    return out.getvalue()


def with_entities() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx(("Nom",), ("A",)))) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            new.writestr(part, old.read(part) if "sheet1" not in part.filename else b'<!DOCTYPE a [<!ENTITY b "c">]><a/>')
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bomb, "bomb"), (with_entities, "bomb"), (lambda: b"x" * (LARGEST_FILE + 1), "large"), (lambda: b"PK\x03\x04nothing", "form"),
        (lambda: b"\xd0\xcf\x11\xe0" + b"0" * 99, "old"), (lambda: b"Nom;Code\n", "empty"), (lambda: b"Nom;\0\n1;2\n", "form"),
        (lambda: b"Nom\n" + b"a\n" * 20_001, "long"), ((";".join("abc" * 30) + "\n1\n").encode, "wide"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_list_is_refused_with_words(data, reason):
    with pytest.raises(Unreadable) as told:
        read_sheet(data())
    assert told.value.reason == reason and words_in("fr")(f"imports.file-{reason}")


@given(st.binary(max_size=300))
def test_whatever_the_bytes_they_are_a_list_or_refused(data):
    try:
        sheet = read_sheet(data)
    except Unreadable:
        return
    assert all(len(cells) == len(sheet.headings) for _, cells in sheet.rows)


@given(st.text(max_size=20))
def test_what_goes_out_is_a_formula_for_no_spreadsheet(cell):
    assert not defused(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert defused(cell).removeprefix("'") == cell or not cell.startswith("'")


# --- columns ---


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_templates_are_understood_in_both_languages(kind, language):
    t = words_in(language)
    headings = [t(f"imports.{kind}-{column.name}") for column in COLUMNS[kind]]
    for data in (write_csv(headings, [["1"] * len(headings)]), write_xlsx("x", headings)):
        found = read_sheet(data).headings if data.startswith(b"\xef") else tuple(headings)
        assert propose_mapping(kind, found, {}) == {column.name: heading for column, heading in zip(COLUMNS[kind], headings, strict=True)}


def test_headings_of_other_programs_are_understood_and_each_serves_once():
    told = propose_mapping("suppliers", ["Compte auxiliaire", "Dénomination", "IBAN du tiers", "TVA intracommunautaire", "Mail"], {})
    assert told == {
        "number": "Compte auxiliaire", "name": "Dénomination", "iban": "IBAN du tiers", "vat_id": "TVA intracommunautaire", "email": "Mail",
    }  # fmt: skip


def test_what_was_chosen_last_time_comes_before_the_words():
    assert propose_mapping("suppliers", ["Nom", "Tiers"], {"name": "Tiers"}) == {"name": "Tiers"}
    assert missing_columns("suppliers", {"name": "Tiers"}) == ("siren",)


def test_headings_are_compared_without_accents_and_signs():
    assert fold("N° TVA  intra.") == "n tva intra"


# --- lines ---


def test_every_line_is_told_what_is_wrong_with_it():
    text = (
        "Nom;SIREN;TVA;IBAN;Taille;Délai;Courriel\n"
        "Bon;732829320;FR44732829320;FR7630006000011234567890189;PME;60;a@b.fr\n"
        "A;732829321;;;;;\nB;;FR00732829320;;;;\nC;552100554;FR44732829320;;;;\nD;542065479;;FR76;énorme;bientôt;a@b\n;443061841;;;;;\nE;;;;;;\n"
    )
    assert faults("suppliers", text) == [
        (3, "siren", "siren"), (4, "vat_id", "vat"), (5, "vat_id", "vat-other"), (6, "iban", "iban"), (6, "size", "size"),
        (6, "terms", "terms"), (6, "email", "email"), (7, "name", "missing"), (8, "", "unknown"),
    ]  # fmt: skip


def test_a_supplier_may_have_two_accounts_in_one_list_and_nothing_else_twice():
    head = "Nom;SIREN;IBAN\n"
    assert faults("suppliers", f"{head}A;732829320;{IBAN}\nA;732829320;{OTHER_IBAN}\n") == []
    assert faults("suppliers", f"{head}A;732829320;{IBAN}\nA;732829320;{IBAN}\n") == [(3, "", "twice")]
    assert faults("suppliers", f"{head}A;732829320;{IBAN}\nB;732829320;{OTHER_IBAN}\n") == [(3, "", "contradicts")]
    assert faults("suppliers", "Nom;Code;SIREN\nA;F1;732829320\nB;F1;552100554\n") == [(3, "number", "contradicts")]


def test_many_accounts_of_one_supplier_are_compared_in_one_step_each(monkeypatch):
    compared = []
    monkeypatch.setattr(imports, "_but_iban", compared.append)
    text = "Nom;SIREN;IBAN\n" + "".join(f"A;732829320;{number}\n" for number in range(200))
    monkeypatch.setattr(imports, "valid_iban", bool)
    assert faults("suppliers", text) == [] and len(compared) == 2 * 199


def test_lines_of_people_are_checked_for_roles_days_and_addresses():
    text = (
        "Nom;Courriel;Rôles;Au\nA;a@b.fr;chef;\nB;b@b.fr;auditeur;\nC;c@b.fr;valideur;30/02/2027\nD;d@b.fr;valideur;\nD;d@b.fr;valideur;\n"
    )
    assert faults("people", text) == [(2, "roles", "role"), (3, "ends", "expiring"), (4, "ends", "day"), (6, "", "twice")]


def test_every_fault_has_its_words_in_both_languages():
    codes = {
        "missing", "long", "siren", "vat", "vat-other", "iban", "size", "terms", "terms-plain", "email", "email-taken", "regime",
        "language", "role", "day", "days", "expiring", "login", "twice", "contradicts", "unknown", "other-company", "ended", "own",
        "practice", "too-many", "taken", "role-days", "amount", "customer-unknown", "due", "invoice-other", "invoice-unknown", "day-later",
        "reference-other",
        "formula", "invoice-ambiguous", "paid-stage", "paid-future", "paid-sum", "paid-unreviewed",
        "paid-ended", "paid-currency", "paid-over", "over", "surplus",
    }  # fmt: skip
    for language in ("fr", "en"):
        assert codes == {key.removeprefix("imports.wrong-") for key in words_in(language).catalogue if key.startswith("imports.wrong-")}


# --- taking over ---


def test_the_same_list_again_changes_nothing(home):
    assert plan(home, "suppliers", SUPPLIERS).counts == {"new": 2, "changed": 0, "same": 0, "wrong": 0, "absent": 0}
    assert plan(home, "suppliers", SUPPLIERS, write=False).counts == {"new": 0, "changed": 0, "same": 2, "wrong": 0, "absent": 0}
    first = next(row for row in rows(home, Supplier) if row.number == "F001")
    assert (first.key, first.terms_days, first.terms_end_of_month) == ("siren:732829320", 30, True)


def test_a_changed_line_updates_and_who_is_missing_stays(home):
    plan(home, "suppliers", SUPPLIERS)
    told = plan(home, "suppliers", "Code fournisseur;Raison sociale;SIREN\nF001;Imprimerie des Quais SA;732829320\n")
    assert (told.counts["changed"], told.absent) == (1, ("Menuiserie Le Goff",))
    assert sorted(row.name for row in rows(home, Supplier)) == ["Imprimerie des Quais SA", "Menuiserie Le Goff"]
    kept = next(row for row in rows(home, Supplier) if row.number == "F001")
    assert kept.terms_days == 30, "a list without the column says nothing about it"


def test_the_accounts_of_a_list_wait_and_are_never_removed_by_one(home):
    plan(home, "suppliers", SUPPLIERS)
    plan(home, "suppliers", SUPPLIERS.replace(IBAN, OTHER_IBAN))
    assert [(row.iban, row.state) for row in rows(home, SupplierAccount)] == [(IBAN, "waiting"), (OTHER_IBAN, "waiting")]


def test_a_number_that_is_known_never_becomes_another_company(home):
    plan(home, "suppliers", SUPPLIERS)
    told = plan(home, "suppliers", "Code fournisseur;Raison sociale;SIREN\nF001;Escroc;542065479\n")
    assert [fault.code for fault in told.faults] == ["other-company"] and len(rows(home, Supplier)) == 2


def test_a_supplier_whose_siren_was_not_known_is_filled_up_and_its_accounts_wait_again(home):
    plan(home, "suppliers", f"Code fournisseur;Nom;IBAN\nF9;Bertin;{IBAN}\n")
    with home.database.writing() as session:
        session.execute(sa.update(SupplierAccount).values(state="approved"))
    plan(home, "suppliers", "Code fournisseur;Nom;SIREN\nF9;Bertin;542065479\n")
    assert [row.key for row in rows(home, Supplier)] == ["siren:542065479"]
    assert [row.state for row in rows(home, SupplierAccount)] == ["waiting"]


def test_customers_have_their_regime_and_language(home):
    plan(home, "customers", CUSTOMERS)
    assert [(row.number, row.regime, row.language) for row in rows(home, Customer)] == [("C1", "public", "fr"), ("C2", "consumer", "fr")]
    assert plan(home, "customers", CUSTOMERS).counts["same"] == 2


def test_terms_beyond_the_law_are_told_by_lists_and_the_api_and_taken_over(home):
    told = plan(home, "customers", "Numéro;Nom;Régime;Délai de paiement\nC8;Sûr SA;privé;60\nC9;Long SA;privé;90\nC7;Mairie;public;90\n")
    assert [(line, name) for line, name, _ in told.unlawful] == [(3, "Long SA")]
    with home.database.reading() as session:
        shown = [money._shown_customer(row) for row in session.scalars(sa.select(Customer).order_by(Customer.number))]
    assert [each.terms_warning for each in shown] == ["", "", "too-long"]


def test_people_get_their_roles_and_no_password(home):
    plan(home, "people", PEOPLE)
    with home.database.reading() as session:
        claire = people.find_by_email(session, "claire@exemple.fr")
        assert claire.login == "claire" and claire.password_hash is None
        assert people.own_roles(session, claire.pseudonym, home.clock().date()) == {Role.CLERK, Role.COMPLIANCE}
    assert plan(home, "people", PEOPLE, write=False).counts["same"] == 2


def test_nobody_widens_their_own_account_by_a_list(home):
    plan(home, "people", PEOPLE)
    with home.database.reading() as session:
        claire = people.find_by_email(session, "claire@exemple.fr")
    told = plan(home, "people", "Nom;Courriel;Rôles\nClaire Dupont;claire@exemple.fr;administrateur\n", by=claire)
    assert [fault.code for fault in told.faults] == ["own"]


def told_of_people(home) -> list[dict]:
    return [json.loads(row.body) for row in rows(home, LedgerPayload) if row.type == "person"]


def test_who_administers_one_company_reaches_nobody_elsewhere_by_a_list(home):
    with home.database.writing() as session:
        act = Act("essai", None, home.clock())
        limited, _, one = (
            enrol_person(session, act, login, login.title(), f"{login}@groupe.fr", [RoleDays(Role.ADMINISTRATOR)])
            for login in ("petit", "boss", "one")
        )
        limited.entities, one.entities = ["filiale"], ["filiale"]
    theirs = "boss;Mine;mine@x.fr;valideur\nnew;New;boss@groupe.fr;valideur\n"
    own = "one;One;one@x.fr;valideur\nnewer;Newer;;administrateur\n"
    told = plan(home, "people", f"Identifiant;Nom;Courriel;Rôles\n{theirs}{own}", by=limited)
    assert [(fault.column, fault.code) for fault in told.faults] == [("login", "taken"), ("email", "email-taken")]
    assert "Boss" not in repr(told.steps) and told.absent == ("Petit",)
    with home.database.reading() as session:
        kept, made, changed = (people.find(session, login) for login in ("boss", "newer", "one"))
        assert (kept.name, kept.email) == ("Boss", "boss@groupe.fr")
        assert (made.entities, changed.email) == (["filiale"], "one@x.fr")


def test_another_address_by_a_list_ends_the_sessions_and_is_in_the_ledger_without_itself(home):
    plan(home, "people", PEOPLE)
    before = next(row.epoch for row in rows(home, Person) if row.login == "claire")
    plan(home, "people", "Identifiant;Nom;Courriel;Rôles\nclaire;Claire Dupont;claire@ailleurs.fr;comptable\n")
    claire = next(row for row in rows(home, Person) if row.login == "claire")
    assert (claire.email, claire.epoch) == ("claire@ailleurs.fr", before + 1)
    assert told_of_people(home)[-1] == {"what": "described", "person": claire.pseudonym, "changed": ["email"]}


def test_other_days_of_a_role_that_is_held_are_told_and_not_passed_over(home):
    plan(home, "people", PEOPLE)
    told = plan(home, "people", PEOPLE.replace("31/12/2027", "30/11/2026"))
    assert [(fault.line, fault.column, fault.code) for fault in told.faults] == [(3, "ends", "role-days")]
    assert not plan(home, "people", PEOPLE).faults


def test_the_ledger_knows_the_file_its_counts_and_who_and_no_name(home):
    plan(home, "suppliers", SUPPLIERS)
    (entry,) = [row for row in rows(home, LedgerPayload) if row.type == "register"]
    told = json.loads(entry.body)
    assert (told["kind"], told["file"], told["counts"]["new"]) == ("suppliers", "0" * 64, 2)
    assert b"Imprimerie" not in entry.body and IBAN.encode() not in entry.body


# --- pages ---


def test_a_list_is_looked_at_line_by_line_before_it_is_taken_over(home, browser):
    address = send(browser, "suppliers", SUPPLIERS)
    page = browser.get(address).text
    assert "Imprimerie des Quais" in page and "FR76 3000 6000 0112" in page and not rows(home, Supplier)
    assert browser.post(f"{address}/run").status_code == 303
    assert len(rows(home, Supplier)) == 2 and not list((home.home / "imports").iterdir())
    assert re.search("Nouveaux.: 2 ", browser.get("/imports").text)


def test_the_columns_are_the_persons_to_name_and_remembered(home, browser):
    text = SUPPLIERS.replace("Raison sociale", "Colonne X")
    address = send(browser, "suppliers", text)
    assert "Il manque" in browser.get(address).text
    assert browser.post(f"{address}/run").status_code == 303 and not rows(home, Supplier)
    chosen = {"number": "Code fournisseur", "name": "Colonne X", "siren": "N° SIREN", "iban": "IBAN"}
    browser.post(address, data={"column": [chosen.get(column.name, "") for column in COLUMNS["suppliers"]]})
    browser.post(f"{address}/run")
    assert len(rows(home, Supplier)) == 2
    assert "Il manque" not in browser.get(send(browser, "suppliers", text)).text


def test_lines_with_errors_hold_back_all_until_the_rest_is_asked_for(home, browser):
    address = send(browser, "suppliers", SUPPLIERS + "F3;=cmd|x;123;;\n")
    assert "pas un SIREN" in browser.get(address).text
    browser.post(f"{address}/run")
    assert not rows(home, Supplier)
    errors = list(csv.reader(io.StringIO(browser.get(f"{address}/errors.csv").content.decode("utf-8-sig")), delimiter=";"))
    assert errors[1][:3] == ["4", "SIREN", "123"]
    browser.post(f"{address}/run", data={"partly": "yes"})
    assert len(rows(home, Supplier)) == 2


def test_a_hostile_cell_is_text_on_the_page_and_defused_in_the_list_of_errors(browser):
    address = send(browser, "suppliers", 'Nom;SIREN\n<script>alert(1)</script>;732829320\nA;"=1+1"\n')
    page = browser.get(address).text
    assert "<script>alert" not in page and "&lt;script&gt;" in page
    assert ";'=1+1;" in browser.get(f"{address}/errors.csv").text


def test_a_list_that_is_dropped_is_gone(home, browser):
    address = send(browser, "customers", CUSTOMERS)
    browser.post(address, data={"drop": "yes"})
    assert browser.get(address).status_code == 404 and not list((home.home / "imports").iterdir())


def test_a_file_that_is_no_list_is_said_beside_its_form(browser):
    answer = browser.post("/imports/suppliers", files={"file": ("x.xls", b"\xd0\xcf\x11\xe0...")})
    assert answer.status_code == 422 and "ancien .xls" in answer.text


def test_a_list_is_read_before_anybody_who_writes_has_to_wait(home, browser, monkeypatch):
    """Of the sheet and of its lines alike, sent or taken over."""
    writing, inside, waited = type(home.database).writing, [], []

    @contextmanager
    def noted(database):
        with writing(database) as session:
            inside.append(True)
            yield session
            inside.pop()

    monkeypatch.setattr(type(home.database), "writing", noted)
    for name in ("_read_apart", "read_lines"):
        real = getattr(imports, name)
        monkeypatch.setattr(imports, name, lambda *told, real=real: waited.append(bool(inside)) or real(*told))
    assert browser.post(f"{send(browser, 'suppliers', SUPPLIERS)}/run").status_code == 303
    assert waited == [False] * 3 and len(rows(home, Supplier)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_templates_are_there_to_be_filled(browser, kind):
    assert browser.get(f"/imports/{kind}/modele.xlsx").content.startswith(b"PK")
    with pytest.raises(Unreadable, match="empty"):
        read_sheet(browser.get(f"/imports/{kind}/modele.csv").content)
    assert browser.get(f"/imports/{kind}/modele.exe").status_code == 404


def test_a_clerk_imports_suppliers_and_neither_customers_nor_people(home):
    known(home, "claire", Role.CLERK)
    clerk = visitor(home)
    clerk.post("/sign-in", data={"login": "claire", "password": "une phrase assez longue"})
    page = clerk.get("/imports").text
    assert 'id="import-suppliers"' in page and 'id="import-people"' not in page and 'id="import-customers"' not in page
    assert clerk.post("/imports/people", files={"file": ("p.csv", PEOPLE)}).status_code == 403


# --- the command line ---


def test_a_list_of_the_command_line_says_so_where_nobody_is_named(home, tmp_path):
    file = tmp_path / "clients.csv"
    file.write_text(CUSTOMERS, encoding="utf-8")
    imports.answer_import(home, "essai", "customers", file, dry=False)
    browser = visitor(home)
    browser.post("/sign-in", data={"login": "atelier", "password": "essai"})
    page = browser.get("/imports").text
    assert "<td>ligne de commande</td>" in page and "<td>system</td>" not in page
    with home.database.reading() as session:
        (entry,) = session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == "register"))
        assert '"way":"command line"' in str(entry.body).replace(" ", "").replace("commandline", "command line")


@pytest.mark.skipif(not powers_here().landlock, reason="this kernel has no Landlock")
def test_a_list_is_read_where_nothing_else_can_be_and_one_that_kills_its_reader_is_refused(home, monkeypatch):
    (home.home / "secret").write_text("key")
    monkeypatch.setattr(imports, "read_sheet", open_what_is_named)
    with pytest.raises(PermissionError):
        imports.read_upload(home, "a.csv", os.fsencode(home.home / "secret"))
    monkeypatch.setattr(imports, "read_sheet", die_of_it)
    with pytest.raises(Unreadable, match="form"):
        imports.read_upload(home, "a.csv", b"Nom;Code\n")


def test_the_command_line_imports_and_repeats(tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path / "home"))
    file = tmp_path / "fournisseurs.csv"
    file.write_text(SUPPLIERS, encoding="cp1252")
    run = lambda *more: CliRunner().invoke(command, ["import", "suppliers", str(file), *more])  # noqa: E731 a shorthand
    assert "Rien n'a été écrit" in run("--dry-run").output.replace("’", "'")
    assert run().exit_code == 2 and run("--login", "personne").exit_code == 2
    assert CliRunner().invoke(command, ["people", "add", "claire", "--role", "clerk"]).exit_code == 0
    brought = lambda *more: run("--login", "claire", *more)  # noqa: E731 a shorthand
    assert json.loads(brought("--json").output)["new"] == 2
    assert json.loads(brought("--json").output)["same"] == 2
    with open_database(Settings(home=tmp_path / "home").url).reading() as session:
        assert session.scalar(sa.select(SupplierAccount.verified_by)) == people.find(session, "claire").pseudonym
    file.write_text(SUPPLIERS + "F3;X;12;;\n")
    assert brought().exit_code == 3
    file.write_bytes(b"\xd0\xcf\x11\xe0")
    assert brought().exit_code == 1
