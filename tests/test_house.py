"""The house stands as it is drawn: floors, rooms, packages that are ours, dependencies that are declared, locked and explained."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]
FLOORS = ["station", "config", "workflow", "conformity | ocr | sealing", "capture"]


def packages() -> list[str]:
    """Every package of the house, dotted."""
    found = (path.parent.relative_to(HOUSE) for room in ROOMS for path in (HOUSE / room).rglob("__init__.py"))
    return sorted(".".join(path.parts) for path in found)


def modules() -> list[Path]:
    return [path for room in ROOMS for path in (HOUSE / room).rglob("*.py")]


def plain(name: str) -> str:
    """A distribution's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(requirements: list[str]) -> set[str]:
    return {plain(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in requirements}


def locked(file: str) -> dict[str, str]:
    lines = (HOUSE / file).read_text(encoding="utf-8").splitlines()
    return {plain(found[1]): found[2] for line in lines if (found := re.match(r"([A-Za-z0-9._-]+)==(\S+)", line))}


def runtime() -> set[str]:
    return named(PROJECT["project"]["dependencies"])


# --- rooms and floors ---


def test_every_folder_with_code_is_a_room_known_to_packaging_types_and_contracts() -> None:
    on_disk = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    assert on_disk == set(ROOMS) == set(PROJECT["tool"]["mypy"]["packages"])
    assert packages() == sorted(PROJECT["tool"]["setuptools"]["packages"])


def test_every_room_has_its_floor() -> None:
    (floors,) = (contract for contract in PROJECT["tool"]["importlinter"]["contracts"] if contract["name"].startswith("Floors"))
    assert floors["layers"] == FLOORS
    assert {room for floor in FLOORS for room in floor.split(" | ")} == set(ROOMS)


def test_every_import_contract_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(PROJECT['tool']['importlinter']['contracts'])} kept, 0 broken" in done.stdout


def test_the_rooms_are_ours_and_no_strangers() -> None:
    """A `config.py` in site-packages would win over ours without a word."""
    question = f"import importlib, json; print(json.dumps([importlib.import_module(name).__file__ for name in {packages()!r}]))"
    answer = subprocess.run(
        [sys.executable, "-c", question], cwd="/", env={**os.environ, "PYTHONSAFEPATH": "1"}, capture_output=True, check=True
    )
    assert json.loads(answer.stdout) == [str(HOUSE.joinpath(*name.split("."), "__init__.py")) for name in packages()]


def test_no_distribution_but_ours_brings_a_package_named_like_a_room() -> None:
    owners = metadata.packages_distributions()
    assert {room: set(owners.get(room, ["sceau"])) for room in ROOMS} == {room: {"sceau"} for room in ROOMS}


# --- dependencies ---


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def test_what_the_code_imports_is_declared_and_not_borrowed_from_another_package() -> None:
    owners = metadata.packages_distributions()
    used = {name for path in modules() for name in imports(path)} - set(sys.stdlib_module_names) - set(ROOMS)
    borrowed = {name for name in used if not runtime() & {plain(owner) for owner in owners.get(name, [])}}
    assert borrowed == set()


def test_cv2_belongs_to_opencv_python_alone() -> None:
    assert set(metadata.packages_distributions()["cv2"]) == {"opencv-python"}


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock", "requirements-setup.lock"])
def test_every_locked_package_has_its_hashes_and_no_address(file: str) -> None:
    text = (HOUSE / file).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in text
    assert "opencv-python-headless" not in locked(file)


def test_the_locks_hold_what_is_declared() -> None:
    assert runtime() <= set(locked("requirements.lock"))
    assert named(PROJECT["project"]["optional-dependencies"]["dev"]) <= set(locked("requirements-dev.lock"))
    assert named(PROJECT["dependency-groups"]["setup"]) <= set(locked("requirements-setup.lock"))


def test_the_tests_run_on_the_very_versions_that_are_shipped() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


def test_front_end_packages_are_locked_by_content_without_addresses() -> None:
    lock = json.loads((HOUSE / "package-lock.json").read_text(encoding="utf-8"))
    entries = {name.removeprefix("node_modules/"): entry for name, entry in lock["packages"].items() if name}
    assert set(front_end()) <= set(entries)
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in entries.values())


def front_end() -> list[str]:
    """What the pages use, and what their tests use."""
    package = json.loads((HOUSE / "package.json").read_text(encoding="utf-8"))
    return [*package["dependencies"], *package["devDependencies"]]


def debian() -> list[str]:
    lines = (HOUSE / "packages.apt").read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line and not line.startswith("#")]


def test_every_direct_dependency_is_explained_with_its_licence() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|", (HOUSE / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.M)
    explained = {plain(name) for name, _, _ in rows}
    own = PROJECT["dependency-groups"]
    groups = PROJECT["project"]["optional-dependencies"]["dev"] + own["setup"] + own["training"]
    wanted = runtime() | named(groups) | {plain(name) for name in front_end() + debian()}
    assert explained == wanted
    assert all(reason.strip() and licence.strip() for _, reason, licence in rows)


def test_what_playwright_s_node_is_linked_to_is_on_the_list_of_system_packages() -> None:
    """A machine that has more than Debian's base hides what is missing."""
    of_every_system = {"libc6", "libdl2", "libgcc-s1", "libm6", "libpthread0", "libstdc++6"}
    node = Path(str(metadata.distribution("playwright").locate_file("playwright"))) / "driver" / "node"
    linked = subprocess.run(["/usr/bin/ldd", node], capture_output=True, text=True, check=True).stdout
    # Debian names a library's package after it: libatomic.so.1 comes with libatomic1.
    wanted = {f"{name.replace('_', '-')}{number}" for name, number in re.findall(r"^\s*(lib\S+)\.so\.(\d+)", linked, re.M)}
    assert wanted <= of_every_system | set(debian())


# --- what the pages need ---


def test_the_list_of_icons_is_in_order_and_each_is_there_once() -> None:
    icons = (HOUSE / "station" / "web" / "icons.txt").read_text(encoding="utf-8").split()
    assert icons == sorted(set(icons))


def test_every_icon_that_a_page_names_is_on_the_list() -> None:
    icons = (HOUSE / "station" / "web" / "icons.txt").read_text(encoding="utf-8").split()
    pages = [path.read_text(encoding="utf-8") for ending in ("*.html", "*.py") for path in (HOUSE / "station" / "web").rglob(ending)]
    assert {name for page in pages for name in re.findall(r"""\bicon\(["']([a-z0-9-]+)["']""", page)} <= set(icons)
