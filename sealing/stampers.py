"""Time from others: RFC 3161 authorities asked over HTTP, whose answers are checked before they are used, one standing in for another."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko.sign.timestamps.common_utils import handle_tsp_response, set_tsp_headers
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError

from sealing.authority import Clock, TimeAuthority
from sealing.keys import is_practice

LARGEST_ANSWER = 262_144
"""Bytes; a token with its chain has some thousands."""
REST_SECONDS = 180.0
"""So long an authority that failed is not asked again."""


class WrongToken(TimestampRequestError):
    """An authority answered with a token that must not be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of an authority's answers."""

    roots: Sequence[x509.Certificate]
    """Its certificate must lead to one of them."""
    policy: str | None = None
    """OID under which it must stamp; None: any."""
    crls: Sequence[bytes] = ()
    """DER revocation lists at hand: of every issuer but the root, for they go into the sealed file."""
    bound: timedelta = timedelta(seconds=10)
    """Its time and ours may differ by so much; whichever is wrong, such a token is not used."""
    practice: bool = True
    """Whether an authority may be one whose certificate says that it proves nothing; never in production."""


class RemoteAuthority(TimeStamper):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """One authority by its address: a token over our imprint, with our nonce, as `Demand` says, or it raises TimestampRequestError."""

    def __init__(
        self,
        name: str,
        url: str,
        demand: Demand,
        clock: Clock,
        *,
        seconds: float = 10.0,
        login: tuple[str, str] | None = None,
        noted: Callable[[Sequence[x509.Certificate]], None] | None = None,
    ) -> None:
        """`seconds`: for the whole answer; `login`: user, password (HTTP Basic); `noted`: told of the certificates that it stamps with."""
        super().__init__(include_nonce=True)
        self.name = name
        self.roots = tuple(demand.roots)
        self.crls = tuple(demand.crls)
        self._url = url
        self._demand = demand
        self._clock = clock
        self._seconds = seconds
        self._login = login
        self._noted = noted

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        nonce, request = self.request_cms(message_digest, md_algorithm)
        response = await self.async_request_tsa_response(request)
        try:
            token = handle_tsp_response(response, None)
            await self._check_token(token, nonce, message_digest, md_algorithm)
            # Its next certificate is guessed to be this one: what is put into the file before the next token follows the newest.
            self._certs = {}
            self._register_dummy(md_algorithm, token)
        except TimestampRequestError:
            raise
        except Exception as error:  # asn1crypto parses late: whatever a malformed answer breaks, it is no token
            raise WrongToken(f"{self.name}: not an RFC 3161 answer ({type(error).__name__}: {error})") from error
        return token

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        headers = set_tsp_headers({"Authorization": _basic(*self._login)} if self._login else {})
        limit = aiohttp.ClientTimeout(total=self._seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit) as session,
                session.post(self._url, data=req.dump(), headers=headers, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise TimestampRequestError(f"{self.name}: HTTP {response.status}")
                body = await response.content.read(LARGEST_ANSWER + 1)
                while len(body) <= LARGEST_ANSWER and (more := await response.content.read(LARGEST_ANSWER + 1)):
                    body += more
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
            if isinstance(error, TimestampRequestError):
                raise
            raise TimestampRequestError(f"{self.name}: no answer ({type(error).__name__})") from error
        if len(body) > LARGEST_ANSWER:
            raise WrongToken(f"{self.name}: an answer of more than {LARGEST_ANSWER} bytes")
        try:
            self._check_status(body)
            return tsp.TimeStampResp.load(body, strict=True)
        except (ValueError, TypeError) as error:
            raise WrongToken(f"{self.name}: not an RFC 3161 answer") from error

    def _check_status(self, body: bytes) -> None:
        """RFC 3161, 2.4.2: a refusal comes without a token, which asn1crypto takes for a broken answer."""
        status = tsp.PKIStatusInfo.load(core.Sequence.load(body, strict=True).contents)
        if status["status"].native not in ("granted", "granted_with_mods"):
            why = " ".join([*(status["status_string"].native or ()), *sorted(status["fail_info"].native or ())])
            raise TimestampRequestError(f"{self.name}: refused, {status['status'].native} {why}".rstrip())

    async def _check_token(self, token: cms.ContentInfo, nonce: int, digest: bytes, algorithm: str) -> None:
        """RFC 3161, 2.4.2: nonce, imprint, policy, certificate and its purpose, time, chain. The status was looked at before."""
        signed = token["content"]
        info: tsp.TSTInfo = signed["encap_content_info"]["content"].parsed
        if info["nonce"].native != int(nonce):
            raise WrongToken(f"{self.name}: the token has another nonce, it answers another question")
        imprint = info["message_imprint"]
        if imprint["hash_algorithm"]["algorithm"].native != algorithm or imprint["hashed_message"].native != digest:
            raise WrongToken(f"{self.name}: the token is over another hash")
        if self._demand.policy is not None and info["policy"].dotted != self._demand.policy:
            raise WrongToken(f"{self.name}: stamped under policy {info['policy'].dotted}, not {self._demand.policy}")
        try:
            found = extract_certificate_info(signed)
        except CMSExtractionError as error:
            raise WrongToken(f"{self.name}: the token has no certificate") from error
        self._check_purpose(found.signer_cert)
        now = self._clock().astimezone(UTC)
        if abs(info["gen_time"].native - now) > self._demand.bound:
            raise WrongToken(f"{self.name}: its time is {info['gen_time'].native:%Y-%m-%d %H:%M:%S} UTC, ours {now:%Y-%m-%d %H:%M:%S}")
        await self._check_chain(signed, digest, now, "soft-fail")
        if self._noted is not None:
            # Only of an authority that is trusted: where its revocation lists are to be fetched is taken from here.
            self._noted((found.signer_cert, *found.other_certs))
        await self._check_chain(signed, digest, now, "require")

    def _check_purpose(self, certificate: x509.Certificate) -> None:
        """RFC 3161, 2.3: the extended key usage is critical, and id-kp-timeStamping is alone in it."""
        usage = certificate.extended_key_usage_value
        if usage is None or usage.native != ["time_stamping"] or "extended_key_usage" not in certificate.critical_extensions:
            raise WrongToken(f"{self.name}: its certificate is not one of a time authority")
        if is_practice(certificate) and not self._demand.practice:
            raise WrongToken(f"{self.name}: a practice certificate, in production")

    async def _check_chain(self, signed: cms.SignedData, digest: bytes, now: datetime, revocation: str) -> None:
        context = ValidationContext(
            trust_roots=list(self._demand.roots),
            crls=list(self._demand.crls),
            moment=now,
            allow_fetching=False,
            revocation_mode=revocation,
        )
        try:
            told: dict[str, Any] = await validate_tst_signed_data(signed, context, lambda _: digest)
        except (SignatureValidationError, PathError, CMSExtractionError) as error:
            raise WrongToken(f"{self.name}: {error}") from error
        if not (told.get("intact") and told.get("valid")):
            raise WrongToken(f"{self.name}: the token is not intact")
        if told.get("trust_problem_indic") is not None:
            raise WrongToken(
                f"{self.name}: its certificate is not valid, not trusted or without revocation list ({told['trust_problem_indic']})"
            )


def _basic(user: str, password: str) -> str:
    """RFC 7617."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


@dataclass(slots=True)
class _Member:
    stamper: TimeStamper
    rests_until: float = float("-inf")


@dataclass(slots=True)
class _Members:
    each: list[_Member]
    lock: threading.Lock = field(default_factory=threading.Lock)


class Relay(TimeStamper):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """Several authorities in order of preference; one that failed rests for a while, and the next stands in.

    One seal takes all its timestamps from one authority, whose certificates are in the file before its last timestamp is asked for: who
    seals goes through `offered` and tells with `note_failure` which one failed.
    """

    def __init__(self, stampers: Sequence[TimeStamper], steady: Callable[[], float] = time.monotonic, rest: float = REST_SECONDS) -> None:
        """`steady`: seconds of a clock that nobody sets; `rest`: seconds."""
        super().__init__(include_nonce=True)
        self._members = _Members([_Member(stamper) for stamper in stampers])
        self._steady = steady
        self._rest = rest

    @property
    def stampers(self) -> tuple[TimeStamper, ...]:
        return tuple(member.stamper for member in self._members.each)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """Of all of them."""
        return tuple(root for stamper in self.stampers for root in getattr(stamper, "roots", ()))

    @property
    def crls(self) -> tuple[bytes, ...]:
        """Of all of them."""
        return tuple(dict.fromkeys(crl for stamper in self.stampers for crl in getattr(stamper, "crls", ())))

    def offered(self) -> tuple[TimeStamper, ...]:
        """Those that do not rest, in their order."""
        now = self._steady()
        with self._members.lock:
            return tuple(member.stamper for member in self._members.each if member.rests_until <= now)

    def note_failure(self, stamper: TimeStamper) -> None:
        """From now on it rests."""
        with self._members.lock:
            for member in self._members.each:
                if member.stamper is stamper:
                    member.rests_until = self._steady() + self._rest

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """From the first that gives a token. Raises TimestampRequestError when none does."""
        failures = []
        for stamper in self.offered():
            try:
                return await stamper.async_timestamp(message_digest, md_algorithm)
            except TimestampRequestError as error:
                self.note_failure(stamper)
                failures.append(str(error))
        raise TimestampRequestError("; ".join(failures) or NOBODY)


NOBODY = "every time authority failed a moment ago and rests"


def offered_by(stamper: TimeStamper) -> tuple[TimeStamper, ...]:
    """The authorities of which one gives a whole file its time, in the order in which they are tried."""
    return stamper.offered() if isinstance(stamper, Relay) else (stamper,)


def is_own(stamper: TimeStamper, holder: str) -> bool:
    """Whether a timestamp of this holder came from the workstation's own authority, not from one outside."""
    members = stamper.stampers if isinstance(stamper, Relay) else (stamper,)
    return any(isinstance(member, TimeAuthority) and member.holder == holder for member in members)


def note_failure(of: TimeStamper, stamper: TimeStamper) -> None:
    """Tell `of` that one of its own failed."""
    if isinstance(of, Relay):
        of.note_failure(stamper)
