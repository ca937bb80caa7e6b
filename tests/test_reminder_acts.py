"""Ladders by version, tasks that reminders wait for, and reminders through the API: each with its roles, deadlines and second person."""

from datetime import date, timedelta

import mailserver
import pytest
import sqlalchemy as sa
from apihome import Office
from owed import MORNING, Owing, open_owing, serve
from test_web import enter, visitor

from station import agenda, dunning, ladder_versions, prompts
from station.ladder_versions import NotOffered
from station.records import people
from station.records.tables import AgendaRow, LadderVersion, OpenItem, Suspension
from station.web.app import build_app
from workflow.roles import Role

FIFTH = date(2026, 10, 29)
LATER = ladder_versions.SHIPPED.read_text(encoding="utf-8").split("essais:")[0].replace("jours: 5,", "jours: 7,") + (
    "essais:\n  - {titre: T, echelle: entreprises, echeance: 2026-11-30, attendu: {relance-1: 2026-12-07}}\n"
)


@pytest.fixture
def owing(tmp_path) -> Owing:
    made = open_owing(tmp_path / "home")
    made.owes("F-1", FIFTH + timedelta(days=3))
    made.plan()
    return made


def planned(owing: Owing) -> list[str]:
    with owing.station.database.reading() as session:
        return [row.day for row in agenda.planned(session, "essai", dunning.KIND)]


def write(owing: Owing, text: str = LATER) -> tuple[int, int]:
    """The version that waits, and the number of people there are to choose from."""
    with owing.station.database.writing() as session:
        row, flaws = ladder_versions.write_version(session, owing.station, text, "les clients paient à J+7", people.list_people(session)[0])
        assert flaws == ()
        return row.id, len(people.list_people(session))


def test_a_changed_ladder_counts_once_a_second_person_activated_it_and_going_back_takes_the_same_way(owing):
    number, _ = write(owing)
    assert planned(owing) == ["2026-11-06"]
    with owing.station.database.writing() as session:
        row = ladder_versions.get_version(session, "essai", number)
        writer, other = people.list_people(session)[:2]
        with pytest.raises(NotOffered, match="same-person"):
            ladder_versions.activate(session, owing.station, row, writer)
        ladders = ladder_versions.proved(owing.station.settings, row.name, row.text)
        assert dunning.effect_of(session, owing.station, ladders, owing.today).changed == 1
        ladder_versions.activate(session, owing.station, row, other)
    owing.plan()
    assert planned(owing) == ["2026-11-09"]
    with owing.station.database.writing() as session:
        first = session.scalars(sa.select(LadderVersion).where(LadderVersion.number == 1)).one()
        with pytest.raises(NotOffered, match="ended"):
            ladder_versions.activate(session, owing.station, first, people.list_people(session)[2])
        back = ladder_versions.go_back(session, owing.station, first, "non", people.list_people(session)[1])
        ladder_versions.activate(session, owing.station, back, people.list_people(session)[0])
        assert [(row.number, row.ended_at is None) for row in ladder_versions.versions_of(session, "essai")] == [
            (3, True), (2, False), (1, False),
        ]  # fmt: skip
    owing.plan()
    assert planned(owing) == ["2026-11-06"]


def test_a_file_that_changes_on_disk_waits_too_and_a_broken_one_stops_nothing(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "x.echelles.yaml").write_text(LATER, encoding="utf-8")
    owing = open_owing(home, ladders="x.echelles.yaml")
    owing.owes("F-1", FIFTH + timedelta(days=3))
    owing.plan()
    (home / "x.echelles.yaml").write_text(LATER.replace("jours: 7,", "jours: 9,").replace("12-07", "12-09"), encoding="utf-8")
    owing.plan()
    (home / "x.echelles.yaml").write_text("echelles: faux\n", encoding="utf-8")
    owing.plan()
    assert planned(owing) == ["2026-11-09"]
    with owing.station.database.reading() as session:
        assert [row.number for row in ladder_versions.waiting(session, "essai")] == [2]


def test_the_pages_of_the_ladders_show_the_difference_and_refuse_with_words(owing):
    with enter(owing.station) as visitor:
        assert "version 1" in visitor.get("/relances").text
        wrong = visitor.post("/relances/echelles", data={"text": LATER.replace("courriel", "couriel"), "reason": "x"})
        assert (wrong.status_code, "vouliez-vous dire" in wrong.text, "couriel" in wrong.text) == (422, True, True)
        assert visitor.post("/relances/echelles", data={"text": LATER, "reason": "J+7"}).status_code == 303
        page = visitor.get("/relances/echelles").text
        assert "jours: 7," in page
        assert "1 factures relancées autrement" in page.replace("\u202f", " ")


def bounced(owing: Owing) -> int:
    with owing.station.database.writing() as session:
        row = agenda.plan(session, "essai", dunning.CALL, "1", date(2026, 11, 2), "call", at=MORNING, level="appel")
        agenda.settle(session, row.id, agenda.OPEN, "call", MORNING)
        return row.id


def test_a_call_is_a_task_with_its_day_done_and_undone_and_the_digest_tells_of_it(owing):
    number = bounced(owing)
    with owing.station.database.reading() as session:
        assert "débloquer (appels, adresses) : 1, dont en retard : 1" in prompts.chores_line(session, "essai", owing.today, "fr")
    with enter(owing.station) as visitor:
        assert f'id="chore-{number}"' in visitor.get("/formulaires").text
        assert "à faire avant le 02/11/2026" in visitor.get("/relances").text.replace("\u202f", " ")
        assert visitor.post(f"/relances/taches/{number}", data={"note": "appelés"}).status_code == 303
        assert f'id="chore-{number}"' not in visitor.get("/formulaires").text
        assert visitor.post(f"/relances/taches/{number}", data={"note": "erreur", "undo": "1"}).status_code == 303
    with owing.station.database.reading() as session:
        assert session.get_one(AgendaRow, number).state == agenda.OPEN


