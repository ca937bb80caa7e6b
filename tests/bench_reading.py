"""Measures the reading of fields against known truth.

make bench-reading DATA=dir [SEVERITY=light,normal,hard] [SEED=1] [READER=tesseract] [JOBS=2] [MISSES=0]
  [CACHE=dir] [PAGES_JSON=1] [SECOND=0] [ONLY=word] [SVG=file]

DATA holds for each document a JSON with the true fields (null: not on the page) and beside it, under the same name,
  * a PDF: its pages are rendered at 300 dpi and scanned by `tests/scanned.py`, by the seed, at each severity; or
  * ready scans: NAME.png, .jpg, .tif (or NAME.p1.png, NAME.p2.png …), taken as they are; or,
  * with PAGES_JSON=1, NAME.pages.json: the words, as `PageText.as_json` writes them, so that nothing is scanned or read.
CACHE keeps the words that were read by severity, for a second run of the fields alone (one reader and seed per folder).
Doubtful values are looked at again by the other engine where this run reads the pages itself, not where the words were kept;
SECOND=0 leaves it out.
Receipts may say `total` and `date` instead. Credit notes compare by absolute amount.

Prints counts with 95 % intervals (Wilson 1927) and exits with 0: what is good enough is for the reader to say.
"""

import argparse
import json
import math
import re
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pypdfium2 as pdfium
from scanned import Severity, chance_for, scan_page

from ocr.confidence import Colour, colour_of, doubts
from ocr.engines import Reader, ReaderOptions, prepare_copy, warm_engine, write_copy
from ocr.layout import fold
from ocr.reading import read_page
from ocr.second import Place, SecondReading, read_again
from ocr.text import from_json
from ocr.values import NAMES, evidence_json, fields_json
from station.reading import fields_of

EIGHT = ("invoice_number", "issue_date", "due_date", "supplier_id", "total_gross", "total_net", "total_tax", "iban")
AMOUNTS = {"total_gross", "total_net", "total_tax", "paid_amount", "amount_due"}
WORDS = {"supplier_name", "buyer_name", "payment_terms"}
"""Compared without case, accents and spacing."""
LISTS = ("vat_breakdown", "lines")
MORE = tuple(name for name in NAMES if name not in EIGHT and name not in LISTS)
IDENTITIES = ("supplier_vat_id", "supplier_siren", "supplier_siret")
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
BINS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
AS_IS = "as it is"


@dataclass(frozen=True)
class Task:
    """One document at one severity."""

    truth: Path
    severity: str
    seed: int
    options: ReaderOptions
    words: bool
    cache: Path | None
    second: bool = True
    """Look again at doubtful values."""


@dataclass(frozen=True)
class Outcome:
    """One document, read: what is true, what was read, and what it cost."""

    name: str
    severity: str
    truth: dict
    read: dict
    sure: dict
    """Confidence by name."""
    computed: frozenset
    """Names whose value was concluded, not read."""
    pages: int
    reading: tuple = ()
    """CPU seconds of each page."""
    extraction: float = 0.0
    """CPU seconds of the document."""
    looking: float = 0.0
    """CPU seconds of its second look."""
    memory: float = 0.0
    """Resident megabytes of the process that read it, at their peak so far."""

    def right(self, name: str) -> bool:
        return same(name, self.truth.get(name), self.read.get(name))

    def asked(self, name: str) -> bool:
        return self.truth.get(name) is not None

    def invented(self, name: str) -> bool:
        return name in self.truth and not self.asked(name) and self.read.get(name) is not None and name not in self.computed

    @property
    def wrong(self) -> list:
        return [name for name in EIGHT if self.asked(name) and not self.right(name)]

    @property
    def made_up(self) -> list:
        return [name for name in EIGHT if self.invented(name)]

    def green(self, name: str) -> bool:
        return colour_of(self.sure.get(name, 0.0)) is Colour.GREEN

    @property
    def touchless(self) -> bool:
        """What a person would never see, as the document's page says it."""
        sure = {name: self.sure.get(name, 0.0) for name, value in self.read.items() if value is not None}
        return not doubts({"supplier_siren": sure.pop("supplier_id", 0.0)} | sure)


