"""Before what a sealed file's newest timestamp stands on ends, the file is timestamped anew: a new file, which begins with the old one."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import atwork
import pytest
import sqlalchemy as sa
from asn1crypto import pem
from objectserver import new_bucket, object_server
from practice import compose, noisy, png_leaf
from sqlalchemy.exc import TimeoutError as PoolExhausted
from typer.testing import CliRunner
from years import House

from capture.originals import Condition
from config.settings import Sealing, StoreChoice, Trust
from sealing.authority import TimeAuthority
from sealing.keys import CachedSigner, Identity
from sealing.lasting import LEAVING, Leaving, NoTimestamp, lasting_of, leaves_after
from sealing.ledger import Event
from sealing.seal import CannotSeal, Sealer, TimestampUnavailable, seal_file
from sealing.stampers import Relay
from sealing.ticks import Health, Look, Tick
from sealing.verify import verify_file
from station import renewal
from station.audit import audit_ledger
from station.cli import app
from station.records.clock import note_look, tick_now
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Archive, Batch, Document, LedgerRow, State
from station.renewal import Due, Outcome, due_renewals, note_terms, renew_archive, renew_due, show_due, tend_renewals, terms_of
from station.timekeeping import ClockStepped
from station.workstation import Workstation

DAYS = 180


def years(year: int, month: int = 1) -> datetime:
    return datetime(year, month, 2, 12, tzinfo=UTC)


@dataclass
class Cabinet:
    """Sealed files of a station whose time the test holds."""

    workstation: Workstation
    house: House
    authorities: list[Identity]
    seal: Identity
    moment: datetime

    def sealer(self) -> Sealer:
        """With the authority of that year: each lasts four years, and a new one comes every three."""
        number = max(n for n, each in enumerate(self.authorities) if each.certificate.not_valid_before <= self.moment)
        return self.house.sealer(self.seal, self.authorities[number], self.moment)

    def put(self, name: str, level: str = "B-LTA") -> str:
        """A document whose file is sealed now; its SHA-256."""
        folder = self.workstation.home / "work" / name
        folder.mkdir(parents=True)
        seal_file(compose(folder, [png_leaf(folder, noisy(seed=len(name)))]), folder / "sealed.pdf", self.sealer())
        kept = self.workstation.archives.keep(folder / "sealed.pdf", ".pdf")
        with self.workstation.database.writing() as session:
            self._rows(session, name, kept.sha256, kept.size, level)
        return kept.sha256

    def _rows(self, session, name: str, sha256: str, size: int, level: str) -> None:
        now = self.moment
        session.add(Batch(id=name, station="demo", opened_at=now))
        given = {"entity": "essai", "station": "demo", "operator": "a", "document_type": "invoice", "title": name}
        session.add(Document(id=name, batch_id=name, state=State.SEALED, received_at=now, changed_at=now, **given))
        session.flush()
        made = {"size": size, "attached": 0, "level": level, "practice": False, "checks": [], "sealed_at": now}
        session.add(Archive(sha256=sha256, document_id=name, version=1, **made))
        append_event(session, Event("essai", "formed", {"document": name}, SYSTEM, now, "system", {}))
        append_event(session, Event("essai", "sealed", {"document": name, "archive": sha256}, SYSTEM, now, "system", {"level": level}))

    def archives(self, name: str) -> list[Archive]:
        with self.workstation.database.reading() as session:
            return list(session.scalars(sa.select(Archive).where(Archive.document_id == name).order_by(Archive.version)))

    def due(self, table: tuple[Leaving, ...] = LEAVING) -> list[tuple[str, str]]:
        note_terms(self.workstation)
        with self.workstation.database.reading() as session:
            return [(each.document_id, each.reason) for each in due_renewals(session, self.moment, DAYS, table)]

    def renew(self) -> list[Outcome]:
        note_terms(self.workstation)
        return list(renew_due(self.workstation, renewer=self.sealer().renewer))

    def path(self, sha256: str) -> Path:
        return self.workstation.archives.path(sha256, ".pdf")

    def entries(self, kind: str) -> list[dict]:
        with self.workstation.database.reading() as session:
            told = [json.loads(entry) for entry in session.scalars(sa.select(LedgerRow.entry).order_by(LedgerRow.sequence))]
        return [entry for entry in told if entry["type"] == kind]


@pytest.fixture(scope="module")
def house() -> House:
    return House(years(2010))


@pytest.fixture(scope="module")
def authorities(house: House) -> list[Identity]:
    return [house.time(years(2012 + 3 * n), years(2016 + 3 * n)) for n in range(4)]


@pytest.fixture
def cabinet(house, authorities, tmp_path) -> Cabinet:
    return cabinet_of(house, authorities, tmp_path)


def cabinet_of(house: House, authorities: list[Identity], folder: Path, **changes: Any) -> Cabinet:
    opened = atwork.open_home(folder / "home", **changes)
    held = Cabinet(opened, house, authorities, house.issue("Cachet", years(2012), years(2015)), years(2012, 6))
    held.workstation = Workstation(opened.settings, opened.database, opened.originals, opened.archives, clock=lambda: held.moment)
    return held


# --- what lasts how long ---


def test_a_timestamp_lasts_as_long_as_its_certificates_and_names_its_algorithms(cabinet):
    found = lasting_of(cabinet.path(cabinet.put("a")))
    assert (found.ends, found.algorithms) == (years(2016), ("ec-256", "sha256"))


def test_what_has_no_timestamp_is_told(tmp_path):
    with pytest.raises(NoTimestamp):
        lasting_of(compose(tmp_path, [png_leaf(tmp_path, noisy())]))


@pytest.mark.parametrize(
    ("algorithms", "day"),
    [
        (("ec-256", "sha256"), None),
        (("rsa-3072", "sha256"), None),
        (("rsa-2048", "sha256"), date(2030, 12, 31)),
        (("rsa-1024", "sha256"), date(2013, 12, 31)),
        (("rsa-4096", "sha1"), date(2013, 12, 31)),
        (("ec-224", "sha512"), date(2020, 12, 31)),
    ],
)
def test_algorithms_are_left_on_their_day(algorithms, day):
    assert leaves_after(algorithms) == day


# --- what is due ---


def test_a_file_is_due_half_a_year_before_its_timestamp_ends(cabinet):
    cabinet.put("a")
    found = []
    for moment in (years(2012, 6), years(2015, 7), years(2015, 8), years(2016)):
        cabinet.moment = moment
        found.append(cabinet.due())
    assert found == [[], [], [("a", "certificate")], [("a", "late")]]


def test_a_file_is_due_when_an_algorithm_is_to_be_left(cabinet):
    cabinet.put("a")
    assert cabinet.due((Leaving("sha256", None, date(2012, 12, 1), "a test"),)) == []
    cabinet.moment = years(2012, 7)
    assert cabinet.due((Leaving("sha256", None, date(2012, 12, 1), "a test"),)) == [("a", "algorithm")]


def test_what_has_no_seal_is_not_renewed(cabinet):
    cabinet.put("a", level="")
    cabinet.moment = years(2015, 10)
    assert cabinet.due() == []


# --- renewing ---


def test_a_renewed_file_begins_with_the_old_one_which_stays_and_the_ledger_links_them(cabinet):
    old = cabinet.put("a")
    cabinet.moment = years(2015, 10)
    (outcome,) = cabinet.renew()
    first, second = cabinet.archives("a")
    assert (outcome.sha256, second.version, second.extends, second.stamp_ends) == (second.sha256, 2, old, years(2019))
    before, after = cabinet.path(old).read_bytes(), cabinet.path(second.sha256).read_bytes()
    assert after.startswith(before) and hashlib.sha256(after).hexdigest() == second.sha256
    (entry,) = cabinet.entries("renewed")
    assert entry["objects"] == {"document": "a", "archive": second.sha256, "extends": first.sha256}
    assert {each.name: each.ok for each in audit_ledger(cabinet.workstation)}["records"]
    assert cabinet.due() == [] and cabinet.renew() == []


def test_over_twelve_years_each_renewal_keeps_the_file_verifiable(cabinet):
    cabinet.put("a")
    for year in (2015, 2018, 2021):
        cabinet.moment = years(year, 10)
        assert [outcome.problem for outcome in cabinet.renew()] == [None]
    versions = cabinet.archives("a")
    assert [each.version for each in versions] == [1, 2, 3, 4]
    valid = [verify_file(cabinet.path(each.sha256), cabinet.house.trust, years(2024)).valid for each in versions]
    assert valid == [False, False, False, True]


def test_a_file_whose_timestamp_has_ended_is_told_and_not_renewed(cabinet):
    cabinet.put("a")
    cabinet.moment = years(2016, 2)
    assert [(each.sha256, each.problem) for each in cabinet.renew()] == [(None, "renewal-late")]
    assert len(cabinet.archives("a")) == 1


def test_a_damaged_file_is_not_renewed_and_keeps_back_no_other(cabinet):
    broken = cabinet.path(cabinet.put("a"))
    cabinet.put("bb")
    note_terms(cabinet.workstation)
    broken.chmod(0o600)
    content = bytearray(broken.read_bytes())
    content[3000] ^= 1
    broken.write_bytes(content)
    cabinet.moment = years(2015, 10)
    assert {each.due.document_id: each.sha256 is not None for each in cabinet.renew()} == {"a": False, "bb": True}
    assert len(cabinet.archives("a")) == 1


def test_a_file_that_was_exchanged_for_another_sealed_one_is_not_renewed(cabinet):
    exchanged, other = cabinet.path(cabinet.put("a")), cabinet.path(cabinet.put("bb"))
    note_terms(cabinet.workstation)
    exchanged.chmod(0o600)
    exchanged.write_bytes(other.read_bytes())
    cabinet.moment = years(2015, 10)
    assert {each.due.document_id: each.sha256 is not None for each in cabinet.renew()} == {"a": False, "bb": True}


def test_only_the_newest_file_of_a_document_is_renewed(cabinet):
    cabinet.put("a")
    cabinet.moment = years(2015, 10)
    cabinet.renew()
    assert cabinet.due() == []


def test_what_a_killed_process_had_made_is_proved_again_and_taken(cabinet, monkeypatch):
    old = cabinet.put("a")
    cabinet.moment = years(2015, 10)
    note_terms(cabinet.workstation)
    due = Due("a", old, 1, years(2016), "certificate")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(renewal, "_prove", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr("station.leftovers.shutil.rmtree", lambda *_, **__: None)
        renew_archive(cabinet.workstation, due, cabinet.sealer().renewer)
    made = next((cabinet.workstation.work_folder("a") / "renew-1").glob("renewed.pdf")).read_bytes()
    assert renew_archive(cabinet.workstation, due, cabinet.sealer().renewer) == hashlib.sha256(made).hexdigest()
    assert not (cabinet.workstation.work_folder("a") / "renew-1").exists()


def test_a_file_that_cannot_be_noted_leaves_nothing_behind(cabinet, monkeypatch):
    old = cabinet.put("a")
    cabinet.moment = years(2015, 10)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(renewal, "append_event", lambda *_: (_ for _ in ()).throw(RuntimeError))
        renew_archive(cabinet.workstation, Due("a", old, 1, years(2016), "certificate"), cabinet.sealer().renewer)
    assert [path.stem for path in cabinet.workstation.archives.root.rglob("*.pdf")] == [old]


def test_a_renewal_that_the_records_do_not_take_leaves_what_it_made_to_the_next_one(cabinet, monkeypatch):
    due = Due("a", cabinet.put("a"), 1, years(2016), "certificate")
    cabinet.moment = years(2015, 10)
    with monkeypatch.context() as patch, pytest.raises(PoolExhausted):
        for name in ("station.renewal._note", "station.leftovers.is_archived"):
            patch.setattr(name, lambda *_: (_ for _ in ()).throw(PoolExhausted))
        renew_archive(cabinet.workstation, due, cabinet.sealer().renewer)
    made = hashlib.sha256((cabinet.workstation.work_folder("a") / "renew-1" / "renewed.pdf").read_bytes()).hexdigest()
    assert renew_archive(cabinet.workstation, due, cabinet.sealer().renewer) == made
    assert cabinet.workstation.archives.holds(made, ".pdf")


def test_a_document_with_a_newer_file_by_now_is_left_alone(cabinet):
    old = cabinet.put("a")
    cabinet.moment = years(2015, 10)
    cabinet.renew()
    assert renew_archive(cabinet.workstation, Due("a", old, 1, years(2016), "certificate"), cabinet.sealer().renewer) is None
    assert len(cabinet.archives("a")) == len(list(cabinet.workstation.archives.root.rglob("*.pdf"))) == 2


def test_without_time_nothing_is_renewed_and_it_is_tried_again(cabinet):
    cabinet.put("a")
    cabinet.moment = years(2015, 10)
    note_terms(cabinet.workstation)
    silent = Sealer(CachedSigner(cabinet.seal), Relay([]), cabinet.house.trust, (), lambda: cabinet.moment)
    assert [each.problem for each in renew_due(cabinet.workstation, renewer=silent.renewer)] == ["timestamp-unavailable"]
    assert cabinet.due() == [("a", "certificate")]


def test_while_the_clock_is_not_believed_nothing_is_renewed(cabinet):
    cabinet.put("a")
    cabinet.moment = years(2015, 10)
    note_terms(cabinet.workstation)
    now = tick_now()
    with cabinet.workstation.database.writing() as session:
        note_look(session, Look(Tick(cabinet.moment, now.steady, now.boot), Health.STEPPED))
    with pytest.raises(ClockStepped):
        list(renew_due(cabinet.workstation, renewer=cabinet.sealer().renewer))


def test_the_station_tells_how_the_archive_stands(cabinet):
    cabinet.put("a")
    with cabinet.workstation.database.reading() as session:
        assert terms_of(session, cabinet.moment, DAYS) == renewal.Terms(0, 0, 1, None)
    note_terms(cabinet.workstation)
    with cabinet.workstation.database.reading() as session:
        assert terms_of(session, years(2015, 10), DAYS) == renewal.Terms(1, 0, 0, years(2016))
        assert terms_of(session, years(2017), DAYS) == renewal.Terms(0, 1, 0, years(2016))


def test_a_dry_run_tells_and_changes_nothing(cabinet):
    cabinet.put("a")
    cabinet.moment = years(2015, 10)
    note_terms(cabinet.workstation)
    assert [each.due.document_id for each in show_due(cabinet.workstation)] == ["a"]
    assert len(cabinet.archives("a")) == 1


def test_files_that_cannot_be_renewed_keep_back_no_other(cabinet):
    for name in ("aa", "bb"):
        cabinet.put(name)
    cabinet.moment = years(2015, 10)
    note_terms(cabinet.workstation)
    with cabinet.workstation.database.reading() as session:
        first, second = (each.document_id for each in due_renewals(session, cabinet.moment, DAYS))
    spoil(cabinet.path(cabinet.archives(first)[0].sha256))
    renewer = cabinet.sealer().renewer
    turns = [list(renew_due(cabinet.workstation, at_once=1, renewer=renewer)) for _ in range(2)]
    assert [(each.due.document_id, each.sha256 is None) for (each,) in turns] == [(first, True), (second, False)]


def spoil(path: Path) -> None:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)


def test_a_file_is_renewed_without_the_key_that_sealed_it(cabinet, monkeypatch):
    cabinet.put("a")
    cabinet.moment = years(2015, 10)
    note_terms(cabinet.workstation)
    authority = cabinet.sealer().timestamper
    gone = {"mode": "production", "file": "gone.p12"}
    trust = {"roots": ["root.pem"], "revocation": ["root.crl"]}
    home = cabinet.workstation.home
    (home / "root.pem").write_bytes(pem.armor("CERTIFICATE", cabinet.house.trust[0].dump()))
    (home / "root.crl").write_bytes(cabinet.house.crl(cabinet.moment))
    settings = cabinet.workstation.settings.model_copy(update={"sealing": Sealing(**gone), "trust": Trust(**trust)})
    authority.crls = (cabinet.house.crl(cabinet.moment),)
    monkeypatch.setattr(renewal, "stamper_of", lambda *_: authority)
    (outcome,) = renew_due(replace(cabinet.workstation, settings=settings))
    assert outcome.sha256 is not None, outcome


def test_what_is_late_is_told_once(cabinet, caplog):
    cabinet.put("a")
    cabinet.moment = years(2017)
    for _ in range(3):
        tend_renewals(cabinet.workstation)
    assert len([each for each in caplog.records if "timestamp has ended" in each.message]) == 1


def test_another_authority_stands_in_and_the_timestamp_before_is_proved_by_its_own_lists(tmp_path):
    first, second = House(years(2010), name="Racine A"), House(years(2010), name="Racine B")
    trust, moment = (*first.trust, *second.trust), years(2015, 8)

    def relay(*of: tuple[House, Identity]) -> Relay:
        given = [TimeAuthority(identity, lambda: moment) for _, identity in of]
        for stamper, (house, _) in zip(given, of, strict=True):
            stamper.roots, stamper.crls = house.trust, (house.crl(moment),)
        return Relay(given)

    old, new = (first, first.time(years(2012), years(2016))), (second, second.time(years(2012), years(2020)))
    path = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    sealer = Sealer(CachedSigner(first.issue("Cachet", years(2012), years(2020))), relay(old), trust, (), lambda: moment)
    seal_file(path, path, sealer)
    renewal.append_timestamp(path, tmp_path / "renewed.pdf", replace(sealer, timestamper=relay(new, old)))
    assert verify_file(tmp_path / "renewed.pdf", trust, years(2017)).valid


def test_a_turn_of_the_station_looks_into_files_and_does_nothing_where_none_is_due(cabinet):
    cabinet.put("a")
    tend_renewals(cabinet.workstation)
    assert [each.stamp_ends for each in cabinet.archives("a")] == [years(2016)]


def test_the_command_lists_what_is_late_and_says_so(cabinet, monkeypatch):
    cabinet.put("a")
    monkeypatch.setenv("SCEAU_HOME", str(cabinet.workstation.home))
    result = CliRunner().invoke(app, ["renew", "--dry-run", "--json"])
    assert result.exit_code == 3
    assert [(each["document"], each["reason"]) for each in map(json.loads, result.output.splitlines())] == [("a", "late")]


def test_a_seal_is_not_renewed_once_it_is_too_late(house, authorities, tmp_path):
    seal = house.issue("Cachet", years(2012), years(2015))
    path = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    seal_file(path, path, house.sealer(seal, authorities[0], years(2012, 6)))
    with pytest.raises(CannotSeal, match="expired"):
        renewal.append_timestamp(path, tmp_path / "late.pdf", house.sealer(seal, authorities[1], years(2016, 2)))
    assert not (tmp_path / "late.pdf").exists()


def test_a_clock_that_went_back_renews_nothing(house, authorities, tmp_path):
    path = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    seal = house.issue("Cachet", years(2012), years(2015))
    moments = [years(2012, 6)]
    sealer = Sealer(
        CachedSigner(seal), TimeAuthority(authorities[0], lambda: moments[-1]), house.trust, (house.crl(moments[0]),), lambda: moments[0]
    )
    seal_file(path, path, sealer)
    moments.append(years(2012, 6) - timedelta(seconds=5))
    with pytest.raises(TimestampUnavailable):
        renewal.append_timestamp(path, tmp_path / "renewed.pdf", sealer)


def test_a_file_in_a_bucket_is_renewed_there(house, authorities, tmp_path, monkeypatch):
    monkeypatch.setenv("SCEAU_STORE_KEY", "key")
    monkeypatch.setenv("SCEAU_STORE_SECRET", "secret")
    with object_server() as endpoint:
        store = StoreChoice(url=f"s3://{new_bucket(endpoint)}/house?endpoint={endpoint}")
        cabinet = cabinet_of(house, authorities, tmp_path, store=store)
        first = cabinet.put("a")
        cabinet.moment = years(2015, 10)
        (outcome,) = cabinet.renew()
        # As on another machine: no working copies.
        for each in list(cabinet.workstation.archives.copies()):
            cabinet.workstation.archives._copies.drop(each.sha256, each.suffix)
        assert cabinet.workstation.archives.verify(outcome.sha256, ".pdf") is Condition.SOUND
        assert cabinet.path(outcome.sha256).read_bytes().startswith(cabinet.path(first).read_bytes())
        assert cabinet.workstation.archives.locked_until(outcome.sha256, ".pdf") is not None
