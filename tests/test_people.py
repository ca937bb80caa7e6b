"""Accounts: roles with their days, deputies, passwords, codes; who fails too often, who must show again who they are; four eyes."""

import base64
import json
import re
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from test_web import visitor
from typer.testing import CliRunner

from station import erasure, totp
from station import throttle as throttles
from station.cli import app as command
from station.people import Act, Refused, RoleDays, add_person, delegate_role, end_person, give_role, read_days, take_role
from station.records import documents, people
from station.records.database import alembic_config, open_database
from station.records.tables import Attempt, LedgerPayload, Person, PersonRole, State
from station.throttle import FREE, LONGEST_WAIT, Throttle
from station.web.app import build_app
from station.web.visits import IDLE_SECONDS, WORKDAY
from workflow.roles import WORKING, Role

NOON = webhome.NOON
TODAY = NOON.date()
RFC_SECRET = b"12345678901234567890"
PHRASE = "une phrase assez longue"


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    """argon2 is slow on purpose; how it is used is the same."""
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def home(tmp_path):
    return webhome.open_home(tmp_path)


@pytest.fixture
def clock():
    """Seconds that a test moves."""
    return [1_800_000_000.0]


def at(home, clock) -> TestClient:
    app = build_app(home, secret=b"test", moment=lambda: clock[0])
    return TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)


def entered(home, clock, login: str = "responsable", password: str = "essai") -> TestClient:  # noqa: S107 open by design
    browser = at(home, clock)
    assert browser.post("/sign-in", data={"login": login, "password": password}).status_code == 303
    return browser


def known(home, login: str, *roles: Role, ends: date | None = None) -> Person:
    """Somebody who chose their password already."""
    with home.database.writing() as session:
        act = Act("essai", None, home.clock())
        person, _ = add_person(session, act, login, "", "", [RoleDays(role, None, ends) for role in roles])
        return people.set_password(session, login, PHRASE) and person


def entries(home) -> list[dict]:
    with home.database.reading() as session:
        return [json.loads(body) for body in session.scalars(sa.select(LedgerPayload.body).where(LedgerPayload.type == "person"))]


# --- codes ---


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"), (2000000000, "69279037"),
     (20000000000, "65353130")],
)  # fmt: skip
def test_codes_are_those_of_the_standard_s_own_table(seconds, code):
    """RFC 6238, appendix B, of SHA-1."""
    assert totp.code_at(RFC_SECRET, totp.step_of(seconds), digits=8) == code


@given(st.integers(0, 2**33), st.integers(-3, 3))
def test_a_code_serves_in_its_step_and_the_ones_beside_it_once(seconds, away):
    secret, step = base64.b32encode(RFC_SECRET).decode(), totp.step_of(seconds)
    typed = totp.code_at(RFC_SECRET, max(0, step + away))
    found = totp.accepted_step(secret, typed, seconds, None)
    near = {totp.code_at(RFC_SECRET, each) for each in range(max(0, step - 1), step + 2)}
    assert (found is not None) == (typed in near)
    assert found is None or totp.accepted_step(secret, typed, seconds, step + 1) is None


