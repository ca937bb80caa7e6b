"""What was wrong is corrected by a further sealed version that names author and reason; the old one stays, whatever becomes of the new."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import atwork
import papers
import pikepdf
import pypdfium2 as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy.orm import Session
from test_pipeline import write_drawn

from capture.catalogue import finding
from capture.findings import Level
from sealing.keys import UnusableKey
from station import acts, corrections, pixels
from station import batches as desk
from station.audit import audit_ledger
from station.corrections import Order, may_give_up, offered_corrections
from station.records import batches, documents
from station.records.ledger import story_of
from station.records.tables import Archive, Document, FindingRow, PageRow, State
from station.workstation import Workstation

SIZE = (600, 360)
WHY = "Deux factures agrafées ensemble"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Workstation]:
    """One for all tests: none looks at another's documents."""
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)
    settings = workstation.settings.model_copy(update={"companies": ["filiale"]})
    yield Workstation(settings, workstation.database, workstation.originals, workstation.archives)
    workstation.database.close()


@pytest.fixture(scope="module")
def work(station: Workstation) -> Iterator[atwork.Work]:
    with atwork.pipeline_of(station) as work:
        yield work


class Clerk:
    """Takes files in, corrects and waits for the outcome."""

    def __init__(self, workstation: Workstation, work: atwork.Work) -> None:
        self.workstation, self.work, self.files = workstation, work, 0

    def feed(self, pages: int = 3) -> Document:
        self.files += 1
        drawn = [papers.draw_page([f"Facture {self.files}", f"Page {n}"], size=SIZE, seed=10 * self.files + n) for n in range(pages)]
        path = papers.write_tiff(self.workstation.home / f"{self.files}.tif", drawn)
        return self.work(atwork.take_in(self.workstation, path))

    def correct(self, change: Callable[..., Any], document: Document, *words: Any, reason: str = WHY, work: bool = True) -> list[Document]:
        """Every document that is worked because of it, in its outcome."""
        with self.workstation.database.writing() as session:
            order = Order(atwork.somebody(session), reason, self.workstation.clock())
            attached = documents.get_document(session, document.id)
            words = tuple(documents.get_document(session, word.id) if isinstance(word, Document) else word for word in words)
            new_id = (lambda: uuid4().hex,) if change in (corrections.split, corrections.merge, corrections.change_company) else ()
            change(session, attached, *words, order, *new_id)
        due = [d.id for d in atwork.all_documents(self.workstation) if d.state == State.RECEIVED]
        done = {each: self.work(each) if work else atwork.document_of(self.workstation, each) for each in due}
        return sorted(done.values(), key=lambda each: each.title)

    def look(self, document: Document) -> Document:
        return atwork.document_of(self.workstation, document.id)

    def record(self, archive: Archive) -> dict[str, Any]:
        with pikepdf.open(self.workstation.archives.path(archive.sha256, ".pdf")) as pdf:
            return dict(json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes()))

    def links(self, document: Document) -> list[tuple[str, str, str]]:
        with self.workstation.database.reading() as session:
            return [(link.older_id, link.newer_id, link.kind) for link in batches.links_of(session, document.id)]


@pytest.fixture(scope="module")
def clerk(station: Workstation, work: atwork.Work) -> Clerk:
    return Clerk(station, work)


@pytest.fixture(scope="module")
def sealed(clerk: Clerk) -> Document:
    """Three pages, for tests that change nothing."""
    return clerk.feed()


def rasters(document: Document) -> list[str | None]:
    return [page.raster for page in document.current_pages]


def not_well(workstation: Workstation) -> list[str]:
    return [f"{each.name}: {each.english}" for each in audit_ledger(workstation) if not each.ok]


