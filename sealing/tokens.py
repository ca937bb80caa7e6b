"""Keys on a token or HSM (PKCS#11): the key never leaves it, a session is opened once per process and again where the token was pulled."""

# pyHanko and python-pkcs11 annotate most of their interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pkcs11
from asn1crypto import x509
from pkcs11 import Attribute, ObjectClass
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.pkcs11 import open_pkcs11_session, select_pkcs11_signing_params

from sealing.keys import HeldSigner, KeyAway, UnusableKey, is_signature
from sealing.refusals import trying

PROBE = b"Sceau: is this the key of the certificate?"
SIZE = 512
"""Bytes kept free for a signature: RSA-4096, and more than any ECDSA."""


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a key is."""

    module: str
    """Path of the PKCS#11 library."""
    token: str
    """Label of the token."""
    key: str
    """Label of the private key, and of the certificate where the token holds it."""
    pin: str | None = field(default=None, repr=False)
    refusal: Path | None = None
    """Where it is noted that the token refused this PIN; None: nowhere, and it would be tried again."""


class TokenSigner(HeldSigner):
    """pyHanko's `Signer` around a key handle. Raises KeyAway where the token is not there: another try may do.

    pyHanko's own PKCS11Signer signs in a thread and opens no second session; here one process seals one file at a time.
    """

    def __init__(self, place: TokenPlace, certificate: x509.Certificate, chain: Sequence[x509.Certificate], handle: Any) -> None:
        super().__init__(certificate, chain)
        self._place = place
        self._handle = handle

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return bytes(SIZE) if dry_run else self.sign_now(data, digest_algorithm)

    def sign_now(self, data: bytes, digest: str) -> bytes:
        """A signature by the token; a session that was lost is opened anew, once. Raises KeyAway, UnusableKey."""
        try:
            return self._sign(data, digest)
        except pkcs11.PKCS11Error:
            self._handle = _find_key(_open_session(self._place, again=True), self._place)
        try:
            return self._sign(data, digest)
        except pkcs11.PKCS11Error as error:
            raise KeyAway(_told(error, self._place)) from error

    def _sign(self, data: bytes, digest: str) -> bytes:
        mechanism = self.get_signature_mechanism_for_digest(digest)
        # Raw: hashed here, signed there. SoftHSM and many tokens know no other ECDSA.
        how = select_pkcs11_signing_params(mechanism, digest, use_raw_mechanism=True, sign_kwargs={})
        given = how.pre_sign_transform(data) if how.pre_sign_transform else data
        signature: bytes = self._handle.sign(given, **how.sign_kwargs)
        return how.post_sign_transform(signature) if how.post_sign_transform else signature


def open_token(place: TokenPlace, certificates: Sequence[x509.Certificate] = ()) -> TokenSigner:
    """The signer of a token's key. `certificates` are that of the key and those above it, where the token does not hold them.

    Raises KeyAway where token or library are not there, UnusableKey where PIN, key or certificate do not fit.
    """
    session = _open_session(place)
    held = tuple(certificates) or _held_certificates(session, place)
    signer = TokenSigner(place, held[0], held[1:], _find_key(session, place))
    if not is_signature(held[0], signer.sign_now(PROBE, "sha256"), PROBE, "sha256"):
        raise UnusableKey(f"{place.token}: the certificate is not that of the key « {place.key} »")
    return signer


def _open_session(place: TokenPlace, *, again: bool = False) -> Any:
    """`again`: the library looks for its tokens anew, for it may know only those that were there when it was loaded."""
    try:
        if again:
            pkcs11.lib(place.module).reinitialize()
        return _log_in(place)
    except (pkcs11.PinLocked, pkcs11.PinExpired) as error:
        raise UnusableKey(_told(error, place)) from error
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        if not again and isinstance(error, pkcs11.PKCS11Error):
            return _open_session(place, again=True)
        raise KeyAway(_told(error, place)) from error


def _log_in(place: TokenPlace) -> Any:
    with trying(place.refusal, place.pin, (place.module, place.token)) as note_refusal:
        try:
            return open_pkcs11_session(place.module, token_criteria=TokenCriteria(label=place.token), user_pin=place.pin)
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
            note_refusal()
            raise UnusableKey(_told(error, place)) from error


def _find_key(session: Any, place: TokenPlace) -> Any:
    try:
        found = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: place.key}))
    except pkcs11.PKCS11Error as error:
        raise KeyAway(_told(error, place)) from error
    if len(found) != 1:
        raise UnusableKey(f"{place.token}: {len(found)} private keys « {place.key} » (PIN given: {'yes' if place.pin else 'no'})")
    return found[0]


def _held_certificates(session: Any, place: TokenPlace) -> tuple[x509.Certificate, ...]:
    """The certificate with the key's label first, then all others that the token holds."""
    try:
        held = [
            (each[Attribute.LABEL], x509.Certificate.load(each[Attribute.VALUE]))
            for each in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
        ]
    except (pkcs11.PKCS11Error, ValueError) as error:
        raise KeyAway(_told(error, place)) from error
    own = [certificate for label, certificate in held if label == place.key]
    if len(own) != 1:
        raise UnusableKey(f"{place.token}: {len(own)} certificates « {place.key} » on the token; name a PEM file instead")
    return own[0], *(certificate for label, certificate in held if label != place.key)


def _told(error: Exception, place: TokenPlace) -> str:
    return f"{place.token} ({place.module}): {type(error).__name__} {error}".rstrip()
