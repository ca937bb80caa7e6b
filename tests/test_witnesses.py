"""Checkpoints are made, leave this machine, and a log that is not what was witnessed is noticed (acceptance tests E2 to E9)."""

import base64
import json
import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import atwork
import mailserver
import pytest
import sqlalchemy as sa
import uvicorn
from backdoor import behind_the_back, owned
from pydantic import ValidationError
from pyhanko.sign.timestamps import TimestampRequestError
from sqlalchemy.exc import DatabaseError
from typer.testing import CliRunner

from config.settings import Ledger, LogWitness, Mailing, WitnessedLog, example_text
from sealing.checkpoint import add_signatures, checkpoint_text, cosigned_at, open_checkpoint, parse_vkey, sign_note
from sealing.ledger import Actor, ActorKind, Event, leaf_hash, proves_inclusion
from sealing.proofs import proves_consistency
from sealing.ticks import Health
from station import checkpoints, logbook, witnesses
from station.audit import audit_ledger
from station.checkpoints import (
    accept_contradictions,
    alarm_file,
    all_checkpoints,
    checkpoint_before,
    checkpoint_now,
    checkpoints_between,
    clear_alarm,
    consistency_of,
    contradictions,
    fits_token,
    inclusion_of,
    known_keys,
    log_key,
    log_vkey,
    memory_file,
    newest_checkpoint,
    raise_alarm,
    record_origin,
    tend_checkpoints,
)
from station.cli import app
from station.contradiction import TreeContradicted
from station.records import people
from station.records.ledger import append_event, tree_of, verify_ledger
from station.records.people import PRACTICE_LOGIN
from station.records.tables import CheckpointRow, Delivery, LedgerRow, Person, Witnessed
from station.running import Running
from station.web.app import build_app
from station.witnesses import ask_witnesses, countersign, deliver_due, outside_of, stand_by_witnesses, witness_vkey
from station.workstation import Workstation

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SYSTEM = Actor("system", ActorKind.SYSTEM)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Place:
    """A workstation with a clock to turn."""

    station: Workstation
    clock: Clock

    @property
    def home(self) -> Path:
        return self.station.home

    def grow(self, count: int = 1) -> None:
        with self.station.database.writing() as session:
            for _ in range(count):
                append_event(session, Event("essai", "noticed", {}, SYSTEM, self.clock(), "ntp +0.001", {}))

    def point(self, **wish: bool) -> checkpoints.Kept:
        return checkpoint_now(self.station, "essai", **wish)

    def ask(self, question: Any, *asked: Any) -> Any:
        with self.station.database.reading() as session:
            return question(session, *asked)

    def again(self, **ledger: Any) -> "Place":
        """The same home opened anew, as after a restart; the clock goes on."""
        self.station.database.close()
        return open_place(self.home, None, self.clock, **ledger)


def open_place(home: Path, keys: Path | None, clock: Clock | None = None, **ledger: Any) -> Place:
    clock = clock or Clock()
    opened = atwork.open_home(home, keys, ledger=Ledger(**ledger))
    return Place(replace(opened, clock=clock), clock)


@pytest.fixture
def place(tmp_path, practice_keys) -> Iterator[Place]:
    opened = open_place(tmp_path / "home", practice_keys)
    yield opened
    opened.station.database.close()


def rewrite(place: Place, size: int) -> None:
    """Every entry anew: a chain without a flaw, by somebody who owns the database."""
    behind_the_back(place.home, "DELETE FROM ledger_payload", "DELETE FROM ledger")
    place.grow(size)


def answers(place: Place) -> dict[str, bool]:
    return {each.name: each.ok for each in audit_ledger(place.station)}


# --- making them ---


def test_a_checkpoint_is_signed_by_the_log_s_key_timestamped_and_kept(place):
    place.grow(5)
    kept = place.point()
    said = open_checkpoint(kept.note, log_vkey(place.station.settings, "essai"))
    assert (said.origin, said.size, said.root, said.at) == ("sceau/essai", 5, place.ask(tree_of, "essai").root, NOON)
    assert kept.token is not None
    assert fits_token(kept.note, kept.token)
    assert not fits_token(kept.note.replace("\n5\n", "\n6\n"), kept.token)
    assert not fits_token(kept.note, b"no token")
    assert place.ask(newest_checkpoint, "essai") == kept


def test_the_key_lies_outside_the_database_for_this_account_alone(place):
    key = log_key(place.home, "essai")
    file = place.home / "keys" / "ledger" / "essai.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert log_key(place.home, "essai").private_bytes_raw() == key.private_bytes_raw()