def test_another_kind_makes_a_second_sealed_version_that_says_who_and_why(station, clerk):
    invoice = clerk.feed()
    (order,) = clerk.correct(corrections.retype, invoice, "order", reason="C'est une commande")
    assert (order.id, order.state, order.document_type) == (invoice.id, State.SEALED, "order")
    old, new = order.archives
    replaces = clerk.record(new)["replaces"]
    assert (replaces["archive"], replaces["version"]) == (old.sha256, 1)
    told = replaces["correction"]
    assert (told["what"], told["from"], told["to"], told["reason"]) == ("type", "invoice", "order", "C'est une commande")
    assert told["author"].startswith("p-")
    assert (clerk.record(old)["context"]["profile"], clerk.record(new)["context"]["profile"]) == ("fiscal-seal", "audit-trail")
    assert "corrected" in atwork.ledger_types(station)
    assert not_well(station) == []


def test_a_version_after_a_correction_does_not_claim_that_correction_again(station, clerk):
    document = clerk.feed(1)
    clerk.correct(corrections.retype, document, "order")
    (third,) = clerk.correct(corrections.retype, document, "delivery")
    assert [(clerk.record(a)["replaces"] or {"correction": {"to": None}})["correction"]["to"] for a in third.archives] == [
        None,
        "order",
        "delivery",
    ]


def test_pages_are_put_in_order_and_each_is_the_one_it_was(station, clerk):
    before = clerk.feed()
    (after,) = clerk.correct(corrections.reorder, before, [3, 1, 2])
    one, two, three = rasters(before)
    assert rasters(after) == [three, one, two]
    assert [page["raster"] for page in clerk.record(after.archives[-1])["pages"]] == [three, one, two]
    assert not_well(station) == []


def test_one_document_becomes_two_and_the_old_one_stays_with_its_archive(station, clerk):
    both = clerk.feed()
    made = clerk.correct(corrections.split, both, [2])
    assert [(each.state, len(each.current_pages)) for each in made] == [(State.SEALED, 1), (State.SEALED, 2)]
    old = clerk.look(both)
    assert (old.state, station.archives.path(old.archives[0].sha256, ".pdf").exists()) == (State.REPLACED, True)
    assert {link for each in made for link in clerk.links(each)} == {(both.id, each.id, "corrected") for each in made}
    replaces = clerk.record(made[0].archives[0])["replaces"]["correction"]
    assert replaces["replaces"] == [{"document": both.id, "archive": old.archives[0].sha256, "version": 1}]
    assert not_well(station) == []


def test_two_documents_become_one(station, clerk):
    first, second = clerk.feed(1), clerk.feed(2)
    (whole,) = clerk.correct(corrections.merge, first, second)
    assert rasters(whole) == rasters(first) + rasters(second)
    assert {clerk.look(each).state for each in (first, second)} == {State.REPLACED}
    assert not_well(station) == []


def test_the_wrong_company_keeps_its_entries_and_the_right_one_gets_its_own(station, clerk):
    wrong = clerk.feed(1)
    (right,) = clerk.correct(corrections.change_company, wrong, "filiale", ["essai", "filiale"])
    assert (right.entity, clerk.look(wrong).entity) == ("filiale", "essai")
    with station.database.reading() as session:
        assert [kind for _, kind, _, _ in story_of(session, right.id)] == ["formed", "judged", "read", "sealed"]
        assert [kind for _, kind, _, _ in story_of(session, wrong.id)][-1] == "corrected"
    assert clerk.record(right.archives[0])["ledger"]["entity"] == "filiale"
    assert not_well(station) == []


def test_a_held_document_is_corrected_before_its_first_seal(station, clerk):
    path = papers.write_jpeg(station.home / "a.jpg", papers.draw_page(["Lettre"], size=SIZE))
    held = clerk.work(atwork.take_in(station, path))
    (again,) = clerk.correct(corrections.retype, held, "letter")
    assert (again.state, again.document_type, may_give_up(again)) == (State.HELD, "letter", False)
    assert not_well(station) == []


