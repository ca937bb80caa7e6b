"""How long a timestamp lasts: until its certificates end, or until an algorithm in it is no longer to be relied on."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from asn1crypto import x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.validation import EmbeddedPdfSignature


@dataclass(frozen=True, slots=True)
class Leaving:
    """An algorithm that is to be left: what it proves must be proved anew by another one before that day is over."""

    name: str
    """As `Lasting.algorithms` has it: a digest, or a family of keys with its bits."""
    below: int | None
    """Keys of fewer bits; None: a digest."""
    last_day: date
    source: str


LEAVING = (
    Leaving("md5", None, date(2013, 12, 31), "NIST SP 800-131A rev. 2, 9: not among the approved hash functions"),
    Leaving("sha1", None, date(2013, 12, 31), "NIST SP 800-131A rev. 2, 3 and 9: disallowed for signatures after 2013"),
    Leaving("rsa", 2048, date(2013, 12, 31), "NIST SP 800-131A rev. 2, 3"),
    Leaving("rsa", 3072, date(2030, 12, 31), "ANSSI, RGS 2.0 annexe B1, size of RSA moduli: 3072 bits for use after 2030"),
    Leaving("ec", 200, date(2013, 12, 31), "NIST SP 800-131A rev. 2, 3"),
    Leaving("ec", 256, date(2020, 12, 31), "ANSSI, RGS 2.0 annexe B1, order of elliptic groups: 256 bits for use after 2020"),
)
"""Dated, with their sources; whoever finds a later word of ANSSI changes a line here."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """What the newest document timestamp of a file stands on."""

    ends: datetime
    """End of its certificate, or of one above it but the root, whichever is first."""
    algorithms: tuple[str, ...]
    """"ec-256", "rsa-3072", "sha256": its keys and digests, sorted."""


class NoTimestamp(Exception):
    """The file has no document timestamp that can be read."""


def lasting_of(path: Path) -> Lasting:
    """Looked up in the file. Raises NoTimestamp; OSError where it cannot be read."""
    with path.open("rb") as file:
        try:
            stamps = PdfFileReader(file, strict=True).embedded_timestamp_signatures
        except (PdfError, CMSExtractionError, ValueError) as error:
            raise NoTimestamp(str(error)) from error
        if not stamps:
            raise NoTimestamp("there is no document timestamp")
        return _lasting(stamps[-1])


def leaves_after(algorithms: Iterable[str], table: Sequence[Leaving] = LEAVING) -> date | None:
    """The last day of the first of these algorithms to be left; None where none of them is on the list."""
    return min((each.last_day for name in algorithms for each in table if _concerns(each, name)), default=None)


def _concerns(leaving: Leaving, algorithm: str) -> bool:
    family, _, bits = algorithm.partition("-")
    return leaving.name == family and (leaving.below is None or (bits.isdigit() and int(bits) < leaving.below))


def _lasting(stamp: EmbeddedPdfSignature) -> Lasting:
    chain = _chain_of(stamp.signer_cert, stamp.other_embedded_certs)
    info = stamp.signed_data["encap_content_info"]["content"].parsed
    digests = {info["message_imprint"]["hash_algorithm"]["algorithm"].native, stamp.signer_info["digest_algorithm"]["algorithm"].native}
    digests |= {certificate.hash_algo for certificate in chain}
    return Lasting(min(each.not_valid_after for each in chain), tuple(sorted(digests | {_key_of(each) for each in chain})))


def _chain_of(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The certificate and those above it as far as the token has them, without a root: a root is trusted, not proved."""
    chain = [leaf]
    while (above := next((each for each in others if each.subject == chain[-1].issuer and each not in chain), None)) is not None:
        if above.self_issued:
            break
        chain.append(above)
    return tuple(chain)


def _key_of(certificate: x509.Certificate) -> str:
    return f"{certificate.public_key.algorithm}-{certificate.public_key.bit_size}"