def test_processes_that_draw_the_key_at_once_end_with_the_same_one(tmp_path):
    drawn: set[bytes] = set()
    threads = [threading.Thread(target=lambda: drawn.add(log_key(tmp_path, "essai").private_bytes_raw())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 1


def test_nothing_new_is_the_same_checkpoint_for_an_export_and_a_new_one_for_the_day(place):
    place.grow(3)
    first = place.point()
    place.clock.turn(hours=2)
    assert place.point() == first
    assert tend_checkpoints(place.station) == []
    place.clock.turn(hours=23)
    (daily,) = tend_checkpoints(place.station)
    assert (daily.size, daily.made_at) == (3, place.clock())
    assert tend_checkpoints(place.station) == []


def test_a_checkpoint_comes_after_so_many_entries_and_at_the_end_of_a_process(tmp_path, practice_keys):
    place = open_place(tmp_path / "home", practice_keys, entries=10)
    assert tend_checkpoints(place.station, closing=True) == []
    place.grow(1)
    assert [kept.size for kept in tend_checkpoints(place.station)] == [1]
    place.grow(9)
    assert tend_checkpoints(place.station) == []
    place.grow(1)
    assert [kept.size for kept in tend_checkpoints(place.station)] == [11]
    place.grow(1)
    assert [kept.size for kept in tend_checkpoints(place.station, closing=True)] == [12]
    assert tend_checkpoints(place.station, closing=True) == []


def test_while_the_clock_is_known_to_be_wrong_no_checkpoint_is_made(place, monkeypatch):
    place.grow(1)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "health_of_clock", lambda _: Health.WRONG)
        assert tend_checkpoints(place.station) == []
    assert len(tend_checkpoints(place.station)) == 1


def test_links_go_back_a_day_a_month_and_a_year(place):
    for _ in range(4):
        place.grow(2)
        place.point()
        place.clock.turn(days=200)
    place.clock.turn(days=-170)
    place.grow(1)
    links = place.point().said.links
    assert [(link.kind, link.size) for link in links] == [("day", 8), ("month", 8), ("year", 4)]
    assert links[2].root == place.ask(checkpoint_before, "essai", NOON + timedelta(days=200)).said.root
    assert [kept.size for kept in place.ask(checkpoints_between, "essai", NOON, NOON + timedelta(days=200))] == [2]
    assert answers(place)["checkpoints"]


def test_while_no_authority_answers_the_checkpoint_says_so_and_a_later_one_has_the_time(place, monkeypatch):
    class Down:
        async def async_timestamp(self, _digest: bytes, _algorithm: str) -> None:
            raise TimestampRequestError("down")

    place.grow(2)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "stamper_of", lambda *_: Down())
        bare = place.point()
        assert bare.token is None
        assert place.point() == bare
        place.clock.turn(minutes=31)
        assert tend_checkpoints(place.station) == []
    (timed,) = tend_checkpoints(place.station)
    assert (timed.size, timed.token is not None) == (2, True)
    assert place.point() == timed


def test_a_token_over_something_else_is_not_kept(place, monkeypatch):
    place.grow(1)
    stamper = checkpoints.stamper_of(place.station.settings, place.clock)

    class Liar:
        async def async_timestamp(self, _digest: bytes, algorithm: str) -> Any:
            return await stamper.async_timestamp(b"x" * 32, algorithm)

    monkeypatch.setattr(checkpoints, "stamper_of", lambda *_: Liar())
    assert place.point().token is None


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE checkpoint SET size = 9",
        "DELETE FROM checkpoint",
        pytest.param("INSERT OR REPLACE INTO checkpoint SELECT * FROM checkpoint", marks=pytest.mark.sqlite),  # only SQLite replaces rows
    ],
)
def test_the_database_refuses_to_change_a_checkpoint(place, act):
    place.grow(1)
    place.point()
    with pytest.raises(DatabaseError, match="append-only"), place.station.database.writing() as session:
        session.execute(sa.text(act))


def test_proofs_from_the_rows_hold_at_every_size(place):
    place.grow(67)
    with place.station.database.reading() as session:
        rows = {row.sequence: row for row in session.query(LedgerRow)}
        for size in (1, 2, 3, 31, 32, 33, 64, 67):
            root = rows[size - 1].root
            for index in range(0, size, 5):
                path = inclusion_of(session, "essai", index, size)
                assert proves_inclusion(leaf_hash(rows[index].entry), index, size, path, root)
            for old in range(1, size + 1):
                assert proves_consistency(old, size, rows[old - 1].root, root, consistency_of(session, "essai", old, size))


def test_a_token_whose_time_or_signature_was_changed_is_none(place):
    place.grow(2)
    kept = place.point()
    assert logbook.genuine_token(kept.note, kept.token)
    year = kept.token.index(b"20261122") + 3
    for spot in (year, len(kept.token) - 5):
        changed = kept.token[:spot] + bytes([kept.token[spot] ^ 1]) + kept.token[spot + 1 :]
        assert not logbook.genuine_token(kept.note, changed)


def test_a_checkpoint_that_was_put_among_the_records_or_changed_there_is_told(place):
    place.grow(4)
    kept = place.point()
    key = log_key(place.home, "essai")
    assert answers(place)["checkpoints"]
    forged = [
        kept.note.replace("\n4\n", "\n3\n"),
        sign_note(checkpoint_text("sceau/essai", 4, b"x" * 32, NOON), "sceau/essai", key),
        sign_note(checkpoint_text("sceau/autre", 4, kept.said.root, NOON), "sceau/essai", key),
    ]
    for note in forged:
        with owned(place.home, past_triggers=True) as database:
            database.execute(sa.text("UPDATE checkpoint SET note = :note"), {"note": note})
        assert not answers(place)["checkpoints"]


def test_a_process_that_ends_leaves_a_checkpoint_and_a_trouble_with_it_does_not_keep_it_from_ending(tmp_path, practice_keys, caplog):
    share = tmp_path / "share"
    share.mkdir()
    place = open_place(tmp_path / "home", practice_keys, folder=str(share))
    place.grow(2)
    running = Running(place.station, "take", "take-0", watch=False)
    running._last_checkpoint()
    assert [kept.size for kept in place.ask(lambda session: list(all_checkpoints(session, "essai")))] == [2]
    assert len(list(share.glob("*.checkpoint"))) == 1
    rewrite(place, 3)
    running._last_checkpoint()
    assert "contradicts" in caplog.text


