"""How long documents are kept, and that nothing goes before: by the pages, the functions, the database or the command line."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import atwork
import papers
import pytest
import sqlalchemy as sa
from backdoor import REFUSED, owned, without_trigger
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from config.settings import Channel
from station import corrections, erasure, holds, retention
from station.acts import NotOffered
from station.audit import audit_ledger
from station.erasure import NoVisa, SamePerson, certificate_path
from station.records import documents, people
from station.records.tables import Archive, Document, Erasure, FieldRow, Hold, Person, RetentionRow, State
from station.workstation import Workstation
from workflow.kinds import DUTIES
from workflow.retention import (
    HeldFacts,
    RetentionFacts,
    RetentionRules,
    add_years,
    believed_date,
    components_of,
    covers,
    hold_trouble,
    retain_until,
    year_close,
)

DAY = date(2026, 11, 22)
INVOICE = RetentionFacts("invoice", date(2026, 3, 10), date(2026, 3, 12))
RULES = RetentionRules()
LONG_AGO = "2012-05-31"


def until(facts: RetentionFacts, rules: RetentionRules = RULES) -> date | None:
    return retain_until(components_of(facts, rules, DAY))


# --- the rule ---


def test_an_invoice_is_kept_ten_years_from_the_close_of_its_financial_year():
    told = {each.rule: (each.event, each.until) for each in components_of(INVOICE, RULES, DAY)}
    assert told == {"books": ("year-end", date(2036, 12, 31)), "tax": ("document", date(2032, 3, 10))}
    assert until(INVOICE) == date(2036, 12, 31)


def test_the_clock_does_not_start_at_the_scan():
    late = RetentionFacts("invoice", date(2020, 3, 10), date(2026, 3, 12))
    assert until(late) == date(2030, 12, 31)


def test_another_financial_year_ends_another_day():
    assert until(INVOICE, RetentionRules(year_end="03-31")) == date(2036, 3, 31)
    assert until(INVOICE, RetentionRules(year_end="02-28")) == date(2037, 2, 28)


def test_a_delivery_note_is_kept_six_years_and_a_letter_has_no_term():
    assert until(RetentionFacts("delivery", date(2026, 3, 10), DAY)) == date(2032, 3, 10)
    assert until(RetentionFacts("letter", date(2026, 3, 10), DAY)) is None


def test_an_unknown_date_runs_from_sealing_and_says_so():
    told = components_of(RetentionFacts("invoice", None, date(2026, 3, 12)), RULES, DAY)
    assert {each.event for each in told} == {"sealing"}
    assert retain_until(told) == date(2036, 12, 31)


def test_the_last_operation_and_an_asset_extend_it():
    later = RetentionFacts("invoice", date(2026, 3, 10), DAY, last_operation=date(2029, 2, 1))
    assert until(later) == date(2039, 12, 31)
    asset = RetentionFacts("invoice", date(2026, 3, 10), DAY, asset=True)
    assert until(asset) == date(2052, 3, 10)


def test_a_house_that_keeps_longer_keeps_longer():
    assert until(INVOICE, RetentionRules(house_years=15)) == date(2041, 3, 10)


@given(
    st.sampled_from(sorted({code for duty in DUTIES for code in duty.kinds} | {"???"})),
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.dates(date(2026, 9, 1), date(2060, 1, 1)),
    st.dates(date(1990, 1, 1), date(2060, 1, 1)) | st.none(),
    st.booleans(),
)
def test_the_last_day_is_never_before_any_reason_and_more_is_never_shorter(kind, issued, sealed, operation, asset):
    plain = RetentionFacts(kind, issued, sealed)
    told = components_of(plain, RULES, DAY)
    assert told
    assert all(each.until <= (retain_until(told) or date.min) for each in told)
    assert (until(plain) or date.max) >= add_years(issued, 6)
    assert (until(RetentionFacts(kind, issued, sealed, operation, asset)) or date.max) >= (until(plain) or date.max)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.sampled_from(["12-31", "02-29", "06-30", "01-01", "02-31"]))
def test_a_financial_year_closes_on_or_after_the_day_and_within_a_year(day, end):
    assert timedelta(0) <= year_close(day, end) - day <= timedelta(days=366)


def test_a_term_from_a_leap_day_is_not_cut_short():
    assert (add_years(date(2024, 2, 29), 6), add_years(date(2024, 2, 29), 4)) == (date(2030, 3, 1), date(2028, 2, 29))


@pytest.mark.parametrize(
    ("said", "read", "believed"),
    [
        (date(2010, 1, 1), date(2026, 1, 1), date(2010, 1, 1)),
        (None, date(2026, 1, 1), date(2026, 1, 1)),
        (None, date(1926, 1, 1), None),
        (None, date(2062, 1, 1), None),
        (None, None, None),
    ],
)
def test_a_date_that_only_a_machine_read_ends_no_duty_early(said, read, believed):
    assert believed_date(said, read, date(2026, 3, 12)) == believed


# --- holds ---


FACTS = HeldFacts("d1", frozenset({"Menuiserie Le Goff", "73282932000074"}), frozenset({date(2024, 5, 2), date(2025, 1, 3)}))


@pytest.mark.parametrize(
    ("scope", "value", "held"),
    [
        ("document", "d1", True),
        ("document", "d2", False),
        ("supplier", "menuiserie le goff", True),
        ("supplier", "732 829 320", True),
        ("supplier", "Autre", False),
        ("year", "2024", True),
        ("year", "2025", True),
        ("year", "2023", False),
        ("audit", "2024-01-01/2024-12-31", True),
        ("audit", "2022-01-01/2023-12-31", False),
    ],
)
def test_a_hold_covers_what_it_names(scope, value, held):
    assert (covers(scope, value, FACTS), hold_trouble(scope, value)) == (held, None)


@pytest.mark.parametrize(
    ("scope", "value"),
    [("all", "x"), ("year", "20x4"), ("year", "99999"), ("audit", "2024"), ("audit", "2025-01-01/2024-01-01"), ("supplier", " ")],
)
def test_a_hold_that_says_nothing_is_told(scope, value):
    assert hold_trouble(scope, value) in ("scope", "value")


# --- K: nothing goes before its day, whatever the path ---


class Desk:
    """Two people, and sealed documents, one of which is old."""

    def __init__(self, workstation: Workstation, work: atwork.Work) -> None:
        self.workstation, self.work, self.files = workstation, work, 0
        with workstation.database.writing() as session:
            people.ensure_practice(session)
        with workstation.database.reading() as session:
            self.clerk, self.officer = (session.get_one(Person, login) for login in ("atelier", "responsable"))

    def invoice(self, issued: str | None = None) -> Document:
        """Sealed; `issued` is its date as a person says it."""
        self.files += 1
        path = papers.write_png(
            self.workstation.home / f"{self.files}.png", papers.draw_page([f"{self.files}"], size=(500, 300), seed=self.files)
        )
        document = self.work(atwork.take_in(self.workstation, path))
        return self.look(document) if issued is None else self.end(document, issued)

    def end(self, document: Document, issued: str) -> Document:
        """As of a document that was sealed long ago: brought forward at once, it would have to wait until tomorrow."""
        self.say_date(document, issued)
        with self.workstation.database.writing() as session, without_trigger(session, "keep_until", "retention"):
            row = session.get_one(RetentionRow, document.id)
            row.until = "2020-01-01"
            session.flush()
            retention.keep_retention(session, documents.get_document(session, document.id), self.workstation.settings, self.now)
        return self.look(document)

    def correct(self, document: Document, change: Callable[..., Any], *told: Any) -> Document:
        """Corrected and worked again; what comes of it."""
        with self.workstation.database.writing() as session:
            order = corrections.Order(self.clerk, "erreur", self.now)
            made = change(session, documents.get_document(session, document.id), *told, order=order)
        return self.work(made.id)

    def elsewhere(self, document: Document, company: str = "autre") -> Document:
        """The same pages in another company's ledger, which replace it."""
        return self.correct(document, partial(corrections.change_company, new_id=lambda: secrets.token_hex(16)), company, [company])

    def say_date(self, document: Document, issued: str) -> None:
        with self.workstation.database.writing() as session:
            session.add(FieldRow(document_id=document.id, name="issue_date", source="person", value=issued))

    @property
    def now(self) -> datetime:
        return self.workstation.clock()

    def ask(self, document: Document, visa: str = "", *, public: bool = False) -> None:
        with self.workstation.database.writing() as session:
            row = documents.get_document(session, document.id)
            erasure.ask_erasure(session, row, "fin de conservation", self.clerk, self.now, visa, public=public)

    def confirm(self, document: Document, person: Person | None = None) -> int:
        with self.workstation.database.writing() as session:
            return erasure.confirm_erasure(session, documents.get_document(session, document.id), person or self.officer, self.now).id

    def hold(self, document: Document) -> int:
        with self.workstation.database.writing() as session:
            return holds.place_hold(session, "essai", "document", document.id, "litige", (self.now.date(), None), self.officer, self.now).id

    def lift(self, number: int) -> None:
        with self.workstation.database.writing() as session:
            holds.lift_hold(session, number, "jugé", self.officer, self.now)

    def look(self, document: Document) -> Document:
        return atwork.document_of(self.workstation, document.id)

    def row(self, document: Document) -> RetentionRow:
        with self.workstation.database.reading() as session:
            return session.get_one(RetentionRow, document.id)

    def due(self) -> set[str]:
        with self.workstation.database.reading() as session:
            return {each.id for each in retention.retention_due(session, self.now.date())}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Desk]:
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)
    with atwork.pipeline_of(workstation) as work:
        yield Desk(workstation, work)
    workstation.database.close()


