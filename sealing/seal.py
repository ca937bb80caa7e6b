"""The seal and what may follow it (an officer's signature, later timestamps): PAdES baseline B-LTA, each written at the end of the file
without copying it through memory."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from asn1crypto import x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import constants, pdf_signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, PdfSignatureMetadata, PdfSigner, PdfTimeStamper, TimestampDSSContentSettings
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath

from sealing.authority import EXAMPLE_POLICY, Clock, TimeAuthority
from sealing.fitness import lists_for, usages_of
from sealing.keys import CachedSigner, Practice, is_practice
from sealing.stampers import NOBODY, note_failure, offered_by

# That nothing is fetched while sealing is on purpose: pyHanko would say so on every document.
logging.getLogger(pdf_signer.__name__).addFilter(lambda record: "fetching is not allowed" not in record.getMessage())

SEAL_FIELD = "Sceau"
TIME_FIELD = "Horodatage"
OFFICER_FIELD = "Responsable"
"""Empty until a named officer signs; only there where the seal leaves room for it."""
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

    signer: Signer
    timestamper: TimeStamper
    trust: Sequence[x509.Certificate]
    """Roots against which seal and timestamps are checked before anything is written."""
    crls: Sequence[bytes]
    """DER revocation lists of every issuer but the root, which go into the file."""
    clock: Clock
    reason: str = "Numérisation fidèle"
    location: str = ""

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """Against which what is sealed is verified: those of the seal, and those of its time authorities."""
        return (*self.trust, *getattr(self.timestamper, "roots", ()))

    @property
    def practice(self) -> bool:
        return is_practice(self.signer.signing_cert)

    @property
    def renewer(self) -> "Renewer":
        """The same time authorities, without the key."""
        return Renewer(self.timestamper, self.trust, self.crls, getattr(self.timestamper, "crls", ()), self.clock)


def practice_sealer(practice: Practice, clock: Clock, policy: str = EXAMPLE_POLICY) -> Sealer:
    """A sealer with practice keys and the workstation's own time authority; what it seals says that it is a trial."""
    authority = TimeAuthority(practice.time, clock, policy)
    return Sealer(CachedSigner(practice.seal), authority, practice.trust, practice.crls, clock)


@dataclass(frozen=True, slots=True)
class Renewer:
    """Everything a sealed file is timestamped anew with: no key."""

    timestamper: TimeStamper
    trust: Sequence[x509.Certificate]
    """Roots of the authorities that gave the timestamps before, besides those of `timestamper`."""
    crls: Sequence[bytes]
    """DER revocation lists that go into every file."""
    kept: Sequence[bytes]
    """All others at hand; of these, only those of the timestamp before go into its file: another authority may have given it."""
    clock: Clock

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """Against which what was renewed is verified."""
        return (*self.trust, *getattr(self.timestamper, "roots", ()))


