"""Long, seeded runs (`make long`; `make long-soak` for more rounds): kills at random moments, a worker that dies while another lives."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import killed
import papers
import pytest
from faults import require_whole

from station.audit import audit_ledger
from station.records import documents
from station.records.tables import Archive, LedgerRow, State
from station.workstation import open_workstation

ROUNDS = 40 if os.environ.get("SOAK") else 6
SEED = int(os.environ["SEED"])
DOCUMENTS = 5


def start(home, place="-"):
    return subprocess.Popen([sys.executable, killed.__file__, str(home), place], stderr=subprocess.DEVNULL)


@pytest.mark.long
def test_after_kills_at_random_moments_every_document_is_archived_once(tmp_path, practice_keys):
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    shutil.copytree(practice_keys, tmp_path / "keys" / "practice")
    folder = tmp_path / "stations" / "demo"
    folder.mkdir(parents=True)
    for number in range(DOCUMENTS):
        papers.write_png(folder / f"{number}.png", papers.draw_invoice(seed=number, number=f"F-{number}"))
    for _ in range(ROUNDS):
        process = start(tmp_path)
        time.sleep(chance.uniform(0.5, 8.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert start(tmp_path).wait(timeout=120) == 0
    workstation = open_workstation(killed.quick(tmp_path))
    with workstation.database.reading() as session:
        assert [d.state for d in documents.list_documents(session).documents] == [State.SEALED] * DOCUMENTS
        assert session.query(Archive).count() == DOCUMENTS
        sealed = [row for row in session.query(LedgerRow) if json.loads(row.entry)["type"] == "sealed"]
        assert len(sealed) == DOCUMENTS
    assert all(answer.ok for answer in audit_ledger(workstation))
    assert len(list((tmp_path / "archive").rglob("*.pdf"))) == DOCUMENTS


@pytest.mark.long
def test_the_documents_of_a_dead_worker_are_finished_by_a_living_one(tmp_path, practice_keys):
    shutil.copytree(practice_keys, tmp_path / "keys" / "practice")
    (tmp_path / "sceau.toml").write_text('[reading]\nengine = "tesseract"\nlanguages = "eng"\n', encoding="utf-8")
    papers.write_png(tmp_path / "scan.png", papers.draw_invoice())
    environment = {**os.environ, "SCEAU_HOME": str(tmp_path)}
    command = [str(Path(sys.executable).parent / "sceau")]
    doomed = subprocess.Popen([sys.executable, killed.__file__, str(tmp_path), "station.pipeline:Pipeline._read:before:1"])
    (tmp_path / "stations" / "demo").mkdir(parents=True, exist_ok=True)
    shutil.copy(tmp_path / "scan.png", tmp_path / "stations" / "demo" / "scan.png")
    assert doomed.wait(timeout=90) == -signal.SIGKILL
    worker = subprocess.Popen([*command, "work"], env=environment, stderr=subprocess.DEVNULL)
    try:
        workstation = open_workstation(killed.quick(tmp_path))
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            with workstation.database.reading() as session:
                (document,) = documents.list_documents(session).documents
            if document.state == State.SEALED:
                break
            time.sleep(0.5)
        assert document.state == State.SEALED
    finally:
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    require_whole(workstation)
