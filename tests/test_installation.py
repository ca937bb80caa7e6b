"""The set-up assistant: what is missing, what will be written, the first administrator, the seal judged at once."""

import os
import stat
import tomllib

import pytest
import webhome
from argon2 import PasswordHasher
from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12
from fastapi.testclient import TestClient
from pki import company, issue
from test_web import visitor

from config.secrets import drop_secrets, keep_secret, load_secrets, read_secrets, secrets_file
from config.settings import PASSWORD_VARIABLE, load_settings, write_example
from station import doctor, installation
from station.dossier import prepare_dossier
from station.installation import Refused, changes_of, check_text, request_seal, seal_text, take_seal, with_row, with_values
from station.records import people
from station.records.tables import Identity
from station.web.app import build_app


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def home(tmp_path):
    workstation = webhome.open_home(tmp_path)
    write_example(workstation.home)
    yield workstation
    workstation.database.close()


@pytest.fixture
def browser(home) -> TestClient:
    browser = visitor(home)
    browser.post("/sign-in", data={"login": "responsable", "password": "essai"})
    return browser


def written(home):
    return load_settings({"SCEAU_HOME": str(home.home)})


COMPANY = {
    "name": "Ateliers du Port",
    "siren": "732 829 320",
    "vat_id": "fr44732829320",
    "address": "12 quai\n33000 Bordeaux",
    "year_end": "06-30",
}


def test_a_company_is_shown_as_it_will_be_written_and_then_written_with_all_comments(home, browser):
    before = (home.home / "sceau.toml").read_text(encoding="utf-8")
    page = browser.post("/installation/company", data=COMPANY).text
    assert "+siren" in page and (home.home / "sceau.toml").read_text(encoding="utf-8") == before
    assert browser.post("/installation/company", data=COMPANY | {"write": "yes"}).status_code == 303
    told = written(home).company_named("essai")
    assert (told.siren, told.vat_id, told.address, told.year_end) == ("732829320", "FR44732829320", "12 quai\n33000 Bordeaux", "06-30")
    after = (home.home / "sceau.toml").read_text(encoding="utf-8")
    assert all(line in after for line in before.splitlines())


def test_one_error_empties_no_field_and_is_said_in_words(home, browser):
    answer = browser.post("/installation/company", data=COMPANY | {"year_end": "fin juin"})
    assert answer.status_code == 422 and "par exemple 30/09" in answer.text and "pattern" not in answer.text.split('id="wrong"')[1][:300]
    assert all(
        value in answer.text for value in ("Ateliers du Port", "732 829 320", "fr44732829320", "12 quai\n33000 Bordeaux", "fin juin")
    )
    answer = browser.post("/installation/station", data={"name": "Accueil !", "folder": "stations/la"})
    assert answer.status_code == 422 and 'value="Accueil !"' in answer.text and 'value="stations/la"' in answer.text


@pytest.mark.parametrize("typed", ["30/09", "30.9", "09-30"])
def test_a_year_s_end_is_taken_as_people_write_it(home, browser, typed):
    browser.post("/installation/company", data=COMPANY | {"year_end": typed, "write": "yes"})
    assert written(home).year_end_of("essai") == "09-30" and 'value="30/09"' in browser.get("/installation").text


def test_a_second_company_is_set_up_beside_the_first(home, browser):
    browser.post("/installation/company", data=COMPANY | {"write": "yes"})
    other = {"entity": "filiale", "name": "Port Filiale", "siren": "552100554", "write": "yes"}
    assert browser.post("/installation/company", data=other).status_code == 303
    told = written(home)
    assert (told.entities, told.company_named("filiale").siren) == (("essai", "filiale"), "552100554")
    assert told.company_named("essai").name == "Ateliers du Port"
    page = browser.get("/installation").text
    assert 'value="Port Filiale"' in page and 'value="Ateliers du Port"' in page
    assert browser.post("/installation/company", data=other | {"entity": "Avec Espace"}).status_code == 422


