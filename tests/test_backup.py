"""A backup holds everything while the station works, says what it is without us, and comes back whole or not at all."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from dataclasses import asdict, replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import atwork
import killed_command
import packages
import pytest
import sqlalchemy as sa
from click.testing import Result
from test_upgrade import content, rows_now
from typer.testing import CliRunner

from config.settings import BackupCare, Ledger
from sealing.ledger import Actor, ActorKind, Event
from station import backup, drills, restore, rows
from station.audit import audit_ledger
from station.backup import NAMED, NoPassphrase, WrongPassphrase, back_up, noted_backup, open_keys, seal_keys
from station.checkpoints import checkpoint_now
from station.cli import app
from station.contradiction import TreeContradicted
from station.controls import last_done
from station.copies import BadBackup, Opened
from station.drills import ask_run, run_drill, standing_of, tend_backups
from station.fixity import Kind, _table
from station.records import people
from station.records.ledger import append_event, tree_of
from station.records.tables import BackupRun, Base, LedgerPayload
from station.restore import Loss, NotEmpty, Restored, Wish, describe_restored, elsewhere, refused_words, restore_backup
from station.slots import SlotTaken
from station.web.backups import trouble_said
from station.web.words import words_in
from station.witnesses import deliver_due

PASSPHRASE = "treize mots de passe"
_KEPT = TemporaryDirectory()


@cache
def made() -> Path:
    """A home, a tar and a folder of it, made once: home/, all.tar, place/."""
    base = Path(_KEPT.name)
    workstation = packages.small_home(base / "home", 1)
    (base / "home" / "sceau.toml").write_text('language = "fr"\n')
    back_up(workstation, base / "all.tar", keys=PASSPHRASE)
    back_up(workstation, base / "place")
    workstation.database.close()
    return base


@pytest.fixture
def station(tmp_path):
    shutil.copytree(made() / "home", tmp_path / "home")
    workstation = packages.at(packages.atwork.open_home(tmp_path / "home"), packages.LATER)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    yield workstation
    workstation.database.close()


def restored(source: Path, home: Path, **wish):
    """Into the database that a home of this place has in these tests."""
    if "SCEAU_TEST_POSTGRES" in os.environ:
        import onpostgres

        wish = {"database_url": onpostgres.empty_home(home), **wish}
    return restore_backup(Wish(source, home, ask=False, **wish))


def told(workstation) -> dict[str, bool]:
    return {each.name: each.ok for each in audit_ledger(workstation)}


# --- there and back ---


@pytest.mark.parametrize("source", ["all.tar", "place"])
def test_what_comes_back_is_row_by_row_and_byte_by_byte_what_was_there(tmp_path, source):
    done = restored(made() / source, tmp_path / "new", seals=source == "place")
    old, new = (packages.atwork.open_home(path) for path in (made() / "home", tmp_path / "new"))
    assert content(new.database) == content(old.database)
    assert {each.sha256: each.size for each in new.originals.names()} == {each.sha256: each.size for each in old.originals.names()}
    assert {each.sha256 for each in new.archives.names()} == {each.sha256 for each in old.archives.names()}
    assert {check["name"]: check["ok"] for check in done.checks} == told(old)
    assert (done.bad, done.seals, done.originals) == ([], 3 if source == "place" else 0, sum(1 for _ in old.originals.names()))
    old.database.close(), new.database.close()


def test_a_tar_can_be_read_without_us(tmp_path):
    with tarfile.open(made() / "all.tar") as tar:
        names = tar.getnames()
        lines = [json.loads(line) for line in tar.extractfile("manifest.jsonl").read().splitlines()]
        assert all(sha256(tar.extractfile(line["path"]).read()).hexdigest() == line["sha256"] for line in lines)
        head, *rows = [json.loads(line) for line in tar.extractfile("rows/document.jsonl").read().splitlines()]
    assert (names[0], names[-2:]) == ("backup.json", ["manifest.jsonl", "complete.json"])
    assert (head["columns"]["received_at"], len(rows), rows[0]["received_at"][-1]) == ("moment", 3, "Z")
    assert not [name for name in names if name.startswith("home/keys") and not name.endswith("root.pem")]


def test_a_second_backup_into_a_folder_copies_no_file_again(station, tmp_path):
    first, second = (back_up(station, tmp_path / "place") for _ in range(2))
    assert (first.copied, second.copied, second.files) == (first.files, 0, first.files)


@pytest.mark.sqlite(reason="the tables are the same; they are listed from a file")
def test_every_table_is_backed_up_or_left_out_for_a_reason_and_every_kept_file_is_named():
    assert set(rows_now()) | set(rows.LEFT_OUT) == set(Base.metadata.tables)
    looked = {(key.class_.__tablename__, key.key) for key in (_table(kind)[1] for kind in Kind)}
    assert {(table, column) for table, column, _ in NAMED} == looked


def test_what_is_written_while_a_backup_runs_is_not_in_it_and_harms_nothing(station, tmp_path, monkeypatch):
    real, once = backup.spooled_rows, []

    def busy(connection, table):
        if not once:
            once.append(append(station))
        return real(connection, table)

    with station.database.reading() as session:
        size = tree_of(session, "essai").size
    monkeypatch.setattr(backup, "spooled_rows", busy)
    assert back_up(station, tmp_path / "a.tar").logs == {"essai": size}
    assert restored(tmp_path / "a.tar", tmp_path / "new").logs == {"essai": size}


def append(workstation) -> int:
    with workstation.database.writing() as session:
        actor = Actor("system", ActorKind.SYSTEM)
        return append_event(session, Event("essai", "clock", {}, actor, packages.LATER, "system", {}))


# --- what is not right ---


def test_a_cut_tar_a_foreign_file_and_a_newer_backup_are_refused_and_leave_nothing(tmp_path):
    whole = (made() / "all.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "end.tar").write_bytes(whole[: whole.index(b'"manifest"') - 700])
    (tmp_path / "foreign.tar").write_bytes(b"a letter")
    newer = whole.replace(b'"schema": "0010"', b'"schema": "0999"', 1)
    (tmp_path / "newer.tar").write_bytes(newer)
    found = {}
    for name in ("cut", "end", "foreign", "newer"):
        with pytest.raises(BadBackup) as caught:
            restored(tmp_path / f"{name}.tar", tmp_path / "new")
        found[name] = caught.value.code
    assert found == {"cut": "unfinished", "end": "unfinished", "foreign": "none", "newer": "newer"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.tar", "end.tar", "foreign.tar", "newer.tar"]


def test_a_changed_row_is_damage_and_a_changed_file_is_told_while_the_rest_comes_back(tmp_path):
    whole = (made() / "all.tar").read_bytes()
    (tmp_path / "row.tar").write_bytes(whole.replace(b'"octobre.png"', b'"novembr.png"'))
    with pytest.raises(BadBackup, match="damaged"):
        restored(tmp_path / "row.tar", tmp_path / "new")
    place = tmp_path / "place"
    shutil.copytree(made() / "place", place)
    name = next(line for line in Opened(place)._run.joinpath("manifest.jsonl").read_text().splitlines() if "originals/" in line)
    path = place / "contents" / json.loads(name)["sha256"][:2] / json.loads(name)["sha256"][2:4] / json.loads(name)["sha256"]
    path.chmod(0o600)
    path.write_bytes(b"other")
    done = restored(place, tmp_path / "new")
    assert (done.holds, done.bad) == (False, [f"{json.loads(name)['path']}: missing"])


def test_a_backup_that_did_not_finish_counts_for_nothing(station, tmp_path, monkeypatch):
    monkeypatch.setattr(backup._Writing, "finish", lambda _self: (_ for _ in ()).throw(OSError(28, "full")))
    for target in ("a.tar", "place"):
        with pytest.raises(OSError, match="full"):
            back_up(station, tmp_path / target)
    assert not list(tmp_path.glob("*.tar"))
    with pytest.raises(BadBackup) as caught:
        restored(tmp_path / "place", tmp_path / "new")
    assert caught.value.code == "unfinished"


def kill_when(process: subprocess.Popen[bytes], happens) -> None:
    """kill -9, as soon as it does."""
    while process.poll() is None and not happens():
        time.sleep(0.005)
    process.kill()
    assert process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize(("target", "begun"), [("a.tar", ".a.tar.part"), ("place", "place/backups/*/backup.json")])
def test_a_backup_that_is_killed_is_known_as_unfinished_and_the_next_one_is_whole(station, tmp_path, target, begun):
    program = "import sys, time; from station import backup; from station.cli import app\n"
    program += "finish = backup._Writing.finish; backup._Writing.finish = lambda self: (time.sleep(30), finish(self))\n"
    program += "app(['backup', sys.argv[1]], standalone_mode=False)"
    line = [sys.executable, "-c", program, str(tmp_path / target)]
    home = os.environ | {"SCEAU_HOME": str(station.home), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    kill_when(subprocess.Popen(line, env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), lambda: [*tmp_path.glob(begun)])
    assert not (tmp_path / "a.tar").exists()
    with pytest.raises(BadBackup) as caught:
        restored(tmp_path / (begun if target == "a.tar" else target), tmp_path / "new")
    assert caught.value.code in ("none", "unfinished")
    with station.database.reading() as session:
        assert standing_of(session, station.settings, packages.LATER).last is None
    assert back_up(station, tmp_path / target).whole
    assert restored(tmp_path / target, tmp_path / "new").bad == []


def test_a_file_that_was_missing_already_is_told_by_the_backup_and_again_by_the_restoration(station, tmp_path):
    lost = next(iter(station.originals.names()))
    station.originals.path(lost.sha256).unlink()
    done = back_up(station, tmp_path / "a.tar")
    assert (done.whole, done.bad) == (False, [f"originals/{lost.sha256}"])
    assert restored(tmp_path / "a.tar", tmp_path / "new").bad == [f"originals/{lost.sha256}: missing"]


def test_nothing_is_ever_restored_over_something(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.txt").write_text("mine")
    with pytest.raises(NotEmpty) as caught:
        restored(made() / "all.tar", tmp_path / "new")
    assert "n'est pas vide" in refused_words(caught.value, "fr")


def test_a_backup_names_no_file_outside_of_the_place(tmp_path):
    with tarfile.open(made() / "all.tar") as whole, tarfile.open(tmp_path / "out.tar", "w") as out:
        for member in whole:
            content = whole.extractfile(member)
            member.name = member.name.replace("home/sceau.toml", "home/../../x.toml")
            out.addfile(member, content)
    with pytest.raises(BadBackup) as caught:
        restored(tmp_path / "out.tar", tmp_path / "new")
    assert (caught.value.code, caught.value.detail) == ("damaged", "../../x.toml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tar"]


def test_another_installations_database_and_store_count_no_more_in_restored_settings():
    text = 'entity = "a"\ndatabase_url = "postgresql://x"\n[store]\nurl = "s3://b"\n[work]\ndocuments_at_once = 1\n'
    assert (
        elsewhere(text) == 'entity = "a"\n# database_url = "postgresql://x"\n# [store]\n# url = "s3://b"\n[work]\ndocuments_at_once = 1\n'
    )


def test_a_restored_home_writes_no_backups_where_the_other_ones_lie_and_its_person_is_told():
    text = '[backup]\nfolder = "/mnt/a"\nhours = 12\n[ledger]\nfolder = "/mnt/b"\n'
    assert elsewhere(text) == text.replace('folder = "/mnt/a', '# folder = "/mnt/a')
    assert elsewhere('backup.folder = "/mnt/a"\nbackup.hours = 12\n') == '# backup.folder = "/mnt/a"\nbackup.hours = 12\n'
    assert elsewhere('backup = {folder = "/mnt/a"}\n') == '# backup = {folder = "/mnt/a"}\n'
    done = Restored("b", "2026-09-17T08:00:00+00:00", "h", "0010", backups_went="/mnt/a")
    assert all(any("/mnt/a" in line for line in describe_restored(done, language)) for language in ("fr", "en"))


# --- keys ---


def test_keys_go_along_only_when_asked_and_open_only_by_their_passphrase(station, tmp_path):
    done = restored(made() / "all.tar", tmp_path / "new", passphrase=PASSPHRASE)
    same = [(home / "keys" / "ledger" / "essai.pem").read_bytes() for home in (made() / "home", tmp_path / "new")]
    mode = (tmp_path / "new" / "keys" / "ledger" / "essai.pem").stat().st_mode & 0o77
    assert (done.keys, same[0] == same[1], mode) == ("restored", True, 0)
    with pytest.raises(WrongPassphrase):
        restored(made() / "all.tar", tmp_path / "other", passphrase="not this one")
    with pytest.raises(NoPassphrase):
        back_up(station, tmp_path / "b.tar", keys="short")


def test_sealed_keys_vouch_for_their_parameters():
    sealed = json.loads(seal_keys({"a": b"1"}, PASSPHRASE, {"n": 16, "r": 8, "p": 1}))
    assert open_keys(json.dumps(sealed).encode(), PASSPHRASE) == {"a": b"1"}
    with pytest.raises(WrongPassphrase):
        open_keys(json.dumps(sealed | {"n": 32}).encode(), PASSPHRASE)


# --- witnesses ---


@pytest.fixture
def behind(station, tmp_path):
    """A backup, and a witness folder that has seen more since."""
    settings = station.settings.model_copy(update={"ledger": Ledger(folder=str(tmp_path / "witness"))})
    (tmp_path / "witness").mkdir()
    (station.home / "sceau.toml").write_text(f'[ledger]\nfolder = "{tmp_path / "witness"}"\n')
    watched = replace(station, settings=settings)
    back_up(watched, tmp_path / "old.tar")
    append(watched)
    checkpoint_now(watched, "essai")
    deliver_due(watched)
    return tmp_path / "old.tar"


def test_an_old_backup_does_not_take_back_what_a_witness_has_seen(behind, tmp_path):
    with pytest.raises(TreeContradicted) as caught:
        restored(behind, tmp_path / "new")
    assert "plus ancienne que ce qui fut attesté" in refused_words(caught.value, "fr")
    assert not (tmp_path / "new").exists()


def test_a_checkpoint_that_somebody_kept_apart_is_a_witness_too(station, tmp_path):
    back_up(station, tmp_path / "old.tar")
    append(station)
    (tmp_path / "kept.checkpoint").write_text(checkpoint_now(station, "essai").note)
    with pytest.raises(TreeContradicted):
        restored(tmp_path / "old.tar", tmp_path / "new", witnesses=(tmp_path / "kept.checkpoint",))


def test_a_person_accepts_the_loss_and_the_ledger_says_what_is_missing(behind, station, tmp_path):
    with station.database.reading() as session:
        seen = tree_of(session, "essai").size
    done = restored(behind, tmp_path / "new", loss=Loss("le disque est mort", "atelier"))
    assert done.lost == {"essai": seen}
    new = packages.atwork.open_home(tmp_path / "new")
    with new.database.reading() as session:
        body = session.scalar(sa.select(LedgerPayload.body).where(LedgerPayload.type == "resumed"))
    new.database.close()
    assert f"les inscriptions {seen - 1} à {seen - 1} manquent. Motif : le disque est mort" in json.loads(body)["reason"]


# --- the command ---


def place_for(home: Path) -> list[str]:
    """As `restored`: also an empty database where these tests run on a server."""
    if "SCEAU_TEST_POSTGRES" not in os.environ:
        return ["--to", str(home)]
    import onpostgres

    return ["--to", str(home), "--database", onpostgres.empty_home(home)]


def command(source: Path, home: Path, *more: str) -> Result:
    environment = {"SCEAU_HOME": str(home.parent / "none")}
    return CliRunner().invoke(app, ["restore", str(source), *place_for(home), *more], env=environment)


def failing(done: dict[str, object]) -> list[str]:
    return [check["name"] for check in done["checks"] if not check["ok"]]


DRAWN = ["witnesses"]
"""The papers drawn here carry no head of the log."""


def test_the_command_ends_with_every_hash_seal_and_entry_checked(tmp_path):
    ended = command(made() / "all.tar", tmp_path / "new", "--verify", "--json")
    done = json.loads(ended.stdout)
    assert (ended.exit_code, done["seals"], done["bad"], failing(done)) == (4, 3, [], DRAWN)
    assert {check["name"] for check in done["checks"]} >= {"chain", "records", "originals", "archives", "checkpoints"}


def test_the_command_ends_well_where_all_holds(tmp_path):
    house = packages.new_home(tmp_path / "house")
    append(house)
    back_up(house, tmp_path / "all.tar")
    house.database.close()
    ended = command(tmp_path / "all.tar", tmp_path / "new", "--verify")
    assert (ended.exit_code, "✗" in ended.stdout, "Restauré" in ended.stdout) == (0, False, True)


def test_the_command_says_what_keeps_a_backup_from_its_place(behind, tmp_path):
    (tmp_path / "cut.tar").write_bytes((made() / "all.tar").read_bytes()[:20_000])
    cut, old = command(tmp_path / "cut.tar", tmp_path / "new"), command(behind, tmp_path / "new")
    assert (cut.exit_code, old.exit_code, "plus ancienne que ce qui fut attesté" in " ".join(old.stderr.split())) == (1, 3, True)
    assert "Rien n'a été restauré" in " ".join(cut.stderr.split())
    assert not (tmp_path / "new").exists()


def test_a_seal_that_does_not_hold_is_told_by_the_command_though_every_hash_does(tmp_path, monkeypatch):
    seal = packages.seal_file

    def damaged(source, target, sealer):
        seal(source, target, sealer)
        target.write_bytes(target.read_bytes().replace(b"/Producer", b"/Prodigal", 1))

    monkeypatch.setattr(packages, "seal_file", damaged)
    house = packages.new_home(tmp_path / "house")
    packages.seal_one(house, "facture.png", packages.PAPERS[5], packages.day("2024-10-30"))
    back_up(house, tmp_path / "bad.tar")
    house.database.close()
    ended = command(tmp_path / "bad.tar", tmp_path / "new", "--verify", "--json")
    done = json.loads(ended.stdout)
    assert (ended.exit_code, done["seals"], len(done["bad"]), "archives" in failing(done)) == (4, 1, 1, False)
    assert done["bad"][0].startswith("archive/") and ".pdf: seal" in done["bad"][0]


@pytest.mark.parametrize(
    "place", ["station.restore:_load:after:1", "station.restore:_check_files:before:1", "station.restore:_put_in_place:before:1"]
)
def test_a_restoration_that_is_killed_puts_nothing_in_place_and_the_next_one_removes_what_it_left(tmp_path, place):
    new = tmp_path / "new"
    killed_command.require_killed(tmp_path / "none", place, "restore", str(made() / "all.tar"), *place_for(new))
    assert not new.exists()
    assert len(list(tmp_path.glob(".new.restoring-*"))) == 1
    assert failing(json.loads(command(made() / "all.tar", new, "--json").stdout)) == DRAWN
    assert list(tmp_path.glob(".new.restoring-*")) == []


def test_a_restoration_leaves_the_draft_of_another_one_that_is_at_work(tmp_path, monkeypatch):
    load, drafts = restore._load, []

    def look_aside(*args):
        monkeypatch.setattr(restore, "_load", load)
        with restore._staged(tmp_path / "new") as other:
            drafts.extend(sorted(tmp_path.glob(".new.restoring-*")))
            assert other in drafts
        return load(*args)

    monkeypatch.setattr(restore, "_load", look_aside)
    assert restored(made() / "all.tar", tmp_path / "new").bad == []
    assert len(drafts) == 2


# --- rehearsals ---


@pytest.fixture
def cared(station, tmp_path):
    settings = station.settings.model_copy(update={"backup": BackupCare(folder=str(tmp_path / "place"), hours=24, drill="weekly")})
    return replace(station, settings=settings)


def test_a_backup_that_a_clock_dated_ahead_puts_no_later_one_off(cared):
    ahead = replace(cared, clock=lambda: packages.LATER + timedelta(days=365))
    assert tend_backups(ahead) == "backup"
    with cared.database.reading() as session:
        assert standing_of(session, cared.settings, packages.LATER).alert == "late"
    assert tend_backups(cared) == "backup"


def test_the_station_backs_up_and_rehearses_when_it_is_due_and_a_sealed_report_says_so(cared):
    assert [tend_backups(cared) for _ in range(3)] == ["backup", "drill", None]
    with cared.database.reading() as session:
        standing = standing_of(session, cared.settings, packages.LATER + timedelta(hours=1))
        late = standing_of(session, cared.settings, packages.LATER + timedelta(hours=49))
        assert (standing.last.outcome, standing.drill.sha256 is not None, standing.drill.figures["rows"] > 0) == ("whole", True, True)
        assert (standing.late, late.alert) == (False, "late")
        assert cared.archives.path(standing.drill.sha256, ".pdf").is_file()
    assert not (cared.home / "restore-drill").exists()
    assert packages.atwork.ledger_types(cared)[-2:] == ["backup", "drill"]
    assert told(cared)["archives"]


def test_a_house_without_a_document_rehearses_nothing_unasked_and_an_asked_rehearsal_proves_nothing(tmp_path, practice_keys, monkeypatch):
    new = packages.atwork.open_home(tmp_path / "home")
    new = replace(new, settings=new.settings.model_copy(update={"backup": BackupCare(folder=str(tmp_path / "place"), drill="weekly")}))
    assert [tend_backups(new) for _ in range(2)] == ["backup", None]
    found = {**asdict(Restored("b", "2026-09-17T08:00:00+00:00", "h", "0010", rows=40, files=1)), "holds": True}
    monkeypatch.setattr(drills.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 0, json.dumps(found), ""))
    assert run_drill(new, tmp_path / "place").outcome == drills.EMPTY
    # The report of that one is a kept file itself.
    assert (noted_backup(new, tmp_path / "place").files, tend_backups(new)) == (1, None)
    with new.database.reading() as session:
        standing = standing_of(session, new.settings, new.clock())
        assert (standing.drill.outcome, standing.proof, standing.alert) == (drills.EMPTY, None, None)
        assert "restore" not in last_done(session, "essai")
    new.database.close()


def test_a_house_that_has_just_begun_is_not_late_with_its_rehearsal(cared):
    tend_backups(cared)
    with cared.database.reading() as session:
        standing = [standing_of(session, cared.settings, packages.LATER + timedelta(days=days)) for days in (0, 15)]
    assert [each.undrilled for each in standing] == [False, True]


def test_a_rehearsal_of_a_damaged_backup_fails_with_words(cared, tmp_path):
    (tmp_path / "bad.tar").write_bytes((made() / "all.tar").read_bytes()[:300_000])
    row = run_drill(cared, tmp_path / "bad.tar")
    assert (row.outcome, "pas été terminée" in row.trouble, row.sha256 is not None) == ("failed", True, True)


def test_what_a_person_asks_for_comes_first_and_once(cared):
    with cared.database.writing() as session:
        person = people.ensure_practice(session)
        assert ask_run(session, cared.settings, "backup", person, packages.LATER)
        assert ask_run(session, cared.settings, "backup", person, packages.LATER) is None
    assert tend_backups(cared) == "backup"
    with cared.database.reading() as session:
        assert [(row.kind, row.outcome) for row in session.scalars(sa.select(BackupRun))] == [("backup", "whole")]


def test_what_a_person_asked_for_runs_until_it_ends_whoever_looks_for_broken_ones_and_is_taken_once(cared, monkeypatch):
    with cared.database.writing() as session:
        for kind in ("backup", "drill"):
            ask_run(session, cared.settings, kind, people.ensure_practice(session), packages.LATER)
    seen = []

    def looked(value):
        backup.end_broken(cared)
        seen.append(outcomes(cared))
        return value

    fine = backup.Made("made.tar", "", "", {})
    monkeypatch.setattr(backup, "back_up", lambda *_args, **_more: looked(fine))
    monkeypatch.setattr(drills, "_tried", lambda *_args: ("whole", {}, None))
    monkeypatch.setattr(drills, "_report", lambda *_args: looked(None))
    assert [tend_backups(cared), tend_backups(cared)] == ["backup", "drill"]
    assert seen == [["running", "asked"], ["whole", "running"]] and outcomes(cared) == ["whole", "whole"]
    with pytest.raises(SlotTaken):
        run_drill(cared, Path(cared.settings.backup.folder), 2)
    assert list((cared.home / "slots").glob("run-*")) == []


def test_a_backup_whose_process_died_is_told_as_broken_off(cared):
    backup.begin_run(cared, "backup", cared.settings.backup.folder)
    tend_backups(cared)
    with cared.database.reading() as session:
        first = session.get(BackupRun, 1)
        assert (first.outcome, "interrompu" in first.trouble) == ("failed", True)


KILLED = """
import os, signal, sys
from pathlib import Path
import atwork
from station import backup
backup.back_up = lambda *_args, **_more: os.kill(os.getpid(), signal.SIGKILL)
backup.noted_backup(atwork.open_home(Path(sys.argv[1])), Path("elsewhere.tar"))
"""


def test_a_backup_that_a_person_started_by_hand_is_told_as_broken_off_once_it_is_killed_and_not_before(tmp_path):
    folders = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    assert subprocess.run([sys.executable, "-c", KILLED, tmp_path], env=folders, timeout=120, check=False).returncode == -signal.SIGKILL
    station = atwork.open_home(tmp_path)
    living = backup.begin_run(station, "backup", "another.tar")
    stranger = backup.begin_run(station, "backup", "of another machine")
    with station.database.writing() as session:
        session.get_one(BackupRun, stranger).figures = {"machine": "another"}
    with backup.held_run(station, living):
        tend_backups(station)
        assert outcomes(station) == ["failed", "running", "running"]
    tend_backups(replace(station, clock=lambda: station.clock() + timedelta(days=3)))
    assert outcomes(station) == ["failed", "failed", "failed"]


def outcomes(station):
    with station.database.reading() as session:
        return list(session.scalars(sa.select(BackupRun.outcome).order_by(BackupRun.id)))


@pytest.mark.sqlite
def test_the_sqlite_file_of_a_restored_home_is_sound(tmp_path):
    restored(made() / "all.tar", tmp_path / "new")
    with sqlite3.connect(tmp_path / "new" / "sceau.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize(
    ("told", "noted", "said"),
    [
        ("[Errno 28] No space left on device", None, "disque est plein"),
        ("OSError: [Errno 30] Read-only file system: '/mnt'", None, "lecture seule"),
        ("[Errno 2] No such file or directory: '/mnt'", "unexpected", "pas là"),
        ("[Errno 13] Permission denied: '/mnt'", "unexpected", "droit"),
        ("connection refused", "database-away", "serveur de la base"),
    ],
)
def test_why_a_backup_failed_is_said_in_words(told, noted, said):
    words = trouble_said(told, noted, words_in("fr"))
    assert said in words and "Rien n’est perdu" in words.replace("'", "’")


def test_what_has_no_words_is_told_as_it_was_noted():
    assert trouble_said("essai non lu", "unexpected", words_in("fr")) is None and trouble_said(None, None, words_in("fr")) is None
