"""Whatever is changed behind the station's back, the audit names it: entries, records, stores, and a log written anew."""

import shutil
from pathlib import Path

import atwork
import papers
import pytest
import sqlalchemy as sa
from backdoor import REFUSED, behind_the_back, owned
from sqlalchemy.exc import DatabaseError

from conformity.circumstances import Source
from station import holds, retention
from station.acts import decide
from station.audit import audit_ledger
from station.checkpoints import checkpoint_now
from station.mandates import Granted, record_mandate
from station.records import people
from station.records.ledger import append_event, verify_ledger, written_entries
from station.records.tables import Document, LedgerPayload, LedgerRow, Person, State
from station.sources import say_source
from station.workstation import Workstation


@pytest.fixture(scope="module")
def sound(tmp_path_factory, practice_keys) -> Path:
    """A home with two sealed documents, closed."""
    home, scans = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("scans")
    station = atwork.open_home(home, practice_keys)
    with atwork.pipeline_of(station) as work:
        for seed in (1, 2):
            path = papers.write_png(scans / f"{seed}.png", papers.draw_page(["Facture"], size=(500, 300), seed=seed))
            atwork.archive_path(station, work(atwork.take_in(station, path)))
    station.database.close()
    return home


@pytest.fixture
def home(sound, tmp_path) -> Path:
    return shutil.copytree(sound, tmp_path / "home")


def answers(home: Path) -> dict[str, bool]:
    station = atwork.open_home(home)
    try:
        return {each.name: each.ok for each in audit_ledger(station)}
    finally:
        station.database.close()


def a_file(home: Path, store: str) -> Path:
    path = sorted(path for path in (home / store).rglob("*") if path.is_file())[0]
    path.chmod(0o600)
    return path


ALL = ("chain", "records", "facts", "duties", "originals", "archives", "payloads", "certificates", "witnesses", "checkpoints", "outside")
SOUND = dict.fromkeys(ALL, True)


def test_what_nobody_touched_holds_in_every_respect(home):
    assert answers(home) == SOUND


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE document SET verdict = 'blocked'",
        "UPDATE document SET paper_stays = true",
        "UPDATE document SET confidential = true",
        "UPDATE document SET document_type = 'letter'",
        "UPDATE document SET state = 'erased'",
        "UPDATE page SET raster = '00'",
        "DELETE FROM page",
        "UPDATE field SET value = '999999' WHERE name = 'document_type_code'",
        "DELETE FROM field",
    ],
)
def test_a_fact_changed_in_the_records_is_not_that_of_its_entry(home, act):
    behind_the_back(home, act)
    assert answers(home) == {**SOUND, "facts": False}


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE ledger SET root = (SELECT first.root FROM ledger first WHERE first.sequence = 0) WHERE sequence = 1",
        "DELETE FROM ledger WHERE sequence = 7",
        "UPDATE ledger_payload SET type = 'read' WHERE sequence = 1",
    ],
)
def test_the_database_itself_refuses_to_change_the_ledger(home, act):
    station = atwork.open_home(home)
    with pytest.raises(DatabaseError, match="append-only"), station.database.writing() as session:
        session.execute(sa.text(act))
    assert answers(home) == SOUND


@pytest.fixture
def held(home) -> Path:
    """The same home with a hold that stands, one that was lifted, a mandate, and a document that a person called an asset's."""
    station = atwork.open_home(home)
    with station.database.writing() as session:
        people.ensure_practice(session)
    with station.database.writing() as session:
        person, at = session.get_one(Person, "responsable"), station.clock()
        for year in ("2025", "2026"):
            hold = holds.place_hold(session, "essai", "year", year, "litige", (at.date(), None), person, at)
        holds.lift_hold(session, hold.id, "jugé", person, at)
        granted = Granted("Tiers", "tout", at.date(), None, "mandat.pdf")
        record_mandate(session, station, granted, a_file(home, "originals"), person, at)
        for document in session.scalars(sa.select(Document)):
            retention.say_retention(session, document, station.settings, True, None, person, at)
    station.database.close()
    return home


