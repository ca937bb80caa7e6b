"""The API, asked with a token of one company for everything that is the other's: as for what does not exist."""

import re

import pytest
from fastapi.testclient import TestClient
from test_entities import NAMES, ONE, OTHER, house  # noqa: F401  the fixture

from station.api_tokens import SCOPES, make_token
from station.records import people
from station.web.api.asks import ASKS

TABLES = {
    "accounts": "account_change",
    "approvals": "task",
    "controls": "control_lot",
    "holds": "hold",
    "outbox": "outbox",
    "passports": "passport",
    "people": "person_role",
    "suppliers": "supplier",
    "webhooks": "webhook",
}
"""In which table a number is one, by the word before it."""
READ = sorted(path for method, path in ASKS if method == "GET" and re.search(r"\{(?!figure|code)", path) and "{number}/parts" not in path)


@pytest.fixture(scope="module")
def program(house):  # noqa: F811
    workstation, app = house["home"], house["app"]
    app.state.pace.rate = app.state.pace.burst = 1e9
    with workstation.database.writing() as session:
        person = people.find(session, f"who-{ONE}")
        text = make_token(session, ONE, person, "w", list(SCOPES), 30, workstation.clock())[1]
    base = "http://127.0.0.1:8080/api/v1"
    return TestClient(app, base_url=base, headers={"Authorization": f"Bearer {text}"}, raise_server_exceptions=False)


def filled(path: str, row) -> str:
    """The address of what belongs to a company."""
    words = path.split("/")

    def value(place: int, name: str) -> object:
        plain = {
            "document_id": row.made["document"]["id"],
            "first": row.made["document"]["id"],
            "second": row.made["document"]["id"],
            "batch_id": row.made["batch"]["id"],
            "sha256": row.made["original"]["sha256"],
            "pseudonym": row.made["person"]["pseudonym"],
            "name": row.station if words[1] == "stations" else "supplier_name",
        }
        if name in plain:
            return plain[name]
        if words[1] == "exports":
            return f"20261120-094207-{NAMES[row.entity]}"
        table = next((TABLES[each] for each in (words[place - 1], words[1]) if each in TABLES), None)
        return row.made[table]["id"] if table in row.made else 1

    return "/".join(str(value(place, word[1:-1])) if word.startswith("{") else word for place, word in enumerate(words))


@pytest.mark.parametrize("path", READ)
def test_what_is_the_other_companys_does_not_exist_for_a_program(house, program, path):  # noqa: F811
    address = filled(path, house["made"][OTHER])
    answer = program.get(address)
    # The pseudonyms of these rows are none that could be.
    assert answer.status_code == (422 if "{pseudonym}" in path else 404), answer.text
    assert NAMES[OTHER] not in answer.text.replace(address, "")


@pytest.mark.parametrize("path", sorted(path for method, path in ASKS if method == "GET" and "{" not in path))
def test_no_list_of_a_program_tells_of_the_other_company(house, program, path):  # noqa: F811
    answer = program.get(path, params={"q": NAMES[OTHER]} if path == "/search" else {})
    assert NAMES[OTHER] * 2 not in answer.text
    assert house["made"][OTHER].made["document"]["id"] not in answer.text


def acts(row, own) -> list[tuple[str, str, dict]]:
    """What may be done to something, with a body that would do."""
    made, document = row.made, row.made["document"]["id"]
    return [
        ("POST", f"/documents/{document}/fields/supplier_name", {"value": "x"}),
        ("POST", f"/documents/{document}/decisions", {"choice": "treat", "reason": "x"}),
        ("POST", f"/documents/{document}/corrections", {"what": "type", "kind": "order", "reason": "x"}),
        ("POST", f"/documents/{document}/erasure", {"step": "ask", "reason": "x"}),
        ("POST", f"/documents/{own}/corrections", {"what": "merge", "other": document, "reason": "x"}),
        ("POST", f"/duplicates/{own}/{document}", {"choice": "same"}),
        ("POST", f"/accounts/{made['account_change']['id']}/decision", {"approved": True, "reason": "x"}),
        ("POST", f"/holds/{made['hold']['id']}/lift", {"reason": "x"}),
        ("POST", f"/review/{document}/take", {}),
        ("POST", f"/outbox/{made['outbox']['id']}/drop", {}),
        ("POST", f"/people/{made['person']['pseudonym']}/roles", {"role": "clerk"}),
        ("POST", f"/stations/{row.station}/batch", {}),
    ]


def test_nothing_of_the_other_company_can_be_acted_on(house, program):  # noqa: F811
    row, own = house["made"][OTHER], house["made"][ONE].made["document"]["id"]
    answers = [(method, path, program.request(method, path, json=body)) for method, path, body in acts(row, own)]
    assert [(path, answer.status_code, answer.text[:80]) for _, path, answer in answers if answer.status_code not in (404, 422)] == []
    assert sum(answer.status_code == 404 for *_, answer in answers) >= 10
