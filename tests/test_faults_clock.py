"""A clock that is set while a station runs: the wall clock of its processes (`wall.c`), and no other."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults import begin, ended, found_at, log_of, prepare, require_whole

from station.records.people import PRACTICE_LOGIN

TWO_HOURS = 7200
SCEAU = Path(sys.executable).parent / "sceau"


@pytest.fixture(scope="module")
def library() -> Iterator[Path]:
    """The wall clock, compiled; beside our code, where confined children may read it. Skips where there is no compiler."""
    if shutil.which("tcc") is None:
        pytest.skip("no compiler (tcc) is installed")
    source = Path(__file__).with_name("wall.c")
    with TemporaryDirectory(prefix=".wall-", dir=source.parent) as folder:
        made = Path(folder, "wall.so")
        subprocess.run(["tcc", "-shared", "-nostdlib", "-o", made, source], check=True)
        yield made


WAITS, DONE = {"clock-stepped"}, set[str]()


@pytest.mark.parametrize(
    ("step", "wrong", "told"),
    [
        ("_prove", -TWO_HOURS, WAITS),
        pytest.param("_prove", TWO_HOURS, WAITS, marks=pytest.mark.long),
        # Sealed already: there is nothing to wait for.
        pytest.param("_note_proved", -TWO_HOURS, DONE, marks=pytest.mark.long),
        pytest.param("_note_proved", TWO_HOURS, DONE, marks=pytest.mark.long),
    ],
)
def test_a_clock_that_is_set_right_under_a_running_station_stops_sealing_until_a_person_confirms_it(
    library, tmp_path, practice_keys, step, wrong, told
):
    home, ahead, said = tmp_path / "home", tmp_path / "ahead", tmp_path / "said"
    prepare(home, practice_keys)
    ahead.write_text(str(wrong), encoding="ascii")
    confirm = shlex.join(["env", f"SCEAU_HOME={home}", str(SCEAU), "clock", "--confirm", "--login", PRACTICE_LOGIN])
    command = f"echo 0 > {ahead}; (sleep 6; {confirm}) > {said} 2>&1 &"
    place = f"station.pipeline:Pipeline.{step}:before:1"
    assert ended(begin(home, place, command, LD_PRELOAD=str(library), WALL_AHEAD=str(ahead)), home) == told, log_of(home).read_text()
    require_whole(found_at(home))
