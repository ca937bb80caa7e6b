"""Real files, where somebody has some: SAMPLES names a folder with `scanfiles` and `conformity`; a clone has none, and says so."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atwork
import pytest

from sealing.keys import load_trust
from sealing.verify import verify_file
from station import acts
from station.records.tables import Document, State
from station.workstation import Workstation

pytestmark = [pytest.mark.samples, pytest.mark.long]


def sample_files() -> list[Path]:
    folder = Path(os.environ.get("SAMPLES") or "")
    found = sorted(path for part in ("scanfiles", "conformity") for path in (folder / part).glob("*") if path.suffix != ".json")
    if not os.environ.get("SAMPLES") or not found:
        print("no real samples: set SAMPLES to a folder that holds scanfiles/ and conformity/")
        pytest.skip("no real samples (SAMPLES)")
    return found


@pytest.fixture(scope="module")
def station(tmp_path_factory, practice_keys) -> Workstation:
    return atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)


@pytest.fixture(scope="module")
def work(station) -> Iterator[atwork.Work]:
    with atwork.pipeline_of(station) as work:
        yield work


@pytest.fixture(scope="module")
def judged(station, work) -> list[Document]:
    ids = [atwork.take_in(station, path) for path in sample_files()]
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(work, ids))


@pytest.fixture(scope="module")
def treated(station, work, judged) -> list[Document]:
    held = [document.id for document in judged if "treat" in acts.offered_choices(document)]
    with station.database.writing() as session:
        for document_id in held:
            acts.decide(session, document_id, "treat", "essai", atwork.somebody(session), station.clock())
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(work, held))


def told(document: Document) -> tuple[str, str, str | None, str | None]:
    return document.title, document.state, document.problem, document.problem_detail


def test_every_file_ends_archived_or_held_with_a_reason(judged):
    assert [told(d) for d in judged if d.state not in (State.SEALED, State.HELD)] == []
    assert [d.title for d in judged if d.state == State.HELD and not d.findings] == []


def test_every_held_document_that_may_be_treated_is_then_sealed(treated):
    assert [told(d) for d in treated if d.state != State.SEALED] == []


def test_every_archive_verifies(station, judged, treated):
    trust = load_trust(station.home / "keys" / "practice" / "root.pem")
    sealed = [document for document in (*judged, *treated) if document.state == State.SEALED]
    verified = {document.title: verify_file(atwork.archive_path(station, document), trust) for document in sealed}
    assert {title: [c for c in each.checks if not c.ok] for title, each in verified.items() if not each.valid} == {}
