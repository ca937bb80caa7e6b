"""Erasing what nobody has a duty to keep, or no longer: one person asks, another confirms; a certificate stays, and the ledger still
verifies.

Entries are never removed: their payloads go with their salts, so that what is left of them tells nothing. Each step may be cut short and is
finished by whoever comes by; the entry « erased » is written last, in one transaction with the rows that go.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from capture.mailbox import MailState
from config.settings import make_folder
from sealing.ledger import Actor, ActorKind, Event
from station import outbox, replay
from station.acts import NotOffered, actor_of, replaced_by
from station.derived import drop_derived
from station.holds import hold_on
from station.particulars import forget_twins, held_alike, judge_twins
from station.records import batches, documents, people
from station.records.documents import ERASING
from station.records.ledger import append_event, tree_of
from station.records.scope import lifted
from station.records.tables import (
    AccountChange,
    Archive,
    Arrival,
    CircuitCall,
    CircuitRun,
    CircuitStep,
    CircuitTask,
    CircuitWatch,
    Decision,
    DecisionMade,
    Document,
    Erasure,
    FieldRow,
    FindingRow,
    InvoiceRow,
    InvoiceStanding,
    LedgerPayload,
    LedgerRow,
    LessonRow,
    LessonUse,
    Mail,
    Mandate,
    Original,
    PageRow,
    PassportRow,
    Person,
    Reading,
    Redo,
    RetentionRow,
    Review,
    ReviewEvent,
    State,
    Task,
    TaskEvent,
)
from station.retention import renew_terms
from station.stored import path_from
from station.workstation import Workstation
from workflow.kinds import longest_duty

log = logging.getLogger("sceau.erasure")
FORMAT = "sceau-erasure-1"
ERASED_TITLE = "—"
"""In place of the name of what was erased."""


class NoVisa(Exception):
    """A public body deletes nothing without the visa d'élimination of its archives service (C. patr. R. 212-14, L. 214-3)."""


class SamePerson(Exception):
    """Whoever asked for an erasure cannot confirm it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What would go, and what stays although it shows the same pages."""

    gone: tuple[Document, ...]
    """The document asked for first, then those that it replaced."""
    kept: tuple[Document, ...]
    """Replaced documents that stay: another document needs them, or they were sealed under a duty to keep them."""
    originals: tuple[Original, ...]
    """Files that no other document uses, and messages by which nothing else came."""
    shared: tuple[Original, ...]
    """Files and messages that stay, for other documents lie in them."""
    messages: tuple[str, ...] = ()
    """SHA-256 of those of the originals that are raw messages, hexadecimal."""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(document.id for document in self.gone)


# --- what a person does ---


def why_not(document: Document, day: date, until: str | None = None) -> str | None:
    """Why a document cannot be erased as it stands: "state", or a "duty" to keep it; None where it can.

    `until` is the stored last day (ISO) of what was sealed: once it has passed, the duty has ended.
    """
    if document.problem == ERASING:
        return None
    ended = until is not None and until < day.isoformat()
    if document.state == State.SEALED and ended:
        return None
    if document.state != State.SET_ASIDE:
        return "state"
    never_sealed = document.confidential and not document.archives
    # A term that was computed stands until its day, whatever the document is called since.
    unasked = until is None and longest_duty(document.document_type, day) is None
    return None if never_sealed or ended or unasked else "duty"


def refusal_of(session: Session, document: Document, day: date) -> str | None:
    """`why_not`, by what is stored; and "hold" of what a legal hold covers, which wins over everything."""
    if document.state != State.ERASED and hold_on(session, document, day) is not None:
        return "hold"
    return why_not(document, day, _until(session, document))


def _until(session: Session, document: Document) -> str | None:
    row = session.get(RetentionRow, document.id)
    return None if row is None else row.until


def pending_erasure(session: Session, document_id: str) -> Erasure | None:
    """The erasure of a document that was asked and is neither done nor taken back."""
    return session.scalars(sa.select(Erasure).where(Erasure.document_id == document_id, Erasure.done_at.is_(None)).limit(1)).first()


