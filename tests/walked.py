"""Walks the pages as a person of a role: from the addresses of the table of grants along every link, one page or a few per route."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import lxml.html
import receivables_home
import reviewed
import webhome
from fastapi.testclient import TestClient
from screenshots import approval_of
from starlette.routing import compile_path
from test_web import _all_routes

from station.circuits import tend_circuits
from station.people import Act, RoleDays, add_person
from station.receivables import by_person
from station.records import people
from station.search import tend_search
from station.web.app import build_app
from station.web.grants import GRANTS, may
from station.workstation import Workstation
from workflow.roles import Role

PASSWORD = "a password for walking"
SEVERAL = {"/documents/{document_id}": 7, "/relecture/{document_id}": 2, "/desk/{name}": 2}
"""Routes whose pages differ by what they show; of every other the first that is met."""
NO_PAGE = {"/events"}
"""A stream, which never ends."""
SEARCHES = ("/recherche?q=quais", "/conformite/search?q=quais")
"""What a link does not lead to: somebody types it."""
FILES = (".pdf", ".json", ".jpg", ".png")


@dataclass(frozen=True, slots=True)
class Link:
    """An address that a page offers, and how it is asked for."""

    method: str
    address: str
    words: str


@dataclass(slots=True)
class Walk:
    """What was met: whole pages by address, and of each route how many."""

    pages: dict[str, lxml.html.HtmlElement] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, int] = field(default_factory=dict)


def full_home(folder: Path) -> tuple[Workstation, dict[str, str]]:
    """A home with documents in every state, a batch at the desk, invoices to review, and one person of each role, by role."""
    workstation = webhome.open_home(folder)
    webhome.fill(workstation)
    for number, paper in enumerate(webhome.PAPERS[:3]):
        reviewed.invoice(workstation, replace(paper, number=f"R-{number}", siren=reviewed.SIRENS[number]), hours=20 + number)
    approval_of(workstation, reviewed.invoice(workstation, replace(webhome.PAPERS[4], number="A-1"), hours=9))
    receivables_home.add_items(workstation, by_person("system", workstation.clock(), receivables_home.TODAY))
    webhome.feed(workstation)
    tend_circuits(workstation, whole=True)
    tend_search(workstation)
    return workstation, add_people(workstation)


def add_people(workstation: Workstation) -> dict[str, str]:
    """One person of each role with PASSWORD; their logins by role."""
    act = Act(workstation.settings.entity, None, workstation.clock())
    with workstation.database.writing() as session:
        for role in Role:
            person, _ = add_person(session, act, f"{role.value}-1", "", "", [RoleDays(role, None, date(2030, 1, 1))])
            people.set_password(session, person.login, PASSWORD)
    return {role: f"{role.value}-1" for role in Role}


def signed_in(workstation: Workstation, login: str, password: str = PASSWORD) -> TestClient:
    browser = TestClient(build_app(workstation, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert browser.post("/sign-in", data={"login": login, "password": password}).status_code == 303
    return browser


class Paths:
    """Which route an address belongs to."""

    def __init__(self, browser: TestClient) -> None:
        routes = list(_all_routes(browser.app.routes))
        self._known = [(compile_path(route.path)[0], route.path, route.methods) for route in routes]

    def of(self, address: str, method: str = "GET") -> str | None:
        """The route's own writing, None for a file of the frame or an address of nobody."""
        path = urlsplit(address).path
        return next((known for pattern, known, methods in self._known if method in methods and pattern.match(path)), None)


def walk(browser: TestClient, roles: frozenset[Role], several: Mapping[str, int] = SEVERAL) -> Walk:
    """Every page that can be reached; answers that are no page (images, files) are not kept."""
    paths, walked = Paths(browser), Walk()
    begin = [path for path in SEARCHES if may(roles, "GET", urlsplit(path).path)]
    begin += [path for path in GRANTS if "{" not in path and path not in NO_PAGE and may(roles, "GET", path)]
    waiting, seen = list(begin), set(begin)
    while waiting:
        address = waiting.pop(0)
        route = paths.of(address)
        if route is None or route in NO_PAGE or route.endswith(FILES) or walked.met[route] >= several.get(route, 1):
            continue
        answer = browser.get(address)
        walked.met[route] += 1
        walked.statuses[address] = answer.status_code
        if not answer.headers.get("content-type", "").startswith("text/html") or "<html" not in answer.text[:200]:
            continue
        page = lxml.html.document_fromstring(answer.text)
        walked.pages[address] = page
        for link in links_of(page, address):
            if link.method == "GET" and link.address not in seen and link.address.startswith("/"):
                seen.add(link.address)
                waiting.append(link.address)
    return walked


def links_of(page: lxml.html.HtmlElement, address: str) -> Iterator[Link]:
    """Links, forms, buttons with an address of their own, and what htmx asks for."""
    for element in page.iter("a", "form", "button", "input", "div", "section", "ul", "main"):
        words = " ".join(element.text_content().split())[:60]
        for name, method in (("hx-get", "GET"), ("hx-post", "POST")):
            if element.get(name):
                yield Link(method, _local(address, element.get(name)), words)
        if element.get("data-address"):
            yield Link("GET", _local(address, element.get("data-address")), words)
        if element.tag == "a" and element.get("href") and not element.get("href").startswith("#"):
            yield Link("GET", _local(address, element.get("href")), words)
        if element.tag == "form":
            yield Link((element.get("method") or "get").upper(), _local(address, element.get("action") or address), words)
        if element.tag in {"button", "input"} and element.get("formaction"):
            yield Link((element.get("formmethod") or "post").upper(), _local(address, element.get("formaction")), words)


def _local(base: str, address: str) -> str:
    joined = urlsplit(urljoin(f"http://here{base}", address))
    if joined.netloc != "here":
        return joined.geturl()
    return f"{joined.path}?{joined.query}" if joined.query else joined.path
