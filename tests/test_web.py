"""The pages: who may see them, what they say, what a form does."""

import errno
import hashlib
import io
import json
import os
import re
import string
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pikepdf
import pytest
import webhome
from backdoor import behind_the_back
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from capture.catalogue import finding
from capture.hotfolder import CLUTTER, UNFINISHED
from capture.scan import Format
from sealing.evidence import EvidenceFacts, gauge
from sealing.verify import _compare_native
from station.problems import problem_of
from station.records import documents, people
from station.records.tables import Archive, FieldRow, State
from station.slots import hold_slot
from station.status import status_of
from station.web import desk, figures, show
from station.web.app import build_app
from station.web.documents import MEDIA, media_of
from station.web.dropping import LONGEST, drop_file, safe_name
from station.web.entrance import local_address
from station.web.words import LANGUAGES, NARROW, words_in
from station.workstation import Workstation

TEMPLATES = Path(desk.HERE, "templates")
HTMX = {"HX-Request": "true"}
OPEN = {"/sign-in", "/health", "/metrics", "/ready", "/installation/debut", "/oidc/begin", "/oidc/callback", "/oidc/out"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> tuple[Workstation, dict[str, str]]:
    """A home that tests only look at."""
    workstation = webhome.open_home(tmp_path_factory.mktemp("looked-at"))
    return workstation, webhome.fill(workstation)


@pytest.fixture(scope="module")
def ids(filled) -> dict[str, str]:
    return filled[1]


@pytest.fixture
def home(tmp_path) -> Workstation:
    """A home of its own for a test that changes something."""
    return webhome.open_home(tmp_path)


def visitor(workstation: Workstation, **options: object) -> TestClient:
    app = build_app(workstation, secret=b"test")
    return TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False, **options)


def enter(workstation: Workstation, **options: object) -> TestClient:
    """A browser in which the practice account is signed in."""
    browser = visitor(workstation, **options)
    assert browser.post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 303
    return browser


@pytest.fixture(scope="module")
def browser(filled) -> Iterator[TestClient]:
    yield enter(filled[0])


def text_of(page: str) -> str:
    """What a reader sees; no-break spaces are kept."""
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", page))


# --- who may see what ---------------------------------------------------------------------------


def routes(workstation: Workstation) -> list[tuple[str, str]]:
    found = []
    for route in _all_routes(build_app(workstation, secret=b"test").routes):
        path = re.sub(r"\{[^}]+\}", "1", route.path)
        found += [(method, path) for method in route.methods]
    return found


def _all_routes(routes):
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _all_routes(inner.routes)


def test_every_address_but_sign_in_and_health_asks_who_you_are(home):
    stranger = visitor(home)
    asked = [(method, path) for method, path in routes(home) if path not in OPEN]
    assert len(asked) >= 14
    for method, path in asked:
        answer = stranger.request(method, path, headers={"content-length": "0"})
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/sign-in"), (method, path)


