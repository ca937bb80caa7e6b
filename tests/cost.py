"""What something may cost, asked so that a slow or a busy machine cannot blur the answer.

`within` compares a thing with a quarter of it, and with a fixed piece of work done in the same moment; `soon` is for what waits instead.
Each measures again until one round is within its bound: what is truly too dear is so in every round, a neighbour's load is not.
"""

import gc
import re
import time
from collections.abc import Callable
from contextlib import contextmanager
from decimal import Decimal
from typing import TypeVar

Kind = TypeVar("Kind")

ROUNDS = 6
LINEAR = 9.0
"""At most so many times as much for four times the size: a linear cost is 4, one of n log n 5, a quadratic one 16."""
UNSEEN = 0.003
"""Seconds of a processor below which a cost is not told from nothing."""


@contextmanager
def _uncollected():
    """What the tests before left to the garbage collector is not charged to this one."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def seconds(act: Callable[[], Kind]) -> tuple[float, Kind]:
    """Processor seconds of one go, and what came of it."""
    with _uncollected():
        begun = time.process_time()
        result = act()
        return time.process_time() - begun, result


def _yard() -> None:
    """Some of everything that reading does: numbers, words, tables."""
    found, seen = re.compile(r"(\d+),(\d\d)"), {}
    for number in range(8000):
        text = f"Facture {number} du {number % 28:02d}/01/2026 : {number},{number % 100:02d} EUR"
        whole, cents = found.search(text).groups()
        seen[text.lower()] = Decimal(f"{whole}.{cents}") * 6 / 5
    sorted(seen, key=seen.get)


def within(yards: float, act: Callable[[], Kind], *quarters: Callable[[], object]) -> Kind:
    """What came of `act`, after asserting that it costs less than so many yards, and in proportion to each thing a quarter of its size.

    A yard is a fixed piece of work, of 10 ms of an idle core of the reference machine (docs/measurements.md). What is below the bound as
    counted there is below it everywhere; else the yard is measured here, beside it: what slows the one slows the other.
    """
    whole, parts = float("inf"), [UNSEEN] * len(quarters)
    for at in range(ROUNDS):
        cost, result = seconds(act)
        whole = min(whole, cost)
        now = [seconds(quarter)[0] for quarter in quarters]
        parts = [max(UNSEEN, one if at == 0 else min(one, other)) for one, other in zip(now, parts, strict=True)]
        if all(whole < LINEAR * part for part in parts) and (cost < yards * 0.01 or cost < yards * seconds(_yard)[0]):
            return result
    raise AssertionError(f"{whole:.3f} s of a processor; the quarters {parts} s; the bound is {yards} yards")


def soon(bound: float, act: Callable[[], Kind]) -> Kind:
    """What came of `act`, after asserting that it ends within so many seconds by the clock."""
    for _ in range(ROUNDS):
        begun = time.monotonic()
        result = act()
        if (waited := time.monotonic() - begun) < bound:
            return result
    raise AssertionError(f"took {waited:.2f} s by the clock, more than {bound} s in each of {ROUNDS} rounds")
