"""Signing in at a company's provider of identities: a real one on loopback, honest and forging; who that is here; when it is away."""

import base64
import hmac
import json
import re
import socket
import time

import cost
import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import OctKey
from oidcserver import CLIENT, SECRET, Provider, drawn_key, other_curve, serving
from pydantic import ValidationError
from test_people import PHRASE, code_of, entries

from config.settings import ClaimRole, Settings, SignIn
from config.settings import Provider as Named
from station import totp
from station.people import Act, RoleDays, add_person, end_person
from station.records import people
from station.records.tables import Identity, Person
from station.web.app import build_app
from station.workstation import Workstation
from workflow.roles import Role


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    """argon2 is slow on purpose; how it is used is the same."""
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    monkeypatch.setenv("SCEAU_OIDC_SECRET", SECRET)


@pytest.fixture
def provider():
    with serving() as provider:
        yield provider


def named(home: Workstation, issuer: str, **more: object) -> Workstation:
    """The same home, with this provider in its settings."""
    oidc = Named(issuer=issuer, client_id=CLIENT, label="compte ACME", **more)
    return Workstation(
        home.settings.model_copy(update={"sign_in": SignIn(oidc=oidc)}), home.database, home.originals, home.archives, home.clock
    )


@pytest.fixture
def home(tmp_path, provider):
    home = webhome.open_home(tmp_path)
    with home.database.writing() as session:
        add_person(session, Act("essai", None, home.clock()), "claire", "Claire", "claire@example.org", [RoleDays(Role.CLERK)])
    return named(home, provider.issuer)


def browser_of(home: Workstation, moment=time.time) -> TestClient:
    app = build_app(home, secret=b"test", moment=moment)
    return TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)


def leave(browser: TestClient, provider: Provider, start: str = "/oidc/begin?next=/documents") -> str:
    """To the provider; returns the address that it sends the browser back to."""
    answer = browser.get(start)
    assert answer.status_code == 303
    return provider.authorize(answer.headers["location"])


def come_back(browser: TestClient, address: str):
    return browser.get(address.replace("http://127.0.0.1:8080", ""))


def whole_way(browser: TestClient, provider: Provider):
    return come_back(browser, leave(browser, provider))


def is_in(browser: TestClient) -> bool:
    return browser.get("/documents").status_code == 200


# --- the honest way ---


def test_whom_the_provider_shows_and_an_administrator_invited_is_signed_in(home, provider):
    browser = browser_of(home)
    assert "Se connecter avec\u00a0: compte ACME" in browser.get("/sign-in").text
    answer = whole_way(browser, provider)
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/documents">' in answer.text
    assert is_in(browser)
    assert [entry["what"] for entry in entries(home)][-1] == "linked to the provider"
    assert {"state", "nonce", "code_challenge"} <= set(provider.logins[0])
    assert provider.logins[0]["redirect_uri"] == "http://127.0.0.1:8080/oidc/callback"


def test_the_cookie_of_the_way_is_short_lived_lax_and_sent_to_its_own_addresses_only(home, provider):
    answer = browser_of(home).get("/oidc/begin")
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=lax", "path=/oidc", "max-age=600"} <= parts


def test_once_linked_the_subject_counts_and_not_the_address(home, provider):
    whole_way(browser_of(home), provider)
    provider.claims = {"email": "renamed@example.org", "email_verified": True}
    browser = browser_of(home)
    whole_way(browser, provider)
    assert "claire" in browser.get("/account").text


def test_a_second_subject_with_the_same_address_does_not_get_the_account(home, provider):
    whole_way(browser_of(home), provider)
    provider.subject = "s-2"
    browser = browser_of(home)
    answer = whole_way(browser, provider)
    assert answer.status_code == 403
    assert "déjà lié à une autre identité" in answer.text
    assert not is_in(browser)


def test_an_administrator_unlinks_an_account_and_the_next_subject_of_its_address_gets_it(home, provider):
    first = browser_of(home)
    whole_way(first, provider)
    provider.subject = "s-2"
    administrator = browser_of(home)
    administrator.post("/sign-in", data={"login": "responsable", "password": "essai"})
    with home.database.reading() as session:
        address = f"/people/{people.find(session, 'claire').pseudonym}"
    assert f"{address}/unlink" in administrator.get(address).text
    assert administrator.post(f"{address}/unlink").status_code == 303
    assert entries(home)[-1]["what"] == "unlinked from the provider" and not is_in(first)
    assert f"{address}/unlink" not in administrator.get(address).text
    assert administrator.post(f"{address}/unlink").status_code == 422
    second = browser_of(home)
    whole_way(second, provider)
    assert is_in(second)