@pytest.mark.parametrize("inline", [False, True])
def test_a_company_keeps_its_own_business_days_when_it_is_written_again(home, browser, inline):
    path = home.home / "sceau.toml"
    row = '{entity = "essai", name = "Essai", calendar = {alsace_moselle = true}}'
    table = '\n[[company]]\nentity = "essai"\nname = "Essai"\n[company.calendar]\nalsace_moselle = true\n'
    text = path.read_text()
    path.write_text(f"company = [{row}]\n{text}" if inline else text + table)
    assert browser.post("/installation/company", data=COMPANY | {"write": "yes"}).status_code == 303
    kept = written(home).company_named("essai")
    assert (kept.name, kept.calendar and kept.calendar.alsace_moselle) == ("Ateliers du Port", True)


def test_what_is_said_of_a_company_counts_wherever_the_house_is_asked(home, browser):
    browser.post("/installation/company", data=COMPANY | {"write": "yes", "public": "yes"})
    told = written(home)
    assert (told.identity.names, told.identity.sirens) == (["Ateliers du Port"], ["732829320"])
    assert told.channel.public and told.is_public("essai") and told.year_end_of("essai") == told.retention.financial_year_end == "06-30"


def test_a_wrong_siren_is_refused_and_nothing_is_written(home, browser):
    before = (home.home / "sceau.toml").read_bytes()
    answer = browser.post("/installation/company", data=COMPANY | {"siren": "732829321", "write": "yes"})
    assert answer.status_code == 422 and "sa clé est fausse" in answer.text.replace("\u00a0", " ")
    assert (home.home / "sceau.toml").read_bytes() == before


def test_a_station_is_written_once_its_folder_was_tried(home, browser):
    (home.home / "a-file").write_text("x")
    answer = browser.post("/installation/station", data={"name": "accueil", "folder": "a-file/no", "write": "yes"}, follow_redirects=False)
    assert answer.status_code == 422 and len(written(home).stations) == 1
    browser.post("/installation/station", data={"name": "accueil", "folder": "stations/accueil"})
    assert not (home.home / "stations" / "accueil").exists()
    browser.post("/installation/station", data={"name": "accueil", "folder": "stations/accueil", "write": "yes"})
    assert [each.name for each in written(home).stations] == ["demo", "accueil"]


@pytest.mark.parametrize("folder", [".", "..", "keys", "stations/../originals", "archive/deep", "essai"])
def test_no_station_takes_a_folder_in_which_sceau_keeps_its_own(home, browser, folder):
    answer = browser.post("/installation/station", data={"name": "accueil", "folder": folder, "write": "yes"})
    assert answer.status_code == 422 and "ses propres fichiers" in answer.text
    assert [each.name for each in written(home).stations] == ["demo"]


def test_the_mail_password_goes_to_a_file_of_its_own_and_never_into_the_settings(home, browser):
    mail = {"host": "127.0.0.1", "port": "2525", "tls": "none", "user": "", "sender": "sceau@exemple.fr", "password": "s3cret"}
    page = browser.post("/installation/mail", data=mail).text
    assert "s3cret" not in page and read_secrets(home.home) == {}
    browser.post("/installation/mail", data=mail | {"write": "yes"})
    assert "s3cret" not in (home.home / "sceau.toml").read_text(encoding="utf-8")
    assert read_secrets(home.home) == {"SCEAU_MAIL_PASSWORD": "s3cret"}
    assert stat.S_IMODE(secrets_file(home.home).stat().st_mode) == 0o600


def test_the_mail_password_serves_no_other_server(home, browser):
    mail = {"host": "127.0.0.1", "port": "2525", "tls": "none", "user": "", "sender": "sceau@exemple.fr", "write": "yes"}
    browser.post("/installation/mail", data=mail | {"password": "s3cret"})
    browser.post("/installation/mail", data=mail | {"sender": "autre@exemple.fr"})
    assert read_secrets(home.home) == {"SCEAU_MAIL_PASSWORD": "s3cret"}
    browser.post("/installation/mail", data=mail | {"host": "localhost"})
    assert read_secrets(home.home) == {} and "SCEAU_MAIL_PASSWORD" not in os.environ


