"""Keys: the private key and certificates behind a seal, from a PKCS#12 file or issued on the spot for practice.

Keys on a token are in `sealing.tokens`, those at a remote service in `sealing.remote`; all three give pyHanko a `HeldSigner`.
"""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from asn1crypto import x509
from asn1crypto.algos import SignedDigestAlgorithm
from cryptography import x509 as pyca
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from pyhanko.keys import load_certs_from_pemder
from pyhanko.sign.signers.pdf_cms import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

PRACTICE = "ESSAI - sans valeur probante"
"""Stands in the subject of every practice certificate, so that no seal made with one can be taken for a real one."""

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""RFC 9336: extended key usage id-kp-documentSigning."""

NO_SIREN = "NTRFR-000000000"
"""EN 319 412-1, 5.1.4 gives the form; the number itself belongs to nobody."""


HOUSE = "Sceau - horodatage interne"
"""Organisation of the root under which a production installation's own time authority stands; its key is forgotten once it has signed."""


class UnusableKey(Exception):
    """The key, its password or its certificate cannot be used."""


class KeyRefused(UnusableKey):
    """The key opens, and must not be used: `problem` is a key of `station.problems.PROBLEMS` and says why."""

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(problem, detail)
        self.problem, self.detail = problem, detail

    def __str__(self) -> str:
        return self.detail


class KeyAway(UnusableKey):
    """The token or the service that holds the key does not answer now. Another try may do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key with its certificate and the certificates above it."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    """The issuers, root included where the file holds it."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What a practice folder holds: a seal, a time authority, and what makes both verifiable offline."""

    seal: Identity
    time: Identity
    trust: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    """DER, one per issuer."""


