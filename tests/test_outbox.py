"""What leaves the house: once by its key, by one worker at a time, again and again, then dead with a reason; e-mail and webhooks."""

import base64
import hashlib
import hmac
import json
import re
import smtplib
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import atwork
import mailserver
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from config.settings import OutgoingMail, Settings
from sealing.ledger import Actor, ActorKind, Event
from station import mail, outbox, webhooks
from station.outbox import LONGEST_WAIT, MOST_TRIES, Sent, Undelivered, wait_after
from station.records import people
from station.records.ledger import append_event
from station.records.tables import LedgerPayload, OutboxRow
from station.senders import SENDERS
from station.workstation import Workstation

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class House:
    station: Workstation
    now: datetime = NOON
    gone: list = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def put(self, key: str, payload=None) -> None:
        with self.station.database.writing() as session:
            outbox.put(session, "essai", "test", key, payload or {"to": "anna"}, self.now)

    def send(self, sender=None) -> int:
        take = sender or (lambda _station, parcel: self.gone.append(parcel.key))
        return outbox.deliver_due(self.station, {"test": take}, lambda: 0.5)

    def rows(self) -> list[OutboxRow]:
        with self.station.database.reading() as session:
            return list(session.scalars(sa.select(OutboxRow).order_by(OutboxRow.id)))


@pytest.fixture
def house(tmp_path):
    opened = atwork.open_home(tmp_path)
    made = House(opened)
    made.station = Workstation(opened.settings, opened.database, opened.originals, opened.archives, clock=made.clock)
    return made


def refuse(_station, _parcel):
    raise Undelivered("pas maintenant / not now")


# --- the outbox ---


def test_what_is_put_twice_leaves_once_and_its_content_goes_with_it(house):
    house.put("a")
    house.put("a", {"to": "somebody else"})
    assert (house.send(), house.send(), house.gone) == (1, 0, ["a"])
    (row,) = house.rows()
    assert (row.state, row.payload, row.digest) == (Sent.SENT, None, hashlib.sha256(b'{"to":"anna"}').hexdigest())


def test_what_a_transaction_takes_back_never_leaves(house):
    with pytest.raises(ZeroDivisionError), house.station.database.writing() as session:
        outbox.put(session, "essai", "test", "a", {}, NOON)
        1 / 0  # noqa: B018
    assert house.send() == 0


def test_two_workers_never_send_the_same_at_once(house):
    house.put("a")
    inner = []
    assert house.send(lambda _station, _parcel: inner.append(house.send())) == 1
    assert inner == [0]


@contextmanager
def slow_commits(house):
    """Each transaction stays open a little; yields what is set once the first is about to commit."""
    about = threading.Event()

    def hold(_connection):
        about.set()
        time.sleep(0.3)

    sa.event.listen(house.station.database.writer, "commit", hold)
    yield about
    sa.event.remove(house.station.database.writer, "commit", hold)


