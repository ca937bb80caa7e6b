"""A named officer signs copies that A102 B-1 wants signed: a new file that begins with the sealed one, noted once it is proved."""

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import atwork
import papers
import pytest
from asn1crypto import pem
from pki import company
from practice import NOON
from sqlalchemy.orm import Session
from test_tokens import MODULE, PIN, needs_softhsm, token  # noqa: F401 a fixture

from config.settings import Settings, Station
from sealing.keys import KeyRefused, UnusableKey
from sealing.officers import WrongPassword, officer_crls, officer_roots
from sealing.ticks import Health, Look
from sealing.verify import verify_file
from station import signing
from station.audit import audit_ledger
from station.keyring import trust_of
from station.records import documents, people
from station.records.clock import note_look, tick_now
from station.records.ledger import story_of
from station.records.tables import Archive, Document, Person
from station.signing import Batch, NotSignable, OpenKey
from station.timekeeping import ClockWrong
from station.workstation import Workstation

PASSWORD = people.PRACTICE_PASSWORD


class Desk:
    """An officer, a clerk, and sealed copies of orders."""

    def __init__(self, workstation: Workstation, work: atwork.Work) -> None:
        self.workstation, self.work, self.files = workstation, work, 0
        with workstation.database.writing() as session:
            people.ensure_practice(session)
        with workstation.database.reading() as session:
            self.clerk, self.officer = (session.get_one(Person, login) for login in ("atelier", "responsable"))

    def order(self, kind: str = "order") -> Document:
        """A sealed copy."""
        self.files += 1
        page = papers.draw_page([f"Commande {self.files}"], size=(500, 300), seed=self.files)
        path = papers.write_png(self.workstation.home / f"{self.files}.png", page)
        document_id = atwork.take_in(self.workstation, path)
        with self.workstation.database.writing() as session:
            documents.get_document(session, document_id).document_type = kind
        return self.work(document_id)

    def key(self) -> OpenKey:
        return signing.open_key(self.workstation.settings, self.officer, PASSWORD, self.workstation.clock())

    def sign(self, document: Document) -> Document:
        signing.sign_document(self.workstation, document.id, self.key(), signing.sealer_of(self.workstation))
        return self.look(document)

    def look(self, document: Document) -> Document:
        return atwork.document_of(self.workstation, document.id)

    def path(self, sha256: str) -> Path:
        return self.workstation.archives.path(sha256, ".pdf")

    def waiting(self) -> set[str]:
        with self.workstation.database.reading() as session:
            return {document.id for document in signing.to_sign(session, "essai")}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Desk]:
    station = Station(name="demo", document_type="order")
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys, stations=(station,))
    with atwork.pipeline_of(workstation) as work:
        yield Desk(workstation, work)
    workstation.database.close()


@pytest.fixture(scope="module")
def signed(desk: Desk) -> Document:
    return desk.sign(desk.order())


def not_well(desk: Desk) -> list[str]:
    return [f"{each.name}: {each.english}" for each in audit_ledger(desk.workstation) if not each.ok]


def test_the_signed_file_begins_with_the_sealed_one_and_names_the_officer(desk, signed):
    sealed, extended = signed.archives
    old, new = desk.path(sealed.sha256).read_bytes(), desk.path(extended.sha256).read_bytes()
    assert (extended.extends, new[: len(old)] == old, len(new) > len(old)) == (sealed.sha256, True, True)
    found = verify_file(desk.path(extended.sha256), trust_of(desk.workstation.settings))
    assert (found.valid, "Responsable" in found.officer, found.practice) == (True, True, True)
    assert not_well(desk) == []


def test_the_ledger_tells_who_signed_which_file_under_a_pseudonym(desk, signed):
    with desk.workstation.database.reading() as session:
        entries = [payload for kind, payload in told(session, signed.id) if kind == "signed"]
    assert [each["signer"] for each in entries] == [desk.officer.pseudonym]
    assert (entries[0]["extends_size"], entries[0]["practice"]) == (str(signed.archives[0].size), True)
    assert "responsable" not in json.dumps(entries)


def told(session: object, document_id: str) -> list[tuple[str, dict[str, object]]]:
    return [(each[1], each[3]) for each in story_of(session, document_id)]


def test_a_copy_is_signed_once(desk, signed):
    assert signed.id not in desk.waiting()
    with pytest.raises(NotSignable, match="signed"):
        desk.sign(signed)