def test_whoever_set_up_a_code_here_is_asked_for_it_after_the_provider_too(home, provider):
    with home.database.writing() as session:
        session.get(Person, "claire").totp_secret = secret = totp.new_secret()
    browser = browser_of(home)
    assert "url=/sign-in?code=1" in whole_way(browser, provider).text
    assert not is_in(browser)
    assert 'name="code"' in browser.get("/sign-in?code=1").text
    assert browser.post("/sign-in", data={"code": code_of(secret, [time.time()])}).status_code == 303
    assert is_in(browser)


# --- who is not let in ---


@pytest.mark.parametrize(
    "claims",
    [{}, {"email": "claire@example.org"}, {"email": "claire@example.org", "email_verified": False},
     {"email": "claire@example.org", "email_verified": "true"}, {"email": "eve@example.org", "email_verified": True},
     {"email": ["claire@example.org"], "email_verified": True}, {"preferred_username": "claire"}],
)  # fmt: skip
def test_without_a_verified_address_that_was_invited_there_is_no_account(home, provider, claims):
    provider.claims = claims
    browser = browser_of(home)
    answer = whole_way(browser, provider)
    assert (answer.status_code, is_in(browser)) == (403, False)
    assert "aucun compte de ce poste n’est à vous" in answer.text
    with home.database.reading() as session:
        assert list(session.scalars(sa.select(Identity))) == []


def test_who_has_left_does_not_come_back_by_the_provider(home, provider):
    whole_way(browser_of(home), provider)
    with home.database.writing() as session:
        end_person(session, Act("essai", None, home.clock()), people.find(session, "claire"))
    browser = browser_of(home)
    assert (whole_way(browser, provider).status_code, is_in(browser)) == (403, False)


def forged(header=None, **claims):
    def forge(told_header, told):
        told_header.update(header or {})
        told.update(claims)
        for name in [name for name, value in told.items() if value is None]:
            del told[name]

    return forge


def plain64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def unsigned(_header, claims):
    return ".".join(plain64(part) for part in (json.dumps({"alg": "none"}).encode(), json.dumps(claims).encode())) + "."


def by_our_secret(_header, claims):
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def by_their_public_key(_header, claims):
    """The oldest trick: a public key, which everybody has, taken for a shared secret."""
    parts = [json.dumps({"alg": "HS256", "kid": "k1"}).encode(), json.dumps(claims).encode()]
    text = ".".join(plain64(part) for part in parts)
    return f"{text}.{plain64(hmac.digest(drawn_key('k1').as_pem(private=False), text.encode(), 'sha256'))}"


def by_a_stranger(header, claims):
    return jwt.encode(header, claims, drawn_key("stranger"), algorithms=["RS256"])


def by_a_key_that_is_not_published(_header, claims):
    return jwt.encode({"alg": "RS256", "kid": "stranger"}, claims, drawn_key("stranger"), algorithms=["RS256"])


def by_a_curve(_header, claims):
    return jwt.encode({"alg": "ES256", "kid": "k1"}, claims, other_curve(), algorithms=["ES256"])


def with_a_key_inside(_header, claims):
    key = drawn_key("stranger")
    return jwt.encode({"alg": "RS256", "jwk": key.as_dict(private=False)}, claims, key, algorithms=["RS256"])


