"""What this installation seals with, and whom it trusts: practice keys, or the company's own from a file, a token or a remote service.

Secrets come from the environment only. Nothing is fetched here: lists lie in the home since the last fetch (`station.trustlists`).
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import x509
from pyhanko.sign.timestamps import TimeStamper

from capture.catalogue import finding, finding_json, message
from capture.findings import Finding
from config.settings import PASSWORD_VARIABLE, PIN_VARIABLE, TOKEN_VARIABLE, Settings
from sealing.authority import Clock
from sealing.fitness import KeyTrouble, certificate_troubles, certificate_warnings, holder_of, issuer_of, lists_for, require_fit
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
from sealing.officers import officer_crls, officer_roots
from sealing.qualification import NotQualified, Qualification, Qualified, Unknown
from sealing.seal import Renewer, Sealer
from station.problems import problem_of
from station.trustlists import crls_noted, keep_certificates, kept_crls, trust_snapshot, trusted_lists

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
    refused = home / "keys" / "refused-pin"
    if sealing.mode == "practice":
        return CachedSigner(open_practice(practice_folder(home)).seal)
    if sealing.source == "pkcs11":
        from sealing.tokens import TokenPlace, open_token

        place = TokenPlace(sealing.module, sealing.token, sealing.key, environment.get(PIN_VARIABLE), refused)
        return open_token(place, load_trust(home / sealing.certificate) if sealing.certificate else ())
    if sealing.source == "csc":
        from sealing.remote import RemotePlace, open_remote

        return open_remote(
            RemotePlace(sealing.service_url, sealing.credential, environment.get(TOKEN_VARIABLE), environment.get(PIN_VARIABLE), refused)
        )
    if not sealing.file:
        raise KeyRefused("key-missing", "sealing.file")
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


def open_renewer(settings: Settings, clock: Clock, stamper: TimeStamper) -> Renewer:
    """Everything that timestamps are renewed with, whatever became of the key. Raises as `trust_of`."""
    kept = (*getattr(stamper, "crls", ()), *kept_crls(settings))
    return Renewer(stamper, trust_of(settings), open_time(settings).crls, kept, clock)


def require_key(settings: Settings, sealer: Sealer) -> None:
    """Whether the certificate may seal now. Raises KeyRefused."""
    practice = settings.sealing.mode == "practice"
    signer = sealer.signer
    chain = signer.chain if isinstance(signer, HeldSigner) else ()
    # Not by `sealer.trust`: who is believed about the time is not for that believed about seals.
    roots = roots_of(settings)
    require_fit(certificate_troubles(signer.signing_cert, chain, roots, sealer.crls, sealer.clock(), practice=practice))


# Whom it trusts.


def roots_of(settings: Settings) -> tuple[x509.Certificate, ...]:
    """The roots that a production seal must go up to; of a practice installation its own.

    Raises UnusableKey where a file cannot be read, KeyRefused where one is a practice root: in production it never counts.
    """
    if settings.sealing.mode == "practice":
        return open_practice(practice_folder(settings.home)).trust
    return roots_named(settings, settings.trust.roots)


def roots_named(settings: Settings, files: Sequence[str]) -> tuple[x509.Certificate, ...]:
    """The roots in PEM files, from the home. Raises as `roots_of`."""
    roots = tuple(root for name in files for root in load_trust(settings.home / name))
    for root in roots:
        if is_practice(root) and settings.sealing.mode != "practice":
            raise KeyRefused("key-practice", f"{holder_of(root)}: a practice root, among those trusted in production")
    return roots


def known_seal_roots(settings: Settings) -> tuple[x509.Certificate, ...]:
    """Of `known_roots` those to which seals and officers' signatures may go up; the others are for timestamps only."""
    return known_roots(settings) if settings.sealing.mode == "practice" else roots_of(settings)


def trust_of(settings: Settings) -> tuple[x509.Certificate, ...]:
    """All roots to which seals and timestamps may go up: those of `roots_of` and that of the internal time authority."""
    if settings.sealing.mode == "practice":
        return (*roots_of(settings), *_practice_officers(settings), *time_roots(settings))
    return (*roots_of(settings), *open_time(settings).trust, *time_roots(settings))