def test_whoever_administers_one_company_sets_up_no_house(home, browser):
    with home.database.writing() as session:
        people.find(session, "responsable").entities = ["essai"]
    assert browser.get("/installation").status_code == 403
    assert browser.post("/installation/company", data=COMPANY | {"write": "yes"}).status_code == 403
    assert 'href="/installation"' not in browser.get("/people").text


def test_a_secret_that_changed_replaces_the_one_loaded_before_and_goes_with_it(tmp_path):
    environment = {}
    for value in ("one", "two"):
        keep_secret(tmp_path, "SCEAU_X", value)
        load_secrets(tmp_path, environment)
        assert environment == {"SCEAU_X": value}
    drop_secrets(environment)
    assert environment == {}


def test_the_environment_comes_before_what_was_kept(tmp_path):
    keep_secret(tmp_path, "SCEAU_X", "kept")
    keep_secret(tmp_path, "SCEAU_Y", "kept too")
    environment = {"SCEAU_X": "set"}
    load_secrets(tmp_path, environment)
    assert environment == {"SCEAU_X": "set", "SCEAU_Y": "kept too"}
    with pytest.raises(ValueError):
        keep_secret(tmp_path, "SCEAU_Z", "a\nSCEAU_X=b")


def test_settings_that_no_start_would_read_are_never_written(tmp_path):
    with pytest.raises(Refused, match="settings"):
        check_text(tmp_path, 'language = "de"\n')
    text = "# un mot\n[server]\nport = 1 # ici\n"
    assert with_values(text, "server", {"port": 2}) == "# un mot\n[server]\nport = 2 # ici\n"
    twice = with_row(with_row(text, "company", "entity", {"entity": "a", "name": "AA"}), "company", "entity", {"entity": "a", "name": "BB"})
    assert twice.count("[[company]]") == 1 and changes_of(text, text) == []


def test_the_seal_is_asked_for_with_a_key_that_stays_and_its_answer_is_judged(home):
    settings = home.settings
    request = pyca.load_pem_x509_csr(request_seal(settings.home, "Ateliers du Port", "732829320"))
    assert "NTRFR-732829320" in request.subject.rfc4514_string() and request.is_signature_valid
    again = pyca.load_pem_x509_csr(request_seal(settings.home, "Autre", ""))
    assert again.public_key() == request.public_key() and (settings.home / "keys" / "cachet-demande.key").is_file()
    with pytest.raises(Refused, match="other-key"):
        take_seal(settings, issue("Exemple", company().issuing).certificate.public_bytes(Encoding.PEM), "", webhome.NOON)


def test_a_certificate_is_installed_only_where_nothing_stands_against_it(home, tmp_path):
    good, path = issue("Exemple SA - cachet", company().issuing), tmp_path / "good.p12"
    company().write_pkcs12(path, good)
    data = path.read_bytes()
    key, certificate, others = pkcs12.load_key_and_certificates(data, None)
    assert key is not None and certificate is not None
    alone = [each for each in others if each.subject != each.issuer]
    data, whole = (pkcs12.serialize_key_and_certificates(b"x", key, certificate, above, NoEncryption()) for above in (alone, others))
    settings = home.settings.model_copy(update={"sealing": home.settings.sealing.model_copy(update={"mode": "production"})})
    assert [each.problem for each in take_seal(settings, data, "", webhome.NOON)] == ["key-issuer"]
    with pytest.raises(Refused, match="new-root") as caught:
        take_seal(settings, whole, "", webhome.NOON)
    assert "SHA-256" in caught.value.detail and not list((settings.home / "keys").glob("*.p12"))
    taken = take_seal(settings, whole, "", webhome.NOON, trust=True)
    secret = read_secrets(settings.home)[PASSWORD_VARIABLE]
    kept = (settings.home / taken.file).read_bytes()
    assert pkcs12.load_key_and_certificates(kept, secret.encode())[1] == certificate
    assert taken.root in seal_text(settings, "", taken)