def ask_erasure(
    session: Session, document: Document, reason: str, person: Person, at: datetime, visa: str = "", *, public: bool = False
) -> Erasure:
    """One person asks; a `public` body with its visa (number and day).

    Raises NotOffered where it cannot be, or was asked; NoVisa; ValueError where the reason is missing.
    """
    if refusal_of(session, document, at.date()) is not None or pending_erasure(session, document.id) is not None:
        raise NotOffered(f"{document.state}: erasure")
    if not reason.strip():
        raise ValueError("an erasure needs its reason")
    if public and not visa.strip():
        raise NoVisa(document.id)
    asked = Erasure(document_id=document.id, reason=reason.strip(), asked_by=person.pseudonym, asked_at=at, visa=visa.strip() or None)
    session.add(asked)
    documents.touch(document, at)
    _enter(session, document, "erasure asked", person, at, {"reason": reason.strip()})
    return asked


def withdraw_erasure(session: Session, document: Document, person: Person, at: datetime) -> None:
    """Anybody may take it back before it is confirmed. Raises NotOffered."""
    asked = pending_erasure(session, document.id)
    if asked is None or asked.confirmed_at is not None:
        raise NotOffered(f"{document.state}: withdraw")
    asked.done_at = at
    documents.touch(document, at)
    _enter(session, document, "erasure withdrawn", person, at, {})


def confirm_erasure(session: Session, document: Document, person: Person, at: datetime) -> Erasure:
    """Another person confirms; from here on it is carried out. Raises NotOffered, SamePerson."""
    asked = pending_erasure(session, document.id)
    if asked is None or asked.confirmed_at is not None or refusal_of(session, document, at.date()) is not None:
        raise NotOffered(f"{document.state}: confirm")
    if people.are_one(session, asked.asked_by, person.pseudonym, asked.asked_at, at):
        raise SamePerson(person.pseudonym)
    asked.confirmed_by, asked.confirmed_at = person.pseudonym, at
    document.problem, document.problem_detail = ERASING, None
    documents.touch(document, at)
    _enter(session, document, "erasure confirmed", person, at, {})
    return asked


# --- carrying it out ---


def finish_erasures(workstation: Workstation) -> int:
    """Finish what was confirmed and cut short; returns how many were left. One whose files cannot be reached now keeps back no other."""
    with workstation.database.reading() as session:
        query = sa.select(Erasure.id).where(Erasure.confirmed_at.is_not(None), Erasure.done_at.is_(None)).order_by(Erasure.id)
        left = list(session.scalars(query))
    for erasure_id in left:
        try:
            finish_erasure(workstation, erasure_id)
        except OSError as error:
            log.warning("erasure %d: %s; tried again later", erasure_id, error)
        except (NotOffered, NoVisa) as error:
            # Placed since it was confirmed, or never permitted: somebody wrote the row without asking.
            log.error("erasure %d is refused: %s", erasure_id, error)
        except DBAPIError as error:
            # The database refuses, or is busy: one erasure keeps back neither the others nor what else is tended.
            log.error("erasure %d: %s; tried again later", erasure_id, error.orig)
    return len(left)


def finish_erasure(workstation: Workstation, erasure_id: int) -> None:
    """Remove files, then rows; the certificate and its entry come last. Raises OSError, after which it may be called again; NotOffered,
    NoVisa where it must not be, whoever says so: nothing has gone then."""
    now = workstation.clock()
    with workstation.database.writing() as session:
        asked = session.get_one(Erasure, erasure_id)
        document = documents.get_document(session, asked.document_id)
        renew_terms(session, (document, *replaced_by(session, document)), workstation.settings, now)
        scope = scope_of(session, document, now.date())
        _require_permission(session, workstation, asked, scope)
        archives = [archive.sha256 for document in scope.gone for archive in document.archives]
    for document_id in scope.ids:
        for room in ("tiles", "work"):
            shutil.rmtree(workstation.home / room / document_id, ignore_errors=False, onerror=_already_gone)
        drop_derived(workstation.settings, document_id)
    for sha256 in archives:
        workstation.archives.drop(sha256, ".pdf")
    done = False
    while not done:
        # Before the transaction: a folder on the network may keep us waiting, and nobody else could write meanwhile.
        removed = _remove_copies(workstation, erasure_id)
        with workstation.database.writing() as session:
            done = _forget(session, workstation, session.get_one(Erasure, erasure_id), removed)
    _forget_pages(workstation)
    log.info("document %s: erased, certificate written", scope.ids[0])