def _aside(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_of_two_workers_that_ask_for_the_same_at_once_one_gets_it(house):
    house.put("a")
    got = []
    with slow_commits(house) as about:
        first = _aside(lambda: got.append(outbox._claim(house.station, "test", 1, "first")))
        assert about.wait(60)
        got.append(outbox._claim(house.station, "test", 1, "second"))
        first.join()
    assert sorted(parcel is None for parcel in got) == [False, True]


def test_what_left_while_somebody_gives_it_up_is_told_as_one_or_the_other_and_not_rewritten(house):
    house.put("a")
    parcel, about = outbox._claim(house.station, "test", 1, "lease"), threading.Event()

    def give_up_slowly():
        with house.station.database.writing() as session:
            outbox.give_up(session, "essai", 1, NOON)
            about.set()
            time.sleep(0.3)

    giving = _aside(give_up_slowly)
    assert about.wait(60)
    outbox._note(house.station, parcel, "lease", None, 0.5)
    noted = house.rows()[0].state
    giving.join()
    assert noted == Sent.DROPPED, "it waited for the person's act"
    assert house.rows()[0].state == Sent.DROPPED


def test_where_nobody_answers_one_asks_for_all_and_other_places_and_kinds_do_not_wait(house):
    for key in ("1:1", "1:2", "12:1", "1:3"):
        house.put(key)
    asked = []

    def ask(_station, parcel):
        asked.append(parcel.key)
        if parcel.key.startswith("1:"):
            raise Undelivered("personne / nobody", alike="1:")

    assert house.send(ask) == 1
    assert asked == ["1:1", "12:1"]
    assert [(row.tries, row.trouble) for row in house.rows()] == [(1, "personne / nobody")] * 2 + [(1, None), (1, "personne / nobody")]
    house.now += timedelta(hours=1)
    house.send(ask)
    assert asked[2:] == ["1:2"], "another of them asks next time"
    for _ in range(MOST_TRIES):
        house.now += LONGEST_WAIT * 2
        house.send(ask)
    assert [row.state for row in house.rows()] == [Sent.DEAD, Sent.DEAD, Sent.SENT, Sent.DEAD]


def test_a_kind_that_takes_its_time_lets_the_next_one_pass(house, monkeypatch):
    house.put("a")
    house.put("b")
    with house.station.database.writing() as session:
        outbox.put(session, "essai", "other", "c", {}, NOON)
    monkeypatch.setattr(outbox, "TURN_SECONDS", -1.0)
    outbox.deliver_due(house.station, dict.fromkeys(("test", "other"), lambda _station, parcel: house.gone.append(parcel.key)))
    assert house.gone == []
    monkeypatch.setattr(outbox, "TURN_SECONDS", 0.05)

    def dawdle(_station, parcel):
        house.gone.append(parcel.key)
        time.sleep(0.06)

    outbox.deliver_due(house.station, dict.fromkeys(("test", "other"), dawdle))
    assert house.gone == ["a", "c"]


def test_what_a_worker_that_died_held_is_sent_by_the_next_after_its_lease(house):
    house.put("a")

    def die(_station, _parcel):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.send(die)
    assert house.send() == 0
    house.now += outbox.LEASE
    assert house.send() == 1


def test_what_a_clock_that_ran_ahead_put_off_leaves_once_it_is_right(house):
    house.now = NOON + timedelta(days=3650)
    house.put("a")
    house.now = NOON
    assert (house.send(), house.gone) == (1, ["a"])


def test_a_parcel_that_nobody_thought_of_stands_before_no_other(house):
    house.put("a")
    house.put("b")

    def stumble(_station, parcel):
        if parcel.key == "a":
            raise KeyError("surprise")
        house.gone.append(parcel.key)

    assert (house.send(stumble), house.gone) == (1, ["b"])
    assert "KeyError" in house.rows()[0].trouble


def test_after_its_last_try_it_is_dead_and_a_person_may_send_it_again_or_give_it_up(house):
    house.put("a")
    for _ in range(MOST_TRIES):
        house.send(refuse)
        house.now += LONGEST_WAIT * 2
    (row,) = house.rows()
    assert (row.state, row.tries, row.trouble) == (Sent.DEAD, MOST_TRIES, "pas maintenant / not now")
    with house.station.database.writing() as session:
        outbox.retry_now(session, "essai", row.id, house.now)
    assert house.send() == 1
    with pytest.raises(outbox.Gone), house.station.database.writing() as session:
        outbox.give_up(session, "essai", row.id, house.now)


def test_what_is_given_up_loses_its_content_and_another_company_may_not(house):
    house.put("a")
    with pytest.raises(outbox.Gone), house.station.database.writing() as session:
        outbox.give_up(session, "autre", 1, NOON)
    with house.station.database.writing() as session:
        outbox.give_up(session, "essai", 1, NOON)
    assert (house.rows()[0].state, house.rows()[0].payload, house.send()) == (Sent.DROPPED, None, 0)


def test_old_lines_go(house):
    house.put("a")
    house.put("b")
    house.send(lambda _s, parcel: refuse(_s, parcel) if parcel.key == "b" else None)
    house.now += timedelta(days=outbox.KEPT_DAYS + 1)
    outbox.drop_old(house.station)
    assert [row.key for row in house.rows()] == ["b"]


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_each_wait_is_bounded_and_never_shorter_than_the_earliest_of_the_one_before(tries, chance):
    assert timedelta(seconds=45) <= wait_after(tries, chance) <= LONGEST_WAIT * 1.25
    assert wait_after(tries + 1, 0.0) >= wait_after(tries, 0.0)


# --- e-mail ---


def _mailed(house, port: int, **changes) -> None:
    server = OutgoingMail(sender="sceau@exemple.fr", host="127.0.0.1", port=port, **{"tls": "none", **changes})
    house.station = Workstation(
        house.station.settings.model_copy(update={"mail": server}), house.station.database, house.station.originals, house.station.archives,
        clock=house.clock,
    )  # fmt: skip


def test_a_message_goes_by_a_real_server_with_the_same_identifier_at_every_try(house):
    with mailserver.open_mailbox() as box:
        _mailed(house, box.port)
        with house.station.database.writing() as session:
            mail.put_mail(session, "essai", "approval-1", "anna@exemple.fr", "À approuver\r\nBcc: voleur@exemple.fr", "Bonjour Anna", NOON)
        parcel = SimpleNamespace(kind="mail", key="approval-1", payload=house.rows()[0].payload, put_at=NOON)
        assert outbox.deliver_due(house.station, SENDERS) == 1
        (message,) = box.messages
    assert (message["To"], message["Bcc"], message["Auto-Submitted"]) == ("anna@exemple.fr", None, "auto-generated")
    assert message["Subject"] == "À approuver Bcc: voleur@exemple.fr"
    again = mail.message_of(house.station.settings.mail, parcel)
    assert (again["Message-ID"], again["Date"]) == (message["Message-ID"], message["Date"])
    assert message.get_content().strip() == "Bonjour Anna"


def test_over_tls_the_password_of_the_environment_is_sent_and_never_without(house, tmp_path, monkeypatch):
    trusted, context = mailserver.certificate_of(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("SCEAU_MAIL_PASSWORD", mailserver.PASSWORD)
    with mailserver.open_mailbox(context) as box:
        message = EmailMessage()
        message["From"], message["To"] = "sceau@exemple.fr", "anna@exemple.fr"
        mail.send_message(OutgoingMail(sender="sceau@exemple.fr", host="127.0.0.1", port=box.port, user="sceau"), message)
        assert (box.logins, box.secure) == (["sceau"], [True])
    with pytest.raises(ValueError, match="clair"):
        OutgoingMail(sender="sceau@exemple.fr", host="127.0.0.1", tls="none", user="sceau")
    with pytest.raises(ValueError, match="none"):
        OutgoingMail(sender="sceau@exemple.fr", host="smtp.exemple.fr", tls="none")


def test_an_address_that_the_server_refuses_for_good_is_dead_at_once(house):
    with mailserver.open_mailbox() as box:
        box.refuse = True
        _mailed(house, box.port)
        with house.station.database.writing() as session:
            mail.put_mail(session, "essai", "a", "anna@exemple.fr", "s", "b", NOON)
        outbox.deliver_due(house.station, SENDERS)
    assert house.rows()[0].state in (Sent.DEAD, Sent.WAITING)
    assert "550" in house.rows()[0].trouble


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (smtplib.SMTPRecipientsRefused({"anna@exemple.fr": (550, b"5.1.1 <anna@exemple.fr>: mailbox unavailable")}), "550 5.1.1"),
        (smtplib.SMTPDataError(451, b"anna@exemple.fr over quota"), "451"),
        (smtplib.SMTPException("no way to <anna@exemple.fr>"), "no way to <…>"),
    ],
)
def test_what_a_server_says_of_somebody_is_neither_kept_nor_logged(house, monkeypatch, caplog, error, told):
    monkeypatch.setattr(mail, "send_message", lambda *_: (_ for _ in ()).throw(error))
    with house.station.database.writing() as session:
        mail.put_mail(session, "essai", "a", "anna@exemple.fr", "s", "b", NOON)
    outbox.deliver_due(house.station, SENDERS)
    assert told in house.rows()[0].trouble
    assert "anna" not in house.rows()[0].trouble + caplog.text


