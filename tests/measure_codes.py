"""How many codes are found on bad pages, how many are misread, and what it costs. Run: `.venv/bin/python tests/measure_codes.py`.

A code is drawn at a random place of an A4 invoice at 300 dpi, harmed, and scanned with noise. Nothing of it is random twice.
"""

import time
from collections.abc import Callable
from typing import Any, TypeAlias

import cv2
import numpy as np
import papers
from test_codes import FORMATS, Grey, dotted, symbol

from capture.codes import patch_code, read_codes

Harm: TypeAlias = dict[str, Any]

PAGES = 20
MODULES = {"qr": 8, "code128": 5}
"""Pixels: 0.7 and 0.4 mm."""


def scratched(one: Grey, seed: int, lines: int, width: int) -> Grey:
    chance, harmed = np.random.default_rng(seed), one.copy()
    for _ in range(lines):
        start, end = (tuple(int(n) for n in chance.integers(0, one.shape[::-1])) for _ in range(2))
        cv2.line(harmed, start, end, int(chance.choice([0, 255])), width)
    return harmed


def streaked(one: Grey, seed: int) -> Grey:
    harmed = one.copy()
    for left in np.random.default_rng(seed).integers(0, one.shape[1], 6):
        harmed[:, left : left + 4] = 255
    return harmed


HARMS: dict[str, Harm] = {
    "clean": {},
    "3° askew": {"angle": 3},
    "10° askew": {"angle": 10},
    "30° askew": {"angle": 30},
    "half the size": {"size": 0.5},
    "a quarter of full contrast": {"contrast": 0.25},
    "a tenth of full contrast": {"contrast": 0.1},
    "noise σ 12": {"noise": 12},
    "noise σ 25": {"noise": 25},
    "noise σ 40": {"noise": 40},
    "blur σ 2 pixels": {"blur": 2},
    "blur σ 3.5 pixels": {"blur": 3.5},
    "5 % dots": {"hurt": lambda one, _: dotted(one, 0.05)},
    "15 % dots": {"hurt": lambda one, _: dotted(one, 0.15)},
    "4 scratches": {"hurt": lambda one, seed: scratched(one, seed, 4, 4)},
    "8 broad scratches": {"hurt": lambda one, seed: scratched(one, seed, 8, 6)},
    "6 white streaks": {"hurt": streaked},
}


def page_with(one: Grey, seed: int, harm: Harm) -> Grey:
    chance = np.random.default_rng(seed)
    page = cv2.cvtColor(papers.draw_page(size=papers.A4, noise=0), cv2.COLOR_RGB2GRAY)
    hurt: Callable[[Grey, int], Grey] = harm.get("hurt", lambda same, _: same)
    left = int(chance.integers(100, page.shape[1] - one.shape[1] - 100))
    top = int(chance.integers(1300, 2000)) if "angle" in harm else int(chance.integers(100, page.shape[0] - one.shape[0] - 100))
    page[top : top + one.shape[0], left : left + one.shape[1]] = hurt(one, seed)
    middle = (left + one.shape[1] / 2, top + one.shape[0] / 2)
    turned = cv2.warpAffine(page, cv2.getRotationMatrix2D(middle, harm.get("angle", 0), 1.0), page.shape[::-1], borderValue=245)
    faint = 235 - (255 - turned.astype(np.float32)) * 0.85 * harm.get("contrast", 1.0)
    grain = chance.normal(0, harm.get("noise", 3), page.shape)
    return np.clip(cv2.GaussianBlur(faint, (0, 0), harm.get("blur", 0.8)) + grain, 0, 255).astype(np.uint8)


def measure(kind: str, name: str) -> str:
    """One row: found, misread, milliseconds of one processor a page."""
    found = misread = 0
    spent = 0.0
    for seed in range(PAGES):
        text = f"FACT-2026-{seed:04d}"
        module = max(1, round(MODULES[kind] * HARMS[name].get("size", 1.0)))
        page = page_with(symbol(text, kind, module), seed, HARMS[name])
        start = time.process_time()
        read = [code.text for code in read_codes(page)]
        spent += time.process_time() - start
        found += text in read
        misread += any(other != text for other in read)
    return f"| {name} | {kind} | {found} of {PAGES} | {misread} | {1000 * spent / PAGES:.0f} |"


def empty_pages() -> str:
    pages = [page_with(np.full((9, 9), 250, np.uint8), seed, {}) for seed in range(PAGES)]
    spent = []
    for work in (read_codes, patch_code):
        start = time.process_time()
        none = not any(work(page) for page in pages)  # type: ignore[operator]
        spent.append(f"{work.__name__}: none found is {none}, {1000 * (time.process_time() - start) / PAGES:.0f} ms")
    return "; ".join(spent)


if __name__ == "__main__":
    print(empty_pages())
    for kind in sorted(set(FORMATS) & set(MODULES), reverse=True):
        for name in HARMS:
            print(measure(kind, name), flush=True)
