"""What a session sees of a house with two companies and four stations, and who may say in which somebody works."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from test_web import text_of

from capture.hotfolder import Sighting
from config.settings import Settings, Station
from station import erasure, groups
from station.people import Act, Refused, RoleDays, add_person, delegate_role
from station.reception import incoming_file
from station.records import intake, people
from station.records.ledger import append_event, tree_of
from station.records.scope import Scope, lifted, put_scope
from station.records.tables import Arrival, Batch, Document, Original
from station.web import desk
from station.web.app import build_app
from station.workstation import Workstation
from workflow.roles import Role

HERE, THERE = "essai", "filiale"
ALL = Scope(HERE, frozenset({"quai"}), primary=True)


@pytest.fixture
def house(tmp_path, monkeypatch) -> Iterator[Workstation]:
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    opened = webhome.open_home(tmp_path)
    stations = (Station(name="accueil"), Station(name="annexe"), Station(name="quai", entity=THERE))
    yield replace(opened, settings=opened.settings.model_copy(update={"companies": [THERE], "stations": stations}))
    opened.database.close()


def take(house: Workstation, station: str, sha256: str = "", name: str = "a.tif") -> str:
    """A file taken in at a station; returns its document's identifier."""
    chosen = next(each for each in house.settings.stations if each.name == station)
    digest = hashlib.sha256(f"{station}-{name}".encode()).hexdigest()
    seen = Sighting(name, int(digest[:12], 16), 1, 1)
    with house.database.writing() as session:
        return intake.receive(session, incoming_file(house, chosen, seen, sha256 or digest, digest[:32])).document_id