def test_a_mail_server_that_does_not_answer_is_asked_once_for_all_messages(house):
    _mailed(house, 9)
    with house.station.database.writing() as session:
        for key in "abc":
            mail.put_mail(session, "essai", key, "anna@exemple.fr", "s", "b", NOON)
    outbox.deliver_due(house.station, {mail.KIND: _counted(asked := [])})
    assert asked == ["a"]
    assert [row.tries for row in house.rows()] == [1, 1, 1]


@pytest.mark.parametrize("drip", [b"", b"2"])
def test_a_mail_server_that_is_silent_or_answers_a_byte_at_a_time_is_left_and_the_message_waits(house, monkeypatch, drip):
    monkeypatch.setattr(mail, "SECONDS", 0.5)
    monkeypatch.setattr(mail, "WHOLE_SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=mailserver.dawdle, args=(server, drip), daemon=True).start()
        _mailed(house, server.getsockname()[1])
        with house.station.database.writing() as session:
            mail.put_mail(session, "essai", "a", "anna@exemple.fr", "s", "b", NOON)
        begun = time.monotonic()
        outbox.deliver_due(house.station, SENDERS)
        assert time.monotonic() - begun < 3.0
    (row,) = house.rows()
    assert (row.state, row.tries, row.trouble is not None) == (Sent.WAITING, 1, True)


def _counted(asked: list):
    def deliver(station, parcel):
        asked.append(parcel.key)
        mail.deliver_mail(station, parcel)

    return deliver


@pytest.mark.parametrize("to", ["", "anna", "a@b, c@d", "a@b\r\nBcc: c@d", "<a@b>", "a b@c"])
def test_what_is_not_one_address_is_refused_before_it_is_put(house, to):
    with pytest.raises(mail.BadAddress), house.station.database.writing() as session:
        mail.put_mail(session, "essai", "a", to, "s", "b", NOON)


def test_without_a_mail_server_a_message_waits_and_says_why(house):
    with house.station.database.writing() as session:
        mail.put_mail(session, "essai", "a", "anna@exemple.fr", "s", "b", NOON)
    outbox.deliver_due(house.station, SENDERS)
    assert (house.rows()[0].state, "[mail]" in house.rows()[0].trouble) == (Sent.WAITING, True)


# --- webhooks ---


@contextmanager
def listening(status: int = 204):
    """A subscriber on loopback; what came, as headers and bytes."""
    came: list[tuple[dict[str, str], bytes]] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append(
                ({name.lower(): value for name, value in self.headers.items()}, self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/sceau", came
        finally:
            server.shutdown()
            thread.join()


def _inside(house, *hosts: str) -> Workstation:
    settings = house.station.settings
    changed = settings.model_copy(update={"outgoing": settings.outgoing.model_copy(update={"private_hosts": list(hosts)})})
    return Workstation(changed, house.station.database, house.station.originals, house.station.archives, clock=house.clock)


def _happen(house, kind: str, payload: dict, document: str = "d1") -> None:
    with house.station.database.writing() as session:
        actor = Actor("system", ActorKind.SYSTEM)
        append_event(session, Event("essai", kind, {"document": document}, actor, house.now, "system", payload))


def _subscribe(station, url: str, *events: str):
    with station.database.writing() as session:
        return webhooks.subscribe(session, station, "essai", url, list(events), people.find(session, "atelier"))


def test_an_event_is_told_signed_and_without_any_value(house):
    station = _inside(house, "127.0.0.1")
    with listening() as (url, came):
        row = _subscribe(station, url, "document.held", "invoice.state")
        _happen(house, "held", {"title": "Facture Le Goff", "reason": "floue", "what": "Le Goff 12"})
        _happen(house, "sealed", {})
        _happen(house, "state", {"from": "reviewed", "to": "approved"})
        webhooks.tend_webhooks(station)
        webhooks.tend_webhooks(station)
        assert outbox.deliver_due(station, SENDERS) == 2
    told = [json.loads(body) for _, body in came]
    assert [each["type"] for each in told] == ["document.held", "invoice.state"]
    assert set(told[0]["data"]) == {"entity", "sequence", "document"}
    assert told[1]["data"]["to"] == "approved"
    headers, body = came[0]
    key = base64.b64decode(row.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_repetition_bears_the_same_identifier_and_a_subscriber_that_is_gone_is_told_no_more(house):
    station = _inside(house, "127.0.0.1")
    with listening(500) as (url, came):
        _subscribe(station, url, "document.held")
        _happen(house, "held", {})
        webhooks.tend_webhooks(station)
        for _ in range(2):
            outbox.deliver_due(station, SENDERS)
            house.now += timedelta(hours=1)
        assert len({headers["webhook-id"] for headers, _ in came}) == 1
        assert len(came) == 2
    with listening(410) as (url, came):
        gone = _subscribe(station, url, "document.held")
        for document in ("d1", "d2"):
            _happen(house, "held", {}, document)
        webhooks.tend_webhooks(station)
        outbox.deliver_due(station, SENDERS)
        told = house.rows()[-2:]
        assert len(came) == 1
    assert "410" in told[0].trouble
    assert [(row.state, row.payload) for row in told] == [(Sent.DROPPED, None)] * 2
    with house.station.database.reading() as session:
        assert session.get(type(gone), gone.id).ended_by == "system"
        entry = session.scalars(
            sa.select(LedgerPayload).where(LedgerPayload.type == "webhook").order_by(LedgerPayload.sequence.desc())
        ).first()
        assert json.loads(entry.body)["what"] == "gone"


def test_what_happened_before_the_subscription_is_not_told_and_what_another_process_wrote_is(house):
    station = _inside(house, "127.0.0.1")
    _happen(house, "held", {}, "early")
    _subscribe(station, "http://127.0.0.1:9/x", "document.held")
    _happen(house, "held", {}, "late")
    assert webhooks.tend_webhooks(station) == 1
    assert house.rows()[0].payload["message"]["data"]["document"] == "late"


@pytest.mark.parametrize(
    "url", ["http://exemple.fr/x", "https://127.0.0.1/x", "https://10.0.0.1/", "https://a:b@exemple.fr/", "ftp://exemple.fr", "x"]
)
def test_an_address_inside_or_in_the_clear_is_no_subscriber(house, url):
    with pytest.raises(webhooks.BadSubscription):
        _subscribe(house.station, url, "document.held")


def test_a_name_that_leads_inside_is_refused_where_the_connection_is_made(house):
    station = _inside(house, "localhost")
    row = _subscribe(station, "https://localhost:9/x", "document.held")
    _happen(house, "held", {})
    webhooks.tend_webhooks(station)
    outbox.deliver_due(house.station, SENDERS)
    assert row.id == 1
    assert house.rows()[0].state == Sent.DEAD


def test_every_event_of_the_table_has_its_words():
    catalogue = (Settings.__module__, webhooks.NAMES)
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", name) for name in catalogue[1])
