"""What nobody must keep goes when two people say so, and nothing else ever does; a certificate stays and the ledger still verifies."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import atwork
import papers
import pytest
import sqlalchemy as sa
from backdoor import behind_the_back
from sqlalchemy.orm import Session

from capture.catalogue import finding
from capture.originals import DiskFull, Vault
from conformity.circumstances import Source
from station import acts, corrections, erasure, mail
from station.audit import audit_ledger
from station.corrections import Order
from station.erasure import SamePerson, certificate_path, fingerprint, why_not
from station.records import documents, people
from station.records.tables import Archive, Arrival, Base, Document, Original, OutboxRow, Person, State
from station.sources import can_say, say_source
from station.workstation import Workstation

SIZE = (500, 300)
NAME = "Ordonnance de Mme Quenouille.jpg"
WHY = "Courrier médical numérisé par erreur"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Workstation]:
    """One for all tests: each erases what it took in itself."""
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)
    yield workstation
    workstation.database.close()


@pytest.fixture(scope="module")
def work(station: Workstation) -> Iterator[atwork.Work]:
    with atwork.pipeline_of(station) as work:
        yield work


class Desk:
    """Two people, and what comes in by mistake."""

    def __init__(self, workstation: Workstation, work: atwork.Work) -> None:
        self.workstation, self.work, self.files = workstation, work, 0
        with workstation.database.writing() as session:
            people.ensure_practice(session)
        with workstation.database.reading() as session:
            self.clerk, self.officer = (session.get_one(Person, login) for login in ("atelier", "responsable"))

    def path(self, name: str = NAME) -> Path:
        folder = self.workstation.home / "desk" / str(self.files)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def feed(self, *, sealed: bool = False, kind: str = "invoice") -> Document:
        """A held paper, or a sealed one, that came in as of this kind."""
        self.files += 1
        page = papers.draw_page([f"Patiente {self.files}"], size=SIZE, seed=self.files)
        path = papers.write_png(self.path(), page) if sealed else papers.write_jpeg(self.path(), page)
        document_id = atwork.take_in(self.workstation, path)
        with self.workstation.database.writing() as session:
            documents.get_document(session, document_id).document_type = kind
        return self.work(document_id)

    def decide(self, document: Document, choice: str, kind: str | None = None) -> Document:
        with self.workstation.database.writing() as session:
            acts.decide(session, document.id, choice, WHY, self.clerk, self.workstation.clock(), kind)
        return self.look(document)

    def hidden(self) -> Document:
        """Out of sight, never sealed: may be erased."""
        return self.decide(self.feed(), "confidential")

    def ask(self, document: Document, person: Person | None = None) -> None:
        with self.workstation.database.writing() as session:
            row = documents.get_document(session, document.id)
            erasure.ask_erasure(session, row, WHY, person or self.clerk, self.workstation.clock())

    def confirm(self, document: Document, person: Person | None = None) -> int:
        with self.workstation.database.writing() as session:
            row = documents.get_document(session, document.id)
            return erasure.confirm_erasure(session, row, person or self.officer, self.workstation.clock()).id

    def erase(self, document: Document) -> Document:
        self.ask(document)
        erasure.finish_erasure(self.workstation, self.confirm(document))
        return self.look(document)

    def look(self, document: Document) -> Document:
        return atwork.document_of(self.workstation, document.id)


@pytest.fixture(scope="module")
def desk(station: Workstation, work: atwork.Work) -> Desk:
    return Desk(station, work)


def not_well(workstation: Workstation) -> list[str]:
    return [f"{each.name}: {each.english}" for each in audit_ledger(workstation) if not each.ok]


def everything_kept(workstation: Workstation) -> bytes:
    """All rows, as text, and the database's own files."""
    with workstation.database.reading() as session:
        rows = [str(tuple(row)) for table in Base.metadata.sorted_tables for row in session.execute(sa.select(table))]
    files = [path.read_bytes() for path in sorted(workstation.home.glob("sceau.db*"))]
    return "\n".join(rows).encode() + b"".join(files)


# --- out of sight ---


def test_a_confidential_document_is_in_no_queue_from_now_on(station, desk):
    document = desk.hidden()
    assert (document.state, document.confidential) == (State.SET_ASIDE, True)
    with station.database.reading() as session, pytest.raises(acts.Reserved):
        acts.shown_document(session, document.id)
    assert not_well(station) == []


@pytest.mark.parametrize("sealed", [False, True], ids=["held", "sealed"])
def test_taken_back_it_stands_where_it_stood(station, desk, sealed):
    document = desk.decide(desk.feed(sealed=sealed), "confidential")
    back = desk.decide(document, "retry")
    assert (back.state, back.confidential) == (State.SEALED if sealed else State.RECEIVED, False)
    assert len(back.archives) == sealed
    desk.work(back.id)
    assert not_well(station) == []


