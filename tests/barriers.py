"""What keeps somebody from a page: what axe finds against WCAG 2.2 AA, and what scrolls sideways. As far as a machine can tell."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from playwright.sync_api import Page

AXE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

Barrier: TypeAlias = tuple[str, list[str], str, str]
"""Rule, place, words and the element as it is written."""


def barriers(page: Page, *rules: str) -> list[Barrier]:
    """Against all rules of WCAG 2.2 AA that axe knows; with `rules`, of those alone. The script goes in beside the page's own policy."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    asked = {"runOnly": {"type": "rule", "values": list(rules)} if rules else WCAG, "resultTypes": ["violations"]}
    found = page.evaluate(f"axe.run(document, {json.dumps(asked)})")
    return [
        (violation["id"], node["target"], node.get("failureSummary", "")[:300], node["html"])
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def beside_boxes(found: Sequence[Barrier]) -> list[Barrier]:
    """A box on the page is as small as what is printed there; the field beside it does the same (WCAG 2.2, 2.5.8, « Equivalent »)."""
    return [each for each in found if not (each[0] == "target-size" and 'class="box' in each[3])]


def too_wide(page: Page) -> int:
    """Pixels by which it scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def found_at(page: Page, address: str, *dark: str) -> list[Barrier]:
    """Light and dark, wide, at 200 % (683), on a telephone (360) and at 400 % (320); in the dark all rules, or those of `dark` alone."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(address, wait_until="load")
    found = [*barriers(page), *_width(page, 1366)]
    page.emulate_media(color_scheme="dark")
    found += barriers(page, *dark)
    for width in (683, 360, 320):
        page.set_viewport_size({"width": width, "height": 640})
        found += _width(page, width)
    return found + barriers(page, "target-size", "color-contrast", "scrollable-region-focusable")


def _width(page: Page, width: int) -> list[Barrier]:
    over = too_wide(page)
    return [("too-wide", [], f"{over} px at {width}", "")] if over > 0 else []