@given(st.text(max_size=12))
def test_whatever_is_typed_in_place_of_a_code_is_refused_without_an_error(typed):
    digits = "".join(typed.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        assert totp.accepted_step(totp.new_secret(), typed, 0.0, None) is None


def test_whoever_set_up_a_code_is_asked_for_it_and_no_code_serves_twice(home, clock):
    known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    browser.post("/account/code", data={"step": "begin"})
    page = browser.get("/account").text
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert 'src="data:image/svg+xml' in page
    assert browser.post("/account/code", data={"step": "prove", "code": "000000"}).status_code == 422
    code = code_of(secret, clock)
    assert 'id="reserve"' in browser.post("/account/code", data={"step": "prove", "code": code}).text
    assert browser.get("/account").status_code == 200
    again = at(home, clock)
    asked = again.post("/sign-in", data={"login": "claire", "password": PHRASE})
    assert (asked.status_code, 'name="code"' in asked.text) == (200, True)
    assert again.get("/documents").status_code == 303
    assert again.post("/sign-in", data={"code": code}).status_code == 401
    clock[0] += 30
    assert again.post("/sign-in", data={"code": code_of(secret, clock)}).status_code == 303
    assert again.get("/documents").status_code == 200
    assert [entry["what"] for entry in entries(home)] == ["added", "code begun"]


def test_a_code_without_the_password_before_it_opens_nothing(home, clock):
    person = known(home, "claire", Role.CLERK)
    with home.database.writing() as session:
        session.get(Person, person.login).totp_secret = secret = totp.new_secret()
    browser = at(home, clock)
    assert browser.post("/sign-in", data={"login": "claire", "code": code_of(secret, clock)}).status_code == 401
    browser.post("/sign-in", data={"login": "claire", "password": PHRASE})
    clock[0] += 301
    assert browser.post("/sign-in", data={"code": code_of(secret, clock)}).status_code == 401


def test_of_two_that_send_the_same_code_at_once_one_is_let_in(home):
    with home.database.writing() as session:
        person = people.find(session, "atelier")
        assert [people.accept_step(session, person, step) for step in (7, 7, 6, 8)] == [True, False, False, True]


def code_of(secret: str, clock) -> str:
    return totp.code_at(base64.b32decode(secret), totp.step_of(clock[0]))


# --- signing in ---


def test_who_fails_too_often_waits_even_with_the_right_password(home, clock):
    browser = at(home, clock)
    for _ in range(FREE["both"]):
        assert browser.post("/sign-in", data={"login": "atelier", "password": "faux"}).status_code == 401
    refused = browser.post("/sign-in", data={"login": "atelier", "password": "essai"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
    assert "Trop d’essais manqués" in refused.text
    assert browser.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 303
    clock[0] += 31
    assert browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 303


def test_guessing_is_slowed_down_across_accounts_and_across_addresses(home):
    now = [0.0]
    throttle = Throttle(lambda: now[0], home.database)
    for n in range(FREE["address"]):
        throttle.note_failure(f"login{n}", "10.0.0.1")
        throttle.note_failure("claire", f"10.0.1.{n}")
    assert throttle.wait_for("somebody-else", "10.0.0.1") == 30
    assert throttle.wait_for("claire", "10.9.9.9") == 30
    assert throttle.wait_for("paul", "10.9.9.9") == 0
    for _ in range(50):
        throttle.note_failure("claire", "10.9.9.9")
    assert throttle.wait_for("claire", "10.8.8.8") == LONGEST_WAIT
    now[0] += 86401
    throttle.note_failure("claire", "10.9.9.9")
    assert throttle.wait_for("claire", "10.9.9.9") == 0


def test_a_flood_of_invented_logins_takes_no_more_room_than_is_set(home, monkeypatch):
    monkeypatch.setattr(throttles, "MOST_KEPT", 60)
    now = [0.0]
    throttle = Throttle(lambda: now[0], home.database)
    for n in range(80):
        now[0] += 0.001
        throttle.note_failure(str(n), "a")
    with home.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Attempt)) == 60
    assert throttle.wait_for("x", "a") > 0


def test_a_restart_and_another_process_count_on(home):
    first, second = (Throttle(lambda: 5.0, home.database) for _ in range(2))
    for _ in range(FREE["both"]):
        first.note_failure("claire", "10.0.0.1")
    assert second.wait_for("claire", "10.0.0.1") == 30
    second.note_success("claire", "10.0.0.1")
    assert first.wait_for("claire", "10.0.0.1") == 0


def test_the_records_of_failures_name_nobody(home):
    Throttle(lambda: 5.0, home.database).note_failure("claire", "10.0.0.1")
    with home.database.reading() as session:
        kept = [row.key for row in session.scalars(sa.select(Attempt))]
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in kept)