def test_a_letter_among_the_invoices_goes_its_own_way_under_its_own_text(station, desk):
    document = desk.feed(sealed=True)
    desk.decide(document, "not-invoice", "letter")
    letter = desk.work(document.id)
    assert (letter.state, letter.document_type, len(letter.archives)) == (State.SEALED, "letter", 2)
    assert acts.offered_acts(letter) == ("confidential",)
    assert not_well(station) == []


def test_what_is_no_document_of_the_house_is_set_aside_and_comes_back_as_it_was(desk):
    document = desk.decide(desk.feed(sealed=True), "not-invoice", acts.ASIDE)
    assert (document.state, document.document_type) == (State.SET_ASIDE, "invoice")
    assert desk.decide(document, "retry").state == State.SEALED


@pytest.mark.parametrize("kind", ["invoice", "credit-note", "passport", "banknote", None])
def test_not_an_invoice_is_told_with_what_it_is_instead(desk, kind):
    document = desk.feed()
    with pytest.raises(ValueError, match="no other kind"):
        desk.decide(document, "not-invoice", kind)
    assert desk.look(document).decisions == []


def test_what_was_made_out_of_a_hidden_document_is_hidden_with_it(station, desk):
    first, second = desk.feed(sealed=True), desk.feed(sealed=True)
    with station.database.writing() as session:
        one, other = (documents.get_document(session, each.id) for each in (first, second))
        whole = corrections.merge(session, one, other, Order(desk.clerk, "agrafées", station.clock()), lambda: "f" * 32).id
    hidden = desk.decide(desk.work(whole), "confidential")
    assert all(desk.look(each).confidential for each in (first, second))
    desk.decide(hidden, "retry")
    assert not any(desk.look(each).confidential for each in (first, second))
    assert not_well(station) == []


def test_a_worker_that_finds_its_document_taken_away_leaves_no_sealed_file_behind(station, desk, work, monkeypatch):
    document = desk.feed(sealed=True)
    with station.database.writing() as session:
        documents.send_back(documents.get_document(session, document.id), station.clock())

    read = work.pipeline._note_read

    def take_away(session: Session, job: object) -> State:
        state = read(session, job=job)
        documents.get_document(session, document.id).state = State.SET_ASIDE
        return state

    monkeypatch.setattr(work.pipeline, "_note_read", take_away)
    before = {path.name for path in (station.home / "archive").rglob("*.pdf")}
    assert work(document.id).state == State.SET_ASIDE
    assert {path.name for path in (station.home / "archive").rglob("*.pdf")} == before


def waiting_for_its_try(station: Workstation, desk: Desk) -> str:
    """Taken in, given to a worker, and put back by a passing trouble."""
    desk.files += 1
    document_id = atwork.take_in(station, papers.write_png(desk.path(), papers.draw_page([f"{desk.files}"], size=SIZE, seed=desk.files)))
    with station.database.writing() as session:
        document = documents.get_document(session, document_id)
        documents.mark_queued(session, "document", document_id, 1)
        documents.retry_later(document, "disk-full", "", station.clock(), timedelta(minutes=1))
        document.batch.closed_at = station.clock()
    return document_id


def test_only_a_document_that_no_worker_was_given_is_taken_out_of_sight_while_it_waits(station, desk):
    document_id = waiting_for_its_try(station, desk)
    with station.database.writing() as session:
        assert "confidential" in acts.offered_acts(documents.get_document(session, document_id))
        documents.mark_queued(session, "document", document_id, 2)
    with station.database.reading() as session:
        assert acts.offered_acts(documents.get_document(session, document_id)) == ()


@pytest.mark.parametrize("trouble", [DiskFull("x"), KeyError("x")], ids=["passing", "lasting"])
def test_a_trouble_brings_no_document_back_that_was_taken_out_of_sight_meanwhile(station, desk, work, monkeypatch, trouble):
    document_id = waiting_for_its_try(station, desk)

    def judge(_job: object) -> None:
        with station.database.writing() as session:
            acts.decide(session, document_id, "confidential", WHY, desk.clerk, station.clock())
        raise trouble

    monkeypatch.setattr(work.pipeline, "_judge", judge)
    document = work(document_id)
    assert (document.state, document.confidential, document.problem, document.try_at) == (State.SET_ASIDE, True, None, None)


# --- who may erase what ---


