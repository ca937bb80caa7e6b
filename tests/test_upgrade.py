"""An upgrade is rehearsed on a copy, verified there and then made; from every version that was released, and never by halves."""

import io
import json
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import killed_command
import packages
import pytest
import sqlalchemy as sa
from alembic import command
from fastapi.testclient import TestClient

from station import rehearsal
from station.audit import audit_ledger
from station.records.database import alembic_config, open_database
from station.records.tables import Document, State
from station.rehearsal import UpgradeFailed, bring_up, newest_schema, schema_here, upgrade
from station.rows import kept_tables, read_rows, snapshot_of, write_rows
from station.slots import hold_slot
from station.web.app import build_app
from station.workstation import open_workstation

# Homes of the versions before are made here as files: until 0010 PostgreSQL was written for and not tested.
pytestmark = pytest.mark.sqlite(reason="upgrades of a server's tables are in test_backup_postgres.py")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RELEASED = [f"{number:04d}" for number in range(1, 10)]
_KEPT = TemporaryDirectory()


@cache
def recent() -> Path:
    """A home of this version with sealed documents, made once."""
    workstation = packages.small_home(Path(_KEPT.name) / "home", 1)
    workstation.database.close()
    return workstation.home


@cache
def rows_now() -> dict[str, list[bytes]]:
    """Its rows, as a backup writes them."""
    told = {}
    database = open_database(f"sqlite:///{recent() / 'sceau.db'}")
    with snapshot_of(database.reader) as connection:
        for table in kept_tables(connection):
            target = io.BytesIO()
            write_rows(connection, table, target)
            told[table.name] = target.getvalue().splitlines()
    database.close()
    return told


def earlier_home(folder: Path, revision: str) -> Path:
    """A home as the version of `revision` left it: its tables, and in them what of these rows it knew."""
    for name in ("originals", "archive", "keys"):
        shutil.copytree(recent() / name, folder / name)
    database = open_database(f"sqlite:///{folder / 'sceau.db'}")
    command.upgrade(alembic_config(database.writer), revision)
    with database.writer.begin() as connection:
        for table in kept_tables(connection):
            head, *rows = [json.loads(line) for line in rows_now()[table.name]]
            names = set(table.columns.keys())
            head["columns"] = {name: kind for name, kind in head["columns"].items() if name in names}
            told = [head, *({name: value for name, value in row.items() if name in names} for row in rows)]
            read_rows(connection, table, [json.dumps(each).encode() for each in told])
    database.close()
    return folder


@pytest.mark.parametrize("revision", RELEASED)
def test_a_home_of_every_released_version_opens_with_its_documents_and_its_ledger(tmp_path, revision):
    home = earlier_home(tmp_path / "home", revision)
    workstation = open_workstation(packages.atwork.quick(home))
    assert schema_here(workstation.database) == newest_schema()
    assert len(list((home / "before-upgrade").glob(f"sceau-{revision}-*.db"))) == 1
    told = {check.name: check.ok for check in audit_ledger(workstation) if check.name in ("chain", "records", "originals", "archives")}
    assert told == {"chain": True, "records": True, "originals": True, "archives": True}
    with workstation.database.reading() as session:
        document = session.scalars(sa.select(Document).where(Document.state == State.SEALED)).first()
    browser = TestClient(build_app(workstation, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 303
    assert [browser.get(path).status_code for path in ("/", "/documents", f"/documents/{document.id}", "/ledger")] == [200] * 4
    workstation.database.close()


@pytest.fixture
def old_home(tmp_path):
    home = earlier_home(tmp_path / "home", "0009")
    database = open_database(f"sqlite:///{home / 'sceau.db'}")
    yield home, database
    database.close()


def content(database) -> dict[str, list[bytes]]:
    with snapshot_of(database.reader) as connection:
        found = {}
        for table in kept_tables(connection):
            target = io.BytesIO()
            write_rows(connection, table, target)
            found[table.name] = target.getvalue().splitlines()
        return found


def test_a_rehearsal_tells_what_an_upgrade_would_do_and_changes_nothing(old_home):
    home, database = old_home
    before = content(database)
    done = upgrade(database, home, lambda: NOON, switch=False)
    assert (done.before, done.after, done.switched, done.entries > 0, done.rows > 0) == ("0009", newest_schema(), False, True, True)
    assert content(database) == before
    assert list((home / "before-upgrade").iterdir()) == []


def test_an_upgrade_that_fails_on_the_copy_leaves_the_tables_as_they_were_and_says_so(old_home, monkeypatch):
    home, database = old_home
    before = content(database)
    real = command.upgrade

    def half(config, revision):
        with config.attributes["engine"].begin() as connection:
            connection.execute(sa.text("DELETE FROM finding"))
            connection.execute(sa.text("DELETE FROM page"))
        real(config, revision)

    monkeypatch.setattr(rehearsal.command, "upgrade", half)
    with pytest.raises(UpgradeFailed) as caught:
        bring_up(database, home, lambda: NOON)
    assert caught.value.step == "verify"
    assert "intactes" in caught.value.words()
    assert content(database) == before


def test_a_switch_that_breaks_off_in_its_middle_is_undone_as_a_whole(old_home, monkeypatch):
    home, database = old_home
    before = content(database)

    def broken(found):
        with found.writer.connect() as connection:
            connection.execute(sa.text("CREATE TABLE half (id INTEGER)"))
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '0010'"))
            raise OSError("power")

    monkeypatch.setattr(rehearsal, "migrate", broken)
    with pytest.raises(UpgradeFailed) as caught:
        bring_up(database, home, lambda: NOON)
    assert (caught.value.step, caught.value.copy.exists()) == ("switch", True)
    assert (content(database), schema_here(database)) == (before, "0009")


@pytest.mark.parametrize(
    ("place", "schema"),
    [
        ("station.rehearsal:_copied:after:1", "0009"),
        ("station.rehearsal:_rehearsed:after:1", "0009"),
        # So many statements has the rehearsal; of the switch itself most have run.
        ("alembic.ddl.impl:DefaultImpl._exec:after:60", "0009"),
        ("station.rehearsal:migrate:after:1", newest_schema()),
    ],
)
def test_an_upgrade_that_is_killed_is_not_begun_or_done_and_the_next_start_ends_it(old_home, place, schema):
    home, database = old_home
    before = content(database)
    killed_command.require_killed(home, place, "upgrade")
    assert (schema_here(database), schema == "0009" and content(database) != before) == (schema, False)
    bring_up(database, home, lambda: NOON)
    assert schema_here(database) == newest_schema()
    workstation = open_workstation(packages.atwork.quick(home))
    assert all(check.ok for check in audit_ledger(workstation) if check.name in ("chain", "records", "originals", "archives"))
    workstation.database.close()


def test_nothing_is_upgraded_under_a_running_workstation(old_home):
    home, database = old_home
    with hold_slot(home, "serve", 1), pytest.raises(UpgradeFailed, match="serve-0"):
        bring_up(database, home, lambda: NOON)
    assert bring_up(database, home, lambda: NOON).switched


def test_data_of_a_newer_version_are_refused_with_words(old_home):
    home, database = old_home
    with database.writer.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(UpgradeFailed) as caught:
        bring_up(database, home, lambda: NOON)
    assert caught.value.words("en").startswith("These data are of a newer version")
