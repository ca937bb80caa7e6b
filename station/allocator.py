"""How memory is asked for and given back, where the C library is glibc; another one is left alone.

glibc gives threads arenas of their own, eight for each core, and keeps what was freed in them: with fifty threads, of which each now and
then holds a few megabytes for a moment, every arena grows to the most that was ever held in it (decision 0085).
"""

import ctypes
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from typing import Any

ARENAS = 2
"""Python's own lock lets one thread at a time work, so that more would not be faster."""
_M_ARENA_MAX = -8
"""malloc.h of glibc; mallopt(3)."""
TUNABLES, LARGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
"""Of the environment; manual of glibc 2.35, "Memory Allocation Tunables"."""


def bound_arenas() -> bool:
    """Threads that start from now on share a few arenas; whether the C library knows that. To be asked before they start."""
    bound = _function("mallopt")
    return bound is not None and bound(_M_ARENA_MAX, ARENAS) == 1


def give_back() -> bool:
    """Hand whole free pages of all arenas back; whether there were any (malloc_trim(3)). Other threads of Python go on meanwhile."""
    trim = _function("malloc_trim")
    return trim is not None and trim(0) == 1


@contextmanager
def large_pages(environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Programs that are started meanwhile ask for large pages under their large blocks (decision 0089); what somebody set stays."""
    if TUNABLES in environment:
        yield
        return
    environment[TUNABLES] = LARGE_PAGES
    try:
        yield
    finally:
        del environment[TUNABLES]


@cache
def _function(name: str) -> Any:
    """Of the C library; None where it has none of that name."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function.argtypes = {"mallopt": (ctypes.c_int, ctypes.c_int), "malloc_trim": (ctypes.c_size_t,)}[name]
    return function
