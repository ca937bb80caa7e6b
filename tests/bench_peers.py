"""The whole chain beside the bare reader and beside OCRmyPDF, on the same pages.

Told are CPU and wall time of each program and all its children, and the memory that they hold together.

PYTHONPATH=tests:. python tests/bench_peers.py [PAGES [ROUNDS]]

Every round runs every contender once with one page and once with all, in an order that turns, so that the pairs of one round met the
same machine. The pages are drawn invoices, one a file, printed and scanned (`tests/drawn`, `tests/scanned.py`). What starts up is counted:
a program that reads one file and ends pays its start for each, one that stays pays it once; what a further page costs is told apart. What
is compiled at the first start ever is not: every contender ran once before.
"""

import ctypes
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import img2pdf
import numpy as np
import psutil
import pypdfium2 as pdfium
from drawn.family import draw_paper
from drawn.render import printer
from scanned import Severity, chance_for, scan_page

from ocr.engines import Reader, ReaderOptions

PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]
CORES = 2
LOOK_SECONDS = 0.25
ADOPT = 36
"""PR_SET_CHILD_SUBREAPER (prctl(2)): a child whose parent ended is ours to wait for, so that its time is counted, too."""
READING = "import sys; from pathlib import Path; from bench_peers import read_bare; read_bare(sys.argv[1], [Path(p) for p in sys.argv[2:]])"
WATCHING = "import sys; from pathlib import Path; from bench_peers import watch_folder as w; w(*map(Path, sys.argv[1:3]), int(sys.argv[3]))"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of some pages."""

    pages: int

    cpu: float
    """Seconds, of the program and all its children."""
    wall: float
    """Seconds."""
    memory: int
    """Bytes that they held together at most (proportional set size), as seen every quarter of a second."""


Contender = Callable[[Sequence[Path], Path], list[list[str]]]
"""Scans and an empty folder to commands that run side by side."""


def draw_scans(folder: Path, count: int) -> list[Path]:
    """Invoices of one page, French, as a scanner gives them: PNG, A4, 300 dpi, 24-bit."""
    found, number = list[Path](), 0
    with printer() as press:
        while len(found) < count:
            paper = draw_paper(80, number, "learn", ("fr",))
            number += 1
            with pdfium.PdfDocument(press.print(paper.html)) as document:
                if len(document) > 1:
                    continue
                clean = np.ascontiguousarray(document[0].render(scale=300 / 72).to_numpy()[:, :, :3])
            scan = scan_page(clean, chance_for(paper.name, 0, 80, Severity.NORMAL), Severity.NORMAL)
            path = folder / f"{len(found):03d}.png"
            path.write_bytes(with_dpi(cv2.imencode(".png", scan)[1].tobytes()))
            found.append(path)
    return found


def with_dpi(png: bytes) -> bytes:
    """The same picture that says 300 dpi (pHYs, PNG 11.3.5.3); OpenCV writes none."""
    body = b"pHYs" + struct.pack(">IIB", 11811, 11811, 1)
    return png[:33] + struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body)) + png[33:]


# --- who runs ---


def sceau(reader: str, languages: str) -> Contender:
    """`sceau take` of all files at once, from an empty home to sealed and proved archives."""

    def commands(scans: Sequence[Path], out: Path) -> list[list[str]]:
        (out / "sceau.toml").write_text(f'[reading]\nengine = "{reader}"\nlanguages = "{languages}"\n', encoding="utf-8")
        return [["env", f"SCEAU_HOME={out}", str(PROGRAMS / "sceau"), "take", "--json", *map(str, scans)]]

    return commands


def bare_reader(reader: str) -> Contender:
    """Only words: each page decoded and read, by one process per core that stays warm; nothing is kept, judged, sealed or proved."""

    def commands(scans: Sequence[Path], out: Path) -> list[list[str]]:
        return [[sys.executable, "-c", READING, reader, *map(str, scans[core::CORES])] for core in range(CORES)]

    return commands


def ocrmypdf(*options: str, at_once: int = 1) -> Contender:
    """The command line, once per file, so many at a time; several each with one job, or their threads would fight for the cores."""

    def commands(scans: Sequence[Path], out: Path) -> list[list[str]]:
        listed = "".join(f"{scan}\0{out / scan.stem}.pdf\0" for scan in scans)
        (out / "list").write_text(listed, encoding="utf-8")
        program = [str(PROGRAMS / "ocrmypdf"), "-q", "-l", "eng", *(("-j", "1") if at_once > 1 else ()), *options]
        return [["xargs", "-0", "-a", str(out / "list"), "-n", "2", "-P", str(at_once), *program]]

    return commands


def watched() -> Contender:
    """As the watcher that its project ships (`misc/watcher.py`): one process stays and hands each new PDF to `ocrmypdf.ocr`, one after
    the other. It takes PDF only, so that each scan is put into one beforehand, its image as it is; that is not counted."""

    def commands(scans: Sequence[Path], out: Path) -> list[list[str]]:
        folder = out / "in"
        folder.mkdir()
        for scan in scans:
            (folder / f"{scan.stem}.pdf").write_bytes(img2pdf.convert(str(scan)))  # type: ignore[arg-type]  # bytes, where no stream is given
        return [[sys.executable, "-c", WATCHING, str(folder), str(out), str(len(scans))]]

    return commands


CONTENDERS: Mapping[str, Contender] = {
    "bare Tesseract": bare_reader("tesseract"),
    "Sceau, Tesseract": sceau("tesseract", "eng"),
    "bare reader": bare_reader("rapidocr"),
    "Sceau": sceau("rapidocr", "eng"),
    "ocrmypdf": ocrmypdf(),
    "ocrmypdf, one per core": ocrmypdf(at_once=CORES),
    # No image is touched, and no conversion that could: what a house would set that wants its scans back.
    "ocrmypdf, lossless": ocrmypdf("--output-type", "pdf", "--optimize", "0", at_once=CORES),
    "ocrmypdf, watched folder": watched(),
}
PAIRS = (
    ("Sceau, Tesseract", "ocrmypdf"),
    ("Sceau, Tesseract", "ocrmypdf, one per core"),
    ("Sceau, Tesseract", "ocrmypdf, lossless"),
    ("Sceau, Tesseract", "ocrmypdf, watched folder"),
    ("Sceau", "ocrmypdf"),
    ("bare Tesseract", "Sceau, Tesseract"),
    ("bare reader", "Sceau"),
)
"""Of which the second is divided by the first."""


def read_bare(reader: str, scans: Sequence[Path]) -> None:
    """What a contender's process does: decode, copy, read. Its words go nowhere."""
    from ocr.engines import prepare_copy, warm_engine, write_copy
    from ocr.reading import read_page

    cv2.setNumThreads(1)
    options = ReaderOptions(reader=Reader(reader), languages=("eng",))
    with tempfile.TemporaryDirectory() as folder:
        for number, scan in enumerate(scans, 1):
            copy, scale = prepare_copy(cv2.imread(str(scan)), options)
            path = Path(folder) / "copy.pnm"
            write_copy(copy, path)
            read_page(warm_engine(options), path, scale, number)


