"""`sceau read`: the text and fields of a file, without a database."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capture.catalogue import message
from capture.coding import Caps, examine
from capture.decode import Undecodable
from ocr.engines import ReaderOptions, ReadingFailed, prepare_copy, warm_engine, write_copy
from ocr.fields import extract
from ocr.reading import read_page
from ocr.text import PageText
from ocr.values import Field, evidence_json, fields_json
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

    @property
    def fields(self) -> dict[str, Any]:
        """As plain values, every name there."""
        return fields_json(self.values)

    def as_json(self) -> dict[str, Any]:
        """One line of `read --json`."""
        evidence = evidence_json(self.values)
        return {"file": self.file, "pages": self.pages, **self.fields, "evidence": evidence, "text": self.text, "trouble": self.trouble}


def read_file(path: Path, caps: Caps, options: ReaderOptions) -> ReadResult:
    """Read every page; trouble is words, never an exception."""
    if not path.is_file():
        return ReadResult(str(path), 0, "", {}, "no such file")
    scan = examine(path, caps)
    if not scan.pages:
        return ReadResult(str(path), 0, "", {}, " ".join(message(f) for f in scan.findings) or "no page")
    pages: list[PageText] = []
    troubles: list[str] = []
    mixed = {found.page for found in scan.findings if found.code == "mixed-page"}
    with tempfile.TemporaryDirectory(prefix="sceau-") as folder:
        for page in scan.pages:
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
    return ReadResult(str(path), len(scan.pages), text, extract(pages), "; ".join(troubles) or None)
