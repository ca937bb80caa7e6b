"""A PostgreSQL server in place of the file: how it is spoken to, refused in words, and shared by many who write."""

import io
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from config.settings import Settings
from sealing.ledger import Actor, ActorKind, Event
from station import doctor
from station.problems import problem_of
from station.records import database as room
from station.records.database import DatabaseRefused, alembic_config, look_at_server, migrate, open_database, place_of, server_address
from station.records.ledger import append_event, verify_ledger
from station.records.tables import Gauge
from station.rows import kept_tables, read_rows, write_rows

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
on_a_server = pytest.mark.skipif("SCEAU_TEST_POSTGRES" not in os.environ, reason="asks a real server: make test-postgres")


@contextmanager
def made(how: str = ""):
    """The address of a new and empty database, dropped afterwards."""
    server, name = os.environ["SCEAU_TEST_POSTGRES"], f"own_{uuid4().hex}"
    engine = sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 {how}")
    try:
        yield f"{server}/{name}"
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def refused(url: str) -> str:
    """The code of what a person is told who gives this address."""
    with pytest.raises((SQLAlchemyError, DatabaseRefused)) as caught:
        database = open_database(url)
        with database.reading() as session:
            session.execute(sa.text("SELECT 1"))
    return problem_of(caught.value).code


# --- the address ---


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_form_of_the_address_opens_the_same_driver_and_a_dead_network_is_noticed(scheme):
    address = server_address(f"{scheme}://compte@serveur/base", {})
    assert address.drivername == "postgresql+psycopg"
    assert {"connect_timeout", "keepalives_idle", "tcp_user_timeout"} <= set(address.query)


def test_the_password_comes_from_the_environment_unless_the_address_has_one_and_nobody_is_shown_it():
    told = {"SCEAU_DATABASE_PASSWORD": "geheim"}
    assert server_address("postgresql://compte@serveur/base", told).password == "geheim"
    assert server_address("postgresql://compte:autre@serveur/base", told).password == "autre"
    database = open_database("postgresql://compte:autre@serveur/base")
    assert place_of(database) == "postgresql compte@serveur:5432/base"


def test_what_the_address_says_of_the_connection_wins():
    assert server_address("postgresql://compte@serveur/base?connect_timeout=3", {}).query["connect_timeout"] == "3"


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://compte:geheim@serveur/base", "postgresql://compte@serveur", "postgresql+psycopg2://a@b/c"]
)
def test_an_address_of_neither_database_is_refused_without_its_password(url):
    with pytest.raises(DatabaseRefused) as caught:
        open_database(url)
    assert problem_of(caught.value).code == "database-address"
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('FATAL:  password authentication failed for user "sceau"', "database-login"),
        ("FATAL:  authentification par mot de passe échouée pour l'utilisateur « sceau »", "database-login"),
        ("fe_sendauth: no password supplied", "database-login"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "database-login"),
        ('FATAL:  role "sceau" does not exist', "database-login"),
        ('FATAL:  database "sceau" does not exist', "database-missing"),
        ("FATAL:  la base de données « sceau » n'existe pas", "database-missing"),
        ("FATAL:  sorry, too many clients already", "database-crowded"),
        ("FATAL:  désolé, trop de clients sont déjà connectés", "database-crowded"),
        ("FATAL:  remaining connection slots are reserved", "database-crowded"),
        ("connection refused", "database-away"),
        ("failed to resolve host 'nulle.part'", "database-away"),
        ('connection is bad: connection to server at "10.0.0.1", port 5432 failed: Network is unreachable', "database-away"),
        ("server closed the connection unexpectedly", "database-away"),
        ("something that nobody foresaw", "unexpected"),
    ],
)
def test_what_a_server_says_at_its_door_is_told_in_words_whatever_its_language(words, code):
    said = words if code in ("database-away", "unexpected") else f'connection failed: connection to server at "10.0.0.1" failed: {words}'
    assert problem_of(OperationalError("", {}, psycopg.OperationalError(said))).code == code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (psycopg.errors.AdminShutdown, "database-away"),
        (psycopg.errors.TooManyConnections, "database-crowded"),
        (psycopg.errors.InsufficientPrivilege, "database-rights"),
        (psycopg.errors.ReadOnlySqlTransaction, "database-standby"),
        (psycopg.errors.LockNotAvailable, "database-waiting"),
        (psycopg.errors.DiskFull, "disk-full"),
        (psycopg.errors.UndefinedTable, "unexpected"),
    ],
)
def test_what_a_server_says_at_work_is_told_by_its_code(kind, code):
    assert problem_of(OperationalError("", {}, kind("die Nachricht in irgendeiner Sprache"))).code == code


