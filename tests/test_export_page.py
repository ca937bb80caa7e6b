"""The auditor's package from the desk: asked for, watched, stopped, taken, removed; what a server left half done is told."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import packages
import pytest
from fastapi.testclient import TestClient

from sealing.ledger import Event
from station.access import Wanted, read_access
from station.exports import Busy, Exports, NoExport, Stage, drop_outdated, package_name
from station.package import Extract, Period, Progress
from station.records import documents
from station.records.ledger import append_event
from station.records.people import PRACTICE_LOGIN, PRACTICE_PASSWORD
from station.web.app import build_app
from station.workstation import Workstation

PERIOD = {"begin": "2024-11-01", "end": "2024-11-30"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workstation]:
    workstation = packages.small_home(tmp_path_factory.mktemp("exports") / "home", 2)
    yield workstation
    workstation.database.close()


@pytest.fixture
def browser(home: Workstation) -> Iterator[TestClient]:
    """Signed in, with no package made yet."""
    app = build_app(home, secret=b"test")
    entered = TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert entered.post("/sign-in", data={"login": PRACTICE_LOGIN, "password": PRACTICE_PASSWORD}).status_code == 303
    app.state.exports = Exports(home)
    for each in app.state.exports.all():
        app.state.exports.remove(each.id)
    yield entered
    app.state.exports.wait(20)


def made(browser: TestClient, **form: str) -> str:
    """The page once the package is made."""
    assert browser.post("/export", data=form or PERIOD).status_code == 303
    browser.app.state.exports.wait(20)  # type: ignore[attr-defined]
    return browser.get("/export").text


def held_up(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Exports wait after their first document until this is set."""
    go, first = threading.Event(), "station.exports.export_package"
    from station.exports import export_package

    def slow(*args, tell, **options):  # type: ignore[no-untyped-def]
        def wait(progress: Progress) -> None:
            tell(progress)
            if progress.done == 1:
                go.wait(20)

        return export_package(*args, tell=wait, **options)

    monkeypatch.setattr(first, slow)
    return go


def test_a_package_is_made_and_taken(browser: TestClient) -> None:
    page = made(browser)
    address = re.search(r'href="(/export/[^"]+\.zip)"', page)
    assert address is not None
    answer = browser.get(address[1])
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert json.loads(opened.read("package.json"))["counts"]["documents"] == 2


def test_the_extract_of_one_document_is_made_too(browser: TestClient) -> None:
    assert f"sceau-essai-{10:032x}.zip" in made(browser, document=f"{10:032x}")


