"""Child processes in which pixels are worked: a hostile or huge page can end its child, never the station."""

import ctypes
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

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


@dataclass(slots=True)
class Children:
    """A few processes of one kind, started when first needed and kept warm."""

    count: int
    megabytes: int
    """Limit of private memory of each child (RLIMIT_DATA)."""
    preload: tuple[str, ...] = ()
    """Modules that the forkserver imports once for all children."""
    _pool: ProcessPool | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, function: Callable[P, R], seconds: float, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result, worked in a child within `seconds` of its start there.

        Raises OverBudget, PoisonPage, or what the function raised.
        """
        for _ in range(DEATHS):
            try:
                result: R = self._ready().schedule(function, args=args, kwargs=kwargs, timeout=seconds).result()
                return result
            except (FutureTimeout, TimeoutError) as error:
                raise OverBudget(f"{getattr(function, '__name__', function)}: {seconds:.0f} s") from error
            except (ProcessExpired, BrokenProcessPool, MemoryError):
                continue
        raise PoisonPage(f"{getattr(function, '__name__', function)}: {DEATHS}")

    def begin(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start the work in a child and do not wait for it."""
        self._ready().schedule(function, args=args, kwargs=kwargs)

    def stop(self) -> None:
        """End all children."""
        with self._lock:
            if self._pool is not None:
                self._pool.stop()
                self._pool.join()
                self._pool = None

    def _ready(self) -> ProcessPool:
        with self._lock:
            if self._pool is None or not self._pool.active:
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(list(self.preload))
                self._pool = ProcessPool(max_workers=self.count, initializer=_settle_child, initargs=(self.megabytes,), context=context)
            return self._pool


def _settle_child(megabytes: int) -> None:
    """Die with the forkserver, which dies with the station; leave Ctrl-C to the parent; bound private memory."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_THREAD_LIMIT"] = "1"
    start_logs()
    limit = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
