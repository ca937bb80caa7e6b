"""Packages of a log to which something happened: its end was given up, its name changed, a payload is gone."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import atwork
import packages
import pytest
from backdoor import behind_the_back
from packages import export, members

from config.settings import Ledger
from station.checkpoints import accept_contradictions, checkpoint_now, known_keys, record_origin
from station.records import people
from station.records.people import PRACTICE_LOGIN
from station.records.tables import Person
from station.workstation import Workstation

VERIFIER = Path(__file__).parent.parent / "station" / "verifiers" / "verify.py"


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    home: Path = tmp_path_factory.mktemp("sound") / "home"
    opened = packages.small_home(home)
    checkpoint_now(opened, "essai")
    opened.database.close()
    return home


@pytest.fixture
def workstation(sound, tmp_path) -> Iterator[Workstation]:
    opened = packages.at(atwork.open_home(shutil.copytree(sound, tmp_path / "home")), packages.LATER)
    yield opened
    opened.database.close()


def somebody(workstation: Workstation) -> Person:
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    with workstation.database.reading() as session:
        person = people.find(session, PRACTICE_LOGIN)
        session.expunge(person)
    return person


def verified(*paths: Path) -> int:
    return subprocess.run([sys.executable, "-I", str(VERIFIER), *map(str, paths)], capture_output=True, check=False).returncode


def test_a_log_whose_end_was_given_up_is_packed_and_checked(workstation, tmp_path):
    behind_the_back(workstation.home, "DELETE FROM ledger_payload WHERE sequence >= 19", "DELETE FROM ledger WHERE sequence >= 19")
    accept_contradictions(workstation, "essai", "sauvegarde perdue", somebody(workstation))
    assert verified(*export(workstation, tmp_path / "a.zip").paths) == 0


def test_a_log_whose_name_changed_is_packed_with_both_keys_and_checked(workstation, tmp_path):
    named = replace(workstation, settings=workstation.settings.model_copy(update={"ledger": Ledger(origin="sceau/{entity}/2")}))
    record_origin(named, "essai", "nouveau nom", somebody(named))
    done = export(named, tmp_path / "b.zip")
    with named.database.reading() as session:
        keys = [key.vkey for key in known_keys(session, named.settings, "essai")]
    assert json.loads(members(done.paths[0])["package.json"])["keys"] == keys
    assert [key.split("+")[0] for key in keys] == ["sceau/essai/2", "sceau/essai"]
    assert verified(*done.paths) == 0


def test_a_payload_that_is_gone_without_an_erasure_is_a_gap_of_its_document(workstation, tmp_path):
    behind_the_back(workstation.home, "DELETE FROM ledger_payload WHERE sequence = 4 AND document_id IS NOT NULL")
    assert export(workstation, tmp_path / "c.zip").gaps["payload-missing"] == 1
