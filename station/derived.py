"""What was made of documents and is no evidence, though other machines show or read it again: previews and the words of pages.

With a store in this home it lies in this home. With a shared folder it lies beside the originals there. With a bucket it is laid there,
without a lock, by whoever made it, and fetched by whoever lacks it; what is fetched stays in the home as a copy.
"""

import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from capture.stores import StoreAway
from config.settings import Settings
from station.stores import KEY, SECRET, place_of

if TYPE_CHECKING:
    from capture.objects import Place

log = logging.getLogger("sceau.derived")
ROOMS = ("light", "readings")
ASK_AGAIN_SECONDS = 5.0
"""A page whose preview is not made yet is not asked for at each look."""
QUIET_SECONDS = 30.0
"""So long nothing is asked of a bucket that did not answer: a page of many previews would wait for each."""
_missed: dict[Path, float] = {}
_away: dict["Place", float] = {}


def derived_root(settings: Settings) -> Path:
    """The folder below which the rooms lie for this machine: of the shared folder, or of this home."""
    parts = urlsplit(settings.store.url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else settings.home


def derived_path(settings: Settings, name: Path) -> Path:
    """Where it lies here, fetched if a bucket has it and this home does not; else where it would be.

    Raises StoreAway where the bucket cannot be asked: what is not known is not told as missing.
    """
    path = derived_root(settings) / name
    if path.exists():
        return path
    # A home that was restored from a backup, or kept all to itself before, still has its own.
    if (own := settings.home / name).exists():
        return own
    if _in_bucket(settings) and not _asked_lately(path):
        _require_answer(settings)
        _fetch(settings, name, path)
        if not path.exists():
            _missed[path] = time.monotonic()
    return path


def preview_name(settings: Settings, document_id: str, page: int, kind: str, attempt: int) -> Path:
    """Of a page as this attempt judged it, in a home.

    With a bucket each attempt after the first has names of its own: whoever fetched an earlier one would go on showing a page that was
    replaced since.
    """
    mark = f".{attempt}" if attempt > 1 and _in_bucket(settings) else ""
    return Path("light") / document_id / f"{page:04d}-{kind}{mark}.jpg"


def preview_path(settings: Settings, document_id: str, page: int, kind: str, attempt: int, *, settled: bool) -> Path:
    """As `derived_path`, of what a screen can do without: a bucket that is away has nothing.

    Of a `settled` document, that nobody is about to judge, an attempt that failed early shows what the one before it did; so does one that
    the version before made, which named none.
    """
    name = preview_name(settings, document_id, page, kind, attempt)
    try:
        path = derived_path(settings, name)
        for earlier in range(attempt - 1, 0, -1) if settled and _in_bucket(settings) else ():
            if path.exists():
                break
            path = derived_path(settings, preview_name(settings, document_id, page, kind, earlier))
    except StoreAway as error:
        log.info("%s: %s", name, error)
        return derived_root(settings) / name
    return path


def lies_here(settings: Settings, name: Path) -> bool:
    """Whether nothing has to be asked of a bucket for it, be it there or not: who holds the writers' turn waits for no network."""
    return not _in_bucket(settings) or (settings.home / name).exists()


def publish(settings: Settings, name: Path) -> None:
    """For the other machines, where they cannot see this one's folder. Raises StoreAway, FileNotFoundError."""
    if _in_bucket(settings):
        client, place = _bucket(settings)
        with _asking(place):
            client.put_object(Bucket=place.bucket, Key=_key(place, name), Body=(settings.home / name).read_bytes())


def drop_derived(settings: Settings, document_id: str) -> None:
    """Everything of a document, in every room and version, here and where it is shared. Raises OSError."""
    for room in ROOMS:
        for root in {derived_root(settings), settings.home}:
            shutil.rmtree(root / room / document_id, ignore_errors=False, onerror=_already_gone)
        if _in_bucket(settings):
            client, place = _bucket(settings)
            with _named():
                for page in client.get_paginator("list_object_versions").paginate(
                    Bucket=place.bucket, Prefix=_key(place, Path(room) / document_id) + "/"
                ):
                    for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                        client.delete_object(Bucket=place.bucket, Key=each["Key"], VersionId=each["VersionId"])


def shared_readings(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The words of all pages that lie outside of this home, with their names in a home; fetched from a bucket. Raises StoreAway."""
    root = derived_root(settings)
    if root != settings.home:
        for path in sorted((root / "readings").rglob("*.json")):
            yield path.relative_to(root).as_posix(), path
    elif _in_bucket(settings):
        client, place = _bucket(settings)
        prefix = _key(place, Path("readings")) + "/"
        with _named():
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=prefix):
                for each in page.get("Contents", ()):
                    name = PurePosixPath("readings") / each["Key"].removeprefix(prefix)
                    if ".." not in name.parts and not (settings.home / name).exists():
                        _fetch(settings, Path(name), settings.home / name)
                        yield name.as_posix(), settings.home / name


def forget_copies(settings: Settings, lives: Callable[[set[str]], set[str]]) -> int:
    """Copies in this home of documents that were erased, perhaps on another machine, go; returns how many documents'.

    What is left of a time when this home kept to itself is shared then, once. `lives` answers which of some documents still have their
    pages. Raises StoreAway, OSError.
    """
    if not settings.store.url:
        return 0
    found = {path.name for room in (*ROOMS, "tiles") for path in _folders(settings.home / room)}
    gone = found - lives(found)
    for document_id in gone:
        for room in (*ROOMS, "tiles"):
            shutil.rmtree(settings.home / room / document_id, ignore_errors=True)
    _share_own(settings, lives)
    return len(gone)


def _share_own(settings: Settings, lives: Callable[[set[str]], set[str]]) -> None:
    """Words that the version before kept in this home alone: no other machine would find them, and each would take them as missing."""
    mark = settings.home / "readings" / ".shared"
    if mark.exists() and mark.read_text(encoding="utf-8") == settings.store.url:
        return
    root, there = derived_root(settings), _names_in_bucket(settings) if _in_bucket(settings) else frozenset()
    shared: set[str] = set()
    for path in sorted((settings.home / "readings").glob("*/*.json")):
        name = path.relative_to(settings.home)
        if name.as_posix() in there or (root != settings.home and (root / name).exists()):
            continue
        if root != settings.home:
            _write_whole(root / name, path.read_bytes())
        publish(settings, name)
        shared.add(path.parent.name)
    # One may have been erased meanwhile.
    for document_id in shared - lives(shared):
        drop_derived(settings, document_id)
    _write_whole(mark, settings.store.url.encode())


def _names_in_bucket(settings: Settings) -> frozenset[str]:
    """Of all words of pages, as in a home."""
    client, place = _bucket(settings)
    prefix = f"{place.prefix}derived/"
    with _asking(place):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=f"{prefix}readings/")
        return frozenset(each["Key"].removeprefix(prefix) for page in pages for each in page.get("Contents", ()))


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _folders(room: Path) -> list[Path]:
    return [path for path in room.iterdir() if path.is_dir()] if room.is_dir() else []


def _in_bucket(settings: Settings) -> bool:
    return urlsplit(settings.store.url).scheme == "s3"


def _asked_lately(path: Path) -> bool:
    if len(_missed) > 10_000:
        _missed.clear()
    asked = _missed.get(path)
    return asked is not None and time.monotonic() - asked < ASK_AGAIN_SECONDS


def _require_answer(settings: Settings) -> None:
    """Raises StoreAway where the bucket did not answer a moment ago."""
    since = _away.get(place_of(settings.store.url))
    if since is not None and time.monotonic() - since < QUIET_SECONDS:
        raise StoreAway(f"{settings.store.url.partition('?')[0]}: no answer within the last {QUIET_SECONDS:.0f} s, not asked again yet")


@contextmanager
def _asking(place: "Place") -> Iterator[None]:
    try:
        with _named():
            yield
    except StoreAway:
        _away[place] = time.monotonic()
        raise
    _away.pop(place, None)


def _fetch(settings: Settings, name: Path, path: Path) -> None:
    from botocore.exceptions import ClientError

    client, place = _bucket(settings)
    with _asking(place):
        try:
            data = client.get_object(Bucket=place.bucket, Key=_key(place, name))["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return
            raise
    _write_whole(path, data)


def _key(place: "Place", name: Path) -> str:
    return f"{place.prefix}derived/{name.as_posix()}"


def _bucket(settings: Settings) -> tuple[Any, "Place"]:
    place = place_of(settings.store.url)
    return _client(place, os.environ.get(KEY, ""), os.environ.get(SECRET, "")), place


@lru_cache(maxsize=4)
def _client(place: "Place", key: str, secret: str) -> Any:
    # A third of a second of imports that homes with a folder need not wait for.
    from capture.objects import open_client

    # Pages wait for it, and now and then a transaction does: less than a server's database bears with a silent one (30 s).
    return open_client(place, key, secret, connect_seconds=3, answer_seconds=8, tries=2)


@contextmanager
def _named() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        yield
    except (ClientError, BotoCoreError, HTTPClientError) as error:
        raise StoreAway(str(error)) from error


def _already_gone(_function: object, _path: str, trouble: Any) -> None:
    if not isinstance(trouble[1], FileNotFoundError):
        raise trouble[1]