def test_a_renewed_signature_stands_and_a_copy_sealed_anew_waits_again(desk, signed):
    def add(session: Session, **told: Any) -> None:
        document = documents.get_document(session, signed.id)
        version = max(each.version for each in document.archives) + 1
        row = {"size": 1, "attached": 0, "level": "B-LTA", "practice": True, "checks": [], "sealed_at": desk.workstation.clock()}
        session.add(Archive(sha256=str(version) * 64, document_id=signed.id, version=version, **row, **told))
        session.flush()
        session.expire(document)

    with pytest.raises(Undone), desk.workstation.database.writing() as session:
        add(session, extends=signed.archives[-1].sha256)
        assert signed.id not in {each.id for each in signing.to_sign(session, "essai")}
        add(session)
        assert signed.id in {each.id for each in signing.to_sign(session, "essai")}
        raise Undone


def test_only_kinds_of_the_audit_trail_wait_for_a_signature(desk):
    order, invoice = desk.order(), desk.order("invoice")
    assert (order.id in desk.waiting(), invoice.id in desk.waiting()) == (True, False)
    with pytest.raises(NotSignable, match="kind"):
        desk.sign(invoice)


def test_a_wrong_password_opens_nothing_and_leaves_every_copy_as_it_was(desk):
    with pytest.raises(WrongPassword):
        signing.open_key(desk.workstation.settings, desk.officer, "autre", desk.workstation.clock())


def test_the_password_is_written_nowhere(desk, signed):
    secret = b"un mot de passe que personne ne garde"
    with pytest.raises(WrongPassword):
        signing.open_key(desk.workstation.settings, desk.officer, secret.decode(), desk.workstation.clock())
    assert [path for path in desk.workstation.home.rglob("*") if path.is_file() and secret in path.read_bytes()] == []


def test_whoever_has_no_key_signs_nothing(desk):
    assert not signing.has_key(desk.workstation.settings, desk.clerk)
    with pytest.raises(signing.NoKey):
        signing.open_key(desk.workstation.settings, desk.clerk, PASSWORD, desk.workstation.clock())


def test_a_practice_key_is_refused_in_production(desk, monkeypatch):
    desk.key()
    production = Settings(home=desk.workstation.home, sealing={"mode": "production", "file": "seal.p12"})
    for roots in ("trust_of", "known_seal_roots"):
        monkeypatch.setattr(signing, roots, lambda _settings: ())
    monkeypatch.setattr(signing, "revocation_of", lambda *_: ())
    with pytest.raises(KeyRefused) as caught:
        signing.open_key(production, desk.officer, PASSWORD, desk.workstation.clock())
    assert caught.value.problem == "key-practice"


def test_an_officers_certificate_goes_up_to_a_root_of_seals_and_not_to_one_of_timestamps(desk, monkeypatch):
    desk.key()
    monkeypatch.setattr(signing, "known_seal_roots", lambda _settings: ())
    with pytest.raises(KeyRefused):
        signing.open_key(desk.workstation.settings, desk.officer, PASSWORD, desk.workstation.clock())


def test_a_practice_root_beside_the_keys_counts_in_practice_only(desk):
    desk.key()
    folder = signing.officers_folder(desk.workstation.home)
    assert (len(officer_roots(folder, practice=True)), officer_roots(folder, practice=False)) == (1, ())
    assert len(officer_crls(folder)) == 1


def test_an_expired_officers_certificate_is_told(desk):
    desk.key()
    with pytest.raises(KeyRefused) as caught:
        signing.open_key(desk.workstation.settings, desk.officer, PASSWORD, desk.workstation.clock() + timedelta(days=4000))
    assert caught.value.problem == "key-expired"


def test_in_a_batch_each_failure_is_told_by_name_and_keeps_back_no_other(desk):
    order, invoice, gone = desk.order(), desk.order("invoice"), desk.order()
    desk.path(gone.archives[0].sha256).unlink()
    batch = Batch(3)
    signing.sign_batch(desk.workstation, [invoice.id, gone.id, order.id], desk.key(), batch)
    assert (batch.done, batch.left, batch.running) == (1, 0, False)
    assert [(each.title, each.why, each.problem) for each in batch.failed] == [
        (invoice.title, "kind", False),
        (gone.title, "unexpected", True),
    ]
    assert desk.look(order).archives[-1].officer == desk.officer.pseudonym


