"""SANE's own `test` device for the tests: a real driver and the real `scanimage`, with papers that never end or jams at a chosen page."""

import sys
from pathlib import Path
from textwrap import indent

DEVICES = ("test:0", "test:1")
_TOGETHER = """os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))"""
"""The test driver tells a jam at once and cancels its reading thread, which, hit while it makes its first room in memory, dies with the
lock held: `scanimage` then hangs at its end, in one or two of a hundred jams. On one core, and not preempted, that thread has not begun."""


def configure(folder: Path) -> Path:
    """A SANE configuration that knows the test device alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dll.conf").write_text("test\n")
    (folder / "test.conf").write_text("number_of_devices 2\nmode Gray\ndepth 8\nresolution 50\ngeometry_max 200\nbr_x 80\nbr_y 100\n")
    return folder


def program(folder: Path, *, first: str = "", then: str = "") -> Path:
    """A `scanimage` that draws colours; with `first` and `then` further options for its first scan and for each later one.

    The driver keeps no state between two runs, so what a jam leaves behind is told here.
    """
    return _write(folder, f"arguments += {first!r}.split()", then)


def jamming(folder: Path, after: int, then: str = "") -> Path:
    """A `scanimage` that scans `after` pages, then says what the driver says of a jam; what is scanned later has the options `then`."""
    jam = f"""{_scan(after)}
arguments += ["--read-return-value=SANE_STATUS_JAMMED", "--batch-start={after + 1}"]
arguments.remove("--batch-prompt")"""
    return _write(folder, jam, then)


def hanging(folder: Path, after: int, *, saying: str = "", polite: bool = False, helped: bool = False) -> Path:
    """A `scanimage` that scans `after` pages, says this, and then neither goes on nor ends, whoever asks it; the second time it is well.

    `polite`: asked to stop it ends, and as if all were well. `helped`: it dies, and what it started keeps its output open.
    """
    hang = f"""signal.signal(signal.SIGINT, (lambda *_: os._exit(0)) if {polite} else signal.SIG_IGN)
{_scan(after)}
print({saying!r}, file=sys.stderr, flush=True)
if {helped}:
    subprocess.Popen(["/bin/sleep", "30"])
    os._exit(1)
time.sleep(120)"""
    return _write(folder, hang)


def _scan(pages: int) -> str:
    """So many pages, and the word for one more."""
    return f"""subprocess.run(["/usr/bin/scanimage", *arguments, "--batch-count={pages}"], check=True)
sys.stdin.readline()"""


def _write(folder: Path, first: str, then: str = "") -> Path:
    """`first`: what the first scan does, before or instead of the real program; `then`: options of each later one."""
    path = folder / "scanimage"
    path.write_text(
        f"""#!{sys.executable}
import os, signal, subprocess, sys, time
arguments = sys.argv[1:]
if any(word.startswith("--batch=") for word in arguments):
    flag = {str(folder / "ran")!r}
    arguments = arguments[:2] + ["--test-picture=Color pattern"] + arguments[2:]
    if os.path.exists(flag):
        arguments += {then!r}.split()
    else:
        open(flag, "a").close()
{indent(first, " " * 8)}
{_TOGETHER}
os.execv("/usr/bin/scanimage", ["scanimage", *arguments])
"""
    )
    path.chmod(0o755)
    return path
