"""Fixity: every original and every archive is read again within a set time, and its fingerprint compared with its name and with the ledger.

The schedule takes the oldest look first and little at a time; `sceau fixity` reads on demand. Of some archives a page is drawn by a second
renderer. What is damaged is said on its documents; each run ends with a report whose hash stands in the ledger.
"""

import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Condition
from sealing.ledger import Actor, ActorKind, Event
from sealing.renderer import Rendering, SecondLook, count_pages, look_again
from station.apart import work_apart
from station.children import OverBudget, PoisonPage
from station.records import documents
from station.records.ledger import append_event
from station.records.tables import (
    Archive,
    Arrival,
    BackupRun,
    DestructionSlip,
    Document,
    DossierRow,
    FixityRow,
    FixityRun,
    LedgerPayload,
    LedgerRow,
    Original,
    Sending,
)
from station.workstation import Workstation

log = logging.getLogger("sceau.fixity")

EARLY = 0.8
"""Share of the set time after which a file is due: the rest is for reading all of them gently."""
LOOK_SECONDS = 120.0
"""For the second look at one page."""
TURN_SECONDS = 60.0
"""Between two turns of the schedule."""
BUSY_SECONDS = 20.0
"""A turn reads for no longer than this, plus one file."""
MOST_BAD = 1000
"""Files named in one report."""
UNKNOWN = "unknown"
"""Its bytes are sound, and no entry of the ledger tells of them."""
SYSTEM = Actor("system", ActorKind.SYSTEM)


class Kind(StrEnum):
    """Of a kept file."""

    ORIGINAL = "original"
    ARCHIVE = "archive"
    DOSSIER = "dossier"
    """A sealed paper of the house itself, in the vault of archives."""
    SLIP = "slip"
    """The same, of a slip of destruction."""
    REMINDER = "letter"
    """The same, of a letter to a customer."""
    DEPOSIT = "deposit"
    """The same, of the proof that a registered letter was handed in."""
    RECEIPT = "receipt"
    """The same, of what became of it."""
    DRILL = "drill"
    """The same, of the report of a restoration that was rehearsed."""


