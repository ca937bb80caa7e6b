"""Both verifiers say the same of every mutated package: the page in one Chromium, the script beside it."""

from pathlib import Path

import pytest
import verifierpage
from handmade import make_package, zip_of
from mutations import mutants
from verifierpage import opened

from station.verifiers import verify

CODES = {0: "holds", 1: "fails", 2: "fails", 3: "incomplete"}
pytestmark = pytest.mark.skipif(verifierpage.MISSING, reason="needs Debian's chromium and the built page: `make test` makes both")


def disagreements(folder: Path, seed: int, count: int) -> list[str]:
    """What was done to those of which one says otherwise than the other, or that one lets pass."""
    made = [("nothing", zip_of(make_package().files)), *mutants(seed, count)]  # before the browser: both want the thread's event loop
    target = folder / "OUT.zip"
    found = []
    with opened() as verifier:
        for name, raw in made:
            target.write_bytes(raw)
            page, script = verifier.look({"OUT.zip": raw})["verdict"], CODES[verify.verify([target]).code]
            if not page == script == ("holds" if name == "nothing" else "fails"):
                found.append(f"{name}: page {page}, script {script}")
        assert verifier.complaints == []
    return found


def test_the_page_and_the_script_agree_on_a_hundred_and_fifty_mutated_packages(tmp_path):
    assert disagreements(tmp_path, 5, 150) == []


@pytest.mark.long
def test_the_page_and_the_script_agree_on_ten_thousand_mutated_packages(tmp_path):
    assert disagreements(tmp_path, 17, 10_000) == []