def time_roots(settings: Settings) -> tuple[x509.Certificate, ...]:
    """The roots that external time authorities have of their own. Raises as `roots_of`."""
    return roots_named(settings, [source.roots for source in settings.time.authorities if source.roots])


def officers_folder(home: Path) -> Path:
    """Where the keys of people who sign copies lie (`station.signing`)."""
    return home / "keys" / "officers"


def _practice_officers(settings: Settings) -> tuple[x509.Certificate, ...]:
    """The roots of practice officers; those of a production installation are named in the settings like any other."""
    return officer_roots(officers_folder(settings.home), practice=True)


def known_roots(settings: Settings) -> tuple[x509.Certificate, ...]:
    """`trust_of` for looking only: nothing is made, and of an installation that has sealed nothing yet there are none."""
    name = "practice" if settings.sealing.mode == "practice" else "time"
    own = settings.home / "keys" / name / "root.pem"
    house = load_trust(own) if own.exists() else ()
    named = _practice_officers(settings) if settings.sealing.mode == "practice" else roots_of(settings)
    return (*house, *named, *time_roots(settings))


def revocation_of(settings: Settings, *certificates: x509.Certificate) -> tuple[bytes, ...]:
    """The revocation lists at hand (DER): those of the internal authority and of officers, and those of the certificate noted here, or
    of the certificates handed in.

    Only these: whatever is handed to a seal goes into every file. Those of external time authorities come with them.
    """
    return (*open_time(settings).crls, *_listed(settings, *certificates))


def _listed(settings: Settings, *certificates: x509.Certificate) -> tuple[bytes, ...]:
    own = officer_crls(officers_folder(settings.home))
    if settings.sealing.mode == "practice":
        return own
    listed = lists_for(certificates, kept_crls(settings)) if certificates else crls_noted(settings, _note_name(settings))
    return (*own, *listed)


def _known_lists(settings: Settings) -> tuple[bytes, ...]:
    """`revocation_of` for looking only: in production nothing is made."""
    return revocation_of(settings) if settings.sealing.mode == "practice" else _listed(settings)


def kept_certificate(settings: Settings) -> tuple[x509.Certificate, ...]:
    """The certificate that was opened here last in this mode, and those above it; empty where none was."""
    path = settings.home / "trust" / f"{_note_name(settings)}.pem"
    return load_trust(path) if path.exists() else ()


def _note_name(settings: Settings) -> str:
    return f"seal-{settings.sealing.mode}"


def state_of_keys(settings: Settings) -> str:
    """Changes whenever what a process has opened may be out of date: settings, key file, lists."""
    files = [*(settings.home / "trust" / "crl").glob("*.crl"), *officers_folder(settings.home).glob("*.pem")]
    files += [settings.home / settings.sealing.file]
    named = (settings.sealing.certificate, *settings.trust.roots, *settings.trust.revocation, *(a.roots for a in settings.time.authorities))
    files += [settings.home / name for name in named if name]
    stamps = [f"{file}:{file.stat().st_mtime_ns}" for file in sorted(files) if file.is_file()]
    sections = (settings.sealing, settings.trust, settings.time)
    told = "\n".join([str(settings.home), *(section.model_dump_json() for section in sections), *stamps])
    return hashlib.sha256(told.encode()).hexdigest()


# What a person is told.


