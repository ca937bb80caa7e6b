"""Which sheets a document consists of: pages of one file or of several, in the order in which a person or a recipe put them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from capture.findings import Finding
from capture.scan import Format, Page, Scan
from ocr.text import PageText
from station.records.tables import Document, PageRow
from workflow.completeness import PageFact

Place: TypeAlias = tuple[str, int]
"""SHA-256 of a file, and the page's index in it, from 0."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a document, and the file in which it lies."""

    sha256: str
    format: Format
    page: Page
    """Numbered as in the document."""


def originals_of(document: Document) -> tuple[str, ...]:
    """Files in which a document's pages lie, in their order; before it is judged, the file as which it came."""
    known = dict.fromkeys(page.sha256 for page in document.current_pages)
    return tuple(known) or tuple(arrival.sha256 for arrival in document.arrivals if not arrival.duplicate)[:1]


def places_of(document: Document) -> tuple[Place, ...] | None:
    """The pages that it was given; None where it is its file, whole."""
    return tuple((page.sha256, int(page.coding["index"])) for page in document.current_pages) if document.formed else None


def place_sheets(scans: Sequence[tuple[str, Scan]], places: Sequence[Place] | None) -> tuple[Sheet, ...]:
    """The document's pages, numbered from 1. Raises KeyError where a page that it was given is no longer found in its file."""
    known = {(sha256, page.index): (scan.format, page) for sha256, scan in scans for page in scan.pages}
    wanted = known if places is None else places
    return tuple(Sheet(key[0], known[key][0], replace(known[key][1], number=number)) for number, key in enumerate(wanted, 1))


def place_findings(scans: Sequence[tuple[str, Scan]], sheets: Sequence[Sheet]) -> list[Finding]:
    """What was found about the files, with the document's page numbers; what is about pages of other documents is left out."""
    numbers = {(sheet.sha256, sheet.page.index): sheet.page.number for sheet in sheets}
    placed: list[Finding] = []
    for sha256, scan in scans:
        here = {page.number: numbers.get((sha256, page.index)) for page in scan.pages}
        for found in scan.findings:
            if found.page is None or found.page not in here:
                placed.append(found)
            elif (number := here[found.page]) is not None:
                placed.append(replace(found, page=number))
    return placed


UNKNOWN_DPI = 300.0
"""Taken where a file tells no resolution: lengths are only compared with those of its neighbours."""


def page_fact(row: PageRow, number: int, text: PageText | None = None) -> PageFact:
    """What completeness needs to know of a judged page; `number` is its place in its document or batch."""
    dpi = row.coding.get("dpi") or (UNKNOWN_DPI, UNKNOWN_DPI)
    seen = row.seen or {}
    return PageFact(
        number,
        row.coding["width"] / dpi[0] * 25.4,
        row.coding["height"] / dpi[1] * 25.4,
        row.raster or "",
        int(seen["likeness"], 16) if seen.get("likeness") else None,
        bool(seen.get("blank")),
        text,
    )