def test_if_the_further_version_fails_the_sealed_one_may_stand_as_it_was(station, clerk, monkeypatch):
    before = clerk.feed()
    monkeypatch.setattr(pixels, "seal_and_prove", cannot_seal)
    (failed,) = clerk.correct(corrections.reorder, before, [2, 1, 3])
    assert (failed.state, may_give_up(failed), len(failed.archives)) == (State.FAILED, True, 1)
    monkeypatch.undo()
    clerk.correct(corrections.give_up, before, reason="Le premier ordre était le bon")
    after = clerk.look(before)
    assert (after.state, rasters(after), after.document_type) == (State.SEALED, rasters(before), "invoice")
    assert [reading.in_archive for reading in after.readings] == [True, False]
    assert after.problem == documents.READING_LATE
    assert not_well(station) == []


def cannot_seal(*_args: object) -> None:
    raise UnusableKey("PKCS#12: mac verify failure")


def test_after_two_attempts_giving_up_goes_back_to_what_was_sealed(station, clerk, monkeypatch):
    before = clerk.feed()
    monkeypatch.setattr(pixels, "seal_and_prove", cannot_seal)
    clerk.correct(corrections.reorder, before, [2, 1, 3])
    with station.database.writing() as session:
        acts.decide(session, before.id, "not-invoice", "courrier", atwork.somebody(session), station.clock(), "letter")
    clerk.work(before.id)
    monkeypatch.undo()
    clerk.correct(corrections.give_up, before, reason="rien à corriger")
    after = clerk.look(before)
    assert (rasters(after), after.document_type, may_give_up(after)) == (rasters(before), "invoice", False)
    assert not_well(station) == []


def test_giving_up_a_version_that_was_treated_brings_back_what_was_said_of_the_sealed_one(station, clerk, monkeypatch):
    before = clerk.feed(1)
    lossy = papers.write_jpeg(station.home / "redone.jpg", papers.draw_page(["Refaite"], size=SIZE, seed=781))
    held = scan_anew(station, clerk, before, 1, lossy)
    assert (held.state, "lossy-compression" in atwork.codes(held)) == (State.HELD, True)
    monkeypatch.setattr(pixels, "seal_and_prove", cannot_seal)
    failed = treat(station, clerk, held)
    assert (failed.state, failed.paper_stays, not_well(station)) == (State.FAILED, True, [])
    monkeypatch.undo()
    clerk.correct(corrections.give_up, failed, reason="le premier scan suffit")
    after = clerk.look(before)
    assert (after.state, after.paper_stays, after.verdict) == (State.SEALED, False, before.verdict)
    assert (atwork.codes(after), after.policy) == (atwork.codes(before), before.policy)
    assert not_well(station) == []


# --- what cannot be ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (corrections.retype, ("invoice",)),
        (corrections.retype, ("passport",)),
        (corrections.retype, ("banknote",)),
        (corrections.reorder, ([1, 2, 3],)),
        (corrections.reorder, ([1, 1, 3],)),
        (corrections.reorder, ([3, 2],)),
        (corrections.split, ([1],)),
        (corrections.split, ([4],)),
        (corrections.split, ([],)),
        (corrections.change_company, ("essai", ["essai", "filiale"])),
        (corrections.change_company, ("inconnue", ["essai", "filiale"])),
    ],
)
def test_what_changes_nothing_or_cannot_be_is_refused_and_changes_nothing(clerk, sealed, change, words):
    with pytest.raises(ValueError, match=r"other|order|begin"):
        clerk.correct(change, sealed, *words)
    assert clerk.look(sealed).state == State.SEALED


def test_without_a_reason_nothing_is_corrected(clerk, sealed):
    with pytest.raises(ValueError, match="reason"):
        clerk.correct(corrections.retype, sealed, "order", reason="  ")


def test_a_document_is_not_merged_with_itself_nor_with_one_that_is_gone(station, clerk):
    one, other = clerk.feed(1), clerk.feed(2)
    with pytest.raises(ValueError, match="cannot be one"):
        clerk.correct(corrections.merge, one, one)
    clerk.correct(corrections.split, other, [2])
    with pytest.raises(acts.NotOffered):
        clerk.correct(corrections.merge, one, other)