def watch_folder(folder: Path, out: Path, count: int) -> None:
    """Hands every file to OCRmyPDF's own interface, as its watcher does, until so many were."""
    import ocrmypdf as theirs

    done = set[Path]()
    while len(done) < count:
        for path in sorted(set(folder.glob("*.pdf")) - done):
            theirs.ocr(path, out / path.name, language=["eng"], progress_bar=False)
            done.add(path)
        time.sleep(0.05)


# --- how it is measured ---


def measure(contender: Contender, scans: Sequence[Path], out: Path) -> Cost:
    """Run its commands side by side, in the folder `out` that is theirs alone, and wait for all that they leave.

    Raises SystemExit where one fails.
    """
    out.mkdir()
    commands = contender(scans, out)
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    # Whoever measures may have children of its own that stay.
    kept = _children()
    before, began = _children_seconds(), time.monotonic()
    # What each program finds on a machine of its own; our modules are for those contenders that need them.
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}:{ROOT}", "PYTHONSAFEPATH": "1"}
    environment = {**environment, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(out.with_name("compiled"))}
    processes = [subprocess.Popen(each, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for each in commands]
    peak, done = [0], threading.Event()
    looker = threading.Thread(target=_look_at, args=([each.pid for each in processes], peak, done))
    looker.start()
    told = [process.communicate()[1] for process in processes]
    wall = time.monotonic() - began
    done.set()
    looker.join()
    for process, words in zip(processes, told, strict=True):
        if process.returncode:
            raise SystemExit(f"{process.args}: {process.returncode}\n{words.decode(errors='replace')[-2000:]}")
    while left := _children() - kept:
        for pid in left:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    spent = _children_seconds() - before
    shutil.rmtree(out)
    return Cost(len(scans), spent, wall, peak[0])


def _children() -> set[int]:
    return {each.pid for each in psutil.Process().children()}


def _children_seconds() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def _look_at(pids: Sequence[int], peak: list[int], done: threading.Event) -> None:
    while not done.wait(LOOK_SECONDS):
        held = 0
        for pid in pids:
            with suppress(psutil.Error, OSError):
                held += sum(proportional_share(each.pid) for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)])
        peak[0] = max(peak[0], held)