@pytest.fixture(scope="module")
def kept(desk: Desk) -> Document:
    return desk.invoice()


def not_well(desk: Desk) -> list[str]:
    return [f"{each.name}: {each.english}" for each in audit_ledger(desk.workstation) if not each.ok]


def test_each_sealed_document_has_its_reasons_and_its_last_day(desk, kept):
    row = desk.row(kept)
    assert {each["rule"] for each in row.components} == {"books", "tax"}
    assert all(each["event"] == "sealing" and each["text"].startswith("art. L. 1") for each in row.components)
    assert row.until == f"{desk.now.year + 10}-12-31"


def test_before_its_day_nobody_can_ask_for_its_deletion(desk, kept):
    with pytest.raises(NotOffered):
        desk.ask(kept)


def test_before_its_day_a_row_that_says_it_was_confirmed_deletes_nothing(desk, kept):
    with desk.workstation.database.writing() as session:
        row = Erasure(document_id=kept.id, reason="x", asked_by="a", asked_at=desk.now, confirmed_by="b", confirmed_at=desk.now)
        session.add(row)
        session.flush()
        number = row.id
    with pytest.raises(NotOffered):
        erasure.finish_erasure(desk.workstation, number)
    erasure.finish_erasures(desk.workstation)
    assert desk.workstation.archives.path(kept.archives[0].sha256, ".pdf").is_file()
    with desk.workstation.database.writing() as session:
        session.get_one(Erasure, number).done_at = desk.now
    assert not_well(desk) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM archive WHERE document_id = :id",
        "UPDATE archive SET document_id = 'x' WHERE document_id = :id",
        "DELETE FROM original WHERE sha256 IN (SELECT sha256 FROM page WHERE document_id = :id)",
        "DELETE FROM retention WHERE document_id = :id",
        "UPDATE retention SET until = '2001-01-01' WHERE document_id = :id",
        "UPDATE retention SET until = NULL WHERE document_id = :id",
        "UPDATE retention SET document_id = 'x' WHERE document_id = :id",
        pytest.param(
            "INSERT OR REPLACE INTO retention (document_id, components, asset, computed_at) VALUES (:id, '[]', 0, '2026-01-01')",
            marks=pytest.mark.sqlite,
        ),
        pytest.param(
            "INSERT OR REPLACE INTO archive (sha256, document_id, version, size, attached, level, practice, checks, sealed_at) "
            "SELECT sha256, 'x', version, size, attached, level, practice, checks, sealed_at FROM archive WHERE document_id = :id",
            marks=pytest.mark.sqlite,
        ),
    ],
)
def test_before_its_day_the_database_refuses(desk, kept, statement):
    with pytest.raises(REFUSED, match="kept:"), owned(desk.workstation.home) as database:
        database.execute(sa.text(statement), {"id": kept.id})


