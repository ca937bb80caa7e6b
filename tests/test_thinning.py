"""Old backups go by the stated rule, each removal in the ledger; the newest, the proven one and what is locked stay."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from test_backup import restored, station  # noqa: F401 the fixture

from config.settings import BackupCare
from station import thinning
from station.backup import folder_sink, noted_backup
from station.copies import COMPLETE
from station.records.tables import BackupRun, LedgerPayload
from station.thinning import Backup, staying, thin_backups

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
moments = st.lists(st.integers(0, 24 * 900).map(lambda hours: NOON - timedelta(hours=hours)), min_size=1, max_size=40, unique=True)
rules = st.builds(BackupCare, keep_days=st.integers(0, 9), keep_weeks=st.integers(0, 9), keep_months=st.integers(0, 9))


def backups(at: list[datetime]) -> list[Backup]:
    return [Backup(Path(f"{each:%Y%m%dT%H%M%S}000Z"), each) for each in at]


@given(moments, rules, st.data())
def test_the_newest_and_the_proven_one_stay_the_rest_is_bounded_and_thinning_twice_takes_no_more(at, care, data):
    there = backups(at)
    proven = data.draw(st.sampled_from(there)).path
    kept = staying(there, care, proven.name)
    assert {max(there, key=lambda each: each.at).path, proven} <= kept
    assert staying([each for each in there if each.path in kept], care, proven.name) == kept
    if not care.keep_days and not care.keep_weeks and not care.keep_months:
        assert len(kept) == len(there)
    else:
        assert len(kept) <= care.keep_days + care.keep_weeks + care.keep_months + 2


def test_days_without_a_backup_count_for_nothing():
    there = backups([NOON, NOON - timedelta(hours=3), NOON - timedelta(days=40), NOON - timedelta(days=90)])
    kept = staying(there, BackupCare(keep_days=3, keep_weeks=0, keep_months=0), None)
    assert kept == {there[0].path, there[2].path, there[3].path}


def kept_daily(workstation, days: int):
    care = BackupCare(folder="place", keep_days=days, keep_weeks=0, keep_months=0)
    return replace(workstation, settings=workstation.settings.model_copy(update={"backup": care}))


def over_days(workstation, count: int) -> Path:
    """A folder with a backup of each of so many days; of each another reading file, as a house at work."""
    begin, place = workstation.clock(), workstation.home.parent / "place"
    for day in range(count):
        (workstation.home / "readings").mkdir(exist_ok=True)
        (workstation.home / "readings" / "note.txt").write_text(f"day {day}")
        noted_backup(replace(workstation, clock=lambda day=day: begin + timedelta(days=day)), place)
    return place


def runs_in(place: Path) -> list[Path]:
    return sorted((place / "backups").iterdir())


def entries(workstation) -> int:
    with workstation.database.reading() as session:
        return sum(each == thinning.ENTRY for each in session.scalars(sa.select(LedgerPayload.type)))


def test_what_goes_is_told_in_the_ledger_and_on_its_row_its_own_bytes_go_and_what_stays_restores(station, tmp_path):  # noqa: F811 the fixture
    place = over_days(station, 4)
    before, contents = runs_in(place), len(list(place.glob("contents/*/*/*")))
    (place / "backups" / "@eaDir").mkdir()  # What a NAS puts everywhere: no backup on its way.
    found = thin_backups(kept_daily(station, 2), place)
    assert found.gone == tuple(each.name for each in before[:2]) and runs_in(place)[:-1] == before[2:]
    assert 0 < len(list(place.glob("contents/*/*/*"))) < contents and found.freed > 0
    assert entries(station) == 2
    with station.database.reading() as session:
        rows = list(session.scalars(sa.select(BackupRun).order_by(BackupRun.id)))
    assert ["thinned" in each.figures for each in rows] == [True, True, False, False]
    for run in before[2:]:
        assert restored(run, tmp_path / run.name).bad == []


def test_the_proven_one_stays_and_what_the_folder_does_not_let_go_is_left_as_it_is(station, monkeypatch):  # noqa: F811 the fixture
    place = over_days(station, 3)
    proven, locked, newest = runs_in(place)
    with station.database.writing() as session:
        # Rehearsed under another mount of the same folder; since then another folder's, too.
        for rehearsed in (f"/mnt/nas/place/backups/{proven.name}", "/elsewhere/backups/20260101T000000000Z"):
            session.add(BackupRun(kind="drill", started_at=NOON, place=rehearsed, outcome="whole", size=0, figures={}))
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.parent == locked:
            raise PermissionError(errno.EPERM, "locked", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    found = thin_backups(kept_daily(station, 1), place)
    assert (found.gone, found.locked, entries(station)) == ((), (locked.name,), 0)
    assert all((each / COMPLETE).is_file() for each in (proven, locked, newest))


def test_nothing_goes_while_a_backup_is_being_written_there(station):  # noqa: F811 the fixture
    place = over_days(station, 2)
    with folder_sink(place, station.clock() + timedelta(days=9)):
        assert thin_backups(kept_daily(station, 1), place).gone == ()
    assert len(runs_in(place)) == 3


def test_a_removal_that_broke_off_is_ended_and_what_broke_off_long_ago_goes_untold(station):  # noqa: F811 the fixture
    place = over_days(station, 2)
    first = runs_in(place)[0]
    (first / COMPLETE).rename(first / thinning.LEAVING)
    old = place / "backups" / "20200101T000000000Z"
    old.mkdir()
    (place / "backups" / "une note").mkdir()
    assert set(thin_backups(kept_daily(station, 0), place).gone) == set()
    assert set(thin_backups(kept_daily(station, 5), place).gone) == {first.name, old.name}
    assert entries(station) == 1 and (place / "backups" / "une note").is_dir()
