"""What protects the house beyond roles: visits, codes, secrets at rest, passwords, headings, slow bodies, the log of security."""

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from backdoor import owned
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from test_people import PHRASE, at, code_of, entered, entries, known

from config.logs import OneLine
from config.secrets import drawn_key
from station import securitylog, serve, totp
from station.passwords import is_common
from station.people import new_password
from station.records import people
from station.records.tables import Person, RecoveryCode, Visit
from station.web.app import build_app
from station.web.visits import browser_words
from workflow.roles import Role


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


def twin_of(browser: TestClient) -> TestClient:
    """A browser with a copy of this one's cookies."""
    other = TestClient(browser.app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    other.cookies.update(browser.cookies)
    return other


# --- visits ---


def test_a_stolen_copy_of_the_cookie_opens_nothing_once_its_person_signed_out(home, clock):
    browser = entered(home, clock)
    thief = twin_of(browser)
    assert thief.get("/documents").status_code == 200
    answer = browser.post("/sign-out")
    assert answer.headers["clear-site-data"] == '"storage"'
    assert thief.get("/documents").status_code == 303


def test_signing_in_begins_a_new_visit_and_ends_the_one_that_was_open_there(home, clock):
    browser = entered(home, clock)
    before = twin_of(browser)
    browser.post("/sign-in", data={"login": "responsable", "password": "essai"})
    assert browser.cookies["sceau"] != before.cookies["sceau"]
    assert (browser.get("/documents").status_code, before.get("/documents").status_code) == (200, 303)


def test_somebody_sees_where_they_are_signed_in_and_ends_it_elsewhere(home, clock):
    here = entered(home, clock)
    there = TestClient(here.app, base_url="http://127.0.0.1:8080", follow_redirects=False, headers={"User-Agent": "X Firefox/140 Linux"})
    there.post("/sign-in", data={"login": "responsable", "password": "essai"})
    assert "Firefox, Linux" in here.get("/account").text
    assert here.post("/account/visits").status_code == 303
    assert (here.get("/account").status_code, there.get("/account").status_code) == (200, 303)


def test_the_records_hold_no_number_that_would_open_a_visit(home, clock):
    browser = entered(home, clock)
    with home.database.reading() as session:
        (kept,) = session.scalars(sa.select(Visit.id))
    assert kept not in browser.cookies["sceau"]
    assert re.fullmatch("[0-9a-f]{64}", kept)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8", ""),
    ],
)
def test_a_browser_is_told_by_the_names_that_people_know(agent, words):
    assert browser_words(agent) == words


# --- the second factor ---


def enrolled(home, clock) -> tuple[TestClient, str, list[str]]:
    """Somebody with a second factor: their browser, the secret of their authenticator, their codes in reserve."""
    known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    browser.post("/account/code", data={"step": "begin"})
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', browser.get("/account").text)[1].replace(" ", "")
    page = browser.post("/account/code", data={"step": "prove", "code": code_of(secret, clock)}).text
    return browser, secret, re.findall(r"<li><code>([a-z0-9-]+)</code>", page)


