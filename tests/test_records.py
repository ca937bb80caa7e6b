"""The tables say what their classes say, keep what was committed and nothing else, and let a document go only where it may."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from types import SimpleNamespace

import atwork
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from station.records import database as room
from station.records import documents, intake, people
from station.records.batches import open_batch_at
from station.records.database import NetworkFileSystem, alembic_config, migrate, open_database, open_engine
from station.records.intake import Incoming
from station.records.tables import MOVES, OPEN_STATES, Base, Document, Moment, Sighting, State

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def station(tmp_path):
    return atwork.open_home(tmp_path)


def received(station, number: int, **changes) -> str:
    sha256 = f"{number:064x}"
    incoming = Incoming("essai", "demo", "atelier", "invoice", "a102-b2", f"{number}.png", number, 1, 10, sha256, NOON, f"{number:032x}")
    with station.database.writing() as session:
        document_id = intake.receive(session, incoming).document_id
        for name, value in changes.items():
            setattr(documents.get_document(session, document_id), name, value)
    return document_id


# --- tables and database ---


def test_migrating_an_empty_database_gives_the_tables_that_the_classes_describe(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(database)
    migrate(database)
    with database.writer.connect() as connection:
        # FTS5 keeps an index in tables of its own, which nobody describes.
        opts = {"compare_type": True, "include_name": lambda name, kind, _of: kind != "table" or not name.startswith("search_index")}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.sqlite  # pragmas are SQLite's
def test_sqlite_is_opened_so_that_a_commit_outlives_a_power_cut(station):
    with station.database.writing() as session:
        found = [session.execute(sa.text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert found == ["wal", 2, 1]


@pytest.mark.sqlite
def test_the_records_are_nobody_elses_to_read_whatever_the_folders_rights(tmp_path):
    tmp_path.chmod(0o755)
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    old.touch()
    old.chmod(0o664)
    for path in (new, old):
        database = open_database(f"sqlite:///{path}")
        migrate(database)
        database.close()
    assert [path.stat().st_mode & 0o777 for path in (new, old)] == [0o600, 0o660], "the house's own group stays"


def test_what_only_reads_cannot_write(station):
    with pytest.raises(sa.exc.DBAPIError, match=r"read-?only"), station.database.reading() as session:
        session.execute(sa.text("DELETE FROM document"))


def test_a_transaction_that_fails_leaves_nothing(station):
    with pytest.raises(ZeroDivisionError), station.database.writing() as session:
        people.set_password(session, "anna", "twelve letters")
        1 / 0  # noqa: B018
    with station.database.reading() as session:
        assert people.find(session, "anna") is None


@pytest.mark.sqlite  # only SQLite replaces rows
@pytest.mark.parametrize("table", ["ledger", "ledger_payload"])
@pytest.mark.parametrize("act", ["INSERT OR REPLACE INTO {0} SELECT * FROM {0}", "REPLACE INTO {0} SELECT * FROM {0} WHERE sequence = 0"])
def test_no_entry_of_the_ledger_can_be_replaced(station, table, act):
    received(station, 1)
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), station.database.writing() as session:
        session.execute(sa.text(act.format(table)))


def test_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "file_system", lambda _path: "nfs4")
    with pytest.raises(NetworkFileSystem, match="nfs4"):
        open_engine(f"sqlite:///{tmp_path / 'a.db'}")


@given(
    st.datetimes(
        datetime(1, 1, 2),  # noqa: DTZ001 the strategy adds the zone
        datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-11))]),
    )
)
def test_a_moment_comes_back_as_the_same_instant_in_utc(moment):
    kind, dialect = Moment(), SimpleNamespace()
    stored = kind.process_bind_param(moment, dialect).replace(tzinfo=None)
    back = kind.process_result_value(stored, dialect)
    assert (back, back.utcoffset()) == (moment, timedelta(0))


def test_a_time_without_its_zone_is_never_stored():
    with pytest.raises(ValueError, match="zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), SimpleNamespace())  # noqa: DTZ001


# --- states ---


@pytest.mark.parametrize(("here", "there"), list(product(State, State)))
def test_a_document_moves_only_where_the_table_says(here, there):
    document = Document(state=here, revision=1)
    if there == here or there in MOVES[here]:
        documents.move_document(document, there, NOON)
        assert (document.state, document.revision) == (there, 2)
    else:
        with pytest.raises(documents.WrongMove):
            documents.move_document(document, there, NOON)


def test_a_sealed_document_leaves_its_state_only_by_a_persons_act_and_every_open_state_leads_on():
    assert MOVES[State.SEALED] == {State.RECEIVED, State.REPLACED, State.SET_ASIDE, State.ERASED}
    assert (MOVES[State.ERASED], MOVES[State.REPLACED]) == (frozenset(), {State.ERASED})
    assert all(MOVES[state] for state in OPEN_STATES)


def test_the_same_arrival_written_by_two_hands_is_one_arrival_until_it_is_moved(station):
    incoming = Incoming("essai", "demo", "atelier", "invoice", "a102-b2", "a.png", 1, 1, 10, "0" * 64, NOON, "0" * 32)
    with station.database.writing() as session:
        first, second = (intake.receive(session, incoming) for _ in range(2))
        assert (second.again, second.arrival_id, second.duplicate) == (True, first.arrival_id, False)
        intake.note_moved(session, first.arrival_id, "/processed/a.png")
        third = intake.receive(session, incoming)
    assert (third.again, third.duplicate, third.document_id) == (False, True, first.document_id)


# --- questions ---


def test_only_open_documents_whose_time_has_come_are_due_and_each_attempt_once(station):
    due = received(station, 1)
    received(station, 2, state=State.HELD)
    waiting = received(station, 3, try_at=NOON + timedelta(minutes=1))
    with station.database.writing() as session:
        assert [d.id for d in documents.due_documents(session, NOON)] == [due]
        documents.mark_queued(session, "document", due, 1)
        assert documents.due_documents(session, NOON) == []
        assert [d.id for d in documents.due_documents(session, NOON + timedelta(minutes=1))] == [waiting]


def test_a_search_finds_names_with_signs_that_sql_would_read(station):
    for number, name in enumerate(("100%.png", "100 euros.png", "a_b.png", "axb.png"), 1):
        received(station, number, title=name)
    with station.database.reading() as session:
        found = {
            query: [d.title for d in documents.list_documents(session, search=query).documents] for query in ("100%", "a_b", "AXB", "'")
        }
    assert found == {"100%": ["100%.png"], "a_b": ["a_b.png"], "AXB": ["axb.png"], "'": []}


def test_pages_of_the_list_hold_every_document_once(station):
    ids = {received(station, number) for number in range(1, 8)}
    with station.database.reading() as session:
        slices = [documents.list_documents(session, page=page, size=3) for page in (1, 2, 3, 99)]
    assert {d.id for each in slices[:3] for d in each.documents} == ids
    assert ([len(each.documents) for each in slices], slices[3].page) == ([3, 3, 1, 1], 3)


def test_every_change_that_a_screen_shows_changes_the_answer_of_last_change(station):
    def answer() -> str:
        with station.database.reading() as session:
            return documents.last_change(session)

    answers = [answer()]
    received(station, 1)
    answers.append(answer())
    with station.database.writing() as session:
        intake.tell_sightings(session, "demo", {"a.png": ("disk-full", "")}, NOON)
    answers.append(answer())
    with station.database.writing() as session:
        documents.move_document(session.get(Document, f"{1:032x}"), State.HELD, NOON + timedelta(seconds=1))
    answers.append(answer())
    assert len(set(answers)) == 4


def test_a_sighting_that_stays_keeps_its_time_and_one_that_is_gone_is_forgotten(station):
    with station.database.writing() as session:
        intake.tell_sightings(session, "demo", {"a": ("disk-full", ""), "b": ("still-writing", "")}, NOON)
        intake.tell_sightings(session, "demo", {"a": ("disk-full", "")}, NOON + timedelta(hours=1))
        assert [(s.name, s.since) for s in session.query(Sighting)] == [("a", NOON)]


def test_a_worker_without_heartbeat_is_dead_and_one_that_beats_lives(station):
    with station.database.writing() as session:
        documents.beat(session, "serve-0", "serve", 1, NOON)
        documents.beat(session, "work-0", "work", 2, NOON - timedelta(minutes=1))
        session.flush()
        patience = documents.DEAD_AFTER
        assert [w.executor for w in documents.living_workers(session, NOON, patience)] == ["serve-0"]
        assert [w.executor for w in documents.dead_workers(session, NOON, patience)] == ["work-0"]


def test_a_passing_trouble_starts_the_document_over_later_and_later(station):
    document_id = received(station, 1, state=State.READ, attempt=3)
    with station.database.writing() as session:
        document = documents.get_document(session, document_id)
        documents.retry_later(document, "disk-full", "x", NOON, timedelta(seconds=30))
        assert (document.state, document.attempt, document.tries, document.try_at) == (State.RECEIVED, 4, 1, NOON + timedelta(seconds=30))


# --- people ---


def test_a_practice_account_opens_in_practice_only_and_a_password_of_its_own_ends_that(station):
    with station.database.writing() as session:
        people.ensure_practice(session)
        assert people.check_password(session, "atelier", "essai", practice=True)
        assert people.check_password(session, "atelier", "essai", practice=False) is None
        people.set_password(session, "atelier", "long enough for us")
        assert people.check_password(session, "atelier", "long enough for us", practice=False)
        assert people.check_password(session, "atelier", "essai", practice=True) is None


def test_a_database_of_the_first_version_is_brought_here_with_its_documents_and_no_batch_left_open(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'sceau.db'}")
    command.upgrade(alembic_config(database.writer), "0001")
    moment = "2026-11-20 09:00:00"
    with database.writer.begin() as connection:
        connection.execute(sa.text("INSERT INTO batch (id, station, opened_at) VALUES ('b', 'demo', :at)"), {"at": moment})
        connection.execute(
            sa.text(
                "INSERT INTO document (id, entity, batch_id, station, operator, document_type, title, state, paper_stays, received_at, "
                "changed_at, revision, attempt, queued, tries) VALUES "
                "('d', 'essai', 'b', 'demo', 'atelier', 'invoice', 'a.tif', 'sealed', 0, :at, :at, 1, 1, 1, 0)"
            ),
            {"at": moment},
        )
    migrate(database)
    with database.reading() as session:
        document = documents.get_document(session, "d")
        assert (document.state, document.source, document.formed, document.batch.kind) == (State.SEALED, "paper", False, "file")
        assert open_batch_at(session, "demo") is None
    database.close()
