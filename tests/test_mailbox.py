"""A mailbox is a station too: against a real Dovecot, nothing is lost, fetched twice or flagged too early."""

import errno
import io
import json
import ssl
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import papers
import pytest
import sqlalchemy as sa
from atwork import all_documents, document_of, open_home, reception_of, take_in
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError
from imapclient.response_parser import parse_fetch_response
from PIL import Image
from postoffice import PASSWORD, letter, open_office
from test_erasure import everything_kept

from capture.hotfolder import glance
from capture.mailbox import (
    LONGEST_NAME,
    Attachment,
    Bounce,
    Contents,
    MailState,
    attachments_of,
    may_hold_documents,
    read_heading,
    without_harm,
)
from config.settings import Station
from station import acts, erasure, post
from station.audit import audit_ledger
from station.children import PoisonPage
from station.erasure import certificate_path
from station.post import Postman, connect, is_loopback, is_settled, mailbox_health
from station.problems import PROBLEMS
from station.records import documents, people
from station.records.tables import Arrival, Document, LedgerPayload, Mail, Person, State
from station.running import Running
from station.slots import hold_slot
from station.status import status_of
from station.status_words import status_lines
from station.web.words import words_in

ENVIRONMENT = {"SCEAU_MAILBOX_COURRIER_PASSWORD": PASSWORD}
PDF = b"%PDF-1.4\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
XML = b'<?xml version="1.0" encoding="UTF-8"?><Invoice/>'


# --- inside a message ---