def test_a_fragment_asked_for_by_a_stranger_sends_the_whole_page_to_sign_in(home):
    answer = visitor(home).get("/", headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


def test_a_wrong_password_is_refused_in_words(home):
    answer = visitor(home).post("/sign-in", data={"login": "atelier", "password": "Essai"})
    assert answer.status_code == 401
    assert "Identifiant ou mot de passe inconnu" in answer.text


def test_a_crowd_at_the_entrance_is_asked_to_come_again_and_keeps_nobody_else_waiting(home, monkeypatch):
    done = Event()
    monkeypatch.setattr(people, "_fits", lambda *_: done.wait(5) and False)
    with visitor(home) as browser, ThreadPoolExecutor(60) as crowd:
        try:
            knocks = [crowd.submit(browser.post, "/sign-in", data={"login": "atelier", "password": "x"}) for _ in range(60)]
            turned_away = [knock.result() for knock in islice(as_completed(knocks, timeout=4), 60 - people.WAITING)]
            assert {answer.status_code for answer in turned_away} == {429}
            assert "Trop de connexions à la fois" in turned_away[0].text
            assert browser.get("/sign-in").status_code == 200
            assert home.database.reader.pool.checkedout() == 0
        finally:
            done.set()
        assert sorted(knock.result().status_code for knock in knocks) == [401] * people.WAITING + [429] * (60 - people.WAITING)
    monkeypatch.undo()
    enter(home)


def test_the_practice_password_is_shown_in_practice_mode_only(home, tmp_path):
    assert "« essai »".replace(" ", NARROW) in visitor(home).get("/sign-in").text
    production = visitor(webhome.open_home(tmp_path / "production", mode="production"))
    assert "atelier" not in production.get("/sign-in").text


def test_the_practice_account_cannot_enter_in_production(tmp_path):
    workstation = webhome.open_home(tmp_path, mode="production")
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    assert visitor(workstation).post("/sign-in", data={"login": "atelier", "password": "essai"}).status_code == 401


def test_a_practice_session_ends_when_the_station_goes_into_production(tmp_path):
    cookie = enter(webhome.open_home(tmp_path)).cookies["sceau"]
    production = visitor(webhome.open_home(tmp_path, mode="production"), cookies={"sceau": cookie})
    assert production.get("/").status_code == 303


def test_changing_a_password_ends_the_sessions_begun_before(home):
    browser = enter(home)
    with home.database.writing() as session:
        people.set_password(session, "atelier", "un mot de passe assez long")
    assert browser.get("/").status_code == 303


def test_a_short_password_is_refused(home):
    with pytest.raises(people.WeakPassword), home.database.writing() as session:
        people.set_password(session, "claire", "court")


def test_signing_out_ends_the_session(home):
    browser = enter(home)
    assert browser.get("/").status_code == 200
    browser.post("/sign-out")
    assert browser.get("/").status_code == 303


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(home):
    cookie = visitor(home).post("/sign-in", data={"login": "atelier", "password": "essai"}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_forged_cookie_opens_nothing(home):
    cookie = enter(home).cookies["sceau"]
    forged = cookie[:-2] + ("AA" if not cookie.endswith("AA") else "BB")
    assert visitor(home, cookies={"sceau": forged}).get("/").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}, {"origin": "null"}],
)
def test_a_form_from_elsewhere_is_refused_and_changes_nothing(home, headers):
    held = webhome.held(home, "copie.jpg", webhome.PAPERS[2])
    answer = enter(home).post(f"/documents/{held}/decision/treat", data={"reason": "x"}, headers=headers)
    assert answer.status_code == 403
    assert "Rien n’a été fait" in answer.text
    assert _state(home, held) == State.HELD


def test_another_name_that_points_at_this_machine_is_refused(home):
    assert visitor(home).get("/sign-in", headers={"host": "evil.example"}).status_code == 400


def test_a_body_too_large_is_refused_before_it_is_read(home):
    answer = visitor(home).post("/upload", headers={"content-length": str(10**7)})
    assert answer.status_code == 413
    assert enter(home).post("/language", content=b"x" * 100_000).status_code == 413


@pytest.mark.parametrize("path", ["/", "/documents", "/ledger", "/help", "/nowhere", "/sign-in"])
def test_pages_run_no_script_of_strangers_and_are_kept_in_no_cache(browser, path):
    headers = browser.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_no_template_has_inline_script_or_style():
    for template in TEMPLATES.glob("*.html"):
        source = template.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", source), template.name


@given(st.one_of(st.text(max_size=40), st.sampled_from(["//evil.example", "/\\evil.example", "https://evil.example", "/ok?x=1", "/a\nb"])))
def test_after_signing_in_one_never_lands_on_another_site(address):
    landing = local_address(address)
    assert landing.startswith("/")
    assert not landing.startswith(("//", "/\\"))


# --- the words ----------------------------------------------------------------------------------


def test_both_languages_hold_the_same_words_with_the_same_places():
    french, english = (words_in(language).catalogue for language in LANGUAGES)
    assert french.keys() == english.keys()
    places = {k: ({p[1] for p in string.Formatter().parse(c[k])} for c in (french, english)) for k in french}
    assert [key for key, (one, other) in places.items() if one != other] == []


def test_every_word_that_a_template_asks_for_exists():
    known = words_in("fr").catalogue
    asked = {
        key
        for template in TEMPLATES.glob("*.html")
        for key in re.findall(r"\bt(?:\.count)?\('([a-z0-9.-]+)'[,)]", template.read_text(encoding="utf-8"))
    }
    assert len(asked) > 100
    assert [key for key in sorted(asked) if key not in known and f"{key}.one" not in known] == []