def _require_permission(session: Session, workstation: Workstation, erasure: Erasure, scope: Scope) -> None:
    """Asked once more of everything that would go, before the first file does, by terms computed now. Raises NotOffered, NoVisa."""
    now = workstation.clock()
    for document in scope.gone:
        # `ERASING` is ours to write, and no permission.
        if document.state != State.ERASED and _must_stay(session, document, now.date()):
            raise NotOffered(f"{document.id}: must be kept")
    if scope.gone[0].state == State.ERASED:
        return
    if erasure.confirmed_by is None or erasure.confirmed_by == erasure.asked_by:
        raise NotOffered(f"{erasure.document_id}: confirmed by nobody else")
    if workstation.settings.channel.public and not erasure.visa:
        raise NoVisa(erasure.document_id)


def _must_stay(session: Session, document: Document, day: date) -> bool:
    """Under a hold, or a term that has not ended, or sealed under a duty whose end nobody has computed."""
    until = _until(session, document)
    if hold_on(session, document, day) is not None or (until is not None and until >= day.isoformat()):
        return True
    return until is None and bool(document.archives) and longest_duty(document.document_type, day) is not None


def scope_of(session: Session, document: Document, day: date) -> Scope:
    """What goes with a document on a day: what it alone replaced and nothing keeps, and the files that nobody else uses, of any company."""
    with lifted(session):
        return _scope_of(session, document, day)


def _scope_of(session: Session, document: Document, day: date) -> Scope:
    gone: list[Document] = [document]
    kept: list[Document] = []
    for older in replaced_by(session, document):
        newer = {link.newer_id for link in batches.links_of(session, older.id) if link.older_id == older.id}
        others = [each for each in newer - {d.id for d in gone} if documents.get_document(session, each).state != State.ERASED]
        (kept if others or _must_stay(session, older, day) else gone).append(older)
    ids = [each.id for each in gone]
    used = {page.sha256 for each in gone for page in each.pages} | {arrival.sha256 for each in gone for arrival in each.arrivals}
    apart = (_is_message, _is_mandate)
    shared = {sha256 for sha256 in used if _used_elsewhere(session, sha256, ids) or any(other(session, sha256) for other in apart)}
    messages = _messages_with(session, used)
    staying = {raw for raw, files in messages.items() if not files <= used - shared or _used_elsewhere(session, raw, ids)}
    originals = [session.get_one(Original, sha256) for sha256 in sorted(used | set(messages))]
    return Scope(
        tuple(gone),
        tuple(kept),
        tuple(original for original in originals if original.sha256 not in shared | staying),
        tuple(original for original in originals if original.sha256 in shared | staying),
        tuple(sorted(set(messages) - staying)),
    )


def _used_elsewhere(session: Session, sha256: str, ids: Sequence[str]) -> bool:
    pages = sa.select(PageRow.id).where(PageRow.sha256 == sha256, PageRow.document_id.not_in(ids))
    arrivals = sa.select(Arrival.id).where(Arrival.sha256 == sha256, Arrival.document_id.not_in(ids))
    return session.scalar(pages.limit(1)) is not None or session.scalar(arrivals.limit(1)) is not None


def _is_message(session: Session, sha256: str) -> bool:
    """The raw message of a mailbox, which somebody also put into a folder."""
    return session.scalar(sa.select(Mail.id).where(Mail.sha256 == sha256).limit(1)) is not None


def _is_mandate(session: Session, sha256: str) -> bool:
    """The signed mandate of a third party, which somebody also scanned."""
    return session.scalar(sa.select(Mandate.id).where(Mandate.sha256 == sha256).limit(1)) is not None


