"""Which stores keep originals and archives, as the settings say; what each protects; and locks brought to the terms of the documents."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Vault
from capture.stores import Folder, Store, StoreAway, StoreRefuses, StoreUnfit, mark_folder
from config.secrets import write_private
from config.settings import Settings, StoreChoice, Unusable
from station.records.database import open_database
from station.records.tables import (
    Archive,
    Arrival,
    BackupRun,
    DestructionSlip,
    Document,
    DossierRow,
    Mail,
    Mandate,
    Original,
    PageRow,
    RetentionRow,
    Sending,
    State,
    StoreLock,
)

if TYPE_CHECKING:
    from capture.objects import Bucket, Place
    from station.workstation import Workstation

ROOMS = ("originals", "archive")
KEY, SECRET = "SCEAU_STORE_KEY", "SCEAU_STORE_SECRET"
_KNOWN = "store.json"
STORE_SECONDS = 60.0
AT_ONCE = 200
"""Locks set in one turn: each is a request or three to the service."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The two rooms of one store."""

    originals: Store
    archives: Store


def open_stores(home: Path, choice: StoreChoice, clock: Callable[[], datetime], environment: Mapping[str, str] = os.environ) -> Stores:
    """Raises Unusable where the store cannot keep evidence, or is another one than this home knew; StoreAway where a folder is not there.

    A bucket that does not answer is asked again at the first file: what comes in waits in its folder until then.
    """
    parts = urlsplit(choice.url)
    if not choice.url:
        return Stores(*(Vault(home / room) for room in ROOMS))
    if parts.scheme == "file":
        base = Path(unquote(parts.path))
        number = known_number(home, choice.url, lambda: mark_folder(base))
        return Stores(*(Folder(base / room, number) for room in ROOMS))
    return Stores(*_buckets(home, choice, clock, environment))


def _buckets(home: Path, choice: StoreChoice, clock: Callable[[], datetime], environment: Mapping[str, str]) -> tuple["Bucket", "Bucket"]:
    # A third of a second of imports that homes with a folder need not wait for.
    from capture.objects import Bucket, Locking, open_client

    place = place_of(choice.url)
    client = open_client(place, environment.get(KEY, ""), environment.get(SECRET, ""))
    locking = Locking(choice.mode, timedelta(days=choice.floor_days))
    originals, archives = (Bucket(client, place, room, Vault(home / "fetched" / room), locking, clock) for room in ROOMS)
    try:
        originals.require_fit()
    except StoreUnfit as error:
        raise Unusable(f"store.url : {error}") from error
    except StoreAway:
        pass
    return originals, archives


STARTING = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""Seconds between the questions to a store that may be starting as well."""
LOST_FR = (
    "store.url : le compartiment « {} » n'existe pas, alors que des originaux sont déjà gardés ; aucun n'est créé à sa place. "
    "Remettez les données du magasin d'objets, ou restaurez une sauvegarde dans un nouveau poste (sceau restore)."
)
LOST_EN = (
    "the bucket “{}” is not there, though originals are kept already; none is made in its place. "
    "Put the object store's data back, or restore a backup into a new home (sceau restore)."
)


def ready_bucket(
    settings: Settings,
    clock: Callable[[], datetime],
    environment: Mapping[str, str] = os.environ,
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """The bucket of `store.url` is there and fit when it returns; True: it was made. Raises Unusable, StoreAway.

    Never made where files were kept already: an empty bucket in the place of a lost one would hide the loss until somebody asks for them.
    """
    from capture.objects import has_bucket, make_bucket, open_client

    if urlsplit(settings.store.url).scheme != "s3":
        raise Unusable(f"store.url : {settings.store.url or '–'}. Aucun compartiment n'est réglé. / No bucket is set")
    place = place_of(settings.store.url)
    keys = environment.get(KEY, ""), environment.get(SECRET, "")
    first = open_client(place, *keys, answer_seconds=5, tries=1)
    missing = not _once_it_answers(lambda: has_bucket(first, place), wait)
    if missing and _keeps_files(settings):
        raise Unusable(f"{LOST_FR.format(place.bucket)} / {LOST_EN.format(place.bucket)}")
    if missing:
        make_bucket(open_client(place, *keys), place)
    originals, _ = _buckets(settings.home, settings.store, clock, environment)
    originals.require_fit()
    return missing


def _once_it_answers(question: Callable[[], bool], wait: Callable[[float], None]) -> bool:
    """Raises StoreAway where it never does."""
    for pause in STARTING:
        try:
            return question()
        except StoreRefuses:
            raise
        except StoreAway:
            wait(pause)
    return question()


def _keeps_files(settings: Settings) -> bool:
    database = open_database(settings.url)
    try:
        with database.reader.connect() as connection:
            known = sa.inspect(connection).has_table(Original.__tablename__)
            return known and bool(connection.scalar(sa.select(sa.exists(sa.select(Original.sha256)))))
    finally:
        database.close()


def place_of(url: str) -> "Place":
    """Of an address s3://bucket/prefix?endpoint=…&region=…. Raises Unusable for other questions in it."""
    from capture.objects import Place

    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    if not set(asked) <= {"endpoint", "region"}:
        raise Unusable(f"store.url : {', '.join(sorted(set(asked) - {'endpoint', 'region'}))} ? endpoint, region")
    prefix = unquote(parts.path).strip("/")
    return Place(parts.netloc, f"{prefix}/" if prefix else "", asked.get("endpoint", [""])[0], asked.get("region", [""])[0])


