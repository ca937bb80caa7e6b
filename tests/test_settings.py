"""What differs between two installations is one file that says everything, and everything that may go wrong has words."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from capture.catalogue import CATALOGUE
from config.options import caps_of, limits_of, reader_of
from config.settings import (
    BackupCare,
    Policy,
    Sealing,
    Settings,
    Station,
    TimeSource,
    Unusable,
    data_home,
    example_text,
    load_settings,
    write_example,
)
from ocr.engines import Reader
from station import problems
from station.problems import PROBLEMS, problem_of

LISTS: dict[str, tuple[str, type[BaseModel]]] = {"stations": ("station", Station), "policies": ("policy", Policy)}
NOT_WRITTEN = {
    "home",
    "database_url",
    "company",
    "approvals",
    "sign_in.oidc.roles",
    "lookups",
    "connectors",
    "time.authorities",
    "ledger.witness",
    "ledger.witnessed",
}
"""Comes from the environment; stands in the example as a comment."""


def keys_of(model: type[BaseModel], before: str = "") -> set[str]:
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= keys_of(kind, f"{before}{name}.")
        elif name in LISTS:
            singular, kind = LISTS[name]
            keys |= keys_of(kind, f"{singular}.")
        else:
            keys.add(before + name)
    return keys


def written_keys(table: dict[str, object], before: str = "") -> set[str]:
    keys: set[str] = set()
    for name, value in table.items():
        inner = value[0] if isinstance(value, list) and value else value
        keys |= written_keys(inner, f"{before}{name}.") if isinstance(inner, dict) and inner else {before + name}
    return keys


def test_every_setting_stands_in_the_example_and_nothing_else_does():
    mailbox = tomllib.loads(the_commented_mailbox())
    assert written_keys(tomllib.loads(example_text())) | written_keys(mailbox) == keys_of(Settings) - NOT_WRITTEN
    assert "database_url" in example_text()


def the_commented_mailbox() -> str:
    """The second station of the example, which whoever has a mailbox uncomments."""
    lines = example_text().split("# [[station]]\n")[1].split("\n\n")[0].splitlines()
    return "[[station]]\n" + "\n".join(line.removeprefix("# ") for line in lines)


def test_the_commented_mailbox_is_a_station_that_can_be_used(tmp_path):
    told = Settings.model_validate({**tomllib.loads(the_commented_mailbox()), "home": tmp_path}).stations[0]
    assert (told.kind, told.password_variable) == ("mailbox", "SCEAU_MAILBOX_COURRIER_PASSWORD")


def test_a_mailbox_without_a_server_is_refused_with_what_to_write():
    with pytest.raises(ValueError, match="SCEAU_MAILBOX_COURRIER_PASSWORD"):
        Station(name="courrier", kind="mailbox")


def test_every_line_of_the_example_is_its_default_but_what_removes_backups_is_off_until_it_is_written(tmp_path):
    told = Settings.model_validate({**tomllib.loads(example_text()), "home": tmp_path})
    rule = {"keep_days": 14, "keep_weeks": 8, "keep_months": 24}
    assert told.backup == BackupCare(**rule) and BackupCare() == BackupCare(**dict.fromkeys(rule, 0))
    told = told.model_copy(update={"backup": BackupCare()})
    bare = Settings(home=tmp_path)
    assert told.model_copy(update={"stations": ()}) == bare.model_copy(update={"stations": ()})
    (demo,), (default,) = told.stations, bare.stations
    assert (told.folder_of(demo), demo.model_copy(update={"folder": None})) == (bare.folder_of(default), default)


def test_the_example_is_written_once_and_then_belongs_to_its_owner(tmp_path):
    file = write_example(tmp_path)
    file.write_text('language = "en"\n', encoding="utf-8")
    assert write_example(tmp_path).read_text(encoding="utf-8") == 'language = "en"\n'
    assert load_settings({"SCEAU_HOME": str(tmp_path)}).language == "en"


def test_without_a_file_the_shipped_settings_are_in_force(tmp_path):
    assert load_settings({"SCEAU_HOME": str(tmp_path)}).reading.engine == "rapidocr"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environment", [{}, {"SCEAU_HOME": ""}])
def test_home_is_var_where_nothing_is_said(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_home(environment) == tmp_path / "var"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[reading]\nengin = 'tesseract'", "reading.engin"),
        ("[[policy]]\nmin_dpi = -1", "policy.0.min_dpi"),
        ("[[policy]]\ngrey = 'accept'", "policy.0"),
        ("[[policy]]\nname = 'strict'", "stations"),
        ("[[policy]]\n[[policy]]\nversion = '2'", "policy"),
        ("[organisation]\nthird_party = 'Archives SA'", "organisation"),
        ("[organisation]\nretention_years = 5", "organisation.retention_years"),
        ("[sealing]\nmode = 'real'", "sealing.mode"),
        ("entity = 'a b'", "entity"),
        ("[[station]]\nname = '../up'", "station.0.name"),
        ("a = = 1", "line 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_file_and_key(tmp_path, text, named):
    (tmp_path / "sceau.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Unusable, match=re.escape(named)) as caught:
        load_settings({"SCEAU_HOME": str(tmp_path)})
    assert str(tmp_path / "sceau.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [("https://s.example/", True), ("http://127.0.0.1:9/", True), ("http://[::1]/", True),
     ("http://localhost/", True), ("ftp://localhost/", False),
     ("http://s.example/", False), ("http://127.0.0.1.example/", False), ("http://127.0.0.1@s.example/", False)],
)  # fmt: skip
def test_passwords_and_pins_go_over_https_or_stay_on_this_machine(url, kept):
    sealing = {"mode": "production", "source": "csc", "service_url": url, "credential": "c"}
    assert fits(Sealing, sealing) is kept
    if url.startswith("http"):
        assert fits(TimeSource, {"name": "tiers", "url": url, "user": "a"}) is kept
        assert fits(TimeSource, {"name": "tiers", "url": url})


def fits(section: type[BaseModel], values: dict[str, str]) -> bool:
    try:
        section.model_validate(values)
    except ValidationError:
        return False
    return True


def test_each_step_gets_its_own_options(tmp_path):
    text = "[intake]\nmax_megapixels = 2\n[[policy]]\nmin_dpi = 200\n[reading]\nengine = 'tesseract'\nlanguages = 'eng+fra'"
    (tmp_path / "sceau.toml").write_text(text, encoding="utf-8")
    settings = load_settings({"SCEAU_HOME": str(tmp_path)})
    assert (caps_of(settings).max_pixels, limits_of(settings).min_dpi) == (2_000_000, 200)
    assert (reader_of(settings).reader, reader_of(settings).languages) == (Reader.TESSERACT, ("eng", "fra"))


def test_a_station_s_folder_is_its_own_or_lies_under_home(tmp_path):
    settings = Settings(home=tmp_path)
    assert settings.folder_of(Station(name="a")) == tmp_path / "stations" / "a"
    assert settings.folder_of(Station(name="a", folder=Path("/srv/scans"))) == Path("/srv/scans")


# --- words ---


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_finding_has_words_in_both_languages(code):
    entry = CATALOGUE[code]
    assert entry.fr
    assert entry.en
    assert set(re.findall(r"{\w+}", entry.fr)) == set(re.findall(r"{\w+}", entry.en)) <= {"{measured}", "{limit}"}


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_says_what_happened_that_nothing_is_lost_and_what_to_do(code):
    problem = PROBLEMS[code]
    assert all((problem.happened, problem.todo, problem.happened_en, problem.todo_en))
    assert problem.safe or code in ("vault-damaged", "erasing")
    assert problem.words("fr") != problem.words("en")


def test_every_trouble_that_has_a_name_has_its_problem():
    assert set(problems._BY_NAME.values()) <= set(PROBLEMS)


def test_a_full_disk_is_known_whoever_says_it():
    import errno
    import sqlite3

    from sqlalchemy.exc import OperationalError

    from capture.originals import DiskFull

    full = (
        OSError(errno.ENOSPC, "x"),
        OSError(errno.EDQUOT, "x"),
        DiskFull("x"),
        OperationalError("x", {}, sqlite3.OperationalError("database or disk is full")),
    )
    assert {problem_of(error).code for error in full} == {"disk-full"}
    assert problem_of(OSError(errno.EIO, "x")).code == "unexpected"
