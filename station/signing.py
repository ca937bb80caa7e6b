"""A named officer signs copies that A102 B-1 wants signed, one or many at once; each signature is a new file that begins with the old.

The officer's key opens with what is typed when signing; nothing of it is kept. Killed anywhere, a copy is signed or it is not, and what
was signed is noted: the rest still waits on the page.
"""

import hashlib
import logging
import threading
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, selectinload

from config.settings import Settings
from sealing.fitness import certificate_troubles, holder_of, require_fit
from sealing.keys import CachedSigner, HeldSigner, UnusableKey, is_practice, load_trust
from sealing.ledger import Actor, ActorKind, Event
from sealing.officers import make_practice_officer, open_officer
from sealing.seal import CannotSeal, Officer, Sealer, append_signature
from sealing.verify import Verification, verify_file
from station.acts import NotOffered, note_decision
from station.evidence import lineage_of, qualified_parts, signature_of
from station.keyring import known_seal_roots, officers_folder, open_sealer, revocation_of, trust_of
from station.leftovers import begin_folder, clear_attempt
from station.problems import problem_of
from station.records import documents
from station.records.ledger import append_event
from station.records.people import PRACTICE_PASSWORD, SECOND_LOGIN
from station.records.tables import Archive, Document, Person, State
from station.timekeeping import clock_word, require_clock, stamper_of
from station.workstation import Workstation
from workflow.kinds import KINDS, MADE, needs_signature

log = logging.getLogger("sceau.signing")
SIGNABLE = tuple(sorted(kind.code for kind in (*KINDS, *MADE) if needs_signature(kind.code)))
LONGEST_PASSWORD = 200


class NoKey(UnusableKey):
    """This person has no signing key here."""


class NotSignable(Exception):
    """The copy does not stand where it can be signed; `why` is a key under `signing.why-…` of the words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class OpenKey:
    """An officer's key, opened for one batch."""

    officer: Officer
    pseudonym: str
    holder: str
    practice: bool


# --- keys ---


def has_key(settings: Settings, person: Person) -> bool:
    """Whether there is a key for this person: a file, a token, or in practice the one that is made when first needed."""
    folder = officers_folder(settings.home)
    made = settings.sealing.mode == "practice" and person.login == SECOND_LOGIN
    return made or _key_file(folder, person.login).is_file() or _token_file(folder, person.login).is_file()


def open_key(settings: Settings, person: Person, password: str, now: datetime) -> OpenKey:
    """Open the key of a person with what they typed: the PKCS#12 file's password, or the PIN of their token.

    The certificate must go up to a root that the settings trust, with a revocation list at hand; in practice to its own.

    Raises NoKey, WrongPassword, KeyRefused (practice key in production, expired, revoked…), UnusableKey.
    """
    folder, practice = officers_folder(settings.home), settings.sealing.mode == "practice"
    if practice and person.login == SECOND_LOGIN:
        begin = now.replace(microsecond=0) - timedelta(minutes=5)
        make_practice_officer(folder, "Responsable", person.login, PRACTICE_PASSWORD, begin, begin + timedelta(days=3652))
    signer = _open_signer(settings, folder, person.login, password)
    certificate = signer.signing_cert
    # A root that is there for timestamps only makes nobody an officer.
    seals = known_seal_roots(settings)
    roots, crls = trust_of(settings), revocation_of(settings, certificate, *signer.chain)
    require_fit(certificate_troubles(certificate, signer.chain, seals, crls, now, practice=practice))
    return OpenKey(Officer(signer, roots, crls), person.pseudonym, holder_of(certificate), is_practice(certificate))