def test_every_icon_that_a_page_asks_for_is_in_the_list():
    wanted = set((desk.HERE / "icons.txt").read_text(encoding="utf-8").split())
    asked = {name for file in TEMPLATES.glob("*.html") for name in re.findall(r"icon\('([a-z-]+)'", file.read_text(encoding="utf-8"))}
    looks = {look[1] for table in (show.STATE_LOOKS, show.VERDICT_LOOKS, show.LEVEL_LOOKS) for look in table.values()}
    assert asked | looks <= wanted


def test_the_pages_make_no_claim_that_a_machine_may_not_make():
    for language in LANGUAGES:
        words = " ".join(words_in(language).catalogue.values()).lower()
        for claim in ("inviolable", "infalsifiable", "tamper-proof", "agréé", "certifi", "exigé par la loi", "required by law"):
            assert claim not in re.sub(r"\bcertificat(s|e|es)?\b", "", words), claim


def test_amounts_are_written_as_in_france():
    assert words_in("fr").amount("1234.56", "EUR") == f"1{NARROW}234,56{NARROW}€"
    assert words_in("fr").amount("-0.5") == "-0,50"
    assert words_in("en").amount("1234.56", "EUR") == f"1,234.56{NARROW}€"


@given(st.text(max_size=20))
def test_any_text_in_place_of_an_amount_is_shown_and_never_an_error(text):
    assert isinstance(words_in("fr").amount(text, "EUR"), str)


def test_times_are_those_of_the_clock_in_paris():
    assert words_in("fr").moment(webhome.NOON) == "20/11/2026 10:42:07"
    assert words_in("fr").moment(webhome.NOON - timedelta(days=120)).endswith("11:42:07")


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 o"), (999, "999 o"), (1000, "1,0 ko"), (2_431_877, "2,4 Mo"), (4_096_000_000, "4,1 Go")]
)
def test_sizes_have_the_unit_that_a_person_would_use(count, shown):
    assert words_in("fr").size(count) == shown.replace(" ", NARROW)


def test_none_is_singular_in_french_and_plural_in_english():
    assert words_in("fr").count("documents.found", 0) == "0 document"
    assert words_in("en").count("documents.found", 0) == "0 documents"


# --- values as they are shown -------------------------------------------------------------------


def test_the_time_of_a_seal_is_told_by_the_clock_of_the_screens():
    checks = [
        {"name": "time", "ok": True, "detail": "horodaté le 2026-10-31 23:39:32 UTC"},
        {"name": "seal", "detail": "2026-02-31 25:00:00 UTC"},
    ]
    told = show.show_checks(Archive(checks=checks), words_in("fr"))
    assert [check.detail for check in told] == ["horodaté le 01/11/2026 00:39:32", "2026-02-31 25:00:00 UTC"]


def test_every_page_names_the_zone_of_its_times(browser, ids):
    for path in ("/", "/documents", f"/documents/{ids['conform']}", "/ledger"):
        assert "Toutes les heures sont celles de Paris." in text_of(browser.get(path).text), path


def test_a_value_typed_by_a_person_goes_before_what_was_read():
    rows = [
        FieldRow(name="total_gross", source="read", value="12.00", confidence=0.99),
        FieldRow(name="total_gross", source="person", value="112.00", confidence=None),
    ]
    (field,) = show.show_fields(rows, words_in("fr"))
    assert (field.value, field.badge.text) == ("112,00", "Saisi par une personne")


@pytest.mark.parametrize(
    ("level", "done"), [("B-B", [1, 1, 0, 0]), ("B-T", [1, 1, 1, 0]), ("B-LT", [1, 1, 1, 0]), ("PAdES-B-LTA", [1, 1, 1, 1])]
)
def test_the_gauge_goes_as_far_as_the_archive_says_and_no_further(level, done):
    steps = show.evidence_steps(gauge(EvidenceFacts(True, level=level)), words_in("fr"))
    assert [int(step.done) for step in steps] == [*done, 0, 0]


