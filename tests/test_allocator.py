"""What was freed goes back to the system, threads share arenas, and pixels lie in large pages."""

import ctypes
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from station import allocator
from station.allocator import ARENAS, TUNABLES, bound_arenas, give_back, large_pages

pytestmark = pytest.mark.skipif(allocator._function("malloc_trim") is None, reason="another C library than glibc")
MEGABYTE = 1_000_000
TESTS = Path(__file__).parent
HUGE = Path("/sys/kernel/mm/transparent_hugepage")
BLOCK = 50_000_000
CHILD = f"""
import os
from station.children import reading_children
from test_allocator import large_pages_asked
with reading_children(1, 2000) as children:
    print(children.run(large_pages_asked, 60, {BLOCK}), os.environ.get("{TUNABLES}"))
"""
THREADS = """
import sys, threading
from station.allocator import bound_arenas
if sys.argv[1] == "bound":
    bound_arenas()
held, all_hold = [], threading.Barrier(7)
def hold():
    held.append(bytes(100_000))
    all_hold.wait()
for _ in range(6):
    threading.Thread(target=hold).start()
all_hold.wait()
starts = [int(line.partition("-")[0], 16) for line in open("/proc/self/maps")]
print(sum(start % (64 << 20) == 0 for start in starts))  # Where glibc lays the arenas of threads.
"""


def arenas_of_threads(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", THREADS, how], capture_output=True, text=True, check=True, cwd=TESTS.parent)
    return int(done.stdout)


def test_threads_share_a_few_arenas():
    assert arenas_of_threads("bound") < ARENAS <= 6 <= arenas_of_threads("as it comes")


def test_what_was_freed_between_what_is_held_goes_back():
    blocks = [bytes(4000) for _ in range(10_000)]
    held = blocks[::100]
    blocks.clear()
    before = psutil.Process().memory_info().rss
    give_back()
    assert before - psutil.Process().memory_info().rss > 20 * MEGABYTE
    assert len(held) == 100


def large_pages_asked(size: int) -> bool:
    """Whether this process asks for large pages under a block of so many bytes ("hg", proc_pid_smaps(5))."""
    block = bytearray(size)
    place, asked, holds = ctypes.addressof((ctypes.c_char * size).from_buffer(block)), False, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            holds = int(found[1], 16) <= place < int(found[2], 16)
        asked |= holds and line.startswith("VmFlags:") and "hg" in line.split()
    return asked


def knows_large_pages() -> bool:
    """Whether the C library asks for them and the kernel gives them to who asks, smaller than the block that is tried."""
    kind, version = platform.libc_ver()
    size = HUGE / "hpage_pmd_size"
    given = (HUGE / "enabled").read_text() if size.exists() else ""
    return kind == "glibc" and [*map(int, version.split("."))] >= [2, 35] and "[madvise]" in given and int(size.read_text()) < BLOCK // 2


@pytest.mark.skipif(not knows_large_pages(), reason="who asks for large pages gets none here: C library or kernel")
def test_pixels_are_worked_in_large_pages_and_nothing_else_is():
    places = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    bare = {name: value for name, value in os.environ.items() if name != TUNABLES} | {"PYTHONPATH": places}
    done = subprocess.run([sys.executable, "-c", CHILD], env=bare, capture_output=True, text=True, check=True)
    assert done.stdout == "True None\n"


def test_tunables_that_somebody_set_stay():
    theirs = {TUNABLES: "glibc.malloc.check=1"}
    with large_pages(theirs):
        assert theirs == {TUNABLES: "glibc.malloc.check=1"}
    assert theirs == {TUNABLES: "glibc.malloc.check=1"}


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "_function", lambda _name: None)
    assert not bound_arenas()
    assert not give_back()