def _open_signer(settings: Settings, folder: Path, login: str, password: str) -> HeldSigner:
    file, token = _key_file(folder, login), _token_file(folder, login)
    if file.is_file():
        return CachedSigner(open_officer(file, password))
    if not token.is_file():
        raise NoKey(login)
    # Loaded only here: few officers have a token.
    from sealing.tokens import TokenPlace, open_token

    try:
        told = tomllib.loads(token.read_text(encoding="utf-8"))
        place = TokenPlace(str(told["module"]), str(told["token"]), str(told["key"]), password)
        chain = load_trust(settings.home / str(told["certificate"])) if "certificate" in told else ()
    except (KeyError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableKey(f"{token.name}: {error}") from error
    return open_token(place, chain)


def _key_file(folder: Path, login: str) -> Path:
    """A login is no path: anything but its own name has no key."""
    return folder / f"{Path(login).name}.p12"


def _token_file(folder: Path, login: str) -> Path:
    """module, token, key and, where the token does not hold it, certificate: as `[sealing]` names them."""
    return folder / f"{Path(login).name}.toml"


# --- what is to be signed ---


def to_sign(session: Session, entity: str) -> list[Document]:
    """Sealed copies of kinds for which A102 B-1 asks for a signature, and which nobody signed; oldest first.

    What is signed already is left out by the database, for it grows for ever: a signature stands as long as every later file extends it.
    """
    signed, anew = aliased(Archive), aliased(Archive)
    since = sa.select(anew.sha256).where(anew.document_id == Document.id, anew.version > signed.version, anew.extends.is_(None)).exists()
    stands = sa.select(signed.sha256).where(signed.document_id == Document.id, signed.officer.is_not(None), ~since).exists()
    query = (
        sa.select(Document)
        .where(
            Document.entity == entity,
            Document.state == State.SEALED,
            Document.document_type.in_(SIGNABLE),
            Document.confidential.is_(False),
            ~stands,
        )
        .options(selectinload(Document.archives))
        .order_by(Document.received_at, Document.id)
    )
    return [each for each in session.scalars(query) if each.archives and signature_of(each) is None]


def why_not_sign(document: Document) -> str | None:
    """Why a copy cannot be signed; None where it can, as far as the records know.

    "state" (nothing sealed stands), "kind" (no text asks for it), "signed" already, "unsealed" (fingerprint only), "older" (sealed by a
    version whose seals leave no room: it must be sealed again).
    """
    newest = max(document.archives, key=lambda each: each.version, default=None)
    if document.state != State.SEALED or newest is None or document.confidential:
        return "state"
    if not needs_signature(document.document_type):
        return "kind"
    if signature_of(document) is not None:
        return "signed"
    if not newest.level:
        return "unsealed"
    return "older" if lineage_of(document.archives, newest)[-1].profile is None else None


def seal_again(session: Session, document: Document, person: Person, at: datetime) -> None:
    """Send a copy that cannot be signed as it is to be sealed anew, with room for a signature; what was sealed stays. Raises NotOffered."""
    if why_not_sign(document) != "older":
        raise NotOffered(f"{document.state}: seal again")
    was = document.state
    document.formed = document.formed or bool(document.current_pages)
    documents.send_back(document, at)
    note_decision(session, document, "reseal", "A102 B-1", person, at, was, {})


# --- signing ---


def sign_document(workstation: Workstation, document_id: str, key: OpenKey, sealer: Sealer) -> str:
    """Sign one copy: a new file whose first bytes are the sealed one, proved before it is noted. Returns its SHA-256.

    Raises ClockWrong, ClockStepped, NotSignable, CannotSeal, TimestampUnavailable, OSError; then nothing is noted and the copy can be
    signed later.
    """
    require_clock(workstation)
    with workstation.database.reading() as session:
        document = documents.get_document(session, document_id)
        newest = _newest(document)
    source = workstation.archives.path(newest.sha256, ".pdf")
    folder = workstation.work_folder(document_id) / f"sign-{newest.version}-{key.pseudonym}"
    begin_folder(folder)
    try:
        target = folder / "signed.pdf"
        if not target.exists():
            # One that a killed process left is whole: it is proved again and taken, so that nothing lies in the archive without its row.
            append_signature(source, folder / "draft.pdf", key.officer, sealer)
            (folder / "draft.pdf").rename(target)
        verification = _prove(source, target, newest.sha256, key, sealer)
        kept = workstation.archives.keep(target, ".pdf")
        with workstation.database.writing() as session:
            _note(session, workstation, document_id, newest.sha256, kept.sha256, kept.size, key, verification)
    finally:
        # With what was kept and noted by nobody: another process of the same officer may have taken the same file and noted it first. Where
        # records or store do not answer the folder stays, and it is taken or dropped later.
        clear_attempt(workstation, folder)
    return kept.sha256


def _newest(document: Document) -> Archive:
    why = why_not_sign(document)
    if why is not None:
        raise NotSignable(why)
    return max(document.archives, key=lambda each: each.version)


def _prove(source: Path, target: Path, sha256: str, key: OpenKey, sealer: Sealer) -> Verification:
    """The new file begins with the old, byte for byte, holds in every check, and names the officer. Raises CannotSeal."""
    with source.open("rb") as old, target.open("rb") as new:
        prefix, left = hashlib.sha256(), source.stat().st_size
        while left and (part := new.read(min(left, 1 << 20))):
            prefix.update(part)
            left -= len(part)
        same = prefix.hexdigest() == sha256 == hashlib.file_digest(old, "sha256").hexdigest()
    verification = verify_file(target, (*sealer.trust, *key.officer.trust))
    if same and verification.valid and verification.officer:
        return verification
    failed = "; ".join(f"{check.name}: {check.english}" for check in verification.checks if not check.ok)
    raise CannotSeal(failed or "the signed file does not begin with the sealed one, or names no officer")


def _note(
    session: Session,
    workstation: Workstation,
    document_id: str,
    extends: str,
    sha256: str,
    size: int,
    key: OpenKey,
    verification: Verification,
) -> None:
    """Row and entry in one transaction; a copy that changed meanwhile is not signed. Raises NotSignable."""
    document, now = documents.get_document(session, document_id), workstation.clock()
    newest = _newest(document)
    if newest.sha256 != extends:
        raise NotSignable("changed")
    session.add(
        Archive(
            sha256=sha256,
            document_id=document.id,
            version=newest.version + 1,
            extends=extends,
            size=size,
            attached=newest.attached,
            level="B-LTA",
            practice=newest.practice or key.practice,
            profile=newest.profile,
            qualified=qualified_parts(workstation.archives.path(sha256, ".pdf"), workstation.settings, now),
            officer=key.pseudonym,
            checks=[{"name": c.name, "ok": c.ok, "detail": c.detail, "english": c.english} for c in verification.checks],
            sealed_at=now,
        )
    )
    documents.touch(document, now)
    objects = {"document": document.id, "archive": sha256, "extends": extends}
    payload = {
        "size": str(size),
        "extends_size": str(newest.size),
        "reason": "A102 B-1",
        "signer": key.pseudonym,
        "level": "B-LTA",
        "practice": key.practice,
    }
    actor = Actor(key.pseudonym, ActorKind.HUMAN)
    append_event(session, Event(document.entity, "signed", objects, actor, now, clock_word(workstation), payload))


# --- a batch ---


@dataclass(frozen=True, slots=True)
class Failed:
    """One copy of a batch that was not signed, and why: a key under `signing.why-…`, or of `station.problems.PROBLEMS`."""

    document_id: str
    title: str
    why: str
    problem: bool


@dataclass(slots=True)
class Batch:
    """How far a batch is; one officer has one at a time, and what is not done when the process ends still waits on the page."""

    total: int
    done: int = 0
    failed: list[Failed] = field(default_factory=list)
    running: bool = True
    begun_at: datetime | None = None

    @property
    def left(self) -> int:
        return self.total - self.done - len(self.failed)


@dataclass(slots=True)
class Signings:
    """The batches of this process, by the officer's pseudonym."""

    batches: dict[str, Batch] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, pseudonym: str) -> Batch | None:
        return self.batches.get(pseudonym)

    def begin(self, workstation: Workstation, ids: Sequence[str], key: OpenKey) -> Batch:
        """Sign these in a thread of its own. A batch that still runs goes on, and nothing is added to it."""
        with self.lock:
            running = self.batches.get(key.pseudonym)
            if running is not None and running.running:
                return running
            batch = self.batches[key.pseudonym] = Batch(len(ids), begun_at=workstation.clock())
        threading.Thread(target=sign_batch, args=(workstation, ids, key, batch), name="sceau-signing", daemon=True).start()
        return batch


