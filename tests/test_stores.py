"""Whichever store keeps the files, they are written once, found again as they were, and nothing is said of them that is not known."""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import papers
import pytest
from atwork import open_home, take_in
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from objectserver import client_of, new_bucket, object_server

from capture import objects
from capture.catalogue import message
from capture.objects import Bucket, Locking, Place
from capture.originals import Condition, TooLarge, Vault
from capture.stores import MARKER, Folder, StillLocked, StoreAway, StoreRefuses, StoreUnfit, mark_folder
from config.settings import Settings, StoreChoice, Unusable
from station.backup import NAMED
from station.stores import STARTING, _archives, known_number, open_stores, place_of, ready_bucket, store_words
from station.take import refused

NOON = datetime.now(UTC).replace(microsecond=0)
MONTH = timedelta(days=30)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with object_server() as address:
        yield address


@pytest.fixture
def bucket_of(endpoint: str, tmp_path: Path) -> Callable[..., Bucket]:
    def make(mode: str = "GOVERNANCE", name: str = "", copies: str = "copies", **place: Any) -> Bucket:
        where = Place(name or new_bucket(endpoint), "house/", endpoint)
        return Bucket(client_of(endpoint), where, "originals", Vault(tmp_path / copies), Locking(mode, MONTH), lambda: NOON)

    return make


@pytest.fixture(params=["home", "folder", "GOVERNANCE", "COMPLIANCE"])
def store(request: pytest.FixtureRequest, tmp_path: Path, bucket_of: Callable[..., Bucket]) -> Any:
    match request.param:
        case "home":
            return Vault(tmp_path / "vault")
        case "folder":
            (tmp_path / "share").mkdir()
            return Folder(tmp_path / "share" / "originals", mark_folder(tmp_path / "share"))
        case mode:
            return bucket_of(mode)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.tif"
    path.write_bytes(os.urandom(70_001))
    return path


def damage(store: Any, sha256: str) -> None:
    """Other bytes under the same name, as somebody with the store's own tools writes them."""
    if isinstance(store, Bucket):
        store._client.put_object(Bucket=store._place.bucket, Key=store._key(sha256, ""), Body=b"other bytes")
        return
    path = store.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"other bytes")


# --- the contract of all ---


def test_what_is_kept_comes_back_as_it_was_under_its_hash(store, scan):
    kept = store.keep(scan)
    assert (kept.sha256, kept.size, kept.before) == (hashlib.sha256(scan.read_bytes()).hexdigest(), 70_001, Condition.MISSING)
    assert store.path(kept.sha256).read_bytes() == scan.read_bytes()
    with store.open(kept.sha256) as file:
        assert file.read(10) == scan.read_bytes()[:10]
    assert store.verify(kept.sha256) is Condition.SOUND
    assert (store.holds(kept.sha256), store.holds(kept.sha256, ".pdf")) == (True, False)


def test_the_same_bytes_twice_are_kept_once(store, scan):
    kept = store.keep(scan)
    assert store.keep(scan).before is Condition.SOUND
    assert [(each.sha256, each.suffix, each.size) for each in store.names()] == [(kept.sha256, "", 70_001)]
    if isinstance(store, Bucket):
        assert len(list(store._versions(store._key(kept.sha256, "")))) == 1


def test_names_with_a_suffix_lie_apart(store, scan):
    kept = store.keep(scan, ".pdf")
    assert store.verify(kept.sha256) is Condition.MISSING
    assert store.path(kept.sha256, ".pdf").read_bytes() == scan.read_bytes()


def test_nothing_lies_under_a_name_that_was_never_kept(store):
    nobody = "0" * 64
    assert (store.verify(nobody), store.holds(nobody), store.path(nobody).exists(), store.drop(nobody)) == (
        Condition.MISSING,
        False,
        False,
        False,
    )
    with pytest.raises(ValueError, match="SHA-256"):
        store.path("../../etc/passwd")