NOW = int(time.time())
FORGERIES = {
    "another nonce": forged(nonce="n"),
    "no nonce": forged(nonce=None),
    "another audience": forged(aud="another"),
    "no audience": forged(aud=None),
    "several audiences and no azp": forged(aud=[CLIENT, "another"]),
    "for another audience, though we are named": forged(aud="another", azp=CLIENT),
    "made for another party": forged(aud=[CLIENT, "another"], azp="another"),
    "another issuer": forged(iss="https://evil.example"),
    "no issuer": forged(iss=None),
    "over": forged(exp=NOW - 600),
    "no end": forged(exp=None),
    "of long ago": forged(iat=NOW - 7200),
    "of tomorrow": forged(iat=NOW + 86400),
    "no time": forged(iat=None),
    "not yet": forged(nbf=NOW + 7200),
    "nobody": forged(sub=None),
    "an empty name": forged(sub=""),
    "a number for a name": forged(sub=7),
    "for another access token": forged(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "unsigned": unsigned,
    "signed by our secret": by_our_secret,
    "signed by their public key": by_their_public_key,
    "signed by a stranger": by_a_stranger,
    "signed by a key that is not published": by_a_key_that_is_not_published,
    "signed by another curve": by_a_curve,
    "with its key inside": with_a_key_inside,
    "no token": lambda *_: "x",
    "five parts": lambda *_: "e30.e30.e30.e30.e30",
    "no JSON": lambda *_: "AAAA.AAAA.AAAA",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_is_not_whole_ours_and_of_now_opens_nothing(home, provider, forgery):
    provider.forge = FORGERIES[forgery]
    browser = browser_of(home)
    answer = whole_way(browser, provider)
    assert (answer.status_code, is_in(browser)) == (403, False)
    assert "n’a pas pu être vérifiée" in answer.text


def test_the_same_way_without_a_forgery_is_open(home, provider):
    """Else the test above would prove nothing."""
    provider.forge = forged()
    browser = browser_of(home)
    whole_way(browser, provider)
    assert is_in(browser)


# --- answers that this browser did not ask for ---


def test_an_answer_to_another_browser_opens_nothing_here(home, provider):
    app = build_app(home, secret=b"test")
    eve, claire = (TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) for _ in range(2))
    answer_of_eve = leave(eve, provider)
    leave(claire, provider)
    answer = come_back(claire, answer_of_eve)
    assert (answer.status_code, is_in(claire)) == (403, False)
    bare = TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert come_back(bare, answer_of_eve).status_code == 403
    assert not is_in(bare)


def test_an_answer_serves_once(home, provider):
    browser = browser_of(home)
    address = leave(browser, provider)
    flow = browser.cookies["sceau-flow"]
    assert come_back(browser, address).status_code == 200
    browser.post("/sign-out")
    browser.cookies.set("sceau-flow", flow, domain="127.0.0.1", path="/oidc")
    answer = come_back(browser, address)
    assert (answer.status_code, is_in(browser)) == (403, False)
    assert provider.asked.count("/token") == 1


def test_a_code_of_another_way_does_not_fit_this_one_s_proof(home, provider):
    """PKCE: a code that leaked is worth nothing without the verifier that stayed in the other browser."""
    app = build_app(home, secret=b"test")
    eve, claire = (TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) for _ in range(2))
    stolen = re.search(r"code=([^&]+)", leave(claire, provider))[1]
    own = leave(eve, provider)
    answer = come_back(eve, re.sub(r"code=[^&]+", f"code={stolen}", own))
    assert (answer.status_code, is_in(eve)) == (403, False)


def test_an_answer_of_another_provider_is_seen(home, provider):
    """RFC 9207: mix-up."""
    for change in (lambda a: a.replace(f"localhost%3A{provider.port}", "evil.example"), lambda a: a.split("&iss=")[0]):
        browser = browser_of(home)
        answer = come_back(browser, change(leave(browser, provider)))
        assert (answer.status_code, is_in(browser)) == (403, False)
    assert "/token" not in provider.asked


def test_who_takes_too_long_starts_again(home, provider):
    now = [time.time()]
    browser = browser_of(home, lambda: now[0])
    address = leave(browser, provider)
    now[0] += 601
    assert "Trop de temps" in come_back(browser, address).text


def test_a_refusal_of_the_provider_is_told_in_words(home, provider):
    browser = browser_of(home)
    address = leave(browser, provider)
    state = re.search(r"state=([^&]+)", address)[1]
    answer = browser.get(f"/oidc/callback?error=access_denied&state={state}&iss={provider.issuer}")
    assert (answer.status_code, "n’a pas donné son accord" in answer.text) == (403, True)


def test_whoever_forges_again_and_again_waits(home, provider):
    browser = browser_of(home)

    def forge() -> int:
        browser.get("/oidc/begin")
        return browser.get("/oidc/callback?code=x&state=y").status_code

    assert [forge() for _ in range(7)] == [403] * 5 + [429] * 2


