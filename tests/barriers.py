"""What keeps somebody from a page: what axe finds against WCAG 2.2 AA, and what scrolls sideways. As far as a machine can tell."""

import json
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def barriers(page: Page, *rules: str) -> list[tuple[str, list[str], str]]:
    """Rule, place and words of each violation; with `rules`, of those alone. The script goes in beside the page's own policy."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    asked = {"runOnly": {"type": "rule", "values": list(rules)} if rules else WCAG}
    found = page.evaluate(f"axe.run(document, {json.dumps(asked)})")
    # A box on the page is as small as what is printed there; the field beside it does the same (WCAG 2.2, 2.5.8, « Equivalent »).
    return [
        (violation["id"], node["target"], node.get("failureSummary", "")[:300])
        for violation in found["violations"]
        for node in violation["nodes"]
        if not (violation["id"] == "target-size" and 'class="box' in node["html"])
    ]


def too_wide(page: Page) -> int:
    """Pixels by which it scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def found_at(page: Page, address: str) -> list[object]:
    """Light and dark, wide, at 200 % and at 400 %: what bars somebody, what scrolls sideways."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(address, wait_until="load")
    found: list[object] = [*barriers(page)]
    if (over := too_wide(page)) > 0:
        found.append(f"{over} px too wide at 1366")
    page.emulate_media(color_scheme="dark")
    found += barriers(page, "color-contrast")
    for width in (683, 320):
        page.set_viewport_size({"width": width, "height": 640})
        if (over := too_wide(page)) > 0:
            found.append(f"{over} px too wide at {width}")
    found += barriers(page, "target-size", "color-contrast", "scrollable-region-focusable")
    return found