LETTERS: dict[Kind, Any] = {Kind.REMINDER: Sending.sha256, Kind.DEPOSIT: Sending.deposit_sha256, Kind.RECEIPT: Sending.receipt_sha256}
"""Papers about reminders, by the column that names them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that the records say is there."""

    kind: Kind
    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found."""

    kept: Kept
    condition: str
    """`Condition`, or `UNKNOWN`."""
    documents: tuple[str, ...]
    second: SecondLook | None = None

    @property
    def bad(self) -> bool:
        return self.condition != Condition.SOUND

    def as_json(self) -> dict[str, Any]:
        return {"kind": str(self.kept.kind), "sha256": self.kept.sha256, "condition": self.condition, "documents": list(self.documents)}


@dataclass(slots=True)
class Tally:
    """What a run has found so far."""

    originals: int = 0
    archives: int = 0
    bytes: int = 0
    bad: list[dict[str, Any]] = field(default_factory=list)
    """The first of them."""
    bad_count: int = 0
    second: Counter[str] = field(default_factory=Counter)
    """`Rendering` → pages."""
    unlike: list[dict[str, Any]] = field(default_factory=list)
    """Pages that a second renderer shows otherwise, or not at all."""

    def add(self, looked: Looked) -> None:
        if looked.kept.kind is Kind.ORIGINAL:
            self.originals += 1
        else:
            self.archives += 1
        self.bytes += looked.kept.size
        if looked.bad:
            self.bad_count += 1
            self.bad = [*self.bad, looked.as_json()][:MOST_BAD]
        if looked.second is not None:
            self.second[looked.second.rendering] += 1
            if looked.second.rendering in (Rendering.OTHER, Rendering.FAILED):
                page = {"sha256": looked.kept.sha256, "page": looked.second.page, "detail": looked.second.detail}
                self.unlike = [*self.unlike, page][:MOST_BAD]

    def as_json(self) -> dict[str, Any]:
        return {
            "originals": self.originals,
            "archives": self.archives,
            "bytes": self.bytes,
            "bad": self.bad,
            "bad_count": self.bad_count,
            "second": {str(name): count for name, count in sorted(self.second.items())},
            "unlike": self.unlike,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Tally":
        return cls(**{**value, "bad": list(value["bad"]), "second": Counter(value["second"]), "unlike": list(value["unlike"])})


@dataclass(frozen=True, slots=True)
class FixityState:
    """What is known of the kept files, for the desk of compliance and for controls."""

    total: int
    """Originals and archives that should be there."""
    checked: int
    """Of them, read again at least once since they were kept."""
    oldest: datetime | None
    """The longest time ago that any of them was read, or kept where it was not read again; None where there is none."""
    bad: tuple[FixityRow, ...]
    """Not sound at the last look."""
    unlike: tuple[FixityRow, ...]
    """Shown otherwise by a second renderer."""
    last: FixityRun | None
    """The newest run that ended."""

    @property
    def sound(self) -> bool:
        return not self.bad and not self.unlike


def fixity_state(session: Session) -> FixityState:
    """The rows are detached from nothing: read them within the session."""
    total = checked = 0
    oldest: list[datetime] = []
    for kind in Kind:
        table, key, _, since = _table(kind)
        joined = sa.select(sa.func.count(key), sa.func.count(FixityRow.sha256), sa.func.min(_last(since))).select_from(table)
        count, seen, first = session.execute(joined.outerjoin(FixityRow, _same(kind, key))).one()
        total, checked = total + count, checked + seen
        oldest += [first] if first is not None else []
    bad = tuple(row for row in session.scalars(_held().where(FixityRow.condition != str(Condition.SOUND))))
    unlike = tuple(row for row in session.scalars(_held().where(FixityRow.rendering.in_([Rendering.OTHER, Rendering.FAILED]))))
    last = session.scalar(sa.select(FixityRun).where(FixityRun.ended_at.is_not(None)).order_by(FixityRun.id.desc()).limit(1))
    return FixityState(total, checked, min(oldest, default=None), bad, unlike, last)


def _held() -> sa.Select[FixityRow]:
    """Rows of files that the records still know."""
    original = sa.select(Original.sha256).where(Original.sha256 == FixityRow.sha256).exists()
    archive = sa.select(Archive.sha256).where(Archive.sha256 == FixityRow.sha256).exists()
    papers = [(Kind.DOSSIER, DossierRow.sha256), (Kind.SLIP, DestructionSlip.sha256), (Kind.DRILL, BackupRun.sha256), *LETTERS.items()]
    paper = [sa.and_(FixityRow.kind == kind, sa.select(key).where(key == FixityRow.sha256).exists()) for kind, key in papers]
    known = sa.or_(sa.and_(FixityRow.kind == Kind.ORIGINAL, original), sa.and_(FixityRow.kind == Kind.ARCHIVE, archive), *paper)
    return sa.select(FixityRow).where(known).order_by(FixityRow.checked_at)


def _table(kind: Kind) -> tuple[Any, Any, Any, Any]:
    """Table, key, size, and since when a file of this kind is kept: it was read when it was kept."""
    if kind is Kind.ARCHIVE:
        return Archive, Archive.sha256, Archive.size, Archive.sealed_at
    if kind is Kind.DOSSIER:
        return DossierRow, DossierRow.sha256, sa.func.coalesce(DossierRow.size, 0), DossierRow.signed_at
    if kind is Kind.SLIP:
        # Its row tells no size; a slip is a few pages.
        return DestructionSlip, DestructionSlip.sha256, sa.literal(0), DestructionSlip.signed_at
    if kind is Kind.DRILL:
        return BackupRun, BackupRun.sha256, sa.literal(0), BackupRun.started_at
    if kind in LETTERS:
        return Sending, LETTERS[kind], sa.literal(0), Sending.begun_at
    return Original, Original.sha256, Original.size, Original.kept_at


def _same(kind: Kind, key: Any) -> sa.ColumnElement[bool]:
    return sa.and_(FixityRow.kind == str(kind), FixityRow.sha256 == key)


def _last(since: Any) -> Any:
    return sa.func.coalesce(FixityRow.checked_at, since, type_=FixityRow.checked_at.type)


# Runs.


def tend_fixity(workstation: Workstation, seconds: float = BUSY_SECONDS) -> int:
    """One turn of the schedule: the files whose last look is the oldest, as many as the set time asks for. Returns how many."""
    now = workstation.clock()
    _end_yesterday(workstation, now)
    period = timedelta(days=workstation.settings.archive.fixity_days)
    with workstation.database.reading() as session:
        due = _due(session, now - period * EARLY, _quota(session, period))
    if not due:
        return 0
    return _read(workstation, _day_run(workstation, now), due, time.monotonic() + seconds)


def read_files(workstation: Workstation, everything: bool = False, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """On demand: what is due, or everything. Returns the report; it stands in the ledger by its hash."""
    now = workstation.clock()
    period = timedelta(days=workstation.settings.archive.fixity_days)
    with workstation.database.reading() as session:
        due = _due(session, now if everything else now - period * EARLY, None)
    with workstation.database.writing() as session:
        run = FixityRun(trigger="demand", started_at=now, counts=Tally().as_json())
        session.add(run)
        session.flush()
        run_id = run.id
    _read(workstation, run_id, due, math.inf, progress)
    return _end_run(workstation, run_id)


def _quota(session: Session, period: timedelta) -> int:
    """How many files one turn reads, so that all of them are read in what is left of the period once they are due."""
    total = sum(session.scalar(sa.select(sa.func.count(_table(kind)[1]))) or 0 for kind in Kind)
    turns = max(period.total_seconds() * (1 - EARLY) / 2 / TURN_SECONDS, 1)
    return max(1, math.ceil(total / turns))


def _due(session: Session, before: datetime, limit: int | None) -> list[Kept]:
    """Files whose last look, or arrival, is not after `before`; the oldest first."""
    found: list[tuple[datetime, Kept]] = []
    for kind in Kind:
        table, key, size, since = _table(kind)
        last = _last(since)
        query = sa.select(key, size, last).select_from(table).outerjoin(FixityRow, _same(kind, key)).where(last <= before, key.is_not(None))
        found += [(at, Kept(kind, sha256, size)) for sha256, size, at in session.execute(query.order_by(last, key).limit(limit))]
    return [kept for _, kept in sorted(found, key=lambda each: (each[0], each[1].sha256))][:limit]


def _read(
    workstation: Workstation, run_id: int, due: Sequence[Kept], until: float, progress: Callable[[int, int], None] | None = None
) -> int:
    done = 0
    for kept in due:
        _note(workstation, run_id, _look(workstation, kept))
        done += 1
        if progress is not None:
            progress(done, len(due))
        if time.monotonic() > until:
            break
    return done


def _look(workstation: Workstation, kept: Kept) -> Looked:
    """Read the file; hold it against its name and the ledger; of some archives draw a page."""
    vault, suffix = (workstation.originals, "") if kept.kind is Kind.ORIGINAL else (workstation.archives, ".pdf")
    condition = vault.verify(kept.sha256, suffix)
    with workstation.database.reading() as session:
        ids = _documents_of(session, kept)
        told = not ids or _told_of(session, ids, kept.sha256)
    second = None
    if condition is Condition.SOUND and kept.kind is Kind.ARCHIVE:
        second = _second_look(workstation, kept)
    return Looked(kept, str(condition) if condition is not Condition.SOUND or told else UNKNOWN, ids, second)


def _second_look(workstation: Workstation, kept: Kept) -> SecondLook | None:
    """Which archives and which page: drawn from their hash and the day, so that each gets its turn."""
    share = workstation.settings.archive.second_look
    chance = random.Random(f"{kept.sha256} {workstation.clock().date()}")  # noqa: S311 nothing secret hangs on it
    if not share or chance.randrange(share):
        return None
    path = workstation.archives.path(kept.sha256, ".pdf")
    try:
        return work_apart(workstation, _draw_one, LOOK_SECONDS, path, chance.random(), reads=(path,), programs=("pdftoppm", "sh"))
    except (OverBudget, PoisonPage) as error:
        return SecondLook(1, Rendering.FAILED, f"le programme qui rend la page a été arrêté : {error}")


def _draw_one(path: Path, chance: float) -> SecondLook:
    """In a child of its own, for an archive may hold a stranger's PDF. `chance`: from 0 to 1, which page."""
    return look_again(path, 1 + int(chance * count_pages(path)))


