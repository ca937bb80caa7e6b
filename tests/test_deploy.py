"""compose.yaml and the systemd units name what exists: commands, settings, files."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from config.settings import Settings
from station.cli import app

ROOT = Path(__file__).resolve().parent.parent
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
COMPOSE = YAML(typ="safe").load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
OURS = ("web", "work", "bucket")
COMMANDS = set(get_command(app).commands)


def test_compose_starts_commands_that_exist():
    assert {service["command"][1] for name, service in COMPOSE["services"].items() if name in OURS} <= COMMANDS
    assert set(COMPOSE["services"]) == {*OURS, "database", "objects"}


def test_compose_mounts_settings_that_are_taken(tmp_path):
    told = tomllib.loads((ROOT / "deploy" / "compose.sceau.toml").read_text(encoding="utf-8"))
    settings = Settings.model_validate({**told, "home": tmp_path})
    assert settings.url.startswith("postgresql") and settings.store.url.startswith("s3://") and settings.logs.form == "json"


def test_compose_names_its_own_volumes_networks_and_secrets_and_holds_no_password():
    for service in COMPOSE["services"].values():
        named = [str(each).split(":")[0] for each in service.get("volumes", ()) if not str(each).startswith(".")]
        assert set(named) <= set(COMPOSE["volumes"]) and set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
        assert not [value for name, value in service.get("environment", {}).items() if "PASSWORD" in name and "FILE" not in name]
    assert all((ROOT / "deploy" / "compose.sceau.toml").exists() for _ in COMPOSE)


def test_units_start_commands_that_exist():
    started = [line.split()[1] for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert len(started) == 3 and set(started) <= COMMANDS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_amiss_in_the_units(tmp_path):
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/sceau/bin/sceau", "/bin/true"))
    names = ["sceau.service", "sceau-work@1.service", "sceau-tick.timer"]
    command = ["systemd-analyze", "verify", *(f"./{name}" for name in names)]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")


def test_what_the_documents_lay_outside_the_home_may_be_written_by_every_unit():
    told = (ROOT / "docs" / "several-machines.md").read_text(encoding="utf-8")
    for unit in UNITS:
        if unit.suffix == ".service":
            paths = re.findall(r"^ReadWritePaths=(.*)$", unit.read_text(), re.MULTILINE)
            assert set(re.findall(r"file:///[a-z/-]+", told)) <= {f"file://{path[1:]}" for line in paths for path in line.split()}
            assert all(path.startswith("-/") for line in paths for path in line.split())


SCEAU = {name: service for name, service in COMPOSE["services"].items() if name in OURS}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STARTED = [
    *(tuple(service["command"]) for service in SCEAU.values()),
    *(("sceau", *line.split()[1:]) for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("ExecStart=")),
    tuple(json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])),
]


@pytest.mark.parametrize("line", sorted(set(STARTED)), ids=" ".join)
def test_each_line_that_starts_sceau_is_one_that_it_takes(line):
    command = get_command(app).commands[line[1]]
    command.make_context(line[1], list(line[2:]))


def test_ports_are_those_of_the_settings_and_of_the_health_check(tmp_path):
    port = Settings(home=tmp_path).server.port
    assert SCEAU["web"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"EXPOSE {port}" in DOCKERFILE and f"http://127.0.0.1:{port}/health'" in DOCKERFILE


def test_each_variable_that_is_named_is_one_that_the_product_reads():
    code = "".join(path.read_text(encoding="utf-8") for room in ("config", "station") for path in (ROOT / room).rglob("*.py"))
    files = [ROOT / "compose.yaml", ROOT / "Dockerfile", *UNITS, ROOT / "deploy" / "compose.sceau.toml"]
    named = {name for path in files for name in re.findall(r"SCEAU_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert named and {name for name in named if f'"{name}"' not in code} == set()


def test_what_is_kept_lies_in_volumes_under_the_home():
    home = COMPOSE["x-sceau"]["environment"]["SCEAU_HOME"]
    assert f"SCEAU_HOME={home}" in DOCKERFILE and f'VOLUME ["{home}", "{home}/stations"]' in DOCKERFILE
    for service in SCEAU.values():
        targets = [each.split(":")[1] for each in service["volumes"]]
        assert home in targets and all(each == home or each.startswith(f"{home}/") for each in targets)
    for unit in UNITS:
        if unit.suffix == ".service":
            assert f"SCEAU_HOME={home}" in unit.read_text() and "StateDirectory=sceau" in unit.read_text()