def known_number(home: Path, url: str, mark: Callable[[], str]) -> str:
    """The number of the folder that this home keeps into, noted at its first use: an empty folder under a vanished mount has none.

    Raises StoreAway where `mark` does.
    """
    file = home / _KNOWN
    try:
        known: dict[str, str] = json.loads(file.read_bytes())
    except FileNotFoundError:
        known = {}
    if url not in known:
        known[url] = mark()
        write_private(file, json.dumps(known).encode())
    return known[url]


# --- what a store protects, in words ---


_GOVERNANCE = (
    "seul un compte qui en a le droit peut supprimer avant la date",
    "only an account with that right can remove before the date",
)
_COMPLIANCE = "personne ne peut supprimer avant la date", "nobody can remove before the date"
_LOCKED = (
    "{where} : écriture unique par verrou d'objets, {mode} : {days} jours à l'arrivée, puis jusqu'au terme de chaque document ; {who}",
    "{where}: write-once by object lock, {mode}: {days} days from arrival, then until each document's term; {who}",
)
_OPEN = (
    "{where} : fichiers en lecture seule, jamais réécrits par Sceau ; le dossier lui-même n'empêche personne : "
    "une altération est révélée par le registre et la relecture",
    "{where}: files are read-only and never rewritten by Sceau; the folder itself stops nobody: "
    "a change is told by the ledger and by reading again",
)


def store_words(settings: Settings, language: str) -> str:
    """Where kept files lie and what keeps them as they are: said as it is."""
    choice, english = settings.store, language == "en"
    if urlsplit(choice.url).scheme != "s3":
        return _OPEN[english].format(where=choice.url or settings.home)
    who = (_COMPLIANCE if choice.mode == "COMPLIANCE" else _GOVERNANCE)[english]
    return _LOCKED[english].format(where=choice.url.split("?", 1)[0], mode=choice.mode, days=choice.floor_days, who=who)


# --- locks follow the terms ---


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a kept file's lock should be."""

    room: str
    sha256: str
    until: date | None
    """None: no term is known."""
    held: bool
    kept: bool
    """Of a sealed document or of the house itself: without a term the floor is renewed. What else there is may be about to go."""


def tend_locks(workstation: "Workstation") -> int:
    """Bring some locks and holds to what the records say now; returns how many changed. Nothing where the store has no locks.

    A sealed document's files are locked until its term; where no term is known, for the floor, again and again; what was never sealed has
    the floor of its arrival and no more, so that it can be erased. Raises StoreAway: the next turn goes on.
    """
    if not workstation.originals.locks:
        return 0
    now, changed = workstation.clock(), 0
    floor = timedelta(days=workstation.settings.store.floor_days)
    with workstation.database.reading() as session:
        wanted = locks_due(session, now, floor)
    for each in wanted:
        store, suffix = (workstation.originals, "") if each.room == "originals" else (workstation.archives, ".pdf")
        until = _end_of(each.until) if each.until else now + floor if each.kept else now
        if until > now:
            store.lock(each.sha256, suffix, until)
        store.hold(each.sha256, suffix, on=each.held)
        with workstation.database.writing() as session:
            row = session.get(StoreLock, (each.room, each.sha256)) or StoreLock(room=each.room, sha256=each.sha256, until="", held=False)
            row.until, row.held, row.set_at = max(row.until, until.date().isoformat()), each.held, now
            session.add(row)
        changed += 1
    return changed