@pytest.mark.parametrize("field", ["witness", "witnessed"])
def test_a_key_that_is_cut_or_of_the_other_kind_is_refused_in_words(place, field):
    log, witness = log_vkey(place.station.settings, "essai").vkey, witness_vkey(place.station.settings).vkey
    right, wrong = (witness, log) if field == "witness" else (log, witness)
    made = (lambda vkey: LogWitness(url="http://127.0.0.1/w", vkey=vkey)) if field == "witness" else (lambda vkey: WitnessedLog(vkey=vkey))
    assert made(f" {right}\n").vkey == right
    for vkey in (wrong, right[:-5], "", "a+b+c"):
        with pytest.raises(ValidationError, match="vkey"):
            made(vkey)


# --- the witness folder ---


def test_each_checkpoint_is_written_whole_to_the_witness_folder_with_its_token(tmp_path, practice_keys):
    share = tmp_path / "share"
    share.mkdir()
    place = open_place(tmp_path / "home", practice_keys, folder=str(share))
    place.grow(3)
    kept = place.point()
    assert deliver_due(place.station) == 1
    (note,) = share.glob("*.checkpoint")
    assert note.name == "sceau%2fessai-000000000003-20261122T120000000Z.checkpoint"
    assert note.read_text() == kept.note
    assert note.with_suffix(".tst").read_bytes() == kept.token
    (told,) = place.ask(outside_of, place.station.settings, "essai")
    assert (told.size, told.at, told.waiting, told.trouble) == (3, NOON, 0, None)


def test_a_share_that_is_missing_is_told_and_written_later(tmp_path, practice_keys):
    share = tmp_path / "share"
    place = open_place(tmp_path / "home", practice_keys, folder=str(share))
    place.grow(1)
    place.point()
    assert deliver_due(place.station) == 0
    (told,) = place.ask(outside_of, place.station.settings, "essai")
    assert "rattachez le partage" in told.trouble
    assert not share.exists()
    share.mkdir()
    assert deliver_due(place.station) == 0, "not before its time"
    place.clock.turn(minutes=2)
    assert deliver_due(place.station) == 1
    assert place.ask(outside_of, place.station.settings, "essai")[0].trouble is None


def test_an_empty_folder_in_place_of_the_known_one_is_an_unmounted_share(tmp_path, practice_keys):
    share = tmp_path / "share"
    share.mkdir()
    place = open_place(tmp_path / "home", practice_keys, folder=str(share))
    place.grow(1)
    place.point()
    deliver_due(place.station)
    share.rename(tmp_path / "elsewhere")
    share.mkdir()
    place.clock.turn(days=1)
    tend_checkpoints(place.station)
    assert deliver_due(place.station) == 0
    assert list(share.iterdir()) == []


# --- e-mail ---


