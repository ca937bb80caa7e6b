"""The post of reminders: registered letters go to a provider, proofs come back sealed; nothing of another company is found."""

import io
import zipfile
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from owed import MORNING, Owing, open_owing
from test_web import enter

from station import agenda, dunning
from station.records import dunning as records
from station.records import people
from station.records.tables import Sending

FIFTH = date(2026, 10, 29)


@pytest.fixture
def owing(tmp_path, practice_keys) -> Owing:
    made = open_owing(tmp_path / "home", keys=practice_keys, now=MORNING)
    made.owes("F-2026-101", FIFTH, "1234.56", "Atelier Moreau", batch="liste-1")
    return made


def queue_registered(owing: Owing) -> int:
    """The last step of the first item is written and sealed, as if the others had left; its row."""
    with owing.station.database.writing() as session:
        for level, days in (("relance-1", 60), ("appel", 50), ("relance-2", 40)):
            row = agenda.plan(session, "essai", "dunning", "1", FIFTH, "", at=owing.now, level=level, told={"channel": "call"})
            agenda.settle(session, row.id, agenda.DONE, "", owing.now)
            dunning._count_handled(session, owing.station, row, people.list_people(session)[0])
            session.flush()
            sending = records.find_sending(session, "essai", "1", level)
            sending.begun_at -= timedelta(days=days)
        session.execute(sa.text("UPDATE open_item SET due='2026-09-01' WHERE id=1"))
    owing.turn(MORNING)
    with owing.station.database.reading() as session:
        found = records.find_sending(session, "essai", "1", "mise-en-demeure")
        assert found.state == records.QUEUED
        return found.id


def test_a_registered_letter_goes_to_the_provider_and_its_proofs_are_sealed(owing):
    number = queue_registered(owing)
    with enter(owing.station) as visitor:
        page = visitor.get("/relances/courrier").text
        assert "Mise en demeure" in page or "F-2026-101" in page
        made = visitor.post("/relances/courrier/recommandes", data={"number": number})
        with zipfile.ZipFile(io.BytesIO(made.content)) as package:
            table = package.read("recommandes.csv").decode("utf-8-sig")
            (letter,) = [name for name in package.namelist() if name.endswith(".pdf")]
            assert package.read(letter).startswith(b"%PDF-")
        assert "Atelier Moreau;3 rue du Port;29200 Brest" in table
        assert visitor.post("/relances/courrier/recommandes", data={"number": number}).status_code == 422
        bad = visitor.post(
            f"/relances/courrier/{number}/depot", data={"tracking": "1A2", "day": "2026-11-03"}, files={"file": ("x.pdf", b"MZ")}
        )
        assert bad.status_code == 422
        proof = {"file": ("depot.pdf", b"%PDF-1.4 proof")}
        assert (
            visitor.post(f"/relances/courrier/{number}/depot", data={"tracking": "1A 234", "day": "2026-11-03"}, files=proof).status_code
            == 303
        )
        assert visitor.post(f"/relances/courrier/{number}/reception", data={"receipt": "delivered", "day": "2026-11-03"}).status_code == 303
        for which in ("lettre", "depot", "reception"):
            assert visitor.get(f"/relances/courrier/{number}/{which}.pdf").content.startswith(b"%PDF-")
    with owing.station.database.reading() as session:
        row = session.get_one(Sending, number)
        assert (row.state, row.tracking, row.receipt) == (records.RECEIVED, "1A 234", "delivered")


def test_a_formal_notice_says_what_it_must(owing):
    number = queue_registered(owing)
    with owing.station.database.reading() as session:
        row = session.get_one(Sending, number)
        text = f"{row.subject}\n{row.body}"
    for said in ("mettons en demeure", "MISE EN DEMEURE", "F-2026-101", "1344 du code civil", "L. 441-10", "dans les 8 jours", "732829320"):
        assert said in text
    assert row.indemnity == "40.00"


def test_of_another_company_nothing_is_found(owing):
    number = queue_registered(owing)
    with owing.station.database.writing() as session:
        session.execute(sa.text("UPDATE sending SET entity='autre'"))
    with enter(owing.station) as visitor:
        assert visitor.get(f"/relances/courrier/{number}/lettre.pdf").status_code == 404
        assert visitor.post(f"/relances/envoyees/{number}/retour", data={"reason": "x"}).status_code == 404
