"""The benchmark: pairs measured in one run, medians of ratios; writes docs/measurements.md (its own section) and var/bench.json.

CPU seconds are those of this process and its children; wall time only where a person waits. Not a test: nothing here passes or fails.

PYTHONPATH=tests:. GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python tests/bench.py [--small]

What this process does itself it does as a child of the station (decision 0089); what it starts is as it is without.

`--small` asks everything once of little: it says in minutes whether every part still runs, its figures say nothing and are written nowhere.
"""

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import packages
import papers
import psutil
import tifffile
from bench_direction import direction_costs
from bench_ledger import ledger_costs, writer_costs
from bench_peers import peer_costs
from bench_review import review_costs
from bench_rows import row_costs
from bench_seal import seal_costs
from bench_search import search_costs
from bench_workers import worker_costs

from capture.coding import Caps, examine
from capture.decode import decode
from capture.originals import Vault
from config.settings import Intake, Settings
from conformity.baseline import Baseline
from conformity.checks import judge_page
from conformity.limits import Limits
from ocr.engines import Reader, ReaderOptions
from sealing.pdfa import Metadata
from station import pixels
from station.allocator import TUNABLES
from station.reception import Reception
from station.workstation import open_workstation

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "measurements.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of what is measured."""

    rounds: int
    ledger_entries: int
    long_pages: int
    documents: int
    """Of search, of the direction's page and of the review desk."""
    rows: int
    """Of the larger of two databases."""
    server_rows: int
    """Of the larger of two on a server."""
    few_rows: int
    """Of the smaller: as many as it takes for each search to find something."""
    package_documents: int
    pages: int
    """Of the chain beside others, and of workers."""
    page_rounds: int


FULL = Sizes(5, 1_000_000, 60, 100_000, 1_000_000, 100_000, 10_000, 10_000, 24, 3)
SMALL = Sizes(1, 2_000, 2, 300, 20_000, 12_000, 10_000, 50, 2, 1)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of `work`, of this process and of the children that it waits for."""
    before = _spent()
    work()
    return _spent() - before


def _spent() -> float:
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


class Chain:
    """Everything the station does to one page but reading, in this process, so that its CPU can be counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(home=folder)
        pixels.warm_sealer(self.settings)

    def run(self, scan: Path, options: ReaderOptions, *, read: bool) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            work = Path(name)
            vault, archive = Vault(work / "vault"), Vault(work / "archive")
            kept = vault.keep(scan)
            original = vault.path(kept.sha256)
            found = examine(original, Caps())
            (page,) = found.pages
            judge_page(page, Limits())
            source = pixels.PageSource(original, found.format, page, Caps().max_pixels)
            copies = pixels.Copies(work / "copy.pnm", work / "whole.pgm", work / "l.jpg", work / "t.jpg")
            judged = pixels.judge_pixels(source, False, Limits(), Baseline(), options, copies)
            texts = []
            if read:
                texts = [pixels.read_copy(work / "copy.pnm", judged.scale, 1, options).as_json()]
            pixels.write_json(work / "texts.json", {"pages": texts})
            told = {"pages": [{"number": 1, "original": kept.sha256, "coding": {}, "raster": judged.raster}], "findings": []}
            data = json.dumps(told).encode()
            (work / "data.json").write_bytes(data)
            leaf = pixels.LeafPlan(source, kept.sha256, page.dpi or (300.0, 300.0))
            metadata = Metadata("bench", bytes(16), datetime.now(UTC))
            sealed = work / "sealed.pdf"
            plan = pixels.Plan((leaf,), (judged.raster or "",), work / "texts.json", work / "data.json", metadata, view_allowed=False)
            proved = pixels.seal_and_prove(plan, sealed, self.settings)
            if not proved.verification.valid:
                raise SystemExit(f"the proof failed: {[c for c in proved.verification.checks if not c.ok]}")
            archive.keep(sealed, ".pdf")


def decode_once(scan: Path) -> None:
    found = examine(scan, Caps())
    decode(scan, found.pages[0], found.format, Caps().max_pixels)


def chain_ratio(chain: Chain, scan: Path, rounds: int) -> dict[str, float]:
    """The chain without reading against one decode of the same page, paired."""
    options = ReaderOptions()
    chain.run(scan, options, read=False)
    pairs = [(cpu(lambda: decode_once(scan)), cpu(lambda: chain.run(scan, options, read=False))) for _ in range(rounds)]
    return {
        "decode_cpu_ms": 1000 * statistics.median(d for d, _ in pairs),
        "chain_cpu_ms": 1000 * statistics.median(c for _, c in pairs),
        "ratio": statistics.median(c / d for d, c in pairs),
    }


