"""A mailbox as a station: messages are looked at once, kept raw in the vault, and their attachments go through the station's folder.

A message is a stranger's bytes: it is read in a confined child of its own, and one that its reader does not survive is kept and told.

Nothing is deleted on the server and nothing is fetched twice: a cursor by account, UIDVALIDITY and UID, headings first, and what yields
nothing is remembered too. A message is flagged only when each of its documents is sealed or decided.
"""

import errno
import hashlib
import ipaddress
import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from sqlalchemy.orm import Session

from capture.hotfolder import PROCESSED, plain_name
from capture.mailbox import Contents, Heading, MailState, may_hold_documents, read_heading, read_message, without_harm
from capture.originals import sync_folder
from config.settings import Settings, Station
from sealing.ledger import Event
from station.apart import work_apart
from station.bounces import note_report
from station.children import OverBudget, PoisonPage
from station.problems import PROBLEMS, problem_of
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Arrival, Document, Mail, MailboxCursor, Original, PageRow, State
from station.workstation import Workstation

log = logging.getLogger("sceau.post")
KEYWORD = "$Sceau"
"""What a finished message is marked with (RFC 5788 keywords); where the server keeps none, with \\Flagged."""
ANSWER_SECONDS = 30.0
"""How long a server may take for one answer."""
LONGEST_PAUSE = 900.0
"""Seconds between two tries at a server that fails, at most."""
AT_ONCE = 50
"""Messages whose headings are asked for together."""
READ_SECONDS = 60.0
"""How long the reading of one message may take; 50 MB of attachments take a second."""
SETTLED = frozenset({State.SEALED, State.SET_ASIDE, State.DUPLICATE, State.REPLACED, State.ERASED})
"""States of a document in which nothing of it is waited for."""
BY_HAND = (MailState.STUCK, MailState.UNREADABLE, MailState.TOO_LARGE)
"""States of messages whose attachments a person saves."""
_HEADINGS = "HEADER.FIELDS (MESSAGE-ID FROM SUBJECT)"
_HEADINGS_KEY = f"BODY[{_HEADINGS}]<0>".encode()
MOST_HEADINGS = 65536
"""Bytes of them that are asked for."""
Connect: TypeAlias = Callable[[Station, str], IMAPClient]
"""(station, password) → a client that is signed in."""


class MailboxTrouble(Exception):
    """The server cannot be worked with now, or no message be read here; `code` has its words in `station.problems`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code, self.detail = code, detail


def connect(station: Station, password: str) -> IMAPClient:
    """Signed in at the station's server, encrypted but on this very machine.

    Raises MailboxTrouble before a password would leave in clear; OSError, ssl.SSLError, IMAPClientError.
    """
    context = ssl.create_default_context()
    client = IMAPClient(station.host, station.port, ssl=station.tls, ssl_context=context if station.tls else None, timeout=ANSWER_SECONDS)
    try:
        if not station.tls and client.has_capability("STARTTLS"):
            client.starttls(context)
        elif not station.tls and not is_loopback(_peer_of(client)):
            # A server that offers no encryption, or somebody between who hides that it does.
            raise MailboxTrouble("mailbox-clear-text", station.host)
        client.login(station.user, password)
    except BaseException:
        with suppress(OSError, IMAPClientError):
            client.shutdown()
        raise
    return client


def _peer_of(client: IMAPClient) -> str:
    """Address of the other end, whatever the settings call it."""
    return str(client.socket().getpeername()[0])


def is_loopback(address: str) -> bool:
    """Whether this IP address is of this very machine."""
    ip = ipaddress.ip_address(address)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def account_of(station: Station) -> str:
    """Whose folder on which server: what a cursor and a message's number belong to, beside the station."""
    return f"{station.user}@{station.host.lower()}/{station.mailbox}"