def test_why_a_value_was_chosen_is_told_in_the_reader_s_language():
    told = show.why_words("checksum passes, misread letters corrected", words_in("fr"))
    assert told == "clé de contrôle juste, caractères mal lus corrigés"
    assert show.why_words("« total ttc »", words_in("en")) == "«\u202ftotal ttc\u202f»"
    assert show.why_words("written 5 times of 5", words_in("fr")) == "écrit 5 fois sur 5"
    assert show.why_words("of a newer version; net + tax = gross", words_in("fr")) == "d’après HT + TVA = TTC"


def test_vat_is_told_rate_by_rate():
    lines = json.dumps([{"rate": "20.00", "base": "100", "tax": "20"}])
    told = show.show_value("vat_breakdown", lines, "EUR", words_in("fr"))
    assert told == f"20{NARROW}% de 100,00{NARROW}€\u00a0: 20,00{NARROW}€"
    assert show.show_value("vat_breakdown", "[1]", "EUR", words_in("fr")) == "[1]"


def test_without_an_archive_only_the_fingerprint_stands():
    assert [step.done for step in show.evidence_steps(gauge(EvidenceFacts(True)), words_in("fr"))] == [True, *[False] * 5]


# --- the mailroom -------------------------------------------------------------------------------


def test_the_first_page_tells_where_to_drop_a_scan(browser, filled):
    page = browser.get("/").text
    assert str(filled[0].home / "stations" / "demo") in page
    assert page.startswith("<!doctype html>")


def test_the_first_page_says_what_lies_in_the_folder_and_why_it_is_not_taken(browser):
    page = text_of(browser.get("/").text)
    assert "raccourci vers scans" in page
    assert "C’est un lien, pas un fichier" in page


def test_the_first_page_shows_findings_fields_and_duplicates_in_words(browser):
    page = text_of(browser.get("/").text)
    for words in (
        "La compression JPEG (q≈75) perd des détails",
        f"1{NARROW}234,56{NARROW}€",
        "17/11/2026",
        "Imprimerie des Quais",
        "Non conforme : le papier reste l’original".replace(" :", "\u00a0:"),
        "facture-quais-0417 (2).tif",
        "cachet d’essai",
        "sans valeur probante",
    ):
        assert words in page, words


def test_the_live_part_is_the_very_part_that_the_page_includes(browser):
    page, fragment = browser.get("/").text, browser.get("/", headers=HTMX).text
    assert not fragment.startswith("<!doctype")
    live = fragment[: fragment.index('<p id="announce"')].strip()
    assert live in page


def test_while_nothing_changes_nothing_is_sent(browser):
    change = re.search(r'hx-get="/\?seen=(\w+)"', browser.get("/").text)[1]
    assert browser.get(f"/?seen={change}", headers=HTMX).status_code == 204


def test_a_document_that_arrives_is_sent_at_once(home):
    browser = enter(home)
    change = re.search(r'hx-get="/\?seen=(\w+)"', browser.get("/").text)[1]
    webhome.received(home, "nouveau.tif", webhome.PAPERS[0], 0)
    answer = browser.get(f"/?seen={change}", headers=HTMX)
    assert answer.status_code == 200
    assert "nouveau.tif" in answer.text
    assert "Reçus\u00a0: 1." in answer.text


