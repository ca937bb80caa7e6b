"""Whether a certificate may seal now, said beforehand and in words rather than found out by a verifier years later. Nothing is fetched."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import crl as asn1_crl
from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    PathError,
    RevokedError,
    ValidationError,
)

from capture.catalogue import finding
from capture.findings import Finding
from sealing.keys import KeyRefused, is_practice, weakness_of

USAGES = frozenset({"non_repudiation", "digital_signature"})
"""Key usages of which a seal's certificate has one (RFC 5280, 4.2.1.3; EN 319 412-2, 4.3.2)."""

OTHER_PURPOSES = frozenset({"server_auth", "client_auth", "code_signing", "time_stamping", "ocsp_signing"})
"""Extended key usages that do not make a certificate fit for documents, where there is no other."""

WEAK_DIGESTS = frozenset({"md2", "md5", "sha1"})


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """Why a certificate must not seal."""

    problem: str
    """A key of `station.problems.PROBLEMS`."""
    detail: str


def certificate_troubles(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    crls: Sequence[bytes],
    moment: datetime,
    *,
    practice: bool = False,
) -> tuple[KeyTrouble, ...]:
    """What stands against sealing with a certificate at a moment (with its time zone); nothing where all is well.

    A practice certificate is accepted with `practice` only. The path and its revocation are looked at only where the certificate by
    itself is well. RFC 5280, 6.1 and 6.3; nothing is fetched.
    """
    own = tuple(_own_troubles(certificate, moment, practice=practice))
    if own:
        return own
    trusted = [root for root in roots if practice or not is_practice(root)]
    found = asyncio.run(_path_trouble(certificate, chain, trusted, crls, moment))
    return (found,) if found else ()


def require_fit(troubles: Sequence[KeyTrouble]) -> None:
    """Raises KeyRefused with the first trouble, where there is one."""
    if troubles:
        raise KeyRefused(troubles[0].problem, troubles[0].detail)


def _own_troubles(certificate: x509.Certificate, moment: datetime, *, practice: bool) -> Iterable[KeyTrouble]:
    name = holder_of(certificate)
    if is_practice(certificate) and not practice:
        yield KeyTrouble("key-practice", f"{name}: a practice certificate, in production")
    if weakness := weakness_of(certificate):
        yield KeyTrouble("key-weak", f"{name}: {weakness}")
    if certificate.hash_algo in WEAK_DIGESTS:
        yield KeyTrouble("key-weak", f"{name}: signed with {certificate.hash_algo.upper()}")
    if moment < certificate.not_valid_before:
        yield KeyTrouble("key-not-yet", f"{name}: valid from {certificate.not_valid_before:%Y-%m-%d %H:%M UTC}")
    if moment > certificate.not_valid_after:
        yield KeyTrouble("key-expired", f"{name}: valid until {certificate.not_valid_after:%Y-%m-%d %H:%M UTC}")
    if told := wrong_usage(certificate):
        yield KeyTrouble("key-usage", f"{name}: {told}")


def usages_of(certificate: x509.Certificate) -> set[str]:
    """Those of `USAGES` that a certificate has; what pyHanko is to ask of it, for it asks for all that it is given."""
    usage = set(certificate.key_usage_value.native) if certificate.key_usage_value is not None else set()
    return usage & USAGES or {"non_repudiation"}


def wrong_usage(certificate: x509.Certificate) -> str | None:
    """Why a certificate is not one for documents: its key usage, or extended key usages that are all for something else; None if it is."""
    usage = set(certificate.key_usage_value.native) if certificate.key_usage_value is not None else set()
    if not usage & USAGES:
        return f"key usage {', '.join(sorted(usage)) or 'none'}, neither contentCommitment nor digitalSignature"
    if certificate.ca:
        return "the certificate of an authority"
    purposes = set(certificate.extended_key_usage_value.native) if certificate.extended_key_usage_value is not None else set()
    return f"for {', '.join(sorted(purposes))} only" if purposes and purposes <= OTHER_PURPOSES else None


async def _path_trouble(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    crls: Sequence[bytes],
    moment: datetime,
) -> KeyTrouble | None:
    try:
        context = ValidationContext(
            trust_roots=list(roots), crls=list(crls), moment=moment.astimezone(UTC), allow_fetching=False, revocation_mode="require"
        )
        await CertificateValidator(certificate, intermediate_certs=list(chain), validation_context=context).async_validate_path()
    except PathBuildingError:
        return KeyTrouble("key-issuer", f"{holder_of(certificate)}: no path from {certificate.issuer.human_friendly} to a trusted root")
    except (PathError, ValidationError, ValueError) as error:
        problem = next((problem for kind, problem in PROBLEMS_BY_ERROR if isinstance(error, kind)), "key-issuer")
        return KeyTrouble(problem, f"{holder_of(certificate)}: {error}")
    return None


PROBLEMS_BY_ERROR: tuple[tuple[type[Exception], str], ...] = (
    (ExpiredError, "key-expired"),
    (NotYetValidError, "key-not-yet"),
    (RevokedError, "key-revoked"),
    (InsufficientRevinfoError, "key-revocation"),
    (DisallowedAlgorithmError, "key-weak"),
)
"""What stands against a path, by what pyHanko raises."""


def certificate_warnings(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], crls: Sequence[bytes], moment: datetime, days: int
) -> tuple[Finding, ...]:
    """What comes to its end: certificates within so many days, revocation lists within a day (`key-expires`, `revocation-old`)."""
    found = []
    first = min((certificate, *chain), key=lambda each: each.not_valid_after)
    if first.not_valid_after - moment <= timedelta(days=days):
        left = max(0, (first.not_valid_after - moment).days)
        found.append(finding("key-expires", measured=f"{first.not_valid_after:%Y-%m-%d}, {holder_of(first)}", limit=str(left)))
    ends = [end for end in map(next_update, crls) if end is not None]
    if ends and min(ends) - moment <= timedelta(days=1):
        found.append(finding("revocation-old", measured=f"{min(ends):%Y-%m-%d %H:%M UTC}"))
    return tuple(found)


def lists_for(certificates: Iterable[x509.Certificate], crls: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those revocation lists (DER) that issuers of these certificates sign: all that a seal is made with goes into its file."""
    issuers = {each.issuer.hashable for each in certificates if each.self_issued is False}
    return tuple(crl for crl in crls if _list_issuer(crl) in issuers)


def _list_issuer(crl: bytes) -> str | None:
    try:
        return str(asn1_crl.CertificateList.load(crl).issuer.hashable)
    except (ValueError, TypeError):
        return None


def next_update(crl: bytes) -> datetime | None:
    """When a DER revocation list is to be replaced; None where it does not say, or is none."""
    try:
        told = asn1_crl.CertificateList.load(crl)["tbs_cert_list"]["next_update"].native
    except (ValueError, TypeError):
        return None
    return told if isinstance(told, datetime) else None


def holder_of(certificate: x509.Certificate) -> str:
    """Common name, or the whole name where there is none."""
    return _named(certificate.subject)


def issuer_of(certificate: x509.Certificate) -> str:
    """The same of the issuer."""
    return _named(certificate.issuer)


def _named(name: x509.Name) -> str:
    told = name.native.get("common_name") or name.human_friendly
    return " ".join(told) if isinstance(told, list) else str(told)
