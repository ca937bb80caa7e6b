"""Two machines, simulated as two homes on one PostgreSQL server and one store: what one makes the other shows and finishes."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import papers
import pytest
import sqlalchemy as sa
from atwork import open_home, take_in
from killed import quick
from objectserver import new_bucket, object_server
from test_postgres import made, on_a_server
from walked import signed_in

from capture.stores import StoreAway
from config.settings import Settings, StoreChoice, Unusable
from station import derived
from station.audit import audit_ledger
from station.checkpoints import log_key
from station.derived import derived_path, derived_root, drop_derived, preview_name, preview_path, publish
from station.figures import figures_now, note_lost, outages_since, write_tallies
from station.jobs import QUEUES
from station.machines import claim_dead, forget_erased, missing_workers, require_ledger_keys
from station.particulars import texts_of
from station.reception import take_path
from station.records import documents, people
from station.records.tables import Archive, Document, LedgerPayload, State, Worker
from station.records.tallies import totals
from station.running import Running
from station.slots import executor_of, hold_slot, home_number, is_held
from station.web.metrics import exposition
from station.workstation import Workstation, open_workstation

SCANS = 8


# --- names ---


def test_a_slot_of_another_home_is_judged_by_its_heartbeat_alone(tmp_path):
    here, there = tmp_path / "a", tmp_path / "b"
    with hold_slot(here, "work") as slot:
        assert (slot, executor_of(here, slot, shared=False)) == ("work-0", "work-0")
        shared = executor_of(here, slot, shared=True)
        assert (is_held(here, shared), is_held(there, shared)) == (True, None)
    assert is_held(here, shared) is False


def test_a_home_that_was_copied_is_another_machine(tmp_path):
    number = home_number(tmp_path / "a")
    assert number == home_number(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert number != home_number(tmp_path / "b")


def test_a_home_on_a_cloned_disk_is_another_machine_once_the_machine_has_an_id_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("station.slots.MACHINE", tmp_path / "machine-id")
    (tmp_path / "machine-id").write_text("a")
    number = home_number(tmp_path / "home")
    assert number == home_number(tmp_path / "home")
    (tmp_path / "machine-id").write_text("b")
    assert number != home_number(tmp_path / "home")


# --- what was derived ---


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with object_server() as address:
        yield address


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path, endpoint, monkeypatch) -> StoreChoice:
    """One that two machines share."""
    monkeypatch.setenv("SCEAU_STORE_KEY", "key")
    monkeypatch.setenv("SCEAU_STORE_SECRET", "secret")
    if request.param == "bucket":
        return StoreChoice(url=f"s3://{new_bucket(endpoint)}/house?endpoint={endpoint}")
    (tmp_path / "share").mkdir()
    return StoreChoice(url=f"file://{tmp_path}/share")


def test_what_one_machine_derived_the_other_sees_until_it_is_erased(tmp_path, store):
    a, b = (Settings(home=tmp_path / name, store=store) for name in "ab")
    name = Path("readings") / "d1" / "1.json"
    made_here = derived_path(a, name)
    made_here.parent.mkdir(parents=True)
    made_here.write_text("{}")
    publish(a, name)
    assert derived_path(b, name).read_text() == "{}"
    drop_derived(a, "d1")
    workstation = open_workstation(b)
    forget_erased(workstation)
    workstation.database.close()
    assert not derived_path(b, name).exists()


@pytest.fixture
def away(tmp_path, monkeypatch) -> Settings:
    """A home whose bucket does not answer."""
    monkeypatch.setenv("SCEAU_STORE_KEY", "key")
    monkeypatch.setenv("SCEAU_STORE_SECRET", "secret")
    return Settings(home=tmp_path / "home", store=StoreChoice(url=f"s3://none/{tmp_path.name}?endpoint=http://127.0.0.1:9"))


def test_words_in_a_bucket_that_is_away_are_not_missing_and_a_preview_can_be_done_without(away):
    with pytest.raises(StoreAway):
        derived_path(away, Path("readings/d1/1.json"))
    assert not preview_path(away, "d1", 1, "page", 1, settled=True).exists()


def test_a_bucket_that_did_not_answer_is_asked_nothing_more_for_a_while(away, monkeypatch):
    asked: list[Path] = []
    fetch = derived._fetch
    monkeypatch.setattr(derived, "_fetch", lambda settings, name, path: (asked.append(name), fetch(settings, name, path)))
    for number in range(9):
        preview_path(away, f"d{number}", 1, "thumb", 1, settled=True)
    assert len(asked) == 1
    derived._away.clear()
    preview_path(away, "d1", 1, "page", 1, settled=True)
    assert len(asked) == 2


def test_a_page_that_was_judged_anew_elsewhere_is_shown_as_it_is_now(tmp_path, store):
    a, b = (Settings(home=tmp_path / name, store=store) for name in "ab")

    def shown(attempt: int) -> str | None:
        path = preview_path(b, "d1", 1, "page", attempt, settled=True)
        return path.read_text() if path.exists() else None

    for attempt in (1, 2):
        name = preview_name(a, "d1", 1, "page", attempt)
        path = derived_root(a) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"page of attempt {attempt}")
        publish(a, name)
        assert shown(attempt) == f"page of attempt {attempt}"
    # One that failed before anything was judged shows the one before it.
    assert shown(3) == "page of attempt 2"


def test_words_that_a_home_kept_to_itself_before_are_shared_and_none_of_what_was_erased(tmp_path, store):
    a, b = (Settings(home=tmp_path / name, store=store) for name in "ab")
    names = [Path("readings") / each / "1.json" for each in ("lives", "gone", "erased-meanwhile")]
    for name in names:
        (a.home / name).parent.mkdir(parents=True)
        (a.home / name).write_text("{}")
    asked: list[set[str]] = []

    def lives(found: set[str]) -> set[str]:
        asked.append(found)
        return found & ({"lives", "erased-meanwhile"} if len(asked) == 1 else {"lives"})

    assert [derived.forget_copies(a, lives) for _ in range(2)] == [1, 0]
    assert [derived_path(b, name).exists() for name in names] == [True, False, False]
    assert len(asked) == 3  # Shared once.


# --- who is dead ---


def test_who_works_without_a_row_is_given_the_time_of_a_heartbeat_each_time_it_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("station.running.DEAD_AFTER", timedelta(seconds=0.2))
    taken: list[str] = []
    monkeypatch.setattr("station.jobs.Engine.executors_at_work", lambda _: {"work-0@elsewhere"})
    monkeypatch.setattr("station.jobs.Engine.take_over", lambda _, name: len(taken.append(name) or taken))
    running = Running(open_home(tmp_path / "home"), "work", "work-0", watch=False)
    try:
        counts = []
        for pause in (0, 0, 0.3, 0):
            time.sleep(pause)
            running._beat_and_bury()
            counts.append(len(taken))
        assert counts == [0, 0, 1, 1]
    finally:
        running._engine.stop()
        running._pipeline.stop()


def test_an_outage_that_a_worker_lived_through_is_counted_once_it_is_over(tmp_path, monkeypatch):
    workstation, over = open_home(tmp_path / "home"), [41.0, None]
    monkeypatch.setattr("station.running.tell_over", lambda: over.pop(0))
    monkeypatch.setattr("station.jobs.Engine.executors_at_work", lambda _: set())
    running = Running(workstation, "work", "work-0", watch=False)
    try:
        running._beat_and_bury()
        running._beat_and_bury()
        write_tallies(workstation)
        with workstation.database.reading() as session:
            found = outages_since(session, workstation.clock() - timedelta(hours=1))
            told = exposition(figures_now(session), totals(session), None).decode()
        assert found is not None and (found.count, found.lasted) == (1, timedelta(seconds=41))
        assert f'sceau_database_outages_total{{worker="{running._executor}"}} 1.0' in told
    finally:
        running._engine.stop()
        running._pipeline.stop()


def test_who_was_taken_for_dead_and_is_back_is_told_as_lost_no_more_once_it_ends_in_order(tmp_path):
    workstation = open_home(tmp_path / "home")
    running = Running(workstation, "work", "work-0", watch=False)
    try:
        running._beat()
        with workstation.database.writing() as session:
            note_lost(session, running._executor, workstation.clock())
            documents.end_worker(session, running._executor)
            assert missing_workers(session, workstation.clock())
        running._beat()
        with workstation.database.writing() as session:
            documents.end_worker(session, running._executor)
            assert missing_workers(session, workstation.clock()) == []
    finally:
        running._engine.stop()
        running._pipeline.stop()


def test_of_two_who_find_a_worker_silent_one_takes_over_and_none_where_it_is_back(tmp_path):
    workstation = open_home(tmp_path / "home")
    at = workstation.clock()
    with workstation.database.writing() as session:
        documents.beat(session, "work-0@elsewhere", "work", 1, at)
        session.flush()
        assert not claim_dead(session, "work-0@elsewhere", at - timedelta(seconds=1))
        assert [claim_dead(session, "work-0@elsewhere", at) for _ in range(2)] == [True, False]


# --- two machines at work ---


class Machine:
    """A home of its own, its settings in a file, and processes that run on it."""

    def __init__(self, home: Path, url: str, store: StoreChoice, first: "Machine | None" = None) -> None:
        self.home, self.url, self.store = home, url, store
        home.mkdir()
        if first is not None:
            shutil.copytree(first.home / "keys", home / "keys")
        (home / "sceau.toml").write_text(
            f'database_url = "{url}"\n[reading]\nengine = "tesseract"\nlanguages = "eng"\n[store]\nurl = "{store.url}"\n'
            "[intake]\npoll_seconds = 0.1\nquiet_seconds = 0.2\ngrowing_seconds = 0.5\n"
        )

    def open(self) -> Workstation:
        return open_workstation(quick(self.home).model_copy(update={"database_url": self.url, "store": self.store}))

    @contextmanager
    def running(self, *command: str, patch: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """`sceau COMMAND` with a shorter patience for the dead; `patch` is run before it."""
        short = "from datetime import timedelta; import station.running as r; r.DEAD_AFTER = timedelta(seconds=3)"
        code = f"{short}\n{patch}\nimport sys; sys.argv = ['sceau', *{list(command)!r}]\nfrom station.cli import app; app()"
        process = subprocess.Popen(
            [sys.executable, "-c", code], env={**os.environ, "SCEAU_HOME": str(self.home)}, stderr=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def machines(tmp_path, practice_keys, store) -> Iterator[tuple[Machine, Machine]]:
    with made() as url:
        a = Machine(tmp_path / "a", url, store)
        shutil.copytree(practice_keys, a.home / "keys" / "practice")
        workstation = a.open()
        with workstation.database.writing() as session:
            people.ensure_practice(session)
        workstation.database.close()
        yield a, Machine(tmp_path / "b", url, store, first=a)


def port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def until(settled: Callable[[], object], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not settled():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def states_in(workstation: Workstation) -> list[State]:
    with workstation.database.reading() as session:
        return list(session.scalars(sa.select(Document.state)))


def executors_of(workstation: Workstation) -> set[str]:
    """Who finished stories, as the engine noted it."""
    with workstation.database.reading() as session:
        return set(session.execute(sa.text("SELECT executor_id FROM dbos.workflow_status WHERE status = 'SUCCESS'")).scalars())


def paper(folder: Path, seed: int) -> Path:
    return papers.write_png(
        folder / f"{seed}.png", papers.draw_page([f"Invoice F-2026-{seed:04}", "Total 12.30"], size=(420, 300), seed=seed)
    )


@on_a_server
def test_what_comes_in_on_one_machine_is_sealed_by_either_and_shown_by_both(machines, tmp_path):
    a, b = machines
    workstation = a.open()
    # Both know the ledger's key before either signs: as one who sets a second machine up is told to.
    from station.checkpoints import log_key

    log_key(a.home, workstation.settings.entity)
    shutil.copytree(a.home / "keys", b.home / "keys", dirs_exist_ok=True)
    folder = a.home / "stations" / "demo"
    folder.mkdir(parents=True)
    with a.running("serve", "--port", port()), b.running("work"):
        until(lambda: len(_workers(workstation)) == 2)
        for seed in range(SCANS):
            paper(tmp_path, seed).rename(folder / f"{seed}.png")
        until(lambda: states_in(workstation).count(State.SEALED) == SCANS)
        assert {host for _, host in _workers(workstation)} == {socket.gethostname()[:80]}
    assert executors_of(workstation) == {f"serve-0@{home_number(a.home)}", f"work-0@{home_number(b.home)}"}
    desk = signed_in(workstation, "responsable", "essai")
    with workstation.database.reading() as session:
        found = documents.list_documents(session).documents
        for document in found:
            assert workstation.light_image(document, 1).is_file()
            assert workstation.light_image(document, 1, "thumb").is_file()
            assert texts_of(document, workstation.settings)
            for address in (
                f"/documents/{document.id}",
                f"/documents/{document.id}/sealed.pdf",
                f"/documents/{document.id}/pages/1/page.jpg",
            ):
                assert desk.get(address).status_code == 200, address
    assert [each.name for each in audit_ledger(workstation) if not each.ok] == []
    workstation.database.close()


@on_a_server
def test_two_machines_work_no_more_documents_at_once_than_both_together_may(machines, tmp_path):
    a, b = machines
    for each in machines:
        with (each.home / "sceau.toml").open("a") as file:
            file.write("[work]\ndocuments_everywhere = 1\n")
    workstation = a.open()
    log_key(a.home, workstation.settings.entity)
    shutil.copytree(a.home / "keys", b.home / "keys", dirs_exist_ok=True)
    for seed in range(3):
        take_path(workstation, workstation.settings.stations[0], paper(tmp_path, seed), f"{seed:032x}")
    at_work: list[int] = []

    def settled() -> bool:
        pending = sa.text("SELECT count(*) FROM dbos.workflow_status WHERE status = 'PENDING' AND queue_name = :queue")
        with workstation.database.reading() as session:
            at_work.append(session.scalar(pending, {"queue": QUEUES["document"]}))
        return states_in(workstation).count(State.SEALED) == 3

    with a.running("work"), b.running("work"):
        until(lambda: len(_workers(workstation)) == 2)
        until(lambda: _engine_is_there(workstation))
        until(settled)
    assert max(at_work) == 1
    workstation.database.close()


def _engine_is_there(workstation: Workstation) -> bool:
    """A worker beats before it has made the engine's tables."""
    with workstation.database.reading() as session:
        return session.scalar(sa.text("SELECT to_regclass('dbos.workflow_status')")) is not None


