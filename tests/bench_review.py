"""What the next invoice costs at the review desk among many documents: in a real Chromium, from the key to its pixels.

PYTHONPATH=tests:. python tests/bench_review.py [DOCUMENTS]
"""

import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import reviewed
import sqlalchemy as sa
import webhome
from bench_search import ENTITY, filled_home
from playwright.sync_api import Page, sync_playwright
from screenshots import CHROMIUM, serving, sign_in

from station.records import people
from station.records.tables import Document, Review
from station.workstation import Workstation

INVOICES = 12
"""Reviewed one after the other; the first is not counted."""
AHEAD = """new MutationObserver(() => document.querySelector('#desk.going') && requestAnimationFrame(() => requestAnimationFrame(
  () => sessionStorage.setItem('ahead', String(performance.timeOrigin + performance.now()))))).observe(document,
  {subtree: true, attributes: true, attributeFilter: ['class']});"""
"""Notes when the next invoice's page stands on the screen: a frame after it was put there."""
SEEN = """() => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0], [load] = performance.getEntriesByType('navigation');
  const light = performance.getEntriesByType('resource').filter((each) => each.name.includes('/page.jpg')).map((each) => each.responseEnd);
  const begun = Number(sessionStorage.getItem('pressed')) - performance.timeOrigin;
  const ahead = Number(sessionStorage.getItem('ahead')) - Number(sessionStorage.getItem('pressed'));
  return {first_pixel: ahead, answer: load.responseStart - begun, paint: paint.startTime - begun, image: Math.max(...light) - begun,
          whole: load.loadEventEnd - begun};
}"""


def review_costs(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds from the key that submits to the next invoice: medians, and the slowest. The sealed page's own pixels follow later
    and are told apart; the light image, said to be one, stands in their place until then."""
    workstation = filled_home(folder, count)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
        _queue_all(session)
    workstation = Workstation(
        workstation.settings, workstation.database, workstation.originals, workstation.archives, clock=lambda: webhome.NOON
    )
    for number in range(INVOICES):
        paper = replace(webhome.PAPERS[number % 6], number=f"R-{number}")
        reviewed.invoice(workstation, paper, hours=40 - number, doubtful={"total_tax": 0.7})
    with serving(workstation) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="fr-FR")
        page.add_init_script(AHEAD)
        sign_in(page, address)
        taken = _go_through(page, address)
        browser.close()
    workstation.database.close()
    told = {f"{name}_ms": statistics.median(each[name] for each in taken) for name in taken[0]}
    return {
        "documents": count,
        **told,
        "worst_first_pixel_ms": max(each["first_pixel"] for each in taken),
        "worst_whole_ms": max(each["whole"] for each in taken),
    }


def _queue_all(session: sa.orm.Session) -> None:
    """Every document of the home stands in the queue, without a doubt, as most invoices do."""
    rows = session.execute(sa.select(Document.id, Document.received_at, Document.revision))
    session.execute(sa.insert(Review), [_row(*row) for row in rows])


def _row(document_id: str, received_at: object, revision: int) -> dict[str, object]:
    same = {"entity": ENTITY, "stage": "open", "held": False, "doubtful": False, "doubts": [], "revision": 0}
    same |= {"title": "scan.tif", "supplier": "Maison", "number": "F"}
    return {"document_id": document_id, "received_at": received_at, "seen": revision, **same}


def _go_through(page: Page, address: str) -> list[dict[str, float]]:
    page.goto(f"{address}/relecture")
    page.focus("#start")
    page.keyboard.press("Enter")
    taken = []
    for number in range(INVOICES):
        page.wait_for_url(lambda url: "/relecture/" in url)
        page.locator("#sheet.deep").wait_for()
        if number:
            sealed = page.evaluate("performance.now() + performance.timeOrigin - Number(sessionStorage.getItem('pressed'))")
            taken.append({**page.evaluate(SEEN), "sealed": sealed})
        # As long as somebody looks at it: the next one's page is fetched meanwhile.
        page.wait_for_timeout(1500)
        page.keyboard.press("Enter")
        page.locator("#saved").filter(has_text="Enregistré").wait_for()
        before = page.url
        page.evaluate("sessionStorage.setItem('pressed', String(performance.timeOrigin + performance.now()))")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url, before=before: url != before)
    return taken[1:]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(review_costs(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
