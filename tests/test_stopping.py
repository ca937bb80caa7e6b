"""A stop in the middle of a document leaves it to the next start, wherever it was: never failed, never noted twice."""

import threading
import time

import papers
import pytest
from atwork import document_of, open_home, take_in
from dbos import DBOS

from station.pipeline import Pipeline
from station.records import documents
from station.records.tables import OPEN_STATES, LedgerPayload, State
from station.running import Running
from station.slots import hold_slot

STEPS = ("_judge", "_read", "_prove")
STATES = (State.JUDGED, State.READ, State.HELD)


class Gate:
    """Keeps the first call of one step until it is opened; the step then breaks off, as those do whose children are gone."""

    def __init__(self) -> None:
        self.reached, self.open, self.over = threading.Event(), threading.Event(), threading.Event()

    def step(self) -> None:
        self.reached.set()
        assert self.open.wait(30)
        self.over.set()
        raise RuntimeError("cannot schedule new futures")

    def let_through(self) -> None:
        self.open.set()
        assert self.over.wait(30)
        time.sleep(0.2)


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that ask no child, each noted by its state and an entry."""
    monkeypatch.setattr(Pipeline, "warm_up", lambda _: None)
    for step, note, state in zip(STEPS, ("_note_judged", "_note_read", "_note_proved"), STATES, strict=True):
        monkeypatch.setattr(Pipeline, step, named(step))
        monkeypatch.setattr(Pipeline, note, noting(state))


def named(step: str):
    def plainly(_pipeline, job) -> None:
        for made in (job.judged, job.texts, job.proof):
            made.write_text("{}")

    plainly.__name__ = step
    return plainly


def noting(state: State):
    def note(pipeline, session, job) -> State:
        document = documents.get_document(session, job.document_id)
        documents.move_document(document, state, pipeline._workstation.clock())
        pipeline._enter(session, document, str(state), {}, {"findings": []})
        return state

    return note


def until(settled, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not settled() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "moment"), [("_judge", "while the engine ends"), ("_read", "after it ended"), ("_prove", "while the engine ends")]
)
def test_a_stop_in_the_middle_of_a_step_leaves_the_document_to_the_next_start(tmp_path, monkeypatch, name, moment):
    workstation = open_home(tmp_path / "home")
    document_id = take_in(workstation, papers.write_png(tmp_path / "scan.png", papers.draw_page(["x"], size=(100, 60), seed=1)))
    plain(monkeypatch)
    gate, ended = Gate(), DBOS._destroy
    whole = getattr(Pipeline, name)
    monkeypatch.setattr(Pipeline, name, lambda pipeline, job: whole(pipeline, job) if gate.reached.is_set() else gate.step())

    def end(engine, **how) -> None:
        if moment == "while the engine ends":
            gate.let_through()
        ended(engine, **how)

    monkeypatch.setattr(DBOS, "_destroy", end)

    def state() -> State:
        return document_of(workstation, document_id).state

    with hold_slot(workstation.home, "work") as executor:
        running = Running(workstation, "work", executor, watch=False)
        running.start()
        assert gate.reached.wait(30)
        running.stop(patience_seconds=0.1)
        if not gate.over.is_set():
            gate.let_through()
        assert state() in OPEN_STATES
        monkeypatch.setattr(DBOS, "_destroy", ended)
        again = Running(workstation, "work", executor, watch=False)
        again.start()
        until(lambda: state() not in OPEN_STATES)
        again.stop()
    assert state() == State.HELD
    with workstation.database.reading() as session:
        kinds = [row.type for row in session.query(LedgerPayload).filter_by(document_id=document_id).order_by(LedgerPayload.sequence)]
    assert kinds == ["received", "judged", "read", "held"]


def test_a_stop_that_the_database_breaks_off_tells_what_the_log_kept_back(monkeypatch):
    told = []
    monkeypatch.setattr("station.running.tell_end", lambda: told.append("end"))
    monkeypatch.setattr(Running, "_wind_down", lambda *_: (_ for _ in ()).throw(OSError("away")))
    with pytest.raises(OSError, match="away"):
        Running.__new__(Running).stop()
    assert told == ["end"]