def test_a_hostile_file_name_is_only_text(home):
    webhome.received(home, '<img src=x onerror="alert(1)">.tif', webhome.PAPERS[0], 0)
    page = enter(home).get("/").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_a_page_costs_what_it_takes_where_it_lies(home):
    webhome.held(home, "retenu.jpg", webhome.PAPERS[1])
    with home.database.reading() as session:
        only_held = documents.cost_at_rest(session)
    assert (only_held.vault_per_page, only_held.archive_per_page) == (only_held.vault, None)
    webhome.sealed(home, "facture.tif", webhome.PAPERS[0])
    with home.database.reading() as session:
        cost = documents.cost_at_rest(session)
    assert (cost.vault_per_page, cost.archive_per_page) == (cost.vault // 2, cost.archive)
    page = text_of(enter(home).get("/").text)
    assert f"{words_in('fr').size(cost.vault // 2 + cost.archive)} par page scellée" in page


def test_where_nothing_is_kept_nothing_is_divided(home):
    assert [name for name in status_of(home)["bytes"] if "per_page" in name] == []


def leave_free(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr("station.disk.shutil.disk_usage", lambda _folder: SimpleNamespace(free=free, total=10**12))


@pytest.mark.parametrize(("free", "told"), [(10**10, ""), (499_999_999, "Disque presque plein"), (0, "Disque plein")])
def test_a_disk_that_fills_is_told_before_and_when_it_is_full(home, monkeypatch, free, told):
    leave_free(monkeypatch, free)
    page = text_of(enter(home).get("/").text)
    assert ("Disque" in page) is bool(told)
    assert told in page
    assert status_of(home)["disk"]["free"] == free


def test_on_a_full_disk_the_page_finds_by_itself_what_lies_in_the_folder_and_does_not_ask_to_start_what_runs(home, monkeypatch):
    leave_free(monkeypatch, 0)
    webhome.fill(home)
    folder = home.settings.folder_of(home.settings.stations[0])
    (folder / "facture <1>.tif").write_bytes(b"II*")
    with home.database.writing() as session:
        documents.beat(session, "serve-0", "serve", 1, webhome.NOON)
    later = replace(home, clock=lambda: webhome.NOON + timedelta(minutes=5))
    with hold_slot(home.home, "serve"):
        page = text_of(enter(later).get("/").text)
        answer = visitor(later).get("/health")
    assert "facture &lt;1&gt;.tif" in page
    assert "Le poste tourne, mais n’inscrit plus rien" in page
    assert "make run" not in page
    assert "raccourci vers scans" in page
    assert (answer.status_code, answer.json()["status"], answer.json()["disk"]) == (503, "disk-full", "none")


def test_while_nobody_watches_a_file_that_comes_is_shown_at_once(home):
    browser = enter(home)
    folder = home.settings.folder_of(home.settings.stations[0])
    folder.mkdir(parents=True)
    change = re.search(r'hx-get="/\?seen=(\w+)"', browser.get("/").text)[1]
    (folder / "facture.tif").write_bytes(b"II*")
    page = text_of(browser.get(f"/?seen={change}", headers=HTMX).text)
    assert "facture.tif" in page
    assert "make run" in page
    assert "Rien n’attend" not in page


def test_no_words_say_of_a_file_kept_out_by_a_full_disk_that_it_is_in_the_vault():
    assert "au coffre, ou encore là d'où il vient" in problem_of(OSError(errno.ENOSPC, "")).words()


def test_an_empty_station_invites_the_first_scan(home):
    assert "Aucun document pour l’instant" in enter(home).get("/").text


# --- sending a file -----------------------------------------------------------------------------


def test_an_uploaded_file_lies_whole_in_the_station_s_folder(home):
    content = b"II*\0" + bytes(3000)
    answer = enter(home).post("/upload", data={"station": "demo"}, files={"files": ("../../page 1.tif", content)})
    assert answer.status_code == 303
    folder = home.home / "stations" / "demo"
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("page 1.tif", content)]


def test_an_upload_without_a_file_or_to_no_station_is_refused(home):
    browser = enter(home)
    assert browser.post("/upload", data={"station": "demo"}).status_code == 422
    assert browser.post("/upload", data={"station": "other"}, files={"files": ("a.tif", b"x")}).status_code == 422


def test_a_folder_that_takes_nothing_is_told_in_words(home):
    (home.home / "stations").write_text("in the way")
    answer = enter(home).post("/upload", data={"station": "demo"}, files={"files": ("a.tif", b"x")})
    assert answer.status_code == 507
    assert "toujours chez vous" in answer.text


def test_a_file_of_the_same_name_replaces_nothing(tmp_path):
    first, second = (drop_file(tmp_path, "a.tif", io.BytesIO(content)) for content in (b"one", b"two"))
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.tif", "a.tif"]


def test_a_draft_that_a_crash_left_is_swept_away_after_a_day_and_nothing_else_is(tmp_path):
    for name, hours in ((".sceau-old.part", 25), (".sceau-new.part", 23), (".other.part", 99), ("scan.part", 99)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - hours * 3600,) * 2)
    drop_file(tmp_path, "a.tif", io.BytesIO(b"x"))
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", ".sceau-new.part", ".other.part", "scan.part"}