def _workers(workstation: Workstation) -> list[tuple[str, str]]:
    with workstation.database.reading() as session:
        return [(worker.executor, worker.host) for worker in session.query(Worker)]


# Holds the worker at a named step, where the test stops it.
PAUSE = """
import time, pathlib, station.pipeline as p
step = p.Pipeline.{step}
def held(self, job):
    done = step(self, job) if "{moment}" == "after" else None
    pathlib.Path("{mark}").touch()
    while not pathlib.Path("{mark}.go").exists():
        time.sleep(0.05)
    return done if "{moment}" == "after" else step(self, job)
held.__name__ = "{step}"
p.Pipeline.{step} = held
"""


@on_a_server
@pytest.mark.parametrize(
    ("store", "step", "moment", "how"),
    [("folder", "_read", "before", signal.SIGKILL), ("folder", "_prove", "after", signal.SIGSTOP)],
    indirect=["store"],
)
def test_a_worker_of_another_machine_that_dies_or_pauses_is_taken_over_and_writes_nothing_twice(machines, tmp_path, step, moment, how):
    a, b = machines
    workstation = a.open()
    from station.checkpoints import log_key

    log_key(a.home, workstation.settings.entity)
    shutil.copytree(a.home / "keys", b.home / "keys", dirs_exist_ok=True)
    document_id = take_in(workstation, paper(tmp_path, 1))
    mark = tmp_path / "mark"
    with b.running("work", patch=PAUSE.format(step=step, moment=moment, mark=mark)) as lost:
        until(mark.exists)
        lost.send_signal(how)
        with a.running("work"):
            until(lambda: states_in(workstation) == [State.SEALED])
            Path(f"{mark}.go").touch()
            if how == signal.SIGSTOP:
                lost.send_signal(signal.SIGCONT)
                # It beats again, and has met what became of its work.
                until(lambda: f"work-0@{home_number(b.home)}" in dict(_workers(workstation)))
                time.sleep(1.5)
    with workstation.database.reading() as session:
        document = documents.get_document(session, document_id)
        assert (document.state, session.query(Archive).count()) == (State.SEALED, 1)
        sealed = session.query(LedgerPayload).filter_by(document_id=document_id, type="sealed").count()
        assert sealed == 1
        assert workstation.archives.verify(document.archives[0].sha256, ".pdf").name == "SOUND"
    assert [each.name for each in audit_ledger(workstation) if not each.ok] == []
    workstation.database.close()


