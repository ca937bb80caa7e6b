"""Measures what is found of treatments on made pages, and what is said of clean ones.

.venv/bin/python tests/measure_forensics.py [--pages 24] [--harder 6] [--clean 60] [--hard 12] [--tuning] [--jobs 2]

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
    HARDER,
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
from conformity.baseline import LEAST_PAGES, Baseline, Signature, indicators, learn, measure
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
    unlearned: tuple[str, ...]
    """What would have been said had the scanner been unknown."""
    seconds: float
    """CPU of the inspection."""


def look_at(page: Picture, sheet: Sheet, device: Device, treatment: Treatment, baseline: Baseline) -> Look:
    samples = np.ascontiguousarray(treatment.act(page))
    coded = Page(1, "lzw", True, samples.shape[1], samples.shape[0], 8, 3, Model.RGB, (300.0, 300.0))
    begin = time.process_time()
    inspection = inspect_raster(Raster(samples, 8, Model.RGB), coded, Limits(), baseline)
    seconds = time.process_time() - begin
    coding = [each for each in judge_page(coded, Limits()) if each.code == "odd-sheet"]
    found = tuple(each for each in (*coding, *inspection.findings) if each.code != "blank-page")
    codes = tuple(each.code for each in found)
    usual = {each.code for each in (indicators(inspection.signature, baseline) if inspection.signature else ())}
    unknown = {each.code for each in (indicators(inspection.signature, Baseline()) if inspection.signature else ())}
    unlearned = tuple({*codes} - usual | (unknown if usual <= {*codes} else set()))
    return Look(sheet.kind, device.name, treatment.name, codes, _level(found, Level.BLOCKING), _warns(found), unlearned, seconds)


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
        looks += [look_at(page, sheet, device, each, baseline) for each in (CLEAN, *TREATMENTS, *HARDER) if each.name in treatments]
    return looks


def report_treatments(looks: Sequence[Look], treatments: Sequence[Treatment] = TREATMENTS) -> None:
    """The confusion table: a row per treatment, caught per device, and what was said."""
    print(f"| treatment | wanted | {' | '.join(device.name for device in DEVICES)} | said |")
    print(f"|---|---|{'---|' * len(DEVICES)}---|")
    for treatment in treatments:
        told = [look for look in looks if look.treatment == treatment.name]
        cells = [_caught(treatment, [look for look in told if look.device == device.name]) for device in DEVICES]
        said = Counter(code for look in told for code in look.codes)
        words = ", ".join(f"`{code}` {count}" for code, count in said.most_common())
        print(
            f"| {treatment.name} | {'fact or strong' if treatment.certain else 'indicator'} | {' | '.join(cells)} | {words or 'nothing'} |"
        )
    for certain, name in ((True, "facts and strong"), (False, "indicators")):
        asked = {each.name: each for each in treatments if each.certain == certain}
        told = [(asked[look.treatment].expected, look) for look in looks if look.treatment in asked]
        hits = sum(bool(expected & {*look.codes}) for expected, look in told)
        unlearned = sum(bool(expected & {*look.unlearned}) for expected, look in told)
        print(f"\n{name}: {hits} of {len(told)} caught ({100 * hits / max(1, len(told)):.2f} %), {unlearned} by an unlearned baseline")


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
    parser.add_argument("--harder", type=int, default=6, help="of these, how many go through the harder treatments too")
    parser.add_argument("--clean", type=int, default=60, help="sheets that are looked at untreated only")
    parser.add_argument("--hard", type=int, default=12, help="mostly white and small sheets, reported apart")
    parser.add_argument("--learn", type=int, default=LEAST_PAGES + 4, help="clean tuning sheets a baseline is learned from")
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--only", default="", help="treatments whose names hold this word")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    sheets: Callable[[int], list[Sheet]] = tuning_sheets if options.tuning else report_sheets
    names = ["clean", *(each.name for each in TREATMENTS if options.only in each.name)]
    harder = [each.name for each in HARDER if options.only in each.name]
    with ProcessPoolExecutor(options.jobs) as pool:
        seen = list(pool.map(see_signatures, tuning_sheets(options.learn)))
        baselines = [learn(signatures) for signatures in zip(*seen, strict=True)]
        for device, baseline in zip(DEVICES, baselines, strict=True):
            print(f"<!-- {device.name}: {baseline.as_json()} -->")
        treated = _flat(pool.map(partial(look_everywhere, treatments=names, baselines=baselines), sheets(options.pages)))
        beyond = _flat(pool.map(partial(look_everywhere, treatments=harder, baselines=baselines), sheets(options.harder)))
        more = sheets(options.pages + options.clean)[options.pages :]
        clean = _flat(pool.map(partial(look_everywhere, treatments=["clean"], baselines=baselines), more))
        hard = _flat(pool.map(partial(look_everywhere, treatments=names, baselines=baselines), hard_sheets(options.hard)))
    print(f"\n{len(treated)} pages looked at, median {statistics.median(look.seconds for look in [*treated, *clean]):.3f} s of CPU\n")
    report_treatments(treated)
    report_clean([*treated, *clean])
    print("\n### Harder than promised\n")
    report_treatments(beyond, HARDER)
    print("\n### Mostly white pages, receipts, A6\n")
    if hard:
        report_treatments(hard)
        report_clean(hard)


def _flat(looks: Iterable[list[Look]]) -> list[Look]:
    return [look for several in looks for look in several]


if __name__ == "__main__":
    main()
