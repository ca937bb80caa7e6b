"""For how long something has stayed as it is, by this machine's own count: its wall clock may be set, and that of another differs."""

from collections.abc import Container
from typing import Any


class Stillness:
    """Of named things whose state is looked at now and then."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, float]] = {}

    def seconds(self, name: str, state: object, steady: float) -> float:
        """Since the first look at which it was in this state; 0 where it is another than at the look before. `steady`: `time.monotonic`."""
        seen = self._seen.get(name)
        if seen is None or seen[0] != state:
            self._seen[name] = state, steady
            return 0.0
        return steady - seen[1]

    def forget(self, name: str) -> None:
        self._seen.pop(name, None)

    def keep(self, names: Container[str]) -> None:
        """Of all others nobody asks any more."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
