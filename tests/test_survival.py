"""The process is killed at every step; after a restart no document is lost, none is archived twice, the ledger has no gap."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import killed
import papers
import pytest
import sqlalchemy as sa

from station.audit import audit_ledger
from station.records import documents
from station.records.tables import Archive, Arrival, LedgerRow, State
from station.workstation import open_workstation

PLACES = [
    "capture.originals:Vault.keep:before:1",
    "capture.originals:Vault.keep:after:1",
    "station.records.intake:receive:after:1",
    "station.reception:move_processed:before:1",
    "capture.hotfolder:_rename_or_release:before:1",
    "station.reception:move_processed:after:1",
    "station.records.intake:note_moved:after:1",
    "station.jobs:Engine.enqueue:before:1",
    "station.jobs:Engine.enqueue:after:1",
    "station.pipeline:Pipeline._judge:before:1",
    "station.pipeline:Pipeline._judge:after:1",
    "station.pipeline:Pipeline._note_judged:after:1",
    "station.pipeline:Pipeline._read:before:1",
    "station.pipeline:Pipeline._read:after:1",
    "station.pipeline:Pipeline._note_read:after:1",
    "station.pipeline:Pipeline._prove:before:1",
    "station.children:Children.run:after:4",
    "capture.originals:Vault.keep:before:2",
    "capture.originals:Vault.keep:after:2",
    "station.pipeline:Pipeline._note_proved:before:1",
    "station.pipeline:Pipeline._note_proved:after:1",
    "station.pipeline:Pipeline._clear:before:1",
    "station.checkpoints:token_over:before:1",
    "station.checkpoints:_remember:before:1",
]


def run(home: Path, place: str) -> tuple[int, str]:
    """How the process ended, and what it said last."""
    command = [sys.executable, killed.__file__, str(home), place]
    done = subprocess.run(command, timeout=killed.PATIENCE + 60, check=False, capture_output=True, text=True)
    return done.returncode, done.stderr[-4000:]


def require_killed(home: Path, place: str) -> None:
    ended, said = run(home, place)
    assert ended == -signal.SIGKILL, f"the place was never reached: {said}"


def require_restart(home: Path) -> None:
    ended, said = run(home, "-")
    assert ended == 0, said


def forget(home: Path) -> None:
    """All that the engine keeps of documents: its file, or on a server its rows."""
    url = killed.quick(home).url
    if url.startswith("sqlite"):
        for file in home.glob("engine.db*"):
            file.unlink()
        return
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        assert connection.execute(sa.text("DELETE FROM dbos.workflow_status")).rowcount


@pytest.mark.parametrize("place", PLACES)
def test_after_a_kill_at_any_step_a_restart_archives_the_document_once(tmp_path, practice_keys, place):
    shutil.copytree(practice_keys, tmp_path / "keys" / "practice")
    folder = tmp_path / "stations" / "demo"
    folder.mkdir(parents=True)
    papers.write_png(folder / "facture.png", papers.draw_invoice(seed=1))
    require_killed(tmp_path, place)
    require_restart(tmp_path)
    workstation = open_workstation(killed.quick(tmp_path))
    with workstation.database.reading() as session:
        (document,) = documents.list_documents(session).documents
        entries = [json.loads(row.entry)["type"] for row in session.query(LedgerRow).order_by(LedgerRow.sequence)]
        assert document.state == State.SEALED
        assert session.query(Archive).count() == session.query(Arrival).count() == 1
        # What was shipped takes effect at any time beside.
        assert [each for each in entries if each != "rules"] == ["received", "judged", "read", "sealed"]
    assert all(answer.ok for answer in audit_ledger(workstation))
    assert len(list((tmp_path / "archive").rglob("*.pdf"))) == 1
    assert [path.name for path in (folder / "processed").iterdir()] == ["facture.png"]


def test_a_document_that_the_engine_has_forgotten_is_started_over(tmp_path, practice_keys):
    shutil.copytree(practice_keys, tmp_path / "keys" / "practice")
    folder = tmp_path / "stations" / "demo"
    folder.mkdir(parents=True)
    papers.write_png(folder / "facture.png", papers.draw_invoice(seed=1))
    require_killed(tmp_path, "station.pipeline:Pipeline._read:before:1")
    forget(tmp_path)
    require_restart(tmp_path)
    workstation = open_workstation(killed.quick(tmp_path))
    with workstation.database.reading() as session:
        (document,) = documents.list_documents(session).documents
        assert (document.state, document.attempt, session.query(Archive).count()) == (State.SEALED, 2, 1)
    assert all(answer.ok for answer in audit_ledger(workstation))
