"""Makes docs/pictures/*.png from the real pages: `.venv/bin/python tests/screenshots.py [folder]`."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
import webhome
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from station.serve import Server
from station.web.app import build_app
from station.workstation import Workstation

CHROMIUM = "/usr/bin/chromium"
TALLEST = 1150
"""Pixels: what a README has room for."""


@contextlib.contextmanager
def serving(workstation: Workstation) -> Iterator[str]:
    """The pages on a free loopback port, for as long as the block runs."""
    app = build_app(workstation, secret=b"pictures")
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#password", "essai")
    page.click("main button")
    page.wait_for_selector("#live")


def take_pictures(folder: Path, *, width: int = 1366, dark: bool = False) -> None:
    """One picture per page, from its top to its end or to the height that a README has room for."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.gettempdir()) / "sceau"
    home.mkdir()
    try:
        with sync_playwright() as playwright, contextlib.closing(_launch(playwright)) as browser:
            _walk(browser, home, folder, width, dark)
    finally:
        shutil.rmtree(home)


def _launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])


def _walk(browser: Browser, home: Path, folder: Path, width: int, dark: bool) -> None:
    workstation = webhome.open_home(home)
    ids = webhome.fill(workstation)
    addresses = {
        "mailroom": "/",
        "documents": "/documents",
        "document": f"/documents/{ids['conform']}",
        "held": f"/documents/{ids['held']}",
        "decision": f"/documents/{ids['held']}/decision/treat",
        "ledger": "/ledger",
        "help": "/help",
    }
    with serving(workstation) as address:
        page = browser.new_page(viewport={"width": width, "height": TALLEST}, color_scheme="dark" if dark else "light", locale="fr-FR")
        sign_in(page, address)
        for name, path in addresses.items():
            page.goto(address + path)
            if name == "ledger":
                page.click("#check-now")
                page.wait_for_selector(".chain.good")
            page.wait_for_load_state("networkidle")
            height = min(
                TALLEST, int(page.evaluate("document.body.lastElementChild.previousElementSibling.getBoundingClientRect().bottom"))
            )
            page.screenshot(path=folder / f"{name}.png", clip={"x": 0, "y": 0, "width": width, "height": height})
            _slim(folder / f"{name}.png")
        page.close()


def _slim(picture: Path) -> None:
    """256 colours are plenty for a page and a quarter of the bytes in everyone's clone."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"))
