"""The signatures that a PDF brings along: each looked at offline, in a process of its own, and told as intact, broken or not verifiable.

Nothing is decided here about trust: without the roots of an authority a signature can be intact and its signer unknown, and that is said.
A hostile file can cost its process, never the station: time and memory are bounded, and whatever goes wrong is an answer.
"""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from asn1crypto import pem, x509

from capture.catalogue import finding
from capture.findings import Finding

MAX_SIGNATURES = 20
"""Per file; a contract with more signers is for a person."""
SECONDS = 20
"""Of processor time and of patience for all signatures of one file."""
MAX_BYTES = 700 << 20
"""Private memory of the process that looks; pyHanko reads a file whole."""


class Seen(StrEnum):
    """What became of the signed bytes."""

    INTACT = "intact"
    BROKEN = "broken"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class IncomingSignature:
    """One signature, certification or document timestamp, in the order of the file's revisions."""

    field: str
    kind: str
    """signature, certification or timestamp."""
    state: Seen
    signer: str | None = None
    """Common name in the certificate, or the whole subject."""
    issuer: str | None = None
    signed_at: str | None = None
    """ISO 8601, UTC."""
    time_from: str | None = None
    """timestamp (by an authority) or signer (its own clock, which proves nothing)."""
    coverage: str | None = None
    """file: all of its bytes; revision: all up to this signature; part: less than that."""
    trusted: bool | None = None
    """Whether the chain ends at a root handed in; None where there was no root to judge by."""
    reason: str = ""
    """Why it is broken or not verifiable, in French and in English."""


def incoming_signatures(path: Path, trust: Sequence[x509.Certificate] = (), seconds: float = SECONDS) -> tuple[IncomingSignature, ...]:
    """Every signature of a PDF, judged as of now, offline. Empty where there is none; never raises for what the file holds."""
    roots = b"".join(pem.armor("CERTIFICATE", root.dump()) for root in trust)
    command = [sys.executable, "-P", "-m", "sealing.incoming", os.fspath(path)]
    try:
        done = subprocess.run(command, input=roots, capture_output=True, timeout=seconds, check=False)
        told = json.loads(done.stdout) if done.returncode == 0 else None
    except subprocess.TimeoutExpired:
        return (_unread(f"plus de {seconds:g} s / more than {seconds:g} s"),)
    except ValueError:
        told = None
    if told is None:
        return (_unread("l'examen s'est arrêté / the examination broke off"),)
    return tuple(IncomingSignature(**{**each, "state": Seen(each["state"])}) for each in told)


def signatures_json(signatures: Sequence[IncomingSignature]) -> list[dict[str, Any]]:
    """As they stand in the sealed record of the document."""
    return [asdict(each) for each in signatures]


def signature_findings(signatures: Sequence[IncomingSignature]) -> tuple[Finding, ...]:
    """One finding for each; a broken one holds the document."""
    codes = {Seen.INTACT: "signature-intact", Seen.BROKEN: "signature-broken", Seen.UNVERIFIABLE: "signature-unverifiable"}
    return tuple(finding(codes[each.state], measured=_described(each)) for each in signatures)


def signed_findings(path: Path, found: Iterable[Finding]) -> tuple[Finding, ...]:
    """What the signatures of a file say, where looking at it found any."""
    if not any(each.code == "signed-document" for each in found):
        return ()
    return signature_findings(incoming_signatures(path))


def _described(each: IncomingSignature) -> str:
    kinds = {"timestamp": "horodatage / timestamp", "certification": "certification"}
    known = {None: "autorité non vérifiée / authority not checked", False: "autorité inconnue / unknown authority"}
    after = "ajouts permis ensuite / permitted additions after it" if each.coverage == "revision" else ""
    parts = [kinds.get(each.kind), each.signer, each.signed_at, each.reason, after, known.get(each.trusted) if each.signer else None]
    return ", ".join(part for part in parts if part) or each.field


def _unread(reason: str, field: str = "?", kind: str = "signature") -> IncomingSignature:
    return IncomingSignature(field, kind, Seen.UNVERIFIABLE, reason=reason)


# --- in the process of its own ---


