"""The seal is a PAdES B-LTA certification, with keys that are issued once and a time authority that never runs backwards."""

import errno
import os
import pickle
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from asn1crypto import algos, tsp
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from practice import NOON, compose, noisy, png_leaf, practice_keys, sealed, sealer
from pyhanko.pdf_utils.reader import PdfFileReader

from sealing.authority import EXAMPLE_POLICY, TimeAuthority
from sealing.keys import PRACTICE, UnusableKey, is_practice, load_pkcs12, load_trust, make_practice
from sealing.seal import CannotSeal, TimestampUnavailable, practice_sealer, seal_file
from station.problems import problem_of


def ask(imprint: bytes = bytes(32), algorithm: str = "sha256", **more: object) -> tsp.TimeStampReq:
    hashed = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": algorithm}), "hashed_message": imprint}
    return tsp.TimeStampReq({"version": 1, "message_imprint": hashed, "cert_req": True, **more})


def stamp(response: tsp.TimeStampResp) -> tsp.TSTInfo:
    return response["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed


def refusal(response: tsp.TimeStampResp) -> set[str]:
    return response["status"]["fail_info"].native


def test_the_seal_is_appended_and_the_archive_stays_its_beginning(tmp_path: Path) -> None:
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    seal_file(archive, tmp_path / "sealed.pdf", sealer())
    assert (tmp_path / "sealed.pdf").read_bytes().startswith(archive.read_bytes())


def test_the_seal_certifies_and_its_practice_key_says_so(tmp_path: Path) -> None:
    with sealed(tmp_path).open("rb") as file:
        seal, time = PdfFileReader(file).embedded_signatures
        assert (seal.sig_object["/SubFilter"], time.sig_object["/SubFilter"]) == ("/ETSI.CAdES.detached", "/ETSI.RFC3161")
        assert seal.docmdp_level.name == "NO_CHANGES"
        assert seal.sig_object["/Reason"].startswith("ESSAI") and seal.sig_object["/Location"] == "essai"
        assert list(seal.sig_field["/Rect"]) == [0, 0, 0, 0]
        assert PRACTICE in seal.signer_cert.subject.human_friendly


def test_the_moment_of_the_seal_is_the_one_handed_in(tmp_path: Path) -> None:
    with sealed(tmp_path).open("rb") as file:
        seal, time = PdfFileReader(file).embedded_signatures
        assert seal.self_reported_timestamp == NOON
        assert time.signed_data["encap_content_info"]["content"].parsed["gen_time"].native == NOON


def test_nothing_is_left_behind_when_no_seal_can_be_made(tmp_path: Path) -> None:
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    with pytest.raises(CannotSeal):
        seal_file(archive, tmp_path / "sealed.pdf", sealer(NOON - timedelta(days=9)))
    assert not (tmp_path / "sealed.pdf").exists()


def test_a_disk_that_is_full_while_sealing_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    for step in ("shutil.copyfile", "IncrementalPdfFileWriter"):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left") as told:
            patch.setattr(f"sealing.seal.{step}", full)
            seal_file(archive, tmp_path / "sealed.pdf", sealer())
        assert problem_of(told.value).code == "disk-full"
        assert not (tmp_path / "sealed.pdf").exists()


def test_time_that_cannot_be_had_is_waited_for(tmp_path: Path) -> None:
    archive = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    moments = [NOON]
    backwards = practice_sealer(practice_keys(), lambda: moments[-1])
    backwards.timestamper.answer(ask())
    moments.append(NOON - timedelta(hours=1))
    with pytest.raises(TimestampUnavailable) as told:
        seal_file(archive, tmp_path / "sealed.pdf", backwards)
    assert repr(pickle.loads(pickle.dumps(told.value))) == repr(told.value)  # noqa: S301
    assert problem_of(told.value).code == "timestamp-unavailable"
    assert problem_of(told.value).retry is not None
    assert not (tmp_path / "sealed.pdf").exists()


def test_a_sealed_file_is_not_sealed_again(tmp_path: Path) -> None:
    with pytest.raises(CannotSeal):
        seal_file(sealed(tmp_path), tmp_path / "twice.pdf", sealer())


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils is not installed")
def test_another_verifier_finds_the_seal_valid(tmp_path: Path) -> None:
    told = subprocess.run(["pdfsig", sealed(tmp_path)], capture_output=True, check=False, text=True).stdout
    assert told.count("Signature is Valid.") == 1 and told.count("  - Total document signed") == 1


def test_practice_keys_are_issued_once_whoever_asks(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as crowd:
        made = list(crowd.map(lambda _: make_practice(tmp_path / "keys", NOON, NOON + timedelta(days=9), True), range(8)))
    assert len({each.seal.certificate.sha256 for each in made}) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys"]


def test_practice_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        make_practice(tmp_path / "keys", NOON, NOON + timedelta(days=9), True)
    finally:
        os.umask(old)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_practice_certificates_say_what_they_are_for(tmp_path: Path) -> None:
    keys = practice_keys()
    assert is_practice(keys.seal.certificate) and is_practice(keys.time.certificate)
    assert keys.seal.certificate.key_usage_value.native == {"non_repudiation"}
    assert keys.seal.certificate.extended_key_usage_value.native == ["1.3.6.1.5.5.7.3.36"]
    assert keys.time.certificate.extended_key_usage_value.native == ["time_stamping"]
    assert keys.seal.certificate.subject.native["organization_identifier"] == "NTRFR-000000000"


def test_a_wrong_password_is_told_as_an_unusable_key(tmp_path: Path) -> None:
    (tmp_path / "key.p12").write_bytes(b"nonsense")
    with pytest.raises(UnusableKey):
        load_pkcs12(tmp_path / "key.p12", b"secret")
    with pytest.raises(UnusableKey):
        load_trust(tmp_path / "key.p12")


def test_a_weak_key_is_refused(tmp_path: Path) -> None:
    key, name = rsa.generate_private_key(65537, 2048), pyca.Name([])
    builder = pyca.CertificateBuilder(name, name, key.public_key(), 1, NOON, NOON + timedelta(days=9))
    bundle = pkcs12.serialize_key_and_certificates(b"x", key, builder.sign(key, hashes.SHA256()), None, NoEncryption())
    (tmp_path / "key.p12").write_bytes(bundle)
    with pytest.raises(UnusableKey, match="2048"):
        load_pkcs12(tmp_path / "key.p12", None)


def test_the_time_authority_answers_as_rfc_3161_says() -> None:
    authority = TimeAuthority(practice_keys().time, lambda: NOON)
    answer = stamp(authority.answer(ask(b"x" * 32, nonce=7)))
    assert (answer["policy"].native, answer["nonce"].native, answer["gen_time"].native) == (EXAMPLE_POLICY, 7, NOON)
    assert answer["message_imprint"]["hashed_message"].native == b"x" * 32
    assert answer["accuracy"]["seconds"].native == 1


def test_serial_numbers_rise_within_one_second() -> None:
    authority = TimeAuthority(practice_keys().time, lambda: NOON)
    serials = [stamp(authority.answer(ask()))["serial_number"].native for _ in range(9)]
    assert serials == sorted(set(serials))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ask(bytes(20), "sha1"), "bad_alg"),
        (ask(bytes(31)), "bad_data_format"),
        (ask(req_policy="1.2.3"), "unaccepted_policy"),
    ],
)
def test_what_the_time_authority_cannot_stand_for_is_refused(request_: tsp.TimeStampReq, reason: str) -> None:
    assert refusal(TimeAuthority(practice_keys().time, lambda: NOON).answer(request_)) == {reason}


def test_a_clock_that_goes_back_gets_no_timestamp() -> None:
    moments = iter([NOON, NOON - timedelta(seconds=1)])
    authority = TimeAuthority(practice_keys().time, lambda: next(moments))
    authority.answer(ask())
    assert refusal(authority.answer(ask())) == {"time_not_available"}
