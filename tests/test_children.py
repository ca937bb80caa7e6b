"""A child may die, hang or raise what it likes: its work is answered for, and the work of others goes on."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from station.children import GIVE_WAY, Children, OverBudget, Stopped


class Awkward(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def raise_awkward():
    raise Awkward("one", "two")


def give_up():
    raise SystemExit("no version found")


def nap(seconds):
    time.sleep(seconds)
    return "rested"


@pytest.fixture
def children():
    pool = Children(2, 4096)
    yield pool
    pool.stop()


def in_a_thread(work):
    answers = []

    def run():
        try:
            answers.append(work())
        except Exception as error:  # noqa: BLE001 the test looks at it
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, answers


def test_stopping_frees_whoever_waits_and_nothing_begins_afterwards(children):
    thread, answers = in_a_thread(lambda: children.run(nap, 60, 30))
    time.sleep(0.5)
    children.stop()
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert isinstance(answers[0], Stopped)
    with pytest.raises(Stopped):
        children.run(nap, 60, 0)


def priority():
    group = Path("/proc/self/autogroup")
    return os.nice(0), (group.read_text().split() if group.exists() else [])[-1:]


def test_a_child_lets_the_station_go_first_its_session_included(children):
    own, _ = priority()
    nice, group = children.run(priority, 60)
    assert nice == min(own + GIVE_WAY, 19)
    assert group in ([str(GIVE_WAY)], [])


THREE_AT_ONCE = """
import ctypes, os
from station.children import give_way
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.geteuid() == 0:
            os.setuid(65534)
            ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: its files in /proc are its own again
        give_way(5)
        os.write(1, open("/proc/self/autogroup", "rb").read())
        os._exit(0)
for _ in range(3):
    os.wait()
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel makes no groups of sessions")
def test_children_without_privileges_give_way_each_though_the_kernel_serves_few_at_once():
    done = subprocess.run([sys.executable, "-c", THREE_AT_ONCE], capture_output=True, text=True, timeout=60, check=True)
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["5"] * 3


def test_an_exception_that_cannot_come_back_is_told_and_spares_the_work_of_others(children):
    thread, answers = in_a_thread(lambda: children.run(nap, 60, 1.5))
    time.sleep(0.5)
    with pytest.raises(RuntimeError, match="Awkward"):
        children.run(raise_awkward, 60)
    thread.join(timeout=60)
    assert answers == ["rested"]


def test_a_library_that_gives_up_its_program_gives_up_this_work_alone(children):
    with pytest.raises(RuntimeError, match="no version found"):
        children.run(give_up, 60)
    assert children.run(nap, 60, 0) == "rested"


def rest(begun, seconds):
    begun.touch()
    return nap(seconds)


def set_once(begun, monkeypatch, seconds):
    """The wall clock of this process, as soon as the work has begun."""
    until = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)  # Pebble hears of it.
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + seconds)


def test_a_clock_that_is_set_forward_ends_no_work(children, monkeypatch, tmp_path):
    thread, answers = in_a_thread(lambda: children.run(rest, 60, tmp_path / "begun", 2))
    set_once(tmp_path / "begun", monkeypatch, 7200)
    thread.join(timeout=60)
    assert answers == ["rested"]


def test_a_clock_that_is_set_back_leaves_no_work_without_its_bound(children, monkeypatch, tmp_path):
    thread, answers = in_a_thread(lambda: children.run(rest, 3, tmp_path / "begun", 100))
    set_once(tmp_path / "begun", monkeypatch, -7200)
    thread.join(timeout=60)
    assert [type(answer) for answer in answers] == [OverBudget]
    assert children.run(nap, 60, 0) == "rested"
