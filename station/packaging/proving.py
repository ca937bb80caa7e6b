"""What the package rests on: checkpoints of the ledger and proofs up to the newest one, and the two signatures of the manifest."""

import asyncio
import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import IO, Any

import sqlalchemy as sa
from asn1crypto import cms, tsp, x509
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimestampRequestError
from pyhanko_certvalidator.errors import PathError
from sqlalchemy.orm import Session

from sealing.checkpoint import NoteKey, sign_note
from sealing.keys import UnusableKey
from sealing.ledger import Hash
from sealing.seal import CannotSeal, Sealer, TimestampUnavailable
from station.checkpoints import (
    BACK,
    Kept,
    checkpoint_after,
    checkpoint_before,
    checkpoint_now,
    checkpoints_between,
    checkpoints_up_to,
    consistency_of,
    inclusion_of,
    is_signed,
    known_keys,
    log_key,
    log_name,
    newest_checkpoint,
)
from station.keyring import open_sealer
from station.packaging.attached import Span
from station.records.ledger import tree_of
from station.records.tables import LedgerRow
from station.timekeeping import ClockStepped, ClockWrong, require_clock, stamper_of
from station.workstation import Workstation

MANIFEST = "sceau-manifest-1"
inclusion, consistency = inclusion_of, consistency_of


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the ledger stood: the newest checkpoint, against which everything is proved."""

    checkpoint: Kept | None
    """None of a log without any entry."""
    keys: tuple[NoteKey, ...]

    @property
    def size(self) -> int:
        return self.checkpoint.size if self.checkpoint else 0

    @property
    def day(self) -> date:
        return self.checkpoint.made_at.date() if self.checkpoint else date.min


def entry_time(at: datetime) -> str:
    """As entries write times: UTC to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def checkpoint_at_head(workstation: Workstation, entity: str) -> None:
    """Make a checkpoint unless the newest stands at the head already; an empty log needs none."""
    with workstation.database.reading() as session:
        head = tree_of(session, entity).size
    if head:
        checkpoint_now(workstation, entity)


def stand_of(session: Session, workstation: Workstation, entity: str) -> Stand:
    """The newest checkpoint, the key that signs, and those that signed before."""
    return Stand(newest_checkpoint(session, entity), known_keys(session, workstation.settings, entity))


@dataclass(frozen=True, slots=True)
class Ends:
    """The checkpoints between which the entries of a period lie; None: the ledger's beginning, or its newest checkpoint."""

    begin: Kept | None
    end: Kept | None


WHOLE = Ends(None, None)


def ends_of(session: Session, entity: str, stand: Stand, span: Span) -> Ends:
    """The newest checkpoint that says a time before the span, and the first that says one after it.

    None that says otherwise lies beyond them, so that a clock which was wrong for a while makes the segment larger, never smaller.
    """
    older, end = checkpoints_up_to(session, entity, span.begin), checkpoint_after(session, entity, span.end)
    begin = next((each for each in older if _stamped_before(each, span.begin) and is_signed(each.note, stand.keys)), None)
    return Ends(begin, end if end is not None and is_signed(end.note, stand.keys) else None)


def keys_that_sign(stand: Stand, listed: Iterable[Kept]) -> tuple[NoteKey, ...]:
    """The key of today, by which the manifest is signed, and those of former days by which a checkpoint that is listed is."""
    notes = [each.note for each in listed]
    return tuple(key for number, key in enumerate(stand.keys) if number == 0 or any(is_signed(note, (key,)) for note in notes))


def _stamped_before(kept: Kept, moment: datetime) -> bool:
    """Whether its token, if it has one, tells of a time before: one that a third party dates later proves nothing of an earlier day."""
    return kept.token is None or _token_time(kept.token) < moment


def _token_time(token: bytes) -> datetime:
    stamped = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    moment: datetime = tsp.TSTInfo.load(stamped.dump())["gen_time"].native
    return moment


def token_roots(kept: Iterable[Kept]) -> Iterator[x509.Certificate]:
    """The roots that the tokens bring along: that of an authority of last year is in no setting any more."""
    for token in (each.token for each in kept if each.token is not None):
        for choice in cms.ContentInfo.load(token)["content"]["certificates"] or ():
            certificate = choice.chosen
            if isinstance(certificate, x509.Certificate) and certificate.subject == certificate.issuer:
                yield certificate


