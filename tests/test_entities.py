"""Two companies in one installation, filled with one row of every table: each address asked by one of them for what is the other's."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pikepdf
import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from test_roles import OPEN
from test_web import _all_routes

from config.settings import Station
from conformity.passport import Outcome, Passport, PassportLimits
from station.exports import TOLD
from station.people import Act, RoleDays, add_person
from station.records import people
from station.records.tables import Base
from station.web.app import build_app
from station.workstation import Workstation
from workflow.roles import WORKING, Role
from workflow.sampling import plan_for

ONE, OTHER, EMPTY = "essai", "filiale", "vide"
NAMES = {ONE: "aaaa", OTHER: "bbbb"}
"""In every text of a company's rows stands its word."""
OWN_OF = {
    "/documents/{document_id}": "document.id",
    "/documents/{document_id}/originals/{sha256}": "document.id original.sha256",
    "/conformite/{document_id}": "document.id",
    "/recherche/{document_id}": "document.id",
    "/relecture/{document_id}": "document.id",
    "/relecture/comptes/{number}": "account_change.id",
    "/batches/{batch_id}": "batch.id",
    "/duplicates/{arrival_id}": "arrival.id",
    "/duplicates/{first}/{second}": "document.id document.id",
    "/desk/{name}": "station",
    "/desk/{name}/scan/{job_id}": "station =none",
    "/stations/{name}": "station",
    "/stations/{name}/passports/{number}": "station passport.id",
    "/tolerances/{number}": "tolerance.id",
    "/memory/{number}": "lesson.id",
    "/holds/{number}": "hold.id",
    "/mandates/{number}": "mandate.id",
    "/export/{number}": "export",
    "/export/{number}/{name}": "export =index.html",
    "/organisation/versions/{number}": "dossier.id",
    "/organisation/places/{number}": "storage_notice.id",
    "/controles/lots/{number}": "control_lot.id",
    "/controles/failures/{number}": "control_result.id",
    "/controles/actions/{number}": "corrective_action.id",
    "/papier/lots/{number}": "control_lot.id",
    "/papier/slips/{number}": "destruction_slip.id",
    "/formulaires/{number}": "circuit_task.id",
    "/people/groups/{number}": "person_group.id",
    "/people/groups/{number}/members/{member}": "person_group.id group_member.id",
    "/people/{pseudonym}": "person.pseudonym",
    "/people/{pseudonym}/roles/{number}": "person.pseudonym person_role.id",
    "/account/delegations/{number}": "delegation.id",
    "/account/tokens/{number}": "api_token.id",
    "/envois/{number}": "outbox.id",
    "/envois/webhooks/{number}": "webhook.id",
    "/imports/suppliers/{number}": "import_run.id",
    "/imports/customers/{number}": "import_run.id",
    "/imports/remittances/{number}": "import_run.id",
    "/imports/people/{number}": "import_run.id",
    "/imports/invoices/{number}": "import_run.id",
    "/imports/payments/{number}": "import_run.id",
    "/fournisseurs/{number}": "supplier.id",
    "/encours/{number}": "open_item.id",
    "/taux/{number}": "rate_row.id",
    "/encours/clients/{number}": "customer.id",
    "/encours/clients/{number}/contacts/{contact}": "customer.id customer_contact.id",
    "/relances/reprendre/{number}": "suspension.id",
    "/relances/taches/{number}": "agenda.id",
    "/relances/envoyees/{number}": "sending.id",
    "/relances/courrier/{number}": "sending.id",
    "/relances/echelles/{number}": "",
    "/approbations/{number}": "task.id",
    "/regles/{file}": "rules",
    "/regles/{file}/rejeu/{number}": "rules rule_replay.id",
    "/regles/{file}/versions/{number}": "rules rule_version.number",
    "/comptabilite/lots/{number}": "accounting_batch.id",
    "/comptabilite/factures/{document_id}": "document.id",
    "/imports/{kind}": "",
    "/installation/{step}": "",
    "/sauvegardes/{number}": "",
    "/direction/{figure}": "",
    "/organisation/texts/{key}": "",
    "/controles/plan/{code}": "",
    "/controles/results/{code}": "",
}
"""What the parameters at the beginning of an address name, by `table.column`; `station`: one of the settings; `export`: a package on the
disk; `rules`: a file of the studio; `=word`: nothing by itself; empty: words of the house, the same in every company.
The longest beginning counts; parameters behind it are found within what it names."""
NAMELESS = {
    "what": "depot",
    "choice": "redo",
    "kind": "page",
    "which": "new",
    "code": "sampling",
    "key": "purpose",
    "act": "cancel",
    "name": "gross",
}
"""Of parameters that name a thing within what their address began with, or a word of the house; every other is 1."""
FORM = {
    "reason": "x", "value": "1", "choice": "same", "what": "type", "kind": "order", "step": "ask", "name": "gross", "person": "x",
    "outcome": "pass", "done": "x", "due": "2027-01-01", "owner": "x", "source": "paper", "role": "clerk", "text": "x", "note": "x",
    "box": "1", "where": "x", "order": "1", "revision": "0", "action": "withdraw",
}  # fmt: skip