def test_the_right_password_forgives_no_guess_at_the_code(home, clock):
    browser, _, _ = enrolled(home, clock)
    other = TestClient(browser.app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    statuses = []
    for _ in range(6):
        password = other.post("/sign-in", data={"login": "claire", "password": PHRASE}).status_code
        statuses.append((password, other.post("/sign-in", data={"code": "000000"}).status_code))
    assert statuses == [(200, 401)] * 5 + [(429, 429)]


def test_a_code_in_reserve_stands_in_for_a_lost_telephone_once(home, clock):
    browser, _, codes = enrolled(home, clock)
    assert len(set(codes)) == 10
    other = TestClient(browser.app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    other.post("/sign-in", data={"login": "claire", "password": PHRASE})
    assert other.post("/sign-in", data={"code": codes[0].upper()}).status_code == 303
    assert "Il reste 9 codes" in other.get("/account").text
    other.post("/sign-in", data={"login": "claire", "password": PHRASE})
    assert other.post("/sign-in", data={"code": codes[0]}).status_code == 401
    assert [entry["what"] for entry in entries(home)][-1] == "recovery code used"


def test_new_codes_in_reserve_end_the_former_and_nobody_can_read_them_again(home, clock):
    browser, _, codes = enrolled(home, clock)
    page = browser.post("/account/code", data={"step": "renew"}).text
    fresh = re.findall(r"<li><code>([a-z0-9-]+)</code>", page)
    assert not set(fresh) & set(codes)
    assert fresh[0] not in browser.get("/account").text
    with home.database.reading() as session:
        digests = list(session.scalars(sa.select(RecoveryCode.digest)))
    assert len(digests) == 10
    assert not any(code in digest for code in fresh for digest in digests)


def test_a_copy_of_the_database_alone_makes_no_codes(home, clock):
    _, secret, _ = enrolled(home, clock)
    with owned(home.home) as connection:
        kept = connection.exec_driver_sql("SELECT totp_secret FROM person WHERE login = 'claire'").scalar()
    assert len(kept) == totp.LOCKED
    assert secret not in kept
    key = home.home / "keys" / "codes"
    assert key.stat().st_mode & 0o077 == 0


def test_a_secret_that_the_version_before_kept_open_is_locked_away_at_the_start(home, clock):
    known(home, "claire", Role.CLERK)
    with home.database.writing() as session:
        session.get(Person, "claire").totp_secret = secret = totp.new_secret()
    browser = at(home, clock)
    with home.database.reading() as session:
        assert len(session.get(Person, "claire").totp_secret) == totp.LOCKED
    browser.post("/sign-in", data={"login": "claire", "password": PHRASE})
    assert browser.post("/sign-in", data={"code": code_of(secret, clock)}).status_code == 303


def test_with_another_key_codes_are_refused_and_those_in_reserve_still_serve(home, clock):
    browser, secret, codes = enrolled(home, clock)
    (home.home / "keys" / "codes").write_bytes(b"k" * 32)
    clock[0] += 60
    other = TestClient(browser.app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    other.post("/sign-in", data={"login": "claire", "password": PHRASE})
    assert other.post("/sign-in", data={"code": code_of(secret, clock)}).status_code == 401
    assert other.post("/sign-in", data={"code": codes[3]}).status_code == 303


def test_a_file_that_is_no_key_is_told_in_words_and_passwords_go_on(home, clock):
    (home.home / "keys").mkdir(exist_ok=True)
    (home.home / "keys" / "codes").write_bytes(b"")
    known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    answer = browser.post("/account/code", data={"step": "begin"})
    assert (answer.status_code, "keys/codes" in answer.text) == (422, True)


def test_of_many_that_draw_a_key_at_once_all_have_the_same_and_no_draft_stays(tmp_path):
    path = tmp_path / "keys" / "codes"
    with ThreadPoolExecutor(8) as crowd:
        keys = set(crowd.map(lambda _: drawn_key(path), range(64)))
    assert [len(key) for key in keys] == [32]
    assert [(each.name, each.stat().st_mode & 0o777) for each in path.parent.iterdir()] == [("codes", 0o600)]


def test_a_session_key_that_a_crash_left_empty_signs_nothing(tmp_path):
    (tmp_path / "session").write_bytes(b"")
    assert len(serve._secret(tmp_path / "session")) == 32


@given(st.binary(min_size=32, max_size=32), st.text(max_size=20))
def test_what_is_locked_away_opens_for_its_owner_and_nobody_else(key, owner):
    secret = totp.new_secret()
    kept = totp.lock_secret(key, owner, secret)
    assert totp.unlock_secret(key, owner, kept) == secret
    with pytest.raises(totp.LostKey):
        totp.unlock_secret(key, owner + "x", kept)


# --- passwords ---


@pytest.mark.parametrize(
    "password",
    [
        "motdepasse123",
        "Password1234!",
        "azertyuiop12",
        "123456789012",
        "aaaaaaaaaaaa",
        "P@ssw0rd2024!!",
        "claire.martin2024",
        "Juillet2026!!",
    ],
)
def test_what_everybody_chooses_is_no_password(password):
    assert is_common(password, ("claire.martin", "Claire Martin"))


@pytest.mark.parametrize("password", [PHRASE, "Correct-Horse9", "il pleut sur la ville"])
def test_some_words_that_have_nothing_to_do_with_each_other_are_one(password):
    assert not is_common(password, ("claire.martin",))


@given(st.text(max_size=200))
def test_every_text_is_judged_without_an_error(text):
    assert is_common(text) in (True, False)


def test_a_password_made_by_the_house_is_never_common():
    assert not any(is_common(new_password()) for _ in range(200))


def test_a_common_password_is_refused_in_words(home, clock):
    known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    answer = browser.post("/account/password", data={"present": PHRASE, "password": "azertyuiop2026", "repeated": "azertyuiop2026"})
    assert answer.status_code == 422
    assert "serait deviné parmi les premiers" in answer.text


# --- the log of security ---


@given(st.text(max_size=300), st.text(max_size=300))
def test_nothing_that_comes_from_outside_begins_or_ends_a_line_of_the_log(event, value):
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    securitylog.log.addHandler(handler)
    try:
        securitylog.note(event, address=value, path=value, level=logging.CRITICAL)
    finally:
        securitylog.log.removeHandler(handler)
    (line,) = heard
    assert line.isascii()
    assert line.isprintable()
    assert isinstance(json.loads(line), dict)


def lines_of(caplog) -> list[dict]:
    return [json.loads(record.getMessage()) for record in caplog.records if record.name == "sceau.security"]


def test_signing_in_and_what_is_refused_are_lines_without_a_login(home, clock, caplog):
    caplog.set_level(logging.INFO, "sceau")
    browser = at(home, clock)
    browser.post("/sign-in", data={"login": "responsable", "password": "wrong"})
    browser.post("/sign-in", data={"login": "responsable", "password": "essai"})
    browser.post("/sign-out")
    told = lines_of(caplog)
    assert [line["event"] for line in told] == ["sign-in refused", "signed in", "signed out"]
    assert told[1]["who"].startswith("p-")
    assert "responsable" not in caplog.text


def test_every_line_and_its_answer_carry_the_number_of_the_request(home, clock, caplog):
    caplog.set_level(logging.INFO, "sceau")
    answer = at(home, clock).post("/sign-in", data={"login": "responsable", "password": "essai"})
    (line,) = lines_of(caplog)
    assert line["request"] == answer.headers["x-request-id"]


def test_a_page_that_is_not_somebody_s_own_and_a_form_from_elsewhere_are_lines(home, clock, caplog):
    caplog.set_level(logging.INFO, "sceau")
    known(home, "claire", Role.CLERK)
    browser = entered(home, clock, "claire", PHRASE)
    browser.get("/people")
    browser.post("/account/visits", headers={"sec-fetch-site": "cross-site"})
    events = [line["event"] for line in lines_of(caplog)]
    assert events[1:] == ["page refused", "form refused"]


# --- headings, names and bodies ---


def served(home, tmp_path, **server):
    """The same home under other settings of `[server]`."""
    settings = home.settings.model_copy(update={"server": home.settings.server.model_copy(update=server)})
    workstation = type(home)(settings, home.database, home.originals, home.archives, home.clock)
    return build_app(workstation, secret=b"test")


def test_behind_https_the_cookie_is_bound_to_its_host_and_the_browser_stays_with_https(home, tmp_path):
    app = served(home, tmp_path, address="https://sceau.example")
    browser = TestClient(app, base_url="https://sceau.example", follow_redirects=False)
    answer = browser.post("/sign-in", data={"login": "responsable", "password": "essai"})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-sceau=")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert browser.get("/documents").status_code == 200


def test_without_https_no_browser_is_told_to_stay_with_it(home, clock):
    assert "strict-transport-security" not in at(home, clock).get("/sign-in").headers


@pytest.mark.parametrize(("name", "status"), [("sceau.example", 200), ("sceau", 200), ("127.0.0.1", 200), ("evil.example", 400)])
def test_an_installation_with_a_name_answers_to_its_names_only(tmp_path, name, status):
    home = webhome.open_home(tmp_path, mode="production")
    app = served(home, tmp_path, address="https://sceau.example", names=["sceau"], host="0.0.0.0")  # noqa: S104 nobody listens
    assert TestClient(app, base_url=f"https://{name}").get("/sign-in").status_code == status


def test_an_installation_that_was_never_given_a_name_goes_on_answering(tmp_path):
    home = webhome.open_home(tmp_path, mode="production")
    app = served(home, tmp_path, host="0.0.0.0")  # noqa: S104 nobody listens
    assert TestClient(app, base_url="http://scan.local").get("/sign-in").status_code == 200


def test_every_answer_forbids_what_pages_of_ours_do_not_need(home, clock):
    headers = at(home, clock).get("/sign-in").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} <= set(policy.split("; "))
    assert "unsafe" not in policy


def test_a_body_that_never_comes_is_not_waited_for(home, clock, monkeypatch):
    import asyncio

    from station.web import guard

    monkeypatch.setattr(guard, "FORM_SECONDS", 0.1)
    app = at(home, clock).app
    sent: list[dict] = []

    async def receive() -> dict:
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8080"), (b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"9")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/sign-in",
        "raw_path": b"/sign-in", "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 2))
    assert sent[0]["status"] == 408


@given(st.text(max_size=200))
def test_every_other_line_of_the_log_is_one_line_too(text):
    record = logging.LogRecord("sceau", logging.INFO, "", 0, "file %s", (text,), None)
    line = OneLine("%(message)s").format(record)
    assert line.isprintable()
    assert "\n" not in line