Write: TypeAlias = Callable[[IncrementalPdfFileWriter, TimeStamper], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Officer:
    """A person who answers for a copy (A102 B-1), with what makes their signature verifiable offline."""

    signer: Signer
    trust: Sequence[x509.Certificate] = ()
    """Roots of the officer's certificate, beside those of the seal."""
    crls: Sequence[bytes] = ()
    """DER revocation lists of its issuers, beside those of the seal."""
    reason: str = "Copie approuvée par le responsable désigné"


def seal_file(source: Path, target: Path, sealer: Sealer, *, signable: bool = False) -> None:
    """Seal a PDF/A: `target` is `source` with the seal, its revocation data and the document timestamp appended.

    The seal forbids any change. `signable`: it leaves room for an officer's signature (`append_signature`) and forbids any other.
    Where both are the same path the file is sealed in place and a failure leaves it spoilt: seal a draft, then rename it.
    Otherwise `target` does not survive a failure. Raises CannotSeal, TimestampUnavailable where only time was lacking,
    and OSError where the disk does not take it.
    """
    _append(source, target, sealer.timestamper, lambda writer, by: _append_seal(writer, replace(sealer, timestamper=by), signable))


def append_timestamp(source: Path, target: Path, given: Sealer | Renewer) -> None:
    """Renew a sealed file: `target` is `source` with today's revocation data and one more document timestamp (EN 319 142-1, 5.5).

    No key is needed. The revocation data are those of the timestamp before, which is thereby proved while it still holds, and of the
    new one.
    Targets and errors as with `seal_file`; CannotSeal too where the timestamp before no longer holds: then it is too late.
    """
    renewer = given.renewer if isinstance(given, Sealer) else given
    _append(source, target, renewer.timestamper, lambda writer, by: _append_timestamp(writer, renewer, by))


def append_signature(source: Path, target: Path, officer: Officer, sealer: Sealer) -> None:
    """`target` is `source`, sealed `signable`, with the officer's PAdES signature and a document timestamp appended.

    Targets and errors as with `seal_file`; CannotSeal too where the seal leaves no room or somebody has signed already.
    """
    _append(source, target, sealer.timestamper, lambda writer, by: _append_approval(writer, officer, replace(sealer, timestamper=by)))


def _append(source: Path, target: Path, timestamper: TimeStamper, write: Write) -> None:
    try:
        if source != target:
            shutil.copyfile(source, target)
        _try_authorities(target, timestamper, write)
    except BaseException:
        if source != target:
            target.unlink(missing_ok=True)
        raise


def _try_authorities(path: Path, timestamper: TimeStamper, write: Write) -> None:
    """All of one revision's time comes from one authority; where one fails, what was written is cut off and the next is asked."""
    size, failures = path.stat().st_size, []
    for stamper in offered_by(timestamper):
        try:
            _write_in_place(path, stamper, write)
        except TimestampUnavailable as error:
            note_failure(timestamper, stamper)
            failures.append(str(error))
            os.truncate(path, size)
        else:
            return
    raise TimestampUnavailable("; ".join(failures) or NOBODY)


def _write_in_place(path: Path, stamper: TimeStamper, write: Write) -> None:
    """An OSError stays what it is: a full disk passes, and nobody has to look at the document for it."""
    try:
        with path.open("r+b") as file:
            asyncio.run(write(IncrementalPdfFileWriter(file), stamper))
    except TimestampRequestError as error:
        raise TimestampUnavailable(str(error)) from error
    except (SigningError, PathError, ValidationError, PdfError, ValueError) as error:
        raise CannotSeal(str(error)) from error


async def _append_seal(writer: IncrementalPdfFileWriter, sealer: Sealer, signable: bool) -> None:
    moment = sealer.clock().astimezone(UTC)
    if signable:
        append_signature_field(writer, SigFieldSpec(OFFICER_FIELD, box=(0, 0, 0, 0)))
    await _sign(writer, _pdf_signer(sealer, moment, signable), moment)


async def _append_approval(writer: IncrementalPdfFileWriter, officer: Officer, sealer: Sealer) -> None:
    moment = sealer.clock().astimezone(UTC)
    trial = "ESSAI, sans valeur probante : " if is_practice(officer.signer.signing_cert) else ""
    metadata = PdfSignatureMetadata(
        field_name=OFFICER_FIELD,
        md_algorithm="sha256",
        reason=f"{trial}{officer.reason}",
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=True,
        use_pades_lta=True,
        timestamp_field_name=_free_time_field(writer),
        dss_settings=DSS,
        validation_context=_context(sealer, moment, officer),
        signer_key_usage=usages_of(officer.signer.signing_cert),
    )
    signer = Pdf17Signer(metadata, officer.signer, timestamper=sealer.timestamper)
    await _sign(writer, signer, moment, existing_only=True)


async def _append_timestamp(writer: IncrementalPdfFileWriter, renewer: Renewer, by: TimeStamper) -> None:
    before = _stamp_before(writer)
    given_by = (before.signer_cert, *before.other_embedded_certs)
    crls = (*renewer.crls, *getattr(by, "crls", ()), *lists_for(given_by, renewer.kept))
    moment = renewer.clock().astimezone(UTC)
    context = _offline((*renewer.trust, *getattr(by, "roots", ())), crls, moment)
    await PdfTimeStamper(by, field_name=_free_time_field(writer)).async_timestamp_pdf(
        writer,
        "sha256",
        context,
        validation_paths=[await _path_before(before, context)],
        in_place=True,
        chunk_size=CHUNK,
        dss_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
    )


def _stamp_before(writer: IncrementalPdfFileWriter) -> EmbeddedPdfSignature:
    stamps = writer.prev.embedded_timestamp_signatures
    if not stamps:
        raise SigningError("there is no document timestamp to renew")
    newest: EmbeddedPdfSignature = stamps[-1]
    return newest


async def _path_before(before: EmbeddedPdfSignature, context: ValidationContext) -> ValidationPath:
    """The certificates of the newest document timestamp, while they hold: afterwards no new timestamp proves anything about it."""
    validator = CertificateValidator(before.signer_cert, intermediate_certs=before.other_embedded_certs, validation_context=context)
    return await validator.async_validate_usage(set(), extended_key_usage={"time_stamping"})


def _free_time_field(writer: IncrementalPdfFileWriter) -> str:
    """Horodatage, Horodatage-2, Horodatage-3…: each timestamp has a field of its own."""
    return f"{TIME_FIELD}-{len(writer.prev.embedded_timestamp_signatures) + 1}"


async def _sign(writer: IncrementalPdfFileWriter, signer: PdfSigner, moment: datetime, *, existing_only: bool = False) -> None:
    """The steps of `PdfSigner.async_sign_pdf`, with the moment handed in."""
    session = signer.init_signing_session(writer, existing_fields_only=existing_only)
    session.system_time = moment
    known = await session.perform_presign_validation(writer)
    reserved = await session.estimate_signature_container_size(known, tight=False)
    document = session.prepare_tbs_document(known, reserved)
    digest, out = document.digest_tbs_document(in_place=True, chunk_size=CHUNK)
    sealed = await document.perform_signature(digest.document_digest, PdfCMSSignedAttributes(signing_time=moment))
    await sealed.post_signature_processing(out, chunk_size=CHUNK)


def _pdf_signer(sealer: Sealer, moment: datetime, signable: bool) -> Pdf17Signer:
    trial = "ESSAI, sans valeur probante : " if sealer.practice else ""
    metadata = PdfSignatureMetadata(
        field_name=SEAL_FIELD,
        md_algorithm="sha256",
        reason=f"{trial}{sealer.reason}",
        location=("essai" if sealer.practice else sealer.location) or None,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.FILL_FORMS if signable else MDPPerm.NO_CHANGES,
        embed_validation_info=True,
        use_pades_lta=True,
        timestamp_field_name=TIME_FIELD,
        dss_settings=DSS,
        validation_context=_context(sealer, moment),
        signer_key_usage=usages_of(sealer.signer.signing_cert),
    )
    field = SigFieldSpec(SEAL_FIELD, box=(0, 0, 0, 0))
    return Pdf17Signer(metadata, sealer.signer, timestamper=sealer.timestamper, new_field_spec=field)


def _context(sealer: Sealer, moment: datetime, officer: Officer | None = None) -> ValidationContext:
    trust = (*sealer.roots, *(officer.trust if officer else ()))
    crls = (*sealer.crls, *getattr(sealer.timestamper, "crls", ()), *(officer.crls if officer else ()))
    return _offline(trust, crls, moment)


def _offline(trust: Sequence[x509.Certificate], crls: Sequence[bytes], moment: datetime) -> ValidationContext:
    once = list(dict.fromkeys(crls))
    return ValidationContext(trust_roots=list(trust), crls=once, moment=moment, allow_fetching=False, revocation_mode="require")