def test_a_file_that_is_too_large_leaves_nothing(store, scan):
    with pytest.raises(TooLarge):
        store.keep(scan, largest=70_000)
    assert list(store.names()) == []


def test_damage_is_seen_and_good_bytes_that_come_again_replace_it(store, scan):
    kept = store.keep(scan)
    damage(store, kept.sha256)
    if store.locks:
        # The locked version below cannot be removed: it is what counts.
        assert store.verify(kept.sha256) is Condition.SOUND
    else:
        assert store.verify(kept.sha256) is Condition.DAMAGED
        assert store.keep(scan).before is Condition.DAMAGED
    assert store.path(kept.sha256).read_bytes() == scan.read_bytes()
    assert store.verify(kept.sha256) is Condition.SOUND


def test_a_kept_file_cannot_be_written(store, scan):
    path = store.path(store.keep(scan).sha256)
    assert path.stat().st_mode & 0o222 == 0


def test_what_is_dropped_is_gone_unless_the_store_forbids_it(store, scan):
    kept = store.keep(scan)
    if isinstance(store, Bucket) and store._locking.mode == "COMPLIANCE":
        with pytest.raises(StillLocked):
            store.drop(kept.sha256)
        assert store.verify(kept.sha256) is Condition.SOUND
        return
    assert (store.drop(kept.sha256), store.drop(kept.sha256)) == (True, False)
    assert (store.verify(kept.sha256), store.path(kept.sha256).exists()) == (Condition.MISSING, False)


def test_only_a_store_with_locks_says_that_it_locks(store, scan):
    kept = store.keep(scan)
    assert store.lock(kept.sha256, "", NOON + 2 * MONTH) is store.hold(kept.sha256, "", on=True) is store.locks


# --- a folder outside of the house ---


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


def test_a_share_that_vanished_is_away_and_nothing_is_missing(share, scan):
    folder = Folder(share / "originals", mark_folder(share))
    kept = folder.keep(scan)
    share.rename(share.with_name("elsewhere"))
    share.mkdir()  # the empty folder below the mount
    for ask in (folder.path, folder.verify, folder.drop):
        with pytest.raises(StoreAway):
            ask(kept.sha256)
    with pytest.raises(StoreAway):
        folder.keep(scan)
    assert list(share.iterdir()) == []


def test_a_home_knows_its_share_again_and_marks_no_empty_folder(share, tmp_path):
    home, url = tmp_path / "home", f"file://{share}"
    home.mkdir()
    choice = StoreChoice(url=url)
    assert open_stores(home, choice, lambda: NOON).originals.locks is False
    (share / MARKER).unlink()
    with pytest.raises(StoreAway):
        open_stores(home, choice, lambda: NOON)
    assert not (share / MARKER).exists()


def test_two_machines_have_one_store_in_a_share(share, tmp_path, scan):
    first, second = (open_stores(tmp_path / name, StoreChoice(url=f"file://{share}"), lambda: NOON) for name in ("one", "two"))
    assert second.archives.path(first.archives.keep(scan, ".pdf").sha256, ".pdf").read_bytes() == scan.read_bytes()


def test_a_rename_whose_answer_was_lost_is_believed_by_its_bytes(share, scan, monkeypatch):
    folder, rename = Folder(share / "originals", mark_folder(share)), Path.rename

    def lost(self: Path, target: Path) -> Path:
        rename(self, target)
        raise FileNotFoundError(str(self))

    monkeypatch.setattr(Path, "rename", lost)
    assert folder.verify(folder.keep(scan).sha256) is Condition.SOUND


def test_on_a_share_a_draft_goes_by_its_age_and_never_by_a_lock(share):
    Folder(share / "originals", mark_folder(share))
    young, old = share / "originals" / "tmp" / "young", share / "originals" / "tmp" / "old"
    for each in (young, old):
        each.write_bytes(b"half")
    os.utime(old, (0, 0))
    Folder(share / "originals", mark_folder(share))
    assert (young.exists(), old.exists()) == (True, False)


