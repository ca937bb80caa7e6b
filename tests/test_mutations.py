"""Every change to a package is found: by whoever has no key, and where it changes what is proved, even by whoever has them all."""

from pathlib import Path

import pytest
from handmade import make_package, zip_of
from mutations import members, mutants

from station.verifiers import verify


def missed(folder: Path, seed: int, count: int) -> list[str]:
    """Names of the mutants that hold, or that are answered by something else than a sentence."""
    target = folder / "OUT.zip"
    found = []
    for name, raw in mutants(seed, count):
        target.write_bytes(raw)
        verdict = verify.verify([target])
        if verdict.code not in (1, 2) or "examen impossible" in verify.told_text(verdict, "fr"):
            found.append(name)
    return found


def test_two_hundred_mutated_packages_are_found(tmp_path):
    assert missed(tmp_path, 5, 200) == []


@pytest.mark.long
def test_ten_thousand_mutated_packages_are_found(tmp_path):
    assert missed(tmp_path, 11, 10_000) == []


def test_the_same_seed_does_the_same_to_a_package():
    base = make_package()
    assert [name for name, _ in mutants(3, 60, base)] == [name for name, _ in mutants(3, 60, base)]


def test_a_changed_date_in_the_zip_is_no_mutation():
    whole = bytearray(zip_of(make_package(extract="d2").files))
    before = members(bytes(whole))
    whole[whole.index(b"PK\x01\x02") + 12] ^= 1
    assert members(bytes(whole)) == before is not None