def test_nothing_is_offered_where_a_worker_holds_it_or_nobody_may_look(station, sealed):
    document = sealed
    assert offered_corrections(document) == ("type", "order", "split", "merge", "company")
    for change in ({"state": State.RECEIVED}, {"state": State.REPLACED}, {"confidential": True}):
        with station.database.writing() as session:
            row = documents.get_document(session, document.id)
            for name, value in change.items():
                setattr(row, name, value)
            assert offered_corrections(row) == ()
            session.rollback()


def test_an_electronic_file_is_renamed_but_never_cut(station, sealed):
    document = sealed
    with station.database.writing() as session:
        row = documents.get_document(session, document.id)
        documents.add_finding(session, row.id, finding("electronic-document"))
        session.flush()
        session.refresh(row, ["findings"])
        assert offered_corrections(row) == ("type", "company")
        session.rollback()


def test_an_electronic_file_of_another_kind_is_sealed_again_with_the_file_inside(station, clerk):
    held = clerk.work(atwork.take_in(station, write_drawn(station.home / "drawn.pdf")))
    with station.database.writing() as session:
        acts.decide(session, held.id, "treat", "reçue par courriel", atwork.somebody(session), station.clock())
    assert clerk.work(held.id).state == State.SEALED
    (letter,) = clerk.correct(corrections.retype, held, "letter")
    assert (letter.state, letter.document_type, len(letter.archives)) == (State.SEALED, "letter", 2)
    assert not_well(station) == []


# --- views ---

STAMP = b"1 0 0 RG 1 0 0 rg 5 5 40 20 re f"


def pages_of(station: Workstation, document: Document) -> list[Image.Image]:
    """What the newest sealed file shows, small."""
    with pdfium.PdfDocument(atwork.archive_path(station, document)) as pdf:
        return [page.render(scale=0.5).to_pil().convert("RGB") for page in pdf]


def is_stamped(shown: Image.Image) -> bool:
    return shown.getpixel((10, shown.height - 6)) == (255, 0, 0)


def natives_of(station: Workstation, document: Document) -> list[bytes]:
    """The files that the newest sealed file's record names as those it is a view of."""
    with pikepdf.open(atwork.archive_path(station, document)) as pdf:
        told = json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())["view"]
        return [pdf.attachments[each["name"]].get_file().read_bytes() for each in told]


def treat(station: Workstation, clerk: Clerk, document: Document) -> Document:
    with station.database.writing() as session:
        acts.decide(session, document.id, "treat", "à payer", atwork.somebody(session), station.clock())
    return clerk.work(document.id)


def feed_stamped(station: Workstation, clerk: Clerk, name: str, seed: int) -> Document:
    """Two pages, each with something drawn over its image; sealed with the original kept."""
    drawn = [papers.draw_page([f"Reçu {seed + n}"], size=SIZE, seed=seed + n) for n in range(2)]
    return treat(station, clerk, clerk.work(atwork.take_in(station, papers.write_pdf(station.home / name, drawn, over=STAMP))))


def scan_anew(station: Workstation, clerk: Clerk, document: Document, number: int, path: Path) -> Document:
    with station.database.writing() as session:
        desk.ask_redo(session, documents.get_document(session, document.id), number, "floue", atwork.somebody(session), station.clock())
    clerk.work(atwork.take_in(station, path))
    return clerk.work(document.id)


def test_a_page_scanned_anew_takes_its_place_in_a_view_with_both_files_inside(station, clerk):
    before = feed_stamped(station, clerk, "stamped.pdf", 700)
    assert [is_stamped(page) for page in pages_of(station, before)] == [True, True]
    new = papers.write_png(station.home / "anew.png", papers.draw_page(["Reçu net"], size=SIZE, seed=709))
    after = scan_anew(station, clerk, before, 2, new)
    assert (after.state, len(after.archives)) == (State.SEALED, 2)
    assert [is_stamped(page) for page in pages_of(station, after)] == [True, False]
    assert natives_of(station, after) == [(station.home / "stamped.pdf").read_bytes(), new.read_bytes()]