# --- a bucket ---


def test_a_bucket_without_object_lock_is_refused_in_words(endpoint, tmp_path, bucket_of, scan):
    name = new_bucket(endpoint, lock=False)
    with pytest.raises(StoreUnfit, match="Object Lock"):
        bucket_of(name=name).keep(scan)
    choice = StoreChoice(url=f"s3://{name}/x?endpoint={endpoint}")
    with pytest.raises(Unusable, match="verrouillage d'objets"):
        open_stores(tmp_path, choice, lambda: NOON, {"SCEAU_STORE_KEY": "key", "SCEAU_STORE_SECRET": "secret"})
    client = client_of(endpoint)
    client.put_bucket_versioning(Bucket=(other := new_bucket(endpoint)), VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(StoreUnfit, match="Versioning"):
        bucket_of(name=other).keep(scan)


def test_a_bucket_is_made_with_its_lock_once_and_never_in_the_place_of_one_that_kept_files(endpoint, tmp_path):
    def settings(name: str) -> Settings:
        return Settings(home=tmp_path, store=StoreChoice(url=f"s3://{name}/vault?endpoint={endpoint}"))

    keys = {"SCEAU_STORE_KEY": "key", "SCEAU_STORE_SECRET": "secret"}
    assert [ready_bucket(settings("made-here"), lambda: NOON, keys) for _ in range(2)] == [True, False]
    with pytest.raises(Unusable, match="Object Lock"):
        ready_bucket(settings(new_bucket(endpoint, lock=False)), lambda: NOON, keys)
    with pytest.raises(Unusable, match="compartiment"):
        ready_bucket(Settings(home=tmp_path), lambda: NOON, keys)
    workstation = open_home(tmp_path)
    take_in(workstation, papers.write_png(tmp_path / "scan.png", papers.draw_page(["1"], size=(300, 200))))
    with pytest.raises(Unusable, match="« lost » n'existe pas, alors que des originaux"):
        ready_bucket(settings("lost"), lambda: NOON, keys)
    assert "lost" not in {each["Name"] for each in client_of(endpoint).list_buckets()["Buckets"]}


def test_a_store_that_is_still_starting_is_waited_for_a_minute(tmp_path):
    keys, waits = {"SCEAU_STORE_KEY": "key", "SCEAU_STORE_SECRET": "secret"}, []
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = Settings(home=tmp_path, store=StoreChoice(url=f"s3://late/vault?endpoint=http://127.0.0.1:{nobody.getsockname()[1]}"))
        with pytest.raises(StoreAway, match="connect"):
            ready_bucket(away, lambda: NOON, keys, waits.append)
    assert tuple(waits) == STARTING and 45 < sum(STARTING) < 90


def test_a_store_that_refuses_is_not_waited_for(tmp_path):
    class Guard(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(403)

    with HTTPServer(("127.0.0.1", 0), Guard) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shut = Settings(home=tmp_path, store=StoreChoice(url=f"s3://shut/vault?endpoint=http://127.0.0.1:{server.server_port}"))
        with pytest.raises(StoreRefuses, match="403"):
            ready_bucket(shut, lambda: NOON, {"SCEAU_STORE_KEY": "key", "SCEAU_STORE_SECRET": "wrong"}, pytest.fail)
        server.shutdown()


def test_a_store_that_answers_after_a_while_gets_its_bucket(tmp_path):
    keys, waits = {"SCEAU_STORE_KEY": "key", "SCEAU_STORE_SECRET": "secret"}, []
    with ExitStack() as later, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        late = Settings(home=tmp_path, store=StoreChoice(url=f"s3://late/vault?endpoint=http://127.0.0.1:{port}"))

        def wait(pause: float) -> None:
            waits.append(pause)
            nobody.close()
            later.enter_context(object_server(port))

        assert ready_bucket(late, lambda: NOON, keys, wait) is True
    assert tuple(waits) == STARTING[:1]


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_an_object_is_locked_from_its_arrival_then_longer_and_never_shorter(bucket_of, scan, mode):
    bucket = bucket_of(mode)
    kept = bucket.keep(scan)
    assert bucket.locked_until(kept.sha256) == NOON + MONTH
    bucket.lock(kept.sha256, "", NOON + 100 * MONTH)
    bucket.lock(kept.sha256, "", NOON + 2 * MONTH)
    bucket.keep(scan)
    assert bucket.locked_until(kept.sha256) == NOON + 100 * MONTH


def test_a_hold_keeps_what_a_right_could_remove(bucket_of, scan):
    bucket = bucket_of()
    kept = bucket.keep(scan)
    bucket.hold(kept.sha256, "", on=True)
    with pytest.raises(StillLocked):
        bucket.drop(kept.sha256)
    bucket.hold(kept.sha256, "", on=False)
    assert bucket.drop(kept.sha256)


def test_under_compliance_a_stranger_with_the_key_removes_and_covers_nothing(bucket_of, scan):
    bucket = bucket_of("COMPLIANCE", copies="here")
    kept = bucket.keep(scan)
    client, where = bucket._client, {"Bucket": bucket._place.bucket, "Key": bucket._key(kept.sha256, "")}
    (version, _), *_ = bucket._versions(where["Key"])
    for right in (False, True):
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            client.delete_object(**where, VersionId=version, BypassGovernanceRetention=right)
    client.delete_object(**where)  # only a mark: the version stays
    client.put_object(**where, Body=b"another scan")
    elsewhere = bucket_of("COMPLIANCE", name=bucket._place.bucket, copies="there")
    assert elsewhere.verify(kept.sha256) is Condition.SOUND
    assert elsewhere.path(kept.sha256).read_bytes() == scan.read_bytes()


def test_what_goes_in_parts_is_locked_and_comes_back_whole(bucket_of, tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "PART", 5 << 20)  # the least that the API takes
    large = tmp_path / "large.tif"
    large.write_bytes(os.urandom((10 << 20) + 3))
    bucket = bucket_of("COMPLIANCE")
    kept = bucket.keep(large)
    assert bucket.locked_until(kept.sha256) == NOON + MONTH
    bucket._copies.drop(kept.sha256)
    assert (bucket.verify(kept.sha256), bucket.keep(large).before) == (Condition.SOUND, Condition.SOUND)


def test_a_working_copy_that_was_changed_is_fetched_anew(bucket_of, scan):
    bucket = bucket_of()
    copy = bucket.path(bucket.keep(scan).sha256)
    copy.chmod(0o644)
    copy.write_bytes(b"changed on this machine")
    assert bucket.path(copy.name).read_bytes() == scan.read_bytes()


def test_working_copies_keep_to_their_bound_and_none_in_use_goes(bucket_of, tmp_path):
    bucket, copies = bucket_of(), []
    for number in range(3):
        (tmp_path / "page").write_bytes(bytes([number]) * 1000)
        copies.append(bucket.path(bucket.keep(tmp_path / "page").sha256))
    assert bucket.trim_copies(0) == 0
    for copy in copies[:2]:
        os.utime(copy, (0, 0))
    assert (bucket.trim_copies(1500), [copy.exists() for copy in copies]) == (2, [False, False, True])
    assert bucket.path(copies[0].name).read_bytes() == b"\0" * 1000


def test_a_service_that_does_not_answer_is_away_and_nothing_is_missing(tmp_path, scan, monkeypatch):
    monkeypatch.setattr(
        objects, "Config", lambda **k: objects_config(**{**k, "connect_timeout": 0.2, "retries": {"total_max_attempts": 1}})
    )
    client = client_of("http://127.0.0.1:9")
    bucket = Bucket(client, Place("house", "", "http://127.0.0.1:9"), "originals", Vault(tmp_path / "copies"), Locking(), lambda: NOON)
    for ask in (lambda: bucket.keep(scan), lambda: bucket.verify("0" * 64), lambda: bucket.path("0" * 64), lambda: bucket.drop("0" * 64)):
        with pytest.raises(StoreAway):
            ask()


objects_config = objects.Config


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [(403, "AccessDenied", StoreRefuses), (403, "QuotaExceeded", StoreRefuses), (507, "InsufficientStorage", StoreAway)],
)
def test_a_service_that_is_full_or_takes_a_right_back_keeps_nothing_says_why_and_goes_on_when_it_is_mended(
    bucket_of, scan, status, code, raised
):
    bucket = bucket_of()
    told = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no more</Message></Error>".encode()

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return AWSResponse(request.url, status, {}, SimpleNamespace(stream=lambda **_: iter([told])))

    bucket._client.meta.events.register("before-send.s3.PutObject", answer)
    with pytest.raises(raised, match=code):
        bucket.keep(scan)
    digest = hashlib.sha256(scan.read_bytes()).hexdigest()
    assert bucket.verify(digest) is Condition.MISSING
    bucket._client.meta.events.unregister("before-send.s3.PutObject", answer)
    assert bucket.keep(scan).sha256 == digest
    assert bucket.verify(digest) is Condition.SOUND


def test_bytes_that_the_service_confirms_otherwise_are_not_kept(bucket_of, scan, monkeypatch):
    bucket = bucket_of()
    head = bucket._head
    monkeypatch.setattr(bucket, "_head", lambda *of: {**head(*of), "ChecksumSHA256": "b3RoZXI="})
    with pytest.raises(StoreAway, match="other bytes"):
        bucket.keep(scan)


# --- settings and words ---


def test_a_file_that_is_named_while_the_store_is_away_is_told_to_be_where_it_was(tmp_path, scan):
    (found,) = refused(open_home(tmp_path / "home"), scan, StoreAway("NoSuchBucket")).findings
    assert (found.code, found.measured) == ("store-away", "NoSuchBucket") and "là où il était" in message(found)


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "ftp://host/x", "file://host/x", "s3:///x", "/mnt/x"])
def test_an_address_of_no_store_or_with_a_key_in_it_is_refused(url):
    with pytest.raises(ValueError, match=r"store\.url"):
        StoreChoice(url=url)