SAID = {
    ("arrival", "duplicate"): True, ("clock_check", "health"): "true", ("outbox", "state"): "dead", ("import_run", "kind"): "suppliers",
    ("suspension", "scope"): "item", ("sending", "state"): "sent", ("sending", "channel"): "letter", ("agenda", "state"): "planned",
    ("item_event", "what"): "dispute", ("open_item", "source"): "hand", ("document", "source"): "paper", ("supplier", "size"): "PME",
    ("hold", "scope"): "document", ("circuit_task", "kind"): "task", ("passport", "outcome"): "ok", ("rule_replay", "kind"): "regles",
    ("task", "bound"): dict.fromkeys(("sealed", "supplier", "siren", "number", "gross", "currency", "iban"), ""),
    ("control_lot", "plan"): plan_for(20, "1.0").as_json(),
    ("rate_row", "half"): "2027-H1", ("rate_row", "ecb"): "2.15", ("rate_row", "legal"): "2.6", ("rate_row", "persons"): "6.6",
    ("rate_row", "ecb_grade"): "text", ("rate_row", "legal_grade"): "text",
    ("rate_row", "ecb_since"): "2027-01-01", ("rate_row", "state"): "waiting",
    ("customer", "terms"): "", ("customer", "contract_rate"): "",
    ("task_event", "what"): "opened", ("circuit_run", "standing"): "running",
    ("supplier_account", "state"): "waiting", ("task", "kind"): "approval",
    ("rule_replay", "result"): {"turns": [], "amount": "0"} | dict.fromkeys(("seen", "changed", "refused", "older", "left"), 0),
    ("passport", "body"): Passport("target", Outcome.OK, (), (), PassportLimits()).as_json(),
}  # fmt: skip
"""What a page must find in a row to show it."""
FILLED = {"sha256", "due", "name"}
"""Of what may be missing, what the pages look for first."""
ELSEWHERE = {"/account/delegations/{number}", "/account/tokens/{number}", "/desk/{name}/scan/{job_id}"} | {
    f"/imports/{kind}/{{number}}" for kind in ("customers", "invoices", "payments", "remittances", "people")
}
"""Of one person alone, in the memory of a scanner's process, or of the same pages as another kind: not found here by anybody."""
WRITTEN = {
    mapper.local_table.name: {name: str(told) for name, told in mapper.class_.__annotations__.items()} for mapper in Base.registry.mappers
}
"""Of each table, its columns as the code declares them: whether a text of JSON is a list or a mapping."""
LOG = {"ledger", "ledger_payload", "checkpoint", "delivery", "witnessed"}
"""Written by the acts themselves."""


