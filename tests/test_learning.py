"""What a person says of a value stands beside what was read; what it taught serves the next paper, and can be undone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
import webhome
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from test_suppliers import IBAN, SIREN, paper

from config.settings import StoreChoice
from ocr.text import PageText
from ocr.values import Field
from station import drift, learning, reading, recall
from station.acts import Reserved
from station.audit import audit_ledger
from station.drift import NONE_GREEN, PROMISE, Outcome, chance_of, contradicted, drift_of, fitted_threshold, wilson_upper
from station.records import documents, learned, people
from station.records.ledger import append_event
from station.records.tables import FieldRow, LedgerPayload, LedgerRow, LessonRow, LessonUse, Person, Reading
from station.stored import field_text, fields_hash
from station.workstation import Workstation

NOW = webhome.NOON
READ = {
    "supplier_siren": SIREN,
    "supplier_name": "Atelier Dumoulin",
    "iban": IBAN,
    "invoice_number": "ZK-900",
    "total_gross": Decimal("120.00"),
}


@dataclass
class Desk:
    """A workstation with a clerk, at which papers are read without an engine: the reader finds what a test says."""

    workstation: Workstation
    clerk: Person
    monkeypatch: pytest.MonkeyPatch
    papers: int = 0

    def read(self, text: PageText, **found: object) -> str:
        """A sealed document whose text is `text`; the reader, alone, took the values for `found`."""
        self.papers += 1
        document_id = webhome.sealed(
            self.workstation, f"{self.papers}.tif", webhome.Paper("x", str(self.papers), "2026-01-01", "1", "1", "1")
        )
        path = Path("readings") / f"{document_id}.json"
        (self.workstation.home / path).parent.mkdir(parents=True, exist_ok=True)
        (self.workstation.home / path).write_text(json.dumps({"pages": [text.as_json()]}), encoding="utf-8")
        fields = {name: Field(name, value, str(value), 1, None, 0.999, "its label") for name, value in {**READ, **found}.items()}
        self.monkeypatch.setattr(reading, "extract", lambda _pages, _known: fields)
        with self.workstation.database.writing() as session:
            document = documents.get_document(session, document_id)
            told = reading.fields_of([text], memory=learning.memory_of(session, self.workstation.settings, document.entity))
            learned.note_uses(session, document_id, told.uses, NOW)
            documents.replace_fields(session, document_id, reading.field_rows(document_id, told))
            session.add(
                Reading(document_id=document_id, version=1, engine="drawn", path=str(path), words=9, in_archive=True, read_at=NOW)
            )  # fmt: skip
            values = {name: field_text(each.value) for name, each in told.page.items()}
            append_event(
                session,
                webhome.Event("essai", "read", {"document": document_id, "fields": fields_hash(values)}, webhome.SYSTEM, NOW, "system", {}),
            )
        return document_id

    def say(self, document_id: str, name: str, typed: str) -> LessonRow | None:
        with self.workstation.database.writing() as session:
            return learning.say_value(session, self.workstation, document_id, name, learning.parse_typed(name, typed), self.clerk)

    def undo(self, number: int, reason: str = "fausse leçon") -> learning.Undone:
        with self.workstation.database.writing() as session:
            return learning.undo_lesson(session, self.workstation, number, reason, self.clerk)

    def value(self, document_id: str, name: str, source: str = "read") -> str | None:
        with self.workstation.database.reading() as session:
            return session.scalar(
                sa.select(FieldRow.value).where(FieldRow.document_id == document_id, FieldRow.name == name, FieldRow.source == source)
            )

    def facts(self) -> dict[str, bool]:
        return {each.name: each.ok for each in audit_ledger(self.workstation)}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    workstation = webhome.open_home(tmp_path)
    with workstation.database.writing() as session:
        clerk = people.ensure_practice(session)
    yield Desk(workstation, clerk, monkeypatch)
    workstation.database.close()


# --- a word of a person ---


def test_what_a_person_types_stands_beside_what_was_read(desk):
    document = desk.read(paper())
    desk.say(document, "invoice_number", "ZK-118")
    assert (desk.value(document, "invoice_number"), desk.value(document, "invoice_number", "person")) == ("ZK-900", "ZK-118")


def test_the_newest_word_of_a_person_counts(desk):
    document = desk.read(paper())
    desk.say(document, "invoice_number", "ZK-117")
    desk.say(document, "invoice_number", "ZK-118")
    assert desk.value(document, "invoice_number", "person") == "ZK-118"


def test_a_person_may_say_that_the_paper_does_not_tell_it(desk):
    document = desk.read(paper())
    assert desk.say(document, "invoice_number", "") is None
    assert desk.value(document, "invoice_number", "person") is None


def test_the_ledger_tells_who_said_something_and_its_leaf_tells_no_value(desk):
    document = desk.read(paper())
    desk.say(document, "supplier_name", "Maison Dumoulin")
    with desk.workstation.database.reading() as session:
        entry = json.loads(session.scalars(sa.select(LedgerRow.entry).order_by(LedgerRow.sequence.desc())).first())
        body = session.scalars(sa.select(LedgerPayload.body).order_by(LedgerPayload.sequence.desc())).first()
    assert (entry["type"], desk.clerk.pseudonym in json.dumps(entry["actor"])) == ("said", True)
    assert "Maison" not in json.dumps(entry)
    assert json.loads(body)["said"] == {"supplier_name": "corrected"}


def test_a_said_value_that_is_changed_behind_the_ledger_shows(desk):
    document = desk.read(paper())
    desk.say(document, "invoice_number", "ZK-118")
    assert desk.facts()["facts"]
    with desk.workstation.database.writing() as session:
        session.execute(sa.update(FieldRow).where(FieldRow.source == "person").values(value="ZK-119"))
    assert not desk.facts()["facts"]


def test_of_a_confidential_document_nothing_is_said(desk):
    document = desk.read(paper())
    with desk.workstation.database.writing() as session:
        documents.get_document(session, document).confidential = True
    with pytest.raises(Reserved):
        desk.say(document, "invoice_number", "ZK-118")


def test_confirming_the_rest_leaves_what_was_said(desk):
    desk.workstation.settings.suppliers.ibans[SIREN] = [IBAN]
    document = desk.read(paper())
    desk.say(document, "invoice_number", "ZK-118")
    with desk.workstation.database.writing() as session:
        names = learning.confirm_rest(session, desk.workstation, document, desk.clerk)
        assert learning.confirm_rest(session, desk.workstation, document, desk.clerk) == ()
    assert "invoice_number" not in names
    assert (desk.value(document, "invoice_number", "person"), desk.value(document, "iban", "person")) == ("ZK-118", IBAN)


# --- what it teaches ---


def test_one_correction_makes_the_second_paper_right(desk):
    desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"), invoice_number="ZK-900")
    assert desk.value(second, "invoice_number") == "ZK-1204"


def test_a_lesson_keeps_author_date_and_the_documents_it_influenced(desk):
    first = desk.read(paper())
    lesson = desk.say(first, "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    with desk.workstation.database.reading() as session:
        (told,) = learning.export_lessons(session, "essai")["lessons"]
    assert (told["author"], told["taught_at"], told["document"]) == (desk.clerk.login, NOW.isoformat(), first)
    assert (told["number"], told["supplier"], told["title"]) == (lesson.id, f"siren:{SIREN}", "Atelier Dumoulin")
    assert [(use["document"], use["before"], use["after"]) for use in told["influenced"]] == [(second, "ZK-900", "ZK-1204")]


def test_confirming_what_was_read_teaches_nothing(desk):
    assert desk.say(desk.read(paper()), "invoice_number", "ZK-900") is None


def test_a_second_thought_on_the_same_value_takes_the_first_lesson_back(desk):
    document = desk.read(paper())
    first = desk.say(document, "invoice_number", "ZK-1I8")
    second = desk.say(document, "invoice_number", "ZK-118")
    with desk.workstation.database.reading() as session:
        standing = [lesson.number for lesson in learned.standing_lessons(session, "essai")]
    assert first is None or first.id not in standing
    assert standing == [second.id]


def test_what_a_paper_taught_goes_with_its_supplier_when_that_is_put_right(desk):
    document = desk.read(paper(), supplier_siren="552100554")
    desk.say(document, "invoice_number", "ZK-118")
    desk.say(document, "supplier_siren", SIREN)
    with desk.workstation.database.reading() as session:
        assert {lesson.supplier for lesson in learned.standing_lessons(session, "essai")} == {f"siren:{SIREN}"}


# --- undoing ---


def test_an_undone_lesson_speaks_no_more_and_what_it_decided_is_read_anew(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    undone = desk.undo(lesson.id)
    third = desk.read(paper("ZK-1300"))
    assert undone.reread == (second,)
    assert desk.value(second, "invoice_number") == "ZK-900"
    assert desk.value(third, "invoice_number") == "ZK-900"
    assert desk.facts()["facts"]


def test_what_a_person_said_stays_when_the_lesson_is_undone(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    desk.say(second, "invoice_number", "ZK-1204")
    undone = desk.undo(lesson.id)
    assert (undone.reread, undone.reviewed) == ((), (second,))
    assert desk.value(second, "invoice_number", "person") == "ZK-1204"


def test_an_undone_lesson_stays_to_be_seen_with_its_documents(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    desk.read(paper("ZK-1204"))
    desk.undo(lesson.id, "mauvais fournisseur")
    with desk.workstation.database.reading() as session:
        (told,) = learning.export_lessons(session, "essai")["lessons"]
    assert (told["undone_by"], told["undone_reason"], len(told["influenced"])) == (desk.clerk.login, "mauvais fournisseur", 1)


def test_undoing_needs_a_reason_and_happens_once(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    with pytest.raises(ValueError, match="reason"):
        desk.undo(lesson.id, "  ")
    desk.undo(lesson.id)
    with pytest.raises(learned.NoLesson):
        desk.undo(lesson.id)


def test_where_no_text_is_kept_the_value_from_before_comes_back(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    (desk.workstation.home / "readings" / f"{second}.json").unlink()
    desk.undo(lesson.id)
    assert desk.value(second, "invoice_number") == "ZK-900"


def test_what_more_documents_took_from_an_undone_lesson_is_read_anew_a_few_at_a_time(desk, monkeypatch):
    monkeypatch.setattr(learning, "AT_ONCE", 2)
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    later = [desk.read(paper(f"ZK-120{i}")) for i in range(5)]
    undone = desk.undo(lesson.id)
    assert (undone.reread, undone.more) == ((later[4], later[3]), True)
    assert desk.value(later[0], "invoice_number") == "ZK-1200"
    assert (learning.read_on(desk.workstation), learning.read_on(desk.workstation)) == (3, 0)
    assert {desk.value(each, "invoice_number") for each in later} == {"ZK-900"}
    assert desk.facts()["facts"]


def test_what_was_concluded_stays_one_row_when_it_is_read_anew(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    with desk.workstation.database.writing() as session:
        session.execute(sa.update(FieldRow).where(FieldRow.name == "invoice_number", FieldRow.source == "read").values(source="rule"))
    desk.undo(lesson.id)
    assert (desk.value(second, "invoice_number", "rule"), desk.value(second, "invoice_number")) == (None, "ZK-900")


def test_what_the_second_look_saw_is_known_when_a_value_is_read_anew(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    kept = desk.workstation.home / "readings" / f"{second}.json"
    look = {"name": "invoice_number", "text": "ZK-907"}
    kept.write_text(json.dumps({**json.loads(kept.read_text("utf-8")), "second": [look]}), encoding="utf-8")
    desk.undo(lesson.id)
    with desk.workstation.database.reading() as session:
        reason = session.scalar(sa.select(FieldRow.reason).where(FieldRow.document_id == second, FieldRow.name == "invoice_number"))
    assert reason == "its label; the second look differs"


def unlearned(desk):
    """Two documents that took a value from a lesson which a person put right since."""
    first = desk.read(paper(), invoice_number="ZK-1")
    desk.say(first, "invoice_number", "ZK-900")
    later = [desk.read(paper(number), invoice_number="ZK-1") for number in ("ZK-1204", "ZK-1205")]
    assert {desk.value(each, "invoice_number") for each in later} == {"ZK-900"}
    desk.say(first, "invoice_number", "ZK-118")
    return later


def test_who_corrects_their_own_correction_puts_right_what_was_read_in_between(desk):
    later = unlearned(desk)
    assert learning.read_on(desk.workstation) == 2
    assert [desk.value(each, "invoice_number") for each in later] == ["ZK-1204", "ZK-1205"]
    assert desk.facts()["facts"]


def test_the_same_word_said_again_leaves_what_it_taught(desk):
    first = desk.read(paper())
    desk.say(first, "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    desk.say(first, "invoice_number", "ZK-118")
    assert (learning.read_on(desk.workstation), desk.value(second, "invoice_number")) == (0, "ZK-1204")


def test_the_ledger_tells_of_an_undone_lesson_no_other_document_than_its_own(desk):
    first = desk.read(paper())
    lesson = desk.say(first, "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    desk.undo(lesson.id)
    with desk.workstation.database.reading() as session:
        row = session.scalars(sa.select(LedgerPayload).order_by(LedgerPayload.sequence.desc())).first()
    assert (json.loads(row.body)["read_again"], row.document_id) == (1, first)
    assert second not in row.body.decode()


@pytest.mark.parametrize("kept", ["{", "[]", '{"pages": [{}]}', '{"pages": [], "second": [1]}'])
def test_a_kept_text_that_is_broken_is_as_none(desk, kept):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    (desk.workstation.home / "readings" / f"{second}.json").write_text(kept, encoding="utf-8")
    desk.undo(lesson.id)
    assert desk.value(second, "invoice_number") == "ZK-900"
    desk.say(second, "invoice_number", "ZK-1204")
    assert desk.value(second, "invoice_number", "person") == "ZK-1204"


def test_what_was_unlearned_while_the_bucket_with_the_words_is_away_is_read_anew_later(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    kept = desk.workstation.home / "readings" / f"{second}.json"
    aside = kept.rename(kept.with_suffix(".aside"))
    desk.monkeypatch.setenv("SCEAU_STORE_KEY", "key")
    desk.monkeypatch.setenv("SCEAU_STORE_SECRET", "secret")
    store = StoreChoice(url="s3://none/l?endpoint=http://127.0.0.1:9")
    here = replace(desk.workstation, settings=desk.workstation.settings.model_copy(update={"store": store}))
    with here.database.writing() as session:
        undone = learning.undo_lesson(session, here, lesson.id, "fausse leçon", desk.clerk)
    assert (undone.more, learning.read_on(here)) == (True, 0)
    aside.rename(kept)
    learned_before = desk.value(second, "invoice_number")
    assert (learning.read_on(here), learned_before, desk.value(second, "invoice_number")) == (1, "ZK-1204", "ZK-900")


def test_one_document_that_cannot_be_settled_keeps_no_other_waiting(desk, monkeypatch):
    later = unlearned(desk)
    judge = learning.judge_again

    def judged(session, document, *rest, **more):
        if document.id == later[1]:
            raise ValueError("broken")
        return judge(session, document, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(learning, "judge_again", judged)
        assert learning.read_on(desk.workstation) == 1
    assert [desk.value(each, "invoice_number") for each in later] == ["ZK-1204", "ZK-900"]
    assert learning.read_on(desk.workstation) == 1


def test_a_text_that_reading_cannot_understand_gives_the_value_from_before(desk, monkeypatch):
    later = unlearned(desk)
    monkeypatch.setattr(reading, "extract", lambda _pages, _known: 1 / 0)
    assert learning.read_on(desk.workstation) == 2
    assert {desk.value(each, "invoice_number") for each in later} == {"ZK-1"}


def test_nobody_waits_for_the_records_while_a_value_is_read_anew(desk, monkeypatch):
    unlearned(desk)
    told = learning.fields_of

    def slow(*arguments):
        with desk.workstation.database.writing() as session:
            session.execute(sa.select(LessonRow.id))
        return told(*arguments)

    monkeypatch.setattr(learning, "fields_of", slow)
    assert learning.read_on(desk.workstation) == 2


def test_a_use_is_settled_by_one_process_only(desk):
    unlearned(desk)
    with desk.workstation.database.writing() as session:
        use, _ = learned.unsettled_uses(session, 1)[0]
        assert learned.claim_use(session, use.id)
        use.settled_at = NOW
        session.flush()
        assert learned.claim_use(session, use.id) is None
    query = learned.held(LessonUse.id == 1).compile(dialect=postgresql.dialect())
    assert "FOR UPDATE OF lesson_use SKIP LOCKED" in str(query)


def test_of_a_confidential_document_the_memory_tells_nothing(desk):
    first = desk.read(paper())
    lesson = desk.say(first, "invoice_number", "ZK-118")
    second = desk.read(paper("ZK-1204"))
    for reserved, told in ((second, ["ZK-118"]), (first, [])):
        with desk.workstation.database.writing() as session:
            documents.get_document(session, reserved).confidential = True
        listed = recall.recall(desk.workstation, "export", 0)
        assert [each["value"] for each in listed] == told
        assert "ZK-1204" not in json.dumps(listed)
    shown = json.dumps(recall.recall(desk.workstation, "show", lesson.id))
    assert not any(word in shown for word in ("ZK", "Dumoulin", SIREN))
    assert "fausse" not in json.dumps(recall.forget(desk.workstation, lesson.id, "fausse", "atelier"))


def test_the_own_company_s_number_teaches_nothing(desk):
    desk.workstation.settings.identity.sirens.append("552100554")
    assert desk.say(desk.read(paper()), "supplier_siren", "552100554") is None


# --- what is typed ---


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("issue_date", "12/03/2024", date(2024, 3, 12)),
        ("due_date", "2024-03-12", date(2024, 3, 12)),
        ("total_gross", "1 234,56", Decimal("1234.56")),
        ("total_gross", "1\u202f234,56 €".replace("\u202f", " "), Decimal("1234.56")),
        ("total_net", "1234.5", Decimal("1234.50")),
        ("amount_due", "-12", Decimal("-12.00")),
        ("paid_amount", "1 000", Decimal("1000.00")),
        ("currency", "eur", "EUR"),
        ("currency", "€", "EUR"),
        ("document_type_code", "381", "381"),
        ("iban", "fr76 3000 6000 0112 3456 7890 189", IBAN),
        ("supplier_name", "  Le   Goff & Fils ", "Le Goff & Fils"),
        ("order_reference", "   ", None),
    ],
)
def test_french_dates_and_amounts_are_understood(name, typed, value):
    assert learning.parse_typed(name, typed) == value


@pytest.mark.parametrize(
    ("name", "typed", "kind"),
    [
        ("issue_date", "32/13/2024", "date"),
        ("total_net", "douze", "amount"),
        ("total_net", "1.2.3", "amount"),
        ("currency", "florins", "currency"),
        ("document_type_code", "999", "type"),
        ("supplier_siren", "73 é", "identifier"),
        ("supplier_siren", "73282932", "siren"),
        ("supplier_siret", "732829320", "siret"),
        ("supplier_siren", "732829321", "key"),
        ("iban", "FR7630006000011234567890188", "key"),
        ("total_gross", "1,234", "thousands"),
        ("total_gross", "-12.345 €", "thousands"),
        ("issue_date", "01/01/1925", "years"),
        ("supplier_name", "x" * 301, "text"),
        ("lines", "1", "text"),
    ],
)
def test_what_is_no_such_value_is_refused_with_what_was_expected(name, typed, kind):
    with pytest.raises(learning.Unreadable) as caught:
        learning.parse_typed(name, typed)
    assert caught.value.kind == kind


@given(st.decimals(-999_999, 999_999, places=2))
def test_an_amount_as_the_screens_write_it_is_understood(value):
    from station.web.words import words_in

    shown = words_in("fr").amount(str(value)).replace("\u202f", " ")
    assert learning.parse_typed("total_net", shown) == value


# --- the promise of green ---

OUTCOMES = st.lists(st.builds(Outcome, st.just("iban"), st.floats(0.9, 1.0), st.booleans()), max_size=300)


@given(OUTCOMES)
def test_no_promise_is_let_through_that_the_data_contradict(outcomes):
    threshold = fitted_threshold(outcomes)
    green = [each for each in outcomes if each.confidence >= threshold]
    assert not contradicted(sum(not each.right for each in green), len(green))
    assert threshold >= 0.995


@given(OUTCOMES)
def test_the_order_in_which_people_reviewed_does_not_matter(outcomes):
    assert fitted_threshold(outcomes) == fitted_threshold(reversed(outcomes))


def test_without_errors_the_threshold_stays():
    assert fitted_threshold([Outcome("iban", 0.997, True)] * 1000) == 0.995


def test_errors_at_the_lower_end_raise_the_threshold_above_them():
    outcomes = [Outcome("iban", 0.999, True)] * 400 + [Outcome("iban", 0.996, False)] * 9
    assert 0.996 < fitted_threshold(outcomes) <= 0.999


def test_errors_at_every_confidence_leave_nothing_green():
    assert fitted_threshold([Outcome("iban", 1.0, False)] * 20) == NONE_GREEN


def test_a_few_corrections_conclude_nothing_for_people_look_at_what_is_wrong_first():
    few = [Outcome("iban", 1.0, False)] * 19
    assert (fitted_threshold(few), drift_of(few).alarm) == (0.995, False)


def test_once_there_is_reason_errors_at_the_very_top_count_too():
    outcomes = [Outcome("iban", 1.0, False)] * 5 + [Outcome("iban", 0.996, True)] * 100
    assert fitted_threshold(outcomes) == NONE_GREEN


def test_one_error_among_the_first_reviewed_may_be_chance_only_where_it_may():
    assert not contradicted(1, 20)
    assert contradicted(2, 20)
    assert contradicted(2, 40)


def test_two_wrong_of_two_hundred_are_too_many_and_one_is_not():
    assert [contradicted(wrong, 200) for wrong in (0, 1, 2)] == [False, False, True]


def test_the_bound_and_the_chance_are_those_of_the_books():
    assert wilson_upper(0, 100) == pytest.approx(0.0370, abs=1e-4)
    assert wilson_upper(5, 100) == pytest.approx(0.1118, abs=1e-4)
    assert chance_of(1, 100) == pytest.approx(1 - (1 - PROMISE) ** 100)
    assert chance_of(0, 100) == 1.0


def test_the_alarm_looks_at_the_newest_and_at_the_promise_as_it_was_made():
    drifting = [Outcome("iban", 0.996, False)] * 8 + [Outcome("issue_date", 0.999, True)] * 400
    found = drift_of(drifting)
    assert (found.alarm, found.green > 0.996, found.fields[0]) == (True, True, ("iban", 8, 8))
    assert not drift_of([Outcome("iban", 0.999, True)] * 500 + [Outcome("iban", 0.999, False)] * 50).alarm
    assert not drift_of([]).alarm


def test_reviewed_values_are_counted_from_what_people_said(desk):
    document = desk.read(paper())
    desk.say(document, "invoice_number", "ZK-118")
    desk.say(document, "total_gross", "120")
    with desk.workstation.database.reading() as session:
        found = {each.name: each.right for each in drift.outcomes_of(session, "essai")}
    assert found == {"invoice_number": False, "total_gross": True}


def test_who_only_corrects_says_nothing_of_the_share_of_errors(desk):
    for document in [desk.read(paper()) for _ in range(3)]:
        desk.say(document, "invoice_number", "ZK-118")
    with desk.workstation.database.reading() as session:
        assert drift.outcomes_of(session, "essai") == []


@pytest.mark.parametrize(
    ("name", "read", "said", "right"),
    [
        ("supplier_name", "DUPONT SARL", "Dupont SARL", True),
        ("supplier_name", "Dupont SARL", "Dupond SARL", False),
        ("supplier_siren", "732 829 320", "732829320", True),
        ("invoice_number", "FA 2024-118", "FA2024 118", True),
        ("invoice_number", "FA2024118", "FA2024119", False),
        ("total_gross", "12.5", "12.50", True),
        ("invoice_number", None, "FA1", False),
        ("supplier_name", "Dupont", None, False),
    ],
)
def test_another_spelling_is_no_error(name, read, said, right):
    assert drift.read_right(name, read, said) is right


def test_the_memory_is_shown_and_undone_by_its_words(desk):
    lesson = desk.say(desk.read(paper()), "invoice_number", "ZK-118")
    assert [each["number"] for each in recall.recall(desk.workstation, "list", 0)] == [lesson.id]
    with pytest.raises(people.NoPerson):
        recall.forget(desk.workstation, lesson.id, "fausse", "personne")
    assert recall.forget(desk.workstation, lesson.id, "fausse", "atelier")[0]["undone_reason"] == "fausse"
    assert recall.recall(desk.workstation, "list", 0) == []
    assert len(recall.recall(desk.workstation, "export", 0)) == 1
    with pytest.raises(learned.NoLesson):
        recall.recall(desk.workstation, "show", 99)
