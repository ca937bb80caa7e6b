"""A certification authority over the years: time authorities whose certificates end in turn, revocation lists as they come out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asn1crypto import x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sealing.authority import TimeAuthority
from sealing.keys import DOCUMENT_SIGNING, CachedSigner, Identity
from sealing.seal import Sealer

USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def plain(certificate: pyca.Certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def named(name: str) -> pyca.Name:
    return pyca.Name([pyca.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass
class House:
    """A root that stands for a hundred years, and what it issues."""

    begin: datetime
    years: int = 100
    name: str = "Racine"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    revoked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        extensions = [(pyca.BasicConstraints(True, None), True), (usage("key_cert_sign", "crl_sign"), True)]
        self.root = self._issue(self.name, self.key, self.begin, self.begin + timedelta(days=365 * self.years), extensions)

    def issue(self, name: str, begin: datetime, end: datetime, *purposes: ObjectIdentifier, critical: bool = True) -> Identity:
        """A leaf; without a purpose it signs documents."""
        key = ec.generate_private_key(ec.SECP256R1())
        wanted, said = (list(purposes), "digital_signature") if purposes else ([DOCUMENT_SIGNING], "content_commitment")
        extensions = [
            (pyca.BasicConstraints(False, None), True),
            (usage(said), True),
            (pyca.ExtendedKeyUsage(wanted), critical and bool(purposes)),
        ]
        return Identity(key, plain(self._issue(name, key, begin, end, extensions)), (plain(self.root),))

    def time(self, begin: datetime, end: datetime, name: str = "Horodatage") -> Identity:
        return self.issue(name, begin, end, ExtendedKeyUsageOID.TIME_STAMPING)

    def crl(self, moment: datetime, days: int = 400) -> bytes:
        builder = pyca.CertificateRevocationListBuilder().issuer_name(self.root.subject)
        builder = builder.last_update(moment - timedelta(hours=1)).next_update(moment + timedelta(days=days))
        builder = builder.add_extension(pyca.CRLNumber(int(moment.timestamp())), critical=False)
        builder = builder.add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        for serial in self.revoked:
            gone = pyca.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment - timedelta(days=1)).build()
            builder = builder.add_revoked_certificate(gone)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    @property
    def trust(self) -> tuple[x509.Certificate, ...]:
        return (plain(self.root),)

    def sealer(self, seal: Identity, time: Identity, moment: datetime) -> Sealer:
        """What seals at that moment, with the revocation list of that day."""
        return Sealer(CachedSigner(seal), TimeAuthority(time, lambda: moment), self.trust, (self.crl(moment),), lambda: moment)

    def _issue(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        begin: datetime,
        end: datetime,
        extensions: Sequence[tuple[pyca.ExtensionType, bool]],
    ) -> pyca.Certificate:
        builder = pyca.CertificateBuilder().subject_name(named(name)).issuer_name(named(self.name)).public_key(key.public_key())
        builder = builder.serial_number(pyca.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        builder = builder.add_extension(pyca.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        builder = builder.add_extension(pyca.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())


def usage(*said: str) -> pyca.KeyUsage:
    return pyca.KeyUsage(**{name: name in said for name in USAGES})
