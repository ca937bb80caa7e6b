"""The vault keeps what arrived, once, whole and for good, or says why not and leaves nothing behind."""

import errno
import fcntl
import hashlib
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture import originals
from capture.originals import CHUNK, Condition, DiskFull, NotAFile, StillWriting, TooLarge, Vault


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.tif"
    path.write_bytes(os.urandom(CHUNK + 17))
    return path


def files_in(vault: Vault) -> list[Path]:
    return [path for path in vault.root.rglob("*") if path.is_file()]


def test_what_is_kept_lies_under_its_hash_and_cannot_be_written(vault: Vault, scan: Path) -> None:
    kept = vault.keep(scan)
    path = vault.path(kept.sha256)
    assert path == vault.root / kept.sha256[:2] / kept.sha256[2:4] / kept.sha256
    assert path.read_bytes() == scan.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o444
    assert (kept.sha256, kept.size) == (hashlib.sha256(scan.read_bytes()).hexdigest(), scan.stat().st_size)


def test_the_copy_is_not_the_scanners_file(vault: Vault, scan: Path) -> None:
    kept = vault.keep(scan)
    scan.write_bytes(b"overwritten by the scanner")
    assert vault.verify(kept.sha256) is Condition.SOUND


@given(st.binary(max_size=300))
def test_any_bytes_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "scan").write_bytes(content)
    vault = Vault(folder / "vault")
    assert vault.path(vault.keep(folder / "scan").sha256).read_bytes() == content


def test_the_same_bytes_twice_are_kept_once(vault: Vault, scan: Path) -> None:
    assert vault.keep(scan).before is Condition.MISSING
    assert vault.keep(scan).before is Condition.SOUND
    assert len(files_in(vault)) == 1


def test_a_damaged_original_is_noticed_and_replaced_when_the_same_bytes_come_again(vault: Vault, scan: Path) -> None:
    kept = vault.keep(scan)
    path = vault.path(kept.sha256)
    path.chmod(0o644)
    path.write_bytes(b"!" + path.read_bytes()[1:])
    assert vault.verify(kept.sha256) is Condition.DAMAGED
    assert vault.keep(scan).before is Condition.DAMAGED
    assert vault.verify(kept.sha256) is Condition.SOUND


def test_what_was_never_kept_is_missing(vault: Vault) -> None:
    assert vault.verify("0" * 64) is Condition.MISSING


@pytest.mark.parametrize("name", ["../../etc/passwd", "0" * 63, "A" * 64, ""])
def test_only_a_hash_is_a_name_in_the_vault(vault: Vault, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        vault.path(name)


def test_a_suffix_cannot_lead_out_of_the_vault(vault: Vault) -> None:
    with pytest.raises(ValueError, match="suffix"):
        vault.path("0" * 64, "/../x")


def test_a_sealed_archive_has_its_suffix(vault: Vault, scan: Path) -> None:
    kept = vault.keep(scan, ".pdf")
    assert vault.path(kept.sha256, ".pdf").read_bytes() == scan.read_bytes()
    assert vault.verify(kept.sha256) is Condition.MISSING


def test_a_descriptor_is_kept_from_its_beginning(vault: Vault, scan: Path) -> None:
    with scan.open("rb") as file:
        file.seek(100)
        assert vault.keep(file.fileno()).size == scan.stat().st_size


def test_links_pipes_folders_sockets_and_devices_are_refused(vault: Vault, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "symlink").symlink_to(scan)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))  # the full path may be longer than a socket's name may be
        for kind in ("symlink", "fifo", "folder", "socket"):
            with pytest.raises(NotAFile) as caught:
                vault.keep(tmp_path / kind)
            assert caught.value.kind == kind
    with pytest.raises(NotAFile):
        vault.keep(Path("/dev/null"))
    assert files_in(vault) == []


def test_a_pipe_put_in_place_of_a_file_after_the_first_look_does_not_stop_us(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(Path, "lstat", lambda _: Path(__file__).stat())
    with pytest.raises(NotAFile):
        vault.keep(tmp_path / "fifo")


def test_a_pipe_given_as_a_descriptor_is_refused(vault: Vault) -> None:
    reader, writer = os.pipe()
    with pytest.raises(NotAFile):
        vault.keep(reader)
    os.close(reader)
    os.close(writer)


def test_a_file_too_large_is_refused_before_it_is_read(vault: Vault, tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(TooLarge):
        vault.keep(tmp_path / "sparse", largest=10**9)


@pytest.mark.parametrize("meddle", [b"one more byte", b""])
def test_a_source_that_changes_during_the_copy_is_not_kept(
    vault: Vault, scan: Path, monkeypatch: pytest.MonkeyPatch, meddle: bytes
) -> None:
    write = originals._write_all

    def write_and_meddle(target: int, part: memoryview) -> None:
        write(target, part)
        with scan.open("ab" if meddle else "r+b") as file:
            file.write(meddle) if meddle else file.truncate(CHUNK)

    monkeypatch.setattr(originals, "_write_all", write_and_meddle)
    with pytest.raises(StillWriting):
        vault.keep(scan)
    assert files_in(vault) == []


def test_a_full_disk_is_said_and_leaves_no_half_file(vault: Vault, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(originals, "_write_all", full)
    with pytest.raises(DiskFull):
        vault.keep(scan)
    assert files_in(vault) == []


def test_a_copy_cut_short_is_swept_away_at_the_next_start(vault: Vault) -> None:
    leftover = vault.root / "tmp" / "of-a-dead-process"
    leftover.write_bytes(b"half")
    leftover.chmod(0o444)
    Vault(vault.root)
    assert not leftover.exists()


def test_a_copy_under_way_in_another_process_is_not_swept_away(vault: Vault) -> None:
    with vault._draft() as (_, name):
        Vault(vault.root)
        assert name.exists()


def test_a_draft_swept_before_it_was_locked_is_made_again(vault: Vault, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = fcntl.flock
    swept: list[Path] = []

    def swept_first(descriptor: int, how: int) -> None:
        if not swept:
            swept.append(next((vault.root / "tmp").iterdir()))
            swept[0].unlink()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    assert vault.verify(vault.keep(scan).sha256) is Condition.SOUND
    assert swept
