"""Builds roll over: a story begun under an older list of steps is started over by the newer one; one kind of work starves no other."""

import threading
import time

import papers
import pytest
import sqlalchemy as sa
from atwork import document_of, open_home, take_in
from dbos import DBOS

from station.jobs import Engine, Limits, Steps
from station.records import documents
from station.records.tables import Document, State
from station.running import Running
from station.slots import hold_slot
from station.workstation import Workstation


@pytest.fixture
def workstation(tmp_path) -> Workstation:
    return open_home(tmp_path / "home")


def taken(workstation: Workstation, folder) -> str:
    return take_in(workstation, papers.write_png(folder / "scan.png", papers.draw_page(["x"], size=(100, 60), seed=1)))


def engine(workstation: Workstation, story, **stories) -> Engine:
    told = {"document": story, "reading": story, **stories}
    return Engine(workstation.database, workstation.home, "work-0", Limits(1), told, lambda *_: "failed")


def until(settled, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not settled():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_document_begun_under_an_older_list_of_steps_is_started_over_by_the_newer_build(workstation, tmp_path, monkeypatch):
    document_id, reached, leave = taken(workstation, tmp_path), threading.Event(), threading.Event()

    def older(steps: Steps, _document_id: str, _attempt: int) -> str:
        def wait() -> None:
            reached.set()
            leave.wait(20)

        steps.work("look", lambda: None)
        steps.work("wait", wait)
        return "received"

    before = engine(workstation, older)
    before.start()
    before.enqueue("document", document_id, 1)
    with workstation.database.writing() as session:
        documents.mark_queued(session, "document", document_id, 1)
    assert reached.wait(20)
    before.stop()
    leave.set()

    def newer(pipeline, steps: Steps, document_id: str, attempt: int) -> str:
        steps.work("judge", lambda: None)

        def note(session) -> str:
            documents.move_document(documents.get_document(session, document_id), State.HELD, workstation.clock())
            return "held"

        return steps.record("judge noted", note)

    monkeypatch.setattr("station.pipeline.Pipeline.process", newer)
    monkeypatch.setattr("station.pipeline.Pipeline.warm_up", lambda _: None)
    monkeypatch.setattr("station.running.RECALL_SECONDS", 0.3)
    with hold_slot(workstation.home, "work") as slot:
        running = Running(workstation, "work", slot, watch=False)
        running.start()
        until(lambda: document_of(workstation, document_id).state == State.HELD)
        running.stop()
    assert document_of(workstation, document_id).attempt == 2


def test_late_readings_that_take_long_keep_no_document_waiting(workstation):
    open_at_last, done = threading.Event(), []

    def slow(steps: Steps, document_id: str, _attempt: int) -> str:
        steps.work("read", lambda: str(open_at_last.wait(20)))
        return "sealed"

    def quick(steps: Steps, document_id: str, _attempt: int) -> str:
        done.append(document_id)
        return "sealed"

    at_work = engine(workstation, quick, reading=slow)
    at_work.start()
    for number in range(5):
        at_work.enqueue("reading", f"r{number}", 1)
    until(lambda: len(DBOS.list_workflows(status="PENDING")) == 1)  # of the five one runs, as its limit says
    at_work.enqueue("document", "d", 1)
    until(lambda: done == ["d"])
    assert len(DBOS.list_workflows(status="ENQUEUED")) == 4
    open_at_last.set()
    at_work.settle(5)
    at_work.stop()


def test_a_late_reading_that_the_engine_has_forgotten_is_tried_again(workstation, tmp_path, monkeypatch):
    document_id = taken(workstation, tmp_path)
    with workstation.database.writing() as session:
        late = {"state": State.SEALED, "problem": documents.READING_LATE, "try_at": None}
        session.execute(sa.update(Document).values(**late))
    monkeypatch.setattr("station.pipeline.Pipeline.warm_up", lambda _: None)
    with hold_slot(workstation.home, "work") as slot:
        running = Running(workstation, "work", slot, watch=False)
        running.start()
        until(lambda: document_of(workstation, document_id).try_at is not None)
        running.stop()
    assert document_of(workstation, document_id).tries == 1


class Broken(BaseException):
    """What no story catches, and the engine notes nothing of."""


def test_a_story_that_the_engine_only_believes_to_run_is_found_among_rounds_that_ask_for_each_kind(workstation):
    def vanish(_steps: Steps, _document_id: str, _attempt: int) -> str:
        raise Broken  # As on a full disk: it is over, and the engine could not note it.

    at_work = engine(workstation, vanish)
    at_work.start()
    try:
        at_work.enqueue("document", "d", 1)
        until(lambda: len(DBOS.list_workflows(status="PENDING")) == 1 and not at_work._running)
        rounds = [(at_work.forgotten("document", [("d", 1)]), at_work.forgotten("reading", [])) for _ in range(2)]
        assert rounds == [([], []), ([("d", 1)], [])]
    finally:
        at_work.stop()