def test_the_page_tells_how_far_it_is_and_stops_it(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    go = held_up(monkeypatch)
    browser.post("/export", data=PERIOD)
    number = browser.app.state.exports.all()[0].id  # type: ignore[attr-defined]
    while "<progress" not in (page := browser.get("/export").text) or 'value="1"' not in page:
        pass
    assert browser.post("/export", data=PERIOD).status_code == 409
    assert browser.post(f"/export/{number}/remove").status_code == 409
    assert browser.post(f"/export/{number}/stop").status_code == 303
    go.set()
    browser.app.state.exports.wait(20)  # type: ignore[attr-defined]
    (ended,) = browser.app.state.exports.all()  # type: ignore[attr-defined]
    assert (ended.stage, ended.parts) == (Stage.STOPPED, ())
    assert "arrêté" in browser.get("/export").text


def test_htmx_is_told_only_what_changed(browser: TestClient) -> None:
    made(browser)
    fragment = browser.get("/export", headers={"HX-Request": "true"}).text
    assert fragment.lstrip().startswith("<section")
    exports = browser.app.state.exports  # type: ignore[attr-defined]
    from station.web.export import _change

    assert browser.get(f"/export?seen={_change(exports.all())}", headers={"HX-Request": "true"}).status_code == 204


@pytest.mark.parametrize(
    "form", [{}, {"begin": "2024-11-30", "end": "2024-11-01"}, {"begin": "hier", "end": "demain"}], ids=["nothing", "turned", "no days"]
)
def test_days_that_are_none_come_back_with_what_was_typed(browser: TestClient, form: dict[str, str]) -> None:
    answer = browser.post("/export", data=form)
    assert answer.status_code == 422
    assert 'id="wrong"' in answer.text
    assert all(f'value="{typed}"' in answer.text for typed in form.values())


def test_a_period_without_any_document_is_told_and_leaves_no_file(browser: TestClient, home: Workstation) -> None:
    page = made(browser, begin="2024-01-01", end="2024-01-31")
    assert "Aucun document n’a été scellé" in page.replace("&#39;", "’").replace("'", "’")
    assert [path.name for path in (home.home / "exports").glob("*/*")] == ["export.json"]


def test_a_package_that_is_not_needed_any_more_is_removed(browser: TestClient, home: Workstation) -> None:
    made(browser)
    (export,) = browser.app.state.exports.all()  # type: ignore[attr-defined]
    assert browser.post(f"/export/{export.id}/remove").status_code == 303
    assert list((home.home / "exports").iterdir()) == []
    assert browser.get(f"/export/{export.id}/{export.parts[0]}").status_code == 404


@pytest.mark.parametrize("name", ["export.json", "..%2Fexport.json", "other.zip", "..%2F..%2F..%2Fsceau.db"])
def test_only_parts_of_a_package_are_given_out(browser: TestClient, name: str) -> None:
    made(browser)
    (export,) = browser.app.state.exports.all()  # type: ignore[attr-defined]
    assert browser.get(f"/export/{export.id}/{name}").status_code == 404


def test_nobody_takes_a_package_without_signing_in(home: Workstation) -> None:
    stranger = TestClient(build_app(home, secret=b"test"), base_url="http://127.0.0.1:8080", follow_redirects=False)
    assert [stranger.get(path).status_code for path in ("/export", "/export/x/y.zip")] == [303, 303]
    assert stranger.post("/export", data=PERIOD).status_code == 303
    assert Exports(home).all() == () or not any(each.living for each in Exports(home).all())


def test_what_a_server_left_half_done_is_cleared_and_told(tmp_path: Path) -> None:
    workstation = packages.new_home(tmp_path / "home")
    dead = Exports(workstation)
    folder = tmp_path / "home" / "exports" / "20241203-080000-abc"
    folder.mkdir(parents=True)
    (folder / ".x.zip.part").write_bytes(b"half")
    told = {"id": folder.name, "scope": {"from": "2024-11-01", "to": "2024-11-30"}, "actor": "a", "begun_at": "2024-12-03T08:00:00+00:00"}
    (folder / "export.json").write_text(json.dumps({**told, "stage": "running", "parts": [], "trouble": ["", ""]}))
    (again,) = Exports(workstation).all()
    assert again.stage is Stage.BROKEN
    assert [path.name for path in folder.iterdir()] == ["export.json"]
    with pytest.raises(NoExport):
        dead.stop(folder.name)
    workstation.database.close()


@pytest.mark.parametrize("how", ["erased", "confidential"])
def test_a_package_goes_with_a_document_in_it_that_is_erased_or_concealed(tmp_path: Path, how: str) -> None:
    workstation = packages.small_home(tmp_path / "home", 2)
    exports = Exports(workstation)
    for scope in (packages.NOVEMBER, Extract(f"{11:032x}")):
        exports.start(scope, "p")
        exports.wait(20)
    assert drop_outdated(workstation) == 0
    with workstation.database.writing() as session:
        document = documents.get_document(session, f"{10:032x}")
        if how == "erased":
            event = Event("essai", "erased", {"document": document.id}, packages.SYSTEM, packages.LATER, "system", {})
            append_event(session, event)
        else:
            document.confidential, document.changed_at = True, packages.LATER
    assert drop_outdated(workstation) == 1
    left = {each.scope.get("document", "period"): (each.stage, len(each.parts)) for each in exports.all()}
    assert left == {"period": (Stage.WITHDRAWN, 0), f"{11:032x}": (Stage.DONE, 1)}
    assert len(list(tmp_path.glob("home/exports/*/*.zip"))) == 1
    assert drop_outdated(workstation) == 0
    workstation.database.close()


def test_the_oldest_of_many_is_still_given_out_and_removed_and_the_page_tells_of_those_it_does_not_show(
    browser: TestClient, home: Workstation
) -> None:
    made(browser, document=f"{10:032x}")
    exports = browser.app.state.exports  # type: ignore[attr-defined]
    (first,) = exports.all()
    told = json.loads((home.home / "exports" / first.id / "export.json").read_text())
    for n in range(51):
        folder = home.home / "exports" / f"20990101-000000-{n:06x}"
        folder.mkdir()
        (folder / "export.json").write_text(json.dumps({**told, "id": folder.name, "parts": []}))
    page = browser.get("/export").text
    assert (page.count("<article"), "Plus anciens, non montrés" in page) == (50, True)
    assert browser.get(f"/export/{first.id}/{first.parts[0]}").status_code == 200
    assert browser.post(f"/export/{first.id}/remove").status_code == 303
    assert len(exports.all()) == 51


def test_one_whose_end_nobody_could_write_down_is_told_as_broken_and_can_be_removed(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from station import exports as module

    def full(path: Path, export: module.Export) -> None:
        if not export.living:
            raise OSError(28, "No space left on device")
        write(path, export)

    write = module._write
    monkeypatch.setattr(module, "_write", full)
    made(browser)
    exports = browser.app.state.exports  # type: ignore[attr-defined]
    (export,) = exports.all()
    assert (export.stage, exports.one(export.id).stage) == (Stage.BROKEN, Stage.BROKEN)
    exports.remove(export.id)
    assert exports.all() == ()


def test_a_number_that_can_be_none_is_told_as_the_command_does(browser: TestClient) -> None:
    page = made(browser, document="<script>alert(1)</script>")
    assert "Aucun document scellé n" in page
    assert "exports/" not in page.split("<section")[1]
    assert "<script>alert" not in page


def test_the_stream_of_accesses_tells_of_what_a_package_was_asked_for(browser: TestClient, home: Workstation) -> None:
    made(browser)
    made(browser, document=f"{10:032x}")
    browser.app.state.readings.flush()  # type: ignore[attr-defined]
    with home.database.reading() as session:
        told = {each.object_id for each in read_access(session, "essai", Wanted(act="export"))}
    assert {"2024-11-01 2024-11-30", f"{10:032x}"} <= told


def test_one_package_at_a_time(home: Workstation, monkeypatch: pytest.MonkeyPatch) -> None:
    go, exports = held_up(monkeypatch), Exports(home)
    scope = packages.NOVEMBER
    exports.start(scope, "p")
    with pytest.raises(Busy):
        exports.start(scope, "p")
    go.set()
    exports.wait(20)


def test_a_package_is_named_for_whom_and_when() -> None:
    assert package_name("essai", packages.NOVEMBER) == "sceau-essai-2024-11-01-2024-11-30.zip"
    assert package_name("essai", Extract("ab")) == "sceau-essai-ab.zip"
    assert isinstance(packages.NOVEMBER, Period)
