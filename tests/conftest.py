"""What several rooms' tests need once per session."""

from datetime import UTC, datetime

import pytest

from sealing.keys import make_practice


@pytest.fixture(scope="session")
def practice_keys(tmp_path_factory):
    """A folder of practice keys on P-256, quick to make; copied where a workstation would make its own."""
    folder = tmp_path_factory.mktemp("keys") / "practice"
    make_practice(folder, datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC), elliptic=True)
    return folder
