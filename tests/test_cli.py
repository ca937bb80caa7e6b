"""The command line's contract: exit codes, exact keys, words instead of tracebacks, and processes that come and go cleanly."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import atwork
import papers
import pikepdf
import psutil
import pytest
from typer.testing import CliRunner, Result

from config.settings import example_text
from station.cli import app
from station.status_words import status_lines
from station.web.words import words_in

SCEAU = [str(Path(sys.executable).with_name("sceau"))]
STRUCK = "2026-11-20T09:42:07+00:00"
PAGE = papers.draw_page(papers.INVOICE[3:6], size=(1000, 300))
QUICK = {
    '"rapidocr"': '"tesseract"',
    "fra+eng+deu+nld": "eng",
    "quiet_seconds = 1.0": "quiet_seconds = 0.1",
    "poll_seconds = 0.5": "poll_seconds = 0.1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_home(home: Path, keys: Path, **more: str) -> Path:
    """A home with quick settings and practice keys of its own."""
    text = example_text()
    for old, new in (QUICK | {"port = 8080": f"port = {free_port()}"} | more).items():
        assert old in text, old
        text = text.replace(old, new, 1)
    atwork.open_home(home, keys).database.close()
    (home / "sceau.toml").write_text(text)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory, practice_keys) -> Path:
    return make_home(tmp_path_factory.mktemp("home"), practice_keys)


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    papers.write_png(folder / "good.png", PAGE)
    papers.write_jpeg(folder / "photo.jpg", PAGE)
    return folder


@pytest.fixture
def sceau(home, monkeypatch):
    """Runs a command in this process."""
    monkeypatch.setenv("SCEAU_HOME", str(home))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments])

    return run


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def run_apart(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process of its own."""
    command = [*SCEAU, *(str(each) for each in arguments)]
    environment = os.environ | {"SCEAU_HOME": str(home)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


FINDING = {"code", "page", "clause", "authority", "level", "measured", "limit", "message"}


# --- what programs rely on ---


def test_take_prints_one_object_per_file_with_exactly_these_keys_and_the_worst_exit_code(sceau, scans):
    result = sceau("take", "--json", scans / "good.png", scans / "photo.jpg", scans / "good.png", scans / "missing.png")
    taken = lines(result)
    assert [each["state"] for each in taken] == ["archived", "held", "duplicate", "failed"]
    assert all(set(each) == {"file", "document", "state", "sealed", "findings"} for each in taken)
    assert all(set(finding) == FINDING for each in taken for finding in each["findings"])
    assert [Path(each["file"]).name for each in taken] == ["good.png", "photo.jpg", "good.png", "missing.png"]
    assert (Path(taken[0]["sealed"]).read_bytes()[:5], taken[1]["sealed"], taken[3]["document"]) == (b"%PDF-", None, None)
    assert result.exit_code == 4


def test_a_duplicate_is_told_without_starting_an_engine(sceau, scans, monkeypatch):
    sceau("take", scans / "good.png")
    monkeypatch.setattr("station.running.Running", None)
    assert sceau("take", scans / "good.png").exit_code == 0


def test_a_duplicate_of_a_document_that_is_held_tells_what_holds_it(sceau, scans):
    sceau("take", scans / "photo.jpg")
    (again,) = lines(sceau("take", "--json", scans / "photo.jpg"))
    assert (again["state"], again["sealed"]) == ("duplicate", None)
    assert {"duplicate", "lossy-compression"} <= {finding["code"] for finding in again["findings"]}


def test_a_duplicate_of_an_archive_says_only_that_and_where_it_is(sceau, scans):
    sceau("take", scans / "good.png")
    (again,) = lines(sceau("take", "--json", scans / "good.png"))
    assert again["findings"][0]["code"] == "duplicate"
    assert Path(again["sealed"]).is_file()


def test_a_held_document_makes_the_exit_code_3(home, scans):
    photo = papers.write_jpeg(scans / "other.jpg", PAGE, quality=60)
    ran = run_apart(home, "take", photo)
    assert (ran.returncode, ran.stdout.split()[0]) == (3, "held")


def test_check_tells_a_person_which_clauses_ask_for_something_and_sums_up_the_others(sceau, scans):
    told = [line.strip() for line in sceau("check", scans / "photo.jpg").stdout.splitlines()]
    assert "I-4: non conforme: JPEG : avec perte" in told
    assert "après scellement: II-6, III-1, III-2, III-3" in told
    assert sum(line.startswith("I-") for line in told) == 1


def test_check_prints_verdict_pages_and_findings(sceau, scans):
    result = sceau("check", "--json", scans / "good.png", scans / "photo.jpg")
    good, photo = lines(result)
    assert set(good) == set(photo) == {"file", "verdict", "pages", "findings", "clauses", "house"}
    assert set(good["pages"][0]) == {"number", "codec", "lossless", "dpi", "bits", "channels"}
    assert (good["verdict"], photo["verdict"], good["pages"][0]["lossless"]) == ("conform", "blocked", True)
    assert [round(value) for value in good["pages"][0]["dpi"]] == [300, 300]
    assert all(set(finding) == FINDING for finding in photo["findings"])
    assert result.exit_code == 3


def test_check_of_conforming_files_exits_0_and_needs_no_database(sceau, scans, tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path / "nowhere"))
    assert sceau("check", scans / "good.png").exit_code == 0
    assert not (tmp_path / "nowhere").exists()