def _documents_of(session: Session, kept: Kept) -> tuple[str, ...]:
    if kept.kind in (Kind.DOSSIER, Kind.SLIP, *LETTERS):
        return ()
    if kept.kind is Kind.ARCHIVE:
        query = sa.select(Archive.document_id).where(Archive.sha256 == kept.sha256)
    else:
        query = sa.select(Arrival.document_id).where(Arrival.sha256 == kept.sha256).distinct()
    return tuple(session.scalars(query.order_by(sa.text("1"))))


def _told_of(session: Session, ids: Sequence[str], sha256: str) -> bool:
    """Whether an entry about one of these documents names the file."""
    same = sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence)
    query = sa.select(LedgerRow.entry).join(LedgerPayload, same).where(LedgerPayload.document_id.in_(ids))
    return any(f'"{sha256}"'.encode() in entry for entry in session.scalars(query))


def _note(workstation: Workstation, run_id: int, looked: Looked) -> None:
    """One short transaction per file. A file that was erased meanwhile is not missing."""
    now = workstation.clock()
    with workstation.database.writing() as session:
        kept = looked.kept
        row = session.get(FixityRow, (str(kept.kind), kept.sha256))
        key = _table(kept.kind)[1]
        if session.scalar(sa.select(key).where(key == kept.sha256).limit(1)) is None:
            if row is not None:
                session.delete(row)
            return
        before = row.condition if row is not None else str(Condition.SOUND)
        if row is None:
            row = FixityRow(kind=str(kept.kind), sha256=kept.sha256)
            session.add(row)
        row.checked_at, row.condition, row.detail = now, looked.condition, _detail(looked)
        if looked.second is not None:
            row.page, row.rendering = looked.second.page, str(looked.second.rendering)
        run = session.get_one(FixityRun, run_id)
        tally = Tally.from_json(run.counts)
        tally.add(looked)
        run.counts = tally.as_json()
        session.flush()
        _tell_documents(session, looked, before, now)