def png(seed: int = 1, size: tuple[int, int] = (60, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(papers.draw_page(size=size, seed=seed)).save(buffer, "PNG")
    return buffer.getvalue()


def test_documents_are_told_by_their_bytes_and_keep_the_name_that_the_sender_gave():
    message = letter(
        "x",
        1,
        ("Facture n° 7.pdf", "application/octet-stream", PDF),
        ("facture.XML", "text/xml", XML),
        ("virus.pdf", "application/pdf", b"MZ"),
    )
    found = attachments_of(message.as_bytes())
    assert [(a.name, a.content) for a in found] == [("Facture n° 7.pdf", PDF), ("facture.XML", XML)]


@pytest.mark.parametrize(("size", "names"), [((60, 40), ["scan.png"]), ((1240, 1754), ["photo.png", "scan.png"])])
def test_a_logo_that_the_text_shows_is_no_document_and_a_photograph_that_it_shows_is(size, names):
    message = EmailMessage()
    message.set_content("Bonjour")
    message.add_alternative("<img src='cid:shown'>", subtype="html")
    message.get_payload()[1].add_related(png(1, size), "image", "png", cid="<shown>", filename="photo.png")
    message.add_attachment(png(2), maintype="image", subtype="png", filename="scan.png")
    assert [a.name for a in attachments_of(message.as_bytes())] == names


def test_documents_of_a_forwarded_message_are_found_and_the_same_one_twice_is_one():
    inner = letter("dedans", 1, ("a.pdf", "application/pdf", PDF))
    outer = letter("dehors", 2, ("b.pdf", "application/pdf", PDF))
    outer.add_attachment(inner)
    assert [a.name for a in attachments_of(outer.as_bytes())] == ["b.pdf"]
    outer = letter("dehors", 2)
    outer.add_attachment(inner)
    assert [a.name for a in attachments_of(outer.as_bytes())] == ["a.pdf"]


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("a\nb.pdf", "a b.pdf"),
        ("", "piece-2.pdf"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        (".pdf", "pdf.pdf"),
    ],
)
def test_a_name_can_do_no_harm(given_name, kept):
    message = letter("x", 1, ("n.pdf", "application/pdf", PDF))
    part = next(message.iter_attachments())
    del part["Content-Disposition"]
    raw = message.as_bytes().replace(
        b"Content-Type: application/pdf",
        b'Content-Type: application/pdf; name="' + given_name.encode("unicode_escape").replace(b"\\n", b" ") + b'"',
    )
    assert [a.name for a in attachments_of(raw)] == [kept]


@given(st.binary(max_size=400))
def test_whatever_bytes_a_message_has_it_is_read_without_trouble(noise):
    attachments_of(noise)
    attachments_of(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n" + noise + b"\r\n--x--")
    assert read_heading(noise).message_id.isprintable()


def test_a_heading_is_decoded_and_kept_on_one_line():
    heading = read_heading(b"From: =?utf-8?q?Caf=C3=A9?= <a@b.c>\r\nSubject: un\r\n deux\r\nMessage-ID: <7@b.c>\r\n\r\n")
    assert (heading.message_id, heading.sender, heading.subject) == ("7@b.c", "Café <a@b.c>", "un deux")


@pytest.mark.parametrize(
    ("structure", "worth"),
    [
        (b'("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 3 1 NIL NIL NIL NIL)', False),
        (b'(("text" "plain" NIL NIL NIL "7bit" 3 1)("text" "html" NIL NIL NIL "7bit" 3 1) "alternative")', False),
        (b'(("text" "plain" NIL NIL NIL "7bit" 3 1)("application" "pdf" NIL NIL NIL "base64" 18) "mixed")', True),
        (b'("text" "xml" NIL NIL NIL "7bit" 3 1 NIL NIL NIL NIL)', True),
        (b'("text" "plain" ("name" "facture.xml") NIL NIL "7bit" 3 1 NIL NIL NIL NIL)', True),
    ],
)
def test_only_mere_text_is_not_fetched(structure, worth):
    told = parse_fetch_response([b"1 (UID 1 BODYSTRUCTURE " + structure + b")"])[1][b"BODYSTRUCTURE"]
    assert may_hold_documents(told) is worth


# --- against a real server ---


@pytest.fixture(scope="module")
def office():
    with open_office() as opened:
        yield opened


@pytest.fixture
def box(office, request):
    """A box of this test's own on the server: the user's name."""
    name = "u" + str(abs(hash(request.node.name)))[:10]
    with office.box(name):
        return name


class Look:
    """A mailbox station at work by hand."""

    def __init__(self, office, user, home, keys=None, **changes):
        self.office, self.user = office, user
        self.station = Station(
            name="courrier", kind="mailbox", host="127.0.0.1", port=office.port, tls=False, user=user, source="electronic", **changes
        )
        self.workstation = open_home(home, keys, stations=(self.station,))
        self.folder = self.workstation.settings.folder_of(self.station)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.postman = Postman(self.workstation, self.station, ENVIRONMENT)
        self.fetched = []

    def __call__(self, seconds=0.0):
        return self.postman.look(seconds)

    def put(self, message):
        self.office.put(message, self.user)

    def files(self):
        return [sighting.name for sighting in glance(self.folder)]

    def states(self):
        with self.workstation.database.reading() as session:
            return [str(row.state) for row in session.scalars(sa.select(Mail).order_by(Mail.noted_at, Mail.uid))]

    def health(self):
        with self.workstation.database.reading() as session:
            (found,) = mailbox_health(session, self.workstation.settings)
        return found

    def take_in(self):
        reception = reception_of(self.workstation)
        return sum(reception.look(float(second)) for second in range(0, 20, 2))


def counting(monkeypatch):
    """How many messages were fetched whole."""
    fetched = []
    original = IMAPClient.fetch

    def fetch(self, messages, data, modifiers=None):
        if "BODY.PEEK[]" in data:
            fetched.extend(messages)
        return original(self, messages, data, modifiers)

    monkeypatch.setattr(IMAPClient, "fetch", fetch)
    return fetched


def test_attachments_become_files_and_the_raw_message_is_kept_with_its_ledger_entry(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    message = letter("Facture 7", 7, ("facture.png", "image/png", png()), ("facture.xml", "application/xml", XML))
    look.put(message)
    assert look() == 1
    assert [name.split("-", 2)[2] for name in look.files()] == ["1-facture.png", "2-facture.xml"]
    assert (look.folder / look.files()[0]).read_bytes() == png()
    with look.workstation.database.reading() as session:
        (row,) = session.scalars(sa.select(Mail))
        (told,) = session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == "mail"))
    raw = look.workstation.originals.path(row.sha256).read_bytes()
    assert attachments_of(raw) == attachments_of(message.as_bytes())
    assert json.loads(told.body)["message_id"] == "7@berthier.example"
    assert all(answer.ok for answer in audit_ledger(look.workstation))
    assert office.flags(box) == {1: set()}


def test_nothing_is_fetched_twice_whatever_it_yielded(office, box, tmp_path, monkeypatch):
    fetched = counting(monkeypatch)
    look = Look(office, box, tmp_path, mail_megabytes=1)
    look.put(letter("texte", 1))
    look.put(letter("tableur", 2, ("a.xlsx", "application/zip", b"PK\3\4")))
    look.put(letter("gros", 3, ("a.pdf", "application/pdf", PDF + bytes(1 << 20))))
    look.put(letter("bon", 4, ("a.pdf", "application/pdf", PDF)))
    assert look() == 1
    assert fetched == [2, 4]
    assert look.states() == ["nothing-in-it", "nothing-in-it", "too-large", "delivered"]
    assert look() == 0
    assert Postman(look.workstation, look.station, ENVIRONMENT).look(0.0) == 0
    assert fetched == [2, 4]
    look.put(letter("encore", 5, ("b.pdf", "application/pdf", PDF + b"\n")))
    assert look() == 1
    assert fetched == [2, 4, 5]
    assert "« gros »" in look.health().words()[0]
    assert "too large" in look.health().words("en")[0]


def test_a_server_that_numbers_its_mailbox_anew_makes_nothing_come_twice(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    look.put(letter("une", 1, ("a.pdf", "application/pdf", PDF)))
    look.put(letter("rien", 2))
    assert look() == 1
    office.renumber(box)
    fetched = counting(monkeypatch)
    look.put(letter("deux", 3, ("b.pdf", "application/pdf", PDF + b"\n")))
    # Anyone may write a Message-ID that is known: another message under it is taken.
    look.put(letter("autre", 1, ("c.pdf", "application/pdf", PDF + b"\n\n")))
    assert look() == 2
    assert len(fetched) == 2
    assert len(look.files()) == 3


def other_folder(look, name="Autre"):
    """The same station once its setting `mailbox` names another folder, which is made on the server."""
    with connect(look.station, PASSWORD) as client:
        if not client.folder_exists(name):
            client.create_folder(name)
    return look.station.model_copy(update={"mailbox": name})


def test_a_mailbox_that_is_set_to_another_folder_and_back_goes_on_where_it_was(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    look.put(letter("une", 1, ("a.pdf", "application/pdf", PDF)))
    assert look() == 1
    other = other_folder(look)
    with connect(other, PASSWORD) as client:
        client.append("Autre", letter("deux", 2, ("b.pdf", "application/pdf", PDF + b"\n")).as_bytes())
        client.append("Autre", letter("une", 1, ("a.pdf", "application/pdf", PDF)).as_bytes())
    fetched = counting(monkeypatch)
    assert Postman(look.workstation, other, ENVIRONMENT).look(1.0) == 1
    look.put(letter("trois", 3, ("c.pdf", "application/pdf", PDF + b"\n\n")))
    assert Postman(look.workstation, look.station, ENVIRONMENT).look(2.0) == 1
    assert (fetched, len(look.files())) == ([1, 2], 3)


class Numbered:
    """A server that numbers its mailbox as we say."""

    def __init__(self, client, validity):
        self._client, self._validity = client, validity

    def select_folder(self, name):
        return {**self._client.select_folder(name), b"UIDVALIDITY": self._validity}

    def __getattr__(self, name):
        return getattr(self._client, name)


def numbered(look, validity, station=None):
    station = station or look.station
    return Postman(look.workstation, station, ENVIRONMENT, lambda *told: Numbered(connect(*told), validity))


def test_a_restored_server_that_returns_to_old_numbers_makes_nothing_come_twice_and_nothing_stay_away(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    nameless = letter("une", 1, ("a.pdf", "application/pdf", PDF))
    del nameless["Message-ID"]  # Under new numbers nothing tells that it is the same.
    look.put(nameless)
    look.put(letter("deux", 2, ("b.pdf", "application/pdf", PDF + b"\n")))
    assert [numbered(look, validity).look(0.0) for validity in (7, 8)] == [2, 1]
    with look.workstation.database.writing() as session:
        # What had the number 2 is not in the backup; another message has it since.
        session.execute(sa.update(Mail).where(Mail.uid == 2).values(fingerprint="f" * 64))
    fetched = counting(monkeypatch)
    assert numbered(look, 7).look(0.0) == 1
    assert fetched == [2]
    assert numbered(look, 7).look(0.0) == 0


def leave_kept(look, monkeypatch):
    """As if it had been killed between the vault and the folder."""
    with monkeypatch.context() as patch:
        patch.setattr(Postman, "_put_files", lambda *_: MailState.KEPT)
        look()


def test_what_a_crash_left_kept_is_delivered_though_its_number_was_given_to_another_message(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    look.put(letter("facture", 1, ("a.pdf", "application/pdf", PDF)))
    leave_kept(look, monkeypatch)
    with look.workstation.database.writing() as session:
        row = session.scalars(sa.select(Mail)).one()
        values = {column.name: getattr(row, column.name) for column in Mail.__table__.columns if column.name != "id"}
        session.add(Mail(**values | {"state": MailState.NOTHING, "sha256": None, "files": []}))
    assert look.files() == []
    look()
    assert [name.split("-", 2)[2] for name in look.files()] == ["1-a.pdf"]


def test_a_message_without_an_identifier_that_is_taken_anew_puts_no_file_a_second_time(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    message = letter("facture", 1, ("a.png", "image/png", png()))
    del message["Message-ID"]
    look.put(message)
    look()
    look.take_in()
    with look.workstation.database.writing() as session:
        session.execute(sa.update(Mail).values(fingerprint="f" * 64, uidvalidity=7))
        session.execute(sa.update(post.MailboxCursor).values(uidvalidity=7))
    assert (look(), look.files()) == (1, [])


def test_another_folder_whose_numbers_are_the_same_is_looked_through_from_its_first_message(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    for number in (1, 2):
        look.put(letter("x", number, ("a.pdf", "application/pdf", PDF + bytes(number))))
    assert numbered(look, 7).look(0.0) == 2
    other = other_folder(look)
    with connect(other, PASSWORD) as client:
        client.append("Autre", letter("autre", 3, ("a.pdf", "application/pdf", PDF)).as_bytes())
    assert numbered(look, 7, other).look(0.0) == 1
    assert len(look.files()) == 3


def test_a_number_that_was_given_to_another_message_is_not_flagged_for_the_first(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    look.put(letter("une", 1, ("un.png", "image/png", png(1))))
    numbered(look, 7).look(0.0)
    look.take_in()
    (document,) = all_documents(look.workstation)
    set_state(look.workstation, document.id, State.SEALED)
    with look.workstation.database.writing() as session:
        session.execute(sa.update(Mail).values(fingerprint="f" * 64))
        session.execute(sa.update(post.MailboxCursor).values(uid=0))
        session.execute(sa.update(Document).values(state=State.HELD))
    numbered(look, 7).look(0.0)
    with look.workstation.database.writing() as session:
        session.execute(sa.update(Mail).where(Mail.fingerprint != "f" * 64).values(files=[{"name": "b", "sha256": "0" * 64}]))
    set_state(look.workstation, document.id, State.SEALED)
    numbered(look, 7).look(0.0)
    assert office.flags(box) == {1: set()}


@pytest.mark.parametrize("damage", ["no longer told", "another byte", "no file"])
def test_a_message_that_no_longer_yields_its_attachment_is_told_and_keeps_back_no_other(office, box, tmp_path, monkeypatch, damage):
    look = Look(office, box, tmp_path)
    look.put(letter("bloqué", 1, ("a.pdf", "application/pdf", PDF)))
    leave_kept(look, monkeypatch)
    with look.workstation.database.reading() as session:
        raw = look.workstation.originals.path(session.scalars(sa.select(Mail.sha256)).one())
    if damage == "no longer told":
        with look.workstation.database.writing() as session:
            session.execute(sa.update(Mail).values(files=[{"name": "a.pdf", "sha256": "0" * 64}]))
    else:
        raw.chmod(0o600)
        raw.unlink() if damage == "no file" else raw.write_bytes(b"x")
    look.put(letter("bon", 2, ("b.pdf", "application/pdf", PDF + b"\n")))
    assert look() == 1
    assert look.states() == [MailState.STUCK, MailState.DELIVERED]
    assert ["« bloqué »" in look.health().words(language)[0] for language in ("fr", "en")] == [True, True]


def parts_within_parts(depth):
    """A message of multiparts in each other, none of them ended."""
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth))
    return f"Message-ID: <1@berthier.example>\r\nFrom: a@berthier.example\r\nSubject: piège\r\n{nested}".encode()


class MeansHarm:
    """A server that gives other bytes for its first message than it told the structure of."""

    def __init__(self, client, raw):
        self._client, self._raw = client, raw

    def __getattr__(self, name):
        return getattr(self._client, name)

    def fetch(self, uids, asked):
        told = self._client.fetch(uids, asked)
        if 1 in told and b"BODY[]" in told[1]:
            told[1][b"BODY[]"] = self._raw
        return told


def with_child_megabytes(workstation, megabytes):
    settings = workstation.settings
    work = settings.work.model_copy(update={"child_megabytes": megabytes})
    return replace(workstation, settings=settings.model_copy(update={"work": work}))


@pytest.mark.parametrize("harm", ["depth", "memory", "time"])
def test_a_message_that_its_reader_does_not_survive_is_kept_and_told_and_keeps_back_no_other(office, box, tmp_path, monkeypatch, harm):
    look = Look(office, box, tmp_path)
    raw = (
        parts_within_parts(5000) if harm == "depth" else letter("piège", 1, ("a.pdf", "application/pdf", PDF + bytes(110 << 20))).as_bytes()
    )
    workstation = with_child_megabytes(look.workstation, 400) if harm == "memory" else look.workstation
    if harm == "time":
        monkeypatch.setattr(post, "READ_SECONDS", 1.2)
    look.put(letter("piège", 1, ("a.pdf", "application/pdf", PDF)))
    look.put(letter("bon", 2, ("b.pdf", "application/pdf", PDF + b"\n")))
    postman = Postman(workstation, look.station, ENVIRONMENT, lambda *told: MeansHarm(connect(*told), raw))
    assert postman.look(0.0) == 1
    assert look.states() == [MailState.UNREADABLE, MailState.DELIVERED]
    assert ["« piège »" in look.health().words(language)[0] for language in ("fr", "en")] == [True, True]
    with look.workstation.database.reading() as session:
        kept = session.scalars(sa.select(Mail.sha256).where(Mail.state == MailState.UNREADABLE)).one()
    assert look.workstation.originals.path(kept).read_bytes() == raw
    assert all(answer.ok for answer in audit_ledger(look.workstation))
    assert postman.look(1.0) == 0
    lines = [words for _, words in status_lines(status_of(look.workstation), words_in("fr"))]
    assert [words for words in lines if "1 message est à ouvrir soi-même" in words]


def test_a_message_that_could_not_be_read_is_read_again_at_the_next_start_and_its_documents_come_once(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    look.put(letter("facture", 1, ("a.pdf", "application/pdf", PDF)))
    with monkeypatch.context() as patch:
        patch.setattr(post, "work_apart", lambda *_: None)
        assert look() == 0
    assert (look.states(), look.files()) == ([MailState.UNREADABLE], [])
    assert look() == 0
    assert look.states() == [MailState.UNREADABLE]
    Postman(look.workstation, look.station, ENVIRONMENT).look(0.0)
    assert look.states() == [MailState.DELIVERED]
    assert [name.split("-", 2)[2] for name in look.files()] == ["1-a.pdf"]
    assert all(answer.ok for answer in audit_ledger(look.workstation))


@pytest.mark.parametrize("trouble", [BrokenProcessPool("no child"), OSError(errno.EMFILE, "Too many open files"), PoisonPage("3")])
def test_a_machine_on_which_no_message_can_be_read_gives_none_up(office, box, tmp_path, monkeypatch, trouble):
    look = Look(office, box, tmp_path)
    look.put(letter("facture", 1, ("a.pdf", "application/pdf", PDF)))

    def fails(*_args):
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(post, "work_apart", fails)
        assert look() == 0
    assert (look.states(), look.health().trouble) == ([], "mailbox-reader")
    assert look(1000.0) == 1
    assert (look.states(), look.health().trouble) == ([MailState.DELIVERED], "")


def test_a_station_that_stops_leaves_the_next_message_to_the_next_start(office, box, tmp_path):
    look, asked = Look(office, box, tmp_path), []
    for number in (1, 2):
        look.put(letter("facture", number, ("a.pdf", "application/pdf", PDF + b"%d" % number)))
    stopping = Postman(look.workstation, look.station, ENVIRONMENT, stopping=lambda: asked.append(1) or len(asked) > 1)
    assert stopping.look(0.0) == 1
    assert look() == 1
    assert look.states() == [MailState.DELIVERED, MailState.DELIVERED]


def test_what_a_reader_tells_that_was_taken_over_can_do_no_harm():
    told = Contents(
        (Attachment("../../etc/pass\0wd" + "x" * 400, PDF), Attachment("..", png())), Bounce("<a>\r\nBcc: b" + "x" * 9999, "\0" * 999)
    )
    safe = without_harm(told)
    assert [
        name for name in (each.name for each in safe.attachments) if "/" in name or not name.isprintable() or len(name) > LONGEST_NAME
    ] == []
    assert safe.bounce is not None and safe.bounce.message_id.isprintable() and len(safe.bounce.message_id) <= 1000
    whole = Contents(attachments_of(letter("a", 1, ("facture été.pdf", "application/pdf", PDF)).as_bytes()), None)
    assert without_harm(whole) == whole


def test_a_structure_beyond_reason_is_fetched():
    nested: list = [b"text", b"plain"]
    for _ in range(5000):
        nested = [nested]
    assert may_hold_documents([nested])


def test_a_message_is_flagged_only_after_every_one_of_its_documents_is_sealed_or_decided(office, box, tmp_path, practice_keys):
    look = Look(office, box, tmp_path, practice_keys)
    look.put(letter("deux pages", 1, ("un.png", "image/png", png(1)), ("deux.png", "image/png", png(2))))
    assert look() == 1
    look()
    assert office.flags(box) == {1: set()}
    assert look.take_in() == 2
    look()
    assert office.flags(box) == {1: set()}
    one, two = all_documents(look.workstation)
    set_state(look.workstation, one.id, State.SEALED)
    set_state(look.workstation, two.id, State.HELD)
    look()
    assert office.flags(box) == {1: set()}
    set_state(look.workstation, two.id, State.SET_ASIDE)
    look()
    assert office.flags(box) == {1: {"$Sceau"}}
    assert look.states() == [MailState.DONE]
    with office.box(box) as client:
        assert client.search() == [1]


def set_state(workstation, document_id, state):
    with workstation.database.writing() as session:
        session.execute(sa.update(Document).where(Document.id == document_id).values(state=state))


def test_what_came_before_by_another_way_is_known_and_its_message_is_flagged_too(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    for number in (1, 2):
        look.put(letter(f"{number}", number, ("un.png", "image/png", png(1))))
    look()
    assert look.take_in() == 2
    (document,) = all_documents(look.workstation)
    set_state(look.workstation, document.id, State.SEALED)
    look()
    assert office.flags(box) == {1: {"$Sceau"}, 2: {"$Sceau"}}


# --- erased ---


def erase(workstation, document):
    """As two people decide it; returns the certificate."""
    set_state(workstation, document.id, State.HELD)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
        clerk, officer = (session.get_one(Person, login) for login in ("atelier", "responsable"))
        acts.decide(session, document.id, "confidential", "lettre médicale", clerk, workstation.clock())
        row = documents.get_document(session, document.id)
        erasure.ask_erasure(session, row, "lettre médicale", clerk, workstation.clock())
        erasure.confirm_erasure(session, row, officer, workstation.clock())
    erasure.finish_erasures(workstation)
    return json.loads(certificate_path(workstation, document.id).read_bytes())


def fingerprints(files):
    return {file["sha256"] for file in files}


def test_a_message_goes_with_the_last_of_its_documents_and_is_not_fetched_again(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    workstation = look.workstation
    look.put(letter("Mme Quenouille", 1, ("genou.png", "image/png", png(1)), ("autre.png", "image/png", png(2))))
    numbered(look, 7).look(0.0)
    assert look.take_in() == 2
    knee, other = sorted(all_documents(workstation), key=lambda document: "genou" not in document.title)
    with workstation.database.reading() as session:
        raw = session.scalars(sa.select(Mail.sha256)).one()
    told = erase(workstation, knee)
    assert (raw in fingerprints(told["originals_kept"]), told["messages"]) == (True, [])
    assert workstation.originals.path(raw).exists()
    with workstation.database.reading() as session:
        assert [file["name"].rsplit("-", 1)[1] for file in session.scalars(sa.select(Mail)).one().files] == ["autre.png"]
    told = erase(workstation, other)
    assert (raw in fingerprints(told["originals"]), told["messages"]) == (True, [raw])
    assert not workstation.originals.path(raw).exists()
    kept = everything_kept(workstation)
    assert [word for word in (b"Quenouille", b"berthier", b"genou") if word in kept] == []
    assert [answer.english for answer in audit_ledger(workstation) if not answer.ok] == []
    fetched = counting(monkeypatch)
    assert [numbered(look, validity).look(0.0) for validity in (7, 8, 7)] == [0, 0, 0]
    assert (fetched, office.flags(box)) == ([], {1: {"$Sceau"}})


def test_a_message_in_which_the_same_bytes_came_again_goes_with_them(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    for number in (1, 2):
        look.put(letter(f"Quenouille {number}", number, ("genou.png", "image/png", png(1))))
    look()
    look.take_in()
    (document,) = all_documents(look.workstation)
    assert len(erase(look.workstation, document)["messages"]) == 2
    assert b"Quenouille" not in everything_kept(look.workstation)


def test_a_message_that_somebody_put_into_a_folder_too_stays_with_the_mailbox(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    look.put(letter("facture", 1, ("a.png", "image/png", png(1))))
    look()
    with look.workstation.database.reading() as session:
        raw = session.scalars(sa.select(Mail.sha256)).one()
    saved = tmp_path / "message.eml"
    saved.write_bytes(look.workstation.originals.path(raw).read_bytes())
    document = document_of(look.workstation, take_in(look.workstation, saved))
    told = erase(look.workstation, document)
    assert (fingerprints(told["originals_kept"]), told["originals"]) == ({raw}, [])
    assert look.workstation.originals.path(raw).exists()


def test_a_message_that_is_unreadable_in_one_row_and_read_in_another_goes_whole(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    look.put(letter("Quenouille", 1, ("genou.png", "image/png", png(1))))
    look()
    look.take_in()
    with look.workstation.database.writing() as session:
        row = session.scalars(sa.select(Mail)).one()
        values = {column.name: getattr(row, column.name) for column in Mail.__table__.columns if column.name != "id"}
        session.add(Mail(**values | {"uid": 7, "state": MailState.UNREADABLE, "files": []}))
    (document,) = all_documents(look.workstation)
    erase(look.workstation, document)
    assert b"Quenouille" not in everything_kept(look.workstation)
    assert Postman(look.workstation, look.station, ENVIRONMENT).look(0.0) == 0
    assert MailState.UNREADABLE not in look.states()
    assert [answer.english for answer in audit_ledger(look.workstation) if not answer.ok] == []


# --- kills ---


@pytest.mark.parametrize("place", ["keep", "_note", "put_file", "rename", "delivered"])
def test_after_a_death_at_any_step_each_document_comes_once_and_the_message_is_not_fetched_again(office, box, tmp_path, monkeypatch, place):
    class Death(BaseException):
        pass

    def die(*_args, **_kwargs):
        raise Death

    look = Look(office, box, tmp_path)
    look.put(letter("deux", 1, ("a.pdf", "application/pdf", PDF), ("b.pdf", "application/pdf", PDF + b"\n")))
    with monkeypatch.context() as patch:
        if place == "keep":
            patch.setattr(type(look.workstation.originals), "keep", die)
        elif place == "_note":
            patch.setattr(post, "append_event", die)
        elif place == "put_file":
            put = post.put_file
            patch.setattr(post, "put_file", lambda folder, name, content: put(folder, name, content) if "a.pdf" in name else die())
        elif place == "rename":
            rename = post.Path.rename
            patch.setattr(post.Path, "rename", lambda path, to: die() if "sceau-mail" in path.name else rename(path, to))
        else:
            patch.setattr(post, "_this_mail", die)
        with pytest.raises(Death):
            look()
    fetched = counting(monkeypatch)
    if place == "put_file":
        assert look.take_in() == 1
    Postman(look.workstation, look.station, ENVIRONMENT).look(0.0)
    assert len(fetched) == (1 if place in ("keep", "_note") else 0)
    look.take_in()
    with look.workstation.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Arrival)) == 2
        assert not session.scalars(sa.select(Arrival).where(Arrival.duplicate)).all()
    assert look.states() == [MailState.DELIVERED]
    assert all(answer.ok for answer in audit_ledger(look.workstation))


# --- a server that fails ---


def test_a_server_that_fails_is_told_in_words_and_tried_again_later_and_later(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    asked = []

    def refuse(*_):
        asked.append(1)
        raise ConnectionRefusedError(111, "Connection refused")

    postman = Postman(look.workstation, look.station, ENVIRONMENT, refuse)
    for second in range(0, 600, 10):
        postman.look(float(second))
    assert len(asked) == 3  # at 0, 120 and 360 seconds
    health = look.health()
    assert (health.trouble, health.ok) == ("mailbox-unreachable", False)
    assert "Rien n'est perdu" in health.words()[0]
    assert "sceau" not in health.detail
    look()
    assert look.health().ok


@pytest.mark.parametrize(
    ("code", "changed", "environment"),
    [
        ("mailbox-no-password", {}, {}),
        ("mailbox-refused", {}, {"SCEAU_MAILBOX_COURRIER_PASSWORD": "faux"}),
        ("mailbox-no-folder", {"mailbox": "Absent"}, ENVIRONMENT),
    ],
)
def test_each_trouble_of_a_mailbox_has_its_words(office, box, tmp_path, code, changed, environment):
    look = Look(office, box, tmp_path, **changed)
    assert Postman(look.workstation, look.station, environment).look(0.0) == 0
    assert look.health().trouble == code
    assert "{" not in look.health().words()[0] + look.health().words("en")[0]
    assert code in PROBLEMS


def test_a_message_whose_structure_cannot_be_told_keeps_back_no_other(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    look.put(letter("bon", 1, ("a.pdf", "application/pdf", PDF)))
    fetch = IMAPClient.fetch

    def broken(self, messages, data, modifiers=None):
        if "BODYSTRUCTURE" in data:
            raise IMAPClientError("unparsable")
        return fetch(self, messages, data, modifiers)

    monkeypatch.setattr(IMAPClient, "fetch", broken)
    assert look() == 1


def test_a_full_disk_is_our_own_trouble_and_not_the_server_s(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    look.put(letter("bon", 1, ("a.pdf", "application/pdf", PDF)))

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(look.workstation.originals), "keep", full)
        with pytest.raises(OSError, match="No space"):
            look()
    assert look() == 1


def test_a_server_whose_certificate_nobody_vouches_for_is_not_given_the_password(tmp_path):
    with open_office(certificate=own_certificate(tmp_path)) as office:
        look = Look.__new__(Look)
        station = Station(name="courrier", kind="mailbox", host="127.0.0.1", port=office.port, tls=False, user="x")
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(station, PASSWORD)
        workstation = open_home(tmp_path / "home", stations=(station,))
        Postman(workstation, station, ENVIRONMENT).look(0.0)
        look.workstation = workstation
        assert look.health().trouble == "mailbox-tls"


def test_no_password_leaves_this_machine_in_clear(office, box, tmp_path, monkeypatch):
    look = Look(office, box, tmp_path)
    sent = []
    login = IMAPClient.login
    monkeypatch.setattr(IMAPClient, "login", lambda self, *told: sent.append(told) or login(self, *told))
    with monkeypatch.context() as patch:
        patch.setattr(post, "_peer_of", lambda _client: "192.0.2.7")
        assert look() == 0
    assert (look.health().trouble, sent) == ("mailbox-clear-text", [])
    assert "n'a pas été envoyé" in look.health().words()[0]
    look(1000.0)
    assert (look.health().ok, len(sent)) == (True, 1)


@pytest.mark.parametrize(
    ("address", "ours"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.7", False), ("fe80::1%eth0", False)],
)
def test_only_a_loopback_address_is_this_machine(address, ours):
    assert is_loopback(address) is ours


def own_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    (folder / "cert.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


# --- the whole way ---


def states(workstation) -> list[State]:
    return [document.state for document in all_documents(workstation)]


def test_a_scan_that_comes_by_mail_is_sealed_and_its_message_flagged_by_the_station_at_work(
    office, box, tmp_path, practice_keys, monkeypatch
):
    monkeypatch.setenv(*next(iter(ENVIRONMENT.items())))
    look = Look(office, box, tmp_path, practice_keys, mail_seconds=0.2)
    paper = tmp_path / "scan.png"
    papers.write_png(paper, papers.draw_invoice(seed=3))
    scan = look.station.model_copy(update={"source": "paper"})
    workstation = open_home(tmp_path, practice_keys, stations=(scan,))
    look.put(letter("numérisation", 1, ("scan.png", "image/png", paper.read_bytes())))
    with hold_slot(workstation.home, "serve", count=1) as executor:
        running = Running(workstation, "serve", executor, watch=True)
        running.start()
        deadline = time.monotonic() + 60
        while (office.flags(box), states(workstation)) != ({1: {"$Sceau"}}, [State.SEALED]) and time.monotonic() < deadline:
            time.sleep(0.1)
        running.stop()
    (document,) = all_documents(workstation)
    assert document.state == State.SEALED, (document.problem, document.problem_detail)
    assert office.flags(box) == {1: {"$Sceau"}}
    assert all(answer.ok for answer in audit_ledger(workstation))


def test_status_tells_how_a_mailbox_fares(office, box, tmp_path):
    look = Look(office, box, tmp_path)
    look.put(letter("rien", 1))
    look()
    told = status_of(look.workstation)["mailboxes"]["courrier"]
    assert (told["ok"], told["trouble"], told["messages"]) == (True, None, {"nothing-in-it": 1})


def test_no_bytes_are_settled_before_they_arrived(tmp_path):
    workstation = open_home(tmp_path / "home")
    with workstation.database.reading() as session:
        assert not is_settled(session, ["0" * 64])
