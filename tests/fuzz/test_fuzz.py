"""Strangers' bytes end in words: a few thousand mutants here, a million by `make fuzz`; and every file that once did harm."""

import os
import resource
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from entries import ENTRIES, Entry
from fuzz import LIMIT, MEGABYTES, SECONDS, Found, execute, fuzz, peak
from mutants import mutant_of

FOUND = sorted((Path(__file__).parent / "found").rglob("*.*"))
SEED = 7
ENTRY = {each.name: each for each in ENTRIES}


@contextmanager
def bounded() -> Iterator[None]:
    """Private memory as in the station's children: what is asked for in one piece counts even where it is not written to."""
    used = next(int(line.split()[1]) << 10 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_a_file_that_once_did_harm_is_told_in_words_within_its_budget(path: Path) -> None:
    before, began = peak(), time.process_time()
    with bounded():
        ENTRY[path.parent.name].run(path.read_bytes())
    assert time.process_time() - began < SECONDS
    assert peak() - before < MEGABYTES


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda each: each.name)
def test_three_hundred_mutants_of_each_form_are_told_in_words(entry: Entry) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [each for each in execute(entry.name, SEED, iter(range(300)), 300) if isinstance(each, Found)]
    assert found == [], f"seed {SEED}"


def test_a_mutant_is_the_same_whenever_it_is_made() -> None:
    for entry in ENTRIES:
        corpus = entry.corpus()
        assert [mutant_of(entry.name, corpus, 1, n) for n in range(9)] == [mutant_of(entry.name, corpus, 1, n) for n in range(9)]
        assert mutant_of(entry.name, corpus, 1, 0) != mutant_of(entry.name, corpus, 2, 0)


def test_what_nobody_promised_is_found_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(data: bytes) -> None:
        if len(data) % 2:
            raise KeyError("odd")

    monkeypatch.setattr("entries.ENTRIES", (Entry("csv", fails, 1),))
    corpus = ENTRY["csv"].corpus()
    odd = [number for number in range(20) if len(mutant_of("csv", corpus, 1, number)) % 2]
    assert [each.number for each in execute("csv", 1, iter(range(20)), 20) if isinstance(each, Found)] == odd


def test_the_drawn_files_take_less_than_a_megabyte() -> None:
    assert (
        sum(path.stat().st_size for path in Path(__file__).parent.rglob("*.*") if path.parent.parent.name in ("corpus", "found"))
        < 1_000_000
    )


@pytest.mark.long
def test_a_million_mutants_do_no_harm(tmp_path: Path) -> None:
    """FUZZ: how many, a million by `make long`; else a hundredth of it."""
    assert fuzz([], int(os.environ.get("FUZZ", "10000")), int(os.environ["SEED"]), tmp_path) == []
