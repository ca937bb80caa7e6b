"""Child processes in which pixels are worked: a hostile or huge page can end its child, never the station."""

import ctypes
import multiprocessing
import os
import pickle
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from config.logs import start_logs

P = ParamSpec("P")
R = TypeVar("R")
DEATHS = 3
"""After so many deaths over the same page it is a poison page and is set aside."""
_PR_SET_PDEATHSIG = 1


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
                result: R = future.result()
                return result
            except CancelledError as error:
                raise Stopped from error
            except (FutureTimeout, TimeoutError) as error:
                raise OverBudget(f"{getattr(function, '__name__', function)}: {seconds:.0f} s") from error
            except (ProcessExpired, BrokenProcessPool, MemoryError):
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

    def _schedule(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float | None
    ) -> ProcessFuture:
        with self._lock:
            if self._stopped:
                raise Stopped
            if self._pool is None or not self._pool.active:
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(list(self.preload))
                self._pool = ProcessPool(self.count, self.tasks, _settle_child, (self.megabytes,), context)
            future = self._pool.schedule(_run_portably, args=(function, args, kwargs), timeout=seconds)
            self._waited_for.add(future)
            return future


@contextmanager
def reading_children(count: int, megabytes: int) -> Iterator[Children]:
    """Processes that read pages for one command, ended with it."""
    children = Children(count, megabytes, ("station.pixels",))
    try:
        yield children
    finally:
        children.stop()


def _run_portably(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """In the child: an exception that the parent could not unpickle would break the pool, and the work of others with it."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 our own, made a line above
        except Exception:  # noqa: BLE001 unpickling may raise anything
            raise RuntimeError(repr(error)) from None
        raise


def _settle_child(megabytes: int) -> None:
    """Die with the forkserver, which dies with the station; leave Ctrl-C to the parent; bound private memory."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_THREAD_LIMIT"] = "1"
    start_logs()
    limit = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
