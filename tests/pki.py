"""A company's certificates for tests, good and bad: root, issuing authority, seals, time authority, revocation lists."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from practice import NOON

from sealing.authority import TimeAuthority
from sealing.keys import CachedSigner, Identity, PrivateKey
from sealing.seal import Sealer

CRL_URL = "http://crl.example/issuing.crl"
QC_STATEMENTS = ObjectIdentifier("1.3.6.1.5.5.7.1.3")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    key: PrivateKey
    certificate: pyca.Certificate

    @property
    def plain(self) -> x509.Certificate:
        return x509.Certificate.load(self.certificate.public_bytes(serialization.Encoding.DER))

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    key: PrivateKey | None = None,
    begin: datetime = NOON - 30 * DAY,
    end: datetime = NOON + 3650 * DAY,
    usage: Sequence[str] = ("content_commitment",),
    purposes: Sequence[ObjectIdentifier] = (),
    authority: bool = False,
    crl: str | None = None,
    extra: Iterable[pyca.ExtensionType] = (),
    country: str = "FR",
    company: str = "Exemple SA",
) -> Issued:
    """One certificate; self-signed without an issuer."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    parts = ((NameOID.COUNTRY_NAME, country), (NameOID.ORGANIZATION_NAME, company), (NameOID.COMMON_NAME, name))
    subject = pyca.Name([pyca.NameAttribute(kind, text) for kind, text in parts])
    signing = issuer.key if issuer else key
    names = ("key_cert_sign", "crl_sign") if authority else tuple(usage)
    builder = (
        pyca.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(pyca.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(pyca.BasicConstraints(authority, None), critical=True)
        .add_extension(key_usage(names), critical=True)
        .add_extension(pyca.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if purposes:
        builder = builder.add_extension(pyca.ExtendedKeyUsage(purposes), critical=ExtendedKeyUsageOID.TIME_STAMPING in purposes)
    if crl:
        point = pyca.DistributionPoint([pyca.UniformResourceIdentifier(crl)], None, None, None)
        builder = builder.add_extension(pyca.CRLDistributionPoints([point]), critical=False)
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return Issued(key, builder.sign(signing, hashes.SHA256()))


def with_sha1(issued: Issued, issuer: Issued) -> Issued:
    """The same certificate, signed over SHA-1 by an issuer with an elliptic key; no library issues such any more."""
    plain = issued.plain
    weak = {"algorithm": "sha1_ecdsa"}
    plain["tbs_certificate"]["signature"] = weak
    plain["signature_algorithm"] = weak
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    plain["signature_value"] = issuer.key.sign(plain["tbs_certificate"].dump(force=True), ec.ECDSA(hashes.SHA1()))  # noqa: S303
    return Issued(issued.key, pyca.load_der_x509_certificate(plain.dump(force=True)))


def key_usage(names: Sequence[str]) -> pyca.KeyUsage:
    known = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return pyca.KeyUsage(**{name: name in names for name in known})


def qualified_seal() -> pyca.UnrecognizedExtension:
    """QcStatements as a qualified certificate for seals carries them."""
    from pyhanko.sign.ades.qualified_asn1 import QcStatements

    statements: list[dict[str, Any]] = [{"statement_id": "qc_compliance"}, {"statement_id": "qc_sscd"}]
    statements.append({"statement_id": "qc_type", "statement_info": ["qct_eseal"]})
    return pyca.UnrecognizedExtension(QC_STATEMENTS, QcStatements(statements).dump())


def revocation_list(issuer: Issued, revoked: Sequence[tuple[Issued, datetime]] = (), *, at: datetime, until: datetime) -> bytes:
    """DER."""
    builder = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at)
        .next_update(until)
        .add_extension(pyca.CRLNumber(1), critical=False)
        .add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for each, when in revoked:
        serial = pyca.RevokedCertificateBuilder().serial_number(each.certificate.serial_number).revocation_date(when)
        builder = builder.add_revoked_certificate(serial.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True, slots=True)
class Company:
    """A root, an authority under it, and a time authority under that."""

    root: Issued
    issuing: Issued
    time: Issued

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return self.issuing.plain, self.root.plain

    @property
    def crls(self) -> tuple[bytes, ...]:
        return tuple(revocation_list(each, at=NOON - 29 * DAY, until=NOON + 3650 * DAY) for each in (self.root, self.issuing))

    def stamper(self, at: datetime = NOON) -> TimeAuthority:
        return TimeAuthority(Identity(self.time.key, self.time.plain, self.chain), lambda: at)

    def sealer(self, seal: Issued, at: datetime = NOON, time_at: datetime | None = None) -> Sealer:
        """Seals with any certificate, good or bad, at `at`; time is told to be `time_at`."""
        signer = CachedSigner(Identity(seal.key, seal.plain, self.chain))
        return Sealer(signer, self.stamper(time_at or at), (self.root.plain,), self.crls, lambda: at)

    def write_pkcs12(self, path: Path, seal: Issued, password: bytes | None = None) -> Path:
        lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        above = [self.issuing.certificate, self.root.certificate]
        path.write_bytes(pkcs12.serialize_key_and_certificates(b"seal", seal.key, seal.certificate, above, lock))
        return path


def fingerprint_of(signer: Any) -> bytes:
    """SHA-256 of the certificate with which a signer signs."""
    return bytes(signer.signing_cert.sha256)


@functools.cache
def company() -> Company:
    """Issued once for a run, on P-256 because that takes milliseconds."""
    root = issue("Exemple Racine", authority=True)
    issuing = issue("Exemple AC", root, authority=True)
    time = issue("Exemple Horodatage", issuing, usage=("digital_signature",), purposes=[ExtendedKeyUsageOID.TIME_STAMPING])
    return Company(root, issuing, time)


@functools.cache
def good_seal(rsa_bits: int = 0) -> Issued:
    """An ordinary certificate for seals, on P-256 or on RSA of so many bits; it names no revocation list to fetch."""
    key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else None
    return issue("Exemple SA - cachet", company().issuing, key=key)
