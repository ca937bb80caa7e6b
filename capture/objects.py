"""A store in a bucket of an S3-compatible service: each object locked from its arrival, its SHA-256 sent, confirmed and read again.

Amazon S3 API, 2006-03-01: object lock in GOVERNANCE or COMPLIANCE mode, versions, additional checksums. Programs that want a path get a
verified working copy, which is no evidence.
"""

import base64
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, PartialCredentialsError

from capture.originals import CHUNK, Condition, Named, Original, Vault
from capture.stores import StillLocked, StoreAway, StoreRefuses, StoreUnfit

log = logging.getLogger("sceau.store")
Mode: TypeAlias = Literal["GOVERNANCE", "COMPLIANCE"]
PART = 16 << 20
"""Bytes sent in one request; what is larger goes in parts (the API allows 10,000, of 5 MiB and more)."""
IN_USE_SECONDS = 3600
"""A working copy that was asked for within this time stays, whatever the bound."""
_TOUCH_SECONDS = 600
TRIAL = timedelta(minutes=10)
"""So long the bytes are locked by which `sceau doctor` tries whether a bucket is write-once."""
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_DENIED = frozenset({"AccessDenied", "MethodNotAllowed", "InvalidRequest"})


@dataclass(frozen=True, slots=True)
class Locking:
    """How objects are locked."""

    mode: Mode = "GOVERNANCE"
    """GOVERNANCE: who holds s3:BypassGovernanceRetention may remove, as a lawful erasure does; COMPLIANCE: nobody, before the date."""
    floor: timedelta = timedelta(days=30)
    """From arrival, until the term of the document is known."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a service; no secrets."""

    bucket: str
    prefix: str = ""
    """Empty, or ends with a slash."""
    endpoint: str = ""
    """http(s) address of the service; empty: Amazon's own of the region."""
    region: str = ""


def open_client(
    place: Place, key: str = "", secret: str = "", *, connect_seconds: int = 5, answer_seconds: int = 30, tries: int = 4
) -> Any:
    """A client that gives up. Without key and secret boto3 looks where it always does."""
    settings = Config(
        connect_timeout=connect_seconds,
        read_timeout=answer_seconds,
        retries={"total_max_attempts": tries, "mode": "standard"},
        s3={"addressing_style": "path"} if place.endpoint else {},
        max_pool_connections=32,
    )
    return boto3.client(
        "s3",
        endpoint_url=place.endpoint or None,
        region_name=place.region or "us-east-1",
        aws_access_key_id=key or None,
        aws_secret_access_key=secret or None,
        config=settings,
    )


def has_bucket(client: Any, place: Place) -> bool:
    """There is one of this name, whatever it can. Raises StoreAway."""
    with _named():
        try:
            client.head_bucket(Bucket=place.bucket)
        except ClientError as error:
            if _code(error) not in ("404", "NoSuchBucket", "NotFound"):
                raise
            return False
    return True


def make_bucket(client: Any, place: Place) -> None:
    """A bucket with object lock, and with it versions. Raises StoreAway."""
    # Amazon's oldest region is the one that must not be named.
    where = {"CreateBucketConfiguration": {"LocationConstraint": place.region}} if place.region not in ("", "us-east-1") else {}
    with _named():
        client.create_bucket(Bucket=place.bucket, ObjectLockEnabledForBucket=True, **where)