def against_ocrmypdf(chain: Chain, scan: Path, options: ReaderOptions, rounds: int) -> dict[str, float]:
    """The whole chain with a warm reader against the ocrmypdf command line with its defaults, paired."""
    chain.run(scan, options, read=True)
    command = [str(Path(sys.executable).parent / "ocrmypdf"), "-q", str(scan)]

    def theirs() -> None:
        with tempfile.TemporaryDirectory(dir=chain.folder) as name:
            subprocess.run([*command, str(Path(name) / "out.pdf")], check=True, capture_output=True)

    pairs = [(cpu(theirs), cpu(lambda: chain.run(scan, options, read=True))) for _ in range(rounds)]
    return {
        "ocrmypdf_cpu_s": statistics.median(t for t, _ in pairs),
        "chain_cpu_s": statistics.median(c for _, c in pairs),
        "ratio": statistics.median(t / c for t, c in pairs),
    }


def intake_seconds(folder: Path, scan: Path, rounds: int) -> dict[str, float]:
    """Wall time from a settled file to fingerprint, vault and ledger, the file moved."""
    settings = Settings(home=folder / "home", intake=Intake(quiet_seconds=0, growing_seconds=0))
    workstation = open_workstation(settings)
    reception = Reception(workstation, settings.stations[0])
    reception.folder.mkdir(parents=True)
    reception.look(0.0)
    walls = []
    for number in range(rounds):
        target = reception.folder / f"{number}.png"
        shutil.copyfile(scan, target)
        with target.open("ab") as file:
            file.write(bytes([number]))  # after IEND: other bytes, the same picture
        began = time.monotonic()
        if reception.look(10.0 * number) != 1:
            raise SystemExit("the file was not taken in")
        walls.append(time.monotonic() - began)
    workstation.database.close()
    return {"median_s": statistics.median(walls), "worst_s": max(walls)}


def long_document(folder: Path, pages: int) -> dict[str, float]:
    """Peak private memory while `sceau take` works a long TIFF; reader processes are counted apart."""
    scan = folder / "long.tif"
    page = papers.draw_page(size=papers.A4, noise=1.2)
    with tifffile.TiffWriter(scan, bigtiff=True) as tiff:
        for number in range(pages):
            sheet = page.copy()
            sheet[100:140, 100 : 140 + number] = 90
            tiff.write(sheet, photometric="rgb", compression="zlib", predictor=True, resolution=(300, 300), resolutionunit=2, metadata=None)
    home = folder / "long"
    home.mkdir()
    # Reading them all takes minutes and is another process: a budget of some seconds leaves the rest of the chain to be measured.
    (home / "sceau.toml").write_text("[reading]\ndocument_seconds = 20.0\n", encoding="utf-8")
    command = [str(Path(sys.executable).parent / "sceau"), "take", "--json", str(scan)]
    began, size = time.monotonic(), scan.stat().st_size
    process = subprocess.Popen(command, env={**os.environ, "SCEAU_HOME": str(home)}, stdout=subprocess.PIPE, text=True)
    looks: list[dict[int, int]] = []
    readers: set[int] = set()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, looks, readers, done))
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    result = json.loads(out)
    if result["state"] != "archived":
        raise SystemExit(f"the long document was not archived: {result}")
    return {
        "pages": pages,
        "file_mb": size / 1e6,
        "sealed_mb": Path(result["sealed"]).stat().st_size / 1e6,
        "wall_s": time.monotonic() - began,
        "largest_but_readers_mb": max(size for look in looks for pid, size in look.items() if pid not in readers) / 1e6,
        "all_but_readers_mb": max(sum(size for pid, size in look.items() if pid not in readers) for look in looks) / 1e6,
        "largest_reader_mb": max((size for look in looks for pid, size in look.items() if pid in readers), default=0) / 1e6,
    }


def package_of_many(folder: Path, count: int) -> dict[str, float]:
    """`sceau export` of many small documents: its peak of resident memory, and how many it writes in a second."""
    home, out = folder / "many", folder / "many.zip"
    packages.many_home(home, count).database.close()
    command = [str(Path(sys.executable).parent / "sceau"), "export", "--from", "2024-11-01", "--to", "2024-12-31", str(out)]
    began = time.monotonic()
    process, peak = subprocess.Popen(command, env={**os.environ, "SCEAU_HOME": str(home)}, stdout=subprocess.DEVNULL), 0
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        peak = max(peak, _most_resident(process.pid))
        time.sleep(0.1)
    _, status, usage = ended
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the package was not written: {process.returncode}")
    size = out.stat().st_size
    shutil.rmtree(home)
    out.unlink()
    return {
        "documents": count,
        "package_mb": size / 1e6,
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "documents_per_s": count / wall,
        "peak_resident_mb": peak / 1e6,
    }