class Postman:
    """One mailbox. Nothing here is remembered that a restart could not find again."""

    def __init__(
        self,
        workstation: Workstation,
        station: Station,
        environment: Mapping[str, str] = os.environ,
        connect: Connect = connect,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workstation = workstation
        self._station = station
        self._account = account_of(station)
        self._environment = environment
        self._connect = connect
        self._stopping = stopping
        """Asked between two messages: each is whole by itself."""
        self._folder = workstation.settings.folder_of(station)
        self._failures = 0
        self._again = float("-inf")
        self._began = False

    def look(self, seconds: float) -> int:
        """Look once: take what is new, flag what is done. `seconds` is a clock that never goes back. Returns how many messages were taken.

        A server that fails is tried again later and later; its trouble is written down for the screens. Raises OSError of our own disk.
        """
        try:
            if not self._began:
                self._read_again()
                self._began = True
            self.deliver()
            if seconds < self._again:
                return 0
            with self._signed_in() as client:
                taken = self._visit(client)
        except MailboxTrouble as trouble:
            self._failures += 1
            self._again = seconds + min(self._station.mail_seconds * 2.0**self._failures, LONGEST_PAUSE)
            self._note_trouble(trouble)
            return 0
        self._failures, self._again = 0, float("-inf")
        self._note_trouble(None)
        return taken

    @contextmanager
    def _signed_in(self) -> Iterator[IMAPClient]:
        """Every way in which a server fails becomes a MailboxTrouble."""
        password = self._environment.get(self._station.password_variable, "")
        if not password:
            raise MailboxTrouble("mailbox-no-password")
        try:
            client = self._connect(self._station, password)
            try:
                yield client
            finally:
                with suppress(OSError, IMAPClientError):
                    client.logout()
        except MailboxTrouble:
            raise
        except ssl.SSLError as error:
            raise MailboxTrouble("mailbox-tls", str(error)) from error
        except LoginError as error:
            raise MailboxTrouble("mailbox-refused", str(error)) from error
        except IMAPClientAbortError as error:
            raise MailboxTrouble("mailbox-unreachable", str(error)) from error
        except IMAPClientError as error:
            raise MailboxTrouble("mailbox-failed", str(error)) from error
        except (OSError, EOFError) as error:
            if _is_ours(error):
                raise
            raise MailboxTrouble("mailbox-unreachable", str(error)) from error

    def _visit(self, client: IMAPClient) -> int:
        try:
            opened = client.select_folder(self._station.mailbox)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            raise MailboxTrouble("mailbox-no-folder", str(error)) from error
        validity = int(opened[b"UIDVALIDITY"])
        taken = self._take_new(client, validity)
        self.deliver()
        self._flag_done(client, validity, opened.get(b"PERMANENTFLAGS", ()))
        return taken

    # --- new messages ---

    def _take_new(self, client: IMAPClient, validity: int) -> int:
        since = self._cursor(validity)
        # "n:*" always has the last message in it, however old (RFC 9051, 9: seq-range).
        uids = sorted(uid for uid in client.search(["UID", f"{since + 1}:*"]) if uid > since)
        taken = 0
        for start in range(0, len(uids), AT_ONCE):
            asked = uids[start : start + AT_ONCE]
            headings = _ask_headings(client, asked)
            for uid in asked:
                if self._stopping():
                    return taken
                taken += self._look_at(client, validity, uid, headings.get(uid))
        return taken

    def _cursor(self, validity: int) -> int:
        """The highest number looked at; 0 where the server has numbered its mailbox anew."""
        with self._workstation.database.reading() as session:
            cursor = session.get(MailboxCursor, (self._station.name, self._account))
            return cursor.uid if cursor is not None and cursor.uidvalidity == validity else 0

    def _look_at(self, client: IMAPClient, validity: int, uid: int, told: Mapping[bytes, Any] | None) -> bool:
        """One message, noted whatever it yields; True where its documents are taken."""
        if told is None:
            return False  # removed by somebody meanwhile
        heading = read_heading(told.get(_HEADINGS_KEY) or b"")
        size = int(told[b"RFC822.SIZE"])
        if self._is_noted(heading, validity, uid) or self._is_known(heading, validity, uid, size):
            return False
        if size > self._station.mail_megabytes << 20:
            self._note(heading, validity, uid, MailState.TOO_LARGE)
            return False
        if not may_hold_documents(told.get(b"BODYSTRUCTURE") or ()):
            self._note(heading, validity, uid, MailState.NOTHING)
            return False
        fetched = client.fetch([uid], ["BODY.PEEK[]"]).get(uid)
        if fetched is None:
            return False
        return self._keep(heading, validity, uid, fetched[b"BODY[]"] or b"")

    def _is_noted(self, heading: Heading, validity: int, uid: int) -> bool:
        """Looked at before the settings or the server came back to this mailbox; another message that got its number was not."""
        with self._workstation.database.reading() as session:
            noted = _numbered_mail(session, self._station.name, self._account, validity, uid)
        if noted is None or noted.fingerprint not in ("", heading.fingerprint):
            return False
        with self._workstation.database.writing() as session:
            cursor = _cursor_row(session, self._station.name, self._account)
            cursor.uidvalidity, cursor.uid = validity, uid
        return True

    def _is_known(self, heading: Heading, validity: int, uid: int, size: int) -> bool:
        """The same message under a new number: noted as it stands, not fetched again. A Message-ID alone proves nothing."""
        with self._workstation.database.reading() as session:
            known = _known_mail(session, self._station.name, (self._account, validity), heading, size) if heading.message_id else None
            if known is None:
                return False
            state, sha256, files, flagged = MailState(known.state), known.sha256, list(known.files), known.flagged_at
            if state is MailState.DONE and known.account != self._account:
                state, flagged = MailState.DELIVERED, None  # Flagged over there, not here.
        self._note(heading, validity, uid, state, sha256, files, flagged)
        return True

    def _keep(self, heading: Heading, validity: int, uid: int, raw: bytes) -> bool:
        """Into the vault first, then into the records with its ledger entry; only then do files appear."""
        contents = read_apart(self._workstation, raw)
        if contents is not None:
            self._heed(contents)
            if not contents.attachments:
                self._note(heading, validity, uid, MailState.NOTHING)
                return False
        with tempfile.TemporaryFile(dir=self._workstation.home / "work") as file:
            file.write(raw)
            file.flush()
            original = self._workstation.originals.keep(file.fileno())
        if contents is None:
            self._note(heading, validity, uid, MailState.UNREADABLE, original.sha256, size=original.size)
            return False
        files = _files_of(original.sha256, uid, contents)
        mail_id = self._note(heading, validity, uid, MailState.KEPT, original.sha256, files, size=original.size)
        self._settle(mail_id, self._put_files(self._missing(files), contents))
        return True

    def _heed(self, contents: Contents) -> None:
        if contents.bounce is not None:
            note_report(self._workstation, self._workstation.settings.company_of(self._station), contents.bounce)

    def _note(
        self,
        heading: Heading,
        validity: int,
        uid: int,
        state: MailState,
        sha256: str | None = None,
        files: Sequence[dict[str, str]] = (),
        flagged_at: datetime | None = None,
        size: int | None = None,
    ) -> int:
        """Message and cursor in one transaction; with `size` it is a new original and gets its ledger entry. Returns its row's number."""
        now, station = self._workstation.clock(), self._station.name
        with self._workstation.database.writing() as session:
            if size is not None and session.get(Original, sha256) is None:
                if not self._workstation.originals.path(str(sha256)).exists():
                    # The same message was erased since it was put there: the next look fetches it anew.
                    raise FileNotFoundError(errno.ENOENT, "erased meanwhile", str(sha256))
                session.add(Original(sha256=sha256, size=size, kept_at=now))
                session.flush()
            mail = Mail(
                station=station,
                account=self._account,
                uidvalidity=validity,
                uid=uid,
                fingerprint=heading.fingerprint,
                message_id=heading.message_id,
                sender=heading.sender,
                subject=heading.subject,
                state=str(state),
                sha256=sha256,
                files=list(files),
                noted_at=now,
                flagged_at=flagged_at,
            )
            session.add(mail)
            session.flush()
            mail_id = mail.id
            cursor = _cursor_row(session, station, self._account)
            cursor.uidvalidity, cursor.uid = validity, uid
            if size is not None:
                append_event(session, self._event(heading, str(sha256), files, now))
        log.info("mail %s/%d: %s", station, uid, state)
        return mail_id

    def _event(self, heading: Heading, sha256: str, files: Sequence[dict[str, str]], at: datetime) -> Event:
        return Event(
            entity=self._workstation.settings.company_of(self._station),
            type="mail",
            objects={"original": sha256},
            actor=SYSTEM,
            at=at,
            clock="system",
            payload={
                "station": self._station.name,
                "message_id": heading.message_id,
                "sender": heading.sender,
                "subject": heading.subject,
                "files": [dict(file) for file in files],
            },
        )

    # --- its files ---

    def deliver(self) -> None:
        """Put the attachments of each message that was kept and no more into the folder, from the vault; what was there is not put again.

        Raises MailboxTrouble where no message can be read now.
        """
        for mail_id, _, sha256, files in self._rows_in(MailState.KEPT):
            if self._stopping():
                return
            self._settle(mail_id, self._deliver_files(sha256, files))

    def _rows_in(self, state: MailState) -> list[tuple[int, int, str, list[dict[str, str]]]]:
        """Number, number on the server, SHA-256 and files of this station's messages, oldest first."""
        with self._workstation.database.reading() as session:
            query = (
                sa.select(Mail)
                .where(Mail.station == self._station.name, Mail.state == str(state), Mail.sha256.is_not(None))
                .order_by(Mail.id)
            )
            return [(mail.id, mail.uid, str(mail.sha256), list(mail.files)) for mail in session.scalars(query)]

    def _settle(self, mail_id: int, state: MailState) -> None:
        with self._workstation.database.writing() as session:
            session.execute(_this_mail(mail_id).values(state=str(state)))

    def _deliver_files(self, sha256: str, files: Sequence[dict[str, str]]) -> MailState:
        missing = self._missing(files)
        if not missing:
            return MailState.DELIVERED
        raw = self._kept_message(sha256)
        if raw is None:
            return MailState.STUCK
        contents = read_apart(self._workstation, raw)
        return MailState.UNREADABLE if contents is None else self._put_files(missing, contents)

    def _put_files(self, files: Sequence[dict[str, str]], contents: Contents) -> MailState:
        """STUCK where the message yields one of them no longer: a person is told, and the other messages go on."""
        held = {attachment.sha256: attachment.content for attachment in contents.attachments}
        for file in files:
            if file["sha256"] in held:
                put_file(self._folder, file["name"], held[file["sha256"]])
        return MailState.DELIVERED if all(file["sha256"] in held for file in files) else MailState.STUCK

    def _kept_message(self, sha256: str) -> bytes | None:
        """None where the vault no longer holds it as it came, which the audit tells, too."""
        try:
            raw = self._workstation.originals.path(sha256).read_bytes()
        except FileNotFoundError:
            raw = b""
        if hashlib.sha256(raw).hexdigest() != sha256:
            log.error("mail: the message %s in the vault no longer matches its fingerprint", sha256)
            return None
        return raw

    def _read_again(self) -> None:
        """What could not be read, once after each start: the machine may have been short of memory, and a newer version may know better."""
        named: dict[str, list[dict[str, str]]] = {}
        for mail_id, uid, sha256, _ in self._rows_in(MailState.UNREADABLE):
            if self._stopping():
                return
            if sha256 not in named:
                raw = self._kept_message(sha256)
                contents = raw and read_apart(self._workstation, raw)
                if not contents:
                    continue
                self._heed(contents)
                named[sha256] = _files_of(sha256, uid, contents)
            self._note_read(mail_id, named[sha256])

    def _note_read(self, mail_id: int, files: list[dict[str, str]]) -> None:
        with self._workstation.database.writing() as session:
            mail = session.get_one(Mail, mail_id)
            if mail.sha256 is None:
                return  # erased meanwhile
            mail.state, mail.files = str(MailState.KEPT if files else MailState.NOTHING), files
            if files:
                heading = Heading(mail.message_id, mail.sender, mail.subject)
                append_event(session, self._event(heading, str(mail.sha256), files, self._workstation.clock()))

    def _missing(self, files: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        return [file for file in files if not self._was_there(file["name"])]

    def _was_there(self, name: str) -> bool:
        # The folder first: a file that leaves it has its arrival already.
        if (self._folder / name).exists() or (self._folder / PROCESSED / name).exists():
            return True
        with self._workstation.database.reading() as session:
            told = plain_name(name)
            return (
                session.scalar(sa.select(Arrival.id).where(Arrival.station == self._station.name, Arrival.name == told).limit(1))
                is not None
            )

    # --- done ---

    def _flag_done(self, client: IMAPClient, validity: int, permanent: Sequence[bytes]) -> None:
        """Flag what is sealed or decided. A mailbox that keeps no flags is left as it is."""
        flag = KEYWORD if b"\\*" in permanent or KEYWORD.encode() in permanent else "\\Flagged"
        if flag == "\\Flagged" and b"\\Flagged" not in permanent:
            return
        with self._workstation.database.reading() as session:
            query = sa.select(Mail).where(
                Mail.station == self._station.name,
                Mail.account == self._account,
                Mail.uidvalidity == validity,
                Mail.state == str(MailState.DELIVERED),
                ~_is_outdated(),
            )
            done = [(mail.id, mail.uid) for mail in session.scalars(query) if is_settled(session, [file["sha256"] for file in mail.files])]
        for mail_id, uid in done:
            # Flagged first, noted second: dying between the two flags it again, which changes nothing.
            client.add_flags([uid], [flag])
            with self._workstation.database.writing() as session:
                values = {"state": str(MailState.DONE), "flagged_at": self._workstation.clock()}
                session.execute(_this_mail(mail_id).values(**values))

    def _note_trouble(self, trouble: MailboxTrouble | None) -> None:
        """Writes when the server last answered, or since when and why it does not."""
        now = self._workstation.clock()
        with self._workstation.database.writing() as session:
            cursor = _cursor_row(session, self._station.name, self._account)
            if trouble is None:
                cursor.looked_at, cursor.trouble, cursor.detail, cursor.since = now, None, None, None
            elif (cursor.trouble, cursor.detail) != (trouble.code, trouble.detail):
                log.warning("mailbox %s: %s", self._station.name, trouble)
                cursor.since = cursor.since or now
                cursor.trouble, cursor.detail = trouble.code, trouble.detail


def read_apart(workstation: Workstation, raw: bytes) -> Contents | None:
    """Documents and report of a message, read in a child of its own, so that none has a part in another's; None where it cannot be read.

    Raises MailboxTrouble where no message could be, OSError of a full disk.
    """
    try:
        contents = work_apart(workstation, read_message, READ_SECONDS, raw)
    except (OverBudget, PoisonPage) as error:
        if raw:
            # Is it the message, or the machine? One without a byte is read everywhere.
            read_apart(workstation, b"")
            log.warning("mail: a message of %d bytes ended its reader: %r", len(raw), error)
            return None
        raise MailboxTrouble("mailbox-reader", repr(error)) from error
    except (OSError, RuntimeError, MemoryError) as error:
        if _is_ours(error):
            raise
        raise MailboxTrouble("mailbox-reader", repr(error)) from error
    return contents and without_harm(contents)


def _files_of(sha256: str, uid: int, contents: Contents) -> list[dict[str, str]]:
    """Numbers of one account may be those of another; the message's own fingerprint is nobody else's."""
    named = enumerate(contents.attachments, 1)
    return [{"name": f"{sha256[:8]}-{uid}-{number}-{each.name}", "sha256": each.sha256} for number, each in named]


def _ask_headings(client: IMAPClient, uids: Sequence[int]) -> dict[int, Any]:
    """Size, structure and a few header lines; without the structure where one of them cannot be told, so that it keeps back no other."""
    wanted = ["RFC822.SIZE", f"BODY.PEEK[{_HEADINGS}]<0.{MOST_HEADINGS}>"]
    try:
        return dict(client.fetch(uids, [*wanted, "BODYSTRUCTURE"]))
    except IMAPClientAbortError:
        raise
    except (IMAPClientError, RecursionError):
        return dict(client.fetch(uids, wanted))


def _is_ours(error: BaseException) -> bool:
    """A trouble of our own disk names a file, or has no room; one of the network does neither."""
    return isinstance(error, OSError) and (error.filename is not None or problem_of(error).code == "disk-full")


def _this_mail(mail_id: int) -> sa.Update:
    return sa.update(Mail).where(Mail.id == mail_id)


def _numbered_mail(session: Session, station: str, account: str, validity: int, uid: int) -> Mail | None:
    """The message that has this number there, as far as we know."""
    number = (Mail.station == station, Mail.account == account, Mail.uidvalidity == validity, Mail.uid == uid)
    return session.scalars(sa.select(Mail).where(*number).order_by(Mail.id.desc()).limit(1)).first()


def _is_outdated() -> sa.ColumnElement[bool]:
    """Its number was given to another message: to flag it would flag that one."""
    newer = sa.orm.aliased(Mail)
    same = (newer.station == Mail.station, newer.account == Mail.account, newer.uidvalidity == Mail.uidvalidity, newer.uid == Mail.uid)
    return sa.select(newer.id).where(*same, newer.id > Mail.id).exists()


def _cursor_row(session: Session, station: str, account: str) -> MailboxCursor:
    cursor = session.get(MailboxCursor, (station, account))
    if cursor is None:
        cursor = MailboxCursor(station=station, account=account, uidvalidity=0, uid=0)
        session.add(cursor)
    return cursor


def _known_mail(session: Session, station: str, numbering: tuple[str, int], heading: Heading, size: int) -> Mail | None:
    """The row of this very message from under other numbers: those of another account or UIDVALIDITY than `numbering`."""
    account, validity = numbering
    rows = session.execute(
        sa.select(Mail, Original.size)
        .join(Original, Mail.sha256 == Original.sha256, isouter=True)
        .where(Mail.station == station, Mail.fingerprint == heading.fingerprint)
        .where(sa.or_(Mail.account != account, Mail.uidvalidity != validity))
        .order_by(Mail.id.desc())
    )
    return next((mail for mail, kept in rows if kept in (None, size)), None)


def is_settled(session: Session, fingerprints: Sequence[str]) -> bool:
    """Whether every document that has bytes with these SHA-256 is sealed or decided; a file that has not arrived yet is not."""
    for sha256 in fingerprints:
        arrived = sa.select(Arrival.document_id).where(Arrival.sha256 == sha256)
        paged = sa.select(PageRow.document_id).where(PageRow.sha256 == sha256)
        states = list(session.scalars(sa.select(Document.state).where(Document.id.in_(arrived) | Document.id.in_(paged))))
        if not states or not SETTLED.issuperset(states):
            return False
    return True


def put_file(folder: Path, name: str, content: bytes) -> None:
    """Whole or not at all: hidden, written through, then given its name. Raises OSError."""
    draft = folder / f".sceau-mail-{hashlib.sha256(name.encode()).hexdigest()[:16]}.part"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / name)
    sync_folder(folder)


# --- for the screens ---


@dataclass(frozen=True, slots=True)
class MailboxHealth:
    """How a mailbox fares."""

    station: str
    looked_at: datetime | None
    """When its server last answered."""
    trouble: str
    """Code of why it does not answer now; empty where it does."""
    detail: str
    since: datetime | None
    variable: str
    counts: dict[str, int]
    """Messages by state."""
    too_large: tuple[Heading, ...]
    """Messages that were not fetched, newest first."""
    stuck: tuple[Heading, ...] = ()
    """Messages whose attachments are not found again in what the vault holds, newest first."""
    unreadable: tuple[Heading, ...] = ()
    """Messages that are kept and could not be read, newest first."""

    @property
    def ok(self) -> bool:
        return not self.trouble

    def words(self, language: str = "fr") -> tuple[str, ...]:
        """What a person reads, what matters most first."""
        english = language == "en"
        told = []
        if self.trouble:
            told.append(PROBLEMS[self.trouble].words(language).format(variable=self.variable))
        for heading in self.stuck:
            named = f"« {heading.subject} » ({heading.sender})"
            told.append(
                f"{named}: an attachment is not found again in the message that was kept. Nothing is lost: the message is still on the "
                "server. Save its attachments into the folder, then run sceau verify --ledger."
                if english
                else f"{named} : une pièce ne se retrouve pas dans le message gardé. Rien n'est perdu : le message est toujours sur le "
                "serveur. Déposez ses pièces dans le dossier, puis lancez sceau verify --ledger."
            )
        for heading in self.unreadable:
            named = f"« {heading.subject} » ({heading.sender})"
            told.append(
                f"{named} could not be read. Nothing is lost: the message is kept whole, and still on the server. "
                "Save its attachments into the folder; it is read again when Sceau starts."
                if english
                else f"{named} n'a pas pu être lu. Rien n'est perdu : le message est gardé entier, et il est toujours sur le serveur. "
                "Déposez ses pièces dans le dossier ; sa lecture est retentée au démarrage de Sceau."
            )
        for heading in self.too_large:
            named = f"« {heading.subject} » ({heading.sender})"
            told.append(
                f"{named} is too large and was not fetched. Nothing is lost: it stays on the server. Save its attachments into the folder."
                if english
                else f"{named} est trop gros, pas relevé. Rien n'est perdu : il reste sur le serveur. Déposez ses pièces dans le dossier."
            )
        if self.looked_at is None and not self.trouble:
            told.append("The mailbox has not been looked into yet." if english else "La messagerie n'a pas encore été relevée.")
        return tuple(told)

    def as_json(self) -> dict[str, object]:
        """Plain values, as `status --json` prints them."""
        return {
            "ok": self.ok,
            "looked_at": self.looked_at.isoformat() if self.looked_at else None,
            "trouble": self.trouble or None,
            "since": self.since.isoformat() if self.since else None,
            "messages": self.counts,
            "by_hand": sum(self.counts.get(str(state), 0) for state in BY_HAND),
        }


def mailbox_health(session: Session, settings: Settings) -> tuple[MailboxHealth, ...]:
    """One per mailbox station, in the order of the settings."""
    return tuple(_health(session, station) for station in settings.stations if station.kind == "mailbox")


def _health(session: Session, station: Station) -> MailboxHealth:
    account = account_of(station)
    cursor = session.get(MailboxCursor, (station.name, account))
    ours = sa.and_(Mail.station == station.name, Mail.account == account)
    counts = session.execute(sa.select(Mail.state, sa.func.count()).where(ours).group_by(Mail.state)).all()

    def newest(state: MailState) -> tuple[Heading, ...]:
        query = sa.select(Mail).where(ours, Mail.state == str(state)).order_by(Mail.id.desc()).limit(20)
        return tuple(dict.fromkeys(Heading(mail.message_id, mail.sender, mail.subject) for mail in session.scalars(query)))

    return MailboxHealth(
        station=station.name,
        looked_at=cursor.looked_at if cursor else None,
        trouble=(cursor.trouble or "") if cursor else "",
        detail=(cursor.detail or "") if cursor else "",
        since=cursor.since if cursor else None,
        variable=station.password_variable,
        counts={str(state): int(count) for state, count in counts},
        too_large=newest(MailState.TOO_LARGE),
        stuck=newest(MailState.STUCK),
        unreadable=newest(MailState.UNREADABLE),
    )