def test_whoever_asked_cannot_confirm_not_even_under_another_login(desk):
    document = desk.hidden()
    desk.ask(document)
    for person in (desk.clerk, Person(login="autre", pseudonym=desk.clerk.pseudonym)):
        with pytest.raises(SamePerson):
            desk.confirm(document, person)
    assert desk.look(document).state == State.SET_ASIDE


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (Document(state=State.SET_ASIDE, document_type="letter", confidential=False), None),
        (Document(state=State.SET_ASIDE, document_type="other", confidential=False, archives=[Archive()]), None),
        (Document(state=State.SET_ASIDE, document_type="invoice", confidential=True), None),
        (Document(state=State.SET_ASIDE, document_type="invoice", confidential=False), "duty"),
        (Document(state=State.SET_ASIDE, document_type="invoice", confidential=True, archives=[Archive()]), "duty"),
        (Document(state=State.SET_ASIDE, document_type="contract", confidential=False), "duty"),
        (Document(state=State.SET_ASIDE, document_type="passport", confidential=False), "duty"),
        (Document(state=State.SEALED, document_type="letter", confidential=False), "state"),
        (Document(state=State.HELD, document_type="letter", confidential=True), "state"),
    ],
)
def test_only_what_is_set_aside_and_has_no_term_may_be_erased(document, reason):
    assert why_not(document, date(2026, 11, 22)) == reason


def test_nothing_goes_before_the_second_person_and_it_may_be_taken_back(station, desk):
    document = desk.hidden()
    desk.ask(document)
    assert erasure.finish_erasures(station) == 0
    with station.database.writing() as session:
        erasure.withdraw_erasure(session, documents.get_document(session, document.id), desk.officer, station.clock())
    with pytest.raises(acts.NotOffered):
        desk.confirm(document)
    assert not_well(station) == []


def test_once_confirmed_it_is_neither_taken_back_nor_worked_again(station, desk):
    document = desk.hidden()
    desk.ask(document)
    left = desk.confirm(document)
    with station.database.writing() as session, pytest.raises(acts.NotOffered):
        erasure.withdraw_erasure(session, documents.get_document(session, document.id), desk.officer, station.clock())
    assert (acts.offered_choices(desk.look(document)), acts.offered_acts(desk.look(document))) == ((), ())
    assert not can_say(desk.look(document))
    with station.database.writing() as session:
        row = documents.get_document(session, document.id)
        with pytest.raises(acts.NotOffered):
            say_source(session, document.id, Source.ELECTRONIC, "", WHY, desk.clerk, station.clock())
        with pytest.raises(documents.WrongMove):
            documents.send_back(row, station.clock())
    erasure.finish_erasure(station, left)


# --- what is left ---


def test_of_an_erased_letter_nothing_is_left_but_its_number_and_the_certificate(station, desk):
    document = desk.decide(desk.feed(sealed=True, kind="letter"), "confidential")
    original, archives = document.arrivals[0].sha256, [archive.sha256 for archive in document.archives]
    values = [field.value for field in document.fields if field.value and len(field.value) > 12]
    erased = desk.erase(document)
    assert (erased.state, erased.title, erased.pages, erased.fields, erased.archives) == (State.ERASED, "—", [], [], [])
    assert [path for path in station.home.rglob("*") if document.id in path.parts or original in path.name] == []
    assert [sha for sha in archives if station.archives.path(sha, ".pdf").exists()] == []
    told = json.loads(certificate_path(station, document.id).read_bytes())
    assert ([each["sha256"] for each in told["originals"]], [each["sha256"] for each in told["archives"]]) == ([original], archives)
    assert {told["asked"]["by"], told["confirmed"]["by"]} == {desk.clerk.pseudonym, desk.officer.pseudonym}
    assert (told["asked"]["reason"], told["ledger"]["entity"], told["documents"]) == (WHY, "essai", [document.id])
    kept = everything_kept(station)
    assert [value for value in values if value.encode() in kept] == []
    assert not_well(station) == []


@pytest.mark.parametrize("tried", [False, True], ids=["waits", "given up by the machine"])
def test_a_message_about_it_that_waits_to_leave_goes_with_it_and_no_other_does(station, desk, tried):
    document, other = desk.hidden(), desk.feed()
    with station.database.writing() as session:
        for each, words in ((document, "Facture de Mme Ottilie"), (other, "Facture de la voisine")):
            mail.put_mail(session, "essai", f"prompt-{each.id}", "a@exemple.fr", words, words, station.clock(), each.id)
        if tried:
            session.execute(sa.update(OutboxRow).values(state="dead"))
    desk.erase(document)
    with station.database.reading() as session:
        told = {row.key: (row.state, row.payload is None) for row in session.scalars(sa.select(OutboxRow))}
    stands = ("dead" if tried else "waiting", False)
    assert (told[f"prompt-{document.id}"], told[f"prompt-{other.id}"]) == (("dropped", True), stands)
    assert b"Mme Ottilie" not in everything_kept(station)


