"""A workstation whose API is asked: documents in every state, people, and tokens for them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
import webhome
from fastapi.testclient import TestClient

from station.api_tokens import SCOPES, make_token
from station.people import Act, RoleDays, add_person
from station.records import people
from station.web.app import build_app
from station.workstation import Workstation
from workflow.roles import Role

ENTITY = "essai"


@dataclass
class Office:
    """The workstation, its application, and who was asked for a token."""

    station: Workstation
    ids: dict[str, str]
    app: Any = None
    time: list[float] = field(default_factory=lambda: [1_800_000_000.0])

    def token(self, login: str = "responsable", scopes: tuple[str, ...] = SCOPES, entity: str = ENTITY, days: int = 30) -> str:
        with self.station.database.writing() as session:
            person = people.find(session, login)
            return make_token(session, entity, person, "essai", list(scopes), days, self.station.clock())[1]

    def program(self, login: str = "responsable", scopes: tuple[str, ...] = SCOPES, **more: Any) -> TestClient:
        """A program with a token of this person."""
        headers = {"Authorization": f"Bearer {self.token(login, scopes, **more)}"}
        return TestClient(self.app, base_url="http://localhost/api/v1", headers=headers)

    def person(self, login: str, *roles: Role) -> str:
        """Somebody else; returns the login."""
        act = Act(ENTITY, None, self.station.clock())
        with self.station.database.writing() as session:
            made, password = add_person(session, act, login, "", "", [RoleDays(role) for role in roles])
            people.set_password(session, login, password)
            return made.login


def open_office(folder: Path) -> Office:
    station = webhome.open_home(folder)
    office = Office(station, webhome.fill(station))
    office.app = build_app(station, secret=b"test", moment=lambda: office.time[0])
    return office


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real server on loopback; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