def test_who_comes_back_without_having_left_keeps_nobody_at_the_same_address_out(home, provider):
    stranger = browser_of(home)
    assert {stranger.get("/oidc/callback?code=x&state=y").status_code for _ in range(30)} == {403}
    browser = browser_of(home)
    whole_way(browser, provider)
    assert is_in(browser)


# --- keys that change, a provider that is away ---


def test_a_new_key_of_the_provider_is_fetched_when_it_is_first_met(home, provider, monkeypatch):
    monkeypatch.setattr("station.oidc.KEYS_REST", 0.0)
    browser = browser_of(home)
    whole_way(browser, provider)
    provider.kid, provider.published = "k2", ["k2"]
    whole_way(browser, provider)
    assert is_in(browser)
    assert provider.asked.count("/keys") == 2


def test_unknown_keys_do_not_make_us_ask_without_end(home, provider):
    provider.forge = by_a_key_that_is_not_published
    browser = browser_of(home)
    for _ in range(3):
        whole_way(browser, provider)
    assert provider.asked.count("/keys") == 1


def test_a_provider_that_is_away_is_told_and_the_emergency_account_still_opens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    home = named(webhome.open_home(tmp_path), f"http://localhost:{free}", required=True, emergency=["responsable"])
    browser = browser_of(home)
    answer = browser.get("/oidc/begin")
    assert (answer.status_code, "n’a pas répondu" in answer.text) == (503, True)
    assert browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 401
    assert browser.post("/sign-in", data={"login": "responsable", "password": "essai"}).status_code == 303


def test_a_slow_provider_holds_nobody(tmp_path, provider):
    provider.slow = 3.0
    home = named(webhome.open_home(tmp_path), provider.issuer, seconds=0.3)
    browser = browser_of(home)
    assert cost.soon(2, lambda: browser.get("/oidc/begin")).status_code == 503


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_a_description_that_points_elsewhere_is_not_followed(home, provider, metadata):
    provider.metadata = metadata
    assert browser_of(home).get("/oidc/begin").status_code == 503


# --- roles by claims ---


def test_roles_come_and_go_with_what_the_provider_says_and_an_administrator_s_stay(home, provider):
    roles = (ClaimRole(claim="groups", value="achats", role="approver"), ClaimRole(claim="groups", value="accueil", role="mailroom"))
    home = named(home, provider.issuer, role=roles)

    def held() -> set[str]:
        with home.database.reading() as session:
            person = people.find(session, "claire")
            return set(people.own_roles(session, person.pseudonym, home.clock().date()))

    for groups, expected in ((["achats"], {"clerk", "approver"}), (["accueil"], {"clerk", "mailroom"}), (None, {"clerk"})):
        provider.claims = {"email": "claire@example.org", "email_verified": True, "groups": groups}
        browser = browser_of(home)
        whole_way(browser, provider)
        assert (held(), is_in(browser)) == (expected, True)


def test_an_account_springs_up_only_where_the_settings_say_so_and_with_a_role(home, provider):
    provider.claims = {"email": "paul@example.org", "email_verified": True, "groups": "achats"}
    roles = (ClaimRole(claim="groups", value="achats", role="approver"),)
    for create, status in ((False, 403), (True, 200)):
        answer = whole_way(browser_of(named(home, provider.issuer, role=roles, create=create)), provider)
        assert answer.status_code == status
    provider.subject, provider.claims = "s-9", {"email": "eve@example.org", "email_verified": True}
    assert whole_way(browser_of(named(home, provider.issuer, role=roles, create=True)), provider).status_code == 403
    with home.database.reading() as session:
        paul = people.find(session, "paul")
        assert (paul.email, paul.password_hash) == ("paul@example.org", None)
        assert people.find(session, "eve") is None


@pytest.mark.parametrize(
    "wrong",
    [{"client_id": ""}, {"scope": "email"}, {"issuer": "http://login.example.org"}, {"required": True}, {"create": True}, {"emergency": 3},
     {"role": [{"claim": "g", "value": "v", "role": "administrator"}]}],
)  # fmt: skip
def test_settings_that_would_not_hold_are_refused(tmp_path, wrong):
    told = {"issuer": "https://login.example.org", "client_id": "x", **wrong}
    with pytest.raises(ValidationError):
        Settings.model_validate({"home": tmp_path, "sign_in": {"oidc": told}})


