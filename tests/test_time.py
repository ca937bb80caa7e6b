"""Acceptance D: no false time, whatever authorities, clocks, calendars and years do."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import atwork
import papers
import pytest
import sqlalchemy as sa
from asn1crypto import algos, pem, tsp
from practice import NOON, compose, noisy, png_leaf, practice_keys
from pyhanko.sign.timestamps import TimestampRequestError
from tsaserver import serving
from years import House

from config.settings import Settings, Time, TimeSource, Trust
from sealing.authority import EXAMPLE_POLICY, LatestInFile, TimeAuthority
from sealing.keys import Identity
from sealing.ledger import Actor, ActorKind, Event, entry_bytes
from sealing.seal import append_timestamp, practice_sealer, seal_file
from sealing.stampers import Demand, RemoteAuthority
from sealing.verify import verify_file
from station.records.tables import LedgerPayload, State
from station.timekeeping import stamper_of, waiting_for_time
from station.web.words import words_in

PARIS = ZoneInfo("Europe/Paris")
HOUSE = Path(__file__).parents[1]


def ask(imprint: bytes = bytes(32)) -> tsp.TimeStampReq:
    hashed = {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "hashed_message": imprint}
    return tsp.TimeStampReq({"version": 1, "message_imprint": hashed, "cert_req": True, "nonce": 1})


def given_by(authority: TimeAuthority) -> datetime | None:
    """The time of its next token; None where it refuses."""
    answer = authority.answer(ask())
    if answer["status"]["status"].native != "granted":
        return None
    return answer["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed["gen_time"].native


def years(year: int, month: int = 1) -> datetime:
    return datetime(year, month, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def house() -> House:
    return House(years(2010))


@pytest.fixture(scope="module")
def identity() -> Identity:
    return practice_keys().time


# --- tokens that are not ours ---


def lied_to(house: House, change: str) -> str:
    """Why a token over something else than what was asked is not used."""
    authority = TimeAuthority(house.time(years(2010), years(2030)), lambda: NOON, "1.2.3" if change == "policy" else EXAMPLE_POLICY)

    def answer(request: tsp.TimeStampReq) -> bytes:
        if change == "hash":
            request = ask(b"x" * 32)
        if change == "nonce":
            request["nonce"] = 99
        return authority.answer(tsp.TimeStampReq.load(request.dump(force=True))).dump()

    with serving(answer) as served, pytest.raises(TimestampRequestError) as told:
        demand = Demand(house.trust, EXAMPLE_POLICY, (house.crl(NOON),))
        asyncio.run(RemoteAuthority("tiers", served.url, demand, lambda: NOON).async_timestamp(bytes(32), "sha256"))
    return str(told.value)


def test_d_a_token_over_another_hash_is_not_used(house):
    assert "another" in lied_to(house, "hash")


def test_d_a_token_with_another_nonce_is_not_used(house):
    assert "another nonce" in lied_to(house, "nonce")


def test_d_a_token_under_another_policy_is_not_used(house):
    assert "policy 1.2.3" in lied_to(house, "policy")


# --- certificates that end ---


@pytest.fixture(scope="module")
def over_years(house, tmp_path_factory) -> list[Path]:
    """A file sealed in 2012 and renewed every three years, by authorities whose certificates last four; the versions in order."""
    folder = tmp_path_factory.mktemp("years")
    seal = house.issue("Cachet", years(2012), years(2015))
    authorities = [house.time(years(2012 + 3 * n), years(2016 + 3 * n)) for n in range(5)]
    versions = [folder / "v1.pdf"]
    seal_file(compose(folder, [png_leaf(folder, noisy())]), versions[0], house.sealer(seal, authorities[0], years(2012, 6)))
    for number, authority in enumerate(authorities[1:]):
        newer = folder / f"v{number + 2}.pdf"
        append_timestamp(versions[-1], newer, house.sealer(seal, authority, years(2015 + 3 * number, 10)))
        versions.append(newer)
    return versions


def holds(path: Path, house: House, moment: datetime) -> bool:
    return verify_file(path, house.trust, moment).valid


def test_d_a_file_whose_seal_certificate_has_ended_stays_valid_by_its_timestamps(house, over_years):
    assert holds(over_years[0], house, years(2015, 12))


def test_d_a_tsa_certificate_that_has_ended_but_was_valid_at_signing_stays_valid_with_the_data_of_the_renewal(house, over_years):
    first = verify_file(over_years[1], house.trust, years(2018, 6))
    assert first.valid and "2 horodatages" in next(check.detail for check in first.checks if check.name == "time")


def test_d_over_twelve_years_the_renewed_file_verifies_and_the_one_left_alone_does_not(house, over_years):
    assert [holds(path, house, years(2025, 6)) for path in over_years] == [False, False, False, False, True]
    told = next(check for check in verify_file(over_years[0], house.trust, years(2025, 6)).checks if check.name == "time")
    assert "ne tient plus le 2025-06-02" in told.detail and "n'a pas été renouvelé à temps" in told.detail


def test_d_each_renewal_begins_with_the_file_before_it(over_years):
    contents = [path.read_bytes() for path in over_years]
    assert all(after.startswith(before) and len(after) > len(before) for before, after in pairwise(contents))


def test_d_a_revocation_list_that_is_out_of_date_since_spoils_no_file(house, over_years):
    """Lists last a year here; offline nobody has a newer one."""
    assert holds(over_years[1], house, years(2017))


def test_d_a_file_is_not_verified_before_it_was_made(house, over_years):
    assert not holds(over_years[0], house, years(2012, 3))


# --- authorities that are down ---


def test_d_when_the_authority_is_down_the_document_waits_and_is_sealed_by_itself_later(house, tmp_path, practice_keys):
    now = datetime.now(UTC)
    up, authority = [], TimeAuthority(house.time(now - timedelta(days=1), now + timedelta(days=900), "Tiers"), lambda: datetime.now(UTC))
    with ExitStack() as stack:
        served = stack.enter_context(serving(lambda request: authority.answer(request).dump() if up else None))
        source = TimeSource(name="tiers", url=served.url, policy=EXAMPLE_POLICY, roots="tiers.pem")
        settings = {"time": Time(authority=(source,), rest_minutes=0), "trust": Trust(revocation=["tiers.crl"])}
        station = atwork.open_home(tmp_path / "home", practice_keys, **settings)
        (station.home / "tiers.pem").write_bytes(pem.armor("CERTIFICATE", house.trust[0].dump()))
        (station.home / "tiers.crl").write_bytes(house.crl(now))
        scan = papers.write_png(tmp_path / "scan.png", papers.draw_page(["Facture"], size=(500, 300)))
        work, document_id = stack.enter_context(atwork.pipeline_of(station)), atwork.take_in(station, scan)
        waits = work(document_id)
        assert (waits.state, waits.problem, waits.try_at is not None, waits.archives) == (State.RECEIVED, "timestamp-unavailable", True, [])
        with station.database.reading() as session:
            waiting = waiting_for_time(session)
        assert (waiting.count, waiting.since, waiting.problems) == (1, waits.received_at, {"timestamp-unavailable": 1})
        up.append(True)
        assert work(document_id).state == State.SEALED
    with station.database.reading() as session:
        assert waiting_for_time(session).count == 0
        (sealed,) = session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == "sealed"))
        assert b'"authority":"Tiers"' in sealed.body and b'"own_time":false' in sealed.body


def test_d_the_internal_authority_stands_in_only_where_the_settings_say_so(tmp_path, practice_keys):
    source = TimeSource(name="tiers", url="http://127.0.0.1:9/")
    for fallback, internal in ((False, 0), (True, 1)):
        home = atwork.open_home(tmp_path / f"home{internal}", practice_keys).settings
        settings = home.model_copy(update={"time": Time(authority=(source,), internal_fallback=fallback)})
        assert sum(isinstance(each, TimeAuthority) for each in stamper_of(settings, lambda: NOON).stampers) == internal


# --- clocks that go back ---


def test_d_a_clock_that_was_stepped_back_gets_no_token(identity):
    moments = iter([NOON, NOON - timedelta(seconds=1), NOON])
    authority = TimeAuthority(identity, lambda: next(moments))
    assert [given_by(authority) for _ in range(3)] == [NOON, None, NOON]


def test_d_a_clock_that_was_stepped_back_over_a_restart_gets_no_token(identity, tmp_path):
    latest = LatestInFile(tmp_path / "latest")
    assert given_by(TimeAuthority(identity, lambda: NOON, latest=latest)) == NOON
    assert given_by(TimeAuthority(identity, lambda: NOON - timedelta(hours=1), latest=LatestInFile(latest.path))) is None
    assert latest.read() == NOON


def test_d_another_process_remembers_the_newest_time_too(tmp_path):
    told = (
        "import sys; from datetime import *; from pathlib import Path; from sealing.authority import LatestInFile; "
        "print(LatestInFile(Path(sys.argv[1])).rise(lambda: datetime(2026, 11, 2, 13, tzinfo=UTC)))"
    )
    subprocess.run([sys.executable, "-c", told, tmp_path / "latest"], check=True, cwd=HOUSE, capture_output=True)
    assert LatestInFile(tmp_path / "latest").rise(lambda: NOON) is None


def test_d_a_torn_memory_of_the_newest_time_is_begun_anew(tmp_path):
    (tmp_path / "latest").write_bytes(b"\x00\x00\xff")
    assert LatestInFile(tmp_path / "latest").rise(lambda: NOON) == NOON


# --- calendars ---


def tokens_at(identity: Identity, *moments: datetime) -> list[datetime | None]:
    clock = iter(moments)
    authority = TimeAuthority(identity, lambda: next(clock))
    return [given_by(authority) for _ in moments]


def test_d_in_the_spring_night_of_29_march_2026_time_rises(identity):
    before, after = datetime(2026, 3, 29, 1, 59, 59, tzinfo=PARIS), datetime(2026, 3, 29, 3, 0, 0, tzinfo=PARIS)
    assert tokens_at(identity, before, after) == [datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)]


def test_d_in_the_autumn_night_of_25_october_2026_the_hour_that_comes_twice_is_told_apart(identity):
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=fold) for fold in (0, 1))
    assert tokens_at(identity, first, second) == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
    assert tokens_at(identity, second, first)[1] is None


def test_d_on_29_february_time_is_given(identity):
    assert tokens_at(identity, datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)) == [datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)]


def test_d_at_the_end_of_the_year_the_token_says_utc_and_the_screens_say_paris(identity):
    moment = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert tokens_at(identity, moment)[0].year == 2026
    assert "01/01/2027" in words_in("fr").moment(moment)
    assert moment.astimezone(PARIS).date() == date(2027, 1, 1)


def test_d_a_clock_with_a_negative_offset_gives_the_same_instant(identity):
    assert tokens_at(identity, NOON.astimezone(ZoneInfo("America/Cayenne"))) == [NOON]


def test_d_a_second_that_comes_twice_gives_two_tokens_and_one_that_is_named_60_is_not_used(identity, house):
    leap = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert tokens_at(identity, leap, leap) == [leap, leap]
    authority = TimeAuthority(house.time(years(2010), years(2030)), lambda: NOON)

    def answer(request: tsp.TimeStampReq) -> bytes:
        return authority.answer(request).dump().replace(b"20261102120000Z", b"20261231235960Z")

    with serving(answer) as served, pytest.raises(TimestampRequestError, match="not an RFC 3161 answer"):
        asyncio.run(RemoteAuthority("tiers", served.url, Demand(house.trust), lambda: NOON).async_timestamp(bytes(32), "sha256"))


def test_d_an_entry_of_the_ledger_says_utc_whatever_the_zone_of_its_clock():
    second = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1)
    event = Event("essai", "judged", {}, Actor("p1", ActorKind.SYSTEM), second, "system", {})
    assert b'"at":"2026-10-25T01:30:00.000Z"' in entry_bytes(event, 0, bytes(16))


def test_d_practice_keys_renew_the_same_way(tmp_path):
    keys = practice_keys()
    seal_file(compose(tmp_path, [png_leaf(tmp_path, noisy())]), tmp_path / "v1.pdf", practice_sealer(keys, lambda: NOON))
    later = NOON + timedelta(days=400)
    append_timestamp(tmp_path / "v1.pdf", tmp_path / "v2.pdf", practice_sealer(keys, lambda: later))
    assert verify_file(tmp_path / "v2.pdf", keys.trust, later).valid


def test_d_settings_take_several_authorities_of_different_names_only(tmp_path):
    one = {"name": "a", "url": "https://tsa.example/"}
    assert [each.name for each in Settings(home=tmp_path, time={"authority": [one, one | {"name": "b"}]}).time.authorities] == ["a", "b"]
    with pytest.raises(ValueError, match="two time authorities"):
        Settings(home=tmp_path, time={"authority": [one, one]})