def join(house: Workstation, login: str, *roles: Role, entities=None, stations=None) -> TestClient:
    """Somebody with these roles, signed in."""
    with house.database.writing() as session:
        person, _ = add_person(session, Act(HERE, None, house.clock()), login, "", "", [RoleDays(role) for role in roles])
        people.set_password(session, login, "a long password, indeed")
        person.entities, person.stations = entities, stations
    browser = TestClient(build_app(house, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert browser.post("/sign-in", data={"login": login, "password": "a long password, indeed"}).status_code == 303
    return browser


# --- what is seen ---


def test_what_comes_in_at_a_station_belongs_to_its_company(house):
    one, other = take(house, "accueil"), take(house, "quai")
    with house.database.reading() as session:
        assert [session.get_one(Document, each).entity for each in (one, other)] == [HERE, THERE]


def test_the_same_bytes_in_two_companies_are_two_documents_and_in_one_a_duplicate(house):
    one, other, again = (take(house, station, "ab" * 32, name) for station, name in (("accueil", "a"), ("quai", "b"), ("annexe", "c")))
    assert (one != other, again == one) == (True, True)


def test_lists_counts_single_rows_joins_and_changes_keep_to_the_company(house):
    one, other = take(house, "accueil"), take(house, "quai")
    with house.database.writing() as session:
        put_scope(session, ALL)
        assert list(session.scalars(sa.select(Document.id))) == [one]
        assert session.scalar(sa.select(sa.func.count()).select_from(Arrival)) == 1
        assert (session.get(Document, other), session.get(Batch, other)) == (None, None)
        assert list(session.scalars(sa.select(Document.id).join(Arrival).where(Arrival.name == "a.tif"))) == [one]
        assert list(session.scalars(sa.select(Original.sha256).where(Original.sha256.in_(sa.select(Arrival.sha256))))) != []
        assert session.scalar(sa.select(sa.exists().where(Document.id == other))) is False
        session.execute(sa.update(Document).values(title="changed"))
        session.execute(sa.delete(Arrival))
        with lifted(session):
            assert session.scalar(sa.select(Document.title).where(Document.id == other)) == "a.tif"
            assert list(session.scalars(sa.select(Arrival.document_id))) == [other]


def test_a_file_on_which_two_companies_rest_is_seen_by_both_and_one_of_neither_by_none(house):
    take(house, "accueil", "ab" * 32)
    take(house, "quai", "ab" * 32)
    take(house, "quai", "cd" * 32, "other")
    with house.database.reading() as session:
        put_scope(session, ALL)
        assert list(session.scalars(sa.select(Original.sha256))) == ["ab" * 32]


def test_bytes_on_which_another_company_rests_are_not_erased_with_a_document(house):
    one, other = take(house, "accueil", "ab" * 32), take(house, "quai", "ab" * 32)
    with house.database.reading() as session:
        put_scope(session, ALL)
        going = erasure.scope_of(session, session.get_one(Document, one), house.clock().date())
        assert ([each.sha256 for each in going.shared], going.originals, session.get(Document, other)) == (["ab" * 32], (), None)


def test_an_entry_for_another_company_goes_on_where_its_log_ended(house):
    take(house, "quai")
    with house.database.writing() as session:
        put_scope(session, ALL)
        assert append_event(session, webhome.Event(THERE, "x", {}, intake.SYSTEM, house.clock(), "system", {})) == 1
        assert tree_of(session, THERE).size == 2


def test_a_document_whose_station_is_gone_stays_with_the_installations_own_company(house):
    one = take(house, "annexe")
    fewer = replace(house, settings=house.settings.model_copy(update={"stations": house.settings.stations[::2]}))
    browser = join(fewer, "claire", Role.COMPLIANCE)
    assert browser.get(f"/batches/{one}").status_code == 200
    assert browser.get(f"/documents/{one}").status_code == 200


def test_a_company_without_a_station_of_its_own_has_its_pages_all_the_same(house):
    none = replace(house, settings=house.settings.model_copy(update={"stations": house.settings.stations[:2]}))
    browser = join(none, "lea", Role.CLERK, Role.COMPLIANCE, entities=[THERE])
    pages = ("/", "/desk", "/papers", "/stations", "/tolerances", "/help", "/conformite", "/organisation", "/documents")
    assert {page: browser.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


# --- stations of the mailroom ---


def test_who_is_limited_to_a_station_knows_no_other(house):
    mine, other = take(house, "accueil", name="ma-facture.tif"), take(house, "annexe", name="autre-facture.tif")
    browser = join(house, "paul", Role.MAILROOM, stations=["accueil"])
    assert browser.get(f"/documents/{mine}").status_code == 200
    for address in (f"/documents/{other}", f"/batches/{other}", "/desk/annexe", "/desk/annexe/history", "/stations/annexe"):
        assert browser.get(address).status_code == 404, address
    for page in ("/", "/documents", "/recherche?q=autre", "/stations", "/papers", "/ledger"):
        assert not any(word in browser.get(page).text for word in ("autre-facture", "annexe")), page
    file = {"files": ("a.tif", b"x", "image/tiff")}
    assert browser.post("/upload", data={"station": "annexe"}, files=file).status_code == 422
    assert browser.post("/upload", data={"station": "accueil"}, files=file).status_code == 303


def test_a_clerk_sees_every_station_of_the_company(house):
    other = take(house, "annexe")
    browser = join(house, "lea", Role.MAILROOM, Role.CLERK, stations=["accueil"])
    assert browser.get(f"/documents/{other}").status_code == 200


def test_nothing_tells_who_sees_one_station_that_something_changed_at_another(house):
    look = build_app(house, secret=b"test").state.changes._look
    seen = desk.house_seen(house, HERE, frozenset({"accueil"}))
    quiet, loud = look(seen), look(None)
    take(house, "annexe")
    assert (look(seen) == quiet, look(None) == loud) == (True, False)
    take(house, "accueil")
    assert look(seen) != quiet


# --- who may say so ---


def test_who_works_in_one_company_alone_has_no_switch_and_a_house_of_one_has_none_either(house, tmp_path):
    assert 'id="companies"' in join(house, "both", Role.CLERK).get("/help").text
    assert 'id="companies"' not in join(house, "one", Role.CLERK, entities=[THERE]).get("/help").text
    alone = replace(house, settings=house.settings.model_copy(update={"companies": [], "stations": house.settings.stations[:1]}))
    assert 'id="companies"' not in join(alone, "single", Role.CLERK).get("/help").text


def test_who_may_work_nowhere_in_this_house_opens_nothing(house):
    one = take(house, "accueil")
    browser = join(house, "gone", Role.COMPLIANCE, entities=["vendue"])
    assert {browser.get(address).status_code for address in (f"/documents/{one}", "/documents", "/ledger", "/conformite")} == {403}


def test_a_role_is_lent_only_where_its_giver_works(house):
    today = house.clock().date()
    with house.database.writing() as session:
        act = Act(HERE, None, house.clock())
        giver, _ = add_person(session, act, "giver", "", "", [RoleDays(Role.APPROVER)])
        taker, _ = add_person(session, act, "taker", "", "", [RoleDays(Role.CLERK)])
        giver.entities = [HERE]
        delegate_role(session, act, giver, taker, RoleDays(Role.APPROVER, today, today + timedelta(days=3)))
        assert people.roles_of(session, taker.pseudonym, today, HERE) == {Role.APPROVER, Role.CLERK}
        assert people.roles_of(session, taker.pseudonym, today, THERE) == {Role.CLERK}


def test_a_deputy_is_found_in_the_company_alone(house):
    join(house, "ailleurs", Role.CLERK, entities=[THERE])
    browser = join(house, "ici", Role.APPROVER, entities=[HERE])
    form = {"role": "approver", "starts": "2026-11-20", "ends": "2026-11-25"}
    answers = [browser.post("/account/delegations", data={**form, "to": login}) for login in ("ailleurs", "personne")]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].text == answers[1].text
    assert "ailleurs" not in browser.get("/account").text


def test_an_administrator_of_one_company_looks_after_its_people_alone(house):
    browser = join(house, "chef", Role.ADMINISTRATOR, entities=[HERE])
    join(house, "ici", Role.CLERK, entities=[HERE])
    join(house, "ailleurs", Role.CLERK, entities=[THERE])
    join(house, "partout", Role.CLERK)
    text = browser.get("/people").text
    assert ("ici" in text_of(text), "ailleurs" in text, "partout" in text) == (True, False, False)
    names = {login: _pseudonym(house, login) for login in ("ici", "ailleurs", "partout")}
    assert [browser.get(f"/people/{names[login]}").status_code for login in names] == [200, 404, 404]
    place = f"/people/{names['ici']}/place"
    assert browser.post(place, data={"entities": [HERE, THERE]}).status_code == 422
    assert browser.post(place, data={}).status_code == 422
    assert browser.post(f"/people/{names['partout']}/end").status_code == 404
    assert browser.post("/people", data={"login": "neu", "roles": ["clerk"]}).status_code == 200
    with house.database.reading() as session:
        assert people.find(session, "neu").entities == [HERE]


def _pseudonym(house: Workstation, login: str) -> str:
    with house.database.reading() as session:
        return people.find(session, login).pseudonym


def test_the_page_says_in_which_companies_and_at_which_stations_somebody_works(house):
    browser = join(house, "chef", Role.ADMINISTRATOR)
    clerk = join(house, "ici", Role.MAILROOM)
    assert clerk.get("/documents").status_code == 200
    assert browser.post(f"/people/{_pseudonym(house, 'ici')}/place", data={}).status_code == 422
    answer = browser.post(f"/people/{_pseudonym(house, 'ici')}/place", data={"entities": HERE, "stations": ["annexe"]})
    assert answer.status_code == 303
    assert clerk.get("/documents").status_code == 303, "the sessions ended"
    with house.database.reading() as session:
        person = people.find(session, "ici")
        assert (person.entities, person.stations) == ([HERE], ["annexe"])
    assert "annexe" in browser.get("/people").text


# --- groups ---


def test_a_group_has_its_members_with_their_days_and_tells_their_deputies(house):
    browser = join(house, "chef", Role.ADMINISTRATOR)
    join(house, "anne", Role.APPROVER)
    join(house, "bruno", Role.CLERK)
    join(house, "ailleurs", Role.CLERK, entities=[THERE])
    with house.database.writing() as session:
        anne, bruno = people.find(session, "anne"), people.find(session, "bruno")
        day = house.clock().date()
        delegate_role(session, Act(HERE, anne, house.clock()), anne, bruno, RoleDays(Role.APPROVER, day, day + timedelta(days=9)))
    there = browser.post("/people/groups", data={"name": "  Direction  générale "}).headers["location"]
    assert browser.post("/people/groups", data={"name": "Direction générale"}).status_code == 422
    assert browser.post(f"{there}/members", data={"login": "anne"}).status_code == 303
    assert browser.post(f"{there}/members", data={"login": "anne"}).status_code == 422
    assert browser.post(f"{there}/members", data={"login": "ailleurs"}).status_code == 422
    assert browser.post(f"{there}/members", data={"login": "bruno", "starts": "2027-01-01"}).status_code == 303
    assert re.search(r"Suppléant\s: bruno \(valideur\) jusqu’au", text_of(browser.get(there).text))
    with house.database.reading() as session:
        group = people.find_group(session, HERE, "Direction générale")
        assert people.members_of(session, group, house.clock().date()) == {anne.pseudonym}
        assert people.members_of(session, group, date(2027, 1, 1)) == {anne.pseudonym, bruno.pseudonym}
        assert people.find_group(session, THERE, "Direction générale") is None
        number = people.memberships_of(session, group.id)[0].id
    assert browser.post(f"{there}/members/{number}/take").status_code == 303
    assert browser.post(f"{there}/end").status_code == 303
    assert browser.get(there).status_code == 404


def test_the_command_line_places_people_and_fills_groups(house):
    join(house, "anne", Role.APPROVER)

    def ask(action, entities=(), stations=(), group="", ends=""):
        return groups.answer_place(house, groups.AskedPlace(action, "anne", entities, stations, group, "", ends))[0]

    assert ask("place", (HERE,), ("annexe",))["stations"] == ["annexe"]
    assert ask("place")["entities"] is None
    assert ask("join", (THERE,), group="Achats")["groups"] == {THERE: ["Achats"]}
    assert ask("leave", (THERE,), group="Achats")["groups"] == {}
    for wrong in (("place", ("autre",)), ("place", (HERE,), ("nulle-part",)), ("join", (), (), ""), ("leave", (), (), "Achats")):
        with pytest.raises(Refused):
            ask(*wrong)


# --- settings ---


def test_a_station_of_a_company_that_the_house_does_not_have_is_refused(tmp_path):
    with pytest.raises(ValueError, match="quai"):
        Settings(home=tmp_path, station=[{"name": "quai", "entity": "autre"}])


def test_one_of_several_companies_sees_itself_and_its_stations_and_keeps_the_policies_of_all(house):
    settings = house.settings.of_company(THERE)
    assert (settings.entities, [each.name for each in settings.stations]) == ((THERE,), ["quai"])
    assert {each.name for each in settings.known_stations} == {"accueil", "annexe", "quai"}
    assert settings.of_company(THERE) == settings
    assert house.settings.of_company("autre").stations == ()