def test_a_visit_ends_when_nobody_is_there_though_the_page_goes_on_asking(home, clock):
    browser = entered(home, clock)
    for _ in range(IDLE_SECONDS // 600):
        clock[0] += 600
        assert browser.get("/", headers={"HX-Request": "true"}).status_code == 200
    clock[0] += 1
    assert browser.get("/").status_code == 303


def test_a_visit_goes_on_while_somebody_works_and_ends_with_the_day(home, clock):
    browser = entered(home, clock)
    began = clock[0]
    while clock[0] - began + 1800 <= WORKDAY:
        clock[0] += 1800
        assert browser.get("/documents").status_code == 200
    clock[0] += 1800
    assert browser.get("/documents").status_code == 303


def test_a_changed_role_ends_the_visits_of_its_person(home, clock):
    person = known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    entered(home, clock).post(f"/people/{person.pseudonym}/roles", data={"role": "approver"})
    assert browser.get("/documents").status_code == 303


def test_a_provisional_password_serves_once_to_choose_another(home, clock):
    boss = entered(home, clock)
    given_page = boss.post("/people", data={"login": "claire", "roles": ["clerk"], "email": "Claire@Exemple.fr"}).text
    password = re.search(r'id="password">([a-z0-9-]+)<', given_page)[1]
    browser = entered(home, clock, "claire", password)
    assert browser.get("/documents").headers["location"] == "/account"
    assert "choisissez le vôtre" in browser.get("/account").text
    wrong = {"present": "x" * 12, "password": PHRASE, "repeated": PHRASE}
    assert browser.post("/account/password", data=wrong).status_code == 422
    assert (
        browser.post(
            "/account/password", data=wrong | {"present": password, "password": "claire-claire", "repeated": "claire-claire"}
        ).status_code
        == 422
    )
    assert browser.post("/account/password", data=wrong | {"present": password}).status_code == 303
    assert browser.get("/documents").status_code == 200
    assert at(home, clock).post("/sign-in", data={"login": "claire", "password": password}).status_code == 401
    assert "claire" not in json.dumps(entries(home)).lower()


def test_a_provisional_password_that_nobody_used_ends_after_a_week(home, clock):
    with home.database.writing() as session:
        _, password = add_person(session, Act("essai", None, NOON - timedelta(days=8)), "claire", "", "", [RoleDays(Role.CLERK)])
    answer = at(home, clock).post("/sign-in", data={"login": "claire", "password": password})
    assert answer.status_code == 401
    assert "passé de date" in answer.text


# --- showing again who one is ---


def test_a_form_that_asks_again_who_one_is_goes_on_with_all_that_was_typed(home, clock):
    browser = entered(home, clock)
    clock[0] += 601
    typed = {"login": "claire", "name": 'Claire "C." <Dupont>\n', "roles": ["clerk", "approver"]}
    page = browser.post("/people", data=typed)
    assert page.status_code == 401
    assert "Claire &#34;C.&#34; &lt;Dupont&gt;" in page.text
    with home.database.reading() as session:
        assert people.find(session, "claire") is None
    sent = {**typed, "step_to": "/people", "step_password": "faux"}
    assert browser.post("/confirm", data=sent).status_code == 401
    passed_on = browser.post("/confirm", data={**sent, "step_password": "essai"})
    assert (passed_on.status_code, passed_on.headers["location"]) == (307, "/people")
    made = browser.post("/people", data={**sent, "step_password": "essai"})
    assert "Mot de passe provisoire" in made.text
    with home.database.reading() as session:
        claire = people.find(session, "claire")
        assert people.roles_of(session, claire.pseudonym, TODAY) == {Role.CLERK, Role.APPROVER}


def test_asking_again_leads_to_no_other_site_and_failures_count(home, clock):
    browser = entered(home, clock)
    answer = browser.post("/confirm", data={"step_to": "//evil.example", "step_password": "essai", "x": "1"})
    assert answer.headers["location"] == "/"
    for _ in range(FREE["both"]):
        browser.post("/confirm", data={"step_password": "faux"})
    assert browser.post("/confirm", data={"step_password": "essai"}).status_code == 429


def test_a_code_in_place_of_the_password_is_enough_to_go_on(home, clock):
    known(home, "claire", Role.ADMINISTRATOR)
    browser = entered(home, clock, "claire", PHRASE)
    with home.database.writing() as session:
        session.get(Person, "claire").totp_secret = secret = totp.new_secret()
    clock[0] += 700
    assert browser.post("/people", data={"login": "paul", "roles": "clerk"}).status_code == 401
    assert browser.post("/confirm", data={"step_code": code_of(secret, clock)}).status_code == 303
    assert browser.post("/people", data={"login": "paul", "roles": "clerk"}).status_code == 200


# --- roles ---


def test_a_role_holds_on_its_days_only(home):
    person = known(home, "claire", Role.CLERK)
    with home.database.writing() as session:
        give_role(session, Act("essai", None, NOON), person, RoleDays(Role.AUDITOR, TODAY + timedelta(1), TODAY + timedelta(3)))
        held = [Role.AUDITOR in people.roles_of(session, person.pseudonym, TODAY + timedelta(day)) for day in range(5)]
    assert held == [False, True, True, True, False]


def test_an_auditor_s_role_ends_by_itself(home, clock):
    known(home, "audit", Role.AUDITOR, ends=TODAY)
    browser = entered(home, clock, "audit", PHRASE)
    assert browser.get("/conformite").status_code == 200
    with home.database.writing() as session:
        session.execute(sa.update(PersonRole).where(PersonRole.role == "auditor").values(ends=(TODAY - timedelta(1)).isoformat()))
    assert browser.get("/conformite").status_code == 403


@pytest.mark.parametrize(
    ("login", "roles", "reason"),
    [("claire", [RoleDays(Role.AUDITOR)], "expiring"), ("claire", [], "role"), ("Claire Dupont", [RoleDays(Role.CLERK)], "login"),
     ("../etc", [RoleDays(Role.CLERK)], "login"), ("atelier", [RoleDays(Role.CLERK)], "taken"),
     ("claire", [RoleDays(Role.CLERK, date(2026, 12, 2), date(2026, 12, 1))], "days"),
     ("claire", [RoleDays(Role.CLERK, None, date(2026, 1, 1))], "days")],
)  # fmt: skip
def test_an_account_that_does_not_fit_is_refused_with_its_reason(home, login, roles, reason):
    with pytest.raises(Refused) as refused, home.database.writing() as session:
        add_person(session, Act("essai", None, NOON), login, "", "", roles)
    assert refused.value.reason == reason


def test_one_address_has_one_account(home):
    with pytest.raises(Refused, match="email"), home.database.writing() as session:
        for login in ("claire", "claire2"):
            add_person(session, Act("essai", None, NOON), login, "", "claire@exemple.fr", [RoleDays(Role.CLERK)])


def test_nobody_widens_or_ends_their_own_account(home, clock):
    browser = entered(home, clock)
    with home.database.reading() as session:
        me = people.find(session, "responsable").pseudonym
        mine = people.grants_of(session, me)[0].id
    for path, data in (("roles", {"role": "auditor", "ends": "2030-01-01"}), (f"roles/{mine}/take", {}), ("password", {}), ("end", {})):
        assert browser.post(f"/people/{me}/{path}", data=data).status_code == 422, path
    with home.database.reading() as session:
        assert people.roles_of(session, me, TODAY) == WORKING | {Role.ADMINISTRATOR}


def test_the_last_administrator_stays(home):
    boss = known(home, "claire", Role.ADMINISTRATOR)
    other = known(home, "paul", Role.CLERK)
    with home.database.writing() as session:
        end_person(session, Act("essai", None, NOON), people.find(session, "responsable"))
        act = Act("essai", other, NOON)
    with pytest.raises(Refused, match="last"), home.database.writing() as session:
        end_person(session, act, people.find(session, "claire"))
    with pytest.raises(Refused, match="last"), home.database.writing() as session:
        take_role(session, act, people.find(session, "claire"), people.grants_of(session, boss.pseudonym)[0].id)
    with home.database.reading() as session:
        assert people.find(session, "claire").ended_at is None
        assert people.roles_of(session, boss.pseudonym, TODAY) == {Role.ADMINISTRATOR}


def test_who_administers_one_company_is_not_the_last_for_the_house(home):
    known(home, "claire", Role.ADMINISTRATOR)
    known(home, "paul", Role.ADMINISTRATOR)
    with home.database.writing() as session:
        end_person(session, Act("essai", None, NOON), people.find(session, "responsable"))
        people.find(session, "paul").entities = ["essai"]
        act = Act("essai", people.find(session, "paul"), NOON)
    with pytest.raises(Refused, match="last"), home.database.writing() as session:
        end_person(session, act, people.find(session, "claire"))


def test_an_account_that_ended_opens_nothing_and_keeps_its_pseudonym(home, clock):
    person = known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    assert entered(home, clock).post(f"/people/{person.pseudonym}/end").status_code == 303
    assert browser.get("/documents").status_code == 303
    assert at(home, clock).post("/sign-in", data={"login": "claire", "password": PHRASE}).status_code == 401
    with home.database.reading() as session:
        assert people.logins_of(session, [person.pseudonym]) == {person.pseudonym: "claire"}
        assert people.roles_of(session, person.pseudonym, TODAY) == frozenset()


@pytest.mark.parametrize(
    ("login", "practice", "may"), [("claire", True, True), ("gone", True, False), ("atelier", True, True), ("atelier", False, False)]
)
def test_only_an_account_that_may_enter_answers_for_an_act_of_the_command_line(home, login, practice, may):
    for name in ("claire", "gone"):
        known(home, name, Role.CLERK)
    with home.database.writing() as session:
        session.get(Person, "gone").ended_at = home.clock()
    with home.database.reading() as session, nullcontext() if may else pytest.raises(people.NoPerson):
        assert people.named(session, login, practice=practice).login == login


def test_a_new_password_takes_the_code_away_and_is_shown_once(home, clock):
    person = known(home, "claire", Role.CLERK)
    with home.database.writing() as session:
        session.get(Person, "claire").totp_secret = totp.new_secret()
    shown = entered(home, clock).post(f"/people/{person.pseudonym}/password").text
    password = re.search(r'id="password">([a-z0-9-]+)<', shown)[1]
    browser = entered(home, clock, "claire", password)
    assert browser.get("/documents").headers["location"] == "/account"


def test_the_pages_of_people_speak_both_languages(home, clock):
    browser = entered(home, clock)
    with home.database.reading() as session:
        someone = people.find(session, "atelier").pseudonym
    for language, word in (("fr", "Nouveau mot de passe"), ("en", "New password")):
        browser.post("/language", data={"language": language})
        assert {browser.get(path).status_code for path in ("/people", "/account", "/confirm")} == {200}
        assert word in browser.get(f"/people/{someone}").text


# --- deputies and four eyes ---


def test_a_deputy_holds_the_role_on_those_days_while_the_giver_has_it(home):
    giver, taker = known(home, "claire", Role.APPROVER), known(home, "paul", Role.CLERK)
    lent = RoleDays(Role.APPROVER, TODAY, TODAY + timedelta(2))
    with home.database.writing() as session:
        delegate_role(session, Act("essai", giver, NOON), giver, taker, lent)
        held = [Role.APPROVER in people.roles_of(session, taker.pseudonym, TODAY + timedelta(day)) for day in (-1, 0, 2, 3)]
        with pytest.raises(Refused, match="not-mine"):
            delegate_role(session, Act("essai", taker, NOON), taker, giver, lent)
        take_role(session, Act("essai", None, NOON), giver, people.grants_of(session, giver.pseudonym)[0].id)
        assert people.roles_of(session, taker.pseudonym, TODAY) == {Role.CLERK}
    assert held == [False, True, True, False]


@pytest.mark.parametrize(
    ("role", "days", "reason"),
    [(Role.ADMINISTRATOR, 2, "not-mine"), (Role.APPROVER, 400, "days"), (Role.APPROVER, None, "days"), (Role.CLERK, 2, "not-mine")],
)
def test_what_cannot_be_delegated_is_refused(home, role, days, reason):
    giver, taker = known(home, "claire", Role.APPROVER, Role.ADMINISTRATOR), known(home, "paul", Role.CLERK)
    given_days = RoleDays(role, TODAY, None if days is None else TODAY + timedelta(days))
    with pytest.raises(Refused, match=reason), home.database.writing() as session:
        delegate_role(session, Act("essai", giver, NOON), giver, taker, given_days)


def test_who_only_administers_is_offered_as_nobody_s_deputy(home, clock):
    known(home, "paul", Role.CLERK)
    known(home, "adam", Role.ADMINISTRATOR)
    page = entered(home, clock).get("/account").text
    assert "<option>paul</option>" in page and "<option>adam</option>" not in page


def test_a_station_without_accounts_says_so_and_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    assert "sceau people add" in CliRunner().invoke(command, ["people"]).output


def test_a_delegation_is_given_and_ended_on_one_s_own_page(home, clock):
    known(home, "paul", Role.CLERK)
    browser, at_work = entered(home, clock), entered(home, clock, "paul", PHRASE)
    days = {"starts": TODAY.isoformat(), "ends": (TODAY + timedelta(5)).isoformat()}
    assert browser.post("/account/delegations", data={"to": "paul", "role": "compliance", **days}).status_code == 303
    # Whoever was at work as their deputy begins is told why they are asked to sign in.
    assert "par un rôle ou une délégation" in at_work.get(at_work.get("/documents").headers["location"]).text
    deputy = entered(home, clock, "paul", PHRASE)
    assert deputy.get("/conformite").status_code == 200
    assert "conformité : tenu pour responsable" in deputy.get("/account").text.replace("\u00a0", " ").replace("\u202f", " ")
    number = re.search(r"/account/delegations/(\d+)/end", browser.get("/account").text)[1]
    assert browser.post(f"/account/delegations/{number}/end").status_code == 303
    assert entered(home, clock, "paul", PHRASE).get("/conformite").status_code == 403
    assert [entry["what"] for entry in entries(home)] == ["added", "delegated", "delegation ended"]


def asked_erasure(home, person: Person) -> str:
    """A letter of no kind that is kept, set aside, which one person asked to erase."""
    document_id = webhome.held(home, "lettre.png", webhome.PAPERS[2])
    with home.database.writing() as session:
        document = documents.get_document(session, document_id)
        document.document_type, document.confidential = "letter", True
        documents.move_document(document, State.SET_ASIDE, NOON)
        erasure.ask_erasure(session, document, "lettre personnelle", person, NOON)
    return document_id


def confirm(home, document_id: str, person: Person) -> None:
    with home.database.writing() as session:
        erasure.confirm_erasure(session, documents.get_document(session, document_id), person, NOON + timedelta(hours=1))


def test_a_second_role_does_not_make_one_person_two(home):
    person = known(home, "claire", Role.CLERK)
    document_id = asked_erasure(home, person)
    with home.database.writing() as session:
        give_role(session, Act("essai", None, NOON), person, RoleDays(Role.COMPLIANCE))
    with pytest.raises(erasure.SamePerson):
        confirm(home, document_id, person)
    confirm(home, document_id, known(home, "paul", Role.COMPLIANCE))


@pytest.mark.parametrize("asks", ["giver", "taker"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_delegation_does_not_make_one_person_two_not_even_once_it_is_over(home, asks, ended):
    giver, taker = known(home, "claire", Role.COMPLIANCE), known(home, "paul", Role.MAILROOM)
    with home.database.writing() as session:
        row = delegate_role(session, Act("essai", giver, NOON), giver, taker, RoleDays(Role.COMPLIANCE, TODAY, TODAY))
    first, second = (giver, taker) if asks == "giver" else (taker, giver)
    document_id = asked_erasure(home, first)
    if ended:
        with home.database.writing() as session:
            session.merge(row).ended_at = NOON + timedelta(minutes=10)
    with pytest.raises(erasure.SamePerson):
        confirm(home, document_id, second)
    confirm(home, document_id, known(home, "luc", Role.COMPLIANCE))


def test_a_delegation_that_was_over_before_leaves_two_people_two(home):
    giver, taker = known(home, "claire", Role.COMPLIANCE), known(home, "paul", Role.COMPLIANCE)
    with home.database.writing() as session:
        row = delegate_role(
            session, Act("essai", giver, NOON - timedelta(days=9)), giver, taker, RoleDays(Role.COMPLIANCE, TODAY - timedelta(9), TODAY)
        )
        row.ended_at = NOON - timedelta(days=5)
        assert not people.are_one(session, giver.pseudonym, taker.pseudonym, NOON, NOON)
        assert people.are_one(session, giver.pseudonym, taker.pseudonym, NOON - timedelta(days=6), NOON)
        assert people.are_one(session, giver.pseudonym, giver.pseudonym, NOON, NOON)


# --- from the version before, and from the command line ---


def test_who_could_sign_in_before_roles_keeps_what_could_be_done(tmp_path):
    from alembic import command as alembic  # the one test that goes back

    database = open_database(f"sqlite:///{tmp_path / 'sceau.db'}")
    alembic.upgrade(alembic_config(database.writer), "0006")
    with database.writing() as session:
        for login, practice in (("claire", False), ("responsable", True)):
            values = {"login": login, "pseudonym": f"p-{login}", "hash": "x", "practice": practice}
            session.execute(
                sa.text("INSERT INTO person (login, pseudonym, password_hash, practice) VALUES (:login, :pseudonym, :hash, :practice)"),
                values,
            )
    alembic.upgrade(alembic_config(database.writer), "head")
    with database.writing() as session:
        people.ensure_practice(session)
        roles = {
            login: people.roles_of(session, people.find(session, login).pseudonym, TODAY) for login in ("claire", "responsable", "atelier")
        }
    assert roles == {"claire": WORKING, "responsable": WORKING | {Role.ADMINISTRATOR}, "atelier": WORKING}


def test_the_first_administrator_comes_from_the_command_line_and_enters_in_production(tmp_path, monkeypatch, clock):
    home = webhome.open_home(tmp_path, mode="production")
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    made = told("add", "claire", "--role", "administrator", "--role", "clerk", "--email", "c@exemple.fr")
    home = webhome.Workstation(home.settings, home.database, home.originals, home.archives, clock=lambda: datetime.now(UTC))
    browser = entered(home, clock, "claire", made["password"])
    browser.post("/account/password", data={"present": made["password"], "password": PHRASE, "repeated": PHRASE})
    assert browser.get("/people").status_code == 200
    assert [role["role"] for role in told("add", "claire", "--role", "approver")["roles"]] == ["administrator", "approver", "clerk"]
    assert told("end", "claire")["ended"] is not None
    assert browser.get("/people").status_code == 303


@pytest.mark.parametrize(
    "typed", ["add claire", "add claire --role king", "end nobody", "add a/b --role clerk", "add claire --role clerk --to demain"]
)
def test_the_command_line_says_what_stands_against_it_and_does_nothing(tmp_path, monkeypatch, typed):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    assert CliRunner().invoke(command, ["people", *typed.split()]).exit_code == 1
    assert told("list") is None
    assert CliRunner().invoke(command, ["people", "dance"]).exit_code == 2


def told(*words: str) -> dict | None:
    """The first line that the command prints."""
    done = CliRunner().invoke(command, ["people", *words, "--json"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    return json.loads(lines[0]) if lines else None


@given(st.text(max_size=12))
def test_days_that_are_none_are_refused_and_never_an_error(text):
    try:
        first, last = read_days(text, "")
        assert last is None
        assert first is None or text
    except Refused as error:
        assert error.reason == "days"


def test_the_sign_in_page_of_the_practice_station_names_both_people(home):
    page = visitor(home).get("/sign-in").text
    assert "atelier" in page
    assert "responsable" in page