def test_a_checkpoint_goes_by_mail_over_tls_with_the_password_of_the_environment(tmp_path, practice_keys, monkeypatch):
    trusted, context = mailserver.certificate_of(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("SCEAU_LEDGER_MAIL_PASSWORD", mailserver.PASSWORD)
    with mailserver.open_mailbox(context) as box:
        mail = Mailing(to=["temoin@exemple.fr"], sender="sceau@exemple.fr", host="127.0.0.1", port=box.port, user="sceau")
        place = open_place(tmp_path / "home", practice_keys, mail=mail)
        place.grow(2)
        kept = place.point()
        assert deliver_due(place.station) == 1
    (message,) = box.messages
    assert (box.logins, box.secure) == (["sceau"], [True])
    note, token = (part.get_payload(decode=True) for part in message.iter_attachments())
    assert (note.decode(), token) == (kept.note, kept.token)
    assert "2 inscriptions" in message["Subject"]
    assert logbook.compared_note(*_session(place), "essai", note)["agrees"]


def _session(place: Place) -> tuple[Any, Any]:
    return place.station.database.reading().__enter__(), place.station.settings


def test_a_mail_server_that_refuses_or_does_not_offer_tls_is_told_and_only_the_newest_is_sent_then(tmp_path, practice_keys):
    with mailserver.open_mailbox() as box:
        box.refuse = True
        mail = Mailing(to=["temoin@exemple.fr"], sender="sceau@exemple.fr", host="127.0.0.1", port=box.port, tls="none")
        place = open_place(tmp_path / "home", practice_keys, mail=mail)
        for _ in range(3):
            place.grow(1)
            place.point()
            assert deliver_due(place.station) == 0
            place.clock.turn(minutes=5)
        assert "550" in place.ask(outside_of, place.station.settings, "essai")[0].trouble
        box.refuse = False
        assert deliver_due(place.station) == 1
        assert [message["Subject"] for message in box.messages] == ["Sceau : point de contrôle de sceau/essai, 3 inscriptions"]
        secure = place.again(mail=mail.model_copy(update={"tls": "starttls"}))
        secure.grow(1)
        secure.point()
        assert deliver_due(secure.station) == 0
    assert len(box.messages) == 1


# --- another installation as the witness ---


@contextmanager
def served(place: Place) -> Iterator[str]:
    """Its pages on loopback, by the real server; the address of its witness."""
    server = uvicorn.Server(uvicorn.Config(build_app(place.station, secret=b"s" * 32), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/witness"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def pair(tmp_path, practice_keys, place) -> Iterator[tuple[Place, Place]]:
    """A log and the other installation that witnesses it."""
    witnessed = (WitnessedLog(vkey=log_vkey(place.station.settings, "essai").vkey),)
    other = open_place(tmp_path / "other", practice_keys, witness_name="temoin/voisin", witnessed=witnessed)
    with served(other) as url:
        yield place.again(witness=(LogWitness(url=url, vkey=witness_vkey(other.station.settings).vkey),)), other
    other.station.database.close()


def test_another_installation_countersigns_and_its_cosignature_stays_with_the_checkpoint(pair):
    log, other = pair
    for count in (5, 6):
        log.grow(count)
        log.point()
        assert deliver_due(log.station) == 1
    kept = log.ask(newest_checkpoint, "essai")
    assert cosigned_at(kept.note, witness_vkey(other.station.settings)) == other.clock()
    assert open_checkpoint(kept.note, log_vkey(log.station.settings, "essai")).size == 11
    assert other.ask(lambda session: [(row.origin, row.size) for row in session.query(Witnessed)]) == [("sceau/essai", 11)]
    assert (
        "temoin/voisin"
        in log.ask(lambda session: logbook.told_standing(logbook.standing_of(session, log.station.settings, "essai")))["checkpoint"]["note"]
    )


def test_a_witness_that_knows_more_or_less_than_was_thought_is_asked_from_where_it_is(pair):
    log, other = pair
    log.grow(4)
    log.point()
    deliver_due(log.station)
    with log.station.database.writing() as session:
        session.execute(sa.delete(Delivery))
    log.grow(3)
    log.point()
    assert deliver_due(log.station) == 1
    with other.station.database.writing() as session:
        session.execute(sa.delete(Witnessed))
    log.grow(1)
    log.point()
    assert deliver_due(log.station) == 1


def test_a_witness_that_is_away_is_told_and_work_goes_on(tmp_path, practice_keys, place):
    vkey = witness_vkey(place.station.settings).vkey
    log = place.again(witness=(LogWitness(url="http://127.0.0.1:9/witness", vkey=vkey),))
    log.grow(1)
    log.point()
    assert deliver_due(log.station) == 0
    assert log.ask(outside_of, log.station.settings, "essai")[0].trouble
    stand_by_witnesses(log.station)


def request_of(place: Place, old: int, proof: tuple[bytes, ...], note: str) -> bytes:
    return "\n".join([f"old {old}", *(base64.b64encode(each).decode() for each in proof)]).encode() + b"\n\n" + note.encode()


def test_the_witness_answers_as_c2sp_says(tmp_path, practice_keys, place):
    place.grow(5)
    first = place.point()
    place.grow(4)
    second = place.point()
    proof = place.ask(consistency_of, "essai", 5, 9)
    key = log_key(place.home, "essai")
    witnessed = (WitnessedLog(vkey=log_vkey(place.station.settings, "essai").vkey),)
    other = open_place(tmp_path / "other", practice_keys, witnessed=witnessed)

    def answer(body: bytes) -> tuple[int, str]:
        with other.station.database.writing() as session:
            told = countersign(session, other.station.settings, body, NOON)
        return told.status, told.text if told.status == 409 else ""

    stranger = sign_note(checkpoint_text("sceau/inconnu", 5, first.said.root, NOON), "sceau/inconnu", key)
    forged = first.note.replace(first.note.split(" ")[-1], base64.b64encode(b"x" * 68).decode() + "\n")
    other_root = sign_note(checkpoint_text("sceau/essai", 5, b"x" * 32, NOON), "sceau/essai", key)
    assert answer(b"old 0\n\nno note\n")[0] == 400
    assert answer(b"old 00\n\n" + first.note.encode())[0] == 400
    assert answer(b"\xff")[0] == 400
    assert answer(request_of(place, 0, (b"x" * 31,), first.note))[0] == 400
    assert answer(request_of(place, 0, (b"x" * 32,) * 64, first.note))[0] == 400
    assert answer(request_of(place, 0, (), stranger))[0] == 404
    assert answer(request_of(place, 0, (), forged))[0] == 403
    assert answer(request_of(place, 6, (), first.note))[0] == 400
    assert answer(request_of(place, 5, (), second.note)) == (409, "0\n")
    assert answer(request_of(place, 0, proof, first.note))[0] == 422
    assert answer(request_of(place, 0, (), first.note))[0] == 200
    assert answer(request_of(place, 5, (), first.note))[0] == 200, "the same again, at a later time"
    assert answer(request_of(place, 5, (), other_root)) == (409, "5\n")
    assert answer(request_of(place, 5, proof[:-1], second.note))[0] == 422
    assert answer(request_of(place, 5, proof, second.note))[0] == 200
    assert answer(request_of(place, 9, (), first.note))[0] == 400
    assert answer(request_of(place, 5, (), first.note)) == (409, "9\n"), "never a smaller tree"
    other.station.database.close()


def test_a_station_that_witnesses_nobody_has_no_such_address(place):
    from fastapi.testclient import TestClient

    client = TestClient(build_app(place.station, secret=b"s" * 32), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert client.post("/witness/add-checkpoint", content=b"old 0\n\n").status_code == 404


def test_e8_the_same_request_twice_leaves_one_state(pair):
    log, other = pair
    log.grow(2)
    kept = log.point()
    body = request_of(log, 0, (), kept.note)
    statuses = []
    for _ in range(2):
        with other.station.database.writing() as session:
            statuses.append(countersign(session, other.station.settings, body, NOON).status)
    assert statuses == [200, 409]
    assert other.ask(lambda session: session.query(Witnessed).count()) == 1


def test_only_the_known_witness_s_own_cosignature_is_kept(place):
    place.grow(1)
    kept = place.point()
    key = witness_vkey(place.station.settings)
    with pytest.raises(witnesses.NotDelivered, match="contresigner"):
        witnesses._own_line(kept.note, kept.note.rsplit("\n\n", 1)[1], key)


# --- what is not what was witnessed ---


def test_e2_a_tail_cut_after_a_checkpoint_is_noticed_and_before_the_next_one_it_is_not(place):
    place.grow(5)
    place.point()
    place.grow(3)
    cut = ["DELETE FROM ledger_payload WHERE sequence >= {0}", "DELETE FROM ledger WHERE sequence >= {0}"]
    behind_the_back(place.home, *(each.format(5) for each in cut))
    stand_by_witnesses(place.station)  # The window: what no checkpoint covers yet.
    behind_the_back(place.home, *(each.format(4) for each in cut))
    with pytest.raises(TreeContradicted, match="4 entries"):
        stand_by_witnesses(place.station)
    assert not answers(place)["outside"]


def test_e3_a_log_that_was_rebuilt_with_all_that_is_here_is_contradicted_by_the_witness_folder(tmp_path, practice_keys):
    share = tmp_path / "share"
    share.mkdir()
    place = open_place(tmp_path / "home", practice_keys, folder=str(share))
    place.grow(5)
    place.point()
    deliver_due(place.station)
    rewrite(place, 7)
    behind_the_back(place.home, "DELETE FROM delivery", "DELETE FROM checkpoint")
    shutil.rmtree(place.home / "witness-memory")
    place.ask(verify_ledger)
    with pytest.raises(TreeContradicted) as caught:
        stand_by_witnesses(place.station)
    assert [claim.reason for claim in caught.value.claims] == ["other"]
    with pytest.raises(TreeContradicted):
        place.point()


def test_e3_a_rebuilt_log_is_refused_by_the_other_installation(pair):
    log, other = pair
    log.grow(5)
    log.point()
    deliver_due(log.station)
    rewrite(log, 8)
    behind_the_back(log.home, "DELETE FROM delivery", "DELETE FROM checkpoint")
    shutil.rmtree(log.home / "witness-memory")
    log.point()
    assert deliver_due(log.station) == 0
    assert "autre registre" in log.ask(outside_of, log.station.settings, "essai")[0].trouble
    with pytest.raises(TreeContradicted, match="temoin/voisin"):
        stand_by_witnesses(log.station, ask=False)
    assert other.ask(lambda session: session.query(Witnessed).one().size) == 5


def test_e3_another_key_in_the_place_of_the_log_s_hides_nothing(place):
    place.grow(3)
    place.point()
    (place.home / "keys" / "ledger" / "essai.pem").unlink()
    with pytest.raises(TreeContradicted) as caught:
        stand_by_witnesses(place.station)
    assert {claim.reason for claim in caught.value.claims} == {"key"}


def test_e4_two_branches_shown_to_two_parties_meet_when_checkpoints_are_compared(tmp_path, practice_keys, place):
    place.grow(4)
    trunk = place.point()
    place.station.database.close()
    shutil.copytree(place.home, tmp_path / "branch")
    one, two = place.again(), open_place(tmp_path / "branch", practice_keys)
    one.grow(2)
    two.grow(3)
    shown = two.point(), one.point()
    for log, kept, agrees in (
        (one, shown[1], True),
        (one, shown[0], False),
        (two, shown[1], False),
        (one, trunk, True),
        (two, trunk, True),
    ):
        told = log.ask(logbook.compared_note, log.station.settings, "essai", kept.note.encode())
        assert told["agrees"] is agrees
    two.station.database.close()


def backup(place: Place, target: Path) -> Path:
    place.station.database.close()
    return shutil.copytree(place.home, target)


@pytest.mark.sqlite
def test_e5_a_database_put_back_is_smaller_than_last_witnessed_and_nothing_begins(place, tmp_path):
    place.grow(5)
    place.point()
    old = backup(place, tmp_path / "backup")
    later = place.again()
    later.grow(4)
    later.point()
    later.station.database.close()
    for name in ("sceau.db", "sceau.db-wal", "sceau.db-shm"):
        (place.home / name).unlink(missing_ok=True)
    shutil.copy(old / "sceau.db", place.home / "sceau.db")
    restored = place.again()
    with pytest.raises(TreeContradicted) as caught:
        stand_by_witnesses(restored.station)
    words = caught.value.words("fr"), caught.value.words("en")
    assert "plus petit que le dernier attesté" in words[0]
    assert "n'a rien supprimé" in words[0]
    assert "smaller than last witnessed" in words[1]
    assert "Restore the newest backup" in words[1]


def test_e5_a_whole_home_put_back_is_contradicted_by_the_folder_and_by_the_other_installation(pair, tmp_path):
    log, _ = pair
    share = tmp_path / "share"
    share.mkdir()
    rules = log.station.settings.ledger
    log = log.again(folder=str(share), witness=rules.witness)
    log.grow(5)
    log.point()
    old = backup(log, tmp_path / "backup")
    log = log.again(folder=str(share), witness=rules.witness)
    log.grow(4)
    log.point()
    assert deliver_due(log.station) == 3
    by_folder = open_place(shutil.copytree(old, tmp_path / "one"), None, folder=str(share))
    by_log = open_place(shutil.copytree(old, tmp_path / "two"), None, witness=rules.witness)
    for restored, holder in ((by_folder, "folder:"), (by_log, "log:temoin/voisin")):
        with pytest.raises(TreeContradicted) as caught:
            stand_by_witnesses(restored.station)
        assert [(claim.reason, claim.size, claim.holder.startswith(holder)) for claim in caught.value.claims] == [("smaller", 9, True)]
        restored.station.database.close()


def test_e5_the_right_backup_put_back_at_last_clears_the_alarm(pair, tmp_path):
    log, _ = pair
    log.grow(3)
    log.point()
    old = backup(log, tmp_path / "backup")
    log = log.again(witness=log.station.settings.ledger.witness)
    log.grow(2)
    log.point()
    deliver_due(log.station)
    wrong = open_place(old, None, witness=log.station.settings.ledger.witness)
    ask_witnesses(wrong.station, "essai")
    alarm = alarm_file(old, "essai", "log:temoin/voisin")
    assert json.loads(alarm.read_text())["size"] == 5
    copied = alarm_file(log.home, "essai", "log:temoin/voisin")
    copied.parent.mkdir(parents=True)
    shutil.copy(alarm, copied)
    stand_by_witnesses(log.station)
    assert not copied.exists()
    wrong.station.database.close()


def test_e5_a_person_accepts_what_is_lost_and_it_stays_on_record(place, tmp_path, monkeypatch):
    place.grow(5)
    place.point()
    place.grow(4)
    lost = place.point()
    cut = "DELETE FROM checkpoint WHERE size > 5", "DELETE FROM ledger_payload WHERE sequence > 5", "DELETE FROM ledger WHERE sequence > 5"
    behind_the_back(place.home, *cut)
    place.station.database.close()
    text = example_text().replace('"rapidocr"', '"tesseract"')
    (place.home / "sceau.toml").write_text(text)
    monkeypatch.setenv("SCEAU_HOME", str(place.home))
    run = CliRunner()
    scan = tmp_path / "absent.png"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    for words in (["take", str(scan)], ["work"], ["serve", "--port", port]):
        refused = run.invoke(app, words)
        assert refused.exit_code == 1
        assert "sceau ledger accept" in refused.stderr.replace("\n", " ")
    assert run.invoke(app, ["ledger", "show"]).exit_code == 4
    accepted = run.invoke(app, ["ledger", "accept", "--reason", "sauvegarde du 20", "--login", PRACTICE_LOGIN, "--json"])
    assert json.loads(accepted.stdout) == {"entity": "essai", "sequence": 6, "accepted": 1}
    assert run.invoke(app, ["take", str(scan)]).exit_code == 4, "absent, but no longer refused"
    resumed = open_place(place.home, None)
    entry = resumed.ask(lambda session: json.loads(session.get(LedgerRow, ("essai", 6)).entry))
    assert entry["type"] == "resumed"
    assert lost.said.root != resumed.point().said.root
    assert all(answers(resumed).values())
    resumed.station.database.close()


def practice_person(place: Place) -> Person:
    with place.station.database.writing() as session:
        people.ensure_practice(session)
    with place.station.database.reading() as session:
        person = people.find(session, PRACTICE_LOGIN)
        session.expunge(person)
    return person


def test_an_acceptance_ends_the_refusal_of_a_witness_however_far_the_log_grows(pair, tmp_path):
    log, _ = pair
    log.grow(5)
    log.point()
    old = backup(log, tmp_path / "backup")
    log = log.again(witness=log.station.settings.ledger.witness)
    log.grow(4)
    log.point()
    deliver_due(log.station)
    log.station.database.close()
    back = open_place(old, None, witness=log.station.settings.ledger.witness)
    with pytest.raises(TreeContradicted):
        stand_by_witnesses(back.station)
    accept_contradictions(back.station, "essai", "sauvegarde perdue", practice_person(back))
    for _ in range(3):
        stand_by_witnesses(back.station)
        back.point()
        assert deliver_due(back.station) == 0, "the witness keeps what it has"
        back.grow(3)
    assert back.ask(tree_of, "essai").size > 9
    back.station.database.close()


@pytest.mark.parametrize(("second", "alarmed"), [(b"5\n", False), (b"3\n", True)])
def test_a_witness_that_moved_on_between_two_questions_has_seen_no_other_log(place, monkeypatch, second, alarmed):
    log = place.again(witness=(LogWitness(url="http://127.0.0.1:9/", vkey=witness_vkey(place.station.settings).vkey),))
    told = iter([b"3\n", second])
    monkeypatch.setattr(witnesses, "_submit", lambda *_: witnesses._Answer(409, "text/x.tlog.size", next(told).decode()))
    log.grow(6)
    log.point()
    assert deliver_due(log.station) == 0
    assert [(each.size, each.reason) for each in log.ask(contradictions, log.station.settings, "essai")] == [(3, "other")] * alarmed


def test_the_alarm_of_one_witness_is_not_taken_back_by_another(place):
    place.grow(2)
    settings = place.station.settings
    for holder, size in (("log:a", 100), ("log:b", 90)):
        raise_alarm(settings, "essai", holder, size, "smaller", place.clock())
    assert {(each.holder, each.size) for each in place.ask(contradictions, settings, "essai")} == {("log:a", 100), ("log:b", 90)}
    clear_alarm(settings, "essai", "log:b")
    assert [each.holder for each in place.ask(contradictions, settings, "essai")] == ["log:a"]


def test_a_company_whose_name_goes_on_like_another_s_does_not_push_its_notes_aside(tmp_path):
    names = ["sceau%2facme-000000000010-20261122T120000000Z.checkpoint", "sceau%2facme-2-000000000001-20261122T120000000Z.checkpoint"]
    for name in [*names, "sceau%2facme-000000000010-20261122T120000000Z.tst"]:
        (tmp_path / name).touch()
    assert [path.name for path in checkpoints.folder_notes(tmp_path, "sceau/acme")] == names[:1]
    assert [path.name for path in checkpoints.folder_notes(tmp_path, "sceau/acme-2")] == names[1:]


def cut_and_accepted(place: Place) -> None:
    """Twelve entries and three checkpoints; the last seven are gone, and a person has accepted it."""
    place.grow(5)
    place.point()
    for _ in range(2):
        place.clock.turn(hours=1)
        place.grow(3)
        place.point()
    behind_the_back(place.home, "DELETE FROM ledger_payload WHERE sequence >= 6", "DELETE FROM ledger WHERE sequence >= 6")
    accept_contradictions(place.station, "essai", "sauvegarde perdue", practice_person(place))


def test_after_an_accepted_cut_the_newest_checkpoint_is_one_of_the_log_as_it_is(place):
    cut_and_accepted(place)
    assert place.ask(newest_checkpoint, "essai").size == 5
    assert place.ask(checkpoint_before, "essai", place.clock()).size == 5
    assert [each.size for each in place.ask(checkpoints_between, "essai", NOON, NOON + timedelta(days=1))] == [5]
    place.clock.turn(hours=25)
    assert [each.size for each in tend_checkpoints(place.station)] == [7]
    assert not tend_checkpoints(place.station), "once, and not at each look"
    place.grow(2)
    assert {link.size for link in place.point().said.links} == {5}
    assert all(answers(place).values())


def renamed(place: Place, origin: str = "sceau/essai/2") -> Place:
    place.grow(5)
    place.point()
    return place.again(origin=origin)


def test_a_name_that_was_changed_in_the_settings_is_refused_in_words_until_a_person_records_it(place):
    log = renamed(place)
    with pytest.raises(TreeContradicted) as caught:
        stand_by_witnesses(log.station)
    assert "sceau ledger origin" in caught.value.words("fr")
    assert "Put the former name back" in caught.value.words("en")
    person = practice_person(log)
    with pytest.raises(TreeContradicted):
        accept_contradictions(log.station, "essai", "nous changeons de nom", person)
    assert record_origin(log.station, "essai", "nous changeons de nom", person) == 5
    stand_by_witnesses(log.station)
    log.point()
    assert record_origin(log.station, "essai", "encore", person) is None
    assert {each.name for each in log.ask(known_keys, log.station.settings, "essai")} == {"sceau/essai", "sceau/essai/2"}
    assert all(answers(log).values())


def test_another_name_hides_nothing_that_was_witnessed_under_the_former_one(tmp_path, practice_keys):
    share = tmp_path / "share"
    share.mkdir()
    log = renamed(open_place(tmp_path / "home", practice_keys, folder=str(share))).again(folder=str(share))
    deliver_due(log.station)
    behind_the_back(
        log.home,
        "DELETE FROM ledger_payload WHERE sequence >= 3",
        "DELETE FROM ledger WHERE sequence >= 3",
        "DELETE FROM delivery",
        "DELETE FROM checkpoint",
    )
    shutil.rmtree(log.home / "witness-memory")
    again = log.again(folder=str(share), origin="sceau/essai/2")
    with pytest.raises(TreeContradicted) as caught:
        stand_by_witnesses(again.station)
    assert [(each.reason, each.size) for each in caught.value.claims] == [("smaller", 5)]
    again.station.database.close()


def test_a_cut_log_does_not_go_on_under_another_name(place):
    log = renamed(place)
    behind_the_back(log.home, "DELETE FROM ledger_payload WHERE sequence >= 3", "DELETE FROM ledger WHERE sequence >= 3")
    with pytest.raises(TreeContradicted) as caught:
        record_origin(log.station, "essai", "nous changeons de nom", practice_person(log))
    assert {each.reason for each in caught.value.claims} == {"smaller"}


def test_a_new_key_is_recorded_with_the_former_one_only(place):
    place.grow(5)
    place.point()
    former = log_vkey(place.station.settings, "essai")
    (place.home / "keys" / "ledger" / "essai.pem").unlink()
    person = practice_person(place)
    with pytest.raises(checkpoints.UnknownFormerKey):
        record_origin(place.station, "essai", "clé perdue", person)
    assert record_origin(place.station, "essai", "clé perdue", person, former) == 5
    stand_by_witnesses(place.station)
    place.point()
    assert all(answers(place).values())


def test_the_command_line_records_a_new_name_and_a_kept_note_of_the_former_one_is_compared(place, monkeypatch, tmp_path):
    place.grow(5)
    kept = tmp_path / "kept.checkpoint"
    kept.write_text(place.point().note)
    practice_person(place)
    place.station.database.close()
    text = example_text().replace('origin = "sceau/{entity}"', 'origin = "sceau/{entity}/2"')
    (place.home / "sceau.toml").write_text(text)
    monkeypatch.setenv("SCEAU_HOME", str(place.home))
    run = CliRunner()
    assert run.invoke(app, ["ledger", "origin"]).exit_code == 2
    said = run.invoke(app, ["ledger", "origin", "--reason", "nouveau nom", "--login", PRACTICE_LOGIN])
    assert (said.exit_code, "sceau/essai/2" in said.stdout) == (0, True), said.output
    assert run.invoke(app, ["ledger", "compare", str(kept)]).exit_code == 0
    shown = run.invoke(app, ["ledger", "show"])
    assert shown.exit_code == 0
    assert "empreinte" in shown.stdout
    assert "point de contrôle" in shown.stdout
    assert not {"fingerprint", "contradicted_by", "made_at"} & set(shown.stdout.split())


def test_the_ledger_page_tells_who_keeps_checkpoints_and_what_a_check_finds(tmp_path, practice_keys):
    import webhome
    from test_web import enter

    share = tmp_path / "share"
    share.mkdir()
    opened = webhome.open_home(tmp_path / "home")
    settings = opened.settings.model_copy(update={"ledger": Ledger(folder=str(share))})
    shutil.copytree(practice_keys, tmp_path / "home" / "keys" / "practice")
    place = Place(replace(opened, settings=settings), Clock())
    place.grow(3)
    browser = enter(place.station)
    assert "encore aucun" in unescape(browser.get("/ledger").text)
    assert browser.post("/ledger/checkpoint").status_code == 303
    page = unescape(browser.get("/ledger").text)
    assert "3 inscriptions, signé le" in page
    assert "a celui de 3 inscriptions" in page
    assert log_vkey(settings, "essai").fingerprint in page
    rewrite(place, 4)
    page = unescape(browser.post("/ledger/check").text)
    assert "pas celui qui fut attesté" in page
    place.station.database.close()


# --- dying, and many at once ---


@pytest.mark.parametrize("step", ["sign_note", "_token", "witness_names", "_remember"])
def test_e6_dying_between_entry_checkpoint_timestamp_and_memory_leaves_all_or_nothing(place, monkeypatch, step):
    place.grow(3)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, step, _die)
        with pytest.raises(Killed):
            place.point()
    stand_by_witnesses(place.station)
    with place.station.database.reading() as session:
        rows = session.query(CheckpointRow).count()
    assert rows == (1 if step == "_remember" else 0)
    assert place.point().token is not None
    assert all(answers(place).values())


class Killed(BaseException):
    pass


def _die(*_: object, **__: object) -> None:
    raise Killed


def test_e9_sixteen_writers_leave_no_gap_and_no_number_twice(place):
    def write() -> None:
        for _ in range(10):
            place.grow()

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        place.point()
    for thread in threads:
        thread.join()
    sequences = place.ask(lambda session: list(session.scalars(sa.select(LedgerRow.sequence).order_by(LedgerRow.sequence))))
    assert sequences == list(range(160))
    assert place.ask(verify_ledger)["essai"].size == 160
    assert answers(place)["checkpoints"]


def test_e10_an_entry_and_its_proof_are_checked_with_nothing_but_the_published_key(place):
    place.grow(9)
    place.point()
    told = json.loads(json.dumps(place.ask(logbook.told_proof, place.station.settings, "essai", 4)))
    said = open_checkpoint(told["note"], parse_vkey(told["key"]))
    path = [bytes.fromhex(each) for each in told["path"]]
    assert proves_inclusion(leaf_hash(told["entry"].encode()), told["sequence"], said.size, path, said.root)
    assert place.ask(logbook.told_proof, place.station.settings, "essai", 9) is None


def test_the_command_line_makes_shows_proves_and_compares(place, monkeypatch, tmp_path):
    place.grow(4)
    place.station.database.close()
    monkeypatch.setenv("SCEAU_HOME", str(place.home))
    run = CliRunner()

    def told(*words: str) -> tuple[int, dict[str, Any]]:
        result = run.invoke(app, ["ledger", *words, "--json"])
        return result.exit_code, json.loads(result.stdout)

    code, made = told("checkpoint")
    assert (code, made["checkpoint"]["size"], made["checkpoint"]["token"]) == (0, 4, True)
    assert told("show")[1]["fingerprint"] == parse_vkey(made["key"]).fingerprint
    assert told("prove", "3")[1]["note"] == made["checkpoint"]["note"]
    assert told("prove", "4") == (3, {"entity": "essai", "sequence": 4, "path": None})
    note = tmp_path / "kept.checkpoint"
    note.write_text(made["checkpoint"]["note"])
    assert told("compare", str(note))[0] == 0
    note.write_text(made["checkpoint"]["note"].replace("\n4\n", "\n5\n"))
    code, compared = told("compare", str(note))
    assert (code, compared["reason"]) == (4, "key")
    assert told("witness")[1]["key"].startswith("temoin/essai+")
    assert told("accept", "--reason", "rien", "--login", PRACTICE_LOGIN) == (0, {"entity": "essai", "sequence": None, "accepted": 0})
    assert run.invoke(app, ["ledger", "compare", str(tmp_path / "absent")]).exit_code == 1
    for words in (["prove"], ["compare"], ["accept"], ["sing"]):
        assert run.invoke(app, ["ledger", *words]).exit_code == 2
    for words in (["show"], ["prove", "0"], ["compare", str(note)]):
        assert run.invoke(app, ["ledger", *words]).stdout


def test_the_memory_beside_the_database_is_never_put_back_by_a_slower_process(place):
    place.grow(2)
    older = place.point().note
    place.grow(2)
    newer = place.point().note
    with place.station.database.reading() as session:
        checkpoints._remember(session, place.station.settings, "essai", older)
    assert memory_file(place.home, "essai").read_text() == newer
    assert add_signatures(newer, []) == newer


def test_an_old_home_without_checkpoints_goes_on_and_gets_its_first(place):
    place.grow(2)
    assert place.ask(newest_checkpoint, "essai") is None
    stand_by_witnesses(place.station)
    assert [kept.size for kept in tend_checkpoints(place.station)] == [2]
    assert os.listdir(place.home / "witness-memory") == ["essai.checkpoint"]  # noqa: PTH208 names suffice