def _most_resident(pid: int) -> int:
    """Most bytes that were ever resident, of this program alone: what wait4 tells of a child has its parent's in it, from before exec."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _watch(pid: int, looks: list[dict[int, int]], readers: set[int], done: threading.Event) -> None:
    """Private memory of the whole family, every fifth of a second; a process that ever loads a reader is a reader."""
    while not done.wait(0.2):
        look = {}
        try:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for each in family:
            try:
                look[each.pid] = _private_bytes(each.pid)
                if "openvino" in Path(f"/proc/{each.pid}/maps").read_text(encoding="utf-8") or each.name() == "tesseract":
                    readers.add(each.pid)
            except (OSError, psutil.NoSuchProcess):
                continue
        looks.append(look)


def _private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def bench(folder: Path, sizes: Sizes) -> Iterator[tuple[str, dict[str, float]]]:
    """Name and figures of each measurement, as soon as they are known."""
    page = papers.draw_page(size=papers.A4, noise=3.0)
    png, tiff = papers.write_png(folder / "a4.png", page), papers.write_tiff(folder / "a4.tif", page)
    chain, rounds, some = Chain(folder), sizes.rounds, min(sizes.rounds, 3)
    english = ReaderOptions(reader=Reader.TESSERACT, languages=("eng",))
    yield "chain without reading, PNG", chain_ratio(chain, png, rounds)
    yield "chain without reading, TIFF LZW", chain_ratio(chain, tiff, rounds)
    yield "Tesseract (eng, as ocrmypdf's default) against ocrmypdf", against_ocrmypdf(chain, png, english, some)
    yield "default reader against ocrmypdf", against_ocrmypdf(chain, png, ReaderOptions(), some)
    yield "settled file to ledger", intake_seconds(folder, png, rounds)
    yield from seal_costs(folder).items()
    yield f"TIFF of {sizes.long_pages} pages", long_document(folder, sizes.long_pages)
    yield "auditor's package", package_of_many(folder, sizes.package_documents)
    yield "a long ledger", ledger_costs(folder, sizes.ledger_entries)
    yield "the direction's page", direction_costs(folder / "direction", sizes.documents)
    yield "search and its first screenful", search_costs(folder / "search", sizes.documents)
    yield "the next invoice at the review desk", review_costs(folder / "review", sizes.documents)
    yield from peer_costs(folder / "peers", sizes.pages, sizes.page_rounds).items()
    yield from worker_costs(folder / "workers", sizes.pages, sizes.page_rounds).items()
    yield "16 writers on PostgreSQL", writer_costs(folder / "writers")
    for many, postgres in ((sizes.rows, False), (sizes.server_rows, True)):
        name = f"CPU among {many} documents ÷ among {sizes.few_rows}" + (" on PostgreSQL" if postgres else "")
        yield name, row_costs(folder / f"rows-{many}", sizes.few_rows, many, rounds, postgres=postgres)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}"


def as_row(name: str, figures: dict[str, float]) -> str:
    return f"| {name} | " + ", ".join(f"{key.replace('_', ' ')} **{value:.4g}**" for key, value in figures.items()) + " |"


def as_markdown(rows: Sequence[str], rounds: int, when: datetime) -> str:
    told = f"Measured on {when:%Y-%m-%d}, {machine()}; a drawn A4 page, 300 dpi, 24-bit; medians of {rounds} pairs."
    return "\n".join([BEGIN, told, "", "| what | figures |", "|---|---|", *rows, END])


def main(sizes: Sizes) -> None:
    rows = list[str]()
    results = dict[str, dict[str, float]]()
    with tempfile.TemporaryDirectory(prefix="sceau-bench-") as folder:
        for name, figures in bench(Path(folder), sizes):
            results[name] = figures
            rows.append(as_row(name, figures))
            print(rows[-1], flush=True)
    if sizes is FULL:
        write_report(results, rows)


def write_report(results: dict[str, dict[str, float]], rows: Sequence[str]) -> None:
    when = datetime.now(UTC)
    (ROOT / "var").mkdir(exist_ok=True)
    record = {"at": when.isoformat(), "machine": machine(), "results": results}
    (ROOT / "var" / "bench.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    text = REPORT.read_text(encoding="utf-8") if REPORT.exists() else f"# Measurements\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    REPORT.write_text(before + as_markdown(rows, FULL.rounds, when) + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--small"]):
        raise SystemExit(f"not known: {sys.argv[1:]}; there is --small")
    os.environ.pop(TUNABLES, None)
    main(SMALL if sys.argv[1:] else FULL)
