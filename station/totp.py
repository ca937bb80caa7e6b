"""One-time codes by time (RFC 6238 over RFC 4226): six digits, thirty seconds, SHA-1, as every authenticator knows them."""

import base64
import binascii
import hmac
import secrets
from pathlib import Path
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.secrets import BadKey, drawn_key

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20
"""160 bits, as RFC 4226, section 4, recommends."""
LOCKED = 64
"""Characters of a secret that is locked away: nonce, 160 bits and tag in base64; in base32 and open it has 32."""
DRIFT_STEPS = 1
"""Codes of the step before and after count, too (RFC 6238, section 5.2): telephones are not always right."""


def new_secret() -> str:
    """Base32 without padding, as it is typed into an authenticator."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii").rstrip("=")


class LostKey(Exception):
    """The key file is not the one with which this secret was locked away: another back-up, or a copy of the database alone."""


def code_key(home: Path) -> bytes:
    """The key under which secrets lie in the database, drawn once per installation; a copy of the database alone makes no codes.

    Raises LostKey where the file is no key.
    """
    try:
        return drawn_key(home / "keys" / "codes")
    except BadKey as error:
        raise LostKey(str(error)) from error


def lock_secret(key: bytes, owner: str, secret: str) -> str:
    """AES-256-GCM with a random nonce, bound to whose secret it is; 64 characters."""
    nonce = secrets.token_bytes(12)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, _bytes_of(secret) or b"", owner.encode())).decode("ascii")


def unlock_secret(key: bytes, owner: str, kept: str) -> str:
    """Base32; what the version before kept is base32 already. Raises LostKey."""
    if len(kept) != LOCKED:
        return kept
    raw = base64.urlsafe_b64decode(kept)
    try:
        return base64.b32encode(AESGCM(key).decrypt(raw[:12], raw[12:], owner.encode())).decode("ascii").rstrip("=")
    except InvalidTag as error:
        raise LostKey from error


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """HOTP of a counter (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(moment: float) -> int:
    """The step of a time in seconds since 1970."""
    return int(moment) // STEP_SECONDS


def accepted_step(secret: str, typed: str, moment: float, newest: int | None) -> int | None:
    """The step whose code was typed, if it is near now and later than the newest accepted (`newest`); None: the code does not fit."""
    plain = "".join(typed.split())
    key = _bytes_of(secret)
    if key is None or not looks_so(typed):
        return None
    here = step_of(moment)
    fitting = [step for step in range(max(0, here - DRIFT_STEPS), here + DRIFT_STEPS + 1) if hmac.compare_digest(code_at(key, step), plain)]
    return next((step for step in fitting if newest is None or step > newest), None)


def looks_so(typed: str) -> bool:
    """Whether six digits were typed, and not a code in reserve."""
    plain = "".join(typed.split())
    return len(plain) == DIGITS and plain.isascii() and plain.isdigit()


def enrolment_address(secret: str, login: str) -> str:
    """What an authenticator reads from a QR code ("otpauth://…")."""
    return f"otpauth://totp/Sceau:{quote(login)}?secret={secret}&issuer=Sceau&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"


def _bytes_of(secret: str) -> bytes | None:
    try:
        return base64.b32decode(secret + "=" * (-len(secret) % 8))
    except (binascii.Error, ValueError):
        return None