@dataclass
class Share:
    """So many of so many."""

    right: int = 0
    of: int = 0

    def add(self, right: bool) -> None:
        self.right, self.of = self.right + bool(right), self.of + 1

    def __str__(self) -> str:
        if not self.of:
            return "      –   (0)"
        low, high = wilson(self.right, self.of)
        return f"{100 * self.right / self.of:6.2f} %  ({self.right} of {self.of}; {100 * low:.1f}–{100 * high:.1f})"


@dataclass
class Tally:
    """The outcomes of one severity, counted."""

    fields: dict = field(default_factory=lambda: defaultdict(Share))
    invented: Counter = field(default_factory=Counter)
    eight: Share = field(default_factory=Share)
    whole: Share = field(default_factory=Share)
    clean: Share = field(default_factory=Share)
    touchless: Share = field(default_factory=Share)
    harmed: Share = field(default_factory=Share)
    """Of the touchless documents, those with something wrong, missing or made up."""
    green: Share = field(default_factory=Share)
    vat: Share = field(default_factory=Share)
    vat_rows: Share = field(default_factory=Share)
    rows: Share = field(default_factory=Share)
    bins: dict = field(default_factory=lambda: defaultdict(Share))
    sums: Counter = field(default_factory=Counter)


def count(outcomes: Iterable[Outcome]) -> Tally:
    tally = Tally()
    for each in outcomes:
        for name in (*EIGHT, *MORE):
            if each.asked(name):
                tally.fields[name].add(each.right(name))
                if name in EIGHT:
                    tally.eight.add(each.right(name))
            tally.invented[name] += each.invented(name)
        tally.whole.add(not each.wrong)
        tally.clean.add(not each.wrong and not each.made_up)
        tally.touchless.add(each.touchless)
        if each.touchless:
            tally.harmed.add(bool(each.wrong or each.made_up))
        _count_lists(tally, each)
        _count_sureness(tally, each)
    return tally


def _count_lists(tally: Tally, each: Outcome) -> None:
    if each.truth.get("vat_breakdown"):
        tally.vat.add(same_rows(each))
        found = rows_found(each)
        for i in range(len(each.truth["vat_breakdown"])):
            tally.vat_rows.add(i < found)
    if each.asked("line_count"):
        tally.rows.add(each.truth["line_count"] == each.read.get("line_count"))


def _count_sureness(tally: Tally, each: Outcome) -> None:
    """Each of the eight that was read and of which the truth says something: promised against kept."""
    for name in EIGHT:
        if each.read.get(name) is None or not (each.asked(name) or each.invented(name)):
            continue
        sure = each.sure.get(name, 0.0)
        edge = max(low for low in BINS if sure >= low)
        tally.bins[edge].add(each.right(name))
        tally.sums[edge] += sure
        if each.green(name):
            tally.green.add(each.right(name))


# --- comparing ---


def same(name: str, true, read) -> bool:
    if true is None or read is None:
        return true is read
    if name in AMOUNTS:
        return amount(true) is not None and amount(true) == amount(read)
    if name in WORDS:
        return re.sub(r"\W", "", fold(str(true))) == re.sub(r"\W", "", fold(str(read)))
    return plain(true) == plain(read)


def amount(value) -> Decimal | None:
    """Without its sign: that of a credit note follows from what it is."""
    try:
        return abs(Decimal(str(value))).quantize(Decimal("0.01"))
    except InvalidOperation:
        return None


def plain(value) -> str:
    return re.sub(r"[\s.]", "", str(value)).upper()


def rows_found(each: Outcome) -> int:
    """How many true VAT lines were read, each to the cent in all that the truth says of it."""
    left = list(each.read.get("vat_breakdown") or [])
    for row in each.truth["vat_breakdown"]:
        told = [key for key in ("rate", "base", "tax") if row.get(key) is not None]
        found = next((other for other in left if all(amount(row[key]) == amount(other.get(key)) for key in told)), None)
        if found:
            left.remove(found)
    return len(each.read.get("vat_breakdown") or []) - len(left)


def same_rows(each: Outcome) -> bool:
    return rows_found(each) == len(each.truth["vat_breakdown"]) == len(each.read.get("vat_breakdown") or [])


