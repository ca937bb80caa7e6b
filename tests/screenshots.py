"""Makes docs/pictures/*.png from the real pages: `.venv/bin/python tests/screenshots.py [folder]`."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import packages
import reviewed
import uvicorn
import webhome
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from station import circuits, review
from station.records import batches, people, tasks
from station.records import circuits as asked_by_circuits
from station.records import review as reviews
from station.search import tend_search
from station.serve import Server
from station.web.app import build_app
from station.web.desk import STATIC
from station.workstation import Workstation

CHROMIUM = "/usr/bin/chromium-headless-shell"
TALLEST = 1150
"""Pixels: what a README has room for."""


@contextlib.contextmanager
def serving(workstation: Workstation, tell: Callable[[FastAPI, str], object] = lambda *_: None) -> Iterator[str]:
    """The pages on a free loopback port, for as long as the block runs; `tell` is given the application and its address first."""
    app = build_app(workstation, secret=b"pictures")
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    tell(app, address)
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#password", "essai")
    page.click("main button")
    page.wait_for_selector("#live")
    # Its scripts, too: what is pressed before they run is not known to them.
    page.wait_for_load_state()


def take_pictures(folder: Path, *, width: int = 1366, dark: bool = False) -> None:
    """One picture per page, from its top to its end or to the height that a README has room for."""
    folder.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.gettempdir()) / "sceau"
    home.mkdir()
    try:
        package = packages.small_package(home / "audited", 6)  # before the browser: both want the thread's event loop
        with sync_playwright() as playwright, contextlib.closing(_launch(playwright)) as browser:
            _walk(browser, home, folder, width, dark)
            _take_verifier(browser, package, folder / "verifier.png", width, dark)
    finally:
        shutil.rmtree(home)


def _launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])


def _walk(browser: Browser, home: Path, folder: Path, width: int, dark: bool) -> None:
    workstation = webhome.open_home(home)
    ids = webhome.fill(workstation)
    for number, paper in enumerate(webhome.PAPERS[:4]):
        ids["to-review"] = reviewed.invoice(workstation, replace(paper, number=f"2026-{310 + number}"), hours=30 + number)
    ids["to-approve"] = approval_of(workstation, reviewed.invoice(workstation, replace(webhome.PAPERS[4], number="H-26-1107"), hours=20))
    tend_search(workstation)
    with serving(workstation) as address:
        page = browser.new_page(viewport={"width": width, "height": TALLEST}, color_scheme="dark" if dark else "light", locale="fr-FR")
        sign_in(page, address)
        for name, path in _pages(ids).items():
            page.goto(address + path)
            if name == "ledger":
                page.click("#check-now")
                page.wait_for_selector(".chain.good")
            _take(page, folder / f"{name}.png")
        page.set_viewport_size({"width": width, "height": 768})
        page.goto(f"{address}/relecture/{ids['to-review']}")
        page.wait_for_selector("#sheet.deep")
        _take(page, folder / "review.png", most=768)
        page.click("#show-keys")
        _take(page, folder / "review-keys.png", most=768)
        # At the desk as on its screen; the batch comes last, so that the pages before show finished work.
        page.set_viewport_size({"width": width, "height": 768})
        for name, path in _desk_pages(workstation).items():
            page.goto(address + path)
            _take(page, folder / f"{name}.png")
        page.close()


def _take_verifier(browser: Browser, package: Path, picture: Path, width: int, dark: bool) -> None:
    """The page that an auditor opens from disk, with a small package in it."""
    page = browser.new_page(viewport={"width": width, "height": TALLEST}, color_scheme="dark" if dark else "light", locale="fr-FR")
    page.goto((STATIC / "vendor" / "verifier.html").as_uri())
    page.set_input_files("#files", str(package))
    page.wait_for_selector("#verdict")
    page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": width, "height": TALLEST}, full_page=True)
    _slim(picture)
    page.close()


def _pages(ids: dict[str, str]) -> dict[str, str]:
    return {
        "mailroom": "/",
        "documents": "/documents",
        "document": f"/documents/{ids['conform']}",
        "held": f"/documents/{ids['held']}",
        "decision": f"/documents/{ids['held']}/decision/treat",
        "ledger": "/ledger",
        "compliance": "/conformite",
        "evidence": f"/conformite/{ids['to-review']}",
        "queue": "/relecture",
        "search": "/recherche?q=prestation",
        "approvals": "/approbations",
        "approval": f"/approbations/{ids['to-approve']}",
        "account": "/account",
        "help": "/help",
    }


def _desk_pages(workstation: Workstation) -> dict[str, str]:
    batch = webhome.feed(workstation)
    with workstation.database.reading() as session:
        bad = batches.stacks_in(session, batch)[-1].id
    return {"desk": "/desk/demo", "redo": f"/desk/demo/redo?page={bad}:1", "separation": "/desk/demo/preview"}


def approval_of(workstation: Workstation, document_id: str) -> str:
    """A review that the second person submitted, its account confirmed by the first: the number of the approval it asks for."""
    with workstation.database.writing() as session:
        person = people.find(session, people.SECOND_LOGIN)
        review.submit(session, workstation, document_id, person, lambda *_: None, whole=True)
    with workstation.database.writing() as session:
        colleague = people.find(session, people.PRACTICE_LOGIN)
        for asked in reviews.pending_accounts(session, "essai", document_id):
            review.decide_account(session, workstation, asked.id, colleague, "", approved=True)
    circuits.catch_up(workstation)
    with workstation.database.writing() as session:
        clerk = people.find(session, people.SECOND_LOGIN)
        for check in asked_by_circuits.open_tasks(session, "essai", document_id):
            circuits.answer_task(session, workstation, check, clerk, "correcte", {}, check.revision)
    with workstation.database.reading() as session:
        return str(tasks.open_tasks(session, "essai", document_id)[0].id)


def _take(page: Page, picture: Path, most: int = TALLEST) -> None:
    """From the top to the end of the page, or to the height that a README has room for."""
    page.wait_for_load_state()
    # The stream of events never ends, so the network is never idle.
    page.wait_for_timeout(500)
    bottom = int(page.evaluate("document.body.lastElementChild.previousElementSibling.getBoundingClientRect().bottom"))
    width, height = page.evaluate("innerWidth"), min(most, bottom)
    page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": width, "height": height}, full_page=True)
    _slim(picture)


def _slim(picture: Path) -> None:
    """256 colours are plenty for a page and a quarter of the bytes in everyone's clone."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"))
