"""Keys at a remote service that speaks the Cloud Signature Consortium's API v1: pyHanko's `CSCSigner`, opened anew for each signature."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationInfo,
    CSCAuthorizationManager,
    CSCCredentialInfo,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)

from sealing.keys import HeldSigner, KeyAway, UnusableKey
from sealing.refusals import trying

SECONDS = 30
"""Wait for one answer of the service."""


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """Where a key is, and what opens it."""

    url: str
    """Address of the service, up to `/csc/v1`."""
    credential: str
    token: str | None = field(default=None, repr=False)
    """OAuth bearer token."""
    pin: str | None = field(default=None, repr=False)
    refusal: Path | None = None
    """Where it is noted that the service refused this PIN; None: nowhere, and it would be tried again."""

    @property
    def session(self) -> CSCServiceSessionInfo:
        return CSCServiceSessionInfo(self.url.rstrip("/"), self.credential, self.token)


class PinAuthorization(CSCAuthorizationManager):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """`credentials/authorize` (CSC API v1, 11.6): each signature is asked for with its hash and the PIN."""

    def __init__(self, session: aiohttp.ClientSession, place: RemotePlace, told: CSCCredentialInfo) -> None:
        super().__init__(place.session, told)
        self._session = session
        self._place = place

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        place = self._place
        asked = self.format_csc_auth_request(num_signatures=len(hash_b64s), pin=place.pin, hash_b64s=hash_b64s)
        url = self.csc_session_info.endpoint_url("credentials/authorize")
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        with trying(place.refusal, place.pin, (place.url, place.credential)) as note_refusal:
            async with self._session.post(url, headers=self.auth_headers, json=asked, timeout=timeout, allow_redirects=False) as response:
                if response.status == 400 and await _says_wrong_pin(response):
                    note_refusal()
                    raise UnusableKey(f"{place.url}: the PIN was refused (invalid_pin)")
                response.raise_for_status()
                return self.parse_csc_auth_response(await response.json())


async def _says_wrong_pin(response: aiohttp.ClientResponse) -> bool:
    """CSC API v1, 10.1 and 11.6: `error` of a JSON answer."""
    try:
        told = await response.json()
    except (aiohttp.ClientError, ValueError):
        return False
    return isinstance(told, dict) and told.get("error") == "invalid_pin"


class RemoteSigner(HeldSigner):
    """pyHanko's `Signer` for a remote key. Raises KeyAway where the service does not answer or refuses, UnusableKey: a wrong PIN."""

    def __init__(self, place: RemotePlace, told: CSCCredentialInfo) -> None:
        super().__init__(told.signing_cert, told.chain)
        self._place = place
        self._told = told

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if dry_run:
            return bytes(512)
        try:
            # A session lives in its event loop, and each seal has one of its own.
            async with aiohttp.ClientSession() as session:
                signer = CSCSigner(session, PinAuthorization(session, self._place, self._told), sign_timeout=SECONDS)
                signature: bytes = await signer.async_sign_raw(data, digest_algorithm)
                return signature
        except (aiohttp.ClientError, SigningError, TimeoutError, ValueError) as error:
            raise KeyAway(f"{self._place.url}: {_cause(error)}") from error


def open_remote(place: RemotePlace) -> RemoteSigner:
    """Ask the service for the credential's certificates (`credentials/info`). Raises KeyAway, UnusableKey."""
    return RemoteSigner(place, asyncio.run(_fetch(place)))


async def _fetch(place: RemotePlace) -> CSCCredentialInfo:
    try:
        async with aiohttp.ClientSession() as session:
            return await fetch_certs_in_csc_credential(session, place.session, timeout=SECONDS)
    except (SigningError, TimeoutError, ValueError) as error:
        cause = error.__cause__
        refused = isinstance(cause, aiohttp.ClientResponseError) and cause.status in (400, 401, 403, 404)
        kind = UnusableKey if refused or not isinstance(cause, aiohttp.ClientError | None) else KeyAway
        raise kind(f"{place.url}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    told = f"{error}" or type(error).__name__
    return f"{told} ({error.__cause__})" if error.__cause__ else told
