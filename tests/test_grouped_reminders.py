"""One letter for a customer and level: every balance read again, each item once, one entry, one Message-ID, whatever dies in between."""

import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import mailserver
import pikepdf
import pytest
import sqlalchemy as sa
from owed import MORNING, Owing, open_owing

from station import agenda, dunning, ladder_versions, outbox, ticking
from station.records import dunning as records
from station.records import people
from station.records.tables import AgendaRow, LedgerPayload, LedgerRow, Sending

FIFTH = date(2026, 10, 29)
GROUPED = ladder_versions.SHIPPED.read_text(encoding="utf-8").replace("pour: [privé]", "pour: [privé]\n    groupe: client")


@pytest.fixture
def box():
    with mailserver.open_mailbox() as opened:
        yield opened


def grouped(home: Path, port: int = 0, **more) -> Owing:
    home.mkdir(exist_ok=True)
    (home / "client.echelles.yaml").write_text(GROUPED, encoding="utf-8")
    return open_owing(home, port, ladders="client.echelles.yaml", **more)


@pytest.fixture
def owing(tmp_path, box):
    made = grouped(tmp_path / "home", box.port)
    for number, amount in (("F-1", "1200.00"), ("F-2", "300.00"), ("F-3", "80.50")):
        made.owes(number, FIFTH, amount)
    return made


def rows(owing: Owing, table=Sending) -> list:
    with owing.station.database.reading() as session:
        return list(session.scalars(sa.select(table).order_by(table.id)))


def entries(owing: Owing) -> list[tuple[dict, dict]]:
    """Objects and payload of every entry about reminders."""
    with owing.station.database.reading() as session:
        same = (LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence)
        query = sa.select(LedgerRow.entry, LedgerPayload.body).join(LedgerPayload, sa.and_(*same))
        found = session.execute(query.where(LedgerPayload.type == "reminder").order_by(LedgerPayload.sequence))
        return [(json.loads(entry)["objects"], json.loads(body)) for entry, body in found]


def test_all_that_a_customer_owes_at_a_level_leaves_in_one_letter_with_a_table_and_one_entry(owing, box):
    owing.owes("G-1", FIFTH, name="Boulangerie Le Goff")
    assert owing.turn() == 4
    ours, other = sorted(box.messages, key=lambda each: "G-1" in each["Subject"])
    text = ours.get_content().replace("\u202f", " ")
    assert (len(box.messages), str(other["Subject"])[:19]) == (2, "[ESSAI] Facture G-1")
    assert "3 factures échues" in str(ours["Subject"])
    table = text[text.index("Facture  ") :].splitlines()
    assert table[1].split() == ["F-1", "29/09/2026", "29/10/2026", "1", "200,00", "€", "2,04", "€", "40,00", "€"]
    assert table[4].split() == ["Total", "1", "580,50", "€", "2,69", "€", "120,00", "€"]
    assert text.count("en rappelant : F-1, F-2, F-3") == 1
    first, second, third, _ = rows(owing)
    assert {first.letter, second.letter, third.letter} == {first.id}
    assert [(each.balance, each.indemnity, each.state) for each in (first, second, third)] == [
        ("1200.00", "40.00", "sent"), ("300.00", "40.00", "sent"), ("80.50", "40.00", "sent"),
    ]  # fmt: skip
    (objects, told), (alone, _) = entries(owing)
    assert (objects["items"], [each["item"] for each in told["items"]], told["items"][1]["balance"]) == ("1 2 3", ["1", "2", "3"], "300.00")
    assert alone["item"] == "4"
    assert {row.state for row in rows(owing, AgendaRow)} == {agenda.DONE}
    assert owing.turn(MORNING + timedelta(hours=1)) == 0


def test_an_invoice_that_was_paid_after_planning_leaves_the_list_and_with_none_left_nothing_leaves(owing, box):
    owing.plan()
    ticking.tick(owing.station, owing.today)
    owing.happens(1, "payment", owing.today, "1200.00")
    owing.happens(2, "payment", owing.today, "100.00")
    outbox.deliver_due(owing.station, ticking.SENDERS)
    (message,) = box.messages
    text = message.get_content().replace("\u202f", " ")
    assert ("F-1" in text, "200,00 €" in text, "2 factures" in str(message["Subject"])) == (False, True, True)
    other = grouped(owing.station.home.parent / "other", box.port)
    for number in ("H-1", "H-2"):
        other.owes(number, FIFTH)
    other.plan()
    ticking.tick(other.station, other.today)
    for item in (1, 2):
        other.happens(item, "dispute", other.today)
    outbox.deliver_due(other.station, ticking.SENDERS)
    assert (len(box.messages), rows(other)) == (1, [])


def killed(tmp_path: Path, port: int) -> None:
    tests = Path(__file__).parent
    made = subprocess.run(
        [sys.executable, str(tests / "remind_killed.py"), str(tmp_path / "home"), str(port), MORNING.isoformat(), "client.echelles.yaml"],
        env=os.environ | {"PYTHONPATH": f"{tests}:{tests.parent}:{os.environ.get('PYTHONPATH', '')}"}, timeout=100, check=False,
    )  # fmt: skip
    assert made.returncode == -signal.SIGKILL