def test_the_files_are_read_only(desk, kept):
    path = desk.workstation.archives.path(kept.archives[0].sha256, ".pdf")
    assert path.stat().st_mode & 0o222 == 0


def test_a_corrected_date_brings_the_last_day_forward_to_today_at_the_earliest(desk):
    document = desk.invoice()
    desk.say_date(document, LONG_AGO)
    with desk.workstation.database.writing() as session:
        retention.keep_retention(session, documents.get_document(session, document.id), desk.workstation.settings, desk.now)
    assert desk.row(document).until == desk.now.date().isoformat()
    assert document.id not in desk.due()


# --- after its day ---


def test_after_its_day_two_people_delete_it_and_a_certificate_stays(desk):
    document = desk.invoice(LONG_AGO)
    assert document.id in desk.due()
    archives = [archive.sha256 for archive in document.archives]
    desk.ask(document)
    with pytest.raises(SamePerson):
        desk.confirm(document, desk.clerk)
    erasure.finish_erasure(desk.workstation, desk.confirm(document))
    gone = desk.look(document)
    assert (gone.state, gone.archives, document.id in desk.due()) == (State.ERASED, [], False)
    told = json.loads(certificate_path(desk.workstation, document.id).read_bytes())
    assert [each["sha256"] for each in told["archives"]] == archives
    assert (told["retention"][0]["until"], told["documents"]) == ("2022-12-31", [document.id])
    assert not desk.workstation.archives.path(archives[0], ".pdf").exists()
    assert not_well(desk) == []