@given(
    st.one_of(
        st.text(max_size=300), st.sampled_from(["../..", ".", "a.tmp", "processed", "Thumbs.db", "x.part", "a\\b\\c.tif", "\0", "é" * 200])
    )
)
def test_whatever_it_is_called_a_file_gets_one_plain_visible_name(name):
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert not safe.startswith(".")
    assert not safe.lower().endswith(UNFINISHED)
    assert 0 < len(safe.encode()) <= LONGEST
    assert safe.lower() not in {"processed", *CLUTTER}


# --- one document -------------------------------------------------------------------------------


def test_a_document_s_page_tells_verdict_fields_proof_and_story(browser, ids):
    page = text_of(browser.get(f"/documents/{ids['conform']}").text)
    for words in (
        "Copie conforme",
        "Image de travail, non probante",
        "Chaque pixel de l’archive est celui du scan",
        "essai, sans valeur probante",
        "Altération décelable",
        "FR76 3000 6000 0112 3456 7890 189",
        "douteux",
        "Reçu : original au coffre".replace(" :", "\u00a0:"),
        "Arrivé de nouveau",
    ):
        assert words in page, words


def sealed_view(home: Workstation) -> str:
    """An electronic PDF that a person had sealed as a view; its checks say what `sealing.verify` says of one."""
    native = b"%PDF-1.7 native"
    digest = hashlib.sha256(native).hexdigest()
    told = _compare_native({"facture.pdf": native}, {"view": {"name": "facture.pdf", "sha256": digest}, "pages": [{"original": digest}]})
    document_id = webhome.sealed(home, "facture.pdf", webhome.PAPERS[0], [finding("electronic-document")], paper_stays=True)
    with home.database.writing() as session:
        (archive,) = documents.get_document(session, document_id).archives
        archive.checks = [*archive.checks[:-1], {"name": "pixels", "ok": True, "detail": told[0], "english": told[1]}]
    return document_id


def test_of_a_view_the_page_claims_the_native_file_and_no_pixel(home):
    page = text_of(enter(home).get(f"/documents/{sealed_view(home)}").text)
    assert "Le fichier natif joint est celui qui est arrivé, octet pour octet" in page
    assert "la preuve est le fichier natif joint" in page
    assert "original sur papier" not in page
    assert "facture, art. A102 B-2" not in page
    assert "pixel" not in page


def test_the_story_of_an_electronic_document_keeps_the_native_file_and_no_paper(home):
    page = text_of(enter(home).get(f"/documents/{sealed_view(home)}").text)
    assert "traiter, fichier natif conservé" in page
    assert "papier conservé" not in page


def test_before_the_seal_no_proof_in_a_sealed_file_is_promised(browser, ids):
    assert "au pixel près" not in browser.get(f"/documents/{ids['held']}").text
    assert "au pixel près" in browser.get(f"/documents/{ids['conform']}").text


def test_a_finding_shows_its_clause_its_authority_and_what_was_measured(browser, ids):
    page = text_of(browser.get(f"/documents/{ids['held']}").text)
    assert "Clause A102 B-2 I-4 · Loi et arrêté" in page
    assert "JPEG (q≈75)" in page


def test_a_trouble_is_told_in_words_and_its_detail_is_folded_away(browser, ids):
    page = browser.get(f"/documents/{ids['failed']}").text
    assert "La clé de scellement ne s" in page
    assert "mac verify failure" in re.search(r"<details>.*?</details>", page, re.S)[0]


def test_every_page_speaks_english_after_the_switch(home):
    ids = webhome.fill(home)
    browser = enter(home)
    browser.post("/language", data={"language": "en", "back": "/ledger"})
    for path in ("/", "/documents", f"/documents/{ids['held']}", "/ledger", "/help", f"/documents/{ids['held']}/decision/treat"):
        page = browser.get(path).text
        assert '<html lang="en">' in page
        assert not re.search(r"Déposez|retenus|Constats|Registre|Aide<|Motif", page), path


