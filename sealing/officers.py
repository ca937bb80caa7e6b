"""Keys of people who sign copies (A102 B-1): a PKCS#12 file each, opened with a password that is kept nowhere; one issued for practice."""

import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from asn1crypto import x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from sealing.keys import DOCUMENT_SIGNING, PRACTICE, Identity, UnusableKey, is_practice, load_pkcs12, load_trust


class WrongPassword(UnusableKey):
    """The password does not open this officer's key."""


def open_officer(path: Path, password: str) -> Identity:
    """The officer's key and certificates. Raises WrongPassword; UnusableKey for a file that is none, or a key that is too weak."""
    try:
        return load_pkcs12(path, password.encode())
    except UnusableKey as error:
        # The library tells a wrong password and a damaged file by the words of its message alone.
        if "password" in str(error).lower() or "mac" in str(error).lower():
            raise WrongPassword(path.name) from error
        raise


def make_practice_officer(folder: Path, name: str, login: str, password: str, begin: datetime, end: datetime) -> Path:
    """`<login>.p12`, with the root and revocation list of its own authority beside; returns the file's path.

    Its certificate says that it proves nothing. What is there already stays. Times carry a zone; the files are 0600.
    """
    target = folder / f"{login}.p12"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(tempfile.mkdtemp(prefix=f".{login}.", dir=folder))
    try:
        for file, data in _issued(name, login, password, begin, end).items():
            _write_private(draft / file, data)
        # The key last: with it there, all is there.
        for file in (f"{login}.pem", f"{login}.crl", f"{login}.p12"):
            (draft / file).replace(folder / file)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _issued(name: str, login: str, password: str, begin: datetime, end: datetime) -> dict[str, bytes]:
    # Elliptic: made in a moment, while somebody waits for the page.
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _subject(f"AC des responsables ({PRACTICE})")
    root = _certificate(issuer, issuer, authority, authority.public_key(), begin, end, authority_itself=True)
    own = _certificate(_subject(f"{name} ({PRACTICE})"), issuer, authority, key.public_key(), begin, end, authority_itself=False)
    revoked = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(begin)
        .next_update(end)
        .add_extension(pyca.CRLNumber(1), critical=False)
        .add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    locked = serialization.BestAvailableEncryption(password.encode())
    return {
        f"{login}.p12": pkcs12.serialize_key_and_certificates(login.encode(), key, own, [root], locked),
        f"{login}.pem": root.public_bytes(serialization.Encoding.PEM),
        f"{login}.crl": revoked.public_bytes(serialization.Encoding.DER),
    }


def _certificate(
    subject: pyca.Name,
    issuer: pyca.Name,
    authority: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    begin: datetime,
    end: datetime,
    *,
    authority_itself: bool,
) -> pyca.Certificate:
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    usage |= {"key_cert_sign": True, "crl_sign": True} if authority_itself else {"content_commitment": True}
    builder = (
        pyca.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(pyca.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(pyca.BasicConstraints(authority_itself, 0 if authority_itself else None), critical=True)
        .add_extension(pyca.KeyUsage(**usage), critical=True)
        .add_extension(pyca.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    )
    if not authority_itself:
        builder = builder.add_extension(pyca.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
    return builder.sign(authority, hashes.SHA256())


def _subject(name: str) -> pyca.Name:
    return pyca.Name(
        [
            pyca.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            pyca.NameAttribute(NameOID.ORGANIZATION_NAME, PRACTICE),
            pyca.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def officer_roots(folder: Path, *, practice: bool) -> tuple[x509.Certificate, ...]:
    """Roots (`*.pem`) that lie beside the officers' keys; practice roots count in practice only. Raises UnusableKey."""
    found = (root for path in sorted(folder.glob("*.pem")) for root in load_trust(path))
    return tuple(root for root in found if practice or not is_practice(root))


def officer_crls(folder: Path) -> tuple[bytes, ...]:
    """Revocation lists (`*.crl`, DER) that lie there."""
    return tuple(path.read_bytes() for path in sorted(folder.glob("*.crl")))
