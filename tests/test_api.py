"""The API: a token opens what its scope and its person's roles of today open; nothing is done twice; conflicts lose nothing."""

import threading
from datetime import timedelta

import apihome
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from test_web import (
    HTMX,  # noqa: F401 the room of pages is there
    visitor,
)

from station.api_tokens import SCOPES, STRONG, TokenRefused, make_token
from station.people import Act, choose_password, reset_password
from station.records import people
from station.records.tables import Access, AccountChange, ApiToken, Idempotency, LedgerPayload
from station.web.api.asks import ASKS
from station.web.api.porter import Pace
from station.web.app import build_app
from station.web.grants import GRANTS, asks_again
from station.workstation import Workstation
from workflow.roles import Role


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return apihome.open_office(tmp_path)


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    return answer.status_code, told["code"]


# --- the table ---


def test_every_operation_stands_in_the_table_and_asks_for_a_known_scope_and_page(office):
    described = office.app.state.api.openapi()
    operations = {(method.upper(), path) for path, told in described["paths"].items() for method in told}
    assert operations == set(ASKS)
    assert {ask.scope for (_, path), ask in ASKS.items() if path != "/me"} == set(SCOPES)
    assert {ask.page for ask in ASKS.values()} <= set(GRANTS)


def test_what_a_page_asks_the_password_for_asks_a_program_for_a_scope_that_was_ticked_by_itself():
    assert {ask.scope for ask in ASKS.values() if asks_again(ask.method, ask.page)} <= STRONG


def test_a_scope_that_reads_opens_nothing_that_changes():
    changing = {(method, path) for (method, path), ask in ASKS.items() if ask.scope.endswith(":write")}
    assert changing == {(method, path) for method, path in ASKS if method != "GET"}


# --- tokens ---


def test_without_a_token_nothing_opens_and_a_cookie_is_none(office):
    stranger = TestClient(office.app, base_url="http://localhost/api/v1")
    assert problem(stranger.get("/documents")) == (401, "token-missing")
    assert problem(stranger.get("/documents", headers={"Authorization": "Bearer sceau_x"})) == (401, "token-unknown")
    signed = visitor(office.station)
    signed.post("/sign-in", data={"login": "atelier", "password": "essai"})
    assert signed.get("/documents").status_code == 200
    assert signed.get("/api/v1/documents").status_code == 401


def test_a_token_opens_no_page(office):
    answer = office.program().get("http://localhost/documents", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in")


def test_a_token_is_kept_as_its_hash_and_told_by_its_beginning(office):
    text = office.token()
    with office.station.database.reading() as session:
        row = session.scalars(sa.select(ApiToken)).one()
        assert text.startswith(row.prefix)
        assert len(text) >= 48
        assert text not in (row.digest, row.prefix)
        told = [each.body for each in session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == "person"))]
    assert b"token made" in told[-1]
    assert text.encode() not in b"".join(told)


def test_a_scope_that_the_token_lacks_is_named(office):
    answer = office.program(scopes=("documents:read",)).get("/people")
    assert problem(answer) == (403, "scope")
    assert 'scope="people:read"' in answer.headers["www-authenticate"]


def test_a_token_never_opens_more_than_its_person_may_today(office):
    login = office.person("marie", Role.CLERK)
    program = office.program(login)
    assert program.get("/review").status_code == 200
    assert problem(program.get("/people")) == (403, "role")
    with office.station.database.writing() as session:
        person = people.find(session, login)
        for row in people.grants_of(session, person.pseudonym):
            row.taken_at = office.station.clock()
    assert problem(program.get("/review")) == (403, "role")


def test_a_token_ends_with_its_day_its_person_and_its_revocation(office):
    login = office.person("marie", Role.CLERK)
    program = office.program(login, days=2)
    later = Workstation(
        office.station.settings, office.station.database, office.station.originals, office.station.archives,
        clock=lambda: office.station.clock() + timedelta(days=2),
    )  # fmt: skip
    old = TestClient(build_app(later, secret=b"t"), base_url="http://localhost/api/v1", headers=program.headers)
    assert problem(old.get("/me")) == (401, "token-ended")
    assert program.get("/me").json()["roles"] == ["clerk"]
    with office.station.database.writing() as session:
        people.find(session, login).ended_at = office.station.clock()
    assert problem(program.get("/me")) == (401, "token-person")
    with office.station.database.writing() as session:
        session.scalars(sa.select(ApiToken)).one().revoked_at = office.station.clock()
    assert problem(program.get("/me")) == (401, "token-revoked")


