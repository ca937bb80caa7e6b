"""`sceau serve`: web pages, folder watcher and worker in one process, until it is told to stop."""

import contextlib
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from capture.catalogue import message
from config.secrets import BadKey, drawn_key, drop_secrets
from config.settings import Settings
from station.keyring import look_at_keys
from station.machines import require_ledger_keys
from station.problems import problem_of
from station.records import people
from station.running import Running
from station.slots import SlotTaken, hold_slot
from station.web.app import build_app
from station.witnesses import stand_by_witnesses
from station.workstation import Workstation, now, open_workstation


def serve_station(settings: Settings, say: Callable[[str], object]) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code. `say` prints a line for the person who started it."""
    try:
        listener = _listen(settings.server.host, settings.server.port)
    except OSError as error:
        say(_no_port(settings, error))
        return 1
    with contextlib.closing(listener):
        try:
            with hold_slot(settings.home, "serve", count=1) as executor:
                again = _run(open_workstation(settings), executor, listener, say)
        except SlotTaken:
            say(f"Un poste Sceau tourne déjà sur {settings.home}. Arrêtez-le d'abord, ou choisissez un autre SCEAU_HOME.")
            return 1
    if again:
        # New settings and secrets are read by a new process, under the same command: everything of the old one has ended in order.
        drop_secrets()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 our own command line
    return 0


class Server(uvicorn.Server):
    """Open event streams end first: a server that waits for its answers to end would wait for every page that is open."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.changes.close()  # type: ignore[union-attr]  # the application that `build_app` made
        await super().shutdown(sockets)


def _run(workstation: Workstation, executor: str, listener: socket.socket, say: Callable[[str], object]) -> bool:
    """Until it is told to stop; whether it is to start again with new settings."""
    settings = workstation.settings
    require_ledger_keys(workstation, serves=True)
    stand_by_witnesses(workstation)
    started = time.monotonic()
    if settings.sealing.mode == "practice":
        with workstation.database.writing() as session:
            people.ensure_practice(session)
    web = build_app(workstation, secret=_secret(settings.home / "keys" / "session"))
    running = Running(workstation, "serve", executor, watch=True)
    web.state.scanning = running.scanning
    running.start()
    address, port = listener.getsockname()[:2]
    say(f"Sceau est prêt en {time.monotonic() - started:.1f} s : http://{address}:{port}")
    for station in settings.stations:
        say(f"Station « {station.name} » : déposez un scan dans {settings.folder_of(station)}")
    for line in key_lines(settings):
        say(line)
    if web.state.first_code:
        where = f"http://{address}:{port}/installation/debut"
        say(f"Personne n'administre encore ce poste. Ouvrez {where} avec ce code : {web.state.first_code}")
    try:
        server = Server(uvicorn.Config(web, log_level="warning", timeout_graceful_shutdown=5))
        again: list[bool] = []

        def restart() -> None:
            again.append(True)
            server.should_exit = True

        web.state.restart = restart
        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn ends by raising again the signal that ended it; that must not end us before the worker has stopped.
            signal.signal(number, lambda *_: None)
        server.run(sockets=[listener])
    finally:
        say("Arrêt : les documents en cours finissent ou reprendront au prochain démarrage ; rien n'est perdu.")
        running.stop()
    return bool(again)


def key_lines(settings: Settings) -> list[str]:
    """In production: what stands against the key in use, said at the start as the documents that wait will say it.

    The station starts all the same: what comes in is safe in the vault, and is sealed once the key may seal.
    """
    if settings.sealing.mode == "practice" or settings.sealing.source == "csc":
        return []  # A remote service may take long to answer; nobody waits for it here.
    moment = now()
    told = look_at_keys(settings, moment)
    trouble = [f"{problem_of(told.trouble).words(settings.language)} ({told.trouble})"] if told.trouble else []
    return [*trouble, *(message(warning, settings.language) for warning in told.warnings)]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From now on a browser waits instead of being turned away, so that « prêt » is true when it is said.
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _no_port(settings: Settings, error: OSError) -> str:
    where = f"{settings.server.host}:{settings.server.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Le port {where} est déjà pris. Changez [server] port dans {settings.home / 'sceau.toml'}, ou lancez : sceau serve --port 8081"
        )
    return f"Impossible d'écouter sur {where} : {error.strerror}. Corrigez [server] dans {settings.home / 'sceau.toml'}."


def _secret(path: Path) -> bytes:
    """The key of the session cookies, drawn once per installation; what is no key is replaced, and everybody signs in again."""
    try:
        return drawn_key(path)
    except BadKey:
        path.unlink()
        return drawn_key(path)