def test_a_hold_wins_over_a_term_that_has_ended(desk):
    document = desk.invoice(LONG_AGO)

    number = desk.hold(document)
    assert document.id not in desk.due()
    with pytest.raises(NotOffered):
        desk.ask(document)
    with desk.workstation.database.writing() as session, pytest.raises(DBAPIError, match="kept"):
        session.execute(sa.delete(Archive).where(Archive.document_id == document.id))
    desk.lift(number)
    retention.tend_retention(desk.workstation)
    assert document.id in desk.due()


def test_a_replaced_document_under_a_hold_stays_with_its_file(desk):
    older = desk.invoice(LONG_AGO)
    newer = desk.end(desk.elsewhere(older), LONG_AGO)
    desk.ask(newer)
    number = desk.confirm(newer)
    held = desk.hold(older)
    with desk.workstation.database.writing() as session:
        # The last thing that happened to it came before the hold's first day.
        documents.get_document(session, newer.id).changed_at = desk.now - timedelta(days=2)
    erasure.finish_erasure(desk.workstation, number)
    assert (desk.look(newer).state, desk.look(older).state) == (State.ERASED, State.REPLACED)
    assert desk.workstation.archives.path(older.archives[0].sha256, ".pdf").is_file()
    desk.lift(held)


def test_what_the_database_refuses_keeps_back_no_other_erasure(desk, monkeypatch):
    documents_due = [desk.invoice(LONG_AGO), desk.invoice(LONG_AGO)]
    for each in documents_due:
        desk.ask(each)
        desk.confirm(each)
    forget = erasure._forget

    def refuse(session: Session, workstation: Workstation, row: Erasure, removed: Any) -> bool:
        if row.document_id == documents_due[0].id:
            raise IntegrityError("DELETE", {}, sqlite3.IntegrityError("kept: keep_retention"))
        return forget(session, workstation, row, removed)

    monkeypatch.setattr(erasure, "_forget", refuse)
    erasure.finish_erasures(desk.workstation)
    monkeypatch.undo()
    assert [desk.look(each).state == State.ERASED for each in documents_due] == [False, True]
    erasure.finish_erasures(desk.workstation)
    assert desk.look(documents_due[0]).state == State.ERASED


def test_a_hold_goes_with_its_document_into_another_company(desk):
    document = desk.invoice(LONG_AGO)
    newer = desk.end(desk.elsewhere(document), LONG_AGO)
    number = desk.hold(newer)
    with desk.workstation.database.reading() as session:
        assert session.get_one(Hold, number).entity == "autre"
    assert newer.id not in desk.due()
    desk.lift(number)


def test_calling_it_a_letter_ends_no_term(desk):
    document = desk.invoice()
    before = desk.row(document).until
    letter = desk.correct(document, corrections.retype, "letter")
    assert (letter.document_type, desk.row(letter).until, desk.row(letter).kind) == ("letter", before, "invoice")
    with desk.workstation.database.reading() as session:
        assert erasure.why_not(Document(state=State.SET_ASIDE, document_type="letter"), desk.now.date(), before) == "duty"
        assert erasure.refusal_of(session, letter, desk.now.date()) is not None


def test_a_letter_that_turns_out_to_be_an_invoice_gets_its_term_and_a_shorter_kind_does_not_shorten_it(desk):
    document = desk.correct(desk.invoice(), corrections.retype, "delivery")
    assert (desk.row(document).until, desk.row(document).kind) == (f"{desk.now.year + 10}-12-31", "invoice")


