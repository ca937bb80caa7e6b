"""Fuzzing: mutants of drawn files through every entry point that meets strangers' bytes. `make fuzz FUZZ=1000000`.

    fuzz.py [ENTRY…] [--executions N] [--seed S] [--out DIR]     N in all, shared out; exit 1 where something was found
    fuzz.py ENTRY --at NUMBER [--seed S] [--write FILE]          one mutant again, here and now
    fuzz.py ENTRY --guided --executions N [--seed S]             guided by coverage (atheris), from the same corpus and mutants

A mutant is a function of seed, entry point and number. What is a finding: an exception that the entry point does not promise, the death of
the process, more than SECONDS of processor time, and MEGABYTES more memory than before. The work is done in a child, so that its death or
its standing still is told with its number, and the next number goes on.
"""

import argparse
import json
import mmap
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(each) for each in (HERE, HERE.parent) if str(each) not in sys.path]
SECONDS = 2.0
"""Processor time of one execution."""
STILL = 90.0
"""Wall seconds without progress after which a child counts as hung; machines may be busy."""
STARTING = 600.0
"""Wall seconds that a child may take to import what it tries: on a busy machine that is long, and no finding."""
BEGINNING, RUNNING, ENDED = range(3)
MEGABYTES = 400
"""By which one execution may raise the peak of memory."""
LIMIT = 2 << 30
"""Private memory of a child (RLIMIT_DATA), as the station's own children have it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one execution did that it must not. `number`: of the mutant."""

    entry: str
    seed: int
    number: int
    kind: str
    told: str


def peak() -> int:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def execute(entry: str, seed: int, numbers: Iterator[int], count: int) -> Iterator[Found | int]:
    """Each number once it is done, after what it found."""
    from entries import ENTRIES
    from mutants import mutant_of

    told = next(each for each in ENTRIES if each.name == entry)
    corpus = told.corpus()
    for _ in range(count):
        number = next(numbers)
        data = mutant_of(entry, corpus, seed, number)
        before, began = peak(), time.process_time()
        try:
            told.run(data)
        except Exception as error:  # noqa: BLE001 that is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            yield Found(entry, seed, number, "exception", f"{type(error).__name__}: {str(error)[:200]} ({place.filename}:{place.lineno})")
        took = time.process_time() - began
        if took > SECONDS:
            yield Found(entry, seed, number, "slow", f"{took:.1f} s")
        if before > 150 and peak() - before > MEGABYTES:
            yield Found(entry, seed, number, "memory", f"{before} → {peak()} MB")
        yield number