_WORDS = {
    Condition.SOUND: "relu, empreinte juste",
    Condition.DAMAGED: "abîmé : les octets gardés n'ont plus leur empreinte",
    Condition.MISSING: "absent : le fichier gardé n'est plus là",
    UNKNOWN: "aucune écriture du registre ne le nomme",
}


def _detail(looked: Looked) -> str:
    second = f" ; page {looked.second.page} : {looked.second.detail}" if looked.second else ""
    return f"{_WORDS[looked.condition]}{second}"


def _tell_documents(session: Session, looked: Looked, before: str, now: datetime) -> None:
    """Damage is said on the documents, once; what was put back sound is said no more."""
    name = f"{looked.kept.kind} {looked.kept.sha256}"
    for document_id in looked.documents:
        document = documents.get_document(session, document_id)
        detail = f"{name} : {_WORDS[looked.condition]}"
        if looked.bad and (document.problem, document.problem_detail) != (documents.DAMAGED, detail):
            log.error("document %s: %s: %s", document_id, name, looked.condition)
            documents.note_damaged(session, document_id, detail, now)
        elif not looked.bad and before != Condition.SOUND and not _bad_left(session, document):
            log.warning("document %s: %s is sound again", document_id, name)
            documents.note_mended(session, document_id, now)


def _bad_left(session: Session, document: Document) -> bool:
    kept = [archive.sha256 for archive in document.archives] + [arrival.sha256 for arrival in document.arrivals]
    query = sa.select(FixityRow.sha256).where(FixityRow.sha256.in_(kept), FixityRow.condition != str(Condition.SOUND)).limit(1)
    return session.scalar(query) is not None


def _day_run(workstation: Workstation, now: datetime) -> int:
    """The run of today's schedule; begun with its first file."""
    with workstation.database.writing() as session:
        run = session.scalar(_open_runs())
        if run is None:
            run = FixityRun(trigger="schedule", started_at=now, counts=Tally().as_json())
            session.add(run)
            session.flush()
        return run.id