def sign_batch(
    workstation: Workstation,
    ids: Sequence[str],
    key: OpenKey,
    batch: Batch,
    sealer: Callable[[Workstation], Sealer] | None = None,
) -> None:
    """One copy after the other; what cannot be signed is told by name and keeps back no other."""
    try:
        with_one = (sealer or sealer_of)(workstation)
        for document_id in ids:
            try:
                sign_document(workstation, document_id, key, with_one)
                batch.done += 1
            except NotSignable as error:
                batch.failed.append(Failed(document_id, _title(workstation, document_id), error.why, False))
            except Exception as error:  # noqa: BLE001 whatever met one copy, the next one comes; each is told in words
                log.warning("document %s: not signed: %s", document_id, error)
                # pyHanko's words for a seal that left no room: of a document sealed as another kind.
                no_room = isinstance(error, CannotSeal) and "signature field" in str(error)
                why = "older" if no_room else problem_of(error).code
                batch.failed.append(Failed(document_id, _title(workstation, document_id), why, not no_room))
    except Exception as error:  # noqa: BLE001 the thread must say why it ended
        log.warning("signing: %s", error)
        left = list(ids)[batch.done + len(batch.failed) :]
        batch.failed += [Failed(each, _title(workstation, each), problem_of(error).code, True) for each in left]
    finally:
        batch.running = False


def sealer_of(workstation: Workstation) -> Sealer:
    """What the station seals with: its time authorities stamp the officer's signature, too."""
    return open_sealer(workstation.settings, workstation.clock, stamper_of(workstation.settings, workstation.clock))


def _title(workstation: Workstation, document_id: str) -> str:
    with workstation.database.reading() as session:
        return documents.get_document(session, document_id).title