class Bucket:
    """One room ("originals", "archive") of a bucket; equals `capture.originals.Vault`, and locks."""

    locks = True

    def __init__(self, client: Any, place: Place, room: str, copies: Vault, locking: Locking, clock: Callable[[], datetime]) -> None:
        """`copies`: where working copies lie. Nothing is asked of the service before the first call of `require_fit` or any other."""
        self._client, self._place, self._prefix = client, place, f"{place.prefix}{room}/"
        self._copies, self._locking, self._clock = copies, locking, clock
        self._fit = False
        self._seen: dict[Path, tuple[int, int, int]] = {}
        """Of working copies that this process has read whole: size, and the times that a writer cannot help changing."""

    @property
    def root(self) -> Path:
        """Folder of the working copies: what a confined child may read."""
        return self._copies.root

    # --- what the bucket must be ---

    def require_fit(self) -> None:
        """Versioning and object lock are on. Raises StoreUnfit with words, StoreAway."""
        if self._fit:
            return
        with _named():
            versioning = self._client.get_bucket_versioning(Bucket=self._place.bucket).get("Status")
            try:
                told = self._client.get_object_lock_configuration(Bucket=self._place.bucket)["ObjectLockConfiguration"]
            except ClientError as error:
                if _code(error) not in ("ObjectLockConfigurationNotFoundError", "NotImplemented", "InvalidRequest"):
                    raise
                told = {}
        name = self._place.bucket
        if told.get("ObjectLockEnabled") != "Enabled":
            raise StoreUnfit(
                f"le compartiment {name} n'a pas le verrouillage d'objets : créez-en un avec « Object Lock », il ne s'ajoute pas partout "
                "après coup. Rien n'a été écrit",
                f"the bucket {name} has no object lock: create one with Object Lock, not every service adds it later. Nothing was written",
            )
        if versioning != "Enabled":
            raise StoreUnfit(
                f"le compartiment {name} ne garde pas les versions : activez « Versioning ». Rien n'a été écrit",
                f"the bucket {name} keeps no versions: enable Versioning. Nothing was written",
            )
        self._fit = True

    def refuses_removal(self) -> bool:
        """Tried: a few bytes of nobody, locked for `TRIAL`, are to be removed; those of earlier trials go. Raises StoreAway, StoreUnfit."""
        self.require_fit()
        bucket, now = self._place.bucket, self._clock()
        key = f"{self._place.prefix}trial/{self._prefix.removeprefix(self._place.prefix)}write-once"
        with _named():
            for version, _mark in self._versions(key, marks=True):
                with suppress(ClientError):  # Still locked.
                    self._client.delete_object(Bucket=bucket, Key=key, VersionId=version)
            lock = {"ObjectLockMode": self._locking.mode, "ObjectLockRetainUntilDate": now + TRIAL}
            version = self._client.put_object(Bucket=bucket, Key=key, Body=b"sceau doctor", ChecksumAlgorithm="SHA256", **lock)["VersionId"]
            try:
                self._client.delete_object(Bucket=bucket, Key=key, VersionId=version)
            except ClientError as error:
                if _code(error) in _DENIED:
                    return True
                raise
        return False

    # --- the store ---

    def keep(self, source: Path | int, suffix: str = "", largest: int | None = None) -> Original:
        """As `Vault.keep`, through a working copy. Raises StoreUnfit, StoreAway besides."""
        self.require_fit()
        kept = self._copies.keep(source, suffix, largest)
        copy, key = self._copies.path(kept.sha256, suffix), self._key(kept.sha256, suffix)
        self._remember(copy)
        with _named():
            before = self._before(key, copy, kept, suffix)
            version = None if before is Condition.SOUND else self._send(key, copy, kept)
            self._extend(key, version, self._clock() + self._locking.floor)
        self._make_room()
        return Original(kept.sha256, kept.size, before)

    def path(self, sha256: str, suffix: str = "") -> Path:
        """A verified working copy, fetched where there is none; where it would be if the service keeps no sound bytes. Raises StoreAway."""
        copy = self._copies.path(sha256, suffix)
        if self._is_verified(copy, sha256, suffix):
            return copy
        with suppress(FileNotFoundError):
            copy.unlink()
        self.require_fit()
        with _named():
            if any(self._copies.put(parts, sha256, suffix) for parts in self._candidates(sha256, suffix)):
                self._remember(copy)
                self._make_room()
        return copy

    def open(self, sha256: str, suffix: str = "") -> BinaryIO:
        return self.path(sha256, suffix).open("rb")

    def holds(self, sha256: str, suffix: str = "") -> bool:
        with _named():
            return any(True for _ in self._versions(self._key(sha256, suffix)))

    def names(self) -> Iterator[Named]:
        with _named():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._place.bucket, Prefix=self._prefix):
                for each in page.get("Contents", ()):
                    name = each["Key"].rsplit("/", 1)[1]
                    with suppress(ValueError):
                        self._copies.path(name[:64], name[64:])
                        yield Named(name[:64], name[64:], each["Size"])

    def verify(self, sha256: str, suffix: str = "") -> Condition:
        """Read from the service: an older version that is sound counts where a newer one covers it, for nobody could remove it."""
        self._copies.path(sha256, suffix)
        found = Condition.MISSING
        with _named():
            for number, parts in enumerate(self._candidates(sha256, suffix)):
                if _digest(parts) == sha256:
                    if number:
                        log.error("store: %s is covered by another version; the sound one below it is read", self._key(sha256, suffix))
                    return Condition.SOUND
                found = Condition.DAMAGED
        return found

    def lock(self, sha256: str, suffix: str, until: datetime) -> bool:
        with _named():
            for version, _ in list(self._versions(self._key(sha256, suffix))):
                self._extend(self._key(sha256, suffix), version, until)
        return True

    def hold(self, sha256: str, suffix: str, *, on: bool) -> bool:
        key = self._key(sha256, suffix)
        with _named():
            for version, _ in list(self._versions(key)):
                self._ask("put_object_legal_hold", key, VersionId=version, LegalHold={"Status": "ON" if on else "OFF"})
        return True

    def drop(self, sha256: str, suffix: str = "") -> bool:
        """Every version, and marks of deletion. In GOVERNANCE the lock is passed by, as our own right; raises StillLocked where the service
        refuses, in COMPLIANCE before the date, and under a hold."""
        key = self._key(sha256, suffix)
        with _named():
            versions = [version for version, _ in self._versions(key, marks=True)]
            for version in versions:
                self._remove(key, version)
        copy = self._copies.path(sha256, suffix)
        self._seen.pop(copy, None)
        return self._copies.drop(sha256, suffix) or bool(versions)

    def locked_until(self, sha256: str, suffix: str = "") -> datetime | None:
        """As the service tells it; None where nothing is locked or nothing lies there."""
        key = self._key(sha256, suffix)
        with _named():
            ends = [self._head(key, version).get("ObjectLockRetainUntilDate") for version, _ in self._versions(key)]
        return max((end.astimezone(UTC) for end in ends if end is not None), default=None)

    # --- sending ---

    def _before(self, key: str, copy: Path, kept: Original, suffix: str) -> Condition:
        """What lies under the name: by its checksum where the service tells it, else read again."""
        try:
            head = self._head(key)
        except ClientError as error:
            if _code(error) not in _GONE:
                raise
            return self.verify(kept.sha256, suffix)  # a mark of deletion may lie over it
        told = head.get("ChecksumSHA256")
        if told and head["ContentLength"] == kept.size and _same_checksum(told, _checksum(copy, kept)):
            return Condition.SOUND
        return self.verify(kept.sha256, suffix)

    def _send(self, key: str, copy: Path, kept: Original) -> str | None:
        """Returns the version. Raises StoreAway where the service confirms other bytes."""
        locked = {"ObjectLockMode": self._locking.mode, "ObjectLockRetainUntilDate": self._clock() + self._locking.floor}
        if kept.size <= PART:
            told = self._ask(
                "put_object",
                key,
                Body=copy.read_bytes(),
                ContentLength=kept.size,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=_checksum(copy, kept),
                **locked,
            )
        else:
            told = self._send_parts(key, copy, locked)
        version: str | None = told.get("VersionId")
        head = self._head(key, version)
        confirmed = head.get("ChecksumSHA256")
        sound = _same_checksum(confirmed, _checksum(copy, kept)) if confirmed else self._digest_of(key, version) == kept.sha256
        if head["ContentLength"] != kept.size or not sound:
            raise StoreAway(f"{key}: the store confirmed other bytes than were sent")
        return version

    def _send_parts(self, key: str, copy: Path, locked: dict[str, Any]) -> dict[str, Any]:
        upload = self._ask("create_multipart_upload", key, ChecksumAlgorithm="SHA256", **locked)["UploadId"]
        try:
            done = []
            for number, part in enumerate(_parts(copy), 1):
                checksum = _base64(hashlib.sha256(part).digest())
                told = self._ask(
                    "upload_part",
                    key,
                    UploadId=upload,
                    PartNumber=number,
                    Body=part,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=checksum,
                )
                done.append({"PartNumber": number, "ETag": told["ETag"], "ChecksumSHA256": checksum})
            return self._ask("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": done})
        except BaseException:
            with suppress(ClientError, BotoCoreError, HTTPClientError):
                self._ask("abort_multipart_upload", key, UploadId=upload)
            raise

    def _extend(self, key: str, version: str | None, until: datetime) -> None:
        """Never shortens. Raises StoreUnfit where the service takes the lock and does not tell it afterwards."""
        if self._ends(key, version) >= until - timedelta(seconds=1):
            return
        which = {} if version is None else {"VersionId": version}
        # What once was locked for everybody stays so, whatever the settings say today: the service would refuse the lesser mode.
        strict = self._head(key, version).get("ObjectLockMode") == "COMPLIANCE"
        retention = {"Mode": "COMPLIANCE" if strict else self._locking.mode, "RetainUntilDate": until}
        self._ask("put_object_retention", key, Retention=retention, **which)
        if self._ends(key, version) < until - timedelta(seconds=1):
            raise StoreUnfit(
                f"le compartiment {self._place.bucket} accepte un verrou et ne le pose pas",
                f"the bucket {self._place.bucket} accepts a lock and does not set it",
            )

    def _ends(self, key: str, version: str | None) -> datetime:
        end = self._head(key, version).get("ObjectLockRetainUntilDate")
        return datetime.min.replace(tzinfo=UTC) if end is None else end.astimezone(UTC)

    def _remove(self, key: str, version: str) -> None:
        try:
            self._ask("delete_object", key, VersionId=version)
        except ClientError as error:
            if _code(error) not in _DENIED:
                raise
            if self._locking.mode != "GOVERNANCE":
                raise StillLocked(f"{key}: {error.response['Error'].get('Message', '')}") from error
            try:
                self._ask("delete_object", key, VersionId=version, BypassGovernanceRetention=True)
            except ClientError as again:
                if _code(again) not in _DENIED:
                    raise
                raise StillLocked(f"{key}: {again.response['Error'].get('Message', '')}") from again

    # --- reading ---

    def _candidates(self, sha256: str, suffix: str) -> Iterator[Iterator[bytes]]:
        """The bytes of each version, newest first; most often there is one."""
        key = self._key(sha256, suffix)
        for version, _ in self._versions(key):
            yield self._stream(key, version)

    def _stream(self, key: str, version: str | None) -> Iterator[bytes]:
        which = {} if version is None else {"VersionId": version}
        body = self._ask("get_object", key, **which)["Body"]
        try:
            yield from body.iter_chunks(CHUNK)
        finally:
            body.close()

    def _digest_of(self, key: str, version: str | None) -> str:
        return _digest(self._stream(key, version))

    def _versions(self, key: str, *, marks: bool = False) -> Iterator[tuple[str, bool]]:
        """(version, whether it is a mark of deletion), newest first; marks only where asked for."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._place.bucket, Prefix=key)
        found = [
            (each["LastModified"], bool(each.get("IsLatest")), each["VersionId"], kind == "DeleteMarkers")
            for page in pages
            for kind in ("Versions", "DeleteMarkers")
            for each in page.get(kind, ())
            if each["Key"] == key
        ]
        for _, _, version, mark in sorted(found, key=lambda each: (each[1], each[0]), reverse=True):
            if marks or not mark:
                yield version, mark

    def _head(self, key: str, version: str | None = None) -> dict[str, Any]:
        return self._ask("head_object", key, ChecksumMode="ENABLED", **({} if version is None else {"VersionId": version}))

    def _ask(self, operation: str, key: str, **values: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._place.bucket, Key=key, **values)
        return answer

    def _key(self, sha256: str, suffix: str) -> str:
        """Raises ValueError for what is not a hash or a suffix."""
        return self._prefix + self._copies.path(sha256, suffix).relative_to(self._copies.root).as_posix()

    # --- working copies ---

    def copies(self) -> Iterator[Named]:
        """Working copies on this machine."""
        return self._copies.names()

    def forget_old_copy(self, sha256: str, suffix: str) -> bool:
        """The working copy on this machine, if it was made more than an hour ago: a newer one's row may be being written."""
        path = self._copies.path(sha256, suffix)
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > IN_USE_SECONDS:
                self._seen.pop(path, None)
                return self._copies.drop(sha256, suffix)
        return False

    def trim_copies(self, bound: int) -> int:
        """Remove the working copies that were not asked for longest, until `bound` bytes are left; returns how many went.

        None that was asked for within the last hour goes: whoever has its path may open it.
        """
        now, found = time.time(), []
        for named in self._copies.names():
            path = self._copies.path(named.sha256, named.suffix)
            with suppress(FileNotFoundError):
                found.append((path.stat().st_atime, named.size, path))
        left, gone = sum(size for _, size, _ in found), 0
        for used, size, path in sorted(found, key=lambda each: each[0]):
            if left <= bound or now - used < IN_USE_SECONDS:
                break
            path.unlink(missing_ok=True)
            self._seen.pop(path, None)
            left, gone = left - size, gone + 1
        return gone

    def _is_verified(self, copy: Path, sha256: str, suffix: str) -> bool:
        """Read whole once by this process, and again whenever the file is not the very one that was read."""
        try:
            state = _state(copy)
        except FileNotFoundError:
            return False
        if self._seen.get(copy) != state:
            if self._copies.verify(sha256, suffix) is not Condition.SOUND:
                return False
            self._seen[copy] = state
        self._remember(copy)
        return True

    def _remember(self, copy: Path) -> None:
        """When it was asked for: the access time, which mounts may not keep by themselves."""
        with suppress(FileNotFoundError):
            found = copy.stat()
            if time.time() - found.st_atime > _TOUCH_SECONDS or copy not in self._seen:
                os.utime(copy, ns=(time.time_ns(), found.st_mtime_ns))
                self._seen[copy] = _state(copy)

    def _make_room(self) -> None:
        if len(self._seen) > 10_000:
            self._seen.clear()


@contextmanager
def _named() -> Iterator[None]:
    """What the service or the way there did, by our names."""
    try:
        yield
    except ClientError as error:
        refuses = 400 <= error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500
        told = f"{_code(error)}: {error.response.get('Error', {}).get('Message', '')}"
        raise (StoreRefuses if refuses else StoreAway)(told) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise StoreRefuses(str(error)) from error
    except (BotoCoreError, HTTPClientError) as error:
        raise StoreAway(str(error)) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


def _checksum(path: Path, kept: Original) -> str:
    """As the service tells it: of the whole, or of the parts' own."""
    if kept.size <= PART:
        return _base64(bytes.fromhex(kept.sha256))
    return _base64(hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in _parts(path))).digest())


def _same_checksum(told: str, wanted: str) -> bool:
    """Services append the number of parts ("-3"), or leave it out."""
    return told.split("-", 1)[0] == wanted


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _digest(parts: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
