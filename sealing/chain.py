"""Signatures and the timestamps after them, each judged as of the next: what proves a file years after its certificates have ended.

A document timestamp brings along the revocation data of that day, for what stands before it and for itself. So each signature and each
timestamp must have held when the next timestamp was made (RFC 4998, 5.3; EN 319 142-1, 5.5); the newest timestamp must hold now.
Nothing is fetched: of the newest, revocation is known as of the day on which it was made.
"""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from asn1crypto import x509
from pyhanko.sign.ades.report import AdESSubIndic
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

AHEAD = timedelta(minutes=5)
"""By so much the clock of an authority may be ahead of the one that looks."""

Told = tuple[str, str]
"""French, English."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A signature as of the document timestamp that follows it."""

    intact: bool
    """The bytes that it signs are those that were signed."""
    unchanged: bool
    """What was appended since is what it allows."""
    trouble: AdESSubIndic | None
    """Why its certificate did not hold then; None where it did."""
    stamped: datetime | None
    """Time of its own timestamp, where that holds."""

    @property
    def holds(self) -> bool:
        return self.intact and self.trouble is None


@dataclass(frozen=True, slots=True)
class Chain:
    """The signatures of a file, and whether the timestamps after them hold together until now."""

    signatures: tuple[Judged, ...]
    """In the order of the file: the seal, an officer."""
    stamps: tuple[datetime, ...]
    """Times of the document timestamps."""
    broken: Told | None
    """Why the timestamps prove nothing (any more); None where they do."""


async def judge_chain(
    signed: Sequence[EmbeddedPdfSignature],
    roots: Sequence[x509.Certificate],
    moment: datetime,
    seals: Sequence[x509.Certificate] | None = None,
) -> Chain:
    """`signed` in the order of the file, a timestamp last. `seals`: roots of signatures, where some of `roots` are for timestamps only."""
    stamps = [each for each in signed if each.sig_object_type == "/DocTimeStamp"]
    times = tuple(_time_of(stamp) for stamp in stamps)
    judged = []
    for position, each in enumerate(signed):
        if each.sig_object_type != "/DocTimeStamp":
            following = next(after for after in signed[position:] if after.sig_object_type == "/DocTimeStamp")
            at = _time_of(following)
            own = None if seals is None else _context(following, seals, at)
            judged.append(await _judge_signature(each, _context(following, roots, at), own))
    return Chain(tuple(judged), times, await _broken(stamps, times, roots, moment))


async def _judge_signature(signature: EmbeddedPdfSignature, context: ValidationContext, own: ValidationContext | None) -> Judged:
    """`own`: by which the signer is judged, where it is not that of the timestamp."""
    # Which usages a certificate must have is asked apart (`sealing.fitness`), in words of its own.
    status: PdfSignatureStatus = await async_validate_pdf_signature(
        signature, own or context, ts_validation_context=context, key_usage_settings=KeyUsageConstraints()
    )
    stamp = status.timestamp_validity
    holds = stamp is not None and stamp.intact and stamp.valid and stamp.trusted
    trouble = None if status.trusted else status.trust_problem_indic
    unchanged = bool(status.docmdp_ok) and status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    return Judged(status.intact and status.valid, unchanged, trouble, stamp.timestamp if stamp is not None and holds else None)


async def _broken(
    stamps: Sequence[EmbeddedPdfSignature],
    times: Sequence[datetime],
    roots: Sequence[x509.Certificate],
    moment: datetime,
) -> Told | None:
    if any(after < before for before, after in pairwise(times)):
        return "les horodatages ne se suivent pas dans le temps", "the timestamps do not follow one another in time"
    if times[-1] > moment + AHEAD:
        return f"horodaté le {_day(times[-1])}, dans l'avenir", f"timestamped {_day(times[-1])}, in the future"
    for position, stamp in enumerate(stamps[:-1]):
        context = _context(stamps[position + 1], roots, times[position + 1])
        if (why := await _why_not(stamp, context)) is not None:
            day = _day(times[position + 1])
            return (
                f"l'horodatage du {_day(times[position])} ne tenait plus quand il fut renouvelé, le {day} ({why})",
                f"the timestamp of {_day(times[position])} no longer held when it was renewed, {day} ({why})",
            )
    newest = stamps[-1]
    if (why := await _why_not(newest, _context(newest, roots, times[-1]))) is not None:
        return f"horodatage du document non reconnu ({why})", f"timestamp of the document not trusted ({why})"
    if (why := await _why_not(newest, _context(newest, roots, max(moment, times[-1]), "soft-fail"))) is not None:
        return (
            f"le dernier horodatage, du {_day(times[-1])}, ne tient plus le {_day(moment)} et n'a pas été renouvelé à temps ({why})",
            f"the last timestamp, {_day(times[-1])}, no longer holds on {_day(moment)} and was not renewed in time ({why})",
        )
    return None


async def _why_not(stamp: EmbeddedPdfSignature, context: ValidationContext) -> str | None:
    # What changed after a timestamp is asked of the seal; the timestamp's own comparison would cost as much again.
    if stamp.evaluate_signature_coverage() < SignatureCoverageLevel.ENTIRE_REVISION:
        return "covers a part only"
    try:
        status = await async_validate_pdf_timestamp(stamp, context, skip_diff=True)
    except SignatureValidationError as error:
        return str(error)
    if not (status.intact and status.valid):
        return "altered"
    return None if status.trusted else str(status.trust_problem_indic)


def _context(
    stamp: EmbeddedPdfSignature,
    roots: Sequence[x509.Certificate],
    moment: datetime,
    revocation: str = "require",
) -> ValidationContext:
    """What was known when that timestamp was made: certificates and revocation data of its revision."""
    known = {"trust_roots": list(roots), "moment": moment, "allow_fetching": False, "revocation_mode": revocation}
    try:
        store = DocumentSecurityStore.read_dss(stamp.reader.get_historical_resolver(stamp.signed_revision))
    except NoDSSFoundError:
        return ValidationContext(**known)
    return store.as_validation_context(known)


def _time_of(stamp: EmbeddedPdfSignature) -> datetime:
    found: datetime = stamp.signed_data["encap_content_info"]["content"].parsed["gen_time"].native
    return found


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