@on_a_server
def test_a_machine_without_the_ledgers_key_does_not_begin(tmp_path, practice_keys):
    with made() as url:
        (tmp_path / "share").mkdir()
        store = StoreChoice(url=f"file://{tmp_path}/share")
        workstation = Machine(tmp_path / "a", url, store).open()
        require_ledger_keys(workstation)
        with workstation.database.writing() as session:
            moment = workstation.clock()
            session.execute(
                sa.text("INSERT INTO checkpoint (entity, size, note, made_at) VALUES (:e, 1, 'n', :at)"), {"e": "demo", "at": moment}
            )
        with pytest.raises(Unusable, match="demo"):
            require_ledger_keys(workstation)
        workstation.database.close()


@pytest.mark.sqlite  # a home with a database of its own
def test_a_home_that_was_restored_without_its_keys_does_not_begin_and_draws_none(tmp_path):
    workstation = open_home(tmp_path / "home")
    require_ledger_keys(workstation)
    with workstation.database.writing() as session:
        moment = workstation.clock()
        session.execute(sa.text("INSERT INTO checkpoint (entity, size, note, made_at) VALUES ('essai', 1, 'n', :at)"), {"at": moment})
    with pytest.raises(Unusable, match="Remettez le dossier keys/"):
        require_ledger_keys(workstation)
    assert not list((workstation.home / "keys" / "ledger").glob("*"))
    log_key(workstation.home, "essai")
    require_ledger_keys(workstation)
    workstation.database.close()