# --- a real server ---


@on_a_server
def test_a_server_that_is_down_lacks_the_database_or_takes_no_more_is_told_in_words(monkeypatch):
    server = os.environ["SCEAU_TEST_POSTGRES"]
    assert refused("postgresql://compte@127.0.0.1:1/base") == "database-away"
    assert refused(f"{server}/{uuid4().hex}") == "database-missing"
    assert refused(server.replace("sceau@", "personne@") + "/postgres") == "database-login"
    with made("ENCODING 'SQL_ASCII' LOCALE 'C'") as url:
        assert refused(url) == "database-encoding"
    with made("CONNECTION LIMIT 0") as url:
        with sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("DROP ROLE IF EXISTS plain")
            connection.exec_driver_sql("CREATE ROLE plain LOGIN")
        assert refused(url.replace("sceau@", "plain@")) == "database-crowded"
    monkeypatch.setattr(room, "OLDEST_SERVER", 990000)
    assert refused(f"{server}/postgres") == "database-old"


@on_a_server
def test_an_account_that_may_make_no_tables_is_told_so():
    with made() as url:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("DROP ROLE IF EXISTS guest")
            connection.exec_driver_sql("CREATE ROLE guest LOGIN")
        database = open_database(url.replace("sceau@", "guest@"))
        with pytest.raises(SQLAlchemyError) as caught:
            migrate(database)
        database.close()
        engine.dispose()
    assert problem_of(caught.value).code == "database-rights"


@on_a_server
def test_doctor_says_which_server_it_is_and_that_this_one_may_forget(tmp_path):
    with made() as url:
        found = doctor._database(Settings(home=tmp_path, database_url=url))
    # The tests' own server writes nothing through.
    assert not found.ok
    assert "fsync" in found.remedy
    assert url.rpartition("@")[2] in found.detail
    assert "tables à faire" in found.detail
    assert (
        "connexions libres sur" in found.detail and "ordre des mots" in found.detail and "horloge à +0." in found.detail.replace("-", "+")
    )


@on_a_server
def test_doctor_warns_of_a_server_whose_clock_differs_or_that_has_few_connections_left(tmp_path, monkeypatch):
    server = look_at_server
    for change, told in (({"offset": -9.0}, "horloges"), ({"connections": 9, "limit": 12}, "max_connections")):
        monkeypatch.setattr(doctor, "look_at_server", lambda database, change=change: replace(server(database), durable=True, **change))
        with made() as url:
            found = doctor._database(Settings(home=tmp_path, database_url=url))
        assert (found.ok, told in found.remedy) == (False, True)


@on_a_server
def test_a_password_in_the_settings_file_is_told_and_not_shown(tmp_path, monkeypatch):
    server = look_at_server
    monkeypatch.setattr(doctor, "look_at_server", lambda database: replace(server(database), durable=True))
    with made() as url:
        found = doctor._database(Settings(home=tmp_path, database_url=url.replace("sceau@", "sceau:geheim@")))
    assert "SCEAU_DATABASE_PASSWORD" in found.remedy
    assert "geheim" not in str(found)


@on_a_server
def test_who_writes_is_alone_so_that_what_it_read_stays_true():
    with made() as url:
        database = open_database(url)
        with database.writing() as session:
            session.execute(sa.text("CREATE TABLE sums (value integer)"))
            session.execute(sa.text("INSERT INTO sums VALUES (0)"))

        def add() -> None:
            for _ in range(5):
                with database.writing() as session:
                    value = session.scalar(sa.text("SELECT value FROM sums"))
                    session.execute(sa.text("UPDATE sums SET value = :next"), {"next": value + 1})

        together(add, 8)
        with database.reading() as session:
            assert session.scalar(sa.text("SELECT value FROM sums")) == 40
        database.close()


@on_a_server
def test_a_writer_that_freezes_within_a_transaction_loses_it_and_the_next_has_its_turn(monkeypatch):
    monkeypatch.setattr(room, "IDLE_MILLISECONDS", 200)
    with made() as url:
        frozen, living = open_database(url), open_database(url)
        with pytest.raises(DBAPIError) as caught, frozen.writing() as session:
            session.execute(sa.text("CREATE TABLE never (value integer)"))
            with living.writing() as other:
                assert other.scalar(sa.text("SELECT to_regclass('never')")) is None
            session.execute(sa.text("INSERT INTO never VALUES (1)"))
        frozen.close()
        living.close()
    assert problem_of(caught.value).code in ("database-away", "database-waiting")