def test_read_prints_the_field_names_of_an_invoice(sceau, scans):
    result = sceau("read", "--json", scans / "good.png")
    (read,) = lines(result)
    assert {"file", "invoice_number", "issue_date", "supplier_vat_id", "total_net", "total_tax", "total_gross", "iban"} <= set(read)
    assert (read["invoice_number"], read["issue_date"], result.exit_code) == ("F-2026-0118", "2026-10-14", 0)


def test_read_reads_a_drawn_page_as_the_station_does(sceau, tmp_path):
    lines_of_text = [f"BT /F 24 Tf 60 {700 - 40 * i} Td ({line}) Tj ET" for i, line in enumerate(("FACTURE", "Total TTC 732,00 EUR"))]
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(595, 842))
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
    page.Contents = pdf.make_stream("\n".join(lines_of_text).encode())
    pdf.save(tmp_path / "drawn.pdf")
    (read,) = lines(result := sceau("read", "--json", tmp_path / "drawn.pdf"))
    assert ("732,00" in read["text"], read["trouble"], result.exit_code) == (True, None, 0)


def test_verify_prints_checks_and_exits_0_only_when_all_hold(sceau, scans, tmp_path):
    (taken,) = lines(sceau("take", "--json", scans / "good.png"))
    changed = tmp_path / "changed.pdf"
    changed.write_bytes(Path(taken["sealed"]).read_bytes() + b"\n")
    good, bad = lines(both := sceau("verify", "--json", taken["sealed"], changed))
    assert set(good) == {"file", "valid", "checks"}
    assert all(set(check) == {"name", "ok", "detail"} for check in good["checks"])
    assert (good["valid"], bad["valid"], both.exit_code) == (True, False, 4)
    assert sceau("verify", taken["sealed"]).exit_code == 0


def test_verify_ledger_prints_the_same_kind_of_object(sceau):
    (told,) = lines(result := sceau("verify", "--ledger", "--json"))
    assert (told["file"], told["valid"], result.exit_code) == ("ledger", True, 0)


def test_status_tells_states_workers_costs_and_the_ledger(sceau, scans):
    sceau("take", scans / "good.png")
    (told,) = lines(sceau("status", "--json"))
    assert set(told) == {
        "home",
        "stations",
        "documents",
        "workers",
        "missing_workers",
        "not_taken",
        "folders",
        "mailboxes",
        "database",
        "store",
        "backup",
        "reading",
        "disk",
        "bytes",
        "fixity",
        "ledger",
    }
    assert told["documents"]["sealed"] >= 1
    assert {"vault_per_page", "archive_per_page", "attached_per_page"} <= set(told["bytes"])
    assert told["workers"] == []


def test_doctor_says_what_is_in_force_and_how_to_get_what_is_missing(sceau):
    result = sceau("doctor", "--json")
    told = {each["name"]: each for each in lines(result)}
    assert {"packages", "settings", "policy", "database", "disk", "station demo", "reader", "keys"} <= set(told)
    assert all(bool(each["remedy"]) is not each["ok"] for each in told.values())
    assert result.exit_code == (1 if any(each["needed"] and not each["ok"] for each in told.values()) else 0)


def test_doctor_tells_of_evidence_in_the_language_of_the_installation(sceau):
    told = {each["name"]: each["detail"] for each in lines(sceau("doctor", "--json"))}
    assert "clés d'essai" in told["keys"]
    assert "personne hors de ce poste" in told["witnesses"]
    assert "votre politique" in told["policy"] and "Go libres" in told["disk"] and "valeur" in told["reading"]
    assert told["clock"] in ("pas encore vérifiée", "pas encore vérifiée : aucune table") or "horloge" in told["clock"]