class Row:
    """Every table filled for one company, in the order of their references."""

    def __init__(self, entity: str, station: str, number: int) -> None:
        self.entity, self.station, self.number = entity, station, number
        self.made: dict[str, dict[str, Any]] = {}

    def fill(self, session: Any) -> None:
        for table in (each for each in Base.metadata.sorted_tables if each.name not in LOG):
            values = {column.name: self._value(column) for column in table.columns}
            session.execute(sa.insert(table).values({name: value for name, value in values.items() if value is not ...}))
            self.made[table.name] = values

    def _value(self, column: sa.Column[Any]) -> Any:
        if column.foreign_keys:
            key = next(iter(column.foreign_keys)).column
            return self.made.get(key.table.name, {}).get(key.name)
        named = {"entity": self.entity, "entities": [self.entity], "station": self.station, "document_id": self._text(32)}
        if column.name in named:
            return named[column.name]
        if (column.table.name, column.name) in SAID:
            return SAID[column.table.name, column.name]
        return self._any(column) if not column.nullable or column.name in FILLED else None

    def _any(self, column: sa.Column[Any]) -> Any:
        if isinstance(column.type, sa.Enum):
            return "held" if column.name == "state" else column.type.enums[0]
        if isinstance(column.type, sa.String):
            length = column.type.length or 64
            return "2026-11-20" if length == 10 and not column.primary_key else self._text(length)
        empty = {} if "dict[" in WRITTEN[column.table.name].get(column.name, "") else []
        plain = {sa.Boolean: False, sa.Float: 1.0, sa.LargeBinary: b"{}", sa.JSON: empty, sa.Integer: 7_000 + self.number}
        return next((value for kind, value in plain.items() if isinstance(column.type, kind)), datetime(2026, 11, 20, 9, tzinfo=UTC))

    def _text(self, length: int) -> str:
        """As long as it may be: a hash is one."""
        return (NAMES[self.entity] * 16)[:length]


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[dict[str, Any]]:
    """Both companies, and of each, and of a third that has nothing, somebody who may do everything there and nothing elsewhere."""
    opened = webhome.open_home(tmp_path_factory.mktemp("house"))
    stations = (Station(name="guichet"), Station(name="quai", entity=OTHER), Station(name="coin", entity=EMPTY))
    settings = opened.settings.model_copy(update={"companies": [OTHER, EMPTY], "stations": stations})
    two = replace(opened, settings=settings)
    made = {ONE: Row(ONE, "guichet", 1), OTHER: Row(OTHER, "quai", 2)}
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        app = build_app(two, secret=b"test", moment=lambda: 1_800_000_000.0)
        browsers = {}
        with two.database.writing() as session:
            on_server = session.get_bind().dialect.name == "postgresql"
            session.execute(sa.text("SET LOCAL session_replication_role = replica" if on_server else "PRAGMA defer_foreign_keys = ON"))
            for row in made.values():
                row.fill(session)
        for entity in (*made, EMPTY):
            with two.database.writing() as session:
                roles = [RoleDays(role) for role in (*WORKING, Role.ADMINISTRATOR)]
                person, _ = add_person(session, Act(entity, None, two.clock()), f"who-{entity}", "", "", roles)
                people.set_password(session, person.login, "a long password, indeed")
                person.entities = [entity]
            browsers[entity] = TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False, raise_server_exceptions=False)
            answer = browsers[entity].post("/sign-in", data={"login": f"who-{entity}", "password": "a long password, indeed"})
            assert answer.status_code == 303
    for row in made.values():
        _put_files(two, row)
    yield {"app": app, "browsers": browsers, "made": made, "home": two}
    two.database.close()