def test_holds_mandates_and_terms_are_those_of_their_entries(held):
    assert answers(held) == SOUND


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE hold SET lifted_at = '2026-11-20 10:00:00', lifted_by = actor, lifted_reason = 'x' WHERE id = 1",
        "UPDATE hold SET lifted_at = NULL WHERE id = 2",
        "UPDATE hold SET lifted_reason = 'autre' WHERE id = 2",
        "UPDATE hold SET ends = '2026-11-20' WHERE id = 1",
        "UPDATE hold SET value = '1999' WHERE id = 1",
        "DELETE FROM hold WHERE id = 1",
        "UPDATE mandate SET revoked_at = recorded_at, revoked_by = recorded_by, revoked_reason = 'x'",
        "UPDATE mandate SET ends = '2026-11-20'",
        "DELETE FROM mandate",
        "UPDATE retention SET asset = false",
        "UPDATE retention SET until = '2001-01-01'",
    ],
)
def test_a_hold_a_mandate_or_a_term_that_was_changed_by_hand_is_told(held, act):
    behind_the_back(held, act)
    assert answers(held) == SOUND | {"duties": False}


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE hold SET lifted_at = '2026-11-20 10:00:00' WHERE id = 1",
        "UPDATE hold SET ends = '2026-11-20' WHERE id = 1",
        "UPDATE hold SET lifted_reason = 'autre' WHERE id = 2",
        "UPDATE mandate SET revoked_at = recorded_at",
        "UPDATE mandate SET scope = 'rien'",
        "DELETE FROM document",
    ],
)
def test_the_database_refuses_to_change_a_hold_or_a_mandate_but_to_end_it_once(held, act):
    with pytest.raises(REFUSED, match="kept:"), owned(held) as database:
        database.exec_driver_sql(act)


def test_a_payload_that_went_without_an_erasure_is_named_though_the_chain_still_holds(home):
    station = atwork.open_home(home)
    with station.database.writing() as session:
        session.execute(sa.text("DELETE FROM ledger_payload WHERE sequence = 7"))
    assert answers(home) == SOUND | {"payloads": False}


@pytest.mark.parametrize(
    "statement",
    [
        # What only SQLite's columns take, or its functions do.
        pytest.param("UPDATE ledger SET entry = replace(entry, 'judged', 'jugged') WHERE sequence = 1", marks=pytest.mark.sqlite),
        'UPDATE ledger_payload SET body = \'{"verdict":"conform"}\' WHERE sequence = 1',
        "UPDATE ledger SET root = (SELECT first.root FROM ledger first WHERE first.sequence = 0) WHERE sequence = 3",
        "DELETE FROM ledger WHERE sequence = 2",
    ],
    ids=["entry", "payload", "root", "gap"],
)
def test_an_entry_altered_or_taken_out_breaks_the_chain(home, statement):
    behind_the_back(home, statement)
    assert answers(home) == {"chain": False}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_payload SET at = '2025-01-01 09:00:00.000000' WHERE sequence = 0",
        "UPDATE ledger_payload SET type = 'judged' WHERE sequence = 0",
        "UPDATE ledger_payload SET document_id = (SELECT max(id) FROM document) WHERE document_id = (SELECT min(id) FROM document)",
        "UPDATE ledger_payload SET document_id = NULL WHERE sequence = 0",
        "INSERT INTO ledger_payload SELECT entity, 99, document_id, type, at, salt, body FROM ledger_payload WHERE sequence = 0",
        "INSERT INTO ledger_payload SELECT 'other', sequence, document_id, type, at, salt, body FROM ledger_payload",
        "UPDATE ledger_payload SET body = 'no JSON' WHERE sequence = 1",
        "UPDATE ledger_payload SET body = '[1]' WHERE sequence = 1",
        pytest.param("UPDATE ledger_payload SET at = 'never' WHERE sequence = 1", marks=pytest.mark.sqlite),
        "UPDATE ledger SET entry = x'5b5d' WHERE sequence = 1",
    ],
    ids=["time", "type", "document", "no document", "no entry", "no log", "no JSON", "no object", "no time", "no entry form"],
)
def test_what_the_story_tells_is_what_the_entry_says(home, statement):
    behind_the_back(home, statement)
    assert answers(home) == {"chain": False}


def test_a_tail_that_is_cut_off_is_missed_by_records_and_witnesses(home):
    behind_the_back(home, "DELETE FROM ledger_payload WHERE sequence > 5", "DELETE FROM ledger WHERE sequence > 5")
    assert answers(home) == SOUND | {"records": False, "witnesses": False}


@pytest.mark.parametrize(("store", "name"), [("archive", "archives"), ("originals", "originals")])
def test_a_changed_file_and_a_missing_one_are_named(home, store, name):
    path = a_file(home, store)
    path.write_bytes(path.read_bytes() + b"\n")
    assert answers(home)[name] is False
    path.unlink()
    assert answers(home)[name] is False


def test_an_archive_smuggled_into_the_records_has_no_entry(home):
    behind_the_back(
        home,
        "INSERT INTO archive (sha256, document_id, version, size, attached, level, practice, checks, sealed_at)"
        " SELECT replace(sha256, substr(sha256, 1, 4), 'beef'), document_id, 2, size, attached, level, practice, checks, sealed_at"
        " FROM archive LIMIT 1",
    )
    assert answers(home)["records"] is False


