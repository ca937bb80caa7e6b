"""An installation's records move to another database whole, or not at all; killed anywhere, the same command ends it."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import killed_command
import pytest
import sqlalchemy as sa
import webhome
from typer.testing import CliRunner

from config.settings import Settings, StoreChoice
from station import move
from station.audit import audit_ledger
from station.cli import app
from station.move import CannotMove, Moved, move_records, undo_move
from station.records import documents
from station.records.database import Database, DatabaseRefused
from station.records.ledger import entities, tree_of
from station.search import tend_search
from station.slots import hold_slot
from station.workstation import Workstation, now, open_workstation

SERVER = os.environ.get("SCEAU_TEST_POSTGRES", "")


def settings_of(home: Path) -> Settings:
    return Settings(home=home, database_url=f"sqlite:///{home / 'sceau.db'}")


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with documents in every state, stopped."""
    home = tmp_path_factory.mktemp("pattern") / "home"
    opened = open_workstation(settings_of(home))
    station = Workstation(opened.settings, opened.database, opened.originals, opened.archives, clock=lambda: webhome.NOON)
    webhome.fill(station)
    station.database.close()
    return home


@pytest.fixture
def home(pattern: Path, tmp_path: Path) -> Path:
    shutil.copytree(pattern, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """A new database on the server where tests/on_postgres.sh started one; otherwise another file."""
    if not SERVER:
        yield f"sqlite:///{tmp_path / 'target.db'}"
        return
    name = f"move_{uuid4().hex[:12]}"
    engine = sa.create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        yield f"{SERVER}/{name}"
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(autouse=True)
def _tables_at_once(request: pytest.FixtureRequest, pattern: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrating a new file takes a second: once, in the first test, it is done as in the house."""
    if SERVER or "goes_on" in request.node.name:
        return

    def tables(database: Database) -> None:
        with closing(sqlite3.connect(pattern / "sceau.db")) as source:
            made = [
                sql
                for name, sql in source.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
                if not name.startswith(("search_index_", "sqlite_"))
            ]
            version = source.execute("SELECT version_num FROM alembic_version").fetchone()
        with database.writing() as session:
            if sa.inspect(session.get_bind()).has_table("document"):
                return
            for each in made:
                session.connection().exec_driver_sql(each)
            session.execute(sa.text("INSERT INTO alembic_version VALUES (:v)"), {"v": version[0]})

    monkeypatch.setattr(move, "migrate", tables)


def moved(home: Path, target: str, **options: str) -> Moved:
    return move_records(settings_of(home), target, now, lambda *_: None, **options)


def opened_at(home: Path, target: str, **changes: object) -> Workstation:
    return open_workstation(settings_of(home).model_copy(update={"database_url": target, **changes}))


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(CannotMove) as told:
        act()
    return told.value.reason


def test_everything_is_there_and_the_station_goes_on_where_it_moved_to(home, target):
    before = (home / "sceau.db").read_bytes()
    found = moved(home, target)
    assert found.tables["document"] > 5
    assert found.tables["ledger"] == found.heads["essai"][0]
    assert found.files > 0
    assert (home / "sceau.db").read_bytes() == before
    station = opened_at(home, target)
    assert [each.name for each in audit_ledger(station) if not each.ok and each.name in ("chain", "records", "originals", "archives")] == []
    with station.database.writing() as session:
        # The next number of a table follows the last one that came, and the log goes on.
        document = documents.list_documents(session).documents[0]
        documents.touch(document, now())
        assert tree_of(session, "essai").size == found.heads["essai"][0] + 1
        assert list(entities(session)) == ["essai"]
    tend_search(station)
    with station.database.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM search_text")) > 5
    station.database.close()


def test_where_the_records_were_nobody_writes_by_accident_any_more(home, target):
    moved(home, target)
    with pytest.raises(DatabaseRefused, match=r"sceau\.db\.moved"):
        open_workstation(settings_of(home))
    assert refusal(lambda: undo_move(settings_of(home))) == "moved"


PLACES = [
    "station.move:_copy_lot:after:60",
    "station.move:_compare_ledgers:before:1",
    "capture.stores:Folder.keep:before:1",
    "capture.stores:Folder.keep:after:3",
    "station.move:_release:before:1",
    "station.move:_release:after:1",
]


@pytest.mark.parametrize("place", PLACES)
def test_killed_in_the_middle_nothing_serves_and_the_same_command_ends_it(home, target, place, tmp_path, monkeypatch):
    (tmp_path / "share").mkdir()
    store = f"file://{tmp_path / 'share'}" if "stores" in place else ""
    (home / "sceau.toml").write_text(f'database_url = "sqlite:///{home / "sceau.db"}"\n', encoding="utf-8")
    killed_command.require_killed(home, place, "move", "--to", target, *(["--store", store] if store else []))
    with pytest.raises(DatabaseRefused):
        open_workstation(settings_of(home))
    if place.startswith("station.move:_release:after"):
        # All was done: only the words were not said any more.
        opened_at(home, target).database.close()
        assert refusal(lambda: moved(home, target)) == "moved"
        return
    with pytest.raises(DatabaseRefused):
        opened_at(home, target)
    monkeypatch.setattr(move, "LOT", 3)  # whatever the lots were before
    found = moved(home, target, store=store)
    assert found.tables["document"] > 5
    station = opened_at(home, target, **({"store": StoreChoice(url=store)} if store else {}))
    assert found.files == len(list(station.originals.names())) + len(list(station.archives.names()))
    assert all(each.ok for each in audit_ledger(station) if each.name in ("chain", "records", "originals", "archives"))
    station.database.close()


def test_a_target_that_is_not_empty_or_half_of_another_move_is_refused(home, target, pattern, tmp_path, monkeypatch):
    monkeypatch.setattr(move, "_copy_all", lambda *_: (_ for _ in ()).throw(CannotMove("stopped")))
    assert refusal(lambda: moved(home, target)) == "stopped"
    monkeypatch.undo()
    shutil.copytree(pattern, tmp_path / "other")
    assert refusal(lambda: moved(tmp_path / "other", target)) == "other-move"
    assert refusal(lambda: moved(home, target + "x")) == "elsewhere"
    moved(home, target)
    undo_move(settings_of(tmp_path / "other"))
    assert refusal(lambda: moved(tmp_path / "other", target)) == "not-empty"


def test_a_working_station_is_not_moved(home, target):
    with hold_slot(home, "serve"):
        assert refusal(lambda: moved(home, target)) == "working"
    assert not (home / "sceau.db.moved").exists()


def test_given_up_the_station_goes_on_where_it_was(home, target, monkeypatch):
    monkeypatch.setattr(move, "_copy_all", lambda *_: (_ for _ in ()).throw(CannotMove("stopped")))
    assert refusal(lambda: moved(home, target)) == "stopped"
    undo_move(settings_of(home))
    open_workstation(settings_of(home)).database.close()


def test_a_row_that_differs_is_found_and_nothing_serves(home, target, monkeypatch):
    finish = move._finish_tables

    def change(database, tables):
        finish(database, tables)
        with database.writing() as session:
            session.execute(sa.text("UPDATE document SET title = 'another' WHERE id = (SELECT min(id) FROM document)"))

    monkeypatch.setattr(move, "_finish_tables", change)
    with pytest.raises(CannotMove, match="document"):
        moved(home, target)
    with pytest.raises(DatabaseRefused):
        opened_at(home, target)


def test_a_kept_file_that_is_damaged_stops_the_move(home, target):
    path = next(each for each in (home / "originals").rglob("*") if each.is_file())
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    assert refusal(lambda: moved(home, target)) == "file"


def test_the_files_move_too_where_a_store_is_named(home, target, tmp_path):
    (tmp_path / "share").mkdir()
    url = f"file://{tmp_path / 'share'}"
    found = moved(home, target, store=url)
    shutil.rmtree(home / "originals")
    station = opened_at(home, target, store=StoreChoice(url=url))
    with station.database.reading() as session:
        assert {station.originals.verify(sha) for room, sha in move.kept_files(session) if room == "originals"} == {"sound"}
    assert found.files == len(list(station.originals.names())) + len(list(station.archives.names()))
    station.database.close()


def test_the_command_says_what_was_compared_and_which_line_to_change(home, target):
    environment = {"SCEAU_HOME": str(home)}
    (home / "sceau.toml").write_text(f'database_url = "sqlite:///{home / "sceau.db"}"\n', encoding="utf-8")
    told = CliRunner().invoke(app, ["move", "--to", target], env=environment)
    assert told.exit_code == 0, told.output
    assert 'database_url = "' in told.output
    assert "essai" in told.output
    again = CliRunner().invoke(app, ["move", "--to", target], env=environment)
    assert (again.exit_code, "déjà" in again.output) == (1, True)


def test_an_address_of_no_database_is_refused_without_its_password(home):
    with pytest.raises(CannotMove) as told:
        moved(home, "no address:secret@host")
    assert "secret" not in str(told.value)


def test_a_password_in_an_address_is_not_told(home):
    assert "secret" not in move.shown_address("postgresql://sceau:secret@host/sceau")
