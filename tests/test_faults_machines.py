"""A machine that loses its network or its time in the middle of a document, and comes back: another finishes it, nothing is done twice."""

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import killed
import pytest
import sqlalchemy as sa
from faults import PLUG, UNPLUG, Machine, begin, durable_server, ended, log_of, machines, made_database, prepare, require_whole, sealed_by
from objectserver import new_bucket, object_server
from ownserver import OwnServer

from config.settings import StoreChoice
from station.checkpoints import log_key
from station.leftovers import LEFT_SECONDS, clear_leftovers
from station.workstation import open_workstation

pytestmark = pytest.mark.long
SILENT_SECONDS = 25
"""Longer than a living machine lets another be silent (`documents.DEAD_AFTER`)."""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with durable_server("*") as server:
        yield server


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[str, tuple[Machine, ...]]]:
    with machines(2) as made:
        yield made


@pytest.fixture
def bucket(network, monkeypatch) -> Iterator[str]:
    """At the same switch."""
    monkeypatch.setenv("SCEAU_STORE_KEY", "key")
    monkeypatch.setenv("SCEAU_STORE_SECRET", "secret")
    with object_server(at=network[0]) as endpoint:
        yield f"s3://{new_bucket(endpoint)}/house?endpoint={endpoint}"


@pytest.mark.parametrize("place", ["station.pipeline:Pipeline._read:before:1", "station.pipeline:Pipeline._note_proved:before:1"])
@pytest.mark.parametrize("fault", ["unplugged", "paused", "killed"])
def test_the_document_of_a_lost_machine_is_finished_by_another_and_nothing_is_written_twice_if_it_comes_back(
    server, network, bucket, tmp_path, practice_keys, fault, place
):
    ours, (first, second) = network
    name = f"{fault}_{place.split('_')[1].split(':')[0]}"
    url = made_database(server, name)
    share, one, two = tmp_path / "share", tmp_path / "one", tmp_path / "two"
    share.mkdir()
    prepare(one, practice_keys)
    prepare(two, practice_keys, scans=0)
    log_key(one, killed.quick(one).entity)
    shutil.copytree(one / "keys" / "ledger", two / "keys" / "ledger")  # as one who sets a second machine up is told to
    # Who loses its cable loses the store with the database.
    store = bucket if fault == "unplugged" else f"file://{share}"
    told = {"KILLED_DATABASE": str(sa.make_url(url).set(host=ours)), "KILLED_STORE": store}
    command = {
        "unplugged": f"{UNPLUG}; touch {one}/reached; (sleep {SILENT_SECONDS}; {PLUG}) > /dev/null 2>&1 &",
        "paused": f"touch {one}/reached; kill -STOP $PPID",
        "killed": f"touch {one}/reached; kill -KILL $PPID",
    }[fault]
    lost = begin(one, place, command, first.within, **told)
    other = None
    try:
        until = time.monotonic() + 200
        while not (one / "reached").exists() and time.monotonic() < until:
            assert fault == "killed" or lost.poll() is None, log_of(one).read_text()[-3000:]
            time.sleep(0.2)
        other = begin(two, "-", "", second.within, KILLED_KIND="work", **told)
        assert sealed_by(url, 200), log_of(two).read_text()[-3000:]
        if fault == "paused":
            lost.send_signal(signal.SIGCONT)
        ended(other, two)
        if fault == "killed":
            assert lost.wait(10) == -signal.SIGKILL
        else:
            ended(lost, one)
    finally:
        for each in (lost, other):
            if each is not None:
                with suppress(ProcessLookupError):
                    each.send_signal(signal.SIGCONT)
                    each.kill()
    settings = killed.quick(one).model_copy(update={"database_url": url, "store": StoreChoice(url=store)})
    workstation = open_workstation(settings)
    # What a dead machine sealed and nobody noted goes when its home is tended again.
    clear_leftovers(workstation, time.time() + 2 * LEFT_SECONDS)
    require_whole(workstation)