def test_a_copy_sealed_without_room_is_told_and_stays_as_it_is(desk):
    invoice = desk.order("invoice")
    with desk.workstation.database.writing() as session:
        documents.get_document(session, invoice.id).document_type = "order"
    batch = Batch(1)
    signing.sign_batch(desk.workstation, [invoice.id], desk.key(), batch)
    assert [each.why for each in batch.failed] == ["older"]
    assert len(desk.look(invoice).archives) == 1


def test_a_copy_of_the_version_before_is_sealed_again_with_room_and_then_signed(desk):
    order = desk.order()
    with desk.workstation.database.writing() as session:
        row = documents.get_document(session, order.id)
        row.archives[0].profile = None
        assert signing.why_not_sign(row) == "older"
        signing.seal_again(session, row, desk.officer, desk.workstation.clock())
    again = desk.work(order.id)
    signed = desk.sign(again)
    assert [archive.extends for archive in signed.archives] == [None, None, again.archives[1].sha256]


class Undone(Exception):
    """Nothing of the test stays."""


class Killed(BaseException):
    """As a kill: nothing after it runs."""


def test_killed_before_the_row_the_next_try_takes_the_file_that_is_there(desk, monkeypatch):
    order = desk.order()

    def kill(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(signing, "_note", kill)
        # What a real kill leaves: the work folder, and the file in the archive.
        patch.setattr("station.leftovers.shutil.rmtree", lambda *_arguments, **_options: None)
        patch.setattr(type(desk.workstation.archives), "drop", lambda *_arguments: True)
        with pytest.raises(Killed):
            desk.sign(order)
    assert len(desk.look(order).archives) == 1
    left = {path.name for path in (desk.workstation.home / "archive").rglob("*.pdf")}
    signed = desk.sign(order)
    assert f"{signed.archives[-1].sha256}.pdf" in left
    assert hashlib.sha256(desk.path(signed.archives[-1].sha256).read_bytes()).hexdigest() == signed.archives[-1].sha256


def test_nothing_is_signed_while_the_clock_is_known_to_be_wrong(desk):
    order, tick = desk.order(), tick_now(desk.workstation.clock)
    with desk.workstation.database.writing() as session:
        note_look(session, Look(tick, Health.WRONG, offset=99.0))
    with pytest.raises(ClockWrong):
        desk.sign(order)
    with desk.workstation.database.writing() as session:
        note_look(session, Look(tick, Health.TRUE, offset=0.0))
    assert len(desk.sign(order).archives) == 2


def test_a_second_process_that_is_refused_leaves_the_file_that_the_first_noted(desk, monkeypatch):
    order, note = desk.order(), signing._note

    def note_twice(*told: Any) -> None:
        note(*told)
        told[0].commit()
        raise NotSignable("changed")

    with monkeypatch.context() as patch, pytest.raises(NotSignable):
        patch.setattr(signing, "_note", note_twice)
        desk.sign(order)
    signed = desk.look(order)
    assert len(signed.archives) == 2 and desk.path(signed.archives[-1].sha256).is_file()


# --- an officer's card ---


@needs_softhsm
def test_an_officers_card_opens_with_its_pin_and_no_key_leaves_it(tmp_path, token):  # noqa: F811 the fixture
    """In production: the certificate goes up to a root that the settings name, with a revocation list at hand."""
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", company().root.plain.dump()))
    for number, crl in enumerate(company().crls):
        (tmp_path / f"{number}.crl").write_bytes(crl)
    folder = signing.officers_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "dupont.toml").write_text(f'module = "{MODULE}"\ntoken = "{token.label}"\nkey = "rsa"\n')
    lists = [f"{number}.crl" for number in range(len(company().crls))]
    settings = Settings(
        home=tmp_path, sealing={"mode": "production", "file": "seal.p12"}, trust={"roots": ["root.pem"], "revocation": lists}
    )
    person = Person(login="dupont", pseudonym="p" * 32)
    assert signing.has_key(settings, person)
    key = signing.open_key(settings, person, PIN, NOON)
    assert (key.practice, key.pseudonym) == (False, person.pseudonym)
    assert key.officer.signer.sign_now(b"x", "sha256")
    with pytest.raises(UnusableKey):
        signing.open_key(settings, person, "0000", NOON)
    assert not signing.has_key(settings, Person(login="../dupont.toml", pseudonym="x"))
