"""Makes docs/pictures/*.png from the real pages: `.venv/bin/python tests/screenshots.py [folder]`."""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import webhome
from playwright.sync_api import Page, sync_playwright

from station.web.app import build_app
from station.workstation import Workstation

CHROMIUM = "/usr/bin/chromium"
HEIGHTS = {"mailroom": 900, "document": 1000}


@contextmanager
def serving(workstation: Workstation) -> Iterator[str]:
    """The pages on a free loopback port, for as long as the block runs."""
    app = build_app(workstation, secret=b"pictures")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
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


def take_pictures(folder: Path, *, width: int = 1366, dark: bool = False, only: str = "") -> None:
    """One picture per page."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        workstation = webhome.open_home(Path(home) / "sceau")
        ids = webhome.fill(workstation)
        pages = {
            "mailroom": "/",
            "document": f"/documents/{ids['conform']}",
            "held": f"/documents/{ids['held']}",
            "failed": f"/documents/{ids['failed']}",
            "decision": f"/documents/{ids['held']}/decision/treat",
            "documents": "/documents",
            "ledger": "/ledger",
            "help": "/help",
            "error": "/nowhere",
        }
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--lang=fr"], env={"LANGUAGE": "fr", "LANG": "fr_FR.UTF-8"}
        )
        with serving(workstation) as address:
            page = browser.new_page(viewport={"width": width, "height": 768}, color_scheme="dark" if dark else "light", locale="fr-FR")
            page.goto(f"{address}/sign-in")
            if not only:
                page.screenshot(path=folder / "sign-in.png")
            sign_in(page, address)
            for name, path in pages.items():
                if only and name not in only.split(","):
                    continue
                page.goto(address + path)
                if name == "ledger":
                    page.click("#check-now")
                    page.wait_for_selector(".chain.good")
                page.screenshot(path=folder / f"{name}.png", full_page=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"))