def test_a_renewed_seal_lies_beside_the_one_in_use_and_both_open(home, tmp_path):
    secrets, files = set(), set()
    for name in ("Exemple SA - cachet", "Exemple SA - cachet 2"):
        company().write_pkcs12(tmp_path / "seal.p12", issue(name, company().issuing))
        files.add(take_seal(home.settings, (tmp_path / "seal.p12").read_bytes(), "", webhome.NOON, trust=True).file)
        secrets.add(read_secrets(home.home)[PASSWORD_VARIABLE])
    assert (len(files), len(secrets)) == (2, 1)
    for file in files:
        pkcs12.load_key_and_certificates((home.home / file).read_bytes(), secrets.copy().pop().encode())


def test_companies_on_one_line_are_kept_when_one_is_said_anew():
    text = with_row(
        'company = [{ entity = "a", name = "AA" }, { entity = "b", name = "BB" }]\n', "company", "entity", {"entity": "b", "name": "CC"}
    )
    assert tomllib.loads(text)["company"] == [{"entity": "a", "name": "AA"}, {"entity": "b", "name": "CC"}]


def test_an_administrator_who_only_comes_by_the_provider_is_one(home):
    with home.database.writing() as session:
        for person in people.list_people(session):
            person.practice = False
        administrator = people.find(session, "responsable")
        administrator.password_hash = None
        assert installation.people_missing(session, webhome.NOON) == "administrator"
        session.add(Identity(issuer="https://id", subject="1", pseudonym=administrator.pseudonym, linked_at=webhome.NOON))
        session.flush()
        assert installation.people_missing(session, webhome.NOON) != "administrator"


def test_the_first_administrator_comes_by_the_code_of_the_terminal_and_it_serves_once(tmp_path):
    workstation = webhome.open_home(tmp_path, mode="production")
    app = build_app(workstation, secret=b"x")
    code = app.state.first_code
    outside = TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    typed = {"code": "wrong", "login": "claire", "password": "une phrase assez longue"}
    assert outside.post("/installation/debut", data=typed).status_code == 422
    assert outside.post("/installation/debut", data=typed | {"code": code, "password": "court"}).status_code == 422
    assert outside.post("/installation/debut", data=typed | {"code": code}).status_code == 303
    assert outside.post("/installation/debut", data=typed | {"code": code, "login": "intrus"}).status_code == 404
    assert outside.post("/sign-in", data={"login": "claire", "password": typed["password"]}).status_code == 303
    assert "installation/seal" in outside.get("/installation").text
    assert not build_app(workstation, secret=b"x").state.first_code
    workstation.database.close()


def test_a_house_in_which_sealing_waits_for_a_dossier_is_not_ready(home, browser):
    def missing(require: str) -> str:
        told = home.settings.organisation.model_copy(update={"require_dossier": require})
        settings = home.settings.model_copy(update={"organisation": told})
        with home.database.reading() as session:
            steps = {step.name: step.missing for step in installation.steps_of(session, settings, "", webhome.NOON)}
        lines = [(line.needed, line.ok) for line in doctor._dossier(settings)]
        assert lines == ([(True, False)] if steps["dossier"] else [])
        return steps["dossier"]

    assert (missing("as-mode"), missing("always")) == ("", "dossier")
    with home.database.writing() as session:
        by = people.find(session, "atelier")
        prepare_dossier(session, home.settings, "première version", by, webhome.NOON)
    assert missing("always") == "dossier-signature"
    assert 'href="/organisation"' in browser.get("/installation").text


def test_in_practice_nobody_becomes_administrator_by_a_code(browser):
    assert browser.get("/installation/debut").status_code == 404


def test_settings_that_were_written_are_applied_on_request(home, browser):
    browser.app.state.restart = (restarted := []).append and (lambda: restarted.append(True))
    browser.post("/installation/company", data=COMPANY | {"write": "yes"})
    assert 'id="apply"' in browser.get("/installation").text
    browser.post("/installation/apply")
    assert restarted == [True]
