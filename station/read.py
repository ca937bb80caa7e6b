"""`sceau read`: the text and fields of a file, without a database."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from capture.catalogue import finding_json, message
from capture.coding import Caps, examine
from capture.decode import Undecodable
from capture.findings import Finding
from capture.scan import Format
from ocr.engines import ReaderOptions, ReadingFailed, prepare_copy, warm_engine, write_copy
from ocr.fields import extract
from ocr.reading import read_page
from ocr.structured import differences, merge
from ocr.text import PageText
from ocr.values import Field, evidence_json, fields_json
from station.electronic import find_invoice
from station.pixels import PageSource, page_image


@dataclass(frozen=True, slots=True)
class ReadResult:
    file: str
    pages: int
    """Pages of the file, read or not."""
    text: str
    values: dict[str, Field]
    """By the names of `ocr.values.NAMES`; what was not found is absent."""
    trouble: str | None
    findings: tuple[Finding, ...] = ()
    """Where the page says something else than the XML of an electronic invoice, or that XML cannot be read; what law and arithmetic say."""

    @property
    def fields(self) -> dict[str, Any]:
        """As plain values, every name there."""
        return fields_json(self.values)

    def as_json(self) -> dict[str, Any]:
        """One line of `read --json`."""
        evidence = evidence_json(self.values)
        told = {"evidence": evidence, "findings": [finding_json(each, "fr") for each in self.findings]}
        return {"file": self.file, "pages": self.pages, **self.fields, **told, "text": self.text, "trouble": self.trouble}


Judge: TypeAlias = Callable[[Mapping[str, Field], Sequence[PageText], int], tuple[Finding, ...]]
"""Values, what was read of each page, and how many pages there are, to what is to be said of the invoice."""


def read_file(path: Path, caps: Caps, options: ReaderOptions, judge: Judge = lambda *_: ()) -> ReadResult:
    """Read every page, and the XML of an electronic invoice, whose values count; trouble is words, never an exception."""
    if not path.is_file():
        return ReadResult(str(path), 0, "", {}, "no such file")
    scan = examine(path, caps)
    if not scan.pages:
        return ReadResult(str(path), 0, "", {}, " ".join(message(f) for f in scan.findings) or "no page")
    pages: list[PageText] = []
    troubles: list[str] = []
    mixed = {found.page for found in scan.findings if found.code == "mixed-page"}
    with tempfile.TemporaryDirectory(prefix="sceau-") as folder:
        # Of an XML invoice there is no page but the one that we would draw ourselves.
        for page in scan.pages if scan.format is not Format.XML else ():
            try:
                image = page_image(PageSource(path, scan.format, page, caps.max_pixels), page.codec == "vector" or page.number in mixed)
                prepared, scale = prepare_copy(image, options)
                copy = Path(folder) / f"{page.number}.pnm"
                write_copy(prepared, copy)
                pages.append(read_page(warm_engine(options), copy, scale, page.number))
                copy.unlink()
            except (Undecodable, ReadingFailed, OSError) as error:
                troubles.append(f"page {page.number}: {error}")
    text = "\n\f\n".join(page.text for page in pages)
    values, findings = _with_invoice(path, scan.format, extract(pages), pages)
    findings = (*findings, *judge(values, pages, len(scan.pages)))
    return ReadResult(str(path), len(scan.pages), text, values, "; ".join(troubles) or None, findings)


def _with_invoice(
    path: Path, format: Format, read: dict[str, Field], pages: Sequence[PageText]
) -> tuple[dict[str, Field], tuple[Finding, ...]]:
    found = find_invoice(path, format)
    if found.structured is None:
        return read, found.findings
    return merge(found.structured, read), differences(found.structured, read, pages)
