"""`sceau read`: the text and fields of a file, without a database."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from capture.catalogue import finding_json, message
from capture.coding import Caps, examine
from capture.decode import Undecodable
from capture.findings import Finding
from capture.scan import Format, Page, Scan
from ocr.confidence import touchless
from ocr.engines import ReaderOptions, ReadingFailed
from ocr.fields import NOTHING
from ocr.second import Place, SecondReading
from ocr.text import PageText
from ocr.values import Field, Known, evidence_json, fields_json
from station import children
from station.children import PoisonPage
from station.electronic import Looked, find_invoice, unfound
from station.pixels import PageSource, look_again, read_original
from station.reading import fields_of

P = ParamSpec("P")
R = TypeVar("R")
EXAMINE_SECONDS = 120.0
PAGE_SECONDS = 120.0
"""For decoding and copying a page; reading it has the budget of the settings."""


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

    @property
    def touchless(self) -> bool:
        """Whether nobody need look at the values: all pages were read, and the watched values are sure."""
        return self.trouble is None and touchless(self.values)

    def as_json(self) -> dict[str, Any]:
        """One line of `read --json`."""
        evidence = evidence_json(self.values)
        told: dict[str, Any] = {"evidence": evidence, "findings": [finding_json(each, "fr") for each in self.findings]}
        told["touchless"] = self.touchless
        return {"file": self.file, "pages": self.pages, **self.fields, **told, "text": self.text, "trouble": self.trouble}


Judge: TypeAlias = Callable[[Mapping[str, Field], Sequence[PageText], int], tuple[Finding, ...]]
"""Values, what was read of each page, and how many pages there are, to what is to be said of the invoice."""


class Workers(Protocol):
    """Where pages are worked: `station.children.Children`, so that a hostile page ends its child and not the command; or this process."""

    count: int

    def run(self, function: Callable[P, R], seconds: float, *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; raises what it raises, `children.OverBudget` and `children.PoisonPage`."""


@dataclass(slots=True)
class Here:
    """This process: quick to start, and only as safe as the pages."""

    count: int = 1

    def run(self, function: Callable[P, R], seconds: float, *args: P.args, **kwargs: P.kwargs) -> R:  # noqa: ARG002 nobody stops this process
        return function(*args, **kwargs)


HERE = Here()


def read_file(
    path: Path,
    caps: Caps,
    options: ReaderOptions,
    judge: Judge = lambda *_: (),
    workers: Workers = HERE,
    known: Known = NOTHING,
) -> ReadResult:
    """Read every page, and the XML of an electronic invoice, whose values count; trouble is words, never an exception.

    Nothing that was learned of suppliers is asked: that stands in the records.
    """
    if not path.is_file():
        return ReadResult(str(path), 0, "", {}, "no such file")
    try:
        scan = workers.run(examine, EXAMINE_SECONDS, path, caps)
    except (children.OverBudget, PoisonPage, OSError) as error:
        return ReadResult(str(path), 0, "", {}, _words(error))
    if not scan.pages:
        return ReadResult(str(path), 0, "", {}, " ".join(message(f) for f in scan.findings) or "no page")
    # Of an XML invoice there is no page but the one that we would draw ourselves.
    read = _read_pages(path, scan, caps, options, workers) if scan.format is not Format.XML else []
    pages = [each for each in read if isinstance(each, PageText)]
    troubles = [each for each in read if isinstance(each, str)]
    text = "\n\f\n".join(page.text for page in pages)
    found = _invoice_in(path, scan, workers)
    told = fields_of(pages, known, lambda places: _look_again(path, scan, places, caps, options, workers), invoice=found.structured)
    findings = (*(told.apart if found.structured else found.findings), *judge(told.fields, pages, len(scan.pages)))
    if scan.format is Format.XML and found.structured is None:
        troubles += [message(each) for each in found.findings] or ["no invoice"]
    return ReadResult(str(path), len(scan.pages), text, told.fields, "; ".join(troubles) or None, findings)


def _invoice_in(path: Path, scan: Scan, workers: Workers) -> Looked:
    """The electronic invoice in the file, found where a hostile one does no harm."""
    try:
        return workers.run(find_invoice, EXAMINE_SECONDS, path, scan.format)
    except (children.OverBudget, PoisonPage) as error:
        return Looked(None, findings=(unfound(scan.format, error),))


def _read_pages(path: Path, scan: Scan, caps: Caps, options: ReaderOptions, workers: Workers) -> list[PageText | str]:
    """Each page's text, or what kept it from being read; as many at once as there are workers."""

    def read(page: Page, folder: Path) -> PageText | str:
        source = PageSource(path, scan.format, page, caps.max_pixels)
        copy = folder / f"{page.number}.pnm"
        try:
            return workers.run(read_original, PAGE_SECONDS + options.timeout, source, _drawn(scan, page), options, copy)
        except (Undecodable, ReadingFailed, children.OverBudget, PoisonPage, OSError, ValueError, RuntimeError) as error:
            return f"page {page.number}: {_words(error)}"
        finally:
            copy.unlink(missing_ok=True)

    with tempfile.TemporaryDirectory(prefix="sceau-") as name, ThreadPoolExecutor(workers.count) as threads:
        return list(threads.map(lambda page: read(page, Path(name)), scan.pages))


def _look_again(
    path: Path, scan: Scan, places: Sequence[Place], caps: Caps, options: ReaderOptions, workers: Workers
) -> Iterator[SecondReading]:
    """What a second look says of doubtful places; one that fails says nothing."""
    for page in scan.pages:
        asked = tuple(place for place in places if place.page == page.number)
        if asked:
            with suppress(Undecodable, ReadingFailed, children.OverBudget, PoisonPage, OSError):
                source = PageSource(path, scan.format, page, caps.max_pixels)
                yield from workers.run(look_again, PAGE_SECONDS, source, _drawn(scan, page), None, asked, options)


def _drawn(scan: Scan, page: Page) -> bool:
    """Whether the page shows more than one image, and so is drawn."""
    return page.codec == "vector" or any(found.code == "mixed-page" and found.page == page.number for found in scan.findings)


def _words(error: Exception) -> str:
    if isinstance(error, PoisonPage):
        return (
            "a arrêté plusieurs fois son lecteur, est laissée de côté ; le fichier est intact / "
            "ended its reader several times and is put aside; the file is intact"
        )
    if isinstance(error, children.OverBudget):
        return f"trop longue à lire, le fichier est intact / took too long to read, the file is intact ({error})"
    return str(error) or type(error).__name__
