"""Passwords that the set-up assistant was given: SCEAU_HOME/keys/secrets.env, for this account alone; the environment comes first.

Keys, too, that are drawn once.
"""

import os
import re
import secrets
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path

_LINE = re.compile(r"(SCEAU_[A-Z0-9_]+)=(.*)")
_LOADED: set[str] = set()
"""Names that stand in this process's environment because the file says so."""
KEY_BYTES = 32


def secrets_file(home: Path) -> Path:
    return home / "keys" / "secrets.env"


def read_secrets(home: Path) -> dict[str, str]:
    """By the name of their variable; empty where nothing is kept."""
    try:
        lines = secrets_file(home).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {found[1]: found[2] for line in lines if (found := _LINE.fullmatch(line))}


def keep_secret(home: Path, name: str, value: str) -> None:
    """Written whole or not at all, mode 0600. Raises ValueError for what does not fit on one line."""
    if not _LINE.fullmatch(f"{name}={value}") or "\n" in value or "\r" in value:
        raise ValueError(name)
    write_private(secrets_file(home), "".join(f"{key}={text}\n" for key, text in (read_secrets(home) | {name: value}).items()).encode())


def forget_secret(home: Path, name: str) -> None:
    """What was kept under this name is kept no longer."""
    left = {key: text for key, text in read_secrets(home).items() if key != name}
    write_private(secrets_file(home), "".join(f"{key}={text}\n" for key, text in left.items()).encode())


def load_secrets(home: Path, environment: MutableMapping[str, str] = os.environ) -> None:
    """Into the environment of this process, where whoever started it does not say otherwise; what was loaded before is replaced."""
    kept: Mapping[str, str] = read_secrets(home)
    drop_secrets(environment)
    for name, value in kept.items():
        if name not in environment:
            environment[name] = value
            _LOADED.add(name)


def drop_secrets(environment: MutableMapping[str, str] = os.environ) -> None:
    """Out of the environment again, before it is handed to another process that reads the file for itself."""
    for name in _LOADED:
        environment.pop(name, None)
    _LOADED.clear()


def write_private(path: Path, data: bytes) -> None:
    """A file for this account alone, written through, then named."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    _write_through(draft, data)
    draft.replace(path)


class BadKey(ValueError):
    """The file is there, and is no key."""


def drawn_key(path: Path) -> bytes:
    """32 random bytes, drawn where there are none, for this account alone; of two processes at their first start one draws them.

    Raises BadKey for a file of another length.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            _write_through(draft, secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise BadKey(f"{path}: {len(key)} bytes in place of {KEY_BYTES}")
    return key


def _write_through(draft: Path, data: bytes) -> None:
    draft.touch(mode=0o600, exist_ok=False)
    with draft.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