def checkpoints_of(session: Session, entity: str, stand: Stand, span: Span, ends: Ends) -> tuple[Kept, ...]:
    """The newest, those a day, a month and a year before it, all that were made in the span, one of each size, and the ends; by size."""
    if stand.checkpoint is None:
        return ()
    newest = stand.checkpoint
    before = [checkpoint_before(session, entity, newest.made_at - back) for _, back in BACK]
    made = [*checkpoints_between(session, entity, span.begin, span.end), *(each for each in before if each is not None), newest]
    # By keys that entries name: one that a person accepted though it is signed by another is no evidence.
    found = [each for each in made if is_signed(each.note, stand.keys)]
    # Of one size the youngest: it bears the latest time, and the same root.
    by_size = {kept.size: kept for kept in sorted(found, key=lambda kept: kept.id) if 0 < kept.size <= newest.size}
    edges = [each for each in (ends.begin, ends.end) if each is not None and 0 < each.size <= newest.size]
    listed = {kept.id: kept for kept in (*by_size.values(), *edges)}
    return tuple(sorted(listed.values(), key=lambda kept: (kept.size, kept.id)))


def checkpoint_json(kept: Kept) -> dict[str, Any]:
    return {"size": kept.size, "note": kept.note, "token": None if kept.token is None else base64.b64encode(kept.token).decode()}


def peaks_at(session: Session, entity: str, size: int) -> tuple[Hash, ...]:
    """Roots of the complete subtrees of the tree of this size, largest first."""
    if size == 0:
        return ()
    peaks = session.scalar(sa.select(LedgerRow.peaks).where(LedgerRow.entity == entity, LedgerRow.sequence == size - 1)) or b""
    return tuple(peaks[start : start + 32] for start in range(0, len(peaks), 32))


# --- the manifest's signatures ---


def sealer_of(workstation: Workstation) -> Sealer:
    """What this installation seals with. Raises CannotSeal where its key cannot be used, or its clock is not believed."""
    try:
        require_clock(workstation)
        return open_sealer(workstation.settings, workstation.clock, stamper_of(workstation.settings, workstation.clock))
    except (UnusableKey, ClockWrong, ClockStepped) as error:
        raise CannotSeal(str(error)) from error


def sign_manifest(workstation: Workstation, entity: str, sha256: str) -> str:
    """The manifest's hash in a signed note."""
    text = f"{MANIFEST}\n{entity}\n{sha256}\n"
    return sign_note(text, log_name(workstation.settings, entity), log_key(workstation.home, entity))


def seal_manifest(manifest: IO[bytes], sealer: Sealer) -> bytes:
    """A detached CMS signature with its timestamp, DER. Raises CannotSeal, TimestampUnavailable."""
    moment = sealer.clock().astimezone(UTC)
    sign = partial(
        sealer.signer.async_sign_general_data,
        manifest,
        "sha256",
        detached=True,
        timestamper=sealer.timestamper,
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=moment),
    )
    try:
        return bytes(asyncio.run(sign()).dump())
    except TimestampRequestError as error:
        raise TimestampUnavailable(str(error)) from error
    except (SigningError, PathError, ValueError) as error:
        raise CannotSeal(str(error)) from error


# --- sums ---


def sums_of(rows: Iterable[dict[str, Any]]) -> tuple[dict[str, int], list[dict[str, str]]]:
    """Documents by kind; and by direction, kind and currency how many amounts are known, and what they add up to."""
    kinds: dict[str, int] = {}
    sums: dict[tuple[str, str, str], list[Decimal]] = {}
    for row in rows:
        kinds[row["type"]] = kinds.get(row["type"], 0) + 1
        amounts = [_decimal(row[name]) for name in ("net", "tax", "gross")]
        if any(amount is not None for amount in amounts):
            total = sums.setdefault((row["direction"], row["type"], row["currency"] or ""), [Decimal(0)] * 4)
            for place, amount in enumerate(amounts):
                total[place] += amount or 0
            total[3] += 1
    told = [
        {
            "direction": direction, "type": kind, "currency": currency, "documents": str(count),
            "net": f"{net:.2f}", "tax": f"{tax:.2f}", "gross": f"{gross:.2f}",
        }
        for (direction, kind, currency), (net, tax, gross, count) in sorted(sums.items())
    ]  # fmt: skip
    return dict(sorted(kinds.items())), told


def _decimal(text: str | None) -> Decimal | None:
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
