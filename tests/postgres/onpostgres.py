"""Every home of the tests keeps its records in a database of its own on one PostgreSQL server, instead of a file.

In force where SCEAU_TEST_POSTGRES holds the server's URL; `sitecustomize` beside this file does the same in the processes that tests start.
"""

import ast
import hashlib
import os
import re
import shutil
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

VARIABLE = "SCEAU_TEST_POSTGRES"
TEMPLATE, PEOPLED = "sceau_blank", "sceau_peopled"
"""The tables of this version; the same with the practice accounts."""
FRENCH = "LOCALE_PROVIDER icu ICU_LOCALE 'fr-FR' LOCALE 'C.UTF-8'"
"""Words sort as they do in a French house, not by their bytes: what relies on the one must not work by the other alone."""
COPIED = "STRATEGY file_copy"
"""Three times as fast as through the log, where nothing is flushed."""
TESTS = Path(__file__).absolute().parent.parent
DATABASE = TESTS.parent / "station" / "records" / "database.py"
_STARTED = re.compile(r"bin/sceau|[\"']sceau[\"']|[\"']-m[\"'], [\"']station|TestClient|import_module")
"""How a test starts the program without importing it."""


@cache
def reaches_records(module: Path) -> bool:
    """Whether a module of tests imports what opens the records, itself or through what it imports, or starts the program.

    What does neither is the same on every database: it would do the same twice.
    """
    reached = _with_imported(module)
    return DATABASE in reached or any(path.parent == TESTS and _STARTED.search(path.read_text(encoding="utf-8")) for path in reached)


def _with_imported(module: Path) -> set[Path]:
    found, coming = set(), [module]
    while coming:
        path = coming.pop()
        if path not in found:
            found.add(path)
            coming += _imported(path)
    return found


@cache
def _imported(path: Path) -> frozenset[Path]:
    """Our own modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    ends = [f"{name.replace('.', '/')}{end}" for name in names for end in (".py", "/__init__.py")]
    return frozenset(place for end in ends for folder in (TESTS, TESTS.parent) if (place := folder / end).is_file())


def server_url() -> str:
    return os.environ[VARIABLE].rstrip("/")


@cache
def _server() -> sa.Engine:
    return sa.create_engine(f"{server_url()}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


def database_name(home: Path) -> str:
    return "home_" + hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:24]


@cache
def _ensured(name: str, template: str = TEMPLATE) -> str:
    with _server().connect() as connection:
        if not connection.scalar(sa.text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
            try:
                connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} {COPIED}")
            except ProgrammingError as error:
                if "already exists" not in str(error):
                    raise
    return f"{server_url()}/{name}"


def url_of(home: Path) -> str:
    """The home's database, made from the template at its first use."""
    return _ensured(database_name(home))


def people_home(home: Path) -> None:
    """A new home's database has the practice accounts, as `atwork` gives them to its file."""
    KNOWN.add(home.absolute())
    _ensured(database_name(home), PEOPLED)


def empty_home(home: Path) -> str:
    """The database of a home that is to come, made without tables: where a backup is restored to."""
    KNOWN.add(home.absolute())
    name = database_name(home)
    with _server().connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'UTF8' {FRENCH} TEMPLATE template0")
    return f"{server_url()}/{name}"


def drop_homes(under: Path) -> None:
    """Databases of the homes in a folder that a test leaves."""
    for home in [path for path in KNOWN if path.is_relative_to(under)]:
        KNOWN.discard(home)
        name = database_name(home)
        with _server().connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _ensured.cache_clear()


KNOWN: set[Path] = set()


def install() -> None:
    """From here on a home without a database of its own choice lies on the server."""
    from config.settings import Settings

    def url(settings: Settings) -> str:
        if settings.database_url:
            return settings.database_url
        KNOWN.add(settings.home.absolute())
        return url_of(settings.home)

    Settings.url = property(url)
    shutil.copytree = _copy_with_records(shutil.copytree)


def _copy_with_records(copytree):
    """A home's copy has a copy of its database."""

    def copy(source, target, *args, **kwargs):
        result = copytree(source, target, *args, **kwargs)
        for home in [path for path in KNOWN if path.is_relative_to(Path(source).absolute())]:
            twin = Path(target).absolute() / home.relative_to(Path(source).absolute())
            KNOWN.add(twin)
            with _server().connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {database_name(twin)} WITH (FORCE)")
                ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                connection.execute(sa.text(ending), {"name": database_name(home)})
                connection.exec_driver_sql(f"CREATE DATABASE {database_name(twin)} TEMPLATE {database_name(home)} {COPIED}")
        return result

    return copy


def make_template() -> None:
    """The tables of this version and the practice accounts, once for the whole run."""
    from station.records import people
    from station.records.database import migrate, open_database

    with _server().connect() as connection:
        for name in (TEMPLATE, PEOPLED):
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {TEMPLATE} ENCODING 'UTF8' {FRENCH} TEMPLATE template0")
    database = open_database(f"{server_url()}/{TEMPLATE}")
    migrate(database)
    database.close()
    with _server().connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {PEOPLED} TEMPLATE {TEMPLATE}")
    database = open_database(f"{server_url()}/{PEOPLED}")
    with database.writing() as session:
        people.ensure_practice(session)
    database.close()


if __name__ == "__main__":
    make_template()
