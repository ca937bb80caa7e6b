"""The documents are true: what they list is what the code has, what they point to is there, and what they promise runs."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import papers
import practice
import pytest
import test_survival
import typer
from charts import drawn_charts
from PIL import Image
from pydantic import BaseModel
from typer.testing import CliRunner

from capture.catalogue import CATALOGUE
from capture.findings import Level
from config.settings import Policy, Settings, Station, example_text
from ocr.values import NAMES
from sealing.verify import CHECKS
from station.acts import CHOICES, may_go_on
from station.cli import app
from station.records.people import PRACTICE_LOGIN, PRACTICE_PASSWORD
from station.records.tables import Base
from station.web.words import words_in

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (HOUSE / "docs" / "architecture.md").read_text(encoding="utf-8")
DECISIONS = sorted((HOUSE / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [HOUSE / "README.md", HOUSE / "CHANGELOG.md", *sorted((HOUSE / "docs").rglob("*.md"))]
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
RUN = CliRunner()

CANNOT_BE_SAID = ("tamper-proof", "tamperproof", "inviolable", "infalsifiable", "unforgeable", "agréé par", "certified by", "100 %")
"""Claims that no software may make of itself."""


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or above."""
    level = heading.split(maxsplit=1)[0]
    rest = text.split(f"\n{heading}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def rows(text: str) -> list[list[str]]:
    """Cells of every table row, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def anchors(document: Path) -> set[str]:
    """Headings as a forge links to them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


# --- commands ---


def command_rows() -> dict[str, list[str]]:
    listed = rows(section(README, "## The command line").split("### JSON")[0])
    return {cells[0].split()[1].strip("`"): cells for cells in listed if "`sceau " in cells[0]}


def test_the_readme_lists_every_command_and_no_other() -> None:
    assert set(command_rows()) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_commands_row_has_its_options_and_its_exit_codes(name: str) -> None:
    signature, _, codes = command_rows()[name]
    options = {option for param in COMMANDS[name].params for option in param.opts if option.startswith("--")} - {"--help"}
    assert set(re.findall(r"--[a-z-]+", signature)) == options
    promised = re.search(r"exit (.*)", COMMANDS[name].help or "")
    assert set(re.findall(r"\b\d\b", promised[1] if promised else "")) <= set(re.findall(r"\b\d\b", codes))


def test_the_exit_codes_of_the_command_line_are_all_told() -> None:
    from station import cli

    told = section(README, "## The command line").split("### JSON")[0]
    assert all(re.search(rf"\b{code}\b", told) for code in re.findall(r"\b(\d) ", cli.__doc__ or ""))


# --- JSON ---


def json_row(name: str) -> set[str]:
    return next(quoted(cells[1]) for cells in rows(section(README, "### JSON")) if quoted(cells[0]) == {name} or cells[0].endswith(name))


def first_object(monkeypatch: pytest.MonkeyPatch, home: Path, *words: str) -> dict[str, Any]:
    monkeypatch.setenv("SCEAU_HOME", str(home))
    told: dict[str, Any] = json.loads(RUN.invoke(app, list(words)).stdout.splitlines()[0])
    return told


def test_check_prints_the_names_that_the_readme_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scan = papers.write_jpeg(tmp_path / "scan.jpg", papers.draw_page())
    told = first_object(monkeypatch, tmp_path, "check", "--json", str(scan))
    assert set(told) | {"conform", "review", "blocked"} == json_row("check")
    assert set(told["pages"][0]) == json_row("a page")
    assert set(told["findings"][0]) | set(Level) == json_row("a finding")


def test_take_prints_the_names_that_the_readme_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = first_object(monkeypatch, tmp_path, "take", "--json", str(tmp_path / "absent.png"))
    assert set(told) | {"archived", "held", "failed", "duplicate"} == json_row("take")


def test_verify_prints_the_names_that_the_readme_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "no.pdf").write_bytes(b"no PDF")
    told = first_object(monkeypatch, tmp_path, "verify", "--json", str(tmp_path / "no.pdf"))
    assert set(told) | set(told["checks"][0]) == json_row("verify")


def test_verify_names_its_checks_as_the_documents_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = first_object(monkeypatch, tmp_path, "verify", "--ledger", "--json")
    for name in {*CHECKS, *(check["name"] for check in told["checks"])}:
        assert f"`{name}`" in README
        assert f"`{name}`" in ARCHITECTURE


