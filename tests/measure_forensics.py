"""Measures what is found of treatments on made pages, and what is said of clean ones.

.venv/bin/python tests/measure_forensics.py [--pages 24] [--clean 60] [--hard 12] [--tuning] [--jobs 2]

Each scanner's baseline is learned from clean pages of the tuning set; then other pages, of other seeds, typefaces and layouts, go
through every scanner and every treatment. `--tuning` reports on the tuning set itself. Prints Markdown for docs/measurements.md.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from forensic_pages import (
    DEVICES,
    TREATMENTS,
    Device,
    Picture,
    Sheet,
    Treatment,
    hard_sheets,
    print_sheet,
    report_sheets,
    scan,
    tuning_sheets,
)

from capture.catalogue import certainty_of
from capture.findings import Certainty, Finding, Level
from capture.raster import Raster
from capture.scan import Model, Page
from conformity.baseline import LEAST_PAGES, Baseline, Signature, learn, measure
from conformity.checks import inspect_raster, judge_page
from conformity.limits import Limits

CLEAN = Treatment("clean", lambda page: page, frozenset())


@dataclass(frozen=True, slots=True)
class Look:
    """What was said of one page."""

    sheet: str
    device: str
    treatment: str
    codes: tuple[str, ...]
    blocked: bool
    warned: bool
    """Held for review, or an indicator."""
    seconds: float
    """CPU of the inspection."""


def look_at(page: Picture, sheet: Sheet, device: Device, treatment: Treatment, baseline: Baseline) -> Look:
    samples = np.ascontiguousarray(treatment.act(page))
    coded = Page(1, "lzw", True, samples.shape[1], samples.shape[0], 8, 3, Model.RGB, (300.0, 300.0))
    begin = time.process_time()
    found = inspect_raster(Raster(samples, 8, Model.RGB), coded, Limits(), baseline).findings
    seconds = time.process_time() - begin
    found = tuple(each for each in (*judge_page(coded, Limits()), *found) if each.code != "blank-page")
    return Look(
        sheet.kind, device.name, treatment.name, tuple(each.code for each in found), _level(found, Level.BLOCKING), _warns(found), seconds
    )


def _level(found: Iterable[Finding], level: Level) -> bool:
    return any(each.level is level for each in found)


def _warns(found: Sequence[Finding]) -> bool:
    return _level(found, Level.REVIEW) or any(certainty_of(each) is Certainty.INDICATOR for each in found)


def see_signatures(sheet: Sheet) -> list[Signature]:
    """One per device."""
    cv2.setNumThreads(1)
    light = print_sheet(sheet)
    seen = [measure(Raster(scan(light, device, sheet.seed), 8, Model.RGB)) for device in DEVICES]
    return [signature for signature in seen if signature is not None]


def look_everywhere(sheet: Sheet, treatments: Sequence[str], baselines: Sequence[Baseline]) -> list[Look]:
    """The sheet on every device, through these treatments, by name; "clean" is one."""
    cv2.setNumThreads(1)
    light = print_sheet(sheet)
    looks = []
    for device, baseline in zip(DEVICES, baselines, strict=True):
        page = scan(light, device, sheet.seed)
        looks += [look_at(page, sheet, device, each, baseline) for each in (CLEAN, *TREATMENTS) if each.name in treatments]
    return looks


def report_treatments(looks: Sequence[Look]) -> None:
    """The confusion table: a row per treatment, caught per device, and what was said."""
    print(f"| treatment | wanted | {' | '.join(device.name for device in DEVICES)} | said |")
    print(f"|---|---|{'---|' * len(DEVICES)}---|")
    for treatment in TREATMENTS:
        told = [look for look in looks if look.treatment == treatment.name]
        cells = [_caught(treatment, [look for look in told if look.device == device.name]) for device in DEVICES]
        said = Counter(code for look in told for code in look.codes)
        words = ", ".join(f"`{code}` {count}" for code, count in said.most_common())
        print(
            f"| {treatment.name} | {'fact or strong' if treatment.certain else 'indicator'} | {' | '.join(cells)} | {words or 'nothing'} |"
        )
    for certain, name in ((True, "facts and strong"), (False, "indicators")):
        asked = {each.name: each for each in TREATMENTS if each.certain == certain}
        hits = [bool(asked[look.treatment].expected & set(look.codes)) for look in looks if look.treatment in asked]
        print(f"\n{name}: {sum(hits)} of {len(hits)} caught ({100 * sum(hits) / max(1, len(hits)):.2f} %)")


def _caught(treatment: Treatment, looks: Sequence[Look]) -> str:
    return f"{sum(bool(treatment.expected & set(look.codes)) for look in looks)}/{len(looks)}"


def report_clean(looks: Sequence[Look]) -> None:
    for name in ("all", *(device.name for device in DEVICES)):
        some = [look for look in looks if look.treatment == "clean" and name in ("all", look.device)]
        said = Counter(code for look in some for code in look.codes)
        blocked, warned = sum(look.blocked for look in some), sum(look.warned for look in some)
        print(f"clean, {name}: {len(some)} pages, {blocked} blocked, {warned} warned {dict(said) or ''}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=24, help="sheets that go through every treatment")
    parser.add_argument("--clean", type=int, default=60, help="sheets that are looked at untreated only")
    parser.add_argument("--hard", type=int, default=12, help="mostly white and small sheets, reported apart")
    parser.add_argument("--learn", type=int, default=LEAST_PAGES + 4, help="clean tuning sheets a baseline is learned from")
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--only", default="", help="treatments whose names hold this word")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    sheets: Callable[[int], list[Sheet]] = tuning_sheets if options.tuning else report_sheets
    names = ["clean", *(each.name for each in TREATMENTS if options.only in each.name)]
    with ProcessPoolExecutor(options.jobs) as pool:
        seen = list(pool.map(see_signatures, tuning_sheets(options.learn)))
        baselines = [learn(signatures) for signatures in zip(*seen, strict=True)]
        for device, baseline in zip(DEVICES, baselines, strict=True):
            print(f"<!-- {device.name}: {baseline.as_json()} -->")
        treated = _flat(pool.map(partial(look_everywhere, treatments=names, baselines=baselines), sheets(options.pages)))
        more = sheets(options.pages + options.clean)[options.pages :]
        clean = _flat(pool.map(partial(look_everywhere, treatments=["clean"], baselines=baselines), more))
        hard = _flat(pool.map(partial(look_everywhere, treatments=names, baselines=baselines), hard_sheets(options.hard)))
    print(f"\n{len(treated)} pages looked at, median {statistics.median(look.seconds for look in treated):.3f} s of CPU\n")
    report_treatments(treated)
    report_clean([*treated, *clean])
    print("\n### Mostly white pages, receipts, A6\n")
    if hard:
        report_treatments(hard)
        report_clean(hard)


def _flat(looks: Iterable[list[Look]]) -> list[Look]:
    return [look for several in looks for look in several]


if __name__ == "__main__":
    main()
