"""Which role opens which address, written down here a second time, by role; and every address asked by every role."""

import re
from datetime import date

import pytest
import webhome
from argon2 import PasswordHasher
from fastapi import HTTPException
from fastapi.testclient import TestClient
from test_web import TEMPLATES, _all_routes, visitor

from station.people import Act, RoleDays, add_person
from station.records import people
from station.web import desk
from station.web.app import build_app
from station.web.grants import GRANTS, STARTS, may, start_of
from workflow.roles import EVERYONE, Role

OPEN = {"/installation/debut", "/sign-in", "/health", "/metrics", "/ready", "/witness/add-checkpoint"}
OPEN |= {"/oidc/begin", "/oidc/callback", "/oidc/out"}
LET_IN = 418
HALL = """
    GET /help /account /account/tokens /api /confirm /oidc/again /events /ledger
    POST /entity /language /sign-out /confirm /account/password /account/code /account/visits /account/delegations
        /account/delegations/{number}/end /account/tokens
        /account/tokens/{number}/revoke /ledger/check
"""
"""Everybody's."""
SEEN = """
    GET /documents /documents/{document_id} /documents/{document_id}/pages/{number}/{kind}.jpg /documents/{document_id}/sealed.pdf
        /documents/{document_id}/capture-data.json /documents/{document_id}/originals/{sha256} /documents/{document_id}/verdict
        /documents/{document_id}/verdict.json /documents/{document_id}/certificate.json
        /documents/{document_id}/fields/{name} /documents/{document_id}/fields/{name}/crop.jpg /recherche /recherche/{document_id}
        /documents/{document_id}/circuits
"""
"""Of whoever works with documents, and of who audits them."""
WORKED = """
    GET /documents/{document_id}/letter /formulaires /formulaires/{number}
    POST /formulaires/{number}
"""
ARRIVED = """
    GET / /desk /desk/{name} /desk/{name}/slip.pdf /desk/{name}/preview /desk/{name}/history
        /batches/{batch_id} /duplicates /duplicates/{arrival_id} /duplicates/{first}/{second} /papers /papers/separator.pdf
        /papers/patch.pdf /papers/box.pdf /stations /stations/{name} /stations/{name}/target.pdf /stations/{name}/passports/{number}
        /stations/{name}/passports/{number}.json /stations/{name}/passports/{number}.pdf /tolerances /documents/{document_id}/source
        /documents/{document_id}/decision/{choice} /documents/{document_id}/correct /documents/{document_id}/erasure
    POST /upload /duplicates/{first}/{second} /papers/slip /documents/{document_id}/source /documents/{document_id}/decision/{choice}
        /documents/{document_id}/correct /documents/{document_id}/erasure
"""
FED = """
    GET /papier /papier/slips/{number}.pdf
    GET /desk/{name}/redo /desk/{name}/end
    POST /desk/{name}/open /desk/{name}/sheets /desk/{name}/redo /desk/{name}/redo/drop /desk/{name}/edit /desk/{name}/undo /desk/{name}/end
        /desk/{name}/scan /desk/{name}/scan/{job_id}/{act} /papier/lots/{number} /papier/lots/{number}/slip
"""
REVIEWED = """
    GET /memory /memory/export.json /relecture /relecture/touches /relecture/{document_id} /relecture/{document_id}/image/{number}.json
        /relecture/{document_id}/image/{number}/{version}/{level}-{column}-{row} /relecture/{document_id}/mots.json
        /relecture/{document_id}/extrait/{number}.jpg /relecture/{document_id}/fenetre
    POST /documents/{document_id}/fields /documents/{document_id}/fields/{name} /memory/{number}/undo /relecture/vues /relecture/touches
        /relecture/{document_id} /relecture/{document_id}/champs /relecture/{document_id}/etat /relecture/{document_id}/pas
        /relecture/{document_id}/presence /relecture/{document_id}/file
"""
OFFICE = """
    GET /signing /relecture/comptes/{number} /relecture/comptes/{number}/{which}.jpg /approbations /approbations/{number}
        /approbations/{number}/page/{page}.jpg
    POST /signing /relecture/comptes/{number} /approbations/{number}
"""
ACCOUNTED = """
    GET /comptabilite /comptabilite/lots/{number} /comptabilite/lots/{number}/lot.csv /comptabilite/factures/{document_id}
"""
BOOKED = """
    GET /imports/remittances/{number} /imports/remittances/{number}/errors.csv
    POST /imports/remittances /imports/remittances/{number} /imports/remittances/{number}/run
    GET /comptabilite/reglages
    POST /comptabilite/lots /comptabilite/reglages /comptabilite/factures/{document_id}/paiements
"""
"""Of whoever keeps the accounts."""
TAKEN_BACK = """
    POST /comptabilite/lots/{number}/annuler /comptabilite/factures/{document_id} /comptabilite/factures/{document_id}/ecriture
"""
DIRECTED = "GET /direction /direction/cloture /direction/{figure}.csv"
PROVED = """
    GET /documents/{document_id}/retention /documents/{document_id}/retention.json /retention /holds /mandates /mandates/{number}/file
        /access /conformite /conformite/search /conformite/{document_id} /conformite/{document_id}/pages/{number}.png /export
        /export/{number}/{name} /organisation /organisation/versions/{number}.pdf /controles /controles/lots/{number} /papier
        /papier/slips/{number}.pdf /sauvegardes /sauvegardes/{number}.pdf
    POST /conformite/search
"""
RULED = """
    POST /tolerances /tolerances/{number}/revoke /documents/{document_id}/retention /retention/ask /retention/decide /holds
        /holds/{number}/lift /mandates /mandates/{number}/revoke /ledger/checkpoint /export /export/{number}/stop /export/{number}/remove
        /signing/reseal /organisation/texts/{key} /organisation/versions /organisation/versions/{number} /organisation/places/{number}
        /controles/plan/{code} /controles/results/{code} /controles/lots/{number} /controles/failures/{number}
        /controles/actions/{number} /papier/slips/{number}
        /envois/{number}/retry /envois/{number}/drop /envois/webhooks /envois/webhooks/{number}/end /sauvegardes
    GET /envois
"""
SUPPLIED = """
    GET /imports /imports/{kind}/modele.{form} /imports/suppliers/{number} /imports/suppliers/{number}/errors.csv
    POST /imports/suppliers /imports/suppliers/{number} /imports/suppliers/{number}/run
"""
CUSTOMERS = """
    GET /imports /imports/{kind}/modele.{form} /imports/customers/{number} /imports/customers/{number}/errors.csv
    POST /imports/customers /imports/customers/{number} /imports/customers/{number}/run
"""
DUES = """
    GET /encours /encours/balance.csv /encours/clients/{number} /encours/{number}
        /relances /relances/calendrier /relances/envoyees /relances/courrier /relances/echelles /relances/courrier/{number}/{which}.pdf
"""
OWED = """
    GET /imports/invoices/{number} /imports/invoices/{number}/errors.csv /imports/payments/{number} /imports/payments/{number}/errors.csv
    POST /encours/nouvelle /encours/clients/{number} /encours/clients/{number}/contacts /encours/clients/{number}/contacts/{contact}/fin
        /encours/{number}/evenements /encours/{number}/cloture /encours/clients/{number}/procedure /encours/clients/{number}/credits
        /relances/suspendre /relances/reprendre/{number} /relances/taches/{number} /relances/envoyees/{number}/retour
        /relances/courrier/imprimees /relances/courrier/recommandes /relances/courrier/{number}/{what}
    GET /encours/nouvelle
    POST /imports/invoices /imports/invoices/{number} /imports/invoices/{number}/run
        /imports/payments /imports/payments/{number} /imports/payments/{number}/run
"""
REGISTER = """
    GET /fournisseurs /fournisseurs/comptes /fournisseurs/{number}
"""
APPROVED = """
    POST /fournisseurs/comptes
"""
LADDERS = "POST /relances/echelles /relances/echelles/{number}\n"
RULES_SEEN = "GET /taux /regles /regles/{file} /regles/{file}/essayer /regles/{file}/rejeu/{number} /regles/{file}/versions/{number}\n"
RULES_WRITTEN = (
    "POST /taux /taux/{number} /regles /regles/{file} /regles/{file}/jeter /regles/{file}/rejeu "
    "/regles/{file}/demander /regles/{file}/retirer\n"
)
EXPECTED = {
    Role.MAILROOM: HALL + SEEN + WORKED + ARRIVED + FED,
    Role.CLERK: RULES_SEEN
    + RULES_WRITTEN
    + HALL
    + ACCOUNTED
    + BOOKED
    + TAKEN_BACK
    + SEEN
    + WORKED
    + ARRIVED
    + REVIEWED
    + OFFICE
    + SUPPLIED
    + REGISTER
    + APPROVED
    + "POST /fournisseurs/{number}/comptes\n",
    Role.APPROVER: RULES_SEEN + HALL + ACCOUNTED + TAKEN_BACK + SEEN + WORKED + REGISTER + APPROVED + OFFICE + DIRECTED,
    Role.RECEIVABLES: LADDERS + RULES_SEEN + RULES_WRITTEN + HALL + SEEN + WORKED + CUSTOMERS + DUES + OWED,
    Role.COMPLIANCE: RULES_SEEN
    + RULES_WRITTEN
    + LADDERS
    + "POST /regles/{file}/decider\n"
    + "POST /fournisseurs/{number}/comptes\n"
    + ACCOUNTED
    + BOOKED
    + TAKEN_BACK
    + SUPPLIED
    + CUSTOMERS
    + DUES
    + REGISTER
    + APPROVED
    + HALL
    + SEEN
    + WORKED
    + ARRIVED
    + FED
    + REVIEWED
    + OFFICE
    + DIRECTED
    + PROVED
    + RULED,
    Role.AUDITOR: RULES_SEEN
    + HALL
    + ACCOUNTED
    + "GET /comptabilite/reglages\n"
    + DUES
    + REGISTER
    + SEEN
    + PROVED
    + """
    GET /desk/{name}/history /batches/{batch_id} /duplicates /duplicates/{arrival_id} /duplicates/{first}/{second} /stations
        /stations/{name} /stations/{name}/passports/{number} /stations/{name}/passports/{number}.json
        /stations/{name}/passports/{number}.pdf /tolerances
        /documents/{document_id}/erasure /memory /memory/export.json
        /relecture/comptes/{number} /relecture/comptes/{number}/{which}.jpg /approbations/{number} /approbations/{number}/page/{page}.jpg
        /formulaires/{number}
    """,
    Role.ADMINISTRATOR: HALL
    + SUPPLIED
    + CUSTOMERS
    + """
    GET /envois /people /people/{pseudonym} /people/groups/{number} /stations /stations/{name} /stations/{name}/target.pdf
        /stations/{name}/passports/{number}
        /stations/{name}/passports/{number}.json /stations/{name}/passports/{number}.pdf /organisation /organisation/versions/{number}.pdf
    GET /installation /exploitation /sauvegardes /sauvegardes/{number}.pdf
    POST /sauvegardes
    POST /installation/seal/request /installation/seal /installation/mail/test /installation/apply /installation/{step}
    GET /imports/people/{number} /imports/people/{number}/errors.csv
    POST /people/{pseudonym}/tokens/{number}/revoke /envois/{number}/retry /envois/{number}/drop /envois/webhooks
        /envois/webhooks/{number}/end /imports/people /imports/people/{number} /imports/people/{number}/run
    POST /people/{pseudonym}/place /people/groups /people/groups/{number}/members /people/groups/{number}/members/{member}/take
        /people/groups/{number}/end
    POST /people /people/{pseudonym}/roles /people/{pseudonym}/roles/{number}/take /people/{pseudonym}/password /people/{pseudonym}/end
        /people/{pseudonym}/unlink
    """,
}
WRITES_NOTHING = {"/entity", "/language", "/sign-out", "/confirm", "/ledger/check", "/conformite/search"}
OWN_ACCOUNT = {
    "/account/tokens",
    "/account/tokens/{number}/revoke",
    "/account/password",
    "/account/code",
    "/account/visits",
    "/account/delegations",
    "/account/delegations/{number}/end",
}
AGAIN = """
    /account/tokens /envois/webhooks
    /people/{pseudonym}/place /people/groups /people/groups/{number}/members /people/groups/{number}/members/{member}/take
        /people/groups/{number}/end
    /export /retention/ask /retention/decide /holds/{number}/lift /documents/{document_id}/erasure /papier/lots/{number}/slip
    /papier/slips/{number} /people /people/{pseudonym}/roles /people/{pseudonym}/roles/{number}/take /people/{pseudonym}/password
    /people/{pseudonym}/end /people/{pseudonym}/unlink /account/code /account/visits /account/delegations /relecture/comptes/{number}
        /approbations/{number}
    /installation/seal/request /installation/seal /installation/mail/test /installation/apply /installation/{step}
    /imports/suppliers/{number}/run /imports/people/{number}/run /fournisseurs/comptes /fournisseurs/{number}/comptes
    /imports/remittances/{number}/run /comptabilite/lots /comptabilite/lots/{number}/annuler /comptabilite/reglages
        /comptabilite/factures/{document_id}/paiements /comptabilite/factures/{document_id}/ecriture
    /imports/invoices/{number}/run /imports/payments/{number}/run /encours/{number}/cloture /encours/clients/{number}/procedure
        /encours/clients/{number}/credits
    /formulaires/{number} /taux/{number} /relances/echelles/{number} /regles/{file}/demander /regles/{file}/decider
"""
"""What cannot be undone, leaves the house, or says who may do what."""


