"""A PostgreSQL server of one test's own, that may be ended and begun again: real, on loopback, with nothing of worth in it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
# What is committed has to be there when the server is back, so commits are not made late; a server that is ended leaves the files whole.
MANNERS = "-c fsync=off -c full_page_writes=off -c max_connections=60"


@dataclass(frozen=True, slots=True)
class OwnServer:
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://sceau@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 {MANNERS}"
        _run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-o", options, "start")

    def end(self) -> None:
        """At once, as a machine that loses its power."""
        _run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")


@contextmanager
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="sceau-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        server = OwnServer(folder, asked.getsockname()[1])
    try:
        _run("initdb", "-D", f"{folder}/data", "-U", "sceau", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        server.start()
        yield server
    finally:
        _run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str, check: bool = True) -> None:
    # The server refuses to run as root: it gets the account that its package made.
    account = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    subprocess.run(
        [*account, f"{PROGRAMS}/{program}", *arguments], check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )
