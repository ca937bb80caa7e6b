"""Child processes in which pixels are worked: a hostile or huge page can end its child, never the station.

Each child has a bound of memory, of time, of what it writes and of what it starts, and a folder of its own for what it lays down in
between; those that parse what strangers made are confined besides (`station/confinement.py`).
"""

import ctypes
import logging
import multiprocessing
import os
import pickle
import resource
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool
from pebble.pool import process as pebbles

from config.logs import Form, log_form, start_logs
from station.allocator import large_pages
from station.confinement import Confinement, bound_tasks, confine, forget_secrets

log = logging.getLogger("sceau.children")
P = ParamSpec("P")
R = TypeVar("R")
PRELOAD = ("station.pixels",)
"""The modules of all children: whoever comes first starts the process that they are forked from."""
DEATHS = 3
"""After so many deaths over the same page it is a poison page and is set aside."""
_PR_SET_PDEATHSIG = 1
_STARTING = threading.Lock()
GIVE_WAY = 5
"""How much nicer than the station its children are (nice(2)): a child gets a third of what the station gets (decision 0090)."""
ASKED_AT_MOST = 50
"""Times, a tenth of a second apart: the kernel serves programs without privileges ten times a second, all together."""
LOOK_SECONDS = 1.0
"""How often a child's own folder is measured while somebody waits for it."""
# Pebble asks `time.time` whether a task has outlasted its time: the clock that people set (decision 0088).
pebbles.time = SimpleNamespace(time=time.monotonic, sleep=time.sleep)


class OverBudget(Exception):
    """The work outlasted its time and was ended."""


class PoisonPage(Exception):
    """The same work ended its process several times."""


class Stopped(Exception):
    """The children were told to end while this work waited for one."""


@dataclass(slots=True)
class Children:
    """A few processes of one kind, started when first needed and kept warm."""

    count: int
    megabytes: int
    """Limit of private memory of each child (RLIMIT_DATA)."""
    preload: tuple[str, ...] = ()
    """Modules that the forkserver imports once for all children."""
    tasks: int = 0
    """A child is replaced after so many pieces of work; 0: never."""
    scratch: Path | None = None
    """Where each child gets a folder of its own for temporary files, emptied after its death; None: the system's."""
    temp_megabytes: int = 0
    """What a child may have there in all, and the most that one file of its may grow to (RLIMIT_FSIZE); 0: no bound."""
    confinement: Confinement | None = None
    """What it may open and start; None: as much as the station."""
    note_death: Callable[[str], object] | None = None
    """Told of each child that did not end by itself: "ended" (it died), "over-time", "memory", "temp"."""
    _room: Path | None = None
    _pool: ProcessPool | None = None
    _waited_for: set[ProcessFuture] = field(default_factory=set)
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, function: Callable[P, R], seconds: float, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result, worked in a child within `seconds` of its start there.

        Raises OverBudget, PoisonPage, Stopped, or what the function raised.
        """
        for _ in range(DEATHS):
            future = self._schedule(function, args, kwargs, seconds)
            try:
                self._watch(future)
                result: R = future.result()
                return result
            except CancelledError as error:
                raise Stopped from error
            except (FutureTimeout, TimeoutError) as error:
                self._mourn("over-time")
                raise OverBudget(f"{getattr(function, '__name__', function)}: {seconds:.0f} s") from error
            except (ProcessExpired, BrokenProcessPool) as error:
                self._mourn("ended")
                log.warning("%s: its process %s", getattr(function, "__name__", function), how_it_ended(getattr(error, "exitcode", None)))
                continue
            except MemoryError:
                self._mourn("memory")
                continue
            finally:
                self._waited_for.discard(future)
        raise PoisonPage(f"{getattr(function, '__name__', function)}: {DEATHS}")

    def begin(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start the work in a child and do not wait for it."""
        self._waited_for.discard(self._schedule(function, args, kwargs, None))

    def stop(self) -> None:
        """End all children, for good; whoever waits for one is told so."""
        with self._lock:
            self._stopped = True
            # Pebble resolves none of the futures of a pool that is stopped: their waiters would wait for ever.
            for future in list(self._waited_for):
                future.cancel()
            if self._pool is not None:
                self._pool.stop()
                self._pool.join()
                self._pool = None
            if self._room is not None:
                self._sweep()
                shutil.rmtree(self._room, ignore_errors=True)
                self._room = None

    def _watch(self, future: ProcessFuture) -> None:
        """Until it is done; meanwhile a child whose folder outgrows its bound is ended."""
        seconds = LOOK_SECONDS if self.temp_megabytes and self.scratch is not None else None
        while not future.done():
            # Not `concurrent.futures.wait`: to it a future that Pebble cancelled is never done.
            with suppress(FutureTimeout, CancelledError):
                future.exception(seconds)
            self._bound_folders()

    def _bound_folders(self) -> None:
        for folder in _folders_in(self._room) if self.temp_megabytes else ():
            if _size_of(folder) > self.temp_megabytes * 1024 * 1024:
                self._tell("temp")
                with suppress(ProcessLookupError):
                    os.kill(int(folder.name), signal.SIGKILL)
                _clear(folder)

    def _mourn(self, how: str) -> None:
        self._tell(how)
        self._sweep()

    def _tell(self, how: str) -> None:
        if self.note_death is not None:
            self.note_death(how)

    def _sweep(self) -> None:
        """What dead children left: what they had started, which stayed in their sessions, and their folders."""
        for folder in _folders_in(self._room):
            if not _lives(folder.name):
                # Nobody leads this group any more: whoever is in it is what the child left behind, for none of them may leave it.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(folder.name), signal.SIGKILL)
                shutil.rmtree(folder, ignore_errors=True)

    def _schedule(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float | None
    ) -> ProcessFuture:
        with self._lock:
            if self._stopped:
                raise Stopped
            if self._pool is None or not self._pool.active:
                context = prepare_children(self.preload)
                if self.scratch is not None and self._room is None:
                    self._room = _make_room(self.scratch)
                bounds = Bounds(self.megabytes, self.temp_megabytes, self._room, self.confinement, log_form())
                self._pool = ProcessPool(self.count, self.tasks, _settle_child, (bounds,), context)
            future = self._pool.schedule(_run_portably, args=(function, args, kwargs), timeout=seconds)
            self._waited_for.add(future)
            return future