def _mails_with(session: Session, files: Collection[str]) -> list[Mail]:
    """Messages by which one of these files came."""
    text = sa.cast(Mail.files, sa.Text)
    named = sa.or_(sa.false(), *(text.contains(sha256) for sha256 in files))
    rows = session.scalars(sa.select(Mail).where(Mail.sha256.is_not(None), named))
    return [mail for mail in rows if not {file["sha256"] for file in mail.files}.isdisjoint(files)]


def _messages_with(session: Session, files: Collection[str]) -> dict[str, set[str]]:
    """Raw messages by which one of these files came, each with all its files of which something is left."""
    found: dict[str, set[str]] = {}
    for mail in _mails_with(session, files):
        found.setdefault(str(mail.sha256), set()).update(file["sha256"] for file in mail.files)
    return found


def _copies(session: Session, scope: Scope) -> list[Arrival]:
    """Where the files that go may still lie in processed/."""
    hashes = [original.sha256 for original in scope.originals]
    moved = (Arrival.moved_to.is_not(None), Arrival.moved_to != "")
    return list(session.scalars(sa.select(Arrival).where(Arrival.sha256.in_(hashes), *moved)))


def _remove_copies(workstation: Workstation, erasure_id: int) -> frozenset[int]:
    """Each file in processed/; returns the arrivals of which none is left. Raises OSError of a folder that cannot be reached."""
    with workstation.database.reading() as session:
        document = documents.get_document(session, session.get_one(Erasure, erasure_id).document_id)
        copies = _copies(session, scope_of(session, document, workstation.clock().date()))
    for arrival in copies:
        _remove_copy(arrival)
    return frozenset(arrival.id for arrival in copies)


def _remove_copy(arrival: Arrival) -> None:
    """The file in processed/, if it is still the one that came; another of the same name stays. Raises OSError."""
    path = path_from(arrival.moved_to or "")
    try:
        if path.is_symlink():
            return
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == arrival.sha256
        if same:
            path.unlink()
    except FileNotFoundError:
        return


def _forget(session: Session, workstation: Workstation, erasure: Erasure, removed: Collection[int]) -> bool:
    """Vault, rows, certificate and entry, in one transaction: killed within it, all but the files is as it was, and is done again.

    False, and nothing is done, where a file came again since the copies of the arrivals `removed` were.
    """
    if erasure.done_at is not None:
        return True
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("PRAGMA secure_delete = ON"))
    document = documents.get_document(session, erasure.document_id)
    now = workstation.clock()
    scope = scope_of(session, document, now.date())
    if not {arrival.id for arrival in _copies(session, scope)} <= set(removed):
        return False
    certificate = _certificate(session, erasure, scope, now, practice=workstation.settings.sealing.mode == "practice")
    archives = {each.id: [archive.sha256 for archive in each.archives] for each in scope.gone}
    originals = [original.sha256 for original in scope.originals]
    for sha256 in originals:
        # Here and not before: whoever takes the same file in now waits for this transaction, and then keeps it anew.
        workstation.originals.drop(sha256)
    alike = held_alike(session, scope.ids)
    _delete_rows(session, scope, now)
    judge_twins(session, alike, workstation.settings)
    erasure.certificate = _write_certificate(certificate_path(workstation, document.id), certificate)
    erasure.reason, erasure.done_at = None, now
    actor = Actor(erasure.confirmed_by or "", ActorKind.HUMAN)
    for each in scope.gone:
        named = {"document": each.id, "asked": document.id, "certificate": erasure.certificate}
        named |= {f"archive-{number}": sha256 for number, sha256 in enumerate(archives[each.id], 1)}
        if each is document:
            named |= {f"original-{number}": sha256 for number, sha256 in enumerate(originals, 1)}
        append_event(session, Event(each.entity, "erased", named, actor, now, "system", {"format": FORMAT}))
    return True