@pytest.mark.parametrize(
    "statements",
    [
        ["DELETE FROM original"],
        ["DELETE FROM original WHERE sha256 = (SELECT max(sha256) FROM original)"],
        ["INSERT INTO original SELECT replace(sha256, substr(sha256, 1, 4), 'beef'), size, kept_at FROM original LIMIT 1"],
        ["DELETE FROM document"],
        ["DELETE FROM archive", "DELETE FROM original", "DELETE FROM arrival", "DELETE FROM document"],
        ["UPDATE archive SET document_id = (SELECT max(id) FROM document), version = 2 WHERE document_id = (SELECT min(id) FROM document)"],
    ],
    ids=["no original", "an original less", "an original more", "no document", "nothing", "another document's archive"],
)
def test_records_that_were_taken_away_added_or_exchanged_contradict_the_ledger(home, statements):
    behind_the_back(home, *statements)
    assert answers(home)["records"] is False


def test_what_is_judged_again_after_a_person_s_word_is_what_the_entries_say(home, tmp_path):
    station = atwork.open_home(home)

    def facts() -> bool:
        return next(each.ok for each in audit_ledger(station) if each.name == "facts")

    path = papers.write_jpeg(tmp_path / "a.jpg", papers.draw_page(["Facture"], size=(500, 300), seed=4))
    with atwork.pipeline_of(station) as work:
        document = work(atwork.take_in(station, path))
        with station.database.writing() as session:
            decide(session, document.id, "treat", "à payer", atwork.somebody(session), station.clock())
        assert (facts(), work(document.id).state, facts()) == (True, State.SEALED, True)
        with station.database.writing() as session:
            say_source(session, document.id, Source.PAPER, "", "c'est un papier", atwork.somebody(session), station.clock())
        assert (facts(), work(document.id).state, facts()) == (True, State.HELD, True)
    station.database.close()


def test_the_same_bytes_twice_are_one_original_and_hold(home, tmp_path):
    station = atwork.open_home(home)
    path = papers.write_png(tmp_path / "again.png", papers.draw_page(["Facture"], size=(500, 300), seed=1))
    atwork.take_in(station, path)
    assert atwork.ledger_types(station)[-1] == "duplicate"
    station.database.close()
    assert answers(home) == SOUND


def test_a_log_that_was_written_anew_is_contradicted_by_the_heads_in_the_sealed_files(home):
    """Every entry again, each with a fresh salt: a chain without a flaw, and yet not the one that the archives have seen."""
    station = atwork.open_home(home)
    with station.database.reading() as session:
        old = [(row.entry, payload) for row, payload in zip(written_entries(session, "essai"), _payloads(station), strict=True)]
    behind_the_back(home, "DELETE FROM ledger_payload", "DELETE FROM ledger")
    with station.database.writing() as session:
        for entry, payload in old:
            append_event(session, _event(entry, payload))
    with station.database.reading() as session:
        assert verify_ledger(session)["essai"].size == len(old)
    assert answers(home) == SOUND | {"witnesses": False}


def _payloads(station: Workstation) -> list[LedgerPayload]:
    with station.database.reading() as session:
        return session.query(LedgerPayload).order_by(LedgerPayload.sequence).all()


def _event(entry: bytes, payload: LedgerPayload):
    import json

    from sealing.ledger import Actor, ActorKind, Event

    told = json.loads(entry)
    actor = Actor("system", ActorKind.SYSTEM)
    return Event(payload.entity, payload.type, told["objects"], actor, payload.at, "system", json.loads(payload.body))


def test_an_archive_that_is_no_pdf_any_more_is_an_answer_and_no_traceback(home):
    a_file(home, "archive").write_bytes(b"not a PDF")
    found = answers(home)
    assert (found["archives"], found["witnesses"]) == (False, False)


def test_an_empty_installation_holds(tmp_path):
    assert answers(tmp_path) == SOUND


def test_the_audit_speaks_french_and_english(home):
    a_file(home, "archive").unlink()
    station = atwork.open_home(home)
    told = {each.name: (each.detail, each.english) for each in audit_ledger(station)}
    station.database.close()
    french, english = told["archives"]
    assert french.endswith(" : absent")
    assert english.endswith(": missing")
    assert "écritures, tête" in told["chain"][0]
    assert "entries, head" in told["chain"][1]


def test_what_there_is_one_of_is_told_in_the_singular(tmp_path, practice_keys):
    station = atwork.open_home(tmp_path, practice_keys)
    atwork.take_in(station, papers.write_png(tmp_path / "one.png", papers.draw_page(["Facture"], size=(500, 300), seed=1)))
    checkpoint_now(station, "essai")
    told = {each.name: (each.detail, each.english) for each in audit_ledger(station)}
    station.database.close()
    assert told["checkpoints"][0].startswith("1 point de contrôle signé, dont ")
    assert told["records"] == (
        "1 document, 1 original, 0 archive, chacun avec son écriture",
        "1 document, 1 original, 0 archives, each with its entry",
    )


def test_ledger_rows_are_read_back_as_they_were_written(sound):
    station = atwork.open_home(sound)
    with station.database.reading() as session:
        rows = session.query(LedgerRow).order_by(LedgerRow.sequence).all()
    assert [row.sequence for row in rows] == list(range(8))
