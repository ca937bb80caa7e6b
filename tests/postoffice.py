"""A real mail server for the tests: Dovecot on loopback with its own configuration and folders, ended by its own process number."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from imapclient import IMAPClient

PASSWORD = "geheim"
DOVECOT = shutil.which("dovecot") or "/usr/sbin/dovecot"
CONFIGURATION = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
ssl = {ssl}
{certificate}
disable_plaintext_auth = no
first_valid_uid = 1
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
mail_location = maildir:{home}/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


@dataclass(frozen=True, slots=True)
class PostOffice:
    """The server, and how a test looks into it as its owner would."""

    home: Path
    port: int

    @contextmanager
    def box(self, user: str = "factures") -> Iterator[IMAPClient]:
        client = IMAPClient("127.0.0.1", self.port, ssl=False, timeout=10)
        client.login(user, PASSWORD)
        client.select_folder("INBOX")
        yield client
        client.logout()

    def put(self, message: EmailMessage | bytes, user: str = "factures") -> None:
        with self.box(user) as client:
            client.append("INBOX", message if isinstance(message, bytes) else message.as_bytes())

    def flags(self, user: str = "factures") -> dict[int, set[str]]:
        """Flags of each message, by its number."""
        with self.box(user) as client:
            found = client.get_flags(client.search())
        return {uid: {flag.decode() for flag in flags} - {"\\Recent"} for uid, flags in found.items()}

    def renumber(self, user: str = "factures") -> None:
        """The server forgets its numbers: another UIDVALIDITY, as after a restored backup."""
        time.sleep(1.1)  # UIDVALIDITY is the time in seconds
        for path in (self.home / "mail" / user).glob("dovecot*"):
            path.unlink()


@contextmanager
def open_office(*, certificate: tuple[Path, Path] | None = None) -> Iterator[PostOffice]:
    """A server of its own; the path is short, for a socket's name has 108 bytes."""
    home = Path(tempfile.mkdtemp(prefix="post-", dir="/tmp"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid())
    keeper = pwd.getpwnam("nobody") if root else me
    text = CONFIGURATION.format(
        home=home,
        port=port,
        password=PASSWORD,
        uid=keeper.pw_uid,
        gid=keeper.pw_gid,
        internal="dovecot" if root else me.pw_name,
        login="dovenull" if root else me.pw_name,
        group="dovecot" if root else "",
        ssl="required" if certificate else "no",
        certificate=f"ssl_cert = <{certificate[0]}\nssl_key = <{certificate[1]}" if certificate else "",
    )
    (home / "conf").write_text(text if root else text.replace("default_internal_group = \n", ""))
    (home / "mail").mkdir()
    home.chmod(0o755)
    if root:
        os.chown(home / "mail", keeper.pw_uid, keeper.pw_gid)
    server = subprocess.Popen([DOVECOT, "-F", "-c", str(home / "conf")], stderr=subprocess.DEVNULL)
    try:
        _wait_until_open(port, server, home)
        yield PostOffice(home, port)
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_open(port: int, server: "subprocess.Popen[bytes]", home: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert server.poll() is None, (home / "log").read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError((home / "log").read_text())


def letter(subject: str = "Votre facture", number: int = 1, *files: tuple[str, str, bytes], text: str = "Ci-joint.") -> EmailMessage:
    """A message with attachments: (file name, media type, content)."""
    message = EmailMessage()
    message["From"] = "Compta Berthier <compta@berthier.example>"
    message["To"] = "factures@exemple.fr"
    message["Subject"] = subject
    message["Message-ID"] = f"<{number}@berthier.example>"
    message.set_content(text)
    for name, kind, content in files:
        main, sub = kind.split("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message