def _delete_rows(session: Session, scope: Scope, at: datetime) -> None:
    """Everything that tells of the documents but their numbers, and of the entries but the entries."""
    ids, now_empty = scope.ids, [original.sha256 for original in scope.originals]
    for entity, sequence in _payloads_of(session, scope):
        session.execute(sa.delete(LedgerPayload).where(LedgerPayload.entity == entity, LedgerPayload.sequence == sequence))
    # By its files, and by its bytes: of the same message another row may have been unreadable.
    alike = session.scalars(sa.select(Mail).where(Mail.sha256.in_(scope.messages)))
    for mail in {mail.id: mail for mail in (*_mails_with(session, now_empty), *alike)}.values():
        _forget_mail(mail, scope)
    session.flush()
    taught = sa.select(LessonRow.id).where(LessonRow.document_id.in_(ids))
    session.execute(sa.delete(LessonUse).where(sa.or_(LessonUse.document_id.in_(ids), LessonUse.lesson_id.in_(taught))))
    forget_twins(session, ids)
    outbox.forget_documents(session, ids, at)
    replay.forget_documents(session, ids)
    tables = (LessonRow, FieldRow, FindingRow, InvoiceRow, Reading, RetentionRow, Archive, Decision, PageRow, PassportRow)
    for table in (*tables, ReviewEvent, AccountChange, Review, TaskEvent, InvoiceStanding):
        session.execute(sa.delete(table).where(table.document_id.in_(ids)))
    for kept in (DecisionMade, CircuitCall, CircuitTask, CircuitStep, CircuitRun, CircuitWatch):
        session.execute(sa.delete(kept).where(kept.document_id.in_(ids)))
    # A question points to the approval during which it was asked.
    session.execute(sa.delete(Task).where(Task.document_id.in_(ids), Task.parent_id.is_not(None)))
    session.execute(sa.delete(Task).where(Task.document_id.in_(ids)))
    session.execute(sa.delete(Redo).where(sa.or_(Redo.document_id.in_(ids), Redo.carrier_id.in_(ids))))
    session.execute(sa.delete(Arrival).where(Arrival.document_id.in_(ids), Arrival.sha256.in_(now_empty)))
    session.execute(sa.update(Arrival).where(Arrival.document_id.in_(ids)).values(name=ERASED_TITLE))
    session.execute(sa.delete(Original).where(Original.sha256.in_(now_empty)))
    for document in scope.gone:
        session.expire(document)
        document.title, document.operator, document.supplier = ERASED_TITLE, "", None
        document.policy = document.tolerance_id = document.verdict = None
        document.problem = document.problem_detail = document.try_at = None
        document.confidential = False
        documents.move_document(document, State.ERASED, document.changed_at)
    session.flush()


def _forget_mail(mail: Mail, scope: Scope) -> None:
    """Its row no longer tells of what went; of a message that goes, only the numbers are left by which it is not fetched again."""
    gone = {original.sha256 for original in scope.originals}
    mail.files = [file for file in mail.files if file["sha256"] not in gone]
    if mail.sha256 in scope.messages:
        # Without a Message-ID, sender and subject could be guessed from the fingerprint.
        mail.fingerprint = mail.fingerprint if mail.message_id else ""
        mail.sha256, mail.message_id, mail.sender, mail.subject = None, "", "", ERASED_TITLE
        if mail.state == MailState.UNREADABLE:
            # Nothing is left that could be read again, or that a person could open.
            mail.state = str(MailState.NOTHING)


def _payloads_of(session: Session, scope: Scope) -> list[tuple[str, int]]:
    """Entity and sequence of each entry that tells of what goes, and still tells it."""
    payloads = sa.select(LedgerPayload.entity, LedgerPayload.sequence)
    found = {(row.entity, row.sequence) for row in session.execute(payloads.where(LedgerPayload.document_id.in_(scope.ids)))}
    if scope.messages:
        here = sa.and_(LedgerPayload.entity == LedgerRow.entity, LedgerPayload.sequence == LedgerRow.sequence)
        entries = sa.select(LedgerRow).join(LedgerPayload, here).where(LedgerPayload.type == "mail")
        for row in session.scalars(entries.execution_options(yield_per=500)):
            if json.loads(row.entry)["objects"].get("original") in scope.messages:
                found.add((row.entity, row.sequence))
    return sorted(found)


