"""Ladders by version, tasks that reminders wait for, and reminders through the API: each with its roles, deadlines and second person."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from owed import MORNING, Owing, open_owing
from test_web import enter

from station import agenda, dunning, ladder_versions, prompts
from station.ladder_versions import NotOffered
from station.records import people
from station.records.tables import AgendaRow, LadderVersion, Suspension

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
        assert f'id="chore-{number}"' in visitor.get("/approbations").text
        assert "à faire avant le 02/11/2026" in visitor.get("/relances").text.replace("\u202f", " ")
        assert visitor.post(f"/relances/taches/{number}", data={"note": "appelés"}).status_code == 303
        assert f'id="chore-{number}"' not in visitor.get("/approbations").text
        assert visitor.post(f"/relances/taches/{number}", data={"note": "erreur", "undo": "1"}).status_code == 303
    with owing.station.database.reading() as session:
        assert session.get_one(AgendaRow, number).state == agenda.OPEN


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