def _end_of(day: date) -> datetime:
    """The whole last day, in UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)


def locks_due(session: Session, now: datetime, floor: timedelta, limit: int = AT_ONCE) -> list[Wanted]:
    """Files whose lock is not what the records say, at most `limit` of each room."""
    renew = (now + floor / 2).date().isoformat()
    found: list[Wanted] = []
    for room, pairs in (("archive", _archives()), ("originals", _originals())):
        files = pairs.subquery()
        until, held = sa.func.max(RetentionRow.until), sa.func.max(sa.case((RetentionRow.hold_id.is_not(None), 1), else_=0))
        kept = sa.func.max(files.c.kept)
        query = (
            sa.select(files.c.sha256, until, held, kept)
            .outerjoin(RetentionRow, RetentionRow.document_id == files.c.document_id)
            .outerjoin(StoreLock, sa.and_(StoreLock.room == room, StoreLock.sha256 == files.c.sha256))
            .group_by(files.c.sha256, StoreLock.until, StoreLock.held)
            .having(
                sa.or_(
                    StoreLock.until.is_(None),
                    sa.func.coalesce(until, sa.case((kept == 1, renew), else_="")) > StoreLock.until,
                    sa.case((StoreLock.held, 1), else_=0) != sa.func.coalesce(held, 0),
                )
            )
            .order_by(files.c.sha256)
            .limit(limit)
        )
        for sha256, day, on, stays in session.execute(query):
            found.append(Wanted(room, sha256, date.fromisoformat(day) if day else None, bool(on), bool(stays)))
    return found


_SEALED = sa.case((Document.state == State.SEALED, 1), else_=0)
_NOBODY = sa.literal(None, sa.String(32)), sa.literal(1)
"""Papers of the house itself: of no document, kept."""


def _archives() -> sa.CompoundSelect[tuple[str, str | None, int]]:
    """Sealed files with their document, and whether they are kept."""
    papers = (DossierRow.sha256, DestructionSlip.sha256, Sending.sha256, Sending.deposit_sha256, Sending.receipt_sha256, BackupRun.sha256)
    return sa.union(
        sa.select(Archive.sha256.label("sha256"), Archive.document_id.label("document_id"), _SEALED.label("kept")).join(
            Document, Document.id == Archive.document_id
        ),
        *(sa.select(each, *_NOBODY).where(each.is_not(None)) for each in papers),
    )


def _originals() -> sa.CompoundSelect[tuple[str, str | None, int]]:
    return sa.union(
        sa.select(PageRow.sha256.label("sha256"), PageRow.document_id.label("document_id"), _SEALED.label("kept")).join(
            Document, Document.id == PageRow.document_id
        ),
        sa.select(Arrival.sha256, Arrival.document_id, _SEALED).join(Document, Document.id == Arrival.document_id),
        sa.select(Mandate.sha256, *_NOBODY),
    )


def tend_copies(workstation: "Workstation") -> int:
    """Working copies on this machine: those of what was erased meanwhile go, wherever that was done, and the oldest above the bound.

    Returns how many went.
    """
    from capture.objects import Bucket

    gone = 0
    for store in (workstation.originals, workstation.archives):
        if not isinstance(store, Bucket):
            continue
        copies = list(store.copies())
        with workstation.database.reading() as session:
            known = kept_names(session, {each.sha256 for each in copies})
        for each in copies:
            if each.sha256 not in known and store.forget_old_copy(each.sha256, each.suffix):
                gone += 1
        gone += store.trim_copies((workstation.settings.store.copies_megabytes << 20) // 2)
    return gone


def kept_names(session: Session, asked: set[str]) -> set[str]:
    """Of these, what the records of any company still name as kept."""
    columns = (
        Original.sha256, Archive.sha256, Mandate.sha256, Mail.sha256, DossierRow.sha256,
        DestructionSlip.sha256, Sending.sha256, Sending.deposit_sha256, Sending.receipt_sha256, BackupRun.sha256,
    )  # fmt: skip
    names = sorted(asked)
    return {
        str(found)
        for start in range(0, len(names), 500)
        for column in columns
        for found in session.scalars(sa.select(column).where(column.in_(names[start : start + 500])))
    }