@pytest.mark.parametrize(
    "path", ["", "/sealed.pdf", "/capture-data.json", "/originals/" + "0" * 64, "/pages/1/page.jpg", "/decision/treat"]
)
def test_an_unknown_document_is_an_error_in_words(browser, path):
    answer = browser.get(f"/documents/nothing{path}")
    assert answer.status_code == 404
    assert "Aucun document n’a été touché" in answer.text


@pytest.mark.parametrize(
    "path", ["/pages/1/../../x.jpg", "/pages/1/..%2Fpage.jpg", "/pages/0/page.jpg", "/pages/9/page.jpg", "/pages/x/page.jpg"]
)
def test_no_address_leads_out_of_the_light_images(browser, ids, path):
    assert browser.get(f"/documents/{ids['conform']}{path}").status_code == 404


def test_the_light_image_is_a_jpeg_that_only_this_browser_may_keep(browser, ids):
    answer = browser.get(f"/documents/{ids['conform']}/pages/1/thumb.jpg")
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert answer.headers["cache-control"].startswith("private")


def test_the_original_comes_back_bit_for_bit_under_the_name_of_its_hash(browser, ids, filled):
    with filled[0].database.reading() as session:
        sha256 = documents.get_document(session, ids["conform"]).arrivals[0].sha256
    answer = browser.get(f"/documents/{ids['conform']}/originals/{sha256}")
    assert answer.content == filled[0].originals.path(sha256).read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == f'attachment; filename="{sha256}.png"'


