"""Sealed files are timestamped anew before what their newest timestamp stands on ends: a new file that begins with the old one.

The old file stays where it is. Killed anywhere, a file is renewed or it is not; what was made and not noted is proved again and taken.
Only the newest file of a document is renewed: a version that was corrected stands in the ledger, whose checkpoints are timestamped.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.lasting import LEAVING, Leaving, NoTimestamp, lasting_of, leaves_after
from sealing.ledger import Event
from sealing.seal import CannotSeal, Renewer, TimestampUnavailable, append_timestamp
from sealing.verify import Verification, verify_file
from station.evidence import qualified_parts
from station.keyring import open_renewer
from station.leftovers import begin_folder, clear_attempt
from station.problems import problem_of
from station.records import documents
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Archive, Document, State
from station.timekeeping import require_clock, stamper_of
from station.workstation import Workstation

log = logging.getLogger("sceau.renewal")
AT_ONCE = 100
"""Files looked at, and renewed, in one turn: the work of the day goes on beside it."""

_FAILED: Counter[tuple[Path, str]] = Counter()
"""How often this process could not renew a file of a home: what failed comes after what did not, and keeps back none."""
_TOLD: dict[tuple[Path, str], str] = {}
"""The problem that the log was told of a file of a home: the same one is not told every quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Due:
    """A file to be renewed."""

    document_id: str
    sha256: str
    version: int
    ends: datetime
    reason: str
    """certificate (it ends soon), algorithm (it is to be left), late (it has ended: a new timestamp proves nothing any more)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file that was due."""

    due: Due
    sha256: str | None
    """Of the new file; None where there is none."""
    problem: str | None = None
    """Code of why (`station.problems`)."""
    detail: str = ""


# What is due.


def note_terms(workstation: Workstation, at_once: int = AT_ONCE) -> int:
    """Look into files of which nobody has noted how long their timestamp lasts; how many were noted."""
    with workstation.database.reading() as session:
        query = _newest_files().where(Archive.stamp_ends.is_(None), Archive.stamped_with.is_(None))
        unknown = [archive.sha256 for archive in session.scalars(query.order_by(Archive.sealed_at).limit(at_once))]
    for sha256 in unknown:
        ends, algorithms = _look_up(workstation.archives.path(sha256, ".pdf"))
        with workstation.database.writing() as session:
            session.execute(sa.update(Archive).where(Archive.sha256 == sha256).values(stamp_ends=ends, stamped_with=algorithms))
    return len(unknown)


def note_all_terms(workstation: Workstation) -> None:
    """`note_terms` until all files are known."""
    while note_terms(workstation):
        pass


def _look_up(path: Path) -> tuple[datetime | None, str]:
    """Of a file that cannot be read nothing is known: what is wrong with it is told by whoever reads the vault."""
    try:
        found = lasting_of(path)
    except (NoTimestamp, OSError) as error:
        log.warning("%s: how long its timestamp lasts is not known: %s", path.name, error)
        return None, ""
    return found.ends, " ".join(found.algorithms)


def due_renewals(session: Session, now: datetime, days: int, table: Sequence[Leaving] = LEAVING) -> list[Due]:
    """Newest files whose timestamp ends within so many days, or stands on an algorithm to be left by then; the most urgent first."""
    horizon = now + timedelta(days=days)
    weak = [words for words in _stamped_with(session) if words and _left_by(words, horizon.date(), table)]
    ending = Archive.stamp_ends < horizon
    query = _newest_files().where(sa.or_(ending, Archive.stamped_with.in_(weak)) if weak else ending)
    query = query.where(Archive.stamp_ends.is_not(None)).order_by(Archive.stamp_ends)
    return [_due(archive, archive.stamp_ends, now, horizon) for archive in session.scalars(query) if archive.stamp_ends]


def _newest_files() -> sa.Select[Archive]:
    """The newest sealed file of each document that has one; a file without a seal has no timestamp."""
    newer = sa.orm.aliased(Archive)
    # Asked of the few that are looked for; grouping all files by their document walks through all there are.
    followed = sa.exists().where(newer.document_id == Archive.document_id, newer.version > Archive.version)
    return (
        sa.select(Archive)
        .join(Document, Document.id == Archive.document_id)
        .where(Archive.level != "", Document.state != State.ERASED, ~followed)
    )