def listed(text: str) -> set[tuple[str, str]]:
    """Lists of addresses behind their method."""
    found, method = set(), ""
    for word in text.split():
        if word in ("GET", "POST"):
            method = word
        else:
            found.add((method, word))
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A home with one person of each role, the application in which whatever is let in answers 418, and the time it goes by."""
    workstation = webhome.open_home(tmp_path_factory.mktemp("roles"))
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        return _house(workstation)


def _house(workstation):
    time = [1_800_000_000.0]
    app = build_app(workstation, secret=b"test", moment=lambda: time[0])

    def stop() -> None:
        raise HTTPException(LET_IN)

    # The ward behind those of roles: nothing is done, and no stream begins.
    app.dependency_overrides[desk.reserved] = stop
    act = Act("essai", None, workstation.clock())
    browsers = {}
    for role in Role:
        with workstation.database.writing() as session:
            person, _ = add_person(session, act, role.value, "", "", [RoleDays(role, None, date(2030, 1, 1))])
            people.set_password(session, person.login, f"{role.value} has a password")
        browsers[role] = TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)
        answer = browsers[role].post("/sign-in", data={"login": role.value, "password": f"{role.value} has a password"})
        assert answer.status_code == 303
    return browsers, time


@pytest.fixture(scope="module")
def routes(tmp_path_factory) -> set[tuple[str, str]]:
    workstation = webhome.open_home(tmp_path_factory.mktemp("routes"))
    found = {(method, route.path) for route in _all_routes(build_app(workstation, secret=b"test").routes) for method in route.methods}
    return {(method, path) for method, path in found if path not in OPEN}


def asked(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "1", path)


def test_every_address_stands_in_the_table_and_the_table_names_no_other(routes):
    told = {("GET", path) for path, grant in GRANTS.items() if grant.look} | {("POST", path) for path, grant in GRANTS.items() if grant.act}
    assert told == routes


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_is_written_down_for_it_and_nothing_else(house, routes, role):
    browser = house[0][role]
    answers = {(method, path): browser.request(method, asked(path)).status_code for method, path in routes}
    opened = {address for address, status in answers.items() if status == LET_IN}
    assert opened == listed(EXPECTED[role])
    # The first page sends on whom it is not for; everything else says no.
    assert {status for address, status in answers.items() if address not in opened and address != ("GET", "/")} == {403}


def test_a_role_is_told_in_words_what_is_not_its_own(house):
    answer = house[0][Role.CLERK].get("/people")
    assert answer.status_code == 403
    assert "Aucun de vos rôles n’ouvre cette page" in answer.text
    assert 'href="/people"' not in answer.text


def test_an_auditor_changes_nothing_but_their_own_account():
    acts = {path for method, path in listed(EXPECTED[Role.AUDITOR]) if method == "POST"}
    assert acts == WRITES_NOTHING | OWN_ACCOUNT


def test_who_makes_accounts_sees_no_document():
    assert not [
        path for _, path in listed(EXPECTED[Role.ADMINISTRATOR]) if "document" in path or path.startswith(("/conformite", "/export"))
    ]


def test_what_cannot_be_undone_asks_who_it_is_after_ten_minutes_and_nothing_else_does(house, routes):
    browsers, time = house
    holders = {path: next(role for role in Role if may(frozenset({role}), "POST", path)) for method, path in routes if method == "POST"}
    time[0] += 601
    try:
        stopped = {path for path, role in holders.items() if browsers[role].post(asked(path)).status_code == 401}
        looked = [browsers[role].get(asked(path)).status_code for path, role in holders.items() if may(frozenset({role}), "GET", path)]
    finally:
        time[0] -= 601
    assert stopped == set(AGAIN.split())
    assert set(looked) == {LET_IN}


def test_an_address_that_nobody_wrote_down_opens_for_nobody():
    assert not may(EVERYONE, "GET", "/nowhere")
    assert not may(EVERYONE, "POST", "/help")
    assert not may(frozenset(), "GET", "/help")


@pytest.mark.parametrize(
    ("role", "start"),
    [
        (Role.MAILROOM, "/"),
        (Role.APPROVER, "/approbations"),
        (Role.RECEIVABLES, "/formulaires"),
        (Role.AUDITOR, "/documents"),
        (Role.ADMINISTRATOR, "/people"),
    ],
)
def test_everybody_begins_where_something_is_theirs(house, role, start):
    assert start_of(frozenset({role})) == start
    answer = house[0][role].get("/")
    assert (answer.status_code == LET_IN) if start == "/" else (answer.headers["location"] == start)
    assert start_of(frozenset()) == STARTS[-1]


def test_every_link_of_the_frame_that_a_role_sees_opens_for_it(tmp_path):
    workstation = webhome.open_home(tmp_path)
    browser = visitor(workstation)
    browser.post("/sign-in", data={"login": "responsable", "password": "essai"})
    links = set(re.findall(r'href="(/[a-z]*)"', browser.get("/help").text))
    assert {"/", "/people", "/account"} <= links
    assert {path for path in links if browser.get(path).status_code not in (200, 303)} == set()
    assert TEMPLATES.joinpath("people.html").is_file()