def with_supplier_id(fields: dict, truth: dict) -> dict:
    """The VAT number where the truth has one, else SIREN, else SIRET: one field, as others measure it."""
    name = identity(truth, fields)
    return {**fields, "supplier_id": fields.get(name)}


def identity(truth: dict, fields: dict) -> str:
    return next((name for name in IDENTITIES if truth.get(name)), None) or next((n for n in IDENTITIES if fields.get(n)), IDENTITIES[0])


def truth_in(path: Path) -> dict:
    """The names of the contract; a receipt's own are put under them."""
    told = json.loads(path.read_text(encoding="utf-8"))
    if "total" in told and "total_gross" not in told:
        told = {
            "total_gross": re.sub(r"[^\d.-]", "", told["total"]),
            "issue_date": _day(told.get("date")),
            "supplier_name": told.get("company"),
        }
    return with_supplier_id(told, told) if any(name in told for name in IDENTITIES) else told


def _day(text: str | None) -> str | None:
    """ISO 8601, whichever way a receipt's truth writes the day; what is no day stays as it is."""
    for shape in ("%d/%m/%Y", "%d/%m/%y", "%Y/%m/%d", "%d/%b/%Y", "%d/%b/%y", "%d/%B/%Y", "%d%b%Y"):
        try:
            return datetime.strptime(re.sub(r"\W+", "/", text or "").strip("/"), shape).date().isoformat()  # noqa: DTZ007 a day has no zone
        except ValueError:
            continue
    return text


# --- reading ---


def tasks_in(folder: Path, chosen: argparse.Namespace) -> list[Task]:
    options = ReaderOptions(reader=Reader(chosen.reader))
    cache = Path(chosen.cache) if chosen.cache else None
    tasks = []
    for truth in sorted(path for path in folder.glob("*.json") if not path.name.endswith(".pages.json")):
        severities = chosen.severity.split(",")
        if chosen.pages_json or not truth.with_suffix(".pdf").exists():
            severities = [AS_IS]
        if not (
            chosen.pages_json
            or truth.with_suffix(".pdf").exists()
            or scans_of(truth)
            or (cache and (cache / f"{truth.stem}.json").exists())
        ):
            continue
        tasks += [Task(truth, severity, chosen.seed, options, chosen.pages_json, cache, chosen.second) for severity in severities]
    return tasks


def scans_of(truth: Path) -> list[Path]:
    alone = [truth.with_suffix(ending) for ending in IMAGES if truth.with_suffix(ending).exists()]
    return alone[:1] or sorted(path for path in truth.parent.glob(f"{truth.stem}.p[0-9]*") if path.suffix in IMAGES)


def read_task(task: Task) -> Outcome:
    truth = truth_in(task.truth)
    pages, costs = words_of(task)
    look = SecondLook(task) if task.second and costs else None
    began = cpu()
    fields = fields_of(pages, look=look or (lambda _places: ())).fields
    looking = look.spent if look else 0.0
    spent = cpu() - began - (look.whole if look else 0.0)
    read = fields_json(fields)
    chosen = identity(truth, read)
    evidence = evidence_json(fields)
    sure = {name: told["confidence"] for name, told in evidence.items()}
    computed = {name for name, told in evidence.items() if told["source"] == "rule"}
    if chosen in sure:
        sure["supplier_id"] = sure[chosen]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    read = {**read, "supplier_id": read.get(chosen)}
    computed = frozenset(computed)
    return Outcome(task.truth.stem, task.severity, truth, read, sure, computed, len(pages), tuple(costs), spent, looking, memory)


