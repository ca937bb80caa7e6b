"""The benchmark runs to its end; what it finds is for people to read."""

import subprocess
import sys
from pathlib import Path

import pytest

PARTS = (
    "chain without reading",
    "ocrmypdf",
    "TIFF of",
    "package",
    "long ledger",
    "direction",
    "search",
    "review",
    "ocrmypdf ÷ Sceau",
    "two workers",
    "writers",
    "CPU among",
)


@pytest.mark.long
def test_the_whole_benchmark_runs_in_small():
    tests = Path(__file__).parent
    report = (tests.parent / "docs" / "measurements.md").read_bytes()
    ran = subprocess.run([sys.executable, tests / "bench.py", "--small"], cwd=tests.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    rows = [line for line in ran.stdout.splitlines() if line.startswith("| ")]
    assert [part for part in PARTS if not any(part in row for row in rows)] == []
    assert (tests.parent / "docs" / "measurements.md").read_bytes() == report
