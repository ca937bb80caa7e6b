"""What this installation seals with, and whom it trusts: practice keys, or the company's own from a file, a token or a remote service.

Secrets come from the environment only. Nothing is fetched here: lists lie in the home since the last fetch (`station.trustlists`).
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from asn1crypto import x509
from pyhanko.sign.timestamps import TimeStamper

from capture.catalogue import finding
from capture.findings import Finding
from config.settings import PASSWORD_VARIABLE, PIN_VARIABLE, TOKEN_VARIABLE, Settings
from sealing.authority import Clock
from sealing.fitness import certificate_troubles, certificate_warnings, holder_of, issuer_of, require_fit
from sealing.keys import (
    CachedSigner,
    HeldSigner,
    HouseTime,
    KeyRefused,
    Practice,
    UnusableKey,
    is_practice,
    key_words,
    load_pkcs12,
    load_practice,
    load_trust,
    make_house_time,
    make_practice,
)
from sealing.seal import Sealer
from station.trustlists import keep_certificates, kept_crls, trust_snapshot, trusted_lists

if TYPE_CHECKING:
    from sealing.trust import Qualification

__all__ = ["trust_snapshot"]

YEARS_OF_PRACTICE = timedelta(days=3652)


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """The certificate that seals here, as a person asks for it."""

    mode: str
    source: str
    holder: str
    issuer: str
    level: str
    """practice, ordinary, qualified, or unknown where no trusted list is at hand."""
    reason: str
    """Why the level is what it is."""
    key: str
    """RSA-3072, P-256…"""
    begins: datetime
    ends: datetime
    fingerprint: str
    """Hexadecimal SHA-256 of the certificate."""


# The keys.


def practice_folder(home: Path) -> Path:
    return home / "keys" / "practice"


def open_practice(folder: Path) -> Practice:
    """The practice keys of this installation, made at the first call; valid ten years."""
    if not folder.exists():
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
        make_practice(folder, begin, begin + YEARS_OF_PRACTICE)
    return load_practice(folder)


def open_time(settings: Settings) -> HouseTime:
    """What the internal time authority signs with: the practice one, or in production one of the house's own, made at the first call."""
    if settings.sealing.mode == "practice":
        practice = open_practice(practice_folder(settings.home))
        return HouseTime(practice.time, practice.trust, practice.crls)
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    return make_house_time(settings.home / "keys" / "time", begin, begin + YEARS_OF_PRACTICE)


def open_signer(settings: Settings, environment: Mapping[str, str] = os.environ) -> HeldSigner:
    """The signer of the key in use, whatever its certificate is worth. Raises UnusableKey, KeyAway where it does not answer now."""
    sealing, home = settings.sealing, settings.home
    if sealing.mode == "practice":
        return CachedSigner(open_practice(practice_folder(home)).seal)
    if sealing.source == "pkcs11":
        from sealing.tokens import TokenPlace, open_token

        place = TokenPlace(sealing.module, sealing.token, sealing.key, environment.get(PIN_VARIABLE))
        return open_token(place, load_trust(home / sealing.certificate) if sealing.certificate else ())
    if sealing.source == "csc":
        from sealing.remote import RemotePlace, open_remote

        return open_remote(
            RemotePlace(sealing.service_url, sealing.credential, environment.get(TOKEN_VARIABLE), environment.get(PIN_VARIABLE))
        )
    password = environment.get(PASSWORD_VARIABLE)
    return CachedSigner(load_pkcs12(home / sealing.file, password.encode() if password else None))


def open_sealer(settings: Settings, clock: Clock, stamper: TimeStamper) -> Sealer:
    """Everything a seal is made with. In production the certificate is judged first, as of the clock.

    Raises KeyRefused with the reason, UnusableKey, KeyAway.
    """
    signer = open_signer(settings)
    # Noted before it is judged: its revocation lists can only be fetched once it is known.
    keep_certificates(settings.home, _note_name(settings), (signer.signing_cert, *signer.chain))
    sealer = Sealer(signer, stamper, trust_of(settings), revocation_of(settings), clock, location=settings.sealing.location)
    require_key(settings, sealer)
    return sealer


def require_key(settings: Settings, sealer: Sealer) -> None:
    """Whether the certificate may seal now. Raises KeyRefused."""
    practice = settings.sealing.mode == "practice"
    signer = sealer.signer
    chain = signer.chain if isinstance(signer, HeldSigner) else ()
    require_fit(certificate_troubles(signer.signing_cert, chain, sealer.trust, sealer.crls, sealer.clock(), practice=practice))


# Whom it trusts.