class SecondLook:
    """The other engine's reading of doubtful places; the pages are scanned once more, for a long document's do not fit into memory."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.spent = self.whole = 0.0
        """CPU seconds of the looking alone, and with the scanning."""

    def __call__(self, places: Sequence[Place]) -> list[SecondReading]:
        began, found = cpu(), []
        if places:
            for number, image in enumerate(images_of(self._task), 1):
                asked, start = [place for place in places if place.page == number], cpu()
                found += read_again(image, asked, self._task.options) if asked else ()
                self.spent += cpu() - start
        self.whole = cpu() - began
        return found


def words_of(task: Task) -> tuple[list, list]:
    """The pages' words, and CPU seconds of each page that was read for them."""
    if task.words:
        return [from_json(page) for page in json.loads(task.truth.with_suffix(".pages.json").read_text(encoding="utf-8"))], []
    kept = None
    if task.cache:
        kept = task.cache / (task.severity if task.severity != AS_IS else "") / f"{task.truth.stem}.json"
        if kept.exists():
            return [from_json(page) for page in json.loads(kept.read_text(encoding="utf-8"))], []
    pages, costs = [], []
    for number, image in enumerate(images_of(task), 1):
        began = cpu()
        pages.append(read_image(task.options, image, number))
        costs.append(cpu() - began)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([page.as_json() for page in pages], ensure_ascii=False), encoding="utf-8")
    return pages, costs


def images_of(task: Task) -> Iterator[np.ndarray]:
    """Pages as a scanner gives them, B, G, R."""
    if task.severity == AS_IS:
        for path in scans_of(task.truth):
            ok, pages = cv2.imreadmulti(str(path), flags=cv2.IMREAD_COLOR)
            yield from pages if ok else ()
        return
    severity = Severity(task.severity)
    with pdfium.PdfDocument(task.truth.with_suffix(".pdf")) as document:
        for index in range(len(document)):
            clean = np.ascontiguousarray(document[index].render(scale=300 / 72).to_numpy()[:, :, :3])
            yield scan_page(clean, chance_for(task.truth.stem, index, task.seed, severity), severity)


def read_image(options: ReaderOptions, image: np.ndarray, number: int):
    with tempfile.TemporaryDirectory() as folder:
        copy, scale = prepare_copy(image, options)
        path = Path(folder) / "copy.pnm"
        write_copy(copy, path)
        return read_page(warm_engine(options), path, scale, number)


def settle() -> None:
    cv2.setNumThreads(1)


def cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def read_all(tasks: Sequence[Task], jobs: int) -> list[Outcome]:
    with ProcessPoolExecutor(jobs, get_context("forkserver"), settle) as pool:
        return list(pool.map(read_task, tasks, chunksize=1 if not tasks[0].words else 50))


# --- telling ---


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """E. B. Wilson, Probable inference, JASA 22 (1927): the interval of a share, 0…1."""
    share, spread = right / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def report(severity: str, outcomes: Sequence[Outcome]) -> list[str]:
    tally = count(outcomes)
    lines = [f"== {severity}: {len(outcomes)} documents, {sum(each.pages for each in outcomes)} pages", ""]
    lines += [f"  eight fields            {tally.eight}"]
    lines += [f"  documents fully right   {tally.whole}", f"  … and nothing made up   {tally.clean}"]
    lines += [
        f"  touchless               {tally.touchless}",
        f"  … wrong among them      {tally.harmed}",
        f"  green fields right      {tally.green}",
    ]
    lines += [
        f"  VAT tables exact        {tally.vat}",
        f"  VAT lines exact         {tally.vat_rows}",
        f"  line count right        {tally.rows}",
        "",
    ]
    for name in (*EIGHT, *MORE):
        if tally.fields[name].of or tally.invented[name]:
            lines.append(
                f"  {name:23s} {tally.fields[name]}" + (f"  not on the page, yet read: {tally.invented[name]}" * bool(tally.invented[name]))
            )
    return [*lines, "", *_cost_lines(outcomes), "", *_sure_lines(tally), ""]


def _cost_lines(outcomes: Sequence[Outcome]) -> list[str]:
    reading = [cost for each in outcomes for cost in each.reading]
    extraction = [each.extraction / max(1, each.pages) for each in outcomes]
    lines = [f"  CPU s per page: fields median {statistics.median(extraction):.4f}, worst {max(extraction):.3f}"]
    if reading:
        lines[0] += f"; reading median {statistics.median(reading):.2f}, mean {statistics.fmean(reading):.2f}, worst {max(reading):.2f}"
        lines.append(f"  CPU s of the second look, a document: {statistics.fmean(each.looking for each in outcomes):.2f}")
    return [*lines, f"  peak of resident memory of one process: {max(each.memory for each in outcomes):.0f} MB"]


