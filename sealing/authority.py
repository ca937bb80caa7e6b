"""The workstation's own time authority (RFC 3161): a `TimeStamper` of pyHanko that answers in this process, from the clock it is handed."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import fcntl
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeAlias

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from pyhanko.sign.general import as_signing_certificate_v2, simple_cms_attribute
from pyhanko.sign.timestamps import TimeStamper

from sealing.keys import Identity, sign_bytes, signing_algorithm

Clock: TypeAlias = Callable[[], datetime]

EXAMPLE_POLICY = "1.3.6.1.4.1.32473.3161.1"
"""Under the private enterprise number that RFC 5612 reserves for examples. A company sets an identifier of its own."""

DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
"""What a request may be imprinted with, in bytes."""


@dataclass(slots=True)
class Serials:
    """Serial numbers that only rise: nanoseconds of the clock, then 64 bits drawn once per process, so that two processes never meet."""

    last: int = 0
    tail: int = field(default_factory=lambda: secrets.randbits(64))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, moment: datetime) -> int:
        with self.lock:
            self.last = max(self.last + 1, int(moment.timestamp() * 1_000_000) * 1000)
            return (self.last << 64) | self.tail


_NEVER = datetime.min.replace(tzinfo=UTC)


class Latest(Protocol):
    """The newest time that was given, which the next may not precede."""

    def rise(self, clock: Clock) -> datetime | None:
        """The clock's second, noted as given; None, and nothing noted, where a later one was given already.

        The clock is read while nobody else notes: two who ask in the same instant both get their time.
        """
        ...


@dataclass(slots=True)
class LatestHere:
    """Of this process."""

    moment: datetime = _NEVER
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rise(self, clock: Clock) -> datetime | None:
        with self.lock:
            moment = _second(clock)
            if moment < self.moment:
                return None
            self.moment = moment
            return moment


@dataclass(frozen=True, slots=True)
class LatestInFile:
    """Of all processes of this machine, and of those before its last restart: one line of text, locked while it is looked at.

    A file that was torn by a power cut counts as none: the next time is noted anew.
    """

    path: Path

    def rise(self, clock: Clock) -> datetime | None:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # Given back when the file closes.
            moment = _second(clock)
            if moment < _moment_in(file.read(64)):
                return None
            file.seek(0)
            file.write(moment.isoformat().encode() + b"\n")
            file.truncate()
        return moment

    def read(self) -> datetime | None:
        """The newest time given; None before the first."""
        found = _moment_in(self.path.read_bytes()[:64]) if self.path.exists() else _NEVER
        return None if found == _NEVER else found

    def forget(self) -> None:
        """A person says that the clock is right now, and that what was given after this moment was given by a clock that was wrong."""
        self.path.unlink(missing_ok=True)


def _second(clock: Clock) -> datetime:
    return clock().astimezone(UTC).replace(microsecond=0)


def _moment_in(text: bytes) -> datetime:
    try:
        found = datetime.fromisoformat(text.decode().strip())
    except ValueError:
        return _NEVER
    return found if found.tzinfo else _NEVER


class TimeAuthority(TimeStamper):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """RFC 3161 answers: own policy, accuracy of one second, ESSCertIDv2 (RFC 5816), rising serials.

    Time never runs backwards: a request that finds the clock before the last answer is refused as `time_not_available`.
    """

    roots: tuple[asn1_x509.Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()

    def __init__(self, identity: Identity, clock: Clock, policy: str = EXAMPLE_POLICY, latest: Latest | None = None) -> None:
        """`latest`: what it remembers the newest time in; without, it remembers for as long as it lives."""
        super().__init__(include_nonce=True)
        self.name = "internal"
        self.holder = str(identity.certificate.subject.native.get("common_name", "?"))
        """As its certificate says it."""
        self._identity = identity
        self._clock = clock
        self._policy = policy
        self._serials = Serials()
        self._latest = latest or LatestHere()

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return self.answer(req)

    def answer(self, request: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """One response to one request; a refusal is a response too (RFC 3161, 2.4.2)."""
        digest = request["message_imprint"]["hash_algorithm"]["algorithm"].native
        if digest not in DIGEST_SIZES:
            return _refusal("bad_alg")
        if len(request["message_imprint"]["hashed_message"].native) != DIGEST_SIZES[digest]:
            return _refusal("bad_data_format")
        if request["req_policy"].native not in (None, self._policy):
            return _refusal("unaccepted_policy")
        moment = self._latest.rise(self._clock)
        if moment is None:
            return _refusal("time_not_available")
        token = self._sign(self._stamp(request, moment).dump(), moment)
        return tsp.TimeStampResp({"status": tsp.PKIStatusInfo({"status": "granted"}), "time_stamp_token": token})

    def _stamp(self, request: tsp.TimeStampReq, moment: datetime) -> tsp.TSTInfo:
        fields = {
            "version": "v1",
            "policy": self._policy,
            "message_imprint": request["message_imprint"],
            "serial_number": self._serials.draw(moment),
            "gen_time": moment,
            "accuracy": tsp.Accuracy({"seconds": 1}),
            "tsa": asn1_x509.GeneralName(name="directory_name", value=self._identity.certificate.subject),
        }
        if request["nonce"].native is not None:
            fields["nonce"] = request["nonce"]
        return tsp.TSTInfo(fields)

    def _sign(self, stamp: bytes, moment: datetime) -> cms.ContentInfo:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(stamp)
        attributes = cms.CMSAttributes(
            [
                simple_cms_attribute("content_type", "tst_info"),
                simple_cms_attribute("signing_time", cms.Time({"utc_time": core.UTCTime(moment)})),
                simple_cms_attribute("signing_certificate_v2", as_signing_certificate_v2(self._identity.certificate)),
                simple_cms_attribute("message_digest", digest.finalize()),
            ]
        )
        certificate = self._identity.certificate
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {"issuer_and_serial_number": {"issuer": certificate.issuer, "serial_number": certificate.serial_number}}
                ),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signature_algorithm": signing_algorithm(self._identity.key, "sha256"),
                "signed_attrs": attributes,
                "signature": sign_bytes(self._identity.key, attributes.dump(), "sha256"),
            }
        )
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(stamp)},
                "certificates": [certificate, *self._identity.chain],
                "signer_infos": [signer],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed})


def _refusal(reason: str) -> tsp.TimeStampResp:
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": tsp.PKIFailureInfo({reason})})
    return tsp.TimeStampResp({"status": status})