@on_a_server
def test_processes_that_start_together_bring_the_tables_here_once():
    with made() as url:
        code = "import sys; from station.records.database import migrate, open_database; migrate(open_database(sys.argv[1]))"
        starting = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(3)]
        assert [each.wait(300) for each in starting] == [0, 0, 0]
        database = open_database(url)
        head = ScriptDirectory.from_config(alembic_config(database.writer)).get_current_head()
        assert look_at_server(database).revision == head
        database.close()


@on_a_server
def test_sixteen_who_write_to_one_log_leave_one_that_holds():
    with made() as url:
        database = open_database(url)
        migrate(database)
        actor = Actor("system", ActorKind.SYSTEM)

        def tell() -> None:
            for _ in range(5):
                with database.writing() as session:
                    append_event(session, Event("essai", "received", {}, actor, NOON, "ntp +0.004", {}))

        together(tell, 16)
        with database.reading() as session:
            assert verify_ledger(session)["essai"].size == 80
        database.close()


@on_a_server
def test_a_database_with_rows_of_every_version_is_brought_here_and_keeps_them():
    with made() as url:
        database = open_database(url)
        config = alembic_config(database.writer)
        for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            command.upgrade(config, script.revision)
            filled(database.writer)
        before = counted(database.writer)
        migrate(database)
        assert counted(database.writer) == before
        assert all(before.values())
        database.close()


def together(act, count: int) -> None:
    """The same by many threads; the first trouble of one is raised."""
    troubles = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 handed on below
            troubles.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def tables_of(engine: sa.Engine) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(engine)
    return found


def filled(engine: sa.Engine) -> None:
    """One row more in each table that has none yet, those first that others point to."""
    tables = tables_of(engine)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if connection.scalar(sa.select(sa.func.count()).select_from(table)):
                continue
            connection.execute(
                sa.insert(table).values({column.name: drawn(connection, column) for column in table.columns if wanted(column)})
            )


def wanted(column: sa.Column) -> bool:
    own = column.primary_key and column.server_default is not None
    return not own and column.computed is None and not column.nullable


def drawn(connection: sa.Connection, column: sa.Column) -> object:
    """A value that fits: what is pointed to, or one of the column's kind."""
    for key in column.foreign_keys:
        return connection.scalar(sa.select(key.column).limit(1))
    kind = column.type
    if isinstance(kind, sa.String):
        return ("received" if column.name in ("state", "kind") else "2026-11-20")[: kind.length]
    values = {
        sa.Boolean: False,
        sa.Integer: 1,
        sa.Numeric: 1,
        sa.Float: 1.0,
        sa.DateTime: NOON,
        sa.Date: NOON.date(),
        sa.JSON: [],
        sa.LargeBinary: bytes(32),
    }
    return next(value for each, value in values.items() if isinstance(kind, each))


def counted(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for name, table in tables_of(engine).tables.items()
        }


@on_a_server
def test_a_server_that_is_filled_in_one_go_hears_how_big_a_table_has_become(tmp_path):
    """Else what its triggers ask of each row goes through all there are."""
    with made() as url:
        here, there = open_database(f"sqlite:///{tmp_path / 'a.db'}"), open_database(url)
        for database in (here, there):
            migrate(database)
        with here.writing() as session:
            session.add_all(Gauge(name="essai", label=str(number), value=1.0, at=NOON) for number in range(1_200))
        lines = io.BytesIO()
        with here.reader.connect() as connection:
            write_rows(connection, next(each for each in kept_tables(connection) if each.name == "gauge"), lines)
        with there.writing() as session:
            known = sa.text("SELECT reltuples FROM pg_class WHERE relname = 'gauge'")
            assert session.scalar(known) == -1
            table = next(each for each in kept_tables(session.connection()) if each.name == "gauge")
            assert read_rows(session.connection(), table, lines.getvalue().splitlines(keepends=True)) == 1_200
            assert session.scalar(known) >= 1_000
        for database in (here, there):
            database.close()


@on_a_server
def test_who_reads_asks_with_one_process_however_cheap_the_server_takes_others_to_be():
    with made() as url:
        database = open_database(url)
        with database.writing() as session:
            for eager in ("parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0"):
                session.execute(sa.text(f'ALTER DATABASE "{sa.make_url(url).database}" SET {eager}'))
            session.execute(sa.text("CREATE TABLE many AS SELECT i FROM generate_series(1, 50000) AS s(i)"))
        database.close()
        database, plans = open_database(url), []
        for door in (database.writing, database.reading):
            with door() as session:
                plans.append("\n".join(session.scalars(sa.text("EXPLAIN SELECT count(*) FROM many"))))
        database.close()
    assert "Gather" in plans[0]
    assert "Gather" not in plans[1]