def test_migrate_may_be_repeated(sceau):
    assert [sceau("migrate").exit_code for _ in range(2)] == [0, 0]


# --- words instead of tracebacks ---


@pytest.mark.parametrize("command", [("status",), ("take", "a.png"), ("serve",), ("migrate",)])
def test_a_home_that_cannot_be_is_told_as_such_and_no_document_is_spoken_of(sceau, monkeypatch, command):
    monkeypatch.setenv("SCEAU_HOME", "/proc/nowhere")
    result = sceau(*command)
    assert result.exit_code == 1
    assert "SCEAU_HOME" in result.stderr
    assert "coffre" not in result.stderr


WRONG_USAGE = [("take",), ("check",), ("verify",), ("nonsense",), ("take", "--station", "nobody", "a.png"), ("serve", "--port", "many")]


@pytest.mark.parametrize("arguments", WRONG_USAGE)
def test_wrong_usage_exits_2(sceau, arguments):
    assert sceau(*arguments).exit_code == 2


def test_an_unknown_station_is_told_with_those_that_there_are(sceau, scans):
    result = sceau("take", "--station", "nobody", scans / "good.png")
    assert "demo" in result.stderr


@pytest.mark.parametrize(("command", "code"), [("take", 4), ("check", 3), ("read", 4), ("verify", 4)])
@pytest.mark.parametrize("name", ["missing.png", "folder", "fifo", "link"])
def test_a_file_that_is_none_is_one_clear_line_and_never_hangs(sceau, tmp_path, command, code, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    result = sceau(command, "--json", tmp_path / name)
    assert result.exit_code == code
    assert len(lines(result)) == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["take", "check", "read", "verify"])
@pytest.mark.parametrize("form", [["--json"], []])
def test_a_hostile_file_name_is_printed_as_plain_text(home, tmp_path, command, form):
    path = papers.write_png(tmp_path / "a.png", PAGE).rename(os.fsdecode(os.fsencode(tmp_path) + b"/n\xff\x1b[31m\n[red].png"))
    ran = subprocess.run(
        [*SCEAU, command, *form, path], capture_output=True, env=os.environ | {"SCEAU_HOME": str(home)}, timeout=60, check=False
    )
    assert b"Traceback" not in ran.stderr
    ran.stdout.decode("utf-8")
    assert b"\x1b" not in ran.stdout
    assert ran.returncode in (0, 3, 4)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[intake]\nquite_seconds = 1\n", "intake.quite_seconds"),
        ("[server]\nport = 'http'\n", "server.port"),
        ("language = \n", "sceau.toml"),
        ('[[station]]\nname = "a"\n[[station]]\nname = "a"\n', "two stations"),
        ("\udcff", "sceau.toml"),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["doctor"], ["take", "a.png"], ["serve"]])
def test_settings_that_cannot_be_used_are_told_with_file_and_key(sceau, tmp_path, monkeypatch, command, text, named):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    (tmp_path / "sceau.toml").write_bytes(os.fsencode(text))
    result = sceau(*command)
    assert result.exit_code == 1
    assert named in result.stderr
    assert str(tmp_path / "sceau.toml") in result.stderr