def test_status_prints_the_names_that_the_readme_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert set(first_object(monkeypatch, tmp_path, "status", "--json")) == json_row("status")


def test_read_prints_the_names_that_the_readme_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_bytes(b"")
    told = first_object(monkeypatch, tmp_path, "read", "--json", str(tmp_path / "no.png"))
    assert set(NAMES) <= set(told)
    assert set(told) | {"rate", "base", "tax"} == json_row("read")


# --- settings ---


def settings() -> dict[str, object]:
    """Dotted key to default, of everything that a file may set."""
    found: dict[str, object] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            found |= flat(name, field.default.model_dump())
        elif name == "stations":
            found |= flat("station", Station(name="demo").model_dump())
        elif name == "policies":
            found |= {f"policy.{key}": value for key, value in Policy().model_dump().items()}
        elif name != "home":
            found[name] = field.default
    return found


def flat(name: str, values: dict[str, object]) -> dict[str, object]:
    """Dotted keys, of sections within sections, too."""
    found: dict[str, object] = {}
    for key, value in values.items():
        found |= flat(f"{name}.{key}", value) if isinstance(value, dict) and value else {f"{name}.{key}": value}
    return found


def explained() -> dict[str, str]:
    told: dict[str, str] = {}
    for keys, defaults, _ in (cells for cells in rows(section(README, "## Settings")) if cells[0].startswith("`")):
        told |= dict(zip(keys.split(", "), defaults.split(", "), strict=True))
    return {key.strip("`"): value.strip("`") for key, value in told.items()}


def test_every_setting_is_explained_with_its_default_and_no_other() -> None:
    defaults = {key: str(value) or "none" for key, value in settings().items()} | {
        "database_url": "none",
        "station.folder": "stations/<name>",
    }
    assert explained() == defaults


def test_the_example_file_sets_what_would_hold_without_it_but_for_what_removes_backups() -> None:
    shipped = tomllib.loads(example_text())
    shipped["backup"] |= dict.fromkeys(("keep_days", "keep_weeks", "keep_months"), 0)
    shipped["station"] = shipped["station"][0] | {"folder": None}
    shipped["policy"] = shipped["policy"][0]
    told: dict[str, object] = {}
    for name, value in shipped.items():
        told |= flat(name, value) if isinstance(value, dict) else {name: value}
    assert settings() | told == settings()


def test_every_variable_of_the_environment_is_told() -> None:
    code = "".join(path.read_text(encoding="utf-8") for room in ("config", "station") for path in (HOUSE / room).rglob("*.py"))
    assert set(re.findall(r"\"(SCEAU_[A-Z_]+)\"", code)) == set(re.findall(r"`(SCEAU_[A-Z_]+)(?:=\d)?`", README))


# --- findings, tables, words ---


def test_the_table_of_findings_is_that_of_the_catalogue() -> None:
    table = rows((HOUSE / "docs" / "findings.md").read_text(encoding="utf-8"))[1:]
    told = {cells[0].strip("`"): tuple(cells[1:5]) for cells in table}
    known = {
        code: (
            str(entry.level),
            entry.clause or "–",
            str(entry.authority),
            "yes" if entry.level is Level.BLOCKING and may_go_on(code) else "–",
        )
        for code, entry in CATALOGUE.items()
    }
    assert told == known


def test_every_clause_that_a_finding_cites_is_quoted_in_the_readme() -> None:
    quotes = {cells[0] for cells in rows(section(README, "### The clauses"))}
    assert {entry.clause for entry in CATALOGUE.values() if entry.clause} <= quotes


def test_every_table_of_the_records_is_named() -> None:
    assert set(Base.metadata.tables) <= quoted(section(ARCHITECTURE, "## Tables"))


def test_what_the_readme_quotes_from_the_screens_stands_there() -> None:
    words = words_in("fr").catalogue
    text = "\n".join(words.values()).replace("’", "'").replace("\u202f", " ").replace("\u00a0", " ")
    held = section(README, "### Held documents, and « traiter, papier conservé »")
    assert {words[f"choice.{name}.button"] for name in CHOICES} == set(re.findall(r"^\* \*\*(.+?)\*\*", held, re.M))
    screens = section(README, "## The screens")
    assert {words[f"nav.{name}"] for name in ("mailroom", "documents", "ledger", "help")} <= {cells[0] for cells in rows(screens)}
    assert [quote for quote in re.findall(r"« (.+?) »", screens) if quote.lower() not in text.lower()] == []


