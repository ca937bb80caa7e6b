"""PINs that were refused: remembered across processes, so that none is tried twice. Three wrong ones lock a token or a credential."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sealing.keys import UnusableKey

SALT = 32
"""Bytes of the salt of a refusal, and of what is kept of the PIN."""


@contextmanager
def trying(path: Path | None, pin: str | None, place: tuple[str, ...]) -> Iterator[Callable[[], None]]:
    """While a PIN is tried at a place: what is given notes in the file that it was refused. Without file or PIN nothing is remembered.

    One process at a time: a second one waits until the first knows whether the PIN is right. Raises UnusableKey, before anything is
    tried, where this PIN was refused here.
    """
    if path is None or pin is None:
        yield lambda: None
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # Given back when the file closes.
        noted = file.read(2 * SALT + 1)
        if len(noted) == 2 * SALT and noted[SALT:] == _hidden(pin, place, noted[:SALT]):
            raise UnusableKey(f"{' '.join(place)}: this PIN was refused and is not tried again; {path} remembers it")

        def note() -> None:
            salt = os.urandom(SALT)
            file.seek(0)
            file.write(salt + _hidden(pin, place, salt))
            file.truncate()

        yield note


def _hidden(pin: str, place: tuple[str, ...], salt: bytes) -> bytes:
    """Slow, for a PIN is short, and the wrong one is often nearly the right one."""
    return hashlib.scrypt("\0".join((*place, pin)).encode(), salt=salt, n=2**14, r=8, p=1, dklen=SALT)