def _sure_lines(tally: Tally) -> list[str]:
    """Reliability: what the confidences of the eight promised, and what they kept."""
    lines = ["  confidence      promised   kept"]
    for low, high in zip(BINS, (*BINS[1:], 1.0), strict=True):
        share = tally.bins[low]
        if share.of:
            lines.append(f"  {low:5.3f}–{high:5.3f}   {100 * tally.sums[low] / share.of:6.2f} %  {share}")
    return lines


def misses(outcomes: Iterable[Outcome]) -> Iterator[str]:
    for each in outcomes:
        for name in (*each.wrong, *each.made_up):
            sure = f"{each.sure[name]:.3f}" if name in each.sure else "–"
            told = f"true {each.truth.get(name)!r}, read {each.read.get(name)!r}"
            yield f"{each.name[:70]}: {name}: {told} (confidence {sure}, {each.severity})"
        if each.truth.get("vat_breakdown") and not same_rows(each):
            yield f"{each.name[:70]}: vat_breakdown: true {rows_of(each.truth)}, read {rows_of(each.read)} ({each.severity})"
        if each.asked("line_count") and each.truth["line_count"] != each.read.get("line_count"):
            yield f"{each.name[:70]}: line_count: true {each.truth['line_count']}, read {each.read.get('line_count')} ({each.severity})"


def rows_of(fields: dict) -> list[str]:
    return [" + ".join(f"{row.get(key)}" for key in ("rate", "base", "tax")) for row in fields.get("vat_breakdown") or []]


def reliability_svg(tally: Tally) -> str:
    """Promised against kept, a disc per bin, its area by the number of values; colours from the page it stands on."""
    side, discs = 320, []
    for low in BINS:
        share = tally.bins[low]
        if share.of:
            x, y = tally.sums[low] / share.of, share.right / share.of
            low_y, high_y = wilson(share.right, share.of)
            at = 40 + side * x
            ends = " ".join(f'y{i}="{20 + side * (1 - each):.1f}"' for i, each in enumerate((low_y, high_y), 1))
            discs.append(f'<line x1="{at:.1f}" x2="{at:.1f}" {ends} stroke="currentColor"/>')
            size = 3 + math.log10(share.of)
            title = f"<title>{100 * x:.1f} % → {share}</title>"
            discs.append(f'<circle cx="{at:.1f}" cy="{20 + side * (1 - y):.1f}" r="{size:.1f}" fill="#3355aa">{title}</circle>')
    frame = f'<path d="M40 20v{side}h{side}M40 {20 + side}l{side} {-side}" fill="none" stroke="currentColor" stroke-dasharray="4 3"/>'
    words = f'<text x="40" y="{side + 44}">confidence 0…1</text><text x="40" y="14">share right</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + 60} {side + 56}" font-size="12" fill="currentColor">'
    return f"{head}{frame}{''.join(discs)}{words}</svg>"


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the reading of fields against known truth.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--severity", default="normal", help="light,normal,hard")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", choices=[str(reader) for reader in Reader], default=str(Reader.RAPIDOCR))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache")
    parser.add_argument("--pages-json", action="store_true")
    parser.add_argument("--no-second", dest="second", action="store_false")
    parser.add_argument("--only", default="", help="documents whose name holds this")
    parser.add_argument("--no-misses", action="store_true")
    parser.add_argument("--svg", type=Path)
    return parser.parse_args()


def main() -> int:
    chosen = options_of()
    tasks = [task for task in tasks_in(chosen.data, chosen) if chosen.only in task.truth.stem]
    if not tasks:
        print(f"Not measured: no JSON with true fields beside a document in {chosen.data}.")
        return 0
    began = time.monotonic()
    outcomes = read_all(tasks, chosen.jobs)
    for severity in dict.fromkeys(task.severity for task in tasks):
        print("\n".join(report(severity, [each for each in outcomes if each.severity == severity])))
    if not chosen.no_misses:
        print("\n".join(misses(outcomes)))
    if chosen.svg:
        chosen.svg.write_text(reliability_svg(count(outcomes)), encoding="utf-8")
    print(f"\n{time.monotonic() - began:.0f} s by the clock, seed {chosen.seed}, {chosen.reader}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