@on_a_server
def test_a_machine_without_the_ledgers_key_does_not_begin_beside_one_that_has_not_signed_yet(tmp_path, practice_keys):
    with made() as url:
        (tmp_path / "share").mkdir()
        store = StoreChoice(url=f"file://{tmp_path}/share")
        first, second = (Machine(tmp_path / name, url, store).open() for name in "ab")
        require_ledger_keys(first)
        with first.database.writing() as session:
            documents.beat(session, executor_of(first.home, "serve-0", shared=True), "serve", 1, first.clock())
        require_ledger_keys(first)
        with pytest.raises(Unusable, match=first.settings.entity):
            require_ledger_keys(second)
        shutil.copytree(first.home / "keys" / "ledger", second.home / "keys" / "ledger")
        require_ledger_keys(second)
        joined = replace(second, settings=second.settings.model_copy(update={"companies": {"filiale": second.settings}}))
        with pytest.raises(Unusable, match="filiale"):
            require_ledger_keys(joined)
        # The one that serves draws the key of a company that joins, beside workers that run; so does anyone beside the dead.
        require_ledger_keys(joined, serves=True)
        (second.home / "keys" / "ledger" / "filiale.pem").unlink()
        with first.database.writing() as session:
            documents.beat(session, executor_of(first.home, "serve-0", shared=True), "serve", 1, first.clock() - timedelta(minutes=5))
        require_ledger_keys(joined)
        first.database.close()
        second.database.close()
