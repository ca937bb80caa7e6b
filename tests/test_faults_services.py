"""While time authority, mail server and provider of identities are down or slow, all at once: nothing is lost, nothing comes twice."""

import socket
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import atwork
import mailserver
import oidcserver
import papers
import pytest
from asn1crypto import pem
from fastapi.testclient import TestClient
from faults import require_whole
from tsaserver import serving
from years import House

from config.settings import OutgoingMail, Provider, SignIn, Time, TimeSource, Trust
from sealing.authority import EXAMPLE_POLICY, TimeAuthority
from station import mail, outbox
from station.outbox import Sent
from station.records.tables import OutboxRow, State
from station.senders import SENDERS
from station.timekeeping import waiting_for_time
from station.web.app import build_app
from station.workstation import Workstation

SLOW = 1.5
PATIENT = 0.3
"""Seconds that the station gives a service here."""


class Outside:
    """The three services on loopback, each of which answers at once, late, or not at all."""

    def __init__(self, stack: ExitStack, house: House, now: datetime) -> None:
        self.manner = "well"
        authority = TimeAuthority(house.time(now - timedelta(days=1), now + timedelta(days=900), "Tiers"), lambda: datetime.now(UTC))
        self.time = stack.enter_context(serving(lambda request: self._late() or authority.answer(request).dump()))
        self.identities = stack.enter_context(oidcserver.serving())
        self.box = stack.enter_context(mailserver.open_mailbox())
        self.silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=mailserver.dawdle, args=(self.silent, b"2"), daemon=True).start()
        taken = stack.enter_context(socket.socket())
        taken.bind(("127.0.0.1", 0))
        self.nobody = taken.getsockname()[1]
        """A port that is taken and at which nobody listens."""

    def _late(self) -> None:
        time.sleep(SLOW if self.manner == "slow" else 0)

    def behave(self, manner: str) -> None:
        self.manner = manner
        self.identities.slow = SLOW if manner == "slow" else 0.0

    def settings(self, station: Workstation) -> Workstation:
        """The same home, whose settings name the services as they are now; one that is down is a port where nobody listens."""
        down = self.manner == "down"
        time_url = f"http://127.0.0.1:{self.nobody}/" if down else self.time.url
        source = TimeSource(name="tiers", url=time_url, policy=EXAMPLE_POLICY, roots="tiers.pem", seconds=PATIENT)
        issuer = f"http://localhost:{self.nobody}" if down else self.identities.issuer
        port = {"down": self.nobody, "slow": self.silent.getsockname()[1]}.get(self.manner, self.box.port)
        changes = {
            "time": Time(authority=(source,), rest_minutes=0),
            "trust": Trust(revocation=["tiers.crl"]),
            "mail": OutgoingMail(sender="sceau@exemple.fr", host="127.0.0.1", port=port, tls="none"),
            "sign_in": SignIn(oidc=Provider(issuer=issuer, client_id=oidcserver.CLIENT, label="compte ACME", seconds=PATIENT)),
        }
        settings = station.settings.model_copy(update=changes)
        return Workstation(settings, station.database, station.originals, station.archives, clock=station.clock)


@pytest.mark.parametrize("manner", ["down", "slow"])
def test_while_the_services_outside_do_not_serve_a_scan_waits_and_is_told_and_afterwards_each_thing_happens_once(
    tmp_path: Path, practice_keys: Path, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    monkeypatch.setattr(mail, "SECONDS", PATIENT)
    monkeypatch.setattr(mail, "WHOLE_SECONDS", PATIENT)
    monkeypatch.setenv("SCEAU_OIDC_SECRET", oidcserver.SECRET)
    now = datetime.now(UTC)
    house = House(now - timedelta(days=3000))
    with ExitStack() as stack:
        outside = Outside(stack, house, now)
        home = atwork.open_home(tmp_path / "home", practice_keys)
        (home.home / "tiers.pem").write_bytes(pem.armor("CERTIFICATE", house.trust[0].dump()))
        (home.home / "tiers.crl").write_bytes(house.crl(now))
        with home.database.writing() as session:
            mail.put_mail(session, "essai", "a", "anna@exemple.fr", "À approuver", "Bonjour", now)

        outside.behave(manner)
        station = outside.settings(home)
        papers.write_png(atwork.folder_of(station) / "1.png", papers.draw_page(["Facture"], size=(500, 300)))
        reception = atwork.reception_of(station)
        assert sum(reception.look(float(second)) for second in range(0, 20, 2)) == 1
        (document,) = atwork.all_documents(station)
        with atwork.pipeline_of(station) as work:
            waits = work(document.id)
        outbox.deliver_due(station, SENDERS)
        entrance = TestClient(build_app(station, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
        refused = entrance.get("/oidc/begin")
        assert (waits.state, waits.problem, waits.archives) == (State.RECEIVED, "timestamp-unavailable", [])
        assert (refused.status_code, "n’a pas répondu" in refused.text) == (503, True)
        with station.database.reading() as session:
            assert waiting_for_time(session).count == 1
            told = session.query(OutboxRow).one()
            assert (told.state, told.tries, bool(told.trouble)) == (Sent.WAITING, 1, True)

        outside.behave("well")
        station = outside.settings(home)
        with atwork.pipeline_of(station) as work:
            assert work(document.id).state == State.SEALED
            assert work(document.id).state == State.SEALED
        with station.database.writing() as session:
            session.query(OutboxRow).update({OutboxRow.try_at: now})
        outbox.deliver_due(station, SENDERS)
        outbox.deliver_due(station, SENDERS)
        assert len(outside.box.messages) == 1
        entrance = TestClient(build_app(station, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
        assert entrance.get("/oidc/begin").status_code == 303
    require_whole(station)