def test_no_token_lives_longer_than_a_year_nor_has_no_scope(office):
    with office.station.database.writing() as session:
        person = people.find(session, "atelier")
        for scopes, days, reason in ((["documents:read"], 367, "days"), ([], 30, "scopes"), (["everything"], 30, "scopes")):
            with pytest.raises(TokenRefused, match=reason):
                make_token(session, "essai", person, "x", scopes, days, office.station.clock())


def test_a_token_of_another_company_is_let_in_nowhere(office):
    assert problem(office.program(entity="autre").get("/documents")) == (403, "entity")


def test_who_asks_too_often_waits(office):
    office.app.state.pace.burst, office.app.state.pace.rate = 2, 1.0
    program = office.program()
    assert [program.get("/me").status_code for _ in range(3)] == [200, 200, 429]
    assert int(program.get("/me").headers["retry-after"]) >= 1
    office.time[0] += 5
    assert program.get("/me").status_code == 200


def test_a_pace_is_kept_by_token():
    now = [0.0]
    pace = Pace(lambda: now[0], rate=2.0, burst=3)
    assert [pace.wait_for(1) for _ in range(4)] == [0, 0, 0, 0.5]
    assert pace.wait_for(2) == 0
    now[0] = 0.5
    assert (pace.wait_for(1), pace.wait_for(1)) == (0, 0.5)


def test_what_is_read_is_noted_under_its_person(office):
    office.program().get(f"/documents/{office.ids['conform']}")
    office.app.state.readings.flush()
    with office.station.database.reading() as session:
        (noted,) = session.scalars(sa.select(Access)).all()
        assert noted.actor == people.find(session, "responsable").pseudonym
    assert (noted.act, noted.object) == ("seen", office.ids["conform"])


def test_every_operation_that_shows_what_a_document_says_is_noted():
    shown = {path for (method, path), ask in ASKS.items() if method == "GET" and ask.act is None}
    named = {path for path in shown if "{document_id}" in path}
    assert named | (shown & {"/approvals/{number}", "/accounts/{number}", "/search"}) == set()


def test_an_approval_that_a_program_reads_is_noted_by_its_document(office):
    with office.station.database.writing() as session:
        change = AccountChange(
            document_id=office.ids["conform"], entity="essai", supplier="siren:732829320", iban="FR7630006000011234567890189", known=[],
            asked_by="x", asked_at=office.station.clock(),
        )  # fmt: skip
        session.add(change)
        session.flush()
        number = change.id
    office.program().get(f"/accounts/{number}")
    office.app.state.readings.flush()
    with office.station.database.reading() as session:
        assert session.scalars(sa.select(Access.object)).all() == [office.ids["conform"]]


def test_a_new_password_ends_the_tokens_made_under_the_old_one(office):
    login = office.person("marie", Role.CLERK)
    programs = [office.program(login), office.program(login)]
    act = Act("essai", None, office.station.clock())
    with office.station.database.writing() as session:
        choose_password(session, act, people.find(session, login), "une tout autre phrase")
    assert {problem(program.get("/me")) for program in programs} == {(401, "token-revoked")}
    last = office.program(login)
    with office.station.database.writing() as session:
        reset_password(session, act, people.find(session, login))
    assert problem(last.get("/me")) == (401, "token-revoked")


# --- the page of tokens ---


def test_a_token_is_made_after_the_password_shown_once_and_revoked(office):
    signed = visitor(office.station)
    signed.post("/sign-in", data={"login": "atelier", "password": "essai"})
    made = signed.post("/account/tokens", data={"name": "compta", "scopes": ["documents:read"], "days": "30"})
    assert made.status_code == 200
    text = made.text.split("sceau_")[1].split("<")[0].split('"')[0]
    assert "sceau_" + text not in signed.get("/account/tokens").text
    program = TestClient(office.app, base_url="http://localhost/api/v1", headers={"Authorization": f"Bearer sceau_{text}"})
    assert program.get("/documents").status_code == 200
    signed.post("/account/tokens/1/revoke")
    assert problem(program.get("/documents")) == (401, "token-revoked")