def _stamped_with(session: Session) -> Iterator[str]:
    """Each set of algorithms once, by one step in the index from one to the next: there are a handful among however many files."""
    last = session.scalar(sa.select(sa.func.min(Archive.stamped_with)))
    while last is not None:
        yield last
        last = session.scalar(sa.select(sa.func.min(Archive.stamped_with)).where(Archive.stamped_with > last))


def _left_by(words: str, day: date, table: Sequence[Leaving]) -> bool:
    last = leaves_after(words.split(), table)
    return last is not None and last <= day


def _due(archive: Archive, ends: datetime, now: datetime, horizon: datetime) -> Due:
    reason = "late" if ends <= now else "certificate" if ends < horizon else "algorithm"
    return Due(archive.document_id, archive.sha256, archive.version, ends, reason)


# Renewing.


def renew_due(workstation: Workstation, at_once: int | None = AT_ONCE, renewer: Renewer | None = None) -> Iterator[Outcome]:
    """Renew what is due, one file after the other, without the key that seals; what cannot be renewed is told and keeps back no other.

    Raises ClockWrong, ClockStepped before anything, and ends early when no authority gives time: the rest is due the next time.
    """
    with workstation.database.reading() as session:
        due = due_renewals(session, workstation.clock(), workstation.settings.time.renew_days)
    late = [each for each in due if each.reason == "late"]
    yield from (Outcome(each, None, "renewal-late", f"{each.ends:%Y-%m-%d}") for each in late)
    home = workstation.home
    wanted = sorted((each for each in due if each.reason != "late"), key=lambda each: _FAILED[home, each.sha256])[:at_once]
    if not wanted:
        return
    require_clock(workstation)
    settings, clock = workstation.settings, workstation.clock
    with_one = renewer or open_renewer(settings, clock, stamper_of(settings, clock))
    for each in wanted:
        try:
            yield Outcome(each, renew_archive(workstation, each, with_one))
        except TimestampUnavailable as error:
            yield Outcome(each, None, problem_of(error).code, str(error))
            return
        except Exception as error:  # noqa: BLE001 whatever met one file, the next one comes; each is told
            _FAILED[home, each.sha256] += 1
            yield Outcome(each, None, problem_of(error).code, str(error))


def show_due(workstation: Workstation) -> Iterator[Outcome]:
    """What `renew_due` would do; nothing is changed."""
    with workstation.database.reading() as session:
        for each in due_renewals(session, workstation.clock(), workstation.settings.time.renew_days):
            yield Outcome(each, None, "renewal-late" if each.reason == "late" else None)


def renew_archive(workstation: Workstation, due: Due, renewer: Renewer) -> str | None:
    """One file: timestamp appended, proved, then noted. Its SHA-256; None where a newer file came meanwhile.

    Raises CannotSeal, TimestampUnavailable, OSError; then nothing is noted, and the file is due as before.
    """
    source = workstation.archives.path(due.sha256, ".pdf")
    folder = workstation.work_folder(due.document_id) / f"renew-{due.version}"
    begin_folder(folder)
    try:
        target = folder / "renewed.pdf"
        if not target.exists():
            append_timestamp(source, folder / "draft.pdf", renewer)
            (folder / "draft.pdf").rename(target)
        try:
            verification = _prove(source, target, due.sha256, renewer, workstation.clock())
        except CannotSeal:
            target.unlink(missing_ok=True)
            raise
        kept = workstation.archives.keep(target, ".pdf")
        with workstation.database.writing() as session:
            noted = _note(session, workstation, due, kept.sha256, kept.size, verification)
    finally:
        # With what was kept and noted by nobody; where records or store do not answer the folder stays, and it is taken or dropped later.
        clear_attempt(workstation, folder)
    return kept.sha256 if noted else None