def test_a_longer_rule_of_the_house_reaches_what_is_stored_and_what_was_confirmed(desk):
    document = desk.invoice("2012-05-31")
    desk.ask(document)
    number = desk.confirm(document)
    organisation = desk.workstation.settings.organisation.model_copy(update={"retention_years": 30})
    settings = desk.workstation.settings.model_copy(update={"organisation": organisation})
    longer = replace(desk.workstation, settings=settings)
    with pytest.raises(NotOffered):
        erasure.finish_erasure(longer, number)
    assert desk.workstation.archives.path(document.archives[0].sha256, ".pdf").is_file()
    retention.tend_retention(longer)
    assert desk.row(document).until == "2042-05-31"
    assert retention.tend_retention(longer) == 0
    with desk.workstation.database.writing() as session:
        session.get_one(Erasure, number).done_at = desk.now


def test_a_hold_placed_between_the_two_people_stops_the_second(desk):
    document = desk.invoice(LONG_AGO)
    desk.ask(document)
    number = desk.hold(document)
    with pytest.raises(NotOffered):
        desk.confirm(document)
    desk.lift(number)
    with desk.workstation.database.writing() as session:
        erasure.withdraw_erasure(session, documents.get_document(session, document.id), desk.clerk, desk.now)


def test_a_hold_cannot_be_unwritten(desk):
    document = desk.invoice(LONG_AGO)
    number = desk.hold(document)
    for statement in ("DELETE FROM hold WHERE id = :hold", "UPDATE retention SET hold_id = NULL WHERE document_id = :id AND :hold > 0"):
        with pytest.raises(REFUSED, match="kept:"), owned(desk.workstation.home) as database:
            database.execute(sa.text(statement), {"hold": number, "id": document.id})
    desk.lift(number)


def test_a_public_body_deletes_nothing_without_its_visa(desk):
    document = desk.invoice(LONG_AGO)
    with pytest.raises(NoVisa):
        desk.ask(document, public=True)
    desk.ask(document)
    number = desk.confirm(document)
    settings = desk.workstation.settings.model_copy(update={"channel": Channel(public=True)})
    public = Workstation(settings, desk.workstation.database, desk.workstation.originals, desk.workstation.archives)
    with pytest.raises(NoVisa):
        erasure.finish_erasure(public, number)
    assert desk.look(document).archives
    with desk.workstation.database.writing() as session:
        session.get_one(Erasure, number).visa = "AD44-2026-118 du 2026-11-02"
    erasure.finish_erasure(public, number)
    assert json.loads(certificate_path(desk.workstation, document.id).read_bytes())["visa"] == "AD44-2026-118 du 2026-11-02"
    assert not_well(desk) == []


def test_documents_of_the_version_before_get_their_dates(desk):
    document = desk.invoice()
    with desk.workstation.database.writing() as session, without_trigger(session, "keep_retention", "retention"):
        session.execute(sa.delete(RetentionRow).where(RetentionRow.document_id == document.id))
    assert retention.tend_retention(desk.workstation) >= 1
    assert desk.row(document).until == f"{desk.now.year + 10}-12-31"
    assert retention.tend_retention(desk.workstation) == 0


def test_an_asset_is_kept_longer_and_the_ledger_says_who_said_so(desk, kept):
    with desk.workstation.database.writing() as session:
        row = documents.get_document(session, kept.id)
        retention.say_retention(session, row, desk.workstation.settings, True, None, desk.clerk, desk.now)
    assert desk.row(kept).until == add_years(desk.now.date(), 26).isoformat()
    assert not_well(desk) == []


def test_the_day_of_a_hold_is_looked_at(desk):
    document = desk.invoice(LONG_AGO)
    tomorrow = desk.now.date() + timedelta(days=1)
    with desk.workstation.database.writing() as session:
        holds.place_hold(session, "essai", "document", document.id, "audience", (tomorrow, None), desk.officer, desk.now)
        row = documents.get_document(session, document.id)
        assert holds.hold_on(session, row, desk.now.date()) is None
        assert holds.hold_on(session, row, tomorrow) is not None


def test_nothing_is_known_of_hold_rows_without_a_reason(desk):
    with desk.workstation.database.writing() as session, pytest.raises(ValueError, match="hold"):
        holds.place_hold(session, "essai", "year", "2024", " ", (DAY, None), desk.officer, desk.now)
    with desk.workstation.database.writing() as session, pytest.raises(holds.UnknownHold):
        holds.lift_hold(session, 9999, "x", desk.officer, desk.now)