def test_the_login_that_the_readme_gives_opens_the_practice_station() -> None:
    assert f"login `{PRACTICE_LOGIN}`, password `{PRACTICE_PASSWORD}`" in README


def test_the_number_of_kills_is_the_one_told() -> None:
    told = re.findall(r"each of (\d+) places|at (\d+) such places", README + ARCHITECTURE)
    assert {int(one or other) for one, other in told} == {len(test_survival.PLACES)}


# --- what they point to ---


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = document.parent / name if name else document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_of_ours_that_is_named_exists(document: Path) -> None:
    rooms = "capture|conformity|ocr|sealing|workflow|config|station|tests|docs"
    for name in re.findall(rf"`((?:{rooms})/[\w./-]+)`", document.read_text(encoding="utf-8")):
        assert (HOUSE / name).exists(), name


def test_every_test_that_is_named_as_showing_something_exists_and_every_chapter_is_answered() -> None:
    text = (HOUSE / "docs" / "security.md").read_text(encoding="utf-8")
    known = {
        name for path in (HOUSE / "tests").glob("test_*.py") for name in re.findall(r"^\s*def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert set(re.findall(r"`(test_\w+)`", text)) - known == set()
    assert re.findall(r"^## V(\d+) ", text, re.M) == [str(number) for number in range(1, 18)]
    assert all(len(cells) == 3 and cells[2] for cells in rows(text) if re.match(r"\d|section", cells[0]))


def test_every_picture_is_shown_and_can_be_seen() -> None:
    shown = {HOUSE / name for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)}
    assert shown == set((HOUSE / "docs" / "pictures").glob("*"))
    for path in shown:
        with Image.open(path) as picture:
            assert min(picture.size) > 300


def test_every_chart_shows_what_its_table_says() -> None:
    for name, drawn in drawn_charts((HOUSE / "docs" / "measurements.md").read_text(encoding="utf-8")).items():
        assert (HOUSE / "docs" / "diagrams" / name).read_text(encoding="utf-8") == drawn, f"{name}: python tests/charts.py"


def test_every_make_target_that_is_told_exists_and_the_main_ones_are_told() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (HOUSE / "Makefile").read_text(encoding="utf-8"), re.M))
    told = set(re.findall(r"\bmake ([a-z-]+)", section(README, "## Tests") + section(README, "## Start")))
    assert {"run", "test", "check", "long", "soak", "bench"} <= told <= targets


def test_long_runs_are_told_as_they_are() -> None:
    marked = any(re.search(r"\.mark\.long\b", path.read_text(encoding="utf-8")) for path in (HOUSE / "tests").glob("test_*.py"))
    assert ("none yet" in section(README, "## Tests")) is not marked


def test_every_decision_is_listed_and_says_why() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04d}" for number in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.M) == ["Context", "Decision", "Consequences", "Considered"], path.name
        title = text.splitlines()[0].removeprefix("# ")
        assert f"[{title}](decisions/{path.name})" in ARCHITECTURE


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\n## {version}" in (HOUSE / "CHANGELOG.md").read_text(encoding="utf-8")


# --- what they promise ---


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_claims_more_than_is_so(document: Path) -> None:
    text = document.read_text(encoding="utf-8").lower()
    assert [words for words in CANNOT_BE_SAID if words in text] == []
    assert text.count("valeur probante") == text.count("sans valeur probante")


def test_the_pixel_proof_that_the_readme_gives_works_and_can_fail(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", README, re.S)
    archive = practice.sealed(tmp_path)
    other = papers.write_png(tmp_path / "other.png", practice.noisy(seed=9))
    for scan, answer in ((tmp_path / "page1.png", "True True"), (other, "False True")):
        ran = subprocess.run([sys.executable, "-c", code, scan, archive], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == answer


def test_the_paper_that_the_readme_draws_conforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (words,) = re.findall(r"^\.venv/bin/sceau (scanner .+)$", README, re.M)
    told = first_object(monkeypatch, tmp_path, *words.split(), "--json")
    assert (
        first_object(monkeypatch, tmp_path, "check", "--json", str(tmp_path / "stations" / "demo" / told["file"]))["verdict"] == "conform"
    )