@pytest.mark.parametrize(
    ("head", "media", "ending"),
    [
        (b"MM\0+", "image/tiff", ".tif"),
        (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
        (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2", ".jp2"),
        (b"\xff\x4f\xff\x51", "image/j2c", ".j2c"),
        (b"RIFF\0\0\0\0WEBP", "image/webp", ".webp"),
        (b"\n" * 900 + b"%PDF-1.7", "application/pdf", ".pdf"),
        (b"<script>", "application/octet-stream", ".bin"),
        (b"", "application/octet-stream", ".bin"),
    ],
)
def test_an_original_is_served_as_what_its_bytes_are(tmp_path, head, media, ending):
    (tmp_path / "original").write_bytes(head)
    assert media_of(tmp_path / "original") == (media, ending)


def test_every_format_that_the_intake_tells_has_its_media_type():
    assert set(MEDIA) == set(Format)


def test_the_screens_take_a_worker_for_dead_when_the_station_does(home):
    with home.database.writing() as session:
        documents.beat(session, "serve-0", "serve", 1, webhome.NOON)
        documents.note_look(session, "serve-0", webhome.NOON, taken=False)
    with home.database.reading() as session:
        assert figures.watching(session, webhome.NOON + documents.DEAD_AFTER - timedelta(seconds=1))
        assert not figures.watching(session, webhome.NOON + documents.DEAD_AFTER + timedelta(seconds=1))


def test_an_original_of_another_document_is_not_given(browser, ids, filled):
    with filled[0].database.reading() as session:
        sha256 = documents.get_document(session, ids["held"]).arrivals[0].sha256
    assert browser.get(f"/documents/{ids['conform']}/originals/{sha256}").status_code == 404


def test_the_sealed_file_comes_back_bit_for_bit(browser, ids, filled):
    answer = browser.get(f"/documents/{ids['conform']}/sealed.pdf")
    with filled[0].database.reading() as session:
        archive = documents.get_document(session, ids["conform"]).archives[0]
        assert answer.content == filled[0].archives.path(archive.sha256, ".pdf").read_bytes()
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"


def test_the_capture_record_is_taken_out_of_the_sealed_file(home, tmp_path):
    document_id = webhome.sealed(home, "a.tif", webhome.PAPERS[0])
    with home.database.reading() as session:
        path = home.archives.path(documents.get_document(session, document_id).archives[0].sha256, ".pdf")
    path.unlink()
    with pikepdf.new() as pdf:
        pdf.attachments["capture-data.json"] = pikepdf.AttachedFileSpec(pdf, json.dumps({"format": 1}).encode())
        pdf.save(path)
    assert enter(home).get(f"/documents/{document_id}/capture-data.json").json() == {"format": 1}


def test_search_finds_by_what_was_read(browser):
    assert "1 document<" in browser.get("/documents", params={"q": "Le Goff"}).text
    assert "Aucun document ne correspond" in browser.get("/documents", params={"q": "%%%"}).text


@pytest.mark.parametrize(
    ("state", "count"), [("held", 1), ("sealed", 3), ("failed", 1), ("working", 1), ("duplicates", 1), ("nonsense", 6)]
)
def test_the_list_is_filtered_by_state(browser, state, count):
    page = browser.get("/documents", params={"state": state}, headers=HTMX).text
    assert page.count('<li class="row') == count


# --- decisions ----------------------------------------------------------------------------------


def _state(workstation: Workstation, document_id: str) -> State:
    with workstation.database.reading() as session:
        return documents.get_document(session, document_id).state


def test_deciding_to_treat_sends_the_document_back_to_work_and_keeps_the_paper(home):
    held = webhome.held(home, "copie.jpg", webhome.PAPERS[2])
    browser = enter(home)
    answer = browser.post(f"/documents/{held}/decision/treat", data={"reason": "", "suggested": "Facture à payer"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/documents/{held}")
    page = text_of(browser.get(f"/documents/{held}").text)
    assert "le papier reste l’original" in page
    assert "« Facture à payer »" in page
    assert _state(home, held) == State.RECEIVED


def test_a_decision_without_a_reason_is_asked_again_and_changes_nothing(home):
    held = webhome.held(home, "copie.jpg", webhome.PAPERS[2])
    answer = enter(home).post(f"/documents/{held}/decision/rescan", data={"reason": "   "})
    assert answer.status_code == 422
    assert "Donnez un motif" in answer.text
    assert _state(home, held) == State.HELD


def test_a_choice_that_is_not_offered_is_a_conflict_in_words(browser, ids):
    answer = browser.post(f"/documents/{ids['conform']}/decision/treat", data={"reason": "x"})
    assert answer.status_code == 409
    assert "a changé entre-temps" in answer.text


# --- the ledger, health, errors -----------------------------------------------------------------


def test_the_ledger_is_not_called_sound_before_it_was_checked(home):
    webhome.received(home, "a.tif", webhome.PAPERS[0], 0)
    browser = enter(home)
    assert "Pas encore vérifiée" in browser.get("/ledger").text
    assert "La chaîne est intacte" in browser.post("/ledger/check").text


@pytest.mark.sqlite  # entries are bytes, and `replace` is for text on PostgreSQL
def test_an_altered_entry_turns_the_chain_red(home):
    webhome.fill(home)
    browser = enter(home)
    behind_the_back(home.home, "UPDATE ledger SET entry = replace(entry, 'received', 'recieved') WHERE sequence = 0")
    page = text_of(browser.post("/ledger/check", headers=HTMX).text)
    assert "La chaîne est rompue" in page
    assert "inscription 0" in page


def test_a_chain_that_was_cut_short_since_the_last_check_is_noticed(home):
    webhome.fill(home)
    browser = enter(home)
    browser.post("/ledger/check")
    newest = "WHERE sequence = (SELECT max(sequence) FROM ledger)"
    behind_the_back(home.home, f"DELETE FROM ledger_payload {newest}", f"DELETE FROM ledger {newest}")  # noqa: S608
    assert "La chaîne est rompue" in browser.post("/ledger/check").text


def test_health_is_good_while_a_process_watches_the_folders(filled, home):
    well, ill = visitor(filled[0]).get("/health"), visitor(home).get("/health")
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert well.json()["last_intake"] == "2026-11-20T09:42:07+00:00"
    assert (ill.status_code, ill.json()["status"]) == (503, "no-worker")


def test_an_unexpected_error_is_a_page_in_words_without_traceback(home, monkeypatch):
    browser = enter(home, raise_server_exceptions=False)

    def broken(*_args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("station.web.figures.counters", broken)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "Rien n’est perdu" in answer.text
    assert "secret detail" not in answer.text
    assert answer.headers["content-security-policy"]


def test_looking_never_writes(home, monkeypatch):
    webhome.fill(home)
    browser = enter(home)

    def forbidden(_self: object) -> None:
        raise AssertionError("a GET asked to write")

    monkeypatch.setattr(type(home.database), "writing", forbidden)
    for path in ("/", "/documents", "/ledger", "/help", "/health"):
        assert browser.get(path).status_code == 200