@pytest.mark.parametrize("aside", [False, True], ids=["in work", "set aside"])
def test_what_was_told_of_its_twin_names_no_erased_document(station, desk, aside):
    twin, document = desk.feed(), desk.hidden()
    if aside:
        desk.decide(twin, "rescan")
    with station.database.writing() as session:
        documents.add_finding(session, twin.id, finding("invoice-twice", measured="« Mme Dupont », {17.00}", limit=document.id))
    desk.erase(document)
    assert [row.code for row in desk.look(twin).findings if row.code == "invoice-twice"] == []
    assert b"Mme Dupont" not in everything_kept(station)


def test_neither_name_nor_reason_can_be_read_in_the_database_file(tmp_path, practice_keys):
    station = atwork.open_home(tmp_path, practice_keys)
    with atwork.pipeline_of(station) as work:
        desk = Desk(station, work)
        document = desk.hidden()
        assert b"Quenouille" in everything_kept(station)
        desk.erase(document)
    kept = everything_kept(station)
    assert [word for word in (b"Quenouille", WHY.encode()) if word in kept] == []
    station.database.close()


def test_the_same_file_may_come_again_as_another_document(station, desk):
    document = desk.hidden()
    path = desk.path()
    desk.erase(document)
    again = desk.work(atwork.take_in(station, path))
    assert (again.id != document.id, again.state) == (True, State.HELD)
    assert not_well(station) == []


def test_a_file_in_which_another_document_lies_stays_and_the_certificate_says_so(station, desk):
    desk.files += 1
    pages = [papers.draw_page([f"Pli {desk.files} {n}"], size=SIZE, seed=50 + n) for n in (1, 2)]
    stack = desk.work(atwork.take_in(station, papers.write_tiff(desk.path("pli.tif"), pages)))
    with station.database.writing() as session:
        order = Order(desk.clerk, "deux plis", station.clock())
        row, ids = documents.get_document(session, stack.id), iter("ab")
        letter, invoice = corrections.split(session, row, [2], order, lambda: next(ids) * 32)
        letter.document_type = "letter"
        letter_id, invoice_id = letter.id, invoice.id
    desk.work(letter_id)
    desk.work(invoice_id)
    desk.decide(desk.look(letter), "confidential")
    erased = desk.erase(desk.look(letter))
    assert (erased.state, desk.look(stack).state, desk.look(invoice).state) == (State.ERASED, State.REPLACED, State.SEALED)
    told = json.loads(certificate_path(station, letter_id).read_bytes())
    assert (told["originals"], told["documents_kept"]) == ([], [stack.id])
    assert [each["sha256"] for each in told["originals_kept"]] == [stack.arrivals[0].sha256]
    assert station.originals.path(stack.arrivals[0].sha256).exists()
    assert not_well(station) == []


def test_the_copy_in_processed_goes_and_another_file_of_its_name_stays(station, desk):
    document = desk.hidden()
    copies = [desk.path(name) for name in ("processed.jpg", "other.jpg")]
    copies[0].write_bytes(desk.path().read_bytes())
    copies[1].write_bytes(b"another")
    with station.database.writing() as session:
        (arrival,) = session.scalars(sa.select(Arrival).where(Arrival.document_id == document.id))
        arrival.moved_to = str(copies[0])
    desk.erase(document)
    assert [path.exists() for path in copies] == [False, True]


def with_copy(station: Workstation, desk: Desk, document: Document, name: str) -> Path:
    """Its file lies in processed/, too, as it came once more."""
    copy = desk.path(name)
    copy.write_bytes(desk.path().read_bytes())
    atwork.take_in(station, copy)
    with station.database.writing() as session:
        newest = sa.select(sa.func.max(Arrival.id)).where(Arrival.document_id == document.id).scalar_subquery()
        session.execute(sa.update(Arrival).where(Arrival.id == newest).values(moved_to=str(copy)))
    return copy


def test_while_a_folder_keeps_an_erasure_waiting_others_may_write_and_what_comes_again_meanwhile_goes_too(station, desk, monkeypatch):
    document = desk.hidden()
    copies = [with_copy(station, desk, document, "one.jpg")]
    remove = erasure._remove_copy

    def slowly(arrival: Arrival) -> None:
        if len(copies) == 1:
            copies.append(with_copy(station, desk, document, "two.jpg"))
        remove(arrival)

    monkeypatch.setattr(erasure, "_remove_copy", slowly)
    desk.erase(document)
    assert [copy.exists() for copy in copies] == [False, False]
    assert not_well(station) == []


