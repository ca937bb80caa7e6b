"""What was freed goes back to the system, and threads share arenas."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from station import allocator
from station.allocator import ARENAS, bound_arenas, give_back

pytestmark = pytest.mark.skipif(allocator._function("malloc_trim") is None, reason="another C library than glibc")
MEGABYTE = 1_000_000
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
    done = subprocess.run(
        [sys.executable, "-c", THREADS, how], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent
    )
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


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "_function", lambda _name: None)
    assert not bound_arenas()
    assert not give_back()
