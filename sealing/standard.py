"""PDF/A-3b as pikepdf's checker judges it, made a verdict on the file alone.

While it reads a page the checker takes any warning of Python's for a fault of that page, and Python's warnings are the process's: a
connection that another thread dropped made a sound paper "not PDF/A", and two checks at once took each other's warnings, so that a torn
one passed. So one check at a time, and what was told by a warning counts where each look tells it. Against another library that records
warnings in another thread at that very moment nothing is done; documents are checked in children, where no other work is done.
"""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pikepdf
import pikepdf.pdfa
from pikepdf.pdfa import Finding, PdfaError, Report

__all__ = ["Finding", "PdfaError", "Report", "check_written", "save_checked"]

FLAVOUR = "3b"
LOOKS = 3
"""How often a file is looked at that is found faulty by a warning: a fault of its own is there each time, another's hardly three times."""
_BY_WARNING = ("content stream:", "cannot parse the CMap:")
"""How the checker begins what a warning told it; after it says so, it reads no further in that stream."""
_one_at_a_time = threading.Lock()


def check_written(file: Path | io.RawIOBase) -> Report:
    """The verdict on a file, or on what can be read and sought as one; it raises for none."""
    return _look(lambda: pikepdf.pdfa.validate_written(file, FLAVOUR))  # type: ignore[arg-type] # no more is asked of a file


def save_checked(pdf: pikepdf.Pdf, target: Path | BinaryIO, *, repair: bool = False) -> Report:
    """Write a PDF that passes; nothing is written of one that does not. Raises PdfaError with the report, ValueError."""

    def save() -> Report:
        try:
            return pikepdf.pdfa.save(pdf, target, FLAVOUR, repair=repair, static_id=True)
        except PdfaError as error:
            return error.report

    report = _look(save)
    if not report.passed:
        raise PdfaError(report)
    return report


def _look(check: Callable[[], Report]) -> Report:
    with _one_at_a_time:
        report = check()
        for _ in range(LOOKS - 1):
            if not _told_by_warning(report):
                break
            report = check()
        return report


def _told_by_warning(report: Report) -> bool:
    return any(begin in finding.message for finding in report.findings for begin in _BY_WARNING)