def test_two_views_become_one_with_every_file_inside(station, clerk):
    paths = [station.home / f"cmyk-{seed}.tif" for seed in (720, 730)]
    for path, lines in zip(paths, (["Un"], ["Deux"]), strict=True):
        Image.fromarray(papers.draw_page(lines, size=SIZE)).convert("CMYK").save(path, "TIFF", dpi=(300, 300))
    views = [treat(station, clerk, clerk.work(atwork.take_in(station, path))) for path in paths]
    assert [len(natives_of(station, view)) for view in views] == [1, 1]
    (whole,) = clerk.correct(corrections.merge, *views)
    assert (whole.state, len(pages_of(station, whole))) == (State.SEALED, 2)
    assert natives_of(station, whole) == [path.read_bytes() for path in paths]
    assert not_well(station) == []


def test_what_is_cut_out_of_a_view_shows_its_own_pages_in_their_order(station, clerk):
    drawn = [papers.draw_page([f"Page {n}"], size=(SIZE[0], SIZE[1] + 40 * n), seed=740 + n) for n in range(3)]
    document_id = atwork.take_in(station, papers.write_pdf(station.home / "mailed.pdf", drawn))
    with station.database.writing() as session:
        documents.get_document(session, document_id).source = "electronic"
    view = clerk.work(document_id)
    heights = [page.height for page in pages_of(station, view)]
    assert len(set(heights)) == 3
    (turned,) = clerk.correct(corrections.reorder, view, [3, 1, 2])
    assert [page.height for page in pages_of(station, turned)] == [heights[2], heights[0], heights[1]]
    one, two = clerk.correct(corrections.split, turned, [2])
    assert [[page.height for page in pages_of(station, each)] for each in (one, two)] == [heights[2:], heights[:2]]
    assert not_well(station) == []


def test_a_pdf_with_a_drawn_page_is_never_cut(station, clerk):
    assert offered_corrections(feed_stamped(station, clerk, "drawn-over.pdf", 760)) == ("type", "company")


@given(st.permutations([1, 2, 3, 4, 5]), st.sets(st.integers(1, 5)))
def test_whatever_is_cut_or_moved_no_page_is_lost_and_none_is_twice(order, starts):
    """On bare rows: what the functions hand on, before anything is worked."""
    handed: list[list[int]] = []

    def seal_again(_session: Session, _document: Document, pages: Sequence[Any], *_: object) -> Document:
        handed.append([page.number for page in pages])
        return document

    def replace(_session: Session, _older: object, formings: Sequence[tuple[Sequence[Any], str, str]], *_: object) -> list[Document]:
        handed.append([page.number for pages, _, _ in formings for page in pages])
        return []

    document = Document(
        id="0" * 32, state=State.SEALED, confidential=False, entity="essai", document_type="invoice", title="a", findings=[]
    )
    document.pages = [corrections.PageRow(number=n, superseded=0, sha256="0" * 64, coding={"index": n - 1}) for n in (1, 2, 3, 4, 5)]
    word = Order(None, "motif", None)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corrections, "_seal_again", seal_again)
        patch.setattr(corrections, "_replace", replace)
        if order != [1, 2, 3, 4, 5]:
            corrections.reorder(None, document, order, word)  # type: ignore[arg-type]
            assert handed.pop() == order
        if starts - {1}:
            corrections.split(None, document, sorted(starts), word, lambda: "")  # type: ignore[arg-type]
            assert handed.pop() == [1, 2, 3, 4, 5]


def test_a_passport_is_no_page_of_anybody_s_document() -> None:
    page = PageRow(number=1, superseded=0)
    passport = Document(state=State.SEALED, document_type="passport", confidential=False, problem=None, pages=[page])
    assert offered_corrections(passport) == ()


def test_what_is_broken_is_not_joined_to_another_document() -> None:
    page = PageRow(number=1, superseded=0, raster=None, coding={"format": "tiff"})
    broken = Document(state=State.HELD, document_type="invoice", confidential=False, problem=None, pages=[page])
    broken.findings = [FindingRow(code="truncated", level=Level.BLOCKING)]
    assert offered_corrections(broken) == ("type", "company")
    broken.findings = [FindingRow(code="lossy-compression", level=Level.BLOCKING)]
    assert "merge" in offered_corrections(broken)