def _prove(source: Path, target: Path, sha256: str, renewer: Renewer, moment: datetime) -> Verification:
    """The old file is sound, the new one begins with it and holds in every check. Raises CannotSeal."""
    begins = begins_with(target, sha256, source.stat().st_size)
    verification = verify_file(target, renewer.roots, moment)
    if begins and verification.valid:
        return verification
    failed = "; ".join(f"{check.name}: {check.english}" for check in verification.checks if not check.ok)
    raise CannotSeal(failed or "the renewed file does not begin with the one that was sealed")


def begins_with(path: Path, sha256: str, size: int) -> bool:
    """Whether the first `size` bytes of a file have this SHA-256."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left and (part := file.read(min(left, 1 << 20))):
            digest.update(part)
            left -= len(part)
    return not left and digest.hexdigest() == sha256


def _note(session: Session, workstation: Workstation, due: Due, sha256: str, size: int, verification: Verification) -> bool:
    """Row and entry in one transaction; False, and nothing noted, where the document has another newest file by now."""
    document, now = documents.get_document(session, due.document_id), workstation.clock()
    newest = max(document.archives, key=lambda each: each.version, default=None)
    if newest is None or newest.sha256 != due.sha256:
        return False
    path = workstation.archives.path(sha256, ".pdf")
    found = lasting_of(path)
    session.add(
        Archive(
            sha256=sha256,
            document_id=document.id,
            version=newest.version + 1,
            extends=newest.sha256,
            size=size,
            attached=newest.attached,
            level="B-LTA",
            practice=newest.practice or verification.practice,
            profile=newest.profile,
            qualified=qualified_parts(path, workstation.settings, now),
            stamp_ends=found.ends,
            stamped_with=" ".join(found.algorithms),
            checks=[{"name": c.name, "ok": c.ok, "detail": c.detail, "english": c.english} for c in verification.checks],
            sealed_at=now,
        )
    )
    documents.touch(document, now)
    objects = {"document": document.id, "archive": sha256, "extends": newest.sha256}
    payload = {
        "size": str(size),
        "extends_size": str(newest.size),
        "reason": due.reason,
        "authority": verification.authority,
        "level": "B-LTA",
    }
    append_event(session, Event(document.entity, "renewed", objects, SYSTEM, now, "system", payload))
    return True


# For the station and its desks.


@dataclass(frozen=True, slots=True)
class Terms:
    """How the archive stands."""

    due: int
    """Files to be renewed by now."""
    late: int
    """Files whose newest timestamp has ended: they prove themselves no more; the ledger still vouches for them."""
    unknown: int
    """Files that nobody has looked into yet."""
    first: datetime | None
    """The earliest end of a newest timestamp."""


def terms_of(session: Session, now: datetime, days: int) -> Terms:
    """For `sceau doctor` and the compliance desk."""
    due = due_renewals(session, now, days)
    late = sum(each.reason == "late" for each in due)
    unknown = session.scalar(sa.select(sa.func.count()).select_from(_newest_files().where(Archive.stamped_with.is_(None)).subquery()))
    first = session.scalar(sa.select(sa.func.min(_newest_files().subquery().c.stamp_ends)))
    return Terms(len(due) - late, late, unknown or 0, first)


def tend_renewals(workstation: Workstation) -> None:
    """One turn: look into some files, renew some that are due. What cannot be renewed is told once."""
    note_terms(workstation)
    failed = [outcome for outcome in renew_due(workstation) if outcome.sha256 is None and outcome.problem is not None]
    new = [outcome for outcome in failed if _is_news(workstation.home, outcome)]
    if late := [outcome.due for outcome in new if outcome.due.reason == "late"]:
        log.warning("%d files are no longer renewed, their timestamp has ended; the first: document %s", len(late), late[0].document_id)
    for outcome in new:
        if outcome.due.reason != "late":
            log.warning("document %s: not renewed: %s %s", outcome.due.document_id, outcome.problem, outcome.detail)


def _is_news(home: Path, outcome: Outcome) -> bool:
    key, problem = (home, outcome.due.sha256), str(outcome.problem)
    before, _TOLD[key] = _TOLD.get(key), problem
    return before != problem