def _forget_pages(workstation: Workstation) -> None:
    """SQLite keeps what was written before in its log until a checkpoint; one that a reader holds up comes at the next occasion."""
    engine = workstation.database.writer
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout=500")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()
    finally:
        raw.close()


# --- the certificate ---


def certificate_of(session: Session, document: Document) -> str | None:
    """Whose certificate tells of this erased document: its own, or that of the one with which it went; None where it was not erased."""
    if document.state != State.ERASED:
        return None
    entry = session.scalars(
        sa.select(LedgerRow.entry)
        .join(LedgerPayload, sa.and_(LedgerPayload.entity == LedgerRow.entity, LedgerPayload.sequence == LedgerRow.sequence))
        .where(LedgerPayload.document_id == document.id, LedgerPayload.type == "erased")
    ).first()
    return None if entry is None else str(json.loads(entry)["objects"]["asked"])


def certificate_path(workstation: Workstation, document_id: str) -> Path:
    """Where the certificate of an erased document lies, or would."""
    return workstation.home / "certificates" / f"{document_id}.json"


def fingerprint(path: Path) -> str | None:
    """Hexadecimal SHA-256 of a file; None where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _certificate(session: Session, erasure: Erasure, scope: Scope, at: datetime, *, practice: bool) -> dict[str, Any]:
    """What, when, who, why; fingerprints of what was there, and the ledger as it stood just before. No name and no content."""
    document = scope.gone[0]
    tree = tree_of(session, document.entity)
    return {
        "format": FORMAT,
        "evidence": "essai, sans valeur probante" if practice else "cachet",
        "entity": document.entity,
        "document": document.id,
        "kind": document.document_type,
        "confidential": document.confidential,
        "asked": {"by": erasure.asked_by, "at": _moment(erasure.asked_at), "reason": erasure.reason},
        "confirmed": {"by": erasure.confirmed_by, "at": _moment(erasure.confirmed_at)},
        "erased_at": _moment(at),
        "documents": list(scope.ids),
        "documents_kept": [each.id for each in scope.kept],
        "originals": [_file(each) for each in scope.originals],
        "originals_kept": [_file(each) for each in scope.shared],
        "messages": list(scope.messages),
        "archives": [
            {"document": each.id, "version": archive.version, "sha256": archive.sha256, "size": archive.size}
            for each in scope.gone
            for archive in each.archives
        ],
        "retention": [{"document": each.id, **(retained or {})} for each in scope.gone for retained in [_retained(session, each)]],
        "visa": erasure.visa,
        "pages": sum(len(each.pages) for each in scope.gone),
        "payloads": [list(payload) for payload in _payloads_of(session, scope)],
        "ledger": {"entity": document.entity, "size": tree.size, "root": tree.root.hex()},
        "not_reached": "copies de sauvegarde, fichiers restés hors du poste, messages restés sur le serveur de messagerie, papier "
        "/ back-ups, files outside the station, messages on the mail server, the paper",
    }


def _retained(session: Session, document: Document) -> dict[str, Any] | None:
    """Until when it had to be kept, by which reasons; None where nothing asked for it."""
    row = session.get(RetentionRow, document.id)
    return None if row is None else {"until": row.until, "components": row.components}


def _file(original: Original) -> dict[str, Any]:
    return {"sha256": original.sha256, "size": original.size}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")


def _write_certificate(path: Path, certificate: dict[str, Any]) -> str:
    """On the disk, whole, when this returns; its SHA-256."""
    data = json.dumps(certificate, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")
    make_folder(path.parent)
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return hashlib.sha256(data).hexdigest()


def _already_gone(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def _enter(session: Session, document: Document, kind: str, person: Person, at: datetime, payload: dict[str, Any]) -> None:
    append_event(session, Event(document.entity, kind, {"document": document.id}, actor_of(person), at, "system", payload))