@pytest.mark.parametrize(("typed", "words"), [({"name": ""}, "sert"), ({"scopes": []}, "portée"), ({"days": "999"}, "jours")])
def test_a_token_that_cannot_be_made_keeps_what_was_typed(office, typed, words):
    signed = visitor(office.station)
    signed.post("/sign-in", data={"login": "atelier", "password": "essai"})
    sent = {"name": "compta", "scopes": ["documents:read"], "days": "30", **typed}
    answer = signed.post("/account/tokens", data=sent)
    assert (answer.status_code, words in answer.text) == (422, True)


def test_somebody_else_s_token_cannot_be_revoked_by_its_number(office):
    office.token("responsable")
    signed = visitor(office.station)
    signed.post("/sign-in", data={"login": "atelier", "password": "essai"})
    assert signed.post("/account/tokens/1/revoke").status_code == 404


# --- nothing twice ---


def test_the_same_key_and_body_give_the_same_answer_again_and_nothing_is_done_twice(office):
    program, said = office.program(), {"scope": "supplier", "value": "732829320", "reason": "litige"}
    first, again = (program.post("/holds", json=said, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert len(program.get("/holds").json()) == 1
    other = program.post("/holds", json={**said, "value": "552100554"}, headers={"Idempotency-Key": "k1"})
    assert problem(other) == (422, "key-reused")


def test_a_key_is_one_token_s_own(office):
    said = {"scope": "supplier", "value": "732829320", "reason": "litige"}
    for _ in range(2):
        assert office.program().post("/holds", json=said, headers={"Idempotency-Key": "k1"}).status_code == 201
    assert len(office.program().get("/holds").json()) == 2


def test_while_the_first_is_at_work_the_second_is_told_so_and_after_a_crash_nothing_is_guessed(office):
    program = office.program()
    program.post("/holds", json={"scope": "year", "value": "2026", "reason": "contrôle"}, headers={"Idempotency-Key": "k"})
    with office.station.database.writing() as session:
        session.scalars(sa.select(Idempotency)).one().status = None
    again = {"url": "/holds", "json": {"scope": "year", "value": "2026", "reason": "contrôle"}, "headers": {"Idempotency-Key": "k"}}
    assert problem(program.post(**again)) == (409, "key-busy")
    with office.station.database.writing() as session:
        session.scalars(sa.select(Idempotency)).one().at -= timedelta(hours=1)
    assert problem(program.post(**again)) == (409, "key-unknown")
    with office.station.database.writing() as session:
        session.scalars(sa.select(Idempotency)).one().at -= timedelta(days=1)
    assert program.post(**again).status_code == 201


def test_of_two_that_come_at_once_under_one_key_one_is_done(office):
    program, answers = office.program(), []
    said = {"scope": "supplier", "value": "732829320", "reason": "litige"}
    threads = [
        threading.Thread(target=lambda: answers.append(program.post("/holds", json=said, headers={"Idempotency-Key": "k"}).status_code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 409}
    assert len(program.get("/holds").json()) == 1


def test_an_answer_that_held_a_secret_is_not_kept(office):
    program = office.program()
    said = {"login": "paul", "roles": [{"role": "clerk"}]}
    made = program.post("/people", json=said, headers={"Idempotency-Key": "k"})
    assert made.status_code == 201
    assert problem(program.post("/people", json=said, headers={"Idempotency-Key": "k"})) == (409, "key-secret")
    with office.station.database.reading() as session:
        assert session.scalars(sa.select(Idempotency)).one().body is None


# --- lists ---


def test_a_list_goes_on_by_its_cursor_and_what_comes_meanwhile_shifts_nothing(office):
    import webhome

    program = office.program()
    whole = [each["id"] for each in program.get("/documents").json()["items"]]
    first = program.get("/documents", params={"limit": 2})
    webhome.received(office.station, "neuf.png", webhome.PAPERS[0], hours=0, at=office.station.clock())
    found, following = [each["id"] for each in first.json()["items"]], first.headers["link"].split("<")[1].split(">")[0]
    while following:
        part = program.get(f"http://localhost{following}")
        found += [each["id"] for each in part.json()["items"]]
        following = part.headers["link"].split("<")[1].split(">")[0] if "link" in part.headers else ""
    assert found == whole


@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "WyJhIiwiYiJd", "e30"])
def test_a_cursor_that_is_none_of_ours_is_refused(office, cursor):
    assert problem(office.program().get("/documents", params={"cursor": cursor})) == (422, "cursor")
    assert problem(office.program().get("/ledger/entries", params={"cursor": "WyJhIl0"})) == (422, "cursor")


# --- what the desks do ---


def test_a_held_document_is_decided_with_a_reason_under_the_person_of_the_token(office):
    program, held = office.program("atelier"), office.ids["held"]
    assert "treat" in program.get(f"/documents/{held}/decisions").json()["offered"]
    assert problem(program.post(f"/documents/{held}/decisions", json={"choice": "treat", "reason": " "})) == (422, "unreadable")
    assert program.post(f"/documents/{held}/decisions", json={"choice": "treat", "reason": "lisible"}).json()["state"] == "received"
    assert problem(program.post(f"/documents/{held}/decisions", json={"choice": "treat", "reason": "lisible"})) == (409, "not-offered")
    (taken,) = program.get(f"/documents/{held}/decisions").json()["taken"]
    assert taken["by"].startswith("p-")


def test_of_a_confidential_letter_nothing_is_shown(office):
    program, document = office.program(), office.ids["conform"]
    program.post(f"/documents/{document}/decisions", json={"choice": "confidential", "reason": "courrier médical"})
    for part in ("", "/fields", "/findings", "/pages", "/sealed", "/verdict", "/proof"):
        assert problem(program.get(f"/documents/{document}{part}")) == (423, "reserved"), part
    (line,) = [each for each in program.get("/documents").json()["items"] if each["id"] == document]
    assert (line["confidential"], line["title"], line["sealed"]) == (True, None, None)


def test_a_file_comes_in_as_its_scanner_would_put_it(office):
    folder = office.station.settings.folder_of(office.station.settings.stations[0])
    answer = office.program().post("/documents", params={"name": "facture.png", "station": "demo"}, content=b"bytes")
    assert (answer.status_code, (folder / answer.json()["name"]).read_bytes()) == (202, b"bytes")
    assert problem(office.program().post("/documents", params={"name": "a.png", "station": "demo"}, content=b"")) == (422, "no-file")
    assert problem(office.program().post("/documents", params={"name": "a.png", "station": "x"}, content=b"a")) == (404, "unknown")


def test_an_upload_under_one_key_lies_there_once(office):
    folder, program = office.station.settings.folder_of(office.station.settings.stations[0]), office.program()
    before = set(folder.iterdir())
    sent = {"params": {"name": "f.png", "station": "demo"}, "content": b"x" * 3_000_000, "headers": {"Idempotency-Key": "u"}}
    assert [program.post("/documents", **sent).status_code for _ in range(2)] == [202, 202]
    (new,) = set(folder.iterdir()) - before
    assert new.stat().st_size == 3_000_000


def test_a_body_that_is_too_large_is_turned_away(office):
    answer = office.program().post("/holds", content=b" " * (600 * 1024), headers={"content-type": "application/json"})
    assert problem(answer) == (413, "too-large")


def test_a_review_is_saved_by_revision_and_a_conflict_tells_both_values_and_writes_nothing(office):
    document = office.ids["conform"]
    office.person("marie", Role.CLERK)
    mine, theirs = office.program("atelier"), office.program("marie")
    seen = mine.get(f"/review/{document}")
    etag = seen.headers["etag"]
    path = f"/review/{document}/fields"
    field = {"fields": [{"name": "invoice_number", "text": "A-1"}]}
    saved = theirs.patch(path, json=field, headers={"If-Match": etag})
    assert saved.status_code == 200
    clash = mine.patch(
        path,
        json={"fields": [{"name": "invoice_number", "text": "B-2"}, {"name": "due_date", "text": "20/12/2026"}]},
        headers={"If-Match": etag},
    )
    assert problem(clash) == (409, "clash")
    (told,) = clash.json()["clashes"]
    assert (told["mine"], told["theirs"]) == ("B-2", "A-1")
    drafts = {each["name"]: each["draft"] for each in mine.get(f"/review/{document}").json()["fields"]}
    assert drafts["invoice_number"]["typed"] == "A-1"
    assert drafts.get("due_date") is None
    mine.patch(path, json={"fields": [{"name": "invoice_number", "text": "B-2"}]}, headers={"If-Match": saved.headers["etag"]})
    assert mine.post(f"/review/{document}/submit", json={"whole": True}).status_code == 200
    numbers = [each for each in mine.get(f"/documents/{document}/fields").json() if each["name"] == "invoice_number" and each["counts"]]
    assert numbers[0]["value"] == "B-2"


def test_a_program_is_no_second_person_beside_its_own(office):
    document = office.ids["conform"]
    with office.station.database.writing() as session:
        asked = AccountChange(
            document_id=document, entity="essai", supplier="siren:732829320", iban="FR1420041010050500013M02606", known=[],
            asked_by=people.find(session, "atelier").pseudonym, asked_at=office.station.clock(),
        )  # fmt: skip
        session.add(asked)
    program = office.program("atelier")
    assert [each["id"] for each in program.get("/accounts").json()] == [1]
    assert problem(program.post("/accounts/1/decision", json={"approved": True})) == (409, "not-offered")
    assert office.program("responsable").post("/accounts/1/decision", json={"approved": True}).status_code == 200


def test_a_batch_is_opened_fed_and_ended(office):
    program = office.program("atelier")
    assert problem(program.get("/stations/demo/batch")) == (409, "no-batch")
    made = program.post("/stations/demo/batch", json={"sheets": 3, "box": "B12"})
    assert (made.status_code, made.json()["expected_sheets"]) == (201, 3)
    assert problem(program.post("/stations/demo/batch", json={})) == (409, "not-offered")
    assert program.patch("/stations/demo/batch", json={"sheets": 4}).json()["expected_sheets"] == 4
    ended = program.post("/stations/demo/batch/end").json()
    assert ended["ended_at"] is not None
    assert program.get(f"/batches/{ended['id']}").json()["box"] == "B12"


def test_an_entry_of_the_ledger_is_proved_in_the_tree(office):
    from sealing.ledger import leaf_hash
    from sealing.proofs import proves_inclusion

    told = office.program().get("/ledger/proofs/inclusion", params={"sequence": 3}).json()
    path = [bytes.fromhex(each) for each in told["path"]]
    leaf = leaf_hash(told["entry"].encode())
    assert proves_inclusion(leaf, 3, told["size"], path, bytes.fromhex(told["root"]))


def test_an_address_that_offers_no_such_operation_says_so_in_words(office):
    assert problem(office.program().put("/documents")) == (405, "method")
    assert problem(office.program().get("/nothing")) == (404, "unknown")
    english = office.program().get("/nothing", headers={"Accept-Language": "en-GB"}).json()
    assert english["title"] == "There is no such thing here."


# --- the page of what leaves the house ---


def test_what_failed_is_shown_with_its_reason_and_sent_again_or_given_up(office):
    from station import outbox
    from station.outbox import Undelivered

    def refuse(_station, _parcel):
        raise Undelivered("l'adresse n'existe pas / no such address", lasting=True)

    with office.station.database.writing() as session:
        outbox.put(session, "essai", "mail", "approval-7", {"to": "anna@exemple.fr"}, office.station.clock())
    outbox.deliver_due(office.station, {"mail": refuse})
    signed = visitor(office.station)
    signed.post("/sign-in", data={"login": "responsable", "password": "essai"})
    page = signed.get("/envois").text
    assert "existe pas" in page
    assert "no such address" not in page
    assert "anna@exemple.fr" not in page
    assert signed.post("/envois/1/retry").headers["location"] == "/envois"
    assert office.program().post("/outbox/1/drop").json()["state"] == "dropped"
    assert signed.post("/envois/1/retry").status_code == 404


def test_a_subscription_shows_its_secret_once(office):
    signed = visitor(office.station)
    signed.post("/sign-in", data={"login": "responsable", "password": "essai"})
    wrong = signed.post("/envois/webhooks", data={"url": "https://10.0.0.1/x", "events": ["document.held"]})
    assert (wrong.status_code, "private_hosts" in wrong.text) == (422, True)
    made = signed.post("/envois/webhooks", data={"url": "https://exemple.fr/x", "events": ["document.held"]})
    secret = made.text.split("whsec_")[1][:44]
    page = signed.get("/envois").text
    assert "https://exemple.fr/x" in page
    assert secret not in page
    assert "exemple.fr" not in signed.post("/envois/webhooks/1/end").text
