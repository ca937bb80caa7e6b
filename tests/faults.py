"""Faults that tests make, and what must hold after each: nothing lost, nothing twice, the ledger verifies."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import killed
import ownserver
import papers
import pytest
import sqlalchemy as sa
from ownserver import OwnServer, own_server

from station.audit import audit_ledger
from station.records.database import migrate, open_database
from station.records.tables import Archive, Arrival, Document, LedgerRow, State
from station.workstation import Workstation, open_workstation

SEED = int(os.environ.get("SEED", "20261122"))
LONGEST_SECONDS = 300
"""A run that takes longer hangs: the test says so instead of waiting."""
BLANK = "blank"
"""Database with the tables of this version, from which others are made."""


# --- a station and its scan ---


def prepare(home: Path, keys: Path, scans: int = 1) -> Path:
    """A home with keys and scans in its folder, which is returned."""
    shutil.copytree(keys, home / "keys" / "practice")
    folder = home / "stations" / "demo"
    folder.mkdir(parents=True)
    for number in range(1, scans + 1):
        papers.write_png(folder / f"{number}.png", papers.draw_invoice(seed=number, number=f"F-{number}"))
    return folder


def begin(home: Path, place: str = "-", command: str = "", within: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
    """`killed.py` on a home; `within`: a program that starts it elsewhere."""
    arguments = [*within, sys.executable, killed.__file__, str(home), place, *([command] if command else [])]
    folders = os.pathsep.join([str(Path(killed.__file__).parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        arguments,
        env={**os.environ, "PYTHONPATH": folders, **environment},
        stdout=subprocess.PIPE,
        stderr=log_of(home).open("a"),
        text=True,
    )


def log_of(home: Path) -> Path:
    """Beside the home, whose disk may be full."""
    return home.with_name(f"{home.name}.log")


def ended(process: subprocess.Popen[str], home: Path) -> set[str]:
    """Codes of what a person was told until every document had its outcome."""
    try:
        told, _ = process.communicate(timeout=LONGEST_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
    assert process.returncode == 0, log_of(home).read_text()[-4000:]
    return set(json.loads(told.splitlines()[-1]))


def require_whole(workstation: Workstation, scans: int = 1) -> None:
    """Each scan is there once: as arrival, as document, as archive, in the ledger, in the store and in processed/; and all verifies."""
    with workstation.database.reading() as session:
        states = [document.state for document in session.query(Document)]
        entries = [json.loads(row.entry)["type"] for row in session.query(LedgerRow).order_by(LedgerRow.sequence)]
        counts = (session.query(Arrival).count(), session.query(Archive).count())
    assert states == [State.SEALED] * scans, states
    assert counts == (scans, scans)
    assert (entries.count("received"), entries.count("sealed"), entries.count("duplicate")) == (scans, scans, 0)
    require_verified(workstation)
    assert len([named for named in workstation.archives.names() if named.suffix == ".pdf"]) == scans
    processed = workstation.settings.folder_of(workstation.settings.stations[0]) / "processed"
    assert len(list(processed.iterdir())) == scans


def require_verified(workstation: Workstation) -> None:
    """Ledger, records and stores agree, as `sceau verify --ledger` asks."""
    contradicted = [answer for answer in audit_ledger(workstation) if not answer.ok]
    assert not contradicted, contradicted


def sealed_by(url: str, seconds: float) -> bool:
    """Whether the one document is sealed before so many seconds have gone."""
    database, until = open_database(url), time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            with database.reading() as session:
                if [each.state for each in session.query(Document)] == [State.SEALED]:
                    return True
            time.sleep(0.5)
        return False
    finally:
        database.close()


def found_at(home: Path, url: str | None = None) -> Workstation:
    return open_workstation(killed.quick(home).model_copy(update={"database_url": url}))


# --- disks ---


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A disk of its own at a place; skips where the right to mount is missing."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk of its own needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False)


def filled(disk: Path, seconds: float) -> str:
    """Command that fills a disk to its last byte and makes room again after a while."""
    ballast = disk / "ballast"
    return f"cat /dev/zero > {ballast} 2> /dev/null; (sleep {seconds}; rm {ballast}) > /dev/null 2>&1 &"


def write_protected(disk: Path, seconds: float) -> str:
    """Command that lets a disk of its own take no writing for a while; the kernel refuses as long as somebody is writing."""
    once = f"for i in $(seq 100); do mount -o remount,ro {disk} 2> /dev/null && break; sleep 0.05; done"
    return f"{once}; (sleep {seconds}; mount -o remount,rw {disk}) > /dev/null 2>&1 &"


# --- a server ---


@contextmanager
def durable_server(listen: str = "127.0.0.1") -> Iterator[OwnServer]:
    """A PostgreSQL server that forgets nothing when it is killed, with a blank database of this version to copy from."""
    if ownserver.PROGRAMS is None:
        pytest.skip("no PostgreSQL server is installed")
    before = ownserver.MANNERS
    ownserver.MANNERS = f"-c fsync=off -c full_page_writes=off -c max_connections=100 -c listen_addresses={listen}"
    try:
        with own_server() as server:
            with (server.folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all 10.213.0.0/16 trust\n")
            ask(server, "SELECT pg_reload_conf()")
            make_blank(server)
            yield server
    finally:
        ownserver.MANNERS = before


def ask(server: OwnServer, *statements: str) -> None:
    engine = sa.create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def make_blank(server: OwnServer) -> None:
    ask(server, f"CREATE DATABASE {BLANK}")
    database = open_database(server.url.removesuffix("postgres") + BLANK)
    migrate(database)
    database.close()


def made_database(server: OwnServer, name: str, how: str = "") -> str:
    """The address of a new database."""
    ask(server, f"CREATE DATABASE {name} TEMPLATE {BLANK} {how}")
    return server.url.removesuffix("postgres") + name


def crashed(server: OwnServer, seconds: float) -> str:
    """Command that kills a server with all its processes, and starts it again after a while; what the system holds for the disk stays."""
    account = "runuser -u postgres -- " if os.geteuid() == 0 else ""
    control = f"{account}{ownserver.PROGRAMS}/pg_ctl -D {server.folder}/data"
    options = f"-p {server.port} -k {server.folder} {ownserver.MANNERS}"
    start = f'{control} -l {server.folder}/log -w -o "{options}" start'
    return f"cd /; {control} -m immediate stop > /dev/null; (sleep {seconds}; {start}) > /dev/null 2>&1 &"


# --- a wire ---


class Wire:
    """A connection to a server that passes all on, late or not at all.

    `cut` is asked at each COMMIT: where it says so, the server gets it and does it, and its answer never comes back.
    """

    def __init__(self, port: int, cut: Callable[[], bool] = lambda: False, delay: float = 0.0) -> None:
        self._target, self._cut = ("127.0.0.1", port), cut
        self.delay = delay
        """Seconds, each way; may be set while it is in use."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.commits = self.cuts = 0
        self._count = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target, timeout=None)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                deaf = threading.Event()
                for act in (self._ask, self._answer):
                    threading.Thread(target=act, args=(client, server, deaf), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while (data := client.recv(65536)) and not deaf.is_set():
                time.sleep(self.delay)
                if b"COMMIT" in data and self._chosen():
                    deaf.set()
                server.sendall(data)
        if deaf.is_set():
            return  # The server still has its answer to give; `_answer` ends both.
        _end(client, server)

    def _answer(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                time.sleep(self.delay)
                if deaf.is_set():
                    break
                client.sendall(data)
        _end(client, server)

    def _chosen(self) -> bool:
        with self._count:
            self.commits += 1
            chosen = self._cut()
            self.cuts += chosen
        return chosen


def _end(*ends: socket.socket) -> None:
    for each in ends:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


def by_chance(seed: int, share: float) -> Callable[[], bool]:
    """Cuts this share of all commits; the seed is printed."""
    print(f"SEED={seed}")
    chance = random.Random(seed)
    return lambda: chance.random() < share


# --- machines ---


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as far as its network goes: a name space with one cable."""

    space: str
    address: str

    @property
    def within(self) -> tuple[str, ...]:
        """Program that starts another one there."""
        return ("ip", "netns", "exec", self.space)


UNPLUG, PLUG = "ip link set cable down", "ip link set cable up"


@contextmanager
def machines(count: int) -> Iterator[tuple[str, tuple[Machine, ...]]]:
    """Machines at one switch, and the address at which they reach this one; skips where the kernel or the rights lack."""
    number = os.getpid() % 250
    switch, ours = f"sceau{number}", f"10.213.{number}.1"
    found = tuple(Machine(f"sceau{number}m{each}", f"10.213.{number}.{each + 2}") for each in range(count))
    try:
        _network(f"link add {switch} type bridge", f"addr add {ours}/24 dev {switch}", f"link set {switch} up")
        for each in found:
            _network(f"netns add {each.space}", f"link add v{each.space} type veth peer name cable netns {each.space}")
            _network(f"link set v{each.space} master {switch} up", f"-n {each.space} addr add {each.address}/24 dev cable")
            _network(f"-n {each.space} link set cable up", f"-n {each.space} link set lo up")
        yield ours, found
    finally:
        for command in (*(f"netns del {each.space}" for each in found), f"link del {switch}"):
            subprocess.run(["ip", *command.split()], check=False, capture_output=True)


def _network(*commands: str) -> None:
    for command in commands:
        try:
            made = subprocess.run(["ip", *command.split()], check=False, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("machines of their own need iproute2")
        if made.returncode:
            pytest.skip(f"machines of their own need the right to make networks: ip {command}: {made.stderr.strip()}")
