"""One-time codes by time (RFC 6238 over RFC 4226): six digits, thirty seconds, SHA-1, as every authenticator knows them."""

import base64
import binascii
import hmac
import secrets
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20
"""160 bits, as RFC 4226, section 4, recommends."""
DRIFT_STEPS = 1
"""Codes of the step before and after count, too (RFC 6238, section 5.2): telephones are not always right."""


def new_secret() -> str:
    """Base32 without padding, as it is typed into an authenticator."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii").rstrip("=")


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
    if key is None or len(plain) != DIGITS or not (plain.isascii() and plain.isdigit()):
        return None
    here = step_of(moment)
    fitting = [step for step in range(max(0, here - DRIFT_STEPS), here + DRIFT_STEPS + 1) if hmac.compare_digest(code_at(key, step), plain)]
    return next((step for step in fitting if newest is None or step > newest), None)


def enrolment_address(secret: str, login: str) -> str:
    """What an authenticator reads from a QR code ("otpauth://…")."""
    return f"otpauth://totp/Sceau:{quote(login)}?secret={secret}&issuer=Sceau&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"


def _bytes_of(secret: str) -> bytes | None:
    try:
        return base64.b32decode(secret + "=" * (-len(secret) % 8))
    except (binascii.Error, ValueError):
        return None
