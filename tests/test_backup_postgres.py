"""On PostgreSQL (tests/on_postgres.sh): a backup goes to either database and back, and an upgrade is rehearsed in a schema of its own."""

import os
import uuid

import packages
import pytest
import sqlalchemy as sa
from alembic import command

from sealing.ledger import Actor, ActorKind, Event
from station.backup import back_up
from station.records.database import alembic_config, open_database
from station.records.ledger import append_event, tree_of
from station.rehearsal import bring_up, newest_schema, schema_here
from station.restore import Wish, describe_restored, restore_backup
from station.rows import kept_tables

pytestmark = pytest.mark.skipif("SCEAU_TEST_POSTGRES" not in os.environ, reason="of PostgreSQL")


@pytest.fixture
def blank():
    """URLs of empty databases on the server."""
    import onpostgres

    made = []
    server = sa.create_engine(f"{onpostgres.server_url()}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def make() -> str:
        made.append(f"blank_{uuid.uuid4().hex[:12]}")
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {made[-1]}")
        return f"{onpostgres.server_url()}/{made[-1]}"

    yield make
    with server.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def told(database) -> tuple[int, dict[str, int]]:
    with database.reading() as session:
        connection = session.connection()
        counts = {t.name: connection.scalar(sa.select(sa.func.count()).select_from(t)) for t in kept_tables(connection)}
        return tree_of(session, "essai").root.hex(), counts


def test_a_backup_of_postgresql_comes_back_in_a_file_and_that_one_in_postgresql_again(tmp_path, blank):
    home = packages.small_home(tmp_path / "home", 1)
    back_up(home, tmp_path / "a.tar")
    first = restore_backup(Wish(tmp_path / "a.tar", tmp_path / "file", ask=False))
    url = blank()
    second = restore_backup(Wish(tmp_path / "a.tar", tmp_path / "server", database_url=url, ask=False))
    file, server = open_database(f"sqlite:///{tmp_path / 'file' / 'sceau.db'}"), open_database(url)
    assert told(file) == told(server) == told(home.database)
    assert (first.bad, second.bad) == ([], [])
    for each in (file, server, home.database):
        each.close()


def test_tables_of_the_version_before_are_rehearsed_beside_switched_and_their_copy_can_be_restored(tmp_path, blank):
    database = open_database(blank())
    command.upgrade(alembic_config(database.writer), "0009")
    with database.writing() as session:
        append_event(session, Event("essai", "clock", {}, Actor("system", ActorKind.SYSTEM), packages.LATER, "system", {}))
    done = bring_up(database, tmp_path, lambda: packages.LATER)
    assert (done.rows > 0, done.entries) == (True, 1)
    assert (done.before, done.switched, schema_here(database)) == ("0009", True, newest_schema())
    with database.reader.connect() as connection:
        assert "sceau_rehearsal" not in sa.inspect(connection).get_schema_names()
    (copy,) = (tmp_path / "before-upgrade").iterdir()
    url = blank()
    again = restore_backup(Wish(copy, tmp_path / "again", database_url=url, ask=False))
    assert (again.rows_only, again.holds, again.logs) == (True, True, {"essai": 1})
    assert {check["name"] for check in again.checks} == {"chain", "records", "payloads"}
    assert "sceau verify --ledger" in " ".join(describe_restored(again, "fr"))
    database.close()


@pytest.mark.parametrize("revision", ["0001", "0004", "0007", "0009"])
def test_a_server_that_a_version_before_had_prepared_is_brought_to_this_one(tmp_path, blank, revision):
    """Until 0010 PostgreSQL was written for and not tested: a house may have tried it."""
    database = open_database(blank())
    command.upgrade(alembic_config(database.writer), revision)
    done = bring_up(database, tmp_path, lambda: packages.LATER)
    assert (done.before, done.switched, schema_here(database)) == (revision, True, newest_schema())
    with database.writing() as session:
        append_event(session, Event("essai", "clock", {}, Actor("system", ActorKind.SYSTEM), packages.LATER, "system", {}))
    database.close()
