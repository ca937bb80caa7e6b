"""What programs rely on: one line of JSON per document, the same names always, and trouble in words whatever the file holds."""

import json
import os
import signal
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import papers
import pytest
from typer.testing import CliRunner

from capture.coding import Caps
from ocr.confidence import NEEDED
from ocr.engines import ReaderOptions
from ocr.values import LISTS, NAMES, Field
from station import children, pixels
from station.children import Children, PoisonPage
from station.cli import app
from station.read import Here, ReadResult, read_file

NOTHING_SEEN = {"document_type_code", "currency"}
"""May be given to a page that says nothing: what an invoice is where nothing says otherwise."""


@pytest.fixture(scope="module")
def invoice(tmp_path_factory) -> Path:
    return papers.write_png(tmp_path_factory.mktemp("scans") / "invoice.png", papers.draw_invoice())


@pytest.fixture(scope="module")
def told(invoice, tmp_path_factory) -> list[dict]:
    """What the command prints for a good file and for one that is not there."""
    home = tmp_path_factory.mktemp("home")
    done = CliRunner().invoke(app, ["read", "--json", str(invoice), str(invoice.with_name("none.pdf"))], env={"SCEAU_HOME": str(home)})
    assert done.exit_code == 4
    return [json.loads(line) for line in done.stdout.splitlines()]


def read(path, workers=None):
    return read_file(path, Caps(), ReaderOptions(), workers=workers or Here())


def surely_read(result) -> set[str]:
    return {name for name, field in result.values.items() if field.confidence >= 0.9} - NOTHING_SEEN


def test_each_file_is_one_line(told, invoice):
    assert [each["file"] for each in told] == [str(invoice), str(invoice.with_name("none.pdf"))]
    assert [each["trouble"] for each in told] == [None, "no such file"]


def test_every_name_is_there_whatever_was_found(told):
    for each in told:
        assert {*NAMES, "line_count", "evidence", "file", "pages", "text", "trouble", "findings", "touchless"} <= set(each)
        assert all(isinstance(each[name], list) for name in LISTS)


def test_values_are_plain(told):
    good = told[0]
    assert good["invoice_number"] == "F-2026-0118"
    assert [date.fromisoformat(good[name]) for name in ("issue_date", "due_date")] == [date(2026, 10, 14), date(2026, 11, 13)]
    assert [good[name] for name in ("total_net", "total_tax", "total_gross")] == ["610.00", "122.00", "732.00"]
    assert all(isinstance(row[key], str) and Decimal(row[key]) for row in good["vat_breakdown"] for key in ("rate", "base", "tax"))


def test_beside_each_value_stands_its_evidence(told):
    evidence = told[0]["evidence"]
    assert {name for name in NAMES if told[0][name] not in (None, [])} == set(evidence)
    for each in evidence.values():
        assert set(each) == {"confidence", "page", "box", "raw", "words", "reason", "source", "alternatives"}
        assert 0 <= each["confidence"] <= 1
    box = evidence["total_gross"]["box"]
    assert (len(box), box[0] < box[2], box[1] < box[3]) == (4, True, True)


def test_a_result_says_whether_nobody_need_look():
    sure = {name: Field(name, "1", "1", 1, None, 0.999, "") for name in (*NEEDED, "supplier_siren")}
    doubtful = {**sure, "iban": Field("iban", "1", "1", 1, None, 0.9, "")}
    told = [ReadResult("a.pdf", 1, "", *rest).as_json()["touchless"] for rest in ((sure, None), (doubtful, None), (sure, "page 2: x"))]
    assert told == [True, False, False]


class Ending(Here):
    """Workers whose second page ends its reader each time."""

    def run(self, function, seconds, *args, **kwargs):
        if function is pixels.read_original and args[0].page.number == 2:
            raise PoisonPage("read_original: 3")
        return super().run(function, seconds, *args, **kwargs)


def test_a_page_that_ends_its_reader_is_told_and_the_others_are_read(tmp_path):
    path = papers.write_tiff(tmp_path / "three.tif", [papers.draw_invoice(seed=seed) for seed in (1, 2, 3)])
    result = read(path, Ending())
    assert (result.pages, result.text.count("FACTURE")) == (3, 2)
    assert result.trouble.startswith("page 2: a arrêté")
    assert result.values["total_gross"].value == Decimal("732.00")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_work_that_kills_its_process_three_times_is_put_aside():
    with children.reading_children(1, 1024) as workers, pytest.raises(PoisonPage):
        workers.run(die, 30.0)


def test_reading_stops_with_its_time(invoice):
    class Slow(Here):
        def run(self, _function, seconds, *_args, **_kwargs):
            raise children.OverBudget(f"{seconds:.0f} s")

    result = read(invoice, Slow())
    assert (result.values, result.trouble.startswith("trop longue")) == ({}, True)


def test_a_command_ends_its_children():
    with children.reading_children(1, 1024) as workers:
        workers.run(os.getpid, 30.0)
        assert isinstance(workers, Children)
    with pytest.raises(children.Stopped):
        workers.run(os.getpid, 30.0)


def test_an_empty_page_has_no_fields_and_no_trouble(tmp_path):
    result = read(papers.write_png(tmp_path / "empty.png", papers.draw_page([])))
    assert (result.trouble, surely_read(result)) == (None, set())


def test_noise_says_nothing(tmp_path):
    noise = [np.random.default_rng(seed).integers(0, 256, (700, 500, 3), np.uint8) for seed in (1, 2)]
    result = read(papers.write_tiff(tmp_path / "noise.tif", noise))
    assert (result.pages, result.trouble, surely_read(result)) == (2, None, set())


def test_a_language_that_nobody_taught_gives_nothing_sure(tmp_path):
    words = ("Hvorfor skulle jeg gjette", "Tilaus on vahvistettu", "Wszystkie prawa zastrzezone", "Koszonjuk a bizalmat")
    result = read(papers.write_png(tmp_path / "other.png", papers.draw_page(words)))
    assert "Wszystkie" in result.text
    assert surely_read(result) == set()


def test_of_a_hundred_pages_one_copy_lies_on_the_disk_at_a_time(tmp_path, monkeypatch):
    most = []

    def count_copies(copy, *_):
        most.append(len(list(copy.parent.iterdir())))
        raise OSError("not read in this test")

    monkeypatch.setattr(pixels, "read_copy", count_copies)
    path = papers.write_tiff(tmp_path / "long.tif", [papers.draw_page([], size=(120, 90))] * 100)
    result = read(path)
    assert (result.pages, len(most), max(most)) == (100, 100, 1)
    assert result.trouble.count("page ") == 100
