"""The built verifier.html in a real Chromium, from disk: one page for many packages. Whatever it asks of a network is noted."""

import base64
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, Playwright, sync_playwright
from screenshots import CHROMIUM

from station.web.desk import STATIC

VERIFIER = STATIC / "vendor" / "verifier.html"
MISSING = not (Path(CHROMIUM).exists() and VERIFIER.exists())
_VERIFY = """async ([parts, known, atOnce]) => window.verifyParts(
    parts.map(([name, text]) => ({name, bytes: Uint8Array.from(atob(text), one => one.charCodeAt(0))})), known, atOnce ?? undefined)"""


@dataclass
class Verifier:
    """An open page, and what it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def look(self, parts: Mapping[str, bytes], *, at_once: int | None = None, **known: str) -> dict[str, Any]:
        """{verdict, checks: [{name, outcome, sentence, faults}]} of these ZIP files.

        Members of more than `at_once` bytes are hashed as they stream.
        """
        coded = [[name, base64.b64encode(raw).decode()] for name, raw in parts.items()]
        return self.page.evaluate(_VERIFY, [coded, known, at_once])  # type: ignore[no-any-return]

    def hand_in(self, *paths: Path) -> None:
        """As a person does: chosen from disk, and waited for."""
        self.page.set_input_files("#files", [str(path) for path in paths])
        self.page.wait_for_selector("#verdict")


def open_verifier(playwright: Playwright, file: Path = VERIFIER, scheme: Literal["light", "dark"] = "light") -> Verifier:
    # Root has no sandbox of its own; the only address that is opened is a file of ours.
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
    context = browser.new_context(offline=True, locale="fr-FR", viewport={"width": 1366, "height": 768}, color_scheme=scheme)
    verifier = Verifier(context.new_page())
    verifier.page.on("request", lambda request: verifier.requests.append(request.url))
    verifier.page.on("console", lambda line: verifier.complaints.append(line.text) if line.type in {"error", "warning"} else None)
    verifier.page.on("pageerror", lambda error: verifier.complaints.append(str(error)))
    verifier.page.goto(file.as_uri())
    return verifier


@contextmanager
def opened() -> Iterator[Verifier]:
    """One page from disk, without a network."""
    with sync_playwright() as playwright:
        verifier = open_verifier(playwright)
        yield verifier
        browser = verifier.page.context.browser
        assert browser is not None
        browser.close()


def failing(told: Mapping[str, Any]) -> Sequence[str]:
    return [check["name"] for check in told["checks"] if check["outcome"] == "fails"]