def prepare_children(preload: tuple[str, ...] = PRELOAD) -> ForkServerContext:
    """Start the process that all children are forked from, where there is none.

    To be asked before threads start, which may read the environment while it is changed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    with _STARTING, large_pages():
        forkserver.ensure_running()
    return context


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child lays upon itself before its first piece of work."""

    megabytes: int
    temp_megabytes: int
    room: Path | None
    confinement: Confinement | None
    logs: Form


@contextmanager
def reading_children(count: int, megabytes: int, temp_megabytes: int = 0) -> Iterator[Children]:
    """Processes that read pages for one command, ended with it; they reach no network, and write where that command does."""
    children = Children(count, megabytes, PRELOAD, temp_megabytes=temp_megabytes, confinement=Confinement(files=False))
    try:
        yield children
    finally:
        children.stop()


def clear_scratch(scratch: Path) -> None:
    """Folders that a killed station of this machine left: to be asked at the start."""
    for room in scratch.iterdir() if scratch.is_dir() else ():
        host, _, rest = room.name.rpartition("-")[0].rpartition("-")
        if host == socket.gethostname() and rest.isdecimal() and not Path("/proc", rest).exists():
            shutil.rmtree(room, ignore_errors=True)


def how_it_ended(code: int | None) -> str:
    """In words, for the log. `code`: as `multiprocessing` tells it, minus the number of a signal; None where nobody saw it."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), as the kernel does to whoever takes the memory of all (its own log names the process)"
    known = code is not None and -code in set(signal.Signals)
    return f"was ended by {signal.Signals(-code).name}" if known and code else f"ended by itself ({code})"


def _lives(pid: str) -> bool:
    """Whether it is there, and not only waits to be noticed dead."""
    try:
        return Path("/proc", pid, "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _make_room(scratch: Path) -> Path:
    room = scratch / f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    room.mkdir(parents=True, mode=0o700)
    return room


def _folders_in(room: Path | None) -> list[Path]:
    """Empty too where the room is gone: the children were told to end meanwhile."""
    with suppress(FileNotFoundError):
        return list(room.iterdir()) if room is not None else []
    return []


def _size_of(folder: Path) -> int:
    """Bytes on the disk of what lies in it, as far as it can be seen."""
    total = 0
    # Not `rglob`: what vanishes between two looks ends it.
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total


def _clear(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _run_portably(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In the child: an exception that the parent could not unpickle would break the pool, and the work of others with it.

    A library that gives up its program (SystemExit) gives up this work: handed on as it is, it would end the thread that waits, in silence.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 our own, made a line above
        except Exception:  # noqa: BLE001 unpickling may raise anything
            raise RuntimeError(repr(error)) from None
        raise
    except BaseException as error:  # noqa: BLE001 the panic of a library in Rust is one as well
        raise RuntimeError(repr(error)) from None


def give_way(by: int) -> None:
    """Let programs that people or other workers wait for go first, from now on; what this process starts does the same.

    Where sessions share the cores by group, the group of this one gives way, and it should lead its session (sched(7), "The autogroup
    feature"). Elsewhere the file is missing or has no effect, and the process gives way. Refused, it goes on as it is.
    """
    with suppress(OSError):
        os.nice(by)
    for _ in range(ASKED_AT_MOST):
        try:
            Path("/proc/self/autogroup").write_text(str(by), encoding="ascii")
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:
            return
        else:
            return


def _settle_child(bounds: Bounds) -> None:
    """Die with the forkserver, which dies with the station; leave Ctrl-C to the parent; bound memory, files and tasks; be confined."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_THREAD_LIMIT"] = "1"
    start_logs(bounds.logs)
    # A session of its own, which confined children cannot leave: what one started is found after its death.
    with suppress(PermissionError):
        os.setsid()
    give_way(GIVE_WAY)
    limit = bounds.megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    # A core would lay what pages say onto the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if bounds.temp_megabytes:
        # Beyond it a write answers EFBIG, for Python ignores the signal.
        limit = bounds.temp_megabytes * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    asked = bounds.confinement
    if bounds.room is not None:
        own = bounds.room / str(os.getpid())
        own.mkdir(mode=0o700, exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(own)
        asked = asked and replace(asked, writes=(*asked.writes, own))
    if asked is not None:
        if not asked.network:
            forget_secrets(os.environ)
        bound_tasks()
        confine(asked)