def _open_runs() -> sa.Select[FixityRun]:
    return sa.select(FixityRun).where(FixityRun.trigger == "schedule", FixityRun.ended_at.is_(None)).order_by(FixityRun.id)


def _end_yesterday(workstation: Workstation, now: datetime) -> None:
    with workstation.database.reading() as session:
        ended = [run.id for run in session.scalars(_open_runs()) if run.started_at.date() != now.date()]
    for run_id in ended:
        _end_run(workstation, run_id)


def _end_run(workstation: Workstation, run_id: int) -> dict[str, Any]:
    """Close a run: its report, and the entry that holds the report's hash. One that another process closed stays as it is."""
    now = workstation.clock()
    with workstation.database.writing() as session:
        run = session.get_one(FixityRun, run_id)
        if run.ended_at is not None:
            return report_json(run)
        run.ended_at = now
        session.flush()
        report = report_json(run)
        objects = {"report": hash_of(rfc8785.dumps(report)).hexdigest()}
        payload = {"trigger": run.trigger, **{name: report[name] for name in ("originals", "archives", "bad_count")}}
        run.sequence = append_event(session, Event(workstation.settings.entity, "fixity", objects, SYSTEM, now, "system", payload))
    return report


# The report.


def report_json(run: FixityRun) -> dict[str, Any]:
    """Plain values; the ledger holds SHA-256 of their canonical form (RFC 8785)."""
    return {
        "format": "sceau-fixity-1",
        "run": run.id,
        "trigger": run.trigger,
        "started_at": run.started_at.isoformat(timespec="milliseconds"),
        "ended_at": run.ended_at.isoformat(timespec="milliseconds") if run.ended_at else None,
        **run.counts,
    }


def report_text(report: dict[str, Any], language: str = "fr") -> str:
    """The same for a person."""
    return "\n".join(_english(report) if language == "en" else _french(report)) + "\n"


def _french(report: dict[str, Any]) -> list[str]:
    lines = [
        f"Relecture n° {report['run']} du {report['started_at'][:16].replace('T', ' ')} UTC"
        f" ({'programmée' if report['trigger'] == 'schedule' else 'demandée'})",
        f"{report['originals']} originaux et {report['archives']} archives relus, {report['bytes'] / 1e6:.1f} Mo".replace(".", ","),
    ]
    if report["bad_count"]:
        lines.append(f"{report['bad_count']} fichier(s) à restaurer depuis une sauvegarde ; le registre garde leur empreinte :")
        lines += [f"  {each['kind']} {each['sha256']} : {_WORDS[each['condition']]}" for each in report["bad"]]
    else:
        lines.append("Chaque fichier a encore son empreinte.")
    shown = sum(report["second"].values())
    if shown:
        same = report["second"].get(Rendering.SAME, 0)
        lines.append(f"Second moteur de rendu (pdftoppm) : {shown} page(s), dont {same} identiques au pixel près au raster enregistré.")
        lines += [f"  {each['sha256']}, page {each['page']} : {each['detail']}" for each in report["unlike"]]
    return lines


def _english(report: dict[str, Any]) -> list[str]:
    lines = [
        f"Reading {report['run']} of {report['started_at'][:16].replace('T', ' ')} UTC ({report['trigger']})",
        f"{report['originals']} originals and {report['archives']} archives read again, {report['bytes'] / 1e6:.1f} MB",
    ]
    if report["bad_count"]:
        lines.append(f"{report['bad_count']} file(s) to be restored from a backup; the ledger keeps their fingerprint:")
        lines += [f"  {each['kind']} {each['sha256']}: {each['condition']}" for each in report["bad"]]
    else:
        lines.append("Each file still has its fingerprint.")
    shown = sum(report["second"].values())
    if shown:
        same = report["second"].get(Rendering.SAME, 0)
        lines.append(f"Second renderer (pdftoppm): {shown} page(s), of which {same} pixel for pixel the recorded raster.")
        lines += [f"  {each['sha256']}, page {each['page']}: {each['detail']}" for each in report["unlike"]]
    return lines
