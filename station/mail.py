"""E-mail that this installation sends: by one server, as plain text, through the outbox."""

import hashlib
import os
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sqlalchemy.orm import Session

from config.settings import MailServer
from station import outbox
from station.outbox import Parcel, Undelivered
from station.workstation import Workstation

KIND = "mail"
PASSWORD_VARIABLE = "SCEAU_MAIL_PASSWORD"  # noqa: S105 its name
SECONDS = 10.0
"""For each answer of the mail server."""
WHOLE_SECONDS = 60.0
"""For all of them together: one that answers a byte at a time is left, well before another worker would hold the message for its own
(`outbox.LEASE`), and the others' turn comes."""
ADDRESS = re.compile(r"[^@\s,;:<>\"()\[\]\\]{1,64}@[^@\s,;:<>\"()\[\]\\]{1,190}")
_LASTING = range(500, 600)
"""RFC 5321, 4.2.1: the server will not take it, whenever it is asked."""
_UNREACHED = (smtplib.SMTPConnectError, smtplib.SMTPServerDisconnected)


class _Telling(smtplib.SMTP):
    """Says when the server is given the message itself; all of its answers have one time together."""

    begins: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *args: Any, **named: Any) -> None:
        self._ends = time.monotonic() + WHOLE_SECONDS
        super().__init__(*args, **named)

    def getreply(self) -> tuple[int, bytes]:
        """Hung up where its time is over: the socket's own limit begins anew at each byte."""
        hanging_up = threading.Timer(max(self._ends - time.monotonic(), 0.0), self._hang_up)
        hanging_up.daemon = True
        hanging_up.start()
        try:
            return super().getreply()
        finally:
            hanging_up.cancel()

    def _hang_up(self) -> None:
        connection = self.sock
        with suppress(OSError):
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.begins()
        return super().data(msg)


class _TellingSecurely(_Telling, smtplib.SMTP_SSL):
    """The same by TLS from the first byte on."""


class BadAddress(ValueError):
    """Not one address to which a message can be sent."""


def put_mail(
    session: Session, entity: str, key: str, to: str, subject: str, body: str, at: datetime, document_id: str | None = None
) -> None:
    """A message into the outbox, in the caller's transaction; one per `key`. Raises BadAddress. What is written goes once it was sent.

    `document_id`: which document it tells of; erased, it takes along the message that still waits.
    """
    if not ADDRESS.fullmatch(to):
        raise BadAddress(to)
    of = {} if document_id is None else {outbox.DOCUMENT: document_id}
    outbox.put(session, entity, KIND, key, {"to": to, "subject": " ".join(subject.split()), "body": body} | of, at)


def send_message(
    mail: MailServer,
    message: EmailMessage,
    environment: Mapping[str, str] = os.environ,
    variable: str = "",
    begins: Callable[[], None] = lambda: None,
) -> None:
    """Hand one message to the mail server; `variable` names the password's place in the environment (`SCEAU_MAIL_PASSWORD`).

    `begins` is called before DATA (RFC 5321, 4.1.1.4): whatever fails before it, nothing can have left.

    Raises Undelivered where no server is set or it refuses for good, OSError, smtplib.SMTPException.
    """
    if not mail.host:
        raise Undelivered("aucun serveur de messagerie n'est réglé ([mail]) / no mail server is set ([mail])")
    context = ssl.create_default_context()
    if mail.tls == "tls":
        server: _Telling = _TellingSecurely(mail.host, mail.port, timeout=SECONDS, context=context)
    else:
        server = _Telling(mail.host, mail.port, timeout=SECONDS)
    server.begins = begins
    with server:
        if mail.tls == "starttls":
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, environment.get(variable or PASSWORD_VARIABLE, ""))
        server.send_message(message)


def message_of(mail: MailServer, parcel: Parcel) -> EmailMessage:
    """The same at every try, its Message-ID too: a mailbox shows it once. EmailMessage refuses headers that hold a line break."""
    digest = hashlib.sha256(f"{parcel.kind}.{parcel.key}".encode()).hexdigest()[:32]
    message = EmailMessage()
    message["From"], message["To"] = mail.sender, str(parcel.payload["to"])
    message["Subject"] = str(parcel.payload["subject"])
    message["Date"] = format_datetime(parcel.put_at)
    message["Message-ID"] = f"<{digest}@{mail.sender.rpartition('@')[2] or 'sceau.invalid'}>"
    # RFC 3834: nobody's holiday notice answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(str(parcel.payload["body"]))
    return message


def deliver_mail(workstation: Workstation, parcel: Parcel) -> None:
    """A `station.outbox.Sender`. There is one server: where it does not answer, all that goes by it waits."""
    mail = workstation.settings.mail
    try:
        send_message(mail, message_of(mail, parcel))
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        told = outbox.answer_words(code, words)
        raise Undelivered(f"adresse refusée ({told}) / address refused ({told})", lasting=code in _LASTING) from error
    except _UNREACHED as error:
        raise Undelivered(outbox.trouble_words(error), alike="") from error
    except smtplib.SMTPException:
        raise  # Said of this message; it is an OSError, too.
    except OSError as error:
        raise Undelivered(outbox.trouble_words(error), alike="") from error