def test_who_only_follows_what_customers_owe_begins_at_the_calls_that_wait(owing):
    number, office = bounced(owing), Office(owing.station, {}, build_app(owing.station, secret=b"test"))
    office.person("encours", Role.RECEIVABLES)
    with owing.station.database.writing() as session:
        people.set_password(session, "encours", "encours-d-essai")
    with visitor(owing.station) as browser:
        browser.post("/sign-in", data={"login": "encours", "password": "encours-d-essai"})
        assert browser.get("/").headers["location"] == "/formulaires"
        assert f'href="/relances#chore-{number}"' in browser.get("/formulaires").text
        assert browser.post(f"/relances/taches/{number}", data={"note": "appelés"}).status_code == 303
        assert "Rien ne vous attend ici" in browser.get("/formulaires").text


def asked(program, path: str, **said):
    answer = program.post(path, json=said) if said else program.get(path)
    return answer.status_code, answer.json()


def test_a_program_sees_what_is_due_and_holds_it_back_and_lets_it_go(owing):
    owing.owes("F-2", FIFTH + timedelta(days=3), name="Imprimerie Le Gall")
    owing.plan()
    program = Office(owing.station, {}, build_app(owing.station, secret=b"test")).program("atelier")
    status, due = asked(program, "/reminders")
    assert (status, [(each["number"], each["day"], each["balance"]) for each in due]) == (200, [
        ("F-1", "2026-11-06", "1200.00"), ("F-2", "2026-11-06", "1200.00"),
    ])  # fmt: skip
    assert asked(program, "/reminders?until=2026-11-05") == (200, [])
    status, (rest,) = asked(program, "/reminders/suspensions", scope="item", values=["1"], ends="2026-11-30", reason="on en parle")
    assert (status, rest["ends"]) == (200, "2026-11-30")
    assert [each["number"] for each in asked(program, "/reminders")[1]] == ["F-2"]
    assert asked(program, f"/reminders/suspensions/{rest['id']}/resume", reason="réglé")[0] == 200
    assert asked(program, "/reminders/suspensions") == (200, [])
    assert asked(program, "/reminders/2/postpone", day="2026-11-12", reason="accord")[1]["ends"] == "2026-11-11"
    assert [(each["number"], each["day"]) for each in asked(program, "/reminders")[1]] == [("F-1", "2026-11-06"), ("F-2", "2026-11-12")]
    early, told = asked(program, "/reminders/2/postpone", day="2026-11-02", reason="hier")
    assert (early, told["code"], bool(told["errors"][0]["words"])) == (409, "wrong-values", True)


def test_a_program_reads_what_left_with_its_message_and_every_invoice_of_it(owing):
    with mailserver.open_mailbox() as box:
        serve(owing, box.port)
        owing.turn(MORNING + timedelta(days=3))
    status, page = asked(Office(owing.station, {}, build_app(owing.station, secret=b"test")).program("atelier"), "/reminders/sendings")
    (left,) = page["items"]
    assert (status, left["items"], left["level"], left["balance"]) == (200, ["1"], "relance-1", "1200.00")


def test_reminders_ask_a_program_for_their_scope_and_show_nothing_of_another_company(owing):
    office = Office(owing.station, {}, build_app(owing.station, secret=b"test"))
    reader = office.program("atelier", ("reminders:read", "receivables:write"))
    refused, told = asked(reader, "/reminders/1/postpone", day="2026-11-12", reason="accord")
    assert (refused, told["code"]) == (403, "scope")
    with owing.station.database.writing() as session:
        session.execute(sa.update(OpenItem).values(entity="autre"))
        rest = Suspension(
            entity="autre", scope="item", value="1", starts="2026-11-01", ends="2026-12-01", reason="x", actor="system", at=MORNING
        )
        session.add(rest)
        session.flush()
        number = rest.id
    program = office.program("atelier")
    assert [asked(program, f"/reminders{path}")[1] for path in ("", "/suspensions")] == [[], []]
    assert asked(program, "/reminders/1/postpone", day="2026-11-12", reason="accord")[0] == 404
    assert asked(program, f"/reminders/suspensions/{number}/resume", reason="réglé")[0] == 404
    assert asked(program, "/reminders/suspensions", scope="item", values=["1"], ends="2026-11-30", reason="x")[0] == 409


def test_an_invoice_is_postponed_to_a_day_and_not_before(owing):
    with owing.station.database.writing() as session:
        dunning.postpone(session, owing.station, 1, date(2026, 11, 20), "accord", people.list_people(session)[0])
        assert session.scalars(sa.select(Suspension)).one().ends == "2026-11-19"
    assert planned(owing) == ["2026-11-20"]


@pytest.mark.parametrize(("said", "note"), [("no", "ne porte pas les mentions"), ("unknown", "personne n"), ("yes", "")])
def test_what_invoices_state_of_penalties_is_said_once_for_the_page(tmp_path, said, note):
    owing = open_owing(tmp_path / "home", mentions=said)
    for number in ("F-1", "F-2"):
        owing.owes(number, FIFTH, mentions=None)
    owing.plan()
    with enter(owing.station) as visitor:
        page = visitor.get("/relances").text
    assert page.count("L. 441-9") == (1 if note else 0)
