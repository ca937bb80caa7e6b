"""What a document says is told in one order: the page, a second look, what was learned of its supplier, the XML."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal

import atwork
import electronic_papers
import papers
import pikepdf
import pytest
import sqlalchemy as sa
from test_fields import INVOICE, page_of
from test_suppliers import SIREN, paper, taught

from ocr.fields import extract
from ocr.second import SecondReading
from ocr.structured import read_invoice
from ocr.suppliers import Lesson
from ocr.turning import TURNS, turn_page
from ocr.values import NAMES, Field, Known, Source, fields_json
from station import pixels, reading
from station.reading import Memory, field_rows, fields_of, told_of
from station.records.tables import FieldRow, State
from station.stored import field_from, field_json

NUMBER = Field("invoice_number", "ZK-900", "ZK-900", 1, None, 0.9, "its label")


@pytest.fixture
def page_says(monkeypatch):
    """The reader takes these fields for what the page says, beside the supplier."""

    def say(*fields: Field) -> None:
        supplier = Field("supplier_siren", SIREN, SIREN, 1, None, 0.99, "its label")
        monkeypatch.setattr(reading, "extract", lambda _texts, _known: {each.name: each for each in (supplier, *fields)})

    return say


def lesson(name: str = "invoice_number", value: object = "ZK-118") -> Lesson:
    return replace(taught(name, value), number=1)


def seen(text: str) -> reading.Look:
    return lambda _places: [SecondReading("invoice_number", text)]


def test_a_second_look_moves_the_confidence_and_never_the_value(page_says):
    page_says(NUMBER)
    alike, apart = (fields_of([paper()], look=seen(text)).fields["invoice_number"] for text in ("ZK-900", "ZK-907"))
    assert alike.value == apart.value == "ZK-900"
    assert apart.confidence < NUMBER.confidence < alike.confidence


def test_what_was_learned_comes_before_what_was_read(page_says):
    page_says(NUMBER)
    told = fields_of([paper("ZK-1204")], memory=Memory([lesson()]))
    assert told.fields["invoice_number"].value == "ZK-1204"
    assert [use.after.name for use in told.uses] == ["invoice_number"]


def test_the_xml_comes_before_what_was_learned_and_no_lesson_is_said_to_have_spoken(page_says):
    page_says(NUMBER)
    told = fields_of([paper("ZK-1204")], memory=Memory([lesson()]), invoice=read_invoice(electronic_papers.cii()))
    assert (told.fields["invoice_number"].value, told.fields["invoice_number"].source) == (electronic_papers.NUMBER, Source.XML)
    assert (told.page["invoice_number"].value, told.uses) == ("ZK-900", ())


def test_what_the_xml_leaves_open_is_still_learned(page_says):
    page_says(NUMBER)
    silent = read_invoice(electronic_papers.cii())
    del silent.fields["invoice_number"]
    told = fields_of([paper("ZK-1204")], memory=Memory([lesson()]), invoice=silent)
    assert (told.fields["invoice_number"].value, len(told.uses)) == ("ZK-1204", 1)


@pytest.mark.parametrize("degrees", TURNS)
def test_a_value_that_was_learned_lies_where_the_page_shows_it_however_the_page_lies(page_says, degrees):
    page_says(NUMBER)
    lying = turn_page(paper("ZK-1204"), degrees)
    field = fields_of([lying], memory=Memory([lesson()])).fields["invoice_number"]
    (word,) = [word for word in lying.words if word.text == "ZK-1204"]
    assert (field.value, field.box) == ("ZK-1204", word.box)
    assert [each.box for each in field.words] == [word.box]


def test_a_value_that_was_read_stays_where_the_page_shows_it_when_a_lesson_agrees(page_says):
    lying = turn_page(paper("ZK-1204"), 90)
    (word,) = [word for word in lying.words if word.text == "ZK-1204"]
    page_says(Field("invoice_number", "ZK-1204", "ZK-1204", 1, word.box, 0.6, "its label", (word,)))
    told = fields_of([lying], memory=Memory([lesson()]))
    assert (told.fields["invoice_number"].box, len(told.uses)) == (word.box, 1)


def test_each_row_keeps_where_its_value_comes_from_and_a_name_has_one_of_the_page(page_says):
    page_says(NUMBER, Field("due_date", date(2026, 1, 31), "", 0, None, 0.8, "30 days", source=Source.RULE))
    rows = list(field_rows("d", fields_of([paper()], invoice=read_invoice(electronic_papers.cii()))))
    sources = {(row.name, row.source) for row in rows}
    assert {("due_date", "rule"), ("invoice_number", "read"), ("invoice_number", "xml")} <= sources
    assert len(sources) == len(rows)


def nothing(*_args: object) -> dict[str, Field]:
    """In the child."""
    return {}


class Meddled(atwork.PlainSteps):
    """Between reading and sealing someone is at work; and sealing is tried twice."""

    def __init__(self, workstation, meddle):
        super().__init__(workstation)
        self.meddle = meddle

    def work(self, name, function, *args, **kwargs):
        if name == "prove":
            self.meddle()
            super().work(name, function, *args, **kwargs)
        return super().work(name, function, *args, **kwargs)


class Upgraded(atwork.PlainSteps):
    """The version before read the page and noted that; it laid no values aside."""

    def __init__(self, workstation, noted):
        super().__init__(workstation)
        self.noted = noted

    def work(self, name, function, *args, **kwargs):
        if name == "prove" and self.noted:
            args[-1].values.unlink()
        trouble = super().work(name, function, *args, **kwargs)
        if name == "read" and not self.noted:
            old = {key: value for key, value in json.loads(args[-1].texts.read_text()).items() if key != "fields"}
            args[-1].texts.write_text(json.dumps(old))
        return trouble


@contextmanager
def pipeline(workstation):
    with atwork.pipeline_of(workstation) as work:
        yield work.pipeline


def take_invoice(workstation, folder):
    return atwork.take_in(workstation, papers.write_png(folder / "invoice.png", papers.draw_page(papers.INVOICE, size=(1000, 900))))


def sealed_fields(workstation, document_id):
    with pikepdf.open(atwork.archive_path(workstation, atwork.document_of(workstation, document_id))) as pdf:
        return json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())["fields"]


def test_what_is_sealed_is_what_was_recorded_whatever_happens_in_between(tmp_path, practice_keys, monkeypatch):
    workstation = atwork.open_home(tmp_path / "home", practice_keys)
    document_id = take_invoice(workstation, tmp_path)

    def meddle():
        monkeypatch.setattr(pixels, "find_fields", nothing)
        with workstation.database.writing() as session:
            session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document_id))

    told = []
    monkeypatch.setattr("station.pipeline.told_of", lambda *args: told.append(told_of(*args)) or told[-1])
    with pipeline(workstation) as story:
        assert story.process(Meddled(workstation, meddle), document_id, 1) == State.SEALED
    sealed = sealed_fields(workstation, document_id)
    assert sealed == fields_json(told[0].fields)
    assert set(sealed) == {*NAMES, "line_count"}
    assert Decimal(sealed["total_gross"])


@pytest.mark.parametrize("noted", [True, False])
def test_what_the_version_before_read_is_sealed_with_its_values(tmp_path, practice_keys, noted):
    workstation = atwork.open_home(tmp_path / "home", practice_keys)
    document_id = take_invoice(workstation, tmp_path)
    with pipeline(workstation) as story:
        assert story.process(Upgraded(workstation, noted), document_id, 1) == State.SEALED
    sealed, rows = sealed_fields(workstation, document_id), atwork.document_of(workstation, document_id).fields
    assert sealed["total_gross"] == {row.name: row.value for row in rows}["total_gross"] == "732.00"


def test_a_field_is_kept_between_the_steps_with_all_that_belongs_to_it():
    read = extract([page_of(INVOICE)], Known())
    assert {"lines", "vat_breakdown", "issue_date", "total_gross"} <= set(read)
    assert [field_from(json.loads(json.dumps(field_json(field)))) for field in read.values()] == [*read.values()]
