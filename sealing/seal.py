"""The seal: PAdES baseline B-LTA, certifying that nothing may change, written at the end of the file without copying it through memory."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import constants, pdf_signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, PdfSignatureMetadata, PdfSigner, TimestampDSSContentSettings
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError

from sealing.authority import EXAMPLE_POLICY, Clock, TimeAuthority
from sealing.keys import CachedSigner, Practice, is_practice

# That nothing is fetched while sealing is on purpose: pyHanko would say so on every document.
logging.getLogger(pdf_signer.__name__).addFilter(lambda record: "fetching is not allowed" not in record.getMessage())

SEAL_FIELD = "Sceau"
TIME_FIELD = "Horodatage"
CHUNK = 2**20
"""Bytes hashed at a time; pyHanko's 4 KiB cost more in Python than in SHA-256."""

DSS = DSSContentSettings(
    include_vri=False,
    # Revocation data go in before the document timestamp, so that this timestamp covers the whole file.
    next_ts_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
)


class CannotSeal(Exception):
    """The key, the time authority or the file did not let a seal be made. The source is untouched, unless sealed in place."""


class TimestampUnavailable(CannotSeal):
    """The time authority gave no timestamp: it did not answer, or its clock went back. Another try may do."""


class Pdf17Signer(PdfSigner):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """For an elliptic key pyHanko announces ISO/TS 32002 and with it PDF 2.0, which PDF/A-3 forbids (ISO 19005-3, 6.1.2)."""

    def register_extensions(self, pdf_out: BasePdfFileWriter, *, md_algorithm: str) -> None:  # noqa: ARG002 pyHanko's interface
        pdf_out.register_extension(constants.ESIC_EXTENSION_1)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Everything a seal is made with; the same one serves all documents of a process."""

    signer: CachedSigner
    timestamper: TimeStamper
    trust: Sequence[x509.Certificate]
    """Roots against which seal and timestamps are checked before anything is written."""
    crls: Sequence[bytes]
    """DER revocation lists of every issuer but the root, which go into the file."""
    clock: Clock
    reason: str = "Numérisation fidèle"
    location: str = ""

    @property
    def practice(self) -> bool:
        return is_practice(self.signer.signing_cert)


def practice_sealer(practice: Practice, clock: Clock, policy: str = EXAMPLE_POLICY) -> Sealer:
    """A sealer with practice keys and the workstation's own time authority; what it seals says that it is a trial."""
    authority = TimeAuthority(practice.time, clock, policy)
    return Sealer(CachedSigner(practice.seal), authority, practice.trust, practice.crls, clock)


def seal_file(source: Path, target: Path, sealer: Sealer) -> None:
    """Seal a PDF/A: `target` is `source` with the seal, its revocation data and the document timestamp appended.

    Where both are the same path the file is sealed in place and a failure leaves it spoilt: seal a draft, then rename it.
    Otherwise `target` does not survive a failure. Raises CannotSeal, TimestampUnavailable where only time was lacking,
    and OSError where the disk does not take it.
    """
    try:
        if source != target:
            shutil.copyfile(source, target)
        _seal_in_place(target, sealer)
    except BaseException:
        if source != target:
            target.unlink(missing_ok=True)
        raise


def _seal_in_place(path: Path, sealer: Sealer) -> None:
    """An OSError stays what it is: a full disk passes, and nobody has to look at the document for it."""
    try:
        with path.open("r+b") as file:
            asyncio.run(_append_seal(IncrementalPdfFileWriter(file), sealer))
    except TimestampRequestError as error:
        raise TimestampUnavailable(str(error)) from error
    except (SigningError, PathError, PdfError, ValueError) as error:
        raise CannotSeal(str(error)) from error


async def _append_seal(writer: IncrementalPdfFileWriter, sealer: Sealer) -> None:
    """The steps of `PdfSigner.async_sign_pdf`, with the moment handed in."""
    moment = sealer.clock().astimezone(UTC)
    signer = _pdf_signer(sealer, moment)
    session = signer.init_signing_session(writer)
    session.system_time = moment
    known = await session.perform_presign_validation(writer)
    reserved = await session.estimate_signature_container_size(known, tight=False)
    document = session.prepare_tbs_document(known, reserved)
    digest, out = document.digest_tbs_document(in_place=True, chunk_size=CHUNK)
    sealed = await document.perform_signature(digest.document_digest, PdfCMSSignedAttributes(signing_time=moment))
    await sealed.post_signature_processing(out, chunk_size=CHUNK)


def _pdf_signer(sealer: Sealer, moment: datetime) -> Pdf17Signer:
    trial = "ESSAI, sans valeur probante : " if sealer.practice else ""
    metadata = PdfSignatureMetadata(
        field_name=SEAL_FIELD,
        md_algorithm="sha256",
        reason=f"{trial}{sealer.reason}",
        location=("essai" if sealer.practice else sealer.location) or None,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        embed_validation_info=True,
        use_pades_lta=True,
        timestamp_field_name=TIME_FIELD,
        dss_settings=DSS,
        validation_context=_context(sealer, moment),
    )
    field = SigFieldSpec(SEAL_FIELD, box=(0, 0, 0, 0))
    return Pdf17Signer(metadata, sealer.signer, timestamper=sealer.timestamper, new_field_spec=field)


def _context(sealer: Sealer, moment: datetime) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(sealer.trust), crls=list(sealer.crls), moment=moment, allow_fetching=False, revocation_mode="require"
    )