def work(entry: str, seed: int, first: int, count: int, progress: Path, out: Path) -> None:
    """In the child: each number is written before it is begun."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["OMP_THREAD_LIMIT"] = "1"
    warnings.simplefilter("ignore")
    with progress.open("r+b") as file, mmap.mmap(file.fileno(), 16) as shown, out.open("a", encoding="utf-8") as findings:

        def numbers() -> Iterator[int]:
            for number in range(first, first + count):
                shown[:16] = struct.pack("<qq", number, RUNNING)
                yield number

        for each in execute(entry, seed, numbers(), count):
            if isinstance(each, Found):
                findings.write(json.dumps(asdict(each)) + "\n")
                findings.flush()
        shown[:16] = struct.pack("<qq", first + count, ENDED)


def watch(entry: str, seed: int, count: int, out: Path) -> None:
    """Children one after another until all numbers are done; a child that dies or stands still is told with the number it was at."""
    with tempfile.NamedTemporaryFile() as file:
        progress = Path(file.name)
        progress.write_bytes(bytes(16))
        at, done = 0, False
        while not done and at < count:
            progress.write_bytes(bytes(16))
            command = [sys.executable, __file__, entry, "--worker", str(at), "--executions", str(count - at), "--seed", str(seed)]
            with (out.parent / f"{entry}.log").open("ab") as log:
                child = subprocess.Popen([*command, "--progress", file.name, "--findings", str(out)], stdout=log, stderr=log)
                still, moved = -1, time.monotonic()
                while child.poll() is None:
                    time.sleep(0.2)
                    here, standing = struct.unpack("<qq", progress.read_bytes()[:16])
                    if here != still:
                        still, moved = here, time.monotonic()
                    elif time.monotonic() - moved > (STILL if standing == RUNNING else STARTING):
                        child.kill()
                        child.wait()
            here, standing = struct.unpack("<qq", progress.read_bytes()[:16])
            if standing == BEGINNING:
                raise RuntimeError(f"{entry}: the child did not begin (exit {child.returncode}), see {out.parent / entry}.log")
            done = standing == ENDED
            if not done:
                hung = child.returncode == -signal.SIGKILL and time.monotonic() - moved > STILL
                told = Found(entry, seed, here, "hang" if hung else "death", f"exit {child.returncode}")
                with out.open("a", encoding="utf-8") as findings:
                    findings.write(json.dumps(asdict(told)) + "\n")
                at = here + 1


def read_found(out: Path) -> list[Found]:
    return [Found(**json.loads(line)) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []


def fuzz(names: list[str], executions: int, seed: int, folder: Path) -> list[Found]:
    """All of them, in shares; prints what was done."""
    from entries import ENTRIES

    asked = [each for each in ENTRIES if not names or each.name in names]
    whole = sum(each.share for each in asked)
    out = folder / "found.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}, {executions} executions, findings in {out}", flush=True)
    for each in asked:
        count, began = max(executions * each.share // whole, 1), time.monotonic()
        watch(each.name, seed, count, out)
        took = time.monotonic() - began
        mine = [found for found in read_found(out) if found.entry == each.name and found.seed == seed]
        print(f"{each.name:6} {count:9} executions {took:8.0f} s {count / took:7.0f}/s {len(mine)} findings", flush=True)
    return [found for found in read_found(out) if found.seed == seed]


def guided(name: str, executions: int, seed: int, folder: Path) -> None:
    """libFuzzer by atheris: our own Python is watched for new ways, mutants are its own and ours in turn. Ends the process."""
    import atheris

    with atheris.instrument_imports(include=["capture", "conformity", "ocr", "station", "sealing"], enable_loader_override=False):
        import entries
    from mutants import changed

    told = next(each for each in entries.ENTRIES if each.name == name)
    drawn, kept = told.corpus(), folder / f"guided-{name}"
    kept.mkdir(parents=True, exist_ok=True)

    def mutate(data: bytes, longest: int, number: int) -> bytes:
        chance = random.Random(number)
        if not data or chance.random() < 0.5:
            return atheris.Mutate(data, longest)
        return changed(name, data, drawn, chance)[:longest]

    flags = [
        f"-runs={executions}",
        f"-seed={seed}",
        "-timeout=60",
        "-rss_limit_mb=2000",
        "-max_len=20000",
        f"-artifact_prefix={kept}/",
        "-print_final_stats=1",
    ]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    atheris.Setup([sys.argv[0], *flags, str(kept), str(entries.CORPUS / name)], told.run, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("entries", nargs="*")
    asked.add_argument("--executions", type=int, default=1_000_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--out", type=Path, default=Path(".fuzz"))
    asked.add_argument("--at", type=int)
    asked.add_argument("--write", type=Path)
    asked.add_argument("--guided", action="store_true")
    asked.add_argument("--worker", type=int)
    asked.add_argument("--progress", type=Path)
    asked.add_argument("--findings", type=Path)
    told = asked.parse_args()
    if told.worker is not None:
        work(told.entries[0], told.seed, told.worker, told.executions, told.progress, told.findings)
        return 0
    if told.guided:
        guided(told.entries[0], told.executions, told.seed, told.out)
        return 0
    if told.at is not None:
        from entries import ENTRIES
        from mutants import mutant_of

        entry = next(each for each in ENTRIES if each.name == told.entries[0])
        data = mutant_of(entry.name, entry.corpus(), told.seed, told.at)
        if told.write:
            told.write.write_bytes(data)
        entry.run(data)
        return 0
    found = fuzz(told.entries, told.executions, told.seed, told.out)
    for each in found:
        print(f"{each.entry} --seed {each.seed} --at {each.number}: {each.kind}: {each.told}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