def _examine(path: Path, roots: Sequence[x509.Certificate]) -> list[IncomingSignature]:
    from pyhanko.pdf_utils.reader import PdfFileReader

    with path.open("rb") as file:
        reader = PdfFileReader(file, strict=False)
        if reader.encrypted:
            reader.decrypt("")
        found = reader.embedded_signatures
        told = [_look_at(each, roots) for each in found[:MAX_SIGNATURES]]
    if len(found) > MAX_SIGNATURES:
        told.append(_unread(f"{len(found)} signatures, {MAX_SIGNATURES} examinées / examined"))
    return told


def _look_at(signature: Any, roots: Sequence[x509.Certificate]) -> IncomingSignature:
    """One answer, whatever pyHanko meets."""
    name = str(signature.field_name)
    kind = "timestamp" if str(signature.sig_object_type) == "/DocTimeStamp" else "signature"
    try:
        status = asyncio.run(_validate(signature, kind, roots))
        if kind == "signature" and _certifies(signature):
            kind = "certification"
        return _answer(name, kind, status, bool(roots))
    except Exception as error:  # noqa: BLE001 a forged signature may break any library; that is an answer
        return _unread(f"{type(error).__name__}: {str(error)[:120]}", name, kind)


async def _validate(signature: Any, kind: str, roots: Sequence[x509.Certificate]) -> Any:
    from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
    from pyhanko_certvalidator import ValidationContext

    context = ValidationContext(trust_roots=list(roots), allow_fetching=False, revocation_mode="soft-fail")
    if kind == "timestamp":
        return await async_validate_pdf_timestamp(signature, context)
    return await async_validate_pdf_signature(signature, context)


def _certifies(signature: Any) -> bool:
    return signature.docmdp_level is not None


def _answer(name: str, kind: str, status: Any, judged: bool) -> IncomingSignature:
    state, reason = _state(status)
    certificate = status.signing_cert
    stamp = getattr(status, "timestamp_validity", None)
    moment = status.timestamp if kind == "timestamp" else stamp.timestamp if stamp is not None and stamp.intact else None
    own = getattr(status, "signer_reported_dt", None)
    return IncomingSignature(
        name, kind, state, _person(certificate.subject), _person(certificate.issuer), _told(moment or own),
        "timestamp" if moment else "signer" if own else None, _coverage(status), bool(status.trusted) if judged else None, reason,
    )  # fmt: skip


def _state(status: Any) -> tuple[Seen, str]:
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    if not status.intact:
        return Seen.BROKEN, "les octets signés ont changé / the signed bytes have changed"
    if not status.valid:
        return Seen.BROKEN, "la signature ne correspond pas à son certificat / the signature does not fit its certificate"
    if status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return Seen.BROKEN, "elle ne couvre pas tout son document / it does not cover all of its document"
    # Of a timestamp pyHanko does not ask whether a later change was permitted: then only its kind tells.
    if status.docmdp_ok is False or status.modification_level is ModificationLevel.OTHER:
        return Seen.BROKEN, "le document a été modifié après la signature / the document was changed after it was signed"
    return Seen.INTACT, ""


def _coverage(status: Any) -> str:
    return {"ENTIRE_FILE": "file", "ENTIRE_REVISION": "revision"}.get(status.coverage.name, "part")


def _person(name: x509.Name) -> str:
    values = name.native
    told = values.get("common_name") or values.get("organization_name") or name.human_friendly
    return (told if isinstance(told, str) else str(told))[:200]


def _told(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _main() -> None:
    """Print the answers as JSON; roots to trust come as PEM from the standard input."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    logging.disable(logging.CRITICAL)
    given = sys.stdin.buffer.read()
    roots = [x509.Certificate.load(der) for _type, _headers, der in pem.unarmor(given, multiple=True)] if given else []
    try:
        told = _examine(Path(sys.argv[1]), roots)
    except Exception as error:  # noqa: BLE001 the file may not even be a PDF to pyHanko
        told = [_unread(f"{type(error).__name__}: {str(error)[:120]}")]
    sys.stdout.write(json.dumps(signatures_json(told)))


if __name__ == "__main__":
    _main()