def _put_files(home: Workstation, row: Row) -> None:
    """What the rows name: an original, a sealed file, a package."""
    sha256 = (NAMES[row.entity] * 16)[:64]
    number = f"20261120-094207-{NAMES[row.entity]}"
    told = {"id": number, "scope": {"document": "x"}, "actor": "x", "begun_at": "2026-11-20T09:42:07+00:00", "stage": "done"}
    package = home.home / "exports" / number
    for path, text in (
        (home.originals.path(sha256), "original"),
        (home.archives.path(sha256, ".pdf"), ""),
        (package / TOLD, json.dumps(told | {"entity": row.entity, "parts": ["index.html"], "trouble": ["", ""]})),
        (package / "index.html", "package"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with pikepdf.new() as sealed:
        sealed.save(home.archives.path(sha256, ".pdf"))


def beginning_of(path: str) -> str:
    """What of `OWN_OF` an address begins with."""
    fitting = [each for each in OWN_OF if re.match(re.escape(each) + r"(?=[/.]|$)", path)]
    assert fitting, (
        f"\n\nA new address, {path}: what do its parameters name? Say so in OWN_OF of tests/test_entities.py (« table.column »)."
        "\nThe table needs a column `entity` (or document_id), and the page a session of desk.InReading, desk.InWriting or"
        "\ndesk.workstation_of(request).database: then what belongs to another company is unknown to it, and this test sees it."
    )
    return max(fitting, key=len)


def named(house: dict[str, Any], path: str, entity: str | None) -> tuple[str, list[str]]:
    """The address with the parameters of a company's own things, None: of things that there are not; and what they are."""
    begin = beginning_of(path)
    words = [_word(house, told, entity) for told in OWN_OF[begin].split()]
    left = iter(words)
    filled = re.sub(r"\{([^}]+)\}", lambda found: next(left, NAMELESS.get(found[1], "1")), path)
    return filled, words


def _word(house: dict[str, Any], told: str, entity: str | None) -> str:
    if told.startswith("="):
        return told[1:]
    if told == "station":
        return "nowhere" if entity is None else house["made"][entity].station
    if told == "export":
        return f"20261120-094207-{'000000' if entity is None else NAMES[entity]}"
    if told == "rules":
        return f"{'nothing' if entity is None else house['made'][entity].made['rule_version']['name']}.regles"
    table, column = told.split(".")
    value = house["made"][entity or ONE].made[table][column]
    if entity is None:
        return "987654" if isinstance(value, int) else ("cdef" * 16)[: len(value)]
    return str(value)


def told_of(browser: TestClient, method: str, address: str, words: list[str]) -> tuple[int, str, str]:
    """Status, where it sends and what it says, without the words that were asked for."""
    answer = browser.request(method, address, data=FORM if method != "GET" else None)
    text, location = answer.text, answer.headers.get("location", "")
    for word in words:
        text, location = text.replace(word, "#"), location.replace(word, "#")
    return answer.status_code, location, text


def walked(house: dict[str, Any]) -> list[tuple[str, str]]:
    found = {(method, route.path) for route in _all_routes(house["app"].routes) for method in route.methods if "{" in route.path}
    return sorted(found)


def test_what_belongs_to_another_company_is_as_unknown_as_what_never_was(house):
    browser, wrong, seen = house["browsers"][ONE], [], 0
    for method, path in walked(house):
        there, words = named(house, path, OTHER)
        nowhere, others = named(house, path, None)
        if there == nowhere:
            continue
        seen += 1
        told, unknown = told_of(browser, method, there, words), told_of(browser, method, nowhere, others)
        if told != unknown or unknown[0] >= 500:
            wrong.append((method, path, told[:2], unknown[:2]))
    assert not wrong, wrong
    assert seen > 90


def test_the_company_itself_finds_what_is_its_own(house):
    """Else the walk above would prove nothing: of each kind of thing some address answers otherwise than for an unknown one."""
    browser, found, asked, failed = house["browsers"][OTHER], set(), set(), []
    for method, path in walked(house):
        there, words = named(house, path, OTHER)
        nowhere, others = named(house, path, None)
        if there != nowhere and beginning_of(path) not in asked & found:
            asked.add(beginning_of(path))
            told = told_of(browser, method, there, words)
            if told[0] >= 500:
                failed.append((method, path))
            elif told != told_of(browser, method, nowhere, others):
                found.add(beginning_of(path))
    assert (asked - found - ELSEWHERE, failed) == (set(), [])


def test_no_page_shows_anything_of_another_company(house):
    """Lists, counts, searches and suggestions, as somebody sees them in a company that has nothing."""
    browser, leaks = house["browsers"][EMPTY], []
    pages = {route.path for route in _all_routes(house["app"].routes) if "GET" in route.methods and "{" not in route.path}
    for path in sorted(pages - OPEN - {"/events"}):
        for question in ("", "?q=aaaaaaaa", "?q=bbbb", "?state=duplicates"):
            answer = browser.get(path + question)
            text = re.sub(r"<dl>.*?</dl>", "", answer.text.replace(question, ""), flags=re.S)
            if answer.status_code >= 500 or re.search(r"aaaaaaaaa|bbbbb|who-(essai|filiale)|\b(quai|guichet|700[12])\b", text):
                leaks.append((path + question, answer.status_code))
    assert leaks == []


def test_a_list_of_people_neither_shows_nor_changes_who_works_elsewhere(house):
    """The administrator of one company sends the login and the address of somebody in another, and a new account."""
    browser, home = house["browsers"][ONE], house["home"]
    lines = f"who-{OTHER};Moi;moi@x.fr;valideur\nnouveau;Nouveau;;administrateur\n"
    address = browser.post("/imports/people", files={"file": ("l.csv", f"Identifiant;Nom;Courriel;Rôles\n{lines}")}).headers["location"]
    with home.database.writing() as session:
        other = people.find(session, f"who-{OTHER}")
        other.name, other.email = "Quelqu'un d'Ailleurs", "ailleurs@groupe.fr"
    page = browser.get(address).text
    assert "Ailleurs" not in page and "ailleurs@groupe.fr" not in page
    assert browser.post(f"{address}/run", data={"partly": "yes"}).status_code == 303
    with home.database.writing() as session:
        other = people.find(session, f"who-{OTHER}")
        assert (other.email, people.find(session, "nouveau").entities) == ("ailleurs@groupe.fr", [ONE])
        assert Role.APPROVER not in {grant.role for grant in people.grants_of(session, other.pseudonym) if grant.given_by}
        other.name = other.email = None
    assert house["browsers"][OTHER].get(address).status_code == 404


def test_a_choice_that_is_not_theirs_changes_nothing_and_one_that_was_withdrawn_falls_back(house):
    browser = house["browsers"][ONE]
    assert browser.post("/entity", data={"entity": OTHER}).status_code == 404
    assert 'id="companies"' not in browser.get("/help").text
    with house["home"].database.writing() as session:
        people.find(session, f"who-{ONE}").entities = [ONE, EMPTY]
    assert f"Passer à {EMPTY}" in browser.get("/help").text
    assert browser.post("/entity", data={"entity": EMPTY}).headers["location"] == "/"
    assert "coin" in browser.get("/stations").text
    with house["home"].database.writing() as session:
        people.find(session, f"who-{ONE}").entities = [ONE]
    assert "guichet" in browser.get("/stations").text
    assert "coin" not in browser.get("/stations").text
