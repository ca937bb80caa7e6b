"""Slows down who guesses passwords: failures are counted by account, by address and by both, and each further one costs more time.

In memory: a restart forgets, and costs a guesser more than it gives.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FREE = {"both": 5, "account": 25, "address": 25}
"""Failures before anybody waits. One account from one address: a person who mistypes. The two others: guessing spread over many
accounts or addresses; higher, for many people may stand behind one address, and a stranger shall not lock an account so easily."""
FIRST_WAIT = 30.0
LONGEST_WAIT = 900.0
"""Seconds; doubles from the first to the longest (CNIL, deliberation 2022-100, asks for growing delays)."""
FORGOTTEN_AFTER = 24 * 3600.0
MOST_KEPT = 10_000
"""Keys; a flood of invented logins must not take the memory: the oldest go first."""


@dataclass(frozen=True, slots=True)
class Failures:
    count: int
    newest: float


class Throttle:
    """Of one process; safe between threads. `moment` gives seconds."""

    def __init__(self, moment: Callable[[], float]) -> None:
        self._moment, self._lock = moment, threading.Lock()
        self._failures: dict[tuple[str, str], Failures] = {}

    def wait_for(self, login: str, address: str) -> float:
        """Seconds until the next try is looked at; 0: now."""
        now = self._moment()
        with self._lock:
            return max((self._wait(key, now) for key in _keys(login, address)), default=0.0)

    def note_failure(self, login: str, address: str) -> None:
        now = self._moment()
        with self._lock:
            for key in _keys(login, address):
                before = self._failures.pop(key, None)
                count = 1 if before is None or now - before.newest > FORGOTTEN_AFTER else before.count + 1
                self._failures[key] = Failures(count, now)
            while len(self._failures) > MOST_KEPT:
                del self._failures[next(iter(self._failures))]

    def note_success(self, login: str, address: str) -> None:
        """Who got in here is forgiven here; what others try against the account or from the address counts on."""
        with self._lock:
            self._failures.pop(("both", f"{login}\n{address}"), None)

    def _wait(self, key: tuple[str, str], now: float) -> float:
        failures = self._failures.get(key)
        if failures is None or failures.count < FREE[key[0]]:
            return 0.0
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures.count - FREE[key[0]], 10))
        return max(0.0, failures.newest + wait - now)


def _keys(login: str, address: str) -> Iterator[tuple[str, str]]:
    yield "both", f"{login}\n{address}"
    yield "account", login
    yield "address", address