def test_an_address_says_bucket_prefix_service_and_region():
    assert place_of("s3://b/a/b?endpoint=http://127.0.0.1:1&region=fr-par") == Place("b", "a/b/", "http://127.0.0.1:1", "fr-par")
    with pytest.raises(Unusable, match="secret"):
        place_of("s3://b/?secret=x")


@pytest.mark.parametrize(
    ("url", "mode", "said"),
    [
        ("", "GOVERNANCE", "stops nobody"),
        ("s3://b", "COMPLIANCE", "nobody can remove"),
        ("s3://b", "GOVERNANCE", "only an account with that right"),
    ],
)
def test_the_protection_is_told_as_it_is(url, mode, said):
    settings = Settings(home=Path("/x"), store=StoreChoice(url=url, mode=mode))
    assert said in store_words(settings, "en")
    assert ("personne" in store_words(settings, "fr")) is (mode == "COMPLIANCE" or not url)


def test_every_sealed_file_that_a_backup_names_gets_a_lock():
    named = {f"{table}.{column}" for table, column, room in NAMED if room == "archive"}
    assert [each for each in sorted(named) if each not in str(_archives())] == []


def test_the_number_of_a_folder_is_noted_once(tmp_path):
    assert known_number(tmp_path, "file:///x", lambda: "a") == known_number(tmp_path, "file:///x", lambda: "b") == "a"
