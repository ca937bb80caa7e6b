"""What the officer of compliance is told first: what stands against the evidence today, and where a document is found."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.catalogue import message
from config.settings import Settings
from sealing.renderer import PROGRAM, SECONDS, draw_sealed
from sealing.ticks import Health
from station.apart import work_apart
from station.checkpoints import newest_checkpoint
from station.children import OverBudget, PoisonPage
from station.controls import never_done, overdue_controls
from station.dossier import dossier_in_force, pending_changes, undeclared_places
from station.drills import standing_of
from station.fixity import fixity_state
from station.keyring import key_warnings
from station.records.ledger import tree_of
from station.records.tables import Archive, Arrival, Document, FieldRow, PageRow, State
from station.renewal import terms_of
from station.retention import asked_ends, due_ids
from station.timekeeping import health_of_clock, waiting_for_time
from station.walks import Walks
from station.witnesses import outside_of
from station.workstation import Workstation

Value: TypeAlias = str | int | date | datetime
HASH = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
FOUND = 100
SILENT = timedelta(days=3)
"""A witness is asked daily; three days without an answer are no week-end's delay."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that somebody has to see to."""

    tone: str
    """bad: evidence is at stake; watch: it will be."""
    code: str
    """`compliance.alert-<code>` among the words."""
    address: str
    """Where it is seen to."""
    count: int = 0
    detail: str = ""
    """Words that are said already, as of a finding."""


def alerts_of(session: Session, workstation: Workstation, language: str = "fr") -> tuple[Alert, ...]:
    """What stands against the evidence, the worst first. Reads the records only: what needs a walk is looked at by its own job."""
    settings, now = workstation.settings, workstation.clock()
    found = (
        *_walk_alerts(workstation),
        *_archive_alerts(session),
        *_key_alerts(settings, now, language),
        *_time_alerts(session, workstation),
        *_witness_alerts(session, settings, now),
        *_backup_alerts(session, settings, now),
        *_renewal_alerts(session, settings, now),
        *_organisation_alerts(session, settings, now.date()),
        *_retention_alerts(session, now.date()),
    )
    return tuple(sorted(found, key=lambda alert: alert.tone != "bad"))


def _walk_alerts(workstation: Workstation) -> Iterator[Alert]:
    last = Walks(workstation.home).last
    scope = workstation.database.scope
    if last is not None and last.broken is not None and (scope is None or last.broken.entity == scope.entity):
        yield Alert("bad", "broken", "/ledger")


def _archive_alerts(session: Session) -> Iterator[Alert]:
    state = fixity_state(session)
    if state.bad:
        yield Alert("bad", "fixity", "/conformite#archive", len(state.bad))
    if state.unlike:
        yield Alert("bad", "unlike", "/conformite#archive", len(state.unlike))


def _key_alerts(settings: Settings, now: datetime, language: str) -> Iterator[Alert]:
    for warning in key_warnings(settings, now):
        yield Alert("bad" if warning.code == "key-refused" else "watch", "key", "/help", detail=message(warning, language))


def _time_alerts(session: Session, workstation: Workstation) -> Iterator[Alert]:
    health = health_of_clock(workstation)
    if health in (Health.WRONG, Health.STEPPED):
        yield Alert("bad", f"clock-{health}", "/help")
    elif health is Health.OFF:
        yield Alert("watch", f"clock-{health}", "/help")
    if count := waiting_for_time(session).count:
        yield Alert("watch", "time", "/documents?state=working", count)


def _witness_alerts(session: Session, settings: Settings, now: datetime) -> Iterator[Alert]:
    size = tree_of(session, settings.entity).size
    newest = newest_checkpoint(session, settings.entity)
    if size and (newest is None or now - newest.made_at > timedelta(hours=settings.ledger.hours * 2)):
        yield Alert("bad", "checkpoint", "/ledger")
    outside = outside_of(session, settings, settings.entity)
    if size and not outside:
        yield Alert("watch", "no-witness", "/ledger")
    for each in outside:
        if each.trouble or (newest is not None and (each.at is None or newest.made_at - each.at > SILENT)):
            yield Alert("watch", "witness", "/ledger", detail=each.witness)