def test_a_copy_that_cannot_be_reached_keeps_its_own_erasure_waiting_and_no_other(station, desk, monkeypatch):
    away, other = desk.hidden(), desk.hidden()
    with_copy(station, desk, away, "away.jpg")
    for document in (away, other):
        desk.ask(document)
        desk.confirm(document)
    reach = Path.open

    def unreachable(path: Path, *args: object, **more: object) -> object:
        if path.name == "away.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return reach(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", unreachable)
        erasure.finish_erasures(station)
        assert [desk.look(each).state for each in (away, other)] == [State.SET_ASIDE, State.ERASED]
    assert erasure.finish_erasures(station) == 1
    assert desk.look(away).state == State.ERASED


# --- cut short ---


PLACES = ("shutil.rmtree", "_forget", "_remove_copy", "_delete_rows", "_write_certificate", "append_event", "_forget_pages")


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    "place", ["shutil.rmtree", "_forget", "_remove_copy", "_delete_rows", "_write_certificate", "append_event", "_forget_pages"]
)
def test_an_erasure_that_is_cut_short_is_finished_by_whoever_comes_by(station, desk, monkeypatch, place):
    document = desk.hidden()
    with station.database.writing() as session:
        session.execute(sa.update(Arrival).where(Arrival.document_id == document.id).values(moved_to="/nowhere/a.jpg"))
    desk.ask(document)
    left = desk.confirm(document)

    def die(*_args: object, **_more: object) -> None:
        raise Killed

    monkeypatch.setattr(f"station.erasure.{place}", die)
    with pytest.raises(Killed):
        erasure.finish_erasure(station, left)
    monkeypatch.undo()
    assert erasure.finish_erasures(station) == (place != "_forget_pages")
    assert desk.look(document).state == State.ERASED
    assert not_well(station) == []


def test_killed_between_file_and_entry_the_next_start_finishes(station, desk):
    document = desk.hidden()
    desk.ask(document)
    left = desk.confirm(document)
    code = (
        "import os, signal, sys; from pathlib import Path; from killed import quick; from station import erasure;"
        "from station.workstation import open_workstation;"
        "erasure._delete_rows = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "erasure.finish_erasure(open_workstation(quick(Path(sys.argv[1]))), int(sys.argv[2]))"
    )
    tests = str(Path(__file__).parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}
    ran = subprocess.run([sys.executable, "-c", code, station.home, str(left)], env=environment, check=False, capture_output=True)
    assert ran.returncode == -9, ran.stderr
    assert not station.originals.path(document.arrivals[0].sha256).exists()
    assert "originals" in {line.split(":")[0] for line in not_well(station)}
    assert erasure.finish_erasures(station) == 1
    assert not_well(station) == []


# --- seen by the audit ---


@pytest.mark.parametrize("act", ["file", "row", "state", "certificate", "no certificate"])
def test_what_went_without_an_entry_or_has_no_certificate_is_told(tmp_path, practice_keys, act):
    station = atwork.open_home(tmp_path, practice_keys)
    with atwork.pipeline_of(station) as work:
        desk = Desk(station, work)
        erased, other = desk.erase(desk.hidden()), desk.hidden()
    assert not_well(station) == []
    original = other.arrivals[0].sha256
    if act == "file":
        Vault(station.home / "originals").drop(original)
    elif act == "certificate":
        certificate_path(station, erased.id).write_text("{}")
    elif act == "no certificate":
        certificate_path(station, erased.id).unlink()
    else:
        statement = "UPDATE document SET state = 'erased' WHERE id = '{}'" if act == "state" else "DELETE FROM original WHERE sha256 = '{}'"
        behind_the_back(station.home, statement.format(other.id if act == "state" else original))
    found = {line.split(":")[0] for line in not_well(station)}
    assert found == {{"file": "originals", "row": "records", "state": "facts"}.get(act, "certificates")}
    station.database.close()


def test_the_vault_drops_what_it_holds_once(tmp_path):
    vault = Vault(tmp_path)
    (tmp_path / "a").write_bytes(b"a")
    sha256 = vault.keep(tmp_path / "a").sha256
    assert (vault.drop(sha256), vault.drop(sha256), fingerprint(vault.path(sha256))) == (True, False, None)


def test_original_rows_go_with_their_files(station, desk):
    document = desk.hidden()
    desk.erase(document)
    with station.database.reading() as session:
        assert session.get(Original, document.arrivals[0].sha256) is None