@pytest.mark.sqlite
def test_a_database_that_is_none_is_told_in_words(sceau, tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    (tmp_path / "sceau.db").write_bytes(b"this is no database, whatever its name says. " * 40)
    result = sceau("status")
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_data_lives_in_var_unless_sceau_home_says_otherwise(sceau, tmp_path, monkeypatch):
    monkeypatch.delenv("SCEAU_HOME")
    monkeypatch.chdir(tmp_path)
    (told,) = lines(sceau("status", "--json"))
    assert told["home"] == str(tmp_path / "var")


# --- processes that come and go ---


class Served:
    """`sceau serve`, started and ready."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*SCEAU, "serve"], env=os.environ | {"SCEAU_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = [self.process.stderr.readline()]
        while "déposez" not in self.said[-1]:
            assert self.said[-1], self.said
            self.said.append(self.process.stderr.readline())

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return run_apart(self.home, *arguments)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory, practice_keys) -> Iterator[Served]:
    served = Served(make_home(tmp_path_factory.mktemp("served"), practice_keys))
    yield served
    served.process.kill()
    served.process.communicate()


def gone(processes: list[psutil.Process], seconds: float) -> bool:
    return not psutil.wait_procs(processes, timeout=seconds)[1]


def test_what_is_dropped_is_sealed_and_what_is_taken_is_worked_by_the_running_worker(served, scans):
    drop = served.home / "stations" / "demo"
    (drop / "dropped.png").write_bytes(papers.write_png(scans / "dropped.png", PAGE[::-1]).read_bytes())
    taken = json.loads(served.run("take", "--json", scans / "good.png").stdout)
    assert taken["state"] == "archived"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (told := json.loads(served.run("status", "--json").stdout))["documents"].get("sealed") != 2:
        time.sleep(0.2)
    assert told["documents"] == {"sealed": 2}
    assert [worker.split()[0].partition("@")[0] for worker in told["workers"]] == ["serve-0"]
    assert list((drop / "processed").iterdir()) == [drop / "processed" / "dropped.png"]


def test_a_second_station_on_the_same_home_is_refused_in_words(served):
    second = served.run("serve", "--port", free_port())
    assert (second.returncode, "tourne déjà" in second.stderr, "Traceback" in second.stderr) == (1, True, False)


def test_a_port_that_is_taken_is_told_with_what_to_do(served, tmp_path, practice_keys):
    port = served.said[0].rsplit(":", 1)[1].strip()
    other = run_apart(tmp_path, "serve", "--port", port)
    assert (other.returncode, "déjà pris" in other.stderr, "--port" in other.stderr, "Traceback" in other.stderr) == (1, True, True, False)


def test_told_to_stop_it_stops_cleanly_and_quickly_and_leaves_nobody_behind(served):
    family, started = served.family(), time.monotonic()
    served.process.send_signal(signal.SIGTERM)
    _, said = served.process.communicate(timeout=60)
    assert time.monotonic() - started < 15
    assert (served.process.returncode, "rien n'est perdu" in said, "Traceback" in said) == (0, True, False)
    assert gone(family, 10)
    assert json.loads(served.run("status", "--json").stdout)["workers"] == []


def test_killed_it_takes_its_children_with_it(tmp_path, practice_keys):
    served = Served(make_home(tmp_path, practice_keys))
    deadline = time.monotonic() + 60
    while len(family := served.family()) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    served.process.kill()
    served.process.communicate()
    assert gone(family, 5)


def test_status_tells_a_person_in_words_what_programs_get_as_values():
    folder = {"folder": "/in", "ok": False, "workable": False, "watched": True, "late": True, "waiting": 2, "oldest_since": STRUCK}
    folder |= {"last_taken": None, "notifications": False}
    told = {
        "home": "/var/lib/sceau",
        "documents": {"sealed": 1200, "set aside": 1, "held": 0},
        "workers": ["serve-0 (pid 7)"],
        "missing_workers": ["work-1 ne répond plus"],
        "folders": {"demo": folder},
        "not_taken": ["demo: a.png: still-writing"],
        "mailboxes": {"courrier": {"ok": False, "looked_at": None, "by_hand": 3}},
        "database": {"place": "sqlite /var/lib/sceau/sceau.db"},
        "store": {"protection": "write-once"},
        "backup": {"place": "/safe", "last": STRUCK, "drill": None, "alert": "late", "alert_hours": 36},
        "disk": {"room": "little", "free": 400_000_000, "total": 1_000_000_000},
        "bytes": {"vault": 2_000_000, "archive": 3_000_000, "vault_per_page": 1_000, "archive_per_page": 2_000},
        "reading": {"reviewed": 300, "wrong": 9, "alarm": "reading-drift"},
        "fixity": {"kept": 12, "oldest": STRUCK, "bad": 1, "unlike": 1},
        "ledger": {"maison": {"size": 41, "head": "ab" * 32, "contradicted": "Le témoin dit autre chose."}},
    }
    for language in ("fr", "en"):
        lines = [f"{heading}: {words}" for heading, words in status_lines(told, words_in(language))]
        assert not [line for line in lines if "status." in line or "None" in line], "a word that is missing"
        if language == "fr":
            text = " ".join("\n".join(lines).split())
            for words in (
                "Scellé : 1 200, Mis de côté : 1",
                "2 fichiers y attendent, le plus ancien depuis le 20/11/2026 10:42:07, c’est trop long, sans avertissement du système",
                "il ne peut pas servir",
                "3 messages sont à ouvrir soi-même : la page de la station les nomme",
                "Aucune sauvegarde entière depuis plus de 36 h",
                "presque plein : 400 Mo libres",
                "2 fichiers ne sont plus comme ils étaient",
                "demo: a.png : Encore en cours d’écriture",
                "41 entrées, tête abababababababab…",
                "Le témoin dit autre chose.",
            ):
                assert words in text