def _backup_alerts(session: Session, settings: Settings, now: datetime) -> Iterator[Alert]:
    """What the house keeps is lost with this machine where no good copy is elsewhere."""
    if (alert := standing_of(session, settings, now).alert) is not None:
        yield Alert("bad" if alert in ("flawed", "drill-failed") else "watch", f"backup-{alert}", "/sauvegardes")


def _renewal_alerts(session: Session, settings: Settings, now: datetime) -> Iterator[Alert]:
    terms = terms_of(session, now, settings.time.renew_days)
    if terms.late:
        yield Alert("bad", "late", "/ledger", terms.late)
    if terms.due:
        yield Alert("watch", "due", "/ledger", terms.due)


def _organisation_alerts(session: Session, settings: Settings, day: date) -> Iterator[Alert]:
    if late := overdue_controls(session, settings.entity, day):
        yield Alert("watch", "controls", "/controles", len(late))
    if never := never_done(session, settings.entity, day):
        yield Alert("watch", "controls-never", "/controles", len(never))
    if dossier_in_force(session, settings.entity, day) is None:
        yield Alert("watch", "no-dossier", "/organisation")
    elif changes := pending_changes(session, settings):
        yield Alert("watch", "dossier", "/organisation", len(changes))
    if places := undeclared_places(session, settings.entity):
        yield Alert("watch", "places", "/organisation", len(places))


def _retention_alerts(session: Session, day: date) -> Iterator[Alert]:
    if due := due_ids(session, day):
        yield Alert("watch", "retention", "/retention", len(due))
    if asked := asked_ends(session):
        yield Alert("watch", "ends", "/retention", len(asked))


def find_documents(session: Session, words: str) -> list[Document]:
    """Newest first, by number, supplier, SIREN, date (as printed on the page, or JJ/MM/AAAA) or the SHA-256 of any kept file.

    Of a « pli confidentiel » and of what was erased nothing is found by what it contained; a hash finds it, for it tells nothing.
    """
    asked = " ".join(words.split())
    if not asked:
        return []
    if HASH.fullmatch(asked):
        return _by_hash(session, asked.lower())
    query = sa.select(Document).where(Document.confidential.is_(False), Document.state != State.ERASED)
    for word in (_plain_day(asked) or asked).split(" ")[:8]:
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", word) + "%"
        held = sa.select(FieldRow.document_id).where(FieldRow.value.ilike(pattern, escape="\\"))
        query = query.where(sa.or_(Document.title.ilike(pattern, escape="\\"), Document.id == word, Document.id.in_(held)))
    return list(session.scalars(query.order_by(Document.received_at.desc(), Document.id).limit(FOUND)))


def _by_hash(session: Session, sha256: str) -> list[Document]:
    holders = sa.union(
        sa.select(Archive.document_id).where(sa.or_(Archive.sha256 == sha256, Archive.extends == sha256)),
        sa.select(Arrival.document_id).where(Arrival.sha256 == sha256),
        sa.select(PageRow.document_id).where(PageRow.sha256 == sha256),
    )
    return list(session.scalars(sa.select(Document).where(Document.id.in_(holders)).order_by(Document.received_at.desc()).limit(FOUND)))


def _plain_day(text: str) -> str | None:
    """31/01/2026 as the records have it."""
    match = re.fullmatch(r"(\d\d)[/.](\d\d)[/.](\d{4})", text)
    return f"{match[3]}-{match[2]}-{match[1]}" if match else None


def view_sealed(workstation: Workstation, sha256: str, page: int) -> bytes | None:
    """As `draw_sealed`, in a confined child of its own. Raises StoreAway."""
    path = workstation.archives.path(sha256, ".pdf")
    try:
        return work_apart(workstation, draw_sealed, 2 * SECONDS, path, page, reads=(path,), programs=(PROGRAM, "sh"))
    except (OverBudget, PoisonPage):
        return None