@dataclass(frozen=True, slots=True)
class Look:
    """What `sceau keys` and `sceau doctor` found out about the key in use."""

    key: KeyInUse | None
    """None where it could not be opened, and none is known from before."""
    trouble: UnusableKey | None
    """Why nothing can be sealed with it now; None where it may seal."""
    warnings: tuple[Finding, ...]

    @property
    def fit(self) -> bool:
        return self.trouble is None

    def lines(self, language: str) -> list[str]:
        """For a person, in French or English."""
        english = language == "en"
        if self.key is None:
            return ["no key could be opened" if english else "aucune clé n'a pu être ouverte"]
        names = ("holder", "issuer", "level", "key", "valid", "SHA-256") if english else NAMES_FR
        level = LEVELS[self.key.level][english] + (f" ({self.key.reason})" if self.key.reason else "")
        dates = f"{self.key.begins:%Y-%m-%d} – {self.key.ends:%Y-%m-%d}"
        kind = f"{self.key.key}, {self.key.source}"
        values = (self.key.holder, self.key.issuer, level, kind, dates, self.key.fingerprint)
        rows = [f"{name:10} {value}" for name, value in zip(names, values, strict=True)]
        return [*rows, *(message(warning, language) for warning in self.warnings)]

    def as_json(self, language: str) -> dict[str, Any]:
        """As `sceau keys --json` prints it."""
        told = asdict(self.key) | {"begins": self.key.begins.isoformat(), "ends": self.key.ends.isoformat()} if self.key else None
        warnings = [finding_json(warning, language) for warning in self.warnings]
        trouble = {"detail": str(self.trouble), "problem": problem_of(self.trouble).code} if self.trouble else None
        return {"fit": self.fit, "key": told, "trouble": trouble, "warnings": warnings}


NAMES_FR = ("titulaire", "émetteur", "niveau", "clé", "valable", "SHA-256")
LEVELS = {
    "practice": ("essai, sans valeur probante", "trial, proves nothing"),
    "ordinary": ("cachet", "seal"),
    "qualified": ("cachet qualifié", "qualified seal"),
    "unknown": ("cachet, qualification inconnue", "seal, qualification unknown"),
}
"""French and English words for the levels of a key."""


def look_at_keys(settings: Settings, moment: datetime) -> Look:
    """Open the key in use as sealing does, and say what it is worth. In practice mode the keys are made if they are not there yet."""
    trouble: UnusableKey | None = None
    certificates: Sequence[x509.Certificate] = ()
    try:
        signer = open_signer(settings)
        certificates = (signer.signing_cert, *signer.chain)
        keep_certificates(settings.home, _note_name(settings), certificates)
        require_fit(_troubles(settings, certificates, moment))
    except UnusableKey as error:
        trouble = error
    certificates = certificates or kept_certificate(settings)
    warnings = tuple(each for each in key_warnings(settings, moment) if each.code != "key-refused")
    return Look(key_in_use(settings, certificates, moment) if certificates else None, trouble, warnings)


def _troubles(settings: Settings, certificates: Sequence[x509.Certificate], moment: datetime) -> tuple[KeyTrouble, ...]:
    practice = settings.sealing.mode == "practice"
    roots, crls = roots_of(settings), _known_lists(settings)
    return certificate_troubles(certificates[0], certificates[1:], roots, crls, moment, practice=practice)


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
    found = qualification_here(settings, certificates, moment)
    match found:
        case Qualified():
            return "qualified", f"{found.service} ({found.territory})"
        case NotQualified():
            return "ordinary", found.reason
        case Unknown():
            return "unknown", found.reason


def qualification_here(settings: Settings, certificates: Sequence[x509.Certificate], moment: datetime) -> Qualification:
    """`sealing.trust.qualification_of` by the trusted lists that are at hand."""
    from sealing.trust import qualification_of

    return qualification_of(certificates, trusted_lists(settings), moment)


def key_warnings(settings: Settings, moment: datetime) -> tuple[Finding, ...]:
    """What the compliance desk and `sceau doctor` say of the key in use: refused, soon at its end, lists out of date.

    Opens no key and makes none.
    """
    try:
        certificates = kept_certificate(settings)
        if not certificates:
            return ()
        refused, crls = _troubles(settings, certificates, moment), _known_lists(settings)
    except UnusableKey as error:
        return (finding("key-refused", measured=str(error)),)
    told = tuple(finding("key-refused", measured=trouble.detail) for trouble in refused)
    warned = certificate_warnings(certificates[0], certificates[1:], crls, moment, settings.sealing.warn_days)
    lists = () if settings.sealing.mode == "practice" else trusted_lists(settings).warnings(moment)
    return (*told, *warned, *lists)