# --- showing again who one is, and leaving ---


def test_a_step_up_goes_by_the_provider_in_another_tab_and_nothing_typed_is_lost(home, provider):
    now = [time.time()]
    provider.moment = lambda: now[0]
    browser = browser_of(home, lambda: now[0])
    whole_way(browser, provider)
    now[0] += 700
    typed = {"to": "atelier", "role": "clerk", "starts": "2026-11-20", "ends": "2026-11-27"}
    asked = browser.post("/account/delegations", data=typed)
    assert asked.status_code == 401
    assert 'href="/oidc/again" target="_blank"' in asked.text
    assert browser.post("/confirm", data=typed | {"step_to": "/account/delegations"}).status_code == 401
    page = come_back(browser, leave(browser, provider, "/oidc/again"))
    assert "Fermez cet onglet" in page.text
    assert {provider.logins[-1]["prompt"], provider.logins[-1]["max_age"]} == {"login", "0"}
    assert browser.post("/confirm", data=typed | {"step_to": "/account/delegations"}).status_code == 307
    assert browser.post("/account/delegations", data=typed).status_code != 401


@pytest.mark.parametrize("claims", [{"auth_time": NOW - 7200}, {"auth_time": None}])
def test_a_provider_that_did_not_ask_again_makes_nobody_sure(home, provider, claims):
    browser = browser_of(home)
    whole_way(browser, provider)
    provider.forge = forged(**claims)
    assert come_back(browser, leave(browser, provider, "/oidc/again")).status_code == 403


@pytest.mark.parametrize(("auth_time", "status"), [(NOW - 36000, 401), (None, 401), (NOW, 422)], ids=["long ago", "untold", "now"])
def test_whom_a_provider_lets_in_without_asking_is_asked_before_what_weighs(home, provider, auth_time, status):
    provider.moment = lambda: NOW
    browser = browser_of(home, lambda: NOW)
    provider.forge = forged(auth_time=auth_time)
    whole_way(browser, provider)
    assert is_in(browser)
    assert browser.post("/account/delegations", data={"to": "nobody", "role": "clerk"}).status_code == status


def test_signing_in_once_more_without_being_asked_makes_nobody_sure_again(home, provider):
    now = [float(NOW)]
    provider.moment, provider.auth_time = lambda: now[0], NOW
    browser = browser_of(home, lambda: now[0])
    whole_way(browser, provider)
    now[0] += 1800
    whole_way(browser, provider)
    assert browser.post("/account/delegations", data={"to": "nobody", "role": "clerk"}).status_code == 401


def test_nobody_else_shows_in_one_s_stead(home, provider):
    with home.database.writing() as session:
        add_person(session, Act("essai", None, home.clock()), "paul", "", "paul@example.org", [RoleDays(Role.CLERK)])
    browser = browser_of(home)
    whole_way(browser, provider)
    provider.subject, provider.claims = "s-2", {"email": "paul@example.org", "email_verified": True}
    assert come_back(browser, leave(browser, provider, "/oidc/again")).status_code == 403


def test_who_signs_out_here_may_sign_out_there(home, provider):
    browser = browser_of(home)
    whole_way(browser, provider)
    page = browser.get(browser.post("/sign-out").headers["location"]).text
    assert 'href="/oidc/out"' in page
    place = browser.get("/oidc/out").headers["location"]
    assert place.startswith(f"{provider.issuer}/logout?client_id={CLIENT}&post_logout_redirect_uri=")


def test_who_came_by_the_provider_need_not_choose_a_password(home, provider):
    browser = browser_of(home)
    whole_way(browser, provider)
    assert is_in(browser)
    assert PHRASE not in browser.get("/account").text


def test_an_installation_without_a_provider_knows_none_of_its_pages(tmp_path):
    browser = browser_of(webhome.open_home(tmp_path))
    assert 'id="provider"' not in browser.get("/sign-in").text
    for path in ("/oidc/begin", "/oidc/callback?code=x&state=y", "/oidc/out"):
        assert browser.get(path).headers["location"] == "/sign-in"