def test_killed_between_sending_and_noting_it_the_same_letter_leaves_again_and_no_other(owing, box, tmp_path):
    owing.station.database.close()
    killed(tmp_path, box.port)
    assert (len(box.messages), {each.state for each in rows(owing)}) == (1, {records.LEAVING})
    for _ in range(3):
        owing.later()
        owing.turn()
    assert len({str(each["Message-ID"]) for each in box.messages}) == 1
    assert box.messages[0].as_bytes() == box.messages[-1].as_bytes()
    assert ({each.state for each in rows(owing)}, len(rows(owing)), len(entries(owing))) == ({records.SENT}, 3, 1)


@pytest.mark.parametrize("item", [1, 2])
def test_killed_and_one_of_them_paid_meanwhile_no_second_letter_leaves_and_it_is_said_that_one_may_have(owing, box, monkeypatch, item):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(dunning, "_settle", lambda *_a, **_n: (_ for _ in ()).throw(KeyboardInterrupt))
        owing.turn()
    owing.happens(item, "payment", owing.today, "1200.00")
    for _ in range(3):
        owing.later()
        owing.turn()
    assert (len(box.messages), {each.state for each in rows(owing)}) == (1, {records.UNSURE})


def test_a_suspended_invoice_stays_out_of_the_letter_and_keeps_its_own_way(owing, box):
    with owing.station.database.writing() as session:
        person = people.list_people(session)[0]
        dunning.suspend(session, owing.station, "item", ["2"], "geste", date(2026, 11, 6), person)
    owing.turn()
    assert "F-2" not in box.messages[0].get_content()
    owing.turn(MORNING + timedelta(days=6))
    assert [str(each["Subject"])[:19] for each in box.messages[1:]] == ["[ESSAI] Facture F-2"]


def test_a_grouped_mail_that_came_back_is_one_task_about_all_of_it(owing, box):
    box.unknown = True
    owing.turn()
    assert {each.state for each in rows(owing)} == {records.BOUNCED}
    assert [row.kind for row in rows(owing, AgendaRow) if row.state == agenda.OPEN] == ["bounce"]
    owing.happens(1, "payment", owing.today, "1200.00")
    owing.plan()
    assert [row.kind for row in rows(owing, AgendaRow) if row.state == agenda.OPEN] == ["bounce"]


def test_letters_on_paper_are_grouped_alike_and_are_one_letter_to_print(tmp_path, practice_keys):
    owing = grouped(tmp_path / "home", keys=practice_keys)
    for number in ("F-1", "F-2"):
        item = owing.owes(number, date(2026, 9, 1))
        with owing.station.database.writing() as session:
            for level, days in (("relance-1", 60), ("appel", 50)):
                row = agenda.plan(session, "essai", "dunning", str(item), FIFTH, "", at=MORNING, level=level, told={"channel": "call"})
                agenda.settle(session, row.id, agenda.DONE, "", MORNING)
                dunning._count_handled(session, owing.station, row, people.list_people(session)[0])
                session.flush()
                records.find_sending(session, "essai", str(item), level).begun_at -= timedelta(days=days)
    owing.turn()
    letters = [each for each in rows(owing) if each.channel == "letter"]
    assert ([each.state for each in letters], len({each.sha256 for each in letters})) == ([records.QUEUED] * 2, 1)
    with owing.station.database.reading() as session:
        (shown,) = records.list_sendings(session, "essai", (records.QUEUED,), ("letter",))
    with pikepdf.open(owing.station.archives.path(shown.sha256, ".pdf")) as pdf:
        inside = json.loads(pdf.attachments["reminder.json"].get_file().read_bytes())
    assert ([each["number"] for each in inside["computation"]["invoices"]], inside["invoice"]) == (["F-1", "F-2"], "F-1, F-2")


def test_a_ladder_that_groups_needs_letters_that_can_list(tmp_path):
    owing = grouped(tmp_path / "home", letters="mine")
    folder = tmp_path / "home" / "mine"
    folder.mkdir()
    wording = '[fr]\nsubject = "s"\nbody = "b"\n[en]\nsubject = "s"\nbody = "b"\n'
    (folder / "relance-1.toml").write_text(wording, encoding="utf-8")
    with pytest.raises(ladder_versions.BadLadders, match="ne sait pas en dire plusieurs"):
        owing.plan()


def test_a_version_that_brings_mails_of_a_customer_together_says_how_many_invoices_and_mails_that_changes(tmp_path):
    owing = open_owing(tmp_path / "home")
    for number in range(4):
        owing.owes(f"F-{number}", FIFTH)
    with owing.station.database.reading() as session:
        moved = dunning.effect_of(session, owing.station, ladder_versions.proved(owing.station.settings, "x", GROUPED), owing.today)
    assert (moved.changed, moved.before) == (4, 4 * moved.after)
