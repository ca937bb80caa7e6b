"""A real SMTP server on loopback for the tests: RFC 5321 as far as a client that sends needs it, STARTTLS and AUTH PLAIN."""

import base64
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PASSWORD = "geheim"


@dataclass(slots=True)
class Mailbox:
    """What came, and what the server asks of whoever brings it."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    messages: list[EmailMessage] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)
    refuse: bool = False
    unknown: bool = False
    """It knows no recipient."""
    later: bool = False
    """It takes no recipient for now."""
    silent: bool = False
    """It keeps a message and hangs up without a word about it."""


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box
        sock, encrypted = self.request, False
        sock.settimeout(10)
        lines, out = sock.makefile("rb"), sock

        def say(text: str) -> None:
            out.sendall(text.encode() + b"\r\n")

        say("220 test")
        while line := lines.readline():
            word = line.strip().decode("ascii", "replace")
            verb = word.split(" ")[0].upper()
            if verb == "EHLO":
                extras = (["STARTTLS"] if box.tls and not encrypted else []) + (["AUTH PLAIN"] if encrypted else [])
                say("\r\n".join(["250-test", *(f"250-{each}" for each in extras), "250 8BITMIME"]))
            elif verb == "STARTTLS" and box.tls:
                say("220 go")
                out = box.tls.wrap_socket(sock, server_side=True)
                lines, encrypted = out.makefile("rb"), True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(word.split(" ")[2]).decode().split("\0")
                box.logins.append(user)
                say("235 in" if password == PASSWORD else "535 no")
            elif verb == "RCPT" and box.later:
                say("450 4.2.1 later")
            elif verb in ("MAIL", "RCPT"):
                say("550 no" if box.refuse or (box.unknown and verb == "RCPT") else "250 ok")
            elif verb == "DATA":
                say("354 go on")
                body = []
                while (part := lines.readline()) != b".\r\n":
                    body.append(part[1:] if part.startswith(b"..") else part)
                box.messages.append(message_from_bytes(b"".join(body), policy=policy.default))
                box.secure.append(encrypted)
                if box.silent:
                    return
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok" if verb in ("RSET", "NOOP") else "502 unknown")


@contextmanager
def open_mailbox(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk) as server:
        server.daemon_threads = True
        box = server.box = Mailbox(server.server_address[1], tls)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()


def dawdle(server: socket.socket, drip: bytes) -> None:
    """Takes one connection and never comes to the end of its first answer, while anybody listens or for five seconds."""
    with suppress(OSError), server.accept()[0] as connection:
        for _ in range(50):
            time.sleep(0.1)
            connection.sendall(drip)


def certificate_of(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself: the file to trust, and the server's context."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(secret + pem)
    file.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return file, context