def roots_of(settings: Settings) -> tuple[x509.Certificate, ...]:
    """The roots that a production seal must go up to; of a practice installation its own.

    Raises UnusableKey where a file cannot be read, KeyRefused where one is a practice root: in production it never counts.
    """
    if settings.sealing.mode == "practice":
        return open_practice(practice_folder(settings.home)).trust
    roots = tuple(root for name in settings.trust.roots for root in load_trust(settings.home / name))
    for root in roots:
        if is_practice(root):
            raise KeyRefused("key-practice", f"{holder_of(root)}: a practice root, among those trusted in production")
    return roots


def trust_of(settings: Settings) -> tuple[x509.Certificate, ...]:
    """All roots to which seals and timestamps may go up: those of `roots_of` and that of the internal time authority."""
    if settings.sealing.mode == "practice":
        return roots_of(settings)
    return (*roots_of(settings), *open_time(settings).trust)


def known_roots(settings: Settings) -> tuple[x509.Certificate, ...]:
    """`trust_of` for looking only: nothing is made, and of an installation that has sealed nothing yet there are none."""
    name = "practice" if settings.sealing.mode == "practice" else "time"
    own = settings.home / "keys" / name / "root.pem"
    house = load_trust(own) if own.exists() else ()
    return house if settings.sealing.mode == "practice" else (*roots_of(settings), *house)


def revocation_of(settings: Settings) -> tuple[bytes, ...]:
    """The revocation lists at hand (DER): those of the internal authority, those named as files, those fetched lately."""
    own = open_time(settings).crls
    return own if settings.sealing.mode == "practice" else (*own, *kept_crls(settings))


def kept_certificate(settings: Settings) -> tuple[x509.Certificate, ...]:
    """The certificate that was opened here last in this mode, and those above it; empty where none was."""
    path = settings.home / "trust" / f"{_note_name(settings)}.pem"
    return load_trust(path) if path.exists() else ()


def _note_name(settings: Settings) -> str:
    return f"seal-{settings.sealing.mode}"


def state_of_keys(settings: Settings) -> str:
    """Changes whenever what a process has opened may be out of date: settings, key file, lists."""
    files = [*(settings.home / "trust" / "crl").glob("*.crl"), settings.home / settings.sealing.file]
    files += [settings.home / name for name in (settings.sealing.certificate, *settings.trust.roots, *settings.trust.revocation) if name]
    stamps = [f"{file}:{file.stat().st_mtime_ns}" for file in sorted(files) if file.is_file()]
    told = f"{settings.home}\n{settings.sealing.model_dump_json()}\n{settings.trust.model_dump_json()}\n" + "\n".join(stamps)
    return hashlib.sha256(told.encode()).hexdigest()


# What a person is told.


def key_in_use(settings: Settings, certificates: Sequence[x509.Certificate], moment: datetime) -> KeyInUse:
    """What `sceau keys` shows of a certificate and those above it."""
    certificate = certificates[0]
    level, reason = _level(settings, certificates, moment)
    return KeyInUse(
        settings.sealing.mode,
        "practice" if settings.sealing.mode == "practice" else settings.sealing.source,
        holder_of(certificate),
        issuer_of(certificate),
        level,
        reason,
        key_words(certificate),
        certificate.not_valid_before,
        certificate.not_valid_after,
        certificate.sha256.hex(),
    )


def _level(settings: Settings, certificates: Sequence[x509.Certificate], moment: datetime) -> tuple[str, str]:
    if is_practice(certificates[0]):
        return "practice", ""
    from sealing.trust import NotQualified, Qualified, Unknown

    found = qualification_here(settings, certificates, moment)
    match found:
        case Qualified():
            return "qualified", f"{found.service} ({found.territory})"
        case NotQualified():
            return "ordinary", found.reason
        case Unknown():
            return "unknown", found.reason


def qualification_here(settings: Settings, certificates: Sequence[x509.Certificate], moment: datetime) -> "Qualification":
    """`sealing.trust.qualification_of` by the trusted lists that are at hand."""
    from sealing.trust import qualification_of

    return qualification_of(certificates, trusted_lists(settings), moment)


def key_warnings(settings: Settings, moment: datetime) -> tuple[Finding, ...]:
    """What the compliance desk and `sceau doctor` say of the key in use: refused, soon at its end, lists out of date. Opens no key."""
    try:
        certificates = kept_certificate(settings)
        if not certificates:
            return ()
        own, chain, practice = certificates[0], certificates[1:], settings.sealing.mode == "practice"
        crls = revocation_of(settings)
        refused = certificate_troubles(own, chain, trust_of(settings), crls, moment, practice=practice)
    except UnusableKey as error:
        return (finding("key-refused", measured=str(error)),)
    told = tuple(finding("key-refused", measured=trouble.detail) for trouble in refused)
    warned = certificate_warnings(own, chain, crls, moment, settings.sealing.warn_days)
    lists = () if practice else trusted_lists(settings).warnings(moment)
    return (*told, *warned, *lists)
