"""What several rooms' tests need once per session."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import expect

from sealing.keys import make_practice

UNHURRIED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
# A busy machine is no fault: what takes how long is for the benchmarks.
expect.set_options(timeout=30_000)
hypothesis.settings.register_profile("seeded", derandomize=True, **UNHURRIED)
hypothesis.settings.register_profile("searching", print_blob=True, **UNHURRIED)
# What holds for a hundred inputs on one database is asked of some of them on another.
hypothesis.settings.register_profile("again", derandomize=True, max_examples=25, **UNHURRIED)
# The same examples on every run of the same test; `make long` looks for new ones.
hypothesis.settings.load_profile(os.environ.get("EXAMPLES", "again" if "SCEAU_TEST_POSTGRES" in os.environ else "seeded"))


# Of kills, chaos and fuzzing; told on top of each run, and handed down to its workers.
os.environ.setdefault("SEED", "20261122")


def pytest_report_header():
    return f"seed of the faults: SEED={os.environ['SEED']}"


@pytest.fixture(scope="session")
def practice_keys(tmp_path_factory):
    """A folder of practice keys on P-256, quick to make; copied where a workstation would make its own."""
    folder = tmp_path_factory.mktemp("keys") / "practice"
    make_practice(folder, datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC), elliptic=True)
    return folder


@pytest.fixture(autouse=True, scope="module")
def _engine_ended():
    """A process has one engine: one that a test built and never stopped would have the next module's documents."""
    yield
    if "dbos" in sys.modules:
        sys.modules["dbos"].DBOS.destroy(destroy_registry=True)


LONGEST = ("test_survival", "test_chaos", "test_ease")
"""Modules that take minutes: begun first, so that nobody waits for one of them at the end."""


def _of_records(config, items):
    """What is SQLite's own is skipped; what cannot reach the records has run in `make test` and is not run twice."""
    left = [item for item in items if not onpostgres.reaches_records(item.path)]
    items[:] = [item for item in items if onpostgres.reaches_records(item.path)]
    config.hook.pytest_deselected(items=left)
    for item in items:
        if mark := item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason=mark.kwargs.get("reason", "of SQLite's own")))


def pytest_collection_modifyitems(config, items):
    if "SCEAU_TEST_POSTGRES" in os.environ:
        _of_records(config, items)
    items.sort(key=lambda item: item.path.stem not in LONGEST)


if "SCEAU_TEST_POSTGRES" in os.environ:
    # Records on a PostgreSQL server instead of a file: tests/on_postgres.sh.
    import onpostgres

    @pytest.fixture(autouse=True)
    def _dropped_afterwards(request):
        folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
        yield
        if folder is not None:
            onpostgres.drop_homes(folder)

    def pytest_sessionfinish(session):
        onpostgres.drop_homes(Path("/"))