class HeldSigner(Signer):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """pyHanko's `Signer` with the certificates above its own at hand."""

    def __init__(self, certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> None:
        registry = SimpleCertificateStore()
        registry.register_multiple(chain)
        super().__init__(cert_registry=registry, signing_cert=certificate, embed_roots=True)
        self.chain = tuple(chain)


class CachedSigner(HeldSigner):
    """A key that is loaded once: loading one checks the RSA numbers and costs five seals."""

    def __init__(self, identity: Identity) -> None:
        super().__init__(identity.certificate, identity.chain)
        self._key = identity.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: ARG002 pyHanko's interface
        return sign_bytes(self._key, data, digest_algorithm)


DIGESTS: dict[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def sign_bytes(key: PrivateKey, data: bytes, digest: str) -> bytes:
    """PKCS#1 v1.5 with an RSA key, ECDSA with an elliptic one; `digest` is "sha256", "sha384" or "sha512"."""
    algorithm = DIGESTS[digest]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    return key.sign(data, ec.ECDSA(algorithm))


def signing_algorithm(key: PrivateKey, digest: str) -> SignedDigestAlgorithm:
    """What a CMS SignerInfo says of `sign_bytes`."""
    family = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"
    return SignedDigestAlgorithm({"algorithm": f"{digest}_{family}"})


def is_practice(certificate: x509.Certificate) -> bool:
    """Whether a certificate says of itself that what it seals proves nothing."""
    return PRACTICE in str(certificate.subject.native.values())


def load_pkcs12(path: Path, password: bytes | None) -> Identity:
    """One PKCS#12 file, as a certification authority delivers it.

    Raises UnusableKey if the file cannot be read, the password is wrong, or the key is neither RSA of 3072 bits or more nor P-256/P-384.
    """
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(path.read_bytes(), password)
    except (OSError, ValueError) as error:
        raise UnusableKey(f"{path.name}: {error}") from error
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnusableKey(f"{path.name}: no RSA or elliptic key with its certificate inside")
    if weakness := weakness_of(_plain(certificate)):
        raise UnusableKey(f"{path.name}: {weakness}")
    if key.public_key() != certificate.public_key():
        raise UnusableKey(f"{path.name}: the certificate is not that of the key")
    return Identity(key, _plain(certificate), tuple(_plain(other) for other in others))


def weakness_of(certificate: x509.Certificate) -> str | None:
    """Why a certificate's key is too weak to seal for decades: neither RSA of 3072 bits or more nor P-256/P-384; None where it is not."""
    key = pyca.load_der_x509_certificate(certificate.dump()).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA key of {key.key_size} bits, 3072 are needed" if key.key_size < 3072 else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        fits = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
        return None if fits else f"curve {key.curve.name} is neither P-256 nor P-384"
    return "neither an RSA nor an elliptic key"


def key_words(certificate: x509.Certificate) -> str:
    """RSA-3072, P-256…"""
    key = pyca.load_der_x509_certificate(certificate.dump()).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "P-256", "secp384r1": "P-384"}.get(key.curve.name, key.curve.name)
    return f"RSA-{key.key_size}" if isinstance(key, rsa.RSAPublicKey) else type(key).__name__


def is_signature(certificate: x509.Certificate, signature: bytes, data: bytes, digest: str) -> bool:
    """Whether `sign_bytes` with the certificate's key, wherever that is, gave this signature."""
    key = pyca.load_der_x509_certificate(certificate.dump()).public_key()
    algorithm = DIGESTS[digest]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def load_trust(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of one PEM or DER file. Raises UnusableKey if it holds none."""
    try:
        found = tuple(load_certs_from_pemder([str(path)]))
    except (OSError, ValueError) as error:
        raise UnusableKey(f"{path.name}: {error}") from error
    if not found:
        raise UnusableKey(f"{path.name}: no certificate inside")
    return found


@dataclass(frozen=True, slots=True)
class HouseTime:
    """What the workstation's own time authority signs with, and what makes it verifiable offline."""

    identity: Identity
    trust: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    """DER, one per issuer."""


def make_house_time(folder: Path, begin: datetime, end: datetime) -> HouseTime:
    """The time authority of a production installation, issued if it is not there yet, as `make_practice` does.

    Its root's key is forgotten once it has signed the authority and an empty revocation list: nothing else can ever stand under it.
    """
    _make_folder(folder, lambda: _issue_time(begin, end))
    return load_house_time(folder)


def load_house_time(folder: Path) -> HouseTime:
    """What `make_house_time` wrote. Raises UnusableKey if something is missing."""
    trust = load_trust(folder / "root.pem")
    try:
        crl = (folder / "root.crl").read_bytes()
    except OSError as error:
        raise UnusableKey(str(error)) from error
    return HouseTime(load_pkcs12(folder / "time.p12", None), trust, (crl,))


def make_practice(folder: Path, begin: datetime, end: datetime, elliptic: bool = False, seal_end: datetime | None = None) -> Practice:
    """The practice folder, issued if it is not there yet: root, issuing authority, seal, time authority and revocation lists.

    It appears whole or not at all: it is written beside and renamed, and who comes second uses what the first one made.
    The folder is 0700 and its files 0600. Certificates and lists hold from `begin` to `end`, the seal's own until `seal_end` where it is
    given; all carry a time zone.
    """
    _make_folder(folder, lambda: _issue_all(begin, end, elliptic, seal_end or end))
    return load_practice(folder)


def _make_folder(folder: Path, files: Callable[[], dict[str, bytes]]) -> None:
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mkdtemp gives 0700
    try:
        for name, data in files().items():
            _write_private(draft / name, data)
        _settle(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_practice(folder: Path) -> Practice:
    """What `make_practice` wrote. Raises UnusableKey if something is missing."""
    trust = load_trust(folder / "root.pem")
    try:
        crls = tuple((folder / name).read_bytes() for name in ("root.crl", "issuing.crl"))
    except OSError as error:
        raise UnusableKey(str(error)) from error
    return Practice(load_pkcs12(folder / "seal.p12", None), load_pkcs12(folder / "time.p12", None), trust, crls)


def _settle(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class _Issued:
    key: PrivateKey
    certificate: pyca.Certificate


def _issue_all(begin: datetime, end: datetime, elliptic: bool, seal_end: datetime) -> dict[str, bytes]:
    """File name to content."""
    keys = [_new_key(elliptic) for _ in range(4)]
    root = _issue("Racine", keys[0], None, begin, end, _authority_extensions(1))
    issuing = _issue("AC émettrice", keys[1], root, begin, end, _authority_extensions(0))
    seal = _issue("Cachet", keys[2], issuing, begin, seal_end, _leaf_extensions(DOCUMENT_SIGNING, commits=True))
    time = _issue("Horodatage", keys[3], issuing, begin, end, _leaf_extensions(ExtendedKeyUsageOID.TIME_STAMPING, commits=False))
    above = [issuing.certificate, root.certificate]
    return {
        "root.pem": root.certificate.public_bytes(serialization.Encoding.PEM),
        "root.crl": _empty_list(root, begin, end),
        "issuing.crl": _empty_list(issuing, begin, end),
        "seal.p12": _bundle("seal", seal, above),
        "time.p12": _bundle("time", time, above),
    }


def _issue_time(begin: datetime, end: datetime) -> dict[str, bytes]:
    """File name to content."""
    root = _issue("Racine", _new_key(elliptic=True), None, begin, end, _authority_extensions(0), HOUSE)
    extensions = _leaf_extensions(ExtendedKeyUsageOID.TIME_STAMPING, commits=False)
    time = _issue("Horodatage", _new_key(elliptic=True), root, begin, end, extensions, HOUSE)
    return {
        "root.pem": root.certificate.public_bytes(serialization.Encoding.PEM),
        "root.crl": _empty_list(root, begin, end),
        "time.p12": _bundle("time", time, [root.certificate]),
    }


def _new_key(elliptic: bool) -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 3072)


def _bundle(name: str, issued: _Issued, above: Sequence[pyca.Certificate]) -> bytes:
    # No password: it would lie beside the file. The folder's mode is what guards a practice key.
    return pkcs12.serialize_key_and_certificates(name.encode(), issued.key, issued.certificate, above, serialization.NoEncryption())


Extensions: TypeAlias = Iterable[tuple[pyca.ExtensionType, bool]]


def _authority_extensions(depth: int) -> Extensions:
    return [(pyca.BasicConstraints(True, depth), True), (_usage(key_cert_sign=True, crl_sign=True), True)]


def _leaf_extensions(purpose: ObjectIdentifier, commits: bool) -> Extensions:
    usage = _usage(content_commitment=True) if commits else _usage(digital_signature=True)
    # RFC 3161, 2.3: the extended key usage of a time authority is alone and critical.
    return [(pyca.BasicConstraints(False, None), True), (usage, True), (pyca.ExtendedKeyUsage([purpose]), not commits)]


def _usage(**said: bool) -> pyca.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return pyca.KeyUsage(**{name: said.get(name, False) for name in names})


def _issue(
    role: str, key: PrivateKey, issuer: _Issued | None, begin: datetime, end: datetime, extensions: Extensions, house: str = PRACTICE
) -> _Issued:
    subject = _name(role, house)
    signing = issuer.key if issuer else key
    builder = (
        pyca.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(pyca.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(pyca.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return _Issued(key, builder.sign(signing, hashes.SHA256()))


def _name(role: str, house: str) -> pyca.Name:
    return pyca.Name(
        [
            pyca.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            pyca.NameAttribute(NameOID.ORGANIZATION_NAME, house),
            pyca.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, NO_SIREN),
            pyca.NameAttribute(NameOID.COMMON_NAME, f"{role} ({house})"),
        ]
    )


def _empty_list(issuer: _Issued, begin: datetime, end: datetime) -> bytes:
    builder = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(begin)
        .next_update(end)
        .add_extension(pyca.CRLNumber(1), critical=False)
        .add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _plain(certificate: pyca.Certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
