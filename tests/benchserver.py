"""A PostgreSQL server for a measurement: its own folder, loopback, durable as its makers ship it, ended with the measurement."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")


def _as_its_own(command: Sequence[str]) -> list[str]:
    """It refuses to run as root: then as the account that its package made."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@contextmanager
def postgres_server(folder: Path) -> Iterator[tuple[str, int]]:
    """Its URL, and the process identifier of its parent process. Raises SystemExit where none is installed."""
    programs = max(INSTALLED.glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
    if programs is None:
        raise SystemExit("no PostgreSQL server is installed: apt-get install postgresql")
    folder.mkdir(parents=True)
    for above in folder.parents[: len(folder.parts) - 2]:
        above.chmod(above.stat().st_mode | 0o011)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    initial = [str(programs / "initdb"), "-D", data, "-U", "sceau", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(_as_its_own(initial), check=True, stdout=subprocess.DEVNULL)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c shared_buffers=512MB -c max_connections=100"
    control = [str(programs / "pg_ctl"), "-D", data, "-w"]
    subprocess.run(_as_its_own([*control, "-l", str(folder / "log"), "-o", options, "start"]), check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql+psycopg://sceau@127.0.0.1:{port}/postgres", int((folder / "data" / "postmaster.pid").read_text().split()[0])
    finally:
        subprocess.run(_as_its_own([*control, "-m", "fast", "stop"]), check=False, stdout=subprocess.DEVNULL)