def proportional_share(pid: int) -> int:
    """Bytes of memory that are this process's, what it shares with others divided by their number; 0 where it ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def run_rounds(folder: Path, pages: int, rounds: int, show: Callable[[str], object] = print) -> list[dict[str, tuple[Cost, Cost]]]:
    """Of each round, what each contender's first page costs, its start with it, and what all pages do."""
    scans, out, found = draw_scans(folder, pages), folder / "out", list[dict[str, tuple[Cost, Cost]]]()
    names = list(CONTENDERS)
    for each in CONTENDERS.values():
        measure(each, scans[:1], out)
    for turn in range(rounds):
        found.append({})
        for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
            one, all_ = measure(CONTENDERS[name], scans[:1], out), measure(CONTENDERS[name], scans, out)
            found[-1][name] = one, all_
            told = f"{all_.cpu / pages:7.2f} CPU s, {all_.wall / pages:6.2f} s a page, {all_.memory / 1e6:6.0f} MB"
            show(f"{told}; the first {one.cpu:6.2f} CPU s, {one.wall:6.2f} s  {name}")
    return found


def further_page(one: Cost, all_: Cost) -> float:
    """CPU seconds that each page after the first costs."""
    return (all_.cpu - one.cpu) / max(1, all_.pages - one.pages)


def as_figures(rounds: Sequence[Mapping[str, tuple[Cost, Cost]]]) -> dict[str, dict[str, float]]:
    """Medians by contender, then medians of the ratios within the rounds."""
    found: dict[str, dict[str, float]] = {}
    for name in rounds[0]:
        ones, alls = zip(*(each[name] for each in rounds), strict=True)
        found[name] = {
            "cpu_s_a_page": statistics.median(cost.cpu / cost.pages for cost in alls),
            "wall_s_a_page": statistics.median(cost.wall / cost.pages for cost in alls),
            "first_page_cpu_s": statistics.median(cost.cpu for cost in ones),
            "further_page_cpu_s": statistics.median(further_page(*each[name]) for each in rounds),
            "pages_a_minute": statistics.median(60 * cost.pages / cost.wall for cost in alls),
            "memory_mb": statistics.median(cost.memory for cost in alls) / 1e6,
        }
    for first, second in PAIRS:
        pairs = [(each[first], each[second]) for each in rounds]
        found[f"{second} ÷ {first}"] = {
            "cpu_ratio": statistics.median(b.cpu / a.cpu for (_, a), (_, b) in pairs),
            "wall_ratio": statistics.median(b.wall / a.wall for (_, a), (_, b) in pairs),
            "further_page_cpu_ratio": statistics.median(further_page(*b) / max(further_page(*a), 0.01) for a, b in pairs),
        }
    return found


def peer_costs(folder: Path, pages: int = 24, rounds: int = 3) -> dict[str, dict[str, float]]:
    """Rows for the report, by contender and by pair."""
    folder.mkdir(parents=True, exist_ok=True)
    return as_figures(run_rounds(folder, pages, rounds))


if __name__ == "__main__":
    asked = [int(each) for each in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="sceau-peers-") as name:
        print(json.dumps(peer_costs(Path(name), *asked), indent=1, ensure_ascii=False))
